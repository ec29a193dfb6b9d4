/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests need that read what the kernel shows of a space.
 */
#ifndef AXAS_LOOK_H
#define AXAS_LOOK_H

#include <sys/mount.h>
#include "axas_util.h"

/* Mount a file system of the kernel's own unless it is there, as @probe shows. */
static inline bool ax_mounted(const char *type, const char *dir, const char *probe)
{
	if (!access(probe, F_OK))
		return true;
	mkdir(dir, 0700);
	return !mount(type, dir, type, 0, NULL) && !access(probe, F_OK);
}

/* All of a file as a string that the caller frees, or NULL with errno set. */
static inline char *ax_slurp_fd(int fd, size_t chunk)
{
	size_t len = 0, room = 0;
	char *text = NULL;
	ssize_t n;

	do {
		if (room - len < chunk + 1) {
			room = 2 * room + chunk + 4096;
			text = realloc(text, room);
			if (!text)
				return NULL;
		}
		n = read(fd, text + len, chunk);
		len += n > 0 ? n : 0;
	} while (n > 0);
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[len] = '\0';
	return text;
}

static inline char *ax_slurp(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text;

	if (fd < 0)
		return NULL;
	text = ax_slurp_fd(fd, 65536);
	close(fd);
	return text;
}

/* The number that a file begins with; -1 if there is no file. */
static inline __s64 ax_read_number(const char *path)
{
	char *text = ax_slurp(path);
	__s64 number = text ? strtoll(text, NULL, 0) : -1;

	free(text);
	return number;
}

/* Write a string to a file: 0 or minus errno. */
static inline int ax_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_TRUNC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	n = n < 0 ? -errno : 0;
	close(fd);
	return n;
}

static inline char *ax_fdinfo(int fd)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return ax_slurp(path);
}

/* The number of a space; 0 if it can't be had. */
static inline unsigned int ax_space_id(int fd)
{
	char *text = ax_fdinfo(fd), *at = text ? strstr(text, "axas-id:\t") : NULL;
	unsigned int id = at ? strtoul(at + 9, NULL, 10) : 0;

	free(text);
	return id;
}

/* Do the texts agree? If not, say where they begin to differ. */
static inline bool ax_same_text(const char *what, const char *want, const char *is)
{
	unsigned int line = 1;
	size_t a, b;

	for (;; line++) {
		a = strcspn(want, "\n");
		b = strcspn(is, "\n");
		if (a != b || memcmp(want, is, a) || want[a] != is[b])
			break;
		if (!want[a])
			return true;
		want += a + 1;
		is += b + 1;
	}
	printf("# %s, line %u:\n#   want \"%.*s\"\n#   is   \"%.*s\"\n", what, line,
	       (int)a, want, (int)b, is);
	return false;
}

/* ---- debugfs ---- */

#define AX_DEBUGFS	"/sys/kernel/debug"

/* NULL, or why there is no debugfs to be had. */
static inline const char *ax_need_debugfs(void)
{
	const char *dir = AX_DEBUGFS "/axas";

	if (!ax_mounted("debugfs", AX_DEBUGFS, AX_DEBUGFS "/bdi") && access(dir, F_OK))
		return "this kernel has no debugfs, or is locked down";
	return access(dir, F_OK) ? "the module was built without debugfs" : NULL;
}

/* In a test: skip it if there is no debugfs. */
#define AX_NEED_DEBUGFS() do {						\
	const char *why = ax_need_debugfs();				\
									\
	if (why)							\
		SKIP(return, "%s", why);				\
} while (0)

/* Where a file of a space is, or with "" its directory. */
static inline const char *ax_debugfs_file(unsigned int id, const char *name)
{
	static __thread char path[64];

	snprintf(path, sizeof(path), AX_DEBUGFS "/axas/%u%s%s", id, *name ? "/" : "", name);
	return path;
}

static inline char *ax_debugfs(int fd, const char *name)
{
	return ax_slurp(ax_debugfs_file(ax_space_id(fd), name));
}

/* The lines of a text that don't begin with '#'. */
static inline char *ax_without_header(char *text)
{
	char *at = text;

	while (at && *at == '#') {
		at += strcspn(at, "\n");
		at += !!*at;
	}
	if (text)
		memmove(text, at, strlen(at) + 1);
	return text;
}

/* ---- trace events ---- */

#define AX_TRACING	"/sys/kernel/tracing"
#define AX_EVENTS	AX_TRACING "/events/axas"

/* NULL, or why there is no trace to be had. */
static inline const char *ax_need_trace(void)
{
	if (!ax_mounted("tracefs", AX_TRACING, AX_TRACING "/trace"))
		return "this kernel has no tracefs";
	if (access(AX_EVENTS, F_OK))
		return "the module was built without trace events";
	return NULL;
}

/*
 * Without names of tasks: for those the kernel patches the scheduler, which has
 * an emulated CPU that is just there stop for good now and then.
 */
static inline bool ax_trace_on(void)
{
	return !ax_write_file(AX_TRACING "/options/record-cmd", "0") &&
	       !ax_write_file(AX_TRACING "/tracing_on", "1") &&
	       !ax_write_file(AX_TRACING "/trace", "") &&
	       !ax_write_file(AX_EVENTS "/enable", "1");
}

/*
 * All events so far, a line each, without what stands before the name; only
 * those of one space and those that have none. The caller frees the text.
 */
static inline char *ax_trace_off(unsigned int id)
{
	char of_space[32], *text, *line, *next, *to, *at;

	ax_write_file(AX_EVENTS "/enable", "0");
	text = ax_slurp(AX_TRACING "/trace");
	snprintf(of_space, sizeof(of_space), "space=%u ", id);
	for (to = line = text; line && *line; line = next) {
		next = line + strcspn(line, "\n");
		next += !!*next;
		at = *line == '#' ? NULL : strstr(line, ": axas_");
		if (!at || at > next)
			continue;
		at += 2;
		if (strncmp(strchr(at, ' ') + 1, of_space, strlen(of_space)) &&
		    strncmp(strchr(at, ' ') + 1, "space=0 ", 8))
			continue;
		memmove(to, at, next - at);
		to += next - at;
	}
	if (text)
		*to = '\0';
	return text;
}

#endif /* AXAS_LOOK_H */
