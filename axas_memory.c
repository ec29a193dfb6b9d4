// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's hand in guest memory.
 */
#include <linux/compiler.h>
#include <linux/export.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "axas_hold.h"
#include "axas_memory.h"

/* ---- the kernel's view of a piece of it ---- */

/* Bytes of linear memory that are mapped at a time. */
#define AXAS_VIEW_MAX	SZ_1M

/* User Mode Linux has no list of its RAM, by which memremap() would know it. */
static void *view_map(phys_addr_t start, size_t size)
{
	if (IS_ENABLED(CONFIG_UML))
		return pfn_valid(PHYS_PFN(start)) ? phys_to_virt(start) : NULL;
	return memremap(start, size, MEMREMAP_WB);
}

/**
 * axas_view_open - map a piece of guest memory
 * @view: with its memory filled in
 * @size: bytes wanted from the beginning of the page; there may be fewer
 *
 * What the space owns is in the kernel's linear map. Memory that was kept from
 * the kernel isn't, even where it has struct pages. Both are mapped by the type
 * that the area has, as the guest does it; a frame of the space is RAM for the
 * kernel whatever the guest takes it for.
 *
 * Context: may sleep.
 * Return: 0 or -EIO.
 */
int axas_view_open(struct axas_view *view, size_t size)
{
	const struct axas_memory *memory = &view->memory;
	phys_addr_t start = memory->hpa.val;

	view->addr = NULL;
	view->io = NULL;
	view->size = PAGE_SIZE;
	if (memory->attr.owned) {
		view->addr = page_address(memory->page);
	} else if (memory->attr.memtype == AXAS_MEM_WB) {
		view->size = min3(memory->left, PAGE_ALIGN(size),
				  AXAS_VIEW_MAX);
		view->addr = view_map(start, view->size);
	} else if (!axas_memory_is_alien(memory)) {
		view->io = memory->attr.memtype == AXAS_MEM_NC ?
				   ioremap_wc(start, PAGE_SIZE) :
				   ioremap(start, PAGE_SIZE);
	}
	return view->addr || view->io ? 0 : -EIO;
}

/**
 * axas_view_close - undo axas_view_open()
 * @view: what that returned 0 for; its page's reference stays the caller's
 *
 * Context: may sleep.
 */
void axas_view_close(struct axas_view *view)
{
	if (view->io)
		iounmap(view->io);
	else if (!view->memory.attr.owned)
		memunmap(view->addr);
}

/* ---- copying ---- */

/**
 * struct axas_hand - a call of axas_space_rw_iter()
 * @space: the space
 * @iter: the caller's memory
 * @bounce: a page of ours, once one is needed
 * @write: into guest memory
 * @access: what the area must allow for that
 */
struct axas_hand {
	struct axas_space *space;
	struct iov_iter *iter;
	void *bounce;
	bool write;
	unsigned int access;
};

/*
 * Straight between guest memory and the caller's, as far as that is there:
 * nobody waits for a page of the caller's under R. 0 if the other way has to be
 * gone.
 */
static ssize_t hand_copy(struct axas_hand *hand, const struct axas_view *view,
			 size_t offset, size_t n)
{
	if (view->io)
		return 0;
	pagefault_disable();
	n = hand->write ? copy_from_iter(view->addr + offset, n, hand->iter) :
			  copy_to_iter(view->addr + offset, n, hand->iter);
	pagefault_enable();
	return n;
}

/* Between guest memory and a page of ours. */
static ssize_t hand_move(struct axas_hand *hand, const struct axas_view *view,
			 size_t offset, size_t n)
{
	if (view->io && hand->write)
		memcpy_toio(view->io + offset, hand->bounce, n);
	else if (view->io)
		memcpy_fromio(hand->bounce, view->io + offset, n);
	else if (hand->write)
		memcpy(view->addr + offset, hand->bounce, n);
	else
		memcpy(hand->bounce, view->addr + offset, n);
	return n;
}

/* Under R, where nothing is taken from the table. */
static ssize_t hand_held(struct axas_hand *hand, const struct axas_view *view,
			 axas_gpa_t gpa, size_t n, bool bounce)
{
	size_t offset = offset_in_page(gpa.val);
	ssize_t ret;

	/* The leaf may have been split since. */
	n = min_t(u64, n, min_t(u64, view->size, view->memory.left) - offset);
	/* A guest may be at the same bytes: that is its own affair. */
	ret = data_race(bounce ? hand_move(hand, view, offset, n) :
				 hand_copy(hand, view, offset, n));
	if (hand->write)
		axas_space_wrote(hand->space, &view->memory, offset, ret);
	return ret;
}

/* Look again under R, and copy. */
static ssize_t hand_touch(struct axas_hand *hand, axas_gpa_t gpa, size_t n,
			  bool bounce, struct axas_view *view)
{
	struct rw_semaphore *hold = axas_hold_read(hand->space->hold);
	u8 memtype = view->memory.attr.memtype;
	ssize_t ret;

	if (!hold)
		return -EINTR;
	ret = axas_space_check_memory(hand->space, gpa, hand->access,
				      &view->memory);
	if (!ret && view->memory.attr.memtype != memtype)
		ret = -EAGAIN;
	if (!ret)
		ret = hand_held(hand, view, gpa, n, bounce);
	up_read(hold);
	return ret;
}

/* A page of the space's is in the kernel's linear map. */
static ssize_t hand_page(struct axas_hand *hand, axas_gpa_t gpa, size_t n,
			 bool bounce, struct axas_view *view)
{
	if (!view->memory.page || PageHWPoison(view->memory.page))
		return -EAGAIN;
	view->addr = page_address(view->memory.page);
	view->io = NULL;
	view->size = PAGE_SIZE;
	return hand_held(hand, view, gpa, n, bounce);
}

/* Bytes from gpa on, up to the end of its entry, that nobody has touched yet. */
static u64 hand_untouched(struct axas_space *space, axas_gpa_t gpa)
{
	const struct axas_npt *npt = &space->npt;
	u64 start = gpa.val, last = gpa.val;
	const struct axas_area *area;
	struct axas_npt_slot slot;
	struct axas_leaf leaf;

	guard(rcu)();
	/* One that is being replaced may have had a leaf. */
	if (axas_npt_get_ops(npt)->lookup(npt, gpa, &slot, &leaf) ||
	    axas_npt_missing(&slot) != -ENOENT)
		return 0;
	area = axas_tree_find(&space->areas, &start, &last);
	if (!area || !area->ops->zeroed ||
	    !(area->attr.prot & AXAS_PROT_READ || area->attr.rom))
		return 0;
	last = min(last, gpa.val | (axas_level_size(slot.level) - 1));
	return last - gpa.val + 1;
}

/* Read what nobody has touched: no frame has to be there for that. 0 as above. */
static size_t hand_zero(struct axas_hand *hand, size_t n, bool bounce)
{
	if (bounce) {
		memset(hand->bounce, 0, n);
		return n;
	}
	pagefault_disable();
	n = iov_iter_zero(min_t(size_t, n, AXAS_VIEW_MAX), hand->iter);
	pagefault_enable();
	return n;
}

/*
 * Under R nothing comes to where the entry is empty but what is written after it was
 * looked at. -ENOENT: it isn't known to be zero.
 */
static ssize_t hand_hole(struct axas_hand *hand, axas_gpa_t gpa, size_t n,
			 bool bounce)
{
	u64 untouched = hand_untouched(hand->space, gpa);

	return untouched ? hand_zero(hand, min_t(u64, n, untouched), bounce) :
			   -ENOENT;
}

/*
 * What is there, or isn't, while R is held: then it needs no reference. -EAGAIN, -ENOENT
 * or -EACCES: the other way.
 */
static ssize_t hand_quick(struct axas_hand *hand, axas_gpa_t gpa, size_t n,
			  bool bounce)
{
	struct rw_semaphore *hold = axas_hold_read(hand->space->hold);
	struct axas_view view;
	ssize_t ret;

	if (!hold)
		return -EINTR;
	ret = axas_space_find_memory(hand->space, gpa, hand->access,
				     &view.memory);
	if (!ret)
		ret = hand_page(hand, gpa, n, bounce, &view);
	else if (ret == -ENOENT && !hand->write)
		ret = hand_hole(hand, gpa, n, bounce);
	up_read(hold);
	return ret;
}

/* Whatever it is, with a reference or a mapping. -EAGAIN: it has changed meanwhile. */
static noinline ssize_t hand_slowly(struct axas_hand *hand, axas_gpa_t gpa,
				    size_t n, bool bounce)
{
	struct axas_view view;
	ssize_t ret;

	ret = axas_space_get_memory(hand->space, gpa, hand->access,
				    &view.memory);
	if (ret)
		return ret;
	ret = axas_view_open(&view, offset_in_page(gpa.val) + n);
	if (!ret) {
		ret = hand_touch(hand, gpa, n, bounce, &view);
		axas_view_close(&view);
	}
	if (view.memory.page)
		put_page(view.memory.page);
	return ret;
}

/* Copy what lies in one piece. */
static ssize_t hand_piece(struct axas_hand *hand, axas_gpa_t gpa, size_t n,
			  bool bounce)
{
	ssize_t ret = hand_quick(hand, gpa, n, bounce);

	return ret == -EAGAIN || ret == -ENOENT || ret == -EACCES ?
		       hand_slowly(hand, gpa, n, bounce) : ret;
}

/*
 * Bring in the page of the caller's memory that comes next, and no other, which
 * may never be needed. Return: another try may get somewhere.
 */
static bool hand_fault_in(struct axas_hand *hand)
{
	if (!user_backed_iter(hand->iter))
		return false;
	return !(hand->write ? fault_in_iov_iter_readable(hand->iter, 1) :
			       fault_in_iov_iter_writeable(hand->iter, 1));
}

/*
 * By way of a page of ours, where the caller's memory must be brought in first,
 * or guest memory isn't to be touched by any instruction. So each byte is either
 * copied or can't be.
 */
static ssize_t hand_bounce(struct axas_hand *hand, axas_gpa_t gpa, size_t n)
{
	ssize_t ret;

	n = min(n, PAGE_SIZE - offset_in_page(gpa.val));
	if (!hand->bounce)
		hand->bounce = (void *)__get_free_page(AXAS_GFP);
	if (!hand->bounce)
		return -ENOMEM;

	if (hand->write) {
		n = copy_from_iter(hand->bounce, n, hand->iter);
		if (!n)
			return -EFAULT;
		ret = hand_piece(hand, gpa, n, true);
		if (ret < 0)
			iov_iter_revert(hand->iter, n);
		return ret;
	}
	ret = hand_piece(hand, gpa, n, true);
	if (ret < 0)
		return ret;
	n = copy_to_iter(hand->bounce, ret, hand->iter);
	return n ? n : -EFAULT;
}

/**
 * axas_hold_make - see to it that a space has R
 * @space: the space
 *
 * From now on changes of the space wait for who holds it. One that hasn't waited
 * is over when the lock is had.
 *
 * Context: may sleep. Takes the space's lock the first time.
 * Return: 0, -ENOMEM or -EINTR.
 */
int axas_hold_make(struct axas_space *space)
{
	struct axas_hold *hold;
	int ret;

	/* Pairs with the release below: its locks are ready. */
	if (likely(smp_load_acquire(&space->hold)))
		return 0;
	hold = axas_hold_alloc();
	if (!hold)
		return -ENOMEM;
	ret = mutex_lock_killable(&space->lock);
	if (!ret) {
		if (!space->hold) {
			/* Pairs with the acquire above. */
			smp_store_release(&space->hold, hold);
			hold = NULL;
		}
		mutex_unlock(&space->lock);
	}
	kfree(hold);
	return ret;
}

/**
 * axas_space_rw_iter - copy to or from guest memory
 * @space: the space
 * @gpa: where in guest memory
 * @iter: the caller's memory, of the user or of the kernel; advanced
 * @write: into guest memory
 *
 * Pages come in where they are written for the first time; what nobody has touched
 * yet reads as zero, or comes in where its backend may have something else. Stops
 * short where the memory or the right ends.
 * No byte is copied after an axas_space_unmap(), axas_space_discard() or
 * axas_space_protect() has returned that took it away, however long the caller's
 * memory takes.
 *
 * Context: may sleep; mmap_lock may be held if @iter isn't memory of the user.
 * Takes the space's lock the first time.
 * Return: bytes copied, if there are any or none are wanted; otherwise -EFAULT
 * outside of areas, in a device, or if @iter is bad; -EACCES; -ENOMEM; -EINTR if
 * the caller is being killed; -EIO if the kernel can't map what lies there.
 */
ssize_t axas_space_rw_iter(struct axas_space *space, axas_gpa_t gpa,
			   struct iov_iter *iter, bool write)
{
	struct axas_hand hand = {
		.space = space,
		.iter = iter,
		.write = write,
		.access = AXAS_ACCESS_OWNER |
			  (write ? AXAS_PROT_WRITE : AXAS_PROT_READ),
	};
	ssize_t done = 0, ret = axas_hold_make(space);
	size_t n;

	while (ret >= 0 && (n = iov_iter_count(iter))) {
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
		ret = hand_piece(&hand, gpa, n, false);
		if (!ret && hand_fault_in(&hand))
			ret = hand_piece(&hand, gpa, n, false);
		if (!ret)
			ret = hand_bounce(&hand, gpa, n);
		if (ret == -EAGAIN)
			ret = 0;
		if (ret < 0)
			break;
		gpa.val += ret;
		done += ret;
	}
	free_page((unsigned long)hand.bounce);
	return done ? done : ret;
}
EXPORT_SYMBOL_GPL(axas_space_rw_iter);
