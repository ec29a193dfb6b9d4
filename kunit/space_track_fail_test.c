// SPDX-License-Identifier: GPL-2.0
/*
 * Trackers without memory: each allocation fails in turn, and no write is lost.
 */
#include <linux/bitmap.h>

#include "cases.h"
#include "fail.h"
#include "track.h"

/* ---- begin ---- */

/* It begins or it doesn't; what a space has then is as good as ever. */
static void fail_begin(struct kunit *test, const struct fail_mode *mode)
{
	const struct axas_track args = track_args(HERE, SZ_4M);
	struct axas_tracker *tracker;
	unsigned int n, failures = 0;
	struct axas_space *space;
	bool failed = true;

	for (n = 1; failed && n < FAIL_MAX; n++) {
		space = axas_test_space(test);
		map_small(test, space, 0, 64);
		mode->arm(n);
		tracker = axas_tracker_create(space, &args);
		failed = mode->disarm();
		if (IS_ERR(tracker)) {
			KUNIT_EXPECT_TRUE(test, failed);
			KUNIT_EXPECT_EQ(test, PTR_ERR(tracker), (long)-ENOMEM);
			failures++;
			KUNIT_EXPECT_TRUE(test, raw_writes(&space->npt, HERE));
			EXPECT_FAULT(test, space, 3, PROT_W,
				     AXAS_FAULT_SPURIOUS);
			tracker = track_begin(test, space, HERE, SZ_4M);
		}
		EXPECT_CLEAN(test, tracker);
		guest_writes(test, space, 5);
		KUNIT_EXPECT_EQ(test, owner_writes(space, page_at(7), 1), 0);
		EXPECT_DIRTY(test, tracker, RUN(5, 1), RUN(7, 1));
		axas_tracker_destroy(tracker);
		axas_check_space(test, space);
	}
	kunit_info(test, "%u tries, %u failures", n - 1, failures);
	/* What fills a cache in one try moves the n-th of the next: not all are seen. */
	KUNIT_EXPECT_GT(test, failures, 0U);
	/* But the last try had a tracker, its charge, and what a space has from its first. */
	KUNIT_EXPECT_GT(test, n, 4U);
}

void fail_nth_track(struct kunit *test)
{
	fail_nth_need(test);
	fail_begin(test, &fail_mode_nth);
}

/* ---- the first write ---- */

/* Tables for a leaf that is split. */
static void fail_open(struct kunit *test, const struct fail_mode *mode)
{
	struct axas_tracker *tracker;
	struct axas_space *space;
	bool failed = true;
	unsigned int n;
	int result;

	for (n = 1; failed && n < FAIL_MAX; n++) {
		space = axas_test_space(test);
		KUNIT_ASSERT_EQ(test, axas_map_linear(space, HERE, SZ_1G,
						      HPA_NOWHERE, PROT_RW), 0);
		tracker = track_begin(test, space, HERE, SZ_4M);
		mode->arm(n);
		result = axas_fault_at(space, page_at(5), PROT_W);
		failed = mode->disarm();
		if (failed) {
			KUNIT_EXPECT_EQ(test, result, (int)AXAS_FAULT_NO_MEMORY);
			KUNIT_EXPECT_FALSE(test, raw_writes(&space->npt,
							    page_at(5)));
			EXPECT_CLEAN(test, tracker);
			guest_writes(test, space, 5);
		}
		EXPECT_DIRTY(test, tracker, RUN(5, 1));
		axas_check_space(test, space);
		axas_tracker_destroy(tracker);
	}
	KUNIT_EXPECT_GT(test, n, 2U);
}

void fail_hal_track_open(struct kunit *test)
{
	fail_open(test, &fail_mode_hal);
}

/* ---- lists ---- */

#define LIST_PAGES	128

static void list_bits(struct kunit *test, struct axas_tracker *tracker,
		      unsigned long *bits)
{
	struct axas_next_entry runs[TRACK_RUNS];
	struct axas_dirty dirty = {
		.gpa = tracker->start, .length = track_size(tracker),
		.nr = TRACK_RUNS,
	};
	unsigned int i;

	bitmap_zero(bits, LIST_PAGES);
	KUNIT_ASSERT_EQ(test, axas_tracker_list(tracker, &dirty, runs), 0);
	KUNIT_EXPECT_EQ(test, dirty.length, 0ULL);
	for (i = 0; i < dirty.done; i++)
		bitmap_set(bits, (runs[i].gpa - HERE) / SZ_4K,
			   runs[i].length / SZ_4K);
}

/*
 * Two trackers; what was written for one of them is marked, some of it is open, and
 * what the list leaves for the other one needs memory.
 */
static void fail_list_once(struct kunit *test, const struct fail_mode *mode,
			   unsigned int n, bool *failed)
{
	DECLARE_BITMAP(written, LIST_PAGES) = {};
	DECLARE_BITMAP(more, LIST_PAGES) = {};
	DECLARE_BITMAP(bits, LIST_PAGES);
	struct axas_space *space = axas_test_space(test);
	struct axas_tracker *lists, *other;
	unsigned int page;

	map_small(test, space, 0, LIST_PAGES);
	lists = track_begin(test, space, HERE, LIST_PAGES * SZ_4K);
	other = track_begin(test, space, HERE, LIST_PAGES * SZ_4K);
	for (page = 0; page < 80; page += 4) {
		guest_writes(test, space, page);
		__set_bit(page, written);
	}
	list_bits(test, other, bits);
	KUNIT_EXPECT_TRUE(test, bitmap_equal(bits, written, LIST_PAGES));
	for (page = 2; page < 80; page += 4) {
		guest_writes(test, space, page);
		__set_bit(page, written);
		__set_bit(page, more);
	}
	mode->arm(n);
	list_bits(test, lists, bits);
	*failed = mode->disarm();
	KUNIT_EXPECT_TRUE_MSG(test, bitmap_equal(bits, written, LIST_PAGES),
			      "n %u", n);
	/* Nothing is new, but it may come again. */
	list_bits(test, lists, bits);
	KUNIT_EXPECT_TRUE_MSG(test, bitmap_subset(bits, written, LIST_PAGES),
			      "n %u", n);
	if (!*failed)
		KUNIT_EXPECT_TRUE(test, bitmap_empty(bits, LIST_PAGES));
	list_bits(test, other, bits);
	KUNIT_EXPECT_TRUE_MSG(test, bitmap_subset(more, bits, LIST_PAGES),
			      "n %u", n);
	if (!bitmap_full(bits, LIST_PAGES))
		KUNIT_EXPECT_TRUE_MSG(test, bitmap_equal(more, bits, LIST_PAGES),
				      "n %u", n);
	axas_tracker_destroy(lists);
	axas_tracker_destroy(other);
	axas_check_space(test, space);
}

static void fail_list(struct kunit *test, const struct fail_mode *mode)
{
	bool failed = true;
	unsigned int n;

	for (n = 1; failed && n < FAIL_MAX; n++)
		fail_list_once(test, mode, n, &failed);
	kunit_info(test, "%u tries", n - 1);
	KUNIT_EXPECT_GT(test, n, 2U);
}

void fail_hal_track_list(struct kunit *test)
{
	static const struct fail_mode onwards = {
		fail_hal_onwards, fail_hal_disarm,
	};

	fail_list(test, &fail_mode_hal);
	fail_list(test, &onwards);
}

void fail_nth_track_list(struct kunit *test)
{
	fail_nth_need(test);
	fail_list(test, &fail_mode_nth);
}

/* Where there is no memory to say what was written, all of it was. */
void fail_nth_track_mark(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	DECLARE_BITMAP(bits, LIST_PAGES) = {};
	struct axas_tracker *tracker;
	unsigned int page;

	fail_nth_need(test);
	tracker = track_begin(test, space, HERE, LIST_PAGES * SZ_4K);
	for (page = 0; page < LIST_PAGES; page += 2) {
		const struct axas_next_entry run = RUN(page, 1);

		/* Ranges are paid for some at a time, before anything else. */
		fail_mode_nth.arm(1);
		KUNIT_EXPECT_EQ(test, axas_tracker_put(tracker, &run, 1), 0);
		fail_mode_nth.disarm();
		if (tracker->marked == LIST_PAGES)
			break;
		KUNIT_ASSERT_EQ(test, tracker->marked, page / 2 + 1ULL);
	}
	kunit_info(test, "all of it after %u pages", page / 2 + 1);
	KUNIT_EXPECT_GT(test, page, 2U);
	KUNIT_EXPECT_LT(test, page, LIST_PAGES / 2U);
	list_bits(test, tracker, bits);
	KUNIT_EXPECT_TRUE(test, bitmap_full(bits, LIST_PAGES));
	EXPECT_CLEAN(test, tracker);
	/* It has room for that one range as often as it is needed. */
	KUNIT_EXPECT_EQ(test, tracker->marked, 0ULL);
	axas_tracker_destroy(tracker);
}
