// SPDX-License-Identifier: GPL-2.0
/*
 * EPT: values of entries and of the EPTP, worked out by hand from the Intel
 * SDM, volume 3C: 29.3.2 with tables 29-1 to 29-7, and 25.6.11 with table 25-9.
 */
#include "entry.h"
#include "suites.h"
#include "cases.h"
#include "fake_cpu.h"

/* The entry that a CPU would find. */
static u64 ept_entry(struct kunit *test, unsigned int level,
		     struct axas_attr attr)
{
	return entry_of(test, entry_hpa(level), level, attr,
			0x0010000000000000ULL);
}

struct ept_row {
	unsigned int level;
	struct axas_attr attr;
	u64 expected;
};

/*
 * Tables 29-7 (4 KiB, hpa 0xfedcba9876000), 29-5 (2 MiB, hpa 0xfedcba9800000)
 * and 29-3 (1 GiB, hpa 0xfedcb80000000). Bits: 0 R, 1 W, 2 X; 5:3 memory type
 * (0 UC, 1 WC, 4 WT, 5 WP, 6 WB); 6 ignore PAT; 7 leaf above level 1; 52 ours.
 */
static const struct ept_row ept_rows[] = {
	/* level, { prot, memtype, ignore_pat, owned }, entry */
	{ 1, { PROT_RWX, AXAS_MEM_WB, false, false }, 0x000fedcba9876037ULL },
	{ 1, { PROT_R, AXAS_MEM_WB, false, false }, 0x000fedcba9876031ULL },
	{ 1, { PROT_RW, AXAS_MEM_WB, false, false }, 0x000fedcba9876033ULL },
	{ 1, { PROT_RX, AXAS_MEM_WB, false, false }, 0x000fedcba9876035ULL },
	{ 1, { PROT_X, AXAS_MEM_WB, false, false }, 0x000fedcba9876034ULL },
	{ 1, { PROT_RWX, AXAS_MEM_WT, false, false }, 0x000fedcba9876027ULL },
	{ 1, { PROT_RWX, AXAS_MEM_WP, false, false }, 0x000fedcba987602fULL },
	{ 1, { PROT_RWX, AXAS_MEM_NC, false, false }, 0x000fedcba987600fULL },
	{ 1, { PROT_RWX, AXAS_MEM_UC, false, false }, 0x000fedcba9876007ULL },
	{ 1, { PROT_RWX, AXAS_MEM_WB, true, false }, 0x000fedcba9876077ULL },
	{ 1, { PROT_RWX, AXAS_MEM_WB, false, true }, 0x001fedcba9876037ULL },
	{ 2, { PROT_RWX, AXAS_MEM_WB, false, false }, 0x000fedcba98000b7ULL },
	{ 2, { PROT_R, AXAS_MEM_UC, true, false }, 0x000fedcba98000c1ULL },
	{ 2, { PROT_X, AXAS_MEM_WT, false, false }, 0x000fedcba98000a4ULL },
	{ 2, { PROT_RW, AXAS_MEM_NC, false, true }, 0x001fedcba980008bULL },
	{ 3, { PROT_RWX, AXAS_MEM_WB, false, false }, 0x000fedcb800000b7ULL },
	{ 3, { PROT_RW, AXAS_MEM_WP, false, false }, 0x000fedcb800000abULL },
	{ 3, { PROT_RX, AXAS_MEM_NC, true, false }, 0x000fedcb800000cdULL },
};

static void ept_leaf_values(struct kunit *test)
{
	unsigned int i;

	axas_test_npt(test, 48, 0);
	for (i = 0; i < ARRAY_SIZE(ept_rows); i++) {
		const struct ept_row *row = &ept_rows[i];

		KUNIT_EXPECT_EQ_MSG(test,
				    ept_entry(test, row->level, row->attr),
				    row->expected, "row %u", i);
	}
}

/* Each field of a leaf is on its own: the sum of the literal fields. */
static void ept_leaf_all_combinations(struct kunit *test)
{
	static const struct { u8 prot, bits; } prots[] = {
		{ PROT_R, 1 }, { PROT_RW, 3 }, { PROT_RX, 5 }, { PROT_RWX, 7 },
		{ PROT_X, 4 },
	};
	static const struct { u8 memtype, bits; } types[] = {
		{ AXAS_MEM_WB, 0x30 }, { AXAS_MEM_WT, 0x20 },
		{ AXAS_MEM_WP, 0x28 }, { AXAS_MEM_NC, 0x08 },
		{ AXAS_MEM_UC, 0x00 },
	};
	unsigned int i;

	axas_test_npt(test, 48, AXAS_FEAT_AD | AXAS_FEAT_EXEC_ONLY);
	for (i = 0; i < 5 * 5 * 3 * 2; i++) {
		unsigned int p = i % 5, t = i / 5 % 5, ipat = i / 75;
		unsigned int level = i / 25 % 3 + 1;
		struct axas_attr attr = { prots[p].prot, types[t].memtype,
					  ipat };
		u64 expected = entry_hpa(level) + prots[p].bits + types[t].bits +
			       0x40 * ipat + (level > 1 ? 0x80 : 0);

		KUNIT_EXPECT_EQ(test,
				ept_entry(test, level, attr), expected);
	}
}

struct ept_width {
	unsigned int bits;
	unsigned int levels;
	u64 eptp; /* less the address; 0 if there is none */
	u64 eptp_ad;
};

/*
 * Table 25-9: bits 2:0 are 6 for write-back, 5:3 the length of the walk less
 * one, 6 turns accessed and dirty flags on. No walk is three levels long.
 */
static const struct ept_width ept_widths[] = {
	{ 39, 3, 0, 0 },
	{ 48, 4, 0x1e, 0x5e },
	{ 57, 5, 0x26, 0x66 },
};

static void ept_width_desc(const struct ept_width *width, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bits", width->bits);
}

KUNIT_ARRAY_PARAM(ept_width, ept_widths, ept_width_desc);

static void ept_eptp(struct kunit *test)
{
	const struct ept_width *width = test->param_value;
	unsigned int ad;

	for (ad = 0; ad < 2; ad++) {
		struct axas_npt *npt = axas_test_npt(test, width->bits,
						     ad ? AXAS_FEAT_AD : 0);
		u64 eptp = 0x5555;
		int ret = npt->ops->control(npt, &eptp);

		KUNIT_EXPECT_EQ(test, (unsigned int)npt->levels, width->levels);
		KUNIT_EXPECT_EQ(test, (unsigned int)npt->root_order, 0U);
		if (!width->eptp) {
			KUNIT_EXPECT_EQ(test, ret, -EOPNOTSUPP);
			continue;
		}
		KUNIT_EXPECT_EQ(test, ret, 0);
		KUNIT_EXPECT_EQ(test, eptp, __pa(npt->root) +
				(ad ? width->eptp_ad : width->eptp));
	}
}

/*
 * 29.3.2: the indexes are bits 56:48, 47:39, 38:30, 29:21 and 20:12. A table
 * entry is the address and 7 in bits 2:0 (tables 29-1, 29-2, 29-4, 29-6), and accessed,
 * bit 8 (29.3.5).
 */
static void ept_indexes_and_table_entries(struct kunit *test)
{
	const struct ept_width *width = test->param_value;
	struct axas_npt *npt = axas_test_npt(test, width->bits, 0);

	entry_expect_path(test, npt, width->levels, 0x107, 0xabc031);
}

/* 29.3.5: accessed is bit 8, dirty bit 9; neither means a thing without AD. */
static void ept_accessed_and_dirty(struct kunit *test)
{
	static const struct axas_attr attr = { .prot = PROT_RW };
	unsigned int ad, flags, level;
	struct axas_leaf leaf;

	for (ad = 0; ad < 2; ad++) {
		struct axas_npt *npt = axas_test_npt(test, 48,
						     ad ? AXAS_FEAT_AD : 0);

		mutex_lock(npt->lock);
		npt->ops->map(npt, axas_gpa(GPA_4K), axas_hpa(0), 4096,
			      npt->ops->encode(npt, attr), 1);
		mutex_unlock(npt->lock);
		for (flags = 0; flags < 4; flags++) {
			*raw_entry_ptr(npt, GPA_4K, &level) = 0x33 | flags << 8;
			KUNIT_ASSERT_EQ(test,
					axas_lookup_at(npt, GPA_4K, &leaf), 0);
			KUNIT_EXPECT_EQ(test, leaf.accessed, ad && flags & 1);
			KUNIT_EXPECT_EQ(test, leaf.dirty, ad && flags & 2);
		}
	}
}

static void ept_limits(struct kunit *test)
{
	struct axas_npt_caps caps;

	axas_npt_ept_ops.caps(&caps);
	/* 39, 48 and, where the CPU has it, 57; 4 KiB always. */
	KUNIT_EXPECT_EQ(test, caps.gpa_bits & ~(1ULL << 57),
			1ULL << 39 | 1ULL << 48);
	/* Table 25-9: a walk is 4 or 5 levels long. */
	KUNIT_EXPECT_EQ(test, caps.control_bits, caps.gpa_bits & ~(1ULL << 39));
	KUNIT_EXPECT_EQ(test, caps.leaf_sizes & ~(SZ_2M | SZ_1G), (u64)SZ_4K);
	KUNIT_EXPECT_EQ(test, caps.memtypes, 0x1fU);
	KUNIT_EXPECT_EQ(test, caps.hpa_bits, 52U);
	KUNIT_EXPECT_EQ(test, caps.default_gpa_bits, 48U);
	KUNIT_EXPECT_EQ(test, caps.features & AXAS_FEAT_FWB, 0U);
	KUNIT_EXPECT_TRUE(test, caps.ignore_pat);
}

#ifdef CONFIG_X86
static u64 ept_leaf_sizes_of(struct fake_cpu cpu)
{
	struct axas_npt_caps caps;

	fake_cpu = cpu;
	axas_npt_ept_ops.caps(&caps);
	fake_cpu = (struct fake_cpu){};
	return caps.leaf_sizes;
}

/*
 * A guest that executes from large leaves could stop a CPU with that erratum.
 * Those without it, and those that don't walk EPT, have what they had.
 */
static void ept_itlb_multihit(struct kunit *test)
{
	/* A.10: bits 16 and 17; a CPU of that time. */
	struct fake_cpu cpu = { .vmx = true, .ept = 0x06334141 };
	const u64 all = SZ_4K | SZ_2M | SZ_1G;

	KUNIT_EXPECT_EQ(test, ept_leaf_sizes_of(cpu), all);
	cpu.itlb_multihit = true;
	KUNIT_EXPECT_EQ(test, ept_leaf_sizes_of(cpu), (u64)SZ_4K);
	cpu.mitigations_off = true;
	KUNIT_EXPECT_EQ(test, ept_leaf_sizes_of(cpu), all);
	cpu.mitigations_off = false;
	cpu.vmx = false;
	KUNIT_EXPECT_EQ(test, ept_leaf_sizes_of(cpu), all);
}
#else
static void ept_itlb_multihit(struct kunit *test)
{
	kunit_skip(test, "an erratum of x86 CPUs");
}
#endif

static struct kunit_case ept_cases[] = {
	KUNIT_CASE(ept_leaf_values),
	KUNIT_CASE(ept_leaf_all_combinations),
	KUNIT_CASE_PARAM(ept_eptp, ept_width_gen_params),
	KUNIT_CASE_PARAM(ept_indexes_and_table_entries, ept_width_gen_params),
	KUNIT_CASE(ept_accessed_and_dirty),
	KUNIT_CASE(ept_limits),
	KUNIT_CASE(ept_itlb_multihit),
#include "npt_case_list.h"
	{}
};

struct kunit_suite axas_npt_ept_suite = {
	.name = "axas_npt_ept",
	.init = axas_test_init_ept,
	.exit = axas_test_exit,
	.test_cases = ept_cases,
};
