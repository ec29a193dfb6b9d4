// SPDX-License-Identifier: GPL-2.0
/*
 * What the Rust original gets wrong, by its number in the list of those faults.
 * Each was shown by running it; here each is shown not to be.
 */
#include <linux/sched/clock.h>

#include "cases.h"
#include "context.h"
#include "snapshot.h"

/* There: the frame is replaced, its data lost, the old frame leaked. */
void peer_01_second_fault_keeps_the_frame(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	static const u64 sizes[] = { SZ_4K, SZ_2M };
	unsigned int i, access;
	u64 *virt;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		u64 gpa = (i + 1) * (u64)SZ_1G;

		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, gpa, sizes[i],
						     PROT_RW, 0, sizes[i]), 0);
		KUNIT_ASSERT_EQ(test, axas_fault_at(space, gpa, PROT_W),
				(int)AXAS_FAULT_RESOLVED);
		virt = axas_virt_at(test, space, gpa);
		*virt = 0x1234;
		for (access = 1; access <= PROT_RW; access++)
			KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa, access),
					(int)AXAS_FAULT_SPURIOUS);
		KUNIT_EXPECT_PTR_EQ(test, axas_virt_at(test, space, gpa),
				    (void *)virt);
		KUNIT_EXPECT_EQ(test, *virt, 0x1234ULL);
		KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident,
				i ? (u64)SZ_4K + SZ_2M : (u64)SZ_4K);
	}
	axas_check_space(test, space);
}

/* There: a new guest reads the bytes of an old one, or old entries. */
void peer_02_frames_and_tables_are_zeroed(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	unsigned int round;
	u64 gpa;

	/* What is freed is full of 0x6b; tables among it. */
	for (round = 0; round < 3; round++) {
		unsigned int flags = round == 1 ? AXAS_MAP_POPULATE : 0;

		KUNIT_ASSERT_EQ(test,
				axas_map_alloc(space, SZ_1G, SZ_2M, PROT_RW,
					       flags, 0),
				0);
		for (gpa = SZ_1G; gpa < SZ_1G + SZ_2M; gpa += SZ_4K) {
			void *virt;

			axas_fault_at(space, gpa, PROT_R);
			virt = axas_virt_at(test, space, gpa);
			KUNIT_ASSERT_NULL(test, memchr_inv(virt, 0, SZ_4K));
			memset(virt, 0xff, SZ_4K);
		}
		axas_check_space(test, space);
		KUNIT_ASSERT_EQ(test, axas_space_clear(space), 0);
		rcu_barrier();
	}
}

/* There: "bad state", half of it mapped, retries fail for ever. */
void peer_03_failed_map_is_rolled_back(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct fake_hal_fail fail = { .onwards = true };
	unsigned int n;

	for (n = 1; n <= 12; n++) {
		fail.nth = n;
		fake_hal_set_fail(&fail);
		KUNIT_EXPECT_EQ(test, axas_map_alloc(space, SZ_1G - 8 * SZ_4K,
						     16 * SZ_4K, PROT_RW,
						     AXAS_MAP_POPULATE, 0),
				-ENOMEM);
		axas_expect_empty(test, space);
		KUNIT_EXPECT_EQ(test, axas_map_linear(space, SZ_1G - SZ_4K,
						      2 * SZ_4K, HPA_NOWHERE,
						      PROT_R), -ENOMEM);
		axas_expect_empty(test, space);
	}
	fake_hal_set_fail(NULL);
	KUNIT_EXPECT_EQ(test, axas_map_alloc(space, SZ_1G - 8 * SZ_4K,
					     16 * SZ_4K, PROT_RW,
					     AXAS_MAP_POPULATE, 0), 0);
	axas_check_space(test, space);
}

static u32 state_at(struct axas_space *space, u64 gpa)
{
	return axas_translate_at(space, gpa).state;
}

/* There: the whole entry is cleared, then it panics. */
void peer_04_unmap_part_of_a_large_leaf(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	u64 *virt, gpa;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_2M, SZ_2M, PROT_RWX,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	for (gpa = SZ_2M; gpa < 2 * SZ_2M; gpa += SZ_4K)
		*(u64 *)axas_virt_at(test, space, gpa) = ~gpa;
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_2M + 100 * SZ_4K,
					       50 * SZ_4K), 0);
	for (gpa = SZ_2M; gpa < 2 * SZ_2M; gpa += SZ_4K) {
		if (gpa >= SZ_2M + 100 * SZ_4K && gpa < SZ_2M + 150 * SZ_4K) {
			KUNIT_EXPECT_EQ(test, state_at(space, gpa),
					(u32)AXAS_TRANSLATE_NO_AREA);
			continue;
		}
		virt = axas_virt_at(test, space, gpa);
		KUNIT_EXPECT_EQ(test, *virt, ~gpa);
		KUNIT_EXPECT_EQ(test, axas_translate_at(space, gpa).prot,
				(u32)PROT_RWX);
	}
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, 462ULL * SZ_4K);

	/* 1 GiB, less one page in it. */
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_1G, SZ_1G, HPA_NOWHERE,
					      PROT_RX), 0);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1G + SZ_4K, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 511ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[0], 511ULL + 462);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G).hpa, HPA_NOWHERE);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G + 2 * SZ_4K).hpa,
			HPA_NOWHERE + 2 * SZ_4K);
	axas_check_space(test, space);
}

/* There: the size of the whole area, wherever in it. */
void peer_05_limit_is_what_is_left(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);

	KUNIT_ASSERT_EQ(test,
			axas_map_alloc(space, SZ_1G, 8 * SZ_4K, PROT_RW, 0, 0),
			0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + 8 * SZ_4K, SZ_4K,
					     PROT_RW, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G).limit,
			8ULL * SZ_4K);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G + 5).limit,
			8ULL * SZ_4K - 5);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G + 8 * SZ_4K -
						1).limit, 1ULL);
	/* Nor does it say that memory is contiguous: the leaf does. */
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, SZ_1G, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G).leaf_size,
			(u64)SZ_4K);
	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, SZ_1G + 4 * SZ_4K, SZ_4K),
			0);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G).limit,
			4ULL * SZ_4K);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G + 4 * SZ_4K).limit,
			0ULL);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G + 5 * SZ_4K).limit,
			3ULL * SZ_4K);
}

static int get_memory_at(struct axas_space *space, u64 gpa,
			 struct axas_memory *memory)
{
	return axas_space_get_memory(space, axas_gpa(gpa), PROT_W, memory);
}

/* There: the walk over a buffer panics or fails. */
void peer_06_lazy_pages_and_adjacent_areas(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_memory memory;
	u64 gpa;

	KUNIT_ASSERT_EQ(test,
			axas_map_alloc(space, SZ_1G, 4 * SZ_4K, PROT_RW, 0, 0),
			0);
	KUNIT_ASSERT_EQ(test,
			axas_map_alloc(space, SZ_1G + 4 * SZ_4K, 4 * SZ_4K,
				       PROT_RW, AXAS_MAP_POPULATE, 0),
			0);
	for (gpa = SZ_1G; gpa < SZ_1G + 8 * SZ_4K; gpa += SZ_4K) {
		KUNIT_ASSERT_EQ(test, get_memory_at(space, gpa, &memory), 0);
		KUNIT_EXPECT_EQ(test, axas_translate_at(space, gpa).hpa,
				memory.hpa.val);
		put_page(memory.page);
	}
	KUNIT_EXPECT_EQ(test, get_memory_at(space, gpa, &memory), -EFAULT);
	axas_check_space(test, space);
}

/* There: panics, aliases of low addresses, HPAs cut without a word. */
void peer_07_addresses_at_their_limits(struct kunit *test)
{
	const enum axas_format format = axas_context(test)->format;
	const unsigned int bits = format == AXAS_FORMAT_AMD ? 48 : 39;
	const struct axas_create args = { .gpa_bits = bits };
	struct axas_space *space = axas_test_space_with(test, &args);
	const u64 end = 1ULL << bits, top = 1ULL << (axas_is_s2(test) ? 48 : 52);

	KUNIT_EXPECT_EQ(test, axas_map_linear(space, end, SZ_4K, 0, PROT_R),
			-ERANGE);
	KUNIT_EXPECT_EQ(test, axas_map_linear(space, end + SZ_4K, SZ_4K, 0,
					      PROT_R), -ERANGE);
	KUNIT_EXPECT_EQ(test,
			axas_map_linear(space, -4096ULL, SZ_8K, 0, PROT_R),
			-ERANGE);
	KUNIT_EXPECT_EQ(test, axas_map_linear(space, 0, SZ_8K, top - SZ_4K,
					      PROT_R), -ERANGE);
	KUNIT_EXPECT_EQ(test,
			axas_map_linear(space, 0, SZ_4K, -4096ULL, PROT_R),
			-ERANGE);
	KUNIT_EXPECT_EQ(test, axas_map_linear(space, 8, SZ_4K, 0, PROT_R),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, axas_map_linear(space, 0, 0, 0, PROT_R), -EINVAL);
	axas_expect_empty(test, space);

	/* The last page of all, HPA above GPA; then HPA below GPA. */
	KUNIT_EXPECT_EQ(test, axas_map_linear(space, end - SZ_4K, SZ_4K,
					      top - SZ_4K, PROT_R), 0);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, end - 1).hpa, top - 1);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, end).state,
			(u32)AXAS_TRANSLATE_INVALID);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, 2 * end - 1).state,
			(u32)AXAS_TRANSLATE_INVALID);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, end - 1 + end, PROT_R),
			(int)AXAS_FAULT_INVALID);
	KUNIT_EXPECT_EQ(test, axas_map_linear(space, SZ_1G, SZ_4K, 0, PROT_R),
			0);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G + 1).hpa, 1ULL);
}

/* There: accepted, then clear, unmap and drop panic; a fault allocates. */
void peer_08_empty_permissions_and_access(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_snapshot before;

	KUNIT_EXPECT_EQ(test, axas_map_alloc(space, 0, SZ_4K, 0, 0, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, axas_map_linear(space, 0, SZ_4K, HPA_NOWHERE, 0),
			-EINVAL);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, 0, SZ_4K, PROT_R, 0, 0), 0);
	axas_snapshot_take(space, &before);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, 0, SZ_4K, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, 0, 0),
			(int)AXAS_FAULT_INVALID);
	axas_snapshot_expect(test, space, &before, "empty", 0);
	KUNIT_EXPECT_EQ(test, axas_space_clear(space), 0);
	axas_expect_empty(test, space);
}

/* There: tables stay, and then there is no place for a 2 MiB leaf. */
void peer_09_large_leaf_where_small_ones_were(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	unsigned int round;

	for (round = 0; round < 2; round++) {
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, 0, SZ_2M, PROT_RW,
						     AXAS_MAP_POPULATE, SZ_4K),
				0);
		/* At once, or piece by piece. */
		KUNIT_ASSERT_EQ(test, axas_unmap_range(space, 0, round ? SZ_1M :
						       SZ_2M), 0);
		KUNIT_ASSERT_EQ(test, axas_unmap_range(space, 0, SZ_2M), 0);
		axas_expect_empty(test, space);
		KUNIT_ASSERT_EQ(test, axas_map_linear(space, 0, SZ_2M,
						      HPA_NOWHERE, PROT_R), 0);
		KUNIT_EXPECT_EQ(test, axas_translate_at(space, 0).leaf_size,
				(u64)SZ_2M);
		KUNIT_ASSERT_EQ(test, axas_space_clear(space), 0);
	}
	/* 1 GiB after 2 MiB and 4 KiB. */
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_1G, SZ_2M + SZ_4K,
					      HPA_NOWHERE, PROT_R), 0);
	KUNIT_ASSERT_EQ(test, axas_space_clear(space), 0);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_1G, SZ_1G, HPA_NOWHERE,
					      PROT_R), 0);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G).leaf_size,
			(u64)SZ_1G);
	axas_check_space(test, space);
}

/* There: writable entries that aren't readable; uncached is ignored. */
void peer_10_no_misconfiguration(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	unsigned int prot;

	for (prot = 1; prot <= PROT_RWX; prot++) {
		int want = prot & PROT_R || prot == axas_exec_prot(test) ? 0 :
			   prot & PROT_W ? -EINVAL : -EOPNOTSUPP;
		u64 gpa = prot * (u64)SZ_1G;

		KUNIT_EXPECT_EQ(test, axas_map_linear(space, gpa, SZ_2M + SZ_4K,
						      HPA_NOWHERE, prot),
				want);
		KUNIT_EXPECT_EQ(test,
				axas_map_alloc(space, gpa + SZ_4M, SZ_4K, prot,
					       AXAS_MAP_POPULATE, 0),
				want);
		/* The reader of the raw table knows what a CPU refuses. */
		axas_check_space(test, space);
		KUNIT_EXPECT_EQ(test, axas_protect_range(space, gpa, SZ_4K,
							 PROT_W), -EINVAL);
	}
}

/* There: 1 GiB leaves without asking whether the CPU has them. */
void peer_10_leaf_sizes_of_the_cpu(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_map args = {
		.backend = AXAS_BACKEND_LINEAR, .gpa = SZ_1G, .length = SZ_1G,
		.hpa = HPA_NOWHERE, .prot = PROT_R, .max_leaf = SZ_1G,
	};

	space->npt.caps.leaf_sizes = SZ_4K | SZ_2M;
	KUNIT_EXPECT_EQ(test, axas_space_map(space, &args), -EOPNOTSUPP);
	args.max_leaf = 0;
	KUNIT_EXPECT_EQ(test, axas_space_map(space, &args), 0);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G).leaf_size,
			(u64)SZ_2M);
	axas_space_clear(space);
	space->npt.caps.leaf_sizes = SZ_4K;
	KUNIT_EXPECT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_2M, PROT_R, 0,
					     SZ_2M), -EOPNOTSUPP);
	args.length = SZ_2M;
	KUNIT_EXPECT_EQ(test, axas_space_map(space, &args), 0);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, SZ_1G).leaf_size,
			(u64)SZ_4K);
}

/* There, on Arm: no execute-never, inverted write, devices become RAM. */
void peer_11_rights_and_types_read_back(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_map args = {
		.backend = AXAS_BACKEND_LINEAR, .length = SZ_2M + SZ_4K,
		.hpa = HPA_NOWHERE,
	};
	const u8 prots[] = { PROT_R, PROT_RW, PROT_RX, PROT_RWX,
			     axas_exec_prot(test) };
	struct axas_translate_entry entry;
	unsigned int i;

	for (i = 0; i < 6 * ARRAY_SIZE(prots); i++) {
		args.memtype = i / ARRAY_SIZE(prots);
		args.prot = prots[i % ARRAY_SIZE(prots)];
		if (!(space->npt.caps.memtypes >> args.memtype & 1))
			continue;
		args.gpa += SZ_1G;
		KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
		entry = axas_translate_at(space, args.gpa);
		KUNIT_EXPECT_EQ(test, entry.prot, args.prot);
		KUNIT_EXPECT_EQ(test, entry.memtype, args.memtype);
		entry = axas_translate_at(space, args.gpa + SZ_2M);
		KUNIT_EXPECT_EQ(test, entry.prot, args.prot);
		KUNIT_EXPECT_EQ(test, entry.memtype, args.memtype);
	}
	/* The same fields in the raw entries. */
	axas_check_space(test, space);
}

/* There: three levels claim 40 bits over a root of 39. */
void peer_11_width_matches_the_root(struct kunit *test)
{
	struct axas_create args = {};
	struct axas_npt_caps caps;
	struct axas_space *space;
	u64 last;

	axas_npt_format(axas_context(test)->format)->caps(&caps);
	for (args.gpa_bits = 32; args.gpa_bits <= 57; args.gpa_bits++) {
		if (!(caps.gpa_bits >> args.gpa_bits & 1))
			continue;
		space = axas_test_space_with(test, &args);
		/* Entries in the root: one for each piece of the width. */
		KUNIT_EXPECT_GE(test, 512ULL << space->npt.root_order,
				1ULL << (args.gpa_bits - 3 - 9 *
					 space->npt.levels));
		last = (1ULL << args.gpa_bits) - SZ_4K;
		KUNIT_EXPECT_EQ(test, axas_map_linear(space, last, SZ_4K, 0,
						      PROT_R), 0);
		KUNIT_EXPECT_EQ(test, axas_map_linear(space, 0, SZ_4K, SZ_4K,
						      PROT_R), 0);
		KUNIT_EXPECT_EQ(test, axas_translate_at(space, last).hpa, 0ULL);
		KUNIT_EXPECT_EQ(test, axas_translate_at(space, 0).hpa,
				(u64)SZ_4K);
		axas_check_space(test, space);
	}
}

/* There: yes or no. */
void peer_12_results_are_told_apart(struct kunit *test)
{
	const struct fake_hal_fail fail = { .nth = 1, .onwards = true };
	struct axas_space *space = axas_test_space(test);

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_4K, PROT_R, 0, 0),
			0);
	fake_hal_set_fail(&fail);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G, PROT_R),
			(int)AXAS_FAULT_NO_MEMORY);
	fake_hal_set_fail(NULL);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G + SZ_4K, PROT_R),
			(int)AXAS_FAULT_NO_AREA);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G, PROT_W),
			(int)AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G, PROT_R),
			(int)AXAS_FAULT_SPURIOUS);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, 1ULL << 48, PROT_R),
			(int)AXAS_FAULT_INVALID);
}

static u64 map_unmap_ns(struct kunit *test, struct axas_space *space)
{
	u64 best = U64_MAX, start;
	unsigned int i;

	for (i = 0; i < 12; i++) {
		start = sched_clock();
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_4K,
						     PROT_R, 0, 0), 0);
		KUNIT_ASSERT_EQ(test, axas_unmap_range(space, SZ_1G, SZ_4K), 0);
		best = min(best, sched_clock() - start);
	}
	return best;
}

/* There: 34 ns beside no area, 1657 beside 1000: 49 times as much. */
void peer_13_cost_beside_other_areas(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const unsigned int areas = 500;
	u64 alone, beside;
	unsigned int i;

	alone = map_unmap_ns(test, space);
	if (!alone)
		kunit_skip(test, "No clock finer than a tick");
	for (i = 0; i < areas; i++)
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + (i + 1) *
						     (u64)SZ_8K, SZ_4K, PROT_R,
						     0, 0), 0);
	beside = map_unmap_ns(test, space);
	kunit_info(test, "alone %llu ns, beside %u areas %llu ns", alone, areas,
		   beside);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, (u64)areas);
	KUNIT_EXPECT_LT(test, beside, 6 * alone);
}
