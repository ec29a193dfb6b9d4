// SPDX-License-Identifier: GPL-2.0
/*
 * What memory is there.
 */
#include <linux/delay.h>
#include <linux/kthread.h>

#include "cases.h"
#include "context.h"
#include "snapshot.h"

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
	struct completion began;
	struct axas_next next;
	struct axas_next_entry runs[4];
	int ret;
};

static int lister_main(void *arg)
{
	struct lister *lister = arg;

	complete(&lister->began);
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
	wait_for_completion(&lister->began);
	msleep(200);
}

/* Stage 2 breaks a leaf before it is a table, and all of it is there all the time. */
void next_sees_a_leaf_that_is_broken(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct lister *lister;

	if (!axas_is_s2(test))
		kunit_skip(test, "x86 breaks no leaf");
	lister = kunit_kzalloc(test, sizeof(*lister), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, lister);
	INIT_LIST_HEAD(&lister->holder.node);
	init_completion(&lister->began);
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
