// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that fails: the state of its entry, and what goes with it.
 */
#include "cases.h"
#include "context.h"
#include "snapshot.h"

static int poison_at(struct axas_space *space, u64 gpa, u64 hpa)
{
	return axas_space_poison(space, axas_gpa(gpa), axas_hpa(hpa));
}

static u64 entry_at(struct axas_space *space, u64 gpa, unsigned int level)
{
	unsigned int is;
	u64 entry = raw_entry(&space->npt, gpa, &is);

	return is == level ? entry : U64_MAX;
}

/* Populate pages and poison the one with this number. */
static struct axas_space *poisoned_space(struct kunit *test, unsigned int pages,
					 unsigned int nr)
{
	struct axas_space *space = axas_test_space(test);
	u64 bad = SZ_1G + nr * SZ_4K;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, pages * SZ_4K,
					     PROT_RW, AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, poison_at(space, bad,
					axas_translate_at(space, bad).hpa), 0);
	return space;
}

void poison_is_answered(struct kunit *test)
{
	struct axas_space *space = poisoned_space(test, 4, 1);
	const u64 bad = SZ_1G + SZ_4K;
	struct axas_translate_entry entry = axas_translate_at(space, bad + 8);
	struct axas_fault_entry faults[] = {
		{ .gpa = bad - 1, .access = PROT_R },
		{ .gpa = bad, .access = PROT_R },
		{ .gpa = bad + SZ_4K, .access = PROT_W },
	};
	struct axas_memory memory;
	struct axas_leaf leaf;

	KUNIT_EXPECT_EQ(test, entry.state, (u32)AXAS_TRANSLATE_POISONED);
	KUNIT_EXPECT_EQ(test, entry.hpa, 0ULL);
	KUNIT_EXPECT_EQ(test, entry.leaf_size, 0ULL);
	KUNIT_EXPECT_EQ(test, entry.prot, (u32)PROT_RW);
	KUNIT_EXPECT_EQ(test, entry.limit, 3ULL * SZ_4K - 8);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, bad, PROT_R),
			(int)AXAS_FAULT_POISONED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, bad + 4095, PROT_RW),
			(int)AXAS_FAULT_POISONED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, bad, PROT_X),
			(int)AXAS_FAULT_DENIED);
	/* The last look ended in its table. */
	axas_space_faults(space, faults, ARRAY_SIZE(faults));
	KUNIT_EXPECT_EQ(test, faults[0].result, (u32)AXAS_FAULT_SPURIOUS);
	KUNIT_EXPECT_EQ(test, faults[1].result, (u32)AXAS_FAULT_POISONED);
	KUNIT_EXPECT_EQ(test, faults[2].result, (u32)AXAS_FAULT_SPURIOUS);
	KUNIT_EXPECT_EQ(test, axas_lookup_at(&space->npt, bad, &leaf),
			-EHWPOISON);
	KUNIT_EXPECT_EQ(test, axas_space_get_memory(space, axas_gpa(bad),
						    PROT_R, &memory),
			-EHWPOISON);
	KUNIT_EXPECT_EQ(test, axas_space_get_memory(space, axas_gpa(bad),
						    PROT_X, &memory), -EACCES);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, 3ULL * SZ_4K);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[0], 3ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).faults[AXAS_FAULT_POISONED],
			3ULL);
}

/* No CPU follows it, and it points nowhere. Bit 10: mode-based execution. */
void poison_points_at_nothing(struct kunit *test)
{
	struct axas_space *space = poisoned_space(test, 4, 1);
	u64 entry = entry_at(space, SZ_1G + SZ_4K, 1);

	KUNIT_EXPECT_NE(test, entry, 0ULL);
	KUNIT_EXPECT_FALSE(test, raw_present(axas_context(test)->format,
					     entry));
	KUNIT_EXPECT_EQ(test, entry & ~0xbf8ULL, 0ULL);
	KUNIT_EXPECT_NE(test, entry, AXAS_NPT_FROZEN);
}

void poison_outlives_protect(struct kunit *test)
{
	struct axas_space *space = poisoned_space(test, 4, 1);
	const u64 bad = SZ_1G + SZ_4K;

	KUNIT_EXPECT_EQ(test, axas_protect_range(space, SZ_1G, 4 * SZ_4K,
						 PROT_R), 0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, bad, PROT_R),
			(int)AXAS_FAULT_POISONED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, bad, PROT_W),
			(int)AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, bad, SZ_4K, PROT_RWX),
			0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, bad, PROT_RWX),
			(int)AXAS_FAULT_POISONED);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, 3ULL * SZ_4K);
}

/* A table that holds nothing else isn't empty. */
void poison_keeps_its_table(struct kunit *test)
{
	struct axas_space *space = poisoned_space(test, 4, 1);
	const u64 bad = SZ_1G + SZ_4K;

	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1G, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, bad + SZ_4K, 2 * SZ_4K),
			0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[0], 0ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).tables[0], 1ULL);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, bad, PROT_R),
			(int)AXAS_FAULT_POISONED);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, bad, SZ_4K), 0);
	axas_expect_empty(test, space);
}

void poison_ends_with_unmap(struct kunit *test)
{
	struct axas_space *space = poisoned_space(test, 4, 1);
	const u64 bad = SZ_1G + SZ_4K;

	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, bad, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, bad, PROT_R),
			(int)AXAS_FAULT_NO_AREA);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, bad, SZ_4K, PROT_R, 0, 0),
			0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, bad, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_NULL(test, memchr_inv(axas_virt_at(test, space, bad), 0,
					   SZ_4K));
	/* As a whole, as a range of its own, and with the space. */
	KUNIT_ASSERT_EQ(test, poison_at(space, bad,
					axas_translate_at(space, bad).hpa), 0);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, 0, 1ULL << 47), 0);
	axas_expect_empty(test, space);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, bad, SZ_4K, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, poison_at(space, bad,
					axas_translate_at(space, bad).hpa), 0);
	axas_test_drop_space(test);
}

/* 4 KiB of 2 MiB: the rest stays, with what it holds. */
void poison_splits_a_large_leaf(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const u64 bad = SZ_2M + 77 * SZ_4K;
	const struct fake_hal_fail fail = { .nth = 1, .onwards = true };
	u64 hpa, *virt;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_2M, SZ_2M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	hpa = axas_translate_at(space, SZ_2M).hpa;
	virt = axas_virt_at(test, space, bad + SZ_4K);
	*virt = 0x5a5a;
	/* There is no way for it to fail. */
	fake_hal_set_fail(&fail);
	KUNIT_EXPECT_EQ(test, poison_at(space, bad, hpa + 77 * SZ_4K), 0);
	fake_hal_set_fail(NULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[0], 511ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 0ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident,
			(u64)SZ_2M - SZ_4K);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, bad, PROT_R),
			(int)AXAS_FAULT_POISONED);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, bad - 1).hpa,
			hpa + 77 * SZ_4K - 1);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, bad + SZ_4K).hpa,
			hpa + 78 * SZ_4K);
	KUNIT_EXPECT_EQ(test, *virt, 0x5a5aULL);
	/* The area takes 2 MiB, but there is no room for them. */
	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, SZ_2M, 77 * SZ_4K), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_2M, 77 * SZ_4K, PROT_RW,
					     0, SZ_2M), 0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_2M, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_2M).leaf_size,
			(u64)SZ_4K);
}

/* Somebody noticed late: the page has gone, or was never the space's. */
void poison_of_another_page(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_snapshot before;
	u64 hpa;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_2M, SZ_2M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, 0, SZ_4K, PROT_RW, 0, 0),
			0);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_1G, SZ_2M, HPA_NOWHERE,
					      PROT_RW), 0);
	hpa = axas_translate_at(space, SZ_2M).hpa;
	axas_snapshot_take(space, &before);
	KUNIT_EXPECT_EQ(test, poison_at(space, SZ_2M, hpa + SZ_4K), -ENOENT);
	KUNIT_EXPECT_EQ(test, poison_at(space, SZ_2M + SZ_4K, hpa), -ENOENT);
	KUNIT_EXPECT_EQ(test, poison_at(space, 0, hpa), -ENOENT);
	KUNIT_EXPECT_EQ(test, poison_at(space, SZ_8M, hpa), -ENOENT);
	KUNIT_EXPECT_EQ(test, poison_at(space, SZ_1G, HPA_NOWHERE), -ENOENT);
	axas_snapshot_expect(test, space, &before, "poison", 0);
}

struct poison_watch {
	struct fake_hal_watch watch;
	const struct axas_npt *npt;
	u64 gpa;
	u64 hpa;
	bool invalidated;
	bool freed;
	bool wrong;
};

static void poison_invalidate(struct fake_hal_watch *w, axas_gpa_t gpa,
			      u64 size)
{
	struct poison_watch *watch = container_of(w, struct poison_watch, watch);

	if (watch->gpa < gpa.val || watch->gpa - gpa.val >= size ||
	    raw_reaches(watch->npt, watch->gpa, watch->hpa))
		return;
	watch->invalidated = true;
}

static void poison_free(struct fake_hal_watch *w, axas_hpa_t hpa,
			unsigned int order)
{
	struct poison_watch *watch = container_of(w, struct poison_watch, watch);

	if (hpa.val != watch->hpa || order || !watch->invalidated)
		watch->wrong = true;
	watch->freed = true;
}

/* Clear, invalidate, free, and nothing but the one page. */
void poison_order_of_death(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct poison_watch watch = {
		.watch = { .invalidate = poison_invalidate, .free = poison_free },
		.npt = &space->npt,
		.gpa = SZ_2M + 3 * SZ_4K,
	};

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_2M, SZ_2M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	watch.hpa = axas_translate_at(space, watch.gpa).hpa;
	fake_hal_set_watch(&watch.watch);
	KUNIT_EXPECT_EQ(test, poison_at(space, watch.gpa, watch.hpa), 0);
	fake_hal_set_watch(NULL);
	KUNIT_EXPECT_TRUE(test, watch.freed);
	KUNIT_EXPECT_FALSE(test, watch.wrong);
}

/* A failure is told by the frame alone: which space, and where? */
void poison_finds_the_space(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_create args = { .format = axas_context(test)->format };
	struct axas_space *other = axas_space_create(&args);
	u64 hpa, bad = SZ_1G + 700 * SZ_4K;

	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	KUNIT_EXPECT_EQ(test, axas_map_alloc(other, 0, 4 * SZ_2M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	KUNIT_EXPECT_EQ(test, axas_map_alloc(space, SZ_1G, 1000 * SZ_4K,
					     PROT_RW, AXAS_MAP_POPULATE, 0), 0);
	/* More leaves than one look takes, and another table. */
	hpa = axas_translate_at(space, bad).hpa;
	axas_poison_frame(axas_hpa(hpa));
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, bad).state,
			(u32)AXAS_TRANSLATE_POISONED);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[0], 999ULL);

	hpa = axas_translate_at(other, 3 * SZ_2M - SZ_4K).hpa;
	axas_poison_frame(axas_hpa(hpa));
	KUNIT_EXPECT_EQ(test, axas_translate_at(other, 3 * SZ_2M - 1).state,
			(u32)AXAS_TRANSLATE_POISONED);
	KUNIT_EXPECT_EQ(test, axas_stats_of(other).leaves[0], 511ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(other).leaves[1], 3ULL);
	/* Nobody's. */
	axas_poison_frame(axas_hpa(hpa));
	axas_poison_frame(axas_hpa(0));
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[0], 999ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(other).leaves[0], 511ULL);
	axas_space_destroy(other);
}
