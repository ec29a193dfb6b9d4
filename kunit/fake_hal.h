/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_KUNIT_FAKE_HAL_H
#define _AXAS_KUNIT_FAKE_HAL_H

#include <axas/hal.h>

/**
 * DOC: The fake HAL
 *
 * Real pages, so that addresses convert as they do in axas.ko, but each page
 * that it hands out is marked, counted, filled with a pattern when the caller
 * doesn't ask for zeros, and filled with another one before it goes back.
 */

/* What a page holds that was allocated without __GFP_ZERO, and a freed one. */
#define FAKE_HAL_FRESH	0xa5
#define FAKE_HAL_FREED	0x6b

/**
 * struct fake_hal_watch - someone who looks on
 * @free: memory is about to be freed
 * @invalidate: holders are about to be told; comes before any of them is
 * @sleep: an allocation is about to be made by someone who may sleep
 * @sync: what a frame holds is about to be seen by all, &enum axas_sync says how
 *
 * Each may be NULL. @free may be called from an RCU callback.
 */
struct fake_hal_watch {
	void (*free)(struct fake_hal_watch *watch, axas_hpa_t hpa,
		     unsigned int order);
	void (*invalidate)(struct fake_hal_watch *watch, axas_gpa_t gpa,
			   u64 size);
	void (*sleep)(struct fake_hal_watch *watch);
	void (*sync)(struct fake_hal_watch *watch, axas_hpa_t hpa, u64 size,
		     unsigned int what);
};

/**
 * struct fake_hal_fail - which allocations fail; those that may not aren't
 *	counted
 * @nth: the n-th from now on, counted from 1; 0 for none
 * @onwards: and all after it
 * @min_order: count allocations of at least this order only
 * @one_in: fail at random, one in so many; 0 for none
 */
struct fake_hal_fail {
	unsigned long nth;
	bool onwards;
	unsigned int min_order;
	unsigned int one_in;
};

void fake_hal_reset(void);
void fake_hal_set_fail(const struct fake_hal_fail *fail);
void fake_hal_set_watch(struct fake_hal_watch *watch);
unsigned long fake_hal_failed(void);
unsigned long fake_hal_allocs(void);
unsigned long fake_hal_bad_frees(void);
bool fake_hal_owns(axas_hpa_t hpa);
bool fake_hal_shall_fail(gfp_t gfp);

/* The real HAL, compiled into this module under other names. */
axas_hpa_t linux_hal_alloc_frame(unsigned int order, int nid, gfp_t gfp);
axas_hpa_t linux_hal_alloc_bound(unsigned int order, struct axas_place place,
				 gfp_t gfp);
void linux_hal_dealloc_frame(axas_hpa_t frame, unsigned int order);
bool linux_hal_is_whole(axas_hpa_t frame);
void linux_hal_split_frame(axas_hpa_t frame);
long linux_hal_pages(void);
void linux_hal_sync_frames(const axas_hpa_t *frames, unsigned int nr, u64 size,
			   unsigned int what);

#endif /* _AXAS_KUNIT_FAKE_HAL_H */
