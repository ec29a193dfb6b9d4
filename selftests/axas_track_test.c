// SPDX-License-Identifier: GPL-2.0
/*
 * Trackers, as a monitor sees them that migrates a guest: what was written, by
 * whomever, is listed, and nothing else.
 */
#include <poll.h>

#define AX_FEW_VARIANTS
#include "axas_fixture.h"

#define RW	(PROT_READ | PROT_WRITE)
#define RAM	0x40000000ULL
#define SIZE	(8 * AX_2M)
#define RUNS	64

static struct axas_next_entry runs[RUNS];

/* All of a range, in one go: how many runs there are. */
static int list_range(int tracker, __u64 gpa, __u64 length, __u32 flags)
{
	int n = ax_dirty(tracker, &gpa, &length, flags, runs, RUNS);

	return n < 0 ? n : length ? -E2BIG : n;
}

static int list(int tracker)
{
	return list_range(tracker, RAM, SIZE, 0);
}

/* Is run i as many pages from page on? */
static bool run_is(unsigned int i, __u64 page, __u64 pages)
{
	__u64 gpa = RAM + page * AX_PAGE, length = pages * AX_PAGE;

	if (runs[i].gpa == gpa && runs[i].length == length)
		return true;
	printf("# run %u: %#llx %#llx instead of %#llx %#llx\n", i, runs[i].gpa,
	       runs[i].length, gpa, length);
	return false;
}

static __u64 page(__u64 n)
{
	return RAM + n * AX_PAGE;
}

/* An area whose first MiB is there. */
static int some_memory(int fd)
{
	int ret = ax_map(fd, RAM, SIZE);

	return ret ?: ax_bring_in(fd, RAM, AX_2M / 2, NULL);
}

TEST_F(space, faults_that_write_are_listed)
{
	int tracker;

	ASSERT_EQ(0, some_memory(self->fd));
	tracker = ax_track(self->fd, RAM, SIZE);
	ASSERT_LE(0, tracker);
	EXPECT_EQ(0, list(tracker));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, page(3), AX_R));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, page(5), AX_W));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, page(6), AX_RW));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, page(6), AX_W));
	/* For the first time: read, then written. */
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, page(1000), AX_R));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, page(1001), AX_W));
	ASSERT_EQ(2, list(tracker));
	EXPECT_TRUE(run_is(0, 5, 2));
	EXPECT_TRUE(run_is(1, 1001, 1));
	/* Once, until it is written again. */
	EXPECT_EQ(0, list(tracker));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, page(6), AX_W));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, page(1000), AX_W));
	ASSERT_EQ(2, list(tracker));
	EXPECT_TRUE(run_is(0, 6, 1));
	EXPECT_TRUE(run_is(1, 1000, 1));
	close(tracker);
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, page(6), AX_W));
}

TEST_F(space, rights_are_what_they_were)
{
	struct axas_translate_entry e;
	int tracker;

	ASSERT_EQ(0, some_memory(self->fd));
	ASSERT_EQ(0, ax_protect(self->fd, RAM, AX_PAGE, AX_R));
	tracker = ax_track(self->fd, RAM, SIZE);
	ASSERT_LE(0, tracker);
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, RAM, AX_W));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, page(1), AX_X));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, page(1), AX_W | AX_X));
	EXPECT_EQ(-EACCES, ax_pwrite(self->fd, "a", 1, RAM));
	EXPECT_EQ(0, list(tracker));
	ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, page(1), &e));
	EXPECT_EQ(AX_R, e.prot);
	ASSERT_EQ(0, ax_protect(self->fd, RAM, AX_PAGE, AX_RW));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, RAM, AX_W));
	/* What was written before rights change is listed after. */
	ASSERT_EQ(0, ax_protect(self->fd, RAM, AX_2M, AX_R));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, RAM, AX_W));
	ASSERT_EQ(1, list(tracker));
	EXPECT_TRUE(run_is(0, 0, 1));
	ASSERT_EQ(0, ax_protect(self->fd, RAM, AX_2M, AX_RW));
	EXPECT_EQ(0, list(tracker));
	close(tracker);
	ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, page(1), &e));
	EXPECT_EQ(AX_RW, e.prot);
}

TEST_F(space, what_the_owner_writes_is_listed)
{
	unsigned char buf[16] = { 1 };
	__u64 *window;
	int tracker;

	ASSERT_EQ(0, some_memory(self->fd));
	window = ax_window(self->fd, RAM, SIZE, RW);
	ASSERT_NE(MAP_FAILED, window);
	window[0] = 1;
	EXPECT_EQ(0, window[512]);
	tracker = ax_track(self->fd, RAM, SIZE);
	ASSERT_LE(0, tracker);
	EXPECT_EQ(1, window[0]);
	EXPECT_EQ(0, window[3 * 512]);
	EXPECT_EQ(16, ax_pread(self->fd, buf, 16, RAM));
	EXPECT_EQ(0, list(tracker));
	window[512] = 2;
	window[3 * 512] = 3;
	window[1000 * 512] = 4;
	EXPECT_EQ(16, ax_pwrite(self->fd, buf, 16, page(9) - 8));
	EXPECT_EQ(16, ax_pwrite(self->fd, buf, 16, page(2000)));
	ASSERT_EQ(5, list(tracker));
	EXPECT_TRUE(run_is(0, 1, 1));
	EXPECT_TRUE(run_is(1, 3, 1));
	EXPECT_TRUE(run_is(2, 8, 2));
	EXPECT_TRUE(run_is(3, 1000, 1));
	EXPECT_TRUE(run_is(4, 2000, 1));
	/* The PTE was there, and could be written. */
	window[512] = 5;
	ASSERT_EQ(1, list(tracker));
	EXPECT_TRUE(run_is(0, 1, 1));
	EXPECT_EQ(0, list(tracker));
	EXPECT_EQ(5, window[512]);
	munmap(window, SIZE);
	close(tracker);
}

TEST_F(space, trackers_know_nothing_of_each_other)
{
	int all, part, late;

	ASSERT_EQ(0, some_memory(self->fd));
	all = ax_track(self->fd, RAM, SIZE);
	part = ax_track(self->fd, page(8), 8 * AX_PAGE);
	ASSERT_LE(0, all);
	ASSERT_LE(0, part);
	EXPECT_EQ(0, ax_put64(self->fd, page(4), 1));
	EXPECT_EQ(0, ax_put64(self->fd, page(9), 1));
	late = ax_track(self->fd, RAM, SIZE);
	ASSERT_LE(0, late);
	EXPECT_EQ(0, list(late));
	ASSERT_EQ(2, list(all));
	EXPECT_TRUE(run_is(0, 4, 1));
	EXPECT_TRUE(run_is(1, 9, 1));
	ASSERT_EQ(1, list_range(part, page(8), 8 * AX_PAGE, 0));
	EXPECT_TRUE(run_is(0, 9, 1));
	EXPECT_EQ(0, ax_put64(self->fd, page(10), 1));
	close(all);
	ASSERT_EQ(1, list(late));
	EXPECT_TRUE(run_is(0, 10, 1));
	close(late);
	EXPECT_EQ(0, ax_put64(self->fd, page(11), 1));
	ASSERT_EQ(1, list_range(part, page(8), 8 * AX_PAGE, 0));
	EXPECT_TRUE(run_is(0, 10, 2));
	EXPECT_EQ(-ERANGE, list(part));
	close(part);
}

TEST_F(space, what_changes_counts_as_written)
{
	int tracker;

	ASSERT_EQ(0, some_memory(self->fd));
	tracker = ax_track(self->fd, RAM, SIZE);
	ASSERT_LE(0, tracker);
	EXPECT_EQ(0, ax_put64(self->fd, page(1), 1));
	EXPECT_EQ(0, ax_discard(self->fd, page(2), AX_PAGE));
	EXPECT_EQ(0, ax_unmap(self->fd, page(512), 2 * AX_PAGE));
	EXPECT_EQ(0, ax_map(self->fd, page(513), AX_PAGE));
	EXPECT_EQ(0, ax_move(self->fd, page(20), page(30), AX_PAGE, AXAS_MOVE_EXCHANGE));
	ASSERT_EQ(4, list(tracker));
	EXPECT_TRUE(run_is(0, 1, 2));
	EXPECT_TRUE(run_is(1, 20, 1));
	EXPECT_TRUE(run_is(2, 30, 1));
	EXPECT_TRUE(run_is(3, 512, 2));
	EXPECT_EQ(0, list(tracker));
	/* And what is written there is noticed. */
	EXPECT_EQ(0, ax_put64(self->fd, page(30), 1));
	EXPECT_EQ(0, ax_put64(self->fd, page(513), 1));
	ASSERT_EQ(2, list(tracker));
	EXPECT_TRUE(run_is(0, 30, 1));
	EXPECT_TRUE(run_is(1, 513, 1));
	close(tracker);
}

TEST_F(space, lists_can_be_undone)
{
	struct axas_next_entry bad[] = {
		{ page(1), AX_PAGE }, { page(2), 1 },
	};
	__u64 gpa = RAM, length = SIZE;
	int tracker, i;

	ASSERT_EQ(0, some_memory(self->fd));
	tracker = ax_track(self->fd, RAM, SIZE);
	ASSERT_LE(0, tracker);
	for (i = 0; i < 6; i += 2)
		EXPECT_EQ(0, ax_put64(self->fd, page(i), 1));
	ASSERT_EQ(3, list_range(tracker, RAM, SIZE, AXAS_DIRTY_PEEK));
	ASSERT_EQ(3, list_range(tracker, RAM, SIZE, AXAS_DIRTY_PEEK));
	/* In two steps. */
	ASSERT_EQ(2, ax_dirty(tracker, &gpa, &length, 0, runs, 2));
	EXPECT_TRUE(run_is(1, 2, 1));
	EXPECT_LT(page(2), gpa);
	EXPECT_GE(page(4), gpa);
	EXPECT_EQ(RAM + SIZE, gpa + length);
	EXPECT_EQ(0, ax_dirty_put(tracker, runs, 2));
	ASSERT_EQ(3, list(tracker));
	EXPECT_TRUE(run_is(0, 0, 1));
	EXPECT_EQ(0, list(tracker));
	EXPECT_EQ(-EINVAL, ax_dirty_put(tracker, bad, 2));
	bad[1] = (struct axas_next_entry){ RAM + SIZE, AX_PAGE };
	EXPECT_EQ(-ERANGE, ax_dirty_put(tracker, bad, 2));
	EXPECT_EQ(0, list(tracker));
	/* No place to write them to: they come again. */
	EXPECT_EQ(0, ax_put64(self->fd, page(7), 1));
	gpa = RAM;
	length = SIZE;
	EXPECT_EQ(-EFAULT, ax_dirty(tracker, &gpa, &length, 0, (void *)8, 2));
	ASSERT_EQ(1, list(tracker));
	EXPECT_TRUE(run_is(0, 7, 1));
	close(tracker);
}

static int is_ready(int tracker, int ms)
{
	struct pollfd poll_one = { .fd = tracker, .events = POLLIN };

	return poll(&poll_one, 1, ms);
}

TEST_F(space, poll_says_when_there_is_enough)
{
	int tracker, other;

	ASSERT_EQ(0, some_memory(self->fd));
	tracker = ax_track_at(self->fd, RAM, SIZE, 3);
	other = ax_track(self->fd, RAM, SIZE);
	ASSERT_LE(0, tracker);
	ASSERT_LE(0, other);
	EXPECT_EQ(0, is_ready(other, 0));
	EXPECT_EQ(0, ax_put64(self->fd, page(1), 1));
	EXPECT_EQ(0, ax_put64(self->fd, page(1), 2));
	EXPECT_EQ(0, ax_put64(self->fd, page(3), 1));
	EXPECT_EQ(1, is_ready(other, 0));
	EXPECT_EQ(2, list(other));
	EXPECT_EQ(0, is_ready(other, 0));
	EXPECT_EQ(0, is_ready(tracker, 0));
	EXPECT_EQ(0, ax_discard(self->fd, page(100), AX_PAGE));
	EXPECT_EQ(1, is_ready(tracker, 0));
	EXPECT_EQ(3, list(tracker));
	EXPECT_EQ(0, is_ready(tracker, 0));
	close(tracker);
	close(other);
}

TEST_F(space, large_leaves_are_split_by_writes_and_come_back)
{
	__u64 *window;
	int tracker;

	ASSERT_EQ(0, ax_map_alloc(self->fd, RAM, SIZE, AX_RW, 0, AX_2M));
	ASSERT_EQ(0, ax_bring_in(self->fd, RAM, 2 * AX_2M, NULL));
	ASSERT_EQ(AX_2M, ax_leaf(self->fd, RAM));
	tracker = ax_track(self->fd, RAM, SIZE);
	ASSERT_LE(0, tracker);
	EXPECT_EQ(0, ax_get64(self->fd, page(7)));
	EXPECT_EQ(AX_2M, ax_leaf(self->fd, RAM));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, page(7), AX_W));
	EXPECT_EQ(AX_PAGE, ax_leaf(self->fd, RAM));
	EXPECT_EQ(AX_2M, ax_leaf(self->fd, RAM + AX_2M));
	window = ax_window(self->fd, RAM, SIZE, RW);
	ASSERT_NE(MAP_FAILED, window);
	window[(512 + 9) * 512] = 1;
	EXPECT_EQ(0, ax_put64(self->fd, page(8), 1));
	ASSERT_EQ(2, list(tracker));
	EXPECT_TRUE(run_is(0, 7, 2));
	EXPECT_TRUE(run_is(1, 512 + 9, 1));
	close(tracker);
	EXPECT_EQ(AX_2M, ax_leaf(self->fd, RAM));
	EXPECT_EQ(AX_2M, ax_leaf(self->fd, RAM + AX_2M));
	EXPECT_EQ(1, window[(512 + 9) * 512]);
	munmap(window, SIZE);
}

TEST_F(space, rom_that_its_owner_writes_is_listed)
{
	__u64 *window;
	int tracker;

	ASSERT_EQ(0, ax_map_alloc(self->fd, RAM, SIZE, AX_R, AXAS_MAP_ROM, 0));
	ASSERT_EQ(0, ax_put64(self->fd, page(1), 1));
	tracker = ax_track(self->fd, RAM, SIZE);
	ASSERT_LE(0, tracker);
	window = ax_window(self->fd, RAM, SIZE, RW);
	ASSERT_NE(MAP_FAILED, window);
	EXPECT_EQ(1, window[512]);
	EXPECT_EQ(0, list(tracker));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, page(1), AX_W));
	window[512] = 2;
	EXPECT_EQ(0, ax_put64(self->fd, page(3), 1));
	EXPECT_EQ(0, ax_put64(self->fd, page(4), 1));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, page(1), AX_W));
	ASSERT_EQ(2, list(tracker));
	EXPECT_TRUE(run_is(0, 1, 1));
	EXPECT_TRUE(run_is(1, 3, 2));
	EXPECT_EQ(0, list(tracker));
	window[512] = 3;
	EXPECT_EQ(0, ax_put64(self->fd, page(4), 1));
	EXPECT_EQ(2, list(tracker));
	EXPECT_EQ(3, ax_get64(self->fd, page(1)));
	munmap(window, SIZE);
	close(tracker);
}

TEST_F(space, arguments_of_trackers)
{
	struct axas_track t = {
		.size = sizeof(t), .gpa = RAM, .length = SIZE,
		.what = AXAS_TRACK_WRITTEN,
	};
	__u64 gpa = RAM, length = 0;
	int tracker;

	t.what = 0;
	EXPECT_EQ(-EINVAL, ax_ioctl(self->fd, AXAS_TRACK, &t));
	t.what = 1 << 7;
	EXPECT_EQ(-EINVAL, ax_ioctl(self->fd, AXAS_TRACK, &t));
	t.what = AXAS_TRACK_WRITTEN;
	t.reserved = 1;
	EXPECT_EQ(-EINVAL, ax_ioctl(self->fd, AXAS_TRACK, &t));
	EXPECT_EQ(-EINVAL, ax_track(self->fd, RAM + 1, AX_PAGE));
	EXPECT_EQ(-EINVAL, ax_track(self->fd, RAM, 0));
	EXPECT_EQ(-ERANGE, ax_track(self->fd, 1ULL << 62, AX_PAGE));
	tracker = ax_track(self->fd, RAM, SIZE);
	ASSERT_LE(0, tracker);
	EXPECT_EQ(-EINVAL, ax_dirty(tracker, &gpa, &length, 0, runs, 1));
	length = AX_PAGE;
	EXPECT_EQ(-EINVAL, ax_dirty(tracker, &gpa, &length, 1 << 5, runs, 1));
	EXPECT_EQ(-EINVAL, ax_dirty(tracker, &gpa, &length,
				    AXAS_DIRTY_PEEK | AXAS_DIRTY_PUT, runs, 1));
	EXPECT_EQ(-ERANGE, list_range(tracker, RAM - AX_PAGE, AX_PAGE, 0));
	EXPECT_EQ(-ENOTTY, ax_ioctl(tracker, AXAS_CLEAR, &t));
	EXPECT_EQ(-ENOTTY, ax_ioctl(self->fd, AXAS_DIRTY, &t));
	close(tracker);
}

TEST_HARNESS_MAIN
