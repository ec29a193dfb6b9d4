// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that begin at the same time, and what many of them do.
 */
#include <linux/kthread.h>

#include "race.h"

/* Whoever changes the space says when it is over. */
void race_called(struct race_thread *thread)
{
	if (++thread->calls == thread->race->calls)
		WRITE_ONCE(thread->race->stop, true);
}

static int race_main(void *arg)
{
	struct race_thread *thread = arg;
	struct race *race = thread->race;

	atomic_inc(&race->ready);
	wake_up_all(&race->wait);
	wait_event(race->wait, READ_ONCE(race->go));
	thread->run(thread);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

/* Run n threads to their end. */
void race_run(struct kunit *test, struct race *race,
	      struct race_thread *threads, unsigned int n)
{
	unsigned int i, started;
	struct rnd_state rnd;

	axas_test_seed(test, &rnd);
	init_waitqueue_head(&race->wait);
	race->space = axas_context(test)->space;
	for (i = 0; i < n; i++) {
		threads[i].race = race;
		prandom_seed_state(&threads[i].rnd, prandom_u32_state(&rnd));
		threads[i].task = kthread_run(race_main, &threads[i],
					      "axas_race%u", i);
		if (IS_ERR(threads[i].task))
			break;
	}
	started = i;
	/* A thread that is stopped before it runs never does. */
	wait_event(race->wait, atomic_read(&race->ready) == started);
	race->until = jiffies + RACE_TIME;
	WRITE_ONCE(race->go, true);
	wake_up_all(&race->wait);
	/* Or each has its own work. */
	while (race->calls && race_on(race))
		schedule_timeout_uninterruptible(1);
	for (i = 0; i < started; i++)
		kthread_stop(threads[i].task);
	KUNIT_EXPECT_EQ(test, started, n);
	for (i = 0; i < started; i++)
		KUNIT_EXPECT_NULL_MSG(test, threads[i].wrong, "thread %u: %s",
				      i, threads[i].wrong);
}

struct race_thread *race_threads(struct kunit *test,
				 void (*run)(struct race_thread *thread))
{
	struct race_thread *threads;
	unsigned int i;

	threads = kunit_kcalloc(test, RACE_THREADS, sizeof(*threads),
				GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, threads);
	for (i = 0; i < RACE_THREADS; i++)
		threads[i].run = run;
	return threads;
}

u64 race_sum(const struct race_thread *threads, unsigned int result)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < RACE_THREADS; i++)
		sum += threads[i].results[result];
	return sum;
}

/* Once the threads are gone: consistent, and all of it can be taken away. */
void race_expect_sane(struct kunit *test, struct axas_space *space)
{
	fake_hal_set_fail(NULL);
	axas_check_space(test, space);
	KUNIT_EXPECT_EQ(test, axas_space_clear(space), 0);
	axas_expect_empty(test, space);
	KUNIT_EXPECT_EQ(test, fake_hal_bad_frees(), 0UL);
}

void race_fault(struct race_thread *thread, u64 gpa, unsigned int access)
{
	thread->results[axas_fault_at(thread->race->space, gpa, access)]++;
	thread->calls++;
}

u64 race_gpa(struct race_thread *thread)
{
	/* A part of the window most of the time, to meet often. */
	u32 page = race_rnd(thread, race_rnd(thread, 2) ? RACE_PAGES : 64);

	return RACE_GPA + (u64)page * SZ_4K + race_rnd(thread, SZ_4K);
}

/* Neighbours, as a guest touches them. */
static void race_fault_many(struct race_thread *thread)
{
	struct axas_fault_entry entries[RACE_MANY];
	u64 gpa = race_gpa(thread);
	unsigned int i;

	for (i = 0; i < RACE_MANY; i++)
		entries[i] = (struct axas_fault_entry){
			.gpa = gpa + i * SZ_4K,
			.access = 1 << race_rnd(thread, 3),
		};
	axas_space_faults(thread->race->space, entries, RACE_MANY);
	for (i = 0; i < RACE_MANY; i++)
		thread->results[entries[i].result]++;
	thread->calls++;
}

void race_fault_anywhere(struct race_thread *thread)
{
	while (race_on(thread->race)) {
		race_fault(thread, race_gpa(thread), 1 << race_rnd(thread, 3));
		race_fault_many(thread);
		if (thread->results[AXAS_FAULT_INVALID])
			thread->wrong = "a valid fault was invalid";
	}
}

void race_log(struct kunit *test, const struct race_thread *threads)
{
	unsigned int i;

	for (i = 0; i < RACE_THREADS; i++)
		kunit_info(test, "thread %u: %llu calls, %llu resolved", i,
			   threads[i].calls,
			   threads[i].results[AXAS_FAULT_RESOLVED]);
}

void race_invalidate(struct axas_holder *holder, axas_gpa_t gpa, u64 size)
{
	container_of(holder, struct race_holder, holder)->calls++;
}
