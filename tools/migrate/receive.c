// SPDX-License-Identifier: MIT
/*
 * axas-migrate: the destination.
 *
 * Areas are made as the source has them, but for rights: those come at the end, when
 * all contents are there. What lies in no area is dropped: it was unmapped at the
 * source after it was listed, or will be listed again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "migrate.h"

#define RW		(AXAS_PROT_READ | AXAS_PROT_WRITE)
#define THEN_FD		10	/* of the space, for the command */

struct destination {
	const struct options *options;
	int listener, fd, dev, space;
	uint64_t session;
	struct axas_area_entry *areas;
	uint32_t nr_areas;
	uint64_t bytes, pages, zeros, compared, unequal;
	unsigned int connections;
	bool cut, known, finished, over;
	char *buf;
};

/* Return: false if the connection is broken; with --cut we break it. */
static bool take(struct destination *d, void *data, size_t size)
{
	if (d->options->cut && !d->cut && d->bytes + size > d->options->cut) {
		d->cut = true;
		get(d->fd, data, d->options->cut - d->bytes);
		return false;
	}
	d->bytes += size;
	return get(d->fd, data, size);
}

/* ---- areas ---- */

static uint64_t end_of(const struct axas_area_entry *a)
{
	return a->gpa + a->length;
}

/* But for rights, and where they lie. */
static bool are_alike(const struct axas_area_entry *a,
		      const struct axas_area_entry *b)
{
	return a->backend == b->backend && a->cookie == b->cookie &&
	       a->max_leaf == b->max_leaf && a->memtype == b->memtype &&
	       a->flags == b->flags && a->node == b->node && a->nodes == b->nodes;
}

static void map_part(struct destination *d, const struct axas_area_entry *a,
		     uint64_t gpa, uint64_t end)
{
	const struct axas_map map = {
		.gpa = gpa,
		.length = end - gpa,
		.backend = a->backend,
		.prot = a->flags & AXAS_MAP_ROM ? a->prot : a->prot | RW,
		.memtype = a->memtype,
		.node = a->node,
		.nodes = a->nodes,
		.max_leaf = a->max_leaf,
		.cookie = a->cookie,
		.flags = a->flags | AXAS_MAP_REPLACE,
	};
	int err;

	if (gpa >= end)
		return;
	err = axas_map(d->space, &map);
	if (err)
		die("an area at 0x%" PRIx64 " of 0x%" PRIx64 " bytes: %s", gpa,
		    end - gpa, strerror(-err));
}

/* What was there, and is to be, stays with its contents. */
static void make_area(struct destination *d, const struct axas_area_entry *a)
{
	const struct axas_area_entry *old = d->areas;
	uint64_t at = a->gpa;

	for (; old < d->areas + d->nr_areas; old++) {
		if (end_of(old) <= at || old->gpa >= end_of(a) ||
		    !are_alike(old, a))
			continue;
		if (old->gpa > at)
			map_part(d, a, at, old->gpa);
		at = end_of(old);
	}
	map_part(d, a, at, end_of(a));
}

static void unmap(struct destination *d, uint64_t gpa, uint64_t end)
{
	int err;

	if (gpa >= end)
		return;
	err = axas_unmap(d->space, gpa, end - gpa);
	if (err)
		die("unmap at 0x%" PRIx64 ": %s", gpa, strerror(-err));
}

static bool take_areas(struct destination *d, const struct message *m)
{
	struct axas_area_entry *areas;
	struct axas_stats stats;
	uint64_t at;
	uint32_t i;

	if (m->count > MAX_AREAS)
		die("too many areas");
	areas = xalloc(m->count * sizeof(*areas));
	if (!take(d, areas, m->count * sizeof(*areas))) {
		free(areas);
		return false;
	}
	for (i = 0; i < m->count; i++)
		make_area(d, &areas[i]);
	if (axas_stats(d->space, &stats))
		die("this space has no figures");
	at = stats.base;
	for (i = 0; i < m->count; i++) {
		unmap(d, at, areas[i].gpa);
		at = end_of(&areas[i]);
	}
	unmap(d, at, stats.base + stats.length);
	free(d->areas);
	d->areas = areas;
	d->nr_areas = m->count;
	return true;
}

static void give_rights(struct destination *d)
{
	const struct axas_area_entry *a;
	int err;

	for (a = d->areas; a < d->areas + d->nr_areas; a++) {
		err = axas_protect(d->space, a->gpa, a->length, a->prot);
		if (err)
			die("rights at 0x%llx: %s", a->gpa, strerror(-err));
	}
}

/* ---- pages ---- */

static void write_part(struct destination *d, uint64_t gpa, uint64_t length,
		       const char *from)
{
	int err = axas_write(d->space, gpa, from, length);

	if (err)
		die("cannot write to 0x%" PRIx64 ": %s", gpa, strerror(-err));
	d->pages += length / PAGE_SIZE;
}

/* Memory of a module may come with contents: there zeros are written. */
static void clear_part(struct destination *d, const struct axas_area_entry *a,
		       uint64_t gpa, uint64_t length)
{
	uint64_t at;
	int err;

	d->zeros += length / PAGE_SIZE;
	if (a->backend == AXAS_BACKEND_ALLOC) {
		err = axas_discard(d->space, gpa, length, NULL);
		if (err)
			die("cannot discard at 0x%" PRIx64 ": %s", gpa,
			    strerror(-err));
		return;
	}
	memset(d->buf, 0, PAGE_SIZE);
	for (at = 0; at < length; at += PAGE_SIZE)
		write_part(d, gpa + at, PAGE_SIZE, d->buf);
}

/* @from is NULL for zeros. */
static void place(struct destination *d, const struct message *m,
		  const char *from)
{
	const struct axas_area_entry *a;
	uint64_t gpa, end;

	for (a = d->areas; a < d->areas + d->nr_areas; a++) {
		gpa = a->gpa > m->gpa ? a->gpa : m->gpa;
		end = end_of(a) < m->gpa + m->length ? end_of(a) :
						       m->gpa + m->length;
		if (gpa >= end || a->backend == AXAS_BACKEND_DEVICE)
			continue;
		if (from)
			write_part(d, gpa, end - gpa, from + (gpa - m->gpa));
		else
			clear_part(d, a, gpa, end - gpa);
	}
}

static bool take_data(struct destination *d, const struct message *m)
{
	if (m->length > CHUNK)
		die("a message is too long");
	if (!take(d, d->buf, m->length))
		return false;
	place(d, m, d->buf);
	return true;
}

/* ---- the end ---- */

static void compare_page(struct destination *d, uint64_t gpa, uint64_t want)
{
	uint64_t page[PAGE_SIZE / sizeof(uint64_t)];
	int err = axas_read(d->space, gpa, page, sizeof(page));

	d->compared++;
	if (!err && checksum(page) == want)
		return;
	if (!d->unequal++)
		say("the page at 0x%" PRIx64 " isn't what it was%s%s", gpa,
		    err ? ": " : "", err ? strerror(-err) : "");
}

/* What the source hasn't touched is zero here, if it is there at all. */
static void compare_gap(struct destination *d, uint64_t gpa, uint64_t length)
{
	static const uint64_t zeros[PAGE_SIZE / sizeof(uint64_t)];
	struct axas_next_entry runs[MAX_RUNS];
	const uint64_t want = checksum(zeros);
	uint64_t at;
	int nr, i;

	while (length) {
		nr = axas_next(d->space, &gpa, &length, runs, MAX_RUNS);
		if (nr < 0)
			die("cannot list pages: %s", strerror(-nr));
		for (i = 0; i < nr; i++)
			for (at = 0; at < runs[i].length; at += PAGE_SIZE)
				compare_page(d, runs[i].gpa + at, want);
	}
}

static bool take_checksums(struct destination *d, const struct message *m)
{
	uint64_t sums[CHUNK / PAGE_SIZE], i;

	if (!m->count) {
		compare_gap(d, m->gpa, m->length);
		return true;
	}
	if (m->length > CHUNK)
		die("a message is too long");
	if (!take(d, sums, m->length / PAGE_SIZE * sizeof(*sums)))
		return false;
	for (i = 0; i < m->length / PAGE_SIZE; i++)
		compare_page(d, m->gpa + i * PAGE_SIZE, sums[i]);
	return true;
}

static bool finish(struct destination *d)
{
	give_rights(d);
	d->finished = true;
	return put_message(d->fd, MSG_RESULT, d->nr_areas, d->compared,
			   d->unequal);
}

/* ---- the connection ---- */

static void make_space(struct destination *d, const struct hello *h)
{
	struct axas_create create = {
		.gpa_bits = h->gpa_bits, .features = h->features,
		.base = h->base, .length = h->length,
	};
	char name[sizeof(h->format) + 1] = "";
	int format;

	memcpy(name, h->format, sizeof(h->format));
	format = axas_format_number(d->dev, name);
	if (format < 0)
		die("the module here has no format %s: %s", name,
		    strerror(-format));
	create.format = (uint32_t)format;
	d->space = axas_create(d->dev, &create);
	if (d->space < 0)
		die("cannot create a space: %s", strerror(-d->space));
}

/* A source that isn't the one of before begins with a new space. */
static bool take_hello(struct destination *d, const struct message *m)
{
	struct hello h;
	bool known = d->space >= 0 && m->gpa == d->session;

	if (m->count != VERSION_OF_WIRE)
		die("the source is an axas-migrate of another version");
	if (!take(d, &h, sizeof(h)))
		return false;
	d->connections++;
	d->compared = 0;
	d->unequal = 0;
	if (!known) {
		if (d->space >= 0)
			close(d->space);
		d->nr_areas = 0;
		make_space(d, &h);
		d->session = m->gpa;
	}
	d->known = true;
	return put_message(d->fd, MSG_WELCOME, known, 0, 0);
}

static bool take_message(struct destination *d, const struct message *m)
{
	if (!d->known && m->type != MSG_HELLO)
		die("whoever connects isn't axas-migrate");
	if (m->length % PAGE_SIZE || m->gpa + m->length < m->gpa)
		die("a message makes no sense");
	switch (m->type) {
	case MSG_HELLO:
		return take_hello(d, m);
	case MSG_AREAS:
		return take_areas(d, m);
	case MSG_DATA:
		return take_data(d, m);
	case MSG_ZERO:
		place(d, m, NULL);
		return true;
	case MSG_SYNC:
		return put_message(d->fd, MSG_ACK, 0, m->gpa, 0);
	case MSG_CHECK:
		return take_checksums(d, m);
	case MSG_FINISH:
		return finish(d);
	case MSG_BYE:
		d->over = true;
		return false;
	default:
		die("a message of a kind that isn't known: %u", m->type);
	}
}

/* For ever the first time, and for a while for who was here before. */
static void accept_one(struct destination *d)
{
	struct pollfd ready = { .fd = d->listener, .events = POLLIN };
	int ms = d->connections ? (int)(d->options->retry * 1000) : -1, ret;

	ret = poll(&ready, 1, ms);
	check_signals();
	if (!ret)
		die("the source doesn't come back");
	d->fd = accept(d->listener, NULL, NULL);
	if (d->fd < 0)
		die("accept: %s", strerror(errno));
}

static void take_all(struct destination *d)
{
	struct message m;

	accept_one(d);
	while (take(d, &m, sizeof(m)) && take_message(d, &m))
		;
	close(d->fd);
}

static void print_json(const struct destination *d, int64_t id)
{
	printf("{\n  \"space\": %" PRId64 ",\n  \"areas\": %u,\n", id,
	       d->nr_areas);
	printf("  \"pages\": %" PRIu64 ",\n  \"zero_pages\": %" PRIu64 ",\n",
	       d->pages, d->zeros);
	printf("  \"bytes\": %" PRIu64 ",\n  \"connections\": %u,\n", d->bytes,
	       d->connections);
	printf("  \"compared\": %" PRIu64 ",\n  \"unequal\": %" PRIu64 "\n}\n",
	       d->compared, d->unequal);
}

static void print_text(const struct destination *d, int64_t id)
{
	printf("space %" PRId64 ": %u areas, %" PRIu64 " pages and %" PRIu64
	       " of zeros came over %u connection%s\n", id, d->nr_areas,
	       d->pages, d->zeros, d->connections,
	       d->connections == 1 ? "" : "s");
	printf("%" PRIu64 " pages compared, %" PRIu64 " unequal\n", d->compared,
	       d->unequal);
}

/* The command has the space as a descriptor, and its number. */
static int run_command(const struct destination *d, int64_t id)
{
	char text[24];
	int status;

	if (dup2(d->space, THEN_FD) < 0)
		die("descriptor %d: %s", THEN_FD, strerror(errno));
	snprintf(text, sizeof(text), "%" PRId64, id);
	setenv("AXAS_SPACE", text, 1);
	fflush(stdout);
	status = system(d->options->then);
	return status ? EXIT_FAILURE : 0;
}

int receive_guest(const struct options *o)
{
	struct destination d = {
		.options = o, .space = -1, .dev = axas_open(NULL),
		.buf = xalloc(CHUNK),
	};
	int64_t id;

	if (d.dev < 0)
		die("/dev/axas: %s", strerror(-d.dev));
	d.listener = listen_at(o->path);
	while (!d.over)
		take_all(&d);
	unlink(o->path);
	if (!d.finished || d.unequal)
		die("the guest stays where it was");
	id = axas_id(d.space);
	(o->json ? print_json : print_text)(&d, id);
	return o->then ? run_command(&d, id) : 0;
}
