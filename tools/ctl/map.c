// SPDX-License-Identifier: GPL-2.0
/*
 * axasctl map: a space in the terminal, and as JSON.
 *
 * Each area has a row of cells for each size of leaf that it has. How full a
 * cell is shows as height, or digit, and colour. Holes take a line, whatever
 * their size. A space with many areas has a line for each. Ports and system
 * registers come last.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

#define MANY_AREAS	24
#define LANE_LABEL	5	/* columns before the cells */
#define CELL_LABEL	10	/* columns behind them */
#define DEVICE_CELLS	16
#define JSON_CELLS	256

struct picture {
	const struct space *space;
	struct terminal term;
};

static void colour(const struct picture *p, const char *code)
{
	print_colour(&p->term, code);
}

/* A row of cells; @leaf is NR_LEAVES for all sizes together. */
static void draw_cells(const struct picture *p, const struct bar *b,
		       unsigned int leaf)
{
	unsigned char *heats = xcalloc(b->nr, 1);
	unsigned int cell;

	for (cell = 0; cell < b->nr; cell++)
		heats[cell] = leaf < NR_LEAVES ? heat(b, cell, leaf) :
						 heat_of_all(b, cell);
	print_heats(&p->term, heats, b->nr);
	free(heats);
}

static void draw_device(const struct picture *p, const struct area *a)
{
	unsigned int i;

	printf("%*s", LANE_LABEL, "");
	colour(p, "2");
	for (i = 0; i < DEVICE_CELLS; i++)
		fputs(p->term.utf8 ? "╱" : "/", stdout);
	colour(p, "0");
	printf("  cookie 0x%" PRIx64 "\n", a->cookie);
}

static void draw_lanes(const struct picture *p, const struct bar *b)
{
	bool drawn = false;
	int leaf;

	for (leaf = NR_LEAVES - 1; leaf >= 0; leaf--) {
		if (!b->total[leaf])
			continue;
		printf("%*s ", LANE_LABEL - 1, leaf_names[leaf]);
		draw_cells(p, b, leaf);
		if (!drawn)
			printf("  %s each", size_short(b->cell).text);
		putchar('\n');
		drawn = true;
	}
	if (!drawn) {
		printf("%*s", LANE_LABEL, "");
		draw_cells(p, b, NR_LEAVES);
		printf("  %s each\n", size_short(b->cell).text);
	}
}

static void print_range(const struct picture *p, const struct area *a)
{
	unsigned int bits = p->space->figures.gpa_bits;

	colour(p, "1");
	printf("%s-%s", address(a->start, bits).text,
	       address(a->end, bits).text);
	colour(p, "0");
	printf(" %6s  %s", size_short(a->end - a->start).text, a->prot);
}

static void draw_area(const struct picture *p, const struct area *a)
{
	struct bar b;

	lay_bar(&b, p->space, a, p->term.columns - LANE_LABEL - CELL_LABEL);
	print_range(p, a);
	printf(" %s %s", a->backend, a->memtype);
	if (is_device(a)) {
		putchar('\n');
		draw_device(p, a);
	} else {
		/* The rights are those of guests alone. */
		printf(" %s, %s mapped%s\n", a->max_leaf,
		       size_short(mapped_bytes(&b)).text,
		       strstr(a->flags, "rom") ? ", rom" : "");
		draw_lanes(p, &b);
	}
	free_bar(&b);
}

/* One of many: all leaves in what is left of the line. */
static void draw_line(const struct picture *p, const struct area *a)
{
	unsigned int bits = p->space->figures.gpa_bits;
	unsigned int used = 2 * ((bits + 3) / 4 + 2) + 1 + 7 + 5 + 1;
	struct bar b;

	print_range(p, a);
	putchar(' ');
	if (is_device(a)) {
		printf("cookie 0x%" PRIx64 "\n", a->cookie);
		return;
	}
	lay_bar(&b, p->space, a,
		p->term.columns > used + 8 ? p->term.columns - used : 8);
	draw_cells(p, &b, NR_LEAVES);
	putchar('\n');
	free_bar(&b);
}

static void draw_hole(const struct picture *p, size_t area)
{
	uint64_t hole = hole_before(p->space, area);

	if (!hole)
		return;
	colour(p, "2");
	printf("%*s %s nothing\n", LANE_LABEL - 1, p->term.utf8 ? "┆" : ":",
	       size_short(hole).text);
	colour(p, "0");
}

static void draw_devices(const struct picture *p)
{
	const struct space *s = p->space;
	size_t i;

	if (s->nr_devices)
		putchar('\n');
	for (i = 0; i < s->nr_devices; i++) {
		const struct device *d = &s->devices[i];

		printf("%-6s ", d->bus);
		colour(p, "1");
		printf("0x%" PRIx64 "-0x%" PRIx64, d->first, d->last);
		colour(p, "0");
		printf("  cookie 0x%" PRIx64 "\n", d->cookie);
	}
}

static void draw_head(const struct picture *p)
{
	const struct figures *f = &p->space->figures;

	colour(p, "1");
	printf("space %" PRIu64, f->id);
	colour(p, "0");
	printf("  %s, %u bits, %u levels; made by %s (%d)\n", f->format,
	       f->gpa_bits, f->levels, f->comm, f->pid);
	printf("%zu area%s of %s; %s resident; tables %s\n\n",
	       p->space->nr_areas, p->space->nr_areas == 1 ? "" : "s",
	       size_short(covered(p->space)).text,
	       size_short(f->resident).text,
	       size_short(table_pages(f) * PAGE_SIZE).text);
}

static void draw(const struct space *s)
{
	struct picture p = { .space = s };
	bool many = s->nr_areas > MANY_AREAS;
	size_t i;

	look_at_terminal(&p.term);
	draw_head(&p);
	for (i = 0; i < s->nr_areas; i++) {
		draw_hole(&p, i);
		(many ? draw_line : draw_area)(&p, &s->areas[i]);
	}
	draw_hole(&p, s->nr_areas);
	draw_devices(&p);
	print_legend(&p.term, "mapped");
}

static struct json_object *json_lanes(const struct bar *b)
{
	struct json_object *lanes = json_object_new_object(), *cells;
	unsigned int leaf, cell;

	for (leaf = 0; leaf < NR_LEAVES; leaf++) {
		cells = json_object_new_array();
		for (cell = 0; b->total[leaf] && cell < b->nr; cell++)
			json_object_array_add(cells,
					      json_object_new_uint64(b->mapped[leaf][cell]));
		json_object_object_add(lanes, leaf_names[leaf], cells);
	}
	return lanes;
}

static struct json_object *json_area(const struct space *s,
				     const struct area *a)
{
	struct json_object *o = json_object_new_object();
	struct json_object *mapped = json_object_new_object();
	unsigned int leaf;
	struct bar b;

	lay_bar(&b, s, a, JSON_CELLS);
	json_add_address(o, "start", a->start);
	json_add_address(o, "end", a->end);
	json_add_text(o, "prot", a->prot);
	json_add_text(o, "backend", a->backend);
	json_add_text(o, "memtype", a->memtype);
	json_add_text(o, "max_leaf", a->max_leaf);
	json_add_address(o, "cookie", a->cookie);
	if (a->has_hpa)
		json_add_address(o, "hpa", a->hpa);
	json_object_object_add(o, "flags", json_words(a->flags));
	for (leaf = 0; leaf < NR_LEAVES; leaf++)
		json_add_number(mapped, leaf_names[leaf], b.total[leaf]);
	json_object_object_add(o, "mapped", mapped);
	json_add_number(o, "cell_size", b.cell);
	json_object_object_add(o, "cells", json_lanes(&b));
	free_bar(&b);
	return o;
}

static struct json_object *json_device(const struct device *d)
{
	struct json_object *o = json_object_new_object();

	json_add_text(o, "bus", d->bus);
	json_add_address(o, "first", d->first);
	json_add_address(o, "last", d->last);
	json_add_address(o, "cookie", d->cookie);
	return o;
}

static void print_json(const struct space *s)
{
	struct json_object *o = json_figures(&s->figures);
	struct json_object *areas = json_object_new_array();
	struct json_object *devices = json_object_new_array();
	size_t i;

	for (i = 0; i < s->nr_areas; i++)
		json_object_array_add(areas, json_area(s, &s->areas[i]));
	for (i = 0; i < s->nr_devices; i++)
		json_object_array_add(devices, json_device(&s->devices[i]));
	json_object_object_add(o, "map", areas);
	json_object_object_add(o, "devices", devices);
	json_print(o);
}

int show_map(const struct request *req)
{
	struct space s;

	read_space(req->id, &s);
	if (req->svg)
		write_svg(req, &s);
	else if (req->json)
		print_json(&s);
	else
		draw(&s);
	free_space(&s);
	return 0;
}
