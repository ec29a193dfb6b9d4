/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: freeze and thaw. Under the lock.
 *
 * A range in which areas allow faults all the time gets something else. Freeze
 * does what unmap does, but leaves nothing behind that a fault could replace: who
 * comes there waits. When all that was there is forgotten, thaw puts in what is
 * to be there. So whoever has seen any of the new is seen by all in it.
 */

static void npt_freeze(struct axas_npt *npt, axas_gpa_t gpa, axas_gpa_t other,
		       u64 size, struct axas_npt_pool *pool,
		       const struct axas_npt_draft *draft,
		       struct axas_npt_freed *freed)
{
	struct npt_change change = {
		.npt = npt,
		.pool = pool,
		.start = gpa.val,
		.end = gpa.val + size,
		.other = other.val,
		.draft = draft,
		.empty = npt_new_epoch(npt),
		.faults = true,
	};

	npt->gather->freed = freed;
	npt_clear(&change);
	npt->gather->freed = NULL;
}

/*
 * Thaw what lies in one table. No leaf of the draft is larger than what an entry
 * here covers, for all that the range covers was frozen as a whole. Return: where
 * to go on.
 */
static u64 npt_thaw_run(struct axas_npt *npt, struct axas_npt_draft *draft,
			u64 gpa, u64 end, u64 empty)
{
	struct axas_npt_slot slot;
	u64 *from = NULL, stop, next;

	npt_peek(npt, gpa, &slot);
	if (draft)
		from = npt_draft_entry(draft, gpa, slot.level);
	stop = npt_next(gpa, end, slot.level + 1);
	for (; gpa < stop; gpa = next, slot.ptr++) {
		u64 entry = READ_ONCE(*slot.ptr), new = empty;

		if (fmt_is_table(entry, slot.level))
			break;
		next = npt_next(gpa, stop, slot.level);
		/* Or the thaw of another range has come before. */
		if (entry == AXAS_NPT_FROZEN) {
			if (from && *from) {
				new = *from;
				*from = 0;
			}
			WRITE_ONCE(*slot.ptr, new);
		}
		from += !!from;
	}
	return gpa;
}

static void npt_thaw(struct axas_npt *npt, axas_gpa_t gpa, u64 size,
		     struct axas_npt_draft *draft)
{
	u64 empty = npt_new_epoch(npt), next = gpa.val, end = gpa.val + size;

	if (draft)
		draft->thawed = true;
	/* What the draft has is visible before the first entry leads there. */
	smp_wmb();
	while (next < end) {
		next = npt_thaw_run(npt, draft, next, end, empty);
		cond_resched();
	}
}
