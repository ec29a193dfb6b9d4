// SPDX-License-Identifier: GPL-2.0
/*
 * What was written, or used, is listed, and armed again.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>

#include <axas/trace.h>
#include <axas/track.h>

#include "axas_alias.h"
#include "axas_hold.h"
#include "axas_runs.h"
#include "axas_track.h"

/* Tables that are looked at before others get the lock. */
#define TRACK_TABLES	64

/**
 * struct track_list - a list that is being made
 * @space: the space
 * @tracker: who lists, or NULL: all of it is for the others
 * @what: what it lists, an &enum axas_track_what
 * @runs: the runs
 * @start: first byte of what is listed now
 * @last: last byte
 * @pages: how many of these were open
 * @arm: the tracker has just begun: what is open was written before
 * @quiet: what is found is not for @runs
 * @peek: nothing is armed
 * @full: there was no room for all of it
 */
struct track_list {
	struct axas_space *space;
	struct axas_tracker *tracker;
	u32 what;
	struct axas_runs runs;
	u64 start;
	u64 last;
	u64 pages;
	bool arm;
	bool quiet;
	bool peek;
	bool full;
};

/* It was counted when it was opened. */
static void tracker_keep(struct axas_tracker *tracker, u64 start, u64 last)
{
	if (!axas_tracker_clip(tracker, &start, &last))
		return;
	axas_tracker_listed(tracker, (last - start + 1) / SZ_4K);
	axas_tracker_mark(tracker, start, last);
}

/* What it doesn't list now is left for later, as everything is for the others. */
static void list_leave(struct track_list *list, u64 start, u64 last)
{
	struct axas_tracker *tracker;

	list_for_each_entry(tracker, &list->space->tracking->trackers, node)
		if (tracker != list->tracker && tracker->what == list->what)
			tracker_keep(tracker, start, last);
	if (!list->tracker || list->arm)
		return;
	if (start < list->start)
		axas_tracker_mark(list->tracker, start, list->start - 1);
	if (last > list->last)
		axas_tracker_mark(list->tracker, list->last + 1, last);
}

/* A run of open leaves, which are armed. An empty one asks whether there is room. */
static bool list_visit(void *arg, u64 gpa, u64 size)
{
	struct track_list *list = arg;
	u64 start = max(gpa, list->start), last = min(gpa + size - 1, list->last);

	if (!size) {
		list->full = !list->quiet &&
			     !axas_runs_add(&list->runs, start, start);
		return !list->full;
	}
	if (!list->quiet)
		axas_runs_add(&list->runs, start, last + 1);
	if (list->peek)
		return true;
	list->pages += (last - start + 1) / SZ_4K;
	list_leave(list, gpa, gpa + size - 1);
	return true;
}

/* It may be written to, or used, without anybody noticing: so it is until that ends. */
static void list_pinned(void *arg, u64 gpa, u64 size)
{
	const struct track_list *list = arg;

	axas_track_mark_all(list->space, list->what, gpa, size);
}

static void list_harvest(struct track_list *list,
			 struct axas_npt_harvest *harvest)
{
	struct axas_npt *npt = &list->space->npt;

	harvest->visit = list_visit;
	harvest->pinned = list_pinned;
	harvest->arg = list;
	harvest->held = list->space->held;
	harvest->peek = list->peek;
	harvest->used = list->what == AXAS_TRACK_ACCESSED;
	if (list->arm && !axas_track_piece(list->space, list->what,
					   list->tracker, list->start,
					   &list->last)) {
		harvest->stale = !harvest->held;
		/* Links need not say yet what was used before. */
		harvest->all = harvest->held || harvest->used;
	}
	harvest->next = list->start;
	harvest->end = list->last + 1;
	list->pages = 0;
	npt->ops->tracking->harvest(npt, harvest);
	if (list->tracker && list->pages)
		axas_tracker_listed(list->tracker, list->pages);
}

void axas_track_collect_all(struct axas_space *space, u64 gpa, u64 size)
{
	struct track_list list = {
		.space = space,
		.what = AXAS_TRACK_WRITTEN,
		.start = gpa,
		.last = gpa + size - 1,
		.quiet = true,
	};
	struct axas_npt_harvest harvest = { .budget = U32_MAX };

	list_harvest(&list, &harvest);
}

/* References to a page but for the table's and those of PTEs. */
static int track_page_pins(const struct page *page, int *count)
{
	*count = page_count(page);
	/* Whoever takes a page from a window does so in this order. */
	smp_rmb();
	return *count - 2 - atomic_read(&page->_mapcount);
}

/*
 * Has anybody but the table and windows a reference? A window gets a page under its
 * lock: while that is held windows only lose it, and the count is looked at first. But
 * fork(2) copies a PTE without: where something changes, somebody may have it pinned.
 */
static bool track_page_pinned(struct page *page)
{
	int count, again, pins;

	if (!trylock_page(page))
		return true;
	pins = track_page_pins(page, &count);
	/* What is read again is read later. */
	smp_rmb();
	pins = max(pins, track_page_pins(page, &again));
	unlock_page(page);
	return pins > 0 || count != again;
}

/* Each page is one of its own. */
static int track_pinned_leaf(void *arg, axas_gpa_t gpa,
			     const struct axas_leaf *leaf)
{
	unsigned int n = leaf->attr.owned ? 1U << 9 * (leaf->level - 1) : 0;
	struct page *page = n ? axas_hal_page(leaf->hpa) : NULL;
	u64 start = gpa.val;

	for (; n--; page++, start += SZ_4K)
		if (track_page_pinned(page))
			axas_tracker_mark(arg, start, start + SZ_4K - 1);
	cond_resched();
	return 0;
}

static void tracker_mark_pinned(struct axas_tracker *tracker, u64 start, u64 last)
{
	const struct axas_npt *npt = &tracker->space->npt;

	if (tracker->space->held)
		npt->ops->walk(npt, axas_gpa(start), last - start + 1,
			       track_pinned_leaf, tracker);
}

/* They were marked, and are listed: but for those that somebody has pinned. */
static void tracker_unmark_unpinned(struct axas_tracker *tracker, u64 start,
				    u64 last)
{
	axas_tracker_unmark(tracker, start, last);
	tracker_mark_pinned(tracker, start, last);
}

/* ---- listing ---- */

/* Go on from @list.start, for some tables. */
static void list_chunk(struct track_list *list)
{
	struct axas_npt_harvest harvest = { .budget = TRACK_TABLES };
	struct axas_tracker *tracker = list->tracker;
	bool marked = !list->quiet &&
		      axas_tracker_marked(tracker, list->start, &list->last);

	/* Some of it is a run, which there has to be room for. */
	if (marked && !axas_runs_add(&list->runs, list->start, list->start)) {
		list->full = true;
		return;
	}
	list->quiet |= marked;
	list_harvest(list, &harvest);
	/* What others have armed, and have marked as pinned, wasn't looked at. */
	if (list->arm && !harvest.all)
		tracker_mark_pinned(tracker, list->start, harvest.next - 1);
	list->quiet &= !marked;
	if (marked)
		axas_runs_add(&list->runs, list->start, harvest.next);
	if (marked && !list->peek)
		tracker_unmark_unpinned(tracker, list->start, harvest.next - 1);
	list->start = harvest.next;
}

/* What aliases may write to isn't armed before they have forgotten it. */
static int list_some(struct track_list *list, u64 end)
{
	struct axas_space *space = list->space;
	int ret = 0;

	if (!list->peek)
		ret = axas_alias_begin(space, list->start, end - list->start);
	if (ret)
		return ret;
	list->last = end - 1;
	axas_hold_write(space->hold, &space->lock);
	list_chunk(list);
	axas_hold_end(space->hold);
	if (!list->peek)
		axas_alias_end(space);
	return 0;
}

/* As far as it comes. Others have their turn between. */
static int list_all(struct track_list *list, u64 end)
{
	struct axas_space *space = list->space;
	int ret = 0;

	while (!ret && list->start < end && !list->full) {
		ret = mutex_lock_killable(&space->lock);
		if (ret)
			return ret;
		ret = list_some(list, end);
		mutex_unlock(&space->lock);
		cond_resched();
	}
	return ret;
}

static int tracker_check(const struct axas_tracker *tracker, u64 gpa, u64 size)
{
	if (!axas_range_ok(gpa, size))
		return -EINVAL;
	return axas_range_in(gpa, size, tracker->start,
			     tracker->last - tracker->start + 1) ? 0 : -ERANGE;
}

static int tracker_list(struct track_list *list, u64 end)
{
	int ret = tracker_check(list->tracker, list->start, end - list->start);

	if (ret)
		return ret;
	ret = list_all(list, end);
	if (ret && !list->peek)
		axas_tracker_put(list->tracker, list->runs.entries,
				 list->runs.done);
	return ret;
}

/**
 * axas_tracker_list - list what has been written, or used
 * @tracker: the tracker
 * @dirty: as for AXAS_DIRTY, but for @size and @entries; @done is written, and @gpa
 *	and @length unless the call fails
 * @entries: out: the runs
 *
 * Context: may sleep. Takes the space's lock and R, for some tables at a time.
 * Return: 0; -EINVAL; -ERANGE; -EINTR, and then what it has found is listed again.
 */
int axas_tracker_list(struct axas_tracker *tracker, struct axas_dirty *dirty,
		      struct axas_next_entry *entries)
{
	u64 begin = axas_trace_begin(axas_dirty);
	u64 end = dirty->gpa + dirty->length;
	struct track_list list = {
		.space = tracker->space,
		.tracker = tracker,
		.what = tracker->what,
		.runs = { .entries = entries, .nr = dirty->nr },
		.start = dirty->gpa,
		.peek = dirty->flags & AXAS_DIRTY_PEEK,
	};
	int ret = tracker_list(&list, end);

	trace_axas_dirty(tracker->space->npt.id, dirty->gpa,
			 list.start - dirty->gpa, dirty->flags, list.runs.done, ret,
			 axas_trace_ns(begin));
	if (ret)
		return ret;
	dirty->gpa = list.start;
	dirty->length = end - list.start;
	dirty->done = list.runs.done;
	return 0;
}
EXPORT_SYMBOL_GPL(axas_tracker_list);

/**
 * axas_tracker_put - pages were written, or used, as far as a tracker is concerned
 * @tracker: the tracker
 * @entries: the pages
 * @n: how many runs
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0; -EINVAL or -ERANGE, and then nothing has changed.
 */
int axas_tracker_put(struct axas_tracker *tracker,
		     const struct axas_next_entry *entries, unsigned int n)
{
	unsigned int i;
	int ret;

	for (i = 0; i < n; i++) {
		ret = tracker_check(tracker, entries[i].gpa, entries[i].length);
		if (ret)
			return ret;
	}
	guard(mutex)(&tracker->space->lock);
	for (i = 0; i < n; i++)
		axas_tracker_mark(tracker, entries[i].gpa,
				  entries[i].gpa + entries[i].length - 1);
	return 0;
}
EXPORT_SYMBOL_GPL(axas_tracker_put);

/* For all trackers. A write is a use. */
static void track_wrote(struct axas_space *space, u64 start, u64 end)
{
	axas_track_mark_all(space, AXAS_TRACK_WRITTEN, start, end - start);
	axas_track_mark_all(space, AXAS_TRACK_ACCESSED, start, end - start);
}

/**
 * axas_space_was_written - pages were written without the table having noticed
 * @space: the space
 * @gpas: an address in each page, in any order, as often as one likes
 * @n: how many
 *
 * For who lets something write by other means than leaves that axas has made: a hypervisor
 * that drains a log of the CPU's (SDM volume 3C, 29.3.6), a device with a log of its own.
 * What neighbours what comes before it in the array costs little. It is listed by the next
 * AXAS_DIRTY: who stops a guest to list for the last time has such logs drained before.
 *
 * Context: may sleep. Takes the space's lock, not killably, for nobody would write it down
 * otherwise.
 * Return: 0; -EINVAL if an address is wider than the space's, and then nothing has changed.
 */
int axas_space_was_written(struct axas_space *space, const u64 *gpas, unsigned int n)
{
	u64 start = 0, end = 0, page;
	unsigned int i;

	for (i = 0; i < n; i++)
		if (gpas[i] >> space->npt.gpa_bits)
			return -EINVAL;
	guard(mutex)(&space->lock);
	if (!space->npt.arms)
		return 0;
	for (i = 0; i < n; i++) {
		page = ALIGN_DOWN(gpas[i], SZ_4K);
		if (page != end && start < end) {
			track_wrote(space, start, end);
			cond_resched();
		}
		if (page != end)
			start = page;
		end = page + SZ_4K;
	}
	if (start < end)
		track_wrote(space, start, end);
	return 0;
}
EXPORT_SYMBOL_GPL(axas_space_was_written);

int axas_tracker_arm(struct axas_tracker *tracker)
{
	struct track_list list = {
		.space = tracker->space,
		.tracker = tracker,
		.what = tracker->what,
		.start = tracker->start,
		.arm = true,
		.quiet = true,
	};

	return list_all(&list, tracker->last + 1);
}
