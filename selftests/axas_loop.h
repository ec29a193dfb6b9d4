/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk for direct I/O.
 */
#ifndef AXAS_LOOP_H
#define AXAS_LOOP_H

#include <linux/loop.h>
#include "axas_util.h"

/* A block device over a file of 1 MiB: every file system has O_DIRECT on it. */
static inline int ax_open_loop_over(int file, const char **why)
{
	struct loop_config conf = { .block_size = 512 };
	char name[32];
	int ctl, nr, fd;

	if (file < 0 || ftruncate(file, 1 << 20)) {
		*why = "no file for it";
		return -1;
	}
	ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	nr = ctl < 0 ? -1 : ioctl(ctl, LOOP_CTL_GET_FREE);
	if (ctl >= 0)
		close(ctl);
	if (nr < 0) {
		*why = "no loop devices";
		return -1;
	}
	snprintf(name, sizeof(name), "/dev/loop%d", nr);
	fd = open(name, O_RDWR | O_CLOEXEC);
	conf.fd = file;
	conf.info.lo_flags = LO_FLAGS_AUTOCLEAR;
	if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &conf)) {
		*why = "a loop device can't be set up";
		return -1;
	}
	nr = open(name, O_RDWR | O_CLOEXEC | O_DIRECT);
	close(fd);
	*why = "no O_DIRECT on the loop device";
	return nr;
}

static inline int ax_open_loop(int *file, const char **why)
{
	*file = memfd_create("axas", MFD_CLOEXEC);
	return ax_open_loop_over(*file, why);
}

#endif /* AXAS_LOOP_H */
