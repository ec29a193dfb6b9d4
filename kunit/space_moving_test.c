// SPDX-License-Identifier: GPL-2.0
/*
 * While memory goes to another place: who comes meanwhile, and a kill.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "../axas_hold.h"
#include "cases.h"
#include "context.h"
#include "fake_tree.h"
#include "move.h"
#include "snapshot.h"

/* ---- who comes meanwhile ---- */

/* Of each range the first page, the last one, and two that nobody has touched. */
#define NR_POINTS	8

/**
 * struct onlooker - someone who looks while a move is at it
 * @holder: told when a range has to be forgotten
 * @watch: called when others are let run
 * @space: the space
 * @gpa: places, of the first range and then of the other one
 * @late: what faults there had read before
 * @size: of a range
 * @told: times that it was told of a whole range
 * @between: times that it was told of what lies between
 * @stored: times that it looked when the areas had been exchanged
 * @open: places that weren't closed
 * @nowhere: places without an area
 * @early: places that had another area before all was forgotten
 * @installed: late faults that found a way in
 * @unheld: times that somebody could have begun to copy
 */
struct onlooker {
	struct axas_holder holder;
	struct fake_tree_watch watch;
	struct axas_space *space;
	u64 gpa[NR_POINTS];
	struct axas_npt_slot late[NR_POINTS];
	u64 size;
	unsigned int told;
	unsigned int between;
	unsigned int stored;
	unsigned int open;
	unsigned int nowhere;
	unsigned int early;
	unsigned int installed;
	unsigned int unheld;
};

/* Under RCU. Whatever its area allows, a fault that has read this is too late. */
static bool install(struct axas_space *space, struct axas_npt_slot *slot, u64 gpa)
{
	struct axas_npt *npt = &space->npt;
	struct axas_npt_pool pool = {};
	u64 shared = npt->ops->encode(npt, (struct axas_attr){ .prot = PROT_R });

	return !npt->ops->install(npt, slot, axas_gpa(gpa),
				  axas_hpa(HPA_NOWHERE), 1, shared, &pool);
}

static bool held(struct axas_space *space)
{
	if (!down_read_trylock(&space->hold->shards[0].lock))
		return true;
	up_read(&space->hold->shards[0].lock);
	return false;
}

static void onlooker_look(struct onlooker *onlooker, unsigned int i)
{
	struct axas_space *space = onlooker->space;
	struct axas_leaf leaf;

	onlooker->open += axas_lookup_at(&space->npt, onlooker->gpa[i], &leaf) !=
			  -EAGAIN;
	onlooker->nowhere += !cookie_at(space, onlooker->gpa[i]);
	guard(rcu)();
	if (onlooker->late[i].ptr)
		onlooker->installed += install(space, &onlooker->late[i],
					       onlooker->gpa[i]);
}

static void onlooker_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
				u64 size)
{
	struct onlooker *onlooker = container_of(holder, struct onlooker, holder);
	unsigned int i, seen = 0;

	for (i = 0; i < NR_POINTS; i++) {
		if (onlooker->gpa[i] < gpa.val ||
		    onlooker->gpa[i] >= gpa.val + size)
			continue;
		seen++;
		onlooker_look(onlooker, i);
	}
	onlooker->told += seen == NR_POINTS / 2;
	onlooker->between += seen == NR_POINTS;
	onlooker->early += cookie_at(onlooker->space, onlooker->gpa[0]) != COOKIE;
	onlooker->unheld += !held(onlooker->space);
}

static void onlooker_resched(struct fake_tree_watch *watch)
{
	struct onlooker *onlooker = container_of(watch, struct onlooker, watch);
	struct axas_space *space = onlooker->space;
	unsigned int i;

	if (!mutex_is_locked(&space->lock) || !held(space) ||
	    cookie_at(space, onlooker->gpa[NR_POINTS / 2]) != COOKIE)
		return;
	onlooker->stored++;
	for (i = 0; i < NR_POINTS; i++)
		onlooker_look(onlooker, i);
}

static void onlooker_begin(struct kunit *test, struct onlooker *onlooker,
			   struct axas_space *space, u64 from, u64 to, u64 size)
{
	const u64 at[] = { 0, SZ_4K, size / 2, size - SZ_4K };
	u64 word = 0;
	struct kvec vec = { .iov_base = &word, .iov_len = sizeof(word) };
	struct iov_iter iter;
	unsigned int i;

	*onlooker = (struct onlooker){
		.holder.invalidate = onlooker_invalidate,
		.watch.resched = onlooker_resched,
		.space = space, .size = size,
	};
	INIT_LIST_HEAD(&onlooker->holder.node);
	for (i = 0; i < NR_POINTS; i++)
		onlooker->gpa[i] = (i < NR_POINTS / 2 ? from : to) +
				   at[i % (NR_POINTS / 2)];
	/* Somebody has copied, so R is there. */
	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, sizeof(word));
	KUNIT_ASSERT_EQ(test, axas_space_rw_iter(space, axas_gpa(from), &iter,
						 false),
			(ssize_t)sizeof(word));
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &onlooker->holder), 0);
}

/* An area with a page at either end, and more of it around. */
static void range_make(struct kunit *test, struct axas_space *space, u64 gpa,
		       u64 size, unsigned int prot, u64 cookie)
{
	struct axas_map args = map_args(AXAS_BACKEND_ALLOC, gpa - SZ_64K,
					size + SZ_128K, prot);

	args.cookie = cookie;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	populate(test, space, gpa - SZ_4K, 2 * SZ_4K);
	populate(test, space, gpa + size - SZ_4K, 2 * SZ_4K);
}

static const struct {
	u64 from, to, size;
} gaps[] = {
	{ HERE + SZ_64K, THERE + SZ_64K, SZ_64K },
	{ HERE + SZ_64K, THERE + SZ_1M, SZ_64K },
	{ HERE + SZ_64K, HERE + SZ_1M, SZ_64K },
	{ HERE + SZ_2M, THERE + SZ_2M, SZ_2M },
	{ HERE + SZ_2M, THERE + SZ_64K, SZ_2M },
	{ HERE - SZ_64K, THERE + SZ_64K, SZ_4M },
};

void move_opens_nothing_before_it_is_forgotten(struct kunit *test)
{
	struct axas_space *space;
	struct onlooker *onlooker = kunit_kzalloc(test, sizeof(*onlooker),
						  GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, onlooker);
	for (i = 0; i < ARRAY_SIZE(gaps); i++) {
		u64 from = gaps[i].from, to = gaps[i].to, size = gaps[i].size;

		space = axas_test_space(test);
		range_make(test, space, from, size, PROT_RW, COOKIE);
		range_make(test, space, to, size, PROT_R, OTHER);
		onlooker_begin(test, onlooker, space, from, to, size);
		fake_tree_set_watch(&onlooker->watch);
		KUNIT_EXPECT_EQ(test, exchange(space, from, to, size), 0);
		fake_tree_set_watch(NULL);
		axas_space_del_holder(space, &onlooker->holder);
		KUNIT_EXPECT_EQ_MSG(test, onlooker->told, 2U, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, onlooker->between, 0U, "row %u", i);
		KUNIT_EXPECT_GE_MSG(test, onlooker->stored, 2U, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, onlooker->open, 0U, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, onlooker->nowhere, 0U, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, onlooker->early, 0U, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, onlooker->unheld, 0U, "row %u", i);
		/* But afterwards. */
		KUNIT_EXPECT_EQ(test, axas_fault_at(space, from + SZ_4K, PROT_W),
				(int)AXAS_FAULT_DENIED);
		KUNIT_EXPECT_EQ(test, axas_fault_at(space, to + SZ_4K, PROT_W),
				(int)AXAS_FAULT_RESOLVED);
		axas_check_space(test, space);
	}
}

/* A fault that has read an entry that goes by itself is too late from then on. */
void move_stops_faults_that_looked_before(struct kunit *test)
{
	const u64 from = HERE + SZ_64K, size = SZ_64K;
	static const u64 tos[] = { THERE + SZ_64K, THERE + SZ_1M, HERE + SZ_1M };
	struct onlooker *onlooker = kunit_kzalloc(test, sizeof(*onlooker),
						  GFP_KERNEL);
	struct axas_space *space;
	unsigned int i, j;

	KUNIT_ASSERT_NOT_NULL(test, onlooker);
	for (i = 0; i < ARRAY_SIZE(tos); i++) {
		space = axas_test_space(test);
		range_make(test, space, from, size, PROT_RW, COOKIE);
		range_make(test, space, tos[i], size, PROT_R, OTHER);
		onlooker_begin(test, onlooker, space, from, tos[i], size);
		/* Their tables stay, for there are neighbours. */
		for (j = 0; j < NR_POINTS; j++)
			if (j % 4 == 1 || j % 4 == 2)
				onlooker->late[j] =
					axas_peek(space, onlooker->gpa[j]);
		fake_tree_set_watch(&onlooker->watch);
		KUNIT_EXPECT_EQ(test, exchange(space, from, tos[i], size), 0);
		fake_tree_set_watch(NULL);
		axas_space_del_holder(space, &onlooker->holder);
		for (j = 0; j < NR_POINTS; j++) {
			guard(rcu)();
			if (onlooker->late[j].ptr)
				onlooker->installed +=
					install(space, &onlooker->late[j],
						onlooker->gpa[j]);
		}
		KUNIT_EXPECT_GE(test, onlooker->stored, 2U);
		KUNIT_EXPECT_EQ(test, onlooker->installed, 0U);
		axas_check_space(test, space);
	}
}

/**
 * struct laggard - a fault that takes its time between its entry and its area
 * @space: the space
 * @looked: it has read the entry
 * @gpa: where
 * @found: it has found the area that is to come there, and used the entry for it
 * @installed: that was possible
 * @gone: it has left its RCU section
 */
struct laggard {
	struct axas_space *space;
	struct completion looked;
	u64 gpa;
	bool found;
	bool installed;
	bool gone;
};

static int laggard_run(void *arg)
{
	unsigned long until = jiffies + HZ / 4;
	struct laggard *laggard = arg;
	struct axas_npt_slot slot;

	rcu_read_lock();
	slot = axas_peek(laggard->space, laggard->gpa);
	complete(&laggard->looked);
	while (!laggard->found && time_before(jiffies, until)) {
		laggard->found = cookie_at(laggard->space, laggard->gpa) == OTHER;
		cpu_relax();
	}
	if (laggard->found)
		laggard->installed = install(laggard->space, &slot, laggard->gpa);
	WRITE_ONCE(laggard->gone, true);
	rcu_read_unlock();
	return 0;
}

/*
 * A table that goes as it is takes its empty entries along: whoever has one finds no
 * area but the one that the table had then.
 */
void move_waits_for_faults_that_looked_before(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct laggard laggard = { .space = space, .gpa = HERE + SZ_64K };
	struct task_struct *task;
	struct axas_leaf leaf;

	init_completion(&laggard.looked);
	range_make(test, space, HERE, SZ_2M, PROT_RX, COOKIE);
	range_make(test, space, THERE, SZ_2M, PROT_R, OTHER);
	task = kthread_create(laggard_run, &laggard, "axas-laggard");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	get_task_struct(task);
	wake_up_process(task);
	wait_for_completion(&laggard.looked);
	KUNIT_EXPECT_EQ(test, exchange(space, HERE, THERE, SZ_2M), 0);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(laggard.gone));
	kthread_stop(task);
	put_task_struct(task);
	KUNIT_EXPECT_FALSE(test, laggard.found);
	KUNIT_EXPECT_FALSE(test, laggard.installed);
	KUNIT_EXPECT_EQ(test, axas_lookup_at(&space->npt, THERE + SZ_64K, &leaf),
			-ENOENT);
	axas_check_space(test, space);
}

/**
 * struct intruder - a fault that is resolved when what can fail is nearly done
 * @watch: called when pins are looked for
 * @space: the space
 * @gpa: where
 * @result: of the fault
 */
struct intruder {
	struct fake_tree_watch watch;
	struct axas_space *space;
	u64 gpa;
	int result;
};

static void intruder_resched(struct fake_tree_watch *watch)
{
	struct intruder *intruder = container_of(watch, struct intruder, watch);
	struct axas_leaf leaf;

	/* Not before the range was sketched: that has split this one. */
	if (intruder->result != -1 ||
	    axas_lookup_at(&intruder->space->npt, HERE, &leaf) || leaf.level > 1)
		return;
	intruder->result = axas_fault_at(intruder->space, intruder->gpa, PROT_W);
}

/*
 * Memory comes where there was none yet when the way for it was made: a page, and 2
 * MiB that are too large for where it goes, or reach out of the range.
 */
void move_takes_what_has_come_since(struct kunit *test)
{
	static const struct {
		u64 gpa, to, end, max_leaf;
	} rows[] = {
		{ HERE + SZ_4M, THERE, HERE + SZ_8M, 0 },
		{ HERE + SZ_4M, THERE, HERE + SZ_8M, SZ_2M },
		{ HERE + SZ_4M, THERE + SZ_64K, HERE + SZ_8M, SZ_2M },
		{ HERE + SZ_4M, THERE, HERE + SZ_4M + SZ_64K, SZ_2M },
		{ HERE + SZ_4M, THERE + SZ_64K, HERE + SZ_4M + SZ_64K, SZ_2M },
		{ HERE + SZ_512M, THERE + SZ_64K, HERE + SZ_512M + SZ_64K, SZ_2M },
	};
	struct intruder intruder;
	struct axas_space *space;
	unsigned int i;
	u64 from;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 size = rows[i].end - HERE - SZ_4K;

		space = axas_test_space(test);
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_1G, PROT_RW,
						     0, rows[i].max_leaf), 0);
		KUNIT_ASSERT_EQ(test, axas_fault_at(space, HERE, PROT_W),
				(int)AXAS_FAULT_RESOLVED);
		populate(test, space, HERE + SZ_4K, SZ_4K);
		intruder = (struct intruder){
			.watch.resched = intruder_resched, .space = space,
			.gpa = rows[i].gpa, .result = -1,
		};
		from = HERE + SZ_4K;
		space->held = true;
		fake_tree_set_watch(&intruder.watch);
		KUNIT_EXPECT_EQ(test, move(space, from, rows[i].to + SZ_4K,
					   size), 0);
		fake_tree_set_watch(NULL);
		KUNIT_EXPECT_EQ_MSG(test, intruder.result,
				    (int)AXAS_FAULT_RESOLVED, "row %u", i);
		KUNIT_EXPECT_EQ(test, axas_fault_at(space, rows[i].gpa - HERE +
						    rows[i].to, PROT_W),
				(int)AXAS_FAULT_SPURIOUS);
		KUNIT_EXPECT_EQ(test, axas_fault_at(space, rows[i].gpa, PROT_W),
				(int)AXAS_FAULT_NO_AREA);
		axas_check_space(test, space);
	}
}

/* ---- a kill ---- */

struct killing {
	struct fake_tree_watch watch;
	unsigned int left;
};

static void killing_resched(struct fake_tree_watch *watch)
{
	struct killing *killing = container_of(watch, struct killing, watch);

	if (killing->left && !--killing->left)
		send_sig(SIGKILL, current, 1);
}

/* While areas are copied, and while pins are looked for. */
void move_that_is_killed(struct kunit *test)
{
	struct killing killing = { .watch.resched = killing_resched };
	struct axas_space *space = axas_test_space(test);
	struct axas_snapshot before;
	unsigned int i;
	int ret = -EINTR;

	for (i = 0; i < 8; i++)
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE + i * SZ_64K,
						     SZ_64K, i % 2 ? PROT_R :
						     PROT_RW, AXAS_MAP_POPULATE,
						     0), 0);
	space->held = true;
	axas_snapshot_take(space, &before);
	for (i = 1; i < 140; i += i < 12 ? 1 : 9) {
		killing.left = i;
		allow_signal(SIGKILL);
		fake_tree_set_watch(&killing.watch);
		ret = move(space, HERE, THERE + SZ_4K, SZ_512K);
		fake_tree_set_watch(NULL);
		flush_signals(current);
		disallow_signal(SIGKILL);
		if (!ret)
			break;
		KUNIT_EXPECT_EQ(test, ret, -EINTR);
		axas_snapshot_expect(test, space, &before, "killed", i);
	}
	/* When it has begun it comes to its end. */
	KUNIT_EXPECT_GT(test, i, 100U);
	if (ret)
		KUNIT_EXPECT_EQ(test, move(space, HERE, THERE + SZ_4K, SZ_512K),
				0);
	axas_check_space(test, space);
}
