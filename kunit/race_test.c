// SPDX-License-Identifier: GPL-2.0
/*
 * Many threads on one space. While they run only what holds at any time can be
 * checked; afterwards all of it is.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>

#include "race.h"
#include "suites.h"

/* ---- the same faults at the same time ---- */

/* All pages, in the same order as the others. */
static void race_fault_in_order(struct race_thread *thread)
{
	unsigned int i;

	for (i = 0; i < thread->race->pages; i++)
		race_fault(thread, RACE_GPA + i * (u64)SZ_4K, PROT_W);
}

static void race_same_pages(struct kunit *test)
{
	struct race_thread *threads = race_threads(test, race_fault_in_order);
	struct axas_space *space = axas_test_space(test);
	struct race race = { .pages = RACE_PAGES };

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, RACE_GPA, RACE_SIZE,
					     PROT_RW, 0, 0), 0);
	race_run(test, &race, threads, RACE_THREADS);
	KUNIT_EXPECT_EQ(test, race_sum(threads, AXAS_FAULT_RESOLVED),
			(u64)RACE_PAGES);
	KUNIT_EXPECT_EQ(test, race_sum(threads, AXAS_FAULT_SPURIOUS),
			3ULL * RACE_PAGES);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, (u64)RACE_SIZE);
	race_expect_sane(test, space);
}

static void race_same_large_leaves(struct kunit *test)
{
	struct race_thread *threads = race_threads(test, race_fault_in_order);
	struct axas_space *space = axas_test_space(test);
	struct race race = { .pages = RACE_PAGES };
	struct axas_stats stats;

	KUNIT_ASSERT_EQ(test,
			axas_map_alloc(space, RACE_GPA, RACE_SIZE, PROT_RW, 0,
				       SZ_2M),
			0);
	race_run(test, &race, threads, RACE_THREADS);
	stats = axas_stats_of(space);
	KUNIT_EXPECT_EQ(test, stats.resident, (u64)RACE_SIZE);
	KUNIT_EXPECT_EQ(test, race_sum(threads, AXAS_FAULT_RESOLVED),
			stats.leaves[0] + stats.leaves[1]);
	race_expect_sane(test, space);
}

/* ---- faults while areas come and go ---- */

/* Memory that was got may be written, whatever becomes of the space. */
static void race_get_memory(struct race_thread *thread)
{
	struct axas_memory memory;
	int ret;

	while (race_on(thread->race)) {
		struct axas_translate_entry entry;

		ret = axas_space_get_memory(thread->race->space,
					    axas_gpa(race_gpa(thread)), PROT_W,
					    &memory);
		if (!ret && memory.page) {
			memset(page_address(memory.page), 0x77, 64);
			put_page(memory.page);
		} else if (ret && ret != -EFAULT && ret != -EACCES &&
			   ret != -ENOMEM) {
			thread->wrong = "get_memory";
		}
		entry = axas_translate_at(thread->race->space,
					  race_gpa(thread));
		if (entry.state == AXAS_TRANSLATE_INVALID)
			thread->wrong = "translate";
		thread->calls++;
	}
}

static int race_map_linear(struct axas_space *space, u64 gpa, u64 size,
			   unsigned int prot, u32 flags)
{
	const struct axas_map args = {
		.gpa = gpa, .length = size, .prot = prot, .flags = flags,
		.hpa = HPA_NOWHERE + (gpa - RACE_GPA),
		.backend = AXAS_BACKEND_LINEAR,
	};

	return axas_space_map(space, &args);
}

static void race_change_once(struct race_thread *thread)
{
	static const u8 prots[] = { PROT_R, PROT_RW, PROT_RWX };
	static const u32 lengths[] = { 1, 16, 512, RACE_PAGES };
	struct axas_space *space = thread->race->space;
	u32 first = race_rnd(thread, RACE_PAGES);
	u32 n = 1 + race_rnd(thread, lengths[race_rnd(thread, 4)]);
	unsigned int prot = prots[race_rnd(thread, 3)];
	u64 gpa = RACE_GPA + (u64)first * SZ_4K;
	u64 size = min(n, RACE_PAGES - first) * (u64)SZ_4K;
	u32 flags = race_rnd(thread, 2) ? AXAS_MAP_REPLACE : 0;
	int ret;

	switch (race_rnd(thread, 7)) {
	case 0:
		ret = axas_unmap_range(space, gpa, size);
		if (ret && ret != -ENOMEM)
			thread->wrong = "unmap";
		break;
	case 1:
		ret = axas_protect_range(space, gpa, size, prot);
		if (ret && ret != -ENOMEM && ret != -ENOENT)
			thread->wrong = "protect";
		break;
	case 2:
		ret = race_map_linear(space, gpa, size, prot, flags);
		if (ret && ret != -ENOMEM && (flags || ret != -EEXIST))
			thread->wrong = "map linear";
		break;
	case 3:
		ret = axas_discard_range(space, gpa, size, NULL);
		if (ret && ret != -ENOMEM && ret != -ENOENT &&
		    ret != -EOPNOTSUPP)
			thread->wrong = "discard";
		break;
	case 4:
		ret = axas_populate_range(space, gpa, size, NULL);
		/* kthread_stop() is as good as a signal. */
		if (ret == -EINTR && !race_on(thread->race))
			break;
		if (ret && ret != -ENOMEM && ret != -ENOENT)
			thread->wrong = "populate";
		break;
	case 5:
		ret = axas_resize_area(space, gpa, size);
		if (ret && ret != -ENOMEM && ret != -ENOENT && ret != -EEXIST &&
		    ret != -EOPNOTSUPP)
			thread->wrong = "resize";
		break;
	default:
		ret = axas_map_alloc(space, gpa, size, prot,
				     flags | (race_rnd(thread, 8) ? 0 :
					      AXAS_MAP_POPULATE),
				     race_rnd(thread, 2) ? SZ_2M : SZ_4K);
		if (ret && ret != -ENOMEM && (flags || ret != -EEXIST))
			thread->wrong = "map alloc";
	}
	race_called(thread);
}

static void race_change(struct race_thread *thread)
{
	while (race_on(thread->race))
		race_change_once(thread);
}

static void race_faults_and_changes(struct kunit *test)
{
	struct race_thread *threads = race_threads(test, race_fault_anywhere);
	struct axas_space *space = axas_test_space(test);
	struct race race = { .calls = RACE_CALLS };

	threads[0].run = race_change;
	threads[1].run = race_get_memory;
	race_run(test, &race, threads, RACE_THREADS);
	race_log(test, threads);
	KUNIT_EXPECT_EQ(test, race_sum(threads, AXAS_FAULT_NO_MEMORY), 0ULL);
	race_expect_sane(test, space);
}

/* The same while memory runs out now and then. */
static void race_without_memory(struct kunit *test)
{
	struct race_thread *threads = race_threads(test, race_fault_anywhere);
	const struct fake_hal_fail fail = { .one_in = 5 };
	struct axas_space *space = axas_test_space(test);
	struct race race = { .calls = RACE_CALLS };

	threads[0].run = race_change;
	threads[1].run = race_change;
	fake_hal_set_fail(&fail);
	race_run(test, &race, threads, RACE_THREADS);
	race_log(test, threads);
	race_expect_sane(test, space);
}

/* ---- frames that go from under faults ---- */

static void race_discard(struct race_thread *thread)
{
	static const u32 lengths[] = { 1, 16, 700, RACE_PAGES };
	struct axas_space *space = thread->race->space;
	u32 first, n;

	while (race_on(thread->race)) {
		first = race_rnd(thread, RACE_PAGES);
		n = 1 + race_rnd(thread, lengths[race_rnd(thread, 4)]);
		n = min(n, RACE_PAGES - first);
		if (axas_discard_range(space, RACE_GPA + first * (u64)SZ_4K,
				       n * (u64)SZ_4K, NULL))
			thread->wrong = "discard";
		race_called(thread);
	}
}

/* Nobody finds a hole, and nothing is lost of the table. */
static void race_discards(struct kunit *test)
{
	struct race_thread *threads = race_threads(test, race_fault_anywhere);
	struct axas_space *space = axas_test_space(test);
	struct race race = { .calls = RACE_CALLS };

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, RACE_GPA, SZ_4M + SZ_4K,
					     PROT_RWX, 0, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, RACE_GPA + SZ_4M + SZ_4K,
					     RACE_SIZE - SZ_4M + SZ_64K,
					     PROT_RWX, 0, 0), 0);
	threads[0].run = race_discard;
	threads[1].run = race_get_memory;
	race_run(test, &race, threads, RACE_THREADS);
	race_log(test, threads);
	KUNIT_EXPECT_EQ(test, race_sum(threads, AXAS_FAULT_NO_AREA), 0ULL);
	KUNIT_EXPECT_EQ(test, race_sum(threads, AXAS_FAULT_DENIED), 0ULL);
	KUNIT_EXPECT_EQ(test, race_sum(threads, AXAS_FAULT_NO_MEMORY), 0ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 2ULL);
	race_expect_sane(test, space);
}

/* ---- a table that looks empty until a fault is faster ---- */

#define RACE_FIRST	RACE_GPA
#define RACE_BETWEEN	(RACE_GPA + SZ_1M)
#define RACE_LAST	(RACE_GPA + SZ_2M - SZ_4K)

/* Told of the first page while faults may put another one there? */
struct race_closed {
	struct axas_holder holder;
	struct axas_space *space;
	unsigned long calls;
	unsigned long open;
};

static void race_closed_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
				   u64 size)
{
	struct race_closed *closed = container_of(holder, struct race_closed,
						  holder);
	struct axas_leaf leaf;

	closed->calls++;
	if (gpa.val <= RACE_FIRST && RACE_FIRST < gpa.val + size &&
	    axas_lookup_at(&closed->space->npt, RACE_FIRST, &leaf) != -EAGAIN)
		closed->open++;
}

/* Each is the last page of the table if the other one isn't there just now. */
static void race_come_and_go(struct race_thread *thread, u64 gpa)
{
	struct axas_space *space = thread->race->space;
	struct axas_leaf leaf;

	while (race_on(thread->race) && !thread->wrong) {
		race_fault(thread, gpa, PROT_W);
		if (axas_discard_range(space, gpa, SZ_4K, NULL))
			thread->wrong = "discard";
		mutex_lock(&space->lock);
		if (axas_lookup_at(&space->npt, RACE_BETWEEN, &leaf) == -EAGAIN)
			thread->wrong = "frozen, and nobody is at it";
		mutex_unlock(&space->lock);
		race_called(thread);
	}
}

static void race_first_page(struct race_thread *thread)
{
	race_come_and_go(thread, RACE_FIRST);
}

static void race_last_page(struct race_thread *thread)
{
	race_come_and_go(thread, RACE_LAST);
}

/*
 * A discard of the first page freezes the table from there on, and finds the last
 * one there in the end: what it has frozen beside the range it opens again, and no more.
 */
static void race_discards_of_the_last_page(struct kunit *test)
{
	struct race_thread *threads = race_threads(test, race_first_page);
	struct axas_space *space = axas_test_space(test);
	struct race_closed closed = {
		.holder.invalidate = race_closed_invalidate, .space = space,
	};
	/* A fault and a discard count one each. */
	struct race race = { .calls = 16 * RACE_CALLS };

	INIT_LIST_HEAD(&closed.holder.node);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, RACE_GPA, RACE_SIZE, PROT_RW,
					     0, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &closed.holder), 0);
	threads[1].run = race_last_page;
	race_run(test, &race, threads, 2);
	race_log(test, threads);
	axas_space_del_holder(space, &closed.holder);
	KUNIT_EXPECT_GT(test, closed.calls, 0UL);
	KUNIT_EXPECT_EQ(test, closed.open, 0UL);
	race_expect_sane(test, space);
}

/* ---- areas that are made with all of their memory ---- */

/* All of it by two threads, part of it by a third. */
static void race_map_eager(struct race_thread *thread)
{
	struct axas_space *space = thread->race->space;
	u64 leaf = race_rnd(thread, 2) ? SZ_2M : SZ_4K;
	int ret;

	while (race_on(thread->race)) {
		ret = axas_map_alloc(space, RACE_GPA, RACE_SIZE, PROT_RW,
				     AXAS_MAP_POPULATE, leaf);
		if (ret && ret != -EEXIST && ret != -ENOMEM)
			thread->wrong = "map";
		ret = axas_unmap_range(space, RACE_GPA, RACE_SIZE);
		if (ret && ret != -ENOMEM)
			thread->wrong = "unmap";
		race_called(thread);
	}
}

static void race_unmap_parts(struct race_thread *thread)
{
	struct axas_space *space = thread->race->space;
	u64 gpa;

	while (race_on(thread->race)) {
		gpa = RACE_GPA - SZ_64K +
		      race_rnd(thread, RACE_PAGES) * (u64)SZ_4K;
		axas_unmap_range(space, gpa, SZ_128K);
		axas_populate_range(space, gpa, SZ_2M, NULL);
		axas_protect_range(space, gpa, SZ_64K, PROT_R);
		cond_resched();
	}
}

static void race_eager_maps(struct kunit *test)
{
	struct race_thread *threads = race_threads(test, race_map_eager);
	const struct fake_hal_fail fail = { .one_in = 4000 };
	struct axas_space *space = axas_test_space(test);
	struct race race = { .calls = RACE_CALLS / 8 };

	threads[2].run = race_unmap_parts;
	threads[3].run = race_fault_anywhere;
	fake_hal_set_fail(&fail);
	race_run(test, &race, threads, RACE_THREADS);
	race_log(test, threads);
	race_expect_sane(test, space);
}

/* ---- large leaves that split under faults ---- */

/* One page at a time goes and comes back, in lazy 2 MiB leaves. */
static void race_punch(struct race_thread *thread)
{
	struct axas_space *space = thread->race->space;
	int ret = 0;
	u64 gpa;

	while (race_on(thread->race) && !ret) {
		gpa = RACE_GPA + race_rnd(thread, RACE_PAGES) * (u64)SZ_4K;
		ret = axas_unmap_range(space, gpa, SZ_4K);
		if (ret)
			break;
		ret = axas_map_alloc(space, gpa, SZ_4K, PROT_RW, 0, SZ_2M);
		race_called(thread);
		/* All of it now and then: there are large ones again. */
		if (ret || race_rnd(thread, 32))
			continue;
		ret = axas_unmap_range(space, RACE_GPA, RACE_SIZE);
		if (!ret)
			ret = axas_map_alloc(space, RACE_GPA, RACE_SIZE,
					     PROT_RW, 0, SZ_2M);
	}
	if (ret)
		thread->wrong = "punch";
}

static void race_splits(struct kunit *test)
{
	struct race_thread *threads = race_threads(test, race_fault_anywhere);
	struct axas_space *space = axas_test_space(test);
	struct race_holder holder = { .holder.invalidate = race_invalidate };
	struct race race = { .calls = RACE_CALLS };

	INIT_LIST_HEAD(&holder.holder.node);
	/* Full: a leaf splits even if no thread but the one that punches runs. */
	KUNIT_ASSERT_EQ(test,
			axas_map_alloc(space, RACE_GPA, RACE_SIZE, PROT_RW,
				       AXAS_MAP_POPULATE, SZ_2M),
			0);
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &holder.holder), 0);
	threads[0].run = race_punch;
	threads[3].run = race_get_memory;
	race_run(test, &race, threads, RACE_THREADS);
	race_log(test, threads);
	KUNIT_EXPECT_GT(test, holder.calls, 0UL);
	axas_space_del_holder(space, &holder.holder);
	race_expect_sane(test, space);
}

/* A fault that reads the area of most faults, and whoever is writing that. */
struct race_reader {
	struct axas_space *space;
	bool odd;
	bool reads;
	int result;
	struct completion done;
};

static int race_read_main_area(void *arg)
{
	struct race_reader *reader = arg;

	while (!READ_ONCE(reader->odd))
		cond_resched();
	WRITE_ONCE(reader->reads, true);
	reader->result = axas_fault_at(reader->space, RACE_GPA, PROT_R);
	complete(&reader->done);
	return 0;
}

/*
 * It is under RCU and may wait for the writer's three stores, but not for the
 * space's lock, which a sequence counter can drag in on PREEMPT_RT.
 */
static void race_main_area_takes_no_lock(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const struct axas_map args = {
		.backend = AXAS_BACKEND_DEVICE, .gpa = RACE_GPA,
		.length = RACE_SIZE, .prot = PROT_RW,
	};
	struct race_reader reader = { .space = space };
	struct task_struct *task;
	unsigned long left;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	init_completion(&reader.done);
	task = kthread_create(race_read_main_area, &reader, "axas_reader");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	migrate_disable();
	kthread_bind(task, cpumask_any_but(cpu_online_mask, smp_processor_id()));
	wake_up_process(task);

	mutex_lock(&space->lock);
	preempt_disable();
	write_seqcount_begin(&space->main_area.seq);
	WRITE_ONCE(reader.odd, true);
	while (!READ_ONCE(reader.reads))
		cpu_relax();
	mdelay(1);
	write_seqcount_end(&space->main_area.seq);
	preempt_enable();
	migrate_enable();
	left = wait_for_completion_timeout(&reader.done, 10 * HZ);
	mutex_unlock(&space->lock);

	KUNIT_EXPECT_GT(test, left, 0UL);
	if (!left)
		wait_for_completion(&reader.done);
	KUNIT_EXPECT_EQ(test, reader.result, AXAS_FAULT_DEVICE);
}

/* Of AMD's those in which leaves change: in the rest it does what EPT's does. */
static const enum axas_format two_formats[] = {
	AXAS_FORMAT_EPT, AXAS_FORMAT_S2,
};

KUNIT_ARRAY_PARAM(axas_two, two_formats, axas_format_desc);
KUNIT_ARRAY_PARAM(axas_format, axas_formats, axas_format_desc);

static struct kunit_case race_cases[] = {
	KUNIT_CASE_PARAM(race_same_pages, axas_format_gen_params),
	KUNIT_CASE_PARAM(race_same_large_leaves, axas_two_gen_params),
	KUNIT_CASE_PARAM(race_faults_and_changes, axas_format_gen_params),
	KUNIT_CASE_PARAM(race_without_memory, axas_two_gen_params),
	KUNIT_CASE_PARAM(race_discards, axas_two_gen_params),
	KUNIT_CASE_PARAM(race_discards_of_the_last_page, axas_two_gen_params),
	KUNIT_CASE_PARAM(race_joins, axas_format_gen_params),
	KUNIT_CASE_PARAM(race_joins_of_the_main_area, axas_two_gen_params),
	KUNIT_CASE_PARAM(race_resizes, axas_two_gen_params),
	KUNIT_CASE_PARAM(race_exchanges, axas_two_gen_params),
	KUNIT_CASE_PARAM(race_eager_maps, axas_two_gen_params),
	KUNIT_CASE_PARAM(race_splits, axas_format_gen_params),
	KUNIT_CASE_PARAM(race_main_area_takes_no_lock, axas_two_gen_params),
	{}
};

struct kunit_suite axas_race_suite = {
	.name = "axas_race",
	.init = axas_test_init_param,
	.exit = axas_test_exit,
	.test_cases = race_cases,
};
