/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtual CPU by Intel VMX. Section numbers are those of the Intel SDM, volume
 * 3C; appendices are in 3D.
 */
#ifndef _VCPU_VMX_H
#define _VCPU_VMX_H

#include "../../probe/vmcs.h"
#include "vcpu.h"

/*
 * 25.6.6: bits of CR0 that the host keeps as they have to be, while the guest sees
 * its own: NE is fixed, and an exit doesn't bring the caches back (28.5.1).
 */
#define VMX_CR0_HOST	(X86_CR0_NE | X86_CR0_CD | X86_CR0_NW)
/* Of CR4, what a guest changes as it likes, if the CPU has it ... */
#define VMX_CR4_GUEST							\
	(X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE |		\
	 X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PCE |	\
	 X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_UMIP |		\
	 X86_CR4_LA57 | X86_CR4_FSGSBASE | X86_CR4_PCIDE |		\
	 X86_CR4_OSXSAVE | X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_PKE)
/* ... and what it only sees as it likes: machine checks are the host's. */
#define VMX_CR4_SHOWN	X86_CR4_MCE

/* MSRs that the VMCS has no fields for, which entry and exit swap (25.7.2, 25.8.2). */
#define VMX_NR_MSRS	5

/**
 * struct vmx_msrs - a page
 * @guest: loaded by an entry, stored by an exit
 * @host: loaded by an exit
 */
struct vmx_msrs {
	struct vmx_msr_entry guest[VMX_NR_MSRS];
	struct vmx_msr_entry host[VMX_NR_MSRS];
};

/**
 * struct vmx_vcpu - a virtual CPU
 * @vcpu: what it has on any machine
 * @vmcs: the guest, for the CPU; outside of VMX operation nobody reads it
 * @msrs: what goes with it
 * @regs: the guest as it was when it came out; general registers are in @vcpu
 * @dr6: debug registers
 * @dr7: ...
 * @debug_pending: pending debug exceptions (25.4.2)
 * @changed: the VMCS doesn't have what is above, but for what every entry writes
 * @refused: the CPU can't be asked for such registers
 * @complete: the VMCS has what never changes
 * @vpid: tag of its translations
 * @cpu: which CPU it was on
 * @primary: processor-based controls
 * @event: what it takes with the next entry (25.8.3)
 * @event_error: error code of that
 * @reason: of the last exit (25.9.1)
 * @length: bytes of the instruction that has led to it
 * @qual: its qualification
 * @gpa: of a nested fault
 * @intr_info: of an exception, or NMI (25.9.2)
 * @vectoring: what the guest was about to take (25.9.3)
 * @vectoring_error: error code of that
 */
struct vmx_vcpu {
	struct vcpu vcpu;
	void *vmcs;
	struct vmx_msrs *msrs;
	struct axas_vcpu_regs regs;
	unsigned long dr6;
	u64 dr7;
	u64 debug_pending;
	bool changed;
	bool refused;
	bool complete;
	int vpid;
	int cpu;
	u32 primary;
	u32 event;
	u32 event_error;

	u32 reason;
	u32 length;
	u64 qual;
	u64 gpa;
	u32 intr_info;
	u32 vectoring;
	u32 vectoring_error;
};

static inline struct vmx_vcpu *to_vmx(const struct vcpu *vcpu)
{
	return container_of(vcpu, struct vmx_vcpu, vcpu);
}

/* vmx_regs.c */
int vmx_set_regs(struct vcpu *vcpu, const struct axas_vcpu_regs *regs);
void vmx_get_regs(const struct vcpu *vcpu, struct axas_vcpu_regs *regs);
void vmx_name_msrs(struct vmx_msrs *msrs);
void vmx_load_guest(struct vmx_vcpu *vmx);
void vmx_save_guest(struct vmx_vcpu *vmx);

/* vmx_exit.c */
bool vmx_ready(const struct vcpu *vcpu);
void vmx_raise(struct vcpu *vcpu, enum vcpu_event event, unsigned int vector);
void vmx_go_to(struct vcpu *vcpu, u64 rip);
void vmx_want_window(struct vcpu *vcpu, bool want);
int vmx_exit(struct vcpu *vcpu, struct axas_vcpu_run *run);

/* enter_vmx.S */
bool vmx_vmlaunch(u64 *gprs);

#endif /* _VCPU_VMX_H */
