// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of memory that a space has: frames go and come, areas stay.
 */
#include <linux/export.h>
#include <linux/sched/signal.h>

#include <axas/space.h>
#include <axas/trace.h>

#include "axas_hold.h"
#include "axas_range.h"

/* ---- discard ---- */

/* Is there an area everywhere in a range, and all of it the space's own? */
static int range_owned(struct axas_space *space, u64 gpa, u64 last)
{
	const struct axas_area *area;
	u64 start, end;

	for (;; gpa = end + 1) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		start = gpa;
		end = gpa;
		area = axas_tree_find(&space->areas, &start, &end);
		if (!area)
			return -ENOENT;
		if (!area->attr.owned)
			return -EOPNOTSUPP;
		if (end >= last)
			return 0;
	}
}

static int range_discard_locked(struct axas_space *space, u64 gpa, u64 size,
				struct axas_npt_freed *freed)
{
	struct axas_npt_pool pool __free(axas_npt_pool) = {};
	int ret = range_owned(space, gpa, gpa + size - 1);

	if (!ret)
		ret = axas_range_fill_pool(space, gpa, size, &pool);
	if (ret)
		return ret;
	axas_hold_write(space->hold, &space->lock);
	space->npt.ops->discard(&space->npt, axas_gpa(gpa), size, &pool, freed);
	axas_hold_end(space->hold);
	return 0;
}

static int range_discard(struct axas_space *space, u64 gpa, u64 size,
			 struct axas_npt_freed *freed)
{
	int ret = axas_range_check(space, gpa, size);

	if (ret)
		return ret;
	ret = mutex_lock_killable(&space->lock);
	if (ret)
		return ret;
	ret = range_discard_locked(space, gpa, size, freed);
	mutex_unlock(&space->lock);
	axas_live_shrunk(space);
	return ret;
}

/**
 * axas_space_discard - give back the frames of a range whose areas stay
 * @space: the space
 * @gpa: first GPA, aligned to 4 KiB
 * @size: bytes, a multiple of 4 KiB
 * @freed: out: what has become of the frames; nothing if the call fails
 *
 * Faults that come into the range meanwhile wait for the end where there was a
 * frame.
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_DISCARD.
 */
int axas_space_discard(struct axas_space *space, axas_gpa_t gpa, u64 size,
		       struct axas_npt_freed *freed)
{
	u64 begin = axas_trace_begin(axas_discard);
	int ret;

	*freed = (struct axas_npt_freed){};
	ret = range_discard(space, gpa.val, size, freed);
	trace_axas_discard(space->npt.id, gpa.val, size, freed->freed,
			   freed->pinned, ret, axas_trace_ns(begin));
	return ret;
}
EXPORT_SYMBOL_GPL(axas_space_discard);
