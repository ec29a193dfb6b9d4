// SPDX-License-Identifier: GPL-2.0
/*
 * How an area comes into a space: alone, with its memory, or in the place of
 * others.
 */
#include <linux/export.h>
#include <linux/slab.h>

#include <axas/space.h>
#include <axas/trace.h>

#include "axas_alias.h"
#include "axas_area.h"
#include "axas_hold.h"

/* What is no backend's to know. */
#define AXAS_MAP_ANY	(AXAS_MAP_IGNORE_PAT | AXAS_MAP_REPLACE)

/* What wants nodes. */
#define AXAS_MAP_SET	(AXAS_MAP_BIND | AXAS_MAP_INTERLEAVE)

/* The level of args->max_leaf, or an errno. */
static int map_max_level(const struct axas_space *space,
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

/* Nothing but an alias has one. */
static bool map_names_source(const struct axas_map *args)
{
	return args->backend == AXAS_BACKEND_ALIAS ||
	       !(args->fd || args->offset);
}

static int map_setup(const struct axas_space *space,
		     struct axas_area *area, const struct axas_map *args)
{
	const struct axas_npt_caps *caps = &space->npt.caps;
	int ret;

	area->ops = axas_backend_get(args->backend);
	if (!area->ops ||
	    args->flags & ~(area->ops->flags | AXAS_MAP_ANY) ||
	    (args->node && !(args->flags & AXAS_MAP_NODE)) ||
	    (args->nodes && !(args->flags & AXAS_MAP_SET)) ||
	    !map_names_source(args) ||
	    args->memtype > AXAS_MEM_DEVICE)
		return -EINVAL;
	ret = axas_area_check_range(space, args->gpa, args->length);
	if (ret)
		return ret;
	ret = axas_area_check_prot(space, args->prot);
	if (ret)
		return ret;
	if (!(caps->memtypes & BIT(args->memtype)) ||
	    (args->flags & AXAS_MAP_IGNORE_PAT && !caps->ignore_pat))
		return -EOPNOTSUPP;
	ret = map_max_level(space, area->ops, args->max_leaf);
	if (ret < 0)
		return ret;

	area->max_level = ret;
	area->cookie = args->cookie;
	area->origin = args->gpa;
	area->ranges = 1;
	area->place = AXAS_ANYWHERE;
	area->attr = (struct axas_attr){
		.prot = args->prot,
		.memtype = args->memtype,
		.ignore_pat = args->flags & AXAS_MAP_IGNORE_PAT,
		.rom = args->flags & AXAS_MAP_ROM,
	};
	ret = area->ops->setup(area, &space->npt, args);
	if (ret)
		return ret;
	area->shared = space->npt.ops->encode(&space->npt, area->attr);
	return 0;
}

/* Is something there that isn't to give way? Nobody tracks an alias. */
static int map_check_room(struct axas_space *space, const struct axas_map *args)
{
	u64 start = args->gpa, last = start + args->length - 1;

	if (args->backend == AXAS_BACKEND_ALIAS && space->npt.tracked)
		return -EOPNOTSUPP;
	return !(args->flags & AXAS_MAP_REPLACE) &&
	       axas_tree_find(&space->areas, &start, &last) ? -EEXIST : 0;
}

static int map_locked(struct axas_space *space, struct axas_area *area,
		      const struct axas_map *args)
{
	u64 last = args->gpa + args->length - 1;
	struct axas_npt_pool pool = {};
	int ret = map_check_room(space, args);

	if (ret)
		return ret;
	if (area->ops->map)
		ret = area->ops->map(area, &space->npt, args);
	if (!ret)
		ret = axas_tree_insert(&space->areas, args->gpa, last, area);
	if (!ret) {
		axas_area_changed(space, args->gpa, args->length);
		axas_area_offer(space, area, args->gpa, last);
		return 0;
	}
	/* No leaf reaches out of the range: there is nothing to split. */
	axas_area_clear(space, args->gpa, args->length, &pool);
	return ret;
}

static int map_plainly(struct axas_space *space, struct axas_area *area,
		       const struct axas_map *args)
{
	int ret = mutex_lock_killable(&space->lock);

	if (ret)
		return ret;
	ret = map_locked(space, area, args);
	mutex_unlock(&space->lock);
	return ret;
}

/* ---- map what takes a draft ---- */

static bool map_is_eager(const struct axas_area *area,
			 const struct axas_map *args)
{
	return args->flags & AXAS_MAP_POPULATE && area->ops->zeroed;
}

/*
 * From the first entry that is frozen to the last that is thawed a fault in the
 * range waits, whatever area it finds. So none sees the one here and the other
 * there.
 */
static int map_replace_begun(struct axas_space *space, struct axas_area *area,
			     const struct axas_map *args,
			     struct axas_npt_draft *draft)
{
	struct axas_npt_pool pool __free(axas_npt_pool) = {};
	u64 last = args->gpa + args->length - 1;
	struct axas_npt *npt = &space->npt;
	int ret = map_check_room(space, args);

	if (!ret && draft && !npt->ops->fits(npt, draft))
		ret = -EAGAIN;
	if (!ret)
		ret = axas_area_fill_pool(space, args->gpa, args->length, &pool);
	if (!ret)
		ret = axas_tree_reserve(&space->areas, 2);
	if (ret)
		return ret;
	axas_hold_write(space->hold, &space->lock);
	npt->ops->freeze(npt, axas_gpa(args->gpa), axas_gpa(args->gpa),
			 args->length, &pool, draft, NULL);
	axas_area_forget(space, args->gpa, last);
	axas_tree_replace(&space->areas, args->gpa, last, area);
	axas_tree_release(&space->areas);
	npt->ops->thaw(npt, axas_gpa(args->gpa), args->length, draft);
	axas_hold_end(space->hold);
	axas_area_changed(space, args->gpa, args->length);
	axas_area_offer(space, area, args->gpa, last);
	if (args->flags & AXAS_MAP_REPLACE)
		axas_area_join(space, args->gpa, last);
	return 0;
}

static int map_replace_locked(struct axas_space *space, struct axas_area *area,
			      const struct axas_map *args,
			      struct axas_npt_draft *draft)
{
	int ret = 0;

	if (args->flags & AXAS_MAP_REPLACE)
		ret = axas_area_check_kept(space, args->gpa, args->length);
	if (!ret)
		ret = axas_alias_begin(space, args->gpa, args->length);
	if (ret)
		return ret;
	ret = map_replace_begun(space, area, args, draft);
	axas_alias_end(space);
	return ret;
}

/* Fill a draft. Nobody waits meanwhile. */
static int map_fill_draft(struct axas_npt_draft *draft,
			  const struct axas_area *area,
			  const struct axas_map *args)
{
	int ret = 0;

	if (area->ops->map) {
		guard(mutex)(&draft->lock);
		ret = area->ops->map(area, &draft->npt, args);
	}
	if (!ret && map_is_eager(area, args))
		ret = axas_range_populate(draft, area);
	return ret;
}

static int map_replace(struct axas_space *space, struct axas_area *area,
		       const struct axas_map *args)
{
	int ret = mutex_lock_killable(&space->lock);

	if (ret)
		return ret;
	ret = map_replace_locked(space, area, args, NULL);
	mutex_unlock(&space->lock);
	axas_live_shrunk(space);
	return ret;
}

static int map_drafted(struct axas_space *space, struct axas_area *area,
		       const struct axas_map *args)
{
	const struct axas_npt_ops *ops = space->npt.ops;
	struct axas_npt_draft draft;
	/* All of that memory would be in vain; the lock is had later. */
	int ret = map_check_room(space, args);

	if (!ret)
		ret = ops->draft(&space->npt, axas_gpa(args->gpa), args->length,
				 &draft);
	if (ret)
		return ret;
	ret = map_fill_draft(&draft, area, args);
	mutex_lock(&space->lock);
	if (!ret)
		ret = map_replace_locked(space, area, args, &draft);
	ops->drop(&space->npt, &draft);
	mutex_unlock(&space->lock);
	axas_live_shrunk(space);
	return ret;
}

static int space_map(struct axas_space *space, const struct axas_map *args,
		     const struct axas_source *source)
{
	struct axas_area *area __free(axas_area) =
		kzalloc(sizeof(*area), AXAS_GFP);
	int ret;

	if (!area)
		return -ENOMEM;
	ret = map_setup(space, area, args);
	if (!ret && source)
		ret = axas_alias_create(space, area, args, source);
	if (ret)
		return ret;
	if (map_is_eager(area, args) ||
	    (args->flags & AXAS_MAP_REPLACE && area->ops->map))
		do {
			ret = map_drafted(space, area, args);
		} while (ret == -EAGAIN);
	else if (args->flags & AXAS_MAP_REPLACE)
		ret = map_replace(space, area, args);
	else
		ret = map_plainly(space, area, args);
	if (ret)
		return ret;
	area = NULL;
	axas_live_own(space);
	return 0;
}

/**
 * axas_space_map - make an area
 * @space: the space
 * @args: as for AXAS_MAP, of any backend but %AXAS_BACKEND_ALIAS; @size is not looked
 *	at. Whether the caller may map @args->hpa is the caller's to know.
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_MAP.
 */
int axas_space_map(struct axas_space *space, const struct axas_map *args)
{
	u64 begin = axas_trace_begin(axas_map);
	int ret = -EINVAL;

	if (args->backend != AXAS_BACKEND_ALIAS)
		ret = space_map(space, args, NULL);
	trace_axas_map(space->npt.id, args, ret, axas_trace_ns(begin));
	return ret;
}
EXPORT_SYMBOL_GPL(axas_space_map);

/**
 * axas_space_map_alias - make an area of another space's memory
 * @space: the space
 * @args: as for AXAS_MAP with %AXAS_BACKEND_ALIAS; @size, @offset and @fd are
 *	not looked at
 * @source: what it is an alias of; may be the same space
 *
 * Context: may sleep. Takes the source's lock, and then the space's.
 * Return: 0 or an errno of AXAS_MAP.
 */
int axas_space_map_alias(struct axas_space *space, const struct axas_map *args,
			 const struct axas_source *source)
{
	u64 begin = axas_trace_begin(axas_map);
	int ret = -EINVAL;

	if (args->backend == AXAS_BACKEND_ALIAS)
		ret = space_map(space, args, source);
	trace_axas_map(space->npt.id, args, ret, axas_trace_ns(begin));
	return ret;
}
EXPORT_SYMBOL_GPL(axas_space_map_alias);
