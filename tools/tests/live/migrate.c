// SPDX-License-Identifier: GPL-2.0
/*
 * live: tests of axas-migrate. It compares a checksum of every page itself, and says
 * how many.
 */
#include <axas.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live.h"

#define SOCKET	"/tmp/move"

static struct json_object *from_file(const char *path)
{
	struct json_object *o = json_object_from_file(path);

	EXPECT(o);
	return o ? o : json_object_new_object();
}

/* Half of 16 MiB has contents at the least, and the ROM has a page. */
static void compare_sides(uint64_t breaks)
{
	struct json_object *source = from_file("/tmp/source.json");
	struct json_object *destination = from_file("/tmp/destination.json");

	EXPECT(!number(source, "unequal") && !number(destination, "unequal"));
	EXPECT(number(source, "compared") >= 8 * M / (4 * K));
	EXPECT(number(source, "compared") == number(destination, "compared"));
	EXPECT(json_object_array_length(get(source, "rounds")) >= 2);
	EXPECT(number(source, "reconnections") == breaks);
	/* RAM, ROM, a device; what comes and goes is two of other rights, or isn't there. */
	EXPECT(number(destination, "areas") == 3 || number(destination, "areas") == 5);
	json_object_put(source);
	json_object_put(destination);
}

/* Six threads write, two by each way, and areas come and go. */
void test_migrate_under_load(void)
{
	struct json_object *source;

	EXPECT(runs("axas-migrate receive --json " SOCKET " >/tmp/destination.json & "
		    "axas-migrate send --load 6 --size 16M --rounds 5 --downtime 0 --json "
		    SOCKET " >/tmp/source.json 2>/tmp/err && wait $!"));
	compare_sides(0);
	source = from_file("/tmp/source.json");
	EXPECT(json_object_array_length(get(source, "rounds")) == 6);
	EXPECT(!json_object_get_boolean(get(source, "converged")));
	json_object_put(source);
	EXPECT(access(SOCKET, F_OK));
}

/* The rest takes less than a second soon: each round is as short as the one before. */
void test_migrate_converges(void)
{
	struct json_object *source;

	EXPECT(runs("axas-migrate receive --json " SOCKET " >/tmp/destination.json & "
		    "axas-migrate send --load 3 --rate 300 --size 16M --downtime 1 --json "
		    SOCKET " >/tmp/source.json 2>/tmp/err && wait $!"));
	compare_sides(0);
	source = from_file("/tmp/source.json");
	EXPECT(json_object_get_boolean(get(source, "converged")));
	json_object_put(source);
}

/* Amid the first round, and amid a message. */
void test_migrate_after_a_break(void)
{
	struct json_object *destination;

	EXPECT(runs("axas-migrate receive --json --cut 5000000 " SOCKET
		    " >/tmp/destination.json & "
		    "axas-migrate send --load 6 --size 16M --rounds 3 --json " SOCKET
		    " >/tmp/source.json 2>/tmp/err && wait $!"));
	EXPECT(runs("grep -q 'connection is broken' /tmp/err"));
	compare_sides(1);
	destination = from_file("/tmp/destination.json");
	EXPECT(number(destination, "connections") == 2);
	json_object_put(destination);
}

/* Takes some of what comes, and dies. */
static void die_early(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	uint32_t welcome[6] = { 2 };
	static char buf[2 * M];

	if (bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 1))
		_exit(1);
	fd = accept(s, NULL, NULL);
	if (recv(fd, buf, 24 + 40, MSG_WAITALL) != 24 + 40 ||
	    write(fd, welcome, sizeof(welcome)) != sizeof(welcome) ||
	    recv(fd, buf, sizeof(buf), MSG_WAITALL) != sizeof(buf))
		_exit(1);
	unlink(SOCKET);
	_exit(0);
}

void test_migrate_to_who_knows_nothing(void)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		die_early();
	EXPECT(runs("(while [ -e " SOCKET " ] || [ ! -e /tmp/err ]; do sleep 0.1; done; exec "
		    "axas-migrate receive --json " SOCKET " >/tmp/destination.json) & "
		    "rm -f /tmp/err; axas-migrate send --load 6 --size 16M --rounds 3 --json " SOCKET
		    " >/tmp/source.json 2>/tmp/err && wait $!"));
	EXPECT(waitpid(pid, &status, 0) == pid && !status);
	EXPECT(runs("grep -q 'begun anew' /tmp/err"));
	compare_sides(1);
}

/* That of axas-run, which stands still behind it; what comes gets the space. */
void test_migrate_another_process(void)
{
	unlink("/tmp/pid");
	EXPECT(runs("axas-run --ram 8M -- sh -c 'echo there | dd of=/proc/self/fd/10 conv=notrunc 2>/dev/null; echo $PPID >/tmp/pid; "
		    "exec sleep 1000' & "
		    "while [ ! -s /tmp/pid ]; do sleep 0.1; done; "
		    "axas-migrate receive " SOCKET " --then 'axasctl stats $AXAS_SPACE; "
		    "head -c 6 /proc/self/fd/10' >/tmp/then & "
		    "axas-migrate send --pid $(cat /tmp/pid) " SOCKET " >/tmp/source 2>/tmp/err; "
		    "status=$?; wait $!; [ $status = 0 ]"));
	EXPECT(runs("grep -q '^there' /tmp/then"));
	EXPECT(runs("grep -q 'resident  4 KiB' /tmp/then"));
	EXPECT(runs("grep -q '^1 pages compared, 0 unequal' /tmp/source"));
	EXPECT(runs("grep -q '^State:.*T' /proc/$(cat /tmp/pid)/status"));
	EXPECT(runs("kill -KILL $(cat /tmp/pid)"));
}

/* If nobody takes it, it goes on where it is. */
void test_migrate_back_to_the_guest(void)
{
	EXPECT(runs("axas-migrate send --pid $$ --retry 0 " SOCKET " 2>&1 | "
		    "grep -q 'has no space open'"));
	EXPECT(runs("axas-migrate send --load 3 --size 1M --retry 0 " SOCKET " 2>&1 | "
		    "grep -q 'nobody there; the guest stays here'"));
	EXPECT(runs("axas-migrate receive /nowhere/move 2>&1 | grep -q 'No such file'"));
}
