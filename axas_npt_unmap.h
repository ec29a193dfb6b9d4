/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: unmap, and what freeze takes of it. Under the lock.
 */

/* An entry with any of these keeps its table. In a leaf the latter means something else. */
#define NPT_KEPT	(FMT_PRESENT | AXAS_NPT_POISONED)

/* May a table with this entry be closed? */
static inline bool npt_can_close(u64 entry)
{
	return !(entry & NPT_KEPT);
}

/*
 * Does what an entry covers meet a range in which all that is frozen stays so until
 * a thaw?
 */
static inline bool npt_stays_frozen(const struct npt_change *change, u64 gpa,
				    unsigned int level)
{
	u64 end = gpa + axas_level_size(level), size = change->end - change->start;

	return change->faults && ((gpa < change->end && change->start < end) ||
				  (gpa < change->other + size &&
				   change->other < end));
}

/* Does what an entry of this level from @start on covers lie where no area is? */
static inline bool npt_in_gap(const struct npt_change *change, u64 start,
			      unsigned int level)
{
	return change->gap && start >= change->gap->start &&
	       start + axas_level_size(level) - 1 <= change->gap->last;
}

/* Make all entries of a table the same. */
static inline void npt_fill_same(u64 *ptr, u64 entry)
{
	u64 *end = ptr + AXAS_TABLE_ENTRIES;

	unrolled_count(8)
	for (; ptr < end; ptr++)
		WRITE_ONCE(*ptr, entry);
}

/*
 * Freeze a table that reaches out of the range, if it has no valid entry and no
 * poisoned one. level is that of its entries, end where the change has come to. The
 * search begins behind that, where a valid entry is most likely. If it fails, what
 * the change has left frozen stays so: before end the entry of a table that
 * npt_reap() took out, and where faults come all that lies in a range. It does where the
 * draft brings something. In a gap it can't fail, nor does it take an exchange.
 */
static noinline bool npt_freeze_table(const struct npt_change *change,
				      u64 *table, unsigned int level, u64 end)
{
	u64 start = ALIGN_DOWN(end - 1, axas_level_size(level + 1)), entry;
	u64 *behind = npt_entry(table, end - 1, level) + 1;
	u64 *stop = table + AXAS_TABLE_ENTRIES;
	unsigned int last = behind - 1 - table;
	bool frozen = READ_ONCE(table[last]) == AXAS_NPT_FROZEN;
	unsigned int i;

	if (npt_skip(behind, stop, NPT_KEPT) != stop ||
	    npt_skip(table, behind, NPT_KEPT) != behind)
		return false;
	if (change->draft && npt_brings(change->draft, start, level + 1))
		return false;
	if (npt_in_gap(change, start, level + 1)) {
		npt_fill_same(table, AXAS_NPT_FROZEN);
		return true;
	}

	for (i = 0; i < AXAS_TABLE_ENTRIES; i++) {
		entry = READ_ONCE(table[i]);
		if (!npt_can_close(entry) ||
		    !try_cmpxchg(&table[i], &entry, AXAS_NPT_FROZEN))
			break;
	}
	if (i == AXAS_TABLE_ENTRIES)
		return true;
	while (i--)
		if (!(frozen && i == last) &&
		    !npt_stays_frozen(change, start + i * axas_level_size(level),
				      level))
			WRITE_ONCE(table[i], change->empty);
	return false;
}

/*
 * What an entry of this level becomes: frozen, if its table goes with it, or if
 * faults come.
 */
static inline u64 npt_vacant(const struct npt_change *change, u64 gpa,
			     unsigned int level)
{
	return change->faults || (level < change->npt->levels &&
				  npt_covers(change, gpa, level + 1)) ?
		       AXAS_NPT_FROZEN : change->empty;
}

/*
 * Must the entry above a table that goes stay frozen until the invalidation? If
 * the table reaches out of the range a fault may link another one at once, and
 * break before make wants the way through the old one forgotten first.
 */
static inline bool npt_reopens(const struct npt_change *change, u64 gpa,
			       unsigned int level)
{
	return FMT_BREAK_BEFORE_MAKE && !npt_covers(change, gpa, level);
}

/*
 * Take a table out of its parent. It has no place for a fault that still walks
 * through it: all its entries are frozen, or leaves.
 */
static void npt_reap(struct npt_change *change, u64 *ptr, unsigned int level,
		     u64 gpa)
{
	struct axas_npt *npt = change->npt;
	u64 size = axas_level_size(level), start = ALIGN_DOWN(gpa, size);
	struct page *page = axas_hal_page(fmt_hpa(READ_ONCE(*ptr), 1));

	WRITE_ONCE(*ptr, npt_reopens(change, gpa, level) ?
				 AXAS_NPT_FROZEN :
				 npt_vacant(change, gpa, level));
	npt_count_tables(npt, level - 1, -1);
	npt_gather_range(npt, start, start + size);
	list_add(&page->lru, &npt->gather->tables);
}

/* Exchange an entry that holds nothing. Return: false if it does, by now. */
static __always_inline bool npt_vacate(u64 *ptr, u64 vacant)
{
	u64 entry = READ_ONCE(*ptr);

	return !npt_present(entry) && try_cmpxchg(ptr, &entry, vacant);
}

/* The same, as far as it goes. Return: the first that holds something, or end. */
static __always_inline u64 *npt_vacate_run(u64 *ptr, u64 *end, u64 vacant)
{
	for (; ptr + 4 <= end; ptr += 4)
		if (!npt_vacate(ptr, vacant) || !npt_vacate(ptr + 1, vacant) ||
		    !npt_vacate(ptr + 2, vacant) || !npt_vacate(ptr + 3, vacant))
			break;
	while (ptr < end && npt_vacate(ptr, vacant))
		ptr++;
	return ptr;
}

/*
 * Clear entries from gpa on, up to the end of the table or the range, or to an
 * entry that takes a descent. Return: where that is, and *at the entry there.
 */
static __always_inline u64 npt_unmap_entries(struct npt_change *change,
					     u64 **at, unsigned int level,
					     u64 gpa)
{
	u64 stop = npt_next(gpa, change->end, level + 1), next;
	unsigned int shift = axas_level_shift(level);
	u64 vacant = npt_vacant(change, gpa, level);
	struct axas_npt *npt = change->npt;
	u64 from = U64_MAX, behind = 0;
	s64 leaves = 0, owned = 0;
	u64 *ptr;

	for (ptr = *at; gpa < stop; gpa = next, ptr++) {
		u64 entry = READ_ONCE(*ptr);

		/* If they aren't empty any more, a fault was faster. */
		if (!npt_present(entry)) {
			u64 first = gpa >> shift, last = (stop - 1) >> shift;
			u64 *held = npt_vacate_run(ptr, ptr + last - first + 1,
						   vacant);

			next = clamp((first + (held - ptr)) << shift, gpa, stop);
			ptr = held - 1;
			continue;
		}
		next = npt_next(gpa, stop, level);
		if (fmt_is_table(entry, level)) {
			if (!npt_goes_whole(change, entry, level, gpa))
				break;
			npt_reap(change, ptr, level, gpa);
			npt_count_leaves(npt, level - 1, -AXAS_TABLE_ENTRIES, 0);
			continue;
		}
		if (level > 1 && !npt_covers(change, gpa, level))
			break;

		/* Nobody else writes a leaf but the CPU, its flags. */
		WRITE_ONCE(*ptr, vacant);
		leaves++;
		if (fmt_owned(entry)) {
			owned++;
			npt_gather_pages(npt, fmt_hpa(entry, level),
					 1U << 9 * (level - 1), gpa, next);
		} else {
			from = min(from, gpa);
			behind = next;
		}
	}
	npt_gather_range(npt, from, behind);
	npt_count_leaves(npt, level, -leaves, -owned);
	*at = ptr;
	return gpa;
}

/* Take out the table below *ptr if it lies in the range or has become empty. */
static bool npt_close(struct npt_change *change, u64 *ptr, unsigned int level,
		      u64 end)
{
	if (!npt_covers(change, end - 1, level) &&
	    !npt_freeze_table(change, npt_child(READ_ONCE(*ptr)), level - 1,
			      end))
		return false;
	npt_reap(change, ptr, level, end - 1);
	return true;
}

/* Unmap what lies in one table. Return: where to go on. */
static __always_inline u64 npt_unmap_run(struct npt_change *change, u64 gpa)
{
	u64 **path = change->npt->trail.path, *ptr, *closed = NULL, next;
	unsigned int level;

	ptr = npt_descend(change, gpa, &level);
	if (level == 1)
		next = npt_unmap_entries(change, &ptr, 1, gpa);
	else
		next = npt_unmap_entries(change, &ptr, level, gpa);
	/* Who unmaps one page after the other meets the next one here. */
	if (next == gpa ||
	    (!PAGE_ALIGNED(ptr) && !npt_can_close(READ_ONCE(*ptr))))
		return next;

	while (level < change->npt->levels &&
	       (next == change->end ||
		IS_ALIGNED(next, axas_level_size(level + 1)))) {
		if (!npt_close(change, path[level + 1], level + 1, next))
			break;
		closed = path[++level];
	}
	if (closed && !change->faults && npt_reopens(change, next - 1, level)) {
		npt_gather_flush(change->npt);
		WRITE_ONCE(*closed, change->empty);
	}
	return next;
}

static __always_inline void npt_clear(struct npt_change *change)
{
	u64 next = change->start;

	for (;;) {
		next = npt_unmap_run(change, next);
		if (next == change->end)
			break;
		cond_resched();
	}
	npt_gather_flush(change->npt);
}

static void npt_unmap(struct axas_npt *npt, axas_gpa_t gpa, u64 size,
		      const struct axas_npt_gap *gap, struct axas_npt_pool *pool)
{
	struct npt_change change = {
		.npt = npt,
		.pool = pool,
		.start = gpa.val,
		.end = gpa.val + size,
		.gap = gap,
		.empty = npt_new_epoch(npt),
	};

	npt_clear(&change);
}
