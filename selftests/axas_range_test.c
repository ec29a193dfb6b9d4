// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of memory that a space has: areas stay, frames go and come, while
 * others use them.
 */
#define AX_FEW_VARIANTS
#include "axas_fixture.h"

#define GPA	0x40000000ULL
#define RW	(PROT_READ | PROT_WRITE)

/* ---- discard ---- */

TEST_F(space, discard_reads_as_zero)
{
	struct axas_discard d;
	volatile __u64 *w;
	__u64 i;

	/* Two areas, one behind the other. */
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x8000));
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA + 0x8000, 0x8000, AX_RWX, 0, 0));
	w = ax_window(self->fd, GPA, 0x10000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	for (i = 0; i < 16; i++)
		w[i * 512 + 7] = 0x900 + i;
	ASSERT_EQ(0, ax_discard_to(self->fd, GPA + 0x4000, 0x8000, &d));
	EXPECT_EQ(0x8000, d.freed);
	EXPECT_EQ(0, d.pinned);
	EXPECT_EQ(0x8000, ax_resident(self->fd));
	EXPECT_EQ(AXAS_TRANSLATE_LAZY, ax_state(self->fd, GPA + 0x4000));
	EXPECT_EQ(AXAS_TRANSLATE_LAZY, ax_state(self->fd, GPA + 0xb000));
	EXPECT_EQ(AXAS_TRANSLATE_MAPPED, ax_state(self->fd, GPA + 0xc000));
	for (i = 0; i < 16; i++) {
		EXPECT_EQ(i < 4 || i >= 12 ? 0x900 + i : 0, w[i * 512 + 7])
			TH_LOG("page %llu", i);
		EXPECT_EQ(i < 4 || i >= 12 ? 0x900 + i : 0,
			  ax_get64(self->fd, GPA + i * AX_PAGE + 56));
	}
	munmap((void *)w, 0x10000);
}

TEST_F(space, discard_in_a_large_leaf)
{
	struct axas_discard d;
	struct axas_stats st;

	if (!ax_have_free_2m())
		SKIP(return, "no free block of 2 MiB");
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, AX_2M, AX_RW, AXAS_MAP_POPULATE, AX_2M));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x1000, 1));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x2000, 2));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x3000, 3));
	ASSERT_EQ(0, ax_discard_to(self->fd, GPA + 0x2000, 0x1000, &d));
	EXPECT_EQ(0x1000, d.freed);
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(511, st.leaves[0]);
	EXPECT_EQ(0, st.leaves[1]);
	EXPECT_EQ(1, st.areas);
	EXPECT_EQ(1, ax_get64(self->fd, GPA + 0x1000));
	EXPECT_EQ(0, ax_get64(self->fd, GPA + 0x2000));
	EXPECT_EQ(3, ax_get64(self->fd, GPA + 0x3000));
	ASSERT_EQ(0, ax_discard_to(self->fd, GPA, AX_2M, &d));
	EXPECT_EQ(AX_2M, d.freed);
}

/* Where the answer can't be written nothing is done. */
TEST_F(space, discard_without_room_for_the_answer)
{
	struct axas_discard *d = mmap(NULL, 0x1000, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, (void *)d);
	*d = (struct axas_discard){ .size = sizeof(*d), .gpa = GPA, .length = 0x4000 };
	ASSERT_EQ(0, mprotect(d, 0x1000, PROT_READ));
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x4000));
	ASSERT_EQ(0, ax_put64(self->fd, GPA, 0x900));
	EXPECT_EQ(-EFAULT, ax_ioctl(self->fd, AXAS_DISCARD, d));
	EXPECT_EQ(0x900, ax_get64(self->fd, GPA));
	munmap(d, 0x1000);
}

/* All of a space that has hardly anything: no page is looked at one by one. */
TEST_F(space, discard_of_what_is_sparse)
{
	const __u64 end = self->end / 2;
	struct axas_discard d;
	double begin;
	__u64 gpa;

	ASSERT_EQ(0, ax_map(self->fd, 0, end));
	for (gpa = AX_PAGE; gpa < end; gpa *= 4)
		ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, gpa, AX_W));
	gpa = ax_resident(self->fd);
	begin = ax_now();
	ASSERT_EQ(0, ax_discard_to(self->fd, 0, end, &d));
	EXPECT_GT(2, ax_now() - begin);
	EXPECT_EQ(gpa, d.freed);
	EXPECT_TRUE(ax_tables_are(self->fd, NULL, 0));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, AX_PAGE, AX_W));
}

/*
 * A guest's CPUs, the monitor and who gives memory back, at the same time. Each
 * page has one writer, whose numbers go up.
 */
#define PAGES	48
#define SPREAD	13		/* pages from one to the next: several tables */

struct guest_page {
	volatile __u64 finished;	/* stores of numbers up to this are done */
	volatile __u64 floor;		/* of which these were discarded */
};

struct guest {
	int fd;
	volatile bool stop;
	struct guest_page page[PAGES];
	char *w[2];
	volatile unsigned int bad;
	unsigned long faults, stores, loads, copies, discards;
};

static __u64 page_at(unsigned int i)
{
	return i * SPREAD * AX_PAGE;
}

static void guest_bad(struct guest *g, const char *what, unsigned int page,
		      __u64 is, __u64 want)
{
	if (!__atomic_fetch_add(&g->bad, 1, __ATOMIC_RELAXED))
		printf("# %s: page %u is %#llx, want %#llx\n", what, page, is, want);
}

static void *guest_faults(void *arg)
{
	struct guest *g = arg;
	__u64 rnd = 1;

	while (!g->stop) {
		struct axas_fault_entry e[16];
		__u32 done;
		int i;

		for (i = 0; i < 16; i++)
			e[i] = (struct axas_fault_entry){
				.gpa = GPA + ax_rand(&rnd) % page_at(PAGES),
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
static void *guest_writes(void *arg)
{
	struct guest *g = arg;
	__u64 nr;
	unsigned int i;

	for (nr = 1; !g->stop; nr++) {
		for (i = 0; i < PAGES; i++) {
			int ret = (nr + i) % 2 ?
				  ax_store(g->w[nr / 2 % 2] + page_at(i), nr) :
				  ax_put64(g->fd, GPA + page_at(i), nr);

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
static void *guest_reads(void *arg)
{
	struct guest *g = arg;
	__u64 seen[PAGES] = {}, nr, floor, val;
	bool zero[PAGES] = {};
	unsigned int i;

	for (nr = 0; !g->stop; nr++) {
		i = nr / 3 % PAGES;
		floor = __atomic_load_n(&g->page[i].floor, __ATOMIC_ACQUIRE);
		if (nr % 3 == 2) {
			val = ax_get64(g->fd, GPA + page_at(i));
			g->copies++;
		} else if (ax_load(g->w[nr % 3] + page_at(i), &val)) {
			val = AX_BAD64;
		}
		g->loads++;
		if (val == AX_BAD64)
			guest_bad(g, "read", i, val, 0);
		else if (val && val <= floor)
			guest_bad(g, "what was discarded", i, val, floor + 1);
		else if (val && (val < seen[i] || (zero[i] && val == seen[i])))
			guest_bad(g, "what was there before", i, val, seen[i]);
		zero[i] = zero[i] ? !val || val == seen[i] : !val;
		seen[i] = val > seen[i] ? val : seen[i];
	}
	return NULL;
}

static void guest_discard(struct guest *g, __u64 *rnd)
{
	unsigned int from = ax_rand(rnd) % PAGES, nr = 1 + ax_rand(rnd) % PAGES, i;
	__u64 floor[PAGES], end;

	if (from + nr > PAGES)
		nr = PAGES - from;
	/* A few pages or all of several tables, edges among them. */
	end = ax_rand(rnd) % 2 ? page_at(from + nr - 1) + AX_PAGE : page_at(from + nr);
	for (i = from; i < from + nr; i++)
		floor[i] = __atomic_load_n(&g->page[i].finished, __ATOMIC_ACQUIRE);
	if (ax_discard(g->fd, GPA + page_at(from), end - page_at(from)))
		guest_bad(g, "AXAS_DISCARD", from, 0, 0);
	for (i = from; i < from + nr; i++)
		__atomic_store_n(&g->page[i].floor, floor[i], __ATOMIC_RELEASE);
	g->discards++;
}

static void guest_run(struct __test_metadata *_metadata, struct guest *g)
{
	void *(*const run[])(void *) = {
		guest_faults, guest_writes, guest_reads, guest_reads,
	};
	pthread_t thread[ARRAY_SIZE(run)];
	double until = ax_now() + 3;
	unsigned int i;
	__u64 rnd;

	rnd = ax_seed("discard");
	ax_access_arm();
	for (i = 0; i < 2; i++) {
		g->w[i] = ax_window(g->fd, GPA, page_at(PAGES), RW);
		ASSERT_NE(MAP_FAILED, (void *)g->w[i]);
	}
	for (i = 0; i < ARRAY_SIZE(run); i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, run[i], g));
	while (ax_now() < until)
		guest_discard(g, &rnd);
	g->stop = true;
	for (i = 0; i < ARRAY_SIZE(run); i++)
		pthread_join(thread[i], NULL);
	printf("# %lu faults, %lu stores, %lu loads, %lu discards\n", g->faults,
	       g->stores, g->loads, g->discards);
	EXPECT_LT(10, g->discards);
	EXPECT_LT(PAGES, g->stores);
	EXPECT_EQ(0, g->bad);
	for (i = 0; i < 2; i++)
		munmap(g->w[i], page_at(PAGES));
}

TEST_F_TIMEOUT(space, discard_under_running_cpus, 60)
{
	static struct guest g;

	memset(&g, 0, sizeof(g));
	g.fd = self->fd;
	/* Two areas. */
	ASSERT_EQ(0, ax_map(self->fd, GPA, page_at(10)));
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA + page_at(10),
				  page_at(PAGES) - page_at(10), AX_RW, 0, 0));
	guest_run(_metadata, &g);
}

TEST_F_TIMEOUT(space, discard_of_large_leaves_under_running_cpus, 60)
{
	static struct guest g;

	memset(&g, 0, sizeof(g));
	g.fd = self->fd;
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, page_at(PAGES) + AX_2M, AX_RW, 0,
				  AX_2M));
	guest_run(_metadata, &g);
}

TEST_HARNESS_MAIN
