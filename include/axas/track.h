/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_TRACK_API_H
#define _AXAS_TRACK_API_H

#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/wait.h>

#include <axas/npt_track.h>
#include <axas/space.h>
#include <axas/tree.h>

/**
 * DOC: Trackers
 *
 * A tracker knows which pages of a range have been written, or used, since it said so
 * last, by anybody: guests, windows, whoever copies in the kernel, and the calls that
 * change what lies there. A space may have several, which know nothing of each other.
 */

/**
 * struct axas_tracker - who wants to know what is written, or used
 * @node: in the list of the space's, which may be read under RCU
 * @rcu: for that
 * @space: the space
 * @number: among the trackers that this has had, from 1
 * @what: an &enum axas_track_what
 * @by_flags: the CPU's flags say what was written
 * @start: first byte of the range
 * @last: last byte of the range
 * @written: what was written, or used, there as far as the table doesn't know; under the
 *	space's lock
 * @marked: pages in @written
 * @opened: pages that were opened in the range, per CPU
 * @listed: how many of these it has said, or marked; under the space's lock
 * @wait: who waits for @threshold of them
 * @threshold: pages; nobody counts those that the CPU's flags tell of, nor uses
 */
struct axas_tracker {
	struct list_head node;
	struct rcu_head rcu;
	struct axas_space *space;
	u64 number;
	u32 what;
	bool by_flags;
	u64 start;
	u64 last;
	struct axas_tree written;
	u64 marked;
	u64 __percpu *opened;
	u64 listed;
	wait_queue_head_t wait;
	u64 threshold;
};

/**
 * struct axas_tracker_figures - what is shown of a tracker
 * @number: which one of its space
 * @start: first byte of the range
 * @last: last byte of the range
 * @what: an &enum axas_track_what
 * @way: how it is noticed
 * @opened: pages that were opened there since they were listed; nobody counts those that
 *	are used
 * @marked: pages that will be listed whatever the table says
 */
struct axas_tracker_figures {
	u64 number;
	u64 start;
	u64 last;
	u32 what;
	enum axas_npt_way way;
	u64 opened;
	u64 marked;
};

struct axas_tracker *axas_tracker_create(struct axas_space *space,
					 const struct axas_track *args);
void axas_tracker_destroy(struct axas_tracker *tracker);
int axas_tracker_list(struct axas_tracker *tracker, struct axas_dirty *dirty,
		      struct axas_next_entry *entries);
int axas_tracker_put(struct axas_tracker *tracker,
		     const struct axas_next_entry *entries, unsigned int n);
int axas_space_was_written(struct axas_space *space, const u64 *gpas, unsigned int n);
bool axas_tracker_ready(struct axas_tracker *tracker);
void axas_tracker_info(const struct axas_tracker *tracker,
		       struct axas_tracker_figures *info);
bool axas_tracker_next(const struct axas_space *space,
		       struct axas_tracker_figures *info);

#endif /* _AXAS_TRACK_API_H */
