// SPDX-License-Identifier: GPL-2.0
/*
 * The HAL over the page allocator.
 */
#include <linux/bitfield.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/pfn.h>
#include <linux/sched.h>
#ifdef CONFIG_ARM64
#include <asm/cacheflush.h>
#include <asm/cpufeature.h>
#endif

#include <axas/compat.h>
#include <axas/hal.h>

/* page_private() of the first page of a frame of 2 MiB that is one allocation. */
#define HAL_WHOLE	0xa2a5UL

/* Pages allocated less pages freed on each CPU; only the sum means anything. */
static DEFINE_PER_CPU(long, hal_count);

long axas_hal_pages(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(hal_count, cpu);
	return sum;
}

#ifdef CONFIG_NUMA
static bool hal_task_has_policy(void)
{
	return current->mempolicy;
}
#else
static bool hal_task_has_policy(void)
{
	return false;
}
#endif

/* From the node of the set that is nearest to the first; from no other. */
static struct page *hal_alloc_bound(unsigned int order,
				    struct axas_place place, gfp_t gfp)
{
	nodemask_t nodes = { .bits = { place.nodes } };

	if (place.nid == NUMA_NO_NODE)
		place.nid = numa_mem_id();
	return __alloc_pages(gfp, order, place.nid, &nodes);
}

/* alloc_pages() reads policies even if the task has none of its own. */
static struct page *hal_alloc_pages(unsigned int order, int nid, gfp_t gfp)
{
	if (unlikely(hal_task_has_policy()) && nid == NUMA_NO_NODE)
		return alloc_pages(gfp, order);
	return alloc_pages_node(nid, gfp, order);
}

/* But in one of 2 MiB each page is one. */
static inline axas_hpa_t hal_frame(struct page *page, unsigned int order)
{
	if (!page)
		return AXAS_NO_FRAME;
	if (unlikely(order)) {
		if (order == AXAS_ORDER_2M)
			set_page_private(page, HAL_WHOLE);
		else
			split_page(page, order);
		this_cpu_add(hal_count, (1L << order) - 1);
	}
	this_cpu_inc(hal_count);
	return axas_hpa(PFN_PHYS(page_to_pfn(page)));
}

axas_hpa_t axas_hal_alloc_frame(unsigned int order, int nid, gfp_t gfp)
{
	return hal_frame(hal_alloc_pages(order, nid, gfp | __GFP_NOWARN), order);
}
EXPORT_SYMBOL_GPL(axas_hal_alloc_frame);

axas_hpa_t axas_hal_alloc_bound(unsigned int order, struct axas_place place,
				gfp_t gfp)
{
	return hal_frame(hal_alloc_bound(order, place, gfp | __GFP_NOWARN),
			 order);
}
EXPORT_SYMBOL_GPL(axas_hal_alloc_bound);

static bool hal_is_whole(const struct page *page)
{
	/* The pages have references when it isn't. Pairs with hal_split(). */
	return smp_load_acquire(&page->private) == HAL_WHOLE;
}

bool axas_hal_is_whole(axas_hpa_t frame)
{
	return hal_is_whole(axas_hal_page(frame));
}
EXPORT_SYMBOL_GPL(axas_hal_is_whole);

static void hal_split(struct page *page)
{
	split_page(page, AXAS_ORDER_2M);
	/* Pairs with hal_is_whole(). */
	smp_store_release(&page->private, 0);
}

void axas_hal_split_frame(axas_hpa_t frame)
{
	struct page *page = axas_hal_page(frame);

	if (hal_is_whole(page))
		hal_split(page);
}
EXPORT_SYMBOL_GPL(axas_hal_split_frame);

/* The allocator keeps a page that has failed only if it comes alone. */
static bool hal_has_failed(struct page *page)
{
	struct page *end = page + (1U << AXAS_ORDER_2M);

	unrolled_count(8)
	for (; page < end; page++)
		if (PageHWPoison(page))
			return true;
	return false;
}

/* Return: false if its pages have to be freed alone. */
static bool hal_free_whole(struct page *page)
{
	/* Whoever goes through all pages there are may have taken this one. */
	if (likely(page_count(page) == 1 && !hal_has_failed(page))) {
		set_page_private(page, 0);
		__free_pages(page, AXAS_ORDER_2M);
		return true;
	}
	hal_split(page);
	return false;
}

void axas_hal_dealloc_frame(axas_hpa_t frame, unsigned int order)
{
	struct page *page = axas_hal_page(frame);
	unsigned long i;

	this_cpu_sub(hal_count, 1L << order);
	if (order == AXAS_ORDER_2M && hal_is_whole(page) && hal_free_whole(page))
		return;
	for (i = 0; i < 1UL << order; i++)
		__free_page(page + i);
}
EXPORT_SYMBOL_GPL(axas_hal_dealloc_frame);

void axas_hal_dealloc_pages(struct page **pages, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		__free_page(pages[i]);
	this_cpu_sub(hal_count, nr);
}
EXPORT_SYMBOL_GPL(axas_hal_dealloc_pages);

void axas_hal_invalidate(struct list_head *holders, axas_gpa_t gpa, u64 size)
{
	struct axas_holder *holder;

	list_for_each_entry(holder, holders, node)
		holder->invalidate(holder, gpa, size);
}
EXPORT_SYMBOL_GPL(axas_hal_invalidate);

#ifdef CONFIG_ARM64
/* D24.2: CTR_EL0: log2 of the words in the smallest line; how code is indexed. */
#define CTR_DMINLINE	GENMASK_ULL(19, 16)
#define CTR_L1IP_FIELD	GENMASK_ULL(15, 14)
#define CTR_L1IP_PIPT	3

/* To the point of coherency; whoever calls waits for the end of it. */
static void hal_clean(unsigned long start, unsigned long end, u64 ctr)
{
	unsigned long line = 4UL << FIELD_GET(CTR_DMINLINE, ctr);

	for (start = ALIGN_DOWN(start, line); start < end; start += line)
		asm volatile("dc civac, %0" : : "r" (start) : "memory");
}

/*
 * The kernel's function does what CTR_EL0 doesn't spare it, by address: lines of
 * an instruction cache that goes by virtual index may have others.
 */
static void hal_sync_code(unsigned long start, unsigned long end, u64 ctr)
{
	caches_clean_inval_pou(start, end);
	if (FIELD_GET(CTR_L1IP_FIELD, ctr) != CTR_L1IP_PIPT)
		icache_inval_all_pou();
}

void axas_hal_sync_frames(const axas_hpa_t *frames, unsigned int nr, u64 size,
			  unsigned int what)
{
	u64 ctr = read_sanitised_ftr_reg(SYS_CTR_EL0);
	unsigned long start;
	unsigned int i;

	if (what & AXAS_SYNC_DATA) {
		for (i = 0; i < nr; i++) {
			start = (unsigned long)axas_hal_phys_to_virt(frames[i]);
			hal_clean(start, start + size, ctr);
		}
		dsb(sy);
	}
	for (i = 0; what & AXAS_SYNC_CODE && i < nr; i++) {
		start = (unsigned long)axas_hal_phys_to_virt(frames[i]);
		hal_sync_code(start, start + size, ctr);
	}
}
EXPORT_SYMBOL_GPL(axas_hal_sync_frames);
#endif
