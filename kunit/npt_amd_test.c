// SPDX-License-Identifier: GPL-2.0
/*
 * AMD's nested paging: values of entries and of nCR3, worked out by hand from the
 * AMD64 APM, volume 2: 5.3.3 to 5.3.5 with 5.4.1 for entries, 7.8.2 for memory
 * types, 15.25 for what nested paging makes of them.
 */
#include "entry.h"
#include "suites.h"
#include "cases.h"
#include "fake_cpu.h"

static void amd_map(struct kunit *test, unsigned int level,
		    struct axas_attr attr)
{
	entry_map(test, entry_hpa(level), level, attr);
}

/* The entry that a CPU would find. */
static u64 amd_entry(struct kunit *test, unsigned int level,
		     struct axas_attr attr)
{
	return entry_of(test, entry_hpa(level), level, attr,
			0x0010000000000000ULL);
}

#define AD	AXAS_FEAT_AD

/*
 * 5.4.1. Bits: 0 present, 1 R/W, 2 U/S, 3 PWT, 4 PCD, 5 accessed, 6 dirty; 7 PAT in
 * a leaf of 4 KiB, and in others page size, with PAT in 12; 63 NX; 52 ours. Fields
 * of the PAT register, as Linux has it: 0 WB, 1 WC, 3 UC, 5 WP, 7 WT.
 */
static const struct {
	unsigned int level;
	u32 features;
	struct axas_attr attr;
	u64 expected;
} amd_rows[] = {
	/* level, features, { prot, memtype, ignore_pat, owned, rom }, entry */
	{ 1, 0, { PROT_RWX, AXAS_MEM_WB }, 0x000fedcba9876067ULL },
	{ 1, 0, { PROT_R, AXAS_MEM_WB }, 0x800fedcba9876065ULL },
	{ 1, 0, { PROT_RW, AXAS_MEM_WB }, 0x800fedcba9876067ULL },
	{ 1, 0, { PROT_RX, AXAS_MEM_WB }, 0x000fedcba9876065ULL },
	{ 1, 0, { PROT_RWX, AXAS_MEM_WT }, 0x000fedcba98760ffULL },
	{ 1, 0, { PROT_RWX, AXAS_MEM_WP }, 0x000fedcba98760efULL },
	{ 1, 0, { PROT_RWX, AXAS_MEM_NC }, 0x000fedcba987606fULL },
	{ 1, 0, { PROT_RWX, AXAS_MEM_UC }, 0x000fedcba987607fULL },
	{ 1, 0, { PROT_RWX, AXAS_MEM_WB, false, true }, 0x001fedcba9876067ULL },
	{ 1, 0, { PROT_R, AXAS_MEM_WB, false, true, true },
	  0x805fedcba9876065ULL },
	/* Clean and not accessed. */
	{ 1, AD, { PROT_RWX, AXAS_MEM_WB }, 0x000fedcba9876007ULL },
	{ 1, AD, { PROT_R, AXAS_MEM_WT }, 0x800fedcba987609dULL },
	{ 2, 0, { PROT_RWX, AXAS_MEM_WB }, 0x000fedcba98000e7ULL },
	{ 2, 0, { PROT_R, AXAS_MEM_UC }, 0x800fedcba98000fdULL },
	{ 2, 0, { PROT_RX, AXAS_MEM_WT }, 0x000fedcba98010fdULL },
	{ 2, AD, { PROT_RW, AXAS_MEM_WP, false, true }, 0x801fedcba980108fULL },
	{ 3, 0, { PROT_RWX, AXAS_MEM_WB }, 0x000fedcb800000e7ULL },
	{ 3, 0, { PROT_RW, AXAS_MEM_WT }, 0x800fedcb800010ffULL },
	{ 3, AD, { PROT_RX, AXAS_MEM_NC }, 0x000fedcb8000008dULL },
};

static void amd_leaf_values(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(amd_rows); i++) {
		axas_test_npt(test, 48, amd_rows[i].features);
		KUNIT_EXPECT_EQ_MSG(test, amd_entry(test, amd_rows[i].level,
						    amd_rows[i].attr),
				    amd_rows[i].expected, "row %u", i);
	}
}

/* Each field of a leaf is on its own: the sum of the literal fields. */
static void amd_leaf_all_combinations(struct kunit *test)
{
	static const struct { u8 prot; u64 bits; } prots[] = {
		{ PROT_R, 0x8000000000000005ULL },
		{ PROT_RW, 0x8000000000000007ULL },
		{ PROT_RX, 5 }, { PROT_RWX, 7 },
	};
	static const struct { u8 memtype; u16 small, large; } types[] = {
		{ AXAS_MEM_WB, 0, 0 }, { AXAS_MEM_NC, 0x08, 0x08 },
		{ AXAS_MEM_UC, 0x18, 0x18 }, { AXAS_MEM_WP, 0x88, 0x1008 },
		{ AXAS_MEM_WT, 0x98, 0x1018 },
	};
	unsigned int i;

	axas_test_npt(test, 48, AD);
	for (i = 0; i < 4 * 5 * 3; i++) {
		unsigned int p = i % 4, t = i / 4 % 5, level = i / 20 + 1;
		struct axas_attr attr = { prots[p].prot, types[t].memtype };
		u64 expected = entry_hpa(level) + prots[p].bits +
			       (level > 1 ? 0x80 + types[t].large :
					    types[t].small);

		KUNIT_EXPECT_EQ(test, amd_entry(test, level, attr), expected);
	}
}

static const unsigned int amd_widths[] = { 48, 57 };

static void amd_width_desc(const unsigned int *bits, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bits", *bits);
}

KUNIT_ARRAY_PARAM(amd_width, amd_widths, amd_width_desc);

/* 15.25.3: the address of the root, and no more. */
static void amd_ncr3(struct kunit *test)
{
	const unsigned int *bits = test->param_value;
	struct axas_npt *npt = axas_test_npt(test, *bits, 0);
	u64 ncr3 = 0x5555;

	KUNIT_EXPECT_EQ(test, (unsigned int)npt->levels, *bits == 48 ? 4U : 5U);
	KUNIT_EXPECT_EQ(test, (unsigned int)npt->root_order, 0U);
	KUNIT_EXPECT_EQ(test, npt->ops->control(npt, &ncr3), 0);
	KUNIT_EXPECT_EQ(test, ncr3, (u64)__pa(npt->root));
}

/*
 * 5.3.3: the indexes are bits 56:48, 47:39, 38:30, 29:21 and 20:12. An entry that
 * points to a table keeps nothing from anybody, 15.25.5, and is accessed: 0x27.
 */
static void amd_indexes_and_table_entries(struct kunit *test)
{
	const unsigned int *bits = test->param_value;
	struct axas_npt *npt = axas_test_npt(test, *bits, 0);

	entry_expect_path(test, npt, *bits == 48 ? 4 : 5, 0x27,
			  0x8000000000abc065ULL);
}

/* 5.4.2: accessed is bit 5, dirty bit 6. Nobody asked for them without AD. */
static void amd_accessed_and_dirty(struct kunit *test)
{
	static const struct axas_attr attr = { .prot = PROT_RW };
	unsigned int ad, flags, level;
	struct axas_leaf leaf;

	for (ad = 0; ad < 2; ad++) {
		struct axas_npt *npt = axas_test_npt(test, 48, ad ? AD : 0);

		amd_map(test, 1, attr);
		for (flags = 0; flags < 4; flags++) {
			*raw_entry_ptr(npt, GPA_4K, &level) = 7 | flags << 5;
			KUNIT_ASSERT_EQ(test,
					axas_lookup_at(npt, GPA_4K, &leaf), 0);
			KUNIT_EXPECT_EQ(test, leaf.accessed, ad && flags & 1);
			KUNIT_EXPECT_EQ(test, leaf.dirty, ad && flags & 2);
		}
	}
}

/* What protect changes are R/W and NX; what the CPU has set stays. */
static void amd_protect_changes_rights_alone(struct kunit *test)
{
	static const struct { u8 prot; u64 entry; } rows[] = {
		{ PROT_R, 0x800fedcba98760fdULL },
		{ PROT_RX, 0x000fedcba98760fdULL },
		{ PROT_RW, 0x800fedcba98760ffULL },
		{ PROT_RWX, 0x000fedcba98760ffULL },
	};
	struct axas_npt *npt = axas_test_npt(test, 48, AD);
	struct axas_npt_pool pool = {};
	struct axas_leaf leaf;
	unsigned int i, level;

	amd_map(test, 1, (struct axas_attr){ PROT_RWX, AXAS_MEM_WT });
	*raw_entry_ptr(npt, GPA_4K, &level) |= 0x60;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		mutex_lock(npt->lock);
		npt->ops->protect(npt, axas_gpa(GPA_4K), 4096, rows[i].prot,
				  &pool);
		mutex_unlock(npt->lock);
		KUNIT_EXPECT_EQ(test, raw_entry(npt, GPA_4K, &level),
				rows[i].entry);
		KUNIT_ASSERT_EQ(test, axas_lookup_at(npt, GPA_4K, &leaf), 0);
		KUNIT_EXPECT_EQ(test, leaf.attr.prot, rows[i].prot);
		KUNIT_EXPECT_EQ(test, leaf.attr.memtype, (u8)AXAS_MEM_WT);
		KUNIT_EXPECT_TRUE(test, leaf.accessed && leaf.dirty);
	}
}

static void amd_protect_page(struct axas_npt *npt, u64 gpa, unsigned int prot)
{
	struct axas_npt_pool pool = {};

	mutex_lock(npt->lock);
	axas_npt_pool_fill(&pool, 2, GFP_KERNEL);
	npt->ops->protect(npt, axas_gpa(gpa), 4096, prot, &pool);
	axas_npt_pool_free(&pool);
	mutex_unlock(npt->lock);
}

/* The PAT bit is bit 12, then 7, and then 12 again. */
static void amd_pat_moves_with_the_size(struct kunit *test)
{
	const u64 page = GPA_1G + 3 * SZ_2M + 5 * SZ_4K;
	struct axas_npt *npt = axas_test_npt(test, 48, 0);
	unsigned int level;

	amd_map(test, 3, (struct axas_attr){ PROT_RWX, AXAS_MEM_WP });
	KUNIT_EXPECT_EQ(test, raw_entry(npt, GPA_1G, &level),
			0x000fedcb800010efULL);
	amd_protect_page(npt, page, PROT_R);
	KUNIT_EXPECT_EQ(test, raw_entry(npt, page, &level),
			0x800fedcb806050edULL);
	KUNIT_EXPECT_EQ(test, level, 1U);
	KUNIT_EXPECT_EQ(test, raw_entry(npt, page + SZ_4K, &level),
			0x000fedcb806060efULL);
	KUNIT_EXPECT_EQ(test, raw_entry(npt, page + SZ_2M, &level),
			0x000fedcb808010efULL);
	KUNIT_EXPECT_EQ(test, level, 2U);
	KUNIT_EXPECT_EQ(test, axas_npt_translate(npt, axas_gpa(page + SZ_2M)).val,
			HPA_1G + 4 * SZ_2M + 5 * SZ_4K);

	amd_protect_page(npt, page, PROT_RWX);
	mutex_lock(npt->lock);
	npt->ops->join(npt, axas_gpa(page), SZ_4K, GPA_1G, GPA_1G + SZ_1G - 1,
		       3);
	mutex_unlock(npt->lock);
	KUNIT_EXPECT_EQ(test, raw_entry(npt, page, &level),
			0x000fedcb800010efULL);
	KUNIT_EXPECT_EQ(test, level, 3U);
}

static void amd_limits(struct kunit *test)
{
	struct axas_npt_caps caps;

	axas_npt_amd_ops.caps(&caps);
	KUNIT_EXPECT_EQ(test, caps.gpa_bits, 1ULL << 48 | 1ULL << 57);
	KUNIT_EXPECT_EQ(test, caps.control_bits, caps.gpa_bits);
	KUNIT_EXPECT_EQ(test, caps.leaf_sizes, (u64)(SZ_4K | SZ_2M | SZ_1G));
	/* All but DEVICE. */
	KUNIT_EXPECT_EQ(test, caps.memtypes, 0x1fU);
	KUNIT_EXPECT_EQ(test, caps.hpa_bits, 52U);
	KUNIT_EXPECT_EQ(test, caps.default_gpa_bits, 48U);
	/* What is present can be read. */
	KUNIT_EXPECT_EQ(test, caps.features, (u32)AD);
	KUNIT_EXPECT_FALSE(test, caps.ignore_pat);
}

#ifdef CONFIG_X86
static struct axas_npt_caps amd_caps_of(struct fake_cpu cpu)
{
	struct axas_npt_caps caps;

	fake_cpu = cpu;
	axas_npt_amd_ops.caps(&caps);
	fake_cpu = (struct fake_cpu){};
	return caps;
}

static enum axas_format amd_host_of(struct fake_cpu cpu)
{
	enum axas_format format;

	fake_cpu = cpu;
	format = axas_npt_format(AXAS_FORMAT_HOST)->format;
	fake_cpu = (struct fake_cpu){};
	return format;
}

static void amd_is_the_hosts(struct kunit *test)
{
	const struct fake_cpu none = {}, intel = { .vmx = true };
	const struct fake_cpu old = { .svm = true };
	const struct fake_cpu amd = { .svm = true, .npt = true };

	KUNIT_EXPECT_EQ(test, amd_host_of(none), AXAS_FORMAT_EPT);
	KUNIT_EXPECT_EQ(test, amd_host_of(intel), AXAS_FORMAT_EPT);
	KUNIT_EXPECT_EQ(test, amd_host_of(old), AXAS_FORMAT_EPT);
	KUNIT_EXPECT_EQ(test, amd_host_of(amd), AXAS_FORMAT_AMD);
}

/* 15.25.3: as many levels as the kernel's own tables have. */
static void amd_limits_of_a_cpu(struct kunit *test)
{
	struct fake_cpu cpu = { .svm = true, .npt = true };
	struct axas_npt_caps caps = amd_caps_of(cpu);

	KUNIT_EXPECT_EQ(test, caps.gpa_bits, 1ULL << 48 | 1ULL << 57);
	KUNIT_EXPECT_EQ(test, caps.control_bits, 1ULL << 48);
	KUNIT_EXPECT_EQ(test, caps.default_gpa_bits, 48U);
	KUNIT_EXPECT_EQ(test, caps.hpa_bits, (u32)boot_cpu_data.x86_phys_bits);
	KUNIT_EXPECT_EQ(test, caps.leaf_sizes, (u64)(SZ_4K | SZ_2M | SZ_1G));
	KUNIT_EXPECT_EQ(test, caps.memtypes, 0x1fU);

	cpu.la57 = true;
	caps = amd_caps_of(cpu);
	KUNIT_EXPECT_EQ(test, caps.gpa_bits, 1ULL << 48 | 1ULL << 57);
	KUNIT_EXPECT_EQ(test, caps.control_bits, 1ULL << 57);
	KUNIT_EXPECT_EQ(test, caps.default_gpa_bits, 57U);

	cpu.small = true;
	KUNIT_EXPECT_EQ(test, amd_caps_of(cpu).leaf_sizes, (u64)(SZ_4K | SZ_2M));
	/* 7.8.1: at reset the register has WB in field 0 and UC in field 3. */
	cpu.nopat = true;
	KUNIT_EXPECT_EQ(test, amd_caps_of(cpu).memtypes, 0x11U);
	cpu.encrypts = true;
	KUNIT_EXPECT_EQ(test, amd_caps_of(cpu).control_bits, 0ULL);

	/* Not one that can't walk it. */
	cpu.npt = false;
	KUNIT_EXPECT_EQ(test, amd_caps_of(cpu).control_bits,
			1ULL << 48 | 1ULL << 57);
	KUNIT_EXPECT_EQ(test, amd_caps_of(cpu).hpa_bits, 52U);
}

static void amd_no_root_for_another_mode(struct kunit *test)
{
	const unsigned int *bits = test->param_value;
	struct axas_npt *npt = axas_test_npt(test, *bits, 0);
	struct fake_cpu cpu = { .svm = true, .npt = true };
	u64 ncr3;

	cpu.la57 = *bits == 48;
	npt->caps = amd_caps_of(cpu);
	KUNIT_EXPECT_EQ(test, npt->ops->control(npt, &ncr3), -EOPNOTSUPP);
	cpu.la57 = *bits == 57;
	npt->caps = amd_caps_of(cpu);
	KUNIT_EXPECT_EQ(test, npt->ops->control(npt, &ncr3), 0);
}
#else
static void amd_is_the_hosts(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, axas_npt_format(AXAS_FORMAT_HOST)->format,
			IS_ENABLED(CONFIG_ARM64) ? AXAS_FORMAT_S2 :
						   AXAS_FORMAT_EPT);
}

static void amd_limits_of_a_cpu(struct kunit *test)
{
	kunit_skip(test, "no CPU here walks it");
}

static void amd_no_root_for_another_mode(struct kunit *test)
{
	kunit_skip(test, "no CPU here walks it");
}
#endif

static struct kunit_case amd_cases[] = {
	KUNIT_CASE(amd_leaf_values),
	KUNIT_CASE(amd_leaf_all_combinations),
	KUNIT_CASE_PARAM(amd_ncr3, amd_width_gen_params),
	KUNIT_CASE_PARAM(amd_indexes_and_table_entries, amd_width_gen_params),
	KUNIT_CASE(amd_accessed_and_dirty),
	KUNIT_CASE(amd_protect_changes_rights_alone),
	KUNIT_CASE(amd_pat_moves_with_the_size),
	KUNIT_CASE(amd_limits),
	KUNIT_CASE(amd_is_the_hosts),
	KUNIT_CASE(amd_limits_of_a_cpu),
	KUNIT_CASE_PARAM(amd_no_root_for_another_mode, amd_width_gen_params),
#include "npt_case_list.h"
	{}
};

struct kunit_suite axas_npt_amd_suite = {
	.name = "axas_npt_amd",
	.init = axas_test_init_amd,
	.exit = axas_test_exit,
	.test_cases = amd_cases,
};
