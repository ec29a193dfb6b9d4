/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of aliases have in common.
 */
#ifndef _AXAS_KUNIT_ALIAS_H
#define _AXAS_KUNIT_ALIAS_H

#include "track.h"
#define SIZE	SZ_4M

/**
 * struct alias_pair - a source, and an alias of it
 * @source: where the frames are, from HERE on
 * @alias: where they are shown, from THERE on; the same, or another space
 */
struct alias_pair {
	struct axas_space *source;
	struct axas_space *alias;
};

static inline int alias_map(struct axas_space *alias, u64 to, struct axas_space *source,
			    u64 from, u64 size, unsigned int prot)
{
	const struct axas_map args = map_args(AXAS_BACKEND_ALIAS, to, size, prot);
	const struct axas_source what = {
		.space = source, .gpa = from, .prot = AXAS_PROT_ALL,
	};

	return axas_space_map_alias(alias, &args, &what);
}

static inline struct axas_space *other_space(struct kunit *test)
{
	const struct axas_create args = {
		.format = axas_context(test)->format, .gpa_bits = 48,
		.features = axas_exec_only(test),
	};
	struct axas_space *space = axas_space_create(&args);

	KUNIT_ASSERT_FALSE(test, IS_ERR(space));
	return space;
}

/* The alias is what the context has: it goes first. */
static inline struct alias_pair pair_make(struct kunit *test, bool same)
{
	struct axas_space *space = axas_test_space(test);
	struct alias_pair pair = { space, space };

	if (!same)
		pair.source = other_space(test);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(pair.source, HERE, SIZE, PROT_RW, 0,
					     SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, alias_map(pair.alias, THERE, pair.source, HERE,
					SIZE, PROT_RW), 0);
	return pair;
}

static inline void pair_drop(struct kunit *test, const struct alias_pair *pair)
{
	bool same = pair->source == pair->alias;

	axas_test_drop_space(test);
	if (!same)
		axas_space_destroy(pair->source);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 0L);
}

static inline u64 hpa_at(struct axas_space *space, u64 gpa)
{
	return axas_translate_at(space, gpa).hpa;
}

static inline bool alias_has(const struct alias_pair *pair, u64 offset)
{
	return axas_translate_at(pair->alias, THERE + offset).state ==
	       AXAS_TRANSLATE_MAPPED;
}

static inline int alias_touch(const struct alias_pair *pair, u64 offset,
			      unsigned int access)
{
	return axas_fault_at(pair->alias, THERE + offset, access);
}

/* What is shown is what is there. */
static inline void expect_shown(struct kunit *test, const struct alias_pair *pair,
				u64 offset)
{
	struct axas_translate_entry entry;

	KUNIT_EXPECT_EQ(test, alias_touch(pair, offset, PROT_RW),
			(int)AXAS_FAULT_RESOLVED);
	entry = axas_translate_at(pair->alias, THERE + offset);
	KUNIT_EXPECT_EQ(test, entry.state, (u32)AXAS_TRANSLATE_MAPPED);
	KUNIT_EXPECT_EQ(test, entry.leaf_size, (u64)SZ_4K);
	KUNIT_EXPECT_EQ(test, entry.prot, (u32)PROT_RW);
	KUNIT_EXPECT_EQ(test, entry.hpa, hpa_at(pair->source, HERE + offset));
}

#endif /* _AXAS_KUNIT_ALIAS_H */
