/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an entry is that isn't valid, in every format.
 */
#ifndef _AXAS_NPT_ENTRY_H
#define _AXAS_NPT_ENTRY_H

#include <linux/bits.h>
#include <linux/minmax.h>
#include <linux/types.h>

#include <axas/hal.h>

/*
 * An entry that somebody is about to replace. It isn't present in any format,
 * and an empty one is 0 or an epoch, which leaves the low 12 bits clear.
 */
#define AXAS_NPT_FROZEN	BIT_ULL(11)

/*
 * An entry of level 1 whose page's memory has failed: no place for a fault. It
 * isn't present either. Bit 10 would be, in an EPT with mode-based execution.
 */
#define AXAS_NPT_POISONED	BIT_ULL(9)

/* Bits of an epoch that an entry holds. */
#define AXAS_EPOCH_BITS	46

/**
 * axas_npt_empty - what an entry becomes that a change leaves empty
 * @epoch: the epoch of the change
 *
 * A CPU with L1TF goes on with the address in an entry that isn't present, as
 * far as its cache. So the five highest bits of what a cache is looked up with
 * are set, where no machine has memory. The epoch lies around them, in bits 62:12.
 *
 * Return: the entry.
 */
static inline u64 axas_npt_empty(u64 epoch)
{
	unsigned int top = min_t(unsigned int, AXAS_HAL_CACHE_BITS, 52) - 5;
	u64 bits = (epoch & (BIT_ULL(AXAS_EPOCH_BITS) - 1)) << 12;
	u64 low = bits & (BIT_ULL(top) - 1);

	return low | (bits - low) << 5 | 31ULL << top;
}

#endif /* _AXAS_NPT_ENTRY_H */
