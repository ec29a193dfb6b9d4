// SPDX-License-Identifier: GPL-2.0
/*
 * Linear areas: which leaves they take, how they are split, and who may have
 * them. Most tests use host addresses that nothing answers to; those that move
 * data need memory that the kernel was told to leave alone (memmap=64M$ADDRESS)
 * in AXAS_RESERVED_HPA and AXAS_RESERVED_SIZE, or an ivshmem device.
 */
#include "axas_fixture.h"
#include "axas_hpa.h"

#define G	0x40000000ULL		/* a GPA aligned to 1 GiB */

static __u64 unused_hpa;

#define NEED_HPA() do {							\
	unused_hpa = ax_find_unused_hpa(4 * AX_1G, self->info.hpa_bits); \
	if (!unused_hpa)						\
		SKIP(return, "no unused host physical addresses in /proc/iomem"); \
	ASSERT_EQ(0, unused_hpa % AX_1G);				\
} while (0)

/* Does @gpa translate to @hpa in a leaf of @leaf_size? */
static bool lies_at(int fd, __u64 gpa, __u64 hpa, __u64 leaf_size)
{
	struct axas_translate_entry e;

	if (ax_translate(fd, gpa, &e) == AXAS_TRANSLATE_MAPPED &&
	    e.hpa == hpa && e.leaf_size == leaf_size)
		return true;
	printf("# %#llx: state %u hpa %#llx leaf %#llx, want hpa %#llx leaf %#llx\n",
	       (unsigned long long)gpa, e.state, e.hpa, e.leaf_size,
	       (unsigned long long)hpa, (unsigned long long)leaf_size);
	return false;
}

/* Append @n leaves of @level from @gpa on. */
static size_t leaves(struct ax_leaf *leaf, size_t nr, __u64 gpa,
		     unsigned int level, size_t n)
{
	for (; n--; gpa += AX_PAGE << 9 * level)
		leaf[nr++] = (struct ax_leaf){ gpa, level };
	return nr;
}

TEST_F(space, largest_leaf_at_every_step)
{
	const __u64 gpa = G - AX_2M - 0x2000;
	const __u64 len = 0x2000 + AX_2M + AX_1G + AX_2M + 0x1000;
	const bool has_1g = self->info.leaf_sizes & AX_1G && self->empty.levels > 2;
	struct axas_translate_entry e;
	struct axas_stats st;
	struct ax_leaf leaf[520];
	__u64 delta;
	size_t nr;

	NEED_HPA();
	delta = unused_hpa + AX_1G - G;
	ASSERT_EQ(0, ax_map_linear(self->fd, gpa, len, gpa + delta, AX_RWX, 0));
	nr = leaves(leaf, 0, gpa, 0, 2);
	nr = leaves(leaf, nr, G - AX_2M, 1, 1);
	nr = has_1g ? leaves(leaf, nr, G, 2, 1) : leaves(leaf, nr, G, 1, 512);
	nr = leaves(leaf, nr, G + AX_1G, 1, 1);
	nr = leaves(leaf, nr, G + AX_1G + AX_2M, 0, 1);
	EXPECT_TRUE(ax_tables_are(self->fd, leaf, nr));
	EXPECT_TRUE(lies_at(self->fd, gpa + 0x1fff, gpa + delta + 0x1fff, 4096));
	EXPECT_TRUE(lies_at(self->fd, G - 1, G - 1 + delta, AX_2M));
	EXPECT_TRUE(lies_at(self->fd, G + 0x2345678, G + delta + 0x2345678,
			    has_1g ? AX_1G : AX_2M));
	EXPECT_TRUE(lies_at(self->fd, gpa + len - 1, gpa + len - 1 + delta, 4096));
	EXPECT_EQ(AXAS_TRANSLATE_NO_AREA, ax_state(self->fd, gpa + len));
	ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, G + 0x2345678, &e));
	EXPECT_EQ(gpa + len - G - 0x2345678, e.limit);
	/* The frames aren't the space's own. */
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(0, st.resident);
	EXPECT_EQ(1, st.areas);
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, G, AX_RWX));
}

TEST_F(space, alignment_of_both_sides_counts)
{
	struct ax_leaf leaf[1024];
	size_t nr;

	NEED_HPA();
	/* Aligned GPAs on HPAs that are off by a page, then by 2 MiB. */
	ASSERT_EQ(0, ax_map_linear(self->fd, G, 2 * AX_2M, unused_hpa + 0x1000, AX_RW, 0));
	nr = leaves(leaf, 0, G, 0, 1024);
	EXPECT_TRUE(ax_tables_are(self->fd, leaf, nr));
	EXPECT_EQ(0, ax_clear(self->fd));
	ASSERT_EQ(0, ax_map_linear(self->fd, G, AX_1G, unused_hpa + AX_2M, AX_RW, 0));
	nr = leaves(leaf, 0, G, 1, 512);
	EXPECT_TRUE(ax_tables_are(self->fd, leaf, nr));
	EXPECT_TRUE(lies_at(self->fd, G + 3, unused_hpa + AX_2M + 3, AX_2M));
}

TEST_F(space, max_leaf_is_obeyed)
{
	const bool has_1g = self->info.leaf_sizes & AX_1G && self->empty.levels > 2;
	struct axas_stats st;

	NEED_HPA();
	ASSERT_EQ(0, ax_map_linear(self->fd, G, AX_2M, unused_hpa, AX_RW, 4096));
	ASSERT_EQ(0, ax_map_linear(self->fd, 2 * G, AX_1G, unused_hpa, AX_RW, AX_2M));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(512, st.leaves[0]);
	EXPECT_EQ(512, st.leaves[1]);
	EXPECT_EQ(0, st.leaves[2]);
	/* A table of two levels has no such leaves; its format has. */
	EXPECT_EQ(self->info.leaf_sizes & AX_1G ? 0 : -EOPNOTSUPP,
		  ax_map_linear(self->fd, 0, AX_1G, unused_hpa, AX_RW, AX_1G));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(has_1g, st.leaves[2]);
}

TEST_F(space, split_by_unmap)
{
	const bool has_1g = self->info.leaf_sizes & AX_1G && self->empty.levels > 2;
	struct ax_leaf leaf[1100];
	size_t nr;

	NEED_HPA();
	ASSERT_EQ(0, ax_map_linear(self->fd, G, AX_1G, unused_hpa, AX_RW, 0));
	if (has_1g) {
		leaves(leaf, 0, G, 2, 1);
		EXPECT_TRUE(ax_tables_are(self->fd, leaf, 1));
	}
	/* A page out of it: 511 small and 511 large leaves stay. */
	ASSERT_EQ(0, ax_unmap(self->fd, G + 7 * AX_2M + 0x5000, 0x1000));
	nr = leaves(leaf, 0, G, 1, 7);
	nr = leaves(leaf, nr, G + 7 * AX_2M, 0, 5);
	nr = leaves(leaf, nr, G + 7 * AX_2M + 0x6000, 0, 506);
	nr = leaves(leaf, nr, G + 8 * AX_2M, 1, 504);
	EXPECT_TRUE(ax_tables_are(self->fd, leaf, nr));
	EXPECT_EQ(AXAS_TRANSLATE_NO_AREA, ax_state(self->fd, G + 7 * AX_2M + 0x5000));
	EXPECT_TRUE(lies_at(self->fd, G + 7 * AX_2M + 0x4fff,
			    unused_hpa + 7 * AX_2M + 0x4fff, 4096));
	EXPECT_TRUE(lies_at(self->fd, G + 7 * AX_2M + 0x6000,
			    unused_hpa + 7 * AX_2M + 0x6000, 4096));
	EXPECT_TRUE(lies_at(self->fd, G, unused_hpa, AX_2M));
	EXPECT_TRUE(lies_at(self->fd, G + AX_1G - 1, unused_hpa + AX_1G - 1, AX_2M));
	/* A whole large leaf: none is split. */
	ASSERT_EQ(0, ax_unmap(self->fd, G + 7 * AX_2M, AX_2M));
	nr = leaves(leaf, 0, G, 1, 7);
	nr = leaves(leaf, nr, G + 8 * AX_2M, 1, 504);
	EXPECT_TRUE(ax_tables_are(self->fd, leaf, nr));
	/* From the middle of one leaf to the middle of another. */
	ASSERT_EQ(0, ax_unmap(self->fd, G + AX_2M / 2, 4 * AX_2M));
	nr = leaves(leaf, 0, G, 0, 256);
	nr = leaves(leaf, nr, G + 4 * AX_2M + AX_2M / 2, 0, 256);
	nr = leaves(leaf, nr, G + 5 * AX_2M, 1, 2);
	nr = leaves(leaf, nr, G + 8 * AX_2M, 1, 504);
	EXPECT_TRUE(ax_tables_are(self->fd, leaf, nr));
}

TEST_F(space, split_by_protect)
{
	struct axas_translate_entry e;
	struct ax_leaf leaf[1100];
	size_t nr;

	NEED_HPA();
	ASSERT_EQ(0, ax_map_linear(self->fd, G, AX_1G, unused_hpa, AX_RWX, 0));
	ASSERT_EQ(0, ax_protect(self->fd, G + AX_2M, AX_2M, AX_R));
	nr = leaves(leaf, 0, G, 1, 512);
	EXPECT_TRUE(ax_tables_are(self->fd, leaf, nr));
	ASSERT_EQ(0, ax_protect(self->fd, G + AX_2M + 0x1000, 0x1000, AX_RX));
	nr = leaves(leaf, 0, G, 1, 1);
	nr = leaves(leaf, nr, G + AX_2M, 0, 512);
	nr = leaves(leaf, nr, G + 2 * AX_2M, 1, 510);
	EXPECT_TRUE(ax_tables_are(self->fd, leaf, nr));
	ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, G + AX_2M, &e));
	EXPECT_EQ(AX_R, e.prot);
	EXPECT_EQ(0x1000, e.limit);
	ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, G + AX_2M + 0x1000, &e));
	EXPECT_EQ(AX_RX, e.prot);
	EXPECT_EQ(unused_hpa + AX_2M + 0x1000, e.hpa);
	ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, G + AX_2M + 0x2000, &e));
	EXPECT_EQ(AX_R, e.prot);
	EXPECT_EQ(AX_2M - 0x2000, e.limit);
	ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, G + 2 * AX_2M, &e));
	EXPECT_EQ(AX_RWX, e.prot);
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, G + AX_2M + 0x1000, AX_W));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, G + AX_2M, AX_X));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, G, AX_RWX));
}

TEST_F(space, attributes_in_every_leaf_size)
{
	static const __u32 prots[] = { AX_R, AX_RW, AX_RX, AX_RWX };
	static const __u64 sizes[] = { 4096, AX_2M, AX_1G };
	struct axas_translate_entry e;
	unsigned int type, p, s;

	NEED_HPA();
	for (s = 0; s < 3; s++) {
		if (!(self->info.leaf_sizes & sizes[s]) || s >= self->empty.levels)
			continue;
		for (type = 0; type <= AXAS_MEM_DEVICE; type++) {
			for (p = 0; p < 4; p++) {
				struct axas_map m = {
					.size = sizeof(m), .gpa = G, .length = sizes[s],
					.hpa = unused_hpa, .prot = prots[p],
					.backend = AXAS_BACKEND_LINEAR, .memtype = type,
				};
				bool has = self->info.memtypes >> type & 1;

				ASSERT_EQ(has ? 0 : -EOPNOTSUPP,
					  ax_ioctl(self->fd, AXAS_MAP, &m));
				if (!has)
					continue;
				EXPECT_TRUE(lies_at(self->fd, G + 5, unused_hpa + 5, sizes[s]));
				ax_translate(self->fd, G, &e);
				EXPECT_EQ(prots[p], e.prot);
				EXPECT_EQ(type, e.memtype);
				ASSERT_EQ(0, ax_unmap(self->fd, G, sizes[s]));
			}
		}
	}
}

TEST_F(space, ordinary_ram_is_refused)
{
	__u64 from, to, probe[] = { G, G + 0x1000, G + AX_2M };
	struct ax_snapshot before, after;

	if (!ax_find_ram(16 << 20, &from, &to))
		SKIP(return, "no System RAM in /proc/iomem");
	if (to >> self->info.hpa_bits)
		SKIP(return, "RAM lies above what an entry holds");
	ASSERT_EQ(0, ax_map(self->fd, 0, 0x1000));
	ASSERT_EQ(0, ax_snap(self->fd, probe, 3, &before));
	EXPECT_EQ(-EACCES, ax_map_linear(self->fd, G, 0x1000, from, AX_R, 0));
	EXPECT_EQ(-EACCES, ax_map_linear(self->fd, G, 0x1000, to - 0x1000, AX_R, 0));
	EXPECT_EQ(-EACCES, ax_map_linear(self->fd, G, AX_2M, from + (8 << 20), AX_RW, 0));
	/* Ranges that only touch it: the first page, the last page. */
	if (from >= 0x1000)
		EXPECT_EQ(-EACCES, ax_map_linear(self->fd, G, 0x2000, from - 0x1000, AX_R, 0));
	EXPECT_EQ(-EACCES, ax_map_linear(self->fd, G, 0x2000, to - 0x1000, AX_R, 0));
	/* One around all of it. */
	EXPECT_EQ(-EACCES, ax_map_linear(self->fd, 0x1000, to, 0, AX_R, 0));
	ASSERT_EQ(0, ax_snap(self->fd, probe, 3, &after));
	EXPECT_TRUE(ax_snap_same(&before, &after, true, "RAM refused"));
	/* The frame of this very space is RAM too. */
	ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, 0, AX_W));
	EXPECT_EQ(-EACCES, ax_map_linear(self->fd, G, 0x1000, ax_hpa(self->fd, 0), AX_R, 0));
}

TEST_F(space, needs_rawio)
{
	__u64 probe[] = { 0, G };
	struct ax_snapshot before, after;
	pid_t pid;

	NEED_HPA();
	ASSERT_EQ(0, ax_snap(self->fd, probe, 2, &before));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct axas_probe probe = { .size = sizeof(probe), .access = AX_R };
		int bad = ax_drop_cap(CAP_SYS_RAWIO) ? 1 : 0;
		int ret = ax_ioctl(self->fd, AXAS_PROBE, &probe);

		/* Not every module and machine can probe. */
		bad |= ret != -EPERM && ret != -EOPNOTSUPP ? 32 : 0;
		bad |= ax_map_linear(self->fd, G, 0x1000, unused_hpa, AX_R, 0) != -EPERM ? 2 : 0;
		bad |= ax_map_linear(self->fd, G, 0x1000, 0x100000, AX_R, 0) != -EPERM ? 4 : 0;
		/* Kernel frames are for everyone who has the descriptor. */
		bad |= ax_map(self->fd, 0, 0x1000) ? 8 : 0;
		bad |= ax_unmap(self->fd, 0, 0x1000) ? 16 : 0;
		_exit(bad);
	}
	EXPECT_EQ(0, ax_wait(pid));
	ASSERT_EQ(0, ax_snap(self->fd, probe, 2, &after));
	EXPECT_TRUE(ax_snap_same(&before, &after, true, "without CAP_SYS_RAWIO"));
	EXPECT_EQ(0, ax_map_linear(self->fd, G, 0x1000, unused_hpa, AX_R, 0));
}

TEST_F(space, beside_kernel_frames)
{
	struct axas_stats st;

	NEED_HPA();
	ASSERT_EQ(0, ax_map_linear(self->fd, G, 0x4000, unused_hpa, AX_RW, 0));
	ASSERT_EQ(0, ax_populate(self->fd, G + 0x4000, 0x4000));
	ASSERT_EQ(0, ax_map_linear(self->fd, G + 0x8000, 0x4000, unused_hpa, AX_RW, 0));
	EXPECT_EQ(-EEXIST, ax_map_linear(self->fd, G, 0x1000, unused_hpa, AX_RW, 0));
	EXPECT_EQ(-EEXIST, ax_map_linear(self->fd, G - 0x1000, AX_1G, unused_hpa, AX_RW, 0));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(3, st.areas);
	EXPECT_EQ(0x4000, st.resident);
	EXPECT_EQ(12, st.leaves[0]);
	EXPECT_EQ(0, ax_protect(self->fd, G + 0x2000, 0x8000, AX_R));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, G + 0x9000, AX_W));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, G + 0xa000, AX_W));
	EXPECT_EQ(0, ax_unmap(self->fd, G + 0x3000, 0x6000));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(0, st.resident);
	EXPECT_EQ(6, st.leaves[0]);
	EXPECT_TRUE(lies_at(self->fd, G + 0x9000, unused_hpa + 0x1000, 4096));
}

TEST_F(space, data_in_reserved_memory)
{
	__u64 hpa, len, i, val, *w, *small;

	if (!ax_find_reserved(&hpa, &len) && !ax_find_ivshmem(&hpa, &len))
		SKIP(return, "no reserved memory: AXAS_RESERVED_HPA and AXAS_RESERVED_SIZE");
	ASSERT_LE(AX_2M, len);
	/* The same memory at three places, in large leaves and in small ones. */
	ASSERT_EQ(0, ax_map_linear(self->fd, G, AX_2M, hpa, AX_RW, 0));
	ASSERT_EQ(0, ax_map_linear(self->fd, 2 * G, AX_2M, hpa, AX_RW, 4096));
	ASSERT_EQ(0, ax_map_linear(self->fd, 0, 0x1000, hpa + 0x5000, AX_R, 0));
	EXPECT_TRUE(lies_at(self->fd, G, hpa, AX_2M));
	for (i = 0; i < 512; i += 7)
		ASSERT_EQ(0, ax_put64(self->fd, G + i * AX_PAGE + 8 * i, 0xabc000 + i));
	for (i = 0; i < 512; i += 7)
		EXPECT_EQ(0xabc000 + i, ax_get64(self->fd, 2 * G + i * AX_PAGE + 8 * i));
	ASSERT_EQ(0, ax_put64(self->fd, G + 0x5010, 55));
	EXPECT_EQ(55, ax_get64(self->fd, 0x10));
	EXPECT_EQ(-EACCES, ax_pwrite(self->fd, &i, 8, 0x10));
	/* Windows see it as well. */
	w = ax_window(self->fd, G, AX_2M, PROT_READ | PROT_WRITE);
	small = ax_window(self->fd, 0, 0x1000, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, (void *)w);
	ASSERT_NE(MAP_FAILED, (void *)small);
	EXPECT_EQ(0, ax_load(w + 0x5010 / 8, &val));
	EXPECT_EQ(55, val);
	EXPECT_EQ(0, ax_store(w + 0x5010 / 8, 56));
	EXPECT_EQ(0, ax_load(small + 2, &val));
	EXPECT_EQ(56, val);
	EXPECT_EQ(-EFAULT, ax_store(small + 2, 57));
	/* Split by unmap: the rest is there still, and so is what lies behind. */
	ASSERT_EQ(0, ax_unmap(self->fd, G + 0x5000, 0x1000));
	EXPECT_EQ(-EFAULT, ax_load(w + 0x5010 / 8, &val));
	EXPECT_EQ(0, ax_load(w + 7 * 512 + 7, &val));
	EXPECT_EQ(0xabc007, val);
	EXPECT_EQ(56, ax_get64(self->fd, 2 * G + 0x5010));
	EXPECT_EQ(0, ax_resident(self->fd));
	/* Without the space, the memory keeps what was written. */
	ASSERT_EQ(0, ax_clear(self->fd));
	EXPECT_EQ(-EFAULT, ax_load(w, &val));
	ASSERT_EQ(0, ax_map_linear(self->fd, G, 0x6000, hpa, AX_R, 0));
	EXPECT_EQ(56, ax_get64(self->fd, G + 0x5010));
	munmap(w, AX_2M);
	munmap(small, 0x1000);
}

TEST_HARNESS_MAIN
