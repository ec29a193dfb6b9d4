/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_KUNIT_MODEL_H
#define _AXAS_KUNIT_MODEL_H

#include "context.h"

/**
 * DOC: The model
 *
 * What a space should be, kept the simplest way: one record for each unit of a
 * window of GPAs, nothing shared, nothing clever. The window consists of chunks
 * that may lie anywhere; a chunk is contiguous.
 */

/**
 * struct model_unit - what is at one unit of the window
 * @hpa: where it translates to; alloc: 0 until that has been seen
 * @home: alloc: where that was
 * @area: a number for each area, 0 for none
 * @level: level of the leaf that covers the unit, 0 if there is none
 * @max_level: of the area
 * @prot: rights
 * @memtype: memory type
 * @ignore_pat: EPT: ignore PAT
 * @owned: alloc
 * @device: nothing is ever mapped
 * @poisoned: its memory has failed
 * @offset: device: in the device
 * @cookie: device: which
 */
struct model_unit {
	u64 hpa;
	u64 home;
	u32 area;
	u8 level;
	u8 max_level;
	u8 prot;
	u8 memtype;
	bool ignore_pat;
	bool owned;
	bool device;
	bool poisoned;
	u64 offset;
	u64 cookie;
};

#define MODEL_MAX_CHUNKS	48

/* Where a unit is that has been copied to where nobody has looked yet. */
#define MODEL_COPIED	U64_MAX

/**
 * struct model - the model of a space
 * @test: the test
 * @space: the space
 * @rnd: random numbers
 * @units: the window
 * @base: where each chunk begins, in order
 * @chunks: number of chunks
 * @per_chunk: units in a chunk
 * @n: units in all
 * @unit_size: bytes
 * @last_area: number given last
 * @step: number of the operation
 * @what: its name
 * @failed: something was wrong: say no more
 * @collapsed: large leaves that were made of small ones
 * @seen: bytes of leaves seen by the check
 */
struct model {
	struct kunit *test;
	struct axas_space *space;
	struct rnd_state rnd;
	struct model_unit *units;
	u64 base[MODEL_MAX_CHUNKS];
	unsigned int chunks;
	unsigned int per_chunk;
	unsigned int n;
	u64 unit_size;
	u32 last_area;
	unsigned int step;
	const char *what;
	bool failed;
	unsigned int collapsed;
	u64 seen;
};

u64 model_gpa(const struct model *model, unsigned int index);
int model_index(const struct model *model, u64 gpa);
u64 model_size(unsigned int level);

int model_map(struct model *model, unsigned int from, unsigned int n,
	      const struct axas_map *args, unsigned int max_level);
void model_join(struct model *model, unsigned int from, unsigned int to);
void model_unmap(struct model *model, unsigned int from, unsigned int to);
int model_discard(struct model *model, unsigned int from, unsigned int to,
		  u64 *pages);
int model_populate(struct model *model, unsigned int from, unsigned int to,
		   u64 *pages);
int model_protect(struct model *model, unsigned int from, unsigned int to,
		  unsigned int prot);
int model_resize(struct model *model, unsigned int from, unsigned int to);
int model_move(struct model *model, unsigned int from, unsigned int to,
	       unsigned int n, bool exchange, struct model_unit *room);
int model_collapse(struct model *model, unsigned int from, unsigned int to,
		   bool copy, u64 *done, u64 *joined);
void model_poison(struct model *model, unsigned int index);
int model_fault(struct model *model, unsigned int index, unsigned int access);
void model_learn(struct model *model, unsigned int from, unsigned int to);

void model_check_table(struct model *model);
void model_check_all(struct model *model);
void model_fail(struct model *model, const char *what, u64 gpa, u64 got,
		u64 expected);

#endif /* _AXAS_KUNIT_MODEL_H */
