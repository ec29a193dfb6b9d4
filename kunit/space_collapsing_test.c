// SPDX-License-Identifier: GPL-2.0
/*
 * While small leaves become a large one by a copy: who comes meanwhile, and who is
 * still there.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/uio.h>

#include "../axas_hold.h"
#include "cases.h"
#include "collapse.h"
#include "race.h"

/* Two that are there, and two that aren't. */
#define NR_PLACES	4

static const unsigned int places[NR_PLACES] = { 3, 100, 70, 510 };

/**
 * struct bystander - someone who looks while a collapse is at it
 * @holder: told to forget
 * @watch: of what is freed
 * @space: the space
 * @late: what faults had read before
 * @entry: of the first place; the table goes
 * @old: its frame
 * @flags: what the CPU sets there late
 * @told: times that it was told
 * @open: places that weren't closed
 * @installed: late faults that found a way in
 * @held: times that nobody could have begun to copy
 * @early: frames that were freed too early
 * @task: a guest and a pwrite that come meanwhile
 * @waits: it has something to do
 * @result: of the guest's fault
 * @wrote: of the pwrite
 */
struct bystander {
	struct axas_holder holder;
	struct fake_hal_watch watch;
	struct axas_space *space;
	struct axas_npt_slot late[NR_PLACES];
	u64 *entry;
	u64 old;
	u64 flags;
	unsigned int told;
	unsigned int open;
	unsigned int installed;
	unsigned int held;
	unsigned int early;
	struct task_struct *task;
	bool waits;
	int result;
	ssize_t wrote;
};

static ssize_t copy_word(struct axas_space *space, u64 gpa, u64 *word,
			 bool write)
{
	struct kvec vec = { .iov_base = word, .iov_len = sizeof(*word) };
	struct iov_iter iter;

	iov_iter_kvec(&iter, write ? ITER_SOURCE : ITER_DEST, &vec, 1,
		      sizeof(*word));
	return axas_space_rw_iter(space, axas_gpa(gpa), &iter, write);
}

static int bystander_comes(void *arg)
{
	struct bystander *by = arg;
	u64 word = 0x99;
	ssize_t wrote;

	WRITE_ONCE(by->result, axas_fault_at(by->space, HERE + 300 * SZ_4K,
					     PROT_W));
	wrote = copy_word(by->space, HERE + 5 * SZ_4K + 8, &word, true);
	WRITE_ONCE(by->wrote, wrote);
	return 0;
}

/* Under RCU. Whatever its area allows, a fault that has read this is too late. */
static unsigned int late_installs(struct bystander *by)
{
	struct axas_npt *npt = &by->space->npt;
	u64 shared = npt->ops->encode(npt, (struct axas_attr){ .prot = PROT_R });
	struct axas_npt_pool pool = {};
	unsigned int i, n = 0;

	for (i = 2; i < NR_PLACES; i++)
		n += !npt->ops->install(npt, &by->late[i],
					axas_gpa(HERE + places[i] * SZ_4K),
					axas_hpa(HPA_NOWHERE), 1, shared, &pool);
	return n;
}

static void bystander_look(struct bystander *by)
{
	struct axas_leaf leaf;
	unsigned int i;

	for (i = 0; i < NR_PLACES; i++)
		by->open += axas_lookup_at(&by->space->npt,
					   HERE + places[i] * SZ_4K,
					   &leaf) != -EAGAIN;
	guard(rcu)();
	by->installed += late_installs(by);
}

static void bystander_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
				 u64 size)
{
	struct bystander *by = container_of(holder, struct bystander, holder);
	struct rw_semaphore *lock = &by->space->hold->shards[0].lock;

	by->told += gpa.val == HERE && size == SZ_2M;
	bystander_look(by);
	if (down_read_trylock(lock))
		up_read(lock);
	else
		by->held++;
	*by->entry |= by->flags;
	if (!by->waits || by->task)
		return;
	by->task = kthread_run(bystander_comes, by, "axas-bystander");
	if (IS_ERR(by->task))
		return;
	get_task_struct(by->task);
	msleep(50);
	by->open += READ_ONCE(by->result) != -1;
}

/* Who has a leaf of the table looks at it again: it is frozen by then. */
static void bystander_free(struct fake_hal_watch *watch, axas_hpa_t hpa,
			   unsigned int order)
{
	struct bystander *by = container_of(watch, struct bystander, watch);

	if (hpa.val != by->old)
		return;
	by->early += !by->told || READ_ONCE(*by->entry) != AXAS_NPT_FROZEN;
}

static struct bystander *bystander_begin(struct kunit *test,
					 struct axas_space *space)
{
	struct bystander *by = kunit_kzalloc(test, sizeof(*by), GFP_KERNEL);
	unsigned int i;
	u64 word;

	KUNIT_ASSERT_NOT_NULL(test, by);
	by->holder.invalidate = bystander_invalidate;
	INIT_LIST_HEAD(&by->holder.node);
	by->watch.free = bystander_free;
	by->space = space;
	by->result = -1;
	for (i = 0; i < NR_PLACES; i++)
		by->late[i] = axas_peek(space, HERE + places[i] * SZ_4K);
	by->entry = by->late[0].ptr;
	by->old = axas_translate_at(space, HERE + places[0] * SZ_4K).hpa;
	/* Somebody has copied, so R is there. */
	KUNIT_ASSERT_EQ(test, copy_word(space, HERE, &word, false),
			(ssize_t)sizeof(word));
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &by->holder), 0);
	fake_hal_set_watch(&by->watch);
	return by;
}

static void bystander_end(struct kunit *test, struct bystander *by)
{
	fake_hal_set_watch(NULL);
	if (!IS_ERR_OR_NULL(by->task)) {
		kthread_stop(by->task);
		put_task_struct(by->task);
	}
	axas_space_del_holder(by->space, &by->holder);
	KUNIT_EXPECT_EQ(test, by->told, 1U);
	KUNIT_EXPECT_EQ(test, by->open, 0U);
	KUNIT_EXPECT_EQ(test, by->installed, 0U);
	KUNIT_EXPECT_EQ(test, by->held, 0U);
	KUNIT_EXPECT_EQ(test, by->early, 0U);
}

/* Whoever comes waits, and finds what was there before. */
void collapse_lets_nobody_in(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct bystander *by;

	make_pages(test, space, HERE);
	by = bystander_begin(test, space);
	by->waits = true;
	expect_collapse(test, space, HERE, SZ_2M, true, SZ_2M, SZ_2M);
	KUNIT_EXPECT_FALSE(test, IS_ERR_OR_NULL(by->task));
	bystander_end(test, by);
	KUNIT_EXPECT_EQ(test, by->result, (int)AXAS_FAULT_SPURIOUS);
	KUNIT_EXPECT_EQ(test, by->wrote, (ssize_t)sizeof(u64));
	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, HERE + 5 * SZ_4K + 8),
			0x99ULL);
	axas_put_word(test, space, HERE + 5 * SZ_4K + 8, 0);
	expect_pages(test, space, HERE);
}

/* When all is put back a fault that had looked before doesn't come in either. */
void collapse_that_gives_up_lets_nobody_in(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_memory memory;
	struct bystander *by;

	make_pages(test, space, HERE);
	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, axas_gpa(HERE),
						    PROT_R, &memory), 0);
	by = bystander_begin(test, space);
	expect_collapse(test, space, HERE, SZ_2M, true, SZ_2M, 0);
	rcu_read_lock();
	by->installed += late_installs(by);
	rcu_read_unlock();
	bystander_end(test, by);
	put_page(memory.page);
	expect_pages(test, space, HERE);
	axas_check_space(test, space);
}

/* What the CPU sets in any leaf, up to the invalidation. */
void collapse_collects_flags(struct kunit *test)
{
	const struct raw_flags flags = raw_flags(axas_context(test)->format);
	const u64 accessed = flags.accessed, dirty = flags.dirty;
	const u64 sets[] = { 0, accessed, dirty, accessed | dirty };
	unsigned int i, level;

	for (i = 0; i < ARRAY_SIZE(sets); i++) {
		struct axas_space *space = axas_test_space(test);
		struct bystander *by;
		struct axas_leaf leaf;

		space->npt.features |= AXAS_FEAT_AD;
		make_pages(test, space, HERE);
		by = bystander_begin(test, space);
		by->flags = sets[i];
		expect_collapse(test, space, HERE, SZ_2M, true, SZ_2M, SZ_2M);
		bystander_end(test, by);
		KUNIT_ASSERT_EQ(test, axas_lookup_at(&space->npt, HERE, &leaf),
				0);
		KUNIT_EXPECT_EQ(test, leaf.level, 2U);
		KUNIT_EXPECT_EQ(test, leaf.attr.prot, (u8)PROT_RW);
		KUNIT_EXPECT_EQ(test, leaf.accessed, !!(sets[i] & accessed));
		KUNIT_EXPECT_EQ(test, leaf.dirty, !!(sets[i] & dirty));
		KUNIT_EXPECT_EQ(test, raw_entry(&space->npt, HERE, &level) &
				(accessed | dirty), sets[i]);
	}
}

/* ---- who copies ---- */

struct collapser {
	struct axas_space *space;
	struct axas_collapse args;
	int ret;
	bool done;
};

static int collapser_run(void *arg)
{
	struct collapser *collapser = arg;

	collapser->ret = axas_space_collapse(collapser->space,
					     &collapser->args);
	WRITE_ONCE(collapser->done, true);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

/* Whoever has looked under R and writes to the old page is waited for. */
void collapse_waits_for_who_copies(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct collapser collapser = {
		.space = space, .args = collapse_args(HERE, SZ_2M, true),
	};
	struct task_struct *task;
	struct axas_leaf leaf;
	u64 word, *virt;

	make_pages(test, space, HERE);
	KUNIT_ASSERT_EQ(test, copy_word(space, HERE, &word, false),
			(ssize_t)sizeof(word));
	virt = axas_virt_at(test, space, HERE);
	down_read(&space->hold->shards[0].lock);
	task = kthread_run(collapser_run, &collapser, "axas-collapser");
	if (!IS_ERR(task)) {
		while (axas_lookup_at(&space->npt, HERE, &leaf) != -EAGAIN &&
		       !READ_ONCE(collapser.done))
			schedule_timeout_uninterruptible(1);
		msleep(100);
		KUNIT_EXPECT_FALSE(test, READ_ONCE(collapser.done));
		KUNIT_EXPECT_EQ(test, axas_lookup_at(&space->npt, HERE, &leaf),
				-EAGAIN);
		virt[2] = 0x123;
	}
	up_read(&space->hold->shards[0].lock);
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	while (!READ_ONCE(collapser.done))
		schedule_timeout_uninterruptible(1);
	kthread_stop(task);
	KUNIT_EXPECT_EQ(test, collapser.ret, 0);
	KUNIT_EXPECT_EQ(test, collapser.args.joined, (u64)SZ_2M);
	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, HERE + 16), 0x123ULL);
	axas_check_space(test, space);
}

/* ---- threads that write all the time ---- */

#define RACE_LARGE	(RACE_SIZE / SZ_2M)

/* What each has written last. Of each 2 MiB the last page is the collapser's. */
static u64 race_words[RACE_THREADS][RACE_PAGES];
static u64 race_joined;

static void race_write(struct race_thread *thread, unsigned int n)
{
	struct axas_space *space = thread->race->space;
	u32 page = race_rnd(thread, RACE_PAGES);
	u64 gpa = RACE_GPA + page * (u64)SZ_4K + 8 * n, word = 0;

	if (page % 512 == 511)
		return;
	race_fault(thread, gpa, PROT_W);
	if (copy_word(space, gpa, &word, false) != sizeof(word) ||
	    word != race_words[n][page])
		thread->wrong = "what was written is lost";
	word = ++race_words[n][page];
	if (copy_word(space, gpa, &word, true) != sizeof(word))
		thread->wrong = "a write failed";
}

static void race_write_one(struct race_thread *thread)
{
	while (race_on(thread->race))
		race_write(thread, 1);
}

static void race_write_two(struct race_thread *thread)
{
	while (race_on(thread->race))
		race_write(thread, 2);
}

static void race_collapse(struct race_thread *thread)
{
	struct axas_space *space = thread->race->space;

	while (race_on(thread->race)) {
		u64 gpa = RACE_GPA + race_rnd(thread, RACE_LARGE) * (u64)SZ_2M;
		struct axas_collapse args = collapse_args(gpa, SZ_2M, true);

		if (axas_space_collapse(space, &args) || args.done != SZ_2M)
			thread->wrong = "collapse";
		race_joined += args.joined;
		/* What comes in its place isn't of the same frame. */
		gpa += SZ_2M - SZ_4K;
		if (axas_discard_range(space, gpa, SZ_4K, NULL))
			thread->wrong = "discard";
		if (race_rnd(thread, 2))
			race_fault(thread, gpa, PROT_W);
		race_called(thread);
	}
}

/* No write is lost, and none is seen twice. */
void collapse_under_writers(struct kunit *test)
{
	struct race_thread *threads = race_threads(test, race_fault_anywhere);
	struct axas_space *space = axas_test_space(test);
	struct race_holder holder = { .holder.invalidate = race_invalidate };
	struct race race = { .calls = RACE_CALLS };
	unsigned int i;

	memset(race_words, 0, sizeof(race_words));
	race_joined = 0;
	INIT_LIST_HEAD(&holder.holder.node);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, RACE_GPA, RACE_SIZE, PROT_RW,
					     0, SZ_2M), 0);
	for (i = 0; i < RACE_LARGE; i++)
		populate(test, space, RACE_GPA + i * (u64)SZ_2M, SZ_4K);
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &holder.holder), 0);
	threads[0].run = race_collapse;
	threads[1].run = race_write_one;
	threads[2].run = race_write_two;
	race_run(test, &race, threads, RACE_THREADS);
	race_log(test, threads);
	kunit_info(test, "%llu collapses of %llu", race_joined / SZ_2M,
		   threads[0].calls);
	KUNIT_EXPECT_GT(test, race_joined, 0ULL);
	axas_space_del_holder(space, &holder.holder);
	race_expect_sane(test, space);
}
