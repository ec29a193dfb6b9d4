// SPDX-License-Identifier: GPL-2.0
/*
 * axasctl heat: what it draws. The memory of a space is cut into cells of one size; a
 * tracker says what of them was written, or used.
 *
 * A tracker takes a descriptor of the space. Some process has one, and whoever may look
 * at that process opens it anew.
 */
#define _GNU_SOURCE
#include <axas.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctl.h"

#define SMALL_AREA	(UINT64_C(1) << 30)	/* is shown whole */
#define SPARSE		64	/* less than one of so many is there: not whole */
#define AROUND		(UINT64_C(2) << 20)	/* shown around what is there */
#define RUNS		256

/* ---- the descriptor ---- */

static bool is_space(int pid, const char *fd, uint64_t id)
{
	char path[320], line[128];
	uint64_t found = 0;
	ssize_t length;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, fd);
	length = readlink(path, line, sizeof(line) - 1);
	line[length > 0 ? length : 0] = '\0';
	if (strcmp(line, "anon_inode:[axas]"))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid, fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f) &&
	       sscanf(line, "axas-id: %" SCNu64, &found) != 1)
		;
	if (f)
		fclose(f);
	return found == id;
}

/* Returns a descriptor, or -1 if the process has none. */
static int space_of(int pid, uint64_t id)
{
	struct dirent *entry;
	char path[320];
	int space = -1;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && space < 0 && (entry = readdir(dir))) {
		if (!is_space(pid, entry->d_name, id))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid,
			 entry->d_name);
		space = open(path, O_RDWR | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	return space;
}

/* Most often it is who made it. */
static int open_space(const struct figures *f, int *pid)
{
	struct dirent *entry;
	int space;
	DIR *dir;

	*pid = f->pid;
	space = space_of(*pid, f->id);
	dir = opendir("/proc");
	while (dir && space < 0 && (entry = readdir(dir))) {
		*pid = atoi(entry->d_name);
		if (*pid > 0)
			space = space_of(*pid, f->id);
	}
	if (dir)
		closedir(dir);
	if (space < 0)
		die("no process here has space %" PRIu64 " open, or that isn't to be seen: use sudo",
		    f->id);
	return space;
}

/* A tracker keeps the space alive: @owner says when nobody needs it any more. */
void start_tracking(struct tracked *t, const struct figures *f)
{
	uint32_t what = t->used ? AXAS_TRACK_ACCESSED : AXAS_TRACK_WRITTEN;
	int space, pid;

	space = open_space(f, &pid);
	t->owner = (int)syscall(SYS_pidfd_open, pid, 0);
	t->base = f->base;
	t->length = f->length;
	t->tracker = axas_track(space, f->base, f->length, what, 0, 0);
	/* The owner's trackers go by flags, and so do all. */
	if (t->tracker == -EBUSY)
		t->tracker = axas_track(space, f->base, f->length, what,
					AXAS_TRACK_BY_FLAGS, 0);
	close(space);
	if (t->tracker == -ENOTTY)
		die("the module has no trackers: it is older than 0.3");
	if (t->used && t->tracker == -EINVAL)
		die("the module doesn't know what is used: it is older than 0.3");
	if (t->used && t->tracker == -EOPNOTSUPP)
		die("nobody keeps account of what is used in space %" PRIu64 ": it lacks AXAS_FEAT_AD",
		    f->id);
	if (t->tracker < 0)
		die("cannot track space %" PRIu64 ": %s", f->id,
		    strerror(-t->tracker));
}

/* ---- what is shown ---- */

static void add_span(struct tracked *t, uint64_t start, uint64_t end)
{
	struct shown *last = t->nr_spans ? &t->spans[t->nr_spans - 1] : NULL;

	if (start >= end)
		return;
	if (last && last->end >= start) {
		last->end = end > last->end ? end : last->end;
		return;
	}
	t->spans = reallocarray(t->spans, t->nr_spans + 1, sizeof(*t->spans));
	if (!t->spans)
		die("out of memory");
	t->spans[t->nr_spans++] = (struct shown){ start, end };
}

/* Of an area that is next to empty, only what is there. */
static void add_area(struct tracked *t, const struct space *s,
		     const struct area *a)
{
	struct bar b;
	bool whole;
	size_t i;

	if (is_device(a))
		return;
	lay_bar(&b, s, a, 1);
	whole = a->end - a->start <= SMALL_AREA ||
		mapped_bytes(&b) >= (a->end - a->start) / SPARSE;
	free_bar(&b);
	if (whole) {
		add_span(t, a->start, a->end);
		return;
	}
	for (i = 0; i < s->nr_runs; i++) {
		uint64_t start = s->runs[i].start & ~(AROUND - 1);
		uint64_t end = (s->runs[i].end + AROUND - 1) & ~(AROUND - 1);

		add_span(t, start > a->start ? start : a->start,
			 end < a->end ? end : a->end);
	}
}

/* Cells that begin at multiples of @size, each once. @cells may be NULL. */
static size_t lay(const struct tracked *t, uint64_t size, struct cell *cells,
		  size_t most)
{
	uint64_t at, next, last = UINT64_MAX;
	size_t nr = 0, i;

	for (i = 0; i < t->nr_spans; i++) {
		const struct shown *s = &t->spans[i];

		if (!cells && (s->end - s->start) / size > most)
			return most + 1;
		for (at = s->start; at < s->end; at = next) {
			next = (at | (size - 1)) + 1;
			if (!next || next > s->end)
				next = s->end;
			if (at / size != last && cells)
				cells[nr] = (struct cell){ .start = at };
			nr += at / size != last;
			last = at / size;
			if (cells) {
				cells[nr - 1].end = next;
				cells[nr - 1].room += next - at;
			}
		}
	}
	return nr;
}

void lay_cells(struct tracked *t, const struct space *s, size_t most)
{
	size_t i;

	for (i = 0; i < s->nr_areas; i++)
		add_area(t, s, &s->areas[i]);
	if (!t->nr_spans)
		die("space %" PRIu64 " has no memory yet", s->figures.id);
	t->cell = PAGE_SIZE;
	while (lay(t, t->cell, NULL, most) > most)
		t->cell <<= 1;
	t->nr = lay(t, t->cell, NULL, most);
	t->cells = xcalloc(t->nr, sizeof(*t->cells));
	lay(t, t->cell, t->cells, most);
}

/* Does a hole lie before the cell? */
bool is_apart(const struct tracked *t, size_t cell)
{
	return !cell || t->cells[cell].start / t->cell !=
			t->cells[cell - 1].start / t->cell + 1;
}

unsigned int cell_heat(const struct tracked *t, size_t cell, uint64_t written)
{
	return heat_class(written, t->cells[cell].room);
}

/* ---- what was written ---- */

static size_t first_cell(const struct tracked *t, uint64_t gpa)
{
	size_t low = 0, high = t->nr, mid;

	while (low < high) {
		mid = (low + high) / 2;
		if (t->cells[mid].end > gpa)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* What lies beside the cells may be more than all of them: an unmap of nothing. */
static void add_run(struct tracked *t, uint64_t start, uint64_t end)
{
	uint64_t from, to, more;
	size_t i;

	t->elsewhere += end - start;
	for (i = first_cell(t, start); i < t->nr && t->cells[i].start < end; i++) {
		struct cell *c = &t->cells[i];

		from = start > c->start ? start : c->start;
		to = end < c->end ? end : c->end;
		more = to - from;
		if (more > c->room - c->written)
			more = c->room - c->written;
		c->written += more;
		t->written += more;
		t->elsewhere -= more;
	}
}

/* Since the last time. */
void list_written(struct tracked *t)
{
	uint64_t gpa = t->base, length = t->length;
	struct axas_next_entry runs[RUNS];
	size_t n;
	int nr, i;

	t->written = 0;
	t->elsewhere = 0;
	for (n = 0; n < t->nr; n++)
		t->cells[n].written = 0;
	while (length) {
		nr = axas_dirty(t->tracker, &gpa, &length, 0, runs, RUNS);
		if (nr < 0)
			die("cannot list what was %s: %s",
			    t->used ? "used" : "written", strerror(-nr));
		for (i = 0; i < nr; i++)
			add_run(t, runs[i].gpa, runs[i].gpa + runs[i].length);
	}
}

void stop_tracking(struct tracked *t)
{
	close(t->tracker);
	if (t->owner >= 0)
		close(t->owner);
	free(t->spans);
	free(t->cells);
}
