// SPDX-License-Identifier: GPL-2.0
/*
 * axasctl map --svg: a space as a picture to print.
 *
 * As in the terminal each area has a lane for each size of leaf that it has,
 * cut into cells. The darker a cell the more of it is mapped, in colour and in
 * grayscale. Each area has its own scale, which its axis tells.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

#define WIDTH		760
#define LEFT		52	/* where bars begin */
#define BAR		684	/* their width */
#define RIGHT		(LEFT + BAR)
#define MAX_CELLS	(BAR / 2)
#define LANE		16
#define LANE_GAP	3
#define HEAD		96	/* down to the first area */
#define LABEL		22	/* of an area, above its lanes */
#define AXIS		30	/* below its lanes */
#define HOLE		22
#define DEVICE		16	/* a line of text */
#define LEGEND		72
#define MOST_AREAS	100	/* more would be no picture any more */
#define MOST_DEVICES	32

/* Each darker than the one before. */
static const char * const fills[NR_HEATS] = {
	"#ffffff", "#fdd49e", "#fdb57a", "#fb8f5a", "#ed6b48", "#d6402f",
	"#b01a1a", "#7f0505", "#400202",
};

static const uint64_t leaf_sizes[NR_LEAVES] = {
	PAGE_SIZE, PAGE_SIZE << 9, PAGE_SIZE << 18,
};

struct svg {
	FILE *f;
	const struct space *space;
	size_t shown;			/* areas */
	size_t devices;			/* ... and of those */
	double y;
};

/* Text in the picture may come from the name of a task. */
static void escaped(FILE *f, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '&':
			fputs("&amp;", f);
			break;
		default:
			fputc(*text, f);
		}
	}
}

static __attribute__((format(printf, 5, 6)))
void text(const struct svg *svg, double x, double y, const char *class,
	  const char *fmt, ...)
{
	char buf[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(buf, sizeof(buf), fmt, args);
	va_end(args);
	fprintf(svg->f, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y,
		class);
	escaped(svg->f, buf);
	fputs("</text>\n", svg->f);
}

static void rect(const struct svg *svg, double x, double y, double w, double h,
		 const char *attributes)
{
	fprintf(svg->f,
		"<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" %s/>\n",
		x, y, w, h, attributes);
}

static void line(const struct svg *svg, double x1, double y1, double x2,
		 double y2, const char *class)
{
	fprintf(svg->f,
		"<line x1=\"%.2f\" y1=\"%.1f\" x2=\"%.2f\" y2=\"%.1f\" class=\"%s\"/>\n",
		x1, y1, x2, y2, class);
}

/* Where an address of an area lies on its bar. */
static double bar_x(const struct bar *b, uint64_t gpa)
{
	return LEFT + (double)(gpa - b->start) / (double)(b->end - b->start) * BAR;
}

static void frame(const struct svg *svg)
{
	rect(svg, LEFT, svg->y, BAR, LANE, "class=\"frame\"");
}

/* A gap between leaves, where they are wide enough for one. */
static void separate_leaves(const struct svg *svg, const struct bar *b,
			    uint64_t size)
{
	uint64_t gpa = (b->start | (size - 1)) + 1;

	if ((b->end - b->start) / size > BAR / 4 || gpa >= b->end)
		return;
	fputs("<path class=\"gap\" d=\"", svg->f);
	for (; gpa < b->end; gpa += size)
		fprintf(svg->f, "M%.2f %.1fv%d", bar_x(b, gpa), svg->y, LANE);
	fputs("\"/>\n", svg->f);
}

/* Cells of one heat that are side by side make one rectangle. */
static void lane(struct svg *svg, const struct bar *b, int leaf)
{
	unsigned int cell, first, h;
	char fill[32];
	double x;

	for (cell = 0; cell < b->nr;) {
		first = cell;
		h = heat(b, cell, leaf);
		while (cell < b->nr && heat(b, cell, leaf) == h)
			cell++;
		if (!h)
			continue;
		x = bar_x(b, cell_start(b, first));
		snprintf(fill, sizeof(fill), "fill=\"%s\"", fills[h]);
		rect(svg, x, svg->y, bar_x(b, cell_end(b, cell - 1)) - x, LANE,
		     fill);
	}
	separate_leaves(svg, b, leaf_sizes[leaf]);
	frame(svg);
	text(svg, LEFT - 8, svg->y + 12, "lane", "%s", leaf_names[leaf]);
	svg->y += LANE + LANE_GAP;
}

static unsigned int nr_lanes(const struct bar *b)
{
	unsigned int leaf, nr = 0;

	for (leaf = 0; leaf < NR_LEAVES; leaf++)
		nr += !!b->total[leaf];
	return nr ? nr : 1;
}

static void lanes(struct svg *svg, const struct area *a, const struct bar *b)
{
	int leaf;

	if (is_device(a)) {
		rect(svg, LEFT, svg->y, BAR, LANE, "fill=\"url(#device)\"");
		frame(svg);
		svg->y += LANE + LANE_GAP;
		return;
	}
	for (leaf = NR_LEAVES - 1; leaf >= 0; leaf--)
		if (b->total[leaf])
			lane(svg, b, leaf);
	if (!mapped_bytes(b)) {
		frame(svg);
		text(svg, LEFT - 8, svg->y + 12, "lane", "none");
		svg->y += LANE + LANE_GAP;
	}
}

/* Ticks at multiples of a power of two of bytes, 4 to 8 of them. */
static void axis(struct svg *svg, const struct bar *b)
{
	uint64_t length = b->end - b->start, step = PAGE_SIZE, at;
	const char *class;
	double x;

	while (length / step > 8)
		step <<= 1;
	for (at = 0; at <= length; at += step) {
		x = bar_x(b, b->start + at);
		class = !at ? "first tick" : x > RIGHT - 30 ? "last tick" :
							       "tick";
		line(svg, x, svg->y - LANE_GAP, x, svg->y + 2, "axis");
		text(svg, x, svg->y + 12, class, "%s%s", at ? "+" : "",
		     at ? size_exact(at).text : "0");
	}
	svg->y += AXIS;
}

static void label(struct svg *svg, const struct area *a, const struct bar *b)
{
	unsigned int bits = svg->space->figures.gpa_bits;
	double y = svg->y + LABEL - 7;
	char map[96];

	text(svg, LEFT, y, "range", "%s\u2013%s", address(a->start, bits).text,
	     address(a->end - 1, bits).text);
	if (is_device(a))
		snprintf(map, sizeof(map), "cookie 0x%" PRIx64, a->cookie);
	else
		snprintf(map, sizeof(map), "%s mapped, cells of %s",
			 size_long(mapped_bytes(b)).text,
			 size_long(b->cell).text);
	text(svg, RIGHT, y, "what", "%s, %s %s%s%s, %s",
	     size_long(a->end - a->start).text, a->prot, a->backend,
	     is_device(a) ? "" : " ", is_device(a) ? "" : a->memtype, map);
	svg->y += LABEL;
}

static void hole(struct svg *svg, size_t area)
{
	uint64_t bytes = hole_before(svg->space, area);
	double y = svg->y + HOLE / 2 - 4;

	if (!bytes)
		return;
	line(svg, LEFT, y, LEFT + BAR / 2 - 80, y, "hole");
	text(svg, LEFT + BAR / 2, y + 3.5, "nothing", "%s of nothing",
	     size_long(bytes).text);
	line(svg, LEFT + BAR / 2 + 80, y, RIGHT, y, "hole");
	svg->y += HOLE;
}

static void areas(struct svg *svg)
{
	struct bar b;
	size_t i;

	for (i = 0; i < svg->shown; i++) {
		const struct area *a = &svg->space->areas[i];

		lay_bar(&b, svg->space, a, MAX_CELLS);
		hole(svg, i);
		label(svg, a, &b);
		lanes(svg, a, &b);
		axis(svg, &b);
		free_bar(&b);
	}
	if (svg->shown < svg->space->nr_areas) {
		text(svg, LEFT + BAR / 2, svg->y + HOLE / 2, "nothing",
		     "%zu more areas are not drawn",
		     svg->space->nr_areas - svg->shown);
		svg->y += HOLE;
	} else {
		hole(svg, svg->shown);
	}
}

/* Ports and system registers */
static void devices(struct svg *svg)
{
	const struct space *s = svg->space;
	size_t i;

	for (i = 0; i < svg->devices; i++) {
		const struct device *d = &s->devices[i];

		svg->y += DEVICE;
		text(svg, LEFT, svg->y, "range", "%s 0x%" PRIx64 "\u20130x%" PRIx64,
		     d->bus, d->first, d->last);
		text(svg, RIGHT, svg->y, "what", "cookie 0x%" PRIx64,
		     d->cookie);
	}
	if (svg->devices < s->nr_devices) {
		svg->y += DEVICE;
		text(svg, LEFT + BAR / 2, svg->y, "nothing",
		     "%zu more ranges of ports and registers are not drawn",
		     s->nr_devices - svg->devices);
	}
	svg->y += DEVICE;
}

/* What areas() and devices() will take, which the file's first line has to tell. */
static double height(const struct svg *svg)
{
	double y = HEAD + LEGEND;
	struct bar b;
	size_t i;

	for (i = 0; i < svg->shown; i++) {
		lay_bar(&b, svg->space, &svg->space->areas[i], MAX_CELLS);
		y += hole_before(svg->space, i) ? HOLE : 0;
		y += LABEL + nr_lanes(&b) * (LANE + LANE_GAP) + AXIS;
		free_bar(&b);
	}
	if (svg->shown < svg->space->nr_areas ||
	    hole_before(svg->space, svg->shown))
		y += HOLE;
	y += (svg->devices + 1) * DEVICE;
	if (svg->devices < svg->space->nr_devices)
		y += DEVICE;
	return y;
}

static void legend(struct svg *svg)
{
	static const char * const parts[NR_HEATS] = {
		"none", "less", "1/64", "1/32", "1/16", "1/8", "1/4", "1/2",
		"all",
	};
	double y = svg->y + 34, x = LEFT;
	char fill[32];
	unsigned int h;

	line(svg, LEFT, svg->y + 6, RIGHT, svg->y + 6, "axis");
	text(svg, LEFT, svg->y + 24, "key",
	     "How much of a cell is mapped, by leaves of the lane's size: at least");
	for (h = 0; h < NR_HEATS; h++) {
		snprintf(fill, sizeof(fill), "fill=\"%s\"", fills[h]);
		rect(svg, x, y, 44, 12, fill);
		rect(svg, x, y, 44, 12, "class=\"frame\"");
		text(svg, x + 22, y + 24, "tick", "%s", parts[h]);
		x += 52;
	}
	rect(svg, RIGHT - 44, y, 44, 12, "fill=\"url(#device)\"");
	rect(svg, RIGHT - 44, y, 44, 12, "class=\"frame\"");
	text(svg, RIGHT - 22, y + 24, "tick", "device");
}

static void head(struct svg *svg)
{
	const struct figures *f = &svg->space->figures;
	double h = height(svg);

	fprintf(svg->f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d %.0f\">\n"
		"<title>Guest physical address space %" PRIu64 "</title>\n"
		"<style>\n"
		"text { font: 11px Helvetica, Arial, \"Liberation Sans\", sans-serif; fill: #222222 }\n"
		".title { font-size: 17px; font-weight: bold }\n"
		".range { font: 12px \"DejaVu Sans Mono\", Menlo, Consolas, monospace }\n"
		".what, .lane { text-anchor: end }\n"
		".tick, .nothing { text-anchor: middle }\n"
		".tick { font-size: 9.5px; fill: #444444 }\n"
		".first { text-anchor: start }\n"
		".last { text-anchor: end }\n"
		".nothing { fill: #555555; font-style: italic }\n"
		".gap { fill: none; stroke: #ffffff; stroke-width: 0.6 }\n"
		".frame { fill: none; stroke: #666666; stroke-width: 0.75 }\n"
		".axis { stroke: #666666; stroke-width: 0.75 }\n"
		".hole { stroke: #999999; stroke-width: 0.75; stroke-dasharray: 2 4 }\n"
		"</style>\n"
		"<defs><pattern id=\"device\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><line x1=\"0\" y1=\"0\" x2=\"0\" y2=\"7\" stroke=\"#888888\" stroke-width=\"2\"/></pattern></defs>\n"
		"<rect width=\"%d\" height=\"%.0f\" fill=\"#ffffff\"/>\n",
		WIDTH, h, WIDTH, h, f->id, WIDTH, h);
	text(svg, LEFT, 36, "title", "Guest physical address space %" PRIu64, f->id);
	text(svg, LEFT, 56, "key", "%s, addresses of %u bits, %u levels; made by %s (process %d)",
	     !strcmp(f->format, "ept") ? "Intel EPT" :
	     !strcmp(f->format, "s2") ? "Arm stage 2" : f->format,
	     f->gpa_bits, f->levels, f->comm, f->pid);
	text(svg, LEFT, 72, "key",
	     "%zu area%s of %s together; %s resident, %s of tables; each area has its own scale",
	     svg->space->nr_areas, svg->space->nr_areas == 1 ? "" : "s",
	     size_long(covered(svg->space)).text, size_long(f->resident).text,
	     size_long(table_pages(f) * PAGE_SIZE).text);
	svg->y = HEAD;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

void write_svg(const char *path, const struct space *s)
{
	bool to_stdout = !strcmp(path, "-");
	struct svg svg = {
		.space = s,
		.shown = min_size(s->nr_areas, MOST_AREAS),
		.devices = min_size(s->nr_devices, MOST_DEVICES),
	};

	svg.f = to_stdout ? stdout : fopen(path, "we");
	if (!svg.f)
		die("%s: %s", path, strerror(errno));
	head(&svg);
	areas(&svg);
	devices(&svg);
	legend(&svg);
	fputs("</svg>\n", svg.f);
	if (ferror(svg.f) || (!to_stdout && fclose(svg.f)))
		die("cannot write %s: %s", path, strerror(errno));
}
