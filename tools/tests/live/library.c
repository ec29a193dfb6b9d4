// SPDX-License-Identifier: GPL-2.0
/*
 * live: tests of the library.
 */
#include <axas.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "live.h"

void test_info(void)
{
	struct axas_info host, info;

	EXPECT(!axas_info(dev, AXAS_FORMAT_HOST, &host));
	EXPECT(!axas_info(dev, host.format, &info));
	EXPECT(info.size == sizeof(info) && info.gpa_bits == host.gpa_bits);
	EXPECT(axas_info(dev, 77, &info) == -EINVAL);
}

/* A format has one name, and each of its names leads back to it. */
void test_format_names(void)
{
	struct axas_info host, info;
	char number[12];
	uint32_t n;

	EXPECT(!axas_info(dev, AXAS_FORMAT_HOST, &host));
	EXPECT(axas_format_number(dev, "host") == AXAS_FORMAT_HOST);
	for (n = 1; n < 32; n++) {
		snprintf(number, sizeof(number), "%u", n);
		if (!(host.formats >> n & 1)) {
			EXPECT(axas_format_number(dev, number) == -ENOENT);
			continue;
		}
		EXPECT(!axas_info(dev, n, &info));
		EXPECT(axas_format_number(dev, info.name) == (int)n);
		EXPECT(axas_format_number(dev, number) == (int)n);
		if (n < AXAS_FORMAT_MODULE)
			EXPECT(!strcmp(info.name, axas_format_name(n)));
	}
	EXPECT(axas_format_number(dev, "unknown") == -ENOENT);
	EXPECT(axas_format_number(dev, "") == -ENOENT);
}

void test_faults(void)
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
void test_part_of_an_array(void)
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

void test_translate(void)
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

void test_memory(void)
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
void test_areas(void)
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

void test_changes(void)
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

/* Memory between two guests, whoever closes what. */
void test_alias(void)
{
	int one = must(axas_create(dev, NULL), "create");
	int two = must(axas_create(dev, NULL), "create");
	char text[] = "stays", back[sizeof(text)] = "";
	int ram;

	EXPECT(!axas_map_alloc(one, G, 64 * K, RW));
	ram = must(axas_ram_file(one, G + 4 * K, 8 * K, RW, 0), "RAM file");
	EXPECT(axas_map_alias(two, M, 12 * K, RW, ram, 0) == -ERANGE);
	EXPECT(axas_map_alias(two, M, 8 * K, RW, dev, 0) == -EINVAL);
	EXPECT(!axas_map_alias(two, M, 8 * K, RW, ram, 0));
	EXPECT(axas_map_alias(one, M, 4 * K, RW, two, M) == -ELOOP);
	EXPECT(!axas_map_alias(one, M, 4 * K, RW, one, G + 4 * K));
	EXPECT(!axas_write(two, M, text, sizeof(text)));
	EXPECT(!axas_read(one, M, back, sizeof(back)) && !strcmp(text, back));
	close(ram);
	close(one);
	memset(back, 0, sizeof(back));
	EXPECT(!axas_read(two, M, back, sizeof(back)) && !strcmp(text, back));
	close(two);
}

void test_resize(void)
{
	int s = must(axas_create(dev, NULL), "create");
	struct axas_translate_entry at;
	struct axas_stats stats;
	char text[] = "stays", back[sizeof(text)] = "";

	EXPECT(axas_resize(s, G, 4 * K) == -ENOENT);
	EXPECT(!axas_map_alloc(s, G, 64 * K, RW));
	EXPECT(!axas_map_alloc(s, 2 * G, 4 * K, RW));
	EXPECT(!axas_write(s, G + 4 * K, text, sizeof(text)));
	EXPECT(!axas_write(s, G + 32 * K, text, sizeof(text)));
	EXPECT(!axas_resize(s, G, G));
	EXPECT(axas_translate(s, 2 * G - 1, &at) == AXAS_TRANSLATE_LAZY);
	EXPECT(axas_resize(s, G, G + 4 * K) == -EEXIST);
	EXPECT(!axas_resize(s, G, 8 * K));
	EXPECT(axas_translate(s, G + 8 * K, &at) == AXAS_TRANSLATE_NO_AREA);
	EXPECT(!axas_read(s, G + 4 * K, back, sizeof(back)) && !strcmp(text, back));
	EXPECT(!axas_stats(s, &stats));
	EXPECT(stats.areas == 2 && stats.resident == 4 * K);
	EXPECT(axas_resize(s, G + 4 * K, 4 * K) == -ENOENT);
	EXPECT(axas_resize(s, G, 0) == -EINVAL);
	close(s);
}

/* RAM is hidden behind a device, shown again, and at last elsewhere. */
void test_move(void)
{
	int s = must(axas_create(dev, NULL), "create");
	char text[] = "stays", back[sizeof(text)] = "";
	struct axas_translate_entry at;

	EXPECT(axas_move(s, G, 2 * G, 4 * K, 0) == -ENOENT);
	EXPECT(!axas_map_alloc(s, 0, M, RW));
	EXPECT(!axas_map_device(s, G, 128 * K, RW));
	EXPECT(!axas_write(s, 640 * K, text, sizeof(text)));
	EXPECT(axas_move(s, 640 * K, G, 128 * K, 0) == -EEXIST);
	EXPECT(axas_move(s, 640 * K, 704 * K, 128 * K, 0) == -EINVAL);
	EXPECT(axas_move(s, 640 * K, G, 128 * K, 2) == -EINVAL);
	EXPECT(!axas_move(s, 640 * K, G, 128 * K, AXAS_MOVE_EXCHANGE));
	EXPECT(axas_translate(s, 640 * K, &at) == AXAS_TRANSLATE_DEVICE);
	EXPECT(!axas_read(s, G, back, sizeof(back)) && !strcmp(text, back));
	EXPECT(!axas_move(s, 640 * K, G, 128 * K, AXAS_MOVE_EXCHANGE));
	EXPECT(axas_translate(s, G, &at) == AXAS_TRANSLATE_DEVICE);
	EXPECT(!axas_move(s, 0, 3 * G, M, 0));
	EXPECT(axas_translate(s, 640 * K, &at) == AXAS_TRANSLATE_NO_AREA);
	memset(back, 0, sizeof(back));
	EXPECT(!axas_read(s, 3 * G + 640 * K, back, sizeof(back)));
	EXPECT(!strcmp(text, back));
	close(s);
}

/* Two pages, and zeros between them, in one leaf, if there is a frame for it. */
void test_collapse(void)
{
	struct axas_map map = {
		.gpa = G, .length = 2 * M, .backend = AXAS_BACKEND_ALLOC, .prot = RW,
		.max_leaf = 2 * M,
	};
	int s = must(axas_create(dev, NULL), "create");
	char text[] = "stays", back[sizeof(text)] = "";
	struct axas_translate_entry at;
	struct axas_collapse collapse;

	EXPECT(axas_collapse(s, G, 2 * M, 0, &collapse) == -ENOENT);
	EXPECT(collapse.done == 0 && collapse.joined == 0);
	EXPECT(!axas_map(s, &map));
	EXPECT(!axas_populate(s, G + M, 4 * K, NULL));
	EXPECT(!axas_write(s, G + M - sizeof(text), text, sizeof(text)));
	EXPECT(axas_collapse(s, G, 2 * M, 2, NULL) == -EINVAL);
	EXPECT(!axas_collapse(s, G, 2 * M, 0, NULL));
	EXPECT(axas_translate(s, G + M, &at) == AXAS_TRANSLATE_MAPPED);
	EXPECT(at.leaf_size == 4 * K);
	EXPECT(!axas_collapse(s, G, 2 * M, AXAS_COLLAPSE_COPY, &collapse));
	EXPECT(collapse.done == 2 * M && collapse.joined % (2 * M) == 0);
	EXPECT(axas_translate(s, G + M, &at) == AXAS_TRANSLATE_MAPPED);
	EXPECT(at.leaf_size == (collapse.joined ? 2 * M : 4 * K));
	EXPECT(!axas_read(s, G + M - sizeof(text), back, sizeof(back)));
	EXPECT(!strcmp(text, back));
	close(s);
}

/* Listed once, again after a peek or when it is put back, and in two steps. */
void test_track(void)
{
	int s = must(axas_create(dev, NULL), "create"), t, n;
	uint64_t gpa = G, length = M;
	struct axas_next_entry runs[8];
	struct pollfd ready;

	EXPECT(!axas_map_alloc(s, G, M, RW));
	EXPECT(!axas_populate(s, G, M, NULL));
	EXPECT(axas_track(s, G, M, 0, 0, 0) == -EINVAL);
	EXPECT(axas_track(s, G, M, AXAS_TRACK_WRITTEN, AXAS_TRACK_BY_FLAGS, 3) == -EINVAL);
	EXPECT(axas_track(s, UINT64_C(1) << 62, M, AXAS_TRACK_WRITTEN, 0, 0) == -ERANGE);
	t = axas_track(s, G, M, AXAS_TRACK_WRITTEN, 0, 3);
	EXPECT(t >= 0 && fcntl(t, F_GETFD) == FD_CLOEXEC);
	ready = (struct pollfd){ .fd = t, .events = POLLIN };
	EXPECT(!axas_write(s, G + 8 * K - 1, "ab", 2));
	EXPECT(poll(&ready, 1, 0) == 0);
	EXPECT(axas_fault(s, G + 64 * K, AXAS_PROT_WRITE) == AXAS_FAULT_RESOLVED);
	EXPECT(poll(&ready, 1, 0) == 1);
	n = axas_dirty(t, &gpa, &length, AXAS_DIRTY_PEEK, runs, 8);
	EXPECT(n == 2 && !length && gpa == G + M);
	EXPECT(runs[0].gpa == G + 4 * K && runs[0].length == 8 * K);
	EXPECT(runs[1].gpa == G + 64 * K && runs[1].length == 4 * K);
	gpa = G;
	length = M;
	EXPECT(axas_dirty(t, &gpa, &length, 0, runs, 1) == 1);
	EXPECT(length && gpa + length == G + M);
	EXPECT(axas_dirty(t, &gpa, &length, 0, runs + 1, 1) == 1);
	EXPECT(runs[1].gpa == G + 64 * K);
	EXPECT(!axas_dirty_put(t, runs, 2));
	EXPECT(!axas_dirty_put(t, runs, 0));
	gpa = G;
	length = M;
	EXPECT(axas_dirty(t, &gpa, &length, 0, runs, 8) == 2 && !length);
	gpa = G;
	length = M;
	EXPECT(axas_dirty(t, &gpa, &length, 0, runs, 8) == 0 && !length);
	length = M;
	EXPECT(axas_dirty(t, &gpa, &length, 0, runs, 8) == -ERANGE);
	EXPECT(gpa == G + M && length == M);
	runs[0].gpa = 0;
	EXPECT(axas_dirty_put(t, runs, 1) == -ERANGE);
	EXPECT(axas_clear(t) == -ENOTTY);
	close(t);
	close(s);
}

void test_linear(void)
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

void test_root(void)
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
