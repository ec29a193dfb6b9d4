// SPDX-License-Identifier: GPL-2.0
/*
 * Larger leaves for memory that came in small ones: of frames that lie in one
 * piece, or of a copy in one that does.
 */
#include <linux/export.h>
#include <linux/sched/signal.h>

#include <axas/space.h>
#include <axas/trace.h>

#include "axas_alias.h"
#include "axas_area.h"
#include "axas_hold.h"

/**
 * struct collapse - larger leaves for a range
 * @space: the space
 * @copy: with a copy if need be
 * @gpa: where it goes on
 * @end: where it ends
 * @joined: bytes that have come into larger leaves
 * @frame: a frame, once one is wanted
 * @place: where it is, or is to be, from
 *
 * The lock is held for 2 MiB at a time, and not while memory is allocated.
 */
struct collapse {
	struct axas_space *space;
	bool copy;
	u64 gpa;
	u64 end;
	u64 joined;
	struct axas_frame frame;
	struct axas_place place;
};

/* What lies in one area, up to where another leaf of 2 MiB could begin. */
static const struct axas_area *collapse_area(const struct collapse *collapse,
					     u64 *start, u64 *last, u64 *next)
{
	const struct axas_area *area;

	*start = collapse->gpa;
	*last = collapse->gpa;
	area = axas_tree_find(&collapse->space->areas, start, last);
	*next = min(ALIGN(collapse->gpa + 1, SZ_2M), collapse->end);
	if (area)
		*next = min(*next, *last + 1);
	return area;
}

/* Make one leaf of those in the 2 MiB that begin here, if their frames are one. */
static bool collapse_in_place(const struct collapse *collapse, u64 start,
			      u64 last)
{
	struct axas_npt *npt = &collapse->space->npt;
	s64 before = npt->counts.leaves[1];

	axas_area_join_leaves(collapse->space, start, last, collapse->gpa,
			      collapse->gpa + SZ_2M - 1, 2);
	return npt->counts.leaves[1] != before;
}

/* No alias has any of it. */
static bool collapse_begun(struct collapse *collapse,
			   const struct axas_area *area)
{
	struct axas_space *space = collapse->space;
	struct axas_npt *npt = &space->npt;
	struct axas_npt_shut shut;

	if (!npt->ops->shut(npt, axas_gpa(collapse->gpa), &shut))
		return false;
	/* Who has looked before is through then; nobody else is let in. */
	axas_hold_write(space->hold, &space->lock);
	axas_hold_end(space->hold);
	if (!npt->ops->refill(npt, &shut, collapse->frame.hpa, area->shared))
		return false;
	axas_frame_take(&collapse->frame);
	return true;
}

/* Or of what they hold. */
static bool collapse_by_copy(struct collapse *collapse,
			     const struct axas_area *area)
{
	struct axas_space *space = collapse->space;
	bool done;

	if (axas_area_check_kept(space, collapse->gpa, SZ_2M) ||
	    axas_alias_begin(space, collapse->gpa, SZ_2M))
		return false;
	done = collapse_begun(collapse, area);
	axas_alias_end(space);
	return done;
}

/* Is there a frame, from where the area has its own? */
static bool collapse_has_frame(struct collapse *collapse,
			       const struct axas_area *area)
{
	struct axas_place place = axas_area_place(area,
						  axas_gpa(collapse->gpa));

	if (!axas_place_same(collapse->place, place))
		axas_frame_free(&collapse->frame);
	collapse->place = place;
	return axas_frame_valid(collapse->frame.hpa);
}

/* -EAGAIN: a frame is wanted. */
static int collapse_large(struct collapse *collapse,
			  const struct axas_area *area, u64 start, u64 last)
{
	const struct axas_npt *npt = &collapse->space->npt;
	struct axas_npt_slot slot;
	struct axas_leaf leaf;

	npt->ops->lookup(npt, axas_gpa(collapse->gpa), &slot, &leaf);
	/* It is large, or nothing is there. */
	if (slot.level > 1)
		return 0;
	if (!collapse_in_place(collapse, start, last)) {
		if (!collapse->copy)
			return 0;
		if (!collapse_has_frame(collapse, area))
			return -EAGAIN;
		if (!collapse_by_copy(collapse, area))
			return 0;
	}
	collapse->joined += SZ_2M;
	return 0;
}

/* Go on by 2 MiB, or to the end of an area. Under the lock. */
static int collapse_next(struct collapse *collapse)
{
	const struct axas_area *area;
	u64 start, last, next;
	int ret = 0;

	area = collapse_area(collapse, &start, &last, &next);
	if (!area)
		return -ENOENT;
	if (!area->ops->zeroed || area->max_level < 2)
		return -EOPNOTSUPP;
	if (next - collapse->gpa == SZ_2M)
		ret = collapse_large(collapse, area, start, last);
	if (!ret)
		collapse->gpa = next;
	return ret;
}

/* Without one what lies there stays as it is. */
static void collapse_get_frame(struct collapse *collapse)
{
	collapse->frame = axas_frame_alloc_placed(AXAS_ORDER_2M,
						  collapse->place, AXAS_GFP_2M);
	if (!axas_frame_valid(collapse->frame.hpa))
		collapse->gpa += SZ_2M;
}

static int collapse_once(struct collapse *collapse)
{
	int ret = mutex_lock_killable(&collapse->space->lock);

	if (ret)
		return ret;
	ret = collapse_next(collapse);
	mutex_unlock(&collapse->space->lock);
	if (ret != -EAGAIN)
		return ret;
	collapse_get_frame(collapse);
	return 0;
}

static int collapse_all(struct collapse *collapse)
{
	int ret = axas_area_check_range(collapse->space, collapse->gpa,
					collapse->end - collapse->gpa);

	while (!ret && collapse->gpa < collapse->end) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		ret = collapse_once(collapse);
	}
	return ret;
}

/**
 * axas_space_collapse - make larger leaves
 * @space: the space
 * @args: as for AXAS_COLLAPSE, but for @size; @done and @joined are written
 *
 * Context: may sleep. Takes the space's lock, for 2 MiB at a time.
 * Return: 0 or an errno of AXAS_COLLAPSE.
 */
int axas_space_collapse(struct axas_space *space, struct axas_collapse *args)
{
	u64 begin = axas_trace_begin(axas_collapse);
	struct collapse collapse = {
		.space = space,
		.copy = args->flags & AXAS_COLLAPSE_COPY,
		.gpa = args->gpa,
		.end = args->gpa + args->length,
		.frame = AXAS_FRAME_NONE,
	};
	int ret = collapse_all(&collapse);

	axas_frame_free(&collapse.frame);
	args->done = collapse.gpa - args->gpa;
	args->joined = collapse.joined;
	trace_axas_collapse(space->npt.id, args, ret, axas_trace_ns(begin));
	return ret;
}
EXPORT_SYMBOL_GPL(axas_space_collapse);
