// SPDX-License-Identifier: GPL-2.0
/*
 * Probes by AMD SVM: a guest of one instruction.
 *
 * Section numbers are those of the AMD64 Architecture Programmer's Manual, volume
 * 2. What it takes to run a guest is in svm.h, what it runs in is in x86.h.
 *
 * The guest executes one instruction: a load, an addition of 0 that stores what
 * was there, or what it fetches from the GPA; RFLAGS.TF ends it afterwards. Its
 * own pages lie in a root slot that the GPA doesn't use; the root is private and
 * has a copy of one entry of the table's root. Everything below that entry is the
 * live table. Each access of a guest, its walk of its own tables included, is one
 * of user mode for the nested table (15.25.5): there is no other to ask for.
 *
 * SVM has no exit for an access that is allowed, so it is made. All that tells
 * where it went is what was there: the load and the addition bring a word, which
 * is compared with the one at the place to which axas_npt_lookup() says that the
 * GPA leads. So the CPU has confirmed an HPA as far as contents can, and nothing
 * but RAM is tried. A fetch executes one instruction, whatever it is: at CPL 3,
 * without a page to write to, a stack, port, MSR, FPU or exception handler.
 *
 * The owner of memory can make that certain. At each address that is a multiple of
 * 16 he places "mov $HPA of the page, %rax": as data it is a word that no other
 * page has, and as code it says in RAX where it was fetched.
 */
#include <linux/cleanup.h>
#include <linux/cpu.h>
#include <linux/ioport.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/pfn.h>
#include <linux/smp.h>
#include <linux/uaccess.h>

#include "svm.h"

/* 5.4.1: present, writable, user, accessed, and dirty in leaves. */
#define AMD_LINK	0x27ULL
#define AMD_LEAF	0x67ULL
#define AMD_ADDR	GENMASK_ULL(51, 12)

/* 15.25.6: EXITINFO1 of a nested page fault. */
#define NPF_PRESENT	BIT_ULL(0)
#define NPF_RESERVED	BIT_ULL(3)
#define NPF_GUEST_WALK	BIT_ULL(33)

/* What lies on the way changes under the probe, or an NMI comes in between. */
#define SVM_TRIES	16

/* A word is read where the owner of a page may have placed one. */
#define SVM_WORD_ALIGN	16ULL

/* Code of the guest. RDI is the target. */
#define CODE_LOAD	0
#define CODE_STORE	16

static const u8 svm_code[] = {
	[CODE_LOAD] = 0x48, 0x8b, 0x07,			/* mov (%rdi),%rax */
	[CODE_STORE] = 0xf0, 0x48, 0x0f, 0xc1, 0x07,	/* lock xadd %rax,(%rdi) */
};

/**
 * struct svm_pages - what the CPU sees, each by its physical address
 * @npt: nested tables of the probe, the leaves' first; the last one in use is the
 *	root
 * @guest: the guest's own
 * @area: for SVM
 */
struct svm_pages {
	u64 npt[AXAS_MAX_LEVELS][AXAS_TABLE_ENTRIES];
	struct probe_guest guest;
	struct svm_area area;
};

static struct svm_pages svm_pages __aligned(SZ_4K);

/* Serializes probes, whose pages are the same. */
static DEFINE_MUTEX(svm_lock);

/* Of which table may this CPU have something cached under the probes' ASIDs? */
static DEFINE_PER_CPU(const struct axas_npt *, svm_cached);

/**
 * struct svm_probe - one probe
 * @npt: the table
 * @gpa: what is asked
 * @access: an &enum axas_prot bit
 * @private: GPA at which the pages of the probe are mapped
 * @asid: tag of the guest's translations
 * @page: HPA of the page that is expected, or %AXAS_NO_FRAME
 */
struct svm_probe {
	const struct axas_npt *npt;
	u64 gpa;
	unsigned int access;
	u64 private;
	u32 asid;
	axas_hpa_t page;
};

/* ---- one entry ---- */

/*
 * Two of our own, the highest: which part of the address space is the probe's
 * depends on the GPA. KVM hands its out from 1 up, and has a CPU forget all of
 * them before it begins there.
 */
static u32 svm_asid(bool low)
{
	return svm_nr_asids() - 1 - low;
}

/*
 * Has this CPU walked the table under this ASID, and was not told to forget?
 * Interrupts off.
 */
static u8 svm_tlb_control(const struct axas_npt *npt)
{
	if (this_cpu_read(svm_cached) == npt)
		return SVM_TLB_KEEP;
	this_cpu_write(svm_cached, npt);
	return SVM_TLB_FLUSH_ALL;
}

/**
 * svm_run - have the guest try an access
 * @probe: the probe
 * @access: what the guest tries
 *
 * Context: between svm_on() and svm_off().
 * Return: 0 with the guest's end in svm_pages.area.vmcb, or -EIO.
 */
static int svm_run(const struct svm_probe *probe, unsigned int access)
{
	u64 offset = probe->gpa & ~PAGE_MASK;
	struct svm_vmcb *vmcb = &svm_pages.area.vmcb;
	struct svm_regs regs = {
		.rdi = GVA_TARGET + ALIGN_DOWN(offset, SVM_WORD_ALIGN),
	};
	/*
	 * Interrupts are off in the guest, and wait for the host. After one
	 * instruction there is a #DB; nothing is mapped where RSP points, so no
	 * POPF or IRET can clear TF.
	 */
	struct svm_start start = {
		.n_cr3 = probe_pa(svm_pages.npt[probe->npt->levels - 1]),
		.asid = probe->asid,
		.cr3 = probe_guest_cr3(probe->private),
		.rip = GVA_CODE,
		.rsp = GVA_NOTHING,
		.rflags = X86_EFLAGS_TF,
	};
	unsigned int tries;
	int ret;

	if (access == AXAS_PROT_EXEC)
		start.rip = GVA_TARGET + offset;
	else if (access == AXAS_PROT_WRITE)
		start.rip += CODE_STORE;
	svm_pages.guest.gpt[0][1] = (probe->gpa & PAGE_MASK) |
				    (access == AXAS_PROT_WRITE ? GPT_WRITE :
								 GPT_READ);
	svm_invlpga(GVA_TARGET, probe->asid);
	start.tlb = svm_tlb_control(probe->npt);

	for (tries = 0; tries < SVM_TRIES; tries++) {
		svm_write_guest(vmcb, &start);
		ret = svm_enter(&svm_pages.area, &regs);
		if (ret || !svm_exit_was_host(vmcb))
			return ret;
	}
	return -EIO;
}

/* ---- what it means ---- */

/* Did the nested table stop the access that was asked about? */
static int svm_decode_npf(const struct svm_probe *probe,
			  struct axas_probe_result *result)
{
	const struct svm_vmcb *vmcb = &svm_pages.area.vmcb;
	u64 info = vmcb->exit_info_1;

	/* 15.25.6; a fault at another address is one of ours. */
	if ((vmcb->exit_info_2 ^ probe->gpa) & PAGE_MASK ||
	    info & NPF_GUEST_WALK)
		return -EIO;
	result->raw = info;
	if (info & NPF_RESERVED)
		result->kind = AXAS_PROBE_MISCONFIGURED;
	else if (info & NPF_PRESENT)
		result->kind = AXAS_PROBE_PERMISSION;
	else
		result->kind = AXAS_PROBE_TRANSLATION;
	return 0;
}

/*
 * 5.3: a page fault with RSV set means that the guest's PTE has a GPA wider than
 * the CPU's physical addresses.
 */
static bool svm_is_too_wide(void)
{
	const struct svm_vmcb *vmcb = &svm_pages.area.vmcb;

	return svm_exit_was(vmcb, X86_TRAP_PF) &&
	       vmcb->exit_info_1 & X86_PF_RSVD;
}

/* Is the word that the guest has read the one that is where it should have been? */
static bool svm_confirm_word(const struct svm_probe *probe, u64 word)
{
	u64 hpa = probe->page.val | (probe->gpa & ~PAGE_MASK);
	u64 *ptr = axas_hal_phys_to_virt(axas_hpa(ALIGN_DOWN(hpa,
							     SVM_WORD_ALIGN)));
	u64 there;

	/* It may be out of the kernel's map, if the kernel has given it away. */
	return !copy_from_kernel_nofault(&there, ptr, sizeof(there)) &&
	       there == word;
}

/* Only after an access that succeeded. Others may write to the word meanwhile. */
static int svm_confirm(const struct svm_probe *probe, u64 rax, bool *confirmed)
{
	const struct svm_vmcb *vmcb = &svm_pages.area.vmcb;
	unsigned int tries;
	int ret;

	*confirmed = false;
	if (!axas_frame_valid(probe->page))
		return 0;
	*confirmed = probe->access == AXAS_PROT_EXEC ?
		     rax == probe->page.val : svm_confirm_word(probe, rax);
	for (tries = 0; !*confirmed && tries < SVM_TRIES; tries++) {
		ret = svm_run(probe, AXAS_PROT_READ);
		if (ret)
			return ret;
		*confirmed = svm_exit_was(vmcb, X86_TRAP_DB) &&
			     svm_confirm_word(probe, vmcb->rax);
	}
	return 0;
}

static int svm_ask(const struct svm_probe *probe,
		   struct axas_probe_result *result)
{
	const struct svm_vmcb *vmcb = &svm_pages.area.vmcb;
	bool confirmed;
	int ret = svm_run(probe, probe->access);

	if (ret)
		return ret;
	if (vmcb->exit_code == SVM_EXIT_NPF)
		return svm_decode_npf(probe, result);
	if (svm_is_too_wide()) {
		result->kind = AXAS_PROBE_ADDRESS_SIZE;
		return 0;
	}
	/* Whatever else the fetched instruction came to, it was fetched. */
	if (vmcb->exit_code == SVM_EXIT_SHUTDOWN ||
	    (probe->access != AXAS_PROT_EXEC &&
	     !svm_exit_was(vmcb, X86_TRAP_DB)))
		return -EIO;

	result->kind = AXAS_PROBE_MAPPED;
	result->raw = vmcb->rax;
	ret = svm_confirm(probe, vmcb->rax, &confirmed);
	if (confirmed)
		result->hpa.val = probe->page.val | (probe->gpa & ~PAGE_MASK);
	return ret;
}

/* ---- the probe ---- */

/* Pages of the probe, at the GPA private, beside what the table has. */
static void svm_fill_tables(struct svm_pages *p, const struct axas_npt *npt,
			    u64 gpa, u64 private)
{
	unsigned int top = npt->levels - 1, i;
	unsigned int slot = gpa >> axas_level_shift(top + 1);

	probe_guest_fill(&p->guest, private, p->npt[0], AMD_LEAF);
	memcpy(p->guest.code, svm_code, sizeof(svm_code));
	for (i = 1; i < top; i++)
		p->npt[i][0] = probe_pa(p->npt[i - 1]) | AMD_LINK;
	memset(p->npt[top], 0, SZ_4K);
	p->npt[top][slot] = READ_ONCE(npt->root[slot]);
	p->npt[top][private >> axas_level_shift(top + 1)] =
		probe_pa(p->npt[top - 1]) | AMD_LINK;
}

/* Where the pages of the probe go: where the GPA isn't. */
static u64 svm_private(const struct axas_npt *npt, u64 gpa)
{
	u64 slot_size = axas_level_size(npt->levels);

	return gpa < slot_size ? slot_size : 0;
}

/*
 * What isn't memory is neither read nor written nor executed; that it may not be
 * can be tried.
 */
static int svm_may_try(struct svm_probe *probe)
{
	struct axas_leaf leaf;

	probe->page = AXAS_NO_FRAME;
	if (axas_npt_lookup(probe->npt, axas_gpa(probe->gpa), &leaf))
		return 0;
	probe->page.val = leaf.hpa.val + (probe->gpa & PAGE_MASK &
					  (axas_level_size(leaf.level) - 1));
	return !(leaf.attr.prot & probe->access) ||
	       page_is_ram(PHYS_PFN(probe->page.val)) ? 0 : -EOPNOTSUPP;
}

static int svm_probe_cpu(const struct svm_probe *probe,
			 struct axas_probe_result *result)
{
	unsigned long flags;
	int ret;

	local_irq_save(flags);
	ret = svm_on(&svm_pages.area);
	if (!ret) {
		ret = svm_ask(probe, result);
		svm_off(&svm_pages.area);
	}
	local_irq_restore(flags);
	return ret;
}

/**
 * axas_svm_probe - let this CPU walk a nested table of AMD's
 * @npt: the table
 * @gpa: any alignment, and no wider than a guest's PTE holds
 * @access: exactly one &enum axas_prot bit
 * @result: in: nothing known; out: what the CPU said
 *
 * @result->level is 0 and @result->memtype %AXAS_PROBE_UNKNOWN: SVM tells
 * neither. @result->hpa is what the CPU has confirmed, as far as contents tell, or
 * %AXAS_NO_FRAME if the access is allowed but finds something else than
 * axas_npt_lookup() says. @result->raw is EXITINFO1 of a fault, otherwise the
 * guest's RAX: the word at @gpa, down to a multiple of 16.
 *
 * What axas_npt_lookup() says leads to anything but RAM isn't accessed if it
 * allows that: -EOPNOTSUPP.
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP; -EBUSY if SVM is in use on this CPU; -EIO if the CPU
 * did what the manual doesn't say.
 */
int axas_svm_probe(const struct axas_npt *npt, axas_gpa_t gpa,
		   unsigned int access, struct axas_probe_result *result)
{
	struct svm_probe probe = {
		.npt = npt,
		.gpa = gpa.val,
		.access = access,
		.private = svm_private(npt, gpa.val),
	};
	u64 root;
	int ret;

	if (!boot_cpu_has(X86_FEATURE_SVM) || npt->ops->control(npt, &root) ||
	    probe.private >> boot_cpu_data.x86_phys_bits)
		return -EOPNOTSUPP;
	probe.asid = svm_asid(probe.private);
	ret = svm_may_try(&probe);
	if (ret)
		return ret;
	guard(mutex)(&svm_lock);
	svm_fill_tables(&svm_pages, npt, gpa.val, probe.private);
	return svm_probe_cpu(&probe, result);
}

/* ---- invalidation: 15.16 ---- */

/* By the interrupt itself a guest that is on this CPU has left it. */
static void svm_forget_cpu(void *unused)
{
	this_cpu_write(svm_cached, NULL);
}

/**
 * axas_svm_probe_forget - make this machine's CPUs forget a table
 * @npt: the table; all of it: by address INVLPGA forgets what a guest's own
 *	tables lead to, and nothing else
 *
 * A CPU forgets with its next VMRUN, before the guest's first access (15.16.2).
 *
 * Context: may sleep.
 */
void axas_svm_probe_forget(const struct axas_npt *npt)
{
	int cpu;

	guard(mutex)(&svm_lock);
	cpus_read_lock();
	for_each_possible_cpu(cpu) {
		if (per_cpu(svm_cached, cpu) != npt)
			continue;
		if (cpu_online(cpu))
			smp_call_function_single(cpu, svm_forget_cpu, NULL, 1);
		else
			per_cpu(svm_cached, cpu) = NULL;
	}
	cpus_read_unlock();
}
