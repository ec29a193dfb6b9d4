// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual CPU by AMD SVM: its registers, and the way in and out.
 *
 * Section numbers are those of the AMD64 Architecture Programmer's Manual, volume
 * 2. EFER.SVME is set before an entry and cleared after it, with interrupts off in
 * between: who else wants this CPU finds it free, and a CPU that goes or sleeps
 * has nothing of ours. What stays is the address in VM_HSAVE_PA, by which we see
 * that nobody else has used ASIDs in between.
 */
#include <linux/percpu.h>
#include <linux/sizes.h>

#include <asm/debugreg.h>
#include <asm/trapnr.h>

#include "svm.h"

/* 15.9: all that the guest may not do, or that is answered for it. */
#define SVM_INTERCEPT_1							\
	(BIT(0) | BIT(1) | BIT(2) | BIT(3)	/* INTR, NMI, SMI, INIT */	\
	 | BIT(15)				/* RDPMC */			\
	 | BIT(18) | BIT(19)			/* CPUID, RSM */		\
	 | BIT(22) | BIT(24) | BIT(26)		/* INVD, HLT, INVLPGA */	\
	 | BIT(27) | BIT(28) | BIT(31))		/* ports, MSRs, shutdown */
/* VMRUN to SKINIT, RDTSCP, WBINVD, MONITOR, MWAIT, XSETBV, RDPRU */
#define SVM_INTERCEPT_2		(GENMASK(14, 0) & ~BIT(8))

/* 15.10.1, 15.11: a bit set is an exit. */
#define SVM_PORT_MAP_SIZE	(3 * SZ_4K)
#define SVM_MSR_MAP_SIZE	(2 * SZ_4K)

/* ASIDs of the probes (probe/svm.c), from the end. */
#define SVM_PROBE_ASIDS		2

/* 13.1.1.6: as at reset. */
#define SVM_DR7_RESET	0x400

/**
 * struct svm_cpu - one of the machine's CPUs
 * @hsave: where VMRUN keeps some of the host's state (15.30.4)
 * @generation: goes up whenever it forgets all ASIDs
 * @next: the ASID to hand out next; 0 when it has to forget before
 */
struct svm_cpu {
	void *hsave;
	u64 generation;
	u32 next;
};

static DEFINE_PER_CPU(struct svm_cpu, svm_cpus);
static void *svm_ports;
static void *svm_msrs;

/* ---- once ---- */

/* 15.11: two bits an MSR, for reading and writing. */
static void svm_allow_msr(u32 msr)
{
	unsigned int base = msr >= 0xc0000000 ? SZ_2K : 0;

	((u8 *)svm_msrs)[base + (msr & 0x1fff) / 4] &= ~(3 << msr % 4 * 2);
}

/* The address would be that of freed memory. */
static void svm_forget_hsave(void *unused)
{
	if (!svm_check() &&
	    probe_rdmsr(MSR_VM_HSAVE_PA) == __pa(this_cpu_read(svm_cpus.hsave)))
		probe_wrmsr(MSR_VM_HSAVE_PA, 0);
}

static void svm_teardown(void)
{
	int cpu;

	on_each_cpu(svm_forget_hsave, NULL, 1);
	for_each_possible_cpu(cpu)
		free_page((unsigned long)per_cpu(svm_cpus.hsave, cpu));
	if (svm_msrs)
		free_pages_exact(svm_msrs, SVM_MSR_MAP_SIZE);
	if (svm_ports)
		free_pages_exact(svm_ports, SVM_PORT_MAP_SIZE);
}

static int svm_setup(void)
{
	int cpu;

	svm_ports = alloc_pages_exact(SVM_PORT_MAP_SIZE, GFP_KERNEL);
	svm_msrs = alloc_pages_exact(SVM_MSR_MAP_SIZE, GFP_KERNEL);
	if (!svm_ports || !svm_msrs)
		goto fail;
	for_each_possible_cpu(cpu) {
		per_cpu(svm_cpus.hsave, cpu) = (void *)get_zeroed_page(GFP_KERNEL);
		if (!per_cpu(svm_cpus.hsave, cpu))
			goto fail;
	}
	memset(svm_ports, 0xff, SVM_PORT_MAP_SIZE);
	memset(svm_msrs, 0xff, SVM_MSR_MAP_SIZE);
	/* What VMLOAD and VMSAVE swap is the guest's. */
	vcpu_allow_msrs(svm_allow_msr);
	return 0;
fail:
	svm_teardown();
	return -ENOMEM;
}

/* ---- a vCPU ---- */

static int svm_create(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_vmcb *vmcb;

	if (!boot_cpu_has(X86_FEATURE_SVM) || !boot_cpu_has(X86_FEATURE_NPT))
		return -ENODEV;
	svm->vmcb = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	svm->host = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!svm->vmcb || !svm->host)
		return -ENOMEM;
	svm->cpu = -1;
	vmcb = svm->vmcb;
	vmcb->intercept_dr = U32_MAX;
	vmcb->intercept_exceptions = BIT(X86_TRAP_DB) | BIT(X86_TRAP_AC) |
				     BIT(X86_TRAP_MC);
	vmcb->intercept_1 = SVM_INTERCEPT_1;
	vmcb->intercept_2 = SVM_INTERCEPT_2;
	vmcb->ports = __pa(svm_ports);
	vmcb->msrs = __pa(svm_msrs);
	vmcb->vintr = SVM_V_MASKING;
	vmcb->nested = SVM_NP_ENABLE;
	vmcb->n_cr3 = vcpu->root;
	vmcb->efer = EFER_SVME;
	vmcb->dr6 = DR6_RESERVED;
	vmcb->dr7 = SVM_DR7_RESET;
	return 0;
}

static void svm_destroy(struct vcpu *vcpu)
{
	free_page((unsigned long)to_svm(vcpu)->host);
	free_page((unsigned long)to_svm(vcpu)->vmcb);
}

/* ---- registers ---- */

/* Those of a VMCB are in the order of ours, beginning with ES. */
static_assert(sizeof(struct axas_vcpu_segment) == sizeof(struct svm_segment));
static_assert(AXAS_VCPU_NR_SEGMENTS == SVM_NR_SEGMENTS);

static void svm_get_regs(const struct vcpu *vcpu, struct axas_vcpu_regs *regs)
{
	const struct svm_vmcb *vmcb = to_vmcb(vcpu);

	memcpy(regs->gpr, vcpu->gprs, sizeof(regs->gpr));
	regs->rip = vmcb->rip;
	regs->rflags = vmcb->rflags;
	regs->cr0 = vmcb->cr0;
	regs->cr2 = vmcb->cr2;
	regs->cr3 = vmcb->cr3;
	regs->cr4 = vmcb->cr4;
	regs->star = vmcb->star;
	regs->lstar = vmcb->lstar;
	regs->cstar = vmcb->cstar;
	regs->sfmask = vmcb->sfmask;
	regs->kernel_gs_base = vmcb->kernel_gs_base;
	regs->sysenter_cs = vmcb->sysenter_cs;
	regs->sysenter_esp = vmcb->sysenter_esp;
	regs->sysenter_eip = vmcb->sysenter_eip;
	regs->cr8 = vmcb->vintr & SVM_V_TPR;
	regs->efer = vmcb->efer & VCPU_EFER;
	regs->pat = vmcb->g_pat;
	memcpy(regs->segments, vmcb->segments, sizeof(regs->segments));
	regs->shadow = vmcb->shadow & 1;
}

static int svm_set_regs(struct vcpu *vcpu, const struct axas_vcpu_regs *regs)
{
	struct svm_vmcb *vmcb = to_vmcb(vcpu);

	if (!vcpu_regs_valid(regs))
		return -EINVAL;
	memcpy(vcpu->gprs, regs->gpr, sizeof(vcpu->gprs));
	vmcb->rip = regs->rip;
	vmcb->rflags = regs->rflags | X86_EFLAGS_FIXED;
	vmcb->cr0 = regs->cr0;
	vmcb->cr2 = regs->cr2;
	vmcb->cr3 = regs->cr3;
	vmcb->cr4 = regs->cr4;
	vmcb->star = regs->star;
	vmcb->lstar = regs->lstar;
	vmcb->cstar = regs->cstar;
	vmcb->sfmask = regs->sfmask;
	vmcb->kernel_gs_base = regs->kernel_gs_base;
	vmcb->sysenter_cs = regs->sysenter_cs;
	vmcb->sysenter_esp = regs->sysenter_esp;
	vmcb->sysenter_eip = regs->sysenter_eip;
	vmcb->vintr = SVM_V_MASKING | regs->cr8;
	vmcb->efer = regs->efer | EFER_SVME;
	vmcb->g_pat = regs->pat;
	memcpy(vmcb->segments, regs->segments, sizeof(regs->segments));
	vmcb->cpl = vmcb->ss.attributes >> 5 & 3;
	vmcb->shadow = regs->shadow;
	vmcb->event = 0;
	return 0;
}

/* ---- entries ---- */

/* 15.4; interrupts are off until svm_end(). */
static int svm_begin(struct svm_cpu *cpu)
{
	int ret = svm_check();

	if (ret)
		return ret == -EOPNOTSUPP ? -ENODEV : ret;
	probe_wrmsr(MSR_EFER, probe_rdmsr(MSR_EFER) | EFER_SVME);
	if (probe_rdmsr(MSR_VM_HSAVE_PA) != __pa(cpu->hsave)) {
		probe_wrmsr(MSR_VM_HSAVE_PA, __pa(cpu->hsave));
		cpu->next = 0;
	}
	return 0;
}

static void svm_end(void)
{
	probe_wrmsr(MSR_EFER, probe_rdmsr(MSR_EFER) & ~EFER_SVME);
}

/*
 * 15.16: a guest that has to forget gets an ASID that nobody has had since this
 * CPU last forgot all of them.
 */
static void svm_take_asid(struct svm_vcpu *svm, struct svm_cpu *cpu)
{
	struct svm_vmcb *vmcb = svm->vmcb;

	vmcb->tlb_control = SVM_TLB_KEEP;
	if (!xchg(&svm->vcpu.stale, false) && svm->cpu == smp_processor_id() &&
	    svm->generation == cpu->generation && cpu->next)
		return;
	if (!cpu->next || cpu->next >= svm_nr_asids() - SVM_PROBE_ASIDS) {
		cpu->generation++;
		cpu->next = 1;
		vmcb->tlb_control = SVM_TLB_FLUSH_ALL;
	}
	vmcb->asid = cpu->next++;
	svm->generation = cpu->generation;
	svm->cpu = smp_processor_id();
}

/* VMRUN leaves the guest's DR6 behind, and DR7 as at reset (15.6). */
static void svm_switch(struct svm_vcpu *svm)
{
	struct vcpu *vcpu = &svm->vcpu;
	unsigned long dr[4], dr7;

	get_debugreg(dr7, 7);
	if (vcpu->debugs) {
		vcpu_save_debug(dr);
		/* The host's are off while the guest's are there. */
		set_debugreg(0UL, 7);
		vcpu_load_debug(vcpu->dr);
	}
	asm volatile("vmsave %%rax" : : "a" (__pa(svm->host)) : "memory");
	svm_vmrun(vcpu->gprs, __pa(svm->vmcb), __pa(svm->host));
	if (vcpu->debugs) {
		vcpu_save_debug(vcpu->dr);
		vcpu_load_debug(dr);
	}
	set_debugreg(DR6_RESERVED, 6);
	if (dr7 != SVM_DR7_RESET)
		set_debugreg(dr7, 7);
}

static int svm_enter(struct vcpu *vcpu)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpus);
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_vmcb *vmcb = svm->vmcb;
	int ret = svm_begin(cpu);

	if (ret)
		return ret;
	vmcb->exit_int_info = 0;
	vmcb->rax = vcpu->gprs[AXAS_VCPU_RAX];
	vmcb->rsp = vcpu->gprs[AXAS_VCPU_RSP];
	svm_take_asid(svm, cpu);
	svm_switch(svm);
	vmcb->event = 0;
	vcpu->gprs[AXAS_VCPU_RAX] = vmcb->rax;
	vcpu->gprs[AXAS_VCPU_RSP] = vmcb->rsp;
	/* 15.5.1, of which QEMU writes the lower half. Who knows what was forgotten? */
	if ((u32)vmcb->exit_code == U32_MAX) {
		cpu->next = 0;
		ret = -EINVAL;
	}
	svm_end();
	return ret;
}

const struct vcpu_ops svm_ops = {
	.format = AXAS_FORMAT_AMD,
	.size = sizeof(struct svm_vcpu),
	.setup = svm_setup,
	.teardown = svm_teardown,
	.create = svm_create,
	.destroy = svm_destroy,
	.get_regs = svm_get_regs,
	.set_regs = svm_set_regs,
	.enter = svm_enter,
	.exit = svm_exit,
	.ready = svm_ready,
	.raise = svm_raise,
	.go_to = svm_go_to,
	.want_window = svm_want_window,
};
