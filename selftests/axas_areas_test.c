// SPDX-License-Identifier: GPL-2.0
/*
 * Listing areas: what was mapped comes back, in any portions, and is true at
 * once whoever else maps.
 */
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include "axas_fixture.h"

#define GPA	0x40000000ULL
#define MAX	8192

static int list(int fd, __u64 *start, struct axas_area_entry *e, __u32 nr,
		__u32 *done, __u64 *generation)
{
	struct axas_areas a = {
		.size = sizeof(a), .start = *start, .entries = (uintptr_t)e,
		.nr = nr, .done = ~0u, .generation = ~0ULL,
	};
	int ret = ax_ioctl(fd, AXAS_AREAS, &a);

	*start = a.start;
	*done = a.done;
	*generation = a.generation;
	return ret;
}

/*
 * All areas, @nr at a time. Return: how many or minus errno; @same is whether
 * nothing has changed meanwhile.
 */
static int list_all(int fd, struct axas_area_entry *e, __u32 nr, bool *same)
{
	__u64 start = 0, generation, first = 0;
	unsigned int n = 0;
	__u32 done;
	int ret;

	*same = true;
	while (start != ~0ULL) {
		if (n + nr > MAX)
			return -ENOSPC;
		ret = list(fd, &start, e + n, nr, &done, &generation);
		if (ret)
			return ret;
		if (done > nr)
			return -EOVERFLOW;
		if (!n)
			first = generation;
		*same &= generation == first;
		n += done;
	}
	return n;
}

static __u64 generation_of(int fd)
{
	__u64 start = 0, generation = 0;
	__u32 done;

	return list(fd, &start, NULL, 0, &done, &generation) ? ~0ULL : generation;
}

static struct axas_area_entry entries[MAX];

TEST_F(space, empty)
{
	__u64 start = 0, generation;
	__u32 done;

	EXPECT_EQ(0, list(self->fd, &start, entries, 8, &done, &generation));
	EXPECT_EQ(0, done);
	EXPECT_EQ(~0ULL, start);
	start = 0;
	EXPECT_EQ(0, list(self->fd, &start, NULL, 0, &done, &generation));
	EXPECT_EQ(~0ULL, start);
	start = ~0ULL;
	EXPECT_EQ(0, list(self->fd, &start, entries, 8, &done, &generation));
	EXPECT_EQ(0, done);
	EXPECT_EQ(~0ULL, start);
}

#define EXPECT_AREA(e, ...) do {					\
	const struct axas_area_entry _want = { __VA_ARGS__ };		\
	EXPECT_EQ(0, memcmp(&_want, (e), sizeof(_want)))		\
		TH_LOG("at %#llx, %#llx bytes, hpa %#llx, leaf %#llx, flags %#x", \
		       (e)->gpa, (e)->length, (e)->hpa, (e)->max_leaf, (e)->flags); \
} while (0)

TEST_F(space, every_field)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	bool ept = variant->format == AXAS_FORMAT_EPT, same;
	struct axas_map lin = {
		.size = sizeof(lin), .gpa = GPA + 0x100000, .length = 0x20000,
		.hpa = hpa, .backend = AXAS_BACKEND_LINEAR, .prot = AX_RX,
		.memtype = AXAS_MEM_UC, .max_leaf = AX_2M, .cookie = 11,
		.flags = ept ? AXAS_MAP_IGNORE_PAT : 0,
	};
	struct axas_map node = {
		.size = sizeof(node), .gpa = GPA, .length = 0x3000,
		.backend = AXAS_BACKEND_ALLOC, .prot = AX_RW,
		.flags = AXAS_MAP_NODE | AXAS_MAP_POPULATE, .cookie = ~0ULL,
	};
	unsigned int i = 0;

	memset(entries, 0xee, sizeof(entries));
	ASSERT_EQ(0, ax_ioctl(self->fd, AXAS_MAP, &node));
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA + AX_2M, AX_2M, AX_RWX, 0, AX_2M));
	ASSERT_EQ(0, ax_map_device(self->fd, 0, 0x1000, AX_R, 0xc0));
	if (hpa)
		ASSERT_EQ(0, ax_ioctl(self->fd, AXAS_MAP, &lin));
	ASSERT_EQ(hpa ? 4 : 3, list_all(self->fd, entries, 16, &same));
	EXPECT_TRUE(same);
	EXPECT_AREA(&entries[i], .length = 0x1000, .cookie = 0xc0,
		    .backend = AXAS_BACKEND_DEVICE, .prot = AX_R);
	i++;
	EXPECT_AREA(&entries[i], .gpa = GPA, .length = 0x3000, .cookie = ~0ULL,
		    .max_leaf = 4096, .backend = AXAS_BACKEND_ALLOC,
		    .prot = AX_RW, .flags = AXAS_MAP_NODE);
	i++;
	if (hpa) {
		EXPECT_AREA(&entries[i], .gpa = lin.gpa, .length = 0x20000,
			    .hpa = hpa, .cookie = 11, .max_leaf = AX_2M,
			    .backend = AXAS_BACKEND_LINEAR, .prot = AX_RX,
			    .memtype = AXAS_MEM_UC,
			    .flags = ept ? AXAS_MAP_IGNORE_PAT : 0);
		i++;
	}
	EXPECT_AREA(&entries[i], .gpa = GPA + AX_2M, .length = AX_2M,
		    .max_leaf = AX_2M, .backend = AXAS_BACKEND_ALLOC,
		    .prot = AX_RWX);
}

/* What is cut is listed as what is left, with its own host address. */
TEST_F(space, pieces)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	struct axas_map lin = {
		.size = sizeof(lin), .gpa = GPA, .length = 0x8000, .hpa = hpa,
		.backend = AXAS_BACKEND_LINEAR, .prot = AX_RW, .max_leaf = 4096,
		.cookie = 5,
	};
	static const struct { __u64 at, length; __u32 prot; } want[] = {
		{ 0x1000, 0x2000, AX_RW }, { 0x4000, 0x1000, AX_RW },
		{ 0x5000, 0x1000, AX_R }, { 0x6000, 0x2000, AX_RW },
	};
	struct axas_stats st;
	unsigned int i;
	bool same;

	if (!hpa)
		SKIP(return, "no unused host physical addresses in /proc/iomem");
	ASSERT_EQ(0, ax_ioctl(self->fd, AXAS_MAP, &lin));
	ASSERT_EQ(0, ax_unmap(self->fd, GPA, 0x1000));
	ASSERT_EQ(0, ax_unmap(self->fd, GPA + 0x3000, 0x1000));
	ASSERT_EQ(0, ax_protect(self->fd, GPA + 0x5000, 0x1000, AX_R));
	ASSERT_EQ(4, list_all(self->fd, entries, 16, &same));
	for (i = 0; i < 4; i++)
		EXPECT_AREA(&entries[i], .gpa = GPA + want[i].at,
			    .length = want[i].length, .hpa = hpa + want[i].at,
			    .cookie = 5, .max_leaf = 4096,
			    .backend = AXAS_BACKEND_LINEAR, .prot = want[i].prot);
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(4, st.areas);
}

TEST_F(space, portions)
{
	__u64 start, generation;
	unsigned int i, nr;
	__u32 done;
	bool same;

	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, ax_map(self->fd, GPA + i * 0x4000, 0x2000));
	for (nr = 1; nr <= 12; nr++) {
		ASSERT_EQ(10, list_all(self->fd, entries, nr, &same));
		EXPECT_TRUE(same);
		for (i = 0; i < 10; i++)
			EXPECT_EQ(GPA + i * 0x4000, entries[i].gpa);
	}
	/* Ten fit, and there is no eleventh. */
	start = 0;
	EXPECT_EQ(0, list(self->fd, &start, entries, 10, &done, &generation));
	EXPECT_EQ(10, done);
	EXPECT_EQ(~0ULL, start);
	/* From within an area, from between two, from behind all. */
	start = GPA + 0x4000 + 0x1fff;
	EXPECT_EQ(0, list(self->fd, &start, entries, 1, &done, &generation));
	EXPECT_EQ(1, done);
	EXPECT_EQ(GPA + 0x4000, entries[0].gpa);
	EXPECT_EQ(0x2000, entries[0].length);
	EXPECT_EQ(GPA + 0x6000, start);
	EXPECT_EQ(0, list(self->fd, &start, entries, 1, &done, &generation));
	EXPECT_EQ(GPA + 0x8000, entries[0].gpa);
	start = GPA + 9 * 0x4000 + 0x2000;
	EXPECT_EQ(0, list(self->fd, &start, entries, 1, &done, &generation));
	EXPECT_EQ(0, done);
	EXPECT_EQ(~0ULL, start);
	/* No room: nothing is written, and the place stays. */
	start = GPA;
	EXPECT_EQ(0, list(self->fd, &start, NULL, 0, &done, &generation));
	EXPECT_EQ(0, done);
	EXPECT_EQ(GPA, start);
	/* The last page of the width. */
	ASSERT_EQ(0, ax_map(self->fd, self->end - 0x1000, 0x1000));
	start = self->end - 1;
	EXPECT_EQ(0, list(self->fd, &start, entries, 4, &done, &generation));
	EXPECT_EQ(1, done);
	EXPECT_EQ(~0ULL, start);
}

TEST_F(space, generation)
{
	__u64 at = generation_of(self->fd);

#define UP(call) do {							\
	EXPECT_EQ(0, call);						\
	EXPECT_LT(at, generation_of(self->fd)) TH_LOG(#call);		\
	at = generation_of(self->fd);					\
} while (0)
#define SAME(ret, call) do {						\
	EXPECT_EQ(ret, call);						\
	EXPECT_EQ(at, generation_of(self->fd)) TH_LOG(#call);		\
} while (0)

	UP(ax_map(self->fd, GPA, 0x4000));
	UP(ax_map_device(self->fd, GPA + 0x4000, 0x1000, AX_R, 1));
	SAME(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA, AX_R));
	SAME(0, ax_unmap(self->fd, GPA + AX_1G, 0x1000));
	SAME(-EEXIST, ax_map(self->fd, GPA, 0x1000));
	SAME(-ENOENT, ax_protect(self->fd, GPA, AX_1G, AX_R));
	SAME(0, ax_device(self->fd, AXAS_DEVICE_ADD, AXAS_BUS_PORT, 1, 2, 3));
	UP(ax_protect(self->fd, GPA + 0x1000, 0x1000, AX_R));
	UP(ax_unmap(self->fd, GPA + 0x2000, 0x1000));
	UP(ax_clear(self->fd));
	SAME(0, ax_clear(self->fd));
}

TEST_F(space, many)
{
	__u64 start = 0, generation;
	unsigned int i;
	__u32 done;
	bool same;

	for (i = 0; i < 3000; i++)
		ASSERT_EQ(0, ax_map_device(self->fd, GPA + i * 0x2000, 0x1000, AX_R, i));
	/* One call may give up early, but not at once. */
	ASSERT_EQ(0, list(self->fd, &start, entries, MAX, &done, &generation));
	EXPECT_LT(0, done);
	ASSERT_EQ(3000, list_all(self->fd, entries, MAX / 2, &same));
	EXPECT_TRUE(same);
	for (i = 0; i < 3000; i++) {
		EXPECT_EQ(GPA + i * 0x2000, entries[i].gpa);
		EXPECT_EQ(i, entries[i].cookie);
	}
}

TEST_F(space, host_addresses_only_for_admin)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	bool same;

	if (!hpa)
		SKIP(return, "no unused host physical addresses in /proc/iomem");
	ASSERT_EQ(0, ax_map_linear(self->fd, GPA, 0x1000, hpa, AX_R, 0));
	ASSERT_EQ(1, list_all(self->fd, entries, 1, &same));
	EXPECT_EQ(hpa, entries[0].hpa);
	ASSERT_EQ(0, ax_drop_cap(CAP_SYS_ADMIN));
	ASSERT_EQ(1, list_all(self->fd, entries, 1, &same));
	EXPECT_EQ(0, entries[0].hpa);
	EXPECT_EQ(0x1000, entries[0].length);
}

TEST_F(space, bad_arrays)
{
	__u64 start = GPA, generation;
	unsigned int i;
	__u32 done;
	char *p;

	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, ax_map(self->fd, GPA + i * 0x2000, 0x1000));
	p = mmap(NULL, 0x2000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_EQ(0, munmap(p + 0x1000, 0x1000));
	EXPECT_EQ(-EFAULT, list(self->fd, &start, NULL, 8, &done, &generation));
	EXPECT_EQ(0, done);
	EXPECT_EQ(GPA, start);
	EXPECT_EQ(-EFAULT, list(self->fd, &start, (void *)(p + 0x1000 - 4 * sizeof(entries[0])),
				8, &done, &generation));
	EXPECT_EQ(0, done);
	EXPECT_EQ(GPA, start);
	EXPECT_EQ(0, list(self->fd, &start, (void *)(p + 0x1000 - 4 * sizeof(entries[0])),
			  4, &done, &generation));
	EXPECT_EQ(4, done);
	/* Room for four billion is a promise that nobody has to keep. */
	start = 0;
	EXPECT_EQ(0, list(self->fd, &start, entries, ~0u, &done, &generation));
	EXPECT_EQ(8, done);
}

/* ---- while another thread maps ---- */

#define NR_TOGGLED	32

struct toggler {
	int fd;
	bool stop;
	int ret;
	unsigned long calls;
};

/* All of it in one call: no list may show a part of that. */
static void *toggle(void *arg)
{
	struct toggler *t = arg;

	while (!t->ret && !__atomic_load_n(&t->stop, __ATOMIC_RELAXED)) {
		t->ret = ax_protect(t->fd, GPA, NR_TOGGLED * AX_PAGE,
				    t->calls++ % 2 ? AX_RW : AX_R);
		/* Elsewhere it is busy too. */
		if (!t->ret)
			t->ret = ax_map(t->fd, GPA + AX_1G, 0x1000);
		if (!t->ret)
			t->ret = ax_unmap(t->fd, GPA + AX_1G, 0x1000);
	}
	return NULL;
}

TEST_F(space, true_at_once_while_another_maps)
{
	static const unsigned int portions[] = { NR_TOGGLED + 1, 1, 5, 40 };
	struct toggler t = { .fd = self->fd };
	unsigned long whole = 0, changed = 0, i;
	double end = ax_now() + ax_race(3);
	pthread_t thread;

	for (i = 0; i < NR_TOGGLED; i++)
		ASSERT_EQ(0, ax_map_named(self->fd, GPA + i * AX_PAGE, AX_PAGE, i));
	ASSERT_EQ(0, pthread_create(&thread, NULL, toggle, &t));
	while (!t.ret && ax_racing(end, whole && t.calls)) {
		bool same;
		int j, n;

		n = list_all(self->fd, entries, portions[whole % 4], &same);
		ASSERT_LE(NR_TOGGLED, n);
		ASSERT_GE(NR_TOGGLED + 1, n);
		changed += !same;
		for (j = 0; j < NR_TOGGLED; j++) {
			ASSERT_EQ(GPA + j * AX_PAGE, entries[j].gpa);
			/* One call, or many that agree, see one state. */
			if (same || portions[whole % 4] > NR_TOGGLED)
				ASSERT_EQ(entries[0].prot, entries[j].prot);
		}
		whole++;
	}
	__atomic_store_n(&t.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, t.ret);
	EXPECT_LT(0, whole);
	EXPECT_LT(0, t.calls);
	printf("# %lu lists, %lu of them changed under way, %lu changes\n", whole,
	       changed, t.calls);
}

/* ---- memory that takes its time ---- */

struct lister {
	int fd;
	void *entries;
	int ret;
	__u32 done;
};

static void *list_into(void *arg)
{
	struct lister *l = arg;
	__u64 start = 0, generation;

	l->ret = list(l->fd, &start, l->entries, 16, &l->done, &generation);
	return NULL;
}

TEST_F(space, slow_caller_holds_nobody_up)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct lister l = { .fd = self->fd };
	struct uffdio_zeropage zero = { .range.len = AX_PAGE };
	struct uffdio_register reg = {
		.range.len = AX_PAGE, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct pollfd ready = { .events = POLLIN };
	pthread_t thread;

	if (access("/proc/sys/vm/unprivileged_userfaultfd", F_OK))
		SKIP(return, "this kernel has no userfaultfd");
	ready.fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	ASSERT_LE(0, ready.fd);
	ASSERT_EQ(0, ioctl(ready.fd, UFFDIO_API, &api));
	l.entries = mmap(NULL, AX_PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, l.entries);
	reg.range.start = zero.range.start = (uintptr_t)l.entries;
	ASSERT_EQ(0, ioctl(ready.fd, UFFDIO_REGISTER, &reg));
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x1000));
	ASSERT_EQ(0, pthread_create(&thread, NULL, list_into, &l));
	/* Now it waits for its page; the space doesn't. */
	ASSERT_EQ(1, poll(&ready, 1, 20000));
	EXPECT_EQ(0, ax_map(self->fd, GPA + 0x1000, 0x1000));
	EXPECT_EQ(0, ax_protect(self->fd, GPA, 0x1000, AX_R));
	EXPECT_EQ(0, ax_unmap(self->fd, GPA, 0x1000));
	ASSERT_EQ(0, ioctl(ready.fd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, l.ret);
	EXPECT_EQ(1, l.done);
	EXPECT_EQ(GPA, ((struct axas_area_entry *)l.entries)->gpa);
	close(ready.fd);
}

/* Areas of a page each, as many as a machine makes in a while. */
static unsigned int map_many(int fd)
{
	double end = ax_now() + 3;
	unsigned int n = 0;

	while (n < 30000 && ax_now() < end &&
	       !ax_map_named(fd, GPA + n * AX_PAGE, AX_PAGE, n))
		n++;
	return n;
}

/* How many areas have these rights. */
static unsigned int count_prot(int fd, __u32 prot)
{
	__u64 start = 0, generation;
	unsigned int n = 0;
	__u32 done, i;

	while (start != ~0ULL) {
		if (list(fd, &start, entries, MAX, &done, &generation))
			return 0;
		for (i = 0; i < done; i++)
			n += entries[i].prot == prot;
	}
	return n;
}

/* Has this process killed so many seconds from now. */
static void die_after(double seconds)
{
	struct sigevent kill = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	struct itimerspec at = {
		.it_value.tv_sec = seconds,
		.it_value.tv_nsec = (seconds - (long)seconds) * 1e9,
	};
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &kill, &timer) ||
	    timer_settime(timer, 0, &at, NULL))
		exit(EXIT_FAILURE);
}

/* Changes the rights of all. Return: what came of it, or -SIGKILL. */
static int protect_and_die(int fd, unsigned int n, __u32 prot, double after)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		die_after(after);
		exit(ax_protect(fd, GPA, n * AX_PAGE, prot));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/*
 * A kill that comes while areas are still being copied ends the call, and none
 * has changed. One that comes later finds all changed: the next comes earlier. It
 * comes to the process on its own CPU, so a busy machine doesn't delay it.
 */
TEST_F_TIMEOUT(device, a_kill_ends_a_large_protect, 240)
{
	int ret, fd = ax_create(self->dev, AXAS_FORMAT_HOST, 0);
	unsigned int n, ended = 0;
	__u32 prot = AX_RW, other;
	double took, after;

	ASSERT_LE(0, fd);
	n = map_many(fd);
	ASSERT_LT(100, n);
	took = ax_now();
	ASSERT_EQ(0, ax_protect(fd, GPA, n * AX_PAGE, AX_RW));
	took = ax_now() - took;
	for (after = took / 2; after > took / 200 && ended < 3; after *= 0.8) {
		other = prot ^ AX_W;
		ret = protect_and_die(fd, n, other, after);
		ASSERT_TRUE(ret == 0 || ret == -SIGKILL) {
			TH_LOG("protect ended with %d", ret);
		}
		if (count_prot(fd, other) == n)
			prot = other;
		else
			ended++;
		ASSERT_EQ(n, count_prot(fd, prot));
	}
	EXPECT_EQ(3, ended) {
		TH_LOG("%u areas, %.3f s a call", n, took);
	}
	close(fd);
}

TEST_HARNESS_MAIN
