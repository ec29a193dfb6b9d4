// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual CPU by Intel VMX: the way in and out.
 *
 * Section numbers are those of the Intel SDM, volume 3C; appendices are in 3D. As
 * with SVM, VMX operation begins before an entry and ends after it, with interrupts
 * off in between: who else wants this CPU finds it free, and a CPU that goes or
 * sleeps has nothing of ours. The price is a VMCS that is loaded each time.
 *
 * What a CPU keeps after that are translations, which are tagged with the address of
 * the EPT's root and with a VPID (29.4). The root is the space's for as long as it
 * has a vCPU, and nobody else's. So only a vCPU that comes to this CPU from another
 * one, or for the first time, can meet what is of an earlier owner of that page. It
 * forgets all of that root (INVEPT, which takes what was cached under any VPID with
 * it), as after an invalidation. A VPID keeps apart what vCPUs of one space have.
 */
#include <linux/idr.h>
#include <linux/percpu.h>

#include <asm/trapnr.h>

#include "vmx.h"

/* 25.6.2: what isn't the guest's, or is answered for it. */
#define VMX_PRIMARY							\
	(CPU_BASED_ACTIVATE_SECONDARY_CONTROLS |			\
	 CPU_BASED_UNCOND_IO_EXITING | CPU_BASED_USE_MSR_BITMAPS |	\
	 CPU_BASED_HLT_EXITING | CPU_BASED_RDPMC_EXITING |		\
	 CPU_BASED_MWAIT_EXITING | CPU_BASED_MONITOR_EXITING |		\
	 CPU_BASED_CR8_LOAD_EXITING | CPU_BASED_CR8_STORE_EXITING |	\
	 CPU_BASED_MOV_DR_EXITING)
/* Table 25-7 */
#define VMX_SECONDARY							\
	(SECONDARY_EXEC_ENABLE_EPT | SECONDARY_EXEC_ENABLE_VPID |	\
	 SECONDARY_EXEC_UNRESTRICTED_GUEST | SECONDARY_EXEC_WBINVD_EXITING)
/* ... where there is such an instruction: INVPCID is the guest's, ENCLS isn't. */
#define VMX_SECONDARY_IF						\
	(SECONDARY_EXEC_ENABLE_INVPCID | SECONDARY_EXEC_ENCLS_EXITING)
/* 25.7.1 */
#define VMX_EXIT							\
	(VM_EXIT_HOST_ADDR_SPACE_SIZE | VM_EXIT_SAVE_DEBUG_CONTROLS |	\
	 VM_EXIT_SAVE_IA32_PAT | VM_EXIT_LOAD_IA32_PAT |		\
	 VM_EXIT_SAVE_IA32_EFER | VM_EXIT_LOAD_IA32_EFER)
/* 25.8.1 */
#define VMX_ENTRY							\
	(VM_ENTRY_LOAD_DEBUG_CONTROLS | VM_ENTRY_LOAD_IA32_PAT |	\
	 VM_ENTRY_LOAD_IA32_EFER)

/* 25.6.9: four maps of 1 KiB: reads of low and high MSRs, and writes. */
#define VMX_MSR_MAP_WRITES	SZ_2K
#define VMX_MSR_MAP_HIGH	SZ_1K

/* Volume 3B, 18.2.3 and 18.2.4: as at reset. */
#define VMX_DR6_RESET	DR6_RESERVED
#define VMX_DR7_RESET	0x400

#define VMX_MAX_VPID	(VMX_NR_VPIDS - 1)

/**
 * struct vmx_config - control words that this machine's CPUs allow
 * @usable: they can do all that it takes
 * @pin: 25.6.1
 * @primary: 25.6.2
 * @secondary: ...
 * @exit: 25.7.1
 * @entry: 25.8.1
 * @invept: type of INVEPT (29.4.3.1)
 */
struct vmx_config {
	bool usable;
	u32 pin;
	u32 primary;
	u32 secondary;
	u32 exit;
	u32 entry;
	unsigned long invept;
};

static struct vmx_config vmx_config;
static DEFINE_PER_CPU(void *, vmx_vmxon_region);
static void *vmx_msr_map;
static DEFINE_IDA(vmx_vpids);

/* ---- once ---- */

/* A.3.2: bit 63 of the primary controls' MSR says that there are secondary ones. */
static bool vmx_configure_secondary(struct vmx_config *c)
{
	u64 caps;

	if (!(probe_rdmsr(MSR_IA32_VMX_PROCBASED_CTLS) & BIT_ULL(63)))
		return false;
	caps = probe_rdmsr(MSR_IA32_VMX_PROCBASED_CTLS2);
	return vmx_control(MSR_IA32_VMX_PROCBASED_CTLS2,
			   VMX_SECONDARY | (VMX_SECONDARY_IF & upper_32_bits(caps)),
			   &c->secondary);
}

static bool vmx_configure(struct vmx_config *c)
{
	if (!boot_cpu_has(X86_FEATURE_VMX) ||
	    !vmx_control(vmx_control_msr(MSR_IA32_VMX_PINBASED_CTLS),
			 PIN_BASED_EXT_INTR_MASK | PIN_BASED_NMI_EXITING, &c->pin) ||
	    !vmx_control(vmx_control_msr(MSR_IA32_VMX_PROCBASED_CTLS),
			 VMX_PRIMARY, &c->primary) ||
	    !vmx_configure_secondary(c) ||
	    !vmx_control(vmx_control_msr(MSR_IA32_VMX_EXIT_CTLS), VMX_EXIT,
			 &c->exit) ||
	    !vmx_control(vmx_control_msr(MSR_IA32_VMX_ENTRY_CTLS), VMX_ENTRY,
			 &c->entry))
		return false;
	/* A.10 */
	c->invept = probe_rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) &
		    VMX_EPT_EXTENT_CONTEXT_BIT ?
		    VMX_EPT_EXTENT_CONTEXT : VMX_EPT_EXTENT_GLOBAL;
	return true;
}

static void vmx_allow_msr(u32 msr)
{
	u8 *map = vmx_msr_map + (msr >= 0xc0000000 ? VMX_MSR_MAP_HIGH : 0);
	unsigned int byte = (msr & 0x1fff) / 8;

	map[byte] &= ~BIT(msr % 8);
	map[VMX_MSR_MAP_WRITES + byte] &= ~BIT(msr % 8);
}

static void vmx_teardown(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		free_page((unsigned long)per_cpu(vmx_vmxon_region, cpu));
	free_page((unsigned long)vmx_msr_map);
	ida_destroy(&vmx_vpids);
}

static int vmx_setup(void)
{
	int cpu;

	vmx_msr_map = (void *)__get_free_page(GFP_KERNEL);
	if (!vmx_msr_map)
		goto fail;
	for_each_possible_cpu(cpu) {
		per_cpu(vmx_vmxon_region, cpu) =
			(void *)get_zeroed_page(GFP_KERNEL);
		if (!per_cpu(vmx_vmxon_region, cpu))
			goto fail;
	}
	memset(vmx_msr_map, 0xff, SZ_4K);
	/* What entry and exit swap is the guest's. */
	vcpu_allow_msrs(vmx_allow_msr);
	vmx_config.usable = vmx_configure(&vmx_config);
	return 0;
fail:
	vmx_teardown();
	return -ENOMEM;
}

/* ---- a vCPU ---- */

/*
 * Where a fetch in user mode is a right of its own, the CPU has to say which mode it
 * was. A.10: bit 22, advanced information for EPT violations.
 */
static bool vmx_tells_modes(const struct axas_npt *npt)
{
	return !(npt->features & AXAS_FEAT_EXEC_USER) ||
	       probe_rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) & BIT_ULL(22);
}

static int vmx_create(struct vcpu *vcpu)
{
	const struct axas_npt *npt = &vcpu->space->npt;
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	if (!vmx_config.usable)
		return -ENODEV;
	if (!vmx_has_ept(npt) || !vmx_tells_modes(npt))
		return -EOPNOTSUPP;
	vmx->vmcs = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	vmx->msrs = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vmx->vmcs || !vmx->msrs)
		return -ENOMEM;
	/* 29.1: 0 is the host's, and of guests that have none. */
	vmx->vpid = ida_alloc_range(&vmx_vpids, 1, VMX_MAX_VPID, GFP_KERNEL);
	if (vmx->vpid < 0)
		return vmx->vpid;
	vmx_name_msrs(vmx->msrs);
	vmx->cpu = -1;
	vmx->primary = vmx_config.primary;
	vmx->dr6 = VMX_DR6_RESET;
	vmx->dr7 = VMX_DR7_RESET;
	vmx->changed = true;
	return 0;
}

static void vmx_destroy(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	if (vmx->vpid > 0)
		ida_free(&vmx_vpids, vmx->vpid);
	free_page((unsigned long)vmx->msrs);
	free_page((unsigned long)vmx->vmcs);
}

/* ---- entries ---- */

/* What never changes, once for each VMCS. */
static void vmx_write_constant(struct vmx_vcpu *vmx)
{
	vmx_write(PIN_BASED_VM_EXEC_CONTROL, vmx_config.pin);
	vmx_write(SECONDARY_VM_EXEC_CONTROL, vmx_config.secondary |
		  vmx_ept_controls(&vmx->vcpu.space->npt));
	vmx_write(VM_EXIT_CONTROLS, vmx_config.exit);
	vmx_write(EXCEPTION_BITMAP, BIT(X86_TRAP_DB) | BIT(X86_TRAP_AC) |
				    BIT(X86_TRAP_MC));	/* 25.6.3 */
	vmx_write(PAGE_FAULT_ERROR_CODE_MASK, 0);
	vmx_write(PAGE_FAULT_ERROR_CODE_MATCH, 0);
	vmx_write(CR0_GUEST_HOST_MASK, VMX_CR0_HOST);	/* 25.6.6 */
	vmx_write(CR4_GUEST_HOST_MASK, ~(u64)VMX_CR4_GUEST);
	vmx_write(CR3_TARGET_COUNT, 0);			/* 25.6.7 */
	vmx_write(MSR_BITMAP, __pa(vmx_msr_map));	/* 25.6.9 */
	vmx_write(EPT_POINTER, vmx->vcpu.root);		/* 25.6.11 */
	vmx_write(VIRTUAL_PROCESSOR_ID, vmx->vpid);	/* 25.6.12 */
	if (vmx_config.secondary & SECONDARY_EXEC_ENCLS_EXITING)
		vmx_write(ENCLS_EXITING_BITMAP, U64_MAX);	/* 25.6.16 */
	vmx_write(VM_EXIT_MSR_STORE_ADDR, __pa(vmx->msrs->guest));
	vmx_write(VM_EXIT_MSR_STORE_COUNT, VMX_NR_MSRS);
	vmx_write(VM_ENTRY_MSR_LOAD_ADDR, __pa(vmx->msrs->guest));
	vmx_write(VM_ENTRY_MSR_LOAD_COUNT, VMX_NR_MSRS);
	vmx_write(VM_EXIT_MSR_LOAD_ADDR, __pa(vmx->msrs->host));
	vmx_write(VM_EXIT_MSR_LOAD_COUNT, VMX_NR_MSRS);
	vmx_write(GUEST_IA32_DEBUGCTL, 0);
	vmx_write(GUEST_ACTIVITY_STATE, 0);		/* 25.4.2 */
	vmx_write(VMCS_LINK_POINTER, U64_MAX);
}

static bool vmx_forget_stale(struct vmx_vcpu *vmx)
{
	int cpu = smp_processor_id();

	if (!xchg(&vmx->vcpu.stale, false) && vmx->cpu == cpu)
		return true;
	vmx->cpu = vmx_invept(vmx_config.invept, vmx->vcpu.root) ? -1 : cpu;
	return vmx->cpu == cpu;
}

/* 25.8.1, 25.8.3 */
static void vmx_write_entry(const struct vmx_vcpu *vmx)
{
	vmx_write(CPU_BASED_VM_EXEC_CONTROL, vmx->primary);
	vmx_write(VM_ENTRY_CONTROLS, vmx_config.entry |
		  (vmx->regs.efer & EFER_LMA ? VM_ENTRY_IA32E_MODE : 0));
	vmx_write(VM_ENTRY_INTR_INFO_FIELD, vmx->event);
	vmx_write(VM_ENTRY_EXCEPTION_ERROR_CODE, vmx->event_error);
}

static void vmx_write_host(struct vmx_vcpu *vmx, struct vmx_host *host)
{
	unsigned int i;

	vmx_save_host(host);
	vmx_write(HOST_IA32_EFER, probe_rdmsr(MSR_EFER));
	vmx_write(HOST_IA32_PAT, probe_rdmsr(MSR_IA32_CR_PAT));
	for (i = 0; i < VMX_NR_MSRS; i++)
		vmx->msrs->host[i].value = probe_rdmsr(vmx->msrs->host[i].index);
}

/* 25.9 */
static void vmx_read_exit(struct vmx_vcpu *vmx)
{
	vmx->reason = vmx_read(VM_EXIT_REASON);
	vmx->qual = vmx_read(EXIT_QUALIFICATION);
	vmx->gpa = vmx_read(GUEST_PHYSICAL_ADDRESS);
	vmx->length = vmx_read(VM_EXIT_INSTRUCTION_LEN);
	vmx->intr_info = vmx_read(VM_EXIT_INTR_INFO);
	vmx->vectoring = vmx_read(IDT_VECTORING_INFO_FIELD);
	vmx->vectoring_error = vmx_read(IDT_VECTORING_ERROR_CODE);
}

/* Neither entry nor exit has DR0 to DR3 and DR6, nor CR2. Return: false: no guest. */
static bool vmx_switch(struct vmx_vcpu *vmx)
{
	struct vcpu *vcpu = &vmx->vcpu;
	struct vmx_host host;
	unsigned long dr[4];
	bool failed;

	vmx_write_host(vmx, &host);
	if (vcpu->debugs) {
		vcpu_save_debug(dr);
		/* The host's are off while the guest's are there. */
		set_debugreg(0UL, 7);
		vcpu_load_debug(vcpu->dr);
		set_debugreg(vmx->dr6, 6);
	}
	native_write_cr2(vmx->regs.cr2);
	failed = vmx_vmlaunch(vcpu->gprs);
	vmx->regs.cr2 = native_read_cr2();
	if (vcpu->debugs) {
		get_debugreg(vmx->dr6, 6);
		vcpu_save_debug(vcpu->dr);
		vcpu_load_debug(dr);
		set_debugreg(DR6_RESERVED, 6);
	}
	vmx_restore_host(&host);
	return !failed;
}

/* 27.8: the guest's state isn't valid, or an MSR's value; 27.9: the host's trouble. */
static int vmx_failed(u32 reason)
{
	if ((u16)reason != EXIT_REASON_MCE_DURING_VMENTRY)
		return -EINVAL;
	asm volatile("int $0x12");
	return -EIO;
}

/* In VMX operation. */
static int vmx_enter_vmcs(struct vmx_vcpu *vmx)
{
	if (vmx_load(vmx->vmcs))
		return -EIO;
	if (!vmx->complete)
		vmx_write_constant(vmx);
	vmx->complete = true;
	if (!vmx_forget_stale(vmx))
		return -EIO;
	vmx_load_guest(vmx);
	vmx_write_entry(vmx);
	if (!vmx_switch(vmx))
		return -EIO;
	vmx->event = 0;
	vmx_read_exit(vmx);
	if (vmx->reason & VMX_EXIT_REASONS_FAILED_VMENTRY)
		return vmx_failed(vmx->reason);
	vmx_save_guest(vmx);
	if (vmx_exit_was_nmi(vmx->reason))
		vmx_nmi();
	return 0;
}

static int vmx_enter(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	int ret;

	if (vmx->refused)
		return -EINVAL;
	ret = vmx_on(this_cpu_read(vmx_vmxon_region));
	if (ret)
		return ret == -EOPNOTSUPP ? -ENODEV : ret;
	ret = vmx_enter_vmcs(vmx);
	vmx_off(vmx->vmcs);
	return ret;
}

const struct vcpu_ops vmx_ops = {
	.format = AXAS_FORMAT_EPT,
	.size = sizeof(struct vmx_vcpu),
	.setup = vmx_setup,
	.teardown = vmx_teardown,
	.create = vmx_create,
	.destroy = vmx_destroy,
	.get_regs = vmx_get_regs,
	.set_regs = vmx_set_regs,
	.enter = vmx_enter,
	.exit = vmx_exit,
	.ready = vmx_ready,
	.raise = vmx_raise,
	.go_to = vmx_go_to,
	.want_window = vmx_want_window,
};
