// SPDX-License-Identifier: GPL-2.0
/*
 * axasctl dump --tree: the tables of a space, and how full they are.
 *
 * The module lists leaves. Where there is one there are tables above it, up to
 * the root; a table without any isn't seen, but the module's figures count it.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

#define MAX_DEPTH	(8 * NR_LEVELS)		/* bytes in front of a line */

/* In front of a table that isn't the last, and of the last; then below them. */
static const char * const lines[2][4] = {
	{ "|- ", "`- ", "|  ", "   " },
	{ "├─ ", "└─ ", "│  ", "   " },
};

/* Entries in use. */
struct table {
	uint64_t start;
	unsigned int tables, leaves;
};

struct tree {
	const struct figures *figures;
	const struct terminal *term;
	struct table *level[NR_LEVELS];		/* [0] holds 4 KiB leaves */
	size_t nr[NR_LEVELS], room[NR_LEVELS];
	size_t at[NR_LEVELS];			/* the next one to print */
};

/* What an entry covers. */
static uint64_t entry_size(unsigned int level)
{
	return PAGE_SIZE << 9 * level;
}

/* The root may be several pages side by side, or less than one. */
static unsigned int nr_entries(const struct tree *t, unsigned int level)
{
	if (level + 1 < t->figures->levels)
		return 512;
	return UINT32_C(1) << (t->figures->gpa_bits - 12 - 9 * level);
}

static uint64_t table_start(const struct tree *t, unsigned int level,
			    uint64_t gpa)
{
	return level + 1 < t->figures->levels ?
	       gpa & ~(512 * entry_size(level) - 1) : 0;
}

static uint64_t table_end(const struct tree *t, unsigned int level,
			  uint64_t gpa)
{
	return table_start(t, level, gpa) +
	       nr_entries(t, level) * entry_size(level);
}

static struct table *add(struct tree *t, unsigned int level, uint64_t start)
{
	struct table *table;

	if (t->nr[level] == t->room[level]) {
		t->room[level] = t->room[level] ? 2 * t->room[level] : 64;
		t->level[level] = reallocarray(t->level[level], t->room[level],
					       sizeof(*table));
		if (!t->level[level])
			die("out of memory");
	}
	table = &t->level[level][t->nr[level]++];
	*table = (struct table){ .start = start };
	return table;
}

/* The table of @gpa, which is the last one or new: leaves come in order. */
static struct table *table_of(struct tree *t, unsigned int level, uint64_t gpa)
{
	uint64_t start = table_start(t, level, gpa);
	size_t nr = t->nr[level];

	if (nr && t->level[level][nr - 1].start == start)
		return &t->level[level][nr - 1];
	if (level + 1 < t->figures->levels)
		table_of(t, level + 1, gpa)->tables++;
	return add(t, level, start);
}

static void add_run(const struct run *run, void *arg)
{
	struct tree *t = arg;
	uint64_t at, end, size = entry_size(run->leaf);

	if (run->leaf >= t->figures->levels ||
	    run->end > table_end(t, t->figures->levels - 1, 0))
		return;
	for (at = run->start; at < run->end; at = end) {
		end = table_end(t, run->leaf, at);
		if (end > run->end)
			end = run->end;
		table_of(t, run->leaf, at)->leaves += (unsigned int)((end - at) / size);
	}
}

static void print_table(const struct tree *t, unsigned int level,
			const struct table *table, size_t same)
{
	unsigned int bits = t->figures->gpa_bits;
	unsigned int used = table->tables + table->leaves;

	printf("L%u %s", level + 1, address(table->start, bits).text);
	if (same > 1)
		printf(" to %s  %zu tables, each %u of %u",
		       address(table[same - 1].start +
			       512 * entry_size(level) - 1, bits).text,
		       same, used, nr_entries(t, level));
	else
		printf("  %u of %u", used, nr_entries(t, level));
	printf(", %s an entry", size_short(entry_size(level)).text);
	if (table->tables)
		printf(": %u table%s", table->tables,
		       table->tables == 1 ? "" : "s");
	if (level && table->leaves)
		printf("%s %u leaves", table->tables ? "," : ":", table->leaves);
	putchar('\n');
}

/* Tables of 4 KiB leaves that lie side by side and are as full. */
static size_t alike(const struct tree *t, uint64_t end)
{
	const struct table *first = &t->level[0][t->at[0]];
	size_t n = 1;

	while (t->at[0] + n < t->nr[0] && first[n].start < end &&
	       first[n].start == first[n - 1].start + 512 * PAGE_SIZE &&
	       first[n].leaves == first->leaves)
		n++;
	return n;
}

/* A table and what hangs off it; @before stands in front of what is below. */
static void print_tree(struct tree *t, unsigned int level, const char *before)
{
	const struct table *table = &t->level[level][t->at[level]++];
	const char * const *line = lines[t->term->utf8];
	char deeper[MAX_DEPTH + 1];
	unsigned int done = 0;
	size_t same;
	bool last;

	print_table(t, level, table, 1);
	while (done < table->tables) {
		same = level == 1 ? alike(t, table_end(t, 1, table->start)) : 1;
		done += same;
		last = done == table->tables;
		printf("%s%s", before, line[last]);
		snprintf(deeper, sizeof(deeper), "%s%s", before, line[2 + last]);
		if (same == 1) {
			print_tree(t, level - 1, deeper);
			continue;
		}
		print_table(t, 0, &t->level[0][t->at[0]], same);
		t->at[0] += same;
	}
}

static void print_text(struct tree *t)
{
	const struct figures *f = t->figures;
	unsigned int level;

	printf("space %" PRIu64 "  %s, %u bits, %u levels\n", f->id, f->format,
	       f->gpa_bits, f->levels);
	if (t->nr[f->levels - 1])
		print_tree(t, f->levels - 1, "");
	for (level = 0; level + 1 < f->levels; level++)
		if (f->tables[level] > t->nr[level])
			printf("and %" PRIu64 " of level %u without a leaf\n",
			       f->tables[level] - t->nr[level], level + 1);
}

static void print_json(const struct tree *t)
{
	struct json_object *list = json_object_new_array(), *o;
	unsigned int level;
	size_t i;

	for (level = t->figures->levels; level-- > 0;) {
		for (i = 0; i < t->nr[level]; i++) {
			const struct table *table = &t->level[level][i];

			o = json_object_new_object();
			json_add_number(o, "level", level + 1);
			json_add_address(o, "start", table->start);
			json_add_number(o, "entry_size", entry_size(level));
			json_add_number(o, "entries", nr_entries(t, level));
			json_add_number(o, "tables", table->tables);
			json_add_number(o, "leaves", table->leaves);
			json_object_array_add(list, o);
		}
	}
	json_print(list);
}

int show_tree(const struct request *req)
{
	struct terminal term;
	struct space s = { .figures = { .id = req->id } };
	struct tree t = { .figures = &s.figures, .term = &term };
	unsigned int level;

	look_at_terminal(&term);
	read_figures(req->id, &s.figures);
	if (!s.figures.levels || s.figures.levels > NR_LEVELS)
		die("space %" PRIu64 " has %u levels", req->id,
		    s.figures.levels);
	read_runs(&s, add_run, &t);
	if (req->json)
		print_json(&t);
	else
		print_text(&t);
	for (level = 0; level < NR_LEVELS; level++)
		free(t.level[level]);
	return 0;
}
