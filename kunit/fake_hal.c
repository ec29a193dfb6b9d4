// SPDX-License-Identifier: GPL-2.0
/*
 * A HAL that counts, checks and fails on demand.
 */
#include <linux/atomic.h>
#include <linux/pfn.h>
#include <linux/prandom.h>
#include <linux/random.h>
#include <linux/spinlock.h>

#include "fake_hal.h"

/* page_private() of a page that is out, xor its number. */
#define FAKE_HAL_MAGIC	0x5a1ad05eUL

static atomic_long_t hal_pages;
static atomic_long_t hal_allocs;
static atomic_long_t hal_failed;
static atomic_long_t hal_bad_frees;
static struct fake_hal_watch *hal_watch;

static DEFINE_SPINLOCK(hal_lock);
static struct fake_hal_fail hal_fail; /* under hal_lock */

/**
 * fake_hal_set_fail - choose the allocations that fail
 * @fail: which, or NULL for none
 */
void fake_hal_set_fail(const struct fake_hal_fail *fail)
{
	unsigned long flags;

	spin_lock_irqsave(&hal_lock, flags);
	hal_fail = fail ? *fail : (struct fake_hal_fail){};
	spin_unlock_irqrestore(&hal_lock, flags);
	atomic_long_set(&hal_failed, 0);
}

/**
 * fake_hal_set_watch - tell someone what happens
 * @watch: whom, or NULL for nobody
 */
void fake_hal_set_watch(struct fake_hal_watch *watch)
{
	/* What the watch holds is visible before it is. */
	smp_store_release(&hal_watch, watch);
}

/**
 * fake_hal_reset - nothing fails, nobody looks on, no mistake seen
 *
 * What an earlier test has leaked is no longer counted.
 */
void fake_hal_reset(void)
{
	fake_hal_set_fail(NULL);
	fake_hal_set_watch(NULL);
	atomic_long_set(&hal_pages, 0);
	atomic_long_set(&hal_allocs, 0);
	atomic_long_set(&hal_bad_frees, 0);
}

/**
 * fake_hal_failed - allocations that were made to fail
 *
 * Return: their number since fake_hal_set_fail().
 */
unsigned long fake_hal_failed(void)
{
	return atomic_long_read(&hal_failed);
}

/**
 * fake_hal_allocs - allocations, those that failed included
 *
 * Return: their number since fake_hal_reset().
 */
unsigned long fake_hal_allocs(void)
{
	return atomic_long_read(&hal_allocs);
}

/**
 * fake_hal_bad_frees - pages freed that were not out
 *
 * Return: their number since fake_hal_reset().
 */
unsigned long fake_hal_bad_frees(void)
{
	return atomic_long_read(&hal_bad_frees);
}

static struct fake_hal_watch *hal_watching(void)
{
	/* Pairs with fake_hal_set_watch(). */
	return smp_load_acquire(&hal_watch);
}

static unsigned long hal_mark(const struct page *page)
{
	return FAKE_HAL_MAGIC ^ page_to_pfn(page);
}

/* Of the first page of a frame that is whole. */
static unsigned long hal_whole_mark(const struct page *page)
{
	return ~hal_mark(page);
}

static bool hal_is_out(const struct page *page)
{
	return page_private(page) == hal_mark(page) ||
	       page_private(page) == hal_whole_mark(page);
}

/**
 * fake_hal_owns - has the page been handed out and not come back?
 * @hpa: address of the page
 *
 * Return: true if so.
 */
bool fake_hal_owns(axas_hpa_t hpa)
{
	unsigned long pfn = PHYS_PFN(hpa.val);

	return pfn_valid(pfn) && hal_is_out(pfn_to_page(pfn));
}

static bool hal_shall_fail(unsigned int order, gfp_t gfp)
{
	unsigned long flags;
	bool fail = false;

	if (gfp & __GFP_NOFAIL)
		return false;
	spin_lock_irqsave(&hal_lock, flags);
	if (hal_fail.nth && order >= hal_fail.min_order) {
		fail = hal_fail.nth == 1;
		if (!fail || !hal_fail.onwards)
			hal_fail.nth--;
	}
	if (hal_fail.one_in)
		fail |= !(get_random_u32() % hal_fail.one_in);
	spin_unlock_irqrestore(&hal_lock, flags);
	if (fail)
		atomic_long_inc(&hal_failed);
	return fail;
}

/**
 * fake_hal_shall_fail - is it the turn of an allocation elsewhere to fail?
 * @gfp: its flags
 *
 * Return: true if so.
 */
bool fake_hal_shall_fail(gfp_t gfp)
{
	return hal_shall_fail(0, gfp);
}

/* As the real one: nobody tests NUMA here, but what it gives is where it is wanted. */
static struct page *hal_alloc_pages(unsigned int order,
				    struct axas_place place, gfp_t gfp)
{
	nodemask_t nodes = { .bits = { place.nodes } };

	if (place.nid == NUMA_NO_NODE && !place.nodes)
		return alloc_pages(gfp, order);
	if (place.nid == NUMA_NO_NODE)
		place.nid = numa_mem_id();
	return __alloc_pages(gfp, order, place.nid,
			     place.nodes ? &nodes : NULL);
}

axas_hpa_t axas_hal_alloc_bound(unsigned int order, struct axas_place place,
				gfp_t gfp)
{
	gfp_t real = (gfp & ~__GFP_ZERO) | __GFP_NOWARN;
	struct fake_hal_watch *watch = hal_watching();
	struct page *page;
	unsigned long i;

	if (watch && watch->sleep && gfpflags_allow_blocking(gfp))
		watch->sleep(watch);
	atomic_long_inc(&hal_allocs);
	if (hal_shall_fail(order, gfp))
		return AXAS_NO_FRAME;
	page = hal_alloc_pages(order, place, real);
	if (!page)
		return AXAS_NO_FRAME;

	if (order && order != AXAS_ORDER_2M)
		split_page(page, order);
	memset(page_address(page), gfp & __GFP_ZERO ? 0 : FAKE_HAL_FRESH,
	       PAGE_SIZE << order);
	for (i = 0; i < 1UL << order; i++)
		set_page_private(page + i, hal_mark(page + i));
	if (order == AXAS_ORDER_2M)
		set_page_private(page, hal_whole_mark(page));
	atomic_long_add(1L << order, &hal_pages);
	return axas_hpa(PFN_PHYS(page_to_pfn(page)));
}

axas_hpa_t axas_hal_alloc_frame(unsigned int order, int nid, gfp_t gfp)
{
	return axas_hal_alloc_bound(order, (struct axas_place){ .nid = nid },
				    gfp);
}

bool axas_hal_is_whole(axas_hpa_t frame)
{
	const struct page *page = axas_hal_page(frame);

	/* Pairs with axas_hal_split_frame(). */
	return smp_load_acquire(&page->private) == hal_whole_mark(page);
}

void axas_hal_split_frame(axas_hpa_t frame)
{
	struct page *page = axas_hal_page(frame);

	if (!axas_hal_is_whole(frame))
		return;
	split_page(page, AXAS_ORDER_2M);
	/* Pairs with axas_hal_is_whole(). */
	smp_store_release(&page->private, hal_mark(page));
}

/* It goes by one call, or else its pages would be lost. */
static void hal_free_whole(struct page *page)
{
	unsigned long i;

	memset(page_address(page), FAKE_HAL_FREED, SZ_2M);
	for (i = 0; i < 1UL << AXAS_ORDER_2M; i++)
		set_page_private(page + i, 0);
	atomic_long_sub(1L << AXAS_ORDER_2M, &hal_pages);
	__free_pages(page, AXAS_ORDER_2M);
}

static void hal_free_page(struct page *page)
{
	if (page_private(page) != hal_mark(page)) {
		atomic_long_inc(&hal_bad_frees);
		return;
	}
	/* Somebody with a reference of his own may still read it. */
	if (page_count(page) == 1)
		memset(page_address(page), FAKE_HAL_FREED, PAGE_SIZE);
	set_page_private(page, 0);
	atomic_long_dec(&hal_pages);
	put_page(page);
}

void axas_hal_dealloc_frame(axas_hpa_t frame, unsigned int order)
{
	struct fake_hal_watch *watch = hal_watching();
	unsigned long pfn = PHYS_PFN(frame.val), i;

	if (watch && watch->free)
		watch->free(watch, frame, order);
	if (order == AXAS_ORDER_2M && pfn_valid(pfn) && axas_hal_is_whole(frame)) {
		hal_free_whole(pfn_to_page(pfn));
		return;
	}
	for (i = 0; i < 1UL << order; i++) {
		if (pfn_valid(pfn + i))
			hal_free_page(pfn_to_page(pfn + i));
		else
			atomic_long_inc(&hal_bad_frees);
	}
}

void axas_hal_dealloc_pages(struct page **pages, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		axas_hal_dealloc_frame(axas_hpa(PFN_PHYS(page_to_pfn(pages[i]))),
				       0);
}

void axas_hal_invalidate(struct list_head *holders, axas_gpa_t gpa, u64 size)
{
	struct fake_hal_watch *watch = hal_watching();
	struct axas_holder *holder;

	if (watch && watch->invalidate)
		watch->invalidate(watch, gpa, size);
	list_for_each_entry(holder, holders, node)
		holder->invalidate(holder, gpa, size);
}

void axas_hal_sync_frames(const axas_hpa_t *frames, unsigned int nr, u64 size,
			  unsigned int what)
{
	struct fake_hal_watch *watch = hal_watching();
	unsigned int i;

	for (i = 0; watch && watch->sync && i < nr; i++)
		watch->sync(watch, frames[i], size, what);
}

long axas_hal_pages(void)
{
	return atomic_long_read(&hal_pages);
}
