// SPDX-License-Identifier: GPL-2.0
/*
 * Calls are made up: where, what, and how much.
 */
#include "fuzz.h"

/* ---- where ---- */

/* The end of what is ours. */
__u64 space_end(struct ctx *ctx)
{
	const struct zone *z = &ctx->zone[0];

	return ctx->exact ? ctx->st.base + ctx->st.length :
			    z->base + z->pages * AX_PAGE;
}

/* A page: most often near the edges of an area. */
__u64 pick_gpa(struct ctx *ctx)
{
	const struct zone *z = &ctx->zone[below(ctx, ctx->nr_zones)];
	const struct area *a;
	__u64 pages, off;

	if (!ctx->m.mem.nr || one_in(ctx, 3))
		return z->base + below(ctx, z->pages) * AX_PAGE;
	a = &ctx->m.mem.at[below(ctx, ctx->m.mem.nr)];
	pages = PAGE_OF(a->end - a->start);
	off = below(ctx, lesser(pages, one_in(ctx, 4) ? 1024ULL : 12ULL));
	return one_in(ctx, 2) ? a->start + off * AX_PAGE :
				a->end - (off + 1) * AX_PAGE;
}

static __u64 pick_pages(struct ctx *ctx)
{
	switch (below(ctx, 32)) {
	case 0 ... 15:
		return 1 + below(ctx, 8);
	case 16 ... 23:
		return 1 + below(ctx, 64);
	case 24 ... 26:
		return 1 + below(ctx, 700);
	case 27 ... 30:
		return 512 * (1 + below(ctx, 3));
	default:
		return ctx->exact ? 1ULL << below(ctx, 30) : 512;
	}
}

void pick_range(struct ctx *ctx, __u64 *gpa, __u64 *len)
{
	__u64 pages = pick_pages(ctx);

	*gpa = pick_gpa(ctx);
	if (!(pages % 512) && !one_in(ctx, 4))
		*gpa = larger(ALIGN_2M(*gpa), ctx->exact ? ctx->st.base :
							   ctx->zone[0].base);
	*len = lesser(pages * AX_PAGE, space_end(ctx) - *gpa);
}

__u32 space_rights(const struct ctx *ctx)
{
	return AX_RWX | (ctx->features & AXAS_FEAT_EXEC_USER ? AX_U : 0);
}

__u32 pick_prot(struct ctx *ctx)
{
	static const __u32 prot[] = {
		AX_RW, AX_RW, AX_RW, AX_RW, AX_RWX, AX_RWX, AX_R, AX_RX, AX_X,
	};
	bool exec_only = ctx->features & AXAS_FEAT_EXEC_ONLY;
	bool user = ctx->features & AXAS_FEAT_EXEC_USER && one_in(ctx, 3);

	return prot[below(ctx, ARRAY_LEN(prot) - !exec_only)] | (user ? AX_U : 0);
}

/* One of a few: areas that differ by it alone are often neighbours. */
__u64 pick_cookie(struct ctx *ctx)
{
	return ctx->cookies + below(ctx, 3);
}

void fill_random(struct ctx *ctx, void *buf, size_t len)
{
	__u64 word = rnd(ctx), i;

	for (i = 0; i + 8 <= len; i += 8) {
		word = word * 6364136223846793005ULL + 1442695040888963407ULL;
		memcpy((char *)buf + i, &word, 8);
	}
	for (; i < len; i++)
		((unsigned char *)buf)[i] = word >> (i % 8 * 8);
}

/* ---- making up ---- */

static void make_linear(struct ctx *ctx, struct call *c)
{
	static const __u64 leaf[] = { 0, AX_PAGE, AX_2M, AX_1G };
	bool far = ctx->far_hpa && (!ctx->lin_size || one_in(ctx, 3));
	__u64 room = far ? 4 * AX_1G : ctx->lin_size, off;

	c->backend = AXAS_BACKEND_LINEAR;
	c->max_leaf = leaf[below(ctx, 4)];
	c->len = lesser(c->len, room);
	if (c->max_leaf == AX_PAGE)
		c->len = lesser(c->len, 4 * AX_2M);
	off = below(ctx, PAGE_OF(room - c->len) + 1) * AX_PAGE;
	/* So that large leaves fit. */
	if (one_in(ctx, 2) && (off | (c->gpa & (AX_2M - 1))) + c->len <= room)
		off = ALIGN_2M(off) | (c->gpa & (AX_2M - 1));
	if (off + c->len > room)
		off = 0;
	c->hpa = (far ? ctx->far_hpa : ctx->lin_hpa) + off;
}

/* Is there linear memory where the call wants it? */
static bool linear_there(struct ctx *ctx, const struct call *c, bool far)
{
	__u64 from = far ? ctx->far_hpa : ctx->lin_hpa;
	__u64 to = from + (far ? 4 * AX_1G : ctx->lin_size);

	return c->hpa >= from && c->hpa < to && c->len <= to - c->hpa;
}

/* What lies beside an area, or in it, and could be of it. */
static bool make_alike(struct ctx *ctx, struct call *c)
{
	struct call new = *c;
	const struct area *a;

	if (!ctx->m.mem.nr)
		return false;
	a = &ctx->m.mem.at[below(ctx, ctx->m.mem.nr)];
	new.gpa = one_in(ctx, 2) ? a->end : a->start;
	if (one_in(ctx, 2) || new.gpa >= space_end(ctx))
		new.gpa -= lesser(c->len, new.gpa - (ctx->exact ? ctx->st.base :
							      ctx->zone[0].base));
	new.len = lesser(c->len, space_end(ctx) - new.gpa);
	new.backend = a->backend;
	new.prot = a->prot;
	new.memtype = a->memtype;
	new.node = a->node;
	new.nodes = a->nodes;
	/* Now and then that is all that tells them apart. */
	if (!one_in(ctx, 3))
		new.cookie = a->cookie;
	new.flags |= a->flags;
	new.max_leaf = a->max_leaf;
	if (a->backend == AXAS_BACKEND_LINEAR) {
		if (a->max_leaf == AX_PAGE)
			new.len = lesser(new.len, 4 * AX_2M);
		new.hpa = new.gpa + a->hpa_off;
		if (!linear_there(ctx, &new, area_far(ctx, a)))
			return false;
	}
	*c = new;
	return true;
}

void make_map(struct ctx *ctx, struct mail *mail)
{
	struct call *c = &mail->call;
	__u64 leaf[] = { 0, AX_PAGE, AX_2M };
	unsigned int tries = 0;

	*c = (struct call){
		.op = CALL_MAP, .backend = AXAS_BACKEND_ALLOC,
		.flags = one_in(ctx, 3) ? AXAS_MAP_REPLACE : 0,
	};
	do
		pick_range(ctx, &c->gpa, &c->len);
	while (!c->flags && ++tries < 4 &&
	       areas_meet(&ctx->m.mem, c->gpa, c->gpa + c->len));
	c->prot = pick_prot(ctx);
	c->cookie = pick_cookie(ctx);
	if (one_in(ctx, 4) && make_alike(ctx, c))
		return;
	switch (below(ctx, 12)) {
	case 0:
		if (ctx->exact || one_in(ctx, 2))
			c->backend = AXAS_BACKEND_DEVICE;
		return;
	case 1 ... 2:
		if (wanted("linear") && (ctx->lin_size || ctx->far_hpa))
			make_linear(ctx, c);
		break;
	case 3:
		if (ctx->pattern && wanted("plugin"))
			c->backend = AXAS_BACKEND_MODULE;
		break;
	}
	if (c->backend == AXAS_BACKEND_ALLOC) {
		c->max_leaf = leaf[below(ctx, wanted("large") ? 3 : 2)];
		if (one_in(ctx, 3) && c->len <= 1024 * AX_PAGE)
			c->flags |= AXAS_MAP_POPULATE;
		if (one_in(ctx, 8))
			c->flags |= AXAS_MAP_NODE;
		else if (one_in(ctx, 4))
			c->flags |= AXAS_MAP_INTERLEAVE;
		if (one_in(ctx, 8))
			c->flags |= AXAS_MAP_BIND;
		c->nodes = !!(c->flags & (AXAS_MAP_BIND | AXAS_MAP_INTERLEAVE));
	}
	if (ctx->st.format == AXAS_FORMAT_EPT && one_in(ctx, 8) &&
	    c->backend != AXAS_BACKEND_MODULE)
		c->flags |= AXAS_MAP_IGNORE_PAT;
	if (one_in(ctx, 6) && c->backend != AXAS_BACKEND_MODULE)
		c->flags |= AXAS_MAP_ROM;
	do
		c->memtype = one_in(ctx, 4) ? below(ctx, 6) : AXAS_MEM_WB;
	while (!(ctx->info.memtypes >> c->memtype & 1));
}

/* A hole refuses all: mostly stay in what one area and the next are. */
static __u64 whole(struct ctx *ctx, __u64 gpa, __u64 end)
{
	struct area *a = areas_at(&ctx->m.mem, gpa);

	if (a)
		end = a->end;
	a = areas_at(&ctx->m.mem, end);
	if (a)
		end = a->end;
	return end - gpa;
}

/* The rights of what lies before it. */
static void make_prot(struct ctx *ctx, struct call *c)
{
	struct area *a = areas_at(&ctx->m.mem, c->gpa - 1);

	if (a)
		c->prot = a->prot;
}

static void make_resize(struct ctx *ctx, struct call *c)
{
	struct area *a = areas_at(&ctx->m.mem, c->gpa), *next;

	if (!a || one_in(ctx, 8))
		return;
	c->gpa = a->start;
	if (one_in(ctx, 2))
		c->len = a->end - a->start + AX_PAGE * below(ctx, 16);
	next = areas_next(&ctx->m.mem, a->end);
	/* There may be just as much room. */
	if (next && one_in(ctx, 2))
		c->len = lesser(c->len, next->start - a->start);
	c->len = lesser(c->len, space_end(ctx) - c->gpa);
}

/* Somewhere else in what is ours: often it lies alike in tables there. */
static __u64 move_to(struct ctx *ctx, const struct call *c)
{
	__u64 to = pick_gpa(ctx);

	if (!one_in(ctx, 3))
		to = ALIGN_2M(to) + c->gpa % AX_2M;
	if (to < (ctx->exact ? ctx->st.base : ctx->zone[0].base))
		to = c->gpa + c->len;
	return to;
}

void make_move(struct ctx *ctx, struct mail *mail)
{
	struct call *c = &mail->call;
	unsigned int tries = 0;

	c->op = CALL_MOVE;
	do {
		pick_range(ctx, &c->gpa, &c->len);
		c->flags = one_in(ctx, 2) ? AXAS_MOVE_EXCHANGE : 0;
		if (!one_in(ctx, 8))
			c->len = lesser(c->len, whole(ctx, c->gpa, c->gpa + c->len));
		c->to = move_to(ctx, c);
		if (c->to >= space_end(ctx))
			c->to = c->gpa;
		c->len = lesser(c->len, space_end(ctx) - c->to);
		if (c->flags && !one_in(ctx, 8))
			c->len = lesser(c->len, whole(ctx, c->to, c->to + c->len));
	} while (model_move_refused(ctx, c) && ++tries < 12);
	/* By them it is seen that memory has come, and was not copied. */
	model_find_frames(ctx, c->gpa, c->len);
	model_find_frames(ctx, c->to, c->len);
}

/* A page that is, or may come, in a large leaf; small ones first. */
static struct page *pick_large(struct ctx *ctx)
{
	unsigned int i, n = below(ctx, NR_BUCKETS);
	struct page *p, *large = NULL;
	struct area *a;
	__u64 at;

	for (i = 0; i < NR_BUCKETS; i++) {
		p = ctx->m.bucket[(n + i) % NR_BUCKETS];
		at = p ? p->nr * AX_PAGE : 0;
		a = p ? areas_at(&ctx->m.mem, at) : NULL;
		if (!a || a->backend != AXAS_BACKEND_ALLOC || a->max_leaf < AX_2M ||
		    ALIGN_2M(at) < a->start || ALIGN_2M(at) + AX_2M > a->end)
			continue;
		if (!p->large)
			return p;
		large = p;
	}
	return large;
}

/* Whole 2 MiB for the most part. */
void make_collapse(struct ctx *ctx, struct call *c)
{
	__u64 start = ctx->exact ? ctx->st.base : ctx->zone[0].base;

	tracks_learn(ctx, c->gpa, c->len);
	c->op = CALL_COLLAPSE;
	c->flags = one_in(ctx, 4) ? 0 : AXAS_COLLAPSE_COPY;
	if (!one_in(ctx, 8) && ALIGN_2M(c->gpa) >= start) {
		c->len += c->gpa % AX_2M;
		c->gpa = ALIGN_2M(c->gpa);
		if (one_in(ctx, 2))
			c->len = larger(c->len, AX_2M);
	}
	c->len = lesser(lesser(c->len, 8 * AX_2M), space_end(ctx) - c->gpa);
	/* By them it is seen what lies in one piece. */
	model_find_frames(ctx, c->gpa, c->len);
}

/* Chance finds little that isn't large and may be: work towards that. */
static void make_for_collapse(struct ctx *ctx, struct call *c)
{
	struct page *p = one_in(ctx, 4) ? NULL : pick_large(ctx);

	if (p && p->large) {
		c->op = CALL_DISCARD;
		c->gpa = p->nr * AX_PAGE;
		c->len = AX_PAGE;
		return;
	}
	if (!p && one_in(ctx, 2) && ALIGN_2M(c->gpa) >= ctx->zone[0].base &&
	    space_end(ctx) - ALIGN_2M(c->gpa) >= AX_2M) {
		*c = (struct call){
			.op = CALL_MAP, .backend = AXAS_BACKEND_ALLOC,
			.flags = AXAS_MAP_REPLACE | AXAS_MAP_POPULATE,
			.gpa = ALIGN_2M(c->gpa), .len = AX_2M, .max_leaf = AX_2M,
			.prot = pick_prot(ctx), .cookie = pick_cookie(ctx),
		};
		return;
	}
	if (p)
		c->gpa = p->nr * AX_PAGE;
	make_collapse(ctx, c);
}

void make_range(struct ctx *ctx, struct mail *mail)
{
	static const enum call_op op[] = {
		CALL_UNMAP, CALL_UNMAP, CALL_UNMAP, CALL_UNMAP,
		CALL_PROTECT, CALL_PROTECT, CALL_PROTECT,
		CALL_DISCARD, CALL_DISCARD, CALL_RESIZE,
		CALL_MOVE, CALL_MOVE, CALL_MOVE, CALL_COLLAPSE,
	};
	struct call *c = &mail->call;

	*c = (struct call){
		.op = op[below(ctx, ARRAY_LEN(op))], .prot = pick_prot(ctx),
	};
	pick_range(ctx, &c->gpa, &c->len);
	if (c->op == CALL_RESIZE)
		make_resize(ctx, c);
	else if (c->op == CALL_MOVE)
		make_move(ctx, mail);
	else if (c->op == CALL_COLLAPSE)
		make_for_collapse(ctx, c);
	else if (c->op != CALL_UNMAP && !one_in(ctx, 4))
		c->len = lesser(c->len, whole(ctx, c->gpa, c->gpa + c->len));
	if (c->op == CALL_PROTECT && one_in(ctx, 2))
		make_prot(ctx, c);
	if (c->op == CALL_DISCARD && one_in(ctx, 3) && c->len <= 1024 * AX_PAGE)
		c->op = CALL_POPULATE;
	if (ctx->exact && (ctx->m.nr_pages > ctx->budget || one_in(ctx, 400)))
		c->op = CALL_CLEAR;
	else if (ctx->m.nr_pages > ctx->budget)
		*c = (struct call){
			.op = CALL_UNMAP, .gpa = ctx->zone[0].base,
			.len = ctx->zone[0].pages * AX_PAGE,
		};
	if (c->op == CALL_CLEAR) {
		c->gpa = ctx->st.base;
		c->len = ctx->st.length;
	}
}

static void make_fault_entry(struct ctx *ctx, struct axas_fault_entry *e,
			     __u64 near)
{
	static const __u8 widths[] = { 0, 0, 0, 1, 2, 4, 8, 3, 255 };
	struct areas *devices;

	*e = (struct axas_fault_entry){
		.gpa = near + below(ctx, AX_PAGE),
		.access = 1 << below(ctx, ctx->features & AXAS_FEAT_EXEC_USER ? 4 : 3),
		.width = widths[below(ctx, one_in(ctx, 8) ? 9 : 7)],
		.result = ~0u, .cookie = 0x5a5a, .offset = 0xa5a5,
	};
	if (one_in(ctx, 6))
		e->access = below(ctx, one_in(ctx, 4) ? 32 : 16);
	if (one_in(ctx, 10) && ctx->exact) {
		e->bus = 1 + below(ctx, 2);
		devices = &ctx->m.bus[e->bus - 1];
		e->gpa = below(ctx, e->bus == AXAS_BUS_PORT ? 1 << 16 : 1ULL << 32);
		if (devices->nr && !one_in(ctx, 4))
			e->gpa = devices->at[below(ctx, devices->nr)].end - 1 -
				 below(ctx, 3);
	}
	if (one_in(ctx, 100) && ctx->exact)
		e->bus = below(ctx, 256);
	if (one_in(ctx, 60) && ctx->exact)
		e->gpa = one_in(ctx, 2) ? ctx->st.base + ctx->st.length : rnd(ctx);
}

void make_fault(struct ctx *ctx, struct mail *mail)
{
	struct call *c = &mail->call;
	__u64 gpa = pick_gpa(ctx);
	unsigned int i;
	bool run = one_in(ctx, 2);

	*c = (struct call){ .op = CALL_FAULT, .gpa = gpa, .nr = 1 };
	if (one_in(ctx, 2))
		c->nr = 1 + below(ctx, NR_FAULTS);
	for (i = 0; i < c->nr; i++) {
		if (run)
			gpa = c->gpa + i * AX_PAGE;
		else if (i)
			gpa = pick_gpa(ctx);
		if (gpa >= space_end(ctx))
			gpa = c->gpa;
		make_fault_entry(ctx, &mail->fault[i], gpa);
	}
}

void make_rw(struct ctx *ctx, struct mail *mail)
{
	struct call *c = &mail->call;

	*c = (struct call){
		.op = one_in(ctx, 2) ? CALL_READ : CALL_WRITE,
		.gpa = pick_gpa(ctx), .cookie = rnd(ctx),
		.how = below(ctx, wanted("async") ? NR_HOW : HOW_AIO),
		.len = 1 + below(ctx, 64),
	};
	/* Less often: an extra thread of the kernel has to do it. */
	if (c->how >= HOW_AIO && !one_in(ctx, 4))
		c->how = HOW_PLAIN;
	/* Threads share the file's position. */
	if (c->how == HOW_SEEK && !ctx->exact)
		c->how = HOW_VECTOR;
	if (one_in(ctx, 3))
		c->len = 1 + below(ctx, one_in(ctx, 6) ? NR_DATA : 3 * AX_PAGE);
	if (one_in(ctx, 3))
		c->len = AX_PAGE;
	else
		c->gpa += below(ctx, AX_PAGE);
	if (!ctx->exact)
		c->len = lesser(c->len, space_end(ctx) - c->gpa);
	if (!model_touchable(ctx, c->gpa, c->len))
		c->len = 0;
	/* The end of the space: nothing to read, and no room. */
	if (ctx->exact && one_in(ctx, 50))
		c->gpa = space_end(ctx) + below(ctx, 2) * 4097;
	if (c->op == CALL_WRITE)
		fill_random(ctx, mail->data, c->len);
	else
		memset(mail->data, 0xa5, c->len);
}

/* Through a window; @win: those that the process has which does it. */
void make_touch(struct ctx *ctx, struct mail *mail, struct window *win)
{
	struct window *w = window_pick(ctx, win);
	struct call *c = &mail->call;
	__u64 off;

	if (!w) {
		make_fault(ctx, mail);
		return;
	}
	*c = (struct call){
		.op = one_in(ctx, 2) ? CALL_LOAD : CALL_STORE,
		.prot = w->prot, .len = 1 + below(ctx, 64),
	};
	off = window_offset(ctx, w);
	if (one_in(ctx, 3))
		c->len = 1 + below(ctx, 3 * AX_PAGE);
	c->len = lesser(c->len, w->len - off);
	c->addr = w->addr + off;
	c->gpa = w->gpa + off;
	if (!model_touchable(ctx, c->gpa, c->len))
		c->len = 0;
	if (c->op == CALL_STORE)
		fill_random(ctx, mail->data, c->len);
}

void make_device(struct ctx *ctx, struct mail *mail)
{
	struct call *c = &mail->call;
	struct areas *devices;
	__u64 last;

	*c = (struct call){
		.op = one_in(ctx, 2) ? CALL_DEVICE_ADD : CALL_DEVICE_DEL,
		.bus = 1 + below(ctx, 2), .cookie = rnd(ctx),
	};
	last = c->bus == AXAS_BUS_PORT ? 0xffff : 0xffffffff;
	devices = &ctx->m.bus[c->bus - 1];
	c->gpa = one_in(ctx, 2) ? below(ctx, 64) * 7 : below(ctx, last + 1);
	if (one_in(ctx, 20))
		c->gpa = last;
	c->len = lesser(1 + below(ctx, one_in(ctx, 8) ? last : 12),
			last + 1 - c->gpa);
	if (c->op == CALL_DEVICE_DEL && devices->nr && !one_in(ctx, 4)) {
		const struct area *a = &devices->at[below(ctx, devices->nr)];

		c->gpa = a->start;
		c->len = a->end - a->start;
	}
}

/* Any call, for another process: @win are its windows. */
void call_make(struct ctx *ctx, struct mail *mail, struct window *win)
{
	switch (below(ctx, 12)) {
	case 0 ... 2:
		make_map(ctx, mail);
		break;
	case 3 ... 4:
		make_range(ctx, mail);
		break;
	case 5 ... 6:
		make_fault(ctx, mail);
		break;
	case 7 ... 8:
		make_rw(ctx, mail);
		if (mail->call.how >= HOW_AIO)
			mail->call.how = HOW_PLAIN;
		break;
	case 9 ... 10:
		make_touch(ctx, mail, win);
		break;
	default:
		make_device(ctx, mail);
		break;
	}
}
