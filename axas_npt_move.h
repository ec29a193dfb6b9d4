/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: move. Under the lock.
 *
 * What lies in a range comes into a draft, where it is to be. It goes in cells: what
 * an entry covers that lies in the range as a whole, here and there. So a table goes
 * as it is where both ranges are aligned to what it covers.
 */

/*
 * State of one: the rest of the range ends there, and goes that far. What was taken may
 * have gone as tables, and may have left tables of the range's edges empty.
 */
struct npt_move {
	struct axas_npt *npt;
	struct axas_npt_draft *draft;
	struct axas_npt_pool *pool;
	u64 distance;
	u64 end;
	bool tables;
	bool emptied;
};

/* Level of the cell that begins at gpa. */
static unsigned int npt_cell_level(const struct npt_move *move, u64 gpa)
{
	unsigned int fits = ilog2(move->end - gpa);
	unsigned int shift = min(fits, __ffs64(gpa | move->distance));

	return min_t(unsigned int, (shift - PAGE_SHIFT) / 9 + 1,
		     move->npt->levels);
}

/* Cells of a level, from gpa on, that lie in one table here and in one there. */
static unsigned int npt_cells(const struct npt_move *move, u64 gpa,
			      unsigned int level)
{
	u64 here = npt_next(gpa, move->end, level + 1) - gpa;
	u64 to = gpa + move->distance;

	return (npt_next(to, to + here, level + 1) - to) >>
	       axas_level_shift(level);
}

/* One step down on the way to a cell. A leaf that is larger is split. */
static u64 *npt_move_step(const struct npt_move *move, u64 *ptr, u64 gpa,
			  unsigned int level)
{
	struct npt_change change = { .npt = move->npt, .pool = move->pool };
	u64 entry = READ_ONCE(*ptr);

	if (!fmt_is_table(entry, level)) {
		npt_split(&change, ptr, level, gpa);
		entry = READ_ONCE(*ptr);
	}
	if (entry & FMT_SW_FULL)
		npt_clear_full(ptr);
	return npt_entry(npt_child(entry), gpa, level - 1);
}

/* Get what it takes to move what lies in one table. Return: 0 or -ENOMEM. */
static int npt_sketch_run(const struct npt_move *move, u64 *gpa)
{
	unsigned int level = npt_cell_level(move, *gpa), l, n, i;
	u64 *ptr = npt_root_entry(move->npt, *gpa), entry;

	for (l = move->npt->levels; l > level; l--) {
		entry = READ_ONCE(*ptr);
		if (!npt_present(entry)) {
			*gpa = npt_next(*gpa, move->end, l);
			return 0;
		}
		/* A split writes all of its table. */
		if (!fmt_is_table(entry, l) &&
		    axas_npt_pool_fill(move->pool, 1, AXAS_GFP))
			return -ENOMEM;
		ptr = npt_move_step(move, ptr, *gpa, l);
	}
	n = npt_cells(move, *gpa, level);
	for (i = 0; i < n && npt_can_close(READ_ONCE(ptr[i])); i++)
		;
	if (i < n && !npt_make_path(&move->draft->npt, *gpa + move->distance,
				    level, NULL))
		return -ENOMEM;
	*gpa += n * axas_level_size(level);
	return 0;
}

static int npt_sketch(struct axas_npt *npt, axas_gpa_t from, axas_gpa_t to,
		      u64 size, struct axas_npt_pool *pool,
		      struct axas_npt_draft *draft)
{
	const struct npt_move move = {
		npt, draft, pool, to.val - from.val, from.val + size,
	};
	u64 gpa = from.val;
	int ret = 0;

	lockdep_assert_held(npt->lock);
	while (gpa < move.end && !ret) {
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = npt_sketch_run(&move, &gpa);
		cond_resched();
	}
	return ret;
}

/* Where a cell goes. It was sketched, unless a fault has come since. */
static u64 *npt_sketched(const struct npt_move *move, u64 gpa,
			 unsigned int level)
{
	struct axas_npt *draft = &move->draft->npt;
	u64 *ptr = npt_entry_at(draft, gpa + move->distance, level);
	struct axas_npt_pool pool = {};

	if (likely(ptr))
		return ptr;
	axas_npt_pool_fill(&pool, draft->levels - level,
			   GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOFAIL);
	ptr = npt_make_path(draft, gpa + move->distance, level, &pool);
	axas_npt_pool_free(&pool);
	return ptr;
}

/* Have entries that were taken left nothing else in their table? */
static bool npt_empties(u64 *ptr, unsigned int n)
{
	u64 *table = PTR_ALIGN_DOWN(ptr, PAGE_SIZE);
	u64 *end = table + AXAS_TABLE_ENTRIES;

	return npt_skip(ptr + n, end, NPT_KEPT) == end &&
	       npt_skip(table, ptr, NPT_KEPT) == ptr;
}

/* Take what lies in one table. Return: where to go on. */
static u64 npt_take_run(struct npt_move *move, u64 gpa)
{
	unsigned int level = npt_cell_level(move, gpa), l, n, i;
	u64 *ptr = npt_root_entry(move->npt, gpa), *to = NULL, entry, next;

	for (l = move->npt->levels; l > level; l--) {
		entry = READ_ONCE(*ptr);
		if (!npt_present(entry) &&
		    try_cmpxchg(ptr, &entry, AXAS_NPT_FROZEN))
			return npt_next(gpa, move->end, l);
		ptr = npt_move_step(move, ptr, gpa, l);
	}
	n = npt_cells(move, gpa, level);
	next = gpa + n * axas_level_size(level);
	for (i = 0; i < n; i++) {
		entry = READ_ONCE(ptr[i]);
		if (npt_can_close(entry) &&
		    try_cmpxchg(&ptr[i], &entry, AXAS_NPT_FROZEN))
			continue;
		if (!to)
			to = npt_sketched(move, gpa, level);
		if (fmt_is_table(entry, level)) {
			npt_forget_trail(move->npt);
			move->tables = true;
		}
		/* The CPU may set flags until then. */
		to[i] = xchg(&ptr[i], AXAS_NPT_FROZEN);
	}
	if (!to)
		return next;
	npt_gather_range(move->npt, gpa, next);
	if (level < move->npt->levels && npt_empties(ptr, n))
		move->emptied = true;
	return next;
}

static int npt_wait_leaf(void *arg, axas_gpa_t gpa, const struct axas_leaf *leaf)
{
	if (leaf->attr.owned)
		npt_wait_pages(axas_hal_page(leaf->hpa),
			       1U << 9 * (leaf->level - 1));
	cond_resched();
	return 0;
}

static bool npt_take(struct axas_npt *npt, axas_gpa_t from, axas_gpa_t to,
		     u64 size, struct axas_npt_pool *pool,
		     struct axas_npt_draft *draft)
{
	struct npt_move move = {
		npt, draft, pool, to.val - from.val, from.val + size,
	};
	u64 gpa = from.val;

	lockdep_assert_held(npt->lock);
	while (gpa < move.end) {
		gpa = npt_take_run(&move, gpa);
		cond_resched();
	}
	/* As in npt_gather_wait(): the exchanges were full barriers. */
	if (!list_empty(&npt->holders)) {
		guard(mutex)(&draft->lock);
		npt_walk(&draft->npt, to, size, npt_wait_leaf, NULL);
	}
	if (move.emptied)
		npt_freeze(npt, from, to, size, pool, draft, NULL);
	else
		npt_gather_flush(npt);
	return move.tables;
}
