// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: what is checked after a run: the module's figures, and each byte.
 */
#include <axas.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"

#define ULL(x)		((unsigned long long)(x))
#define CHUNK		64	/* pages read or translated at a time */

/* A check on the module's own figures, apart from the bytes. */
void check(struct findings *f, bool ok, const char *fmt, ...)
{
	char text[256];
	va_list args;

	if (ok || f->failed++ >= MISMATCHES_SHOWN)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	warn("check failed: %s", text);
}

/* What AXAS_TRANSLATE says of the pages of the trace, added up. */
struct survey {
	uint64_t leaves[NR_LEAVES];
	uint64_t owned;		/* bytes of leaves that aren't linear */
	uint64_t accesses;
	uint64_t depth;		/* levels, over all accesses */
	uint64_t last_leaf;
	uint64_t last_gpa;	/* of all that has a leaf */
	uint64_t tables[LEVELS_MAX + 1];	/* by level, which leads there */
};

/* Addresses that differ above what a table at a level covers have one each there. */
static void count_tables(struct survey *sv, uint64_t gpa, unsigned int leaf,
			 unsigned int levels)
{
	uint64_t differ = sv->last_gpa ^ gpa;
	unsigned int level;

	for (level = leaf + 1; level < levels; level++)
		sv->tables[level] += sv->last_gpa == UINT64_MAX ||
				     differ >> leaf_shift(level);
	sv->last_gpa = gpa;
}

static void survey_entry(struct findings *f, struct survey *sv,
			 const struct trace *t,
			 const struct axas_translate_entry *e)
{
	const struct region *r = find_region(t, e->gpa);
	const struct page *page = region_page(r, e->gpa);
	int order = leaf_of_size(e->leaf_size);
	uint64_t leaf;

	if (find_mmio(t, e->gpa)) {
		check(f, e->state == AXAS_TRANSLATE_DEVICE && !e->leaf_size &&
		      e->prot == r->prot,
		      "GPA 0x%llx is a device, but AXAS_TRANSLATE gives state %u, leaf size %llu, protection 0x%x",
		      ULL(e->gpa), e->state, ULL(e->leaf_size), e->prot);
		return;
	}
	check(f, e->state == AXAS_TRANSLATE_MAPPED && order >= 0,
	      "GPA 0x%llx was touched, but AXAS_TRANSLATE gives state %u, leaf size %llu",
	      ULL(e->gpa), e->state, ULL(e->leaf_size));
	if (e->state != AXAS_TRANSLATE_MAPPED || order < 0)
		return;
	check(f, e->prot == r->prot,
	      "GPA 0x%llx: protection 0x%x, but its area was mapped with 0x%x",
	      ULL(e->gpa), e->prot, r->prot);
	sv->accesses += page->accesses;
	sv->depth += page->accesses * (f->stats.levels - order);
	if (in_linear(t, e->gpa))
		return;
	/* Pages come in rising order. */
	count_tables(sv, e->gpa, order, f->stats.levels);
	leaf = e->gpa & ~(e->leaf_size - 1);
	if (leaf == sv->last_leaf)
		return;
	sv->last_leaf = leaf;
	sv->leaves[order]++;
	sv->owned += e->leaf_size;
}

static void survey_pages(struct findings *f, struct survey *sv,
			 const struct trace *t, const struct space *s)
{
	struct axas_translate_entry e[CHUNK];
	unsigned int nr, i;
	size_t n, page;

	for (n = 0; n < t->nr_regions; n++) {
		const struct region *r = &t->regions[n];
		size_t pages = r->length >> PAGE_SHIFT;

		for (page = 0; page < pages;) {
			for (nr = 0; page < pages && nr < CHUNK; page++)
				if (page_used(&r->pages[page]))
					e[nr++] = (struct axas_translate_entry){
						.gpa = r->gpa + (page << PAGE_SHIFT),
					};
			translate(s, e, nr);
			for (i = 0; i < nr; i++)
				survey_entry(f, sv, t, &e[i]);
		}
	}
}

/* The linear area is mapped as a whole, touched or not. */
static void survey_linear(struct findings *f, struct survey *sv,
			  const struct trace *t, const struct space *s)
{
	uint64_t gpa = t->linear.gpa, end = gpa + t->linear.length;

	while (gpa < end) {
		struct axas_translate_entry e = { .gpa = gpa };
		uint64_t hpa = gpa - t->linear.gpa + t->linear.hpa;
		int order;

		translate(s, &e, 1);
		order = leaf_of_size(e.leaf_size);
		check(f, e.state == AXAS_TRANSLATE_MAPPED && order >= 0,
		      "GPA 0x%llx is linear, but AXAS_TRANSLATE gives state %u, leaf size %llu",
		      ULL(gpa), e.state, ULL(e.leaf_size));
		if (e.state != AXAS_TRANSLATE_MAPPED || order < 0)
			return;
		/* Without CAP_SYS_ADMIN host addresses read as 0. */
		check(f, !e.hpa || e.hpa == hpa,
		      "GPA 0x%llx lies at host 0x%llx instead of 0x%llx",
		      ULL(gpa), ULL(e.hpa), ULL(hpa));
		sv->leaves[order]++;
		gpa += e.leaf_size;
	}
}

static void compare(struct findings *f, const char *what, const char *of,
		    uint64_t got, uint64_t want)
{
	check(f, got == want, "AXAS_STATS counts %llu %s%s instead of %llu",
	      ULL(got), what, of, ULL(want));
}

/*
 * As many tables as the addresses take, which 9 bits choose an entry of at each level;
 * more at the root if the space has more bits. The linear area has some of its own.
 */
static void check_tables(struct findings *f, const struct survey *sv,
			 const struct space *s)
{
	unsigned int bits = leaf_shift(f->stats.levels), level;

	for (level = 1; level < f->stats.levels; level++)
		compare(f, "tables at level ", (char[]){ '0' + level, '\0' },
			f->stats.tables[level - 1], sv->tables[level]);
	compare(f, "tables at the root", "", f->stats.tables[level - 1],
		s->gpa_bits > bits ? UINT64_C(1) << (s->gpa_bits - bits) : 1);
}

/* Each access, or part of one, in each page has been looked up once. */
static void check_lookups(struct findings *f, const struct run *run,
			  const struct survey *sv)
{
	uint64_t lookups = 0;
	unsigned int side, leaf;

	for (side = 0; side < NR_SIDES; side++)
		for (leaf = 0; leaf < NR_LEAVES; leaf++)
			lookups += run->tlb.hits[0][side][leaf] +
				   run->tlb.misses[0][side][leaf];
	check(f, lookups == sv->accesses,
	      "%llu lookups in the TLB for %llu accesses to pages",
	      ULL(lookups), ULL(sv->accesses));
}

void check_space(struct findings *f, const struct run *run,
		 const struct trace *t, const struct space *s,
		 const struct options *o)
{
	struct survey sv = { .last_leaf = UINT64_MAX, .last_gpa = UINT64_MAX };
	unsigned int i;

	get_stats(s, &f->stats);
	survey_pages(f, &sv, t, s);
	survey_linear(f, &sv, t, s);
	f->walk_depth = sv.accesses ? (double)sv.depth / sv.accesses : 0;

	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		compare(f, "faults ", axas_result_name(i), f->stats.faults[i],
			run->faults[i]);
	for (i = 0; i < NR_LEAVES; i++)
		compare(f, "leaves of ", leaf_names[i], f->stats.leaves[i],
			sv.leaves[i]);
	compare(f, "bytes resident", "", f->stats.resident, sv.owned);
	check_lookups(f, run, &sv);
	if (!t->linear.length)
		check_tables(f, &sv, s);
	if (o->leaf == PAGE_SIZE)
		compare(f, "pages resident", "",
			f->stats.resident >> PAGE_SHIFT,
			t->pages + t->guest.nr - t->linear_pages -
			t->mmio_pages);
}

/* Read pages of memory, or of one device, back. */
static void read_pages(const struct trace *t, const struct space *s,
		       uint8_t *buf, uint64_t gpa, size_t nr)
{
	const struct mmio *mmio = find_mmio(t, gpa);

	if (mmio)
		memcpy(buf, mmio->data + (gpa - mmio->gpa), nr << PAGE_SHIFT);
	else
		read_guest(s, buf, nr << PAGE_SHIFT, gpa);
}

static void verify_pages(struct findings *f, struct run *run,
			 const struct trace *t, const struct space *s,
			 const struct region *r, size_t first, size_t nr)
{
	static uint8_t buf[CHUNK * PAGE_SIZE];
	size_t i, at;

	read_pages(t, s, buf, r->gpa + (first << PAGE_SHIFT), nr);
	for (i = 0; i < nr; i++) {
		const uint8_t *want = r->pages[first + i].data;
		const uint8_t *got = buf + (i << PAGE_SHIFT);
		uint64_t gpa = r->gpa + ((first + i) << PAGE_SHIFT);

		if (!memcmp(want, got, PAGE_SIZE))
			continue;
		for (at = 0; at < PAGE_SIZE; at++)
			if (want[at] != got[at])
				mismatch(run, "read back", gpa + at, 0,
					 want + at, got + at, 1);
	}
	f->verified += nr << PAGE_SHIFT;
}

/* Read every page of the trace back and compare it with the model. */
void verify_memory(struct findings *f, struct run *run, const struct trace *t,
		   const struct space *s)
{
	size_t n, page, nr;

	for (n = 0; n < t->nr_regions; n++) {
		const struct region *r = &t->regions[n];
		size_t pages = r->length >> PAGE_SHIFT;

		for (page = 0; page < pages; page += nr + !nr) {
			uint64_t gpa = r->gpa + (page << PAGE_SHIFT);

			for (nr = 0; nr < CHUNK && page + nr < pages &&
			     r->pages[page + nr].data &&
			     find_mmio(t, gpa + (nr << PAGE_SHIFT)) ==
			     find_mmio(t, gpa); nr++)
				;
			if (!nr)
				continue;
			verify_pages(f, run, t, s, r, page, nr);
			progress("reading back", f->verified >> PAGE_SHIFT,
				 t->pages + t->guest.nr);
		}
	}
	progress_end();
	f->ok = !f->failed && !atomic_load(&run->mismatches);
}
