// SPDX-License-Identifier: MIT
/*
 * libaxas: the calls on a device and on a space.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "axas.h"

/* A guest physical address, as mmap(2) and pread(2) take it. */
_Static_assert(sizeof(off_t) == 8, "build with -D_FILE_OFFSET_BITS=64");

/* ioctl(2) without touching errno: what it returns, or -errno. */
static int call(int fd, unsigned long request, void *arg)
{
	int saved = errno, ret;

	ret = ioctl(fd, request, arg);
	if (ret < 0)
		ret = -errno;
	errno = saved;
	return ret;
}

int axas_open(const char *path)
{
	int saved = errno, fd;

	fd = open(path ? path : "/dev/axas", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	errno = saved;
	return fd;
}

/* A module before 0.3 gives none; of what another has brought there is a number. */
static void name_format(struct axas_info *info)
{
	if (info->format < AXAS_FORMAT_MODULE)
		snprintf(info->name, sizeof(info->name), "%s",
			 axas_format_name(info->format));
	else
		snprintf(info->name, sizeof(info->name), "%u", info->format);
}

int axas_info(int dev, uint32_t format, struct axas_info *info)
{
	int err;

	*info = (struct axas_info){ .size = sizeof(*info), .format = format };
	err = call(dev, AXAS_INFO, info);
	if (!err && !*info->name)
		name_format(info);
	return err;
}

int axas_format_number(int dev, const char *name)
{
	struct axas_info host, info;
	char number[12];
	uint32_t format;
	int err;

	err = axas_info(dev, AXAS_FORMAT_HOST, &host);
	if (err)
		return err;
	if (!strcmp(name, axas_format_name(AXAS_FORMAT_HOST)) ||
	    !strcmp(name, "0"))
		return AXAS_FORMAT_HOST;
	for (format = 1; format < 32; format++) {
		snprintf(number, sizeof(number), "%u", format);
		/* One that goes meanwhile has no name any more. */
		if (host.formats >> format & 1 &&
		    !axas_info(dev, format, &info) &&
		    (!strcmp(name, info.name) || !strcmp(name, number)))
			return (int)format;
	}
	return -ENOENT;
}

int axas_create(int dev, const struct axas_create *how)
{
	struct axas_create create = { 0 };

	if (how)
		create = *how;
	create.size = sizeof(create);
	return call(dev, AXAS_CREATE, &create);
}

/*
 * It stands in the descriptor's fdinfo, which is there without debugfs. A
 * thread may have descriptors of its own, hence not /proc/self.
 */
int64_t axas_id(int space)
{
	int64_t id = -ENOTTY;
	int saved = errno;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/thread-self/fdinfo/%d", space);
	f = fopen(path, "re");
	if (!f) {
		id = errno == ENOENT ? -EBADF : -errno;
		errno = saved;
		return id;
	}
	while (fgets(line, sizeof(line), f) &&
	       sscanf(line, "axas-id: %" SCNd64, &id) != 1)
		;
	fclose(f);
	errno = saved;
	return id;
}

int axas_map(int space, const struct axas_map *map)
{
	struct axas_map copy = *map;

	copy.size = sizeof(copy);
	return call(space, AXAS_MAP, &copy);
}

int axas_map_alloc(int space, uint64_t gpa, uint64_t length, uint32_t prot)
{
	const struct axas_map map = {
		.gpa = gpa, .length = length, .prot = prot,
		.backend = AXAS_BACKEND_ALLOC,
	};

	return axas_map(space, &map);
}

int axas_map_linear(int space, uint64_t gpa, uint64_t length, uint32_t prot,
		    uint64_t hpa)
{
	const struct axas_map map = {
		.gpa = gpa, .length = length, .prot = prot, .hpa = hpa,
		.backend = AXAS_BACKEND_LINEAR,
	};

	return axas_map(space, &map);
}

int axas_map_device(int space, uint64_t gpa, uint64_t length, uint64_t cookie)
{
	const struct axas_map map = {
		.gpa = gpa, .length = length, .cookie = cookie,
		.prot = AXAS_PROT_READ | AXAS_PROT_WRITE,
		.backend = AXAS_BACKEND_DEVICE,
	};

	return axas_map(space, &map);
}

int axas_map_alias(int space, uint64_t gpa, uint64_t length, uint32_t prot,
		   int source, uint64_t offset)
{
	const struct axas_map map = {
		.gpa = gpa, .length = length, .prot = prot,
		.backend = AXAS_BACKEND_ALIAS, .fd = source, .offset = offset,
	};

	return axas_map(space, &map);
}

int axas_unmap(int space, uint64_t gpa, uint64_t length)
{
	struct axas_unmap unmap = {
		.size = sizeof(unmap), .gpa = gpa, .length = length,
	};

	return call(space, AXAS_UNMAP, &unmap);
}

int axas_protect(int space, uint64_t gpa, uint64_t length, uint32_t prot)
{
	struct axas_protect protect = {
		.size = sizeof(protect), .gpa = gpa, .length = length,
		.prot = prot,
	};

	return call(space, AXAS_PROTECT, &protect);
}

int axas_resize(int space, uint64_t gpa, uint64_t length)
{
	struct axas_resize resize = {
		.size = sizeof(resize), .gpa = gpa, .length = length,
	};

	return call(space, AXAS_RESIZE, &resize);
}

int axas_move(int space, uint64_t from, uint64_t to, uint64_t length,
	      uint32_t flags)
{
	struct axas_move move = {
		.size = sizeof(move), .flags = flags, .from = from, .to = to,
		.length = length,
	};

	return call(space, AXAS_MOVE, &move);
}

int axas_discard(int space, uint64_t gpa, uint64_t length,
		 struct axas_discard *discard)
{
	struct axas_discard unused;

	if (!discard)
		discard = &unused;
	*discard = (struct axas_discard){
		.size = sizeof(*discard), .gpa = gpa, .length = length,
	};
	return call(space, AXAS_DISCARD, discard);
}

int axas_populate(int space, uint64_t gpa, uint64_t length, uint64_t *done)
{
	struct axas_populate populate = {
		.size = sizeof(populate), .gpa = gpa, .length = length,
	};
	int err = call(space, AXAS_POPULATE, &populate);

	if (done)
		*done = populate.done;
	return err;
}

int axas_collapse(int space, uint64_t gpa, uint64_t length, uint32_t flags,
		  struct axas_collapse *collapse)
{
	struct axas_collapse unused;

	if (!collapse)
		collapse = &unused;
	*collapse = (struct axas_collapse){
		.size = sizeof(*collapse), .flags = flags, .gpa = gpa,
		.length = length,
	};
	return call(space, AXAS_COLLAPSE, collapse);
}

int axas_next(int space, uint64_t *gpa, uint64_t *length,
	      struct axas_next_entry *entries, unsigned int nr)
{
	struct axas_next next = {
		.size = sizeof(next), .gpa = *gpa, .length = *length,
		.entries = (uintptr_t)entries, .nr = nr,
	};
	int err;

	if (nr > INT_MAX)
		return -EINVAL;
	err = call(space, AXAS_NEXT, &next);
	if (err)
		return err;
	*gpa = next.gpa;
	*length = next.length;
	return (int)next.done;
}

int axas_ram_file(int space, uint64_t gpa, uint64_t length, uint32_t prot,
		  uint32_t flags)
{
	struct axas_ram_file file = {
		.size = sizeof(file), .flags = flags, .gpa = gpa,
		.length = length, .prot = prot,
	};

	return call(space, AXAS_RAM_FILE, &file);
}

int axas_track(int space, uint64_t gpa, uint64_t length, uint32_t what,
	       uint32_t flags, uint64_t threshold)
{
	struct axas_track track = {
		.size = sizeof(track), .flags = flags, .gpa = gpa,
		.length = length, .what = what, .threshold = threshold,
	};

	return call(space, AXAS_TRACK, &track);
}

int axas_dirty(int tracker, uint64_t *gpa, uint64_t *length, uint32_t flags,
	       struct axas_next_entry *entries, unsigned int nr)
{
	struct axas_dirty dirty = {
		.size = sizeof(dirty), .flags = flags, .gpa = *gpa,
		.length = *length, .entries = (uintptr_t)entries, .nr = nr,
	};
	int err;

	if (nr > INT_MAX || flags & AXAS_DIRTY_PUT)
		return -EINVAL;
	err = call(tracker, AXAS_DIRTY, &dirty);
	if (err)
		return err;
	*gpa = dirty.gpa;
	*length = dirty.length;
	return (int)dirty.done;
}

int axas_dirty_put(int tracker, const struct axas_next_entry *entries,
		   unsigned int nr)
{
	struct axas_dirty dirty = {
		.size = sizeof(dirty), .flags = AXAS_DIRTY_PUT,
		.entries = (uintptr_t)entries, .nr = nr,
	};

	return call(tracker, AXAS_DIRTY, &dirty);
}

int axas_clear(int space)
{
	struct axas_clear clear = { .size = sizeof(clear) };

	return call(space, AXAS_CLEAR, &clear);
}

/* A call that did a part says how much; the next one will give the error. */
static int part_done(int err, uint32_t done)
{
	return err && !done ? err : (int)done;
}

int axas_faults(int space, struct axas_fault_entry *entries, unsigned int nr)
{
	struct axas_fault fault = {
		.size = sizeof(fault), .entries = (uintptr_t)entries, .nr = nr,
	};
	int err;

	if (nr > INT_MAX)
		return -EINVAL;
	err = call(space, AXAS_FAULT, &fault);
	return part_done(err, fault.done);
}

int axas_fault(int space, uint64_t gpa, uint32_t access)
{
	struct axas_fault_entry entry = {
		.gpa = gpa, .access = (uint16_t)access,
	};
	int ret;

	if (access > UINT16_MAX)
		return -EINVAL;
	ret = axas_faults(space, &entry, 1);
	return ret < 0 ? ret : (int)entry.result;
}

int axas_translations(int space, struct axas_translate_entry *entries,
		      unsigned int nr)
{
	struct axas_translate translate = {
		.size = sizeof(translate), .entries = (uintptr_t)entries,
		.nr = nr,
	};
	int err;

	if (nr > INT_MAX)
		return -EINVAL;
	err = call(space, AXAS_TRANSLATE, &translate);
	return part_done(err, translate.done);
}

int axas_translate(int space, uint64_t gpa, struct axas_translate_entry *entry)
{
	int ret;

	*entry = (struct axas_translate_entry){ .gpa = gpa };
	ret = axas_translations(space, entry, 1);
	return ret < 0 ? ret : (int)entry->state;
}

int axas_stats(int space, struct axas_stats *stats)
{
	*stats = (struct axas_stats){ .size = sizeof(*stats) };
	return call(space, AXAS_STATS, stats);
}

int axas_probe(int space, uint64_t gpa, uint32_t access,
	       struct axas_probe *probe)
{
	*probe = (struct axas_probe){
		.size = sizeof(*probe), .gpa = gpa, .access = access,
	};
	return call(space, AXAS_PROBE, probe);
}

int axas_root(int space, struct axas_root *root)
{
	*root = (struct axas_root){ .size = sizeof(*root) };
	return call(space, AXAS_ROOT, root);
}

static int device(int space, unsigned long request, uint32_t bus,
		  uint64_t first, uint64_t last, uint64_t cookie)
{
	struct axas_device dev = {
		.size = sizeof(dev), .bus = bus, .first = first, .last = last,
		.cookie = cookie,
	};

	return call(space, request, &dev);
}

int axas_device_add(int space, uint32_t bus, uint64_t first, uint64_t last,
		    uint64_t cookie)
{
	return device(space, AXAS_DEVICE_ADD, bus, first, last, cookie);
}

int axas_device_del(int space, uint32_t bus, uint64_t first, uint64_t last)
{
	return device(space, AXAS_DEVICE_DEL, bus, first, last, 0);
}

int axas_window(int space, uint64_t gpa, size_t length, int prot,
		void **window)
{
	int saved = errno, err = 0;
	void *p;

	p = mmap(NULL, length, prot, MAP_SHARED, space, (off_t)gpa);
	if (p == MAP_FAILED)
		err = -errno;
	else
		*window = p;
	errno = saved;
	return err;
}

/* One of @in and @out is NULL. */
static int copy(int space, uint64_t gpa, char *out, const char *in,
		size_t length)
{
	int saved = errno, err = 0;
	size_t done = 0;
	ssize_t n;

	while (!err && done < length) {
		n = out ? pread(space, out + done, length - done,
				(off_t)(gpa + done)) :
			  pwrite(space, in + done, length - done,
				 (off_t)(gpa + done));
		if (n > 0)
			done += (size_t)n;
		else if (!n)
			err = -EFAULT;
		else if (errno != EINTR)
			err = -errno;
	}
	errno = saved;
	return err;
}

int axas_read(int space, uint64_t gpa, void *buf, size_t length)
{
	return copy(space, gpa, buf, NULL, length);
}

int axas_write(int space, uint64_t gpa, const void *buf, size_t length)
{
	return copy(space, gpa, NULL, buf, length);
}
