// SPDX-License-Identifier: GPL-2.0
/*
 * axasctl dump --tree: the tables of a space, and how full they are.
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

static uint64_t table_end(const struct table *table)
{
	return table->start + table->entries * entry_size(table->level);
}

static void add(struct tree *t, const struct table *table)
{
	unsigned int level = table->level;

	if (t->nr[level] == t->room[level]) {
		t->room[level] = t->room[level] ? 2 * t->room[level] : 64;
		t->level[level] = reallocarray(t->level[level], t->room[level],
					       sizeof(*table));
		if (!t->level[level])
			die("out of memory");
	}
	t->level[level][t->nr[level]++] = *table;
}

/*
 * Parents come first. A space may change meanwhile: those whose parent wasn't there yet
 * are left out, and those that are there are counted.
 */
static void add_table(struct table *table, void *arg)
{
	unsigned int top = table->level + 1;
	struct tree *t = arg;
	struct table *parent;

	table->tables = 0;
	if (top < t->figures->levels) {
		if (!t->nr[top])
			return;
		parent = &t->level[top][t->nr[top] - 1];
		if (table->start < parent->start ||
		    table->start >= table_end(parent))
			return;
		parent->tables++;
	} else if (top > t->figures->levels || t->nr[table->level]) {
		return;
	}
	add(t, table);
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
		       same, used, table->entries);
	else
		printf("  %u of %u", used, table->entries);
	printf(", %s an entry", size_short(entry_size(level)).text);
	if (table->tables)
		printf(": %u table%s", table->tables,
		       table->tables == 1 ? "" : "s");
	if (level && table->leaves)
		printf("%s %u leaves", table->tables ? "," : ":", table->leaves);
	if (same == 1 && table->hpa)
		printf(", at 0x%" PRIx64, table->hpa);
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
		same = level == 1 ? alike(t, table_end(table)) : 1;
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

	printf("space %" PRIu64 "  %s, %u bits, %u levels\n", f->id, f->format,
	       f->gpa_bits, f->levels);
	if (t->nr[f->levels - 1])
		print_tree(t, f->levels - 1, "");
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
			json_add_number(o, "entries", table->entries);
			json_add_number(o, "tables", table->tables);
			json_add_number(o, "leaves", table->leaves);
			if (table->hpa)
				json_add_address(o, "hpa", table->hpa);
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
	read_tables(&s, add_table, &t);
	if (req->json)
		print_json(&t);
	else
		print_text(&t);
	for (level = 0; level < NR_LEVELS; level++)
		free(t.level[level]);
	return 0;
}
