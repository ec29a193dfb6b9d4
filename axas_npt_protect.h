/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: protect. Under the lock.
 */

/* What a leaf becomes. Who could not look at its frame before can now. */
static inline u64 npt_protected(struct npt_change *change, u64 entry,
				unsigned int level)
{
	u64 new = fmt_set_prot(change->npt, entry, change->prot);
	axas_hpa_t hpa = fmt_hpa(entry, level);

	npt_sync(entry, fmt_sync(new) & ~fmt_sync(entry), &hpa, 1,
		 axas_level_size(level));
	return new;
}

/*
 * As npt_unmap_entries(), but leaves get other permissions. The CPU may set
 * flags in them meanwhile. The exchange is a full barrier for npt_wait_pages().
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
			    (npt_present(entry) &&
			     !npt_covers(change, gpa, level)))
				return gpa;
			if (npt_present(entry))
				new = npt_protected(change, entry, level);
			else
				new = entry == AXAS_NPT_POISONED ? entry :
								   change->empty;
		} while (!try_cmpxchg(ptr, &entry, new));

		if (!npt_present(entry) || entry == new)
			continue;
		if (fmt_owned(entry) && unlikely(!list_empty(&npt->holders)))
			npt_wait_pages(axas_hal_page(fmt_hpa(entry, level)),
				       1U << 9 * (level - 1));
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
		.prot = npt_born_prot(npt, prot),
		.empty = npt_new_epoch(npt),
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
