/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: what is open in a range is found and armed, or what was used
 * and is idle then; or all of it is opened. Under the lock and, but for a look, R for
 * writing.
 */

/* Whoever has looked before may enter a translation until then. */
static void npt_wait_armed(u64 entry, unsigned int level)
{
	if (fmt_owned(entry))
		npt_wait_pages(axas_hal_page(fmt_hpa(entry, level)),
			       1U << 9 * (level - 1));
}

static void npt_reopen_leaf(const struct axas_npt *npt, u64 *ptr,
			    unsigned int level, unsigned int prot)
{
	u64 entry = READ_ONCE(*ptr), open;

	do {
		if (!npt_present(entry))
			return;
		open = fmt_set_prot(npt, entry & ~FMT_SW_WRITTEN, prot);
	} while (!try_cmpxchg(ptr, &entry, open));
}

/* What is reopened: to these rights, and also below what is stale. */
struct npt_reopen {
	struct axas_npt *npt;
	unsigned int prot;
	bool deep;
};

/*
 * What is stale still allows what it did. A leaf that protect has closed since is
 * armed, and opens when it is written to; where leaves may be joined all are to be the
 * same.
 */
static void npt_reopen_range(const struct npt_reopen *reopen, u64 *ptr,
			     unsigned int level, u64 gpa, u64 end)
{
	struct axas_npt *npt = reopen->npt;
	u64 next, entry;
	bool whole;

	for (; gpa < end; gpa = next, ptr++) {
		next = npt_next(gpa, end, level);
		whole = next - gpa == axas_level_size(level);
		entry = READ_ONCE(*ptr);
		if (!fmt_is_table(entry, level)) {
			npt_reopen_leaf(npt, ptr, level, reopen->prot);
			continue;
		}
		npt_open_link(npt, ptr, level, whole);
		if (!whole || reopen->deep || !(entry & FMT_SW_STALE))
			npt_reopen_range(reopen,
					 npt_entry(npt_child(entry), gpa,
						   level - 1),
					 level - 1, gpa, next);
		cond_resched();
	}
}

static void npt_reopen(struct axas_npt *npt, axas_gpa_t gpa, u64 size,
		       unsigned int prot, bool deep)
{
	const struct npt_reopen reopen = { npt, prot, deep };

	lockdep_assert_held(npt->lock);
	npt_reopen_range(&reopen, npt_root_entry(npt, gpa.val), npt->levels,
			 gpa.val, gpa.val + size);
}

/* What is looked for. Each is a flag of leaves, and one of the links that lead there. */
enum npt_quest {
	NPT_OPEN,
	NPT_DIRTIED,		/* the same where the CPU says so */
	NPT_USED,
};

/* Does somebody have a page who may write to it whatever the entry says? */
static bool npt_leaf_pinned(u64 entry, unsigned int level)
{
	struct page *page = axas_hal_page(fmt_hpa(entry, level));
	unsigned int n = 1U << 9 * (level - 1);

	for (; n; n--, page++)
		if (page_count(page) > 1)
			return true;
	return false;
}

/* What somebody has pinned of what was armed in a table, which everybody has forgotten. */
static void npt_harvest_pinned(struct axas_npt_harvest *harvest,
			       const u64 *table, unsigned int level, u64 base,
			       const unsigned long *armed)
{
	u64 size = axas_level_size(level), entry;
	unsigned int i;

	/* PTEs went before counts are read: a pin counts, and looks again. */
	smp_mb();
	for_each_set_bit(i, armed, AXAS_TABLE_ENTRIES) {
		entry = READ_ONCE(table[i]);
		if (fmt_owned(entry) && npt_leaf_pinned(entry, level))
			harvest->pinned(harvest->arg, base + i * size, size);
	}
}

/*
 * Make everybody forget what was armed in a table; all that lies there, if the link to it
 * was.
 */
static __always_inline void
npt_harvest_flush(struct axas_npt_harvest *harvest, struct axas_npt *npt,
		  u64 *table, unsigned int level, u64 base,
		  unsigned long *armed, bool link)
{
	unsigned int first = find_first_bit(armed, AXAS_TABLE_ENTRIES);
	unsigned int last = find_last_bit(armed, AXAS_TABLE_ENTRIES);
	u64 size = axas_level_size(level);

	if (link)
		npt_invalidate(npt, base, AXAS_TABLE_ENTRIES * size);
	if (first == AXAS_TABLE_ENTRIES)
		return;
	if (!link)
		npt_invalidate(npt, base + first * size,
			       (last - first + 1) * size);
	if (harvest->held)
		npt_harvest_pinned(harvest, table, level, base, armed);
	bitmap_zero(armed, AXAS_TABLE_ENTRIES);
}

/*
 * Bits of which an entry has one if it is open. ROM of a format that has no bit for it
 * is open in any case.
 */
static u64 npt_open_bits(const struct axas_npt *npt)
{
	u64 prot = npt_by_flags(npt) ? NPT_DIRTY : npt_write_bits(npt);

	return FMT_SW_WRITTEN && FMT_LINK_WRITE ?
		       prot | FMT_SW_WRITTEN | FMT_LINK_WRITE : U64_MAX;
}

/* The flag of the links that lead there. */
static __always_inline u64 npt_quest_link(enum npt_quest quest)
{
	return quest == NPT_USED ? FMT_LINK_ACCESSED : FMT_LINK_WRITE;
}

static __always_inline u64 npt_quest_bits(const struct axas_npt *npt,
					  unsigned int level, enum npt_quest quest)
{
	if (quest == NPT_USED)
		return FMT_ACCESSED | (level > 1 ? npt_quest_link(quest) : 0);
	return npt_open_bits(npt);
}

static __always_inline bool npt_harvests(const struct axas_npt *npt, u64 entry,
					 unsigned int level, bool all,
					 enum npt_quest quest)
{
	if (!npt_present(entry) || fmt_is_table(entry, level))
		return false;
	return (quest == NPT_USED ? entry & FMT_ACCESSED :
				    npt_leaf_open(npt, entry, level)) || all;
}

static __always_inline u64 npt_harvested(const struct axas_npt *npt, u64 entry,
					 unsigned int level, enum npt_quest quest)
{
	return quest == NPT_USED ? entry & ~FMT_ACCESSED :
				   npt_arm_entry(npt, entry, level);
}

/* Does anything in a table have the flag, or lead there? */
static bool npt_any_found(const struct axas_npt *npt, const u64 *table,
			  unsigned int level, enum npt_quest quest)
{
	unsigned int i;

	for (i = 0; i < AXAS_TABLE_ENTRIES; i++) {
		u64 entry = READ_ONCE(table[i]);

		if (fmt_is_table(entry, level) ?
			    entry & npt_quest_link(quest) :
			    npt_harvests(npt, entry, level, false, quest))
			return true;
	}
	return false;
}

/* Of the bits below 12, what isn't present has one of these at most. */
#define NPT_GONE_BITS	(AXAS_NPT_FROZEN | AXAS_NPT_POISONED)

/*
 * In a table of level 1, leaves that have a bit lose it and others; nothing else changes.
 * Return: the first entry that isn't such a leaf.
 */
static __always_inline u64 *
npt_harvest_bits(struct axas_npt *npt, u64 *ptr, u64 *end, u64 bit, u64 others,
		 bool arm, bool wait)
{
	u64 entry;

	for (; ptr < end; ptr++) {
		entry = READ_ONCE(*ptr);
		if (!(entry & bit) ||
		    (bit & NPT_GONE_BITS && !npt_present(entry)))
			break;
		if (arm)
			atomic64_and(~(bit | others), (atomic64_t *)ptr);
		if (wait) {
			/* As the exchange is. */
			smp_mb__after_atomic();
			npt_wait_armed(entry, 1);
		}
	}
	return ptr;
}

/* The same where that is all there is to it. */
static __always_inline u64 *npt_harvest_quick(struct axas_npt *npt, u64 *ptr,
					      u64 *end, bool arm, bool wait,
					      enum npt_quest quest)
{
	u64 bit = quest == NPT_USED ? FMT_ACCESSED :
		  quest == NPT_DIRTIED ? FMT_DIRTY : FMT_WRITE(npt);
	u64 others = quest == NPT_USED ? 0 : FMT_SW_WRITTEN;

	if (quest == NPT_DIRTIED)
		others |= FMT_SW_DIRTY;
	if (!bit)
		return ptr;
	if (!arm)
		return npt_harvest_bits(npt, ptr, end, bit, others, false, false);
	if (!wait)
		return npt_harvest_bits(npt, ptr, end, bit, others, true, false);
	return npt_harvest_bits(npt, ptr, end, bit, others, true, true);
}

/*
 * Report the run of open leaves that begins at ptr and, unless that is only a look, arm
 * them. Return: how many it is.
 */
static __always_inline unsigned int
npt_harvest_run(struct axas_npt_harvest *harvest, struct axas_npt *npt, u64 *ptr,
		u64 *end, unsigned int level, enum npt_quest quest)
{
	u64 size = axas_level_size(level);
	u64 start = ALIGN_DOWN(harvest->next, size), *first = ptr, entry;
	const bool arm = !harvest->peek, all = harvest->all;
	const bool wait = arm && !list_empty(&npt->holders);

	if (!npt_harvests(npt, READ_ONCE(*ptr), level, all, quest))
		return 0;
	harvest->full = !harvest->visit(harvest->arg, start, 0);
	if (harvest->full)
		return 0;
	for (;; ptr++) {
		if (level == 1)
			ptr = npt_harvest_quick(npt, ptr, end, arm, wait,
						quest);
		if (ptr == end)
			break;
		entry = READ_ONCE(*ptr);
		if (!npt_harvests(npt, entry, level, all, quest))
			break;
		/* The CPU may set flags meanwhile. */
		while (arm && !try_cmpxchg(ptr, &entry,
					   npt_harvested(npt, entry, level,
							 quest)))
			;
		if (unlikely(wait))
			npt_wait_armed(entry, level);
	}
	harvest->visit(harvest->arg, start, (ptr - first) * size);
	return ptr - first;
}

static void npt_harvest_table(struct axas_npt_harvest *harvest,
			      struct axas_npt *npt, u64 *table,
			      unsigned int level, u64 stop);
static void npt_flag_table(struct axas_npt_harvest *harvest, struct axas_npt *npt,
			   u64 *table, unsigned int level, u64 stop, bool link,
			   enum npt_quest quest);

/*
 * What a link leads to, if it is one, up to next. If nothing is open there, it is armed;
 * and without a look if that is what is wanted.
 */
static void npt_harvest_link(struct axas_npt_harvest *harvest,
			     struct axas_npt *npt, u64 *ptr, unsigned int level,
			     u64 next)
{
	bool whole = next - harvest->next == axas_level_size(level);
	u64 link = READ_ONCE(*ptr);

	if (!fmt_is_table(link, level) || npt_link_armed(link))
		return;
	if (whole && harvest->stale && FMT_SW_STALE) {
		npt_arm_link(ptr, level, FMT_SW_STALE);
		return;
	}
	npt_harvest_table(harvest, npt, npt_child(link), level - 1,
			  next);
	if (whole && !harvest->full && !harvest->peek)
		npt_arm_link(ptr, level, 0);
}

/* Where the flags of links don't bind the CPU they are no index, and stay. */
static void npt_set_link(struct axas_npt *npt, u64 *ptr, unsigned int level,
			 bool set, enum npt_quest quest)
{
	if (quest == NPT_USED)
		npt_link_set_used(ptr, level, set);
	else if (set)
		npt_open_link(npt, ptr, level, false);
	else
		npt_arm_link(ptr, level, 0);
}

/*
 * The same where a CPU sets the flags of leaves. The link loses its own first: who goes
 * there from then on sets it again. A CPU that remembers it doesn't, until it has forgotten,
 * and so there is another look.
 */
static void npt_flag_link(struct axas_npt_harvest *harvest, struct axas_npt *npt,
			  u64 *ptr, unsigned int level, u64 next,
			  enum npt_quest quest)
{
	bool binds = quest == NPT_USED ? FMT_LINKS_AGE(npt) : NPT_LINKS_BIND;
	bool whole = next - harvest->next == axas_level_size(level);
	bool clear = whole && binds && !harvest->peek;
	u64 link = READ_ONCE(*ptr), *table;

	if (!fmt_is_table(link, level) ||
	    !(link & npt_quest_link(quest) || harvest->all))
		return;
	if (clear && harvest->stale && quest == NPT_DIRTIED) {
		npt_arm_link(ptr, level, FMT_SW_STALE);
		return;
	}
	table = npt_child(link);
	if (clear)
		npt_set_link(npt, ptr, level, false, quest);
	npt_flag_table(harvest, npt, table, level - 1, next, clear, quest);
	if (clear && (harvest->full || (!list_empty(&npt->holders) &&
					npt_any_found(npt, table, level - 1, quest))))
		npt_set_link(npt, ptr, level, true, quest);
}

/* From @harvest.next on, as far as it lies in the table. */
static __always_inline void
npt_harvest_entries(struct axas_npt_harvest *harvest, struct axas_npt *npt,
		    u64 *table, unsigned int level, u64 stop, bool link,
		    enum npt_quest quest)
{
	u64 open = npt_quest_bits(npt, level, quest);
	u64 size = axas_level_size(level);
	u64 base = ALIGN_DOWN(harvest->next, size * AXAS_TABLE_ENTRIES);
	DECLARE_BITMAP(armed, AXAS_TABLE_ENTRIES) = {};
	u64 *ptr = npt_entry(table, harvest->next, level);
	u64 *end = npt_entry(table, stop - 1, level) + 1;
	unsigned int i, n;

	if (harvest->all)
		open = U64_MAX;
	harvest->full = !harvest->budget--;
	while (!harvest->full) {
		ptr = npt_skip(ptr, end, open);
		i = ptr - table;
		harvest->next = clamp(base + i * size, harvest->next, stop);
		if (ptr == end)
			break;
		n = npt_harvest_run(harvest, npt, ptr, end, level, quest);
		if (n && !harvest->peek)
			bitmap_set(armed, i, n);
		/* Large ones are far apart. */
		if (n && level > 1 && !link)
			npt_harvest_flush(harvest, npt, table, level, base,
					  armed, false);
		if (!n && !harvest->full && quest != NPT_OPEN)
			npt_flag_link(harvest, npt, ptr, level,
				      min(base + (i + 1) * size, stop), quest);
		else if (!n && !harvest->full)
			npt_harvest_link(harvest, npt, ptr, level,
					 min(base + (i + 1) * size, stop));
		if (harvest->full)
			break;
		ptr += n ?: 1;
	}
	npt_harvest_flush(harvest, npt, table, level, base, armed, link);
	cond_resched();
}

static noinline void npt_harvest_table(struct axas_npt_harvest *harvest,
				       struct axas_npt *npt, u64 *table,
				       unsigned int level, u64 stop)
{
	npt_harvest_entries(harvest, npt, table, level, stop, false, NPT_OPEN);
}

/* @link: it has just lost its flag. */
static noinline void npt_flag_table(struct axas_npt_harvest *harvest,
				    struct axas_npt *npt, u64 *table,
				    unsigned int level, u64 stop, bool link,
				    enum npt_quest quest)
{
	if (quest == NPT_USED)
		npt_harvest_entries(harvest, npt, table, level, stop, link,
				    NPT_USED);
	else
		npt_harvest_entries(harvest, npt, table, level, stop, link,
				    NPT_DIRTIED);
}

/* The root may be several tables. */
static void npt_harvest(struct axas_npt *npt, struct axas_npt_harvest *harvest)
{
	unsigned int shift = axas_level_shift(npt->levels + 1);
	u64 *table, stop;

	lockdep_assert_held(npt->lock);
	if (!harvest->peek)
		npt_new_epoch(npt);
	harvest->full = false;
	while (harvest->next < harvest->end && !harvest->full) {
		table = npt->root + (harvest->next >> shift) * AXAS_TABLE_ENTRIES;
		stop = npt_next(harvest->next, harvest->end, npt->levels + 1);
		if (harvest->used)
			npt_flag_table(harvest, npt, table, npt->levels, stop,
				       false, NPT_USED);
		else if (npt_by_flags(npt))
			npt_flag_table(harvest, npt, table, npt->levels, stop,
				       false, NPT_DIRTIED);
		else
			npt_harvest_table(harvest, npt, table, npt->levels,
					  stop);
	}
}

static const struct axas_npt_aging npt_aging = {
	.lookup = npt_lookup_aged,
	.look = npt_look_aged,
	.allowed = npt_allowed_aged,
	.use = npt_use,
	.lead = npt_lead,
	.way = npt_age_way,
};

static const struct axas_npt_tracking npt_tracking = {
	.lookup = npt_lookup_tracked,
	.look = npt_look_tracked,
	.allowed = npt_allowed_tracked,
	.install = npt_install_tracked,
	.open = npt_open,
	.open_run = npt_open_run,
	.split = npt_split_small,
	.reopen = npt_reopen,
	.open_links = npt_open_links,
	.harvest = npt_harvest,
	.dirty_way = npt_dirty_way,
	.aging = FMT_ACCESSED ? &npt_aging : NULL,
};
