// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: the result as JSON.
 */
#include <axas.h>
#include <stdio.h>

#include "replay.h"

#define ULL(x)		((unsigned long long)(x))

static void json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if ((unsigned char)*s < ' ')
			printf("\\u%04x", *s);
		else
			printf("%s%c", *s == '"' || *s == '\\' ? "\\" : "", *s);
	}
	putchar('"');
}

/* As they were given, behind the program's name. */
static void json_options(const struct options *o)
{
	char **arg;

	printf(",\n  \"options\": [");
	for (arg = o->argv + 1; *arg; arg++) {
		printf("%s", arg > o->argv + 1 ? ", " : " ");
		json_string(*arg);
	}
	printf(" ]");
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
	printf("  \"max_leaf\": %llu,\n  \"threads\": %u,\n  \"batch\": %u,\n  \"tlb\": %llu,\n",
	       ULL(o->leaf), o->threads, o->batch,
	       ULL(shapes_entries(&o->cpu.tlb)));
	printf("  \"regions\": %zu,\n  \"relocated\": %s,\n  \"pages\": %zu,\n",
	       t->nr_regions, t->relocated ? "true" : "false", t->pages);
	if (l->length)
		printf("  \"linear\": { \"gpa\": \"0x%llx\", \"hpa\": \"0x%llx\", \"length\": %llu, \"pages\": %zu },\n",
		       ULL(l->gpa), ULL(l->hpa), ULL(l->length),
		       t->linear_pages);
	else
		printf("  \"linear\": null,\n");
	json_mmio(t);
	printf("  \"accesses\": { \"all\": %llu, \"fetches\": %llu, \"loads\": %llu, \"stores\": %llu, \"modifies\": %llu },\n",
	       ULL(t->nr), ULL(t->fetches), ULL(t->loads), ULL(t->stores),
	       ULL(t->modifies));
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
	printf("  \"fault_ns\": { \"clock\": \"%s\", \"p50\": %llu, \"p90\": %llu, \"p99\": %llu, \"max\": %llu },\n",
	       clock_is_emulated() ? "emulated" : "real",
	       ULL(times_within(&run->times, 50)),
	       ULL(times_within(&run->times, 90)),
	       ULL(times_within(&run->times, 99)), ULL(run->times.max));
}

/* The lookups of one side of a level. */
static void json_lookups(const struct tlb_counts *c, unsigned int level,
			 unsigned int side)
{
	unsigned int leaf;

	printf("\"%s\": {", side_names[side]);
	for (leaf = 0; leaf < NR_LEAVES; leaf++)
		printf("%s\"%s\": { \"hits\": %llu, \"misses\": %llu }",
		       leaf ? ", " : " ", leaf_names[leaf],
		       ULL(c->hits[level][side][leaf]),
		       ULL(c->misses[level][side][leaf]));
	printf(" }");
}

static void json_tlb(const struct run *run, const struct options *o)
{
	unsigned int level, levels = tlb_levels(&o->cpu.tlb);

	if (o->cpu.name)
		printf("  \"cpu\": \"%s\",\n", o->cpu.name);
	else
		printf("  \"cpu\": null,\n");
	printf("  \"tlb_levels\": [");
	for (level = 0; level < levels; level++) {
		printf("%s\n    { ", level ? "," : "");
		json_lookups(&run->tlb, level, SIDE_CODE);
		printf(",\n      ");
		json_lookups(&run->tlb, level, SIDE_DATA);
		printf(" }");
	}
	printf("\n  ],\n");
}

static void json_refs(const uint64_t refs[LEVELS_MAX + 1], const char *name)
{
	unsigned int level;

	printf("    \"%s\": [", name);
	for (level = 1; level <= LEVELS_MAX; level++)
		printf("%s%llu", level > 1 ? ", " : " ", ULL(refs[level]));
	printf(" ],\n");
}

static void json_walks(const struct walk_counts *c, const struct trace *t,
		       const struct options *o)
{
	uint64_t refs = walk_sum(c->refs), bare = walk_sum(c->bare);

	if (o->guest)
		printf("  \"guest\": { \"format\": \"%s\", \"levels\": %u, \"leaf\": \"%s\", \"layout\": \"%s\", \"tables\": %zu },\n",
		       o->guest->name, o->guest->levels,
		       leaf_names[o->guest_leaf], o->dense ? "dense" : "given",
		       t->guest.nr);
	else
		printf("  \"guest\": null,\n");
	printf("  \"walks\": {\n    \"all\": %llu,\n", ULL(c->walks));
	json_refs(c->refs[DIM_GUEST], "guest_refs");
	json_refs(c->refs[DIM_TABLES], "nested_table_refs");
	json_refs(c->refs[DIM_DATA], "nested_data_refs");
	printf("    \"refs\": %llu, \"refs_per_walk\": %.4f, \"refs_per_access\": %.6f,\n",
	       ULL(refs), per(refs, c->walks), per(refs, t->nr));
	printf("    \"bare_refs\": %llu, \"bare_refs_per_walk\": %.4f, \"bare_refs_per_access\": %.6f,\n",
	       ULL(bare), per(bare, c->walks), per(bare, t->nr));
	printf("    \"walk_cache\": { \"hits\": %llu, \"misses\": %llu },\n",
	       ULL(c->pwc_hits), ULL(c->pwc_misses));
	printf("    \"nested_walk_cache\": { \"hits\": %llu, \"misses\": %llu },\n",
	       ULL(c->nested_pwc_hits), ULL(c->nested_pwc_misses));
	printf("    \"nested_tlb\": { \"hits\": %llu, \"misses\": %llu }\n  },\n",
	       ULL(c->nested_tlb_hits), ULL(c->nested_tlb_misses));
}

static void json_stats(const struct axas_stats *st)
{
	unsigned int i;

	printf("  \"areas\": %llu,\n  \"resident\": %llu,\n  \"tables\": [",
	       ULL(st->areas), ULL(st->resident));
	for (i = 0; i < st->levels; i++)
		printf("%s%llu", i ? ", " : " ", ULL(st->tables[i]));
	printf(" ],\n  \"leaves\": {");
	for (i = 0; i < NR_LEAVES; i++)
		printf("%s\"%s\": %llu", i ? ", " : " ", leaf_names[i],
		       ULL(st->leaves[i]));
	printf(" },\n");
}

void print_json(const struct findings *f, const struct run *run,
		const struct trace *t, const struct space *s,
		const struct options *o)
{
	const struct axas_stats *st = &f->stats;

	printf("{\n  \"version\": \"%s\",\n  \"kernel\": \"%s\",\n", VERSION,
	       kernel_release());
	printf("  \"trace\": ");
	json_string(o->trace);
	json_options(o);
	printf(",\n  \"format\": \"%s\",\n  \"gpa_bits\": %u,\n  \"levels\": %u,\n",
	       s->info.name, st->gpa_bits, st->levels);
	json_layout(t, o);
	json_run(run);
	if (o->policy)
		printf("  \"policy\": \"%s\",\n", o->policy->name);
	else
		printf("  \"policy\": null,\n");
	printf("  \"promote\": %u,\n  \"promotions\": { \"made\": %llu, \"refused\": %llu, \"first_pages\": %llu },\n",
	       o->promote, ULL(run->promotions.promoted),
	       ULL(run->promotions.refused), ULL(run->promotions.first));
	json_tlb(run, o);
	json_walks(&run->walk, t, o);
	json_stats(st);
	printf("  \"walk_depth\": %.4f,\n  \"verified\": %llu,\n  \"mismatches\": %lu,\n  \"failed_checks\": %u,\n  \"ok\": %s\n}\n",
	       f->walk_depth, ULL(f->verified),
	       atomic_load(&run->mismatches), f->failed,
	       f->ok ? "true" : "false");
}
