// SPDX-License-Identifier: GPL-2.0
/*
 * How each allocation of a call fails in turn, and what is expected then.
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include "fail.h"
#include "snapshot.h"

static struct axas_space *fail_space(struct kunit *test,
				     const struct fail_scenario *scenario,
				     struct axas_snapshot *before)
{
	struct axas_space *space = axas_test_space(test);

	if (scenario->setup)
		KUNIT_ASSERT_EQ(test, scenario->setup(space), 0);
	axas_snapshot_take(space, before);
	return space;
}

/* Nothing but the size of leaves, and what holds these. */
static void fail_expect_alike(struct kunit *test, struct axas_space *space,
			      struct axas_snapshot *before, unsigned int n)
{
	struct axas_snapshot after;

	axas_check_space(test, space);
	axas_snapshot_take(space, &after);
	KUNIT_EXPECT_GE(test, after.stats.tables[0], before->stats.tables[0]);
	memcpy(before->stats.tables, after.stats.tables,
	       sizeof(after.stats.tables));
	memcpy(before->stats.leaves, after.stats.leaves,
	       sizeof(after.stats.leaves));
	before->raw = after.raw;
	before->pages = after.pages;
	axas_snapshot_expect(test, space, before, "n", n);
}

static void fail_each(struct kunit *test, const struct fail_scenario *scenario,
		      const struct fail_mode *mode)
{
	unsigned int n, failures = 0;
	struct axas_snapshot before;
	struct axas_space *space;
	bool failed = true;
	int ret;

	rcu_barrier();
	space = fail_space(test, scenario, &before);
	for (n = 1; failed && n < FAIL_MAX; n++) {
		mode->arm(n);
		ret = scenario->call(space);
		failed = mode->disarm();
		if (ret) {
			KUNIT_EXPECT_TRUE(test, failed);
			KUNIT_EXPECT_EQ_MSG(test, ret, -ENOMEM, "n %u", n);
			failures++;
			if (scenario->splits) {
				fail_expect_alike(test, space, &before, n);
				space = fail_space(test, scenario, &before);
			} else {
				axas_snapshot_expect(test, space, &before, "n",
						     n);
			}
			continue;
		}
		axas_check_space(test, space);
		/* It made do without. */
		if (failed)
			space = fail_space(test, scenario, &before);
	}
	KUNIT_EXPECT_LT(test, n, (unsigned int)FAIL_MAX);
	kunit_info(test, "%u tries, %u failures", n - 1, failures);
	KUNIT_EXPECT_GT(test, n, 2U);
}

/* ---- the HAL's allocations, and those of the tree of areas ---- */

static void fail_hal_once(unsigned int n)
{
	fake_hal_set_fail(&(struct fake_hal_fail){ .nth = n });
}

/**
 * fail_hal_onwards - let allocations of the HAL and of trees fail, from the n-th on
 * @n: which
 */
void fail_hal_onwards(unsigned int n)
{
	fake_hal_set_fail(&(struct fake_hal_fail){ .nth = n, .onwards = true });
}

/**
 * fail_hal_disarm - let none fail any more
 *
 * Return: whether one has failed.
 */
bool fail_hal_disarm(void)
{
	bool failed = fake_hal_failed();

	fake_hal_set_fail(NULL);
	return failed;
}

const struct fail_mode fail_mode_hal = { fail_hal_once, fail_hal_disarm };

/**
 * fail_hal - each allocation of the HAL and of trees fails in turn
 * @test: the test
 * @scenario: the call; alone, and with all that come after it
 */
void fail_hal(struct kunit *test, const struct fail_scenario *scenario)
{
	static const struct fail_mode onwards = {
		fail_hal_onwards, fail_hal_disarm,
	};

	fail_each(test, scenario, &fail_mode_hal);
	fail_each(test, scenario, &onwards);
}

/* ---- the kernel's own: slab and page allocator ---- */

#ifdef CONFIG_FAULT_INJECTION
static void fail_nth_arm(unsigned int n)
{
	WRITE_ONCE(current->fail_nth, n);
}

static bool fail_nth_disarm(void)
{
	bool failed = !READ_ONCE(current->fail_nth);

	WRITE_ONCE(current->fail_nth, 0);
	return failed;
}

/* Do both fail, also where the caller may sleep? Their knobs decide. */
static bool fail_nth_works(void)
{
	struct page *page;
	bool slab, pages;
	void *p;

	fail_nth_arm(1);
	p = kmalloc(64, GFP_KERNEL);
	slab = fail_nth_disarm() && !p;
	kfree(p);
	fail_nth_arm(1);
	page = alloc_page(GFP_KERNEL | __GFP_NOWARN);
	pages = fail_nth_disarm() && !page;
	if (page)
		__free_page(page);
	return slab && pages;
}
#else
static void fail_nth_arm(unsigned int n)
{
}

static bool fail_nth_disarm(void)
{
	return false;
}

static bool fail_nth_works(void)
{
	return false;
}
#endif

const struct fail_mode fail_mode_nth = { fail_nth_arm, fail_nth_disarm };

/**
 * fail_nth_need - skip a test where the kernel's allocations can't be made to fail
 * @test: the test
 */
void fail_nth_need(struct kunit *test)
{
	if (!fail_nth_works())
		kunit_skip(test, "no fault injection, or its knobs: %s",
			   "ignore-gfp-wait=N, min-order=0");
}

/**
 * fail_nth - each allocation of the kernel's own fails in turn
 * @test: the test
 * @scenario: the call
 */
void fail_nth(struct kunit *test, const struct fail_scenario *scenario)
{
	fail_nth_need(test);
	fail_each(test, scenario, &fail_mode_nth);
}
