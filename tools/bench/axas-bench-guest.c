// SPDX-License-Identifier: GPL-2.0
/*
 * From a guest's store to its next instruction: the same guest on a virtual CPU of
 * samples/vcpu, whose memory is a space, and on one of KVM.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/kvm.h>

#include "axas-bench.h"
#include "../../samples/vcpu/axas_vcpu.h"

#define PAGES	2048ul

/* 32 bits; %edi is where, %ecx the step, %esi how many. A program every 16 bytes. */
#define CODE	16ul
static const unsigned char code[][CODE] = {
	/* 1: mov %eax,(%edi); add %ecx,%edi; dec %esi; jnz 1b; hlt */
	[GUEST_STORES] = { 0x89, 0x07, 0x01, 0xcf, 0x4e, 0x75, 0xf9, 0xf4 },
	/* 1: out %al,$0x70; dec %esi; jnz 1b; hlt */
	[GUEST_OUTS] = { 0xe6, 0x70, 0x4e, 0x75, 0xfb, 0xf4 },
};

/* ---- KVM ---- */

static void guest_slot(struct guest *guest, unsigned int slot, uint64_t gpa,
		       size_t size, void *p, unsigned int flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)p,
	};

	if (ioctl(guest->vm, KVM_SET_USER_MEMORY_REGION, &region))
		fail("KVM_SET_USER_MEMORY_REGION");
}

/* 32 bits, flat, no paging. */
static void guest_sregs(struct guest *guest)
{
	struct kvm_segment data = {
		.limit = ~0u, .selector = 16, .type = 3, .present = 1, .db = 1,
		.s = 1, .g = 1,
	}, text = data;
	struct kvm_sregs sregs;

	text.selector = 8;
	text.type = 11;
	if (ioctl(guest->vcpu, KVM_GET_SREGS, &sregs))
		fail("KVM_GET_SREGS");
	sregs.cs = text;
	sregs.ds = data;
	sregs.es = data;
	sregs.ss = data;
	sregs.cr0 |= 1;
	if (ioctl(guest->vcpu, KVM_SET_SREGS, &sregs))
		fail("KVM_SET_SREGS");
}

/* A machine without memory and CPU. */
void guest_begin(struct guest *guest)
{
	memset(guest, 0, sizeof(*guest));
	guest->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (guest->vm < 0)
		fail("KVM_CREATE_VM");
}

/* Both. The flags are those of the slot at GUEST. */
void guest_create(struct guest *guest, size_t size, unsigned int flags)
{
	guest->size = size;
	guest->memory = map_anonymous(size, false);
	guest->code = map_anonymous(PAGE, false);
	memcpy(guest->code, code, sizeof(code));
	guest_slot(guest, 0, GUEST, size, guest->memory, flags);
	guest_slot(guest, 1, PAGE, PAGE, guest->code, 0);
	guest->vcpu = ioctl(guest->vm, KVM_CREATE_VCPU, 0);
	if (guest->vcpu < 0)
		fail("KVM_CREATE_VCPU");
	guest->run = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			  guest->vcpu, 0);
	if (guest->run == MAP_FAILED)
		fail("mmap of a vCPU");
	guest_sregs(guest);
}

void guest_destroy(struct guest *guest)
{
	munmap(guest->run, PAGE);
	close(guest->vcpu);
	close(guest->vm);
	munmap(guest->memory, guest->size);
	munmap(guest->code, PAGE);
}

/* From gpa on, n times, @step bytes from one to the next. Returns the ticks. */
uint64_t guest_run(struct guest *guest, enum guest_code which, uint64_t gpa,
		   unsigned long n, uint64_t step)
{
	struct kvm_regs regs = {
		.rip = PAGE + which * CODE, .rflags = 2, .rdi = gpa, .rcx = step,
		.rsi = n,
	};
	uint64_t t;

	if (ioctl(guest->vcpu, KVM_SET_REGS, &regs))
		fail("KVM_SET_REGS");
	t = now();
	do {
		if (ioctl(guest->vcpu, KVM_RUN, 0))
			fail("KVM_RUN");
	} while (guest->run->exit_reason == KVM_EXIT_IO);
	t = now() - t;
	if (guest->run->exit_reason != KVM_EXIT_HLT) {
		printf("axas-bench: KVM's guest: exit %u\n", guest->run->exit_reason);
		exit(1);
	}
	return t;
}

/* ---- axas ---- */

struct space_guest {
	int space;
	int vcpu;
};

/* Of samples/vcpu, or -1 if there is none. */
static int maker = -1;

static void space_inject(const struct space_guest *guest,
			 const struct axas_vcpu_run *run)
{
	struct axas_fault_entry entry = {
		.gpa = run->fault.gpa, .access = run->fault.access,
	};
	struct axas_fault args = {
		.size = sizeof(args), .entries = (uintptr_t)&entry, .nr = 1,
	};

	if (ioctl(guest->space, AXAS_FAULT, &args))
		fail("AXAS_FAULT");
	if (entry.result != AXAS_FAULT_RESOLVED) {
		printf("axas-bench: 0x%llx: result %u\n",
		       (unsigned long long)run->fault.gpa, entry.result);
		exit(1);
	}
}

/* As guest_sregs(). The attributes are those of the VMCB. */
static void space_regs(const struct space_guest *guest, enum guest_code which,
		       uint64_t gpa, unsigned long n)
{
	struct axas_vcpu_regs regs = {
		.rip = PAGE + which * CODE, .cr0 = 0x11,
		.pat = 0x0007040600070406,
	};
	unsigned int i;

	for (i = AXAS_VCPU_ES; i <= AXAS_VCPU_GS; i++)
		regs.segments[i] = (struct axas_vcpu_segment){ 16, 0xc93, ~0u, 0 };
	regs.segments[AXAS_VCPU_CS] = (struct axas_vcpu_segment){ 8, 0xc9b, ~0u, 0 };
	regs.segments[AXAS_VCPU_TR] = (struct axas_vcpu_segment){ 0, 0x8b, 0x67, 0 };
	regs.gpr[AXAS_VCPU_RDI] = gpa;
	regs.gpr[AXAS_VCPU_RCX] = PAGE;
	regs.gpr[AXAS_VCPU_RSI] = n;
	if (ioctl(guest->vcpu, AXAS_VCPU_SET_REGS, &regs))
		fail("AXAS_VCPU_SET_REGS");
}

/* As guest_run(); faults are resolved in the kernel, or come out and are injected. */
static uint64_t space_run(const struct space_guest *guest, enum guest_code which,
			  uint64_t gpa, unsigned long n, uint32_t flags)
{
	struct axas_vcpu_run run = { .flags = flags };
	uint64_t t;

	space_regs(guest, which, gpa, n);
	t = now();
	for (;;) {
		if (ioctl(guest->vcpu, AXAS_VCPU_RUN, &run))
			fail("AXAS_VCPU_RUN");
		if (run.reason == AXAS_VCPU_EXIT_FAULT)
			space_inject(guest, &run);
		else if (run.reason != AXAS_VCPU_EXIT_IO)
			break;
	}
	t = now() - t;
	if (run.reason != AXAS_VCPU_EXIT_HLT) {
		printf("axas-bench: the guest of a space: exit %u\n", run.reason);
		exit(1);
	}
	return t;
}

static void space_destroy(const struct space_guest *guest)
{
	close(guest->vcpu);
	close(guest->space);
}

/* False, and it is said why, if there can't be one. It has run once, as far as an OUT. */
static bool space_create(struct space_guest *guest, size_t size)
{
	struct axas_vcpu_run run = { 0 };

	guest->space = new_space(AXAS_FORMAT_AMD, 0, 0);
	map(guest->space, PAGE, PAGE, 0, 0);
	map(guest->space, GUEST, size, 0, 0);
	if (pwrite(guest->space, code, sizeof(code), PAGE) != sizeof(code))
		fail("pwrite of a space");
	guest->vcpu = ioctl(maker, AXAS_VCPU_CREATE, guest->space);
	if (guest->vcpu >= 0) {
		space_regs(guest, GUEST_OUTS, 0, 1);
		if (!ioctl(guest->vcpu, AXAS_VCPU_RUN, &run))
			return true;
	}
	printf("axas-bench: no guest on a space: %s\n", strerror(errno));
	space_destroy(guest);
	return false;
}

/* ---- both ---- */

/* The first store makes what is made once only, 2 MiB below the pages. */
#define SIZE	(LARGE + PAGES * PAGE)
#define FIRST	(GUEST + LARGE)

/* KVM resolves its faults in the kernel, whatever axas is compared with. */
static void bench_kvm_guest(const char *name, bool populated)
{
	struct guest guest;
	uint64_t ticks;

	guest_begin(&guest);
	guest_create(&guest, SIZE, 0);
	if (populated)
		touch(guest.memory, SIZE / PAGE, PAGE);
	guest_run(&guest, GUEST_STORES, GUEST, 1, PAGE);
	ticks = guest_run(&guest, GUEST_STORES, FIRST, PAGES, PAGE);
	note("guest_fault", name, PAGES, ticks);
	note("guest_fault_user", name, PAGES, ticks);
	if (!populated) {
		note("guest_store", name, PAGES,
		     guest_run(&guest, GUEST_STORES, FIRST, PAGES, PAGE));
		note("guest_out", name, PAGES,
		     guest_run(&guest, GUEST_OUTS, 0, PAGES, 0));
	}
	guest_destroy(&guest);
}

static void bench_space_guest(const char *row, uint32_t flags)
{
	struct space_guest guest;

	if (!space_create(&guest, SIZE))
		return;
	space_run(&guest, GUEST_STORES, GUEST, 1, flags);
	note(row, "amd", PAGES,
	     space_run(&guest, GUEST_STORES, FIRST, PAGES, flags));
	if (flags) {
		note("guest_store", "amd", PAGES,
		     space_run(&guest, GUEST_STORES, FIRST, PAGES, flags));
		note("guest_out", "amd", PAGES,
		     space_run(&guest, GUEST_OUTS, 0, PAGES, flags));
	}
	space_destroy(&guest);
}

/* One after the other: KVM has the CPU's virtualization as long as it has a guest. */
void bench_guest(void)
{
	if (maker < 0)
		maker = open("/dev/axas-vcpu", O_RDWR | O_CLOEXEC);
	if (maker < 0) {
		printf("axas-bench: no /dev/axas-vcpu: %s\n", strerror(errno));
	} else {
		bench_space_guest("guest_fault", AXAS_VCPU_RUN_RESOLVE);
		bench_space_guest("guest_fault_user", 0);
	}
	if (kvm < 0)
		return;
	bench_kvm_guest("kvm", false);
	bench_kvm_guest("kvm-populated", true);
}
