// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: lay the addresses of a trace out in guest memory.
 *
 * Pages of the trace that are near each other are a segment. Without a guest that
 * pages, or with one whose layout is given, a segment is a region of guest memory.
 * In a dense layout guest memory is one region, whose pages are given out in the
 * order in which the trace touches them, as a kernel would. The guest's page
 * tables are a region of their own, behind all others.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "replay.h"

#define ULL(x)		((unsigned long long)(x))
#define READ_AT_ONCE	1024	/* accesses */

/* A page of the trace, and how it is used; @seq is its turn to be touched. */
struct touched {
	uint64_t page;
	uint64_t seq;
	uint64_t accesses;
	uint64_t stores;
	uint64_t gpa;
	uint8_t kinds;
};

/*
 * Open addressing; @accesses is 0 in what is free. @last are those of the last
 * fetch, and of the last load or store.
 */
struct touched_set {
	struct touched *slot;
	size_t nr, room;	/* @room is a power of two */
	struct touched *last[NR_SIDES];
};

static struct touched *find_slot(const struct touched_set *set, uint64_t page)
{
	/* Multiplicative hashing: the high bits are the good ones. */
	size_t at = page * UINT64_C(0x9e3779b97f4a7c15) >> 20;

	for (;; at++) {
		struct touched *t = &set->slot[at & (set->room - 1)];

		if (!t->accesses || t->page == page)
			return t;
	}
}

static void grow(struct touched_set *set)
{
	struct touched *old = set->slot;
	size_t i, room = set->room;

	set->room = room ? 2 * room : 4096;
	set->slot = xcalloc(set->room, sizeof(*set->slot));
	for (i = 0; i < room; i++)
		if (old[i].accesses)
			*find_slot(set, old[i].page) = old[i];
	free(old);
}

static struct touched *find_page(struct touched_set *set, struct trace *trace,
				 uint64_t page)
{
	struct touched *t;

	if (2 * set->nr >= set->room) {
		grow(set);
		trace->first_use = xrealloc(trace->first_use, set->room,
					    sizeof(uint64_t));
		memset(set->last, 0, sizeof(set->last));
	}
	t = find_slot(set, page);
	if (!t->accesses) {
		t->page = page;
		trace->first_use[set->nr] = trace->nr;
		t->seq = set->nr++;
	}
	return t;
}

static inline void touch(struct touched_set *set, struct trace *trace,
			 uint64_t page, uint8_t kind)
{
	struct touched **last = &set->last[access_side(kind)];

	if (!*last || (*last)->page != page)
		*last = find_page(set, trace, page);
	(*last)->accesses++;
	(*last)->stores += !!(kind & AXAS_PROT_WRITE);
	(*last)->kinds |= kind;
}

static int by_page(const void *a, const void *b)
{
	const struct touched *x = a, *y = b;

	return (x->page > y->page) - (x->page < y->page);
}

static int by_seq(const void *a, const void *b)
{
	const struct touched *x = a, *y = b;

	return (x->seq > y->seq) - (x->seq < y->seq);
}

static void count_access(struct trace *t, uint8_t kind)
{
	t->nr++;
	if (kind == AXAS_PROT_EXEC)
		t->fetches++;
	else if (kind == AXAS_PROT_READ)
		t->loads++;
	else if (kind == AXAS_PROT_WRITE)
		t->stores++;
	else
		t->modifies++;
}

static void touch_all(struct touched_set *set, struct trace *t,
		      const struct access *a, size_t nr)
{
	for (; nr--; a++) {
		uint64_t first = a->addr >> PAGE_SHIFT;
		uint64_t last = (a->addr + a->size - 1) >> PAGE_SHIFT;

		count_access(t, a->kind);
		touch(set, t, first, a->kind);
		if (last != first)
			touch(set, t, last, a->kind);
	}
}

/*
 * All pages that the trace touches, in a first pass through it; @set becomes an
 * array of @set->nr.
 */
static void find_touched(struct touched_set *set, struct trace *t)
{
	struct stream *stream = trace_stream(t);
	struct access a[READ_AT_ONCE];
	size_t i, nr;

	while ((nr = stream_take(stream, a, READ_AT_ONCE))) {
		touch_all(set, t, a, nr);
		if (!(t->nr & 0xfffff))
			progress("reading", t->nr, 0);
	}
	progress_end();
	stream_close(stream);
	t->quiet = true;
	if (!t->nr)
		die("%s holds no access; record one with: valgrind --tool=lackey --trace-mem=yes --log-file=FILE PROGRAM",
		    t->name);
	for (i = 0, nr = 0; i < set->room; i++)
		if (set->slot[i].accesses)
			set->slot[nr++] = set->slot[i];
}

static void add_segment(struct trace *t, uint64_t start, uint64_t end,
			uint64_t align)
{
	struct segment *s;

	start &= ~(align - 1);
	end = (end + align - 1) & ~(align - 1);
	/* Aligning may have made it meet the one before. */
	if (t->nr_segments) {
		s = &t->segments[t->nr_segments - 1];
		if (start <= s->va + s->length) {
			s->length = end - s->va;
			return;
		}
	}
	t->segments = xrealloc(t->segments, t->nr_segments + 1, sizeof(*s));
	s = &t->segments[t->nr_segments++];
	*s = (struct segment){ .va = start, .gpa = start,
			       .length = end - start };
}

/* Cluster the pages, which are sorted. */
static void find_segments(struct trace *t, const struct touched *touched,
			  size_t nr, uint64_t align)
{
	uint64_t start = touched[0].page << PAGE_SHIFT, prev = start;
	size_t i;

	for (i = 1; i < nr; i++) {
		uint64_t page = touched[i].page << PAGE_SHIFT;

		if (page - prev > REGION_GAP) {
			add_segment(t, start, prev + PAGE_SIZE, align);
			start = page;
		}
		prev = page;
	}
	add_segment(t, start, prev + PAGE_SIZE, align);
}

static void add_region(struct trace *t, uint64_t gpa, uint64_t length,
		       uint32_t gpa_bits)
{
	uint64_t limit = UINT64_C(1) << gpa_bits;
	struct region *r;

	if (gpa > limit || length > limit - gpa)
		die("what the trace needs doesn't fit %u bits of guest physical address; ask for more with --gpa-bits",
		    gpa_bits);
	t->regions = xrealloc(t->regions, t->nr_regions + 1, sizeof(*r));
	r = &t->regions[t->nr_regions++];
	/* Everything is read back at the end. */
	*r = (struct region){ .gpa = gpa, .length = length,
			      .prot = AXAS_PROT_READ };
	r->pages = xcalloc(length >> PAGE_SHIFT, sizeof(*r->pages));
}

/* Where the next region may begin. */
static uint64_t regions_end(const struct trace *t)
{
	const struct region *last = &t->regions[t->nr_regions - 1];

	return (last->gpa + last->length + SIZE_2M - 1) & ~(SIZE_2M - 1);
}

/*
 * Segments that don't all fit below 2^@gpa_bits are moved down, in their order,
 * each into 2 MiB blocks of its own. An address keeps its place within 2 MiB,
 * so the same leaves are possible as before.
 */
static void place_as_given(struct trace *t, uint32_t gpa_bits)
{
	uint64_t limit = UINT64_C(1) << gpa_bits;
	const struct segment *last = &t->segments[t->nr_segments - 1];
	uint64_t at = SIZE_2M;
	size_t i;

	t->relocated = last->va >= limit || last->length > limit - last->va;
	for (i = 0; i < t->nr_segments; i++) {
		struct segment *s = &t->segments[i];

		if (t->relocated)
			s->gpa = at + (s->va & (SIZE_2M - 1));
		add_region(t, s->gpa, s->length, gpa_bits);
		at = regions_end(t);
	}
}

/* Guest memory in pieces of the guest's leaves, in the order of their first use. */
static void place_densely(struct trace *t, struct touched *touched, size_t nr,
			  const struct options *o, uint32_t gpa_bits)
{
	unsigned int shift = leaf_shift(o->guest_leaf) - PAGE_SHIFT;
	uint64_t piece = o->leaf > SIZE_2M ? o->leaf : SIZE_2M;
	uint64_t at = piece >> PAGE_SHIFT, page, end;
	struct segment *s;
	uint32_t *frame;
	size_t i;

	for (i = 0; i < t->nr_segments; i++) {
		s = &t->segments[i];
		s->frames = xcalloc(s->length >> PAGE_SHIFT, sizeof(*s->frames));
	}
	qsort(touched, nr, sizeof(*touched), by_seq);
	for (i = 0; i < nr; i++) {
		s = find_segment(t, touched[i].page << PAGE_SHIFT);
		page = touched[i].page - (s->va >> PAGE_SHIFT);
		frame = &s->frames[page & ~((UINT64_C(1) << shift) - 1)];
		if (!*frame) {
			*frame = at;
			at += UINT64_C(1) << shift;
		}
		s->frames[page] = *frame + (page & ((1 << shift) - 1));
	}
	if (at >> 32)
		die("the trace touches too much memory for a dense layout");
	qsort(touched, nr, sizeof(*touched), by_page);
	end = ((at << PAGE_SHIFT) + o->leaf - 1) & ~(o->leaf - 1);
	add_region(t, piece, end - piece, gpa_bits);
}

/* The page at @gpa belongs to the model from now on. */
static struct page *model_page(struct region *r, uint64_t gpa)
{
	struct page *page = region_page(r, gpa);

	if (!page->data)
		page->data = xcalloc(1, PAGE_SIZE);
	return page;
}

static void enter_touched(struct trace *t, struct touched *touched, size_t nr,
			  const struct options *o)
{
	struct region *r;
	struct page *page;
	size_t i;

	t->pages = nr;
	for (i = 0; i < nr; i++) {
		uint64_t va = touched[i].page << PAGE_SHIFT;

		touched[i].gpa = segment_gpa(find_segment(t, va), va);
		r = find_region(t, touched[i].gpa);
		r->prot |= touched[i].kinds;
		page = o->no_data ? region_page(r, touched[i].gpa) :
				    model_page(r, touched[i].gpa);
		page->accesses = touched[i].accesses;
		page->stores = touched[i].stores;
	}
}

/* Build the guest's page tables, and a region that they are in. */
static void place_tables(struct trace *t, const struct touched *touched,
			 size_t nr, const struct options *o, uint32_t gpa_bits)
{
	uint64_t mask = (UINT64_C(1) << leaf_shift(o->guest_leaf)) - 1;
	uint64_t base = regions_end(t), va, length;
	uint64_t last = touched[nr - 1].page << PAGE_SHIFT;
	uint32_t prot = 0;
	struct region *r;
	size_t i;

	if (last >> leaf_shift(o->guest->levels))
		die("address 0x%llx is wider than the %u bits of --guest-format %s",
		    ULL(last), leaf_shift(o->guest->levels), o->guest->name);
	guest_init(&t->guest, o->guest, o->guest_leaf, base);
	for (i = 0; i < nr; i++) {
		va = touched[i].page << PAGE_SHIFT;
		prot |= touched[i].kinds;
		/* The last page in a leaf knows all that was before. */
		guest_map(&t->guest, va & ~mask, touched[i].gpa & ~mask, prot);
		if (i + 1 < nr && ((touched[i + 1].page << PAGE_SHIFT) ^ va) & ~mask)
			prot = 0;
	}
	length = ((t->guest.nr << PAGE_SHIFT) + o->leaf - 1) & ~(o->leaf - 1);
	add_region(t, base, length, gpa_bits);
	r = &t->regions[t->nr_regions - 1];
	r->prot |= AXAS_PROT_WRITE;
	for (i = 0; i < t->guest.nr; i++)
		memcpy(model_page(r, base + (i << PAGE_SHIFT))->data,
		       (uint8_t *)t->guest.tables + (i << PAGE_SHIFT),
		       PAGE_SIZE);
}

/* Find the devices' place in guest memory. */
static void place_mmio(struct trace *t, const struct options *o)
{
	uint64_t at;
	unsigned int i;

	for (i = 0; i < o->nr_mmio; i++) {
		struct mmio *m = &t->mmio[i];
		const struct segment *s = find_segment(t, o->mmio[i].orig);
		const struct region *r;

		*m = o->mmio[i];
		if (!s || m->length > s->length ||
		    m->orig - s->va > s->length - m->length)
			die("--mmio 0x%llx,0x%llx: not all of it is memory of the trace",
			    ULL(m->orig), ULL(m->length));
		m->gpa = segment_gpa(s, m->orig);
		m->data = xcalloc(1, m->length);
		r = find_region(t, m->gpa);
		for (at = 0; at < m->length; at += PAGE_SIZE)
			t->mmio_pages += page_used(region_page(r, m->gpa + at));
	}
	t->nr_mmio = o->nr_mmio;
}

/* Does a device lie in [start, start + length)? */
static bool meets_mmio(const struct trace *t, uint64_t start, uint64_t length)
{
	unsigned int i;

	for (i = 0; i < t->nr_mmio; i++)
		if (t->mmio[i].gpa - start < length ||
		    start - t->mmio[i].gpa < t->mmio[i].length)
			return true;
	return false;
}

/* Stores into @length bytes of @r from @start. */
static uint64_t stores_in(const struct region *r, uint64_t start,
			  uint64_t length)
{
	const struct page *page = region_page(r, start);
	const struct page *end = page + (length >> PAGE_SHIFT);
	uint64_t stores = 0;

	while (page < end)
		stores += page++->stores;
	return stores;
}

/*
 * Give the linear area to where the most stores go: a whole region if it fits,
 * else the best part of one. It begins and ends where an alloc leaf may, so
 * that no 2 MiB leaf of the region is spoilt.
 */
static void place_linear(struct trace *t, const struct options *o)
{
	uint64_t room = o->linear_size & ~(o->leaf - 1);
	uint64_t best = 0, start, length, stores;
	size_t i;

	for (i = 0; room && i < t->nr_regions; i++) {
		const struct region *r = &t->regions[i];

		length = room < r->length ? room : r->length;
		stores = stores_in(r, r->gpa, length);
		for (start = r->gpa;; start += o->leaf) {
			if (stores > best && !meets_mmio(t, start, length)) {
				best = stores;
				t->linear.gpa = start;
				t->linear.length = length;
			}
			if (start + length >= r->gpa + r->length)
				break;
			stores -= stores_in(r, start, o->leaf);
			stores += stores_in(r, start + length, o->leaf);
		}
	}
	t->linear.hpa = o->linear_hpa;
	if (!t->linear.length)
		die("--linear-size: no part of the trace that is stored to fits; give at least %llu bytes",
		    (unsigned long long)o->leaf);
}

static size_t count_linear_pages(const struct trace *t)
{
	uint64_t gpa = t->linear.gpa, end = gpa + t->linear.length;
	size_t nr = 0;

	for (; gpa < end; gpa += PAGE_SIZE)
		nr += page_used(region_page(find_region(t, gpa), gpa));
	return nr;
}

/* Pieces that hold pages of the hint have it. */
static void enter_hint(struct trace *t, const struct hint *hint,
		       const struct touched *touched, size_t nr)
{
	bool found = false;
	size_t i;

	for (i = 0; i < nr; i++) {
		if ((touched[i].page << PAGE_SHIFT) - hint->va >= hint->length)
			continue;
		promote_hint(find_region(t, touched[i].gpa), touched[i].gpa);
		found = true;
	}
	if (!found)
		die("--hint 0x%llx,0x%llx: the trace touches nothing there",
		    ULL(hint->va), ULL(hint->length));
}

void lay_out(struct trace *t, const struct options *o, uint32_t gpa_bits)
{
	uint64_t guest_leaf = UINT64_C(1) << leaf_shift(o->guest_leaf);
	struct touched_set set = { 0 };
	size_t i;

	find_touched(&set, t);
	qsort(set.slot, set.nr, sizeof(*set.slot), by_page);
	find_segments(t, set.slot, set.nr,
		      guest_leaf > o->leaf ? guest_leaf : o->leaf);
	if (o->guest && o->dense)
		place_densely(t, set.slot, set.nr, o, gpa_bits);
	else
		place_as_given(t, gpa_bits);
	enter_touched(t, set.slot, set.nr, o);
	if (o->guest)
		place_tables(t, set.slot, set.nr, o, gpa_bits);
	place_mmio(t, o);
	if (o->linear_size)
		place_linear(t, o);
	t->linear_pages = count_linear_pages(t);
	for (i = 0; o->leaf == SIZE_2M && o->policy && i < t->nr_regions; i++)
		promote_init(&t->regions[i]);
	for (i = 0; i < o->nr_hints; i++)
		enter_hint(t, &o->hint[i], set.slot, set.nr);
	free(set.slot);
}

/* The segment that @va is in, or NULL. */
struct segment *find_segment(const struct trace *t, uint64_t va)
{
	size_t low = 0, high = t->nr_segments;

	while (low < high) {
		size_t mid = (low + high) / 2;
		struct segment *s = &t->segments[mid];

		if (va >= s->va && va - s->va < s->length)
			return s;
		if (va < s->va)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

struct region *find_region(const struct trace *t, uint64_t gpa)
{
	size_t low = 0, high = t->nr_regions;

	while (low < high) {
		size_t mid = (low + high) / 2;
		struct region *r = &t->regions[mid];

		if (gpa >= r->gpa && gpa - r->gpa < r->length)
			return r;
		if (gpa < r->gpa)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

void free_trace(struct trace *t)
{
	size_t i, page;

	for (i = 0; i < t->nr_regions; i++) {
		struct region *r = &t->regions[i];

		for (page = 0; page < r->length >> PAGE_SHIFT; page++)
			free(r->pages[page].data);
		free(r->pages);
		free(r->pieces);
	}
	for (i = 0; i < t->nr_segments; i++)
		free(t->segments[i].frames);
	for (i = 0; i < t->nr_mmio; i++)
		free(t->mmio[i].data);
	guest_free(&t->guest);
	free(t->first_use);
	free(t->segments);
	free(t->regions);
}
