// SPDX-License-Identifier: GPL-2.0
/*
 * Aliases: what they show, what they follow, and that no leaf of one outlives what it
 * was made from.
 */
#include <linux/delay.h>
#include <linux/kthread.h>

#include "cases.h"
#include "fail.h"
#include "race.h"
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

static int alias_map(struct axas_space *alias, u64 to, struct axas_space *source,
		     u64 from, u64 size, unsigned int prot)
{
	const struct axas_map args = map_args(AXAS_BACKEND_ALIAS, to, size, prot);
	const struct axas_source what = {
		.space = source, .gpa = from, .prot = PROT_RWX,
	};

	return axas_space_map_alias(alias, &args, &what);
}

static struct axas_space *other_space(struct kunit *test)
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
static struct alias_pair pair_make(struct kunit *test, bool same)
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

static void pair_drop(struct kunit *test, const struct alias_pair *pair)
{
	bool same = pair->source == pair->alias;

	axas_test_drop_space(test);
	if (!same)
		axas_space_destroy(pair->source);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 0L);
}

static u64 hpa_at(struct axas_space *space, u64 gpa)
{
	return axas_translate_at(space, gpa).hpa;
}

static bool alias_has(const struct alias_pair *pair, u64 offset)
{
	return axas_translate_at(pair->alias, THERE + offset).state ==
	       AXAS_TRANSLATE_MAPPED;
}

static int alias_touch(const struct alias_pair *pair, u64 offset,
		       unsigned int access)
{
	return axas_fault_at(pair->alias, THERE + offset, access);
}

/* What is shown is what is there. */
static void expect_shown(struct kunit *test, const struct alias_pair *pair,
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

/* ---- what it follows ---- */

/**
 * struct alias_change - something that is done to the source
 * @name: for people
 * @make: do it. Return: 0 or an errno
 * @result: what a write through the alias gives then
 * @same: the page is the same
 */
struct alias_change {
	const char *name;
	int (*make)(struct axas_space *source);
	int result;
	bool same;
};

static int change_unmap(struct axas_space *source)
{
	return axas_unmap_range(source, HERE, SZ_64K);
}

static int change_clear(struct axas_space *source)
{
	return axas_unmap_range(source, 0, THERE);
}

static int change_resize(struct axas_space *source)
{
	return axas_resize_area(source, HERE, SZ_4K);
}

static int change_protect(struct axas_space *source)
{
	return axas_protect_range(source, HERE, SZ_64K, PROT_R);
}

static int change_discard(struct axas_space *source)
{
	return axas_discard_range(source, HERE, SZ_64K, NULL);
}

static int change_replace(struct axas_space *source)
{
	return axas_map_alloc(source, HERE, SZ_64K, PROT_RW, AXAS_MAP_REPLACE, 0);
}

static int change_replace_populated(struct axas_space *source)
{
	return axas_map_alloc(source, HERE, SZ_64K, PROT_RW,
			      AXAS_MAP_REPLACE | AXAS_MAP_POPULATE, 0);
}

static int change_replace_linear(struct axas_space *source)
{
	const struct axas_map args = {
		.gpa = HERE, .length = SZ_64K, .prot = PROT_RW,
		.backend = AXAS_BACKEND_LINEAR, .hpa = HPA_NOWHERE,
		.flags = AXAS_MAP_REPLACE,
	};

	return axas_space_map(source, &args);
}

static int change_move(struct axas_space *source)
{
	return move(source, HERE, HERE + SZ_1G, SZ_64K);
}

static int change_exchange(struct axas_space *source)
{
	return exchange(source, HERE, HERE + SZ_64K, SZ_64K);
}

static int change_exchange_back(struct axas_space *source)
{
	return exchange(source, HERE + SZ_64K, HERE, SZ_64K);
}

static int change_collapse(struct axas_space *source)
{
	struct axas_collapse args = {
		.flags = AXAS_COLLAPSE_COPY, .gpa = HERE, .length = SZ_2M,
	};
	int ret = axas_space_collapse(source, &args);

	return !ret && args.joined != SZ_2M ? -EBUSY : ret;
}

static int change_poison(struct axas_space *source)
{
	u64 gpa = HERE + 5 * SZ_4K;

	return axas_space_poison(source, axas_gpa(gpa),
				 axas_hpa(hpa_at(source, gpa)));
}

static const struct alias_change alias_changes[] = {
	{ "unmap", change_unmap, AXAS_FAULT_NO_AREA },
	{ "clear", change_clear, AXAS_FAULT_NO_AREA },
	{ "resize", change_resize, AXAS_FAULT_NO_AREA },
	{ "protect", change_protect, AXAS_FAULT_DENIED, true },
	{ "discard", change_discard, AXAS_FAULT_RESOLVED },
	{ "replace", change_replace, AXAS_FAULT_RESOLVED },
	{ "replace eagerly", change_replace_populated, AXAS_FAULT_RESOLVED },
	{ "replace by linear", change_replace_linear, AXAS_FAULT_NO_AREA },
	{ "move", change_move, AXAS_FAULT_NO_AREA },
	{ "exchange", change_exchange, AXAS_FAULT_RESOLVED },
	{ "exchange back", change_exchange_back, AXAS_FAULT_RESOLVED },
	{ "collapse", change_collapse, AXAS_FAULT_RESOLVED },
	{ "poison", change_poison, AXAS_FAULT_POISONED },
};

/* The sixth page is small at the source, and shown. */
static struct alias_pair follow_begin(struct kunit *test, bool same)
{
	struct alias_pair pair = pair_make(test, same);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(pair.source, HERE, SZ_2M, PROT_RW,
					     AXAS_MAP_REPLACE, 0), 0);
	for (i = 0; i < 32; i += 2) {
		axas_fault_at(pair.source, HERE + i * SZ_4K, PROT_W);
		axas_fault_at(pair.source, HERE + i * SZ_4K + SZ_4K, PROT_W);
		expect_shown(test, &pair, i * SZ_4K);
		expect_shown(test, &pair, i * SZ_4K + SZ_4K);
	}
	/* May be collapsed. */
	KUNIT_ASSERT_EQ(test, axas_map_alloc(pair.source, HERE + SZ_2M, SZ_4K,
					     PROT_RW, AXAS_MAP_REPLACE, SZ_2M),
			0);
	return pair;
}

static void follow(struct kunit *test, const struct alias_change *change,
		   bool same)
{
	struct alias_pair pair = follow_begin(test, same);
	const u64 at = 5 * SZ_4K;
	u64 old = hpa_at(pair.source, HERE + at);
	int ret;

	if (change->make == change_collapse) {
		/* What may be large is what was made as such. */
		KUNIT_ASSERT_EQ(test, axas_map_alloc(pair.source, HERE, SZ_2M,
						     PROT_RW, AXAS_MAP_REPLACE,
						     SZ_2M), 0);
		fake_hal_set_fail(&(struct fake_hal_fail){
			.nth = 1, .onwards = true, .min_order = 9,
		});
		axas_fault_at(pair.source, HERE + at, PROT_W);
		fake_hal_set_fail(NULL);
		expect_shown(test, &pair, at);
		old = hpa_at(pair.source, HERE + at);
	}
	KUNIT_ASSERT_TRUE_MSG(test, alias_has(&pair, at), "%s", change->name);
	KUNIT_ASSERT_EQ_MSG(test, change->make(pair.source), 0, "%s",
			    change->name);
	KUNIT_EXPECT_FALSE_MSG(test, alias_has(&pair, at), "%s", change->name);
	/* What isn't concerned stays. */
	if (change->make == change_poison)
		KUNIT_EXPECT_TRUE(test, alias_has(&pair, at + SZ_4K));
	ret = alias_touch(&pair, at, PROT_W);
	KUNIT_EXPECT_EQ_MSG(test, ret, change->result, "%s", change->name);
	if (ret == AXAS_FAULT_RESOLVED) {
		expect_shown(test, &pair, 6 * SZ_4K);
		KUNIT_EXPECT_EQ_MSG(test, hpa_at(pair.alias, THERE + at),
				    hpa_at(pair.source, HERE + at), "%s",
				    change->name);
		KUNIT_EXPECT_NE_MSG(test, hpa_at(pair.alias, THERE + at), old,
				    "%s", change->name);
	} else if (change->same) {
		KUNIT_EXPECT_EQ(test, alias_touch(&pair, at, PROT_R),
				(int)AXAS_FAULT_RESOLVED);
		KUNIT_EXPECT_EQ(test, hpa_at(pair.alias, THERE + at), old);
	}
	pair_drop(test, &pair);
}

void alias_follows_all_changes(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(alias_changes); i++) {
		follow(test, &alias_changes[i], false);
		follow(test, &alias_changes[i], true);
	}
}

/* A change of nothing that is lent, and one that fails, take nothing away. */
void alias_keeps_what_has_not_changed(struct kunit *test)
{
	struct alias_pair pair = follow_begin(test, false);
	struct axas_npt_freed freed;

	KUNIT_EXPECT_EQ(test, axas_unmap_range(pair.source, HERE + SZ_2M + SZ_4K,
					       SZ_4K), 0);
	KUNIT_EXPECT_TRUE(test, alias_has(&pair, 0));
	KUNIT_EXPECT_EQ(test, axas_protect_range(pair.source, HERE, SZ_1G,
						 PROT_R), -ENOENT);
	expect_shown(test, &pair, SZ_4K);
	/* What others see of it pins nothing. */
	KUNIT_EXPECT_EQ(test, axas_discard_range(pair.source, HERE, SZ_64K,
						 &freed), 0);
	KUNIT_EXPECT_EQ(test, freed.freed, 16ULL);
	KUNIT_EXPECT_EQ(test, freed.pinned, 0ULL);
	pair_drop(test, &pair);
}

/* ---- order of death ---- */

/**
 * struct alias_death - a page that the alias and a holder of its space have
 * @watch: sees it freed
 * @holder: of the alias's space
 * @pair: the spaces
 * @gpa: where the alias has it
 * @hpa: the page
 * @told: the holder has forgotten it, after the leaf was gone
 * @freed: it was freed
 * @wrong: before that, or with a leaf left
 */
struct alias_death {
	struct fake_hal_watch watch;
	struct axas_holder holder;
	const struct alias_pair *pair;
	u64 gpa;
	u64 hpa;
	bool told;
	bool freed;
	bool wrong;
};

static void death_holder(struct axas_holder *holder, axas_gpa_t gpa, u64 size)
{
	struct alias_death *death = container_of(holder, struct alias_death,
						 holder);

	if (death->gpa - gpa.val < size &&
	    !raw_reaches(&death->pair->alias->npt, death->gpa, death->hpa))
		death->told = true;
}

static void death_free(struct fake_hal_watch *watch, axas_hpa_t hpa,
		       unsigned int order)
{
	struct alias_death *death = container_of(watch, struct alias_death,
						 watch);

	if (death->hpa - hpa.val >= 4096ULL << order)
		return;
	death->freed = true;
	death->wrong |= !death->told ||
			raw_reaches(&death->pair->alias->npt, death->gpa,
				    death->hpa);
}

static void alias_dies(struct kunit *test, bool same,
		       int (*make)(struct axas_space *source))
{
	struct alias_pair pair = follow_begin(test, same);
	struct alias_death death = {
		.watch.free = death_free,
		.holder.invalidate = death_holder,
		.pair = &pair,
		.gpa = THERE + 5 * SZ_4K,
		.hpa = hpa_at(pair.alias, THERE + 5 * SZ_4K),
	};

	INIT_LIST_HEAD(&death.holder.node);
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(pair.alias, &death.holder), 0);
	fake_hal_set_watch(&death.watch);
	KUNIT_EXPECT_EQ(test, make(pair.source), 0);
	fake_hal_set_watch(NULL);
	KUNIT_EXPECT_TRUE(test, death.freed);
	KUNIT_EXPECT_TRUE(test, death.told);
	KUNIT_EXPECT_FALSE(test, death.wrong);
	axas_space_del_holder(pair.alias, &death.holder);
	pair_drop(test, &pair);
}

void alias_clear_invalidate_free(struct kunit *test)
{
	unsigned int same;

	for (same = 0; same < 2; same++) {
		alias_dies(test, same, change_unmap);
		alias_dies(test, same, change_discard);
		alias_dies(test, same, change_replace);
		alias_dies(test, same, change_poison);
	}
}

/**
 * struct alias_late - a fault in the alias while the source is being changed
 * @holder: of the alias's space, told before anything has changed at the source
 * @pair: the spaces
 * @offset: where
 * @task: who faults
 * @slept: who waited
 * @result: what became of it, or -1
 */
struct alias_late {
	struct axas_holder holder;
	const struct alias_pair *pair;
	u64 offset;
	struct task_struct *task;
	bool slept;
	int result;
};

static int late_fault(void *arg)
{
	struct alias_late *late = arg;

	late->result = alias_touch(late->pair, late->offset, PROT_R);
	return 0;
}

static void late_invalidate(struct axas_holder *holder, axas_gpa_t gpa, u64 size)
{
	struct alias_late *late = container_of(holder, struct alias_late, holder);
	unsigned long end = jiffies + 10 * HZ;
	struct task_struct *task;

	if (late->task)
		return;
	task = kthread_create(late_fault, late, "axas-late");
	if (IS_ERR(task))
		return;
	late->task = get_task_struct(task);
	wake_up_process(task);
	while (!late->slept && READ_ONCE(late->result) < 0 &&
	       time_before(jiffies, end)) {
		msleep(20);
		late->slept = READ_ONCE(task->__state) & TASK_UNINTERRUPTIBLE;
	}
}

static void late_one(struct kunit *test, bool same,
		     int (*make)(struct axas_space *source), int result)
{
	struct alias_pair pair = follow_begin(test, same);
	struct alias_late late = {
		.holder.invalidate = late_invalidate,
		.pair = &pair,
		.offset = 5 * SZ_4K,
		.result = -1,
	};
	u64 old = hpa_at(pair.source, HERE + late.offset);

	INIT_LIST_HEAD(&late.holder.node);
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(pair.alias, &late.holder), 0);
	KUNIT_EXPECT_EQ(test, make(pair.source), 0);
	KUNIT_ASSERT_NOT_NULL(test, late.task);
	kthread_stop(late.task);
	put_task_struct(late.task);
	KUNIT_EXPECT_TRUE(test, late.slept);
	KUNIT_EXPECT_EQ(test, late.result, result);
	if (result == AXAS_FAULT_RESOLVED) {
		KUNIT_EXPECT_NE(test, hpa_at(pair.alias, THERE + late.offset),
				old);
		KUNIT_EXPECT_EQ(test, hpa_at(pair.alias, THERE + late.offset),
				hpa_at(pair.source, HERE + late.offset));
	} else {
		KUNIT_EXPECT_FALSE(test, alias_has(&pair, late.offset));
	}
	axas_space_del_holder(pair.alias, &late.holder);
	pair_drop(test, &pair);
}

void alias_waits_for_the_source(struct kunit *test)
{
	unsigned int same;

	for (same = 0; same < 2; same++) {
		late_one(test, same, change_unmap, AXAS_FAULT_NO_AREA);
		late_one(test, same, change_discard, AXAS_FAULT_RESOLVED);
		late_one(test, same, change_replace, AXAS_FAULT_RESOLVED);
	}
}

/* A fault has looked at the source, which changes before it installs. */
void alias_late_install_fails(struct kunit *test)
{
	struct alias_pair pair = follow_begin(test, false);
	const struct axas_npt_ops *ops = pair.alias->npt.ops;
	axas_gpa_t gpa = axas_gpa(THERE + 40 * SZ_4K);
	struct axas_npt_pool pool = {};
	struct axas_npt_slot slot;
	u64 hpa;

	axas_fault_at(pair.source, HERE + 40 * SZ_4K, PROT_W);
	hpa = hpa_at(pair.source, HERE + 40 * SZ_4K);
	/* The first page of the table stays, and so the table does. */
	slot = axas_peek(pair.alias, gpa.val);
	KUNIT_ASSERT_EQ(test, slot.level, 1U);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(pair.source, HERE + SZ_64K,
					       SZ_1M), 0);
	KUNIT_EXPECT_TRUE(test, alias_has(&pair, 0));
	rcu_read_lock();
	KUNIT_EXPECT_EQ(test, ops->install(&pair.alias->npt, &slot, gpa,
					   axas_hpa(hpa), 1,
					   area_at(pair.alias, THERE).shared,
					   &pool), -EAGAIN);
	rcu_read_unlock();
	pair_drop(test, &pair);
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

/* Cut, protected and given back, replaced, and what lies between its pieces. */
void alias_is_cut_like_any_area(struct kunit *test)
{
	struct alias_pair pair = follow_begin(test, false);
	struct axas_space *space = pair.alias;
	u64 hpa;

	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, THERE + SZ_4K, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, axas_map_alloc(space, THERE + SZ_4K, SZ_4K, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, THERE, 3 * SZ_4K, PROT_R),
			0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 4ULL);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, THERE, 3 * SZ_4K,
						 PROT_RW), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 3ULL);
	expect_shown(test, &pair, 0);
	expect_shown(test, &pair, 2 * SZ_4K);
	/* What isn't the alias's stays when the source loses its own. */
	hpa = hpa_at(space, THERE + SZ_4K);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(pair.source, HERE, SIZE), 0);
	KUNIT_EXPECT_EQ(test, hpa_at(space, THERE + SZ_4K), hpa);
	KUNIT_EXPECT_FALSE(test, alias_has(&pair, 0));
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[0], 1ULL);
	/* By and by another source is there: no neighbours of one make. */
	KUNIT_EXPECT_EQ(test, axas_map_alloc(pair.source, HERE, SIZE, PROT_RW, 0,
					     0), 0);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, THERE, SIZE), 0);
	KUNIT_EXPECT_EQ(test, alias_map(space, THERE, pair.source, HERE, SZ_4K,
					PROT_RW), 0);
	KUNIT_EXPECT_EQ(test, alias_map(space, THERE + SZ_4K, pair.source,
					HERE + SZ_4K, SZ_4K, PROT_RW), 0);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, THERE, SZ_8K, PROT_R), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 2ULL);
	pair_drop(test, &pair);
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

/* ---- all at once ---- */

/**
 * struct alias_race - threads on both sides
 * @race: on the alias
 * @source: the source
 */
struct alias_race {
	struct race race;
	struct axas_space *source;
};

static struct axas_space *race_source(const struct race_thread *thread)
{
	return container_of(thread->race, struct alias_race, race)->source;
}

static void alias_race_change(struct race_thread *thread)
{
	struct axas_space *source = race_source(thread);
	u64 gpa = HERE + race_rnd(thread, 64) * SZ_4K;
	u64 size = (1 + race_rnd(thread, 8)) * SZ_4K;

	switch (race_rnd(thread, 6)) {
	case 0:
		axas_unmap_range(source, gpa, size);
		break;
	case 1:
		axas_protect_range(source, gpa, size, PROT_R);
		break;
	case 2:
		axas_discard_range(source, gpa, size, NULL);
		break;
	case 3:
		exchange(source, HERE, HERE + SZ_1M, SZ_64K);
		break;
	default:
		axas_map_alloc(source, gpa, size, PROT_RW, AXAS_MAP_REPLACE, 0);
	}
	race_called(thread);
}

static void alias_race_changes(struct race_thread *thread)
{
	while (race_on(thread->race))
		alias_race_change(thread);
}

/* While nobody changes the source, who is shown anything is shown what is there. */
static void alias_race_look(struct race_thread *thread)
{
	struct axas_space *source = race_source(thread);
	const struct axas_npt *npt = &thread->race->space->npt;
	u64 offset = race_rnd(thread, 72) * SZ_4K;
	struct axas_leaf there, here;

	race_fault(thread, THERE + offset, race_rnd(thread, 2) ? PROT_R : PROT_W);
	guard(mutex)(&source->lock);
	if (axas_lookup_at(npt, THERE + offset, &there))
		return;
	if (axas_lookup_at(&source->npt, HERE + offset, &here))
		thread->wrong = "shown what isn't there any more";
	else if (here.hpa.val + (offset & (axas_level_size(here.level) - 1)) !=
		 there.hpa.val)
		thread->wrong = "shown another page";
	else if (there.attr.prot & ~here.attr.prot)
		thread->wrong = "shown with more rights";
}

static void alias_race_looks(struct race_thread *thread)
{
	while (race_on(thread->race) && !thread->wrong)
		alias_race_look(thread);
}

void race_aliases(struct kunit *test)
{
	struct alias_pair pair = pair_make(test, false);
	struct race_thread *threads = race_threads(test, alias_race_looks);
	struct alias_race race = {
		.race.calls = 4 * RACE_CALLS, .source = pair.source,
	};

	KUNIT_ASSERT_EQ(test, axas_map_alloc(pair.source, HERE, SIZE, PROT_RW,
					     AXAS_MAP_REPLACE, 0), 0);
	threads[0].run = alias_race_changes;
	race_run(test, &race.race, threads, RACE_THREADS);
	race_log(test, threads);
	KUNIT_EXPECT_GT(test, race_sum(threads, AXAS_FAULT_RESOLVED), 0ULL);
	pair_drop(test, &pair);
}
