// SPDX-License-Identifier: GPL-2.0
/*
 * Each allocation of each call fails in turn (/proc/self/fail-nth, on kernels
 * with fault injection). A call that fails must leave the space as it was, and
 * must succeed when it is tried again.
 */
#define AX_FEW_VARIANTS
#define AX_TWO_FORMATS
#include <sys/mount.h>
#include "axas_fixture.h"

#define GPA	0x40000000ULL

static int nth_fd = -1;
static __u64 spare_hpa;

/* fail-nth counts what these let through; they are quiet and let all through. */
static void set_knobs(void)
{
	static const struct { const char *file, *val; } knobs[] = {
		{ "failslab/ignore-gfp-wait", "N" },
		{ "failslab/verbose", "0" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ "fail_page_alloc/min-order", "0" },
		{ "fail_page_alloc/verbose", "0" },
		{ "fail_usercopy/verbose", "0" },
	};
	char path[96];
	unsigned int i;
	int fd;

	if (access("/sys/kernel/debug/failslab", F_OK))
		mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	for (i = 0; i < ARRAY_SIZE(knobs); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s", knobs[i].file);
		fd = open(path, O_WRONLY);
		if (fd < 0)
			continue;
		if (write(fd, knobs[i].val, 1) != 1)
			printf("# can't set %s\n", path);
		close(fd);
	}
}

static void arm(unsigned int nth)
{
	char buf[16];
	int n = snprintf(buf, sizeof(buf), "%u", nth);

	if (pwrite(nth_fd, buf, n, 0) != n)
		printf("# can't write fail-nth\n");
}

/* Stop injecting; has a failure been injected? */
static bool disarm(void)
{
	char buf[16] = "";
	/* A failure of this very read is not one of the call before. */
	bool injected = pread(nth_fd, buf, sizeof(buf) - 1, 0) > 0 && !atoi(buf);

	while (pwrite(nth_fd, "0", 1, 0) != 1)
		;
	return injected;
}

/* What is done to a new space, and the call to fail: 0 or minus errno. */
struct op {
	const char *name;
	int (*dress)(int fd);
	int (*call)(int fd);
	bool array;		/* EFAULT may come after something was done */
	bool may_differ;	/* it may succeed with something smaller */
};

static int nothing(int fd)
{
	return 0;
}

static int area(int fd)
{
	return ax_map(fd, GPA, 0x10000);
}

static int pages(int fd)
{
	return ax_populate(fd, GPA, 0x10000);
}

static int map_huge(int fd)
{
	return ax_map_alloc(fd, GPA, AX_2M, AX_RW, AXAS_MAP_POPULATE, AX_2M);
}

static int huge(int fd)
{
	return map_huge(fd) ?: ax_put64(fd, GPA + 0x5000, 0x5555);
}

static int huge_area(int fd)
{
	return ax_map_alloc(fd, GPA, AX_2M, AX_RW, 0, AX_2M);
}

static int linear(int fd)
{
	return ax_map_linear(fd, GPA, AX_1G, spare_hpa, AX_RW, 0);
}

static int map_populate(int fd)
{
	/* Over the border of a table. */
	return ax_populate(fd, GPA + AX_2M - 0x4000, 0x8000);
}

static int map_ragged_linear(int fd)
{
	return ax_map_linear(fd, GPA + 0x1ff000, 2 * AX_2M, spare_hpa + 0x1ff000, AX_RW, 0);
}

static int unmap_page(int fd)
{
	return ax_unmap(fd, GPA + 0x3000, 0x1000);
}

static int unmap_between(int fd)
{
	/* Both ends are split where the leaves are large. */
	return ax_unmap(fd, GPA + 0x3000, 6 * AX_2M);
}

static int discard_page(int fd)
{
	return ax_discard(fd, GPA + 0x3000, 0x1000);
}

/* In one table, so that all of it is done or nothing. */
static int bring_in(int fd)
{
	return ax_bring_in(fd, GPA, 0x10000, NULL);
}

static int list_runs(int fd)
{
	struct axas_next_entry e[4];
	__u64 gpa = 0, length = 2 * GPA;
	int ret = ax_next(fd, &gpa, &length, e, 4);

	return ret < 0 ? ret :
	       ret == 1 && e[0].gpa == GPA && e[0].length == 0x10000 ? 0 : -EBADMSG;
}

static int bring_in_huge(int fd)
{
	return ax_bring_in(fd, GPA, AX_2M, NULL);
}

static int replace_page(int fd)
{
	return ax_map_alloc(fd, GPA + 0x3000, 0x1000, AX_R, AXAS_MAP_REPLACE, 0);
}

/* All of it at once, over the border of a table. */
static int replace_between(int fd)
{
	return ax_map_alloc(fd, GPA + AX_2M - 0x4000, 0x8000, AX_R,
			    AXAS_MAP_REPLACE | AXAS_MAP_POPULATE, 0);
}

static int replace_linear(int fd)
{
	struct axas_map m = {
		.size = sizeof(m), .flags = AXAS_MAP_REPLACE, .gpa = GPA + 0x3000,
		.length = 3 * AX_2M, .hpa = spare_hpa + 0x3000, .prot = AX_R,
		.backend = AXAS_BACKEND_LINEAR,
	};

	return ax_ioctl(fd, AXAS_MAP, &m);
}

static int resize_up(int fd)
{
	return ax_resize(fd, GPA, AX_2M);
}

static int resize_down(int fd)
{
	return ax_resize(fd, GPA, 0x7000);
}

/* To where no table is yet. Large leaves would be smaller after a failure. */
static int move_pages(int fd)
{
	return ax_move(fd, GPA + 0x3000, 0x200000000ULL, 0x4000, 0);
}

static int ram_file(int fd)
{
	int ram = ax_ram_file(fd, GPA, 0x10000, AX_RW);

	return ram < 0 ? ram : close(ram);
}

/* Of the pages that are there: what a touch takes is the process's own. */
static int ram_window(int fd)
{
	int ram = ax_ram_file(fd, GPA, 0x10000, AX_RW), ret;
	void *window;

	if (ram < 0)
		return ram;
	window = ax_window(ram, 0, 0x10000, PROT_READ | PROT_WRITE);
	ret = window == MAP_FAILED ? -errno : 0;
	if (!ret)
		munmap(window, 0x10000);
	close(ram);
	return ret;
}

static int exchange_pages(int fd)
{
	return ax_move(fd, GPA + 0x3000, GPA + 0x8000, 0x4000, AXAS_MOVE_EXCHANGE);
}

static int protect_page(int fd)
{
	return ax_protect(fd, GPA + 0x3000, 0x1000, AX_R);
}

static int protect_between(int fd)
{
	return ax_protect(fd, GPA + 0x3000, 6 * AX_2M, AX_R);
}

static int fault(int fd)
{
	int ret = ax_fault(fd, GPA + 0x5000, AX_W);

	return ret == AXAS_FAULT_NO_MEMORY ? -ENOMEM :
	       ret > AXAS_FAULT_SPURIOUS ? -EBADMSG : ret < 0 ? ret : 0;
}

static int pwrite_lazy(int fd)
{
	__u64 val = 9;
	ssize_t ret = ax_pwrite(fd, &val, 8, GPA + 0x5000);

	return ret == 8 ? 0 : ret;
}

static int map_device(int fd)
{
	return ax_map_device(fd, GPA, 0x10000, AX_RW, 1);
}

static int add_ports(int fd)
{
	return ax_device(fd, AXAS_DEVICE_ADD, AXAS_BUS_PORT, 0x3f8, 0x3ff, 1);
}

static int del_ports(int fd)
{
	return ax_device(fd, AXAS_DEVICE_DEL, AXAS_BUS_PORT, 0x3f8, 0x3ff, 1);
}

/* A page each of two times 2 MiB. */
static int two_small(int fd)
{
	int ret = ax_map_alloc(fd, GPA, 2 * AX_2M, AX_RW, 0, AX_2M);

	ret = ret ? ret : ax_bring_in(fd, GPA, AX_PAGE, NULL);
	return ret ? ret : ax_bring_in(fd, GPA + AX_2M, AX_PAGE, NULL);
}

/* What there is no frame for stays as it is. */
static int collapse_two(int fd)
{
	struct axas_collapse c;
	int ret = ax_collapse(fd, GPA, 2 * AX_2M, AXAS_COLLAPSE_COPY, &c);

	return ret ? ret : c.done == 2 * AX_2M ? 0 : -EBADMSG;
}

static int track(int fd)
{
	int tracker = ax_track(fd, GPA, 2 * AX_2M);

	return tracker < 0 ? tracker : close(tracker);
}

/* Of the space that was dressed last. */
static int the_tracker = -1;

static int tracked_huge(int fd)
{
	if (the_tracker >= 0)
		close(the_tracker);
	if (huge(fd))
		return -1;
	the_tracker = ax_track(fd, GPA, 2 * AX_2M);
	return the_tracker < 0 ? the_tracker : 0;
}

/* Of the space's own memory, which is there, where no table is yet. */
static int map_alias(int fd)
{
	return ax_map_alias(fd, 4 * GPA, 0x10000, fd, GPA, AX_RW);
}

static int shown_pages(int fd)
{
	return pages(fd) ?: map_alias(fd);
}

static int fault_alias(int fd)
{
	int ret = ax_fault(fd, 4 * GPA + 0x5000, AX_W);

	return ret == AXAS_FAULT_NO_MEMORY ? -ENOMEM :
	       ret > AXAS_FAULT_SPURIOUS ? -EBADMSG : ret < 0 ? ret : 0;
}

static int list_areas(int fd)
{
	struct axas_area_entry e[4];
	struct axas_areas a = {
		.size = sizeof(a), .entries = (uintptr_t)e, .nr = 4,
	};
	int ret = ax_ioctl(fd, AXAS_AREAS, &a);

	return ret ? ret : a.done == 1 && e[0].gpa == GPA ? 0 : -EBADMSG;
}

static const struct op ops[] = {
	{ "map lazy", nothing, area },
	{ "map populate", nothing, map_populate },
	{ "map populate of 2 MiB", nothing, map_huge, false, true },
	{ "map linear", nothing, map_ragged_linear },
	{ "unmap in an area", area, unmap_page },
	{ "unmap resident pages", pages, unmap_page },
	{ "unmap in a 2 MiB leaf", huge, unmap_page },
	{ "unmap in a 1 GiB leaf", linear, unmap_page },
	{ "unmap across large leaves", linear, unmap_between },
	{ "protect in an area", area, protect_page },
	{ "protect resident pages", pages, protect_page },
	{ "protect in a 2 MiB leaf", huge, protect_page },
	{ "protect in a 1 GiB leaf", linear, protect_page },
	{ "protect across large leaves", linear, protect_between },
	{ "clear", huge, ax_clear },
	{ "fault", area, fault, true },
	{ "fault of 2 MiB", huge_area, fault, true, true },
	{ "pwrite", area, pwrite_lazy, true },
	{ "map a device", nothing, map_device },
	{ "add ports", nothing, add_ports },
	{ "delete ports", add_ports, del_ports },
	{ "list areas", area, list_areas },
	{ "discard a resident page", pages, discard_page, true },
	{ "discard in a 2 MiB leaf", huge, discard_page, true },
	{ "populate an area", area, bring_in, true },
	{ "populate 2 MiB", huge_area, bring_in_huge, true, true },
	{ "list runs", pages, list_runs },
	{ "replace a resident page", pages, replace_page },
	{ "replace in a 2 MiB leaf", huge, replace_page },
	{ "replace across large leaves", linear, replace_between },
	{ "replace by linear memory", linear, replace_linear },
	{ "resize up", pages, resize_up },
	{ "resize down", pages, resize_down },
	{ "resize in a 2 MiB leaf", huge, resize_down },
	{ "resize in a 1 GiB leaf", linear, resize_down },
	{ "move resident pages", pages, move_pages },
	{ "exchange resident pages", pages, exchange_pages },
	{ "RAM file", pages, ram_file },
	{ "window of a RAM file", pages, ram_window },
	{ "collapse", two_small, collapse_two, true, true },
	{ "track", pages, track, true },
	{ "track a 2 MiB leaf", huge, track, true },
	{ "first write to a tracked 2 MiB leaf", tracked_huge, fault, true },
	{ "map an alias", pages, map_alias },
	{ "fault in an alias", shown_pages, fault_alias, true },
};

static const __u64 probes[] = {
	GPA - 1, GPA, GPA + 0x2000, GPA + 0x3000, GPA + 0x4000, GPA + 0x5000,
	GPA + 0xf000, GPA + 0x1fc000, GPA + AX_2M, GPA + 6 * AX_2M, GPA + AX_1G - 1,
};

FIXTURE_VARIANT(failnth) {
	unsigned int op, format, bits;
};

FIXTURE(failnth) {
	int dev;
};

FIXTURE_SETUP(failnth)
{
	self->dev = ax_open_dev();
	if (self->dev < 0)
		SKIP(return, "/dev/axas can't be opened");
	nth_fd = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0)
		SKIP(return, "this kernel has no fault injection");
	set_knobs();
	spare_hpa = ax_find_unused_hpa(AX_1G, 39);
}

FIXTURE_TEARDOWN(failnth)
{
	close(self->dev);
}

#define OP(name, nr) \
	FIXTURE_VARIANT_ADD(failnth, name##_ept48) { nr, AXAS_FORMAT_EPT, 48 }; \
	FIXTURE_VARIANT_ADD(failnth, name##_s2_40) { nr, AXAS_FORMAT_S2, 40 }
OP(map_lazy, 0);
OP(map_populate, 1);
OP(map_populate_2m, 2);
OP(map_linear, 3);
OP(unmap_in_area, 4);
OP(unmap_resident, 5);
OP(unmap_splits_2m, 6);
OP(unmap_splits_1g, 7);
OP(unmap_splits_two, 8);
OP(protect_in_area, 9);
OP(protect_resident, 10);
OP(protect_splits_2m, 11);
OP(protect_splits_1g, 12);
OP(protect_splits_two, 13);
OP(clear, 14);
OP(fault, 15);
OP(fault_2m, 16);
OP(pwrite, 17);
OP(map_device, 18);
OP(device_add, 19);
OP(device_del, 20);
OP(areas, 21);
OP(discard_resident, 22);
OP(discard_splits_2m, 23);
OP(populate, 24);
OP(populate_2m, 25);
OP(next, 26);
OP(replace_resident, 27);
OP(replace_splits_2m, 28);
OP(replace_populate, 29);
OP(replace_linear, 30);
OP(resize_up, 31);
OP(resize_down, 32);
OP(resize_splits_2m, 33);
OP(resize_splits_1g, 34);
OP(move_resident, 35);
OP(exchange_resident, 36);
OP(ram_file, 37);
OP(ram_window, 38);
OP(collapse, 39);
OP(track, 40);
OP(track_2m, 41);
OP(open_splits_2m, 42);
OP(map_alias, 43);
OP(fault_alias, 44);

TEST_F(failnth, each_allocation_in_turn)
{
	const struct op *op = &ops[variant->op];
	struct ax_snapshot before, after, good;
	unsigned int nth, refused = 0;
	bool injected;
	int fd, ret;

	if ((op->dress == linear || op->call == map_ragged_linear) && !spare_hpa)
		SKIP(return, "no unused host physical addresses in /proc/iomem");
	if ((op->dress == huge || op->dress == tracked_huge || op->call == map_huge) &&
	    !ax_have_free_2m())
		SKIP(return, "no free block of 2 MiB");
	fd = ax_create(self->dev, variant->format, variant->bits);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, op->dress(fd));
	ASSERT_EQ(0, op->call(fd));
	ASSERT_EQ(0, ax_snap(fd, NULL, 0, &good));
	close(fd);
	for (nth = 1; nth < 5000; nth++) {
		fd = ax_create(self->dev, variant->format, variant->bits);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, op->dress(fd));
		ASSERT_EQ(0, ax_snap(fd, probes, ARRAY_SIZE(probes), &before));
		arm(nth);
		ret = op->call(fd);
		injected = disarm();
		if (ret) {
			EXPECT_TRUE(injected);
			EXPECT_TRUE(ret == -ENOMEM || ret == -EFAULT)
				TH_LOG("%s, failure %u: %d", op->name, nth, ret);
			refused += ret == -ENOMEM;
			ASSERT_EQ(0, ax_snap(fd, probes, ARRAY_SIZE(probes), &after));
			if (ret == -ENOMEM || !op->array) {
				EXPECT_TRUE(ax_snap_same(&before, &after, false, op->name))
					TH_LOG("%s, failure %u: %d", op->name, nth, ret);
			}
			EXPECT_EQ(0, op->call(fd))
				TH_LOG("%s, again after failure %u", op->name, nth);
		}
		ASSERT_EQ(0, ax_snap(fd, NULL, 0, &after));
		if (!op->may_differ) {
			EXPECT_TRUE(ax_snap_same(&good, &after, false, "done at last"))
				TH_LOG("%s, failure %u", op->name, nth);
		}
		if (op->dress == huge && op->call != ax_clear)
			EXPECT_EQ(0x5555, ax_get64(fd, GPA + 0x5000));
		ASSERT_EQ(0, ax_clear(fd));
		ASSERT_EQ(0, ax_snap(fd, NULL, 0, &after));
		EXPECT_EQ(0, after.stats.resident);
		EXPECT_TRUE(ax_tables_are(fd, NULL, 0));
		close(fd);
		if (!injected)
			break;
	}
	EXPECT_GT(5000, nth);
	printf("# %s: %u failures, %u of them ENOMEM\n", op->name, nth - 1, refused);
	/* These can't do without an allocation, and ask for each once. */
	if (op->call == map_populate || op->call == area || op->dress == linear ||
	    op->call == add_ports || op->call == list_areas)
		EXPECT_LT(0, refused);
}

/* What a tracker notes, or says: page 1 and 9 were written before. */
struct track_op {
	const char *name;
	int (*call)(int fd, int tracker);
	bool says;		/* it says what was written, and that is all */
	int page;		/* a page that counts as written then; -1: none */
};

#define NR_TRACKED	16

static bool says_page(const struct axas_next_entry *e, int n, __u64 page)
{
	return ax_runs_hold(e, n, GPA + page * AX_PAGE);
}

static int list_tracked(int tracker, __u32 flags, struct axas_next_entry *e)
{
	__u64 gpa = GPA, length = NR_TRACKED * AX_PAGE;

	return ax_dirty(tracker, &gpa, &length, flags, e, NR_TRACKED);
}

static int track_discard(int fd, int tracker)
{
	return ax_discard(fd, GPA + 3 * AX_PAGE, AX_PAGE);
}

static int track_unmap(int fd, int tracker)
{
	return ax_unmap(fd, GPA + 3 * AX_PAGE, AX_PAGE);
}

static int track_protect(int fd, int tracker)
{
	return ax_protect(fd, GPA, 4 * AX_PAGE, AX_R);
}

static int track_exchange(int fd, int tracker)
{
	return ax_move(fd, GPA + 3 * AX_PAGE, GPA + 12 * AX_PAGE, 2 * AX_PAGE,
		       AXAS_MOVE_EXCHANGE);
}

static int track_write(int fd, int tracker)
{
	__u64 word = 3;
	ssize_t ret = ax_pwrite(fd, &word, 8, GPA + 3 * AX_PAGE);

	return ret == 8 ? 0 : ret;
}

static int track_put(int fd, int tracker)
{
	const struct axas_next_entry e[] = {
		{ GPA + 3 * AX_PAGE, AX_PAGE }, { GPA + 5 * AX_PAGE, 2 * AX_PAGE },
	};

	return ax_dirty_put(tracker, e, 2);
}

static int track_list(int fd, int tracker)
{
	struct axas_next_entry e[NR_TRACKED];
	int n = list_tracked(tracker, 0, e);

	return n < 0 ? n : says_page(e, n, 1) && says_page(e, n, 9) ? 0 : -EBADMSG;
}

static int track_peek(int fd, int tracker)
{
	struct axas_next_entry e[NR_TRACKED];
	int n = list_tracked(tracker, AXAS_DIRTY_PEEK, e);

	return n < 0 ? n : says_page(e, n, 1) && says_page(e, n, 9) ? 0 : -EBADMSG;
}

/* What others list is noted for this one. */
static int track_list_other(int fd, int tracker)
{
	int other = ax_track(fd, GPA, NR_TRACKED * AX_PAGE);

	if (other >= 0)
		close(other);
	return other < 0 ? other : 0;
}

/* What was used is listed for one, and noted for the other. */
static int track_ages(int fd, int tracker)
{
	__u64 gpa = GPA, length = NR_TRACKED * AX_PAGE;
	struct axas_next_entry e[NR_TRACKED];
	int a, b, n = -ENOMEM;

	a = ax_track_what(fd, GPA, length, AXAS_TRACK_ACCESSED, 0, 0);
	b = ax_track_what(fd, GPA, length, AXAS_TRACK_ACCESSED, 0, 0);
	if (a == -EOPNOTSUPP)
		return 0;
	if (a >= 0 && b >= 0) {
		ax_get64(fd, GPA + AX_PAGE);
		n = ax_dirty(a, &gpa, &length, 0, e, NR_TRACKED);
		gpa = GPA;
		length = NR_TRACKED * AX_PAGE;
		if (n >= 0)
			n = ax_dirty(b, &gpa, &length, 0, e, NR_TRACKED);
		if (n >= 0)
			n = says_page(e, n, 1) ? 0 : -EBADMSG;
	}
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	return n;
}

static const struct track_op track_ops[] = {
	{ "ages", track_ages, false, -1 },
	{ "discard", track_discard, false, 3 },
	{ "unmap", track_unmap, false, 3 },
	{ "protect", track_protect, false, -1 },
	{ "exchange", track_exchange, false, 12 },
	{ "pwrite", track_write, false, 3 },
	{ "put", track_put, false, 5 },
	{ "list", track_list, true, -1 },
	{ "peek", track_peek, false, -1 },
	{ "another tracker", track_list_other, false, -1 },
};

/* One failure; is there another one to try? */
static bool track_without(struct __test_metadata *_metadata, int fd,
			  const struct track_op *op, unsigned int nth)
{
	struct axas_next_entry e[NR_TRACKED];
	bool injected;
	int tracker, ret, n;

	EXPECT_EQ(0, pages(fd));
	tracker = ax_track(fd, GPA, NR_TRACKED * AX_PAGE);
	EXPECT_LE(0, tracker);
	EXPECT_EQ(0, ax_put64(fd, GPA + AX_PAGE, 1));
	/* One is in the table, the other one is noted. */
	EXPECT_EQ(0, ax_discard(fd, GPA + 9 * AX_PAGE, AX_PAGE));
	arm(nth);
	ret = op->call(fd, tracker);
	injected = disarm();
	EXPECT_TRUE(!ret || (injected && (ret == -ENOMEM || ret == -EFAULT)))
		TH_LOG("%s, failure %u: %d", op->name, nth, ret);
	n = list_tracked(tracker, 0, e);
	EXPECT_LE(0, n);
	if (ret || !op->says) {
		EXPECT_TRUE(says_page(e, n, 1) && says_page(e, n, 9))
			TH_LOG("%s, failure %u: %d, and %d runs", op->name, nth, ret, n);
	}
	if (!ret && op->page >= 0) {
		EXPECT_TRUE(says_page(e, n, op->page))
			TH_LOG("%s, failure %u: page %d is lost", op->name, nth, op->page);
	}
	/* And it goes on as ever. */
	EXPECT_EQ(0, ax_put64(fd, GPA + 8 * AX_PAGE, 1));
	n = list_tracked(tracker, 0, e);
	EXPECT_TRUE(says_page(e, n, 8));
	close(tracker);
	EXPECT_EQ(0, ax_clear(fd));
	return injected;
}

TEST_F(space, trackers_lose_nothing)
{
	const struct track_op *op;
	unsigned int nth;

	nth_fd = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0)
		SKIP(return, "this kernel has no fault injection");
	set_knobs();
	for (op = track_ops; op < track_ops + ARRAY_SIZE(track_ops); op++) {
		for (nth = 1; nth < 1000; nth++)
			if (!track_without(_metadata, self->fd, op, nth))
				break;
		printf("# %s: %u failures\n", op->name, nth - 1);
		EXPECT_GT(1000, nth);
	}
	close(nth_fd);
}

/* Let all allocations of those fail that make_it_fail(); 0 lets none. */
static bool set_probability(const char *percent)
{
	static const char * const attrs[] = { "failslab", "fail_page_alloc" };
	static const char * const files[] = { "task-filter", "times", "interval", "probability" };
	const char * const vals[] = { "Y", "-1", "1", percent };
	char path[96];
	unsigned int i;
	bool ok = true;
	int fd;

	for (i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s",
			 attrs[i / 4], files[i % 4]);
		fd = open(path, O_WRONLY);
		if (fd < 0 || write(fd, vals[i % 4], strlen(vals[i % 4])) < 0)
			ok = false;
		if (fd >= 0)
			close(fd);
	}
	return ok;
}

static void make_it_fail(int fd, const char *val)
{
	while (pwrite(fd, val, 1, 0) != 1)
		;
}

TEST_F(space, no_memory_at_all)
{
	const __u64 probe[] = { GPA, GPA + 0x1000, GPA + AX_2M, GPA + AX_1G };
	struct ax_snapshot before, after;
	int fd, populate, result, lazy;
	ssize_t written;
	__u64 val = 5;

	fd = open("/proc/self/make-it-fail", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		SKIP(return, "this kernel has no fault injection");
	set_knobs();
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x4000));
	ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA, AX_W));
	ASSERT_EQ(0, ax_snap(self->fd, probe, 4, &before));
	if (!set_probability("100")) {
		set_probability("0");
		SKIP(return, "fault injection can't be set up in debugfs");
	}
	make_it_fail(fd, "1");
	result = ax_fault(self->fd, GPA + 0x1000, AX_W);
	written = ax_pwrite(self->fd, &val, 8, GPA + 0x2000);
	populate = ax_populate(self->fd, GPA + AX_2M, 0x4000);
	lazy = ax_map(self->fd, GPA + AX_1G, 0x4000);
	make_it_fail(fd, "0");
	set_probability("0");
	EXPECT_EQ(AXAS_FAULT_NO_MEMORY, result);
	EXPECT_EQ(-ENOMEM, written);
	EXPECT_EQ(-ENOMEM, populate);
	EXPECT_EQ(-ENOMEM, lazy);
	ASSERT_EQ(0, ax_snap(self->fd, probe, 4, &after));
	EXPECT_TRUE(ax_snap_same(&before, &after, false, "without memory"));
	EXPECT_LT(0, after.stats.faults[AXAS_FAULT_NO_MEMORY]);
	/* And all is well when there is some again. */
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA + 0x1000, AX_W));
	EXPECT_EQ(0, ax_populate(self->fd, GPA + AX_2M, 0x4000));
	EXPECT_EQ(0, ax_put64(self->fd, GPA + 0x2000, val));
	close(fd);
}

TEST_F(space, create_fails_cleanly)
{
	unsigned int nth;
	bool injected;
	int fd, probe;

	nth_fd = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0)
		SKIP(return, "this kernel has no fault injection");
	set_knobs();
	probe = dup(0);
	close(probe);
	for (nth = 1; nth < 1000; nth++) {
		arm(nth);
		fd = ax_create(self->dev, variant->format, variant->bits);
		injected = disarm();
		if (fd >= 0) {
			/* No descriptor was lost by those that failed. */
			EXPECT_EQ(probe, fd);
			EXPECT_TRUE(ax_tables_are(fd, NULL, 0));
			close(fd);
		} else {
			EXPECT_TRUE(injected);
			EXPECT_TRUE(fd == -ENOMEM || fd == -EFAULT || fd == -ENFILE)
				TH_LOG("failure %u: %d", nth, fd);
		}
		if (!injected)
			break;
	}
	EXPECT_LT(2, nth);
	EXPECT_GT(1000, nth);
}

TEST_HARNESS_MAIN
