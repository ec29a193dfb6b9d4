// SPDX-License-Identifier: GPL-2.0
/*
 * A CPU that runs a guest on a space (samples/vcpu): every way out of it but a nested
 * fault, what it gets for the next run, and what it does with registers that make no
 * sense. Faults are in axas_vcpu_fault_test.c, and what goes on at the same time in
 * axas_vcpu_race_test.c.
 */
#define AX_FEW_VARIANTS
#include "axas_vcpu.h"
#include <linux/kvm.h>
#include <stddef.h>
#include <sys/time.h>

VM_GUEST(vm_ports,
	 "mov $0x1122334455667788, %rax\n"
	 "out %al, $0x70\n"
	 "mov $0x1234, %edx\n"
	 "out %ax, %dx\n"
	 "out %eax, $0x71\n"
	 "in $0x72, %al\n"
	 "mov %rax, %rbx\n"
	 "in (%dx), %ax\n"
	 "mov %rax, %rcx\n"
	 "in $0x74, %eax\n"
	 "hlt");

TEST_F(vcpu, ports)
{
	struct axas_vcpu_run run = {};
	struct axas_vcpu_regs r;
	static const struct { __u16 port; __u8 size; __u32 data; } outs[] = {
		{ 0x70, 1, 0x88 }, { 0x1234, 2, 0x7788 }, { 0x71, 4, 0x55667788 },
	}, ins[] = { { 0x72, 1 }, { 0x1234, 2 }, { 0x74, 4 } };
	int i;

	ASSERT_EQ(0, vm_begin(&self->vm, vm_ports));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(AXAS_VCPU_EXIT_IO, vm_run(self->vm.cpu, &run));
		EXPECT_EQ(outs[i].port, run.io.port);
		EXPECT_EQ(outs[i].size, run.io.size);
		EXPECT_EQ(1, run.io.out);
		EXPECT_EQ(outs[i].data, run.io.data);
	}
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(AXAS_VCPU_EXIT_IO, vm_run_with(self->vm.cpu, &run));
		EXPECT_EQ(ins[i].port, run.io.port);
		EXPECT_EQ(ins[i].size, run.io.size);
		EXPECT_EQ(0, run.io.out);
		run.answer = 0xaabbccddeeff0011;
	}
	ASSERT_EQ(AXAS_VCPU_EXIT_HLT, vm_run_with(self->vm.cpu, &run));
	ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	EXPECT_EQ(0x1122334455667711, r.gpr[AXAS_VCPU_RBX]);
	EXPECT_EQ(0x1122334455660011, r.gpr[AXAS_VCPU_RCX]);
	EXPECT_EQ(0xeeff0011, r.gpr[AXAS_VCPU_RAX]);
	EXPECT_EQ(VM_CODE + vm_ports_end - vm_ports, r.rip);
}

VM_GUEST(vm_registers,
	 "xchg %rax, %rbx\n xchg %rcx, %rdx\n xchg %rsi, %rdi\n"
	 "xchg %rbp, %rsp\n xchg %r8, %r15\n xchg %r9, %r14\n"
	 "xchg %r10, %r13\n xchg %r11, %r12\n hlt");

TEST_F(vcpu, registers)
{
	static const int other[] = { 3, 2, 1, 0, 5, 4, 7, 6, 15, 14, 13, 12, 11, 10, 9, 8 };
	struct axas_vcpu_regs r, was;
	struct axas_vcpu_run run;
	int i;

	ASSERT_EQ(0, vm_begin(&self->vm, vm_registers));
	ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	for (i = 0; i < 16; i++)
		r.gpr[i] = 0x0101010101010101 * (i + 1);
	r.kernel_gs_base = 0x1000;
	r.star = 0x2000;
	r.lstar = 0x3000;
	r.cstar = 0x4000;
	r.sfmask = 0x500;
	r.sysenter_cs = 0x60;
	r.sysenter_esp = 0x7000;
	r.sysenter_eip = 0x8000;
	r.cr2 = 0x9000;
	r.cr8 = 10;
	r.segments[AXAS_VCPU_FS].base = 0xb000;
	r.segments[AXAS_VCPU_GS].base = 0xc000;
	ASSERT_EQ(0, vm_set(self->vm.cpu, &r));
	was = r;
	EXPECT_EQ(AXAS_VCPU_EXIT_HLT, vm_run(self->vm.cpu, &run));
	ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	for (i = 0; i < 16; i++)
		EXPECT_EQ(was.gpr[other[i]], r.gpr[i]);
	/* All else is as it was. */
	memcpy(r.gpr, was.gpr, sizeof(r.gpr));
	EXPECT_EQ(was.rip + vm_registers_end - vm_registers, r.rip);
	r.rip = was.rip;
	EXPECT_EQ(0, memcmp(&was, &r, sizeof(r)));
}

VM_GUEST(vm_msrs,
	 "mov $0x123, %ecx\n mov $0x55, %eax\n mov $0x66, %edx\n wrmsr\n"
	 "rdmsr\n shl $32, %rdx\n or %rdx, %rax\n mov %rax, %rbx\n"
	 "mov $0xc0000080, %ecx\n rdmsr\n and $~1, %eax\n wrmsr\n rdmsr\n mov %eax, %esi\n"
	 "mov $0x277, %ecx\n mov $0x00070106, %eax\n mov %eax, %edx\n wrmsr\n rdmsr\n"
	 "mov %edx, %edi\n"
	 "mov $0xc0000082, %ecx\n mov $0x1234, %eax\n xor %edx, %edx\n wrmsr\n"
	 "hlt");

TEST_F(vcpu, msrs)
{
	struct axas_vcpu_run run = {};
	struct axas_vcpu_regs r;

	ASSERT_EQ(0, vm_begin(&self->vm, vm_msrs));
	ASSERT_EQ(AXAS_VCPU_EXIT_MSR, vm_run_with(self->vm.cpu, &run));
	EXPECT_EQ(0x123, run.msr.index);
	EXPECT_EQ(1, run.msr.write);
	EXPECT_EQ(0x6600000055, run.msr.value);
	ASSERT_EQ(AXAS_VCPU_EXIT_MSR, vm_run_with(self->vm.cpu, &run));
	EXPECT_EQ(0, run.msr.write);
	run.answer = 0x1234567890abcdef;
	ASSERT_EQ(AXAS_VCPU_EXIT_HLT, vm_run_with(self->vm.cpu, &run));
	ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	EXPECT_EQ(0x1234567890abcdef, r.gpr[AXAS_VCPU_RBX]);
	EXPECT_EQ(0xd00, r.gpr[AXAS_VCPU_RSI]);
	EXPECT_EQ(0xd00, r.efer);
	EXPECT_EQ(0x00070106, r.gpr[AXAS_VCPU_RDI]);
	EXPECT_EQ(0x0007010600070106, r.pat);
	EXPECT_EQ(0x1234, r.lstar);
}

/* An MSR that there isn't, for a guest without an IDT, is the end. */
TEST_F(vcpu, shutdown)
{
	struct axas_vcpu_run run = {};

	ASSERT_EQ(0, vm_begin(&self->vm, vm_msrs));
	ASSERT_EQ(AXAS_VCPU_EXIT_MSR, vm_run(self->vm.cpu, &run));
	run.flags = AXAS_VCPU_RUN_FAIL;
	ASSERT_EQ(AXAS_VCPU_EXIT_SHUTDOWN, vm_run_with(self->vm.cpu, &run));
	EXPECT_EQ(0, run.flags);
	EXPECT_EQ(0, run.ready);
	EXPECT_EQ(AXAS_VCPU_EXIT_SHUTDOWN, vm_run(self->vm.cpu, &run));
	ASSERT_EQ(0, vm_begin(&self->vm, vm_halts));
	EXPECT_EQ(AXAS_VCPU_EXIT_HLT, vm_run(self->vm.cpu, &run));
}

VM_GUEST(vm_cpuid,
	 "mov $7, %eax\n mov $1, %ecx\n cpuid\n mov %eax, %esi\n mov %edx, %edi\n"
	 "mov $7, %eax\n mov $2, %ecx\n cpuid\n mov %ecx, %ebp\n"
	 "mov $9, %eax\n cpuid\n hlt");

TEST_F(vcpu, cpuid)
{
	struct axas_vcpu_cpuid_entry e[] = {
		{ 7, 1, 0xa, 0xb, 0xc, 0xd },
		{ 7, AXAS_VCPU_ANY_INDEX, 0x1a, 0x1b, 0x1c, 0x1d },
	};
	struct axas_vcpu_cpuid c = { (__u64)(uintptr_t)e, 2, 0 };
	struct axas_vcpu_run run = {};
	struct axas_vcpu_regs r;

	ASSERT_EQ(0, vm_begin(&self->vm, vm_cpuid));
	ASSERT_EQ(0, ax_ioctl(self->vm.cpu, AXAS_VCPU_SET_CPUID, &c));
	ASSERT_EQ(AXAS_VCPU_EXIT_HLT, vm_run(self->vm.cpu, &run));
	ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	EXPECT_EQ(0xa, r.gpr[AXAS_VCPU_RSI]);
	EXPECT_EQ(0xd, r.gpr[AXAS_VCPU_RDI]);
	EXPECT_EQ(0x1c, r.gpr[AXAS_VCPU_RBP]);
	EXPECT_EQ(0, r.gpr[AXAS_VCPU_RAX]);
	EXPECT_EQ(0, r.gpr[AXAS_VCPU_RDX]);
	c.nr = AXAS_VCPU_MAX_CPUID + 1;
	EXPECT_EQ(-E2BIG, ax_ioctl(self->vm.cpu, AXAS_VCPU_SET_CPUID, &c));
	c = (struct axas_vcpu_cpuid){ 8, 1, 0 };
	EXPECT_EQ(-EFAULT, ax_ioctl(self->vm.cpu, AXAS_VCPU_SET_CPUID, &c));
	c.reserved = 1;
	EXPECT_EQ(-EINVAL, ax_ioctl(self->vm.cpu, AXAS_VCPU_SET_CPUID, &c));
}

/* What a guest may not do, it is told: #UD without an IDT is a shutdown. */
VM_GUEST(vm_vmrun, "vmrun %rax\n hlt");
VM_GUEST(vm_vmcall, "vmcall\n hlt");
VM_GUEST(vm_xsetbv, "xor %ecx, %ecx\n xsetbv\n hlt");
VM_GUEST(vm_wbinvd, "wbinvd\n invd\n hlt");

TEST_F(vcpu, instructions)
{
	struct axas_vcpu_run run;

	ASSERT_EQ(0, vm_begin(&self->vm, vm_vmrun));
	EXPECT_EQ(AXAS_VCPU_EXIT_SHUTDOWN, vm_run(self->vm.cpu, &run));
	ASSERT_EQ(0, vm_begin(&self->vm, vm_vmcall));
	EXPECT_EQ(AXAS_VCPU_EXIT_SHUTDOWN, vm_run(self->vm.cpu, &run));
	ASSERT_EQ(0, vm_begin(&self->vm, vm_xsetbv));
	EXPECT_EQ(AXAS_VCPU_EXIT_SHUTDOWN, vm_run(self->vm.cpu, &run));
	ASSERT_EQ(0, vm_begin(&self->vm, vm_wbinvd));
	EXPECT_EQ(AXAS_VCPU_EXIT_HLT, vm_run(self->vm.cpu, &run));
}

VM_GUEST(vm_string, "mov $0x70, %edx\n xor %esi, %esi\n outsb\n hlt");

TEST_F(vcpu, string_port_is_other)
{
	struct axas_vcpu_run run;

	ASSERT_EQ(0, vm_begin(&self->vm, vm_string));
	EXPECT_EQ(AXAS_VCPU_EXIT_OTHER, vm_run(self->vm.cpu, &run));
	/* Volume 2, appendix C; Intel SDM, volume 3D, appendix C */
	EXPECT_EQ(ax_cpu_walks_amd() ? 0x7b : 30, run.other.code);
}

/* CD set, and cleared with NE; MCE set; a task priority. */
VM_GUEST(vm_controls,
	 "mov %cr0, %rax\n or $0x40000000, %eax\n mov %rax, %cr0\n mov %cr0, %rbx\n"
	 "and $0xbfffffdf, %eax\n mov %rax, %cr0\n mov %cr0, %rcx\n"
	 "mov %cr4, %rax\n or $0x40, %eax\n mov %rax, %cr4\n mov %cr4, %rdx\n"
	 "mov $9, %eax\n mov %rax, %cr8\n mov %cr8, %rsi\n hlt");
/* NW without CD; VMXE; a priority that there isn't */
VM_GUEST(vm_no_cr0, "mov $0xa0010033, %eax\n mov %rax, %cr0\n hlt");
VM_GUEST(vm_no_cr4, "mov $0x2620, %eax\n mov %rax, %cr4\n hlt");
VM_GUEST(vm_no_cr8, "mov $16, %eax\n mov %rax, %cr8\n hlt");

TEST_F(vcpu, control_registers)
{
	struct axas_vcpu_regs r;
	struct axas_vcpu_run run;

	ASSERT_EQ(0, vm_begin(&self->vm, vm_controls));
	ASSERT_EQ(AXAS_VCPU_EXIT_HLT, vm_run(self->vm.cpu, &run));
	ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	EXPECT_EQ(0xc0010033, r.gpr[AXAS_VCPU_RBX]);
	EXPECT_EQ(0x80010013, r.gpr[AXAS_VCPU_RCX]);
	EXPECT_EQ(0x80010013, r.cr0);
	EXPECT_EQ(0x660, r.gpr[AXAS_VCPU_RDX]);
	EXPECT_EQ(0x660, r.cr4);
	EXPECT_EQ(9, r.gpr[AXAS_VCPU_RSI]);
	EXPECT_EQ(9, r.cr8);
	/* So it goes in again. */
	r.rip = VM_CODE;
	ASSERT_EQ(0, vm_set(self->vm.cpu, &r));
	EXPECT_EQ(AXAS_VCPU_EXIT_HLT, vm_run(self->vm.cpu, &run));
	/* QEMU's CPU takes them. */
	if (ax_cpu_walks_amd())
		return;
	ASSERT_EQ(0, vm_begin(&self->vm, vm_no_cr0));
	EXPECT_EQ(AXAS_VCPU_EXIT_SHUTDOWN, vm_run(self->vm.cpu, &run));
	ASSERT_EQ(0, vm_begin(&self->vm, vm_no_cr4));
	EXPECT_EQ(AXAS_VCPU_EXIT_SHUTDOWN, vm_run(self->vm.cpu, &run));
	ASSERT_EQ(0, vm_begin(&self->vm, vm_no_cr8));
	EXPECT_EQ(AXAS_VCPU_EXIT_SHUTDOWN, vm_run(self->vm.cpu, &run));
}

/* From real mode to 64-bit mode in one step, which sets NE, too. */
VM_GUEST(vm_real,
	 ".code16\n"
	 "mov $0x1234, %ax\n out %ax, $0x70\n"
	 "mov $0x20, %eax\n mov %eax, %cr4\n"
	 "mov $0x10000, %eax\n mov %eax, %cr3\n"
	 "mov $0xc0000080, %ecx\n rdmsr\n or $0x100, %eax\n wrmsr\n"
	 "mov $0x80000031, %eax\n mov %eax, %cr0\n"
	 ".byte 0xea\n .word 0x1000 + 1f - vm_real\n .word 8\n"
	 ".code64\n"
	 "1: mov $0x123456789a, %rbx\n hlt");

TEST_F(vcpu, real_mode)
{
	struct axas_vcpu_regs r;
	struct axas_vcpu_run run;
	int i;

	ASSERT_EQ(0, ax_put64(self->vm.fd, VM_GDT + 8, 0x00af9b000000ffff));
	ASSERT_EQ(0, vm_begin(&self->vm, vm_real));
	ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	r.cr0 = 0x10;
	r.cr3 = 0;
	r.cr4 = 0;
	r.efer = 0;
	for (i = AXAS_VCPU_ES; i <= AXAS_VCPU_GS; i++)
		r.segments[i] = (struct axas_vcpu_segment){ 0, 0x93, 0xffff, 0 };
	r.segments[AXAS_VCPU_CS].attributes = 0x9b;
	ASSERT_EQ(0, vm_set(self->vm.cpu, &r));
	ASSERT_EQ(AXAS_VCPU_EXIT_IO, vm_run(self->vm.cpu, &run));
	EXPECT_EQ(2, run.io.size);
	EXPECT_EQ(0x1234, run.io.data);
	ASSERT_EQ(AXAS_VCPU_EXIT_HLT, vm_run(self->vm.cpu, &run));
	ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	EXPECT_EQ(0x123456789a, r.gpr[AXAS_VCPU_RBX]);
	EXPECT_EQ(0x500, r.efer);
	EXPECT_EQ(0x80000031, r.cr0);
	EXPECT_EQ(8, r.segments[AXAS_VCPU_CS].selector);
}

/* ---- interrupts ---- */

VM_GUEST(vm_interrupts,
	 "cli\n nop\n out %al, $0x70\n"
	 "sti\n nop\n nop\n"
	 "1: pause\n jmp 1b");
/* The handler, behind it. */
VM_GUEST(vm_handler, "incq %r8\n out %al, $0x71\n iretq");

static int vm_put_handler(int fd, __u64 idt, __u64 gpa)
{
	const size_t size = vm_handler_end - vm_handler;
	__u64 gate = idt + 16 * VM_VECTOR;
	int ret;

	/* A null descriptor, and those of code and data. */
	ret = ax_put64(fd, VM_GDT + 8, 0x00af9b000000ffff);
	ret |= ax_put64(fd, VM_GDT + 16, 0x00cf93000000ffff);
	ret |= ax_pwrite(fd, vm_handler, size, gpa) != (ssize_t)size;
	/* Volume 2, 4.8.4: an interrupt gate */
	ret |= ax_put64(fd, gate, (gpa & 0xffff) | 8 << 16 | 0x8e00ULL << 32 |
				  (gpa & 0xffff0000) << 32);
	return ret | ax_put64(fd, gate + 8, 0);
}

TEST_F(vcpu, interrupts)
{
	struct axas_vcpu_run run = { .flags = AXAS_VCPU_RUN_INTERRUPT, .vector = VM_VECTOR };
	struct axas_vcpu_regs r;
	unsigned int early = 0;

	ASSERT_EQ(0, vm_put_handler(self->vm.fd, VM_IDT, VM_CODE + 0x800));
	ASSERT_EQ(0, vm_begin(&self->vm, vm_interrupts));
	/* As right after sti, and with interrupts off. */
	ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	r.rflags |= 1 << 9;
	r.shadow = 1;
	ASSERT_EQ(0, vm_set(self->vm.cpu, &r));
	EXPECT_EQ(-EAGAIN, vm_run_with(self->vm.cpu, &run));
	ASSERT_EQ(0, vm_begin(&self->vm, vm_interrupts));
	EXPECT_EQ(-EAGAIN, vm_run_with(self->vm.cpu, &run));
	EXPECT_EQ(AXAS_VCPU_RUN_INTERRUPT, run.flags);
	run.vector = 31;
	EXPECT_EQ(-EINVAL, vm_run_with(self->vm.cpu, &run));
	/*
	 * QEMU's VMRUN doesn't load the shadow: where the machine's own interrupt comes
	 * right after sti the guest is let in too early.
	 */
	do {
		ASSERT_EQ(0, vm_begin(&self->vm, vm_interrupts));
		ASSERT_EQ(AXAS_VCPU_EXIT_IO, vm_run(self->vm.cpu, &run));
		EXPECT_EQ(0, run.ready);
		run.flags = AXAS_VCPU_RUN_WINDOW;
		ASSERT_EQ(AXAS_VCPU_EXIT_WINDOW, vm_run_with(self->vm.cpu, &run));
		EXPECT_EQ(1, run.ready);
		ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	} while (r.rip == VM_CODE + 5 && early++ < 3);
	/* After sti, and the instruction behind it */
	EXPECT_EQ(VM_CODE + 6, r.rip);
	EXPECT_EQ(AXAS_VCPU_EXIT_WINDOW, vm_run_with(self->vm.cpu, &run));

	run.flags = AXAS_VCPU_RUN_INTERRUPT;
	run.vector = VM_VECTOR;
	ASSERT_EQ(AXAS_VCPU_EXIT_IO, vm_run_with(self->vm.cpu, &run));
	EXPECT_EQ(0x71, run.io.port);
	EXPECT_EQ(0, run.flags);
	EXPECT_EQ(0, run.ready);
	run.flags = AXAS_VCPU_RUN_WINDOW;
	ASSERT_EQ(AXAS_VCPU_EXIT_WINDOW, vm_run_with(self->vm.cpu, &run));
	ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	EXPECT_EQ(1, r.gpr[8]);
	EXPECT_EQ(VM_STACK, r.gpr[AXAS_VCPU_RSP]);
}

/* The table of interrupts is where nothing is yet: one fault, one interrupt. */
TEST_F(vcpu, interrupt_that_faults)
{
	struct axas_vcpu_run run = { .flags = AXAS_VCPU_RUN_WINDOW };
	struct axas_vcpu_regs r;

	ASSERT_EQ(0, ax_map(self->vm.fd, VM_DATA, 2 * AX_PAGE));
	ASSERT_EQ(0, vm_begin(&self->vm, vm_interrupts));
	ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	r.segments[AXAS_VCPU_IDTR].base = VM_DATA;
	r.gpr[AXAS_VCPU_RSP] = VM_DATA + 2 * AX_PAGE;
	ASSERT_EQ(0, vm_set(self->vm.cpu, &r));
	ASSERT_EQ(AXAS_VCPU_EXIT_IO, vm_run_with(self->vm.cpu, &run));
	ASSERT_EQ(AXAS_VCPU_EXIT_WINDOW, vm_run_with(self->vm.cpu, &run));
	run.flags = AXAS_VCPU_RUN_INTERRUPT;
	run.vector = VM_VECTOR;
	ASSERT_EQ(AXAS_VCPU_EXIT_FAULT, vm_run_with(self->vm.cpu, &run));
	EXPECT_EQ(VM_DATA + 16 * VM_VECTOR, run.fault.gpa);
	EXPECT_EQ(0, run.ready);
	ASSERT_EQ(0, vm_put_handler(self->vm.fd, VM_DATA, VM_CODE + 0x800));
	/* The stack is in the other page. */
	ASSERT_EQ(AXAS_VCPU_EXIT_FAULT, vm_run_with(self->vm.cpu, &run));
	EXPECT_EQ(VM_DATA + AX_PAGE, run.fault.gpa & ~(AX_PAGE - 1));
	EXPECT_EQ(AX_W, run.fault.access);
	ASSERT_EQ(AXAS_VCPU_EXIT_IO, vm_run_faults(&self->vm, &run));
	EXPECT_EQ(0x71, run.io.port);
	run.flags = AXAS_VCPU_RUN_WINDOW;
	ASSERT_EQ(AXAS_VCPU_EXIT_WINDOW, vm_run_with(self->vm.cpu, &run));
	ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	EXPECT_EQ(1, r.gpr[8]);
}

/* ---- what the guest has of the CPU, and the host ---- */

VM_GUEST(vm_fpu,
	 "fninit\n fldpi\n movq %rax, %xmm0\n movq %rbx, %xmm15\n"
	 "mov $0x1234, %eax\n mov %rax, %db0\n mov %rax, %db3\n"
	 "out %al, $0x70\n"
	 "movq %xmm0, %rsi\n movq %xmm15, %rdi\n mov %db0, %rbp\n mov %db3, %r9\n"
	 "fstpl (%rsp)\n mov (%rsp), %r8\n hlt");

/* A run with the host's own in those registers; what is there afterwards. */
static int vm_run_xmm(int cpu, struct axas_vcpu_run *run, __u64 in, __u64 *out)
{
	long ret;

	memset(run, 0, sizeof(*run));
	asm volatile("movq %2, %%xmm0\n\t movq %2, %%xmm15\n\t"
		     "syscall\n\t"
		     "movq %%xmm0, %1\n\t movq %%xmm15, %2"
		     : "=a" (ret), "=&r" (out[0]), "+&r" (in)
		     : "a" (SYS_ioctl), "D" ((long)cpu), "S" (AXAS_VCPU_RUN), "d" (run)
		     : "rcx", "r11", "xmm0", "xmm15", "memory");
	out[1] = in;
	return ret ? ret : (int)run->reason;
}

TEST_F(vcpu, fpu_and_debug_registers)
{
	const double pi = 3.14159265358979323846;
	struct axas_vcpu_regs r;
	struct axas_vcpu_run run;
	__u64 out[2], bits;

	ASSERT_EQ(0, vm_begin(&self->vm, vm_fpu));
	ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	r.gpr[AXAS_VCPU_RAX] = 0x1111;
	r.gpr[AXAS_VCPU_RBX] = 0x2222;
	ASSERT_EQ(0, vm_set(self->vm.cpu, &r));
	ASSERT_EQ(AXAS_VCPU_EXIT_IO, vm_run_xmm(self->vm.cpu, &run, 0x3333, out));
	EXPECT_EQ(0x3333, out[0]);
	EXPECT_EQ(0x3333, out[1]);
	ASSERT_EQ(AXAS_VCPU_EXIT_HLT, vm_run_xmm(self->vm.cpu, &run, 0x4444, out));
	EXPECT_EQ(0x4444, out[0]);
	EXPECT_EQ(0x4444, out[1]);
	ASSERT_EQ(0, vm_get(self->vm.cpu, &r));
	EXPECT_EQ(0x1111, r.gpr[AXAS_VCPU_RSI]);
	EXPECT_EQ(0x2222, r.gpr[AXAS_VCPU_RDI]);
	EXPECT_EQ(0x1234, r.gpr[AXAS_VCPU_RBP]);
	EXPECT_EQ(0x1234, r.gpr[9]);
	memcpy(&bits, &pi, sizeof(bits));
	EXPECT_EQ(bits, r.gpr[8]);
}

/* ---- bad use ---- */

/* What is refused when it is set, and what the CPU refuses. */
TEST_F(vcpu, bad_registers)
{
	struct axas_vcpu_regs good = vm_regs(), r;
	struct axas_vcpu_run run;
	static const struct { size_t at; __u64 value; } cases[] = {
#define BAD(field, value) { offsetof(struct axas_vcpu_regs, field), value }
		BAD(efer, 0x1d01), BAD(efer, 1ULL << 40), BAD(cr8, 16), BAD(shadow, 2),
		BAD(pat, 2), BAD(pat, 0x80), BAD(pat, 0xff00000000000000),
		BAD(segments[0], 0x1c930010), BAD(segments[9], 0xffff0000),
		/* 15.5.1 */
		BAD(cr0, 0x1180010033), BAD(cr0, 0xa0010033), BAD(cr4, 0x600),
		BAD(cr4, 1ULL << 40),
	};
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ASSERT_EQ(0, vm_begin(&self->vm, vm_halts));
		r = good;
		memcpy((char *)&r + cases[i].at, &cases[i].value, sizeof(__u64));
		ret = vm_set(self->vm.cpu, &r);
		if (!ret)
			ret = vm_run(self->vm.cpu, &run);
		EXPECT_EQ(-EINVAL, ret)
			TH_LOG("case %u", i);
	}
	ASSERT_EQ(0, vm_begin(&self->vm, vm_halts));
	EXPECT_EQ(AXAS_VCPU_EXIT_HLT, vm_run(self->vm.cpu, &run));
}

static void nothing(int sig)
{
}

/* Signals, a few a second, so that no run is for ever. */
static void start_signals(void)
{
	struct itimerval often = { { 0, 20000 }, { 0, 20000 } };
	struct sigaction sa = { .sa_handler = nothing };

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

/* axas_vcpu.h; and the types of the PAT, volume 2, 7.8.2. */
static bool regs_are_taken(const struct axas_vcpu_regs *r)
{
	unsigned int i, type;

	for (i = 0; i < 64; i += 8) {
		type = r->pat >> i & 0xff;
		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	for (i = 0; i < AXAS_VCPU_NR_SEGMENTS; i++)
		if (r->segments[i].attributes > 0xfff)
			return false;
	return !(r->efer & ~0xd01ULL) && r->cr8 < 16 && r->shadow < 2;
}

static int run_is_refused(const struct axas_vcpu_regs *r, const struct axas_vcpu_run *run)
{
	if (!(run->flags & AXAS_VCPU_RUN_INTERRUPT))
		return 0;
	if (run->vector < 32 || run->vector > 255)
		return -EINVAL;
	return r->rflags & 1 << 9 && !r->shadow ? 0 : -EAGAIN;
}

/* Some registers changed, half of the time with interrupts on. */
static struct axas_vcpu_regs random_regs(__u64 *rnd)
{
	struct axas_vcpu_regs r = vm_regs();
	__u64 *word = (__u64 *)&r;
	unsigned int n = 1 + ax_rand(rnd) % 4;

	while (n--)
		word[ax_rand(rnd) % (sizeof(r) / 8)] ^=
			ax_rand(rnd) % 2 ? ax_rand(rnd) : 1ULL << ax_rand(rnd) % 64;
	if (ax_rand(rnd) % 2)
		r.rflags |= 1 << 9;
	return r;
}

/* A way in which a run may end: the CPU may refuse what it got, by an exit of its own. */
static bool run_has_ended(int ret, const struct axas_vcpu_run *run)
{
	if (ret == AXAS_VCPU_EXIT_OTHER)
		return (__u32)run->other.code != ~0u;
	return ret == -EINTR || ret == -EINVAL || (ret >= 0 && ret < AXAS_VCPU_NR_EXITS);
}

/* Whatever they are: taken or refused as is written, and it ends in one of the ways. */
TEST_F(vcpu, random_registers)
{
	unsigned int ends[AXAS_VCPU_NR_EXITS + 2] = {}, i;
	__u64 rnd = ax_seed("random_registers");
	struct axas_vcpu_regs r, now;
	struct axas_vcpu_run run;
	int ret, refused;

	start_signals();
	for (i = 0; i < 2000; i++) {
		r = random_regs(&rnd);
		ret = vm_set(self->vm.cpu, &r);
		ASSERT_EQ(regs_are_taken(&r) ? 0 : -EINVAL, ret);
		if (ret)
			continue;
		r.rflags |= 2;
		ASSERT_EQ(0, vm_get(self->vm.cpu, &now));
		ASSERT_EQ(0, memcmp(&now, &r, sizeof(r)));
		memset(&run, 0, sizeof(run));
		run.flags = ax_rand(&rnd) % 16;
		run.vector = ax_rand(&rnd) % 300;
		refused = run_is_refused(&r, &run);
		ret = vm_run_with(self->vm.cpu, &run);
		ASSERT_TRUE(refused ? ret == refused : run_has_ended(ret, &run))
			TH_LOG("%d, not %d; code 0x%llx", ret, refused, run.other.code);
		ends[ret >= 0 ? ret : AXAS_VCPU_NR_EXITS + (ret != -EINTR)]++;
	}
	printf("# faults %u, ports %u, msrs %u, hlt %u, windows %u, shutdown %u, other %u, EINTR %u, refused %u\n",
	       ends[0], ends[1], ends[2], ends[3], ends[4], ends[5], ends[6], ends[7], ends[8]);
	EXPECT_LT(0, ends[AXAS_VCPU_EXIT_HLT]);
	EXPECT_LT(0, ends[AXAS_VCPU_NR_EXITS + 1]);
	ASSERT_EQ(0, vm_begin(&self->vm, vm_halts));
	do {
		ret = vm_run(self->vm.cpu, &run);
	} while (ret == -EINTR);
	EXPECT_EQ(AXAS_VCPU_EXIT_HLT, ret);
}

TEST_F(vcpu, refused)
{
	struct axas_vcpu_run run = { .flags = 16 };
	int other;

	EXPECT_EQ(-EBADF, vm_create(self->vm.maker, -1));
	EXPECT_EQ(-EINVAL, vm_create(self->vm.maker, self->vm.maker));
	other = ax_create(self->vm.dev, ax_cpu_walks_amd() ? AXAS_FORMAT_EPT :
							     AXAS_FORMAT_AMD, 48);
	ASSERT_LE(0, other);
	EXPECT_EQ(-EOPNOTSUPP, vm_create(self->vm.maker, other));
	close(other);
	EXPECT_EQ(-EINVAL, vm_run_with(self->vm.cpu, &run));
	EXPECT_EQ(-EFAULT, ax_ioctl(self->vm.cpu, AXAS_VCPU_RUN, (void *)8));
	EXPECT_EQ(-EFAULT, ax_ioctl(self->vm.cpu, AXAS_VCPU_SET_REGS, (void *)8));
	EXPECT_EQ(-EFAULT, ax_ioctl(self->vm.cpu, AXAS_VCPU_GET_REGS, (void *)8));
	EXPECT_EQ(-ENOTTY, ax_ioctl(self->vm.cpu, AXAS_VCPU_CREATE, 0));
	EXPECT_EQ(-ENOTTY, ax_ioctl(self->vm.maker, AXAS_VCPU_RUN, 0));
	/* One that has no registers yet. */
	close(self->vm.cpu);
	self->vm.cpu = vm_create(self->vm.maker, self->vm.fd);
	ASSERT_LE(0, self->vm.cpu);
	EXPECT_EQ(AXAS_VCPU_EXIT_SHUTDOWN, vm_run(self->vm.cpu, &run));
}

/* The space lives as long as its vCPUs: what it had doesn't become another's. */
TEST_F(vcpu, outlives_the_descriptor)
{
	struct axas_vcpu_run run;
	int other;

	ASSERT_EQ(0, vm_begin(&self->vm, vm_fpu));
	close(self->vm.fd);
	other = ax_create(self->vm.dev, AXAS_FORMAT_HOST, 0);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, ax_map_alloc(other, 0, 4 * VM_LOW, AX_RW, AXAS_MAP_POPULATE, 0));
	close(self->vm.maker);
	close(self->vm.dev);
	self->vm.fd = self->vm.maker = self->vm.dev = -1;
	EXPECT_EQ(AXAS_VCPU_EXIT_IO, vm_run(self->vm.cpu, &run));
	EXPECT_EQ(AXAS_VCPU_EXIT_HLT, vm_run(self->vm.cpu, &run));
	close(other);
}

/* A CPU that KVM has is left alone, and is there again afterwards. */
TEST_F(vcpu, leaves_kvm_alone)
{
	struct axas_vcpu_run run;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), machine;

	if (kvm < 0)
		SKIP(return, "no KVM here");
	ASSERT_EQ(0, vm_begin(&self->vm, vm_fpu));
	machine = ioctl(kvm, KVM_CREATE_VM, 0);
	ASSERT_LE(0, machine);
	EXPECT_EQ(-EBUSY, vm_run(self->vm.cpu, &run));
	close(machine);
	close(kvm);
	ASSERT_EQ(AXAS_VCPU_EXIT_IO, vm_run(self->vm.cpu, &run));
	EXPECT_EQ(AXAS_VCPU_EXIT_HLT, vm_run(self->vm.cpu, &run));
}

TEST_HARNESS_MAIN
