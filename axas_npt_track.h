/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: where a table notices what is written. A leaf is *open* if
 * it allows writes, and *armed* if it doesn't though its area does; or where the CPU says
 * what was written, if it is dirty, and if it is clean. A link is armed if nothing below is
 * open. Documentation/internals.rst has the rules.
 */

#ifndef FMT_LINK_WRITE
#define FMT_LINK_WRITE	0
#endif
#ifndef FMT_SW_STALE
#define FMT_SW_STALE	0
#endif
#ifndef FMT_SW_WRITTEN
#define FMT_SW_WRITTEN	0
#endif
#ifndef FMT_WRITE
#define FMT_WRITE(npt)	((void)(npt), 0)
#endif
#ifndef FMT_DIRTY
#define FMT_DIRTY	0
#define FMT_DIRTY_WAY(npt)	((void)(npt), false)
#endif
#ifndef FMT_SW_DIRTY
#define FMT_SW_DIRTY	0
#endif

/* A leaf is dirty if it has one of them. */
#define NPT_DIRTY	(FMT_DIRTY | FMT_SW_DIRTY)
/* A link that doesn't allow writes keeps the CPU from them, too. */
#define NPT_LINKS_BIND	(FMT_SW_STALE != 0)

/* Does the CPU say what was written? */
static inline bool npt_by_flags(const struct axas_npt *npt)
{
	return FMT_DIRTY && READ_ONCE(npt->arms) & AXAS_NPT_BY_FLAGS;
}

static bool npt_dirty_way(const struct axas_npt *npt)
{
	return FMT_DIRTY_WAY(npt);
}

/* Where links have no bit for it none is ever armed. */
static inline bool npt_link_armed(u64 link)
{
	return ~link & FMT_LINK_WRITE;
}

/* What the links on the way to a leaf allow; @path is what all of them have. */
static inline unsigned int npt_path_prot(u64 path)
{
	return ~path & FMT_LINK_WRITE ? AXAS_PROT_ALL & ~AXAS_PROT_WRITE :
					AXAS_PROT_ALL;
}

/* What of these rights a leaf gives without anybody having to know. */
static inline unsigned int npt_unnoticed(const struct axas_npt *npt, u64 entry,
					 unsigned int prot)
{
	return npt_by_flags(npt) && !(entry & NPT_DIRTY) ?
		       prot & ~AXAS_PROT_WRITE : prot;
}

/* What a leaf that allows writes has, and one that doesn't has not. */
static inline u64 npt_write_bits(const struct axas_npt *npt)
{
	return fmt_set_prot(npt, 0, AXAS_PROT_READ | AXAS_PROT_WRITE) &
	       ~fmt_set_prot(npt, 0, AXAS_PROT_READ);
}

/* May the owner of the space write to a page of ROM without anybody noticing? */
static inline bool npt_rom_open(u64 entry, u64 path)
{
	return !FMT_SW_WRITTEN || (entry & FMT_SW_WRITTEN &&
				   npt_path_prot(path) & AXAS_PROT_WRITE);
}

/* Can a leaf have been written to since it was armed? */
static inline bool npt_leaf_open(const struct axas_npt *npt, u64 entry,
				 unsigned int level)
{
	struct axas_leaf leaf = { .level = level };

	if (npt_by_flags(npt) ? entry & NPT_DIRTY :
				fmt_prot(npt, entry) & AXAS_PROT_WRITE)
		return true;
	if (FMT_SW_WRITTEN)
		return entry & FMT_SW_WRITTEN;
	fmt_decode(npt, entry, &leaf);
	return leaf.attr.rom;
}

/* Where the CPU says what was written, a small leaf need only be clean. */
static inline u64 npt_arm_entry(const struct axas_npt *npt, u64 entry,
				unsigned int level)
{
	entry &= ~FMT_SW_WRITTEN;
	if (npt_by_flags(npt)) {
		entry &= ~NPT_DIRTY;
		if (level == 1)
			return entry;
	}
	return fmt_set_prot(npt, entry, fmt_prot(npt, entry) & ~AXAS_PROT_WRITE);
}

/* While somebody wants to know of writes or uses a leaf comes armed, or idle. */
static u64 npt_noticed(const struct axas_npt *npt, u64 shared)
{
	unsigned int arms = READ_ONCE(npt->arms);

	if (arms & AXAS_TRACK_ACCESSED)
		shared &= ~FMT_ACCESSED;
	return arms & AXAS_TRACK_WRITTEN ? npt_arm_entry(npt, shared, 1) : shared;
}

/* The same, whoever makes it. */
static inline u64 npt_born(const struct axas_npt *npt, u64 shared)
{
	return unlikely(READ_ONCE(npt->arms)) ? npt_noticed(npt, shared) :
						shared;
}

static inline unsigned int npt_born_prot(const struct axas_npt *npt,
					 unsigned int prot)
{
	return unlikely(npt->arms & AXAS_TRACK_WRITTEN) && !npt_by_flags(npt) ?
		       prot & ~AXAS_PROT_WRITE : prot;
}

/*
 * Arm a leaf. The CPU may set flags in it meanwhile. The exchange is a full barrier,
 * for npt_wait_pages(). Return: it was open.
 */
static bool npt_arm_leaf(const struct axas_npt *npt, u64 *ptr,
			 unsigned int level)
{
	u64 entry = READ_ONCE(*ptr);

	do {
		if (!npt_present(entry) || fmt_is_table(entry, level) ||
		    !npt_leaf_open(npt, entry, level))
			return false;
	} while (!try_cmpxchg(ptr, &entry, npt_arm_entry(npt, entry, level)));
	return true;
}

/* The same of a link; @stale if nobody has armed what is below. */
static void npt_arm_link(u64 *ptr, unsigned int level, u64 stale)
{
	u64 link = READ_ONCE(*ptr);

	do {
		if (!fmt_is_table(link, level) || !FMT_LINK_WRITE ||
		    npt_link_armed(link))
			return;
	} while (!try_cmpxchg(ptr, &link, (link & ~FMT_LINK_WRITE) | stale));
}

/* The CPU may set flags in the link meanwhile. */
static void npt_is_fresh(u64 *ptr, unsigned int level)
{
	u64 link = READ_ONCE(*ptr);

	while (fmt_is_table(link, level) &&
	       !try_cmpxchg(ptr, &link, link & ~FMT_SW_STALE))
		;
}

/*
 * Arm what lies below a link that is stale. Whoever opens that, and a leaf below,
 * does so after this: so nothing is armed again that was just opened.
 */
static noinline void npt_freshen(struct axas_npt *npt, u64 *ptr,
				 unsigned int level)
{
	u64 link, *table;
	unsigned int i;

	spin_lock(&npt->stale);
	link = READ_ONCE(*ptr);
	if (fmt_is_table(link, level) && link & FMT_SW_STALE) {
		table = npt_child(link);
		for (i = 0; i < AXAS_TABLE_ENTRIES; i++) {
			npt_arm_link(&table[i], level - 1, FMT_SW_STALE);
			npt_arm_leaf(npt, &table[i], level - 1);
		}
		npt_is_fresh(ptr, level);
	}
	spin_unlock(&npt->stale);
}

/*
 * Open a link. What is stale below stays as it was if all of it is to be open.
 * Return: false if there is no link any more.
 */
static bool npt_open_link(struct axas_npt *npt, u64 *ptr, unsigned int level,
			  bool all)
{
	u64 link = READ_ONCE(*ptr), open;

	if (link & FMT_SW_STALE && !all) {
		npt_freshen(npt, ptr, level);
		link = READ_ONCE(*ptr);
	}
	do {
		if (!fmt_is_table(link, level))
			return false;
		if (!npt_link_armed(link))
			return true;
		open = (link & ~FMT_SW_STALE) | FMT_LINK_WRITE;
	} while (!try_cmpxchg(ptr, &link, open));
	return true;
}

static void npt_open_all_of_link(struct axas_npt *npt, u64 *ptr,
				 unsigned int level)
{
	npt_open_link(npt, ptr, level, true);
}

/* Nobody tracks writes any more: leaves come open, wherever that is. */
static void npt_open_links(struct axas_npt *npt)
{
	lockdep_assert_held(npt->lock);
	npt_each_link(npt, npt->root, npt->levels, 0, 1ULL << npt->gpa_bits,
		      npt_open_all_of_link);
}

/* For guests, or for the owner of the space alone. Return: false if there is no leaf. */
static bool npt_open_leaf(const struct axas_npt *npt, u64 *ptr,
			  unsigned int level, bool owner)
{
	u64 entry = READ_ONCE(*ptr), open;

	do {
		if (!npt_present(entry) || fmt_is_table(entry, level))
			return false;
		open = entry | (owner ? FMT_SW_WRITTEN : npt_write_bits(npt));
		if (!owner && npt_by_flags(npt))
			open |= FMT_DIRTY;
	} while (open != entry && !try_cmpxchg(ptr, &entry, open));
	return true;
}

/* Open the way to an entry. Return: NULL if it isn't there any more. */
static noinline u64 *npt_open_path(struct axas_npt *npt, u64 gpa,
				   struct axas_npt_cursor *cursor,
				   unsigned int *level)
{
	u64 *ptr = npt_root_entry(npt, gpa), entry = READ_ONCE(*ptr);
	unsigned int l = npt->levels;

	axas_npt_assert_walk(npt);
	while (fmt_is_table(entry, l)) {
		if (npt_link_armed(entry) && !npt_open_link(npt, ptr, l, false))
			return NULL;
		l--;
		ptr = npt_entry(npt_child(entry), gpa, l);
		entry = READ_ONCE(*ptr);
	}
	*cursor = (struct axas_npt_cursor){
		.table = PTR_ALIGN_DOWN(ptr, SZ_4K),
		.base = l > 1 ? AXAS_CURSOR_NONE : gpa / SZ_2M,
		.epoch = READ_ONCE(npt->epoch),
		.prot = AXAS_PROT_ALL,
	};
	*level = l;
	return ptr;
}

/* Is the way to the table of level 1 that the cursor is in known to be open? */
static bool npt_cursor_open(const struct axas_npt *npt,
			    const struct axas_npt_cursor *cursor)
{
	return cursor->base != AXAS_CURSOR_NONE &&
	       cursor->epoch == READ_ONCE(npt->epoch) &&
	       cursor->prot & AXAS_PROT_WRITE;
}

/*
 * Open the way to a leaf, from the root on, and then the leaf itself. Under R for
 * reading: nobody arms anything, and who does changes the epoch.
 */
static int npt_open(struct axas_npt *npt, axas_gpa_t gpa,
		    struct axas_npt_cursor *cursor, bool owner,
		    unsigned int max_level)
{
	unsigned int level = 1;
	u64 *ptr;

	if (cursor->base == gpa.val / SZ_2M && npt_cursor_open(npt, cursor))
		ptr = npt_entry(cursor->table, gpa.val, 1);
	else
		ptr = npt_open_path(npt, gpa.val, cursor, &level);
	if (!ptr)
		return -EAGAIN;
	if (level > max_level && npt_present(READ_ONCE(*ptr)))
		return -E2BIG;
	return npt_open_leaf(npt, ptr, level, owner) ? 0 : -EAGAIN;
}

/* One that isn't armed, or isn't there, is for others to look at. */
static unsigned int npt_open_run(struct axas_npt *npt,
				 const struct axas_fault_entry *entries,
				 unsigned int n,
				 const struct axas_npt_cursor *cursor,
				 const struct axas_npt_writes *writes)
{
	unsigned int i;
	u64 *ptr, leaf;

	if (!npt_cursor_open(npt, cursor))
		return 0;
	for (i = 0; i < n; i++) {
		const struct axas_fault_entry *entry = &entries[i];

		if (entry->bus || entry->width != writes->width ||
		    !(entry->access & AXAS_PROT_WRITE) ||
		    entry->access & ~writes->prot ||
		    entry->gpa < writes->start || entry->gpa > writes->last ||
		    entry->gpa / SZ_2M != cursor->base)
			break;
		ptr = npt_entry(cursor->table, entry->gpa, 1);
		leaf = READ_ONCE(*ptr);
		if (!npt_present(leaf) ||
		    npt_unnoticed(npt, leaf, fmt_prot(npt, leaf)) &
			    AXAS_PROT_WRITE ||
		    !npt_open_leaf(npt, ptr, 1, false))
			break;
	}
	return i;
}
