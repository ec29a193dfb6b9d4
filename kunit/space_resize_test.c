// SPDX-License-Identifier: GPL-2.0
/*
 * The end of an area moves.
 */
#include "cases.h"
#include "context.h"
#include "snapshot.h"

static void resize(struct kunit *test, struct axas_space *space, u64 gpa,
		   u64 size)
{
	KUNIT_EXPECT_EQ(test, axas_resize_area(space, gpa, size), 0);
	axas_check_space(test, space);
}

static void expect_fault(struct kunit *test, struct axas_space *space, u64 gpa,
			 int result)
{
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa, PROT_W), result);
}

/* What comes is lazy, what stays is as it was, what goes is free. */
void resize_up_and_down(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	u64 *word;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_64K, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	word = axas_virt_at(test, space, SZ_1G + SZ_4K);
	*word = 0x1234;
	expect_fault(test, space, SZ_1G + SZ_64K, AXAS_FAULT_NO_AREA);
	resize(test, space, SZ_1G, SZ_4M);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 1ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, (u64)SZ_64K);
	expect_fault(test, space, SZ_1G + SZ_64K, AXAS_FAULT_RESOLVED);
	expect_fault(test, space, SZ_1G + SZ_4M - 1, AXAS_FAULT_RESOLVED);
	expect_fault(test, space, SZ_1G + SZ_4M, AXAS_FAULT_NO_AREA);

	resize(test, space, SZ_1G, 2 * SZ_4K);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, 2ULL * SZ_4K);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 1ULL);
	expect_fault(test, space, SZ_1G + 2 * SZ_4K, AXAS_FAULT_NO_AREA);
	KUNIT_EXPECT_PTR_EQ(test, axas_virt_at(test, space, SZ_1G + SZ_4K),
			    (void *)word);
	KUNIT_EXPECT_EQ(test, *word, 0x1234ULL);
	/* What comes again is new. */
	resize(test, space, SZ_1G, SZ_64K);
	expect_fault(test, space, SZ_1G + 2 * SZ_4K, AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_NULL(test, memchr_inv(axas_virt_at(test, space,
							SZ_1G + 2 * SZ_4K),
					   0, SZ_4K));
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1G, SZ_4M), 0);
	axas_expect_empty(test, space);
}

/* The end of a large leaf, and room for one. */
void resize_splits_large_leaves(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_2M + SZ_1M,
					     PROT_RW, 0, SZ_2M), 0);
	expect_fault(test, space, SZ_1G + SZ_2M, AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 0ULL);
	resize(test, space, SZ_1G, 3 * SZ_2M);
	expect_fault(test, space, SZ_1G + 2 * SZ_2M, AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 1ULL);
	resize(test, space, SZ_1G, 2 * SZ_2M + SZ_4K);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[0], 2ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 0ULL);

	KUNIT_ASSERT_EQ(test, axas_map_linear(space, 4ULL * SZ_1G, 2ULL * SZ_1G,
					      HPA_NOWHERE, PROT_RW), 0);
	resize(test, space, 4ULL * SZ_1G, SZ_1G + SZ_2M + SZ_4K);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[2], 1ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 1ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[0], 2ULL + 1);
}

/* A piece of an area is one, and the other pieces stay as they are. */
void resize_of_a_piece(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_map device = {
		.backend = AXAS_BACKEND_DEVICE, .gpa = SZ_2G, .length = SZ_1M,
		.prot = PROT_RW, .cookie = 7,
	};
	struct axas_fault_entry entry = {
		.gpa = SZ_2G + SZ_2M - 8, .access = PROT_W,
	};

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_8M, PROT_RW, 0,
					     0), 0);
	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, SZ_1G + SZ_1M, SZ_4M), 0);
	KUNIT_EXPECT_EQ(test, axas_resize_area(space, SZ_1G + SZ_1M + SZ_4M,
					       SZ_4M), 0);
	resize(test, space, SZ_1G, SZ_2M);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 2ULL);
	expect_fault(test, space, SZ_1G + SZ_2M - 1, AXAS_FAULT_RESOLVED);
	expect_fault(test, space, SZ_1G + SZ_2M, AXAS_FAULT_NO_AREA);
	expect_fault(test, space, SZ_1G + SZ_1M + SZ_8M - 1,
		     AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_resize_area(space, SZ_1G, SZ_8M), -EEXIST);
	resize(test, space, SZ_1G, SZ_1M + SZ_4M);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 2ULL);

	/* A device goes on where it was. */
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &device), 0);
	resize(test, space, SZ_2G, SZ_2M);
	axas_space_faults(space, &entry, 1);
	KUNIT_EXPECT_EQ(test, entry.result, (u16)AXAS_FAULT_DEVICE);
	KUNIT_EXPECT_EQ(test, entry.cookie, 7ULL);
	KUNIT_EXPECT_EQ(test, entry.offset, (u64)SZ_2M - 8);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, 0, 1ULL << 40), 0);
	axas_expect_empty(test, space);
}

static void expect_main_area(struct kunit *test, struct axas_space *space,
			     u64 start, u64 size)
{
	const struct axas_main_area *main = &space->main_area;

	KUNIT_ASSERT_NOT_NULL(test, main->area);
	KUNIT_EXPECT_EQ(test, main->start, start);
	KUNIT_EXPECT_EQ(test, main->last, start + size - 1);
}

/* The area that most faults are in grows with it, and doesn't outlive its end. */
void resize_of_the_main_area(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_2M, PROT_RW, 0,
					     0), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_2G, SZ_4M, PROT_RW, 0,
					     0), 0);
	expect_main_area(test, space, SZ_2G, SZ_4M);
	resize(test, space, SZ_1G, SZ_4M);
	expect_main_area(test, space, SZ_2G, SZ_4M);
	resize(test, space, SZ_1G, SZ_8M);
	expect_main_area(test, space, SZ_1G, SZ_8M);
	resize(test, space, SZ_1G, SZ_16M);
	expect_main_area(test, space, SZ_1G, SZ_16M);
	resize(test, space, SZ_1G, SZ_2M);
	KUNIT_EXPECT_NULL(test, space->main_area.area);
	expect_fault(test, space, SZ_1G + SZ_2M, AXAS_FAULT_NO_AREA);
	expect_fault(test, space, SZ_1G + SZ_2M - 1, AXAS_FAULT_RESOLVED);
}
