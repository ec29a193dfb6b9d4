// SPDX-License-Identifier: GPL-2.0
/*
 * What a space takes is charged and shown: fdinfo, secondary page tables, and
 * the caller's memory cgroup, whose limit is an error and nobody's death.
 */
#define AX_FEW_VARIANTS
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include "axas_fixture.h"
#include "axas_look.h"

#define GPA	0x40000000ULL

/* ---- fdinfo ---- */

static unsigned int count_tables(const struct axas_stats *st)
{
	unsigned int i, sum = 0;

	for (i = 0; i < 5; i++)
		sum += st->tables[i];
	return sum;
}

TEST_F(space, fdinfo)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	char want[512], *text, *is;

	if (!hpa)
		SKIP(return, "no unused host physical addresses in /proc/iomem");
	ASSERT_EQ(0, ax_map(self->fd, GPA, AX_1G));
	ASSERT_EQ(0, ax_map_linear(self->fd, 2 * GPA, AX_1G, hpa, AX_RW, 0));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA, AX_W));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA + 0x1000, AX_W));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA + 0x5fff, AX_R));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, GPA, AX_R));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, 2 * GPA, AX_R));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, ax_fault(self->fd, 0, AX_R));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, GPA, AX_X));
	EXPECT_EQ(AXAS_FAULT_INVALID, ax_fault(self->fd, GPA, 0));

	/*
	 * Three pages in a 2 MiB piece: a table at each level but the root, of
	 * which 40 bits of stage 2 take two pages.
	 */
	snprintf(want, sizeof(want),
		 "axas-id:\t%u\n"
		 "axas-format:\t%s\n"
		 "axas-gpa-bits:\t%u\n"
		 "axas-levels:\t%u\n"
		 "axas-areas:\t2\n"
		 "axas-resident:\t12 KiB\n"
		 "axas-tables:\t16 KiB\n"
		 "axas-leaves:\t3 0 1\n"
		 "axas-faults:\tresolved 3 spurious 2 no-area 1 denied 1"
		 " no-memory 0 invalid 1 device 0 poisoned 0\n",
		 ax_space_id(self->fd), ax_format_name(variant->format),
		 variant->bits, variant->format == AXAS_FORMAT_S2 ? 3 : 4);
	text = ax_fdinfo(self->fd);
	ASSERT_NE(NULL, text);
	is = strstr(text, "axas-");
	ASSERT_NE(NULL, is);
	EXPECT_TRUE(ax_same_text("fdinfo", want, is));
	free(text);
}

TEST_F(device, numbers_are_not_used_twice)
{
	unsigned int last = 0, id, i;
	int fd, kept;

	kept = ax_create(self->dev, AXAS_FORMAT_HOST, 0);
	ASSERT_LE(0, kept);
	last = ax_space_id(kept);
	EXPECT_LT(0, last);
	for (i = 0; i < 50; i++) {
		fd = ax_create(self->dev, AXAS_FORMAT_EPT + i % 3, 0);
		ASSERT_LE(0, fd);
		id = ax_space_id(fd);
		EXPECT_LT(last, id);
		last = id;
		close(fd);
	}
	close(kept);
}

/* ---- secondary page tables ---- */

/* In bytes, what CPUs hold back included; -1 if the kernel has no such figure. */
static __s64 sec_page_tables(void)
{
	free(ax_slurp("/proc/sys/vm/stat_refresh"));
	return ax_meminfo("SecPageTables");
}

/* Before a test: when those of the test before are gone. */
static __s64 sec_page_tables_settled(void)
{
	__s64 last = sec_page_tables(), is;
	unsigned int same;

	for (same = 0; same < 4; last = is) {
		ax_sleep_ms(100);
		is = sec_page_tables();
		same = is == last ? same + 1 : 0;
	}
	return last;
}

/* Tables are freed behind a grace period. */
static __s64 sec_page_tables_until(__s64 want)
{
	__s64 is = sec_page_tables();
	unsigned int i;

	for (i = 0; i < 500 && is != want; i++) {
		ax_sleep_ms(20);
		is = sec_page_tables();
	}
	return is;
}

#define SPARSE	600

TEST_F(space, tables_are_secondary_page_tables)
{
	static struct axas_fault_entry miss[SPARSE];
	struct axas_stats st;
	__s64 before, tables;
	__u32 done;
	int i;

	before = sec_page_tables_settled();
	if (before < 0)
		SKIP(return, "no SecPageTables in /proc/meminfo");
	ASSERT_EQ(0, ax_map(self->fd, GPA, SPARSE * AX_2M));
	for (i = 0; i < SPARSE; i++)
		miss[i] = (struct axas_fault_entry){
			.gpa = GPA + i * AX_2M + 0x7000, .access = AX_W,
		};
	ASSERT_EQ(0, ax_fault_many(self->fd, miss, SPARSE, &done));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(SPARSE, st.tables[0]);
	tables = count_tables(&st) - count_tables(&self->empty);
	EXPECT_LT(SPARSE, tables);
	EXPECT_EQ(before + tables * 4096, sec_page_tables());

	/* Frames are not in the figure. */
	ASSERT_EQ(0, ax_populate(self->fd, 0, 64 * AX_PAGE));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	tables = count_tables(&st) - count_tables(&self->empty);
	EXPECT_EQ(before + tables * 4096, sec_page_tables());

	ASSERT_EQ(0, ax_unmap(self->fd, GPA, SPARSE / 2 * AX_2M));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	tables = count_tables(&st) - count_tables(&self->empty);
	EXPECT_GT(SPARSE, tables);
	EXPECT_EQ(before + tables * 4096, sec_page_tables_until(before + tables * 4096));
	ASSERT_EQ(0, ax_clear(self->fd));
	EXPECT_EQ(before, sec_page_tables_until(before));
}

TEST_F(device, root_is_a_secondary_page_table)
{
	__s64 before = sec_page_tables_settled();
	int fd;

	if (before < 0)
		SKIP(return, "no SecPageTables in /proc/meminfo");
	/* Armv8-A: 43 bits begin at level 1, with 16 tables side by side. */
	fd = ax_create(self->dev, AXAS_FORMAT_S2, 43);
	ASSERT_LE(0, fd);
	EXPECT_EQ(before + 16 * 4096, sec_page_tables());
	close(fd);
	EXPECT_EQ(before, sec_page_tables_until(before));
}

/* What a split sets aside and uses is counted once, and what it doesn't, not. */
TEST_F(space, tables_of_splits)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	struct axas_stats st;
	__s64 before, want;

	if (!hpa)
		SKIP(return, "no unused host physical addresses in /proc/iomem");
	before = sec_page_tables_settled();
	if (before < 0)
		SKIP(return, "no SecPageTables in /proc/meminfo");
	ASSERT_EQ(0, ax_map_linear(self->fd, GPA, AX_1G, hpa, AX_RW, 0));
	ASSERT_EQ(0, ax_protect(self->fd, GPA + 0x3000, 0x1000, AX_R));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	want = before + 4096 * (count_tables(&st) - count_tables(&self->empty));
	EXPECT_EQ(want, sec_page_tables());
	/* Already split: the tables set aside go back. */
	ASSERT_EQ(0, ax_unmap(self->fd, GPA + 0x3000, 0x2000));
	EXPECT_EQ(want, sec_page_tables());
	ASSERT_EQ(0, ax_clear(self->fd));
	EXPECT_EQ(before, sec_page_tables_until(before));
}

/* ---- a memory cgroup with a limit ---- */

#define CGROUPS		"/tmp/axas-cgroup"
#define CGROUP		CGROUPS "/axas-test"
#define LIMIT		(8ULL << 20)
#define FAR		(GPA + AX_1G)

/*
 * The caller in the cgroup and the test tell each other how far they are. At
 * the limit a page for the caller's own use could only be had by killing it: so
 * all of its memory is there before, and it says nothing while it is in there.
 */
struct caller {
	volatile int step;
	pid_t pid;
	int dev;
	unsigned int resolved;
	unsigned int tables;
	unsigned int ranges[2];
	int ret[20];
};

static void caller_step(struct caller *c, int step)
{
	c->step = step;
	while (c->step == step)
		ax_sleep_ms(1);
}

/*
 * Until there is no memory any more, whatever is reclaimed: the result of the
 * last one. All tables come first, so that what ends it is a frame, and nothing
 * is left that would do for one.
 */
static int fault_all(int fd, __u64 gpa, unsigned int *resolved)
{
	const unsigned int tables = 2 * LIMIT / AX_2M;
	unsigned int failed = 0;
	int ret = 0;

	for (*resolved = 0; *resolved < 2 * LIMIT / AX_PAGE && failed < 32;) {
		ret = ax_fault(fd, gpa + *resolved % tables * AX_2M +
				   *resolved / tables * AX_PAGE, AX_W);
		if (ret == AXAS_FAULT_RESOLVED) {
			(*resolved)++;
			failed = 0;
		} else {
			failed++;
		}
	}
	return ret;
}

/* Each CPU has charged some pages in advance: use up those of one. */
static bool stay_on_this_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

static void run_caller(struct caller *c, __u32 format, __u32 bits)
{
	struct axas_stats empty, st;
	volatile char *window;
	int fd, *ret = c->ret;
	__u64 val;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!stay_on_this_cpu() || mlockall(MCL_CURRENT))
		exit(2);
	caller_step(c, 1);
	fd = ax_create(c->dev, format, bits);
	if (fd < 0)
		exit(3);
	ax_stats(fd, &empty);
	/* All or nothing. */
	*ret++ = ax_populate(fd, FAR, 2 * LIMIT);
	ax_stats(fd, &st);
	*ret++ = st.areas || st.resident || count_tables(&st) != count_tables(&empty);

	*ret++ = ax_map(fd, GPA, AX_1G);
	window = ax_window(fd, GPA, 64 * AX_2M, PROT_READ | PROT_WRITE);
	if (window == MAP_FAILED)
		exit(4);
	/* The process's own page table for page 4: that of a neighbour, wherever it ends. */
	*ret++ = ax_store(window + 3 * AX_PAGE, 1) ?: ax_store(window + 5 * AX_PAGE, 1);
	*ret++ = fault_all(fd, GPA + 16 * AX_PAGE, &c->resolved);
	*ret++ = ax_fault(fd, GPA + 2 * LIMIT, AX_W);
	*ret++ = ax_pwrite(fd, &val, 8, GPA + 4 * AX_PAGE);
	*ret++ = ax_store(window + 4 * AX_PAGE, 1);
	*ret++ = ax_populate(fd, FAR, 2 * LIMIT);
	/* What is there gives way when the new is there, and not before. */
	*ret++ = ax_map_alloc(fd, GPA, AX_1G, AX_R, AXAS_MAP_POPULATE | AXAS_MAP_REPLACE, 0);
	ax_stats(fd, &st);
	*ret++ = st.resident != (c->resolved + 2) * AX_PAGE || st.areas != 1;
	c->tables = count_tables(&st);
	caller_step(c, 2);

	/* Nothing is broken once there is memory. */
	*ret++ = ax_fault(fd, GPA + 2 * LIMIT, AX_W);
	*ret++ = ax_store(window + 4 * AX_PAGE, 0x1234);
	*ret++ = ax_get64(fd, GPA + 4 * AX_PAGE) != 0x1234;
	*ret++ = ax_populate(fd, FAR, 2 * LIMIT);
	*ret++ = munmap((void *)window, 64 * AX_2M);
	*ret++ = close(fd);
	caller_step(c, 3);
	exit(0);
}

/* Half of the limit comes and goes, time and again. */
static void run_discards(struct caller *c, __u32 format, __u32 bits)
{
	int fd, *ret = c->ret, i;
	struct axas_discard d;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	caller_step(c, 1);
	fd = ax_create(c->dev, format, bits);
	if (fd < 0)
		exit(3);
	*ret++ = ax_map(fd, GPA, LIMIT / 2);
	for (i = 0; i < 4; i++) {
		__u64 gpa;

		for (gpa = GPA; gpa < GPA + LIMIT / 2; gpa += AX_PAGE)
			*ret |= ax_fault(fd, gpa, AX_W);
		ret++;
		if (i == 1) {
			*ret++ = ax_map_alloc(fd, GPA, LIMIT / 2, AX_RW,
					      AXAS_MAP_REPLACE, 0);
		} else if (i < 3) {
			*ret = ax_discard_to(fd, GPA, LIMIT / 2, &d);
			*ret++ |= d.freed != LIMIT / 2;
		}
	}
	caller_step(c, 2);
	*ret++ = ax_discard(fd, GPA, LIMIT / 2);
	caller_step(c, 3);
	exit(0);
}

/*
 * What a range may be charged by: the model is a slab object and its share of
 * the tree of ranges, for which internals.rst has the bounds.
 */
#define RANGE_LEAST	32
#define RANGE_MOST	400

/* Until there is no memory any more: the result of the last one. */
static int make_ranges(int fd, bool devices, unsigned int *ranges)
{
	unsigned int failed = 0;
	int ret = 0;

	for (*ranges = 0; *ranges < 2 * LIMIT / RANGE_LEAST && failed < 32;) {
		if (devices)
			ret = ax_device(fd, AXAS_DEVICE_ADD, AXAS_BUS_SYSREG,
					2 * *ranges, 2 * *ranges, 0);
		else
			ret = ax_unmap(fd, (2 * *ranges + 1) * AX_PAGE, AX_PAGE);
		if (!ret) {
			(*ranges)++;
			failed = 0;
		} else {
			failed++;
		}
	}
	return ret;
}

static void run_ranges(struct caller *c, __u32 format, __u32 bits)
{
	struct axas_stats st;
	int fd, *ret = c->ret;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!stay_on_this_cpu() || mlockall(MCL_CURRENT) || setuid(65534))
		exit(2);
	caller_step(c, 1);
	fd = ax_create(c->dev, format, bits);
	if (fd < 0)
		exit(3);
	*ret++ = ax_map(fd, 0, 512 * AX_1G);
	*ret++ = make_ranges(fd, false, &c->ranges[0]);
	*ret++ = ax_protect(fd, 0, AX_PAGE, AX_R);
	ax_stats(fd, &st);
	*ret++ = st.areas != c->ranges[0] + 1;
	caller_step(c, 2);

	*ret++ = ax_clear(fd);
	*ret++ = make_ranges(fd, true, &c->ranges[1]);
	caller_step(c, 3);
	*ret++ = close(fd);
	exit(0);
}

static const struct {
	char what[40];
	int want;
} wanted_of_ranges[] = {
	{ "map", 0 },
	{ "unmap pages until there is no more", -ENOMEM },
	{ "protect at the limit", -ENOMEM },
	{ "and nothing is left of it", 0 },
	{ "clear at the limit", 0 },
	{ "add devices until there is no more", -ENOMEM },
};

static const struct {
	char what[40];
	int want;
} wanted[] = {
	{ "populate more than the limit", -ENOMEM },
	{ "and nothing is left of it", 0 },
	{ "make a lazy area", 0 },
	{ "touch a window", 0 },
	{ "fault until there is no more", AXAS_FAULT_NO_MEMORY },
	{ "another fault", AXAS_FAULT_NO_MEMORY },
	{ "write to a page that isn't there", -ENOMEM },
	{ "touch one in a window", -EFAULT },
	{ "populate at the limit", -ENOMEM },
	{ "replace at the limit", -ENOMEM },
	{ "and nothing is left of it again", 0 },
	{ "fault, without a limit", AXAS_FAULT_RESOLVED },
	{ "touch a window again", 0 },
	{ "and find there what was written", 0 },
	{ "populate again", 0 },
	{ "unmap the window", 0 },
	{ "close", 0 },
};

/* A line "key number" of a file; -1 if there is none. */
static __s64 keyed(const char *path, const char *key)
{
	char *text = ax_slurp(path), *at = text;
	size_t n = strlen(key);
	__s64 found = -1;

	while (at && *at) {
		if (!strncmp(at, key, n) && at[n] == ' ')
			found = strtoll(at + n, NULL, 10);
		at += strcspn(at, "\n");
		at += !!*at;
	}
	free(text);
	return found;
}

/* The kernel adds the figures of CPUs up every few seconds. */
static __s64 stat_until(const char *key, __s64 low, __s64 high)
{
	__s64 is = -1;
	unsigned int i;

	for (i = 0; i < 300; i++) {
		is = keyed(CGROUP "/memory.stat", key);
		if (is >= low && is <= high)
			break;
		ax_sleep_ms(50);
	}
	return is;
}

static bool wait_for_step(struct caller *c, int step)
{
	int status;

	while (c->step != step) {
		if (waitpid(c->pid, &status, WNOHANG) == c->pid) {
			printf("# the caller ended with status %#x\n", status);
			return false;
		}
		ax_sleep_ms(5);
	}
	return true;
}

/* A process that waits at its first step; NULL if there is none. */
static struct caller *start_caller(void (*run)(struct caller *c, __u32 format,
					       __u32 bits),
				   int dev, __u32 format, __u32 bits)
{
	struct caller *c = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	if (c == MAP_FAILED)
		return NULL;
	c->dev = dev;
	pid = fork();
	if (pid < 0)
		return NULL;
	if (!pid)
		run(c, format, bits);
	c->pid = pid;
	return wait_for_step(c, 1) ? c : NULL;
}

static int join_cgroup(pid_t pid)
{
	char text[24];

	snprintf(text, sizeof(text), "%d", pid);
	return ax_write_file(CGROUP "/cgroup.procs", text);
}

/* NULL, or why there is no cgroup to be had. */
static const char *make_cgroup(void)
{
	char limit[24];

	if (!ax_mounted("cgroup2", CGROUPS, CGROUPS "/cgroup.procs"))
		return "cgroup2 can't be mounted";
	ax_write_file(CGROUPS "/cgroup.subtree_control", "+memory");
	if (mkdir(CGROUP, 0700) && errno != EEXIST)
		return "no cgroup can be made";
	snprintf(limit, sizeof(limit), "%llu", LIMIT);
	if (ax_write_file(CGROUP "/memory.max", limit))
		return "this kernel has no memory cgroups";
	return NULL;
}

#define NODES	"/sys/kernel/slab/maple_node/"

/*
 * Bytes of the nodes of all trees, freed ones gone: behind grace periods, so that
 * they go for a while. Whole slabs would not do, for they stay while one of their
 * nodes does. Negative if the kernel doesn't say.
 */
static __s64 node_bytes(void)
{
	__s64 size = ax_read_number(NODES "slab_size");
	__s64 least = ax_read_number(NODES "objects"), is;
	unsigned int i, same;

	for (i = 0, same = 0; i < 100 && same < 10; i++) {
		ax_sleep_ms(100);
		is = ax_read_number(NODES "objects");
		same = is < least ? 0 : same + 1;
		least = is < least ? is : least;
	}
	return size < 0 || least < 0 ? -1 : size * least;
}

/* Debugging makes objects larger and slow, and keeps them when they are freed. */
static bool slab_is_plain(void)
{
	return ax_read_number(NODES "object_size") ==
	       ax_read_number(NODES "slab_size");
}

/* Nobody gets more out of the kernel by holes and devices than is charged. */
TEST_F_TIMEOUT(space, ranges_are_charged, 300)
{
	const char *why = make_cgroup();
	const bool plain = slab_is_plain();
	const __s64 limit = plain ? LIMIT : LIMIT / 8;
	__s64 before = 0, grown = 0;
	struct caller *c;
	char text[24];
	unsigned int i;
	int status;

	if (why)
		SKIP(return, "%s", why);
	c = start_caller(run_ranges, self->dev, variant->format, variant->bits);
	ASSERT_NE(NULL, c);
	snprintf(text, sizeof(text), "%lld", limit);
	ASSERT_EQ(0, ax_write_file(CGROUP "/memory.max", text));
	ASSERT_EQ(0, join_cgroup(c->pid));
	if (plain)
		before = node_bytes();
	c->step = 0;
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(wait_for_step(c, i + 2));
		if (plain)
			grown = node_bytes() - before;
		printf("# %u ranges, nodes of %lld KiB\n", c->ranges[i],
		       grown >> 10);
		EXPECT_LT(limit / RANGE_MOST, c->ranges[i]);
		EXPECT_GT(limit / 64, c->ranges[i]);
		/* Not more than what is charged in their place. */
		EXPECT_GT(limit, grown);
		c->step = 0;
	}
	ASSERT_EQ(c->pid, waitpid(c->pid, &status, 0));
	EXPECT_EQ(0, status);
	for (i = 0; i < ARRAY_SIZE(wanted_of_ranges); i++)
		EXPECT_EQ(wanted_of_ranges[i].want, c->ret[i])
			TH_LOG("%s", wanted_of_ranges[i].what);
	EXPECT_EQ(0, keyed(CGROUP "/memory.events", "oom_kill"));
	EXPECT_EQ(0, rmdir(CGROUP));
}

TEST_F_TIMEOUT(space, limit_of_a_cgroup, 240)
{
	const char *why = make_cgroup();
	struct caller *c;
	__s64 is, want;
	unsigned int i;
	int status;

	if (why)
		SKIP(return, "%s", why);
	c = start_caller(run_caller, self->dev, variant->format, variant->bits);
	ASSERT_NE(NULL, c);
	ASSERT_EQ(0, join_cgroup(c->pid));
	c->step = 0;

	ASSERT_TRUE(wait_for_step(c, 2));
	EXPECT_LT(LIMIT / AX_PAGE / 2, c->resolved);
	EXPECT_GE(LIMIT / AX_PAGE, c->resolved);
	EXPECT_EQ(0, keyed(CGROUP "/memory.events", "oom_kill"));
	is = keyed(CGROUP "/memory.stat", "sec_pagetables");
	want = c->tables * AX_PAGE;
	if (is < 0)
		printf("# this kernel's memory.stat has no sec_pagetables\n");
	else
		EXPECT_EQ(want, stat_until("sec_pagetables", want, want));
	ASSERT_EQ(0, ax_write_file(CGROUP "/memory.max", "max"));
	c->step = 0;

	ASSERT_TRUE(wait_for_step(c, 3));
	if (is >= 0)
		EXPECT_EQ(0, stat_until("sec_pagetables", 0, 0));
	/* Frames and tables are gone; the process has things of its own. */
	EXPECT_GT(LIMIT / 8, stat_until("kernel", 0, LIMIT / 8 - 1));
	c->step = 0;
	ASSERT_EQ(c->pid, waitpid(c->pid, &status, 0));
	EXPECT_EQ(0, status);
	for (i = 0; i < ARRAY_SIZE(wanted); i++)
		EXPECT_EQ(wanted[i].want, c->ret[i])
			TH_LOG("%s", wanted[i].what);
	EXPECT_EQ(0, keyed(CGROUP "/memory.events", "oom_kill"));
	EXPECT_EQ(0, rmdir(CGROUP));
}

/* What is given back is no longer charged, while the area and the space live. */
TEST_F(space, discard_and_replace_return_the_charge)
{
	const char *why = make_cgroup();
	struct caller *c;
	unsigned int i;
	int status;

	if (why)
		SKIP(return, "%s", why);
	c = start_caller(run_discards, self->dev, variant->format, variant->bits);
	ASSERT_NE(NULL, c);
	ASSERT_EQ(0, join_cgroup(c->pid));
	c->step = 0;
	ASSERT_TRUE(wait_for_step(c, 2));
	EXPECT_LE(LIMIT / 2, stat_until("kernel", LIMIT / 2, LIMIT));
	c->step = 0;
	ASSERT_TRUE(wait_for_step(c, 3));
	EXPECT_GT(LIMIT / 8, stat_until("kernel", 0, LIMIT / 8 - 1));
	for (i = 0; i < 9; i++)
		EXPECT_EQ(0, c->ret[i]) TH_LOG("step %u", i);
	c->step = 0;
	ASSERT_EQ(c->pid, waitpid(c->pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, rmdir(CGROUP));
}

TEST_HARNESS_MAIN
