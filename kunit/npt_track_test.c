// SPDX-License-Identifier: GPL-2.0
/*
 * Where writes are noticed: values of entries, worked out by hand from the manuals.
 * Intel SDM volume 3C, 29.3.3.1, and AMD64 APM volume 2, 5.6.3: a walk writes if bit 1
 * is set in all entries on its way. Arm ARM DDI 0487, D8.4.1 and D8.5.3: S2AP[1], bit
 * 7, lets a guest write, and DBM, bit 51, lets the CPU set that; a table descriptor of
 * stage 2 has no rights, and bits 58:51 are ignored (D8.3.1).
 */
#include <linux/mm.h>

#include <axas/npt_track.h>

#include "context.h"
#include "suites.h"

#define AT		(3ULL * SZ_1G)
#define HPA		0x0000000100000000ULL
#define WHOLE		BIT_ULL(48)
/* Ours, of what is left to software: below such a link all is as it was. */
#define STALE		BIT_ULL(55)
#define S2_OPEN	BIT_ULL(56)
#define S2_WRITTEN	BIT_ULL(57)
#define S2_WAS_DIRTY	BIT_ULL(56)
#define X86_WRITE	2ULL
#define S2_WRITE	0x80ULL
#define S2_DBM		BIT_ULL(51)

/* ---- which entries have changed ---- */

/**
 * struct tables - all entries of a table, as they were
 * @test: the test
 * @npt: the table
 * @nr: how many pages there are
 * @max: how many there may be
 * @at: where each is
 * @level: level of its entries
 * @old: what it held
 */
struct tables {
	struct kunit *test;
	struct axas_npt *npt;
	unsigned int nr;
	unsigned int max;
	const u64 **at;
	u8 *level;
	u64 (*old)[512];
};

static void tables_add(void *arg, u64 gpa, unsigned int level, const u64 *table)
{
	struct tables *tables = arg;

	if (tables->nr == tables->max)
		return;
	tables->at[tables->nr] = table;
	tables->level[tables->nr] = level;
	memcpy(tables->old[tables->nr++], table, SZ_4K);
}

static void tables_free(void *arg)
{
	struct tables *tables = arg;

	kvfree(tables->old);
	kvfree(tables->at);
	kvfree(tables->level);
}

static struct tables *tables_take(struct kunit *test, struct axas_npt *npt)
{
	struct tables *tables = kunit_kzalloc(test, sizeof(*tables), GFP_KERNEL);
	struct raw_reader reader = {
		.npt = npt, .table = tables_add, .arg = tables,
	};
	struct raw_reader count = { .npt = npt };
	unsigned int max = 0, i;
	bool there;

	KUNIT_ASSERT_NOT_NULL(test, tables);
	tables->test = test;
	tables->npt = npt;
	raw_read(&count);
	for (i = 0; i < npt->levels; i++)
		max += count.sum.tables[i];
	tables->max = max;
	tables->old = kvmalloc_array(max, SZ_4K, GFP_KERNEL);
	tables->at = kvmalloc_array(max, sizeof(*tables->at), GFP_KERNEL);
	tables->level = kvmalloc_array(max, 1, GFP_KERNEL);
	there = tables->old && tables->at && tables->level;
	if (!there)
		tables_free(tables);
	KUNIT_ASSERT_TRUE(test, there);
	tables_add(tables, 0, npt->levels, npt->root);
	raw_read(&reader);
	KUNIT_EXPECT_EQ(test, tables->nr, max);
	return tables;
}

typedef u64 expect_fn(struct tables *tables, unsigned int level, u64 old);

/*
 * Each entry is what it is expected to be now. NULL: it is what it was. Return: how
 * many have changed.
 */
static unsigned int tables_expect(struct tables *tables, expect_fn *expect)
{
	unsigned int i, j, changed = 0, wrong = 0;

	for (i = 0; i < tables->nr; i++)
		for (j = 0; j < 512; j++) {
			u64 old = tables->old[i][j], now = tables->at[i][j];
			unsigned int level = tables->level[i];

			changed += now != old;
			if (!expect ||
			    now == expect(tables, level, old) || wrong++)
				continue;
			KUNIT_FAIL(tables->test,
				   "level %u, %llx: %llx, expected %llx", level,
				   old, now, expect(tables, level, old));
		}
	return changed;
}

/* ---- what is there ---- */

static const u32 features[] = { 0, AXAS_FEAT_AD };

static struct axas_npt *track_npt(struct kunit *test, u32 feature)
{
	struct axas_npt *npt = axas_test_npt(test, 48, feature);

	npt->tracked = true;
	npt->arms = true;
	return npt;
}

static void map(struct kunit *test, struct axas_npt *npt, u64 gpa, u64 size,
		unsigned int prot, unsigned int level)
{
	const struct axas_attr attr = { .prot = prot };

	/* As it was before anybody wanted to know. */
	npt->arms = false;
	mutex_lock(npt->lock);
	KUNIT_ASSERT_EQ(test, npt->ops->map(npt, axas_gpa(gpa), axas_hpa(HPA),
					    size, npt->ops->encode(npt, attr),
					    level), 0);
	mutex_unlock(npt->lock);
	npt->arms = true;
}

/* Leaves of all sizes, below two entries of the root; some can't be written. */
static void map_some(struct kunit *test, struct axas_npt *npt)
{
	map(test, npt, AT, SZ_4M, PROT_RW, 1);
	map(test, npt, AT + SZ_4M, SZ_64K, PROT_R, 1);
	map(test, npt, AT + SZ_8M, SZ_2M, PROT_RWX, 2);
	map(test, npt, AT + SZ_1G, SZ_1G, PROT_RW, 3);
	map(test, npt, BIT_ULL(39) + SZ_4K, SZ_4K, PROT_RW, 1);
	map(test, npt, BIT_ULL(39) + SZ_2M, SZ_2M, PROT_RW, 2);
}

/* What a harvest has found. */
struct found {
	unsigned int n;
	u64 gpa;
	u64 size;
};

static bool found_one(void *arg, u64 gpa, u64 size)
{
	struct found *found = arg;

	/* Is there room? */
	if (!size)
		return true;
	found->n++;
	found->gpa = gpa;
	found->size = size;
	return true;
}

static struct found harvest(struct axas_npt *npt, bool peek)
{
	struct found found = {};
	struct axas_npt_harvest harvest = {
		.end = WHOLE, .visit = found_one, .arg = &found,
		.budget = U32_MAX, .peek = peek,
	};

	mutex_lock(npt->lock);
	npt->ops->tracking->harvest(npt, &harvest);
	mutex_unlock(npt->lock);
	return found;
}

/* As a tracker does it that begins, where nobody has a translation. */
static void arm(struct axas_npt *npt, u64 gpa, u64 size)
{
	struct found found = {};
	struct axas_npt_harvest harvest = {
		.next = gpa, .end = gpa + size, .visit = found_one,
		.arg = &found, .budget = U32_MAX, .stale = true,
	};

	mutex_lock(npt->lock);
	npt->ops->tracking->harvest(npt, &harvest);
	mutex_unlock(npt->lock);
}

static void reopen(struct axas_npt *npt, u64 gpa, u64 size, unsigned int prot)
{
	mutex_lock(npt->lock);
	npt->ops->tracking->reopen(npt, axas_gpa(gpa), size, prot, false);
	mutex_unlock(npt->lock);
}

static int open_at(struct axas_npt *npt, u64 gpa, bool owner, unsigned int level)
{
	struct axas_npt_cursor cursor = { .base = AXAS_CURSOR_NONE };

	guard(rcu)();
	return npt->ops->tracking->open(npt, axas_gpa(gpa), &cursor, owner,
					level);
}

/* No CPU takes what is there amiss. */
static void expect_good(struct kunit *test, struct axas_npt *npt)
{
	struct raw_reader reader = { .npt = npt };

	raw_read(&reader);
	KUNIT_EXPECT_NULL_MSG(test, reader.sum.bad, "%s: %llx", reader.sum.bad,
			      reader.sum.bad_entry);
}

static bool is_link(struct tables *tables, unsigned int level, u64 entry)
{
	enum axas_format format = tables->npt->ops->format;

	if (level == 1 || !raw_present(format, entry))
		return false;
	return format == AXAS_FORMAT_S2 ? entry & 2 : !(entry & 0x80);
}

/* A leaf that can't be written. S2AP[1] beside DBM says that it is dirty. */
static u64 closed_leaf(struct tables *tables, u64 old)
{
	enum axas_format format = tables->npt->ops->format;

	if (!raw_present(format, old))
		return old;
	if (format != AXAS_FORMAT_S2)
		return old & ~X86_WRITE;
	if (old & S2_DBM && old & S2_WRITE)
		old |= S2_WAS_DIRTY;
	return old & ~(S2_WRITE | S2_DBM);
}

/* ---- arming ---- */

/* All of it: x86 in the root alone, stage 2 in each leaf, and each link. */
static u64 armed_all(struct tables *tables, unsigned int level, u64 old)
{
	bool link = is_link(tables, level, old);

	if (axas_is_s2(tables->test))
		return link ? old & ~S2_OPEN : closed_leaf(tables, old);
	return level == 4 && link ? (old & ~X86_WRITE) | STALE : old;
}

static void track_arms_no_more_than_it_must(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(features); i++) {
		struct axas_npt *npt = track_npt(test, features[i]);
		struct tables *tables;

		map_some(test, npt);
		tables = tables_take(test, npt);
		arm(npt, 0, WHOLE);
		tables_expect(tables, armed_all);
		expect_good(test, npt);
		KUNIT_EXPECT_EQ(test, harvest(npt, false).n, 0U);
		/* Once more, and nothing. */
		tables_free(tables);
		tables = tables_take(test, npt);
		arm(npt, 0, WHOLE);
		KUNIT_EXPECT_EQ(test, tables_expect(tables, NULL), 0U);
		tables_free(tables);
	}
}

/* 2 MiB of which all is in the range, and half of the next. */
static void track_arms_what_the_range_covers(struct kunit *test)
{
	unsigned int i, page, level;

	for (i = 0; i < ARRAY_SIZE(features); i++) {
		struct axas_npt *npt = track_npt(test, features[i]);
		unsigned int changed = 1 + 256 + (axas_is_s2(test) ? 512 : 0);
		struct tables *tables;
		u64 link, next;

		map_some(test, npt);
		tables = tables_take(test, npt);
		link = *raw_entry_at(npt, AT, 2);
		next = *raw_entry_at(npt, AT + SZ_2M, 2);
		arm(npt, AT, SZ_2M + SZ_1M);
		KUNIT_EXPECT_EQ(test, *raw_entry_at(npt, AT, 2),
				axas_is_s2(test) ? link & ~S2_OPEN :
						   (link & ~X86_WRITE) | STALE);
		KUNIT_EXPECT_EQ(test, *raw_entry_at(npt, AT + SZ_2M, 2), next);
		for (page = 0; page < 512; page++) {
			u64 gpa = AT + SZ_2M + page * SZ_4K;
			u64 entry = raw_entry(npt, gpa, &level);

			KUNIT_EXPECT_EQ(test, raw_writes(npt, gpa), page >= 256);
			if (page < 256)
				KUNIT_EXPECT_EQ(test, entry,
						closed_leaf(tables, entry));
		}
		KUNIT_EXPECT_EQ(test, tables_expect(tables, NULL), changed);
		expect_good(test, npt);
		tables_free(tables);
	}
}

/* The cost is the root's, whatever is there. */
static void track_arm_costs_what_the_root_costs(struct kunit *test)
{
	static const u64 sizes[] = { SZ_64M, 4ULL * SZ_1G };
	unsigned int i, changed[2];

	if (axas_is_s2(test))
		kunit_skip(test, "links of stage 2 have no rights");
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct axas_npt *npt = track_npt(test, 0);
		struct tables *tables;

		map(test, npt, AT, sizes[i], PROT_RW, 1);
		tables = tables_take(test, npt);
		KUNIT_EXPECT_GT(test, tables->nr,
				(unsigned int)(sizes[i] / SZ_2M));
		arm(npt, 0, WHOLE);
		changed[i] = tables_expect(tables, NULL);
		KUNIT_EXPECT_FALSE(test, raw_writes(npt, AT));
		tables_free(tables);
	}
	KUNIT_EXPECT_EQ(test, changed[0], 1U);
	KUNIT_EXPECT_EQ(test, changed[1], 1U);
}

/* ---- opening ---- */

/* Pages that a CPU writes to without a fault, of those in 4 MiB and the one far away. */
static unsigned int count_writable(struct axas_npt *npt)
{
	unsigned int n = raw_writes(npt, BIT_ULL(39) + SZ_4K) +
			 raw_writes(npt, BIT_ULL(39) + SZ_2M) +
			 raw_writes(npt, AT + SZ_8M) +
			 raw_writes(npt, AT + SZ_1G);
	u64 gpa;

	for (gpa = AT; gpa < AT + SZ_8M; gpa += SZ_4K)
		n += raw_writes(npt, gpa);
	return n;
}

/* The way to a page is open; in its tables all else is armed, and stale if a link. */
static void expect_path_open(struct kunit *test, struct axas_npt *npt,
			     struct tables *tables, u64 gpa)
{
	u64 link = axas_is_s2(test) ? S2_OPEN : X86_WRITE;
	unsigned int level, i;

	for (level = 4; level >= 1; level--) {
		const u64 *entry = raw_entry_at(npt, gpa, level);
		const u64 *table = PTR_ALIGN_DOWN(entry, SZ_4K);

		if (level > 1) {
			KUNIT_EXPECT_NE(test, *entry & link, 0ULL);
			if (!axas_is_s2(test))
				KUNIT_EXPECT_EQ(test, *entry & STALE, 0ULL);
		}
		for (i = 0; i < 512; i++) {
			bool is_one = &table[i] == entry;

			if (is_one || !raw_present(npt->ops->format, table[i]))
				continue;
			if (!is_link(tables, level, table[i]))
				KUNIT_EXPECT_EQ(test, table[i],
						closed_leaf(tables, table[i]));
			else if (axas_is_s2(test))
				KUNIT_EXPECT_EQ(test, table[i] & S2_OPEN, 0ULL);
			else
				KUNIT_EXPECT_EQ(test,
						table[i] & (X86_WRITE | STALE),
						STALE);
		}
	}
}

/* All that one page took is armed, and nothing of it stale. */
static void expect_path_armed(struct kunit *test, struct axas_npt *npt, u64 gpa)
{
	unsigned int level;

	for (level = 4; level > 1; level--) {
		u64 link = *raw_entry_at(npt, gpa, level);

		if (axas_is_s2(test))
			KUNIT_EXPECT_EQ(test, link & S2_OPEN, 0ULL);
		else
			KUNIT_EXPECT_EQ(test, link & (X86_WRITE | STALE), 0ULL);
	}
}

static void track_opens_the_way_to_one_page(struct kunit *test)
{
	const u64 gpa = AT + 77 * SZ_4K;
	struct found found;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(features); i++) {
		struct axas_npt *npt = track_npt(test, features[i]);
		struct tables *tables;

		map_some(test, npt);
		tables = tables_take(test, npt);
		KUNIT_EXPECT_EQ(test, count_writable(npt), 1024U + 4);
		arm(npt, 0, WHOLE);
		KUNIT_EXPECT_EQ(test, count_writable(npt), 0U);
		KUNIT_EXPECT_EQ(test, open_at(npt, gpa, false, 1), 0);
		KUNIT_EXPECT_EQ(test, count_writable(npt), 1U);
		KUNIT_EXPECT_TRUE(test, raw_writes(npt, gpa));
		expect_path_open(test, npt, tables, gpa);
		expect_good(test, npt);
		/* A look changes nothing. */
		KUNIT_EXPECT_EQ(test, harvest(npt, true).n, 1U);
		KUNIT_EXPECT_TRUE(test, raw_writes(npt, gpa));
		found = harvest(npt, false);
		KUNIT_EXPECT_EQ(test, found.n, 1U);
		KUNIT_EXPECT_EQ(test, found.gpa, gpa);
		KUNIT_EXPECT_EQ(test, found.size, (u64)SZ_4K);
		KUNIT_EXPECT_EQ(test, count_writable(npt), 0U);
		expect_path_armed(test, npt, gpa);
		expect_good(test, npt);
		KUNIT_EXPECT_EQ(test, harvest(npt, false).n, 0U);
		tables_free(tables);
	}
}

/* Each leaf once; what is larger than it may be, or isn't there, says so. */
static void track_opens_leaves_of_all_sizes(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(features); i++) {
		struct axas_npt *npt = track_npt(test, features[i]);

		map_some(test, npt);
		arm(npt, 0, WHOLE);
		KUNIT_EXPECT_EQ(test, open_at(npt, AT + SZ_8M, false, 1), -E2BIG);
		KUNIT_EXPECT_EQ(test, open_at(npt, AT + SZ_1G, false, 2), -E2BIG);
		KUNIT_EXPECT_EQ(test, open_at(npt, AT + SZ_16M, false, 3),
				-EAGAIN);
		KUNIT_EXPECT_EQ(test, open_at(npt, AT + 2ULL * SZ_1G, false, 3),
				-EAGAIN);
		KUNIT_EXPECT_EQ(test, harvest(npt, true).n, 0U);
		KUNIT_EXPECT_EQ(test, open_at(npt, AT + SZ_8M, false, 2), 0);
		KUNIT_EXPECT_EQ(test, open_at(npt, AT + SZ_1G, false, 3), 0);
		KUNIT_EXPECT_EQ(test, open_at(npt, AT + SZ_1G, false, 3), 0);
		KUNIT_EXPECT_TRUE(test, raw_writes(npt, AT + SZ_8M));
		KUNIT_EXPECT_TRUE(test, raw_writes(npt, AT + SZ_1G + SZ_512M));
		KUNIT_EXPECT_EQ(test, count_writable(npt), 2U);
		KUNIT_EXPECT_EQ(test, harvest(npt, false).n, 2U);
		KUNIT_EXPECT_EQ(test, count_writable(npt), 0U);
		expect_good(test, npt);
	}
}

/* ---- and all is as it was ---- */

static void track_reopens_what_it_armed(struct kunit *test)
{
	unsigned int i, written;

	for (i = 0; i < 2 * ARRAY_SIZE(features); i++) {
		struct axas_npt *npt = track_npt(test, features[i / 2]);
		struct tables *tables;

		map(test, npt, AT, SZ_4M, PROT_RW, 1);
		map(test, npt, AT + SZ_8M, SZ_2M, PROT_RWX, 2);
		tables = tables_take(test, npt);
		arm(npt, 0, WHOLE);
		written = i % 2;
		if (written) {
			KUNIT_EXPECT_EQ(test, open_at(npt, AT, false, 1), 0);
			KUNIT_EXPECT_EQ(test, harvest(npt, false).n, 1U);
		}
		/* In two parts, the border inside of a table. */
		reopen(npt, 0, AT + SZ_1M, PROT_RW);
		KUNIT_EXPECT_TRUE(test, raw_writes(npt, AT));
		KUNIT_EXPECT_TRUE(test, raw_writes(npt, AT + SZ_1M - SZ_4K));
		KUNIT_EXPECT_FALSE(test, raw_writes(npt, AT + SZ_1M));
		KUNIT_EXPECT_FALSE(test, raw_writes(npt, AT + SZ_8M));
		reopen(npt, AT + SZ_1M, SZ_8M - SZ_1M, PROT_RW);
		reopen(npt, AT + SZ_8M, WHOLE - AT - SZ_8M, PROT_RWX);
		KUNIT_EXPECT_EQ_MSG(test, tables_expect(tables, NULL), 0U,
				    "AD %u, written %u", i / 2, written);
		tables_free(tables);
	}
}

/* What the CPU has noted in a leaf stays, whatever it is armed and opened. */
static void track_keeps_the_flags_of_the_cpu(struct kunit *test)
{
	struct axas_npt *npt = track_npt(test, AXAS_FEAT_AD);
	const struct raw_flags flags = raw_flags(npt->ops->format);
	struct axas_leaf leaf;
	unsigned int level, i;

	map_some(test, npt);
	*raw_entry_ptr(npt, AT, &level) |= flags.accessed | flags.dirty;
	arm(npt, 0, WHOLE);
	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_EQ(test, axas_lookup_at(npt, AT, &leaf), 0);
		KUNIT_EXPECT_TRUE(test, leaf.accessed);
		KUNIT_EXPECT_TRUE(test, leaf.dirty);
		KUNIT_ASSERT_EQ(test, axas_lookup_at(npt, AT + SZ_4K, &leaf), 0);
		KUNIT_EXPECT_FALSE(test, leaf.accessed);
		KUNIT_EXPECT_FALSE(test, leaf.dirty);
		if (i == 0)
			KUNIT_EXPECT_EQ(test, open_at(npt, AT, false, 1), 0);
		else
			KUNIT_EXPECT_EQ(test, harvest(npt, false).n, 2U - i);
	}
	reopen(npt, AT, SZ_4M, PROT_RW);
	KUNIT_ASSERT_EQ(test, axas_lookup_at(npt, AT, &leaf), 0);
	KUNIT_EXPECT_TRUE(test, leaf.dirty);
	KUNIT_EXPECT_TRUE(test, raw_writes(npt, AT));
}

/* ---- for the owner of the space alone ---- */

static void track_opens_rom_for_its_owner(struct kunit *test)
{
	const struct axas_attr attr = { .prot = PROT_R, .rom = true };
	struct axas_npt *npt = track_npt(test, 0);
	u64 written = axas_is_s2(test) ? S2_WRITTEN : STALE, old;
	struct axas_npt_slot slot;
	struct axas_leaf leaf;
	unsigned int level;

	mutex_lock(npt->lock);
	KUNIT_ASSERT_EQ(test, npt->ops->map(npt, axas_gpa(AT), axas_hpa(HPA),
					    SZ_64K, npt->ops->encode(npt, attr),
					    1), 0);
	mutex_unlock(npt->lock);
	arm(npt, 0, WHOLE);
	old = raw_entry(npt, AT, &level);
	rcu_read_lock();
	npt->ops->tracking->lookup(npt, axas_gpa(AT), &slot, &leaf);
	rcu_read_unlock();
	KUNIT_EXPECT_FALSE(test, leaf.attr.rom);
	KUNIT_EXPECT_EQ(test, open_at(npt, AT, true, 1), 0);
	KUNIT_EXPECT_EQ(test, raw_entry(npt, AT, &level), old | written);
	KUNIT_EXPECT_FALSE(test, raw_writes(npt, AT));
	rcu_read_lock();
	npt->ops->tracking->lookup(npt, axas_gpa(AT), &slot, &leaf);
	rcu_read_unlock();
	KUNIT_EXPECT_TRUE(test, leaf.attr.rom);
	KUNIT_EXPECT_EQ(test, leaf.attr.prot, (u8)PROT_R);
	KUNIT_EXPECT_EQ(test, harvest(npt, false).n, 1U);
	KUNIT_EXPECT_EQ(test, raw_entry(npt, AT, &level), old);
	KUNIT_EXPECT_EQ(test, harvest(npt, false).n, 0U);
}

/* ---- what comes ---- */

/* However a leaf comes, it is armed, and nothing else of it is otherwise. */
static void track_leaves_come_armed(struct kunit *test)
{
	const struct axas_attr attr = { .prot = PROT_RWX };
	unsigned int i, level, nr = 1;
	axas_hpa_t frame = axas_hpa(HPA + SZ_4M);

	for (i = 0; i < ARRAY_SIZE(features); i++) {
		struct axas_npt *npt = track_npt(test, features[i]);
		struct tables tables = { .test = test, .npt = npt };
		u64 shared = npt->ops->encode(npt, attr);
		struct axas_npt_pool pool = {};
		struct axas_npt_slot slot;
		struct axas_leaf leaf;

		mutex_lock(npt->lock);
		KUNIT_EXPECT_EQ(test, npt->ops->map(npt, axas_gpa(AT),
						    axas_hpa(HPA), SZ_4K, shared,
						    1), 0);
		nr = 1;
		KUNIT_EXPECT_EQ(test, npt->ops->populate(npt,
							 axas_gpa(AT + SZ_4K), 1,
							 1, &frame, &nr, shared,
							 &pool), 0);
		mutex_unlock(npt->lock);
		rcu_read_lock();
		npt->ops->lookup(npt, axas_gpa(AT + SZ_1G), &slot, &leaf);
		KUNIT_EXPECT_EQ(test,
				npt->ops->tracking->install(npt, &slot,
							    axas_gpa(AT + SZ_1G),
							    axas_hpa(HPA), 1,
							    shared, &pool), 0);
		rcu_read_unlock();
		KUNIT_EXPECT_EQ(test, raw_entry(npt, AT, &level),
				closed_leaf(&tables,
					    shared | HPA |
					    (axas_is_s2(test) ? 2 : 0)));
		KUNIT_EXPECT_EQ(test, raw_entry(npt, AT + SZ_4K, &level),
				raw_entry(npt, AT, &level) + SZ_4M);
		KUNIT_EXPECT_EQ(test, raw_entry(npt, AT + SZ_1G, &level),
				raw_entry(npt, AT, &level));
		expect_good(test, npt);
	}
}

KUNIT_ARRAY_PARAM(axas_format, axas_formats, axas_format_desc);

static struct kunit_case npt_track_cases[] = {
	KUNIT_CASE_PARAM(track_arms_no_more_than_it_must, axas_format_gen_params),
	KUNIT_CASE_PARAM(track_arms_what_the_range_covers,
			 axas_format_gen_params),
	KUNIT_CASE_PARAM(track_arm_costs_what_the_root_costs,
			 axas_format_gen_params),
	KUNIT_CASE_PARAM(track_opens_the_way_to_one_page, axas_format_gen_params),
	KUNIT_CASE_PARAM(track_opens_leaves_of_all_sizes, axas_format_gen_params),
	KUNIT_CASE_PARAM(track_reopens_what_it_armed, axas_format_gen_params),
	KUNIT_CASE_PARAM(track_keeps_the_flags_of_the_cpu,
			 axas_format_gen_params),
	KUNIT_CASE_PARAM(track_opens_rom_for_its_owner, axas_format_gen_params),
	KUNIT_CASE_PARAM(track_leaves_come_armed, axas_format_gen_params),
	{}
};

struct kunit_suite axas_npt_track_suite = {
	.name = "axas_npt_track",
	.init = axas_test_init_param,
	.exit = axas_test_exit,
	.test_cases = npt_track_cases,
};
