// SPDX-License-Identifier: GPL-2.0
/*
 * Probes by Intel VMX: a guest of one instruction.
 *
 * Section numbers are those of the Intel SDM, volume 3C. What it takes to run a
 * guest is in vmx.h.
 *
 * The guest runs in 64-bit mode with paging of its own, and executes one
 * instruction: a load, a store that changes nothing, or what it fetches from
 * the GPA. It does so at CPL 3; where user mode has a right of its own, a fetch
 * in supervisor mode is made at CPL 0, through a PTE whose U/S is clear: the
 * linear address tells the modes apart (29.3.3.2). Its page tables and its code
 * lie in pages of this module, which the EPT maps in a root slot that the GPA
 * doesn't use; the root is private and has a copy of one entry of the table's
 * root. Everything below that entry is the live table.
 *
 * How the CPU is brought to tell the HPA: a guest can't know it, but the CPU
 * compares it. The page to which axas_npt_lookup() says that the GPA leads is
 * made the APIC-access page (30.4), so an access that the EPT allows, and that
 * ends in this page, becomes an exit (reason 44) before it is done. Memory isn't
 * touched, and there needn't be any. If instead the instruction completes, after
 * which RFLAGS.TF makes it trap, then the CPU has been somewhere else, and the
 * answer is "mapped" with an HPA that is %AXAS_NO_FRAME.
 *
 * An APIC-access exit is only sure to come if both tables map 4-KByte pages
 * (30.4.5); Bochs does it for all. And a fetch isn't tried on an APIC-access
 * page, since Bochs stops on that. So a fetch is made for real, of one
 * instruction, whatever it is, on a page that the guest may not write, without a
 * stack, port, MSR, FPU or exception handler; at CPL 0 also without control and
 * debug registers. Then the HPA is what a load through the same entry says. Where
 * the leaf is execute-only, memory can bear witness: at each address that is a
 * multiple of 16 the owner of the page may have placed "mov $HPA of the page,
 * %rax".
 *
 * What the CPU reads on its way, tables and pages of this module, can't be told
 * from where it gets to: such a page isn't tried.
 */
#include <linux/bitfield.h>
#include <linux/cleanup.h>
#include <linux/cpu.h>
#include <linux/ioport.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/pfn.h>
#include <linux/smp.h>

#include "vmx.h"

/* 29.3.2: an entry that allows everything, write-back in leaves. */
#define EPT_USER	BIT_ULL(10)
#define EPT_RWX		(GENMASK_ULL(2, 0) | EPT_USER)
#define EPT_LEAF_WB	FIELD_PREP(GENMASK_ULL(5, 3), 6)
#define EPT_ADDR	GENMASK_ULL(51, 12)
/* Tables 29-3, 29-5: a leaf above level 1. */
#define EPT_PAGE_SIZE	BIT_ULL(7)
/* Table 28-7: it was a fetch; rights of the GPA, and-ed over levels. */
#define QUAL_FETCH	BIT_ULL(2)
#define QUAL_RIGHTS	GENMASK_ULL(5, 3)
/* ... and bit 10's, undefined without mode-based execute control. */
#define QUAL_USER	BIT_ULL(6)
/**
 * struct vmx_pages - what the CPU sees, each by its physical address
 * @area: for VMX
 * @ept: EPT tables of the probe, the leaves' first; the last one in use is the
 *	root
 * @guest: the guest's own
 */
struct vmx_pages {
	struct vmx_area area;
	u64 ept[AXAS_MAX_LEVELS][AXAS_TABLE_ENTRIES];
	struct probe_guest guest;
};

static struct vmx_pages vmx_pages __aligned(SZ_4K);

/* Serializes probes, whose pages are the same. */
static DEFINE_MUTEX(vmx_lock);

/* Of which table may this CPU have something cached under the probe's root? */
static DEFINE_PER_CPU(const struct axas_npt *, vmx_cached);

/* Code of the guest: the load, and the store. RAX is 0, RDI the target. */
#define CODE_LOAD	0
#define CODE_STORE	16

static const u8 vmx_code[] = {
	[CODE_LOAD] = 0x48, 0x8b, 0x07,		/* mov (%rdi),%rax */
	[CODE_STORE] = 0xf0, 0x48, 0x09, 0x07,	/* lock or %rax,(%rdi) */
};

/**
 * struct vmx_probe - one probe
 * @npt: the table
 * @eptp: EPTP of the private root
 * @gpa: what is asked
 * @access: an &enum axas_prot bit
 * @private: GPA at which the pages of the probe are mapped
 * @page: HPA of the page that is expected, or %AXAS_NO_FRAME
 * @reason: how the guest ended (25.9.1)
 * @qual: exit qualification (25.9.1)
 * @rax: the guest's
 */
struct vmx_probe {
	const struct axas_npt *npt;
	u64 eptp;
	u64 gpa;
	unsigned int access;
	u64 private;
	axas_hpa_t page;
	u32 reason;
	u64 qual;
	u64 rax;
};

/* ---- one entry ---- */

static bool vmx_is_supervisor(const struct vmx_probe *probe, unsigned int access)
{
	return access == AXAS_PROT_EXEC &&
	       probe->npt->features & AXAS_FEAT_EXEC_USER;
}

/* The guest's PTE of the target. */
static u64 vmx_guest_pte(const struct vmx_probe *probe, unsigned int access)
{
	u64 pte = probe->gpa & PAGE_MASK;

	if (access == AXAS_PROT_WRITE)
		return pte | GPT_WRITE;
	return pte | (vmx_is_supervisor(probe, access) ?
		      GPT_READ & ~_PAGE_USER : GPT_READ);
}

/**
 * vmx_run - have the guest try an access
 * @probe: with gpa, page; out: reason, qual, rax
 * @access: what the guest tries
 * @apic: whether the expected page is the APIC-access page
 *
 * Context: VMX operation.
 * Return: 0, -EOPNOTSUPP, or -EIO if there was no guest.
 */
static int vmx_run(struct vmx_probe *probe, unsigned int access, bool apic)
{
	u64 offset = probe->gpa & ~PAGE_MASK;
	struct vmx_regs regs = { .rdi = GVA_TARGET + (offset & ~7UL) };
	/*
	 * Interrupts are off in the guest, and wait for the host. After one
	 * instruction there is a #DB; nothing is mapped where RSP points, so no
	 * POPF or IRET can clear TF.
	 */
	struct vmx_start start = {
		.cr3 = probe_guest_cr3(probe->private),
		.rip = GVA_CODE,
		.rsp = GVA_NOTHING,
		.rflags = X86_EFLAGS_TF,
		.supervisor = vmx_is_supervisor(probe, access),
	};
	int ret;

	if (access & AXAS_PROT_FETCH)
		start.rip = GVA_TARGET + offset;
	else if (access == AXAS_PROT_WRITE)
		start.rip += CODE_STORE;
	vmx_pages.guest.gpt[0][1] = vmx_guest_pte(probe, access);

	if (vmx_load(vmx_pages.area.vmcs))
		return -EIO;
	ret = vmx_write_controls(0, vmx_ept_controls(probe->npt) |
				 (apic ? SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES :
					 0));
	if (ret)
		return ret;
	if (apic)
		vmx_write(APIC_ACCESS_ADDR, probe->page.val); /* 25.6.8 */
	vmx_write(EPT_POINTER, probe->eptp); /* 25.6.11 */
	vmx_write_guest(&start);

	ret = vmx_enter(&vmx_pages.area, &regs, &probe->reason);
	probe->rax = regs.rax;
	probe->qual = vmx_read(EXIT_QUALIFICATION);
	return ret;
}

/* ---- what it means ---- */

/* Did the EPT stop the access that was asked about, or what was fetched? */
static bool vmx_is_stopped(const struct vmx_probe *probe)
{
	if (probe->reason == EXIT_REASON_EPT_MISCONFIG)
		return true;
	return probe->reason == EXIT_REASON_EPT_VIOLATION &&
	       (!(probe->access & AXAS_PROT_FETCH) || probe->qual & QUAL_FETCH);
}

static int vmx_decode_ept(const struct vmx_probe *probe,
			  struct axas_probe_result *result)
{
	u64 rights = QUAL_RIGHTS |
		     (probe->npt->features & AXAS_FEAT_EXEC_USER ? QUAL_USER : 0);

	/* 25.9.1; a fault at another address is one of ours. */
	if ((vmx_read(GUEST_PHYSICAL_ADDRESS) ^ probe->gpa) & PAGE_MASK)
		return -EIO;
	result->raw = probe->qual;
	if (probe->reason == EXIT_REASON_EPT_MISCONFIG)
		result->kind = AXAS_PROBE_MISCONFIGURED;
	else if (probe->qual & rights)
		result->kind = AXAS_PROBE_PERMISSION;
	else
		result->kind = AXAS_PROBE_TRANSLATION;
	return 0;
}

/*
 * 28.2.2: a page fault with RSVD set means that the guest's PTE has a GPA wider
 * than the CPU's physical addresses.
 */
static bool vmx_is_too_wide(const struct vmx_probe *probe)
{
	return vmx_exit_was(probe->reason, X86_TRAP_PF) &&
	       vmx_read(VM_EXIT_INTR_ERROR_CODE) & X86_PF_RSVD;
}

/* A page that can be the APIC-access page at all (27.2.1.1). */
static bool vmx_page_known(const struct vmx_probe *probe)
{
	return axas_frame_valid(probe->page) &&
	       probe->page.val < BIT_ULL(boot_cpu_data.x86_phys_bits);
}

/* Has the CPU been where it is expected? Only after a fetch that succeeded. */
static int vmx_confirm_fetch(struct vmx_probe *probe, bool *confirmed)
{
	int ret;

	*confirmed = vmx_page_known(probe) && probe->rax == probe->page.val;
	if (*confirmed || !vmx_page_known(probe))
		return 0;
	ret = vmx_run(probe, AXAS_PROT_READ, true);
	*confirmed = !ret && probe->reason == EXIT_REASON_APIC_ACCESS;
	return ret;
}

static int vmx_ask(struct vmx_probe *probe, struct axas_probe_result *result)
{
	bool exec = probe->access & AXAS_PROT_FETCH, confirmed;
	int ret = vmx_run(probe, probe->access,
			  !exec && vmx_page_known(probe));

	if (ret)
		return ret;
	if (vmx_is_stopped(probe))
		return vmx_decode_ept(probe, result);
	if (vmx_is_too_wide(probe)) {
		result->kind = AXAS_PROBE_ADDRESS_SIZE;
		return 0;
	}
	if (probe->reason == EXIT_REASON_TRIPLE_FAULT)
		return -EIO;

	result->kind = AXAS_PROBE_MAPPED;
	result->raw = probe->qual;
	confirmed = probe->reason == EXIT_REASON_APIC_ACCESS;
	/* Whatever else the fetched instruction came to, it was fetched. */
	if (exec)
		ret = vmx_confirm_fetch(probe, &confirmed);
	else if (!confirmed && !vmx_exit_was(probe->reason, X86_TRAP_DB))
		ret = -EIO;
	if (confirmed)
		result->hpa.val = probe->page.val | (probe->gpa & ~PAGE_MASK);
	return ret;
}

/* ---- the probe ---- */

/* Pages of the probe, at the GPA private. */
static void vmx_fill_tables(struct vmx_pages *p, const struct vmx_probe *probe)
{
	unsigned int top = probe->npt->levels - 1, i;
	unsigned int slot = probe->gpa >> axas_level_shift(top + 1);

	probe_guest_fill(&p->guest, probe->private, p->ept[0],
			 EPT_RWX | EPT_LEAF_WB);
	memcpy(p->guest.code, vmx_code, sizeof(vmx_code));

	for (i = 1; i < top; i++)
		p->ept[i][0] = probe_pa(p->ept[i - 1]) | EPT_RWX;
	memset(p->ept[top], 0, SZ_4K);
	p->ept[top][slot] = READ_ONCE(probe->npt->root[slot]);
	p->ept[top][probe->private >> axas_level_shift(top + 1)] =
		probe_pa(p->ept[top - 1]) | EPT_RWX;
}

static int vmx_probe_cpu(struct vmx_probe *probe,
			 struct axas_probe_result *result)
{
	int ret = vmx_check();

	if (!ret && !vmx_has_ept(probe->npt))
		ret = -EOPNOTSUPP;
	if (!ret)
		ret = vmx_on(vmx_pages.area.vmxon);
	if (ret)
		return ret;

	if (this_cpu_read(vmx_cached) != probe->npt) {
		if (vmx_forget())
			ret = -EIO;
		else
			this_cpu_write(vmx_cached, probe->npt);
	}
	if (!ret)
		ret = vmx_ask(probe, result);
	vmx_off(vmx_pages.area.vmcs);
	return ret;
}

/*
 * Does the CPU's walk read this page? An APIC-access exit may come of that, too
 * (30.4.6).
 */
static bool vmx_on_the_way(const struct axas_npt *npt, u64 gpa, u64 page)
{
	u64 rights = npt->features & AXAS_FEAT_EXEC_USER ? EPT_RWX :
							   EPT_RWX & ~EPT_USER;
	unsigned int level = npt->levels;
	u64 entry = READ_ONCE(npt->root[gpa >> axas_level_shift(level)]);
	u64 offset, *table;

	for (offset = 0; offset < sizeof(vmx_pages); offset += SZ_4K)
		if (probe_pa((void *)&vmx_pages + offset) == page)
			return true;
	while (level-- > 1 && entry & rights && !(entry & EPT_PAGE_SIZE)) {
		if ((entry & EPT_ADDR) == page)
			return true;
		table = axas_hal_phys_to_virt(axas_hpa(entry & EPT_ADDR));
		entry = READ_ONCE(table[gpa >> axas_level_shift(level) &
					(AXAS_TABLE_ENTRIES - 1)]);
	}
	return false;
}

/**
 * axas_vmx_probe - let this CPU walk an EPT
 * @npt: the table
 * @gpa: any alignment, and no wider than a guest's PTE holds
 * @access: exactly one &enum axas_prot bit
 * @result: in: nothing known; out: what the CPU said
 *
 * @result->level is 0 and @result->memtype %AXAS_PROBE_UNKNOWN: VMX tells
 * neither. @result->hpa is what the CPU has confirmed, or %AXAS_NO_FRAME if the
 * access is allowed but goes somewhere that axas_npt_lookup() doesn't know.
 * %AXAS_PROBE_TRANSLATION is a violation for which no right is left when those
 * of all levels are and-ed (table 28-7).
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP; -EBUSY if VMX is in use on this CPU; -EIO if the CPU
 * did what the manual doesn't say.
 */
int axas_vmx_probe(const struct axas_npt *npt, axas_gpa_t gpa,
		   unsigned int access, struct axas_probe_result *result)
{
	struct vmx_probe probe = {
		.npt = npt,
		.gpa = gpa.val,
		.access = access,
		.page = AXAS_NO_FRAME,
	};
	struct axas_leaf leaf;
	unsigned long flags;
	u64 slot_size;
	int ret;

	if ((access == AXAS_PROT_EXEC_USER &&
	     !(npt->features & AXAS_FEAT_EXEC_USER)) ||
	    npt->ops->control(npt, &probe.eptp))
		return -EOPNOTSUPP;

	/* Ours go where the GPA isn't. */
	slot_size = axas_level_size(npt->levels);
	probe.private = gpa.val < slot_size ? slot_size : 0;
	if (probe.private >> boot_cpu_data.x86_phys_bits)
		return -EOPNOTSUPP;

	guard(mutex)(&vmx_lock);
	probe.eptp &= ~EPT_ADDR;
	probe.eptp |= probe_pa(vmx_pages.ept[npt->levels - 1]);
	if (!axas_npt_lookup(npt, gpa, &leaf))
		probe.page.val = leaf.hpa.val +
				 (gpa.val & PAGE_MASK &
				  (axas_level_size(leaf.level) - 1));
	/* What isn't memory isn't executed. */
	if (axas_frame_valid(probe.page) &&
	    ((access & AXAS_PROT_FETCH &&
	      !page_is_ram(PHYS_PFN(probe.page.val))) ||
	     vmx_on_the_way(npt, gpa.val, probe.page.val)))
		return -EOPNOTSUPP;
	vmx_fill_tables(&vmx_pages, &probe);

	local_irq_save(flags);
	ret = vmx_probe_cpu(&probe, result);
	local_irq_restore(flags);
	return ret;
}

/* ---- invalidation: 29.4.3 ---- */

static void vmx_forget_cpu(void *unused)
{
	/* Whoever has VMX now has made the CPU forget before it began. */
	if (!vmx_on(vmx_pages.area.vmxon)) {
		vmx_forget();
		vmx_off(vmx_pages.area.vmcs);
	}
	this_cpu_write(vmx_cached, NULL);
}

/**
 * axas_vmx_probe_forget - make this machine's CPUs forget an EPT
 * @npt: the table; all of it: INVEPT takes no addresses
 *
 * Context: may sleep.
 */
void axas_vmx_probe_forget(const struct axas_npt *npt)
{
	int cpu;

	guard(mutex)(&vmx_lock);
	cpus_read_lock();
	/* One after the other: they share the VMXON region. */
	for_each_online_cpu(cpu)
		if (per_cpu(vmx_cached, cpu) == npt)
			smp_call_function_single(cpu, vmx_forget_cpu, NULL, 1);
	cpus_read_unlock();
}
