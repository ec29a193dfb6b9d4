// SPDX-License-Identifier: MIT
/*
 * axas-migrate: the guest at the source. It is a space of another process, or one of
 * our own, to which threads write by all the ways that there are.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "migrate.h"

#define RW		(AXAS_PROT_READ | AXAS_PROT_WRITE)
#define MAX_THREADS	64

/* ---- another process ---- */

/* Opened anew it is the same space, and has all rights. */
static int open_space(pid_t pid)
{
	char name[64], path[320];
	struct dirent *entry;
	ssize_t length;
	int space = -1;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		die("%s: %s", path, strerror(errno));
	while (space < 0 && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid,
			 entry->d_name);
		length = readlink(path, name, sizeof(name) - 1);
		name[length > 0 ? length : 0] = '\0';
		if (!strcmp(name, "anon_inode:[axas]"))
			space = open(path, O_RDWR | O_CLOEXEC);
	}
	closedir(dir);
	if (space < 0)
		die("process %d has no space open", pid);
	return space;
}

/* The state of a thread stands behind its name, which may hold anything. */
static bool has_stopped(pid_t pid, const char *thread)
{
	char path[320], line[256], *state = NULL;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", pid, thread);
	f = fopen(path, "re");
	if (!f)
		return true;	/* it has ended */
	if (fgets(line, sizeof(line), f))
		state = strrchr(line, ')');
	fclose(f);
	return state && strchr("TtZX", state[2]);
}

static bool all_have_stopped(pid_t pid)
{
	struct dirent *entry;
	char path[64];
	bool all = true;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && all && (entry = readdir(dir)))
		if (*entry->d_name != '.')
			all = has_stopped(pid, entry->d_name);
	if (dir)
		closedir(dir);
	return all;
}

/* A thread stops when it leaves the call that it is in. */
static void stop_process(const struct options *o)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	if (o->stop) {
		if (system(o->stop))
			die("the command that stops the guest has failed");
		return;
	}
	if (kill(o->pid, SIGSTOP))
		die("cannot stop process %d: %s", o->pid, strerror(errno));
	while (!all_have_stopped(o->pid)) {
		check_signals();
		nanosleep(&ms, NULL);
	}
}

/* ---- a guest of our own ---- */

#define RAM		UINT64_C(0x40000000)
#define HOTPLUG		UINT64_C(0x4000000000)	/* comes and goes */
#define HOTPLUG_SIZE	(64 * PAGE_SIZE)
#define BURST		8	/* writes */

static struct {
	pthread_t threads[MAX_THREADS];
	unsigned char *window;
	int space;
	uint64_t pages;
	atomic_bool stop;
} load;

struct writer {
	unsigned int number;
	uint64_t state, count;
	long pause;		/* ns, behind each burst */
};

static struct writer writers[MAX_THREADS];

/* A xorshift generator: any will do. */
static uint64_t next(struct writer *w)
{
	w->state ^= w->state << 13;
	w->state ^= w->state >> 7;
	w->state ^= w->state << 17;
	return w->state;
}

/* Seven of eight are in an eighth of the memory. */
static uint64_t some_page(struct writer *w)
{
	uint64_t n = next(w) >> 8;

	return n & 7 ? (n >> 3) % (load.pages / 8 + 1) : (n >> 3) % load.pages;
}

static void expect(int err, const char *what)
{
	if (err < 0)
		die("load: %s: %s", what, strerror(-err));
}

/* One word, by the thread's own way; a fault of a guest comes before its write. */
static void write_somewhere(struct writer *w)
{
	uint64_t offset = some_page(w) * PAGE_SIZE + (next(w) & 0xff8);
	uint64_t value = next(w);

	switch (w->number % 3) {
	case 0:
		*(volatile uint64_t *)(load.window + offset) = value;
		return;
	case 2:
		expect(axas_fault(load.space, RAM + offset, RW), "fault");
		/* fall through */
	default:
		expect(axas_write(load.space, RAM + offset, &value, sizeof(value)),
		       "write");
	}
}

/* A balloon gives pages back; memory is unplugged, and plugged in elsewhere. */
static void change_something(struct writer *w)
{
	uint64_t at = HOTPLUG + next(w) % 4 * HOTPLUG_SIZE, value = next(w);

	expect(axas_discard(load.space, RAM + some_page(w) * PAGE_SIZE, PAGE_SIZE,
			    NULL), "discard");
	if (w->number || w->count % 256)
		return;
	expect(axas_unmap(load.space, HOTPLUG, 4 * HOTPLUG_SIZE), "unmap");
	expect(axas_map_alloc(load.space, at, HOTPLUG_SIZE, RW), "map");
	expect(axas_write(load.space, at + value % 64 * PAGE_SIZE, &value,
			  sizeof(value)), "write");
	expect(axas_protect(load.space, at, PAGE_SIZE, AXAS_PROT_READ), "protect");
}

static void *write_on(void *arg)
{
	struct writer *w = arg;
	const struct timespec pause = {
		.tv_sec = w->pause / 1000000000, .tv_nsec = w->pause % 1000000000,
	};

	while (!atomic_load(&load.stop)) {
		write_somewhere(w);
		if (!(++w->count % 32))
			change_something(w);
		if (!(w->count % BURST))
			nanosleep(&pause, NULL);
	}
	return NULL;
}

static void start_load(unsigned int threads)
{
	sigset_t all, mask;
	unsigned int i;

	atomic_store(&load.stop, false);
	/* What ends the program is for the thread that sends. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &mask);
	for (i = 0; i < threads; i++)
		if (pthread_create(&load.threads[i], NULL, write_on, &writers[i]))
			die("cannot start a thread");
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static void stop_load(unsigned int threads)
{
	unsigned int i;

	atomic_store(&load.stop, true);
	for (i = 0; i < threads; i++)
		pthread_join(load.threads[i], NULL);
}

/* RAM of which half has contents and a quarter is zero, ROM, a device. */
static void make_guest(struct guest *g, const struct options *o)
{
	const struct axas_map rom = {
		.gpa = 0xffff0000, .length = 16 * PAGE_SIZE, .flags = AXAS_MAP_ROM,
		.backend = AXAS_BACKEND_ALLOC, .prot = AXAS_PROT_READ | AXAS_PROT_EXEC,
	};
	struct writer w = { .state = 1 };
	void *window;
	uint64_t n;

	g->space = axas_create(g->dev, NULL);
	expect(g->space, "create");
	expect(axas_map_alloc(g->space, RAM, o->size, RW | AXAS_PROT_EXEC), "map");
	expect(axas_map_device(g->space, 0xd0000000, PAGE_SIZE, 7), "map");
	expect(axas_map(g->space, &rom), "map");
	expect(axas_write(g->space, rom.gpa, "ROM", 4), "write");
	expect(axas_window(g->space, RAM, o->size, PROT_READ | PROT_WRITE, &window),
	       "window");
	load.window = window;
	load.space = g->space;
	load.pages = o->size / PAGE_SIZE;
	for (n = 0; n < load.pages / 2; n++)
		*(uint64_t *)(load.window + n * PAGE_SIZE) = next(&w);
	expect(axas_populate(g->space, RAM + o->size / 2, o->size / 4 & -PAGE_SIZE,
			     NULL), "populate");
	for (n = 0; n < o->threads; n++)
		writers[n] = (struct writer){
			.number = n, .state = n + 2,
			.pause = 1000000000L / o->rate * BURST * o->threads,
		};
}

/* ---- both ---- */

void find_guest(struct guest *g, const struct options *o)
{
	*g = (struct guest){ .options = o, .dev = axas_open(NULL) };
	if (g->dev < 0)
		die("/dev/axas: %s", strerror(-g->dev));
	if (o->pid) {
		g->space = open_space(o->pid);
	} else {
		make_guest(g, o);
		start_load(o->threads);
	}
}

void stop_guest(struct guest *g)
{
	g->stopped = true;
	if (g->options->pid)
		stop_process(g->options);
	else
		stop_load(g->options->threads);
}

/* It stays here, and goes on. */
void let_go(struct guest *g)
{
	if (!g->stopped)
		return;
	g->stopped = false;
	if (!g->options->pid)
		return;	/* nobody misses it */
	if (g->options->stop)
		say("the guest is still stopped, and can go on here");
	else
		kill(g->options->pid, SIGCONT);
}
