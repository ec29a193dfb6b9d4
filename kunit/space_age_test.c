// SPDX-License-Identifier: GPL-2.0
/*
 * Trackers of what was used: by guests, whose CPU's flags raw_use() keeps as the manuals
 * say, by faults, and by whoever copies.
 */
#include "../axas_hold.h"
#include "cases.h"
#include "fail.h"
#include "track.h"
#include "track_plain.h"

/* ---- spaces in which uses can be noticed ---- */

/* EPT has no flags unless they are asked for. */
static unsigned int age_kinds(struct kunit *test)
{
	return axas_is_ept(test) ? 1 : 2;
}

static struct axas_space *age_space(struct kunit *test, unsigned int kind)
{
	const struct axas_create args = {
		.gpa_bits = 48, .features = kind ? 0 : AXAS_FEAT_AD,
	};

	return axas_test_space_with(test, &args);
}

/* Does the CPU set a leaf's flag, and those on the way there? */
static bool age_cpu_sets(struct kunit *test, unsigned int kind)
{
	return !axas_is_s2(test) || !kind;
}

static bool age_links(struct kunit *test, unsigned int kind)
{
	return !axas_is_s2(test) || kind;
}

static struct axas_tracker *age_begin(struct kunit *test,
				      struct axas_space *space, u64 gpa, u64 size)
{
	struct axas_track args = track_args(gpa, size);

	args.what = AXAS_TRACK_ACCESSED;
	return track_begin_with(test, space, args);
}

/* A guest goes there: its CPU sets the flag, or takes the fault that sets it. */
static void guest_uses(struct kunit *test, struct axas_space *space, u64 page)
{
	if (!raw_use(&space->npt, page_at(page), 0))
		EXPECT_FAULT(test, space, page, PROT_R, AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_TRUE(test, raw_use(&space->npt, page_at(page), 0));
}

/* ---- who uses ---- */

static void age_lists(struct kunit *test, struct axas_space *space)
{
	struct axas_tracker *tracker;
	struct axas_memory memory;
	u64 word;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_4M, PROT_RWX, 0, 0),
			0);
	populate(test, space, HERE, SZ_64K);
	guest_uses(test, space, 2);
	tracker = age_begin(test, space, HERE, SZ_4M);
	EXPECT_CLEAN(test, tracker);
	guest_uses(test, space, 1);
	EXPECT_FAULT(test, space, 3, PROT_R, AXAS_FAULT_RESOLVED);
	EXPECT_FAULT(test, space, 3, PROT_W, AXAS_FAULT_SPURIOUS);
	EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_RESOLVED);
	EXPECT_FAULT(test, space, 7, PROT_X, AXAS_FAULT_RESOLVED);
	EXPECT_FAULT(test, space, 600, PROT_R, AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, track_copy(space, page_at(9), &word, false), 0);
	KUNIT_EXPECT_EQ(test, owner_writes(space, page_at(11), 1), 0);
	KUNIT_EXPECT_EQ(test, axas_space_get_memory(space, axas_gpa(page_at(13)),
						    PROT_R, &memory), 0);
	put_page(memory.page);
	/* Nobody has used what is only brought in, or not there. */
	populate(test, space, page_at(700), SZ_64K);
	KUNIT_EXPECT_EQ(test, track_copy(space, page_at(800), &word, false), 0);
	EXPECT_LISTED(test, tracker, AXAS_DIRTY_PEEK, RUN(1, 1), RUN(3, 1),
		      RUN(5, 1), RUN(7, 1), RUN(9, 1), RUN(11, 1), RUN(13, 1),
		      RUN(600, 1));
	EXPECT_DIRTY(test, tracker, RUN(1, 1), RUN(3, 1), RUN(5, 1), RUN(7, 1),
		     RUN(9, 1), RUN(11, 1), RUN(13, 1), RUN(600, 1));
	/* Once, until it is used again. */
	EXPECT_CLEAN(test, tracker);
	guest_uses(test, space, 600);
	EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_RESOLVED);
	EXPECT_DIRTY(test, tracker, RUN(5, 1), RUN(600, 1));
	KUNIT_EXPECT_FALSE(test, axas_tracker_ready(tracker));
	axas_check_space(test, space);
	axas_tracker_destroy(tracker);
	axas_check_space(test, space);
}

void age_lists_what_was_used(struct kunit *test)
{
	unsigned int kind;

	for (kind = 0; kind < age_kinds(test); kind++)
		age_lists(test, age_space(test, kind));
}

/* A translation that was made before is no excuse to use what is idle. */
void age_allows_nothing_that_is_idle(struct kunit *test)
{
	const axas_gpa_t gpa = axas_gpa(page_at(1));
	struct axas_tracker *tracker;
	struct axas_memory memory;
	struct axas_space *space;
	unsigned int kind;

	for (kind = 0; kind < age_kinds(test); kind++) {
		space = age_space(test, kind);
		map_small(test, space, 0, 64);
		KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, gpa, PROT_R,
							    &memory), 0);
		put_page(memory.page);
		tracker = age_begin(test, space, HERE, SZ_4M);
		KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, gpa, PROT_R,
							      &memory), -EAGAIN);
		KUNIT_EXPECT_EQ(test, axas_translate_at(space, gpa.val).prot, 0U);
		KUNIT_EXPECT_EQ(test, axas_space_get_memory(space, gpa, PROT_R,
							    &memory), 0);
		KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, gpa, PROT_R,
							      &memory), 0);
		put_page(memory.page);
		KUNIT_EXPECT_EQ(test, axas_translate_at(space, gpa.val).prot,
				(u32)PROT_RW);
		EXPECT_DIRTY(test, tracker, RUN(1, 1));
		KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, gpa, PROT_R,
							      &memory), -EAGAIN);
		EXPECT_CLEAN(test, tracker);
		axas_tracker_destroy(tracker);
	}
}

/* ---- several ---- */

/* Neither takes anything from the other. */
void age_beside_writes(struct kunit *test)
{
	struct axas_tracker *used, *written;
	struct axas_space *space;
	unsigned int kind;

	for (kind = 0; kind < age_kinds(test); kind++) {
		space = age_space(test, kind);
		map_small(test, space, 0, 64);
		used = age_begin(test, space, HERE, SZ_4M);
		written = track_begin(test, space, HERE, SZ_4M);
		EXPECT_FAULT(test, space, 3, PROT_R, AXAS_FAULT_RESOLVED);
		EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_RESOLVED);
		EXPECT_DIRTY(test, used, RUN(3, 1), RUN(5, 1));
		EXPECT_DIRTY(test, written, RUN(5, 1));
		/* Used, and not written. */
		EXPECT_FAULT(test, space, 5, PROT_R, AXAS_FAULT_RESOLVED);
		EXPECT_CLEAN(test, written);
		EXPECT_DIRTY(test, used, RUN(5, 1));
		EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_RESOLVED);
		EXPECT_DIRTY(test, written, RUN(5, 1));
		EXPECT_DIRTY(test, used, RUN(5, 1));
		/* Open still, and idle. */
		EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_RESOLVED);
		EXPECT_DIRTY(test, used, RUN(5, 1));
		EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_RESOLVED);
		KUNIT_EXPECT_TRUE(test, raw_writes(&space->npt, page_at(5)));
		EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_SPURIOUS);
		axas_check_space(test, space);
		axas_tracker_destroy(written);
		guest_uses(test, space, 9);
		EXPECT_DIRTY(test, used, RUN(5, 1), RUN(9, 1));
		axas_tracker_destroy(used);
		axas_check_space(test, space);
	}
}

/* What one of them lists the others list too. */
void age_where_others_are(struct kunit *test)
{
	struct axas_tracker *all, *part, *late;
	struct axas_space *space;
	unsigned int kind;

	for (kind = 0; kind < age_kinds(test); kind++) {
		space = age_space(test, kind);
		map_small(test, space, 0, 1024);
		all = age_begin(test, space, HERE, SZ_4M);
		part = age_begin(test, space, page_at(8), SZ_64K);
		guest_uses(test, space, 4);
		guest_uses(test, space, 9);
		guest_uses(test, space, 600);
		late = age_begin(test, space, HERE, SZ_4M);
		EXPECT_CLEAN(test, late);
		EXPECT_DIRTY(test, all, RUN(4, 1), RUN(9, 1), RUN(600, 1));
		EXPECT_DIRTY(test, part, RUN(9, 1));
		guest_uses(test, space, 10);
		EXPECT_DIRTY(test, late, RUN(10, 1));
		axas_tracker_destroy(late);
		EXPECT_DIRTY(test, part, RUN(10, 1));
		axas_tracker_destroy(part);
		EXPECT_DIRTY(test, all, RUN(10, 1));
		EXPECT_CLEAN(test, all);
		axas_tracker_destroy(all);
	}
}

/* ---- links ---- */

static bool age_found(void *arg, u64 gpa, u64 size)
{
	u64 *pages = arg;

	*pages += size / SZ_4K;
	return true;
}

/* How many tables a list looks at. */
static unsigned int age_tables(struct kunit *test, struct axas_space *space,
			       u64 want)
{
	u64 pages = 0;
	struct axas_npt_harvest harvest = {
		.next = HERE, .end = HERE + SZ_1G, .visit = age_found,
		.arg = &pages, .budget = 100000, .used = true,
	};

	mutex_lock(&space->lock);
	axas_hold_write(space->hold, &space->lock);
	space->npt.ops->tracking->harvest(&space->npt, &harvest);
	axas_hold_end(space->hold);
	mutex_unlock(&space->lock);
	KUNIT_EXPECT_EQ(test, pages, want);
	return 100000 - harvest.budget;
}

/* 1 GiB of which a page is used: 4 tables lead to it. */
void age_looks_where_it_is_warm(struct kunit *test)
{
	struct axas_map args = map_args(AXAS_BACKEND_LINEAR, HERE, SZ_1G, PROT_R);
	struct axas_tracker *tracker;
	struct axas_space *space;
	unsigned int kind;

	args.hpa = HPA_NOWHERE;
	args.max_leaf = SZ_4K;
	for (kind = 0; kind < age_kinds(test); kind++) {
		space = age_space(test, kind);
		KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
		tracker = age_begin(test, space, HERE, SZ_1G);
		EXPECT_CLEAN(test, tracker);
		guest_uses(test, space, 5000);
		KUNIT_EXPECT_EQ(test, age_tables(test, space, 1),
				age_links(test, kind) ? 4U : 3U + 512);
		guest_uses(test, space, 5000);
		guest_uses(test, space, 10000);
		KUNIT_EXPECT_EQ(test, age_tables(test, space, 2),
				age_links(test, kind) ? 5U : 3U + 512);
		KUNIT_EXPECT_EQ(test, age_tables(test, space, 0),
				age_links(test, kind) ? 2U : 3U + 512);
		axas_check_space(test, space);
		axas_tracker_destroy(tracker);
	}
}

/**
 * struct age_cpu - a CPU that goes to a page while it is told to forget
 * @holder: who is told
 * @space: the space
 * @page: where it goes
 * @remembered: by an entry of this level that it has kept
 * @told: it was
 */
struct age_cpu {
	struct axas_holder holder;
	struct axas_space *space;
	u64 page;
	unsigned int remembered;
	bool told;
};

static void age_invalidate(struct axas_holder *holder, axas_gpa_t gpa, u64 size)
{
	struct age_cpu *cpu = container_of(holder, struct age_cpu, holder);
	u64 at = page_at(cpu->page);

	if (!cpu->remembered || at < gpa.val || at >= gpa.val + size)
		return;
	/* Before it was told; and then it has forgotten. */
	if (!cpu->told)
		raw_use(&cpu->space->npt, at, cpu->remembered);
	cpu->told = true;
}

/*
 * A CPU that has kept an entry sets no flag there, until it is told. What it uses then is
 * in this list or the next one.
 */
void age_sees_who_remembers_the_way(struct kunit *test)
{
	struct axas_space *space;
	struct axas_tracker *tracker;
	unsigned int kind, level;

	for (kind = 0; kind < age_kinds(test); kind++) {
		if (!age_cpu_sets(test, kind) || !age_links(test, kind))
			continue;
		for (level = 2; level <= 4; level++) {
			struct age_cpu cpu = {
				.holder.invalidate = age_invalidate,
				.page = 9 + (level == 2 ? 0 : 3 * 512),
			};

			space = age_space(test, kind);
			cpu.space = space;
			INIT_LIST_HEAD(&cpu.holder.node);
			map_small(test, space, 0, 2048);
			KUNIT_ASSERT_EQ(test, axas_space_add_holder(space,
								    &cpu.holder),
					0);
			tracker = age_begin(test, space, 0, 1ULL << 40);
			EXPECT_CLEAN(test, tracker);
			guest_uses(test, space, 5);
			cpu.remembered = level;
			EXPECT_DIRTY(test, tracker, RUN(5, 1));
			KUNIT_EXPECT_TRUE(test, cpu.told);
			axas_check_space(test, space);
			EXPECT_DIRTY(test, tracker, RUN(cpu.page, 1));
			EXPECT_CLEAN(test, tracker);
			axas_tracker_destroy(tracker);
			axas_space_del_holder(space, &cpu.holder);
		}
	}
}

/* ---- leaves that change ---- */

void age_of_large_leaves(struct kunit *test)
{
	struct axas_tracker *tracker, *written;
	struct axas_space *space;
	unsigned int kind;

	for (kind = 0; kind < age_kinds(test); kind++) {
		space = age_space(test, kind);
		map_large(test, space, 0, 1024);
		tracker = age_begin(test, space, HERE, SZ_4M);
		guest_uses(test, space, 5);
		EXPECT_DIRTY(test, tracker, RUN(0, 512));
		EXPECT_FAULT(test, space, 600, PROT_W, AXAS_FAULT_RESOLVED);
		EXPECT_DIRTY(test, tracker, RUN(512, 512));
		KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 2ULL);
		/* Split by a write, and joined: one of them was used. */
		written = track_begin(test, space, HERE, SZ_4M);
		EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_RESOLVED);
		KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 1ULL);
		EXPECT_DIRTY(test, tracker, RUN(5, 1));
		guest_uses(test, space, 7);
		axas_tracker_destroy(written);
		KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 2ULL);
		EXPECT_DIRTY(test, tracker, RUN(0, 512));
		axas_check_space(test, space);
		axas_tracker_destroy(tracker);
	}
}

/* Rights come and go and pages stay used; what is gone isn't listed, or once. */
void age_outlives_changes(struct kunit *test)
{
	struct axas_tracker *tracker;
	struct axas_space *space;
	unsigned int kind;

	for (kind = 0; kind < age_kinds(test); kind++) {
		space = age_space(test, kind);
		map_small(test, space, 0, 64);
		tracker = age_begin(test, space, HERE, SZ_4M);
		guest_uses(test, space, 5);
		KUNIT_EXPECT_EQ(test, axas_protect_range(space, HERE, SZ_64K,
							 PROT_R), 0);
		KUNIT_EXPECT_EQ(test, axas_protect_range(space, HERE, SZ_64K,
							 PROT_RW), 0);
		EXPECT_DIRTY(test, tracker, RUN(5, 1));
		/* It was cold, and is given back: that is no use of it. */
		KUNIT_EXPECT_EQ(test, axas_discard_range(space, HERE, SZ_16K,
							 NULL), 0);
		KUNIT_EXPECT_EQ(test, axas_map_alloc(space, page_at(64), SZ_64K,
						     PROT_RW, AXAS_MAP_POPULATE,
						     0), 0);
		EXPECT_CLEAN(test, tracker);
		/* Below links that say no: what was used there is not lost. */
		guest_uses(test, space, 9);
		KUNIT_EXPECT_EQ(test, move(space, page_at(8), page_at(800),
					   2 * SZ_4K), 0);
		EXPECT_DIRTY(test, tracker, RUN(8, 2), RUN(800, 2));
		guest_uses(test, space, 800);
		EXPECT_DIRTY(test, tracker, RUN(800, 1));
		/* Nor what comes there with its flag, and is used once more. */
		guest_uses(test, space, 20);
		KUNIT_EXPECT_EQ(test, exchange(space, page_at(20), page_at(800),
					       SZ_4K), 0);
		EXPECT_DIRTY(test, tracker, RUN(20, 1), RUN(800, 1));
		EXPECT_FAULT(test, space, 800, PROT_R, AXAS_FAULT_RESOLVED);
		EXPECT_DIRTY(test, tracker, RUN(800, 1));
		axas_check_space(test, space);
		axas_tracker_destroy(tracker);
	}
}

/* Who has it may use it at any time. */
void age_lists_what_is_pinned(struct kunit *test)
{
	struct axas_tracker *tracker;
	struct axas_memory memory;
	struct axas_holder holder;
	struct axas_space *space;
	unsigned int kind;

	for (kind = 0; kind < age_kinds(test); kind++) {
		space = age_space(test, kind);
		map_small(test, space, 0, 64);
		track_hold(test, space, &holder);
		KUNIT_ASSERT_EQ(test, axas_space_get_memory(space,
							    axas_gpa(page_at(5)),
							    PROT_R, &memory), 0);
		tracker = age_begin(test, space, HERE, SZ_4M);
		EXPECT_DIRTY(test, tracker, RUN(5, 1));
		EXPECT_DIRTY(test, tracker, RUN(5, 1));
		put_page(memory.page);
		EXPECT_DIRTY(test, tracker, RUN(5, 1));
		EXPECT_CLEAN(test, tracker);
		axas_tracker_destroy(tracker);
		axas_space_del_holder(space, &holder);
	}
}

/* What is idle costs one fault more, and no more than one. */
void age_ends(struct kunit *test)
{
	struct axas_tracker *tracker;
	struct axas_space *space;
	unsigned int kind;

	for (kind = 0; kind < age_kinds(test); kind++) {
		space = age_space(test, kind);
		map_small(test, space, 0, 64);
		tracker = age_begin(test, space, HERE, SZ_4M);
		populate(test, space, HERE, SZ_64K);
		axas_tracker_destroy(tracker);
		guest_uses(test, space, 5);
		EXPECT_FAULT(test, space, 5, PROT_R, AXAS_FAULT_SPURIOUS);
		EXPECT_FAULT(test, space, 7, PROT_W, AXAS_FAULT_RESOLVED);
		EXPECT_FAULT(test, space, 7, PROT_W, AXAS_FAULT_SPURIOUS);
		KUNIT_EXPECT_EQ(test, owner_writes(space, page_at(9), 1), 0);
		/* As in a space that was never tracked. */
		map_small(test, space, 64, 64);
		if (age_cpu_sets(test, kind) || kind)
			KUNIT_EXPECT_TRUE(test, raw_use(&space->npt, page_at(70),
							0));
		axas_check_space(test, space);
		/* And once more. */
		tracker = age_begin(test, space, HERE, SZ_4M);
		EXPECT_CLEAN(test, tracker);
		guest_uses(test, space, 5);
		EXPECT_DIRTY(test, tracker, RUN(5, 1));
		axas_tracker_destroy(tracker);
		/* What comes in between may be used, below links that say no. */
		map_small(test, space, 128, 64);
		tracker = age_begin(test, space, HERE, SZ_4M);
		guest_uses(test, space, 5);
		EXPECT_DIRTY(test, tracker, RUN(5, 1));
		axas_tracker_destroy(tracker);
	}
}

/* ---- what isn't ---- */

static void age_refuses(struct kunit *test, struct axas_space *space,
			struct axas_track args, int err)
{
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(axas_tracker_create(space, &args)),
			err);
	KUNIT_EXPECT_FALSE(test, space->npt.aged);
	KUNIT_EXPECT_FALSE(test, space->npt.tracked);
}

void errno_age(struct kunit *test)
{
	struct axas_space *space = age_space(test, 0);
	struct axas_track args = track_args(HERE, SZ_4M);
	enum axas_format format = axas_context(test)->format;
	const struct axas_create plain = { .gpa_bits = 48 };
	struct axas_npt_ops ops = axas_npt_plain_ops;

	args.what = AXAS_TRACK_ACCESSED | AXAS_TRACK_WRITTEN;
	age_refuses(test, space, args, -EINVAL);
	args.what = AXAS_TRACK_ACCESSED;
	args.threshold = 1;
	age_refuses(test, space, args, -EINVAL);
	args.threshold = 0;
	if (axas_is_ept(test))
		age_refuses(test, age_space(test, 1), args, -EOPNOTSUPP);

	KUNIT_ASSERT_EQ(test, axas_format_register(&ops), 0);
	axas_context(test)->format = TRACK_PLAIN;
	space = axas_test_space_with(test, &plain);
	axas_context(test)->format = format;
	age_refuses(test, space, args, -EOPNOTSUPP);
	axas_test_drop_space(test);
	axas_format_unregister(&ops);
}

/* It begins or it doesn't. */
void fail_nth_age(struct kunit *test)
{
	struct axas_track args = track_args(HERE, SZ_4M);
	unsigned int n, failures = 0;
	struct axas_tracker *tracker;
	struct axas_space *space;
	bool failed = true;

	fail_nth_need(test);
	args.what = AXAS_TRACK_ACCESSED;
	for (n = 1; failed && n < FAIL_MAX; n++) {
		space = age_space(test, 0);
		map_small(test, space, 0, 64);
		fail_mode_nth.arm(n);
		tracker = axas_tracker_create(space, &args);
		failed = fail_mode_nth.disarm();
		if (IS_ERR(tracker)) {
			KUNIT_EXPECT_TRUE(test, failed);
			KUNIT_EXPECT_EQ(test, PTR_ERR(tracker), (long)-ENOMEM);
			failures++;
			tracker = age_begin(test, space, HERE, SZ_4M);
		}
		guest_uses(test, space, 5);
		EXPECT_DIRTY(test, tracker, RUN(5, 1));
		axas_tracker_destroy(tracker);
		axas_check_space(test, space);
	}
	/* As in fail_begin(): not all are seen, but there are three. */
	KUNIT_EXPECT_GT(test, failures, 0U);
	KUNIT_EXPECT_GT(test, n, 4U);
}
