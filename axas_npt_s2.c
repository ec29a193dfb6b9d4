// SPDX-License-Identifier: GPL-2.0
/*
 * Armv8-A stage 2, VMSAv8-64 with the 4 KB granule.
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

/* D8.3: in every descriptor. */
#define S2_VALID	BIT_ULL(0)
/* D8.3.1: table if set, block if clear; at the last level a page has it set. */
#define S2_TABLE	BIT_ULL(1)
#define S2_ADDR		GENMASK_ULL(47, 12)
/* D8.3.2: stage 2 attributes in block and page descriptors. */
#define S2_MEMATTR	GENMASK_ULL(5, 2)
#define S2_S2AP_READ	BIT_ULL(6)
#define S2_S2AP_WRITE	BIT_ULL(7)
#define S2_SH		GENMASK_ULL(9, 8)
#define S2_AF		BIT_ULL(10)
#define S2_DBM		BIT_ULL(51)
/* D8.4.2: XN[1:0] in bits 54:53; 0b10 keeps EL1 and EL0 from executing. */
#define S2_XN1		BIT_ULL(54)
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

/* D8.6.2: shareability; what isn't write-back is outer shareable anyway. */
#define S2_SH_OUTER	2
#define S2_SH_INNER	3

/* D24.2: VTCR_EL2. */
#define VTCR_T0SZ	GENMASK_ULL(5, 0)
#define VTCR_SL0	GENMASK_ULL(7, 6)
#define VTCR_IRGN0	GENMASK_ULL(9, 8)
#define VTCR_ORGN0	GENMASK_ULL(11, 10)
#define VTCR_SH0	GENMASK_ULL(13, 12)
#define VTCR_PS		GENMASK_ULL(18, 16)
#define VTCR_HA		BIT_ULL(21)
#define VTCR_HD		BIT_ULL(22)
#define VTCR_RES1	BIT_ULL(31)
#define VTCR_WBWA	1

#define FMT_PRESENT		S2_VALID
#define FMT_BREAK_BEFORE_MAKE	1

static inline bool fmt_is_table(u64 entry, unsigned int level)
{
	return level > 1 &&
	       (entry & (S2_VALID | S2_TABLE)) == (S2_VALID | S2_TABLE);
}

static inline u64 fmt_table(axas_hpa_t hpa)
{
	return hpa.val | S2_VALID | S2_TABLE | FMT_LINK_WRITE |
	       FMT_LINK_ACCESSED;
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
	       (prot & AXAS_PROT_EXEC ? 0 : S2_XN1);
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
	u8 memattr = memattrs[attr.memtype];

	if (wb && npt->features & AXAS_FEAT_FWB)
		memattr = S2_ATTR_FWB_WB;
	return S2_VALID | FIELD_PREP(S2_MEMATTR, memattr) |
	       FIELD_PREP(S2_SH, wb ? S2_SH_INNER : S2_SH_OUTER) |
	       s2_prot(npt, attr.prot) |
	       (npt->features & AXAS_FEAT_AD ? 0 : S2_AF) |
	       (attr.owned ? S2_SW_OWNED : 0) | (attr.rom ? S2_SW_ROM : 0);
}

static inline u64 fmt_leaf(u64 shared, axas_hpa_t hpa, unsigned int level)
{
	return shared | hpa.val | (level > 1 ? 0 : S2_TABLE);
}

static inline axas_hpa_t fmt_hpa(u64 entry, unsigned int level)
{
	return axas_hpa(entry & S2_ADDR);
}

static inline bool fmt_owned(u64 entry)
{
	return entry & S2_SW_OWNED;
}

static inline unsigned int fmt_prot(u64 entry)
{
	return (entry & S2_S2AP_READ ? AXAS_PROT_READ : 0) |
	       (entry & (S2_S2AP_WRITE | S2_DBM) ? AXAS_PROT_WRITE : 0) |
	       (entry & S2_XN1 ? 0 : AXAS_PROT_EXEC);
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

	return (entry & ~(S2_S2AP_READ | S2_S2AP_WRITE | S2_DBM | S2_XN1)) |
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

	leaf->attr.prot = fmt_prot(entry);
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
	       (entry & S2_XN1 ? 0 : AXAS_SYNC_CODE);
}

#ifdef CONFIG_ARM64
/* D24.2: what ID_AA64MMFR1_EL1.HAFDBS and ID_AA64MMFR2_EL1.FWB say. */
static u32 s2_cpu_features(void)
{
	u64 mmfr1 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR1_EL1);
	u64 mmfr2 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR2_EL1);

	return AXAS_FEAT_EXEC_ONLY |
	       (FIELD_GET(GENMASK_ULL(3, 0), mmfr1) >= 2 ? AXAS_FEAT_AD : 0) |
	       (FIELD_GET(GENMASK_ULL(43, 40), mmfr2) ? AXAS_FEAT_FWB : 0);
}

/* D24.2: ID_AA64MMFR0_EL1.PARange; 52 bits take LPA2. */
static u32 s2_cpu_hpa_bits(void)
{
	u64 mmfr0 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR0_EL1);
	u64 parange = FIELD_GET(GENMASK_ULL(3, 0), mmfr0);

	return min_t(u32, 48, id_aa64mmfr0_parange_to_phys_shift(parange));
}
#else
static u32 s2_cpu_features(void)
{
	return AXAS_FEAT_EXEC_ONLY | AXAS_FEAT_AD | AXAS_FEAT_FWB;
}

static u32 s2_cpu_hpa_bits(void)
{
	return 48;
}
#endif

static void s2_caps(struct axas_npt_caps *caps)
{
	*caps = (struct axas_npt_caps){
		.features = s2_cpu_features(),
		.memtypes = BIT(AXAS_MEM_WB) | BIT(AXAS_MEM_NC) |
			    BIT(AXAS_MEM_UC) | BIT(AXAS_MEM_DEVICE),
		.gpa_bits = GENMASK_ULL(48, 32),
		.control_bits = GENMASK_ULL(48, 32),
		.leaf_sizes = SZ_4K | SZ_2M | SZ_1G,
		.hpa_bits = s2_cpu_hpa_bits(),
		.default_gpa_bits = 40,
	};
}

/*
 * D8.2.3: where the first table would have 16 entries or fewer in use, the
 * walk begins one level below, at up to 16 concatenated tables.
 */
static void fmt_setup(struct axas_npt *npt)
{
	unsigned int bits;

	npt->levels = (npt->gpa_bits - 4 - 4) / 9;
	bits = 12 + 9 * npt->levels;
	npt->root_order = npt->gpa_bits > bits ? npt->gpa_bits - bits : 0;
}

/* D24.2: VTTBR_EL2 for VMID 0. */
static int s2_control(const struct axas_npt *npt, u64 *value)
{
	*value = axas_hal_virt_to_phys(npt->root).val;
	return 0;
}

/**
 * axas_s2_vtcr - VTCR_EL2 for a stage 2 table
 * @npt: the table
 *
 * Physical addresses are 48 bits wide (PS) and VMIDs 8; whoever loads the
 * register narrows PS to what its CPU has.
 *
 * Return: the value.
 */
u64 axas_s2_vtcr(const struct axas_npt *npt)
{
	u64 ad = npt->features & AXAS_FEAT_AD ? VTCR_HA | VTCR_HD : 0;

	return VTCR_RES1 | ad | FIELD_PREP(VTCR_T0SZ, 64 - npt->gpa_bits) |
	       FIELD_PREP(VTCR_SL0, npt->levels - 2) |
	       FIELD_PREP(VTCR_IRGN0, VTCR_WBWA) |
	       FIELD_PREP(VTCR_ORGN0, VTCR_WBWA) |
	       FIELD_PREP(VTCR_SH0, S2_SH_INNER) | FIELD_PREP(VTCR_PS, 5);
}

#include "axas_npt_algo.h"

const struct axas_npt_ops axas_npt_s2_ops = {
	.format = AXAS_FORMAT_S2,
	.name = "s2",
	.caps = s2_caps,
	.control = s2_control,
	NPT_ALGO_OPS,
};
