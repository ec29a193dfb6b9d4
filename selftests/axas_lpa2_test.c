// SPDX-License-Identifier: GPL-2.0
/*
 * Stage 2 with AXAS_FEAT_LPA2: 52 bits of address, in and out; values worked out from
 * the manual.
 */
#include "axas_fixture.h"

#define LPA2	AXAS_FEAT_LPA2
#define TOP	(1ULL << 52)
/* Bits 51 and 49 of an HPA, where no machine of ours has anything. */
#define FAR_HPA	(1ULL << 51 | 1ULL << 49)

FIXTURE(lpa2) {
	int dev;
	int fd;
	struct axas_info info;
};

FIXTURE_SETUP(lpa2)
{
	self->fd = -1;
	self->dev = ax_open_dev();
	if (self->dev < 0)
		SKIP(return, "/dev/axas can't be opened");
	ASSERT_EQ(0, ax_info(self->dev, AXAS_FORMAT_S2, &self->info));
	self->fd = ax_create_with(self->dev, AXAS_FORMAT_S2, 52, LPA2);
	if (!(self->info.features & LPA2)) {
		ASSERT_EQ(-EOPNOTSUPP, self->fd);
		SKIP(return, "this CPU has no LPA2");
	}
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(lpa2)
{
	close(self->fd);
	close(self->dev);
}

/* AXAS_INFO speaks of spaces without it, as it did before there was one. */
TEST_F(lpa2, widths)
{
	struct axas_stats st;
	unsigned int bits;
	int fd;

	EXPECT_EQ((1ULL << 49) - (1ULL << 32), self->info.gpa_bits);
	EXPECT_EQ(48, self->info.hpa_bits);
	for (bits = 1; bits < 64; bits++) {
		bool has = bits >= 32 && bits <= 52;

		fd = ax_create_with(self->dev, AXAS_FORMAT_S2, bits, LPA2);
		if (!has) {
			EXPECT_EQ(-EOPNOTSUPP, fd);
			continue;
		}
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, ax_stats(fd, &st));
		EXPECT_EQ(LPA2, st.features);
		EXPECT_EQ(1ULL << bits, st.length);
		/* D8.2.3: two from 32 bits on, three from 35, four from 44; five from 49. */
		EXPECT_EQ(bits < 35 ? 2 : bits < 44 ? 3 : bits < 49 ? 4 : 5, st.levels);
		close(fd);
		fd = ax_create(self->dev, AXAS_FORMAT_S2, bits);
		if (bits > 48)
			EXPECT_EQ(-EOPNOTSUPP, fd);
		close(fd);
	}
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	fd = ax_create_with(self->dev, AXAS_FORMAT_S2, 0, LPA2);
	ASSERT_EQ(0, ax_stats(fd, &st));
	EXPECT_EQ(40, st.gpa_bits);
	close(fd);
}

TEST_F(lpa2, not_on_x86)
{
	EXPECT_EQ(-EOPNOTSUPP, ax_create_with(self->dev, AXAS_FORMAT_EPT, 48, LPA2));
	EXPECT_EQ(-EOPNOTSUPP, ax_create_with(self->dev, AXAS_FORMAT_AMD, 48, LPA2));
}

/*
 * Arm ARM D24.2, VTCR_EL2: T0SZ = 12; IRGN0, ORGN0 and SH0 in 13:8; PS = 6 in 18:16; 1 in
 * bit 31, DS in 32, SL2 in 33 for level -1. For 48 bits T0SZ = 16, and SL0 = 2 in 7:6.
 */
TEST_F(lpa2, root_and_control)
{
	struct axas_root r = { .size = sizeof(r) };
	int fd = ax_create_with(self->dev, AXAS_FORMAT_S2, 48, LPA2);

	ASSERT_EQ(0, ax_ioctl(self->fd, AXAS_ROOT, &r));
	EXPECT_EQ(AXAS_FORMAT_S2, r.format);
	EXPECT_EQ(5, r.levels);
	EXPECT_EQ(0x38006350cULL, r.vtcr);
	/* D24.2, VTTBR_EL2: bits 51:48 of the root in 5:2. */
	EXPECT_EQ((r.root & 0xffffffffffffULL) | r.root >> 48 << 2, r.control);
	ASSERT_EQ(0, ax_ioctl(fd, AXAS_ROOT, &r));
	EXPECT_EQ(0x180063590ULL, r.vtcr);
	close(fd);
}

TEST_F(lpa2, linear_memory)
{
	const __u64 gpas[] = { 0, 1ULL << 48, 5ULL << 49, TOP - AX_1G };
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	struct axas_translate_entry e;
	unsigned int i;

	if (!hpa)
		SKIP(return, "no unused host physical addresses in /proc/iomem");
	for (i = 0; i < ARRAY_SIZE(gpas); i++) {
		ASSERT_EQ(0, ax_map_linear(self->fd, gpas[i], AX_1G, hpa, AX_RW, 0));
		EXPECT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, gpas[i] + 0x123456, &e));
		EXPECT_EQ(hpa + 0x123456, e.hpa);
		EXPECT_EQ(AX_1G, e.leaf_size);
		/* Cut, and what is left is in smaller leaves. */
		EXPECT_EQ(0, ax_unmap(self->fd, gpas[i] + AX_2M, 0x1000));
		EXPECT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, gpas[i] + AX_2M + 0x1008, &e));
		EXPECT_EQ(hpa + AX_2M + 0x1008, e.hpa);
		EXPECT_EQ(0x1000, e.leaf_size);
	}
	EXPECT_EQ(-ERANGE, ax_map_linear(self->fd, TOP, 0x1000, hpa, AX_RW, 0));
}

TEST_F(lpa2, linear_memory_far_away)
{
	int narrow = ax_create(self->dev, AXAS_FORMAT_S2, 48), ret;
	struct axas_translate_entry e;

	EXPECT_EQ(-ERANGE, ax_map_linear(self->fd, AX_1G, 0x1000, TOP, AX_RW, 0));
	EXPECT_EQ(-ERANGE, ax_map_linear(self->fd, AX_1G, 0x2000, TOP - 0x1000, AX_RW, 0));
	/* Where the kernel's own tables have no room for it either it isn't to be had. */
	ret = ax_map_linear(self->fd, AX_1G, AX_1G, FAR_HPA, AX_RW, 0);
	if (ret != -ERANGE) {
		EXPECT_EQ(0, ret);
		EXPECT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, AX_1G + 0x123456, &e));
		EXPECT_EQ(FAR_HPA + 0x123456, e.hpa);
	}
	/* A space without it has no room for such an address. */
	EXPECT_EQ(-ERANGE, ax_map_linear(narrow, 0, 0x1000, FAR_HPA, AX_RW, 0));
	EXPECT_EQ(-ERANGE, ax_map_linear(narrow, 0, 0x1000, 1ULL << 48, AX_RW, 0));
	close(narrow);
}

TEST_F(lpa2, faults_at_the_top)
{
	struct axas_stats st;
	unsigned int level;

	ASSERT_EQ(0, ax_map_alloc(self->fd, TOP - AX_2M, AX_2M, AX_RW, 0, 0));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, TOP - 8, AX_W));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, TOP - AX_2M, AX_R));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(2, st.leaves[0]);
	for (level = 0; level < 5; level++)
		EXPECT_EQ(1, st.tables[level]);
	EXPECT_EQ(0, ax_clear(self->fd));
}

TEST_HARNESS_MAIN
