// SPDX-License-Identifier: GPL-2.0
/*
 * What a frame holds is there for those who look past the caches before the
 * leaf is: without FWB a guest whose caches are off (Arm ARM D8.6.6), without
 * CTR_EL0.DIC instruction fetch (D24.2). The HAL says when it is called.
 */
#include "context.h"
#include "suites.h"

#define GPA		SZ_1G
#define PAGES		16U
#define FOREIGN		0xf0000000ULL

struct sync_seen {
	axas_hpa_t hpa;
	u64 size;
	unsigned int what;
};

/* Frames that were synced, and how many of them could be looked at before. */
struct sync_watch {
	struct fake_hal_watch watch;
	struct axas_space *space;
	unsigned int nr;
	unsigned int late;
	struct sync_seen seen[4 * PAGES];
};

static bool sync_meets(const struct sync_seen *seen, const struct axas_leaf *leaf)
{
	return leaf->hpa.val < seen->hpa.val + seen->size &&
	       seen->hpa.val < leaf->hpa.val + axas_level_size(leaf->level);
}

static void sync_note(struct fake_hal_watch *w, axas_hpa_t hpa, u64 size,
		      unsigned int what)
{
	struct sync_watch *watch = container_of(w, struct sync_watch, watch);
	const struct sync_seen seen = { hpa, size, what };
	struct axas_leaf leaf;
	unsigned int i;

	if (watch->nr < ARRAY_SIZE(watch->seen))
		watch->seen[watch->nr] = seen;
	watch->nr++;
	for (i = 0; i < PAGES; i++) {
		if (axas_lookup_at(&watch->space->npt, GPA + i * SZ_4K, &leaf) ||
		    !sync_meets(&seen, &leaf))
			continue;
		/* For code alone a leaf may be there that doesn't execute. */
		if (what != AXAS_SYNC_CODE || leaf.attr.prot & PROT_X)
			watch->late++;
	}
}

static struct sync_watch *sync_watch(struct kunit *test,
				     struct axas_space *space)
{
	struct sync_watch *watch = kunit_kzalloc(test, sizeof(*watch),
						 GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, watch);
	watch->watch.sync = sync_note;
	watch->space = space;
	fake_hal_set_watch(&watch->watch);
	return watch;
}

/* All pages have been synced, each in this way and no other. */
static void sync_expect(struct kunit *test, const struct sync_watch *watch,
			unsigned int what)
{
	struct axas_leaf leaf;
	unsigned int i, j, got;

	for (i = 0; i < PAGES; i++) {
		KUNIT_ASSERT_EQ(test, axas_lookup_at(&watch->space->npt,
						     GPA + i * SZ_4K, &leaf), 0);
		got = 0;
		for (j = 0; j < min_t(unsigned int, watch->nr,
				      ARRAY_SIZE(watch->seen)); j++)
			if (sync_meets(&watch->seen[j], &leaf))
				got |= watch->seen[j].what;
		KUNIT_EXPECT_EQ(test, got, what);
	}
	KUNIT_EXPECT_EQ(test, watch->late, 0U);
	if (!what)
		KUNIT_EXPECT_EQ(test, watch->nr, 0U);
}

/* The ways in which frames of a space's own come to be seen. */
static const struct sync_way {
	const char *name;
	u64 size;
	u32 flags;
	u64 max_leaf;
} sync_ways[] = {
	{ "fault", PAGES * SZ_4K, 0, SZ_4K },
	{ "large fault", SZ_2M, 0, SZ_2M },
	{ "populate", PAGES * SZ_4K, AXAS_MAP_POPULATE, SZ_4K },
	{ "large populate", SZ_2M, AXAS_MAP_POPULATE, SZ_2M },
	{ "replace", PAGES * SZ_4K, AXAS_MAP_POPULATE | AXAS_MAP_REPLACE, SZ_4K },
};

static void sync_one_way(struct kunit *test, const struct sync_way *way,
			 u32 features, u32 memtype, u32 prot,
			 unsigned int what)
{
	const struct axas_create create = { .features = features };
	const struct axas_map args = {
		.gpa = GPA, .length = way->size, .flags = way->flags,
		.backend = AXAS_BACKEND_ALLOC, .max_leaf = way->max_leaf,
		.prot = prot, .memtype = memtype,
	};
	struct axas_space *space = axas_test_space_with(test, &create);
	struct sync_watch *watch = sync_watch(test, space);
	unsigned int i;

	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	for (i = 0; i < PAGES; i++)
		axas_fault_at(space, GPA + i * SZ_4K, PROT_R);
	sync_expect(test, watch, what);
	fake_hal_set_watch(NULL);
	kunit_kfree(test, watch);
	axas_test_drop_space(test);
}

/* With FWB only write-back leaves keep the guest out of memory itself. */
static void sync_before_leaf(struct kunit *test)
{
	static const u32 memtypes[] = { AXAS_MEM_WB, AXAS_MEM_NC };
	struct axas_npt_caps caps;
	unsigned int way, type, fwb, exec, what;

	axas_npt_format(axas_context(test)->format)->caps(&caps);
	for (fwb = 0; fwb < 2; fwb++) {
		if (fwb && !(caps.features & AXAS_FEAT_FWB))
			continue;
		for (way = 0; way < ARRAY_SIZE(sync_ways); way++)
			for (type = 0; type < ARRAY_SIZE(memtypes); type++)
				for (exec = 0; exec < 2; exec++) {
					what = fwb && !type ? 0 : AXAS_SYNC_DATA;
					what |= exec ? AXAS_SYNC_CODE : 0;
					if (!axas_is_s2(test))
						what = 0;
					sync_one_way(test, &sync_ways[way],
						     fwb ? AXAS_FEAT_FWB : 0,
						     memtypes[type],
						     exec ? PROT_RWX : PROT_RW,
						     what);
				}
	}
}

static unsigned int sync_protect(struct kunit *test, struct sync_watch *watch,
				 u64 size, unsigned int prot)
{
	watch->nr = 0;
	KUNIT_EXPECT_EQ(test, axas_protect_range(watch->space, GPA, size, prot),
			0);
	return watch->nr;
}

/* Whoever couldn't fetch from a frame before protect can afterwards. */
static void sync_before_exec(struct kunit *test)
{
	unsigned int code = axas_is_s2(test) ? AXAS_SYNC_CODE : 0;
	struct axas_space *space = axas_test_space(test);
	struct sync_watch *watch;
	u64 all = PAGES * SZ_4K;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, GPA, all, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	watch = sync_watch(test, space);
	KUNIT_EXPECT_EQ(test, sync_protect(test, watch, all, PROT_R), 0U);
	KUNIT_EXPECT_EQ(test, sync_protect(test, watch, all, PROT_RW), 0U);
	KUNIT_EXPECT_EQ(test, sync_protect(test, watch, all, PROT_RX),
			code ? PAGES : 0);
	sync_expect(test, watch, code);
	KUNIT_EXPECT_EQ(test, sync_protect(test, watch, all, PROT_RWX), 0U);
	KUNIT_EXPECT_EQ(test, sync_protect(test, watch, all, PROT_R), 0U);
	KUNIT_EXPECT_EQ(test, sync_protect(test, watch, SZ_4K, PROT_RX),
			code ? 1U : 0U);

	/* A piece of a large leaf. */
	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, GPA, all), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, GPA, SZ_2M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	KUNIT_EXPECT_EQ(test, sync_protect(test, watch, SZ_8K, PROT_RX),
			code ? 2U : 0U);
	KUNIT_EXPECT_EQ(test, watch->late, 0U);
}

/* What a space doesn't own is whoever's it is. */
static void sync_not_linear(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct sync_watch *watch = sync_watch(test, space);

	KUNIT_ASSERT_EQ(test, axas_map_linear(space, GPA, SZ_4M, FOREIGN,
					      PROT_RWX), 0);
	KUNIT_EXPECT_EQ(test, sync_protect(test, watch, SZ_4K, PROT_RW), 0U);
	KUNIT_EXPECT_EQ(test, sync_protect(test, watch, SZ_4K, PROT_RWX), 0U);
	KUNIT_EXPECT_EQ(test, watch->nr, 0U);
}

/* What pwrite brings comes after the leaf, and nobody else has its address. */
static void sync_after_write(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_memory memory;
	struct sync_watch *watch;
	bool syncs = axas_is_s2(test);

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, GPA, SZ_4K, PROT_RWX,
					     AXAS_MAP_POPULATE, 0), 0);
	watch = sync_watch(test, space);
	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, axas_gpa(GPA), PROT_W,
						    &memory), 0);
	axas_space_wrote(space, &memory, 0x123, 45);
	KUNIT_EXPECT_EQ(test, watch->nr, syncs ? 1U : 0U);
	if (syncs) {
		KUNIT_EXPECT_EQ(test, watch->seen[0].hpa.val,
				memory.hpa.val + 0x123);
		KUNIT_EXPECT_EQ(test, watch->seen[0].size, 45ULL);
		KUNIT_EXPECT_EQ(test, watch->seen[0].what,
				0U + (AXAS_SYNC_DATA | AXAS_SYNC_CODE));
	}
	put_page(memory.page);

	watch->nr = 0;
	memory = (struct axas_memory){ .hpa = axas_hpa(FOREIGN) };
	axas_space_wrote(space, &memory, 0, 8);
	KUNIT_EXPECT_EQ(test, watch->nr, 0U);
}

/*
 * Before pages are copied no cache has a line of them that a guest may have written
 * past; and what they are copied to is there before the leaf is.
 */
static void sync_of_collapse(struct kunit *test)
{
	unsigned int what = axas_is_s2(test) ? AXAS_SYNC_DATA : 0;
	struct axas_space *space = axas_test_space(test);
	struct axas_collapse args = {
		.flags = AXAS_COLLAPSE_COPY, .gpa = GPA, .length = SZ_2M,
	};
	struct sync_watch *watch;
	unsigned int i, old = 0;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, GPA, SZ_2M, PROT_RWX, 0,
					     SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_populate_range(space, GPA, PAGES * SZ_4K,
						  NULL), 0);
	watch = sync_watch(test, space);
	KUNIT_ASSERT_EQ(test, axas_space_collapse(space, &args), 0);
	KUNIT_ASSERT_EQ(test, args.joined, (u64)SZ_2M);
	sync_expect(test, watch, what ? what | AXAS_SYNC_CODE : 0);
	for (i = 0; i < watch->nr; i++)
		old += watch->seen[i].size == SZ_4K &&
		       watch->seen[i].what == what;
	KUNIT_EXPECT_EQ(test, old, what ? PAGES : 0U);
}

#ifdef CONFIG_ARM64
/* Nothing is lost, nor touched beside it; a bad address would be an Oops. */
static void sync_keeps_contents(struct kunit *test)
{
	struct axas_frame frame __free(axas_frame) =
		axas_frame_alloc(1, NUMA_NO_NODE, GFP_KERNEL);
	u8 *at = axas_hal_phys_to_virt(frame.hpa);
	axas_hpa_t frames[2] = { frame.hpa, axas_hpa(frame.hpa.val + SZ_4K) };
	unsigned int what, i;

	KUNIT_ASSERT_TRUE(test, axas_frame_valid(frame.hpa));
	for (what = 0; what < 4; what++) {
		for (i = 0; i < SZ_8K; i++)
			at[i] = i + what;
		linux_hal_sync_frames(frames, 2, SZ_4K, what);
		for (i = 0; i < SZ_8K && at[i] == (u8)(i + what); i++)
			;
		KUNIT_EXPECT_EQ(test, i, (unsigned int)SZ_8K);
	}
}
#else
static void sync_keeps_contents(struct kunit *test)
{
	kunit_skip(test, "only arm64 has to do anything");
}
#endif

static struct kunit_case sync_x86_cases[] = {
	KUNIT_CASE(sync_before_leaf),
	KUNIT_CASE(sync_before_exec),
	KUNIT_CASE(sync_not_linear),
	KUNIT_CASE(sync_after_write),
	KUNIT_CASE(sync_of_collapse),
	{}
};

struct kunit_suite axas_sync_ept_suite = {
	.name = "axas_sync_ept",
	.init = axas_test_init_ept,
	.exit = axas_test_exit,
	.test_cases = sync_x86_cases,
};

static struct kunit_case sync_s2_cases[] = {
	KUNIT_CASE(sync_before_leaf),
	KUNIT_CASE(sync_before_exec),
	KUNIT_CASE(sync_not_linear),
	KUNIT_CASE(sync_after_write),
	KUNIT_CASE(sync_of_collapse),
	KUNIT_CASE(sync_keeps_contents),
	{}
};

struct kunit_suite axas_sync_s2_suite = {
	.name = "axas_sync_s2",
	.init = axas_test_init_s2,
	.exit = axas_test_exit,
	.test_cases = sync_s2_cases,
};

struct kunit_suite axas_sync_amd_suite = {
	.name = "axas_sync_amd",
	.init = axas_test_init_amd,
	.exit = axas_test_exit,
	.test_cases = sync_x86_cases,
};
