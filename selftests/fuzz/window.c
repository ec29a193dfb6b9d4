// SPDX-License-Identifier: GPL-2.0
/*
 * Windows: memory of this process that is the guest's.
 */
#include <sys/uio.h>
#include "fuzz.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ	22
#define MADV_POPULATE_WRITE	23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif

#define GIANTS		2
#define GIANT_SIZE	(2 * AX_1G)

/* ---- touching ---- */

static __thread sigjmp_buf guard_env;
static __thread volatile sig_atomic_t guard_armed;

/* Was it a touch that may end so? Then this doesn't return. */
bool guard_caught(int sig)
{
	if (!guard_armed)
		return false;
	guard_armed = 0;
	siglongjmp(guard_env, sig);
}

/* Each page is touched once: what a signal leaves is whole pages. */
static __attribute__((noinline)) void
copy_page(unsigned char *window, unsigned char *buf, size_t len, bool write)
{
	if (write)
		memcpy(window, buf, len);
	else
		memcpy(buf, window, len);
	__asm__ volatile("" ::: "memory");
}

/* Return: bytes copied, up to a page that the touch of gave *sig. */
__attribute__((noinline)) long
guarded_copy(unsigned char *window, unsigned char *buf, size_t len, bool write,
	     int *sig)
{
	volatile size_t done = 0;
	size_t n;

	*sig = sigsetjmp(guard_env, 0);
	if (*sig)
		return done;
	guard_armed = 1;
	while (done < len) {
		n = lesser(len - done,
			   AX_PAGE - (uintptr_t)(window + done) % AX_PAGE);
		copy_page(window + done, buf + done, n, write);
		done = done + n;
	}
	guard_armed = 0;
	return done;
}

/* ---- the list of windows ---- */

struct window *window_pick(struct ctx *ctx, struct window *win)
{
	unsigned int i, from = below(ctx, NR_WINDOWS);

	for (i = 0; i < NR_WINDOWS; i++)
		if (win[(from + i) % NR_WINDOWS].len)
			return &win[(from + i) % NR_WINDOWS];
	return NULL;
}

/* Somewhere in a window, most often where there is an area. */
__u64 window_offset(struct ctx *ctx, const struct window *w)
{
	__u64 off = below(ctx, lesser(w->len, one_in(ctx, 4) ? w->len : SLOT_SIZE));
	struct area *a = areas_next(&ctx->m.mem, w->gpa + off);
	__u64 start, end;

	if (one_in(ctx, 4))
		return off;
	if (!a || a->start >= w->gpa + w->len)
		a = areas_next(&ctx->m.mem, w->gpa);
	if (!a || a->start >= w->gpa + w->len)
		return off;
	start = larger(a->start, w->gpa);
	end = lesser(a->end, w->gpa + w->len);
	off = below(ctx, lesser(end - start, one_in(ctx, 4) ? end - start :
							      8 * AX_PAGE));
	if (one_in(ctx, 3))
		off = end - start - 1 - off;
	return start - w->gpa + off;
}

struct window *window_at(struct ctx *ctx, const unsigned char *addr)
{
	unsigned int i;

	for (i = 0; i < NR_WINDOWS; i++)
		if (ctx->win[i].len && addr >= ctx->win[i].addr &&
		    addr < ctx->win[i].addr + ctx->win[i].len)
			return &ctx->win[i];
	return NULL;
}

static struct window *window_free(struct ctx *ctx)
{
	unsigned int i;

	for (i = 0; i < NR_WINDOWS; i++)
		if (!ctx->win[i].len)
			return &ctx->win[i];
	return NULL;
}

/* The piece [addr, addr + len) of a window, as one of its own. */
static struct window *window_cut(struct ctx *ctx, unsigned char *addr, __u64 len)
{
	struct window *w = window_at(ctx, addr), *p;

	if (w->addr < addr) {
		p = window_free(ctx);
		if (!p)
			return NULL;
		*p = *w;
		w->len = addr - w->addr;
		p->addr = addr;
		p->gpa += w->len;
		p->len -= w->len;
		w = p;
	}
	if (w->len > len) {
		p = window_free(ctx);
		if (!p)
			return NULL;
		*p = *w;
		p->addr += len;
		p->gpa += len;
		p->len -= len;
		w->len = len;
	}
	return w;
}

/*
 * Bytes of [addr, addr + len), which lies in one window, that the kernel may get
 * at for somebody. @force: as a debugger may.
 */
__u64 window_allowed(struct ctx *ctx, const unsigned char *addr, __u64 len,
		     bool write, bool force)
{
	const struct window *w = window_at(ctx, addr);
	int err;

	if (write && !(w->prot & PROT_WRITE))
		return 0;
	if (!force && !(w->prot & (PROT_READ | PROT_WRITE)))
		return 0;
	return model_allowed(ctx, w->gpa + (addr - w->addr), len,
			     write ? AX_W : AX_R, &err);
}

static unsigned char *slot_addr(struct ctx *ctx, unsigned int i)
{
	return ctx->arena + i * SLOT_SIZE;
}

static bool range_free(struct ctx *ctx, const unsigned char *addr, __u64 len)
{
	unsigned int i;

	for (i = 0; i < NR_WINDOWS; i++)
		if (ctx->win[i].len && ctx->win[i].addr < addr + len &&
		    ctx->win[i].addr + ctx->win[i].len > addr)
			return false;
	return true;
}

/* A slot without a window, or NULL. */
static unsigned char *slot_pick(struct ctx *ctx, bool giant)
{
	unsigned int nr = giant ? GIANTS : NR_SLOTS, from = below(ctx, nr), i;
	__u64 size = giant ? GIANT_SIZE : SLOT_SIZE;
	unsigned char *base = giant ? slot_addr(ctx, NR_SLOTS) : ctx->arena;

	for (i = 0; i < nr; i++) {
		unsigned char *addr = base + (from + i) % nr * size;

		if (range_free(ctx, addr, size))
			return addr;
	}
	return NULL;
}

static __u64 arena_size(struct ctx *ctx)
{
	return NR_SLOTS * SLOT_SIZE + (ctx->exact ? GIANTS * GIANT_SIZE : 0);
}

/*
 * Nothing else of this process may come to lie where windows are. In one step:
 * other threads get themselves memory at the same time.
 */
static void keep(struct ctx *ctx, void *addr, __u64 len)
{
	if (mmap(addr, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
		 MAP_NORESERVE | MAP_FIXED, -1, 0) != addr)
		fail(ctx, "addresses are lost: %s", strerror(errno));
}

void windows_init(struct ctx *ctx)
{
	void *arena = mmap(NULL, arena_size(ctx) + AX_2M, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (arena == MAP_FAILED) {
		fail(ctx, "no addresses for windows: %s", strerror(errno));
		return;
	}
	ctx->arena = (unsigned char *)ALIGN_2M((uintptr_t)arena + AX_2M - 1);
}

void windows_drop(struct ctx *ctx)
{
	if (ctx->arena)
		munmap(ctx->arena, arena_size(ctx));
	memset(ctx->win, 0, sizeof(ctx->win));
}

/* ---- making them ---- */

static void window_refused(struct ctx *ctx)
{
	__u64 end = ctx->st.base + ctx->st.length;
	bool private = one_in(ctx, 2);
	void *p = mmap(NULL, 2 * AX_PAGE, PROT_READ,
		       private ? MAP_PRIVATE : MAP_SHARED, ctx->fd,
		       private ? pick_gpa(ctx) : end - AX_PAGE);

	note(ctx, "mmap: %s: %d", private ? "private" : "over the end", errno);
	if (p != MAP_FAILED || errno != EINVAL)
		fail(ctx, "mmap: %s", p == MAP_FAILED ? strerror(errno) : "done");
}

void step_window(struct ctx *ctx)
{
	static const int prots[] = {
		PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE | PROT_EXEC, PROT_READ, PROT_WRITE,
		PROT_NONE,
	};
	bool giant = ctx->exact && one_in(ctx, 12), populate = one_in(ctx, 6);
	unsigned char *addr = slot_pick(ctx, giant);
	struct window *w = window_free(ctx);
	__u64 gpa, len;
	int prot = prots[below(ctx, ARRAY_LEN(prots))];

	if (ctx->exact && one_in(ctx, 30)) {
		window_refused(ctx);
		return;
	}
	if (!w || !addr) {
		step_window_change(ctx);
		return;
	}
	pick_range(ctx, &gpa, &len);
	if (one_in(ctx, 2))
		len = larger(len, 1024 * AX_PAGE);
	len = giant ? GIANT_SIZE : lesser(len, SLOT_SIZE);
	len = lesser(len, space_end(ctx) - gpa);
	populate &= len <= 512 * AX_PAGE && model_touchable(ctx, gpa, len);
	*w = (struct window){
		.gpa = gpa, .len = len, .prot = prot,
		.io = model_io(ctx, gpa, len),
		.addr = mmap(addr, len, prot, MAP_SHARED | MAP_FIXED |
			     (populate ? MAP_POPULATE : 0), ctx->fd, gpa),
	};
	note(ctx, "mmap %#llx+%#llx prot %d%s: %p", gpa, len, prot,
	     populate ? " populate" : "", (void *)w->addr);
	if (w->addr != addr) {
		fail(ctx, "mmap: %s", strerror(errno));
		w->len = 0;
		return;
	}
	if (populate)
		model_learn(ctx, gpa, len);
	check_range(ctx, gpa, lesser(len, SLOT_SIZE));
}

/* ---- changing them ---- */

/* Part of a window, of whole pages. */
static struct window *part_pick(struct ctx *ctx, unsigned char **addr,
				__u64 *len)
{
	struct window *w = window_pick(ctx, ctx->win);
	__u64 pages, first;

	if (!w)
		return NULL;
	pages = PAGE_OF(w->len);
	first = one_in(ctx, 3) ? 0 : PAGE_OF(window_offset(ctx, w));
	*addr = w->addr + first * AX_PAGE;
	*len = (1 + below(ctx, pages - first)) * AX_PAGE;
	if (one_in(ctx, 3))
		*len = lesser(*len, AX_PAGE << below(ctx, 5));
	return w;
}

static void window_unmap(struct ctx *ctx, struct window *w)
{
	note(ctx, "munmap %#llx+%#llx", w->gpa, w->len);
	if (ctx->exact && munmap(w->addr, w->len))
		fail(ctx, "munmap: %s", strerror(errno));
	keep(ctx, w->addr, w->len);
	w->len = 0;
}

static void window_move(struct ctx *ctx, struct window *w)
{
	unsigned char *to = slot_pick(ctx, false), *from = w->addr, *is;

	if (!to || w->len > SLOT_SIZE)
		return;
	is = mremap(from, w->len, w->len, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	note(ctx, "mremap %#llx+%#llx to %p: %p", w->gpa, w->len, (void *)to,
	     (void *)is);
	if (is == to) {
		keep(ctx, from, w->len);
		w->addr = to;
	} else {
		/* It goes over parts with different advice. */
		keep(ctx, to, w->len);
	}
}

static void window_resize(struct ctx *ctx, struct window *w)
{
	__u64 len = (1 + below(ctx, PAGE_OF(w->len))) * AX_PAGE;
	void *is = mremap(w->addr, w->len, len, 0);

	note(ctx, "mremap %#llx+%#llx to size %#llx: %p", w->gpa, w->len, len, is);
	if (is == MAP_FAILED)
		return;
	if (len < w->len)
		keep(ctx, w->addr + len, w->len - len);
	w->len = len;
}

static void window_protect(struct ctx *ctx, struct window *w)
{
	static const int prots[] = {
		PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE,
		PROT_READ | PROT_EXEC, PROT_WRITE,
	};
	int prot = prots[below(ctx, ARRAY_LEN(prots))];

	note(ctx, "mprotect %#llx+%#llx to %d", w->gpa, w->len, prot);
	if (mprotect(w->addr, w->len, prot))
		fail(ctx, "mprotect: %s", strerror(errno));
	w->prot = prot;
}

static void window_lock(struct ctx *ctx, unsigned char *addr, __u64 len)
{
	struct window *w = window_at(ctx, addr);
	__u64 gpa = w->gpa + (addr - w->addr);
	int ret;

	len = lesser(len, 256 * AX_PAGE);
	if (!model_touchable(ctx, gpa, len))
		return;
	ret = mlock(addr, len);
	note(ctx, "mlock %#llx+%#llx: %d", gpa, len, ret);
	munlock(addr, len);
	model_learn(ctx, gpa, len);
	check_range(ctx, gpa, len);
}

void step_window_change(struct ctx *ctx)
{
	unsigned int what = below(ctx, 10);
	unsigned char *addr;
	struct window *w;
	__u64 len;

	if (!part_pick(ctx, &addr, &len))
		return;
	if (what == 9) {
		window_lock(ctx, addr, len);
		return;
	}
	w = window_cut(ctx, addr, len);
	if (!w || what < 2)
		window_unmap(ctx, w ? w : window_at(ctx, addr));
	else if (what < 4 && ctx->exact)
		window_move(ctx, w);
	else if (what < 5 && ctx->exact)
		window_resize(ctx, w);
	else
		window_protect(ctx, w);
}

static void window_populate(struct ctx *ctx, unsigned char *addr, __u64 len)
{
	struct window *w = window_at(ctx, addr);
	__u64 gpa = w->gpa + (addr - w->addr);
	bool write = one_in(ctx, 2), all;
	int ret;

	len = lesser(len, 64 * AX_PAGE);
	if (w->io || !model_owned(ctx, gpa, len))
		return;
	all = window_allowed(ctx, addr, len, write, false) == len;
	ret = madvise(addr, len, write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	note(ctx, "madvise populate%s %#llx+%#llx: %d", write ? " to write" : "",
	     gpa, len, ret);
	/* A mapping that can only be written is no mapping to read for the kernel. */
	if (w->prot != PROT_WRITE && !ret != all)
		fail(ctx, "madvise: %s, allowed: %d", ret ? strerror(errno) : "done",
		     all);
	model_learn(ctx, gpa, len);
	check_range(ctx, gpa, len);
}

/* A discard of each page: a range may be of several mappings, some of them done. */
static void window_remove(struct ctx *ctx, unsigned char *addr, __u64 len)
{
	struct window *w = window_at(ctx, addr);
	__u64 gpa = w->gpa + (addr - w->addr), at;
	int ret, want;

	len = lesser(len, 16 * AX_PAGE);
	for (at = 0; at < len; at += AX_PAGE) {
		want = model_discardable(ctx, gpa + at, AX_PAGE);
		ret = madvise(addr + at, AX_PAGE, MADV_REMOVE) ? errno : 0;
		note(ctx, "madvise remove %#llx: %d", gpa + at, ret);
		/* Some kernels ask whether it can be written to, some whether it could. */
		if (ret != want && (ret != EACCES || w->prot & PROT_WRITE))
			fail(ctx, "madvise: %d, want %d", ret, want);
		if (!ret)
			model_discard(ctx, gpa + at, AX_PAGE);
	}
	check_range(ctx, gpa, len);
}

/* Whatever else is advised, memory and its contents are the guest's. */
void step_madvise(struct ctx *ctx)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_DONTNEED, MADV_DONTNEED, MADV_WILLNEED,
		MADV_FREE, MADV_RANDOM, MADV_SEQUENTIAL, MADV_NORMAL,
		MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_MERGEABLE, MADV_DODUMP,
		MADV_WIPEONFORK, MADV_COLD, MADV_PAGEOUT, MADV_COLLAPSE,
	};
	unsigned char *addr, vec[512];
	struct window *w;
	__u64 len, gpa;
	int what, ret;

	w = part_pick(ctx, &addr, &len);
	if (!w)
		return;
	if (one_in(ctx, 3)) {
		window_populate(ctx, addr, len);
		return;
	}
	if (one_in(ctx, 16)) {
		window_remove(ctx, addr, len);
		return;
	}
	gpa = w->gpa + (addr - w->addr);
	if (one_in(ctx, 8)) {
		len = lesser(len, ARRAY_LEN(vec) * AX_PAGE);
		note(ctx, "mincore, msync %#llx+%#llx", gpa, len);
		mincore(addr, len, vec);
		msync(addr, len, one_in(ctx, 2) ? MS_SYNC : MS_ASYNC);
	} else {
		what = advice[below(ctx, ARRAY_LEN(advice))];
		ret = madvise(addr, len, what);
		note(ctx, "madvise %d %#llx+%#llx: %d", what, gpa, len, ret);
	}
	check_range(ctx, gpa, lesser(len, SLOT_SIZE));
}

/* ---- windows as buffers of the space's own read and write ---- */

/* One page after the other, each as the ones before it have left them. */
void step_window_buffer(struct ctx *ctx)
{
	unsigned char *addr, buf[AX_PAGE];
	struct window *w;
	__u64 len, gpa, wgpa, at, want = 0;
	bool read = one_in(ctx, 2);
	int err, first = 0;
	long ret;

	w = part_pick(ctx, &addr, &len);
	if (!w)
		return;
	wgpa = w->gpa + (addr - w->addr);
	gpa = pick_gpa(ctx);
	len = lesser(len, (1 + below(ctx, 6)) * AX_PAGE);
	len = lesser(len, space_end(ctx) - gpa);
	if (!model_owned(ctx, gpa, len) || !model_owned(ctx, wgpa, len))
		return;
	ret = read ? ax_pread(ctx->fd, addr, len, gpa) :
		     ax_pwrite(ctx->fd, addr, len, gpa);
	note(ctx, "%s %#llx+%#llx, buffer in a window at %#llx: %ld",
	     read ? "pread" : "pwrite", gpa, len, wgpa, ret);
	for (at = 0; at < len; at += AX_PAGE, want = at) {
		if (!model_allowed(ctx, gpa + at, AX_PAGE, read ? AX_R : AX_W,
				   &first))
			break;
		if (read)
			model_fetched(ctx, gpa + at, AX_PAGE);
		else
			model_touched(ctx, gpa + at, AX_PAGE);
		first = EFAULT;
		if (!window_allowed(ctx, addr + at, AX_PAGE, read, false))
			break;
		model_touched(ctx, wgpa + at, AX_PAGE);
		page_read(ctx, read ? gpa + at : wgpa + at, buf, AX_PAGE);
		page_write(ctx, read ? wgpa + at : gpa + at, buf, AX_PAGE);
	}
	err = want ? 0 : first;
	if (ret != (want ? (long)want : -err))
		fail(ctx, "it returned %ld, want %lld", ret,
		     want ? (long long)want : -err);
	check_range(ctx, wgpa, len);
	check_range(ctx, gpa, len);
}
