// SPDX-License-Identifier: GPL-2.0
/*
 * The HAL over the page allocator.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/pfn.h>
#include <linux/sched.h>

#include <axas/hal.h>

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

/* alloc_pages() reads policies even if the task has none of its own. */
static struct page *hal_alloc_pages(unsigned int order, int nid, gfp_t gfp)
{
	if (unlikely(hal_task_has_policy()) && nid == NUMA_NO_NODE)
		return alloc_pages(gfp, order);
	return alloc_pages_node(nid, gfp, order);
}

axas_hpa_t axas_hal_alloc_frame(unsigned int order, int nid, gfp_t gfp)
{
	struct page *page = hal_alloc_pages(order, nid, gfp | __GFP_NOWARN);

	if (!page)
		return AXAS_NO_FRAME;
	if (unlikely(order)) {
		split_page(page, order);
		this_cpu_add(hal_count, (1L << order) - 1);
	}
	this_cpu_inc(hal_count);
	return axas_hpa(PFN_PHYS(page_to_pfn(page)));
}
EXPORT_SYMBOL_GPL(axas_hal_alloc_frame);

void axas_hal_dealloc_frame(axas_hpa_t frame, unsigned int order)
{
	struct page *page = axas_hal_page(frame);
	unsigned long i;

	for (i = 0; i < 1UL << order; i++)
		__free_page(page + i);
	this_cpu_sub(hal_count, 1L << order);
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
