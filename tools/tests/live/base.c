// SPDX-License-Identifier: GPL-2.0
/*
 * live: what a test is, and what most of them need.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "live.h"

int dev, space, id;

static unsigned int nr, failed;
static bool good;		/* of the test that runs */
const char *skip;

void expect(bool ok, const char *what, const char *file, int line)
{
	if (!ok)
		printf("# %s:%d: %s\n", file, line, what);
	good = good && ok;
}

void test(const char *name, void (*fn)(void))
{
	good = true;
	skip = NULL;
	fn();
	failed += !good;
	printf("%sok %u %s%s%s\n", good ? "" : "not ", ++nr, name,
	       skip ? " # SKIP " : "", skip ? skip : "");
	fflush(stdout);
}

bool runs(const char *fmt, ...)
{
	char command[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	return !system(command);
}

unsigned int failed_tests(void)
{
	return failed;
}

int must(int value, const char *what)
{
	if (value < 0) {
		printf("Bail out! %s: %s\n", what, strerror(-value));
		exit(1);
	}
	return value;
}

void touch(uint64_t gpa)
{
	must(axas_fault(space, gpa, AXAS_PROT_WRITE), "fault");
}

struct json_object *ctl(const char *fmt, ...)
{
	struct json_object *o = NULL;
	char command[128], *text = NULL;
	size_t room = 0;
	va_list args;
	FILE *f;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	f = popen(command, "r");
	if (f && getdelim(&text, &room, '\0', f) > 0)
		o = json_tokener_parse(text);
	EXPECT(f && !pclose(f));
	EXPECT(o);
	free(text);
	return o;
}

struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(o, key, &value))
		printf("# axasctl tells no %s\n", key);
	return value;
}

uint64_t number(struct json_object *o, const char *key)
{
	return json_object_get_uint64(get(o, key));
}

uint64_t hex(struct json_object *o, const char *key)
{
	return strtoull(json_object_get_string(get(o, key)), NULL, 16);
}
