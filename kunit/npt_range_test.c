// SPDX-License-Identifier: GPL-2.0
/*
 * Ranges over a bare table, for both formats: leaves, splits, installs, what is
 * freed when.
 */
#include <linux/completion.h>
#include <linux/kthread.h>

#include "cases.h"
#include "npt_range.h"

static const struct axas_attr rw_owned = { .prot = PROT_RW, .owned = true };

/* With tables for any path. What the frames don't fill is looked at again. */
static int npt_do_populate(struct axas_npt *npt, u64 gpa, unsigned int pages,
			   const axas_hpa_t *frames, unsigned int *nr)
{
	struct axas_npt_pool pool __free(axas_npt_pool) = {};
	int ret = axas_npt_pool_fill(&pool, npt->levels - 1,
				     GFP_KERNEL | __GFP_ZERO);

	if (ret)
		return ret;
	mutex_lock(npt->lock);
	ret = npt->ops->populate(npt, axas_gpa(gpa), 1, pages, frames, nr,
				 npt->ops->encode(npt, rw_owned), &pool);
	mutex_unlock(npt->lock);
	return ret;
}

static void npt_do_unmap_in(struct axas_npt *npt, u64 gpa, u64 size,
			    const struct axas_npt_gap *gap)
{
	struct axas_npt_pool pool = {};

	mutex_lock(npt->lock);
	npt->ops->unmap(npt, axas_gpa(gpa), size, gap, &pool);
	mutex_unlock(npt->lock);
}

static void npt_do_unmap(struct axas_npt *npt, u64 gpa, u64 size)
{
	npt_do_unmap_in(npt, gpa, size, NULL);
}

static void npt_do_protect(struct axas_npt *npt, u64 gpa, u64 size,
			   unsigned int prot)
{
	struct axas_npt_pool pool = {};

	mutex_lock(npt->lock);
	npt->ops->protect(npt, axas_gpa(gpa), size, prot, &pool);
	mutex_unlock(npt->lock);
}

/* Number of leaves by level, and tables below the root, are these. */
static void expect_shape(struct kunit *test, struct axas_npt *npt, u64 n4k,
			 u64 n2m, u64 n1g, u64 tables)
{
	struct raw_reader reader = { .npt = npt };
	struct axas_npt_stats stats;
	u64 below = 0;
	unsigned int i;

	raw_read(&reader);
	axas_npt_sum(npt, &stats);
	KUNIT_EXPECT_NULL_MSG(test, reader.sum.bad, "%s: %llx", reader.sum.bad,
			      reader.sum.bad_entry);
	KUNIT_EXPECT_EQ(test, reader.sum.leaves[0], n4k);
	KUNIT_EXPECT_EQ(test, reader.sum.leaves[1], n2m);
	KUNIT_EXPECT_EQ(test, reader.sum.leaves[2], n1g);
	for (i = 0; i + 1 < npt->levels; i++)
		below += reader.sum.tables[i];
	KUNIT_EXPECT_EQ(test, below, tables);
	for (i = 0; i < AXAS_MAX_LEAF_LEVEL; i++)
		KUNIT_EXPECT_EQ(test, (u64)stats.leaves[i],
				reader.sum.leaves[i]);
	for (i = 0; i < AXAS_MAX_LEVELS; i++)
		KUNIT_EXPECT_EQ(test, (u64)stats.tables[i],
				reader.sum.tables[i]);
	KUNIT_EXPECT_EQ(test, (u64)stats.owned, reader.sum.owned);
}

/* Around 2 GiB: 4 KiB, 2 MiB, 1 GiB, 2 MiB, 4 KiB. */
void npt_largest_leaf_that_fits(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	const u64 start = SZ_1G - SZ_2M - SZ_4K;
	const u64 size = SZ_1G + 2ULL * (SZ_2M + SZ_4K);
	struct axas_leaf leaf;

	KUNIT_ASSERT_EQ(test, npt_do_map(npt, start, start + (8ULL << 30), size,
					 3), 0);
	/* Root, one table of 512 GiB, two of 1 GiB, two of 2 MiB. */
	expect_shape(test, npt, 2, 2, 1, 5);
	KUNIT_ASSERT_EQ(test, axas_lookup_at(npt, SZ_1G + 0x12345678, &leaf),
			0);
	KUNIT_EXPECT_EQ(test, leaf.level, 3U);
	KUNIT_EXPECT_EQ(test, leaf.hpa.val, 9ULL << 30);
	npt_do_unmap(npt, start, size);
	expect_shape(test, npt, 0, 0, 0, 0);

	/* HPAs 4 KiB off: nothing but small leaves. */
	KUNIT_ASSERT_EQ(test, npt_do_map(npt, 0, SZ_4K, 2 * SZ_2M, 3), 0);
	expect_shape(test, npt, 1024, 0, 0, 4);
	npt_do_unmap(npt, 0, 2 * SZ_2M);
	/* 2 MiB off 1 GiB. */
	KUNIT_ASSERT_EQ(test, npt_do_map(npt, 0, SZ_2M, SZ_1G, 3), 0);
	expect_shape(test, npt, 0, 512, 0, 2);
}

void npt_max_level_is_kept(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);

	KUNIT_ASSERT_EQ(test, npt_do_map(npt, SZ_1G, 0, SZ_1G, 2), 0);
	expect_shape(test, npt, 0, 512, 0, 2);
	npt_do_unmap(npt, SZ_1G, SZ_1G);
	KUNIT_ASSERT_EQ(test, npt_do_map(npt, SZ_1G, 0, SZ_2M, 1), 0);
	expect_shape(test, npt, 512, 0, 0, 3);
}

static unsigned int alloc_frames(struct kunit *test, axas_hpa_t *frames,
				 unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		frames[i] = axas_hal_alloc_frame(0, NUMA_NO_NODE,
						 GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_TRUE(test, axas_frame_valid(frames[i]));
	}
	return n;
}

void npt_populate_fills_one_table(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	const u64 gpa = (5ULL << 39) + SZ_1G + SZ_2M - 7 * SZ_4K;
	axas_hpa_t frames[7];
	struct axas_leaf leaf;
	unsigned int i, nr = 7;

	alloc_frames(test, frames, 7);
	KUNIT_ASSERT_EQ(test, npt_do_populate(npt, gpa, 7, frames, &nr), 0);
	KUNIT_EXPECT_EQ(test, nr, 0U);
	expect_shape(test, npt, 7, 0, 0, 3);
	for (i = 0; i < 7; i++) {
		KUNIT_ASSERT_EQ(test,
				axas_lookup_at(npt, gpa + i * SZ_4K, &leaf), 0);
		KUNIT_EXPECT_EQ(test, leaf.hpa.val, frames[6 - i].val);
		KUNIT_EXPECT_TRUE(test, leaf.attr.owned);
	}
	npt_do_unmap(npt, gpa, 7 * SZ_4K);
	for (i = 0; i < 7; i++)
		KUNIT_EXPECT_FALSE(test, fake_hal_owns(frames[i]));
}

/* What is there stays; what is left over is the caller's. */
void npt_populate_fills_gaps(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_npt_pool none = {};
	unsigned int nr = 1, i;
	axas_hpa_t frames[4];
	struct axas_leaf leaf;

	alloc_frames(test, frames, 4);
	/* Without a table there is nothing, and nothing is left behind. */
	mutex_lock(npt->lock);
	KUNIT_EXPECT_EQ(test, npt->ops->populate(npt, axas_gpa(SZ_1G), 1, 4, frames,
						 &nr, npt->ops->encode(npt, rw_owned),
						 &none),
			-EAGAIN);
	mutex_unlock(npt->lock);
	expect_shape(test, npt, 0, 0, 0, 0);
	KUNIT_ASSERT_EQ(test, npt_do_map(npt, SZ_1G + SZ_4K, 0, SZ_4K, 1), 0);
	KUNIT_EXPECT_EQ(test, npt_do_populate(npt, SZ_1G, 4, frames, &nr),
			-EAGAIN);
	KUNIT_EXPECT_EQ(test, nr, 0U);
	expect_shape(test, npt, 2, 0, 0, 3);
	nr = 3;
	KUNIT_EXPECT_EQ(test, npt_do_populate(npt, SZ_1G, 4, frames + 1, &nr), 0);
	KUNIT_EXPECT_EQ(test, nr, 1U);
	for (i = 0; i < 4; i++) {
		KUNIT_ASSERT_EQ(test, axas_lookup_at(npt, SZ_1G + i * SZ_4K,
						     &leaf), 0);
		KUNIT_EXPECT_EQ(test, leaf.attr.owned, i != 1);
	}
	axas_hal_dealloc_frame(frames[1], 0);
	/* A large leaf covers all of it. */
	KUNIT_ASSERT_EQ(test, npt_do_map(npt, SZ_1G + SZ_2M, 0, SZ_2M, 2), 0);
	nr = 1;
	KUNIT_EXPECT_EQ(test, npt_do_populate(npt, SZ_1G + SZ_2M, 4, frames,
					      &nr), 0);
	KUNIT_EXPECT_EQ(test, nr, 1U);
}

/* All of [start, end) but a middle part still translates as it did. */
static void expect_hole(struct kunit *test, struct axas_npt *npt, u64 start,
			u64 end, u64 hole, u64 hole_end, u64 offset)
{
	struct axas_leaf leaf;
	u64 gpa;

	/* Both sides of each edge, and 1 MiB steps between them. */
	for (gpa = start; gpa < end; gpa += SZ_1M) {
		if (gpa >= hole && gpa < hole_end) {
			KUNIT_EXPECT_EQ(test, axas_lookup_at(npt, gpa, &leaf),
					-ENOENT);
			continue;
		}
		KUNIT_ASSERT_EQ(test, axas_lookup_at(npt, gpa, &leaf),
				0);
		KUNIT_EXPECT_EQ(test, leaf.hpa.val +
				(gpa & (axas_level_size(leaf.level) - 1)),
				gpa + offset);
	}
	KUNIT_EXPECT_EQ(test, axas_lookup_at(npt, hole - 1, &leaf), 0);
	KUNIT_EXPECT_EQ(test, axas_lookup_at(npt, hole, &leaf),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, axas_lookup_at(npt, hole_end - 1, &leaf),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, axas_lookup_at(npt, hole_end, &leaf), 0);
}

/* 1 GiB to 2 MiB to 4 KiB, at the beginning and the end of the hole. */
void npt_split_for_unmap_at_both_ends(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	const u64 gpa = 7ULL << 30, offset = 32ULL << 30;
	const u64 hole = gpa + 3 * SZ_2M + 5 * SZ_4K;
	const u64 end = gpa + 400ULL * SZ_2M + SZ_4K;

	KUNIT_ASSERT_EQ(test, npt_do_map(npt, gpa, gpa + offset, SZ_1G, 3), 0);
	npt_do_unmap(npt, hole, end - hole);
	/* 5 small and 3 large in front, 511 small and 111 large behind. */
	expect_shape(test, npt, 5 + 511, 3 + 111, 0, 4);
	expect_hole(test, npt, gpa, gpa + SZ_1G, hole, end, offset);
	npt_do_unmap(npt, gpa, SZ_1G);
	expect_shape(test, npt, 0, 0, 0, 0);
}

static void expect_prot(struct kunit *test, struct axas_npt *npt, u64 gpa,
			unsigned int prot, unsigned int level)
{
	struct axas_leaf leaf;

	KUNIT_ASSERT_EQ(test, axas_lookup_at(npt, gpa, &leaf), 0);
	KUNIT_EXPECT_EQ(test, (unsigned int)leaf.attr.prot, prot);
	KUNIT_EXPECT_EQ(test, leaf.level, level);
	KUNIT_EXPECT_EQ(test, leaf.attr.memtype, (u8)AXAS_MEM_WB);
}

void npt_split_for_protect_keeps_the_rest(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	const u64 gpa = 511ULL << 30;

	KUNIT_ASSERT_EQ(test, npt_do_map(npt, gpa, gpa, 2ULL << 30, 3), 0);
	/* The last page of one leaf, the first of the next, over 512 GiB. */
	npt_do_protect(npt, gpa + SZ_1G - SZ_4K, 2 * SZ_4K, PROT_R);
	expect_shape(test, npt, 1024, 1022, 0, 6);
	expect_prot(test, npt, gpa, PROT_RWX, 2);
	expect_prot(test, npt, gpa + SZ_1G - 2 * SZ_4K, PROT_RWX, 1);
	expect_prot(test, npt, gpa + SZ_1G - SZ_4K, PROT_R, 1);
	expect_prot(test, npt, gpa + SZ_1G, PROT_R, 1);
	expect_prot(test, npt, gpa + SZ_1G + SZ_4K, PROT_RWX, 1);
	expect_prot(test, npt, gpa + SZ_1G + SZ_2M, PROT_RWX, 2);
	/* Whole leaves aren't split. */
	npt_do_protect(npt, gpa, SZ_2M, PROT_RX);
	expect_shape(test, npt, 1024, 1022, 0, 6);
	expect_prot(test, npt, gpa, PROT_RX, 2);
}

void npt_split_cost_by_hand(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	static const struct { u64 gpa; unsigned int max, cost; } rows[] = {
		{ SZ_1G, 3, 0 }, { SZ_1G + SZ_2M, 3, 1 },
		{ SZ_1G + SZ_4K, 3, 2 }, { SZ_1G + SZ_2M + SZ_4K, 3, 2 },
		/* No leaf of the area is larger than this. */
		{ SZ_1G + SZ_4K, 2, 1 }, { SZ_1G + SZ_2M, 2, 0 },
		{ SZ_1G + SZ_4K, 1, 0 },
	};
	unsigned int i, cost;

	/* Both while there is a leaf and while a fault may still bring one. */
	for (i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		if (i == ARRAY_SIZE(rows))
			KUNIT_ASSERT_EQ(test, npt_do_map(npt, SZ_1G, 0, SZ_1G,
							 3), 0);
		mutex_lock(npt->lock);
		cost = npt->ops->split_cost(npt,
				axas_gpa(rows[i % ARRAY_SIZE(rows)].gpa),
				rows[i % ARRAY_SIZE(rows)].max);
		mutex_unlock(npt->lock);
		KUNIT_EXPECT_EQ_MSG(test, cost,
				    rows[i % ARRAY_SIZE(rows)].cost, "%u", i);
	}
}

/* ---- install ---- */

static int npt_do_install(struct axas_npt *npt, struct axas_npt_slot *slot,
			  u64 gpa, u64 hpa, unsigned int level)
{
	struct axas_npt_pool pool = {};
	int ret;

	rcu_read_lock();
	ret = npt->ops->install(npt, slot, axas_gpa(gpa), axas_hpa(hpa), level,
				npt->ops->encode(npt, rwx_wb), &pool);
	rcu_read_unlock();
	return ret;
}

static struct axas_npt_slot npt_do_peek(struct axas_npt *npt, u64 gpa)
{
	struct axas_npt_slot slot;
	struct axas_leaf leaf;

	rcu_read_lock();
	npt->ops->lookup(npt, axas_gpa(gpa), &slot, &leaf);
	rcu_read_unlock();
	return slot;
}

void npt_install_builds_the_path(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	const u64 gpa = 0x123456789000ULL;
	struct axas_npt_slot slot = npt_do_peek(npt, gpa);
	struct axas_leaf leaf;

	KUNIT_EXPECT_EQ(test, slot.level, 4U);
	KUNIT_ASSERT_EQ(test, npt_do_install(npt, &slot, gpa, 0xabc000, 1), 0);
	expect_shape(test, npt, 1, 0, 0, 3);
	KUNIT_ASSERT_EQ(test, axas_lookup_at(npt, gpa + 5, &leaf), 0);
	KUNIT_EXPECT_EQ(test, leaf.hpa.val, 0xabc000ULL);

	/* Beside it: the table is there. */
	slot = npt_do_peek(npt, gpa + SZ_4K);
	KUNIT_EXPECT_EQ(test, slot.level, 1U);
	KUNIT_ASSERT_EQ(test, npt_do_install(npt, &slot, gpa + SZ_4K, 0, 1), 0);
	/* 2 MiB further: one level up. */
	slot = npt_do_peek(npt, gpa + SZ_2M);
	KUNIT_EXPECT_EQ(test, slot.level, 2U);
	KUNIT_ASSERT_EQ(test, npt_do_install(npt, &slot, (gpa + SZ_2M) &
					     ~(SZ_2M - 1ULL), SZ_2M, 2), 0);
	expect_shape(test, npt, 2, 1, 0, 3);
}

/* Without a pool each table can fail: then there is no trace of the others. */
void npt_install_without_memory_leaves_nothing(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_npt_slot slot = npt_do_peek(npt, SZ_1G);
	struct fake_hal_fail fail = {};
	long pages = axas_hal_pages();
	int ret;

	for (fail.nth = 1; fail.nth <= 3; fail.nth++) {
		fake_hal_set_fail(&fail);
		ret = npt_do_install(npt, &slot, SZ_1G, 0, 1);
		KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
		KUNIT_EXPECT_EQ(test, axas_hal_pages(), pages);
		expect_shape(test, npt, 0, 0, 0, 0);
	}
	fake_hal_set_fail(&fail);
	KUNIT_EXPECT_EQ(test, npt_do_install(npt, &slot, SZ_1G, 0, 1), 0);
	KUNIT_EXPECT_EQ(test, fake_hal_failed(), 0UL);
}

void npt_install_into_a_changed_slot(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_npt_slot first = npt_do_peek(npt, SZ_1G), second = first;
	long pages;

	KUNIT_ASSERT_EQ(test, npt_do_install(npt, &first, SZ_1G, 0, 1), 0);
	pages = axas_hal_pages();
	KUNIT_EXPECT_EQ(test, npt_do_install(npt, &second, SZ_1G, SZ_4K, 1),
			-EAGAIN);
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), pages);
	expect_shape(test, npt, 1, 0, 0, 3);
}

/*
 * A fault reads its slot, then its area. If the area goes away in between, the
 * install must fail, whether or not a table was there, and whether or not
 * anything else was mapped meanwhile.
 */
void npt_unmap_stops_faults_that_looked_before(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_npt_slot root, leaf;

	root = npt_do_peek(npt, SZ_1G);
	npt_do_unmap(npt, SZ_1G, SZ_1G);
	KUNIT_EXPECT_EQ(test, npt_do_install(npt, &root, SZ_1G, 0, 1), -EAGAIN);

	/* Keeps the table alive. */
	KUNIT_ASSERT_EQ(test, npt_do_map(npt, SZ_1G + SZ_2M - SZ_4K, 0, SZ_4K,
					 1), 0);
	leaf = npt_do_peek(npt, SZ_1G);
	KUNIT_EXPECT_EQ(test, leaf.level, 1U);
	npt_do_unmap(npt, SZ_1G, SZ_4K);
	KUNIT_EXPECT_EQ(test, npt_do_install(npt, &leaf, SZ_1G, 0, 1), -EAGAIN);

	/* Once more, from the value that the last unmap left. */
	leaf = npt_do_peek(npt, SZ_1G);
	npt_do_unmap(npt, SZ_1G, SZ_4K);
	KUNIT_EXPECT_EQ(test, npt_do_install(npt, &leaf, SZ_1G, 0, 1), -EAGAIN);

	/* An entry beside the range isn't meant. */
	leaf = npt_do_peek(npt, SZ_1G + SZ_4K);
	npt_do_unmap(npt, SZ_1G, SZ_4K);
	KUNIT_EXPECT_EQ(test, npt_do_install(npt, &leaf, SZ_1G + SZ_4K, 0, 1),
			0);
}

/*
 * The table that goes with its last page takes no install from who is in it still,
 * however far the gap around the page is known to reach.
 */
void npt_unmap_in_a_gap(struct kunit *test)
{
	const struct axas_npt_gap gaps[] = {
		{ SZ_1G, SZ_1G + SZ_4K - 1 },
		{ SZ_1G, SZ_1G + SZ_2M - SZ_4K - 1 },
		{ SZ_1G, SZ_1G + SZ_2M - 1 },
		{ 0, U64_MAX },
	};
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_npt_slot slot;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gaps); i++) {
		KUNIT_ASSERT_EQ(test, npt_do_map(npt, SZ_1G, 0, 2 * SZ_4K, 1), 0);
		npt_do_unmap_in(npt, SZ_1G + SZ_4K, SZ_4K, &gaps[i]);
		expect_shape(test, npt, 1, 0, 0, 3);

		slot = npt_do_peek(npt, SZ_1G + SZ_2M - SZ_4K);
		KUNIT_ASSERT_EQ(test, slot.level, 1U);
		get_page(virt_to_page(slot.ptr));
		npt_do_unmap_in(npt, SZ_1G, SZ_4K, &gaps[i]);
		expect_shape(test, npt, 0, 0, 0, 0);
		KUNIT_EXPECT_EQ(test, npt_do_install(npt, &slot, SZ_1G + SZ_2M - SZ_4K,
						     0, 1), -EAGAIN);
		put_page(virt_to_page(slot.ptr));
	}
}

void npt_protect_stops_faults_that_looked_before(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_npt_slot slot = npt_do_peek(npt, SZ_1G);

	npt_do_protect(npt, SZ_1G, SZ_1G, PROT_R);
	KUNIT_EXPECT_EQ(test, npt_do_install(npt, &slot, SZ_1G, 0, 1), -EAGAIN);
	slot = npt_do_peek(npt, SZ_1G);
	npt_do_protect(npt, SZ_1G, SZ_4K, PROT_R);
	KUNIT_EXPECT_EQ(test, npt_do_install(npt, &slot, SZ_1G, 0, 1), -EAGAIN);
	expect_shape(test, npt, 0, 0, 0, 0);
}

/* ---- freeing ---- */

/* More frames than are gathered at a time, and not in one table. */
void npt_unmap_frees_a_full_gather(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	const unsigned int n = 1200, chunk = 400;
	axas_hpa_t *frames;
	unsigned int i, nr;

	frames = kunit_kcalloc(test, n, sizeof(*frames), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, frames);
	alloc_frames(test, frames, n);
	for (i = 0; i < n; i += chunk) {
		nr = chunk;
		KUNIT_ASSERT_EQ(test, npt_do_populate(npt, i * (u64)SZ_1M, chunk,
						      frames + i, &nr), 0);
	}
	npt_do_unmap(npt, 0, 1ULL << 48);
	rcu_barrier();
	expect_shape(test, npt, 0, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 1L);
}

/* ---- tables full of leaves that own nothing ---- */

/* The entry of a GPA, in a table that stays readable when it is freed. */
static u64 *hold_table(struct axas_npt *npt, u64 gpa)
{
	unsigned int level;
	u64 *ptr = raw_entry_ptr(npt, gpa, &level);

	get_page(virt_to_page(ptr));
	return ptr;
}

/*
 * Such a table is taken out as it is: what stands in it still does when it is
 * out. A hole, or a frame of its own, and it is gone through.
 */
void npt_full_table_goes_unseen(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	u64 *table, leaf;

	KUNIT_ASSERT_EQ(test, npt_do_map(npt, SZ_1G, SZ_4K, 2 * SZ_2M, 1), 0);
	expect_shape(test, npt, 1024, 0, 0, 4);
	table = hold_table(npt, SZ_1G);
	leaf = *table;
	npt_do_unmap(npt, SZ_1G, SZ_2M);
	KUNIT_EXPECT_EQ(test, *table, leaf);
	put_page(virt_to_page(table));
	expect_shape(test, npt, 512, 0, 0, 3);

	npt_do_unmap(npt, SZ_1G + SZ_2M, SZ_4K);
	expect_shape(test, npt, 511, 0, 0, 3);
	table = hold_table(npt, SZ_1G + SZ_2M + SZ_4K);
	npt_do_unmap(npt, SZ_1G + SZ_2M, SZ_2M);
	KUNIT_EXPECT_EQ(test, *table, AXAS_NPT_FROZEN);
	put_page(virt_to_page(table));
	expect_shape(test, npt, 0, 0, 0, 0);
}

struct look_twice {
	struct axas_npt *npt;
	struct completion looked;
	bool unmapped;
	enum axas_look first;
	enum axas_look second;
};

/* User Mode Linux preempts no kernel thread that does not ask for it. */
static void need_to_spin(struct kunit *test)
{
	if (num_online_cpus() == 1 &&
	    (IS_ENABLED(CONFIG_UML) || !preempt_model_preemptible()))
		kunit_skip(test, "Needs a second CPU or a preemptible kernel");
}

static int look_twice_thread(void *arg)
{
	struct axas_npt_cursor cursor = { .base = AXAS_CURSOR_NONE };
	struct look_twice *look = arg;
	struct axas_npt *npt = look->npt;
	struct axas_npt_slot slot;

	rcu_read_lock();
	look->first = npt->ops->look(npt, axas_gpa(SZ_1G), PROT_R, &cursor,
				     &slot);
	complete(&look->looked);
	/* Pairs with the release in the case. */
	while (!smp_load_acquire(&look->unmapped))
		cpu_relax();
	look->second = npt->ops->look(npt, axas_gpa(SZ_1G), PROT_R, &cursor,
				      &slot);
	rcu_read_unlock();
	while (!kthread_should_stop())
		schedule_timeout_uninterruptible(1);
	return 0;
}

/* Who remembers it from before it went doesn't find its leaves afterwards. */
void npt_full_table_is_no_place_any_more(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct look_twice look = { .npt = npt };
	struct task_struct *task;

	need_to_spin(test);
	init_completion(&look.looked);
	KUNIT_ASSERT_EQ(test, npt_do_map(npt, SZ_1G, SZ_4K, SZ_2M, 1), 0);
	task = kthread_run(look_twice_thread, &look, "axas_look");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	wait_for_completion(&look.looked);
	npt_do_unmap(npt, SZ_1G, SZ_2M);
	/* Unmapped before it is said to be. */
	smp_store_release(&look.unmapped, true);
	kthread_stop(task);
	KUNIT_EXPECT_EQ(test, look.first, AXAS_LOOK_ALLOWED);
	KUNIT_EXPECT_EQ(test, look.second, AXAS_LOOK_EMPTY);
}

static int reader_thread(void *arg)
{
	rcu_read_lock();
	complete(arg);
	while (!kthread_should_stop())
		cpu_relax();
	rcu_read_unlock();
	return 0;
}

/* What a reader may stand in is freed when it has left. */
void npt_tables_outlive_readers(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	DECLARE_COMPLETION_ONSTACK(in);
	struct task_struct *task;
	long pages, while_read;

	need_to_spin(test);
	KUNIT_ASSERT_EQ(test, npt_do_map(npt, SZ_1G, 0, SZ_4K, 1), 0);
	rcu_barrier();
	pages = axas_hal_pages();
	task = kthread_run(reader_thread, &in, "axas_reader");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	wait_for_completion(&in);
	npt_do_unmap(npt, SZ_1G, SZ_4K);
	schedule_timeout_uninterruptible(HZ / 50);
	while_read = axas_hal_pages();
	kthread_stop(task);
	KUNIT_EXPECT_EQ(test, while_read, pages);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 1L);
}

void npt_pool(struct kunit *test)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_ZERO;
	const struct fake_hal_fail fail = { .nth = 3 };
	struct axas_npt_pool pool = {};
	unsigned int i;

	KUNIT_EXPECT_EQ(test, axas_npt_pool_fill(&pool, 2, gfp), 0);
	KUNIT_EXPECT_EQ(test, pool.nr, 2U);
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_NULL(test, memchr_inv(pool.tables[i], 0, SZ_4K));
	/* What is there is kept. */
	KUNIT_EXPECT_EQ(test, axas_npt_pool_fill(&pool, 1, gfp), 0);
	KUNIT_EXPECT_EQ(test, axas_npt_pool_fill(&pool, 3, gfp), 0);
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 3L);
	axas_npt_pool_free(&pool);
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 0L);

	fake_hal_set_fail(&fail);
	KUNIT_EXPECT_EQ(test, axas_npt_pool_fill(&pool, 4, GFP_KERNEL),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, pool.nr, 2U);
	axas_npt_pool_free(&pool);
}

void npt_init_without_memory(struct kunit *test)
{
	struct axas_context *context = axas_context(test);
	const struct fake_hal_fail fail = { .nth = 1 };
	struct axas_npt *npt = &context->npt;

	*npt = (struct axas_npt){
		.ops = axas_test_ops(test),
		.lock = &context->lock,
		.gpa_bits = 48,
	};
	fake_hal_set_fail(&fail);
	KUNIT_EXPECT_EQ(test, npt->ops->init(npt), -ENOMEM);
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 0L);
}
