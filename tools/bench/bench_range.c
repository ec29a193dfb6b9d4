// SPDX-License-Identifier: GPL-2.0
/*
 * What a monitor does to memory that it has already: ranges of a space through
 * the in-kernel interface.
 */
#include <linux/err.h>
#include <linux/rcupdate.h>

#include <axas/space.h>

#include "bench.h"

#define ROUNDS	256
#define MOVES	16
#define LARGE	16

static u64 grace;

/* What core_move.c calls: the grace period is a figure of its own. */
void bench_synchronize_rcu(void)
{
	u64 start = bench_now();

	synchronize_rcu();
	grace += bench_now() - start;
}

static int clear(struct axas_space *space)
{
	int ret = axas_space_clear(space);

	bench_settle();
	return ret;
}

/* Frames come into an area that is there, and go again. */
static int discard_rows(struct axas_space *space, const char *name)
{
	u64 size = (u64)bench_pages * SZ_4K, start, end, done;
	struct axas_npt_freed freed;
	int ret;

	ret = bench_map(space, BENCH_GPA, size, AXAS_BACKEND_ALLOC, 0, 0);
	start = bench_now();
	if (!ret)
		ret = axas_space_populate(space, axas_gpa(BENCH_GPA), size,
					  &done);
	end = bench_now();
	if (ret)
		return ret;
	bench_note("populate4k", name, bench_pages, end - start);

	start = bench_now();
	ret = axas_space_discard(space, axas_gpa(BENCH_GPA), size, &freed);
	end = bench_now();
	if (ret)
		return ret;
	bench_note("discard4k", name, bench_pages, end - start);
	return clear(space);
}

/* The same in frames of 2 MiB. */
static int large_rows(struct axas_space *space, const char *name)
{
	u64 size = (u64)bench_pages * SZ_4K, start, middle, end, done;
	int ret;

	ret = bench_map(space, BENCH_GPA, size, AXAS_BACKEND_ALLOC, 0, SZ_2M);
	start = bench_now();
	if (!ret)
		ret = axas_space_populate(space, axas_gpa(BENCH_GPA), size,
					  &done);
	middle = bench_now();
	if (!ret)
		ret = axas_space_unmap(space, axas_gpa(BENCH_GPA), size);
	end = bench_now();
	if (ret)
		return ret;
	bench_note("populate2m", name, size / SZ_2M, middle - start);
	bench_note("space_unmap2m", name, size / SZ_2M, end - middle);
	return clear(space);
}

/* An area of a GiB goes, of which one page in 2 MiB was touched. */
static int sparse_rows(struct axas_space *space, const char *name)
{
	unsigned int i, n = SZ_1G / SZ_2M, bad = 0;
	u64 start, end;
	int ret;

	ret = bench_map(space, BENCH_GPA, SZ_1G, AXAS_BACKEND_ALLOC, 0, 0);
	for (i = 0; i < n && !ret; i++)
		bad += axas_space_fault(space, axas_gpa(BENCH_GPA + i * (u64)SZ_2M),
					AXAS_PROT_WRITE) != AXAS_FAULT_RESOLVED;
	start = bench_now();
	if (!ret)
		ret = axas_space_unmap(space, axas_gpa(BENCH_GPA), SZ_1G);
	end = bench_now();
	if (ret || bad)
		return ret ? ret : -EIO;
	bench_note("unmap_sparse", name, n, end - start);
	return clear(space);
}

/* A page in the middle of an area becomes linear memory, here and there. */
static int replace_rows(struct axas_space *space, const char *name)
{
	struct axas_map args = {
		.gpa = BENCH_GPA + SZ_1M, .length = SZ_4K,
		.backend = AXAS_BACKEND_LINEAR, .flags = AXAS_MAP_REPLACE,
		.prot = AXAS_PROT_READ,
	};
	u64 start, end, done;
	unsigned int i;
	int ret;

	ret = bench_map(space, BENCH_GPA, SZ_2M, AXAS_BACKEND_ALLOC, 0, 0);
	if (!ret)
		ret = axas_space_populate(space, axas_gpa(BENCH_GPA), SZ_2M,
					  &done);
	start = bench_now();
	for (i = 0; i < ROUNDS && !ret; i++)
		ret = axas_space_protect(space, axas_gpa(args.gpa), SZ_4K,
					 i % 2 ? BENCH_RWX : AXAS_PROT_READ);
	end = bench_now();
	if (ret)
		return ret;
	bench_note("protect_page", name, ROUNDS, end - start);

	start = bench_now();
	for (i = 0; i < ROUNDS && !ret; i++) {
		args.hpa = BENCH_HPA + i * SZ_8K;
		ret = axas_space_map(space, &args);
	}
	end = bench_now();
	if (ret)
		return ret;
	bench_note("replace_page", name, ROUNDS, end - start);
	return clear(space);
}

/*
 * A dense GiB to a place that is aligned alike, and back. A page beside keeps the
 * tables above.
 */
static int move_rows(struct axas_space *space, const char *name)
{
	u64 from = BENCH_GPA, to = 2 * BENCH_GPA, start, end;
	unsigned int i;
	int ret;

	ret = bench_map(space, BENCH_GPA, SZ_1G, AXAS_BACKEND_ALLOC,
			AXAS_MAP_POPULATE, 0);
	if (!ret)
		ret = bench_map(space, 3 * BENCH_GPA, SZ_4K,
				AXAS_BACKEND_LINEAR, 0, 0);
	if (ret)
		return ret;
	grace = 0;
	start = bench_now();
	for (i = 0; i < MOVES && !ret; i++) {
		ret = axas_space_move(space, axas_gpa(from), axas_gpa(to),
				      SZ_1G, false);
		swap(from, to);
	}
	end = bench_now();
	if (ret)
		return ret;
	bench_note("move_1g", name, MOVES, end - start - grace);
	return clear(space);
}

/* What came in halves, and so in small leaves, is copied. */
static int collapse_rows(struct axas_space *space, const char *name)
{
	struct axas_collapse args = {
		.flags = AXAS_COLLAPSE_COPY, .gpa = BENCH_GPA,
		.length = LARGE * SZ_2M,
	};
	u64 start, end, done;
	unsigned int i;
	int ret;

	ret = bench_map(space, BENCH_GPA, args.length, AXAS_BACKEND_ALLOC, 0,
			SZ_2M);
	for (i = 0; i < 2 * LARGE && !ret; i++)
		ret = axas_space_populate(space, axas_gpa(BENCH_GPA + i * SZ_1M),
					  SZ_1M, &done);
	start = bench_now();
	if (!ret)
		ret = axas_space_collapse(space, &args);
	end = bench_now();
	if (ret)
		return ret;
	if (args.joined != args.length)
		return -ENOMEM;
	bench_note("collapse2m", name, LARGE, end - start);
	return clear(space);
}

/* A page of a leaf of 1 GiB loses a right, and gets it back. */
static int join_rows(struct axas_space *space, const char *name)
{
	u64 start, middle, end, split = 0, join = 0;
	axas_gpa_t gpa = axas_gpa(BENCH_GPA + SZ_512M);
	unsigned int i;
	int ret;

	ret = bench_map(space, BENCH_GPA, SZ_1G, AXAS_BACKEND_LINEAR, 0, 0);
	for (i = 0; i < ROUNDS && !ret; i++) {
		start = bench_now();
		ret = axas_space_protect(space, gpa, SZ_4K, AXAS_PROT_READ);
		middle = bench_now();
		if (!ret)
			ret = axas_space_protect(space, gpa, SZ_4K, BENCH_RWX);
		end = bench_now();
		split += middle - start;
		join += end - middle;
		bench_settle();
	}
	if (ret)
		return ret;
	bench_note("split1g", name, ROUNDS, split);
	bench_note("join1g", name, ROUNDS, join);
	return clear(space);
}

/* What is there, where nothing is. */
static int next_rows(struct axas_space *space, const char *name)
{
	struct axas_next_entry entry;
	u64 start, end;
	unsigned int i;
	int ret;

	ret = bench_map(space, 1ULL << 40, 1ULL << 40, AXAS_BACKEND_ALLOC, 0, 0);
	start = bench_now();
	for (i = 0; i < ROUNDS && !ret; i++) {
		struct axas_next next = {
			.gpa = 1ULL << 40, .length = 1ULL << 40, .nr = 1,
		};

		ret = axas_space_next(space, &next, &entry);
	}
	end = bench_now();
	if (ret)
		return ret;
	bench_note("next_1t", name, ROUNDS, end - start);
	return clear(space);
}

/**
 * bench_range - measure them
 * @space: an empty space; is so again
 * @name: of its format
 *
 * Return: 0 or an errno.
 */
int bench_range(struct axas_space *space, const char *name)
{
	int ret = discard_rows(space, name);

	if (!ret)
		ret = large_rows(space, name);
	if (!ret)
		ret = sparse_rows(space, name);
	if (!ret)
		ret = replace_rows(space, name);
	if (!ret)
		ret = move_rows(space, name);
	if (!ret)
		ret = join_rows(space, name);
	if (!ret)
		ret = collapse_rows(space, name);
	return ret ? ret : next_rows(space, name);
}
