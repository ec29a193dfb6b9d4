// SPDX-License-Identifier: GPL-2.0
/*
 * Each errno of the uAPI that the space itself gives, and that a call that
 * gives one has changed nothing.
 */
#include "cases.h"
#include "context.h"
#include "snapshot.h"

struct create_row {
	struct axas_create args;
	int err;
};

static void expect_create(struct kunit *test, struct axas_create args, int err)
{
	struct axas_space *space;

	if (!args.format)
		args.format = axas_context(test)->format;
	space = axas_space_create(&args);
	KUNIT_EXPECT_EQ_MSG(test, PTR_ERR_OR_ZERO(space), err,
			    "bits %u base %llx length %llx", args.gpa_bits,
			    args.base, args.length);
	if (!IS_ERR(space))
		axas_space_destroy(space);
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 0L);
}

/* What is wrong whatever the format. */
static const struct create_row create_rows[] = {
	{ { .format = 4 }, -EINVAL },
	{ { .format = U32_MAX }, -EINVAL },
	{ { .features = 32 }, -EINVAL },
	{ { .features = 1U << 31 }, -EINVAL },
	{ { .gpa_bits = 31 }, -EOPNOTSUPP },
	{ { .gpa_bits = 49 }, -EOPNOTSUPP },
	{ { .gpa_bits = 56 }, -EOPNOTSUPP },
	{ { .gpa_bits = 63 }, -EOPNOTSUPP },
	{ { .gpa_bits = 64 }, -EOPNOTSUPP },
	{ { .gpa_bits = 64 + 48 }, -EOPNOTSUPP },
	{ { .gpa_bits = U32_MAX }, -EOPNOTSUPP },
	{ { .gpa_bits = 48, .base = 1 }, -EINVAL },
	{ { .gpa_bits = 48, .base = 0x800 }, -EINVAL },
	{ { .gpa_bits = 48, .length = 4095 }, -EINVAL },
	{ { .gpa_bits = 48, .length = 4097 }, -EINVAL },
	{ { .gpa_bits = 48, .base = 1ULL << 48 }, -ERANGE },
	{ { .gpa_bits = 48, .base = 1ULL << 48, .length = 4096 }, -ERANGE },
	{ { .gpa_bits = 48, .length = (1ULL << 48) + 4096 }, -ERANGE },
	{ { .gpa_bits = 48, .base = 4096, .length = 1ULL << 48 }, -ERANGE },
	{ { .gpa_bits = 48, .base = 4096, .length = -4096ULL }, -ERANGE },
	{ { .gpa_bits = 48, .base = -4096ULL, .length = 4096 }, -ERANGE },
	{ { .gpa_bits = 48, .base = -4096ULL, .length = 8192 }, -ERANGE },
	{ { .gpa_bits = 48, .base = -4096ULL }, -ERANGE },
	/* Just not wrong. */
	{ { .gpa_bits = 48, .base = (1ULL << 48) - 4096 }, 0 },
	{ { .gpa_bits = 48, .base = 4096, .length = (1ULL << 48) - 4096 }, 0 },
	{ { .gpa_bits = 48, .length = 1ULL << 48 }, 0 },
	{ { }, 0 },
};

/* LPA2: 52 bits in place of 48, where the CPU has it. */
static void errno_create_lpa2(struct kunit *test, bool there)
{
	struct axas_create args = { .features = AXAS_FEAT_LPA2 };

	expect_create(test, args, there ? 0 : -EOPNOTSUPP);
	for (args.gpa_bits = 1; args.gpa_bits < 64; args.gpa_bits++) {
		bool ok = there && args.gpa_bits >= 32 && args.gpa_bits <= 52;

		expect_create(test, args, ok ? 0 : -EOPNOTSUPP);
	}
	if (!there)
		return;
	args.gpa_bits = 52;
	args.base = (1ULL << 52) - SZ_4K;
	expect_create(test, args, 0);
	args.base = 1ULL << 52;
	expect_create(test, args, -ERANGE);
}

/* EPT's 57 bits, where the CPU has them. */
static bool create_has_width(struct kunit *test, unsigned int bits, bool wide)
{
	if (axas_is_s2(test))
		return bits >= 32 && bits <= 48;
	return bits == 48 || (bits == 39 && axas_is_ept(test)) ||
	       (bits == 57 && wide);
}

void errno_create(struct kunit *test)
{
	struct axas_npt_caps caps;
	unsigned int i, bits;

	for (i = 0; i < ARRAY_SIZE(create_rows); i++)
		expect_create(test, create_rows[i].args, create_rows[i].err);
	axas_npt_format(axas_context(test)->format)->caps(&caps);
	for (bits = 1; bits < 64; bits++) {
		bool ok = create_has_width(test, bits, !axas_is_ept(test) ||
						       caps.gpa_bits >> 57);

		expect_create(test, (struct axas_create){ .gpa_bits = bits },
			      ok ? 0 : -EOPNOTSUPP);
	}
	if (!axas_is_s2(test))
		expect_create(test, (struct axas_create){
				.features = AXAS_FEAT_FWB }, -EOPNOTSUPP);
	expect_create(test, (struct axas_create){
			.features = AXAS_FEAT_EXEC_USER },
		      caps.features & AXAS_FEAT_EXEC_USER ? 0 : -EOPNOTSUPP);
	expect_create(test, (struct axas_create){
			.features = AXAS_FEAT_EXEC_ONLY },
		      axas_exec_only(test) ? 0 : -EOPNOTSUPP);
	expect_create(test, (struct axas_create){ .features = caps.features },
		      0);
	if (~caps.features & AXAS_FEAT_AD)
		expect_create(test, (struct axas_create){
				.features = AXAS_FEAT_AD }, -EOPNOTSUPP);
	errno_create_lpa2(test, caps.features & AXAS_FEAT_LPA2);
}

struct map_row {
	const char *what;
	struct axas_map args;
	int err;
};

#define LIN	.backend = AXAS_BACKEND_LINEAR
#define ALC	.backend = AXAS_BACKEND_ALLOC
#define DEV	.backend = AXAS_BACKEND_DEVICE
#define HERE	.gpa = SZ_1G, .length = SZ_4K

/* The space of errno_map is [SZ_1G, 3 * SZ_1G), without execute-only. */
static const struct map_row map_rows[] = {
	{ "no backend", { HERE, .prot = PROT_R }, -EINVAL },
	{ "backend 5", { HERE, .prot = PROT_R, .backend = 5 }, -EINVAL },
	{ "alias without a source", { HERE, .prot = PROT_R, .backend = AXAS_BACKEND_ALIAS },
	  -EINVAL },
	{ "alloc with an offset", { HERE, ALC, .prot = PROT_R, .offset = SZ_4K }, -EINVAL },
	{ "alloc with a descriptor", { HERE, ALC, .prot = PROT_R, .fd = -1 }, -EINVAL },
	{ "nodes without flag", { HERE, ALC, .prot = PROT_R, .nodes = 1 }, -EINVAL },
	{ "backend max", { HERE, .prot = PROT_R, .backend = U32_MAX }, -EINVAL },
	{ "flag 8", { HERE, ALC, .prot = PROT_R, .flags = 1U << 8 }, -EINVAL },
	{ "whole, of what is small",
	  { HERE, ALC, .prot = PROT_R, .flags = AXAS_MAP_WHOLE },
	  -EINVAL },
	{ "whole, a part",
	  { HERE, ALC, .prot = PROT_R, .flags = AXAS_MAP_WHOLE, .max_leaf = SZ_2M },
	  -EINVAL },
	{ "linear, whole",
	  { .gpa = SZ_1G, .length = SZ_2M, LIN, .prot = PROT_R,
	    .flags = AXAS_MAP_WHOLE, .max_leaf = SZ_2M },
	  -EINVAL },
	{ "device, ROM",
	  { HERE, DEV, .prot = PROT_R, .flags = AXAS_MAP_ROM },
	  -EINVAL },
	{ "flag 31", { HERE, ALC, .prot = PROT_R, .flags = 1U << 31 }, -EINVAL },
	{ "linear, populate",
	  { HERE, LIN, .prot = PROT_R, .flags = AXAS_MAP_POPULATE },
	  -EINVAL },
	{ "linear, node",
	  { HERE, LIN, .prot = PROT_R, .flags = AXAS_MAP_NODE },
	  -EINVAL },
	{ "node without flag",
	  { HERE, ALC, .prot = PROT_R, .node = 1 },
	  -EINVAL },
	{ "node max",
	  { HERE, ALC, .prot = PROT_R, .flags = AXAS_MAP_NODE,
	    .node = U32_MAX },
	  -EINVAL },
	{ "node off",
	  { HERE, ALC, .prot = PROT_R, .flags = AXAS_MAP_NODE,
	    .node = MAX_NUMNODES > 1 ? MAX_NUMNODES - 1 : 1 },
	  -EINVAL },
	{ "memtype 6", { HERE, ALC, .prot = PROT_R, .memtype = 6 }, -EINVAL },
	{ "memtype 32", { HERE, ALC, .prot = PROT_R, .memtype = 32 }, -EINVAL },
	{ "memtype max",
	  { HERE, ALC, .prot = PROT_R, .memtype = U32_MAX },
	  -EINVAL },
	{ "gpa misaligned",
	  { ALC, .gpa = SZ_1G + 1, .length = SZ_4K, .prot = PROT_R },
	  -EINVAL },
	{ "length misaligned",
	  { ALC, .gpa = SZ_1G, .length = SZ_4K + 8, .prot = PROT_R },
	  -EINVAL },
	{ "length 0", { ALC, .gpa = SZ_1G, .prot = PROT_R }, -EINVAL },
	{ "below",
	  { ALC, .gpa = SZ_1G - SZ_4K, .length = SZ_4K, .prot = PROT_R },
	  -ERANGE },
	{ "begins below",
	  { ALC, .gpa = SZ_1G - SZ_4K, .length = 2 * SZ_4K, .prot = PROT_R },
	  -ERANGE },
	{ "above",
	  { ALC, .gpa = 3ULL * SZ_1G, .length = SZ_4K, .prot = PROT_R },
	  -ERANGE },
	{ "ends above",
	  { ALC, .gpa = 3ULL * SZ_1G - SZ_4K, .length = 2 * SZ_4K,
	    .prot = PROT_R },
	  -ERANGE },
	{ "wraps to 0",
	  { ALC, .gpa = -4096ULL, .length = SZ_4K, .prot = PROT_R },
	  -ERANGE },
	{ "wraps",
	  { ALC, .gpa = 2ULL * SZ_1G, .length = -4096ULL, .prot = PROT_R },
	  -ERANGE },
	{ "prot 0", { HERE, ALC }, -EINVAL },
	{ "U", { HERE, ALC, .prot = 8 }, -EOPNOTSUPP },
	{ "RU", { HERE, ALC, .prot = 9 }, -EOPNOTSUPP },
	{ "prot 16", { HERE, ALC, .prot = 16 }, -EINVAL },
	{ "prot 17", { HERE, ALC, .prot = 17 }, -EINVAL },
	{ "prot max", { HERE, ALC, .prot = U32_MAX }, -EINVAL },
	{ "W", { HERE, ALC, .prot = PROT_W }, -EINVAL },
	{ "WX", { HERE, ALC, .prot = PROT_W | PROT_X }, -EINVAL },
	{ "X", { HERE, ALC, .prot = PROT_X }, -EOPNOTSUPP },
	{ "alloc, hpa", { HERE, ALC, .prot = PROT_R, .hpa = SZ_4K }, -EINVAL },
	{ "device, hpa", { HERE, DEV, .prot = PROT_R, .hpa = SZ_4K }, -EINVAL },
	{ "device, leaf", { HERE, DEV, .prot = PROT_R, .max_leaf = SZ_4K },
	  -EINVAL },
	{ "device, UC", { HERE, DEV, .prot = PROT_R, .memtype = AXAS_MEM_UC },
	  -EINVAL },
	{ "device, populate",
	  { HERE, DEV, .prot = PROT_R, .flags = AXAS_MAP_POPULATE },
	  -EINVAL },
	{ "bind to nothing",
	  { HERE, ALC, .prot = PROT_R, .flags = AXAS_MAP_BIND },
	  -EINVAL },
	{ "interleave over nothing",
	  { HERE, ALC, .prot = PROT_R, .flags = AXAS_MAP_INTERLEAVE },
	  -EINVAL },
	{ "linear, bind",
	  { HERE, LIN, .prot = PROT_R, .flags = AXAS_MAP_BIND, .nodes = 1 },
	  -EINVAL },
	{ "device, interleave",
	  { HERE, DEV, .prot = PROT_R, .flags = AXAS_MAP_INTERLEAVE,
	    .nodes = 1 },
	  -EINVAL },
	{ "interleave over no node",
	  { HERE, ALC, .prot = PROT_R, .flags = AXAS_MAP_INTERLEAVE,
	    .nodes = 1U << 31 },
	  -EINVAL },
	{ "interleave, one first",
	  { HERE, ALC, .prot = PROT_R, .nodes = 1,
	    .flags = AXAS_MAP_INTERLEAVE | AXAS_MAP_NODE },
	  -EINVAL },
	{ "device, node",
	  { HERE, DEV, .prot = PROT_R, .flags = AXAS_MAP_NODE },
	  -EINVAL },
	{ "device, X", { HERE, DEV, .prot = PROT_X }, -EOPNOTSUPP },
	{ "device, taken",
	  { DEV, .gpa = 2ULL * SZ_1G, .length = SZ_4K, .prot = PROT_R },
	  -EEXIST },
	{ "hpa misaligned", { HERE, LIN, .prot = PROT_R, .hpa = 1 }, -EINVAL },
	{ "hpa wraps", { HERE, LIN, .prot = PROT_R, .hpa = -4096ULL }, -ERANGE },
	{ "leaf 1", { HERE, ALC, .prot = PROT_R, .max_leaf = 1 }, -EINVAL },
	{ "leaf 8K", { HERE, ALC, .prot = PROT_R, .max_leaf = SZ_8K }, -EINVAL },
	{ "leaf 512G",
	  { HERE, LIN, .prot = PROT_R, .max_leaf = 1ULL << 39 },
	  -EINVAL },
	{ "leaf 4K + 4G",
	  { HERE, LIN, .prot = PROT_R, .max_leaf = SZ_4K + (1ULL << 32) },
	  -EINVAL },
	{ "alloc, leaf 1G",
	  { HERE, ALC, .prot = PROT_R, .max_leaf = SZ_1G },
	  -EINVAL },
	{ "taken",
	  { ALC, .gpa = 2ULL * SZ_1G, .length = SZ_4K, .prot = PROT_R },
	  -EEXIST },
	{ "around",
	  { ALC, .gpa = SZ_1G, .length = 2ULL * SZ_1G, .prot = PROT_R },
	  -EEXIST },
	{ "begins in",
	  { LIN, .gpa = 2ULL * SZ_1G + SZ_4K, .length = SZ_2M, .prot = PROT_R },
	  -EEXIST },
	{ "ends in",
	  { ALC, .gpa = 2ULL * SZ_1G - SZ_4K, .length = 2 * SZ_4K,
	    .prot = PROT_R, .flags = AXAS_MAP_POPULATE },
	  -EEXIST },
};

static const struct axas_create two_gigabytes = {
	.gpa_bits = 48, .base = SZ_1G, .length = 2ULL * SZ_1G,
};

void errno_map(struct kunit *test)
{
	struct axas_space *space = axas_test_space_with(test, &two_gigabytes);
	struct axas_snapshot before;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, 2ULL * SZ_1G, 2 * SZ_4K,
					     PROT_RW, AXAS_MAP_POPULATE, 0), 0);
	axas_snapshot_take(space, &before);
	for (i = 0; i < ARRAY_SIZE(map_rows); i++)
		KUNIT_EXPECT_EQ_MSG(test,
				    axas_space_map(space, &map_rows[i].args),
				    map_rows[i].err, "%s", map_rows[i].what);
	axas_snapshot_expect(test, space, &before, "map", 0);

	/* Both neighbours of what is there are free. */
	KUNIT_EXPECT_EQ(test, axas_map_alloc(space, 2ULL * SZ_1G - SZ_4K, SZ_4K,
					     PROT_R, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, axas_map_alloc(space, 2ULL * SZ_1G + 2 * SZ_4K,
					     SZ_4K, PROT_R, 0, 0), 0);
}

/* What one format has and another hasn't. */
void errno_map_format(struct kunit *test)
{
	struct axas_space *space = axas_test_space_with(test, &two_gigabytes);
	const bool narrow = axas_is_s2(test) && !axas_is_lpa2(test);
	const u64 hpa_end = 1ULL << (narrow ? 48 : 52);
	struct axas_map args = { HERE, LIN, .prot = PROT_R };
	static const bool has[2][6] = {
		[false] = { true, true, true, true, true, false },
		[true] = { true, false, false, true, true, true },
	};
	const bool s2 = axas_is_s2(test);

	for (args.memtype = 0; args.memtype <= AXAS_MEM_DEVICE;
	     args.memtype++) {
		KUNIT_EXPECT_EQ_MSG(test, axas_space_map(space, &args),
				    has[s2][args.memtype] ? 0 : -EOPNOTSUPP,
				    "memtype %u", args.memtype);
		axas_space_clear(space);
	}
	args.memtype = AXAS_MEM_WB;
	args.flags = AXAS_MAP_IGNORE_PAT;
	KUNIT_EXPECT_EQ(test, axas_space_map(space, &args),
			axas_is_ept(test) ? 0 : -EOPNOTSUPP);
	axas_space_clear(space);

	args.flags = 0;
	args.hpa = hpa_end - SZ_4K;
	KUNIT_EXPECT_EQ(test, axas_space_map(space, &args), 0);
	axas_space_clear(space);
	args.hpa = hpa_end;
	KUNIT_EXPECT_EQ(test, axas_space_map(space, &args), -ERANGE);
	args.hpa = hpa_end - SZ_4K;
	args.length = 2 * SZ_4K;
	KUNIT_EXPECT_EQ(test, axas_space_map(space, &args), -ERANGE);
	axas_expect_empty(test, space);
}

struct range_row {
	u64 gpa;
	u64 size;
	int err;
};

static const struct range_row range_rows[] = {
	{ SZ_1G, 0, -EINVAL },
	{ SZ_1G + 1, SZ_4K, -EINVAL },
	{ SZ_1G, SZ_4K - 1, -EINVAL },
	{ SZ_1G - SZ_4K, SZ_4K, -ERANGE },
	{ SZ_1G - SZ_4K, 2 * SZ_4K, -ERANGE },
	{ 3ULL * SZ_1G, SZ_4K, -ERANGE },
	{ 3ULL * SZ_1G - SZ_4K, 2 * SZ_4K, -ERANGE },
	{ SZ_1G, 2ULL * SZ_1G + SZ_4K, -ERANGE },
	{ SZ_1G, -4096ULL, -ERANGE },
	{ -4096ULL, SZ_4K, -ERANGE },
	{ -4096ULL, SZ_8K, -ERANGE },
	{ 0, SZ_4K, -ERANGE },
};

void errno_range(struct kunit *test)
{
	struct axas_space *space = axas_test_space_with(test, &two_gigabytes);
	const axas_gpa_t other = axas_gpa(2ULL * SZ_1G);
	struct axas_next next;
	struct axas_snapshot before;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, 2ULL * SZ_1G,
					     PROT_RW, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, SZ_1G, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	axas_snapshot_take(space, &before);
	for (i = 0; i < ARRAY_SIZE(range_rows); i++) {
		const struct range_row *row = &range_rows[i];

		KUNIT_EXPECT_EQ_MSG(test, axas_unmap_range(space, row->gpa,
							   row->size),
				    row->err, "unmap, row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, axas_protect_range(space, row->gpa,
							     row->size, PROT_R),
				    row->err, "protect, row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, axas_discard_range(space, row->gpa,
							     row->size, NULL),
				    row->err, "discard, row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, axas_populate_range(space, row->gpa,
							      row->size, NULL),
				    row->err, "populate, row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, axas_resize_area(space, row->gpa,
							   row->size),
				    row->err, "resize, row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, axas_space_move(space,
							  axas_gpa(row->gpa),
							  other, row->size,
							  true),
				    row->err, "move from, row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, axas_space_move(space, other,
							  axas_gpa(row->gpa),
							  row->size, false),
				    row->err, "move to, row %u", i);
		next = (struct axas_next){
			.gpa = row->gpa, .length = row->size,
		};
		KUNIT_EXPECT_EQ_MSG(test, axas_space_next(space, &next, NULL),
				    row->err, "next, row %u", i);
	}
	axas_snapshot_expect(test, space, &before, "range", 0);
	/* Nothing there is nothing to complain of. */
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1G, 2ULL * SZ_1G), 0);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1G, 2ULL * SZ_1G), 0);
}

void errno_protect(struct kunit *test)
{
	struct axas_space *space = axas_test_space_with(test, &two_gigabytes);
	static const struct { u32 prot; int err; } prots[] = {
		{ 0, -EINVAL }, { 16, -EINVAL }, { U32_MAX, -EINVAL },
		{ PROT_U, -EOPNOTSUPP }, { PROT_RWX | PROT_U, -EOPNOTSUPP },
		{ PROT_W, -EINVAL }, { PROT_W | PROT_X, -EINVAL },
		{ PROT_X, -EOPNOTSUPP },
	};
	struct axas_snapshot before;
	unsigned int i;

	/* Two areas, a hole, one more. */
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_2M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_1G + SZ_2M, SZ_2M,
					      HPA_NOWHERE, PROT_R), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + 2 * SZ_2M + SZ_4K,
					     SZ_4K, PROT_R, 0, 0), 0);
	axas_snapshot_take(space, &before);
	for (i = 0; i < ARRAY_SIZE(prots); i++)
		KUNIT_EXPECT_EQ_MSG(test,
				    axas_protect_range(space, SZ_1G, SZ_4K,
						       prots[i].prot),
				    prots[i].err, "row %u", i);
	/* The hole: at the end, in the middle, at the beginning, all of it. */
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, SZ_1G + SZ_4K,
						 2 * SZ_2M, PROT_R), -ENOENT);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, SZ_1G, 3 * SZ_2M,
						 PROT_R), -ENOENT);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, SZ_1G + 2 * SZ_2M,
						 2 * SZ_4K, PROT_R), -ENOENT);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, SZ_1G + 2 * SZ_2M,
						 SZ_4K, PROT_R), -ENOENT);
	axas_snapshot_expect(test, space, &before, "protect", 0);
}

void errno_resize(struct kunit *test)
{
	struct axas_space *space = axas_test_space_with(test, &two_gigabytes);
	const u64 alloc = SZ_1G, linear = SZ_1G + SZ_8M;
	const u64 last = 3ULL * SZ_1G - SZ_2M;
	static const struct { u64 gpa, size; int err; } rows[] = {
		/* Where an area is but doesn't begin, and where there is none. */
		{ SZ_1G + SZ_4K, SZ_2M, -ENOENT },
		{ SZ_1G + SZ_2M, SZ_4K, -ENOENT },
		{ SZ_1G + SZ_2M - SZ_4K, SZ_4K, -ENOENT },
		{ SZ_1G + SZ_4M, SZ_4K, -ENOENT },
		/* Over the next one: a page of it, all of it, more. */
		{ SZ_1G, SZ_8M + SZ_4K, -EEXIST },
		{ SZ_1G, SZ_8M + SZ_2M, -EEXIST },
		{ SZ_1G, SZ_16M, -EEXIST },
		{ SZ_1G, 2ULL * SZ_1G, -EEXIST },
		{ SZ_1G + SZ_8M, SZ_2M + SZ_4K, -EOPNOTSUPP },
		/* The end of the space. */
		{ 3ULL * SZ_1G - SZ_2M, SZ_2M + SZ_4K, -ERANGE },
		/* Nothing changes. */
		{ SZ_1G, SZ_2M, 0 },
		{ SZ_1G + SZ_8M, SZ_2M, 0 },
		{ 3ULL * SZ_1G - SZ_2M, SZ_2M, 0 },
	};
	struct axas_snapshot before;
	u64 generation;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, alloc, SZ_2M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, linear, SZ_2M, HPA_NOWHERE,
					      PROT_R), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, last, SZ_2M, PROT_RW, 0, 0),
			0);
	generation = space->generation;
	axas_snapshot_take(space, &before);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		KUNIT_EXPECT_EQ_MSG(test,
				    axas_resize_area(space, rows[i].gpa,
						     rows[i].size),
				    rows[i].err, "row %u", i);
	axas_snapshot_expect(test, space, &before, "resize", 0);
	KUNIT_EXPECT_EQ(test, space->generation, generation);
	/* As far as there is room. */
	KUNIT_EXPECT_EQ(test, axas_resize_area(space, alloc, SZ_8M), 0);
	KUNIT_EXPECT_EQ(test, axas_resize_area(space, linear, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, space->generation, generation + 2);
	axas_check_space(test, space);
}

void errno_move(struct kunit *test)
{
	struct axas_space *space = axas_test_space_with(test, &two_gigabytes);
	const struct axas_map device = {
		.backend = AXAS_BACKEND_DEVICE, .gpa = SZ_1G + SZ_8M,
		.length = SZ_2M, .prot = PROT_RW,
	};
	static const struct {
		u64 from, to, size;
		int move, exchange;
	} rows[] = {
		/* They meet. */
		{ SZ_1G, SZ_1G, SZ_4K, -EINVAL, -EINVAL },
		{ SZ_1G, SZ_1G + SZ_4K, SZ_8K, -EINVAL, -EINVAL },
		{ SZ_1G + SZ_4K, SZ_1G, SZ_8K, -EINVAL, -EINVAL },
		{ SZ_1G, SZ_1G + SZ_2M - SZ_4K, SZ_2M, -EINVAL, -EINVAL },
		/* A hole: all of it, at the end, at the beginning. */
		{ SZ_1G + SZ_2M, SZ_1G + SZ_16M, SZ_4K, -ENOENT, -ENOENT },
		{ SZ_1G + SZ_2M - SZ_4K, SZ_1G + SZ_16M, SZ_8K, -ENOENT,
		  -ENOENT },
		{ SZ_1G + SZ_4M - SZ_4K, SZ_1G + SZ_16M, SZ_8K, -ENOENT,
		  -ENOENT },
		{ SZ_1G, SZ_1G + SZ_16M, SZ_8M, -ENOENT, -ENOENT },
		/* No range, here or there. */
		{ SZ_1G, SZ_1G + SZ_16M, 0, -EINVAL, -EINVAL },
		{ SZ_1G, SZ_1G + SZ_16M + 1, SZ_4K, -EINVAL, -EINVAL },
		{ SZ_1G + 1, SZ_1G + SZ_16M, SZ_4K, -EINVAL, -EINVAL },
		{ SZ_1G, 3ULL * SZ_1G - SZ_4K, SZ_8K, -ERANGE, -ERANGE },
		{ SZ_1G, SZ_1G - SZ_4K, SZ_4K, -ERANGE, -ERANGE },
		{ SZ_1G - SZ_4K, SZ_1G + SZ_16M, SZ_4K, -ERANGE, -ERANGE },
		/* Something, and not all of it. */
		{ SZ_1G, SZ_1G + SZ_4M - SZ_4K, SZ_8K, -EEXIST, -ENOENT },
		{ SZ_1G, SZ_1G + 3 * SZ_2M - SZ_4K, SZ_8K, -EEXIST, -ENOENT },
		{ SZ_1G + SZ_2M, SZ_1G + SZ_4M, SZ_4K, -EEXIST, -ENOENT },
		{ SZ_1G + SZ_4M, SZ_1G + SZ_2M, SZ_2M + SZ_4K, -EINVAL,
		  -EINVAL },
	};
	struct axas_snapshot before;
	unsigned int i;
	u64 generation;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_2M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_1G + SZ_4M, SZ_2M,
					      HPA_NOWHERE, PROT_R), 0);
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &device), 0);
	axas_snapshot_take(space, &before);
	generation = space->generation;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		axas_gpa_t from = axas_gpa(rows[i].from);
		axas_gpa_t to = axas_gpa(rows[i].to);

		KUNIT_EXPECT_EQ_MSG(test, axas_space_move(space, from, to,
							  rows[i].size, false),
				    rows[i].move, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, axas_space_move(space, from, to,
							  rows[i].size, true),
				    rows[i].exchange, "exchange, row %u", i);
	}
	axas_snapshot_expect(test, space, &before, "move", 0);
	KUNIT_EXPECT_EQ(test, space->generation, generation);
	/* Side by side is all right, up to the end of the space. */
	KUNIT_EXPECT_EQ(test, axas_space_move(space, axas_gpa(device.gpa),
					      axas_gpa(3ULL * SZ_1G - SZ_2M),
					      SZ_2M, false), 0);
	KUNIT_EXPECT_EQ(test, axas_space_move(space, axas_gpa(SZ_1G),
					      axas_gpa(SZ_1G + SZ_2M), SZ_2M,
					      false), 0);
	KUNIT_EXPECT_EQ(test, space->generation, generation + 2);
	axas_check_space(test, space);
}
