// SPDX-License-Identifier: GPL-2.0
/*
 * Trackers of few pages that are written all the time: what a list leaves out is what it
 * was when it was listed last.
 */
#define AX_FEW_VARIANTS
#define AX_MODULE_TOO
#define AX_FLAGS_TOO
#include "axas_track_race.h"

/* ---- few pages, listed all the time ---- */

/* As many as are written in about the time of a list. */
#define HOT	32
#define HOTTERS	2

/* Word of each writer that it knows to be there, in each of the pages. */
struct hot {
	struct race r;
	__u64 page[HOT];
	__u64 written[HOT][HOTTERS], copied[HOT][HOTTERS];
	unsigned long lists, listed;
};

struct hot_writer {
	struct writer w;
	struct hot *hot;
};

static void *write_hot(void *arg)
{
	struct hot_writer *h = arg;
	struct hot *hot = h->hot;
	unsigned int route, i;

	while (!hot->r.stop) {
		route = some_route(&hot->r, &h->w.rnd, 0, NR_WRITES);
		/* The last one is a ROM. */
		i = route == OWNER ? HOT - 1 : ax_rand(&h->w.rnd) % (HOT - 1);
		if (write_by(&h->w, route, hot->page[i]) != 8)
			continue;
		__atomic_store_n(&hot->written[i][h->w.me], h->w.count, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&hot->r.done[route], 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Changes that leave what is written. */
static void *change_hot(void *arg)
{
	struct hot_writer *h = arg;
	struct race *r = &h->hot->r;
	unsigned int i;
	int ret = 0;

	while (!r->stop && !ret) {
		i = ax_rand(&h->w.rnd) % (HOT - 1);
		if (taken(r, PROTECT) && ax_rand(&h->w.rnd) & 1)
			ret = ax_protect(r->fd, at(h->hot->page[i]), AX_PAGE, AX_R) ?:
			      ax_protect(r->fd, at(h->hot->page[i]), AX_PAGE, AX_RW);
		else if (taken(r, COLLAPSE))
			ret = ax_collapse(r->fd, at(LARGE), AX_2M, AXAS_COLLAPSE_COPY, NULL);
		ax_sleep_ms(1);
	}
	if (ret)
		bad(r, "change", 0, ret);
	return NULL;
}

static void copy_hot(struct hot *hot, const struct axas_next_entry *runs, int n)
{
	unsigned int i;

	for (i = 0; i < HOT; i++) {
		if (!ax_runs_hold(runs, n, at(hot->page[i])))
			continue;
		hot->listed++;
		if (ax_pread(hot->r.fd, hot->copied[i], sizeof(hot->copied[i]),
			     at(hot->page[i])) != sizeof(hot->copied[i]))
			bad(&hot->r, "pread", hot->page[i], 0);
	}
}

/* What wasn't listed is what it was when it was copied. */
static void list_hot(struct hot *hot, int tracker)
{
	__u64 gpa = RAM, length = SIZE, before[HOT][HOTTERS];
	struct axas_next_entry runs[RUNS];
	unsigned int i, j;
	int n;

	for (i = 0; i < HOT; i++)
		for (j = 0; j < HOTTERS; j++)
			before[i][j] = __atomic_load_n(&hot->written[i][j], __ATOMIC_SEQ_CST);
	while (length) {
		n = ax_dirty(tracker, &gpa, &length, 0, runs, RUNS);
		if (n < 0) {
			bad(&hot->r, "list", 0, n);
			return;
		}
		copy_hot(hot, runs, n);
	}
	for (i = 0; i < HOT; i++)
		for (j = 0; j < HOTTERS; j++)
			if (hot->copied[i][j] < before[i][j])
				bad(&hot->r, "written and not listed", hot->page[i],
				    before[i][j] - hot->copied[i][j]);
	hot->lists++;
}

static void hot_pages(struct __test_metadata *_metadata, struct hot *hot, double seconds,
		      __u64 *rnd)
{
	void *(*const run[])(void *) = { write_hot, write_hot, change_hot };
	int tracker = ax_track_what(hot->r.fd, RAM, SIZE, AXAS_TRACK_WRITTEN,
				    hot->r.track, 0);
	struct hot_writer h[ARRAY_SIZE(run)] = {};
	pthread_t thread[ARRAY_SIZE(run)];
	double end = ax_now() + ax_race(seconds);
	unsigned int i;

	ASSERT_LE(0, tracker);
	hot->r.mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	hot->r.w = ax_window(hot->r.fd, RAM, SIZE, RW);
	ASSERT_NE(MAP_FAILED, (void *)hot->r.w);
	for (i = 0; i < ARRAY_SIZE(run); i++) {
		h[i].hot = hot;
		h[i].w = (struct writer){ .race = &hot->r, .me = i, .rnd = ax_rand(rnd) };
		ASSERT_EQ(0, pipe(h[i].w.pipe));
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, run[i], &h[i]));
	}
	while (ax_racing(end, hot->listed > 1 || hot->r.bad))
		list_hot(hot, tracker);
	hot->r.stop = true;
	for (i = 0; i < ARRAY_SIZE(run); i++) {
		pthread_join(thread[i], NULL);
		close(h[i].w.pipe[0]);
		close(h[i].w.pipe[1]);
	}
	list_hot(hot, tracker);
	printf("#   %lu lists, %lu pages\n", hot->lists, hot->listed);
	EXPECT_EQ(0, hot->r.bad);
	EXPECT_LT(1, hot->listed);
	munmap(hot->r.w, SIZE);
	close(hot->r.mem);
	close(tracker);
}

/* A list that finds nothing of a page says that it is what it was. */
TEST_F(space, pages_that_are_written_all_the_time)
{
	__u64 rnd = ax_seed("pages_that_are_written_all_the_time");
	static struct hot hot;
	unsigned int route, i;

	ax_access_arm();
	ASSERT_EQ(0, race_areas(self->fd));
	for (route = 0; route <= NR_WRITES; route++) {
		if (route == DIRECT)
			continue;
		memset(&hot, 0, sizeof(hot));
		hot.r.fd = self->fd;
		hot.r.track = variant->track;
		for (i = 0; i < HOT; i++)
			hot.page[i] = i < HOT / 2 ? 3 * i : i < HOT - 1 ? LARGE + 7 * i : ROM;
		hot.r.routes = route < NR_WRITES ? 1u << route : ~(1u << DIRECT);
		printf("# %s\n", route < NR_WRITES ? route_names[route] : "all");
		hot_pages(_metadata, &hot, route < NR_WRITES ? 0.3 : 2, &rnd);
		ASSERT_EQ(0, ax_discard(self->fd, RAM, SIZE));
		ASSERT_EQ(0, ax_bring_in(self->fd, RAM, SIZE, NULL));
	}
}

/* The same with memory that the space doesn't own, which takes longer to get at. */
TEST_F(space, linear_pages_that_are_written_all_the_time)
{
	__u64 rnd = ax_seed("linear_pages_that_are_written_all_the_time");
	const char *hpa = getenv("AXAS_RESERVED_HPA");
	static struct hot hot;
	char zero[64] = {};
	unsigned int i;

	if (!hpa)
		SKIP(return, "AXAS_RESERVED_HPA isn't set");
	ax_access_arm();
	ASSERT_EQ(0, ax_map_linear(self->fd, RAM, SIZE, strtoull(hpa, NULL, 0), AX_RW, 0));
	memset(&hot, 0, sizeof(hot));
	hot.r.fd = self->fd;
	hot.r.track = variant->track;
	hot.r.routes = 1u << STORE | 1u << PWRITE | 1u << VECTOR | 1u << FAULT | 1u << PROC_MEM |
		       1u << PROTECT;
	for (i = 0; i < HOT; i++) {
		hot.page[i] = i * (PAGES / HOT) + i % 7;
		ASSERT_EQ(64, ax_pwrite(self->fd, zero, 64, at(hot.page[i])));
	}
	hot_pages(_metadata, &hot, 3, &rnd);
}

TEST_HARNESS_MAIN
