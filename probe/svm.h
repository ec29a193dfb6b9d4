/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Just enough of AMD SVM for small guests at CPL 3 in 64-bit mode on nested
 * tables, which enter from anywhere and leave nothing behind: EFER.SVME is set
 * before an entry and cleared after it, with interrupts off in between.
 *
 * Section numbers are those of the AMD64 Architecture Programmer's Manual, volume
 * 2. Exit codes are those of asm/svm.h (appendix C).
 */
#ifndef _AXAS_SVM_H
#define _AXAS_SVM_H

#include <linux/bitfield.h>
#include <linux/irqflags.h>
#include <linux/mmu_context.h>
#include <linux/objtool.h>

#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/processor.h>
#include <asm/special_insns.h>
#include <asm/trap_pf.h>
#include <asm/trapnr.h>
#include <uapi/asm/svm.h>

#include "vmcb.h"

/*
 * 15.13: what else ends the guest. Nearly everything, but what takes a map of
 * ports or of MSRs: a guest at CPL 3 without a TSS is refused these anyway.
 */
#define SVM_INTERCEPT_1		((u32)~(BIT(4) | BIT(27) | BIT(28)))
#define SVM_INTERCEPT_2		GENMASK(14, 0)

/**
 * struct svm_area - memory for the CPU, each page by its physical address
 * @hsave: where VMRUN keeps some of the host's state (15.30.4)
 * @host: where VMSAVE keeps what VMRUN doesn't (15.5.2)
 * @vmcb: the guest
 * @old_hsave: what the CPU had for @hsave before
 *
 * Aligned to 4 KiB; used by one CPU at a time.
 */
struct svm_area {
	u8 hsave[SZ_4K];
	struct svm_vmcb host;
	struct svm_vmcb vmcb;
	u64 old_hsave;
};

/**
 * svm_on - have this CPU know the instructions of SVM (15.4)
 * @area: memory that no other CPU uses
 *
 * Context: interrupts are off until svm_off(), so nobody else sees EFER.SVME.
 * Return: 0, -EOPNOTSUPP or -EBUSY.
 */
static inline int svm_on(struct svm_area *area)
{
	int ret = svm_check();

	if (ret)
		return ret;
	probe_wrmsr(MSR_EFER, probe_rdmsr(MSR_EFER) | EFER_SVME);
	area->old_hsave = probe_rdmsr(MSR_VM_HSAVE_PA);
	probe_wrmsr(MSR_VM_HSAVE_PA, probe_pa(area->hsave));
	return 0;
}

/**
 * svm_off - as it was before svm_on()
 * @area: as for svm_on(); the CPU keeps nothing of it
 */
static inline void svm_off(struct svm_area *area)
{
	probe_wrmsr(MSR_VM_HSAVE_PA, area->old_hsave);
	probe_wrmsr(MSR_EFER, probe_rdmsr(MSR_EFER) & ~EFER_SVME);
}

/**
 * struct svm_start - how a guest begins
 * @n_cr3: HPA of its nested root
 * @asid: tag of its translations, not 0
 * @tlb: an SVM_TLB_
 * @cr3: GPA of its top page table
 * @rip: linear address of its code
 * @rsp: linear address of its stack
 * @rflags: besides the fixed bit
 */
struct svm_start {
	u64 n_cr3;
	u32 asid;
	u8 tlb;
	u64 cr3;
	u64 rip;
	u64 rsp;
	u64 rflags;
};

/**
 * svm_write_guest - 64-bit mode, flat, without FPU and without exceptions
 * @vmcb: out: the guest
 * @start: how it begins
 *
 * The guest has the host's PAT register, which counts for nested tables anyway
 * (15.25.8). With its RFLAGS.IF an interrupt of the host ends it, without it
 * waits (15.21.1: V_INTR_MASKING is clear).
 */
static inline void svm_write_guest(struct svm_vmcb *vmcb,
				   const struct svm_start *start)
{
	*vmcb = (struct svm_vmcb){
		.intercept_cr = U32_MAX,
		.intercept_dr = U32_MAX,
		.intercept_exceptions = U32_MAX,
		.intercept_1 = SVM_INTERCEPT_1,
		.intercept_2 = SVM_INTERCEPT_2,
		.asid = start->asid,
		.tlb_control = start->tlb,
		.nested = SVM_NP_ENABLE,
		.n_cr3 = start->n_cr3,
		.cs = {
			.selector = 8 | 3,
			.limit = U32_MAX,
			.attributes = SVM_SEG_FLAT | SVM_SEG_L | SVM_SEG_CODE,
		},
		.ss = {
			.selector = 16 | 3,
			.limit = U32_MAX,
			.attributes = SVM_SEG_FLAT | SVM_SEG_DATA,
		},
		.tr = {
			.limit = 0x67,
			.attributes = SVM_SEG_P | SVM_SEG_TSS,
		},
		.cpl = 3,
		.efer = EFER_LME | EFER_LMA | EFER_NX | EFER_SVME,
		/* No FPU (#NM, #UD), and of CR4 nothing that enables an instruction. */
		.cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_NE | X86_CR0_ET |
		       X86_CR0_WP | X86_CR0_TS | X86_CR0_EM,
		.cr4 = X86_CR4_PAE,
		.cr3 = start->cr3,
		.dr6 = 0xffff0ff0,
		.dr7 = 0x400,
		.rflags = X86_EFLAGS_FIXED | start->rflags,
		.rip = start->rip,
		.rsp = start->rsp,
		.g_pat = probe_rdmsr(MSR_IA32_CR_PAT),
	};
}

/**
 * struct svm_regs - registers of a guest that the VMCB doesn't hold
 * @rdi: RDI
 * @rsi: RSI
 *
 * What the guest leaves in others is lost.
 */
struct svm_regs {
	u64 rdi;
	u64 rsi;
};

/*
 * 15.5.1, 15.6. From CLGI on nothing comes in between (15.17): FS, GS, TR and
 * LDTR are the guest's, and there is no per-CPU data, until the second VMLOAD.
 */
static noinline __maybe_unused void svm_vmrun(struct svm_area *area,
					      struct svm_regs *regs)
{
	u64 vmcb = probe_pa(&area->vmcb), host = probe_pa(&area->host);
	u64 rdi = regs->rdi, rsi = regs->rsi;

	asm volatile("push %%rbp\n\t"
		     "push %%rcx\n\t"
		     "clgi\n\t"
		     "vmload %%rax\n\t"
		     "vmrun %%rax\n\t"
		     "pop %%rax\n\t"
		     "vmload %%rax\n\t"
		     "stgi\n\t"
		     "pop %%rbp"
		     : "+a" (vmcb), "+c" (host), "+D" (rdi), "+S" (rsi)
		     : : "rbx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13",
			 "r14", "r15", "cc", "memory");
	*regs = (struct svm_regs){ rdi, rsi };
}

/* The guest leaves nothing in RBP: objtool takes its pop for an epilogue. */
STACK_FRAME_NON_STANDARD(svm_vmrun);

/* Did an exception of the guest end it? */
static inline bool svm_exit_was(const struct svm_vmcb *vmcb, unsigned int vector)
{
	return vmcb->exit_code == SVM_EXIT_EXCP_BASE + vector;
}

/* Something of the host's, which is at hand again when GIF and IF are set. */
static inline bool svm_exit_was_host(const struct svm_vmcb *vmcb)
{
	return vmcb->exit_code >= SVM_EXIT_INTR &&
	       vmcb->exit_code <= SVM_EXIT_INIT;
}

/**
 * svm_enter - run a guest until it ends
 * @area: with the guest; what ended it is in its VMCB
 * @regs: the guest's registers
 *
 * Debug registers and CR2 are what neither VMRUN nor VMLOAD brings back (15.6).
 *
 * Context: between svm_on() and svm_off().
 * Return: 0, or -EIO if there was no guest.
 */
static inline int svm_enter(struct svm_area *area, struct svm_regs *regs)
{
	unsigned long cr2 = native_read_cr2(), dr6, dr7;

	get_debugreg(dr6, 6);
	get_debugreg(dr7, 7);
	asm volatile("vmsave %%rax" : : "a" (probe_pa(&area->host)) : "memory");
	svm_vmrun(area, regs);
	native_write_cr2(cr2);
	set_debugreg(dr6, 6);
	set_debugreg(dr7, 7);

	/* 15.5.1: VMEXIT_INVALID, of which QEMU writes the lower half. */
	if ((u32)area->vmcb.exit_code != U32_MAX)
		return 0;
	pr_warn_once("axas: VMRUN takes the guest for invalid\n");
	return -EIO;
}

/* 15.16.4: forget one translation of a guest, by its linear address. */
static inline void svm_invlpga(u64 addr, u32 asid)
{
	asm volatile("invlpga %%rax, %%ecx" : : "a" (addr), "c" (asid)
		     : "memory");
}

#endif /* _AXAS_SVM_H */
