// SPDX-License-Identifier: GPL-2.0
/*
 * Trackers of what was written that go by the CPU's flags, which raw_write() keeps as the
 * manuals say.
 */
#include "cases.h"
#include "track.h"
#include "track_plain.h"

static struct axas_space *flags_space(struct kunit *test, u32 features)
{
	const struct axas_create args = { .gpa_bits = 48, .features = features };

	return axas_test_space_with(test, &args);
}

static struct axas_track flags_args(u64 gpa, u64 size)
{
	struct axas_track args = track_args(gpa, size);

	args.flags = AXAS_TRACK_BY_FLAGS;
	return args;
}

static struct axas_tracker *flags_begin(struct kunit *test,
					struct axas_space *space, u64 gpa, u64 size)
{
	return track_begin_with(test, space, flags_args(gpa, size));
}

/* A guest writes. Return: it took a fault. */
static bool cpu_writes(struct kunit *test, struct axas_space *space, u64 page)
{
	if (raw_write(&space->npt, page_at(page), 0))
		return false;
	EXPECT_FAULT(test, space, page, PROT_W, AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_TRUE(test, raw_write(&space->npt, page_at(page), 0));
	return true;
}

/* AMD's CPUs keep flags whether they are asked to or not. */
static unsigned int flags_kinds(struct kunit *test)
{
	return axas_context(test)->format == AXAS_FORMAT_AMD ? 2 : 1;
}

void flags_list_what_cpus_write(struct kunit *test)
{
	struct axas_tracker *tracker;
	struct axas_memory memory;
	struct axas_space *space;
	unsigned int kind;
	u64 word;

	for (kind = 0; kind < flags_kinds(test); kind++) {
		space = flags_space(test, kind ? 0 : AXAS_FEAT_AD);
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_4M, PROT_RWX,
						     0, 0), 0);
		populate(test, space, HERE, SZ_64K);
		cpu_writes(test, space, 2);
		tracker = flags_begin(test, space, HERE, SZ_4M);
		EXPECT_CLEAN(test, tracker);
		cpu_writes(test, space, 1);
		KUNIT_EXPECT_FALSE(test, cpu_writes(test, space, 3));
		KUNIT_EXPECT_TRUE(test, raw_use(&space->npt, page_at(4), 0));
		/* Who isn't a CPU has the flag set for it. */
		EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_RESOLVED);
		EXPECT_FAULT(test, space, 5, PROT_W, AXAS_FAULT_SPURIOUS);
		EXPECT_FAULT(test, space, 6, PROT_R, AXAS_FAULT_SPURIOUS);
		EXPECT_FAULT(test, space, 600, PROT_W, AXAS_FAULT_RESOLVED);
		EXPECT_FAULT(test, space, 601, PROT_R, AXAS_FAULT_RESOLVED);
		KUNIT_EXPECT_FALSE(test, cpu_writes(test, space, 601));
		/* It comes clean. */
		EXPECT_FAULT(test, space, 602, PROT_R, AXAS_FAULT_RESOLVED);
		KUNIT_EXPECT_EQ(test, owner_writes(space, page_at(11), 1), 0);
		KUNIT_EXPECT_EQ(test, track_copy(space, page_at(12), &word, false),
				0);
		KUNIT_EXPECT_EQ(test, axas_space_get_memory(space,
							    axas_gpa(page_at(13)),
							    PROT_W, &memory), 0);
		put_page(memory.page);
		EXPECT_LISTED(test, tracker, AXAS_DIRTY_PEEK, RUN(1, 1), RUN(3, 1),
			      RUN(5, 1), RUN(11, 1), RUN(13, 1), RUN(600, 2));
		EXPECT_DIRTY(test, tracker, RUN(1, 1), RUN(3, 1), RUN(5, 1),
			     RUN(11, 1), RUN(13, 1), RUN(600, 2));
		EXPECT_CLEAN(test, tracker);
		KUNIT_EXPECT_EQ(test, axas_space_check_memory(space,
							      axas_gpa(page_at(13)),
							      PROT_W, &memory),
				-EAGAIN);
		cpu_writes(test, space, 600);
		EXPECT_DIRTY(test, tracker, RUN(600, 1));
		KUNIT_EXPECT_FALSE(test, axas_tracker_ready(tracker));
		axas_check_space(test, space);
		axas_tracker_destroy(tracker);
		KUNIT_EXPECT_FALSE(test, cpu_writes(test, space, 7));
		EXPECT_FAULT(test, space, 8, PROT_W, AXAS_FAULT_SPURIOUS);
		axas_check_space(test, space);
	}
}

/* Where links bind the CPU; elsewhere there is none. */
void flags_take_one_fault_a_table(struct kunit *test)
{
	struct axas_space *space = flags_space(test, AXAS_FEAT_AD);
	unsigned int round, page, faults, want = axas_is_s2(test) ? 0 : 2;
	struct axas_tracker *tracker;

	map_small(test, space, 0, 1536);
	tracker = flags_begin(test, space, HERE, SZ_8M);
	for (round = 0; round < 3; round++) {
		for (faults = 0, page = 0; page < 1024; page++)
			faults += cpu_writes(test, space, page);
		KUNIT_EXPECT_EQ(test, faults, want);
		EXPECT_DIRTY(test, tracker, RUN(0, 1024));
	}
	/* Nobody has written there since it began. */
	KUNIT_EXPECT_EQ(test, cpu_writes(test, space, 1100), !axas_is_s2(test));
	axas_check_space(test, space);
	axas_tracker_destroy(tracker);
}

/**
 * struct flags_cpu - a CPU that writes to a page while it is told to forget
 * @holder: who is told
 * @space: the space
 * @page: where it goes
 * @remembers: it has kept the way to the table of 4 KiB leaves
 * @told: it was
 */
struct flags_cpu {
	struct axas_holder holder;
	struct axas_space *space;
	u64 page;
	bool remembers;
	bool told;
};

static void flags_invalidate(struct axas_holder *holder, axas_gpa_t gpa, u64 size)
{
	struct flags_cpu *cpu = container_of(holder, struct flags_cpu, holder);
	u64 at = page_at(cpu->page);

	if (!cpu->remembers || at < gpa.val || at >= gpa.val + size)
		return;
	/* Before it was told; and then it has forgotten. */
	if (!cpu->told)
		raw_write(&cpu->space->npt, at, 2);
	cpu->told = true;
}

/* What a CPU writes by an entry that it has kept is in this list or the next one. */
void flags_see_who_remembers_the_way(struct kunit *test)
{
	static const u64 pages[] = { 9, 3 * 512 + 9 };
	struct axas_space *space;
	struct axas_tracker *tracker;
	unsigned int i;

	if (axas_is_s2(test))
		kunit_skip(test, "links of stage 2 have no rights");
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		struct flags_cpu cpu = {
			.holder.invalidate = flags_invalidate,
			.page = pages[i],
		};

		space = flags_space(test, AXAS_FEAT_AD);
		cpu.space = space;
		INIT_LIST_HEAD(&cpu.holder.node);
		map_small(test, space, 0, 2048);
		KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &cpu.holder), 0);
		tracker = flags_begin(test, space, 0, 1ULL << 40);
		EXPECT_CLEAN(test, tracker);
		cpu_writes(test, space, 5);
		cpu_writes(test, space, 3 * 512);
		cpu.remembers = true;
		EXPECT_DIRTY(test, tracker, RUN(5, 1), RUN(3 * 512, 1));
		KUNIT_EXPECT_TRUE(test, cpu.told);
		axas_check_space(test, space);
		EXPECT_DIRTY(test, tracker, RUN(cpu.page, 1));
		EXPECT_CLEAN(test, tracker);
		KUNIT_EXPECT_TRUE(test, cpu_writes(test, space, cpu.page));
		axas_tracker_destroy(tracker);
		axas_space_del_holder(space, &cpu.holder);
	}
}

/* They are split when they are written to. */
void flags_of_large_leaves(struct kunit *test)
{
	struct axas_space *space = flags_space(test, AXAS_FEAT_AD);
	struct axas_tracker *tracker;
	struct axas_holder holder;

	map_large(test, space, 0, 1024);
	track_hold(test, space, &holder);
	cpu_writes(test, space, 5);
	tracker = flags_begin(test, space, HERE, SZ_8M);
	EXPECT_CLEAN(test, tracker);
	KUNIT_EXPECT_TRUE(test, cpu_writes(test, space, 5));
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 1ULL);
	EXPECT_DIRTY(test, tracker, RUN(5, 1));
	/* By who asks first. */
	KUNIT_EXPECT_EQ(test, owner_writes(space, page_at(600), 1), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 0ULL);
	EXPECT_DIRTY(test, tracker, RUN(600, 1));
	/* One that comes now is clean, and the CPU needs nobody to write to it. */
	map_large(test, space, 1024, 512);
	EXPECT_DIRTY(test, tracker, RUN(1024, 512));
	cpu_writes(test, space, 1);
	KUNIT_EXPECT_FALSE(test, cpu_writes(test, space, 1030));
	EXPECT_DIRTY(test, tracker, RUN(1, 1), RUN(1024, 512));
	KUNIT_EXPECT_TRUE(test, cpu_writes(test, space, 1031));
	EXPECT_DIRTY(test, tracker, RUN(1031, 1));
	axas_check_space(test, space);
	axas_tracker_destroy(tracker);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 3ULL);
	KUNIT_EXPECT_FALSE(test, cpu_writes(test, space, 7));
	axas_check_space(test, space);
	axas_space_del_holder(space, &holder);
}

/* What was written before a range changes is listed after it. */
void flags_outlive_changes(struct kunit *test)
{
	struct axas_space *space = flags_space(test, AXAS_FEAT_AD);
	struct axas_tracker *tracker, *other;

	map_small(test, space, 0, 1024);
	tracker = flags_begin(test, space, HERE, SZ_4M);
	other = flags_begin(test, space, page_at(8), SZ_64K);
	cpu_writes(test, space, 5);
	cpu_writes(test, space, 9);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, HERE, SZ_64K, PROT_R), 0);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, HERE, SZ_64K, PROT_RW), 0);
	EXPECT_DIRTY(test, tracker, RUN(5, 1), RUN(9, 1));
	EXPECT_DIRTY(test, other, RUN(9, 1));
	cpu_writes(test, space, 9);
	KUNIT_EXPECT_EQ(test, move(space, page_at(8), page_at(1100), 2 * SZ_4K), 0);
	EXPECT_DIRTY(test, tracker, RUN(8, 2));
	/* What has come there was clean. */
	EXPECT_DIRTY(test, other, RUN(8, 2));
	cpu_writes(test, space, 20);
	EXPECT_DIRTY(test, other, RUN(20, 1));
	axas_tracker_destroy(other);
	cpu_writes(test, space, 21);
	EXPECT_DIRTY(test, tracker, RUN(20, 2));
	axas_check_space(test, space);
	axas_tracker_destroy(tracker);
}

static void flags_refuse(struct kunit *test, struct axas_space *space,
			 struct axas_track args, int err)
{
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(axas_tracker_create(space, &args)),
			err);
}

/* All that wait for writes go by flags, or none. */
void flags_are_the_only_way(struct kunit *test)
{
	struct axas_space *space = flags_space(test, AXAS_FEAT_AD);
	struct axas_track plain = track_args(HERE, SZ_4M);
	struct axas_track args = flags_args(HERE, SZ_4M);
	enum axas_format format = axas_context(test)->format;
	struct axas_npt_ops ops = axas_npt_plain_ops;
	struct axas_tracker *tracker;

	args.threshold = 1;
	flags_refuse(test, space, args, -EINVAL);
	args.threshold = 0;
	args.what = AXAS_TRACK_ACCESSED;
	flags_refuse(test, space, args, -EINVAL);
	args.what = AXAS_TRACK_WRITTEN;
	KUNIT_EXPECT_FALSE(test, space->npt.tracked);

	map_small(test, space, 0, 64);
	tracker = track_begin_with(test, space, args);
	flags_refuse(test, space, plain, -EBUSY);
	axas_tracker_destroy(tracker);
	tracker = track_begin_with(test, space, plain);
	flags_refuse(test, space, args, -EBUSY);
	guest_writes(test, space, 5);
	EXPECT_DIRTY(test, tracker, RUN(5, 1));
	KUNIT_EXPECT_FALSE(test, raw_write(&space->npt, page_at(5), 0));
	axas_tracker_destroy(tracker);

	if (format != AXAS_FORMAT_AMD) {
		space = flags_space(test, 0);
		flags_refuse(test, space, args, -EOPNOTSUPP);
		KUNIT_EXPECT_FALSE(test, space->npt.tracked);
	}
	KUNIT_ASSERT_EQ(test, axas_format_register(&ops), 0);
	axas_context(test)->format = TRACK_PLAIN;
	space = flags_space(test, 0);
	axas_context(test)->format = format;
	flags_refuse(test, space, args, -EOPNOTSUPP);
	axas_test_drop_space(test);
	axas_format_unregister(&ops);
}
