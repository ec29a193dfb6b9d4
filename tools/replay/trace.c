// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: read a memory trace and lay its addresses out in guest memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"

/*
 * The trace is text as valgrind's lackey writes it:
 *
 *	I  04001000,3		instruction fetch
 *	 L 1ffeffe7e0,8		load
 *	 S 1ffeffe7d8,8		store
 *	 M 0421c7cc,4		modify: load and store
 *
 * Lines of any other form, such as valgrind's own "==123== ...", are skipped.
 */
static uint8_t line_kind(const char *s)
{
	if (!strncmp(s, "I  ", 3))
		return AXAS_PROT_EXEC;
	if (!strncmp(s, " L ", 3))
		return AXAS_PROT_READ;
	if (!strncmp(s, " S ", 3))
		return AXAS_PROT_WRITE;
	if (!strncmp(s, " M ", 3))
		return AXAS_PROT_READ | AXAS_PROT_WRITE;
	return 0;
}

static bool parse_line(struct access *a, const char *s)
{
	unsigned long long addr, size;
	char *end;

	errno = 0;
	addr = strtoull(s + 3, &end, 16);
	if (end == s + 3 || *end != ',' || errno)
		return false;
	s = end + 1;
	size = strtoull(s, &end, 10);
	if (end == s || (*end && *end != '\n' && *end != '\r') || errno)
		return false;
	/* One access meets two pages at most. */
	if (!size || size > PAGE_SIZE || addr + size < addr)
		return false;
	a->addr = addr;
	a->size = size;
	return true;
}

static void count_access(struct trace *t, uint8_t kind)
{
	if (kind == AXAS_PROT_EXEC)
		t->fetches++;
	else if (kind == AXAS_PROT_READ)
		t->loads++;
	else if (kind == AXAS_PROT_WRITE)
		t->stores++;
	else
		t->modifies++;
}

static void add_access(struct trace *t, const struct access *a, size_t *room)
{
	if (t->nr == *room) {
		*room = *room ? 2 * *room : 65536;
		t->accesses = xrealloc(t->accesses, *room, sizeof(*a));
	}
	t->accesses[t->nr++] = *a;
	count_access(t, a->kind);
}

static void read_lines(struct trace *t, FILE *in, const char *name,
		       uint64_t limit)
{
	struct access a = { 0 };
	size_t room = 0, len = 0;
	char *s = NULL;

	while (t->nr < limit && getline(&s, &len, in) > 0) {
		if (++a.line == UINT32_MAX)
			die("%s: more than %u lines; use --limit", name, a.line - 1);
		if (a.line == 1 && !strncmp(s, "\x1f\x8b", 2))
			die("%s is compressed; try: zcat %s | axas-replay -",
			    name, name);
		a.kind = line_kind(s);
		if (!a.kind)
			continue;
		if (!parse_line(&a, s))
			die("%s: line %u: not an access of 1 to %d bytes: %.*s",
			    name, a.line, (int)PAGE_SIZE,
			    (int)strcspn(s, "\r\n"), s);
		add_access(t, &a, &room);
		if (!(t->nr & 0xffff))
			progress("reading", t->nr, 0);
	}
	if (ferror(in))
		die("cannot read %s: %s", name, strerror(errno));
	free(s);
}

void read_trace(struct trace *t, const struct options *o)
{
	bool is_stdin = !strcmp(o->trace, "-");
	const char *name = is_stdin ? "standard input" : o->trace;
	FILE *in = is_stdin ? stdin : fopen(o->trace, "r");

	if (!in)
		die("cannot open %s: %s", name, strerror(errno));
	read_lines(t, in, name, o->limit);
	if (!t->nr)
		die("%s holds no access; record one with: valgrind --tool=lackey --trace-mem=yes --log-file=FILE PROGRAM",
		    name);
	if (!is_stdin)
		fclose(in);
	progress_end();
}

/* A growing set of page numbers: sorted and made distinct when it is full. */
struct page_set {
	uint64_t *page;
	size_t nr, room;
	uint64_t recent[4096];
};

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void page_set_sort(struct page_set *set)
{
	size_t i, nr = 0;

	qsort(set->page, set->nr, sizeof(*set->page), compare_u64);
	for (i = 0; i < set->nr; i++)
		if (!nr || set->page[nr - 1] != set->page[i])
			set->page[nr++] = set->page[i];
	set->nr = nr;
}

static void page_set_add(struct page_set *set, uint64_t page)
{
	uint64_t *recent = &set->recent[page % 4096];

	/* Biased by one so that zeroed memory means nothing yet. */
	if (*recent == page + 1)
		return;
	*recent = page + 1;
	if (set->nr == set->room) {
		if (set->nr)
			page_set_sort(set);
		if (set->nr >= set->room / 2) {
			set->room = set->room ? 2 * set->room : 4096;
			set->page = xrealloc(set->page, set->room,
					     sizeof(*set->page));
		}
	}
	set->page[set->nr++] = page;
}

static void add_region(struct trace *t, uint64_t start, uint64_t end,
		       uint64_t align)
{
	struct region *r;

	start &= ~(align - 1);
	end = (end + align - 1) & ~(align - 1);
	/* Aligning may have made it meet the one before. */
	if (t->nr_regions) {
		r = &t->regions[t->nr_regions - 1];
		if (start <= r->orig + r->length) {
			r->length = end - r->orig;
			return;
		}
	}
	t->regions = xrealloc(t->regions, t->nr_regions + 1, sizeof(*r));
	r = &t->regions[t->nr_regions++];
	*r = (struct region){ .orig = start, .gpa = start,
			      .length = end - start };
}

/* Cluster the pages of the trace: whatever is near each other is one region. */
static void find_regions(struct trace *t, uint64_t align)
{
	struct page_set *set = xcalloc(1, sizeof(*set));
	uint64_t start, prev;
	size_t i;

	for (i = 0; i < t->nr; i++) {
		const struct access *a = &t->accesses[i];

		page_set_add(set, a->addr >> PAGE_SHIFT);
		page_set_add(set, (a->addr + a->size - 1) >> PAGE_SHIFT);
	}
	page_set_sort(set);
	t->pages = set->nr;

	start = prev = set->page[0] << PAGE_SHIFT;
	for (i = 1; i < set->nr; i++) {
		uint64_t page = set->page[i] << PAGE_SHIFT;

		if (page - prev > REGION_GAP) {
			add_region(t, start, prev + PAGE_SIZE, align);
			start = page;
		}
		prev = page;
	}
	add_region(t, start, prev + PAGE_SIZE, align);
	free(set->page);
	free(set);
}

/*
 * Regions that don't all fit below 2^@gpa_bits are moved down, in their order,
 * each into 2 MiB blocks of its own. An address keeps its place within 2 MiB,
 * so the same leaves are possible as before.
 */
static void relocate_regions(struct trace *t, uint32_t gpa_bits)
{
	uint64_t limit = UINT64_C(1) << gpa_bits;
	const struct region *last = &t->regions[t->nr_regions - 1];
	uint64_t at = SIZE_2M;
	size_t i;

	if (last->orig < limit && last->length <= limit - last->orig)
		return;
	t->relocated = true;
	for (i = 0; i < t->nr_regions; i++) {
		struct region *r = &t->regions[i];

		r->gpa = at + (r->orig & (SIZE_2M - 1));
		at = (r->gpa + r->length + SIZE_2M - 1) & ~(SIZE_2M - 1);
		if (at > limit)
			die("the trace's %zu regions don't fit %u bits of guest physical address; ask for more with --gpa-bits",
			    t->nr_regions, gpa_bits);
	}
}

static struct region *search_region(const struct trace *t, uint64_t addr,
				    size_t key)
{
	size_t low = 0, high = t->nr_regions;

	while (low < high) {
		size_t mid = (low + high) / 2;
		struct region *r = &t->regions[mid];
		uint64_t start = *(uint64_t *)((char *)r + key);

		if (addr >= start && addr - start < r->length)
			return r;
		if (addr < start)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

struct region *find_region(const struct trace *t, uint64_t gpa)
{
	return search_region(t, gpa, offsetof(struct region, gpa));
}

/* Enter one access into the model: the page exists, and is used like this. */
static void touch_page(struct region *r, uint64_t gpa, uint8_t kind)
{
	struct page *page = region_page(r, gpa);

	if (!page->data)
		page->data = xcalloc(1, PAGE_SIZE);
	page->accesses++;
	if (kind & AXAS_PROT_WRITE)
		page->stores++;
}

static void assign_accesses(struct trace *t)
{
	struct region *r = NULL;
	size_t i;

	for (i = 0; i < t->nr; i++) {
		struct access *a = &t->accesses[i];
		uint64_t last;

		if (!r || a->addr < r->orig || a->addr - r->orig >= r->length)
			r = search_region(t, a->addr,
					  offsetof(struct region, orig));
		a->addr = a->addr - r->orig + r->gpa;
		r->prot |= a->kind;
		last = a->addr + a->size - 1;
		touch_page(r, a->addr, a->kind);
		if ((a->addr ^ last) & PAGE_MASK)
			touch_page(r, last, a->kind);
	}
}

/* Find the devices' place in guest memory. */
static void place_mmio(struct trace *t, const struct options *o)
{
	uint64_t at;
	unsigned int i;

	for (i = 0; i < o->nr_mmio; i++) {
		struct mmio *m = &t->mmio[i];
		const struct region *r = search_region(t, o->mmio[i].orig,
						       offsetof(struct region, orig));

		*m = o->mmio[i];
		if (!r || m->orig - r->orig > r->length - m->length ||
		    m->length > r->length)
			die("--mmio 0x%llx,0x%llx: not all of it is memory of the trace",
			    (unsigned long long)m->orig,
			    (unsigned long long)m->length);
		m->gpa = m->orig - r->orig + r->gpa;
		m->data = xcalloc(1, m->length);
		for (at = 0; at < m->length; at += PAGE_SIZE)
			t->mmio_pages += !!region_page(r, m->gpa + at)->data;
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
		nr += !!region_page(find_region(t, gpa), gpa)->data;
	return nr;
}

void lay_out(struct trace *t, const struct options *o, uint32_t gpa_bits)
{
	size_t i;

	find_regions(t, o->leaf);
	relocate_regions(t, gpa_bits);
	for (i = 0; i < t->nr_regions; i++) {
		struct region *r = &t->regions[i];

		/* Everything is read back at the end. */
		r->prot = AXAS_PROT_READ;
		r->pages = xcalloc(r->length >> PAGE_SHIFT, sizeof(*r->pages));
	}
	assign_accesses(t);
	place_mmio(t, o);
	if (o->linear_size)
		place_linear(t, o);
	t->linear_pages = count_linear_pages(t);
}

void free_trace(struct trace *t)
{
	size_t i, page;

	for (i = 0; i < t->nr_regions; i++) {
		struct region *r = &t->regions[i];

		for (page = 0; page < r->length >> PAGE_SHIFT; page++)
			free(r->pages[page].data);
		free(r->pages);
	}
	for (i = 0; i < t->nr_mmio; i++)
		free(t->mmio[i].data);
	free(t->regions);
	free(t->accesses);
}
