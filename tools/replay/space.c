// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: a space, its areas and windows, and what the module says of it.
 */
#define _GNU_SOURCE
#include <axas.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "replay.h"

/* A guest physical address, as mmap(2) takes it. */
_Static_assert(sizeof(off_t) == 8, "build with -D_FILE_OFFSET_BITS=64");

#define ULL(x)	((unsigned long long)(x))

const char *result_meaning(uint32_t result)
{
	switch (result) {
	case AXAS_FAULT_NO_AREA:
		return "no area holds the address";
	case AXAS_FAULT_DENIED:
		return "the area doesn't allow the access";
	case AXAS_FAULT_NO_MEMORY:
		return "no memory for a frame or a table; give the machine or the memory cgroup more";
	case AXAS_FAULT_INVALID:
		return "the module finds the address or the access invalid";
	case AXAS_FAULT_DEVICE:
		return "a device is there, where memory should be";
	default:
		return "the module gave a result that isn't in <linux/axas.h>";
	}
}

static const char *open_hint(int err)
{
	switch (err) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return "; load the module: sudo insmod axas.ko";
	case EACCES:
	case EPERM:
		return "; it belongs to root: use sudo";
	default:
		return "";
	}
}

/* "host, ept, s2, gstage" */
static const char *format_list(int dev)
{
	static char buf[640];
	struct axas_info host, info;
	size_t at;
	uint32_t n;

	at = snprintf(buf, sizeof(buf), "%s", axas_format_name(AXAS_FORMAT_HOST));
	if (axas_info(dev, AXAS_FORMAT_HOST, &host))
		return buf;
	for (n = 1; n < 32; n++)
		if (host.formats >> n & 1 && !axas_info(dev, n, &info))
			at += snprintf(buf + at, sizeof(buf) - at, ", %s",
				       info.name);
	return buf;
}

/* Format of the space to be, and what the module says of it. */
static void find_format(struct space *s, const struct options *o)
{
	int format = axas_format_number(s->dev, o->format), err;

	if (format == -ENOTTY)
		die("%s is not the device of axas; name it with --device",
		    o->device);
	if (format == -ENOENT)
		die("this module has no format %s; it has: %s", o->format,
		    format_list(s->dev));
	err = format < 0 ? format : axas_info(s->dev, format, &s->info);
	if (err)
		die("%s: AXAS_INFO for format %s: %s", o->device, o->format,
		    strerror(-err));
}

void open_device(struct space *s, const struct options *o)
{
	s->dev = axas_open(o->device);
	if (s->dev < 0)
		die("cannot open %s: %s%s", o->device, strerror(-s->dev),
		    open_hint(-s->dev));
	find_format(s, o);
	if (!(s->info.leaf_sizes & o->leaf))
		die("format %s has no leaves of %llu bytes; use --leaf 4K",
		    s->info.name, ULL(o->leaf));
	s->gpa_bits = o->gpa_bits ? o->gpa_bits : s->info.default_gpa_bits;
}

/* "39, 48, 57" */
static const char *bits_list(uint64_t bits)
{
	static char buf[256];
	size_t at = 0;
	int n;

	for (n = 0; n < 64 && at < sizeof(buf) - 8; n++)
		if (bits >> n & 1)
			at += snprintf(buf + at, sizeof(buf) - at, "%s%d",
				       at ? ", " : "", n);
	return buf;
}

void create_space(struct space *s)
{
	struct axas_create create = {
		.size = sizeof(create),
		.format = s->info.format,
		.gpa_bits = s->gpa_bits,
	};
	struct axas_stats stats;

	if (s->gpa_bits > 63 || !(s->info.gpa_bits >> s->gpa_bits & 1))
		die("format %s has no guest physical addresses of %u bits here; --gpa-bits takes: %s",
		    s->info.name, s->gpa_bits,
		    bits_list(s->info.gpa_bits));
	s->fd = ioctl(s->dev, AXAS_CREATE, &create);
	if (s->fd < 0)
		die("AXAS_CREATE, format %s, %u bits: %s",
		    s->info.name, s->gpa_bits, strerror(errno));
	get_stats(s, &stats);
	s->levels = stats.levels;
}

static const char *map_hint(const struct axas_map *map, int err)
{
	if (map->backend != AXAS_BACKEND_LINEAR)
		return "";
	switch (err) {
	case EACCES:
		return "; this is ordinary RAM: keep it from the kernel with memmap=SIZE$ADDR, or take a device's BAR";
	case EPERM:
		return "; linear areas need CAP_SYS_RAWIO and a kernel that isn't locked down";
	case ERANGE:
		return "; the host physical address is too wide for an entry";
	default:
		return "";
	}
}

/* Map [@gpa, @gpa + @length), which is linear, or a device, or neither. */
static void map_area(const struct space *s, const struct trace *t,
		     const struct region *r, uint64_t gpa, uint64_t length,
		     const struct options *o)
{
	const struct mmio *mmio = find_mmio(t, gpa);
	struct axas_map map = {
		.size = sizeof(map),
		.gpa = gpa,
		.length = length,
		.backend = o->backend,
		.prot = r->prot,
		.memtype = AXAS_MEM_WB,
		.max_leaf = o->leaf,
	};
	int err;

	if (mmio) {
		map.backend = AXAS_BACKEND_DEVICE;
		map.cookie = MMIO_COOKIE + (mmio - t->mmio);
		map.max_leaf = 0;
	} else if (in_linear(t, gpa)) {
		map.backend = AXAS_BACKEND_LINEAR;
		map.hpa = t->linear.hpa;
		map.max_leaf = 0;
	}
	if (!ioctl(s->fd, AXAS_MAP, &map))
		return;
	err = errno;
	if (map.backend == AXAS_BACKEND_LINEAR)
		die("AXAS_MAP of 0x%llx bytes at GPA 0x%llx to host 0x%llx: %s%s",
		    ULL(length), ULL(gpa), ULL(map.hpa), strerror(err),
		    map_hint(&map, err));
	die("AXAS_MAP of 0x%llx bytes at GPA 0x%llx: %s", ULL(length),
	    ULL(gpa), strerror(err));
}

/* Where what is at @gpa ends, but not behind @end. */
static uint64_t area_end(const struct trace *t, uint64_t gpa, uint64_t end)
{
	const struct mmio *mmio = find_mmio(t, gpa);
	unsigned int i;

	if (mmio)
		return mmio->gpa + mmio->length;
	if (in_linear(t, gpa))
		return t->linear.gpa + t->linear.length;
	if (t->linear.length && t->linear.gpa > gpa && t->linear.gpa < end)
		end = t->linear.gpa;
	for (i = 0; i < t->nr_mmio; i++)
		if (t->mmio[i].gpa > gpa && t->mmio[i].gpa < end)
			end = t->mmio[i].gpa;
	return end;
}

/* The areas of a region: alloc, with the linear one and devices cut out. */
static void map_region(const struct space *s, const struct trace *t,
		       const struct region *r, const struct options *o)
{
	uint64_t gpa, next, end = r->gpa + r->length;

	for (gpa = r->gpa; gpa < end; gpa = next) {
		next = area_end(t, gpa, end);
		map_area(s, t, r, gpa, next - gpa, o);
	}
}

/* One window over all of a region; its offset is the GPA. */
static void open_window(const struct space *s, struct region *r)
{
	int prot = PROT_READ;

	if (r->prot & AXAS_PROT_WRITE)
		prot |= PROT_WRITE;
	r->window = mmap(NULL, r->length, prot, MAP_SHARED, s->fd, r->gpa);
	if (r->window == MAP_FAILED)
		die("mmap of the space, 0x%llx bytes at GPA 0x%llx: %s",
		    ULL(r->length), ULL(r->gpa), strerror(errno));
}

/*
 * Make sure that there is memory behind the linear area before the module gets
 * the blame: a PCI device that isn't enabled swallows stores.
 */
static void probe_linear(const struct space *s, const struct linear *l)
{
	const uint64_t pattern = UINT64_C(0x6c696e6561722121);
	uint64_t old, new;

	read_guest(s, &old, sizeof(old), l->gpa);
	write_guest(s, &pattern, sizeof(pattern), l->gpa);
	read_guest(s, &new, sizeof(new), l->gpa);
	if (new != pattern)
		die("host 0x%llx doesn't keep what is stored there; if it is a PCI device's BAR: echo 1 > /sys/bus/pci/devices/ADDRESS/enable",
		    ULL(l->hpa));
	write_guest(s, &old, sizeof(old), l->gpa);
}

/*
 * Host memory isn't zero at first, and isn't ours to clear: what it holds is
 * what the model starts from.
 */
static void load_linear(const struct space *s, struct trace *t)
{
	const struct linear *l = &t->linear;
	uint64_t gpa;

	for (gpa = l->gpa; gpa < l->gpa + l->length; gpa += PAGE_SIZE) {
		struct page *page = region_page(find_region(t, gpa), gpa);

		if (page->data)
			read_guest(s, page->data, PAGE_SIZE, gpa);
		progress("reading the linear area", gpa - l->gpa, l->length);
	}
	progress_end();
}

/* The guest's page tables, which are there before the trace begins. */
static void write_tables(const struct space *s, const struct trace *t,
			 const struct options *o)
{
	const struct guest *g = &t->guest;

	if (!g->format)
		return;
	if (o->policy && o->leaf == SIZE_2M)
		promote_prepare(s, find_region(t, g->base), g->base,
				g->nr << PAGE_SHIFT, o->policy);
	write_guest(s, g->tables, g->nr << PAGE_SHIFT, g->base);
}

void map_regions(struct space *s, struct trace *t, const struct options *o)
{
	size_t i;

	for (i = 0; i < t->nr_regions; i++) {
		map_region(s, t, &t->regions[i], o);
		open_window(s, &t->regions[i]);
	}
	if (t->linear.length) {
		probe_linear(s, &t->linear);
		load_linear(s, t);
	}
	write_tables(s, t, o);
}

void write_guest(const struct space *s, const void *buf, size_t length,
		 uint64_t gpa)
{
	ssize_t put;

	while (length) {
		put = pwrite(s->fd, buf, length, gpa);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			die("pwrite of the space, %zu bytes at GPA 0x%llx: %s",
			    length, ULL(gpa),
			    put ? strerror(errno) : "cut short");
		buf = (const char *)buf + put;
		length -= put;
		gpa += put;
	}
}

void read_guest(const struct space *s, void *buf, size_t length, uint64_t gpa)
{
	ssize_t got;

	while (length) {
		got = pread(s->fd, buf, length, gpa);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			die("pread of the space, %zu bytes at GPA 0x%llx: %s",
			    length, ULL(gpa),
			    got ? strerror(errno) : "end of file");
		buf = (char *)buf + got;
		length -= got;
		gpa += got;
	}
}

void translate(const struct space *s, struct axas_translate_entry *e,
	       uint32_t nr)
{
	while (nr) {
		struct axas_translate call = {
			.size = sizeof(call),
			.entries = (uintptr_t)e,
			.nr = nr,
		};

		if (ioctl(s->fd, AXAS_TRANSLATE, &call) < 0 && errno != EINTR)
			die("AXAS_TRANSLATE at GPA 0x%llx: %s", ULL(e->gpa),
			    strerror(errno));
		e += call.done;
		nr -= call.done;
	}
}

void get_stats(const struct space *s, struct axas_stats *stats)
{
	*stats = (struct axas_stats){ .size = sizeof(*stats) };
	if (ioctl(s->fd, AXAS_STATS, stats) < 0)
		die("AXAS_STATS: %s", strerror(errno));
}
