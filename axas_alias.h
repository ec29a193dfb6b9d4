/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What changes a space does to its aliases, and who has some.
 */
#ifndef _AXAS_ALIAS_H
#define _AXAS_ALIAS_H

#include <axas/space.h>

extern const struct axas_backend_ops axas_alias_ops;

int axas_alias_create(struct axas_space *space, struct axas_area *area,
		      const struct axas_map *args,
		      const struct axas_source *source);
struct axas_alias *axas_alias_get(struct axas_alias *alias);
void axas_alias_put(struct axas_alias *alias);
int axas_alias_bring(struct axas_nested_fault *fault);
bool axas_alias_lies(struct axas_space *space, axas_gpa_t gpa);
void axas_alias_protect(struct axas_space *space, u64 gpa, u64 size,
			unsigned int prot, struct axas_npt_pool *pool);
void axas_alias_leave(struct axas_space *space);
int axas_alias_shut(struct axas_space *source, u64 gpa, u64 size);
void axas_alias_reopen(struct axas_space *source);

/* axas_fault.c: a fault at a source, for an alias */
enum axas_fault_result axas_fault_source(struct axas_space *source, axas_gpa_t gpa,
					 unsigned int access);

/**
 * axas_alias_begin - before anything is taken from a range, or changed there
 * @space: the space
 * @gpa: first GPA
 * @size: bytes
 *
 * No alias has a leaf of it any more, nor will before axas_alias_end().
 *
 * Context: may sleep. Under the space's lock, and not under R.
 * Return: 0, or -EINTR with nothing begun.
 */
static inline int axas_alias_begin(struct axas_space *space, u64 gpa, u64 size)
{
	lockdep_assert_held(&space->lock);
	return likely(list_empty(&space->lent)) ?
		       0 : axas_alias_shut(space, gpa, size);
}

/**
 * axas_alias_end - when that is done
 * @space: the space
 *
 * Context: may sleep. Under the space's lock, since axas_alias_begin().
 */
static inline void axas_alias_end(struct axas_space *space)
{
	if (unlikely(!list_empty(&space->lent)))
		axas_alias_reopen(space);
}

/**
 * axas_alias_any - does a space have aliases of anything?
 * @space: the space
 *
 * Context: any. Under the space's lock no area that is one comes.
 * Return: true if it may.
 */
static inline bool axas_alias_any(const struct axas_space *space)
{
	return unlikely(!list_empty(&space->aliases));
}

#endif /* _AXAS_ALIAS_H */
