// SPDX-License-Identifier: GPL-2.0
/*
 * Trackers, and what changes under them: areas, their memory, and the size of leaves.
 */
#include "cases.h"
#include "collapse.h"
#include "track.h"

/* ---- large leaves ---- */

void track_splits_what_is_written(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_snapshot before;
	struct axas_tracker *tracker;

	map_large(test, space, 0, 1536);
	axas_snapshot_take(space, &before);
	tracker = track_begin(test, space, HERE, SZ_4M);
	EXPECT_FAULT(test, space, 7, PROT_R, AXAS_FAULT_SPURIOUS);
	expect_leaves(test, space, 0, 3);
	guest_writes(test, space, 7);
	expect_leaves(test, space, 512, 2);
	KUNIT_EXPECT_EQ(test, owner_writes(space, page_at(512 + 8), 1), 0);
	expect_leaves(test, space, 1024, 1);
	/* The third is nobody's business. */
	guest_writes(test, space, 1024 + 9);
	expect_leaves(test, space, 1024, 1);
	EXPECT_DIRTY(test, tracker, RUN(7, 1), RUN(520, 1));
	axas_tracker_destroy(tracker);
	axas_snapshot_expect(test, space, &before, "end", 0);
}

/* A border inside of a leaf: what is written on one side isn't the other one's. */
void track_edges_in_large_leaves(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_dirty dirty = {
		.gpa = page_at(512), .length = SZ_64K, .nr = 1,
	};
	struct axas_next_entry run;
	struct axas_tracker *tracker;

	map_large(test, space, 0, 1024);
	tracker = track_begin(test, space, page_at(256), SZ_2M);
	guest_writes(test, space, 300);
	expect_leaves(test, space, 512, 1);
	EXPECT_DIRTY(test, tracker, RUN(300, 1));
	guest_writes(test, space, 10);
	guest_writes(test, space, 255);
	EXPECT_CLEAN(test, tracker);
	guest_writes(test, space, 256);
	EXPECT_DIRTY(test, tracker, RUN(256, 1));
	/* Not worth a split, and so all of that leaf. */
	guest_writes(test, space, 800);
	expect_leaves(test, space, 512, 1);
	/* In two parts. */
	KUNIT_EXPECT_EQ(test, axas_tracker_list(tracker, &dirty, &run), 0);
	KUNIT_EXPECT_EQ(test, dirty.done, 1U);
	KUNIT_EXPECT_EQ(test, run.gpa, page_at(512));
	KUNIT_EXPECT_EQ(test, run.length, (u64)SZ_64K);
	EXPECT_DIRTY(test, tracker, RUN(528, 240));
	EXPECT_CLEAN(test, tracker);
	guest_writes(test, space, 767);
	guest_writes(test, space, 768);
	EXPECT_DIRTY(test, tracker, RUN(767, 1));
	axas_tracker_destroy(tracker);
	expect_leaves(test, space, 0, 2);
}

/* 2 MiB in the middle of a leaf of 1 GiB. */
void track_edges_in_linear_leaves(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_tracker *tracker;
	struct axas_stats stats;

	KUNIT_ASSERT_EQ(test, axas_map_linear(space, HERE, SZ_1G, HPA_NOWHERE,
					      PROT_RW), 0);
	tracker = track_begin(test, space, page_at(512 + 7), SZ_2M);
	guest_writes(test, space, 519);
	stats = axas_stats_of(space);
	KUNIT_EXPECT_EQ(test, stats.leaves[0], 512ULL);
	KUNIT_EXPECT_EQ(test, stats.leaves[1], 511ULL);
	guest_writes(test, space, 518);
	guest_writes(test, space, 5);
	EXPECT_DIRTY(test, tracker, RUN(519, 1));
	guest_writes(test, space, 1024 + 6);
	EXPECT_DIRTY(test, tracker, RUN(1030, 1));
	axas_check_space(test, space);
	axas_tracker_destroy(tracker);
	stats = axas_stats_of(space);
	KUNIT_EXPECT_EQ(test, stats.leaves[2], 1ULL);
	KUNIT_EXPECT_TRUE(test, raw_writes(&space->npt, page_at(99)));
	axas_check_space(test, space);
}

/* ---- areas ---- */

/* What was denied is denied, and is no write. */
void track_rights_are_those_of_areas(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_map device = map_args(AXAS_BACKEND_DEVICE, page_at(48),
					  SZ_64K, PROT_RW);
	struct axas_tracker *tracker;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_64K, PROT_R,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, page_at(16), SZ_64K, PROT_RX,
					     0, 0), 0);
	map_small(test, space, 32, 16);
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &device), 0);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, page_at(1024), SZ_2M,
					      HPA_NOWHERE, PROT_R), 0);
	tracker = track_begin(test, space, HERE, SZ_8M);
	EXPECT_FAULT(test, space, 0, PROT_W, AXAS_FAULT_DENIED);
	EXPECT_FAULT(test, space, 17, PROT_W, AXAS_FAULT_DENIED);
	EXPECT_FAULT(test, space, 17, PROT_X, AXAS_FAULT_RESOLVED);
	EXPECT_FAULT(test, space, 17, PROT_W, AXAS_FAULT_DENIED);
	EXPECT_FAULT(test, space, 33, PROT_X, AXAS_FAULT_DENIED);
	EXPECT_FAULT(test, space, 33, PROT_W | PROT_X, AXAS_FAULT_DENIED);
	EXPECT_FAULT(test, space, 50, PROT_W, AXAS_FAULT_DEVICE);
	EXPECT_FAULT(test, space, 64, PROT_W, AXAS_FAULT_NO_AREA);
	EXPECT_FAULT(test, space, 1025, PROT_W, AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, owner_writes(space, HERE, 1), -EACCES);
	KUNIT_EXPECT_EQ(test, owner_writes(space, page_at(50), 1), -EFAULT);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, page_at(33)).prot,
			(u32)PROT_R);
	EXPECT_CLEAN(test, tracker);
	EXPECT_FAULT(test, space, 33, PROT_RW, AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, page_at(33)).prot,
			(u32)PROT_RW);
	EXPECT_DIRTY(test, tracker, RUN(33, 1));
	axas_check_space(test, space);
	axas_tracker_destroy(tracker);
	EXPECT_FAULT(test, space, 0, PROT_W, AXAS_FAULT_DENIED);
	EXPECT_FAULT(test, space, 17, PROT_W, AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, page_at(33)).prot,
			(u32)PROT_RW);
	axas_check_space(test, space);
}

/* All of what a call changes, with memory or without; and then it is noticed. */
void track_lists_what_changes(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_tracker *tracker;
	u64 hpa;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_2M, PROT_RW, 0, 0),
			0);
	populate(test, space, HERE, 64 * SZ_4K);
	tracker = track_begin(test, space, HERE, SZ_8M);
	populate(test, space, page_at(64), SZ_64K);
	EXPECT_CLEAN(test, tracker);
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, page_at(2), SZ_8K, NULL),
			0);
	EXPECT_DIRTY(test, tracker, RUN(2, 2));
	guest_writes(test, space, 3);
	EXPECT_DIRTY(test, tracker, RUN(3, 1));
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, page_at(100), 10 * SZ_4K),
			0);
	EXPECT_DIRTY(test, tracker, RUN(100, 10));
	KUNIT_EXPECT_EQ(test, axas_map_alloc(space, page_at(105), SZ_8K, PROT_RW,
					     0, 0), 0);
	EXPECT_DIRTY(test, tracker, RUN(105, 2));
	guest_writes(test, space, 105);
	EXPECT_DIRTY(test, tracker, RUN(105, 1));
	KUNIT_EXPECT_EQ(test, axas_resize_area(space, page_at(105), 3 * SZ_4K),
			0);
	EXPECT_DIRTY(test, tracker, RUN(107, 1));
	guest_writes(test, space, 107);
	KUNIT_EXPECT_EQ(test, axas_resize_area(space, page_at(105), SZ_4K), 0);
	EXPECT_DIRTY(test, tracker, RUN(106, 2));
	KUNIT_EXPECT_EQ(test, axas_map_alloc(space, page_at(10), SZ_8K, PROT_RW,
					     AXAS_MAP_REPLACE | AXAS_MAP_POPULATE,
					     0), 0);
	EXPECT_DIRTY(test, tracker, RUN(10, 2));
	guest_writes(test, space, 11);
	EXPECT_DIRTY(test, tracker, RUN(11, 1));
	KUNIT_EXPECT_EQ(test, axas_map_linear(space, page_at(1024), SZ_4M,
					      HPA_NOWHERE, PROT_RW), 0);
	EXPECT_DIRTY(test, tracker, RUN(1024, 1024));
	guest_writes(test, space, 1600);
	EXPECT_DIRTY(test, tracker, RUN(1600, 1));
	hpa = axas_translate_at(space, page_at(20)).hpa;
	KUNIT_EXPECT_EQ(test, axas_space_poison(space, axas_gpa(page_at(20)),
						axas_hpa(hpa)), 0);
	EXPECT_DIRTY(test, tracker, RUN(20, 1));
	EXPECT_FAULT(test, space, 20, PROT_W, AXAS_FAULT_POISONED);
	EXPECT_CLEAN(test, tracker);
	axas_check_space(test, space);
	KUNIT_EXPECT_EQ(test, axas_space_clear(space), 0);
	EXPECT_DIRTY(test, tracker, RUN(0, 2048));
	EXPECT_CLEAN(test, tracker);
	axas_tracker_destroy(tracker);
	axas_expect_empty(test, space);
}

/* What was written is listed when rights have gone, and when they are back. */
void track_outlives_protect(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_tracker *tracker, *other;

	map_small(test, space, 0, 1024);
	tracker = track_begin(test, space, HERE, SZ_4M);
	other = track_begin(test, space, HERE, SZ_64K);
	guest_writes(test, space, 1);
	guest_writes(test, space, 30);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, HERE, SZ_64K, PROT_R), 0);
	EXPECT_FAULT(test, space, 1, PROT_W, AXAS_FAULT_DENIED);
	EXPECT_FAULT(test, space, 30, PROT_W, AXAS_FAULT_SPURIOUS);
	EXPECT_DIRTY(test, tracker, RUN(1, 1), RUN(30, 1));
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, HERE, SZ_64K, PROT_RWX),
			0);
	EXPECT_CLEAN(test, tracker);
	EXPECT_FAULT(test, space, 2, PROT_X, AXAS_FAULT_SPURIOUS);
	guest_writes(test, space, 2);
	EXPECT_DIRTY(test, tracker, RUN(2, 1));
	EXPECT_DIRTY(test, other, RUN(1, 2));
	axas_check_space(test, space);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, HERE, SZ_32K, PROT_R), 0);
	axas_tracker_destroy(tracker);
	axas_tracker_destroy(other);
	EXPECT_FAULT(test, space, 1, PROT_W, AXAS_FAULT_DENIED);
	EXPECT_FAULT(test, space, 9, PROT_W, AXAS_FAULT_SPURIOUS);
	axas_check_space(test, space);
}

/* A link was armed, and where it leads no area was left to be opened at the end. */
void track_ends_where_nothing_is(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_tracker *all, *some;
	unsigned int page;

	map_small(test, space, 0, 8);
	all = track_begin(test, space, HERE, SZ_2M);
	some = track_begin(test, space, HERE, 8 * SZ_4K);
	EXPECT_CLEAN(test, all);
	axas_tracker_destroy(all);
	map_small(test, space, 16, 8);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, HERE, 8 * SZ_4K), 0);
	axas_tracker_destroy(some);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, page_at(16), 8 * SZ_4K,
						 PROT_R), 0);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, page_at(16), 8 * SZ_4K,
						 PROT_RW), 0);
	axas_check_space(test, space);
	all = track_begin(test, space, HERE, SZ_2M);
	for (page = 16; page < 24; page++)
		KUNIT_EXPECT_FALSE(test, raw_writes(&space->npt, page_at(page)));
	guest_writes(test, space, 17);
	EXPECT_DIRTY(test, all, RUN(17, 1));
	axas_tracker_destroy(all);
	axas_check_space(test, space);
}

/* There and back leaves what was there, at the latest when nobody tracks it. */
void track_joins_what_protect_split(struct kunit *test)
{
	struct axas_space *space;
	unsigned int written;

	for (written = 0; written < 2; written++) {
		struct axas_tracker *tracker;

		space = axas_test_space(test);
		map_large(test, space, 0, 1024);
		tracker = track_begin(test, space, 0, 1ULL << 48);
		if (written)
			guest_writes(test, space, 600);
		KUNIT_EXPECT_EQ(test, axas_protect_range(space, page_at(5), SZ_4K,
							 PROT_R), 0);
		KUNIT_EXPECT_EQ(test, axas_protect_range(space, page_at(5), SZ_4K,
							 PROT_RW), 0);
		if (written)
			EXPECT_DIRTY(test, tracker, RUN(600, 1));
		else
			EXPECT_CLEAN(test, tracker);
		axas_tracker_destroy(tracker);
		expect_leaves(test, space, 0, 2);
		KUNIT_EXPECT_TRUE(test, raw_writes(&space->npt, page_at(5)));
	}
}

/* ---- memory that goes elsewhere ---- */

void track_lists_both_ends_of_a_move(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_tracker *tracker;

	map_small(test, space, 0, 512);
	tracker = track_begin(test, space, HERE, SZ_8M);
	guest_writes(test, space, 1);
	KUNIT_EXPECT_EQ(test, move(space, page_at(1), page_at(1000), SZ_8K), 0);
	EXPECT_DIRTY(test, tracker, RUN(1, 2), RUN(1000, 2));
	guest_writes(test, space, 1001);
	EXPECT_DIRTY(test, tracker, RUN(1001, 1));
	KUNIT_EXPECT_EQ(test, exchange(space, page_at(1000), page_at(30), SZ_4K),
			0);
	EXPECT_DIRTY(test, tracker, RUN(30, 1), RUN(1000, 1));
	guest_writes(test, space, 30);
	EXPECT_DIRTY(test, tracker, RUN(30, 1));
	axas_check_space(test, space);
	axas_tracker_destroy(tracker);
	KUNIT_EXPECT_TRUE(test, raw_writes(&space->npt, page_at(1000)));
	axas_check_space(test, space);
}

/* Whole tables, into the range and out of it: what they hold is armed there. */
void track_arms_what_is_moved_in(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_tracker *tracker;

	map_small(test, space, 0, 512);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, THERE, SZ_4M, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	tracker = track_begin(test, space, HERE, SZ_8M);
	KUNIT_EXPECT_EQ(test, move(space, THERE, page_at(1024), SZ_2M), 0);
	EXPECT_DIRTY(test, tracker, RUN(1024, 512));
	KUNIT_EXPECT_FALSE(test, raw_writes(&space->npt, page_at(1030)));
	guest_writes(test, space, 1030);
	EXPECT_DIRTY(test, tracker, RUN(1030, 1));
	KUNIT_EXPECT_EQ(test, exchange(space, THERE + SZ_2M, HERE, SZ_2M), 0);
	EXPECT_DIRTY(test, tracker, RUN(0, 512));
	KUNIT_EXPECT_FALSE(test, raw_writes(&space->npt, page_at(5)));
	guest_writes(test, space, 5);
	EXPECT_DIRTY(test, tracker, RUN(5, 1));
	/* What went out is written to as before, sooner or later. */
	KUNIT_EXPECT_GE(test, axas_fault_at(space, THERE + SZ_2M, PROT_W), 0);
	KUNIT_EXPECT_TRUE(test, raw_writes(&space->npt, THERE + SZ_2M));
	EXPECT_CLEAN(test, tracker);
	axas_check_space(test, space);
	axas_tracker_destroy(tracker);
}

/* ---- larger leaves ---- */

/* What was written is in a leaf that is listed as a whole, or else is none. */
void track_lists_what_is_collapsed(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_tracker *tracker;

	make_pages(test, space, HERE);
	make_pages(test, space, THERE);
	tracker = track_begin(test, space, HERE, THERE + SZ_2M - HERE);
	guest_writes(test, space, 3);
	expect_collapse(test, space, HERE, SZ_2M, true, SZ_2M, SZ_2M);
	EXPECT_DIRTY(test, tracker, RUN(0, 512));
	EXPECT_CLEAN(test, tracker);
	expect_pages(test, space, HERE);
	guest_writes(test, space, 9);
	expect_leaves(test, space, 512 + 66, 0);
	EXPECT_DIRTY(test, tracker, RUN(9, 1));
	/* Nobody has written there, and its frames are one. */
	expect_collapse(test, space, HERE, SZ_2M, false, SZ_2M, SZ_2M);
	EXPECT_CLEAN(test, tracker);
	axas_tracker_destroy(tracker);
	KUNIT_EXPECT_TRUE(test, raw_writes(&space->npt, page_at(500)));
	axas_check_space(test, space);
}

/* One that is open among those of one frame keeps them from being joined. */
void track_joins_nothing_that_is_open(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_tracker *tracker;

	map_large(test, space, 0, 512);
	tracker = track_begin(test, space, HERE, SZ_2M);
	guest_writes(test, space, 9);
	expect_collapse(test, space, HERE, SZ_2M, false, SZ_2M, 0);
	EXPECT_DIRTY(test, tracker, RUN(9, 1));
	expect_collapse(test, space, HERE, SZ_2M, false, SZ_2M, SZ_2M);
	EXPECT_CLEAN(test, tracker);
	guest_writes(test, space, 9);
	EXPECT_DIRTY(test, tracker, RUN(9, 1));
	axas_tracker_destroy(tracker);
	expect_leaves(test, space, 0, 1);
}
