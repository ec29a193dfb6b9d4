// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: figures as they grow, by accesses, as CSV.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "replay.h"

#define ULL(x)		((unsigned long long)(x))
#define ROWS		100

struct series {
	const char *name;
	FILE *file;
	uint64_t step, next;
	size_t touched;
};

/* Return: NULL if none is wanted. */
struct series *series_open(const struct trace *t, const struct options *o)
{
	struct series *s;

	if (!o->series)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->name = o->series;
	s->step = (t->nr + ROWS - 1) / ROWS;
	s->file = fopen(o->series, "we");
	if (!s->file)
		die("cannot write %s: %s", s->name, strerror(errno));
	fputs("accesses,touched,resident,faults,walks,refs,leaves_2M\n", s->file);
	return s;
}

/* Is it time for a row, or is this the last one? */
bool series_wants(const struct series *s, const struct trace *t, uint64_t nr)
{
	return s && (nr >= s->next || nr == t->nr);
}

/* After @nr accesses. */
void series_row(struct series *s, const struct trace *t, const struct space *space,
		uint64_t nr, uint64_t faults, const struct walk_counts *walks)
{
	struct axas_stats stats;

	while (s->touched < t->pages && t->first_use[s->touched] <= nr)
		s->touched++;
	get_stats(space, &stats);
	fprintf(s->file, "%llu,%zu,%llu,%llu,%llu,%llu,%llu\n", ULL(nr),
		s->touched, ULL(stats.resident >> PAGE_SHIFT), ULL(faults),
		ULL(walks->walks), ULL(walk_sum(walks->refs)),
		ULL(stats.leaves[LEAF_2M]));
	while (s->next <= nr)
		s->next += s->step;
}

void series_close(struct series *s)
{
	if (s && fclose(s->file))
		die("cannot write %s: %s", s->name, strerror(errno));
}
