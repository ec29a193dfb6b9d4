// SPDX-License-Identifier: GPL-2.0
/*
 * A 32-bit caller: the structures have the same layout, and the calls do the
 * same. Needs no C library and no package for 32-bit programs.
 */
#include <linux/axas.h>

#define O_RDWR		2
#define PROT_RW		3
#define MAP_SHARED	1
#define ENOENT		2
#define EBADF		9
#define EACCES		13
#define EFAULT		14
#define EEXIST		17
#define EINVAL		22
#define ERANGE		34
#define EOPNOTSUPP	95
#define GPA		0x10000000000ULL	/* above 4 GiB */
#define COOKIE		0x1122334455667788ULL

_Static_assert(sizeof(void *) == 4, "this is the 32-bit test");
_Static_assert(sizeof(struct axas_info) == 72, "axas_info");
_Static_assert(sizeof(struct axas_create) == 40, "axas_create");
_Static_assert(sizeof(struct axas_map) == 80, "axas_map");
_Static_assert(sizeof(struct axas_unmap) == 24, "axas_unmap");
_Static_assert(sizeof(struct axas_protect) == 32, "axas_protect");
_Static_assert(sizeof(struct axas_clear) == 8, "axas_clear");
_Static_assert(sizeof(struct axas_fault_entry) == 32, "axas_fault_entry");
_Static_assert(sizeof(struct axas_fault) == 24, "axas_fault");
_Static_assert(sizeof(struct axas_translate_entry) == 48, "axas_translate_entry");
_Static_assert(sizeof(struct axas_translate) == 24, "axas_translate");
_Static_assert(sizeof(struct axas_stats) == 184, "axas_stats");
_Static_assert(sizeof(struct axas_probe) == 48, "axas_probe");
_Static_assert(sizeof(struct axas_root) == 40, "axas_root");
_Static_assert(sizeof(struct axas_area_entry) == 64, "axas_area_entry");
_Static_assert(sizeof(struct axas_areas) == 40, "axas_areas");
_Static_assert(sizeof(struct axas_device) == 40, "axas_device");
_Static_assert(sizeof(struct axas_track) == 40, "axas_track");
_Static_assert(sizeof(struct axas_next_entry) == 16, "axas_next_entry");
_Static_assert(sizeof(struct axas_dirty) == 40, "axas_dirty");

/* The compiler may call these. */
void *memset(void *p, int c, unsigned int n)
{
	char *d = p;

	while (n--)
		*d++ = c;
	return p;
}

void *memcpy(void *to, const void *from, unsigned int n)
{
	const char *s = from;
	char *d = to;

	while (n--)
		*d++ = *s++;
	return to;
}

static long sys(long nr, long a, long b, long c, long d, long e)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a" (ret)
			 : "a" (nr), "b" (a), "c" (b), "d" (c), "S" (d), "D" (e)
			 : "memory");
	return ret;
}

static long sys_open(const char *name, int flags)
{
	return sys(5, (long)name, flags, 0, 0, 0);
}

static long sys_ioctl(int fd, unsigned long cmd, void *arg)
{
	return sys(54, fd, cmd, (long)arg, 0, 0);
}

static long sys_pread(int fd, void *buf, unsigned long n, __u64 at)
{
	return sys(180, fd, (long)buf, n, (long)at, at >> 32);
}

static long sys_pwrite(int fd, const void *buf, unsigned long n, __u64 at)
{
	return sys(181, fd, (long)buf, n, (long)at, at >> 32);
}

/* mmap2 counts its offset, a sixth argument in ebp, in pages. */
static long sys_mmap(unsigned long len, int prot, int flags, int fd, __u64 at)
{
	long ret;

	__asm__ volatile("pushl %%ebp; movl %%eax, %%ebp; movl $192, %%eax;"
			 "int $0x80; popl %%ebp" : "=a" (ret)
			 : "a" ((unsigned long)(at >> 12)), "b" (0), "c" (len),
			   "d" (prot), "S" (flags), "D" (fd)
			 : "memory");
	return ret;
}

static void put(const char *s)
{
	unsigned long n = 0;

	while (s[n])
		n++;
	sys(4, 1, (long)s, n, 0, 0);
}

static int nr_tests, nr_failed, bad;

static void check(int ok, const char *what)
{
	if (ok)
		return;
	bad = 1;
	put("# failed: ");
	put(what);
	put("\n");
}

#define CHECK(x) check(!!(x), #x)

static void report(const char *name)
{
	char nr[] = { '0' + ++nr_tests / 10, '0' + nr_tests % 10, ' ', 0 };

	put(bad ? "not ok " : "ok ");
	put(nr + (nr_tests < 10));
	put(name);
	put("\n");
	nr_failed += bad;
	bad = 0;
}

__attribute__((noreturn)) static void exit_with(int status)
{
	for (;;)
		sys(1, status, 0, 0, 0, 0);
}

/* Areas at GPA, of 3 pages and one that is read-only; they end at GPA + 0x4000. */
static void list_areas(int fd)
{
	struct axas_area_entry ae[3] = {};
	struct axas_areas areas = {
		.size = sizeof(areas), .start = GPA, .entries = (unsigned long)ae, .nr = 1,
	};
	__u64 generation;

	CHECK(sys_ioctl(fd, AXAS_AREAS, &areas) == 0);
	CHECK(areas.done == 1 && areas.start == GPA + 0x3000 && areas.generation);
	CHECK(!ae[1].length);
	generation = areas.generation;
	areas.entries = (unsigned long)&ae[1];
	areas.nr = 2;
	CHECK(sys_ioctl(fd, AXAS_AREAS, &areas) == 0);
	CHECK(areas.done == 1 && areas.start == ~0ULL && areas.generation == generation);
	CHECK(ae[0].gpa == GPA && ae[0].length == 0x3000);
	CHECK(ae[0].prot == (AXAS_PROT_READ | AXAS_PROT_WRITE) && ae[0].cookie == COOKIE);
	CHECK(ae[1].gpa == GPA + 0x3000 && ae[1].length == 0x1000);
	CHECK(ae[1].prot == AXAS_PROT_READ && ae[1].cookie == COOKIE);
	CHECK(ae[1].backend == AXAS_BACKEND_ALLOC && ae[1].max_leaf == 0x1000);
	report("areas");
}

/* AMD's has another number and name, and shares all else. */
static void look_at_amd(int dev)
{
	struct axas_info info = { .size = sizeof(info), .format = AXAS_FORMAT_AMD };
	struct axas_create create = {
		.size = sizeof(create), .format = AXAS_FORMAT_AMD, .gpa_bits = 57,
	};
	struct axas_stats stats = { .size = sizeof(stats) };
	int fd;

	CHECK(sys_ioctl(dev, AXAS_INFO, &info) == 0);
	CHECK(info.format == AXAS_FORMAT_AMD && info.name[0] == 'a');
	CHECK(info.gpa_bits == (1ULL << 48 | 1ULL << 57));
	fd = sys_ioctl(dev, AXAS_CREATE, &create);
	CHECK(fd >= 0);
	CHECK(sys_ioctl(fd, AXAS_STATS, &stats) == 0);
	CHECK(stats.format == AXAS_FORMAT_AMD && stats.levels == 5);
	CHECK(stats.length == 1ULL << 57);
	sys(6, fd, 0, 0, 0, 0);
	report("amd");
}

/* The EPTP: write-back, and a walk of four levels. */
static void look_at_root(int fd)
{
	struct axas_root root = { .size = sizeof(root), .vtcr = ~0ULL };
	struct axas_probe probe = {
		.size = sizeof(probe), .gpa = 1ULL << 48, .access = AXAS_PROT_READ,
	};

	CHECK(sys_ioctl(fd, AXAS_ROOT, &root) == 0);
	CHECK(root.format == AXAS_FORMAT_EPT && root.levels == 4);
	CHECK(root.root && !(root.root & 0xfff) && root.control == (root.root | 0x1e));
	CHECK(root.vtcr == 0);
	/* Looked at before it is known whether this CPU can walk the table. */
	CHECK(sys_ioctl(fd, AXAS_PROBE, &probe) == -ERANGE);
	report("root_probe");
}

/* The last of the areas, and back. */
static void resize(int fd)
{
	struct axas_resize r = {
		.size = sizeof(r), .gpa = GPA + 0x3000, .length = 0x3000,
	};
	struct axas_fault_entry fe = { .gpa = GPA + 0x5fff, .access = AXAS_PROT_READ };
	struct axas_fault fault = {
		.size = sizeof(fault), .nr = 1, .entries = (unsigned long)&fe,
	};

	CHECK(sys_ioctl(fd, AXAS_RESIZE, &r) == 0);
	CHECK(sys_ioctl(fd, AXAS_FAULT, &fault) == 0);
	CHECK(fe.result == AXAS_FAULT_RESOLVED);
	r.gpa = GPA;
	CHECK(sys_ioctl(fd, AXAS_RESIZE, &r) == 0);
	r.length = 0x4000;
	CHECK(sys_ioctl(fd, AXAS_RESIZE, &r) == -EEXIST);
	r.length = 1ULL << 48;
	CHECK(sys_ioctl(fd, AXAS_RESIZE, &r) == -ERANGE);
	r.gpa = GPA + 0x3000;
	r.length = 0x1000;
	CHECK(sys_ioctl(fd, AXAS_RESIZE, &r) == 0);
	CHECK(sys_ioctl(fd, AXAS_FAULT, &fault) == 0);
	CHECK(fe.result == AXAS_FAULT_NO_AREA);
}

/* The page that the window has written to, and back. */
static void move(int fd)
{
	struct axas_move m = {
		.size = sizeof(m), .from = GPA + 0x1000, .to = 1ULL << 41, .length = 0x1000,
	};
	__u64 was = ~0ULL, got = 0;

	CHECK(sys_pread(fd, &was, 8, GPA + 0x1008) == 8);
	CHECK(sys_ioctl(fd, AXAS_MOVE, &m) == 0);
	CHECK(sys_pread(fd, &got, 8, GPA + 0x1008) == -EFAULT);
	CHECK(sys_ioctl(fd, AXAS_MOVE, &m) == -EEXIST);
	m.flags = AXAS_MOVE_EXCHANGE;
	CHECK(sys_ioctl(fd, AXAS_MOVE, &m) == -ENOENT);
	m.flags = 1U << 31;
	CHECK(sys_ioctl(fd, AXAS_MOVE, &m) == -EINVAL);
	m.flags = 0;
	m.from = m.to;
	m.to = GPA + 0x1000;
	CHECK(sys_ioctl(fd, AXAS_MOVE, &m) == 0);
	CHECK(sys_pread(fd, &got, 8, GPA + 0x1008) == 8);
	CHECK(got == was && got);
}

static void ram_file(int fd)
{
	struct axas_ram_file r = {
		.size = sizeof(r), .gpa = GPA + 0x1000, .length = 0x1000, .prot = AXAS_PROT_READ,
	};
	__u64 was = 0, got = ~0ULL;
	int ram = sys_ioctl(fd, AXAS_RAM_FILE, &r);

	CHECK(ram >= 0);
	CHECK(sys_pread(fd, &was, 8, GPA + 0x1008) == 8);
	CHECK(sys_pread(ram, &got, 8, 8) == 8);
	CHECK(got == was);
	CHECK(sys_pread(ram, &got, 8, 0x1000) == 0);
	CHECK(sys_pwrite(ram, &got, 8, 8) == -EBADF);
	r.prot = 0;
	CHECK(sys_ioctl(fd, AXAS_RAM_FILE, &r) == -EINVAL);
}

/* What is written beneath the end of the area, and behind it, where nobody asked. */
static void track(int fd)
{
	struct axas_track t = {
		.size = sizeof(t), .gpa = GPA, .length = 0x2000, .what = AXAS_TRACK_WRITTEN,
		.threshold = 1ULL << 40,
	};
	struct axas_next_entry e[2] = {};
	struct axas_dirty d = {
		.size = sizeof(d), .gpa = GPA, .length = 0x2000,
		.entries = (unsigned long)e, .nr = 2, .done = ~0u,
	};
	__u64 val = 5;
	int tracker = sys_ioctl(fd, AXAS_TRACK, &t);

	CHECK(tracker >= 0);
	CHECK(sys_pwrite(fd, &val, 8, GPA + 0x1008) == 8);
	CHECK(sys_pwrite(fd, &val, 8, GPA + 0x2008) == 8);
	CHECK(sys_ioctl(tracker, AXAS_DIRTY, &d) == 0);
	CHECK(d.done == 1 && d.gpa == GPA + 0x2000 && d.length == 0);
	CHECK(e[0].gpa == GPA + 0x1000 && e[0].length == 0x1000);
	d.flags = AXAS_DIRTY_PUT;
	d.nr = 1;
	CHECK(sys_ioctl(tracker, AXAS_DIRTY, &d) == 0);
	CHECK(d.done == 1);
	d.flags = AXAS_DIRTY_PEEK;
	d.gpa = GPA;
	CHECK(sys_ioctl(tracker, AXAS_DIRTY, &d) == -EINVAL);
	d.length = 0x2000;
	CHECK(sys_ioctl(tracker, AXAS_DIRTY, &d) == 0);
	CHECK(d.done == 1 && e[0].gpa == GPA + 0x1000);
	t.what = AXAS_TRACK_ACCESSED;
	CHECK(sys_ioctl(fd, AXAS_TRACK, &t) == -EINVAL);
	t.what = AXAS_TRACK_WRITTEN;
	t.reserved = 1;
	CHECK(sys_ioctl(fd, AXAS_TRACK, &t) == -EINVAL);
	CHECK(sys(6, tracker, 0, 0, 0, 0) == 0);
}

/* In an area of its own: a page, and 2 MiB. */
static void collapse(int fd)
{
	struct axas_map m = {
		.size = sizeof(m), .gpa = 1ULL << 41, .length = 0x200000,
		.backend = AXAS_BACKEND_ALLOC, .prot = AXAS_PROT_READ | AXAS_PROT_WRITE,
		.max_leaf = 0x200000,
	};
	struct axas_populate p = {
		.size = sizeof(p), .gpa = 1ULL << 41, .length = 0x1000,
	};
	struct axas_collapse c = {
		.size = sizeof(c), .flags = AXAS_COLLAPSE_COPY, .gpa = 1ULL << 41,
		.length = 0x201000, .done = ~0ULL, .joined = ~0ULL,
	};
	struct axas_unmap u = {
		.size = sizeof(u), .gpa = 1ULL << 41, .length = 0x200000,
	};

	CHECK(sys_ioctl(fd, AXAS_MAP, &m) == 0);
	CHECK(sys_ioctl(fd, AXAS_POPULATE, &p) == 0);
	CHECK(sys_ioctl(fd, AXAS_COLLAPSE, &c) == -ENOENT);
	/* There may be no such frame. */
	CHECK(c.done == 0x200000 && (c.joined == 0x200000 || c.joined == 0));
	c.flags = 1U << 31;
	CHECK(sys_ioctl(fd, AXAS_COLLAPSE, &c) == -EINVAL);
	c.flags = 0;
	c.gpa = GPA;
	CHECK(sys_ioctl(fd, AXAS_COLLAPSE, &c) == -EOPNOTSUPP);
	CHECK(sys_ioctl(fd, AXAS_UNMAP, &u) == 0);
}

/* The page that the window has written to; the next one is lazy. */
static void discard(int fd)
{
	struct axas_discard d = {
		.size = sizeof(d), .gpa = GPA + 0x1000, .length = 0x2000,
		.freed = ~0ULL, .pinned = ~0ULL,
	};
	struct axas_populate p = {
		.size = sizeof(p), .gpa = GPA + 0x1000, .length = 0x4000, .done = ~0ULL,
	};
	__u64 got = ~0ULL;

	move(fd);
	collapse(fd);
	CHECK(sys_ioctl(fd, AXAS_DISCARD, &d) == 0);
	CHECK(d.freed == 0x2000 && d.pinned == 0);
	CHECK(sys_pread(fd, &got, 8, GPA + 0x1008) == 8);
	CHECK(got == 0);
	d.length = 0x4000;
	CHECK(sys_ioctl(fd, AXAS_DISCARD, &d) == -ENOENT);
	CHECK(d.freed == 0 && d.pinned == 0);
	CHECK(sys_ioctl(fd, AXAS_POPULATE, &p) == -ENOENT);
	CHECK(p.done == 0x3000);
	d.gpa = GPA + 0x3000;
	d.length = 0x1000;
	CHECK(sys_ioctl(fd, AXAS_DISCARD, &d) == 0);
	resize(fd);
	report("discard_populate_move_collapse");
	ram_file(fd);
	report("ram_file");
	track(fd);
	report("track");
}

static long device(int fd, unsigned long cmd, __u32 bus, __u64 first, __u64 last)
{
	struct axas_device d = {
		.size = sizeof(d), .bus = bus, .first = first, .last = last, .cookie = COOKIE,
	};

	return sys_ioctl(fd, cmd, &d);
}

static void use_devices(int fd)
{
	struct axas_map map = {
		.size = sizeof(map), .gpa = GPA + 0x10000, .length = 0x2000,
		.backend = AXAS_BACKEND_DEVICE, .prot = AXAS_PROT_READ, .cookie = ~COOKIE,
	};
	struct axas_fault_entry fe[4] = {
		{ GPA + 0x11008, AXAS_PROT_READ, .width = 8 },
		{ 0x3fa, AXAS_PROT_WRITE, .width = 1, .bus = AXAS_BUS_PORT },
		{ 0xc0000082, AXAS_PROT_READ, .width = 8, .bus = AXAS_BUS_SYSREG },
		{ 0x400, AXAS_PROT_READ, .width = 1, .bus = AXAS_BUS_PORT },
	};
	struct axas_fault fault = {
		.size = sizeof(fault), .nr = 4, .entries = (unsigned long)fe,
	};

	CHECK(sys_ioctl(fd, AXAS_MAP, &map) == 0);
	CHECK(sys_ioctl(fd, AXAS_MAP, &map) == -EEXIST);
	map.flags = AXAS_MAP_REPLACE;
	CHECK(sys_ioctl(fd, AXAS_MAP, &map) == 0);
	CHECK(device(fd, AXAS_DEVICE_ADD, AXAS_BUS_PORT, 0x3f8, 0x3ff) == 0);
	CHECK(device(fd, AXAS_DEVICE_ADD, AXAS_BUS_PORT, 0x3ff, 0x400) == -EEXIST);
	CHECK(device(fd, AXAS_DEVICE_ADD, AXAS_BUS_PORT, 0x400, 1ULL << 32) == -ERANGE);
	CHECK(device(fd, AXAS_DEVICE_ADD, AXAS_BUS_SYSREG, 0xc0000080, 0xffffffff) == 0);
	CHECK(sys_ioctl(fd, AXAS_FAULT, &fault) == 0);
	CHECK(fault.done == 4);
	CHECK(fe[0].result == AXAS_FAULT_DEVICE);
	CHECK(fe[0].cookie == ~COOKIE && fe[0].offset == 0x1008);
	CHECK(fe[1].result == AXAS_FAULT_DEVICE);
	CHECK(fe[1].cookie == COOKIE && fe[1].offset == 2);
	CHECK(fe[2].result == AXAS_FAULT_DEVICE);
	CHECK(fe[2].cookie == COOKIE && fe[2].offset == 2);
	CHECK(fe[3].result == AXAS_FAULT_NO_AREA && !fe[3].cookie);
	CHECK(device(fd, AXAS_DEVICE_DEL, AXAS_BUS_PORT, 0x3f8, 0x3fe) == -ENOENT);
	CHECK(device(fd, AXAS_DEVICE_DEL, AXAS_BUS_PORT, 0x3f8, 0x3ff) == 0);
	CHECK(sys_ioctl(fd, AXAS_FAULT, &fault) == 0);
	CHECK(fe[1].result == AXAS_FAULT_NO_AREA && fe[2].result == AXAS_FAULT_DEVICE);
	report("devices");
}

__attribute__((used, noreturn)) static void run(void)
{
	struct axas_info info = { .size = sizeof(info), .format = AXAS_FORMAT_EPT };
	struct axas_create create = {
		.size = sizeof(create), .format = AXAS_FORMAT_EPT, .gpa_bits = 48,
	};
	struct axas_map map = {
		.size = sizeof(map), .gpa = GPA, .length = 0x4000,
		.backend = AXAS_BACKEND_ALLOC,
		.prot = AXAS_PROT_READ | AXAS_PROT_WRITE, .cookie = COOKIE,
	};
	struct axas_protect protect = {
		.size = sizeof(protect), .gpa = GPA + 0x3000, .length = 0x1000,
		.prot = AXAS_PROT_READ,
	};
	struct axas_unmap unmap = { .size = sizeof(unmap), .gpa = GPA, .length = 0x1000 };
	struct axas_clear clear = { .size = sizeof(clear) };
	struct axas_stats stats = { .size = sizeof(stats) };
	struct axas_fault_entry fe[3] = {
		{ GPA + 0x1008, AXAS_PROT_WRITE, .result = ~0u },
		{ GPA + 0x3000, AXAS_PROT_WRITE, .result = ~0u },
		{ GPA - 1, AXAS_PROT_READ, .result = ~0u },
	};
	struct axas_fault fault = { .size = sizeof(fault), .nr = 3 };
	struct axas_translate_entry te[2] = { { .gpa = GPA + 0x1234 }, { .gpa = GPA + 0x2000 } };
	struct axas_translate translate = { .size = sizeof(translate), .nr = 2 };
	__u64 val = 0x1122334455667788ULL, got = 0;
	volatile __u64 *window;
	long dev, fd;

	put("TAP version 13\n");
	dev = sys_open("/dev/axas", O_RDWR);
	if (dev < 0) {
		put("1..0 # SKIP /dev/axas can't be opened\n");
		exit_with(4);
	}
	put("1..12\n");

	CHECK(sys_ioctl(dev, AXAS_INFO, &info) == 0);
	CHECK(info.gpa_bits & 1ULL << 48);
	CHECK(info.control_bits & 1ULL << 48);
	CHECK(info.leaf_sizes & 0x1000);
	CHECK(info.format == AXAS_FORMAT_EPT);
	fd = sys_ioctl(dev, AXAS_CREATE, &create);
	CHECK(fd >= 0);
	CHECK(sys_ioctl(fd, AXAS_STATS, &stats) == 0);
	CHECK(stats.length == 1ULL << 48 && stats.base == 0 && stats.gpa_bits == 48);
	report("create");
	look_at_amd(dev);

	fault.entries = (unsigned long)fe;
	translate.entries = (unsigned long)te;
	CHECK(sys_ioctl(fd, AXAS_MAP, &map) == 0);
	CHECK(sys_ioctl(fd, AXAS_PROTECT, &protect) == 0);
	CHECK(sys_ioctl(fd, AXAS_FAULT, &fault) == 0);
	CHECK(fault.done == 3);
	CHECK(fe[0].result == AXAS_FAULT_RESOLVED);
	CHECK(fe[1].result == AXAS_FAULT_DENIED);
	CHECK(fe[2].result == AXAS_FAULT_NO_AREA);
	CHECK(sys_ioctl(fd, AXAS_TRANSLATE, &translate) == 0);
	CHECK(translate.done == 2);
	CHECK(te[0].state == AXAS_TRANSLATE_MAPPED && te[0].leaf_size == 4096);
	CHECK((te[0].hpa & 0xfff) == 0x234);
	CHECK(te[0].limit == 0x3000 - 0x1234);
	CHECK(te[1].state == AXAS_TRANSLATE_LAZY && te[1].limit == 0x1000);
	report("map_fault_translate");
	list_areas(fd);
	look_at_root(fd);

	CHECK(sys_pwrite(fd, &val, 8, GPA + 0x1ffc) == 8);
	CHECK(sys_pread(fd, &got, 8, GPA + 0x1ffc) == 8);
	CHECK(got == val);
	CHECK(sys_pread(fd, &got, 8, GPA + 0x4000) == -EFAULT);
	CHECK(sys_pread(fd, &got, 8, 1ULL << 48) == 0);
	CHECK(sys_pwrite(fd, &val, 8, GPA + 0x3000) == -EACCES);
	report("pread_pwrite");

	window = (void *)sys_mmap(0x4000, PROT_RW, MAP_SHARED, fd, GPA);
	CHECK((unsigned long)window < -4096UL);
	if ((unsigned long)window < -4096UL) {
		window[0x1008 / 8] = 77;
		CHECK(sys_pread(fd, &got, 8, GPA + 0x1008) == 8);
		CHECK(got == 77);
		sys(91, (long)window, 0x4000, 0, 0, 0);
	}
	report("mmap");
	discard(fd);

	CHECK(sys_ioctl(fd, AXAS_UNMAP, &unmap) == 0);
	CHECK(sys_ioctl(fd, AXAS_PROTECT, &protect) == 0);
	protect.gpa = GPA;
	CHECK(sys_ioctl(fd, AXAS_PROTECT, &protect) == -ENOENT);
	unmap.length = 0;
	CHECK(sys_ioctl(fd, AXAS_UNMAP, &unmap) == -EINVAL);
	CHECK(sys_ioctl(fd, AXAS_STATS, (void *)8) == -EFAULT);
	CHECK(sys_ioctl(fd, AXAS_STATS, &stats) == 0);
	CHECK(stats.resident == 0x2000 && stats.leaves[0] == 2);
	CHECK(sys_ioctl(fd, AXAS_CLEAR, &clear) == 0);
	CHECK(sys_ioctl(fd, AXAS_STATS, &stats) == 0);
	CHECK(stats.resident == 0 && stats.areas == 0);
	report("unmap_protect_stats");
	use_devices(fd);
	sys(6, fd, 0, 0, 0, 0);
	exit_with(nr_failed ? 1 : 0);
}

__asm__(".globl _start\n_start:\n\txorl %ebp, %ebp\n\tandl $-16, %esp\n\tcall run\n");
