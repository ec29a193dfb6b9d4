// SPDX-License-Identifier: GPL-2.0
/*
 * An area in the place of what is there: nobody finds a hole, nor half of each.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "../axas_hold.h"
#include "cases.h"
#include "context.h"
#include "fake_tree.h"
#include "snapshot.h"

#define COOKIE	0x1234ULL

static struct axas_map new_alloc(u64 gpa, u64 size, unsigned int prot)
{
	return (struct axas_map){
		.gpa = gpa, .length = size, .prot = prot, .cookie = COOKIE,
		.backend = AXAS_BACKEND_ALLOC, .flags = AXAS_MAP_REPLACE,
	};
}

static struct axas_map new_linear(u64 gpa, u64 size, u64 hpa, u64 max_leaf)
{
	return (struct axas_map){
		.gpa = gpa, .length = size, .prot = PROT_R, .cookie = COOKIE,
		.backend = AXAS_BACKEND_LINEAR, .flags = AXAS_MAP_REPLACE,
		.hpa = hpa, .max_leaf = max_leaf,
	};
}

static struct axas_map new_device(u64 gpa, u64 size)
{
	return (struct axas_map){
		.gpa = gpa, .length = size, .prot = PROT_RW, .cookie = COOKIE,
		.backend = AXAS_BACKEND_DEVICE, .flags = AXAS_MAP_REPLACE,
	};
}

/* ---- between the old and the new ---- */

#define GAP_POINTS	4

/**
 * struct gap - someone who looks while a replace is at it
 * @holder: told when what was there has to be forgotten
 * @watch: called when it lets others run, with the new area in the tree
 * @space: the space
 * @gpa: places in the range, in order
 * @late: what faults there had read before
 * @told: times that it was told of the whole range
 * @stored: times that the new area was in the tree
 * @open: places that weren't closed
 * @early: places that the new area was at before all was forgotten
 * @installed: late faults that found a way in
 * @unheld: times that somebody could have begun to copy
 */
struct gap {
	struct axas_holder holder;
	struct fake_tree_watch watch;
	struct axas_space *space;
	u64 gpa[GAP_POINTS];
	struct axas_npt_slot late[GAP_POINTS];
	unsigned int told;
	unsigned int stored;
	unsigned int open;
	unsigned int early;
	unsigned int installed;
	unsigned int unheld;
};

static bool gap_area_is_new(struct axas_space *space, u64 gpa)
{
	const struct axas_area *area;
	u64 last = gpa;

	guard(rcu)();
	area = axas_tree_find(&space->areas, &gpa, &last);
	return area && area->cookie == COOKIE;
}

/* Whatever its area allows, a fault that has read this before is too late. */
static bool gap_install(struct axas_space *space, struct axas_npt_slot *slot,
			u64 gpa)
{
	struct axas_npt *npt = &space->npt;
	struct axas_npt_pool pool = {};
	u64 shared;

	guard(rcu)();
	shared = npt->ops->encode(npt, (struct axas_attr){ .prot = PROT_R });
	return !npt->ops->install(npt, slot, axas_gpa(gpa),
				  axas_hpa(HPA_NOWHERE), 1, shared, &pool);
}

/* Does the change hold R for writing? */
static bool gap_held(const struct gap *gap)
{
	struct axas_hold *hold = gap->space->hold;

	if (!down_read_trylock(&hold->shards[0].lock))
		return true;
	up_read(&hold->shards[0].lock);
	return false;
}

static void gap_look(struct gap *gap)
{
	struct axas_leaf leaf;
	unsigned int i;

	for (i = 0; i < GAP_POINTS; i++) {
		if (axas_lookup_at(&gap->space->npt, gap->gpa[i], &leaf) !=
		    -EAGAIN)
			gap->open++;
		if (gap->late[i].ptr &&
		    gap_install(gap->space, &gap->late[i], gap->gpa[i]))
			gap->installed++;
	}
	gap->unheld += !gap_held(gap);
}

static void gap_invalidate(struct axas_holder *holder, axas_gpa_t gpa, u64 size)
{
	struct gap *gap = container_of(holder, struct gap, holder);
	u64 last = gap->gpa[GAP_POINTS - 1];

	if (gpa.val > gap->gpa[0] || gpa.val + size <= last)
		return;
	gap->told++;
	gap->early += gap_area_is_new(gap->space, gap->gpa[0]) +
		      gap_area_is_new(gap->space, last);
	gap_look(gap);
}

static void gap_resched(struct fake_tree_watch *watch)
{
	struct gap *gap = container_of(watch, struct gap, watch);

	/* When it is over the area is joined with its neighbours. */
	if (!mutex_is_locked(&gap->space->lock) || !gap_held(gap) ||
	    !gap_area_is_new(gap->space, gap->gpa[0]))
		return;
	gap->stored++;
	gap_look(gap);
}

/* The first page of the range, the last, and two that nobody has touched. */
static struct gap *gap_new(struct kunit *test, struct axas_space *space,
			   u64 start, u64 size)
{
	struct gap *gap = kunit_kzalloc(test, sizeof(*gap), GFP_KERNEL);
	u64 word = 0;
	struct kvec vec = { .iov_base = &word, .iov_len = sizeof(word) };
	struct iov_iter iter;

	KUNIT_ASSERT_NOT_NULL(test, gap);
	INIT_LIST_HEAD(&gap->holder.node);
	gap->holder.invalidate = gap_invalidate;
	gap->watch.resched = gap_resched;
	gap->space = space;
	gap->gpa[0] = start;
	gap->gpa[1] = start + SZ_4K;
	gap->gpa[2] = start + ALIGN(size / 2, SZ_4K);
	gap->gpa[3] = start + size - SZ_4K;
	/* Somebody has copied, so R is there. */
	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, sizeof(word));
	KUNIT_ASSERT_EQ(test, axas_space_rw_iter(space, axas_gpa(start), &iter,
						 false),
			(ssize_t)sizeof(word));
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &gap->holder), 0);
	return gap;
}

static void gap_expect_closed(struct kunit *test, struct gap *gap,
			      const struct axas_map *args)
{
	fake_tree_set_watch(&gap->watch);
	KUNIT_EXPECT_EQ(test, axas_space_map(gap->space, args), 0);
	fake_tree_set_watch(NULL);
	axas_space_del_holder(gap->space, &gap->holder);
	KUNIT_EXPECT_GE(test, gap->told, 1U);
	KUNIT_EXPECT_GE(test, gap->stored, 1U);
	KUNIT_EXPECT_EQ(test, gap->open, 0U);
	KUNIT_EXPECT_EQ(test, gap->early, 0U);
	KUNIT_EXPECT_EQ(test, gap->installed, 0U);
	KUNIT_EXPECT_EQ(test, gap->unheld, 0U);
	axas_check_space(test, gap->space);
}

/* Where the range lies, and what it was made of. */
static const struct gap_shape {
	const char *name;
	u64 before;		/* what the old area has before and behind */
	u64 size;
	u64 behind;
	u64 max_leaf;
} gap_shapes[] = {
	{ "pages beside others", SZ_64K, SZ_64K, SZ_64K, 0 },
	{ "a table", SZ_2M, SZ_2M, SZ_2M, 0 },
	{ "all that a table has", 0, SZ_64K, 0, 0 },
	{ "parts of three tables", SZ_64K, SZ_2M + SZ_64K, SZ_64K, 0 },
	{ "half of a large leaf", SZ_1M, SZ_1M, 0, SZ_2M },
	{ "large leaves", 0, SZ_4M, 0, SZ_2M },
};

/* Return: where the range begins. */
static u64 gap_shape_make(struct kunit *test, struct axas_space *space,
			  const struct gap_shape *shape)
{
	u64 start = SZ_1G + SZ_8M + (shape->size < SZ_2M ? SZ_1M : 0);

	if (shape->size % SZ_2M && shape->size > SZ_2M)
		start -= SZ_64K / 2;
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, start - shape->before,
					     shape->before + shape->size +
					     shape->behind, PROT_RW, 0,
					     shape->max_leaf), 0);
	/* The first page and the last one, and one on either side. */
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, start, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	axas_fault_at(space, start + shape->size - SZ_4K, PROT_W);
	if (shape->before)
		axas_fault_at(space, start - SZ_4K, PROT_W);
	if (shape->behind)
		axas_fault_at(space, start + shape->size, PROT_W);
	return start;
}

static void gap_shape_replace(struct kunit *test, const struct gap_shape *shape,
			      enum axas_backend_id backend, bool eager)
{
	struct axas_space *space = axas_test_space(test);
	u64 start = gap_shape_make(test, space, shape);
	struct axas_map args;

	switch (backend) {
	case AXAS_BACKEND_LINEAR:
		args = new_linear(start, shape->size, HPA_NOWHERE, 0);
		break;
	case AXAS_BACKEND_DEVICE:
		args = new_device(start, shape->size);
		break;
	default:
		args = new_alloc(start, shape->size, PROT_RX);
		args.flags |= eager ? AXAS_MAP_POPULATE : 0;
	}
	kunit_info(test, "%s by backend %u", shape->name, backend);
	gap_expect_closed(test, gap_new(test, space, start, shape->size),
			  &args);
	/* But afterwards. */
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, start + SZ_4K, PROT_R),
			backend == AXAS_BACKEND_DEVICE ? AXAS_FAULT_DEVICE :
			backend == AXAS_BACKEND_LINEAR || eager ?
				AXAS_FAULT_SPURIOUS : AXAS_FAULT_RESOLVED);
	axas_check_space(test, space);
}

void replace_opens_nothing_before_it_is_forgotten(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gap_shapes); i++) {
		gap_shape_replace(test, &gap_shapes[i], AXAS_BACKEND_ALLOC,
				  false);
		gap_shape_replace(test, &gap_shapes[i], AXAS_BACKEND_ALLOC,
				  true);
		gap_shape_replace(test, &gap_shapes[i], AXAS_BACKEND_LINEAR,
				  false);
		gap_shape_replace(test, &gap_shapes[i], AXAS_BACKEND_DEVICE,
				  false);
	}
}

/*
 * A fault has read its entry, and finds the old area or the new one: it is too
 * late in any gap, and after the end. A table that goes isn't freed while
 * holders are told.
 */
void replace_stops_faults_that_looked_before(struct kunit *test)
{
	struct axas_space *space;
	struct axas_map args;
	struct gap *gap;
	unsigned int i, j;
	u64 start;

	for (i = 0; i < ARRAY_SIZE(gap_shapes); i++) {
		const struct gap_shape *shape = &gap_shapes[i];
		bool stays = i == 0;

		if (shape->max_leaf)
			continue;
		space = axas_test_space(test);
		start = gap_shape_make(test, space, shape);
		args = new_alloc(start, shape->size, PROT_RWX);
		gap = gap_new(test, space, start, shape->size);
		/* The empty ones: their tables stay, or go, or never were. */
		for (j = 1; j < GAP_POINTS - 1; j++)
			gap->late[j] = axas_peek(space, gap->gpa[j]);
		if (!stays)
			gap->watch.resched = NULL;
		if (stays) {
			gap_expect_closed(test, gap, &args);
		} else {
			KUNIT_EXPECT_EQ(test, axas_space_map(space, &args), 0);
			KUNIT_EXPECT_GE(test, gap->told, 1U);
			KUNIT_EXPECT_EQ(test, gap->installed, 0U);
			axas_space_del_holder(space, &gap->holder);
		}
		for (j = 1; stays && j < GAP_POINTS - 1; j++)
			KUNIT_EXPECT_FALSE(test, gap_install(space,
							     &gap->late[j],
							     gap->gpa[j]));
		axas_check_space(test, space);
	}

	/* Nothing is there at all: the entry is the root's, and never goes. */
	space = axas_test_space(test);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_1G, PROT_RW, 0,
					     0), 0);
	args = new_alloc(SZ_1G + SZ_4K, SZ_4K, PROT_R);
	for (i = 0; i < 2; i++) {
		struct axas_npt_slot slot = axas_peek(space, args.gpa);

		KUNIT_EXPECT_EQ(test, axas_space_map(space, &args), 0);
		KUNIT_EXPECT_FALSE(test, gap_install(space, &slot, args.gpa));
		axas_check_space(test, space);
	}
}

/* ---- who comes meanwhile ---- */

struct sleeper {
	struct axas_holder holder;
	struct axas_space *space;
	struct task_struct *task;
	u64 gpa;
	int result;
	bool slept;
};

static int sleeper_fault(void *arg)
{
	struct sleeper *sleeper = arg;

	sleeper->result = axas_fault_at(sleeper->space, sleeper->gpa, PROT_R);
	return 0;
}

static void sleeper_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
			       u64 size)
{
	struct sleeper *sleeper = container_of(holder, struct sleeper, holder);
	unsigned long end = jiffies + 10 * HZ;

	if (sleeper->task)
		return;
	sleeper->task = kthread_run(sleeper_fault, sleeper, "axas-sleeper");
	if (IS_ERR(sleeper->task))
		return;
	get_task_struct(sleeper->task);
	while (!sleeper->slept && time_before(jiffies, end)) {
		msleep(20);
		sleeper->slept = READ_ONCE(sleeper->task->__state) &
				 TASK_UNINTERRUPTIBLE;
	}
}

/* Where a page is, and where none ever was: neither the old nor a hole. */
void replace_is_slept_on(struct kunit *test)
{
	const u64 at[] = { SZ_1G, SZ_1G + SZ_4K, SZ_1G + SZ_4M };
	const struct axas_map device = new_device(SZ_1G, SZ_8M);
	struct axas_space *space;
	struct sleeper *sleeper;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		space = axas_test_space(test);
		sleeper = kunit_kzalloc(test, sizeof(*sleeper), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, sleeper);
		INIT_LIST_HEAD(&sleeper->holder.node);
		sleeper->holder.invalidate = sleeper_invalidate;
		sleeper->space = space;
		sleeper->gpa = at[i];
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_8M,
						     PROT_RW, 0, 0), 0);
		KUNIT_ASSERT_EQ(test, axas_fault_at(space, SZ_1G, PROT_W),
				(int)AXAS_FAULT_RESOLVED);
		KUNIT_ASSERT_EQ(test, axas_space_add_holder(space,
							    &sleeper->holder),
				0);
		KUNIT_ASSERT_EQ(test, axas_space_map(space, &device), 0);
		KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(sleeper->task));
		kthread_stop(sleeper->task);
		put_task_struct(sleeper->task);
		KUNIT_EXPECT_TRUE(test, sleeper->slept);
		KUNIT_EXPECT_EQ(test, sleeper->result, (int)AXAS_FAULT_DEVICE);
		axas_space_del_holder(space, &sleeper->holder);
	}
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

	beside->result = axas_fault_at(beside->space, beside->gpa, PROT_W);
}

void replace_lets_faults_of_others_through(struct kunit *test)
{
	const struct axas_map args = new_alloc(SZ_1G, SZ_4K, PROT_R);
	struct axas_space *space = axas_test_space(test);
	struct beside beside = {
		.holder.invalidate = beside_invalidate,
		.space = space,
		.gpa = SZ_1G + SZ_64K,
		.result = -1,
	};

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_2M, PROT_RW, 0,
					     0), 0);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, SZ_1G, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, SZ_1G + SZ_4K, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	INIT_LIST_HEAD(&beside.holder.node);
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &beside.holder), 0);
	KUNIT_EXPECT_EQ(test, axas_space_map(space, &args), 0);
	KUNIT_EXPECT_EQ(test, beside.result, (int)AXAS_FAULT_RESOLVED);
	axas_space_del_holder(space, &beside.holder);
	axas_check_space(test, space);
}

/* ---- what is there afterwards ---- */

/* Most faults find the largest area without the tree. */
void replace_forgets_the_main_area(struct kunit *test)
{
	struct axas_map part = new_alloc(SZ_1G + SZ_2M, SZ_2M, PROT_R);
	struct axas_space *space = axas_test_space(test);

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_8M, PROT_RW, 0,
					     0), 0);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, SZ_1G, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &part), 0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, part.gpa, PROT_W),
			(int)AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, part.gpa - SZ_4K, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	/* All of it, so that the old area is freed. */
	part = new_device(SZ_1G, SZ_8M);
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &part), 0);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G + SZ_4M, PROT_W),
			(int)AXAS_FAULT_DEVICE);
	part = new_alloc(SZ_1G, SZ_8M, PROT_RX);
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &part), 0);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G + SZ_4M, PROT_W),
			(int)AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G + SZ_4M, PROT_X),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 1ULL);
	axas_check_space(test, space);
}

static void ignore_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
			      u64 size)
{
}

/* Tables that go without a look at their entries, and come in the same way. */
void replace_across_full_tables(struct kunit *test)
{
	const u64 at = SZ_1G + SZ_2M - SZ_4K, size = SZ_4M + 2 * SZ_4K;
	struct axas_holder holder = { .invalidate = ignore_invalidate };
	struct axas_space *space;
	struct axas_map args;
	struct axas_stats stats;
	unsigned int i;
	u64 gpa;

	INIT_LIST_HEAD(&holder.node);
	for (i = 0; i < 2; i++) {
		space = axas_test_space(test);
		args = new_linear(SZ_1G, SZ_8M, HPA_NOWHERE, SZ_4K);
		KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
		/* With a holder each entry is looked at. */
		if (i)
			KUNIT_ASSERT_EQ(test, axas_space_add_holder(space,
								    &holder),
					0);
		args = new_linear(at, size, HPA_NOWHERE + SZ_1G, SZ_4K);
		KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
		for (gpa = SZ_1G; gpa < SZ_1G + SZ_8M; gpa += SZ_4K) {
			u64 hpa = gpa >= at && gpa < at + size ?
					  HPA_NOWHERE + SZ_1G + (gpa - at) :
					  HPA_NOWHERE + (gpa - SZ_1G);

			KUNIT_ASSERT_TRUE(test, raw_reaches(&space->npt, gpa,
							    hpa));
		}
		axas_check_space(test, space);
		args = new_linear(SZ_1G, SZ_8M, HPA_NOWHERE, SZ_2M);
		KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
		stats = axas_stats_of(space);
		KUNIT_EXPECT_EQ(test, stats.leaves[0], 0ULL);
		KUNIT_EXPECT_EQ(test, stats.leaves[1], 4ULL);
		KUNIT_EXPECT_EQ(test, stats.tables[0], 0ULL);
		axas_check_space(test, space);
		args = new_linear(at, size, HPA_NOWHERE + SZ_1G, SZ_4K);
		KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
		axas_check_space(test, space);
		KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1G, SZ_8M), 0);
		axas_space_del_holder(space, &holder);
		axas_expect_empty(test, space);
	}
}

void replace_in_and_over_large_leaves(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const u64 gpa = 4ULL * SZ_1G;
	struct axas_map args = new_linear(gpa, SZ_1G, HPA_NOWHERE, 0);
	struct axas_stats stats;

	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	KUNIT_ASSERT_EQ(test, axas_stats_of(space).leaves[2], 1ULL);
	args = new_alloc(gpa + 5 * SZ_2M + SZ_4K, SZ_4K, PROT_RW);
	args.flags |= AXAS_MAP_POPULATE;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	stats = axas_stats_of(space);
	KUNIT_EXPECT_EQ(test, stats.leaves[0], 512ULL);
	KUNIT_EXPECT_EQ(test, stats.leaves[1], 511ULL);
	KUNIT_EXPECT_EQ(test, stats.leaves[2], 0ULL);
	KUNIT_EXPECT_EQ(test, stats.areas, 3ULL);
	KUNIT_EXPECT_EQ(test, stats.resident, 1ULL * SZ_4K);
	KUNIT_EXPECT_NULL(test, memchr_inv(axas_virt_at(test, space, args.gpa),
					   0, SZ_4K));
	axas_check_space(test, space);

	/* A frame of 2 MiB, and then the GiB as it was. */
	args = new_alloc(gpa + 5 * SZ_2M, SZ_2M, PROT_RW);
	args.flags |= AXAS_MAP_POPULATE;
	args.max_leaf = SZ_2M;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 512ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, 1ULL * SZ_2M);
	axas_check_space(test, space);
	args = new_linear(gpa, SZ_1G, HPA_NOWHERE, 0);
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	stats = axas_stats_of(space);
	KUNIT_EXPECT_EQ(test, stats.leaves[2], 1ULL);
	KUNIT_EXPECT_EQ(test, stats.tables[1], 0ULL);
	KUNIT_EXPECT_EQ(test, stats.areas, 1ULL);
	KUNIT_EXPECT_EQ(test, stats.resident, 0ULL);
	axas_check_space(test, space);
}

void replace_leaves_what_is_pinned(struct kunit *test)
{
	struct axas_map args = new_alloc(SZ_1G, 4 * SZ_4K, PROT_RW);
	struct axas_space *space = axas_test_space(test);
	const u64 at = SZ_1G + SZ_4K;
	struct axas_memory memory;

	args.flags |= AXAS_MAP_POPULATE;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	axas_put_word(test, space, at, 0x77);
	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, axas_gpa(at), PROT_W,
						    &memory), 0);
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	KUNIT_EXPECT_EQ(test, *(u64 *)page_address(memory.page), 0x77ULL);
	KUNIT_EXPECT_NE(test, axas_translate_at(space, at).hpa, memory.hpa.val);
	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, at), 0ULL);
	KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, axas_gpa(at),
						      PROT_R, &memory),
			-EAGAIN);
	put_page(memory.page);
	axas_check_space(test, space);
}

void replace_heals_what_was_poisoned(struct kunit *test)
{
	struct axas_map args = new_alloc(SZ_1G, 4 * SZ_4K, PROT_RW);
	struct axas_space *space = axas_test_space(test);
	const u64 bad = SZ_1G + SZ_4K;
	axas_hpa_t hpa;

	args.flags |= AXAS_MAP_POPULATE;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	hpa = axas_hpa(axas_translate_at(space, bad).hpa);
	KUNIT_ASSERT_EQ(test, axas_space_poison(space, axas_gpa(bad), hpa), 0);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, bad, PROT_R),
			(int)AXAS_FAULT_POISONED);
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, bad, PROT_R),
			(int)AXAS_FAULT_SPURIOUS);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, 4ULL * SZ_4K);
	axas_check_space(test, space);
}

/* ---- while the new memory is had ---- */

struct meanwhile {
	struct fake_hal_watch watch;
	struct axas_space *space;
	unsigned int sleeps;
	unsigned int at;
	bool kill;
	const struct axas_map *map;
	unsigned int locked;
};

static void meanwhile_sleep(struct fake_hal_watch *w)
{
	struct meanwhile *meanwhile = container_of(w, struct meanwhile, watch);

	meanwhile->locked += mutex_is_locked(&meanwhile->space->lock);
	if (++meanwhile->sleeps != meanwhile->at)
		return;
	if (meanwhile->kill)
		send_sig(SIGKILL, current, 1);
	if (meanwhile->map)
		axas_space_map(meanwhile->space, meanwhile->map);
}

/* Half of the new is there, and then nothing has happened. */
void replace_that_is_killed(struct kunit *test)
{
	struct axas_map args = new_alloc(SZ_1G + SZ_4K, SZ_8M, PROT_RX);
	struct axas_space *space = axas_test_space(test);
	struct meanwhile meanwhile = {
		.watch.sleep = meanwhile_sleep, .space = space,
		.at = 1200, .kill = true,
	};
	struct axas_snapshot before;
	int ret;

	args.flags |= AXAS_MAP_POPULATE;
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_4M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	axas_snapshot_take(space, &before);
	allow_signal(SIGKILL);
	fake_hal_set_watch(&meanwhile.watch);
	ret = axas_space_map(space, &args);
	fake_hal_set_watch(NULL);
	flush_signals(current);
	disallow_signal(SIGKILL);
	KUNIT_EXPECT_EQ(test, ret, -EINTR);
	KUNIT_EXPECT_GE(test, meanwhile.sleeps, 1200U);
	KUNIT_EXPECT_EQ(test, meanwhile.locked, 0U);
	axas_snapshot_expect(test, space, &before, "killed", 0);
	KUNIT_EXPECT_EQ(test, axas_space_map(space, &args), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident,
			(u64)SZ_8M + SZ_4K);
	axas_check_space(test, space);
}

/* Somebody else has an area there before the memory is had. */
void replace_while_others_change(struct kunit *test)
{
	const struct axas_map other = new_alloc(SZ_1G + SZ_2M, SZ_64K, PROT_R);
	struct axas_map args = new_alloc(SZ_1G, SZ_4M, PROT_RW);
	struct axas_space *space = axas_test_space(test);
	struct meanwhile meanwhile = {
		.watch.sleep = meanwhile_sleep, .space = space, .at = 700,
		.map = &other,
	};

	/* It gives way. */
	args.flags |= AXAS_MAP_POPULATE;
	fake_hal_set_watch(&meanwhile.watch);
	KUNIT_EXPECT_EQ(test, axas_space_map(space, &args), 0);
	fake_hal_set_watch(NULL);
	KUNIT_EXPECT_GE(test, meanwhile.sleeps, 700U);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 1ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, 1ULL * SZ_4M);
	axas_check_space(test, space);

	/* It was faster. */
	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, SZ_1G, SZ_4M), 0);
	meanwhile.sleeps = 0;
	args.flags = AXAS_MAP_POPULATE;
	fake_hal_set_watch(&meanwhile.watch);
	KUNIT_EXPECT_EQ(test, axas_space_map(space, &args), -EEXIST);
	fake_hal_set_watch(NULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 1ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, 0ULL);
	axas_check_space(test, space);
}
