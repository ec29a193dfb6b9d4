/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_KUNIT_RACE_H
#define _AXAS_KUNIT_RACE_H

#include <linux/jiffies.h>
#include <linux/wait.h>

#include "context.h"
#include "snapshot.h"

#define RACE_THREADS	4
/* 8 MiB over 1 GiB. */
#define RACE_GPA	(SZ_1G - SZ_4M)
#define RACE_SIZE	SZ_8M
#define RACE_PAGES	(RACE_SIZE / SZ_4K)
/* Changes of the space in a test, and jiffies at most. */
#define RACE_CALLS	250
#define RACE_TIME	(10 * HZ)
/* Faults in one call. */
#define RACE_MANY	8

struct race_thread;

/**
 * struct race - threads that begin at the same time
 * @space: on what
 * @calls: changes after which they end; 0 if each has its own work
 * @ready: threads that wait for @go
 * @go: they have begun
 * @stop: they end
 * @until: jiffies at which they end in any case
 * @wait: where they wait for @go, and the test for them
 * @pages: pages for each
 */
struct race {
	struct axas_space *space;
	u64 calls;
	atomic_t ready;
	bool go;
	bool stop;
	unsigned long until;
	wait_queue_head_t wait;
	unsigned int pages;
};

/**
 * struct race_thread - one of them
 * @race: all of them
 * @run: what it does
 * @task: the thread
 * @rnd: its random numbers
 * @results: faults by result
 * @calls: calls made
 * @wrong: something that can't be
 */
struct race_thread {
	struct race *race;
	void (*run)(struct race_thread *thread);
	struct task_struct *task;
	struct rnd_state rnd;
	u64 results[AXAS_NR_FAULT_RESULTS];
	u64 calls;
	const char *wrong;
};

/**
 * struct race_holder - a holder that counts
 * @holder: the holder
 * @calls: how often it was told
 */
struct race_holder {
	struct axas_holder holder;
	unsigned long calls;
};

static inline bool race_on(const struct race *race)
{
	return !READ_ONCE(race->stop) && time_before(jiffies, race->until);
}

static inline u32 race_rnd(struct race_thread *thread, u32 n)
{
	return prandom_u32_state(&thread->rnd) % n;
}

void race_called(struct race_thread *thread);
void race_run(struct kunit *test, struct race *race,
	      struct race_thread *threads, unsigned int n);
struct race_thread *race_threads(struct kunit *test,
				 void (*run)(struct race_thread *thread));
u64 race_sum(const struct race_thread *threads, unsigned int result);
void race_log(struct kunit *test, const struct race_thread *threads);
void race_expect_sane(struct kunit *test, struct axas_space *space);
void race_fault(struct race_thread *thread, u64 gpa, unsigned int access);
u64 race_gpa(struct race_thread *thread);
void race_fault_anywhere(struct race_thread *thread);
void race_invalidate(struct axas_holder *holder, axas_gpa_t gpa, u64 size);

/* Cases of race_join_test.c. */
void race_joins(struct kunit *test);
void race_joins_of_the_main_area(struct kunit *test);
void race_resizes(struct kunit *test);
void race_exchanges(struct kunit *test);

#endif /* _AXAS_KUNIT_RACE_H */
