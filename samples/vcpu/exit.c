// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest's exits mean, and what it gets from the next run.
 *
 * Section numbers are those of the AMD64 Architecture Programmer's Manual, volume
 * 2; exit codes are in its appendix C.
 */
#include <linux/bitfield.h>

#include <asm/trapnr.h>

#include "vcpu.h"

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

/* To the guest, and not to the caller. */
#define GO_ON	1

/* ---- what comes in ---- */

/**
 * svm_ready - would the guest take an external interrupt?
 * @vcpu: the vCPU
 *
 * Return: true if so; what it is about to take goes first.
 */
bool svm_ready(const struct vcpu *vcpu)
{
	const struct svm_vmcb *vmcb = vcpu->vmcb;

	return vmcb->rflags & X86_EFLAGS_IF && !(vmcb->shadow & 1) &&
	       !(vmcb->event & SVM_EVENT_VALID);
}

/**
 * svm_raise - have the guest take an event first
 * @vcpu: the vCPU
 * @type: SVM_EVENT_*
 * @vector: of it
 */
void svm_raise(struct vcpu *vcpu, unsigned int type, unsigned int vector)
{
	vcpu->vmcb->event = SVM_EVENT_VALID | vector |
			    FIELD_PREP(SVM_EVENT_TYPE, type);
}

/* With an error code of 0. */
static void svm_raise_gp(struct vcpu *vcpu)
{
	svm_raise(vcpu, SVM_EVENT_EXCEPTION, X86_TRAP_GP);
	vcpu->vmcb->event |= SVM_EVENT_ERROR;
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
	struct svm_vmcb *vmcb = vcpu->vmcb;

	if (want) {
		vmcb->vintr |= SVM_V_IRQ | SVM_V_PRIO | SVM_V_IGN_TPR;
		vmcb->intercept_1 |= SVM_INTERCEPT_VINTR;
	} else {
		vmcb->vintr &= ~(u64)(SVM_V_IRQ | SVM_V_PRIO | SVM_V_IGN_TPR);
		vmcb->intercept_1 &= ~SVM_INTERCEPT_VINTR;
	}
}

static void svm_go_to(struct vcpu *vcpu, u64 rip)
{
	vcpu->vmcb->rip = rip;
	vcpu->vmcb->shadow = 0;
	vcpu->pending = VCPU_NOTHING;
}

/*
 * 15.7.1: where the next instruction is, if the CPU says so; else the one that
 * ended the run had no prefix.
 */
static u64 svm_next(const struct vcpu *vcpu, unsigned int length)
{
	const struct svm_vmcb *vmcb = vcpu->vmcb;

	return boot_cpu_has(X86_FEATURE_NRIPS) && vmcb->next_rip ?
	       vmcb->next_rip : vmcb->rip + length;
}

static int svm_skip(struct vcpu *vcpu, unsigned int length)
{
	svm_go_to(vcpu, svm_next(vcpu, length));
	return GO_ON;
}

static void svm_set_pair(struct vcpu *vcpu, u64 value)
{
	vcpu->vmcb->rax = lower_32_bits(value);
	vcpu->gprs[AXAS_VCPU_RDX] = upper_32_bits(value);
}

/* As a write to a register of that width. */
static void svm_set_al(struct vcpu *vcpu, u64 value)
{
	u64 mask = GENMASK_ULL(8 * vcpu->size - 1, 0);

	if (vcpu->size == 4)
		vcpu->vmcb->rax = 0;
	vcpu->vmcb->rax = (vcpu->vmcb->rax & ~mask) | (value & mask);
}

/**
 * svm_finish - end the instruction that the run before ended at
 * @vcpu: the vCPU
 * @run: the caller's answer
 */
void svm_finish(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	bool fail = run->flags & AXAS_VCPU_RUN_FAIL;

	run->flags &= ~AXAS_VCPU_RUN_FAIL;
	switch (vcpu->pending) {
	case VCPU_NOTHING:
		return;
	case VCPU_IN:
		svm_set_al(vcpu, run->answer);
		break;
	case VCPU_RDMSR:
	case VCPU_WRMSR:
		if (fail) {
			vcpu->pending = VCPU_NOTHING;
			svm_raise_gp(vcpu);
			return;
		}
		if (vcpu->pending == VCPU_RDMSR)
			svm_set_pair(vcpu, run->answer);
	}
	svm_go_to(vcpu, vcpu->next_rip);
}

/* ---- what is answered here ---- */

static int exit_cpuid(struct vcpu *vcpu)
{
	u32 function = vcpu->vmcb->rax, index = vcpu->gprs[AXAS_VCPU_RCX];
	const struct axas_vcpu_cpuid_entry *entry = vcpu->cpuid;
	struct axas_vcpu_cpuid_entry answer = {};
	unsigned int i;

	for (i = 0; i < vcpu->nr_cpuid; i++, entry++) {
		if (entry->function != function ||
		    (entry->index != index && entry->index != AXAS_VCPU_ANY_INDEX))
			continue;
		answer = *entry;
		break;
	}
	vcpu->vmcb->rax = answer.eax;
	vcpu->gprs[AXAS_VCPU_RBX] = answer.ebx;
	vcpu->gprs[AXAS_VCPU_RCX] = answer.ecx;
	vcpu->gprs[AXAS_VCPU_RDX] = answer.edx;
	return svm_skip(vcpu, 2);
}

/* 3.1.7: SVME is the host's; LMA is the CPU's, and LME doesn't change under it. */
static bool svm_write_efer(struct vcpu *vcpu, u64 value)
{
	struct svm_vmcb *vmcb = vcpu->vmcb;

	if (value & ~(u64)SVM_EFER ||
	    ((value ^ vmcb->efer) & EFER_LME && vmcb->cr0 & X86_CR0_PG))
		return false;
	vmcb->efer = (value & ~(u64)EFER_LMA) | EFER_SVME |
		     (vmcb->efer & EFER_LMA);
	xchg(&vcpu->stale, true);
	return true;
}

static bool svm_write_pat(struct vcpu *vcpu, u64 value)
{
	if (!svm_pat_valid(value))
		return false;
	vcpu->vmcb->g_pat = value;
	return true;
}

static int svm_msr_written(struct vcpu *vcpu, bool done)
{
	if (done)
		return svm_skip(vcpu, 2);
	svm_raise_gp(vcpu);
	return GO_ON;
}

static int svm_msr_read(struct vcpu *vcpu, u64 value)
{
	svm_set_pair(vcpu, value);
	return svm_skip(vcpu, 2);
}

static int exit_msr(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	struct svm_vmcb *vmcb = vcpu->vmcb;
	u32 index = vcpu->gprs[AXAS_VCPU_RCX];
	bool write = vmcb->exit_info_1 & 1;
	u64 value = (u32)vmcb->rax | vcpu->gprs[AXAS_VCPU_RDX] << 32;

	if (index == MSR_EFER)
		return write ? svm_msr_written(vcpu, svm_write_efer(vcpu, value)) :
			       svm_msr_read(vcpu, vmcb->efer & ~(u64)EFER_SVME);
	if (index == MSR_IA32_CR_PAT)
		return write ? svm_msr_written(vcpu, svm_write_pat(vcpu, value)) :
			       svm_msr_read(vcpu, vmcb->g_pat);
	vcpu->pending = write ? VCPU_WRMSR : VCPU_RDMSR;
	vcpu->next_rip = svm_next(vcpu, 2);
	run->reason = AXAS_VCPU_EXIT_MSR;
	run->msr.index = index;
	run->msr.write = write;
	run->msr.value = write ? value : 0;
	return 0;
}

/* An exception that the guest has raised: it takes it. Only #AC has an error code. */
static int exit_exception(struct vcpu *vcpu, unsigned int vector)
{
	svm_raise(vcpu, SVM_EVENT_EXCEPTION, vector);
	if (vector == X86_TRAP_AC)
		vcpu->vmcb->event |= SVM_EVENT_ERROR;
	return GO_ON;
}

/* From now on the guest's debug registers are loaded with it. */
static int exit_debug_register(struct vcpu *vcpu)
{
	vcpu->debugs = true;
	vcpu->vmcb->intercept_dr = 0;
	return GO_ON;
}

/* ---- what the caller answers ---- */

static int exit_other(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	run->reason = AXAS_VCPU_EXIT_OTHER;
	run->other.code = vcpu->vmcb->exit_code;
	run->other.info[0] = vcpu->vmcb->exit_info_1;
	run->other.info[1] = vcpu->vmcb->exit_info_2;
	return 0;
}

static int exit_port(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	struct svm_vmcb *vmcb = vcpu->vmcb;
	u64 info = vmcb->exit_info_1;

	if (info & IOIO_STRING)
		return exit_other(vcpu, run);
	run->reason = AXAS_VCPU_EXIT_IO;
	run->io.port = FIELD_GET(IOIO_PORT, info);
	run->io.size = FIELD_GET(IOIO_BYTES, info);
	run->io.out = !(info & IOIO_IN);
	run->io.data = 0;
	if (run->io.out) {
		run->io.data = vmcb->rax & GENMASK_ULL(8 * run->io.size - 1, 0);
		svm_go_to(vcpu, vmcb->exit_info_2);
		return 0;
	}
	vcpu->pending = VCPU_IN;
	vcpu->size = run->io.size;
	vcpu->next_rip = vmcb->exit_info_2;
	return 0;
}

/* A table with reserved bits set isn't one of ours. */
static int exit_fault(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	u64 info = vcpu->vmcb->exit_info_1;

	if (info & NPF_RESERVED)
		return -EIO;
	run->reason = AXAS_VCPU_EXIT_FAULT;
	run->fault.gpa = vcpu->vmcb->exit_info_2;
	run->fault.access = info & NPF_FETCH ? AXAS_PROT_EXEC :
			    info & NPF_WRITE ? AXAS_PROT_WRITE : AXAS_PROT_READ;
	run->fault.walk = !!(info & NPF_GUEST_WALK);
	return 0;
}

static int exit_shutdown(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	vcpu->dead = true;
	run->reason = AXAS_VCPU_EXIT_SHUTDOWN;
	return 0;
}

/*
 * 15.7.2: what the guest was about to take, it takes again. What an instruction
 * has raised comes again with the instruction.
 */
static void svm_take_again(struct vcpu *vcpu)
{
	u64 info = vcpu->vmcb->exit_int_info;
	unsigned int type = FIELD_GET(SVM_EVENT_TYPE, info);
	unsigned int vector = FIELD_GET(SVM_EVENT_VECTOR, info);

	if (!(info & SVM_EVENT_VALID) || type == SVM_EVENT_SOFTWARE ||
	    (type == SVM_EVENT_EXCEPTION &&
	     (vector == X86_TRAP_BP || vector == X86_TRAP_OF)))
		return;
	vcpu->vmcb->event = info;
}

/**
 * svm_exit - see to what has ended a guest
 * @vcpu: the vCPU, after svm_run()
 * @run: out: what the caller has to do
 *
 * Return: above 0: the guest goes on; 0: the caller's; or a negative errno.
 */
int svm_exit(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	struct svm_vmcb *vmcb = vcpu->vmcb;

	svm_take_again(vcpu);
	switch (vmcb->exit_code) {
	case SVM_EXIT_INTR ... SVM_EXIT_INIT:
		return GO_ON; /* came in when interrupts were switched on */
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
		return GO_ON;
	case SVM_EXIT_CPUID:
		return exit_cpuid(vcpu);
	case SVM_EXIT_INVD:
	case SVM_EXIT_WBINVD:
		return svm_skip(vcpu, 2); /* caches are coherent */
	case SVM_EXIT_HLT:
		svm_skip(vcpu, 1);
		run->reason = AXAS_VCPU_EXIT_HLT;
		return 0;
	case SVM_EXIT_IOIO:
		return exit_port(vcpu, run);
	case SVM_EXIT_MSR:
		return exit_msr(vcpu, run);
	case SVM_EXIT_SHUTDOWN:
		return exit_shutdown(vcpu, run);
	case SVM_EXIT_NPF:
		return exit_fault(vcpu, run);
	case SVM_EXIT_RDPMC:
		svm_raise_gp(vcpu);
		return GO_ON;
	case SVM_EXIT_RSM:
	case SVM_EXIT_INVLPGA:
	case SVM_EXIT_VMRUN ... SVM_EXIT_RDTSCP:
	case SVM_EXIT_MONITOR ... SVM_EXIT_RDPRU:
		return exit_exception(vcpu, X86_TRAP_UD);
	default:
		return exit_other(vcpu, run);
	}
}
