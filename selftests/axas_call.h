/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The calls of axas. Each returns what the system call returned, or minus errno,
 * so that a test can compare in one line.
 */
#ifndef AXAS_CALL_H
#define AXAS_CALL_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/axas.h>

#define AX_PAGE		4096ULL
#define AX_2M		(2ULL << 20)
#define AX_1G		(1ULL << 30)
#define AX_R		AXAS_PROT_READ
#define AX_W		AXAS_PROT_WRITE
#define AX_X		AXAS_PROT_EXEC
#define AX_U		AXAS_PROT_EXEC_USER
#define AX_RW		(AX_R | AX_W)
#define AX_RX		(AX_R | AX_X)
#define AX_RWX		(AX_R | AX_W | AX_X)

static inline int ax_ioctl(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

static inline int ax_open_dev(void)
{
	int fd = open("/dev/axas", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static inline int ax_info(int dev, __u32 format, struct axas_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	info->format = format;
	return ax_ioctl(dev, AXAS_INFO, info);
}

static inline int ax_create_range(int dev, __u32 format, __u32 bits,
				  __u64 base, __u64 length)
{
	struct axas_create c = {
		.size = sizeof(c), .format = format, .gpa_bits = bits,
		.base = base, .length = length,
	};

	return ax_ioctl(dev, AXAS_CREATE, &c);
}

static inline int ax_create_with(int dev, __u32 format, __u32 bits, __u32 features)
{
	struct axas_create c = {
		.size = sizeof(c), .format = format, .gpa_bits = bits,
		.features = features,
	};

	return ax_ioctl(dev, AXAS_CREATE, &c);
}

static inline int ax_create(int dev, __u32 format, __u32 bits)
{
	return ax_create_range(dev, format, bits, 0, 0);
}

static inline int ax_map_alloc(int fd, __u64 gpa, __u64 length,
			       __u32 prot, __u32 flags, __u64 max_leaf)
{
	struct axas_map m = {
		.size = sizeof(m), .flags = flags, .gpa = gpa, .length = length,
		.backend = AXAS_BACKEND_ALLOC, .prot = prot,
		.max_leaf = max_leaf,
	};

	return ax_ioctl(fd, AXAS_MAP, &m);
}

/* The common case: read-write, lazy, 4 KiB frames. */
static inline int ax_map(int fd, __u64 gpa, __u64 length)
{
	return ax_map_alloc(fd, gpa, length, AX_RW, 0, 0);
}

/* The same, with a cookie: neighbours that differ by it never become one. */
static inline int ax_map_named(int fd, __u64 gpa, __u64 length, __u64 cookie)
{
	struct axas_map m = {
		.size = sizeof(m), .gpa = gpa, .length = length,
		.backend = AXAS_BACKEND_ALLOC, .prot = AX_RW, .cookie = cookie,
	};

	return ax_ioctl(fd, AXAS_MAP, &m);
}

static inline int ax_populate(int fd, __u64 gpa, __u64 length)
{
	return ax_map_alloc(fd, gpa, length, AX_RW, AXAS_MAP_POPULATE, 0);
}

static inline int ax_map_linear(int fd, __u64 gpa, __u64 length,
				__u64 hpa, __u32 prot, __u64 max_leaf)
{
	struct axas_map m = {
		.size = sizeof(m), .gpa = gpa, .length = length, .hpa = hpa,
		.backend = AXAS_BACKEND_LINEAR, .prot = prot,
		.max_leaf = max_leaf,
	};

	return ax_ioctl(fd, AXAS_MAP, &m);
}

static inline int ax_map_device(int fd, __u64 gpa, __u64 length, __u32 prot,
				__u64 cookie)
{
	struct axas_map m = {
		.size = sizeof(m), .gpa = gpa, .length = length,
		.backend = AXAS_BACKEND_DEVICE, .prot = prot, .cookie = cookie,
	};

	return ax_ioctl(fd, AXAS_MAP, &m);
}

/* What lies at @offset of @source: a space, or a RAM file. */
static inline int ax_map_alias(int fd, __u64 gpa, __u64 length, int source,
			       __u64 offset, __u32 prot)
{
	struct axas_map m = {
		.size = sizeof(m), .gpa = gpa, .length = length, .offset = offset,
		.backend = AXAS_BACKEND_ALIAS, .prot = prot, .fd = source,
	};

	return ax_ioctl(fd, AXAS_MAP, &m);
}

/* Ports or system registers: AXAS_DEVICE_ADD or AXAS_DEVICE_DEL. */
static inline int ax_device(int fd, unsigned long cmd, __u32 bus, __u64 first,
			    __u64 last, __u64 cookie)
{
	struct axas_device d = {
		.size = sizeof(d), .bus = bus, .first = first, .last = last,
		.cookie = cookie,
	};

	return ax_ioctl(fd, cmd, &d);
}

static inline int ax_unmap(int fd, __u64 gpa, __u64 length)
{
	struct axas_unmap u = {
		.size = sizeof(u), .gpa = gpa, .length = length,
	};

	return ax_ioctl(fd, AXAS_UNMAP, &u);
}

static inline int ax_protect(int fd, __u64 gpa, __u64 length, __u32 prot)
{
	struct axas_protect p = {
		.size = sizeof(p), .gpa = gpa, .length = length, .prot = prot,
	};

	return ax_ioctl(fd, AXAS_PROTECT, &p);
}

/* Move the end of the area that begins at @gpa. */
static inline int ax_resize(int fd, __u64 gpa, __u64 length)
{
	struct axas_resize r = {
		.size = sizeof(r), .gpa = gpa, .length = length,
	};

	return ax_ioctl(fd, AXAS_RESIZE, &r);
}

static inline int ax_move(int fd, __u64 from, __u64 to, __u64 length,
			  __u32 flags)
{
	struct axas_move m = {
		.size = sizeof(m), .flags = flags, .from = from, .to = to,
		.length = length,
	};

	return ax_ioctl(fd, AXAS_MOVE, &m);
}

/* What it says goes to @c, if anybody asks. */
static inline int ax_collapse(int fd, __u64 gpa, __u64 length, __u32 flags,
			      struct axas_collapse *c)
{
	struct axas_collapse unused;

	c = c ?: &unused;
	*c = (struct axas_collapse){
		.size = sizeof(*c), .flags = flags, .gpa = gpa, .length = length,
	};
	return ax_ioctl(fd, AXAS_COLLAPSE, c);
}

static inline int ax_clear(int fd)
{
	struct axas_clear c = { .size = sizeof(c) };

	return ax_ioctl(fd, AXAS_CLEAR, &c);
}

/* What it says goes to @d, if anybody asks. */
static inline int ax_discard_to(int fd, __u64 gpa, __u64 length,
				struct axas_discard *d)
{
	struct axas_discard unused;

	d = d ?: &unused;
	*d = (struct axas_discard){
		.size = sizeof(*d), .gpa = gpa, .length = length,
		.freed = ~0ULL, .pinned = ~0ULL,
	};
	return ax_ioctl(fd, AXAS_DISCARD, d);
}

static inline int ax_discard(int fd, __u64 gpa, __u64 length)
{
	return ax_discard_to(fd, gpa, length, NULL);
}

/* Bring in what exists; AXAS_MAP_POPULATE is ax_populate(). */
static inline int ax_bring_in(int fd, __u64 gpa, __u64 length, __u64 *done)
{
	struct axas_populate p = {
		.size = sizeof(p), .gpa = gpa, .length = length, .done = ~0ULL,
	};
	int ret = ax_ioctl(fd, AXAS_POPULATE, &p);

	if (done)
		*done = p.done;
	return ret;
}

/* Runs of memory that is there, one call's: how many, or minus errno. */
static inline int ax_next(int fd, __u64 *gpa, __u64 *length,
			  struct axas_next_entry *entries, __u32 nr)
{
	struct axas_next n = {
		.size = sizeof(n), .gpa = *gpa, .length = *length,
		.entries = (uintptr_t)entries, .nr = nr, .done = ~0u,
	};
	int ret = ax_ioctl(fd, AXAS_NEXT, &n);

	*gpa = n.gpa;
	*length = n.length;
	return ret < 0 ? ret : (int)n.done;
}

static inline int ax_track_what(int fd, __u64 gpa, __u64 length, __u32 what,
				__u32 flags, __u64 threshold)
{
	struct axas_track t = {
		.size = sizeof(t), .flags = flags, .gpa = gpa, .length = length,
		.what = what, .threshold = threshold,
	};

	return ax_ioctl(fd, AXAS_TRACK, &t);
}

/* A tracker, which poll(2) says something of at @threshold pages. */
static inline int ax_track_at(int fd, __u64 gpa, __u64 length, __u64 threshold)
{
	return ax_track_what(fd, gpa, length, AXAS_TRACK_WRITTEN, 0, threshold);
}

static inline int ax_track(int fd, __u64 gpa, __u64 length)
{
	return ax_track_at(fd, gpa, length, 0);
}

/* Runs that were written, one call's: how many, or minus errno. */
static inline int ax_dirty(int tracker, __u64 *gpa, __u64 *length, __u32 flags,
			   struct axas_next_entry *entries, __u32 nr)
{
	struct axas_dirty d = {
		.size = sizeof(d), .flags = flags, .gpa = *gpa,
		.length = *length, .entries = (uintptr_t)entries, .nr = nr,
		.done = ~0u,
	};
	int ret = ax_ioctl(tracker, AXAS_DIRTY, &d);

	*gpa = d.gpa;
	*length = d.length;
	return ret < 0 ? ret : (int)d.done;
}

static inline int ax_dirty_put(int tracker,
			       const struct axas_next_entry *entries, __u32 nr)
{
	struct axas_dirty d = {
		.size = sizeof(d), .flags = AXAS_DIRTY_PUT,
		.entries = (uintptr_t)entries, .nr = nr,
	};

	return ax_ioctl(tracker, AXAS_DIRTY, &d);
}

/* Is an address in one of the runs? */
static inline bool ax_runs_hold(const struct axas_next_entry *runs, int n, __u64 gpa)
{
	int i;

	for (i = 0; i < n; i++)
		if (gpa - runs[i].gpa < runs[i].length)
			return true;
	return false;
}

static inline int ax_ram_file_flags(int fd, __u64 gpa, __u64 length, __u32 prot,
				    __u32 flags)
{
	struct axas_ram_file r = {
		.flags = flags,
		.size = sizeof(r), .gpa = gpa, .length = length, .prot = prot,
	};

	return ax_ioctl(fd, AXAS_RAM_FILE, &r);
}

static inline int ax_ram_file(int fd, __u64 gpa, __u64 length, __u32 prot)
{
	return ax_ram_file_flags(fd, gpa, length, prot, 0);
}

static inline int ax_fault_many(int fd, struct axas_fault_entry *entries,
				__u32 nr, __u32 *done)
{
	struct axas_fault f = {
		.size = sizeof(f), .entries = (uintptr_t)entries, .nr = nr,
		.done = ~0u,
	};
	int ret = ax_ioctl(fd, AXAS_FAULT, &f);

	if (done)
		*done = f.done;
	return ret;
}

/* One fault: its enum axas_fault_result, or minus errno. */
static inline int ax_fault(int fd, __u64 gpa, __u32 access)
{
	struct axas_fault_entry e = { .gpa = gpa, .access = access, .result = ~0u };
	__u32 done;
	int ret = ax_fault_many(fd, &e, 1, &done);

	if (ret < 0)
		return ret;
	return done == 1 ? (int)e.result : -ENODATA;
}

static inline int ax_translate_many(int fd, struct axas_translate_entry *entries,
				    __u32 nr, __u32 *done)
{
	struct axas_translate t = {
		.size = sizeof(t), .entries = (uintptr_t)entries, .nr = nr,
		.done = ~0u,
	};
	int ret = ax_ioctl(fd, AXAS_TRANSLATE, &t);

	if (done)
		*done = t.done;
	return ret;
}

/* One translation: its enum axas_translate_state, or minus errno. */
static inline int ax_translate(int fd, __u64 gpa, struct axas_translate_entry *e)
{
	int ret;

	memset(e, 0xff, sizeof(*e));
	e->gpa = gpa;
	ret = ax_translate_many(fd, e, 1, NULL);
	return ret < 0 ? ret : (int)e->state;
}

static inline int ax_state(int fd, __u64 gpa)
{
	struct axas_translate_entry e;

	return ax_translate(fd, gpa, &e);
}

static inline __u64 ax_hpa(int fd, __u64 gpa)
{
	struct axas_translate_entry e;

	return ax_translate(fd, gpa, &e) == AXAS_TRANSLATE_MAPPED ? e.hpa : 0;
}

/* Size of the leaf there; 0: there is none. */
static inline __u64 ax_leaf(int fd, __u64 gpa)
{
	struct axas_translate_entry e;

	return ax_translate(fd, gpa, &e) == AXAS_TRANSLATE_MAPPED ? e.leaf_size : 0;
}

static inline int ax_stats(int fd, struct axas_stats *st)
{
	memset(st, 0, sizeof(*st));
	st->size = sizeof(*st);
	return ax_ioctl(fd, AXAS_STATS, st);
}

static inline __u64 ax_resident(int fd)
{
	struct axas_stats st;

	return ax_stats(fd, &st) ? ~0ULL : st.resident;
}

/* Opaque to the compiler, which would object to bad buffers. */
static __attribute__((noipa, unused)) ssize_t
ax_pread(int fd, void *buf, size_t n, __u64 gpa)
{
	ssize_t ret = pread(fd, buf, n, gpa);

	return ret < 0 ? -errno : ret;
}

static __attribute__((noipa, unused)) ssize_t
ax_pwrite(int fd, const void *buf, size_t n, __u64 gpa)
{
	ssize_t ret = pwrite(fd, buf, n, gpa);

	return ret < 0 ? -errno : ret;
}

static inline int ax_put64(int fd, __u64 gpa, __u64 val)
{
	return ax_pwrite(fd, &val, sizeof(val), gpa) == sizeof(val) ? 0 : -1;
}

/* The word at @gpa, or a value that no test writes. */
#define AX_BAD64	0xbadbadbadbadbad1ULL
static inline __u64 ax_get64(int fd, __u64 gpa)
{
	__u64 val = 0;

	return ax_pread(fd, &val, sizeof(val), gpa) == sizeof(val) ? val : AX_BAD64;
}

static inline void *ax_window(int fd, __u64 gpa, size_t len, int prot)
{
	return mmap(NULL, len, prot, MAP_SHARED, fd, gpa);
}

#endif /* AXAS_CALL_H */
