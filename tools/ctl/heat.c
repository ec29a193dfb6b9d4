// SPDX-License-Identifier: GPL-2.0
/*
 * axasctl heat: address over time, coloured by how much was written, or used.
 *
 * In the terminal time goes down and addresses go to the right, a line for each
 * interval; a picture has time to the right and addresses upwards.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl.h"

#define LABEL		17	/* columns before the cells */
#define MOST_CELLS	256
#define PICTURE_CELLS	128
#define PICTURE_HEIGHT	30	/* sizes of the font */
#define MOST_SAMPLES	4000	/* more would be no picture any more */

struct sample {
	double from, to;	/* seconds since it began */
	unsigned char *heats;
};

struct heat {
	const struct request *req;
	struct terminal term;
	struct figures figures;
	struct tracked tracked;
	struct sample *samples;	/* for a picture */
	size_t nr;
	double began, next;	/* look at it then */
	double from, to;	/* of this sample, seconds since it began */
};

/* What the tracker says of pages. */
static const char *heat_what(const struct heat *h)
{
	return h->req->used ? "used" : "written";
}

static unsigned char *heats_of(const struct tracked *t)
{
	unsigned char *heats = xcalloc(t->nr, 1);
	size_t i;

	for (i = 0; i < t->nr; i++)
		heats[i] = cell_heat(t, i, t->cells[i].written);
	return heats;
}

/* ---- in the terminal ---- */

/* Would an address from this cell on hide where cells are apart? */
static bool hides_hole(const struct tracked *t, size_t cell, size_t length)
{
	size_t i;

	for (i = cell + 1; i < t->nr && i <= cell + length; i++)
		if (is_apart(t, i))
			return true;
	return false;
}

/* Addresses where cells are apart, and some others, as long as there is room. */
static void print_ruler(const struct heat *h)
{
	const struct tracked *t = &h->tracked;
	size_t i, at = 0;
	char text[32];

	printf("%*s", LABEL, "");
	for (i = 0; i < t->nr; i++) {
		snprintf(text, sizeof(text), "|0x%" PRIx64, t->cells[i].start);
		if (i < at || (!is_apart(t, i) &&
			       (i < at + 16 || hides_hole(t, i, strlen(text)))))
			continue;
		if (i + strlen(text) > h->term.columns - LABEL)
			break;
		printf("%*s%s", (int)(i - at), "", text);
		at = i + strlen(text) + 1;
		putchar(' ');
	}
	putchar('\n');
}

static void print_head(const struct heat *h)
{
	const struct figures *f = &h->figures;

	print_colour(&h->term, "1");
	printf("space %" PRIu64, f->id);
	print_colour(&h->term, "0");
	printf("  %s, %u bits; made by %s (%d)\n", f->format, f->gpa_bits,
	       f->comm, f->pid);
	printf("%s in each %g s; %zu cell%s of %s\n\n", heat_what(h),
	       h->req->interval, h->tracked.nr, h->tracked.nr == 1 ? "" : "s",
	       size_short(h->tracked.cell).text);
	printf("%7s %8s\n", "SECONDS", h->req->used ? "USED" : "WRITTEN");
	print_ruler(h);
}

static void print_line(struct heat *h)
{
	const struct tracked *t = &h->tracked;
	unsigned char *heats = heats_of(t);

	printf("%7.1f %8s ", h->to,
	       size_short(t->written + t->elsewhere).text);
	print_heats(&h->term, heats, t->nr);
	putchar('\n');
	free(heats);
}

/* ---- for programs ---- */

static void print_json(struct heat *h)
{
	struct json_object *o = json_object_new_object(), *cell;
	struct json_object *list = json_object_new_array();
	const struct tracked *t = &h->tracked;
	size_t i;

	json_add_decimal(o, "from", h->from);
	json_add_decimal(o, "to", h->to);
	json_add_number(o, heat_what(h), t->written);
	json_add_number(o, "elsewhere", t->elsewhere);
	json_add_number(o, "cell_size", t->cell);
	for (i = 0; i < t->nr; i++) {
		cell = json_object_new_object();
		json_add_address(cell, "start", t->cells[i].start);
		json_add_address(cell, "end", t->cells[i].end);
		json_add_number(cell, "size", t->cells[i].room);
		json_add_number(cell, heat_what(h), t->cells[i].written);
		json_object_array_add(list, cell);
	}
	json_object_object_add(o, "cells", list);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

static void print_csv(struct heat *h)
{
	const struct tracked *t = &h->tracked;
	size_t i;

	for (i = 0; i < t->nr; i++)
		printf("%.3f,%.3f,0x%" PRIx64 ",0x%" PRIx64 ",%" PRIu64 ",%" PRIu64 "\n",
		       h->from, h->to, t->cells[i].start, t->cells[i].end,
		       t->cells[i].room, t->cells[i].written);
}

/* ---- as a picture ---- */

#define EM(n)	((n) * svg->font)

/* Where each cell stands: they have one height, and holes a gap. */
struct plot {
	double top, bottom, height, gap;
	double *y;		/* of the lower edge of each */
	double seconds;
};

static void lay_plot(struct plot *p, const struct svg *svg, const struct heat *h)
{
	const struct tracked *t = &h->tracked;
	size_t i, gaps = 0;
	double y;

	for (i = 1; i < t->nr; i++)
		gaps += is_apart(t, i);
	*p = (struct plot){
		.top = svg->y, .bottom = svg->y + EM(PICTURE_HEIGHT),
		.gap = gaps > PICTURE_HEIGHT / 3 ?
		       EM(PICTURE_HEIGHT / 3) / (double)gaps : EM(1),
		.y = xcalloc(t->nr, sizeof(double)),
		.seconds = h->samples[h->nr - 1].to,
	};
	p->height = (p->bottom - p->top - (double)gaps * p->gap) / (double)t->nr;
	y = p->bottom;
	for (i = 0; i < t->nr; i++) {
		if (i && is_apart(t, i))
			y -= p->gap;
		p->y[i] = y;
		y -= p->height;
	}
}

static double plot_x(const struct plot *p, const struct svg *svg, double seconds)
{
	return svg->left + seconds / p->seconds * (svg->right - svg->left);
}

/* Samples of one heat that are side by side make one rectangle. */
static void draw_row(const struct svg *svg, const struct plot *p,
		     const struct heat *h, size_t cell)
{
	size_t i, first;
	unsigned int heat;
	char text[32];
	double x;

	for (i = 0; i < h->nr;) {
		first = i;
		heat = h->samples[i].heats[cell];
		while (i < h->nr && h->samples[i].heats[cell] == heat)
			i++;
		if (!heat)
			continue;
		x = plot_x(p, svg, h->samples[first].from);
		snprintf(text, sizeof(text), "fill=\"%s\"", fills[0][heat]);
		svg_rect(svg, x, p->y[cell] - p->height,
			 plot_x(p, svg, h->samples[i - 1].to) - x, p->height,
			 text);
	}
}

/* A frame around cells without a hole between them. */
static void draw_frames(const struct svg *svg, const struct plot *p,
			const struct tracked *t)
{
	size_t i, first = 0;

	for (i = 1; i <= t->nr; i++) {
		if (i < t->nr && !is_apart(t, i))
			continue;
		svg_rect(svg, svg->left, p->y[i - 1] - p->height,
			 svg->right - svg->left,
			 p->y[first] - p->y[i - 1] + p->height, "class=\"frame\"");
		first = i;
	}
}

/* The address of a cell's lower edge, at multiples of some cells and above holes. */
static void draw_addresses(const struct svg *svg, const struct plot *p,
			   const struct heat *h)
{
	const struct tracked *t = &h->tracked;
	uint64_t step = t->cell;
	double last = p->bottom + EM(2);
	size_t i;

	while ((double)(step / t->cell) * p->height < EM(3))
		step <<= 1;
	for (i = 0; i < t->nr; i++) {
		if ((!is_apart(t, i) && t->cells[i].start % step) ||
		    last - p->y[i] < EM(1))
			continue;
		svg_line(svg, svg->left - EM(0.3), p->y[i], svg->left, p->y[i],
			 "axis");
		svg_text(svg, svg->left - EM(0.6), p->y[i] + EM(0.3), "lane",
			 "%s", address(t->cells[i].start, 0).text);
		last = p->y[i];
	}
}

/* 1, 2, 5, 10, ... seconds, or parts of one */
static double time_step(double seconds, double most)
{
	static const double steps[] = { 1, 2, 5 };
	double power = 0.01;
	size_t i = 0;

	while (seconds / (steps[i] * power) > most) {
		i = (i + 1) % ARRAY_SIZE(steps);
		if (!i)
			power *= 10;
	}
	return steps[i] * power;
}

static void draw_times(struct svg *svg, const struct plot *p)
{
	double step = time_step(p->seconds, (svg->right - svg->left) / EM(5));
	unsigned int n;
	double x;

	for (n = 0; n * step <= p->seconds; n++) {
		x = plot_x(p, svg, n * step);
		svg_line(svg, x, p->bottom, x, p->bottom + EM(0.3), "axis");
		svg_text(svg, x, p->bottom + EM(1.3),
			 x > svg->right - EM(1.5) ? "last tick" : "tick",
			 "%g", n * step);
	}
	svg->y = p->bottom + EM(2.6);
	svg_text(svg, (svg->left + svg->right) / 2, svg->y, "tick",
		 "time (seconds)");
	svg->y += EM(1);
}

static void draw_legend(struct svg *svg, const struct heat *h)
{
	double step = (svg->right - EM(1.2)) / NR_HEATS;
	char text[160];
	unsigned int n;

	if (step > EM(4.7))
		step = EM(4.7);
	svg->left = EM(1.2);
	snprintf(text, sizeof(text),
		 "How much of a cell of %s was %s in an interval of %g s: at least",
		 size_long(h->tracked.cell).text, heat_what(h), h->req->interval);
	svg_lines(svg, "key", EM(1.6), text);
	svg->y += EM(0.8);
	for (n = 0; n < NR_HEATS; n++) {
		svg_swatch(svg, svg->left + n * step, step - EM(0.5),
			   fills[0][n]);
		svg_text(svg, svg->left + n * step + (step - EM(0.5)) / 2,
			 svg->y + EM(2.2), "tick", "%s", heat_parts[n]);
	}
	svg->y += EM(3.4);
}

static void draw_title(struct svg *svg, const struct heat *h, const char *title)
{
	const struct figures *f = &h->figures;
	char text[160];

	svg->y = EM(1);
	if (h->req->no_title)
		return;
	svg->left = EM(1.2);
	svg->y += EM(0.45);
	svg_lines(svg, "title", EM(1.95), title);
	svg->y += EM(0.3);
	snprintf(text, sizeof(text), "%s, addresses of %u bits; made by %s (process %d)",
		 format_title(f), f->gpa_bits, f->comm, f->pid);
	svg_lines(svg, "key", EM(1.45), text);
	svg->y += EM(1);
}

static char *draw(struct svg *svg, const struct heat *h, const char *title)
{
	struct plot p;
	char *body = NULL;
	size_t size, i;

	svg->f = open_memstream(&body, &size);
	if (!svg->f)
		die("out of memory");
	draw_title(svg, h, title);
	/* The last address is the widest, and digits are wider than letters. */
	svg->left = EM(1.2) + svg_text_width(svg, "range",
					     address(h->tracked.cells[h->tracked.nr - 1].start, 0).text);
	lay_plot(&p, svg, h);
	for (i = 0; i < h->tracked.nr; i++)
		draw_row(svg, &p, h, i);
	draw_frames(svg, &p, &h->tracked);
	draw_addresses(svg, &p, h);
	draw_times(svg, &p);
	draw_legend(svg, h);
	if (ferror(svg->f) || fclose(svg->f))
		die("out of memory");
	free(p.y);
	return body;
}

static void write_picture(const struct heat *h)
{
	struct svg svg = {
		.width = h->req->width, .font = h->req->font_size,
		.right = h->req->width - 1.2 * h->req->font_size,
	};
	const char *title = h->req->title;
	char name[96], *body;

	if (!h->nr)
		die("nothing was seen");
	snprintf(name, sizeof(name),
		 "What was %s in guest physical address space %" PRIu64,
		 heat_what(h), h->figures.id);
	title = title ? title : name;
	body = draw(&svg, h, title);
	svg_write(&svg, h->req->svg, title, body);
	free(body);
}

static void keep_sample(struct heat *h)
{
	h->samples = reallocarray(h->samples, h->nr + 1, sizeof(*h->samples));
	if (!h->samples)
		die("out of memory");
	h->samples[h->nr++] = (struct sample){
		.from = h->from, .to = h->to, .heats = heats_of(&h->tracked),
	};
}

/* ---- all of them ---- */

/*
 * From one multiple of the interval to the next, unless it is late by now.
 * Returns whether whoever had the space open is still there.
 */
static bool wait_for_owner(struct heat *h)
{
	struct pollfd owner = { .fd = h->tracked.owner, .events = POLLIN };
	double left = h->next - now_seconds();
	struct timespec ts = { 0 };

	h->next += h->req->interval;
	if (left <= 0) {
		h->next = now_seconds() + h->req->interval;
	} else {
		ts.tv_sec = (time_t)left;
		ts.tv_nsec = (long)((left - (double)ts.tv_sec) * 1e9);
	}
	return ppoll(&owner, 1, &ts, NULL) <= 0;
}

/* Returns whether to go on. */
static bool look(struct heat *h)
{
	bool alive = wait_for_owner(h);

	if (is_stopped())
		return false;
	list_written(&h->tracked);
	h->from = h->to;
	h->to = now_seconds() - h->began;
	if (h->req->svg)
		keep_sample(h);
	else if (h->req->csv)
		print_csv(h);
	else
		(h->req->json ? print_json : print_line)(h);
	if (!alive)
		fprintf(stderr, "axasctl: the process with space %" PRIu64 " has ended\n",
			h->figures.id);
	return alive && !fflush(stdout);
}

static bool is_text(const struct request *req)
{
	return !req->svg && !req->json && !req->csv;
}

int show_heat(const struct request *req)
{
	struct heat h = { .req = req };
	struct space s;
	unsigned int n;

	look_at_terminal(&h.term);
	check_space(req->id);
	read_space(req->id, &s);
	h.figures = s.figures;
	lay_cells(&h.tracked, &s, req->svg ? PICTURE_CELLS :
		  is_text(req) ? h.term.columns - LABEL : MOST_CELLS);
	free_space(&s);
	h.tracked.used = req->used;
	start_tracking(&h.tracked, &h.figures);
	catch_signals();
	if (is_text(req))
		print_head(&h);
	if (req->csv)
		printf("from,to,start,end,size,%s\n", heat_what(&h));
	h.began = now_seconds();
	h.next = h.began + req->interval;
	for (n = 0; !req->count || n < req->count; n++)
		if (!look(&h) || h.nr == MOST_SAMPLES)
			break;
	if (is_text(req))
		print_legend(&h.term, heat_what(&h));
	if (req->svg)
		write_picture(&h);
	for (n = 0; n < h.nr; n++)
		free(h.samples[n].heats);
	free(h.samples);
	stop_tracking(&h.tracked);
	return 0;
}
