/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest of samples/vcpu: 64-bit code at privilege level 0 whose first GiB of
 * addresses are guest-physical addresses, all in memory that is there, unless a test
 * wants it otherwise.
 */
#ifndef AXAS_VCPU_TEST_H
#define AXAS_VCPU_TEST_H

#include "axas_fixture.h"
#include "../samples/vcpu/axas_vcpu.h"

#define VM_CODE		0x1000ULL
#define VM_IDT		0x3000ULL
#define VM_GDT		0x4000ULL
#define VM_TABLES	0x10000ULL	/* three pages */
#define VM_STACK	0x20000ULL	/* its end */
#define VM_LOW		0x100000ULL	/* all of these are below it */
#define VM_DATA		0x200000ULL	/* nothing is there */

#define VM_PORT		0x70		/* by which the guests speak */
#define VM_VECTOR	0x40

/* Volume 3A, 4.5: present, writable; a leaf of 2 MiB */
#define VM_LINK		3ULL
#define VM_LEAF		0x83ULL

/*
 * RFLAGS.IF. An interrupt of the host ends a guest with and without it, but with VMX
 * in Bochs: a guest that doesn't end by itself should have it.
 */
#define VM_IF		0x200ULL

/* Code of guests: VM_GUEST(name, "instructions") makes name and name_end. */
#define VM_GUEST(name, code)						\
	extern const char name[], name##_end[];				\
	asm(".pushsection .rodata\n" #name ":\n" code "\n"		\
	    #name "_end:\n.popsection")

struct vm {
	int dev;	/* /dev/axas */
	int fd;		/* the space */
	int maker;	/* /dev/axas-vcpu */
	int cpu;	/* the vCPU */
};

static inline int vm_open_maker(void)
{
	int fd = open("/dev/axas-vcpu", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static inline int vm_create(int maker, int fd)
{
	int ret = ioctl(maker, AXAS_VCPU_CREATE, fd);

	return ret < 0 ? -errno : ret;
}

/* Tables at gpa for the first GiB. */
static inline int vm_put_tables(int fd, __u64 gpa)
{
	int ret = ax_put64(fd, gpa, (gpa + AX_PAGE) | VM_LINK);
	__u64 i;

	ret |= ax_put64(fd, gpa + AX_PAGE, (gpa + 2 * AX_PAGE) | VM_LINK);
	for (i = 0; i < 512; i++)
		ret |= ax_put64(fd, gpa + 2 * AX_PAGE + 8 * i, i << 21 | VM_LEAF);
	return ret;
}

/* AMD64 Architecture Programmer's Manual, volume 2, 4.8 and 14.8. */
static inline struct axas_vcpu_regs vm_regs(void)
{
	struct axas_vcpu_regs r = {
		.rip = VM_CODE,
		.rflags = 2,
		.cr0 = 0x80010033,
		.cr3 = VM_TABLES,
		.cr4 = 0x620,
		.efer = 0xd01,
		.pat = 0x0007040600070406,
	};
	int i;

	r.gpr[AXAS_VCPU_RSP] = VM_STACK;
	for (i = AXAS_VCPU_ES; i <= AXAS_VCPU_GS; i++)
		r.segments[i] = (struct axas_vcpu_segment){ 16, 0xc93, ~0u, 0 };
	r.segments[AXAS_VCPU_CS] = (struct axas_vcpu_segment){ 8, 0xa9b, ~0u, 0 };
	r.segments[AXAS_VCPU_TR] = (struct axas_vcpu_segment){ 0, 0x8b, 0x67, 0 };
	r.segments[AXAS_VCPU_GDTR] = (struct axas_vcpu_segment){ 0, 0, 23, VM_GDT };
	r.segments[AXAS_VCPU_IDTR] = (struct axas_vcpu_segment){ 0, 0, 0xfff, VM_IDT };
	return r;
}

static inline int vm_get(int cpu, struct axas_vcpu_regs *r)
{
	return ax_ioctl(cpu, AXAS_VCPU_GET_REGS, r);
}

static inline int vm_set(int cpu, const struct axas_vcpu_regs *r)
{
	return ax_ioctl(cpu, AXAS_VCPU_SET_REGS, (void *)r);
}

/* The reason, or minus errno. */
static inline int vm_run_with(int cpu, struct axas_vcpu_run *run)
{
	int ret = ax_ioctl(cpu, AXAS_VCPU_RUN, run);

	return ret ? ret : (int)run->reason;
}

static inline int vm_run(int cpu, struct axas_vcpu_run *run)
{
	memset(run, 0, sizeof(*run));
	return vm_run_with(cpu, run);
}

/* Run, and have what the guest misses brought in. */
static inline int vm_run_faults(struct vm *vm, struct axas_vcpu_run *run)
{
	int ret;

	do {
		ret = vm_run_with(vm->cpu, run);
		if (ret != AXAS_VCPU_EXIT_FAULT)
			return ret;
	} while (ax_fault(vm->fd, run->fault.gpa, run->fault.access) <=
		 AXAS_FAULT_SPURIOUS);
	return ret;
}

/* Have a vCPU begin at code, which is copied to gpa. */
static inline int vm_begin_at(int cpu, int fd, __u64 gpa, const char *code,
			      const char *end)
{
	struct axas_vcpu_regs r = vm_regs();

	r.rip = gpa;
	if (ax_pwrite(fd, code, end - code, gpa) != end - code)
		return -EIO;
	return vm_set(cpu, &r);
}

#define vm_begin(vm, name) \
	vm_begin_at((vm)->cpu, (vm)->fd, VM_CODE, name, name##_end)

/* 0, or minus errno of making the vCPU. Features are those of the space. */
static inline int vm_make(struct vm *vm, __u32 features)
{
	vm->fd = ax_create_with(vm->dev, AXAS_FORMAT_HOST, 0, features);
	if (vm->fd < 0)
		return vm->fd;
	if (ax_map_alloc(vm->fd, 0, VM_LOW, AX_RW | AX_X, AXAS_MAP_POPULATE, 0) ||
	    vm_put_tables(vm->fd, VM_TABLES))
		return -EIO;
	vm->cpu = vm_create(vm->maker, vm->fd);
	return vm->cpu < 0 ? vm->cpu : 0;
}

VM_GUEST(vm_halts, "hlt");

FIXTURE(vcpu) {
	struct vm vm;
};

FIXTURE_SETUP(vcpu)
{
	struct axas_vcpu_run run;
	int ret;

	self->vm.maker = vm_open_maker();
	if (self->vm.maker == -ENOENT)
		SKIP(return, "samples/vcpu isn't loaded");
	ASSERT_LE(0, self->vm.maker);
	self->vm.dev = ax_open_dev();
	ASSERT_LE(0, self->vm.dev);
	ret = vm_make(&self->vm, 0);
	if (ret == -ENODEV)
		SKIP(return, "this CPU has neither VMX with EPT nor SVM with nested paging");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vm_begin(&self->vm, vm_halts));
	ret = vm_run(self->vm.cpu, &run);
	if (ret == -EBUSY)
		SKIP(return, "somebody else, KVM most likely, uses the CPU's virtualization");
	ASSERT_EQ(AXAS_VCPU_EXIT_HLT, ret);
}

FIXTURE_TEARDOWN(vcpu)
{
	close(self->vm.cpu);
	close(self->vm.fd);
	close(self->vm.maker);
	close(self->vm.dev);
}

#endif /* AXAS_VCPU_TEST_H */
