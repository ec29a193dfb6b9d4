// SPDX-License-Identifier: GPL-2.0
/*
 * live: tests of axas-run.
 */
#include <axas.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live.h"

/* A file for each --ram, on its descriptor, and nothing of the space */
void test_run_files(void)
{
	EXPECT(runs("axas-run --ram 16M --ram 4M@64M --ram 8K -- sh -c '"
		    "for fd in 10 11 12; do stat -Lc %%s /proc/self/fd/$fd; done' >/tmp/sizes"));
	EXPECT(runs("printf '16777216\\n4194304\\n8192\\n' | cmp - /tmp/sizes"));
	/* 0 to 2, the three files, and the directory that is listed */
	EXPECT(runs("axas-run --ram 4K --ram 4K --ram 4K ls /proc/self/fd >/tmp/fds"));
	EXPECT(runs("printf '0\\n1\\n10\\n11\\n12\\n2\\n3\\n' >/tmp/want; "
		    "sort /tmp/fds | cmp - /tmp/want"));
}

/* What is written to a file is in the space, at the file's addresses. */
void test_run_memory(void)
{
	struct json_object *o, *list, *area;

	EXPECT(runs("axas-run --ram 16M --ram 4M@64M --leaf 2M -- sh -c '"
		    "echo hi | dd of=/proc/self/fd/11 bs=1M seek=1 conv=notrunc 2>/dev/null;"
		    "axasctl map --json $AXAS_SPACE >/tmp/map' && test -s /tmp/map"));
	o = json_object_from_file("/tmp/map");
	list = get(o, "map");
	EXPECT(json_object_array_length(list) == 2);
	area = json_object_array_get_idx(list, 0);
	EXPECT(hex(area, "start") == 0 && hex(area, "end") == 16 * M);
	area = json_object_array_get_idx(list, 1);
	EXPECT(hex(area, "start") == 64 * M && hex(area, "end") == 68 * M);
	EXPECT(number(get(o, "leaves"), "2M") == 1);
	EXPECT(number(o, "resident") == 2 * M);
	EXPECT(!strcmp(json_object_get_string(get(o, "comm")), "axas-run"));
	json_object_put(o);
}

void test_run_format(void)
{
	EXPECT(runs("axas-run --format s2 --ram 4K sh -c 'axasctl stats $AXAS_SPACE' | grep -q s2"));
	EXPECT(runs("axas-run --format none --ram 4K true 2>&1 | "
		    "grep -q -- '--format none: .*axasctl info'"));
	EXPECT(runs("axas-run --ram 4K@0xfffffffff000 --format ept true"));
	EXPECT(runs("axas-run --ram 4K@256T --format ept true 2>&1 | "
		    "grep -q 'ram 4K@256T: it lies beyond the end of the space'"));
}

void test_run_status(void)
{
	EXPECT(runs("axas-run --ram 4K true"));
	EXPECT(runs("axas-run --ram 4K sh -c 'exit 7'; test $? = 7"));
	EXPECT(runs("axas-run --ram 4K -- sh -c 'kill -TERM $$'; test $? = 143"));
	EXPECT(runs("axas-run --ram 4K nothing 2>/tmp/err; test $? = 127"));
	EXPECT(runs("grep -q '^axas-run: nothing: No such file' /tmp/err"));
	EXPECT(runs("axas-run --ram 4K /etc 2>/dev/null; test $? = 126"));
	EXPECT(runs("axas-run --ram 5 true 2>/dev/null; test $? = 125"));
}

/* Whoever starts it may ignore the ends of its children, which is inherited. */
void test_run_sees_the_end(void)
{
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		signal(SIGCHLD, SIG_IGN);
		alarm(20);
		execlp("axas-run", "axas-run", "--ram", "4K", "sh", "-c",
		       "exit 7", NULL);
		_exit(1);
	}
	EXPECT(waitpid(pid, &status, 0) == pid);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

void test_run_forwards_signals(void)
{
	EXPECT(runs("axas-run --ram 4K -- sh -c 'trap \"exit 5\" USR1; kill -USR1 $PPID;"
		    "for i in 0.1 0.2 0.4 0.8 1.6 3.2 6.4; do sleep $i; done'; test $? = 5"));
	EXPECT(runs("axas-run --ram 4K -- sh -c 'kill -TERM $PPID; sleep 9'; test $? = 143"));
}

/* The guest's memory counts as that of axas-run, and goes with it. */
void test_run_takes_its_command_along(void)
{
	EXPECT(runs("axas-run --ram 4K -- sh -c 'echo $$ >/tmp/pid; kill -KILL $PPID;"
		    "sleep 9'; test $? = 137"));
	EXPECT(runs("for i in 0.1 0.2 0.4 0.8 1.6 3.2 6.4; do "
		    "kill -0 $(cat /tmp/pid) 2>/dev/null || exit 0; sleep $i; done; exit 1"));
}
