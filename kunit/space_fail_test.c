// SPDX-License-Identifier: GPL-2.0
/*
 * All or nothing: the calls of which each allocation fails in turn.
 */
#include "cases.h"
#include "fail.h"
#include "snapshot.h"

/* Over 1 GiB: two tables at each level, and not all at the beginning. */
static int call_map_eager_small(struct axas_space *space)
{
	return axas_map_alloc(space, SZ_1G - 3 * SZ_4K, 6 * SZ_4K, PROT_RW,
			      AXAS_MAP_POPULATE, 0);
}

/* A neighbour in the same tables, which must stay. */
static int setup_neighbour(struct axas_space *space)
{
	return axas_map_alloc(space, SZ_1G + 8 * SZ_4K, SZ_4K, PROT_R,
			      AXAS_MAP_POPULATE, 0);
}

static const struct fail_scenario map_eager_small = {
	setup_neighbour, call_map_eager_small,
};

/* A page, 2 MiB, a page. */
static int call_map_eager_large(struct axas_space *space)
{
	return axas_map_alloc(space, SZ_1G - SZ_2M - SZ_4K, SZ_2M + 2 * SZ_4K,
			      PROT_RW, AXAS_MAP_POPULATE, SZ_2M);
}

static const struct fail_scenario map_eager_large = {
	setup_neighbour, call_map_eager_large,
};

static int call_map_linear(struct axas_space *space)
{
	return axas_map_linear(space, (1ULL << 39) - SZ_1G - SZ_2M - SZ_4K,
			       2 * (SZ_1G + SZ_2M + (u64)SZ_4K),
			       HPA_NOWHERE - SZ_1G - SZ_2M - SZ_4K, PROT_RW);
}

static const struct fail_scenario map_linear = { NULL, call_map_linear };

static int call_map_lazy(struct axas_space *space)
{
	return axas_map_alloc(space, SZ_1G, SZ_1G, PROT_RW, 0, SZ_2M);
}

static int setup_page(struct axas_space *space)
{
	return axas_map_alloc(space, 0, SZ_4K, PROT_R, AXAS_MAP_POPULATE, 0);
}

static const struct fail_scenario map_lazy = { setup_page, call_map_lazy };

static int setup_linear(struct axas_space *space)
{
	return axas_map_linear(space, SZ_1G, 4ULL * SZ_1G, HPA_NOWHERE,
			       PROT_RW);
}

/* In the middle of two leaves of 1 GiB. */
static int call_unmap_splits(struct axas_space *space)
{
	return axas_unmap_range(space, SZ_1G + 7 * SZ_2M + SZ_4K, 2ULL * SZ_1G);
}

static const struct fail_scenario unmap_splits = {
	setup_linear, call_unmap_splits,
};

static int call_protect_splits(struct axas_space *space)
{
	return axas_protect_range(space, SZ_1G + 7 * SZ_2M + SZ_4K,
				  2ULL * SZ_1G, PROT_R);
}

static const struct fail_scenario protect_splits = {
	setup_linear, call_protect_splits,
};

/* Two frames of 2 MiB, of which a page is left at either end. */
static int setup_two_large(struct axas_space *space)
{
	return axas_map_alloc(space, SZ_1G, 2 * SZ_2M, PROT_RW,
			      AXAS_MAP_POPULATE, SZ_2M);
}

static int call_discard_splits(struct axas_space *space)
{
	return axas_discard_range(space, SZ_1G + SZ_4K, 2 * SZ_2M - 2 * SZ_4K,
				  NULL);
}

static const struct fail_scenario discard_splits = {
	setup_two_large, call_discard_splits,
};

/* In one table, which isn't there either. */
static int call_populate(struct axas_space *space)
{
	return axas_populate_range(space, 1ULL << 40, 6 * SZ_4K, NULL);
}

static int setup_far_area(struct axas_space *space)
{
	return axas_map_alloc(space, 1ULL << 40, SZ_2M, PROT_RW, 0, 0);
}

static const struct fail_scenario populate = { setup_far_area, call_populate };

/* In the middle of a leaf of 1 GiB, and of a frame of 2 MiB. */
static int call_resize_linear(struct axas_space *space)
{
	return axas_resize_area(space, SZ_1G, SZ_1G + 7 * SZ_2M + SZ_4K);
}

static const struct fail_scenario resize_linear = {
	setup_linear, call_resize_linear,
};

static int call_resize_splits(struct axas_space *space)
{
	return axas_resize_area(space, SZ_1G, SZ_2M + SZ_4K);
}

static const struct fail_scenario resize_splits = {
	setup_two_large, call_resize_splits,
};

/* To where no table is, and from leaves that must be split. */
static int call_move_splits(struct axas_space *space)
{
	return axas_space_move(space, axas_gpa(SZ_1G + SZ_4K),
			       axas_gpa(1ULL << 40), 2 * SZ_2M - SZ_2M / 2,
			       false);
}

static const struct fail_scenario move_splits = {
	setup_two_large, call_move_splits, true,
};

/* Tables that go as they are, and what is at their ends. */
static int setup_small(struct axas_space *space)
{
	return axas_map_alloc(space, SZ_1G, SZ_4M, PROT_RW, AXAS_MAP_POPULATE,
			      0);
}

static int call_move_tables(struct axas_space *space)
{
	return axas_space_move(space, axas_gpa(SZ_1G + SZ_4K),
			       axas_gpa((1ULL << 40) + SZ_4K), SZ_4M - SZ_8K,
			       false);
}

static const struct fail_scenario move_tables = {
	setup_small, call_move_tables,
};

static int setup_exchange(struct axas_space *space)
{
	const struct axas_map device = {
		.backend = AXAS_BACKEND_DEVICE, .gpa = 1ULL << 40,
		.length = SZ_64K, .prot = PROT_RW,
	};
	int ret = axas_space_map(space, &device);

	return ret ? ret : setup_two_large(space);
}

static int call_exchange(struct axas_space *space)
{
	return axas_space_move(space, axas_gpa(SZ_1G + SZ_4K),
			       axas_gpa(1ULL << 40), SZ_64K, true);
}

static const struct fail_scenario move_exchange = {
	setup_exchange, call_exchange, true,
};

/* So many areas that what the tree may grow by has to be paid for. */
#define MANY_AREAS	24

static int setup_move_many(struct axas_space *space)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < MANY_AREAS && !ret; i++)
		ret = axas_map_alloc(space, SZ_1G + i * (u64)SZ_4K, SZ_4K,
				     i % 2 ? PROT_R : PROT_RW, 0, 0);
	return ret;
}

static int call_move_many(struct axas_space *space)
{
	u64 charges = space->areas.nr_charges;
	int ret = axas_space_move(space, axas_gpa(SZ_1G), axas_gpa(SZ_2G),
				  MANY_AREAS * SZ_4K, false);

	/* One is kept. */
	return ret && space->areas.nr_charges > charges + 1 ? -E2BIG : ret;
}

static const struct fail_scenario move_many = {
	setup_move_many, call_move_many,
};

/* A page in each of two times 2 MiB. */
static int setup_two_small(struct axas_space *space)
{
	int ret = axas_map_alloc(space, SZ_1G, SZ_4M, PROT_RW, 0, SZ_2M);

	if (!ret)
		ret = axas_populate_range(space, SZ_1G, SZ_4K, NULL);
	return ret ? ret : axas_populate_range(space, SZ_1G + SZ_2M, SZ_4K,
					       NULL);
}

/* What there is no frame for stays as it is. */
static int call_collapse(struct axas_space *space)
{
	struct axas_collapse args = {
		.flags = AXAS_COLLAPSE_COPY, .gpa = SZ_1G, .length = SZ_4M,
	};
	int ret = axas_space_collapse(space, &args);

	return ret ? ret : args.done == SZ_4M ? 0 : -EIO;
}

static const struct fail_scenario collapse = {
	setup_two_small, call_collapse,
};

/* Six areas; of the last two one has a frame of 2 MiB, one of 4 KiB. */
static int setup_areas(struct axas_space *space)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < 6 && !ret; i++) {
		u64 gpa = SZ_1G + i * (u64)SZ_2M;

		if (i % 3 == 0)
			ret = axas_map_linear(space, gpa, SZ_2M, HPA_NOWHERE,
					      PROT_RW);
		else
			ret = axas_map_alloc(space, gpa, SZ_2M, PROT_RW, 0,
					     i % 3 == 1 ? SZ_2M : SZ_4K);
		if (!ret && i > 3)
			axas_fault_at(space, gpa + SZ_64K, PROT_R);
	}
	return ret;
}

static int call_protect_areas(struct axas_space *space)
{
	return axas_protect_range(space, SZ_1G + SZ_4K, 6 * SZ_2M - 2 * SZ_4K,
				  PROT_R);
}

static const struct fail_scenario protect_areas = {
	setup_areas, call_protect_areas,
};

static int call_unmap_areas(struct axas_space *space)
{
	return axas_unmap_range(space, SZ_1G + SZ_4K, 6 * SZ_2M - 2 * SZ_4K);
}

static const struct fail_scenario unmap_areas = {
	setup_areas, call_unmap_areas,
};

/* More than go by one store; the next range that is added is paid for. */
static int setup_many(struct axas_space *space)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < 39 && !ret; i++)
		ret = axas_map_alloc(space, SZ_1G + i * SZ_64K, SZ_64K, PROT_RW,
				     0, 0);
	return ret;
}

static int call_unmap_many(struct axas_space *space)
{
	return axas_unmap_range(space, SZ_1G + SZ_4K, 39 * SZ_64K - 2 * SZ_4K);
}

static int call_protect_many(struct axas_space *space)
{
	return axas_protect_range(space, SZ_1G + SZ_4K,
				  39 * SZ_64K - 2 * SZ_4K, PROT_R);
}

static const struct fail_scenario protect_many = {
	setup_many, call_protect_many,
};

static int call_replace_many(struct axas_space *space)
{
	return axas_map_alloc(space, SZ_1G + SZ_4K, 39 * SZ_64K - 2 * SZ_4K,
			      PROT_R, AXAS_MAP_REPLACE, 0);
}

static const struct fail_scenario replace_many = {
	setup_many, call_replace_many,
};

/* As unmap, in the middle of two leaves. */
static int call_replace_splits(struct axas_space *space)
{
	return axas_map_alloc(space, SZ_1G + 7 * SZ_2M + SZ_4K, 2ULL * SZ_1G,
			      PROT_R, AXAS_MAP_REPLACE, 0);
}

static const struct fail_scenario replace_splits = {
	setup_linear, call_replace_splits,
};

/* The end of one area and the beginning of another, small and large leaves. */
static int call_replace_eager(struct axas_space *space)
{
	return axas_map_alloc(space, SZ_1G + 5 * SZ_2M - 3 * SZ_4K,
			      6 * SZ_4K, PROT_RWX,
			      AXAS_MAP_POPULATE | AXAS_MAP_REPLACE, 0);
}

static const struct fail_scenario replace_eager = {
	setup_areas, call_replace_eager,
};

static int call_replace_linear(struct axas_space *space)
{
	const struct axas_map args = {
		.gpa = SZ_1G + SZ_4K, .length = 6 * SZ_2M - 2 * SZ_4K,
		.hpa = HPA_NOWHERE + SZ_4K, .prot = PROT_R,
		.backend = AXAS_BACKEND_LINEAR, .flags = AXAS_MAP_REPLACE,
	};

	return axas_space_map(space, &args);
}

static const struct fail_scenario replace_linear = {
	setup_areas, call_replace_linear,
};

/* One of many fills a gap, which takes a new node of the tree. */
static int setup_gap(struct axas_space *space)
{
	int ret = setup_many(space);

	return ret ? ret : axas_unmap_range(space, SZ_1G + 20 * SZ_64K, SZ_64K);
}

static int call_resize_up(struct axas_space *space)
{
	return axas_resize_area(space, SZ_1G + 19 * SZ_64K, SZ_128K);
}

static const struct fail_scenario resize_up = { setup_gap, call_resize_up };

/* A hole in the first of them. */
static int call_unmap_hole(struct axas_space *space)
{
	return axas_unmap_range(space, SZ_1G + SZ_4K, SZ_4K);
}

static const struct fail_scenario unmap_hole = {
	setup_many, call_unmap_hole,
};

static int setup_lazy(struct axas_space *space)
{
	int ret = axas_map_alloc(space, SZ_1G, SZ_2M, PROT_RW, 0, SZ_2M);

	return ret ? ret : axas_map_alloc(space, 1ULL << 40, SZ_4K, PROT_RW, 0,
					  0);
}

static int call_fault(struct axas_space *space)
{
	return axas_fault_at(space, 1ULL << 40, PROT_W) ==
			       AXAS_FAULT_NO_MEMORY ?
		       -ENOMEM :
		       0;
}

static int call_fault_large(struct axas_space *space)
{
	return axas_fault_at(space, SZ_1G + SZ_4K, PROT_W) ==
	       AXAS_FAULT_NO_MEMORY ? -ENOMEM : 0;
}

static const struct fail_scenario fault_small = { setup_lazy, call_fault };
static const struct fail_scenario fault_large = { setup_lazy,
						  call_fault_large };

static int call_map_device(struct axas_space *space)
{
	const struct axas_map args = {
		.backend = AXAS_BACKEND_DEVICE,
		.gpa = SZ_1G,
		.length = SZ_1G,
		.prot = PROT_RW,
		.cookie = 1,
	};

	return axas_space_map(space, &args);
}

static const struct fail_scenario map_device = { setup_page, call_map_device };

static struct axas_port_range ports(u16 first, u16 last)
{
	return (struct axas_port_range){ axas_port(first), axas_port(last) };
}

/* More than one node of the tree holds. */
static int setup_ports(struct axas_space *space)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < 64 && !ret; i++)
		ret = axas_space_add_ports(space, ports(i * 4, i * 4 + 2), i);
	return ret;
}

static int call_device_add(struct axas_space *space)
{
	return axas_space_add_ports(space, ports(1000, 1007), 1);
}

static int call_device_del(struct axas_space *space)
{
	const struct axas_device args = {
		.bus = AXAS_BUS_PORT, .first = 80, .last = 82,
	};

	return axas_space_del_device(space, &args);
}

static const struct fail_scenario device_add = {
	setup_ports, call_device_add,
};

static const struct fail_scenario device_del = {
	setup_ports, call_device_del,
};

#define FAIL_HAL(scenario)						\
void fail_hal_##scenario(struct kunit *test)				\
{									\
	fail_hal(test, &(scenario));					\
}

#define FAIL_NTH(scenario)						\
void fail_nth_##scenario(struct kunit *test)				\
{									\
	fail_nth(test, &(scenario));					\
}

FAIL_HAL(map_eager_small)
FAIL_HAL(map_eager_large)
FAIL_HAL(map_linear)
FAIL_HAL(map_lazy)
FAIL_HAL(unmap_splits)
FAIL_HAL(unmap_areas)
FAIL_HAL(protect_splits)
FAIL_HAL(protect_areas)
FAIL_HAL(discard_splits)
FAIL_HAL(populate)
FAIL_HAL(replace_splits)
FAIL_HAL(replace_eager)
FAIL_HAL(replace_linear)
FAIL_HAL(protect_many)
FAIL_HAL(collapse)
FAIL_HAL(map_device)
FAIL_HAL(device_add)
FAIL_HAL(device_del)

FAIL_NTH(map_eager_small)
FAIL_NTH(map_eager_large)
FAIL_NTH(map_linear)
FAIL_NTH(map_lazy)
FAIL_NTH(unmap_splits)
FAIL_NTH(unmap_areas)
FAIL_NTH(protect_splits)
FAIL_NTH(protect_areas)
FAIL_NTH(discard_splits)
FAIL_NTH(populate)
FAIL_NTH(replace_splits)
FAIL_NTH(replace_eager)
FAIL_NTH(replace_linear)
FAIL_NTH(replace_many)
FAIL_NTH(protect_many)
FAIL_NTH(collapse)
FAIL_NTH(map_device)
FAIL_NTH(device_add)

void fail_hal_move(struct kunit *test)
{
	fail_hal(test, &move_splits);
	fail_hal(test, &move_tables);
	fail_hal(test, &move_exchange);
}

void fail_hal_resize(struct kunit *test)
{
	fail_hal(test, &resize_linear);
	fail_hal(test, &resize_splits);
	fail_hal(test, &resize_up);
}

/* What only takes away needs nothing. */
void fail_hal_unmap_many(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);

	KUNIT_ASSERT_EQ(test, setup_many(space), 0);
	fail_hal_onwards(1);
	KUNIT_EXPECT_EQ(test, call_unmap_many(space), 0);
	KUNIT_EXPECT_FALSE(test, fail_hal_disarm());
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 2ULL);
	axas_check_space(test, space);
	fail_hal(test, &unmap_hole);
}

void fail_hal_fault(struct kunit *test)
{
	fail_hal(test, &fault_small);
	fail_hal(test, &fault_large);
}

void fail_nth_move(struct kunit *test)
{
	fail_nth(test, &move_splits);
	fail_nth(test, &move_tables);
	fail_nth(test, &move_exchange);
	fail_nth(test, &move_many);
}

void fail_nth_resize(struct kunit *test)
{
	fail_nth(test, &resize_linear);
	fail_nth(test, &resize_splits);
	fail_nth(test, &resize_up);
}

void fail_nth_unmap_many(struct kunit *test)
{
	fail_nth(test, &unmap_hole);
}

void fail_nth_fault(struct kunit *test)
{
	fail_nth(test, &fault_small);
	fail_nth(test, &fault_large);
}

/* ---- create ---- */

static void fail_create(struct kunit *test, const struct fail_mode *mode)
{
	const struct axas_create args = {
		.format = axas_context(test)->format, .gpa_bits = 48,
	};
	struct axas_space *space = ERR_PTR(-ENOMEM);
	bool failed = true;
	unsigned int n;

	for (n = 1; failed && n < FAIL_MAX; n++) {
		mode->arm(n);
		space = axas_space_create(&args);
		failed = mode->disarm();
		if (IS_ERR(space)) {
			KUNIT_EXPECT_EQ(test, PTR_ERR(space), (long)-ENOMEM);
			KUNIT_EXPECT_TRUE(test, failed);
		} else {
			axas_space_destroy(space);
		}
		KUNIT_EXPECT_EQ(test, axas_hal_pages(), 0L);
	}
	KUNIT_EXPECT_FALSE(test, IS_ERR(space));
	KUNIT_EXPECT_GT(test, n, 2U);
}

void fail_hal_create(struct kunit *test)
{
	fail_create(test, &fail_mode_hal);
}

void fail_nth_create(struct kunit *test)
{
	fail_nth_need(test);
	fail_create(test, &fail_mode_nth);
}
