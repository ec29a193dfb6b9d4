// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: the result as CSV: a line of names and one of values.
 */
#define _GNU_SOURCE
#include <axas.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "replay.h"

#define ULL(x)		((unsigned long long)(x))

/* Both lines as far as they are. */
struct lines {
	FILE *names, *values;
	char *name, *value;
	size_t name_size, value_size;
};

/* Add a column; the others go behind a comma. */
static void add(struct lines *l, const char *value, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void add(struct lines *l, const char *value, const char *fmt, ...)
{
	const char *comma = ftell(l->names) ? "," : "";
	va_list args;

	fputs(comma, l->names);
	va_start(args, fmt);
	vfprintf(l->names, fmt, args);
	va_end(args);
	fprintf(l->values, "%s\"", comma);
	for (; *value; value++)
		fprintf(l->values, "%s%c", *value == '"' ? "\"" : "", *value);
	fputc('"', l->values);
}

static void add_number(struct lines *l, uint64_t n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void add_number(struct lines *l, uint64_t n, const char *fmt, ...)
{
	const char *comma = ftell(l->names) ? "," : "";
	va_list args;

	fputs(comma, l->names);
	va_start(args, fmt);
	vfprintf(l->names, fmt, args);
	va_end(args);
	fprintf(l->values, "%s%llu", comma, ULL(n));
}

static void add_real(struct lines *l, double x, const char *name)
{
	fprintf(l->names, ",%s", name);
	fprintf(l->values, ",%.6f", x);
}

/* As they were given, with a space between. */
static void add_all_options(struct lines *l, const struct options *o)
{
	char *text, **arg;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		die("out of memory");
	for (arg = o->argv + 1; *arg; arg++)
		fprintf(out, "%s%s", arg > o->argv + 1 ? " " : "", *arg);
	fclose(out);
	add(l, text, "options");
	free(text);
}

static void add_options(struct lines *l, const struct space *s,
			const struct axas_stats *st, const struct options *o)
{
	add(l, VERSION, "version");
	add(l, kernel_release(), "kernel");
	add(l, o->trace, "trace");
	add_all_options(l, o);
	add(l, s->info.name, "format");
	add_number(l, st->gpa_bits, "gpa_bits");
	add_number(l, st->levels, "levels");
	add_number(l, o->backend, "backend");
	add_number(l, o->leaf, "max_leaf");
	add(l, o->policy ? o->policy->name : "", "policy");
	add_number(l, o->promote, "promote");
	add_number(l, o->threads, "threads");
	add_number(l, o->batch, "batch");
	add(l, o->cpu.name ? o->cpu.name : "", "cpu");
	add_number(l, shapes_entries(&o->cpu.tlb), "tlb");
	add(l, o->guest ? o->guest->name : "", "guest_format");
	add(l, !o->guest ? "" : leaf_names[o->guest_leaf], "guest_leaf");
	add(l, !o->guest ? "" : o->dense ? "dense" : "given", "guest_layout");
}

static void add_trace(struct lines *l, const struct trace *t)
{
	add_number(l, t->guest.nr, "guest_tables");
	add_number(l, t->nr_regions, "regions");
	add_number(l, t->pages, "pages");
	add_number(l, t->nr, "accesses");
	add_number(l, t->fetches, "fetches");
	add_number(l, t->loads, "loads");
	add_number(l, t->stores, "stores");
	add_number(l, t->modifies, "modifies");
}

static void add_run(struct lines *l, const struct run *run)
{
	unsigned int i;

	add_real(l, run->seconds, "seconds");
	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		add_number(l, run->faults[i], "faults_%s",
			   axas_result_name(i));
	add_number(l, run->calls, "fault_calls");
	add_real(l, fault_ns(run), "ns_per_fault");
	add(l, clock_is_emulated() ? "emulated" : "real", "clock");
	add_number(l, times_within(&run->times, 50), "fault_ns_p50");
	add_number(l, times_within(&run->times, 90), "fault_ns_p90");
	add_number(l, times_within(&run->times, 99), "fault_ns_p99");
	add_number(l, run->times.max, "fault_ns_max");
	add_number(l, run->promotions.promoted, "promotions");
	add_number(l, run->promotions.refused, "promotions_refused");
	add_number(l, run->promotions.first, "promotions_first_pages");
}

/* The same columns whatever the CPU. */
static void add_tlb(struct lines *l, const struct tlb_counts *c)
{
	unsigned int level, side, leaf;

	for (level = 0; level < TLB_LEVELS; level++)
		for (side = 0; side < NR_SIDES; side++)
			for (leaf = 0; leaf < NR_LEAVES; leaf++) {
				add_number(l, c->hits[level][side][leaf],
					   "tlb%u_%s_%s_hits", level + 1,
					   side_names[side], leaf_names[leaf]);
				add_number(l, c->misses[level][side][leaf],
					   "tlb%u_%s_%s_misses", level + 1,
					   side_names[side], leaf_names[leaf]);
			}
}

static void add_walks(struct lines *l, const struct walk_counts *c,
		      uint64_t accesses)
{
	static const char * const names[] = {
		"guest", "nested_table", "nested_data",
	};
	uint64_t refs = walk_sum(c->refs), bare = walk_sum(c->bare);
	unsigned int dim, level;

	add_number(l, c->walks, "walks");
	for (dim = 0; dim < NR_DIMENSIONS; dim++)
		for (level = 1; level <= LEVELS_MAX; level++)
			add_number(l, c->refs[dim][level], "%s_refs_%u",
				   names[dim], level);
	add_number(l, refs, "refs");
	add_real(l, per(refs, c->walks), "refs_per_walk");
	add_real(l, per(refs, accesses), "refs_per_access");
	add_number(l, bare, "bare_refs");
	add_real(l, per(bare, c->walks), "bare_refs_per_walk");
	add_real(l, per(bare, accesses), "bare_refs_per_access");
	add_number(l, c->pwc_hits, "walk_cache_hits");
	add_number(l, c->pwc_misses, "walk_cache_misses");
	add_number(l, c->nested_pwc_hits, "nested_walk_cache_hits");
	add_number(l, c->nested_pwc_misses, "nested_walk_cache_misses");
	add_number(l, c->nested_tlb_hits, "nested_tlb_hits");
	add_number(l, c->nested_tlb_misses, "nested_tlb_misses");
}

static void add_stats(struct lines *l, const struct axas_stats *st)
{
	unsigned int i;

	add_number(l, st->areas, "areas");
	add_number(l, st->resident, "resident");
	for (i = 0; i < 5; i++)
		add_number(l, st->tables[i], "tables_%u", i + 1);
	for (i = 0; i < NR_LEAVES; i++)
		add_number(l, st->leaves[i], "leaves_%s", leaf_names[i]);
}

void print_csv(const struct findings *f, const struct run *run,
	       const struct trace *t, const struct space *s,
	       const struct options *o)
{
	struct lines l = { 0 };

	l.names = open_memstream(&l.name, &l.name_size);
	l.values = open_memstream(&l.value, &l.value_size);
	if (!l.names || !l.values)
		die("out of memory");
	add_options(&l, s, &f->stats, o);
	add_trace(&l, t);
	add_run(&l, run);
	add_tlb(&l, &run->tlb);
	add_walks(&l, &run->walk, t->nr);
	add_stats(&l, &f->stats);
	add_real(&l, f->walk_depth, "walk_depth");
	add_number(&l, f->verified, "verified");
	add_number(&l, atomic_load(&run->mismatches), "mismatches");
	add_number(&l, f->failed, "failed_checks");
	add_number(&l, f->ok, "ok");
	fclose(l.names);
	fclose(l.values);
	printf("%s\n%s\n", l.name, l.value);
	free(l.name);
	free(l.value);
}
