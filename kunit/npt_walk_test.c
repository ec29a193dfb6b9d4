// SPDX-License-Identifier: GPL-2.0
/*
 * Walks over a bare table, of leaves and of tables: what is seen is what is there.
 */
#include "cases.h"
#include "npt_range.h"

struct visit {
	u64 hash;
	u64 leaves;
	u64 stop_at;
};

static int visit_leaf(void *arg, axas_gpa_t gpa, const struct axas_leaf *leaf)
{
	struct visit *visit = arg;

	visit->hash = raw_hash(raw_hash(visit->hash, gpa.val), leaf->hpa.val);
	return ++visit->leaves == visit->stop_at ? -EXDEV : 0;
}

static void visit_raw(void *arg, const struct raw_leaf *leaf)
{
	struct visit *visit = arg;

	visit->hash = raw_hash(raw_hash(visit->hash, leaf->gpa), leaf->hpa);
	visit->leaves++;
}

static int npt_do_walk(struct axas_npt *npt, u64 gpa, u64 size,
		       struct visit *visit)
{
	int ret;

	rcu_read_lock();
	ret = npt->ops->walk(npt, axas_gpa(gpa), size, visit_leaf, visit);
	rcu_read_unlock();
	return ret;
}

void npt_walk_is_what_is_there(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct visit seen = {}, raw = {}, part = {}, stopped = { .stop_at = 2 };
	struct raw_reader reader = { .npt = npt,
				     .leaf = visit_raw,
				     .arg = &raw };

	KUNIT_ASSERT_EQ(test, npt_do_map(npt, SZ_1G - SZ_2M - SZ_4K,
					 SZ_1G - SZ_2M - SZ_4K,
					 2ULL * SZ_1G, 3), 0);
	KUNIT_ASSERT_EQ(test, npt_do_map(npt, 1ULL << 46, 0, SZ_4K, 3), 0);
	raw_read(&reader);
	KUNIT_EXPECT_EQ(test, npt_do_walk(npt, 0, 1ULL << 48, &seen), 0);
	KUNIT_EXPECT_EQ(test, seen.leaves, raw.leaves);
	KUNIT_EXPECT_EQ(test, seen.hash, raw.hash);

	/* A range inside of a leaf meets it. */
	KUNIT_EXPECT_EQ(test, npt_do_walk(npt, SZ_1G + 8 * SZ_4K, SZ_4K, &part),
			0);
	KUNIT_EXPECT_EQ(test, part.leaves, 1ULL);
	KUNIT_EXPECT_EQ(test, npt_do_walk(npt, 0, 1ULL << 48, &stopped),
			-EXDEV);
	KUNIT_EXPECT_EQ(test, stopped.leaves, 2ULL);
}

static void visit_raw_table(void *arg, u64 gpa, unsigned int level,
			    const u64 *table)
{
	struct visit *visit = arg;

	visit->hash = raw_hash(raw_hash(visit->hash, gpa), level);
	visit->hash = raw_hash(visit->hash, __pa(table));
}

void npt_tables_are_what_is_there(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_npt_table table = { .level = npt->levels };
	struct visit seen = {}, raw = {};
	struct raw_reader reader = { .npt = npt, .table = visit_raw_table,
				     .arg = &raw };
	u64 tables = 0, leaves = 0, root = 0;

	KUNIT_ASSERT_EQ(test, npt_do_map(npt, SZ_1G - SZ_2M - SZ_4K, 0,
					 2ULL * SZ_1G, 3), 0);
	KUNIT_ASSERT_EQ(test, npt_do_map(npt, 1ULL << 46, 0, SZ_4K, 3), 0);
	raw_read(&reader);
	rcu_read_lock();
	for (; npt->ops->next_table(npt, &table); table.level--) {
		tables += table.tables;
		leaves += table.leaves;
		if (table.level == npt->levels) {
			root++;
			KUNIT_EXPECT_EQ(test, table.hpa.val, __pa(npt->root));
			KUNIT_EXPECT_EQ(test, table.entries,
					512U << npt->root_order);
			continue;
		}
		KUNIT_EXPECT_EQ(test, table.entries, 512U);
		seen.hash = raw_hash(raw_hash(seen.hash, table.gpa.val),
				     table.level);
		seen.hash = raw_hash(seen.hash, table.hpa.val);
	}
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, root, 1ULL);
	KUNIT_EXPECT_EQ(test, seen.hash, raw.hash);
	KUNIT_EXPECT_EQ(test, tables, reader.sum.tables[0] +
			reader.sum.tables[1] + (npt->levels > 3 ?
						reader.sum.tables[2] : 0));
	KUNIT_EXPECT_EQ(test, leaves, reader.sum.leaves[0] +
			reader.sum.leaves[1] + reader.sum.leaves[2]);
}
