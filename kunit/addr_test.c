// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses: kinds that the compiler tells apart, and ranges at their limits.
 */
#include <kunit/test.h>

#include <axas/addr.h>
#include <axas/device.h>

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

static void addr_ports_and_sysregs(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, __builtin_types_compatible_p(axas_port_t,
							      axas_sysreg_t));
	KUNIT_EXPECT_FALSE(test, __builtin_types_compatible_p(axas_port_t,
							      axas_gpa_t));
	KUNIT_EXPECT_FALSE(test, __builtin_types_compatible_p(axas_sysreg_t,
							      axas_gpa_t));
	KUNIT_EXPECT_FALSE(test, __builtin_types_compatible_p(axas_port_t,
							      u16));
	KUNIT_EXPECT_FALSE(test, __builtin_types_compatible_p(axas_sysreg_t,
							      u32));
	KUNIT_EXPECT_EQ(test, axas_port(U16_MAX).val, (u16)0xffff);
	KUNIT_EXPECT_EQ(test, axas_sysreg(U32_MAX).val, 0xffffffffU);
}

static void addr_widths(struct kunit *test)
{
	unsigned int width;

	for (width = 0; width < 300; width++)
		KUNIT_EXPECT_EQ_MSG(test, axas_width_ok(width),
				    width == 0 || width == 1 || width == 2 ||
				    width == 4 || width == 8, "%u", width);
	KUNIT_EXPECT_TRUE(test, axas_width_fits(7, 0, 7));
	KUNIT_EXPECT_TRUE(test, axas_width_fits(7, 1, 7));
	KUNIT_EXPECT_FALSE(test, axas_width_fits(7, 2, 7));
	KUNIT_EXPECT_TRUE(test, axas_width_fits(0, 8, 7));
	KUNIT_EXPECT_FALSE(test, axas_width_fits(1, 8, 7));
	KUNIT_EXPECT_TRUE(test, axas_width_fits(U64_MAX - 7, 8, U64_MAX));
	KUNIT_EXPECT_FALSE(test, axas_width_fits(U64_MAX - 6, 8, U64_MAX));
}

static struct kunit_case addr_cases[] = {
	KUNIT_CASE(addr_kinds_are_types),
	KUNIT_CASE(addr_range_ok),
	KUNIT_CASE(addr_range_in),
	KUNIT_CASE(addr_ports_and_sysregs),
	KUNIT_CASE(addr_widths),
	{}
};

struct kunit_suite axas_addr_suite = {
	.name = "axas_addr",
	.test_cases = addr_cases,
};
