// SPDX-License-Identifier: GPL-2.0
/*
 * Entries by the letter of the manuals: Intel SDM volume 3C, 29.3.2; AMD APM
 * volume 2, 5.4; Arm ARM DDI 0487, D8.3. Bits are literal numbers on purpose: what the module calls
 * them plays no part.
 */
#include "hw.h"

static bool raw_ept(const struct axas_npt *npt)
{
	return npt->ops->format == AXAS_FORMAT_EPT;
}

static bool raw_s2(const struct axas_npt *npt)
{
	return npt->ops->format == AXAS_FORMAT_S2;
}

/**
 * hw_raw_present - does a CPU follow an entry?
 * @npt: its table
 * @entry: the entry
 *
 * Return: EPT: any of bits 2:0 is set, or bit 10 where it has a meaning. AMD, stage 2:
 * bit 0 is set.
 */
bool hw_raw_present(const struct axas_npt *npt, u64 entry)
{
	bool user = npt->features & AXAS_FEAT_EXEC_USER;

	return entry & (!raw_ept(npt) ? 1 : user ? 0x407 : 7);
}

/**
 * hw_raw_flags - the accessed and dirty flags of a leaf
 * @npt: its table
 * @entry: the leaf
 * @flags: out: HW_ACCESSED and HW_DIRTY
 *
 * EPT: bits 8 and 9. AMD: bits 5 and 6. Stage 2: bit 10, and bit 7 where bit 51 is set; a leaf that
 * has lost its permission to be written says nothing.
 *
 * Return: false if the leaf doesn't say whether it is dirty.
 */
bool hw_raw_flags(const struct axas_npt *npt, u64 entry, unsigned int *flags)
{
	if (raw_ept(npt)) {
		*flags = (entry & BIT_ULL(8) ? HW_ACCESSED : 0) |
			 (entry & BIT_ULL(9) ? HW_DIRTY : 0);
		return true;
	}
	if (!raw_s2(npt)) {
		*flags = (entry & BIT_ULL(5) ? HW_ACCESSED : 0) |
			 (entry & BIT_ULL(6) ? HW_DIRTY : 0);
		return true;
	}
	*flags = (entry & BIT_ULL(10) ? HW_ACCESSED : 0) |
		 (entry & BIT_ULL(51) && entry & BIT_ULL(7) ? HW_DIRTY : 0);
	return *flags & HW_DIRTY;
}

static bool raw_is_table(const struct axas_npt *npt, u64 entry,
			 unsigned int level)
{
	if (level == 1 || !hw_raw_present(npt, entry))
		return false;
	return raw_s2(npt) ? entry & BIT_ULL(1) : !(entry & BIT_ULL(7));
}

/*
 * Where an entry that leads to a table points. Stage 2: bits 47:12; with LPA2 49:12, and bits
 * 51:50 of the address in 9:8.
 */
static u64 raw_addr(const struct axas_npt *npt, u64 entry)
{
	if (!raw_s2(npt))
		return entry & GENMASK_ULL(51, 12);
	if (!(npt->features & AXAS_FEAT_LPA2))
		return entry & GENMASK_ULL(47, 12);
	return (entry & GENMASK_ULL(49, 12)) | (entry & GENMASK_ULL(9, 8)) << 42;
}

/**
 * hw_raw_walk - read the entries that a CPU meets
 * @npt: the table
 * @gpa: the address
 * @walk: out: the entries
 */
void hw_raw_walk(const struct axas_npt *npt, u64 gpa, struct hw_walk *walk)
{
	unsigned int level = npt->levels;
	u64 *ptr = npt->root + (gpa >> (12 + 9 * (level - 1)));

	walk->nr = 0;
	for (;;) {
		u64 entry = READ_ONCE(*ptr);

		walk->ptrs[walk->nr] = ptr;
		walk->entries[walk->nr] = entry;
		walk->levels[walk->nr++] = level;
		if (!raw_is_table(npt, entry, level))
			return;
		level--;
		ptr = __va(raw_addr(npt, entry));
		ptr += gpa >> (12 + 9 * (level - 1)) & 511;
	}
}
