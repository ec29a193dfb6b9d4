// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: where a trace comes from. What can't be read twice, as a pipe can't,
 * goes to a temporary file in our own form first.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay.h"

/* Copy all accesses of @from to @to. */
static void copy_trace(struct stream *from, struct recorder *to)
{
	struct access a;
	uint64_t nr = 0;

	while (stream_next(from, &a)) {
		record(to, &a);
		if (!(++nr & 0xfffff))
			progress("reading", nr, 0);
	}
	progress_end();
}

/* A file that nobody else sees, and that ends with us. */
static FILE *temporary_file(void)
{
	const char *dir = getenv("TMPDIR");
	char name[512];
	FILE *file;
	int fd;

	snprintf(name, sizeof(name), "%s/axas-replay-XXXXXX",
		 dir && *dir ? dir : "/tmp");
	fd = mkstemp(name);
	file = fd < 0 ? NULL : fdopen(fd, "w+");
	if (!file)
		die("cannot make a temporary file, %s: %s; $TMPDIR may name another directory",
		    name, strerror(errno));
	unlink(name);
	return file;
}

static void spool(struct trace *t, uint64_t limit)
{
	struct stream *from = stream_open(t->name, t->fd, false, false, limit);
	FILE *file = temporary_file();
	struct recorder *to = record_open("a temporary file", file, false);

	copy_trace(from, to);
	record_close(to);
	stream_close(from);
	t->fd = fileno(file);
	t->quiet = true;
}

static void open_source(struct trace *t, const struct options *o)
{
	bool is_stdin = !strcmp(o->trace, "-");

	t->name = is_stdin ? "standard input" : o->trace;
	t->fd = is_stdin ? STDIN_FILENO : open(o->trace, O_RDONLY | O_CLOEXEC);
	if (t->fd < 0)
		die("cannot open %s: %s", t->name, strerror(errno));
	t->limit = o->limit;
}

void open_trace(struct trace *t, const struct options *o)
{
	struct stream *s;

	open_source(t, o);
	if (lseek(t->fd, 0, SEEK_CUR))
		spool(t, o->limit);
	s = trace_stream(t);
	t->unit = stream_unit(s);
	stream_close(s);
}

/* From the first access on; warnings come once. */
struct stream *trace_stream(const struct trace *t)
{
	return stream_open(t->name, t->fd, true, t->quiet, t->limit);
}

/* Write the trace in our own form, and no more. */
void convert_trace(const struct options *o)
{
	struct trace t = { 0 };
	struct recorder *to;
	struct stream *from;

	open_source(&t, o);
	from = stream_open(t.name, t.fd, false, false, o->limit);
	to = record_create(o->convert);
	copy_trace(from, to);
	stream_close(from);
	if (!record_close(to))
		die("%s holds no access", t.name);
}
