// SPDX-License-Identifier: GPL-2.0
/*
 * live: tests of axasctl watch.
 */
#include <axas.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live.h"

#define NR_FAULTS	1000
#define NR_MANY		4500	/* spaces, more than watch can tell apart */
#define INSTANCES	"/sys/kernel/tracing/instances"

static bool instances_left(void)
{
	DIR *dir = opendir(INSTANCES);
	struct dirent *entry;
	bool left = false;

	while (dir && (entry = readdir(dir)))
		left = left || !strncmp(entry->d_name, "axasctl-", 8);
	if (dir)
		closedir(dir);
	return left;
}

/* Until the kernel counts, which axasctl doesn't tell: its trigger stands. */
static void wait_for_trigger(void)
{
	int i;

	for (i = 0; i < 500; i++) {
		if (runs("grep -qs ^hist:keys=space, %s/axasctl-*/events/axas/axas_fault/trigger",
			 INSTANCES))
			return;
		usleep(20000);
	}
	EXPECT(!"axasctl sets a trigger");
}

/* A number as 12.345 behind the first @key */
static bool three_digits(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	if (!at)
		return false;
	at += strlen(key);
	at += strspn(at, "0123456789");
	return *at == '.' && strspn(at + 1, "0123456789") == 3;
}

static uint64_t watched_faults(FILE *f, double *per_second)
{
	struct json_object *o, *list, *one;
	uint64_t sum = 0;
	char line[4096];

	while (fgets(line, sizeof(line), f)) {
		o = json_tokener_parse(line);
		EXPECT(o);
		EXPECT(three_digits(line, "\"seconds\":"));
		EXPECT(three_digits(line, "\"spurious\":"));
		list = get(o, "spaces");
		EXPECT(json_object_array_length(list) == 1);
		one = json_object_array_get_idx(list, 0);
		EXPECT(number(one, "id") == (uint64_t)id);
		sum += number(one, "faults");
		*per_second += json_object_get_double(get(get(one, "per_second"), "spurious")) *
			       json_object_get_double(get(o, "seconds"));
		json_object_put(o);
	}
	return sum;
}

void test_ctl_watch(void)
{
	int other = must(axas_create(dev, NULL), "create"), i;
	double spurious = 0;
	char command[96];
	FILE *f;

	snprintf(command, sizeof(command),
		 "axasctl watch --json --interval 1 --count 3 %d", id);
	f = popen(command, "r");
	wait_for_trigger();
	for (i = 0; i < NR_FAULTS; i++) {
		axas_fault(space, 0, AXAS_PROT_READ);
		axas_fault(other, 0, AXAS_PROT_READ);
	}
	EXPECT(watched_faults(f, &spurious) == NR_FAULTS);
	EXPECT(spurious > NR_FAULTS - 1 && spurious < NR_FAULTS + 1);
	EXPECT(!pclose(f));
	EXPECT(!instances_left());
	close(other);
}

void test_ctl_watch_text(void)
{
	char command[64], line[256];
	double resolved, spurious, sum = 0;
	int heads = 0, i;
	FILE *f;

	snprintf(command, sizeof(command), "axasctl watch --count 2 %d", id);
	f = popen(command, "r");
	wait_for_trigger();
	for (i = 0; i < NR_FAULTS; i++)
		axas_fault(space, 0, AXAS_PROT_READ);
	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, " resolved spurious no-area  denied no-memory")) {
			heads++;
			continue;
		}
		EXPECT(sscanf(line, "%d %lf %lf", &i, &resolved, &spurious) == 3);
		EXPECT(i == id && !resolved);
		sum += spurious;
	}
	EXPECT(heads == 2);
	EXPECT(sum > NR_FAULTS / 2 && sum < NR_FAULTS * 1.1);
	EXPECT(!pclose(f));
}

/* The rows of the JSON have all faults, and the mean lies where they allow. */
void test_ctl_watch_latency(void)
{
	struct json_object *o, *one, *list, *row;
	uint64_t faults = 0, low = 0, high = 0, ns, n;
	char command[96], line[8192] = "";
	FILE *f;
	size_t i;

	snprintf(command, sizeof(command),
		 "axasctl watch --json --latency --interval 1 --count 1 %d", id);
	f = popen(command, "r");
	wait_for_trigger();
	for (i = 0; i < NR_FAULTS; i++)
		axas_fault(space, 0, AXAS_PROT_READ);
	o = fgets(line, sizeof(line), f) ? json_tokener_parse(line) : NULL;
	EXPECT(o && !pclose(f) && !instances_left());
	one = json_object_array_get_idx(get(o, "spaces"), 0);
	list = get(o, "latency");
	for (i = 0; i < json_object_array_length(list); i++) {
		row = json_object_array_get_idx(list, i);
		n = number(get(row, "faults"), "spurious");
		faults += n;
		low += n * number(row, "above_ns");
		high += n * number(row, "up_to_ns");
		EXPECT(!number(get(row, "faults"), "resolved"));
	}
	EXPECT(faults == number(one, "faults") && faults > NR_FAULTS / 2);
	ns = number(one, "ns_per_fault") * faults;
	EXPECT(low < ns + faults && ns <= high);
	json_object_put(o);
}

void test_ctl_watch_latency_text(void)
{
	unsigned long long upto, last = 0, n, sum = 0;
	char command[96], line[256], bar[80];
	FILE *f;
	int i;

	snprintf(command, sizeof(command), "axasctl watch --latency --interval 2 --count 1 %d",
		 id);
	f = popen(command, "r");
	wait_for_trigger();
	for (i = 0; i < NR_FAULTS; i++)
		axas_fault(space, 0, AXAS_PROT_READ);
	while (fgets(line, sizeof(line), f) && !strstr(line, "up to ns"))
		;
	while (fgets(line, sizeof(line), f)) {
		*bar = '\0';
		EXPECT(sscanf(line, "%llu %llu %79[#]", &upto, &n, bar) >= 2);
		EXPECT(!last || upto == 2 * last);
		EXPECT(!n == !*bar && strlen(bar) <= 50);
		last = upto;
		sum += n;
	}
	EXPECT(sum > NR_FAULTS / 2 && sum <= NR_FAULTS);
	EXPECT(!pclose(f));
}

void test_ctl_watch_ends_with_its_space(void)
{
	int s = must(axas_create(dev, NULL), "create"), number = axas_id(s);
	char command[64], text[512] = "", want[64];
	FILE *f;

	snprintf(command, sizeof(command),
		 "axasctl watch --interval 0.2 %d 2>&1", number);
	snprintf(want, sizeof(want), "axasctl: space %d has ended\n", number);
	f = popen(command, "r");
	wait_for_trigger();
	axas_fault(s, 0, AXAS_PROT_READ);
	close(s);
	while (fgets(text, sizeof(text), f))
		;
	EXPECT(!strcmp(text, want));
	EXPECT(!pclose(f));
	EXPECT(!instances_left());
	EXPECT(runs("axasctl watch %d 2>&1 | grep -q '^axasctl: no space %d; alive: '",
		    number, number));
}

/* Faults of a line of JSON, and the spaces it has. */
static uint64_t line_faults(const char *line, uint64_t *dropped, size_t *spaces)
{
	struct json_object *o = json_tokener_parse(line), *list;
	uint64_t sum = 0;
	size_t i;

	list = get(o, "spaces");
	*spaces = json_object_array_length(list);
	for (i = 0; i < *spaces; i++)
		sum += number(json_object_array_get_idx(list, i), "faults");
	*dropped += number(o, "dropped");
	json_object_put(o);
	return sum;
}

/* More spaces than the kernel has places for, all of which end at once. */
void test_ctl_watch_drops(void)
{
	FILE *f = popen("axasctl watch --json --interval 0.3 --count 100 2>/tmp/err", "r");
	uint64_t sum = 0, dropped = 0;
	size_t room = 0, spaces = 1;
	char *line = NULL;
	int i, s;

	wait_for_trigger();
	for (i = 0; i < NR_MANY; i++) {
		s = must(axas_create(dev, NULL), "create");
		axas_fault(s, 0, AXAS_PROT_READ);
		close(s);
	}
	while ((sum + dropped < NR_MANY || spaces) &&
	       getline(&line, &room, f) > 0)
		sum += line_faults(line, &dropped, &spaces);
	EXPECT(sum + dropped == NR_MANY && sum <= 4096);
	EXPECT(!spaces);
	pclose(f);
	free(line);
	EXPECT(runs("[ $(grep -c 'no place to count more' /tmp/err) = 1 ]"));
	EXPECT(!instances_left());
}

void test_ctl_watch_is_interrupted(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	int status;
	pid_t pid;
	size_t i;

	for (i = 0; i < 3; i++) {
		pid = fork();
		if (!pid) {
			execlp("axasctl", "axasctl", "watch", "--json", NULL);
			_exit(127);
		}
		wait_for_trigger();
		EXPECT(instances_left());
		kill(pid, signals[i]);
		EXPECT(waitpid(pid, &status, 0) == pid && !status);
		EXPECT(!instances_left());
	}
}
