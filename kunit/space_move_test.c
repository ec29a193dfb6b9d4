// SPDX-License-Identifier: GPL-2.0
/*
 * Memory at another place of its space: what goes along, what stays behind, and who
 * comes meanwhile.
 */
#include "cases.h"
#include "context.h"
#include "snapshot.h"

#define HERE	(1ULL * SZ_1G)

static int exchange(struct axas_space *space, u64 from, u64 to, u64 size)
{
	return axas_space_move(space, axas_gpa(from), axas_gpa(to), size, true);
}

static void populate(struct kunit *test, struct axas_space *space, u64 gpa,
		     u64 size)
{
	KUNIT_ASSERT_EQ(test, axas_populate_range(space, gpa, size, NULL), 0);
}

/*
 * All that a table of 2 MiB has is in the part of it that goes, and what comes there
 * has nothing: both ranges reach into it, so each freeze finds it frozen beside.
 */
void move_leaves_no_empty_table(struct kunit *test)
{
	const u64 from = HERE + SZ_1M, to = HERE + SZ_2M + SZ_1M;
	struct axas_space *space;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		space = axas_test_space(test);
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_8M, PROT_RW,
						     0, 0), 0);
		/* In the middle table: of the end of one, or the other's begin. */
		populate(test, space, i < 2 ? HERE + SZ_2M : to, SZ_4K);
		KUNIT_ASSERT_EQ(test, i % 2 ? exchange(space, from, to, SZ_2M) :
					      exchange(space, to, from, SZ_2M),
				0);
		KUNIT_EXPECT_EQ(test, axas_stats_of(space).tables[0], 1ULL);
		axas_check_space(test, space);
	}
	/* The same with tables of 1 GiB. */
	space = axas_test_space(test);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, 4ULL * SZ_1G, PROT_RW,
					     0, 0), 0);
	populate(test, space, 2ULL * SZ_1G, SZ_4K);
	KUNIT_ASSERT_EQ(test, exchange(space, HERE + SZ_512M,
				       2 * HERE + SZ_512M, SZ_1G), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).tables[1], 1ULL);
	axas_check_space(test, space);
}

struct between {
	struct axas_holder holder;
	unsigned int calls;
	unsigned int between;
};

static void between_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
			       u64 size)
{
	struct between *between = container_of(holder, struct between, holder);

	between->calls++;
	between->between += gpa.val < HERE + SZ_2M && gpa.val + size > HERE + SZ_1M;
}

/* Nor has anybody to forget what lies between the two. */
void move_tells_of_its_ranges_only(struct kunit *test)
{
	struct between between = { .holder.invalidate = between_invalidate };
	struct axas_space *space = axas_test_space(test);

	INIT_LIST_HEAD(&between.holder.node);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_4M, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &between.holder), 0);
	KUNIT_EXPECT_EQ(test, exchange(space, HERE, HERE + SZ_2M, SZ_1M), 0);
	KUNIT_EXPECT_EQ(test, exchange(space, HERE + SZ_2M, HERE, SZ_1M), 0);
	axas_space_del_holder(space, &between.holder);
	KUNIT_EXPECT_EQ(test, between.calls, 4U);
	KUNIT_EXPECT_EQ(test, between.between, 0U);
}
