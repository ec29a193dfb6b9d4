// SPDX-License-Identifier: GPL-2.0
/*
 * RAM files: what a program that has files as memory does with one, and what
 * it can't.
 */
#define AX_FEW_VARIANTS
#define AX_TWO_FORMATS
#include <linux/memfd.h>
#include <linux/userfaultfd.h>
#include <sys/vfs.h>
#include "axas_fixture.h"
#include "axas_hpa.h"

#define GPA	0x40000000ULL
#define LENGTH	0x10000ULL
#define RW	(PROT_READ | PROT_WRITE)
#define PUNCH	(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

/* Of 6.7: protected pages are written without anybody being asked. */
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC	0x8000
#endif

/* -errno of a call that returns -1. */
#define ERR(call)	((call) < 0 ? -errno : 0)

static int reopen(int fd, int flags)
{
	char path[32];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_CLOEXEC);
	return again < 0 ? -errno : again;
}

/* Memory before, in and behind a file of the middle. */
static int ram_of(int fd, __u32 prot)
{
	int ret = ax_map(fd, GPA - LENGTH, 3 * LENGTH);

	return ret ? ret : ax_ram_file(fd, GPA, LENGTH, prot);
}

TEST_F(space, is_a_regular_file_without_a_name)
{
	int ram = ram_of(self->fd, AX_RW), ro = ax_ram_file(self->fd, GPA, LENGTH, AX_R);
	struct statfs fs, space_fs;
	char path[32], link[64] = "";
	struct stat st;

	ASSERT_LE(0, ram);
	ASSERT_LE(0, ro);
	ASSERT_EQ(0, fstat(ram, &st));
	EXPECT_EQ(S_IFREG | 0600, st.st_mode);
	EXPECT_EQ(LENGTH, st.st_size);
	EXPECT_EQ(0, st.st_nlink);
	EXPECT_EQ(LENGTH, lseek(ram, 0, SEEK_END));
	EXPECT_EQ(0, lseek(ram, 0, SEEK_SET));
	ASSERT_EQ(0, fstat(ro, &st));
	EXPECT_EQ(S_IFREG | 0400, st.st_mode);
	EXPECT_EQ(O_RDWR, fcntl(ram, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(O_RDONLY, fcntl(ro, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(FD_CLOEXEC, fcntl(ram, F_GETFD));
	ASSERT_EQ(0, fstatfs(self->fd, &space_fs));
	ASSERT_EQ(0, fstatfs(ram, &fs));
	EXPECT_EQ(space_fs.f_type, fs.f_type);
	EXPECT_EQ(4096, fs.f_bsize);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ram);
	EXPECT_LT(0, readlink(path, link, sizeof(link) - 1));
	EXPECT_EQ(0, strcmp(link, "anon_inode:[axas-ram]"))
		TH_LOG("the link says %s", link);
	/* Seals are the kernel's own files' alone. */
	EXPECT_EQ(-EINVAL, ERR(fcntl(ram, F_GET_SEALS)));
	EXPECT_EQ(0, fsync(ram));
	close(ram);
	close(ro);
}

TEST_F(space, size_is_what_it_is)
{
	int ram = ram_of(self->fd, AX_RW);
	struct stat st;

	ASSERT_LE(0, ram);
	EXPECT_EQ(0, ftruncate(ram, LENGTH));
	EXPECT_EQ(-EINVAL, ERR(ftruncate(ram, 0)));
	EXPECT_EQ(-EINVAL, ERR(ftruncate(ram, LENGTH - 0x1000)));
	EXPECT_EQ(-EINVAL, ERR(ftruncate(ram, 2 * LENGTH)));
	EXPECT_EQ(-EINVAL, ERR(ftruncate(ram, 1ULL << 40)));
	EXPECT_EQ(-EINVAL, reopen(ram, O_RDWR | O_TRUNC));
	ASSERT_EQ(0, ax_put64(ram, 8, 11));
	EXPECT_EQ(0, ftruncate(ram, LENGTH));
	EXPECT_EQ(11, ax_get64(ram, 8));
	ASSERT_EQ(0, fstat(ram, &st));
	EXPECT_EQ(LENGTH, st.st_size);
	close(ram);
}

TEST_F(space, offset_0_is_its_first_gpa)
{
	int ram = ram_of(self->fd, AX_RW);
	char buf[0x2000] = "";

	ASSERT_LE(0, ram);
	ASSERT_EQ(0, ax_put64(ram, 0x18, 21));
	EXPECT_EQ(21, ax_get64(self->fd, GPA + 0x18));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + LENGTH - 8, 22));
	EXPECT_EQ(22, ax_get64(ram, LENGTH - 8));
	/* There is memory on both sides. */
	ASSERT_EQ(0, ax_put64(self->fd, GPA + LENGTH, 23));
	EXPECT_EQ(0x1000, ax_pread(ram, buf, sizeof(buf), LENGTH - 0x1000));
	EXPECT_EQ(0, ax_pread(ram, buf, sizeof(buf), LENGTH));
	EXPECT_EQ(0, ax_pread(ram, buf, sizeof(buf), LENGTH + 0x1000));
	EXPECT_EQ(8, ax_pwrite(ram, buf, sizeof(buf), LENGTH - 8));
	EXPECT_EQ(-ENOSPC, ax_pwrite(ram, buf, sizeof(buf), LENGTH));
	EXPECT_EQ(23, ax_get64(self->fd, GPA + LENGTH));
	EXPECT_EQ(0, ax_get64(self->fd, GPA - 8));
	close(ram);
}

TEST_F(space, opened_anew_with_no_more_rights)
{
	int ram = ram_of(self->fd, AX_RW), ro = ax_ram_file(self->fd, GPA, LENGTH, AX_R);
	__u64 *w;
	int fd;

	ASSERT_LE(0, ram);
	ASSERT_LE(0, ro);
	fd = reopen(ram, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, ax_put64(fd, 8, 31));
	close(fd);
	fd = reopen(ram, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(31, ax_get64(fd, 8));
	close(fd);
	/* Root may open any file, and its owner may change a mode. */
	EXPECT_EQ(-EACCES, reopen(ro, O_RDWR));
	EXPECT_EQ(-EACCES, reopen(ro, O_WRONLY));
	EXPECT_EQ(0, fchmod(ro, 0600));
	EXPECT_EQ(-EACCES, reopen(ro, O_RDWR));
	fd = reopen(ro, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(31, ax_get64(fd, 8));
	close(fd);
	EXPECT_EQ(-EBADF, ax_pwrite(ro, &fd, 4, 0));
	EXPECT_EQ(-EBADF, ERR(fallocate(ro, PUNCH, 0, 0x1000)));
	EXPECT_EQ(MAP_FAILED, ax_window(ro, 0, 0x1000, RW));
	EXPECT_EQ(EACCES, errno);
	w = ax_window(ro, 0, 0x1000, PROT_READ);
	ASSERT_NE(MAP_FAILED, (void *)w);
	EXPECT_EQ(31, w[1]);
	EXPECT_EQ(-EACCES, ERR(mprotect(w, 0x1000, RW)));
	munmap(w, 0x1000);
	close(ro);
	close(ram);
}

TEST_F(space, knows_no_calls)
{
	int ram = ram_of(self->fd, AX_RW);
	struct axas_unmap u = { .size = sizeof(u), .gpa = GPA, .length = LENGTH };
	struct axas_clear c = { .size = sizeof(c) };
	struct axas_stats st;

	ASSERT_LE(0, ram);
	EXPECT_EQ(-ENOTTY, ax_ioctl(ram, AXAS_UNMAP, &u));
	EXPECT_EQ(-ENOTTY, ax_ioctl(ram, AXAS_CLEAR, &c));
	EXPECT_EQ(-ENOTTY, ax_stats(ram, &st));
	EXPECT_EQ(-ENOTTY, ax_ram_file(ram, GPA, LENGTH, AX_R));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(1, st.areas);
	close(ram);
}

TEST_F(space, window_is_the_memory)
{
	int ram = ram_of(self->fd, AX_RW);
	__u64 *w, *all, val;

	ASSERT_LE(0, ram);
	w = ax_window(ram, 0x2000, 0x4000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	all = ax_window(self->fd, GPA - LENGTH, 3 * LENGTH, RW);
	ASSERT_NE(MAP_FAILED, (void *)all);
	ASSERT_EQ(0, ax_store(w + 1, 41));
	EXPECT_EQ(41, ax_get64(self->fd, GPA + 0x2008));
	EXPECT_EQ(41, all[(LENGTH + 0x2008) / 8]);
	all[(LENGTH + 0x5ff8) / 8] = 42;
	ASSERT_EQ(0, ax_load(w + 0x3ff8 / 8, &val));
	EXPECT_EQ(42, val);
	/* It outlives its descriptor, as any window does. */
	close(ram);
	ASSERT_EQ(0, ax_protect(self->fd, GPA + 0x2000, 0x1000, AX_R));
	EXPECT_EQ(-EFAULT, ax_store(w + 1, 43));
	ASSERT_EQ(0, ax_unmap(self->fd, GPA - LENGTH, LENGTH + 0x3000));
	EXPECT_EQ(-EFAULT, ax_load(w, &val));
	EXPECT_EQ(0, ax_load(w + 0x3ff8 / 8, &val));
	EXPECT_EQ(42, val);
	ASSERT_EQ(0, ax_unmap(self->fd, GPA + 0x5000, 0x1000));
	EXPECT_EQ(-EFAULT, ax_load(w + 0x3ff8 / 8, &val));
	munmap(w, 0x4000);
	munmap(all, 3 * LENGTH);
}

TEST_F(space, window_reaches_nothing_else)
{
	int ram = ram_of(self->fd, AX_RW), mem;
	__u64 *w, *grown, val = 0;

	ASSERT_LE(0, ram);
	ASSERT_EQ(0, ax_put64(self->fd, GPA + LENGTH, 51));
	EXPECT_EQ(MAP_FAILED, ax_window(ram, LENGTH, 0x1000, RW));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, ax_window(ram, LENGTH - 0x1000, 0x2000, RW));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 0x1000, RW, MAP_PRIVATE, ram, 0));
	EXPECT_EQ(EINVAL, errno);
	w = ax_window(ram, 0, 0x1000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	/* Another part of its file; some kernels have unmapped it before they refuse. */
	EXPECT_EQ(-EINVAL, ERR(remap_file_pages(w, 0x1000, 0, LENGTH / 0x1000, 0)));
	munmap(w, 0x1000);
	w = ax_window(ram, LENGTH - 0x1000, 0x1000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	grown = mremap(w, 0x1000, 0x3000, MREMAP_MAYMOVE);
	ASSERT_NE(MAP_FAILED, (void *)grown);
	EXPECT_EQ(0, ax_store(grown, 52));
	EXPECT_EQ(-EFAULT, ax_load(grown + 512, &val));
	EXPECT_EQ(-EFAULT, ax_store(grown + 512, 53));
	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, mem);
	EXPECT_EQ(8, pread(mem, &val, 8, (uintptr_t)grown));
	EXPECT_EQ(52, val);
	EXPECT_EQ(-1, pread(mem, &val, 8, (uintptr_t)(grown + 512)));
	EXPECT_EQ(-1, pwrite(mem, &val, 8, (uintptr_t)(grown + 512)));
	EXPECT_EQ(51, ax_get64(self->fd, GPA + LENGTH));
	close(mem);
	munmap(grown, 0x3000);
	close(ram);
}

TEST_F(space, windows_of_many_files_see_each_change)
{
	__u64 *w[8], val;
	unsigned int i;
	int ram;

	ASSERT_EQ(0, ax_map(self->fd, GPA, LENGTH));
	for (i = 0; i < 8; i++) {
		/* Each a page further, all with the page at 0x8000. */
		ram = ax_ram_file(self->fd, GPA + i * 0x1000, 0x9000, AX_RW);
		ASSERT_LE(0, ram);
		w[i] = ax_window(ram, 0x8000 - i * 0x1000, 0x1000, RW);
		ASSERT_NE(MAP_FAILED, (void *)w[i]);
		close(ram);
		ASSERT_EQ(0, ax_store(w[i] + i, 60 + i));
	}
	for (i = 0; i < 8; i++)
		EXPECT_EQ(60 + i, w[7 - i][i]);
	ASSERT_EQ(0, ax_discard(self->fd, GPA + 0x8000, 0x1000));
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(0, ax_load(w[i] + i, &val));
		EXPECT_EQ(0, val);
	}
	ASSERT_EQ(0, ax_unmap(self->fd, GPA + 0x8000, 0x1000));
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(-EFAULT, ax_load(w[i], &val));
		munmap(w[i], 0x1000);
	}
}

TEST_F(space, punched_and_removed_is_discarded)
{
	int ram = ram_of(self->fd, AX_RW);
	__u64 *w, val, before, i;

	ASSERT_LE(0, ram);
	w = ax_window(ram, 0, LENGTH, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	for (i = 0; i < LENGTH; i += 0x1000)
		ASSERT_EQ(0, ax_store(w + i / 8, 70 + i));
	before = ax_resident(self->fd);
	ASSERT_EQ(0, ERR(fallocate(ram, PUNCH, 0x1000, 0x3000)));
	EXPECT_EQ(before - 0x3000, ax_resident(self->fd));
	ASSERT_EQ(0, ERR(madvise(w + 0x8000 / 8, 0x2000, MADV_REMOVE)));
	EXPECT_EQ(before - 0x5000, ax_resident(self->fd));
	for (i = 0; i < LENGTH; i += 0x1000) {
		bool gone = (i >= 0x1000 && i < 0x4000) || (i >= 0x8000 && i < 0xa000);

		EXPECT_EQ(gone ? 0 : 70 + i, ax_get64(ram, i));
		ASSERT_EQ(0, ax_load(w + i / 8, &val));
		EXPECT_EQ(gone ? 0 : 70 + i, val);
	}
	EXPECT_EQ(-EINVAL, ERR(fallocate(ram, PUNCH, 0x1000, 0x800)));
	EXPECT_EQ(-EINVAL, ERR(fallocate(ram, PUNCH, LENGTH - 0x1000, 0x2000)));
	EXPECT_EQ(-EINVAL, ERR(fallocate(ram, PUNCH, LENGTH, 0x1000)));
	EXPECT_EQ(-EOPNOTSUPP, ERR(fallocate(ram, FALLOC_FL_ZERO_RANGE, 0, 0x1000)));
	EXPECT_EQ(-EOPNOTSUPP, ERR(fallocate(ram, FALLOC_FL_COLLAPSE_RANGE, 0, 0x1000)));
	ASSERT_EQ(0, ax_unmap(self->fd, GPA + 0x2000, 0x1000));
	EXPECT_EQ(-ENOENT, ERR(fallocate(ram, PUNCH, 0, LENGTH)));
	EXPECT_EQ(70, ax_get64(ram, 0));
	munmap(w, LENGTH);
	close(ram);
}

TEST_F(space, allocated_is_populated)
{
	int ram = ram_of(self->fd, AX_RW);

	ASSERT_LE(0, ram);
	ASSERT_EQ(0, ERR(fallocate(ram, 0, 0x1000, 0x2000)));
	EXPECT_EQ(0x2000, ax_resident(self->fd));
	ASSERT_EQ(0, ERR(posix_fallocate(ram, 0, LENGTH) ? -1 : 0));
	EXPECT_EQ(LENGTH, ax_resident(self->fd));
	EXPECT_EQ(-EINVAL, ERR(fallocate(ram, 0, 0x1000, LENGTH)));
	EXPECT_EQ(-EINVAL, ERR(fallocate(ram, FALLOC_FL_KEEP_SIZE, LENGTH, 0x1000)));
	EXPECT_EQ(LENGTH, ax_resident(self->fd));
	EXPECT_EQ(AXAS_TRANSLATE_LAZY, ax_state(self->fd, GPA - 0x1000));
	EXPECT_EQ(AXAS_TRANSLATE_LAZY, ax_state(self->fd, GPA + LENGTH));
	close(ram);
}

TEST_F(space, data_and_holes_from_its_offset)
{
	int ram = ram_of(self->fd, AX_RW);

	ASSERT_LE(0, ram);
	ASSERT_EQ(0, ax_put64(self->fd, GPA - 0x1000, 1));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + LENGTH, 1));
	EXPECT_EQ(-ENXIO, ERR(lseek(ram, 0, SEEK_DATA)));
	EXPECT_EQ(0, lseek(ram, 0, SEEK_HOLE));
	ASSERT_EQ(0, ax_put64(ram, 0x3000, 1));
	ASSERT_EQ(0, ax_put64(ram, 0x4000, 1));
	EXPECT_EQ(0x3000, lseek(ram, 0, SEEK_DATA));
	EXPECT_EQ(0x3210, lseek(ram, 0x3210, SEEK_DATA));
	EXPECT_EQ(0x5000, lseek(ram, 0x3000, SEEK_HOLE));
	ASSERT_EQ(0, ax_put64(ram, LENGTH - 0x1000, 1));
	EXPECT_EQ(LENGTH, lseek(ram, LENGTH - 0x800, SEEK_HOLE));
	EXPECT_EQ(-ENXIO, ERR(lseek(ram, LENGTH, SEEK_DATA)));
	close(ram);
}

TEST_F(space, lives_as_long_as_its_file)
{
	int fd = ax_create(self->dev, variant->format, variant->bits), ram, again;
	__u64 *w;

	ASSERT_LE(0, fd);
	ram = ram_of(fd, AX_RW);
	ASSERT_LE(0, ram);
	ASSERT_EQ(0, ax_put64(fd, GPA, 81));
	close(fd);
	EXPECT_EQ(81, ax_get64(ram, 0));
	EXPECT_EQ(0, ax_put64(ram, 0x8000, 82));
	again = reopen(ram, O_RDWR);
	ASSERT_LE(0, again);
	close(ram);
	w = ax_window(again, 0, LENGTH, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	close(again);
	EXPECT_EQ(81, w[0]);
	EXPECT_EQ(82, w[0x8000 / 8]);
	EXPECT_EQ(0, ax_store(w + 512, 83));
	munmap(w, LENGTH);
}

/* What a monitor asks of RAM, and a window of the space's own refuses. */
TEST_F(space, window_is_ram_for_madvise_and_mlock)
{
	static const int advice[] = {
		MADV_DODUMP, MADV_DONTDUMP, MADV_DONTFORK, MADV_DOFORK, MADV_NORMAL,
		MADV_DONTNEED, MADV_WILLNEED, MADV_DODUMP,
	};
	int ram = ram_of(self->fd, AX_RW);
	unsigned int i;
	__u64 *w, *own, val;
	pid_t pid;

	ASSERT_LE(0, ram);
	w = ax_window(ram, 0, LENGTH, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	ASSERT_EQ(0, ax_store(w, 91));
	for (i = 0; i < ARRAY_SIZE(advice); i++)
		EXPECT_EQ(0, ERR(madvise(w, LENGTH, advice[i])))
			TH_LOG("advice %d", advice[i]);
	own = ax_window(self->fd, GPA, LENGTH, RW);
	ASSERT_NE(MAP_FAILED, (void *)own);
	EXPECT_EQ(-EINVAL, ERR(madvise(own, LENGTH, MADV_DODUMP)));
	EXPECT_EQ(0, ERR(mlock(w, LENGTH)));
	EXPECT_EQ(LENGTH, ax_resident(self->fd));
	EXPECT_EQ(-EINVAL, ERR(madvise(w, LENGTH, MADV_REMOVE)));
	pid = fork();
	if (!pid)
		_exit(ax_load(w, &val) || val != 91 || ax_store(w, 92));
	EXPECT_EQ(0, ax_wait(pid));
	EXPECT_EQ(92, w[0]);
	/* Locked pages go all the same when the space takes them. */
	ASSERT_EQ(0, ax_unmap(self->fd, GPA, 0x1000));
	EXPECT_EQ(-EFAULT, ax_load(w, &val));
	EXPECT_EQ(0, ERR(munlock(w, LENGTH)));
	EXPECT_EQ(0, ERR(madvise(w, LENGTH, MADV_REMOVE)) ? -errno + ENOENT : -1);
	munmap(own, LENGTH);
	munmap(w, LENGTH);
	close(ram);
}

/* Memory that isn't the space's is there if it was when the window was made. */
TEST_F(space, window_of_linear_memory)
{
	struct ax_host host[2];
	unsigned int n, i;
	__u64 *w, *later, val;
	int ram;

	AX_NEED_HOST(host, n);
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, ax_map(self->fd, GPA, 0x2000));
		ram = ax_ram_file(self->fd, GPA, 0x4000, AX_RW);
		ASSERT_LE(0, ram);
		later = ax_window(ram, 0, 0x4000, RW);
		ASSERT_NE(MAP_FAILED, (void *)later);
		ASSERT_EQ(0, ax_map_linear(self->fd, GPA + 0x2000, 0x2000, host[i].hpa,
					   AX_RW, 0));
		w = ax_window(ram, 0, 0x4000, RW);
		ASSERT_NE(MAP_FAILED, (void *)w);
		EXPECT_EQ(0, ax_store(w + 0x2000 / 8, 0x100 + i));
		EXPECT_EQ(0, ax_store(w, 0x200 + i));
		EXPECT_EQ(0x100 + i, ax_get64(self->fd, GPA + 0x2000));
		EXPECT_EQ(0, ax_load(later, &val));
		EXPECT_EQ(0x200 + i, val);
		EXPECT_EQ(-EFAULT, ax_load(later + 0x2000 / 8, &val));
		EXPECT_EQ(-EFAULT, ax_store(later + 0x2000 / 8, 1));
		munmap(w, 0x4000);
		/* All of it linear: a window for I/O. */
		w = ax_window(ram, 0x2000, 0x2000, RW);
		ASSERT_NE(MAP_FAILED, (void *)w);
		EXPECT_EQ(0, ax_load(w, &val));
		EXPECT_EQ(0x100 + i, val);
		munmap(w, 0x2000);
		munmap(later, 0x4000);
		close(ram);
		ASSERT_EQ(0, ax_unmap(self->fd, GPA, 0x4000));
	}
}

/* ---- the same questions to a memfd and to a RAM file ---- */

/* A file of memory, and a window over all of it. */
struct memory {
	int fd;
	char *w;
};

static int ask_stat(const struct memory *m)
{
	struct stat st;

	return fstat(m->fd, &st) ? -errno :
	       S_ISREG(st.st_mode) && st.st_size == LENGTH && !st.st_nlink;
}

static int ask_statfs(const struct memory *m)
{
	struct statfs fs;

	return fstatfs(m->fd, &fs) ? -errno : fs.f_bsize;
}

static int ask_reopen(const struct memory *m, int flags)
{
	int fd = reopen(m->fd, flags);

	return fd < 0 ? fd : close(fd);
}

static int ask_mmap(const struct memory *m, int flags, size_t length, off_t at)
{
	void *w = mmap(NULL, length, RW, flags, m->fd, at);

	return w == MAP_FAILED ? -errno : munmap(w, length);
}

static int ask_mincore(const struct memory *m)
{
	unsigned char vec[LENGTH / 0x1000];

	m->w[0x1000] = 1;
	return mincore(m->w, LENGTH, vec) ? -errno : vec[1] & 1;
}

static int ask_data(const struct memory *m)
{
	fallocate(m->fd, PUNCH, 0, LENGTH);
	m->w[0x3000] = 1;
	return lseek(m->fd, 0, SEEK_DATA) == 0x3000 && lseek(m->fd, 0x3000, SEEK_HOLE) == 0x4000;
}

/* Have userfaultfd protect a window from writes that it doesn't know of. */
static int uffd_protect(int uffd, void *w)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)w, LENGTH },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};

	return ERR(ioctl(uffd, UFFDIO_WRITEPROTECT, &wp));
}

/*
 * Who finds out by userfaultfd what a program writes leaves marks where PTEs would be:
 * in what wasn't there, and in what a tracker takes.
 */
TEST_F(space, window_written_under_userfaultfd)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_WP };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	int ram = ram_of(self->fd, AX_RW), tracker;
	__u64 *w, gpa = GPA, length = LENGTH, val;
	struct axas_next_entry run;

	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		SKIP(return, "no userfaultfd that lets writes go on");
	ASSERT_LE(0, ram);
	w = ax_window(ram, 0, LENGTH, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	reg.range = (struct uffdio_range){ (uintptr_t)w, LENGTH };
	ASSERT_EQ(0, ERR(ioctl(uffd, UFFDIO_REGISTER, &reg)));
	ASSERT_EQ(0, uffd_protect(uffd, w));
	EXPECT_EQ(0, ax_store(w, 93));
	ASSERT_EQ(0, ax_load(w + 0x1000 / 8, &val));
	EXPECT_EQ(0, ax_store(w + 0x1000 / 8, 94));
	tracker = ax_track(self->fd, GPA, LENGTH);
	if (tracker >= 0) {
		EXPECT_EQ(0, ax_dirty(tracker, &gpa, &length, 0, &run, 1));
		gpa = GPA;
		length = LENGTH;
		ASSERT_EQ(0, ax_store(w, 95));
		ASSERT_EQ(0, uffd_protect(uffd, w));
		EXPECT_EQ(1, ax_dirty(tracker, &gpa, &length, 0, &run, 1));
		gpa = GPA;
		length = LENGTH;
		EXPECT_EQ(0, ax_store(w, 96));
		EXPECT_EQ(1, ax_dirty(tracker, &gpa, &length, 0, &run, 1));
		EXPECT_EQ(GPA, run.gpa);
		EXPECT_EQ(0x1000, run.length);
		close(tracker);
	}
	EXPECT_EQ(96, ax_get64(self->fd, GPA));
	munmap(w, LENGTH);
	close(uffd);
	close(ram);
}

/* What was punched reads as zero, from all sides. */
static int ask_zero(const struct memory *m, bool by_file)
{
	m->w[0x2000] = 1;
	if (by_file ? fallocate(m->fd, PUNCH, 0x2000, 0x1000) :
		      madvise(m->w + 0x2000, 0x1000, MADV_REMOVE))
		return -errno;
	return m->w[0x2000];
}

static int ask_uffd(const struct memory *m)
{
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */);
	struct { __u64 api, features, ioctls; } api = { 0xaa };
	struct { __u64 start, len, mode, ioctls; } reg = { (uintptr_t)m->w, LENGTH, 1 };
	int ret;

	if (fd < 0)
		return 0;
	ret = ioctl(fd, _IOWR(0xaa, 0x3f, api), &api) ||
	      ioctl(fd, _IOWR(0xaa, 0x00, reg), &reg) ? -errno : 0;
	close(fd);
	return ret;
}

#define SEALS	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)
#define SAME	1000		/* as a memfd of this kernel does */
#define ADVISE(advice) { #advice, ERR(madvise(m->w, LENGTH, advice)), SAME }

struct ask {
	const char *what;
	int is;
	int other;	/* what a RAM file says instead */
};

#define NR_ASKS	48

static void ask(const struct memory *m, struct ask asks[NR_ASKS])
{
	const struct ask all[] = {
		{ "fstat", ask_stat(m), SAME },
		{ "fstatfs", ask_statfs(m), SAME },
		{ "lseek to the end", lseek(m->fd, 0, SEEK_END), SAME },
		{ "SEEK_DATA, SEEK_HOLE", ask_data(m), SAME },
		{ "pread at the end", ax_pread(m->fd, &(int){ 0 }, 4, LENGTH), SAME },
		{ "opened for reading", ask_reopen(m, O_RDONLY), SAME },
		{ "opened for both", ask_reopen(m, O_RDWR), SAME },
		{ "opened with O_CREAT", ask_reopen(m, O_RDWR | O_CREAT), SAME },
		{ "ftruncate to its size", ERR(ftruncate(m->fd, LENGTH)), SAME },
		{ "fallocate", ERR(fallocate(m->fd, 0, 0, LENGTH)), SAME },
		{ "posix_fallocate", posix_fallocate(m->fd, 0, LENGTH), SAME },
		{ "fallocate, zero a range",
		  ERR(fallocate(m->fd, FALLOC_FL_ZERO_RANGE, 0, 0x1000)), SAME },
		{ "fallocate, punch a hole", ask_zero(m, true), SAME },
		{ "MADV_REMOVE", ask_zero(m, false), SAME },
		{ "fsync", ERR(fsync(m->fd)), SAME },
		{ "msync", ERR(msync(m->w, LENGTH, MS_SYNC)), SAME },
		{ "mmap shared", ask_mmap(m, MAP_SHARED, LENGTH, 0), SAME },
		{ "mmap populated", ask_mmap(m, MAP_SHARED | MAP_POPULATE, LENGTH, 0), SAME },
		{ "mmap without reserve",
		  ask_mmap(m, MAP_SHARED | MAP_NORESERVE, LENGTH, 0), SAME },
		{ "mlock", ERR(mlock(m->w, LENGTH)), SAME },
		{ "munlock", ERR(munlock(m->w, LENGTH)), SAME },
		{ "mincore", ask_mincore(m), SAME },
		ADVISE(MADV_NORMAL), ADVISE(MADV_RANDOM), ADVISE(MADV_SEQUENTIAL),
		ADVISE(MADV_WILLNEED), ADVISE(MADV_DONTNEED), ADVISE(MADV_DONTFORK),
		ADVISE(MADV_DOFORK), ADVISE(MADV_MERGEABLE), ADVISE(MADV_UNMERGEABLE),
		ADVISE(MADV_HUGEPAGE), ADVISE(MADV_NOHUGEPAGE), ADVISE(MADV_DONTDUMP),
		ADVISE(MADV_DODUMP), ADVISE(MADV_COLD), ADVISE(MADV_FREE),
		ADVISE(MADV_POPULATE_READ), ADVISE(MADV_POPULATE_WRITE),
		/* What isn't the same; uapi.rst has the list. */
		{ "MADV_PAGEOUT", ERR(madvise(m->w, LENGTH, MADV_PAGEOUT)), SAME },
		{ "mmap private", ask_mmap(m, MAP_PRIVATE, LENGTH, 0), -EINVAL },
		{ "mmap beyond the end", ask_mmap(m, MAP_SHARED, LENGTH, 0x1000), -EINVAL },
		{ "userfaultfd", ask_uffd(m), -EINVAL },
		{ "seals", ERR(fcntl(m->fd, F_ADD_SEALS, SEALS)), -EINVAL },
		{ "fallocate, part of a page", ERR(fallocate(m->fd, PUNCH, 0, 0x800)), -EINVAL },
		{ "ftruncate to more, sealed", ERR(ftruncate(m->fd, 2 * LENGTH)), -EINVAL },
		{ "ftruncate to less, sealed", ERR(ftruncate(m->fd, 0)), -EINVAL },
		{ "pwrite at the end, sealed", ax_pwrite(m->fd, "", 1, LENGTH), -ENOSPC },
	};

	_Static_assert(ARRAY_SIZE(all) == NR_ASKS, "all of them");
	memcpy(asks, all, sizeof(all));
}

static bool as_expected(const struct ask *ram, const struct ask *mem)
{
	int want = ram->other == SAME ? mem->is : ram->other;

	if (ram->is != want)
		printf("# %s: %d, expected %d; a memfd says %d\n", ram->what, ram->is,
		       want, mem->is);
	return ram->is == want;
}

TEST_F(space, answers_as_a_memfd_does)
{
	struct memory ram = { .fd = ram_of(self->fd, AX_RW) };
	struct memory mem = { .fd = memfd_create("ram", MFD_CLOEXEC | MFD_ALLOW_SEALING) };
	struct ask of_ram[NR_ASKS], of_mem[NR_ASKS];
	unsigned int i;

	ASSERT_LE(0, ram.fd);
	ASSERT_LE(0, mem.fd);
	ASSERT_EQ(0, ftruncate(mem.fd, LENGTH));
	ram.w = ax_window(ram.fd, 0, LENGTH, RW);
	mem.w = ax_window(mem.fd, 0, LENGTH, RW);
	ASSERT_NE(MAP_FAILED, (void *)ram.w);
	ASSERT_NE(MAP_FAILED, (void *)mem.w);
	ask(&mem, of_mem);
	ask(&ram, of_ram);
	for (i = 0; i < NR_ASKS; i++)
		EXPECT_TRUE(as_expected(&of_ram[i], &of_mem[i]));
	munmap(ram.w, LENGTH);
	munmap(mem.w, LENGTH);
	close(ram.fd);
	close(mem.fd);
}

TEST_HARNESS_MAIN
