// SPDX-License-Identifier: GPL-2.0
/*
 * What happens to memory without the space being asked: the machine runs out, or
 * the memory fails.
 */
#define AX_FEW_VARIANTS
#define AX_TWO_FORMATS
#include <sys/klog.h>
#include <sys/prctl.h>
#include <termios.h>
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

TEST_F(device, oom_victim_is_who_has_the_guest_memory)
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

TEST_F(device, oom_count_follows_the_space)
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

TEST_F(device, oom_count_when_the_maker_is_gone)
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
TEST_F(device, oom_victim_is_not_who_made_the_space)
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

/* ---- memory that fails ---- */

#ifndef MADV_HWPOISON
#define MADV_HWPOISON	100
#endif

static sigjmp_buf bus_env;
static volatile int bus_code;

static void bus_handler(int sig, siginfo_t *info, void *context)
{
	bus_code = info->si_code;
	siglongjmp(bus_env, 1);
}

/* Touch a byte: 0, or the code of the SIGBUS. */
static __attribute__((noinline)) int touch(volatile char *p, bool write)
{
	struct sigaction sa = {
		.sa_sigaction = bus_handler, .sa_flags = SA_SIGINFO,
	}, old;

	sigaction(SIGBUS, &sa, &old);
	bus_code = 0;
	if (!sigsetjmp(bus_env, 1)) {
		if (write)
			*p = 1;
		else
			(void)*p;
	}
	sigaction(SIGBUS, &old, NULL);
	return bus_code;
}

/* NULL, or why no memory can be made to fail. */
static const char *fail_memory(void *p)
{
	if (!madvise(p, AX_PAGE, MADV_HWPOISON))
		return NULL;
	/* It has failed, and the kernel could do nothing about it. */
	if (errno == EBUSY)
		return NULL;
	return errno == EINVAL ? "this kernel has no memory failure" :
				 strerror(errno);
}

static bool becomes(int fd, __u64 gpa, int state)
{
	unsigned int i;

	for (i = 0; i < 1000 && ax_state(fd, gpa) != state; i++)
		ax_sleep_ms(5);
	return i < 1000;
}

#define PAGES	8

/* As the guest of one process that another one looks into. */
TEST_F(space, poisoned_page_first_touched_in_another_window)
{
	char *one, *two;
	const char *why;
	unsigned int i;

	ASSERT_EQ(0, ax_map(self->fd, GPA, PAGES * AX_PAGE));
	one = ax_window(self->fd, GPA, PAGES * AX_PAGE, PROT_READ | PROT_WRITE);
	two = ax_window(self->fd, GPA, PAGES * AX_PAGE, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, one);
	ASSERT_NE(MAP_FAILED, two);
	for (i = 0; i < PAGES; i++)
		one[i * AX_PAGE] = 'a' + i;
	why = fail_memory(one + 3 * AX_PAGE);
	if (why)
		SKIP(return, "%s", why);
	EXPECT_EQ(BUS_MCEERR_AR, touch(two + 3 * AX_PAGE, false));
	EXPECT_EQ(BUS_MCEERR_AR, touch(two + 3 * AX_PAGE + 8, true));
	for (i = 0; i < PAGES; i++)
		if (i != 3) {
			EXPECT_EQ(0, touch(two + i * AX_PAGE, false));
			EXPECT_EQ('a' + i, two[i * AX_PAGE]);
		}
}

/* Nobody touches it through the space: the kernel's own word must be enough. */
TEST_F(space, poisoned_page_leaves_the_space)
{
	struct axas_translate_entry e;
	struct axas_stats st;
	const char *why;
	__u64 val = 7;
	char *p;

	ASSERT_EQ(0, ax_populate(self->fd, GPA, PAGES * AX_PAGE));
	p = ax_window(self->fd, GPA, PAGES * AX_PAGE, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, p);
	p[3 * AX_PAGE] = 'x';
	p[4 * AX_PAGE] = 'y';
	why = fail_memory(p + 3 * AX_PAGE);
	if (why)
		SKIP(return, "%s", why);
	ASSERT_TRUE(becomes(self->fd, GPA + 3 * AX_PAGE, AXAS_TRANSLATE_POISONED));
	EXPECT_EQ(BUS_MCEERR_AR, touch(p + 3 * AX_PAGE, false));
	EXPECT_EQ('y', p[4 * AX_PAGE]);

	ax_translate(self->fd, GPA + 3 * AX_PAGE + 5, &e);
	EXPECT_EQ(0, e.hpa);
	EXPECT_EQ(0, e.leaf_size);
	EXPECT_EQ(AX_RW, e.prot);
	EXPECT_EQ(5 * AX_PAGE - 5, e.limit);
	EXPECT_EQ(AXAS_FAULT_POISONED, ax_fault(self->fd, GPA + 3 * AX_PAGE, AX_R));
	EXPECT_EQ(AXAS_FAULT_POISONED, ax_fault(self->fd, GPA + 4 * AX_PAGE - 1, AX_W));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, GPA + 3 * AX_PAGE, AX_X));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, GPA + 2 * AX_PAGE, AX_W));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ((PAGES - 1) * AX_PAGE, st.resident);
	EXPECT_EQ(PAGES - 1, st.leaves[0]);
	EXPECT_EQ(2, st.faults[AXAS_FAULT_POISONED]);

	EXPECT_EQ(-EHWPOISON, ax_pread(self->fd, &val, 8, GPA + 3 * AX_PAGE));
	EXPECT_EQ(-EHWPOISON, ax_pwrite(self->fd, &val, 8, GPA + 3 * AX_PAGE));
	EXPECT_EQ(4, ax_pread(self->fd, &val, 8, GPA + 3 * AX_PAGE - 4));

	ASSERT_EQ(0, ax_protect(self->fd, GPA, PAGES * AX_PAGE, AX_R));
	EXPECT_EQ(AXAS_FAULT_POISONED, ax_fault(self->fd, GPA + 3 * AX_PAGE, AX_R));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, GPA + 3 * AX_PAGE, AX_W));
	EXPECT_EQ(BUS_MCEERR_AR, touch(p + 3 * AX_PAGE, false));

	ASSERT_EQ(0, ax_unmap(self->fd, GPA + 3 * AX_PAGE, AX_PAGE));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, ax_fault(self->fd, GPA + 3 * AX_PAGE, AX_R));
	ASSERT_EQ(0, ax_map(self->fd, GPA + 3 * AX_PAGE, AX_PAGE));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA + 3 * AX_PAGE, AX_W));
	EXPECT_EQ(0, ax_get64(self->fd, GPA + 3 * AX_PAGE));
	EXPECT_EQ(0, touch(p + 3 * AX_PAGE, true));
}

TEST_F(space, poisoned_page_of_a_large_leaf)
{
	struct axas_stats st;
	const char *why;
	char *p;

	if (!ax_have_free_2m())
		SKIP(return, "no free 2 MiB");
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, AX_2M, AX_RW, AXAS_MAP_POPULATE, AX_2M));
	p = ax_window(self->fd, GPA, AX_2M, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, p);
	memset(p, 'z', AX_2M);
	why = fail_memory(p + 77 * AX_PAGE);
	if (why)
		SKIP(return, "%s", why);
	ASSERT_TRUE(becomes(self->fd, GPA + 77 * AX_PAGE, AXAS_TRANSLATE_POISONED));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(511, st.leaves[0]);
	EXPECT_EQ(0, st.leaves[1]);
	EXPECT_EQ(511 * AX_PAGE, st.resident);
	EXPECT_EQ(BUS_MCEERR_AR, touch(p + 78 * AX_PAGE - 1, false));
	EXPECT_EQ('z', p[77 * AX_PAGE - 1]);
	EXPECT_EQ('z', p[78 * AX_PAGE]);
}

/* By whoever reads it, should the kernel not say a word. */
TEST_F(space, poisoned_page_is_not_read)
{
	const char *why;
	__u64 val;
	char *p;

	ASSERT_EQ(0, ax_populate(self->fd, GPA, PAGES * AX_PAGE));
	p = ax_window(self->fd, GPA, PAGES * AX_PAGE, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, p);
	p[3 * AX_PAGE] = 'x';
	why = fail_memory(p + 3 * AX_PAGE);
	if (why)
		SKIP(return, "%s", why);
	EXPECT_EQ(-EHWPOISON, ax_pread(self->fd, &val, 8, GPA + 3 * AX_PAGE));
	EXPECT_EQ(AXAS_TRANSLATE_POISONED, ax_state(self->fd, GPA + 3 * AX_PAGE));
	EXPECT_EQ(BUS_MCEERR_AR, touch(p + 3 * AX_PAGE, false));
}

/* ---- whose memory it is ---- */

/* A line of /proc/iomem that ends in this name, the innermost one. */
static bool find_iomem(const char *name, __u64 *first, __u64 *last)
{
	char *text = ax_slurp("/proc/iomem"), *line;
	size_t n = strlen(name), len;
	bool found = false;

	for (line = text; line && *line; line += len + !!line[len]) {
		len = strcspn(line, "\n");
		if (len > n && !strncmp(line + len - n, name, n) &&
		    sscanf(line, "%llx-%llx", first, last) == 2 && *last)
			found = true;
	}
	free(text);
	return found;
}

/* The driver of this network card claims its registers for itself alone. */
TEST_F(space, what_a_driver_has_for_itself_is_refused)
{
	__u64 first, last;

	if (!find_iomem(": e1000e", &first, &last))
		SKIP(return, "no device e1000e");
	last = (last + 1) & ~(AX_PAGE - 1);
	EXPECT_EQ(-EBUSY, ax_map_linear(self->fd, GPA, last - first, first, AX_RW, 0));
	EXPECT_EQ(-EBUSY, ax_map_linear(self->fd, GPA, AX_PAGE, last - AX_PAGE, AX_R, 0));
	EXPECT_EQ(-EBUSY, ax_map_linear(self->fd, GPA, 2 * AX_PAGE, first - AX_PAGE, AX_R, 0));
	EXPECT_EQ(AXAS_TRANSLATE_NO_AREA, ax_state(self->fd, GPA));
}

/*
 * AXAS_HOTADD is where QEMU's monitor listens and what plugs memory in; it comes
 * to AXAS_HOTADD_HPA.
 */
static __u64 hotadd_hpa(void)
{
	const char *hpa = getenv("AXAS_HOTADD_HPA");

	return getenv("AXAS_HOTADD") && hpa ? strtoull(hpa, NULL, 0) : 0;
}

/* The file of the block that holds this memory; "" if there is none. */
static const char *block_state(__u64 hpa)
{
	char *text = ax_slurp("/sys/devices/system/memory/block_size_bytes");
	__u64 size = text ? strtoull(text, NULL, 16) : 0;
	static char path[80];

	free(text);
	path[0] = '\0';
	if (size)
		snprintf(path, sizeof(path),
			 "/sys/devices/system/memory/memory%llu/state", hpa / size);
	return path;
}

/* A line to the machine's monitor, which would be answered by an echo. */
static void monitor_say(const char *tty, const char *command)
{
	int fd = open(tty, O_RDWR | O_NOCTTY);
	struct termios raw;

	if (fd < 0)
		return;
	if (!tcgetattr(fd, &raw)) {
		cfmakeraw(&raw);
		tcsetattr(fd, TCSANOW, &raw);
	}
	dprintf(fd, "\n%s\n", command);
	tcdrain(fd);
	close(fd);
}

/* Said again if nothing comes of it: a second device of the name is refused. */
static bool plug_in(void)
{
	char *tty = strdup(getenv("AXAS_HOTADD")), *command = strchr(tty, ' ');
	unsigned int i;

	if (!command)
		return false;
	*command++ = '\0';
	for (i = 0; i < 800 && access(block_state(hotadd_hpa()), F_OK); i++) {
		if (i % 200 == 0)
			monitor_say(tty, command);
		ax_sleep_ms(50);
	}
	free(tty);
	return i < 800;
}

static int set_online(__u64 hpa)
{
	return ax_write_file(block_state(hpa), "online");
}

TEST_F(device, memory_under_a_linear_area_stays_offline)
{
	__u64 hpa = hotadd_hpa();
	int fd;

	if (!hpa)
		SKIP(return, "AXAS_HOTADD isn't set: no memory to plug in");
	fd = ax_create(self->dev, AXAS_FORMAT_HOST, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ax_map_linear(fd, GPA, 4 * AX_PAGE, hpa + AX_2M, AX_RW, 0));
	ASSERT_TRUE(plug_in());
	EXPECT_EQ(-EACCES, ax_map_linear(fd, 2 * GPA, AX_PAGE, hpa, AX_RW, 0));
	EXPECT_EQ(-EBUSY, set_online(hpa));
	EXPECT_EQ(0, ax_unmap(fd, GPA, 3 * AX_PAGE));
	EXPECT_EQ(-EBUSY, set_online(hpa));
	EXPECT_EQ(0, ax_unmap(fd, GPA + 3 * AX_PAGE, AX_PAGE));
	EXPECT_EQ(0, set_online(hpa));
	EXPECT_EQ(-EACCES, ax_map_linear(fd, GPA, AX_PAGE, hpa + AX_2M, AX_RW, 0));
	close(fd);
}

TEST_HARNESS_MAIN
