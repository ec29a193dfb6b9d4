// SPDX-License-Identifier: GPL-2.0
/*
 * Frames go, areas stay.
 */
#include "cases.h"
#include "context.h"
#include "snapshot.h"

static void expect_freed(struct kunit *test, const struct axas_npt_freed *freed,
			 u64 pages, u64 pinned)
{
	KUNIT_EXPECT_EQ(test, freed->freed, pages);
	KUNIT_EXPECT_EQ(test, freed->pinned, pinned);
}

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
		axas_put_word(test, space, gpa, gpa);
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
	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, border - 4 * SZ_4K),
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
	axas_put_word(test, space, SZ_1G, 1);
	axas_put_word(test, space, end - SZ_4K, 2);
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, SZ_1G + SZ_4K,
						 3 * SZ_2M - 2 * SZ_4K, &freed),
			0);
	expect_freed(test, &freed, 3 * 512 - 2, 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[0], 2ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 0ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 1ULL);
	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, SZ_1G), 1ULL);
	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, end - SZ_4K), 2ULL);
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
	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, SZ_1G + SZ_4K), 0ULL);
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
	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, bad), 0ULL);
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
