/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page-table algorithms. Each format defines the fmt_ functions below as
 * static inline and includes this file once, so that the compiler sees both:
 *
 *	fmt_is_table(e, level)		points to a table of level - 1
 *	fmt_table(hpa)			entry that points to a table
 *	fmt_attr(npt, attr)		what all leaves with these attributes share
 *	fmt_leaf(shared, hpa, level)	a leaf
 *	fmt_hpa(e, level)		where a leaf points; a table as one of level 1
 *	fmt_owned(e)			attr.owned of a leaf
 *	fmt_prot(npt, e)		what a leaf allows
 *	fmt_set_prot(npt, e, prot)	a leaf with other permissions
 *	fmt_child(e, level)		first leaf of level - 1 that a split makes
 *	fmt_parent(e, level)		leaf of level + 1 of which that is the first
 *	fmt_flags(e)			bits of a leaf that the CPU may set
 *	fmt_decode(npt, e, leaf)	attributes and flags of a leaf
 *	fmt_sync(e)			enum axas_sync: who may look at the frame of
 *					a leaf past the caches of the CPUs
 *	fmt_setup(npt)			choose levels and root order
 *	FMT_PRESENT			bits; an entry is valid if any of them is set
 *	FMT_BREAK_BEFORE_MAKE		a live leaf can't become a table directly
 *	FMT_SW_FULL			a bit that the CPU ignores where an entry
 *					points to a table
 *
 * and, if its entries hold an address in two pieces:
 *
 *	FMT_HPA_RUN			where the upper one begins: across multiples of it
 *					leaves aren't a constant apart
 *
 * and, if it has them, for trackers (axas_npt_track.h):
 *
 *	FMT_LINK_WRITE			the bit of a table entry without which nothing
 *					below can be written; if there is none, one that
 *					fmt_table() sets and the CPU ignores
 *	FMT_SW_STALE			if the CPU doesn't ignore it: another bit there
 *					that it ignores
 *	FMT_SW_WRITTEN			a bit that it ignores in leaves
 *	FMT_WRITE(npt)			the bit below 12 that only a leaf which allows writes
 *					has, if one that doesn't is otherwise the same; or 0
 *	FMT_ACCESSED			the accessed flag of a leaf
 *	FMT_LINK_ACCESSED		that of a table entry, which fmt_table() sets; or a
 *					bit that the CPU ignores there
 *	FMT_AGE_WAY(npt)		who sets it again where a leaf is used
 *	FMT_LINKS_AGE(npt)		is that of a table entry set again as well?
 *	FMT_DIRTY			the dirty flag of a leaf that allows writes
 *	FMT_SW_DIRTY			a bit that says the same, if need be
 *	FMT_DIRTY_WAY(npt)		does the CPU set it where a leaf is written?
 *
 * Who may write which entry when is said in Documentation/internals.rst. In
 * short: an empty entry is 0 or an epoch; a fault turns the very value that it
 * has read before it looked for its area into a leaf or a table; whoever takes
 * an area away writes a new epoch into each empty entry of the range, and so
 * makes all faults fail that had seen the area.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <axas/compat.h>
#include <axas/device.h>
#include <axas/npt_track.h>
#include <axas/trace.h>

#ifndef FMT_HPA_RUN
#define FMT_HPA_RUN	0
#endif

/* Pages that are cleared and not yet invalidated. */
#define NPT_GATHER_MAX	1016

/**
 * struct axas_npt_gather - between clear and free
 * @start: first byte to be invalidated
 * @end: behind the last byte to be invalidated
 * @tables: tables, by their page's lru
 * @freed: what becomes of @pages is counted there; or NULL
 * @nr: number of @pages
 * @behind: pages that go with one of @pages, since their frame is whole
 * @pages: pages of frames
 */
struct axas_npt_gather {
	u64 start;
	u64 end;
	struct list_head tables;
	struct axas_npt_freed *freed;
	unsigned int nr;
	unsigned int behind;
	struct page *pages[NPT_GATHER_MAX];
};

/*
 * State of one unmap, freeze or protect of [start, end): the permissions that are
 * left, 0 where nothing is; what an empty entry becomes; and whether that is so
 * only with a thaw, as faults may come meanwhile. A move has another range as large
 * that waits for it, and a draft brings something to come then. Where it's known, no
 * area is left in a gap around the range.
 */
struct npt_change {
	struct axas_npt *npt;
	struct axas_npt_pool *pool;
	u64 start;
	u64 end;
	u64 other;
	const struct axas_npt_gap *gap;
	const struct axas_npt_draft *draft;
	u64 empty;
	unsigned int prot;
	bool faults;
};

static inline bool npt_present(u64 entry)
{
	return entry & FMT_PRESENT;
}

static inline u64 *npt_entry(u64 *table, u64 gpa, unsigned int level)
{
	return table + ((gpa >> axas_level_shift(level)) &
			(AXAS_TABLE_ENTRIES - 1));
}

/* The root may be concatenated: its index has more than nine bits. */
static inline u64 *npt_root_entry(const struct axas_npt *npt, u64 gpa)
{
	return npt->root + (gpa >> axas_level_shift(npt->levels));
}

static inline u64 *npt_child(u64 entry)
{
	return axas_hal_phys_to_virt(fmt_hpa(entry, 1));
}

/*
 * The entry of *level for gpa, or that at which the way there ends, of what is *level
 * then. Under the lock or RCU.
 */
static u64 *npt_reach(const struct axas_npt *npt, u64 gpa, unsigned int *level)
{
	u64 *ptr = npt_root_entry(npt, gpa), entry;
	unsigned int l;

	for (l = npt->levels; l > *level; l--) {
		entry = READ_ONCE(*ptr);
		if (!fmt_is_table(entry, l))
			break;
		ptr = npt_entry(npt_child(entry), gpa, l - 1);
	}
	*level = l;
	return ptr;
}

/* The entry of a level for gpa; NULL where there is nothing so far down. */
static u64 *npt_entry_at(const struct axas_npt *npt, u64 gpa,
			 unsigned int level)
{
	unsigned int reached = level;
	u64 *ptr = npt_reach(npt, gpa, &reached);

	return reached == level ? ptr : NULL;
}

/*
 * The lowest entry from this level on that is known to lead to gpa, and its level: the
 * trail knows one of each table. Under the lock.
 */
static __always_inline u64 *npt_set_out(const struct axas_npt *npt, u64 gpa,
					unsigned int from, unsigned int *level)
{
	const struct axas_npt_trail *trail = &npt->trail;
	unsigned int l;
	u64 *ptr;

	for (l = from; l < npt->levels; l++) {
		/* Where none is known, 0 - 1 is more than all. */
		if (trail->level - 1 < l &&
		    !((gpa ^ trail->gpa) >> axas_level_shift(l + 1)))
			break;
	}
	*level = l;
	if (l == npt->levels)
		return npt_root_entry(npt, gpa);
	ptr = npt_entry(PTR_ALIGN_DOWN(trail->path[l], PAGE_SIZE), gpa, l);
	VM_WARN_ON_ONCE(ptr != npt_entry_at(npt, gpa, l));
	return ptr;
}

/* End of what the entry for gpa covers, cut at end. */
static inline u64 npt_next(u64 gpa, u64 end, unsigned int level)
{
	u64 next = (gpa | (axas_level_size(level) - 1)) + 1;

	return min(next, end);
}

/* The first entry from ptr on that has any of these bits, or end. */
static inline u64 *npt_skip(u64 *ptr, u64 *end, u64 bits)
{
	for (; ptr + 8 <= end; ptr += 8)
		/* In no order: the compiler may make operands, or pairs, of them. */
		if (data_race(ptr[0] | ptr[1] | ptr[2] | ptr[3] |
			      ptr[4] | ptr[5] | ptr[6] | ptr[7]) & bits)
			break;
	while (ptr < end && !(READ_ONCE(*ptr) & bits))
		ptr++;
	return ptr;
}

/* Figures that change under the lock; others may read them at any time. */
static inline void npt_count(s64 *count, s64 n)
{
	WRITE_ONCE(*count, *count + n);
}

static inline void npt_count_leaves(struct axas_npt *npt, unsigned int level,
				    s64 n, s64 owned)
{
	if (n)
		npt_count(&npt->counts.leaves[level - 1], n);
	if (owned)
		npt_count(&npt->counts.owned, owned << 9 * (level - 1));
}

/* A table that was on the trail is there no more. */
static inline void npt_forget_trail(struct axas_npt *npt)
{
	npt->trail.level = 0;
}

static inline void npt_count_tables(struct axas_npt *npt, unsigned int level,
				    s64 n)
{
	if (n < 0)
		npt_forget_trail(npt);
	npt_count(&npt->counts.tables[level - 1], n);
}

static u64 *npt_alloc_table(struct axas_npt_pool *pool, gfp_t gfp)
{
	if (pool && pool->nr)
		return pool->tables[--pool->nr];
	return axas_hal_alloc_table(0, gfp);
}

static void npt_free_table(u64 *table)
{
	axas_hal_free_table(table, 0);
}

static void npt_free_table_rcu(struct rcu_head *head)
{
	npt_free_table(page_address(container_of(head, struct page, rcu_head)));
}

/*
 * Before a leaf is written: what its frame holds is there for whoever it lets
 * look. What a linear leaf leads to is its owner's.
 */
static inline void npt_sync(u64 leaf, unsigned int what,
			    const axas_hpa_t *frames, unsigned int nr, u64 size)
{
	if (what && fmt_owned(leaf))
		axas_hal_sync_frames(frames, nr, size, what);
}

static unsigned int npt_sync_attr(const struct axas_npt *npt,
				  struct axas_attr attr)
{
	return fmt_sync(fmt_attr(npt, attr));
}

#include "axas_npt_age.h"
#include "axas_npt_track.h"
#include "axas_npt_look.h"
#include "axas_npt_map.h"
#include "axas_npt_change.h"
#include "axas_npt_life.h"
#include "axas_npt_unmap.h"
#include "axas_npt_freeze.h"
#include "axas_npt_move.h"
#include "axas_npt_protect.h"
#include "axas_npt_join.h"
#include "axas_npt_collapse.h"
#include "axas_npt_poison.h"
#include "axas_npt_harvest.h"

#define NPT_ALGO_OPS				\
	.init = npt_init,			\
	.lookup = npt_lookup,			\
	.translate = npt_translate,		\
	.encode = npt_encode,			\
	.sync = npt_sync_attr,			\
	.look = npt_look,			\
	.allowed = npt_allowed,			\
	.install = npt_install,			\
	.map = npt_map,				\
	.populate = npt_populate,		\
	.split_cost = npt_split_cost,		\
	.unmap = npt_unmap,			\
	.draft = npt_draft,			\
	.drop = npt_drop,			\
	.fits = npt_fits,			\
	.freeze = npt_freeze,			\
	.thaw = npt_thaw,			\
	.sketch = npt_sketch,			\
	.take = npt_take,			\
	.protect = npt_protect,			\
	.join = npt_join,			\
	.shut = npt_shut,			\
	.refill = npt_refill,			\
	.poison = npt_poison,			\
	.walk = npt_walk,			\
	.next_table = npt_next_table,		\
	.destroy = npt_destroy,			\
	.tracking = &npt_tracking
