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

#endif /* AXAS_LOOK_H */
