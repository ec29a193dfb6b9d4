// SPDX-License-Identifier: GPL-2.0
/*
 * Stage 2: values of descriptors, VTTBR_EL2 and VTCR_EL2, worked out by hand
 * from the Arm ARM (DDI 0487): D8.3.1 and D8.3.2 for descriptors, D8.2.3 for
 * concatenated tables, D24.2 for the registers.
 */
#include "entry.h"
#include "lpa2.h"
#include "npt_range.h"
#include "suites.h"
#include "cases.h"

#define S2_HPA_4K	0x0000fedcba987000ULL
#define S2_HPA_2M	0x0000fedcba800000ULL
#define S2_HPA_1G	0x0000fedc80000000ULL

static u64 s2_hpa(unsigned int level)
{
	return level == 1 ? S2_HPA_4K : level == 2 ? S2_HPA_2M : S2_HPA_1G;
}

/* The descriptor that a CPU would find. */
static u64 s2_entry(struct kunit *test, unsigned int level,
		    struct axas_attr attr)
{
	return entry_of(test, s2_hpa(level), level, attr, 0x0080000000000000ULL);
}

struct s2_row {
	unsigned int level;
	u32 features;
	struct axas_attr attr;
	u64 expected;
};

#define AD	AXAS_FEAT_AD
#define FWB	AXAS_FEAT_FWB

/*
 * Bits: 0 valid; 1 page (set) or block; 5:2 MemAttr; 6 S2AP read, 7 S2AP write;
 * 9:8 SH (3 inner, 2 outer); 10 AF; 51 DBM; 54:53 XN (2: nobody); 55 ours.
 * MemAttr, D8.6.5: 0 nGnRnE, 1 nGnRE, 5 Normal NC, 15 Normal WB; with FWB,
 * D8.6.6: 6 Normal WB, others the same.
 */
static const struct s2_row s2_rows[] = {
	/* level, features, { prot, memtype, ignore_pat, owned }, descriptor */
	{ 1, 0, { PROT_RWX, AXAS_MEM_WB }, 0x0000fedcba9877ffULL },
	{ 1, 0, { PROT_RW, AXAS_MEM_WB }, 0x0040fedcba9877ffULL },
	{ 1, 0, { PROT_R, AXAS_MEM_WB }, 0x0040fedcba98777fULL },
	{ 1, 0, { PROT_RX, AXAS_MEM_WB }, 0x0000fedcba98777fULL },
	{ 1, 0, { PROT_X, AXAS_MEM_WB }, 0x0000fedcba98773fULL },
	{ 1, 0, { PROT_RWX, AXAS_MEM_NC }, 0x0000fedcba9876d7ULL },
	{ 1, 0, { PROT_RWX, AXAS_MEM_UC }, 0x0000fedcba9876c3ULL },
	{ 1, 0, { PROT_RWX, AXAS_MEM_DEVICE }, 0x0000fedcba9876c7ULL },
	{ 1, 0, { PROT_RW, AXAS_MEM_WB, false, true }, 0x00c0fedcba9877ffULL },
	{ 1, FWB, { PROT_RWX, AXAS_MEM_WB }, 0x0000fedcba9877dbULL },
	{ 1, FWB, { PROT_RWX, AXAS_MEM_NC }, 0x0000fedcba9876d7ULL },
	{ 1, FWB, { PROT_RWX, AXAS_MEM_UC }, 0x0000fedcba9876c3ULL },
	{ 1, FWB, { PROT_RWX, AXAS_MEM_DEVICE }, 0x0000fedcba9876c7ULL },
	/* Clean and not accessed: DBM set, S2AP[1] and AF clear. */
	{ 1, AD, { PROT_RWX, AXAS_MEM_WB }, 0x0008fedcba98737fULL },
	{ 1, AD, { PROT_RW, AXAS_MEM_WB }, 0x0048fedcba98737fULL },
	{ 1, AD, { PROT_R, AXAS_MEM_WB }, 0x0040fedcba98737fULL },
	{ 1, AD | FWB, { PROT_X, AXAS_MEM_WB }, 0x0000fedcba98731bULL },
	{ 2, 0, { PROT_RWX, AXAS_MEM_WB }, 0x0000fedcba8007fdULL },
	{ 2, 0, { PROT_R, AXAS_MEM_DEVICE }, 0x0040fedcba800645ULL },
	{ 2, AD, { PROT_RW, AXAS_MEM_WB, false, true }, 0x00c8fedcba80037dULL },
	{ 2, FWB, { PROT_RX, AXAS_MEM_WB }, 0x0000fedcba800759ULL },
	{ 3, 0, { PROT_RWX, AXAS_MEM_WB }, 0x0000fedc800007fdULL },
	{ 3, 0, { PROT_RW, AXAS_MEM_NC }, 0x0040fedc800006d5ULL },
	{ 3, AD, { PROT_RWX, AXAS_MEM_UC }, 0x0008fedc80000241ULL },
};

static void s2_leaf_values(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(s2_rows); i++) {
		const struct s2_row *row = &s2_rows[i];

		axas_test_npt(test, 48, row->features);
		KUNIT_EXPECT_EQ_MSG(test, s2_entry(test, row->level, row->attr),
				    row->expected, "row %u", i);
	}
}

/* The fields of prot, memory type and features that a leaf adds up from. */
static u64 s2_expected(unsigned int level, u32 features, unsigned int prot,
		       unsigned int memtype)
{
	u64 entry = s2_hpa(level) + (level == 1 ? 3 : 1);

	if (memtype == AXAS_MEM_WB)
		entry += features & FWB ? 0x318 : 0x33c;
	else if (memtype == AXAS_MEM_NC)
		entry += 0x214;
	else if (memtype == AXAS_MEM_DEVICE)
		entry += 0x204;
	else
		entry += 0x200;
	if (prot & PROT_R)
		entry += 0x40;
	if (prot & PROT_W)
		entry += features & AD ? 0x0008000000000000ULL : 0x80;
	if (!(prot & PROT_X))
		entry += 0x0040000000000000ULL;
	return entry + (features & AD ? 0 : 0x400);
}

static void s2_leaf_all_combinations(struct kunit *test)
{
	static const u32 features[] = { 0, AD, FWB, AD | FWB };
	static const u8 prots[] = { PROT_R, PROT_RW, PROT_RX, PROT_RWX,
				    PROT_X };
	static const u8 types[] = {
		AXAS_MEM_WB, AXAS_MEM_NC, AXAS_MEM_UC, AXAS_MEM_DEVICE,
	};
	unsigned int f, i;

	for (f = 0; f < ARRAY_SIZE(features); f++) {
		axas_test_npt(test, 48, features[f]);
		for (i = 0; i < 5 * 4 * 3; i++) {
			unsigned int p = i % 5, t = i / 5 % 4,
				     level = i / 20 + 1;
			struct axas_attr attr = { prots[p], types[t] };

			KUNIT_EXPECT_EQ(test, s2_entry(test, level, attr),
					s2_expected(level, features[f],
						    prots[p], types[t]));
		}
	}
}

struct s2_width {
	unsigned int bits;
	unsigned int levels;
	unsigned int root_pages;
	u64 vtcr;
};

/*
 * D8.2.3, 4 KB granule: the walk begins at Arm's level 2 (2 levels) up to 34
 * bits, at level 1 (3 levels) up to 43, at level 0 (4 levels) up to 48. One
 * table resolves 30, 39 and 48 bits; each bit more doubles their number, up to
 * 16. VTCR_EL2: T0SZ = 64 - bits in 5:0; SL0 in 7:6 is 0, 1, 2 for level 2, 1,
 * 0; IRGN0 = ORGN0 = 1 and SH0 = 3 in 13:8 (0x3500); PS = 5 in 18:16; bit 31.
 */
static const struct s2_width s2_widths[] = {
	{ 32, 2, 4, 0x80053520 },  { 33, 2, 8, 0x8005351f },
	{ 34, 2, 16, 0x8005351e }, { 35, 3, 1, 0x8005355d },
	{ 36, 3, 1, 0x8005355c },  { 37, 3, 1, 0x8005355b },
	{ 38, 3, 1, 0x8005355a },  { 39, 3, 1, 0x80053559 },
	{ 40, 3, 2, 0x80053558 },  { 41, 3, 4, 0x80053557 },
	{ 42, 3, 8, 0x80053556 },  { 43, 3, 16, 0x80053555 },
	{ 44, 4, 1, 0x80053594 },  { 45, 4, 1, 0x80053593 },
	{ 46, 4, 1, 0x80053592 },  { 47, 4, 1, 0x80053591 },
	{ 48, 4, 1, 0x80053590 },
};

static void s2_width_desc(const struct s2_width *width, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bits", width->bits);
}

KUNIT_ARRAY_PARAM(s2_width, s2_widths, s2_width_desc);

static void s2_root_and_registers(struct kunit *test)
{
	const struct s2_width *width = test->param_value;
	struct axas_npt *npt = axas_test_npt(test, width->bits, 0);
	u64 root = __pa(npt->root), vttbr = 0;

	KUNIT_EXPECT_EQ(test, (unsigned int)npt->levels, width->levels);
	KUNIT_EXPECT_EQ(test, 1U << npt->root_order, width->root_pages);
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), (long)width->root_pages);
	/* Concatenated tables are aligned to the size of all of them. */
	KUNIT_EXPECT_EQ(test, root & (4096ULL * width->root_pages - 1), 0ULL);
	KUNIT_EXPECT_EQ(test, npt->ops->control(npt, &vttbr), 0);
	KUNIT_EXPECT_EQ(test, vttbr, root);
	KUNIT_EXPECT_EQ(test, axas_s2_vtcr(npt), width->vtcr);

	/* HA and HD, bits 21 and 22: the CPU keeps the flags. */
	npt = axas_test_npt(test, width->bits, AD);
	KUNIT_EXPECT_EQ(test, axas_s2_vtcr(npt), width->vtcr + 0x600000);
}

/* The last page of each width: its root index is the last of all root pages. */
static void s2_last_page(struct kunit *test)
{
	const struct s2_width *width = test->param_value;
	struct axas_npt *npt = axas_test_npt(test, width->bits, 0);
	const struct axas_attr attr = { .prot = PROT_R,
					.memtype = AXAS_MEM_WB };
	unsigned int index = ((1ULL << width->bits) - 1) >>
			     (12 + 9 * (width->levels - 1));
	u64 gpa = (1ULL << width->bits) - 4096, *table = npt->root;
	unsigned int level;
	int ret;

	mutex_lock(npt->lock);
	ret = npt->ops->map(npt, axas_gpa(gpa), axas_hpa(0xabc000), 4096,
			    npt->ops->encode(npt, attr), 1);
	mutex_unlock(npt->lock);
	KUNIT_ASSERT_EQ(test, ret, 0);
	for (level = width->levels; level > 1; level--, index = 511) {
		u64 entry = table[index];

		/* D8.3.1: a table descriptor is the address and 3; two bits are ours. */
		KUNIT_ASSERT_EQ(test, entry & 0xffff000000000fffULL,
				0x0500000000000003ULL);
		table = __va(entry & 0x0000fffffffff000ULL);
		KUNIT_ASSERT_TRUE(test, fake_hal_owns(axas_hpa(__pa(table))));
	}
	/* SH is 3 where it is in the descriptor. */
	KUNIT_EXPECT_EQ(test, table[511], axas_is_lpa2(test) ?
			0x0040000000abc47fULL : 0x0040000000abc77fULL);
}

/* D8.5: AF is bit 10; writable-dirty has DBM and S2AP[1], D8.5.3. */
static void s2_accessed_and_dirty(struct kunit *test)
{
	static const struct { u64 entry; bool accessed, dirty; } rows[] = {
		{ 0x004800000000037fULL, false, false },
		{ 0x004800000000077fULL, true, false },
		{ 0x00480000000007ffULL, true, true },
		{ 0x004000000000077fULL, true, false }, /* read-only */
	};
	static const struct axas_attr attr = { .prot = PROT_RW };
	unsigned int ad, i, level;
	struct axas_leaf leaf;

	for (ad = 0; ad < 2; ad++) {
		struct axas_npt *npt = axas_test_npt(test, 48, ad ? AD : 0);

		mutex_lock(npt->lock);
		npt->ops->map(npt, axas_gpa(GPA_4K), axas_hpa(0), 4096,
			      npt->ops->encode(npt, attr), 1);
		mutex_unlock(npt->lock);
		for (i = 0; i < ARRAY_SIZE(rows); i++) {
			*raw_entry_ptr(npt, GPA_4K, &level) = rows[i].entry;
			KUNIT_ASSERT_EQ(test,
					axas_lookup_at(npt, GPA_4K, &leaf), 0);
			KUNIT_EXPECT_EQ(test, leaf.accessed,
					ad && rows[i].accessed);
			KUNIT_EXPECT_EQ(test, leaf.dirty, ad && rows[i].dirty);
			/* Readable always; DBM or S2AP[1]: writable; XN. */
			KUNIT_EXPECT_EQ(test, leaf.attr.prot,
					(u8)(i < 3 ? PROT_RW : PROT_R));
		}
	}
}

/* Taking write away must not lose that the page was written. */
static void s2_dirty_survives_protect(struct kunit *test)
{
	static const struct axas_attr attr = { .prot = PROT_RW };
	struct axas_npt *npt = axas_test_npt(test, 48, AD);
	struct axas_npt_pool pool = {};
	struct axas_leaf leaf;
	unsigned int level;

	mutex_lock(npt->lock);
	npt->ops->map(npt, axas_gpa(GPA_4K), axas_hpa(0), 4096,
		      npt->ops->encode(npt, attr), 1);
	/* What a CPU does on the first write: S2AP[1] and AF. */
	*raw_entry_ptr(npt, GPA_4K, &level) |= 0x480;
	npt->ops->protect(npt, axas_gpa(GPA_4K), 4096, PROT_R, &pool);
	mutex_unlock(npt->lock);

	KUNIT_EXPECT_EQ(test, raw_entry(npt, GPA_4K, &level) &
			0x00080000000000c1ULL, 0x41ULL);
	KUNIT_ASSERT_EQ(test, axas_lookup_at(npt, GPA_4K, &leaf), 0);
	KUNIT_EXPECT_EQ(test, leaf.attr.prot, (u8)PROT_R);
	KUNIT_EXPECT_TRUE(test, leaf.accessed);
	KUNIT_EXPECT_TRUE(test, leaf.dirty);
}

static void s2_limits(struct kunit *test)
{
	struct axas_npt_caps caps;

	axas_npt_s2_ops.caps(&caps);
	KUNIT_EXPECT_EQ(test, caps.gpa_bits, 0x0001ffff00000000ULL);
	KUNIT_EXPECT_EQ(test, caps.control_bits, caps.gpa_bits);
	KUNIT_EXPECT_EQ(test, caps.leaf_sizes, (u64)(SZ_4K | SZ_2M | SZ_1G));
	/* WB, NC, UC and DEVICE. */
	KUNIT_EXPECT_EQ(test, caps.memtypes, 0x39U);
	KUNIT_EXPECT_EQ(test, caps.hpa_bits, 48U);
	KUNIT_EXPECT_EQ(test, caps.default_gpa_bits, 40U);
	/* Stage 2 always has execute-only. */
	KUNIT_EXPECT_TRUE(test, caps.features & AXAS_FEAT_EXEC_ONLY);
	KUNIT_EXPECT_FALSE(test, caps.ignore_pat);
}

/* ---- LPA2: VTCR_EL2.DS set ---- */

struct lpa2_row {
	unsigned int level;
	u32 features;
	u64 hpa;
	struct axas_attr attr;
	u64 expected;
};

/*
 * D8.3.1 and D8.3.2 with DS: bits 49:12 of the address stand where they did, 51:50
 * in bits 9:8; DBM stays in 51, and bit 50 is 0. There is no SH.
 */
static const struct lpa2_row lpa2_rows[] = {
	{ 1, 0, 0x0000fedcba987000ULL, { PROT_RWX, AXAS_MEM_WB },
	  0x0000fedcba9874ffULL },
	{ 1, 0, 0x0001fedcba987000ULL, { PROT_RWX, AXAS_MEM_WB },
	  0x0001fedcba9874ffULL },
	{ 1, 0, 0x0002fedcba987000ULL, { PROT_RWX, AXAS_MEM_NC },
	  0x0002fedcba9874d7ULL },
	{ 1, 0, 0x0004fedcba987000ULL, { PROT_RWX, AXAS_MEM_WB },
	  0x0000fedcba9875ffULL },
	{ 1, 0, 0x0008fedcba987000ULL, { PROT_RX, AXAS_MEM_UC },
	  0x0000fedcba987643ULL },
	{ 1, 0, 0x000ffedcba987000ULL, { PROT_RW, AXAS_MEM_DEVICE, false, true },
	  0x00c3fedcba9877c7ULL },
	{ 1, FWB, 0x000bfedcba987000ULL, { PROT_X, AXAS_MEM_WB },
	  0x0003fedcba98761bULL },
	{ 1, AD, 0x0007fedcba987000ULL, { PROT_RWX, AXAS_MEM_WB },
	  0x000bfedcba98717fULL },
	{ 1, AD | FWB, 0x000cfedcba987000ULL, { PROT_RW, AXAS_MEM_WB },
	  0x0048fedcba98735bULL },
	{ 2, 0, 0x000bfedcba800000ULL, { PROT_RWX, AXAS_MEM_WB },
	  0x0003fedcba8006fdULL },
	{ 2, AD, 0x0004fedcba800000ULL, { PROT_RW, AXAS_MEM_WB, false, true },
	  0x00c8fedcba80017dULL },
	{ 3, 0, 0x000ffedc80000000ULL, { PROT_R, AXAS_MEM_WB },
	  0x0043fedc8000077dULL },
	{ 3, FWB, 0x0008fedc80000000ULL, { PROT_RX, AXAS_MEM_WB },
	  0x0000fedc80000659ULL },
};

static void lpa2_leaf_values(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lpa2_rows); i++) {
		const struct lpa2_row *row = &lpa2_rows[i];
		struct axas_npt *npt = axas_test_npt(test, 52, row->features);
		struct axas_leaf leaf;

		KUNIT_EXPECT_EQ_MSG(test, entry_of(test, row->hpa, row->level,
						   row->attr, 1ULL << 55),
				    row->expected, "row %u", i);
		if (row->attr.owned)
			continue;
		entry_map(test, row->hpa, row->level, row->attr);
		KUNIT_ASSERT_EQ(test, axas_lookup_at(npt, entry_gpa(row->level),
						     &leaf), 0);
		KUNIT_EXPECT_EQ(test, leaf.hpa.val, row->hpa);
		KUNIT_EXPECT_EQ(test, leaf.attr.prot, row->attr.prot);
		KUNIT_EXPECT_EQ(test, leaf.attr.memtype, row->attr.memtype);
	}
}

/*
 * D8.3.1 with DS: 49:12 and 9:8 as in leaves; bits 0 and 1, and two that are ours. D24.2,
 * VTTBR_EL2: 47:12 where they are, 51:48 in bits 5:2.
 */
static void lpa2_tables_anywhere(struct kunit *test)
{
	static const struct { u64 hpa, link, vttbr; } rows[] = {
		{ 0x0000fedcba987000ULL, 0x0500fedcba987003ULL,
		  0x0000fedcba987000ULL },
		{ 0x0003000000001000ULL, 0x0503000000001003ULL,
		  0x000000000000100cULL },
		{ 0x0004fedcba987000ULL, 0x0500fedcba987103ULL,
		  0x0000fedcba987010ULL },
		{ 0x0009fedcba987000ULL, 0x0501fedcba987203ULL,
		  0x0000fedcba987024ULL },
		{ 0x000ffffffffff000ULL, 0x0503fffffffff303ULL,
		  0x0000fffffffff03cULL },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		KUNIT_EXPECT_EQ(test, lpa2_link(rows[i].hpa), rows[i].link);
		KUNIT_EXPECT_EQ(test, lpa2_hpa(rows[i].link), rows[i].hpa);
		KUNIT_EXPECT_EQ(test, lpa2_vttbr(rows[i].hpa), rows[i].vttbr);
	}
}

/*
 * Runs of leaves that begin three leaves below 2^50, where the address goes on in other bits,
 * and below 2^51 and 3 * 2^50.
 */
static void lpa2_runs_across(struct kunit *test)
{
	unsigned int i, level, found;

	for (i = 1; i <= 3; i++)
		for (level = 1; level <= 3; level++) {
			struct axas_npt *npt = axas_test_npt(test, 52, 0);
			u64 size = 4096ULL << 9 * (level - 1), n;
			u64 entry = level == 1 ? 0x4ff : 0x4fd;

			KUNIT_ASSERT_EQ(test, npt_do_map(npt, size,
							 ((u64)i << 50) - 3 * size,
							 300 * size, level), 0);
			for (n = 0; n < 300; n++) {
				u64 low = n < 3 ? (1ULL << 50) - (3 - n) * size :
						  (n - 3) * size;
				u64 high = (n < 3 ? i - 1 : i) * 0x100;

				KUNIT_EXPECT_EQ(test, raw_entry(npt, (n + 1) * size,
								&found),
						low + high + entry);
				KUNIT_EXPECT_EQ(test, found, level);
			}
		}
}

/*
 * D8.2.3 with DS: as without it up to 48 bits; above, from Arm's level -1. VTCR_EL2: as
 * above, but PS = 6, DS in bit 32, and SL2 in bit 33, with SL0 = 0, for level -1.
 */
static const struct s2_width lpa2_widths[] = {
	{ 32, 2, 4, 0x180063520 },  { 34, 2, 16, 0x18006351e },
	{ 35, 3, 1, 0x18006355d },  { 40, 3, 2, 0x180063558 },
	{ 43, 3, 16, 0x180063555 }, { 44, 4, 1, 0x180063594 },
	{ 48, 4, 1, 0x180063590 },  { 49, 5, 1, 0x38006350f },
	{ 50, 5, 1, 0x38006350e },  { 51, 5, 1, 0x38006350d },
	{ 52, 5, 1, 0x38006350c },
};

KUNIT_ARRAY_PARAM(lpa2_width, lpa2_widths, s2_width_desc);

static void lpa2_limits(struct kunit *test)
{
	struct axas_npt_caps caps, plain;

	axas_npt_s2_ops.caps(&plain);
	axas_test_ops(test)->caps(&caps);
	KUNIT_EXPECT_EQ(test, caps.gpa_bits, 0x001fffff00000000ULL);
	KUNIT_EXPECT_EQ(test, caps.control_bits, caps.gpa_bits);
	KUNIT_EXPECT_EQ(test, caps.features, plain.features);
	if (caps.features & AXAS_FEAT_LPA2)
		KUNIT_EXPECT_EQ(test, caps.hpa_bits, 52U);
	KUNIT_EXPECT_EQ(test, caps.leaf_sizes, plain.leaf_sizes);
	KUNIT_EXPECT_EQ(test, caps.memtypes, plain.memtypes);
	KUNIT_EXPECT_EQ(test, caps.default_gpa_bits, 40U);
}

static struct kunit_case s2_cases[] = {
	KUNIT_CASE(s2_leaf_values),
	KUNIT_CASE(s2_leaf_all_combinations),
	KUNIT_CASE_PARAM(s2_root_and_registers, s2_width_gen_params),
	KUNIT_CASE_PARAM(s2_last_page, s2_width_gen_params),
	KUNIT_CASE(s2_accessed_and_dirty),
	KUNIT_CASE(s2_dirty_survives_protect),
	KUNIT_CASE(s2_limits),
#include "npt_case_list.h"
	{}
};

struct kunit_suite axas_npt_s2_suite = {
	.name = "axas_npt_s2",
	.init = axas_test_init_s2,
	.exit = axas_test_exit,
	.test_cases = s2_cases,
};

static struct kunit_case lpa2_cases[] = {
	KUNIT_CASE(lpa2_leaf_values),
	KUNIT_CASE(lpa2_tables_anywhere),
	KUNIT_CASE(lpa2_runs_across),
	KUNIT_CASE_PARAM(s2_root_and_registers, lpa2_width_gen_params),
	KUNIT_CASE_PARAM(s2_last_page, lpa2_width_gen_params),
	KUNIT_CASE(lpa2_limits),
	KUNIT_CASE(errno_map_format),
	KUNIT_CASE(model_narrow_or_wide),
#include "npt_case_list.h"
	{}
};

struct kunit_suite axas_npt_lpa2_suite = {
	.name = "axas_npt_lpa2",
	.init = axas_test_init_lpa2,
	.exit = axas_test_exit,
	.test_cases = lpa2_cases,
};
