// SPDX-License-Identifier: GPL-2.0
/*
 * Armv8-A stage 2, VMSAv8-64 with the 4 KB granule, in its encodings: axas_npt_s2_lpa2.c
 * and axas_npt_s2_xnx.c define S2_LPA2 and include this file.
 *
 * Section numbers are those of the Arm ARM (DDI 0487), chapter D8 "The AArch64
 * Virtual Memory System Architecture". The architecture counts levels from the
 * root down to 3; level n there is level 4 - n here.
 */
#include <linux/bitfield.h>
#ifdef CONFIG_ARM64
#include <asm/cpufeature.h>
#endif

#include <axas/npt.h>

/* FEAT_LPA2: with VTCR_EL2.DS set descriptors hold 52 bits of address. */
#ifndef S2_FEATURE
#define S2_FIRST
#define S2_LPA2		0
#define S2_FEATURE	0
#define S2_OPS		axas_npt_s2_ops
#define S2_MORE		(&axas_npt_s2_lpa2_ops)
#endif

/* FEAT_XNX, which all encodings but the first can have: EL0 has a right of its own. */
#define S2_XNX(npt)	(S2_FEATURE && (npt)->features & AXAS_FEAT_EXEC_USER)

/* D8.3: in every descriptor. */
#define S2_VALID	BIT_ULL(0)
/* D8.3.1: table if set, block if clear; at the last level a page has it set. */
#define S2_TABLE	BIT_ULL(1)
#define S2_ADDR		GENMASK_ULL(S2_LPA2 ? 49 : 47, 12)
/* D8.3.1 and D8.3.2: bits 51:50 of the address, where SH is without DS. */
#define S2_ADDR_HIGH	GENMASK_ULL(9, 8)
#define S2_ADDR_SPLIT	50
/* From here on leaves hold other bits there: they don't add up across it. */
#define FMT_HPA_RUN	(S2_LPA2 ? BIT_ULL(S2_ADDR_SPLIT) : 0)
/* D8.3.2: stage 2 attributes in block and page descriptors. */
#define S2_MEMATTR	GENMASK_ULL(5, 2)
#define S2_S2AP_READ	BIT_ULL(6)
#define S2_S2AP_WRITE	BIT_ULL(7)
#define S2_SH		GENMASK_ULL(9, 8)
#define S2_AF		BIT_ULL(10)
#define S2_DBM		BIT_ULL(51)
/*
 * D8.4.2: XN[1:0] in bits 54:53. 0b10 keeps EL1 and EL0 from executing, 0b01 EL1, and
 * 0b11 EL0; without FEAT_XNX the lower one is 0.
 */
#define S2_XN0		BIT_ULL(53)
#define S2_XN1		BIT_ULL(54)
#define S2_XN		(S2_FEATURE ? S2_XN1 | S2_XN0 : S2_XN1)
/* D8.3.2: bits 58:55 are for software. */
#define S2_SW_OWNED	BIT_ULL(55)
/* Was dirty when it lost its write permission, which held the dirty state. */
#define FMT_SW_DIRTY	BIT_ULL(56)
#define FMT_SW_WRITTEN	BIT_ULL(57)
#define S2_SW_ROM	BIT_ULL(58)
/* D8.5.3: with DBM it is the dirty state as well, which has to be kept. */
#define FMT_WRITE(npt)	((npt)->features & AXAS_FEAT_AD ? 0 : S2_S2AP_WRITE)
/* D8.3.1: bits 58:51 of a table descriptor are ignored in stage 2. */
#define FMT_LINK_WRITE	BIT_ULL(56)
#define FMT_SW_FULL	BIT_ULL(57)
/* D8.5.1: the CPU sets AF with VTCR_EL2.HA, and else takes a fault; in leaves alone. */
#define FMT_ACCESSED	S2_AF
#define FMT_LINK_ACCESSED	BIT_ULL(58)
#define FMT_AGE_WAY(npt)						\
	((npt)->features & AXAS_FEAT_AD ? AXAS_NPT_WAY_FLAGS : AXAS_NPT_WAY_FAULTS)
#define FMT_LINKS_AGE(npt)	(!((npt)->features & AXAS_FEAT_AD))
/* D8.5.3: set by the CPU with VTCR_EL2.HD; no leaf has it otherwise then. */
#define FMT_DIRTY	S2_S2AP_WRITE
#define FMT_DIRTY_WAY(npt)	((npt)->features & AXAS_FEAT_AD)

/* D8.6.5: MemAttr without FWB, then with FWB (D8.6.6). */
#define S2_ATTR_DEVICE_NGNRNE	0x0
#define S2_ATTR_DEVICE_NGNRE	0x1
#define S2_ATTR_NORMAL_NC	0x5
#define S2_ATTR_NORMAL_WB	0xf
#define S2_ATTR_FWB_WB		0x6

/*
 * D8.6.2: shareability; what isn't write-back is outer shareable anyway. With DS
 * VTCR_EL2.SH0 says it for the guest's memory as for the tables.
 */
#define S2_SH_OUTER	2
#define S2_SH_INNER	3

/* D24.2: VTCR_EL2. */
#define VTCR_T0SZ	GENMASK_ULL(5, 0)
#define VTCR_SL0	GENMASK_ULL(7, 6)
#define VTCR_IRGN0	GENMASK_ULL(9, 8)
#define VTCR_ORGN0	GENMASK_ULL(11, 10)
#define VTCR_SH0	GENMASK_ULL(13, 12)
#define VTCR_PS		GENMASK_ULL(18, 16)
#define VTCR_PS_48	5
#define VTCR_PS_52	6
#define VTCR_HA		BIT_ULL(21)
#define VTCR_HD		BIT_ULL(22)
#define VTCR_RES1	BIT_ULL(31)
#define VTCR_DS		BIT_ULL(32)
#define VTCR_SL2	BIT_ULL(33)
#define VTCR_WBWA	1

/* D24.2: VTTBR_EL2: bits 51:48 of the root's address, which are 0 without DS. */
#define VTTBR_HIGH	GENMASK_ULL(5, 2)

#define FMT_PRESENT		S2_VALID
#define FMT_BREAK_BEFORE_MAKE	1

/* An entry that isn't valid hasn't the bit, whatever it is. */
static_assert(!((AXAS_NPT_FROZEN | AXAS_NPT_POISONED) & S2_TABLE));

static inline bool fmt_is_table(u64 entry, unsigned int level)
{
	return level > 1 && entry & S2_TABLE;
}

static inline u64 s2_addr(axas_hpa_t hpa)
{
	if (!S2_LPA2)
		return hpa.val;
	return (hpa.val & S2_ADDR) |
	       FIELD_PREP(S2_ADDR_HIGH, hpa.val >> S2_ADDR_SPLIT);
}

static inline u64 fmt_table(axas_hpa_t hpa)
{
	return s2_addr(hpa) | S2_VALID | S2_TABLE | FMT_LINK_WRITE |
	       FMT_LINK_ACCESSED;
}

static inline u64 s2_exec(const struct axas_npt *npt, unsigned int prot)
{
	bool el1 = prot & AXAS_PROT_EXEC, el0 = prot & AXAS_PROT_EXEC_USER;

	if (!S2_XNX(npt))
		el0 = el1;
	return (el0 ? 0 : S2_XN1) | (el0 == el1 ? 0 : S2_XN0);
}

/*
 * D8.4.1 and D8.5.3: where the CPU keeps the dirty state, a writable leaf
 * begins clean: DBM set, S2AP[1] clear until the first write.
 */
static inline u64 s2_prot(const struct axas_npt *npt, unsigned int prot)
{
	u64 write = npt->features & AXAS_FEAT_AD ? S2_DBM : S2_S2AP_WRITE;

	return (prot & AXAS_PROT_READ ? S2_S2AP_READ : 0) |
	       (prot & AXAS_PROT_WRITE ? write : 0) |
	       s2_exec(npt, prot);
}

static inline u64 fmt_attr(const struct axas_npt *npt, struct axas_attr attr)
{
	static const u8 memattrs[] = {
		[AXAS_MEM_WB] = S2_ATTR_NORMAL_WB,
		[AXAS_MEM_NC] = S2_ATTR_NORMAL_NC,
		[AXAS_MEM_UC] = S2_ATTR_DEVICE_NGNRNE,
		[AXAS_MEM_DEVICE] = S2_ATTR_DEVICE_NGNRE,
	};
	bool wb = attr.memtype == AXAS_MEM_WB;
	u8 sh = wb ? S2_SH_INNER : S2_SH_OUTER;
	u8 memattr = memattrs[attr.memtype];

	if (wb && npt->features & AXAS_FEAT_FWB)
		memattr = S2_ATTR_FWB_WB;
	return S2_VALID | FIELD_PREP(S2_MEMATTR, memattr) |
	       (S2_LPA2 ? 0 : FIELD_PREP(S2_SH, sh)) |
	       s2_prot(npt, attr.prot) |
	       (npt->features & AXAS_FEAT_AD ? 0 : S2_AF) |
	       (attr.owned ? S2_SW_OWNED : 0) | (attr.rom ? S2_SW_ROM : 0);
}

static inline u64 fmt_leaf(u64 shared, axas_hpa_t hpa, unsigned int level)
{
	return shared | s2_addr(hpa) | (level > 1 ? 0 : S2_TABLE);
}

static inline axas_hpa_t fmt_hpa(u64 entry, unsigned int level)
{
	u64 high = S2_LPA2 ? FIELD_GET(S2_ADDR_HIGH, entry) : 0;

	return axas_hpa((entry & S2_ADDR) | high << S2_ADDR_SPLIT);
}

static inline bool fmt_owned(u64 entry)
{
	return entry & S2_SW_OWNED;
}

static inline unsigned int s2_xnx_prot(u64 entry)
{
	bool el0 = !(entry & S2_XN1), other = entry & S2_XN0;

	return (el0 != other ? AXAS_PROT_EXEC : 0) |
	       (el0 ? AXAS_PROT_EXEC_USER : 0);
}

static inline unsigned int fmt_prot(const struct axas_npt *npt, u64 entry)
{
	unsigned int fetch = entry & S2_XN1 ? 0 : AXAS_PROT_EXEC;

	if (S2_XNX(npt))
		fetch = s2_xnx_prot(entry);
	return fetch | (entry & S2_S2AP_READ ? AXAS_PROT_READ : 0) |
	       (entry & (S2_S2AP_WRITE | S2_DBM) ? AXAS_PROT_WRITE : 0);
}

static inline bool s2_dirty(u64 entry)
{
	return entry & FMT_SW_DIRTY ||
	       (entry & S2_DBM && entry & S2_S2AP_WRITE);
}

static inline u64 fmt_set_prot(const struct axas_npt *npt, u64 entry,
			       unsigned int prot)
{
	u64 dirty = s2_dirty(entry) ? FMT_SW_DIRTY : 0;

	return (entry & ~(S2_S2AP_READ | S2_S2AP_WRITE | S2_DBM | S2_XN)) |
	       s2_prot(npt, prot) | dirty;
}

static inline u64 fmt_child(u64 entry, unsigned int level)
{
	return level > 2 ? entry : entry | S2_TABLE;
}

static inline u64 fmt_parent(u64 entry, unsigned int level)
{
	return entry & ~S2_TABLE;
}

/* S2AP[1] says that a leaf is dirty only where DBM says that it may become so. */
static inline u64 fmt_flags(u64 entry)
{
	return S2_AF | FMT_SW_DIRTY | (entry & S2_DBM ? S2_S2AP_WRITE : 0);
}

static inline void fmt_decode(const struct axas_npt *npt, u64 entry,
			      struct axas_leaf *leaf)
{
	static const u8 memtypes[] = {
		[S2_ATTR_DEVICE_NGNRNE] = AXAS_MEM_UC,
		[S2_ATTR_DEVICE_NGNRE] = AXAS_MEM_DEVICE,
		[S2_ATTR_NORMAL_NC] = AXAS_MEM_NC,
		[S2_ATTR_FWB_WB] = AXAS_MEM_WB,
		[S2_ATTR_NORMAL_WB] = AXAS_MEM_WB,
	};
	bool ad = npt->features & AXAS_FEAT_AD;

	leaf->attr.prot = fmt_prot(npt, entry);
	leaf->attr.memtype = memtypes[FIELD_GET(S2_MEMATTR, entry)];
	leaf->attr.ignore_pat = false;
	leaf->attr.rom = entry & S2_SW_ROM;
	leaf->accessed = ad && (entry & S2_AF);
	leaf->dirty = ad && s2_dirty(entry);
}

/*
 * D8.6.6: with FWB a guest looks into the caches whatever its own attributes
 * say, where the leaf is write-back.
 */
static inline unsigned int fmt_sync(u64 entry)
{
	bool fwb = FIELD_GET(S2_MEMATTR, entry) == S2_ATTR_FWB_WB;

	return (fwb ? 0 : AXAS_SYNC_DATA) |
	       ((entry & S2_XN) == S2_XN1 ? 0 : AXAS_SYNC_CODE);
}

#ifdef CONFIG_ARM64
/* D24.2: ID_AA64MMFR0_EL1.PARange; 52 bits take LPA2. */
static u32 s2_cpu_pa_bits(void)
{
	u64 mmfr0 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR0_EL1);

	return id_aa64mmfr0_parange_to_phys_shift(FIELD_GET(GENMASK_ULL(3, 0),
							    mmfr0));
}

/*
 * D24.2: ID_AA64MMFR0_EL1.TGRAN4_2 is 3 with LPA2, and 0 if that is for TGRAN4 to say,
 * which is 1 then. A CPU whose addresses have fewer bits has no use for it.
 */
static bool s2_cpu_has_lpa2(void)
{
	u64 mmfr0 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR0_EL1);
	u64 tgran4 = FIELD_GET(GENMASK_ULL(31, 28), mmfr0);
	u64 tgran4_2 = FIELD_GET(GENMASK_ULL(43, 40), mmfr0);

	return s2_cpu_pa_bits() == 52 &&
	       (tgran4_2 == 3 || (!tgran4_2 && tgran4 == 1));
}

/* D24.2: what ID_AA64MMFR1_EL1.HAFDBS and .XNX and ID_AA64MMFR2_EL1.FWB say. */
static u32 s2_cpu_features(void)
{
	u64 mmfr1 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR1_EL1);
	u64 mmfr2 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR2_EL1);

	return AXAS_FEAT_EXEC_ONLY |
	       (FIELD_GET(GENMASK_ULL(3, 0), mmfr1) >= 2 ? AXAS_FEAT_AD : 0) |
	       (FIELD_GET(GENMASK_ULL(43, 40), mmfr2) ? AXAS_FEAT_FWB : 0) |
	       (FIELD_GET(GENMASK_ULL(31, 28), mmfr1) ? AXAS_FEAT_EXEC_USER : 0) |
	       (s2_cpu_has_lpa2() ? AXAS_FEAT_LPA2 : 0);
}
#else
static u32 s2_cpu_pa_bits(void)
{
	return 52;
}

static u32 s2_cpu_features(void)
{
	return AXAS_FEAT_EXEC_ONLY | AXAS_FEAT_AD | AXAS_FEAT_FWB |
	       AXAS_FEAT_LPA2 | AXAS_FEAT_EXEC_USER;
}
#endif

/* Widths of GPAs, and of HPAs. */
#define S2_BITS		(S2_LPA2 ? 52 : 48)

static void s2_caps(struct axas_npt_caps *caps)
{
	*caps = (struct axas_npt_caps){
		.features = s2_cpu_features(),
		.memtypes = BIT(AXAS_MEM_WB) | BIT(AXAS_MEM_NC) |
			    BIT(AXAS_MEM_UC) | BIT(AXAS_MEM_DEVICE),
		.gpa_bits = GENMASK_ULL(S2_BITS, 32),
		.control_bits = GENMASK_ULL(S2_BITS, 32),
		.leaf_sizes = SZ_4K | SZ_2M | SZ_1G,
		.hpa_bits = min_t(u32, S2_BITS, s2_cpu_pa_bits()),
		.default_gpa_bits = 40,
	};
}

/*
 * D8.2.3: where the first table would have 16 entries or fewer in use, the
 * walk begins one level below, at up to 16 concatenated tables. Not so above 48
 * bits: there it begins at Arm's level -1, and nobody has to find 64 KiB in one
 * piece for a space of 52.
 */
static void fmt_setup(struct axas_npt *npt)
{
	unsigned int bits;

	npt->levels = npt->gpa_bits > 48 ? 5 : (npt->gpa_bits - 4 - 4) / 9;
	bits = 12 + 9 * npt->levels;
	npt->root_order = npt->gpa_bits > bits ? npt->gpa_bits - bits : 0;
}

/* D24.2: VTTBR_EL2 for VMID 0. */
static inline u64 s2_vttbr(axas_hpa_t root)
{
	return (root.val & GENMASK_ULL(47, 12)) |
	       FIELD_PREP(VTTBR_HIGH, root.val >> 48);
}

static int s2_control(const struct axas_npt *npt, u64 *value)
{
	*value = s2_vttbr(axas_hal_virt_to_phys(npt->root));
	return 0;
}

#ifdef S2_FIRST
/* D24.2: SL0 counts Arm's levels down from 2; -1 has a bit of its own. */
static u64 s2_vtcr_start(const struct axas_npt *npt)
{
	return npt->levels == 5 ? VTCR_SL2 :
				  FIELD_PREP(VTCR_SL0, npt->levels - 2);
}

/**
 * axas_s2_vtcr - VTCR_EL2 for a stage 2 table
 * @npt: the table
 *
 * Physical addresses are 48 bits wide (PS), or 52 with %AXAS_FEAT_LPA2, which sets
 * DS, and VMIDs 8; whoever loads the register narrows PS to what its CPU has.
 *
 * Return: the value.
 */
u64 axas_s2_vtcr(const struct axas_npt *npt)
{
	u64 ad = npt->features & AXAS_FEAT_AD ? VTCR_HA | VTCR_HD : 0;
	u64 wide = npt->features & AXAS_FEAT_LPA2 ?
			   VTCR_DS | FIELD_PREP(VTCR_PS, VTCR_PS_52) :
			   FIELD_PREP(VTCR_PS, VTCR_PS_48);

	return VTCR_RES1 | ad | wide | s2_vtcr_start(npt) |
	       FIELD_PREP(VTCR_T0SZ, 64 - npt->gpa_bits) |
	       FIELD_PREP(VTCR_IRGN0, VTCR_WBWA) |
	       FIELD_PREP(VTCR_ORGN0, VTCR_WBWA) |
	       FIELD_PREP(VTCR_SH0, S2_SH_INNER);
}
#endif

#include "axas_npt_algo.h"

const struct axas_npt_ops S2_OPS = {
	.format = AXAS_FORMAT_S2,
	.feature = S2_FEATURE,
	.more = S2_MORE,
	.name = "s2",
	.caps = s2_caps,
	.control = s2_control,
	NPT_ALGO_OPS,
};
