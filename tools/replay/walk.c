// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: walks of page tables, in one dimension or two.
 *
 * A guest without paging has one: the levels of the nested table down to the leaf.
 * With paging each entry of the guest's own tables lies at a guest physical
 * address, which takes a nested walk, and so does what the last one says: with n
 * levels of its own over m nested ones (n + 1) * (m + 1) - 1 references.
 *
 * What a CPU keeps of walks:
 *
 * - the page-walk cache: what part of an address leads to which table of the
 *   guest, and where that lies. The deepest one that is found is where a walk
 *   begins, without that table's nested walk. Without paging of the guest there
 *   is nothing for it to hold.
 * - the same for the nested table.
 * - the nested TLB: guest physical addresses, by the leaf that they are in. It
 *   saves a nested walk as a whole.
 *
 * What walks would take with none of them is counted beside.
 */
#include <stdlib.h>

#include "replay.h"

static void init_caches(struct walk_cache *c, const struct shapes *shapes)
{
	unsigned int i, level;

	for (i = 0; i < shapes->nr; i++) {
		cache_init(&c->cache[i], &shapes->shape[i]);
		for (level = 2; level <= LEVELS_MAX; level++)
			if (shapes->shape[i].holds >> (level - 2) & 1)
				c->at[level] = &c->cache[i];
	}
	c->nr = shapes->nr;
}

void walk_init(struct walker *w, const struct cpu *cpu,
	       const struct walk_source *source)
{
	*w = (struct walker){ .source = *source };
	init_caches(&w->pwc, &cpu->pwc);
	init_caches(&w->nested_pwc, &cpu->nested_pwc);
	if (cpu->nested_tlb.nr)
		cache_init(&w->nested_tlb, &cpu->nested_tlb.shape[0]);
}

static void free_caches(struct walk_cache *c)
{
	while (c->nr)
		free(c->cache[--c->nr].tags);
}

void walk_free(struct walker *w)
{
	free_caches(&w->pwc);
	free_caches(&w->nested_pwc);
	free(w->nested_tlb.tags);
}

/* What of @addr an entry at @level stands for. */
static uint64_t prefix(uint64_t addr, unsigned int level)
{
	return addr >> leaf_shift(level - 1);
}

static uint64_t prefix_tag(uint64_t addr, unsigned int level)
{
	return prefix(addr, level) << 3 | level;
}

/*
 * The level that a walk from @top for @addr begins at: the one below the deepest
 * entry that is cached, but none below @bottom, where the leaf is.
 */
static unsigned int first_level(struct walk_cache *c, uint64_t addr,
				unsigned int top, unsigned int bottom)
{
	unsigned int level;

	if (!c->nr)
		return top;
	for (level = bottom + 1; level <= top; level++)
		if (c->at[level] &&
		    cache_find(c->at[level], prefix(addr, level),
			       prefix_tag(addr, level))) {
			c->hits++;
			return level - 1;
		}
	c->misses++;
	return top;
}

/* The entry at @level was read and leads to a table. */
static void keep_link(struct walk_cache *c, uint64_t addr, unsigned int level)
{
	if (c->at[level])
		cache_add(c->at[level], prefix(addr, level),
			  prefix_tag(addr, level));
}

static bool find_nested(struct walker *w, uint64_t gpa, enum leaf leaf)
{
	uint64_t page = gpa >> leaf_shift(leaf);
	uint64_t tag = page << 2 | (leaf + 1);

	if (!w->nested_tlb.sets)
		return false;
	if (cache_find(&w->nested_tlb, page, tag)) {
		w->counts.nested_tlb_hits++;
		return true;
	}
	w->counts.nested_tlb_misses++;
	cache_add(&w->nested_tlb, page, tag);
	return false;
}

static void nested_walk(struct walker *w, uint64_t gpa, enum dimension dim)
{
	unsigned int top = w->source.nested_levels, level;
	enum leaf leaf = w->source.leaf(w->source.arg, gpa);
	unsigned int bottom = leaf + 1;

	for (level = top; level >= bottom; level--)
		w->counts.bare[dim][level]++;
	if (find_nested(w, gpa, leaf))
		return;
	level = first_level(&w->nested_pwc, gpa, top, bottom);
	for (; level >= bottom; level--) {
		w->counts.refs[dim][level]++;
		if (level > bottom)
			keep_link(&w->nested_pwc, gpa, level);
	}
}

/* A reference that the caches save, but whose nested walk counts beside. */
static void bare_walk(struct walker *w, uint64_t gpa, enum dimension dim)
{
	enum leaf leaf = w->source.leaf(w->source.arg, gpa);
	unsigned int level;

	for (level = w->source.nested_levels; level > leaf; level--)
		w->counts.bare[dim][level]++;
}

/*
 * The guest's own levels: @tables gets where each is that a walk for @va visits.
 * Return: the level of the leaf; @gpa is where @va lies.
 */
static unsigned int guest_path(const struct walker *w, uint64_t va,
			       uint64_t *tables, uint64_t *gpa)
{
	const struct walk_source *s = &w->source;
	unsigned int level = s->guest->levels;
	uint64_t entry, offset;

	tables[level] = s->root;
	for (;; level--) {
		entry = s->entry(s->arg, tables[level] +
				 sizeof(entry) * guest_index(va, level));
		if (!guest_present(entry))
			die("no entry at level %u of the guest's tables for address 0x%llx",
			    level, (unsigned long long)va);
		if (s->guest->is_leaf(entry, level))
			break;
		tables[level - 1] = guest_address(entry);
	}
	offset = va & ((UINT64_C(1) << leaf_shift(level - 1)) - 1);
	*gpa = guest_address(entry) + offset;
	return level;
}

static uint64_t guest_walk(struct walker *w, uint64_t va)
{
	uint64_t tables[LEVELS_MAX + 1], gpa;
	unsigned int top = w->source.guest->levels;
	unsigned int bottom = guest_path(w, va, tables, &gpa);
	unsigned int first = first_level(&w->pwc, va, top, bottom);
	unsigned int level;

	for (level = top; level >= bottom; level--) {
		w->counts.bare[DIM_GUEST][level]++;
		/* What is cached says where the first table lies. */
		if (level < first || first == top)
			nested_walk(w, tables[level], DIM_TABLES);
		else
			bare_walk(w, tables[level], DIM_TABLES);
		if (level > first)
			continue;
		w->counts.refs[DIM_GUEST][level]++;
		if (level > bottom)
			keep_link(&w->pwc, va, level);
	}
	nested_walk(w, gpa, DIM_DATA);
	return gpa;
}

/* A miss of all TLBs for @va. Return: the guest physical address that it leads to. */
uint64_t walk(struct walker *w, uint64_t va)
{
	w->counts.walks++;
	if (w->source.guest)
		return guest_walk(w, va);
	nested_walk(w, va, DIM_DATA);
	return va;
}

struct walk_counts walk_get_counts(const struct walker *w)
{
	struct walk_counts c = w->counts;

	c.pwc_hits = w->pwc.hits;
	c.pwc_misses = w->pwc.misses;
	c.nested_pwc_hits = w->nested_pwc.hits;
	c.nested_pwc_misses = w->nested_pwc.misses;
	return c;
}

void walk_add_counts(struct walk_counts *to, const struct walk_counts *from)
{
	uint64_t *sum = (uint64_t *)to;
	const uint64_t *add = (const uint64_t *)from;
	size_t i;

	/* Nothing but counts is in there. */
	for (i = 0; i < sizeof(*to) / sizeof(*sum); i++)
		sum[i] += add[i];
}

uint64_t walk_sum(const uint64_t refs[NR_DIMENSIONS][LEVELS_MAX + 1])
{
	unsigned int dim, level;
	uint64_t sum = 0;

	for (dim = 0; dim < NR_DIMENSIONS; dim++)
		for (level = 1; level <= LEVELS_MAX; level++)
			sum += refs[dim][level];
	return sum;
}
