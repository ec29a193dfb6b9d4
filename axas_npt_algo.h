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

/* Frames and tables that are cleared and not yet invalidated. */
#define NPT_GATHER_MAX	508

/**
 * struct axas_npt_gather - between clear and free
 * @start: first byte to be invalidated
 * @end: behind the last byte to be invalidated
 * @nr: number of @items
 * @items: address of a frame or table, with its level (0 for tables) below
 */
struct axas_npt_gather {
	u64 start;
	u64 end;
	unsigned int nr;
	u64 items[NPT_GATHER_MAX];
};

#define NPT_GATHER_TABLE	0

/* State of one unmap or protect. */
struct npt_change {
	struct axas_npt *npt;
	struct axas_npt_pool *pool;
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

static inline void npt_count_leaf(struct axas_npt *npt, u64 entry,
				  unsigned int level, int sign)
{
	this_cpu_add(npt->stats->leaves[level - 1], sign);
	if (fmt_owned(entry))
		this_cpu_add(npt->stats->owned,
			     (s64)sign << 9 * (level - 1));
}

static inline void npt_count_table(struct axas_npt *npt, unsigned int level,
				   int sign)
{
	this_cpu_add(npt->stats->tables[level - 1], sign);
}

static u64 *npt_alloc_table(struct axas_npt_pool *pool, gfp_t gfp)
{
	axas_hpa_t hpa;

	if (pool && pool->nr)
		return pool->tables[--pool->nr];
	hpa = axas_hal_alloc_frame(0, NUMA_NO_NODE, gfp | __GFP_ZERO);
	return axas_frame_valid(hpa) ? axas_hal_phys_to_virt(hpa) : NULL;
}

static void npt_free_table(u64 *table)
{
	axas_hal_dealloc_frame(axas_hal_virt_to_phys(table), 0);
}

static void npt_free_table_rcu(struct rcu_head *head)
{
	npt_free_table(page_address(container_of(head, struct page, rcu_head)));
}

/* ---- lookup and fault: under RCU ---- */

static void npt_peek(const struct axas_npt *npt, axas_gpa_t gpa,
		     struct axas_npt_slot *slot)
{
	unsigned int level = npt->levels;
	u64 *ptr = npt_root_entry(npt, gpa.val);
	u64 entry = READ_ONCE(*ptr);

	axas_npt_assert_walk(npt);
	while (fmt_is_table(entry, level)) {
		ptr = npt_child(entry, level);
		ptr = npt_entry(ptr, gpa.val, --level);
		entry = READ_ONCE(*ptr);
	}
	*slot = (struct axas_npt_slot){ ptr, entry, level };
}

static void npt_decode_entry(const struct axas_npt *npt, u64 entry,
			     unsigned int level, struct axas_leaf *leaf)
{
	leaf->hpa = fmt_hpa(entry, level);
	leaf->level = level;
	leaf->attr.owned = fmt_owned(entry);
	fmt_decode(npt, entry, leaf);
}

static bool npt_decode(const struct axas_npt *npt,
		       const struct axas_npt_slot *slot, struct axas_leaf *leaf)
{
	if (!fmt_present(slot->old))
		return false;
	npt_decode_entry(npt, slot->old, slot->level, leaf);
	return true;
}

static enum axas_look npt_look(const struct axas_npt *npt, axas_gpa_t gpa,
			       unsigned int access,
			       struct axas_npt_cursor *cursor,
			       struct axas_npt_slot *slot)
{
	u64 base = gpa.val / SZ_2M;

	if (cursor->table && cursor->base == base) {
		slot->ptr = npt_entry(cursor->table, gpa.val, 1);
		slot->old = READ_ONCE(*slot->ptr);
		slot->level = 1;
	} else {
		npt_peek(npt, gpa, slot);
		cursor->table = slot->level > 1 ? NULL :
				PTR_ALIGN_DOWN(slot->ptr, SZ_4K);
		cursor->base = base;
	}

	if (fmt_present(slot->old))
		return access & ~fmt_prot(slot->old) ? AXAS_LOOK_DENIED :
						       AXAS_LOOK_ALLOWED;
	if (likely(!axas_npt_busy(slot)))
		return AXAS_LOOK_EMPTY;
	/* The table may have been taken out: walk again. */
	cursor->table = NULL;
	return AXAS_LOOK_BUSY;
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
		       struct axas_attr attr, struct axas_npt_pool *pool)
{
	u64 leaf = fmt_leaf(fmt_attr(npt, attr), hpa, level);
	u64 entry = leaf, old = slot->old;
	unsigned int top;

	for (top = level; top < slot->level; top++) {
		u64 *table = npt_alloc_table(pool, GFP_NOWAIT | __GFP_ACCOUNT);

		if (!table) {
			npt_free_chain(entry, gpa.val, top, level);
			return -ENOMEM;
		}
		*npt_entry(table, gpa.val, top) = entry;
		entry = fmt_table(axas_hal_virt_to_phys(table));
	}

	if (!try_cmpxchg(slot->ptr, &old, entry)) {
		npt_free_chain(entry, gpa.val, slot->level, level);
		return -EAGAIN;
	}

	for (top = level; top < slot->level; top++)
		npt_count_table(npt, top, 1);
	npt_count_leaf(npt, leaf, level, 1);
	return 0;
}

/* ---- map: under the lock, no area allows faults in the range ---- */

/* The table below *ptr, made if there is none yet. */
static u64 *npt_map_child(struct axas_npt *npt, u64 *ptr, unsigned int level)
{
	u64 entry = READ_ONCE(*ptr);
	u64 *table;

	if (fmt_is_table(entry, level))
		return npt_child(entry, level);

	table = npt_alloc_table(NULL, AXAS_GFP);
	if (!table)
		return NULL;
	/* A fault beside the range may install a table at the same time. */
	while (!try_cmpxchg(ptr, &entry,
			    fmt_table(axas_hal_virt_to_phys(table)))) {
		if (fmt_is_table(entry, level)) {
			npt_free_table(table);
			return npt_child(entry, level);
		}
	}
	npt_count_table(npt, level - 1, 1);
	return table;
}

struct npt_map {
	struct axas_npt *npt;
	u64 shared;
	u64 offset;
	unsigned int max_level;
};

static int npt_map_table(const struct npt_map *map, u64 *ptr,
			 unsigned int level, u64 gpa, u64 end)
{
	u64 size = axas_level_size(level), next;
	u64 *child;
	int ret;

	for (; gpa < end; gpa = next, ptr++) {
		u64 hpa = gpa + map->offset;

		next = npt_next(gpa, end, level);
		if (level <= map->max_level && next - gpa == size &&
		    IS_ALIGNED(hpa, size) && !fmt_present(READ_ONCE(*ptr))) {
			u64 leaf = fmt_leaf(map->shared, axas_hpa(hpa), level);

			WRITE_ONCE(*ptr, leaf);
			npt_count_leaf(map->npt, leaf, level, 1);
			continue;
		}

		child = npt_map_child(map->npt, ptr, level);
		if (!child)
			return -ENOMEM;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		ret = npt_map_table(map, npt_entry(child, gpa, level - 1),
				    level - 1, gpa, next);
		if (ret)
			return ret;
	}
	return 0;
}

static int npt_map(struct axas_npt *npt, axas_gpa_t gpa, axas_hpa_t hpa,
		   u64 size, struct axas_attr attr, unsigned int max_level)
{
	const struct npt_map map = {
		.npt = npt,
		.shared = fmt_attr(npt, attr),
		.offset = hpa.val - gpa.val,
		.max_level = max_level,
	};

	lockdep_assert_held(npt->lock);
	/* What the frames hold is visible before the first entry is. */
	smp_wmb();
	return npt_map_table(&map, npt_root_entry(npt, gpa.val), npt->levels,
			     gpa.val, gpa.val + size);
}

static int npt_map_frames(struct axas_npt *npt, axas_gpa_t gpa,
			  const axas_hpa_t *frames, unsigned int n,
			  struct axas_attr attr)
{
	u64 shared = fmt_attr(npt, attr);
	unsigned int level = npt->levels;
	u64 *ptr = npt_root_entry(npt, gpa.val);
	unsigned int i;

	lockdep_assert_held(npt->lock);
	while (level > 1) {
		ptr = npt_map_child(npt, ptr, level);
		if (!ptr)
			return -ENOMEM;
		ptr = npt_entry(ptr, gpa.val, --level);
	}

	/* What the frames hold is visible before the first entry is. */
	smp_wmb();
	for (i = 0; i < n; i++)
		WRITE_ONCE(ptr[i], fmt_leaf(shared, frames[i], 1));
	this_cpu_add(npt->stats->leaves[0], n);
	if (attr.owned)
		this_cpu_add(npt->stats->owned, n);
	return 0;
}

/* ---- clear, invalidate, free ---- */

/*
 * Wait for whoever still turns what the leaf said into a translation of its
 * own: it holds the page's lock from its lookup until then.
 */
static void npt_settle(struct axas_npt *npt, u64 entry, unsigned int level)
{
	unsigned long pfn = fmt_hpa(entry, level).val >> PAGE_SHIFT;
	unsigned long end = pfn + (1UL << 9 * (level - 1));

	if (list_empty(&npt->holders))
		return;
	for (; pfn < end; pfn++) {
		if (pfn_valid(pfn))
			folio_wait_locked(page_folio(pfn_to_page(pfn)));
	}
}

static void npt_gather_free(u64 item)
{
	axas_hpa_t hpa = axas_hpa(item & PAGE_MASK);
	unsigned int level = item & ~PAGE_MASK;

	if (level == NPT_GATHER_TABLE)
		call_rcu(&axas_hal_page(hpa)->rcu_head, npt_free_table_rcu);
	else
		axas_hal_dealloc_frame(hpa, 9 * (level - 1));
}

static void npt_gather_flush(struct axas_npt *npt)
{
	struct axas_npt_gather *gather = npt->gather;
	unsigned int i;

	if (gather->start < gather->end)
		axas_hal_invalidate(&npt->holders, axas_gpa(gather->start),
				    gather->end - gather->start);
	for (i = 0; i < gather->nr; i++)
		npt_gather_free(gather->items[i]);
	gather->nr = 0;
	gather->start = U64_MAX;
	gather->end = 0;
}

/* Note that [start, end) has been cleared. */
static inline void npt_gather_range(struct axas_npt *npt, u64 start, u64 end)
{
	struct axas_npt_gather *gather = npt->gather;

	gather->start = min(gather->start, start);
	gather->end = max(gather->end, end);
}

static inline void npt_gather_item(struct axas_npt *npt, u64 hpa,
				   unsigned int level)
{
	struct axas_npt_gather *gather = npt->gather;

	gather->items[gather->nr++] = hpa | level;
	if (gather->nr == NPT_GATHER_MAX)
		npt_gather_flush(npt);
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

static void npt_fill_split(u64 *table, u64 entry, unsigned int level)
{
	u64 child = fmt_child(entry, level);
	unsigned int i;

	for (i = 0; i < AXAS_TABLE_ENTRIES; i++)
		table[i] = child + i * axas_level_size(level - 1);
}

/*
 * Turn a leaf into a table of the next smaller leaves. The pool has a page,
 * unless a fault has put the leaf there since it was filled.
 */
static void npt_split(struct npt_change *change, u64 *ptr, unsigned int level,
		      u64 gpa)
{
	struct axas_npt *npt = change->npt;
	u64 size = axas_level_size(level);
	u64 *table = npt_alloc_table(change->pool,
				     GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	u64 link = fmt_table(axas_hal_virt_to_phys(table));
	u64 entry = READ_ONCE(*ptr);

	if (FMT_BREAK_BEFORE_MAKE) {
		entry = xchg(ptr, AXAS_NPT_FROZEN);
		axas_hal_invalidate(&npt->holders,
				    axas_gpa(ALIGN_DOWN(gpa, size)), size);
		npt_fill_split(table, entry, level);
		/* What the table holds is visible before the table is. */
		smp_store_release(ptr, link);
	} else {
		/* The CPU may set flags in the leaf meanwhile. */
		do {
			npt_fill_split(table, entry, level);
		} while (!try_cmpxchg(ptr, &entry, link));
	}

	this_cpu_dec(npt->stats->leaves[level - 1]);
	this_cpu_add(npt->stats->leaves[level - 2], AXAS_TABLE_ENTRIES);
	npt_count_table(npt, level - 1, 1);
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

/* ---- unmap ---- */

/*
 * Freeze a table if it has no valid entry. The search begins at hint, beside
 * what was just cleared, where a valid entry is most likely.
 */
static bool npt_freeze(u64 *table, unsigned int hint, u64 empty)
{
	unsigned int i, n;
	u64 entry;

	for (n = 0; n < AXAS_TABLE_ENTRIES; n++) {
		i = (hint + n) % AXAS_TABLE_ENTRIES;
		if (fmt_present(READ_ONCE(table[i])))
			return false;
	}

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

/*
 * Take a table out of its parent. All its entries are frozen, so that a fault
 * that still walks through it finds no place there.
 */
static void npt_reap(struct npt_change *change, u64 *ptr, u64 *table,
		     unsigned int level, u64 gpa, u64 empty)
{
	u64 size = axas_level_size(level);
	u64 start = ALIGN_DOWN(gpa, size);

	WRITE_ONCE(*ptr, empty);
	npt_count_table(change->npt, level - 1, -1);
	npt_gather_range(change->npt, start, start + size);
	npt_gather_item(change->npt, axas_hal_virt_to_phys(table).val,
			NPT_GATHER_TABLE);
}

static void npt_unmap_table(struct npt_change *change, u64 *ptr,
			    unsigned int level, u64 gpa, u64 end, u64 empty);

/* Clear [gpa, next) of the table below *ptr, and the table if that was all. */
static void npt_unmap_child(struct npt_change *change, u64 *ptr, u64 *table,
			    unsigned int level, u64 gpa, u64 next, u64 empty)
{
	u64 *first = npt_entry(table, gpa, level - 1);

	if (next - gpa == axas_level_size(level)) {
		npt_unmap_table(change, first, level - 1, gpa, next,
				AXAS_NPT_FROZEN);
	} else {
		unsigned int hint = npt_entry(table, next, level - 1) - table;

		npt_unmap_table(change, first, level - 1, gpa, next,
				change->empty);
		if (!npt_freeze(table, hint, change->empty))
			return;
	}
	npt_reap(change, ptr, table, level, gpa, empty);
}

static void npt_unmap_entry(struct npt_change *change, u64 *ptr,
			    unsigned int level, u64 gpa, u64 next, u64 empty)
{
	struct axas_npt *npt = change->npt;
	u64 entry = READ_ONCE(*ptr);

	do {
		if (fmt_present(entry) && !fmt_is_table(entry, level) &&
		    next - gpa < axas_level_size(level)) {
			npt_split(change, ptr, level, gpa);
			entry = READ_ONCE(*ptr);
		}
		if (fmt_is_table(entry, level)) {
			npt_unmap_child(change, ptr, npt_child(entry, level),
					level, gpa, next, empty);
			return;
		}
	} while (!try_cmpxchg(ptr, &entry, empty));

	if (!fmt_present(entry))
		return;
	npt_count_leaf(npt, entry, level, -1);
	npt_settle(npt, entry, level);
	npt_gather_range(npt, gpa, next);
	if (fmt_owned(entry))
		npt_gather_item(npt, fmt_hpa(entry, level).val, level);
}

/* What is cleared in this table becomes @empty, or frozen if the table goes. */
static void npt_unmap_table(struct npt_change *change, u64 *ptr,
			    unsigned int level, u64 gpa, u64 end, u64 empty)
{
	u64 next;

	for (; gpa < end; gpa = next, ptr++) {
		next = npt_next(gpa, end, level);
		npt_unmap_entry(change, ptr, level, gpa, next, empty);
	}
	cond_resched();
}

static void npt_unmap(struct axas_npt *npt, axas_gpa_t gpa, u64 size,
		      struct axas_npt_pool *pool)
{
	struct npt_change change = {
		.npt = npt,
		.pool = pool,
	};

	change.empty = npt_new_epoch(npt) << PAGE_SHIFT;
	npt_unmap_table(&change, npt_root_entry(npt, gpa.val), npt->levels,
			gpa.val, gpa.val + size, change.empty);
	npt_gather_flush(npt);
}

/* ---- protect ---- */

static void npt_protect_table(struct npt_change *change, u64 *ptr,
			      unsigned int level, u64 gpa, u64 end);

static void npt_protect_entry(struct npt_change *change, u64 *ptr,
			      unsigned int level, u64 gpa, u64 next)
{
	struct axas_npt *npt = change->npt;
	u64 entry = READ_ONCE(*ptr), new;

	do {
		if (fmt_present(entry) && !fmt_is_table(entry, level) &&
		    next - gpa < axas_level_size(level)) {
			npt_split(change, ptr, level, gpa);
			entry = READ_ONCE(*ptr);
		}
		if (fmt_is_table(entry, level)) {
			u64 *table = npt_child(entry, level);

			npt_protect_table(change,
					  npt_entry(table, gpa, level - 1),
					  level - 1, gpa, next);
			return;
		}
		new = fmt_present(entry) ?
			      fmt_set_prot(npt, entry, change->prot) :
			      change->empty;
	} while (!try_cmpxchg(ptr, &entry, new));

	if (!fmt_present(entry) || entry == new)
		return;
	npt_settle(npt, entry, level);
	npt_gather_range(npt, gpa, next);
}

static void npt_protect_table(struct npt_change *change, u64 *ptr,
			      unsigned int level, u64 gpa, u64 end)
{
	u64 next;

	for (; gpa < end; gpa = next, ptr++) {
		next = npt_next(gpa, end, level);
		npt_protect_entry(change, ptr, level, gpa, next);
	}
	cond_resched();
}

static void npt_protect(struct axas_npt *npt, axas_gpa_t gpa, u64 size,
			unsigned int prot, struct axas_npt_pool *pool)
{
	struct npt_change change = {
		.npt = npt,
		.pool = pool,
		.prot = prot,
	};

	change.empty = npt_new_epoch(npt) << PAGE_SHIFT;
	npt_protect_table(&change, npt_root_entry(npt, gpa.val), npt->levels,
			  gpa.val, gpa.val + size);
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

			npt_decode_entry(walk->npt, entry, level, &leaf);
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
	axas_hpa_t root;

	fmt_setup(npt);
	INIT_LIST_HEAD(&npt->holders);
	npt->stats = alloc_percpu_gfp(struct axas_npt_stats,
				      AXAS_GFP | __GFP_ZERO);
	if (!npt->stats)
		return -ENOMEM;
	npt->gather = kzalloc(sizeof(*npt->gather), AXAS_GFP);
	if (!npt->gather)
		goto err_stats;
	npt->gather->start = U64_MAX;
	root = axas_hal_alloc_frame(npt->root_order, NUMA_NO_NODE,
				    AXAS_GFP | __GFP_ZERO);
	if (!axas_frame_valid(root))
		goto err_gather;

	npt->root = axas_hal_phys_to_virt(root);
	npt_count_table(npt, npt->levels, 1 << npt->root_order);
	return 0;

err_gather:
	kfree(npt->gather);
err_stats:
	free_percpu(npt->stats);
	return -ENOMEM;
}

static void npt_destroy_table(u64 *table, unsigned int entries,
			      unsigned int level)
{
	unsigned int i;

	for (i = 0; i < entries; i++) {
		u64 entry = table[i];

		if (fmt_is_table(entry, level)) {
			u64 *child = npt_child(entry, level);

			npt_destroy_table(child, AXAS_TABLE_ENTRIES, level - 1);
			npt_free_table(child);
		} else if (fmt_present(entry) && fmt_owned(entry)) {
			axas_hal_dealloc_frame(fmt_hpa(entry, level),
					       9 * (level - 1));
		}
	}
	cond_resched();
}

static void npt_destroy(struct axas_npt *npt)
{
	axas_hal_invalidate(&npt->holders, axas_gpa(0), 1ULL << npt->gpa_bits);
	npt_destroy_table(npt->root, AXAS_TABLE_ENTRIES << npt->root_order,
			  npt->levels);
	axas_hal_dealloc_frame(axas_hal_virt_to_phys(npt->root),
			       npt->root_order);
	kfree(npt->gather);
	free_percpu(npt->stats);
}

#define NPT_ALGO_OPS				\
	.init = npt_init,			\
	.peek = npt_peek,			\
	.decode = npt_decode,			\
	.look = npt_look,			\
	.install = npt_install,			\
	.map = npt_map,				\
	.map_frames = npt_map_frames,		\
	.split_cost = npt_split_cost,		\
	.unmap = npt_unmap,			\
	.protect = npt_protect,			\
	.walk = npt_walk,			\
	.destroy = npt_destroy
