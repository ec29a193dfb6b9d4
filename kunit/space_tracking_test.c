// SPDX-License-Identifier: GPL-2.0
/*
 * While trackers begin, list and end: who writes meanwhile, and who has looked before.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/pagemap.h>

#include "../axas_hold.h"
#include "cases.h"
#include "collapse.h"
#include "race.h"
#include "track.h"

/* ---- one call that is kept waiting ---- */

/**
 * struct waiter - a call that waits for somebody
 * @space: the space
 * @call: the call
 * @tracker: whose, or what it has made
 * @runs: what it has listed
 * @dirty: how
 * @ret: what it has returned
 * @done: it has
 * @task: who calls
 */
struct waiter {
	struct axas_space *space;
	int (*call)(struct waiter *waiter);
	struct axas_tracker *tracker;
	struct axas_next_entry runs[TRACK_RUNS];
	struct axas_dirty dirty;
	int ret;
	bool done;
	struct task_struct *task;
};

static int waiter_run(void *arg)
{
	struct waiter *waiter = arg;

	waiter->ret = waiter->call(waiter);
	/* What it has found is visible when it is done. */
	smp_store_release(&waiter->done, true);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static struct waiter *waiter_new(struct kunit *test, struct axas_space *space,
				 int (*call)(struct waiter *waiter))
{
	struct waiter *waiter = kunit_kzalloc(test, sizeof(*waiter), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, waiter);
	waiter->space = space;
	waiter->call = call;
	return waiter;
}

static void waiter_begin(struct waiter *waiter)
{
	waiter->task = kthread_run(waiter_run, waiter, "axas-waiter");
}

static bool waiter_is_done(struct waiter *waiter)
{
	/* Pairs with waiter_run(). */
	return smp_load_acquire(&waiter->done);
}

static void waiter_end(struct kunit *test, struct waiter *waiter)
{
	KUNIT_ASSERT_FALSE(test, IS_ERR(waiter->task));
	while (!waiter_is_done(waiter))
		schedule_timeout_uninterruptible(1);
	kthread_stop(waiter->task);
	KUNIT_EXPECT_EQ(test, waiter->ret, 0);
}

static int waiter_tracks(struct waiter *waiter)
{
	const struct axas_track args = track_args(HERE, SZ_4M);

	waiter->tracker = axas_tracker_create(waiter->space, &args);
	return PTR_ERR_OR_ZERO(waiter->tracker);
}

static int waiter_lists(struct waiter *waiter)
{
	waiter->dirty = (struct axas_dirty){
		.gpa = waiter->tracker->start,
		.length = track_size(waiter->tracker), .nr = TRACK_RUNS,
	};
	return axas_tracker_list(waiter->tracker, &waiter->dirty, waiter->runs);
}

static int waiter_collapses(struct waiter *waiter)
{
	struct axas_collapse args = collapse_args(HERE, SZ_2M, true);

	return axas_space_collapse(waiter->space, &args);
}

static int waiter_writes(struct waiter *waiter)
{
	int result = axas_fault_at(waiter->space, page_at(7), PROT_W);

	return result == AXAS_FAULT_RESOLVED ? 0 : -EIO;
}

/* What a fault does under R, as far as the table goes. */
static int open_at(struct axas_space *space, u64 page, unsigned int level)
{
	struct axas_npt_cursor cursor = { .base = AXAS_CURSOR_NONE };

	guard(rcu)();
	return space->npt.ops->tracking->open(&space->npt,
					      axas_gpa(page_at(page)), &cursor,
					      false, level);
}

/* ---- begin ---- */

/*
 * A fault that has looked before anybody wanted to know installs a leaf that can be
 * written to. Whoever begins waits for it, and finds the leaf.
 */
void track_waits_for_faults_that_looked_before(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct waiter *waiter = waiter_new(test, space, waiter_tracks);
	struct axas_npt *npt = &space->npt;
	const struct axas_attr attr = { .prot = PROT_RW };
	const struct axas_npt_ops *ops;
	struct axas_npt_pool pool = {};
	struct axas_npt_slot slot;
	struct axas_leaf leaf;
	bool early;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_4M, PROT_RW, 0, 0),
			0);
	populate(test, space, HERE, SZ_64K);
	/* Where there are two CPUs the other one begins. */
	waiter_begin(waiter);
	rcu_read_lock();
	ops = axas_npt_get_ops(npt);
	ops->lookup(npt, axas_gpa(page_at(99)), &slot, &leaf);
	mdelay(200);
	early = waiter_is_done(waiter);
	KUNIT_EXPECT_EQ(test, ops->install(npt, &slot, axas_gpa(page_at(99)),
					   axas_hpa(HPA_NOWHERE), 1,
					   ops->encode(npt, attr), &pool), 0);
	rcu_read_unlock();
	waiter_end(test, waiter);
	if (early)
		kunit_info(test, "over before the fault began");
	KUNIT_EXPECT_FALSE(test, raw_writes(npt, page_at(99)));
	EXPECT_CLEAN(test, waiter->tracker);
	guest_writes(test, space, 99);
	EXPECT_DIRTY(test, waiter->tracker, RUN(99, 1));
	axas_tracker_destroy(waiter->tracker);
}

/* Whoever has looked under R writes until he lets go of it. */
void track_waits_for_who_copies(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct waiter *waiter = waiter_new(test, space, waiter_tracks);
	u64 word;

	map_small(test, space, 0, 64);
	KUNIT_ASSERT_EQ(test, track_copy(space, HERE, &word, false), 0);
	down_read(&space->hold->shards[0].lock);
	waiter_begin(waiter);
	msleep(100);
	KUNIT_EXPECT_FALSE(test, waiter_is_done(waiter));
	up_read(&space->hold->shards[0].lock);
	waiter_end(test, waiter);
	EXPECT_CLEAN(test, waiter->tracker);

	/* It lists what comes until then. */
	guest_writes(test, space, 3);
	waiter->call = waiter_lists;
	waiter->done = false;
	down_read(&space->hold->shards[0].lock);
	waiter_begin(waiter);
	msleep(100);
	KUNIT_EXPECT_FALSE(test, waiter_is_done(waiter));
	KUNIT_EXPECT_TRUE(test, raw_writes(&space->npt, page_at(3)));
	KUNIT_EXPECT_EQ(test, open_at(space, 5, 1), 0);
	up_read(&space->hold->shards[0].lock);
	waiter_end(test, waiter);
	KUNIT_EXPECT_EQ(test, waiter->dirty.done, 2U);
	KUNIT_EXPECT_EQ(test, waiter->runs[1].gpa, page_at(5));
	KUNIT_EXPECT_FALSE(test, raw_writes(&space->npt, page_at(5)));
	axas_tracker_destroy(waiter->tracker);
	axas_check_space(test, space);
}

/*
 * Whoever makes a translation of what he has found holds the page's lock until it can
 * be found: so it is waited for, in memory of guests and in ROM.
 */
void track_waits_for_who_locks_a_page(struct kunit *test)
{
	static const u32 flags[] = { 0, AXAS_MAP_ROM };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct axas_space *space = axas_test_space(test);
		struct axas_map args = map_args(AXAS_BACKEND_ALLOC, HERE, SZ_64K,
						i ? PROT_R : PROT_RW);
		struct waiter *waiter = waiter_new(test, space, waiter_tracks);
		struct axas_memory memory;
		struct axas_holder holder;

		args.flags = flags[i];
		KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
		KUNIT_ASSERT_EQ(test, owner_writes(space, page_at(3), 1), 0);
		track_hold(test, space, &holder);
		KUNIT_ASSERT_EQ(test, axas_space_get_memory(space,
							    axas_gpa(page_at(3)),
							    OWNER_WRITES,
							    &memory), 0);
		lock_page(memory.page);
		KUNIT_EXPECT_EQ(test, axas_space_check_memory(space,
							      axas_gpa(page_at(3)),
							      OWNER_WRITES,
							      &memory), 0);
		waiter_begin(waiter);
		msleep(100);
		KUNIT_EXPECT_FALSE_MSG(test, waiter_is_done(waiter), "begin, %u",
				       i);
		unlock_page(memory.page);
		waiter_end(test, waiter);

		/* The same of a list. */
		KUNIT_ASSERT_EQ(test, owner_writes(space, page_at(3), 2), 0);
		lock_page(memory.page);
		waiter->call = waiter_lists;
		waiter->done = false;
		waiter_begin(waiter);
		msleep(100);
		KUNIT_EXPECT_FALSE_MSG(test, waiter_is_done(waiter), "list, %u",
				       i);
		unlock_page(memory.page);
		waiter_end(test, waiter);
		KUNIT_EXPECT_EQ(test, waiter->dirty.done, 1U);
		put_page(memory.page);
		axas_tracker_destroy(waiter->tracker);
		axas_space_del_holder(space, &holder);
	}
}

/* ---- lists ---- */

/* A write that was found to need it is behind the list that is at it, as a whole. */
void track_lists_before_who_opens(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct waiter *waiter = waiter_new(test, space, waiter_writes);
	struct axas_tracker *tracker;
	struct axas_npt_harvest harvest = {
		.next = HERE, .end = HERE + SZ_4M, .budget = U32_MAX,
	};

	map_small(test, space, 0, 64);
	tracker = track_begin(test, space, HERE, SZ_4M);
	mutex_lock(&space->lock);
	axas_hold_write(space->hold, &space->lock);
	waiter_begin(waiter);
	msleep(100);
	KUNIT_EXPECT_FALSE(test, waiter_is_done(waiter));
	KUNIT_EXPECT_FALSE(test, raw_writes(&space->npt, page_at(7)));
	/* Nothing is open: nobody is told of anything. */
	space->npt.ops->tracking->harvest(&space->npt, &harvest);
	axas_hold_end(space->hold);
	mutex_unlock(&space->lock);
	waiter_end(test, waiter);
	KUNIT_EXPECT_TRUE(test, raw_writes(&space->npt, page_at(7)));
	EXPECT_DIRTY(test, tracker, RUN(7, 1));
	axas_tracker_destroy(tracker);
}

static int waiter_gets(struct waiter *waiter)
{
	struct axas_memory memory;
	int ret = axas_space_get_memory(waiter->space, axas_gpa(page_at(7)),
					PROT_W, &memory);

	if (!ret)
		put_page(memory.page);
	return ret;
}

/* The same of another module that wants to write. */
void track_asks_again_who_gets_a_page(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct waiter *waiter = waiter_new(test, space, waiter_gets);
	struct axas_tracker *tracker;

	map_small(test, space, 0, 64);
	tracker = track_begin(test, space, HERE, SZ_4M);
	mutex_lock(&space->lock);
	axas_hold_write(space->hold, &space->lock);
	waiter_begin(waiter);
	msleep(100);
	KUNIT_EXPECT_FALSE(test, waiter_is_done(waiter));
	KUNIT_EXPECT_FALSE(test, raw_writes(&space->npt, page_at(7)));
	axas_hold_end(space->hold);
	mutex_unlock(&space->lock);
	waiter_end(test, waiter);
	EXPECT_DIRTY(test, tracker, RUN(7, 1));
	axas_tracker_destroy(tracker);
}

struct list_watch {
	struct axas_holder holder;
	struct axas_space *space;
	unsigned int told;
	unsigned int open;
};

static void list_invalidate(struct axas_holder *holder, axas_gpa_t gpa, u64 size)
{
	struct list_watch *watch = container_of(holder, struct list_watch,
						holder);

	watch->told++;
	watch->open += raw_writes(&watch->space->npt, page_at(3));
}

/* Who has a translation is told when the leaf is armed, and once. */
void track_makes_holders_forget(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct list_watch watch = {
		.holder.invalidate = list_invalidate, .space = space,
	};
	struct axas_tracker *tracker;

	INIT_LIST_HEAD(&watch.holder.node);
	map_small(test, space, 0, 1024);
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &watch.holder), 0);
	tracker = track_begin(test, space, HERE, SZ_4M);
	KUNIT_EXPECT_GT(test, watch.told, 0U);
	watch.told = 0;
	EXPECT_CLEAN(test, tracker);
	KUNIT_EXPECT_EQ(test, watch.told, 0U);
	guest_writes(test, space, 3);
	guest_writes(test, space, 5);
	EXPECT_LISTED(test, tracker, AXAS_DIRTY_PEEK, RUN(3, 1), RUN(5, 1));
	KUNIT_EXPECT_EQ(test, watch.told, 0U);
	EXPECT_DIRTY(test, tracker, RUN(3, 1), RUN(5, 1));
	KUNIT_EXPECT_EQ(test, watch.told, 1U);
	KUNIT_EXPECT_EQ(test, watch.open, 0U);
	axas_tracker_destroy(tracker);
	axas_space_del_holder(space, &watch.holder);
}

/* ---- larger leaves ---- */

/*
 * Whoever opens a leaf of a table that is on its way out does so before it is looked
 * at, or finds none.
 */
void track_opens_nothing_that_goes(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct waiter *waiter = waiter_new(test, space, waiter_collapses);
	struct axas_tracker *tracker;

	make_pages(test, space, HERE);
	tracker = track_begin(test, space, HERE, SZ_4M);
	KUNIT_EXPECT_EQ(test, open_at(space, 5, 1), 0);
	down_read(&space->hold->shards[0].lock);
	waiter_begin(waiter);
	msleep(100);
	KUNIT_EXPECT_FALSE(test, waiter_is_done(waiter));
	/* In place nothing has been begun: the leaf that is open now counts. */
	KUNIT_EXPECT_EQ(test, open_at(space, 3, 1), 0);
	up_read(&space->hold->shards[0].lock);
	waiter_end(test, waiter);
	expect_leaves(test, space, 0, 1);
	EXPECT_DIRTY(test, tracker, RUN(0, 512));
	EXPECT_CLEAN(test, tracker);
	expect_pages(test, space, HERE);
	axas_tracker_destroy(tracker);
}

/* ---- threads that write, and one that copies what it is told ---- */

#define RACE_WRITERS	(RACE_THREADS - 2)

/**
 * struct race_mirror - a guest that is migrated
 * @holder: the translations of its CPU
 * @lock: held by who writes through one
 * @tracker: of all of it
 * @copy: what was copied, a word per writer and page
 * @lists: pages that were listed
 */
struct race_mirror {
	struct axas_holder holder;
	struct mutex lock; /* translations */
	struct axas_tracker *tracker;
	u64 (*copy)[RACE_WRITERS];
	u64 lists;
};

static struct race_mirror *mirror;

static void mirror_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
			      u64 size)
{
	/* Who has checked before has written when this is over. */
	mutex_lock(&mirror->lock);
	mutex_unlock(&mirror->lock);
}

static u64 mirror_gpa(unsigned int writer, unsigned int page)
{
	return RACE_GPA + page * (u64)SZ_4K + 8 * (writer + 1);
}

/* One page of those that were listed, after they were. */
static void mirror_copy(struct race_thread *thread, unsigned int page)
{
	unsigned int i;
	u64 word;

	for (i = 0; i < RACE_WRITERS; i++) {
		if (track_copy(thread->race->space, mirror_gpa(i, page), &word,
			       false))
			thread->wrong = "a read failed";
		mirror->copy[page][i] = word;
	}
	mirror->lists++;
}

static void mirror_list(struct race_thread *thread)
{
	struct axas_next_entry runs[TRACK_RUNS];
	struct axas_dirty dirty = { .gpa = RACE_GPA, .length = RACE_SIZE };
	unsigned int i;
	u64 gpa;

	do {
		dirty.nr = 1 + race_rnd(thread, TRACK_RUNS);
		if (axas_tracker_list(mirror->tracker, &dirty, runs))
			thread->wrong = "a list failed";
		for (i = 0; i < dirty.done; i++)
			for (gpa = runs[i].gpa;
			     gpa < runs[i].gpa + runs[i].length; gpa += SZ_4K)
				mirror_copy(thread, (gpa - RACE_GPA) / SZ_4K);
	} while (dirty.length && !thread->wrong);
}

static void race_mirror(struct race_thread *thread)
{
	while (race_on(thread->race))
		mirror_list(thread);
}

/* As pwrite does it. */
static void race_write_as_owner(struct race_thread *thread)
{
	struct axas_space *space = thread->race->space;

	while (race_on(thread->race)) {
		unsigned int page = race_rnd(thread, RACE_PAGES);

		if (owner_writes(space, mirror_gpa(0, page), ++thread->calls))
			thread->wrong = "a write failed";
	}
}

/* As a CPU does it that keeps translations. */
static void race_write_as_guest(struct race_thread *thread)
{
	struct axas_space *space = thread->race->space;
	struct axas_memory memory;
	unsigned int page;
	axas_gpa_t gpa;
	u64 *virt;

	while (race_on(thread->race)) {
		page = race_rnd(thread, RACE_PAGES);
		gpa = axas_gpa(RACE_GPA + page * (u64)SZ_4K);
		race_fault(thread, gpa.val, PROT_W);
		if (axas_space_get_memory(space, gpa, PROT_W, &memory)) {
			thread->wrong = "no memory";
			continue;
		}
		mutex_lock(&mirror->lock);
		if (!axas_space_check_memory(space, gpa, PROT_W, &memory)) {
			virt = axas_hal_phys_to_virt(memory.hpa);
			WRITE_ONCE(virt[2], ++thread->calls);
		}
		mutex_unlock(&mirror->lock);
		put_page(memory.page);
	}
}

/* Everything that moves leaves, or what they allow, and loses none. */
static void race_change_one(struct race_thread *thread)
{
	struct axas_space *space = thread->race->space;
	u64 large = RACE_GPA + race_rnd(thread, RACE_SIZE / SZ_2M) * (u64)SZ_2M;
	u64 gpa = RACE_GPA + race_rnd(thread, RACE_PAGES - 16) * (u64)SZ_4K;
	struct axas_collapse args = collapse_args(large, SZ_2M, true);
	const struct axas_track part = track_args(gpa, SZ_64K);
	struct axas_tracker *tracker;

	switch (race_rnd(thread, 4)) {
	case 0:
		if (axas_protect_range(space, gpa, SZ_64K, PROT_RWX) ||
		    axas_protect_range(space, gpa, SZ_64K, PROT_RW))
			thread->wrong = "protect";
		break;
	case 1:
		if (axas_space_collapse(space, &args))
			thread->wrong = "collapse";
		break;
	case 2:
		if (axas_discard_range(space, gpa, SZ_4K, NULL))
			thread->wrong = "discard";
		break;
	default:
		tracker = axas_tracker_create(space, &part);
		if (IS_ERR(tracker)) {
			thread->wrong = "no tracker";
			break;
		}
		schedule_timeout_uninterruptible(race_rnd(thread, 2));
		axas_tracker_destroy(tracker);
	}
	race_called(thread);
}

static void race_change(struct race_thread *thread)
{
	while (race_on(thread->race))
		race_change_one(thread);
}

/* Whatever was written is in the copy, when all that was listed has been copied. */
void track_under_writers(struct kunit *test)
{
	struct race_thread *threads = race_threads(test, race_mirror);
	struct axas_space *space = axas_test_space(test);
	struct race race = { .calls = RACE_CALLS };
	unsigned int page, i, wrong = 0;
	u64 word;

	mirror = kunit_kzalloc(test, sizeof(*mirror), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mirror);
	mirror->copy = kunit_kcalloc(test, RACE_PAGES, sizeof(*mirror->copy),
				     GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mirror->copy);
	mutex_init(&mirror->lock);
	mirror->holder.invalidate = mirror_invalidate;
	INIT_LIST_HEAD(&mirror->holder.node);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, RACE_GPA, RACE_SIZE, PROT_RW,
					     0, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &mirror->holder), 0);
	mirror->tracker = track_begin(test, space, RACE_GPA, RACE_SIZE);
	threads[0].run = race_change;
	threads[1].run = race_write_as_owner;
	threads[2].run = race_write_as_guest;
	race_run(test, &race, threads, RACE_THREADS);
	race_log(test, threads);
	kunit_info(test, "%llu pages listed", mirror->lists);
	KUNIT_EXPECT_GT(test, mirror->lists, 0ULL);
	mirror_list(&threads[3]);
	for (page = 0; page < RACE_PAGES; page++)
		for (i = 0; i < RACE_WRITERS; i++) {
			KUNIT_ASSERT_EQ(test,
					track_copy(space, mirror_gpa(i, page),
						   &word, false), 0);
			wrong += word != mirror->copy[page][i];
		}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	axas_tracker_destroy(mirror->tracker);
	axas_space_del_holder(space, &mirror->holder);
	race_expect_sane(test, space);
}
