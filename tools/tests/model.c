// SPDX-License-Identifier: GPL-2.0
/*
 * model - drive the model of a machine that axas-replay has, without a space
 *
 *   model tlb CACHES	reads accesses, "SIDE ADDRESS LEAF" as in "code 0x1234 4K",
 *			and says of each which level had it, 0 for none
 *   model cpu NAME	... as that CPU has them
 *   model walk FORMAT GUEST LEVELS LEAF CACHES CACHES NESTED
 *			a guest of that format and leaf, or "off", over a nested
 *			table of so many levels whose leaves are all of one size, and
 *			the walk cache, that of the nested table and the nested TLB;
 *			reads "map ADDRESS GPA RIGHTS", "dump", which prints the
 *			words of the guest's tables, and "walk ADDRESS", which prints
 *			the references by dimension and level, all without caches, and
 *			the GPA
 *
 * Status 2: what is given is wrong, as standard error says.
 */
#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../replay/replay.h"

static unsigned int number_of(const char * const *names, const char *name)
{
	unsigned int i = 0;

	while (strcmp(names[i], name))
		i++;
	return i;
}

/* Which level has it? The counts say so. */
static unsigned int ask(struct tlb *t, uint64_t addr, unsigned int side,
			unsigned int leaf)
{
	struct tlb_counts before = t->counts;
	bool hit = tlb_access(t, addr, side, leaf);
	unsigned int level;

	for (level = 0; level < t->levels; level++)
		if (t->counts.hits[level][side][leaf] !=
		    before.hits[level][side][leaf])
			return hit ? level + 1 : 99;
	return hit ? 99 : 0;
}

static int run_tlb(const struct shapes *shapes)
{
	char side[8], leaf[8];
	uint64_t addr;
	struct tlb t;

	tlb_init(&t, shapes);
	while (scanf("%7s %" SCNx64 " %7s", side, &addr, leaf) == 3)
		printf("%u\n", ask(&t, addr, number_of(side_names, side),
				   number_of(leaf_names, leaf)));
	tlb_free(&t);
	return 0;
}

/* What the walks are over. */
static struct guest guest;
static enum leaf nested_leaf;

static uint64_t word_at(void *arg, uint64_t gpa)
{
	(void)arg;
	if (gpa - guest.base >= guest.nr << PAGE_SHIFT)
		die("0x%" PRIx64 " is in no table", gpa);
	return guest.tables[(gpa - guest.base) / sizeof(uint64_t)];
}

static enum leaf leaf_at(void *arg, uint64_t gpa)
{
	(void)arg;
	(void)gpa;
	return nested_leaf;
}

static void dump(void)
{
	size_t i;

	for (i = 0; i < guest.nr << PAGE_SHIFT >> 3; i++)
		if (guest.tables[i])
			printf("0x%" PRIx64 " 0x%" PRIx64 "\n",
			       guest.base + 8 * i, guest.tables[i]);
	printf("end\n");
}

static void walk_one(struct walker *w, uint64_t addr)
{
	struct walk_counts before = walk_get_counts(w), after;
	unsigned int dim, level;
	uint64_t gpa;

	gpa = walk(w, addr);
	after = walk_get_counts(w);
	for (dim = 0; dim < NR_DIMENSIONS; dim++)
		for (level = 1; level <= LEVELS_MAX; level++)
			printf("%" PRIu64 " ", after.refs[dim][level] -
			       before.refs[dim][level]);
	printf("%" PRIu64 " %" PRIu64 "\n",
	       walk_sum(after.bare) - walk_sum(before.bare), gpa);
}

static int run_walks(char **argv)
{
	struct walk_source source = {
		.guest = guest_format(argv[0]),
		.root = 0x10000000,
		.nested_levels = atoi(argv[2]),
		.entry = word_at,
		.leaf = leaf_at,
	};
	uint64_t addr, gpa;
	unsigned int prot;
	struct walker w;
	struct cpu cpu;
	char what[8];

	if (parse_walk_cache(&cpu.pwc, argv[4]) ||
	    parse_walk_cache(&cpu.nested_pwc, argv[5]) ||
	    parse_nested_tlb(&cpu.nested_tlb, argv[6]))
		die("%s", parse_walk_cache(&cpu.pwc, argv[4]) ? :
		    parse_walk_cache(&cpu.nested_pwc, argv[5]) ? :
		    parse_nested_tlb(&cpu.nested_tlb, argv[6]));
	nested_leaf = number_of(leaf_names, argv[3]);
	if (source.guest)
		guest_init(&guest, source.guest, number_of(leaf_names, argv[1]),
			   source.root);
	walk_init(&w, &cpu, &source);
	while (scanf("%7s", what) == 1) {
		if (!strcmp(what, "dump"))
			dump();
		else if (scanf("%" SCNx64, &addr) != 1)
			die("no address");
		else if (!strcmp(what, "walk"))
			walk_one(&w, addr);
		else if (scanf("%" SCNx64 " %u", &gpa, &prot) == 2)
			guest_map(&guest, addr, gpa, prot);
	}
	walk_free(&w);
	guest_free(&guest);
	return 0;
}

int main(int argc, char **argv)
{
	struct cpu cpu = { 0 };
	const char *error;

	argp_err_exit_status = EXIT_TROUBLE;
	if (argc == 9 && !strcmp(argv[1], "walk"))
		return run_walks(argv + 2);
	if (argc != 3)
		die("model tlb CACHES | cpu NAME | walk ...");
	if (!strcmp(argv[1], "tlb"))
		error = parse_tlb(&cpu.tlb, argv[2]);
	else
		error = parse_cpu(&cpu, argv[2]);
	if (error)
		die("%s", error);
	return run_tlb(&cpu.tlb);
}
