// SPDX-License-Identifier: GPL-2.0
/*
 * What is the same as its neighbour becomes one with it again: areas, and leaves.
 */
#include "cases.h"
#include "context.h"
#include "snapshot.h"

static void expect_sizes(struct kunit *test, struct axas_space *space,
			 u64 areas, u64 small, u64 large, u64 huge)
{
	struct axas_stats stats = axas_stats_of(space);

	KUNIT_EXPECT_EQ(test, stats.areas, areas);
	KUNIT_EXPECT_EQ(test, stats.leaves[0], small);
	KUNIT_EXPECT_EQ(test, stats.leaves[1], large);
	KUNIT_EXPECT_EQ(test, stats.leaves[2], huge);
	axas_check_space(test, space);
}

static void protect(struct kunit *test, struct axas_space *space, u64 gpa,
		    u64 size, unsigned int prot)
{
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, gpa, size, prot), 0);
}

/* ---- all is as before ---- */

/* Take rights from a part that allows the same, and give them back. */
static void there_and_back(struct kunit *test, struct axas_space *space,
			   u64 gpa, u64 size, u64 areas)
{
	unsigned int prot = axas_translate_at(space, gpa).prot;
	struct axas_snapshot before;

	axas_snapshot_take(space, &before);
	protect(test, space, gpa, size, PROT_R);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas,
			before.stats.areas + areas);
	axas_check_space(test, space);
	protect(test, space, gpa, size, prot);
	axas_snapshot_expect(test, space, &before, "size", size >> 12);
	axas_check_space(test, space);
}

/* Pages at both ends, in the middle, over borders of leaves, and all of it. */
static void there_and_back_everywhere(struct kunit *test,
				      struct axas_space *space, u64 gpa,
				      u64 leaf)
{
	there_and_back(test, space, gpa, SZ_4K, 1);
	there_and_back(test, space, gpa + 2 * leaf - SZ_4K, SZ_4K, 1);
	there_and_back(test, space, gpa + leaf / 2, SZ_4K, 2);
	there_and_back(test, space, gpa + leaf - SZ_4K, 2 * SZ_4K, 2);
	there_and_back(test, space, gpa + leaf / 2 - SZ_4K, leaf + SZ_4K, 2);
	there_and_back(test, space, gpa + leaf, leaf, 1);
	there_and_back(test, space, gpa, 2 * leaf, 0);
}

void join_gives_back_linear_leaves(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const u64 gpa = 4ULL * SZ_1G;

	KUNIT_ASSERT_EQ(test, axas_map_linear(space, gpa, 2ULL * SZ_1G,
					      HPA_NOWHERE, PROT_RWX), 0);
	expect_sizes(test, space, 1, 0, 0, 2);
	there_and_back_everywhere(test, space, gpa, SZ_1G);

	/* Elsewhere they are of 2 MiB, for the space begins beside 1 GiB. */
	KUNIT_ASSERT_EQ(test, axas_space_clear(space), 0);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, gpa + SZ_2M, 2 * SZ_2M,
					      HPA_NOWHERE, PROT_RWX), 0);
	expect_sizes(test, space, 1, 0, 2, 0);
	there_and_back_everywhere(test, space, gpa + SZ_2M, SZ_2M);
}

void join_gives_back_frames(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	u64 *word, gpa;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, 2 * SZ_2M, PROT_RWX,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	expect_sizes(test, space, 1, 0, 2, 0);
	for (gpa = SZ_1G; gpa < SZ_1G + 2 * SZ_2M; gpa += SZ_4K) {
		word = axas_virt_at(test, space, gpa);
		*word = gpa;
	}
	there_and_back_everywhere(test, space, SZ_1G, SZ_2M);
	for (gpa = SZ_1G; gpa < SZ_1G + 2 * SZ_2M; gpa += SZ_4K) {
		word = axas_virt_at(test, space, gpa);
		KUNIT_ASSERT_EQ(test, *word, gpa);
	}
}

/* Two pieces, of which the first and then the rest is given back. */
void join_over_the_border_of_pieces(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const u64 gpa = 4ULL * SZ_1G, border = gpa + SZ_512M;
	struct axas_snapshot before;

	KUNIT_ASSERT_EQ(test, axas_map_linear(space, gpa, SZ_1G, HPA_NOWHERE,
					      PROT_RWX), 0);
	axas_snapshot_take(space, &before);
	protect(test, space, border - SZ_4M, SZ_4M, PROT_R);
	protect(test, space, border, SZ_4M, PROT_RX);
	expect_sizes(test, space, 4, 0, 512, 0);
	protect(test, space, border - SZ_4K, 2 * SZ_4K, PROT_RWX);
	expect_sizes(test, space, 5, 1024, 510, 0);
	protect(test, space, border + SZ_4K, SZ_4M - SZ_4K, PROT_RWX);
	/* The leaf behind the border is whole again, that before it isn't. */
	expect_sizes(test, space, 3, 512, 511, 0);
	protect(test, space, border - SZ_4M, SZ_4M - SZ_4K, PROT_RWX);
	axas_snapshot_expect(test, space, &before, "both", 0);
}

/* What a replace puts there, or behind the end. */
void join_after_a_replace(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const u64 gpa = 4ULL * SZ_1G;
	struct axas_snapshot before;
	struct axas_map args = {
		.backend = AXAS_BACKEND_LINEAR, .prot = PROT_RW,
		.flags = AXAS_MAP_REPLACE, .length = SZ_4K,
		.gpa = gpa + SZ_64K, .hpa = HPA_NOWHERE,
	};

	KUNIT_ASSERT_EQ(test, axas_map_linear(space, gpa, SZ_1G, HPA_NOWHERE,
					      PROT_RW), 0);
	axas_snapshot_take(space, &before);
	/* Another page, then the one that was there. */
	KUNIT_EXPECT_EQ(test, axas_space_map(space, &args), 0);
	expect_sizes(test, space, 3, 512, 511, 0);
	args.hpa = HPA_NOWHERE + SZ_64K;
	KUNIT_EXPECT_EQ(test, axas_space_map(space, &args), 0);
	axas_snapshot_expect(test, space, &before, "replace", 0);

	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, gpa + SZ_512M, SZ_512M),
			0);
	args.gpa = gpa + SZ_512M;
	args.hpa = HPA_NOWHERE + SZ_512M;
	args.length = SZ_512M;
	KUNIT_EXPECT_EQ(test, axas_space_map(space, &args), 0);
	axas_snapshot_expect(test, space, &before, "grown", 0);
}

/* ---- nothing is joined that differs ---- */

#define LEFT	SZ_1G
#define LIN	.backend = AXAS_BACKEND_LINEAR, .prot = PROT_RW, .length = SZ_1M
#define ALC	.backend = AXAS_BACKEND_ALLOC, .prot = PROT_RW, .length = SZ_1M
#define DEV	.backend = AXAS_BACKEND_DEVICE, .prot = PROT_RW, .length = SZ_1M

static const struct join_row {
	const char *what;
	struct axas_map left;
	struct axas_map right;
	bool same;
} join_rows[] = {
	{ "nothing", { LIN, .hpa = HPA_NOWHERE },
	  { LIN, .hpa = HPA_NOWHERE + SZ_1M }, .same = true },
	{ "nothing, alloc", { ALC, .cookie = 1 }, { ALC, .cookie = 1 },
	  .same = true },
	{ "rights", { ALC }, { .backend = AXAS_BACKEND_ALLOC, .prot = PROT_R,
			       .length = SZ_1M } },
	{ "cookie", { ALC, .cookie = 1 }, { ALC, .cookie = 2 } },
	{ "memory type", { ALC }, { ALC, .memtype = AXAS_MEM_UC } },
	{ "distance", { LIN, .hpa = HPA_NOWHERE },
	  { LIN, .hpa = HPA_NOWHERE + SZ_1M + SZ_4K } },
	{ "max_leaf", { ALC }, { ALC, .max_leaf = SZ_2M } },
	{ "node", { ALC }, { ALC, .flags = AXAS_MAP_NODE } },
	{ "origin", { DEV }, { DEV } },
};

static void join_neighbours(struct kunit *test, const struct join_row *row)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_map left = row->left, right = row->right;
	struct axas_snapshot before;

	left.gpa = LEFT;
	right.gpa = left.gpa + left.length;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &left), 0);
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &right), 0);
	axas_snapshot_take(space, &before);
	KUNIT_ASSERT_EQ(test, before.stats.areas, 2ULL);
	/* What changes nothing changes nothing, but for this. */
	protect(test, space, left.gpa, left.length, left.prot);
	KUNIT_EXPECT_EQ_MSG(test, axas_stats_of(space).areas,
			    row->same ? 1ULL : 2ULL, "%s", row->what);
	axas_check_space(test, space);
	if (!row->same)
		axas_snapshot_expect(test, space, &before, row->what, 1);
	/* From the other side. */
	protect(test, space, right.gpa, right.length, right.prot);
	KUNIT_EXPECT_EQ_MSG(test, axas_stats_of(space).areas,
			    row->same ? 1ULL : 2ULL, "%s", row->what);
	if (!row->same)
		axas_snapshot_expect(test, space, &before, row->what, 2);
}

void join_of_what_is_the_same_alone(struct kunit *test)
{
	const struct join_row ignore_pat = {
		"ignore_pat", { ALC }, { ALC, .flags = AXAS_MAP_IGNORE_PAT },
	};
	const struct join_row backend = {
		"backend", { ALC },
		{ .backend = AXAS_BACKEND_MODULE, .prot = PROT_RW,
		  .length = SZ_1M },
	};
	struct axas_backend_ops other = *axas_backend(AXAS_BACKEND_ALLOC);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(join_rows); i++)
		join_neighbours(test, &join_rows[i]);
	if (axas_is_ept(test))
		join_neighbours(test, &ignore_pat);
	/* Another one that is like it in all else. */
	other.id = AXAS_BACKEND_MODULE;
	KUNIT_ASSERT_EQ(test, axas_backend_register(&other), 0);
	join_neighbours(test, &backend);
	axas_test_drop_space(test);
	axas_backend_unregister(&other);
}

/* Two pieces of one device are one; two devices aren't, side by side or not. */
void join_keeps_the_offset_in_a_device(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_map device = {
		DEV, .gpa = LEFT, .cookie = 7, .flags = AXAS_MAP_REPLACE,
	};
	struct axas_fault_entry entry = {
		.gpa = LEFT + SZ_64K + 8, .access = PROT_R,
	};

	KUNIT_ASSERT_EQ(test, axas_space_map(space, &device), 0);
	protect(test, space, LEFT + SZ_64K, SZ_4K, PROT_R);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 3ULL);
	protect(test, space, LEFT + SZ_64K, SZ_4K, PROT_RW);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 1ULL);
	/* A page of its own in the place of one. */
	device.gpa = LEFT + SZ_64K;
	device.length = SZ_4K;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &device), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 3ULL);
	axas_space_faults(space, &entry, 1);
	KUNIT_EXPECT_EQ(test, entry.result, (u16)AXAS_FAULT_DEVICE);
	KUNIT_EXPECT_EQ(test, entry.offset, 8ULL);
}

/* Its neighbour has leaves that would make a large one with those of the area. */
void join_stays_in_the_area(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_map args = {
		.backend = AXAS_BACKEND_LINEAR, .prot = PROT_RWX, .cookie = 1,
		.gpa = SZ_1G, .length = SZ_1M + SZ_4K, .hpa = HPA_NOWHERE,
	};

	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	args.gpa += args.length;
	args.hpa += args.length;
	args.length = SZ_1M - SZ_4K;
	args.cookie = 2;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	expect_sizes(test, space, 2, 512, 0, 0);
	there_and_back(test, space, SZ_1G + SZ_64K, SZ_4K, 2);
	there_and_back(test, space, args.gpa + SZ_64K, SZ_4K, 2);
	there_and_back(test, space, args.gpa - SZ_4K, 2 * SZ_4K, 2);
}

/* Nor where leaves were small all the time. */
void join_makes_no_leaf_that_was_not_allowed(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_map args = {
		.backend = AXAS_BACKEND_LINEAR, .prot = PROT_RWX,
		.gpa = SZ_1G, .length = SZ_2M, .hpa = HPA_NOWHERE,
		.max_leaf = SZ_4K,
	};

	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	expect_sizes(test, space, 1, 512, 0, 0);
	there_and_back(test, space, SZ_1G + SZ_64K, SZ_4K, 2);

	KUNIT_ASSERT_EQ(test, axas_space_clear(space), 0);
	args.length = SZ_1G;
	args.max_leaf = SZ_2M;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	expect_sizes(test, space, 1, 0, 512, 0);
	there_and_back(test, space, SZ_1G + SZ_64K, SZ_4K, 2);

	/* A GiB of host memory that isn't aligned to one. */
	KUNIT_ASSERT_EQ(test, axas_space_clear(space), 0);
	args.max_leaf = SZ_1G;
	args.hpa = HPA_NOWHERE + SZ_2M;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	expect_sizes(test, space, 1, 0, 512, 0);
	there_and_back(test, space, SZ_1G + SZ_64K, SZ_4K, 2);

	/* And 2 MiB. */
	KUNIT_ASSERT_EQ(test, axas_space_clear(space), 0);
	args.length = SZ_2M;
	args.hpa = HPA_NOWHERE + SZ_4K;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	expect_sizes(test, space, 1, 512, 0, 0);
	there_and_back(test, space, SZ_1G + SZ_64K, SZ_4K, 2);
}

/* Populated 2 MiB, cut by protect. */
static struct axas_space *cut_space(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_2M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	protect(test, space, SZ_1G + SZ_64K, SZ_4K, PROT_R);
	return space;
}

/* Each page in turn lacks, then is another one; at last it is as it was. */
void join_waits_for_what_is_missing(struct kunit *test)
{
	static const unsigned int pages[] = { 0, 1, 16, 17, 511 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		struct axas_space *space = cut_space(test);
		u64 gpa = SZ_1G + pages[i] * SZ_4K, old;
		struct page *page;

		old = axas_translate_at(space, gpa).hpa;
		page = pfn_to_page(PHYS_PFN(old));
		/* Nobody gets the frame meanwhile. */
		get_page(page);
		KUNIT_ASSERT_EQ(test, axas_discard_range(space, gpa, SZ_4K,
							 NULL), 0);
		protect(test, space, SZ_1G + SZ_64K, SZ_4K, PROT_RW);
		expect_sizes(test, space, 1, 511, 0, 0);
		KUNIT_EXPECT_EQ(test, axas_translate_at(space, gpa).state,
				(u32)AXAS_TRANSLATE_LAZY);
		KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa, PROT_W),
				(int)AXAS_FAULT_RESOLVED);
		KUNIT_EXPECT_NE(test, axas_translate_at(space, gpa).hpa, old);
		there_and_back(test, space, SZ_1G + SZ_64K, SZ_4K, 2);
		expect_sizes(test, space, 1, 512, 0, 0);
		put_page(page);
	}
}

void join_leaves_what_has_failed(struct kunit *test)
{
	struct axas_space *space = cut_space(test);
	const u64 bad = SZ_1G + SZ_1M;

	KUNIT_ASSERT_EQ(test,
			axas_space_poison(space, axas_gpa(bad),
					  axas_hpa(axas_translate_at(space, bad).hpa)),
			0);
	protect(test, space, SZ_1G + SZ_64K, SZ_4K, PROT_RW);
	expect_sizes(test, space, 1, 511, 0, 0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, bad, PROT_R),
			(int)AXAS_FAULT_POISONED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, bad + SZ_4K, PROT_W),
			(int)AXAS_FAULT_SPURIOUS);
}

/* ---- frames of what was joined ---- */

static void join_cut(struct kunit *test, struct axas_space *space)
{
	protect(test, space, SZ_1G + SZ_64K, SZ_4K, PROT_RW);
	expect_sizes(test, space, 1, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, (u64)SZ_2M);
}

void join_frees_all_or_part_of_it(struct kunit *test)
{
	struct axas_space *space = cut_space(test);
	struct axas_npt_freed freed;

	join_cut(test, space);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1G, SZ_2M), 0);
	axas_expect_empty(test, space);

	space = cut_space(test);
	join_cut(test, space);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1G + SZ_1M, SZ_64K),
			0);
	expect_sizes(test, space, 2, 512 - 16, 0, 0);
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, SZ_1G, SZ_1M, &freed),
			0);
	KUNIT_EXPECT_EQ(test, freed.freed, 256ULL);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1G, SZ_2M), 0);
	axas_expect_empty(test, space);
	KUNIT_EXPECT_EQ(test, fake_hal_bad_frees(), 0UL);
}

void join_leaves_pins_alone(struct kunit *test)
{
	struct axas_space *space = cut_space(test);
	const u64 gpa = SZ_1G + SZ_1M;
	struct axas_memory memory;
	struct axas_npt_freed freed;

	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, axas_gpa(gpa),
						    PROT_W, &memory), 0);
	memset(page_address(memory.page), 0x55, SZ_4K);
	join_cut(test, space);
	KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, axas_gpa(gpa),
						      PROT_W, &memory), 0);
	KUNIT_EXPECT_EQ(test, memory.left, (u64)SZ_1M);
	KUNIT_EXPECT_EQ(test, axas_discard_range(space, SZ_1G, SZ_2M, &freed),
			0);
	KUNIT_EXPECT_EQ(test, freed.freed, 511ULL);
	KUNIT_EXPECT_EQ(test, freed.pinned, 1ULL);
	KUNIT_EXPECT_NULL(test, memchr_inv(page_address(memory.page), 0x55,
					   SZ_4K));
	put_page(memory.page);
}
