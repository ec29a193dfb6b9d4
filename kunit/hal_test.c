// SPDX-License-Identifier: GPL-2.0
/*
 * The HAL: owned frames over the fake one, whose own watchfulness is tested
 * too; then the one of axas.ko.
 */
#include "context.h"
#include "suites.h"

static struct axas_frame hal_frame(unsigned int order, gfp_t gfp)
{
	return axas_frame_alloc(order, NUMA_NO_NODE, gfp);
}

static void hal_frame_is_freed_at_the_end_of_the_scope(struct kunit *test)
{
	axas_hpa_t hpa;

	{
		struct axas_frame frame __free(axas_frame) = AXAS_FRAME_NONE;

		frame = hal_frame(0, GFP_KERNEL);
		hpa = frame.hpa;
		KUNIT_ASSERT_TRUE(test, axas_frame_valid(hpa));
		KUNIT_EXPECT_TRUE(test, fake_hal_owns(hpa));
		KUNIT_EXPECT_EQ(test, axas_hal_pages(), 1L);
	}
	KUNIT_EXPECT_FALSE(test, fake_hal_owns(hpa));
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 0L);
}

static void hal_frame_that_was_taken_lives_on(struct kunit *test)
{
	axas_hpa_t hpa;

	{
		struct axas_frame frame __free(axas_frame) = AXAS_FRAME_NONE;

		frame = hal_frame(2, GFP_KERNEL);
		hpa = axas_frame_take(&frame);
		KUNIT_EXPECT_FALSE(test, axas_frame_valid(frame.hpa));
	}
	KUNIT_ASSERT_TRUE(test, axas_frame_valid(hpa));
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 4L);
	axas_hal_dealloc_frame(hpa, 2);
}

static void hal_frame_is_freed_once(struct kunit *test)
{
	struct axas_frame frame = hal_frame(0, GFP_KERNEL);
	struct axas_frame none = AXAS_FRAME_NONE;

	axas_frame_free(&frame);
	KUNIT_EXPECT_FALSE(test, axas_frame_valid(frame.hpa));
	axas_frame_free(&frame);
	axas_frame_free(&none);
	KUNIT_EXPECT_EQ(test, fake_hal_bad_frees(), 0UL);
}

static void hal_frame_without_memory(struct kunit *test)
{
	const struct fake_hal_fail fail = { .nth = 2 };
	struct axas_frame frames[3];
	unsigned int i;

	fake_hal_set_fail(&fail);
	for (i = 0; i < 3; i++)
		frames[i] = hal_frame(0, i ? GFP_NOWAIT : GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, axas_frame_valid(frames[0].hpa));
	KUNIT_EXPECT_FALSE(test, axas_frame_valid(frames[1].hpa));
	KUNIT_EXPECT_TRUE(test, axas_frame_valid(frames[2].hpa));
	for (i = 0; i < 3; i++)
		axas_frame_free(&frames[i]);
}

struct hal_impl {
	const char *name;
	axas_hpa_t (*alloc)(unsigned int order, int nid, gfp_t gfp);
	axas_hpa_t (*bound)(unsigned int order, struct axas_place place,
			    gfp_t gfp);
	void (*dealloc)(axas_hpa_t hpa, unsigned int order);
	bool (*is_whole)(axas_hpa_t hpa);
	void (*split)(axas_hpa_t hpa);
	long (*pages)(void);
};

static const struct hal_impl hal_impls[] = {
	{ "fake", axas_hal_alloc_frame, axas_hal_alloc_bound,
	  axas_hal_dealloc_frame, axas_hal_is_whole, axas_hal_split_frame,
	  axas_hal_pages },
	{ "linux", linux_hal_alloc_frame, linux_hal_alloc_bound,
	  linux_hal_dealloc_frame, linux_hal_is_whole, linux_hal_split_frame,
	  linux_hal_pages },
};

static void hal_impl_desc(const struct hal_impl *impl, char *desc)
{
	strscpy(desc, impl->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(hal_impl, hal_impls, hal_impl_desc);

/* Orders: a table, the largest root, a large leaf. */
static const unsigned int hal_orders[] = { 0, 4, 9 };

static void hal_alignment_zero_and_count(struct kunit *test)
{
	const struct hal_impl *impl = test->param_value;
	unsigned int i, order;
	axas_hpa_t hpa;

	for (i = 0; i < ARRAY_SIZE(hal_orders); i++) {
		order = hal_orders[i];
		hpa = impl->alloc(order, NUMA_NO_NODE, GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_TRUE(test, axas_frame_valid(hpa));
		KUNIT_EXPECT_EQ(test, hpa.val & ((SZ_4K << order) - 1), 0ULL);
		KUNIT_EXPECT_NULL(test, memchr_inv(axas_hal_phys_to_virt(hpa),
						   0, SZ_4K << order));
		KUNIT_EXPECT_EQ(test, impl->pages(), 1L << order);
		/* So that who gets it next finds something. */
		memset(axas_hal_phys_to_virt(hpa), 0xcc, SZ_4K << order);
		impl->dealloc(hpa, order);
		KUNIT_EXPECT_EQ(test, impl->pages(), 0L);
	}
}

/* A frame of 2 MiB is one until it is split, and is freed page by page then. */
static void hal_pages_are_freed_one_by_one(struct kunit *test)
{
	const struct hal_impl *impl = test->param_value;
	axas_hpa_t hpa = impl->alloc(9, NUMA_NO_NODE, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_TRUE(test, axas_frame_valid(hpa));
	KUNIT_EXPECT_TRUE(test, impl->is_whole(hpa));
	KUNIT_EXPECT_EQ(test, page_count(axas_hal_page(hpa)), 1);
	KUNIT_EXPECT_EQ(test, page_count(axas_hal_page(hpa) + 511), 0);
	impl->split(hpa);
	KUNIT_EXPECT_FALSE(test, impl->is_whole(hpa));
	for (i = 0; i < 512; i++)
		KUNIT_EXPECT_EQ(test, page_count(axas_hal_page(hpa) + i), 1);
	impl->split(hpa);
	KUNIT_EXPECT_EQ(test, page_count(axas_hal_page(hpa) + 1), 1);
	for (i = 0; i < 512; i++)
		impl->dealloc(axas_hpa(hpa.val + i * SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, impl->pages(), 0L);
}

/* Whoever holds a reference keeps the page, and what is in it. */
static void hal_reference_keeps_the_page(struct kunit *test)
{
	const struct hal_impl *impl = test->param_value;
	axas_hpa_t hpa = impl->alloc(0, NUMA_NO_NODE, GFP_KERNEL | __GFP_ZERO);
	struct page *page;

	KUNIT_ASSERT_TRUE(test, axas_frame_valid(hpa));
	page = axas_hal_page(hpa);
	get_page(page);
	memset(page_address(page), 0x42, SZ_4K);
	impl->dealloc(hpa, 0);
	KUNIT_EXPECT_EQ(test, impl->pages(), 0L);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_EXPECT_NULL(test, memchr_inv(page_address(page), 0x42, SZ_4K));
	put_page(page);
}

/* Nobody may have a page of a whole frame but the first, by mistake. */
static void hal_reference_keeps_one_page_of_many(struct kunit *test)
{
	axas_hpa_t hpa = linux_hal_alloc_frame(9, NUMA_NO_NODE, GFP_KERNEL);
	struct page *page;

	KUNIT_ASSERT_TRUE(test, axas_frame_valid(hpa));
	page = axas_hal_page(hpa);
	get_page(page);
	memset(page_address(page), 0x42, SZ_4K);
	linux_hal_dealloc_frame(hpa, 9);
	KUNIT_EXPECT_EQ(test, linux_hal_pages(), 0L);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_EXPECT_EQ(test, page_private(page), 0UL);
	KUNIT_EXPECT_NULL(test, memchr_inv(page_address(page), 0x42, SZ_4K));
	put_page(page);
}

static void hal_node(struct kunit *test)
{
	const struct hal_impl *impl = test->param_value;
	int nid = first_memory_node;
	struct axas_place place = { .nid = nid };
	axas_hpa_t hpa = impl->alloc(0, nid, GFP_KERNEL);

	KUNIT_ASSERT_TRUE(test, axas_frame_valid(hpa));
	KUNIT_EXPECT_EQ(test, page_to_nid(axas_hal_page(hpa)), nid);
	impl->dealloc(hpa, 0);
	/* A set of one, and none of those that have memory. */
	place = (struct axas_place){ NUMA_NO_NODE, BIT(nid) };
	hpa = impl->bound(0, place, GFP_KERNEL);
	KUNIT_ASSERT_TRUE(test, axas_frame_valid(hpa));
	KUNIT_EXPECT_EQ(test, page_to_nid(axas_hal_page(hpa)), nid);
	impl->dealloc(hpa, 0);
	place.nodes = BIT(31);
	/* Where there is one node, it has everything. */
	if (!IS_ENABLED(CONFIG_NUMA) || node_state(31, N_MEMORY))
		return;
	KUNIT_EXPECT_FALSE(test, axas_frame_valid(impl->bound(0, place, AXAS_GFP)));
}

static void hal_addresses_convert_both_ways(struct kunit *test)
{
	struct axas_frame frame = hal_frame(0, GFP_KERNEL);
	void *virt = axas_hal_phys_to_virt(frame.hpa);

	KUNIT_EXPECT_PTR_EQ(test, virt, page_address(axas_hal_page(frame.hpa)));
	KUNIT_EXPECT_EQ(test, axas_hal_virt_to_phys(virt).val, frame.hpa.val);
	KUNIT_EXPECT_EQ(test, *(u8 *)virt, (u8)FAKE_HAL_FRESH);
	axas_frame_free(&frame);
}

/* The fake HAL does see a page freed twice, or never handed out. */
static void hal_fake_sees_bad_frees(struct kunit *test)
{
	struct axas_frame frame = hal_frame(0, GFP_KERNEL);
	struct page *page = alloc_page(GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, page);
	get_page(axas_hal_page(frame.hpa));
	axas_hal_dealloc_frame(frame.hpa, 0);
	KUNIT_EXPECT_EQ(test, fake_hal_bad_frees(), 0UL);
	axas_hal_dealloc_frame(frame.hpa, 0);
	KUNIT_EXPECT_EQ(test, fake_hal_bad_frees(), 1UL);
	axas_hal_dealloc_frame(axas_hpa(page_to_pfn(page) << PAGE_SHIFT), 0);
	KUNIT_EXPECT_EQ(test, fake_hal_bad_frees(), 2UL);
	put_page(axas_hal_page(frame.hpa));
	__free_page(page);
	fake_hal_reset();
}

/* The n-th, from the n-th on, of an order; never what must not fail. */
static void hal_fake_fails_on_demand(struct kunit *test)
{
	struct fake_hal_fail fail = { .nth = 1, .onwards = true };
	struct axas_frame small, large;

	fake_hal_set_fail(&fail);
	small = hal_frame(0, GFP_KERNEL);
	KUNIT_EXPECT_FALSE(test, axas_frame_valid(small.hpa));
	small = hal_frame(0, GFP_NOWAIT);
	KUNIT_EXPECT_FALSE(test, axas_frame_valid(small.hpa));
	KUNIT_EXPECT_EQ(test, fake_hal_failed(), 2UL);
	small = hal_frame(0, GFP_KERNEL | __GFP_NOFAIL);
	KUNIT_EXPECT_TRUE(test, axas_frame_valid(small.hpa));
	axas_frame_free(&small);

	fail.min_order = 9;
	fake_hal_set_fail(&fail);
	small = hal_frame(0, GFP_KERNEL);
	large = hal_frame(9, GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, axas_frame_valid(small.hpa));
	KUNIT_EXPECT_FALSE(test, axas_frame_valid(large.hpa));
	axas_frame_free(&small);
}

struct hal_holder {
	struct axas_holder holder;
	u64 gpa;
	u64 size;
	unsigned int calls;
};

static void hal_holder_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
				  u64 size)
{
	struct hal_holder *h = container_of(holder, struct hal_holder, holder);

	h->gpa = gpa.val;
	h->size = size;
	h->calls++;
}

static void hal_invalidate_tells_every_holder(struct kunit *test)
{
	struct hal_holder holders[2] = {};
	LIST_HEAD(list);
	unsigned int i;

	axas_hal_invalidate(&list, axas_gpa(0), SZ_4K);
	for (i = 0; i < 2; i++) {
		holders[i].holder.invalidate = hal_holder_invalidate;
		list_add(&holders[i].holder.node, &list);
	}
	axas_hal_invalidate(&list, axas_gpa(SZ_1G), SZ_2M);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, holders[i].calls, 1U);
		KUNIT_EXPECT_EQ(test, holders[i].gpa, (u64)SZ_1G);
		KUNIT_EXPECT_EQ(test, holders[i].size, (u64)SZ_2M);
	}
}

static struct kunit_case hal_cases[] = {
	KUNIT_CASE(hal_frame_is_freed_at_the_end_of_the_scope),
	KUNIT_CASE(hal_frame_that_was_taken_lives_on),
	KUNIT_CASE(hal_frame_is_freed_once),
	KUNIT_CASE(hal_frame_without_memory),
	KUNIT_CASE_PARAM(hal_alignment_zero_and_count, hal_impl_gen_params),
	KUNIT_CASE_PARAM(hal_pages_are_freed_one_by_one, hal_impl_gen_params),
	KUNIT_CASE_PARAM(hal_reference_keeps_the_page, hal_impl_gen_params),
	KUNIT_CASE(hal_reference_keeps_one_page_of_many),
	KUNIT_CASE_PARAM(hal_node, hal_impl_gen_params),
	KUNIT_CASE(hal_addresses_convert_both_ways),
	KUNIT_CASE(hal_fake_sees_bad_frees),
	KUNIT_CASE(hal_fake_fails_on_demand),
	KUNIT_CASE(hal_invalidate_tells_every_holder),
	{}
};

struct kunit_suite axas_hal_suite = {
	.name = "axas_hal",
	.init = axas_test_init_none,
	.exit = axas_test_exit,
	.test_cases = hal_cases,
};
