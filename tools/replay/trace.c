// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: read a memory trace.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"

/*
 * The trace is text as valgrind's lackey writes it:
 *
 *	I  04001000,3		instruction fetch
 *	 L 1ffeffe7e0,8		load
 *	 S 1ffeffe7d8,8		store
 *	 M 0421c7cc,4		modify: load and store
 *
 * Lines of any other form, such as valgrind's own "==123== ...", are skipped.
 */
static uint8_t line_kind(const char *s)
{
	if (!strncmp(s, "I  ", 3))
		return AXAS_PROT_EXEC;
	if (!strncmp(s, " L ", 3))
		return AXAS_PROT_READ;
	if (!strncmp(s, " S ", 3))
		return AXAS_PROT_WRITE;
	if (!strncmp(s, " M ", 3))
		return AXAS_PROT_READ | AXAS_PROT_WRITE;
	return 0;
}

static bool parse_line(struct access *a, const char *s)
{
	unsigned long long addr, size;
	char *end;

	errno = 0;
	addr = strtoull(s + 3, &end, 16);
	if (end == s + 3 || *end != ',' || errno)
		return false;
	s = end + 1;
	size = strtoull(s, &end, 10);
	if (end == s || (*end && *end != '\n' && *end != '\r') || errno)
		return false;
	/* One access meets two pages at most. */
	if (!size || size > PAGE_SIZE || addr + size < addr)
		return false;
	a->addr = addr;
	a->size = size;
	return true;
}

static void count_access(struct trace *t, uint8_t kind)
{
	if (kind == AXAS_PROT_EXEC)
		t->fetches++;
	else if (kind == AXAS_PROT_READ)
		t->loads++;
	else if (kind == AXAS_PROT_WRITE)
		t->stores++;
	else
		t->modifies++;
}

static void add_access(struct trace *t, const struct access *a, size_t *room)
{
	if (t->nr == *room) {
		*room = *room ? 2 * *room : 65536;
		t->accesses = xrealloc(t->accesses, *room, sizeof(*a));
	}
	t->accesses[t->nr++] = *a;
	count_access(t, a->kind);
}

static void read_lines(struct trace *t, FILE *in, const char *name,
		       uint64_t limit)
{
	struct access a = { 0 };
	size_t room = 0, len = 0;
	char *s = NULL;

	while (t->nr < limit && getline(&s, &len, in) > 0) {
		if (++a.line == UINT32_MAX)
			die("%s: more than %u lines; use --limit", name, a.line - 1);
		if (a.line == 1 && !strncmp(s, "\x1f\x8b", 2))
			die("%s is compressed; try: zcat %s | axas-replay -",
			    name, name);
		a.kind = line_kind(s);
		if (!a.kind)
			continue;
		if (!parse_line(&a, s))
			die("%s: line %u: not an access of 1 to %d bytes: %.*s",
			    name, a.line, (int)PAGE_SIZE,
			    (int)strcspn(s, "\r\n"), s);
		add_access(t, &a, &room);
		if (!(t->nr & 0xffff))
			progress("reading", t->nr, 0);
	}
	if (ferror(in))
		die("cannot read %s: %s", name, strerror(errno));
	free(s);
}

void read_trace(struct trace *t, const struct options *o)
{
	bool is_stdin = !strcmp(o->trace, "-");
	const char *name = is_stdin ? "standard input" : o->trace;
	FILE *in = is_stdin ? stdin : fopen(o->trace, "r");

	if (!in)
		die("cannot open %s: %s", name, strerror(errno));
	read_lines(t, in, name, o->limit);
	if (!t->nr)
		die("%s holds no access; record one with: valgrind --tool=lackey --trace-mem=yes --log-file=FILE PROGRAM",
		    name);
	if (!is_stdin)
		fclose(in);
	progress_end();
}
