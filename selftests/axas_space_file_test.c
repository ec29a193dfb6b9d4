// SPDX-License-Identifier: GPL-2.0
/*
 * What a space's descriptor is to those who take it for a file: fstat, its size, msync,
 * and what opens it again.
 */
#include "axas_fixture.h"

#define GPA	0x400000ULL
#define RW	(PROT_READ | PROT_WRITE)

static void fd_path(int fd, char *path, size_t n)
{
	snprintf(path, n, "/proc/self/fd/%d", fd);
}

TEST_F(space, fstat_of_a_space)
{
	char path[32], link[64] = "";
	struct stat st, st2;
	int fd;

	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(S_IFREG | 0600, st.st_mode);
	EXPECT_EQ(self->end, st.st_size);
	EXPECT_EQ(geteuid(), st.st_uid);
	EXPECT_EQ(getegid(), st.st_gid);
	EXPECT_EQ(st.st_size, lseek(self->fd, 0, SEEK_END));
	/* Each space is a file of its own. */
	fd = ax_create_range(self->dev, variant->format, variant->bits, 0x10000, 0x5000);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fstat(fd, &st2));
	EXPECT_EQ(0x15000, st2.st_size);
	EXPECT_EQ(st.st_dev, st2.st_dev);
	EXPECT_NE(st.st_ino, st2.st_ino);
	close(fd);
	fd_path(self->fd, path, sizeof(path));
	EXPECT_LT(0, readlink(path, link, sizeof(link) - 1));
	EXPECT_EQ(0, strcmp(link, "anon_inode:[axas]"))
		TH_LOG("the link says %s", link);
	EXPECT_EQ(0, fchmod(self->fd, 0400));
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(S_IFREG | 0400, st.st_mode);
}

TEST_F(space, size_stays)
{
	char path[32];
	struct stat st;

	fd_path(self->fd, path, sizeof(path));
	EXPECT_EQ(-1, ftruncate(self->fd, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ftruncate(self->fd, self->end * 2));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, truncate(path, 0x1000));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, open(path, O_RDWR | O_TRUNC));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, open(path, O_RDWR | O_DIRECT));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, ftruncate(self->fd, self->end));
	EXPECT_EQ(-1, fallocate(self->fd, 0, self->end, 0x1000));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, fallocate(self->fd, FALLOC_FL_ZERO_RANGE, 0, 0x1000));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, fcntl(self->fd, F_GET_SEALS));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(self->end, st.st_size);
}

TEST_F(space, msync_of_a_window)
{
	__u64 *w;

	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x2000));
	w = ax_window(self->fd, GPA, 0x2000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	EXPECT_EQ(0, ax_store(w, 61));
	EXPECT_EQ(0, msync(w, 0x2000, MS_SYNC));
	EXPECT_EQ(0, msync(w, 0x2000, MS_ASYNC | MS_INVALIDATE));
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, fdatasync(self->fd));
	EXPECT_EQ(61, ax_get64(self->fd, GPA));
	munmap(w, 0x2000);
}

TEST_F(space, reopened_for_reading)
{
	char path[32];
	__u64 *w, *ro, val = 1;
	int fd, mem;

	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x2000));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 8, 71));
	fd_path(self->fd, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(71, ax_get64(fd, GPA + 8));
	EXPECT_EQ(-EBADF, ax_pwrite(fd, &val, 8, GPA));
	EXPECT_EQ(AXAS_TRANSLATE_MAPPED, ax_state(fd, GPA));
	EXPECT_EQ(0x1000, ax_resident(fd));
	EXPECT_EQ(-EBADF, ax_unmap(fd, GPA, 0x1000));
	EXPECT_EQ(-EBADF, ax_clear(fd));
	EXPECT_EQ(-EBADF, ax_map(fd, 0, 0x1000));
	EXPECT_EQ(-EBADF, ax_protect(fd, GPA, 0x1000, AX_R));
	EXPECT_EQ(-EBADF, ax_fault(fd, GPA, AX_W));
	EXPECT_EQ(MAP_FAILED, ax_window(fd, GPA, 0x1000, RW));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 0x1000, PROT_READ, MAP_PRIVATE, fd, GPA));
	EXPECT_EQ(EINVAL, errno);
	ro = ax_window(fd, GPA, 0x2000, PROT_READ);
	w = ax_window(self->fd, GPA, 0x2000, RW);
	ASSERT_NE(MAP_FAILED, (void *)ro);
	ASSERT_NE(MAP_FAILED, (void *)w);
	EXPECT_EQ(-1, mprotect(ro, 0x2000, RW));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, ax_load(ro + 1, &val));
	EXPECT_EQ(71, val);
	EXPECT_EQ(0, ax_store(w + 512, 72));
	EXPECT_EQ(0, ax_load(ro + 512, &val));
	EXPECT_EQ(72, val);
	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, mem);
	EXPECT_EQ(-EIO, ax_pwrite(mem, &val, 8, (uintptr_t)ro));
	EXPECT_EQ(8, ax_pread(mem, &val, 8, (uintptr_t)(ro + 1)));
	EXPECT_EQ(71, val);
	close(mem);
	/* Unmap reaches the windows of all descriptors. */
	ASSERT_EQ(0, ax_unmap(self->fd, GPA, 0x1000));
	EXPECT_EQ(-EFAULT, ax_load(ro, &val));
	EXPECT_EQ(-EFAULT, ax_load(w, &val));
	munmap(ro, 0x2000);
	munmap(w, 0x2000);
	close(fd);
}

/* A space lives as long as any of its descriptors, and no longer. */
TEST_F(space, reopened_outlives_the_first)
{
	int fd = ax_create(self->dev, variant->format, variant->bits), again;
	char path[32];
	__u64 *w, val;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ax_map(fd, GPA, 0x1000));
	ASSERT_EQ(0, ax_put64(fd, GPA, 81));
	fd_path(fd, path, sizeof(path));
	again = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, again);
	close(fd);
	EXPECT_EQ(81, ax_get64(again, GPA));
	EXPECT_EQ(0, ax_map(again, GPA + 0x1000, 0x1000));
	w = ax_window(again, GPA, 0x2000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	/* A second one, of the second, while the first is long gone. */
	fd_path(again, path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	close(again);
	EXPECT_EQ(0, ax_store(w + 512, 82));
	EXPECT_EQ(82, ax_get64(fd, GPA + 0x1000));
	close(fd);
	EXPECT_EQ(0, ax_load(w + 512, &val));
	EXPECT_EQ(82, val);
	munmap(w, 0x2000);
}

TEST_HARNESS_MAIN
