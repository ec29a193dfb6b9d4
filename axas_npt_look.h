/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: lookups, installs of faults, and walks. Under RCU.
 */

/* One step down, if there is a table. @path gets what all links have. */
static __always_inline bool npt_step(struct axas_npt_slot *slot, u64 gpa,
				     unsigned int level, u64 *path)
{
	if (!fmt_is_table(slot->old, level))
		return false;
	*path &= slot->old;
	slot->ptr = npt_entry(npt_child(slot->old), gpa, level - 1);
	slot->old = READ_ONCE(*slot->ptr);
	slot->level = level - 1;
	return true;
}

/*
 * With levels that are constants a step is a few instructions. Return: what all
 * links on the way have.
 */
static __always_inline u64 npt_peek(const struct axas_npt *npt, u64 gpa,
				    struct axas_npt_slot *slot)
{
	u64 path = U64_MAX;

	axas_npt_assert_walk(npt);
	slot->ptr = npt_root_entry(npt, gpa);
	slot->old = READ_ONCE(*slot->ptr);
	slot->level = npt->levels;
	switch (npt->levels) {
	case 5:
		if (!npt_step(slot, gpa, 5, &path))
			break;
		fallthrough;
	case 4:
		if (!npt_step(slot, gpa, 4, &path))
			break;
		fallthrough;
	case 3:
		if (!npt_step(slot, gpa, 3, &path))
			break;
		fallthrough;
	default:
		npt_step(slot, gpa, 2, &path);
	}
	return path;
}

static void npt_decode(const struct axas_npt *npt, u64 entry,
		       unsigned int level, struct axas_leaf *leaf)
{
	leaf->hpa = fmt_hpa(entry, level);
	leaf->level = level;
	leaf->attr.owned = fmt_owned(entry);
	fmt_decode(npt, entry, leaf);
}

static bool npt_lookup(const struct axas_npt *npt, axas_gpa_t gpa,
		       struct axas_npt_slot *slot, struct axas_leaf *leaf)
{
	npt_peek(npt, gpa.val, slot);
	if (!npt_present(slot->old))
		return false;
	npt_decode(npt, slot->old, slot->level, leaf);
	return true;
}

/* The same, where rights may be missing on the way and writes are noticed. */
static bool npt_lookup_tracked(const struct axas_npt *npt, axas_gpa_t gpa,
			       struct axas_npt_slot *slot,
			       struct axas_leaf *leaf)
{
	u64 path = npt_peek(npt, gpa.val, slot);

	if (!npt_present(slot->old))
		return false;
	npt_decode(npt, slot->old, slot->level, leaf);
	leaf->attr.prot = npt_unnoticed(npt, slot->old,
					leaf->attr.prot & npt_path_prot(path));
	leaf->attr.rom = leaf->attr.rom && npt_rom_open(slot->old, path);
	return true;
}

/* The same, where uses are noticed as well: what is idle allows nothing. */
static bool npt_lookup_aged(const struct axas_npt *npt, axas_gpa_t gpa,
			    struct axas_npt_slot *slot, struct axas_leaf *leaf)
{
	if (!npt_lookup_tracked(npt, gpa, slot, leaf))
		return false;
	if (!(slot->old & FMT_ACCESSED)) {
		leaf->attr.prot = 0;
		leaf->attr.rom = false;
	}
	return true;
}

static axas_hpa_t npt_translate(const struct axas_npt *npt, axas_gpa_t gpa)
{
	struct axas_npt_slot slot;
	u64 offset;

	npt_peek(npt, gpa.val, &slot);
	if (!npt_present(slot.old))
		return AXAS_NO_FRAME;
	offset = gpa.val & (axas_level_size(slot.level) - 1);
	return axas_hpa(fmt_hpa(slot.old, slot.level).val | offset);
}

static __always_inline enum axas_look
npt_find(const struct axas_npt *npt, u64 gpa, unsigned int access,
	 struct axas_npt_cursor *cursor, struct axas_npt_slot *slot,
	 bool tracked, bool aged)
{
	u64 base = gpa / SZ_2M, epoch = READ_ONCE(npt->epoch), path;
	unsigned int prot;

	if (likely(cursor->base == base && cursor->epoch == epoch)) {
		slot->ptr = npt_entry(cursor->table, gpa, 1);
		slot->old = READ_ONCE(*slot->ptr);
		slot->level = 1;
	} else {
		path = npt_peek(npt, gpa, slot);
		cursor->table = PTR_ALIGN_DOWN(slot->ptr, SZ_4K);
		cursor->base = slot->level > 1 ? AXAS_CURSOR_NONE : base;
		cursor->epoch = epoch;
		cursor->prot = tracked ? npt_path_prot(path) : AXAS_PROT_ALL;
	}

	if (npt_present(slot->old)) {
		prot = fmt_prot(npt, slot->old);
		if (tracked)
			prot = npt_unnoticed(npt, slot->old, prot & cursor->prot);
		if (access & ~prot)
			return AXAS_LOOK_DENIED;
		if (aged && !(slot->old & FMT_ACCESSED))
			return AXAS_LOOK_IDLE;
		return AXAS_LOOK_ALLOWED;
	}
	if (likely(!(slot->old & ~PAGE_MASK)))
		return AXAS_LOOK_EMPTY;
	return axas_npt_busy(slot) ? AXAS_LOOK_BUSY : AXAS_LOOK_POISONED;
}

static enum axas_look npt_look(const struct axas_npt *npt, axas_gpa_t gpa,
			       unsigned int access,
			       struct axas_npt_cursor *cursor,
			       struct axas_npt_slot *slot)
{
	return npt_find(npt, gpa.val, access, cursor, slot, false, false);
}

static enum axas_look npt_look_tracked(const struct axas_npt *npt,
				       axas_gpa_t gpa, unsigned int access,
				       struct axas_npt_cursor *cursor,
				       struct axas_npt_slot *slot)
{
	return npt_find(npt, gpa.val, access, cursor, slot, true, false);
}

static enum axas_look npt_look_aged(const struct axas_npt *npt, axas_gpa_t gpa,
				    unsigned int access,
				    struct axas_npt_cursor *cursor,
				    struct axas_npt_slot *slot)
{
	return npt_find(npt, gpa.val, access, cursor, slot, true, true);
}

static __always_inline unsigned int
npt_count_allowed(const struct axas_npt *npt,
		  const struct axas_fault_entry *entries, unsigned int n,
		  struct axas_npt_cursor *cursor, bool tracked, bool aged)
{
	struct axas_npt_slot slot;
	unsigned int i;

	for (i = 0; i < n; i++) {
		const struct axas_fault_entry *entry = &entries[i];

		if (entry->bus || !axas_width_ok(entry->width) ||
		    !entry->access ||
		    entry->gpa >> npt->gpa_bits ||
		    npt_find(npt, entry->gpa, entry->access, cursor, &slot,
			     tracked, aged) != AXAS_LOOK_ALLOWED)
			break;
	}
	return i;
}

static unsigned int npt_allowed(const struct axas_npt *npt,
				const struct axas_fault_entry *entries,
				unsigned int n, struct axas_npt_cursor *cursor)
{
	return npt_count_allowed(npt, entries, n, cursor, false, false);
}

static unsigned int npt_allowed_tracked(const struct axas_npt *npt,
					const struct axas_fault_entry *entries,
					unsigned int n,
					struct axas_npt_cursor *cursor)
{
	return npt_count_allowed(npt, entries, n, cursor, true, false);
}

static unsigned int npt_allowed_aged(const struct axas_npt *npt,
				     const struct axas_fault_entry *entries,
				     unsigned int n,
				     struct axas_npt_cursor *cursor)
{
	return npt_count_allowed(npt, entries, n, cursor, true, true);
}

static u64 npt_encode(const struct axas_npt *npt, struct axas_attr attr)
{
	return fmt_attr(npt, attr);
}

/* Free the tables above @level of a chain that was never linked. */
static void npt_free_chain(u64 entry, u64 gpa, unsigned int top,
			   unsigned int level)
{
	for (; top > level; top--) {
		u64 *table = npt_child(entry);

		entry = *npt_entry(table, gpa, top - 1);
		npt_free_table(table);
	}
}

/* The missing tables around a leaf, which nobody knows yet; 0 without memory. */
static noinline u64 npt_build_chain(u64 entry, u64 gpa, unsigned int top,
				    unsigned int level,
				    struct axas_npt_pool *pool)
{
	unsigned int l;

	for (l = level; l < top; l++) {
		u64 *table = npt_alloc_table(pool, GFP_NOWAIT | __GFP_ACCOUNT |
							   __GFP_ZERO);

		if (!table) {
			npt_free_chain(entry, gpa, l, level);
			return 0;
		}
		*npt_entry(table, gpa, l) = entry;
		entry = fmt_table(axas_hal_virt_to_phys(table));
	}
	return entry;
}

/*
 * Build the missing tables around the leaf in private, then publish all of it
 * by one compare-and-exchange.
 */
static int npt_install(struct axas_npt *npt, const struct axas_npt_slot *slot,
		       axas_gpa_t gpa, axas_hpa_t hpa, unsigned int level,
		       u64 shared, struct axas_npt_pool *pool)
{
	u64 entry = fmt_leaf(shared, hpa, level), old = slot->old;
	unsigned int top;

	if (unlikely(level < slot->level)) {
		entry = npt_build_chain(entry, gpa.val, slot->level, level,
					pool);
		if (!entry)
			return -ENOMEM;
	}

	npt_sync(shared, fmt_sync(shared), &hpa, 1, axas_level_size(level));
	if (unlikely(!try_cmpxchg(slot->ptr, &old, entry))) {
		npt_free_chain(entry, gpa.val, slot->level, level);
		return -EAGAIN;
	}

	for (top = level; unlikely(top < slot->level); top++)
		this_cpu_inc(npt->installs->tables[top - 1]);
	this_cpu_inc(npt->installs->leaves[fmt_owned(shared)][level - 1]);
	return 0;
}

/* A leaf comes armed, or idle: whoever has brought it in opens it, or uses it. */
static int npt_install_tracked(struct axas_npt *npt,
			       const struct axas_npt_slot *slot, axas_gpa_t gpa,
			       axas_hpa_t hpa, unsigned int level, u64 shared,
			       struct axas_npt_pool *pool)
{
	return npt_install(npt, slot, gpa, hpa, level, npt_born(npt, shared), pool);
}

struct npt_walk {
	const struct axas_npt *npt;
	axas_npt_visit_fn visit;
	void *arg;
};

static int npt_walk_table(const struct npt_walk *walk, u64 *ptr,
			  unsigned int level, u64 gpa, u64 end)
{
	struct axas_leaf leaf;
	u64 entry, next;
	int ret = 0;

	for (; gpa < end && !ret; gpa = next, ptr++) {
		next = npt_next(gpa, end, level);
		entry = READ_ONCE(*ptr);
		if (fmt_is_table(entry, level)) {
			u64 *table = npt_child(entry);

			ret = npt_walk_table(walk,
					     npt_entry(table, gpa, level - 1),
					     level - 1, gpa, next);
		} else if (npt_present(entry)) {
			u64 start = ALIGN_DOWN(gpa, axas_level_size(level));

			npt_decode(walk->npt, entry, level, &leaf);
			ret = walk->visit(walk->arg, axas_gpa(start), &leaf);
		}
	}
	return ret;
}

static int npt_walk(const struct axas_npt *npt, axas_gpa_t gpa, u64 size,
		    axas_npt_visit_fn visit, void *arg)
{
	const struct npt_walk walk = { npt, visit, arg };

	axas_npt_assert_walk(npt);
	return npt_walk_table(&walk, npt_root_entry(npt, gpa.val), npt->levels,
			      gpa.val, gpa.val + size);
}

static void npt_count_entries(const u64 *ptr, struct axas_npt_table *table)
{
	const u64 *end = ptr + table->entries;

	table->tables = 0;
	table->leaves = 0;
	for (; ptr < end; ptr++) {
		u64 entry = READ_ONCE(*ptr);

		if (fmt_is_table(entry, table->level))
			table->tables++;
		else if (npt_present(entry))
			table->leaves++;
	}
}

/* The first from @want on: this one, or one that it leads to. */
static bool npt_find_table(u64 *ptr, const struct axas_npt_table *want,
			   struct axas_npt_table *table)
{
	u64 base = table->gpa.val, size = axas_level_size(table->level), entry;
	unsigned int i = 0, entries = table->entries, level = table->level;

	if (base > want->gpa.val ||
	    (base == want->gpa.val && level <= want->level)) {
		table->hpa = axas_hal_virt_to_phys(ptr);
		npt_count_entries(ptr, table);
		return true;
	}
	if (want->gpa.val > base)
		i = (want->gpa.val - base) / size;
	for (; level > 1 && i < entries; i++) {
		entry = READ_ONCE(ptr[i]);
		if (!fmt_is_table(entry, level))
			continue;
		table->gpa.val = base + i * size;
		table->level = level - 1;
		table->entries = AXAS_TABLE_ENTRIES;
		if (npt_find_table(npt_child(entry), want, table))
			return true;
	}
	return false;
}

static bool npt_next_table(const struct axas_npt *npt,
			   struct axas_npt_table *table)
{
	const struct axas_npt_table want = *table;

	axas_npt_assert_walk(npt);
	*table = (struct axas_npt_table){
		.level = npt->levels,
		.entries = BIT(npt->gpa_bits - axas_level_shift(npt->levels)),
	};
	return npt_find_table(npt->root, &want, table);
}
