/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: protect. Under the lock.
 */

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
			if (fmt_present(entry))
				new = fmt_set_prot(npt, entry, change->prot);
			else
				new = entry == AXAS_NPT_POISONED ? entry :
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
