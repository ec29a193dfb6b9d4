// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: write a memory trace in records of our own, two bytes or so each.
 *
 * A file is RECORD_MAGIC, records, and an end. A record is
 *
 *	bits 0-1 of its first byte: 0 a fetch, 1 a load, 2 a store, 3 a modify
 *	bit 2: the access begins where the last one of its side, code or data, ended
 *	bits 3-7: its size; 0 if that is more than 31, and stands behind, as a number
 *	unless bit 2 is set, how far it begins behind that end: a number, whose
 *	lowest bit is the sign: 2 * n, or -2 * n - 1
 *
 * and a number has seven bits a byte, the low ones first, of which all but the last
 * have their high bit set. The end is a record of a fetch of size 0, behind which
 * the number of accesses stands. Before the first access of a side its end is 0.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"

struct recorder {
	const char *name;
	FILE *out;
	struct packer *packer;	/* NULL: as it is */
	bool closes;		/* @out was opened here */
	uint64_t expected[NR_SIDES];
	uint64_t nr;
	uint8_t buf[65536];
	size_t at;
};

static void flush(struct recorder *r, bool last)
{
	bool ok;

	if (r->packer)
		ok = pack(r->packer, r->buf, r->at, last);
	else
		ok = fwrite(r->buf, 1, r->at, r->out) == r->at;
	if (!ok || (last && fflush(r->out)))
		die("cannot write %s: %s", r->name, strerror(errno));
	r->at = 0;
}

static void put_varint(struct recorder *r, uint64_t n)
{
	for (; n >> 7; n >>= 7)
		r->buf[r->at++] = n | 0x80;
	r->buf[r->at++] = n;
}

struct recorder *record_open(const char *name, FILE *out, bool compress)
{
	struct recorder *r = xcalloc(1, sizeof(*r));

	r->name = name;
	r->out = out;
	if (compress)
		r->packer = pack_new(out);
	memcpy(r->buf, RECORD_MAGIC, RECORD_MAGIC_SIZE);
	r->at = RECORD_MAGIC_SIZE;
	return r;
}

static bool ends_with(const char *s, const char *end)
{
	size_t length = strlen(s);

	return length >= strlen(end) && !strcmp(s + length - strlen(end), end);
}

/* To a file of that name, compressed if it ends in .zst; "-" is standard output. */
struct recorder *record_create(const char *name)
{
	bool is_stdout = !strcmp(name, "-"), compress = ends_with(name, ".zst");
	struct recorder *r;
	FILE *out;

	if (compress && !zstd_is_there())
		die("%s: this %s was built without zstd", name,
		    program_invocation_short_name);
	out = is_stdout ? stdout : fopen(name, "we");
	if (!out)
		die("cannot write %s: %s", name, strerror(errno));
	r = record_open(is_stdout ? "standard output" : name, out, compress);
	r->closes = !is_stdout;
	return r;
}

static uint8_t kind_bits(uint8_t kind)
{
	if (kind == AXAS_PROT_EXEC)
		return 0;
	/* Read is bit 0, write bit 1. */
	return kind & RECORD_KIND;
}

void record(struct recorder *r, const struct access *a)
{
	enum side side = access_side(a->kind);
	uint64_t delta = a->addr - r->expected[side];
	uint8_t head = kind_bits(a->kind);

	if (a->size < 32)
		head |= a->size << RECORD_SIZE_SHIFT;
	if (!delta)
		head |= RECORD_NEXT;
	r->buf[r->at++] = head;
	if (a->size >= 32)
		put_varint(r, a->size);
	if (delta)
		put_varint(r, (delta << 1) ^ -(delta >> 63));
	r->expected[side] = a->addr + a->size;
	r->nr++;
	/* A record has less than 32 bytes, and so has the end. */
	if (r->at > sizeof(r->buf) - 32)
		flush(r, false);
}

uint64_t record_close(struct recorder *r)
{
	uint64_t nr = r->nr;

	put_varint(r, 0);
	put_varint(r, 0);
	put_varint(r, nr);
	flush(r, true);
	if (r->packer)
		pack_free(r->packer);
	if (r->closes && fclose(r->out))
		die("cannot write %s: %s", r->name, strerror(errno));
	free(r);
	return nr;
}
