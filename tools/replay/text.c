// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: lines of a trace that is text. There are three forms, told apart line
 * by line; a line of none of them, such as valgrind's own "==123== ...", is skipped.
 *
 * valgrind's lackey:
 *
 *	I  04001000,3		instruction fetch
 *	 L 1ffeffe7e0,8		load
 *	 S 1ffeffe7d8,8		store
 *	 M 0421c7cc,4		modify: load and store
 *
 * DynamoRIO, as drmemtrace's tool "view" prints it, whatever that has before and behind:
 *
 *	12  3:  6543 ifetch  5 byte(s) @ 0x0000000000401a7e 48 8b ...
 *	13  3:  6543 read    8 byte(s) @ 0x00007ffd64e2adc8 by PC 0x0000000000401a7e
 *
 * Pin, as its example pinatrace has it: where an instruction is that loads or stores,
 * and what; one of the two tools of that name gives a size behind:
 *
 *	0x401a7e: R 0x7ffd64e2adc8
 *	0x401a7e:  W     0x7ffd64e2adc8  8 0x10
 */
#define _GNU_SOURCE
#include <string.h>

#include "replay.h"

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Return: false if there is none, or more than 64 bits of it. */
static bool take_hex(const uint8_t **s, const uint8_t *end, uint64_t *n)
{
	const uint8_t *begin = *s;

	for (*n = 0; *s < end && hex_digit(**s) >= 0; (*s)++) {
		if (*n >> 60)
			return false;
		*n = *n << 4 | hex_digit(**s);
	}
	return *s > begin;
}

/* Return: 0 if there is none; what is more than a page needn't be right. */
static unsigned int take_size(const uint8_t **s, const uint8_t *end)
{
	unsigned int n = 0;

	for (; *s < end && **s >= '0' && **s <= '9' && n <= PAGE_SIZE; (*s)++)
		n = 10 * n + **s - '0';
	return n;
}

static bool take(const uint8_t **s, const uint8_t *end, const char *what)
{
	size_t length = strlen(what);

	if ((size_t)(end - *s) < length || memcmp(*s, what, length))
		return false;
	*s += length;
	return true;
}

static void skip_spaces(const uint8_t **s, const uint8_t *end)
{
	while (*s < end && **s == ' ')
		(*s)++;
}

static uint8_t lackey_kind(const uint8_t *s, const uint8_t *end)
{
	if (end - s < 3)
		return 0;
	if (!memcmp(s, "I  ", 3))
		return AXAS_PROT_EXEC;
	if (!memcmp(s, " L ", 3))
		return AXAS_PROT_READ;
	if (!memcmp(s, " S ", 3))
		return AXAS_PROT_WRITE;
	if (!memcmp(s, " M ", 3))
		return AXAS_PROT_READ | AXAS_PROT_WRITE;
	return 0;
}

static enum line lackey_line(struct access *a, const uint8_t *s, const uint8_t *end)
{
	unsigned int size;

	if (!take_hex(&s, end, &a->addr) || !take(&s, end, ","))
		return LINE_WRONG;
	size = take_size(&s, end);
	return s == end && access_is_valid(a, size) ? LINE_ACCESS : LINE_WRONG;
}

/* Behind the first "0x" */
static enum line pin_line(struct access *a, const uint8_t *s, const uint8_t *end)
{
	unsigned int size = 1;
	uint64_t ip;

	if (!take_hex(&s, end, &ip) || !take(&s, end, ":"))
		return LINE_OTHER;
	skip_spaces(&s, end);
	if (take(&s, end, "R "))
		a->kind = AXAS_PROT_READ;
	else if (take(&s, end, "W "))
		a->kind = AXAS_PROT_WRITE;
	else
		return LINE_OTHER;
	skip_spaces(&s, end);
	if (!take(&s, end, "0x") || !take_hex(&s, end, &a->addr))
		return LINE_WRONG;
	skip_spaces(&s, end);
	if (s < end)
		size = take_size(&s, end);
	return access_is_valid(a, size) ? LINE_ACCESS : LINE_WRONG;
}

/* The word that ends at @end names what drmemtrace has seen. */
static uint8_t drmemtrace_kind(const uint8_t *begin, const uint8_t *end)
{
	static const struct {
		const char *name;
		uint8_t kind;
	} kinds[] = {
		{ " ifetch", AXAS_PROT_EXEC },
		{ " read", AXAS_PROT_READ },
		{ " write", AXAS_PROT_WRITE },
	};
	size_t i, length;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		length = strlen(kinds[i].name);
		if ((size_t)(end - begin) >= length &&
		    !memcmp(end - length, kinds[i].name, length))
			return kinds[i].kind;
	}
	return 0;
}

/* @at is behind "@ 0x", @unit in front of " byte(s)". */
static enum line drmemtrace_line(struct access *a, const uint8_t *begin,
				 const uint8_t *unit, const uint8_t *at,
				 const uint8_t *end)
{
	const uint8_t *size = unit, *name;

	while (size > begin && size[-1] >= '0' && size[-1] <= '9')
		size--;
	for (name = size; name > begin && name[-1] == ' ';)
		name--;
	a->kind = drmemtrace_kind(begin, name);
	/* Prefetches and flushes access nothing, and so does what wasn't fetched. */
	if (!a->kind || memmem(at, end - at, "non-fetched", 11))
		return LINE_OTHER;
	if (!take_hex(&at, end, &a->addr) || (at < end && *at != ' '))
		return LINE_WRONG;
	return access_is_valid(a, take_size(&size, unit)) ? LINE_ACCESS : LINE_WRONG;
}

/* What the line is, whose end is there if it is @whole. */
enum line take_line(struct access *a, const uint8_t *s, size_t length, bool whole)
{
	static const char mark[] = " byte(s) @ 0x";
	const uint8_t *end = s + length, *at = s;

	if (length && end[-1] == '\r')
		end--;
	a->kind = lackey_kind(s, end);
	if (a->kind)
		return lackey_line(a, s + 3, end);
	/* The others end each line, and what is left of one may look like another. */
	if (!whole)
		return LINE_OTHER;
	if (take(&at, end, "0x"))
		return pin_line(a, at, end);
	at = memmem(s, end - s, mark, sizeof(mark) - 1);
	if (!at)
		return LINE_OTHER;
	return drmemtrace_line(a, s, at, at + sizeof(mark) - 1, end);
}
