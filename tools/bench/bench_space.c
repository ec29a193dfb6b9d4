// SPDX-License-Identifier: GPL-2.0
/*
 * Spaces through the in-kernel interface. All memory of the areas is allocated
 * and cleared, except where linear areas are used: those point to nothing.
 */
#include <linux/err.h>
#include <linux/slab.h>

#include <axas/space.h>

#include "bench.h"

#define HOT_PAGES	128
#define HOT_ROUNDS	64
#define BATCH		512
#define BESIDE_ROUNDS	512

/* Keeps the tables around it when all else is unmapped. */
#define KEEP_GPA	(BENCH_GPA + SZ_2M - SZ_4K)

/**
 * bench_map - make an area with all rights
 * @space: the space
 * @gpa: first GPA
 * @size: bytes
 * @backend: an &enum axas_backend_id
 * @flags: &enum axas_map_flags
 * @max_leaf: largest leaf, or 0
 *
 * Return: as axas_space_map().
 */
int bench_map(struct axas_space *space, u64 gpa, u64 size, u32 backend,
	      u32 flags, u64 max_leaf)
{
	const struct axas_map args = {
		.flags = flags,
		.gpa = gpa,
		.length = size,
		.hpa = backend == AXAS_BACKEND_LINEAR ?
			       gpa - BENCH_GPA + BENCH_HPA : 0,
		.backend = backend,
		.prot = BENCH_RWX,
		.max_leaf = max_leaf,
	};

	return axas_space_map(space, &args);
}

static int map_lazy(struct axas_space *space, u64 gpa, u64 size)
{
	return bench_map(space, gpa, size, AXAS_BACKEND_ALLOC, 0, 0);
}

static int fault_rows(struct axas_space *space, const char *name)
{
	u64 size = (u64)bench_pages * SZ_4K;
	u64 start, end, gpa;
	unsigned int i, bad = 0;
	int ret;

	ret = map_lazy(space, BENCH_GPA, size);
	if (ret)
		return ret;
	start = bench_now();
	for (i = 0, gpa = BENCH_GPA; i < bench_pages; i++, gpa += SZ_4K)
		bad += axas_space_fault(space, axas_gpa(gpa), AXAS_PROT_WRITE) !=
		       AXAS_FAULT_RESOLVED;
	end = bench_now();
	bench_note("fault4k", name, bench_pages, end - start);

	start = bench_now();
	for (i = 0, gpa = BENCH_GPA; i < bench_pages; i++, gpa += SZ_4K)
		bad += axas_space_fault(space, axas_gpa(gpa), AXAS_PROT_WRITE) !=
		       AXAS_FAULT_SPURIOUS;
	end = bench_now();
	bench_note("fault4k_spurious", name, bench_pages, end - start);

	start = bench_now();
	ret = axas_space_unmap(space, axas_gpa(BENCH_GPA), size);
	end = bench_now();
	bench_note("space_unmap4k", name, bench_pages, end - start);
	bench_settle();
	return bad ? -EIO : ret;
}

static void fill_batch(struct axas_fault_entry *entries, u64 gpa)
{
	unsigned int i;

	for (i = 0; i < BATCH; i++)
		entries[i] = (struct axas_fault_entry){
			.gpa = gpa + i * SZ_4K,
			.access = AXAS_PROT_WRITE,
		};
}

static int batch_rows(struct axas_space *space, const char *name)
{
	u64 size = (u64)bench_pages * SZ_4K;
	u64 start, gpa, fresh = 0, spurious = 0;
	struct axas_fault_entry *entries;
	unsigned int bad = 0;
	int ret;

	entries = kmalloc_array(BATCH, sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	ret = map_lazy(space, BENCH_GPA, size);
	for (gpa = BENCH_GPA; !ret && gpa < BENCH_GPA + size;
	     gpa += BATCH * SZ_4K) {
		fill_batch(entries, gpa);
		start = bench_now();
		axas_space_faults(space, entries, BATCH);
		fresh += bench_now() - start;
		bad += entries[BATCH - 1].result != AXAS_FAULT_RESOLVED;

		start = bench_now();
		axas_space_faults(space, entries, BATCH);
		spurious += bench_now() - start;
		bad += entries[BATCH - 1].result != AXAS_FAULT_SPURIOUS;
		cond_resched();
	}
	kfree(entries);
	if (ret)
		return ret;
	bench_note("fault4k_batch", name, bench_pages, fresh);
	bench_note("fault4k_batch_spurious", name, bench_pages, spurious);
	ret = axas_space_unmap(space, axas_gpa(BENCH_GPA), size);
	bench_settle();
	return bad ? -EIO : ret;
}

/* The same few pages again and again: what stays in the caches. */
static int hot_rows(struct axas_space *space, const char *name)
{
	const u64 size = HOT_PAGES * SZ_4K;
	u64 start, gpa, fault = 0, unmap = 0;
	unsigned int i, round, bad = 0;
	int ret;

	ret = bench_map(space, KEEP_GPA, SZ_4K, AXAS_BACKEND_LINEAR, 0, 0);
	for (round = 0; round < HOT_ROUNDS && !ret; round++) {
		ret = map_lazy(space, BENCH_GPA, size);
		if (ret)
			break;
		start = bench_now();
		for (i = 0, gpa = BENCH_GPA; i < HOT_PAGES; i++, gpa += SZ_4K)
			bad += axas_space_fault(space, axas_gpa(gpa),
						AXAS_PROT_WRITE);
		fault += bench_now() - start;

		start = bench_now();
		ret = axas_space_unmap(space, axas_gpa(BENCH_GPA), size);
		unmap += bench_now() - start;
	}
	if (!ret)
		ret = axas_space_clear(space);
	bench_settle();
	if (ret)
		return ret;
	bench_note("fault4k_hot", name, HOT_PAGES * HOT_ROUNDS, fault);
	bench_note("space_unmap4k_hot", name, HOT_PAGES * HOT_ROUNDS, unmap);
	return bad ? -EIO : 0;
}

static int populate_rows(struct axas_space *space, const char *name)
{
	u64 size = (u64)bench_pages * SZ_4K, start, end, gpa;
	unsigned int bad = 0;
	int ret;

	start = bench_now();
	ret = bench_map(space, BENCH_GPA, size, AXAS_BACKEND_ALLOC,
			AXAS_MAP_POPULATE, 0);
	end = bench_now();
	if (ret)
		return ret;
	bench_note("eager4k", name, bench_pages, end - start);

	start = bench_now();
	ret = axas_space_protect(space, axas_gpa(BENCH_GPA), size,
				 AXAS_PROT_READ);
	end = bench_now();
	if (ret)
		return ret;
	bench_note("protect4k", name, bench_pages, end - start);
	ret = axas_space_clear(space);
	bench_settle();
	if (ret)
		return ret;

	ret = bench_map(space, BENCH_GPA, size, AXAS_BACKEND_ALLOC, 0, SZ_2M);
	if (ret)
		return ret;
	start = bench_now();
	for (gpa = BENCH_GPA; gpa < BENCH_GPA + size; gpa += SZ_2M)
		bad += axas_space_fault(space, axas_gpa(gpa), AXAS_PROT_WRITE);
	end = bench_now();
	bench_note("fault2m", name, size / SZ_2M, end - start);
	ret = axas_space_clear(space);
	bench_settle();
	return bad ? -EIO : ret;
}

static u64 table_pages(struct axas_space *space)
{
	struct axas_stats stats;
	u64 sum = 0;
	int i;

	axas_space_stats(space, &stats);
	for (i = 0; i < AXAS_MAX_LEVELS; i++)
		sum += stats.tables[i];
	return sum;
}

/* Time, and bytes of tables. */
static int lazy_rows(struct axas_space *space, const char *name)
{
	static const struct {
		const char *time;
		const char *bytes;
		u64 size;
	} rows[] = {
		{ "lazy_64m", "lazy_64m_bytes", 64ULL << 20 },
		{ "lazy_64g", "lazy_64g_bytes", 64ULL << 30 },
		{ "lazy_64t", "lazy_64t_bytes", 64ULL << 40 },
	};
	u64 start, end, before = table_pages(space);
	unsigned int i, j, row;
	int ret = 0;

	/* The first once for nothing: what is freed by RCU makes others warm. */
	for (i = 0; i <= ARRAY_SIZE(rows); i++) {
		u64 ticks = 0;

		row = i ? i - 1 : 0;
		for (j = 0; j < 64; j++) {
			start = bench_now();
			ret = map_lazy(space, 1ULL << 40, rows[row].size);
			end = bench_now();
			ticks += end - start;
			if (ret)
				return ret;
			if (i && !j)
				bench_note(rows[row].bytes, name, 1,
					   SZ_4K * (table_pages(space) - before));
			ret = axas_space_unmap(space, axas_gpa(1ULL << 40),
					       rows[row].size);
			if (ret)
				return ret;
		}
		if (i)
			bench_note(rows[row].time, name, 64, ticks);
		bench_settle();
	}
	return 0;
}

/* One page is mapped and unmapped in the middle of n areas of a page each. */
static int beside_rows(struct axas_space *space, const char *name)
{
	static const struct {
		const char *row;
		unsigned int n;
	} rows[] = {
		{ "beside_0", 0 },
		{ "beside_100", 100 },
		{ "beside_10000", 10000 },
	};
	u64 start, end, gpa;
	unsigned int i, j;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(rows) && !ret; i++) {
		/* the same place within its tables in all rows */
		u64 mid = BENCH_GPA +
			  ALIGN_DOWN(rows[i].n / 2 * SZ_8K, (u64)SZ_2M);

		for (j = 0; j < rows[i].n && !ret; j++)
			ret = map_lazy(space, BENCH_GPA + j * SZ_8K, SZ_4K);
		/* Tables stay, so that none is made or freed in any row. */
		gpa = mid + KEEP_GPA - BENCH_GPA;
		if (!ret)
			ret = bench_map(space, gpa, SZ_4K, AXAS_BACKEND_LINEAR,
					0, 0);
		gpa = mid + SZ_4K;
		start = bench_now();
		for (j = 0; j < BESIDE_ROUNDS && !ret; j++) {
			ret = bench_map(space, gpa, SZ_4K, AXAS_BACKEND_LINEAR,
					0, 0);
			if (!ret)
				ret = axas_space_unmap(space, axas_gpa(gpa),
						       SZ_4K);
		}
		end = bench_now();
		if (!ret)
			bench_note(rows[i].row, name, BESIDE_ROUNDS,
				   end - start);
		if (!ret)
			ret = axas_space_clear(space);
		bench_settle();
	}
	return ret;
}

/* Cut the middle page out of each leaf of 1 GiB. */
static int split_rows(struct axas_space *space, const char *name)
{
	u64 start, end, gpa;
	int ret;

	ret = bench_map(space, BENCH_GPA, SZ_1G, AXAS_BACKEND_LINEAR, 0, SZ_2M);
	start = bench_now();
	for (gpa = BENCH_GPA; gpa < BENCH_GPA + SZ_1G && !ret; gpa += SZ_2M)
		ret = axas_space_unmap(space, axas_gpa(gpa + SZ_1M), SZ_4K);
	end = bench_now();
	if (!ret)
		bench_note("split2m", name, 512, end - start);
	if (!ret)
		ret = axas_space_clear(space);
	bench_settle();
	return ret;
}

/* Tables against 8 bytes per leaf and 4 KiB per table page of the format. */
static int bytes_rows(struct axas_space *space, const char *name)
{
	u64 before = table_pages(space);
	long pages = axas_hal_pages();
	int ret;

	ret = bench_map(space, BENCH_GPA, SZ_1G, AXAS_BACKEND_LINEAR, 0, SZ_4K);
	if (ret)
		return ret;
	bench_note("tables_1g", name, 1, SZ_4K * (axas_hal_pages() - pages));
	/* 512 tables of leaves, one above them, and one above that if new */
	bench_note("tables_1g", "floor", 1, SZ_4K * (512 + 1 + (before < 2)));
	ret = axas_space_clear(space);
	bench_settle();
	return ret;
}

static int destroy_rows(struct axas_space *space, const char *name)
{
	u64 size = 4ULL * bench_pages * SZ_4K, start, end;
	int ret;

	ret = bench_map(space, BENCH_GPA, size, AXAS_BACKEND_ALLOC,
			AXAS_MAP_POPULATE, 0);
	start = bench_now();
	axas_space_destroy(space);
	end = bench_now();
	if (!ret)
		bench_note("destroy4k", name, 4 * bench_pages, end - start);
	bench_settle();
	return ret;
}

static int space_rows(u32 format, const char *name)
{
	static int (* const tests[])(struct axas_space *, const char *) = {
		fault_rows, batch_rows, hot_rows, populate_rows, lazy_rows,
		beside_rows, split_rows, bytes_rows, bench_range, destroy_rows,
	};
	const struct axas_create args = { .format = format, .gpa_bits = 48 };
	struct axas_space *space = axas_space_create(&args);
	unsigned int i;
	int ret = 0;

	if (IS_ERR(space))
		return PTR_ERR(space);
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		ret = tests[i](space, name);
		if (ret) {
			pr_info("AXB|failed|%s|%u|%d\n", name, i, ret);
			break;
		}
	}
	if (i < ARRAY_SIZE(tests) - 1)
		axas_space_destroy(space);
	return ret;
}

int bench_space(void)
{
	int ret = space_rows(AXAS_FORMAT_EPT, "ept");

	if (!ret)
		ret = space_rows(AXAS_FORMAT_S2, "s2");
	return ret ? ret : space_rows(AXAS_FORMAT_AMD, "amd");
}
