// SPDX-License-Identifier: GPL-2.0
/*
 * Backends, without a space around them.
 */
#include <linux/nodemask.h>

#include "context.h"
#include "suites.h"

/* An area as the space makes it before it asks the backend. */
static struct axas_area backend_area(u32 id, unsigned int max_level)
{
	return (struct axas_area){
		.ops = axas_backend(id),
		.attr = { .prot = PROT_RW },
		.max_level = max_level,
		.place = AXAS_ANYWHERE,
		.ranges = 1,
	};
}

static void backend_lookup(struct kunit *test)
{
	const struct axas_backend_ops *linear = axas_backend(1);
	const struct axas_backend_ops *alloc = axas_backend(2);
	const struct axas_backend_ops *device = axas_backend(3);
	const struct axas_backend_ops *alias = axas_backend(4);

	KUNIT_EXPECT_NULL(test, axas_backend(0));
	KUNIT_EXPECT_NULL(test, axas_backend(5));
	KUNIT_EXPECT_NULL(test, axas_backend(U32_MAX));
	KUNIT_ASSERT_NOT_NULL(test, linear);
	KUNIT_ASSERT_NOT_NULL(test, alloc);
	KUNIT_ASSERT_NOT_NULL(test, device);
	KUNIT_ASSERT_NOT_NULL(test, alias);
	KUNIT_EXPECT_EQ(test, alias->id, 4U);
	KUNIT_EXPECT_EQ(test, alias->max_level, (u8)1);
	KUNIT_EXPECT_EQ(test, linear->id, 1U);
	KUNIT_EXPECT_EQ(test, alloc->id, 2U);
	KUNIT_EXPECT_EQ(test, device->id, 3U);
	KUNIT_EXPECT_STREQ(test, device->name, "device");
	KUNIT_EXPECT_EQ(test, device->max_level, (u8)0);
	KUNIT_EXPECT_EQ(test, device->default_level, (u8)0);
	KUNIT_EXPECT_STREQ(test, linear->name, "linear");
	KUNIT_EXPECT_STREQ(test, alloc->name, "alloc");
	KUNIT_EXPECT_FALSE(test, linear->flags & AXAS_MAP_POPULATE);
	KUNIT_EXPECT_TRUE(test, alloc->flags & AXAS_MAP_POPULATE);
	/* 1 GiB, 2 MiB; what comes when nobody asks: the largest, 4 KiB. */
	KUNIT_EXPECT_EQ(test, linear->max_level, (u8)3);
	KUNIT_EXPECT_EQ(test, linear->default_level, (u8)3);
	KUNIT_EXPECT_EQ(test, alloc->max_level, (u8)2);
	KUNIT_EXPECT_EQ(test, alloc->default_level, (u8)1);
}

static void backend_linear_setup(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_area area = backend_area(AXAS_BACKEND_LINEAR, 3);
	struct axas_map args = { .gpa = SZ_1G, .length = SZ_2M };
	const u64 end = 1ULL << (axas_is_s2(test) ? 48 : 52);

	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), 0);
	/* HPA below GPA: the distance wraps and is right all the same. */
	KUNIT_EXPECT_EQ(test, area.offset + SZ_1G, 0ULL);
	KUNIT_EXPECT_FALSE(test, area.attr.owned);
	args.hpa = end - SZ_2M;
	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), 0);
	KUNIT_EXPECT_EQ(test, area.offset, end - SZ_2M - SZ_1G);
	args.hpa = end - SZ_2M + SZ_4K;
	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), -ERANGE);
	args.hpa = -(u64)SZ_4K;
	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), -ERANGE);
	args.hpa = SZ_2K;
	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), -EINVAL);
}

static int backend_do_map(struct axas_npt *npt, struct axas_area *area,
			  const struct axas_map *args)
{
	int ret = area->ops->setup(area, npt, args);

	if (ret)
		return ret;
	if (!area->ops->map)
		return 0;
	area->shared = npt->ops->encode(npt, area->attr);
	mutex_lock(npt->lock);
	ret = area->ops->map(area, npt, args);
	mutex_unlock(npt->lock);
	return ret;
}

static void backend_linear_map(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_area area = backend_area(AXAS_BACKEND_LINEAR, 3);
	const struct axas_map args = {
		.gpa = SZ_1G, .length = SZ_2M + SZ_4K, .hpa = HPA_NOWHERE,
	};
	struct axas_leaf leaf;

	KUNIT_ASSERT_EQ(test, backend_do_map(npt, &area, &args), 0);
	KUNIT_ASSERT_EQ(test, axas_lookup_at(npt, SZ_1G, &leaf), 0);
	KUNIT_EXPECT_EQ(test, leaf.level, 2U);
	KUNIT_EXPECT_EQ(test, leaf.hpa.val, HPA_NOWHERE);
	KUNIT_ASSERT_EQ(test, axas_lookup_at(npt, SZ_1G + SZ_2M, &leaf), 0);
	KUNIT_EXPECT_EQ(test, leaf.level, 1U);
	KUNIT_EXPECT_FALSE(test, leaf.attr.owned);
	KUNIT_EXPECT_EQ(test, axas_lookup_at(npt, SZ_1G + SZ_2M + SZ_4K, &leaf),
			-ENOENT);
}

static void backend_alloc_setup(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_area area = backend_area(AXAS_BACKEND_ALLOC, 1);
	struct axas_map args = { .gpa = SZ_1G, .length = SZ_2M };

	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), 0);
	KUNIT_EXPECT_TRUE(test, area.attr.owned);
	KUNIT_EXPECT_EQ(test, area.place.nid, NUMA_NO_NODE);
	args.flags = AXAS_MAP_NODE;
	args.node = first_memory_node;
	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), 0);
	KUNIT_EXPECT_EQ(test, area.place.nid, (int)first_memory_node);
	args.node = MAX_NUMNODES;
	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), -EINVAL);
	args.node = U32_MAX;
	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), -EINVAL);
	args = (struct axas_map){ .hpa = SZ_4K };
	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), -EINVAL);
}

static void backend_alloc_setup_nodes(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_area area = backend_area(AXAS_BACKEND_ALLOC, 1);
	struct axas_map args = {
		.flags = AXAS_MAP_BIND, .nodes = BIT(first_memory_node),
	};

	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), 0);
	KUNIT_EXPECT_EQ(test, area.place.nid, NUMA_NO_NODE);
	KUNIT_EXPECT_EQ(test, area.place.nodes, args.nodes);
	KUNIT_EXPECT_TRUE(test, area.placed);
	KUNIT_EXPECT_EQ(test, area.spread, 0U);
	args.flags |= AXAS_MAP_NODE;
	args.node = first_memory_node;
	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), 0);
	KUNIT_EXPECT_EQ(test, area.place.nid, (int)first_memory_node);

	area = backend_area(AXAS_BACKEND_ALLOC, 1);
	args.flags = AXAS_MAP_INTERLEAVE;
	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), 0);
	KUNIT_EXPECT_EQ(test, area.place.nodes, 0U);
	KUNIT_EXPECT_EQ(test, area.spread, args.nodes);
	args.flags |= AXAS_MAP_BIND;
	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), 0);
	KUNIT_EXPECT_EQ(test, area.place.nodes, args.nodes);
	args.nodes = 0;
	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), -EINVAL);
}

static void backend_alloc_setup_whole(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_area area = backend_area(AXAS_BACKEND_ALLOC, 2);
	struct axas_map args = {
		.gpa = SZ_2M, .length = SZ_4M, .flags = AXAS_MAP_WHOLE,
	};

	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), 0);
	KUNIT_EXPECT_TRUE(test, area.place.whole);
	args.length += SZ_4K;
	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), -EINVAL);
	args = (struct axas_map){ .gpa = SZ_4K, .length = SZ_2M, .flags = args.flags };
	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), -EINVAL);
	area.max_level = 1;
	args.gpa = SZ_2M;
	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), -EINVAL);
	args.flags = 0;
	KUNIT_EXPECT_EQ(test, area.ops->setup(&area, npt, &args), 0);
	KUNIT_EXPECT_FALSE(test, area.place.whole);
}

/* From one 2 MiB to the next, whatever comes before what was made there. */
static void backend_alloc_spread(struct kunit *test)
{
	static const struct { u64 origin, gpa; int nid; } rows[] = {
		{ 0, 0, 1 }, { 0, SZ_2M - 1, 1 }, { 0, SZ_2M, 4 },
		{ 0, 2 * SZ_2M, 31 }, { 0, 3 * SZ_2M, 1 },
		{ SZ_2M + SZ_4K, SZ_2M + SZ_4K, 1 },
		{ SZ_2M + SZ_4K, 2 * SZ_2M, 4 },
		/* Moved down by more than where it was made. */
		{ -2ULL * SZ_2M, 0, 31 }, { -2ULL * SZ_2M, SZ_2M, 1 },
	};
	struct axas_area area = { .place = AXAS_ANYWHERE };
	unsigned int i;

	KUNIT_EXPECT_EQ(test, axas_area_place(&area, axas_gpa(SZ_2M)).nid,
			NUMA_NO_NODE);
	area.spread = 1U << 1 | 1U << 4 | 1U << 31;
	area.place.nodes = area.spread;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct axas_place place;

		area.origin = rows[i].origin;
		place = axas_area_place(&area, axas_gpa(rows[i].gpa));
		KUNIT_EXPECT_EQ_MSG(test, place.nid, rows[i].nid, "row %u", i);
		KUNIT_EXPECT_EQ(test, place.nodes, area.spread);
	}
}

static void backend_alloc_map(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_area area = backend_area(AXAS_BACKEND_ALLOC, 2);
	struct axas_map args = {
		.gpa = SZ_1G - SZ_4K, .length = SZ_2M + 2 * SZ_4K,
	};

	/* Eager or not: that is for the space to do. */
	args.flags = AXAS_MAP_POPULATE;
	KUNIT_ASSERT_EQ(test, backend_do_map(npt, &area, &args), 0);
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 1L);
	KUNIT_EXPECT_TRUE(test, area.ops->zeroed);
}

static int backend_do_fault(struct axas_npt *npt, const struct axas_area *area,
			    struct axas_nested_fault *fault)
{
	struct axas_npt_slot slot;
	struct axas_leaf leaf;
	int ret;

	rcu_read_lock();
	npt->ops->lookup(npt, fault->gpa, &slot, &leaf);
	ret = area->ops->fault(area, npt, &slot, fault);
	rcu_read_unlock();
	return ret;
}

static struct axas_nested_fault backend_fault_at(u64 gpa, u64 start, u64 last)
{
	return (struct axas_nested_fault){
		.gpa = axas_gpa(gpa), .access = PROT_R,
		.start = start, .last = last, .frame = AXAS_FRAME_NONE,
	};
}

/* One that is left of somewhere else isn't taken. */
static void backend_alloc_bound_frame(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_area area = backend_area(AXAS_BACKEND_ALLOC, 1);
	struct axas_nested_fault fault = backend_fault_at(SZ_1G, SZ_1G,
							  SZ_1G + SZ_4K - 1);

	area.place.nodes = ~(u32)BIT(first_memory_node);
	fault.frame = axas_frame_alloc(0, NUMA_NO_NODE,
				       GFP_KERNEL | __GFP_ZERO | __GFP_THISNODE);
	KUNIT_ASSERT_TRUE(test, axas_frame_valid(fault.frame.hpa));
	if (page_to_nid(axas_hal_page(fault.frame.hpa)) == first_memory_node) {
		KUNIT_EXPECT_EQ(test, backend_do_fault(npt, &area, &fault),
				-EAGAIN);
		KUNIT_EXPECT_TRUE(test, fault.want_frame);
		KUNIT_EXPECT_EQ(test, fault.place.nodes, area.place.nodes);
	}
	KUNIT_EXPECT_FALSE(test, axas_frame_valid(fault.frame.hpa));
	axas_frame_free(&fault.frame);
}

static void backend_linear_has_no_faults(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_area area = backend_area(AXAS_BACKEND_LINEAR, 3);
	struct axas_nested_fault fault = backend_fault_at(0, 0, SZ_2M - 1);

	KUNIT_EXPECT_EQ(test, backend_do_fault(npt, &area, &fault), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, fault.want_frame);
	KUNIT_EXPECT_EQ(test, fault.tables, 0U);
}

static void backend_device(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_area area = backend_area(AXAS_BACKEND_DEVICE, 0);
	const struct axas_map args = { .gpa = SZ_1G, .length = SZ_2M };
	struct axas_nested_fault fault;

	area.cookie = 77;
	area.origin = SZ_1G;
	KUNIT_ASSERT_EQ(test, backend_do_map(npt, &area, &args), 0);
	KUNIT_EXPECT_FALSE(test, area.attr.owned);
	/* A piece that is left of it. */
	fault = backend_fault_at(SZ_1G + SZ_64K + 5, SZ_1G + SZ_64K,
				 SZ_1G + SZ_64K + SZ_4K - 1);
	fault.width = 8;
	KUNIT_EXPECT_EQ(test, backend_do_fault(npt, &area, &fault),
			(int)AXAS_FAULT_DEVICE);
	KUNIT_EXPECT_EQ(test, fault.cookie, 77ULL);
	KUNIT_EXPECT_EQ(test, fault.offset, SZ_64K + 5ULL);
	fault.gpa = axas_gpa(fault.last - 6);
	KUNIT_EXPECT_EQ(test, backend_do_fault(npt, &area, &fault),
			(int)AXAS_FAULT_INVALID);
	fault.gpa = axas_gpa(fault.last - 7);
	KUNIT_EXPECT_EQ(test, backend_do_fault(npt, &area, &fault),
			(int)AXAS_FAULT_DEVICE);
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 1L);
}

/* It can't sleep: it says what it wants. */
static void backend_alloc_fault_wants(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_area area = backend_area(AXAS_BACKEND_ALLOC, 1);
	struct axas_nested_fault fault = backend_fault_at(SZ_1G, SZ_1G,
							  SZ_1G + SZ_4K - 1);
	struct fake_hal_fail fail = { .nth = 1 };

	area.attr.owned = true;
	area.shared = npt->ops->encode(npt, area.attr);
	area.place = AXAS_ANYWHERE;
	fake_hal_set_fail(&fail);
	KUNIT_EXPECT_EQ(test, backend_do_fault(npt, &area, &fault), -EAGAIN);
	KUNIT_EXPECT_TRUE(test, fault.want_frame);
	KUNIT_EXPECT_EQ(test, fault.order, 0U);
	KUNIT_EXPECT_EQ(test, fault.place.nid, NUMA_NO_NODE);

	/* The frame comes, the second table doesn't. */
	fault.want_frame = false;
	fail.nth = 3;
	fake_hal_set_fail(&fail);
	KUNIT_EXPECT_EQ(test, backend_do_fault(npt, &area, &fault), -EAGAIN);
	KUNIT_EXPECT_FALSE(test, fault.want_frame);
	KUNIT_EXPECT_EQ(test, fault.tables, 3U);
	KUNIT_EXPECT_TRUE(test, axas_frame_valid(fault.frame.hpa));
	/* Root and frame: the first table has been given back. */
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 2L);

	KUNIT_ASSERT_EQ(test, axas_npt_pool_fill(&fault.pool, 3,
						 GFP_KERNEL | __GFP_ZERO),
			0);
	KUNIT_EXPECT_EQ(test, backend_do_fault(npt, &area, &fault), 0);
	KUNIT_EXPECT_FALSE(test, axas_frame_valid(fault.frame.hpa));
	KUNIT_EXPECT_EQ(test, fault.pool.nr, 0U);
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 5L);
}

static void backend_alloc_fault_level(struct kunit *test)
{
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	struct axas_area area = backend_area(AXAS_BACKEND_ALLOC, 2);
	static const struct { u64 start, last; bool small, large; } rows[] = {
		{ SZ_2M, 2 * SZ_2M - 1, false, true },
		{ 0, SZ_1G - 1, false, true },
		{ SZ_2M, 2 * SZ_2M - 1, true, false },
		{ SZ_2M + SZ_4K, SZ_1G - 1, false, false },
		{ 0, 2 * SZ_2M - SZ_4K - 1, false, false },
	};
	unsigned int i;

	area.place = AXAS_ANYWHERE;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct fake_hal_fail fail = { .nth = 1, .onwards = true };
		struct axas_nested_fault fault;

		fault = backend_fault_at(SZ_2M + SZ_64K, rows[i].start,
					 rows[i].last);
		/* Small ones are tried at once, large ones are asked for. */
		fault.small = rows[i].small;
		fake_hal_set_fail(&fail);
		KUNIT_EXPECT_EQ(test, backend_do_fault(npt, &area, &fault),
				-EAGAIN);
		KUNIT_EXPECT_TRUE(test, fault.want_frame);
		KUNIT_EXPECT_EQ_MSG(test, fault.order, rows[i].large ? 9U : 0U,
				    "row %u", i);
	}
}

KUNIT_ARRAY_PARAM(axas_format, axas_formats, axas_format_desc);

static struct kunit_case backend_cases[] = {
	KUNIT_CASE(backend_lookup),
	KUNIT_CASE_PARAM(backend_linear_setup, axas_format_gen_params),
	KUNIT_CASE_PARAM(backend_linear_map, axas_format_gen_params),
	KUNIT_CASE_PARAM(backend_linear_has_no_faults, axas_format_gen_params),
	KUNIT_CASE_PARAM(backend_device, axas_format_gen_params),
	KUNIT_CASE_PARAM(backend_alloc_setup, axas_format_gen_params),
	KUNIT_CASE_PARAM(backend_alloc_setup_nodes, axas_format_gen_params),
	KUNIT_CASE_PARAM(backend_alloc_setup_whole, axas_format_gen_params),
	KUNIT_CASE(backend_alloc_spread),
	KUNIT_CASE(backend_alloc_bound_frame),
	KUNIT_CASE_PARAM(backend_alloc_map, axas_format_gen_params),
	KUNIT_CASE_PARAM(backend_alloc_fault_wants, axas_format_gen_params),
	KUNIT_CASE_PARAM(backend_alloc_fault_level, axas_format_gen_params),
	{}
};

struct kunit_suite axas_backend_suite = {
	.name = "axas_backend",
	.init = axas_test_init_param,
	.exit = axas_test_exit,
	.test_cases = backend_cases,
};
