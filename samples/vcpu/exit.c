// SPDX-License-Identifier: GPL-2.0
/*
 * What is the same of all CPUs: exits that are answered here or by the caller, and
 * what the guest gets from the next run.
 *
 * Section numbers are those of the AMD64 Architecture Programmer's Manual, volume
 * 2; Intel's registers are the same.
 */
#include <asm/trapnr.h>

#include "vcpu.h"

/* ---- what registers may hold ---- */

/* Bits 55:52 and 47:40 of a descriptor. */
#define VCPU_ATTRIBUTES	GENMASK(11, 0)

/* 7.8.2: the types that there are. */
static bool vcpu_pat_valid(u64 pat)
{
	unsigned int type;

	for (; pat; pat >>= 8) {
		type = pat & 0xff;
		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

/**
 * vcpu_regs_valid - is there nothing that the CPU wouldn't refuse itself?
 * @regs: registers
 *
 * Return: true if the CPU may be asked (15.5.1).
 */
bool vcpu_regs_valid(const struct axas_vcpu_regs *regs)
{
	unsigned int i;

	for (i = 0; i < AXAS_VCPU_NR_SEGMENTS; i++)
		if (regs->segments[i].attributes & ~VCPU_ATTRIBUTES)
			return false;
	return !(regs->efer & ~(u64)VCPU_EFER) && regs->cr8 <= VCPU_MAX_CR8 &&
	       regs->shadow <= 1 && vcpu_pat_valid(regs->pat);
}

/**
 * vcpu_allow_msrs - MSRs that the guest has for itself
 * @allow: called for each, which the way in and out has to swap
 */
void vcpu_allow_msrs(void (*allow)(u32 msr))
{
	static const u32 msrs[] = {
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
		MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK,
		MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP,
		MSR_IA32_SYSENTER_EIP,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		allow(msrs[i]);
}

/* ---- what comes in ---- */

static void vcpu_set_pair(struct vcpu *vcpu, u64 value)
{
	vcpu->gprs[AXAS_VCPU_RAX] = lower_32_bits(value);
	vcpu->gprs[AXAS_VCPU_RDX] = upper_32_bits(value);
}

/* As a write to a register of that width. */
static void vcpu_set_al(struct vcpu *vcpu, u64 value)
{
	u64 mask = GENMASK_ULL(8 * vcpu->size - 1, 0);
	u64 *rax = &vcpu->gprs[AXAS_VCPU_RAX];

	if (vcpu->size == 4)
		*rax = 0;
	*rax = (*rax & ~mask) | (value & mask);
}

/**
 * vcpu_finish - end the instruction that the run before ended at
 * @vcpu: the vCPU
 * @run: the caller's answer
 */
void vcpu_finish(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	enum vcpu_pending pending = vcpu->pending;
	bool fail = run->flags & AXAS_VCPU_RUN_FAIL;

	run->flags &= ~AXAS_VCPU_RUN_FAIL;
	vcpu->pending = VCPU_NOTHING;
	switch (pending) {
	case VCPU_NOTHING:
		return;
	case VCPU_IN:
		vcpu_set_al(vcpu, run->answer);
		break;
	case VCPU_RDMSR:
	case VCPU_WRMSR:
		if (fail) {
			vcpu_raise(vcpu, VCPU_EXCEPTION_ERROR, X86_TRAP_GP);
			return;
		}
		if (pending == VCPU_RDMSR)
			vcpu_set_pair(vcpu, run->answer);
	}
	vcpu_ops->go_to(vcpu, vcpu->next_rip);
}

/* ---- what is answered here ---- */

/**
 * vcpu_exit_cpuid - answer CPUID
 * @vcpu: the vCPU
 * @next_rip: where it goes on
 *
 * Return: %VCPU_GO_ON.
 */
int vcpu_exit_cpuid(struct vcpu *vcpu, u64 next_rip)
{
	u32 function = vcpu->gprs[AXAS_VCPU_RAX];
	u32 index = vcpu->gprs[AXAS_VCPU_RCX];
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
	vcpu->gprs[AXAS_VCPU_RAX] = answer.eax;
	vcpu->gprs[AXAS_VCPU_RBX] = answer.ebx;
	vcpu->gprs[AXAS_VCPU_RCX] = answer.ecx;
	vcpu->gprs[AXAS_VCPU_RDX] = answer.edx;
	return vcpu_skip(vcpu, next_rip);
}

/* 3.1.7: LMA is the CPU's, as other bits are the host's; LME stays under paging. */
static bool vcpu_write_efer(struct vcpu *vcpu, const struct vcpu_msrs *msrs,
			    u64 value)
{
	const u64 keep = ~(u64)VCPU_EFER | EFER_LMA;

	if (value & ~(u64)VCPU_EFER ||
	    ((value ^ *msrs->efer) & EFER_LME && msrs->cr0 & X86_CR0_PG))
		return false;
	*msrs->efer = (value & ~keep) | (*msrs->efer & keep);
	xchg(&vcpu->stale, true);
	return true;
}

static bool vcpu_write_pat(const struct vcpu_msrs *msrs, u64 value)
{
	if (!vcpu_pat_valid(value))
		return false;
	*msrs->pat = value;
	return true;
}

static int vcpu_msr_written(struct vcpu *vcpu, bool done, u64 next_rip)
{
	if (done)
		return vcpu_skip(vcpu, next_rip);
	return vcpu_raise(vcpu, VCPU_EXCEPTION_ERROR, X86_TRAP_GP);
}

static int vcpu_msr_read(struct vcpu *vcpu, u64 value, u64 next_rip)
{
	vcpu_set_pair(vcpu, value);
	return vcpu_skip(vcpu, next_rip);
}

/**
 * vcpu_exit_msr - RDMSR or WRMSR: EFER and PAT are answered here, others by the
 *	caller
 * @vcpu: the vCPU
 * @run: out: for the caller
 * @msrs: those that are answered here
 * @write: it was WRMSR
 * @next_rip: where it goes on
 *
 * Return: %VCPU_GO_ON, or 0 for the caller.
 */
int vcpu_exit_msr(struct vcpu *vcpu, struct axas_vcpu_run *run,
		  const struct vcpu_msrs *msrs, bool write, u64 next_rip)
{
	u32 index = vcpu->gprs[AXAS_VCPU_RCX];
	u64 value = (u32)vcpu->gprs[AXAS_VCPU_RAX] |
		    vcpu->gprs[AXAS_VCPU_RDX] << 32;

	if (index == MSR_EFER && write)
		return vcpu_msr_written(vcpu, vcpu_write_efer(vcpu, msrs, value),
					next_rip);
	if (index == MSR_IA32_CR_PAT && write)
		return vcpu_msr_written(vcpu, vcpu_write_pat(msrs, value),
					next_rip);
	if (index == MSR_EFER)
		return vcpu_msr_read(vcpu, *msrs->efer & VCPU_EFER, next_rip);
	if (index == MSR_IA32_CR_PAT)
		return vcpu_msr_read(vcpu, *msrs->pat, next_rip);
	vcpu->pending = write ? VCPU_WRMSR : VCPU_RDMSR;
	vcpu->next_rip = next_rip;
	run->reason = AXAS_VCPU_EXIT_MSR;
	run->msr.index = index;
	run->msr.write = write;
	run->msr.value = write ? value : 0;
	return 0;
}

/* ---- what the caller answers ---- */

/**
 * vcpu_exit_port - IN or OUT, of one value
 * @vcpu: the vCPU
 * @run: with port, size and direction; out: all else
 * @next_rip: where it goes on
 *
 * Return: 0.
 */
int vcpu_exit_port(struct vcpu *vcpu, struct axas_vcpu_run *run, u64 next_rip)
{
	run->reason = AXAS_VCPU_EXIT_IO;
	run->io.data = 0;
	if (run->io.out) {
		run->io.data = vcpu->gprs[AXAS_VCPU_RAX] &
			       GENMASK_ULL(8 * run->io.size - 1, 0);
		vcpu_ops->go_to(vcpu, next_rip);
		return 0;
	}
	vcpu->pending = VCPU_IN;
	vcpu->size = run->io.size;
	vcpu->next_rip = next_rip;
	return 0;
}

/**
 * vcpu_exit_halt - HLT, which is done
 * @vcpu: the vCPU
 * @run: out: for the caller
 * @next_rip: where it goes on
 *
 * Return: 0.
 */
int vcpu_exit_halt(struct vcpu *vcpu, struct axas_vcpu_run *run, u64 next_rip)
{
	vcpu_ops->go_to(vcpu, next_rip);
	run->reason = AXAS_VCPU_EXIT_HLT;
	return 0;
}

/**
 * vcpu_exit_shutdown - a triple fault
 * @vcpu: the vCPU
 * @run: out: for the caller
 *
 * Return: 0.
 */
int vcpu_exit_shutdown(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	vcpu->dead = true;
	run->reason = AXAS_VCPU_EXIT_SHUTDOWN;
	return 0;
}
