/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of collapse have in common.
 */
#ifndef _AXAS_KUNIT_COLLAPSE_H
#define _AXAS_KUNIT_COLLAPSE_H

#include "context.h"
#include "move.h"
#include "snapshot.h"

static inline struct axas_collapse collapse_args(u64 gpa, u64 size, bool copy)
{
	return (struct axas_collapse){
		.flags = copy ? AXAS_COLLAPSE_COPY : 0,
		.gpa = gpa, .length = size,
	};
}

static inline void expect_leaves(struct kunit *test, struct axas_space *space,
				 u64 small, u64 large)
{
	struct axas_stats stats = axas_stats_of(space);

	KUNIT_EXPECT_EQ(test, stats.leaves[0], small);
	KUNIT_EXPECT_EQ(test, stats.leaves[1], large);
	axas_check_space(test, space);
}

/* With a copy if it can fail. */
static inline void expect_collapsed(struct kunit *test, struct axas_space *space,
				    u64 gpa, u64 size, int ret, u64 done,
				    u64 joined)
{
	struct axas_collapse args = collapse_args(gpa, size, true);

	KUNIT_EXPECT_EQ(test, axas_space_collapse(space, &args), ret);
	KUNIT_EXPECT_EQ(test, args.done, done);
	KUNIT_EXPECT_EQ(test, args.joined, joined);
}

static inline void expect_collapse(struct kunit *test, struct axas_space *space,
				   u64 gpa, u64 size, bool copy, u64 done,
				   u64 joined)
{
	struct axas_collapse args = collapse_args(gpa, size, copy);

	KUNIT_EXPECT_EQ(test, axas_space_collapse(space, &args), 0);
	KUNIT_EXPECT_EQ(test, args.done, done);
	KUNIT_EXPECT_EQ(test, args.joined, joined);
	axas_check_space(test, space);
}

/* Is this one of the pages that make_pages() makes? */
static inline bool page_is_made(unsigned int page)
{
	return page < 64 || page == 100 || page == 511;
}

/* Some pages of 2 MiB, each with what tells it from the others. */
static inline void make_pages(struct kunit *test, struct axas_space *space,
			      u64 gpa)
{
	unsigned int i;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, gpa, SZ_2M, PROT_RW, 0,
					     SZ_2M), 0);
	for (i = 512; i--;) {
		u64 *virt;

		if (!page_is_made(i))
			continue;
		populate(test, space, gpa + i * SZ_4K, SZ_4K);
		virt = axas_virt_at(test, space, gpa + i * SZ_4K);
		virt[0] = gpa + i;
		virt[511] = ~(gpa + i);
	}
}

/* They hold what they did; what is large holds zeros where there were none. */
static inline void expect_pages(struct kunit *test, struct axas_space *space,
				u64 gpa)
{
	unsigned int i, wrong = 0;
	struct axas_leaf leaf;

	for (i = 0; i < 512; i++) {
		u64 *virt;

		if (axas_lookup_at(&space->npt, gpa + i * SZ_4K, &leaf)) {
			wrong += page_is_made(i);
			continue;
		}
		virt = axas_virt_at(test, space, gpa + i * SZ_4K);
		if (page_is_made(i))
			wrong += virt[0] != gpa + i || virt[511] != ~(gpa + i) ||
				 memchr_inv(virt + 1, 0, SZ_4K - 16);
		else
			wrong += !!memchr_inv(virt, 0, SZ_4K);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

#endif /* _AXAS_KUNIT_COLLAPSE_H */
