/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_ADDR_H
#define _AXAS_ADDR_H

#include <linux/align.h>
#include <linux/limits.h>
#include <linux/sizes.h>
#include <linux/types.h>

/**
 * DOC: Addresses
 *
 * Each kind of address is a type of its own, so that one kind passed for
 * another doesn't compile. A host virtual address is a pointer.
 */

/**
 * typedef axas_gpa_t - guest physical address
 *
 * What nested paging translates from: the Intel manual's guest-physical
 * address, Arm's intermediate physical address.
 */
typedef struct {
	u64 val;
} axas_gpa_t;

/**
 * typedef axas_hpa_t - host physical address
 *
 * What nested paging translates to.
 */
typedef struct {
	u64 val;
} axas_hpa_t;

/**
 * typedef axas_gva_t - guest virtual address
 *
 * Known to the guest's own tables only; a hypervisor reports it with a fault.
 */
typedef struct {
	u64 val;
} axas_gva_t;

static inline axas_gpa_t axas_gpa(u64 val)
{
	return (axas_gpa_t){ val };
}

static inline axas_hpa_t axas_hpa(u64 val)
{
	return (axas_hpa_t){ val };
}

static inline axas_gva_t axas_gva(u64 val)
{
	return (axas_gva_t){ val };
}

/**
 * axas_range_ok - is [start, start + size) a page-aligned, non-empty range?
 * @start: bytes
 * @size: bytes
 *
 * Return: false if anything is misaligned or empty. A range that wraps is for
 * axas_range_in() to find.
 */
static inline bool axas_range_ok(u64 start, u64 size)
{
	return size && IS_ALIGNED(start | size, SZ_4K);
}

/**
 * axas_range_in - does [base, base + limit) contain [start, start + size)?
 * @start: bytes
 * @size: bytes
 * @base: bytes; base + limit must not wrap
 * @limit: bytes
 *
 * Return: false also when start + size wraps.
 */
static inline bool axas_range_in(u64 start, u64 size, u64 base, u64 limit)
{
	/* What lies below base is farther from it than limit, the way round. */
	return size <= limit && start - base <= limit - size;
}

#endif /* _AXAS_ADDR_H */
