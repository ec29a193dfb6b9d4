// SPDX-License-Identifier: GPL-2.0
/*
 * What the Rust original, axaddrspace 0.3.0, gets wrong: fourteen faults, each
 * with the number that it has in the project's list. What can't be seen from
 * user space (raw entries, the invalidation callback) is in KUnit as well.
 */
#include "axas_fixture.h"

#define GPA	0x40000000ULL

/* A second fault on a present page replaced the frame: data lost, frame leaked. */
TEST_F(space, peer_01_second_fault_keeps_frame)
{
	__u64 hpa;
	int i;

	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x4000));
	ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA, AX_W));
	ASSERT_EQ(0, ax_put64(self->fd, GPA, 0x1234));
	hpa = ax_hpa(self->fd, GPA);
	for (i = 0; i < 10; i++)
		EXPECT_EQ(AXAS_FAULT_SPURIOUS,
			  ax_fault(self->fd, GPA + i * 400, i & 1 ? AX_R : AX_RW));
	EXPECT_EQ(hpa, ax_hpa(self->fd, GPA));
	EXPECT_EQ(0x1234, ax_get64(self->fd, GPA));
	EXPECT_EQ(AX_PAGE, ax_resident(self->fd));
}

/* Guest frames weren't zeroed: a new guest read an old guest's bytes. */
TEST_F(space, peer_02_new_frames_are_zero)
{
	const __u64 len = 2 << 20, old = 8 << 20;
	__u64 i, dirty = 0, *w;
	unsigned int way;
	int fd;

	/* Bytes of an old guest, in more memory than the new one gets. */
	fd = ax_create(self->dev, variant->format, variant->bits);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ax_populate(fd, 0, old));
	w = ax_window(fd, 0, old, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, (void *)w);
	memset(w, 0xa5, old);
	munmap(w, old);
	close(fd);
	/* New frames through populate, faults, windows and 2 MiB frames. */
	for (way = 0; way < 4; way++) {
		ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, len, AX_RW,
					  way ? 0 : AXAS_MAP_POPULATE,
					  way == 3 ? AX_2M : 0));
		for (i = 0; way == 1 && i < len; i += AX_PAGE)
			ax_fault(self->fd, GPA + i, AX_W);
		w = ax_window(self->fd, GPA, len, PROT_READ | PROT_WRITE);
		ASSERT_NE(MAP_FAILED, (void *)w);
		for (i = 0; i < len / 8; i++)
			dirty += w[i] != 0;
		EXPECT_EQ(0, dirty);
		memset(w, 0x5a, len);
		munmap(w, len);
		ASSERT_EQ(0, ax_unmap(self->fd, GPA, len));
	}
}

/*
 * A failed populate or linear map wasn't rolled back, was called "bad state",
 * and couldn't be tried again. (Failure of each allocation: axas_failnth_test.)
 */
TEST_F(space, peer_03_failed_map_is_rolled_back)
{
	const __u64 probe[] = { GPA, GPA + 0x1000, GPA + 0x1ff000, GPA + 0x200000 };
	struct ax_snapshot before, after;
	__u64 from, to;

	ASSERT_EQ(0, ax_populate(self->fd, GPA + 0x200000, 0x1000));
	ASSERT_EQ(0, ax_snap(self->fd, probe, 4, &before));
	EXPECT_EQ(-EEXIST, ax_populate(self->fd, GPA, 0x201000));
	if (ax_find_ram(4 << 20, &from, &to))
		EXPECT_EQ(-EACCES, ax_map_linear(self->fd, GPA, 0x200000,
						 to - 0x1000, AX_R, 0));
	ASSERT_EQ(0, ax_snap(self->fd, probe, 4, &after));
	EXPECT_TRUE(ax_snap_same(&before, &after, true, "a map that fails"));
	EXPECT_EQ(0, ax_populate(self->fd, GPA, 0x200000));
	EXPECT_EQ(0x201000, ax_resident(self->fd));
}

/* Unmapping part of a 2M or 1G leaf panicked after clearing all of it. */
TEST_F(space, peer_04_part_of_a_large_leaf)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	unsigned int i;

	if (ax_have_free_2m()) {
		ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, AX_2M, AX_RW,
					  AXAS_MAP_POPULATE, AX_2M));
		for (i = 0; i < 512; i++)
			ASSERT_EQ(0, ax_put64(self->fd, GPA + i * AX_PAGE, ~i));
		EXPECT_EQ(0, ax_unmap(self->fd, GPA + 0x10000, 0x2000));
		for (i = 0; i < 512; i++) {
			EXPECT_EQ(i == 16 || i == 17 ? AX_BAD64 : ~i,
				  ax_get64(self->fd, GPA + i * AX_PAGE));
		}
	}
	if (!hpa)
		return;
	ASSERT_EQ(0, ax_map_linear(self->fd, 2 * GPA, AX_1G, hpa, AX_RW, 0));
	EXPECT_EQ(0, ax_unmap(self->fd, 2 * GPA + 0x5000, 0x1000));
	EXPECT_EQ(hpa + 0x4fff, ax_hpa(self->fd, 2 * GPA + 0x4fff));
	EXPECT_EQ(AXAS_TRANSLATE_NO_AREA, ax_state(self->fd, 2 * GPA + 0x5000));
	EXPECT_EQ(hpa + 0x6000, ax_hpa(self->fd, 2 * GPA + 0x6000));
	EXPECT_EQ(hpa + AX_1G - 1, ax_hpa(self->fd, 2 * GPA + AX_1G - 1));
}

/*
 * The limit was the size of the whole area, and what crossed two frames was
 * written to whatever lay behind the first.
 */
TEST_F(space, peer_05_limit_and_frames_that_arent_adjacent)
{
	unsigned char buf[0x2000], got[0x2000];
	struct axas_translate_entry e;
	unsigned int i;

	/* Fault backwards, with other frames taken in between. */
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x10000));
	ASSERT_EQ(0, ax_map(self->fd, 2 * GPA, 0x10000));
	for (i = 16; i--;) {
		ASSERT_EQ(0, ax_put64(self->fd, GPA + i * AX_PAGE, 100 + i));
		ASSERT_EQ(0, ax_put64(self->fd, 2 * GPA + i * AX_PAGE, 200 + i));
	}
	for (i = 0; i < 0x10000; i += 0x777) {
		ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, GPA + i, &e));
		EXPECT_EQ(0x10000 - i, e.limit);
	}
	memset(buf, 0xcc, sizeof(buf));
	ASSERT_EQ(0x2000, ax_pwrite(self->fd, buf, 0x2000, GPA + 0x4800));
	ASSERT_EQ(0x2000, ax_pread(self->fd, got, 0x2000, GPA + 0x4800));
	EXPECT_EQ(0, memcmp(buf, got, 0x2000));
	for (i = 0; i < 16; i++) {
		EXPECT_EQ(i == 5 || i == 6 ? 0xccccccccccccccccULL : 100 + i,
			  ax_get64(self->fd, GPA + i * AX_PAGE));
		EXPECT_EQ(200 + i, ax_get64(self->fd, 2 * GPA + i * AX_PAGE));
		EXPECT_EQ(0, ax_get64(self->fd, 2 * GPA + i * AX_PAGE + 4088));
	}
	EXPECT_EQ(0, ax_get64(self->fd, GPA + 0x6800));
}

/* A lazy page, or a buffer over two areas, made the buffer walk panic or fail. */
TEST_F(space, peer_06_buffers_over_lazy_pages_and_areas)
{
	unsigned char buf[0x4000], got[0x4000];
	unsigned int i;

	for (i = 0; i < sizeof(buf); i++)
		buf[i] = i * 7 + (i >> 12) + 1;
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x2000));
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA + 0x2000, 0x3000, AX_RWX, 0, 0));
	EXPECT_EQ(0x4000, ax_pread(self->fd, got, 0x4000, GPA + 0x800));
	for (i = 0; i < sizeof(got); i++)
		ASSERT_EQ(0, got[i]);
	EXPECT_EQ(0x4000, ax_pwrite(self->fd, buf, 0x4000, GPA + 0x800));
	EXPECT_EQ(0x4000, ax_pread(self->fd, got, 0x4000, GPA + 0x800));
	EXPECT_EQ(0, memcmp(buf, got, sizeof(buf)));
}

/* Overflows panicked, a GPA past the width aliased a low one, and so on. */
TEST_F(space, peer_07_addresses_out_of_range)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	struct axas_translate_entry e;

	ASSERT_EQ(0, ax_populate(self->fd, GPA, 0x1000));
	ASSERT_EQ(0, ax_put64(self->fd, GPA, 7));
	/* The low one isn't there once more above the width. */
	EXPECT_EQ(AXAS_TRANSLATE_INVALID, ax_translate(self->fd, self->end + GPA, &e));
	EXPECT_EQ(0, e.hpa);
	EXPECT_EQ(AXAS_FAULT_INVALID, ax_fault(self->fd, self->end + GPA, AX_R));
	EXPECT_EQ(0, ax_pread(self->fd, &e, 8, self->end + GPA));
	EXPECT_EQ(-ERANGE, ax_unmap(self->fd, self->end + GPA, 0x1000));
	EXPECT_EQ(-ERANGE, ax_map(self->fd, self->end + 2 * GPA, 0x1000));
	EXPECT_EQ(-ERANGE, ax_protect(self->fd, self->end + GPA, 0x1000, AX_R));
	/* Sums that wrap. */
	EXPECT_EQ(-ERANGE, ax_map(self->fd, -0x1000ULL, 0x2000));
	EXPECT_EQ(-ERANGE, ax_unmap(self->fd, GPA, -GPA));
	EXPECT_EQ(-ERANGE, ax_unmap(self->fd, GPA, -GPA + 0x1000));
	/* Unaligned bases and empty ranges, of areas and of spaces. */
	EXPECT_EQ(-EINVAL, ax_map(self->fd, 2 * GPA + 1, 0x1000));
	EXPECT_EQ(-EINVAL, ax_map(self->fd, 2 * GPA, 0));
	EXPECT_EQ(-EINVAL, ax_create_range(self->dev, variant->format, variant->bits, 1, 0x1000));
	/* HPAs: one that an entry can't hold, one above its GPA. */
	EXPECT_EQ(-ERANGE, ax_map_linear(self->fd, 2 * GPA, 0x1000,
					 1ULL << self->info.hpa_bits, AX_R, 0));
	EXPECT_EQ(-ERANGE, ax_map_linear(self->fd, 2 * GPA, 0x1000, 1ULL << 60, AX_R, 0));
	if (hpa) {
		EXPECT_EQ(0, ax_map_linear(self->fd, 0, 0x1000, hpa + 0x1000, AX_R, 0));
		EXPECT_EQ(hpa + 0x1fff, ax_hpa(self->fd, 0xfff));
	}
	EXPECT_EQ(7, ax_get64(self->fd, GPA));
}

/* Empty permissions were taken, and then clear, unmap and drop panicked. */
TEST_F(space, peer_08_empty_permissions)
{
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x2000));
	EXPECT_EQ(-EINVAL, ax_map_alloc(self->fd, 2 * GPA, 0x1000, 0, 0, 0));
	EXPECT_EQ(-EINVAL, ax_map_alloc(self->fd, 2 * GPA, 0x1000, 0, AXAS_MAP_POPULATE, 0));
	EXPECT_EQ(-EINVAL, ax_map_linear(self->fd, 2 * GPA, 0x1000, 0, 0, 0));
	EXPECT_EQ(-EINVAL, ax_protect(self->fd, GPA, 0x1000, 0));
	/* A fault with no access bits took a frame. */
	EXPECT_EQ(AXAS_FAULT_INVALID, ax_fault(self->fd, GPA, 0));
	EXPECT_EQ(0, ax_resident(self->fd));
	EXPECT_EQ(AXAS_TRANSLATE_LAZY, ax_state(self->fd, GPA));
	EXPECT_EQ(0, ax_unmap(self->fd, GPA, 0x1000));
	EXPECT_EQ(0, ax_clear(self->fd));
}

/* Tables were never freed, and no 2M leaf could go where 4K pages had been. */
TEST_F(space, peer_09_tables_are_freed)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	unsigned int i;

	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, ax_populate(self->fd, i * (self->end / 8), 0x3000));
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, ax_unmap(self->fd, i * (self->end / 8), 0x3000));
	EXPECT_TRUE(ax_tables_are(self->fd, NULL, 0));
	/* In a lazy area too: it is the frames that need tables. */
	ASSERT_EQ(0, ax_map(self->fd, 0, 4 * AX_2M));
	ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, AX_2M, AX_W));
	ASSERT_EQ(0, ax_unmap(self->fd, AX_2M, 0x1000));
	EXPECT_TRUE(ax_tables_are(self->fd, NULL, 0));
	ASSERT_EQ(0, ax_clear(self->fd));
	if (!hpa)
		return;
	ASSERT_EQ(0, ax_populate(self->fd, GPA + 0x1000, 0x3000));
	ASSERT_EQ(0, ax_unmap(self->fd, GPA + 0x1000, 0x3000));
	ASSERT_EQ(0, ax_map_linear(self->fd, GPA, AX_2M, hpa, AX_RW, 0));
	EXPECT_TRUE(ax_tables_are(self->fd, &(struct ax_leaf){ GPA, 1 }, 1));
}

/*
 * Write-only entries, ignored memory types, 1G leaves unasked. The bits of the
 * entries are in KUnit; this is what the interface says of them.
 */
TEST_F(space, peer_10_entries_that_hardware_refuses)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	struct axas_translate_entry e;
	struct axas_map m = {
		.size = sizeof(m), .gpa = GPA, .length = 0x1000, .prot = AX_RW,
		.backend = AXAS_BACKEND_ALLOC, .memtype = AXAS_MEM_UC,
		.flags = AXAS_MAP_POPULATE,
	};

	EXPECT_EQ(-EINVAL, ax_map_alloc(self->fd, GPA, 0x1000, AX_W, 0, 0));
	EXPECT_EQ(-EINVAL, ax_map_alloc(self->fd, GPA, 0x1000, AX_W | AX_X, 0, 0));
	ASSERT_EQ(0, ax_ioctl(self->fd, AXAS_MAP, &m));
	EXPECT_EQ(-EINVAL, ax_protect(self->fd, GPA, 0x1000, AX_W));
	ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, GPA, &e));
	EXPECT_EQ(AXAS_MEM_UC, e.memtype);
	EXPECT_EQ(AX_RW, e.prot);
	if (!hpa)
		return;
	ASSERT_EQ(0, ax_map_linear(self->fd, 2 * GPA, AX_1G, hpa, AX_R, 0));
	ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, 2 * GPA, &e));
	EXPECT_EQ(self->info.leaf_sizes & AX_1G && self->empty.levels > 2 ? AX_1G : AX_2M,
		  e.leaf_size);
}

/*
 * On Arm nothing was execute-never, write permission read back inverted, memory
 * types read back wrong, and three levels claimed 40 bits over 39.
 */
TEST_F(space, peer_11_what_was_asked_reads_back)
{
	static const __u32 prots[] = { AX_R, AX_RW, AX_RX, AX_RWX };
	struct axas_translate_entry e;
	unsigned int type, p, bit;
	__u64 gpa = GPA;

	for (type = 0; type <= AXAS_MEM_DEVICE; type++) {
		for (p = 0; p < 4; p++, gpa += 0x2000) {
			struct axas_map m = {
				.size = sizeof(m), .gpa = gpa, .length = 0x1000,
				.backend = AXAS_BACKEND_ALLOC, .prot = prots[p],
				.memtype = type, .flags = AXAS_MAP_POPULATE,
			};

			if (!(self->info.memtypes >> type & 1))
				continue;
			ASSERT_EQ(0, ax_ioctl(self->fd, AXAS_MAP, &m));
			ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, gpa, &e));
			EXPECT_EQ(prots[p], e.prot);
			EXPECT_EQ(type, e.memtype);
			EXPECT_EQ(prots[p] & AX_X ? AXAS_FAULT_SPURIOUS : AXAS_FAULT_DENIED,
				  ax_fault(self->fd, gpa, AX_X));
			EXPECT_EQ(prots[p] & AX_W ? AXAS_FAULT_SPURIOUS : AXAS_FAULT_DENIED,
				  ax_fault(self->fd, gpa, AX_W));
		}
	}
	/* Every bit of the width makes a difference. */
	ASSERT_EQ(0, ax_clear(self->fd));
	ASSERT_EQ(0, ax_map(self->fd, 0, self->end));
	ASSERT_EQ(0, ax_put64(self->fd, 0, 1));
	for (bit = 12; bit < variant->bits; bit++)
		ASSERT_EQ(0, ax_put64(self->fd, 1ULL << bit, bit));
	EXPECT_EQ(1, ax_get64(self->fd, 0));
	for (bit = 12; bit < variant->bits; bit++)
		EXPECT_EQ(bit, ax_get64(self->fd, 1ULL << bit));
	EXPECT_EQ((variant->bits - 11) * AX_PAGE, ax_resident(self->fd));
}

/* A fault answered yes or no. (NO_MEMORY: axas_failnth_test.) */
TEST_F(space, peer_12_fault_results_differ)
{
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, 0x1000, AX_R, 0, 0));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, GPA, AX_W));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA, AX_R));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, GPA, AX_R));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, GPA, AX_W));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, ax_fault(self->fd, GPA + 0x1000, AX_R));
	EXPECT_EQ(AXAS_FAULT_INVALID, ax_fault(self->fd, self->end, AX_R));
	EXPECT_EQ(AXAS_FAULT_INVALID, ax_fault(self->fd, GPA, 0));
}

/* The best of several rounds of 20 times map and unmap, in seconds. */
static double map_unmap_time(int fd)
{
	double best = 1e9, start;
	int round, i;

	for (round = 0; round < 6; round++) {
		start = ax_now();
		for (i = 0; i < 20; i++)
			if (ax_map(fd, GPA, 0x1000) || ax_unmap(fd, GPA, 0x1000))
				return -1;
		if (ax_now() - start < best)
			best = ax_now() - start;
	}
	return best;
}

/* The cost of unmap grew with the number of areas. */
TEST_F(device, peer_13_unmap_beside_many_areas)
{
	double alone, beside;
	unsigned int i;
	int fd = ax_create(self->dev, AXAS_FORMAT_HOST, 0);

	ASSERT_LE(0, fd);
	alone = map_unmap_time(fd);
	for (i = 0; i < 800; i++) {
		ASSERT_EQ(0, ax_map(fd, GPA / 2 + i * 0x2000, 0x1000));
		ASSERT_EQ(0, ax_map(fd, GPA + (i + 1) * 0x2000, 0x1000));
	}
	beside = map_unmap_time(fd);
	printf("# alone %.0f us, beside 1600 areas %.0f us\n", alone * 5e4, beside * 5e4);
	ASSERT_LT(0, alone);
	ASSERT_LT(0, beside);
	/* The original takes a hundred times as long. */
	EXPECT_GT(8 * alone, beside);
	close(fd);
}

/*
 * Frames were freed before what translated to them was invalidated. The calls
 * of the callback are in KUnit; a window is a translation that can be seen.
 */
TEST_F(space, peer_14_no_translation_outlives_unmap)
{
	__u64 *w, *w2, val, i;

	w = ax_window(self->fd, GPA, 0x40000, PROT_READ | PROT_WRITE);
	w2 = ax_window(self->fd, 2 * GPA, 0x40000, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, (void *)w);
	ASSERT_NE(MAP_FAILED, (void *)w2);
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x40000));
	for (i = 0; i < 64; i++)
		ASSERT_EQ(0, ax_store(w + i * 512, i));
	ASSERT_EQ(0, ax_unmap(self->fd, GPA + 0x8000, 0x30000));
	/* The frames go to someone else, and the old place doesn't see it. */
	ASSERT_EQ(0, ax_map(self->fd, 2 * GPA, 0x40000));
	for (i = 0; i < 64; i++)
		ASSERT_EQ(0, ax_store(w2 + i * 512, 0xdead));
	for (i = 0; i < 64; i++) {
		if (i >= 8 && i < 56) {
			EXPECT_EQ(-EFAULT, ax_load(w + i * 512, &val));
			EXPECT_EQ(-EFAULT, ax_store(w + i * 512, 1));
		} else {
			EXPECT_EQ(0, ax_load(w + i * 512, &val));
			EXPECT_EQ(i, val);
		}
		EXPECT_EQ(0xdead, ax_get64(self->fd, 2 * GPA + i * AX_PAGE));
	}
	munmap(w, 0x40000);
	munmap(w2, 0x40000);
}

TEST_HARNESS_MAIN
