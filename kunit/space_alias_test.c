// SPDX-License-Identifier: GPL-2.0
/*
 * Aliases: what they show, and what can't be.
 */
#include "alias.h"
#include "cases.h"
#include "fail.h"

void alias_shows_the_source(struct kunit *test)
{
	unsigned int same;

	for (same = 0; same < 2; same++) {
		struct alias_pair pair = pair_make(test, same);
		u64 resident = axas_stats_of(pair.source).resident;

		/* It comes in there, and is counted there. */
		expect_shown(test, &pair, SZ_1M + SZ_4K);
		KUNIT_EXPECT_EQ(test, axas_stats_of(pair.source).resident,
				resident + SZ_2M);
		if (!same)
			KUNIT_EXPECT_EQ(test, axas_stats_of(pair.alias).resident,
					0ULL);
		expect_shown(test, &pair, SZ_2M);
		KUNIT_EXPECT_EQ(test, alias_touch(&pair, SZ_2M, PROT_R),
				(int)AXAS_FAULT_SPURIOUS);
		KUNIT_EXPECT_EQ(test, alias_touch(&pair, SZ_2M, PROT_X),
				(int)AXAS_FAULT_DENIED);
		/* It isn't there, but it is at the source. */
		axas_put_word(test, pair.source, HERE + 8, 0x1234);
		expect_shown(test, &pair, 0);
		KUNIT_EXPECT_EQ(test, axas_word_at(test, pair.alias, THERE + 8),
				0x1234ULL);
		pair_drop(test, &pair);
	}
}

void alias_rights_are_those_of_both(struct kunit *test)
{
	struct alias_pair pair = pair_make(test, false);
	const struct axas_map args = map_args(AXAS_BACKEND_ALIAS, THERE + SIZE,
					      SZ_4K, PROT_RW);
	const struct axas_source reads = {
		.space = pair.source, .gpa = HERE, .prot = PROT_RX,
	};

	KUNIT_ASSERT_EQ(test, axas_protect_range(pair.source, HERE, SZ_4K,
						 PROT_R), 0);
	KUNIT_ASSERT_EQ(test, axas_protect_range(pair.alias, THERE + SZ_4K,
						 SZ_4K, PROT_R), 0);
	KUNIT_EXPECT_EQ(test, alias_touch(&pair, 0, PROT_W),
			(int)AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, alias_touch(&pair, 0, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, alias_touch(&pair, 0, PROT_W),
			(int)AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, alias_touch(&pair, SZ_4K, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, alias_touch(&pair, SZ_4K, PROT_W),
			(int)AXAS_FAULT_DENIED);
	/* The alias alone can't give what the source hasn't. */
	KUNIT_EXPECT_EQ(test, axas_protect_range(pair.alias, THERE, SIZE,
						 PROT_RWX), 0);
	KUNIT_EXPECT_EQ(test, alias_touch(&pair, 0, PROT_W),
			(int)AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, alias_touch(&pair, 0, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, alias_touch(&pair, SZ_4K, PROT_X),
			(int)AXAS_FAULT_DENIED);
	expect_shown(test, &pair, SZ_4K);
	/* Nor what its descriptor hasn't. */
	KUNIT_ASSERT_EQ(test, axas_space_map_alias(pair.alias, &args, &reads), 0);
	KUNIT_EXPECT_EQ(test, alias_touch(&pair, SIZE, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, alias_touch(&pair, SIZE, PROT_W),
			(int)AXAS_FAULT_DENIED);
	pair_drop(test, &pair);
}

/* Rights that a format can't have without others. */
void alias_has_no_rights_that_can_not_be(struct kunit *test)
{
	const struct axas_create args = { .gpa_bits = 48 };
	struct axas_space *source, *alias;

	if (!axas_exec_only(test))
		kunit_skip(test, "nothing is executed that can't be read");
	alias = axas_test_space_with(test, &args);
	source = other_space(test);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(source, HERE, SZ_4K, PROT_X, 0, 0),
			0);
	KUNIT_ASSERT_EQ(test, alias_map(alias, THERE, source, HERE, SZ_4K,
					PROT_RWX), 0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(alias, THERE, PROT_X),
			(int)AXAS_FAULT_DENIED);
	/* Nothing comes in for what is denied. */
	KUNIT_EXPECT_EQ(test, axas_stats_of(source).resident, 0ULL);
	KUNIT_EXPECT_EQ(test, axas_fault_at(source, HERE, PROT_X),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(alias, THERE, PROT_X),
			(int)AXAS_FAULT_DENIED);
	axas_test_drop_space(test);
	axas_space_destroy(source);
}

/* ---- life, and what can't be ---- */

void alias_of_no_memory(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const struct axas_map device = map_args(AXAS_BACKEND_DEVICE, HERE + SZ_2M,
						SZ_4K, PROT_RW);

	KUNIT_ASSERT_EQ(test, axas_map_linear(space, HERE, SZ_4K, HPA_NOWHERE,
					      PROT_RW), 0);
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &device), 0);
	KUNIT_ASSERT_EQ(test, alias_map(space, THERE, space, HERE, SIZE, PROT_RW),
			0);
	/* Of itself, of the other one, round in a circle. */
	KUNIT_ASSERT_EQ(test, alias_map(space, 2 * THERE, space, THERE, SIZE,
					PROT_RW), 0);
	KUNIT_ASSERT_EQ(test, alias_map(space, 3 * THERE, space, 3 * THERE, SIZE,
					PROT_RW), 0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, THERE, PROT_R),
			(int)AXAS_FAULT_NO_AREA);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, THERE + SZ_2M, PROT_R),
			(int)AXAS_FAULT_NO_AREA);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, THERE + SZ_4K, PROT_R),
			(int)AXAS_FAULT_NO_AREA);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE + SZ_4K, SZ_4K, PROT_RW,
					     0, 0), 0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, THERE + SZ_4K, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, 2 * THERE + SZ_4K, PROT_R),
			(int)AXAS_FAULT_NO_AREA);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, 3 * THERE, PROT_R),
			(int)AXAS_FAULT_NO_AREA);
}

void alias_errnos(struct kunit *test)
{
	struct alias_pair pair = pair_make(test, false);
	struct axas_space *third = other_space(test);
	struct axas_map args = map_args(AXAS_BACKEND_ALIAS, 2 * THERE, SZ_4K,
					PROT_RW);
	const struct axas_source what = {
		.space = pair.source, .gpa = HERE, .prot = PROT_RWX,
	};
	const struct axas_track track = track_args(HERE, SZ_4K);

	KUNIT_EXPECT_EQ(test, axas_space_map(pair.alias, &args), -EINVAL);
	args.memtype = AXAS_MEM_UC;
	KUNIT_EXPECT_EQ(test, axas_space_map_alias(pair.alias, &args, &what),
			-EINVAL);
	args.memtype = AXAS_MEM_WB;
	args.max_leaf = SZ_2M;
	KUNIT_EXPECT_EQ(test, axas_space_map_alias(pair.alias, &args, &what),
			-EINVAL);
	args.max_leaf = 0;
	args.flags = AXAS_MAP_POPULATE;
	KUNIT_EXPECT_EQ(test, axas_space_map_alias(pair.alias, &args, &what),
			-EINVAL);
	args.flags = AXAS_MAP_ROM;
	KUNIT_EXPECT_EQ(test, axas_space_map_alias(pair.alias, &args, &what),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, alias_map(pair.alias, THERE, pair.source, HERE,
					SZ_4K, PROT_R), -EEXIST);
	KUNIT_EXPECT_EQ(test, alias_map(pair.alias, 2 * THERE, pair.source,
					HERE + 1, SZ_4K, PROT_R), -EINVAL);
	KUNIT_EXPECT_EQ(test, alias_map(pair.alias, 2 * THERE, pair.source,
					1ULL << 48, SZ_4K, PROT_R), -ERANGE);
	/* A lender borrows nothing, and who borrows lends nothing. */
	KUNIT_EXPECT_EQ(test, alias_map(pair.source, THERE, third, HERE, SZ_4K,
					PROT_R), -ELOOP);
	KUNIT_EXPECT_EQ(test, alias_map(third, THERE, pair.alias, THERE, SZ_4K,
					PROT_R), -ELOOP);
	KUNIT_EXPECT_EQ(test, alias_map(pair.source, THERE, pair.source, HERE,
					SZ_4K, PROT_R), 0);
	KUNIT_EXPECT_EQ(test, axas_space_move(pair.alias, axas_gpa(THERE),
					      axas_gpa(2 * THERE), SZ_4K, false),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, axas_discard_range(pair.alias, THERE, SZ_4K, NULL),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, axas_resize_area(pair.alias, THERE, SIZE + SZ_4K),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, axas_resize_area(pair.alias, THERE, SZ_2M), 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(axas_tracker_create(pair.alias,
								  &track)),
			-EOPNOTSUPP);
	/* When none is left all is as ever. */
	KUNIT_EXPECT_EQ(test, axas_space_clear(pair.alias), 0);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(pair.source, THERE, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, alias_map(pair.source, THERE, third, HERE, SZ_4K,
					PROT_R), 0);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(pair.source, THERE, SZ_4K), 0);
	axas_tracker_destroy(track_begin(test, pair.alias, HERE, SZ_4K));
	KUNIT_EXPECT_EQ(test, alias_map(pair.alias, THERE, third, HERE, SZ_4K,
					PROT_R), -EOPNOTSUPP);
	axas_test_drop_space(test);
	axas_space_destroy(pair.source);
	axas_space_destroy(third);
}

/* What is written through the alias is written, as far as the source is concerned. */
void alias_writes_are_noticed(struct kunit *test)
{
	struct axas_space *alias = axas_test_space(test);
	struct axas_space *source = other_space(test);
	struct alias_pair pair = { source, alias };
	struct axas_tracker *tracker;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(source, HERE, SZ_64K, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, alias_map(alias, THERE, source, HERE, SZ_64K,
					PROT_RW), 0);
	expect_shown(test, &pair, SZ_4K);
	tracker = track_begin(test, source, HERE, SZ_64K);
	/* What it could write to before it can't any more. */
	KUNIT_EXPECT_FALSE(test, alias_has(&pair, SZ_4K));
	EXPECT_LISTED(test, tracker, 0);
	KUNIT_EXPECT_EQ(test, alias_touch(&pair, SZ_4K, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, alias_touch(&pair, 3 * SZ_4K, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	EXPECT_LISTED(test, tracker, AXAS_DIRTY_PEEK, RUN(1, 1), RUN(3, 1));
	KUNIT_EXPECT_TRUE(test, alias_has(&pair, SZ_4K));
	EXPECT_LISTED(test, tracker, 0, RUN(1, 1), RUN(3, 1));
	KUNIT_EXPECT_FALSE(test, alias_has(&pair, SZ_4K));
	KUNIT_EXPECT_FALSE(test, alias_has(&pair, 3 * SZ_4K));
	EXPECT_LISTED(test, tracker, 0);
	/* At worst too much: a page that could be written to. */
	KUNIT_EXPECT_EQ(test, alias_touch(&pair, 2 * SZ_4K, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	expect_shown(test, &pair, SZ_4K);
	EXPECT_LISTED(test, tracker, 0, RUN(1, 2));
	/* One that couldn't isn't. */
	KUNIT_EXPECT_EQ(test, axas_protect_range(alias, THERE, SZ_64K, PROT_R), 0);
	KUNIT_EXPECT_EQ(test, alias_touch(&pair, 2 * SZ_4K, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	EXPECT_LISTED(test, tracker, 0);
	axas_tracker_destroy(tracker);
	pair_drop(test, &pair);
}

/* ---- each allocation fails ---- */

static int setup_source(struct axas_space *space)
{
	return axas_map_alloc(space, HERE, SIZE, PROT_RW, 0, 0);
}

static int call_alias(struct axas_space *space)
{
	return alias_map(space, THERE, space, HERE, SIZE, PROT_RW);
}

static int setup_alias(struct axas_space *space)
{
	int ret = setup_source(space);

	return ret ? ret : call_alias(space);
}

/* The source's frame has its own try: it may be there when the call fails. */
static int setup_shown(struct axas_space *space)
{
	int ret = setup_alias(space);

	return ret ? ret : axas_fault_at(space, HERE, PROT_W);
}

static int call_alias_fault(struct axas_space *space)
{
	int ret = axas_fault_at(space, THERE, PROT_W);

	if (ret == AXAS_FAULT_NO_MEMORY)
		return -ENOMEM;
	return ret == AXAS_FAULT_RESOLVED ? 0 : -EIO;
}

static const struct fail_scenario fail_alias = { setup_source, call_alias };
static const struct fail_scenario fail_alias_fault = {
	setup_shown, call_alias_fault,
};

void fail_hal_alias(struct kunit *test)
{
	fail_hal(test, &fail_alias);
	fail_hal(test, &fail_alias_fault);
}

void fail_nth_alias(struct kunit *test)
{
	fail_nth(test, &fail_alias);
	fail_nth(test, &fail_alias_fault);
}
