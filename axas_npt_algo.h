/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page-table algorithms. Each format defines the fmt_ functions below as
 * static inline and includes this file once, so that the compiler sees both:
 *
 *	fmt_present(e)			any valid entry
 *	fmt_is_table(e, level)		points to a table of level - 1
 *	fmt_table(hpa)			entry that points to a table
 *	fmt_attr(npt, attr)		what all leaves with these attributes share
 *	fmt_leaf(shared, hpa, level)	a leaf
 *	fmt_hpa(e, level)		where a leaf or a table entry points
 *	fmt_owned(e)			attr.owned of a leaf
 *	fmt_prot(e)			what a leaf allows
 *	fmt_set_prot(npt, e, prot)	a leaf with other permissions
 *	fmt_child(e, level)		first leaf of level - 1 that a split makes
 *	fmt_decode(npt, e, leaf)	attributes and flags of a leaf
 *	fmt_setup(npt)			choose levels and root order
 *	FMT_BREAK_BEFORE_MAKE		a live leaf can't become a table directly
 *	FMT_SW_FULL			a bit that the CPU ignores where an entry
 *					points to a table
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
#include <axas/trace.h>

/* Pages that are cleared and not yet invalidated. */
#define NPT_GATHER_MAX	1016

/**
 * struct axas_npt_gather - between clear and free
 * @start: first byte to be invalidated
 * @end: behind the last byte to be invalidated
 * @tables: tables, by their page's lru
 * @nr: number of @pages
 * @pages: pages of frames
 */
struct axas_npt_gather {
	u64 start;
	u64 end;
	struct list_head tables;
	unsigned int nr;
	struct page *pages[NPT_GATHER_MAX];
};

/*
 * State of one unmap or protect of [start, end): the permissions that are left,
 * 0 for unmap, and what an empty entry becomes.
 */
struct npt_change {
	struct axas_npt *npt;
	struct axas_npt_pool *pool;
	u64 start;
	u64 end;
	unsigned int prot;
	u64 empty;
};

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

static inline u64 *npt_child(u64 entry, unsigned int level)
{
	return axas_hal_phys_to_virt(fmt_hpa(entry, level));
}

/* End of what the entry for gpa covers, cut at end. */
static inline u64 npt_next(u64 gpa, u64 end, unsigned int level)
{
	u64 next = (gpa | (axas_level_size(level) - 1)) + 1;

	return min(next, end);
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

static inline void npt_count_tables(struct axas_npt *npt, unsigned int level,
				    s64 n)
{
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

/* ---- lookup and fault: under RCU ---- */

/* One step down, if there is a table. */
static __always_inline bool npt_step(struct axas_npt_slot *slot, u64 gpa,
				     unsigned int level)
{
	if (!fmt_is_table(slot->old, level))
		return false;
	slot->ptr = npt_entry(npt_child(slot->old, level), gpa, level - 1);
	slot->old = READ_ONCE(*slot->ptr);
	slot->level = level - 1;
	return true;
}

/* With levels that are constants a step is a few instructions. */
static __always_inline void npt_peek(const struct axas_npt *npt, u64 gpa,
				     struct axas_npt_slot *slot)
{
	axas_npt_assert_walk(npt);
	slot->ptr = npt_root_entry(npt, gpa);
	slot->old = READ_ONCE(*slot->ptr);
	slot->level = npt->levels;
	switch (npt->levels) {
	case 5:
		if (!npt_step(slot, gpa, 5))
			return;
		fallthrough;
	case 4:
		if (!npt_step(slot, gpa, 4))
			return;
		fallthrough;
	case 3:
		if (!npt_step(slot, gpa, 3))
			return;
		fallthrough;
	default:
		npt_step(slot, gpa, 2);
	}
}

static void npt_decode(const struct axas_npt *npt, u64 entry,
		       unsigned int level, struct axas_leaf *leaf)
{
	leaf->hpa = fmt_hpa(entry, level);
	leaf->level = level;
	leaf->attr.owned = fmt_owned(entry);
	fmt_decode(npt, entry, leaf);
}

static bool npt_lookup(const struct axas_npt *npt, axas_gpa_t gpa,
		       struct axas_npt_slot *slot, struct axas_leaf *leaf)
{
	npt_peek(npt, gpa.val, slot);
	if (!fmt_present(slot->old))
		return false;
	npt_decode(npt, slot->old, slot->level, leaf);
	return true;
}

static axas_hpa_t npt_translate(const struct axas_npt *npt, axas_gpa_t gpa)
{
	struct axas_npt_slot slot;
	u64 offset;

	npt_peek(npt, gpa.val, &slot);
	if (!fmt_present(slot.old))
		return AXAS_NO_FRAME;
	offset = gpa.val & (axas_level_size(slot.level) - 1);
	return axas_hpa(fmt_hpa(slot.old, slot.level).val | offset);
}

static inline enum axas_look npt_find(const struct axas_npt *npt, u64 gpa,
				      unsigned int access,
				      struct axas_npt_cursor *cursor,
				      struct axas_npt_slot *slot)
{
	u64 base = gpa / SZ_2M, epoch = READ_ONCE(npt->epoch);

	if (likely(cursor->base == base && cursor->epoch == epoch)) {
		slot->ptr = npt_entry(cursor->table, gpa, 1);
		slot->old = READ_ONCE(*slot->ptr);
		slot->level = 1;
	} else {
		npt_peek(npt, gpa, slot);
		cursor->table = PTR_ALIGN_DOWN(slot->ptr, SZ_4K);
		cursor->base = slot->level > 1 ? AXAS_CURSOR_NONE : base;
		cursor->epoch = epoch;
	}

	if (fmt_present(slot->old))
		return access & ~fmt_prot(slot->old) ? AXAS_LOOK_DENIED :
						       AXAS_LOOK_ALLOWED;
	return unlikely(axas_npt_busy(slot)) ? AXAS_LOOK_BUSY : AXAS_LOOK_EMPTY;
}

static enum axas_look npt_look(const struct axas_npt *npt, axas_gpa_t gpa,
			       unsigned int access,
			       struct axas_npt_cursor *cursor,
			       struct axas_npt_slot *slot)
{
	return npt_find(npt, gpa.val, access, cursor, slot);
}

static unsigned int npt_allowed(const struct axas_npt *npt,
				const struct axas_fault_entry *entries,
				unsigned int n, struct axas_npt_cursor *cursor)
{
	struct axas_npt_slot slot;
	unsigned int i;

	for (i = 0; i < n; i++) {
		const struct axas_fault_entry *entry = &entries[i];

		if (entry->bus || !axas_width_ok(entry->width) ||
		    !entry->access ||
		    entry->gpa >> npt->gpa_bits ||
		    npt_find(npt, entry->gpa, entry->access, cursor, &slot) !=
			    AXAS_LOOK_ALLOWED)
			break;
	}
	return i;
}

static u64 npt_encode(const struct axas_npt *npt, struct axas_attr attr)
{
	return fmt_attr(npt, attr);
}

/* Free the tables above @level of a chain that was never linked. */
static void npt_free_chain(u64 entry, u64 gpa, unsigned int top,
			   unsigned int level)
{
	for (; top > level; top--) {
		u64 *table = npt_child(entry, top);

		entry = *npt_entry(table, gpa, top - 1);
		npt_free_table(table);
	}
}

/*
 * Build the missing tables around the leaf in private, then publish all of it
 * by one compare-and-exchange.
 */
static int npt_install(struct axas_npt *npt, const struct axas_npt_slot *slot,
		       axas_gpa_t gpa, axas_hpa_t hpa, unsigned int level,
		       u64 shared, struct axas_npt_pool *pool)
{
	u64 entry = fmt_leaf(shared, hpa, level), old = slot->old;
	unsigned int top;

	for (top = level; unlikely(top < slot->level); top++) {
		u64 *table = npt_alloc_table(pool, GFP_NOWAIT | __GFP_ACCOUNT |
							   __GFP_ZERO);

		if (!table) {
			npt_free_chain(entry, gpa.val, top, level);
			return -ENOMEM;
		}
		*npt_entry(table, gpa.val, top) = entry;
		entry = fmt_table(axas_hal_virt_to_phys(table));
	}

	if (unlikely(!try_cmpxchg(slot->ptr, &old, entry))) {
		npt_free_chain(entry, gpa.val, slot->level, level);
		return -EAGAIN;
	}

	for (top = level; unlikely(top < slot->level); top++)
		this_cpu_inc(npt->installs->tables[top - 1]);
	this_cpu_inc(npt->installs->leaves[fmt_owned(shared)][level - 1]);
	return 0;
}

/* ---- map: under the lock, no area allows faults in the range ---- */

/* The rest of a range, from @gpa to @end. */
struct npt_map {
	struct axas_npt *npt;
	u64 shared;
	u64 offset;
	u64 gpa;
	u64 end;
	unsigned int max_level;
	bool owned;
};

/* Make the table below *ptr. */
static noinline u64 *npt_make_table(struct axas_npt *npt, u64 *ptr,
				    unsigned int level)
{
	u64 *table = npt_alloc_table(NULL, AXAS_GFP | __GFP_ZERO);
	u64 entry = READ_ONCE(*ptr);

	if (!table)
		return NULL;
	/* A fault beside the range may install a table at the same time. */
	do {
		if (fmt_is_table(entry, level)) {
			npt_free_table(table);
			return npt_child(entry, level);
		}
	} while (!try_cmpxchg(ptr, &entry,
			      fmt_table(axas_hal_virt_to_phys(table))));
	npt_count_tables(npt, level - 1, 1);
	return table;
}

/* The entry for gpa in the table below *ptr, which is made if need be. */
static inline u64 *npt_make_step(struct axas_npt *npt, u64 *ptr, u64 gpa,
				 unsigned int level)
{
	u64 entry = READ_ONCE(*ptr);
	u64 *table = likely(fmt_is_table(entry, level)) ?
			     npt_child(entry, level) :
			     npt_make_table(npt, ptr, level);

	return likely(table) ? npt_entry(table, gpa, level - 1) : NULL;
}

/* The entry of a level for gpa. Tables on the way are made if need be. */
static inline u64 *npt_make_path(struct axas_npt *npt, u64 gpa,
				 unsigned int level)
{
	u64 *ptr = npt_root_entry(npt, gpa);
	unsigned int l;

	for (l = npt->levels; ptr && l > level; l--)
		ptr = npt_make_step(npt, ptr, gpa, l);
	return ptr;
}

/* Leaves of this level, each where the one before it ends. */
static inline void npt_fill(u64 *ptr, unsigned int n, u64 leaf,
			    unsigned int level)
{
	u64 step = fmt_leaf(0, axas_hpa(axas_level_size(level)), level) -
		   fmt_leaf(0, axas_hpa(0), level);
	u64 *end = ptr + n;

	unrolled_count(4)
	for (; ptr < end; ptr++, leaf += step)
		WRITE_ONCE(*ptr, leaf);
}

/* Does the rest of the range fill what an entry of this level covers? */
static inline bool npt_map_fills(const struct npt_map *map, unsigned int level)
{
	u64 size = axas_level_size(level);

	return map->end - map->gpa >= size && IS_ALIGNED(map->gpa, size);
}

/* Does a leaf of this level fit where the rest of the range begins? */
static inline bool npt_map_fits(const struct npt_map *map, unsigned int level)
{
	return npt_map_fills(map, level) &&
	       IS_ALIGNED(map->gpa + map->offset, axas_level_size(level));
}

/* Leaves up to the end of the range or of the table. */
static void npt_map_leaves(struct npt_map *map, u64 *ptr, unsigned int level)
{
	u64 stop = npt_next(map->gpa, map->end, level + 1);
	unsigned int n = (stop - map->gpa) >> axas_level_shift(level);
	axas_hpa_t hpa = axas_hpa(map->gpa + map->offset);

	npt_fill(ptr, n, fmt_leaf(map->shared, hpa, level), level);
	npt_count_leaves(map->npt, level, n, map->owned ? n : 0);
	map->gpa += n * axas_level_size(level);
}

/* A table that is filled as a whole needs no clearing. */
static int npt_map_table(struct npt_map *map, u64 *ptr, unsigned int level)
{
	u64 *table = npt_alloc_table(NULL, AXAS_GFP);
	u64 link;

	if (!table)
		return -ENOMEM;
	link = fmt_table(axas_hal_virt_to_phys(table));
	npt_map_leaves(map, table, level - 1);
	npt_count_tables(map->npt, level - 1, 1);
	/* What the table holds is visible before the table is. */
	smp_store_release(ptr, map->owned ? link : link | FMT_SW_FULL);
	return 0;
}

/* Map what goes into one table, with the largest leaves that fit. */
static int npt_map_run(struct npt_map *map)
{
	struct axas_npt *npt = map->npt;
	unsigned int level = min_t(unsigned int, map->max_level, npt->levels);
	unsigned int above;
	u64 *ptr;

	while (!npt_map_fits(map, level))
		level--;
	above = min_t(unsigned int, level + 1, npt->levels);
	ptr = npt_make_path(npt, map->gpa, above);
	if (ptr && above > level) {
		if (!fmt_present(READ_ONCE(*ptr)) && npt_map_fills(map, above))
			return npt_map_table(map, ptr, above);
		ptr = npt_make_step(npt, ptr, map->gpa, above);
	}
	if (!ptr)
		return -ENOMEM;
	npt_map_leaves(map, ptr, level);
	return 0;
}

static int npt_map(struct axas_npt *npt, axas_gpa_t gpa, axas_hpa_t hpa,
		   u64 size, struct axas_attr attr, unsigned int max_level)
{
	struct npt_map map = {
		.npt = npt,
		.shared = fmt_attr(npt, attr),
		.offset = hpa.val - gpa.val,
		.gpa = gpa.val,
		.end = gpa.val + size,
		.max_level = max_level,
		.owned = attr.owned,
	};
	int ret;

	lockdep_assert_held(npt->lock);
	/* What the frames hold is visible before the first entry is. */
	smp_wmb();
	for (;;) {
		ret = npt_map_run(&map);
		if (ret || map.gpa == map.end)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

static int npt_map_frames(struct axas_npt *npt, axas_gpa_t gpa,
			  const axas_hpa_t *frames, unsigned int n,
			  struct axas_attr attr)
{
	u64 shared = fmt_attr(npt, attr);
	unsigned int i;
	u64 *ptr;

	lockdep_assert_held(npt->lock);
	ptr = npt_make_path(npt, gpa.val, 1);
	if (!ptr)
		return -ENOMEM;
	/* What the frames hold is visible before the first entry is. */
	smp_wmb();
	for (i = 0; i < n; i++)
		WRITE_ONCE(ptr[i], fmt_leaf(shared, frames[i], 1));
	npt_count_leaves(npt, 1, n, attr.owned ? n : 0);
	return 0;
}

/* ---- clear, invalidate, free ---- */

/*
 * Wait for whoever still turns what the leaf said into a translation of its
 * own: it holds the page's lock from its lookup until then.
 */
static noinline void npt_wait_leaf(u64 entry, unsigned int level)
{
	unsigned long pfn = fmt_hpa(entry, level).val >> PAGE_SHIFT;
	unsigned long end = pfn + (1UL << 9 * (level - 1));

	for (; pfn < end; pfn++) {
		if (pfn_valid(pfn))
			folio_wait_locked(page_folio(pfn_to_page(pfn)));
	}
}

static inline void npt_settle(struct axas_npt *npt, u64 entry,
			      unsigned int level)
{
	if (unlikely(!list_empty(&npt->holders)))
		npt_wait_leaf(entry, level);
}

/* Make all holders forget [start, start + size). */
static void npt_invalidate(struct axas_npt *npt, u64 start, u64 size)
{
	u64 begin = axas_trace_begin(axas_invalidate);

	axas_hal_invalidate(&npt->holders, axas_gpa(start), size);
	trace_axas_invalidate(npt->id, start, size, axas_trace_ns(begin));
}

static void npt_gather_flush(struct axas_npt *npt)
{
	struct axas_npt_gather *gather = npt->gather;
	struct page *page;

	if (gather->start < gather->end)
		npt_invalidate(npt, gather->start, gather->end - gather->start);
	gather->start = U64_MAX;
	gather->end = 0;

	while (!list_empty(&gather->tables)) {
		page = list_first_entry(&gather->tables, struct page, lru);
		list_del(&page->lru);
		call_rcu(&page->rcu_head, npt_free_table_rcu);
	}
	if (gather->nr)
		axas_hal_dealloc_pages(gather->pages, gather->nr);
	gather->nr = 0;
}

/* Note that [start, end) has been cleared. */
static inline void npt_gather_range(struct axas_npt *npt, u64 start, u64 end)
{
	struct axas_npt_gather *gather = npt->gather;

	gather->start = min(gather->start, start);
	gather->end = max(gather->end, end);
}

/* Their range has been noted. */
static inline void npt_gather_pages(struct axas_npt *npt, axas_hpa_t hpa,
				    unsigned int n)
{
	struct axas_npt_gather *gather = npt->gather;
	struct page *page = axas_hal_page(hpa);

	while (n--) {
		gather->pages[gather->nr++] = page++;
		if (unlikely(gather->nr == NPT_GATHER_MAX)) {
			u64 start = gather->start, end = gather->end;

			npt_gather_flush(npt);
			npt_gather_range(npt, start, end);
		}
	}
}

/*
 * Begin a change. Areas that a fault remembers from before are void, and those
 * it finds from here on are the new ones.
 */
static u64 npt_new_epoch(struct axas_npt *npt)
{
	lockdep_assert_held(npt->lock);
	/* The areas change before the epoch does, for fault_area(). */
	smp_wmb();
	WRITE_ONCE(npt->epoch, npt->epoch + 1);
	/* The epoch changes before the first entry does, for fault_area(). */
	smp_wmb();
	return npt->epoch;
}

/*
 * Turn a leaf into a table of the next smaller leaves. The pool has a page,
 * unless a fault has put the leaf there since it was filled.
 */
static void npt_split(struct npt_change *change, u64 *ptr, unsigned int level,
		      u64 gpa)
{
	struct axas_npt *npt = change->npt;
	u64 size = axas_level_size(level), start = ALIGN_DOWN(gpa, size);
	u64 *table = npt_alloc_table(change->pool,
				     GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	u64 link = fmt_table(axas_hal_virt_to_phys(table));
	u64 begin = axas_trace_begin(axas_split);
	u64 entry = READ_ONCE(*ptr);

	if (FMT_BREAK_BEFORE_MAKE) {
		entry = xchg(ptr, AXAS_NPT_FROZEN);
		npt_invalidate(npt, start, size);
		npt_fill(table, AXAS_TABLE_ENTRIES, fmt_child(entry, level),
			 level - 1);
		/* What the table holds is visible before the table is. */
		smp_store_release(ptr, link);
	} else {
		/* The CPU may set flags in the leaf meanwhile. */
		do {
			npt_fill(table, AXAS_TABLE_ENTRIES,
				 fmt_child(entry, level), level - 1);
		} while (!try_cmpxchg(ptr, &entry, link));
	}

	npt_count(&npt->counts.leaves[level - 1], -1);
	npt_count(&npt->counts.leaves[level - 2], AXAS_TABLE_ENTRIES);
	npt_count_tables(npt, level - 1, 1);
	trace_axas_split(npt->id, start, size, axas_trace_ns(begin));
}

/*
 * Tables that are needed to split whatever leaf there is or may be at gpa:
 * tables only go away under the lock, so the answer can become too large but
 * never too small.
 */
static unsigned int npt_split_cost(const struct axas_npt *npt, axas_gpa_t gpa,
				   unsigned int max_level)
{
	unsigned int level = npt->levels, cost = 0;
	u64 *ptr = npt_root_entry(npt, gpa.val);

	lockdep_assert_held(npt->lock);
	while (level > 1 && fmt_is_table(READ_ONCE(*ptr), level)) {
		ptr = npt_child(READ_ONCE(*ptr), level);
		ptr = npt_entry(ptr, gpa.val, --level);
	}
	for (level = min(level, max_level); level > 1; level--)
		cost += !IS_ALIGNED(gpa.val, axas_level_size(level));
	return cost;
}

/* ---- what unmap and protect share ---- */

/* Does what the entry of this level around gpa covers lie in the range? */
static inline bool npt_covers(const struct npt_change *change, u64 gpa,
			      unsigned int level)
{
	u64 size = axas_level_size(level), start = ALIGN_DOWN(gpa, size);

	return start >= change->start && start + size <= change->end;
}

/*
 * Does what this entry points to go without a look at it? It does if unmap takes
 * all of a table of leaves that own nothing, and nobody has to be waited for.
 */
static inline bool npt_goes_whole(const struct npt_change *change, u64 entry,
				  unsigned int level, u64 gpa)
{
	return !change->prot && fmt_is_table(entry, level) &&
	       entry & FMT_SW_FULL && npt_covers(change, gpa, level) &&
	       list_empty(&change->npt->holders);
}

/*
 * Go down to the entry from which the range goes on. A leaf that reaches out of
 * the range is split. path[l] gets the entry of level l that led there.
 */
static u64 *npt_descend(struct npt_change *change, u64 gpa, u64 **path,
			unsigned int *level)
{
	unsigned int l = change->npt->levels;
	u64 *ptr = npt_root_entry(change->npt, gpa);
	u64 entry = READ_ONCE(*ptr);

	while (l > 1 && fmt_present(entry)) {
		if (npt_goes_whole(change, entry, l, gpa))
			break;
		if (!fmt_is_table(entry, l)) {
			if (npt_covers(change, gpa, l))
				break;
			npt_split(change, ptr, l, gpa);
			entry = READ_ONCE(*ptr);
		}
		/* Leaves below may go one by one from here on. */
		if (entry & FMT_SW_FULL)
			WRITE_ONCE(*ptr, entry & ~FMT_SW_FULL);
		path[l] = ptr;
		ptr = npt_entry(npt_child(entry, l), gpa, l - 1);
		entry = READ_ONCE(*ptr);
		l--;
	}
	*level = l;
	return ptr;
}

/* ---- unmap ---- */

static inline bool npt_none_present(const u64 *ptr, const u64 *end)
{
	for (; ptr < end; ptr++)
		if (fmt_present(READ_ONCE(*ptr)))
			return false;
	return true;
}

/*
 * Freeze a table if it has no valid entry. The search begins at hint, beside
 * what was just cleared, where a valid entry is most likely.
 */
static bool npt_freeze(u64 *table, unsigned int hint, u64 empty)
{
	unsigned int i;
	u64 entry;

	if (!npt_none_present(table + hint, table + AXAS_TABLE_ENTRIES) ||
	    !npt_none_present(table, table + hint))
		return false;

	/* A fault that meets a frozen entry waits: don't be preempted. */
	guard(preempt)();
	for (i = 0; i < AXAS_TABLE_ENTRIES; i++) {
		entry = READ_ONCE(table[i]);
		if (fmt_present(entry) ||
		    !try_cmpxchg(&table[i], &entry, AXAS_NPT_FROZEN))
			break;
	}
	if (i == AXAS_TABLE_ENTRIES)
		return true;
	while (i--)
		WRITE_ONCE(table[i], empty);
	return false;
}

/* What an entry of this level becomes: frozen, if its table goes with it. */
static inline u64 npt_vacant(const struct npt_change *change, u64 gpa,
			     unsigned int level)
{
	return level < change->npt->levels &&
	       npt_covers(change, gpa, level + 1) ? AXAS_NPT_FROZEN :
						    change->empty;
}

/*
 * Take a table out of its parent. It has no place for a fault that still walks
 * through it: all its entries are frozen, or leaves.
 */
static void npt_reap(struct npt_change *change, u64 *ptr, unsigned int level,
		     u64 gpa)
{
	struct axas_npt *npt = change->npt;
	u64 size = axas_level_size(level), start = ALIGN_DOWN(gpa, size);
	struct page *page = axas_hal_page(fmt_hpa(READ_ONCE(*ptr), level));

	WRITE_ONCE(*ptr, npt_vacant(change, gpa, level));
	npt_count_tables(npt, level - 1, -1);
	npt_gather_range(npt, start, start + size);
	list_add(&page->lru, &npt->gather->tables);
}

/*
 * Clear entries from gpa on, up to the end of the table or the range, or to an
 * entry that takes a descent. Return: where that is.
 */
static __always_inline u64 npt_unmap_entries(struct npt_change *change,
					     u64 *ptr, unsigned int level,
					     u64 gpa)
{
	u64 stop = npt_next(gpa, change->end, level + 1), next;
	u64 vacant = npt_vacant(change, gpa, level);
	struct axas_npt *npt = change->npt;
	s64 leaves = 0, owned = 0;

	for (; gpa < stop; gpa = next, ptr++) {
		u64 entry = READ_ONCE(*ptr);

		next = npt_next(gpa, stop, level);
		/* If it isn't empty any more, a fault was faster. */
		if (!fmt_present(entry) && try_cmpxchg(ptr, &entry, vacant))
			continue;
		if (npt_goes_whole(change, entry, level, gpa)) {
			npt_reap(change, ptr, level, gpa);
			npt_count_leaves(npt, level - 1, -AXAS_TABLE_ENTRIES, 0);
			continue;
		}
		if (level > 1 && (fmt_is_table(entry, level) ||
				  !npt_covers(change, gpa, level)))
			break;

		/* Nobody else writes a leaf but the CPU, its flags. */
		WRITE_ONCE(*ptr, vacant);
		leaves++;
		npt_settle(npt, entry, level);
		npt_gather_range(npt, gpa, next);
		if (fmt_owned(entry)) {
			owned++;
			npt_gather_pages(npt, fmt_hpa(entry, level),
					 1U << 9 * (level - 1));
		}
	}
	npt_count_leaves(npt, level, -leaves, -owned);
	return gpa;
}

/* Take out the table below *ptr if it lies in the range or has become empty. */
static bool npt_close(struct npt_change *change, u64 *ptr, unsigned int level,
		      u64 end)
{
	u64 *table = npt_child(READ_ONCE(*ptr), level);

	if (!npt_covers(change, end - 1, level) &&
	    !npt_freeze(table, npt_entry(table, end, level - 1) - table,
			change->empty))
		return false;
	npt_reap(change, ptr, level, end - 1);
	return true;
}

/* Unmap what lies in one table. Return: where to go on. */
static u64 npt_unmap_run(struct npt_change *change, u64 gpa)
{
	u64 *path[AXAS_MAX_LEVELS + 1], *ptr, next;
	unsigned int level;

	ptr = npt_descend(change, gpa, path, &level);
	if (level == 1)
		next = npt_unmap_entries(change, ptr, 1, gpa);
	else
		next = npt_unmap_entries(change, ptr, level, gpa);
	if (next == gpa)
		return gpa;

	while (level < change->npt->levels &&
	       (next == change->end ||
		IS_ALIGNED(next, axas_level_size(level + 1)))) {
		level++;
		if (!npt_close(change, path[level], level, next))
			break;
	}
	return next;
}

static void npt_unmap(struct axas_npt *npt, axas_gpa_t gpa, u64 size,
		      struct axas_npt_pool *pool)
{
	struct npt_change change = {
		.npt = npt,
		.pool = pool,
		.start = gpa.val,
		.end = gpa.val + size,
		.empty = npt_new_epoch(npt) << PAGE_SHIFT,
	};
	u64 next = gpa.val;

	for (;;) {
		next = npt_unmap_run(&change, next);
		if (next == change.end)
			break;
		cond_resched();
	}
	npt_gather_flush(npt);
}

/* ---- protect ---- */

/*
 * As npt_unmap_entries(), but leaves get other permissions. The CPU may set
 * flags in them meanwhile.
 */
static u64 npt_protect_entries(struct npt_change *change, u64 *ptr,
			       unsigned int level, u64 gpa)
{
	u64 stop = npt_next(gpa, change->end, level + 1), next, entry, new;
	struct axas_npt *npt = change->npt;

	for (; gpa < stop; gpa = next, ptr++) {
		next = npt_next(gpa, stop, level);
		entry = READ_ONCE(*ptr);
		do {
			if (fmt_is_table(entry, level) ||
			    (fmt_present(entry) &&
			     !npt_covers(change, gpa, level)))
				return gpa;
			new = fmt_present(entry) ?
				      fmt_set_prot(npt, entry, change->prot) :
				      change->empty;
		} while (!try_cmpxchg(ptr, &entry, new));

		if (!fmt_present(entry) || entry == new)
			continue;
		npt_settle(npt, entry, level);
		npt_gather_range(npt, gpa, next);
	}
	return gpa;
}

static void npt_protect(struct axas_npt *npt, axas_gpa_t gpa, u64 size,
			unsigned int prot, struct axas_npt_pool *pool)
{
	struct npt_change change = {
		.npt = npt,
		.pool = pool,
		.start = gpa.val,
		.end = gpa.val + size,
		.prot = prot,
		.empty = npt_new_epoch(npt) << PAGE_SHIFT,
	};
	u64 *path[AXAS_MAX_LEVELS + 1], *ptr, next = gpa.val;
	unsigned int level;

	while (next < change.end) {
		ptr = npt_descend(&change, next, path, &level);
		next = npt_protect_entries(&change, ptr, level, next);
		cond_resched();
	}
	npt_gather_flush(npt);
}

/* ---- walk ---- */

struct npt_walk {
	const struct axas_npt *npt;
	axas_npt_visit_fn visit;
	void *arg;
};

static int npt_walk_table(const struct npt_walk *walk, u64 *ptr,
			  unsigned int level, u64 gpa, u64 end)
{
	struct axas_leaf leaf;
	u64 entry, next;
	int ret = 0;

	for (; gpa < end && !ret; gpa = next, ptr++) {
		next = npt_next(gpa, end, level);
		entry = READ_ONCE(*ptr);
		if (fmt_is_table(entry, level)) {
			u64 *table = npt_child(entry, level);

			ret = npt_walk_table(walk,
					     npt_entry(table, gpa, level - 1),
					     level - 1, gpa, next);
		} else if (fmt_present(entry)) {
			u64 start = ALIGN_DOWN(gpa, axas_level_size(level));

			npt_decode(walk->npt, entry, level, &leaf);
			ret = walk->visit(walk->arg, axas_gpa(start), &leaf);
		}
	}
	return ret;
}

static int npt_walk(const struct axas_npt *npt, axas_gpa_t gpa, u64 size,
		    axas_npt_visit_fn visit, void *arg)
{
	const struct npt_walk walk = { npt, visit, arg };

	axas_npt_assert_walk(npt);
	return npt_walk_table(&walk, npt_root_entry(npt, gpa.val), npt->levels,
			      gpa.val, gpa.val + size);
}

/* ---- birth and death ---- */

static int npt_init(struct axas_npt *npt)
{
	fmt_setup(npt);
	INIT_LIST_HEAD(&npt->holders);
	npt->installs = alloc_percpu_gfp(struct axas_npt_installs,
					 AXAS_GFP | __GFP_ZERO);
	if (!npt->installs)
		return -ENOMEM;
	npt->gather = kzalloc(sizeof(*npt->gather), AXAS_GFP);
	if (!npt->gather)
		goto err_installs;
	npt->gather->start = U64_MAX;
	INIT_LIST_HEAD(&npt->gather->tables);
	npt->root = axas_hal_alloc_table(npt->root_order,
					 AXAS_GFP | __GFP_ZERO);
	if (!npt->root)
		goto err_gather;
	npt_count_tables(npt, npt->levels, 1 << npt->root_order);
	return 0;

err_gather:
	kfree(npt->gather);
err_installs:
	free_percpu(npt->installs);
	return -ENOMEM;
}

static void npt_destroy_table(struct axas_npt *npt, u64 *table,
			      unsigned int entries, unsigned int level)
{
	unsigned int i;

	for (i = 0; i < entries; i++) {
		u64 entry = table[i];

		if (fmt_is_table(entry, level)) {
			u64 *child = npt_child(entry, level);

			npt_destroy_table(npt, child, AXAS_TABLE_ENTRIES,
					  level - 1);
			npt_free_table(child);
		} else if (fmt_present(entry) && fmt_owned(entry)) {
			npt_gather_pages(npt, fmt_hpa(entry, level),
					 1U << 9 * (level - 1));
		}
	}
	cond_resched();
}

static void npt_destroy(struct axas_npt *npt)
{
	npt_invalidate(npt, 0, 1ULL << npt->gpa_bits);
	npt_destroy_table(npt, npt->root, AXAS_TABLE_ENTRIES << npt->root_order,
			  npt->levels);
	npt_gather_flush(npt);
	axas_hal_free_table(npt->root, npt->root_order);
	kfree(npt->gather);
	free_percpu(npt->installs);
}

#define NPT_ALGO_OPS				\
	.init = npt_init,			\
	.lookup = npt_lookup,			\
	.translate = npt_translate,		\
	.encode = npt_encode,			\
	.look = npt_look,			\
	.allowed = npt_allowed,			\
	.install = npt_install,			\
	.map = npt_map,				\
	.map_frames = npt_map_frames,		\
	.split_cost = npt_split_cost,		\
	.unmap = npt_unmap,			\
	.protect = npt_protect,			\
	.walk = npt_walk,			\
	.destroy = npt_destroy
