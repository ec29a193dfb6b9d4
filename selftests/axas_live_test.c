// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel does about memory without asking the space: it runs out.
 */
#include <sys/klog.h>
#include <sys/prctl.h>
#include "kselftest_harness.h"
#include "axas_fixture.h"
#include "axas_look.h"

#define GPA	0x40000000ULL
#define MIB	(1ULL << 20)

/* ---- the OOM killer ---- */

/* A process that lives until it is killed, and what it is doing. */
struct one {
	pid_t pid;
	volatile int *step;
};

static void score_adj(int adj)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", adj);
	if (ax_write_file("/proc/self/oom_score_adj", text))
		exit(9);
}

/* Has it ended? Then by which signal, else 0; -1 if by none. */
static int killed_by(struct one *one, bool wait)
{
	int status;

	if (one->pid <= 0 ||
	    waitpid(one->pid, &status, wait ? 0 : WNOHANG) != one->pid)
		return 0;
	one->pid = -1;
	return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

/*
 * Start one that can be killed and does something; the parent can't be. Return
 * when it has done it, or has ended.
 */
static struct one start(int adj, void (*what)(void *arg), void *arg)
{
	struct one one = {
		.step = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0),
	};

	if (one.step == MAP_FAILED)
		exit(9);
	one.pid = fork();
	if (!one.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		score_adj(adj);
		what(arg);
		*one.step = 1;
		for (;;)
			pause();
	}
	while (!*one.step && !killed_by(&one, false))
		ax_sleep_ms(2);
	return one;
}

static void finish(struct one *one)
{
	if (one->pid <= 0)
		return;
	kill(one->pid, SIGKILL);
	killed_by(one, true);
}

static void own_memory(void *bytes)
{
	size_t n = *(size_t *)bytes;
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		exit(9);
	memset(p, 1, n);
}

static void no_memory(void *none)
{
}

/* Guest memory comes in by faults alone, as under a hypervisor. */
static int bring_in(int fd, __u64 gpa, __u64 bytes)
{
	struct axas_fault_entry e[256];
	__u64 end = gpa + bytes;
	unsigned int n;

	while (gpa < end) {
		for (n = 0; n < ARRAY_SIZE(e) && gpa < end; n++, gpa += AX_PAGE)
			e[n] = (struct axas_fault_entry){ .gpa = gpa, .access = AX_W };
		if (ax_fault_many(fd, e, n, NULL) ||
		    e[n - 1].result != AXAS_FAULT_RESOLVED)
			return -1;
	}
	return 0;
}

struct monitor {
	int dev;
	__u64 bytes;
	int fd;		/* that it has got from elsewhere, or 0 */
};

static void guest_memory(void *arg)
{
	struct monitor *m = arg;
	int fd = m->fd;

	if (!fd)
		fd = ax_create(m->dev, AXAS_FORMAT_HOST, 0);
	if (fd < 0 || ax_map(fd, GPA, m->bytes) || bring_in(fd, GPA, m->bytes))
		exit(8);
}

/* A process of some size, which it would have to answer for. */
static void make_space(void *arg)
{
	size_t small = 24 * MIB;
	struct monitor *m = arg;

	own_memory(&small);
	if (ax_create(m->dev, AXAS_FORMAT_HOST, 0) < 0)
		exit(8);
}

/* A line of /proc/PID/status, in bytes. */
static __s64 status_of(pid_t pid, const char *key)
{
	char path[48], *text, *at;
	__s64 kib = -1;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	text = ax_slurp(path);
	at = text ? strstr(text, key) : NULL;
	if (at)
		kib = strtoll(at + strlen(key), NULL, 10);
	free(text);
	return kib < 0 ? -1 : kib << 10;
}

static __s64 shmem_of(pid_t pid)
{
	return status_of(pid, "RssShmem:");
}

/* Have the OOM killer choose: from SysRq it does so with memory left. */
static bool choose(void)
{
	return !ax_write_file("/proc/sysrq-trigger", "f");
}

/* It takes the first who would have to go, whatever its size. */
static bool count_now(void)
{
	struct one first = start(1000, no_memory, NULL);
	unsigned int i;
	bool done;

	done = choose();
	for (i = 0; done && i < 500 && first.pid > 0; i++) {
		killed_by(&first, false);
		ax_sleep_ms(10);
	}
	done = done && first.pid < 0;
	finish(&first);
	return done;
}

static bool log_has(const char *what)
{
	static char log[1 << 20];
	int n = klogctl(3, log, sizeof(log) - 1);

	log[n > 0 ? n : 0] = '\0';
	return strstr(log, what);
}

/* The kernel's own figures are right to within what its CPUs hold back. */
#define ABOUT	(2 * MIB)
#define EXPECT_ABOUT(want, is) do {			\
	__s64 _want = (want), _is = (is);		\
	EXPECT_LE(_want - (__s64)ABOUT, _is);		\
	EXPECT_GE(_want + (__s64)ABOUT, _is);		\
} while (0)

TEST_F_TIMEOUT(device, oom_victim_is_who_has_the_guest_memory, 120)
{
	struct monitor m = { .dev = self->dev, .bytes = 64 * MIB };
	size_t small = 24 * MIB;
	struct one innocent, monitor;
	unsigned int i;

	if (access("/proc/sysrq-trigger", W_OK))
		SKIP(return, "no /proc/sysrq-trigger");
	score_adj(-1000);
	innocent = start(0, own_memory, &small);
	monitor = start(0, guest_memory, &m);
	EXPECT_EQ(1, *monitor.step);
	EXPECT_GT(2 * MIB, shmem_of(monitor.pid));
	ASSERT_TRUE(choose());
	for (i = 0; i < 500; i++) {
		if (killed_by(&monitor, false) || killed_by(&innocent, false))
			break;
		ax_sleep_ms(10);
	}
	EXPECT_EQ(-1, monitor.pid);
	EXPECT_LT(0, innocent.pid);
	finish(&monitor);
	finish(&innocent);
}

/* The same with memory that is really gone. */
TEST_F_TIMEOUT(device, oom_spares_the_innocent, 240)
{
	__s64 room = ax_meminfo("MemAvailable");
	struct monitor m = { .dev = self->dev, .bytes = room / 100 * 60 & ~0xfffLL };
	size_t small = 40 * MIB;
	struct one innocent, monitor;
	__s64 taken;
	char *p;

	if (room > 1024 * (__s64)MIB || room < 200 * (__s64)MIB)
		SKIP(return, "for a machine with 200 MiB to 1 GiB available");
	score_adj(-1000);
	innocent = start(0, own_memory, &small);
	monitor = start(0, guest_memory, &m);
	EXPECT_EQ(1, *monitor.step);
	p = mmap(NULL, room, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	for (taken = 0; taken < room; taken += MIB) {
		memset(p + taken, 1, MIB);
		if (killed_by(&monitor, false) || killed_by(&innocent, false))
			break;
	}
	munmap(p, room);
	EXPECT_GT(room, taken);
	EXPECT_EQ(-1, monitor.pid);
	ax_sleep_ms(200);
	EXPECT_EQ(0, killed_by(&innocent, false));
	finish(&monitor);
	finish(&innocent);
}

TEST_F_TIMEOUT(device, oom_count_follows_the_space, 120)
{
	struct monitor m = { .dev = self->dev, .bytes = 64 * MIB };
	__s64 before;
	int fd;

	if (access("/proc/sysrq-trigger", W_OK))
		SKIP(return, "no /proc/sysrq-trigger");
	score_adj(-1000);
	before = shmem_of(getpid());
	fd = ax_create(m.dev, AXAS_FORMAT_HOST, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ax_map(fd, GPA, m.bytes));
	ASSERT_EQ(0, bring_in(fd, GPA, m.bytes));
	EXPECT_ABOUT(before, shmem_of(getpid()));
	ASSERT_TRUE(count_now());
	EXPECT_ABOUT(before + 64 * MIB, shmem_of(getpid()));
	ASSERT_TRUE(count_now());
	EXPECT_ABOUT(before + 64 * MIB, shmem_of(getpid()));

	ASSERT_EQ(0, ax_unmap(fd, GPA, 40 * MIB));
	EXPECT_ABOUT(before + 24 * MIB, shmem_of(getpid()));
	ASSERT_EQ(0, ax_clear(fd));
	EXPECT_ABOUT(before, shmem_of(getpid()));

	/* What goes with the descriptor is taken off as well. */
	ASSERT_EQ(0, ax_map(fd, GPA, m.bytes));
	ASSERT_EQ(0, bring_in(fd, GPA, m.bytes));
	ASSERT_TRUE(count_now());
	EXPECT_ABOUT(before + 64 * MIB, shmem_of(getpid()));
	close(fd);
	EXPECT_ABOUT(before, shmem_of(getpid()));
}

#ifndef __NR_pidfd_getfd
#define __NR_pidfd_getfd	438
#endif

/* The descriptor that another process made last. */
static int take_fd(pid_t pid, int above)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0), fd;

	fd = syscall(__NR_pidfd_getfd, pidfd, above, 0);
	close(pidfd);
	return fd;
}

TEST_F_TIMEOUT(device, oom_count_when_the_maker_is_gone, 120)
{
	struct monitor m = { .dev = self->dev, .bytes = 64 * MIB };
	__s64 before = shmem_of(getpid());
	int fd, next = dup(self->dev);
	struct one maker;

	if (access("/proc/sysrq-trigger", W_OK))
		SKIP(return, "no /proc/sysrq-trigger");
	close(next);
	score_adj(-1000);
	maker = start(0, guest_memory, &m);
	ASSERT_EQ(1, *maker.step);
	fd = take_fd(maker.pid, next);
	ASSERT_LE(0, fd);
	ASSERT_EQ(64 * MIB, ax_resident(fd));
	ASSERT_TRUE(count_now());
	EXPECT_ABOUT(64 * MIB, shmem_of(maker.pid));
	finish(&maker);
	ASSERT_TRUE(count_now());
	EXPECT_ABOUT(before, shmem_of(getpid()));

	/* It is this process's from its first area on. */
	ASSERT_EQ(0, ax_map(fd, 2 * GPA, AX_PAGE));
	EXPECT_ABOUT(before + 64 * MIB, shmem_of(getpid()));
	close(fd);
	EXPECT_ABOUT(before, shmem_of(getpid()));
	/* Whoever ran on a CPU last may leave its mm there for a while. */
	ASSERT_TRUE(count_now());
	EXPECT_FALSE(log_has("Bad rss-counter"));
}

/* One process opens the device, another one has the guest. */
TEST_F_TIMEOUT(device, oom_victim_is_not_who_made_the_space, 120)
{
	struct monitor m = { .dev = self->dev, .bytes = 64 * MIB };
	struct one maker, monitor;
	int next = dup(self->dev);
	unsigned int i;

	if (access("/proc/sysrq-trigger", W_OK))
		SKIP(return, "no /proc/sysrq-trigger");
	close(next);
	score_adj(-1000);
	maker = start(0, make_space, &m);
	ASSERT_EQ(1, *maker.step);
	m.fd = take_fd(maker.pid, next);
	ASSERT_LE(0, m.fd);
	monitor = start(0, guest_memory, &m);
	close(m.fd);
	EXPECT_EQ(1, *monitor.step);
	ASSERT_TRUE(choose());
	for (i = 0; i < 500 && monitor.pid > 0 && maker.pid > 0; i++) {
		killed_by(&monitor, false);
		killed_by(&maker, false);
		ax_sleep_ms(10);
	}
	EXPECT_EQ(-1, monitor.pid);
	EXPECT_LT(0, maker.pid);
	finish(&monitor);
	finish(&maker);
}

TEST_HARNESS_MAIN
