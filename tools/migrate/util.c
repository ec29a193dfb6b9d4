// SPDX-License-Identifier: MIT
/*
 * axas-migrate: messages, time, a checksum of a page.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "migrate.h"

void (*before_death)(void);

static volatile sig_atomic_t interrupted;
static bool open_line;

void progress_end(void)
{
	if (open_line)
		fputs("\r\033[K", stderr);
	open_line = false;
}

/* A line on the terminal that the next one replaces. */
void progress(const char *fmt, ...)
{
	static double last;
	double time = now();
	va_list args;

	if (!isatty(STDERR_FILENO) || time - last < 0.1)
		return;
	last = time;
	fputs("\r\033[K", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fflush(stderr);
	open_line = true;
}

static void say_args(const char *fmt, va_list args)
{
	progress_end();
	fputs("axas-migrate: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
}

void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say_args(fmt, args);
	va_end(args);
}

void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say_args(fmt, args);
	va_end(args);
	if (before_death)
		before_death();
	exit(EXIT_FAILURE);
}

static void interrupt(int sig)
{
	interrupted = sig;
}

/* They end what waits; who waits calls check_signals(). */
void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = interrupt };
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
}

void check_signals(void)
{
	if (interrupted)
		die("%s", strsignal(interrupted));
}

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void *xalloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		die("out of memory");
	return p;
}

/*
 * Each step can be undone if the word is known, and so can the last one: two pages
 * that differ in one word never have one checksum.
 */
uint64_t checksum(const void *page)
{
	const uint64_t *word = page;
	uint64_t sum = PAGE_SIZE;
	size_t i;

	for (i = 0; i < PAGE_SIZE / sizeof(*word); i++) {
		sum = (sum ^ word[i]) * UINT64_C(0x9e3779b97f4a7c15);
		sum ^= sum >> 29;
	}
	return sum;
}

bool is_zero(const void *page)
{
	const uint64_t *word = page;
	size_t i;

	for (i = 0; i < PAGE_SIZE / sizeof(*word); i++)
		if (word[i])
			return false;
	return true;
}
