/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of moves have in common.
 */
#ifndef _AXAS_KUNIT_MOVE_H
#define _AXAS_KUNIT_MOVE_H

#include "context.h"

#define HERE	(1ULL * SZ_1G)
#define THERE	(5ULL * SZ_1G)
#define COOKIE	0x1234ULL
#define OTHER	0x5678ULL

static inline int move(struct axas_space *space, u64 from, u64 to, u64 size)
{
	return axas_space_move(space, axas_gpa(from), axas_gpa(to), size, false);
}

static inline int exchange(struct axas_space *space, u64 from, u64 to, u64 size)
{
	return axas_space_move(space, axas_gpa(from), axas_gpa(to), size, true);
}

static inline struct axas_map map_args(enum axas_backend_id backend, u64 gpa,
				       u64 size, unsigned int prot)
{
	return (struct axas_map){
		.gpa = gpa, .length = size, .prot = prot, .backend = backend,
	};
}

static inline void populate(struct kunit *test, struct axas_space *space,
			    u64 gpa, u64 size)
{
	KUNIT_ASSERT_EQ(test, axas_populate_range(space, gpa, size, NULL), 0);
}

/* A copy, with nothing in it where there is none. */
static inline struct axas_area area_at(struct axas_space *space, u64 gpa)
{
	const struct axas_area *area;
	u64 last = gpa;

	guard(rcu)();
	area = axas_tree_find(&space->areas, &gpa, &last);
	return area ? *area : (struct axas_area){};
}

static inline u64 cookie_at(struct axas_space *space, u64 gpa)
{
	return area_at(space, gpa).cookie;
}

#endif /* _AXAS_KUNIT_MOVE_H */
