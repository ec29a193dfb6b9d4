// SPDX-License-Identifier: GPL-2.0
/*
 * model - drive the model of a machine that axas-replay has, without a space
 *
 *   model tlb CACHES	reads accesses, "SIDE ADDRESS LEAF" as in "code 0x1234 4K",
 *			and says of each which level had it, 0 for none
 *   model cpu NAME	... as that CPU has them
 *
 * Status 2: CACHES or NAME are wrong, as standard error says.
 */
#include <inttypes.h>
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

int main(int argc, char **argv)
{
	struct cpu cpu = { 0 };
	const char *error;

	if (argc != 3)
		die("model tlb CACHES | cpu NAME");
	if (!strcmp(argv[1], "tlb"))
		error = parse_tlb(&cpu.tlb, argv[2]);
	else
		error = parse_cpu(&cpu, argv[2]);
	if (error)
		die("%s", error);
	return run_tlb(&cpu.tlb);
}
