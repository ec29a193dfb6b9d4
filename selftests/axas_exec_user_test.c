// SPDX-License-Identifier: GPL-2.0
/*
 * Fetches in user mode as a right of its own (AXAS_FEAT_EXEC_USER): EPT with mode-based
 * execute control, stage 2 with FEAT_XNX.
 */
#include "axas_fixture.h"

#define USER	AXAS_FEAT_EXEC_USER
#define GPA	AX_1G

FIXTURE(exec_user) {
	int dev;
	int fd;
	int plain;
	struct axas_info info;
};

FIXTURE_VARIANT(exec_user) {
	__u32 format;
};

FIXTURE_VARIANT_ADD(exec_user, ept) { .format = AXAS_FORMAT_EPT };
FIXTURE_VARIANT_ADD(exec_user, s2) { .format = AXAS_FORMAT_S2 };
FIXTURE_VARIANT_ADD(exec_user, amd) { .format = AXAS_FORMAT_AMD };

FIXTURE_SETUP(exec_user)
{
	self->fd = -1;
	self->dev = ax_open_dev();
	if (self->dev < 0)
		SKIP(return, "/dev/axas can't be opened");
	ASSERT_EQ(0, ax_info(self->dev, variant->format, &self->info));
	self->plain = ax_create(self->dev, variant->format, 48);
	ASSERT_LE(0, self->plain);
	self->fd = ax_create_with(self->dev, variant->format, 48, USER);
	ASSERT_EQ(self->info.features & USER ? 0 : -EOPNOTSUPP, self->fd < 0 ? self->fd : 0);
}

FIXTURE_TEARDOWN(exec_user)
{
	close(self->fd);
	close(self->plain);
	close(self->dev);
}

#define NEEDS_IT()							\
	do {								\
		if (!(self->info.features & USER))			\
			SKIP(return, "there is no such right");		\
	} while (0)

/* AMD's entries have no room for it. */
TEST_F(exec_user, not_on_amd)
{
	if (variant->format == AXAS_FORMAT_AMD)
		EXPECT_EQ(0, self->info.features & USER);
}

TEST_F(exec_user, without_the_feature)
{
	EXPECT_EQ(-EOPNOTSUPP, ax_map_alloc(self->plain, GPA, AX_PAGE, AX_RX | AX_U, 0, 0));
	ASSERT_EQ(0, ax_map_alloc(self->plain, GPA, AX_PAGE, AX_RX, 0, 0));
	EXPECT_EQ(-EOPNOTSUPP, ax_protect(self->plain, GPA, AX_PAGE, AX_R | AX_U));
	EXPECT_EQ(AXAS_FAULT_INVALID, ax_fault(self->plain, GPA, AX_U));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->plain, GPA, AX_X));
	EXPECT_EQ(AXAS_FAULT_INVALID, ax_fault(self->plain, GPA, AX_X | AX_U));
}

TEST_F(exec_user, modes_are_apart)
{
	static const __u32 prots[] = { AX_R, AX_RX, AX_R | AX_U, AX_RWX, AX_RW | AX_U, AX_RWX | AX_U };
	struct axas_translate_entry e;
	unsigned int i, access;
	struct axas_stats st;
	__u64 gpa;

	NEEDS_IT();
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(USER, st.features);
	for (i = 0; i < ARRAY_SIZE(prots); i++) {
		gpa = GPA + i * AX_PAGE;
		ASSERT_EQ(0, ax_map_alloc(self->fd, gpa, AX_PAGE, prots[i], AXAS_MAP_POPULATE, 0));
		for (access = 1; access < 16; access <<= 1)
			EXPECT_EQ(access & prots[i] ? AXAS_FAULT_SPURIOUS : AXAS_FAULT_DENIED,
				  ax_fault(self->fd, gpa, access));
		ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, gpa, &e));
		EXPECT_EQ(prots[i], e.prot);
	}
	EXPECT_EQ(-EINVAL, ax_map_alloc(self->fd, 2 * GPA, AX_PAGE, AX_R | 16, 0, 0));
	EXPECT_EQ(-EINVAL, ax_map_alloc(self->fd, 2 * GPA, AX_PAGE, AX_W | AX_U, 0, 0));
	EXPECT_EQ(-EOPNOTSUPP, ax_map_alloc(self->fd, 2 * GPA, AX_PAGE, AX_U, 0, 0));
}

/* From a guest's kernel to its user, with what is in the page. */
TEST_F(exec_user, protect)
{
	struct axas_translate_entry e;

	NEEDS_IT();
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, AX_2M, AX_RW, 0, 0));
	ASSERT_EQ(0, ax_put64(self->fd, GPA, 0x1234));
	ASSERT_EQ(0, ax_protect(self->fd, GPA, AX_PAGE, AX_RX));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, GPA, AX_X));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, GPA, AX_U));
	ASSERT_EQ(0, ax_protect(self->fd, GPA, AX_PAGE, AX_R | AX_U));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, GPA, AX_X));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, GPA, AX_U));
	ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, GPA, &e));
	EXPECT_EQ(AX_R | AX_U, e.prot);
	EXPECT_EQ(0x1234, ax_get64(self->fd, GPA));
}

/* A tracker takes the right to write away and gives it back, and no other. */
TEST_F(exec_user, tracked)
{
	struct axas_next_entry run[2];
	__u64 gpa = GPA, length = AX_2M;
	struct axas_translate_entry e;
	int tracker;

	NEEDS_IT();
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, AX_2M, AX_RW | AX_U, 0, 0));
	ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA, AX_W));
	tracker = ax_track(self->fd, GPA, AX_2M);
	ASSERT_LE(0, tracker);
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, GPA, AX_U));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, GPA, AX_X));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA, AX_W));
	ASSERT_EQ(1, ax_dirty(tracker, &gpa, &length, 0, run, 2));
	EXPECT_EQ(GPA, run[0].gpa);
	ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, GPA, &e));
	EXPECT_EQ(AX_U, e.prot & (AX_X | AX_U));
	close(tracker);
	ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, GPA, &e));
	EXPECT_EQ(AX_RW | AX_U, e.prot);
}

TEST_HARNESS_MAIN
