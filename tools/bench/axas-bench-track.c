// SPDX-License-Identifier: GPL-2.0
/*
 * What was written: trackers of axas, KVM's dirty log and dirty ring, whose guest writes
 * to the same pages, and a file system that mm tells. What was used, by axas alone.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <linux/kvm.h>

#include "axas-bench.h"

#define SIZE	(1ull << 30)
#define DIRTY	2560ul
#define RUNS	256

/* DIRTY pages, in runs of 512 or one by one, all over SIZE. */
static uint64_t page_at(unsigned long i, bool scattered)
{
	unsigned long at = scattered ? i * 100 : i / 512 * 512 * 100 + i % 512;

	return GUEST + at * PAGE;
}

/* ---- axas ---- */

static int track(int space, uint64_t gpa, uint64_t length, uint32_t what)
{
	struct axas_track args = {
		.size = sizeof(args),
		.gpa = gpa,
		.length = length,
		.what = what,
	};
	int tracker = ioctl(space, AXAS_TRACK, &args);

	if (tracker < 0)
		fail("AXAS_TRACK");
	return tracker;
}

/* Returns the ticks; there have to be as many pages. */
static uint64_t list(int tracker, uint64_t gpa, uint64_t length,
		     unsigned long want)
{
	static struct axas_next_entry runs[RUNS];
	struct axas_dirty args = {
		.size = sizeof(args),
		.gpa = gpa,
		.length = length,
		.entries = (uintptr_t)runs,
		.nr = RUNS,
	};
	uint64_t ticks = 0, t;
	unsigned int i;

	while (args.length) {
		t = now();
		if (ioctl(tracker, AXAS_DIRTY, &args))
			fail("AXAS_DIRTY");
		ticks += now() - t;
		for (i = 0; i < args.done; i++)
			want -= runs[i].length / PAGE;
	}
	if (want) {
		printf("axas-bench: %ld pages are missing\n", want);
		exit(1);
	}
	return ticks;
}

static void write_pages(int space, bool scattered)
{
	unsigned long i;

	for (i = 0; i < DIRTY; i++)
		fault(space, page_at(i, scattered), 1, PAGE, 1,
		      AXAS_FAULT_RESOLVED);
}

static void bench_list(int space, const char *name)
{
	unsigned int i, round;
	int tracker;

	map(space, GUEST, SIZE, 0, 0);
	tracker = track(space, GUEST, SIZE, AXAS_TRACK_WRITTEN);
	/* The first round brings the memory in. */
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 2; i++) {
			uint64_t ticks;

			write_pages(space, i);
			ticks = list(tracker, GUEST, SIZE, DIRTY);
			if (round)
				note(i ? "track_scattered" : "track_runs", name,
				     DIRTY, ticks);
		}
	}
	note("track_write_512", name, 512,
	     fault(space, GUEST, 512, PAGE, 512, AXAS_FAULT_RESOLVED));
	note("track_again_512", name, 512,
	     fault(space, GUEST, 512, PAGE, 512, AXAS_FAULT_SPURIOUS));
	close(tracker);
}

/* The same 64 pages, far apart in areas of two sizes. */
static void bench_few(const char *row, const char *name, uint32_t format,
		      uint64_t gpa, uint64_t size)
{
	int space = new_space(format, GPA_BITS, 0), tracker, round;

	map(space, gpa, size, 0, 0);
	tracker = track(space, gpa, size, AXAS_TRACK_WRITTEN);
	for (round = 0; round < 2; round++) {
		uint64_t ticks;

		fault(space, gpa, 64, size / 64, 64, AXAS_FAULT_RESOLVED);
		ticks = list(tracker, gpa, size, 64);
		if (round)
			note(row, name, 64, ticks);
	}
	close(tracker);
	close(space);
}

/* Memory that is there, of 4 KiB leaves that nobody has to own. */
static void map_resident(int space, uint64_t gpa, uint64_t size)
{
	struct axas_map args = {
		.size = sizeof(args),
		.gpa = gpa,
		.length = size,
		.hpa = 64ull << 30,
		.backend = AXAS_BACKEND_LINEAR,
		.prot = AXAS_PROT_READ | AXAS_PROT_WRITE,
		.max_leaf = PAGE,
	};

	if (ioctl(space, AXAS_MAP, &args))
		fail("AXAS_MAP");
}

static void bench_arm(const char *row, const char *name, uint32_t format,
		      uint64_t size)
{
	int space = new_space(format, GPA_BITS, 0), other, tracker;
	uint64_t gpa = 4ull << 30, t;

	/* The first one waits for a grace period. */
	other = track(space, GUEST, PAGE, AXAS_TRACK_WRITTEN);
	map_resident(space, gpa, size);
	close(other);
	other = track(space, GUEST, PAGE, AXAS_TRACK_WRITTEN);
	t = now();
	tracker = track(space, gpa, size, AXAS_TRACK_WRITTEN);
	note(row, name, 1, now() - t);
	close(tracker);
	close(other);
	close(space);
}

static void bench_window(int space, const char *name)
{
	size_t size = 512 * PAGE;
	int tracker;
	char *p;

	tracker = track(space, GUEST, size, AXAS_TRACK_WRITTEN);
	list(tracker, GUEST, size, 0);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, space, GUEST);
	if (p == MAP_FAILED)
		fail("mmap");
	touch(p, 512, PAGE);
	list(tracker, GUEST, size, 512);
	note("track_touch", name, 512, touch(p, 512, PAGE));
	munmap(p, size);
	close(tracker);
}

/* A round, after some of what is there was used, and after all of it was. */
static void bench_age(const char *name, uint32_t format)
{
	uint32_t features = format == AXAS_FORMAT_EPT ? AXAS_FEAT_AD : 0;
	int space = new_space(format, GPA_BITS, features), tracker;
	unsigned long i;

	map_resident(space, GUEST, SIZE);
	tracker = track(space, GUEST, SIZE, AXAS_TRACK_ACCESSED);
	for (i = 0; i < DIRTY; i++)
		fault(space, page_at(i, false), 1, PAGE, 1, AXAS_FAULT_RESOLVED);
	note("age_some", name, 1, list(tracker, GUEST, SIZE, DIRTY));
	fault(space, GUEST, SIZE / PAGE, PAGE, 512, AXAS_FAULT_RESOLVED);
	note("age_all", name, 1, list(tracker, GUEST, SIZE, SIZE / PAGE));
	close(tracker);
	close(space);
}

static void bench_axas_track(uint32_t format, const char *name)
{
	int space = new_space(format, GPA_BITS, 0);

	bench_list(space, name);
	bench_window(space, name);
	close(space);
	bench_few("track_64_of_64m", name, format, GUEST, 64ull << 20);
	bench_few("track_64_of_512g", name, format, 0, 1ull << 39);
	bench_arm("track_arm_64m", name, format, 64ull << 20);
	bench_arm("track_arm_4g", name, format, 4ull << 30);
	bench_age(name, format);
}

/* ---- mm ---- */

/* A file's pages that are mapped and weren't written to: its file system wants to know. */
static void bench_notify(void)
{
	const char *dir = "/axas-bench-ramfs", *path = "/axas-bench-ramfs/file";
	size_t size = 512 * PAGE;
	int fd;
	char *p;

	if (mkdir(dir, 0700) || mount("ramfs", dir, "ramfs", 0, NULL))
		fail("ramfs");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, size))
		fail(path);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		fail("mmap of a file");
	look(p, 512, PAGE);
	note("track_touch", "write-notify", 512, touch(p, 512, PAGE));
	munmap(p, size);
	close(fd);
	if (umount(dir) || rmdir(dir))
		fail("ramfs");
}

/* ---- KVM ---- */

struct logger {
	struct guest guest;
	struct kvm_dirty_gfn *ring;
	unsigned int next;
};

#define RING	8192

static void logger_enable(struct logger *logger, unsigned int cap, uint64_t arg)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { arg } };

	if (ioctl(logger->guest.vm, KVM_ENABLE_CAP, &enable))
		fail("KVM_ENABLE_CAP");
}

static void logger_create(struct logger *logger, bool ring)
{
	memset(logger, 0, sizeof(*logger));
	guest_begin(&logger->guest);
	if (ring)
		logger_enable(logger, KVM_CAP_DIRTY_LOG_RING,
			      RING * sizeof(struct kvm_dirty_gfn));
	else
		logger_enable(logger, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
			      KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
	guest_create(&logger->guest, SIZE, KVM_MEM_LOG_DIRTY_PAGES);
	if (ring)
		logger->ring = mmap(NULL, RING * sizeof(*logger->ring),
				    PROT_READ | PROT_WRITE, MAP_SHARED,
				    logger->guest.vcpu,
				    KVM_DIRTY_LOG_PAGE_OFFSET * PAGE);
	if (logger->ring == MAP_FAILED)
		fail("mmap of a dirty ring");
}

static void logger_destroy(struct logger *logger)
{
	if (logger->ring)
		munmap(logger->ring, RING * sizeof(*logger->ring));
	guest_destroy(&logger->guest);
}

static void logger_write_pages(struct logger *logger, bool scattered)
{
	unsigned long i;

	if (scattered)
		guest_run(&logger->guest, GUEST_STORES, page_at(0, true), DIRTY,
			  100 * PAGE);
	for (i = 0; !scattered && i < DIRTY; i += 512)
		guest_run(&logger->guest, GUEST_STORES, page_at(i, false), 512,
			  PAGE);
}

static uint64_t logger_log(struct logger *logger)
{
	static unsigned long bitmap[SIZE / PAGE / 64];
	struct kvm_dirty_log log = { .dirty_bitmap = bitmap };
	struct kvm_clear_dirty_log clear = {
		.num_pages = SIZE / PAGE, .dirty_bitmap = bitmap,
	};
	unsigned long i, n = 0;
	uint64_t t = now();

	if (ioctl(logger->guest.vm, KVM_GET_DIRTY_LOG, &log))
		fail("KVM_GET_DIRTY_LOG");
	if (ioctl(logger->guest.vm, KVM_CLEAR_DIRTY_LOG, &clear))
		fail("KVM_CLEAR_DIRTY_LOG");
	t = now() - t;
	for (i = 0; i < SIZE / PAGE / 64; i++)
		n += __builtin_popcountl(bitmap[i]);
	if (n != DIRTY) {
		printf("axas-bench: KVM's log has %lu pages\n", n);
		exit(1);
	}
	return t;
}

static uint64_t logger_ring(struct logger *logger)
{
	unsigned long n = 0;
	uint64_t t = now();

	for (;; n++) {
		struct kvm_dirty_gfn *gfn = &logger->ring[logger->next % RING];

		if (!(__atomic_load_n(&gfn->flags, __ATOMIC_ACQUIRE) &
		      KVM_DIRTY_GFN_F_DIRTY))
			break;
		__atomic_store_n(&gfn->flags, KVM_DIRTY_GFN_F_RESET,
				 __ATOMIC_RELEASE);
		logger->next++;
	}
	if (ioctl(logger->guest.vm, KVM_RESET_DIRTY_RINGS, 0) < 0)
		fail("KVM_RESET_DIRTY_RINGS");
	t = now() - t;
	if (n != DIRTY) {
		printf("axas-bench: KVM's ring has %lu pages\n", n);
		exit(1);
	}
	return t;
}

static void bench_kvm_track(bool ring)
{
	const char *name = ring ? "kvm-ring" : "kvm-log";
	unsigned int i, round;
	struct logger logger;

	logger_create(&logger, ring);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 2; i++) {
			uint64_t ticks;

			logger_write_pages(&logger, i);
			ticks = ring ? logger_ring(&logger) : logger_log(&logger);
			if (round)
				note(i ? "track_scattered" : "track_runs", name,
				     DIRTY, ticks);
		}
	}
	logger_destroy(&logger);
}

void bench_track(void)
{
	bench_axas_track(AXAS_FORMAT_EPT, "ept");
	bench_axas_track(AXAS_FORMAT_S2, "s2");
	bench_axas_track(AXAS_FORMAT_AMD, "amd");
	bench_notify();
	if (kvm < 0)
		return;
	bench_kvm_track(false);
	bench_kvm_track(true);
}
