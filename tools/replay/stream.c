// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: read a memory trace, an access at a time, in bounded memory.
 *
 * A trace is text, of a form that text.c knows, or our own records, which record.c
 * writes; either may be compressed by zstd.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay.h"

#define ULL(x)		((unsigned long long)(x))
#define ROOM		(UINT64_C(1) << 18)	/* bytes in a buffer */
#define RECORD_MAX	32			/* bytes of one record */

struct stream {
	const char *name;
	int fd;
	bool seeks;		/* others may read @fd too */
	bool quiet;		/* what there is to warn of was said before */
	bool binary, compressed;
	bool ended;		/* the file is */
	bool over;		/* and so are its accesses */
	uint64_t left;		/* accesses that may still come */
	uint64_t nr;		/* accesses, or lines, up to here */
	uint64_t offset;	/* in the file */
	uint64_t expected[NR_SIDES];

	uint8_t *buf;		/* what is to be parsed */
	size_t at, end;

	void *unpacker;
	uint8_t *packed;
	size_t packed_at, packed_end;
	bool open;		/* a frame isn't complete */
};

/* More of the file. Return: 0 at its end. */
static size_t read_file(struct stream *s, uint8_t *to, size_t room)
{
	ssize_t got;

	do {
		got = s->seeks ? pread(s->fd, to, room, s->offset) :
				 read(s->fd, to, room);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		die("cannot read %s: %s", s->name, strerror(errno));
	s->offset += got;
	return got;
}

static size_t read_packed(struct stream *s, uint8_t *to, size_t room)
{
	size_t got;

	for (;;) {
		if (s->packed_at == s->packed_end) {
			s->packed_at = 0;
			s->packed_end = read_file(s, s->packed, ROOM);
		}
		if (s->packed_at == s->packed_end) {
			if (s->open && !s->quiet)
				warn("%s: compressed data are cut short; taking what there is",
				     s->name);
			s->open = false;
			return 0;
		}
		got = unpack(s->unpacker, s->name, s->packed, &s->packed_at,
			     s->packed_end, to, room, &s->open);
		if (got)
			return got;
	}
}

/* Get more behind what is left. Return: false if there is none, or no room. */
static bool more(struct stream *s)
{
	size_t got;

	memmove(s->buf, s->buf + s->at, s->end - s->at);
	s->end -= s->at;
	s->at = 0;
	if (s->end == ROOM || s->ended)
		return false;
	got = s->compressed ? read_packed(s, s->buf + s->end, ROOM - s->end) :
			      read_file(s, s->buf + s->end, ROOM - s->end);
	s->end += got;
	s->ended = !got;
	return got;
}

/* Does what is left begin with @magic? */
static bool begins_with(struct stream *s, const char *magic, size_t length)
{
	while (s->end - s->at < length && more(s))
		;
	return s->end - s->at >= length &&
	       !memcmp(s->buf + s->at, magic, length);
}

static void find_form(struct stream *s)
{
	if (begins_with(s, "\x1f\x8b", 2))
		die("%s is compressed; try: zcat %s | axas-replay -", s->name,
		    s->name);
	if (begins_with(s, "\x28\xb5\x2f\xfd", 4)) {
		s->compressed = true;
		s->unpacker = unpack_new();
		s->packed = s->buf;
		s->packed_end = s->end;
		s->buf = xcalloc(1, ROOM);
		s->at = s->end = 0;
		s->ended = false;
	}
	s->binary = begins_with(s, RECORD_MAGIC, RECORD_MAGIC_SIZE);
	if (s->binary)
		s->at += RECORD_MAGIC_SIZE;
}

struct stream *stream_open(const char *name, int fd, bool seeks, bool quiet,
			   uint64_t limit)
{
	struct stream *s = xcalloc(1, sizeof(*s));

	s->name = name;
	s->fd = fd;
	s->seeks = seeks;
	s->quiet = quiet;
	s->left = limit;
	s->buf = xcalloc(1, ROOM);
	find_form(s);
	return s;
}

void stream_close(struct stream *s)
{
	if (s->unpacker)
		unpack_free(s->unpacker);
	free(s->packed);
	free(s->buf);
	free(s);
}

/* What accesses are numbered by. */
const char *stream_unit(const struct stream *s)
{
	return s->binary ? "access" : "line";
}

/* The next line, without its end. Return: false if there is none. */
static bool next_line(struct stream *s, const uint8_t **line, size_t *length,
		      bool *whole)
{
	uint8_t *end;

	while (!(end = memchr(s->buf + s->at, '\n', s->end - s->at))) {
		if (more(s))
			continue;
		if (s->ended)
			break;
		/* Longer than any access: only its end matters. */
		s->at = s->end;
	}
	*whole = end;
	*line = s->buf + s->at;
	*length = end ? (size_t)(end - *line) : s->end - s->at;
	s->at += *length + *whole;
	return *whole || *length;
}

static bool next_in_text(struct stream *s, struct access *a)
{
	const uint8_t *line;
	enum line what;
	size_t length;
	bool whole;

	while (next_line(s, &line, &length, &whole)) {
		a->line = ++s->nr;
		what = take_line(a, line, length, whole);
		if (what == LINE_ACCESS)
			return true;
		if (whole && what == LINE_WRONG)
			die("%s: line %llu: not an access of 1 to %d bytes: %.*s",
			    s->name, ULL(s->nr), (int)PAGE_SIZE,
			    length < 80 ? (int)length : 80, line);
		if (!whole && !s->quiet)
			warn("%s: the last line, %llu, is cut short; leaving it out",
			     s->name, ULL(s->nr));
	}
	return false;
}

static bool cut_short(const struct stream *s)
{
	if (!s->quiet)
		warn("%s is cut short behind access %llu; taking what there is",
		     s->name, ULL(s->nr));
	return false;
}

/* What is known while records are read; it is in registers, mostly. */
struct records {
	const uint8_t *at, *end;
	uint64_t expected[NR_SIDES];
	uint64_t nr;
};

/* A record; a part of one, or nothing; the end; or something that can't be. */
enum found { FOUND, FOUND_PART, FOUND_END, FOUND_WRONG, FOUND_WIDE };

/* Seven bits a byte, the low ones first; the last byte has no high bit. */
static inline enum found take_varint(struct records *r, uint64_t *n)
{
	unsigned int shift;
	uint8_t byte;

	*n = 0;
	for (shift = 0; shift < 64; shift += 7) {
		if (r->at == r->end)
			return FOUND_PART;
		byte = *r->at++;
		*n |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return FOUND;
	}
	return FOUND_WIDE;
}

static inline enum found take_record(struct records *r, struct access *a)
{
	uint64_t size, delta = 0;
	enum found found;
	enum side side;
	uint8_t head;

	if (r->at == r->end)
		return FOUND_PART;
	head = *r->at++;
	size = head >> RECORD_SIZE_SHIFT;
	if (!size) {
		found = take_varint(r, &size);
		if (found != FOUND || !size)
			return found == FOUND ? FOUND_END : found;
	}
	if (!(head & RECORD_NEXT)) {
		found = take_varint(r, &delta);
		if (found != FOUND)
			return found;
	}
	/* A load is 1, a store 2, as rights are. */
	a->kind = head & RECORD_KIND ? : AXAS_PROT_EXEC;
	side = access_side(a->kind);
	/* The sign is in the lowest bit. */
	a->addr = r->expected[side] + ((delta >> 1) ^ -(delta & 1));
	a->line = r->nr + 1;
	if (!access_is_valid(a, size))
		return FOUND_WRONG;
	r->expected[side] = a->addr + size;
	r->nr++;
	return FOUND;
}

/* How many accesses there should have been stands behind them. */
static void check_end(const struct stream *s, struct records *r)
{
	uint64_t nr;

	if (take_varint(r, &nr) != FOUND)
		cut_short(s);
	else if (nr != r->nr)
		die("%s says that it has %llu accesses, but has %llu", s->name,
		    ULL(nr), ULL(r->nr));
}

/* As many as are in the buffer, up to @nr. */
static size_t take_records(struct stream *s, struct access *a, size_t nr)
{
	struct records r = {
		s->buf + s->at, s->buf + s->end,
		{ s->expected[0], s->expected[1] }, s->nr,
	};
	enum found found = FOUND;
	size_t i = 0;

	while (i < nr && (r.end - r.at >= RECORD_MAX || s->ended)) {
		found = take_record(&r, &a[i]);
		if (found != FOUND)
			break;
		i++;
	}
	s->at = r.at - s->buf;
	s->nr = r.nr;
	memcpy(s->expected, r.expected, sizeof(r.expected));
	if (found == FOUND_WRONG)
		die("%s: access %llu: not of 1 to %d bytes", s->name,
		    ULL(r.nr + 1), (int)PAGE_SIZE);
	if (found == FOUND_WIDE)
		die("%s: access %llu: a number of more than 64 bits", s->name,
		    ULL(r.nr + 1));
	if (found == FOUND_PART)
		cut_short(s);
	if (found == FOUND_END)
		check_end(s, &r);
	s->over |= found != FOUND;
	return i;
}

/* The next @nr. Return: how many there were; it is less at the end. */
size_t stream_take(struct stream *s, struct access *a, size_t nr)
{
	size_t i = 0;

	if (nr > s->left)
		nr = s->left;
	while (i < nr && !s->over) {
		if (!s->binary) {
			s->over = !next_in_text(s, &a[i]);
			i += !s->over;
			continue;
		}
		while (s->end - s->at < RECORD_MAX && more(s))
			;
		i += take_records(s, a + i, nr - i);
	}
	s->left -= i;
	return i;
}

/* Return: false at the end. */
bool stream_next(struct stream *s, struct access *a)
{
	return stream_take(s, a, 1);
}
