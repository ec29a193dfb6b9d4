// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: zstd through libzstd, where it was built with that.
 */
#include <stdlib.h>

#include "replay.h"

#ifdef HAVE_ZSTD
#include <zstd.h>

struct packer {
	FILE *out;
	ZSTD_CCtx *context;
	uint8_t *buf;
	size_t room;
};

bool zstd_is_there(void)
{
	return true;
}

void *unpack_new(void)
{
	void *context = ZSTD_createDCtx();

	if (!context)
		die("out of memory");
	return context;
}

void unpack_free(void *context)
{
	ZSTD_freeDCtx(context);
}

/*
 * Unpack of @in, from @at on, which moves. Return: bytes of @out that were filled;
 * @open says whether more input is needed for what has begun.
 */
size_t unpack(void *context, const char *name, const uint8_t *in, size_t *at,
	      size_t nr, uint8_t *out, size_t room, bool *open)
{
	ZSTD_inBuffer from = { in, nr, *at };
	ZSTD_outBuffer to = { out, room, 0 };
	size_t ret = ZSTD_decompressStream(context, &to, &from);

	if (ZSTD_isError(ret))
		die("%s: %s", name, ZSTD_getErrorName(ret));
	*at = from.pos;
	*open = ret;
	return to.pos;
}

struct packer *pack_new(FILE *out)
{
	struct packer *p = xcalloc(1, sizeof(*p));

	p->out = out;
	p->context = ZSTD_createCCtx();
	p->room = ZSTD_CStreamOutSize();
	p->buf = xcalloc(1, p->room);
	if (!p->context)
		die("out of memory");
	return p;
}

/* Return: false if it couldn't be written. */
bool pack(struct packer *p, const void *data, size_t nr, bool last)
{
	ZSTD_EndDirective mode = last ? ZSTD_e_end : ZSTD_e_continue;
	ZSTD_inBuffer from = { data, nr, 0 };
	size_t left;

	do {
		ZSTD_outBuffer to = { p->buf, p->room, 0 };

		left = ZSTD_compressStream2(p->context, &to, &from, mode);
		if (ZSTD_isError(left))
			die("zstd: %s", ZSTD_getErrorName(left));
		if (fwrite(p->buf, 1, to.pos, p->out) != to.pos)
			return false;
	} while (last ? left : from.pos < from.size);
	return true;
}

void pack_free(struct packer *p)
{
	ZSTD_freeCCtx(p->context);
	free(p->buf);
	free(p);
}

#else

bool zstd_is_there(void)
{
	return false;
}

void *unpack_new(void)
{
	return NULL;
}

void unpack_free(void *context)
{
	(void)context;
}

size_t unpack(void *context, const char *name, const uint8_t *in, size_t *at,
	      size_t nr, uint8_t *out, size_t room, bool *open)
{
	(void)context;
	(void)in;
	(void)at;
	(void)nr;
	(void)out;
	(void)room;
	(void)open;
	die("%s is compressed; try: zstdcat %s | axas-replay -", name, name);
}

/* Nobody asks for one where there is no zstd. */
struct packer *pack_new(FILE *out)
{
	(void)out;
	return NULL;
}

bool pack(struct packer *p, const void *data, size_t nr, bool last)
{
	(void)p;
	(void)data;
	(void)nr;
	(void)last;
	return false;
}

void pack_free(struct packer *p)
{
	(void)p;
}

#endif
