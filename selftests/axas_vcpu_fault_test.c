// SPDX-License-Identifier: GPL-2.0
/*
 * A CPU that runs a guest on a space (samples/vcpu): its nested faults, those of its
 * walks of the guest's own tables among them.
 */
#define AX_FEW_VARIANTS
#include "axas_vcpu.h"

VM_GUEST(vm_touches,
	 "mov $0x200000, %rdi\n"
	 "mov 0x10(%rdi), %rax\n"
	 "movq $0x77, 0x18(%rdi)\n"
	 "movb $0xf4, (%rdi)\n"		/* hlt */
	 "jmp *%rdi");

TEST_F(vcpu, faults)
{
	struct axas_vcpu_run run;
	struct axas_vcpu_regs r;

	ASSERT_EQ(0, ax_map_alloc(self->vm.fd, VM_DATA, AX_PAGE, AX_R, 0, 0));
	ASSERT_EQ(0, vm_begin(&self->vm, vm_touches));
	ASSERT_EQ(AXAS_VCPU_EXIT_FAULT, vm_run(self->vm.cpu, &run));
	EXPECT_EQ(VM_DATA + 0x10, run.fault.gpa);
	EXPECT_EQ(AX_R, run.fault.access);
	EXPECT_EQ(0, run.fault.walk);
	ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->vm.fd, run.fault.gpa, run.fault.access));

	ASSERT_EQ(AXAS_VCPU_EXIT_FAULT, vm_run(self->vm.cpu, &run));
	EXPECT_EQ(VM_DATA + 0x18, run.fault.gpa);
	EXPECT_EQ(AX_W, run.fault.access);
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->vm.fd, run.fault.gpa, run.fault.access));
	/* It comes as long as nobody sees to it. */
	ASSERT_EQ(AXAS_VCPU_EXIT_FAULT, vm_run(self->vm.cpu, &run));
	EXPECT_EQ(VM_DATA + 0x18, run.fault.gpa);
	ASSERT_EQ(0, ax_protect(self->vm.fd, VM_DATA, AX_PAGE, AX_RW));

	ASSERT_EQ(AXAS_VCPU_EXIT_FAULT, vm_run(self->vm.cpu, &run));
	EXPECT_EQ(VM_DATA, run.fault.gpa);
	EXPECT_EQ(AX_X, run.fault.access);
	EXPECT_EQ(0x77, ax_get64(self->vm.fd, VM_DATA + 0x18));
	ASSERT_EQ(0, ax_protect(self->vm.fd, VM_DATA, AX_PAGE, AX_RWX));
	EXPECT_EQ(AXAS_VCPU_EXIT_HLT, vm_run(self->vm.cpu, &run));
	ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	EXPECT_EQ(VM_DATA + 1, r.rip);
}

/*
 * The guest's own page tables, where there is nothing yet and where none may write.
 * Walks of EPT with A/D flags are writes (Intel SDM, volume 3C, 29.3.3.2), as those of
 * AMD's are. Without them it is one where the accessed flag is set, and Bochs sets it
 * in a page that none may write.
 */
TEST_F(vcpu, faults_of_walks)
{
	struct axas_vcpu_regs r;
	struct axas_vcpu_run run;
	int i;

	close(self->vm.cpu);
	close(self->vm.fd);
	ASSERT_EQ(0, vm_make(&self->vm, AXAS_FEAT_AD));
	ASSERT_EQ(0, vm_begin(&self->vm, vm_halts));
	ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	r.cr3 = VM_DATA;
	ASSERT_EQ(0, vm_set(self->vm.cpu, &r));
	ASSERT_EQ(AXAS_VCPU_EXIT_FAULT, vm_run(self->vm.cpu, &run));
	EXPECT_EQ(VM_DATA, run.fault.gpa);
	EXPECT_EQ(1, run.fault.walk);
	EXPECT_EQ(AXAS_FAULT_NO_AREA, ax_fault(self->vm.fd, run.fault.gpa, run.fault.access));

	ASSERT_EQ(0, ax_map(self->vm.fd, VM_DATA, 3 * AX_PAGE));
	ASSERT_EQ(0, vm_put_tables(self->vm.fd, VM_DATA));
	ASSERT_EQ(0, ax_protect(self->vm.fd, VM_DATA, 3 * AX_PAGE, AX_R));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(AXAS_VCPU_EXIT_FAULT, vm_run(self->vm.cpu, &run));
		EXPECT_EQ(VM_DATA + i * AX_PAGE, run.fault.gpa & ~(AX_PAGE - 1));
		EXPECT_EQ(AX_W, run.fault.access);
		EXPECT_EQ(1, run.fault.walk);
		EXPECT_EQ(AXAS_FAULT_DENIED,
			  ax_fault(self->vm.fd, run.fault.gpa, run.fault.access));
		ASSERT_EQ(0, ax_protect(self->vm.fd, VM_DATA + i * AX_PAGE, AX_PAGE, AX_RW));
		ASSERT_EQ(AXAS_FAULT_SPURIOUS,
			  ax_fault(self->vm.fd, run.fault.gpa, AX_R));
		ax_fault(self->vm.fd, run.fault.gpa, AX_W);
	}
	EXPECT_EQ(AXAS_VCPU_EXIT_HLT, vm_run(self->vm.cpu, &run));
}

/*
 * What the space has for the guest doesn't come out; what is denied, a device's, or
 * nobody's, does, as often as it is tried.
 */
VM_GUEST(vm_stores_on,
	 "mov $0x200000, %edi\n"
	 "1: mov %rdi, (%rdi)\n add $0x1000, %rdi\n jmp 1b");

TEST_F(vcpu, faults_resolved)
{
	const __u64 page = AX_PAGE, device = VM_DATA + 17 * page;
	struct axas_vcpu_run run = { .flags = AXAS_VCPU_RUN_RESOLVE };
	struct axas_stats before, after;
	__u64 i;

	ASSERT_EQ(0, ax_map(self->vm.fd, VM_DATA, 16 * page));
	ASSERT_EQ(0, ax_map_alloc(self->vm.fd, VM_DATA + 16 * page, page, AX_R, 0, 0));
	ASSERT_EQ(0, ax_map_device(self->vm.fd, device, page, AX_RW, 0xd0));
	ASSERT_EQ(0, vm_begin(&self->vm, vm_stores_on));
	ASSERT_EQ(0, ax_stats(self->vm.fd, &before));
	for (i = 16; i < 19; i++) {
		EXPECT_EQ(AXAS_VCPU_EXIT_FAULT, vm_run_with(self->vm.cpu, &run));
		EXPECT_EQ(AXAS_VCPU_RUN_RESOLVE, run.flags);
		EXPECT_EQ(VM_DATA + i * page, run.fault.gpa);
		EXPECT_EQ(AX_W, run.fault.access);
		ASSERT_EQ(AXAS_VCPU_EXIT_FAULT, vm_run_with(self->vm.cpu, &run));
		EXPECT_EQ(VM_DATA + i * page, run.fault.gpa);
		ASSERT_EQ(0, ax_unmap(self->vm.fd, VM_DATA + i * page, page));
		ASSERT_EQ(0, ax_map(self->vm.fd, VM_DATA + i * page, page));
	}
	ASSERT_EQ(AXAS_VCPU_EXIT_FAULT, vm_run_with(self->vm.cpu, &run));
	EXPECT_EQ(VM_DATA + 19 * page, run.fault.gpa);
	for (i = 0; i < 19; i++)
		EXPECT_EQ(VM_DATA + i * page, ax_get64(self->vm.fd, VM_DATA + i * page));
	ASSERT_EQ(0, ax_stats(self->vm.fd, &after));
	EXPECT_EQ(19, after.faults[AXAS_FAULT_RESOLVED] - before.faults[AXAS_FAULT_RESOLVED]);
	EXPECT_EQ(2, after.faults[AXAS_FAULT_DENIED]);
	EXPECT_EQ(2, after.faults[AXAS_FAULT_DEVICE]);
	EXPECT_EQ(3, after.faults[AXAS_FAULT_NO_AREA]);
}

/*
 * Fetches in user and in supervisor mode, where these are rights of their own: it is the
 * linear address that is one mode's or the other's, by U/S of all entries on its way
 * (Intel SDM, volume 3C, 29.3.3.2; 3A, 4.6.1). At privilege level 0 there are both.
 */
VM_GUEST(vm_out, "out %al, $0x70");

#define VM_USER		4ULL

/* A page of code at VM_DATA, of which a right is missing. */
struct fetch {
	unsigned int cpl;
	__u64 link;	/* U/S of the guest's entries that lead to it */
	__u64 leaf;
	__u32 needs;
};

static int fetch_begin(struct vm *vm, const struct fetch *f)
{
	const __u64 cs = 0xa9b, ss = 0xc93, top = VM_TABLES, page = AX_PAGE;
	struct axas_vcpu_regs r;
	int ret;

	ret = ax_put64(vm->fd, top, (top + page) | VM_LINK | VM_USER);
	ret |= ax_put64(vm->fd, top + page, (top + 2 * page) | VM_LINK | f->link);
	ret |= ax_put64(vm->fd, top + 2 * page + 8, VM_DATA | VM_LEAF | f->leaf);
	ret |= vm_begin_at(vm->cpu, vm->fd, VM_DATA, vm_out, vm_out_end);
	ret |= vm_get(vm->cpu, &r);
	/* Volume 3A, 3.4.5: DPL; 19.5.1: IOPL, so that the port is everybody's. */
	r.segments[AXAS_VCPU_CS].selector = 8 | f->cpl;
	r.segments[AXAS_VCPU_CS].attributes = cs | f->cpl << 5;
	r.segments[AXAS_VCPU_SS].selector = 16 | f->cpl;
	r.segments[AXAS_VCPU_SS].attributes = ss | f->cpl << 5;
	r.rflags |= 3 << 12;
	return ret | vm_set(vm->cpu, &r);
}

TEST_F(vcpu, fetches_of_both_modes)
{
	static const struct fetch fetches[] = {
		{ 3, VM_USER, VM_USER, AX_U },
		{ 0, VM_USER, VM_USER, AX_U },
		{ 0, VM_USER, 0, AX_X },
		{ 0, 0, VM_USER, AX_X },
	};
	struct vm *vm = &self->vm;
	struct axas_vcpu_run run;
	unsigned int i;
	int ret;

	close(vm->cpu);
	close(vm->fd);
	ret = vm_make(vm, AXAS_FEAT_EXEC_USER);
	if (ret == -EOPNOTSUPP)
		SKIP(return, "this CPU has one right to execute, for both modes");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, ax_map_alloc(vm->fd, VM_DATA, AX_PAGE, AX_RW, 0, 0));
	for (i = 0; i < ARRAY_SIZE(fetches); i++) {
		const struct fetch *f = &fetches[i];

		/* With the other right alone; with the one that it takes. */
		ASSERT_EQ(0, fetch_begin(vm, f));
		ASSERT_EQ(0, ax_protect(vm->fd, VM_DATA, AX_PAGE,
				       AX_RW | ((AX_X | AX_U) ^ f->needs)));
		ASSERT_EQ(AXAS_VCPU_EXIT_FAULT, vm_run(vm->cpu, &run))
			TH_LOG("fetch %u", i);
		EXPECT_EQ(VM_DATA, run.fault.gpa);
		EXPECT_EQ(f->needs, run.fault.access);
		EXPECT_EQ(0, run.fault.walk);
		EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(vm->fd, VM_DATA, run.fault.access));
		ASSERT_EQ(0, ax_protect(vm->fd, VM_DATA, AX_PAGE, AX_RW | f->needs));
		EXPECT_EQ(AXAS_VCPU_EXIT_IO, vm_run(vm->cpu, &run));
		EXPECT_EQ(VM_PORT, run.io.port);
	}
}

/* Without paging all addresses are user mode's (table 28-7). */
TEST_F(vcpu, fetches_without_paging)
{
	struct axas_vcpu_regs r;
	struct axas_vcpu_run run;
	int ret, i;

	close(self->vm.cpu);
	close(self->vm.fd);
	ret = vm_make(&self->vm, AXAS_FEAT_EXEC_USER);
	if (ret == -EOPNOTSUPP)
		SKIP(return, "this CPU has one right to execute, for both modes");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, vm_begin(&self->vm, vm_out));
	ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	r.cr0 = 0x11;
	r.cr4 = 0;
	r.efer = 0;
	for (i = AXAS_VCPU_ES; i <= AXAS_VCPU_GS; i++)
		r.segments[i] = (struct axas_vcpu_segment){ 16, 0xc93, ~0u, 0 };
	r.segments[AXAS_VCPU_CS] = (struct axas_vcpu_segment){ 8, 0xc9b, ~0u, 0 };
	ASSERT_EQ(0, vm_set(self->vm.cpu, &r));
	ASSERT_EQ(AXAS_VCPU_EXIT_FAULT, vm_run(self->vm.cpu, &run));
	EXPECT_EQ(VM_CODE, run.fault.gpa);
	EXPECT_EQ(AX_U, run.fault.access);
	ASSERT_EQ(0, ax_protect(self->vm.fd, VM_CODE, AX_PAGE, AX_R | AX_U));
	EXPECT_EQ(AXAS_VCPU_EXIT_IO, vm_run(self->vm.cpu, &run));
}

TEST_HARNESS_MAIN
