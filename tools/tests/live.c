// SPDX-License-Identifier: GPL-2.0
/*
 * live - test libaxas and axasctl over the module; prints TAP
 *
 * It makes a space of many kinds through the library, and compares what axasctl
 * says of it with what the library says. With arguments it runs them as a
 * command instead, while that space is there; $AXAS_SPACE is its number.
 *
 * axasctl, axas-replay and the examples are looked for in $PATH. Linear areas are
 * tested where $AXAS_RESERVED_HPA is 2 MiB that the kernel doesn't use.
 */
#define _GNU_SOURCE
#include <axas.h>
#include <dirent.h>
#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define K	(UINT64_C(1) << 10)
#define M	(UINT64_C(1) << 20)
#define G	(UINT64_C(1) << 30)
#define T	(UINT64_C(1) << 40)
#define RW	(AXAS_PROT_READ | AXAS_PROT_WRITE)
#define NR_FAULTS	1000
#define NR_MANY	4500	/* spaces, more than watch can tell apart */
#define INSTANCES	"/sys/kernel/tracing/instances"

static unsigned int nr, failed;
static bool good;		/* of the test that runs */
static const char *skip;	/* why it doesn't */

static void expect(bool ok, const char *what, int line)
{
	if (!ok)
		printf("# live.c:%d: %s\n", line, what);
	good = good && ok;
}

#define EXPECT(cond)	expect(cond, #cond, __LINE__)

static void test(const char *name, void (*fn)(void))
{
	good = true;
	skip = NULL;
	fn();
	failed += !good;
	printf("%sok %u %s%s%s\n", good ? "" : "not ", ++nr, name,
	       skip ? " # SKIP " : "", skip ? skip : "");
	fflush(stdout);
}

static bool __attribute__((format(printf, 1, 2))) runs(const char *fmt, ...)
{
	char command[128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	return !system(command);
}

static int dev, space, id;

static int must(int value, const char *what)
{
	if (value < 0) {
		printf("Bail out! %s: %s\n", what, strerror(-value));
		exit(1);
	}
	return value;
}

static void touch(uint64_t gpa)
{
	must(axas_fault(space, gpa, AXAS_PROT_WRITE), "fault");
}

/* 2 MiB leaves, small ones, a device, and 64 TiB with a page here and there. */
static void make_space(void)
{
	struct axas_map map = {
		.gpa = 2 * G, .length = 256 * M, .prot = RW, .cookie = 7,
		.backend = AXAS_BACKEND_ALLOC, .max_leaf = 2 * M,
	};
	struct axas_create create = {
		.format = AXAS_FORMAT_EPT, .gpa_bits = 48,
	};
	uint64_t n;

	dev = must(axas_open(NULL), "open");
	space = must(axas_create(dev, &create), "create");
	id = must(axas_id(space), "id");
	must(axas_map_alloc(space, 0, 640 * K, RW | AXAS_PROT_EXEC), "map");
	must(axas_map_device(space, 0xfee00000, 4 * K, 3), "map device");
	must(axas_device_add(space, AXAS_BUS_PORT, 0x3f8, 0x3ff, 8), "port");
	must(axas_device_add(space, AXAS_BUS_SYSREG, 0xc0000080, 0xc0000084, 9),
	     "sysreg");
	must(axas_map(space, &map), "map 2M");
	must(axas_map_alloc(space, 64 * T, 64 * T, RW), "map 64T");
	for (n = 0; n < 640 * K; n += n < 64 * K ? 4 * K : 12 * K)
		touch(n);
	for (n = 0; n < 32; n++)
		touch(2 * G + n * n / 4 * 2 * M + n * 4 * K);
	for (n = 0; n < 64; n++)
		touch(2 * G + 200 * M + n * 68 * K);
	must(axas_unmap(space, 2 * G + 2 * M, 16 * K), "unmap");
	for (n = 0; n < 40; n++)
		touch(64 * T + n * n * n * G + n * 4 * K);
}

static void test_info(void)
{
	struct axas_info host, info;

	EXPECT(!axas_info(dev, AXAS_FORMAT_HOST, &host));
	EXPECT(!axas_info(dev, host.format, &info));
	EXPECT(info.size == sizeof(info) && info.gpa_bits == host.gpa_bits);
	EXPECT(axas_info(dev, 77, &info) == -EINVAL);
}

static void test_faults(void)
{
	struct axas_fault_entry e[] = {
		{ .gpa = 64 * K - 1, .access = AXAS_PROT_READ },
		{ .gpa = 64 * T + 63 * T, .access = AXAS_PROT_READ },
		{ .gpa = 1 * T, .access = AXAS_PROT_READ },
		{ .gpa = 2 * G, .access = AXAS_PROT_EXEC },
		{ .gpa = 0xfee00010, .access = AXAS_PROT_WRITE, .width = 4 },
	};
	static const uint32_t want[] = {
		AXAS_FAULT_SPURIOUS, AXAS_FAULT_RESOLVED, AXAS_FAULT_NO_AREA,
		AXAS_FAULT_DENIED, AXAS_FAULT_DEVICE,
	};
	int i;

	EXPECT(axas_faults(space, e, 5) == 5);
	for (i = 0; i < 5; i++)
		EXPECT(e[i].result == want[i]);
	EXPECT(e[4].cookie == 3 && e[4].offset == 0x10);
	EXPECT(axas_faults(space, NULL, 1) == -EFAULT);
	EXPECT(axas_faults(space, NULL, 0) == 0);
	EXPECT(axas_fault(space, 0, AXAS_PROT_EXEC) == AXAS_FAULT_SPURIOUS);
	EXPECT(axas_fault(space, T, AXAS_PROT_EXEC) == AXAS_FAULT_NO_AREA);
}

/* An array whose end isn't there: what was done is counted, then the error. */
static void test_part_of_an_array(void)
{
	const int entries = 64 * K / sizeof(struct axas_fault_entry);
	struct axas_fault_entry *e;
	int done, n;

	e = mmap(NULL, 128 * K, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap((char *)e + 64 * K, 64 * K);
	for (n = 0; n < entries; n++)
		e[n].result = 99;
	done = axas_faults(space, e, 2 * entries);
	EXPECT(done > 0 && done <= entries);
	for (n = 0; n < done; n++)
		EXPECT(e[n].result == AXAS_FAULT_INVALID);
	EXPECT(axas_faults(space, e + entries, entries) == -EFAULT);
	munmap(e, 64 * K);
}

static void test_translate(void)
{
	struct axas_translate_entry e[2] = {
		{ .gpa = 2 * G + 2 * M + 16 * K }, { .gpa = 100 * T },
	};
	struct axas_translate_entry one;

	EXPECT(axas_translate(space, 5, &one) == AXAS_TRANSLATE_MAPPED);
	EXPECT(one.leaf_size == 4 * K && one.limit == 640 * K - 5);
	EXPECT(axas_translate(space, T, &one) == AXAS_TRANSLATE_NO_AREA);
	EXPECT(axas_translations(space, e, 2) == 2);
	EXPECT(e[0].state == AXAS_TRANSLATE_MAPPED);
	EXPECT(e[1].state == AXAS_TRANSLATE_LAZY);
}

static void test_memory(void)
{
	char in[] = "across a page", out[sizeof(in)] = "";
	uint64_t gpa = 64 * K - 5;
	void *window;

	EXPECT(!axas_write(space, gpa, in, sizeof(in)));
	EXPECT(!axas_read(space, gpa, out, sizeof(out)));
	EXPECT(!strcmp(in, out));
	EXPECT(!axas_window(space, 60 * K, 8 * K, PROT_READ, &window));
	EXPECT(!strcmp((char *)window + 4 * K - 5, in));
	munmap(window, 8 * K);
	EXPECT(axas_window(space, 1, 4 * K, PROT_READ, &window) == -EINVAL);
	EXPECT(axas_read(space, 640 * K - 4, out, 8) == -EFAULT);
	EXPECT(axas_read(space, 256 * T - 4, out, 8) == -EFAULT);
	EXPECT(axas_write(space, T, in, 1) == -EFAULT);
}

/* More areas than one call of the library takes. */
static void test_areas(void)
{
	struct axas_area_entry area;
	struct axas_area_iter *it;
	int s = must(axas_create(dev, NULL), "create");
	uint64_t i;

	for (i = 0; i < 200; i++)
		must(axas_map_alloc(s, i * 8 * K, 4 * K, RW), "map");
	EXPECT(!axas_areas_begin(s, 0, &it));
	for (i = 0; axas_areas_next(it, &area) == 1; i++)
		EXPECT(area.gpa == i * 8 * K && area.length == 4 * K);
	EXPECT(i == 200);
	EXPECT(axas_areas_next(it, &area) == 0);
	EXPECT(!axas_areas_changed(it));
	axas_areas_end(it);
	EXPECT(!axas_areas_begin(s, 100 * 8 * K + 1, &it));
	for (i = 100; axas_areas_next(it, &area) == 1; i++) {
		EXPECT(area.gpa == i * 8 * K);
		if (i == 110)
			must(axas_unmap(s, 199 * 8 * K, 4 * K), "unmap");
	}
	EXPECT(i == 199);
	EXPECT(axas_areas_changed(it));
	axas_areas_end(it);
	close(s);
}

static void test_changes(void)
{
	int s = must(axas_create(dev, NULL), "create");
	struct axas_stats stats;

	EXPECT(!axas_map_alloc(s, 0, 64 * K, RW));
	EXPECT(axas_map_alloc(s, 0, 64 * K, RW) == -EEXIST);
	EXPECT(axas_map_linear(s, M, 4 * K, RW, 128 * M) == -EACCES);
	EXPECT(!axas_protect(s, 0, 4 * K, AXAS_PROT_READ));
	EXPECT(axas_fault(s, 0, AXAS_PROT_WRITE) == AXAS_FAULT_DENIED);
	EXPECT(!axas_unmap(s, 4 * K, 4 * K));
	EXPECT(!axas_stats(s, &stats));
	EXPECT(stats.areas == 2 && stats.faults[AXAS_FAULT_DENIED] == 1);
	EXPECT(!axas_clear(s));
	EXPECT(!axas_stats(s, &stats) && !stats.areas);
	EXPECT(!axas_device_add(s, AXAS_BUS_PORT, 0x3f8, 0x3ff, 9));
	EXPECT(axas_device_add(s, AXAS_BUS_PORT, 0x3ff, 0x400, 9) == -EEXIST);
	EXPECT(!axas_device_del(s, AXAS_BUS_PORT, 0x3f8, 0x3ff));
	EXPECT(axas_device_del(s, AXAS_BUS_PORT, 0x3f8, 0x3ff) == -ENOENT);
	close(s);
}

static void test_linear(void)
{
	const char *reserved = getenv("AXAS_RESERVED_HPA");
	uint64_t hpa = reserved ? strtoull(reserved, NULL, 0) : 0;
	struct axas_translate_entry at;
	char text[] = "reserved", back[sizeof(text)] = "";
	int s;

	if (!reserved) {
		skip = "no AXAS_RESERVED_HPA";
		return;
	}
	s = must(axas_create(dev, NULL), "create");
	EXPECT(!axas_map_linear(s, G, 2 * M, RW, hpa));
	EXPECT(axas_translate(s, G + 5, &at) == AXAS_TRANSLATE_MAPPED);
	EXPECT(at.hpa == hpa + 5);
	EXPECT(axas_fault(s, G, AXAS_PROT_WRITE) == AXAS_FAULT_SPURIOUS);
	EXPECT(!axas_write(s, G + 4 * K - 3, text, sizeof(text)));
	EXPECT(!axas_read(s, G + 4 * K - 3, back, sizeof(back)));
	EXPECT(!strcmp(text, back));
	EXPECT(runs("axasctl map --json %d | grep -q '\"hpa\": \"%#llx\"'",
		    (int)axas_id(s), (unsigned long long)hpa));
	close(s);
}

static void test_root(void)
{
	struct axas_probe probe;
	struct axas_root root;
	int err;

	EXPECT(!axas_root(space, &root));
	EXPECT(root.format == AXAS_FORMAT_EPT && root.levels == 4);
	EXPECT(root.root && (root.control & ~0xfffull) == root.root);
	err = axas_probe(space, 0, AXAS_PROT_READ, &probe);
	EXPECT(!err || err == -EOPNOTSUPP || err == -EBUSY);
}

/* ---- axasctl ---- */

static struct json_object *ctl(const char *fmt, ...)
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

static struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(o, key, &value))
		printf("# axasctl tells no %s\n", key);
	return value;
}

static uint64_t number(struct json_object *o, const char *key)
{
	return json_object_get_uint64(get(o, key));
}

static uint64_t hex(struct json_object *o, const char *key)
{
	return strtoull(json_object_get_string(get(o, key)), NULL, 16);
}

static const char * const leaf_names[] = { "4K", "2M", "1G" };

static void compare_stats(struct json_object *o)
{
	struct axas_stats st;
	unsigned int i;

	EXPECT(!axas_stats(space, &st));
	EXPECT(number(o, "id") == (uint64_t)id);
	EXPECT(number(o, "pid") == (uint64_t)getpid());
	EXPECT(!strcmp(json_object_get_string(get(o, "comm")),
		       program_invocation_short_name));
	EXPECT(number(o, "gpa_bits") == st.gpa_bits);
	EXPECT(number(o, "levels") == st.levels);
	EXPECT(number(o, "areas") == st.areas);
	EXPECT(number(o, "resident") == st.resident);
	EXPECT(number(o, "length") == st.length && hex(o, "base") == st.base);
	for (i = 0; i < 3; i++)
		EXPECT(number(get(o, "leaves"), leaf_names[i]) == st.leaves[i]);
	for (i = 0; i < st.levels; i++)
		EXPECT(json_object_get_uint64(json_object_array_get_idx(get(o, "tables"), i)) ==
		       st.tables[i]);
	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		EXPECT(number(get(o, "faults"), axas_result_name(i)) ==
		       st.faults[i]);
}

static void test_ctl_stats(void)
{
	struct json_object *o = ctl("axasctl stats --json %d", id), *list;

	compare_stats(o);
	json_object_put(o);
	list = ctl("axasctl list --json");
	o = json_object_array_get_idx(list, json_object_array_length(list) - 1);
	compare_stats(o);
	json_object_put(list);
}

static void compare_area(struct json_object *o, const struct axas_area_entry *a)
{
	EXPECT(hex(o, "start") == a->gpa);
	EXPECT(hex(o, "end") == a->gpa + a->length);
	EXPECT(hex(o, "cookie") == a->cookie);
	EXPECT(!strcmp(json_object_get_string(get(o, "backend")),
		       axas_backend_name(a->backend)));
	EXPECT(!strcmp(json_object_get_string(get(o, "memtype")),
		       axas_memtype_name(a->memtype)));
	EXPECT(strchr(json_object_get_string(get(o, "prot")), 'x') ?
	       a->prot & AXAS_PROT_EXEC : !(a->prot & AXAS_PROT_EXEC));
}

static void test_ctl_map(void)
{
	struct json_object *o = ctl("axasctl map --json %d", id), *list, *area;
	uint64_t mapped[3] = { 0 };
	struct axas_area_entry entry;
	struct axas_area_iter *it;
	struct axas_stats st;
	unsigned int leaf;
	size_t i;

	compare_stats(o);
	list = get(o, "map");
	EXPECT(!axas_areas_begin(space, 0, &it));
	for (i = 0; axas_areas_next(it, &entry) == 1; i++) {
		area = json_object_array_get_idx(list, i);
		compare_area(area, &entry);
		for (leaf = 0; leaf < 3; leaf++)
			mapped[leaf] += number(get(area, "mapped"),
					       leaf_names[leaf]);
	}
	EXPECT(i == json_object_array_length(list));
	axas_areas_end(it);
	EXPECT(!axas_stats(space, &st));
	for (leaf = 0; leaf < 3; leaf++)
		EXPECT(mapped[leaf] == st.leaves[leaf] << (12 + 9 * leaf));
	json_object_put(o);
}

static void test_ctl_devices(void)
{
	struct json_object *o = ctl("axasctl map --json %d", id), *list, *d;

	list = get(o, "devices");
	EXPECT(json_object_array_length(list) == 2);
	d = json_object_array_get_idx(list, 0);
	EXPECT(!strcmp(json_object_get_string(get(d, "bus")), "port"));
	EXPECT(hex(d, "first") == 0x3f8 && hex(d, "last") == 0x3ff);
	EXPECT(hex(d, "cookie") == 8);
	d = json_object_array_get_idx(list, 1);
	EXPECT(!strcmp(json_object_get_string(get(d, "bus")), "sysreg"));
	EXPECT(hex(d, "first") == 0xc0000080 && hex(d, "last") == 0xc0000084);
	EXPECT(hex(d, "cookie") == 9);
	json_object_put(o);
}

/* Each run's ends are leaves of its size; together they are all leaves. */
static void test_ctl_dump(void)
{
	struct json_object *list = ctl("axasctl dump --json %d", id), *o;
	struct axas_translate_entry at;
	uint64_t bytes = 0;
	struct axas_stats st;
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++) {
		o = json_object_array_get_idx(list, i);
		bytes += hex(o, "end") - hex(o, "start");
		EXPECT(axas_translate(space, hex(o, "start"), &at) ==
		       AXAS_TRANSLATE_MAPPED);
		EXPECT(!strcmp(json_object_get_string(get(o, "leaf")),
			       at.leaf_size == 4 * K ? "4K" : "2M"));
		EXPECT(axas_translate(space, hex(o, "end") - 1, &at) ==
		       AXAS_TRANSLATE_MAPPED);
	}
	EXPECT(!axas_stats(space, &st));
	EXPECT(bytes == st.resident);
	json_object_put(list);
}

static void test_ctl_info(void)
{
	struct json_object *list = ctl("axasctl info --json"), *o;
	struct axas_info info;

	EXPECT(!axas_info(dev, AXAS_FORMAT_HOST, &info));
	EXPECT(json_object_array_length(list) ==
	       (size_t)__builtin_popcount(info.formats & ~(1u << AXAS_FORMAT_HOST)));
	o = json_object_array_get_idx(list, 1);
	EXPECT(!axas_info(dev, AXAS_FORMAT_S2, &info));
	EXPECT(number(o, "number") == AXAS_FORMAT_S2);
	EXPECT(number(o, "hpa_bits") == info.hpa_bits);
	EXPECT(json_object_array_length(get(o, "gpa_bits")) ==
	       (size_t)__builtin_popcountll(info.gpa_bits));
	o = json_object_array_get_idx(list, 0);
	EXPECT(!axas_info(dev, AXAS_FORMAT_EPT, &info));
	EXPECT(json_object_array_length(get(o, "control_bits")) ==
	       (size_t)__builtin_popcountll(info.control_bits));
	EXPECT(!(info.control_bits >> 39 & 1));
	json_object_put(list);
}

/* A plugin's format, which has only a number here. */
static void test_ctl_info_of_a_plugin(void)
{
	struct json_object *list, *o;
	struct axas_info info;

	EXPECT(!axas_info(dev, AXAS_FORMAT_HOST, &info));
	if (!(info.formats >> AXAS_FORMAT_MODULE)) {
		skip = "no plugin with a format";
		return;
	}
	list = ctl("axasctl info --json");
	o = json_object_array_get_idx(list, json_object_array_length(list) - 1);
	EXPECT(number(o, "number") == 31 - (uint64_t)__builtin_clz(info.formats));
	EXPECT(runs("axasctl info | grep -q '^format %d$'",
		    (int)number(o, "number")));
	EXPECT(runs("! axasctl info | grep -q unknown"));
	json_object_put(list);
}

static void test_ctl_text(void)
{
	EXPECT(runs("axasctl info | grep -q 'what this machine'"));
	EXPECT(runs("axasctl list | grep -q '^ *%d  ept '", id));
	EXPECT(runs("axasctl stats %d | grep -q 'ept, 48 bits'", id));
	EXPECT(runs("axasctl dump %d | grep -q ' 2M 2M rw- wb owned'", id));
	EXPECT(runs("axasctl map %d | grep -q '64T  rw- alloc wb 4K'", id));
	EXPECT(runs("axasctl map %d --svg - | tail -n 1 | grep -q '</svg>'", id));
	EXPECT(runs("axasctl stats 4000000000 2>&1 | grep -q 'alive: '"));
}

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
		if (runs("grep -qs ^hist: %s/axasctl-*/events/axas/axas_fault/trigger",
			 INSTANCES))
			return;
		usleep(20000);
	}
	EXPECT(!"axasctl sets a trigger");
}

static uint64_t watched_faults(FILE *f, double *per_second)
{
	struct json_object *o, *list, *one;
	uint64_t sum = 0;
	char line[4096];

	while (fgets(line, sizeof(line), f)) {
		o = json_tokener_parse(line);
		EXPECT(o);
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

static void test_ctl_watch(void)
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

static void test_ctl_watch_text(void)
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

static void test_ctl_watch_ends_with_its_space(void)
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
static void test_ctl_watch_drops(void)
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

static void test_ctl_watch_is_interrupted(void)
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

/* A number isn't used again. */
static void test_ctl_space_ends(void)
{
	int s = must(axas_create(dev, NULL), "create"), number = axas_id(s);

	EXPECT(number > id);
	EXPECT(runs("axasctl stats %d >/dev/null", number));
	close(s);
	EXPECT(runs("axasctl stats %d 2>&1 | grep -q 'no space %d'", number,
		    number));
}

/* The comparisons once more, over a small space in the other format. */
static void test_ctl_s2(void)
{
	struct axas_create create = {
		.format = AXAS_FORMAT_S2, .gpa_bits = 40,
	};
	struct axas_map map = {
		.gpa = G, .length = 8 * M, .prot = RW,
		.backend = AXAS_BACKEND_ALLOC, .max_leaf = 2 * M,
	};
	int ept = space, ept_id = id;

	space = must(axas_create(dev, &create), "create");
	id = must(axas_id(space), "id");
	must(axas_map(space, &map), "map 2M");
	must(axas_map_alloc(space, 0, 64 * K, RW | AXAS_PROT_EXEC), "map");
	touch(G + 2 * M);
	touch(G + 4 * M);
	touch(0);
	touch(20 * K);
	EXPECT(runs("axasctl stats %d | grep -q 's2, 40 bits'", id));
	test_ctl_stats();
	test_ctl_map();
	test_ctl_dump();
	close(space);
	space = ept;
	id = ept_id;
}

/* ---- the other programs ---- */

static void test_examples(void)
{
	EXPECT(runs("example | grep -q '^fault at 0x80001234: resolved$'"));
	EXPECT(runs("readme_example | grep -q '^fault: resolved$'"));
}

/* Results have one name everywhere. */
static void test_replay(void)
{
	uint32_t i;

	EXPECT(runs("printf 'I  0401ab70,3\\n S 1ffeffe7e0,8\\n' >/tmp/trace"));
	EXPECT(runs("axas-replay --json /tmp/trace >/tmp/json"));
	EXPECT(runs("axas-replay /tmp/trace >/tmp/text"));
	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++) {
		EXPECT(runs("grep -q '\"%s\": [0-9]' /tmp/json",
			    axas_result_name(i)));
		EXPECT(runs("grep -q '[0-9] %s' /tmp/text", axas_result_name(i)));
	}
}

static int run_command(char **argv)
{
	int status = 1;
	char text[16];
	pid_t pid;

	snprintf(text, sizeof(text), "%d", id);
	setenv("AXAS_SPACE", text, 1);
	/* The space is closed on exec: not in this process. */
	pid = fork();
	if (!pid) {
		execvp(argv[0], argv);
		printf("live: %s: %s\n", argv[0], strerror(errno));
		_exit(1);
	}
	waitpid(pid, &status, 0);
	return !!status;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*fn)(void);
	} tests[] = {
		{ "info", test_info },
		{ "faults", test_faults },
		{ "part_of_an_array", test_part_of_an_array },
		{ "translate", test_translate },
		{ "memory", test_memory },
		{ "areas", test_areas },
		{ "changes", test_changes },
		{ "linear", test_linear },
		{ "root", test_root },
		{ "ctl_info", test_ctl_info },
		{ "ctl_info_of_a_plugin", test_ctl_info_of_a_plugin },
		{ "ctl_stats", test_ctl_stats },
		{ "ctl_map", test_ctl_map },
		{ "ctl_devices", test_ctl_devices },
		{ "ctl_dump", test_ctl_dump },
		{ "ctl_text", test_ctl_text },
		{ "ctl_s2", test_ctl_s2 },
		{ "ctl_watch", test_ctl_watch },
		{ "ctl_watch_text", test_ctl_watch_text },
		{ "ctl_watch_ends_with_its_space",
		  test_ctl_watch_ends_with_its_space },
		{ "ctl_watch_drops", test_ctl_watch_drops },
		{ "ctl_watch_is_interrupted", test_ctl_watch_is_interrupted },
		{ "ctl_space_ends", test_ctl_space_ends },
		{ "examples", test_examples },
		{ "replay", test_replay },
	};
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	make_space();
	if (argc > 1)
		return run_command(argv + 1);
	printf("TAP version 13\n1..%zu\n", ARRAY_SIZE(tests));
	for (i = 0; i < ARRAY_SIZE(tests); i++)
		test(tests[i].name, tests[i].fn);
	return !!failed;
}
