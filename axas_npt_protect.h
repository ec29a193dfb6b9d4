/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: protect. Under the lock.
 */

/* What a leaf becomes. Who could not look at its frame before can now. */
static inline u64 npt_protected(const struct axas_npt *npt, u64 entry,
				unsigned int level, unsigned int prot)
{
	u64 new = fmt_set_prot(npt, entry, prot);
	axas_hpa_t hpa = fmt_hpa(entry, level);

	npt_sync(entry, fmt_sync(new) & ~fmt_sync(entry), &hpa, 1,
		 axas_level_size(level));
	return new;
}

/*
 * As npt_unmap_entries(), but leaves get other permissions. The CPU may set flags in
 * them meanwhile. The exchange is a full barrier for npt_wait_pages(). Return: where it
 * goes on: the end, or a table, or a leaf that is not to be changed whole.
 */
static __always_inline u64 *npt_protect_run(struct npt_change *change, u64 *ptr,
					    u64 *end, unsigned int level,
					    bool whole, u64 gpa)
{
	const bool wait = !list_empty(&change->npt->holders);
	const struct axas_npt *npt = change->npt;
	const unsigned int prot = change->prot;
	const u64 empty = change->empty;
	u64 *first = NULL, *last = NULL, *start = ptr, entry, new;
	u64 size = axas_level_size(level);

	for (; ptr < end; ptr++) {
		entry = READ_ONCE(*ptr);
		do {
			if (fmt_is_table(entry, level) ||
			    (!whole && npt_present(entry)))
				goto out;
			if (npt_present(entry))
				new = npt_protected(npt, entry, level, prot);
			else
				new = entry == AXAS_NPT_POISONED ? entry :
								   empty;
		} while (!try_cmpxchg(ptr, &entry, new));

		if (!npt_present(entry) || entry == new)
			continue;
		last = ptr;
		if (!first)
			first = ptr;
		if (unlikely(wait) && fmt_owned(entry))
			npt_wait_pages(axas_hal_page(fmt_hpa(entry, level)),
				       1U << 9 * (level - 1));
	}
out:
	if (first)
		npt_gather_range(change->npt, gpa + (first - start) * size,
				 gpa + (last + 1 - start) * size);
	return ptr;
}

/* What lies in one table. Return: where it goes on; a descent comes in between. */
static u64 npt_protect_entries(struct npt_change *change, u64 *ptr,
			       unsigned int level, u64 gpa)
{
	u64 stop = npt_next(gpa, change->end, level + 1), *end, *done;
	bool whole;

	for (; gpa < stop; ptr = end) {
		whole = npt_covers(change, gpa, level);
		end = ptr + 1;
		if (whole)
			end = ptr + (stop - gpa) / axas_level_size(level);
		if (level == 1)
			done = npt_protect_run(change, ptr, end, 1, true, gpa);
		else
			done = npt_protect_run(change, ptr, end, level, whole,
					       gpa);
		if (whole)
			gpa += (done - ptr) * axas_level_size(level);
		else if (done == end)
			gpa = npt_next(gpa, stop, level);
		if (done != end)
			break;
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
	u64 *ptr, next = gpa.val;
	unsigned int level;

	while (next < change.end) {
		ptr = npt_descend(&change, next, &level);
		next = npt_protect_entries(&change, ptr, level, next);
		cond_resched();
	}
	npt_gather_flush(npt);
}
