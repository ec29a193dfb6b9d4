// SPDX-License-Identifier: GPL-2.0
/*
 * A format and a backend that other modules bring (samples/plugins): loaded
 * while this runs. What holds for all spaces holds for those of the format, so
 * all tests of axas_space_test.c are here again.
 */
#define AX_MODULE_VARIANTS
#include <elf.h>
#include "axas_fixture.h"
#include "axas_look.h"

#define PATTERN	AXAS_BACKEND_MODULE

static int unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

static int load(const char *path)
{
	int ret, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return ret;
}

static int map_pattern(int fd, __u64 gpa, __u64 length, __u32 prot)
{
	struct axas_map m = {
		.size = sizeof(m), .gpa = gpa, .length = length,
		.backend = PATTERN, .prot = prot,
	};

	return ax_ioctl(fd, AXAS_MAP, &m);
}

/* AXAS_INFO says what the privileged specification does. */
TEST_F(device, gstage_info)
{
	struct axas_info info;

	ASSERT_EQ(0, ax_info(self->dev, AXAS_FORMAT_MODULE, &info));
	EXPECT_EQ(0x1000f, info.formats);
	EXPECT_STREQ("gstage", info.name);
	EXPECT_EQ(1ULL << 41 | 1ULL << 50 | 1ULL << 59, info.gpa_bits);
	EXPECT_EQ(AX_PAGE | AX_2M | AX_1G, info.leaf_sizes);
	EXPECT_EQ(50, info.default_gpa_bits);
	EXPECT_EQ(info.gpa_bits, info.control_bits);
	EXPECT_EQ(-EINVAL, ax_info(self->dev, AXAS_FORMAT_MODULE + 1, &info));
}

/* The root is one of four pages: there are four times as many entries. */
TEST_F(space, gstage_levels)
{
	EXPECT_EQ((variant->bits - 14) / 9, self->empty.levels);
	EXPECT_EQ(4, self->empty.tables[self->empty.levels - 1]);
	ASSERT_EQ(0, ax_map(self->fd, self->end - AX_PAGE, AX_PAGE));
	ASSERT_EQ(0, ax_map(self->fd, 0, AX_PAGE));
	EXPECT_EQ(0, ax_put64(self->fd, self->end - 8, 1));
	EXPECT_EQ(0, ax_put64(self->fd, 0, 2));
	EXPECT_EQ(1, ax_get64(self->fd, self->end - 8));
	EXPECT_EQ(2, ax_get64(self->fd, 0));
}

/* Read eight bytes of host memory. /proc/kcore is an ELF file of all of it. */
static bool read_host(int kcore, __u64 hpa, __u64 *value)
{
	Elf64_Ehdr head;
	Elf64_Phdr part;
	int i;

	if (pread(kcore, &head, sizeof(head), 0) != sizeof(head))
		return false;
	for (i = 0; i < head.e_phnum; i++) {
		if (pread(kcore, &part, sizeof(part),
			  head.e_phoff + i * sizeof(part)) != sizeof(part))
			return false;
		if (part.p_type == PT_LOAD && hpa >= part.p_paddr &&
		    hpa - part.p_paddr < part.p_memsz)
			return pread(kcore, value, 8, part.p_offset + hpa -
				     part.p_paddr) == 8;
	}
	return false;
}

/*
 * The entry where the walk for a GPA ends, as "Sv39" and "Two-Stage Address
 * Translation" have it: the first step takes two bits more; 53:10 of an entry
 * are the page number; R, W and X of a table, its bits 3:1, are clear.
 */
static bool gstage_entry(int kcore, const struct axas_root *r, __u64 gpa,
			 __u64 *entry)
{
	__u64 table = (r->control & 0xfffffffffffULL) << 12;
	unsigned int level = (r->control >> 60) - 8 + 3;
	__u64 index = gpa >> (12 + 9 * (level - 1));

	/* VMID 0; the lowest two bits of the page number always read as 0. */
	if (r->control & 0x0ffff00000000003ULL)
		return false;
	for (;; index = gpa >> (12 + 9 * (--level - 1)) & 511) {
		if (!read_host(kcore, table + 8 * index, entry))
			return false;
		if (!(*entry & 1) || *entry & 0xe || level == 1)
			return true;
		/* Of a table also D, A, G, U, 60:54, PBMT and N shall be clear. */
		if (*entry & 0xffc00000000000f0ULL)
			return false;
		table = (*entry >> 10 & 0xfffffffffffULL) << 12;
	}
}

/*
 * Bits: 0 valid, 1 R, 2 W, 3 X, 4 U, 6 A, 7 D, 8 ours (owned), 62:61 PBMT (1 NC,
 * 2 IO).
 */
static const struct {
	__u64 length;
	__u32 prot, memtype, features;
	__u64 expected;
} gstage_rows[] = {
	{ AX_PAGE, AX_RWX, AXAS_MEM_WB, 0, 0xdf },
	{ AX_PAGE, AX_RW, AXAS_MEM_WB, 0, 0xd7 },
	{ AX_PAGE, AX_R, AXAS_MEM_WB, 0, 0xd3 },
	{ AX_PAGE, AX_RX, AXAS_MEM_WB, 0, 0xdb },
	{ AX_PAGE, AX_X, AXAS_MEM_WB, AXAS_FEAT_EXEC_ONLY, 0xd9 },
	{ AX_PAGE, AX_RW, AXAS_MEM_NC, 0, 0x20000000000000d7ULL },
	{ AX_PAGE, AX_RW, AXAS_MEM_UC, 0, 0x40000000000000d7ULL },
	{ AX_PAGE, AX_RW, AXAS_MEM_WB, AXAS_FEAT_AD, 0x17 },
	{ AX_2M, AX_RWX, AXAS_MEM_WB, 0, 0xdf },
	{ AX_1G, AX_RW, AXAS_MEM_NC, 0, 0x20000000000000d7ULL },
};

static bool gstage_row(int dev, __u32 bits, int kcore, __u64 hpa, unsigned int i)
{
	struct axas_create c = {
		.size = sizeof(c), .format = AXAS_FORMAT_MODULE, .gpa_bits = bits,
		.features = gstage_rows[i].features,
	};
	struct axas_map m = {
		.size = sizeof(m), .backend = AXAS_BACKEND_LINEAR, .hpa = hpa,
		.gpa = (1ULL << bits) - 3 * AX_1G, .length = gstage_rows[i].length,
		.prot = gstage_rows[i].prot, .memtype = gstage_rows[i].memtype,
	};
	__u64 expected = gstage_rows[i].expected | hpa >> 12 << 10, entry = 0;
	struct axas_root r = { .size = sizeof(r) };
	int fd = ax_ioctl(dev, AXAS_CREATE, &c);
	bool ok;

	ok = fd >= 0 && !ax_ioctl(fd, AXAS_MAP, &m) &&
	     !ax_ioctl(fd, AXAS_ROOT, &r) &&
	     gstage_entry(kcore, &r, m.gpa, &entry) && entry == expected;
	/* Before and behind it there is nothing. */
	ok = ok && gstage_entry(kcore, &r, m.gpa - 1, &entry) && !(entry & 1) &&
	     gstage_entry(kcore, &r, m.gpa + m.length, &entry) && !(entry & 1);
	if (!ok)
		printf("# row %u: entry %#llx, want %#llx\n", i, entry, expected);
	close(fd);
	return ok;
}

/* The tables in memory are what the privileged specification describes. */
TEST_F(space, gstage_entries)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits), entry;
	int kcore = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	struct axas_root r = { .size = sizeof(r) };
	unsigned int i;
	__u64 from, to;

	if (kcore < 0 || !ax_find_ram(AX_2M, &from, &to))
		SKIP(return, "this kernel has no memory in /proc/kcore");
	if (!hpa)
		SKIP(return, "no unused host physical addresses in /proc/iomem");
	for (i = 0; i < ARRAY_SIZE(gstage_rows); i++)
		EXPECT_TRUE(gstage_row(self->dev, variant->bits, kcore, hpa, i));
	/* Memory of the space's own: the entry leads to what was written. */
	ASSERT_EQ(0, ax_map(self->fd, self->end - AX_2M, AX_2M));
	ASSERT_EQ(0, ax_put64(self->fd, self->end - 8, 0x1234567));
	ASSERT_EQ(0, ax_ioctl(self->fd, AXAS_ROOT, &r));
	ASSERT_TRUE(gstage_entry(kcore, &r, self->end - 8, &entry));
	EXPECT_EQ(0x1d7, entry & 0xffc00000000003ffULL);
	ASSERT_TRUE(read_host(kcore, (entry >> 10 << 12) + 0xff8, &entry));
	EXPECT_EQ(0x1234567, entry);
	close(kcore);
}

TEST_F(space, pattern_says_where_it_is)
{
	__u64 base = self->end - AX_1G;
	struct axas_stats st;

	ASSERT_EQ(0, map_pattern(self->fd, base, AX_2M, AX_RW));
	EXPECT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(0, st.resident);
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, base + 0x1234, AX_R));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, base + 0x1000, AX_W));
	EXPECT_EQ(base + 0x1ff8, ax_get64(self->fd, base + 0x1ff8));
	EXPECT_EQ(base + 0x5000, ax_get64(self->fd, base + 0x5000));
	EXPECT_EQ(0, ax_put64(self->fd, base + 0x5000, 7));
	EXPECT_EQ(7, ax_get64(self->fd, base + 0x5000));
	EXPECT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(2 * AX_PAGE, st.resident);
	/* What was unmapped and comes back says it again. */
	EXPECT_EQ(0, ax_unmap(self->fd, base, AX_2M));
	ASSERT_EQ(0, map_pattern(self->fd, base, AX_2M, AX_RW));
	EXPECT_EQ(base + 0x5000, ax_get64(self->fd, base + 0x5000));
}

/* Beside alloc's 2 MiB frames in one array of faults. */
TEST_F(space, pattern_beside_large_frames)
{
	struct axas_fault_entry e[64];
	unsigned int i;

	ASSERT_EQ(0, ax_map_alloc(self->fd, 0, 64 * AX_2M, AX_RW, 0, AX_2M));
	ASSERT_EQ(0, map_pattern(self->fd, 64 * AX_2M, 64 * AX_2M, AX_RW));
	for (i = 0; i < 64; i++)
		e[i] = (struct axas_fault_entry){
			.gpa = (i * 2 + i % 2 * 63) * AX_2M % (128 * AX_2M),
			.access = AX_W,
		};
	ASSERT_EQ(0, ax_fault_many(self->fd, e, 64, NULL));
	for (i = 0; i < 64; i++) {
		EXPECT_EQ(AXAS_FAULT_RESOLVED, e[i].result);
		EXPECT_EQ(e[i].gpa < 64 * AX_2M ? 0 : e[i].gpa,
			  ax_get64(self->fd, e[i].gpa));
	}
}

/* What is shown of a space has the names that the modules brought. */
TEST_F(space, debugfs)
{
	char want[160], *text;

	AX_NEED_DEBUGFS();
	ASSERT_EQ(0, map_pattern(self->fd, self->end - AX_2M, AX_2M, AX_RX));
	ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, self->end - 0x2000, AX_R));
	ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, self->end - 0x1000, AX_X));
	text = ax_debugfs(self->fd, "stats");
	ASSERT_NE(NULL, text);
	EXPECT_NE(NULL, strstr(text, "\nformat gstage\n"));
	free(text);
	snprintf(want, sizeof(want), "0x%016llx-0x%016llx r-x pattern wb 4K 0x0 - -\n",
		 self->end - AX_2M, self->end);
	text = ax_debugfs(self->fd, "areas");
	ASSERT_NE(NULL, text);
	EXPECT_TRUE(ax_same_text("areas", want, ax_without_header(text)));
	free(text);
	snprintf(want, sizeof(want), "0x%016llx-0x%016llx       8K 4K r-x wb owned\n",
		 self->end - 0x2000, self->end);
	text = ax_debugfs(self->fd, "table");
	ASSERT_NE(NULL, text);
	EXPECT_TRUE(ax_same_text("table", want, ax_without_header(text)));
	free(text);
}

/* Is there an event that begins with this? */
static __attribute__((format(printf, 2, 3))) bool
traced(const char *trace, const char *fmt, ...)
{
	char want[160] = "";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(want, sizeof(want), fmt, ap);
	va_end(ap);
	if (strstr(trace, want))
		return true;
	printf("# no \"%s\" in:\n%s", want, trace);
	return false;
}

/* Trace events have numbers instead, and come from the format's module too. */
TEST_F(space, trace)
{
	const char *why = ax_need_trace();
	unsigned int id;
	char *trace;
	int fd;

	if (why)
		SKIP(return, "%s", why);
	ASSERT_TRUE(ax_trace_on());
	fd = ax_create(self->dev, AXAS_FORMAT_MODULE, variant->bits);
	ASSERT_LE(0, fd);
	id = ax_space_id(fd);
	EXPECT_EQ(0, map_pattern(fd, 0, AX_2M, AX_RW));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(fd, 0x1008, AX_W));
	EXPECT_EQ(0, ax_protect(fd, 0x1000, 0x1000, AX_R));
	trace = ax_trace_off(id);
	ASSERT_NE(NULL, trace);
	EXPECT_TRUE(traced(trace, "axas_create: space=%u format=0x10 gpa_bits=%u base=0x0"
			   " length=%#llx ret=0 ns=", id, variant->bits, self->end));
	EXPECT_TRUE(traced(trace, "axas_map: space=%u gpa=0x0 size=0x200000 backend=0x10"
			   " prot=rw flags=- ret=0 ns=", id));
	EXPECT_TRUE(traced(trace, "axas_fault: space=%u bus=memory gpa=0x1008 access=w"
			   " result=resolved ns=", id));
	EXPECT_TRUE(traced(trace, "axas_invalidate: space=%u gpa=0x1000 size=0x1000 ns=", id));
	free(trace);
	close(fd);
}

TEST_F(device, modules_stay_while_used)
{
	int fd = ax_create(self->dev, AXAS_FORMAT_MODULE, 0);
	struct axas_info info;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EWOULDBLOCK, unload("axas_gstage"));
	ASSERT_EQ(0, map_pattern(fd, 0, AX_2M, AX_RW));
	EXPECT_EQ(-EWOULDBLOCK, unload("axas_pattern"));
	EXPECT_EQ(0, ax_put64(fd, 0, 1));
	EXPECT_EQ(0, ax_unmap(fd, 0, AX_1G));
	EXPECT_EQ(0, unload("axas_pattern"));
	EXPECT_EQ(-EINVAL, map_pattern(fd, 0, AX_2M, AX_RW));
	EXPECT_EQ(0, load("/plugins/axas_pattern.ko"));
	EXPECT_EQ(0, map_pattern(fd, 0, AX_2M, AX_RW));

	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, unload("axas_pattern"));
	EXPECT_EQ(0, unload("axas_gstage"));
	EXPECT_EQ(-EINVAL, ax_info(self->dev, AXAS_FORMAT_MODULE, &info));
	EXPECT_EQ(-EINVAL, ax_create(self->dev, AXAS_FORMAT_MODULE, 0));
	EXPECT_EQ(0, load("/plugins/axas_gstage.ko"));
	EXPECT_EQ(0, load("/plugins/axas_pattern.ko"));
}

/* The rest, and main(). */
#include "axas_space_test.c"
