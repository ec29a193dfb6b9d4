// SPDX-License-Identifier: GPL-2.0
/*
 * Reads and writes by AIO and io_uring, by system calls alone.
 */
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include "fuzz.h"

#define ENTRIES		4

struct uring {
	int fd;
	char *ring;
	size_t size;
	struct io_uring_sqe *sqe;
	unsigned int *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
	struct io_uring_cqe *cqe;
};

static struct uring no_uring = { .fd = -1 };

static struct uring *uring_open(void)
{
	struct io_uring_params p = { 0 };
	struct uring *u = calloc(1, sizeof(*u));
	char *ring;

	if (!u)
		return &no_uring;
	u->fd = syscall(SYS_io_uring_setup, ENTRIES, &p);
	if (u->fd < 0 || !(p.features & IORING_FEAT_SINGLE_MMAP))
		return &no_uring;
	u->size = larger(p.sq_off.array + ENTRIES * sizeof(__u32),
			 p.cq_off.cqes + 2 * ENTRIES * sizeof(*u->cqe));
	ring = mmap(NULL, u->size, PROT_READ | PROT_WRITE, MAP_SHARED, u->fd,
		    IORING_OFF_SQ_RING);
	u->sqe = mmap(NULL, ENTRIES * sizeof(*u->sqe), PROT_READ | PROT_WRITE,
		      MAP_SHARED, u->fd, IORING_OFF_SQES);
	if (ring == MAP_FAILED || u->sqe == MAP_FAILED)
		return &no_uring;
	u->ring = ring;
	u->sq_tail = (unsigned int *)(ring + p.sq_off.tail);
	u->sq_mask = (unsigned int *)(ring + p.sq_off.ring_mask);
	u->sq_array = (unsigned int *)(ring + p.sq_off.array);
	u->cq_head = (unsigned int *)(ring + p.cq_off.head);
	u->cq_tail = (unsigned int *)(ring + p.cq_off.tail);
	u->cq_mask = (unsigned int *)(ring + p.cq_off.ring_mask);
	u->cqe = (struct io_uring_cqe *)(ring + p.cq_off.cqes);
	return u;
}

static long uring_rw(struct ctx *ctx, int fd, bool write, void *buf,
		     size_t len, __u64 offset)
{
	struct uring *u = ctx->uring;
	unsigned int tail, head;
	long ret;

	tail = *u->sq_tail;
	u->sqe[tail & *u->sq_mask] = (struct io_uring_sqe){
		.opcode = write ? IORING_OP_WRITE : IORING_OP_READ,
		.fd = fd, .addr = (uintptr_t)buf, .len = len, .off = offset,
		.flags = one_in(ctx, 4) ? IOSQE_ASYNC : 0,
	};
	u->sq_array[tail & *u->sq_mask] = tail & *u->sq_mask;
	__atomic_store_n(u->sq_tail, tail + 1, __ATOMIC_RELEASE);
	do
		ret = syscall(SYS_io_uring_enter, u->fd, 1, 1,
			      IORING_ENTER_GETEVENTS, NULL, 0);
	while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return -errno;
	head = *u->cq_head;
	while (head == __atomic_load_n(u->cq_tail, __ATOMIC_ACQUIRE))
		syscall(SYS_io_uring_enter, u->fd, 0, 1, IORING_ENTER_GETEVENTS,
			NULL, 0);
	ret = u->cqe[head & *u->cq_mask].res;
	__atomic_store_n(u->cq_head, head + 1, __ATOMIC_RELEASE);
	return ret;
}

static long aio_rw(struct ctx *ctx, int fd, bool write, void *buf, size_t len,
		   __u64 offset)
{
	struct iocb cb = {
		.aio_fildes = fd, .aio_buf = (uintptr_t)buf, .aio_nbytes = len,
		.aio_offset = offset,
		.aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
	};
	struct iocb *list = &cb;
	struct io_event event;

	if (syscall(SYS_io_submit, ctx->aio, 1, &list) != 1)
		return -errno;
	while (syscall(SYS_io_getevents, ctx->aio, 1, 1, &event, NULL) != 1)
		if (errno != EINTR)
			return -errno;
	return event.res;
}

/* Read or write in one of several ways; where there is no such way, plainly. */
long async_rw(struct ctx *ctx, enum call_how how, int fd, bool write,
	      void *buf, size_t len, __u64 offset)
{
	if (how == HOW_URING && !ctx->uring)
		ctx->uring = uring_open();
	if (how == HOW_URING && ctx->uring != &no_uring)
		return uring_rw(ctx, fd, write, buf, len, offset);
	if (how == HOW_AIO && !ctx->aio &&
	    syscall(SYS_io_setup, 4, &ctx->aio))
		ctx->aio = 0;
	if (how == HOW_AIO && ctx->aio)
		return aio_rw(ctx, fd, write, buf, len, offset);
	return write ? ax_pwrite(fd, buf, len, offset) :
		       ax_pread(fd, buf, len, offset);
}

void async_close(struct ctx *ctx)
{
	if (ctx->uring && ctx->uring != &no_uring) {
		munmap(ctx->uring->ring, ctx->uring->size);
		munmap(ctx->uring->sqe, ENTRIES * sizeof(*ctx->uring->sqe));
		close(ctx->uring->fd);
		free(ctx->uring);
	}
	ctx->uring = NULL;
	if (ctx->aio)
		syscall(SYS_io_destroy, ctx->aio);
	ctx->aio = 0;
}
