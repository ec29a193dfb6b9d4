/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: birth and death, of tables and of drafts.
 */

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

/* What lies in [gpa, end), and the tables below. */
static void npt_destroy_range(struct axas_npt *npt, u64 *ptr,
			      unsigned int level, u64 gpa, u64 end)
{
	for (; gpa < end; gpa = npt_next(gpa, end, level), ptr++) {
		u64 entry = *ptr;

		if (fmt_is_table(entry, level)) {
			u64 *child = npt_child(entry, level);

			npt_destroy_range(npt, npt_entry(child, gpa, level - 1),
					  level - 1, gpa,
					  npt_next(gpa, end, level));
			npt_free_table(child);
			npt_count_tables(npt, level - 1, -1);
		} else if (npt_present(entry) && fmt_owned(entry)) {
			/* All of it has been invalidated. */
			npt_gather_pages(npt, fmt_hpa(entry, level),
					 1U << 9 * (level - 1), 0, 0);
		}
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

static int npt_draft(const struct axas_npt *npt, axas_gpa_t gpa, u64 size,
		     struct axas_npt_draft *draft)
{
	struct axas_npt *new = &draft->npt;

	mutex_init(&draft->lock);
	draft->start = gpa.val;
	draft->end = gpa.val + size;
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
	};
	INIT_LIST_HEAD(&new->holders);
	new->root = axas_hal_alloc_table(npt->root_order, AXAS_GFP | __GFP_ZERO);
	return new->root ? 0 : -ENOMEM;
}

/* Free what has not been taken out. It counts no more. */
static void npt_drop_draft(struct axas_npt_draft *draft)
{
	struct axas_npt *npt = &draft->npt;

	npt_destroy_range(npt, npt_root_entry(npt, draft->start), npt->levels,
			  draft->start, draft->end);
	npt_gather_flush(npt);
	axas_hal_free_table(npt->root, npt->root_order);
	npt->root = NULL;
}

/* What is left of a draft is tables alone. The others are the table's now. */
static void npt_end_draft(struct axas_npt *npt, struct axas_npt_draft *draft)
{
	const struct axas_npt_stats *counts = &draft->npt.counts;
	unsigned int i;

	npt_drop_draft(draft);
	for (i = 0; i < AXAS_MAX_LEAF_LEVEL; i++)
		npt_count(&npt->counts.leaves[i], counts->leaves[i]);
	for (i = 0; i < AXAS_MAX_LEVELS; i++)
		npt_count(&npt->counts.tables[i], counts->tables[i]);
	npt_count(&npt->counts.owned, counts->owned);
}
