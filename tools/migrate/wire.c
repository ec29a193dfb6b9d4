// SPDX-License-Identifier: MIT
/*
 * axas-migrate: what goes over the socket.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "migrate.h"

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(a.sun_path))
		die("%s: the name of a socket has at most %zu bytes", path,
		    sizeof(a.sun_path) - 1);
	memcpy(a.sun_path, path, strlen(path) + 1);
	return a;
}

static int new_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket: %s", strerror(errno));
	return fd;
}

/* Who may connect puts memory here: only this user. */
int listen_at(const char *path)
{
	struct sockaddr_un a = address(path);
	int fd = new_socket();

	if (fchmod(fd, 0600) || bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(fd, 1))
		die("%s: %s", path, strerror(errno));
	return fd;
}

/* Return: a descriptor, or -errno if nobody listens. */
int connect_to(const char *path)
{
	struct sockaddr_un a = address(path);
	int fd = new_socket(), err;

	if (!connect(fd, (struct sockaddr *)&a, sizeof(a)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* Return: false if the connection is broken. */
bool put(int fd, const void *data, size_t size)
{
	const char *p = data;
	ssize_t n;

	while (size) {
		n = write(fd, p, size);
		if (n < 0 && errno != EINTR)
			return false;
		check_signals();
		if (n > 0) {
			p += n;
			size -= (size_t)n;
		}
	}
	return true;
}

bool get(int fd, void *data, size_t size)
{
	char *p = data;
	ssize_t n;

	while (size) {
		n = read(fd, p, size);
		if (!n || (n < 0 && errno != EINTR))
			return false;
		check_signals();
		if (n > 0) {
			p += n;
			size -= (size_t)n;
		}
	}
	return true;
}

bool put_message(int fd, enum message_type type, uint32_t count, uint64_t gpa,
		 uint64_t length)
{
	const struct message m = {
		.type = type, .count = count, .gpa = gpa, .length = length,
	};

	return put(fd, &m, sizeof(m));
}
