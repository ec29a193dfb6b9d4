/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: join. Under the lock. The inverse of a split: nothing
 * changes for anybody but the size of a leaf.
 */

/* Are a table's leaves, but for their flags, one leaf of this level? */
static bool npt_can_join(const u64 *table, unsigned int level)
{
	u64 first = READ_ONCE(table[0]), want = first;
	u64 same = ~fmt_flags(first), step = npt_leaf_step(level - 1);
	const u64 *ptr, *end = table + AXAS_TABLE_ENTRIES;

	if (!npt_present(first) || fmt_is_table(first, level - 1) ||
	    !IS_ALIGNED(fmt_hpa(first, level - 1).val, axas_level_size(level)))
		return false;
	unrolled_count(4)
	for (ptr = table; ptr < end; ptr++, want += step)
		if ((READ_ONCE(*ptr) ^ want) & same)
			return false;
	return true;
}

/*
 * The leaf that is made of those in a table, with what the CPU has set in any of
 * them, if it sets any, or who notices uses. What isn't present has none of these bits.
 */
static u64 npt_joined(const struct axas_npt *npt, const u64 *table, u64 leaf)
{
	unsigned int i;

	if (!(npt->features & AXAS_FEAT_AD) && !npt->aged && !npt_by_flags(npt))
		return leaf;
	for (i = 0; i < AXAS_TABLE_ENTRIES; i++)
		leaf |= READ_ONCE(table[i]) & fmt_flags(leaf);
	return leaf;
}

/*
 * Whoever has found a leaf in a table that goes, and then takes a reference of its
 * page, reads the entry again: it has changed before the frame can be freed.
 */
static void npt_freeze_joined(u64 *table)
{
	unsigned int i;

	for (i = 0; i < AXAS_TABLE_ENTRIES; i++)
		WRITE_ONCE(table[i], AXAS_NPT_FROZEN);
}

/*
 * Nobody changes such leaves but the CPU, their flags: these are good when it
 * knows the way to them no more.
 */
static void npt_join_table(struct axas_npt *npt, u64 *ptr, unsigned int level,
			   u64 start)
{
	u64 *table = npt_child(READ_ONCE(*ptr)), leaf;

	if (!npt_can_join(table, level))
		return;
	xchg(ptr, AXAS_NPT_FROZEN);
	npt_invalidate(npt, start, axas_level_size(level));
	leaf = npt_joined(npt, table, fmt_parent(READ_ONCE(table[0]), level - 1));
	if (fmt_owned(leaf))
		npt_freeze_joined(table);
	WRITE_ONCE(*ptr, leaf);
	npt_count(&npt->counts.leaves[level - 1], 1);
	npt_count(&npt->counts.leaves[level - 2], -AXAS_TABLE_ENTRIES);
	npt_count_tables(npt, level - 1, -1);
	call_rcu(&axas_hal_page(axas_hal_virt_to_phys(table))->rcu_head,
		 npt_free_table_rcu);
}

/* What is to be joined: tables in an area, and how large its leaves may be. */
struct npt_join {
	struct axas_npt *npt;
	u64 start;
	u64 end;
	unsigned int max_level;
};

/* Small ones first, for these may make a large one. */
static void npt_join_range(const struct npt_join *join, u64 *ptr,
			   unsigned int level, u64 gpa, u64 end)
{
	for (; gpa < end; gpa = npt_next(gpa, end, level), ptr++) {
		u64 entry = READ_ONCE(*ptr), size = axas_level_size(level);
		u64 start = ALIGN_DOWN(gpa, size);

		if (!fmt_is_table(entry, level))
			continue;
		if (level > 2)
			npt_join_range(join, npt_entry(npt_child(entry),
						       gpa, level - 1),
				       level - 1, gpa, npt_next(gpa, end, level));
		if (level <= join->max_level && start >= join->start &&
		    start + size <= join->end)
			npt_join_table(join->npt, ptr, level, start);
		cond_resched();
	}
}

static void npt_join(struct axas_npt *npt, axas_gpa_t gpa, u64 size, u64 start,
		     u64 last, unsigned int max_level)
{
	const struct npt_join join = { npt, start, last + 1, max_level };

	lockdep_assert_held(npt->lock);
	npt_join_range(&join, npt_root_entry(npt, gpa.val), npt->levels, gpa.val,
		       gpa.val + size);
}
