// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: what is checked and printed around a run.
 */
#define _GNU_SOURCE
#include <axas.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"

#define ULL(x)		((unsigned long long)(x))
#define CHUNK		64	/* pages read or translated at a time */

static const char * const leaf_names[] = { "4K", "2M", "1G" };

/* A check on the module's own figures, apart from the bytes. */
static __attribute__((format(printf, 3, 4)))
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

/* Levels that a walk doesn't descend to, or -1. */
static int leaf_order(uint64_t size)
{
	switch (size) {
	case PAGE_SIZE:
		return 0;
	case SIZE_2M:
		return 1;
	case SIZE_1G:
		return 2;
	default:
		return -1;
	}
}

/* What AXAS_TRANSLATE says of the pages of the trace, added up. */
struct survey {
	uint64_t leaves[3];
	uint64_t owned;		/* bytes of leaves that aren't linear */
	uint64_t accesses;
	uint64_t depth;		/* levels, over all accesses */
	uint64_t last_leaf;
};

static void survey_entry(struct findings *f, struct survey *sv,
			 const struct trace *t,
			 const struct axas_translate_entry *e)
{
	const struct region *r = find_region(t, e->gpa);
	const struct page *page = region_page(r, e->gpa);
	int order = leaf_order(e->leaf_size);
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
				if (r->pages[page].data)
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
		order = leaf_order(e.leaf_size);
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

void check_space(struct findings *f, const struct run *run,
		 const struct trace *t, const struct space *s,
		 const struct options *o)
{
	struct survey sv = { .last_leaf = UINT64_MAX };
	unsigned int i;

	get_stats(s, &f->stats);
	survey_pages(f, &sv, t, s);
	survey_linear(f, &sv, t, s);
	f->walk_depth = sv.accesses ? (double)sv.depth / sv.accesses : 0;

	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		compare(f, "faults ", axas_result_name(i), f->stats.faults[i],
			run->faults[i]);
	for (i = 0; i < 3; i++)
		compare(f, "leaves of ", leaf_names[i], f->stats.leaves[i],
			sv.leaves[i]);
	compare(f, "bytes resident", "", f->stats.resident, sv.owned);
	if (o->leaf == PAGE_SIZE)
		compare(f, "pages resident", "",
			f->stats.resident >> PAGE_SHIFT,
			t->pages - t->linear_pages - t->mmio_pages);
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
				 t->pages);
		}
	}
	progress_end();
	f->ok = !f->failed && !atomic_load(&run->mismatches);
}

/* What was laid out where. */
static void print_layout(const struct trace *t, const struct options *o)
{
	const struct linear *l = &t->linear;
	char memory[16] = "alloc";

	if (o->backend != AXAS_BACKEND_ALLOC)
		snprintf(memory, sizeof(memory), "backend %u", o->backend);

	printf("%-14s%zu pages in %zu regions, %s\n", "layout", t->pages,
	       t->nr_regions, t->relocated ?
	       "moved down to fit the space" : "at the trace's own addresses");
	if (l->length)
		printf("%-14s%zu of the pages: GPA 0x%llx, %llu KiB, host 0x%llx; the rest lazy %s\n",
		       "linear", t->linear_pages, ULL(l->gpa),
		       ULL(l->length >> 10), ULL(l->hpa), memory);
	else
		printf("%-14snone (no --linear-hpa): everything is lazy %s\n",
		       "linear", memory);
	if (t->nr_mmio)
		printf("%-14s%zu of the pages, in %u devices\n", "mmio",
		       t->mmio_pages, t->nr_mmio);
}

static uint64_t all_faults(const struct run *run)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		sum += run->faults[i];
	return sum;
}

static double fault_ns(const struct run *run)
{
	uint64_t faults = all_faults(run);

	return faults ? (double)run->fault_ns / faults : 0;
}

/* "resident      1.2 MiB" */
static void print_bytes(const char *what, uint64_t bytes)
{
	if (bytes < 1 << 20)
		printf("%-14s%llu KiB\n", what, ULL(bytes >> 10));
	else
		printf("%-14s%.1f MiB\n", what, bytes / 1048576.0);
}

static void print_faults(const struct run *run)
{
	unsigned int i;

	printf("%-14s%llu in %llu calls:", "faults", ULL(all_faults(run)),
	       ULL(run->calls));
	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		printf("%s %llu %s", i ? "," : "", ULL(run->faults[i]),
		       axas_result_name(i));
	printf("\n%-14s%.0f ns\n", "per fault", fault_ns(run));
}

static void print_table(const struct axas_stats *st)
{
	unsigned int i;

	printf("%-14s", "tables");
	for (i = st->levels; i-- > 0;)
		printf("%llu at level %u%s", ULL(st->tables[i]), i + 1,
		       i ? ", " : " (4K leaves)\n");
	printf("%-14s", "leaves");
	for (i = 0; i < 3; i++)
		printf("%llu of %s%s", ULL(st->leaves[i]), leaf_names[i],
		       i < 2 ? ", " : "\n");
}

void print_text(const struct findings *f, const struct run *run,
		const struct trace *t, const struct space *s,
		const struct options *o)
{
	const struct axas_stats *st = &f->stats;
	unsigned long bad = atomic_load(&run->mismatches);

	printf("%-14s%s, %u bits, %u levels\n", "format",
	       s->info.name, st->gpa_bits, st->levels);
	printf("%-14s%zu: %zu fetches, %zu loads, %zu stores, %zu modifies\n",
	       "accesses", t->nr, t->fetches, t->loads, t->stores,
	       t->modifies);
	print_layout(t, o);
	printf("%-14s%u, in %.3f s\n", "threads", o->threads, run->seconds);
	print_faults(run);
	print_bytes("resident", st->resident);
	print_table(st);
	printf("%-14s%.2f levels an access\n", "walk depth", f->walk_depth);
	printf("%-14s%llu bytes read back, %lu mismatches, %u failed checks\n",
	       "verified", ULL(f->verified), bad, f->failed);
	printf("%-14s%s\n", "result", f->ok ? "ok" : "FAILED");
}

static void json_mmio(const struct trace *t)
{
	unsigned int i;

	printf("  \"mmio\": [");
	for (i = 0; i < t->nr_mmio; i++)
		printf("%s{ \"gpa\": \"0x%llx\", \"length\": %llu }",
		       i ? ", " : " ", ULL(t->mmio[i].gpa),
		       ULL(t->mmio[i].length));
	printf("%s],\n  \"mmio_pages\": %zu,\n", t->nr_mmio ? " " : "",
	       t->mmio_pages);
}

/* Addresses are strings: a program may keep numbers as floating point. */
static void json_layout(const struct trace *t, const struct options *o)
{
	const struct linear *l = &t->linear;

	printf("  \"backend\": %u,\n", o->backend);
	printf("  \"max_leaf\": %llu,\n  \"threads\": %u,\n  \"batch\": %u,\n  \"tlb\": %u,\n",
	       ULL(o->leaf), o->threads, o->batch, o->tlb);
	printf("  \"regions\": %zu,\n  \"relocated\": %s,\n  \"pages\": %zu,\n",
	       t->nr_regions, t->relocated ? "true" : "false", t->pages);
	if (l->length)
		printf("  \"linear\": { \"gpa\": \"0x%llx\", \"hpa\": \"0x%llx\", \"length\": %llu, \"pages\": %zu },\n",
		       ULL(l->gpa), ULL(l->hpa), ULL(l->length),
		       t->linear_pages);
	else
		printf("  \"linear\": null,\n");
	json_mmio(t);
	printf("  \"accesses\": { \"all\": %zu, \"fetches\": %zu, \"loads\": %zu, \"stores\": %zu, \"modifies\": %zu },\n",
	       t->nr, t->fetches, t->loads, t->stores, t->modifies);
}

static void json_run(const struct run *run)
{
	unsigned int i;

	printf("  \"seconds\": %.6f,\n", run->seconds);
	printf("  \"faults\": { \"all\": %llu", ULL(all_faults(run)));
	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		printf(", \"%s\": %llu", axas_result_name(i),
		       ULL(run->faults[i]));
	printf(" },\n  \"fault_calls\": %llu,\n  \"ns_per_fault\": %.1f,\n",
	       ULL(run->calls), fault_ns(run));
}

static void json_stats(const struct axas_stats *st)
{
	unsigned int i;

	printf("  \"areas\": %llu,\n  \"resident\": %llu,\n  \"tables\": [",
	       ULL(st->areas), ULL(st->resident));
	for (i = 0; i < st->levels; i++)
		printf("%s%llu", i ? ", " : " ", ULL(st->tables[i]));
	printf(" ],\n  \"leaves\": {");
	for (i = 0; i < 3; i++)
		printf("%s\"%s\": %llu", i ? ", " : " ", leaf_names[i],
		       ULL(st->leaves[i]));
	printf(" },\n");
}

void print_json(const struct findings *f, const struct run *run,
		const struct trace *t, const struct space *s,
		const struct options *o)
{
	const struct axas_stats *st = &f->stats;

	printf("{\n  \"format\": \"%s\",\n  \"gpa_bits\": %u,\n  \"levels\": %u,\n",
	       s->info.name, st->gpa_bits, st->levels);
	json_layout(t, o);
	json_run(run);
	json_stats(st);
	printf("  \"walk_depth\": %.4f,\n  \"verified\": %llu,\n  \"mismatches\": %lu,\n  \"failed_checks\": %u,\n  \"ok\": %s\n}\n",
	       f->walk_depth, ULL(f->verified),
	       atomic_load(&run->mismatches), f->failed,
	       f->ok ? "true" : "false");
}
