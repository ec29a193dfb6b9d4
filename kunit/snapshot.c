// SPDX-License-Identifier: GPL-2.0
/*
 * What a space is, so that a call that failed can be shown to have changed
 * nothing; and what must always hold.
 */
#include "snapshot.h"

static u64 hash_area(u64 hash, const struct axas_area *area, u64 start,
		     u64 last)
{
	hash = raw_hash(raw_hash(hash, start), last);
	hash = raw_hash(raw_hash(hash, (unsigned long)area->ops), area->offset);
	hash = raw_hash(hash, area->origin);
	hash = raw_hash(hash, area->attr.prot | area->attr.memtype << 8 |
			      area->attr.ignore_pat << 16 |
			      area->attr.owned << 17 | area->attr.rom << 18);
	hash = raw_hash(raw_hash(hash, area->max_level), area->place.nid);
	hash = raw_hash(raw_hash(hash, area->place.nodes), area->spread);
	hash = raw_hash(hash, area->cookie);
	return raw_hash(hash, area->ranges);
}

/* Each range of the tree, also where two belong to one area. */
static u64 hash_areas(struct axas_space *space)
{
	MA_STATE(mas, &space->areas.mt, 0, 0);
	struct axas_area *area;
	u64 hash = 0;

	rcu_read_lock();
	mas_for_each(&mas, area, ULONG_MAX)
		hash = hash_area(hash, area, mas.index, mas.last);
	rcu_read_unlock();
	return hash;
}

/* Each registered range, by where it lies and which record it has. */
static u64 hash_bus(struct maple_tree *tree, u64 hash)
{
	MA_STATE(mas, tree, 0, 0);
	void *range;

	rcu_read_lock();
	mas_for_each(&mas, range, ULONG_MAX) {
		hash = raw_hash(raw_hash(hash, mas.index), mas.last);
		hash = raw_hash(hash, (unsigned long)range);
	}
	rcu_read_unlock();
	return hash;
}

/**
 * axas_snapshot_take - note what a space is
 * @space: the space; nobody else changes it
 * @snapshot: out: the note
 */
void axas_snapshot_take(struct axas_space *space,
			struct axas_snapshot *snapshot)
{
	struct raw_reader reader = { .npt = &space->npt };

	raw_read(&reader);
	snapshot->raw = reader.sum;
	snapshot->stats = axas_stats_of(space);
	memset(snapshot->stats.faults, 0, sizeof(snapshot->stats.faults));
	snapshot->areas = hash_areas(space);
	snapshot->devices = hash_bus(&space->devices.ports.mt, 1);
	snapshot->devices = hash_bus(&space->devices.sysregs.mt,
				     snapshot->devices);
	snapshot->pages = axas_hal_pages();
}

/**
 * axas_snapshot_expect - expect a space that is what it was
 * @test: the test
 * @space: the space
 * @before: what it was
 * @what: what has been tried
 * @step: how often
 */
void axas_snapshot_expect(struct kunit *test, struct axas_space *space,
			  const struct axas_snapshot *before, const char *what,
			  unsigned int step)
{
	struct axas_snapshot after;

	rcu_barrier();
	axas_snapshot_take(space, &after);
	KUNIT_EXPECT_EQ_MSG(test, after.areas, before->areas, "%s %u", what,
			    step);
	KUNIT_EXPECT_EQ_MSG(test, after.devices, before->devices, "%s %u", what,
			    step);
	KUNIT_EXPECT_EQ_MSG(test, after.raw.hash, before->raw.hash, "%s %u",
			    what, step);
	KUNIT_EXPECT_EQ_MSG(test, memcmp(&after.raw, &before->raw,
					 sizeof(after.raw)), 0, "%s %u: table",
			    what, step);
	KUNIT_EXPECT_EQ_MSG(test, memcmp(&after.stats, &before->stats,
					 sizeof(after.stats)), 0,
			    "%s %u: stats", what, step);
	KUNIT_EXPECT_EQ_MSG(test, after.pages, before->pages, "%s %u: pages",
			    what, step);
}

struct check {
	struct kunit *test;
	struct axas_space *space;
	bool failed;
};

/* A leaf lies in one area, and has its rights and its memory type. */
static const char *leaf_bad(struct axas_space *space,
			    const struct raw_leaf *leaf)
{
	MA_STATE(mas, &space->areas.mt, leaf->gpa, leaf->gpa);
	u64 last = leaf->gpa + (4096ULL << 9 * (leaf->level - 1)) - 1;
	struct axas_area *area = mas_walk(&mas);
	unsigned int prot = leaf->prot;

	if (!area)
		return "in no area";
	/* One that is armed opens when it is written to. */
	if (space->npt.tracked)
		prot |= area->attr.prot & PROT_W;
	if (area->attr.prot != prot ||
	    area->attr.memtype != leaf->memtype ||
	    area->attr.owned != leaf->owned ||
	    area->attr.ignore_pat != leaf->ignore_pat ||
	    leaf->level > area->max_level)
		return "not as its area";
	while (mas.last < last)
		if (mas_next(&mas, last) != area)
			return "larger than its area";
	return NULL;
}

static void check_leaf(void *arg, const struct raw_leaf *leaf)
{
	struct check *check = arg;
	const char *bad;

	if (check->failed)
		return;
	rcu_read_lock();
	bad = leaf_bad(check->space, leaf);
	rcu_read_unlock();
	if (bad)
		KUNIT_FAIL(check->test, "leaf %llx at %llx, level %u: %s",
			   leaf->entry, leaf->gpa, leaf->level, bad);
	check->failed = bad;
}

/**
 * axas_check_space - what always holds while nothing goes on
 * @test: the test
 * @space: the space, the only one
 */
void axas_check_space(struct kunit *test, struct axas_space *space)
{
	struct check check = { .test = test, .space = space };
	struct raw_reader reader = {
		.npt = &space->npt,
		.leaf = check_leaf,
		.arg = &check,
	};
	struct axas_stats stats = axas_stats_of(space);
	u64 pages = 0;
	unsigned int i;

	rcu_barrier();
	raw_read(&reader);
	KUNIT_EXPECT_NULL_MSG(test, reader.sum.bad, "%s: %llx", reader.sum.bad,
			      reader.sum.bad_entry);
	for (i = 0; i < AXAS_MAX_LEVELS; i++) {
		KUNIT_EXPECT_EQ(test, stats.tables[i], reader.sum.tables[i]);
		pages += reader.sum.tables[i];
	}
	for (i = 0; i < AXAS_MAX_LEAF_LEVEL; i++)
		KUNIT_EXPECT_EQ(test, stats.leaves[i], reader.sum.leaves[i]);
	KUNIT_EXPECT_EQ(test, stats.resident, reader.sum.owned * 4096);
	KUNIT_EXPECT_EQ(test, (u64)axas_hal_pages(), pages + reader.sum.owned);
	KUNIT_EXPECT_FALSE(test, mutex_is_locked(&space->lock));
}
