// SPDX-License-Identifier: GPL-2.0
/*
 * A CPU uses what is tracked: what its own walks let it write, or read, without a fault,
 * and what it is let to by one, is in the next list of each tracker, and little else.
 */
#include <linux/bitmap.h>
#include <linux/slab.h>

#include <axas/track.h>

#include "hw.h"

/* Pages: small leaves, then some that come as 2 MiB. */
#define TRACK_PAGES	2048
#define TRACK_SMALL	1024
#define TRACK_SIZE	(TRACK_PAGES * SZ_4K)
#define NR_TRACKERS	3
#define NR_RUNS		16

/**
 * struct hw_tracker - a tracker, and what it has to list
 * @tracker: the tracker, or NULL
 * @what: an &enum axas_track_what
 * @first: first page of its range
 * @end: behind the last
 * @must: pages that the CPU has written, or used, since they were listed
 * @may: pages that may be listed besides
 */
struct hw_tracker {
	struct axas_tracker *tracker;
	u32 what;
	unsigned int first;
	unsigned int end;
	DECLARE_BITMAP(must, TRACK_PAGES);
	DECLARE_BITMAP(may, TRACK_PAGES);
};

/**
 * struct hw_tracks - a run
 * @run: the space, and where chance comes from
 * @base: GPA of the first page
 * @by_flags: the CPU says what was written
 * @what: for messages: the step
 * @trackers: some of what is written, and one of what is used where that can be
 * @got: what was listed
 * @small: which ranges of 2 MiB had small leaves of which one was used, before some were joined
 * @more: pages that were listed though nobody had written to them
 */
struct hw_tracks {
	struct hw_run *run;
	u64 base;
	bool by_flags;
	const char *what;
	struct hw_tracker trackers[NR_TRACKERS];
	DECLARE_BITMAP(got, TRACK_PAGES);
	DECLARE_BITMAP(small, TRACK_PAGES / 512);
	u64 more;
};

static u64 track_gpa(const struct hw_tracks *tracks, unsigned int page)
{
	return tracks->base + (u64)page * SZ_4K;
}

static void track_fail(struct hw_tracks *tracks, unsigned int page, const char *what)
{
	hw_fail(tracks->run, track_gpa(tracks, page), tracks->what, what);
}

/* A few pages of [first, end). */
static void some_pages(struct hw_run *run, unsigned int *first, unsigned int *end)
{
	unsigned int n = *end - *first;

	*first += hw_below(run, n);
	*end = min(*end, *first + 1 + hw_below(run, hw_one_in(run, 4) ? n : 40));
}

/* ---- what the CPU does ---- */

/* Does the CPU say that it has used a page, or written? Where it doesn't nobody can know. */
static bool says(struct hw_tracks *tracks, u64 gpa, unsigned int flag)
{
	struct hw_run *run = tracks->run;
	struct hw_walk walk;
	unsigned int flags;

	hw_raw_walk(&run->space->npt, gpa, &walk);
	hw_raw_flags(&run->space->npt, walk.entries[walk.nr - 1], &flags);
	run->sets_flags |= flags & flag;
	return run->sets_flags & flag;
}

/* Does a tracker of that want to know? */
static bool tracker_has(const struct hw_tracker *t, u32 what, unsigned int page)
{
	return t->tracker && t->what == what && page >= t->first && page < t->end;
}

/*
 * A tenth of what was listed may be more than was written: large leaves are opened as
 * a whole where one of several trackers ends.
 */
static void track_expect_little_more(struct hw_tracks *tracks)
{
	if (tracks->more > tracks->run->stats.checks / 10)
		track_fail(tracks, 0, "much is listed that nobody did");
}

/*
 * A leaf is used as a whole, and written as a whole where nobody tracks it, or for the
 * first time where the CPU says so.
 */
static void track_may(struct hw_tracks *tracks, u32 what, unsigned int page, bool whole)
{
	unsigned int first = whole ? ALIGN_DOWN(page, 512) : page, i;

	for (i = 0; i < NR_TRACKERS; i++)
		if (tracks->trackers[i].what == what)
			bitmap_set(tracks->trackers[i].may, first, whole ? 512 : 1);
}

static void track_did(struct hw_tracks *tracks, u32 what, unsigned int page)
{
	bool known = false;
	unsigned int i;

	for (i = 0; i < NR_TRACKERS; i++) {
		if (!tracker_has(&tracks->trackers[i], what, page))
			continue;
		__set_bit(page, tracks->trackers[i].must);
		known = true;
	}
	track_may(tracks, what, page, page >= TRACK_SMALL &&
		  (what == AXAS_TRACK_ACCESSED || !known || tracks->by_flags));
}

static void track_note(struct hw_tracks *tracks, unsigned int page, unsigned int access)
{
	u64 gpa = track_gpa(tracks, page);

	if (access == AXAS_PROT_WRITE &&
	    (!tracks->by_flags || says(tracks, gpa, HW_DIRTY)))
		track_did(tracks, AXAS_TRACK_WRITTEN, page);
	if (says(tracks, gpa, HW_ACCESSED))
		track_did(tracks, AXAS_TRACK_ACCESSED, page);
	else
		track_may(tracks, AXAS_TRACK_ACCESSED, page, page >= TRACK_SMALL);
}

/* The level of a page's leaf, and its flags; or of what is there instead. */
static unsigned int track_leaf(struct hw_tracks *tracks, unsigned int page,
			       unsigned int *flags)
{
	const struct axas_npt *npt = &tracks->run->space->npt;
	struct hw_walk walk;

	hw_raw_walk(npt, track_gpa(tracks, page), &walk);
	hw_raw_flags(npt, walk.entries[walk.nr - 1], flags);
	return walk.levels[walk.nr - 1];
}

/* Before leaves may be joined: where is a small one used, in a tracker's range or outside? */
static void track_before_join(struct hw_tracks *tracks)
{
	unsigned int flags, page = TRACK_SMALL;

	bitmap_zero(tracks->small, TRACK_PAGES / 512);
	for (; page < TRACK_PAGES; page++)
		if (track_leaf(tracks, page, &flags) == 1 && flags & HW_ACCESSED)
			__set_bit(page / 512, tracks->small);
}

/* Where they have become a large one, that is used as a whole. */
static void track_joined(struct hw_tracks *tracks)
{
	unsigned int flags, i;

	for_each_set_bit(i, tracks->small, TRACK_PAGES / 512)
		if (track_leaf(tracks, i * 512, &flags) == 2)
			track_may(tracks, AXAS_TRACK_ACCESSED, i * 512, true);
}

static bool track_probe(struct hw_tracks *tracks, unsigned int page,
			unsigned int access, enum axas_probe_kind *kind)
{
	struct axas_probe_result result;

	if (axas_npt_probe(&tracks->run->space->npt,
			   axas_gpa(track_gpa(tracks, page)), access, &result)) {
		track_fail(tracks, page, "a probe that should be possible isn't");
		return false;
	}
	tracks->run->stats.probes++;
	*kind = result.kind;
	return true;
}

/* The CPU tries, and again when whoever runs it has resolved the fault. */
static void step_use(struct hw_tracks *tracks)
{
	unsigned int page = hw_below(tracks->run, TRACK_PAGES);
	unsigned int access = hw_one_in(tracks->run, 2) ? AXAS_PROT_WRITE : AXAS_PROT_READ;
	enum axas_probe_kind kind;
	int ret;

	tracks->what = access == AXAS_PROT_WRITE ? "a write" : "a read";
	if (!track_probe(tracks, page, access, &kind))
		return;
	tracks->run->stats.kinds[kind]++;
	if (kind != AXAS_PROBE_MAPPED) {
		ret = axas_space_fault(tracks->run->space,
				       axas_gpa(track_gpa(tracks, page)), access);
		if (ret != AXAS_FAULT_RESOLVED) {
			track_fail(tracks, page, "a fault isn't resolved");
			return;
		}
		if (!track_probe(tracks, page, access, &kind))
			return;
		if (kind != AXAS_PROBE_MAPPED)
			track_fail(tracks, page, "what was let isn't allowed");
	}
	track_note(tracks, page, access);
}

/* ---- what is listed ---- */

/* Return: false if there was something wrong with it. */
static bool track_list(struct hw_tracks *tracks, struct hw_tracker *t,
		       unsigned int first, unsigned int end, u32 flags)
{
	struct axas_next_entry runs[NR_RUNS];
	struct axas_dirty dirty = {
		.flags = flags,
		.gpa = track_gpa(tracks, first),
		.length = (u64)(end - first) * SZ_4K,
		.nr = NR_RUNS,
	};
	unsigned int i;

	bitmap_zero(tracks->got, TRACK_PAGES);
	while (dirty.length) {
		if (axas_tracker_list(t->tracker, &dirty, runs)) {
			track_fail(tracks, first, "it returns an error");
			return false;
		}
		for (i = 0; i < dirty.done; i++)
			bitmap_set(tracks->got, (runs[i].gpa - tracks->base) / SZ_4K,
				   runs[i].length / SZ_4K);
	}
	return true;
}

static void track_compare(struct hw_tracks *tracks, struct hw_tracker *t,
			  unsigned int first, unsigned int end)
{
	unsigned int page;

	for (page = first; page < end; page++) {
		bool got = test_bit(page, tracks->got);

		if (!got && test_bit(page, t->must)) {
			track_fail(tracks, page, "what the CPU did isn't listed");
			return;
		}
		if (!got || test_bit(page, t->may))
			continue;
		tracks->more++;
		if (t->what == AXAS_TRACK_ACCESSED) {
			track_fail(tracks, page, "what nobody did is listed");
			return;
		}
	}
}

static void list_pages(struct hw_tracks *tracks, struct hw_tracker *t,
		       unsigned int first, unsigned int end, u32 flags)
{
	tracks->what = t->what == AXAS_TRACK_WRITTEN ? "a list of what is written" :
						       "a list of what is used";
	if (!t->tracker || !track_list(tracks, t, first, end, flags))
		return;
	track_compare(tracks, t, first, end);
	tracks->run->stats.checks += bitmap_weight(tracks->got, TRACK_PAGES);
	if (flags)
		return;
	bitmap_clear(t->must, first, end - first);
	bitmap_clear(t->may, first, end - first);
}

static void step_list(struct hw_tracks *tracks)
{
	struct hw_tracker *t = &tracks->trackers[hw_below(tracks->run, NR_TRACKERS)];
	unsigned int first = t->first, end = t->end;

	if (t->tracker && hw_one_in(tracks->run, 2))
		some_pages(tracks->run, &first, &end);
	list_pages(tracks, t, first, end,
		   hw_one_in(tracks->run, 4) ? AXAS_DIRTY_PEEK : 0);
}

/* ---- what else happens ---- */

static void track_begin(struct hw_tracks *tracks, struct hw_tracker *t)
{
	struct axas_track args = {
		.gpa = track_gpa(tracks, t->first),
		.length = (u64)(t->end - t->first) * SZ_4K,
		.what = t->what,
	};
	struct axas_tracker *tracker;

	if (tracks->by_flags && t->what == AXAS_TRACK_WRITTEN)
		args.flags = AXAS_TRACK_BY_FLAGS;
	bitmap_zero(t->must, TRACK_PAGES);
	bitmap_zero(t->may, TRACK_PAGES);
	tracker = axas_tracker_create(tracks->run->space, &args);
	t->tracker = IS_ERR(tracker) ? NULL : tracker;
	if (IS_ERR(tracker) && (PTR_ERR(tracker) != -EOPNOTSUPP ||
				t->what == AXAS_TRACK_WRITTEN))
		track_fail(tracks, t->first, "there is no tracker");
}

/* Leaves that no other one tracks are joined. */
static void track_destroy(struct hw_tracks *tracks, struct hw_tracker *t)
{
	track_before_join(tracks);
	axas_tracker_destroy(t->tracker);
	track_joined(tracks);
}

static void step_anew(struct hw_tracks *tracks)
{
	struct hw_tracker *t = &tracks->trackers[hw_below(tracks->run, NR_TRACKERS)];

	tracks->what = "a new tracker";
	if (!t->tracker)
		return;
	track_destroy(tracks, t);
	t->first = 0;
	t->end = TRACK_PAGES;
	if (hw_one_in(tracks->run, 2))
		some_pages(tracks->run, &t->first, &t->end);
	track_begin(tracks, t);
}

/* The pages count as written, and what comes in their place isn't used. */
static void step_discard(struct hw_tracks *tracks)
{
	unsigned int first = 0, end = TRACK_PAGES, i;
	struct axas_npt_freed freed;
	struct hw_tracker *t;

	tracks->what = "a discard";
	some_pages(tracks->run, &first, &end);
	if (axas_space_discard(tracks->run->space, axas_gpa(track_gpa(tracks, first)),
			       (u64)(end - first) * SZ_4K, &freed))
		track_fail(tracks, first, "it returns an error");
	for (i = 0; i < NR_TRACKERS; i++) {
		t = &tracks->trackers[i];
		if (t->what == AXAS_TRACK_WRITTEN)
			bitmap_set(t->may, first, end - first);
		else
			bitmap_clear(t->must, first, end - first);
	}
}

/* An area that becomes one with its neighbours has its leaves joined. */
static int track_protect(struct hw_tracks *tracks, axas_gpa_t gpa, u64 size,
			 unsigned int prot)
{
	int ret;

	track_before_join(tracks);
	ret = axas_space_protect(tracks->run->space, gpa, size, prot);
	track_joined(tracks);
	return ret;
}

/* While writes aren't allowed none is let, tracked or not. */
static void step_protect(struct hw_tracks *tracks)
{
	unsigned int first = 0, end = TRACK_PAGES;
	struct axas_space *space = tracks->run->space;
	enum axas_probe_kind kind;
	axas_gpa_t gpa;
	u64 size;

	tracks->what = "a protect";
	some_pages(tracks->run, &first, &end);
	gpa = axas_gpa(track_gpa(tracks, first));
	size = (u64)(end - first) * SZ_4K;
	if (track_protect(tracks, gpa, size, AXAS_PROT_READ) ||
	    axas_space_fault(space, gpa, AXAS_PROT_WRITE) != AXAS_FAULT_DENIED)
		track_fail(tracks, first, "a write is let that isn't allowed");
	if (track_probe(tracks, first, AXAS_PROT_WRITE, &kind) &&
	    kind == AXAS_PROBE_MAPPED)
		track_fail(tracks, first, "the CPU writes what it may not");
	if (track_protect(tracks, gpa, size, AXAS_PROT_READ | AXAS_PROT_WRITE))
		track_fail(tracks, first, "it returns an error");
}

static void track_step(struct hw_tracks *tracks)
{
	unsigned int n = hw_below(tracks->run, 64);

	if (n < 48)
		step_use(tracks);
	else if (n < 59)
		step_list(tracks);
	else if (n < 61)
		step_anew(tracks);
	else if (n < 63)
		step_discard(tracks);
	else
		step_protect(tracks);
}

/* ---- a run ---- */

static int track_map(struct hw_tracks *tracks)
{
	struct axas_map map = {
		.gpa = tracks->base,
		.length = TRACK_SMALL * SZ_4K,
		.backend = AXAS_BACKEND_ALLOC,
		.prot = AXAS_PROT_READ | AXAS_PROT_WRITE,
	};
	int ret = axas_space_map(tracks->run->space, &map);

	map.gpa += map.length;
	map.length = TRACK_SIZE - map.length;
	map.max_leaf = tracks->run->space->npt.caps.leaf_sizes & SZ_2M;
	return ret ?: axas_space_map(tracks->run->space, &map);
}

static void track_end(struct hw_tracks *tracks)
{
	struct hw_tracker *t;
	unsigned int i;

	track_expect_little_more(tracks);
	for (i = 0; i < NR_TRACKERS; i++) {
		t = &tracks->trackers[i];
		if (!t->tracker)
			continue;
		if (!tracks->run->failed)
			list_pages(tracks, t, t->first, t->end, 0);
		track_destroy(tracks, t);
	}
}

/**
 * hw_track_begin - begin to track some memory of a run's space
 * @run: the run, whose space is empty
 *
 * Return: what hw_track_steps() takes, or NULL.
 */
struct hw_tracks *hw_track_begin(struct hw_run *run)
{
	struct hw_tracks *tracks = kzalloc(sizeof(*tracks), GFP_KERNEL);
	unsigned int i;

	if (!tracks)
		return NULL;
	tracks->run = run;
	tracks->what = "the beginning";
	tracks->by_flags = run->space->npt.ops->tracking->dirty_way(&run->space->npt) &&
			   hw_one_in(run, 2);
	tracks->base = ALIGN_DOWN(hw_random64(run) % (run->limit - TRACK_SIZE), SZ_2M);
	if (track_map(tracks))
		track_fail(tracks, 0, "there is no memory");
	for (i = 0; i < NR_TRACKERS && !run->failed; i++) {
		tracks->trackers[i].what = i == 2 ? AXAS_TRACK_ACCESSED : AXAS_TRACK_WRITTEN;
		tracks->trackers[i].end = TRACK_PAGES;
		track_begin(tracks, &tracks->trackers[i]);
	}
	return tracks;
}

/**
 * hw_track_steps - the CPU uses it, and lists are made of that
 * @tracks: what hw_track_begin() has returned
 * @n: how many steps
 */
void hw_track_steps(struct hw_tracks *tracks, unsigned int n)
{
	for (; n && !tracks->run->failed; n--) {
		track_step(tracks);
		tracks->run->step++;
		cond_resched();
	}
}

/**
 * hw_track_end - all is listed once more
 * @tracks: what hw_track_begin() has returned, or NULL
 */
void hw_track_end(struct hw_tracks *tracks)
{
	if (!tracks)
		return;
	track_end(tracks);
	kfree(tracks);
}
