// SPDX-License-Identifier: GPL-2.0
/*
 * Areas that end elsewhere, and areas that become one again: what a monitor sees of
 * both, and that its guest sees nothing.
 */
#define AX_FEW_VARIANTS
#define AX_TWO_FORMATS
#include "axas_fixture.h"

#define GPA	0x40000000ULL
#define RW	(PROT_READ | PROT_WRITE)

/* All areas, of which there are at most @nr: how many, or minus errno. */
static int areas_of(int fd, struct axas_area_entry *e, __u32 nr)
{
	struct axas_areas a = {
		.size = sizeof(a), .entries = (uintptr_t)e, .nr = nr,
	};
	int ret = ax_ioctl(fd, AXAS_AREAS, &a);

	return ret ? ret : a.start == ~0ULL ? (int)a.done : -EOVERFLOW;
}

static bool area_is(const struct axas_area_entry *e, __u64 gpa, __u64 length, __u32 prot)
{
	if (e->gpa == gpa && e->length == length && e->prot == prot)
		return true;
	printf("# area at %#llx, %#llx bytes, prot %u\n", e->gpa, e->length, e->prot);
	return false;
}

/* ---- the end of an area ---- */

TEST_F(space, resize_up_and_down)
{
	struct axas_area_entry e[2];
	__u64 i;

	ASSERT_EQ(0, ax_populate(self->fd, GPA, 0x4000));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, ax_put64(self->fd, GPA + i * AX_PAGE, 0x900 + i));
	ASSERT_EQ(0, ax_resize(self->fd, GPA, AX_1G));
	ASSERT_EQ(1, areas_of(self->fd, e, 2));
	EXPECT_TRUE(area_is(&e[0], GPA, AX_1G, AX_RW));
	EXPECT_EQ(0x4000, ax_resident(self->fd));
	EXPECT_EQ(AXAS_TRANSLATE_LAZY, ax_state(self->fd, GPA + AX_1G - 1));
	EXPECT_EQ(AXAS_TRANSLATE_NO_AREA, ax_state(self->fd, GPA + AX_1G));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + AX_1G - 8, 1));

	ASSERT_EQ(0, ax_resize(self->fd, GPA, 0x2000));
	ASSERT_EQ(1, areas_of(self->fd, e, 2));
	EXPECT_TRUE(area_is(&e[0], GPA, 0x2000, AX_RW));
	EXPECT_EQ(0x2000, ax_resident(self->fd));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, ax_fault(self->fd, GPA + 0x2000, AX_R));
	/* What comes again has nothing of what was there. */
	ASSERT_EQ(0, ax_resize(self->fd, GPA, AX_1G));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(i < 2 ? 0x900 + i : 0, ax_get64(self->fd, GPA + i * AX_PAGE));
	EXPECT_EQ(0, ax_get64(self->fd, GPA + AX_1G - 8));
}

TEST_F(space, resize_counts_as_a_change)
{
	struct axas_areas a = { .size = sizeof(a) };
	__u64 before;

	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x4000));
	ASSERT_EQ(0, ax_ioctl(self->fd, AXAS_AREAS, &a));
	before = a.generation;
	ASSERT_EQ(0, ax_resize(self->fd, GPA, 0x4000));
	ASSERT_EQ(0, ax_ioctl(self->fd, AXAS_AREAS, &a));
	EXPECT_EQ(before, a.generation);
	ASSERT_EQ(0, ax_resize(self->fd, GPA, 0x8000));
	ASSERT_EQ(0, ax_resize(self->fd, GPA, 0x1000));
	a.start = 0;
	ASSERT_EQ(0, ax_ioctl(self->fd, AXAS_AREAS, &a));
	EXPECT_EQ(before + 2, a.generation);
}

/* In a 2 MiB leaf; the rest of it stays as it is. */
TEST_F(space, resize_in_a_large_leaf)
{
	struct axas_stats st;

	if (!ax_have_free_2m())
		SKIP(return, "no free block of 2 MiB");
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, AX_2M, AX_RW, AXAS_MAP_POPULATE, AX_2M));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x1000, 1));
	ASSERT_EQ(0, ax_resize(self->fd, GPA, 0x5000));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(5, st.leaves[0]);
	EXPECT_EQ(0, st.leaves[1]);
	EXPECT_EQ(0x5000, st.resident);
	EXPECT_EQ(1, ax_get64(self->fd, GPA + 0x1000));
}

/* A device's offsets count from its beginning wherever it ends. */
TEST_F(space, resize_of_a_device)
{
	struct axas_fault_entry e = { .gpa = GPA + 0x5008, .access = AX_W, .width = 8 };

	ASSERT_EQ(0, ax_map_device(self->fd, GPA, 0x1000, AX_RW, 0xc0));
	ASSERT_EQ(0, ax_fault_many(self->fd, &e, 1, NULL));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, e.result);
	ASSERT_EQ(0, ax_resize(self->fd, GPA, 0x8000));
	ASSERT_EQ(0, ax_fault_many(self->fd, &e, 1, NULL));
	EXPECT_EQ(AXAS_FAULT_DEVICE, e.result);
	EXPECT_EQ(0xc0, e.cookie);
	EXPECT_EQ(0x5008, e.offset);
	ASSERT_EQ(0, ax_resize(self->fd, GPA, 0x5000));
	ASSERT_EQ(0, ax_fault_many(self->fd, &e, 1, NULL));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, e.result);
}

/* ---- windows ---- */

static sigjmp_buf jump;

static void on_bus(int sig)
{
	siglongjmp(jump, 1);
}

/* Does a store reach the word, or is it answered with SIGBUS? */
static bool reaches(volatile __u64 *word, __u64 val)
{
	if (sigsetjmp(jump, 1))
		return false;
	*word = val;
	return true;
}

/* A window doesn't end with the area: it has what there is at the time. */
TEST_F(space, resize_under_a_window)
{
	volatile __u64 *w;

	signal(SIGBUS, on_bus);
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x4000));
	w = ax_window(self->fd, GPA, 0x8000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	EXPECT_TRUE(reaches(w, 1));
	EXPECT_TRUE(reaches(w + 3 * 512, 2));
	EXPECT_FALSE(reaches(w + 4 * 512, 3));
	ASSERT_EQ(0, ax_resize(self->fd, GPA, 0x8000));
	EXPECT_TRUE(reaches(w + 4 * 512, 3));
	EXPECT_TRUE(reaches(w + 7 * 512, 4));
	ASSERT_EQ(0, ax_resize(self->fd, GPA, 0x1000));
	EXPECT_TRUE(reaches(w, 5));
	EXPECT_FALSE(reaches(w + 512, 6));
	EXPECT_FALSE(reaches(w + 3 * 512, 6));
	EXPECT_FALSE(reaches(w + 7 * 512, 6));
	ASSERT_EQ(0, ax_resize(self->fd, GPA, 0x5000));
	EXPECT_EQ(0, w[3 * 512]);
	EXPECT_TRUE(reaches(w + 4 * 512, 7));
	EXPECT_EQ(7, ax_get64(self->fd, GPA + 0x4000));
	EXPECT_EQ(5, ax_get64(self->fd, GPA));
	munmap((void *)w, 0x8000);
	signal(SIGBUS, SIG_DFL);
}

/* ---- under running CPUs ---- */

#define PAGES	1024
#define LOW	256		/* the area never ends below */

struct guest {
	int fd;
	volatile __u64 *w;
	volatile bool stop;
	volatile __u64 end;	/* in pages: below is no hole */
	unsigned long holes, bad, calls;
};

static __u64 rand_page(__u64 *rnd, __u64 n)
{
	return ax_rand(rnd) % n;
}

/* As a vCPU: faults below the end that it knows find memory. */
static void *guest_faults(void *arg)
{
	struct guest *g = arg;
	__u64 rnd = (uintptr_t)&rnd, end, page;
	int ret;

	while (!g->stop) {
		end = g->end;
		page = rand_page(&rnd, end);
		ret = ax_fault(g->fd, GPA + page * AX_PAGE + 8, AX_W);
		__atomic_add_fetch(&g->calls, 1, __ATOMIC_RELAXED);
		if (ret != AXAS_FAULT_RESOLVED && ret != AXAS_FAULT_SPURIOUS)
			__atomic_add_fetch(&g->holes, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Stores and loads in what always stays; two threads have pages of their own. */
static void *guest_stores(void *arg)
{
	struct guest *g = arg;
	__u64 rnd = (uintptr_t)&rnd, count[LOW] = { 0 }, page, got;
	static int threads;
	const int me = __atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED) & 1;

	while (!g->stop) {
		page = rand_page(&rnd, LOW / 2) * 2 + me;
		got = page & 4 ? g->w[page * 512 + 2] :
				 ax_get64(g->fd, GPA + page * AX_PAGE + 16);
		if (got != count[page])
			__atomic_add_fetch(&g->bad, 1, __ATOMIC_RELAXED);
		count[page] = ++got;
		if (page & 2)
			g->w[page * 512 + 2] = got;
		else if (ax_put64(g->fd, GPA + page * AX_PAGE + 16, got))
			__atomic_add_fetch(&g->bad, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void guest_run(struct __test_metadata *_metadata, struct guest *g,
		      void (*change)(struct __test_metadata *_metadata, struct guest *g,
				     __u64 *rnd),
		      const char *what)
{
	static void *(*const run[])(void *) = {
		guest_faults, guest_faults, guest_stores, guest_stores,
	};
	pthread_t thread[ARRAY_SIZE(run)];
	double until = ax_now() + ax_race(3);
	__u64 rnd = ax_seed(what);
	unsigned int i, changes;

	g->w = ax_window(g->fd, GPA, LOW * AX_PAGE, RW);
	ASSERT_NE(MAP_FAILED, (void *)g->w);
	for (i = 0; i < ARRAY_SIZE(run); i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, run[i], g));
	for (changes = 0; ax_racing(until, changes > 10 && g->calls > 100); changes++)
		change(_metadata, g, &rnd);
	g->stop = true;
	for (i = 0; i < ARRAY_SIZE(run); i++)
		pthread_join(thread[i], NULL);
	printf("# %s: %u changes, %lu faults\n", what, changes, g->calls);
	EXPECT_LT(10, changes);
	EXPECT_LT(100, g->calls);
	EXPECT_EQ(0, g->holes);
	EXPECT_EQ(0, g->bad);
	munmap((void *)g->w, LOW * AX_PAGE);
}

/* Up and down: nobody knows of more than what always stays. */
static void guest_resizes(struct __test_metadata *_metadata, struct guest *g, __u64 *rnd)
{
	__u64 end = LOW + rand_page(rnd, PAGES - LOW);

	EXPECT_EQ(0, ax_resize(g->fd, GPA, end * AX_PAGE));
}

TEST_F(space, resize_under_running_cpus)
{
	static struct guest g;

	memset(&g, 0, sizeof(g));
	g.fd = self->fd;
	g.end = LOW;
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, LOW * AX_PAGE, AX_RW, 0, AX_2M));
	guest_run(_metadata, &g, guest_resizes, "resize");
}

/* Only up: all that has been there stays, whoever faults where. */
static void guest_grows(struct __test_metadata *_metadata, struct guest *g, __u64 *rnd)
{
	__u64 end = g->end + 1 + rand_page(rnd, 8);

	if (end > AX_1G / AX_PAGE)
		return;
	EXPECT_EQ(0, ax_resize(g->fd, GPA, end * AX_PAGE));
	g->end = end;
	/* So that faults look for the area. */
	EXPECT_EQ(0, ax_discard(g->fd, GPA + LOW * AX_PAGE, (end - LOW) * AX_PAGE));
}

TEST_F(space, growing_under_running_cpus)
{
	static struct guest g;

	memset(&g, 0, sizeof(g));
	g.fd = self->fd;
	g.end = LOW;
	/* The largest area isn't looked for in the tree. */
	ASSERT_EQ(0, ax_map(self->fd, 2 * GPA, AX_1G));
	ASSERT_EQ(0, ax_map(self->fd, GPA, LOW * AX_PAGE));
	guest_run(_metadata, &g, guest_grows, "grow");
}

/* ---- areas that are joined ---- */

TEST_F(space, join_of_a_linear_gib)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits), at;
	struct ax_snapshot before, after;
	struct axas_area_entry e[4];

	if (!hpa || !(self->info.leaf_sizes & AX_1G))
		SKIP(return, "no unused host physical addresses, or no leaves of 1 GiB");
	ASSERT_EQ(0, ax_map_linear(self->fd, GPA, AX_1G, hpa, AX_RW, 0));
	/* The first page, one in the middle, and the last. */
	for (at = 0; at < AX_1G; at += at ? AX_1G - 0x5000 : 0x4000) {
		ASSERT_EQ(0, ax_snap(self->fd, &at, 0, &before));
		ASSERT_EQ(0, ax_protect(self->fd, GPA + at, 0x1000, AX_R));
		ASSERT_EQ(at && at != AX_1G - 0x1000 ? 3 : 2, areas_of(self->fd, e, 4));
		ASSERT_EQ(0, ax_stats(self->fd, &after.stats));
		EXPECT_EQ(512, after.stats.leaves[0]);
		EXPECT_EQ(511, after.stats.leaves[1]);
		ASSERT_EQ(0, ax_protect(self->fd, GPA + at, 0x1000, AX_RW));
		ASSERT_EQ(0, ax_snap(self->fd, &at, 0, &after));
		EXPECT_TRUE(ax_snap_same(&before, &after, true, "there and back"));
	}
	ASSERT_EQ(1, areas_of(self->fd, e, 4));
	EXPECT_TRUE(area_is(&e[0], GPA, AX_1G, AX_RW));
	EXPECT_EQ(hpa, e[0].hpa);
	EXPECT_EQ(AX_1G, e[0].max_leaf);
}

/* Contents, frames and windows stay. */
TEST_F(space, join_of_a_large_leaf)
{
	struct axas_stats st;
	volatile __u64 *w;
	__u64 hpa, i;

	if (!ax_have_free_2m())
		SKIP(return, "no free block of 2 MiB");
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, AX_2M, AX_RW, AXAS_MAP_POPULATE, AX_2M));
	w = ax_window(self->fd, GPA, AX_2M, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	for (i = 0; i < 512; i++)
		w[i * 512] = 0x900 + i;
	hpa = ax_hpa(self->fd, GPA);
	ASSERT_EQ(0, ax_protect(self->fd, GPA + 0x5000, 0x3000, AX_R));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(3, st.areas);
	EXPECT_EQ(512, st.leaves[0]);
	ASSERT_EQ(0, ax_protect(self->fd, GPA + 0x5000, 0x3000, AX_RW));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(1, st.areas);
	EXPECT_EQ(0, st.leaves[0]);
	EXPECT_EQ(1, st.leaves[1]);
	EXPECT_EQ(AX_2M, st.resident);
	EXPECT_EQ(hpa, ax_hpa(self->fd, GPA));
	for (i = 0; i < 512; i++)
		ASSERT_EQ(0x900 + i, w[i * 512]);
	w[6 * 512] = 7;
	EXPECT_EQ(7, ax_get64(self->fd, GPA + 0x6000));
	/* And half of it can go. */
	ASSERT_EQ(0, ax_unmap(self->fd, GPA, AX_2M / 2));
	EXPECT_EQ(AX_2M / 2, ax_resident(self->fd));
	EXPECT_EQ(0x900 + 511, w[511 * 512]);
	munmap((void *)w, AX_2M);
}

/* A log of writes: all is read-only, and each page that is written to is opened. */
#define LOG_PAGES	(16ULL << 20 >> 12)

TEST_F(space, join_of_a_log_of_writes)
{
	const __u64 end = GPA + LOG_PAGES * AX_PAGE;
	struct axas_area_entry e[2];
	struct axas_stats st;
	unsigned int i;

	ASSERT_EQ(0, ax_map(self->fd, GPA, LOG_PAGES * AX_PAGE));
	ASSERT_EQ(0, ax_protect(self->fd, GPA, LOG_PAGES * AX_PAGE, AX_R));
	for (i = 0; i < LOG_PAGES; i += 2) {
		ASSERT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, GPA + i * AX_PAGE, AX_W));
		ASSERT_EQ(0, ax_protect(self->fd, GPA + i * AX_PAGE, AX_PAGE, AX_RW));
	}
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(LOG_PAGES, st.areas);
	for (i = 1; i < LOG_PAGES; i += 2)
		ASSERT_EQ(0, ax_protect(self->fd, GPA + i * AX_PAGE, AX_PAGE, AX_RW));
	ASSERT_EQ(1, areas_of(self->fd, e, 2));
	EXPECT_TRUE(area_is(&e[0], GPA, end - GPA, AX_RW));
	/* The next round begins with one call, and that ends the last one. */
	for (i = 0; i < LOG_PAGES; i += 7)
		ASSERT_EQ(0, ax_protect(self->fd, GPA + i * AX_PAGE, AX_PAGE, AX_R));
	ASSERT_EQ(0, ax_protect(self->fd, GPA, LOG_PAGES * AX_PAGE, AX_R));
	ASSERT_EQ(1, areas_of(self->fd, e, 2));
	EXPECT_TRUE(area_is(&e[0], GPA, end - GPA, AX_R));
}

/* Rights of a few pages go and come back, in what always may be read. */
static void guest_protects(struct __test_metadata *_metadata, struct guest *g, __u64 *rnd)
{
	__u64 gpa = GPA + (LOW + rand_page(rnd, LOW)) * AX_PAGE;
	__u64 length = (1 + rand_page(rnd, 2 * LOW)) * AX_PAGE;

	EXPECT_EQ(0, ax_protect(g->fd, gpa, length, AX_RWX));
	EXPECT_EQ(0, ax_protect(g->fd, gpa, length, AX_RW));
}

static void run_joins(struct __test_metadata *_metadata, int fd, __u64 max_leaf)
{
	static struct guest g;
	struct axas_area_entry e[2];

	memset(&g, 0, sizeof(g));
	g.fd = fd;
	g.end = PAGES;
	ASSERT_EQ(0, ax_map_alloc(fd, GPA, PAGES * AX_PAGE, AX_RW, 0, max_leaf));
	guest_run(_metadata, &g, guest_protects, "join");
	ASSERT_EQ(1, areas_of(fd, e, 2));
}

TEST_F(space, join_under_running_cpus)
{
	run_joins(_metadata, self->fd, 0);
}

TEST_F(space, join_of_large_leaves_under_running_cpus)
{
	run_joins(_metadata, self->fd, AX_2M);
}

TEST_HARNESS_MAIN
