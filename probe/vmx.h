/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Just enough of Intel VMX for small guests at CPL 3 or 0 in 64-bit mode, which
 * enter from anywhere and leave nothing behind: VMX operation begins before an
 * entry and ends after it, with interrupts off in between.
 *
 * Section numbers are those of the Intel SDM, volume 3C; appendices are in 3D.
 * Encodings of VMCS fields, controls, exit reasons and capabilities are those of
 * asm/vmx.h, where they have the names of chapter 25 and appendices A, B and C.
 */
#ifndef _AXAS_VMX_H
#define _AXAS_VMX_H

#include <linux/bitfield.h>
#include <linux/irqflags.h>
#include <linux/mmu_context.h>
#include <linux/objtool.h>

#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/processor.h>
#include <asm/segment.h>
#include <asm/special_insns.h>
#include <asm/trap_pf.h>
#include <asm/trapnr.h>
#include <asm/vmx.h>

#include "x86.h"

/* Volume 3A, table 3-1: readable code and writable data, accessed. */
#define AR_TYPE_CODE	11
#define AR_TYPE_DATA	3

/**
 * struct vmx_host - state of the host that a VM exit doesn't bring back (28.5)
 * @gdt: its limit becomes 0xffff
 * @idt: its limit becomes 0xffff
 * @ldt: becomes unusable
 * @ds: the VMCS holds no selector with an RPL (27.2.3)
 * @es: as @ds
 * @fs: as @ds
 * @gs: as @ds
 * @fs_base: comes back, and goes again with @fs
 * @user_gs_base: goes with @gs
 * @dr7: becomes 0x400
 * @debugctl: becomes 0
 * @cr2: page faults of the guest
 */
struct vmx_host {
	struct desc_ptr gdt;
	struct desc_ptr idt;
	u16 ldt;
	u16 ds;
	u16 es;
	u16 fs;
	u16 gs;
	u64 fs_base;
	u64 user_gs_base;
	unsigned long dr7;
	u64 debugctl;
	unsigned long cr2;
};

/* ---- instructions of VMX: chapter 31 ---- */

/* All of them say by CF or ZF that they failed (31.2). */
#define VMX_ASM(insn, ...)						\
({									\
	bool __failed;							\
									\
	asm volatile(insn "; setbe %0" : "=qm" (__failed)		\
		     : __VA_ARGS__ : "cc", "memory");			\
	__failed;							\
})

static inline bool vmx_vmxon(u64 pa)
{
	return VMX_ASM("vmxon %1", "m" (pa));
}

static inline void vmx_vmxoff(void)
{
	asm volatile("vmxoff" : : : "cc", "memory");
}

static inline bool vmx_vmclear(u64 pa)
{
	return VMX_ASM("vmclear %1", "m" (pa));
}

static inline bool vmx_vmptrld(u64 pa)
{
	return VMX_ASM("vmptrld %1", "m" (pa));
}

static inline bool vmx_invept(unsigned long type, u64 eptp)
{
	struct {
		u64 eptp;
		u64 zero;
	} desc = { eptp, 0 };

	return VMX_ASM("invept %1, %2", "m" (desc), "r" (type));
}

static inline u64 vmx_read(unsigned long field)
{
	u64 value = 0;

	asm volatile("vmread %1, %0" : "+r" (value) : "r" (field) : "cc");
	return value;
}

/* A field that isn't there makes the entry fail. */
static inline void vmx_write(unsigned long field, u64 value)
{
	asm volatile("vmwrite %0, %1" : : "r" (value), "r" (field) : "cc");
}

/*
 * Registers of a guest that the VMCS doesn't hold. What the guest leaves in
 * others is lost.
 */
struct vmx_regs {
	u64 rax;
	u64 rcx;
	u64 rdx;
	u64 rsi;
	u64 rdi;
};

/*
 * Enter the guest, and come back by a VM exit, which leaves CF and ZF clear
 * (28.5.3), or because VMLAUNCH failed. HOST_RIP is behind VMLAUNCH, so that
 * both go on in the same place.
 */
static noinline __maybe_unused bool vmx_launch(struct vmx_regs *regs)
{
	register unsigned long rsp_field asm("r8") = HOST_RSP;
	register unsigned long rip_field asm("r9") = HOST_RIP;
	u64 rax = regs->rax, rcx = regs->rcx, rdx = regs->rdx;
	u64 rsi = regs->rsi, rdi = regs->rdi;

	asm volatile("push %%rbp\n\t"
		     "vmwrite %%rsp, %%r8\n\t"
		     "lea 1f(%%rip), %%r10\n\t"
		     "vmwrite %%r10, %%r9\n\t"
		     "vmlaunch\n"
		     "1:\n\t"
		     "pop %%rbp\n\t"
		     "setbe %%r8b\n\t"
		     "movzbl %%r8b, %%r8d"
		     : "+a" (rax), "+c" (rcx), "+d" (rdx), "+S" (rsi),
		       "+D" (rdi), "+r" (rsp_field), "+r" (rip_field)
		     : : "rbx", "r10", "r11", "r12", "r13", "r14", "r15", "cc",
			 "memory");
	*regs = (struct vmx_regs){ rax, rcx, rdx, rsi, rdi };
	return rsp_field;
}

/* The guest leaves nothing in RBP: objtool takes its pop for an epilogue. */
STACK_FRAME_NON_STANDARD(vmx_launch);

/* ---- VMX operation: 24.7 ---- */

/*
 * Interrupts are off until VMXE is cleared again, so nobody else sees it set,
 * and the kernel's own copy of CR4 needn't know.
 */
static inline void vmx_write_cr4(unsigned long cr4)
{
	asm volatile("mov %0, %%cr4" : : "r" (cr4) : "memory");
}

/**
 * vmx_check - may this CPU be used?
 *
 * Context: stays on the CPU.
 * Return: 0, -EOPNOTSUPP or -EBUSY.
 */
static inline int vmx_check(void)
{
	const u64 enabled = FEAT_CTL_LOCKED | FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX;

	if (!this_cpu_has(X86_FEATURE_VMX) ||
	    (probe_rdmsr(MSR_IA32_FEAT_CTL) & enabled) != enabled)
		return -EOPNOTSUPP;
#ifdef X86_FEATURE_FRED
	/* vmx_nmi() knows the IDT only. */
	if (cpu_feature_enabled(X86_FEATURE_FRED))
		return -EOPNOTSUPP;
#endif
	return __read_cr4() & X86_CR4_VMXE ? -EBUSY : 0;
}

/* A.1: bits 30:0 identify the layout of VMXON region and VMCS. */
static inline u32 vmx_revision(void)
{
	return probe_rdmsr(MSR_IA32_VMX_BASIC) & GENMASK(30, 0);
}

/**
 * struct vmx_area - memory for the CPU
 * @vmxon: VMXON region (25.11.5)
 * @vmcs: VMCS region (25.2)
 *
 * Aligned to 4 KiB, in memory whose pages needn't be contiguous.
 */
struct vmx_area {
	u8 vmxon[SZ_4K];
	u8 vmcs[SZ_4K];
};

/**
 * vmx_on - enter VMX root operation
 * @area: memory that no other CPU uses
 *
 * Context: interrupts are off until vmx_off().
 * Return: 0, -EOPNOTSUPP or -EBUSY.
 */
static inline int vmx_on(struct vmx_area *area)
{
	int ret = vmx_check();

	if (ret)
		return ret;
	*(u32 *)area->vmxon = vmx_revision();
	*(u32 *)area->vmcs = vmx_revision();
	vmx_write_cr4(__read_cr4() | X86_CR4_VMXE);
	if (!vmx_vmxon(probe_pa(area->vmxon)))
		return 0;
	vmx_write_cr4(__read_cr4() & ~X86_CR4_VMXE);
	return -EBUSY;
}

/**
 * vmx_load - make the area's VMCS the current one
 * @area: the area
 *
 * What the VMCS holds stays, and the next entry is a launch again (25.1).
 *
 * Return: true if that failed.
 */
static inline bool vmx_load(struct vmx_area *area)
{
	u64 pa = probe_pa(area->vmcs);

	return vmx_vmclear(pa) || vmx_vmptrld(pa);
}

/**
 * vmx_off - leave VMX operation
 * @area: as for vmx_on(); the CPU keeps nothing of it
 */
static inline void vmx_off(struct vmx_area *area)
{
	vmx_vmclear(probe_pa(area->vmcs));
	vmx_vmxoff();
	vmx_write_cr4(__read_cr4() & ~X86_CR4_VMXE);
}

/* 29.4.3.1: forget what is cached of any EPT. */
static inline bool vmx_forget(void)
{
	return vmx_invept(VMX_EPT_EXTENT_GLOBAL, 0);
}

/* A.10: can this CPU walk such a table? */
static inline bool vmx_has_ept(const struct axas_npt *npt)
{
	u64 need = VMX_EPTP_WB_BIT | VMX_EPT_INVEPT_BIT |
		   VMX_EPT_EXTENT_GLOBAL_BIT |
		   (npt->levels == 5 ? VMX_EPT_PAGE_WALK_5_BIT :
				       VMX_EPT_PAGE_WALK_4_BIT) |
		   (npt->features & AXAS_FEAT_AD ? VMX_EPT_AD_BIT : 0);

	/* A.3: bit 63 of the primary controls' MSR: there are secondary ones. */
	if (!(probe_rdmsr(MSR_IA32_VMX_PROCBASED_CTLS) & BIT_ULL(63)) ||
	    !(probe_rdmsr(MSR_IA32_VMX_PROCBASED_CTLS2) >> 32 &
	      SECONDARY_EXEC_ENABLE_EPT))
		return false;
	return (probe_rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) & need) == need;
}

/* ---- controls: 25.6 to 25.8, A.3 to A.5 ---- */

/*
 * Settings that a capability MSR allows: its low half has what must be 1, its
 * high half what may be 1. Return: false if it doesn't allow all of @want.
 */
static inline bool vmx_write_control(unsigned long field, u32 msr, u32 want)
{
	u64 caps = probe_rdmsr(msr);
	u32 value = (want | lower_32_bits(caps)) & upper_32_bits(caps);

	vmx_write(field, value);
	return !(want & ~value);
}

/* A.2: where bit 55 is set there are MSRs that require less. */
static inline u32 vmx_control_msr(u32 msr)
{
	if (!(probe_rdmsr(MSR_IA32_VMX_BASIC) & BIT_ULL(55)))
		return msr;
	return msr - MSR_IA32_VMX_PINBASED_CTLS + MSR_IA32_VMX_TRUE_PINBASED_CTLS;
}

/**
 * vmx_write_controls - what leaves the guest: nearly everything
 * @pin: more pin-based controls
 * @secondary: secondary processor-based controls
 *
 * Return: 0, or -EOPNOTSUPP if the CPU can't do all of it.
 */
static inline int vmx_write_controls(u32 pin, u32 secondary)
{
	const u32 primary = CPU_BASED_ACTIVATE_SECONDARY_CONTROLS |
			    CPU_BASED_UNCOND_IO_EXITING |
			    CPU_BASED_HLT_EXITING | CPU_BASED_INVLPG_EXITING |
			    CPU_BASED_MWAIT_EXITING |
			    CPU_BASED_MONITOR_EXITING |
			    CPU_BASED_RDPMC_EXITING | CPU_BASED_RDTSC_EXITING |
			    CPU_BASED_MOV_DR_EXITING;

	/* 25.6.1; 25.6.2; 25.7.1; 25.8.1 */
	if (!vmx_write_control(PIN_BASED_VM_EXEC_CONTROL,
			       vmx_control_msr(MSR_IA32_VMX_PINBASED_CTLS),
			       PIN_BASED_NMI_EXITING | pin) ||
	    !vmx_write_control(CPU_BASED_VM_EXEC_CONTROL,
			       vmx_control_msr(MSR_IA32_VMX_PROCBASED_CTLS),
			       primary) ||
	    !vmx_write_control(SECONDARY_VM_EXEC_CONTROL,
			       MSR_IA32_VMX_PROCBASED_CTLS2, secondary) ||
	    !vmx_write_control(VM_EXIT_CONTROLS,
			       vmx_control_msr(MSR_IA32_VMX_EXIT_CTLS),
			       VM_EXIT_HOST_ADDR_SPACE_SIZE |
			       VM_EXIT_SAVE_DEBUG_CONTROLS) ||
	    !vmx_write_control(VM_ENTRY_CONTROLS,
			       vmx_control_msr(MSR_IA32_VMX_ENTRY_CTLS),
			       VM_ENTRY_IA32E_MODE |
			       VM_ENTRY_LOAD_DEBUG_CONTROLS))
		return -EOPNOTSUPP;

	vmx_write(EXCEPTION_BITMAP, U32_MAX);		/* 25.6.3 */
	vmx_write(PAGE_FAULT_ERROR_CODE_MASK, 0);
	vmx_write(PAGE_FAULT_ERROR_CODE_MATCH, 0);
	vmx_write(CR0_GUEST_HOST_MASK, U64_MAX);	/* 25.6.6 */
	vmx_write(CR0_READ_SHADOW, 0);
	vmx_write(CR4_GUEST_HOST_MASK, U64_MAX);
	vmx_write(CR4_READ_SHADOW, 0);
	vmx_write(CR3_TARGET_COUNT, 0);			/* 25.6.7 */
	vmx_write(VM_EXIT_MSR_STORE_COUNT, 0);		/* 25.7.2 */
	vmx_write(VM_EXIT_MSR_LOAD_COUNT, 0);
	vmx_write(VM_ENTRY_MSR_LOAD_COUNT, 0);		/* 25.8.2 */
	vmx_write(VM_ENTRY_INTR_INFO_FIELD, 0);		/* 25.8.3 */
	return 0;
}

/* ---- the guest's state: 25.4 ---- */

/* A.7 and A.8: bits of CR0 and CR4 that VMX operation fixes. */
static inline u64 vmx_fixed(u64 value, u32 fixed0)
{
	return (value | probe_rdmsr(fixed0)) & probe_rdmsr(fixed0 + 1);
}

/* 25.4.1; the segment fields of ES to TR are 2 (encodings) apart (B). */
static inline void vmx_write_segment(unsigned int n, u16 selector, u32 limit,
				     u32 ar)
{
	vmx_write(GUEST_ES_SELECTOR + 2 * n, selector);
	vmx_write(GUEST_ES_BASE + 2 * n, 0);
	vmx_write(GUEST_ES_LIMIT + 2 * n, limit);
	vmx_write(GUEST_ES_AR_BYTES + 2 * n, ar);
}

/**
 * struct vmx_start - how a guest begins
 * @cr3: GPA of its top page table
 * @rip: linear address of its code
 * @rsp: linear address of its stack
 * @rflags: besides the fixed bit
 * @dpl: its CPL
 */
struct vmx_start {
	u64 cr3;
	u64 rip;
	u64 rsp;
	u64 rflags;
	unsigned int dpl;
};

/**
 * vmx_write_guest - 64-bit mode, flat, without FPU and without exceptions
 * @start: how it begins
 */
static inline void vmx_write_guest(const struct vmx_start *start)
{
	enum { ES, CS, SS, DS, FS, GS, LDTR, TR };
	const u32 flat = VMX_AR_S_MASK | VMX_AR_P_MASK | VMX_AR_G_MASK |
			 start->dpl << VMX_AR_DPL_SHIFT;
	unsigned int n;

	/* No FPU (#NM, #UD), and of CR4 nothing that enables an instruction. */
	vmx_write(GUEST_CR0, vmx_fixed(X86_CR0_PE | X86_CR0_PG | X86_CR0_NE |
				       X86_CR0_ET | X86_CR0_WP | X86_CR0_TS |
				       X86_CR0_EM, MSR_IA32_VMX_CR0_FIXED0));
	vmx_write(GUEST_CR4, vmx_fixed(X86_CR4_PAE, MSR_IA32_VMX_CR4_FIXED0));
	vmx_write(GUEST_CR3, start->cr3);
	vmx_write(GUEST_RIP, start->rip);
	vmx_write(GUEST_RSP, start->rsp);
	vmx_write(GUEST_RFLAGS, X86_EFLAGS_FIXED | start->rflags);
	vmx_write(GUEST_DR7, 0x400);
	vmx_write(GUEST_IA32_DEBUGCTL, 0);
	vmx_write(GUEST_SYSENTER_CS, 0);
	vmx_write(GUEST_SYSENTER_ESP, 0);
	vmx_write(GUEST_SYSENTER_EIP, 0);

	/*
	 * 25.4.1, table 25-2: access rights. Of the selectors only the RPL
	 * counts: there is no descriptor table.
	 */
	for (n = ES; n <= LDTR; n++)
		vmx_write_segment(n, 0, 0, VMX_AR_UNUSABLE_MASK);
	vmx_write_segment(CS, 8 | start->dpl, U32_MAX,
			  flat | VMX_AR_L_MASK | AR_TYPE_CODE);
	vmx_write_segment(SS, 16 | start->dpl, U32_MAX, flat | AR_TYPE_DATA);
	vmx_write_segment(TR, 0, 0x67, VMX_AR_P_MASK | VMX_AR_TYPE_BUSY_64_TSS);
	vmx_write(GUEST_GDTR_BASE, 0);
	vmx_write(GUEST_GDTR_LIMIT, 0);
	vmx_write(GUEST_IDTR_BASE, 0);
	vmx_write(GUEST_IDTR_LIMIT, 0);

	/* 25.4.2: non-register state. */
	vmx_write(GUEST_ACTIVITY_STATE, 0);
	vmx_write(GUEST_INTERRUPTIBILITY_INFO, 0);
	vmx_write(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	vmx_write(VMCS_LINK_POINTER, U64_MAX);
}

/* ---- the host's state: 25.5, 27.2.3, 28.5 ---- */

static inline u64 vmx_tss_base(const struct desc_ptr *gdt)
{
	const struct ldttss_desc *tss = (void *)gdt->address +
					GDT_ENTRY_TSS * 8;

	return tss->base0 | tss->base1 << 16 | (u64)tss->base2 << 24 |
	       (u64)tss->base3 << 32;
}

/* A selector that the VMCS may hold; what it can't hold is loaded afterwards. */
static inline u16 vmx_selector(u16 selector)
{
	return selector & (SEGMENT_RPL_MASK | SEGMENT_TI_MASK) ? 0 : selector;
}

static inline void vmx_save_host(struct vmx_host *host)
{
	native_store_gdt(&host->gdt);
	store_idt(&host->idt);
	store_ldt(host->ldt);
	savesegment(ds, host->ds);
	savesegment(es, host->es);
	savesegment(fs, host->fs);
	savesegment(gs, host->gs);
	host->fs_base = probe_rdmsr(MSR_FS_BASE);
	host->user_gs_base = probe_rdmsr(MSR_KERNEL_GS_BASE);
	get_debugreg(host->dr7, 7);
	host->debugctl = probe_rdmsr(MSR_IA32_DEBUGCTLMSR);
	host->cr2 = native_read_cr2();

	vmx_write(HOST_CR0, read_cr0());
	vmx_write(HOST_CR3, __read_cr3());
	vmx_write(HOST_CR4, __read_cr4());
	vmx_write(HOST_CS_SELECTOR, __KERNEL_CS);
	vmx_write(HOST_SS_SELECTOR, __KERNEL_DS);
	vmx_write(HOST_DS_SELECTOR, vmx_selector(host->ds));
	vmx_write(HOST_ES_SELECTOR, vmx_selector(host->es));
	vmx_write(HOST_FS_SELECTOR, vmx_selector(host->fs));
	vmx_write(HOST_GS_SELECTOR, vmx_selector(host->gs));
	vmx_write(HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8);
	vmx_write(HOST_FS_BASE, host->fs_base);
	vmx_write(HOST_GS_BASE, probe_rdmsr(MSR_GS_BASE));
	vmx_write(HOST_TR_BASE, vmx_tss_base(&host->gdt));
	vmx_write(HOST_GDTR_BASE, host->gdt.address);
	vmx_write(HOST_IDTR_BASE, host->idt.address);
	vmx_write(HOST_IA32_SYSENTER_CS, probe_rdmsr(MSR_IA32_SYSENTER_CS));
	vmx_write(HOST_IA32_SYSENTER_ESP, probe_rdmsr(MSR_IA32_SYSENTER_ESP));
	vmx_write(HOST_IA32_SYSENTER_EIP, probe_rdmsr(MSR_IA32_SYSENTER_EIP));
}

/*
 * The limit of TR has become 0x67. LTR writes to the descriptor: not through the
 * read-only alias of the GDT that is otherwise in use.
 */
static inline void vmx_reload_tr(void)
{
	struct desc_struct *rw = get_current_gdt_rw();
	struct ldttss_desc *tss = (void *)&rw[GDT_ENTRY_TSS];
	const struct desc_ptr gdt = {
		.address = (unsigned long)rw,
		.size = GDT_SIZE - 1,
	};

	tss->type = DESC_TSS;
	native_load_gdt(&gdt);
	asm volatile("ltr %w0" : : "q" (GDT_ENTRY_TSS * 8));
}

/* What this task had loaded once can be loaded again. */
static inline void vmx_restore_segments(const struct vmx_host *host)
{
	if (host->ldt)
		asm volatile("lldt %0" : : "m" (host->ldt));
	if (vmx_selector(host->ds) != host->ds)
		loadsegment(ds, host->ds);
	if (vmx_selector(host->es) != host->es)
		loadsegment(es, host->es);
	if (vmx_selector(host->fs) != host->fs) {
		loadsegment(fs, host->fs);
		probe_wrmsr(MSR_FS_BASE, host->fs_base);
	}
	if (vmx_selector(host->gs) != host->gs) {
		load_gs_index(host->gs);
		probe_wrmsr(MSR_KERNEL_GS_BASE, host->user_gs_base);
	}
}

static inline void vmx_restore_host(const struct vmx_host *host)
{
	vmx_reload_tr();
	native_load_gdt(&host->gdt);
	native_load_idt(&host->idt);
	vmx_restore_segments(host);
	set_debugreg(host->dr7, 7);
	probe_wrmsr(MSR_IA32_DEBUGCTLMSR, host->debugctl);
	native_write_cr2(host->cr2);
}

/*
 * 28.5.5: an NMI that made the guest exit is gone, and NMIs stay blocked until
 * an IRET. Have the host handle it.
 */
static inline void vmx_nmi(void)
{
	asm volatile("int $2");
}

/* 25.9.2: did an exception of the guest end it, or an NMI of the host? */
static inline bool vmx_exit_was_nmi(u32 reason)
{
	return reason == EXIT_REASON_EXCEPTION_NMI &&
	       (vmx_read(VM_EXIT_INTR_INFO) & INTR_INFO_INTR_TYPE_MASK) ==
		       INTR_TYPE_NMI_INTR;
}

static inline bool vmx_exit_was(u32 reason, unsigned int vector)
{
	return reason == EXIT_REASON_EXCEPTION_NMI &&
	       (vmx_read(VM_EXIT_INTR_INFO) & INTR_INFO_VECTOR_MASK) == vector;
}

/**
 * vmx_enter - run a guest until it ends by itself, or by an interrupt if that is
 *	among the controls
 * @area: its VMCS is complete but for the host's state
 * @regs: the guest's registers
 * @reason: out: basic exit reason (25.9.1)
 *
 * Context: VMX operation.
 * Return: 0, or -EIO if there was no guest.
 */
static inline int vmx_enter(struct vmx_area *area, struct vmx_regs *regs,
			    u32 *reason)
{
	struct vmx_host host;
	bool nmi;

	do {
		if (vmx_load(area))
			return -EIO;
		vmx_save_host(&host);
		if (vmx_launch(regs)) {
			pr_warn_once("axas: VMLAUNCH failed with error %llu\n",
				     vmx_read(VM_INSTRUCTION_ERROR));
			return -EIO;
		}
		vmx_restore_host(&host);
		*reason = vmx_read(VM_EXIT_REASON);
		nmi = vmx_exit_was_nmi(*reason);
		if (nmi)
			vmx_nmi();
	} while (nmi);

	if (!(*reason & VMX_EXIT_REASONS_FAILED_VMENTRY))
		return 0;
	pr_warn_once("axas: VM entry failed with reason %#x\n", *reason);
	return -EIO;
}

#endif /* _AXAS_VMX_H */
