// SPDX-License-Identifier: GPL-2.0
/*
 * Memory at another place of its space: what goes along, what stays behind, and who
 * comes meanwhile.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "../axas_hold.h"
#include "cases.h"
#include "context.h"
#include "fake_tree.h"
#include "snapshot.h"

#define HERE	(1ULL * SZ_1G)
#define THERE	(5ULL * SZ_1G)
#define COOKIE	0x1234ULL
#define OTHER	0x5678ULL

static int move(struct axas_space *space, u64 from, u64 to, u64 size)
{
	return axas_space_move(space, axas_gpa(from), axas_gpa(to), size, false);
}

static int exchange(struct axas_space *space, u64 from, u64 to, u64 size)
{
	return axas_space_move(space, axas_gpa(from), axas_gpa(to), size, true);
}

static struct axas_map map_args(enum axas_backend_id backend, u64 gpa, u64 size,
				unsigned int prot)
{
	return (struct axas_map){
		.gpa = gpa, .length = size, .prot = prot, .backend = backend,
	};
}

static int map_device(struct axas_space *space, u64 gpa, u64 size)
{
	struct axas_map args = map_args(AXAS_BACKEND_DEVICE, gpa, size, PROT_RW);

	args.cookie = OTHER;
	return axas_space_map(space, &args);
}

static void populate(struct kunit *test, struct axas_space *space, u64 gpa,
		     u64 size)
{
	KUNIT_ASSERT_EQ(test, axas_populate_range(space, gpa, size, NULL), 0);
}

static u64 *entry_ptr(struct axas_space *space, u64 gpa)
{
	unsigned int level;

	return raw_entry_ptr(&space->npt, gpa, &level);
}

/* A copy, with nothing in it where there is none. */
static struct axas_area area_at(struct axas_space *space, u64 gpa)
{
	const struct axas_area *area;
	u64 last = gpa;

	guard(rcu)();
	area = axas_tree_find(&space->areas, &gpa, &last);
	return area ? *area : (struct axas_area){};
}

static u64 cookie_at(struct axas_space *space, u64 gpa)
{
	return area_at(space, gpa).cookie;
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

/* Intel SDM 29.3.5; Arm ARM D8.5.2 and D8.5.3. */
static u64 both_flags(struct kunit *test)
{
	return axas_is_ept(test) ? 0x300 : 0x480;
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

/* Pins are being looked for: what can fail is done, or nearly. */
static void flagging_resched(struct fake_tree_watch *tree)
{
	struct flagging *flagging = container_of(tree, struct flagging, tree);

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
	/* The draft's root, and a table that has a place for the GiB. */
	KUNIT_EXPECT_LE(test, fake_hal_allocs() - allocs, 4UL);
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
	KUNIT_EXPECT_LE(test, fake_hal_allocs() - allocs, 6UL);
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

/* ---- who comes meanwhile ---- */

/* Of each range the first page, the last one, and two that nobody has touched. */
#define NR_POINTS	8

/**
 * struct onlooker - someone who looks while a move is at it
 * @holder: told when a range has to be forgotten
 * @watch: called when others are let run
 * @space: the space
 * @gpa: places, of the first range and then of the other one
 * @late: what faults there had read before
 * @size: of a range
 * @told: times that it was told of a whole range
 * @between: times that it was told of what lies between
 * @stored: times that it looked when the areas had been exchanged
 * @open: places that weren't closed
 * @nowhere: places without an area
 * @early: places that had another area before all was forgotten
 * @installed: late faults that found a way in
 * @unheld: times that somebody could have begun to copy
 */
struct onlooker {
	struct axas_holder holder;
	struct fake_tree_watch watch;
	struct axas_space *space;
	u64 gpa[NR_POINTS];
	struct axas_npt_slot late[NR_POINTS];
	u64 size;
	unsigned int told;
	unsigned int between;
	unsigned int stored;
	unsigned int open;
	unsigned int nowhere;
	unsigned int early;
	unsigned int installed;
	unsigned int unheld;
};

static struct axas_npt_slot peek(struct axas_space *space, u64 gpa)
{
	struct axas_npt_slot slot;
	struct axas_leaf leaf;

	guard(rcu)();
	space->npt.ops->lookup(&space->npt, axas_gpa(gpa), &slot, &leaf);
	return slot;
}

/* Under RCU. Whatever its area allows, a fault that has read this is too late. */
static bool install(struct axas_space *space, struct axas_npt_slot *slot, u64 gpa)
{
	struct axas_npt *npt = &space->npt;
	struct axas_npt_pool pool = {};
	u64 shared = npt->ops->encode(npt, (struct axas_attr){ .prot = PROT_R });

	return !npt->ops->install(npt, slot, axas_gpa(gpa),
				  axas_hpa(HPA_NOWHERE), 1, shared, &pool);
}

static bool held(struct axas_space *space)
{
	if (!down_read_trylock(&space->hold->shards[0].lock))
		return true;
	up_read(&space->hold->shards[0].lock);
	return false;
}

static void onlooker_look(struct onlooker *onlooker, unsigned int i)
{
	struct axas_space *space = onlooker->space;
	struct axas_leaf leaf;

	onlooker->open += axas_lookup_at(&space->npt, onlooker->gpa[i], &leaf) !=
			  -EAGAIN;
	onlooker->nowhere += !cookie_at(space, onlooker->gpa[i]);
	guard(rcu)();
	if (onlooker->late[i].ptr)
		onlooker->installed += install(space, &onlooker->late[i],
					       onlooker->gpa[i]);
}

static void onlooker_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
				u64 size)
{
	struct onlooker *onlooker = container_of(holder, struct onlooker, holder);
	unsigned int i, seen = 0;

	for (i = 0; i < NR_POINTS; i++) {
		if (onlooker->gpa[i] < gpa.val ||
		    onlooker->gpa[i] >= gpa.val + size)
			continue;
		seen++;
		onlooker_look(onlooker, i);
	}
	onlooker->told += seen == NR_POINTS / 2;
	onlooker->between += seen == NR_POINTS;
	onlooker->early += cookie_at(onlooker->space, onlooker->gpa[0]) != COOKIE;
	onlooker->unheld += !held(onlooker->space);
}

static void onlooker_resched(struct fake_tree_watch *watch)
{
	struct onlooker *onlooker = container_of(watch, struct onlooker, watch);
	struct axas_space *space = onlooker->space;
	unsigned int i;

	if (!mutex_is_locked(&space->lock) || !held(space) ||
	    cookie_at(space, onlooker->gpa[NR_POINTS / 2]) != COOKIE)
		return;
	onlooker->stored++;
	for (i = 0; i < NR_POINTS; i++)
		onlooker_look(onlooker, i);
}

static void onlooker_begin(struct kunit *test, struct onlooker *onlooker,
			   struct axas_space *space, u64 from, u64 to, u64 size)
{
	const u64 at[] = { 0, SZ_4K, size / 2, size - SZ_4K };
	u64 word = 0;
	struct kvec vec = { .iov_base = &word, .iov_len = sizeof(word) };
	struct iov_iter iter;
	unsigned int i;

	*onlooker = (struct onlooker){
		.holder.invalidate = onlooker_invalidate,
		.watch.resched = onlooker_resched,
		.space = space, .size = size,
	};
	INIT_LIST_HEAD(&onlooker->holder.node);
	for (i = 0; i < NR_POINTS; i++)
		onlooker->gpa[i] = (i < NR_POINTS / 2 ? from : to) +
				   at[i % (NR_POINTS / 2)];
	/* Somebody has copied, so R is there. */
	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, sizeof(word));
	KUNIT_ASSERT_EQ(test, axas_space_rw_iter(space, axas_gpa(from), &iter,
						 false),
			(ssize_t)sizeof(word));
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &onlooker->holder), 0);
}

/* An area with a page at either end, and more of it around. */
static void range_make(struct kunit *test, struct axas_space *space, u64 gpa,
		       u64 size, unsigned int prot, u64 cookie)
{
	struct axas_map args = map_args(AXAS_BACKEND_ALLOC, gpa - SZ_64K,
					size + SZ_128K, prot);

	args.cookie = cookie;
	KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
	populate(test, space, gpa - SZ_4K, 2 * SZ_4K);
	populate(test, space, gpa + size - SZ_4K, 2 * SZ_4K);
}

static const struct {
	u64 from, to, size;
} gaps[] = {
	{ HERE + SZ_64K, THERE + SZ_64K, SZ_64K },
	{ HERE + SZ_64K, THERE + SZ_1M, SZ_64K },
	{ HERE + SZ_64K, HERE + SZ_1M, SZ_64K },
	{ HERE + SZ_2M, THERE + SZ_2M, SZ_2M },
	{ HERE + SZ_2M, THERE + SZ_64K, SZ_2M },
	{ HERE - SZ_64K, THERE + SZ_64K, SZ_4M },
};

void move_opens_nothing_before_it_is_forgotten(struct kunit *test)
{
	struct axas_space *space;
	struct onlooker *onlooker = kunit_kzalloc(test, sizeof(*onlooker),
						  GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, onlooker);
	for (i = 0; i < ARRAY_SIZE(gaps); i++) {
		u64 from = gaps[i].from, to = gaps[i].to, size = gaps[i].size;

		space = axas_test_space(test);
		range_make(test, space, from, size, PROT_RW, COOKIE);
		range_make(test, space, to, size, PROT_R, OTHER);
		onlooker_begin(test, onlooker, space, from, to, size);
		fake_tree_set_watch(&onlooker->watch);
		KUNIT_EXPECT_EQ(test, exchange(space, from, to, size), 0);
		fake_tree_set_watch(NULL);
		axas_space_del_holder(space, &onlooker->holder);
		KUNIT_EXPECT_EQ_MSG(test, onlooker->told, 2U, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, onlooker->between, 0U, "row %u", i);
		KUNIT_EXPECT_GE_MSG(test, onlooker->stored, 2U, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, onlooker->open, 0U, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, onlooker->nowhere, 0U, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, onlooker->early, 0U, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, onlooker->unheld, 0U, "row %u", i);
		/* But afterwards. */
		KUNIT_EXPECT_EQ(test, axas_fault_at(space, from + SZ_4K, PROT_W),
				(int)AXAS_FAULT_DENIED);
		KUNIT_EXPECT_EQ(test, axas_fault_at(space, to + SZ_4K, PROT_W),
				(int)AXAS_FAULT_RESOLVED);
		axas_check_space(test, space);
	}
}

/* A fault that has read an entry that goes by itself is too late from then on. */
void move_stops_faults_that_looked_before(struct kunit *test)
{
	const u64 from = HERE + SZ_64K, size = SZ_64K;
	static const u64 tos[] = { THERE + SZ_64K, THERE + SZ_1M, HERE + SZ_1M };
	struct onlooker *onlooker = kunit_kzalloc(test, sizeof(*onlooker),
						  GFP_KERNEL);
	struct axas_space *space;
	unsigned int i, j;

	KUNIT_ASSERT_NOT_NULL(test, onlooker);
	for (i = 0; i < ARRAY_SIZE(tos); i++) {
		space = axas_test_space(test);
		range_make(test, space, from, size, PROT_RW, COOKIE);
		range_make(test, space, tos[i], size, PROT_R, OTHER);
		onlooker_begin(test, onlooker, space, from, tos[i], size);
		/* Their tables stay, for there are neighbours. */
		for (j = 0; j < NR_POINTS; j++)
			if (j % 4 == 1 || j % 4 == 2)
				onlooker->late[j] = peek(space,
							 onlooker->gpa[j]);
		fake_tree_set_watch(&onlooker->watch);
		KUNIT_EXPECT_EQ(test, exchange(space, from, tos[i], size), 0);
		fake_tree_set_watch(NULL);
		axas_space_del_holder(space, &onlooker->holder);
		for (j = 0; j < NR_POINTS; j++) {
			guard(rcu)();
			if (onlooker->late[j].ptr)
				onlooker->installed +=
					install(space, &onlooker->late[j],
						onlooker->gpa[j]);
		}
		KUNIT_EXPECT_GE(test, onlooker->stored, 2U);
		KUNIT_EXPECT_EQ(test, onlooker->installed, 0U);
		axas_check_space(test, space);
	}
}

/**
 * struct laggard - a fault that takes its time between its entry and its area
 * @space: the space
 * @looked: it has read the entry
 * @gpa: where
 * @found: it has found the area that is to come there, and used the entry for it
 * @installed: that was possible
 * @gone: it has left its RCU section
 */
struct laggard {
	struct axas_space *space;
	struct completion looked;
	u64 gpa;
	bool found;
	bool installed;
	bool gone;
};

static int laggard_run(void *arg)
{
	unsigned long until = jiffies + HZ / 4;
	struct laggard *laggard = arg;
	struct axas_npt_slot slot;

	rcu_read_lock();
	slot = peek(laggard->space, laggard->gpa);
	complete(&laggard->looked);
	while (!laggard->found && time_before(jiffies, until)) {
		laggard->found = cookie_at(laggard->space, laggard->gpa) == OTHER;
		cpu_relax();
	}
	if (laggard->found)
		laggard->installed = install(laggard->space, &slot, laggard->gpa);
	WRITE_ONCE(laggard->gone, true);
	rcu_read_unlock();
	return 0;
}

/*
 * A table that goes as it is takes its empty entries along: whoever has one finds no
 * area but the one that the table had then.
 */
void move_waits_for_faults_that_looked_before(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct laggard laggard = { .space = space, .gpa = HERE + SZ_64K };
	struct task_struct *task;
	struct axas_leaf leaf;

	init_completion(&laggard.looked);
	range_make(test, space, HERE, SZ_2M, PROT_RX, COOKIE);
	range_make(test, space, THERE, SZ_2M, PROT_R, OTHER);
	task = kthread_create(laggard_run, &laggard, "axas-laggard");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	get_task_struct(task);
	wake_up_process(task);
	wait_for_completion(&laggard.looked);
	KUNIT_EXPECT_EQ(test, exchange(space, HERE, THERE, SZ_2M), 0);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(laggard.gone));
	kthread_stop(task);
	put_task_struct(task);
	KUNIT_EXPECT_FALSE(test, laggard.found);
	KUNIT_EXPECT_FALSE(test, laggard.installed);
	KUNIT_EXPECT_EQ(test, axas_lookup_at(&space->npt, THERE + SZ_64K, &leaf),
			-ENOENT);
	axas_check_space(test, space);
}

/**
 * struct intruder - a fault that is resolved when what can fail is nearly done
 * @watch: called when pins are looked for
 * @space: the space
 * @gpa: where
 * @result: of the fault
 */
struct intruder {
	struct fake_tree_watch watch;
	struct axas_space *space;
	u64 gpa;
	int result;
};

static void intruder_resched(struct fake_tree_watch *watch)
{
	struct intruder *intruder = container_of(watch, struct intruder, watch);
	struct axas_leaf leaf;

	/* Not before the range was sketched: that has split this one. */
	if (intruder->result != -1 ||
	    axas_lookup_at(&intruder->space->npt, HERE, &leaf) || leaf.level > 1)
		return;
	intruder->result = axas_fault_at(intruder->space, intruder->gpa, PROT_W);
}

/*
 * Memory comes where there was none yet when the way for it was made: a page, and 2
 * MiB that are too large for where it goes, or reach out of the range.
 */
void move_takes_what_has_come_since(struct kunit *test)
{
	static const struct {
		u64 gpa, to, end, max_leaf;
	} rows[] = {
		{ HERE + SZ_4M, THERE, HERE + SZ_8M, 0 },
		{ HERE + SZ_4M, THERE, HERE + SZ_8M, SZ_2M },
		{ HERE + SZ_4M, THERE + SZ_64K, HERE + SZ_8M, SZ_2M },
		{ HERE + SZ_4M, THERE, HERE + SZ_4M + SZ_64K, SZ_2M },
		{ HERE + SZ_4M, THERE + SZ_64K, HERE + SZ_4M + SZ_64K, SZ_2M },
		{ HERE + SZ_512M, THERE + SZ_64K, HERE + SZ_512M + SZ_64K, SZ_2M },
	};
	struct intruder intruder;
	struct axas_space *space;
	unsigned int i;
	u64 from;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 size = rows[i].end - HERE - SZ_4K;

		space = axas_test_space(test);
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE, SZ_1G, PROT_RW,
						     0, rows[i].max_leaf), 0);
		KUNIT_ASSERT_EQ(test, axas_fault_at(space, HERE, PROT_W),
				(int)AXAS_FAULT_RESOLVED);
		populate(test, space, HERE + SZ_4K, SZ_4K);
		intruder = (struct intruder){
			.watch.resched = intruder_resched, .space = space,
			.gpa = rows[i].gpa, .result = -1,
		};
		from = HERE + SZ_4K;
		space->held = true;
		fake_tree_set_watch(&intruder.watch);
		KUNIT_EXPECT_EQ(test, move(space, from, rows[i].to + SZ_4K,
					   size), 0);
		fake_tree_set_watch(NULL);
		KUNIT_EXPECT_EQ_MSG(test, intruder.result,
				    (int)AXAS_FAULT_RESOLVED, "row %u", i);
		KUNIT_EXPECT_EQ(test, axas_fault_at(space, rows[i].gpa - HERE +
						    rows[i].to, PROT_W),
				(int)AXAS_FAULT_SPURIOUS);
		KUNIT_EXPECT_EQ(test, axas_fault_at(space, rows[i].gpa, PROT_W),
				(int)AXAS_FAULT_NO_AREA);
		axas_check_space(test, space);
	}
}

/* ---- a kill ---- */

struct killing {
	struct fake_tree_watch watch;
	unsigned int left;
};

static void killing_resched(struct fake_tree_watch *watch)
{
	struct killing *killing = container_of(watch, struct killing, watch);

	if (killing->left && !--killing->left)
		send_sig(SIGKILL, current, 1);
}

/* While areas are copied, and while pins are looked for. */
void move_that_is_killed(struct kunit *test)
{
	struct killing killing = { .watch.resched = killing_resched };
	struct axas_space *space = axas_test_space(test);
	struct axas_snapshot before;
	unsigned int i;
	int ret = -EINTR;

	for (i = 0; i < 8; i++)
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, HERE + i * SZ_64K,
						     SZ_64K, i % 2 ? PROT_R :
						     PROT_RW, AXAS_MAP_POPULATE,
						     0), 0);
	space->held = true;
	axas_snapshot_take(space, &before);
	for (i = 1; i < 140; i += i < 12 ? 1 : 9) {
		killing.left = i;
		allow_signal(SIGKILL);
		fake_tree_set_watch(&killing.watch);
		ret = move(space, HERE, THERE + SZ_4K, SZ_512K);
		fake_tree_set_watch(NULL);
		flush_signals(current);
		disallow_signal(SIGKILL);
		if (!ret)
			break;
		KUNIT_EXPECT_EQ(test, ret, -EINTR);
		axas_snapshot_expect(test, space, &before, "killed", i);
	}
	/* When it has begun it comes to its end. */
	KUNIT_EXPECT_GT(test, i, 100U);
	if (ret)
		KUNIT_EXPECT_EQ(test, move(space, HERE, THERE + SZ_4K, SZ_512K),
				0);
	axas_check_space(test, space);
}
