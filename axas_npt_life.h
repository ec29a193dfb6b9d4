/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: birth and death, of tables and of drafts.
 */

static int npt_init(struct axas_npt *npt)
{
	fmt_setup(npt);
	INIT_LIST_HEAD(&npt->holders);
	spin_lock_init(&npt->stale);
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

static void npt_destroy_range(struct axas_npt *npt, u64 *ptr,
			      unsigned int level, u64 gpa, u64 end);

/* The table that an entry points to, as far as it lies in [gpa, end). */
static noinline void npt_destroy_table(struct axas_npt *npt, u64 entry,
				       unsigned int level, u64 gpa, u64 end)
{
	u64 *table = npt_child(entry);

	npt_destroy_range(npt, npt_entry(table, gpa, level - 1), level - 1, gpa,
			  npt_next(gpa, end, level));
	npt_free_table(table);
	npt_count_tables(npt, level - 1, -1);
}

/* What lies in [gpa, end), and the tables below. */
static void npt_destroy_range(struct axas_npt *npt, u64 *ptr,
			      unsigned int level, u64 gpa, u64 end)
{
	u64 size = axas_level_size(level), first = ALIGN_DOWN(gpa, size);
	unsigned int i, n = (end - first + size - 1) >> axas_level_shift(level);

	for (i = 0; i < n; i++) {
		u64 entry = ptr[i];

		if (fmt_is_table(entry, level))
			npt_destroy_table(npt, entry, level,
					  max(first + i * size, gpa), end);
		else if (!npt_present(entry))
			i = npt_skip(ptr + i, ptr + n, FMT_PRESENT) - ptr - 1;
		else if (fmt_owned(entry))
			/* All of it has been invalidated. */
			npt_gather_pages(npt, fmt_hpa(entry, level),
					 1U << 9 * (level - 1), 0, 0);
	}
	cond_resched();
}

static void npt_destroy(struct axas_npt *npt)
{
	npt_invalidate(npt, 0, 1ULL << npt->gpa_bits);
	npt_destroy_range(npt, npt->root, npt->levels, 0,
			  1ULL << npt->gpa_bits);
	npt_gather_flush(npt);
	axas_hal_free_table(npt->root, npt->root_order);
	kfree(npt->gather);
	free_percpu(npt->installs);
}

/* ---- drafts ---- */

/* The lowest level of which one entry covers all of [start, last]. */
static unsigned int npt_cover_level(u64 start, u64 last)
{
	unsigned int level = 1;

	while ((start ^ last) >> axas_level_shift(level))
		level++;
	return level;
}

/*
 * What a draft has for all that an entry of the table covers; NULL if it has nothing
 * there, or not so far down.
 */
static u64 *npt_draft_entry(const struct axas_npt_draft *draft, u64 gpa,
			    unsigned int level)
{
	const struct axas_npt *npt = &draft->npt;

	if (level > npt->levels || (!draft->rooted &&
				    (draft->start ^ gpa) >>
				    axas_level_shift(npt->levels)))
		return NULL;
	return npt_entry_at(npt, gpa, level);
}

/* Does a draft bring anything to the table below the entry of this level for gpa? */
static bool npt_brings(const struct axas_npt_draft *draft, u64 gpa,
		       unsigned int level)
{
	const u64 *entry = npt_draft_entry(draft, gpa, level);

	if (level > draft->npt.levels)
		return draft->entry &&
		       !((draft->start ^ gpa) >> axas_level_shift(level));
	return entry && *entry;
}

/*
 * Where one entry covers the range, that is all of the draft's root. It is the one of
 * the lowest level in a table that is there: most likely it is so still when it comes to
 * the table.
 */
static int npt_draft(const struct axas_npt *npt, axas_gpa_t gpa, u64 size,
		     struct axas_npt_draft *draft)
{
	unsigned int level = npt_cover_level(gpa.val, gpa.val + size - 1);
	struct axas_npt *new = &draft->npt;

	mutex_init(&draft->lock);
	draft->entry = 0;
	draft->start = gpa.val;
	draft->end = gpa.val + size;
	draft->rooted = level > npt->levels;
	draft->thawed = false;
	/* What never changes; of the rest others write some just now. */
	memset(new, 0, sizeof(*new));
	new->ops = npt->ops;
	new->id = npt->id;
	new->caps = npt->caps;
	new->lock = &draft->lock;
	new->gather = npt->gather;
	new->levels = npt->levels;
	new->root_order = npt->root_order;
	new->gpa_bits = npt->gpa_bits;
	new->features = npt->features;
	new->arms = READ_ONCE(npt->arms);
	INIT_LIST_HEAD(&new->holders);
	if (draft->rooted) {
		new->root = axas_hal_alloc_table(npt->root_order,
						 AXAS_GFP | __GFP_ZERO);
		return new->root ? 0 : -ENOMEM;
	}
	rcu_read_lock();
	npt_reach(npt, gpa.val, &level);
	rcu_read_unlock();
	new->levels = level;
	new->root = &draft->entry - (gpa.val >> axas_level_shift(level));
	return 0;
}

/* Under the lock: can what is in a draft go to the table as it is? */
static bool npt_fits(const struct axas_npt *npt,
		     const struct axas_npt_draft *draft)
{
	unsigned int level = draft->npt.levels;

	lockdep_assert_held(npt->lock);
	npt_reach(npt, draft->start, &level);
	/* Leaves come otherwise if more is noticed now. */
	return level == draft->npt.levels && draft->npt.arms == npt->arms;
}

/* Free what has not gone. Leaves go all or none; they count where they are. */
static void npt_drop(struct axas_npt *npt, struct axas_npt_draft *draft)
{
	struct axas_npt *from = &draft->npt;
	unsigned int i;

	lockdep_assert_held(npt->lock);
	if (draft->entry || draft->rooted) {
		npt_destroy_range(from, npt_root_entry(from, draft->start),
				  from->levels, draft->start, draft->end);
		npt_gather_flush(from);
	}
	if (draft->rooted)
		axas_hal_free_table(from->root, from->root_order);
	if (!draft->thawed)
		return;
	for (i = 0; i < AXAS_MAX_LEAF_LEVEL; i++)
		npt_count(&npt->counts.leaves[i], from->counts.leaves[i]);
	for (i = 0; i < AXAS_MAX_LEVELS; i++)
		npt_count(&npt->counts.tables[i], from->counts.tables[i]);
	npt_count(&npt->counts.owned, from->counts.owned);
}
