// SPDX-License-Identifier: MIT
/*
 * A small virtual machine monitor over libaxas. Documentation/tutorial-vmm.rst
 * goes through it step by step.
 *
 *   monitor [HPA]	HPA: 2 MiB of host memory that the kernel doesn't use
 */
#define _GNU_SOURCE
#include <axas.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define READ		AXAS_PROT_READ
#define WRITE		AXAS_PROT_WRITE
#define EXEC		AXAS_PROT_EXEC

/* The guest's addresses */
#define RAM		0x00000000ULL
#define RAM_SIZE	(64ULL << 20)
#define BAR		0x40000000ULL
#define BAR_SIZE	(2ULL << 20)
#define CONSOLE		0xd0000000ULL
#define CONSOLE_SIZE	0x1000ULL
#define ROM		0xfff00000ULL
#define ROM_SIZE	0x10000ULL

/* In RAM: the console's queue of one, and two words of the guest's own */
#define QUEUE		0x2000
#define COUNTER		0x4000
#define STOP		0x5000

/* The console's register, and the cookie by which we know the console */
#define KICK		0x10
#define THE_CONSOLE	7

/* What the driver in the guest puts into the queue */
struct request {
	uint64_t addr;
	uint32_t length;
};

struct monitor {
	int space;
	unsigned char *ram, *rom;	/* windows */
	int vm, vcpu;
	struct kvm_run *run;
	sem_t stopped, go;
};

/* 16-bit code; DS begins at 0, ES at the console. */
static const unsigned char code[] = {
	0xc7, 0x06, 0x00, 0x30, 'h', 'i',	/* movw $"hi", 0x3000 */
	0x66, 0xc7, 0x06, 0x00, 0x20, 0x00, 0x30, 0, 0,	/* request.addr */
	0x66, 0xc7, 0x06, 0x08, 0x20, 2, 0, 0, 0,	/* request.length */
	0x26, 0xc6, 0x06, KICK, 0, 1,		/* movb $1, %es:KICK */
	0x66, 0xff, 0x06, 0x00, 0x40,		/* 1: incl COUNTER */
	0x80, 0x3e, 0x00, 0x50, 0,		/* cmpb $0, STOP */
	0x74, 0xf4,				/* je 1b */
	0xf4,					/* hlt */
};

/* Values below 0 are errors everywhere in libaxas. */
static int check(int value, const char *what)
{
	if (value < 0)
		error(2, -value, "%s", what);
	return value;
}

static int create(void)
{
	int dev = check(axas_open(NULL), "/dev/axas"), space;
	struct axas_info info;

	check(axas_info(dev, AXAS_FORMAT_HOST, &info), "info");
	space = check(axas_create(dev, NULL), "create");
	close(dev);
	printf("a space, %u bits wide\n", info.default_gpa_bits);
	return space;
}

static void map(int space, uint64_t hpa)
{
	const struct axas_map rom = {
		.gpa = ROM,
		.length = ROM_SIZE,
		.backend = AXAS_BACKEND_ALLOC,
		.prot = READ | WRITE,
		.flags = AXAS_MAP_POPULATE,
	};

	check(axas_map_alloc(space, RAM, RAM_SIZE, READ | WRITE | EXEC), "RAM");
	check(axas_map(space, &rom), "ROM");
	check(axas_write(space, ROM, code, sizeof(code)), "ROM's content");
	check(axas_protect(space, ROM, ROM_SIZE, READ | EXEC), "ROM");
	check(axas_map_device(space, CONSOLE, CONSOLE_SIZE, THE_CONSOLE),
	      "console");
	if (hpa)
		check(axas_map_linear(space, BAR, BAR_SIZE, READ | WRITE, hpa),
		      "BAR");
}

static void fault(int space)
{
	struct axas_fault_entry exits[] = {
		{ .gpa = RAM + 0x1234, .access = WRITE },
		{ .gpa = RAM + 0x1238, .access = READ },
		{ .gpa = ROM, .access = WRITE },
		{ .gpa = CONSOLE + KICK, .access = READ, .width = 4 },
		{ .gpa = 0x80000000, .access = EXEC },
	};
	const int nr = sizeof(exits) / sizeof(*exits);
	int i;

	if (check(axas_faults(space, exits, nr), "fault") < nr)
		error(2, 0, "cut short");
	for (i = 0; i < nr; i++) {
		printf("%#10llx %s", exits[i].gpa,
		       axas_result_name(exits[i].result));
		if (exits[i].result == AXAS_FAULT_DEVICE)
			printf(", cookie %llu, offset %#llx", exits[i].cookie,
			       exits[i].offset);
		putchar('\n');
	}
}

static void *window(int space, uint64_t gpa, size_t length, int prot)
{
	void *addr;

	check(axas_window(space, gpa, length, prot, &addr), "window");
	return addr;
}

/* The console's back-end: the guest's addresses are offsets into the window. */
static void console(struct monitor *m)
{
	const struct request r = *(volatile struct request *)(m->ram + QUEUE);

	if (r.length > RAM_SIZE || r.addr > RAM_SIZE - r.length)
		return;	/* the guest's mistake stays the guest's */
	printf("console: %.*s\n", (int)r.length, (char *)m->ram + r.addr);
}

/* What no memory answers. */
static void access_device(struct monitor *m, uint64_t gpa, int access, int width)
{
	struct axas_fault_entry exit = {
		.gpa = gpa, .access = access, .width = width,
	};

	check(axas_faults(m->space, &exit, 1), "fault");
	if (exit.result == AXAS_FAULT_DEVICE && exit.cookie == THE_CONSOLE &&
	    exit.offset == KICK && access == WRITE)
		console(m);
}

#ifdef __x86_64__
#include <linux/kvm.h>

static void slot(struct monitor *m, int nr, uint64_t gpa, uint64_t length,
		 void *window, int flags)
{
	const struct kvm_userspace_memory_region region = {
		.slot = nr, .flags = flags, .guest_phys_addr = gpa,
		.memory_size = length, .userspace_addr = (uintptr_t)window,
	};

	if (ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region))
		error(2, errno, "slot %d", nr);
}

static void *vcpu(void *arg)
{
	struct monitor *m = arg;
	struct kvm_run *run = m->run;

	for (;;) {
		if (!ioctl(m->vcpu, KVM_RUN, 0)) {
			if (run->exit_reason != KVM_EXIT_MMIO)
				break;
			access_device(m, run->mmio.phys_addr,
				      run->mmio.is_write ? WRITE : READ,
				      run->mmio.len);
		} else if (errno == EFAULT) {
			/* Memory isn't there, or not for this. */
			sem_post(&m->stopped);
			sem_wait(&m->go);
		} else if (errno != EINTR) {
			error(2, errno, "KVM_RUN");
		}
	}
	if (run->exit_reason == KVM_EXIT_HLT)
		printf("the guest halts\n");
	else
		printf("the guest ends: exit %u\n", run->exit_reason);
	return NULL;
}

/* Real mode, at the beginning of ROM. */
static void set_registers(struct monitor *m)
{
	struct kvm_regs regs = { .rip = 0, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(m->vcpu, KVM_GET_SREGS, &sregs))
		error(2, errno, "registers");
	sregs.cs.base = ROM;
	sregs.ds.base = RAM;
	sregs.es.base = CONSOLE;
	if (ioctl(m->vcpu, KVM_SET_SREGS, &sregs) ||
	    ioctl(m->vcpu, KVM_SET_REGS, &regs))
		error(2, errno, "registers");
}

/* Return: whether there is a KVM here. */
static bool make_guest(struct monitor *m)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	size_t size;

	if (kvm < 0)
		return false;
	m->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (m->vm < 0)
		return false;
	slot(m, 0, RAM, RAM_SIZE, m->ram, 0);
	slot(m, 1, ROM, ROM_SIZE, m->rom, KVM_MEM_READONLY);
	m->vcpu = ioctl(m->vm, KVM_CREATE_VCPU, 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	m->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu,
		      0);
	if (m->vcpu < 0 || m->run == MAP_FAILED)
		error(2, errno, "vCPU");
	set_registers(m);
	close(kvm);
	return true;
}
#else
/* The guest is written for x86. */
static void *vcpu(void *arg)
{
	return arg;
}

static bool make_guest(struct monitor *m)
{
	return false;
}
#endif

static uint32_t counter(struct monitor *m)
{
	uint32_t value;

	check(axas_read(m->space, COUNTER, &value, sizeof(value)), "counter");
	return value;
}

static void beside(struct monitor *m)
{
	uint32_t before;

	while (!counter(m))
		;	/* until the guest counts */
	check(axas_protect(m->space, COUNTER, 4096, READ), "protect");
	before = counter(m);
	sem_wait(&m->stopped);
	printf("protected: the counter %s\n",
	       counter(m) == before ? "stands still" : "still moves");
	check(axas_protect(m->space, COUNTER, 4096, READ | WRITE), "protect");
	sem_post(&m->go);

	while (counter(m) == before)
		;	/* until it counts again */
	check(axas_unmap(m->space, COUNTER, 4096), "unmap");
	sem_wait(&m->stopped);
	check(axas_map_alloc(m->space, COUNTER, 4096, READ | WRITE), "map");
	printf("mapped anew: the counter is %u\n", counter(m));
	sem_post(&m->go);
	check(axas_write(m->space, STOP, "\1", 1), "stop");
}

static void run(struct monitor *m)
{
	pthread_t thread;

	m->ram = window(m->space, RAM, RAM_SIZE, PROT_READ | PROT_WRITE);
	m->rom = window(m->space, ROM, ROM_SIZE, PROT_READ);
	sem_init(&m->stopped, 0, 0);
	sem_init(&m->go, 0, 0);
	if (!make_guest(m)) {
		printf("no KVM here: no guest\n");
		return;
	}
	if (pthread_create(&thread, NULL, vcpu, m))
		error(2, 0, "no thread");
	beside(m);
	pthread_join(thread, NULL);
}

static void show(const char *what, int value)
{
	printf("%-24s %s\n", what, strerrorname_np(-value));
}

static void errors(int space)
{
	char byte = 0;

	show("RAM once more", axas_map_alloc(space, RAM, 4096, READ));
	show("half a page", axas_unmap(space, RAM, 2048));
	show("beyond the space", axas_unmap(space, 1ULL << 60, 4096));
	show("protect over a hole",
	     axas_protect(space, RAM, 2 * RAM_SIZE, READ));
	show("the host's own RAM",
	     axas_map_linear(space, 1 << 30, 4096, READ, 0x100000));
	show("write to ROM", axas_write(space, ROM, &byte, 1));
	show("read from the console", axas_read(space, CONSOLE, &byte, 1));
}

static void statistics(int space)
{
	struct axas_stats s;
	int i;

	check(axas_stats(space, &s), "statistics");
	printf("%llu areas, %llu KiB resident, %llu tables\n", s.areas,
	       s.resident >> 10, s.tables[0] + s.tables[1] + s.tables[2] +
	       s.tables[3] + s.tables[4]);
	printf("leaves: %llu of 4 KiB, %llu of 2 MiB\n", s.leaves[0],
	       s.leaves[1]);
	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		if (s.faults[i])
			printf("faults %s: %llu\n", axas_result_name(i),
			       s.faults[i]);
}

int main(int argc, char **argv)
{
	struct monitor m = { .space = create() };

	setlinebuf(stdout);
	map(m.space, argc > 1 ? strtoull(argv[1], NULL, 0) : 0);
	fault(m.space);
	run(&m);
	errors(m.space);
	statistics(m.space);
	return 0;
}
