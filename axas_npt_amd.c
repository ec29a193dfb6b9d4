// SPDX-License-Identifier: GPL-2.0
/*
 * AMD nested paging.
 *
 * Section numbers are those of the AMD64 Architecture Programmer's Manual, volume
 * 2. The entries are those of long mode: 5.3.3 has them down to 4 KiB, 5.3.4 and
 * 5.3.5 the leaves of 2 MiB and 1 GiB, 5.4.1 their bits. 15.25 says what nested
 * paging makes of them.
 */
#include <linux/bitfield.h>
#ifdef CONFIG_X86
#include <linux/cc_platform.h>
#include <linux/pgtable.h>
#include <asm/cpufeature.h>
#include <asm/memtype.h>
#endif

#include <axas/npt.h>

/* 5.4.1: in every entry. There is no right to read that could be missing. */
#define AMD_PRESENT	BIT_ULL(0)
#define AMD_WRITE	BIT_ULL(1)
/* 15.25.5: every access of a guest is one of user mode. */
#define AMD_USER	BIT_ULL(2)
/* EFER.NXE is set, as Linux has it. */
#define AMD_NX		BIT_ULL(63)
/* 5.4.2: accessed and dirty flags, which the CPU keeps whether asked or not. */
#define AMD_ACCESSED	BIT_ULL(5)
#define AMD_DIRTY	BIT_ULL(6)
/* 5.3.4 and 5.3.5: a leaf above level 1. */
#define AMD_PAGE_SIZE	BIT_ULL(7)
#define AMD_ADDR	GENMASK_ULL(51, 12)
/* 5.4.1: bits 58:52 are for software, in all entries. */
#define AMD_SW_OWNED	BIT_ULL(52)
#define FMT_SW_FULL	BIT_ULL(53)
#define AMD_SW_ROM	BIT_ULL(54)
#define FMT_SW_WRITTEN	BIT_ULL(55)
#define FMT_SW_STALE	BIT_ULL(55)
/* 5.6.3: a walk writes if all entries on its way allow that. */
#define FMT_LINK_WRITE	AMD_WRITE
#define FMT_WRITE(npt)	((void)(npt), AMD_WRITE)
/* 5.4.2: the CPU sets it in each entry that it uses, in any case. */
#define FMT_ACCESSED	AMD_ACCESSED
#define FMT_LINK_ACCESSED	AMD_ACCESSED
#define FMT_AGE_WAY(npt)	((void)(npt), AXAS_NPT_WAY_FLAGS)
#define FMT_LINKS_AGE(npt)	((void)(npt), true)
#define FMT_DIRTY	AMD_DIRTY
#define FMT_DIRTY_WAY(npt)	((void)(npt), true)

/*
 * 7.8.2: PWT, PCD and PAT, the low bit first, choose a field of the PAT register.
 * In a leaf above level 1 the third lies below its address.
 */
#define AMD_PWT_PCD	GENMASK_ULL(4, 3)
#define AMD_PAT		BIT_ULL(7)
#define AMD_PAT_LARGE	BIT_ULL(12)

/* 15.25.8: the host's register counts. The fields as Linux fills them. */
#define AMD_PAT_WB	0
#define AMD_PAT_WC	1
#define AMD_PAT_UC	3
#define AMD_PAT_WP	5
#define AMD_PAT_WT	7

#define FMT_PRESENT		AMD_PRESENT
#define FMT_BREAK_BEFORE_MAKE	0

/* One test after the other: the next one knows what each has said. */
static inline bool fmt_is_table(u64 entry, unsigned int level)
{
	if (level == 1 || !(entry & AMD_PRESENT))
		return false;
	return !(entry & AMD_PAGE_SIZE);
}

/* The CPU finds nothing to write there unless somebody asks what was used. */
static inline u64 fmt_table(axas_hpa_t hpa)
{
	return hpa.val | AMD_PRESENT | AMD_WRITE | AMD_USER | AMD_ACCESSED;
}

/* Out of a table, a loop has it in a register. */
static inline u64 amd_prot(unsigned int prot)
{
	static const u64 rights[] = {
		AMD_NX, AMD_NX | AMD_WRITE, 0, AMD_WRITE,
	};

	return rights[(prot & (AXAS_PROT_WRITE | AXAS_PROT_EXEC)) /
		      AXAS_PROT_WRITE];
}

/*
 * As in a leaf of level 1. Where nobody reads the flags they are set from the
 * start, and no walk has to write.
 */
static inline u64 fmt_attr(const struct axas_npt *npt, struct axas_attr attr)
{
	static const u8 fields[] = {
		[AXAS_MEM_WB] = AMD_PAT_WB,
		[AXAS_MEM_WT] = AMD_PAT_WT,
		[AXAS_MEM_WP] = AMD_PAT_WP,
		[AXAS_MEM_NC] = AMD_PAT_WC,
		[AXAS_MEM_UC] = AMD_PAT_UC,
	};
	u8 field = fields[attr.memtype];

	return AMD_PRESENT | AMD_USER | amd_prot(attr.prot) |
	       FIELD_PREP(AMD_PWT_PCD, field & 3) |
	       (field & 4 ? AMD_PAT : 0) |
	       (npt->features & AXAS_FEAT_AD ? 0 : AMD_ACCESSED | AMD_DIRTY) |
	       (attr.owned ? AMD_SW_OWNED : 0) | (attr.rom ? AMD_SW_ROM : 0);
}

/* The PAT bit goes where it belongs in a leaf above level 1. */
static inline u64 amd_enlarge(u64 entry)
{
	return entry | (entry & AMD_PAT) << 5 | AMD_PAGE_SIZE;
}

static inline u64 fmt_leaf(u64 shared, axas_hpa_t hpa, unsigned int level)
{
	return (level > 1 ? amd_enlarge(shared) : shared) | hpa.val;
}

static inline axas_hpa_t fmt_hpa(u64 entry, unsigned int level)
{
	/* Only a large leaf has a bit 12 that isn't the address's. */
	if (level > 1)
		entry &= ~AMD_PAT_LARGE;
	return axas_hpa(entry & AMD_ADDR);
}

static inline bool fmt_owned(u64 entry)
{
	return entry & AMD_SW_OWNED;
}

/* What isn't execute are the entry's own bits. Beside NX bits 62:59 are clear. */
static inline unsigned int fmt_prot(const struct axas_npt *npt, u64 entry)
{
	return ((entry & (AMD_PRESENT | AMD_WRITE)) | AXAS_PROT_EXEC) ^
	       (entry >> 61);
}

static inline u64 fmt_set_prot(const struct axas_npt *npt, u64 entry,
			       unsigned int prot)
{
	return (entry & ~(AMD_WRITE | AMD_NX)) | amd_prot(prot);
}

static inline u64 fmt_child(u64 entry, unsigned int level)
{
	if (level > 2)
		return entry;
	return (entry & ~(AMD_PAGE_SIZE | AMD_PAT_LARGE)) |
	       (entry & AMD_PAT_LARGE) >> 5;
}

static inline u64 fmt_parent(u64 entry, unsigned int level)
{
	return level > 1 ? entry : amd_enlarge(entry);
}

static inline u64 fmt_flags(u64 entry)
{
	return AMD_ACCESSED | AMD_DIRTY;
}

static inline void fmt_decode(const struct axas_npt *npt, u64 entry,
			      struct axas_leaf *leaf)
{
	static const u8 memtypes[] = {
		[AMD_PAT_WB] = AXAS_MEM_WB, [AMD_PAT_WC] = AXAS_MEM_NC,
		[2] = AXAS_MEM_UC, [AMD_PAT_UC] = AXAS_MEM_UC,
		[4] = AXAS_MEM_WB, [AMD_PAT_WP] = AXAS_MEM_WP,
		[6] = AXAS_MEM_UC, [AMD_PAT_WT] = AXAS_MEM_WT,
	};
	u64 pat = leaf->level > 1 ? AMD_PAT_LARGE : AMD_PAT;
	bool ad = npt->features & AXAS_FEAT_AD;

	leaf->attr.prot = fmt_prot(npt, entry);
	leaf->attr.memtype = memtypes[FIELD_GET(AMD_PWT_PCD, entry) |
				      (entry & pat ? 4 : 0)];
	leaf->attr.ignore_pat = false;
	leaf->attr.rom = entry & AMD_SW_ROM;
	leaf->accessed = ad && (entry & AMD_ACCESSED);
	leaf->dirty = ad && (entry & AMD_DIRTY);
}

/* On x86 everybody looks into the caches. */
static inline unsigned int fmt_sync(u64 entry)
{
	return 0;
}

static void fmt_setup(struct axas_npt *npt)
{
	npt->levels = (npt->gpa_bits - 12) / 9;
	npt->root_order = 0;
}

#ifdef CONFIG_X86
/*
 * 15.25.3: nested tables have as many levels as those of the kernel that enters
 * the guest. Where it has its own memory encrypted it finds no table without the
 * bit that says so, which no entry here has. With "nopat" the PAT register is what
 * it was at reset, and only two types are where they are with Linux.
 */
static void amd_cpu_caps(struct axas_npt_caps *caps)
{
	if (axas_npt_host() != AXAS_FORMAT_AMD)
		return;
	caps->default_gpa_bits = pgtable_l5_enabled() ? 57 : 48;
	caps->control_bits = BIT_ULL(caps->default_gpa_bits);
	if (cc_platform_has(CC_ATTR_HOST_MEM_ENCRYPT))
		caps->control_bits = 0;
	if (!pat_enabled())
		caps->memtypes = BIT(AXAS_MEM_WB) | BIT(AXAS_MEM_UC);
	if (!boot_cpu_has(X86_FEATURE_GBPAGES))
		caps->leaf_sizes &= ~(u64)SZ_1G;
	/* 5.4.1: the bits above are reserved; encryption takes some of them. */
	caps->hpa_bits = boot_cpu_data.x86_phys_bits;
}
#else
static void amd_cpu_caps(struct axas_npt_caps *caps)
{
}
#endif

static void amd_caps(struct axas_npt_caps *caps)
{
	*caps = (struct axas_npt_caps){
		.features = AXAS_FEAT_AD,
		.memtypes = BIT(AXAS_MEM_WB) | BIT(AXAS_MEM_WT) |
			    BIT(AXAS_MEM_WP) | BIT(AXAS_MEM_NC) |
			    BIT(AXAS_MEM_UC),
		.gpa_bits = BIT_ULL(48) | BIT_ULL(57),
		.control_bits = BIT_ULL(48) | BIT_ULL(57),
		.leaf_sizes = SZ_4K | SZ_2M | SZ_1G,
		.hpa_bits = 52,
		.default_gpa_bits = 48,
	};
	amd_cpu_caps(caps);
}

/* 15.25.3: nCR3, which has the root's address and nothing else. */
static int amd_control(const struct axas_npt *npt, u64 *value)
{
	if (!(npt->caps.control_bits & BIT_ULL(npt->gpa_bits)))
		return -EOPNOTSUPP;
	*value = axas_hal_virt_to_phys(npt->root).val;
	return 0;
}

#include "axas_npt_algo.h"

const struct axas_npt_ops axas_npt_amd_ops = {
	.format = AXAS_FORMAT_AMD,
	.name = "amd",
	.caps = amd_caps,
	.control = amd_control,
	NPT_ALGO_OPS,
};
