// SPDX-License-Identifier: GPL-2.0
/*
 * axasctl map --svg: a space as a picture to print.
 *
 * As in the terminal each area has a lane for each size of leaf that it has,
 * cut into cells. The darker a cell the more of it is mapped, in colour and in
 * grayscale; the hue is that of the leaf's size. What is touched in a large
 * leaf nobody knows: a CPU keeps flags of whole leaves.
 *
 * Lengths are in sizes of the font, so that a narrow picture can be read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

#define EM(n)		((n) * svg->font)
#define LANE		EM(1.45)
#define LANE_GAP	EM(0.3)
#define HOLE		EM(2)
#define DEVICE_LINE	EM(1.5)
#define MANY_AREAS	24	/* more have a line each */
#define MOST_AREAS	400	/* more would be no picture any more */
#define MOST_DEVICES	32

/* Each darker than the one before; one step is as dark in all. */
const char * const fills[NR_LEAVES][NR_HEATS] = {
	{ "#ffffff", "#fddfb1", "#fac791", "#f7ae76", "#f39260", "#ef764b",
	  "#ea5638", "#e43726", "#c51c1c" },
	{ "#ffffff", "#cce7f9", "#abd5f5", "#8ac1f1", "#69adec", "#4898e7",
	  "#2780e2", "#1a63bc", "#134689" },
	{ "#ffffff", "#c7ecd0", "#9be0af", "#6ad58c", "#35ca6a", "#29ae5d",
	  "#1f9150", "#167140", "#0e512f" },
};

static const uint64_t leaf_sizes[NR_LEAVES] = {
	PAGE_SIZE, PAGE_SIZE << 9, PAGE_SIZE << 18,
};

/* What is drawn, and what of it has come up. */
struct plan {
	const struct request *req;
	const struct space *space;
	size_t areas, devices;
	uint64_t longest;		/* area */
	bool many, has_device, has_leaf[NR_LEAVES];
};

static double log_pages(uint64_t bytes)
{
	double log = 0;

	/* Linear between powers of two. */
	for (; bytes >= 2 * PAGE_SIZE; bytes >>= 1)
		log++;
	return log + (double)bytes / PAGE_SIZE - 1;
}

/* How wide the bar of an area is, in a place that wide. */
static double bar_width(const struct plan *p, const struct area *a, double room)
{
	uint64_t length = a->end - a->start;
	double width = room;

	if (p->req->scale == SCALE_COMMON)
		width = room * (double)length / (double)p->longest;
	else if (p->req->scale == SCALE_LOG)
		width = room * (1 + log_pages(length)) /
			(1 + log_pages(p->longest));
	return width > 2 ? width : 2;
}

/* A bar and where it stands. */
struct place {
	struct bar bar;
	double x, width;
};

static void lay(struct place *at, const struct plan *p, const struct area *a,
		double x, double room)
{
	at->x = x;
	at->width = bar_width(p, a, room);
	lay_bar(&at->bar, p->space, a,
		at->width > 4 ? (unsigned int)at->width / 2 : 2);
}

static double place_x(const struct place *at, uint64_t gpa)
{
	const struct bar *b = &at->bar;

	return at->x + (double)(gpa - b->start) /
	       (double)(b->end - b->start) * at->width;
}

static void frame(const struct svg *svg, const struct place *at)
{
	svg_rect(svg, at->x, svg->y, at->width, LANE, "class=\"frame\"");
}

/* A gap between leaves, where they are wide enough for one. */
static void separate_leaves(const struct svg *svg, const struct place *at,
			    uint64_t size)
{
	const struct bar *b = &at->bar;
	uint64_t gpa = (b->start | (size - 1)) + 1;

	if ((double)((b->end - b->start) / size) > at->width / 4 ||
	    gpa >= b->end)
		return;
	fputs("<path class=\"gap\" d=\"", svg->f);
	for (; gpa < b->end; gpa += size)
		fprintf(svg->f, "M%.2f %.2fv%.2f", place_x(at, gpa), svg->y,
			LANE);
	fputs("\"/>\n", svg->f);
}

/* @leaf is NR_LEAVES for all sizes together: in the hue of what is most. */
static const char *fill_of(const struct bar *b, unsigned int cell,
			   unsigned int leaf)
{
	unsigned int most = 0, n;

	if (leaf < NR_LEAVES)
		return fills[leaf][heat(b, cell, leaf)];
	for (n = 1; n < NR_LEAVES; n++)
		if (b->mapped[n][cell] > b->mapped[most][cell])
			most = n;
	return fills[most][heat_of_all(b, cell)];
}

/* Cells of one fill that are side by side make one rectangle. */
static void cells(const struct svg *svg, const struct place *at,
		  unsigned int leaf)
{
	const struct bar *b = &at->bar;
	unsigned int cell, first;
	const char *fill;
	char text[32];
	double x;

	for (cell = 0; cell < b->nr;) {
		first = cell;
		fill = fill_of(b, cell, leaf);
		while (cell < b->nr && fill_of(b, cell, leaf) == fill)
			cell++;
		if (!strcmp(fill, fills[0][0]))
			continue;
		x = place_x(at, cell_start(b, first));
		snprintf(text, sizeof(text), "fill=\"%s\"", fill);
		svg_rect(svg, x, svg->y,
			 place_x(at, cell_end(b, cell - 1)) - x, LANE, text);
	}
}

static void lane(struct svg *svg, const struct place *at, unsigned int leaf,
		 const char *name)
{
	cells(svg, at, leaf);
	if (leaf < NR_LEAVES)
		separate_leaves(svg, at, leaf_sizes[leaf]);
	frame(svg, at);
	if (name)
		svg_text(svg, svg->left - EM(0.7), svg->y + EM(1.1), "lane",
			 "%s", name);
	svg->y += LANE + LANE_GAP;
}

static void device_lane(struct svg *svg, const struct place *at)
{
	svg_rect(svg, at->x, svg->y, at->width, LANE,
		 "fill=\"url(#device)\"");
	frame(svg, at);
	svg->y += LANE + LANE_GAP;
}

static void lanes(struct svg *svg, struct plan *p, const struct area *a,
		  const struct place *at)
{
	int leaf;

	if (is_device(a)) {
		device_lane(svg, at);
		return;
	}
	for (leaf = NR_LEAVES - 1; leaf >= 0; leaf--) {
		if (!at->bar.total[leaf])
			continue;
		p->has_leaf[leaf] = true;
		lane(svg, at, leaf, leaf_names[leaf]);
	}
	if (!mapped_bytes(&at->bar))
		lane(svg, at, NR_LEAVES, "none");
}

/* Ticks at multiples of a power of two of bytes, as many as have room. */
static void axis(struct svg *svg, const struct place *at)
{
	uint64_t length = at->bar.end - at->bar.start, step = PAGE_SIZE, n;
	const char *class;
	double x;

	while ((double)(length / step) > at->width / EM(6.4))
		step <<= 1;
	for (n = 0; n <= length && step <= length; n += step) {
		x = place_x(at, at->bar.start + n);
		class = !n ? "first tick" : x > svg->right - EM(2.7) ?
			"last tick" : "tick";
		svg_line(svg, x, svg->y - LANE_GAP, x, svg->y + EM(0.2), "axis");
		svg_text(svg, x, svg->y + EM(1.1), class, "%s%s", n ? "+" : "",
			 n ? size_exact(n).text : "0");
	}
	svg->y += step <= length ? EM(2) : EM(1);
}

/* "64 TiB, rw- alloc wb, 12 KiB mapped, cells of 1 GiB" */
static void describe(char *text, size_t size, const struct area *a,
		     const struct bar *b)
{
	int at = snprintf(text, size, "%s, %s %s%s%s, ",
			  size_long(a->end - a->start).text, a->prot,
			  a->backend, is_device(a) ? "" : " ",
			  is_device(a) ? "" : a->memtype);

	if (is_device(a))
		snprintf(text + at, size - at, "cookie 0x%" PRIx64, a->cookie);
	else
		snprintf(text + at, size - at, "%s mapped, cells of %s",
			 size_long(mapped_bytes(b)).text,
			 size_long(b->cell).text);
}

/* In one line, if both fit. */
static void label(struct svg *svg, const struct plan *p, const struct area *a,
		  const struct bar *b)
{
	unsigned int bits = p->space->figures.gpa_bits;
	char range[64], what[160];

	snprintf(range, sizeof(range), "%s\u2013%s",
		 address(a->start, bits).text, address(a->end - 1, bits).text);
	describe(what, sizeof(what), a, b);
	svg->y += EM(1.4);
	svg_text(svg, svg->left, svg->y, "range", "%s", range);
	if (svg_text_width(svg, "range", range) + EM(1) +
	    svg_text_width(svg, "what", what) <= svg->right - svg->left)
		svg_text(svg, svg->right, svg->y, "what", "%s", what);
	else
		svg_lines(svg, "key", EM(1.3), what);
	svg->y += EM(0.6);
}

static void area(struct svg *svg, struct plan *p, const struct area *a)
{
	struct place at;

	lay(&at, p, a, svg->left, svg->right - svg->left);
	label(svg, p, a, &at.bar);
	lanes(svg, p, a, &at);
	axis(svg, &at);
	free_bar(&at.bar);
}

/* One of many: address, size, and all leaves in one lane. */
static void area_line(struct svg *svg, struct plan *p, const struct area *a)
{
	const char *start = address(a->start, p->space->figures.gpa_bits).text;
	double x = EM(1.2) + svg_text_width(svg, "range", start) + EM(5.5);
	struct place at;
	unsigned int leaf;

	lay(&at, p, a, x, svg->right - x);
	svg_text(svg, EM(1.2), svg->y + EM(1.1), "range", "%s",
		 address(a->start, p->space->figures.gpa_bits).text);
	svg_text(svg, x - EM(0.7), svg->y + EM(1.1), "lane", "%s",
		 size_short(a->end - a->start).text);
	for (leaf = 0; leaf < NR_LEAVES; leaf++)
		p->has_leaf[leaf] = p->has_leaf[leaf] || at.bar.total[leaf];
	if (is_device(a))
		device_lane(svg, &at);
	else
		lane(svg, &at, NR_LEAVES, NULL);
	free_bar(&at.bar);
}

static void hole(struct svg *svg, const struct plan *p, size_t at)
{
	uint64_t bytes = hole_before(p->space, at);
	double y = svg->y + HOLE / 2, middle = (svg->left + svg->right) / 2;

	if (!bytes)
		return;
	if (p->many) {
		svg_line(svg, EM(1.2), svg->y, svg->right, svg->y, "hole");
		svg->y += LANE_GAP;
		return;
	}
	svg_line(svg, svg->left, y, middle - EM(7), y, "hole");
	svg_text(svg, middle, y + EM(0.3), "nothing", "%s of nothing",
		 size_long(bytes).text);
	svg_line(svg, middle + EM(7), y, svg->right, y, "hole");
	svg->y += HOLE;
}

static void areas(struct svg *svg, struct plan *p)
{
	size_t i;

	for (i = 0; i < p->areas; i++) {
		const struct area *a = &p->space->areas[i];

		hole(svg, p, i);
		p->has_device = p->has_device || is_device(a);
		(p->many ? area_line : area)(svg, p, a);
	}
	if (p->areas == p->space->nr_areas) {
		hole(svg, p, p->areas);
		return;
	}
	svg->y += HOLE;
	svg_text(svg, (svg->left + svg->right) / 2, svg->y - HOLE / 2, "nothing",
		 "%zu more areas are not drawn", p->space->nr_areas - p->areas);
}

/* Ports and system registers */
static void device(struct svg *svg, const struct device *d)
{
	char range[64], what[32];

	snprintf(range, sizeof(range), "%s 0x%" PRIx64 "\u20130x%" PRIx64,
		 d->bus, d->first, d->last);
	snprintf(what, sizeof(what), "cookie 0x%" PRIx64, d->cookie);
	svg->y += DEVICE_LINE;
	svg_text(svg, svg->left, svg->y, "range", "%s", range);
	if (svg_text_width(svg, "range", range) + EM(1) +
	    svg_text_width(svg, "what", what) > svg->right - svg->left)
		svg->y += EM(1.35);
	svg_text(svg, svg->right, svg->y, "what", "%s", what);
}

static void devices(struct svg *svg, const struct plan *p)
{
	size_t i;

	for (i = 0; i < p->devices; i++)
		device(svg, &p->space->devices[i]);
	if (p->devices < p->space->nr_devices) {
		svg->y += DEVICE_LINE;
		svg_text(svg, (svg->left + svg->right) / 2, svg->y, "nothing",
			 "%zu more ranges of ports and registers are not drawn",
			 p->space->nr_devices - p->devices);
	}
	svg->y += DEVICE_LINE;
}

static void legend(struct svg *svg, const struct plan *p)
{
	double step = (svg->right - svg->left) / (NR_HEATS + 1), width;
	int leaf;
	unsigned int h;

	if (step > EM(4.7))
		step = EM(4.7);
	width = step - EM(0.5);
	svg_line(svg, svg->left, svg->y, svg->right, svg->y, "axis");
	svg_lines(svg, "key", EM(1.6),
		  p->many ? "Nothing is where a line is dotted. How much of a cell is mapped, in the colour of most of its leaves: at least" :
		  "How much of a cell is mapped, by leaves of the lane's size: at least");
	svg->y += EM(0.8);
	if (p->has_device) {
		svg_swatch(svg, svg->right - width, width, "url(#device)");
		svg_text(svg, svg->right - width / 2, svg->y + EM(2.2), "tick",
			 "device");
	}
	for (leaf = NR_LEAVES - 1; leaf >= 0; leaf--) {
		if (!p->has_leaf[leaf])
			continue;
		svg_text(svg, svg->left - EM(0.7), svg->y + EM(0.95), "lane",
			 "%s", leaf_names[leaf]);
		for (h = 0; h < NR_HEATS; h++)
			svg_swatch(svg, svg->left + h * step, width, fills[leaf][h]);
		svg->y += EM(1.4);
	}
	for (h = 0; h < NR_HEATS; h++)
		svg_text(svg, svg->left + h * step + width / 2,
			 svg->y + EM(0.8), "tick", "%s", heat_parts[h]);
	svg->y += EM(2);
}

const char *format_title(const struct figures *f)
{
	return !strcmp(f->format, "ept") ? "Intel EPT" :
	       !strcmp(f->format, "s2") ? "Arm stage 2" :
	       !strcmp(f->format, "amd") ? "AMD nested paging" : f->format;
}

static void head(struct svg *svg, const struct plan *p, const char *title)
{
	static const char * const scales[] = {
		[SCALE_OWN] = "each area has its own scale",
		[SCALE_COMMON] = "all areas have one scale",
		[SCALE_LOG] = "a bar is as long as the logarithm of its area",
	};
	const struct figures *f = &p->space->figures;
	char text[320];

	svg->y = EM(1);
	if (p->req->no_title)
		return;
	svg->y += EM(0.45);
	svg_lines(svg, "title", EM(1.95), title);
	svg->y += EM(0.3);
	snprintf(text, sizeof(text),
		 "%s, addresses of %u bits, %u levels; made by %s (process %d)",
		 format_title(f), f->gpa_bits, f->levels, f->comm, f->pid);
	svg_lines(svg, "key", EM(1.45), text);
	snprintf(text, sizeof(text),
		 "%zu area%s of %s together; %s resident, %s of tables; %s",
		 p->space->nr_areas, p->space->nr_areas == 1 ? "" : "s",
		 size_long(covered(p->space)).text, size_long(f->resident).text,
		 size_long(table_pages(f) * PAGE_SIZE).text,
		 scales[p->req->scale]);
	svg_lines(svg, "key", EM(1.45), text);
	svg->y += EM(1);
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void plan(struct plan *p, const struct request *req,
		 const struct space *s)
{
	size_t i;

	*p = (struct plan){
		.req = req,
		.space = s,
		.areas = min_size(s->nr_areas, MOST_AREAS),
		.devices = min_size(s->nr_devices, MOST_DEVICES),
		.many = s->nr_areas > MANY_AREAS,
		.longest = PAGE_SIZE,
	};
	for (i = 0; i < p->areas; i++)
		if (p->longest < s->areas[i].end - s->areas[i].start)
			p->longest = s->areas[i].end - s->areas[i].start;
}

/* The picture goes to memory first: the file begins with its height. */
static char *draw(struct svg *svg, const struct request *req,
		  const struct space *s, const char *title)
{
	struct plan p;
	char *body = NULL;
	size_t size;

	svg->f = open_memstream(&body, &size);
	if (!svg->f)
		die("out of memory");
	plan(&p, req, s);
	head(svg, &p, title);
	areas(svg, &p);
	devices(svg, &p);
	legend(svg, &p);
	if (ferror(svg->f) || fclose(svg->f))
		die("out of memory");
	return body;
}

void write_svg(const struct request *req, const struct space *s)
{
	struct svg out = {
		.width = req->width, .font = req->font_size,
		.left = 3.4 * req->font_size,
		.right = req->width - 1.2 * req->font_size,
	};
	char name[64], *body;
	const char *title = req->title ? req->title : name;

	snprintf(name, sizeof(name), "Guest physical address space %" PRIu64,
		 s->figures.id);
	body = draw(&out, req, s, title);
	svg_write(&out, req->svg, title, body);
	free(body);
}
