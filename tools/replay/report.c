// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: the result as text.
 */
#include <axas.h>
#include <stdio.h>

#include "replay.h"

#define ULL(x)		((unsigned long long)(x))

/* What was laid out where. */
static void print_layout(const struct trace *t, const struct options *o)
{
	const struct linear *l = &t->linear;
	char memory[16] = "alloc";

	if (o->backend != AXAS_BACKEND_ALLOC)
		snprintf(memory, sizeof(memory), "backend %u", o->backend);

	printf("%-14s%zu pages in %zu regions, %s\n", "layout", t->pages,
	       t->nr_regions,
	       o->guest && o->dense ? "one behind the other as they are touched" :
	       t->relocated ? "moved down to fit the space" :
	       "at the trace's own addresses");
	if (o->guest)
		printf("%-14s%s, %u levels, leaves of %s, %zu tables\n",
		       "guest paging", o->guest->name, o->guest->levels,
		       leaf_names[o->guest_leaf], t->guest.nr);
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
	printf("%-14shalf within %llu ns, 90%% within %llu, 99%% within %llu, all within %llu%s\n",
	       "fault times", ULL(times_within(&run->times, 50)),
	       ULL(times_within(&run->times, 90)),
	       ULL(times_within(&run->times, 99)), ULL(run->times.max),
	       clock_is_emulated() ? "; emulated" : "");
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

/* Lookups of one level, by size; sizes that there are none of are left out. */
static void print_tlb(const struct tlb_counts *c, unsigned int level)
{
	unsigned int leaf, nr = 0;
	uint64_t hits, misses;

	printf("TLB level %-4u", level + 1);
	for (leaf = 0; leaf < NR_LEAVES; leaf++) {
		hits = c->hits[level][SIDE_CODE][leaf] +
		       c->hits[level][SIDE_DATA][leaf];
		misses = c->misses[level][SIDE_CODE][leaf] +
			 c->misses[level][SIDE_DATA][leaf];
		if (hits + misses)
			printf("%s%s: %llu hits, %llu misses", nr++ ? "; " : "",
			       leaf_names[leaf], ULL(hits), ULL(misses));
	}
	printf("%s\n", nr ? "" : "not asked");
}

/* What references are to. */
static const char * const dimension_names[] = {
	"guest's table", "nested, table", "nested, data",
};

static void print_refs(const uint64_t refs[LEVELS_MAX + 1], const char *name)
{
	unsigned int level, nr = 0;

	printf("%-13s ", name);
	for (level = LEVELS_MAX; level; level--)
		if (refs[level])
			printf("%s%llu at level %u", nr++ ? ", " : "",
			       ULL(refs[level]), level);
	printf("%s\n", nr ? "" : "none");
}

static void print_cache(const char *name, uint64_t hits, uint64_t misses)
{
	if (hits + misses)
		printf("%-14s%llu hits, %llu misses\n", name, ULL(hits),
		       ULL(misses));
}

static void print_walks(const struct walk_counts *c, uint64_t accesses,
			const struct options *o)
{
	uint64_t refs = walk_sum(c->refs), bare = walk_sum(c->bare);
	unsigned int dim;

	printf("%-14s%llu, of %.2f references each, %.4f an access",
	       "walks", ULL(c->walks), per(refs, c->walks), per(refs, accesses));
	if (refs != bare)
		printf("; without caches %.2f, %.4f", per(bare, c->walks),
		       per(bare, accesses));
	printf("\n");
	for (dim = o->guest ? DIM_GUEST : DIM_DATA; dim < NR_DIMENSIONS; dim++)
		print_refs(c->refs[dim], dimension_names[dim]);
	print_cache("walk cache", c->pwc_hits, c->pwc_misses);
	print_cache("nested cache", c->nested_pwc_hits, c->nested_pwc_misses);
	print_cache("nested TLB", c->nested_tlb_hits, c->nested_tlb_misses);
}

void print_text(const struct findings *f, const struct run *run,
		const struct trace *t, const struct space *s,
		const struct options *o)
{
	const struct axas_stats *st = &f->stats;
	unsigned int level;
	unsigned long bad = atomic_load(&run->mismatches);

	printf("%-14s%s, %u bits, %u levels\n", "format",
	       s->info.name, st->gpa_bits, st->levels);
	printf("%-14s%llu: %llu fetches, %llu loads, %llu stores, %llu modifies\n",
	       "accesses", ULL(t->nr), ULL(t->fetches), ULL(t->loads),
	       ULL(t->stores), ULL(t->modifies));
	print_layout(t, o);
	printf("%-14s%u, in %.3f s\n", "threads", o->threads, run->seconds);
	print_faults(run);
	if (o->policy)
		printf("%-14s%s\n", "policy", o->policy->name);
	if (o->policy && o->leaf == SIZE_2M)
		printf("%-14s%llu, %llu refused; %llu first pages brought in\n",
		       "promotions", ULL(run->promotions.promoted),
		       ULL(run->promotions.refused),
		       ULL(run->promotions.first));
	print_bytes("resident", st->resident);
	print_table(st);
	for (level = 0; level < tlb_levels(&o->cpu.tlb); level++)
		print_tlb(&run->tlb, level);
	print_walks(&run->walk, t->nr, o);
	printf("%-14s%.2f levels to the leaf of an access, without a TLB\n",
	       "walk depth", f->walk_depth);
	if (o->probe)
		printf("%-14s%llu walks of the CPU to a leaf, %llu to an empty entry, at the level that it said for %llu\n",
		       "probed", ULL(f->probes), ULL(f->stops),
		       ULL(f->stops_named));
	printf("%-14s%llu bytes read back, %lu mismatches, %u failed checks\n",
	       "verified", ULL(f->verified), bad, f->failed);
	printf("%-14s%s\n", "result", f->ok ? "ok" : "FAILED");
}
