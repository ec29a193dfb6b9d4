// SPDX-License-Identifier: GPL-2.0
/*
 * A guest physical address space: its areas and its table.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <axas/space.h>
#include <axas/trace.h>

#include "axas_alias.h"
#include "axas_area.h"
#include "axas_hold.h"
#include "axas_track.h"

#define AXAS_FEAT_ALL	(AXAS_FEAT_EXEC_ONLY | AXAS_FEAT_AD | AXAS_FEAT_FWB | \
			 AXAS_FEAT_LPA2 | AXAS_FEAT_EXEC_USER)

/* ---- birth and death ---- */

static int space_init_npt(struct axas_space *space,
			  const struct axas_create *args)
{
	struct axas_npt *npt = &space->npt;
	unsigned int bits = args->gpa_bits;

	npt->ops = axas_format_get(args->format);
	if (!npt->ops || args->features & ~AXAS_FEAT_ALL)
		return -EINVAL;
	npt->ops = axas_npt_with(npt->ops, args->features);
	npt->ops->caps(&npt->caps);
	/* An entry has to hold whatever the allocator may return. */
	if ((axas_hal_memory_end() - 1) >> npt->caps.hpa_bits)
		return -EOPNOTSUPP;
	if (!bits)
		bits = npt->caps.default_gpa_bits;
	if (bits >= 64 || !(npt->caps.gpa_bits & BIT_ULL(bits)) ||
	    args->features & ~npt->caps.features)
		return -EOPNOTSUPP;

	space->base = args->base;
	space->length = args->length;
	if (!IS_ALIGNED(args->base | args->length, SZ_4K))
		return -EINVAL;
	if (!space->length && space->base < BIT_ULL(bits))
		space->length = BIT_ULL(bits) - space->base;
	if (!space->length ||
	    !axas_range_in(space->base, space->length, 0, BIT_ULL(bits)))
		return -ERANGE;

	npt->lock = &space->lock;
	npt->gpa_bits = bits;
	npt->features = args->features;
	return npt->ops->init(npt);
}

/* Numbers of spaces begin with 1 and aren't used twice. */
static atomic64_t space_last_id;

static struct axas_space *space_create(const struct axas_create *args)
{
	struct axas_space *space __free(kfree) =
		kzalloc(sizeof(*space), AXAS_GFP);
	int ret;

	if (!space)
		return ERR_PTR(-ENOMEM);
	mutex_init(&space->lock);
	seqcount_init(&space->main_area.seq);
	axas_tree_init(&space->areas, &axas_area_tree_ops);
	axas_devices_init(&space->devices);
	INIT_LIST_HEAD(&space->lent);
	INIT_LIST_HEAD(&space->aliases);
	INIT_LIST_HEAD(&space->keepers);
	space->faults = alloc_percpu_gfp(struct axas_fault_stats,
					 AXAS_GFP | __GFP_ZERO);
	if (!space->faults)
		return ERR_PTR(-ENOMEM);
	ret = space_init_npt(space, args);
	if (ret) {
		if (space->npt.ops)
			module_put(space->npt.ops->owner);
		free_percpu(space->faults);
		return ERR_PTR(ret);
	}
	space->npt.id = atomic64_inc_return(&space_last_id);
	axas_live_add(space);
	return_ptr(space);
}

/**
 * axas_space_create - make an empty space
 * @args: as for AXAS_CREATE; @size and @flags are not looked at
 *
 * Context: may sleep.
 * Return: the space or an ERR_PTR(): -EINVAL, -ERANGE, -EOPNOTSUPP, -ENOMEM.
 */
struct axas_space *axas_space_create(const struct axas_create *args)
{
	u64 begin = axas_trace_begin(axas_create);
	struct axas_space *space = space_create(args);

	if (IS_ERR(space))
		trace_axas_create(0, args->format, args->gpa_bits, args->base,
				  args->length, PTR_ERR(space),
				  axas_trace_ns(begin));
	else
		trace_axas_create(space->npt.id, space->npt.ops->format,
				  space->npt.gpa_bits, space->base,
				  space->length, 0, axas_trace_ns(begin));
	return space;
}
EXPORT_SYMBOL_GPL(axas_space_create);

/**
 * axas_space_destroy - free a space and all it owns
 * @space: a space that nobody else can reach
 *
 * Context: may sleep.
 */
void axas_space_destroy(struct axas_space *space)
{
	u64 begin = axas_trace_begin(axas_destroy);
	u64 id = space->npt.id;

	axas_live_del(space);
	axas_alias_leave(space);
	space->npt.ops->destroy(&space->npt);
	axas_tree_destroy(&space->areas);
	axas_devices_destroy(&space->devices);
	free_percpu(space->faults);
	kfree(space->hold);
	module_put(space->npt.ops->owner);
	axas_track_free(space);
	kfree(space);
	trace_axas_destroy(id, axas_trace_ns(begin));
}
EXPORT_SYMBOL_GPL(axas_space_destroy);

/* ---- unmap ---- */

/* No alias has any of it. */
static int space_unmap_begun(struct axas_space *space, u64 gpa, u64 size)
{
	struct axas_npt_pool pool __free(axas_npt_pool) = {};
	u64 last = gpa + size - 1;
	int ret;

	ret = axas_area_fill_pool(space, gpa, size, &pool);
	if (ret)
		return ret;

	/* All areas are gone before the epoch changes, however many steps. */
	axas_area_forget(space, gpa, last);
	ret = axas_tree_erase(&space->areas, gpa, last);
	if (ret)
		return ret;
	axas_area_clear(space, gpa, size, &pool);
	axas_area_changed(space, gpa, size);
	return 0;
}

static int space_unmap_locked(struct axas_space *space, u64 gpa, u64 size)
{
	u64 start = gpa, end = gpa + size - 1;
	int ret;

	if (!axas_tree_find(&space->areas, &start, &end))
		return 0;
	ret = axas_area_check_kept(space, gpa, size);
	if (!ret)
		ret = axas_alias_begin(space, gpa, size);
	if (ret)
		return ret;
	ret = space_unmap_begun(space, gpa, size);
	axas_alias_end(space);
	return ret;
}

static int space_unmap(struct axas_space *space, axas_gpa_t gpa, u64 size)
{
	int ret = axas_area_check_range(space, gpa.val, size);

	if (ret)
		return ret;
	ret = mutex_lock_killable(&space->lock);
	if (ret)
		return ret;
	ret = space_unmap_locked(space, gpa.val, size);
	mutex_unlock(&space->lock);
	axas_live_shrunk(space);
	return ret;
}

/**
 * axas_space_unmap - take a range out of the space
 * @space: the space
 * @gpa: first GPA, aligned to 4 KiB
 * @size: bytes, a multiple of 4 KiB
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_UNMAP.
 */
int axas_space_unmap(struct axas_space *space, axas_gpa_t gpa, u64 size)
{
	u64 begin = axas_trace_begin(axas_unmap);
	int ret = space_unmap(space, gpa, size);

	trace_axas_unmap(space->npt.id, gpa.val, size, ret,
			 axas_trace_ns(begin));
	return ret;
}
EXPORT_SYMBOL_GPL(axas_space_unmap);

/**
 * axas_space_clear - unmap everything
 * @space: the space
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_CLEAR.
 */
int axas_space_clear(struct axas_space *space)
{
	return axas_space_unmap(space, axas_gpa(space->base), space->length);
}
EXPORT_SYMBOL_GPL(axas_space_clear);

/* ---- resize ---- */

static int space_grow_locked(struct axas_space *space, struct axas_area *area,
			     u64 gpa, u64 end, u64 last)
{
	u64 start = end + 1, other = last;
	int ret;

	/* All of it would have to be there from the beginning, or is nobody's. */
	if (area->ops->map || area->alias)
		return -EOPNOTSUPP;
	if (axas_tree_find(&space->areas, &start, &other))
		return -EEXIST;
	ret = axas_tree_grow(&space->areas, gpa, last);
	if (ret)
		return ret;
	axas_area_changed(space, end + 1, last - end);
	axas_area_offer(space, area, gpa, last);
	return 0;
}

static int space_resize_locked(struct axas_space *space, u64 gpa, u64 size)
{
	u64 start = gpa, end = gpa, last = gpa + size - 1;
	struct axas_area *area = axas_tree_find(&space->areas, &start, &end);

	if (!area || start != gpa)
		return -ENOENT;
	if (last < end)
		return space_unmap_locked(space, last + 1, end - last);
	return last > end ? space_grow_locked(space, area, gpa, end, last) : 0;
}

static int space_resize(struct axas_space *space, u64 gpa, u64 size)
{
	int ret = axas_area_check_range(space, gpa, size);

	if (ret)
		return ret;
	ret = mutex_lock_killable(&space->lock);
	if (ret)
		return ret;
	ret = space_resize_locked(space, gpa, size);
	mutex_unlock(&space->lock);
	axas_live_shrunk(space);
	return ret;
}

/**
 * axas_space_resize - move the end of an area
 * @space: the space
 * @gpa: first GPA of the area
 * @size: bytes that it has then, a multiple of 4 KiB
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_RESIZE.
 */
int axas_space_resize(struct axas_space *space, axas_gpa_t gpa, u64 size)
{
	u64 begin = axas_trace_begin(axas_resize);
	int ret = space_resize(space, gpa.val, size);

	trace_axas_resize(space->npt.id, gpa.val, size, ret,
			  axas_trace_ns(begin));
	return ret;
}
EXPORT_SYMBOL_GPL(axas_space_resize);

/* ---- protect ---- */

/*
 * Copies, with other rights, of the areas that [start, last] meets, in order.
 * Fails with -ENOENT if there is a hole. This is most of the work, so whoever is
 * killed needn't wait for the end of it.
 */
static int areas_copy(struct axas_space *space, u64 start, u64 last,
		      unsigned int prot, struct list_head *copies)
{
	struct axas_area *area, *copy;
	u64 next = start, end;

	for (; next <= last; next = end + 1) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		start = next;
		end = next;
		area = axas_tree_find(&space->areas, &start, &end);
		if (!area)
			return -ENOENT;
		copy = axas_area_copy(area);
		if (!copy)
			return -ENOMEM;
		copy->attr.prot = prot;
		copy->shared = space->npt.ops->encode(&space->npt, copy->attr);
		list_add_tail(&copy->node, copies);
	}
	return 0;
}

/* Of copies that have not come into the tree. */
static void areas_free(struct list_head *copies)
{
	struct axas_area *copy, *next;

	list_for_each_entry_safe(copy, next, copies, node) {
		axas_area_free(copy);
		cond_resched();
	}
}

/* Put the copies in the place of the areas. The edges have been cut. */
static void areas_replace(struct axas_space *space, u64 start,
			  struct list_head *copies)
{
	struct axas_area *copy, *next;

	list_for_each_entry_safe(copy, next, copies, node) {
		list_del(&copy->node);
		start = axas_tree_exchange(&space->areas, start, copy);
		cond_resched();
	}
}

/* The areas have been exchanged. */
static void space_protect_table(struct axas_space *space, u64 gpa, u64 size,
				unsigned int prot, struct axas_npt_pool *pool)
{
	axas_hold_write(space->hold, &space->lock);
	axas_track_collect(space, gpa, size);
	if (axas_alias_any(space))
		axas_alias_protect(space, gpa, size, prot, pool);
	else
		space->npt.ops->protect(&space->npt, axas_gpa(gpa), size, prot,
					pool);
	axas_hold_end(space->hold);
}

/* No alias has any of it. */
static int space_protect_begun(struct axas_space *space, u64 gpa, u64 size,
			       unsigned int prot)
{
	struct axas_npt_pool pool __free(axas_npt_pool) = {};
	u64 last = gpa + size - 1;
	LIST_HEAD(copies);
	int ret;

	ret = areas_copy(space, gpa, last, prot, &copies);
	if (!ret)
		ret = axas_area_fill_pool(space, gpa, size, &pool);
	if (!ret)
		ret = axas_tree_cut(&space->areas, gpa, last);
	if (ret) {
		areas_free(&copies);
		return ret;
	}
	/* All areas are exchanged before the epoch changes. */
	axas_area_forget(space, gpa, last);
	areas_replace(space, gpa, &copies);
	space->generation++;
	space_protect_table(space, gpa, size, prot, &pool);
	axas_area_join(space, gpa, last);
	return 0;
}

static int space_protect_locked(struct axas_space *space, u64 gpa, u64 size,
				unsigned int prot)
{
	int ret = axas_area_check_kept(space, gpa, size);

	if (!ret)
		ret = axas_alias_begin(space, gpa, size);
	if (ret)
		return ret;
	ret = space_protect_begun(space, gpa, size, prot);
	axas_alias_end(space);
	return ret;
}

static int space_protect(struct axas_space *space, axas_gpa_t gpa, u64 size,
			 unsigned int prot)
{
	int ret = axas_area_check_range(space, gpa.val, size);

	if (!ret)
		ret = axas_area_check_prot(space, prot);
	if (ret)
		return ret;
	ret = mutex_lock_killable(&space->lock);
	if (ret)
		return ret;
	ret = space_protect_locked(space, gpa.val, size, prot);
	mutex_unlock(&space->lock);
	return ret;
}

/**
 * axas_space_protect - change permissions
 * @space: the space
 * @gpa: first GPA, aligned to 4 KiB
 * @size: bytes, a multiple of 4 KiB
 * @prot: &enum axas_prot bits
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_PROTECT.
 */
int axas_space_protect(struct axas_space *space, axas_gpa_t gpa, u64 size,
		       unsigned int prot)
{
	u64 begin = axas_trace_begin(axas_protect);
	int ret = space_protect(space, gpa, size, prot);

	trace_axas_protect(space->npt.id, gpa.val, size, prot, ret,
			   axas_trace_ns(begin));
	return ret;
}
EXPORT_SYMBOL_GPL(axas_space_protect);

/* ---- devices on other buses ---- */

/**
 * axas_space_add_device - register ports or system registers
 * @space: the space
 * @args: as for AXAS_DEVICE_ADD; @size and @flags are not looked at
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_DEVICE_ADD.
 */
int axas_space_add_device(struct axas_space *space,
			  const struct axas_device *args)
{
	int ret = mutex_lock_killable(&space->lock);

	if (ret)
		return ret;
	ret = axas_devices_add(&space->devices, args);
	mutex_unlock(&space->lock);
	return ret;
}
EXPORT_SYMBOL_GPL(axas_space_add_device);

/**
 * axas_space_del_device - take back what was registered
 * @space: the space
 * @args: as for AXAS_DEVICE_DEL; @size, @flags and @cookie are not looked at
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_DEVICE_DEL.
 */
int axas_space_del_device(struct axas_space *space,
			  const struct axas_device *args)
{
	int ret = mutex_lock_killable(&space->lock);

	if (ret)
		return ret;
	ret = axas_devices_del(&space->devices, args);
	mutex_unlock(&space->lock);
	return ret;
}
EXPORT_SYMBOL_GPL(axas_space_del_device);

/* ---- holders ---- */

/**
 * axas_space_add_holder - from now on tell a holder of translations
 * @space: the space
 * @holder: whom; twice is once
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or -EINTR.
 */
int axas_space_add_holder(struct axas_space *space, struct axas_holder *holder)
{
	int ret;

	ret = mutex_lock_killable(&space->lock);
	if (ret)
		return ret;
	if (list_empty(&holder->node))
		list_add(&holder->node, &space->npt.holders);
	space->held = true;
	mutex_unlock(&space->lock);
	return 0;
}
EXPORT_SYMBOL_GPL(axas_space_add_holder);

/**
 * axas_space_del_holder - don't tell a holder any more
 * @space: the space
 * @holder: whom; it holds no translation any more
 *
 * Context: may sleep. Takes the space's lock.
 */
void axas_space_del_holder(struct axas_space *space, struct axas_holder *holder)
{
	guard(mutex)(&space->lock);
	list_del_init(&holder->node);
}
EXPORT_SYMBOL_GPL(axas_space_del_holder);
