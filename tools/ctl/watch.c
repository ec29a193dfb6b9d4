// SPDX-License-Identifier: GPL-2.0
/*
 * axasctl watch: faults per second by result.
 *
 * The kernel counts: a histogram trigger on the tracepoint axas:axas_fault, in
 * a trace instance of our own, which loses nothing at any rate, unless it has no
 * place for another pair of space and result. What is printed is what it counted
 * more than the last time.
 */
#define _GNU_SOURCE
#include <axas.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"

#define TABLE_WIDTH	76
/* One that poisoned pages bring isn't worth a column. */
#define TABLE_RESULTS	AXAS_FAULT_POISONED

/* What the kernel shall count: with --latency, and always. */
static const char * const triggers[] = {
	"hist:keys=result,ns.log2:vals=hitcount",
	"hist:keys=space,result:vals=hitcount,ns:size=4096",
};

#define NR_TRIGGERS	ARRAY_SIZE(triggers)

/* What the kernel has counted for a space so far, and at the last look. */
struct counter {
	uint64_t id;
	uint64_t now[AXAS_NR_FAULT_RESULTS], last[AXAS_NR_FAULT_RESULTS];
	uint64_t ns, last_ns;
};

struct watch {
	const struct request *req;
	struct terminal term;
	struct counter *counters;
	size_t nr;
	uint64_t dropped, last_dropped;	/* faults with no place to count them */
	struct latency latency;
	unsigned int lines;		/* on the terminal, to be written over */
	double since, seconds;		/* the last look, and how long ago */
};

static char instance[PATH_MAX];
static bool armed[NR_TRIGGERS];

static const char *tracefs(void)
{
	const char *dir = getenv("AXAS_TRACEFS");

	if (dir)
		return dir;
	if (!access("/sys/kernel/tracing/instances", F_OK))
		return "/sys/kernel/tracing";
	return "/sys/kernel/debug/tracing";
}

static int write_trigger(int fd, const char *before, const char *trigger,
			 const char *behind)
{
	char text[160];
	int length = snprintf(text, sizeof(text), "%s%s%s\n", before, trigger,
			      behind);

	return write(fd, text, length) == length ? 0 : -errno;
}

/* A histogram goes with its instance, but not while it is armed. */
static void remove_instance(void)
{
	char path[PATH_MAX + 64];
	size_t i;
	int fd;

	if (!*instance)
		return;
	snprintf(path, sizeof(path), "%s/events/axas/axas_fault/trigger",
		 instance);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	for (i = 0; fd >= 0 && i < NR_TRIGGERS; i++)
		if (armed[i] && write_trigger(fd, "!", triggers[i], ""))
			fprintf(stderr, "axasctl: %s: %s\n", path,
				strerror(errno));
	if (fd >= 0)
		close(fd);
	if (rmdir(instance))
		fprintf(stderr, "axasctl: cannot remove %s: %s\n", instance,
			strerror(errno));
	*instance = '\0';
}

static _Noreturn void die_without_trace(const char *path, int err)
{
	if (geteuid() && (err == EACCES || err == EPERM))
		die("%s: %s; use sudo", path, strerror(err));
	if (err == EPERM)
		die("%s: %s; the kernel is locked down, which shuts tracefs",
		    path, strerror(err));
	if (access(tracefs(), F_OK) || (err == ENOENT && !*instance))
		die("tracefs isn't mounted: sudo mount -t tracefs none /sys/kernel/tracing");
	die("%s: %s", path, strerror(err));
}

static void make_instance(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/instances/axasctl-%d", tracefs(),
		 getpid());
	if (mkdir(path, 0700))
		die_without_trace(path, errno);
	strcpy(instance, path);
	atexit(remove_instance);
}

static void arm(const struct request *req)
{
	char path[PATH_MAX + 64], filter[64] = "";
	size_t i;
	int fd;

	snprintf(path, sizeof(path), "%s/events/axas/axas_fault", instance);
	if (access(path, F_OK) && !module_loaded())
		die("the module isn't loaded: sudo modprobe axas, or sudo insmod axas.ko");
	if (access(path, F_OK))
		die("the module has no tracepoints: this kernel was built without CONFIG_TRACEPOINTS, or they are off");
	strcat(path, "/trigger");
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		die_without_trace(path, errno);
	if (req->id)
		snprintf(filter, sizeof(filter), " if space == %" PRIu64,
			 req->id);
	for (i = req->latency ? 0 : 1; i < NR_TRIGGERS; i++) {
		if (write_trigger(fd, "", triggers[i], filter))
			die("this kernel takes no histogram trigger (CONFIG_HIST_TRIGGERS): %s",
			    strerror(errno));
		armed[i] = true;
	}
	close(fd);
}

static struct counter *counter_of(struct watch *w, uint64_t id)
{
	size_t i;

	for (i = 0; i < w->nr; i++)
		if (w->counters[i].id == id)
			return &w->counters[i];
	w->counters = reallocarray(w->counters, w->nr + 1,
				   sizeof(*w->counters));
	if (!w->counters)
		die("out of memory");
	w->counters[w->nr] = (struct counter){ .id = id };
	return &w->counters[w->nr++];
}

/* "{ space:   3, result:   0 } hitcount:   137  ns:   81230", "    Dropped: 0" */
static void read_line(struct watch *w, const char *line)
{
	uint64_t hits, ns;
	struct counter *c;
	uint64_t id;
	uint32_t result;

	/* There is one for each trigger, and only spaces can be too many. */
	if (sscanf(line, " Dropped: %" SCNu64, &hits) == 1) {
		w->dropped = hits > w->dropped ? hits : w->dropped;
		return;
	}
	if (read_latency(&w->latency, line))
		return;
	if (sscanf(line, "{ space: %" SCNu64 ", result: %u } hitcount: %" SCNu64 " ns: %" SCNu64,
		   &id, &result, &hits, &ns) != 4)
		return;
	c = counter_of(w, id);
	if (result < AXAS_NR_FAULT_RESULTS)
		c->now[result] = hits;
	c->ns += ns;
}

static void read_histogram(struct watch *w)
{
	char path[PATH_MAX + 64], line[256];
	size_t i;
	FILE *f;

	snprintf(path, sizeof(path), "%s/events/axas/axas_fault/hist",
		 instance);
	f = fopen(path, "re");
	if (!f)
		die_without_trace(path, errno);
	for (i = 0; i < w->nr; i++)
		w->counters[i].ns = 0;
	while (fgets(line, sizeof(line), f))
		read_line(w, line);
	fclose(f);
}

static uint64_t all(const struct counter *c)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		sum += c->now[i] - c->last[i];
	return sum;
}

/* A space that has ended stands there as long as it brings something new. */
static bool is_shown(const struct watch *w, const struct counter *c)
{
	return c->id == w->req->id || all(c) || !space_ended(c->id);
}

static void warn_of_dropped(struct watch *w)
{
	if (!w->dropped || w->last_dropped)
		return;
	fprintf(stderr, "axasctl: the kernel has no place to count more spaces; faults of others go uncounted until watch is started anew\n");
	w->lines = 0;
}

static double rate(const struct watch *w, uint64_t more)
{
	return (double)more / w->seconds;
}

static int column_width(unsigned int result)
{
	return result <= AXAS_FAULT_SPURIOUS ? 8 :
	       result == AXAS_FAULT_NO_MEMORY ? 9 : 7;
}

static void print_head(void)
{
	time_t t = time(NULL);
	unsigned int i;
	char now[16];

	strftime(now, sizeof(now), "%H:%M:%S", localtime(&t));
	fputs(now, stdout);
	for (i = 0; i < TABLE_RESULTS; i++)
		printf(" %*s", column_width(i), axas_result_name(i));
	puts(" ns each");
}

static void print_row(const struct watch *w, const struct counter *c)
{
	uint64_t sum = all(c);
	unsigned int i;

	printf("%8" PRIu64, c->id);
	for (i = 0; i < TABLE_RESULTS; i++)
		printf(" %*.0f", column_width(i),
		       rate(w, c->now[i] - c->last[i]));
	if (sum)
		printf(" %7" PRIu64 "\n", (c->ns - c->last_ns) / sum);
	else
		printf(" %7s\n", "-");
}

/* Written over the last one, if that is still wholly on the screen. */
static void print_table(struct watch *w)
{
	bool in_place = w->term.tty && w->term.columns >= TABLE_WIDTH;
	unsigned int taken = w->req->latency ? latency_lines(&w->latency) : 0;
	unsigned int rows = 0, more = 0, room = UINT_MAX;
	size_t n;

	if (in_place)	/* the heading, the rest, and where the cursor stays */
		room = w->term.rows > taken + 4 ? w->term.rows - taken - 3 : 1;
	if (in_place && w->lines)
		printf("\033[%uA\033[J", w->lines);
	print_head();
	for (n = 0; n < w->nr; n++) {
		if (!is_shown(w, &w->counters[n]))
			continue;
		if (rows < room) {
			print_row(w, &w->counters[n]);
			rows++;
		} else {
			more++;
		}
	}
	if (more)
		printf("   and %u more\n", more);
	else if (!rows)
		puts("   no faults yet");
	w->lines = 1 + rows + (more || !rows) + taken;
	if (taken)
		print_latency(&w->latency, &w->term);
}

static void print_json_line(struct watch *w)
{
	struct json_object *o = json_object_new_object(), *space, *rates;
	struct json_object *list = json_object_new_array();
	unsigned int i;
	size_t n;

	json_add_decimal(o, "seconds", w->seconds);
	for (n = 0; n < w->nr; n++) {
		const struct counter *c = &w->counters[n];
		uint64_t sum = all(c);

		if (!is_shown(w, c))
			continue;
		space = json_object_new_object();
		json_add_number(space, "id", c->id);
		json_add_number(space, "faults", sum);
		rates = json_object_new_object();
		for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
			json_add_decimal(rates, axas_result_name(i),
					 rate(w, c->now[i] - c->last[i]));
		json_object_object_add(space, "per_second", rates);
		json_add_number(space, "ns_per_fault",
				sum ? (c->ns - c->last_ns) / sum : 0);
		json_object_array_add(list, space);
	}
	json_object_object_add(o, "spaces", list);
	json_add_number(o, "dropped", w->dropped - w->last_dropped);
	if (w->req->latency)
		json_object_object_add(o, "latency", json_latency(&w->latency));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

/* What is counted from here on is news. */
static void keep(struct watch *w)
{
	size_t i;

	for (i = 0; i < w->nr; i++) {
		memcpy(w->counters[i].last, w->counters[i].now,
		       sizeof(w->counters[i].last));
		w->counters[i].last_ns = w->counters[i].ns;
	}
	w->last_dropped = w->dropped;
	keep_latency(&w->latency);
}

/* Returns whether to go on. */
static bool look(struct watch *w)
{
	/* Asked before reading: its last faults shall be seen. */
	bool ended = w->req->id && space_ended(w->req->id);
	double now;

	read_histogram(w);
	now = now_seconds();
	w->seconds = now - w->since;
	w->since = now;
	warn_of_dropped(w);
	(w->req->json ? print_json_line : print_table)(w);
	if (fflush(stdout))
		return false;
	keep(w);
	if (ended)
		fprintf(stderr, "axasctl: space %" PRIu64 " has ended\n", w->req->id);
	return !ended;
}

int show_watch(const struct request *req)
{
	struct watch w = { .req = req };
	unsigned int n;

	look_at_terminal(&w.term);
	if (req->id)
		check_space(req->id);
	catch_signals();
	make_instance();
	arm(req);
	if (req->id)
		counter_of(&w, req->id);
	w.since = now_seconds();
	for (n = 0; !req->count || n < req->count; n++) {
		wait_for(req->interval);
		if (is_stopped() || !look(&w))
			break;
	}
	free(w.counters);
	return 0;
}
