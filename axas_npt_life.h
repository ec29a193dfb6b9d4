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
	u64 *table = npt_child(entry, level);

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

/* Is one entry all that the range has of the root? Then the draft has it in itself. */
static u64 *npt_draft_root(struct axas_npt_draft *draft)
{
	unsigned int shift = axas_level_shift(draft->npt.levels);
	u64 first = draft->start >> shift;

	return first == (draft->end - 1) >> shift ? &draft->entry - first : NULL;
}

static int npt_draft(const struct axas_npt *npt, axas_gpa_t gpa, u64 size,
		     struct axas_npt_draft *draft)
{
	struct axas_npt *new = &draft->npt;

	mutex_init(&draft->lock);
	draft->entry = 0;
	draft->start = gpa.val;
	draft->end = gpa.val + size;
	draft->thawed = false;
	/* What never changes; of the rest others write some just now. */
	*new = (struct axas_npt){
		.ops = npt->ops,
		.id = npt->id,
		.caps = npt->caps,
		.lock = &draft->lock,
		.gather = npt->gather,
		.levels = npt->levels,
		.root_order = npt->root_order,
		.gpa_bits = npt->gpa_bits,
		.features = npt->features,
		.arms = READ_ONCE(npt->arms),
	};
	INIT_LIST_HEAD(&new->holders);
	new->root = npt_draft_root(draft);
	if (!new->root)
		new->root = axas_hal_alloc_table(npt->root_order,
						 AXAS_GFP | __GFP_ZERO);
	return new->root ? 0 : -ENOMEM;
}

/* Free what has not gone. Leaves go all or none; they count where they are. */
static void npt_drop(struct axas_npt *npt, struct axas_npt_draft *draft)
{
	struct axas_npt *from = &draft->npt;
	unsigned int i;

	lockdep_assert_held(npt->lock);
	npt_destroy_range(from, npt_root_entry(from, draft->start), from->levels,
			  draft->start, draft->end);
	npt_gather_flush(from);
	if (!npt_draft_root(draft))
		axas_hal_free_table(from->root, from->root_order);
	if (!draft->thawed)
		return;
	for (i = 0; i < AXAS_MAX_LEAF_LEVEL; i++)
		npt_count(&npt->counts.leaves[i], from->counts.leaves[i]);
	for (i = 0; i < AXAS_MAX_LEVELS; i++)
		npt_count(&npt->counts.tables[i], from->counts.tables[i]);
	npt_count(&npt->counts.owned, from->counts.owned);
}
