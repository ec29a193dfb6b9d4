// SPDX-License-Identifier: GPL-2.0
/*
 * Trackers of what is used, as somebody sees them who looks for cold memory: whatever
 * was touched, by whomever, is listed, and nothing else.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#define AX_FEW_VARIANTS
#include "axas_fixture.h"

#define RW	(PROT_READ | PROT_WRITE)
#define RAM	0x40000000ULL
#define SIZE	(8 * AX_2M)
#define RUNS	64
#define PAGES	64

static struct axas_next_entry runs[RUNS];

static __u64 page(__u64 n)
{
	return RAM + n * AX_PAGE;
}

static int age(int fd)
{
	return ax_track_what(fd, RAM, SIZE, AXAS_TRACK_ACCESSED, 0, 0);
}

static int list_with(int tracker, __u32 flags)
{
	__u64 gpa = RAM, length = SIZE;
	int n = ax_dirty(tracker, &gpa, &length, flags, runs, RUNS);

	return n < 0 ? n : length ? -E2BIG : n;
}

static int list(int tracker)
{
	return list_with(tracker, 0);
}

static bool run_is(unsigned int i, __u64 first, __u64 pages)
{
	if (runs[i].gpa == page(first) && runs[i].length == pages * AX_PAGE)
		return true;
	printf("# run %u: %#llx %#llx instead of %#llx %#llx\n", i, runs[i].gpa,
	       runs[i].length, page(first), pages * AX_PAGE);
	return false;
}

/* A space whose flags say what is used, as its format has it, and its first 2 MiB. */
FIXTURE(aged) {
	int dev;
	int fd;
};

FIXTURE_VARIANT(aged) {
	__u32 format;
	__u32 bits;
};

FIXTURE_VARIANT_ADD(aged, ept48) { AXAS_FORMAT_EPT, 48 };
FIXTURE_VARIANT_ADD(aged, s2_40) { AXAS_FORMAT_S2, 40 };
FIXTURE_VARIANT_ADD(aged, amd48) { AXAS_FORMAT_AMD, 48 };

FIXTURE_SETUP(aged)
{
	struct axas_create c = {
		.size = sizeof(c), .format = variant->format, .gpa_bits = variant->bits,
		.features = variant->format == AXAS_FORMAT_EPT ? AXAS_FEAT_AD : 0,
	};

	self->dev = ax_open_dev();
	if (self->dev < 0)
		SKIP(return, "/dev/axas can't be opened");
	self->fd = ax_ioctl(self->dev, AXAS_CREATE, &c);
	if (self->fd == -EOPNOTSUPP)
		SKIP(return, "this CPU keeps no flags, or has no such spaces");
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ax_map(self->fd, RAM, SIZE));
	ASSERT_EQ(0, ax_bring_in(self->fd, RAM, AX_2M, NULL));
}

FIXTURE_TEARDOWN(aged)
{
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, close(self->dev));
}

TEST_F(aged, faults_are_uses)
{
	int fd = self->fd, tracker;

	tracker = age(fd);
	ASSERT_LE(0, tracker);
	EXPECT_EQ(0, list(tracker));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(fd, page(3), AX_R));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(fd, page(3), AX_W));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(fd, page(4), AX_W));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(fd, page(6), AX_X));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(fd, page(2000), AX_R));
	EXPECT_EQ(0, ax_bring_in(fd, page(3000), 8 * AX_PAGE, NULL));
	ASSERT_EQ(2, list_with(tracker, AXAS_DIRTY_PEEK));
	ASSERT_EQ(2, list(tracker));
	EXPECT_TRUE(run_is(0, 3, 2));
	EXPECT_TRUE(run_is(1, 2000, 1));
	/* Once, until it is used again. */
	EXPECT_EQ(0, list(tracker));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(fd, page(4), AX_R));
	ASSERT_EQ(1, list(tracker));
	EXPECT_TRUE(run_is(0, 4, 1));
	/* And put back. */
	EXPECT_EQ(0, ax_dirty_put(tracker, runs, 1));
	EXPECT_EQ(1, list(tracker));
	close(tracker);
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(fd, page(4), AX_R));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(fd, page(4), AX_R));
}

TEST_F(aged, what_is_idle_allows_nothing)
{
	struct axas_translate_entry e;
	int fd = self->fd, tracker;

	tracker = age(fd);
	ASSERT_LE(0, tracker);
	EXPECT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(fd, page(3), &e));
	EXPECT_EQ(0, e.prot);
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(fd, page(3), AX_R));
	EXPECT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(fd, page(3), &e));
	EXPECT_EQ(AX_RW, e.prot);
	EXPECT_EQ(1, list(tracker));
	EXPECT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(fd, page(3), &e));
	EXPECT_EQ(0, e.prot);
	/* To look is no use. */
	EXPECT_EQ(0, list(tracker));
	close(tracker);
}

/* A PTE that was there is gone, and no neighbour comes with the page that is read. */
TEST_F(aged, what_the_owner_touches_is_used)
{
	unsigned char buf[16] = { 1 };
	volatile __u64 *window;
	unsigned int i;
	int fd = self->fd, tracker;

	window = ax_window(fd, RAM, SIZE, RW);
	ASSERT_NE(MAP_FAILED, (void *)window);
	window[0] = 1;
	EXPECT_EQ(0, window[3 * 512]);
	tracker = age(fd);
	ASSERT_LE(0, tracker);
	EXPECT_EQ(0, list(tracker));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, window[3 * 512]);
		window[20 * 512] = i;
		EXPECT_EQ(16, ax_pread(fd, buf, 16, page(40)));
		EXPECT_EQ(16, ax_pwrite(fd, buf, 16, page(61) - 8));
		/* Nothing is there, and nothing is used by a look at it. */
		EXPECT_EQ(16, ax_pread(fd, buf, 16, page(4000)));
		ASSERT_EQ(4, list(tracker));
		EXPECT_TRUE(run_is(0, 3, 1));
		EXPECT_TRUE(run_is(1, 20, 1));
		EXPECT_TRUE(run_is(2, 40, 1));
		EXPECT_TRUE(run_is(3, 60, 2));
		EXPECT_EQ(0, list(tracker));
	}
	close(tracker);
	EXPECT_EQ(1, window[0]);
	munmap((void *)window, SIZE);
}

/* Memory that was cold is given back by who has found it so. */
TEST_F(aged, cold_memory_is_found)
{
	unsigned int i, round;
	char used[512] = { 0 };
	int n;
	int fd = self->fd, tracker;

	tracker = age(fd);
	ASSERT_LE(0, tracker);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 512; i += 16)
			ax_fault(fd, page(i), AX_R);
		n = list(tracker);
		ASSERT_EQ(32, n);
		for (i = 0; (int)i < n; i++)
			used[(runs[i].gpa - RAM) / AX_PAGE % 512] = 1;
	}
	for (i = 0; i < 512; i++)
		EXPECT_EQ(i % 16 == 0, used[i]);
	EXPECT_EQ(0, ax_discard(fd, page(1), 15 * AX_PAGE));
	EXPECT_EQ(0, list(tracker));
	close(tracker);
}

TEST_F(aged, written_and_used_are_two_things)
{
	int written;
	int fd = self->fd, tracker;

	tracker = age(fd);
	ASSERT_LE(0, tracker);
	written = ax_track(fd, RAM, SIZE);
	ASSERT_LE(0, written);
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(fd, page(1), AX_R));
	EXPECT_EQ(0, ax_put64(fd, page(3), 1));
	ASSERT_EQ(1, list(written));
	EXPECT_TRUE(run_is(0, 3, 1));
	ASSERT_EQ(2, list(tracker));
	EXPECT_TRUE(run_is(0, 1, 1));
	EXPECT_TRUE(run_is(1, 3, 1));
	close(written);
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(fd, page(3), AX_W));
	ASSERT_EQ(1, list(tracker));
	close(tracker);
}

TEST_F(aged, nobody_waits_for_a_use)
{
	struct pollfd poll_fd = { .events = POLLIN };
	int fd = self->fd;

	EXPECT_EQ(-EINVAL, ax_track_what(fd, RAM, SIZE, AXAS_TRACK_ACCESSED, 0, 1));
	EXPECT_EQ(-EINVAL, ax_track_what(fd, RAM, SIZE,
					 AXAS_TRACK_ACCESSED | AXAS_TRACK_WRITTEN,
					 0, 0));
	poll_fd.fd = age(fd);
	ASSERT_LE(0, poll_fd.fd);
	ax_fault(fd, page(3), AX_R);
	EXPECT_EQ(0, poll(&poll_fd, 1, 0));
	EXPECT_EQ(1, list(poll_fd.fd));
	close(poll_fd.fd);
	/* A space without flags says so, and is none the worse for it. */
	if (variant->format != AXAS_FORMAT_EPT)
		return;
	fd = ax_create(self->dev, variant->format, variant->bits);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EOPNOTSUPP, age(fd));
	EXPECT_EQ(0, ax_map(fd, RAM, SIZE));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(fd, page(3), AX_R));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(fd, page(3), AX_R));
	close(fd);
}

/* ---- while others list ---- */

struct user {
	int fd;
	volatile __u64 *window;
	unsigned int page;	/* and each NR_USERSth from there */
	atomic_bool *stop;
	unsigned long uses;
	const char *wrong;
};

#define NR_USERS	3

/* By fault, by window, by pwrite: each notes a page after it has used it. */
static void *use_pages(void *arg)
{
	struct user *user = arg;
	__u64 word = 0;
	unsigned int i;
	int result;

	while (!atomic_load(user->stop)) {
		i = user->page + user->uses++ % (PAGES / NR_USERS) * NR_USERS;
		switch (user->page) {
		case 0:
			result = ax_fault(user->fd, page(i), AX_R);
			if (result != AXAS_FAULT_RESOLVED && result != AXAS_FAULT_SPURIOUS)
				user->wrong = "a fault";
			break;
		case 1:
			user->window[i * 512] = ++word;
			if (user->window[i * 512] != word)
				user->wrong = "a window";
			break;
		default:
			word++;
			if (ax_pwrite(user->fd, &word, 8, page(i)) != 8 ||
			    ax_get64(user->fd, page(i)) != word)
				user->wrong = "pwrite";
		}
	}
	return NULL;
}

/* What all of them have used since the last list but one is in one of both. */
TEST_F(aged, lists_under_users)
{
	struct user users[NR_USERS];
	pthread_t threads[NR_USERS];
	atomic_bool stop = false;
	bool listed[PAGES] = { false };
	unsigned int i, j, at, round, seen = 0;
	volatile __u64 *window;
	int n, other;
	int fd = self->fd, tracker;
	double end = ax_now() + ax_race(8);

	window = ax_window(fd, RAM, SIZE, RW);
	ASSERT_NE(MAP_FAILED, (void *)window);
	tracker = age(fd);
	ASSERT_LE(0, tracker);
	for (i = 0; i < NR_USERS; i++) {
		users[i] = (struct user){ fd, window, i, &stop, 0, NULL };
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, use_pages, &users[i]));
	}
	for (round = 0; ax_racing(end, seen > NR_USERS); round++) {
		other = round % 8 ? -1 : ax_track(fd, RAM, AX_2M);
		n = list(tracker);
		EXPECT_LE(0, n);
		for (i = 0; (int)i < n; i++)
			for (j = 0; j < runs[i].length / AX_PAGE; j++) {
				at = ((runs[i].gpa - RAM) / AX_PAGE + j) % PAGES;
				seen += !listed[at];
				listed[at] = true;
			}
		if (other >= 0)
			close(other);
	}
	atomic_store(&stop, true);
	for (i = 0; i < NR_USERS; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(NULL, users[i].wrong)
			TH_LOG("%s", users[i].wrong);
	}
	EXPECT_LT(NR_USERS, seen);
	/* What comes after the last list is in the next one, whoever was at it. */
	list(tracker);
	for (i = 0; i < PAGES; i++)
		window[i * 512] = i;
	ASSERT_EQ(1, list(tracker));
	EXPECT_TRUE(run_is(0, 0, PAGES));
	EXPECT_EQ(0, list(tracker));
	close(tracker);
	munmap((void *)window, SIZE);
}

TEST_HARNESS_MAIN
