/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of axas_npt_algo.h: map and populate. Under the lock; while map is at it no
 * area allows faults in the range.
 */

/* The rest of a range, from @gpa to @end. */
struct npt_map {
	struct axas_npt *npt;
	u64 shared;
	u64 offset;
	u64 gpa;
	u64 end;
	unsigned int max_level;
	bool owned;
};

/* Make the table below *ptr. Return: NULL if there is no memory, or a leaf. */
static noinline u64 *npt_make_table(struct axas_npt *npt, u64 *ptr,
				    unsigned int level,
				    struct axas_npt_pool *pool)
{
	u64 *table = npt_alloc_table(pool, AXAS_GFP | __GFP_ZERO);
	u64 entry = READ_ONCE(*ptr);

	if (!table)
		return NULL;
	/* A fault may install something at the same time. */
	do {
		if (npt_present(entry)) {
			npt_free_table(table);
			return fmt_is_table(entry, level) ?
				       npt_child(entry) : NULL;
		}
	} while (!try_cmpxchg(ptr, &entry,
			      fmt_table(axas_hal_virt_to_phys(table))));
	npt_count_tables(npt, level - 1, 1);
	return table;
}

/* The entry for gpa in the table below *ptr, which is made if need be. */
static inline u64 *npt_make_step(struct axas_npt *npt, u64 *ptr, u64 gpa,
				 unsigned int level,
				 struct axas_npt_pool *pool)
{
	u64 entry = READ_ONCE(*ptr);
	u64 *table = likely(fmt_is_table(entry, level)) ?
			     npt_child(entry) :
			     npt_make_table(npt, ptr, level, pool);

	return likely(table) ? npt_entry(table, gpa, level - 1) : NULL;
}

/* The entry of a level for gpa. Tables on the way are made if need be. */
static inline u64 *npt_make_path(struct axas_npt *npt, u64 gpa,
				 unsigned int level, struct axas_npt_pool *pool)
{
	struct axas_npt_trail *trail = &npt->trail;
	unsigned int l;
	u64 *ptr = npt_set_out(npt, gpa, level, &l);

	for (;; l--) {
		trail->path[l] = ptr;
		if (l == level)
			break;
		ptr = npt_make_step(npt, ptr, gpa, l, pool);
		if (unlikely(!ptr)) {
			npt_forget_trail(npt);
			return NULL;
		}
	}
	trail->gpa = gpa;
	trail->level = level;
	return ptr;
}

/* From a leaf to one like it that begins where it ends. */
static inline u64 npt_leaf_step(unsigned int level)
{
	return fmt_leaf(0, axas_hpa(axas_level_size(level)), level) -
	       fmt_leaf(0, axas_hpa(0), level);
}

/* Leaves of this level, each where the one before it ends. */
static inline void npt_fill(u64 *ptr, unsigned int n, u64 leaf,
			    unsigned int level)
{
	u64 step = npt_leaf_step(level);
	u64 *end = ptr + n;

	unrolled_count(4)
	for (; ptr < end; ptr++, leaf += step)
		WRITE_ONCE(*ptr, leaf);
}

/*
 * Leaves of this level from hpa on. They end with their table, which covers 512 GiB at
 * most, so that there is one step at most that FMT_HPA_RUN speaks of.
 */
static inline void npt_fill_run(u64 *ptr, unsigned int n, u64 shared,
				axas_hpa_t hpa, unsigned int level)
{
	u64 stop = ALIGN(hpa.val + 1, FMT_HPA_RUN ? FMT_HPA_RUN : 1);
	u64 first = (stop - hpa.val) >> axas_level_shift(level);

	if (FMT_HPA_RUN && first < n) {
		npt_fill(ptr, first, fmt_leaf(shared, hpa, level), level);
		hpa = axas_hpa(stop);
		ptr += first;
		n -= first;
	}
	npt_fill(ptr, n, fmt_leaf(shared, hpa, level), level);
}

/* Does the rest of the range fill what an entry of this level covers? */
static inline bool npt_map_fills(const struct npt_map *map, unsigned int level)
{
	u64 size = axas_level_size(level);

	return map->end - map->gpa >= size && IS_ALIGNED(map->gpa, size);
}

/* Does a leaf of this level fit where the rest of the range begins? */
static inline bool npt_map_fits(const struct npt_map *map, unsigned int level)
{
	return npt_map_fills(map, level) &&
	       IS_ALIGNED(map->gpa + map->offset, axas_level_size(level));
}

/* Leaves up to the end of the range or of the table. */
static void npt_map_leaves(struct npt_map *map, u64 *ptr, unsigned int level)
{
	u64 stop = npt_next(map->gpa, map->end, level + 1);
	unsigned int n = (stop - map->gpa) >> axas_level_shift(level);
	axas_hpa_t hpa = axas_hpa(map->gpa + map->offset);

	npt_fill_run(ptr, n, map->shared, hpa, level);
	npt_count_leaves(map->npt, level, n, map->owned ? n : 0);
	map->gpa += n * axas_level_size(level);
}

/* A table that is filled as a whole needs no clearing. */
static int npt_map_table(struct npt_map *map, u64 *ptr, unsigned int level)
{
	u64 *table = npt_alloc_table(NULL, AXAS_GFP);
	u64 link;

	if (!table)
		return -ENOMEM;
	link = fmt_table(axas_hal_virt_to_phys(table));
	npt_map_leaves(map, table, level - 1);
	npt_count_tables(map->npt, level - 1, 1);
	/* What the table holds is visible before the table is. */
	smp_store_release(ptr, map->owned ? link : link | FMT_SW_FULL);
	return 0;
}

/* Map what goes into one table, with the largest leaves that fit. */
static int npt_map_run(struct npt_map *map)
{
	struct axas_npt *npt = map->npt;
	unsigned int level = min_t(unsigned int, map->max_level, npt->levels);
	u64 *ptr;

	while (!npt_map_fits(map, level))
		level--;
	if (level < npt->levels && npt_map_fills(map, level + 1)) {
		ptr = npt_make_path(npt, map->gpa, level + 1, NULL);
		if (ptr && !npt_present(READ_ONCE(*ptr)))
			return npt_map_table(map, ptr, level + 1);
	}
	ptr = npt_make_path(npt, map->gpa, level, NULL);
	if (!ptr)
		return -ENOMEM;
	npt_map_leaves(map, ptr, level);
	return 0;
}

static int npt_map(struct axas_npt *npt, axas_gpa_t gpa, axas_hpa_t hpa,
		   u64 size, u64 shared, unsigned int max_level)
{
	struct npt_map map = {
		.npt = npt,
		.shared = npt_born(npt, shared),
		.offset = hpa.val - gpa.val,
		.gpa = gpa.val,
		.end = gpa.val + size,
		.max_level = max_level,
		.owned = fmt_owned(shared),
	};
	int ret;

	lockdep_assert_held(npt->lock);
	npt_sync(shared, fmt_sync(shared), &hpa, 1, size);
	/* What the frames hold is visible before the first entry is. */
	smp_wmb();
	for (;;) {
		ret = npt_map_run(&map);
		if (ret || map.gpa == map.end)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

/*
 * Frames for the leaves of one table that have none, while faults bring some too.
 * Tables come from the pool, for a path that ends half-way would be left over.
 */
static int npt_populate(struct axas_npt *npt, axas_gpa_t gpa,
			unsigned int level, unsigned int n,
			const axas_hpa_t *frames, unsigned int *nr,
			u64 shared, struct axas_npt_pool *pool)
{
	unsigned int left = *nr, reached = level;
	u64 entry, *ptr, *end;
	int ret = 0;

	lockdep_assert_held(npt->lock);
	entry = READ_ONCE(*npt_reach(npt, gpa.val, &reached));
	if (reached > level && npt_present(entry))
		return 0;
	if (fmt_is_table(entry, level) || reached - level > pool->nr || !left)
		return -EAGAIN;
	ptr = npt_make_path(npt, gpa.val, level, pool);
	if (!ptr)
		return -EAGAIN;
	npt_sync(shared, fmt_sync(shared), frames, left, axas_level_size(level));
	shared = npt_born(npt, shared);
	for (end = ptr + n; ptr < end; ptr++) {
		entry = READ_ONCE(*ptr);
		if (npt_present(entry)) {
			/* A fault had a small frame. */
			if (fmt_is_table(entry, level))
				ret = -EAGAIN;
			continue;
		}
		if (unlikely(entry == AXAS_NPT_POISONED)) {
			ret = -EHWPOISON;
			break;
		}
		if (unlikely(!left)) {
			ret = -EAGAIN;
			break;
		}
		/* A full barrier: what the frame holds is visible before. */
		if (try_cmpxchg(ptr, &entry,
				fmt_leaf(shared, frames[left - 1], level)))
			left--;
	}
	npt_count_leaves(npt, level, *nr - left,
			 fmt_owned(shared) ? *nr - left : 0);
	*nr = left;
	return ret;
}
