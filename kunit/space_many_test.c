// SPDX-License-Identifier: GPL-2.0
/*
 * Many ranges: who is charged for them, and how long a call over all of them
 * keeps others waiting.
 */
#include <linux/sched/signal.h>

#include "cases.h"
#include "context.h"
#include "fake_tree.h"
#include "snapshot.h"

/* More than any stretch has. */
#define MANY	400
/* Work in a stretch: a few dozen ranges are looked at, and overwritten. */
#define SHORT	128

/* Areas of two pages, one behind the other, that never become one. */
static int map_many(struct axas_space *space, unsigned int n)
{
	struct axas_map args = {
		.length = 2 * SZ_4K, .backend = AXAS_BACKEND_ALLOC,
		.prot = PROT_RW,
	};
	unsigned int i;
	int ret = 0;

	for (i = 0; i < n && !ret; i++) {
		args.gpa = SZ_1G + i * args.length;
		args.cookie = i;
		ret = axas_space_map(space, &args);
	}
	return ret;
}

static u64 state_at(struct axas_space *space, u64 gpa)
{
	return axas_translate_at(space, gpa).state;
}

void many_areas_in_one_unmap(struct kunit *test)
{
	const u64 end = SZ_1G + MANY * 2 * SZ_4K;
	struct axas_space *space = axas_test_space(test);
	struct axas_stats stats;

	KUNIT_ASSERT_EQ(test, map_many(space, MANY), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, (u64)MANY);
	axas_fault_at(space, end - SZ_64K, PROT_W);
	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, SZ_1G + SZ_4K,
					       (MANY - 1) * 2 * SZ_4K), 0);
	stats = axas_stats_of(space);
	KUNIT_EXPECT_EQ(test, stats.areas, 2ULL);
	KUNIT_EXPECT_EQ(test, stats.resident, 0ULL);
	KUNIT_EXPECT_EQ(test, state_at(space, SZ_1G), AXAS_TRANSLATE_LAZY);
	KUNIT_EXPECT_EQ(test, state_at(space, SZ_1G + SZ_4K),
			AXAS_TRANSLATE_NO_AREA);
	KUNIT_EXPECT_EQ(test, state_at(space, end - 2 * SZ_4K),
			AXAS_TRANSLATE_NO_AREA);
	KUNIT_EXPECT_EQ(test, state_at(space, end - SZ_4K),
			AXAS_TRANSLATE_LAZY);
	axas_check_space(test, space);
}

void many_areas_in_one_protect(struct kunit *test)
{
	const u64 end = SZ_1G + MANY * 2 * SZ_4K;
	struct axas_space *space = axas_test_space(test);

	KUNIT_ASSERT_EQ(test, map_many(space, MANY), 0);
	KUNIT_ASSERT_EQ(test, axas_protect_range(space, SZ_1G + SZ_4K,
						 (MANY - 1) * 2 * SZ_4K,
						 PROT_R), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, (u64)MANY + 2);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G).prot,
			(u32)PROT_RW);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G + SZ_4K).prot,
			(u32)PROT_R);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, end - 2 * SZ_4K).prot,
			(u32)PROT_R);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, end - SZ_4K).prot,
			(u32)PROT_RW);
	axas_check_space(test, space);
}

/* A log of writes by protect leaves as many areas as there were before. */
void many_areas_are_joined(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, MANY * 2 * SZ_4K,
					     PROT_RW, 0, 0), 0);
	for (i = 0; i < MANY; i++)
		KUNIT_ASSERT_EQ(test,
				axas_protect_range(space, SZ_1G + i * 2 * SZ_4K,
						   SZ_4K, PROT_R), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 2ULL * MANY);
	fake_tree_count();
	KUNIT_ASSERT_EQ(test, axas_protect_range(space, SZ_1G + 2 * SZ_4K,
						 (MANY - 2) * 2 * SZ_4K, PROT_RW), 0);
	KUNIT_EXPECT_LT(test, fake_tree_longest(), SHORT);
	/* One read-only page at the beginning and one before the last. */
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 4ULL);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G + SZ_64K, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	axas_check_space(test, space);
}

/* Nothing that a caller can make long goes on without a break. */
void many_areas_in_short_stretches(struct kunit *test)
{
	const u64 size = MANY * 2 * SZ_4K;
	struct axas_space *space = axas_test_space(test);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, map_many(space, MANY), 0);

	fake_tree_count();
	axas_stats_of(space);
	KUNIT_EXPECT_LT_MSG(test, fake_tree_longest(), SHORT, "stats");

	fake_tree_count();
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, SZ_1G + SZ_4K,
						 size - 2 * SZ_4K, PROT_R), 0);
	KUNIT_EXPECT_LT_MSG(test, fake_tree_longest(), SHORT, "protect");

	fake_tree_count();
	KUNIT_EXPECT_EQ(test, axas_map_alloc(space, SZ_1G + SZ_4K,
					     size / 2, PROT_R,
					     AXAS_MAP_REPLACE, 0), 0);
	KUNIT_EXPECT_LT_MSG(test, fake_tree_longest(), SHORT, "replace");
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas,
			MANY / 2 + 3ULL);

	fake_tree_count();
	KUNIT_EXPECT_EQ(test, axas_space_clear(space), 0);
	KUNIT_EXPECT_LT_MSG(test, fake_tree_longest(), SHORT, "clear");
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 0ULL);

	KUNIT_ASSERT_EQ(test, map_many(space, MANY), 0);
	for (i = 0; i < MANY; i++) {
		const struct axas_device args = {
			.bus = AXAS_BUS_PORT, .first = 2 * i, .last = 2 * i,
		};

		KUNIT_ASSERT_EQ(test, axas_space_add_device(space, &args), 0);
	}
	fake_tree_count();
	axas_test_drop_space(test);
	KUNIT_EXPECT_LT_MSG(test, fake_tree_longest(), SHORT, "destroy");
}

static void expect_charged(struct kunit *test, const struct axas_tree *tree)
{
	/* See "Trees of ranges" in internals.rst. */
	KUNIT_ASSERT_GT(test, tree->nr_charges * 10, tree->ranges);
	KUNIT_ASSERT_LE(test, tree->nr_charges, tree->ranges / 10 + 2);
}

struct payer {
	struct fake_tree_watch watch;
	const struct axas_tree *tree;
	u64 most;
	unsigned int unpaid;
};

static void payer_look(struct fake_tree_watch *watch)
{
	struct payer *payer = container_of(watch, struct payer, watch);
	const struct axas_tree *tree = payer->tree;

	payer->most = max(payer->most, tree->ranges);
	payer->unpaid += tree->nr_charges * 10 <= tree->ranges;
}

/* Where a move has many ranges at both places for a while, all are paid for. */
void many_ranges_are_charged_meanwhile(struct kunit *test)
{
	const u64 size = MANY * 2 * SZ_4K, to = 4ULL * SZ_1G;
	struct axas_space *space = axas_test_space(test);
	struct axas_tree *tree = &space->areas;
	struct payer payer = { .watch.resched = payer_look, .tree = tree };

	KUNIT_ASSERT_EQ(test, map_many(space, MANY), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, to, size, PROT_R, 0, 0), 0);
	fake_tree_set_watch(&payer.watch);
	KUNIT_EXPECT_EQ(test, axas_space_move(space, axas_gpa(SZ_1G),
					      axas_gpa(to), size, true), 0);
	KUNIT_EXPECT_EQ(test, axas_space_move(space, axas_gpa(to),
					      axas_gpa(2ULL * SZ_1G), size,
					      false), 0);
	fake_tree_set_watch(NULL);
	KUNIT_EXPECT_GE(test, payer.most, 2ULL * MANY);
	KUNIT_EXPECT_EQ(test, payer.unpaid, 0U);
	expect_charged(test, tree);
	axas_check_space(test, space);
}

/* Holes make ranges as areas do, and all are charged for, and no more. */
void many_ranges_are_charged(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_tree *tree = &space->areas;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, 0, SZ_1G, PROT_RW, 0, 0),
			0);
	expect_charged(test, tree);
	for (i = 0; i < MANY; i++) {
		KUNIT_ASSERT_EQ(test, axas_unmap_range(space,
						       (2 * i + 1) * SZ_4K,
						       SZ_4K), 0);
		expect_charged(test, tree);
	}
	KUNIT_EXPECT_EQ(test, tree->ranges, MANY + 1ULL);
	for (i = 0; i < MANY; i++) {
		KUNIT_ASSERT_EQ(test, axas_unmap_range(space, 2 * i * SZ_4K,
						       SZ_4K), 0);
		expect_charged(test, tree);
	}
	KUNIT_EXPECT_EQ(test, tree->ranges, 1ULL);
	KUNIT_ASSERT_EQ(test, axas_protect_range(space, SZ_512M, SZ_4K, PROT_R),
			0);
	KUNIT_EXPECT_EQ(test, tree->ranges, 3ULL);
	KUNIT_ASSERT_EQ(test, axas_space_clear(space), 0);
	KUNIT_EXPECT_EQ(test, tree->ranges, 0ULL);
	KUNIT_EXPECT_LE(test, tree->nr_charges, 1ULL);
}

/* A format that gets its caller killed by the 100th leaf that it encodes. */
static const struct axas_npt_ops *deadly_of;
static unsigned int deadly_calls;

static u64 deadly_encode(const struct axas_npt *npt, struct axas_attr attr)
{
	if (++deadly_calls == 100)
		send_sig(SIGKILL, current, 1);
	return deadly_of->encode(npt, attr);
}

void many_areas_and_a_kill(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_npt_ops deadly = *space->npt.ops;
	struct axas_snapshot before;
	int ret;

	KUNIT_ASSERT_EQ(test, map_many(space, MANY), 0);
	axas_fault_at(space, SZ_1G, PROT_W);
	axas_snapshot_take(space, &before);

	deadly_of = space->npt.ops;
	deadly_calls = 0;
	deadly.encode = deadly_encode;
	space->npt.ops = &deadly;
	allow_signal(SIGKILL);
	ret = axas_protect_range(space, SZ_1G + SZ_4K,
				 MANY * 2 * SZ_4K - 2 * SZ_4K, PROT_R);
	flush_signals(current);
	disallow_signal(SIGKILL);
	space->npt.ops = deadly_of;

	KUNIT_EXPECT_EQ(test, ret, -EINTR);
	KUNIT_EXPECT_EQ(test, deadly_calls, 100U);
	axas_snapshot_expect(test, space, &before, "calls", deadly_calls);
}
