// SPDX-License-Identifier: GPL-2.0
/*
 * A space's directory in debugfs: figures, areas, and the table with runs of
 * alike leaves folded.
 */
#define AX_FEW_VARIANTS
#include "axas_fixture.h"
#include "axas_look.h"

#define GPA	0x40000000ULL

/* ---- what a layout that is written out here looks like ---- */

TEST_F(space, figures)
{
	const bool s2 = variant->format == AXAS_FORMAT_S2;
	char want[1024], comm[64] = "", *text;
	FILE *f;

	AX_NEED_DEBUGFS();
	ASSERT_EQ(0, ax_map(self->fd, GPA, AX_1G));
	ASSERT_EQ(0, ax_populate(self->fd, 0, 2 * AX_PAGE));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA + AX_2M, AX_W));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, 0, AX_W));
	f = fopen("/proc/self/comm", "r");
	ASSERT_NE(NULL, f);
	ASSERT_NE(NULL, fgets(comm, sizeof(comm), f));
	fclose(f);
	/* Two of 1 GiB below one of 512 GiB; the roots are those of 48 and 40 bits. */
	snprintf(want, sizeof(want),
		 "id %u\n"
		 "format %s\n"
		 "gpa-bits %u\n"
		 "levels %u\n"
		 "areas 2\n"
		 "resident 12288\n"
		 "tables 2 2 %s\n"
		 "leaves 3 0 0\n"
		 "faults resolved 1 spurious 1 no-area 0 denied 0 no-memory 0"
		 " invalid 0 device 0 poisoned 0\n"
		 "base 0x0\n"
		 "length %#llx\n"
		 "features 0x0\n"
		 "kept 0\n"
		 "owner %d %s",
		 ax_space_id(self->fd), ax_format_name(variant->format),
		 variant->bits, s2 ? 3 : 4, s2 ? "2 0 0" : "1 1 0", self->end, getpid(), comm);
	text = ax_debugfs(self->fd, "stats");
	ASSERT_NE(NULL, text);
	EXPECT_TRUE(ax_same_text("stats", want, text));
	free(text);
}

static int map_as(int fd, const struct axas_map *how)
{
	struct axas_map m = *how;

	m.size = sizeof(m);
	return ax_ioctl(fd, AXAS_MAP, &m);
}

TEST_F(space, areas)
{
	const bool ept = variant->format == AXAS_FORMAT_EPT;
	const bool s2 = variant->format == AXAS_FORMAT_S2;
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	char want[2048], *text;

	AX_NEED_DEBUGFS();
	if (!hpa)
		SKIP(return, "no unused host physical addresses in /proc/iomem");
	text = ax_debugfs(self->fd, "areas");
	ASSERT_NE(NULL, text);
	EXPECT_EQ('#', *text);
	EXPECT_STREQ("", ax_without_header(text));
	free(text);

	ASSERT_EQ(0, map_as(self->fd, &(struct axas_map){
		.length = 0x10000, .backend = AXAS_BACKEND_ALLOC, .prot = AX_RW,
		.cookie = 0x123456789abcdef0,
	}));
	ASSERT_EQ(0, map_as(self->fd, &(struct axas_map){
		.gpa = GPA, .length = 4 * AX_2M, .backend = AXAS_BACKEND_ALLOC,
		.prot = AX_RX, .max_leaf = AX_2M, .memtype = AXAS_MEM_NC,
		.flags = AXAS_MAP_NODE | (ept ? AXAS_MAP_IGNORE_PAT : 0),
	}));
	ASSERT_EQ(0, map_as(self->fd, &(struct axas_map){
		.gpa = 2 * GPA, .length = AX_1G, .backend = AXAS_BACKEND_LINEAR,
		.prot = AX_RWX, .hpa = hpa, .memtype = s2 ? AXAS_MEM_DEVICE : AXAS_MEM_WT,
		.cookie = 7,
	}));
	/* A hole makes two of one, and a protect three. */
	ASSERT_EQ(0, ax_unmap(self->fd, 2 * GPA + 0x5000, 0x1000));
	ASSERT_EQ(0, ax_protect(self->fd, 0x3000, 0x2000, AX_R));
	snprintf(want, sizeof(want),
		 "0x0000000000000000-0x0000000000003000 rw- alloc wb 4K 0x123456789abcdef0 - -\n"
		 "0x0000000000003000-0x0000000000005000 r-- alloc wb 4K 0x123456789abcdef0 - -\n"
		 "0x0000000000005000-0x0000000000010000 rw- alloc wb 4K 0x123456789abcdef0 - -\n"
		 "0x0000000040000000-0x0000000040800000 r-x alloc nc 2M 0x0 - %snode=0\n"
		 "0x0000000080000000-0x0000000080005000 rwx linear %s 1G 0x7 %#llx -\n"
		 "0x0000000080006000-0x00000000c0000000 rwx linear %s 1G 0x7 %#llx -\n",
		 ept ? "ignore-pat," : "", s2 ? "device" : "wt", hpa,
		 s2 ? "device" : "wt", hpa + 0x6000);
	text = ax_debugfs(self->fd, "areas");
	ASSERT_NE(NULL, text);
	EXPECT_TRUE(ax_same_text("areas", want, ax_without_header(text)));
	free(text);
}

TEST_F(space, table)
{
	const bool ept = variant->format == AXAS_FORMAT_EPT;
	__u64 hpa = ax_find_unused_hpa(2 * AX_1G, self->info.hpa_bits);
	char want[2048], *text;

	AX_NEED_DEBUGFS();
	if (!hpa)
		SKIP(return, "no unused host physical addresses in /proc/iomem");
	text = ax_debugfs(self->fd, "table");
	ASSERT_NE(NULL, text);
	EXPECT_EQ('#', *text);
	EXPECT_STREQ("", ax_without_header(text));
	free(text);

	ASSERT_EQ(0, map_as(self->fd, &(struct axas_map){
		.gpa = 0x1000, .length = AX_2M, .backend = AXAS_BACKEND_ALLOC,
		.prot = AX_RW, .flags = AXAS_MAP_POPULATE,
	}));
	ASSERT_EQ(0, map_as(self->fd, &(struct axas_map){
		.gpa = GPA, .length = AX_1G, .backend = AXAS_BACKEND_LINEAR, .prot = AX_RX,
		.hpa = hpa, .memtype = AXAS_MEM_UC, .flags = ept ? AXAS_MAP_IGNORE_PAT : 0,
	}));
	ASSERT_EQ(0, ax_map_linear(self->fd, 2 * GPA, AX_1G, hpa + AX_1G, AX_RW, 0));
	ASSERT_EQ(0, ax_unmap(self->fd, 2 * GPA + AX_2M + 0x3000, 0x1000));
	snprintf(want, sizeof(want),
		 "0x0000000000001000-0x0000000000201000       2M 4K rw- wb owned\n"
		 "0x0000000040000000-0x0000000080000000       1G 1G r-x uc%s\n"
		 "0x0000000080000000-0x0000000080200000       2M 2M rw- wb\n"
		 "0x0000000080200000-0x0000000080203000      12K 4K rw- wb\n"
		 "0x0000000080204000-0x0000000080400000    2032K 4K rw- wb\n"
		 "0x0000000080400000-0x00000000c0000000    1020M 2M rw- wb\n",
		 ept ? " ignore-pat" : "");
	text = ax_debugfs(self->fd, "table");
	ASSERT_NE(NULL, text);
	EXPECT_TRUE(ax_same_text("table", want, ax_without_header(text)));
	free(text);

	/* And after it shrinks: the end of the space is the end of the list. */
	ASSERT_EQ(0, ax_clear(self->fd));
	ASSERT_EQ(0, ax_populate(self->fd, self->end - 0x1000, 0x1000));
	snprintf(want, sizeof(want), "0x%016llx-0x%016llx       4K 4K rw- wb owned\n",
		 self->end - 0x1000, self->end);
	text = ax_debugfs(self->fd, "table");
	ASSERT_NE(NULL, text);
	EXPECT_TRUE(ax_same_text("table", want, ax_without_header(text)));
	free(text);
}

TEST_F(space, devices)
{
	char *text;

	AX_NEED_DEBUGFS();
	text = ax_debugfs(self->fd, "devices");
	ASSERT_NE(NULL, text);
	EXPECT_STREQ("", text);
	free(text);

	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, AXAS_BUS_SYSREG,
			       0xc0000080, 0xc0000084, 5));
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, AXAS_BUS_SYSREG, 0, 0, 6));
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, AXAS_BUS_SYSREG,
			       0xffffffff, 0xffffffff, 7));
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, AXAS_BUS_PORT, 0x3f8, 0x3ff, 1));
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, AXAS_BUS_PORT, 0x400, 0x400, ~0ULL));
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, AXAS_BUS_PORT, 0, 0, 0));
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, AXAS_BUS_PORT, 0xfff0, 0xffff, 9));
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, AXAS_BUS_PORT, 0x60, 0x64, 3));
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_DEL, AXAS_BUS_PORT, 0x60, 0x64, 0));
	ASSERT_EQ(0, map_as(self->fd, &(struct axas_map){
		.gpa = GPA, .length = 0x2000, .backend = AXAS_BACKEND_DEVICE,
		.prot = AX_RW, .cookie = 0x1d,
	}));
	text = ax_debugfs(self->fd, "devices");
	ASSERT_NE(NULL, text);
	EXPECT_TRUE(ax_same_text("devices",
				 "port 0x0-0x0 cookie 0x0\n"
				 "port 0x3f8-0x3ff cookie 0x1\n"
				 "port 0x400-0x400 cookie 0xffffffffffffffff\n"
				 "port 0xfff0-0xffff cookie 0x9\n"
				 "sysreg 0x0-0x0 cookie 0x6\n"
				 "sysreg 0xc0000080-0xc0000084 cookie 0x5\n"
				 "sysreg 0xffffffff-0xffffffff cookie 0x7\n", text));
	free(text);
	text = ax_debugfs(self->fd, "areas");
	ASSERT_NE(NULL, text);
	EXPECT_TRUE(ax_same_text("areas", "0x0000000040000000-0x0000000040002000"
				 " rw- device wb - 0x1d - -\n", ax_without_header(text)));
	free(text);
}

/* What the file has, and the line of a tracker's descriptor, which is one of those. */
static bool trackers_are(int fd, int tracker, const char *line, const char *want)
{
	char *text = ax_without_header(ax_debugfs(fd, "trackers")), *info;
	char have[128];
	bool same;

	snprintf(have, sizeof(have), "axas-tracker:\t%s\n", line);
	info = ax_fdinfo(tracker);
	same = text && info && ax_same_text("trackers", want, text) && strstr(info, have);
	if (info && !strstr(info, have))
		printf("# fdinfo:\n%s", info);
	free(text);
	free(info);
	return same;
}

TEST_F(space, trackers)
{
	static const struct axas_next_entry back = { GPA + AX_2M, 3 * AX_PAGE };
	const bool s2 = variant->format == AXAS_FORMAT_S2;
	__u64 gpa = GPA, length = AX_2M;
	int written, other, used, empty;
	struct axas_next_entry run[8];
	char want[512], *text;

	AX_NEED_DEBUGFS();
	ASSERT_EQ(0, ax_map(self->fd, GPA, AX_1G));
	text = ax_without_header(ax_debugfs(self->fd, "trackers"));
	ASSERT_NE(NULL, text);
	EXPECT_STREQ("", text);
	free(text);
	written = ax_track(self->fd, GPA, AX_1G);
	ASSERT_LE(0, written);
	EXPECT_TRUE(trackers_are(self->fd, written,
		"1 0x0000000040000000-0x0000000080000000 written faults 0 0",
		"1 0x0000000040000000-0x0000000080000000 written faults 0 0\n"));
	other = ax_track(self->fd, 0, GPA + 2 * AX_2M);
	ASSERT_LE(0, other);
	empty = ax_track(self->fd, self->end - AX_PAGE, AX_PAGE);
	ASSERT_LE(0, empty);
	ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA, AX_W));
	ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA + 7 * AX_PAGE, AX_W));
	ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA + 2 * AX_2M, AX_W));
	/* A read isn't counted, nor is a page twice. */
	ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA + AX_PAGE, AX_R));
	ASSERT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, GPA, AX_W));
	ASSERT_EQ(0, ax_dirty_put(other, &back, 1));
	snprintf(want, sizeof(want),
		 "1 0x0000000040000000-0x0000000080000000 written faults 3 0\n"
		 "2 0x0000000000000000-0x0000000040400000 written faults 2 3\n"
		 "3 0x%016llx-0x%016llx written faults 0 0\n", self->end - AX_PAGE, self->end);
	EXPECT_TRUE(trackers_are(self->fd, other,
		"2 0x0000000000000000-0x0000000040400000 written faults 2 3", want));

	/* What one has listed is marked for the other. */
	ASSERT_EQ(2, ax_dirty(written, &gpa, &length, 0, run, 8));
	EXPECT_EQ(0, close(empty));
	used = ax_track_what(self->fd, GPA, AX_2M, AXAS_TRACK_ACCESSED, 0, 0);
	if (variant->format != AXAS_FORMAT_EPT)
		ASSERT_LE(0, used);
	snprintf(want, sizeof(want),
		 "1 0x0000000040000000-0x0000000080000000 written faults 1 0\n"
		 "2 0x0000000000000000-0x0000000040400000 written faults 0 5\n%s%s",
		 used < 0 ? "" : "4 0x0000000040000000-0x0000000040200000 used ",
		 used < 0 ? "" : s2 ? "faults 0 0\n" : "flags 0 0\n");
	EXPECT_TRUE(trackers_are(self->fd, written,
		"1 0x0000000040000000-0x0000000080000000 written faults 1 0", want));
	EXPECT_EQ(0, close(written));
	EXPECT_EQ(0, close(other));
	if (used >= 0)
		EXPECT_EQ(0, close(used));
}

/* ---- the table against AXAS_TRANSLATE, page by page ---- */

/* Text that grows. */
struct text {
	char *at;
	size_t len, room;
};

static __attribute__((format(printf, 2, 3))) void
say(struct text *text, const char *fmt, ...)
{
	va_list ap;

	if (text->room - text->len < 256) {
		text->room = 2 * text->room + 4096;
		text->at = realloc(text->at, text->room);
	}
	va_start(ap, fmt);
	text->len += vsnprintf(text->at + text->len, 256, fmt, ap);
	va_end(ap);
}

static const char *leaf_text(__u64 size)
{
	return size == AX_1G ? "1G" : size == AX_2M ? "2M" : size == AX_PAGE ? "4K" : "?";
}

static const char *size_text(__u64 size)
{
	static const char units[] = "TGMK";
	static char text[32];
	unsigned int i;

	for (i = 0; units[i]; i++) {
		__u64 unit = 1ULL << (40 - 10 * i);

		if (!(size % unit)) {
			snprintf(text, sizeof(text), "%llu%c", size / unit, units[i]);
			break;
		}
	}
	return text;
}

/* A run of pages that are translated alike. */
struct run {
	__u64 start, end;
	struct axas_translate_entry how;
	bool owned;
};

static void say_run(struct text *text, const struct run *run)
{
	static const char * const memtypes[] = { "wb", "wt", "wp", "nc", "uc", "device" };
	const struct axas_translate_entry *how = &run->how;

	say(text, "0x%016llx-0x%016llx%9s %s %c%c%c %s", run->start, run->end,
	    size_text(run->end - run->start), leaf_text(how->leaf_size),
	    how->prot & AX_R ? 'r' : '-', how->prot & AX_W ? 'w' : '-',
	    how->prot & AX_X ? 'x' : '-', memtypes[how->memtype]);
	say(text, "%s%s%s%s\n", run->owned ? " owned" : "",
	    how->flags & AXAS_TRANSLATE_IGNORE_PAT ? " ignore-pat" : "",
	    how->flags & AXAS_TRANSLATE_ACCESSED ? " a" : "",
	    how->flags & AXAS_TRANSLATE_DIRTY ? " d" : "");
}

static void add_page(struct text *text, struct run *run,
		     const struct axas_translate_entry *e, bool owned)
{
	bool mapped = e->state == AXAS_TRANSLATE_MAPPED;

	if (run->end != run->start) {
		if (mapped && e->gpa == run->end && owned == run->owned &&
		    e->leaf_size == run->how.leaf_size && e->prot == run->how.prot &&
		    e->memtype == run->how.memtype && e->flags == run->how.flags) {
			run->end += AX_PAGE;
			return;
		}
		say_run(text, run);
		run->start = run->end;
	}
	if (mapped)
		*run = (struct run){ e->gpa, e->gpa + AX_PAGE, *e, owned };
}

#define BATCH	1024

/* What the table should look like from @gpa to @end, as a text to be freed. */
static char *expected_table(int fd, __u64 gpa, __u64 end, bool (*owned)(__u64 gpa))
{
	static struct axas_translate_entry e[BATCH];
	struct text text = {};
	struct run run = {};
	unsigned int i;

	say(&text, "%s", "");
	for (; gpa < end; gpa += BATCH * AX_PAGE) {
		for (i = 0; i < BATCH; i++)
			e[i].gpa = gpa + i * AX_PAGE;
		if (ax_translate_many(fd, e, BATCH, NULL))
			return NULL;
		for (i = 0; i < BATCH; i++)
			add_page(&text, &run, &e[i], owned(e[i].gpa));
	}
	if (run.end != run.start)
		say_run(&text, &run);
	return text.at;
}

/* The layout: what is below is the space's own. */
#define OWNED_END	(64 * AX_2M)
#define LINEAR_2M	(GPA - 64 * AX_2M)
#define LINEAR_1G	(2 * GPA)
#define LAYOUT_END	(2 * GPA + AX_1G)

static bool owned(__u64 gpa)
{
	return gpa < OWNED_END;
}

/* Ragged in all ways: some pages touched, rights changed, holes, splits. */
static int lay_out(int fd, bool ept, __u64 hpa, __u64 *seed)
{
	static const __u32 prots[] = { AX_R, AX_RW, AX_RX, AX_RWX };
	int i, ret;

	ret = ax_map_alloc(fd, 0, 16 * AX_2M, AX_RW, 0, 0) ?:
	      ax_map_alloc(fd, 16 * AX_2M, 16 * AX_2M, AX_RWX, 0, AX_2M) ?:
	      ax_map_linear(fd, LINEAR_2M, 32 * AX_2M, hpa, AX_RW, AX_2M) ?:
	      map_as(fd, &(struct axas_map){
		.gpa = LINEAR_2M + 32 * AX_2M, .length = 32 * AX_2M, .hpa = hpa,
		.backend = AXAS_BACKEND_LINEAR, .prot = AX_RX, .memtype = AXAS_MEM_NC,
		.flags = ept ? AXAS_MAP_IGNORE_PAT : 0,
	      }) ?:
	      ax_map_linear(fd, LINEAR_1G, AX_1G, hpa, AX_RWX, 0);
	if (ret)
		return ret;
	for (i = 0; i < 200; i++)
		ax_fault(fd, ax_rand(seed) % (16 * 512) * AX_PAGE, AX_W);
	for (i = 0; i < 6; i++)
		ax_fault(fd, 16 * AX_2M + ax_rand(seed) % 16 * AX_2M, AX_W);
	for (i = 0; i < 40; i++) {
		static const struct { __u64 start, pages; } parts[] = {
			{ 0, 16 * 512 }, { 16 * AX_2M, 16 * 512 },
			{ LINEAR_2M, 64 * 512 }, { LINEAR_1G, 512 * 512 },
		};
		unsigned int part = ax_rand(seed) % ARRAY_SIZE(parts);
		unsigned int page = ax_rand(seed) % (parts[part].pages - 600);
		__u64 gpa = parts[part].start + page * AX_PAGE;
		__u64 length = (1 + ax_rand(seed) % 600) * AX_PAGE;

		if (i & 1)
			ret = ax_unmap(fd, gpa, length);
		else
			ret = ax_protect(fd, gpa, length, prots[ax_rand(seed) % 4]);
		if (ret && ret != -ENOENT)
			return ret;
	}
	return 0;
}

TEST_F_TIMEOUT(space, table_says_what_translate_says, 180)
{
	const bool ept = variant->format == AXAS_FORMAT_EPT;
	__u64 seed = ax_seed(ax_format_name(variant->format));
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	char *want, *text;
	unsigned int i;

	AX_NEED_DEBUGFS();
	if (!hpa)
		SKIP(return, "no unused host physical addresses in /proc/iomem");
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, lay_out(self->fd, ept, hpa, &seed));
		text = ax_without_header(ax_debugfs(self->fd, "table"));
		ASSERT_NE(NULL, text);
		want = expected_table(self->fd, 0, LAYOUT_END, owned);
		ASSERT_NE(NULL, want);
		EXPECT_LT(100, strlen(want) / 60);
		EXPECT_TRUE(ax_same_text("table", want, text));
		free(want);
		free(text);
		ASSERT_EQ(0, ax_clear(self->fd));
	}
}

TEST_HARNESS_MAIN
