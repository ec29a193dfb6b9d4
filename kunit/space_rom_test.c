// SPDX-License-Identifier: GPL-2.0
/*
 * ROM: what guests may do, and what the owner of the space may.
 */
#include <linux/uio.h>

#include "cases.h"
#include "context.h"
#include "snapshot.h"

#define ROM_COOKIE	0x4f7
#define OWNER_WRITES	(AXAS_ACCESS_OWNER | AXAS_PROT_WRITE)

static int map_rom(struct axas_space *space, u64 gpa, u64 size,
		   unsigned int prot, u64 max_leaf)
{
	const struct axas_map args = {
		.backend = AXAS_BACKEND_ALLOC, .flags = AXAS_MAP_ROM,
		.gpa = gpa, .length = size, .prot = prot, .max_leaf = max_leaf,
		.cookie = ROM_COOKIE,
	};

	return axas_space_map(space, &args);
}

static ssize_t owner_rw(struct axas_space *space, u64 gpa, u64 *word, bool write)
{
	struct kvec vec = { .iov_base = word, .iov_len = sizeof(*word) };
	struct iov_iter iter;

	iov_iter_kvec(&iter, write ? ITER_SOURCE : ITER_DEST, &vec, 1,
		      sizeof(*word));
	return axas_space_rw_iter(space, axas_gpa(gpa), &iter, write);
}

static int owner_writes(struct axas_space *space, u64 gpa, u64 word)
{
	ssize_t ret = owner_rw(space, gpa, &word, true);

	return ret < 0 ? ret : ret - sizeof(word);
}

static u64 owner_reads(struct axas_space *space, u64 gpa)
{
	u64 word = 0;

	return owner_rw(space, gpa, &word, false) == sizeof(word) ? word : 0;
}

static void expect_denied(struct kunit *test, struct axas_space *space, u64 gpa,
			  unsigned int access, u64 cookie, u64 offset)
{
	struct axas_fault_entry entry = { .gpa = gpa, .access = access };

	axas_space_faults(space, &entry, 1);
	KUNIT_EXPECT_EQ(test, entry.result, (u32)AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, entry.cookie, cookie);
	KUNIT_EXPECT_EQ(test, entry.offset, offset);
}

/* The owner's write brings the page in; a guest's never does. */
void rom_is_written_by_its_owner(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_leaf leaf;

	KUNIT_ASSERT_EQ(test, map_rom(space, SZ_1G, SZ_64K, PROT_RX, 0), 0);
	expect_denied(test, space, SZ_1G + 0x1234, PROT_W, ROM_COOKIE, 0x1234);
	KUNIT_EXPECT_EQ(test, owner_writes(space, SZ_1G + SZ_4K, 0x1111), 0);
	KUNIT_ASSERT_EQ(test, axas_lookup_at(&space->npt, SZ_1G + SZ_4K, &leaf),
			0);
	KUNIT_EXPECT_EQ(test, leaf.attr.prot, (u8)PROT_RX);
	/* Now there is a leaf that denies it. */
	expect_denied(test, space, SZ_1G + 0x1234, PROT_W, ROM_COOKIE, 0x1234);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G + SZ_4K, PROT_X),
			(int)AXAS_FAULT_SPURIOUS);
	KUNIT_EXPECT_EQ(test, owner_writes(space, SZ_1G + SZ_4K, 0x2222), 0);
	KUNIT_EXPECT_EQ(test, owner_reads(space, SZ_1G + SZ_4K), 0x2222ULL);
	axas_check_space(test, space);
}

/* Another module that acts for a guest has the guest's rights. */
void rom_is_rom_for_guests(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const axas_gpa_t gpa = axas_gpa(SZ_1G);
	struct axas_memory memory;

	KUNIT_ASSERT_EQ(test, map_rom(space, SZ_1G, SZ_64K, PROT_R, 0), 0);
	KUNIT_EXPECT_EQ(test, axas_space_get_memory(space, gpa, PROT_W, &memory),
			-EACCES);
	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, gpa, OWNER_WRITES,
						    &memory), 0);
	KUNIT_EXPECT_EQ(test, memory.attr.prot, (u8)PROT_RW);
	KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, gpa, PROT_W,
						      &memory), -EACCES);
	KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, gpa, OWNER_WRITES,
						      &memory), 0);
	put_page(memory.page);
	/* What isn't ROM has one kind of rights. */
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, 2ULL * SZ_1G, SZ_64K, PROT_R,
					     0, 0), 0);
	KUNIT_EXPECT_EQ(test, owner_writes(space, 2ULL * SZ_1G, 1), -EACCES);
	expect_denied(test, space, 2ULL * SZ_1G + 5, PROT_W, 0, 5);
}

/* Flash: closed, opened by protect, closed again; in a large leaf as well. */
void rom_outlives_protect(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const u64 gpa = SZ_1G + SZ_64K;

	KUNIT_ASSERT_EQ(test, map_rom(space, SZ_1G, SZ_2M, PROT_R, SZ_2M), 0);
	KUNIT_EXPECT_EQ(test, owner_writes(space, gpa, 1), 0);
	KUNIT_ASSERT_EQ(test, axas_protect_range(space, gpa, SZ_4K, PROT_RW), 0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa, PROT_W),
			(int)AXAS_FAULT_SPURIOUS);
	expect_denied(test, space, gpa + SZ_4K, PROT_W, ROM_COOKIE,
		      SZ_64K + SZ_4K);
	KUNIT_ASSERT_EQ(test, axas_protect_range(space, gpa, SZ_4K, PROT_R), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 1ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 1ULL);
	expect_denied(test, space, gpa + 8, PROT_W, ROM_COOKIE, SZ_64K + 8);
	KUNIT_EXPECT_EQ(test, owner_writes(space, gpa, 2), 0);
	axas_check_space(test, space);
}

/* Where a right is all that a guest has, that is how the owner's page comes. */
void rom_that_only_executes(struct kunit *test)
{
	const struct axas_create args = {
		.format = axas_context(test)->format, .gpa_bits = 48,
		.features = AXAS_FEAT_EXEC_ONLY,
	};
	struct axas_space *space;

	if (!axas_exec_only(test))
		kunit_skip(test, "this format has no execute-only");
	space = axas_test_space_with(test, &args);
	KUNIT_ASSERT_EQ(test, map_rom(space, SZ_1G, SZ_64K, PROT_X, 0), 0);
	KUNIT_EXPECT_EQ(test, owner_writes(space, SZ_1G, 0x3333), 0);
	KUNIT_EXPECT_EQ(test, owner_reads(space, SZ_1G), 0x3333ULL);
	expect_denied(test, space, SZ_1G, PROT_R, ROM_COOKIE, 0);
}

/* Each tells where in it a write was, so two of them never become one. */
void rom_is_joined_with_itself_only(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);

	KUNIT_ASSERT_EQ(test, map_rom(space, SZ_1G, SZ_64K, PROT_R, 0), 0);
	KUNIT_ASSERT_EQ(test, map_rom(space, SZ_1G + SZ_64K, SZ_64K, PROT_R, 0),
			0);
	KUNIT_ASSERT_EQ(test, axas_protect_range(space, SZ_1G, SZ_128K, PROT_RX),
			0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 2ULL);
	expect_denied(test, space, SZ_1G + SZ_64K, PROT_W, ROM_COOKIE, 0);
	/* It takes its offsets along. */
	KUNIT_ASSERT_EQ(test, axas_space_move(space, axas_gpa(SZ_1G + SZ_4K),
					      axas_gpa(2ULL * SZ_1G),
					      SZ_4K, false), 0);
	expect_denied(test, space, 2ULL * SZ_1G, PROT_W, ROM_COOKIE, SZ_4K);
}
