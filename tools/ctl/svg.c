// SPDX-License-Identifier: GPL-2.0
/*
 * axasctl map --svg and heat --svg: what pictures are made of: text, boxes, lines.
 *
 * Nobody knows which font a reader has. Widths are taken from what letters have
 * on average in wide ones, so that text neither meets other text nor is cut.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

#define LETTER		0.53	/* of the font's size */
#define LETTER_MONO	0.61

/* Text in the picture may come from the name of a task. */
void svg_escaped(FILE *f, const char *text)
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

static size_t letters(const char *text, size_t bytes)
{
	size_t nr = 0;

	for (; bytes--; text++)
		nr += (*text & 0xc0) != 0x80;
	return nr;
}

double svg_text_width(const struct svg *svg, const char *class, const char *text)
{
	size_t nr = letters(text, strlen(text));

	if (!strcmp(class, "range"))
		return (double)nr * LETTER_MONO * svg->font * SVG_RANGE;
	if (!strcmp(class, "title"))
		return (double)nr * LETTER * svg->font * SVG_TITLE;
	return (double)nr * LETTER * svg->font;
}

static void put(const struct svg *svg, double x, double y, const char *class,
		const char *text)
{
	fprintf(svg->f, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
	svg_escaped(svg->f, text);
	fputs("</text>\n", svg->f);
}

void svg_text(const struct svg *svg, double x, double y, const char *class,
	      const char *fmt, ...)
{
	char buf[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(buf, sizeof(buf), fmt, args);
	va_end(args);
	put(svg, x, y, class, buf);
}

/* Bytes of @text that fit a line, up to a blank; a long word is cut. */
static size_t line_length(const char *text, size_t fit)
{
	size_t at, blank = 0;

	for (at = 0; text[at]; at++) {
		if (letters(text, at + 1) > fit)
			return blank ? blank : at;
		if (text[at + 1] == ' ')
			blank = at + 1;
	}
	return at;
}

/* From the left to the right, in as many lines as it takes. */
void svg_lines(struct svg *svg, const char *class, double height, const char *text)
{
	double letter = svg_text_width(svg, class, "x");
	size_t fit = (size_t)((svg->right - svg->left) / letter), length;
	char buf[256];

	while (*text) {
		length = line_length(text, fit ? fit : 1);
		if (length >= sizeof(buf))
			length = sizeof(buf) - 1;
		memcpy(buf, text, length);
		buf[length] = '\0';
		svg->y += height;
		put(svg, svg->left, svg->y, class, buf);
		text += length;
		text += strspn(text, " ");
	}
}

void svg_rect(const struct svg *svg, double x, double y, double w, double h,
	      const char *attributes)
{
	fprintf(svg->f,
		"<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" %s/>\n",
		x, y, w, h, attributes);
}

void svg_line(const struct svg *svg, double x1, double y1, double x2, double y2,
	      const char *class)
{
	fprintf(svg->f,
		"<line x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\" class=\"%s\"/>\n",
		x1, y1, x2, y2, class);
}

void svg_swatch(const struct svg *svg, double x, double width, const char *fill)
{
	char text[40];

	snprintf(text, sizeof(text), "fill=\"%s\"", fill);
	svg_rect(svg, x, svg->y, width, 1.1 * svg->font, text);
	svg_rect(svg, x, svg->y, width, 1.1 * svg->font, "class=\"frame\"");
}

/* All before the picture itself. It is white on dark pages too, as in print. */
static void begin(const struct svg *svg, FILE *f, const char *title)
{
	const double size = svg->font;

	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.1f\" height=\"%.1f\" viewBox=\"0 0 %.1f %.1f\">\n<title>",
		svg->width, svg->y, svg->width, svg->y);
	svg_escaped(f, title);
	fprintf(f,
		"</title>\n"
		"<style>\n"
		"text { font: %.2fpx Helvetica, Arial, \"Liberation Sans\", sans-serif; fill: #222222 }\n"
		".title { font-size: %.2fpx; font-weight: bold }\n"
		".range { font: %.2fpx \"DejaVu Sans Mono\", Menlo, Consolas, monospace }\n"
		".tick { font-size: %.2fpx; fill: #444444 }\n",
		size, size * SVG_TITLE, size * SVG_RANGE, size * SVG_TICK);
	fprintf(f,
		".what, .lane { text-anchor: end }\n"
		".tick, .nothing { text-anchor: middle }\n"
		".first { text-anchor: start }\n"
		".last { text-anchor: end }\n"
		".nothing { fill: #555555; font-style: italic }\n"
		".gap { fill: none; stroke: #ffffff; stroke-width: 0.6 }\n"
		".frame { fill: none; stroke: #666666; stroke-width: 0.75 }\n"
		".axis { stroke: #666666; stroke-width: 0.75 }\n"
		".hole { stroke: #999999; stroke-width: 0.75; stroke-dasharray: 2 4 }\n"
		"</style>\n"
		"<defs><pattern id=\"device\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><line x1=\"0\" y1=\"0\" x2=\"0\" y2=\"7\" stroke=\"#888888\" stroke-width=\"2\"/></pattern></defs>\n"
		"<rect width=\"%.1f\" height=\"%.1f\" fill=\"#ffffff\"/>\n",
		svg->width, svg->y);
}

/* The picture was drawn to memory first: the file begins with its height. */
void svg_write(const struct svg *svg, const char *path, const char *title,
	       const char *body)
{
	bool to_stdout = !strcmp(path, "-");
	FILE *f = to_stdout ? stdout : fopen(path, "we");

	if (!f)
		die("%s: %s", path, strerror(errno));
	begin(svg, f, title);
	fputs(body, f);
	fputs("</svg>\n", f);
	if (ferror(f) || (!to_stdout && fclose(f)))
		die("cannot write %s: %s", path, strerror(errno));
}
