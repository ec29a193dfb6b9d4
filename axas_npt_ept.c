// SPDX-License-Identifier: GPL-2.0
/*
 * Intel EPT, with or without a right of its own for user mode: axas_npt_ept_mbec.c defines
 * EPT_MBEC and includes this file.
 *
 * Section numbers are those of the Intel SDM, volume 3C, chapter "VMX Support
 * for Address Translation", where 29.3.2 has the entries (tables 29-1 to 29-7)
 * and 25.6.11 the EPTP.
 */
#include <linux/bitfield.h>
#ifdef CONFIG_X86
#include <linux/cpu.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#endif

#include <axas/npt.h>

/* "Mode-based execute control for EPT", table 25-7. */
#ifndef EPT_MBEC
#define EPT_MBEC	0
#define EPT_FEATURE	0
#define EPT_OPS		axas_npt_ept_ops
#define EPT_MORE	(&axas_npt_ept_mbec_ops)
#endif

/* 29.3.2: in every entry. It is present if any of these is set. */
#define EPT_READ	BIT_ULL(0)
#define EPT_WRITE	BIT_ULL(1)
#define EPT_EXEC	BIT_ULL(2)
/* Ignored without that control; with it @EPT_EXEC is for supervisor mode. */
#define EPT_EXEC_USER	(EPT_MBEC ? BIT_ULL(10) : 0)
#define EPT_RIGHTS	(EPT_READ | EPT_WRITE | EPT_EXEC | EPT_EXEC_USER)
/* Tables 29-3, 29-5, 29-7: in leaves. */
#define EPT_MEMTYPE	GENMASK_ULL(5, 3)
#define EPT_IPAT	BIT_ULL(6)
/* Tables 29-3 and 29-5: a leaf above level 1; ignored in a 4-KByte leaf. */
#define EPT_PAGE_SIZE	BIT_ULL(7)
/* 29.3.5: accessed and dirty flags. */
#define EPT_ACCESSED	BIT_ULL(8)
#define EPT_DIRTY	BIT_ULL(9)
#define EPT_ADDR	GENMASK_ULL(51, 12)
/* Tables 29-3, 29-5, 29-7: bits 56:52 are ignored; two are ours. */
#define EPT_SW_OWNED	BIT_ULL(52)
#define EPT_SW_ROM	BIT_ULL(54)
#define FMT_SW_WRITTEN	BIT_ULL(55)
/* Tables 29-2, 29-4, 29-6: in an entry that points to a table, so are 62:52. */
#define FMT_SW_FULL	BIT_ULL(53)
#define FMT_SW_STALE	BIT_ULL(55)
/* 29.3.3.1: a walk writes if all entries on its way allow that. */
#define FMT_LINK_WRITE	EPT_WRITE
#define FMT_WRITE(npt)	((void)(npt), EPT_WRITE)
/* 29.3.5: the CPU sets it in each entry that it uses; ignored if it doesn't. */
#define FMT_ACCESSED	EPT_ACCESSED
#define FMT_LINK_ACCESSED	EPT_ACCESSED
#define FMT_AGE_WAY(npt)						\
	((npt)->features & AXAS_FEAT_AD ? AXAS_NPT_WAY_FLAGS : AXAS_NPT_WAY_NONE)
#define FMT_LINKS_AGE(npt)	((npt)->features & AXAS_FEAT_AD)
#define FMT_DIRTY	EPT_DIRTY
#define FMT_DIRTY_WAY(npt)	((npt)->features & AXAS_FEAT_AD)

/* 29.3.7.1, from 12.3 table 12-2: encodings of memory types. */
#define EPT_MT_UC	0
#define EPT_MT_WC	1
#define EPT_MT_WT	4
#define EPT_MT_WP	5
#define EPT_MT_WB	6

/* 25.6.11, table 25-9: the EPTP. */
#define EPTP_MEMTYPE	GENMASK_ULL(2, 0)
#define EPTP_WALK_LEN	GENMASK_ULL(5, 3)
#define EPTP_AD		BIT_ULL(6)

/* A.10: IA32_VMX_EPT_VPID_CAP. */
#define EPT_CAP_EXEC_ONLY	BIT_ULL(0)
#define EPT_CAP_WALK_5		BIT_ULL(7)
#define EPT_CAP_2M		BIT_ULL(16)
#define EPT_CAP_1G		BIT_ULL(17)
#define EPT_CAP_AD		BIT_ULL(21)
#define EPT_CAP_ALL	(EPT_CAP_EXEC_ONLY | EPT_CAP_WALK_5 | EPT_CAP_2M | \
			 EPT_CAP_1G | EPT_CAP_AD)

static const u8 ept_memtypes[] = {
	[AXAS_MEM_WB] = EPT_MT_WB,
	[AXAS_MEM_WT] = EPT_MT_WT,
	[AXAS_MEM_WP] = EPT_MT_WP,
	[AXAS_MEM_NC] = EPT_MT_WC,
	[AXAS_MEM_UC] = EPT_MT_UC,
};

/* A.3.3: the half of IA32_VMX_PROCBASED_CTLS2 that says what may be 1. */
#define EPT_CTLS2_MBEC		BIT(22)

#define FMT_PRESENT		EPT_RIGHTS
#define FMT_BREAK_BEFORE_MAKE	0

static inline bool fmt_is_table(u64 entry, unsigned int level)
{
	return level > 1 && (entry & EPT_RIGHTS) && !(entry & EPT_PAGE_SIZE);
}

/* The CPU finds nothing to write there unless somebody asks what was used. */
static inline u64 fmt_table(axas_hpa_t hpa)
{
	return hpa.val | EPT_RIGHTS | EPT_ACCESSED;
}

/* AXAS_PROT_ bits are those of the entry (29.3.2), but for the last. */
static inline u64 ept_prot(unsigned int prot)
{
	if (!EPT_MBEC)
		return prot;
	return (prot & ~AXAS_PROT_EXEC_USER) |
	       (prot & AXAS_PROT_EXEC_USER ? EPT_EXEC_USER : 0);
}

static inline u64 fmt_attr(const struct axas_npt *npt, struct axas_attr attr)
{
	return ept_prot(attr.prot) |
	       FIELD_PREP(EPT_MEMTYPE, ept_memtypes[attr.memtype]) |
	       (attr.ignore_pat ? EPT_IPAT : 0) |
	       (attr.owned ? EPT_SW_OWNED : 0) | (attr.rom ? EPT_SW_ROM : 0);
}

static inline u64 fmt_leaf(u64 shared, axas_hpa_t hpa, unsigned int level)
{
	return shared | hpa.val | (level > 1 ? EPT_PAGE_SIZE : 0);
}

static inline axas_hpa_t fmt_hpa(u64 entry, unsigned int level)
{
	return axas_hpa(entry & EPT_ADDR);
}

static inline bool fmt_owned(u64 entry)
{
	return entry & EPT_SW_OWNED;
}

static inline unsigned int fmt_prot(const struct axas_npt *npt, u64 entry)
{
	return (entry & (EPT_READ | EPT_WRITE | EPT_EXEC)) |
	       (entry & EPT_EXEC_USER ? AXAS_PROT_EXEC_USER : 0);
}

static inline u64 fmt_set_prot(const struct axas_npt *npt, u64 entry,
			       unsigned int prot)
{
	return (entry & ~EPT_RIGHTS) | ept_prot(prot);
}

static inline u64 fmt_child(u64 entry, unsigned int level)
{
	return level > 2 ? entry : entry & ~EPT_PAGE_SIZE;
}

static inline u64 fmt_parent(u64 entry, unsigned int level)
{
	return entry | EPT_PAGE_SIZE;
}

static inline u64 fmt_flags(u64 entry)
{
	return EPT_ACCESSED | EPT_DIRTY;
}

static inline void fmt_decode(const struct axas_npt *npt, u64 entry,
			      struct axas_leaf *leaf)
{
	static const u8 memtypes[] = {
		[EPT_MT_UC] = AXAS_MEM_UC, [EPT_MT_WC] = AXAS_MEM_NC,
		[EPT_MT_WT] = AXAS_MEM_WT, [EPT_MT_WP] = AXAS_MEM_WP,
		[EPT_MT_WB] = AXAS_MEM_WB, [7] = AXAS_MEM_UC,
	};
	bool ad = npt->features & AXAS_FEAT_AD;

	leaf->attr.prot = fmt_prot(npt, entry);
	leaf->attr.memtype = memtypes[FIELD_GET(EPT_MEMTYPE, entry)];
	leaf->attr.ignore_pat = entry & EPT_IPAT;
	leaf->attr.rom = entry & EPT_SW_ROM;
	leaf->accessed = ad && (entry & EPT_ACCESSED);
	leaf->dirty = ad && (entry & EPT_DIRTY);
}

/* On x86 everybody looks into the caches. */
static inline unsigned int fmt_sync(u64 entry)
{
	return 0;
}

#ifdef CONFIG_X86
static u64 ept_cpu_caps(void)
{
	u32 ept = 0, vpid;

	if (!boot_cpu_has(X86_FEATURE_VMX) ||
	    rdmsr_safe(MSR_IA32_VMX_EPT_VPID_CAP, &ept, &vpid) || !ept)
		return EPT_CAP_ALL;
	/* A fetch while a large leaf is split can stop such a CPU for good. */
	if (boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT) && !cpu_mitigations_off())
		ept &= ~(EPT_CAP_2M | EPT_CAP_1G);
	return ept;
}

static bool ept_cpu_has_mbec(void)
{
	u32 must, may;

	return !boot_cpu_has(X86_FEATURE_VMX) ||
	       rdmsr_safe(MSR_IA32_VMX_PROCBASED_CTLS2, &must, &may) ||
	       may & EPT_CTLS2_MBEC;
}

/* 29.3.2: bits at and above MAXPHYADDR are reserved in an entry. */
static u32 ept_cpu_hpa_bits(void)
{
	return boot_cpu_has(X86_FEATURE_VMX) ? boot_cpu_data.x86_phys_bits : 52;
}
#else
static u64 ept_cpu_caps(void)
{
	return EPT_CAP_ALL;
}

static bool ept_cpu_has_mbec(void)
{
	return true;
}

static u32 ept_cpu_hpa_bits(void)
{
	return 52;
}
#endif

static void ept_caps(struct axas_npt_caps *caps)
{
	u64 cpu = ept_cpu_caps();
	u64 control = BIT_ULL(48) | (cpu & EPT_CAP_WALK_5 ? BIT_ULL(57) : 0);

	*caps = (struct axas_npt_caps){
		.features = (cpu & EPT_CAP_EXEC_ONLY ? AXAS_FEAT_EXEC_ONLY : 0) |
			    (cpu & EPT_CAP_AD ? AXAS_FEAT_AD : 0) |
			    (ept_cpu_has_mbec() ? AXAS_FEAT_EXEC_USER : 0),
		.memtypes = BIT(AXAS_MEM_WB) | BIT(AXAS_MEM_WT) |
			    BIT(AXAS_MEM_WP) | BIT(AXAS_MEM_NC) |
			    BIT(AXAS_MEM_UC),
		.gpa_bits = BIT_ULL(39) | control,
		.control_bits = control,
		.leaf_sizes = SZ_4K | (cpu & EPT_CAP_2M ? SZ_2M : 0) |
			      (cpu & EPT_CAP_1G ? SZ_1G : 0),
		.hpa_bits = ept_cpu_hpa_bits(),
		.default_gpa_bits = 48,
		.ignore_pat = true,
	};
}

static void fmt_setup(struct axas_npt *npt)
{
	npt->levels = (npt->gpa_bits - 12) / 9;
	npt->root_order = 0;
}

/* 25.6.11: the walk is 4 or 5 levels long; a 3-level table has no EPTP. */
static int ept_control(const struct axas_npt *npt, u64 *value)
{
	if (npt->levels < 4)
		return -EOPNOTSUPP;
	*value = axas_hal_virt_to_phys(npt->root).val |
		 FIELD_PREP(EPTP_MEMTYPE, EPT_MT_WB) |
		 FIELD_PREP(EPTP_WALK_LEN, npt->levels - 1) |
		 (npt->features & AXAS_FEAT_AD ? EPTP_AD : 0);
	return 0;
}

#include "axas_npt_algo.h"

const struct axas_npt_ops EPT_OPS = {
	.format = AXAS_FORMAT_EPT,
	.feature = EPT_FEATURE,
	.more = EPT_MORE,
	.name = "ept",
	.caps = ept_caps,
	.control = ept_control,
	NPT_ALGO_OPS,
};
