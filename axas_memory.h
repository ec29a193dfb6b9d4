/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_MEMORY_H
#define _AXAS_MEMORY_H

#include <linux/mm.h>
#include <linux/pfn.h>

#include <axas/space.h>

/**
 * struct axas_view - the kernel's own mapping of a piece of guest memory
 * @memory: the page that it begins with
 * @addr: where it is, if it is memory that can be copied like any other
 * @io: where it is, if it isn't
 * @size: bytes
 */
struct axas_view {
	struct axas_memory memory;
	void *addr;
	void __iomem *io;
	size_t size;
};

/* axas_fault.c */
enum axas_fault_result axas_fault_own(struct axas_space *space, axas_gpa_t gpa,
				      unsigned int access);

/* axas_page.c */
int axas_space_find_memory(struct axas_space *space, axas_gpa_t gpa,
			   unsigned int access, struct axas_memory *memory);

/* axas_memory.c */
int axas_view_open(struct axas_view *view, size_t size);
void axas_view_close(struct axas_view *view);

/**
 * axas_memory_is_alien - is it RAM of somebody else?
 * @memory: a page
 *
 * Return: true if it isn't the space's, and not memory that was kept from the
 * kernel or a device's either.
 */
static inline bool axas_memory_is_alien(const struct axas_memory *memory)
{
	unsigned long pfn = PHYS_PFN(memory->hpa.val);

	return !memory->attr.owned && pfn_valid(pfn) &&
	       !PageReserved(pfn_to_page(pfn));
}

#endif /* _AXAS_MEMORY_H */
