/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What AMD SVM knows of a guest, and what this CPU has of SVM.
 *
 * Section numbers are those of the AMD64 Architecture Programmer's Manual, volume
 * 2. Exit codes are those of asm/svm.h (appendix C).
 */
#ifndef _AXAS_VMCB_H
#define _AXAS_VMCB_H

#include <asm/cpufeature.h>
#include <asm/processor.h>
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
/* 15.9: in intercept_2; no guest begins without it. */
#define SVM_INTERCEPT_VMRUN	BIT(0)

/* A segment as a VMCB has it; attributes are bits 55:52 and 47:40 of a descriptor. */
struct svm_segment {
	u16 selector;
	u16 attributes;
	u32 limit;
	u64 base;
};

#define SVM_NR_SEGMENTS	10

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
	u8 reserved_018[0x28];
	u64 ports;
	u64 msrs;
	u64 tsc_offset;
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
	u8 reserved_0b8[0x10];
	u64 next_rip;
	u8 reserved_0d0[0x330];

	union {
		struct {
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
		};
		struct svm_segment segments[SVM_NR_SEGMENTS];
	};
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
	u64 star;
	u64 lstar;
	u64 cstar;
	u64 sfmask;
	u64 kernel_gs_base;
	u64 sysenter_cs;
	u64 sysenter_esp;
	u64 sysenter_eip;
	u64 cr2;
	u8 reserved_648[0x20];
	u64 g_pat;
	u8 reserved_670[0x990];
};

static_assert(offsetof(struct svm_vmcb, asid) == 0x58);
static_assert(offsetof(struct svm_vmcb, exit_code) == 0x70);
static_assert(offsetof(struct svm_vmcb, nested) == 0x90);
static_assert(offsetof(struct svm_vmcb, n_cr3) == 0xb0);
static_assert(offsetof(struct svm_vmcb, next_rip) == 0xc8);
static_assert(offsetof(struct svm_vmcb, es) == 0x400);
static_assert(offsetof(struct svm_vmcb, efer) == 0x4d0);
static_assert(offsetof(struct svm_vmcb, cr0) == 0x558);
static_assert(offsetof(struct svm_vmcb, rsp) == 0x5d8);
static_assert(offsetof(struct svm_vmcb, rax) == 0x5f8);
static_assert(offsetof(struct svm_vmcb, cr2) == 0x640);
static_assert(offsetof(struct svm_vmcb, g_pat) == 0x668);
static_assert(sizeof(struct svm_vmcb) == SZ_4K);

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

/* The kernel's own function has moved from one header to another. */
static inline u32 svm_cpuid_ebx(u32 eax)
{
	u32 ebx, ecx = 0, edx;

	asm volatile("cpuid" : "+a" (eax), "=b" (ebx), "+c" (ecx), "=d" (edx));
	return ebx;
}

/* 15.16.1: ASIDs are below that. */
static inline u32 svm_nr_asids(void)
{
	return svm_cpuid_ebx(SVM_CPUID);
}

#endif /* _AXAS_VMCB_H */
