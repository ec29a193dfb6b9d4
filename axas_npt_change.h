/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: what unmap, freeze and protect share. Clear,
 * invalidate, free; splits; the way down. Under the lock.
 */

/*
 * Wait for whoever still turns what an entry said about these pages into a
 * translation of its own: it holds the page's lock from its lookup until then.
 * Only who owns a frame may lock its page. The entry has changed, and a full
 * barrier was passed since; window_lock_page() has the other one.
 */
static noinline void npt_wait_pages(struct page *page, unsigned int n)
{
	for (; n--; page++)
		folio_wait_locked(page_folio(page));
	/* Invalidation sees what was done under the lock. */
	smp_acquire__after_ctrl_dep();
}

/* Make all holders forget [start, start + size). */
static void npt_invalidate(struct axas_npt *npt, u64 start, u64 size)
{
	u64 begin = axas_trace_begin(axas_invalidate);

	axas_hal_invalidate(&npt->holders, axas_gpa(start), size);
	trace_axas_invalidate(npt->id, start, size, axas_trace_ns(begin));
}

/* Nobody has a translation any more: who else has a page keeps it. */
static noinline void npt_count_freed(const struct axas_npt_gather *gather)
{
	u64 pinned = 0;
	unsigned int i;

	for (i = 0; i < gather->nr; i++)
		pinned += page_count(gather->pages[i]) > 1;
	gather->freed->pinned += pinned;
	gather->freed->freed += gather->nr + gather->behind - pinned;
}

/* Some of the pages are the first of a frame that goes as a whole. */
static noinline void npt_free_frames(const struct axas_npt_gather *gather)
{
	unsigned int i;

	for (i = 0; i < gather->nr; i++) {
		axas_hpa_t hpa = axas_hpa(PFN_PHYS(page_to_pfn(gather->pages[i])));

		axas_hal_dealloc_frame(hpa, axas_hal_is_whole(hpa) ?
						    AXAS_ORDER_2M : 0);
	}
}

/* Somebody may be making a translation of what it has looked up before. */
static noinline void npt_gather_wait(const struct axas_npt_gather *gather)
{
	unsigned int i;

	/* Entries were cleared by plain stores. */
	smp_mb();
	for (i = 0; i < gather->nr; i++)
		npt_wait_pages(gather->pages[i], 1);
}

static noinline void npt_gather_free(struct axas_npt_gather *gather)
{
	struct page *page;

	while (!list_empty(&gather->tables)) {
		page = list_first_entry(&gather->tables, struct page, lru);
		list_del(&page->lru);
		call_rcu(&page->rcu_head, npt_free_table_rcu);
	}
	if (unlikely(gather->freed))
		npt_count_freed(gather);
	if (unlikely(gather->behind))
		npt_free_frames(gather);
	else if (gather->nr)
		axas_hal_dealloc_pages(gather->pages, gather->nr);
	gather->nr = 0;
	gather->behind = 0;
}

static __always_inline void npt_gather_flush(struct axas_npt *npt)
{
	struct axas_npt_gather *gather = npt->gather;

	if (unlikely(!list_empty(&npt->holders)))
		npt_gather_wait(gather);
	if (gather->start < gather->end)
		npt_invalidate(npt, gather->start, gather->end - gather->start);
	gather->start = U64_MAX;
	gather->end = 0;
	if (gather->nr || !list_empty(&gather->tables))
		npt_gather_free(gather);
}

/* Note that [start, end) has been cleared. */
static inline void npt_gather_range(struct axas_npt *npt, u64 start, u64 end)
{
	struct axas_npt_gather *gather = npt->gather;

	gather->start = min(gather->start, start);
	gather->end = max(gather->end, end);
}

/*
 * Note the pages of a leaf that covered [start, end). Where they don't fit, the
 * rest of them has to be invalidated after the flush, and nothing but that.
 */
static inline void npt_gather_pages(struct axas_npt *npt, axas_hpa_t hpa,
				    unsigned int n, u64 start, u64 end)
{
	struct axas_npt_gather *gather = npt->gather;
	struct page *page = axas_hal_page(hpa);

	npt_gather_range(npt, start, end);
	if (unlikely(n > 1) && axas_hal_is_whole(hpa)) {
		gather->behind += n - 1;
		n = 1;
	}
	while (n--) {
		gather->pages[gather->nr++] = page++;
		if (unlikely(gather->nr == NPT_GATHER_MAX)) {
			npt_gather_flush(npt);
			if (n)
				npt_gather_range(npt, start, end);
		}
	}
}

/*
 * Begin a change. Areas that a fault remembers from before are void, and those
 * it finds from here on are the new ones. Return: what an entry becomes that
 * the change leaves empty.
 */
static u64 npt_new_epoch(struct axas_npt *npt)
{
	u64 epoch = axas_npt_next_epoch(npt);

	lockdep_assert_held(npt->lock);
	/* The areas change before the epoch does, for fault_area(). */
	smp_wmb();
	WRITE_ONCE(npt->epoch, epoch);
	/* The epoch changes before the first entry does, for fault_area(). */
	smp_wmb();
	return axas_npt_empty(epoch);
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

	if (fmt_owned(entry))
		axas_hal_split_frame(fmt_hpa(entry, level));
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
		ptr = npt_child(READ_ONCE(*ptr));
		ptr = npt_entry(ptr, gpa.val, --level);
	}
	for (level = min(level, max_level); level > 1; level--)
		cost += !IS_ALIGNED(gpa.val, axas_level_size(level));
	return cost;
}

/* Does what the entry of this level around gpa covers lie in the range? */
static inline bool npt_covers(const struct npt_change *change, u64 gpa,
			      unsigned int level)
{
	u64 size = axas_level_size(level), start = ALIGN_DOWN(gpa, size);

	return start >= change->start && start + size <= change->end;
}

/*
 * Does the table that this link points to go without a look at it? It does if unmap
 * takes all of it, its leaves own nothing, and nobody has to be waited for.
 */
static inline bool npt_goes_whole(const struct npt_change *change, u64 link,
				  unsigned int level, u64 gpa)
{
	return !change->prot && link & FMT_SW_FULL &&
	       npt_covers(change, gpa, level) &&
	       list_empty(&change->npt->holders);
}

/* The CPU may set flags in a link meanwhile, and others open it. */
static noinline void npt_clear_full(u64 *ptr)
{
	u64 link = READ_ONCE(*ptr);

	while (!try_cmpxchg(ptr, &link, link & ~FMT_SW_FULL))
		;
}

/*
 * Go down to the entry from which the range goes on. A leaf that reaches out of
 * the range is split.
 */
static __always_inline u64 *npt_descend(struct npt_change *change, u64 gpa,
					unsigned int *level)
{
	struct axas_npt_trail *trail = &change->npt->trail;
	unsigned int l;
	u64 *ptr = npt_set_out(change->npt, gpa, 1, &l);
	u64 entry = READ_ONCE(*ptr);

	while (l > 1) {
		if (unlikely(!fmt_is_table(entry, l))) {
			if (!npt_present(entry) || npt_covers(change, gpa, l))
				break;
			npt_split(change, ptr, l, gpa);
			entry = READ_ONCE(*ptr);
		}
		if (unlikely(entry & FMT_SW_FULL)) {
			if (npt_goes_whole(change, entry, l, gpa))
				break;
			/* Leaves below may go one by one from here on. */
			npt_clear_full(ptr);
		}
		trail->path[l] = ptr;
		ptr = npt_entry(npt_child(entry), gpa, l - 1);
		entry = READ_ONCE(*ptr);
		l--;
	}
	trail->path[l] = ptr;
	trail->gpa = gpa;
	trail->level = l;
	*level = l;
	return ptr;
}

/* Leave no leaf at gpa that is larger than 4 KiB. */
static void npt_split_small(struct axas_npt *npt, axas_gpa_t gpa,
			    struct axas_npt_pool *pool)
{
	u64 start = ALIGN_DOWN(gpa.val, SZ_4K);
	struct npt_change change = {
		.npt = npt,
		.pool = pool,
		.start = start,
		.end = start + SZ_4K,
		.prot = AXAS_PROT_READ,
	};
	unsigned int level;

	lockdep_assert_held(npt->lock);
	npt_descend(&change, start, &level);
}
