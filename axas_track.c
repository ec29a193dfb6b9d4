// SPDX-License-Identifier: GPL-2.0
/*
 * Trackers: what was written, or used, since somebody asked last.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <axas/trace.h>
#include <axas/track.h>

#include "axas_alias.h"
#include "axas_area.h"
#include "axas_hold.h"
#include "axas_track.h"

/* The part of [*start, *last] that a tracker is for. */
bool axas_tracker_clip(const struct axas_tracker *tracker, u64 *start,
		       u64 *last)
{
	*start = max(*start, tracker->start);
	*last = min(*last, tracker->last);
	return *start <= *last;
}

static u64 tracker_opened(const struct axas_tracker *tracker)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(tracker->opened, cpu));
	return sum;
}

/**
 * axas_tracker_ready - is there as much as somebody waits for?
 * @tracker: the tracker
 *
 * Context: any.
 * Return: true if so.
 */
bool axas_tracker_ready(struct axas_tracker *tracker)
{
	return READ_ONCE(tracker->marked) + tracker_opened(tracker) -
	       READ_ONCE(tracker->listed) >= tracker->threshold;
}

/* Open pages have been listed, or marked. What a leaf is larger isn't counted. */
void axas_tracker_listed(struct axas_tracker *tracker, u64 pages)
{
	u64 left = tracker_opened(tracker) - tracker->listed;

	WRITE_ONCE(tracker->listed, tracker->listed + min(pages, left));
}

/*
 * Does a tracker of what, but for one, cover start? Return in *last how far that goes.
 * Under the lock or R.
 */
bool axas_track_piece(const struct axas_space *space, u32 what,
		      const struct axas_tracker *but, u64 start, u64 *last)
{
	const struct axas_tracker *tracker;
	u64 covered = 0, free = *last;

	list_for_each_entry(tracker, &space->tracking->trackers, node) {
		if (tracker == but || tracker->what != what ||
		    start > tracker->last)
			continue;
		if (start >= tracker->start)
			covered = max(covered, tracker->last);
		else
			free = min(free, tracker->start - 1);
	}
	*last = covered ? min(*last, covered) : free;
	return covered;
}

/* ---- what the table doesn't know ---- */

/* All of it is the same: it was written, or used. */
static const char tracker_written;

static void written_get(void *entry)
{
}

static void written_put(struct axas_tree *tree, void *entry)
{
}

static bool written_same(const void *a, const void *b)
{
	return true;
}

static const struct axas_tree_ops written_ops = {
	.get = written_get,
	.put = written_put,
	.same = written_same,
};

/* Pages in [start, last] that are marked. */
static u64 tracker_marks(struct axas_tracker *tracker, u64 start, u64 last)
{
	u64 first, end, pages = 0;

	for (; start <= last; start = end + 1) {
		first = start;
		end = last;
		if (!axas_tree_find(&tracker->written, &first, &end))
			break;
		first = max(first, start);
		end = min(end, last);
		pages += (end - first + 1) / SZ_4K;
		cond_resched();
	}
	return pages;
}

/*
 * There is always room for one range: without memory for more, all of the tracker's
 * counts as written.
 */
void axas_tracker_mark(struct axas_tracker *tracker, u64 start, u64 last)
{
	struct axas_tree *written = &tracker->written;

	if (!axas_tracker_clip(tracker, &start, &last))
		return;
	if (axas_tree_reserve(written, 2)) {
		start = tracker->start;
		last = tracker->last;
		axas_tree_remove(written, start, last);
		tracker->marked = 0;
	}
	WRITE_ONCE(tracker->marked, tracker->marked + (last - start + 1) / SZ_4K -
				    tracker_marks(tracker, start, last));
	axas_tree_replace(written, start, last, (void *)&tracker_written);
	axas_tree_join(written, start, last);
	axas_tree_release(written);
	if (axas_tracker_ready(tracker))
		wake_up_interruptible(&tracker->wait);
}

/* It was listed. Without memory to say so it will be listed again. */
void axas_tracker_unmark(struct axas_tracker *tracker, u64 start, u64 last)
{
	u64 pages = tracker_marks(tracker, start, last);

	if (!axas_tree_erase(&tracker->written, start, last))
		WRITE_ONCE(tracker->marked, tracker->marked - pages);
}

/* Is what begins at start marked? Return in *last how far that goes. */
bool axas_tracker_marked(struct axas_tracker *tracker, u64 start, u64 *last)
{
	u64 first = start, end = *last;

	if (!axas_tree_find(&tracker->written, &first, &end))
		return false;
	if (first > start) {
		*last = first - 1;
		return false;
	}
	*last = min(*last, end);
	return true;
}

void axas_track_mark_all(struct axas_space *space, u32 what, u64 gpa, u64 size)
{
	struct axas_tracker *tracker;

	lockdep_assert_held(&space->lock);
	list_for_each_entry(tracker, &space->tracking->trackers, node)
		if (tracker->what == what)
			axas_tracker_mark(tracker, gpa, gpa + size - 1);
}

/* ---- opening a page ---- */

/**
 * axas_track_opened - a page was opened
 * @space: the space
 * @gpa: any address in it
 *
 * Context: any. Under R for reading.
 */
void axas_track_opened(struct axas_space *space, u64 gpa)
{
	struct axas_tracker *tracker;

	list_for_each_entry(tracker, &space->tracking->trackers, node) {
		if (tracker->what != AXAS_TRACK_WRITTEN ||
		    gpa < tracker->start || gpa > tracker->last)
			continue;
		this_cpu_inc(*tracker->opened);
		/* Nobody adds it up unless somebody waits. */
		if (wq_has_sleeper(&tracker->wait) &&
		    axas_tracker_ready(tracker))
			wake_up_interruptible(&tracker->wait);
	}
}

/* Under R for reading: the areas of what isn't on its way out are what they were. */
static int track_open(struct axas_space *space, axas_gpa_t gpa,
		      unsigned int access)
{
	MA_STATE(mas, &space->areas.mt, gpa.val, gpa.val);
	struct axas_npt_cursor cursor = { .base = AXAS_CURSOR_NONE };
	struct axas_npt *npt = &space->npt;
	const struct axas_area *area;
	unsigned int more, max_level;
	u64 last = gpa.val;
	int ret;

	guard(rcu)();
	area = mas_walk(&mas);
	if (!area)
		return -EAGAIN;
	more = access & AXAS_PROT_ALL & ~area->attr.prot;
	if (more && (more & AXAS_PROT_FETCH || !area->attr.rom ||
		     !(access & AXAS_ACCESS_OWNER)))
		return -EACCES;
	/* What the owner of ROM has beyond a guest's rights it has where it is open. */
	if (access & AXAS_PROT_WRITE || more) {
		max_level = axas_track_piece(space, AXAS_TRACK_WRITTEN, NULL,
					     gpa.val, &last) ?
				    1 : AXAS_MAX_LEAF_LEVEL;
		ret = npt->ops->tracking->open(npt, gpa, &cursor, more,
					       max_level);
		if (ret)
			return ret;
		axas_track_opened(space, gpa.val);
	}
	return READ_ONCE(npt->aged) ? axas_track_use(npt, gpa) : 0;
}

/* Splits leave the rights that there are. */
static int track_split(struct axas_space *space, axas_gpa_t gpa)
{
	struct axas_npt_pool pool __free(axas_npt_pool) = {};
	int ret = mutex_lock_killable(&space->lock);

	if (ret)
		return ret;
	ret = axas_area_fill_pool(space, ALIGN_DOWN(gpa.val, SZ_4K), SZ_4K,
				  &pool);
	if (!ret) {
		axas_hold_write(space->hold, &space->lock);
		space->npt.ops->tracking->split(&space->npt, gpa, &pool);
		axas_hold_end(space->hold);
	}
	mutex_unlock(&space->lock);
	return ret;
}

int axas_track_open(struct axas_space *space, axas_gpa_t gpa,
		    unsigned int access)
{
	struct rw_semaphore *hold;
	int ret;

	/* The space is tracked: what belongs to that is there. See track_prepare(). */
	smp_rmb();
	do {
		hold = axas_hold_read(space->hold);
		if (!hold)
			return -EINTR;
		ret = track_open(space, gpa, access);
		up_read(hold);
		if (ret == -E2BIG)
			ret = track_split(space, gpa) ?: -E2BIG;
	} while (ret == -E2BIG);
	if (ret == -EAGAIN)
		cond_resched();
	return ret;
}

/* ---- birth and death ---- */

/* What the table does otherwise where writes may be noticed. Under the lock. */
static int track_prepare(struct axas_space *space)
{
	struct axas_npt *npt = &space->npt;
	const struct axas_npt_tracking *ops = npt->ops->tracking;
	struct axas_tracking *tracking;

	if (space->tracking)
		return 0;
	/* What an alias allows isn't for its own table to say. */
	if (!ops || axas_alias_any(space))
		return -EOPNOTSUPP;
	tracking = kzalloc(sizeof(*tracking), AXAS_GFP);
	if (!tracking)
		return -ENOMEM;
	INIT_LIST_HEAD(&tracking->trackers);
	tracking->ops = *npt->ops;
	tracking->ops.lookup = ops->lookup;
	tracking->ops.look = ops->look;
	tracking->ops.allowed = ops->allowed;
	tracking->ops.install = ops->install;
	space->tracking = tracking;
	/* Pairs with the barrier in axas_track_open(). */
	smp_store_release(&npt->tracked, true);
	WRITE_ONCE(npt->ops, &tracking->ops);
	return 0;
}

/* The same where uses may be noticed. */
static int track_prepare_aging(struct axas_space *space)
{
	struct axas_npt *npt = &space->npt;
	const struct axas_npt_tracking *ops = npt->ops->tracking;
	struct axas_tracking *tracking;
	int ret;

	if (npt->aged)
		return 0;
	if (!ops || !ops->aging || ops->aging->way(npt) == AXAS_NPT_WAY_NONE)
		return -EOPNOTSUPP;
	ret = track_prepare(space);
	if (ret)
		return ret;
	tracking = space->tracking;
	tracking->aging = tracking->ops;
	tracking->aging.lookup = ops->aging->lookup;
	tracking->aging.look = ops->aging->look;
	tracking->aging.allowed = ops->aging->allowed;
	WRITE_ONCE(npt->aged, true);
	/* Leaves may be idle already: who finds one by these knows what to do. */
	synchronize_rcu();
	WRITE_ONCE(npt->ops, &tracking->aging);
	return 0;
}

/* All that wait for writes do so in one way. */
static int track_prepare_writes(struct axas_space *space, bool by_flags)
{
	const struct axas_npt *npt = &space->npt;
	const struct axas_npt_tracking *ops = npt->ops->tracking;

	if (npt->arms & AXAS_TRACK_WRITTEN &&
	    !(npt->arms & AXAS_NPT_BY_FLAGS) == by_flags)
		return -EBUSY;
	if (by_flags && !(ops && ops->dirty_way(npt)))
		return -EOPNOTSUPP;
	return track_prepare(space);
}

static u8 tracker_arms(const struct axas_tracker *tracker)
{
	return tracker->what | (tracker->by_flags ? AXAS_NPT_BY_FLAGS : 0);
}

/* Before the first entry is armed, whoever doesn't know of that is through. */
static int track_begin(struct axas_space *space, const struct axas_tracker *tracker)
{
	u8 arms = space->npt.arms | tracker_arms(tracker);
	int ret = tracker->what == AXAS_TRACK_WRITTEN ?
			  track_prepare_writes(space, tracker->by_flags) :
			  track_prepare_aging(space);

	if (ret || space->npt.arms == arms)
		return ret;
	WRITE_ONCE(space->npt.arms, arms);
	synchronize_rcu();
	return 0;
}

/* What the trackers that are left want to know. */
static u8 track_arms(const struct axas_space *space)
{
	const struct axas_tracker *tracker;
	u8 arms = 0;

	list_for_each_entry(tracker, &space->tracking->trackers, node)
		arms |= tracker_arms(tracker);
	return arms;
}

/* Each part of [start, last] that lies in one area, which nobody tracks any more. */
static void track_reopen(struct axas_space *space, u64 start, u64 last,
			 bool join)
{
	const struct axas_area *area;
	u64 first, end, gpa;

	for (;; start = end + 1) {
		first = start;
		end = last;
		area = axas_tree_find(&space->areas, &first, &end);
		if (!area)
			break;
		gpa = max(first, start);
		if (join)
			axas_area_join_leaves(space, first, end, gpa, last,
					      area->max_level);
		else
			space->npt.ops->tracking->reopen(&space->npt,
							 axas_gpa(gpa),
							 min(end, last) + 1 - gpa,
							 area->attr.prot,
							 area->max_level > 1);
		cond_resched();
		if (end >= last)
			break;
	}
}

/* What the leaf at gpa may be as large as. */
static u64 track_leaf_size(struct axas_space *space, u64 gpa)
{
	u64 first = gpa, last = gpa;
	const struct axas_area *area = axas_tree_find(&space->areas, &first,
						      &last);

	return axas_level_size(area ? max_t(u8, area->max_level, 1) : 1);
}

/* A leaf that reaches out of the range was armed, or split, as a whole. */
static void track_end(struct axas_space *space, u64 start, u64 last, bool join)
{
	u64 next, end;

	start = ALIGN_DOWN(start, track_leaf_size(space, start));
	last = ALIGN(last + 1, track_leaf_size(space, last)) - 1;
	for (next = start; next <= last; next = end + 1) {
		end = last;
		if (!axas_track_piece(space, AXAS_TRACK_WRITTEN, NULL, next,
				      &end))
			track_reopen(space, next, end, join);
	}
}

static void tracker_free_rcu(struct rcu_head *head)
{
	struct axas_tracker *tracker =
		container_of(head, struct axas_tracker, rcu);

	free_percpu(tracker->opened);
	kfree(tracker);
}

/* Somebody may be looking at its figures. */
static void tracker_free(struct axas_tracker *tracker)
{
	axas_tree_destroy(&tracker->written);
	call_rcu(&tracker->rcu, tracker_free_rcu);
}

/* Nobody hears of a use, nor of what the CPU's flags say, and can count it. */
static bool track_counts(const struct axas_track *args)
{
	return args->what == AXAS_TRACK_WRITTEN &&
	       !(args->flags & AXAS_TRACK_BY_FLAGS);
}

static struct axas_tracker *tracker_alloc(struct axas_space *space,
					  const struct axas_track *args)
{
	struct axas_tracker *tracker = kzalloc(sizeof(*tracker), AXAS_GFP);

	if (!tracker)
		return NULL;
	tracker->space = space;
	tracker->what = args->what;
	tracker->start = args->gpa;
	tracker->last = args->gpa + args->length - 1;
	tracker->by_flags = args->flags & AXAS_TRACK_BY_FLAGS;
	tracker->threshold = track_counts(args) ? args->threshold ?: 1 : U64_MAX;
	init_waitqueue_head(&tracker->wait);
	axas_tree_init(&tracker->written, &written_ops);
	tracker->opened = alloc_percpu_gfp(u64, AXAS_GFP | __GFP_ZERO);
	/* What is charged for the first range stays charged. */
	if (!tracker->opened || axas_tree_reserve(&tracker->written, 1)) {
		tracker_free(tracker);
		return NULL;
	}
	return tracker;
}

static int tracker_start(struct axas_tracker *tracker)
{
	struct axas_space *space = tracker->space;
	int ret = axas_hold_make(space);

	if (!ret)
		ret = mutex_lock_killable(&space->lock);
	if (ret)
		return ret;
	ret = track_begin(space, tracker);
	if (!ret) {
		axas_hold_write(space->hold, &space->lock);
		tracker->number = ++space->tracking->made;
		list_add_tail_rcu(&tracker->node, &space->tracking->trackers);
		axas_hold_end(space->hold);
	}
	mutex_unlock(&space->lock);
	return ret;
}

/* One of both, as a write is a use too. */
static bool track_what_ok(const struct axas_track *args)
{
	if (args->threshold && !track_counts(args))
		return false;
	return args->what == AXAS_TRACK_WRITTEN ||
	       (args->what == AXAS_TRACK_ACCESSED && !args->flags);
}

static struct axas_tracker *tracker_create(struct axas_space *space,
					   const struct axas_track *args)
{
	struct axas_tracker *tracker;
	int ret;

	if (args->reserved || !track_what_ok(args))
		return ERR_PTR(-EINVAL);
	ret = axas_area_check_range(space, args->gpa, args->length);
	if (ret)
		return ERR_PTR(ret);
	tracker = tracker_alloc(space, args);
	if (!tracker)
		return ERR_PTR(-ENOMEM);
	ret = tracker_start(tracker);
	if (ret) {
		tracker_free(tracker);
		return ERR_PTR(ret);
	}
	ret = axas_tracker_arm(tracker);
	if (ret) {
		axas_tracker_destroy(tracker);
		return ERR_PTR(ret);
	}
	return tracker;
}

/**
 * axas_tracker_create - begin to notice what is written, or used
 * @space: the space, which outlives the tracker
 * @args: as for AXAS_TRACK; @size is not looked at
 *
 * Context: may sleep. Takes the space's lock and R. The first one of a space waits for
 * a grace period.
 * Return: the tracker or an ERR_PTR() of an errno of AXAS_TRACK.
 */
struct axas_tracker *axas_tracker_create(struct axas_space *space,
					 const struct axas_track *args)
{
	u64 begin = axas_trace_begin(axas_track);
	struct axas_tracker *tracker = tracker_create(space, args);

	trace_axas_track(space->npt.id, args->gpa, args->length, args->what,
			 args->flags, PTR_ERR_OR_ZERO(tracker),
			 axas_trace_ns(begin));
	return tracker;
}
EXPORT_SYMBOL_GPL(axas_tracker_create);

/**
 * axas_tracker_destroy - the inverse
 * @tracker: the tracker; nobody waits for it any more
 *
 * Context: may sleep. Takes the space's lock and R.
 */
void axas_tracker_destroy(struct axas_tracker *tracker)
{
	struct axas_space *space = tracker->space;
	bool written = tracker->what == AXAS_TRACK_WRITTEN;

	mutex_lock(&space->lock);
	axas_hold_write(space->hold, &space->lock);
	list_del_rcu(&tracker->node);
	WRITE_ONCE(space->npt.arms, track_arms(space));
	if (written)
		track_end(space, tracker->start, tracker->last, false);
	if (written && !(space->npt.arms & AXAS_TRACK_WRITTEN))
		space->npt.ops->tracking->open_links(&space->npt);
	axas_hold_end(space->hold);
	if (written)
		track_end(space, tracker->start, tracker->last, true);
	mutex_unlock(&space->lock);
	tracker_free(tracker);
}
EXPORT_SYMBOL_GPL(axas_tracker_destroy);

/* ---- looking ---- */

static enum axas_npt_way tracker_way(const struct axas_tracker *tracker)
{
	const struct axas_npt *npt = &tracker->space->npt;

	if (tracker->what == AXAS_TRACK_ACCESSED)
		return axas_npt_get_ops(npt)->tracking->aging->way(npt);
	return tracker->by_flags ? AXAS_NPT_WAY_FLAGS : AXAS_NPT_WAY_FAULTS;
}

/**
 * axas_tracker_info - what is shown of a tracker
 * @tracker: the tracker
 * @info: out
 *
 * Context: any. Figures are read as they are.
 */
void axas_tracker_info(const struct axas_tracker *tracker,
		       struct axas_tracker_figures *info)
{
	u64 opened = tracker_opened(tracker), listed = READ_ONCE(tracker->listed);

	*info = (struct axas_tracker_figures){
		.number = tracker->number,
		.start = tracker->start,
		.last = tracker->last,
		.what = tracker->what,
		.way = tracker_way(tracker),
		/* It may have been listed between the two. */
		.opened = opened - min(opened, listed),
		.marked = READ_ONCE(tracker->marked),
	};
}

/**
 * axas_tracker_next - the first tracker of a space from a number on
 * @space: the space
 * @info: in: the number; out: the tracker
 *
 * Context: any. Takes RCU.
 * Return: false if there is none.
 */
bool axas_tracker_next(const struct axas_space *space,
		       struct axas_tracker_figures *info)
{
	const struct axas_tracker *tracker;

	/* Pairs with the release in track_prepare(). */
	if (!smp_load_acquire(&space->npt.tracked))
		return false;
	guard(rcu)();
	list_for_each_entry_rcu(tracker, &space->tracking->trackers, node) {
		if (tracker->number >= info->number) {
			axas_tracker_info(tracker, info);
			return true;
		}
	}
	return false;
}

/**
 * axas_track_free - what is left of the trackers of a space that goes
 * @space: the space, which nobody tracks
 *
 * Context: any.
 */
void axas_track_free(struct axas_space *space)
{
	kfree(space->tracking);
}
