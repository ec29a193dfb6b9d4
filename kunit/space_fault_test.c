// SPDX-License-Identifier: GPL-2.0
/*
 * Nested page faults, one at a time.
 */
#include "cases.h"
#include "context.h"
#include "snapshot.h"

void fault_every_result(struct kunit *test)
{
	static const struct axas_create args = {
		.gpa_bits = 48, .base = SZ_1G, .length = SZ_1G,
	};
	struct axas_space *space = axas_test_space_with(test, &args);
	const u64 gpa = SZ_1G + SZ_2M;
	const struct fake_hal_fail fail = { .nth = 1, .onwards = true };
	const struct { u64 gpa; u32 access; int result; } rows[] = {
		{ gpa, PROT_R, AXAS_FAULT_RESOLVED },
		{ gpa, PROT_R, AXAS_FAULT_SPURIOUS },
		{ gpa + 4095, PROT_RW, AXAS_FAULT_SPURIOUS },
		{ gpa, PROT_X, AXAS_FAULT_DENIED },
		{ gpa, PROT_RX, AXAS_FAULT_DENIED },
		{ gpa + SZ_4K, PROT_X, AXAS_FAULT_DENIED },
		{ gpa + 2 * SZ_4K, PROT_R, AXAS_FAULT_NO_AREA },
		{ gpa - 1, PROT_R, AXAS_FAULT_NO_AREA },
		{ gpa, 0, AXAS_FAULT_INVALID },
		{ gpa, 8, AXAS_FAULT_INVALID },
		{ gpa, 8 | PROT_R, AXAS_FAULT_INVALID },
		{ SZ_1G - 1, PROT_R, AXAS_FAULT_INVALID },
		{ 2ULL << 30, PROT_R, AXAS_FAULT_INVALID },
		{ 1ULL << 48, PROT_R, AXAS_FAULT_INVALID },
		{ U64_MAX, PROT_R, AXAS_FAULT_INVALID },
	};
	struct axas_stats stats;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, gpa, 2 * SZ_4K, PROT_RW, 0,
					     0), 0);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		KUNIT_EXPECT_EQ_MSG(test, axas_fault_at(space, rows[i].gpa,
							rows[i].access),
				    rows[i].result, "row %u", i);
	fake_hal_set_fail(&fail);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa + SZ_4K, PROT_W),
			(int)AXAS_FAULT_NO_MEMORY);
	fake_hal_set_fail(NULL);

	stats = axas_stats_of(space);
	KUNIT_EXPECT_EQ(test, stats.faults[AXAS_FAULT_RESOLVED], 1ULL);
	KUNIT_EXPECT_EQ(test, stats.faults[AXAS_FAULT_SPURIOUS], 2ULL);
	KUNIT_EXPECT_EQ(test, stats.faults[AXAS_FAULT_DENIED], 3ULL);
	KUNIT_EXPECT_EQ(test, stats.faults[AXAS_FAULT_NO_AREA], 2ULL);
	KUNIT_EXPECT_EQ(test, stats.faults[AXAS_FAULT_INVALID], 7ULL);
	KUNIT_EXPECT_EQ(test, stats.faults[AXAS_FAULT_NO_MEMORY], 1ULL);
	KUNIT_EXPECT_EQ(test, stats.resident, (u64)SZ_4K);
}

void fault_spurious_keeps_the_frame(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_snapshot before;
	u64 *virt, *again;

	KUNIT_ASSERT_EQ(test,
			axas_map_alloc(space, SZ_1G, SZ_4K, PROT_RW, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, SZ_1G, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	virt = axas_virt_at(test, space, SZ_1G);
	virt[5] = 0x1122334455667788ULL;
	axas_snapshot_take(space, &before);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G, PROT_W),
			(int)AXAS_FAULT_SPURIOUS);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G, PROT_X),
			(int)AXAS_FAULT_DENIED);
	axas_snapshot_expect(test, space, &before, "spurious", 0);
	again = axas_virt_at(test, space, SZ_1G);
	KUNIT_EXPECT_PTR_EQ(test, again, virt);
	KUNIT_EXPECT_EQ(test, again[5], 0x1122334455667788ULL);
}

/* What one access brings in serves them all: no fault per right. */
void fault_with_all_rights_of_an_area(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, 0, SZ_4K, PROT_RWX, 0, 0),
			0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, 0, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, 0, PROT_RWX),
			(int)AXAS_FAULT_SPURIOUS);
}

/* The fake HAL gives out pages full of 0xa5 unless asked for zeros. */
void fault_frames_are_zeroed(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	unsigned int i;
	void *virt;

	for (i = 0; i < 8; i++) {
		unsigned int flags = i & 1 ? AXAS_MAP_POPULATE : 0;
		u64 size = i < 4 ? SZ_4K : SZ_2M;

		KUNIT_ASSERT_EQ(test,
				axas_map_alloc(space, SZ_2M, size, PROT_RW,
					       flags, size),
				0);
		KUNIT_ASSERT_LE(test, axas_fault_at(space, SZ_2M, PROT_R),
				(int)AXAS_FAULT_SPURIOUS);
		virt = axas_virt_at(test, space, SZ_2M);
		KUNIT_EXPECT_NULL(test, memchr_inv(virt, 0, SZ_4K));
		if (axas_translate_at(space, SZ_2M).leaf_size == SZ_2M)
			KUNIT_EXPECT_NULL(test, memchr_inv(virt, 0, SZ_2M));
		memset(virt, 0x99, SZ_4K);
		KUNIT_ASSERT_EQ(test, axas_unmap_range(space, SZ_2M, size), 0);
	}
}

static u64 leaf_size_at(struct axas_space *space, u64 gpa)
{
	return axas_translate_at(space, gpa).leaf_size;
}

/*
 * The area: the second half of one 2 MiB, two whole ones, one page of the next.
 */
void fault_large_leaf_where_it_fits(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const u64 gpa = 16 * SZ_2M + SZ_1M;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, gpa, SZ_1M + 2 * SZ_2M +
					     SZ_4K, PROT_RW, 0, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, gpa + SZ_1M - 1, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, leaf_size_at(space, gpa + SZ_1M - 1), (u64)SZ_4K);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, gpa + SZ_1M + 12345, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, leaf_size_at(space, gpa + SZ_1M), (u64)SZ_2M);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa + SZ_1M + SZ_2M - 1,
					    PROT_W), (int)AXAS_FAULT_SPURIOUS);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, gpa + SZ_1M + 2 * SZ_2M,
					    PROT_R), (int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, leaf_size_at(space, gpa + SZ_1M + 2 * SZ_2M),
			(u64)SZ_4K);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident,
			(u64)SZ_2M + 2 * SZ_4K);
}

/* Once there is a small leaf in the 2 MiB, the others are small too. */
void fault_small_leaf_without_large_frame(struct kunit *test)
{
	const struct fake_hal_fail fail = {
		.nth = 1, .onwards = true, .min_order = 9,
	};
	struct axas_space *space = axas_test_space(test);

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_2M, SZ_2M, PROT_RW, 0,
					     SZ_2M), 0);
	fake_hal_set_fail(&fail);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, SZ_2M + 7 * SZ_4K, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, fake_hal_failed(), 1UL);
	fake_hal_set_fail(NULL);
	KUNIT_EXPECT_EQ(test, leaf_size_at(space, SZ_2M + 7 * SZ_4K),
			(u64)SZ_4K);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, SZ_2M, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, leaf_size_at(space, SZ_2M), (u64)SZ_4K);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, 2ULL * SZ_4K);
}

/* Frees of frames of 2 MiB at once, and of pages in some others. */
struct large_watch {
	struct fake_hal_watch watch;
	axas_hpa_t frames[4];
	unsigned int whole[4];
	unsigned int pages[4];
};

static void large_free(struct fake_hal_watch *w, axas_hpa_t hpa,
		       unsigned int order)
{
	struct large_watch *watch = container_of(w, struct large_watch, watch);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(watch->frames); i++) {
		if (hpa.val - watch->frames[i].val >= SZ_2M)
			continue;
		watch->whole[i] += order == AXAS_ORDER_2M;
		watch->pages[i] += !order;
	}
}

/* What somebody else wants a page of, or a part of which has gone, goes by pages. */
void fault_large_frame_goes_as_one(struct kunit *test)
{
	struct large_watch watch = { .watch.free = large_free };
	struct axas_space *space = axas_test_space(test);
	struct axas_npt_freed freed;
	struct axas_memory memory;
	unsigned int i, again;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, 0, 4 * SZ_2M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	for (i = 0; i < 4; i++)
		watch.frames[i] = axas_hpa(axas_translate_at(space, i * SZ_2M).hpa);
	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space,
						    axas_gpa(SZ_2M + 5 * SZ_4K),
						    PROT_W, &memory), 0);
	KUNIT_EXPECT_EQ(test, page_count(memory.page), 2);
	KUNIT_EXPECT_EQ(test, leaf_size_at(space, SZ_2M), (u64)SZ_2M);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, 2 * SZ_2M + SZ_4K, SZ_4K),
			0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, 2 * SZ_2M + SZ_4K, SZ_4K,
					     PROT_RW, AXAS_MAP_POPULATE, 0), 0);
	/* The page that comes may be the one that went. */
	again = axas_translate_at(space, 2 * SZ_2M + SZ_4K).hpa -
		watch.frames[2].val < SZ_2M;
	fake_hal_set_watch(&watch.watch);
	KUNIT_EXPECT_EQ(test, axas_space_discard(space, axas_gpa(0), 3 * SZ_2M,
						 &freed), 0);
	KUNIT_EXPECT_EQ(test, freed.freed, 3 * 512 - 1ULL);
	KUNIT_EXPECT_EQ(test, freed.pinned, 1ULL);
	KUNIT_EXPECT_EQ(test, axas_space_clear(space), 0);
	fake_hal_set_watch(NULL);
	put_page(memory.page);
	KUNIT_EXPECT_EQ(test, watch.whole[0], 1U);
	KUNIT_EXPECT_EQ(test, watch.pages[0], 0U);
	KUNIT_EXPECT_EQ(test, watch.whole[1], 0U);
	KUNIT_EXPECT_EQ(test, watch.pages[1], 512U);
	KUNIT_EXPECT_EQ(test, watch.whole[2], 0U);
	KUNIT_EXPECT_EQ(test, watch.pages[2], 511 + again);
	KUNIT_EXPECT_EQ(test, watch.whole[3], 1U);
	KUNIT_EXPECT_EQ(test, watch.pages[3], 0U);
}

/* What can't be had at once is waited for: nothing of it reaches the caller. */
void fault_sleeps_for_memory(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct fake_hal_fail fail = {};
	u64 gpa = SZ_1G;

	/* The frame, then each of three tables, isn't there at first. */
	for (fail.nth = 1; fail.nth <= 4; fail.nth++, gpa += 1ULL << 40) {
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, gpa, SZ_4K, PROT_RW,
						     0, 0), 0);
		fake_hal_set_fail(&fail);
		KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa, PROT_R),
				(int)AXAS_FAULT_RESOLVED);
		KUNIT_EXPECT_EQ(test, fake_hal_failed(), 1UL);
	}
	fake_hal_set_fail(NULL);
	axas_check_space(test, space);
}

enum sleeper_change {
	SLEEPER_UNMAP,
	SLEEPER_READ_ONLY,
	SLEEPER_LINEAR,
	SLEEPER_ANEW,
	SLEEPER_NR,
};

/* Someone who changes the space while a fault sleeps for memory. */
struct sleeper {
	struct fake_hal_watch watch;
	struct axas_space *space;
	enum sleeper_change change;
	int ret;
};

static void sleeper_change(struct fake_hal_watch *watch)
{
	struct sleeper *sleeper = container_of(watch, struct sleeper, watch);
	struct axas_space *space = sleeper->space;

	/* Not while the change itself allocates. */
	fake_hal_set_watch(NULL);
	sleeper->ret = axas_space_clear(space);
	/* What has been taken out is freed, and full of 0x6b. */
	rcu_barrier();
	if (sleeper->change == SLEEPER_READ_ONLY)
		sleeper->ret = axas_map_alloc(space, SZ_1G, SZ_8K, PROT_R, 0, 0);
	else if (sleeper->change == SLEEPER_LINEAR)
		sleeper->ret = axas_map_linear(space, SZ_1G, SZ_8K, HPA_NOWHERE,
					       PROT_RW);
	else if (sleeper->change == SLEEPER_ANEW)
		sleeper->ret = axas_map_alloc(space, SZ_1G, SZ_8K, PROT_RW, 0,
					      0);
}

/* Whatever the fault knew of the area and its table before is worth nothing. */
void fault_sleeps_while_its_area_changes(struct kunit *test)
{
	static const int results[SLEEPER_NR] = {
		[SLEEPER_UNMAP] = AXAS_FAULT_NO_AREA,
		[SLEEPER_READ_ONLY] = AXAS_FAULT_DENIED,
		[SLEEPER_LINEAR] = AXAS_FAULT_SPURIOUS,
		[SLEEPER_ANEW] = AXAS_FAULT_RESOLVED,
	};
	struct axas_space *space = axas_test_space(test);
	struct sleeper sleeper = {
		.watch.sleep = sleeper_change, .space = space,
	};
	struct fake_hal_fail fail = { .nth = 1 };
	unsigned int i;

	for (i = 0; i < 2 * SLEEPER_NR; i++) {
		sleeper.change = i / 2;
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_8K,
						     PROT_RW, 0, 0), 0);
		/* Where there is a table already, and where there is none. */
		if (i % 2)
			axas_fault_at(space, SZ_1G, PROT_W);
		fake_hal_set_fail(&fail);
		fake_hal_set_watch(&sleeper.watch);
		KUNIT_EXPECT_EQ_MSG(test, axas_fault_at(space, SZ_1G + SZ_4K,
							PROT_W),
				    results[i / 2], "round %u", i);
		KUNIT_EXPECT_EQ(test, sleeper.ret, 0);
		KUNIT_EXPECT_EQ(test, fake_hal_failed(), 1UL);
		fake_hal_set_fail(NULL);
		axas_check_space(test, space);
		KUNIT_ASSERT_EQ(test, axas_space_clear(space), 0);
		axas_expect_empty(test, space);
	}
}

void fault_in_linear_area(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_snapshot before;

	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_1G, SZ_2M + SZ_4K,
					      HPA_NOWHERE, PROT_R), 0);
	axas_snapshot_take(space, &before);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G + SZ_2M, PROT_R),
			(int)AXAS_FAULT_SPURIOUS);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G, PROT_W),
			(int)AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G + SZ_2M + SZ_4K,
					    PROT_R), (int)AXAS_FAULT_NO_AREA);
	axas_snapshot_expect(test, space, &before, "linear", 0);
}

/* Part of a large leaf goes and comes back: other memory, zeroed. */
void fault_after_split(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	u64 *virt;

	KUNIT_ASSERT_EQ(test,
			axas_map_alloc(space, 0, SZ_2M, PROT_RW, 0, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, 0, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	virt = axas_virt_at(test, space, 0);
	virt[0] = 1;
	virt[512] = 2;
	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, SZ_4K, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, SZ_2M - 4096ULL);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_4K, PROT_R),
			(int)AXAS_FAULT_NO_AREA);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_4K, SZ_4K, PROT_RW, 0,
					     SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, SZ_4K, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, leaf_size_at(space, SZ_4K), (u64)SZ_4K);
	virt = axas_virt_at(test, space, SZ_4K);
	KUNIT_EXPECT_EQ(test, virt[0], 0ULL);
	virt = axas_virt_at(test, space, 0);
	KUNIT_EXPECT_EQ(test, virt[0], 1ULL);
	axas_check_space(test, space);
}

#define MANY	9

/* What one fault leaves behind for the next must not mislead it. */
void fault_many_in_one_call(struct kunit *test)
{
	static const struct { u64 gpa; u32 access; u32 result; } rows[MANY] = {
		{ SZ_1G, PROT_W, AXAS_FAULT_RESOLVED },
		{ SZ_1G + SZ_4K, PROT_W, AXAS_FAULT_RESOLVED },
		{ SZ_1G + SZ_4K, PROT_R, AXAS_FAULT_SPURIOUS },
		/* Another area in the same table, then none, then far away. */
		{ SZ_1G + 2 * SZ_4K, PROT_W, AXAS_FAULT_DENIED },
		{ SZ_1G + 2 * SZ_4K, PROT_R, AXAS_FAULT_RESOLVED },
		{ SZ_1G + 3 * SZ_4K, PROT_R, AXAS_FAULT_NO_AREA },
		{ U64_MAX, PROT_R, AXAS_FAULT_INVALID },
		{ 1ULL << 40, PROT_R, AXAS_FAULT_RESOLVED },
		{ SZ_1G, PROT_X, AXAS_FAULT_DENIED },
	};
	struct axas_space *space = axas_test_space(test);
	struct axas_fault_entry entries[MANY];
	unsigned int i, round;

	for (round = 0; round < 2; round++) {
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, 2 * SZ_4K,
						     PROT_RW, 0, 0), 0);
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + 2 * SZ_4K,
						     SZ_4K, PROT_R, 0, 0), 0);
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, 1ULL << 40, SZ_2M,
						     PROT_R, 0, SZ_2M), 0);
		for (i = 0; i < MANY; i++)
			entries[i] = (struct axas_fault_entry){
				.gpa = rows[i].gpa,
				.access = rows[i].access,
				.result = 99,
			};
		axas_space_faults(space, entries, MANY);
		for (i = 0; i < MANY; i++)
			KUNIT_EXPECT_EQ_MSG(test, entries[i].result,
					    rows[i].result, "row %u", i);
		axas_check_space(test, space);
		KUNIT_ASSERT_EQ(test, axas_space_clear(space), 0);
	}
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).faults[AXAS_FAULT_RESOLVED],
			8ULL);
}
