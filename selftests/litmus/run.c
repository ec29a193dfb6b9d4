// SPDX-License-Identifier: GPL-2.0
/*
 * The litmus tests of Documentation/litmus/ on this machine: two threads run
 * the two processes of a test side by side, on one cell after the other, and
 * the cells in which the outcome stands that the test asks for are counted.
 * translate.py makes tests.inc. "run [SECONDS]" per test; a test whose outcome
 * has to be seen here goes on until it is, for a hundred times as long.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CELLS	2048

/* Each variable has a cache line of its own. */
union var {
	int i;
	int *p;
	char line[64];
};

struct cell {
	union var var[6];
	long reg[2][8];
};

struct test {
	const char *name;
	int sometimes;
	int seen_on_x86;
	void (*init)(struct cell *c);
	void (*process[2])(struct cell *c);
	int (*exists)(struct cell *c);
};

typedef int atomic_t;

/* ---- what the kernel has; a full barrier where the kernel's is one ---- */

#define READ_ONCE(x)		(*(volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))
#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb()		__atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define xchg_acquire(p, v)	__atomic_exchange_n(p, v, __ATOMIC_ACQUIRE)
#define atomic_set(p, v)	WRITE_ONCE(*(p), v)

static inline int cmpxchg(int *p, int old, int new)
{
	smp_mb();
	__atomic_compare_exchange_n(p, &old, new, 0, __ATOMIC_RELAXED,
				    __ATOMIC_RELAXED);
	smp_mb();
	return old;
}

static inline int atomic_add_unless(atomic_t *v, int n, int unless)
{
	int old, seen = READ_ONCE(*v);

	do {
		old = seen;
		if (old == unless)
			return 0;
		seen = cmpxchg(v, old, old + n);
	} while (seen != old);
	return 1;
}

static inline int atomic_dec_and_test(atomic_t *v)
{
	int old;

	smp_mb();
	old = __atomic_fetch_sub(v, 1, __ATOMIC_RELAXED);
	smp_mb();
	return old == 1;
}

/* As many readers as threads: a flag each, and who waits looks at both. */
static union var reading[2];
static __thread int self;

static inline void rcu_read_lock(void)
{
	WRITE_ONCE(reading[self].i, 1);
	smp_mb();
}

static inline void rcu_read_unlock(void)
{
	smp_store_release(&reading[self].i, 0);
}

static inline void synchronize_rcu(void)
{
	smp_mb();
	while (smp_load_acquire(&reading[!self].i))
		sched_yield();
	smp_mb();
}

#include "tests.inc"

/* ---- the two threads ---- */

static struct cell cells[CELLS] __attribute__((aligned(64)));
static const struct test *test;
static atomic_ulong arrived;
static atomic_uint position[2];
static atomic_int stop;
static unsigned long rounds, found;
static double limit[2]; /* seconds: for any test, for one to be seen */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Wait for the other thread, for the @n-th time. */
static void meet(unsigned long n)
{
	unsigned int spins = 0;

	atomic_fetch_add(&arrived, 1);
	while (atomic_load(&arrived) < 2 * n)
		if (++spins % 256 == 0)
			sched_yield();
}

/* Wait a moment for the other thread at a cell: it may not be running. */
static void pass(unsigned int cell)
{
	unsigned int spins = 500;

	atomic_store(&position[self], cell);
	while (atomic_load(&position[!self]) < cell && --spins)
		;
}

/* What one thread has time to do while the other is on its way. */
static void dawdle(uint32_t *random)
{
	volatile unsigned int n;

	*random ^= *random << 13;
	*random ^= *random >> 17;
	*random ^= *random << 5;
	for (n = *random % 64; n; n--)
		;
}

static int has_to_be_seen(void)
{
#if defined(__x86_64__) || defined(__i386__)
	cpu_set_t cpus;

	return test->seen_on_x86 &&
	       !sched_getaffinity(0, sizeof(cpus), &cpus) &&
	       CPU_COUNT(&cpus) > 1;
#else
	return 0;
#endif
}

static void count(double begin)
{
	double passed;
	int i;

	for (i = 0; i < CELLS; i++)
		found += test->exists(&cells[i]);
	rounds += CELLS;
	passed = now() - begin;
	stop = passed > limit[1] ||
	       (passed > limit[0] && (found || !has_to_be_seen()));
}

static void set_up(void)
{
	int i;

	memset(cells, 0, sizeof(cells));
	for (i = 0; i < CELLS; i++)
		test->init(&cells[i]);
}

static void *thread(void *arg)
{
	double begin = now();
	unsigned long n = 0;
	uint32_t random;
	int i;

	self = arg != NULL;
	random = 88172645 + self;
	while (!stop) {
		if (!self)
			set_up();
		atomic_store(&position[self], 0);
		meet(++n);
		for (i = 0; i < CELLS; i++) {
			pass(i);
			dawdle(&random);
			test->process[self](&cells[i]);
		}
		meet(++n);
		if (!self)
			count(begin);
		meet(++n);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned int passed = 0, failed = 0, skipped = 0;

	limit[0] = argc > 1 ? atof(argv[1]) : 0.25;
	limit[1] = 100 * limit[0];
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (test = tests; test->name; test++) {
		const char *verdict = "ok";
		pthread_t other;

		arrived = rounds = found = 0;
		stop = 0;
		if (pthread_create(&other, NULL, thread, &stop))
			return 1;
		thread(NULL);
		pthread_join(other, NULL);
		if (!found == !test->sometimes) {
			passed++;
		} else if (found || has_to_be_seen()) {
			verdict = "FAILED";
			failed++;
		} else {
			verdict = "skipped";
			skipped++;
		}
		printf("%-8s%-26s%s, %lu of %lu\n", verdict, test->name,
		       !test->sometimes ? "never" : found ? "seen" :
		       has_to_be_seen() ? "has to be seen" :
		       "not to be seen on this machine", found, rounds);
	}
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed != 0;
}
