// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that goes elsewhere, as a monitor moves it: RAM behind a device and out
 * again, and what its guest, its windows and its devices see of that. And ROM, which
 * only the monitor writes.
 */
#include <sys/ioctl.h>
#include <sys/uio.h>

#define AX_FEW_VARIANTS
#include "axas_fixture.h"
#include "axas_loop.h"

#define RW	(PROT_READ | PROT_WRITE)
#define RAM	0x40000000ULL
#define VGA	(RAM + 0xa0000)
#define VGA_LEN	0x20000ULL
#define HIDDEN	0x200000000ULL	/* where the device is while RAM is shown */
#define COOKIE	0x766761ULL

static int ax_exchange(int fd, __u64 from, __u64 to, __u64 length)
{
	return ax_move(fd, from, to, length, AXAS_MOVE_EXCHANGE);
}

/* What is in the way for a moment, as a page that is being touched, ends. */
static int exchange_at_last(int fd, __u64 from, __u64 to, __u64 length, unsigned int *busy)
{
	int ret;

	do {
		ret = ax_exchange(fd, from, to, length);
		*busy += ret == -EBUSY;
	} while (ret == -EBUSY);
	return ret;
}

/* RAM with a word in each page, and a device that isn't shown yet. */
static int machine(int fd)
{
	int ret = ax_map(fd, RAM, 4 * AX_2M);
	__u64 gpa;

	if (!ret)
		ret = ax_map_device(fd, HIDDEN, VGA_LEN, AX_RW, COOKIE);
	for (gpa = VGA; gpa < VGA + VGA_LEN && !ret; gpa += AX_PAGE)
		ret = ax_put64(fd, gpa, gpa);
	return ret;
}

static bool answered_by(int fd, __u64 gpa, __u32 access, __u32 result, __u64 cookie,
			__u64 offset)
{
	struct axas_fault_entry e = { .gpa = gpa, .access = access, .result = ~0u };
	int ret = ax_fault_many(fd, &e, 1, NULL);

	if (!ret && e.result == result && e.cookie == cookie && e.offset == offset)
		return true;
	printf("# fault at %#llx: %d, result %u, cookie %#llx, offset %#llx\n", gpa, ret,
	       e.result, e.cookie, e.offset);
	return false;
}

static bool areas_are(int fd, __u64 nr)
{
	struct axas_stats st;

	return !ax_stats(fd, &st) && st.areas == nr;
}

/* ---- RAM behind a device ---- */

TEST_F(space, hide_and_show)
{
	__u64 gpa, resident, hidden = HIDDEN - VGA;
	int i;

	ASSERT_EQ(0, machine(self->fd));
	resident = ax_resident(self->fd);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, ax_exchange(self->fd, VGA, HIDDEN, VGA_LEN));
		EXPECT_TRUE(areas_are(self->fd, 4));
		EXPECT_TRUE(answered_by(self->fd, VGA + 0x1234, AX_W, AXAS_FAULT_DEVICE,
					COOKIE, 0x1234));
		EXPECT_EQ(-EFAULT, ax_pread(self->fd, &gpa, 8, VGA));
		EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, HIDDEN, AX_W));
		/* What is hidden is the monitor's to look at and to change. */
		for (gpa = VGA; gpa < VGA + VGA_LEN; gpa += AX_PAGE)
			ASSERT_EQ(gpa + i, ax_get64(self->fd, gpa + hidden));
		for (gpa = VGA; gpa < VGA + VGA_LEN; gpa += AX_PAGE)
			ASSERT_EQ(0, ax_put64(self->fd, gpa + hidden, gpa + i + 1));

		ASSERT_EQ(0, i % 2 ? ax_exchange(self->fd, HIDDEN, VGA, VGA_LEN) :
				     ax_exchange(self->fd, VGA, HIDDEN, VGA_LEN));
		EXPECT_TRUE(areas_are(self->fd, 2));
		EXPECT_TRUE(answered_by(self->fd, HIDDEN + 8, AX_R, AXAS_FAULT_DEVICE,
					COOKIE, 8));
		for (gpa = VGA; gpa < VGA + VGA_LEN; gpa += AX_PAGE)
			ASSERT_EQ(gpa + i + 1, ax_get64(self->fd, gpa));
		EXPECT_EQ(resident, ax_resident(self->fd));
	}
}

/* A bank of the device, and no more. */
TEST_F(space, hide_a_part)
{
	ASSERT_EQ(0, machine(self->fd));
	ASSERT_EQ(0, ax_exchange(self->fd, VGA + 0x8000, HIDDEN + 0x10000, 0x8000));
	EXPECT_EQ(VGA + 0x7000, ax_get64(self->fd, VGA + 0x7000));
	EXPECT_TRUE(answered_by(self->fd, VGA + 0x8010, AX_R, AXAS_FAULT_DEVICE, COOKIE,
				0x10010));
	EXPECT_TRUE(answered_by(self->fd, VGA + 0xffff, AX_R, AXAS_FAULT_DEVICE, COOKIE,
				0x17fff));
	EXPECT_EQ(VGA + 0x10000, ax_get64(self->fd, VGA + 0x10000));
	EXPECT_EQ(VGA + 0x8000, ax_get64(self->fd, HIDDEN + 0x10000));
	EXPECT_TRUE(answered_by(self->fd, HIDDEN + 0x18000, AX_R, AXAS_FAULT_DEVICE,
				COOKIE, 0x18000));
	ASSERT_EQ(0, ax_exchange(self->fd, VGA + 0x8000, HIDDEN + 0x10000, 0x8000));
	EXPECT_TRUE(areas_are(self->fd, 2));
}

/* Hot-unplug and plug elsewhere: a hole is left. */
TEST_F(space, move_to_a_hole)
{
	ASSERT_EQ(0, ax_map_alloc(self->fd, RAM, 4 * AX_2M, AX_RW, 0, AX_2M));
	ASSERT_EQ(0, ax_put64(self->fd, RAM + AX_2M, 0x99));
	ASSERT_EQ(0, ax_move(self->fd, RAM, HIDDEN, 4 * AX_2M, 0));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, ax_fault(self->fd, RAM + AX_2M, AX_R));
	EXPECT_EQ(0x99, ax_get64(self->fd, HIDDEN + AX_2M));
	EXPECT_EQ(AXAS_TRANSLATE_LAZY, ax_state(self->fd, HIDDEN));
	EXPECT_EQ(-EEXIST, ax_move(self->fd, HIDDEN, HIDDEN + 2 * AX_2M, AX_2M, 0));
	EXPECT_EQ(-ENOENT, ax_move(self->fd, RAM, HIDDEN + AX_1G, AX_2M, 0));
	EXPECT_EQ(-EINVAL, ax_move(self->fd, HIDDEN, HIDDEN + AX_PAGE, AX_2M, 0));
	ASSERT_EQ(0, ax_map(self->fd, RAM, AX_2M));
	EXPECT_EQ(0, ax_get64(self->fd, RAM));
}

/* As uapi.rst says it is done: a copy of that type takes the place of what there is. */
TEST_F(space, another_memory_type_with_what_was_there)
{
	struct axas_map map = {
		.size = sizeof(map), .backend = AXAS_BACKEND_ALLOC, .prot = AX_RW,
		.gpa = HIDDEN, .length = 4 * AX_PAGE,
	};
	static char buf[2 * AX_PAGE];
	struct axas_translate_entry e;

	for (map.memtype = AXAS_MEM_WT; map.memtype <= AXAS_MEM_DEVICE; map.memtype++) {
		if (!(self->info.memtypes >> map.memtype & 1))
			continue;
		ASSERT_EQ(0, ax_map(self->fd, RAM, 4 * AX_PAGE));
		ASSERT_EQ(0, ax_put64(self->fd, RAM + AX_PAGE + 8, 0x77));
		ASSERT_EQ(0, ax_ioctl(self->fd, AXAS_MAP, &map));
		ASSERT_EQ(0, ax_protect(self->fd, RAM, 4 * AX_PAGE, AX_R));
		EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, RAM + AX_PAGE, AX_W));
		ASSERT_EQ(sizeof(buf), ax_pread(self->fd, buf, sizeof(buf), RAM));
		ASSERT_EQ(sizeof(buf), ax_pwrite(self->fd, buf, sizeof(buf), HIDDEN));
		ASSERT_EQ(0, ax_exchange(self->fd, RAM, HIDDEN, 4 * AX_PAGE));
		ASSERT_EQ(0, ax_unmap(self->fd, HIDDEN, 4 * AX_PAGE));
		EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, RAM + AX_PAGE, AX_W));
		EXPECT_EQ(0x77, ax_get64(self->fd, RAM + AX_PAGE + 8));
		EXPECT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, RAM + AX_PAGE, &e));
		EXPECT_EQ(map.memtype, e.memtype);
		/* What comes in later too. */
		EXPECT_EQ(AXAS_TRANSLATE_LAZY, ax_translate(self->fd, RAM + 3 * AX_PAGE, &e));
		EXPECT_EQ(map.memtype, e.memtype);
		ASSERT_EQ(0, ax_clear(self->fd));
	}
}

/* ---- windows ---- */

TEST_F(space, windows_follow)
{
	__u64 *ram, *hidden, val = 0;

	ASSERT_EQ(0, machine(self->fd));
	ram = ax_window(self->fd, VGA, VGA_LEN, RW);
	hidden = ax_window(self->fd, HIDDEN, VGA_LEN, RW);
	ASSERT_NE(MAP_FAILED, (void *)ram);
	ASSERT_NE(MAP_FAILED, (void *)hidden);
	ASSERT_EQ(0, ax_load(ram, &val));
	EXPECT_EQ(VGA, val);
	EXPECT_EQ(-EFAULT, ax_load(hidden, &val));

	ASSERT_EQ(0, ax_exchange(self->fd, VGA, HIDDEN, VGA_LEN));
	EXPECT_EQ(-EFAULT, ax_load(ram, &val));
	EXPECT_EQ(-EFAULT, ax_store(ram, 1));
	ASSERT_EQ(0, ax_load(hidden, &val));
	EXPECT_EQ(VGA, val);
	ASSERT_EQ(0, ax_store(hidden, 2));

	ASSERT_EQ(0, ax_exchange(self->fd, VGA, HIDDEN, VGA_LEN));
	EXPECT_EQ(-EFAULT, ax_load(hidden, &val));
	ASSERT_EQ(0, ax_load(ram, &val));
	EXPECT_EQ(2, val);
	munmap(ram, VGA_LEN);
	munmap(hidden, VGA_LEN);
}

/* Both are memory: each window sees what is there now, also by whole tables. */
TEST_F(space, windows_over_two_memories)
{
	static const __u64 sizes[] = { AX_PAGE, AX_2M, 2 * AX_2M };
	__u64 *one, *other, size;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size = sizes[i];
		ASSERT_EQ(0, ax_populate(self->fd, RAM, size));
		ASSERT_EQ(0, ax_populate(self->fd, HIDDEN, size));
		one = ax_window(self->fd, RAM, size, RW);
		other = ax_window(self->fd, HIDDEN, size, RW);
		ASSERT_NE(MAP_FAILED, (void *)one);
		ASSERT_NE(MAP_FAILED, (void *)other);
		one[0] = 1;
		other[0] = 2;
		other[size / 8 - 1] = 3;
		ASSERT_EQ(0, ax_exchange(self->fd, RAM, HIDDEN, size));
		EXPECT_EQ(2, one[0]);
		EXPECT_EQ(1, other[0]);
		EXPECT_EQ(3, one[size / 8 - 1]);
		EXPECT_EQ(0, other[size / 8 - 1]);
		one[1] = 4;
		EXPECT_EQ(4, ax_get64(self->fd, RAM + 8));
		munmap(one, size);
		munmap(other, size);
		ASSERT_EQ(0, ax_clear(self->fd));
	}
}

/* ---- somebody else has a page ---- */

TEST_F(space, a_pinned_page_stays)
{
	struct iovec v = { .iov_len = AX_PAGE };
	char buf[AX_PAGE];
	__u64 *w, gpa;
	int p[2];

	ASSERT_EQ(0, machine(self->fd));
	w = ax_window(self->fd, VGA, VGA_LEN, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	/* All are mapped, which doesn't count. */
	for (gpa = 0; gpa < VGA_LEN; gpa += AX_PAGE)
		EXPECT_EQ(VGA + gpa, w[gpa / 8]);
	ASSERT_EQ(0, ax_exchange(self->fd, VGA, HIDDEN, VGA_LEN));
	ASSERT_EQ(0, ax_exchange(self->fd, VGA, HIDDEN, VGA_LEN));

	ASSERT_EQ(0, pipe(p));
	v.iov_base = w + 5 * AX_PAGE / 8;
	ASSERT_EQ(AX_PAGE, vmsplice(p[1], &v, 1, 0));
	EXPECT_EQ(-EBUSY, ax_exchange(self->fd, VGA, HIDDEN, VGA_LEN));
	EXPECT_EQ(-EBUSY, ax_exchange(self->fd, HIDDEN, VGA, VGA_LEN));
	EXPECT_EQ(-EBUSY, ax_move(self->fd, VGA, 2 * HIDDEN, VGA_LEN, 0));
	EXPECT_EQ(-EBUSY, ax_move(self->fd, VGA + 5 * AX_PAGE, 2 * HIDDEN, AX_PAGE, 0));
	EXPECT_EQ(0, ax_move(self->fd, VGA, 2 * HIDDEN, 5 * AX_PAGE, 0));
	EXPECT_EQ(0, ax_move(self->fd, 2 * HIDDEN, VGA, 5 * AX_PAGE, 0));
	EXPECT_TRUE(areas_are(self->fd, 2));
	EXPECT_EQ(VGA + 5 * AX_PAGE, w[5 * AX_PAGE / 8]);
	EXPECT_EQ(AX_PAGE, read(p[0], buf, AX_PAGE));
	EXPECT_EQ(0, ax_exchange(self->fd, VGA, HIDDEN, VGA_LEN));
	EXPECT_EQ(VGA + 5 * AX_PAGE, ax_get64(self->fd, HIDDEN + 5 * AX_PAGE));
	close(p[0]);
	close(p[1]);
	munmap(w, VGA_LEN);
}

struct disk {
	int fd;
	__u64 *w;
	volatile bool stop;
	unsigned long done, refused, bad;
};

/* As a device of the monitor's: it reads into guest memory, which is now here. */
static void *disk_reads(void *arg)
{
	struct disk *d = arg;
	ssize_t ret;

	while (!d->stop) {
		ret = pread(d->fd, d->w, VGA_LEN, 0);
		if (ret == VGA_LEN)
			d->done++;
		else if (ret >= 0 || errno == EFAULT)
			d->refused++;
		else
			d->bad++;
	}
	return NULL;
}

TEST_F(space, direct_io_in_flight)
{
	static struct disk d;
	unsigned int busy = 0, n;
	double until;
	pthread_t thread;
	const char *why;
	__u64 gpa;
	int file;

	memset(&d, 0, sizeof(d));
	d.fd = ax_open_loop(&file, &why);
	if (d.fd < 0)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, machine(self->fd));
	for (gpa = VGA; gpa < VGA + VGA_LEN; gpa += 8)
		ASSERT_EQ(8, pwrite(file, &gpa, 8, gpa - VGA));
	d.w = ax_window(self->fd, VGA, VGA_LEN, RW);
	ASSERT_NE(MAP_FAILED, (void *)d.w);
	ASSERT_EQ(0, pthread_create(&thread, NULL, disk_reads, &d));
	until = ax_now() + ax_race(3);
	for (n = 0; ax_racing(until, n && d.done + d.refused + d.bad); n++) {
		ASSERT_EQ(0, exchange_at_last(self->fd, VGA, HIDDEN, VGA_LEN, &busy));
		ASSERT_EQ(0, exchange_at_last(self->fd, VGA, HIDDEN, VGA_LEN, &busy));
	}
	d.stop = true;
	pthread_join(thread, NULL);
	printf("# %u exchanges, %u times busy, %lu reads, %lu without memory\n", 2 * n,
	       busy, d.done, d.refused);
	EXPECT_EQ(0, d.bad);
	EXPECT_LT(0, n);
	EXPECT_LT(0, d.done + d.refused);
	/* Each word is the disk's by now, or what it was: that is the same. */
	ASSERT_EQ(VGA_LEN, pread(d.fd, d.w, VGA_LEN, 0));
	for (gpa = VGA; gpa < VGA + VGA_LEN; gpa += 8)
		ASSERT_EQ(gpa, d.w[(gpa - VGA) / 8]);
	munmap(d.w, VGA_LEN);
	close(d.fd);
	close(file);
}

/* ---- under running CPUs ---- */

#define NR_PAGES	(VGA_LEN / AX_PAGE)

struct guest {
	int fd;
	__u64 *ram, *hidden;
	volatile bool stop;
	unsigned long shown, device, lost, bad;
};

static void count(unsigned long *n, bool add)
{
	__atomic_add_fetch(n, add, __ATOMIC_RELAXED);
}

/* As a vCPU: there is RAM or a device, in either place, and never nothing. */
static void *guest_faults(void *arg)
{
	struct guest *g = arg;
	__u64 rnd = (uintptr_t)&rnd;
	int ret;

	while (!g->stop) {
		__u64 r = ax_rand(&rnd), offset = r % NR_PAGES * AX_PAGE + 8;

		ret = ax_fault(g->fd, (r >> 32 & 1 ? VGA : HIDDEN) + offset, AX_W);
		count(&g->shown, ret == AXAS_FAULT_RESOLVED || ret == AXAS_FAULT_SPURIOUS);
		count(&g->device, ret == AXAS_FAULT_DEVICE);
		count(&g->bad, ret != AXAS_FAULT_RESOLVED && ret != AXAS_FAULT_SPURIOUS &&
			       ret != AXAS_FAULT_DEVICE);
	}
	return NULL;
}

/* Load or store a word of RAM where it is, by this way or that; -EFAULT elsewhere. */
static int touch(struct guest *g, bool hidden, __u64 at, unsigned int how, __u64 *val)
{
	__u64 *w = (hidden ? g->hidden : g->ram) + at / 8;
	__u64 gpa = (hidden ? HIDDEN : VGA) + at;
	ssize_t ret;

	switch (how) {
	case 0:
		return ax_load(w, val);
	case 1:
		return ax_store(w, *val);
	case 2:
		ret = ax_pread(g->fd, val, 8, gpa);
		break;
	default:
		ret = ax_pwrite(g->fd, val, 8, gpa);
	}
	return ret == 8 ? 0 : ret < 0 ? ret : -EIO;
}

/* Counts in words of its own: what was stored last is there, wherever that is. */
static void *guest_counts(void *arg)
{
	struct guest *g = arg;
	__u64 rnd = (uintptr_t)&rnd, last[NR_PAGES] = { 0 }, val, r, at;
	static int threads;
	const int me = __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED) & 1;
	unsigned int page, how;
	int ret;

	while (!g->stop) {
		r = ax_rand(&rnd);
		page = r % NR_PAGES;
		at = page * AX_PAGE + 64 + 8 * me;
		how = r >> 32 & 3;
		val = how & 1 ? last[page] + 1 : ~0ULL;
		ret = touch(g, r >> 40 & 1, at, how, &val);
		count(&g->bad, ret && ret != -EFAULT);
		if (!ret)
			count(&g->lost, !(how & 1) && val != last[page]);
		if (!ret && how & 1)
			last[page] = val;
	}
	/* Now it is shown. */
	for (page = 0; page < NR_PAGES; page++)
		count(&g->lost, ax_get64(g->fd, VGA + page * AX_PAGE + 64 + 8 * me) !=
				last[page]);
	return NULL;
}

TEST_F(space, hide_and_show_under_running_cpus)
{
	static void *(*const run[])(void *) = {
		guest_faults, guest_faults, guest_counts, guest_counts,
	};
	static struct guest g;
	pthread_t thread[ARRAY_SIZE(run)];
	unsigned int i, n, busy = 0;
	double until;

	memset(&g, 0, sizeof(g));
	g.fd = self->fd;
	/* Nobody has touched it. */
	ASSERT_EQ(0, ax_map(self->fd, RAM, 4 * AX_2M));
	ASSERT_EQ(0, ax_map_device(self->fd, HIDDEN, VGA_LEN, AX_RW, COOKIE));
	g.ram = ax_window(self->fd, VGA, VGA_LEN, RW);
	g.hidden = ax_window(self->fd, HIDDEN, VGA_LEN, RW);
	ASSERT_NE(MAP_FAILED, (void *)g.ram);
	ASSERT_NE(MAP_FAILED, (void *)g.hidden);
	for (i = 0; i < ARRAY_SIZE(run); i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, run[i], &g));
	until = ax_now() + ax_race(3);
	for (n = 0; ax_racing(until, (g.shown && g.device) || g.bad); n++) {
		EXPECT_EQ(0, exchange_at_last(self->fd, VGA, HIDDEN, VGA_LEN, &busy));
		EXPECT_EQ(0, exchange_at_last(self->fd, VGA, HIDDEN, VGA_LEN, &busy));
	}
	g.stop = true;
	for (i = 0; i < ARRAY_SIZE(run); i++)
		pthread_join(thread[i], NULL);
	printf("# %u exchanges, %u times busy; faults: %lu in RAM, %lu in the device\n",
	       2 * n, busy, g.shown, g.device);
	EXPECT_EQ(0, g.bad);
	EXPECT_EQ(0, g.lost);
	EXPECT_LT(0, g.shown);
	EXPECT_LT(0, g.device);
	EXPECT_TRUE(areas_are(self->fd, 2));
	munmap(g.ram, VGA_LEN);
	munmap(g.hidden, VGA_LEN);
}

/* ---- ROM ---- */

#define FLASH	0x80000000ULL

static int map_rom(int fd, __u64 gpa, __u64 length)
{
	struct axas_map m = {
		.size = sizeof(m), .flags = AXAS_MAP_ROM, .gpa = gpa, .length = length,
		.backend = AXAS_BACKEND_ALLOC, .prot = AX_RX, .cookie = COOKIE,
	};

	return ax_ioctl(fd, AXAS_MAP, &m);
}

static bool denies(int fd, __u64 offset)
{
	return answered_by(fd, FLASH + offset, AX_W, AXAS_FAULT_DENIED, COOKIE, offset);
}

/* Flash: the guest's writes are the monitor's to emulate, by a window or without. */
TEST_F(space, rom_is_the_owners_to_write)
{
	__u64 *w;

	ASSERT_EQ(0, map_rom(self->fd, FLASH, 0x10000));
	w = ax_window(self->fd, FLASH, 0x10000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	/* To pages that nobody has touched, and that the guest has. */
	EXPECT_TRUE(denies(self->fd, 0x1238));
	EXPECT_EQ(0, ax_store(w + 0x1238 / 8, 1));
	EXPECT_EQ(0, ax_put64(self->fd, FLASH + 0x2238, 2));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, FLASH + 0x3000, AX_R));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, FLASH + 0x4000, AX_X));
	EXPECT_EQ(0, ax_store(w + 0x3238 / 8, 3));
	EXPECT_EQ(0, ax_put64(self->fd, FLASH + 0x4238, 4));
	EXPECT_EQ(1, ax_get64(self->fd, FLASH + 0x1238));
	EXPECT_EQ(2, w[0x2238 / 8]);
	EXPECT_EQ(3, ax_get64(self->fd, FLASH + 0x3238));
	EXPECT_EQ(4, w[0x4238 / 8]);
	/* Nothing of that is a right of the guest's. */
	EXPECT_TRUE(denies(self->fd, 0x1238));
	EXPECT_TRUE(denies(self->fd, 0x2238));
	EXPECT_TRUE(denies(self->fd, 0x3238));
	EXPECT_TRUE(denies(self->fd, 0xfff8));

	/* Opened for the guest, and closed; what the window sees doesn't change. */
	ASSERT_EQ(0, ax_protect(self->fd, FLASH + 0x1000, 0x1000, AX_RW));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, FLASH + 0x1238, AX_W));
	ASSERT_EQ(0, ax_protect(self->fd, FLASH + 0x1000, 0x1000, AX_RX));
	EXPECT_TRUE(denies(self->fd, 0x1238));
	EXPECT_EQ(0, ax_store(w + 0x1238 / 8, 5));
	EXPECT_EQ(5, ax_get64(self->fd, FLASH + 0x1238));
	munmap(w, 0x10000);
}

/* Plain memory that is read-only is so for everybody. */
TEST_F(space, read_only_is_not_rom)
{
	__u64 val = 1, *w;

	ASSERT_EQ(0, ax_map_alloc(self->fd, FLASH, 0x10000, AX_R, 0, 0));
	w = ax_window(self->fd, FLASH, 0x10000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	EXPECT_EQ(-EFAULT, ax_store(w, 1));
	EXPECT_EQ(-EACCES, ax_pwrite(self->fd, &val, 8, FLASH));
	EXPECT_EQ(0, ax_get64(self->fd, FLASH));
	munmap(w, 0x10000);
}

/* The monitor's shadow of a BIOS: ROM is hidden behind RAM, and tells where it was. */
TEST_F(space, rom_behind_ram)
{
	ASSERT_EQ(0, map_rom(self->fd, FLASH, 0x10000));
	ASSERT_EQ(0, ax_map(self->fd, HIDDEN, 0x10000));
	ASSERT_EQ(0, ax_put64(self->fd, FLASH + 0x8000, 0x55aa));
	ASSERT_EQ(0, ax_put64(self->fd, HIDDEN + 0x8000, 0x1111));
	ASSERT_EQ(0, ax_exchange(self->fd, FLASH, HIDDEN, 0x10000));
	EXPECT_EQ(0x1111, ax_get64(self->fd, FLASH + 0x8000));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, FLASH + 0x8000, AX_W));
	EXPECT_TRUE(answered_by(self->fd, HIDDEN + 0x9008, AX_W, AXAS_FAULT_DENIED, COOKIE,
				0x9008));
	EXPECT_EQ(0, ax_put64(self->fd, HIDDEN + 0x8000, 0x55ab));
	ASSERT_EQ(0, ax_exchange(self->fd, FLASH, HIDDEN, 0x10000));
	EXPECT_EQ(0x55ab, ax_get64(self->fd, FLASH + 0x8000));
	EXPECT_TRUE(denies(self->fd, 0x8000));
}

TEST_HARNESS_MAIN
