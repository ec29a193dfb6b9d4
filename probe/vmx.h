/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Just enough of Intel VMX for small guests in 64-bit mode, most of them at CPL 3.
 *
 * Section numbers are those of the Intel SDM, volume 3C; appendices are in 3D.
 */
#ifndef _AXAS_VMX_H
#define _AXAS_VMX_H

#include <linux/bitfield.h>
#include <linux/objtool.h>

#include <asm/trap_pf.h>
#include <asm/trapnr.h>

#include "vmcs.h"

/* Volume 3A, table 3-1: readable code and writable data, accessed. */
#define AR_TYPE_CODE	11
#define AR_TYPE_DATA	3

/*
 * Registers of a guest that the VMCS doesn't hold. What the guest leaves in
 * others is lost.
 */
struct vmx_regs {
	u64 rax;
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
	u64 rax = regs->rax, rsi = regs->rsi, rdi = regs->rdi;

	asm volatile("push %%rbp\n\t"
		     "vmwrite %%rsp, %%r8\n\t"
		     "lea 1f(%%rip), %%r10\n\t"
		     "vmwrite %%r10, %%r9\n\t"
		     "vmlaunch\n"
		     "1:\n\t"
		     "pop %%rbp\n\t"
		     "setbe %%r8b\n\t"
		     "movzbl %%r8b, %%r8d"
		     : "+a" (rax), "+S" (rsi), "+D" (rdi), "+r" (rsp_field),
		       "+r" (rip_field)
		     : : "rbx", "rcx", "rdx", "r10", "r11", "r12", "r13", "r14",
			 "r15", "cc", "memory");
	*regs = (struct vmx_regs){ rax, rsi, rdi };
	return rsp_field;
}

/* The guest leaves nothing in RBP: objtool takes its pop for an epilogue. */
STACK_FRAME_NON_STANDARD(vmx_launch);

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

/* ---- controls: 25.6 to 25.8, A.3 to A.5 ---- */

static inline bool vmx_write_control(unsigned long field, u32 msr, u32 want)
{
	u32 value;
	bool all = vmx_control(msr, want, &value);

	vmx_write(field, value);
	return all;
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
			    CPU_BASED_CR8_LOAD_EXITING |
			    CPU_BASED_CR8_STORE_EXITING |
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
 * @supervisor: at CPL 0, not 3
 */
struct vmx_start {
	u64 cr3;
	u64 rip;
	u64 rsp;
	u64 rflags;
	bool supervisor;
};

/**
 * vmx_write_guest - 64-bit mode, flat, without FPU and without exceptions
 * @start: how it begins
 */
static inline void vmx_write_guest(const struct vmx_start *start)
{
	enum { ES, CS, SS, DS, FS, GS, LDTR, TR };
	const u16 cpl = start->supervisor ? 0 : 3;
	const u32 flat = VMX_AR_S_MASK | VMX_AR_P_MASK | VMX_AR_G_MASK |
			 cpl << VMX_AR_DPL_SHIFT;
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
	vmx_write_segment(CS, 8 | cpl, U32_MAX,
			  flat | VMX_AR_L_MASK | AR_TYPE_CODE);
	vmx_write_segment(SS, 16 | cpl, U32_MAX, flat | AR_TYPE_DATA);
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
		if (vmx_load(area->vmcs))
			return -EIO;
		vmx_save_host(&host);
		if (vmx_launch(regs)) {
			pr_warn_once("axas: VMLAUNCH failed with error %llu\n",
				     vmx_read(VM_INSTRUCTION_ERROR));
			return -EIO;
		}
		vmx_restore_host(&host);
		/* SWAPGS, which no control stops. */
		probe_wrmsr(MSR_KERNEL_GS_BASE, host.user_gs_base);
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
