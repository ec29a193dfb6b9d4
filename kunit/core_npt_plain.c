// SPDX-License-Identifier: GPL-2.0
/*
 * A format as another module may bring it: it has what every format has, and nothing
 * for trackers. No CPU walks it.
 */
#include <linux/bitfield.h>

#include <axas/npt.h>

#include "track_plain.h"

/* A leaf has a right, a table has none. */
#define PLAIN_PRESENT	BIT_ULL(0)
#define PLAIN_RWX	GENMASK_ULL(3, 1)
#define PLAIN_OWNED	BIT_ULL(4)
#define PLAIN_ROM	BIT_ULL(5)
#define PLAIN_ADDR	GENMASK_ULL(51, 12)

#define FMT_SW_FULL		BIT_ULL(6)
#define FMT_PRESENT		PLAIN_PRESENT
#define FMT_BREAK_BEFORE_MAKE	0

static inline bool fmt_is_table(u64 entry, unsigned int level)
{
	return level > 1 && (entry & PLAIN_PRESENT) && !(entry & PLAIN_RWX);
}

static inline u64 fmt_table(axas_hpa_t hpa)
{
	return hpa.val | PLAIN_PRESENT;
}

static inline u64 fmt_attr(const struct axas_npt *npt, struct axas_attr attr)
{
	return PLAIN_PRESENT | FIELD_PREP(PLAIN_RWX, attr.prot) |
	       (attr.owned ? PLAIN_OWNED : 0) | (attr.rom ? PLAIN_ROM : 0);
}

static inline u64 fmt_leaf(u64 shared, axas_hpa_t hpa, unsigned int level)
{
	return shared | hpa.val;
}

static inline axas_hpa_t fmt_hpa(u64 entry, unsigned int level)
{
	return axas_hpa(entry & PLAIN_ADDR);
}

static inline bool fmt_owned(u64 entry)
{
	return entry & PLAIN_OWNED;
}

static inline unsigned int fmt_prot(const struct axas_npt *npt, u64 entry)
{
	return FIELD_GET(PLAIN_RWX, entry);
}

static inline u64 fmt_set_prot(const struct axas_npt *npt, u64 entry,
			       unsigned int prot)
{
	return (entry & ~PLAIN_RWX) | FIELD_PREP(PLAIN_RWX, prot);
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
	return 0;
}

static inline void fmt_decode(const struct axas_npt *npt, u64 entry,
			      struct axas_leaf *leaf)
{
	leaf->attr.prot = fmt_prot(npt, entry);
	leaf->attr.memtype = AXAS_MEM_WB;
	leaf->attr.ignore_pat = false;
	leaf->attr.rom = entry & PLAIN_ROM;
	leaf->accessed = false;
	leaf->dirty = false;
}

static inline unsigned int fmt_sync(u64 entry)
{
	return 0;
}

static inline void fmt_setup(struct axas_npt *npt)
{
	npt->levels = (npt->gpa_bits - 12) / 9;
	npt->root_order = 0;
}

static void plain_caps(struct axas_npt_caps *caps)
{
	*caps = (struct axas_npt_caps){
		.memtypes = BIT(AXAS_MEM_WB),
		.gpa_bits = BIT_ULL(48),
		.leaf_sizes = SZ_4K | SZ_2M | SZ_1G,
		.hpa_bits = 52,
		.default_gpa_bits = 48,
	};
}

static int plain_control(const struct axas_npt *npt, u64 *value)
{
	return -EOPNOTSUPP;
}

#include "../axas_npt_algo.h"

const struct axas_npt_ops axas_npt_plain_ops = {
	.format = TRACK_PLAIN,
	.name = "plain",
	.caps = plain_caps,
	.control = plain_control,
	NPT_ALGO_OPS,
};
