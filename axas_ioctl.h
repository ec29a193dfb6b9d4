/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_IOCTL_H
#define _AXAS_IOCTL_H

#include <linux/rwsem.h>

#include <axas/space.h>

union axas_args {
	struct axas_info info;
	struct axas_create create;
	struct axas_map map;
	struct axas_unmap unmap;
	struct axas_protect protect;
	struct axas_clear clear;
	struct axas_fault fault;
	struct axas_translate translate;
	struct axas_stats stats;
	struct axas_probe probe;
	struct axas_root root;
	struct axas_areas areas;
	struct axas_device device;
	struct axas_discard discard;
	struct axas_populate populate;
	struct axas_next next;
	struct axas_resize resize;
	struct axas_move move;
	struct axas_ram_file ram_file;
	struct axas_collapse collapse;
	struct axas_track track;
	struct axas_dirty dirty;
};

/* What an ioctl gives back; if the last, nothing is done unless there is a place for it. */
enum axas_writes {
	AXAS_WRITES_NOTHING,
	AXAS_WRITES,
	AXAS_WRITES_FIRST,
};

/**
 * struct axas_ioctl - an entry of an ioctl table
 * @size: size of the structure today
 * @min_size: size of its first published version, up to its last member
 * @flags: flags that it knows
 * @writes: does the structure go back to the caller?
 * @run: do it; may return a descriptor
 */
struct axas_ioctl {
	u32 size;
	u32 min_size;
	u32 flags;
	enum axas_writes writes;
	int (*run)(struct axas_space *space, union axas_args *args);
};

#define AXAS_IOCTL(cmd, type, last, fn, wr, fl)				\
	[_IOC_NR(cmd)] = {						\
		.size = sizeof(type),					\
		.min_size = offsetofend(type, last),			\
		.flags = (fl),						\
		.run = (fn),						\
		.writes = (wr),						\
	}

/**
 * struct axas_call - a call of an ioctl
 * @ioctl: which
 * @args: its structure
 * @user: the caller's
 * @size: that one's size
 */
struct axas_call {
	const struct axas_ioctl *ioctl;
	union axas_args args;
	void __user *user;
	u32 size;
};

extern struct rw_semaphore axas_linear_lock;

int axas_ioctl_begin(struct axas_call *call, const struct axas_ioctl *table,
		     unsigned int n, unsigned int cmd, unsigned long arg);
long axas_ioctl_end(struct axas_call *call, long ret);
long axas_ioctl_run(struct axas_space *space, const struct axas_ioctl *table,
		    unsigned int n, unsigned int cmd, unsigned long arg);
long axas_ioctl_space(struct axas_space *space, unsigned int cmd,
		      unsigned long arg);

#endif /* _AXAS_IOCTL_H */
