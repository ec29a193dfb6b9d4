// SPDX-License-Identifier: GPL-2.0
/*
 * Aliases while their source changes: what they follow, and that no leaf of one outlives
 * what it was made from.
 */
#include <linux/delay.h>
#include <linux/kthread.h>

#include "alias.h"
#include "cases.h"
#include "race.h"

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
	axas_put_word(test, pair.source, HERE + at, 0x5eed);
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
		/* Only that keeps what is there; else a frame may come again. */
		if (change->make == change_collapse)
			KUNIT_EXPECT_NE(test, hpa_at(pair.alias, THERE + at), old);
		KUNIT_EXPECT_EQ_MSG(test, axas_word_at(test, pair.alias, THERE + at),
				    change->make == change_collapse ? 0x5eedULL : 0,
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

	axas_put_word(test, pair.source, HERE + late.offset, 0x5eed);
	INIT_LIST_HEAD(&late.holder.node);
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(pair.alias, &late.holder), 0);
	KUNIT_EXPECT_EQ(test, make(pair.source), 0);
	KUNIT_ASSERT_NOT_NULL(test, late.task);
	kthread_stop(late.task);
	put_task_struct(late.task);
	KUNIT_EXPECT_TRUE(test, late.slept);
	KUNIT_EXPECT_EQ(test, late.result, result);
	if (result == AXAS_FAULT_RESOLVED) {
		KUNIT_EXPECT_EQ(test, axas_word_at(test, pair.alias,
						   THERE + late.offset), 0ULL);
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
