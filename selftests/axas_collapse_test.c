// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that came in small leaves and is put into large ones, as a monitor does it
 * beside its running guest: what the guest, windows, pwrite and direct I/O see of that.
 */
#include <sys/ioctl.h>
#include <sys/uio.h>

#define AX_FEW_VARIANTS
#include "axas_fixture.h"
#include "axas_loop.h"

#define RW	(PROT_READ | PROT_WRITE)
#define RAM	0x40000000ULL
#define PAGES	(AX_2M / AX_PAGE)

static int collapse(int fd, __u64 gpa, __u64 length, __u64 *joined)
{
	struct axas_collapse c;
	int ret = ax_collapse(fd, gpa, length, AXAS_COLLAPSE_COPY, &c);

	*joined = c.joined;
	return ret;
}

/* What is in the way for a moment, as a page that is being touched, ends. */
static int collapse_at_last(int fd, __u64 gpa, __u64 length)
{
	double until = ax_now() + 10;
	__u64 joined, sum = 0;
	int ret;

	do {
		ret = collapse(fd, gpa, length, &joined);
		sum += joined;
	} while (!ret && sum < length && ax_now() < until);
	return ret ? ret : sum == length ? 0 : -EBUSY;
}

/* 2 MiB of which every third page is there, with a word that says which. */
static int thirds(int fd, __u64 gpa)
{
	int ret = ax_map_alloc(fd, gpa, AX_2M, AX_RW, 0, AX_2M);
	__u64 at;

	/* One page first: a touch of an empty table would take 2 MiB. */
	for (at = gpa; at < gpa + AX_2M && !ret; at += 3 * AX_PAGE) {
		ret = ax_bring_in(fd, at, AX_PAGE, NULL);
		if (!ret)
			ret = ax_put64(fd, at + 8, at);
	}
	return ret;
}

static bool thirds_are(int fd, __u64 gpa)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		__u64 at = gpa + i * AX_PAGE, is = ax_get64(fd, at + 8);

		if (is == (i % 3 ? 0 : at) && !ax_get64(fd, at) &&
		    !ax_get64(fd, at + AX_PAGE - 8))
			continue;
		printf("# page %u is %#llx\n", i, is);
		return false;
	}
	return true;
}

TEST_F(space, copies_what_is_there)
{
	struct axas_collapse c;
	__u64 joined;

	if (!ax_have_free_2m())
		SKIP(return, "no free block of 2 MiB");
	ASSERT_EQ(0, thirds(self->fd, RAM));
	EXPECT_EQ(AX_PAGE, ax_leaf(self->fd, RAM));
	ASSERT_EQ(0, ax_collapse(self->fd, RAM, AX_2M, 0, &c));
	EXPECT_EQ(AX_2M, c.done);
	EXPECT_EQ(0, c.joined);
	EXPECT_EQ(AX_PAGE, ax_leaf(self->fd, RAM));
	EXPECT_EQ((PAGES + 2) / 3 * AX_PAGE, ax_resident(self->fd));

	ASSERT_EQ(0, collapse(self->fd, RAM, AX_2M, &joined));
	EXPECT_EQ(AX_2M, joined);
	EXPECT_EQ(AX_2M, ax_leaf(self->fd, RAM));
	EXPECT_EQ(AX_2M, ax_resident(self->fd));
	EXPECT_TRUE(thirds_are(self->fd, RAM));
	ASSERT_EQ(0, collapse(self->fd, RAM, AX_2M, &joined));
	EXPECT_EQ(0, joined);
}

/* Moved by a page and back, a frame is as it was, but for its leaves. */
TEST_F(space, joins_in_place)
{
	struct axas_collapse c;
	__u64 hpa;

	if (!ax_have_free_2m())
		SKIP(return, "no free block of 2 MiB");
	ASSERT_EQ(0, ax_map_alloc(self->fd, RAM, AX_2M, AX_RW, AXAS_MAP_POPULATE, AX_2M));
	hpa = ax_hpa(self->fd, RAM);
	ASSERT_EQ(0, ax_move(self->fd, RAM, RAM + AX_1G / 2 + AX_PAGE, AX_2M, 0));
	ASSERT_EQ(0, ax_move(self->fd, RAM + AX_1G / 2 + AX_PAGE, RAM, AX_2M, 0));
	EXPECT_EQ(AX_PAGE, ax_leaf(self->fd, RAM));
	ASSERT_EQ(0, ax_collapse(self->fd, RAM, AX_2M, 0, &c));
	EXPECT_EQ(AX_2M, c.joined);
	EXPECT_EQ(AX_2M, ax_leaf(self->fd, RAM));
	EXPECT_EQ(hpa, ax_hpa(self->fd, RAM));
}

/* How far it came, and what stays: holes, other memory, small areas. */
TEST_F(space, says_how_far)
{
	struct axas_collapse c;

	if (!ax_have_free_2m())
		SKIP(return, "no free block of 2 MiB");
	ASSERT_EQ(0, thirds(self->fd, RAM));
	ASSERT_EQ(0, ax_map_device(self->fd, RAM + 2 * AX_2M, AX_2M, AX_RW, 1));
	ASSERT_EQ(0, ax_map(self->fd, RAM + 3 * AX_2M, AX_2M));
	EXPECT_EQ(-ENOENT, ax_collapse(self->fd, RAM, 2 * AX_2M, AXAS_COLLAPSE_COPY, &c));
	EXPECT_EQ(AX_2M, c.done);
	EXPECT_EQ(AX_2M, c.joined);
	EXPECT_EQ(-EOPNOTSUPP, ax_collapse(self->fd, RAM + 2 * AX_2M, AX_2M, 0, &c));
	EXPECT_EQ(-EOPNOTSUPP, ax_collapse(self->fd, RAM + 3 * AX_2M, AX_2M, 0, &c));
	EXPECT_EQ(0, c.done);
	/* Less than 2 MiB. */
	EXPECT_EQ(0, ax_collapse(self->fd, RAM + AX_PAGE, AX_2M - AX_PAGE,
				 AXAS_COLLAPSE_COPY, &c));
	EXPECT_EQ(AX_2M - AX_PAGE, c.done);
	EXPECT_EQ(0, c.joined);
}

/* ---- windows and pins ---- */

TEST_F(space, windows_follow)
{
	__u64 *w, joined, val;
	unsigned int i;

	if (!ax_have_free_2m())
		SKIP(return, "no free block of 2 MiB");
	ASSERT_EQ(0, thirds(self->fd, RAM));
	w = ax_window(self->fd, RAM, AX_2M, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	for (i = 0; i < PAGES; i += 3)
		ASSERT_EQ(RAM + i * AX_PAGE, w[i * AX_PAGE / 8 + 1]);
	w[2] = 5;
	ASSERT_EQ(0, collapse(self->fd, RAM, AX_2M, &joined));
	EXPECT_EQ(AX_2M, joined);
	/* What the window had is what the guest has no more. */
	EXPECT_EQ(5, w[2]);
	w[2] = 6;
	EXPECT_EQ(6, ax_get64(self->fd, RAM + 16));
	ASSERT_EQ(0, ax_put64(self->fd, RAM + 16, 0));
	EXPECT_EQ(0, w[2]);
	EXPECT_EQ(0, ax_load(w + AX_PAGE / 8, &val));
	EXPECT_EQ(0, val);
	EXPECT_TRUE(thirds_are(self->fd, RAM));
	munmap(w, AX_2M);
}

TEST_F(space, a_pinned_page_stays)
{
	struct iovec v = { .iov_len = AX_PAGE };
	__u64 *w, joined, hpa, buf[AX_PAGE / 8];
	int p[2];

	if (!ax_have_free_2m())
		SKIP(return, "no free block of 2 MiB");
	ASSERT_EQ(0, thirds(self->fd, RAM));
	w = ax_window(self->fd, RAM, AX_2M, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	ASSERT_EQ(0, pipe(p));
	v.iov_base = w + 6 * AX_PAGE / 8;
	ASSERT_EQ(AX_PAGE, vmsplice(p[1], &v, 1, 0));
	hpa = ax_hpa(self->fd, RAM + 6 * AX_PAGE);
	ASSERT_EQ(0, collapse(self->fd, RAM, AX_2M, &joined));
	EXPECT_EQ(0, joined);
	EXPECT_EQ(hpa, ax_hpa(self->fd, RAM + 6 * AX_PAGE));
	/* It is still the guest's. */
	w[6 * AX_PAGE / 8] = 77;
	EXPECT_EQ(AX_PAGE, read(p[0], buf, AX_PAGE));
	EXPECT_EQ(77, buf[0]);
	EXPECT_EQ(RAM + 6 * AX_PAGE, buf[1]);
	w[6 * AX_PAGE / 8] = 0;
	EXPECT_EQ(0, collapse_at_last(self->fd, RAM, AX_2M));
	EXPECT_TRUE(thirds_are(self->fd, RAM));
	close(p[0]);
	close(p[1]);
	munmap(w, AX_2M);
}

/* ---- under running CPUs ---- */

#define LARGE		4
#define NR_PAGES	(LARGE * PAGES)
#define SIZE		(LARGE * AX_2M)

struct guest {
	int fd, disk;
	__u64 *w;
	volatile bool stop;
	unsigned long faults, writes, reads, lost, bad;
};

static void count(unsigned long *n, bool add)
{
	__atomic_add_fetch(n, add, __ATOMIC_RELAXED);
}

/* The last page of each 2 MiB is the monitor's, to make small leaves again. */
static unsigned int some_page(__u64 *rnd)
{
	unsigned int page;

	do {
		page = ax_rand(rnd) % NR_PAGES;
	} while (page % PAGES == PAGES - 1);
	return page;
}

static void *guest_faults(void *arg)
{
	struct guest *g = arg;
	__u64 rnd = (uintptr_t)&rnd;

	while (!g->stop) {
		int ret = ax_fault(g->fd, RAM + ax_rand(&rnd) % SIZE, AX_W);

		count(&g->faults, true);
		count(&g->bad, ret != AXAS_FAULT_RESOLVED && ret != AXAS_FAULT_SPURIOUS);
	}
	return NULL;
}

/* Counts in words of its own, by stores and by pwrite: what was last written is there. */
static void *guest_counts(void *arg)
{
	static int threads;
	const int me = __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED) & 1;
	struct guest *g = arg;
	__u64 rnd = (uintptr_t)&rnd, *last = calloc(NR_PAGES, sizeof(*last)), val, at;
	unsigned int page, how;
	int ret;

	while (!g->stop) {
		page = some_page(&rnd);
		at = page * AX_PAGE + 512 + 8 * me;
		how = ax_rand(&rnd) >> 32 & 3;
		val = how & 1 ? last[page] + 1 : ~0ULL;
		if (how == 0)
			ret = ax_load(g->w + at / 8, &val);
		else if (how == 1)
			ret = ax_store(g->w + at / 8, val);
		else if (how == 2)
			ret = ax_pread(g->fd, &val, 8, RAM + at) != 8;
		else
			ret = ax_pwrite(g->fd, &val, 8, RAM + at) != 8;
		count(&g->bad, ret);
		count(&g->lost, !(how & 1) && val != last[page]);
		count(&g->writes, how & 1);
		if (how & 1)
			last[page] = val;
	}
	for (page = 0; page < NR_PAGES; page++)
		count(&g->lost, ax_get64(g->fd, RAM + page * AX_PAGE + 512 + 8 * me) !=
				last[page]);
	free(last);
	return NULL;
}

/* As a device of the monitor's: it reads from a disk into guest memory, and looks. */
static void *disk_reads(void *arg)
{
	struct guest *g = arg;
	__u64 rnd = (uintptr_t)&rnd, *at;
	unsigned int i;

	while (!g->stop && g->disk >= 0) {
		at = g->w + some_page(&rnd) * AX_PAGE / 8;
		for (i = 0; i < 64; i++)
			at[i] = 0;
		/* Its first 512 bytes: the others are the counters'. */
		count(&g->bad, pread(g->disk, at, 512, 0) != 512);
		for (i = 0; i < 64; i++)
			count(&g->lost, at[i] != ~(__u64)i);
		count(&g->reads, true);
	}
	return NULL;
}

/* Collapse and cut, here and there. Return: how many were collapsed. */
static unsigned int collapse_and_cut(struct guest *g, double until, unsigned int *tries, int *err)
{
	unsigned int done = 0, i;
	__u64 rnd = 1, gpa, joined;

	*err = 0;
	for (*tries = 0; !*err && ax_racing(until, (done && g->writes) || g->bad); ++*tries) {
		i = ax_rand(&rnd) % LARGE;
		gpa = RAM + i * AX_2M;
		*err = collapse(g->fd, gpa, AX_2M, &joined);
		done += joined == AX_2M;
		gpa += AX_2M - AX_PAGE;
		if (!*err)
			*err = ax_discard(g->fd, gpa, AX_PAGE);
		/* Another frame comes in its place, or none. */
		if (ax_rand(&rnd) & 1)
			ax_fault(g->fd, gpa, AX_W);
	}
	return done;
}

static void run_beside(struct __test_metadata *_metadata, int fd, int disk)
{
	static void *(*const run[])(void *) = {
		guest_counts, guest_counts, guest_faults, disk_reads,
	};
	static struct guest g;
	pthread_t thread[ARRAY_SIZE(run)];
	unsigned int i, tries, done;
	int err;

	memset(&g, 0, sizeof(g));
	g.fd = fd;
	g.disk = disk;
	ax_access_arm();
	ASSERT_EQ(0, ax_map_alloc(fd, RAM, SIZE, AX_RW, 0, AX_2M));
	for (i = 0; i < LARGE; i++)
		ASSERT_EQ(0, ax_bring_in(fd, RAM + i * AX_2M, AX_PAGE, NULL));
	g.w = ax_window(fd, RAM, SIZE, RW);
	ASSERT_NE(MAP_FAILED, (void *)g.w);
	for (i = 0; i < ARRAY_SIZE(run); i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, run[i], &g));
	done = collapse_and_cut(&g, ax_now() + ax_race(4), &tries, &err);
	g.stop = true;
	for (i = 0; i < ARRAY_SIZE(run); i++)
		pthread_join(thread[i], NULL);
	printf("# %u of %u collapsed; %lu faults, %lu writes, %lu reads from a disk\n", done,
	       tries, g.faults, g.writes, g.reads);
	EXPECT_EQ(0, err);
	EXPECT_EQ(0, g.bad);
	EXPECT_EQ(0, g.lost);
	EXPECT_LT(0, done);
	EXPECT_LT(0, g.writes);
	munmap(g.w, SIZE);
	EXPECT_EQ(0, collapse_at_last(fd, RAM, AX_2M));
}

TEST_F(space, no_write_is_lost)
{
	if (!ax_have_free_2m())
		SKIP(return, "no free block of 2 MiB");
	run_beside(_metadata, self->fd, -1);
}

TEST_F(space, direct_io_in_flight)
{
	const char *why;
	int file, fd = ax_open_loop(&file, &why);
	__u64 word;
	int i;

	if (fd < 0)
		SKIP(return, "%s", why);
	if (!ax_have_free_2m())
		SKIP(return, "no free block of 2 MiB");
	for (i = 0; i < 64; i++) {
		word = ~(__u64)i;
		ASSERT_EQ(8, pwrite(file, &word, 8, 8 * i));
	}
	run_beside(_metadata, self->fd, fd);
	close(fd);
	close(file);
}

TEST_HARNESS_MAIN
