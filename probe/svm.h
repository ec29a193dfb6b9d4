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

#include "x86.h"

/* 15.30.1: the firmware keeps SVM off. */
#define SVM_VM_CR_SVMDIS	BIT_ULL(4)
/* 15.25.3 */
#define SVM_NP_ENABLE		BIT_ULL(0)
/* 15.16.2 */
#define SVM_TLB_KEEP		0
#define SVM_TLB_FLUSH_ALL	1
/* Appendix E */
#define SVM_CPUID		0x8000000a

/*
 * 15.13: what else ends the guest. Nearly everything, but what takes a map of
 * ports or of MSRs: a guest at CPL 3 without a TSS is refused these anyway.
 */
#define SVM_INTERCEPT_1		((u32)~(BIT(4) | BIT(27) | BIT(28)))
#define SVM_INTERCEPT_2		GENMASK(14, 0)
#define SVM_INTERCEPT_VMRUN	BIT(0)

/* A segment as a VMCB has it; attributes are bits 55:52 and 47:40 of a descriptor. */
struct svm_segment {
	u16 selector;
	u16 attributes;
	u32 limit;
	u64 base;
};

#define SVM_SEG_CODE	0xb		/* readable, accessed */
#define SVM_SEG_DATA	0x3		/* writable, accessed */
#define SVM_SEG_TSS	0xb		/* 64-bit, busy */
#define SVM_SEG_S	BIT(4)
#define SVM_SEG_DPL_3	(3 << 5)
#define SVM_SEG_P	BIT(7)
#define SVM_SEG_L	BIT(9)
#define SVM_SEG_G	BIT(11)
#define SVM_SEG_FLAT	(SVM_SEG_S | SVM_SEG_DPL_3 | SVM_SEG_P | SVM_SEG_G)

/* Appendix B: the control area, and at 0x400 the state of the guest. */
struct svm_vmcb {
	u32 intercept_cr;
	u32 intercept_dr;
	u32 intercept_exceptions;
	u32 intercept_1;
	u32 intercept_2;
	u32 intercept_3;
	u8 reserved_018[0x40];
	u32 asid;
	u8 tlb_control;
	u8 reserved_05d[3];
	u64 vintr;
	u64 shadow;
	u64 exit_code;
	u64 exit_info_1;
	u64 exit_info_2;
	u64 exit_int_info;
	u64 nested;
	u8 reserved_098[0x10];
	u64 event;
	u64 n_cr3;
	u8 reserved_0b8[0x348];

	struct svm_segment es;
	struct svm_segment cs;
	struct svm_segment ss;
	struct svm_segment ds;
	struct svm_segment fs;
	struct svm_segment gs;
	struct svm_segment gdtr;
	struct svm_segment ldtr;
	struct svm_segment idtr;
	struct svm_segment tr;
	u8 reserved_4a0[0x2b];
	u8 cpl;
	u8 reserved_4cc[4];
	u64 efer;
	u8 reserved_4d8[0x70];
	u64 cr4;
	u64 cr3;
	u64 cr0;
	u64 dr7;
	u64 dr6;
	u64 rflags;
	u64 rip;
	u8 reserved_580[0x58];
	u64 rsp;
	u8 reserved_5e0[0x18];
	u64 rax;
	u8 reserved_600[0x40];
	u64 cr2;
	u8 reserved_648[0x20];
	u64 g_pat;
	u8 reserved_670[0x990];
};

static_assert(offsetof(struct svm_vmcb, asid) == 0x58);
static_assert(offsetof(struct svm_vmcb, exit_code) == 0x70);
static_assert(offsetof(struct svm_vmcb, nested) == 0x90);
static_assert(offsetof(struct svm_vmcb, n_cr3) == 0xb0);
static_assert(offsetof(struct svm_vmcb, es) == 0x400);
static_assert(offsetof(struct svm_vmcb, efer) == 0x4d0);
static_assert(offsetof(struct svm_vmcb, cr0) == 0x558);
static_assert(offsetof(struct svm_vmcb, rsp) == 0x5d8);
static_assert(offsetof(struct svm_vmcb, rax) == 0x5f8);
static_assert(offsetof(struct svm_vmcb, g_pat) == 0x668);
static_assert(sizeof(struct svm_vmcb) == SZ_4K);

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
 * svm_check - may this CPU be used?
 *
 * Context: stays on the CPU.
 * Return: 0, -EOPNOTSUPP or -EBUSY.
 */
static inline int svm_check(void)
{
	if (!this_cpu_has(X86_FEATURE_SVM) || !this_cpu_has(X86_FEATURE_NPT) ||
	    probe_rdmsr(MSR_VM_CR) & SVM_VM_CR_SVMDIS)
		return -EOPNOTSUPP;
	return probe_rdmsr(MSR_EFER) & EFER_SVME ? -EBUSY : 0;
}

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

/* 15.16.1: ASIDs are below that. */
static inline u32 svm_nr_asids(void)
{
	u32 eax = SVM_CPUID, ebx, ecx = 0, edx;

	asm volatile("cpuid" : "+a" (eax), "=b" (ebx), "+c" (ecx), "=d" (edx));
	return ebx;
}

/* 15.16.4: forget one translation of a guest, by its linear address. */
static inline void svm_invlpga(u64 addr, u32 asid)
{
	asm volatile("invlpga %%rax, %%ecx" : : "a" (addr), "c" (asid)
		     : "memory");
}

#endif /* _AXAS_SVM_H */
