// SPDX-License-Identifier: GPL-2.0
/*
 * Frames go and come, areas stay.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>

#include "cases.h"
#include "context.h"
#include "snapshot.h"

static void put_word(struct kunit *test, struct axas_space *space, u64 gpa,
		     u64 val)
{
	u64 *virt = axas_virt_at(test, space, gpa);

	*virt = val;
}

static u64 word_at(struct kunit *test, struct axas_space *space, u64 gpa)
{
	u64 *virt = axas_virt_at(test, space, gpa);

	return *virt;
}

static void expect_freed(struct kunit *test, const struct axas_npt_freed *freed,
			 u64 pages, u64 pinned)
{
	KUNIT_EXPECT_EQ(test, freed->freed, pages);
	KUNIT_EXPECT_EQ(test, freed->pinned, pinned);
}

/* ---- discard ---- */

void discard_keeps_the_areas(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const u64 border = SZ_1G + 8 * SZ_4K;
	u64 generation;
	struct axas_translate_entry entry;
	struct axas_npt_freed freed;
	u64 gpa;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, 8 * SZ_4K, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, border, 8 * SZ_4K, PROT_RX,
					     0, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, border + SZ_4K, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	for (gpa = SZ_1G; gpa < border; gpa += SZ_4K)
		put_word(test, space, gpa, gpa);
	generation = space->generation;

	KUNIT_EXPECT_EQ(test, axas_discard_range(space, border - 3 * SZ_4K,
						 6 * SZ_4K, &freed), 0);
	expect_freed(test, &freed, 4, 0);
	KUNIT_EXPECT_EQ(test, space->generation, generation);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 2ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, 5ULL * SZ_4K);
	entry = axas_translate_at(space, border - SZ_4K);
	KUNIT_EXPECT_EQ(test, entry.state, (u32)AXAS_TRANSLATE_LAZY);
	KUNIT_EXPECT_EQ(test, entry.prot, (u32)PROT_RW);
	entry = axas_translate_at(space, border + SZ_4K);
	KUNIT_EXPECT_EQ(test, entry.state, (u32)AXAS_TRANSLATE_LAZY);
	KUNIT_EXPECT_EQ(test, entry.prot, (u32)PROT_RX);
	KUNIT_EXPECT_EQ(test, word_at(test, space, border - 4 * SZ_4K),
			border - 4 * SZ_4K);

	KUNIT_EXPECT_EQ(test, axas_fault_at(space, border - SZ_4K, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_NULL(test, memchr_inv(axas_virt_at(test, space,
							border - SZ_4K), 0,
					   SZ_4K));
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, border, PROT_W),
			(int)AXAS_FAULT_DENIED);
	/* Again, with one page of it there, and with none. */
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, border - 3 * SZ_4K,
						 6 * SZ_4K, &freed), 0);
	expect_freed(test, &freed, 1, 0);
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, border - 3 * SZ_4K,
						 6 * SZ_4K, &freed), 0);
	expect_freed(test, &freed, 0, 0);
	axas_check_space(test, space);
}

/* Resident pages at both ends, and in between what can't be discarded. */
static void discard_refused(struct kunit *test, const struct axas_map *between,
			    int err)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_npt_freed freed = { .freed = 7, .pinned = 7 };
	struct axas_snapshot before;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_64K, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + 2 * SZ_64K, SZ_64K,
					     PROT_RW, AXAS_MAP_POPULATE, 0), 0);
	if (between)
		KUNIT_ASSERT_EQ(test, axas_space_map(space, between), 0);
	axas_snapshot_take(space, &before);
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, SZ_1G + SZ_4K,
						 3 * SZ_64K - SZ_4K, &freed),
			err);
	axas_snapshot_expect(test, space, &before, "discard", -err);
	expect_freed(test, &freed, 0, 0);
	/* The last page that it could have, and one more. */
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, SZ_1G, SZ_64K + SZ_4K,
						 &freed), err);
	axas_snapshot_expect(test, space, &before, "one more", -err);
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, SZ_1G, SZ_64K, &freed),
			0);
	expect_freed(test, &freed, 16, 0);
}

void discard_takes_all_or_nothing(struct kunit *test)
{
	struct axas_map between = {
		.gpa = SZ_1G + SZ_64K, .length = SZ_64K, .prot = PROT_RW,
		.backend = AXAS_BACKEND_DEVICE,
	};

	discard_refused(test, NULL, -ENOENT);
	discard_refused(test, &between, -EOPNOTSUPP);
	between.backend = AXAS_BACKEND_LINEAR;
	between.hpa = HPA_NOWHERE;
	discard_refused(test, &between, -EOPNOTSUPP);
}

void discard_splits_large_leaves(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_npt_freed freed;
	u64 end = SZ_1G + 3 * SZ_2M;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, 3 * SZ_2M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_stats_of(space).leaves[1], 3ULL);
	put_word(test, space, SZ_1G, 1);
	put_word(test, space, end - SZ_4K, 2);
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, SZ_1G + SZ_4K,
						 3 * SZ_2M - 2 * SZ_4K, &freed),
			0);
	expect_freed(test, &freed, 3 * 512 - 2, 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[0], 2ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 0ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 1ULL);
	KUNIT_EXPECT_EQ(test, word_at(test, space, SZ_1G), 1ULL);
	KUNIT_EXPECT_EQ(test, word_at(test, space, end - SZ_4K), 2ULL);
	axas_check_space(test, space);
	/* What is empty as a whole may have a large one again. */
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G + SZ_2M, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 1ULL);
}

/* Whether a table lies in the range as a whole or loses its last leaf. */
void discard_takes_out_empty_tables(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_2M, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + SZ_2M, SZ_64K,
					     PROT_RW, AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_stats_of(space).tables[0], 2ULL);
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, SZ_1G, SZ_2M, NULL), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).tables[0], 1ULL);
	axas_check_space(test, space);
	/* All but one page, then that one. */
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, SZ_1G + SZ_2M,
						 SZ_64K - SZ_4K, NULL), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).tables[0], 1ULL);
	axas_check_space(test, space);
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, SZ_1G + SZ_2M, SZ_64K,
						 NULL), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).tables[0], 0ULL);
	axas_check_space(test, space);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 1L << space->npt.root_order);
}

void discard_says_what_is_pinned(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_npt_freed freed;
	struct axas_memory memory;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, 4 * SZ_4K, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space,
						    axas_gpa(SZ_1G + SZ_4K),
						    PROT_W, &memory), 0);
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, SZ_1G, 4 * SZ_4K,
						 &freed), 0);
	expect_freed(test, &freed, 3, 1);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, 0ULL);
	/* Whoever holds it has it to himself. */
	memset(page_address(memory.page), 0x77, SZ_4K);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G + SZ_4K, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_NE(test, axas_translate_at(space, SZ_1G + SZ_4K).hpa,
			memory.hpa.val);
	KUNIT_EXPECT_EQ(test, word_at(test, space, SZ_1G + SZ_4K), 0ULL);
	put_page(memory.page);
}

/* More frames than are gathered at a time, in small and in large leaves. */
void discard_frees_a_full_gather(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_npt_freed freed;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_8M, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + SZ_8M, SZ_8M,
					     PROT_RW, AXAS_MAP_POPULATE, SZ_2M),
			0);
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, SZ_1G + SZ_64K,
						 2 * SZ_8M - SZ_64K, &freed),
			0);
	expect_freed(test, &freed, 4096 - 16, 0);
	axas_check_space(test, space);
}

void discard_heals_what_was_poisoned(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const u64 bad = SZ_1G + SZ_4K;
	struct axas_npt_freed freed;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, 4 * SZ_4K, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test,
			axas_space_poison(space, axas_gpa(bad),
					  axas_hpa(axas_translate_at(space, bad).hpa)),
			0);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, bad, PROT_R),
			(int)AXAS_FAULT_POISONED);
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, bad, SZ_4K, &freed), 0);
	expect_freed(test, &freed, 0, 0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, bad, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, word_at(test, space, bad), 0ULL);
	axas_check_space(test, space);
}

/* While holders are told, what is there for whoever faults? */
struct closed {
	struct axas_holder holder;
	struct axas_space *space;
	u64 gpa[4];
	unsigned int calls;
	unsigned int open;
};

static void closed_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
			      u64 size)
{
	struct closed *closed = container_of(holder, struct closed, holder);
	struct axas_leaf leaf;
	unsigned int i;

	closed->calls++;
	for (i = 0; i < ARRAY_SIZE(closed->gpa); i++) {
		u64 at = closed->gpa[i];

		if (at >= gpa.val && at - gpa.val < size &&
		    axas_lookup_at(&closed->space->npt, at, &leaf) != -EAGAIN)
			closed->open++;
	}
}

/*
 * A page beside others, a table as a whole, one with neighbours that loses its
 * last leaf, and half of a large leaf: no fault may put another frame there
 * while somebody has the old one.
 */
void discard_opens_nothing_before_it_is_forgotten(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct closed closed = {
		.holder.invalidate = closed_invalidate,
		.space = space,
		.gpa = { SZ_1G, SZ_1G + SZ_2M, SZ_1G + 2 * SZ_2M,
			 SZ_1G + 3 * SZ_2M },
	};
	const u64 sizes[] = { SZ_4K, SZ_2M, SZ_64K, SZ_1M };
	unsigned int i;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, 2 * SZ_2M + SZ_64K,
					     PROT_RW, AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + 3 * SZ_2M, SZ_2M,
					     PROT_RW, AXAS_MAP_POPULATE, SZ_2M),
			0);
	INIT_LIST_HEAD(&closed.holder.node);
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &closed.holder), 0);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		closed.calls = 0;
		KUNIT_EXPECT_EQ(test, axas_discard_range(space, closed.gpa[i],
							 sizes[i], NULL), 0);
		KUNIT_EXPECT_GE(test, closed.calls, 1U);
		KUNIT_EXPECT_EQ_MSG(test, closed.open, 0U, "discard %u", i);
		/* But afterwards. */
		KUNIT_EXPECT_EQ(test, axas_fault_at(space, closed.gpa[i],
						    PROT_W),
				(int)AXAS_FAULT_RESOLVED);
		axas_check_space(test, space);
	}
	axas_space_del_holder(space, &closed.holder);
}

struct beside {
	struct axas_holder holder;
	struct axas_space *space;
	u64 gpa;
	int result;
};

static void beside_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
			      u64 size)
{
	struct beside *beside = container_of(holder, struct beside, holder);
	struct axas_leaf leaf;

	beside->result = axas_lookup_at(&beside->space->npt, beside->gpa,
					&leaf);
}

/* Beside the range, in a table that stays, there is nothing to wait for. */
void discard_lets_faults_of_others_through(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct beside beside = {
		.holder.invalidate = beside_invalidate,
		.space = space,
		.gpa = SZ_1G + SZ_64K,
		.result = 1,
	};

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_2M, PROT_RW, 0,
					     0), 0);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, SZ_1G, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, SZ_1G + SZ_4K, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	INIT_LIST_HEAD(&beside.holder.node);
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &beside.holder), 0);
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, SZ_1G, SZ_4K, NULL), 0);
	KUNIT_EXPECT_EQ(test, beside.result, -ENOENT);
	axas_space_del_holder(space, &beside.holder);
	axas_check_space(test, space);
}

/* ---- populate ---- */

void populate_brings_in_what_is_missing(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const u64 border = SZ_1G + SZ_2M + 3 * SZ_4K;
	u64 done = 7, gpa;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, border - SZ_1G,
					     PROT_RW, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, border, SZ_64K, PROT_X, 0,
					     0), 0);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, SZ_1G + SZ_2M, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	put_word(test, space, SZ_1G + SZ_2M, 0x1234);

	KUNIT_EXPECT_EQ(test, axas_populate_range(space, SZ_1G + SZ_4K,
						  border - SZ_1G, &done), 0);
	KUNIT_EXPECT_EQ(test, done, border - SZ_1G);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, border - SZ_1G);
	KUNIT_EXPECT_EQ(test, word_at(test, space, SZ_1G + SZ_2M), 0x1234ULL);
	for (gpa = SZ_1G + SZ_4K; gpa <= border; gpa += SZ_4K)
		if (gpa != SZ_1G + SZ_2M)
			KUNIT_ASSERT_NULL(test,
					  memchr_inv(axas_virt_at(test, space,
								  gpa),
						     0, SZ_4K));
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G).state,
			(u32)AXAS_TRANSLATE_LAZY);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, border).prot,
			(u32)PROT_X);
	axas_check_space(test, space);
	/* Nothing is missing: nothing is allocated. */
	gpa = fake_hal_allocs();
	KUNIT_EXPECT_EQ(test, axas_populate_range(space, SZ_1G + SZ_4K,
						  border - SZ_1G, &done), 0);
	KUNIT_EXPECT_EQ(test, done, border - SZ_1G);
	KUNIT_EXPECT_EQ(test, fake_hal_allocs(), (unsigned long)gpa);
}

void populate_takes_large_frames(struct kunit *test)
{
	const struct fake_hal_fail fail = {
		.nth = 1, .onwards = true, .min_order = 9,
	};
	struct axas_space *space = axas_test_space(test);
	u64 done;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, 5 * SZ_2M, PROT_RW,
					     0, SZ_2M), 0);
	/* One that has a page already, one that is asked for in part. */
	KUNIT_ASSERT_EQ(test, axas_populate_range(space, SZ_1G + SZ_64K, SZ_4K,
						  NULL), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[0], 1ULL);
	KUNIT_EXPECT_EQ(test, axas_populate_range(space, SZ_1G, 3 * SZ_2M +
						  SZ_64K, &done), 0);
	KUNIT_EXPECT_EQ(test, done, 3ULL * SZ_2M + SZ_64K);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[0], 512ULL + 16);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 2ULL);
	axas_check_space(test, space);
	/* There are none: small ones do. */
	fake_hal_set_fail(&fail);
	KUNIT_EXPECT_EQ(test, axas_populate_range(space, SZ_1G, 5 * SZ_2M,
						  &done), 0);
	KUNIT_EXPECT_GT(test, fake_hal_failed(), 0UL);
	fake_hal_set_fail(NULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[0], 3 * 512ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 2ULL);
	axas_check_space(test, space);
}

static void expect_done(struct kunit *test, struct axas_space *space, int err,
			u64 pages)
{
	u64 done = 7;

	KUNIT_EXPECT_EQ(test, axas_populate_range(space, SZ_1G, SZ_8M, &done),
			err);
	KUNIT_EXPECT_EQ(test, done, pages * SZ_4K);
	axas_check_space(test, space);
}

void populate_says_how_far_it_came(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const struct fake_hal_fail fail = { .nth = 520, .onwards = true };
	struct axas_map device = {
		.gpa = SZ_1G + SZ_4M, .length = SZ_4M, .prot = PROT_RW,
		.backend = AXAS_BACKEND_DEVICE,
	};
	const u64 bad = SZ_1G + 700 * SZ_4K;

	expect_done(test, space, -ENOENT, 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, 600 * SZ_4K, PROT_RW,
					     0, 0), 0);
	/* 512 frames, three tables, and a few frames of the next table. */
	fake_hal_set_fail(&fail);
	expect_done(test, space, -ENOMEM, 512);
	fake_hal_set_fail(NULL);
	expect_done(test, space, -ENOENT, 600);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_1G + 600 * SZ_4K,
					      24 * SZ_4K, HPA_NOWHERE, PROT_R),
			0);
	expect_done(test, space, -ENOENT, 624);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + 624 * SZ_4K,
					     400 * SZ_4K, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	expect_done(test, space, -ENOENT, 1024);
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &device), 0);
	expect_done(test, space, -EOPNOTSUPP, 1024);
	KUNIT_ASSERT_EQ(test,
			axas_space_poison(space, axas_gpa(bad),
					  axas_hpa(axas_translate_at(space, bad).hpa)),
			0);
	expect_done(test, space, -EHWPOISON, 700);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident,
			(600ULL + 399) * SZ_4K);
}

/* Someone who looks on while memory is allocated. */
struct populate_watch {
	struct fake_hal_watch watch;
	struct axas_space *space;
	unsigned int sleeps;
	unsigned int locked;
	unsigned int seen;
	unsigned int signal_at;
	bool fatal;
};

static void populate_sleep(struct fake_hal_watch *w)
{
	struct populate_watch *watch = container_of(w, struct populate_watch,
						    watch);
	struct axas_translate_entry entry;

	watch->sleeps++;
	watch->locked += mutex_is_locked(&watch->space->lock);
	entry = axas_translate_at(watch->space, SZ_1G);
	watch->seen += entry.state != AXAS_TRANSLATE_NO_AREA ||
		       axas_stats_of(watch->space).areas ||
		       axas_fault_at(watch->space, SZ_1G + SZ_8M - 1, PROT_R) !=
			       AXAS_FAULT_NO_AREA;
	if (watch->sleeps == watch->signal_at)
		send_sig(watch->fatal ? SIGKILL : SIGUSR1, current, 1);
}

static void populate_watch(struct populate_watch *watch,
			   struct axas_space *space)
{
	watch->watch.sleep = populate_sleep;
	watch->space = space;
	fake_hal_set_watch(&watch->watch);
}

/* Half-way, by one that has a handler; what was done stays. */
void populate_ends_at_any_signal(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct populate_watch watch = { .signal_at = 1200 };
	u64 done = 7, rest;
	int ret, map;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_8M, PROT_RW, 0,
					     0), 0);
	allow_signal(SIGUSR1);
	populate_watch(&watch, space);
	ret = axas_populate_range(space, SZ_1G, SZ_8M, &done);
	fake_hal_set_watch(NULL);
	/* A new area isn't given up for it. */
	map = axas_map_alloc(space, 0, SZ_4M, PROT_RW, AXAS_MAP_POPULATE, 0);
	flush_signals(current);
	disallow_signal(SIGUSR1);
	KUNIT_EXPECT_EQ(test, ret, -EINTR);
	/* The table that it was at is finished. */
	KUNIT_EXPECT_EQ(test, done, 3ULL * SZ_2M);
	KUNIT_EXPECT_EQ(test, map, 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, done + SZ_4M);
	KUNIT_EXPECT_EQ(test, axas_populate_range(space, SZ_1G + done,
						  SZ_8M - done, &rest), 0);
	KUNIT_EXPECT_EQ(test, done + rest, (u64)SZ_8M);
	axas_check_space(test, space);
}

void populate_holds_no_lock_for_memory(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct populate_watch watch = {};

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_8M, PROT_RW, 0,
					     SZ_2M), 0);
	populate_watch(&watch, space);
	KUNIT_EXPECT_EQ(test, axas_populate_range(space, SZ_1G, SZ_4M, NULL), 0);
	KUNIT_EXPECT_EQ(test, axas_populate_range(space, SZ_1G + SZ_4M,
						  SZ_2M - SZ_4K, NULL), 0);
	fake_hal_set_watch(NULL);
	KUNIT_EXPECT_GE(test, watch.sleeps, 513U);
	KUNIT_EXPECT_EQ(test, watch.locked, 0U);
}

/* The same of a map, of which there is nothing before there is all, or ever. */
void populate_of_a_new_area_is_seen_last(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct populate_watch watch = { .signal_at = 1500, .fatal = true };
	int ret;

	populate_watch(&watch, space);
	KUNIT_EXPECT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_4M - SZ_4K,
					     PROT_RW, AXAS_MAP_POPULATE, SZ_2M),
			0);
	fake_hal_set_watch(NULL);
	/* The record of the area, and the charge for its range. */
	KUNIT_EXPECT_GE(test, watch.sleeps, 512U);
	KUNIT_EXPECT_EQ(test, watch.locked, 0U);
	KUNIT_EXPECT_EQ(test, watch.seen, 0U);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, SZ_4M - SZ_4K);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1G, SZ_4M), 0);

	watch.sleeps = 0;
	allow_signal(SIGKILL);
	fake_hal_set_watch(&watch.watch);
	ret = axas_map_alloc(space, SZ_1G, SZ_8M, PROT_RW, AXAS_MAP_POPULATE, 0);
	fake_hal_set_watch(NULL);
	flush_signals(current);
	disallow_signal(SIGKILL);
	KUNIT_EXPECT_EQ(test, ret, -EINTR);
	KUNIT_EXPECT_GE(test, watch.sleeps, 1500U);
	KUNIT_EXPECT_EQ(test, watch.seen, 0U);
	axas_expect_empty(test, space);
}

/* ---- next ---- */

static struct axas_next next_from(struct kunit *test, struct axas_space *space,
				  u64 gpa, u64 length,
				  struct axas_next_entry *entries, u32 nr)
{
	struct axas_next next = { .gpa = gpa, .length = length, .nr = nr };

	KUNIT_EXPECT_EQ(test, axas_space_next(space, &next, entries), 0);
	KUNIT_EXPECT_LE(test, next.done, nr);
	KUNIT_EXPECT_EQ(test, next.gpa + next.length, gpa + length);
	return next;
}

static void expect_run(struct kunit *test, const struct axas_next_entry *run,
		       u64 gpa, u64 length)
{
	KUNIT_EXPECT_EQ(test, run->gpa, gpa);
	KUNIT_EXPECT_EQ(test, run->length, length);
}

void next_lists_runs(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_next_entry runs[4] = {};
	struct axas_next next;
	long pages;

	/* 600 small leaves and 2 MiB of another area touch; then linear ones. */
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + SZ_2M - 600 * SZ_4K,
					     600 * SZ_4K, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + SZ_2M, SZ_4M,
					     PROT_RW, 0, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, SZ_1G + SZ_2M, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, 1ULL << 40, SZ_1G,
					      HPA_NOWHERE, PROT_R), 0);
	pages = axas_hal_pages();
	next = next_from(test, space, 0, 1ULL << 47, runs, 4);
	KUNIT_EXPECT_EQ(test, next.done, 2U);
	KUNIT_EXPECT_EQ(test, next.length, 0ULL);
	expect_run(test, &runs[0], SZ_1G + SZ_2M - 600 * SZ_4K,
		   600 * SZ_4K + SZ_2M);
	expect_run(test, &runs[1], 1ULL << 40, SZ_1G);
	/* One at a time, from the middle of a leaf to the middle of another. */
	next = next_from(test, space, SZ_1G + SZ_2M + SZ_64K, 1ULL << 40, runs,
			 1);
	KUNIT_EXPECT_EQ(test, next.done, 1U);
	KUNIT_EXPECT_EQ(test, next.gpa, 1ULL << 40);
	expect_run(test, &runs[0], SZ_1G + SZ_2M + SZ_64K, SZ_2M - SZ_64K);
	next = next_from(test, space, next.gpa, next.length, runs, 1);
	KUNIT_EXPECT_EQ(test, next.done, 1U);
	KUNIT_EXPECT_EQ(test, next.length, 0ULL);
	expect_run(test, &runs[0], 1ULL << 40, SZ_1G);
	/* None: it says where the first would be. */
	next = next_from(test, space, 0, 1ULL << 47, runs, 0);
	KUNIT_EXPECT_EQ(test, next.gpa, SZ_1G + SZ_2M - 600 * SZ_4K);
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), pages);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G + SZ_4M).state,
			(u32)AXAS_TRANSLATE_LAZY);
}

void next_passes_over_what_is_not_there(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_map device = {
		.gpa = SZ_2G, .length = SZ_4M, .prot = PROT_RW,
		.backend = AXAS_BACKEND_DEVICE,
	};
	struct axas_next_entry runs[4] = {};
	const u64 bad = SZ_1G + SZ_4K;

	KUNIT_EXPECT_EQ(test, next_from(test, space, 0, 1ULL << 47, runs,
					4).done, 0U);
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &device), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, 0, SZ_1G, PROT_RW, 0, 0),
			0);
	KUNIT_EXPECT_EQ(test, next_from(test, space, 0, 1ULL << 47, runs,
					4).done, 0U);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, 3 * SZ_4K, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test,
			axas_space_poison(space, axas_gpa(bad),
					  axas_hpa(axas_translate_at(space, bad).hpa)),
			0);
	KUNIT_EXPECT_EQ(test, next_from(test, space, 0, 1ULL << 47, runs,
					4).done, 2U);
	expect_run(test, &runs[0], SZ_1G, SZ_4K);
	expect_run(test, &runs[1], bad + SZ_4K, SZ_4K);
}

/* Someone who lists a leaf while it is broken. */
struct lister {
	struct axas_holder holder;
	struct axas_space *space;
	struct task_struct *task;
	struct axas_next next;
	struct axas_next_entry runs[4];
	int ret;
};

static int lister_main(void *arg)
{
	struct lister *lister = arg;

	lister->ret = axas_space_next(lister->space, &lister->next,
				      lister->runs);
	return 0;
}

/* Time enough for it to look, or to wait. */
static void lister_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
			      u64 size)
{
	struct lister *lister = container_of(holder, struct lister, holder);

	if (lister->task)
		return;
	lister->task = kthread_run(lister_main, lister, "axas-lister");
	if (IS_ERR(lister->task))
		return;
	get_task_struct(lister->task);
	msleep(200);
}

/* Stage 2 breaks a leaf before it is a table, and all of it is there all the time. */
void next_sees_a_leaf_that_is_broken(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct lister *lister;

	if (axas_is_ept(test))
		kunit_skip(test, "EPT breaks no leaf");
	lister = kunit_kzalloc(test, sizeof(*lister), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, lister);
	INIT_LIST_HEAD(&lister->holder.node);
	lister->holder.invalidate = lister_invalidate;
	lister->space = space;
	lister->next = (struct axas_next){
		.gpa = SZ_1G, .length = SZ_2M, .nr = ARRAY_SIZE(lister->runs),
	};
	lister->ret = 1;
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &lister->holder), 0);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_1G, SZ_2M, HPA_NOWHERE,
					      PROT_RW), 0);
	KUNIT_ASSERT_EQ(test, axas_protect_range(space, SZ_1G, SZ_4K, PROT_R),
			0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(lister->task));
	kthread_stop(lister->task);
	put_task_struct(lister->task);
	axas_space_del_holder(space, &lister->holder);
	KUNIT_EXPECT_EQ(test, lister->ret, 0);
	KUNIT_EXPECT_EQ(test, lister->next.done, 1U);
	expect_run(test, &lister->runs[0], SZ_1G, SZ_2M);
}
