// SPDX-License-Identifier: GPL-2.0
/*
 * Linear areas under kernel lockdown. This can't be taken back before the next
 * boot, so that it runs after all other tests.
 */
#define AX_FEW_VARIANTS
#define AX_TWO_FORMATS
#include <sys/mount.h>
#include "axas_fixture.h"

#define LOCKDOWN "/sys/kernel/security/lockdown"

static bool read_lockdown(char *buf, size_t size)
{
	int fd = open(LOCKDOWN, O_RDONLY);
	ssize_t n;

	if (fd < 0) {
		mount("securityfs", "/sys/kernel/security", "securityfs", 0, NULL);
		fd = open(LOCKDOWN, O_RDONLY);
	}
	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return false;
	buf[n] = 0;
	return true;
}

TEST_F(space, linear_is_refused_when_locked_down)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits), probe[] = { 0, 0x10000 };
	struct ax_snapshot before, after;
	char state[128];
	int fd;

	if (!read_lockdown(state, sizeof(state)))
		SKIP(return, "no " LOCKDOWN);
	if (!hpa)
		SKIP(return, "no unused host physical addresses in /proc/iomem");
	if (strstr(state, "[none]")) {
		EXPECT_EQ(0, ax_map_linear(self->fd, 0, 0x1000, hpa, AX_RW, 0));
		fd = open(LOCKDOWN, O_WRONLY);
		ASSERT_LE(0, fd);
		ASSERT_EQ(9, write(fd, "integrity", 9));
		close(fd);
	}
	ASSERT_EQ(0, ax_snap(self->fd, probe, 2, &before));
	EXPECT_EQ(-EPERM, ax_map_linear(self->fd, 0x10000, 0x1000, hpa, AX_RW, 0));
	EXPECT_EQ(-EPERM, ax_map_linear(self->fd, 0x10000, 0x1000, 0x100000, AX_R, 0));
	ASSERT_EQ(0, ax_snap(self->fd, probe, 2, &after));
	EXPECT_TRUE(ax_snap_same(&before, &after, true, "locked down"));
	/* The rest goes on. */
	EXPECT_EQ(0, ax_populate(self->fd, 0x10000, 0x4000));
	EXPECT_EQ(0, ax_put64(self->fd, 0x10000, 1));
}

TEST_HARNESS_MAIN
