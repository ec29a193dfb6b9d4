/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What Intel VMX takes of whoever runs a guest, and what this CPU has of it. VMX
 * operation begins before an entry and ends after it, with interrupts off in
 * between, so nothing of it is left behind.
 *
 * Section numbers are those of the Intel SDM, volume 3C; appendices are in 3D.
 * Encodings of VMCS fields, controls, exit reasons and capabilities are those of
 * asm/vmx.h, where they have the names of chapter 25 and appendices A, B and C.
 */
#ifndef _AXAS_VMCS_H
#define _AXAS_VMCS_H

#include <linux/irqflags.h>
#include <linux/mmu_context.h>

#include <asm/cpufeature.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/processor.h>
#include <asm/segment.h>
#include <asm/special_insns.h>
#include <asm/vmx.h>

#include "x86.h"

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
 * vmx_on - enter VMX root operation
 * @vmxon: VMXON region (25.11.5) that no other CPU uses, a page
 *
 * Context: interrupts are off until vmx_off().
 * Return: 0, -EOPNOTSUPP or -EBUSY.
 */
static inline int vmx_on(void *vmxon)
{
	int ret = vmx_check();

	if (ret)
		return ret;
	*(u32 *)vmxon = vmx_revision();
	vmx_write_cr4(__read_cr4() | X86_CR4_VMXE);
	if (!vmx_vmxon(probe_pa(vmxon)))
		return 0;
	vmx_write_cr4(__read_cr4() & ~X86_CR4_VMXE);
	return -EBUSY;
}

/**
 * vmx_load - make a VMCS the current one
 * @vmcs: VMCS region (25.2), a page
 *
 * What the VMCS holds stays, and the next entry is a launch again (25.1).
 *
 * Return: true if that failed.
 */
static inline bool vmx_load(void *vmcs)
{
	u64 pa = probe_pa(vmcs);

	*(u32 *)vmcs = vmx_revision();
	return vmx_vmclear(pa) || vmx_vmptrld(pa);
}

/**
 * vmx_off - leave VMX operation
 * @vmcs: as for vmx_load(); the CPU keeps nothing of it
 */
static inline void vmx_off(void *vmcs)
{
	vmx_vmclear(probe_pa(vmcs));
	vmx_vmxoff();
	vmx_write_cr4(__read_cr4() & ~X86_CR4_VMXE);
}

/* 29.4.3.1: forget what is cached of any EPT. */
static inline bool vmx_forget(void)
{
	return vmx_invept(VMX_EPT_EXTENT_GLOBAL, 0);
}

/**
 * vmx_ept_controls - what such a table takes of the secondary controls
 * @npt: the table
 *
 * Return: EPT, and mode-based execute control for it (25.6.2, table 25-7), without
 * which bit 10 of an entry is ignored, and bit 2 is for both modes.
 */
static inline u32 vmx_ept_controls(const struct axas_npt *npt)
{
	return SECONDARY_EXEC_ENABLE_EPT |
	       (npt->features & AXAS_FEAT_EXEC_USER ?
		SECONDARY_EXEC_MODE_BASED_EPT_EXEC : 0);
}

/* A.10: can this CPU walk such a table? */
static inline bool vmx_has_ept(const struct axas_npt *npt)
{
	u32 controls = vmx_ept_controls(npt);
	u64 need = VMX_EPTP_WB_BIT | VMX_EPT_INVEPT_BIT |
		   VMX_EPT_EXTENT_GLOBAL_BIT |
		   (npt->levels == 5 ? VMX_EPT_PAGE_WALK_5_BIT :
				       VMX_EPT_PAGE_WALK_4_BIT) |
		   (npt->features & AXAS_FEAT_AD ? VMX_EPT_AD_BIT : 0);

	/* A.3: bit 63 of the primary controls' MSR: there are secondary ones. */
	if (!(probe_rdmsr(MSR_IA32_VMX_PROCBASED_CTLS) & BIT_ULL(63)) ||
	    controls & ~upper_32_bits(probe_rdmsr(MSR_IA32_VMX_PROCBASED_CTLS2)))
		return false;
	return (probe_rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) & need) == need;
}

/* ---- controls: 25.6 to 25.8, A.3 to A.5 ---- */

/*
 * Settings that a capability MSR allows: its low half has what must be 1, its
 * high half what may be 1. Return: false if it doesn't allow all of @want.
 */
static inline bool vmx_control(u32 msr, u32 want, u32 *value)
{
	u64 caps = probe_rdmsr(msr);

	*value = (want | lower_32_bits(caps)) & upper_32_bits(caps);
	return !(want & ~*value);
}

/* A.2: where bit 55 is set there are MSRs that require less. */
static inline u32 vmx_control_msr(u32 msr)
{
	if (!(probe_rdmsr(MSR_IA32_VMX_BASIC) & BIT_ULL(55)))
		return msr;
	return msr - MSR_IA32_VMX_PINBASED_CTLS + MSR_IA32_VMX_TRUE_PINBASED_CTLS;
}

/* A.7 and A.8: bits of CR0 and CR4 that VMX operation fixes. */
static inline u64 vmx_fixed(u64 value, u32 fixed0)
{
	return (value | probe_rdmsr(fixed0)) & probe_rdmsr(fixed0 + 1);
}

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

#endif /* _AXAS_VMCS_H */
