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

#include "axas_hold.h"
#include "axas_range.h"

#define AXAS_FEAT_ALL	(AXAS_FEAT_EXEC_ONLY | AXAS_FEAT_AD | AXAS_FEAT_FWB)
#define AXAS_MAP_ALL	(AXAS_MAP_POPULATE | AXAS_MAP_IGNORE_PAT | \
			 AXAS_MAP_NODE | AXAS_MAP_REPLACE)
/* What is no backend's to know. */
#define AXAS_MAP_ANY	(AXAS_MAP_IGNORE_PAT | AXAS_MAP_REPLACE)

/* ---- birth and death ---- */

/* What an area pins goes with it; a fault may still look at it. */
static void area_free(struct axas_area *area)
{
	if (!area)
		return;
	if (area->ops)
		module_put(area->ops->owner);
	kfree_rcu(area, rcu);
}

DEFINE_FREE(axas_area, struct axas_area *, area_free(_T))

static void area_get(void *entry)
{
	struct axas_area *area = entry;

	area->ranges++;
}

static void area_put(void *entry)
{
	struct axas_area *area = entry;

	if (!--area->ranges)
		area_free(area);
}

static const struct axas_tree_ops area_tree_ops = {
	.get = area_get,
	.put = area_put,
};

static int space_init_npt(struct axas_space *space,
			  const struct axas_create *args)
{
	struct axas_npt *npt = &space->npt;
	unsigned int bits = args->gpa_bits;

	npt->ops = axas_format_get(args->format);
	if (!npt->ops || args->features & ~AXAS_FEAT_ALL)
		return -EINVAL;
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
	axas_tree_init(&space->areas, &area_tree_ops);
	axas_devices_init(&space->devices);
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
	space->npt.ops->destroy(&space->npt);
	axas_tree_destroy(&space->areas);
	axas_devices_destroy(&space->devices);
	free_percpu(space->faults);
	kfree(space->hold);
	module_put(space->npt.ops->owner);
	kfree(space);
	trace_axas_destroy(id, axas_trace_ns(begin));
}
EXPORT_SYMBOL_GPL(axas_space_destroy);

/* ---- areas: under the space's lock ---- */

static void main_area_set(struct axas_space *space, struct axas_area *area,
			  u64 start, u64 last)
{
	struct axas_main_area *main = &space->main_area;

	/* A fault that reads meanwhile spins, and may have a higher priority. */
	guard(preempt)();
	write_seqcount_begin(&main->seq);
	main->area = area;
	main->start = start;
	main->last = last;
	write_seqcount_end(&main->seq);
}

/* Before something is taken from the areas in [start, last]. */
static void main_area_forget(struct axas_space *space, u64 start, u64 last)
{
	const struct axas_main_area *main = &space->main_area;

	if (main->area && start <= main->last && last >= main->start)
		main_area_set(space, NULL, 0, 0);
}

/* After an area was made. */
static void main_area_offer(struct axas_space *space, struct axas_area *area,
			    u64 start, u64 last)
{
	const struct axas_main_area *main = &space->main_area;

	if (!main->area || last - start > main->last - main->start)
		main_area_set(space, area, start, last);
}

/* Tables that splitting the leaves around gpa can take. */
static unsigned int areas_split_cost(struct axas_space *space, u64 gpa)
{
	u64 start = gpa, last = gpa;
	const struct axas_area *area = axas_tree_find(&space->areas, &start,
						      &last);

	if (!area || start == gpa)
		return 0;
	return space->npt.ops->split_cost(&space->npt, axas_gpa(gpa),
					  area->max_level);
}

/**
 * axas_range_fill_pool - set aside the tables for splits at both ends of a range
 * @space: the space
 * @start: first GPA
 * @size: bytes
 * @pool: the pool
 *
 * Context: may sleep. Under the space's lock.
 * Return: 0 or -ENOMEM.
 */
int axas_range_fill_pool(struct axas_space *space, u64 start, u64 size,
			 struct axas_npt_pool *pool)
{
	unsigned int cost = areas_split_cost(space, start) +
			    areas_split_cost(space, start + size);

	/* A split writes all of its table. */
	return axas_npt_pool_fill(pool, cost, AXAS_GFP);
}

static int space_check_prot(const struct axas_space *space, u32 prot)
{
	if (!prot || prot & ~AXAS_PROT_ALL)
		return -EINVAL;
	if (prot & AXAS_PROT_READ)
		return 0;
	if (prot & AXAS_PROT_WRITE)
		return -EINVAL;
	return space->npt.features & AXAS_FEAT_EXEC_ONLY ? 0 : -EOPNOTSUPP;
}

/* Take a range out of the table. Nobody touches its memory any more then. */
static void space_unmap_npt(struct axas_space *space, u64 gpa, u64 size,
			    struct axas_npt_pool *pool)
{
	axas_hold_write(space->hold, &space->lock);
	space->npt.ops->unmap(&space->npt, axas_gpa(gpa), size, pool);
	axas_hold_end(space->hold);
}

/* ---- map ---- */

/* The level of args->max_leaf, or an errno. */
static int space_max_level(const struct axas_space *space,
			   const struct axas_backend_ops *ops, u64 max_leaf)
{
	const struct axas_npt_caps *caps = &space->npt.caps;
	int level;

	if (!max_leaf) {
		for (level = ops->default_level; level > 1; level--)
			if (caps->leaf_sizes & axas_level_size(level))
				break;
		return level;
	}
	for (level = ops->max_level; level > 0; level--)
		if (max_leaf == axas_level_size(level))
			return caps->leaf_sizes & max_leaf ? level : -EOPNOTSUPP;
	return -EINVAL;
}

static int space_setup_area(const struct axas_space *space,
			    struct axas_area *area, const struct axas_map *args)
{
	const struct axas_npt_caps *caps = &space->npt.caps;
	int ret;

	area->ops = axas_backend_get(args->backend);
	if (!area->ops || args->flags & ~AXAS_MAP_ALL ||
	    args->flags & ~(area->ops->flags | AXAS_MAP_ANY) ||
	    (args->node && !(args->flags & AXAS_MAP_NODE)) ||
	    args->memtype > AXAS_MEM_DEVICE)
		return -EINVAL;
	ret = axas_range_check(space, args->gpa, args->length);
	if (ret)
		return ret;
	ret = space_check_prot(space, args->prot);
	if (ret)
		return ret;
	if (!(caps->memtypes & BIT(args->memtype)) ||
	    (args->flags & AXAS_MAP_IGNORE_PAT && !caps->ignore_pat))
		return -EOPNOTSUPP;
	ret = space_max_level(space, area->ops, args->max_leaf);
	if (ret < 0)
		return ret;

	area->max_level = ret;
	area->cookie = args->cookie;
	area->ranges = 1;
	area->nid = NUMA_NO_NODE;
	area->attr = (struct axas_attr){
		.prot = args->prot,
		.memtype = args->memtype,
		.ignore_pat = args->flags & AXAS_MAP_IGNORE_PAT,
	};
	ret = area->ops->setup(area, &space->npt, args);
	if (ret)
		return ret;
	area->shared = space->npt.ops->encode(&space->npt, area->attr);
	return 0;
}

/* Is something there that isn't to give way? */
static int space_check_room(struct axas_space *space,
			    const struct axas_map *args)
{
	u64 start = args->gpa, last = start + args->length - 1;

	return !(args->flags & AXAS_MAP_REPLACE) &&
	       axas_tree_find(&space->areas, &start, &last) ? -EEXIST : 0;
}

static int space_map_locked(struct axas_space *space, struct axas_area *area,
			    const struct axas_map *args)
{
	u64 last = args->gpa + args->length - 1;
	struct axas_npt_pool pool = {};
	int ret = space_check_room(space, args);

	if (ret)
		return ret;
	if (area->ops->map)
		ret = area->ops->map(area, &space->npt, args);
	if (!ret)
		ret = axas_tree_insert(&space->areas, args->gpa, last, area);
	if (!ret) {
		space->generation++;
		main_area_offer(space, area, args->gpa, last);
		return 0;
	}
	/* No leaf reaches out of the range: there is nothing to split. */
	space_unmap_npt(space, args->gpa, args->length, &pool);
	return ret;
}

static int space_map_plainly(struct axas_space *space, struct axas_area *area,
			     const struct axas_map *args)
{
	int ret = mutex_lock_killable(&space->lock);

	if (ret)
		return ret;
	ret = space_map_locked(space, area, args);
	mutex_unlock(&space->lock);
	return ret;
}

/* ---- map what takes a draft ---- */

static bool space_map_is_eager(const struct axas_area *area,
			       const struct axas_map *args)
{
	return args->flags & AXAS_MAP_POPULATE && area->ops->zeroed;
}

/*
 * From the first entry that is frozen to the last that is thawed a fault in the
 * range waits, whatever area it finds. So none sees the one here and the other
 * there.
 */
static int space_replace_locked(struct axas_space *space,
				struct axas_area *area,
				const struct axas_map *args,
				struct axas_npt_draft *draft)
{
	struct axas_npt_pool pool __free(axas_npt_pool) = {};
	u64 last = args->gpa + args->length - 1;
	struct axas_npt *npt = &space->npt;
	int ret = space_check_room(space, args);

	if (!ret)
		ret = axas_range_fill_pool(space, args->gpa, args->length,
					   &pool);
	if (!ret)
		ret = axas_tree_prepare(&space->areas, args->gpa, last);
	if (ret)
		return ret;
	axas_hold_write(space->hold, &space->lock);
	npt->ops->freeze(npt, axas_gpa(args->gpa), args->length, &pool, NULL);
	main_area_forget(space, args->gpa, last);
	axas_tree_replace(&space->areas, args->gpa, last, area);
	npt->ops->thaw(npt, axas_gpa(args->gpa), args->length, draft);
	axas_hold_end(space->hold);
	space->generation++;
	main_area_offer(space, area, args->gpa, last);
	return 0;
}

/* Fill a draft. Nobody waits meanwhile. */
static int space_fill_draft(struct axas_npt_draft *draft,
			    const struct axas_area *area,
			    const struct axas_map *args)
{
	int ret = 0;

	if (area->ops->map) {
		guard(mutex)(&draft->lock);
		ret = area->ops->map(area, &draft->npt, args);
	}
	if (!ret && space_map_is_eager(area, args))
		ret = axas_range_populate(draft, area);
	return ret;
}

static int space_replace(struct axas_space *space, struct axas_area *area,
			 const struct axas_map *args,
			 struct axas_npt_draft *draft)
{
	int ret = mutex_lock_killable(&space->lock);

	if (ret)
		return ret;
	ret = space_replace_locked(space, area, args, draft);
	mutex_unlock(&space->lock);
	axas_live_shrunk(space);
	return ret;
}

static int space_map_drafted(struct axas_space *space, struct axas_area *area,
			     const struct axas_map *args)
{
	const struct axas_npt_ops *ops = space->npt.ops;
	struct axas_npt_draft draft;
	/* All of that memory would be in vain; the lock is had later. */
	int ret = space_check_room(space, args);

	if (!ret)
		ret = ops->draft(&space->npt, axas_gpa(args->gpa), args->length,
				 &draft);
	if (ret)
		return ret;
	ret = space_fill_draft(&draft, area, args);
	if (!ret)
		ret = space_replace(space, area, args, &draft);
	if (!ret)
		return 0;
	mutex_lock(&space->lock);
	ops->drop(&draft);
	mutex_unlock(&space->lock);
	return ret;
}

static int space_map(struct axas_space *space, const struct axas_map *args)
{
	struct axas_area *area __free(axas_area) =
		kzalloc(sizeof(*area), AXAS_GFP);
	int ret;

	if (!area)
		return -ENOMEM;
	ret = space_setup_area(space, area, args);
	if (ret)
		return ret;
	if (space_map_is_eager(area, args) ||
	    (args->flags & AXAS_MAP_REPLACE && area->ops->map))
		ret = space_map_drafted(space, area, args);
	else if (args->flags & AXAS_MAP_REPLACE)
		ret = space_replace(space, area, args, NULL);
	else
		ret = space_map_plainly(space, area, args);
	if (ret)
		return ret;
	area = NULL;
	axas_live_own(space);
	return 0;
}

/**
 * axas_space_map - make an area
 * @space: the space
 * @args: as for AXAS_MAP; @size is not looked at. Whether the caller may map
 *	@args->hpa is the caller's to know.
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_MAP.
 */
int axas_space_map(struct axas_space *space, const struct axas_map *args)
{
	u64 begin = axas_trace_begin(axas_map);
	int ret = space_map(space, args);

	trace_axas_map(space->npt.id, args, ret, axas_trace_ns(begin));
	return ret;
}
EXPORT_SYMBOL_GPL(axas_space_map);

/* ---- unmap ---- */

static int space_unmap_locked(struct axas_space *space, u64 gpa, u64 size)
{
	struct axas_npt_pool pool __free(axas_npt_pool) = {};
	u64 start = gpa, last = gpa + size - 1, end = last;
	int ret;

	if (!axas_tree_find(&space->areas, &start, &end))
		return 0;
	ret = axas_range_fill_pool(space, gpa, size, &pool);
	if (ret)
		return ret;

	/* All areas are gone before the epoch changes, however many steps. */
	main_area_forget(space, gpa, last);
	ret = axas_tree_erase(&space->areas, gpa, last);
	if (ret)
		return ret;
	space->generation++;
	space_unmap_npt(space, gpa, size, &pool);
	return 0;
}

static int space_unmap(struct axas_space *space, axas_gpa_t gpa, u64 size)
{
	int ret = axas_range_check(space, gpa.val, size);

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
		copy = kmemdup(area, sizeof(*area), AXAS_GFP);
		if (!copy)
			return -ENOMEM;
		__module_get(copy->ops->owner);
		copy->attr.prot = prot;
		copy->shared = space->npt.ops->encode(&space->npt, copy->attr);
		copy->ranges = 1;
		list_add_tail(&copy->node, copies);
	}
	return 0;
}

/* Of copies that have not come into the tree. */
static void areas_free(struct list_head *copies)
{
	struct axas_area *copy, *next;

	list_for_each_entry_safe(copy, next, copies, node) {
		area_free(copy);
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

static int space_protect_locked(struct axas_space *space, u64 gpa, u64 size,
				unsigned int prot)
{
	struct axas_npt_pool pool __free(axas_npt_pool) = {};
	u64 last = gpa + size - 1;
	LIST_HEAD(copies);
	int ret;

	ret = areas_copy(space, gpa, last, prot, &copies);
	if (!ret)
		ret = axas_range_fill_pool(space, gpa, size, &pool);
	if (!ret)
		ret = axas_tree_cut(&space->areas, gpa, last);
	if (ret) {
		areas_free(&copies);
		return ret;
	}
	/* All areas are exchanged before the epoch changes. */
	main_area_forget(space, gpa, last);
	areas_replace(space, gpa, &copies);
	space->generation++;
	axas_hold_write(space->hold, &space->lock);
	space->npt.ops->protect(&space->npt, axas_gpa(gpa), size, prot, &pool);
	axas_hold_end(space->hold);
	return 0;
}

static int space_protect(struct axas_space *space, axas_gpa_t gpa, u64 size,
			 unsigned int prot)
{
	int ret = axas_range_check(space, gpa.val, size);

	if (!ret)
		ret = space_check_prot(space, prot);
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
