// SPDX-License-Identifier: MIT
/*
 * A guest of KVM whose memory is a RAM file. Documentation/monitors.rst goes
 * through it line by line.
 *
 * Three know the guest's memory, each by what it needs: this program has the
 * space, KVM a mapping of a file, and a back-end in another process one that it
 * can only read.
 */
#define _GNU_SOURCE
#include <axas.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define RAM_SIZE	(64ULL << 20)
#define PAGE		4096
#define CODE		0x1000

/* I/O ports of this machine */
#define CONSOLE		0xe9	/* a byte to print */
#define KICK		0xba	/* the back-end has work */
#define BALLOON		0xbb	/* a page to give back, below 64 KiB */
#define REPORT		0xbc	/* a number to print */

/* 16-bit code, all segments at 0 */
static const unsigned char code[] = {
	0xbe, 0x28, 0x10,		/* movw $hello, %si */
	0xb9, 0x0f, 0x00,		/* movw $15, %cx */
	0xba, CONSOLE, 0x00,		/* movw $CONSOLE, %dx */
	0xfc,				/* cld */
	0xf3, 0x6e,			/* rep outsb */
	0xbb, 0x00, 0x20,		/* movw $0x2000, %bx */
	0x89, 0x1f,			/* 1: movw %bx, (%bx) */
	0x81, 0xc3, 0x00, 0x10,		/* addw $0x1000, %bx */
	0x81, 0xfb, 0x00, 0xa0,		/* cmpw $0xa000, %bx */
	0x75, 0xf4,			/* jne 1b */
	0xe6, KICK,			/* outb %al, $KICK */
	0xb8, 0x00, 0x90,		/* movw $0x9000, %ax */
	0xe7, BALLOON,			/* outw %ax, $BALLOON */
	0xa1, 0x00, 0x90,		/* movw 0x9000, %ax */
	0xe7, REPORT,			/* outw %ax, $REPORT */
	0xf4,				/* hlt */
	'1', '6', ' ', 'b', 'i', 't', 's', ':', ' ',
	'h', 'e', 'l', 'l', 'o', '\n',
};

struct monitor {
	int space, ram;		/* the space; its RAM file */
	int kick, done;		/* pipes to the back-end and back */
	int kvm, vm, vcpu;
	struct kvm_run *run;
};

/* Values below 0 are errors everywhere in libaxas. */
static int check(int value, const char *what)
{
	if (value < 0)
		error(2, -value, "%s", what);
	return value;
}

/* The same for the C library */
static int sys(int value, const char *what)
{
	return check(value < 0 ? -errno : value, what);
}

static unsigned long long resident(struct monitor *m)
{
	struct axas_stats s;

	check(axas_stats(m->space, &s), "statistics");
	return s.resident >> 10;
}

static void *map_file(int file, int prot)
{
	void *addr = mmap(NULL, RAM_SIZE, prot, MAP_SHARED, file, 0);

	if (addr == MAP_FAILED)
		error(2, errno, "mapping RAM");
	return addr;
}

static void make_memory(struct monitor *m)
{
	const int rights = AXAS_PROT_READ | AXAS_PROT_WRITE;
	int dev = check(axas_open(NULL), "/dev/axas");

	m->space = check(axas_create(dev, NULL), "space");
	close(dev);
	check(axas_map_alloc(m->space, 0, RAM_SIZE, rights | AXAS_PROT_EXEC),
	      "RAM");
	m->ram = check(axas_ram_file(m->space, 0, RAM_SIZE, rights, 0),
		       "RAM file");
	if (pwrite(m->ram, code, sizeof(code), CODE) != sizeof(code))
		error(2, errno, "code");
	printf("RAM: %lld MiB, %llu KiB there\n",
	       (long long)lseek(m->ram, 0, SEEK_END) >> 20, resident(m));
}

/* A process of its own, with a file for reading and without the space */
static void backend(int file, int kick, int done)
{
	const unsigned short *ram = map_file(file, PROT_READ);
	char byte;

	while (read(kick, &byte, 1) == 1) {
		printf("back-end: %#x at 0x2000; unmap: %s\n",
		       ram[0x2000 / 2], strerror(-axas_unmap(file, 0, PAGE)));
		if (write(done, &byte, 1) != 1)
			break;
	}
	_exit(0);
}

static void make_backend(struct monitor *m)
{
	int file = check(axas_ram_file(m->space, 0, RAM_SIZE, AXAS_PROT_READ, 0),
			 "RAM file");
	int to[2], from[2];

	sys(pipe2(to, O_CLOEXEC), "pipe");
	sys(pipe2(from, O_CLOEXEC), "pipe");
	if (!sys(fork(), "back-end")) {
		close(m->space);
		close(m->ram);
		close(to[1]);
		backend(file, to[0], from[1]);
	}
	close(file);
	close(to[0]);
	close(from[1]);
	m->kick = to[1];
	m->done = from[0];
}

static void make_guest(struct monitor *m)
{
	struct kvm_userspace_memory_region slot = {
		.memory_size = RAM_SIZE,
		.userspace_addr = (uintptr_t)map_file(m->ram, PROT_READ | PROT_WRITE),
	};
	struct kvm_regs regs = { .rip = CODE, .rflags = 2 };
	struct kvm_sregs sregs;
	int size;

	m->vm = sys(ioctl(m->kvm, KVM_CREATE_VM, 0), "guest");
	sys(ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &slot), "slot");
	m->vcpu = sys(ioctl(m->vm, KVM_CREATE_VCPU, 0), "vCPU");
	size = sys(ioctl(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "vCPU");
	m->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu,
		      0);
	if (m->run == MAP_FAILED)
		error(2, errno, "vCPU");
	sys(ioctl(m->vcpu, KVM_GET_SREGS, &sregs), "registers");
	sregs.cs.selector = 0;
	sregs.cs.base = 0;
	sys(ioctl(m->vcpu, KVM_SET_SREGS, &sregs), "registers");
	sys(ioctl(m->vcpu, KVM_SET_REGS, &regs), "registers");
}

static void give_back(struct monitor *m, unsigned int page)
{
	const int how = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	unsigned long long before = resident(m);

	sys(fallocate(m->ram, how, page & -PAGE, PAGE), "balloon");
	printf("balloon: %llu KiB there, then %llu\n", before, resident(m));
}

/* One access to a port; a string instruction makes several at once. */
static void access_port(struct monitor *m, int port, unsigned int value)
{
	char byte = 0;

	switch (port) {
	case CONSOLE:
		putchar(value & 0xff);
		break;
	case KICK:
		if (write(m->kick, &byte, 1) != 1 ||
		    read(m->done, &byte, 1) != 1)
			error(2, 0, "the back-end is gone");
		break;
	case BALLOON:
		give_back(m, value);
		break;
	case REPORT:
		printf("what was given back reads as %#x\n", value);
		break;
	}
}

static void run_guest(struct monitor *m)
{
	struct kvm_run *run = m->run;
	const char *data;
	unsigned int value;

	for (;;) {
		/* EFAULT: the guest touches what isn't there, or not for this. */
		sys(ioctl(m->vcpu, KVM_RUN, 0), "the guest");
		if (run->exit_reason != KVM_EXIT_IO)
			break;
		data = (const char *)run + run->io.data_offset;
		for (; run->io.count; run->io.count--) {
			value = 0;
			memcpy(&value, data, run->io.size);
			access_port(m, run->io.port, value);
			data += run->io.size;
		}
	}
	if (run->exit_reason == KVM_EXIT_HLT)
		printf("the guest halts\n");
	else
		error(2, 0, "the guest ends: exit %u", run->exit_reason);
}

int main(void)
{
	struct monitor m = { .kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC) };

	if (m.kvm < 0) {
		printf("skipped: /dev/kvm: %s\n", strerror(errno));
		return 0;
	}
	setlinebuf(stdout);
	make_memory(&m);
	make_backend(&m);
	make_guest(&m);
	run_guest(&m);
	close(m.kick);
	wait(NULL);
	return 0;
}
