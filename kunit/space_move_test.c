// SPDX-License-Identifier: GPL-2.0
/*
 * Memory at another place of its space: what goes along, and what stays behind.
 */
#include "cases.h"
#include "context.h"
#include "fake_tree.h"
#include "move.h"
#include "snapshot.h"

static int map_device(struct axas_space *space, u64 gpa, u64 size)
{
	struct axas_map args = map_args(AXAS_BACKEND_DEVICE, gpa, size, PROT_RW);

	args.cookie = OTHER;
	return axas_space_map(space, &args);
}

static u64 *entry_ptr(struct axas_space *space, u64 gpa)
{
	unsigned int level;

	return raw_entry_ptr(&space->npt, gpa, &level);
}

/* ---- what goes along ---- */

/* One of each kind, a page between some of them. */
#define KIND_SIZE	SZ_4M
#define ROM_AT		(HERE + SZ_4M)
#define LINEAR_AT	(HERE + SZ_8M)
#define DEVICE_AT	(HERE + SZ_8M + SZ_4M)
#define TYPED_AT	(HERE + SZ_16M)
#define ALL_SIZE	(SZ_16M + SZ_4M)
#define POISONED_AT	(HERE + SZ_2M)

static void kinds_make(struct kunit *test, struct axas_space *space)
{
	struct axas_map args = map_args(AXAS_BACKEND_ALLOC, HERE, KIND_SIZE,
					PROT_RW);
	axas_hpa_t hpa;

	args.cookie = COOKIE;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	args = map_args(AXAS_BACKEND_ALLOC, ROM_AT, KIND_SIZE, PROT_RX);
	args.flags = AXAS_MAP_ROM | AXAS_MAP_POPULATE;
	args.max_leaf = SZ_2M;
	args.cookie = OTHER;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, LINEAR_AT, KIND_SIZE,
					      HPA_NOWHERE, PROT_R), 0);
	KUNIT_ASSERT_EQ(test, map_device(space, DEVICE_AT, KIND_SIZE), 0);
	args = map_args(AXAS_BACKEND_ALLOC, TYPED_AT, KIND_SIZE, PROT_RW);
	args.memtype = AXAS_MEM_NC;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);

	populate(test, space, HERE, SZ_64K);
	populate(test, space, POISONED_AT, 2 * SZ_4K);
	populate(test, space, TYPED_AT, SZ_4K);
	axas_put_word(test, space, HERE + SZ_4K, 0x11);
	axas_put_word(test, space, ROM_AT + SZ_4K, 0x22);
	axas_put_word(test, space, TYPED_AT, 0x33);
	hpa = axas_hpa(axas_translate_at(space, POISONED_AT).hpa);
	KUNIT_ASSERT_EQ(test, axas_space_poison(space, axas_gpa(POISONED_AT),
						hpa), 0);
}

static void expect_denied(struct kunit *test, struct axas_space *space, u64 gpa,
			  unsigned int access, unsigned int result, u64 offset)
{
	struct axas_fault_entry entry = { .gpa = gpa, .access = access };

	axas_space_faults(space, &entry, 1);
	KUNIT_EXPECT_EQ(test, entry.result, result);
	KUNIT_EXPECT_EQ(test, entry.cookie, OTHER);
	KUNIT_EXPECT_EQ(test, entry.offset, offset);
}

/* All that was made at its place is so far away. */
static void kinds_expect(struct kunit *test, struct axas_space *space, u64 d)
{
	struct axas_leaf leaf;

	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, HERE + SZ_4K + d),
			0x11ULL);
	KUNIT_EXPECT_EQ(test, cookie_at(space, HERE + d), COOKIE);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, HERE + d, PROT_X),
			(int)AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, axas_lookup_at(&space->npt, HERE + SZ_1M + d,
					     &leaf), -ENOENT);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, POISONED_AT + d, PROT_R),
			(int)AXAS_FAULT_POISONED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, POISONED_AT + SZ_4K + d,
					    PROT_W), (int)AXAS_FAULT_SPURIOUS);

	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, ROM_AT + SZ_4K + d),
			0x22ULL);
	KUNIT_ASSERT_EQ(test, axas_lookup_at(&space->npt, ROM_AT + d, &leaf), 0);
	KUNIT_EXPECT_TRUE(test, leaf.attr.rom);
	KUNIT_EXPECT_EQ(test, leaf.attr.prot, (u8)PROT_RX);
	expect_denied(test, space, ROM_AT + 0x123456 + d, PROT_W,
		      AXAS_FAULT_DENIED, 0x123456);

	KUNIT_EXPECT_TRUE(test, raw_reaches(&space->npt, LINEAR_AT + SZ_4K + d,
					    HPA_NOWHERE + SZ_4K));
	KUNIT_EXPECT_TRUE(test, raw_reaches(&space->npt, LINEAR_AT + SZ_2M + d,
					    HPA_NOWHERE + SZ_2M));
	KUNIT_EXPECT_EQ(test, area_at(space, LINEAR_AT + d).offset,
			HPA_NOWHERE - LINEAR_AT - d);
	expect_denied(test, space, DEVICE_AT + 0x234568 + d, PROT_W,
		      AXAS_FAULT_DEVICE, 0x234568);

	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, TYPED_AT + d), 0x33ULL);
	KUNIT_ASSERT_EQ(test, axas_lookup_at(&space->npt, TYPED_AT + d, &leaf),
			0);
	KUNIT_EXPECT_EQ(test, leaf.attr.memtype, (u8)AXAS_MEM_NC);
	axas_check_space(test, space);
}

/* By tables, by leaves of 2 MiB, by pages; each time from where it was put. */
void move_takes_all_along(struct kunit *test)
{
	static const u64 places[] = {
		THERE, THERE + SZ_512M, SZ_512M - SZ_4K, 7ULL * SZ_1G + SZ_2M,
		(1ULL << 40) - SZ_2M - SZ_4K, HERE,
	};
	struct axas_space *space = axas_test_space(test);
	struct axas_stats before, after;
	u64 at = HERE;
	unsigned int i;

	kinds_make(test, space);
	before = axas_stats_of(space);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		KUNIT_ASSERT_EQ(test, move(space, at, places[i], ALL_SIZE), 0);
		KUNIT_EXPECT_EQ(test, axas_fault_at(space, at, PROT_R),
				(int)AXAS_FAULT_NO_AREA);
		KUNIT_EXPECT_EQ(test, axas_fault_at(space, at + ALL_SIZE - 1,
						    PROT_R),
				(int)AXAS_FAULT_NO_AREA);
		at = places[i];
		kinds_expect(test, space, at - HERE);
	}
	after = axas_stats_of(space);
	KUNIT_EXPECT_EQ(test, after.areas, before.areas);
	KUNIT_EXPECT_EQ(test, after.resident, before.resident);
	/* What comes from now on is of the area as it lies. */
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, HERE + SZ_1M, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	axas_check_space(test, space);
}

/* ---- flags that the CPU keeps ---- */

static u64 both_flags(struct kunit *test)
{
	struct raw_flags flags = raw_flags(axas_context(test)->format);

	return flags.accessed | flags.dirty;
}

struct flagging {
	struct fake_hal_watch watch;
	struct fake_tree_watch tree;
	u64 *entry;
	u64 flags;
};

/* Who knows the old way to the leaf still goes it. */
static void flagging_invalidate(struct fake_hal_watch *watch, axas_gpa_t gpa,
				u64 size)
{
	struct flagging *flagging = container_of(watch, struct flagging, watch);

	*flagging->entry |= flagging->flags;
}

/*
 * Pins are being looked for: what can fail is done, or nearly. Later on the table of
 * that entry may have been freed.
 */
static void flagging_resched(struct fake_tree_watch *tree)
{
	struct flagging *flagging = container_of(tree, struct flagging, tree);

	if (!flagging->flags)
		return;
	*flagging->entry |= flagging->flags;
	flagging->flags = 0;
}

void move_keeps_flags(struct kunit *test)
{
	const u64 flags = both_flags(test);
	struct axas_space *space = axas_test_space(test);
	struct flagging late = {
		.watch.invalidate = flagging_invalidate, .flags = flags,
	};
	struct flagging later = {
		.tree.resched = flagging_resched, .flags = flags,
	};
	u64 bare;

	space->npt.features |= AXAS_FEAT_AD;
	space->held = true;
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_2M, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	bare = *entry_ptr(space, HERE);
	*entry_ptr(space, HERE) |= flags;
	late.entry = entry_ptr(space, HERE + SZ_4K);
	fake_hal_set_watch(&late.watch);
	KUNIT_ASSERT_EQ(test, move(space, HERE, THERE, SZ_2M), 0);
	fake_hal_set_watch(NULL);
	KUNIT_EXPECT_EQ(test, *entry_ptr(space, THERE), bare | flags);
	KUNIT_EXPECT_EQ(test, *entry_ptr(space, THERE + SZ_4K) & flags, flags);
	KUNIT_EXPECT_EQ(test, *entry_ptr(space, THERE + SZ_8K) & flags,
			bare & flags);

	/* Leaf by leaf, after the way has been made. */
	later.entry = entry_ptr(space, THERE + SZ_64K);
	fake_tree_set_watch(&later.tree);
	KUNIT_ASSERT_EQ(test, move(space, THERE, HERE - SZ_4K, SZ_2M), 0);
	fake_tree_set_watch(NULL);
	KUNIT_EXPECT_EQ(test, *entry_ptr(space, HERE - SZ_4K), bare | flags);
	KUNIT_EXPECT_EQ(test, *entry_ptr(space, HERE - SZ_4K + SZ_64K) & flags,
			flags);
	KUNIT_EXPECT_EQ(test, *entry_ptr(space, HERE - SZ_4K + SZ_128K) & flags,
			bare & flags);
	axas_check_space(test, space);
}

/* ---- there and back ---- */

/* RAM of one area, and a device: in one table, across some, alike and not. */
void move_exchange_twice_is_nothing(struct kunit *test)
{
	static const struct {
		u64 ram, device, size;
		bool beside;
	} rows[] = {
		{ HERE + SZ_64K, HERE + SZ_256K, SZ_64K },
		{ HERE + SZ_64K, HERE + SZ_128K, SZ_64K, true },
		{ HERE + SZ_64K, THERE, SZ_4K },
		{ HERE + SZ_2M, THERE + SZ_2M, SZ_2M },
		{ HERE + SZ_2M - SZ_64K, THERE + SZ_2M - SZ_64K, SZ_4M },
		{ HERE + SZ_1M, THERE, SZ_4M },
		{ HERE + SZ_8M, HERE - SZ_64K, SZ_64K, true },
	};
	struct axas_snapshot before, after;
	struct axas_space *space;
	unsigned int i;
	u64 gpa;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 ram = rows[i].ram, device = rows[i].device;

		space = axas_test_space(test);
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_16M,
						     PROT_RW, AXAS_MAP_POPULATE,
						     SZ_2M), 0);
		if (device > HERE && device < HERE + SZ_16M)
			axas_unmap_range(space, device, rows[i].size);
		KUNIT_ASSERT_EQ(test, map_device(space, device, rows[i].size),
				0);
		axas_put_word(test, space, ram, 0x77);
		axas_snapshot_take(space, &before);
		KUNIT_ASSERT_EQ(test, exchange(space, ram, device, rows[i].size),
				0);
		axas_check_space(test, space);
		for (gpa = ram; gpa < ram + rows[i].size; gpa += SZ_4K)
			expect_denied(test, space, gpa, PROT_R,
				      AXAS_FAULT_DEVICE, gpa - ram);
		KUNIT_EXPECT_EQ(test, axas_word_at(test, space, device), 0x77ULL);
		/* From either side. */
		KUNIT_ASSERT_EQ(test, i % 2 ? exchange(space, ram, device,
						       rows[i].size) :
					      exchange(space, device, ram,
						       rows[i].size), 0);
		/* Where RAM came beside RAM the one has the other's origin. */
		axas_snapshot_take(space, &after);
		if (rows[i].beside)
			before.areas = after.areas;
		axas_snapshot_expect(test, space, &before, "row", i);
		axas_check_space(test, space);
	}
}

/* Both are memory; what the one has and the other lacks. */
void move_exchanges_memory(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_leaf leaf;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_8M, PROT_RW, 0, 0),
			0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, THERE, SZ_8M, PROT_RX, 0, 0),
			0);
	populate(test, space, HERE + SZ_4K, SZ_4K);
	populate(test, space, THERE + SZ_8K, SZ_4K);
	axas_put_word(test, space, HERE + SZ_4K, 1);
	axas_put_word(test, space, THERE + SZ_8K, 2);
	KUNIT_ASSERT_EQ(test, exchange(space, HERE, THERE, SZ_8M), 0);
	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, THERE + SZ_4K), 1ULL);
	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, HERE + SZ_8K), 2ULL);
	KUNIT_EXPECT_EQ(test, axas_lookup_at(&space->npt, HERE + SZ_4K, &leaf),
			-ENOENT);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, HERE + SZ_4K, PROT_W),
			(int)AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, THERE + SZ_8K, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	axas_check_space(test, space);
}

/* Tables go as they are: the way that the last change went leads elsewhere now. */
void move_leaves_no_trail(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_leaf leaf;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_1G, PROT_RW, 0, 0),
			0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, THERE, 2ULL * SZ_1G,
					     PROT_RW, 0, 0), 0);
	populate(test, space, HERE, SZ_16K);
	/* So that no table is found empty, which would lay another trail. */
	populate(test, space, THERE + SZ_1G, SZ_4K);
	populate(test, space, THERE, SZ_16K);
	axas_put_word(test, space, HERE, 1);
	axas_put_word(test, space, THERE, 2);
	KUNIT_ASSERT_EQ(test, axas_space_unmap(space, axas_gpa(HERE + SZ_8K),
					       SZ_4K), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE + SZ_8K, SZ_4K,
					     PROT_RW, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, exchange(space, HERE, THERE, SZ_1G), 0);
	KUNIT_ASSERT_EQ(test, axas_space_unmap(space, axas_gpa(HERE), SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, axas_lookup_at(&space->npt, HERE, &leaf), -ENOENT);
	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, THERE), 1ULL);
	axas_check_space(test, space);
}

/*
 * All that a table of 2 MiB has is in the part of it that goes, and what comes there
 * has nothing: both ranges reach into it, so each freeze finds it frozen beside.
 */
void move_leaves_no_empty_table(struct kunit *test)
{
	const u64 from = HERE + SZ_1M, to = HERE + SZ_2M + SZ_1M;
	struct axas_space *space;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		space = axas_test_space(test);
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_8M, PROT_RW,
						     0, 0), 0);
		/* In the middle table: of the end of one, or the other's begin. */
		populate(test, space, i < 2 ? HERE + SZ_2M : to, SZ_4K);
		KUNIT_ASSERT_EQ(test, i % 2 ? exchange(space, from, to, SZ_2M) :
					      exchange(space, to, from, SZ_2M),
				0);
		KUNIT_EXPECT_EQ(test, axas_stats_of(space).tables[0], 1ULL);
		axas_check_space(test, space);
	}
	/* The same with tables of 1 GiB. */
	space = axas_test_space(test);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, 4ULL * SZ_1G, PROT_RW,
					     0, 0), 0);
	populate(test, space, 2ULL * SZ_1G, SZ_4K);
	KUNIT_ASSERT_EQ(test, exchange(space, HERE + SZ_512M,
				       2 * HERE + SZ_512M, SZ_1G), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).tables[1], 1ULL);
	axas_check_space(test, space);
}

struct between {
	struct axas_holder holder;
	unsigned int calls;
	unsigned int between;
};

static void between_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
			       u64 size)
{
	struct between *between = container_of(holder, struct between, holder);

	between->calls++;
	between->between += gpa.val < HERE + SZ_2M && gpa.val + size > HERE + SZ_1M;
}

/* Nor has anybody to forget what lies between the two. */
void move_tells_of_its_ranges_only(struct kunit *test)
{
	struct between between = { .holder.invalidate = between_invalidate };
	struct axas_space *space = axas_test_space(test);

	INIT_LIST_HEAD(&between.holder.node);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_4M, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &between.holder), 0);
	KUNIT_EXPECT_EQ(test, exchange(space, HERE, HERE + SZ_2M, SZ_1M), 0);
	KUNIT_EXPECT_EQ(test, exchange(space, HERE + SZ_2M, HERE, SZ_1M), 0);
	axas_space_del_holder(space, &between.holder);
	KUNIT_EXPECT_EQ(test, between.calls, 4U);
	KUNIT_EXPECT_EQ(test, between.between, 0U);
}

/* ---- tables that go as they are ---- */

#define NR_SHARED	8

struct shared {
	const u64 *table[2][NR_SHARED];
	unsigned int n;
};

static void shared_note(void *arg, u64 gpa, unsigned int level, const u64 *table)
{
	struct shared *shared = arg;
	u64 base = gpa >= THERE ? THERE : HERE;

	if (level == 1 && (gpa - base) / SZ_2M < NR_SHARED) {
		shared->table[base == THERE][(gpa - base) / SZ_2M] = table;
		shared->n++;
	}
}

static unsigned int shared_read(struct axas_space *space, struct shared *shared)
{
	struct raw_reader reader = {
		.npt = &space->npt, .table = shared_note, .arg = shared,
	};

	shared->n = 0;
	raw_read(&reader);
	return shared->n;
}

/* A GiB of pages, and then frames: it costs no allocation for any of them. */
void move_shares_tables(struct kunit *test)
{
	struct axas_map args = map_args(AXAS_BACKEND_LINEAR, HERE, SZ_1G,
					PROT_RW);
	struct axas_space *space = axas_test_space(test);
	struct shared shared = {};
	unsigned long allocs;

	args.hpa = HPA_NOWHERE;
	args.max_leaf = SZ_4K;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	KUNIT_ASSERT_EQ(test, shared_read(space, &shared), NR_SHARED);
	allocs = fake_hal_allocs();
	KUNIT_ASSERT_EQ(test, move(space, HERE, THERE, SZ_1G), 0);
	/* The entry of the GiB alone is in the draft. */
	KUNIT_EXPECT_EQ(test, fake_hal_allocs(), allocs);
	KUNIT_ASSERT_EQ(test, shared_read(space, &shared), NR_SHARED);
	KUNIT_EXPECT_EQ(test, memcmp(shared.table[0], shared.table[1],
				     sizeof(shared.table[0])), 0);
	axas_check_space(test, space);

	/* Its own frames, 2 MiB at a time. */
	space = axas_test_space(test);
	memset(&shared, 0, sizeof(shared));
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_16M, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	KUNIT_ASSERT_EQ(test, shared_read(space, &shared), NR_SHARED);
	allocs = fake_hal_allocs();
	KUNIT_ASSERT_EQ(test, move(space, HERE, THERE, SZ_16M), 0);
	KUNIT_EXPECT_LE(test, fake_hal_allocs() - allocs, 2UL);
	KUNIT_ASSERT_EQ(test, shared_read(space, &shared), NR_SHARED);
	KUNIT_EXPECT_EQ(test, memcmp(shared.table[0], shared.table[1],
				     sizeof(shared.table[0])), 0);
	axas_check_space(test, space);
}

/* Tables without a hole have one then, at either end and between. */
void move_out_of_full_tables(struct kunit *test)
{
	static const u64 parts[] = { 0, SZ_1M, SZ_2M - SZ_4K, SZ_2M + SZ_64K };
	struct axas_map args = map_args(AXAS_BACKEND_LINEAR, HERE, SZ_8M, PROT_RW);
	struct axas_space *space;
	unsigned int i;

	args.hpa = HPA_NOWHERE;
	args.max_leaf = SZ_4K;
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		u64 from = HERE + parts[i];

		space = axas_test_space(test);
		KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
		KUNIT_ASSERT_EQ(test, move(space, from, THERE, SZ_4K), 0);
		axas_check_space(test, space);
		KUNIT_ASSERT_EQ(test, move(space, HERE + SZ_4M, from, SZ_4K), 0);
		axas_check_space(test, space);
		KUNIT_ASSERT_EQ(test, exchange(space, HERE + SZ_1M + SZ_64K,
					       HERE + SZ_4M + SZ_64K, SZ_2M), 0);
		axas_check_space(test, space);
		KUNIT_EXPECT_EQ(test, axas_space_clear(space), 0);
		axas_expect_empty(test, space);
	}
	/* Whole tables, of which each leaf goes by itself. */
	space = axas_test_space(test);
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	KUNIT_ASSERT_EQ(test, move(space, HERE, THERE + SZ_64K, SZ_8M), 0);
	axas_check_space(test, space);
	KUNIT_EXPECT_EQ(test, axas_space_clear(space), 0);
	axas_expect_empty(test, space);
}

/* From the lowest GiB to the highest one, and back by pages. */
static void move_at_width(struct kunit *test, unsigned int bits)
{
	const struct axas_create create = { .gpa_bits = bits };
	struct axas_space *space = axas_test_space_with(test, &create);
	const u64 end = 1ULL << bits;

	KUNIT_ASSERT_EQ(test, axas_map_linear(space, 0, SZ_1G, HPA_NOWHERE,
					      PROT_RW), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_4M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	axas_put_word(test, space, SZ_1G + SZ_4K, bits);
	KUNIT_ASSERT_EQ(test, move(space, 0, end - SZ_1G, SZ_1G), 0);
	KUNIT_EXPECT_TRUE(test, raw_reaches(&space->npt, end - SZ_4K,
					    HPA_NOWHERE + SZ_1G - SZ_4K));
	/* Two levels have none of 1 GiB. */
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1] - 2,
			space->npt.levels > 2 ? 0ULL : 512ULL);
	axas_check_space(test, space);
	KUNIT_ASSERT_EQ(test, exchange(space, SZ_1G, end - SZ_4M, SZ_4M), 0);
	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, end - SZ_4M + SZ_4K),
			(u64)bits);
	axas_check_space(test, space);
	KUNIT_ASSERT_EQ(test, move(space, end - SZ_4M, SZ_4K, SZ_4M), 0);
	KUNIT_EXPECT_EQ(test, axas_word_at(test, space, SZ_8K), (u64)bits);
	KUNIT_EXPECT_TRUE(test, raw_reaches(&space->npt, SZ_1G + SZ_4M - SZ_4K,
					    HPA_NOWHERE + SZ_1G - SZ_4K));
	axas_check_space(test, space);
	KUNIT_EXPECT_EQ(test, axas_space_clear(space), 0);
	axas_expect_empty(test, space);
}

/* Three levels to five, and roots of some tables side by side. */
void move_at_all_widths(struct kunit *test)
{
	struct axas_npt_caps caps;
	unsigned int bits;

	axas_npt_format(axas_context(test)->format)->caps(&caps);
	for (bits = 33; bits < 64; bits++)
		if (caps.gpa_bits & BIT_ULL(bits))
			move_at_width(test, bits);
}

/* ---- pins ---- */

/* Leaves may be split, which nobody sees. */
static void expect_busy(struct kunit *test, struct axas_space *space, u64 from,
			u64 to, u64 size, bool exchange)
{
	struct axas_snapshot before;
	int i;

	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, axas_space_move(space, axas_gpa(from),
						      axas_gpa(to), size,
						      exchange), -EBUSY);
		axas_check_space(test, space);
		if (i)
			axas_snapshot_expect(test, space, &before, "busy", 0);
		axas_snapshot_take(space, &before);
	}
}

void move_leaves_pins_alone(struct kunit *test)
{
	static const u64 pins[] = { HERE, HERE + SZ_1M, HERE + SZ_4M - SZ_4K };
	struct axas_space *space = axas_test_space(test);
	struct axas_memory memory;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_4M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, map_device(space, THERE, SZ_4M), 0);
	for (i = 0; i < ARRAY_SIZE(pins); i++) {
		KUNIT_ASSERT_EQ(test, axas_space_get_memory(space,
							    axas_gpa(pins[i]),
							    PROT_R, &memory), 0);
		/* There is nobody who would mind. */
		space->held = false;
		KUNIT_EXPECT_EQ(test, exchange(space, HERE, THERE, SZ_4M), 0);
		KUNIT_EXPECT_EQ(test, exchange(space, HERE, THERE, SZ_4M), 0);
		space->held = true;
		expect_busy(test, space, HERE, THERE, SZ_4M, true);
		expect_busy(test, space, THERE, HERE, SZ_4M, true);
		expect_busy(test, space, HERE, 2 * THERE, SZ_4M, false);
		expect_busy(test, space, pins[i], 2 * THERE, SZ_4K, false);
		/* What is pinned beside it doesn't matter. */
		KUNIT_EXPECT_EQ(test, exchange(space, HERE + SZ_64K,
					       THERE + SZ_64K, SZ_64K), 0);
		KUNIT_EXPECT_EQ(test, exchange(space, HERE + SZ_64K,
					       THERE + SZ_64K, SZ_64K), 0);
		/* A mapping has a reference too, and is a window's. */
		atomic_inc(&memory.page->_mapcount);
		KUNIT_EXPECT_EQ(test, exchange(space, HERE, THERE, SZ_4M), 0);
		KUNIT_EXPECT_EQ(test, exchange(space, HERE, THERE, SZ_4M), 0);
		atomic_dec(&memory.page->_mapcount);
		put_page(memory.page);
		KUNIT_EXPECT_EQ(test, exchange(space, HERE, THERE, SZ_4M), 0);
		KUNIT_EXPECT_EQ(test, exchange(space, HERE, THERE, SZ_4M), 0);
		axas_check_space(test, space);
	}
}
