// SPDX-License-Identifier: GPL-2.0
/*
 * One entry, for the tests of formats.
 */
#include "entry.h"

/**
 * entry_map - map one leaf in the test's table
 * @test: the test
 * @hpa: what it leads to
 * @level: its level; entry_gpa() says where it is
 * @attr: what it allows
 */
void entry_map(struct kunit *test, u64 hpa, unsigned int level,
	       struct axas_attr attr)
{
	struct axas_npt *npt = &axas_context(test)->npt;
	u64 shared = npt->ops->encode(npt, attr);

	mutex_lock(npt->lock);
	KUNIT_EXPECT_EQ(test, npt->ops->map(npt, axas_gpa(entry_gpa(level)),
					    axas_hpa(hpa),
					    4096ULL << 9 * (level - 1), shared,
					    level), 0);
	mutex_unlock(npt->lock);
}

/**
 * entry_of - the entry that a CPU would find of a leaf
 * @test: the test
 * @hpa: what it leads to
 * @level: its level
 * @attr: what it allows
 * @owned: the bit that says that the space owns the frame
 *
 * Return: the entry; it is out of the table then.
 */
u64 entry_of(struct kunit *test, u64 hpa, unsigned int level,
	     struct axas_attr attr, u64 owned)
{
	struct axas_npt *npt = &axas_context(test)->npt;
	u64 gpa = entry_gpa(level), entry;
	struct axas_npt_pool pool = {};
	unsigned int found;

	entry_map(test, hpa, level, attr);
	entry = raw_entry(npt, gpa, &found);
	/* The frame belongs to nobody: an owned leaf must not be unmapped. */
	if (attr.owned)
		*raw_entry_ptr(npt, gpa, &found) &= ~owned;
	mutex_lock(npt->lock);
	npt->ops->unmap(npt, axas_gpa(gpa), 4096ULL << 9 * (level - 1), NULL,
			&pool);
	mutex_unlock(npt->lock);
	KUNIT_EXPECT_EQ(test, found, level);
	return entry;
}

/**
 * entry_expect_path - follow the indexes of an address as an x86 CPU does
 * @test: the test
 * @npt: its table
 * @levels: how many it has
 * @link: what an entry that points to a table has beside the address, bits 51:12
 * @leaf: the entry of a page at 0xabc000 that can be read, and no more
 *
 * Bits 56:48, 47:39, 38:30, 29:21 and 20:12 are indexes.
 */
void entry_expect_path(struct kunit *test, struct axas_npt *npt,
		       unsigned int levels, u64 link, u64 leaf)
{
	static const unsigned int index[] = { 0x189, 0xab, 0x1cd, 0x55, 0x1fe };
	struct axas_attr attr = { .prot = PROT_R, .memtype = AXAS_MEM_WB };
	unsigned int level, shift = 48;
	u64 *table = npt->root, gpa = 0;
	int ret;

	for (level = 5; level >= 1; level--, shift -= 9)
		if (level <= levels)
			gpa |= (u64)index[5 - level] << shift;
	mutex_lock(npt->lock);
	ret = npt->ops->map(npt, axas_gpa(gpa), axas_hpa(0xabc000), 4096,
			    npt->ops->encode(npt, attr), 1);
	mutex_unlock(npt->lock);
	KUNIT_ASSERT_EQ(test, ret, 0);

	for (level = levels; level > 1; level--) {
		u64 entry = table[index[5 - level]];

		KUNIT_ASSERT_EQ(test, entry & 0xfff0000000000fffULL, link);
		table = __va(entry & 0x000ffffffffff000ULL);
		KUNIT_ASSERT_TRUE(test, fake_hal_owns(axas_hpa(__pa(table))));
	}
	KUNIT_EXPECT_EQ(test, table[index[4]], leaf);
}
