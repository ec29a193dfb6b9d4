// SPDX-License-Identifier: GPL-2.0
/*
 * Small leaves that become a large one: in place, by a copy, and what stays as it
 * is.
 */
#include <linux/sched/signal.h>

#include "cases.h"
#include "collapse.h"
#include "fake_tree.h"
#include "snapshot.h"

/* ---- in place ---- */

/* A frame of 2 MiB whose leaf has been split, as one that has been moved. */
static void make_split(struct kunit *test, struct axas_space *space, u64 size)
{
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, size, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, move(space, HERE, THERE + SZ_64K, size), 0);
	KUNIT_ASSERT_EQ(test, move(space, THERE + SZ_64K, HERE, size), 0);
	expect_leaves(test, space, size / SZ_4K, 0);
}

/* Whether a copy is allowed or not. */
void collapse_in_place(struct kunit *test)
{
	unsigned int copy;

	for (copy = 0; copy < 2; copy++) {
		struct axas_space *space = axas_test_space(test);
		unsigned long allocs;
		u64 hpa;

		make_split(test, space, SZ_2M);
		hpa = axas_translate_at(space, HERE).hpa;
		axas_put_word(test, space, HERE + SZ_1M, 0x77);
		allocs = fake_hal_allocs();
		expect_collapse(test, space, HERE, SZ_2M, copy, SZ_2M, SZ_2M);
		expect_leaves(test, space, 0, 1);
		KUNIT_EXPECT_EQ(test, fake_hal_allocs(), allocs);
		KUNIT_EXPECT_EQ(test, axas_translate_at(space, HERE).hpa, hpa);
		KUNIT_EXPECT_EQ(test, axas_word_at(test, space, HERE + SZ_1M),
				0x77ULL);
		/* Once more, and nothing. */
		expect_collapse(test, space, HERE, SZ_2M, copy, SZ_2M, 0);
	}
}

/* ---- by a copy ---- */

void collapse_copies_what_is_there(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_snapshot before;

	make_pages(test, space, HERE);
	axas_snapshot_take(space, &before);
	expect_collapse(test, space, HERE, SZ_2M, false, SZ_2M, 0);
	axas_snapshot_expect(test, space, &before, "no copy", 0);

	expect_collapse(test, space, HERE, SZ_2M, true, SZ_2M, SZ_2M);
	expect_leaves(test, space, 0, 1);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, (u64)SZ_2M);
	expect_pages(test, space, HERE);
	/* Of what was there nothing is left. */
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, HERE - SZ_2M, 3 * SZ_2M),
			0);
	axas_expect_empty(test, space);
}

/* Full, and each frame by itself. */
void collapse_copies_what_is_full(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	u64 gpa;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_2M, PROT_RWX, 0,
					     SZ_2M), 0);
	for (gpa = HERE + SZ_2M; gpa > HERE;) {
		gpa -= SZ_4K;
		populate(test, space, gpa, SZ_4K);
		axas_put_word(test, space, gpa, gpa);
	}
	expect_leaves(test, space, 512, 0);
	expect_collapse(test, space, HERE, SZ_2M, true, SZ_2M, SZ_2M);
	expect_leaves(test, space, 0, 1);
	for (gpa = HERE; gpa < HERE + SZ_2M; gpa += SZ_4K)
		KUNIT_EXPECT_EQ(test, axas_word_at(test, space, gpa), gpa);
	/* A part of it goes as any other's. */
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, HERE + SZ_1M, SZ_4K,
						 NULL), 0);
	expect_leaves(test, space, 511, 0);
}

/* At the width of the root, and of the root of another one. */
void collapse_at_all_widths(struct kunit *test)
{
	static const u8 widths[2][3] = { { 32, 40, 48 }, { 39, 48, 57 } };
	const u8 *width = widths[axas_is_ept(test)];
	struct axas_npt_caps caps;
	unsigned int i;

	axas_npt_format(axas_context(test)->format)->caps(&caps);
	for (i = 0; i < 3; i++) {
		const struct axas_create args = { .gpa_bits = width[i] };
		u64 gpa = (1ULL << width[i]) - SZ_16M;
		struct axas_space *space;

		if (!(caps.gpa_bits & BIT_ULL(width[i])))
			continue;
		space = axas_test_space_with(test, &args);
		make_pages(test, space, gpa);
		expect_collapse(test, space, gpa, SZ_2M, true, SZ_2M, SZ_2M);
		expect_pages(test, space, gpa);
	}
}

/* Rights, type and all else that a leaf has are the area's. */
void collapse_keeps_what_leaves_are(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_map args = map_args(AXAS_BACKEND_ALLOC, HERE, SZ_2M, PROT_RX);
	struct axas_leaf leaf;
	u64 *virt;

	args.flags = AXAS_MAP_ROM;
	args.memtype = AXAS_MEM_NC;
	args.max_leaf = SZ_2M;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	populate(test, space, HERE + SZ_64K, SZ_4K);
	virt = axas_virt_at(test, space, HERE + SZ_64K);
	virt[1] = 5;
	expect_collapse(test, space, HERE, SZ_2M, true, SZ_2M, SZ_2M);
	KUNIT_ASSERT_EQ(test, axas_lookup_at(&space->npt, HERE, &leaf), 0);
	KUNIT_EXPECT_EQ(test, leaf.level, 2U);
	KUNIT_EXPECT_EQ(test, leaf.attr.prot, (u8)PROT_RX);
	KUNIT_EXPECT_EQ(test, leaf.attr.memtype, (u8)AXAS_MEM_NC);
	KUNIT_EXPECT_TRUE(test, leaf.attr.rom);
	KUNIT_EXPECT_TRUE(test, leaf.attr.owned);
	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, HERE + SZ_64K + 8),
			5ULL);
}

/* ---- how far ---- */

static void map_with(struct kunit *test, struct axas_space *space, u64 gpa,
		     u64 size, u64 cookie)
{
	struct axas_map args = map_args(AXAS_BACKEND_ALLOC, gpa, size, PROT_RW);

	args.cookie = cookie;
	args.max_leaf = SZ_2M;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	populate(test, space, gpa, SZ_4K);
	populate(test, space, gpa + size - SZ_4K, SZ_4K);
}

/* Whole 2 MiB, in the range and in one area, of which there is something. */
void collapse_of_whole_pieces_alone(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);

	/* The first and the last 2 MiB of 8 are two areas' each. */
	map_with(test, space, HERE, SZ_1M, 1);
	map_with(test, space, HERE + SZ_1M, SZ_4M + SZ_2M, 2);
	map_with(test, space, HERE + SZ_4M + SZ_2M + SZ_1M, SZ_1M, 3);
	populate(test, space, HERE + SZ_2M + SZ_4K, SZ_4K);
	expect_collapse(test, space, HERE + SZ_2M + SZ_4K, SZ_2M - SZ_4K, true,
			SZ_2M - SZ_4K, 0);
	expect_collapse(test, space, HERE + SZ_2M, SZ_2M - SZ_4K, true,
			SZ_2M - SZ_4K, 0);
	expect_collapse(test, space, HERE, SZ_8M, true, SZ_8M, SZ_2M);
	/* Nothing was there of the third, and nothing is. */
	expect_leaves(test, space, 6, 1);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, HERE + SZ_4M).state,
			(u32)AXAS_TRANSLATE_LAZY);
}

/* Each says how far it came. */
void errno_collapse(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_map device = map_args(AXAS_BACKEND_DEVICE, HERE + SZ_8M,
					  SZ_2M, PROT_RW);

	map_with(test, space, HERE, SZ_4M, 1);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, HERE + SZ_4M + SZ_2M, SZ_2M,
					      HPA_NOWHERE, PROT_RW), 0);
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &device), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE + SZ_8M + SZ_2M, SZ_4M,
					     PROT_RW, AXAS_MAP_POPULATE, 0), 0);
	expect_collapsed(test, space, HERE, SZ_8M, -ENOENT, SZ_4M, SZ_4M);
	expect_collapsed(test, space, HERE + SZ_2M, SZ_4M, -ENOENT, SZ_2M, 0);
	expect_collapsed(test, space, HERE + SZ_4M, SZ_4K, -ENOENT, 0, 0);
	expect_collapsed(test, space, HERE + SZ_4M + SZ_2M, SZ_2M, -EOPNOTSUPP,
			 0, 0);
	expect_collapsed(test, space, device.gpa, SZ_2M, -EOPNOTSUPP, 0, 0);
	expect_collapsed(test, space, HERE + SZ_8M + SZ_2M, SZ_2M, -EOPNOTSUPP,
			 0, 0);
	expect_collapsed(test, space, HERE + SZ_8M + SZ_4M, SZ_4M, -EOPNOTSUPP,
			 0, 0);
	expect_collapsed(test, space, HERE + 1, SZ_2M, -EINVAL, 0, 0);
	expect_collapsed(test, space, HERE, SZ_2M - 1, -EINVAL, 0, 0);
	expect_collapsed(test, space, HERE, 0, -EINVAL, 0, 0);
	expect_collapsed(test, space, 1ULL << 48, SZ_2M, -ERANGE, 0, 0);
	expect_collapsed(test, space, HERE, -(u64)SZ_4K, -ERANGE, 0, 0);
	axas_check_space(test, space);
}

/* ---- what stays as it is ---- */

/* Each page in turn is somebody's; then it is nobody's. */
void collapse_leaves_pins_alone(struct kunit *test)
{
	static const unsigned int pages[] = { 0, 1, 62, 100, 511 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		struct axas_space *space = axas_test_space(test);
		const u64 gpa = HERE + pages[i] * SZ_4K;
		struct axas_memory memory;
		struct axas_stats before;

		make_pages(test, space, HERE);
		before = axas_stats_of(space);
		KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, axas_gpa(gpa),
							    PROT_W, &memory), 0);
		expect_collapse(test, space, HERE, SZ_2M, true, SZ_2M, 0);
		KUNIT_EXPECT_EQ(test, axas_space_check_memory(space,
							      axas_gpa(gpa),
							      PROT_W, &memory),
				0);
		/* All of it is there, and what isn't there may come. */
		KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[0],
				before.leaves[0]);
		KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident,
				before.resident);
		expect_pages(test, space, HERE);
		KUNIT_EXPECT_EQ(test, axas_fault_at(space, HERE + SZ_1M, PROT_W),
				(int)AXAS_FAULT_RESOLVED);
		put_page(memory.page);
		expect_collapse(test, space, HERE, SZ_2M, true, SZ_2M, SZ_2M);
		expect_pages(test, space, HERE);
	}
}

/* One whose failure the space has heard of, and one that it hasn't. */
void collapse_leaves_what_has_failed(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const u64 bad = HERE + SZ_4K;
	struct page *page;
	u64 hpa;

	make_pages(test, space, HERE);
	make_pages(test, space, THERE);
	hpa = axas_translate_at(space, bad).hpa;
	KUNIT_ASSERT_EQ(test, axas_space_poison(space, axas_gpa(bad),
						axas_hpa(hpa)), 0);
	expect_collapse(test, space, HERE, SZ_2M, true, SZ_2M, 0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, bad, PROT_R),
			(int)AXAS_FAULT_POISONED);
	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		return;
	page = pfn_to_page(PHYS_PFN(axas_translate_at(space, THERE).hpa));
	SetPageHWPoison(page);
	expect_collapse(test, space, THERE, SZ_2M, true, SZ_2M, 0);
	ClearPageHWPoison(page);
	expect_collapse(test, space, THERE, SZ_2M, true, SZ_2M, SZ_2M);
	expect_pages(test, space, THERE);
}

/* No frame of 2 MiB, for the first, the second, or any. */
void collapse_goes_on_without_memory(struct kunit *test)
{
	static const struct {
		struct fake_hal_fail fail;
		u64 joined;
	} rows[] = {
		{ { .nth = 1 }, SZ_4M },
		{ { .nth = 2 }, SZ_4M },
		{ { .nth = 3 }, SZ_4M },
		{ { .nth = 1, .onwards = true }, 0 },
		{ { .nth = 3, .onwards = true }, SZ_4M },
	};
	struct axas_space *space;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		space = axas_test_space(test);
		map_with(test, space, HERE, SZ_2M, 1);
		map_with(test, space, HERE + SZ_2M, SZ_2M, 2);
		map_with(test, space, HERE + SZ_4M, SZ_2M, 3);
		fake_hal_set_fail(&rows[i].fail);
		expect_collapsed(test, space, HERE, SZ_4M + SZ_2M, 0,
				 SZ_4M + SZ_2M, rows[i].joined);
		fake_hal_set_fail(NULL);
		expect_collapse(test, space, HERE, SZ_4M + SZ_2M, true,
				SZ_4M + SZ_2M, SZ_4M + SZ_2M - rows[i].joined);
		expect_leaves(test, space, 0, 3);
	}
}

/* ---- killed ---- */

struct collapse_killing {
	struct fake_tree_watch watch;
	unsigned int left;
};

static void killing_resched(struct fake_tree_watch *watch)
{
	struct collapse_killing *killing =
		container_of(watch, struct collapse_killing, watch);

	if (killing->left && !--killing->left)
		send_sig(SIGKILL, current, 1);
}

/* What was done is done, and it says how much. */
void collapse_that_is_killed(struct kunit *test)
{
	struct collapse_killing killing = { .watch.resched = killing_resched };
	struct axas_collapse args;
	struct axas_space *space;
	unsigned int i;
	u64 last = 0;
	int ret = -EINTR;

	for (i = 1; i < 64 && ret; i++) {
		space = axas_test_space(test);
		map_with(test, space, HERE, SZ_2M, 1);
		map_with(test, space, HERE + SZ_2M, SZ_2M, 2);
		map_with(test, space, HERE + SZ_4M, SZ_2M, 3);
		args = collapse_args(HERE, SZ_4M + SZ_2M, true);
		killing.left = i;
		allow_signal(SIGKILL);
		fake_tree_set_watch(&killing.watch);
		ret = axas_space_collapse(space, &args);
		fake_tree_set_watch(NULL);
		flush_signals(current);
		disallow_signal(SIGKILL);
		if (ret)
			KUNIT_EXPECT_EQ(test, ret, -EINTR);
		KUNIT_EXPECT_EQ(test, args.done, args.joined);
		KUNIT_EXPECT_GE(test, args.done, last);
		expect_leaves(test, space, 6 - args.done / SZ_1M,
			      args.done / SZ_2M);
		last = args.done;
	}
	/* Before the first, between any two, and not at all. */
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_GT(test, i, 4U);
	KUNIT_EXPECT_EQ(test, args.done, (u64)SZ_4M + SZ_2M);
}
