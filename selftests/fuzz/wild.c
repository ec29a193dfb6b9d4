// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that know nothing of each other on one slice of a space. Whatever they
 * do to it, a word of a page is zero or one that was written to that page, and
 * each call gives one of the results that it may give.
 */
#include <sys/uio.h>
#include "fuzz.h"

#define TAG	0xa5a5ULL

/* Most of it goes on in a few pages: there they meet. */
#define HOT		300
#define HOT_PAGES	6

static __u64 wild_page(struct ctx *ctx)
{
	return one_in(ctx, 4) ? below(ctx, ctx->zone[0].pages) :
				HOT + below(ctx, HOT_PAGES);
}

static __u64 wild_gpa(struct ctx *ctx, __u64 page)
{
	return ctx->zone[0].base + page * AX_PAGE;
}

static __u64 wild_tag(struct ctx *ctx, __u64 page)
{
	return TAG << 48 | page << 32 | (rnd(ctx) & 0xffffffff);
}

static void wild_word(struct ctx *ctx, const char *what, __u64 page, __u64 word)
{
	if (word && (word >> 48 != TAG || (word >> 32 & 0xffff) != page))
		fail(ctx, "%s: page %#llx holds %#llx", what,
		     wild_gpa(ctx, page), word);
}

/* A range of pages of the slice. */
static void wild_range(struct ctx *ctx, __u64 *page, __u64 *nr)
{
	__u64 pages = ctx->zone[0].pages;

	*page = wild_page(ctx);
	*nr = 1 + below(ctx, one_in(ctx, 8) ? pages : HOT_PAGES);
	if (one_in(ctx, 8)) {
		*page &= ~511ULL;
		*nr = 512;
	}
	*nr = lesser(*nr, pages - *page);
}

static void wild_change(struct ctx *ctx)
{
	static const __u32 prot[] = { AX_RW, AX_RW, AX_R, AX_RWX, AX_RX };
	__u32 rights = prot[below(ctx, ARRAY_LEN(prot))];
	__u32 flags = one_in(ctx, 2) ? AXAS_MAP_REPLACE : 0;
	__u64 page, nr, gpa;
	int ret;

	wild_range(ctx, &page, &nr);
	gpa = wild_gpa(ctx, page);
	switch (below(ctx, 7)) {
	case 0 ... 1:
		flags |= one_in(ctx, 4) ? AXAS_MAP_POPULATE : 0;
		ret = ax_map_alloc(ctx->fd, gpa, nr * AX_PAGE, rights, flags,
				   one_in(ctx, 2) ? AX_2M : 0);
		note(ctx, "map %#llx+%#llx flags %u: %d", gpa, nr * AX_PAGE,
		     flags, ret);
		if (ret && (ret != -EEXIST || flags & AXAS_MAP_REPLACE))
			fail(ctx, "map: %d", ret);
		break;
	case 2:
		ret = ax_unmap(ctx->fd, gpa, nr * AX_PAGE);
		note(ctx, "unmap %#llx+%#llx: %d", gpa, nr * AX_PAGE, ret);
		if (ret)
			fail(ctx, "unmap: %d", ret);
		break;
	case 3:
		ret = ax_discard(ctx->fd, gpa, nr * AX_PAGE);
		note(ctx, "discard %#llx+%#llx: %d", gpa, nr * AX_PAGE, ret);
		if (ret && ret != -ENOENT)
			fail(ctx, "discard: %d", ret);
		break;
	case 4:
		ret = ax_resize(ctx->fd, gpa, nr * AX_PAGE);
		note(ctx, "resize %#llx+%#llx: %d", gpa, nr * AX_PAGE, ret);
		if (ret && ret != -ENOENT && ret != -EEXIST)
			fail(ctx, "resize: %d", ret);
		break;
	case 5:
		ret = ax_collapse(ctx->fd, gpa, nr * AX_PAGE, AXAS_COLLAPSE_COPY, NULL);
		note(ctx, "collapse %#llx+%#llx: %d", gpa, nr * AX_PAGE, ret);
		if (ret && ret != -ENOENT && ret != -EOPNOTSUPP)
			fail(ctx, "collapse: %d", ret);
		break;
	default:
		ret = ax_protect(ctx->fd, gpa, nr * AX_PAGE, rights);
		note(ctx, "protect %#llx+%#llx: %d", gpa, nr * AX_PAGE, ret);
		if (ret && ret != -ENOENT)
			fail(ctx, "protect: %d", ret);
		break;
	}
}

static void wild_fault(struct ctx *ctx)
{
	struct axas_fault_entry e[40];
	unsigned int i, n = 1 + below(ctx, one_in(ctx, 4) ? ARRAY_LEN(e) : 4);
	__u64 page = wild_page(ctx);
	__u32 done = 0;
	int ret;

	for (i = 0; i < n; i++)
		e[i] = (struct axas_fault_entry){
			.gpa = wild_gpa(ctx, (page + i) % ctx->zone[0].pages),
			.access = 1 << below(ctx, 3), .result = ~0u,
		};
	ret = ax_fault_many(ctx->fd, e, n, &done);
	note(ctx, "fault %#llx, %u: %d", e[0].gpa, n, ret);
	if (ret || done != n)
		fail(ctx, "fault: %d, done %u of %u", ret, done, n);
	for (i = 0; i < n; i++)
		if (e[i].result > AXAS_FAULT_DENIED)
			fail(ctx, "fault %#llx: result %u", e[i].gpa, e[i].result);
}

static void wild_translate(struct ctx *ctx)
{
	struct axas_translate_entry e;
	__u64 gpa = wild_gpa(ctx, wild_page(ctx));
	int state = ax_translate(ctx->fd, gpa, &e);
	bool mapped = state == AXAS_TRANSLATE_MAPPED;

	note(ctx, "translate %#llx: %d", gpa, state);
	if (state < 0 || state > AXAS_TRANSLATE_NO_AREA || mapped != !!e.hpa ||
	    (mapped && e.leaf_size != AX_PAGE && e.leaf_size != AX_2M) ||
	    (state != AXAS_TRANSLATE_NO_AREA) != !!e.prot)
		fail(ctx, "translate %#llx: %d hpa %#llx leaf %#llx prot %u", gpa,
		     state, e.hpa, e.leaf_size, e.prot);
}

static void wild_rw(struct ctx *ctx)
{
	__u64 page = wild_page(ctx), word[512], i;
	__u64 gpa = wild_gpa(ctx, page);
	long ret;

	switch (below(ctx, 3)) {
	case 0:
		ret = ax_pread(ctx->fd, word, AX_PAGE, gpa);
		note(ctx, "pread %#llx: %ld", gpa, ret);
		for (i = 0; ret == AX_PAGE && i < 512; i++)
			wild_word(ctx, "pread", page, word[i]);
		break;
	case 1:
		ret = ax_pread(ctx->fd, word, 8, gpa + below(ctx, 512) * 8);
		note(ctx, "pread %#llx: %ld", gpa, ret);
		if (ret == 8)
			wild_word(ctx, "pread", page, word[0]);
		break;
	default:
		word[0] = wild_tag(ctx, page);
		ret = ax_pwrite(ctx->fd, word, 8, gpa + below(ctx, 512) * 8);
		note(ctx, "pwrite %#llx: %ld", gpa, ret);
		break;
	}
	if (ret != 8 && ret != AX_PAGE && ret != -EFAULT && ret != -EACCES)
		fail(ctx, "it returned %ld", ret);
}

static void wild_touch(struct ctx *ctx)
{
	__u64 page = wild_page(ctx), word = wild_tag(ctx, page);
	unsigned char *addr = ctx->win[0].addr + page * AX_PAGE +
			      below(ctx, 512) * 8;
	struct iovec local = { &word, 8 }, remote = { addr, 8 };
	bool write = one_in(ctx, 2);
	int sig = 0;
	long ret;

	if (one_in(ctx, 4))
		ret = write ? process_vm_writev(getpid(), &local, 1, &remote, 1, 0) :
			      process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	else
		ret = guarded_copy(addr, (unsigned char *)&word, 8, write, &sig);
	note(ctx, "%s %#llx: %ld, signal %d", write ? "store" : "load",
	     wild_gpa(ctx, page), ret, sig);
	if (ret == 8 && !write)
		wild_word(ctx, "load", page, word);
	if (sig && sig != SIGBUS)
		fail(ctx, "signal %d", sig);
}

static void wild_advise(struct ctx *ctx)
{
	__u64 page, nr;

	wild_range(ctx, &page, &nr);
	note(ctx, "madvise %#llx+%#llx", wild_gpa(ctx, page), nr * AX_PAGE);
	madvise(ctx->win[0].addr + page * AX_PAGE, nr * AX_PAGE, MADV_DONTNEED);
}

static void wild_areas(struct ctx *ctx)
{
	__u64 base = ctx->zone[0].base, at = base;
	struct axas_area_entry e[16];
	struct axas_areas l = {
		.size = sizeof(l), .start = base, .entries = (uintptr_t)e,
		.nr = ARRAY_LEN(e),
	};
	unsigned int i;

	if (ax_ioctl(ctx->fd, AXAS_AREAS, &l))
		fail(ctx, "AXAS_AREAS failed");
	note(ctx, "areas: %u, generation %llu", l.done, l.generation);
	for (i = 0; i < l.done; i++) {
		if (e[i].gpa < at || !e[i].length || !e[i].prot)
			fail(ctx, "area %#llx+%#llx after %#llx", e[i].gpa,
			     e[i].length, at);
		at = e[i].gpa + e[i].length;
	}
	if (l.generation < ctx->generation)
		fail(ctx, "generation %llu after %llu", l.generation,
		     ctx->generation);
	ctx->generation = l.generation;
}

static void step_wild(struct ctx *ctx)
{
	switch (below(ctx, 16)) {
	case 0 ... 3:
		wild_change(ctx);
		break;
	case 4 ... 5:
		wild_fault(ctx);
		break;
	case 6:
		wild_translate(ctx);
		break;
	case 7 ... 9:
		wild_rw(ctx);
		break;
	case 10 ... 13:
		wild_touch(ctx);
		break;
	case 14:
		wild_advise(ctx);
		break;
	default:
		wild_areas(ctx);
		break;
	}
}

/*
 * Nothing changes any more: what is in the process's own page table from
 * before must allow just what the space does, and show the same page.
 */
static void wild_settled(struct ctx *ctx, __u64 from, __u64 to)
{
	struct axas_translate_entry e;
	__u64 page, word, is;
	bool loads, stores;
	int sig;

	for (page = from; page < to && !ctx->failed; page++) {
		__u64 gpa = wild_gpa(ctx, page);
		unsigned char *addr = ctx->win[0].addr + page * AX_PAGE;

		ax_translate(ctx->fd, gpa, &e);
		word = wild_tag(ctx, page);
		stores = guarded_copy(addr, (unsigned char *)&word, 8, true,
				      &sig) == 8;
		loads = guarded_copy(addr, (unsigned char *)&is, 8, false,
				     &sig) == 8;
		if (e.state == AXAS_TRANSLATE_NO_AREA)
			e.prot = 0;
		if (loads != !!(e.prot & AX_R) || stores != !!(e.prot & AX_W))
			fail(ctx, "page %#llx: state %u prot %u, a window loads: %d, stores: %d",
			     gpa, e.state, e.prot, loads, stores);
		else if (stores && ax_get64(ctx->fd, gpa) != word)
			fail(ctx, "page %#llx: a window stored elsewhere", gpa);
	}
}

/*
 * All of the threads stand still every few steps, and one of them looks what
 * they have left behind. They end together.
 */
void wild_run(struct ctx *ctx, struct wild *wild, bool first)
{
	unsigned int i;

	for (;;) {
		for (i = 0; i < 30 && !ctx->failed; i++) {
			ctx->steps++;
			step_wild(ctx);
			progress++;
		}
		pthread_barrier_wait(&wild->barrier);
		if (first) {
			wild_settled(ctx, HOT, HOT + HOT_PAGES);
			wild->end = wild->failed || ax_now() >= wild->until;
		}
		if (ctx->failed)
			wild->failed = true;
		pthread_barrier_wait(&wild->barrier);
		if (wild->end)
			return;
	}
}

/* What is there once all of them have stopped. */
size_t wild_leaves(struct ctx *ctx, struct ax_leaf **leaf, size_t nr)
{
	struct axas_translate_entry e;
	__u64 page, pages = 1;

	for (page = 0; page < ctx->zone[0].pages; page += pages) {
		pages = 1;
		if (ax_translate(ctx->fd, wild_gpa(ctx, page), &e) !=
		    AXAS_TRANSLATE_MAPPED)
			continue;
		pages = PAGE_OF(e.leaf_size);
		nr = leaf_add(leaf, nr, e.gpa, pages > 1);
	}
	return nr;
}

void wild_check(struct ctx *ctx)
{
	wild_settled(ctx, 0, ctx->zone[0].pages);
}
