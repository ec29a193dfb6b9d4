/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: birth and death.
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
	npt_destroy_table(npt, npt->root, AXAS_TABLE_ENTRIES << npt->root_order,
			  npt->levels);
	npt_gather_flush(npt);
	axas_hal_free_table(npt->root, npt->root_order);
	kfree(npt->gather);
	free_percpu(npt->installs);
}
