/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_SHOW_H
#define _AXAS_SHOW_H

#include <linux/sched.h>
#include <linux/seq_file.h>

#include <axas/space.h>
#include <axas/track.h>

/**
 * DOC: Looking inside
 *
 * What people and their programs see of a live space: lines in the fdinfo of
 * its descriptor, and a directory in debugfs. Nothing here takes the space's
 * lock.
 */

void axas_show_faults(struct seq_file *m, const struct axas_stats *stats);
void axas_show_tracker(struct seq_file *m, const struct axas_tracker_figures *info);
void axas_show_fdinfo(struct seq_file *m, struct axas_space *space);

/**
 * struct axas_debugfs - a space's directory in debugfs
 * @space: the space
 * @dir: the directory
 * @pid: process that made the space
 * @comm: its name then
 */
struct axas_debugfs {
	struct axas_space *space;
	struct dentry *dir;
	pid_t pid;
	char comm[TASK_COMM_LEN];
};

#ifdef CONFIG_DEBUG_FS
void axas_debugfs_init(void);
void axas_debugfs_exit(void);
void axas_debugfs_add(struct axas_debugfs *debugfs, struct axas_space *space);
void axas_debugfs_del(struct axas_debugfs *debugfs);
#else
static inline void axas_debugfs_init(void)
{
}

static inline void axas_debugfs_exit(void)
{
}

static inline void axas_debugfs_add(struct axas_debugfs *debugfs,
				    struct axas_space *space)
{
}

static inline void axas_debugfs_del(struct axas_debugfs *debugfs)
{
}
#endif

#endif /* _AXAS_SHOW_H */
