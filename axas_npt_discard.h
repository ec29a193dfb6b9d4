/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: discard. Under the lock.
 *
 * What unmap does, but faults come into the range all the time. None may put
 * another frame where somebody still has a translation of the old one: each
 * entry that is cleared stays frozen until all is invalidated, and is opened by
 * a walk of its own. So whoever has seen the new page is seen by all in it.
 */

/* Open what lies in one table. Return: where to go on. */
static u64 npt_open_run(struct npt_change *change, u64 gpa)
{
	struct axas_npt_slot slot;
	u64 stop, next;

	/* No split: a fault may have put a leaf there that reaches out. */
	npt_peek(change->npt, gpa, &slot);
	stop = npt_next(gpa, change->end, slot.level + 1);
	for (; gpa < stop; gpa = next, slot.ptr++) {
		u64 entry = READ_ONCE(*slot.ptr);

		if (fmt_is_table(entry, slot.level))
			break;
		next = npt_next(gpa, stop, slot.level);
		if (entry == AXAS_NPT_FROZEN)
			WRITE_ONCE(*slot.ptr, change->empty);
	}
	return gpa;
}

static void npt_discard(struct axas_npt *npt, axas_gpa_t gpa, u64 size,
			struct axas_npt_pool *pool,
			struct axas_npt_freed *freed)
{
	struct npt_change change = {
		.npt = npt,
		.pool = pool,
		.start = gpa.val,
		.end = gpa.val + size,
		.empty = npt_new_epoch(npt),
		.faults = true,
	};
	u64 next = gpa.val;

	npt->gather->freed = freed;
	npt_clear(&change);
	npt->gather->freed = NULL;
	while (next < change.end) {
		next = npt_open_run(&change, next);
		cond_resched();
	}
}
