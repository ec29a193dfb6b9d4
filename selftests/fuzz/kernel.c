// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel gets at windows for others: other processes, debuggers, disks,
 * pipes. What it may copy is a prefix that the model knows; all of that, if it is
 * all that was asked for.
 */
#include <linux/loop.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include "fuzz.h"

#define DISK_SIZE	(1ULL << 20)

/* A part of a window that the kernel is going to get at. */
struct part {
	unsigned char *addr;
	__u64 gpa, len;
};

static bool part_pick(struct ctx *ctx, struct part *part, __u64 max, __u64 align)
{
	struct window *w = window_pick(ctx, ctx->win);
	__u64 off;

	/* Whether what can only be written may be read depends on who reads. */
	if (!w || w->prot == PROT_WRITE)
		return false;
	off = window_offset(ctx, w) & ~(align - 1);
	part->addr = w->addr + off;
	part->gpa = w->gpa + off;
	part->len = align > 1 ? (1 + below(ctx, max / align)) * align :
				1 + below(ctx, one_in(ctx, 2) ? max : 64);
	part->len = lesser(part->len, w->len - off);
	return !w->io && model_owned(ctx, part->gpa, part->len);
}

/* How many bytes were copied, of those that could be? */
static __u64 copied(struct ctx *ctx, const struct part *part, __u64 allowed,
		    long ret)
{
	__u64 n = larger(ret, 0L);

	if (n > allowed || (allowed == part->len && n != allowed))
		fail(ctx, "%ld bytes, %llu of %llu are allowed", ret, allowed,
		     part->len);
	n = lesser(n, allowed);
	if (part->addr)
		model_touched(ctx, part->gpa, n);
	else
		model_fetched(ctx, part->gpa, n);
	model_learn(ctx, part->gpa, allowed);
	return n;
}

/* The kernel has read the window: @data is what it found. */
static void judge_out(struct ctx *ctx, const struct part *part, __u64 allowed,
		      long ret, const unsigned char *data)
{
	__u64 n = copied(ctx, part, allowed, ret), i;
	unsigned char want[NR_DATA];

	bytes_read(ctx, part->gpa, want, n);
	for (i = 0; i < n; i++) {
		if (want[i] == data[i])
			continue;
		fail(ctx, "byte %#llx is %#x, want %#x", part->gpa + i, data[i],
		     want[i]);
		break;
	}
	check_range(ctx, part->gpa, part->len);
}

/* The kernel has written @data there. */
static void judge_in(struct ctx *ctx, const struct part *part, __u64 allowed,
		     long ret, const unsigned char *data)
{
	__u64 n = copied(ctx, part, allowed, ret);

	bytes_write(ctx, part->gpa, data, n);
	model_adopt(ctx, part->gpa + n, data + n, allowed - n);
	check_range(ctx, part->gpa, part->len);
}

void step_process_vm(struct ctx *ctx)
{
	unsigned char *data = ctx->mail->data;
	bool write = one_in(ctx, 2);
	struct iovec local, remote;
	struct part part;
	__u64 allowed;
	long ret;

	if (!part_pick(ctx, &part, 8 * AX_PAGE, 1))
		return;
	allowed = window_allowed(ctx, part.addr, part.len, write, false);
	local = (struct iovec){ data, part.len };
	remote = (struct iovec){ part.addr, part.len };
	if (write)
		fill_random(ctx, data, part.len);
	ret = write ? process_vm_writev(getpid(), &local, 1, &remote, 1, 0) :
		      process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	note(ctx, "process_vm_%s %#llx+%#llx: %ld", write ? "writev" : "readv",
	     part.gpa, part.len, ret);
	if (write)
		judge_in(ctx, &part, allowed, ret, data);
	else
		judge_out(ctx, &part, allowed, ret, data);
}

void step_proc_mem(struct ctx *ctx)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	unsigned char *data = ctx->mail->data;
	bool write = one_in(ctx, 2);
	struct part part;
	__u64 allowed;
	long ret;

	if (fd >= 0 && part_pick(ctx, &part, 8 * AX_PAGE, 1)) {
		allowed = window_allowed(ctx, part.addr, part.len, write, true);
		if (write)
			fill_random(ctx, data, part.len);
		ret = write ? pwrite(fd, data, part.len, (uintptr_t)part.addr) :
			      pread(fd, data, part.len, (uintptr_t)part.addr);
		note(ctx, "/proc/self/mem %s %#llx+%#llx: %ld",
		     write ? "write" : "read", part.gpa, part.len, ret);
		if (write)
			judge_in(ctx, &part, allowed, ret, data);
		else
			judge_out(ctx, &part, allowed, ret, data);
	}
	close(fd);
}

/* ---- a child under a debugger, which has the same windows ---- */

static void poke(struct ctx *ctx, pid_t pid)
{
	bool write = one_in(ctx, 2);
	struct part part;
	__u64 allowed;
	long word, ret;

	if (!part_pick(ctx, &part, 8, 8) || part.len != 8)
		return;
	allowed = window_allowed(ctx, part.addr, 8, write, true);
	errno = 0;
	if (write) {
		word = rnd(ctx);
		ret = ptrace(PTRACE_POKEDATA, pid, part.addr, word);
	} else {
		word = ptrace(PTRACE_PEEKDATA, pid, part.addr, 0);
		ret = errno ? -1 : 0;
	}
	note(ctx, "ptrace %s %#llx: %ld", write ? "poke" : "peek", part.gpa, ret);
	ret = ret ? -1 : 8;
	if (write)
		judge_in(ctx, &part, allowed, ret, (unsigned char *)&word);
	else
		judge_out(ctx, &part, allowed, ret, (unsigned char *)&word);
}

void step_ptrace(struct ctx *ctx)
{
	unsigned int i, nr = 1 + below(ctx, 8);
	int status;
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(0);
	}
	if (pid < 0)
		return;
	if (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
		for (i = 0; i < nr && !ctx->failed; i++)
			poke(ctx, pid);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

/* ---- a disk, past the page cache ---- */

static int open_loop(int file)
{
	struct loop_config conf = { .fd = file, .block_size = 512 };
	int ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC), fd, nr;
	char name[32];

	nr = ctl < 0 ? -1 : ioctl(ctl, LOOP_CTL_GET_FREE);
	close(ctl);
	if (nr < 0)
		return -1;
	snprintf(name, sizeof(name), "/dev/loop%d", nr);
	fd = open(name, O_RDWR | O_CLOEXEC);
	conf.info.lo_flags = LO_FLAGS_AUTOCLEAR;
	if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &conf)) {
		close(fd);
		return -1;
	}
	nr = open(name, O_RDWR | O_CLOEXEC | O_DIRECT);
	close(fd);
	return nr;
}

/* A file on /mnt, if that has direct I/O, or a loop device over memory. */
void disk_open(struct ctx *ctx)
{
	static const char name[] = "/mnt/axas_fuzz";
	void *buf = aligned_alloc(AX_PAGE, AX_PAGE);

	ctx->file = -1;
	ctx->disk = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_DIRECT, 0600);
	unlink(name);
	if (buf && ctx->disk >= 0)
		memset(buf, 0, AX_PAGE);
	if (ctx->disk < 0 || ftruncate(ctx->disk, DISK_SIZE) || !buf ||
	    pwrite(ctx->disk, buf, AX_PAGE, DISK_SIZE - AX_PAGE) != AX_PAGE) {
		close(ctx->disk);
		ctx->file = memfd_create("axas_fuzz", MFD_CLOEXEC);
		ctx->disk = ftruncate(ctx->file, DISK_SIZE) ? -1 :
							     open_loop(ctx->file);
	}
	printf("# %s: direct I/O %s\n", ctx->name,
	       ctx->disk < 0 ? "isn't to be had" :
	       ctx->file < 0 ? "to a file on /mnt" : "to a loop device");
	free(buf);
}

void disk_close(struct ctx *ctx)
{
	close(ctx->disk);
	close(ctx->file);
}

void step_direct(struct ctx *ctx)
{
	static __attribute__((aligned(4096))) unsigned char data[8 * AX_PAGE];
	bool write = one_in(ctx, 2);
	__u64 pos = below(ctx, (DISK_SIZE - sizeof(data)) / AX_PAGE) * AX_PAGE;
	enum call_how how = one_in(ctx, 2) ? HOW_PLAIN :
			    one_in(ctx, 2) ? HOW_AIO : HOW_URING;
	struct part part;
	__u64 allowed;
	long ret;

	if (ctx->disk < 0 ||
	    !part_pick(ctx, &part, sizeof(data), one_in(ctx, 2) ? 4096 : 512))
		return;
	fill_random(ctx, data, part.len);
	/* Into the window the disk is read, out of it written. */
	allowed = window_allowed(ctx, part.addr, part.len, write, false);
	if (write && pwrite(ctx->disk, data, part.len, pos) != part.len) {
		note(ctx, "the disk can't be written: %s", strerror(errno));
		return;
	}
	ret = async_rw(ctx, how, ctx->disk, !write, part.addr, part.len, pos);
	note(ctx, "direct %s window %#llx+%#llx how %d: %ld",
	     write ? "into" : "out of", part.gpa, part.len, how, ret);
	if (write) {
		judge_in(ctx, &part, allowed, ret, data);
		return;
	}
	if (ret > 0 && pread(ctx->disk, data, ret, pos) != ret)
		fail(ctx, "the disk can't be read: %s", strerror(errno));
	judge_out(ctx, &part, allowed, ret, data);
}

/* ---- pages in a pipe ---- */

/* What becomes of the guest's memory while pages of it are in a pipe. */
static void disturb(struct ctx *ctx, const struct part *part)
{
	struct mail *mail = ctx->mail;

	if (one_in(ctx, 4)) {
		mail->call = (struct call){ .op = CALL_MOVE };
		make_move(ctx, mail);
		mail->call.gpa = PAGE_DOWN(part->gpa);
		mail->call.len = lesser(mail->call.len,
					space_end(ctx) - mail->call.gpa);
		call_run(ctx, mail, ctx->fd);
		note_call(ctx, &mail->call, "with pages in a pipe: ");
		call_judge(ctx, mail);
		return;
	}
	if (one_in(ctx, 6)) {
		mail->call = (struct call){
			.gpa = PAGE_DOWN(part->gpa), .len = AX_PAGE,
		};
		make_collapse(ctx, &mail->call);
		call_run(ctx, mail, ctx->fd);
		note_call(ctx, &mail->call, "with pages in a pipe: ");
		call_judge(ctx, mail);
		return;
	}
	mail->call = (struct call){
		.op = one_in(ctx, 3) ? CALL_DISCARD : CALL_UNMAP, .gpa = PAGE_DOWN(part->gpa),
		.len = PAGE_UP(part->gpa + part->len) - PAGE_DOWN(part->gpa),
	};
	call_run(ctx, mail, ctx->fd);
	note_call(ctx, &mail->call, "with pages in a pipe: ");
	call_judge(ctx, mail);
	if (mail->call.op == CALL_DISCARD || one_in(ctx, 2))
		return;
	mail->call.op = CALL_MAP;
	mail->call.backend = AXAS_BACKEND_ALLOC;
	mail->call.prot = AX_RW;
	mail->call.flags = AXAS_MAP_POPULATE;
	mail->call.cookie = pick_cookie(ctx);
	call_run(ctx, mail, ctx->fd);
	note_call(ctx, &mail->call, "with pages in a pipe: ");
	call_judge(ctx, mail);
	if (ctx->failed)
		return;
	mail->call.op = CALL_WRITE;
	mail->call.how = HOW_PLAIN;
	fill_random(ctx, mail->data, mail->call.len);
	call_run(ctx, mail, ctx->fd);
	call_judge(ctx, mail);
}

/* The pages that are in there outlive their unmap, and are nobody else's. */
void step_pipe(struct ctx *ctx)
{
	unsigned char is[8 * AX_PAGE], want[8 * AX_PAGE];
	struct part part;
	struct iovec v;
	__u64 allowed, n;
	int p[2];
	long ret;

	if (!part_pick(ctx, &part, sizeof(is), one_in(ctx, 2) ? AX_PAGE : 1) ||
	    pipe2(p, O_CLOEXEC | O_NONBLOCK))
		return;
	allowed = window_allowed(ctx, part.addr, part.len, false, false);
	v = (struct iovec){ part.addr, part.len };
	ret = vmsplice(p[1], &v, 1, SPLICE_F_NONBLOCK);
	note(ctx, "vmsplice %#llx+%#llx: %ld", part.gpa, part.len, ret);
	n = copied(ctx, &part, allowed, ret);
	bytes_read(ctx, part.gpa, want, n);
	if (n && one_in(ctx, 2)) {
		ctx->pinned_gpa = PAGE_DOWN(part.gpa);
		ctx->pinned = PAGE_UP(part.gpa + n) - ctx->pinned_gpa;
		disturb(ctx, &part);
		ctx->pinned = 0;
	}
	if (n && (read(p[0], is, n) != n || memcmp(is, want, n)))
		fail(ctx, "what comes out of the pipe isn't what went in");
	close(p[0]);
	close(p[1]);
	check_range(ctx, part.gpa, part.len);
}

/* The space's own descriptor: it may be refused, but not be wrong. */
void step_splice(struct ctx *ctx)
{
	struct part part = { .len = 1 + below(ctx, 4 * AX_PAGE) };
	unsigned char *data = ctx->mail->data;
	int err, file = memfd_create("axas_fuzz", MFD_CLOEXEC), p[2];
	off64_t off;
	__u64 allowed;
	long ret;

	part.gpa = pick_gpa(ctx);
	off = part.gpa;
	if (!ctx->exact || !model_owned(ctx, part.gpa, part.len) ||
	    pipe2(p, O_CLOEXEC | O_NONBLOCK)) {
		close(file);
		return;
	}
	allowed = model_allowed(ctx, part.gpa, part.len, AX_R, &err);
	if (one_in(ctx, 2)) {
		ret = sendfile(file, ctx->fd, &off, part.len);
		note(ctx, "sendfile %#llx+%#llx: %ld", part.gpa, part.len, ret);
		if (ret > 0 && pread(file, data, ret, 0) != ret)
			fail(ctx, "sendfile: %ld bytes aren't there", ret);
	} else {
		ret = splice(ctx->fd, &off, p[1], NULL, part.len,
			     SPLICE_F_NONBLOCK);
		note(ctx, "splice %#llx+%#llx: %ld", part.gpa, part.len, ret);
		if (ret > 0 && read(p[0], data, ret) != ret)
			fail(ctx, "splice: %ld bytes aren't there", ret);
	}
	if (ret > 0) {
		part.len = ret;
		judge_out(ctx, &part, allowed, ret, data);
	}
	close(file);
	close(p[0]);
	close(p[1]);
}
