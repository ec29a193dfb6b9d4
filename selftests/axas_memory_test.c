// SPDX-License-Identifier: GPL-2.0
/*
 * The bytes of a space: pread, pwrite and windows made with mmap. Where the
 * first byte can't be had, a hole is EFAULT and an area without the right EACCES.
 */
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "axas_fixture.h"

#define GPA	0x400000ULL
#define RW	(PROT_READ | PROT_WRITE)

/* A pattern that differs in every byte of every page. */
static void fill(unsigned char *p, size_t n, unsigned int salt)
{
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = i * 31 + (i >> 8) * 7 + (i >> 12) * 13 + salt;
}

static bool all_zero(const unsigned char *p, size_t n)
{
	return !n || (!p[0] && !memcmp(p, p + 1, n - 1));
}

TEST_F(space, read_write_across_pages)
{
	static const struct { unsigned int at, len; } spans[] = {
		{ 0, 1 }, { 4095, 2 }, { 4096, 4096 }, { 1, 4095 }, { 100, 12000 },
		{ 8191, 1 }, { 4090, 8200 }, { 0, 0x8000 }, { 0x7fff, 1 },
		{ 0x3ffd, 7 }, { 5, 0 },
	};
	static unsigned char model[0x8000], buf[0x8000], got[0x8000];
	unsigned int i;

	/* Adjacent areas, lazy, resident and lazy. */
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x2000));
	ASSERT_EQ(0, ax_populate(self->fd, GPA + 0x2000, 0x3000));
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA + 0x5000, 0x3000, AX_RWX, 0, 0));
	EXPECT_EQ(0x8000, ax_pread(self->fd, got, 0x8000, GPA));
	EXPECT_TRUE(all_zero(got, 0x8000));
	for (i = 0; i < ARRAY_SIZE(spans); i++) {
		unsigned int at = spans[i].at, len = spans[i].len;

		fill(buf, len, i * 17 + 1);
		memcpy(model + at, buf, len);
		EXPECT_EQ(len, ax_pwrite(self->fd, buf, len, GPA + at));
		memset(got, 0xee, sizeof(got));
		EXPECT_EQ(len, ax_pread(self->fd, got, len, GPA + at));
		EXPECT_EQ(0, memcmp(model + at, got, len));
		EXPECT_EQ(0x8000, ax_pread(self->fd, got, 0x8000, GPA));
		EXPECT_EQ(0, memcmp(model, got, 0x8000))
			TH_LOG("after %u bytes at %#x", len, at);
	}
	EXPECT_EQ(0x8000, ax_resident(self->fd));
}

TEST_F(space, stops_short_at_a_hole)
{
	static unsigned char buf[0x8000];

	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x3000));
	ASSERT_EQ(0, ax_map(self->fd, GPA + 0x4000, 0x1000));
	memset(buf, 0x5a, sizeof(buf));
	EXPECT_EQ(0x2800, ax_pwrite(self->fd, buf, sizeof(buf), GPA + 0x800));
	EXPECT_EQ(0x3000, ax_pread(self->fd, buf, sizeof(buf), GPA));
	EXPECT_EQ(0, buf[0x7ff]);
	EXPECT_EQ(0x5a, buf[0x800]);
	EXPECT_EQ(-EFAULT, ax_pread(self->fd, buf, 1, GPA + 0x3000));
	EXPECT_EQ(-EFAULT, ax_pwrite(self->fd, buf, 1, GPA + 0x3000));
	EXPECT_EQ(-EFAULT, ax_pread(self->fd, buf, sizeof(buf), GPA + 0x3fff));
	EXPECT_EQ(-EFAULT, ax_pread(self->fd, buf, 1, GPA - 1));
	/* What lies behind the hole was not written. */
	EXPECT_EQ(0, ax_get64(self->fd, GPA + 0x4000));
	/* No bytes are always there. */
	EXPECT_EQ(0, ax_pread(self->fd, buf, 0, GPA));
	EXPECT_EQ(0, ax_pwrite(self->fd, buf, 0, GPA));
}

TEST_F(space, permissions_are_obeyed)
{
	struct axas_create c = {
		.size = sizeof(c), .format = variant->format,
		.gpa_bits = variant->bits, .features = AXAS_FEAT_EXEC_ONLY,
	};
	unsigned char buf[0x2000] = { 1 };
	int fd;

	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x1000));
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA + 0x1000, 0x1000, AX_RX, 0, 0));
	EXPECT_EQ(0x2000, ax_pread(self->fd, buf, sizeof(buf), GPA));
	buf[0] = 1;
	EXPECT_EQ(0x1000, ax_pwrite(self->fd, buf, sizeof(buf), GPA));
	EXPECT_EQ(0x10, ax_pwrite(self->fd, buf, sizeof(buf), GPA + 0xff0));
	EXPECT_EQ(-EACCES, ax_pwrite(self->fd, buf, 1, GPA + 0x1000));
	EXPECT_EQ(0, ax_get64(self->fd, GPA + 0x1000));
	if (!(self->info.features & AXAS_FEAT_EXEC_ONLY))
		return;
	fd = ax_ioctl(self->dev, AXAS_CREATE, &c);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ax_map_alloc(fd, GPA, 0x1000, AX_X, 0, 0));
	EXPECT_EQ(-EACCES, ax_pread(fd, buf, 1, GPA));
	EXPECT_EQ(-EACCES, ax_pwrite(fd, buf, 1, GPA));
	close(fd);
}

TEST_F(space, end_of_the_space)
{
	unsigned char buf[0x2000] = { 7 };
	int fd;

	ASSERT_EQ(0, ax_map(self->fd, self->end - 0x1000, 0x1000));
	EXPECT_EQ(0x1000, ax_pwrite(self->fd, buf, sizeof(buf), self->end - 0x1000));
	EXPECT_EQ(0x1000, ax_pread(self->fd, buf, sizeof(buf), self->end - 0x1000));
	EXPECT_EQ(0, ax_pread(self->fd, buf, 1, self->end));
	EXPECT_EQ(0, ax_pread(self->fd, buf, 1, self->end + 0x12345));
	EXPECT_EQ(-ENOSPC, ax_pwrite(self->fd, buf, 1, self->end));
	EXPECT_EQ(-ENOSPC, ax_pwrite(self->fd, buf, 1, self->end + 0x12345));
	EXPECT_EQ(0, ax_pread(self->fd, buf, 1, INT64_MAX - 1));
	EXPECT_EQ(-EINVAL, ax_pread(self->fd, buf, 1, -4096ULL));

	fd = ax_create_range(self->dev, variant->format, variant->bits, 0x10000, 0x2000);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ax_map(fd, 0x10000, 0x2000));
	EXPECT_EQ(0x1000, ax_pread(fd, buf, sizeof(buf), 0x11000));
	EXPECT_EQ(0, ax_pread(fd, buf, 1, 0x12000));
	EXPECT_EQ(-ENOSPC, ax_pwrite(fd, buf, 1, 0x12000));
	/* In front of the space there is nothing either. */
	EXPECT_GE(0, ax_pread(fd, buf, sizeof(buf), 0xf000));
	EXPECT_GT(0, ax_pwrite(fd, buf, sizeof(buf), 0xf000));
	close(fd);
}

TEST_F(space, bad_buffers_and_huge_counts)
{
	char *buf = mmap(NULL, 0x3000, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, (void *)buf);
	ASSERT_EQ(0, munmap(buf + 0x2000, 0x1000));
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x2000));
	ASSERT_EQ(0, ax_populate(self->fd, GPA + 0x2000, 0x4000));
	EXPECT_EQ(-EFAULT, ax_pread(self->fd, (void *)8, 64, GPA));
	EXPECT_EQ(-EFAULT, ax_pwrite(self->fd, (void *)8, 64, GPA));
	EXPECT_EQ(-EFAULT, ax_pread(self->fd, buf + 0x2000, 64, GPA + 0x2000));
	/* A buffer that ends early: what fitted in is counted. */
	EXPECT_EQ(0x2000, ax_pread(self->fd, buf, 0x4000, GPA));
	EXPECT_EQ(0x2000, ax_pwrite(self->fd, buf, 0x4000, GPA));
	/* Counts beyond all that is there stop at the hole. */
	munmap(buf, 0x2000);
	buf = mmap((void *)(1UL << 32), 0x7000, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)buf);
	EXPECT_EQ(0x6000, ax_pread(self->fd, buf, 1UL << 33, GPA));
	EXPECT_EQ(0x6000, ax_pwrite(self->fd, buf, 1UL << 33, GPA));
	EXPECT_EQ(0x6000, ax_pread(self->fd, buf, 0x7ffff000, GPA));
	EXPECT_GT(0, ax_pread(self->fd, buf, -1UL, GPA));
	munmap(buf, 0x7000);
}

TEST_F(space, vectors)
{
	static unsigned char a[3], b[0x1800], c[1], d[0x2000], model[0x4000], got[0x4000];
	struct iovec v[] = {
		{ a, sizeof(a) }, { b, sizeof(b) }, { NULL, 0 },
		{ c, sizeof(c) }, { d, sizeof(d) },
	};
	const size_t total = sizeof(a) + sizeof(b) + sizeof(c) + sizeof(d);

	fill(a, sizeof(a), 1);
	fill(b, sizeof(b), 2);
	fill(c, sizeof(c), 3);
	fill(d, sizeof(d), 4);
	memcpy(model + 9, a, 3);
	memcpy(model + 12, b, sizeof(b));
	memcpy(model + 12 + sizeof(b), c, 1);
	memcpy(model + 13 + sizeof(b), d, sizeof(d));
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x4000));
	EXPECT_EQ(total, pwritev(self->fd, v, ARRAY_SIZE(v), GPA + 9));
	EXPECT_EQ(0x4000, ax_pread(self->fd, got, 0x4000, GPA));
	EXPECT_EQ(0, memcmp(model, got, 0x4000));
	memset(a, 0, sizeof(a));
	memset(b, 0, sizeof(b));
	memset(c, 0, sizeof(c));
	memset(d, 0, sizeof(d));
	EXPECT_EQ(total, preadv(self->fd, v, ARRAY_SIZE(v), GPA + 9));
	EXPECT_EQ(0, memcmp(model + 9, a, 3));
	EXPECT_EQ(0, memcmp(model + 12, b, sizeof(b)));
	EXPECT_EQ(0, memcmp(model + 13 + sizeof(b), d, sizeof(d)));
	/* A vector that runs into a hole. */
	EXPECT_EQ(0x100, preadv(self->fd, v, ARRAY_SIZE(v), GPA + 0x3f00));
}

TEST_F(space, window_refusals)
{
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 0x1000, PROT_READ, MAP_PRIVATE, self->fd, GPA));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 0x1000, RW, MAP_PRIVATE, self->fd, GPA));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, ax_window(self->fd, self->end, 0x1000, PROT_READ));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, ax_window(self->fd, self->end - 0x1000, 0x2000, PROT_READ));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, ax_window(self->dev, 0, 0x1000, PROT_READ));
}

TEST_F(space, window_sees_the_same_frames)
{
	__u64 *w, *w2, val, hpa;

	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x10000));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x1008, 11));
	w = ax_window(self->fd, GPA, 0x20000, RW);
	w2 = ax_window(self->fd, GPA + 0x1000, 0x1000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	ASSERT_NE(MAP_FAILED, (void *)w2);
	/* Touched by pwrite, by the window, by a fault: one frame each. */
	hpa = ax_hpa(self->fd, GPA + 0x1000);
	EXPECT_EQ(0, ax_load(w + 0x1008 / 8, &val));
	EXPECT_EQ(11, val);
	EXPECT_EQ(0, ax_store(w + 0x1010 / 8, 12));
	EXPECT_EQ(12, ax_get64(self->fd, GPA + 0x1010));
	EXPECT_EQ(0, ax_load(w2 + 2, &val));
	EXPECT_EQ(12, val);
	EXPECT_EQ(hpa, ax_hpa(self->fd, GPA + 0x1000));
	EXPECT_EQ(AX_PAGE, ax_resident(self->fd));
	EXPECT_EQ(0, ax_load(w + 0x2000 / 8, &val));
	EXPECT_EQ(0, val);
	EXPECT_EQ(0, ax_store(w + 0x3000 / 8, 13));
	EXPECT_EQ(AXAS_TRANSLATE_MAPPED, ax_state(self->fd, GPA + 0x3000));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, GPA + 0x3000, AX_W));
	EXPECT_EQ(13, ax_get64(self->fd, GPA + 0x3000));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA + 0x4000, AX_W));
	EXPECT_EQ(0, ax_store(w + 0x4000 / 8, 14));
	EXPECT_EQ(14, ax_get64(self->fd, GPA + 0x4000));
	/* A hole, now and after it was filled. */
	EXPECT_EQ(-EFAULT, ax_load(w + 0x10000 / 8, &val));
	EXPECT_EQ(-EFAULT, ax_store(w + 0x10000 / 8, 1));
	ASSERT_EQ(0, ax_map(self->fd, GPA + 0x10000, 0x1000));
	EXPECT_EQ(0, ax_store(w + 0x10000 / 8, 15));
	EXPECT_EQ(15, ax_get64(self->fd, GPA + 0x10000));
	munmap(w, 0x20000);
	munmap(w2, 0x1000);
	EXPECT_EQ(15, ax_get64(self->fd, GPA + 0x10000));
}

TEST_F(space, window_obeys_permissions)
{
	__u64 *w, *ro, val;

	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, 0x2000, AX_R, 0, 0));
	w = ax_window(self->fd, GPA, 0x2000, RW);
	ro = ax_window(self->fd, GPA, 0x2000, PROT_READ);
	ASSERT_NE(MAP_FAILED, (void *)w);
	ASSERT_NE(MAP_FAILED, (void *)ro);
	/* A write first, a write after a read, and the other page. */
	EXPECT_EQ(-EFAULT, ax_store(w, 1));
	EXPECT_EQ(0, ax_load(w, &val));
	EXPECT_EQ(0, val);
	EXPECT_EQ(-EFAULT, ax_store(w, 1));
	EXPECT_EQ(0, ax_load(ro + 512, &val));
	EXPECT_EQ(-EFAULT, ax_store(w + 512, 1));
	/* More rights take effect in windows that are there. */
	ASSERT_EQ(0, ax_protect(self->fd, GPA, 0x2000, AX_RW));
	EXPECT_EQ(0, ax_store(w, 2));
	EXPECT_EQ(0, ax_store(w + 512, 3));
	EXPECT_EQ(0, ax_load(ro, &val));
	EXPECT_EQ(2, val);
	/* Fewer do so at once. */
	ASSERT_EQ(0, ax_protect(self->fd, GPA, 0x1000, AX_R));
	EXPECT_EQ(-EFAULT, ax_store(w, 4));
	EXPECT_EQ(0, ax_store(w + 512, 5));
	EXPECT_EQ(0, ax_load(w, &val));
	EXPECT_EQ(2, val);
	munmap(w, 0x2000);
	munmap(ro, 0x2000);
}

/* Which of the first pages of a window the process has, a bit each. */
static __u64 window_has(const void *w, unsigned int pages)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	__u64 entry, has = 0;
	unsigned int i;

	for (i = 0; i < pages; i++) {
		entry = 0;
		pread(fd, &entry, 8, ((uintptr_t)w / AX_PAGE + i) * 8);
		has |= entry >> 63 << i;
	}
	close(fd);
	return has;
}

/* A window that begins where a read's neighbourhood may. */
static void *aligned_window(int fd, __u64 gpa, size_t len)
{
	void *p = mmap(NULL, len + 0x10000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return p;
	p = (void *)(((uintptr_t)p + 0xffff) & ~0xffffULL);
	return mmap(p, len, RW, MAP_SHARED | MAP_FIXED, fd, gpa);
}

TEST_F(space, read_brings_what_is_there)
{
	__u64 *w, val;
	int i, ram;

	for (i = 0; i < 2; i++) {
		/* There, there and read-only, there, not there, and no area. */
		ASSERT_EQ(0, ax_populate(self->fd, GPA, 0xa000));
		ASSERT_EQ(0, ax_protect(self->fd, GPA + 0x4000, 0x2000, AX_R));
		ASSERT_EQ(0, ax_map(self->fd, GPA + 0xa000, 0x2000));
		ram = ax_ram_file(self->fd, GPA, 0x20000, AX_RW);
		ASSERT_LE(0, ram);
		w = aligned_window(i ? ram : self->fd, i ? 0 : GPA, 0x20000);
		ASSERT_NE(MAP_FAILED, (void *)w);
		EXPECT_EQ(0, window_has(w, 32));
		EXPECT_EQ(0, ax_load(w + 2 * 512, &val));
		EXPECT_EQ(0x3fc, window_has(w, 32));
		EXPECT_EQ(0xa000, ax_resident(self->fd));
		/* Each is what the table says, and hears of the first store. */
		EXPECT_EQ(0, ax_put64(self->fd, GPA + 0x7000, 51));
		EXPECT_EQ(0, ax_load(w + 7 * 512, &val));
		EXPECT_EQ(51, val);
		EXPECT_EQ(0, ax_store(w + 3 * 512, 52));
		EXPECT_EQ(52, ax_get64(self->fd, GPA + 0x3000));
		EXPECT_EQ(-EFAULT, ax_store(w + 4 * 512, 53));
		EXPECT_EQ(0, ax_load(w + 5 * 512, &val));
		EXPECT_EQ(-EFAULT, ax_store(w + 5 * 512, 53));
		/* They go with their leaves. */
		ASSERT_EQ(0, ax_unmap(self->fd, GPA + 0x8000, 0x1000));
		EXPECT_EQ(0x2fc, window_has(w, 32));
		EXPECT_EQ(-EFAULT, ax_load(w + 8 * 512, &val));
		/* Who reads here and there can say so. */
		ASSERT_EQ(0, madvise(w, 0x20000, MADV_DONTNEED));
		ASSERT_EQ(0, madvise(w, 0x20000, MADV_RANDOM));
		EXPECT_EQ(0, ax_load(w + 3 * 512, &val));
		EXPECT_EQ(52, val);
		EXPECT_EQ(8, window_has(w, 32));
		munmap(w, 0x20000);
		close(ram);
		ASSERT_EQ(0, ax_clear(self->fd));
	}
}

TEST_F(space, unmap_and_protect_reach_all_windows)
{
	int to_child[2], from_child[2];
	__u64 *w, *w2, val;
	char c = 0;
	pid_t pid;

	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x3000));
	w = ax_window(self->fd, GPA, 0x3000, RW);
	w2 = ax_window(self->fd, GPA, 0x3000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	ASSERT_NE(MAP_FAILED, (void *)w2);
	ASSERT_EQ(0, ax_store(w, 1));
	ASSERT_EQ(0, ax_store(w2 + 512, 2));
	ASSERT_EQ(0, pipe(to_child) | pipe(from_child));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int bad = 0;

		/* Have the frames in this page table before they go. */
		bad |= ax_load(w, &val) || val != 1 ? 1 : 0;
		bad |= ax_store(w + 512, 3) ? 2 : 0;
		if (write(from_child[1], &c, 1) != 1 || read(to_child[0], &c, 1) != 1)
			_exit(128);
		bad |= ax_load(w, &val) != -EFAULT ? 4 : 0;
		bad |= ax_store(w2, 1) != -EFAULT ? 8 : 0;
		bad |= ax_load(w + 512, &val) || val != 3 ? 16 : 0;
		bad |= ax_store(w + 512, 1) != -EFAULT ? 32 : 0;
		_exit(bad);
	}
	ASSERT_EQ(1, read(from_child[0], &c, 1));
	ASSERT_EQ(0, ax_unmap(self->fd, GPA, 0x1000));
	ASSERT_EQ(0, ax_protect(self->fd, GPA + 0x1000, 0x1000, AX_R));
	ASSERT_EQ(1, write(to_child[1], &c, 1));
	EXPECT_EQ(-EFAULT, ax_load(w, &val));
	EXPECT_EQ(-EFAULT, ax_store(w2, 9));
	EXPECT_EQ(-EFAULT, ax_store(w2 + 512, 9));
	EXPECT_EQ(0, ax_load(w2 + 512, &val));
	EXPECT_EQ(3, val);
	EXPECT_EQ(0, ax_wait(pid));
	/* A new area at the same place has new frames in the old windows. */
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x1000));
	EXPECT_EQ(0, ax_load(w, &val));
	EXPECT_EQ(0, val);
	ASSERT_EQ(0, ax_clear(self->fd));
	EXPECT_EQ(-EFAULT, ax_load(w, &val));
	EXPECT_EQ(-EFAULT, ax_load(w + 512, &val));
}

TEST_F(space, mremap_of_a_window)
{
	char *room = mmap(NULL, 0x10000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	__u64 *w, *moved, val;

	ASSERT_NE(MAP_FAILED, (void *)room);
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x4000));
	w = ax_window(self->fd, GPA, 0x2000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	ASSERT_EQ(0, ax_store(w + 512, 21));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x2000, 22));
	moved = mremap(w, 0x2000, 0x3000, MREMAP_MAYMOVE | MREMAP_FIXED, room);
	if (moved == MAP_FAILED) {
		/* Growing may be refused; moving may not. */
		moved = mremap(w, 0x2000, 0x2000, MREMAP_MAYMOVE | MREMAP_FIXED, room);
		ASSERT_NE(MAP_FAILED, (void *)moved);
	} else {
		EXPECT_EQ(0, ax_load(moved + 1024, &val));
		EXPECT_EQ(22, val);
	}
	EXPECT_EQ(0, ax_load(moved + 512, &val));
	EXPECT_EQ(21, val);
	EXPECT_EQ(0, ax_store(moved, 23));
	EXPECT_EQ(23, ax_get64(self->fd, GPA));
	ASSERT_EQ(0, ax_unmap(self->fd, GPA, 0x4000));
	EXPECT_EQ(-EFAULT, ax_load(moved, &val));
	EXPECT_EQ(-EFAULT, ax_load(moved + 512, &val));
	/* And the part of a window. */
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x4000));
	ASSERT_EQ(0, munmap(moved, 0x1000));
	EXPECT_EQ(0, ax_store(moved + 512, 24));
	EXPECT_EQ(24, ax_get64(self->fd, GPA + 0x1000));
	EXPECT_EQ(0, madvise(moved + 512, 0x1000, MADV_DONTNEED));
	EXPECT_EQ(0, ax_load(moved + 512, &val));
	EXPECT_EQ(24, val);
}

TEST_F(space, window_outlives_the_descriptor)
{
	int fd = ax_create(self->dev, variant->format, variant->bits);
	__u64 *w, val;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ax_map(fd, GPA, 0x2000));
	ASSERT_EQ(0, ax_put64(fd, GPA, 31));
	w = ax_window(fd, GPA, 0x3000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(0, ax_load(w, &val));
	EXPECT_EQ(31, val);
	EXPECT_EQ(0, ax_store(w + 512, 32));
	EXPECT_EQ(-EFAULT, ax_store(w + 1024, 33));
	EXPECT_EQ(0, munmap(w, 0x3000));
}

TEST_F(space, window_of_huge_frames)
{
	__u64 *w, val;
	unsigned int i;

	if (!ax_have_free_2m())
		SKIP(return, "no free block of 2 MiB");
	ASSERT_EQ(0, ax_map_alloc(self->fd, 0x40000000, AX_2M, AX_RW, 0, AX_2M));
	w = ax_window(self->fd, 0x40000000, AX_2M, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	EXPECT_EQ(0, ax_store(w + 300 * 512, 41));
	EXPECT_EQ(AX_2M, ax_resident(self->fd));
	for (i = 0; i < 512; i++)
		EXPECT_EQ(0, ax_store(w + i * 512 + 1, i));
	for (i = 0; i < 512; i++)
		EXPECT_EQ(i, ax_get64(self->fd, 0x40000008 + i * AX_PAGE));
	ASSERT_EQ(0, ax_unmap(self->fd, 0x40000000 + 10 * AX_PAGE, AX_PAGE));
	EXPECT_EQ(-EFAULT, ax_load(w + 10 * 512, &val));
	EXPECT_EQ(0, ax_load(w + 11 * 512 + 1, &val));
	EXPECT_EQ(11, val);
	munmap(w, AX_2M);
}

TEST_F(space, descriptor_passed_outlives_its_maker)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} u = { 0 };
	char c = 'x';
	struct iovec v = { &c, 1 };
	struct msghdr msg = {
		.msg_iov = &v, .msg_iovlen = 1,
		.msg_control = u.buf, .msg_controllen = sizeof(u.buf),
	};
	struct cmsghdr *cm;
	__u64 *w, val;
	int pair[2], fd;
	pid_t pid;

	if (access("/proc/self/net/unix", F_OK))
		SKIP(return, "this kernel has no Unix sockets");
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		fd = ax_create(self->dev, variant->format, variant->bits);
		if (fd < 0 || ax_map(fd, GPA, 0x3000) || ax_put64(fd, GPA + 8, 51))
			_exit(1);
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
		_exit(sendmsg(pair[1], &msg, 0) == 1 ? 0 : 2);
	}
	ASSERT_EQ(0, ax_wait(pid));
	ASSERT_EQ(1, recvmsg(pair[0], &msg, 0));
	cm = CMSG_FIRSTHDR(&msg);
	ASSERT_NE(NULL, cm);
	memcpy(&fd, CMSG_DATA(cm), sizeof(fd));
	EXPECT_EQ(51, ax_get64(fd, GPA + 8));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(fd, GPA + 0x1000, AX_W));
	w = ax_window(fd, GPA, 0x3000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	EXPECT_EQ(0, ax_store(w + 1024, 52));
	EXPECT_EQ(52, ax_get64(fd, GPA + 0x2000));
	EXPECT_EQ(0x3000, ax_resident(fd));
	EXPECT_EQ(0, ax_load(w + 1, &val));
	EXPECT_EQ(51, val);
	munmap(w, 0x3000);
	close(fd);
}

/* Without the right too: there is nothing that a right could be for. */
TEST_F(space, device_area_is_efault)
{
	char c = 0;

	ASSERT_EQ(0, ax_map_device(self->fd, GPA, 0x1000, AX_R, 1));
	ASSERT_EQ(0, ax_map_device(self->fd, GPA + 0x1000, 0x1000, AX_RW, 2));
	EXPECT_EQ(-EFAULT, ax_pread(self->fd, &c, 1, GPA));
	EXPECT_EQ(-EFAULT, ax_pwrite(self->fd, &c, 1, GPA));
	EXPECT_EQ(-EFAULT, ax_pread(self->fd, &c, 1, GPA + 0x1000));
	EXPECT_EQ(-EFAULT, ax_pwrite(self->fd, &c, 1, GPA + 0x1000));
}

TEST_F(space, splice_both_ways)
{
	static unsigned char buf[0x3000], got[0x3000];
	loff_t from = GPA + 5, to = GPA + 0x8001;
	int p[2], file;

	fill(buf, sizeof(buf), 9);
	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x10000));
	ASSERT_EQ(sizeof(buf), ax_pwrite(self->fd, buf, sizeof(buf), GPA + 5));
	ASSERT_EQ(sizeof(buf), ax_splice(self->fd, &from, p[1], sizeof(buf)));
	EXPECT_EQ(GPA + 5 + sizeof(buf), from);
	ASSERT_EQ(sizeof(buf), splice(p[0], NULL, self->fd, &to, sizeof(buf), 0));
	EXPECT_EQ(GPA + 0x8001 + sizeof(buf), to);
	EXPECT_EQ(sizeof(got), ax_pread(self->fd, got, sizeof(got), GPA + 0x8001));
	EXPECT_EQ(0, memcmp(buf, got, sizeof(got)));
	/* To a file by way of no pipe. */
	file = memfd_create("axas", MFD_CLOEXEC);
	ASSERT_LE(0, file);
	from = GPA + 5;
	EXPECT_EQ(sizeof(buf), sendfile(file, self->fd, &from, sizeof(buf)));
	EXPECT_EQ(sizeof(got), ax_pread(file, got, sizeof(got), 0));
	EXPECT_EQ(0, memcmp(buf, got, sizeof(got)));
	/* A hole: splice(2) says EAGAIN where read(2) says EFAULT. */
	from = GPA + 0x20000;
	EXPECT_EQ(-1, splice(self->fd, &from, p[1], NULL, 0x1000, 0));
	EXPECT_EQ(EAGAIN, errno);
	close(file);
	close(p[0]);
	close(p[1]);
}

/* Buffers that have yet to come in, wherever they end. */
TEST_F(space, buffers_that_nobody_has_touched)
{
	static unsigned char model[0x6000];
	unsigned char *fresh;
	size_t at, len;

	fill(model, sizeof(model), 3);
	ASSERT_EQ(0, ax_populate(self->fd, GPA, sizeof(model)));
	ASSERT_EQ(sizeof(model), ax_pwrite(self->fd, model, sizeof(model), GPA));
	for (at = 0; at < 0x1003; at += 0x401) {
		for (len = 1; at + len < sizeof(model); len = len * 3 + 1) {
			fresh = mmap(NULL, 0x8000, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			ASSERT_NE(MAP_FAILED, (void *)fresh);
			EXPECT_EQ(len, ax_pread(self->fd, fresh + 0x7f1 - at % 7, len, GPA + at));
			EXPECT_EQ(0, memcmp(fresh + 0x7f1 - at % 7, model + at, len));
			munmap(fresh, 0x8000);
			/* And the zero page. */
			fresh = mmap(NULL, 0x8000, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			ASSERT_NE(MAP_FAILED, (void *)fresh);
			EXPECT_EQ(len, ax_pwrite(self->fd, fresh + 0x7f1, len, GPA + at));
			EXPECT_EQ(len, ax_pread(self->fd, fresh, len, GPA + at));
			EXPECT_TRUE(all_zero(fresh, len));
			munmap(fresh, 0x8000);
			ASSERT_EQ(len, ax_pwrite(self->fd, model + at, len, GPA + at));
		}
	}
}

TEST_HARNESS_MAIN
