// SPDX-License-Identifier: GPL-2.0
/*
 * Who holds translations is told, in the right order, once, and of all that is
 * cleared.
 */
#include <linux/delay.h>
#include <linux/kthread.h>

#include "cases.h"
#include "context.h"
#include "snapshot.h"

/* ---- the order of death ---- */

/* A page of guest memory, or a table, and what became of it. */
struct death {
	u64 hpa;
	u64 gpa;
	u64 size;
	bool invalidated;
	bool freed;
};

struct death_watch {
	struct fake_hal_watch watch;
	struct axas_npt *npt;
	struct death *deaths;
	unsigned int n;
	unsigned int max;
	atomic_t invalidations;
	atomic_t too_early;
	u64 start;
	u64 end;
};

static void death_add(struct death_watch *watch, u64 gpa, u64 size, u64 hpa)
{
	if (watch->n < watch->max)
		watch->deaths[watch->n++] = (struct death){
			.hpa = hpa, .gpa = gpa, .size = size,
		};
}

static void death_add_leaf(void *arg, const struct raw_leaf *leaf)
{
	u64 size = 4096ULL << 9 * (leaf->level - 1), at;

	for (at = 0; leaf->owned && at < size; at += SZ_4K)
		death_add(arg, leaf->gpa + at, SZ_4K, leaf->hpa + at);
}

static void death_add_table(void *arg, u64 gpa, unsigned int level,
			    const u64 *table)
{
	death_add(arg, gpa, 4096ULL << 9 * level, __pa(table));
}

/* Counts only for what has been cleared. */
static void death_invalidate(struct fake_hal_watch *w, axas_gpa_t gpa, u64 size)
{
	struct death_watch *watch = container_of(w, struct death_watch, watch);
	unsigned int i;

	atomic_inc(&watch->invalidations);
	watch->start = gpa.val;
	watch->end = gpa.val + size;
	for (i = 0; i < watch->n; i++) {
		struct death *death = &watch->deaths[i];

		if (death->gpa >= gpa.val && death->size <= size &&
		    death->gpa - gpa.val <= size - death->size &&
		    !raw_reaches(watch->npt, death->gpa, death->hpa))
			death->invalidated = true;
	}
}

static void death_free(struct fake_hal_watch *w, axas_hpa_t hpa,
		       unsigned int order)
{
	struct death_watch *watch = container_of(w, struct death_watch, watch);
	unsigned int i;

	for (i = 0; i < watch->n; i++) {
		struct death *death = &watch->deaths[i];

		if (death->hpa < hpa.val || death->freed ||
		    death->hpa >= hpa.val + (4096ULL << order))
			continue;
		death->freed = true;
		if (!death->invalidated)
			atomic_inc(&watch->too_early);
	}
}

/* From now on watch all that the space has. */
static struct death_watch *death_begin(struct kunit *test,
				       struct axas_space *space,
				       unsigned int max)
{
	struct raw_reader reader = {
		.npt = &space->npt,
		.leaf = death_add_leaf,
		.table = death_add_table,
	};
	struct death_watch *watch;

	watch = kunit_kzalloc(test, sizeof(*watch), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, watch);
	watch->deaths = kunit_kcalloc(test, max, sizeof(*watch->deaths),
				      GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, watch->deaths);
	watch->max = max;
	watch->npt = &space->npt;
	watch->watch.free = death_free;
	watch->watch.invalidate = death_invalidate;
	reader.arg = watch;
	raw_read(&reader);
	fake_hal_set_watch(&watch->watch);
	return watch;
}

/* There: the wrong instructions, once per page, each frame freed at once. */
void peer_14_clear_invalidate_free(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct death_watch *watch;
	unsigned int i, freed = 0;

	/* 600 small pages in two tables: more than are gathered; one large. */
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G - 300 * SZ_4K,
					     600 * SZ_4K, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + 2 * SZ_2M, SZ_2M,
					     PROT_RW, AXAS_MAP_POPULATE, SZ_2M),
			0);
	watch = death_begin(test, space, 1200);
	/* 600 + 512 pages; tables: 512 GiB, two of 1 GiB, two of 2 MiB. */
	KUNIT_EXPECT_EQ(test, watch->n, 600U + 512 + 5);

	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1G + 200 * SZ_4K,
					       2 * SZ_2M), 0);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, 0, 1ULL << 47), 0);
	rcu_barrier();
	fake_hal_set_watch(NULL);
	for (i = 0; i < watch->n; i++)
		freed += watch->deaths[i].freed;
	KUNIT_EXPECT_EQ(test, freed, watch->n);
	KUNIT_EXPECT_EQ(test, atomic_read(&watch->too_early), 0);
	axas_expect_empty(test, space);
}

void peer_14_one_invalidation_for_a_range(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct death_watch *watch;
	const u64 size = 400 * SZ_4K;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, size, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	watch = death_begin(test, space, 500);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, SZ_1G, size, PROT_R),
			0);
	KUNIT_EXPECT_EQ(test, atomic_read(&watch->invalidations), 1);
	KUNIT_EXPECT_EQ(test, watch->start, (u64)SZ_1G);
	KUNIT_EXPECT_EQ(test, watch->end, SZ_1G + size);
	/* The same rights again: nothing to forget. */
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, SZ_1G, size, PROT_R),
			0);
	KUNIT_EXPECT_EQ(test, atomic_read(&watch->invalidations), 1);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1G, size), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&watch->invalidations), 2);
	KUNIT_EXPECT_LE(test, watch->start, (u64)SZ_1G);
	KUNIT_EXPECT_GE(test, watch->end, SZ_1G + size);
	/* Nothing there. */
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1G, size), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&watch->invalidations), 2);
	fake_hal_set_watch(NULL);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, atomic_read(&watch->too_early), 0);
}

/* ---- holders ---- */

#define HOLDER_CALLS	16

struct test_holder {
	struct axas_holder holder;
	struct axas_npt *npt;
	unsigned int calls;
	u64 gpa[HOLDER_CALLS];
	u64 size[HOLDER_CALLS];
	u64 told;
	u64 probe;
	u64 seen[HOLDER_CALLS];
	unsigned int level[HOLDER_CALLS];
};

static void test_holder_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
				   u64 size)
{
	struct test_holder *h =
		container_of(holder, struct test_holder, holder);

	if (h->calls < HOLDER_CALLS) {
		h->gpa[h->calls] = gpa.val;
		h->size[h->calls] = size;
		h->seen[h->calls] = raw_entry(h->npt, h->probe,
					      &h->level[h->calls]);
	}
	h->calls++;
	h->told += size;
}

static struct test_holder *test_holder_new(struct kunit *test,
					   struct axas_space *space, u64 probe)
{
	struct test_holder *holder;

	holder = kunit_kzalloc(test, sizeof(*holder), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, holder);
	INIT_LIST_HEAD(&holder->holder.node);
	holder->holder.invalidate = test_holder_invalidate;
	holder->npt = &space->npt;
	holder->probe = probe;
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &holder->holder), 0);
	return holder;
}

static bool test_holder_covers(const struct test_holder *holder, u64 gpa)
{
	unsigned int i;

	for (i = 0; i < min_t(unsigned int, holder->calls, HOLDER_CALLS); i++)
		if (gpa >= holder->gpa[i] &&
		    gpa - holder->gpa[i] < holder->size[i])
			return true;
	return false;
}

void holder_sees_all_that_is_cleared(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct test_holder *holder = test_holder_new(test, space, 0);
	const u64 gpa = SZ_1G;
	unsigned int i;

	/* Every third page of 300 has a frame; then 2 MiB far away. */
	KUNIT_ASSERT_EQ(test,
			axas_map_alloc(space, gpa, 300 * SZ_4K, PROT_RW, 0, 0),
			0);
	for (i = 0; i < 300; i += 3)
		axas_fault_at(space, gpa + i * SZ_4K, PROT_R);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, 1ULL << 40, SZ_2M,
					      HPA_NOWHERE, PROT_R), 0);
	KUNIT_EXPECT_EQ(test, holder->calls, 0U);

	KUNIT_ASSERT_EQ(test, axas_protect_range(space, gpa + 50 * SZ_4K,
						 50 * SZ_4K, PROT_R), 0);
	KUNIT_EXPECT_EQ(test, holder->calls, 1U);
	for (i = 51; i < 100; i += 3)
		KUNIT_EXPECT_TRUE(test, test_holder_covers(holder,
							   gpa + i * SZ_4K));
	holder->calls = 0;
	KUNIT_ASSERT_EQ(test, axas_space_clear(space), 0);
	KUNIT_EXPECT_GE(test, holder->calls, 1U);
	for (i = 0; i < 300; i += 3)
		KUNIT_EXPECT_TRUE(test, test_holder_covers(holder,
							   gpa + i * SZ_4K));
	KUNIT_EXPECT_TRUE(test, test_holder_covers(holder, 1ULL << 40));
	KUNIT_EXPECT_TRUE(test,
			  test_holder_covers(holder, (1ULL << 40) + SZ_2M - 1));
}

void holder_is_not_told_of_faults(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct test_holder *holder = test_holder_new(test, space, 0);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, 0, SZ_2M, PROT_R, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_2M, SZ_4M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	for (i = 0; i < 64; i++)
		axas_fault_at(space, i * SZ_64K, PROT_R | (i & 2));
	/* Nor where there is nothing. */
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1G, SZ_1G), 0);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, SZ_2M - SZ_4K, SZ_4K,
						 PROT_RW), 0);
	KUNIT_EXPECT_EQ(test, holder->calls, 0U);
}

/*
 * Stage 2, D8.16.1: the old entry is gone, and forgotten, before the table is
 * there. Others have no such rule: what isn't unmapped never faults meanwhile.
 */
void holder_sees_break_before_make(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const u64 gpa = 4ULL * SZ_1G, hole = gpa + 5 * SZ_2M + 3 * SZ_4K;
	struct test_holder *holder = test_holder_new(test, space, hole - SZ_4K);
	enum axas_format format = axas_context(test)->format;
	unsigned int i, broken = 0;

	KUNIT_ASSERT_EQ(test, axas_map_linear(space, gpa, SZ_1G, HPA_NOWHERE,
					      PROT_RW), 0);
	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, hole, SZ_4K), 0);
	KUNIT_ASSERT_LE(test, holder->calls, (unsigned int)HOLDER_CALLS);
	for (i = 0; i < holder->calls; i++) {
		/* The page beside the hole can't be reached: it is told. */
		if (raw_present(format, holder->seen[i]))
			continue;
		broken++;
		KUNIT_EXPECT_LE(test, holder->gpa[i], hole - SZ_4K);
		KUNIT_EXPECT_GE(test, holder->gpa[i] + holder->size[i], hole);
	}
	KUNIT_EXPECT_TRUE(test, test_holder_covers(holder, hole));
	if (!axas_is_s2(test)) {
		KUNIT_EXPECT_EQ(test, broken, 0U);
		return;
	}
	/* 1 GiB, then 2 MiB, each as a whole; then the page. */
	KUNIT_ASSERT_EQ(test, broken, 2U);
	KUNIT_EXPECT_EQ(test, holder->gpa[0], gpa);
	KUNIT_EXPECT_EQ(test, holder->size[0], (u64)SZ_1G);
	KUNIT_EXPECT_EQ(test, holder->gpa[1], gpa + 5 * SZ_2M);
	KUNIT_EXPECT_EQ(test, holder->size[1], (u64)SZ_2M);

	/* Protect splits the same way. */
	holder->calls = 0;
	holder->probe = gpa;
	KUNIT_ASSERT_EQ(test, axas_protect_range(space, gpa + SZ_4K, SZ_4K,
						 PROT_R), 0);
	KUNIT_ASSERT_GE(test, holder->calls, 2U);
	KUNIT_EXPECT_FALSE(test, raw_present(format, holder->seen[0]));
	KUNIT_EXPECT_EQ(test, holder->gpa[0], gpa);
	KUNIT_EXPECT_EQ(test, holder->size[0], (u64)SZ_2M);
}

/* More pages than are gathered: what a flush has told isn't told again. */
void holder_is_told_of_a_page_once(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct test_holder *holder = test_holder_new(test, space, 0);
	const u64 size = SZ_16M;

	/* Its neighbour keeps the tables above alive. */
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + size, SZ_4K, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, size, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, SZ_1G, size), 0);
	KUNIT_EXPECT_GE(test, holder->calls, 4U);
	/* Of a table that goes it is told with the last of its entries. */
	KUNIT_EXPECT_LE(test, holder->told, size + holder->calls * SZ_2M);

	holder->told = 0;
	holder->calls = 0;
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, size, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, SZ_1G, size), 0);
	/* A flush in the middle of a leaf: that one is told of again. */
	KUNIT_EXPECT_LE(test, holder->told, size + holder->calls * SZ_2M);
}

/*
 * Stage 2, D8.16.1: between two tables in one entry lies an invalidation. A fault
 * beside what is unmapped may bring the second.
 */
void holder_forgets_a_closed_table(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct test_holder *holder = test_holder_new(test, space, SZ_1G);
	enum axas_format format = axas_context(test)->format;
	unsigned int i, level, told = 0;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, 2 * SZ_4K, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + 2 * SZ_4K, SZ_64K,
					     PROT_RW, 0, 0), 0);
	raw_entry(&space->npt, SZ_1G, &level);
	KUNIT_ASSERT_EQ(test, level, 1U);
	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, SZ_1G, 2 * SZ_4K), 0);
	KUNIT_ASSERT_LE(test, holder->calls, (unsigned int)HOLDER_CALLS);
	for (i = 0; i < holder->calls; i++) {
		KUNIT_EXPECT_FALSE(test, raw_present(format, holder->seen[i]));
		/* Frozen, above the table that was closed: nothing is linked. */
		told += holder->level[i] > 1 && holder->seen[i] == BIT(11) &&
			holder->gpa[i] <= SZ_1G &&
			holder->gpa[i] + holder->size[i] >= SZ_1G + SZ_2M;
	}
	if (!axas_is_s2(test))
		KUNIT_EXPECT_EQ(test, told, 0U);
	else
		KUNIT_EXPECT_GE(test, told, 1U);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G + 2 * SZ_4K, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
}

/* ---- who meets a frozen entry ---- */

struct busy {
	struct axas_holder holder;
	struct axas_space *space;
	struct task_struct *task;
	u64 gpa;
	int result;
	bool slept;
};

static int busy_fault(void *arg)
{
	struct busy *busy = arg;

	busy->result = axas_fault_at(busy->space, busy->gpa, PROT_R);
	return 0;
}

/* A large leaf is being broken: a real-time thread faults on it now. */
static void busy_invalidate(struct axas_holder *holder, axas_gpa_t gpa, u64 size)
{
	struct busy *busy = container_of(holder, struct busy, holder);
	unsigned long end = jiffies + 10 * HZ;

	if (busy->task)
		return;
	busy->task = kthread_create(busy_fault, busy, "axas-busy");
	if (IS_ERR(busy->task))
		return;
	get_task_struct(busy->task);
	sched_set_fifo(busy->task);
	kthread_bind(busy->task, raw_smp_processor_id());
	wake_up_process(busy->task);
	while (!busy->slept && time_before(jiffies, end)) {
		msleep(20);
		busy->slept = READ_ONCE(busy->task->__state) & TASK_UNINTERRUPTIBLE;
	}
}

/* Stage 2 freezes a leaf across the holders' callbacks; others never do. */
void busy_entry_is_slept_on(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct busy *busy;

	if (!axas_is_s2(test))
		kunit_skip(test, "x86 freezes no entry across a callback");
	busy = kunit_kzalloc(test, sizeof(*busy), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, busy);
	INIT_LIST_HEAD(&busy->holder.node);
	busy->holder.invalidate = busy_invalidate;
	busy->space = space;
	busy->gpa = SZ_1G + SZ_1M;
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &busy->holder), 0);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_1G, SZ_2M, HPA_NOWHERE,
					      PROT_RW), 0);
	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, SZ_1G, SZ_4K), 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(busy->task));
	kthread_stop(busy->task);
	put_task_struct(busy->task);
	KUNIT_EXPECT_TRUE(test, busy->slept);
	KUNIT_EXPECT_EQ(test, busy->result, (int)AXAS_FAULT_SPURIOUS);
	axas_space_del_holder(space, &busy->holder);
}

/* ---- epochs ---- */

static u64 epoch_at(struct kunit *test, struct axas_space *space, u64 gpa)
{
	unsigned int level;

	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, gpa, SZ_4K), 0);
	return raw_entry(&space->npt, gpa, &level);
}

/* Not in the same space, nor in another one of the module. */
void epochs_never_come_back(struct kunit *test)
{
	const struct axas_create args = { .format = axas_context(test)->format };
	struct axas_space *one = axas_test_space(test), *two;
	u64 *seen = kunit_kcalloc(test, 512, sizeof(*seen), GFP_KERNEL);
	unsigned int i, j, same = 0;

	KUNIT_ASSERT_NOT_NULL(test, seen);
	two = axas_space_create(&args);
	KUNIT_ASSERT_FALSE(test, IS_ERR(two));
	/* A page stays, so that the table does. */
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, axas_map_alloc(i ? two : one, 0, SZ_2M,
						     PROT_RW, AXAS_MAP_POPULATE,
						     0), 0);
	for (i = 0; i < 510; i++)
		seen[i] = epoch_at(test, i & 1 ? two : one, i * SZ_4K);
	for (i = 0; i < 510; i++)
		for (j = 0; j < i; j++)
			same += seen[i] == seen[j];
	KUNIT_EXPECT_EQ(test, same, 0U);
	axas_space_destroy(two);
}

/* ---- coming and going ---- */

void holder_comes_and_goes(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct test_holder *one = test_holder_new(test, space, 0);
	struct test_holder *two = test_holder_new(test, space, 0);

	/* Twice is once. */
	KUNIT_EXPECT_EQ(test, axas_space_add_holder(space, &one->holder), 0);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, 0, 3 * SZ_4K, HPA_NOWHERE,
					      PROT_R), 0);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, 0, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, one->calls, 1U);
	KUNIT_EXPECT_EQ(test, two->calls, 1U);
	axas_space_del_holder(space, &one->holder);
	axas_space_del_holder(space, &one->holder);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_4K, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, one->calls, 1U);
	KUNIT_EXPECT_EQ(test, two->calls, 2U);
	/* The end of the space is the end of all translations. */
	axas_test_drop_space(test);
	KUNIT_EXPECT_EQ(test, two->calls, 3U);
	KUNIT_EXPECT_TRUE(test, test_holder_covers(two, (1ULL << 48) - 1));
}
