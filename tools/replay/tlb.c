// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: set-associative caches, and TLBs made of them.
 *
 * A cache drops what has been idle longest in a set; a set is chosen by the low
 * bits of what is looked up. A TLB holds a leaf once, whatever its size. A miss
 * of one level asks the next, and all levels that missed take what was found, at
 * the next level or by a walk; none is told what another has dropped.
 *
 * A level that has no place for leaves of a size, but for smaller ones, holds the
 * part of the leaf that was asked for, as CPUs do.
 */
#include <stdlib.h>
#include <string.h>

#include "replay.h"

const char * const leaf_names[] = { "4K", "2M", "1G", NULL };
const char * const side_names[] = { "code", "data" };

void cache_init(struct cache *c, const struct shape *shape)
{
	c->sets = shape->sets;
	c->ways = shape->ways;
	c->tags = xcalloc(c->sets * c->ways, sizeof(*c->tags));
}

/* Make @tag, which is at @way or drops the last one, the first of its set. */
static void move_to_front(uint64_t *set, unsigned int way, uint64_t tag)
{
	memmove(set + 1, set, way * sizeof(*set));
	*set = tag;
}

static uint64_t *cache_set(const struct cache *c, uint64_t index)
{
	return c->tags + (index & (c->sets - 1)) * c->ways;
}

bool cache_find(struct cache *c, uint64_t index, uint64_t tag)
{
	uint64_t *set = cache_set(c, index);
	unsigned int way;

	/* Mostly it is the one that was used last. */
	if (*set == tag)
		return true;
	for (way = 1; way < c->ways; way++)
		if (set[way] == tag) {
			move_to_front(set, way, tag);
			return true;
		}
	return false;
}

/* @tag isn't there yet. */
void cache_add(struct cache *c, uint64_t index, uint64_t tag)
{
	move_to_front(cache_set(c, index), c->ways - 1, tag);
}

/* The cache at @level that has place for @leaf. */
static struct cache *find_cache(struct tlb *t, const struct shapes *shapes,
				unsigned int level, unsigned int side,
				unsigned int leaf)
{
	unsigned int i;

	for (i = 0; i < shapes->nr; i++) {
		const struct shape *s = &shapes->shape[i];

		if (s->level == level && s->sides >> side & 1 &&
		    s->holds >> leaf & 1)
			return &t->cache[i];
	}
	return NULL;
}

static void init_slot(struct tlb *t, const struct shapes *shapes,
		      unsigned int level, unsigned int side, unsigned int leaf)
{
	struct tlb_slot *slot = &t->slot[level][side][leaf];

	for (slot->as = leaf;; slot->as--) {
		slot->cache = find_cache(t, shapes, level, side, slot->as);
		if (slot->cache || !slot->as)
			return;
	}
}

unsigned int tlb_levels(const struct shapes *shapes)
{
	return shapes->shape[shapes->nr - 1].level + 1;
}

/* Of all caches together. */
uint64_t shapes_entries(const struct shapes *shapes)
{
	uint64_t entries = 0;
	unsigned int i;

	for (i = 0; i < shapes->nr; i++)
		entries += (uint64_t)shapes->shape[i].sets *
			   shapes->shape[i].ways;
	return entries;
}

void tlb_init(struct tlb *t, const struct shapes *shapes)
{
	unsigned int i, side, leaf;

	*t = (struct tlb){ .nr = shapes->nr, .levels = tlb_levels(shapes) };
	for (i = 0; i < t->nr; i++)
		cache_init(&t->cache[i], &shapes->shape[i]);
	for (i = 0; i < t->levels; i++)
		for (side = 0; side < NR_SIDES; side++)
			for (leaf = 0; leaf < NR_LEAVES; leaf++)
				init_slot(t, shapes, i, side, leaf);
}

void tlb_free(struct tlb *t)
{
	while (t->nr)
		free(t->cache[--t->nr].tags);
}

/* Is there a place for leaves of each size at the first level? */
bool tlb_holds_all(const struct tlb *t)
{
	unsigned int side, leaf;

	for (side = 0; side < NR_SIDES; side++)
		for (leaf = 0; leaf < NR_LEAVES; leaf++)
			if (!t->slot[0][side][leaf].cache)
				return false;
	return true;
}

/* Does the first level hold code and data apart? */
bool tlb_is_split(const struct tlb *t)
{
	unsigned int code, data;

	for (code = 0; code < NR_LEAVES; code++)
		for (data = 0; data < NR_LEAVES; data++)
			if (t->slot[0][SIDE_CODE][code].cache ==
			    t->slot[0][SIDE_DATA][data].cache)
				return false;
	return true;
}

static uint64_t tlb_tag(uint64_t page, unsigned int as)
{
	return page << 2 | (as + 1);
}

/*
 * Look up @va, which lies in a @leaf of that size. Return: false if no level had
 * it; they do now.
 */
bool tlb_access(struct tlb *t, uint64_t va, enum side side, enum leaf leaf)
{
	unsigned int level;
	uint64_t page;

	for (level = 0; level < t->levels; level++) {
		const struct tlb_slot *s = &t->slot[level][side][leaf];

		page = va >> leaf_shift(s->as);
		if (s->cache && cache_find(s->cache, page,
					   tlb_tag(page, s->as))) {
			t->counts.hits[level][side][leaf]++;
			break;
		}
		t->counts.misses[level][side][leaf]++;
		if (s->cache)
			cache_add(s->cache, page, tlb_tag(page, s->as));
	}
	return level < t->levels;
}

void tlb_add_counts(struct tlb_counts *to, const struct tlb_counts *from)
{
	unsigned int level, side, leaf;

	for (level = 0; level < TLB_LEVELS; level++)
		for (side = 0; side < NR_SIDES; side++)
			for (leaf = 0; leaf < NR_LEAVES; leaf++) {
				to->hits[level][side][leaf] +=
					from->hits[level][side][leaf];
				to->misses[level][side][leaf] +=
					from->misses[level][side][leaf];
			}
}
