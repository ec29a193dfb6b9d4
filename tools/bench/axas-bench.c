// SPDX-License-Identifier: GPL-2.0
/*
 * axas-bench: measure axas, mm and KVM through the system-call boundary.
 *
 * Prints "AXB|u_row|subject|units|ticks ticks ..." a row: how often it was done
 * each time, and how long all of it took each time. A tick is one of the time
 * stamp counter: an instruction under QEMU's -icount shift=0. See README.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "axas-bench.h"

#define MAX_REPS	64

unsigned long pages = 16384;
static unsigned int reps = 3;

void fail(const char *what)
{
	printf("axas-bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* ---- figures ---- */

static struct row {
	const char *row;
	const char *subject;
	uint64_t units;
	unsigned int n;
	uint64_t ticks[MAX_REPS];
} rows[256];

void note(const char *row, const char *subject, uint64_t units,
	  uint64_t ticks)
{
	struct row *r = rows;

	while (r->row && (strcmp(r->row, row) || strcmp(r->subject, subject)))
		r++;
	r->row = row;
	r->subject = subject;
	r->units = units;
	if (r->n < MAX_REPS)
		r->ticks[r->n++] = ticks;
}

static void print_rows(void)
{
	unsigned int i;
	struct row *r;

	for (r = rows; r->row; r++) {
		printf("AXB|u_%s|%s|%llu|", r->row, r->subject,
		       (unsigned long long)r->units);
		for (i = 0; i < r->n; i++)
			printf("%llu ", (unsigned long long)r->ticks[i]);
		printf("\n");
	}
}

/* ---- memory of mm ---- */

/* Aligned to 2 MiB and touched by nobody. */
char *map_aligned(size_t size, int flags, int fd)
{
	char *p = mmap(NULL, size + LARGE, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *q;

	if (p == MAP_FAILED)
		fail("mmap");
	q = (char *)(((uintptr_t)p + LARGE - 1) & ~(LARGE - 1));
	if (mmap(q, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0) ==
	    MAP_FAILED)
		fail("mmap");
	return q;
}

char *map_anonymous(size_t size, bool large)
{
	char *p = map_aligned(size, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (madvise(p, size, large ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
		fail("madvise");
	return p;
}

int memfd(size_t size)
{
	int fd = memfd_create("bench", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, size))
		fail("memfd");
	return fd;
}

uint64_t touch(char *p, unsigned long n, size_t step)
{
	uint64_t t = now();
	unsigned long i;

	for (i = 0; i < n; i++)
		*(volatile char *)(p + i * step) = 1;
	return now() - t;
}

uint64_t look(const char *p, unsigned long n, size_t step)
{
	uint64_t t = now();
	unsigned long i;

	for (i = 0; i < n; i++)
		(void)*(volatile const char *)(p + i * step);
	return now() - t;
}

static void bench_mm(void)
{
	size_t size = pages * PAGE;
	unsigned long i;
	uint64_t t;
	char *p;

	p = map_anonymous(size, false);
	note("touch4k", "mm", pages, touch(p, pages, PAGE));
	t = now();
	munmap(p, size);
	note("unmap4k", "munmap", pages, now() - t);

	p = map_anonymous(size, false);
	t = now();
	if (madvise(p, size, MADV_POPULATE_WRITE))
		fail("MADV_POPULATE_WRITE");
	note("fault_512", "populate", pages, now() - t);
	t = now();
	if (madvise(p, size, MADV_POPULATE_WRITE))
		fail("MADV_POPULATE_WRITE");
	note("spurious_512", "populate", pages, now() - t);
	t = now();
	for (i = 0; i < pages; i++)
		madvise(p + i * PAGE, PAGE, MADV_POPULATE_WRITE);
	note("spurious_1", "populate", pages, now() - t);
	munmap(p, size);

	p = map_anonymous(size, false);
	t = now();
	for (i = 0; i < pages; i++)
		if (madvise(p + i * PAGE, PAGE, MADV_POPULATE_WRITE))
			fail("MADV_POPULATE_WRITE");
	note("fault_1", "populate", pages, now() - t);
	munmap(p, size);

	p = map_anonymous(size, false);
	t = now();
	for (i = 0; i < pages; i += 16)
		if (madvise(p + i * PAGE, 16 * PAGE, MADV_POPULATE_WRITE))
			fail("MADV_POPULATE_WRITE");
	note("fault_16", "populate", pages, now() - t);
	munmap(p, size);

	p = map_anonymous(size, true);
	t = now();
	if (madvise(p, size, MADV_POPULATE_WRITE))
		fail("MADV_POPULATE_WRITE");
	note("fault2m", "populate", size / LARGE, now() - t);
	t = now();
	munmap(p, size);
	note("unmap2m", "munmap", size / LARGE, now() - t);
}

static void bench_memfd(void)
{
	size_t size = pages * PAGE;
	char *buffer = map_anonymous(1 << 20, false), *p;
	uint64_t t;
	size_t done;
	int fd;

	memset(buffer, 1, 1 << 20);
	fd = memfd(size);
	p = map_aligned(size, MAP_SHARED, fd);
	note("touch4k", "memfd", pages, touch(p, pages, PAGE));
	munmap(p, size);
	p = map_aligned(size, MAP_SHARED, fd);
	note("read4k", "memfd", pages, look(p, pages, PAGE));
	munmap(p, size);

	t = now();
	for (done = 0; done < size; done += 1 << 20)
		if (pread(fd, buffer, 1 << 20, done) != 1 << 20)
			fail("pread of a memfd");
	note("pread", "memfd", pages, now() - t);
	t = now();
	for (done = 0; done < size; done += 1 << 20)
		if (pwrite(fd, buffer, 1 << 20, done) != 1 << 20)
			fail("pwrite of a memfd");
	note("pwrite", "memfd", pages, now() - t);
	close(fd);
	munmap(buffer, 1 << 20);
}

/* ---- axas ---- */

int device;

int new_space(uint32_t format, uint32_t gpa_bits, uint32_t features)
{
	struct axas_create args = {
		.size = sizeof(args),
		.format = format,
		.gpa_bits = gpa_bits,
		.features = features,
	};
	int space = ioctl(device, AXAS_CREATE, &args);

	if (space < 0)
		fail("AXAS_CREATE");
	return space;
}

uint64_t map(int space, uint64_t gpa, uint64_t size, uint32_t flags,
	     uint64_t max_leaf)
{
	struct axas_map args = {
		.size = sizeof(args),
		.flags = flags,
		.gpa = gpa,
		.length = size,
		.backend = AXAS_BACKEND_ALLOC,
		.prot = AXAS_PROT_READ | AXAS_PROT_WRITE | AXAS_PROT_EXEC,
		.max_leaf = max_leaf,
	};
	uint64_t t = now();

	if (ioctl(space, AXAS_MAP, &args))
		fail("AXAS_MAP");
	return now() - t;
}

static uint64_t unmap(int space, uint64_t gpa, uint64_t size)
{
	struct axas_unmap args = {
		.size = sizeof(args), .gpa = gpa, .length = size,
	};
	uint64_t t = now();

	if (ioctl(space, AXAS_UNMAP, &args))
		fail("AXAS_UNMAP");
	return now() - t;
}

#define CREATES	64

/* What a descriptor costs that has something behind it, and its end. */
static void bench_create(uint32_t format, const char *name)
{
	uint64_t t = now();
	unsigned int i;

	for (i = 0; i < CREATES; i++)
		close(new_space(format, GPA_BITS, 0));
	note("create", name, CREATES, now() - t);
}

static void bench_eventfd(void)
{
	uint64_t t = now();
	unsigned int i;

	for (i = 0; i < CREATES; i++)
		close(eventfd(0, EFD_CLOEXEC));
	note("create", "eventfd", CREATES, now() - t);
}

/*
 * Fault n pages, @step bytes from one to the next, @batch in a call; filling in
 * the array isn't timed. Returns the ticks.
 */
uint64_t fault(int space, uint64_t gpa, unsigned long n, uint64_t step,
	       unsigned int batch, uint32_t expect)
{
	struct axas_fault_entry entries[MAX_BATCH];
	struct axas_fault args = {
		.size = sizeof(args),
		.entries = (uintptr_t)entries,
		.nr = batch,
	};
	uint64_t ticks = 0, t;
	unsigned int i;

	for (; n; n -= batch) {
		for (i = 0; i < batch; i++, gpa += step)
			entries[i] = (struct axas_fault_entry){
				.gpa = gpa, .access = AXAS_PROT_WRITE,
			};
		t = now();
		if (ioctl(space, AXAS_FAULT, &args))
			fail("AXAS_FAULT");
		ticks += now() - t;
		if (entries[0].result != expect ||
		    entries[batch - 1].result != expect) {
			printf("axas-bench: result %u\n", entries[0].result);
			exit(1);
		}
	}
	return ticks;
}

static void bench_faults(int space, const char *name)
{
	static const struct {
		unsigned int batch;
		const char *fresh, *spurious;
	} kinds[] = {
		{ 1, "fault_1", "spurious_1" },
		{ 16, "fault_16", "spurious_16" },
		{ 512, "fault_512", "spurious_512" },
	};
	size_t size = pages * PAGE;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		unsigned int batch = kinds[i].batch;

		map(space, GPA, size, 0, 0);
		note(kinds[i].fresh, name, pages,
		     fault(space, GPA, pages, PAGE, batch, AXAS_FAULT_RESOLVED));
		note(kinds[i].spurious, name, pages,
		     fault(space, GPA, pages, PAGE, batch, AXAS_FAULT_SPURIOUS));
		note("unmap4k", name, pages, unmap(space, GPA, size));
	}
	map(space, GPA, size, 0, LARGE);
	note("fault2m", name, size / LARGE,
	     fault(space, GPA, size / LARGE, LARGE, 1, AXAS_FAULT_RESOLVED));
	note("unmap2m", name, size / LARGE, unmap(space, GPA, size));
}

static void bench_translate(int space, const char *name)
{
	static struct axas_translate_entry entries[MAX_BATCH];
	struct axas_translate args = {
		.size = sizeof(args), .entries = (uintptr_t)entries,
	};
	uint64_t ticks = 0, t;
	unsigned long i, j;

	for (i = 0; i < pages; i += MAX_BATCH) {
		for (j = 0; j < MAX_BATCH; j++)
			entries[j].gpa = GPA + (i + j) * PAGE;
		args.nr = MAX_BATCH;
		t = now();
		if (ioctl(space, AXAS_TRANSLATE, &args))
			fail("AXAS_TRANSLATE");
		ticks += now() - t;
	}
	note("translate_512", name, pages, ticks);

	ticks = 0;
	args.nr = 1;
	for (i = 0; i < pages; i++) {
		entries[0].gpa = GPA + i * PAGE;
		t = now();
		if (ioctl(space, AXAS_TRANSLATE, &args))
			fail("AXAS_TRANSLATE");
		ticks += now() - t;
	}
	note("translate_1", name, pages, ticks);
}

static void bench_file(int space, const char *name)
{
	char *buffer = map_anonymous(1 << 20, false);
	size_t size = pages * PAGE, done;
	uint64_t t;

	memset(buffer, 1, 1 << 20);
	t = now();
	for (done = 0; done < size; done += 1 << 20)
		if (pread(space, buffer, 1 << 20, GPA + done) != 1 << 20)
			fail("pread of a space");
	note("pread", name, pages, now() - t);
	t = now();
	for (done = 0; done < size; done += 1 << 20)
		if (pwrite(space, buffer, 1 << 20, GPA + done) != 1 << 20)
			fail("pwrite of a space");
	note("pwrite", name, pages, now() - t);
	munmap(buffer, 1 << 20);
}

static void bench_axas(uint32_t format, const char *name)
{
	int space = new_space(format, GPA_BITS, 0);
	size_t size = pages * PAGE;
	char *p, *q;

	bench_create(format, name);
	bench_faults(space, name);
	note("eager4k", name, pages,
	     map(space, GPA, size, AXAS_MAP_POPULATE, 0));
	bench_translate(space, name);
	bench_file(space, name);
	unmap(space, GPA, size);

	/* From the first mmap() on, the space has a holder to invalidate. */
	map(space, GPA, size, 0, 0);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, space, GPA);
	if (p == MAP_FAILED)
		fail("mmap of a space");
	note("touch4k", name, pages, touch(p, pages, PAGE));
	q = mmap(NULL, size, PROT_READ, MAP_SHARED, space, GPA);
	if (q == MAP_FAILED)
		fail("mmap of a space");
	note("read4k", name, pages, look(q, pages, PAGE));
	munmap(q, size);
	note("unmap4k_window", name, pages, unmap(space, GPA, size));
	munmap(p, size);
	close(space);
}

/* ---- two threads ---- */

enum role { FAULT, MAPPER, POPULATE, PRE_FAULT };

struct worker {
	pthread_t thread;
	unsigned int cpu;
	enum role role;
	int fd;
	uint64_t gpa;
	uint64_t step;
	unsigned long n;
	char *p;
	uint64_t ns;
};

static pthread_barrier_t barrier;
static volatile bool stop;

static void *work(void *arg)
{
	struct worker *w = arg;
	cpu_set_t cpu;
	uint64_t t;

	CPU_ZERO(&cpu);
	CPU_SET(w->cpu, &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu))
		fail("sched_setaffinity");
	pthread_barrier_wait(&barrier);
	t = now_ns();
	switch (w->role) {
	case FAULT:
		fault(w->fd, w->gpa, w->n, w->step, 64, AXAS_FAULT_RESOLVED);
		break;
	case POPULATE:
		if (madvise(w->p, w->n * PAGE, MADV_POPULATE_WRITE))
			fail("MADV_POPULATE_WRITE");
		break;
	case PRE_FAULT:
		kvm_pre_fault(w->fd, w->gpa, w->n * PAGE);
		break;
	case MAPPER:
		while (!stop) {
			map(w->fd, w->gpa, 16 * PAGE, AXAS_MAP_POPULATE, 0);
			unmap(w->fd, w->gpa, 16 * PAGE);
		}
		break;
	}
	w->ns = now_ns() - t;
	return NULL;
}

/* Run one or two; the figure is the time until the last that faults is done. */
static uint64_t run(struct worker *w, unsigned int n)
{
	uint64_t ns = 0;
	unsigned int i;

	stop = false;
	pthread_barrier_init(&barrier, NULL, n);
	for (i = 0; i < n; i++) {
		w[i].cpu = i;
		pthread_create(&w[i].thread, NULL, work, &w[i]);
	}
	for (i = 0; i < n; i++) {
		pthread_join(w[i].thread, NULL);
		stop = true;
		if (w[i].role != MAPPER && w[i].ns > ns)
			ns = w[i].ns;
	}
	pthread_barrier_destroy(&barrier);
	return ns;
}

static void smp_axas(uint32_t format, const char *name)
{
	uint64_t big = 1ull << 30;
	int space = new_space(format, GPA_BITS, 0);
	struct worker w[2];

	map(space, GPA, 2 * big, 0, 0);
	w[0] = (struct worker){ .fd = space, .gpa = GPA, .step = PAGE,
				.n = pages };
	note("smp_one", name, pages, run(w, 1));
	unmap(space, GPA, 2 * big);

	map(space, GPA, 2 * big, 0, 0);
	w[1] = w[0];
	w[1].gpa += big;
	note("smp_disjoint", name, 2 * pages, run(w, 2));
	unmap(space, GPA, 2 * big);

	map(space, GPA, 2 * big, 0, 0);
	w[0].step = 2 * PAGE;
	w[1].step = 2 * PAGE;
	w[1].gpa = GPA + PAGE;
	note("smp_same2m", name, 2 * pages, run(w, 2));
	unmap(space, GPA, 2 * big);

	map(space, GPA, big, 0, 0);
	w[0].step = PAGE;
	w[1].role = MAPPER;
	w[1].gpa = GPA + 4 * big;
	note("smp_mapper", name, pages, run(w, 2));
	close(space);
}

static void smp_mm(void)
{
	size_t size = pages * PAGE;
	struct worker w[2] = { { .role = POPULATE, .n = pages } };

	w[0].p = map_anonymous(size, false);
	note("smp_one", "mm", pages, run(w, 1));
	munmap(w[0].p, size);

	w[1] = w[0];
	w[0].p = map_anonymous(size, false);
	w[1].p = map_anonymous(size, false);
	note("smp_disjoint", "mm", 2 * pages, run(w, 2));
	munmap(w[0].p, size);
	munmap(w[1].p, size);
}

static void smp_kvm(void)
{
	size_t size = pages * PAGE;
	struct worker w[2] = { { .role = PRE_FAULT, .n = pages } };
	int vcpu[2], vm;
	char *p;

	if (kvm < 0)
		return;
	p = map_anonymous(2 * size, false);
	touch(p, 2 * pages, PAGE);

	vm = kvm_vm(vcpu, 2);
	kvm_slot(vm, GPA, 2 * size, p, -1);
	w[0].fd = vcpu[0];
	w[0].gpa = GPA;
	note("smp_one", "kvm-populated", pages, run(w, 1));
	kvm_slot(vm, GPA, 0, p, -1);

	kvm_slot(vm, GPA, 2 * size, p, -1);
	w[1] = w[0];
	w[1].fd = vcpu[1];
	w[1].gpa += size;
	note("smp_disjoint", "kvm-populated", 2 * pages, run(w, 2));
	close(vcpu[0]);
	close(vcpu[1]);
	close(vm);
	munmap(p, 2 * size);
}

int main(int argc, char **argv)
{
	bool smp = argc > 1 && !strcmp(argv[1], "smp");
	unsigned int i;

	if (argc < 2 || (!smp && strcmp(argv[1], "calls"))) {
		printf("usage: axas-bench calls|smp [REPS [PAGES]]\n");
		return 2;
	}
	if (argc > 2)
		reps = strtoul(argv[2], NULL, 0);
	if (argc > 3)
		pages = strtoul(argv[3], NULL, 0);
	if (!reps || reps > MAX_REPS || !pages || pages % MAX_BATCH) {
		printf("axas-bench: PAGES is a multiple of 512, REPS at most %d\n",
		       MAX_REPS);
		return 2;
	}
	device = open("/dev/axas", O_RDWR | O_CLOEXEC);
	if (device < 0)
		fail("/dev/axas");
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		printf("axas-bench: no /dev/kvm: %s\n", strerror(errno));

	for (i = 0; i < reps; i++) {
		if (smp) {
			smp_axas(AXAS_FORMAT_EPT, "ept");
			smp_axas(AXAS_FORMAT_S2, "s2");
			smp_axas(AXAS_FORMAT_AMD, "amd");
			smp_mm();
			smp_kvm();
		} else {
			bench_axas(AXAS_FORMAT_EPT, "ept");
			bench_axas(AXAS_FORMAT_S2, "s2");
			bench_axas(AXAS_FORMAT_AMD, "amd");
			bench_eventfd();
			bench_mm();
			bench_memfd();
			bench_kvm();
			bench_track();
			bench_guest();
		}
	}
	print_rows();
	printf("AXB|end|0|0|0\n");
	return 0;
}
