// SPDX-License-Identifier: GPL-2.0
/*
 * live: tests of axasctl.
 */
#define _GNU_SOURCE
#include <axas.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "live.h"

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

void test_ctl_stats(void)
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

void test_ctl_map(void)
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

static size_t listed_areas(int of)
{
	struct json_object *o = ctl("axasctl map --json %d", of);
	size_t n = json_object_array_length(get(o, "map"));

	json_object_put(o);
	return n;
}

/* Areas that are one again show as one. */
void test_ctl_joined(void)
{
	int s = must(axas_create(dev, NULL), "create"), of = axas_id(s);
	struct json_object *o, *area;
	uint64_t n;

	must(axas_map_alloc(s, G, 64 * M, RW), "map");
	for (n = 0; n < 64; n++)
		must(axas_protect(s, G + n * M, 4 * K, AXAS_PROT_READ), "protect");
	EXPECT(listed_areas(of) == 128);
	must(axas_protect(s, G + M, 62 * M, RW), "protect");
	EXPECT(listed_areas(of) == 4);
	must(axas_protect(s, G, 64 * M, RW), "protect");
	must(axas_resize(s, G, 32 * M), "resize");
	o = ctl("axasctl map --json %d", of);
	EXPECT(json_object_array_length(get(o, "map")) == 1);
	area = json_object_array_get_idx(get(o, "map"), 0);
	EXPECT(hex(area, "start") == G && hex(area, "end") == G + 32 * M);
	EXPECT(runs("axasctl map %d | grep -q '32M  rw- alloc wb 4K'", of));
	json_object_put(o);
	close(s);
}

/* The rights are those of guests, and somebody else may write. */
void test_ctl_rom(void)
{
	int s = must(axas_create(dev, NULL), "create"), of = axas_id(s);
	struct axas_map map = {
		.gpa = G, .length = 64 * K, .backend = AXAS_BACKEND_ALLOC,
		.flags = AXAS_MAP_ROM, .prot = AXAS_PROT_READ | AXAS_PROT_EXEC,
	};
	struct json_object *o, *area, *flags;

	must(axas_map(s, &map), "map");
	must(axas_write(s, G, "rom", 3), "write");
	EXPECT(axas_fault(s, G, AXAS_PROT_WRITE) == AXAS_FAULT_DENIED);
	o = ctl("axasctl map --json %d", of);
	area = json_object_array_get_idx(get(o, "map"), 0);
	flags = get(area, "flags");
	EXPECT(json_object_array_length(flags) == 1);
	EXPECT(!strcmp(json_object_get_string(json_object_array_get_idx(flags, 0)),
		       "rom"));
	EXPECT(runs("axasctl map %d | grep -q 'r-x alloc wb 4K, 4K mapped, rom$'", of));
	json_object_put(o);
	close(s);
}

void test_ctl_devices(void)
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
void test_ctl_dump(void)
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

/* As many tables of each level as the module counts, with all leaves in them. */
void test_ctl_tree(void)
{
	struct json_object *list = ctl("axasctl dump --tree --json %d", id), *o;
	uint64_t tables[5] = { 0 }, leaves[5] = { 0 };
	struct axas_root root = { 0 };
	struct axas_stats st;
	uint64_t level;
	size_t i;

	EXPECT(!axas_root(space, &root));
	for (i = 0; i < json_object_array_length(list); i++) {
		o = json_object_array_get_idx(list, i);
		level = number(o, "level");
		EXPECT(level >= 1 && level <= 5);
		tables[level - 1]++;
		leaves[level - 1] += number(o, "leaves");
		EXPECT(number(o, "leaves") + number(o, "tables") <=
		       number(o, "entries"));
		EXPECT(hex(o, "hpa") && !(hex(o, "hpa") % (4 * K)));
		if (level == root.levels)
			EXPECT(hex(o, "hpa") == root.root);
	}
	EXPECT(!axas_stats(space, &st));
	for (i = 0; i < 3; i++)
		EXPECT(leaves[i] == st.leaves[i]);
	for (i = 0; i + 1 < st.levels; i++)
		EXPECT(tables[i] == st.tables[i]);
	EXPECT(tables[st.levels - 1] == 1);
	json_object_put(list);
}

/* The runs that the module lists. */
void test_ctl_resident(void)
{
	struct json_object *list = ctl("axasctl resident --json %d", id), *o;
	struct axas_next_entry there[256];
	uint64_t gpa, length;
	struct axas_stats st;
	int i, nr;

	EXPECT(!axas_stats(space, &st));
	gpa = st.base;
	length = st.length;
	nr = axas_next(space, &gpa, &length, there, 256);
	EXPECT(nr > 0 && !length);
	EXPECT(json_object_array_length(list) == (size_t)nr);
	for (i = 0; i < nr; i++) {
		o = json_object_array_get_idx(list, i);
		EXPECT(hex(o, "start") == there[i].gpa);
		EXPECT(hex(o, "end") == there[i].gpa + there[i].length);
		EXPECT(number(o, "owned") == there[i].length);
	}
	json_object_put(list);
}

void test_ctl_info(void)
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
	o = json_object_array_get_idx(list, 2);
	EXPECT(!axas_info(dev, AXAS_FORMAT_AMD, &info));
	EXPECT(number(o, "number") == AXAS_FORMAT_AMD);
	EXPECT(json_object_array_length(get(o, "gpa_bits")) == 2);
	EXPECT(runs("axasctl info | grep -q '^amd'"));
	json_object_put(list);
}

/* It goes by its name, whoever asks. */
void test_format_of_a_plugin(void)
{
	struct axas_info host, info;
	struct axas_create create = { 0 };
	int s;

	EXPECT(!axas_info(dev, AXAS_FORMAT_HOST, &host));
	if (!(host.formats >> AXAS_FORMAT_MODULE)) {
		skip = "no plugin with a format";
		return;
	}
	create.format = 31 - (uint32_t)__builtin_clz(host.formats);
	EXPECT(!axas_info(dev, create.format, &info));
	s = must(axas_create(dev, &create), "create");
	EXPECT(runs("axasctl info | grep -q '^%s$'", info.name));
	EXPECT(runs("axasctl stats %d | grep -q ' %s, '", (int)axas_id(s), info.name));
	EXPECT(runs("axasctl list | grep -q ' %s '", info.name));
	close(s);
	EXPECT(runs("echo ' S 1ffeffe7e0,8' >/tmp/trace"));
	EXPECT(runs("axas-replay --format %s /tmp/trace | grep -q ' %s, '", info.name,
		    info.name));
	EXPECT(runs("axas-replay --json --format %u /tmp/trace | grep -q '\"%s\"'",
		    create.format, info.name));
	EXPECT(runs("axas-replay --format nothing /tmp/trace 2>&1 | grep -q 'no format nothing; it has: host, .*, %s$'",
		    info.name));
	EXPECT(runs("axas-replay --format 17 /tmp/trace 2>&1 | grep -q 'no format 17; it has: host, '"));
}

void test_ctl_text(void)
{
	EXPECT(runs("axasctl info | grep -q 'what this machine'"));
	EXPECT(runs("axasctl list | grep -q '^ *%d  ept '", id));
	EXPECT(runs("axasctl stats %d | grep -q 'ept, 48 bits'", id));
	EXPECT(runs("axasctl dump %d | grep -q ' 2M 2M rw- wb owned'", id));
	EXPECT(runs("axasctl map %d | grep -q '64T  rw- alloc wb 4K'", id));
	EXPECT(runs("axasctl map %d --svg - | tail -n 1 | grep -q '</svg>'", id));
	EXPECT(runs("axasctl stats 4000000000 2>&1 | grep -q 'alive: '"));
}

/* A number isn't used again. */
void test_ctl_space_ends(void)
{
	int s = must(axas_create(dev, NULL), "create"), number = axas_id(s);

	EXPECT(number > id);
	EXPECT(runs("axasctl stats %d >/dev/null", number));
	close(s);
	EXPECT(runs("axasctl stats %d 2>&1 | grep -q 'no space %d'", number,
		    number));
}

/* The comparisons once more, over a small space in the other format. */
void test_ctl_s2(void)
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
	test_ctl_tree();
	test_ctl_resident();
	close(space);
	space = ept;
	id = ept_id;
}
