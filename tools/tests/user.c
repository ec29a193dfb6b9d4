// SPDX-License-Identifier: GPL-2.0
/*
 * A user of libaxas without a device, in what C and C++ have in common.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <axas.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int bad;

static void expect(int ok, const char *what)
{
	if (!ok) {
		printf("wrong: %s\n", what);
		bad = 1;
	}
}

/* A descriptor that only this thread has. */
static void *own_descriptors(void *arg)
{
	int fd;

	expect(!unshare(CLONE_FILES), "unshare");
	fd = dup(0);
	expect(axas_id(fd) == -ENOTTY, "id of a thread's own file");
	return arg;
}

static void in_a_thread(void *(*fn)(void *arg))
{
	pthread_t thread;

	expect(!pthread_create(&thread, NULL, fn, NULL), "thread");
	pthread_join(thread, NULL);
}

int main(void)
{
	struct axas_translate_entry at;
	struct axas_fault_entry fault;
	struct axas_area_iter *iter;
	struct axas_area_entry area;
	struct axas_create create;
	struct axas_stats stats;
	struct axas_probe probe;
	struct axas_info info;
	struct axas_root root;
	struct axas_map map;
	struct axas_next_entry run;
	uint64_t gpa = 0, length = 4096;
	void *window;
	char byte = 0;

	memset(&fault, 0, sizeof(fault));
	memset(&create, 0, sizeof(create));
	memset(&map, 0, sizeof(map));
	memset(&run, 0, sizeof(run));
	errno = 0;
	expect(axas_open("/nonexistent") == -ENOENT, "open");
	expect(axas_open("/dev/null") >= 0, "open of a file");
	expect(axas_info(-1, AXAS_FORMAT_HOST, &info) == -EBADF, "info");
	expect(axas_info(0, AXAS_FORMAT_HOST, &info) == -ENOTTY, "info of a file");
	expect(axas_format_number(-1, "ept") == -EBADF, "format_number");
	expect(axas_create(-1, NULL) == -EBADF, "create");
	expect(axas_create(-1, &create) == -EBADF, "create, how");
	expect(axas_id(-1) == -EBADF, "id");
	expect(axas_id(0) == -ENOTTY, "id of a file");
	in_a_thread(own_descriptors);
	expect(axas_map(-1, &map) == -EBADF, "map");
	expect(axas_map_alloc(-1, 0, 4096, AXAS_PROT_READ) == -EBADF, "map_alloc");
	expect(axas_map_linear(-1, 0, 4096, AXAS_PROT_READ, 0) == -EBADF, "map_linear");
	expect(axas_map_device(-1, 0, 4096, 1) == -EBADF, "map_device");
	expect(axas_map_alias(-1, 0, 4096, AXAS_PROT_READ, 0, 0) == -EBADF, "map_alias");
	expect(axas_unmap(-1, 0, 4096) == -EBADF, "unmap");
	expect(axas_protect(-1, 0, 4096, AXAS_PROT_READ) == -EBADF, "protect");
	expect(axas_resize(-1, 0, 4096) == -EBADF, "resize");
	expect(axas_move(-1, 0, 4096, 4096, 0) == -EBADF, "move");
	expect(axas_collapse(-1, 0, 4096, 0, NULL) == -EBADF, "collapse");
	expect(axas_track(-1, 0, 4096, AXAS_TRACK_WRITTEN, 0, 0) == -EBADF, "track");
	expect(axas_dirty(-1, &gpa, &length, 0, &run, 1) == -EBADF, "dirty");
	expect(axas_dirty(-1, &gpa, &length, AXAS_DIRTY_PUT, &run, 1) == -EINVAL,
	       "dirty, flags");
	expect(axas_dirty(-1, &gpa, &length, 0, &run, 0x80000000) == -EINVAL,
	       "dirty, nr");
	expect(axas_dirty_put(-1, &run, 1) == -EBADF, "dirty_put");
	expect(axas_clear(-1) == -EBADF, "clear");
	expect(axas_fault(-1, 0, AXAS_PROT_READ) == -EBADF, "fault");
	expect(axas_fault(-1, 0, 0x10000) == -EINVAL, "fault, access");
	expect(axas_faults(-1, &fault, 1) == -EBADF, "faults");
	expect(axas_faults(-1, &fault, 0x80000000) == -EINVAL, "faults, nr");
	expect(axas_translate(-1, 0, &at) == -EBADF, "translate");
	expect(axas_translations(-1, &at, 1) == -EBADF, "translations");
	expect(axas_stats(-1, &stats) == -EBADF, "stats");
	expect(axas_root(-1, &root) == -EBADF, "root");
	expect(axas_probe(-1, 0, AXAS_PROT_READ, &probe) == -EBADF, "probe");
	expect(axas_areas_begin(-1, 0, &iter) == 0, "areas_begin");
	expect(axas_areas_next(iter, &area) == -EBADF, "areas_next");
	expect(axas_areas_changed(iter) == 0, "areas_changed");
	axas_areas_end(iter);
	axas_areas_end(NULL);
	expect(axas_device_add(-1, AXAS_BUS_PORT, 0, 1, 2) == -EBADF, "device_add");
	expect(axas_device_del(-1, AXAS_BUS_PORT, 0, 1) == -EBADF, "device_del");
	expect(axas_window(-1, 0, 4096, 0, &window) == -EBADF, "window");
	expect(axas_read(-1, 0, &byte, 1) == -EBADF, "read");
	expect(axas_write(-1, 0, &byte, 1) == -EBADF, "write");
	expect(errno == 0, "errno");
	expect(!strcmp(axas_format_name(AXAS_FORMAT_S2), "s2"), "format_name");
	expect(!strcmp(axas_format_name(AXAS_FORMAT_AMD), "amd"), "format_name, amd");
	expect(!strcmp(axas_feature_name(AXAS_FEAT_AD), "ad"), "feature_name");
	expect(!strcmp(axas_feature_name(AXAS_FEAT_LPA2), "lpa2"), "feature_name, lpa2");
	expect(!strcmp(axas_feature_name(AXAS_FEAT_EXEC_USER), "exec-user"),
	       "feature_name, exec-user");
	expect(!strcmp(axas_feature_name(0), "unknown"), "feature_name, none");
	expect(!strcmp(axas_backend_name(0), "unknown"), "backend_name");
	expect(!strcmp(axas_memtype_name(AXAS_MEM_DEVICE), "device"), "memtype_name");
	expect(!strcmp(axas_memtype_name(6), "unknown"), "memtype_name, beyond");
	expect(!strcmp(axas_result_name(AXAS_FAULT_DEVICE), "device"), "result_name");
	return bad;
}
