// SPDX-License-Identifier: GPL-2.0
/*
 * A format and a backend that other modules bring (samples/plugins): loaded
 * while this runs. What holds for all spaces holds for those of the format, so
 * all tests of axas_space_test.c are here again.
 */
#define AX_MODULE_VARIANTS
#include "axas_fixture.h"

#define PATTERN	AXAS_BACKEND_MODULE

static int unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

static int load(const char *path)
{
	int ret, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return ret;
}

static int map_pattern(int fd, __u64 gpa, __u64 length, __u32 prot)
{
	struct axas_map m = {
		.size = sizeof(m), .gpa = gpa, .length = length,
		.backend = PATTERN, .prot = prot,
	};

	return ax_ioctl(fd, AXAS_MAP, &m);
}

/* AXAS_INFO says what the privileged specification does. */
TEST_F(device, gstage_info)
{
	struct axas_info info;

	ASSERT_EQ(0, ax_info(self->dev, AXAS_FORMAT_MODULE, &info));
	EXPECT_EQ(0x10007, info.formats);
	EXPECT_EQ(1ULL << 41 | 1ULL << 50 | 1ULL << 59, info.gpa_bits);
	EXPECT_EQ(AX_PAGE | AX_2M | AX_1G, info.leaf_sizes);
	EXPECT_EQ(50, info.default_gpa_bits);
	EXPECT_EQ(-EINVAL, ax_info(self->dev, AXAS_FORMAT_MODULE + 1, &info));
}

/* The root is one of four pages: there are four times as many entries. */
TEST_F(space, gstage_levels)
{
	EXPECT_EQ((variant->bits - 14) / 9, self->empty.levels);
	EXPECT_EQ(4, self->empty.tables[self->empty.levels - 1]);
	ASSERT_EQ(0, ax_map(self->fd, self->end - AX_PAGE, AX_PAGE));
	ASSERT_EQ(0, ax_map(self->fd, 0, AX_PAGE));
	EXPECT_EQ(0, ax_put64(self->fd, self->end - 8, 1));
	EXPECT_EQ(0, ax_put64(self->fd, 0, 2));
	EXPECT_EQ(1, ax_get64(self->fd, self->end - 8));
	EXPECT_EQ(2, ax_get64(self->fd, 0));
}

TEST_F(space, pattern_says_where_it_is)
{
	__u64 base = self->end - AX_1G;
	struct axas_stats st;

	ASSERT_EQ(0, map_pattern(self->fd, base, AX_2M, AX_RW));
	EXPECT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(0, st.resident);
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, base + 0x1234, AX_R));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, base + 0x1000, AX_W));
	EXPECT_EQ(base + 0x1ff8, ax_get64(self->fd, base + 0x1ff8));
	EXPECT_EQ(base + 0x5000, ax_get64(self->fd, base + 0x5000));
	EXPECT_EQ(0, ax_put64(self->fd, base + 0x5000, 7));
	EXPECT_EQ(7, ax_get64(self->fd, base + 0x5000));
	EXPECT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(2 * AX_PAGE, st.resident);
	/* What was unmapped and comes back says it again. */
	EXPECT_EQ(0, ax_unmap(self->fd, base, AX_2M));
	ASSERT_EQ(0, map_pattern(self->fd, base, AX_2M, AX_RW));
	EXPECT_EQ(base + 0x5000, ax_get64(self->fd, base + 0x5000));
}

/* Beside alloc's 2 MiB frames in one array of faults. */
TEST_F(space, pattern_beside_large_frames)
{
	struct axas_fault_entry e[64];
	unsigned int i;

	ASSERT_EQ(0, ax_map_alloc(self->fd, 0, 64 * AX_2M, AX_RW, 0, AX_2M));
	ASSERT_EQ(0, map_pattern(self->fd, 64 * AX_2M, 64 * AX_2M, AX_RW));
	for (i = 0; i < 64; i++)
		e[i] = (struct axas_fault_entry){
			.gpa = (i * 2 + i % 2 * 63) * AX_2M % (128 * AX_2M),
			.access = AX_W,
		};
	ASSERT_EQ(0, ax_fault_many(self->fd, e, 64, NULL));
	for (i = 0; i < 64; i++) {
		EXPECT_EQ(AXAS_FAULT_RESOLVED, e[i].result);
		EXPECT_EQ(e[i].gpa < 64 * AX_2M ? 0 : e[i].gpa,
			  ax_get64(self->fd, e[i].gpa));
	}
}

TEST_F(device, modules_stay_while_used)
{
	int fd = ax_create(self->dev, AXAS_FORMAT_MODULE, 0);
	struct axas_info info;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EWOULDBLOCK, unload("axas_gstage"));
	ASSERT_EQ(0, map_pattern(fd, 0, AX_2M, AX_RW));
	EXPECT_EQ(-EWOULDBLOCK, unload("axas_pattern"));
	EXPECT_EQ(0, ax_put64(fd, 0, 1));
	EXPECT_EQ(0, ax_unmap(fd, 0, AX_1G));
	EXPECT_EQ(0, unload("axas_pattern"));
	EXPECT_EQ(-EINVAL, map_pattern(fd, 0, AX_2M, AX_RW));
	EXPECT_EQ(0, load("/plugins/axas_pattern.ko"));
	EXPECT_EQ(0, map_pattern(fd, 0, AX_2M, AX_RW));

	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, unload("axas_pattern"));
	EXPECT_EQ(0, unload("axas_gstage"));
	EXPECT_EQ(-EINVAL, ax_info(self->dev, AXAS_FORMAT_MODULE, &info));
	EXPECT_EQ(-EINVAL, ax_create(self->dev, AXAS_FORMAT_MODULE, 0));
	EXPECT_EQ(0, load("/plugins/axas_gstage.ko"));
	EXPECT_EQ(0, load("/plugins/axas_pattern.ko"));
}

/* The rest, and main(). */
#include "axas_space_test.c"
