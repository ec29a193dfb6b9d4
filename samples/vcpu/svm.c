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
#include <asm/fpu/api.h>
#include <asm/pkru.h>
#include <asm/trapnr.h>

#include "vcpu.h"

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

#define SVM_ATTRIBUTES	GENMASK(11, 0)

/* 13.1.1.6: as at reset. */
#define SVM_DR7_RESET	0x400

/* 13.5.1: XSAVE has its header behind the 512 bytes of FXSAVE; MXCSR at reset. */
#define XSAVE_MXCSR	24
#define XSAVE_LEAF	0xd

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

/* What VMLOAD and VMSAVE swap is the guest's. */
static void svm_allow_msrs(void)
{
	static const u32 msrs[] = {
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
		MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK,
		MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP,
		MSR_IA32_SYSENTER_EIP,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		svm_allow_msr(msrs[i]);
}

int svm_setup(void)
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
	svm_allow_msrs();
	return 0;
fail:
	svm_teardown();
	return -ENOMEM;
}

/* The address would be that of freed memory. */
static void svm_forget_hsave(void *unused)
{
	if (!svm_check() &&
	    probe_rdmsr(MSR_VM_HSAVE_PA) == __pa(this_cpu_read(svm_cpus.hsave)))
		probe_wrmsr(MSR_VM_HSAVE_PA, 0);
}

void svm_teardown(void)
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

/* ---- a vCPU ---- */

/* 13.5: bytes that XSAVE writes with what the kernel has enabled. */
static size_t svm_fpu_size(void)
{
	return svm_cpuid_ebx(XSAVE_LEAF);
}

int svm_create(struct vcpu *vcpu)
{
	if (!boot_cpu_has(X86_FEATURE_SVM) || !boot_cpu_has(X86_FEATURE_NPT) ||
	    !boot_cpu_has(X86_FEATURE_XSAVE))
		return -ENODEV;
	vcpu->vmcb = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	vcpu->host = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	vcpu->fpu = alloc_pages_exact(svm_fpu_size(),
				      GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!vcpu->vmcb || !vcpu->host || !vcpu->fpu)
		return -ENOMEM;
	*(u32 *)(vcpu->fpu + XSAVE_MXCSR) = 0x1f80;
	vcpu->cpu = -1;
	vcpu->vmcb->intercept_dr = U32_MAX;
	vcpu->vmcb->intercept_exceptions = BIT(X86_TRAP_DB) | BIT(X86_TRAP_AC) |
					   BIT(X86_TRAP_MC);
	vcpu->vmcb->intercept_1 = SVM_INTERCEPT_1;
	vcpu->vmcb->intercept_2 = SVM_INTERCEPT_2;
	vcpu->vmcb->ports = __pa(svm_ports);
	vcpu->vmcb->msrs = __pa(svm_msrs);
	vcpu->vmcb->vintr = SVM_V_MASKING;
	vcpu->vmcb->nested = SVM_NP_ENABLE;
	vcpu->vmcb->n_cr3 = vcpu->root;
	vcpu->vmcb->efer = EFER_SVME;
	vcpu->vmcb->dr6 = DR6_RESERVED;
	vcpu->vmcb->dr7 = SVM_DR7_RESET;
	return 0;
}

void svm_destroy(struct vcpu *vcpu)
{
	if (vcpu->fpu)
		free_pages_exact(vcpu->fpu, svm_fpu_size());
	free_page((unsigned long)vcpu->host);
	free_page((unsigned long)vcpu->vmcb);
}

/* ---- registers ---- */

/* Those of a VMCB are in the order of ours, beginning with ES. */
static_assert(sizeof(struct axas_vcpu_segment) == sizeof(struct svm_segment));
static_assert(AXAS_VCPU_NR_SEGMENTS == SVM_NR_SEGMENTS);

void svm_get_regs(struct vcpu *vcpu, struct axas_vcpu_regs *regs)
{
	const struct svm_vmcb *vmcb = vcpu->vmcb;

	memset(regs, 0, sizeof(*regs));
	memcpy(regs->gpr, vcpu->gprs, sizeof(regs->gpr));
	regs->gpr[AXAS_VCPU_RAX] = vmcb->rax;
	regs->gpr[AXAS_VCPU_RSP] = vmcb->rsp;
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
	regs->efer = vmcb->efer & ~(u64)EFER_SVME;
	regs->pat = vmcb->g_pat;
	memcpy(regs->segments, vmcb->segments, sizeof(regs->segments));
	regs->shadow = vmcb->shadow & 1;
}

/* 7.8.2: the types that there are. */
bool svm_pat_valid(u64 pat)
{
	unsigned int type;

	for (; pat; pat >>= 8) {
		type = pat & 0xff;
		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

/* What the CPU wouldn't refuse itself (15.5.1), or not for sure. */
static bool svm_regs_valid(const struct axas_vcpu_regs *regs)
{
	unsigned int i;

	for (i = 0; i < AXAS_VCPU_NR_SEGMENTS; i++)
		if (regs->segments[i].attributes & ~SVM_ATTRIBUTES)
			return false;
	return !(regs->efer & ~(u64)SVM_EFER) && regs->cr8 <= SVM_V_TPR &&
	       regs->shadow <= 1 && svm_pat_valid(regs->pat);
}

int svm_set_regs(struct vcpu *vcpu, const struct axas_vcpu_regs *regs)
{
	struct svm_vmcb *vmcb = vcpu->vmcb;

	if (!svm_regs_valid(regs))
		return -EINVAL;
	memcpy(vcpu->gprs, regs->gpr, sizeof(vcpu->gprs));
	vmcb->rax = regs->gpr[AXAS_VCPU_RAX];
	vmcb->rsp = regs->gpr[AXAS_VCPU_RSP];
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
	vcpu->pending = VCPU_NOTHING;
	vcpu->dead = false;
	/* The guest's own translations were those of other registers. */
	xchg(&vcpu->stale, true);
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
static void svm_take_asid(struct vcpu *vcpu, struct svm_cpu *cpu)
{
	struct svm_vmcb *vmcb = vcpu->vmcb;

	vmcb->tlb_control = SVM_TLB_KEEP;
	if (!xchg(&vcpu->stale, false) && vcpu->cpu == smp_processor_id() &&
	    vcpu->generation == cpu->generation && cpu->next)
		return;
	if (!cpu->next || cpu->next >= svm_nr_asids() - SVM_PROBE_ASIDS) {
		cpu->generation++;
		cpu->next = 1;
		vmcb->tlb_control = SVM_TLB_FLUSH_ALL;
	}
	vmcb->asid = cpu->next++;
	vcpu->generation = cpu->generation;
	vcpu->cpu = smp_processor_id();
}

static void svm_load_debug(const unsigned long *dr)
{
	set_debugreg(dr[0], 0);
	set_debugreg(dr[1], 1);
	set_debugreg(dr[2], 2);
	set_debugreg(dr[3], 3);
}

static void svm_save_debug(unsigned long *dr)
{
	get_debugreg(dr[0], 0);
	get_debugreg(dr[1], 1);
	get_debugreg(dr[2], 2);
	get_debugreg(dr[3], 3);
}

/* VMRUN leaves the guest's DR6 behind, and DR7 as at reset (15.6). */
static void svm_switch(struct vcpu *vcpu)
{
	unsigned long dr[4], dr7;

	get_debugreg(dr7, 7);
	if (vcpu->debugs) {
		svm_save_debug(dr);
		/* The host's are off while the guest's are there. */
		set_debugreg(0UL, 7);
		svm_load_debug(vcpu->dr);
	}
	asm volatile("vmsave %%rax" : : "a" (__pa(vcpu->host)) : "memory");
	vcpu_enter(vcpu->gprs, __pa(vcpu->vmcb), __pa(vcpu->host));
	if (vcpu->debugs) {
		svm_save_debug(vcpu->dr);
		svm_load_debug(dr);
	}
	set_debugreg(DR6_RESERVED, 6);
	if (dr7 != SVM_DR7_RESET)
		set_debugreg(dr7, 7);
}

static int svm_enter(struct vcpu *vcpu)
{
	struct svm_cpu *cpu = this_cpu_ptr(&svm_cpus);
	struct svm_vmcb *vmcb = vcpu->vmcb;
	int ret = svm_begin(cpu);

	if (ret)
		return ret;
	vmcb->exit_code = SVM_EXIT_INTR;
	vmcb->exit_int_info = 0;
	/* A full barrier: see vcpu_leave(). */
	xchg(&vcpu->on_cpu, smp_processor_id());
	if (!READ_ONCE(vcpu->kicked)) {
		svm_take_asid(vcpu, cpu);
		svm_switch(vcpu);
		vmcb->event = 0;
	}
	/* The guest has stored what it has. */
	smp_store_release(&vcpu->on_cpu, -1);
	/* 15.5.1, of which QEMU writes the lower half. Who knows what was forgotten? */
	if ((u32)vmcb->exit_code == U32_MAX) {
		cpu->next = 0;
		ret = -EINVAL;
	}
	svm_end();
	return ret;
}

static void svm_load_fpu(const struct vcpu *vcpu)
{
	asm volatile("xrstor64 (%0)" : : "r" (vcpu->fpu), "a" (-1), "d" (-1)
		     : "memory");
}

static void svm_save_fpu(const struct vcpu *vcpu)
{
	asm volatile("xsave64 (%0)" : : "r" (vcpu->fpu), "a" (-1), "d" (-1)
		     : "memory");
}

/**
 * svm_run - enter the guest once
 * @vcpu: the vCPU
 *
 * All that the kernel has enabled in XCR0 is the guest's in between, PKRU too, which
 * kernel_fpu_begin() doesn't save.
 *
 * Context: may sleep; lock held.
 * Return: 0 with what ended it in the VMCB; -EBUSY, -ENODEV; -EINVAL if the CPU
 * refuses the registers.
 */
int svm_run(struct vcpu *vcpu)
{
	unsigned long flags;
	u32 pkru;
	int ret;

	kernel_fpu_begin();
	pkru = read_pkru();
	svm_load_fpu(vcpu);
	local_irq_save(flags);
	ret = svm_enter(vcpu);
	local_irq_restore(flags);
	svm_save_fpu(vcpu);
	write_pkru(pkru);
	kernel_fpu_end();
	return ret;
}
