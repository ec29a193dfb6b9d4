// SPDX-License-Identifier: GPL-2.0
/*
 * Getting at a page of guest memory.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "axas_memory.h"
#include "axas_track.h"

/* What a leaf says of the page around gpa. */
static void memory_set(struct axas_memory *memory, const struct axas_leaf *leaf,
		       axas_gpa_t gpa)
{
	u64 size = axas_level_size(leaf->level);
	u64 offset = gpa.val & PAGE_MASK & (size - 1);

	memory->attr = leaf->attr;
	memory->hpa = axas_hpa(leaf->hpa.val + offset);
	memory->left = size - offset;
}

/* The owner gets what it asks for where a guest does not. */
static bool memory_denies(struct axas_memory *memory, unsigned int access)
{
	unsigned int more = access & AXAS_PROT_ALL & ~memory->attr.prot;

	if (likely(!more))
		return false;
	memory->attr.prot |= more;
	return !memory->attr.rom || !(access & AXAS_ACCESS_OWNER) ||
	       more & AXAS_PROT_FETCH;
}

/* What there is, without a reference. -ENOENT, or -EACCES with it filled in. */
static __always_inline int
memory_look(struct axas_space *space, axas_gpa_t gpa, unsigned int access,
	    struct axas_npt_slot *slot, struct axas_memory *memory)
{
	struct axas_npt *npt = &space->npt;
	struct axas_leaf leaf;

	/* A fault also knows what to do where the entry is being replaced. */
	if (!axas_npt_get_ops(npt)->lookup(npt, gpa, slot, &leaf))
		return -ENOENT;
	memory_set(memory, &leaf, gpa);
	/* Others may have a struct page too, but none that counts for anyone. */
	memory->page = leaf.attr.owned ? axas_hal_page(memory->hpa) : NULL;
	return memory_denies(memory, access) ? -EACCES : 0;
}

/*
 * Find the leaf and take a reference of its page, all under one RCU section.
 * The entry is read again afterwards: if it hasn't changed, the reference was
 * taken while the entry still held its own. -EMLINK: the page has none to be had.
 */
static int memory_try(struct axas_space *space, axas_gpa_t gpa,
		      unsigned int access, struct axas_memory *memory)
{
	struct axas_npt_slot slot;
	axas_hpa_t frame;
	int ret;

	guard(rcu)();
	ret = memory_look(space, gpa, access, &slot, memory);
	if (ret || !memory->page)
		return ret;
	frame = axas_hpa(memory->hpa.val & -axas_level_size(slot.level));
	if (slot.level > 1 && axas_hal_is_whole(frame))
		return -EMLINK;
	if (!get_page_unless_zero(memory->page))
		return -EAGAIN;
	if (READ_ONCE(*slot.ptr) != slot.old) {
		put_page(memory->page);
		return -EAGAIN;
	}
	return 0;
}

/* Who frees a frame has the lock, too. */
static int memory_split_frame(struct axas_space *space, axas_gpa_t gpa)
{
	int ret = mutex_lock_killable(&space->lock);
	struct axas_leaf leaf;

	if (ret)
		return ret;
	if (!axas_npt_lookup(&space->npt, gpa, &leaf) && leaf.attr.owned &&
	    leaf.level > 1)
		axas_hal_split_frame(leaf.hpa);
	mutex_unlock(&space->lock);
	return -EAGAIN;
}

/*
 * Why there is no memory where an access was denied. The owner may do what a guest
 * may not: if a guest may do anything there, that brings the memory in.
 */
static int memory_denied(struct axas_space *space, axas_gpa_t gpa,
			 unsigned int access, unsigned int *touch)
{
	MA_STATE(mas, &space->areas.mt, gpa.val, gpa.val);
	const struct axas_area *area;

	guard(rcu)();
	area = mas_walk(&mas);
	if (area && area->attr.rom && access & AXAS_ACCESS_OWNER) {
		*touch = area->attr.prot;
		return 0;
	}
	return area && area->ops->id == AXAS_BACKEND_DEVICE ? -EFAULT : -EACCES;
}

/* Nobody has told the space yet. The page is given back. */
static noinline int memory_poisoned(struct axas_space *space, axas_gpa_t gpa,
				    const struct axas_memory *memory)
{
	put_page(memory->page);
	axas_space_poison(space, axas_gpa(gpa.val & PAGE_MASK), memory->hpa);
	return -EHWPOISON;
}

/**
 * axas_space_get_memory - get at a page of guest memory
 * @space: the space
 * @gpa: any address in the page
 * @access: &enum axas_prot bits that the area must allow, with %AXAS_ACCESS_OWNER if
 *	it isn't a guest's, and %AXAS_ACCESS_THERE if only what is there is wanted
 * @memory: out: the page; the caller drops its reference with put_page()
 *
 * A page that isn't there yet comes from the area's backend. What is returned
 * may be unmapped at any time; the reference keeps the frame alive. Whoever only
 * wants to copy calls axas_space_rw_iter().
 *
 * Context: may sleep. Takes the space's lock if the page's memory has failed, and the
 * first time in a frame of 2 MiB.
 * Return: 0; -EFAULT outside of areas and in devices; -EACCES; -ENOMEM;
 * -EHWPOISON; -EINTR where the lock is taken or writes are noticed; -ENOENT, with
 * %AXAS_ACCESS_THERE and for whatever reason, if there is no leaf.
 */
int axas_space_get_memory(struct axas_space *space, axas_gpa_t gpa,
			  unsigned int access, struct axas_memory *memory)
{
	unsigned int touch = access & AXAS_PROT_ALL;
	int ret;

	if (!axas_range_in(gpa.val, 1, space->base, space->length))
		return -EFAULT;
	for (;;) {
		ret = memory_try(space, gpa, access, memory);
		if (ret == -EMLINK)
			ret = memory_split_frame(space, gpa);
		if (ret == -EAGAIN) {
			cond_resched();
			continue;
		}
		if (!ret && memory->page && PageHWPoison(memory->page))
			return memory_poisoned(space, gpa, memory);
		if (ret == -EACCES && READ_ONCE(space->npt.tracked)) {
			ret = axas_track_open(space, gpa, access);
			if (!ret || ret == -EAGAIN)
				continue;
		}
		if (ret != -ENOENT || access & AXAS_ACCESS_THERE)
			return ret;
		switch (axas_fault_own(space, gpa, touch)) {
		case AXAS_FAULT_RESOLVED:
		case AXAS_FAULT_SPURIOUS:
			continue;
		case AXAS_FAULT_DENIED:
			ret = memory_denied(space, gpa, access, &touch);
			if (ret)
				return ret;
			continue;
		case AXAS_FAULT_NO_MEMORY:
			return -ENOMEM;
		case AXAS_FAULT_POISONED:
			return -EHWPOISON;
		default:
			return -EFAULT;
		}
	}
}
EXPORT_SYMBOL_GPL(axas_space_get_memory);

/**
 * axas_space_find_memory - what there is of guest memory
 * @space: the space
 * @gpa: as for axas_space_get_memory()
 * @access: as for axas_space_get_memory()
 * @memory: out: the page, without a reference
 *
 * Context: any. It stays as it is while R is held.
 * Return: 0; -EFAULT outside of the space; -ENOENT if there is no leaf; -EACCES.
 */
int axas_space_find_memory(struct axas_space *space, axas_gpa_t gpa,
			   unsigned int access, struct axas_memory *memory)
{
	struct axas_npt_slot slot;

	if (!axas_range_in(gpa.val, 1, space->base, space->length))
		return -EFAULT;
	guard(rcu)();
	return memory_look(space, gpa, access, &slot, memory);
}

/**
 * axas_space_check_memory - is what was got still what the table says?
 * @space: the space
 * @gpa: as for axas_space_get_memory()
 * @access: as for axas_space_get_memory()
 * @memory: what it returned; out: what the leaf allows now, and how far
 *
 * Context: any. Whoever makes a translation of its own from the answer holds
 * the page's lock, or a lock that its invalidation takes, from here until the
 * translation can be found by the invalidation.
 * Return: 0; -EAGAIN if it has changed, or is to be noticed; -EACCES if the access isn't
 * allowed any more. @memory is as it was then.
 */
int axas_space_check_memory(struct axas_space *space, axas_gpa_t gpa,
			    unsigned int access, struct axas_memory *memory)
{
	struct axas_memory now;
	struct axas_leaf leaf;

	if (axas_npt_lookup(&space->npt, gpa, &leaf))
		return -EAGAIN;
	memory_set(&now, &leaf, gpa);
	if (now.hpa.val != memory->hpa.val ||
	    now.attr.owned != memory->attr.owned)
		return -EAGAIN;
	if (memory_denies(&now, access))
		return READ_ONCE(space->npt.tracked) ? -EAGAIN : -EACCES;
	memory->attr = now.attr;
	memory->left = now.left;
	return 0;
}
EXPORT_SYMBOL_GPL(axas_space_check_memory);
