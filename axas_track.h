/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What changes a space tells its trackers, and what opens a page.
 */
#ifndef _AXAS_TRACK_H
#define _AXAS_TRACK_H

#include <axas/track.h>

/**
 * struct axas_tracking - what a space has that was ever tracked
 * @ops: its format's, with those of &struct axas_npt_tracking
 * @aging: these, with those of &struct axas_npt_aging
 * @trackers: under the space's lock, and R for whoever changes it; in the order of their
 *	numbers
 * @made: how many there have been
 */
struct axas_tracking {
	struct axas_npt_ops ops;
	struct axas_npt_ops aging;
	struct list_head trackers;
	u64 made;
};

/* axas_track.c: what trackers have in common */
bool axas_tracker_clip(const struct axas_tracker *tracker, u64 *start, u64 *last);
void axas_tracker_listed(struct axas_tracker *tracker, u64 pages);
void axas_tracker_mark(struct axas_tracker *tracker, u64 start, u64 last);
void axas_tracker_unmark(struct axas_tracker *tracker, u64 start, u64 last);
bool axas_tracker_marked(struct axas_tracker *tracker, u64 start, u64 *last);
bool axas_track_piece(const struct axas_space *space, u32 what,
		      const struct axas_tracker *but, u64 start, u64 *last);

/* axas_dirty.c: a tracker has begun */
int axas_tracker_arm(struct axas_tracker *tracker);

int axas_track_open(struct axas_space *space, axas_gpa_t gpa,
		    unsigned int access);

/* Mark what lies at gpa as used. In an aged space, under RCU, and R for reading. */
static inline int axas_track_use(struct axas_npt *npt, axas_gpa_t gpa)
{
	return axas_npt_get_ops(npt)->tracking->aging->use(npt, gpa);
}

void axas_track_opened(struct axas_space *space, u64 gpa);
void axas_track_collect_all(struct axas_space *space, u64 gpa, u64 size);
void axas_track_mark_all(struct axas_space *space, u32 what, u64 gpa, u64 size);
void axas_track_free(struct axas_space *space);

/**
 * axas_space_open - let a page be written to, or used, if it has to be noticed
 * @space: the space
 * @gpa: any address in the page, which has memory
 * @access: as for axas_space_get_memory()
 *
 * Context: may sleep. Takes R.
 * Return: 0; -EAGAIN if it has changed; -EACCES; -ENOMEM; -EINTR.
 */
static inline int axas_space_open(struct axas_space *space, axas_gpa_t gpa,
				  unsigned int access)
{
	if (likely(!READ_ONCE(space->npt.tracked)))
		return 0;
	return axas_track_open(space, gpa, access);
}

/**
 * axas_track_collect - before leaves of a range get other rights, or go elsewhere
 * @space: the space
 * @gpa: first GPA
 * @size: bytes
 *
 * What was written there is noted. Nothing is open then.
 *
 * Context: may sleep. Under the space's lock, and R held for writing.
 */
static inline void axas_track_collect(struct axas_space *space, u64 gpa,
				      u64 size)
{
	if (unlikely(space->npt.arms & AXAS_TRACK_WRITTEN))
		axas_track_collect_all(space, gpa, size);
}

/**
 * axas_track_mark - a range holds something else than it did
 * @space: the space
 * @gpa: first GPA
 * @size: bytes
 *
 * Context: may sleep. Under the space's lock.
 */
static inline void axas_track_mark(struct axas_space *space, u64 gpa, u64 size)
{
	if (unlikely(space->npt.arms & AXAS_TRACK_WRITTEN))
		axas_track_mark_all(space, AXAS_TRACK_WRITTEN, gpa, size);
}

/**
 * axas_track_moved - something comes to a range, or goes, with its flags
 * @space: the space
 * @gpa: first GPA
 * @size: bytes
 *
 * All of it counts as used, and the links that are there lead to what comes.
 *
 * Context: may sleep. Under the space's lock, and R held for writing.
 */
static inline void axas_track_moved(struct axas_space *space, u64 gpa, u64 size)
{
	struct axas_npt *npt = &space->npt;

	if (likely(!(npt->arms & AXAS_TRACK_ACCESSED)))
		return;
	axas_track_mark_all(space, AXAS_TRACK_ACCESSED, gpa, size);
	npt->ops->tracking->aging->lead(npt, axas_gpa(gpa), size);
}

#endif /* _AXAS_TRACK_H */
