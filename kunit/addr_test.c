// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses: kinds that the compiler tells apart, and ranges at their limits.
 */
#include <kunit/test.h>

#include <axas/addr.h>

#include "suites.h"

static void addr_kinds_are_types(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, __builtin_types_compatible_p(axas_gpa_t,
							      axas_hpa_t));
	KUNIT_EXPECT_FALSE(test, __builtin_types_compatible_p(axas_gpa_t,
							      axas_gva_t));
	KUNIT_EXPECT_FALSE(test, __builtin_types_compatible_p(axas_hpa_t,
							      axas_gva_t));
	KUNIT_EXPECT_FALSE(test, __builtin_types_compatible_p(axas_gpa_t, u64));
	KUNIT_EXPECT_EQ(test, sizeof(axas_gpa_t), sizeof(u64));
	KUNIT_EXPECT_EQ(test, sizeof(axas_hpa_t), sizeof(u64));
	KUNIT_EXPECT_EQ(test, axas_gpa(U64_MAX).val, U64_MAX);
	KUNIT_EXPECT_EQ(test, axas_hpa(SZ_4K).val, (u64)SZ_4K);
	KUNIT_EXPECT_EQ(test, axas_gva(1).val, 1ULL);
}

static void addr_range_ok(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, axas_range_ok(0, SZ_4K));
	KUNIT_EXPECT_TRUE(test, axas_range_ok(SZ_4K, 3 * SZ_4K));
	KUNIT_EXPECT_TRUE(test, axas_range_ok(U64_MAX - SZ_4K + 1, SZ_4K));
	KUNIT_EXPECT_FALSE(test, axas_range_ok(0, 0));
	KUNIT_EXPECT_FALSE(test, axas_range_ok(1, SZ_4K));
	KUNIT_EXPECT_FALSE(test, axas_range_ok(SZ_2K, SZ_4K));
	KUNIT_EXPECT_FALSE(test, axas_range_ok(SZ_4K, SZ_4K - 1));
	KUNIT_EXPECT_FALSE(test, axas_range_ok(SZ_4K, SZ_4K + 1));
}

struct range_row {
	u64 start, size, base, limit;
	bool in;
};

static const struct range_row range_rows[] = {
	{ 0, 1, 0, 1, true },
	{ 0, 2, 0, 1, false },
	{ 1, 1, 0, 1, false },
	{ 0, 0, 0, 0, true },
	{ 4, 4, 4, 4, true },
	{ 3, 4, 4, 4, false },
	{ 5, 4, 4, 4, false },
	{ 4, 5, 4, 4, false },
	{ 4, 4, 4, 5, true },
	/* start + size wraps: to 0, and beyond. */
	{ U64_MAX, 1, 0, 1ULL << 48, false },
	{ U64_MAX - 4095, 4096, 0, 1ULL << 48, false },
	{ U64_MAX - 4095, 8192, 0, 1ULL << 48, false },
	{ 4096, U64_MAX, 0, 1ULL << 48, false },
	{ 4096, U64_MAX - 4095, 0, 1ULL << 48, false },
	/* At the end of 64 bits. */
	{ U64_MAX - 4096, 4096, U64_MAX - 4096, 4096, true },
	{ U64_MAX - 4096, 4097, U64_MAX - 4096, 4096, false },
	{ 0, U64_MAX, 0, U64_MAX, true },
};

static void addr_range_in(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(range_rows); i++) {
		const struct range_row *row = &range_rows[i];

		KUNIT_EXPECT_EQ_MSG(test, axas_range_in(row->start, row->size,
							row->base, row->limit),
				    row->in, "row %u", i);
	}
}

static struct kunit_case addr_cases[] = {
	KUNIT_CASE(addr_kinds_are_types),
	KUNIT_CASE(addr_range_ok),
	KUNIT_CASE(addr_range_in),
	{}
};

struct kunit_suite axas_addr_suite = {
	.name = "axas_addr",
	.test_cases = addr_cases,
};
