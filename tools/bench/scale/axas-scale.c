// SPDX-License-Identifier: GPL-2.0
/*
 * axas-scale CPUS...: so many CPUs fault, a page per system call, while the plugin
 * in lines.c counts.
 *
 * Prints "AXS|what|subject|CPUs|faults" for each window, in the plugin's order.
 * See ../README.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/axas.h>
#include <linux/kvm.h>

#include "../newer.h"
#include "marker.h"
#include "scale.h"

#define PAGE		4096ul
#define LARGE		(2ul << 20)
#define GIB		(1ul << 30)
#define GPA		(4ull << 30)
#define MAX_CPUS	64
#define IN_TABLE	511	/* the first page of each 2 MiB is there already */
#define FAULTS		252	/* of a CPU: batches of the allocator, in one table */

#define MANY		(16 * FAULTS)

enum where { DISJOINT, SAME, MAPPER, SELDOM };

static const char *const where_names[] = {
	"disjoint", "same2m", "mapper", "seldom"
};

struct worker;

/* Whose faults they are; what a thread does for one, and to begin and to end. */
struct subject {
	const char *name;
	uint32_t format;
	void (*begin)(struct worker *w);
	void (*fault)(struct worker *w, uint64_t offset);
	void (*change)(struct worker *w);
	void (*end)(struct worker *w);
};

struct worker {
	pthread_t thread;
	const struct subject *subject;
	enum where where;
	unsigned int cpu;
	unsigned int faulting;	/* of the CPUs, from the first on */
	int fd;
};

static pthread_barrier_t barrier;
static volatile unsigned int running;

/* What all threads of a window share. */
static int device, space, vm;
static char *memory;

static void fail(const char *what)
{
	printf("axas-scale: %s: %s\n", what, strerror(errno));
	exit(1);
}

static char *reserve(size_t size)
{
	char *p = mmap(NULL, size + GIB, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	p = (char *)(((uintptr_t)p + GIB - 1) & ~(GIB - 1));
	if (madvise(p, size, MADV_NOHUGEPAGE))
		fail("madvise");
	return p;
}

/* ---- the page allocator, and faults of axas from inside the kernel ---- */

static void open_scale(struct worker *w)
{
	w->fd = open("/dev/axas-scale", O_RDWR | O_CLOEXEC);
	if (w->fd < 0)
		fail("/dev/axas-scale");
}

static void close_scale(struct worker *w)
{
	close(w->fd);
}

static void alloc(struct worker *w, uint64_t offset)
{
	(void)offset;
	if (ioctl(w->fd, AXAS_SCALE_ALLOC))
		fail("AXAS_SCALE_ALLOC");
}

static void change_alloc(struct worker *w)
{
	unsigned int i, n = w->where == SELDOM ? 1024 : 16;
	struct worker other;

	open_scale(&other);
	for (i = 0; i < n; i++)
		alloc(&other, 0);
	close_scale(&other);
}

static void begin_axas(struct worker *w)
{
	open_scale(w);
	if (ioctl(w->fd, AXAS_SCALE_SPACE, space))
		fail("AXAS_SCALE_SPACE");
}

static void fault_axas(struct worker *w, uint64_t offset)
{
	int result = ioctl(w->fd, AXAS_SCALE_FAULT, GPA + offset);

	if (result != AXAS_FAULT_RESOLVED) {
		printf("axas-scale: result %d\n", result);
		exit(1);
	}
}

static void map_axas(uint64_t gpa, uint64_t size, uint32_t flags)
{
	struct axas_map args = {
		.size = sizeof(args),
		.flags = flags,
		.gpa = gpa,
		.length = size,
		.backend = AXAS_BACKEND_ALLOC,
		.prot = AXAS_PROT_READ | AXAS_PROT_WRITE | AXAS_PROT_EXEC,
	};

	if (ioctl(space, AXAS_MAP, &args))
		fail("AXAS_MAP");
}

static void change_axas(struct worker *w)
{
	uint64_t gpa = GPA + (MAX_CPUS + 1) * GIB;
	struct axas_unmap args = {
		.size = sizeof(args), .gpa = gpa, .length = 16 * PAGE,
	};

	(void)w;
	map_axas(gpa, 16 * PAGE, AXAS_MAP_POPULATE);
	if (ioctl(space, AXAS_UNMAP, &args))
		fail("AXAS_UNMAP");
}

/* ---- the system call, on a descriptor that all threads use ---- */

static void begin_none(struct worker *w)
{
	(void)w;
}

static void fault_ioctl(struct worker *w, uint64_t offset)
{
	struct axas_fault_entry entry = {
		.gpa = GPA + offset, .access = AXAS_PROT_WRITE,
	};
	struct axas_fault args = {
		.size = sizeof(args), .entries = (uintptr_t)&entry, .nr = 1,
	};

	(void)w;
	if (ioctl(space, AXAS_FAULT, &args) || entry.result != AXAS_FAULT_RESOLVED)
		fail("AXAS_FAULT");
}

/* ---- peers ---- */

static void fault_mm(struct worker *w, uint64_t offset)
{
	(void)w;
	if (madvise(memory + offset, PAGE, MADV_POPULATE_WRITE))
		fail("MADV_POPULATE_WRITE");
}

static void change_mm(struct worker *w)
{
	char *p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	(void)w;
	if (p == MAP_FAILED || munmap(p, 16 * PAGE))
		fail("mmap");
}

static void begin_kvm(struct worker *w)
{
	w->fd = ioctl(vm, KVM_CREATE_VCPU, w->cpu);
	if (w->fd < 0)
		fail("KVM_CREATE_VCPU");
}

static void fault_kvm(struct worker *w, uint64_t offset)
{
	struct pre_fault_memory range = { .gpa = GPA + offset, .size = PAGE };

	while (ioctl(w->fd, PRE_FAULT_MEMORY, &range))
		if (errno != EINTR && errno != EAGAIN)
			fail("KVM_PRE_FAULT_MEMORY");
}

/* ---- windows ---- */

/* Where the fault number @i of a CPU is: its own GiB, or among those of all others. */
static uint64_t offset_of(const struct worker *w, unsigned int i)
{
	unsigned int n = i * w->faulting + w->cpu;

	if (w->where != SAME)
		return w->cpu * GIB + (i + 1) * PAGE;
	return n / IN_TABLE * LARGE + (n % IN_TABLE + 1) * PAGE;
}

static void pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("sched_setaffinity");
}

/* QEMU goes on to the next CPU at a pause: they take turns, a system call each. */
static void next_cpu(void)
{
	__asm__ __volatile__("pause" : : : "memory");
}

static void change(struct worker *w)
{
	w->subject->change(w);
	pthread_barrier_wait(&barrier);
	mark(MARKER_OTHER);
	while (running) {
		w->subject->change(w);
		next_cpu();
	}
	mark(MARKER_STOP);
}

/* The tables are there, and what each CPU needs once. */
static void warm(struct worker *w)
{
	unsigned int i, tables = (FAULTS * w->faulting + IN_TABLE - 1) / IN_TABLE;

	if (w->where != SAME)
		w->subject->fault(w, w->cpu * GIB);
	for (i = w->cpu; w->where == SAME && i < tables; i += w->faulting)
		w->subject->fault(w, i * LARGE);
	w->subject->fault(w, (MAX_CPUS * GIB + w->cpu * PAGE));
}

/*
 * In one window more, beside one who takes and gives back many pages: what the page
 * allocator does seldom is in it.
 */
static unsigned int faults_of(enum where where)
{
	return where == SELDOM ? MANY : FAULTS;
}

static void count(struct worker *w)
{
	unsigned int i, n = faults_of(w->where);

	warm(w);
	pthread_barrier_wait(&barrier);
	mark(MARKER_KERNEL);
	for (i = 0; i < n; i++) {
		w->subject->fault(w, offset_of(w, i));
		next_cpu();
	}
	mark(MARKER_STOP);
	__atomic_sub_fetch(&running, 1, __ATOMIC_RELAXED);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	pin(w->cpu);
	w->subject->begin(w);
	if (w->cpu < w->faulting)
		count(w);
	else
		change(w);
	pthread_barrier_wait(&barrier);
	w->subject->end(w);
	return NULL;
}

static void run(const struct subject *subject, enum where where, unsigned int n)
{
	unsigned int faulting = where >= MAPPER ? n - 1 : n, i;
	static struct worker workers[MAX_CPUS];

	pthread_barrier_init(&barrier, NULL, n);
	running = faulting;
	for (i = 0; i < n; i++) {
		workers[i] = (struct worker){
			.subject = subject, .where = where, .cpu = i,
			.faulting = faulting,
		};
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			fail("pthread_create");
	}
	for (i = 0; i < n; i++)
		pthread_join(workers[i].thread, NULL);
	pthread_barrier_destroy(&barrier);
	mark(MARKER_CLOSE);
	printf("AXS|%s|%s|%u|%u\n", where_names[where], subject->name, n,
	       faulting * faults_of(where));
}

static const struct subject allocator = {
	.name = "floor", .begin = open_scale, .fault = alloc,
	.change = change_alloc, .end = close_scale,
};

static const struct subject axas[] = {
	{ "ept", AXAS_FORMAT_EPT, begin_axas, fault_axas, change_axas, close_scale },
	{ "s2", AXAS_FORMAT_S2, begin_axas, fault_axas, change_axas, close_scale },
	{ "amd", AXAS_FORMAT_AMD, begin_axas, fault_axas, change_axas, close_scale },
};

static const struct subject call = {
	.name = "ioctl", .format = AXAS_FORMAT_EPT, .begin = begin_none,
	.fault = fault_ioctl, .end = begin_none,
};

static const struct subject mm = {
	.name = "mm", .begin = begin_none, .fault = fault_mm, .change = change_mm,
	.end = begin_none,
};

static const struct subject kvm = {
	.name = "kvm-populated", .begin = begin_kvm, .fault = fault_kvm,
	.end = close_scale,
};

static void run_axas(const struct subject *subject, enum where where, unsigned int n)
{
	struct axas_create args = { .size = sizeof(args), .format = subject->format };

	space = ioctl(device, AXAS_CREATE, &args);
	if (space < 0)
		fail("AXAS_CREATE");
	map_axas(GPA, (MAX_CPUS + 1) * GIB, 0);
	run(subject, where, n);
	close(space);
}

static void run_mm(enum where where, unsigned int n)
{
	memory = reserve((MAX_CPUS + 1) * GIB);
	run(&mm, where, n);
	munmap(memory, (MAX_CPUS + 1) * GIB);
}

static int open_kvm(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd >= 0 && ioctl(fd, KVM_CHECK_EXTENSION, CAP_PRE_FAULT_MEMORY) > 0)
		return fd;
	printf("axas-scale: KVM doesn't fault in without a guest here\n");
	return -1;
}

/* Its memory is there before: KVM allocates tables only. */
static void run_kvm(int fd, enum where where, unsigned int n)
{
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = GPA,
		.memory_size = (MAX_CPUS + 1) * GIB,
	};
	unsigned int i;

	memory = reserve(region.memory_size);
	region.userspace_addr = (uintptr_t)memory;
	vm = ioctl(fd, KVM_CREATE_VM, 0);
	if (vm < 0 || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		fail("KVM_CREATE_VM");
	for (i = 0; i <= MAX_CPUS; i = i + 1 == n ? MAX_CPUS : i + 1)
		if (madvise(memory + i * GIB, where == SAME && !i ? 32 * LARGE : LARGE,
			    MADV_POPULATE_WRITE))
			fail("MADV_POPULATE_WRITE");
	run(&kvm, where, n);
	close(vm);
	munmap(memory, region.memory_size);
}

static void run_all(int kvm_fd, unsigned int n)
{
	enum where where;
	unsigned int i;

	for (where = DISJOINT; where <= MAPPER; where++) {
		if (where == MAPPER && n == 1)
			break;
		if (where != SAME)
			run(&allocator, where, n);
		for (i = 0; i < sizeof(axas) / sizeof(*axas); i++)
			run_axas(&axas[i], where, n);
		if (where == DISJOINT)
			run_axas(&call, where, n);
		run_mm(where, n);
		if (kvm_fd >= 0 && where != MAPPER)
			run_kvm(kvm_fd, where, n);
	}
}

/* ---- does the plugin count right? ---- */

#define TURNS	1000

static struct {
	_Alignas(64) unsigned int shared;
	unsigned int beside;
	struct {
		_Alignas(64) unsigned int own;
	} cpus[MAX_CPUS];
} known;

/*
 * Eight instructions a turn, and every other turn the next CPU's; three stores, two
 * of them to a line of all, of which one is atomic.
 */
static void *write_known(void *arg)
{
	unsigned int cpu = (uintptr_t)arg, turns = TURNS;

	pin(cpu);
	known.cpus[cpu].own = 1;
	__atomic_add_fetch(&known.shared, 1, __ATOMIC_RELAXED);
	pthread_barrier_wait(&barrier);
	__asm__ __volatile__("nopl %c[user](%%rax)\n"
			     "1: nopl %c[next](%%rax)\n"
			     "lock incl %[shared]\n"
			     "movl %[turns], %[beside]\n"
			     "movl %[turns], %[own]\n"
			     "testl $1, %[turns]\n"
			     "jz 2f\n"
			     "pause\n"
			     "2: decl %[turns]\n"
			     "jnz 1b\n"
			     "nopl %c[stop](%%rax)\n"
			     : [turns] "+r"(turns), [shared] "+m"(known.shared),
			       [beside] "=m"(known.beside),
			       [own] "=m"(known.cpus[cpu].own)
			     : [user] "i"(MARKER_MAGIC | MARKER_USER),
			       [next] "i"(MARKER_MAGIC | MARKER_NEXT),
			       [stop] "i"(MARKER_MAGIC | MARKER_STOP)
			     : "memory", "cc");
	return NULL;
}

static void check_plugin(unsigned int n)
{
	pthread_t threads[MAX_CPUS];
	unsigned int i;

	pthread_barrier_init(&barrier, NULL, n);
	for (i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, write_known, (void *)(uintptr_t)i);
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	mark(MARKER_CLOSE);
	printf("AXS|check|%lx|%u|%u\n", (unsigned long)&known.shared, n, n * TURNS);
}

/* Where the allocator is in its batches differs: few CPUs do it some times. */
static unsigned int times(unsigned int n)
{
	return n < 32 ? 2 : 1;
}

static bool cpus_are_there(unsigned int n)
{
	return n >= 1 && n <= MAX_CPUS && (long)n <= sysconf(_SC_NPROCESSORS_ONLN);
}

int main(int argc, char **argv)
{
	int kvm_fd = open_kvm(), i;
	unsigned int n, t;

	device = open("/dev/axas", O_RDWR | O_CLOEXEC);
	if (device < 0)
		fail("/dev/axas");
	mark(MARKER_ARM);
	usleep(100000);
	mark(MARKER_CLOSE);
	printf("AXS|empty|none|0|0\n");
	for (i = 1; i < argc; i++) {
		n = strtoul(argv[i], NULL, 0);
		if (!cpus_are_there(n)) {
			printf("axas-scale: not so many CPUs: %s\n", argv[i]);
			return 2;
		}
		check_plugin(n);
		if (n > 1)
			run(&allocator, SELDOM, n < 8 ? n : 8);
		for (t = 0; t < times(n); t++)
			run_all(kvm_fd, n);
	}
	printf("AXS|end|none|0|0\n");
	return 0;
}
