/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers of the axas selftests.
 */
#ifndef AXAS_UTIL_H
#define AXAS_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/capability.h>
#include "axas_call.h"

/*
 * What a call that is refused must leave alone: the figures of the space, and
 * what lies at some addresses.
 */
#define AX_NR_PROBES	24
struct ax_snapshot {
	struct axas_stats stats;
	struct axas_translate_entry at[AX_NR_PROBES];
	unsigned int nr;
};

static inline int ax_snap(int fd, const __u64 *probe, unsigned int nr,
			  struct ax_snapshot *s)
{
	unsigned int i;
	int ret = ax_stats(fd, &s->stats);

	if (ret)
		return ret;
	if (nr > AX_NR_PROBES)
		return -ENOSPC;
	memset(s->at, 0, sizeof(s->at));
	for (i = 0; i < nr; i++)
		s->at[i].gpa = probe[i];
	s->nr = nr;
	return ax_translate_many(fd, s->at, nr, NULL);
}

#define AX_DIFF(field) do {						\
	if (a->field != b->field) {					\
		same = false;						\
		printf("# %s: " #field " was %#llx, is %#llx\n", what,	\
		       (unsigned long long)a->field,			\
		       (unsigned long long)b->field);			\
	}								\
} while (0)

/* @faults: compare the fault counters too */
static inline bool ax_snap_same(const struct ax_snapshot *a,
				const struct ax_snapshot *b,
				bool faults, const char *what)
{
	bool same = true;
	unsigned int i;

	AX_DIFF(stats.areas);
	AX_DIFF(stats.resident);
	for (i = 0; i < 3; i++)
		AX_DIFF(stats.leaves[i]);
	for (i = 0; i < 5; i++)
		AX_DIFF(stats.tables[i]);
	for (i = 0; faults && i < AXAS_NR_FAULT_RESULTS; i++)
		AX_DIFF(stats.faults[i]);
	AX_DIFF(stats.base);
	AX_DIFF(stats.length);
	for (i = 0; i < a->nr; i++) {
		AX_DIFF(at[i].gpa);
		AX_DIFF(at[i].state);
		AX_DIFF(at[i].hpa);
		AX_DIFF(at[i].leaf_size);
		AX_DIFF(at[i].limit);
		AX_DIFF(at[i].prot);
		AX_DIFF(at[i].memtype);
	}
	return same;
}

/*
 * The architectures' own arithmetic: a table of @levels levels with 512
 * entries each under a root that is as many pages as @bits asks for.
 */
static inline __u64 ax_root_pages(__u32 bits, __u32 levels)
{
	return bits > 12 + 9 * levels ? 1ULL << (bits - 12 - 9 * levels) : 1;
}

/* A leaf as a test expects it: level 0 is 4 KiB, 1 is 2 MiB, 2 is 1 GiB. */
struct ax_leaf {
	__u64 gpa;
	unsigned int level;
};

/* Table pages that @leaf, in ascending order, need at each level. */
static inline void ax_model_tables(__u32 bits, __u32 levels,
				   const struct ax_leaf *leaf, size_t nr,
				   __u64 tables[5])
{
	unsigned int l;
	size_t i;

	memset(tables, 0, 5 * sizeof(*tables));
	for (l = 0; l < levels - 1; l++) {
		__u64 last = ~0ULL;

		for (i = 0; i < nr; i++) {
			if (leaf[i].level > l || leaf[i].gpa >> (21 + 9 * l) == last)
				continue;
			last = leaf[i].gpa >> (21 + 9 * l);
			tables[l]++;
		}
	}
	tables[levels - 1] = ax_root_pages(bits, levels);
}

/* Do the space's leaves and tables agree with @leaf? */
static inline bool ax_tables_are(int fd, const struct ax_leaf *leaf, size_t nr)
{
	__u64 want[5], leaves[3] = { 0 };
	struct axas_stats st;
	bool same = true;
	unsigned int l;
	size_t i;

	if (ax_stats(fd, &st))
		return false;
	ax_model_tables(st.gpa_bits, st.levels, leaf, nr, want);
	for (i = 0; i < nr; i++)
		leaves[leaf[i].level]++;
	for (l = 0; l < 5; l++) {
		if (st.tables[l] == want[l])
			continue;
		same = false;
		printf("# tables[%u]: want %llu, are %llu\n", l, want[l],
		       st.tables[l]);
	}
	for (l = 0; l < 3; l++) {
		if (st.leaves[l] == leaves[l])
			continue;
		same = false;
		printf("# leaves[%u]: want %llu, are %llu\n", l, leaves[l],
		       st.leaves[l]);
	}
	return same;
}

/* An access through a window that may die with SIGBUS: 0, or -EFAULT. */
static __thread sigjmp_buf ax_access_env;
static __thread volatile sig_atomic_t ax_access_armed;

static inline void ax_access_handler(int sig)
{
	if (!ax_access_armed) {
		signal(sig, SIG_DFL);
		return;
	}
	ax_access_armed = 0;
	siglongjmp(ax_access_env, sig);
}

static inline void ax_access_arm(void)
{
	static bool installed;
	struct sigaction sa = { .sa_handler = ax_access_handler };

	if (installed)
		return;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGBUS, &sa, NULL);
	installed = true;
}

static __attribute__((noinline, unused)) int
ax_load(const volatile void *p, __u64 *val)
{
	ax_access_arm();
	if (sigsetjmp(ax_access_env, 1))
		return -EFAULT;
	ax_access_armed = 1;
	*val = *(const volatile __u64 *)p;
	ax_access_armed = 0;
	return 0;
}

static __attribute__((noinline, unused)) int
ax_store(volatile void *p, __u64 val)
{
	ax_access_arm();
	if (sigsetjmp(ax_access_env, 1))
		return -EFAULT;
	ax_access_armed = 1;
	*(volatile __u64 *)p = val;
	ax_access_armed = 0;
	return 0;
}

static inline double ax_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

/* What a race takes of that many seconds: AXAS_RACE percent, or all. */
static inline double ax_race(double seconds)
{
	const char *percent = getenv("AXAS_RACE");

	return seconds * (percent ? strtoul(percent, NULL, 0) : 100) / 100;
}

/*
 * A race goes on until its time is over, and then for as long as it hasn't seen what it is for:
 * on a machine that has other things to do that comes late.  If it never comes, the harness's
 * timeout is the end.
 */
static inline bool ax_racing(double end, bool seen)
{
	return !seen || ax_now() < end;
}

/* All of it: the kernel may move less at a time, a page if it has no more. */
static inline ssize_t ax_splice(int from, loff_t *at, int to, size_t n)
{
	ssize_t done, ret;

	for (done = 0; done < (ssize_t)n; done += ret) {
		ret = splice(from, at, to, NULL, n - done, 0);
		if (ret <= 0)
			return done ? done : ret;
	}
	return done;
}

static inline void ax_sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, (ms % 1000) * 1000000L };

	nanosleep(&ts, NULL);
}

/* A small generator (splitmix64): the same everywhere for a given seed. */
static inline __u64 ax_rand(__u64 *state)
{
	__u64 z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* The seed of a random test: AXAS_SEED, or the time. It is always printed. */
static inline __u64 ax_seed(const char *test)
{
	const char *env = getenv("AXAS_SEED");
	__u64 seed;
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	seed = env ? strtoull(env, NULL, 0) :
		     (__u64)ts.tv_sec * 1000000007ULL + ts.tv_nsec;
	printf("# %s: AXAS_SEED=%#llx\n", test, seed);
	return seed;
}

/* A line "Name:  number kB" of /proc/meminfo, in bytes; -1 if there is none. */
static inline __s64 ax_meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "r");
	size_t n = strlen(name);
	long long kb, found = -1;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, n) && line[n] == ':' &&
		    sscanf(line + n + 1, "%lld", &kb) == 1)
			found = kb << 10;
	if (f)
		fclose(f);
	return found;
}

/*
 * Free memory in bytes. Pages that CPUs keep at hand aren't in the figure, and
 * can be tens of megabytes; each look at stat_refresh makes them keep fewer.
 */
static inline __s64 ax_memfree(void)
{
	char buf[64];
	int i, fd;

	for (i = 0; i < 30; i++) {
		fd = open("/proc/sys/vm/stat_refresh", O_RDONLY);
		if (fd < 0)
			break;
		if (read(fd, buf, sizeof(buf)) < 0)
			i = 30;
		close(fd);
	}
	return ax_meminfo("MemFree");
}

/* Are there free blocks of 2 MiB? */
static inline bool ax_have_free_2m(void)
{
	FILE *f = fopen("/proc/buddyinfo", "r");
	char line[512];
	bool have = false;

	while (f && fgets(line, sizeof(line), f)) {
		long nr;
		int at = 0, order, n;

		if (sscanf(line, "Node %*d, zone %*s%n", &at) == EOF || !at)
			continue;
		for (order = 0; sscanf(line + at, "%ld%n", &nr, &n) == 1; order++) {
			at += n;
			/* An x86's zone DMA has fewer; an arm64's is as any. */
			if (order >= 9 && nr > 4)
				have = true;
		}
	}
	if (f)
		fclose(f);
	return have;
}

/* A range of RAM of at least @length; true if there is one. */
static inline bool ax_find_ram(__u64 length, __u64 *start, __u64 *end)
{
	FILE *f = fopen("/proc/iomem", "r");
	__u64 from, to;
	char line[256];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		if (line[0] == ' ' || !strstr(line, ": System RAM") ||
		    sscanf(line, "%llx-%llx", &from, &to) != 2 || !to)
			continue;
		*start = (from + AX_PAGE - 1) & ~(AX_PAGE - 1);
		*end = (to + 1) & ~(AX_PAGE - 1);
		found = *start < *end && *end - *start >= length;
	}
	if (f)
		fclose(f);
	return found;
}

/* Is there a line of the file that begins with key and has the word? */
static inline bool ax_line_has(const char *path, const char *key, const char *word)
{
	FILE *f = fopen(path, "r");
	char *line = NULL, *at;
	size_t size = 0, len = strlen(word);
	bool has = false;

	while (f && !has && getline(&line, &size, f) > 0) {
		if (strncmp(line, key, strlen(key)))
			continue;
		for (at = line; !has && (at = strstr(at, word)); at += len)
			has = (at == line || at[-1] == ' ') &&
			      (at[len] == ' ' || at[len] == '\n' || !at[len]);
	}
	free(line);
	if (f)
		fclose(f);
	return has;
}

static inline bool ax_cpu_has(const char *flag)
{
	return ax_line_has("/proc/cpuinfo", "flags", flag);
}

/* Where AXAS_FORMAT_HOST is AMD's. */
static inline bool ax_cpu_walks_amd(void)
{
	return ax_cpu_has("svm") && ax_cpu_has("npt");
}

/*
 * Host addresses that nothing answers to, aligned to 1 GiB: good for tests that
 * look at leaves and touch nothing. 0 if there are none.
 */
static inline __u64 ax_find_unused_hpa(__u64 length, __u32 hpa_bits)
{
	__u64 at, from, to;
	char line[256];

	for (at = 1ULL << 36; at + length <= 1ULL << hpa_bits; at <<= 1) {
		FILE *f = fopen("/proc/iomem", "r");
		bool used = !f;

		while (f && fgets(line, sizeof(line), f))
			if (sscanf(line, "%llx-%llx", &from, &to) == 2 &&
			    from < at + length && to >= at)
				used = true;
		if (f)
			fclose(f);
		if (!used)
			return at;
		if (at >> 50)
			break;
	}
	return 0;
}

/* Take a capability away from this process, for good. */
static inline int ax_drop_cap(int cap)
{
	struct __user_cap_header_struct hdr = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &hdr, data))
		return -errno;
	data[cap / 32].effective &= ~(1u << (cap % 32));
	data[cap / 32].permitted &= ~(1u << (cap % 32));
	data[cap / 32].inheritable &= ~(1u << (cap % 32));
	return syscall(SYS_capset, &hdr, data) ? -errno : 0;
}

/* Wait for a child and return its exit status, or 256 plus its signal. */
static inline int ax_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) != pid)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

#endif /* AXAS_UTIL_H */
