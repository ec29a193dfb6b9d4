// SPDX-License-Identifier: MIT
/*
 * axas-migrate: the source.
 *
 * The order is what matters: first what was written is listed, then the areas, and
 * then contents are read. What changes behind its listing is listed again, so what is
 * sent in between does no harm, and the last round, in which the guest stands still,
 * makes all of it equal.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "migrate.h"

/* What somebody has pinned is listed as long as he has it. */
#define LAST_PASSES	100

struct round {
	uint64_t pages, zeros;
	double seconds;
};

struct source {
	const struct options *options;
	struct guest guest;
	struct hello hello;
	uint64_t session;
	int tracker, fd;
	struct axas_area_entry *areas;	/* as the other side knows them */
	uint32_t nr_areas;
	bool areas_known;

	/* in flight */
	struct axas_next_entry runs[MAX_RUNS];
	unsigned int nr_runs;
	uint64_t sequence;

	struct round *rounds;		/* the one that is sent is the last */
	unsigned int nr_rounds;
	uint64_t left;			/* bytes of this round, about */
	double began, since, stopped;
	double dirty_rate;		/* bytes per second, in the round before */
	uint64_t bytes;			/* over the socket */
	unsigned int reconnections;
	bool converged;
	uint64_t compared, unequal;
};

static struct guest *guest_to_free;

static void free_guest(void)
{
	if (guest_to_free)
		let_go(guest_to_free);
}

static struct round *this_round(struct source *s)
{
	return &s->rounds[s->nr_rounds - 1];
}

static uint64_t sent(const struct round *r)
{
	return (r->pages + r->zeros) * PAGE_SIZE;
}

static double megabytes(double bytes)
{
	return bytes / (1 << 20);
}

/* Bytes per second in this round. */
static double rate(struct source *s)
{
	double seconds = now() - s->since;

	return seconds > 0 ? (double)sent(this_round(s)) / seconds : 0;
}

/* Each round leaves what is written while it is sent: a geometric series. */
static void show_progress(struct source *s)
{
	double speed = rate(s), part = speed > 0 ? s->dirty_rate / speed : 1;
	char left[32] = "no end in sight";

	if (part < 0.98)
		snprintf(left, sizeof(left), "about %.0f s left",
			 (double)s->left / speed / (1 - part));
	progress("round %u: %.1f MiB to go, %.1f MiB/s, dirtied %.1f MiB/s, %s",
		 s->nr_rounds, megabytes((double)s->left), megabytes(speed),
		 megabytes(s->dirty_rate), left);
}

/* ---- the connection ---- */

static bool send_bytes(struct source *s, const void *data, size_t size)
{
	s->bytes += size;
	return put(s->fd, data, size);
}

static bool send_message(struct source *s, enum message_type type, uint32_t count,
			 uint64_t gpa, uint64_t length)
{
	s->bytes += sizeof(struct message);
	return put_message(s->fd, type, count, gpa, length);
}

static bool get_answer(struct source *s, enum message_type type,
		       struct message *m)
{
	if (!get(s->fd, m, sizeof(*m)))
		return false;
	if (m->type != type)
		die("%s: this isn't axas-migrate of one version",
		    s->options->path);
	return true;
}

/* Return: whether the other side knows what was sent before. */
static bool greet(struct source *s, bool *known)
{
	struct message m;

	if (!send_message(s, MSG_HELLO, VERSION_OF_WIRE, s->session, 0) ||
	    !send_bytes(s, &s->hello, sizeof(s->hello)) ||
	    !get_answer(s, MSG_WELCOME, &m))
		return false;
	*known = m.count;
	return true;
}

/* Try for a while: the other side may not be there yet, or again. */
static bool connect_again(struct source *s)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	double until = now() + s->options->retry;
	bool known;

	if (s->fd >= 0)
		close(s->fd);
	for (;;) {
		s->fd = connect_to(s->options->path);
		if (s->fd >= 0) {
			if (greet(s, &known))
				return known;
			close(s->fd);
		}
		if (now() > until)
			die("%s: nobody there; the guest stays here",
			    s->options->path);
		nanosleep(&pause, NULL);
		check_signals();
	}
}

/* Return: whether the other side still has what it had. */
static bool reconnect(struct source *s)
{
	s->reconnections++;
	say("the connection is broken; trying again");
	s->areas_known = false;
	return connect_again(s);
}

/* ---- areas ---- */

static void list_areas(struct source *s, struct axas_area_entry *areas,
		       uint32_t *nr)
{
	struct axas_area_iter *iter;
	int ret;

	do {
		*nr = 0;
		if (axas_areas_begin(s->guest.space, 0, &iter))
			die("out of memory");
		while (*nr < MAX_AREAS &&
		       (ret = axas_areas_next(iter, &areas[*nr])) == 1)
			(*nr)++;
		if (ret)
			die("areas: %s", ret < 0 ? strerror(-ret) : "too many");
		ret = axas_areas_changed(iter);
		axas_areas_end(iter);
	} while (ret);
}

static void check_areas(const struct axas_area_entry *areas, uint32_t nr)
{
	uint32_t i;

	for (i = 0; i < nr; i++) {
		if (areas[i].backend == AXAS_BACKEND_LINEAR)
			die("linear memory at 0x%llx is this machine's, and can't go elsewhere",
			    areas[i].gpa);
	}
}

static bool send_areas(struct source *s)
{
	static struct axas_area_entry *areas;
	uint32_t nr;

	if (!areas)
		areas = xalloc(MAX_AREAS * sizeof(*areas));
	list_areas(s, areas, &nr);
	if (s->areas_known && nr == s->nr_areas &&
	    !memcmp(areas, s->areas, nr * sizeof(*areas)))
		return true;
	check_areas(areas, nr);
	memcpy(s->areas, areas, nr * sizeof(*areas));
	s->nr_areas = nr;
	s->areas_known = true;
	return send_message(s, MSG_AREAS, nr, 0, 0) &&
	       send_bytes(s, areas, nr * sizeof(*areas));
}

/* ---- pages ---- */

/*
 * What isn't there any more was unmapped since it was listed, and is listed again.
 * Return: bytes that were read; 0: there is nothing to read at the first page.
 */
static uint64_t read_pages(struct source *s, uint64_t gpa, uint64_t length,
			   void *buf)
{
	int err = axas_read(s->guest.space, gpa, buf, length);

	if (err == -EFAULT && length > PAGE_SIZE)
		return read_pages(s, gpa, PAGE_SIZE, buf);
	if (err == -EFAULT)
		return 0;
	if (err)
		die("memory at 0x%" PRIx64 " can't be read: %s", gpa,
		    strerror(-err));
	return length;
}

/* Pages of a kind that are side by side go in one message. */
static bool send_buffer(struct source *s, uint64_t gpa, uint64_t length,
			const char *buf)
{
	uint64_t at = 0, end;
	bool zero, ok = true;

	while (ok && at < length) {
		zero = is_zero(buf + at);
		for (end = at + PAGE_SIZE; end < length; end += PAGE_SIZE)
			if (is_zero(buf + end) != zero)
				break;
		ok = send_message(s, zero ? MSG_ZERO : MSG_DATA, 0, gpa + at,
				  end - at) &&
		     (zero || send_bytes(s, buf + at, end - at));
		*(zero ? &this_round(s)->zeros : &this_round(s)->pages) +=
			(end - at) / PAGE_SIZE;
		at = end;
	}
	return ok;
}

static bool send_run(struct source *s, const struct axas_next_entry *run)
{
	static char *buf;
	uint64_t at, n, got;

	if (!buf)
		buf = xalloc(CHUNK);
	for (at = 0; at < run->length; at += got) {
		n = run->length - at < CHUNK ? run->length - at : CHUNK;
		got = read_pages(s, run->gpa + at, n, buf);
		if (!send_buffer(s, run->gpa + at, got, buf))
			return false;
		if (!got)
			got = PAGE_SIZE;
		s->left -= s->left < got ? s->left : got;
	}
	show_progress(s);
	return true;
}

static bool sync_with(struct source *s)
{
	struct message m;

	s->sequence++;
	if (!send_message(s, MSG_SYNC, 0, s->sequence, 0))
		return false;
	do {
		if (!get_answer(s, MSG_ACK, &m))
			return false;
	} while (m.gpa != s->sequence);
	return true;
}

/*
 * All runs in flight, until the other side has them. If it doesn't say so they are
 * put back, to be listed once more.
 * Return: false if the other side has to be given everything.
 */
static bool send_batch(struct source *s)
{
	bool ok = send_areas(s);
	unsigned int i;
	int err;

	for (i = 0; ok && i < s->nr_runs; i++)
		ok = send_run(s, &s->runs[i]);
	ok = ok && sync_with(s);
	if (ok) {
		s->nr_runs = 0;
		return true;
	}
	err = axas_dirty_put(s->tracker, s->runs, s->nr_runs);
	if (err)
		die("cannot put back what was written: %s", strerror(-err));
	s->nr_runs = 0;
	return reconnect(s);
}

typedef int (*list_fn)(struct source *s, uint64_t *gpa, uint64_t *length);

static int list_there(struct source *s, uint64_t *gpa, uint64_t *length)
{
	return axas_next(s->guest.space, gpa, length, s->runs, MAX_RUNS);
}

static int list_dirty(struct source *s, uint64_t *gpa, uint64_t *length)
{
	return axas_dirty(s->tracker, gpa, length, 0, s->runs, MAX_RUNS);
}

static uint64_t bytes_of(const struct axas_next_entry *runs, int nr)
{
	uint64_t bytes = 0;

	while (nr-- > 0)
		bytes += runs[nr].length;
	return bytes;
}

/*
 * A long run is sent in parts: put back is what is in flight, and no more.
 * Return: as send_batch().
 */
static bool send_listed(struct source *s, int nr)
{
	struct axas_next_entry all[MAX_RUNS], *run = all, *end = all + nr;
	uint64_t bytes = 0, n;

	memcpy(all, s->runs, (size_t)nr * sizeof(*all));
	while (run < end) {
		n = run->length < BATCH - bytes ? run->length : BATCH - bytes;
		s->runs[s->nr_runs++] = (struct axas_next_entry){
			.gpa = run->gpa, .length = n,
		};
		bytes += n;
		run->gpa += n;
		run->length -= n;
		if (!run->length)
			run++;
		if (bytes < BATCH && run < end)
			continue;
		bytes = 0;
		if (!send_batch(s))
			return false;
	}
	return true;
}

/* Return: false if the other side has to be given everything. */
static bool send_all_of(struct source *s, list_fn list)
{
	uint64_t gpa = s->hello.base, length = s->hello.length;
	int nr;

	while (length) {
		nr = list(s, &gpa, &length);
		if (nr < 0)
			die("cannot list pages: %s", strerror(-nr));
		if (!send_listed(s, nr))
			return false;
		check_signals();
	}
	/* Areas may have changed where no page has. */
	return send_batch(s);
}

/* ---- rounds ---- */

/* Bytes that would be listed now. */
static uint64_t dirty_bytes(struct source *s)
{
	uint64_t gpa = s->hello.base, length = s->hello.length, bytes = 0;
	struct axas_next_entry runs[MAX_RUNS];
	int nr;

	while (length) {
		nr = axas_dirty(s->tracker, &gpa, &length, AXAS_DIRTY_PEEK, runs,
				MAX_RUNS);
		if (nr < 0)
			die("cannot list pages: %s", strerror(-nr));
		bytes += bytes_of(runs, nr);
	}
	return bytes;
}

static void send_round(struct source *s, list_fn list, uint64_t bytes)
{
	struct round *r;

	s->rounds = reallocarray(s->rounds, s->nr_rounds + 1, sizeof(*r));
	if (!s->rounds)
		die("out of memory");
	s->nr_rounds++;
	r = this_round(s);
	*r = (struct round){ 0 };
	s->left = bytes;
	s->since = now();
	while (!send_all_of(s, list)) {
		list = list_there;
		say("the other side has begun anew");
	}
	r->seconds = now() - s->since;
}

/* Seconds that it takes to send this much, by all rounds so far. */
static double time_for(const struct source *s, uint64_t bytes)
{
	double seconds = 0;
	uint64_t all = 0;
	unsigned int i;

	for (i = 0; i < s->nr_rounds; i++) {
		all += sent(&s->rounds[i]);
		seconds += s->rounds[i].seconds;
	}
	return all ? seconds * (double)bytes / (double)all : 0;
}

static void send_while_it_runs(struct source *s)
{
	struct axas_stats stats;
	uint64_t dirty;

	if (axas_stats(s->guest.space, &stats))
		die("this space has no figures");
	send_round(s, list_there, stats.resident);
	for (;;) {
		dirty = dirty_bytes(s);
		s->dirty_rate = (double)dirty / this_round(s)->seconds;
		s->converged = time_for(s, dirty) <= s->options->downtime;
		if (s->converged || s->nr_rounds >= s->options->rounds)
			return;
		send_round(s, list_dirty, dirty);
	}
}

/* What is in flight somewhere has to arrive before nothing is dirty any more. */
static void send_the_rest(struct source *s)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	unsigned int pass = 0;

	send_round(s, list_dirty, dirty_bytes(s));
	while (dirty_bytes(s)) {
		if (++pass == LAST_PASSES)
			die("somebody keeps pages pinned for writing: stop what does direct I/O");
		nanosleep(&pause, NULL);
		if (!send_all_of(s, list_dirty))
			send_round(s, list_there, 0);
	}
}

/* ---- the end ---- */

static bool send_checksums(struct source *s, uint64_t gpa, uint64_t length)
{
	uint64_t sums[CHUNK / PAGE_SIZE], n, i;
	static char *buf;
	int err;

	if (!buf)
		buf = xalloc(CHUNK);
	for (; length; gpa += n, length -= n) {
		n = length < CHUNK ? length : CHUNK;
		err = axas_read(s->guest.space, gpa, buf, n);
		if (err)
			die("memory at 0x%" PRIx64 " can't be read: %s", gpa,
			    strerror(-err));
		for (i = 0; i < n / PAGE_SIZE; i++)
			sums[i] = checksum(buf + i * PAGE_SIZE);
		if (!send_message(s, MSG_CHECK, 1, gpa, n) ||
		    !send_bytes(s, sums, n / PAGE_SIZE * sizeof(*sums)))
			return false;
	}
	return true;
}

/* Of each page that is there, and of what lies between: nothing may be there. */
static bool send_all_checksums(struct source *s)
{
	uint64_t gpa = s->hello.base, length = s->hello.length, at = gpa;
	uint64_t end = gpa + length;
	struct axas_next_entry runs[MAX_RUNS];
	int nr, i;

	while (length) {
		nr = axas_next(s->guest.space, &gpa, &length, runs, MAX_RUNS);
		if (nr < 0)
			die("cannot list pages: %s", strerror(-nr));
		for (i = 0; i < nr; i++) {
			if (runs[i].gpa > at &&
			    !send_message(s, MSG_CHECK, 0, at, runs[i].gpa - at))
				return false;
			if (!send_checksums(s, runs[i].gpa, runs[i].length))
				return false;
			at = runs[i].gpa + runs[i].length;
		}
	}
	return at == end || send_message(s, MSG_CHECK, 0, at, end - at);
}

static bool compare(struct source *s)
{
	struct message m;

	if (!send_areas(s) || !send_all_checksums(s) ||
	    !send_message(s, MSG_FINISH, 0, 0, 0) ||
	    !get_answer(s, MSG_RESULT, &m))
		return false;
	s->compared = m.gpa;
	s->unequal = m.length;
	return true;
}

static void finish(struct source *s)
{
	progress("comparing");
	while (!compare(s))
		if (!reconnect(s)) {
			send_round(s, list_there, 0);
			send_the_rest(s);
		}
	send_message(s, MSG_BYE, !s->unequal, 0, 0);
	close(s->fd);
}

static void print_json(struct source *s, double seconds, double downtime)
{
	unsigned int i;

	printf("{\n  \"rounds\": [");
	for (i = 0; i < s->nr_rounds; i++)
		printf("%s\n    {\"pages\": %" PRIu64 ", \"zero_pages\": %" PRIu64 ", \"seconds\": %.6f}",
		       i ? "," : "", s->rounds[i].pages, s->rounds[i].zeros,
		       s->rounds[i].seconds);
	printf("\n  ],\n  \"converged\": %s,\n",
	       s->converged ? "true" : "false");
	printf("  \"bytes\": %" PRIu64 ",\n  \"reconnections\": %u,\n",
	       s->bytes, s->reconnections);
	printf("  \"seconds\": %.6f,\n  \"downtime\": %.6f,\n", seconds,
	       downtime);
	printf("  \"compared\": %" PRIu64 ",\n  \"unequal\": %" PRIu64 "\n}\n",
	       s->compared, s->unequal);
}

static void print_text(struct source *s, double seconds, double downtime)
{
	const struct round *r;
	unsigned int i;

	printf("round     pages   zeros    MiB/s  seconds\n");
	for (i = 0; i < s->nr_rounds; i++) {
		r = &s->rounds[i];
		printf("%5u%s %8" PRIu64 " %7" PRIu64 " %8.1f %8.3f\n", i + 1,
		       i + 1 == s->nr_rounds ? "*" : " ", r->pages, r->zeros,
		       r->seconds > 0 ?
		       megabytes((double)sent(r)) / r->seconds : 0, r->seconds);
	}
	printf("moved after %.3f s; the guest stood still for %.3f s (*)%s\n",
	       seconds, downtime,
	       s->converged ? "" : ", as no end was in sight");
	printf("%.1f MiB over the socket, which broke %u time%s\n",
	       megabytes((double)s->bytes), s->reconnections,
	       s->reconnections == 1 ? "" : "s");
	printf("%" PRIu64 " pages compared, %" PRIu64 " unequal\n", s->compared,
	       s->unequal);
}

static void describe_space(struct source *s)
{
	struct axas_stats stats;
	struct axas_info info;
	int err = axas_stats(s->guest.space, &stats);

	if (!err)
		err = axas_info(s->guest.dev, stats.format, &info);
	if (err)
		die("the space's format: %s", strerror(-err));
	s->hello = (struct hello){
		.gpa_bits = stats.gpa_bits, .features = stats.features,
		.base = stats.base, .length = stats.length,
	};
	memcpy(s->hello.format, info.name, sizeof(s->hello.format));
}

int send_guest(const struct options *o)
{
	struct source *s = xalloc(sizeof(*s));
	double seconds, downtime;

	s->options = o;
	s->fd = -1;
	s->areas = xalloc(MAX_AREAS * sizeof(*s->areas));
	find_guest(&s->guest, o);
	guest_to_free = &s->guest;
	before_death = free_guest;
	describe_space(s);
	if (getrandom(&s->session, sizeof(s->session), 0) < 0)
		die("getrandom: %s", strerror(errno));
	s->tracker = axas_track(s->guest.space, s->hello.base, s->hello.length,
				AXAS_TRACK_WRITTEN, 0, 0);
	if (s->tracker < 0)
		die("cannot track what is written: %s", strerror(-s->tracker));
	connect_again(s);
	s->began = now();
	send_while_it_runs(s);
	stop_guest(&s->guest);
	s->stopped = now();
	send_the_rest(s);
	finish(s);
	seconds = now() - s->began;
	downtime = now() - s->stopped;
	progress_end();
	(o->json ? print_json : print_text)(s, seconds, downtime);
	if (s->unequal)
		die("the guest stays here");
	return 0;
}
