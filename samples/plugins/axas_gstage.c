// SPDX-License-Identifier: GPL-2.0
/*
 * RISC-V G-stage: Sv39x4, Sv48x4 and Sv57x4.
 *
 * From the RISC-V privileged specification: "Sv39" and on have the entries,
 * "Hypervisor Extension, Two-Stage Address Translation" what the G-stage makes
 * of them.
 */
#include <linux/bitfield.h>
#include <linux/module.h>

#include <axas/npt.h>

/* Sv39: in every entry. A leaf has one of R, W and X, a table none. */
#define GS_VALID	BIT_ULL(0)
#define GS_RWX		GENMASK_ULL(3, 1)
/* Two-stage: every access of a guest is one of user mode. */
#define GS_USER		BIT_ULL(4)
#define GS_ACCESSED	BIT_ULL(6)
#define GS_DIRTY	BIT_ULL(7)
/* Sv39: bits 9:8, RSW, are for software. */
#define GS_SW_OWNED	BIT_ULL(8)
#define GS_SW_ROM	BIT_ULL(9)
/* The same, in an entry that points to a table. */
#define FMT_SW_FULL	BIT_ULL(9)
#define GS_PPN		GENMASK_ULL(53, 10)
/* Svpbmt: memory types. */
#define GS_PBMT		GENMASK_ULL(62, 61)
#define GS_PBMT_PMA	0
#define GS_PBMT_NC	1
#define GS_PBMT_IO	2

/* Hypervisor Guest Address Translation and Protection Register. */
#define HGATP_MODE	GENMASK_ULL(63, 60)
#define HGATP_PPN	GENMASK_ULL(43, 0)
#define HGATP_SV39X4	8

#define FMT_PRESENT		GS_VALID
#define FMT_BREAK_BEFORE_MAKE	0

static inline bool fmt_is_table(u64 entry, unsigned int level)
{
	return level > 1 && (entry & GS_VALID) && !(entry & GS_RWX);
}

static inline u64 fmt_table(axas_hpa_t hpa)
{
	return FIELD_PREP(GS_PPN, hpa.val >> 12) | GS_VALID;
}

/* Without AD the CPU may fault on clear flags: they are set from the start. */
static inline u64 fmt_attr(const struct axas_npt *npt, struct axas_attr attr)
{
	static const u8 pbmt[] = {
		[AXAS_MEM_WB] = GS_PBMT_PMA,
		[AXAS_MEM_NC] = GS_PBMT_NC,
		[AXAS_MEM_UC] = GS_PBMT_IO,
	};

	return GS_VALID | GS_USER | FIELD_PREP(GS_RWX, attr.prot) |
	       FIELD_PREP(GS_PBMT, pbmt[attr.memtype]) |
	       (npt->features & AXAS_FEAT_AD ? 0 : GS_ACCESSED | GS_DIRTY) |
	       (attr.owned ? GS_SW_OWNED : 0) | (attr.rom ? GS_SW_ROM : 0);
}

static inline u64 fmt_leaf(u64 shared, axas_hpa_t hpa, unsigned int level)
{
	return shared | FIELD_PREP(GS_PPN, hpa.val >> 12);
}

static inline axas_hpa_t fmt_hpa(u64 entry, unsigned int level)
{
	return axas_hpa(FIELD_GET(GS_PPN, entry) << 12);
}

static inline bool fmt_owned(u64 entry)
{
	return entry & GS_SW_OWNED;
}

/* AXAS_PROT_ bits stand in the order of the entry's. */
static inline unsigned int fmt_prot(const struct axas_npt *npt, u64 entry)
{
	return FIELD_GET(GS_RWX, entry);
}

static inline u64 fmt_set_prot(const struct axas_npt *npt, u64 entry,
			       unsigned int prot)
{
	return (entry & ~GS_RWX) | FIELD_PREP(GS_RWX, prot);
}

static inline u64 fmt_child(u64 entry, unsigned int level)
{
	return entry;
}

static inline u64 fmt_parent(u64 entry, unsigned int level)
{
	return entry;
}

static inline u64 fmt_flags(u64 entry)
{
	return GS_ACCESSED | GS_DIRTY;
}

static inline void fmt_decode(const struct axas_npt *npt, u64 entry,
			      struct axas_leaf *leaf)
{
	static const u8 memtypes[] = {
		[GS_PBMT_PMA] = AXAS_MEM_WB, [GS_PBMT_NC] = AXAS_MEM_NC,
		[GS_PBMT_IO] = AXAS_MEM_UC, [3] = AXAS_MEM_UC,
	};
	bool ad = npt->features & AXAS_FEAT_AD;

	leaf->attr.prot = fmt_prot(npt, entry);
	leaf->attr.memtype = memtypes[FIELD_GET(GS_PBMT, entry)];
	leaf->attr.ignore_pat = false;
	leaf->attr.rom = entry & GS_SW_ROM;
	leaf->accessed = ad && (entry & GS_ACCESSED);
	leaf->dirty = ad && (entry & GS_DIRTY);
}

/* Svpbmt aside RISC-V has coherent caches; fence.i is the guest's. */
static inline unsigned int fmt_sync(u64 entry)
{
	return 0;
}

/* Two-stage: two bits more than Sv39, Sv48 and Sv57, in a root of 16 KiB. */
static inline void fmt_setup(struct axas_npt *npt)
{
	npt->levels = (npt->gpa_bits - 14) / 9;
	npt->root_order = 2;
}

static void gstage_caps(struct axas_npt_caps *caps)
{
	u64 bits = BIT_ULL(41) | BIT_ULL(50) | BIT_ULL(59);

	*caps = (struct axas_npt_caps){
		.features = AXAS_FEAT_EXEC_ONLY | AXAS_FEAT_AD,
		.memtypes = BIT(AXAS_MEM_WB) | BIT(AXAS_MEM_NC) |
			    BIT(AXAS_MEM_UC),
		.gpa_bits = bits,
		.control_bits = bits,
		.leaf_sizes = SZ_4K | SZ_2M | SZ_1G,
		.hpa_bits = 56,
		.default_gpa_bits = 50,
	};
}

/* hgatp for VMID 0. */
static int gstage_control(const struct axas_npt *npt, u64 *value)
{
	u64 root = axas_hal_virt_to_phys(npt->root).val;

	*value = FIELD_PREP(HGATP_MODE, HGATP_SV39X4 + npt->levels - 3) |
		 FIELD_PREP(HGATP_PPN, root >> 12);
	return 0;
}

#include <axas_npt_algo.h>

static const struct axas_npt_ops gstage_ops = {
	.format = AXAS_FORMAT_MODULE,
	.owner = THIS_MODULE,
	.name = "gstage",
	.caps = gstage_caps,
	.control = gstage_control,
	NPT_ALGO_OPS,
};

static int __init gstage_init(void)
{
	return axas_format_register(&gstage_ops);
}

static void __exit gstage_exit(void)
{
	axas_format_unregister(&gstage_ops);
}

module_init(gstage_init);
module_exit(gstage_exit);

MODULE_DESCRIPTION("axas: RISC-V G-stage tables");
MODULE_AUTHOR("The axas authors");
MODULE_LICENSE("GPL");
