// SPDX-License-Identifier: GPL-2.0
/*
 * Frames come before they are touched.
 */
#include <linux/sched/signal.h>

#include "cases.h"
#include "context.h"
#include "snapshot.h"

void populate_brings_in_what_is_missing(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const u64 border = SZ_1G + SZ_2M + 3 * SZ_4K;
	const unsigned int exec = axas_exec_prot(test);
	u64 done = 7, gpa;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, border - SZ_1G,
					     PROT_RW, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, border, SZ_64K, exec, 0,
					     0), 0);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, SZ_1G + SZ_2M, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	axas_put_word(test, space, SZ_1G + SZ_2M, 0x1234);

	KUNIT_EXPECT_EQ(test, axas_populate_range(space, SZ_1G + SZ_4K,
						  border - SZ_1G, &done), 0);
	KUNIT_EXPECT_EQ(test, done, border - SZ_1G);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, border - SZ_1G);
	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, SZ_1G + SZ_2M), 0x1234ULL);
	for (gpa = SZ_1G + SZ_4K; gpa <= border; gpa += SZ_4K)
		if (gpa != SZ_1G + SZ_2M)
			KUNIT_ASSERT_NULL(test,
					  memchr_inv(axas_virt_at(test, space,
								  gpa),
						     0, SZ_4K));
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G).state,
			(u32)AXAS_TRANSLATE_LAZY);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, border).prot,
			exec);
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
	/* What is behind it doesn't come. */
	KUNIT_ASSERT_EQ(test, axas_discard_range(space, bad - SZ_4K, SZ_4K, NULL),
			0);
	KUNIT_ASSERT_EQ(test, axas_discard_range(space, bad + SZ_4K, SZ_8K, NULL),
			0);
	expect_done(test, space, -EHWPOISON, 700);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident,
			(600ULL + 397) * SZ_4K);
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

static void losing_sleep(struct fake_hal_watch *w)
{
	struct populate_watch *watch = container_of(w, struct populate_watch,
						    watch);

	/* The first is the record of the area. */
	if (++watch->sleeps == 3)
		watch->seen = !axas_unmap_range(watch->space, SZ_1G, SZ_4K);
}

/* What is ready for a table doesn't come into the one above, nor is it lost. */
void populate_of_a_new_area_loses_its_table(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct populate_watch watch = {
		.watch.sleep = losing_sleep, .space = space,
	};
	unsigned int i;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_4K, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	fake_hal_set_watch(&watch.watch);
	KUNIT_EXPECT_EQ(test, axas_map_alloc(space, SZ_1G + SZ_8K, SZ_8K, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	fake_hal_set_watch(NULL);
	KUNIT_EXPECT_EQ(test, watch.seen, 1U);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, (u64)SZ_8K);
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test,
				axas_translate_at(space, SZ_1G + SZ_8K +
							 i * SZ_4K).state,
				(u32)AXAS_TRANSLATE_MAPPED);
	axas_check_space(test, space);
}

/* What is refused because of an area isn't first given all of its memory. */
void populate_of_a_new_area_finds_another_first(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	unsigned long allocs;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + SZ_4M, SZ_4K,
					     PROT_RW, 0, 0), 0);
	allocs = fake_hal_allocs();
	KUNIT_EXPECT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_8M, PROT_RW,
					     AXAS_MAP_POPULATE, 0), -EEXIST);
	KUNIT_EXPECT_EQ(test, fake_hal_allocs(), allocs);
}
