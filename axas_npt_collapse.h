/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: collapse. Under the lock. A join of leaves that aren't one
 * run: what they hold is copied to a frame that is. In two steps, between which the
 * caller waits for whoever copies in the kernel.
 */

/* Is anything there, and has none of it failed? */
static bool npt_can_shut(const u64 *table)
{
	bool any = false;
	unsigned int i;

	for (i = 0; i < AXAS_TABLE_ENTRIES; i++) {
		u64 entry = READ_ONCE(table[i]);

		if (entry == AXAS_NPT_POISONED)
			return false;
		any |= npt_present(entry);
	}
	return any;
}

/* A fault that still is in the table finds no place. It may be faster. */
static void npt_shut_empty(u64 *table)
{
	unsigned int i;

	for (i = 0; i < AXAS_TABLE_ENTRIES; i++) {
		u64 entry = READ_ONCE(table[i]);

		while (!npt_present(entry) &&
		       !try_cmpxchg(&table[i], &entry, AXAS_NPT_FROZEN))
			;
	}
}

static void npt_shut_wait(const u64 *table)
{
	unsigned int i;

	for (i = 0; i < AXAS_TABLE_ENTRIES; i++) {
		u64 entry = READ_ONCE(table[i]);

		if (npt_present(entry))
			npt_wait_pages(axas_hal_page(fmt_hpa(entry, 1)), 1);
	}
}

static bool npt_shut(struct axas_npt *npt, axas_gpa_t gpa,
		     struct axas_npt_shut *shut)
{
	u64 *ptr = npt_entry_at(npt, gpa.val, 2);

	lockdep_assert_held(npt->lock);
	if (!ptr || !fmt_is_table(READ_ONCE(*ptr), 2))
		return false;
	shut->table = npt_child(READ_ONCE(*ptr));
	if (!npt_can_shut(shut->table))
		return false;
	shut->ptr = ptr;
	/* A full barrier, for npt_wait_pages(). */
	shut->link = xchg(ptr, AXAS_NPT_FROZEN);
	npt_shut_empty(shut->table);
	if (!list_empty(&npt->holders))
		npt_shut_wait(shut->table);
	npt_invalidate(npt, gpa.val, axas_level_size(2));
	return true;
}

/*
 * Has nobody else a page of the table, and has none failed? Nobody gets one any
 * more who doesn't ask again.
 */
static bool npt_is_alone(const u64 *table)
{
	unsigned int i;

	for (i = 0; i < AXAS_TABLE_ENTRIES; i++) {
		u64 entry = READ_ONCE(table[i]);
		struct page *page;

		if (!npt_present(entry))
			continue;
		page = axas_hal_page(fmt_hpa(entry, 1));
		if (page_count(page) > 1 || PageHWPoison(page))
			return false;
	}
	return true;
}

/* As if nothing had been. */
static void npt_unshut(struct axas_npt *npt, const struct axas_npt_shut *shut)
{
	u64 empty = npt_new_epoch(npt);
	unsigned int i;

	for (i = 0; i < AXAS_TABLE_ENTRIES; i++)
		if (READ_ONCE(shut->table[i]) == AXAS_NPT_FROZEN)
			WRITE_ONCE(shut->table[i], empty);
	/* What the table holds is visible before the table is. */
	smp_store_release(shut->ptr, shut->link);
}

/*
 * Where a guest looks past the caches they may have lines from before it wrote: they
 * go first.
 */
static void npt_copy_table(const u64 *table, void *to)
{
	unsigned int i;

	for (i = 0; i < AXAS_TABLE_ENTRIES; i++, to += SZ_4K) {
		u64 entry = READ_ONCE(table[i]);
		axas_hpa_t from = fmt_hpa(entry, 1);

		if (!npt_present(entry)) {
			clear_page(to);
			continue;
		}
		npt_sync(entry, fmt_sync(entry) & AXAS_SYNC_DATA, &from, 1,
			 SZ_4K);
		copy_page(to, axas_hal_phys_to_virt(from));
	}
}

/* The table goes, and all pages in it. What is there has been invalidated. */
static void npt_drop_table(struct axas_npt *npt, u64 *table)
{
	struct axas_npt_gather *gather = npt->gather;
	unsigned int i;

	for (i = 0; i < AXAS_TABLE_ENTRIES; i++) {
		u64 entry = READ_ONCE(table[i]);

		if (npt_present(entry))
			gather->pages[gather->nr++] =
				axas_hal_page(fmt_hpa(entry, 1));
	}
	npt_freeze_joined(table);
	npt_count_leaves(npt, 1, -(s64)gather->nr, -(s64)gather->nr);
	npt_count_tables(npt, 1, -1);
	list_add(&axas_hal_page(axas_hal_virt_to_phys(table))->lru,
		 &gather->tables);
	npt_gather_flush(npt);
}

/* In a table that notices writes the leaf is open if one of them is. */
static u64 npt_refilled(const struct axas_npt *npt, const u64 *table, u64 leaf)
{
	unsigned int i;

	if (npt->arms & AXAS_TRACK_ACCESSED)
		leaf &= ~FMT_ACCESSED;
	if (!(npt->arms & AXAS_TRACK_WRITTEN))
		return leaf;
	for (i = 0; i < AXAS_TABLE_ENTRIES; i++) {
		u64 entry = READ_ONCE(table[i]);

		if (npt_present(entry) && npt_leaf_open(npt, entry, 1))
			return leaf | (entry & FMT_SW_WRITTEN);
	}
	return npt_arm_entry(npt, leaf, 2);
}

static bool npt_refill(struct axas_npt *npt, const struct axas_npt_shut *shut,
		       axas_hpa_t hpa, u64 shared)
{
	u64 leaf = fmt_leaf(shared, hpa, 2);

	lockdep_assert_held(npt->lock);
	/* PTEs went before counts are read: a pin counts, and looks again. */
	smp_mb();
	if (!npt_is_alone(shut->table)) {
		npt_unshut(npt, shut);
		return false;
	}
	npt_copy_table(shut->table, axas_hal_phys_to_virt(hpa));
	npt_sync(leaf, fmt_sync(leaf), &hpa, 1, axas_level_size(2));
	leaf = npt_refilled(npt, shut->table, leaf);
	leaf = npt_joined(npt, shut->table, leaf);
	/* What the frame holds is visible before the leaf is. */
	smp_store_release(shut->ptr, leaf);
	npt_count_leaves(npt, 2, 1, 1);
	npt_drop_table(npt, shut->table);
	return true;
}
