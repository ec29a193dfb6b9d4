// SPDX-License-Identifier: GPL-2.0
/*
 * axasctl: messages, sizes, addresses, JSON, the terminal.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl.h"

void die(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	va_start(args, fmt);
	fputs("axasctl: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(EXIT_FAILURE);
}

void *xcalloc(size_t nr, size_t size)
{
	void *p = calloc(nr ? nr : 1, size);

	if (!p)
		die("out of memory");
	return p;
}

/* The largest unit of which there is at least one; 0 is bytes. */
static unsigned int unit_of(uint64_t bytes)
{
	unsigned int unit = 0;

	while (unit < 6 && bytes >> (10 * (unit + 1)))
		unit++;
	return unit;
}

static const char * const long_units[] = {
	"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB",
};

static double in_unit(uint64_t bytes, unsigned int unit)
{
	return (double)bytes / (double)(UINT64_C(1) << (10 * unit));
}

/* With a digit behind the point where it isn't a whole number. */
static struct size_text size_with(uint64_t bytes, const char *space,
				  const char * const *units)
{
	unsigned int unit = unit_of(bytes);
	bool whole = !(bytes & ((UINT64_C(1) << (10 * unit)) - 1));
	struct size_text s;

	snprintf(s.text, sizeof(s.text), "%.*f%s%s", !whole,
		 in_unit(bytes, unit), space, units[unit]);
	return s;
}

/* 548K */
struct size_text size_short(uint64_t bytes)
{
	static const char * const units[] = {
		"", "K", "M", "G", "T", "P", "E",
	};

	return size_with(bytes, "", units);
}

/* 548 KiB */
struct size_text size_long(uint64_t bytes)
{
	return size_with(bytes, " ", long_units);
}

/* 1.125 GiB, for multiples of a large power of two */
struct size_text size_exact(uint64_t bytes)
{
	unsigned int unit = unit_of(bytes);
	struct size_text s;

	snprintf(s.text, sizeof(s.text), "%g %s", in_unit(bytes, unit),
		 long_units[unit]);
	return s;
}

/* As many digits as addresses of @bits have, or more if they don't do. */
struct size_text address(uint64_t gpa, unsigned int bits)
{
	struct size_text s;

	snprintf(s.text, sizeof(s.text), "0x%0*" PRIx64, (bits + 3) / 4, gpa);
	return s;
}

/* setlocale() needs files that a static program in a guest doesn't have. */
static bool wants_utf8(void)
{
	static const char * const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	const char *value;
	size_t i;

	for (i = 0; i < 3; i++) {
		value = getenv(names[i]);
		if (value && *value)
			return strcasestr(value, "utf-8") ||
			       strcasestr(value, "utf8");
	}
	return false;
}

void look_at_terminal(struct terminal *t)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	const char *columns = getenv("COLUMNS");
	struct winsize size = { 0 };

	t->tty = isatty(STDOUT_FILENO);
	t->utf8 = t->tty && wants_utf8();
	t->colour = t->tty && !(no_colour && *no_colour) &&
		    !(term && !strcmp(term, "dumb"));
	if (t->tty)
		ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	t->rows = size.ws_row ? size.ws_row : 24;
	if (size.ws_col)
		t->columns = size.ws_col;
	else
		t->columns = columns ? atoi(columns) : 0;
	if (!t->columns)
		t->columns = 80;
	if (t->columns < 40)
		t->columns = 40;
	if (t->columns > 1000)
		t->columns = 1000;
}

void print_colour(const struct terminal *t, const char *code)
{
	if (t->colour)
		printf("\033[%sm", code);
}

/* Cold to hot, out of the 256 colours, seen on dark and on light alike. */
static void print_heat_colour(const struct terminal *t, unsigned int h)
{
	static const unsigned int colours[NR_HEATS] = {
		244, 26, 32, 37, 71, 178, 208, 202, 196,
	};
	char code[16];

	snprintf(code, sizeof(code), "38;5;%u", colours[h]);
	print_colour(t, code);
}

static const char *heat_cell(const struct terminal *t, unsigned int h)
{
	static const char * const ascii[NR_HEATS] = {
		".", "1", "2", "3", "4", "5", "6", "7", "#",
	};
	static const char * const blocks[NR_HEATS] = {
		"·", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█",
	};

	return (t->utf8 ? blocks : ascii)[h];
}

void print_heats(const struct terminal *t, const unsigned char *heats,
		 unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!i || heats[i] != heats[i - 1])
			print_heat_colour(t, heats[i]);
		fputs(heat_cell(t, heats[i]), stdout);
	}
	print_colour(t, "0");
}

const char * const heat_parts[NR_HEATS] = {
	"none", "less", "1/64", "1/32", "1/16", "1/8", "1/4", "1/2", "all",
};

/* What each heat stands for; @what was done to a part of a cell. */
void print_legend(const struct terminal *t, const char *what)
{
	unsigned int h;

	printf("\n%s:", what);
	for (h = 0; h < NR_HEATS; h++) {
		putchar(' ');
		print_heat_colour(t, h);
		fputs(heat_cell(t, h), stdout);
		print_colour(t, "0");
		printf(" %s", heat_parts[h]);
	}
	putchar('\n');
}

void json_add_number(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

void json_add_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

/* With three digits behind the point. */
void json_add_decimal(struct json_object *o, const char *key, double value)
{
	char text[40];

	snprintf(text, sizeof(text), "%.3f", value);
	json_object_object_add(o, key, json_object_new_double_s(value, text));
}

/* A string: many programs keep numbers as floating point. */
void json_add_address(struct json_object *o, const char *key, uint64_t gpa)
{
	json_add_text(o, key, address(gpa, 0).text);
}

/* Print and free. */
void json_print(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
					       JSON_C_TO_STRING_SPACED |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* Words between spaces or commas, "-" standing for none. */
struct json_object *json_words(const char *words)
{
	struct json_object *list = json_object_new_array();
	size_t length;

	while (*words) {
		length = strcspn(words, " ,");
		if (length && !(length == 1 && *words == '-'))
			json_object_array_add(list,
					      json_object_new_string_len(words,
									 length));
		words += length + !!words[length];
	}
	return list;
}
