// SPDX-License-Identifier: GPL-2.0
/*
 * Trackers: what was written, by whomever, is listed, once, and nothing else.
 */
#include "cases.h"
#include "track.h"
#include "track_plain.h"

/* ---- who writes ---- */

void track_lists_faults_that_write(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_fault_entry entries[] = {
		{ .gpa = page_at(7), .access = PROT_W },
		{ .gpa = page_at(9), .access = PROT_R },
		{ .gpa = page_at(8) + 5, .access = PROT_RW },
		{ .gpa = page_at(8), .access = PROT_W },
		{ .gpa = page_at(800), .access = PROT_R },
		{ .gpa = page_at(801), .access = PROT_W },
	};
	static const u32 results[] = {
		AXAS_FAULT_RESOLVED, AXAS_FAULT_SPURIOUS, AXAS_FAULT_RESOLVED,
		AXAS_FAULT_SPURIOUS, AXAS_FAULT_RESOLVED, AXAS_FAULT_RESOLVED,
	};
	struct axas_tracker *tracker;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_4M, PROT_RW, 0, 0),
			0);
	populate(test, space, HERE, SZ_64K);
	tracker = track_begin(test, space, HERE, SZ_4M);
	EXPECT_CLEAN(test, tracker);
	EXPECT_FAULT(test, space, 3, PROT_R, AXAS_FAULT_SPURIOUS);
	EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_RESOLVED);
	EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_SPURIOUS);
	EXPECT_FAULT(test, space, 600, PROT_R, AXAS_FAULT_RESOLVED);
	EXPECT_FAULT(test, space, 601, PROT_W, AXAS_FAULT_RESOLVED);
	axas_space_faults(space, entries, ARRAY_SIZE(entries));
	for (i = 0; i < ARRAY_SIZE(entries); i++)
		KUNIT_EXPECT_EQ_MSG(test, entries[i].result, results[i],
				    "fault %u", i);
	EXPECT_DIRTY(test, tracker, RUN(5, 1), RUN(7, 2), RUN(601, 1),
		     RUN(801, 1));
	/* Once, until it is written again. */
	EXPECT_CLEAN(test, tracker);
	EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_RESOLVED);
	EXPECT_FAULT(test, space, 600, PROT_W, AXAS_FAULT_RESOLVED);
	EXPECT_DIRTY(test, tracker, RUN(5, 1), RUN(600, 1));
	axas_check_space(test, space);
	axas_tracker_destroy(tracker);
	EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_SPURIOUS);
	EXPECT_FAULT(test, space, 801, PROT_W, AXAS_FAULT_SPURIOUS);
	axas_check_space(test, space);
}

#define RUN_PAGES	700

/* One array over two tables and three areas, with others in it. Return: the resolved. */
static u64 write_run(struct kunit *test, struct axas_space *space,
		     enum axas_fault_result want)
{
	struct axas_fault_entry *entries =
		kunit_kcalloc(test, RUN_PAGES, sizeof(*entries), GFP_KERNEL);
	struct axas_stats before, after;
	enum axas_fault_result result;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, entries);
	for (i = 0; i < RUN_PAGES; i++)
		entries[i] = (struct axas_fault_entry){
			.gpa = page_at(i) + i, .access = i % 7 ? PROT_W : PROT_RW,
			.width = i / 90 % 2 ? 4 : 0,
		};
	entries[33].access = PROT_R;
	entries[44].width = 3;
	entries[55].bus = AXAS_BUS_PORT;
	entries[66].access = PROT_W | PROT_X;
	axas_space_stats(space, &before);
	axas_space_faults(space, entries, RUN_PAGES);
	axas_space_stats(space, &after);
	for (i = 0; i < RUN_PAGES; i++) {
		result = i >= 600 && i < 620 ? AXAS_FAULT_DENIED : want;
		if (i == 33)
			result = AXAS_FAULT_SPURIOUS;
		else if (i == 44 || i == 55)
			result = AXAS_FAULT_INVALID;
		else if (i == 66)
			result = AXAS_FAULT_DENIED;
		KUNIT_EXPECT_EQ_MSG(test, entries[i].result, result, "fault %u", i);
	}
	return after.faults[AXAS_FAULT_RESOLVED] - before.faults[AXAS_FAULT_RESOLVED];
}

void track_opens_what_comes_in_runs(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_tracker *tracker;

	map_small(test, space, 0, RUN_PAGES);
	KUNIT_ASSERT_EQ(test, axas_space_protect(space, axas_gpa(page_at(600)),
						 20 * SZ_4K, PROT_R), 0);
	tracker = track_begin(test, space, HERE, SZ_4M);
	KUNIT_EXPECT_EQ(test, write_run(test, space, AXAS_FAULT_RESOLVED), 676ULL);
	EXPECT_LISTED(test, tracker, AXAS_DIRTY_PEEK, RUN(0, 33), RUN(34, 10),
		      RUN(45, 10), RUN(56, 10), RUN(67, 533), RUN(620, 80));
	KUNIT_EXPECT_EQ(test, write_run(test, space, AXAS_FAULT_SPURIOUS), 0ULL);
	EXPECT_DIRTY(test, tracker, RUN(0, 33), RUN(34, 10), RUN(45, 10),
		     RUN(56, 10), RUN(67, 533), RUN(620, 80));
	KUNIT_EXPECT_EQ(test, write_run(test, space, AXAS_FAULT_RESOLVED), 676ULL);
	axas_tracker_destroy(tracker);
	axas_check_space(test, space);
}

void track_lists_what_the_owner_writes(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_tracker *tracker;
	u64 word;

	map_small(test, space, 0, 64);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, page_at(64), SZ_4M, PROT_RW,
					     0, 0), 0);
	tracker = track_begin(test, space, HERE, SZ_4M);
	KUNIT_EXPECT_EQ(test, track_copy(space, page_at(3), &word, false), 0);
	KUNIT_EXPECT_EQ(test, track_copy(space, page_at(700), &word, false), 0);
	EXPECT_CLEAN(test, tracker);
	KUNIT_EXPECT_EQ(test, owner_writes(space, page_at(9) - 4, 0x1234), 0);
	KUNIT_EXPECT_EQ(test, owner_writes(space, page_at(700), 0x5678), 0);
	EXPECT_DIRTY(test, tracker, RUN(8, 2), RUN(700, 1));
	EXPECT_CLEAN(test, tracker);
	KUNIT_EXPECT_EQ(test, owner_writes(space, page_at(700), 0x9abc), 0);
	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, page_at(700)), 0x9abcULL);
	EXPECT_DIRTY(test, tracker, RUN(700, 1));
	axas_tracker_destroy(tracker);
	axas_check_space(test, space);
}

/* As a CPU's log has them: in any order, more than once, and of all of the space. */
void track_lists_what_others_report(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	u64 end = BIT_ULL(space->npt.gpa_bits);
	const u64 gpas[] = {
		page_at(40), page_at(3), page_at(4), page_at(5) + 0x7ff, page_at(5),
		page_at(2), page_at(900), page_at(100), page_at(101), 0, end - SZ_4K,
		page_at(40) + 1,
	};
	const u64 wide[] = { page_at(7), end };
	struct axas_tracker *all, *few, *used;

	KUNIT_EXPECT_EQ(test, axas_space_was_written(space, gpas, ARRAY_SIZE(gpas)), 0);
	all = track_begin(test, space, HERE, SZ_4M);
	few = track_begin(test, space, page_at(4), 100 * SZ_4K);
	KUNIT_EXPECT_EQ(test, axas_space_was_written(space, NULL, 0), 0);
	KUNIT_EXPECT_EQ(test, axas_space_was_written(space, wide, 2), -EINVAL);
	EXPECT_CLEAN(test, all);
	KUNIT_EXPECT_EQ(test, axas_space_was_written(space, gpas, ARRAY_SIZE(gpas)), 0);
	KUNIT_EXPECT_TRUE(test, axas_tracker_ready(few));
	EXPECT_DIRTY(test, few, RUN(4, 2), RUN(40, 1), RUN(100, 2));
	EXPECT_DIRTY(test, all, RUN(2, 4), RUN(40, 1), RUN(100, 2), RUN(900, 1));
	EXPECT_CLEAN(test, few);
	EXPECT_CLEAN(test, all);
	axas_tracker_destroy(few);
	used = axas_tracker_create(space, &(struct axas_track){
		.gpa = HERE, .length = SZ_64K, .what = AXAS_TRACK_ACCESSED,
	});
	KUNIT_EXPECT_EQ(test, axas_space_was_written(space, gpas, 2), 0);
	EXPECT_DIRTY(test, all, RUN(3, 1), RUN(40, 1));
	/* Where there is one. */
	if (!IS_ERR(used)) {
		EXPECT_DIRTY(test, used, RUN(3, 1));
		axas_tracker_destroy(used);
	}
	axas_tracker_destroy(all);
	axas_check_space(test, space);
}

/* Guests never get a right to it, whatever its owner has done. */
void track_lists_rom_that_its_owner_writes(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_map args = map_args(AXAS_BACKEND_ALLOC, HERE, SZ_64K, PROT_R);
	struct axas_tracker *tracker;
	unsigned int i;

	args.flags = AXAS_MAP_ROM;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	KUNIT_ASSERT_EQ(test, owner_writes(space, page_at(1), 1), 0);
	tracker = track_begin(test, space, HERE, SZ_64K);
	EXPECT_CLEAN(test, tracker);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, owner_writes(space, page_at(1), i), 0);
		KUNIT_EXPECT_EQ(test, owner_writes(space, page_at(4), i), 0);
		EXPECT_FAULT(test, space, 1, PROT_W, AXAS_FAULT_DENIED);
		EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_DENIED);
		EXPECT_FAULT(test, space, 1, PROT_R, AXAS_FAULT_SPURIOUS);
		EXPECT_DIRTY(test, tracker, RUN(1, 1), RUN(4, 1));
		EXPECT_FAULT(test, space, 1, PROT_W, AXAS_FAULT_DENIED);
		EXPECT_CLEAN(test, tracker);
		axas_check_space(test, space);
	}
	axas_tracker_destroy(tracker);
	EXPECT_FAULT(test, space, 1, PROT_W, AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, owner_writes(space, page_at(1), 9), 0);
	axas_check_space(test, space);
}

/* Its owner reads what guests only execute, where they may do that. */
void track_reads_rom_that_executes(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_map args = map_args(AXAS_BACKEND_ALLOC, HERE, SZ_64K, PROT_X);
	const axas_gpa_t gpa = axas_gpa(page_at(1));
	struct axas_tracker *tracker;
	struct axas_memory memory;

	if (!axas_exec_only(test))
		kunit_skip(test, "this format has no execute-only");
	args.flags = AXAS_MAP_ROM;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	tracker = track_begin(test, space, HERE, SZ_64K);
	EXPECT_FAULT(test, space, 1, PROT_X, AXAS_FAULT_RESOLVED);
	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, gpa, PROT_R |
						    AXAS_ACCESS_OWNER, &memory),
			0);
	put_page(memory.page);
	EXPECT_FAULT(test, space, 1, PROT_R, AXAS_FAULT_DENIED);
	axas_tracker_destroy(tracker);
	axas_check_space(test, space);
}

/* Another module asks for a page, writes, and asks again after it was listed. */
void track_lists_who_asks_for_a_page(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const axas_gpa_t gpa = axas_gpa(page_at(1));
	struct axas_tracker *tracker;
	struct axas_memory memory;

	map_small(test, space, 0, 64);
	tracker = track_begin(test, space, HERE, SZ_4M);
	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, gpa, PROT_R, &memory),
			0);
	KUNIT_EXPECT_EQ(test, memory.attr.prot, (u8)PROT_R);
	KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, gpa, PROT_W,
						      &memory), -EAGAIN);
	put_page(memory.page);
	EXPECT_CLEAN(test, tracker);
	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, gpa, PROT_W, &memory),
			0);
	KUNIT_EXPECT_EQ(test, memory.attr.prot, (u8)PROT_RW);
	put_page(memory.page);
	EXPECT_LISTED(test, tracker, AXAS_DIRTY_PEEK, RUN(1, 1));
	KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, gpa, PROT_W,
						      &memory), 0);
	EXPECT_DIRTY(test, tracker, RUN(1, 1));
	KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, gpa, PROT_R,
						      &memory), 0);
	KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, gpa, PROT_W,
						      &memory), -EAGAIN);
	EXPECT_CLEAN(test, tracker);
	axas_tracker_destroy(tracker);
	KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, gpa, PROT_W,
						      &memory), 0);
}

/* ---- several ---- */

/* What one of them lists the others list too. */
void track_ranges_that_overlap(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_tracker *a, *b, *c, *late;

	map_small(test, space, 0, 1024);
	a = track_begin(test, space, HERE, 16 * SZ_4K);
	b = track_begin(test, space, page_at(8), 16 * SZ_4K);
	c = track_begin(test, space, HERE, SZ_4M);
	guest_writes(test, space, 4);
	guest_writes(test, space, 9);
	guest_writes(test, space, 20);
	guest_writes(test, space, 600);
	EXPECT_DIRTY(test, c, RUN(4, 1), RUN(9, 1), RUN(20, 1), RUN(600, 1));
	EXPECT_LISTED(test, b, AXAS_DIRTY_PEEK, RUN(9, 1), RUN(20, 1));
	EXPECT_DIRTY(test, b, RUN(9, 1), RUN(20, 1));
	late = track_begin(test, space, HERE, SZ_4M);
	EXPECT_CLEAN(test, late);
	EXPECT_DIRTY(test, a, RUN(4, 1), RUN(9, 1));
	EXPECT_CLEAN(test, b);
	guest_writes(test, space, 7);
	guest_writes(test, space, 8);
	EXPECT_DIRTY(test, a, RUN(7, 2));
	EXPECT_DIRTY(test, b, RUN(8, 1));
	EXPECT_DIRTY(test, c, RUN(7, 2));
	/* What is written between two lists of it is one run. */
	guest_writes(test, space, 9);
	EXPECT_DIRTY(test, late, RUN(7, 3));
	guest_writes(test, space, 9);
	axas_tracker_destroy(late);
	EXPECT_DIRTY(test, c, RUN(9, 1));
	axas_tracker_destroy(c);
	EXPECT_DIRTY(test, a, RUN(9, 1));
	EXPECT_DIRTY(test, b, RUN(9, 1));
	axas_check_space(test, space);
	axas_tracker_destroy(b);
	axas_tracker_destroy(a);
	axas_check_space(test, space);
}

/* A tracker that comes when there is something to list takes it from nobody. */
void track_begins_where_others_are(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_tracker *part, *all;

	map_small(test, space, 0, 1024);
	part = track_begin(test, space, page_at(100), SZ_1M);
	guest_writes(test, space, 99);
	guest_writes(test, space, 100);
	guest_writes(test, space, 355);
	guest_writes(test, space, 356);
	all = track_begin(test, space, 0, 1ULL << 48);
	EXPECT_CLEAN(test, all);
	EXPECT_DIRTY(test, part, RUN(100, 1), RUN(355, 1));
	guest_writes(test, space, 99);
	guest_writes(test, space, 100);
	EXPECT_DIRTY(test, all, RUN(99, 2));
	EXPECT_DIRTY(test, part, RUN(100, 1));
	axas_tracker_destroy(part);
	axas_tracker_destroy(all);
	axas_check_space(test, space);
}

/* Where nobody tracks any more a guest writes at once, and nowhere else. */
static void expect_writable(struct kunit *test, struct axas_space *space,
			    struct axas_tracker **trackers, unsigned int n)
{
	static const u16 pages[] = { 0, 7, 8, 15, 16, 23, 24, 511, 512, 1023 };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		u64 gpa = page_at(pages[i]);
		bool tracked = false;

		for (j = 0; j < n; j++)
			tracked |= trackers[j] && gpa >= trackers[j]->start &&
				   gpa <= trackers[j]->last;
		KUNIT_EXPECT_EQ_MSG(test, raw_writes(&space->npt, gpa), !tracked,
				    "page %u", pages[i]);
	}
}

/* In any order: leaves allow what areas do, and large ones are back. */
void track_ends_in_any_order(struct kunit *test)
{
	static const u8 orders[6][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	struct axas_space *space = axas_test_space(test);
	struct axas_snapshot before;
	unsigned int i, j;

	map_small(test, space, 0, 512);
	map_large(test, space, 512, 1024);
	axas_snapshot_take(space, &before);
	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		struct axas_tracker *trackers[] = {
			track_begin(test, space, HERE, 16 * SZ_4K),
			track_begin(test, space, page_at(8), 16 * SZ_4K),
			track_begin(test, space, page_at(12), 1000 * SZ_4K),
		};

		guest_writes(test, space, 4);
		guest_writes(test, space, 9);
		guest_writes(test, space, 600);
		EXPECT_DIRTY(test, trackers[1], RUN(9, 1));
		EXPECT_DIRTY(test, trackers[2], RUN(600, 1));
		EXPECT_DIRTY(test, trackers[0], RUN(4, 1), RUN(9, 1));
		/* So 1023, in a leaf of which a part is tracked, is small. */
		KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 1ULL);
		guest_writes(test, space, 1023);
		for (j = 0; j < 3; j++) {
			axas_tracker_destroy(trackers[orders[i][j]]);
			trackers[orders[i][j]] = NULL;
			expect_writable(test, space, trackers, 3);
			axas_check_space(test, space);
		}
		axas_snapshot_expect(test, space, &before, "order", i);
	}
}

/* ---- how it is listed ---- */

static void list_one(struct kunit *test, struct axas_tracker *tracker,
		     struct axas_dirty *dirty, u64 page)
{
	struct axas_next_entry run;
	u64 end = dirty->gpa + dirty->length;

	dirty->nr = 1;
	KUNIT_ASSERT_EQ(test, axas_tracker_list(tracker, dirty, &run), 0);
	KUNIT_EXPECT_EQ(test, dirty->gpa + dirty->length, end);
	KUNIT_ASSERT_EQ(test, dirty->done, 1U);
	KUNIT_EXPECT_EQ(test, run.gpa, page_at(page));
	KUNIT_EXPECT_EQ(test, run.length, (u64)SZ_4K);
	KUNIT_EXPECT_GT(test, dirty->gpa, run.gpa);
}

/* As far as the array goes; what is behind that stays where it is. */
void track_goes_on_with_one_entry(struct kunit *test)
{
	static const u32 flags[] = { AXAS_DIRTY_PEEK, 0 };
	struct axas_space *space = axas_test_space(test);
	struct axas_tracker *tracker, *other;
	unsigned int i;

	map_small(test, space, 0, 2048);
	tracker = track_begin(test, space, HERE, SZ_8M);
	other = track_begin(test, space, HERE, SZ_8M);
	for (i = 0; i < 3; i++)
		guest_writes(test, space, 2 * i);
	guest_writes(test, space, 1111);
	/* One that is marked, and one that is only open. */
	EXPECT_DIRTY(test, other, RUN(0, 1), RUN(2, 1), RUN(4, 1), RUN(1111, 1));
	guest_writes(test, space, 600);
	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct axas_dirty dirty = {
			.gpa = HERE, .length = SZ_8M, .flags = flags[i],
		};

		KUNIT_EXPECT_EQ(test, axas_tracker_list(tracker, &dirty, NULL),
				0);
		KUNIT_EXPECT_EQ(test, dirty.gpa, HERE);
		KUNIT_EXPECT_EQ(test, dirty.done, 0U);
		list_one(test, tracker, &dirty, 0);
		list_one(test, tracker, &dirty, 2);
		list_one(test, tracker, &dirty, 4);
		list_one(test, tracker, &dirty, 600);
		list_one(test, tracker, &dirty, 1111);
	}
	EXPECT_CLEAN(test, tracker);
	EXPECT_DIRTY(test, other, RUN(600, 1));
	axas_tracker_destroy(other);
	axas_tracker_destroy(tracker);
}

void track_takes_back_what_it_listed(struct kunit *test)
{
	const struct axas_next_entry put[] = { RUN(2, 1), RUN(7, 3) };
	struct axas_next_entry bad[] = { RUN(20, 1), RUN(1024, 1) };
	struct axas_space *space = axas_test_space(test);
	struct axas_tracker *tracker, *other;

	map_small(test, space, 0, 1024);
	tracker = track_begin(test, space, HERE, SZ_4M);
	other = track_begin(test, space, HERE, SZ_4M);
	KUNIT_EXPECT_EQ(test, axas_tracker_put(tracker, put, 2), 0);
	KUNIT_EXPECT_EQ(test, axas_tracker_put(tracker, bad, 2), -ERANGE);
	bad[1] = (struct axas_next_entry){ .gpa = page_at(3), .length = 1 };
	KUNIT_EXPECT_EQ(test, axas_tracker_put(tracker, bad, 2), -EINVAL);
	guest_writes(test, space, 8);
	guest_writes(test, space, 10);
	EXPECT_LISTED(test, tracker, AXAS_DIRTY_PEEK, RUN(2, 1), RUN(7, 4));
	EXPECT_DIRTY(test, other, RUN(8, 1), RUN(10, 1));
	EXPECT_DIRTY(test, tracker, RUN(2, 1), RUN(7, 4));
	EXPECT_CLEAN(test, tracker);
	axas_tracker_destroy(other);
	axas_tracker_destroy(tracker);
}

/* Pages that were written, but each once between two lists. */
void track_says_when_there_is_enough(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_track args = track_args(HERE, SZ_4M);
	struct axas_tracker *three, *one;

	map_small(test, space, 0, 1024);
	args.threshold = 3;
	three = axas_tracker_create(space, &args);
	KUNIT_ASSERT_FALSE(test, IS_ERR(three));
	one = track_begin(test, space, HERE, SZ_4M);
	KUNIT_EXPECT_FALSE(test, axas_tracker_ready(one));
	guest_writes(test, space, 1);
	guest_writes(test, space, 1);
	KUNIT_EXPECT_TRUE(test, axas_tracker_ready(one));
	guest_writes(test, space, 3);
	EXPECT_DIRTY(test, one, RUN(1, 1), RUN(3, 1));
	KUNIT_EXPECT_FALSE(test, axas_tracker_ready(one));
	KUNIT_EXPECT_FALSE(test, axas_tracker_ready(three));
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, page_at(9), SZ_4K, NULL),
			0);
	KUNIT_EXPECT_TRUE(test, axas_tracker_ready(three));
	EXPECT_DIRTY(test, three, RUN(1, 1), RUN(3, 1), RUN(9, 1));
	KUNIT_EXPECT_FALSE(test, axas_tracker_ready(three));
	axas_tracker_destroy(one);
	axas_tracker_destroy(three);
}

void errno_track(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const struct axas_track rows[] = {
		{ .gpa = HERE, .length = SZ_4K, .what = 0 },
		{ .gpa = HERE, .length = SZ_4K, .what = 1 << 7 },
		{ .gpa = HERE, .length = SZ_4K, .what = 1, .reserved = 1 },
		{ .gpa = HERE + 1, .length = SZ_4K, .what = 1 },
		{ .gpa = HERE, .length = SZ_4K - 1, .what = 1 },
		{ .gpa = HERE, .length = 0, .what = 1 },
	};
	struct axas_track args = track_args(1ULL << 48, SZ_4K);
	struct axas_dirty dirty = { .nr = 1 };
	struct axas_tracker *tracker;
	struct axas_next_entry run;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(axas_tracker_create(space,
									  &rows[i])),
				-EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(axas_tracker_create(space, &args)),
			-ERANGE);
	KUNIT_EXPECT_FALSE(test, space->npt.tracked);
	/* All that there can be, and nothing in it. */
	tracker = track_begin(test, space, 0, 1ULL << 48);
	EXPECT_CLEAN(test, tracker);
	axas_tracker_destroy(tracker);
	tracker = track_begin(test, space, HERE, SZ_2M);
	KUNIT_EXPECT_EQ(test, axas_tracker_list(tracker, &dirty, &run), -EINVAL);
	dirty.gpa = HERE;
	dirty.length = SZ_2M + SZ_4K;
	KUNIT_EXPECT_EQ(test, axas_tracker_list(tracker, &dirty, &run), -ERANGE);
	dirty.gpa = HERE - SZ_4K;
	KUNIT_EXPECT_EQ(test, axas_tracker_list(tracker, &dirty, &run), -ERANGE);
	axas_tracker_destroy(tracker);
}

/* ---- pages that somebody has ---- */

/* Who has it may write at any time, also one that had it before. */
void track_lists_what_is_pinned(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_tracker *tracker, *other;
	struct axas_memory early, late;
	struct axas_holder holder;

	map_small(test, space, 0, 1024);
	track_hold(test, space, &holder);
	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, axas_gpa(page_at(5)),
						    PROT_W, &early), 0);
	tracker = track_begin(test, space, HERE, SZ_4M);
	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, axas_gpa(page_at(9)),
						    PROT_W, &late), 0);
	EXPECT_DIRTY(test, tracker, RUN(5, 1), RUN(9, 1));
	EXPECT_DIRTY(test, tracker, RUN(5, 1), RUN(9, 1));
	other = track_begin(test, space, HERE, SZ_4M);
	put_page(early.page);
	EXPECT_DIRTY(test, tracker, RUN(5, 1), RUN(9, 1));
	EXPECT_DIRTY(test, tracker, RUN(9, 1));
	put_page(late.page);
	EXPECT_DIRTY(test, other, RUN(5, 1), RUN(9, 1));
	EXPECT_DIRTY(test, tracker, RUN(9, 1));
	EXPECT_CLEAN(test, tracker);
	axas_check_space(test, space);
	axas_tracker_destroy(other);
	axas_tracker_destroy(tracker);
	axas_space_del_holder(space, &holder);
}

/* Also one that nobody may write to in between. */
void track_lists_pins_after_protect(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_tracker *tracker;
	struct axas_memory memory;
	struct axas_holder holder;

	map_small(test, space, 0, 64);
	track_hold(test, space, &holder);
	tracker = track_begin(test, space, HERE, SZ_4M);
	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, axas_gpa(page_at(5)),
						    PROT_W, &memory), 0);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, HERE, SZ_64K, PROT_R), 0);
	EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_DENIED);
	EXPECT_DIRTY(test, tracker, RUN(5, 1));
	EXPECT_DIRTY(test, tracker, RUN(5, 1));
	EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_DENIED);
	put_page(memory.page);
	EXPECT_DIRTY(test, tracker, RUN(5, 1));
	EXPECT_CLEAN(test, tracker);
	axas_tracker_destroy(tracker);
	EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_DENIED);
	axas_check_space(test, space);
	axas_space_del_holder(space, &holder);
}

/* What its owner has pinned of ROM is no guest's to write. */
void track_pins_give_no_rights(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_map args = map_args(AXAS_BACKEND_ALLOC, HERE, SZ_64K, PROT_R);
	struct axas_tracker *tracker;
	struct axas_memory memory;
	struct axas_holder holder;

	args.flags = AXAS_MAP_ROM;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	track_hold(test, space, &holder);
	tracker = track_begin(test, space, HERE, SZ_64K);
	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, axas_gpa(page_at(1)),
						    OWNER_WRITES, &memory), 0);
	EXPECT_DIRTY(test, tracker, RUN(1, 1));
	KUNIT_EXPECT_FALSE(test, raw_writes(&space->npt, page_at(1)));
	EXPECT_FAULT(test, space, 1, PROT_W, AXAS_FAULT_DENIED);
	EXPECT_DIRTY(test, tracker, RUN(1, 1));
	axas_check_space(test, space);
	put_page(memory.page);
	EXPECT_DIRTY(test, tracker, RUN(1, 1));
	EXPECT_CLEAN(test, tracker);
	axas_tracker_destroy(tracker);
	axas_check_space(test, space);
	axas_space_del_holder(space, &holder);
}

/* ---- a format that knows nothing of it ---- */

static void plain_writes(struct kunit *test, struct axas_space *space)
{
	struct axas_tracker *tracker = track_begin(test, space, HERE, SZ_8M);

	EXPECT_CLEAN(test, tracker);
	EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_RESOLVED);
	EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_SPURIOUS);
	EXPECT_FAULT(test, space, 6, PROT_R, AXAS_FAULT_SPURIOUS);
	KUNIT_EXPECT_EQ(test, owner_writes(space, page_at(9), 1), 0);
	EXPECT_FAULT(test, space, 600, PROT_W, AXAS_FAULT_RESOLVED);
	EXPECT_DIRTY(test, tracker, RUN(5, 1), RUN(9, 1), RUN(600, 1));
	EXPECT_CLEAN(test, tracker);
	EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_RESOLVED);
	EXPECT_DIRTY(test, tracker, RUN(5, 1));
	axas_tracker_destroy(tracker);
	EXPECT_FAULT(test, space, 6, PROT_W, AXAS_FAULT_SPURIOUS);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 1ULL);
}

/* What another module brings takes part without a change to it. */
void track_plain_formats(struct kunit *test)
{
	const struct axas_create args = { .gpa_bits = 48 };
	enum axas_format format = axas_context(test)->format;
	struct axas_npt_ops ops = axas_npt_plain_ops;
	struct axas_space *space;

	KUNIT_ASSERT_EQ(test, axas_format_register(&ops), 0);
	axas_context(test)->format = TRACK_PLAIN;
	space = axas_test_space_with(test, &args);
	axas_context(test)->format = format;
	map_small(test, space, 0, 64);
	map_large(test, space, 512, 512);
	plain_writes(test, space);
	axas_test_drop_space(test);
	/* And one that has nothing of it says so. */
	axas_format_unregister(&ops);
	ops.tracking = NULL;
	KUNIT_ASSERT_EQ(test, axas_format_register(&ops), 0);
	axas_context(test)->format = TRACK_PLAIN;
	space = axas_test_space_with(test, &args);
	axas_context(test)->format = format;
	KUNIT_EXPECT_EQ(test,
			PTR_ERR_OR_ZERO(axas_tracker_create(space,
							    &(struct axas_track){
								.gpa = HERE,
								.length = SZ_4K,
								.what = 1,
							    })), -EOPNOTSUPP);
	axas_test_drop_space(test);
	axas_format_unregister(&ops);
}
