// SPDX-License-Identifier: GPL-2.0
/*
 * Ranges, and what becomes of memory that a space has: frames go and come, areas
 * stay.
 */
#include <linux/export.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <axas/space.h>
#include <axas/trace.h>

#include "axas_alias.h"
#include "axas_area.h"
#include "axas_hold.h"
#include "axas_runs.h"
#include "axas_track.h"

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
		ret = axas_area_fill_pool(space, gpa, size, &pool);
	if (!ret)
		ret = axas_area_check_kept(space, gpa, size);
	if (!ret)
		ret = axas_alias_begin(space, gpa, size);
	if (ret)
		return ret;
	axas_hold_write(space->hold, &space->lock);
	space->npt.ops->freeze(&space->npt, axas_gpa(gpa), axas_gpa(gpa), size,
			       &pool, NULL, freed);
	space->npt.ops->thaw(&space->npt, axas_gpa(gpa), size, NULL);
	axas_hold_end(space->hold);
	axas_alias_end(space);
	axas_track_mark(space, gpa, size);
	return 0;
}

static int range_discard(struct axas_space *space, u64 gpa, u64 size,
			 struct axas_npt_freed *freed)
{
	int ret = axas_area_check_range(space, gpa, size);

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
 * Faults that come into the range meanwhile wait for the end.
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

/* ---- populate ---- */

/**
 * struct populate - frames that come into a range
 * @space: the space
 * @npt: its table, or the draft of what is to come there
 * @made: the area, if it isn't in the tree yet
 * @state: which signals end it
 * @gpa: where it goes on
 * @end: where it ends
 * @frames: frames to be used, the next one last; room for those of a table
 * @nr: how many there are
 * @place: where they are from
 * @pool: tables to be used
 *
 * The lock of @npt is held for a table of it at a time, and not while memory is
 * allocated.
 */
struct populate {
	struct axas_space *space;
	struct axas_npt *npt;
	const struct axas_area *made;
	unsigned int state;
	u64 gpa;
	u64 end;
	axas_hpa_t *frames;
	unsigned int nr;
	struct axas_place place;
	struct axas_npt_pool pool;
};

/*
 * What lies at @populate.gpa and up to @next, in one table and in one area. It
 * was looked at without the lock, and may be otherwise when that is had.
 */
struct populate_look {
	u64 gpa;
	u64 next;
	u64 there;
	u64 epoch;
	unsigned int level;
	unsigned int access;
	struct axas_place place;
	bool zeroed;
	bool large;
};

/* Under RCU, or the lock. */
static const struct axas_area *populate_area(const struct populate *populate,
					     u64 *next)
{
	u64 start = populate->gpa, last = start;
	const struct axas_area *area = populate->made;

	*next = min(ALIGN(populate->gpa + 1, SZ_2M), populate->end);
	if (area)
		return area;
	area = axas_tree_find(&populate->space->areas, &start, &last);
	if (area)
		*next = min(*next, last + 1);
	return area;
}

static int populate_add_leaf(void *arg, axas_gpa_t gpa,
			     const struct axas_leaf *leaf)
{
	struct populate_look *look = arg;
	u64 end = gpa.val + axas_level_size(leaf->level);

	look->there += min(end, look->next) - max(gpa.val, look->gpa);
	return 0;
}

static int populate_look(const struct populate *populate,
			 struct populate_look *look)
{
	const struct axas_npt *npt = populate->npt;
	const struct axas_area *area;
	struct axas_npt_slot slot;
	struct axas_leaf leaf;

	*look = (struct populate_look){ .gpa = populate->gpa };
	guard(rcu)();
	/* Before the area is found. Pairs with npt_new_epoch(). */
	look->epoch = smp_load_acquire(&npt->epoch);
	area = populate_area(populate, &look->next);
	if (!area)
		return -ENOENT;
	if (!area->max_level)
		return -EOPNOTSUPP;
	/* A tracker needn't notice it. */
	look->access = area->attr.prot & ~AXAS_PROT_WRITE;
	look->place = axas_area_place(area, axas_gpa(look->gpa));
	look->zeroed = area->ops->zeroed;
	axas_npt_get_ops(npt)->lookup(npt, axas_gpa(look->gpa), &slot, &leaf);
	look->level = slot.level;
	axas_npt_get_ops(npt)->walk(npt, axas_gpa(look->gpa), look->next - look->gpa,
				    populate_add_leaf, look);
	look->large = area->max_level > 1 && slot.level > 1 && !look->there &&
		      look->next - look->gpa == SZ_2M;
	return 0;
}

static int populate_lock(const struct populate *populate)
{
	struct mutex *lock = populate->npt->lock;

	return populate->state == TASK_INTERRUPTIBLE ?
		       mutex_lock_interruptible(lock) :
		       mutex_lock_killable(lock);
}

/*
 * There was no area any more, or its backend says no. Whoever takes an area away
 * makes a new epoch before the lock is dropped.
 */
static int populate_refused(const struct populate *populate,
			    const struct populate_look *look)
{
	int ret = populate_lock(populate);

	if (ret)
		return ret;
	ret = populate->npt->epoch == look->epoch ? -EOPNOTSUPP : -EAGAIN;
	mutex_unlock(populate->npt->lock);
	return ret;
}

/* What another backend gives, or is there from the beginning, a leaf at a time. */
static int populate_by_fault(struct populate *populate,
			     const struct populate_look *look)
{
	struct axas_memory memory;
	int ret;

	ret = axas_space_get_memory(populate->space, axas_gpa(look->gpa),
				    look->access, &memory);
	if (ret == -EFAULT)
		return populate_refused(populate, look);
	if (ret)
		return ret == -EACCES ? 0 : ret;
	if (memory.page)
		put_page(memory.page);
	populate->gpa = min(look->gpa + memory.left, populate->end);
	return 0;
}

static void populate_drop_frames(struct populate *populate)
{
	while (populate->nr)
		axas_hal_dealloc_frame(populate->frames[--populate->nr], 0);
}

/* As many as are missing. They are used in the order in which they came. */
static int populate_get_frames(struct populate *populate,
			       const struct populate_look *look)
{
	unsigned int want = (look->next - look->gpa - look->there) / SZ_4K, i;

	if (!populate->frames)
		populate->frames = kmalloc_array(AXAS_TABLE_ENTRIES,
						 sizeof(*populate->frames),
						 AXAS_GFP);
	if (!populate->frames)
		return -ENOMEM;
	if (!axas_place_same(populate->place, look->place))
		populate_drop_frames(populate);
	populate->place = look->place;
	for (i = want; i > populate->nr; i--) {
		axas_hpa_t frame = axas_hal_alloc_placed(0, look->place,
							 AXAS_GFP | __GFP_ZERO);

		if (!axas_frame_valid(frame))
			break;
		populate->frames[i - 1] = frame;
	}
	if (i <= populate->nr) {
		populate->nr = max(populate->nr, want);
		return 0;
	}
	for (; i < want; i++)
		axas_hal_dealloc_frame(populate->frames[i], 0);
	return -ENOMEM;
}

/* Where the next frame comes from may be another place since it was looked at. */
static bool populate_is_from(const struct populate *populate,
			     const struct axas_area *area,
			     struct axas_place place)
{
	return axas_place_same(axas_area_place(area, axas_gpa(populate->gpa)),
			       place);
}

/* Under the lock. */
static int populate_fill(struct populate *populate)
{
	struct axas_npt *npt = populate->npt;
	const struct axas_area *area;
	struct axas_leaf leaf;
	u64 next;
	int ret;

	area = populate_area(populate, &next);
	if (!area || !area->ops->zeroed ||
	    !populate_is_from(populate, area, populate->place))
		return -EAGAIN;
	ret = npt->ops->populate(npt, axas_gpa(populate->gpa), 1,
				 (next - populate->gpa) / SZ_4K,
				 populate->frames, &populate->nr, area->shared,
				 &populate->pool);
	if (!ret)
		populate->gpa = next;
	while (ret == -EHWPOISON &&
	       axas_npt_lookup(npt, axas_gpa(populate->gpa), &leaf) != ret)
		populate->gpa += SZ_4K;
	return ret;
}

/* Under the lock. */
static int populate_fill_large(struct populate *populate,
			       const struct populate_look *look,
			       struct axas_frame *frame)
{
	struct axas_npt *npt = populate->npt;
	const struct axas_area *area;
	unsigned int nr = 1;
	u64 next;
	int ret;

	area = populate_area(populate, &next);
	if (!area || !area->ops->zeroed || area->max_level < 2 ||
	    next - populate->gpa != SZ_2M ||
	    !populate_is_from(populate, area, look->place))
		return -EAGAIN;
	ret = npt->ops->populate(npt, axas_gpa(populate->gpa), 2, 1,
				 &frame->hpa, &nr, area->shared,
				 &populate->pool);
	if (!nr)
		axas_frame_take(frame);
	if (!ret)
		populate->gpa = next;
	return ret;
}

static int populate_large(struct populate *populate,
			  const struct populate_look *look)
{
	struct axas_frame frame __free(axas_frame) = AXAS_FRAME_NONE;
	int ret;

	frame = axas_frame_alloc_placed(AXAS_ORDER_2M, look->place,
					axas_place_gfp_2m(look->place) |
					__GFP_ZERO);
	if (!axas_frame_valid(frame.hpa))
		return -ENOMEM;
	ret = populate_lock(populate);
	if (ret)
		return ret;
	ret = populate_fill_large(populate, look, &frame);
	mutex_unlock(populate->npt->lock);
	return ret;
}

/* Go on by what lies in one table. -EAGAIN: it wasn't as it looked. */
static int populate_once(struct populate *populate)
{
	struct populate_look look;
	int ret = populate_look(populate, &look);

	if (ret)
		return ret;
	if (!look.zeroed)
		return populate_by_fault(populate, &look);
	if (look.there == look.next - look.gpa) {
		populate->gpa = look.next;
		return 0;
	}
	ret = axas_npt_pool_fill(&populate->pool, look.level - 1,
				 AXAS_GFP | __GFP_ZERO);
	if (!ret && look.large) {
		ret = populate_large(populate, &look);
		if (ret != -ENOMEM || look.place.whole)
			return ret;
		ret = 0;
	}
	if (!ret)
		ret = populate_get_frames(populate, &look);
	if (!ret)
		ret = populate_lock(populate);
	if (ret)
		return ret;
	ret = populate_fill(populate);
	mutex_unlock(populate->npt->lock);
	return ret;
}

static int populate_all(struct populate *populate)
{
	int ret = 0;

	while (populate->gpa < populate->end && (!ret || ret == -EAGAIN)) {
		if (signal_pending_state(populate->state, current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
		ret = populate_once(populate);
	}
	populate_drop_frames(populate);
	axas_npt_pool_free(&populate->pool);
	kfree(populate->frames);
	return ret;
}

/**
 * axas_range_populate - bring in the memory of an area that is being made
 * @draft: of its range
 * @area: the area, of a backend whose frames are zeroed
 *
 * Context: may sleep. Takes the draft's lock, again and again.
 * Return: 0, -ENOMEM or -EINTR.
 */
int axas_range_populate(struct axas_npt_draft *draft,
			const struct axas_area *area)
{
	struct populate populate = {
		.npt = &draft->npt,
		.made = area,
		.state = TASK_KILLABLE,
		.gpa = draft->start,
		.end = draft->end,
	};

	return populate_all(&populate);
}

static int range_populate(struct axas_space *space, u64 gpa, u64 size,
			  u64 *done)
{
	struct populate populate = {
		.space = space,
		.npt = &space->npt,
		.state = TASK_INTERRUPTIBLE,
		.gpa = gpa,
		.end = gpa + size,
	};
	int ret = axas_area_check_range(space, gpa, size);

	if (ret)
		return ret;
	ret = populate_all(&populate);
	*done = populate.gpa - gpa;
	return ret;
}

/**
 * axas_space_populate - bring in the memory of a range
 * @space: the space
 * @gpa: first GPA, aligned to 4 KiB
 * @size: bytes, a multiple of 4 KiB
 * @done: out: bytes from @gpa on that have memory
 *
 * Context: may sleep. Takes the space's lock, for one table at a time. Any signal
 * ends it.
 * Return: 0 or an errno of AXAS_POPULATE.
 */
int axas_space_populate(struct axas_space *space, axas_gpa_t gpa, u64 size,
			u64 *done)
{
	u64 begin = axas_trace_begin(axas_populate);
	int ret;

	*done = 0;
	ret = range_populate(space, gpa.val, size, done);
	trace_axas_populate(space->npt.id, gpa.val, size, *done, ret,
			    axas_trace_ns(begin));
	return ret;
}
EXPORT_SYMBOL_GPL(axas_space_populate);

/* ---- what is there ---- */

/* Leaves that are looked at before others get the lock. */
#define RUNS_LEAVES	128

/**
 * struct runs - memory that is there, in runs
 * @runs: the runs
 * @next: where to go on
 * @end: where it ends
 * @leaves: leaves that were looked at
 */
struct runs {
	struct axas_runs runs;
	u64 next;
	u64 end;
	unsigned int leaves;
};

enum { RUNS_END, RUNS_PAUSE, RUNS_FULL };

static int runs_add(void *arg, axas_gpa_t gpa, const struct axas_leaf *leaf)
{
	struct runs *runs = arg;
	u64 start = max(gpa.val, runs->next);
	u64 end = min(gpa.val + axas_level_size(leaf->level), runs->end);

	if (!axas_runs_add(&runs->runs, start, end)) {
		runs->next = start;
		return RUNS_FULL;
	}
	runs->next = end;
	return ++runs->leaves % RUNS_LEAVES ? RUNS_END : RUNS_PAUSE;
}

/*
 * Under the lock no entry is on its way from one state to another. -EINTR, or why
 * it ends.
 */
static int runs_walk(struct axas_space *space, struct runs *runs)
{
	const struct axas_npt *npt = &space->npt;
	u64 size = runs->end - runs->next;
	int ret = mutex_lock_killable(&space->lock);

	if (ret)
		return ret;
	ret = npt->ops->walk(npt, axas_gpa(runs->next), size, runs_add, runs);
	mutex_unlock(&space->lock);
	return ret;
}

/**
 * axas_space_next - list what memory is there
 * @space: the space
 * @next: as for AXAS_NEXT, but for @size, @flags and @entries; unchanged if the
 *	call fails
 * @entries: out: the runs
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_NEXT.
 */
int axas_space_next(struct axas_space *space, struct axas_next *next,
		    struct axas_next_entry *entries)
{
	struct runs runs = {
		.runs = { .entries = entries, .nr = next->nr },
		.next = next->gpa,
		.end = next->gpa + next->length,
	};
	int ret = axas_area_check_range(space, next->gpa, next->length);

	if (ret)
		return ret;
	do {
		ret = runs_walk(space, &runs);
		if (ret < 0)
			return ret;
		cond_resched();
	} while (ret == RUNS_PAUSE && runs.next < runs.end);
	if (ret == RUNS_END)
		runs.next = runs.end;
	next->gpa = runs.next;
	next->length = runs.end - runs.next;
	next->done = runs.runs.done;
	return 0;
}
EXPORT_SYMBOL_GPL(axas_space_next);
