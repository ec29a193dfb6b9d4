/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_NPT_TRACK_H
#define _AXAS_NPT_TRACK_H

#include <axas/npt.h>

/**
 * DOC: Where writes are noticed
 *
 * What a format has for trackers comes with axas_npt_algo.h: who brings one need not
 * know of it. Documentation/internals.rst says what is open and what is armed.
 */

/* Among what a table arms: the CPU's dirty flags say what was written. */
#define AXAS_NPT_BY_FLAGS	BIT(7)

/**
 * struct axas_npt_harvest - a search for what is open
 * @next: in: where it begins; out: where it goes on
 * @end: where it ends
 * @visit: called for each run of leaves that are open, of which the first and the last
 *	may lie in the range in part only; and before with a size of 0: is there room?
 *	Return: false if there is none; that ends the search
 * @pinned: called for each leaf that was armed and of which somebody has pinned a page
 * @arg: for @visit and @pinned
 * @budget: tables to look at before it ends
 * @used: it is for what was used, which is idle then: leaves and links, as if they were
 *	open and armed
 * @held: somebody may have pinned pages
 * @peek: nothing is to be armed
 * @stale: nobody wants to know what is open, nor has a translation: links alone are
 *	armed where that is enough, and what is below them is armed when it is opened
 * @all: leaves that aren't open are visited as well: somebody may have pinned a page
 *	before it lost the right
 * @full: out: it ended before @end
 */
struct axas_npt_harvest {
	u64 next;
	u64 end;
	bool (*visit)(void *arg, u64 gpa, u64 size);
	void (*pinned)(void *arg, u64 gpa, u64 size);
	void *arg;
	unsigned int budget;
	bool used;
	bool held;
	bool peek;
	bool stale;
	bool all;
	bool full;
};

/**
 * enum axas_npt_way - how it is noticed what happens to a page
 * @AXAS_NPT_WAY_NONE: not at all
 * @AXAS_NPT_WAY_FAULTS: what would go unnoticed isn't allowed, and so is a fault
 * @AXAS_NPT_WAY_FLAGS: the CPU sets a flag
 */
enum axas_npt_way {
	AXAS_NPT_WAY_NONE,
	AXAS_NPT_WAY_FAULTS,
	AXAS_NPT_WAY_FLAGS,
};

/**
 * struct axas_npt_aging - what a format has where uses are noticed
 * @lookup: as in &struct axas_npt_tracking; an idle leaf allows nothing
 * @look: the same
 * @allowed: the same
 * @use: mark what is at gpa, and the way there, as used. Return: 0; -EAGAIN if nothing
 *	is there. Under RCU, and R for reading.
 * @lead: mark all links of a range as used, for what comes there with its flags. May
 *	sleep. Lock and R held for writing.
 * @way: who sets a flag again that was cleared, where the table is used
 */
struct axas_npt_aging {
	bool (*lookup)(const struct axas_npt *npt, axas_gpa_t gpa,
		       struct axas_npt_slot *slot, struct axas_leaf *leaf);
	enum axas_look (*look)(const struct axas_npt *npt, axas_gpa_t gpa,
			       unsigned int access,
			       struct axas_npt_cursor *cursor,
			       struct axas_npt_slot *slot);
	unsigned int (*allowed)(const struct axas_npt *npt,
				const struct axas_fault_entry *entries,
				unsigned int n, struct axas_npt_cursor *cursor);
	int (*use)(struct axas_npt *npt, axas_gpa_t gpa);
	void (*lead)(struct axas_npt *npt, axas_gpa_t gpa, u64 size);
	enum axas_npt_way (*way)(const struct axas_npt *npt);
};

/**
 * struct axas_npt_writes - which faults ask for nothing but to write to an area
 * @start: first byte of its range
 * @last: last byte
 * @prot: what it allows, &enum axas_prot bits
 * @width: bytes of each access, or 0
 */
struct axas_npt_writes {
	u64 start;
	u64 last;
	unsigned int prot;
	unsigned int width;
};

/**
 * struct axas_npt_tracking - what a format has where writes are noticed
 * @lookup: as in &struct axas_npt_ops; what the leaf allows is what a walk does
 * @look: the same
 * @allowed: the same
 * @install: the same; the leaf comes armed
 * @open: let a leaf up to max_level be written to, by guests or by the owner alone;
 *	moves the cursor. Return: 0; -EAGAIN if it has changed; -E2BIG if it is larger.
 *	Under RCU, and R for reading.
 * @open_run: open the leaves of the table that the cursor is in, for guests, for as many of
 *	the first faults as are such writes and find one that is armed. Return: how many.
 *	Context as @open
 * @split: leave no leaf at gpa larger than 4 KiB. May sleep. Lock and R held for writing.
 * @reopen: let all leaves of a range allow what their areas do; where nobody has written
 *	since they were armed those that protect has changed need not, unless it is
 *	deep. May sleep. Lock and R held for writing.
 * @open_links: open all links, when nobody tracks writes any more. May sleep. Lock and R
 *	held for writing.
 * @harvest: report and arm what is open, or was used. May sleep. Lock held and, unless
 *	it only looks, R for writing.
 * @dirty_way: can the CPU say what was written?
 * @aging: what is otherwise where uses are noticed; NULL if they can't be
 */
struct axas_npt_tracking {
	bool (*lookup)(const struct axas_npt *npt, axas_gpa_t gpa,
		       struct axas_npt_slot *slot, struct axas_leaf *leaf);
	enum axas_look (*look)(const struct axas_npt *npt, axas_gpa_t gpa,
			       unsigned int access,
			       struct axas_npt_cursor *cursor,
			       struct axas_npt_slot *slot);
	unsigned int (*allowed)(const struct axas_npt *npt,
				const struct axas_fault_entry *entries,
				unsigned int n, struct axas_npt_cursor *cursor);
	int (*install)(struct axas_npt *npt, const struct axas_npt_slot *slot,
		       axas_gpa_t gpa, axas_hpa_t hpa, unsigned int level,
		       u64 shared, struct axas_npt_pool *pool);
	int (*open)(struct axas_npt *npt, axas_gpa_t gpa,
		    struct axas_npt_cursor *cursor, bool owner,
		    unsigned int max_level);
	unsigned int (*open_run)(struct axas_npt *npt,
				 const struct axas_fault_entry *entries,
				 unsigned int n,
				 const struct axas_npt_cursor *cursor,
				 const struct axas_npt_writes *writes);
	void (*split)(struct axas_npt *npt, axas_gpa_t gpa,
		      struct axas_npt_pool *pool);
	void (*reopen)(struct axas_npt *npt, axas_gpa_t gpa, u64 size,
		       unsigned int prot, bool deep);
	void (*open_links)(struct axas_npt *npt);
	void (*harvest)(struct axas_npt *npt, struct axas_npt_harvest *harvest);
	bool (*dirty_way)(const struct axas_npt *npt);
	const struct axas_npt_aging *aging;
};

#endif /* _AXAS_NPT_TRACK_H */
