/* SPDX-License-Identifier: GPL-2.0 */
/*
 * R: who relies on what the table says for longer than a look holds it for
 * reading; who takes something from the table holds it for writing.
 */
#ifndef _AXAS_HOLD_H
#define _AXAS_HOLD_H

#include <linux/cache.h>
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include <axas/hal.h>

/* More shards than this make changes dearer than they make readers faster. */
#define AXAS_HOLD_SHARDS_MAX	16

struct axas_hold_shard {
	struct rw_semaphore lock;
} ____cacheline_aligned_in_smp;

/**
 * struct axas_hold - a reader-writer lock whose readers don't share a line
 * @nr: number of @shards, a power of two
 * @shards: a reader takes that of its CPU, a writer takes all
 */
struct axas_hold {
	unsigned int nr;
	struct axas_hold_shard shards[];
};

static inline struct axas_hold *axas_hold_alloc(void)
{
	unsigned int i, nr = min_t(unsigned int, AXAS_HOLD_SHARDS_MAX,
				   roundup_pow_of_two(num_possible_cpus()));
	struct axas_hold *hold;

	hold = kzalloc(struct_size(hold, shards, nr), AXAS_GFP);
	if (!hold)
		return NULL;
	hold->nr = nr;
	for (i = 0; i < nr; i++)
		init_rwsem(&hold->shards[i].lock);
	return hold;
}

struct axas_space;

int axas_hold_make(struct axas_space *space);

/* What the caller gives to up_read() in the end, or NULL: it is being killed. */
static inline struct rw_semaphore *axas_hold_read(struct axas_hold *hold)
{
	unsigned int i = raw_smp_processor_id() & (hold->nr - 1);
	struct rw_semaphore *lock = &hold->shards[i].lock;

	return down_read_killable(lock) ? NULL : lock;
}

/* The same for who mustn't sleep; NULL: somebody changes something. */
static inline struct rw_semaphore *axas_hold_try(struct axas_hold *hold)
{
	unsigned int i = raw_smp_processor_id() & (hold->nr - 1);
	struct rw_semaphore *lock = &hold->shards[i].lock;

	return down_read_trylock(lock) ? lock : NULL;
}

/* Before the first entry changes. Under the space's lock; hold may be NULL. */
static inline void axas_hold_write(struct axas_hold *hold, struct mutex *lock)
{
	unsigned int i;

	lockdep_assert_held(lock);
	for (i = 0; hold && i < hold->nr; i++)
		down_write_nest_lock(&hold->shards[i].lock, lock);
}

/* After the invalidation. */
static inline void axas_hold_end(struct axas_hold *hold)
{
	unsigned int i;

	for (i = 0; hold && i < hold->nr; i++)
		up_write(&hold->shards[i].lock);
}

#endif /* _AXAS_HOLD_H */
