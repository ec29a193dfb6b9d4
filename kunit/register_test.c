// SPDX-License-Identifier: GPL-2.0
/*
 * Formats and backends of other modules; here this one brings them.
 */
#include <linux/module.h>

#include "context.h"
#include "suites.h"

#define OTHER	31

#if defined(MODULE) && defined(CONFIG_MODULE_UNLOAD)
static int register_refs(struct kunit *test)
{
	return module_refcount(THIS_MODULE);
}
#else
static int register_refs(struct kunit *test)
{
	kunit_skip(test, "built in: there is no module that could be pinned");
	return 0;
}
#endif

/* EPT and alloc under numbers of modules. */
static struct axas_npt_ops register_format(u32 number)
{
	struct axas_npt_ops ops = axas_npt_ept_ops;

	ops.format = number;
	ops.owner = THIS_MODULE;
	return ops;
}

static struct axas_backend_ops register_backend(u32 number)
{
	struct axas_backend_ops ops = *axas_backend(AXAS_BACKEND_ALLOC);

	ops.id = number;
	ops.owner = THIS_MODULE;
	return ops;
}

static int register_map(struct axas_space *space, u64 gpa, u64 length)
{
	const struct axas_map args = {
		.gpa = gpa, .length = length, .backend = OTHER,
		.prot = PROT_RW,
	};

	return axas_space_map(space, &args);
}

static void register_numbers(struct kunit *test)
{
	static const u32 bad[] = { 0, 1, 2, 3, 15, 32, 33, U32_MAX };
	struct axas_npt_ops format;
	struct axas_backend_ops backend;
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		format = register_format(bad[i]);
		backend = register_backend(bad[i]);
		KUNIT_EXPECT_EQ(test, axas_format_register(&format), -EINVAL);
		KUNIT_EXPECT_EQ(test, axas_backend_register(&backend), -EINVAL);
	}
	KUNIT_EXPECT_EQ(test, axas_format_mask(), 0xfU);
	KUNIT_EXPECT_NULL(test, axas_format_get(16));
	KUNIT_EXPECT_NULL(test, axas_format_get(OTHER));
	KUNIT_EXPECT_NULL(test, axas_format_get(32));
	KUNIT_EXPECT_NULL(test, axas_backend_get(16));
	KUNIT_EXPECT_NULL(test, axas_backend_get(OTHER));
	KUNIT_EXPECT_NULL(test, axas_backend_get(32));
	KUNIT_EXPECT_PTR_EQ(test, axas_format_get(AXAS_FORMAT_S2),
			    &axas_npt_s2_ops);
	KUNIT_EXPECT_PTR_EQ(test, axas_backend_get(AXAS_BACKEND_LINEAR),
			    axas_backend(AXAS_BACKEND_LINEAR));
}

static void register_taken(struct kunit *test)
{
	struct axas_npt_ops format = register_format(16), again = format;
	struct axas_backend_ops backend = register_backend(16), more = backend;

	KUNIT_ASSERT_EQ(test, axas_format_register(&format), 0);
	KUNIT_EXPECT_EQ(test, axas_format_register(&again), -EBUSY);
	KUNIT_EXPECT_EQ(test, axas_format_mask(), 0x1000fU);
	axas_format_unregister(&format);
	KUNIT_EXPECT_EQ(test, axas_format_mask(), 0xfU);
	KUNIT_EXPECT_EQ(test, axas_format_register(&again), 0);
	axas_format_unregister(&again);

	KUNIT_ASSERT_EQ(test, axas_backend_register(&backend), 0);
	KUNIT_EXPECT_EQ(test, axas_backend_register(&more), -EBUSY);
	axas_backend_unregister(&backend);
	KUNIT_EXPECT_EQ(test, axas_backend_register(&more), 0);
	axas_backend_unregister(&more);
}

static void register_space_pins_format(struct kunit *test)
{
	struct axas_npt_ops ops = register_format(OTHER);
	struct axas_create bad = { .format = OTHER, .gpa_bits = 47 };
	struct axas_create args = { .gpa_bits = 48 };
	int refs = register_refs(test);
	struct axas_space *space;

	KUNIT_ASSERT_EQ(test, axas_format_register(&ops), 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(axas_space_create(&bad)), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, register_refs(test), refs);

	axas_context(test)->format = OTHER;
	space = axas_test_space_with(test, &args);
	KUNIT_EXPECT_EQ(test, register_refs(test), refs + 1);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).format, (u32)OTHER);
	KUNIT_EXPECT_EQ(test, axas_map_alloc(space, 0, SZ_2M, PROT_RW, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, 0x1234, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	axas_test_drop_space(test);
	KUNIT_EXPECT_EQ(test, register_refs(test), refs);
	axas_format_unregister(&ops);
	KUNIT_EXPECT_EQ(test, PTR_ERR(axas_space_create(&bad)), -EINVAL);
}

static void register_narrow_caps(struct axas_npt_caps *caps)
{
	axas_npt_ept_ops.caps(caps);
	caps->hpa_bits = 24;
}

/* This machine has memory that an entry of 24 bits doesn't hold. */
static void register_format_holds_memory(struct kunit *test)
{
	struct axas_npt_ops ops = register_format(OTHER);
	struct axas_create args = { .format = OTHER };

	ops.caps = register_narrow_caps;
	KUNIT_ASSERT_EQ(test, axas_format_register(&ops), 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(axas_space_create(&args)),
			-EOPNOTSUPP);
	axas_format_unregister(&ops);
}

/* Each area, and each that protect cuts from one, pins the module once. */
static void register_area_pins_backend(struct kunit *test)
{
	struct axas_backend_ops ops = register_backend(OTHER);
	struct axas_space *space = axas_test_space(test);
	int refs = register_refs(test);

	KUNIT_EXPECT_EQ(test, register_map(space, 0, SZ_2M), -EINVAL);
	KUNIT_ASSERT_EQ(test, axas_backend_register(&ops), 0);
	KUNIT_EXPECT_EQ(test, register_map(space, SZ_2K, SZ_2M), -EINVAL);
	KUNIT_EXPECT_EQ(test, register_refs(test), refs);
	KUNIT_ASSERT_EQ(test, register_map(space, 0, SZ_2M), 0);
	KUNIT_EXPECT_EQ(test, register_refs(test), refs + 1);
	KUNIT_EXPECT_EQ(test, register_map(space, 0, SZ_2M), -EEXIST);
	KUNIT_EXPECT_EQ(test, register_refs(test), refs + 1);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, 0x1234, PROT_W),
			(int)AXAS_FAULT_RESOLVED);

	/* A hole leaves two pieces of one area. */
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1M, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, register_refs(test), refs + 1);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, SZ_4K, SZ_4K, PROT_R),
			0);
	KUNIT_EXPECT_EQ(test, register_refs(test), refs + 2);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, 0, SZ_2M, PROT_R),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, register_refs(test), refs + 2);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_4K, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, register_refs(test), refs + 1);

	axas_test_drop_space(test);
	KUNIT_EXPECT_EQ(test, register_refs(test), refs);
	axas_backend_unregister(&ops);
}

/* Says that it wants a frame, writes to it, and then has no place for it. */
static int dirty_fault(const struct axas_area *area, struct axas_npt *npt,
		       const struct axas_npt_slot *slot,
		       struct axas_nested_fault *fault)
{
	if (!axas_frame_valid(fault->frame.hpa)) {
		fault->want_frame = true;
		fault->order = 0;
		fault->place = AXAS_ANYWHERE;
		return -EAGAIN;
	}
	memset(axas_hal_phys_to_virt(fault->frame.hpa), 0xee, SZ_4K);
	return AXAS_FAULT_DENIED;
}

/*
 * What a fault leaves for the next one of its array is its backend's: alloc's
 * frames are zeroed when they are allocated and never looked at.
 */
static void register_frame_stays_with_its_backend(struct kunit *test)
{
	struct axas_backend_ops ops = register_backend(OTHER);
	struct axas_space *space = axas_test_space(test);
	struct axas_fault_entry entries[] = {
		{ .gpa = 0, .access = PROT_W },
		{ .gpa = SZ_1G, .access = PROT_W },
		{ .gpa = SZ_4K, .access = PROT_W },
		{ .gpa = SZ_8K, .access = PROT_W },
		{ .gpa = SZ_1G + SZ_4K, .access = PROT_W },
	};
	unsigned int i;
	u64 gpa;

	ops.fault = dirty_fault;
	KUNIT_ASSERT_EQ(test, axas_backend_register(&ops), 0);
	KUNIT_ASSERT_EQ(test, register_map(space, 0, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_2M, PROT_RW, 0, 0),
			0);
	axas_space_faults(space, entries, ARRAY_SIZE(entries));
	for (i = 0; i < ARRAY_SIZE(entries); i++) {
		gpa = entries[i].gpa;
		KUNIT_EXPECT_EQ(test, entries[i].result,
				0U + (gpa < SZ_1G ? AXAS_FAULT_DENIED :
						    AXAS_FAULT_RESOLVED));
		if (gpa >= SZ_1G)
			KUNIT_EXPECT_NULL(test,
					  memchr_inv(axas_virt_at(test, space,
								  gpa),
						     0, SZ_4K));
	}
	axas_test_drop_space(test);
	axas_backend_unregister(&ops);
}

/* What can't be told that it lies elsewhere stays, and so does all beside it. */
static void register_backend_stays_in_place(struct kunit *test)
{
	struct axas_backend_ops ops = register_backend(OTHER);
	struct axas_space *space = axas_test_space(test);
	const axas_gpa_t gpa = axas_gpa(SZ_1M), to = axas_gpa(SZ_1G);
	int refs;

	ops.move = NULL;
	KUNIT_ASSERT_EQ(test, axas_backend_register(&ops), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, 0, SZ_2M, PROT_RW, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, register_map(space, SZ_2M, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_2M, PROT_R, 0, 0),
			0);
	refs = register_refs(test);
	KUNIT_EXPECT_EQ(test, axas_space_move(space, gpa, to, SZ_2M, true),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, axas_space_move(space, to, gpa, SZ_2M, true),
			-EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, register_refs(test), refs);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 3ULL);
	KUNIT_EXPECT_EQ(test, axas_space_move(space, gpa, to, SZ_1M, true), 0);
	axas_test_drop_space(test);
	axas_backend_unregister(&ops);
}

static struct kunit_case register_cases[] = {
	KUNIT_CASE(register_numbers),
	KUNIT_CASE(register_taken),
	KUNIT_CASE(register_space_pins_format),
	KUNIT_CASE(register_format_holds_memory),
	KUNIT_CASE(register_area_pins_backend),
	KUNIT_CASE(register_frame_stays_with_its_backend),
	KUNIT_CASE(register_backend_stays_in_place),
	{}
};

struct kunit_suite axas_register_suite = {
	.name = "axas_register",
	.init = axas_test_init_ept,
	.exit = axas_test_exit,
	.test_cases = register_cases,
};
