// SPDX-License-Identifier: GPL-2.0
/*
 * What VMX says of a guest's exits, and what it has the guest take.
 *
 * Section numbers are those of the Intel SDM, volume 3C; exit reasons are in its
 * appendix C (3D).
 */
#include <linux/bitfield.h>

#include <asm/trapnr.h>

#include "vmx.h"

/* What asm/vmx.h has no name for */
#define EXIT_GETSEC	11

/* Table 28-5: qualification of a port; of its bytes one less. */
#define PORT_BYTES	GENMASK_ULL(2, 0)
#define PORT_IN		BIT_ULL(3)
#define PORT_STRING	BIT_ULL(4)
#define PORT_NUMBER	GENMASK_ULL(31, 16)

/* Table 28-3: qualification of a control register */
#define CR_ACCESS	GENMASK_ULL(5, 0)
#define CR_TO(n)	(n)
#define CR_FROM(n)	(1 << 4 | (n))
#define CR_GPR		GENMASK_ULL(11, 8)

/* Table 28-1: qualification of a debug exception, which are bits of DR6 */
#define DB_BITS		(DR_TRAP_BITS | DR_STEP | BIT(13))
#define DR7_GD		BIT(13)

/* Table 28-7: qualification of an EPT violation */
#define EPT_WRITE	BIT_ULL(1)
#define EPT_FETCH	BIT_ULL(2)
/* ... clear: of a paging structure, also where there is no linear address. */
#define EPT_FINAL	BIT_ULL(8)
/* ... with EPT_FINAL: the linear address is user mode's, as all are without paging. */
#define EPT_USER_MODE	BIT_ULL(9)

/* Tables 25-15 and 25-18: what an event is taken again with */
#define EVENT_TAKEN	(INTR_INFO_VECTOR_MASK | INTR_INFO_INTR_TYPE_MASK | \
			 INTR_INFO_DELIVER_CODE_MASK | INTR_INFO_VALID_MASK)

/* ---- what comes in ---- */

bool vmx_ready(const struct vcpu *vcpu)
{
	const struct vmx_vcpu *vmx = to_vmx(vcpu);

	return vmx->regs.rflags & X86_EFLAGS_IF && !vmx->regs.shadow &&
	       !(vmx->event & INTR_INFO_VALID_MASK);
}

/* 27.2.1.3: in real mode there are no error codes. */
void vmx_raise(struct vcpu *vcpu, enum vcpu_event event, unsigned int vector)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 type = event == VCPU_INTERRUPT ? INTR_TYPE_EXT_INTR :
					     INTR_TYPE_HARD_EXCEPTION;

	if (event == VCPU_EXCEPTION_ERROR && vmx->regs.cr0 & X86_CR0_PE)
		type |= INTR_INFO_DELIVER_CODE_MASK;
	vmx->event = INTR_INFO_VALID_MASK | type | vector;
	vmx->event_error = 0;
}

void vmx_go_to(struct vcpu *vcpu, u64 rip)
{
	to_vmx(vcpu)->regs.rip = rip;
	to_vmx(vcpu)->regs.shadow = 0;
}

/* 26.2: before any instruction at which an interrupt would be taken. */
void vmx_want_window(struct vcpu *vcpu, bool want)
{
	if (want)
		to_vmx(vcpu)->primary |= CPU_BASED_INTR_WINDOW_EXITING;
	else
		to_vmx(vcpu)->primary &= ~CPU_BASED_INTR_WINDOW_EXITING;
}

/* ---- what came out ---- */

static u64 vmx_next(const struct vcpu *vcpu)
{
	return to_vmx(vcpu)->regs.rip + to_vmx(vcpu)->length;
}

static int exit_other(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	run->reason = AXAS_VCPU_EXIT_OTHER;
	run->other.code = to_vmx(vcpu)->reason;
	run->other.info[0] = to_vmx(vcpu)->qual;
	run->other.info[1] = 0;
	return 0;
}

/*
 * 28.2.1: an exit isn't the exception yet: what DR6 and DR7 become is for us, as
 * delivery after an entry (27.6.1.1) leaves them alone.
 */
static int exit_debug(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx->dr6 = (vmx->dr6 & ~DR_TRAP_BITS) | (vmx->qual & DB_BITS);
	vmx->dr7 &= ~DR7_GD;
	vmx->changed = true;
	return vcpu_raise(vcpu, VCPU_EXCEPTION, X86_TRAP_DB);
}

/* An exception that the guest has raised: it takes it. An NMI has been handled. */
static int exit_exception(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	u32 info = to_vmx(vcpu)->intr_info;

	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR)
		return VCPU_GO_ON;
	switch (info & INTR_INFO_VECTOR_MASK) {
	case X86_TRAP_DB:
		return exit_debug(vcpu);
	case X86_TRAP_AC:
		return vcpu_raise(vcpu, VCPU_EXCEPTION_ERROR, X86_TRAP_AC);
	case X86_TRAP_MC:
		asm volatile("int $0x12"); /* the host's */
		return VCPU_GO_ON;
	default:
		return exit_other(vcpu, run);
	}
}

/* From now on the guest's debug registers are loaded with it. */
static int exit_debug_register(struct vcpu *vcpu)
{
	vcpu->debugs = true;
	to_vmx(vcpu)->primary &= ~CPU_BASED_MOV_DR_EXITING;
	return VCPU_GO_ON;
}

/*
 * A write to CR0 or CR4 that changes a bit of the host's. The guest sees its own bit
 * from now on, and executes the instruction again: then there is nothing of the
 * host's to change, and all else that such a write does is done by the CPU.
 */
static int exit_show(struct vcpu *vcpu, u64 *cr, u64 value, u64 host, bool allowed)
{
	if (!allowed)
		return vcpu_raise(vcpu, VCPU_EXCEPTION_ERROR, X86_TRAP_GP);
	*cr = (*cr & ~host) | (value & host);
	to_vmx(vcpu)->changed = true;
	return VCPU_GO_ON;
}

/* Volume 2B, MOV to and from control registers: what raises #GP */
static int exit_control_register(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u64 *gpr = &vcpu->gprs[FIELD_GET(CR_GPR, vmx->qual)], value = *gpr;

	if (!(vmx->regs.efer & EFER_LMA))
		value = (u32)value;
	switch (vmx->qual & CR_ACCESS) {
	case CR_TO(0):
		return exit_show(vcpu, &vmx->regs.cr0, value, VMX_CR0_HOST,
				 !(value & X86_CR0_NW) || value & X86_CR0_CD);
	case CR_TO(4):
		return exit_show(vcpu, &vmx->regs.cr4, value, VMX_CR4_SHOWN,
				 !(value & ~(u64)(VMX_CR4_GUEST | VMX_CR4_SHOWN)));
	case CR_TO(8):
		if (value > VCPU_MAX_CR8)
			return vcpu_raise(vcpu, VCPU_EXCEPTION_ERROR, X86_TRAP_GP);
		vmx->regs.cr8 = value;
		return vcpu_skip(vcpu, vmx_next(vcpu));
	case CR_FROM(8):
		*gpr = vmx->regs.cr8;
		return vcpu_skip(vcpu, vmx_next(vcpu));
	default:
		return exit_other(vcpu, run);
	}
}

static int exit_msr(struct vcpu *vcpu, struct axas_vcpu_run *run, bool write)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	const struct vcpu_msrs msrs = {
		.efer = &vmx->regs.efer,
		.pat = &vmx->regs.pat,
		.cr0 = vmx->regs.cr0,
	};

	return vcpu_exit_msr(vcpu, run, &msrs, write, vmx_next(vcpu));
}

static int exit_port(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	u64 qual = to_vmx(vcpu)->qual;

	if (qual & PORT_STRING)
		return exit_other(vcpu, run);
	run->io.port = FIELD_GET(PORT_NUMBER, qual);
	run->io.size = FIELD_GET(PORT_BYTES, qual) + 1;
	run->io.out = !(qual & PORT_IN);
	return vcpu_exit_port(vcpu, run, vmx_next(vcpu));
}

/* The mode is that of the linear address, whatever the privilege level (29.3.3.2). */
static u32 vmx_fetch(const struct vmx_vcpu *vmx)
{
	return vmx->vcpu.space->npt.features & AXAS_FEAT_EXEC_USER &&
	       vmx->qual & EPT_USER_MODE ? AXAS_PROT_EXEC_USER : AXAS_PROT_EXEC;
}

static int exit_fault(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	const struct vmx_vcpu *vmx = to_vmx(vcpu);

	run->reason = AXAS_VCPU_EXIT_FAULT;
	run->fault.gpa = vmx->gpa;
	run->fault.access = vmx->qual & EPT_FETCH ? vmx_fetch(vmx) :
			    vmx->qual & EPT_WRITE ? AXAS_PROT_WRITE :
						    AXAS_PROT_READ;
	run->fault.walk = !(vmx->qual & EPT_FINAL);
	return 0;
}

/*
 * 28.2.4: what the guest was about to take, it takes again. What an instruction
 * has raised comes again with the instruction.
 */
static void vmx_take_again(struct vmx_vcpu *vmx)
{
	u32 type = vmx->vectoring & INTR_INFO_INTR_TYPE_MASK;

	if (!(vmx->vectoring & INTR_INFO_VALID_MASK) ||
	    (type != INTR_TYPE_EXT_INTR && type != INTR_TYPE_HARD_EXCEPTION))
		return;
	vmx->event = vmx->vectoring & EVENT_TAKEN;
	vmx->event_error = vmx->vectoring_error;
}

/* Reasons of instructions that the guest doesn't have are next to each other. */
static int exit_instruction(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	switch (to_vmx(vcpu)->reason) {
	case EXIT_REASON_CPUID:
		return vcpu_exit_cpuid(vcpu, vmx_next(vcpu));
	case EXIT_REASON_HLT:
		return vcpu_exit_halt(vcpu, run, vmx_next(vcpu));
	case EXIT_REASON_INVD:
	case EXIT_REASON_WBINVD:
		return vcpu_skip(vcpu, vmx_next(vcpu)); /* caches are coherent */
	case EXIT_REASON_RDPMC:
		return vcpu_raise(vcpu, VCPU_EXCEPTION_ERROR, X86_TRAP_GP);
	case EXIT_REASON_CR_ACCESS:
		return exit_control_register(vcpu, run);
	case EXIT_REASON_DR_ACCESS:
		return exit_debug_register(vcpu);
	case EXIT_REASON_IO_INSTRUCTION:
		return exit_port(vcpu, run);
	case EXIT_REASON_MSR_READ:
		return exit_msr(vcpu, run, false);
	case EXIT_REASON_MSR_WRITE:
		return exit_msr(vcpu, run, true);
	case EXIT_GETSEC:
	case EXIT_REASON_VMCALL ... EXIT_REASON_VMON:
	case EXIT_REASON_MWAIT_INSTRUCTION:
	case EXIT_REASON_MONITOR_INSTRUCTION:
	case EXIT_REASON_INVEPT:
	case EXIT_REASON_INVVPID:
	case EXIT_REASON_XSETBV:
	case EXIT_REASON_ENCLS:
		return vcpu_raise(vcpu, VCPU_EXCEPTION, X86_TRAP_UD);
	default:
		return exit_other(vcpu, run);
	}
}

int vmx_exit(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	vmx_take_again(to_vmx(vcpu));
	switch (to_vmx(vcpu)->reason) {
	case EXIT_REASON_EXTERNAL_INTERRUPT:
		return VCPU_GO_ON; /* came in when interrupts were switched on */
	case EXIT_REASON_EXCEPTION_NMI:
		return exit_exception(vcpu, run);
	case EXIT_REASON_INTERRUPT_WINDOW:
		run->reason = AXAS_VCPU_EXIT_WINDOW;
		return 0;
	case EXIT_REASON_TRIPLE_FAULT:
		return vcpu_exit_shutdown(vcpu, run);
	case EXIT_REASON_EPT_VIOLATION:
		return exit_fault(vcpu, run);
	case EXIT_REASON_EPT_MISCONFIG:
		return -EIO; /* not one of our tables */
	default:
		return exit_instruction(vcpu, run);
	}
}
