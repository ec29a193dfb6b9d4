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

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Leaves by size, as levels that a walk doesn't descend to. */
enum leaf { LEAF_4K, LEAF_2M, LEAF_1G, NR_LEAVES };

static inline unsigned int leaf_shift(unsigned int leaf)
{
	return 12 + 9 * leaf;
}

/* What an access is for, where a CPU has a TLB for each. */
enum side { SIDE_CODE, SIDE_DATA, NR_SIDES };

#define TLB_LEVELS	2
#define LEVELS_MAX	5	/* of a page table; level 1 has 4 KiB leaves */
#define SHAPES_MAX	16

/*
 * One cache as it is described: @sets, a power of two, of @ways each, for the
 * @sides, bits 1 << enum side. @holds are bits 1 << enum leaf of a TLB at @level,
 * from 0, or bits 1 << (n - 2) for entries at level n of a table.
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

/* The caches of a CPU, as they are described. */
struct cpu {
	const char *name;
	struct shapes tlb;
	struct shapes pwc;		/* entries of a guest's own tables */
	struct shapes nested_pwc;	/* entries of the nested table */
	struct shapes nested_tlb;	/* one, or none */
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

/* How a guest encodes the entries of its page tables, of 512 words each. */
struct guest_format {
	const char *name;
	unsigned int levels;
	uint64_t (*table)(uint64_t gpa);
	uint64_t (*leaf)(uint64_t gpa, enum leaf leaf, uint32_t prot);
	bool (*is_leaf)(uint64_t entry, unsigned int level);
};

/* A guest's page tables, @nr of them from @base on, the root first. */
struct guest {
	const struct guest_format *format;	/* NULL: it has none */
	enum leaf leaf;
	uint64_t base;
	uint64_t *tables;
	size_t nr, room;
};

/* Which entries a reference is to. */
enum dimension {
	DIM_GUEST,	/* of the guest's own tables */
	DIM_TABLES,	/* nested ones, to get at those */
	DIM_DATA,	/* nested ones, to get at what is accessed */
	NR_DIMENSIONS
};

/* What a walk looks at. */
struct walk_source {
	const struct guest_format *guest;	/* NULL: no paging */
	uint64_t root;				/* of the guest's tables */
	unsigned int nested_levels;
	/* The word of guest memory at @gpa */
	uint64_t (*entry)(void *arg, uint64_t gpa);
	/* The leaf of the nested table that @gpa is in */
	enum leaf (*leaf)(void *arg, uint64_t gpa);
	void *arg;
};

/* By level; [0] isn't used. @bare is what @refs were without caches. */
struct walk_counts {
	uint64_t walks;
	uint64_t refs[NR_DIMENSIONS][LEVELS_MAX + 1];
	uint64_t bare[NR_DIMENSIONS][LEVELS_MAX + 1];
	uint64_t pwc_hits, pwc_misses;
	uint64_t nested_pwc_hits, nested_pwc_misses;
	uint64_t nested_tlb_hits, nested_tlb_misses;
};

struct walk_cache {
	struct cache cache[SHAPES_MAX];
	struct cache *at[LEVELS_MAX + 1];	/* NULL: not held */
	unsigned int nr;
	uint64_t hits, misses;
};

struct walker {
	struct walk_source source;
	struct walk_cache pwc, nested_pwc;
	struct cache nested_tlb;
	struct walk_counts counts;
};

/* tlb.c */
extern const char * const leaf_names[];	/* ends with NULL */
extern const char * const side_names[];

void cache_init(struct cache *c, const struct shape *shape);
bool cache_find(struct cache *c, uint64_t index, uint64_t tag);
void cache_add(struct cache *c, uint64_t index, uint64_t tag);
void tlb_init(struct tlb *t, const struct shapes *shapes);
void tlb_free(struct tlb *t);
bool tlb_holds_all(const struct tlb *t);
bool tlb_is_split(const struct tlb *t);
bool tlb_access(struct tlb *t, uint64_t va, enum side side, enum leaf leaf);
unsigned int tlb_levels(const struct shapes *shapes);
uint64_t shapes_entries(const struct shapes *shapes);
void tlb_add_counts(struct tlb_counts *to, const struct tlb_counts *from);

/* cpu.c */
const char *parse_tlb(struct shapes *shapes, const char *spec);
const char *parse_walk_cache(struct shapes *shapes, const char *spec);
const char *parse_nested_tlb(struct shapes *shapes, const char *spec);
const char *parse_cpu(struct cpu *cpu, const char *name);

/* guest.c */
const struct guest_format *guest_format(const char *name);
bool guest_present(uint64_t entry);
uint64_t guest_address(uint64_t entry);
uint64_t guest_index(uint64_t va, unsigned int level);
void guest_init(struct guest *g, const struct guest_format *format,
		enum leaf leaf, uint64_t base);
void guest_map(struct guest *g, uint64_t va, uint64_t gpa, uint32_t prot);
void guest_free(struct guest *g);

/* walk.c */
void walk_init(struct walker *w, const struct cpu *cpu,
	       const struct walk_source *source);
void walk_free(struct walker *w);
uint64_t walk(struct walker *w, uint64_t va);
struct walk_counts walk_get_counts(const struct walker *w);
void walk_add_counts(struct walk_counts *to, const struct walk_counts *from);
uint64_t walk_sum(const uint64_t refs[NR_DIMENSIONS][LEVELS_MAX + 1]);

#endif /* AXAS_REPLAY_MODEL_H */
