// SPDX-License-Identifier: GPL-2.0
/*
 * Fetches in user mode as a right of its own: values of entries, worked out by hand from
 * the Intel SDM, volume 3C, tables 29-1 to 29-7, where bit 10 is for user mode, and from the
 * Arm ARM (DDI 0487), D8.4.2, where XN[1:0] in bits 54:53 are 0 for EL1 and EL0, 1 for EL0,
 * 2 for nobody and 3 for EL1.
 */
#include "alias.h"
#include "entry.h"
#include "suites.h"
#include "cases.h"
#include "fake_cpu.h"

#define AD	AXAS_FEAT_AD
#define FWB	AXAS_FEAT_FWB
#define LPA2	AXAS_FEAT_LPA2

struct user_row {
	unsigned int level;
	u32 features;
	u64 hpa;
	struct axas_attr attr;
	u64 expected;
};

static const struct user_row mbec_rows[] = {
	{ 1, 0, HPA_4K, { PROT_RWX | PROT_U, AXAS_MEM_WB }, 0x000fedcba9876437ULL },
	{ 1, 0, HPA_4K, { PROT_RWX, AXAS_MEM_WB }, 0x000fedcba9876037ULL },
	{ 1, 0, HPA_4K, { PROT_RX, AXAS_MEM_UC }, 0x000fedcba9876005ULL },
	{ 1, 0, HPA_4K, { PROT_RW | PROT_U, AXAS_MEM_WB }, 0x000fedcba9876433ULL },
	{ 1, 0, HPA_4K, { PROT_R | PROT_U, AXAS_MEM_NC }, 0x000fedcba9876409ULL },
	{ 1, 0, HPA_4K, { PROT_R, AXAS_MEM_WB }, 0x000fedcba9876031ULL },
	{ 1, 0, HPA_4K, { PROT_X, AXAS_MEM_WB }, 0x000fedcba9876034ULL },
	/* With that alone an entry is present, too. */
	{ 1, 0, HPA_4K, { PROT_U, AXAS_MEM_WB }, 0x000fedcba9876430ULL },
	{ 1, 0, HPA_4K, { PROT_X | PROT_U, AXAS_MEM_WT }, 0x000fedcba9876424ULL },
	{ 1, AD, HPA_4K, { PROT_RX | PROT_U, AXAS_MEM_WB, true }, 0x000fedcba9876475ULL },
	{ 2, 0, HPA_2M, { PROT_RW | PROT_U, AXAS_MEM_NC, false, true },
	  0x001fedcba980048bULL },
	{ 2, 0, HPA_2M, { PROT_U, AXAS_MEM_WB }, 0x000fedcba98004b0ULL },
	{ 3, 0, HPA_1G, { PROT_RX | PROT_U, AXAS_MEM_UC, true }, 0x000fedcb800004c5ULL },
};

#define ARM_4K	0x0000fedcba987000ULL
#define ARM_2M	0x0000fedcba800000ULL
#define ARM_1G	0x0000fedc80000000ULL

static const struct user_row xnx_rows[] = {
	{ 1, 0, ARM_4K, { PROT_RWX | PROT_U, AXAS_MEM_WB }, 0x0000fedcba9877ffULL },
	{ 1, 0, ARM_4K, { PROT_RWX, AXAS_MEM_WB }, 0x0060fedcba9877ffULL },
	{ 1, 0, ARM_4K, { PROT_RW | PROT_U, AXAS_MEM_WB }, 0x0020fedcba9877ffULL },
	{ 1, 0, ARM_4K, { PROT_RW, AXAS_MEM_WB }, 0x0040fedcba9877ffULL },
	{ 1, 0, ARM_4K, { PROT_R | PROT_U, AXAS_MEM_DEVICE }, 0x0020fedcba987647ULL },
	{ 1, 0, ARM_4K, { PROT_X, AXAS_MEM_WB }, 0x0060fedcba98773fULL },
	{ 1, 0, ARM_4K, { PROT_U, AXAS_MEM_WB }, 0x0020fedcba98773fULL },
	{ 1, 0, ARM_4K, { PROT_X | PROT_U, AXAS_MEM_WB }, 0x0000fedcba98773fULL },
	{ 1, AD, ARM_4K, { PROT_RWX, AXAS_MEM_WB }, 0x0068fedcba98737fULL },
	{ 1, AD | FWB, ARM_4K, { PROT_RW | PROT_U, AXAS_MEM_WB, false, true },
	  0x00a8fedcba98735bULL },
	{ 2, FWB, ARM_2M, { PROT_RX, AXAS_MEM_WB }, 0x0060fedcba800759ULL },
	{ 2, 0, ARM_2M, { PROT_R | PROT_U, AXAS_MEM_WB }, 0x0020fedcba80077dULL },
	{ 3, 0, ARM_1G, { PROT_RWX | PROT_U, AXAS_MEM_NC }, 0x0000fedc800006d5ULL },
	/* Bits 51:50 of the address in 9:8, no SH. */
	{ 1, LPA2, 0x0004fedcba987000ULL, { PROT_RWX, AXAS_MEM_WB },
	  0x0060fedcba9875ffULL },
	{ 1, LPA2, 0x0008fedcba987000ULL, { PROT_RW | PROT_U, AXAS_MEM_UC },
	  0x0020fedcba9876c3ULL },
	{ 2, LPA2, 0x000bfedcba800000ULL, { PROT_RWX | PROT_U, AXAS_MEM_WB },
	  0x0003fedcba8006fdULL },
};

static void expect_row(struct kunit *test, const struct user_row *row,
		       u64 owned, unsigned int i)
{
	struct axas_npt *npt;
	struct axas_leaf leaf;

	axas_context(test)->features = AXAS_FEAT_EXEC_USER | (row->features & LPA2);
	npt = axas_test_npt(test, row->features & LPA2 ? 52 : 48, row->features);
	KUNIT_EXPECT_EQ_MSG(test, entry_of(test, row->hpa, row->level, row->attr,
					   owned), row->expected, "row %u", i);
	if (row->attr.owned)
		return;
	entry_map(test, row->hpa, row->level, row->attr);
	KUNIT_ASSERT_EQ_MSG(test, axas_lookup_at(npt, entry_gpa(row->level), &leaf),
			    0, "row %u", i);
	KUNIT_EXPECT_EQ(test, leaf.hpa.val, row->hpa);
	KUNIT_EXPECT_EQ_MSG(test, leaf.attr.prot, row->attr.prot, "row %u", i);
	KUNIT_EXPECT_EQ(test, leaf.attr.memtype, row->attr.memtype);
}

static void mbec_leaf_values(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mbec_rows); i++)
		expect_row(test, &mbec_rows[i], 1ULL << 52, i);
}

static void xnx_leaf_values(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(xnx_rows); i++)
		expect_row(test, &xnx_rows[i], 1ULL << 55, i);
}

/* Bits 2:0 and 10: what leads to a table has all rights; accessed, bit 8, is set. */
static void mbec_table_entries(struct kunit *test)
{
	entry_expect_path(test, axas_test_npt(test, 48, 0), 4, 0x507, 0xabc031);
}

#ifdef CONFIG_X86
static u32 mbec_features_of(struct fake_cpu cpu)
{
	struct axas_npt_caps caps;

	fake_cpu = cpu;
	axas_npt_ept_ops.caps(&caps);
	fake_cpu = (struct fake_cpu){};
	return caps.features & AXAS_FEAT_EXEC_USER;
}

/* A.3.3: bit 54 of the register, which says what bit 22 of the controls may be. */
static void mbec_of_this_cpu(struct kunit *test)
{
	struct fake_cpu cpu = { .vmx = true, .ept = 0x06334141 };

	KUNIT_EXPECT_EQ(test, mbec_features_of(cpu), 0U);
	cpu.ctls2 = ~(1U << 22);
	KUNIT_EXPECT_EQ(test, mbec_features_of(cpu), 0U);
	cpu.ctls2 = 1U << 22;
	KUNIT_EXPECT_NE(test, mbec_features_of(cpu), 0U);
	cpu.vmx = false;
	cpu.ctls2 = 0;
	KUNIT_EXPECT_NE(test, mbec_features_of(cpu), 0U);
}
#else
static void mbec_of_this_cpu(struct kunit *test)
{
	kunit_skip(test, "a control of x86 CPUs");
}
#endif

/* Four kinds of access, to areas with all rights that there can be. */
static void user_faults(struct kunit *test)
{
	static const u8 prots[] = {
		PROT_R, PROT_RW, PROT_RX, PROT_RWX, PROT_X, PROT_U,
		PROT_X | PROT_U, PROT_R | PROT_U, PROT_RW | PROT_U,
		PROT_RX | PROT_U, PROT_RWX | PROT_U,
	};
	struct axas_npt_caps caps;
	struct axas_space *space;
	unsigned int i, access;

	axas_test_ops(test)->caps(&caps);
	if (~caps.features & (AXAS_FEAT_EXEC_USER | AXAS_FEAT_EXEC_ONLY))
		kunit_skip(test, "this CPU doesn't have it");
	space = axas_test_space(test);
	for (i = 0; i < ARRAY_SIZE(prots); i++) {
		u64 gpa = SZ_1G + i * SZ_4K;

		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, gpa, SZ_4K, prots[i],
						     AXAS_MAP_POPULATE, 0), 0);
		for (access = 1; access < 16; access++)
			KUNIT_EXPECT_EQ_MSG(test, axas_fault_at(space, gpa, access),
					    access & ~prots[i] ?
						    AXAS_FAULT_DENIED :
						    AXAS_FAULT_SPURIOUS,
					    "%u in %u", access, prots[i]);
		KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa, 16),
				AXAS_FAULT_INVALID);
	}
	KUNIT_EXPECT_EQ(test, axas_map_alloc(space, SZ_2G, SZ_4K, PROT_W | PROT_U,
					     0, 0), -EINVAL);
}

/* Between a space where user mode has a right of its own and one where it has none. */
struct user_alias_row {
	bool source_has;
	u8 source;
	u8 alias;
	u8 access;
	int result;
};

static const struct user_alias_row user_alias_rows[] = {
	/* There a right to execute is one of both modes, ... */
	{ false, PROT_RX, PROT_RX | PROT_U, PROT_U, AXAS_FAULT_RESOLVED },
	{ false, PROT_RX, PROT_RX | PROT_U, PROT_X, AXAS_FAULT_RESOLVED },
	{ false, PROT_RX, PROT_R | PROT_U, PROT_X, AXAS_FAULT_DENIED },
	{ false, PROT_R, PROT_RX | PROT_U, PROT_U, AXAS_FAULT_DENIED },
	{ false, PROT_RW, PROT_RW | PROT_U, PROT_W, AXAS_FAULT_RESOLVED },
	/* ... and here it takes both. */
	{ true, PROT_RX | PROT_U, PROT_RX, PROT_X, AXAS_FAULT_RESOLVED },
	{ true, PROT_RX, PROT_RX, PROT_X, AXAS_FAULT_DENIED },
	{ true, PROT_RX, PROT_RX, PROT_R, AXAS_FAULT_RESOLVED },
	{ true, PROT_R | PROT_U, PROT_RX, PROT_X, AXAS_FAULT_DENIED },
	{ true, PROT_U, PROT_RX, PROT_X, AXAS_FAULT_DENIED },
	{ true, PROT_RX | PROT_U, PROT_RX, PROT_U, AXAS_FAULT_INVALID },
};

static struct axas_space *space_of(struct kunit *test, bool user)
{
	const struct axas_create args = {
		.format = axas_context(test)->format,
		.gpa_bits = 48,
		.features = AXAS_FEAT_EXEC_ONLY | (user ? AXAS_FEAT_EXEC_USER : 0),
	};
	struct axas_space *space = axas_space_create(&args);

	KUNIT_ASSERT_FALSE(test, IS_ERR(space));
	return space;
}

/* @there: the source has the page already. */
static void expect_alias(struct kunit *test, const struct user_alias_row *row,
			 bool there, unsigned int i)
{
	struct axas_space *source = space_of(test, row->source_has);
	struct axas_space *alias = space_of(test, !row->source_has);
	int result;

	KUNIT_EXPECT_EQ(test, axas_map_alloc(source, HERE, SZ_4K, row->source,
					     there ? AXAS_MAP_POPULATE : 0, 0), 0);
	KUNIT_EXPECT_EQ(test, alias_map(alias, THERE, source, HERE, SZ_4K,
					row->alias), 0);
	result = axas_fault_at(alias, THERE, row->access);
	KUNIT_EXPECT_EQ_MSG(test, result, row->result, "row %u, there %d", i, there);
	if (result == AXAS_FAULT_RESOLVED)
		KUNIT_EXPECT_EQ(test, hpa_at(alias, THERE), hpa_at(source, HERE));
	axas_space_destroy(alias);
	axas_space_destroy(source);
}

static void user_aliases(struct kunit *test)
{
	struct axas_npt_caps caps;
	unsigned int i;

	axas_test_ops(test)->caps(&caps);
	if (~caps.features & (AXAS_FEAT_EXEC_USER | AXAS_FEAT_EXEC_ONLY))
		kunit_skip(test, "this CPU doesn't have it");
	for (i = 0; i < 2 * ARRAY_SIZE(user_alias_rows); i++)
		expect_alias(test, &user_alias_rows[i / 2], i % 2, i / 2);
}

static struct kunit_case mbec_cases[] = {
	KUNIT_CASE(mbec_leaf_values),
	KUNIT_CASE(mbec_table_entries),
	KUNIT_CASE(mbec_of_this_cpu),
	KUNIT_CASE(user_faults),
	KUNIT_CASE(user_aliases),
	KUNIT_CASE(model_over_1g),
	KUNIT_CASE(model_narrow_or_wide),
#include "npt_case_list.h"
	{}
};

struct kunit_suite axas_npt_mbec_suite = {
	.name = "axas_npt_mbec",
	.init = axas_test_init_mbec,
	.exit = axas_test_exit,
	.test_cases = mbec_cases,
};

static struct kunit_case xnx_cases[] = {
	KUNIT_CASE(xnx_leaf_values),
	KUNIT_CASE(user_faults),
	KUNIT_CASE(user_aliases),
	KUNIT_CASE(model_over_1g),
	KUNIT_CASE(model_narrow_or_wide),
#include "npt_case_list.h"
	{}
};

struct kunit_suite axas_npt_xnx_suite = {
	.name = "axas_npt_xnx",
	.init = axas_test_init_xnx,
	.exit = axas_test_exit,
	.test_cases = xnx_cases,
};
