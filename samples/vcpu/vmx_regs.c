// SPDX-License-Identifier: GPL-2.0
/*
 * Registers of a guest that runs by VMX: between the VMCS and what user space sees.
 *
 * Section numbers are those of the Intel SDM, volume 3C. A VMCS can be read and
 * written in VMX operation only, which somebody else may hold when user space asks
 * for registers. So they are copied at each exit, and those that seldom change only
 * written when they have.
 */
#include "vmx.h"

/* 25.4.1: access rights have bits 55:52 of a descriptor four bits further up. */
#define AR_LOW		GENMASK(7, 0)
#define ATTRIBUTES_HIGH	GENMASK(11, 8)
#define AR_SHIFT	4
#define AR_DPL		(3 << VMX_AR_DPL_SHIFT)

/* 25.4.2: pending debug exceptions, the one of a single step */
#define PENDING_BS	BIT(14)

#define REG(field, member) { field, offsetof(struct axas_vcpu_regs, member) }

struct vmx_field {
	u32 field;
	u32 offset;
};

/* What an exit may change here (EFER and PAT among them) goes in again each time. */
static const struct vmx_field vmx_often[] = {
	REG(GUEST_RIP, rip),
	REG(GUEST_RFLAGS, rflags),
	REG(GUEST_IA32_EFER, efer),
	REG(GUEST_IA32_PAT, pat),
};

static const struct vmx_field vmx_seldom[] = {
	REG(GUEST_CR3, cr3),
	REG(GUEST_SYSENTER_CS, sysenter_cs),
	REG(GUEST_SYSENTER_ESP, sysenter_esp),
	REG(GUEST_SYSENTER_EIP, sysenter_eip),
	REG(GUEST_GDTR_BASE, segments[AXAS_VCPU_GDTR].base),
	REG(GUEST_IDTR_BASE, segments[AXAS_VCPU_IDTR].base),
};

/* In the order of the VMCS, where fields are 2 (encodings) apart (B). */
static const u8 vmx_segments[] = {
	AXAS_VCPU_ES, AXAS_VCPU_CS, AXAS_VCPU_SS, AXAS_VCPU_DS, AXAS_VCPU_FS,
	AXAS_VCPU_GS, AXAS_VCPU_LDTR, AXAS_VCPU_TR,
};

static const struct vmx_field vmx_msrs[VMX_NR_MSRS] = {
	REG(MSR_STAR, star),
	REG(MSR_LSTAR, lstar),
	REG(MSR_CSTAR, cstar),
	REG(MSR_SYSCALL_MASK, sfmask),
	REG(MSR_KERNEL_GS_BASE, kernel_gs_base),
};

static u64 *vmx_reg(struct axas_vcpu_regs *regs, const struct vmx_field *field)
{
	return (void *)regs + field->offset;
}

/**
 * vmx_name_msrs - say which MSRs are swapped
 * @msrs: out: their names
 */
void vmx_name_msrs(struct vmx_msrs *msrs)
{
	unsigned int i;

	for (i = 0; i < VMX_NR_MSRS; i++) {
		msrs->guest[i].index = vmx_msrs[i].field;
		msrs->host[i].index = vmx_msrs[i].field;
	}
}

/* ---- user space's ---- */

void vmx_get_regs(const struct vcpu *vcpu, struct axas_vcpu_regs *regs)
{
	*regs = to_vmx(vcpu)->regs;
	memcpy(regs->gpr, vcpu->gprs, sizeof(regs->gpr));
}

/*
 * What VM entry doesn't look at, because the guest only sees it (27.3.1.1), and
 * the page tables of which it takes the top four entries from the VMCS (25.4.2),
 * and no register here has them.
 */
static bool vmx_refuses(const struct axas_vcpu_regs *regs)
{
	return (regs->cr0 & X86_CR0_NW && !(regs->cr0 & X86_CR0_CD)) ||
	       regs->cr4 & ~(u64)(VMX_CR4_GUEST | VMX_CR4_SHOWN) ||
	       (regs->cr0 & X86_CR0_PG && regs->cr4 & X86_CR4_PAE &&
		!(regs->efer & EFER_LMA));
}

int vmx_set_regs(struct vcpu *vcpu, const struct axas_vcpu_regs *regs)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	if (!vcpu_regs_valid(regs))
		return -EINVAL;
	memcpy(vcpu->gprs, regs->gpr, sizeof(vcpu->gprs));
	vmx->regs = *regs;
	vmx->regs.rflags |= X86_EFLAGS_FIXED;
	vmx->event = 0;
	vmx->changed = true;
	vmx->refused = vmx_refuses(regs);
	/* 27.3.1.5: where debug exceptions are held back, too, a step is pending. */
	vmx->debug_pending = regs->shadow && regs->rflags & X86_EFLAGS_TF ?
			     PENDING_BS : 0;
	return 0;
}

/* ---- the VMCS's ---- */

static void vmx_load_segment(unsigned int n, const struct axas_vcpu_segment *seg)
{
	u32 ar = (seg->attributes & AR_LOW) |
		 (seg->attributes & ATTRIBUTES_HIGH) << AR_SHIFT;

	if (!(ar & VMX_AR_P_MASK))
		ar |= VMX_AR_UNUSABLE_MASK;
	vmx_write(GUEST_ES_SELECTOR + 2 * n, seg->selector);
	vmx_write(GUEST_ES_BASE + 2 * n, seg->base);
	vmx_write(GUEST_ES_LIMIT + 2 * n, seg->limit);
	vmx_write(GUEST_ES_AR_BYTES + 2 * n, ar);
}

/* 28.3.2: of what can't be used only the privilege level is defined, that of SS. */
static void vmx_save_segment(unsigned int n, struct axas_vcpu_segment *seg)
{
	u32 ar = vmx_read(GUEST_ES_AR_BYTES + 2 * n);

	if (ar & VMX_AR_UNUSABLE_MASK)
		ar &= vmx_segments[n] == AXAS_VCPU_SS ? AR_DPL : 0;
	seg->attributes = (ar & AR_LOW) | (ar >> AR_SHIFT & ATTRIBUTES_HIGH);
	seg->selector = vmx_read(GUEST_ES_SELECTOR + 2 * n);
	seg->base = vmx_read(GUEST_ES_BASE + 2 * n);
	seg->limit = vmx_read(GUEST_ES_LIMIT + 2 * n);
}

/* What seldom changes. */
static void vmx_load_changed(struct vmx_vcpu *vmx)
{
	struct axas_vcpu_regs *regs = &vmx->regs;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vmx_seldom); i++)
		vmx_write(vmx_seldom[i].field, *vmx_reg(regs, &vmx_seldom[i]));
	for (i = 0; i < ARRAY_SIZE(vmx_segments); i++)
		vmx_load_segment(i, &regs->segments[vmx_segments[i]]);
	vmx_write(GUEST_GDTR_LIMIT, regs->segments[AXAS_VCPU_GDTR].limit);
	vmx_write(GUEST_IDTR_LIMIT, regs->segments[AXAS_VCPU_IDTR].limit);
	vmx_write(GUEST_CR0, (regs->cr0 & ~(u64)VMX_CR0_HOST) | X86_CR0_NE);
	vmx_write(CR0_READ_SHADOW, regs->cr0);
	vmx_write(GUEST_CR4, (regs->cr4 & VMX_CR4_GUEST) | X86_CR4_VMXE |
			     (__read_cr4() & X86_CR4_MCE));
	vmx_write(CR4_READ_SHADOW, regs->cr4);
	vmx_write(GUEST_DR7, vmx->dr7);
	vmx_write(GUEST_PENDING_DBG_EXCEPTIONS, vmx->debug_pending);
}

/* 27.3.1.5: blocking by STI is of those who let interrupts in. */
static u32 vmx_blocking(const struct axas_vcpu_regs *regs)
{
	if (!regs->shadow)
		return 0;
	return regs->rflags & X86_EFLAGS_IF ? GUEST_INTR_STATE_STI :
					      GUEST_INTR_STATE_MOV_SS;
}

/**
 * vmx_load_guest - write what the VMCS has to have of the guest
 * @vmx: the vCPU, whose VMCS is the current one
 */
void vmx_load_guest(struct vmx_vcpu *vmx)
{
	struct axas_vcpu_regs *regs = &vmx->regs;
	unsigned int i;

	if (vmx->changed)
		vmx_load_changed(vmx);
	vmx->changed = false;
	for (i = 0; i < ARRAY_SIZE(vmx_often); i++)
		vmx_write(vmx_often[i].field, *vmx_reg(regs, &vmx_often[i]));
	for (i = 0; i < VMX_NR_MSRS; i++)
		vmx->msrs->guest[i].value = *vmx_reg(regs, &vmx_msrs[i]);
	vmx_write(GUEST_RSP, vmx->vcpu.gprs[AXAS_VCPU_RSP]);
	vmx_write(GUEST_INTERRUPTIBILITY_INFO, vmx_blocking(regs));
}

/**
 * vmx_save_guest - read all that the guest may have changed
 * @vmx: the vCPU, whose VMCS is the current one
 */
void vmx_save_guest(struct vmx_vcpu *vmx)
{
	struct axas_vcpu_regs *regs = &vmx->regs;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vmx_often); i++)
		*vmx_reg(regs, &vmx_often[i]) = vmx_read(vmx_often[i].field);
	for (i = 0; i < ARRAY_SIZE(vmx_seldom); i++)
		*vmx_reg(regs, &vmx_seldom[i]) = vmx_read(vmx_seldom[i].field);
	for (i = 0; i < ARRAY_SIZE(vmx_segments); i++)
		vmx_save_segment(i, &regs->segments[vmx_segments[i]]);
	regs->segments[AXAS_VCPU_GDTR].limit = vmx_read(GUEST_GDTR_LIMIT);
	regs->segments[AXAS_VCPU_IDTR].limit = vmx_read(GUEST_IDTR_LIMIT);
	for (i = 0; i < VMX_NR_MSRS; i++)
		*vmx_reg(regs, &vmx_msrs[i]) = vmx->msrs->guest[i].value;
	regs->cr0 = (vmx_read(GUEST_CR0) & ~(u64)VMX_CR0_HOST) |
		    (regs->cr0 & VMX_CR0_HOST);
	regs->cr4 = (vmx_read(GUEST_CR4) & VMX_CR4_GUEST) |
		    (regs->cr4 & VMX_CR4_SHOWN);
	regs->shadow = !!(vmx_read(GUEST_INTERRUPTIBILITY_INFO) &
			  (GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS));
	vmx->vcpu.gprs[AXAS_VCPU_RSP] = vmx_read(GUEST_RSP);
	vmx->dr7 = vmx_read(GUEST_DR7);
	vmx->debug_pending = vmx_read(GUEST_PENDING_DBG_EXCEPTIONS);
}
