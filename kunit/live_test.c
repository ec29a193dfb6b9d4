// SPDX-License-Identifier: GPL-2.0
/*
 * The list of all spaces, and what is asked of all of them.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/workqueue.h>

#include "cases.h"
#include "context.h"

/* What is plugged in where a linear area lies isn't taken into use. */
void live_linear_memory_is_in_use(struct kunit *test)
{
	const struct axas_create args = { .format = axas_context(test)->format };
	struct axas_space *space = axas_test_space(test);
	struct axas_space *other = axas_space_create(&args);
	const u64 hpa = HPA_NOWHERE + SZ_1G, end = hpa + 4 * SZ_4K;

	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	KUNIT_EXPECT_FALSE(test, axas_linear_in_use(0, U64_MAX));
	/* A GPA is no HPA; what a frame lies at is the kernel's already. */
	KUNIT_EXPECT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_2M, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_EXPECT_FALSE(test, axas_linear_in_use(0, U64_MAX));
	KUNIT_EXPECT_EQ(test, axas_map_linear(other, SZ_2M, 4 * SZ_4K, hpa,
					      PROT_RW), 0);
	KUNIT_EXPECT_TRUE(test, axas_linear_in_use(0, U64_MAX));
	KUNIT_EXPECT_TRUE(test, axas_linear_in_use(hpa, hpa));
	KUNIT_EXPECT_TRUE(test, axas_linear_in_use(end - 1, U64_MAX));
	KUNIT_EXPECT_FALSE(test, axas_linear_in_use(0, hpa - 1));
	KUNIT_EXPECT_FALSE(test, axas_linear_in_use(end, U64_MAX));
	/* In pieces, and with a hole. */
	KUNIT_EXPECT_EQ(test, axas_protect_range(other, SZ_2M, SZ_4K, PROT_R),
			0);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(other, SZ_2M + SZ_4K, SZ_4K), 0);
	KUNIT_EXPECT_TRUE(test, axas_linear_in_use(hpa, hpa + SZ_4K - 1));
	KUNIT_EXPECT_FALSE(test, axas_linear_in_use(hpa + SZ_4K,
						    hpa + 2 * SZ_4K - 1));
	KUNIT_EXPECT_TRUE(test, axas_linear_in_use(hpa + 2 * SZ_4K,
						   hpa + 2 * SZ_4K));
	axas_space_destroy(other);
	KUNIT_EXPECT_FALSE(test, axas_linear_in_use(0, U64_MAX));
}

struct live_visit {
	struct work_struct work;
	struct axas_space *space;
	struct completion gone;
	bool early;
	bool told;
	unsigned int visits;
};

static void live_destroy_fn(struct work_struct *work)
{
	struct live_visit *visit = container_of(work, struct live_visit, work);

	axas_space_destroy(visit->space);
	complete(&visit->gone);
}

/* While somebody frees the space that is visited. */
static bool live_visit_fn(struct axas_space *space, void *arg)
{
	struct live_visit *visit = arg;
	unsigned int i;

	visit->visits++;
	if (space != visit->space)
		return false;
	schedule_work(&visit->work);
	for (i = 0; i < 250 && !axas_live_going(space); i++)
		msleep(20);
	visit->told = axas_live_going(space);
	msleep(20);
	visit->early = completion_done(&visit->gone);
	return false;
}

void live_visited_space_does_not_go(struct kunit *test)
{
	const struct axas_create args = { .format = axas_context(test)->format };
	struct live_visit visit = {};
	struct axas_space *last;

	axas_test_space(test);
	visit.space = axas_space_create(&args);
	last = axas_space_create(&args);
	KUNIT_ASSERT_FALSE(test, IS_ERR(visit.space) || IS_ERR(last));
	init_completion(&visit.gone);
	INIT_WORK_ONSTACK(&visit.work, live_destroy_fn);
	axas_live_for_each(live_visit_fn, &visit);
	wait_for_completion(&visit.gone);
	destroy_work_on_stack(&visit.work);
	KUNIT_EXPECT_TRUE(test, visit.told);
	KUNIT_EXPECT_FALSE(test, visit.early);
	/* The one behind it was found from there. */
	KUNIT_EXPECT_EQ(test, visit.visits, 3U);
	axas_space_destroy(last);
}
