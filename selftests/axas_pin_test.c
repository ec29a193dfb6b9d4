// SPDX-License-Identifier: GPL-2.0
/*
 * Windows whose pages are pinned for long: io_uring's registered buffers, and the
 * memory of an XDP socket, which pins as VFIO does and is there in older kernels.
 */
#define AX_FEW_VARIANTS
#include <fcntl.h>
#include <linux/if_xdp.h>
#include <linux/io_uring.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "axas_fixture.h"
#include "axas_look.h"

#define GPA	0x40000000ULL
#define LENGTH	0x10000
#define RW	(PROT_READ | PROT_WRITE)
#define ERR(call)	((call) < 0 ? -errno : 0)

#ifndef AF_XDP
#define AF_XDP	44
#endif
#ifndef SOL_XDP
#define SOL_XDP	283
#endif

struct ring {
	int fd;
	struct io_uring_params p;
	char *mem;
	struct io_uring_sqe *sqe;
};

static bool ring_open(struct ring *r)
{
	memset(r, 0, sizeof(*r));
	r->fd = syscall(SYS_io_uring_setup, 4, &r->p);
	if (r->fd < 0)
		return false;
	/* A page has both rings of four entries. */
	r->mem = mmap(NULL, 0x1000, RW, MAP_SHARED, r->fd, IORING_OFF_SQ_RING);
	r->sqe = mmap(NULL, 0x1000, RW, MAP_SHARED, r->fd, IORING_OFF_SQES);
	return r->mem != MAP_FAILED && r->sqe != MAP_FAILED;
}

static int ring_register(struct ring *r, void *addr, size_t length)
{
	struct iovec v = { addr, length };

	return syscall(SYS_io_uring_register, r->fd, IORING_REGISTER_BUFFERS, &v, 1) ?
		       -errno : 0;
}

static int ring_unregister(struct ring *r)
{
	return syscall(SYS_io_uring_register, r->fd, IORING_UNREGISTER_BUFFERS, NULL, 0) ?
		       -errno : 0;
}

/* Into the registered buffer, or out of it. */
static int ring_rw(struct ring *r, int op, int fd, void *addr, unsigned int length)
{
	unsigned int *tail = (unsigned int *)(r->mem + r->p.sq_off.tail);
	unsigned int *array = (unsigned int *)(r->mem + r->p.sq_off.array);
	unsigned int *head = (unsigned int *)(r->mem + r->p.cq_off.head);
	struct io_uring_cqe *cqe = (void *)(r->mem + r->p.cq_off.cqes);
	unsigned int i = *tail & 3, at = *head & 7;

	r->sqe[i] = (struct io_uring_sqe){
		.opcode = op, .fd = fd, .addr = (uintptr_t)addr, .len = length,
	};
	array[i] = i;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return -errno;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return cqe[at].res;
}

static void ring_close(struct ring *r)
{
	munmap(r->mem, 0x1000);
	munmap(r->sqe, 0x1000);
	close(r->fd);
}

/* A space with an area, and a RAM file of it that may be pinned. */
static int pin_file(int fd)
{
	int ret = ax_map(fd, GPA - LENGTH, 3 * LENGTH);

	return ret ? ret : ax_ram_file_flags(fd, GPA, LENGTH, AX_RW, AXAS_RAM_PIN);
}

/* What the kernel says of a memfd, which is what it says of any file's memory at best. */
static int ring_register_memfd(struct ring *r)
{
	int fd = memfd_create("mem", MFD_CLOEXEC), ret = -errno;
	void *w;

	if (fd < 0 || ftruncate(fd, LENGTH))
		return ret;
	w = ax_window(fd, 0, LENGTH, RW);
	ret = ring_register(r, w, LENGTH);
	if (!ret)
		ring_unregister(r);
	munmap(w, LENGTH);
	close(fd);
	return ret;
}

/* Why a window can't be registered here, or NULL: some kernels know their own files alone. */
static const char *no_buffers(struct ring *r, void *w, int *err)
{
	if (!ring_open(r))
		return "no io_uring";
	if (ring_register_memfd(r))
		return "no registered buffers";
	*err = ring_register(r, w, LENGTH);
	return *err == -EOPNOTSUPP ? "this kernel registers no file's memory" : NULL;
}

TEST_F(space, registered_buffers)
{
	int ram = pin_file(self->fd), p[2], err = 0;
	const char *why;
	struct ring r;
	__u64 *w;

	ASSERT_LE(0, ram);
	ASSERT_EQ(0, pipe(p));
	w = ax_window(ram, 0, LENGTH, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	why = no_buffers(&r, w, &err);
	if (why) {
		/* A space whose memory is kept can't be cleared. */
		munmap(w, LENGTH);
		SKIP(return, "%s", why);
	}
	ASSERT_EQ(0, err);
	/* All of it is there, and what a device writes the guest has. */
	EXPECT_EQ(LENGTH, ax_resident(self->fd));
	ASSERT_EQ(8, write(p[1], &(__u64){ 0x1234 }, 8));
	EXPECT_EQ(8, ring_rw(&r, IORING_OP_READ_FIXED, p[0], w + 0x3000 / 8, 8));
	EXPECT_EQ(0x1234, ax_get64(self->fd, GPA + 0x3000));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x4000, 0x5678));
	EXPECT_EQ(8, ring_rw(&r, IORING_OP_WRITE_FIXED, p[1], w + 0x4000 / 8, 8));
	EXPECT_EQ(8, read(p[0], w, 8));
	EXPECT_EQ(0x5678, w[0]);
	/* Without a window the pages are the device's, and the space has others. */
	munmap(w, LENGTH);
	ASSERT_EQ(0, ax_discard(self->fd, GPA, LENGTH));
	ASSERT_EQ(8, write(p[1], &(__u64){ 0x9abc }, 8));
	EXPECT_EQ(8, ring_rw(&r, IORING_OP_READ_FIXED, p[0], w + 0x3000 / 8, 8));
	EXPECT_EQ(0, ax_get64(self->fd, GPA + 0x3000));
	EXPECT_EQ(0, ring_unregister(&r));
	ring_close(&r);
	close(p[0]);
	close(p[1]);
	close(ram);
}

TEST_F(space, other_windows_are_not_registered)
{
	int ram = pin_file(self->fd), plain, i;
	struct ring r;
	__u64 *w;

	ASSERT_LE(0, ram);
	plain = ax_ram_file(self->fd, GPA, LENGTH, AX_RW);
	ASSERT_LE(0, plain);
	if (!ring_open(&r))
		SKIP(return, "no io_uring");
	for (i = 0; i < 3; i++) {
		int err;

		w = i == 0 ? ax_window(plain, 0, LENGTH, RW) :
		    i == 1 ? ax_window(self->fd, GPA, LENGTH, RW) :
			     ax_window(ram, 0, LENGTH, PROT_READ);
		ASSERT_NE(MAP_FAILED, (void *)w);
		err = ring_register(&r, w, LENGTH);
		EXPECT_TRUE(err == -EFAULT || err == -EOPNOTSUPP) TH_LOG("%d: %d", i, err);
		munmap(w, LENGTH);
	}
	ring_close(&r);
	close(plain);
	close(ram);
}

/* As VFIO does it: for long, for writing. Old kernels allow it of any window. */
TEST_F(space, memory_of_an_xdp_socket)
{
	int ram = pin_file(self->fd), sock;
	struct xdp_umem_reg reg = { .len = LENGTH, .chunk_size = 0x1000 };
	struct axas_discard d;
	__u64 *w;

	ASSERT_LE(0, ram);
	sock = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (sock < 0)
		SKIP(return, "no XDP sockets");
	w = ax_window(ram, 0, LENGTH, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	reg.addr = (uintptr_t)w;
	EXPECT_EQ(0, ERR(setsockopt(sock, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg))));
	EXPECT_EQ(LENGTH, ax_resident(self->fd));
	w[0] = 7;
	EXPECT_EQ(7, ax_get64(self->fd, GPA));
	munmap(w, LENGTH);
	/* The pages are pinned still. */
	ASSERT_EQ(0, ax_discard_to(self->fd, GPA, LENGTH, &d));
	EXPECT_EQ(LENGTH, d.pinned);
	close(sock);
	close(ram);
}

/* Nothing is taken from the range while there is a window, whatever it shows. */
TEST_F(space, what_is_kept)
{
	int ram = pin_file(self->fd), i;
	struct axas_map m = {
		.size = sizeof(m), .gpa = GPA + LENGTH - 0x1000, .length = 0x2000,
		.backend = AXAS_BACKEND_ALLOC, .prot = AX_RW, .flags = AXAS_MAP_REPLACE,
	};
	__u64 val;
	char *w;

	ASSERT_LE(0, ram);
	w = ax_window(ram, 0x8000, 0x1000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	ASSERT_EQ(0, ax_put64(self->fd, GPA, 21));
	for (i = 0; i < 2; i++) {
		int err = i ? 0 : -EBUSY;

		EXPECT_EQ(err, ax_discard(self->fd, GPA, 0x1000));
		EXPECT_EQ(err, ERR(fallocate(ram, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					     0, 0x1000)));
		EXPECT_EQ(err, ax_protect(self->fd, GPA + 0x1000, 0x1000, AX_R));
		EXPECT_EQ(err, ax_move(self->fd, GPA + 0x1000, GPA + 2 * AX_1G, 0x1000, 0));
		EXPECT_EQ(err, ax_move(self->fd, GPA - 0x1000, GPA + 0x2000, 0x1000,
				       AXAS_MOVE_EXCHANGE));
		EXPECT_EQ(err, ax_unmap(self->fd, GPA + 0x4000, 0x1000));
		EXPECT_EQ(err, ax_ioctl(self->fd, AXAS_MAP, &m));
		/* It begins before what is kept, and then behind the page that went. */
		EXPECT_EQ(err, ax_resize(self->fd, i ? GPA + 0x5000 : GPA - LENGTH, LENGTH / 2));
		EXPECT_EQ(err, ax_clear(self->fd));
		if (i)
			break;
		EXPECT_EQ(21, ax_get64(self->fd, GPA));
		/* Beside it all is as ever, and memory comes in. */
		EXPECT_EQ(0, ax_discard(self->fd, GPA + LENGTH, 0x1000));
		EXPECT_EQ(0, ax_unmap(self->fd, GPA - 0x2000, 0x1000));
		EXPECT_EQ(0, ax_bring_in(self->fd, GPA, LENGTH, NULL));
		EXPECT_EQ(0, ax_load(w, &val));
		munmap(w, 0x1000);
	}
	close(ram);
}

/* Parts of a window, those of a child, and what mremap moves. */
TEST_F(space, each_part_keeps)
{
	int ram = pin_file(self->fd), p[2];
	char *w, *to, *moved, c;
	pid_t pid;

	ASSERT_LE(0, ram);
	ASSERT_EQ(0, pipe(p));
	w = ax_window(ram, 0, 0x4000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	munmap(w + 0x1000, 0x1000);
	EXPECT_EQ(-EBUSY, ax_discard(self->fd, GPA, 0x1000));
	to = mmap(NULL, 0x2000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	moved = mremap(w + 0x2000, 0x2000, 0x2000, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	ASSERT_NE(MAP_FAILED, (void *)moved);
	pid = fork();
	if (!pid) {
		close(p[1]);
		_exit(read(p[0], &c, 1));
	}
	close(p[0]);
	munmap(w, 0x1000);
	EXPECT_EQ(-EBUSY, ax_discard(self->fd, GPA, 0x1000));
	munmap(moved, 0x2000);
	EXPECT_EQ(-EBUSY, ax_discard(self->fd, GPA, 0x1000));
	close(p[1]);
	EXPECT_EQ(0, ax_wait(pid));
	EXPECT_EQ(0, ax_discard(self->fd, GPA, 0x1000));
	close(ram);
}

/* A read needs the right to write, and is a write to a tracker. */
TEST_F(space, reads_are_writes)
{
	int ram = pin_file(self->fd), tracker;
	struct axas_next_entry e[4];
	__u64 gpa = GPA, length = LENGTH, val;
	char *w, *ro;

	ASSERT_LE(0, ram);
	ASSERT_EQ(0, ax_protect(self->fd, GPA + 0x4000, 0x1000, AX_R));
	tracker = ax_track_what(self->fd, GPA, LENGTH, AXAS_TRACK_WRITTEN, 0, 0);
	ASSERT_LE(0, tracker);
	w = ax_window(ram, 0, LENGTH, PROT_READ);
	ASSERT_NE(MAP_FAILED, (void *)w);
	ASSERT_EQ(0, ax_load(w + 0x2000, &val));
	/* Nobody asks then. */
	ASSERT_EQ(0, mprotect(w, LENGTH, RW));
	EXPECT_EQ(0, ax_store(w + 0x2000, 31));
	EXPECT_EQ(-EFAULT, ax_load(w + 0x4000, &val));
	EXPECT_EQ(1, ax_dirty(tracker, &gpa, &length, 0, e, 4));
	EXPECT_EQ(GPA + 0x2000, e[0].gpa);
	EXPECT_EQ(0x1000, e[0].length);
	/* It was listed: the next one is heard of. */
	EXPECT_EQ(0, ax_store(w + 0x2000, 32));
	gpa = GPA;
	length = LENGTH;
	EXPECT_EQ(1, ax_dirty(tracker, &gpa, &length, 0, e, 4));
	/* A window that can't be written to, of a descriptor for reading. */
	close(ram);
	ram = ax_ram_file_flags(self->fd, GPA, LENGTH, AX_R, AXAS_RAM_PIN);
	ASSERT_LE(0, ram);
	ro = ax_window(ram, 0, LENGTH, PROT_READ);
	ASSERT_NE(MAP_FAILED, (void *)ro);
	EXPECT_EQ(0, ax_load(ro + 0x4000, &val));
	EXPECT_EQ(-1, mprotect(ro, LENGTH, RW));
	munmap(ro, LENGTH);
	munmap(w, LENGTH);
	close(tracker);
	close(ram);
}

TEST_F(space, it_is_told)
{
	int ram = pin_file(self->fd);
	char *text, path[64], line[128];
	bool told = false;
	void *w;
	FILE *f;

	AX_NEED_DEBUGFS();
	ASSERT_LE(0, ram);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ram);
	f = fopen(path, "r");
	ASSERT_NE(NULL, f);
	while (fgets(line, sizeof(line), f))
		told |= !strcmp(line, "axas-ram:\t0x40000000 0x10000 rw pin\n");
	fclose(f);
	EXPECT_TRUE(told);
	text = ax_debugfs(self->fd, "stats");
	ASSERT_NE(NULL, text);
	EXPECT_NE(NULL, strstr(text, "kept 0\n"));
	free(text);
	w = ax_window(ram, 0, 0x1000, RW);
	ASSERT_NE(MAP_FAILED, w);
	text = ax_debugfs(self->fd, "stats");
	ASSERT_NE(NULL, text);
	EXPECT_NE(NULL, strstr(text, "kept 65536\n"));
	free(text);
	munmap(w, 0x1000);
	close(ram);
}

TEST_HARNESS_MAIN
