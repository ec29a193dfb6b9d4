// SPDX-License-Identifier: GPL-2.0
/*
 * Probes on Arm: where the kernel runs at EL2 (VHE), have the CPU's own walker
 * read a stage 2 table.
 *
 * Section numbers are those of the Arm ARM (DDI 0487): D8 for translation, D1.3
 * and D2 for exceptions, C5.4 for AT, C5.5 for TLBI, D24.2 for the registers.
 *
 * Loads and stores: AT S12E1R and AT S12E1W with stage 1 of EL1&0 switched off.
 *
 * Instruction fetch: no AT does one, so EL1 is entered at the GPA in a state in
 * which it can fetch an instruction and can execute none (PSTATE.IL), with a
 * step pending behind it. The CPU comes back to EL2 in one of these ways:
 *
 * - The fetch doesn't get through stage 2: Instruction Abort, to EL2. It goes
 *   before an Illegal Execution state exception (D1.3, prioritization).
 * - It does: Illegal Execution state exception, to EL1. There the step is
 *   pending, and goes to EL2 before anything is fetched from EL1's vector.
 * - An interrupt, which is routed to EL2: the probe is tried again.
 *
 * So no instruction is executed at EL1, whatever memory holds, and no page is
 * needed for code or vectors. Still it is a fetch: memory is read. It is only
 * tried where memory that is read is RAM.
 */
#include <linux/bitfield.h>
#include <linux/cpumask.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <asm/daifflags.h>
#include <asm/sysreg.h>
#include <asm/tlbflush.h>
#include <asm/virt.h>

#include <axas/probe.h>

/* D24.2: HCR_EL2. */
#define PROBE_HCR_VM		BIT_ULL(0)
#define PROBE_HCR_FMO		BIT_ULL(3)
#define PROBE_HCR_IMO		BIT_ULL(4)
#define PROBE_HCR_AMO		BIT_ULL(5)
#define PROBE_HCR_DC		BIT_ULL(12)
#define PROBE_HCR_TGE		BIT_ULL(27)
#define PROBE_HCR_RW		BIT_ULL(31)
#define PROBE_HCR_FWB		BIT_ULL(46)

/* D24.2: VTCR_EL2, VTTBR_EL2, SCTLR_EL1. */
#define PROBE_VTCR_PS		GENMASK_ULL(18, 16)
#define PROBE_VTCR_VS		BIT_ULL(19)
#define PROBE_VTTBR_VMID	GENMASK_ULL(63, 48)
#define PROBE_SCTLR_M		BIT_ULL(0)

/* D24.2: PAR_EL1. */
#define PROBE_PAR_F		BIT_ULL(0)
#define PROBE_PAR_FST		GENMASK_ULL(6, 1)
#define PROBE_PAR_S		BIT_ULL(9)
#define PROBE_PAR_PA		GENMASK_ULL(51, 12)
#define PROBE_PAR_ATTR		GENMASK_ULL(63, 56)

/* D24.2: MDCR_EL2, MDSCR_EL1, SPSR_EL2, ESR_ELx. */
#define PROBE_MDCR_TDE		BIT_ULL(8)
#define PROBE_MDSCR_SS		BIT_ULL(0)
#define PROBE_OSLSR_OSLK	BIT_ULL(1)
#define PROBE_SPSR_EL0T		0x0
#define PROBE_SPSR_EL1H		0x5
#define PROBE_SPSR_DAIF		GENMASK_ULL(9, 6)
#define PROBE_SPSR_IL		BIT_ULL(20)
#define PROBE_SPSR_SS		BIT_ULL(21)
#define PROBE_ESR_EC		GENMASK_ULL(31, 26)
#define PROBE_ESR_FSC		GENMASK_ULL(5, 0)

#define PROBE_EC_ILLEGAL	0x0e
#define PROBE_EC_IABT_LOWER	0x20
#define PROBE_EC_IABT_SAME	0x21
#define PROBE_EC_STEP_LOWER	0x32

/* D24.2, ESR_ELx.IFSC and PAR_EL1.FST: kind in 5:2, level in 1:0. */
#define PROBE_FSC_KIND		GENMASK(5, 2)
#define PROBE_FSC_LEVEL		GENMASK(1, 0)
#define PROBE_FSC_ADDRESS_SIZE	0
#define PROBE_FSC_TRANSLATION	1
#define PROBE_FSC_ACCESS_FLAG	2
#define PROBE_FSC_PERMISSION	3
#define PROBE_FSC_EXTERNAL	0x10
/* Arm's level -1 has codes of its own. */
#define PROBE_FSC_ADDRESS_SIZE_M1	0x29
#define PROBE_FSC_TRANSLATION_M1	0x2b

/* How EL1 was left; the numbers stand in the vectors below. */
#define PROBE_EXIT_SYNC		0
#define PROBE_EXIT_ASYNC	1

/* Times that interrupts may come between before a probe gives up. */
#define PROBE_FETCH_TRIES	1000

/* Invalidate page by page up to so many pages. */
#define PROBE_FORGET_PAGES	64

/* The table that this CPU has last walked with the probes' VMID. */
struct probe_tag {
	u64 vttbr;
	u64 vtcr;
	bool fwb;
};

static DEFINE_PER_CPU(struct probe_tag, probe_tags);

/* What a probe changes. */
struct probe_regs {
	u64 hcr;
	u64 vttbr;
	u64 vtcr;
	u64 sctlr;
	u64 par;
};

/*
 * VBAR_EL2 while EL1 runs: 16 entries of 128 bytes (D1.3, exception vectors).
 * From EL1 they return from probe_eret(), whose x9 nobody has changed. EL2 takes
 * no exception itself; if it does, the kernel's own vectors, which TPIDR_EL1 holds
 * for that long, have to say so.
 */
asm("	.pushsection .text, \"ax\"\n"
"	.balign	2048\n"
"axas_probe_vectors:\n"
"	.irp	offset, 0x000, 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380\n"
"	.balign	128\n"
"	mrs	x17, tpidr_el1\n"
"	msr	vbar_el2, x17\n"
"	isb\n"
"	add	x17, x17, #\\offset\n"
"	ret	x17\n"
"	.endr\n"
"	.irp	exit, 0, 1, 1, 1, 0, 1, 1, 1\n"
"	.balign	128\n"
"	mov	x0, #\\exit\n"
"	ret	x9\n"
"	.endr\n"
"	.balign	128\n"
"	.popsection\n");

static unsigned int probe_pa_bits(void)
{
	u64 mmfr0 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR0_EL1);

	return id_aa64mmfr0_parange_to_phys_shift(FIELD_GET(GENMASK_ULL(3, 0),
							    mmfr0));
}

/* D24.2, ID_AA64MMFR1_EL1.VMIDBits. */
static bool probe_vmid16(void)
{
	u64 mmfr1 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR1_EL1);

	return FIELD_GET(GENMASK_ULL(7, 4), mmfr1) == 2;
}

/*
 * A VMID of our own, the highest (D8, translation lookaside buffers). KVM hands
 * its out from 1 up and begins anew when it has used them all, so a guest of KVM
 * may have it as well on a machine that has seen as many guests as there are
 * VMIDs.
 */
static u64 probe_vttbr(u64 root)
{
	return root | FIELD_PREP(PROBE_VTTBR_VMID, probe_vmid16() ? 0xffff :
								    0xff);
}

/* D24.2: PS must not say more than the CPU has. */
static u64 probe_vtcr(const struct axas_npt *npt)
{
	u64 mmfr0 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR0_EL1);
	u64 vtcr = axas_s2_vtcr(npt);
	u64 ps = FIELD_GET(PROBE_VTCR_PS, vtcr);
	u64 parange = FIELD_GET(GENMASK_ULL(3, 0), mmfr0);

	ps = min(ps, parange);
	return (vtcr & ~PROBE_VTCR_PS) | FIELD_PREP(PROBE_VTCR_PS, ps) |
	       (probe_vmid16() ? PROBE_VTCR_VS : 0);
}

static void probe_save(struct probe_regs *regs)
{
	regs->hcr = read_sysreg(hcr_el2);
	regs->vttbr = read_sysreg(vttbr_el2);
	regs->vtcr = read_sysreg(vtcr_el2);
	regs->sctlr = read_sysreg_s(SYS_SCTLR_EL12);
	regs->par = read_sysreg(par_el1);
}

/*
 * Stage 2 is complete before TGE is cleared and EL1&0 comes into force (see
 * KVM on errata 1165522 and 1530923). DC makes stage 1 of EL1&0 off and its
 * memory type write-back, so that what comes out is what stage 2 says (D8.6).
 */
static void probe_load(const struct probe_regs *regs,
		       const struct probe_tag *tag)
{
	u64 hcr = regs->hcr & ~(PROBE_HCR_TGE | PROBE_HCR_AMO | PROBE_HCR_FWB);

	write_sysreg(tag->vttbr, vttbr_el2);
	write_sysreg(tag->vtcr, vtcr_el2);
	write_sysreg_s(regs->sctlr & ~PROBE_SCTLR_M, SYS_SCTLR_EL12);
	isb();
	write_sysreg(hcr | PROBE_HCR_VM | PROBE_HCR_DC | PROBE_HCR_RW |
		     PROBE_HCR_IMO | PROBE_HCR_FMO |
		     (tag->fwb ? PROBE_HCR_FWB : 0), hcr_el2);
	isb();
}

static void probe_restore(const struct probe_regs *regs)
{
	write_sysreg(regs->hcr, hcr_el2);
	isb();
	write_sysreg_s(regs->sctlr, SYS_SCTLR_EL12);
	write_sysreg(regs->vtcr, vtcr_el2);
	write_sysreg(regs->vttbr, vttbr_el2);
	write_sysreg(regs->par, par_el1);
	isb();
}

/*
 * The VMID is the same for all tables: this CPU forgets the last one when it
 * comes to another. Interrupts off, registers loaded.
 */
static void probe_switch(const struct probe_tag *tag)
{
	struct probe_tag *last = this_cpu_ptr(&probe_tags);

	if (last->vttbr == tag->vttbr && last->vtcr == tag->vtcr &&
	    last->fwb == tag->fwb)
		return;
	*last = *tag;
	dsb(nshst);
	__tlbi(vmalls12e1);
	dsb(nsh);
	isb();
}

/* What went wrong at Arm's level -1, where no leaf is. Return: as below. */
static bool probe_decode_fault_m1(u64 fsc, struct axas_probe_result *result)
{
	result->level = 5;
	result->kind = fsc == PROBE_FSC_TRANSLATION_M1 ?
			       AXAS_PROBE_TRANSLATION :
			       AXAS_PROBE_ADDRESS_SIZE;
	return fsc == PROBE_FSC_TRANSLATION_M1 ||
	       fsc == PROBE_FSC_ADDRESS_SIZE_M1;
}

/* Return: false if the CPU doesn't speak of a walk of the table. */
static bool probe_decode_fault(u64 fsc, struct axas_probe_result *result)
{
	switch (FIELD_GET(PROBE_FSC_KIND, fsc)) {
	case PROBE_FSC_ADDRESS_SIZE:
		result->kind = AXAS_PROBE_ADDRESS_SIZE;
		break;
	case PROBE_FSC_TRANSLATION:
		result->kind = AXAS_PROBE_TRANSLATION;
		break;
	case PROBE_FSC_ACCESS_FLAG:
		result->kind = AXAS_PROBE_ACCESS_FLAG;
		break;
	case PROBE_FSC_PERMISSION:
		result->kind = AXAS_PROBE_PERMISSION;
		break;
	default:
		return probe_decode_fault_m1(fsc, result);
	}
	result->level = 4 - FIELD_GET(PROBE_FSC_LEVEL, fsc);
	return true;
}

/* D24.2, PAR_EL1.ATTR, which is encoded as a byte of MAIR_EL1. */
static u32 probe_decode_attr(u64 par)
{
	switch (FIELD_GET(PROBE_PAR_ATTR, par)) {
	case 0x00:
		return AXAS_MEM_UC;
	case 0x04:
		return AXAS_MEM_DEVICE;
	case 0x44:
		return AXAS_MEM_NC;
	case 0xff:
		return AXAS_MEM_WB;
	default:
		return AXAS_PROBE_UNKNOWN;
	}
}

static int probe_decode_par(u64 par, u64 gpa, struct axas_probe_result *result)
{
	*result = (struct axas_probe_result){
		.memtype = AXAS_PROBE_UNKNOWN,
		.raw = par,
	};
	if (par & PROBE_PAR_F)
		return probe_decode_fault(FIELD_GET(PROBE_PAR_FST, par),
					  result) ? 0 : -EIO;
	result->kind = AXAS_PROBE_MAPPED;
	result->hpa = axas_hpa((par & PROBE_PAR_PA) | (gpa & ~PAGE_MASK));
	result->memtype = probe_decode_attr(par);
	return 0;
}

/* C5.4. Registers loaded. */
static u64 probe_at(u64 gpa, unsigned int access)
{
	if (access == AXAS_PROT_WRITE)
		asm volatile("at s12e1w, %0" : : "r" (gpa) : "memory");
	else
		asm volatile("at s12e1r, %0" : : "r" (gpa) : "memory");
	isb();
	return read_sysreg(par_el1);
}

/* Return: a PROBE_EXIT_. */
static u64 probe_eret(u64 pc, u64 spsr)
{
	register u64 x0 asm("x0") = pc;
	register u64 x1 asm("x1") = spsr;

	asm volatile("	adrp	x9, axas_probe_vectors\n"
	"	add	x9, x9, :lo12:axas_probe_vectors\n"
	"	msr	vbar_el2, x9\n"
	"	adr	x9, 1f\n"
	"	msr	elr_el2, x0\n"
	"	msr	spsr_el2, x1\n"
	"	isb\n"
	"	eret\n"
	"	dsb	nsh\n" /* no speculation behind it */
	"	isb\n"
	"1:\n"
	: "+r" (x0), "+r" (x1)
	:
	: "x9", "cc", "memory");
	return x0;
}

/*
 * Has EL1 got an exception that says that the instruction was fetched? Not to be executed,
 * for IL is set; or memory didn't answer.
 */
static bool probe_was_fetched(u64 gpa)
{
	u64 esr1 = read_sysreg_s(SYS_ESR_EL12);

	if (read_sysreg_s(SYS_ELR_EL12) != gpa)
		return false;
	switch (FIELD_GET(PROBE_ESR_EC, esr1)) {
	case PROBE_EC_ILLEGAL:
		return true;
	case PROBE_EC_IABT_LOWER:
	case PROBE_EC_IABT_SAME:
		return FIELD_GET(PROBE_ESR_FSC, esr1) == PROBE_FSC_EXTERNAL;
	default:
		return false;
	}
}

/* What the exception that came back from EL1 or EL0 says. */
static int probe_decode_fetch(u64 gpa, u64 vector,
			      struct axas_probe_result *result)
{
	u64 esr2 = read_sysreg(esr_el2);
	u64 elr2 = read_sysreg(elr_el2);

	switch (FIELD_GET(PROBE_ESR_EC, esr2)) {
	case PROBE_EC_IABT_LOWER:
		/* The page may be for EL0 alone, and the vector is in it. */
		if (elr2 == vector && probe_was_fetched(gpa))
			break;
		result->raw = esr2;
		result->hpa = axas_hpa(0);
		result->memtype = AXAS_PROBE_UNKNOWN;
		if (elr2 != gpa)
			return -EIO;
		/* D24.2: the walk has ended well and memory doesn't answer. */
		if (FIELD_GET(PROBE_ESR_FSC, esr2) == PROBE_FSC_EXTERNAL)
			break;
		return probe_decode_fault(FIELD_GET(PROBE_ESR_FSC, esr2),
					  result) ? 0 : -EIO;
	case PROBE_EC_STEP_LOWER:
		if (elr2 == vector && probe_was_fetched(gpa))
			break;
		return -EIO;
	default:
		return -EIO;
	}
	if (result->kind != AXAS_PROBE_MAPPED) {
		result->hpa = AXAS_NO_FRAME;
		result->memtype = AXAS_PROBE_UNKNOWN;
		result->raw = esr2;
	}
	result->kind = AXAS_PROBE_MAPPED;
	result->level = 0;
	return 0;
}

/*
 * Enter EL1, or EL0, at gpa. All exceptions masked, registers loaded. Nothing of EL1's
 * state is used but what is saved here. EL1's vectors are put into the page that
 * is probed: nothing is fetched from there, but QEMU translates the address
 * before it takes a step.
 */
static int probe_fetch(u64 gpa, bool user, struct axas_probe_result *result)
{
	u64 mode = user ? PROBE_SPSR_EL0T : PROBE_SPSR_EL1H;
	u64 mdscr = read_sysreg(mdscr_el1);
	u64 mdcr = read_sysreg(mdcr_el2);
	u64 vbar = read_sysreg(vbar_el2);
	u64 vbar1 = read_sysreg_s(SYS_VBAR_EL12);
	u64 elr1 = read_sysreg_s(SYS_ELR_EL12);
	u64 esr1 = read_sysreg_s(SYS_ESR_EL12);
	u64 far1 = read_sysreg_s(SYS_FAR_EL12);
	u64 spsr1 = read_sysreg_s(SYS_SPSR_EL12);
	u64 tpidr1 = read_sysreg(tpidr_el1);
	u64 vectors = ALIGN_DOWN(gpa, SZ_2K);
	int ret = -EAGAIN;

	write_sysreg(vbar, tpidr_el1);
	write_sysreg_s(vectors, SYS_VBAR_EL12);
	write_sysreg_s(0, SYS_ESR_EL12);
	/* D2, Software Step: EL1's steps go to EL2, which has its own masked. */
	write_sysreg(mdcr | PROBE_MDCR_TDE, mdcr_el2);
	write_sysreg(mdscr | PROBE_MDSCR_SS, mdscr_el1);
	/* D1.3: what EL1 takes from itself goes to its vector 0x200, from EL0 to 0x400. */
	if (probe_eret(gpa, mode | PROBE_SPSR_DAIF | PROBE_SPSR_IL |
			    PROBE_SPSR_SS) == PROBE_EXIT_SYNC)
		ret = probe_decode_fetch(gpa, vectors + (user ? 0x400 : 0x200),
					 result);

	write_sysreg(vbar, vbar_el2);
	write_sysreg(mdscr, mdscr_el1);
	write_sysreg(mdcr, mdcr_el2);
	write_sysreg(tpidr1, tpidr_el1);
	write_sysreg_s(vbar1, SYS_VBAR_EL12);
	write_sysreg_s(elr1, SYS_ELR_EL12);
	write_sysreg_s(esr1, SYS_ESR_EL12);
	write_sysreg_s(far1, SYS_FAR_EL12);
	write_sysreg_s(spsr1, SYS_SPSR_EL12);
	isb();
	return ret;
}

/*
 * May an instruction be fetched from there? Only from RAM that stage 2 makes
 * Normal: what a fetch from Device memory does is left to the CPU (D8.6).
 */
static bool probe_may_fetch(const struct axas_npt *npt, axas_gpa_t gpa)
{
	struct axas_leaf leaf;
	u64 hpa;

	if (axas_npt_lookup(npt, gpa, &leaf))
		return true;
	if (leaf.attr.memtype != AXAS_MEM_WB && leaf.attr.memtype != AXAS_MEM_NC)
		return false;
	hpa = leaf.hpa.val + (gpa.val & (axas_level_size(leaf.level) - 1));
	return page_is_ram(PHYS_PFN(hpa));
}

static int probe_once(const struct probe_tag *tag, axas_gpa_t gpa,
		      unsigned int access, struct axas_probe_result *result)
{
	unsigned long flags = local_daif_save();
	struct probe_regs regs;
	int ret;

	probe_save(&regs);
	probe_load(&regs, tag);
	probe_switch(tag);
	ret = probe_decode_par(probe_at(gpa.val, access), gpa.val, result);
	if (!ret && access & AXAS_PROT_FETCH)
		ret = probe_fetch(gpa.val & ~3ULL,
				  access == AXAS_PROT_EXEC_USER, result);
	probe_restore(&regs);
	local_daif_restore(flags);
	return ret;
}

static int probe_tag(const struct axas_npt *npt, struct probe_tag *tag)
{
	u64 root;
	int ret;

	if (!is_kernel_in_hyp_mode() || npt->ops->format != AXAS_FORMAT_S2 ||
	    npt->gpa_bits > probe_pa_bits())
		return -EOPNOTSUPP;
	ret = npt->ops->control(npt, &root);
	if (ret)
		return ret;
	*tag = (struct probe_tag){
		.vttbr = probe_vttbr(root),
		.vtcr = probe_vtcr(npt),
		.fwb = npt->features & AXAS_FEAT_FWB,
	};
	return 0;
}

/**
 * axas_npt_probe - let this CPU walk a table
 * @npt: the table; it stays alive and nobody unmaps from it during the call
 * @gpa: any alignment
 * @access: exactly one &enum axas_prot bit
 * @result: out: what the CPU said
 *
 * Loads and stores are AT S12E1R and AT S12E1W (Arm ARM C5.4), and what is
 * reported is PAR_EL1 (D24.2). AT may set the accessed and dirty flags of a
 * leaf, and need not (D8.5).
 *
 * For an instruction fetch EL1 is entered at @gpa, in a state in which it can't
 * execute what it fetches. That is only tried where the fetch would read
 * Normal memory of the machine's own RAM; elsewhere whether it is allowed can't
 * be proved: -EOPNOTSUPP. A fetch names no HPA and no memory type: they are
 * those of a load, and where a load isn't allowed, they are %AXAS_NO_FRAME and
 * %AXAS_PROBE_UNKNOWN. @result->raw is ESR_EL2 then, and for a fault.
 *
 * The CPU keeps what it has cached until axas_npt_probe_forget(), or until it
 * probes another table.
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP if the kernel isn't at EL2, the table isn't stage 2 or
 * is wider than the CPU's physical addresses, or the fetch can't be tried; -EIO
 * if the CPU's answer isn't about the table; -EBUSY if interrupts didn't let
 * EL1 in.
 */
int axas_npt_probe(const struct axas_npt *npt, axas_gpa_t gpa,
		   unsigned int access, struct axas_probe_result *result)
{
	struct probe_tag tag;
	unsigned int i;
	int ret;

	ret = probe_tag(npt, &tag);
	if (ret)
		return ret;
	/* D24.2: the OS Lock keeps steps away. */
	if (access & AXAS_PROT_FETCH &&
	    (!probe_may_fetch(npt, gpa) ||
	     read_sysreg(oslsr_el1) & PROBE_OSLSR_OSLK))
		return -EOPNOTSUPP;

	/* Entries that were written are seen by the walk. */
	dsb(ishst);
	for (i = 0; i < PROBE_FETCH_TRIES; i++) {
		ret = probe_once(&tag, gpa, access, result);
		if (ret != -EAGAIN)
			return ret;
		cond_resched();
	}
	return -EBUSY;
}

/**
 * axas_npt_probe_forget - make this machine's CPUs forget all that they may
 *	have cached of a table
 * @npt: the table
 * @gpa: first GPA
 * @size: bytes
 *
 * By address for a small range, otherwise all of the VMID (Arm ARM C5.5):
 * stage 2 first, then what was made of both stages. A holder of the table calls
 * this when it is told to invalidate.
 *
 * Context: may sleep.
 */
void axas_npt_probe_forget(const struct axas_npt *npt, axas_gpa_t gpa,
			   u64 size)
{
	u64 end = gpa.val + size, addr;
	struct probe_regs regs;
	struct probe_tag tag;
	unsigned long flags;

	if (probe_tag(npt, &tag))
		return;
	dsb(ishst);
	flags = local_daif_save();
	probe_save(&regs);
	probe_load(&regs, &tag);
	probe_switch(&tag);
	if (size > PROBE_FORGET_PAGES * SZ_4K) {
		__tlbi(vmalls12e1is);
	} else {
		for (addr = gpa.val; addr < end; addr += SZ_4K)
			__tlbi(ipas2e1is, addr >> PAGE_SHIFT);
		dsb(ish);
		__tlbi(vmalle1is);
	}
	dsb(ish);
	isb();
	probe_restore(&regs);
	local_daif_restore(flags);
}
