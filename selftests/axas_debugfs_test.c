// SPDX-License-Identifier: GPL-2.0
/*
 * A space's directory in debugfs: figures, areas, and the table with runs of
 * alike leaves folded, also while all of it changes.
 */
#include <poll.h>
#include <linux/userfaultfd.h>

#define AX_FEW_VARIANTS
#include "axas_fixture.h"
#include "axas_look.h"

#define GPA	0x40000000ULL

static const char * const names[] = { "stats", "areas", "table", "tables", "devices" };
#define NAMES	ARRAY_SIZE(names)

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

static int device_call(int fd, unsigned long cmd, __u32 bus, __u64 first, __u64 last,
		       __u64 cookie)
{
	struct axas_device d = {
		.size = sizeof(d), .bus = bus, .first = first, .last = last,
		.cookie = cookie,
	};

	return ax_ioctl(fd, cmd, &d);
}

static int add(int fd, __u32 bus, __u64 first, __u64 last, __u64 cookie)
{
	return device_call(fd, AXAS_DEVICE_ADD, bus, first, last, cookie);
}

TEST_F(space, devices)
{
	char *text;

	AX_NEED_DEBUGFS();
	text = ax_debugfs(self->fd, "devices");
	ASSERT_NE(NULL, text);
	EXPECT_STREQ("", text);
	free(text);

	ASSERT_EQ(0, add(self->fd, AXAS_BUS_SYSREG, 0xc0000080, 0xc0000084, 5));
	ASSERT_EQ(0, add(self->fd, AXAS_BUS_SYSREG, 0, 0, 6));
	ASSERT_EQ(0, add(self->fd, AXAS_BUS_SYSREG, 0xffffffff, 0xffffffff, 7));
	ASSERT_EQ(0, add(self->fd, AXAS_BUS_PORT, 0x3f8, 0x3ff, 1));
	ASSERT_EQ(0, add(self->fd, AXAS_BUS_PORT, 0x400, 0x400, ~0ULL));
	ASSERT_EQ(0, add(self->fd, AXAS_BUS_PORT, 0, 0, 0));
	ASSERT_EQ(0, add(self->fd, AXAS_BUS_PORT, 0xfff0, 0xffff, 9));
	ASSERT_EQ(0, add(self->fd, AXAS_BUS_PORT, 0x60, 0x64, 3));
	ASSERT_EQ(0, device_call(self->fd, AXAS_DEVICE_DEL, AXAS_BUS_PORT, 0x60, 0x64, 0));
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

static unsigned int rnd(__u64 *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 33;
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
		ax_fault(fd, rnd(seed) % (16 * 512) * AX_PAGE, AX_W);
	for (i = 0; i < 6; i++)
		ax_fault(fd, 16 * AX_2M + rnd(seed) % 16 * AX_2M, AX_W);
	for (i = 0; i < 40; i++) {
		static const struct { __u64 start, pages; } parts[] = {
			{ 0, 16 * 512 }, { 16 * AX_2M, 16 * 512 },
			{ LINEAR_2M, 64 * 512 }, { LINEAR_1G, 512 * 512 },
		};
		unsigned int part = rnd(seed) % ARRAY_SIZE(parts);
		unsigned int page = rnd(seed) % (parts[part].pages - 600);
		__u64 gpa = parts[part].start + page * AX_PAGE;
		__u64 length = (1 + rnd(seed) % 600) * AX_PAGE;

		if (i & 1)
			ret = ax_unmap(fd, gpa, length);
		else
			ret = ax_protect(fd, gpa, length, prots[rnd(seed) % 4]);
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
	for (i = 0; i < 3; i++) {
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

/* ---- files ---- */

TEST_F(space, in_small_pieces)
{
	static const size_t chunks[] = { 1, 7, 64, 100, 4096 };
	unsigned int i, j;
	char *all, *text;
	char piece[41];
	int fd;

	AX_NEED_DEBUGFS();
	/* Every other page, each of them an area and a run. */
	for (i = 0; i < 200; i++)
		ASSERT_EQ(0, ax_populate(self->fd, GPA + 2 * i * AX_PAGE, AX_PAGE));
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, add(self->fd, AXAS_BUS_PORT, 3 * i, 3 * i + 1, i));
		ASSERT_EQ(0, add(self->fd, AXAS_BUS_SYSREG, 3 * i, 3 * i + 1, i));
	}
	for (i = 0; i < NAMES; i++) {
		all = ax_debugfs(self->fd, names[i]);
		ASSERT_NE(NULL, all);
		fd = open(ax_debugfs_file(ax_space_id(self->fd), names[i]), O_RDONLY);
		ASSERT_LE(0, fd);
		for (j = 0; j < ARRAY_SIZE(chunks); j++) {
			ASSERT_EQ(0, lseek(fd, 0, SEEK_SET));
			text = ax_slurp_fd(fd, chunks[j]);
			ASSERT_NE(NULL, text);
			EXPECT_TRUE(ax_same_text(names[i], all, text));
			free(text);
		}
		/* From anywhere, and back. */
		for (j = strlen(all) - 40; j > 200; j = j * 2 / 3) {
			ASSERT_EQ(40, pread(fd, piece, 40, j));
			EXPECT_EQ(0, memcmp(all + j, piece, 40));
		}
		close(fd);
		free(all);
	}
}

TEST_F(space, belongs_to_root)
{
	unsigned int id = ax_space_id(self->fd), i;
	struct stat st;

	AX_NEED_DEBUGFS();
	ASSERT_EQ(0, stat(ax_debugfs_file(id, ""), &st));
	EXPECT_EQ(S_IFDIR | 0700, st.st_mode);
	EXPECT_EQ(0, st.st_uid);
	for (i = 0; i < NAMES; i++) {
		ASSERT_EQ(0, stat(ax_debugfs_file(id, names[i]), &st));
		EXPECT_EQ(S_IFREG | 0400, st.st_mode);
		EXPECT_EQ(0, st.st_uid);
	}
}

/* The hpa column of the first area, as an open file shows it from its beginning. */
static __u64 hpa_shown(int areas)
{
	__u64 hpa = AX_BAD64;
	char *text;

	lseek(areas, 0, SEEK_SET);
	text = ax_without_header(ax_slurp_fd(areas, 4096));
	if (!text || sscanf(text, "%*s %*s linear %*s %*s %*s %llx ", &hpa) != 1)
		printf("# areas: \"%s\"\n", text ?: "can't be read");
	free(text);
	return hpa;
}

/* The root of an empty space, as whoever opens the file sees it. */
static __u64 root_shown(int space)
{
	char *text = ax_without_header(ax_debugfs(space, "tables"));
	__u64 hpa = AX_BAD64;
	unsigned int entries;
	int end = 0;

	if (!text ||
	    sscanf(text, "%*u 0x0000000000000000 %u 0 0 %llx\n%n", &entries, &hpa, &end) != 2 ||
	    text[end] || entries & (entries - 1))
		printf("# tables: \"%s\"\n", text ?: "can't be read");
	free(text);
	return hpa;
}

TEST_F(space, tables_lie_where_admins_look)
{
	struct axas_root root = { .size = sizeof(root) };

	AX_NEED_DEBUGFS();
	if (ax_ioctl(self->fd, AXAS_ROOT, &root))
		SKIP(return, "no CPU register holds this table");
	EXPECT_EQ(root.root, root_shown(self->fd));
	ASSERT_EQ(0, ax_drop_cap(CAP_SYS_ADMIN));
	EXPECT_EQ(0, root_shown(self->fd));
}

/* Who opened the file counts, not who reads it. */
TEST_F(space, host_addresses_only_for_admin)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	int with, without;

	AX_NEED_DEBUGFS();
	if (!hpa)
		SKIP(return, "no unused host physical addresses in /proc/iomem");
	ASSERT_EQ(0, ax_map_linear(self->fd, GPA, 0x1000, hpa, AX_R, 0));
	with = open(ax_debugfs_file(ax_space_id(self->fd), "areas"), O_RDONLY);
	ASSERT_LE(0, with);
	EXPECT_EQ(hpa, hpa_shown(with));
	ASSERT_EQ(0, ax_drop_cap(CAP_SYS_ADMIN));
	without = open(ax_debugfs_file(ax_space_id(self->fd), "areas"), O_RDONLY);
	ASSERT_LE(0, without);
	EXPECT_EQ(0, hpa_shown(without));
	EXPECT_EQ(hpa, hpa_shown(with));
	close(without);
	close(with);
}

TEST_F(device, gone_with_the_space)
{
	int space, fd[NAMES], i;
	unsigned int id;
	char buf[64];

	AX_NEED_DEBUGFS();
	space = ax_create(self->dev, AXAS_FORMAT_HOST, 0);
	ASSERT_LE(0, space);
	id = ax_space_id(space);
	ASSERT_EQ(0, ax_populate(space, 0, 64 * AX_PAGE));
	ASSERT_EQ(0, device_call(space, AXAS_DEVICE_ADD, AXAS_BUS_PORT, 0, 1, 2));
	for (i = 0; i < NAMES; i++) {
		fd[i] = open(ax_debugfs_file(id, names[i]), O_RDONLY);
		ASSERT_LE(0, fd[i]);
		EXPECT_EQ(8, read(fd[i], buf, 8));
	}
	EXPECT_EQ(0, close(space));
	EXPECT_EQ(-1, access(ax_debugfs_file(id, ""), F_OK));
	EXPECT_EQ(ENOENT, errno);
	for (i = 0; i < NAMES; i++) {
		EXPECT_EQ(-1, read(fd[i], buf, 8));
		EXPECT_EQ(EIO, errno);
		EXPECT_EQ(0, close(fd[i]));
	}
}

struct stuck {
	int fd;
	void *buf;
	ssize_t got;
};

static void *read_into(void *arg)
{
	struct stuck *s = arg;

	s->got = read(s->fd, s->buf, AX_PAGE);
	return NULL;
}

/* Its text was made while there was a space; it gets it when its page comes. */
TEST_F_TIMEOUT(device, stuck_reader_holds_nobody_up, 60)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_zeropage zero = { .range.len = AX_PAGE };
	struct uffdio_register reg = {
		.range.len = AX_PAGE, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct pollfd ready = { .events = POLLIN };
	struct stuck s = {};
	pthread_t thread;
	unsigned int id;
	int space;

	AX_NEED_DEBUGFS();
	if (access("/proc/sys/vm/unprivileged_userfaultfd", F_OK))
		SKIP(return, "this kernel has no userfaultfd");
	ready.fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	ASSERT_LE(0, ready.fd);
	ASSERT_EQ(0, ioctl(ready.fd, UFFDIO_API, &api));
	s.buf = mmap(NULL, AX_PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, s.buf);
	reg.range.start = zero.range.start = (uintptr_t)s.buf;
	ASSERT_EQ(0, ioctl(ready.fd, UFFDIO_REGISTER, &reg));
	space = ax_create(self->dev, AXAS_FORMAT_HOST, 0);
	ASSERT_LE(0, space);
	id = ax_space_id(space);
	s.fd = open(ax_debugfs_file(id, "stats"), O_RDONLY);
	ASSERT_LE(0, s.fd);
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_into, &s));
	ASSERT_EQ(1, poll(&ready, 1, 20000));
	EXPECT_EQ(0, close(space));
	EXPECT_EQ(-1, access(ax_debugfs_file(id, ""), F_OK));
	ASSERT_EQ(0, ioctl(ready.fd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(thread, NULL);
	EXPECT_LT(0, s.got);
	EXPECT_EQ(id, strtoul((char *)s.buf + 3, NULL, 10));
	EXPECT_EQ(-1, read(s.fd, s.buf, 1));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-1, lseek(s.fd, 0, SEEK_SET));
	EXPECT_EQ(EIO, errno);
	close(s.fd);
	close(ready.fd);
}

/* Opaque to the compiler, which would object to bad buffers. */
static __attribute__((noipa)) ssize_t read_100(int fd, void *buf)
{
	ssize_t ret = read(fd, buf, 100);

	return ret < 0 ? -errno : ret;
}

/* What didn't reach the reader comes again, from the first byte it lacks. */
TEST_F(space, bad_buffer)
{
	char *all, *text, *buf;
	ssize_t n;
	int fd;

	AX_NEED_DEBUGFS();
	buf = mmap(NULL, 2 * AX_PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, buf);
	ASSERT_EQ(0, munmap(buf + AX_PAGE, AX_PAGE));
	all = ax_debugfs(self->fd, "stats");
	ASSERT_NE(NULL, all);
	fd = open(ax_debugfs_file(ax_space_id(self->fd), "stats"), O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EFAULT, read_100(fd, buf + AX_PAGE));
	/* An arm64 kernel may stop before the last byte that fits. */
	n = read_100(fd, buf + AX_PAGE - 10);
	ASSERT_LE(1, n);
	ASSERT_GE(10, n);
	EXPECT_EQ(0, memcmp(all, buf + AX_PAGE - 10, n));
	EXPECT_EQ(-EFAULT, read_100(fd, buf + AX_PAGE));
	text = ax_slurp_fd(fd, 100);
	ASSERT_NE(NULL, text);
	EXPECT_TRUE(ax_same_text("stats", all + n, text));
	free(text);
	free(all);
	close(fd);
	munmap(buf, AX_PAGE);
}

/* ---- while all of it changes ---- */

#define LOW	0x10000ULL			/* never touched by the writers */
#define HIGH	0x80000000ULL
#define SECONDS	6
#define AT_LEAST	25			/* however slow the machine is */

struct stress {
	int space;
	unsigned int id;
	bool is_ept;
	__u64 hpa, seed;
	volatile bool stop;
	volatile unsigned long changes, looks;
	const char *wrong;
};

/* Leaves come, are split, change and go between LOW and HIGH. */
static void *change(void *arg)
{
	struct stress *s = arg;
	__u64 seed = __atomic_add_fetch(&s->seed, 0x9e3779b97f4a7c15ULL, __ATOMIC_RELAXED);

	while (!s->stop) {
		__u64 gpa = GPA + rnd(&seed) % 2048 * AX_PAGE;
		__u64 length = (1 + rnd(&seed) % 700) * AX_PAGE;

		switch (rnd(&seed) % 7) {
		case 0:
			ax_map_alloc(s->space, gpa, length, AX_RW, 0, AX_2M);
			break;
		case 1:
			ax_map_linear(s->space, GPA, 6 * AX_2M, s->hpa, AX_RWX, 0);
			break;
		case 2:
			ax_populate(s->space, gpa, length);
			break;
		case 3:
			ax_unmap(s->space, gpa, length);
			break;
		case 4:
			ax_protect(s->space, gpa, length, rnd(&seed) & 1 ? AX_R : AX_RW);
			break;
		case 5:
			ax_unmap(s->space, GPA, 8 * AX_2M);
			break;
		default:
			ax_fault(s->space, gpa, AX_W);
			break;
		}
		__atomic_add_fetch(&s->changes, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* NULL, or what is wrong with a list: its lines don't overlap and go up. */
static const char *wrong_list(char *text)
{
	__u64 start, end, last = 0;
	char *line;

	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (sscanf(line, "0x%llx-0x%llx ", &start, &end) != 2)
			return "a line has no range";
		if (start < last || end <= start || (start | end) % AX_PAGE)
			return "lines overlap";
		last = end;
	}
	return NULL;
}

/* What nobody touches has to be in each list, and just as it is. */
static void look(struct stress *s, const char *name, const char *first, const char *last)
{
	char *text = ax_without_header(ax_slurp(ax_debugfs_file(s->id, name)));

	if (!text)
		s->wrong = "can't be read";
	else if (strncmp(text, first, strlen(first)))
		s->wrong = "what never changes isn't at the beginning";
	else if (strlen(text) < strlen(last) ||
		 strcmp(text + strlen(text) - strlen(last), last))
		s->wrong = "what never changes isn't at the end";
	else
		s->wrong = wrong_list(text);
	free(text);
	s->looks++;
}

TEST_F_TIMEOUT(space, read_while_it_changes, 180)
{
	struct stress s = { .space = self->fd, .seed = ax_seed("debugfs") };
	pthread_t threads[3];
	double end;
	unsigned int i;

	AX_NEED_DEBUGFS();
	s.hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	s.id = ax_space_id(self->fd);
	ASSERT_EQ(0, ax_populate(self->fd, LOW, 0x3000));
	ASSERT_EQ(0, ax_populate(self->fd, HIGH, 0x200000));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, change, &s));
	end = ax_now() + SECONDS;
	while (!s.wrong && (ax_now() < end || s.changes < AT_LEAST || s.looks < AT_LEAST)) {
		look(&s, "table",
		     "0x0000000000010000-0x0000000000013000      12K 4K rw- wb owned\n",
		     "0x0000000080000000-0x0000000080200000       2M 4K rw- wb owned\n");
		if (!s.wrong)
			look(&s, "areas",
			     "0x0000000000010000-0x0000000000013000 rw- alloc wb 4K 0x0 - -\n",
			     "0x0000000080000000-0x0000000080200000 rw- alloc wb 4K 0x0 - -\n");
		free(ax_slurp(ax_debugfs_file(s.id, "stats")));
	}
	s.stop = true;
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(NULL, s.wrong)
		TH_LOG("%s", s.wrong);
	printf("# %lu changes, %lu lists\n", s.changes, s.looks);
}

static void *read_on(void *arg)
{
	struct stress *s = arg;
	unsigned int i = 0;

	while (!s->stop) {
		unsigned int id = __atomic_load_n(&s->id, __ATOMIC_RELAXED);

		free(ax_slurp(ax_debugfs_file(id, names[i++ % NAMES])));
		__atomic_add_fetch(&s->looks, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Spaces come and go under those who read. */
TEST_F_TIMEOUT(device, destroy_under_readers, 180)
{
	struct stress s = {};
	pthread_t threads[3];
	double end = ax_now() + SECONDS;
	unsigned int i;
	int fd = 0;

	AX_NEED_DEBUGFS();
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, read_on, &s));
	while (ax_now() < end || s.changes < AT_LEAST || s.looks < AT_LEAST) {
		fd = ax_create(self->dev, s.changes++ & 1 ? AXAS_FORMAT_EPT : AXAS_FORMAT_S2, 0);
		if (fd < 0)
			break;
		ax_populate(fd, 0, 64 * AX_PAGE);
		__atomic_store_n(&s.id, ax_space_id(fd), __ATOMIC_RELAXED);
		ax_sleep_ms(s.changes % 4);
		close(fd);
	}
	s.stop = true;
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	EXPECT_LE(0, fd);
	printf("# %lu spaces, %lu reads\n", s.changes, s.looks);
}

TEST_HARNESS_MAIN
