/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest's CPUs, the monitor and who takes memory away, at the same time. Each
 * page has one writer, whose numbers go up.
 */
#ifndef AXAS_GUEST_H
#define AXAS_GUEST_H

#include "axas_fixture.h"

#define GUEST_GPA	0x40000000ULL
#define GUEST_PAGES	48
#define GUEST_SPREAD	13		/* pages from one to the next: several tables */
#define GUEST_SIZE	(GUEST_PAGES * GUEST_SPREAD * AX_PAGE)

struct guest_page {
	volatile __u64 finished;	/* stores of numbers up to this are done */
	volatile __u64 floor;		/* of which these went */
};

struct guest {
	int fd;
	volatile bool stop;
	struct guest_page page[GUEST_PAGES];
	char *w[2];
	volatile unsigned int bad;
	unsigned long faults, stores, loads, copies, changes;
	/* Take the memory from a range and leave some there that reads as zero. */
	int (*change)(struct guest *g, __u64 gpa, __u64 len, __u64 *rnd);
};

static inline __u64 page_at(unsigned int i)
{
	return i * GUEST_SPREAD * AX_PAGE;
}

static inline void guest_bad(struct guest *g, const char *what, unsigned int page,
		      __u64 is, __u64 want)
{
	if (!__atomic_fetch_add(&g->bad, 1, __ATOMIC_RELAXED))
		printf("# %s: page %u is %#llx, want %#llx\n", what, page, is, want);
}

static inline void *guest_faults(void *arg)
{
	struct guest *g = arg;
	__u64 rnd = 1;

	while (!g->stop) {
		struct axas_fault_entry e[16];
		__u32 done;
		int i;

		for (i = 0; i < 16; i++)
			e[i] = (struct axas_fault_entry){
				.gpa = GUEST_GPA + ax_rand(&rnd) % page_at(GUEST_PAGES),
				.access = 1 << ax_rand(&rnd) % 2,
			};
		if (ax_fault_many(g->fd, e, 16, &done) || done != 16)
			guest_bad(g, "AXAS_FAULT", 0, done, 16);
		for (i = 0; i < 16; i++)
			if (e[i].result > AXAS_FAULT_SPURIOUS)
				guest_bad(g, "result", 0, e[i].result, 0);
		g->faults += 16;
	}
	return NULL;
}

/* Through a window and by pwrite(2) in turn. */
static inline void *guest_writes(void *arg)
{
	struct guest *g = arg;
	__u64 nr;
	unsigned int i;

	for (nr = 1; !g->stop; nr++) {
		for (i = 0; i < GUEST_PAGES; i++) {
			int ret = (nr + i) % 2 ?
				  ax_store(g->w[nr / 2 % 2] + page_at(i), nr) :
				  ax_put64(g->fd, GUEST_GPA + page_at(i), nr);

			if (ret)
				guest_bad(g, "write", i, ret, 0);
			__atomic_store_n(&g->page[i].finished, nr, __ATOMIC_RELEASE);
			g->stores++;
		}
	}
	return NULL;
}

/*
 * What anybody sees, however: never less than what was seen before, but for zero,
 * and after zero nothing that was there before it.
 */
static inline void *guest_reads(void *arg)
{
	struct guest *g = arg;
	__u64 seen[GUEST_PAGES] = {}, nr, floor, val;
	bool zero[GUEST_PAGES] = {};
	unsigned int i;

	for (nr = 0; !g->stop; nr++) {
		i = nr / 3 % GUEST_PAGES;
		floor = __atomic_load_n(&g->page[i].floor, __ATOMIC_ACQUIRE);
		if (nr % 3 == 2) {
			val = ax_get64(g->fd, GUEST_GPA + page_at(i));
			g->copies++;
		} else if (ax_load(g->w[nr % 3] + page_at(i), &val)) {
			val = AX_BAD64;
		}
		g->loads++;
		if (val == AX_BAD64)
			guest_bad(g, "read", i, val, 0);
		else if (val && val <= floor)
			guest_bad(g, "what has gone", i, val, floor + 1);
		else if (val && (val < seen[i] || (zero[i] && val == seen[i])))
			guest_bad(g, "what was there before", i, val, seen[i]);
		zero[i] = zero[i] ? !val || val == seen[i] : !val;
		seen[i] = val > seen[i] ? val : seen[i];
	}
	return NULL;
}

static inline void guest_change(struct guest *g, __u64 *rnd)
{
	unsigned int from = ax_rand(rnd) % GUEST_PAGES, nr, i;
	__u64 floor[GUEST_PAGES], end;
	int ret;

	nr = 1 + ax_rand(rnd) % (ax_rand(rnd) % 2 ? 3 : GUEST_PAGES);
	if (from + nr > GUEST_PAGES)
		nr = GUEST_PAGES - from;
	/* A few pages or all of several tables, edges among them. */
	end = ax_rand(rnd) % 2 ? page_at(from + nr - 1) + AX_PAGE : page_at(from + nr);
	for (i = from; i < from + nr; i++)
		floor[i] = __atomic_load_n(&g->page[i].finished, __ATOMIC_ACQUIRE);
	ret = g->change(g, GUEST_GPA + page_at(from), end - page_at(from), rnd);
	if (ret)
		guest_bad(g, "change", from, ret, 0);
	for (i = from; i < from + nr; i++)
		__atomic_store_n(&g->page[i].floor, floor[i], __ATOMIC_RELEASE);
	g->changes++;
}

static inline void guest_run(struct __test_metadata *_metadata, struct guest *g)
{
	void *(*const run[])(void *) = {
		guest_faults, guest_writes, guest_reads, guest_reads,
	};
	pthread_t thread[ARRAY_SIZE(run)];
	double end = ax_now() + ax_race(3);
	unsigned int i;
	__u64 rnd;

	rnd = ax_seed("guest");
	ax_access_arm();
	for (i = 0; i < 2; i++) {
		g->w[i] = ax_window(g->fd, GUEST_GPA, GUEST_SIZE, PROT_READ | PROT_WRITE);
		ASSERT_NE(MAP_FAILED, (void *)g->w[i]);
	}
	for (i = 0; i < ARRAY_SIZE(run); i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, run[i], g));
	while (ax_racing(end, (g->changes > 10 && g->stores > GUEST_PAGES) || g->bad))
		guest_change(g, &rnd);
	g->stop = true;
	for (i = 0; i < ARRAY_SIZE(run); i++)
		pthread_join(thread[i], NULL);
	printf("# %lu faults, %lu stores, %lu loads, %lu changes\n", g->faults,
	       g->stores, g->loads, g->changes);
	EXPECT_LT(10, g->changes);
	EXPECT_LT(GUEST_PAGES, g->stores);
	EXPECT_EQ(0, g->bad);
	for (i = 0; i < 2; i++)
		munmap(g->w[i], GUEST_SIZE);
}

#endif /* AXAS_GUEST_H */
