// SPDX-License-Identifier: GPL-2.0
/*
 * What a VMCB says of a guest's exits, and what it has the guest take.
 *
 * Section numbers are those of the AMD64 Architecture Programmer's Manual, volume
 * 2; exit codes are in its appendix C.
 */
#include <linux/bitfield.h>

#include <asm/trapnr.h>

#include "svm.h"

/* 15.10.2: EXITINFO1 of a port; bytes are in bits 6:4. */
#define IOIO_IN		BIT_ULL(0)
#define IOIO_STRING	BIT_ULL(2)
#define IOIO_BYTES	GENMASK_ULL(6, 4)
#define IOIO_PORT	GENMASK_ULL(31, 16)

/* 15.25.6: EXITINFO1 of a nested page fault. */
#define NPF_WRITE	BIT_ULL(1)
#define NPF_RESERVED	BIT_ULL(3)
#define NPF_FETCH	BIT_ULL(4)
#define NPF_GUEST_WALK	BIT_ULL(33)

#define EXIT_EXCEPTION(vector)	(SVM_EXIT_EXCP_BASE + (vector))

/* ---- what comes in ---- */

/**
 * svm_ready - would the guest take an external interrupt?
 * @vcpu: the vCPU
 *
 * Return: true if so; what it is about to take goes first.
 */
bool svm_ready(const struct vcpu *vcpu)
{
	const struct svm_vmcb *vmcb = to_vmcb(vcpu);

	return vmcb->rflags & X86_EFLAGS_IF && !(vmcb->shadow & 1) &&
	       !(vmcb->event & SVM_EVENT_VALID);
}

/**
 * svm_raise - have the guest take an event first
 * @vcpu: the vCPU
 * @event: what
 * @vector: of it
 */
void svm_raise(struct vcpu *vcpu, enum vcpu_event event, unsigned int vector)
{
	unsigned int type = event == VCPU_INTERRUPT ? SVM_EVENT_INTERRUPT :
						      SVM_EVENT_EXCEPTION;

	to_vmcb(vcpu)->event = SVM_EVENT_VALID | vector |
			       FIELD_PREP(SVM_EVENT_TYPE, type) |
			       (event == VCPU_EXCEPTION_ERROR ? SVM_EVENT_ERROR : 0);
}

/**
 * svm_want_window - end the run when the guest would take an interrupt
 * @vcpu: the vCPU
 * @want: or don't
 *
 * A virtual interrupt (15.21.4), which is never delivered.
 */
void svm_want_window(struct vcpu *vcpu, bool want)
{
	struct svm_vmcb *vmcb = to_vmcb(vcpu);

	if (want) {
		vmcb->vintr |= SVM_V_IRQ | SVM_V_PRIO | SVM_V_IGN_TPR;
		vmcb->intercept_1 |= SVM_INTERCEPT_VINTR;
	} else {
		vmcb->vintr &= ~(u64)(SVM_V_IRQ | SVM_V_PRIO | SVM_V_IGN_TPR);
		vmcb->intercept_1 &= ~SVM_INTERCEPT_VINTR;
	}
}

/**
 * svm_go_to - have the guest go on behind an instruction
 * @vcpu: the vCPU
 * @rip: where
 */
void svm_go_to(struct vcpu *vcpu, u64 rip)
{
	struct svm_vmcb *vmcb = to_vmcb(vcpu);

	vmcb->rip = rip;
	vmcb->shadow = 0;
}

/* ---- what came out ---- */

/*
 * 15.7.1: where the next instruction is, if the CPU says so; else the one that
 * ended the run had no prefix.
 */
static u64 svm_next(const struct vcpu *vcpu, unsigned int length)
{
	const struct svm_vmcb *vmcb = to_vmcb(vcpu);

	return boot_cpu_has(X86_FEATURE_NRIPS) && vmcb->next_rip ?
	       vmcb->next_rip : vmcb->rip + length;
}

static int exit_msr(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	struct svm_vmcb *vmcb = to_vmcb(vcpu);
	const struct vcpu_msrs msrs = {
		.efer = &vmcb->efer,
		.pat = &vmcb->g_pat,
		.cr0 = vmcb->cr0,
	};

	return vcpu_exit_msr(vcpu, run, &msrs, vmcb->exit_info_1 & 1,
			     svm_next(vcpu, 2));
}

/* An exception that the guest has raised: it takes it. Only #AC has an error code. */
static int exit_exception(struct vcpu *vcpu, unsigned int vector)
{
	return vcpu_raise(vcpu, vector == X86_TRAP_AC ? VCPU_EXCEPTION_ERROR :
							VCPU_EXCEPTION, vector);
}

/* From now on the guest's debug registers are loaded with it. */
static int exit_debug_register(struct vcpu *vcpu)
{
	vcpu->debugs = true;
	to_vmcb(vcpu)->intercept_dr = 0;
	return VCPU_GO_ON;
}

static int exit_other(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	const struct svm_vmcb *vmcb = to_vmcb(vcpu);

	run->reason = AXAS_VCPU_EXIT_OTHER;
	run->other.code = vmcb->exit_code;
	run->other.info[0] = vmcb->exit_info_1;
	run->other.info[1] = vmcb->exit_info_2;
	return 0;
}

static int exit_port(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	const struct svm_vmcb *vmcb = to_vmcb(vcpu);
	u64 info = vmcb->exit_info_1;

	if (info & IOIO_STRING)
		return exit_other(vcpu, run);
	run->io.port = FIELD_GET(IOIO_PORT, info);
	run->io.size = FIELD_GET(IOIO_BYTES, info);
	run->io.out = !(info & IOIO_IN);
	return vcpu_exit_port(vcpu, run, vmcb->exit_info_2);
}

/* A table with reserved bits set isn't one of ours. */
static int exit_fault(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	const struct svm_vmcb *vmcb = to_vmcb(vcpu);
	u64 info = vmcb->exit_info_1;

	if (info & NPF_RESERVED)
		return -EIO;
	run->reason = AXAS_VCPU_EXIT_FAULT;
	run->fault.gpa = vmcb->exit_info_2;
	run->fault.access = info & NPF_FETCH ? AXAS_PROT_EXEC :
			    info & NPF_WRITE ? AXAS_PROT_WRITE : AXAS_PROT_READ;
	run->fault.walk = !!(info & NPF_GUEST_WALK);
	return 0;
}

/*
 * 15.7.2: what the guest was about to take, it takes again. What an instruction
 * has raised comes again with the instruction.
 */
static void svm_take_again(struct svm_vmcb *vmcb)
{
	u64 info = vmcb->exit_int_info;
	unsigned int type = FIELD_GET(SVM_EVENT_TYPE, info);
	unsigned int vector = FIELD_GET(SVM_EVENT_VECTOR, info);

	if (!(info & SVM_EVENT_VALID) || type == SVM_EVENT_SOFTWARE ||
	    (type == SVM_EVENT_EXCEPTION &&
	     (vector == X86_TRAP_BP || vector == X86_TRAP_OF)))
		return;
	vmcb->event = info;
}

/**
 * svm_exit - see to what has ended a guest
 * @vcpu: the vCPU, after it has been entered
 * @run: out: what the caller has to do
 *
 * Return: above 0: the guest goes on; 0: the caller's; or a negative errno.
 */
int svm_exit(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	struct svm_vmcb *vmcb = to_vmcb(vcpu);

	svm_take_again(vmcb);
	switch (vmcb->exit_code) {
	case SVM_EXIT_INTR ... SVM_EXIT_INIT:
		return VCPU_GO_ON; /* came in when interrupts were switched on */
	case SVM_EXIT_VINTR:
		run->reason = AXAS_VCPU_EXIT_WINDOW;
		return 0;
	case SVM_EXIT_READ_DR0 ... SVM_EXIT_WRITE_DR0 + 15:
		return exit_debug_register(vcpu);
	case EXIT_EXCEPTION(X86_TRAP_DB):
	case EXIT_EXCEPTION(X86_TRAP_AC):
		return exit_exception(vcpu, vmcb->exit_code - SVM_EXIT_EXCP_BASE);
	case EXIT_EXCEPTION(X86_TRAP_MC):
		asm volatile("int $0x12"); /* the host's */
		return VCPU_GO_ON;
	case SVM_EXIT_CPUID:
		return vcpu_exit_cpuid(vcpu, svm_next(vcpu, 2));
	case SVM_EXIT_INVD:
	case SVM_EXIT_WBINVD:
		return vcpu_skip(vcpu, svm_next(vcpu, 2)); /* caches are coherent */
	case SVM_EXIT_HLT:
		return vcpu_exit_halt(vcpu, run, svm_next(vcpu, 1));
	case SVM_EXIT_IOIO:
		return exit_port(vcpu, run);
	case SVM_EXIT_MSR:
		return exit_msr(vcpu, run);
	case SVM_EXIT_SHUTDOWN:
		return vcpu_exit_shutdown(vcpu, run);
	case SVM_EXIT_NPF:
		return exit_fault(vcpu, run);
	case SVM_EXIT_RDPMC:
		return vcpu_raise(vcpu, VCPU_EXCEPTION_ERROR, X86_TRAP_GP);
	case SVM_EXIT_RSM:
	case SVM_EXIT_INVLPGA:
	case SVM_EXIT_VMRUN ... SVM_EXIT_RDTSCP:
	case SVM_EXIT_MONITOR ... SVM_EXIT_RDPRU:
		return exit_exception(vcpu, X86_TRAP_UD);
	default:
		return exit_other(vcpu, run);
	}
}
