/* SPDX-License-Identifier: GPL-2.0 */
/*
 * axas-replay: the model of a machine: caches of translations.
 *
 * Nothing here knows of a space, or of a trace: tools/tests drives it alone.
 */
#ifndef AXAS_REPLAY_MODEL_H
#define AXAS_REPLAY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Leaves by size, as levels that a walk doesn't descend to. */
enum leaf { LEAF_4K, LEAF_2M, LEAF_1G, NR_LEAVES };

static inline unsigned int leaf_shift(unsigned int leaf)
{
	return 12 + 9 * leaf;
}

/* What an access is for, where a CPU has a TLB for each. */
enum side { SIDE_CODE, SIDE_DATA, NR_SIDES };

#define TLB_LEVELS	2
#define SHAPES_MAX	16

/*
 * One cache as it is described: @sets, a power of two, of @ways each, for the
 * @sides, bits 1 << enum side. @holds are bits 1 << enum leaf of a TLB at @level,
 * from 0.
 */
struct shape {
	unsigned int level;
	unsigned int sides;
	unsigned int holds;
	unsigned int sets;
	unsigned int ways;
};

struct shapes {
	struct shape shape[SHAPES_MAX];
	unsigned int nr;
};

/* The caches of a CPU, those of a level in one cache or in several. */
struct cpu {
	const char *name;
	struct shapes tlb;
};

/*
 * Sets of tags, each from the one used last to the one that is idle longest. A
 * tag is never 0.
 */
struct cache {
	uint64_t *tags;
	uint64_t sets;
	unsigned int ways;
};

/* Where leaves of one size go; @cache is NULL if a level has no place for them. */
struct tlb_slot {
	struct cache *cache;
	unsigned int as;	/* the enum leaf that they are held as */
};

struct tlb_counts {
	uint64_t hits[TLB_LEVELS][NR_SIDES][NR_LEAVES];
	uint64_t misses[TLB_LEVELS][NR_SIDES][NR_LEAVES];
};

struct tlb {
	struct cache cache[SHAPES_MAX];
	struct tlb_slot slot[TLB_LEVELS][NR_SIDES][NR_LEAVES];
	unsigned int nr, levels;
	struct tlb_counts counts;
};

/* tlb.c */
extern const char * const leaf_names[];	/* ends with NULL */
extern const char * const side_names[];

void cache_init(struct cache *c, const struct shape *shape);
bool cache_find(struct cache *c, uint64_t index, uint64_t tag);
void cache_add(struct cache *c, uint64_t index, uint64_t tag);
void tlb_init(struct tlb *t, const struct shapes *shapes);
void tlb_free(struct tlb *t);
bool tlb_access(struct tlb *t, uint64_t va, enum side side, enum leaf leaf);
unsigned int tlb_levels(const struct shapes *shapes);
uint64_t shapes_entries(const struct shapes *shapes);
void tlb_add_counts(struct tlb_counts *to, const struct tlb_counts *from);

/* cpu.c */
const char *parse_tlb(struct shapes *shapes, const char *spec);
const char *parse_cpu(struct cpu *cpu, const char *name);
const char *cpu_names(void);

#endif /* AXAS_REPLAY_MODEL_H */
