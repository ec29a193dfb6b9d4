// SPDX-License-Identifier: GPL-2.0
/*
 * What nothing can go below: the page allocator, clearing a page, a store.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <axas/hal.h>

#include "bench.h"

#define HOT_PAGES	128
#define HOT_ROUNDS	64

/* Accounted like a guest's frames, or not. */
#define FLOOR_GFP	GFP_KERNEL_ACCOUNT

static u64 *tables;

/* Each page's address is stored as an entry would be. */
static int floor_pages(const char *name, const char *free_name, gfp_t gfp,
		       unsigned int pages, unsigned int rounds)
{
	u64 start, got = 0, freed = 0;
	unsigned int i;
	int ret = 0;

	while (rounds-- && !ret) {
		start = bench_now();
		for (i = 0; i < pages; i++) {
			struct page *page = alloc_page(gfp);

			if (!page) {
				ret = -ENOMEM;
				break;
			}
			WRITE_ONCE(tables[i], PFN_PHYS(page_to_pfn(page)));
		}
		got += bench_now() - start;

		start = bench_now();
		while (i--)
			__free_page(pfn_to_page(PHYS_PFN(tables[i])));
		freed += bench_now() - start;
		if (pages > HOT_PAGES)
			cond_resched();
	}
	if (ret)
		return ret;
	if (pages > HOT_PAGES)
		rounds = 1;
	else
		rounds = HOT_ROUNDS;
	bench_note(name, "floor", (u64)pages * rounds, got);
	bench_note(free_name, "floor", (u64)pages * rounds, freed);
	return 0;
}

/*
 * One store per entry into pages of tables, as an algorithm would fill them: a
 * plain loop. How fast that is depends on where it happens to lie, so say where.
 */
static noinline void store_entries(u64 **pages, unsigned int n, u64 entry)
{
	unsigned int i;
	u64 *ptr, *end;

	for (i = 0; i < n; i++) {
		ptr = pages[i];
		end = ptr + 512;
		asm volatile(".p2align 6\n"
			     "1: mov %[entry], (%[ptr])\n"
			     "add $4096, %[entry]\n"
			     "add $8, %[ptr]\n"
			     "cmp %[end], %[ptr]\n"
			     "jne 1b\n"
			     : [ptr] "+r" (ptr), [entry] "+r" (entry)
			     : [end] "r" (end)
			     : "memory", "cc");
	}
}

static noinline void clear_entries(u64 **pages, unsigned int n)
{
	unsigned int i;
	u64 *ptr, *end;

	for (i = 0; i < n; i++) {
		ptr = pages[i];
		end = ptr + 512;
		asm volatile(".p2align 6\n"
			     "1: mov %[zero], (%[ptr])\n"
			     "add $8, %[ptr]\n"
			     "cmp %[end], %[ptr]\n"
			     "jne 1b\n"
			     : [ptr] "+r" (ptr)
			     : [end] "r" (end), [zero] "r" (0UL)
			     : "memory", "cc");
	}
}

/* The same by a compiler that is asked to try harder. */
static noinline void store_unrolled(u64 **pages, unsigned int n, u64 entry)
{
	unsigned int i, j;

	for (i = 0; i < n; i++) {
#pragma GCC unroll 8
		for (j = 0; j < 512; j++) {
			WRITE_ONCE(pages[i][j], entry);
			entry += SZ_4K;
		}
	}
}

static int get_tables(u64 **pages, unsigned int n, gfp_t gfp)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		pages[i] = (u64 *)__get_free_page(gfp);
		if (!pages[i])
			return -ENOMEM;
	}
	return 0;
}

static void put_tables(u64 **pages, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		free_page((unsigned long)pages[i]);
		pages[i] = NULL;
	}
}

/*
 * The raw loops of the issue, and what a table costs on top: allocated, with
 * and without being cleared first; freed.
 */
static int floor_stores(void)
{
	unsigned int n = bench_pages / 512;
	u64 start, end, clear = U64_MAX, store = U64_MAX;
	u64 **pages = (u64 **)tables;
	unsigned int i;
	int ret;

	memset(pages, 0, n * sizeof(*pages));
	start = bench_now();
	ret = get_tables(pages, n, FLOOR_GFP | __GFP_ZERO);
	if (ret)
		goto out;
	store_entries(pages, n, BENCH_HPA | 7);
	end = bench_now();
	bench_note("map4k_new", "zeroed tables", bench_pages, end - start);

	/* The best of some passes: a floor is what can be reached. */
	for (i = 0; i < 4; i++) {
		start = bench_now();
		clear_entries(pages, n);
		end = bench_now();
		clear = min(clear, end - start);

		start = bench_now();
		store_entries(pages, n, BENCH_HPA | 7);
		end = bench_now();
		store = min(store, end - start);
	}
	start = bench_now();
	store_unrolled(pages, n, BENCH_HPA | 7);
	end = bench_now();
	bench_note("map4k_present", "unrolled loop", bench_pages, end - start);
	bench_note("unmap4k", "floor", bench_pages, clear);
	bench_note("unmap4k_call", "floor", bench_pages, clear);
	bench_note("map4k_new", "floor", bench_pages, store);
	bench_note("map4k_present", "floor", bench_pages, store);
	bench_note("map4k_call", "floor", bench_pages, store);

	start = bench_now();
	clear_entries(pages, n);
	put_tables(pages, n);
	end = bench_now();
	bench_note("unmap4k", "with free", bench_pages, end - start);

	start = bench_now();
	ret = get_tables(pages, n, FLOOR_GFP);
	if (ret)
		goto out;
	store_entries(pages, n, BENCH_HPA | 7);
	end = bench_now();
	bench_note("map4k_new", "unzeroed tables", bench_pages, end - start);

	start = bench_now();
	store_entries(pages, 1, BENCH_HPA | 7);
	end = bench_now();
	bench_note("map2m", "floor", 512, end - start);
	bench_note("map2m_call", "floor", 512, end - start);

	start = bench_now();
	clear_entries(pages, 1);
	end = bench_now();
	bench_note("unmap2m", "floor", 512, end - start);
	bench_note("unmap2m_call", "floor", 512, end - start);
out:
	put_tables(pages, n);
	return ret;
}

/* A leaf of 2 MiB becomes a table: the table, zeroed or not, and its entries. */
static int floor_split(void)
{
	u64 **pages = (u64 **)tables;
	unsigned int n = 512;
	u64 start, end;
	int ret;

	memset(pages, 0, n * sizeof(*pages));
	start = bench_now();
	ret = get_tables(pages, n, FLOOR_GFP);
	if (!ret)
		store_entries(pages, n, BENCH_HPA | 7);
	end = bench_now();
	if (!ret)
		bench_note("split2m", "floor", n, end - start);
	put_tables(pages, n);
	return ret;
}

static int floor_large(void)
{
	unsigned int i, n = bench_pages / 512;
	u64 start, end;
	int ret = 0;

	start = bench_now();
	for (i = 0; i < n; i++) {
		struct page *page = alloc_pages(FLOOR_GFP | __GFP_ZERO, 9);

		if (!page) {
			ret = -ENOMEM;
			break;
		}
		WRITE_ONCE(tables[i], PFN_PHYS(page_to_pfn(page)));
	}
	end = bench_now();
	if (!ret)
		bench_note("fault2m", "floor", n, end - start);
	start = bench_now();
	while (i--)
		__free_pages(pfn_to_page(PHYS_PFN(tables[i])), 9);
	end = bench_now();
	if (!ret)
		bench_note("alloc2m_free", "floor", n, end - start);
	return ret;
}

/* 2 MiB of small frames, the last one first, come into a large one. */
static void floor_copy_once(struct page *large)
{
	unsigned int i;

	for (i = 0; i < 512; i++) {
		void *to = page_address(large) + i * PAGE_SIZE;
		struct page *page = pfn_to_page(PHYS_PFN(tables[i]));

		copy_page(to, page_address(page));
		__free_page(page);
	}
}

static int floor_copy(void)
{
	unsigned int rounds = 16, n, i;
	struct page *page, *large;
	u64 start, sum = 0;

	for (n = 0; n < rounds; n++) {
		for (i = 512; i--;) {
			page = alloc_page(FLOOR_GFP | __GFP_NOFAIL);
			tables[i] = PFN_PHYS(page_to_pfn(page));
		}
		start = bench_now();
		large = alloc_pages(FLOOR_GFP, 9);
		if (large)
			floor_copy_once(large);
		sum += bench_now() - start;
		if (!large)
			goto no_memory;
		__free_pages(large, 9);
	}
	bench_note("collapse2m", "floor", rounds, sum);
	return 0;

no_memory:
	for (i = 0; i < 512; i++)
		__free_page(pfn_to_page(PHYS_PFN(tables[i])));
	return -ENOMEM;
}

int bench_floor(void)
{
	const gfp_t gfp = FLOOR_GFP;
	int ret;

	tables = vmalloc(array_size(bench_pages, sizeof(*tables)));
	if (!tables)
		return -ENOMEM;
	/* The vmalloc area's own pages are touched before anything counts. */
	memset(tables, 0, array_size(bench_pages, sizeof(*tables)));

	/* First: what it takes apart and puts together is cold afterwards. */
	ret = floor_large();
	if (!ret)
		ret = floor_pages("alloc", "alloc_free", gfp | __GFP_ZERO, bench_pages,
			  1);
	if (!ret)
		ret = floor_pages("alloc_nozero", "alloc_nozero_free", gfp,
				  bench_pages, 1);
	if (!ret)
		ret = floor_pages("alloc_hot", "alloc_hot_free",
				  gfp | __GFP_ZERO, HOT_PAGES, HOT_ROUNDS);
	if (!ret)
		ret = floor_pages("alloc_hot_nozero", "alloc_hot_nozero_free",
				  gfp, HOT_PAGES, HOT_ROUNDS);
	if (!ret)
		ret = floor_stores();
	if (!ret)
		ret = floor_split();
	if (!ret)
		ret = floor_copy();
	vfree(tables);
	return ret;
}
