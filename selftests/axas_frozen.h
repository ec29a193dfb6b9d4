/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk for direct I/O that doesn't go on until it is let: its file system is frozen.
 */
#ifndef AXAS_FROZEN_H
#define AXAS_FROZEN_H

#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include "axas_loop.h"

struct ax_frozen {
	int disk, file, fs;
};

/* Return: why there is none, or NULL. */
static inline const char *ax_frozen_open(struct ax_frozen *f)
{
	struct stat mnt, root;
	const char *why = "";

	if (stat("/mnt", &mnt) || stat("/", &root) || mnt.st_dev == root.st_dev)
		return "no file system at /mnt";
	f->fs = open("/mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->file = open("/mnt", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	f->disk = ax_open_loop_over(f->file, &why);
	if (f->disk < 0)
		return why;
	return ioctl(f->fs, FIFREEZE, 0) ? "/mnt can't be frozen" : NULL;
}

static inline void ax_frozen_thaw(struct ax_frozen *f)
{
	ioctl(f->fs, FITHAW, 0);
}

static inline void ax_frozen_close(struct ax_frozen *f)
{
	close(f->disk);
	close(f->file);
	close(f->fs);
}

/* Does a thread wait for what no signal ends? */
static inline bool ax_sleeps_deeply(pid_t tid)
{
	char name[64], text[256] = "", *state;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/self/task/%d/stat", tid);
	f = fopen(name, "r");
	if (!f)
		return false;
	if (!fgets(text, sizeof(text), f))
		text[0] = 0;
	fclose(f);
	state = strrchr(text, ')');
	return state && state[1] && state[2] == 'D';
}

/* Wait until a thread does, which stores its number first. */
static inline bool ax_sleeps_at_last(const pid_t *tid)
{
	int i;

	for (i = 0; i < 1000; i++) {
		pid_t who = __atomic_load_n(tid, __ATOMIC_ACQUIRE);

		if (who && ax_sleeps_deeply(who))
			return true;
		ax_sleep_ms(5);
	}
	return false;
}

#endif /* AXAS_FROZEN_H */
