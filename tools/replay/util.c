// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay, axas-trace: what all files need: messages, progress, memory, time.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "replay.h"

#define ULL(x)		((unsigned long long)(x))

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

/* Of the kernel that runs. */
const char *kernel_release(void)
{
	static struct utsname names;

	uname(&names);
	return names.release;
}

/*
 * Progress: nothing for the first two seconds, then a line that updates itself
 * on a terminal, or a line now and then elsewhere.
 */
#define PROGRESS_AFTER	UINT64_C(2000000000)
#define PROGRESS_TTY	UINT64_C(200000000)
#define PROGRESS_LOG	UINT64_C(5000000000)

static struct {
	uint64_t first, next;
	bool open;		/* a line on the terminal isn't ended yet */
} meter;

void progress(const char *what, uint64_t done, uint64_t total)
{
	uint64_t now = now_ns();
	bool tty = isatty(STDERR_FILENO);

	if (!meter.first) {
		meter.first = now;
		meter.next = now + PROGRESS_AFTER;
	}
	if (now < meter.next)
		return;
	meter.next = now + (tty ? PROGRESS_TTY : PROGRESS_LOG);
	fprintf(stderr, "%s%s: %s: %llu", tty ? "\r\033[K" : "",
		program_invocation_short_name, what, ULL(done));
	if (total)
		fprintf(stderr, " of %llu, %llu%%", ULL(total),
			ULL(done * 100 / total));
	fprintf(stderr, ", %llu s%s", ULL((now - meter.first) / 1000000000),
		tty ? "" : "\n");
	fflush(stderr);
	meter.open = tty;
}

void progress_end(void)
{
	if (meter.open)
		fputs("\r\033[K", stderr);
	meter.open = false;
}

/* Take @lock for good: only the first thread that dies says why. */
void die(const char *fmt, ...)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	va_list args;

	pthread_mutex_lock(&lock);
	progress_end();
	va_start(args, fmt);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(argp_err_exit_status);
}

void warn(const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	progress_end();
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, text);
}

void *xcalloc(size_t nr, size_t size)
{
	void *p = calloc(nr, size);

	if (!p)
		die("out of memory; use --limit");
	return p;
}

void *xrealloc(void *p, size_t nr, size_t size)
{
	p = reallocarray(p, nr, size);
	if (!p)
		die("out of memory; use --limit");
	return p;
}
