// SPDX-License-Identifier: GPL-2.0
/*
 * What a space does when all goes well.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "cases.h"
#include "context.h"
#include "snapshot.h"

void space_defaults(struct kunit *test)
{
	static const struct axas_create none = {};
	struct axas_space *space = axas_test_space_with(test, &none);
	struct axas_stats stats = axas_stats_of(space);
	const bool s2 = axas_is_s2(test);

	KUNIT_EXPECT_EQ(test, stats.format, (u32)axas_context(test)->format);
	KUNIT_EXPECT_EQ(test, stats.gpa_bits, s2 ? 40U : 48U);
	KUNIT_EXPECT_EQ(test, stats.levels, s2 ? 3U : 4U);
	KUNIT_EXPECT_EQ(test, stats.features, 0U);
	KUNIT_EXPECT_EQ(test, stats.base, 0ULL);
	KUNIT_EXPECT_EQ(test, stats.length, 1ULL << stats.gpa_bits);
	/* 40 bits at stage 2 begin with two tables of 39. */
	KUNIT_EXPECT_EQ(test, stats.tables[stats.levels - 1],
			s2 ? 2ULL : 1ULL);
	axas_expect_empty(test, space);
	KUNIT_EXPECT_NULL(test, axas_npt_format(4));
}

void space_base_and_length(struct kunit *test)
{
	static const struct axas_create args = {
		.gpa_bits = 48, .base = 5 * SZ_4K,
	};
	struct axas_space *space = axas_test_space_with(test, &args);

	KUNIT_EXPECT_EQ(test, space->base, 5ULL * SZ_4K);
	KUNIT_EXPECT_EQ(test, space->length, (1ULL << 48) - 5 * SZ_4K);
	KUNIT_EXPECT_EQ(test, axas_map_alloc(space, space->base, space->length,
					     PROT_R, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, (1ULL << 48) - 1, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, 5 * SZ_4K, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, 5 * SZ_4K - 1, PROT_R),
			(int)AXAS_FAULT_INVALID);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, 5 * SZ_4K - 1).state,
			(u32)AXAS_TRANSLATE_INVALID);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, 1ULL << 48).state,
			(u32)AXAS_TRANSLATE_INVALID);
	axas_check_space(test, space);
}

void space_linear(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_translate_entry entry;

	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_1G, SZ_1G + SZ_4K,
					      HPA_NOWHERE, PROT_RX), 0);
	entry = axas_translate_at(space, SZ_1G + 0x1234567);
	KUNIT_EXPECT_EQ(test, entry.state, (u32)AXAS_TRANSLATE_MAPPED);
	KUNIT_EXPECT_EQ(test, entry.hpa, HPA_NOWHERE + 0x1234567);
	KUNIT_EXPECT_EQ(test, entry.leaf_size, (u64)SZ_1G);
	KUNIT_EXPECT_EQ(test, entry.limit, SZ_1G + SZ_4K - 0x1234567ULL);
	KUNIT_EXPECT_EQ(test, entry.prot, (u32)PROT_RX);
	KUNIT_EXPECT_EQ(test, entry.memtype, (u32)AXAS_MEM_WB);
	KUNIT_EXPECT_EQ(test, entry.flags, 0U);
	entry = axas_translate_at(space, 2ULL * SZ_1G);
	KUNIT_EXPECT_EQ(test, entry.hpa, HPA_NOWHERE + SZ_1G);
	KUNIT_EXPECT_EQ(test, entry.leaf_size, (u64)SZ_4K);
	/* Nothing of it is the space's. */
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, 0ULL);
	axas_check_space(test, space);
}

void space_alloc_lazy(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_translate_entry entry;

	KUNIT_ASSERT_EQ(test,
			axas_map_alloc(space, SZ_2M, SZ_2M, PROT_RW, 0, 0), 0);
	entry = axas_translate_at(space, SZ_2M + 5);
	KUNIT_EXPECT_EQ(test, entry.state, (u32)AXAS_TRANSLATE_LAZY);
	KUNIT_EXPECT_EQ(test, entry.prot, (u32)PROT_RW);
	KUNIT_EXPECT_EQ(test, entry.limit, SZ_2M - 5ULL);
	KUNIT_EXPECT_EQ(test, entry.hpa | entry.leaf_size, 0ULL);
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 1L);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_2M + 5, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	entry = axas_translate_at(space, SZ_2M + 5);
	KUNIT_EXPECT_EQ(test, entry.state, (u32)AXAS_TRANSLATE_MAPPED);
	KUNIT_EXPECT_EQ(test, entry.hpa & 4095, 5ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, (u64)SZ_4K);
	axas_check_space(test, space);
}

void space_alloc_eager(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	u64 gpa;

	/* Over two tables; every page has a frame of its own. */
	KUNIT_ASSERT_EQ(test,
			axas_map_alloc(space, SZ_1G - 5 * SZ_4K, 9 * SZ_4K,
				       PROT_RWX, AXAS_MAP_POPULATE, 0),
			0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, 9ULL * SZ_4K);
	for (gpa = SZ_1G - 5 * SZ_4K; gpa < SZ_1G + 4 * SZ_4K; gpa += SZ_4K) {
		u64 *virt = axas_virt_at(test, space, gpa);

		KUNIT_EXPECT_NULL(test, memchr_inv(virt, 0, SZ_4K));
		*virt = gpa;
	}
	for (gpa = SZ_1G - 5 * SZ_4K; gpa < SZ_1G + 4 * SZ_4K; gpa += SZ_4K)
		KUNIT_EXPECT_EQ(test, *(u64 *)axas_virt_at(test, space, gpa),
				gpa);
	axas_check_space(test, space);
}

void space_memory_types(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_map args = {
		.backend = AXAS_BACKEND_ALLOC,
		.length = SZ_4K,
		.prot = PROT_RW,
		.flags = AXAS_MAP_POPULATE,
	};
	u32 types = space->npt.caps.memtypes;
	struct axas_translate_entry entry;

	for (args.memtype = 0; types >> args.memtype; args.memtype++) {
		if (!(types >> args.memtype & 1))
			continue;
		args.gpa += SZ_1G;
		KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
		entry = axas_translate_at(space, args.gpa);
		KUNIT_EXPECT_EQ(test, entry.memtype, args.memtype);
		KUNIT_EXPECT_EQ(test, entry.prot, (u32)PROT_RW);
	}
	args.memtype = AXAS_MEM_WB;
	args.gpa += SZ_1G;
	args.flags |= AXAS_MAP_IGNORE_PAT;
	if (axas_is_ept(test)) {
		KUNIT_ASSERT_EQ(test, axas_space_map(space, &args), 0);
		KUNIT_EXPECT_EQ(test, axas_translate_at(space, args.gpa).flags,
				(u32)AXAS_TRANSLATE_IGNORE_PAT);
	}
	axas_check_space(test, space);
}

void space_clear(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	unsigned int round;

	KUNIT_EXPECT_EQ(test, axas_space_clear(space), 0);
	for (round = 0; round < 3; round++) {
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, 0, SZ_2M + SZ_4K,
						     PROT_RW, AXAS_MAP_POPULATE,
						     SZ_2M), 0);
		KUNIT_ASSERT_EQ(test, axas_map_linear(space, 1ULL << 47, SZ_1G,
						      HPA_NOWHERE, PROT_R), 0);
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, 1ULL << 40,
						     PROT_RW, 0, 0), 0);
		KUNIT_ASSERT_EQ(test, axas_fault_at(space, 1ULL << 40, PROT_R),
				(int)AXAS_FAULT_RESOLVED);
		KUNIT_EXPECT_EQ(test, axas_space_clear(space), 0);
		axas_expect_empty(test, space);
	}
}

void space_unmap_over_areas_and_holes(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	u64 gpa;

	/* Ten areas of two pages, with a page between them. */
	for (gpa = 0; gpa < 30 * SZ_4K; gpa += 3 * SZ_4K)
		KUNIT_ASSERT_EQ(test, axas_map_alloc(space, gpa, 2 * SZ_4K,
						     PROT_RW, AXAS_MAP_POPULATE,
						     0), 0);
	/* From the second page of one to the first of another. */
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, 4 * SZ_4K, 15 * SZ_4K),
			0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 6ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, 10ULL * SZ_4K);
	for (gpa = 0; gpa < 30; gpa++) {
		u32 state = gpa % 3 < 2 && (gpa < 4 || gpa >= 19) ?
				    AXAS_TRANSLATE_MAPPED :
				    AXAS_TRANSLATE_NO_AREA;

		KUNIT_EXPECT_EQ(test, state,
				axas_translate_at(space, gpa * SZ_4K).state);
	}
	axas_check_space(test, space);
	/* An area cut in two, and both halves taken one after the other. */
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, 3 * SZ_4K, PROT_R, 0,
					     0), 0);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1G + SZ_4K, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 8ULL);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1G, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G + 2 * SZ_4K, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, SZ_1G, SZ_1G), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 6ULL);
}

void space_protect_over_areas(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const u64 gpa = SZ_1G;
	u64 *virt;

	/* Lazy, 2 MiB of frames, 2 MiB of nothing in particular. */
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, gpa - SZ_2M, SZ_2M, PROT_RW,
					     0, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, gpa, SZ_2M, PROT_RWX,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, gpa + SZ_2M, SZ_2M,
					      HPA_NOWHERE, PROT_RX), 0);
	virt = axas_virt_at(test, space, gpa);
	virt[0] = 42;
	KUNIT_ASSERT_EQ(test, axas_protect_range(space, gpa - SZ_4K,
						 SZ_2M + 2 * SZ_4K, PROT_R), 0);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 5ULL);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa - SZ_4K, PROT_W),
			(int)AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa - SZ_4K, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa - SZ_8K, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa, PROT_W),
			(int)AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, axas_translate_at(space, gpa).leaf_size,
			(u64)SZ_2M);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa + SZ_2M, PROT_X),
			(int)AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa + SZ_2M + SZ_4K, PROT_X),
			(int)AXAS_FAULT_SPURIOUS);
	KUNIT_EXPECT_PTR_EQ(test, axas_virt_at(test, space, gpa), (void *)virt);
	KUNIT_EXPECT_EQ(test, virt[0], 42ULL);
	axas_check_space(test, space);
	/* And back. */
	KUNIT_ASSERT_EQ(test, axas_protect_range(space, gpa, SZ_2M, PROT_RWX),
			0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa, PROT_RWX),
			(int)AXAS_FAULT_SPURIOUS);
	axas_check_space(test, space);
}

/* Nearly all of 48 bits, and no more than the record of an area. */
void space_lazy_is_sparse(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const unsigned long before = fake_hal_allocs();

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, 0, 1ULL << 48, PROT_RW, 0,
					     SZ_2M), 0);
	KUNIT_EXPECT_EQ(test, fake_hal_allocs(), before);
	/* One page in the middle: its frame and the tables on the way. */
	KUNIT_ASSERT_EQ(test, axas_protect_range(space, 1ULL << 47, SZ_4K,
						 PROT_R), 0);
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 1L);
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, 1ULL << 47, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 1L + 4);
	KUNIT_EXPECT_EQ(test, axas_space_clear(space), 0);
	axas_expect_empty(test, space);
}

void space_get_and_check_memory(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const axas_gpa_t gpa = axas_gpa(SZ_1G + SZ_4K + 123);
	struct axas_memory memory, other;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, 2 * SZ_4K, PROT_R, 0,
					     0), 0);
	KUNIT_EXPECT_EQ(test, axas_space_get_memory(space, axas_gpa(SZ_1G - 1),
						    PROT_R, &memory), -EFAULT);
	KUNIT_EXPECT_EQ(test, axas_space_get_memory(space, axas_gpa(U64_MAX),
						    PROT_R, &memory), -EFAULT);
	KUNIT_EXPECT_EQ(test, axas_space_get_memory(space, gpa, PROT_W,
						    &memory), -EACCES);
	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, gpa, PROT_R,
						    &memory), 0);
	KUNIT_EXPECT_EQ(test, memory.hpa.val,
			axas_translate_at(space, SZ_1G + SZ_4K).hpa);
	KUNIT_EXPECT_PTR_EQ(test, memory.page, axas_hal_page(memory.hpa));
	KUNIT_EXPECT_EQ(test, page_count(memory.page), 2);
	KUNIT_EXPECT_EQ(test, axas_space_get_memory(space, gpa, PROT_W, &other),
			-EACCES);
	KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, gpa, PROT_R,
						      &memory), 0);
	KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, gpa, PROT_W,
						      &memory), -EACCES);

	/* Gone: the reference keeps the page alive and as it is. */
	memset(page_address(memory.page), 0x31, SZ_4K);
	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, SZ_1G, SZ_2M), 0);
	KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, gpa, PROT_R,
						      &memory), -EAGAIN);
	KUNIT_EXPECT_EQ(test, page_count(memory.page), 1);
	KUNIT_EXPECT_NULL(test, memchr_inv(page_address(memory.page), 0x31,
					   SZ_4K));
	put_page(memory.page);

	/* Memory that the kernel doesn't know has no page. */
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_1G, SZ_2M, HPA_NOWHERE,
					      PROT_R), 0);
	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, gpa, PROT_R,
						    &memory), 0);
	KUNIT_EXPECT_NULL(test, memory.page);
	KUNIT_EXPECT_EQ(test, memory.hpa.val, HPA_NOWHERE + SZ_4K);

	/* Nor has memory that only looks as if it had: it is nobody's. */
	KUNIT_ASSERT_TRUE(test, PageReserved(ZERO_PAGE(0)));
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_2G, SZ_4K,
					      page_to_phys(ZERO_PAGE(0)),
					      PROT_R), 0);
	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, axas_gpa(SZ_2G),
						    PROT_R, &memory), 0);
	KUNIT_EXPECT_NULL(test, memory.page);
}

/* What was true before the lock was taken is not what counts. */
void space_check_says_what_it_finds(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const axas_gpa_t gpa = axas_gpa(SZ_1G + 3 * SZ_4K);
	struct axas_memory memory;

	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_1G, SZ_2M, HPA_NOWHERE,
					      PROT_RW), 0);
	KUNIT_ASSERT_EQ(test, axas_space_get_memory(space, gpa, PROT_R,
						    &memory), 0);
	KUNIT_EXPECT_EQ(test, (unsigned int)memory.attr.prot, PROT_RW);
	KUNIT_EXPECT_EQ(test, memory.left, SZ_2M - 3ULL * SZ_4K);

	/* The leaf is split, and its rest stays as it was. */
	KUNIT_ASSERT_EQ(test, axas_space_protect(space, axas_gpa(SZ_1G), SZ_4K,
						 PROT_R), 0);
	KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, gpa, PROT_R,
						      &memory), 0);
	KUNIT_EXPECT_EQ(test, (unsigned int)memory.attr.prot, PROT_RW);
	KUNIT_EXPECT_EQ(test, memory.left, (u64)SZ_4K);

	/* The right to write has gone, that to read hasn't. */
	KUNIT_ASSERT_EQ(test, axas_space_protect(space, axas_gpa(SZ_1G), SZ_2M,
						 PROT_R), 0);
	KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, gpa, PROT_W,
						      &memory), -EACCES);
	KUNIT_EXPECT_EQ(test, (unsigned int)memory.attr.prot, PROT_RW);
	KUNIT_EXPECT_EQ(test, axas_space_check_memory(space, gpa, PROT_R,
						      &memory), 0);
	KUNIT_EXPECT_EQ(test, (unsigned int)memory.attr.prot, PROT_R);
}

static ssize_t rw(struct axas_space *space, u64 gpa, void *buf, size_t n,
		  bool write)
{
	struct kvec vec = { .iov_base = buf, .iov_len = n };
	struct iov_iter iter;

	iov_iter_kvec(&iter, write ? ITER_SOURCE : ITER_DEST, &vec, 1, n);
	return axas_space_rw_iter(space, axas_gpa(gpa), &iter, write);
}

void space_rw_iter(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	u8 *in = kunit_kzalloc(test, 4 * SZ_4K, GFP_KERNEL);
	u8 *out = kunit_kzalloc(test, 4 * SZ_4K, GFP_KERNEL);
	u8 *alien = kunit_kzalloc(test, SZ_4K, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_TRUE(test, in && out && alien);
	for (i = 0; i < 4 * SZ_4K; i++)
		in[i] = i * 7 + (i >> 8);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, 2 * SZ_4K, PROT_RW,
					     0, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_1G + 2 * SZ_4K, SZ_4K,
					      virt_to_phys(alien), PROT_RW), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + 3 * SZ_4K, SZ_4K,
					     PROT_R, 0, 0), 0);
	/* Changes pay nothing for what nobody uses. */
	KUNIT_EXPECT_NULL(test, space->hold);

	/* Across frames and areas, up to where the right ends. */
	KUNIT_EXPECT_EQ(test, rw(space, SZ_1G + 5, in, 4 * SZ_4K, true),
			(ssize_t)(3 * SZ_4K - 5));
	KUNIT_EXPECT_NOT_NULL(test, space->hold);
	KUNIT_EXPECT_EQ(test, rw(space, SZ_1G + 5, out, 3 * SZ_4K - 5, false),
			(ssize_t)(3 * SZ_4K - 5));
	KUNIT_EXPECT_EQ(test, memcmp(in, out, 3 * SZ_4K - 5), 0);
	KUNIT_EXPECT_EQ(test, memcmp(alien, in + 2 * SZ_4K - 5, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, rw(space, SZ_1G + 3 * SZ_4K, out, 9, false),
			(ssize_t)9);
	KUNIT_EXPECT_EQ(test, rw(space, SZ_1G + 3 * SZ_4K, in, 9, true),
			(ssize_t)-EACCES);
	KUNIT_EXPECT_EQ(test, rw(space, SZ_1G + 4 * SZ_4K, out, 9, false),
			(ssize_t)-EFAULT);
	KUNIT_EXPECT_EQ(test, rw(space, U64_MAX - 3, out, 9, false),
			(ssize_t)-EFAULT);
	KUNIT_EXPECT_EQ(test, rw(space, SZ_1G, out, 0, false), (ssize_t)0);

	/* With somebody there who holds changes up. */
	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, SZ_1G, 4 * SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, rw(space, SZ_1G, in, 9, true), (ssize_t)-EFAULT);
	KUNIT_EXPECT_EQ(test, memcmp(alien, in + 2 * SZ_4K - 5, SZ_4K), 0);
}

void space_stats_and_limits(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct axas_stats stats;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_2M + SZ_4K,
					     PROT_RW, AXAS_MAP_POPULATE, SZ_2M),
			0);
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, 4ULL * SZ_1G, SZ_1G,
					      HPA_NOWHERE, PROT_R), 0);
	stats = axas_stats_of(space);
	KUNIT_EXPECT_EQ(test, stats.areas, 2ULL);
	KUNIT_EXPECT_EQ(test, stats.resident, (u64)SZ_2M + SZ_4K);
	KUNIT_EXPECT_EQ(test, stats.leaves[0], 1ULL);
	KUNIT_EXPECT_EQ(test, stats.leaves[1], 1ULL);
	KUNIT_EXPECT_EQ(test, stats.leaves[2], 1ULL);
	KUNIT_EXPECT_EQ(test, stats.tables[0], 1ULL);
	KUNIT_EXPECT_EQ(test, stats.tables[1], 1ULL);
	KUNIT_EXPECT_EQ(test, stats.tables[2], 1ULL);
	KUNIT_EXPECT_EQ(test, stats.tables[3], 1ULL);
	KUNIT_EXPECT_EQ(test, stats.tables[4], 0ULL);
}

/* A fatal signal ends a long call, which leaves nothing. */
void space_interrupted(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	int linear, eager;

	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	KUNIT_EXPECT_TRUE(test, fatal_signal_pending(current));
	linear = axas_map_linear(space, SZ_4K, SZ_1G, HPA_NOWHERE, PROT_R);
	eager = axas_map_alloc(space, 0, SZ_2M, PROT_RW, AXAS_MAP_POPULATE, 0);
	flush_signals(current);
	disallow_signal(SIGKILL);
	KUNIT_EXPECT_EQ(test, linear, -EINTR);
	KUNIT_EXPECT_EQ(test, eager, -EINTR);
	axas_expect_empty(test, space);
}

void space_numbers_do_not_wrap(struct kunit *test)
{
	axas_test_set_last_id(U32_MAX);
	KUNIT_EXPECT_EQ(test, axas_test_space(test)->npt.id, 1ULL << 32);
}
