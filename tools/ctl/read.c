// SPDX-License-Identifier: GPL-2.0
/*
 * axasctl: the module's files under debugfs.
 *
 * /sys/kernel/debug/axas has a directory for each live space, named by its
 * number. A space may end while it is looked at.
 */
#define _GNU_SOURCE
#include <axas.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "ctl.h"

#define DEBUGFS		"/sys/kernel/debug"

const char * const leaf_names[NR_LEAVES] = { "4K", "2M", "1G" };

/* Tests look at files of their own. */
static const char *spaces_dir(void)
{
	const char *dir = getenv("AXAS_DEBUGFS");

	return dir ? dir : DEBUGFS "/axas";
}

bool module_loaded(void)
{
	return !access("/sys/module/axas", F_OK);
}

static _Noreturn void die_without_spaces(int err)
{
	struct statfs fs;

	if (!module_loaded())
		die("the module isn't loaded: sudo modprobe axas, or sudo insmod axas.ko");
	if (err == EACCES)
		die("%s: %s; it belongs to root: use sudo", spaces_dir(),
		    strerror(err));
	if (err == EPERM)
		die("%s: %s; the kernel is locked down, which shuts debugfs",
		    spaces_dir(), strerror(err));
	if (!statfs(DEBUGFS, &fs) && fs.f_type != DEBUGFS_MAGIC)
		die("debugfs isn't mounted: sudo mount -t debugfs none " DEBUGFS);
	die("%s: %s; this kernel has no debugfs (CONFIG_DEBUG_FS)",
	    spaces_dir(), strerror(err));
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

size_t list_spaces(uint64_t **ids)
{
	size_t nr = 0, room = 0;
	struct dirent *entry;
	unsigned long long id;
	char *end;
	DIR *dir;

	*ids = NULL;
	dir = opendir(spaces_dir());
	if (!dir)
		die_without_spaces(errno);
	while ((entry = readdir(dir))) {
		id = strtoull(entry->d_name, &end, 10);
		if (*end || !id)
			continue;
		if (nr == room) {
			room = room ? 2 * room : 16;
			*ids = reallocarray(*ids, room, sizeof(**ids));
			if (!*ids)
				die("out of memory");
		}
		(*ids)[nr++] = id;
	}
	closedir(dir);
	if (nr)
		qsort(*ids, nr, sizeof(**ids), compare_ids);
	return nr;
}

/* While a space ends its directory may still be there: it isn't alive. */
static _Noreturn void die_without_space(uint64_t id)
{
	char text[256] = "";
	const char *comma = "", *more = "";
	size_t nr, i, at = 0;
	uint64_t *ids;

	nr = list_spaces(&ids);
	for (i = 0; i < nr && !*more; i++) {
		if (ids[i] == id)
			continue;
		if (at < sizeof(text) - 32)
			at += snprintf(text + at, sizeof(text) - at,
				       "%s%" PRIu64, comma, ids[i]);
		else
			more = ", ...";
		comma = ", ";
	}
	if (!at)
		die("no space %" PRIu64 ": none is alive", id);
	die("no space %" PRIu64 "; alive: %s%s", id, text, more);
}

/* Without debugfs, or without the module, nobody knows. */
bool space_ended(uint64_t id)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%" PRIu64, spaces_dir(), id);
	return access(path, F_OK) && errno == ENOENT &&
	       !access(spaces_dir(), F_OK);
}

void check_space(uint64_t id)
{
	if (space_ended(id))
		die_without_space(id);
}

static FILE *open_file(uint64_t id, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%" PRIu64 "/%s", spaces_dir(), id, name);
	return fopen(path, "re");
}

/* What open and read say of a space that has ended, or ends. */
static bool is_end(int err)
{
	return err == ENOENT || err == ENXIO || err == ENODEV || err == EIO;
}

void die_of_file(uint64_t id, const char *name, int err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%" PRIu64, spaces_dir(), id);
	if (err == ENOENT && !access(path, F_OK))
		die("%s has no file %s; are module and axasctl of one version?",
		    path, name);
	if (is_end(err))
		die_without_space(id);
	if (err == EACCES || err == EPERM)
		die_without_spaces(err);
	die("%s/%s: %s", path, name, strerror(err));
}

FILE *open_table(uint64_t id)
{
	FILE *f = open_file(id, "table");

	if (!f)
		die_of_file(id, "table", errno);
	return f;
}

/*
 * Call @each for each line, which may change it; it says if it understood.
 * Returns 0, or what open or read said.
 */
static int try_lines(uint64_t id, const char *name,
		     bool (*each)(char *line, void *arg), void *arg)
{
	FILE *f = open_file(id, name);
	unsigned int number = 0;
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	int err;

	if (!f)
		return errno;
	while ((length = getline(&line, &room, f)) > 0) {
		number++;
		if (line[length - 1] == '\n')
			line[length - 1] = '\0';
		if (*line == '#' || !*line)
			continue;
		if (!each(line, arg))
			die("%s/%" PRIu64 "/%s, line %u: cannot read \"%s\"; are module and axasctl of one version?",
			    spaces_dir(), id, name, number, line);
	}
	err = ferror(f) ? errno : 0;
	free(line);
	fclose(f);
	return err;
}

static void read_lines(uint64_t id, const char *name,
		       bool (*each)(char *line, void *arg), void *arg)
{
	int err = try_lines(id, name, each, arg);

	if (err)
		die_of_file(id, name, err);
}

static size_t parse_list(const char *text, uint64_t *list, size_t room)
{
	size_t nr = 0;
	char *end;

	while (nr < room) {
		list[nr] = strtoull(text, &end, 0);
		if (end == text)
			break;
		text = end;
		nr++;
	}
	return nr;
}

/* "resolved 137 spurious 128 ..."; names that we don't know are newer. */
static bool parse_faults(uint64_t *faults, const char *text)
{
	unsigned int i;
	char name[32];
	uint64_t n;
	int used;

	while (sscanf(text, "%31s %" SCNu64 "%n", name, &n, &used) == 2) {
		for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
			if (!strcmp(name, axas_result_name(i)))
				faults[i] = n;
		text += used;
	}
	return !text[strspn(text, " ")];
}

/* The name of a task may hold anything; a terminal shall not obey it. */
static bool parse_owner(struct figures *f, const char *text)
{
	int used = 0;
	char *p;

	if (sscanf(text, "%d %n", &f->pid, &used) != 1)
		return false;
	snprintf(f->comm, sizeof(f->comm), "%s", text + used);
	for (p = f->comm; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return true;
}

static bool parse_figure(struct figures *f, char *line)
{
	char *value = line + strcspn(line, " \t");
	uint64_t n;

	if (*value)
		*value++ = '\0';
	value += strspn(value, " \t");
	if (!strcmp(line, "format")) {
		snprintf(f->format, sizeof(f->format), "%s", value);
		return true;
	}
	if (!strcmp(line, "owner"))
		return parse_owner(f, value);
	if (!strcmp(line, "faults"))
		return parse_faults(f->faults, value);
	if (!strcmp(line, "leaves"))
		return parse_list(value, f->leaves, NR_LEAVES) == NR_LEAVES;
	if (!strcmp(line, "tables"))
		return parse_list(value, f->tables, NR_LEVELS) > 0;
	if (!parse_list(value, &n, 1))
		return false;
	if (!strcmp(line, "gpa-bits"))
		f->gpa_bits = n;
	else if (!strcmp(line, "levels"))
		f->levels = n;
	else if (!strcmp(line, "areas"))
		f->areas = n;
	else if (!strcmp(line, "resident"))
		f->resident = n;
	else if (!strcmp(line, "base"))
		f->base = n;
	else if (!strcmp(line, "length"))
		f->length = n;
	else if (!strcmp(line, "features"))
		f->features = n;
	return true;
}

static bool each_figure(char *line, void *arg)
{
	return parse_figure(arg, line);
}

/* Returns 0, or what open or read said. */
static int figures_or_error(uint64_t id, struct figures *f)
{
	int err;

	*f = (struct figures){ .id = id };
	err = try_lines(id, "stats", each_figure, f);
	if (err)
		return err;
	if (!f->gpa_bits || !f->levels || f->levels > NR_LEVELS)
		die("%s/%" PRIu64 "/stats tells no gpa-bits or levels; are module and axasctl of one version?",
		    spaces_dir(), id);
	return 0;
}

void read_figures(uint64_t id, struct figures *f)
{
	int err = figures_or_error(id, f);

	if (err)
		die_of_file(id, "stats", err);
}

bool try_figures(uint64_t id, struct figures *f)
{
	int err = figures_or_error(id, f);

	if (err && !is_end(err))
		die_of_file(id, "stats", err);
	return !err;
}

/*
 * 0x0000000000000000-0x0000000040000000 rw- alloc wb 4K 0x0 - -
 * The flags begin behind the eighth column and may be missing.
 */
static bool parse_area(struct area *a, char *line)
{
	char hpa[24];
	int used = 0;

	*a = (struct area){ 0 };
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %15s %7s %3s %" SCNx64 " %23s%n",
		   &a->start, &a->end, a->prot, a->backend, a->memtype,
		   a->max_leaf, &a->cookie, hpa, &used) < 8 ||
	    a->end <= a->start)
		return false;
	a->has_hpa = sscanf(hpa, "%" SCNx64, &a->hpa) == 1;
	if (sscanf(line + used, "%63s", a->flags) != 1)
		strcpy(a->flags, "-");
	return true;
}

/* A list of a space that grows. */
struct growing {
	struct space *space;
	size_t room;
};

/* The array with room for one more than @nr. */
static void *grown(struct growing *list, void *array, size_t nr, size_t size)
{
	if (nr < list->room)
		return array;
	list->room = list->room ? 2 * list->room : 16;
	array = reallocarray(array, list->room, size);
	if (!array)
		die("out of memory");
	return array;
}

static bool each_area(char *line, void *arg)
{
	struct growing *list = arg;
	struct space *s = list->space;

	s->areas = grown(list, s->areas, s->nr_areas, sizeof(*s->areas));
	return parse_area(&s->areas[s->nr_areas++], line);
}

static void read_areas(struct space *s)
{
	struct growing list = { .space = s };

	read_lines(s->figures.id, "areas", each_area, &list);
}

/* port 0x3f8-0x3ff cookie 0x1 */
static bool parse_device(struct device *d, char *line)
{
	return sscanf(line, "%7s %" SCNx64 "-%" SCNx64 " cookie %" SCNx64,
		      d->bus, &d->first, &d->last, &d->cookie) == 4 &&
	       d->first <= d->last;
}

static bool each_device(char *line, void *arg)
{
	struct growing *list = arg;
	struct space *s = list->space;

	s->devices = grown(list, s->devices, s->nr_devices,
			   sizeof(*s->devices));
	return parse_device(&s->devices[s->nr_devices++], line);
}

static void read_devices(struct space *s)
{
	struct growing list = { .space = s };

	read_lines(s->figures.id, "devices", each_device, &list);
}

/* 0x0000000000000000-0x0000000000200000       2M 2M rwx wb owned a d */
static bool parse_run(struct run *r, char *line)
{
	char leaf[4];
	int used = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %3s %4s %7s%n", &r->start,
		   &r->end, leaf, r->prot, r->memtype, &used) < 5 ||
	    r->end <= r->start)
		return false;
	line += used;
	snprintf(r->flags, sizeof(r->flags), "%s", line + strspn(line, " "));
	for (r->leaf = 0; r->leaf < NR_LEAVES; r->leaf++)
		if (!strcmp(leaf, leaf_names[r->leaf]))
			return true;
	return false;
}

struct run_reader {
	void (*each)(const struct run *run, void *arg);
	void *arg;
};

static bool each_run(char *line, void *arg)
{
	struct run_reader *reader = arg;
	struct run run;

	if (!parse_run(&run, line))
		return false;
	reader->each(&run, reader->arg);
	return true;
}

void read_runs(struct space *s, void (*each)(const struct run *run, void *arg),
	       void *arg)
{
	struct run_reader reader = { .each = each, .arg = arg };

	read_lines(s->figures.id, "table", each_run, &reader);
}

struct table_reader {
	void (*each)(struct table *table, void *arg);
	void *arg;
};

/* 1 0x0000000000200000 512 0 44 0x10a4f000 */
static bool each_table(char *line, void *arg)
{
	struct table_reader *reader = arg;
	struct table table;

	if (sscanf(line, "%u %" SCNx64 " %u %u %u %" SCNx64, &table.level,
		   &table.start, &table.entries, &table.tables, &table.leaves,
		   &table.hpa) < 6 ||
	    !table.level || table.level > NR_LEVELS)
		return false;
	table.level--;
	reader->each(&table, reader->arg);
	return true;
}

/* From the root down, each before those that it leads to. */
void read_tables(struct space *s, void (*each)(struct table *table, void *arg),
		 void *arg)
{
	struct table_reader reader = { .each = each, .arg = arg };

	read_lines(s->figures.id, "tables", each_table, &reader);
}

static void keep_run(const struct run *run, void *arg)
{
	struct growing *list = arg;
	struct space *s = list->space;

	s->runs = grown(list, s->runs, s->nr_runs, sizeof(*s->runs));
	s->runs[s->nr_runs++] = *run;
}

void read_space(uint64_t id, struct space *s)
{
	struct growing list = { .space = s };

	*s = (struct space){ 0 };
	read_figures(id, &s->figures);
	read_areas(s);
	read_devices(s);
	read_runs(s, keep_run, &list);
}

void free_space(struct space *s)
{
	free(s->areas);
	free(s->devices);
	free(s->runs);
}
