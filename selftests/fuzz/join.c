// SPDX-License-Identifier: GPL-2.0
/*
 * The model: what becomes one, what comes to another place, and how large the
 * leaves are that are left of it.
 */
#include "fuzz.h"

/* ---- leaves ---- */

/*
 * Leaves of linear memory are as large as fits, but for those that came from
 * elsewhere and were small there: nobody looks for larger ones until they are
 * joined. @m.caps says how large they may be.
 */
static void caps_lower(struct ctx *ctx, __u64 start, __u64 end, __u64 size)
{
	struct areas *caps = &ctx->m.caps;
	struct area *a, new;

	areas_cut(caps, start);
	areas_cut(caps, end);
	for (; start < end; start = new.end) {
		a = areas_next(caps, start);
		if (a && a->start <= start) {
			a->max_leaf = lesser(a->max_leaf, size);
			new.end = a->end;
			continue;
		}
		new = (struct area){ .start = start, .end = end, .max_leaf = size };
		if (a)
			new.end = lesser(a->start, end);
		areas_put(caps, &new);
	}
}

void caps_drop(struct ctx *ctx, __u64 start, __u64 end)
{
	areas_cut(&ctx->m.caps, start);
	areas_cut(&ctx->m.caps, end);
	areas_take(&ctx->m.caps, start, end);
}

/* May there be leaves of @size in all of the @len bytes? */
static bool caps_allow(struct ctx *ctx, __u64 start, __u64 len, __u64 size)
{
	struct area *a = areas_next(&ctx->m.caps, start);

	for (; a && a->start < start + len; a = areas_next(&ctx->m.caps, a->end))
		if (a->max_leaf < size)
			return false;
	return true;
}

/* Could the area have a leaf of @size around @gpa? */
static bool leaf_fits(struct ctx *ctx, const struct area *a, __u64 gpa,
		      __u64 size)
{
	__u64 start = gpa & ~(size - 1);

	return size <= a->max_leaf && ctx->info.leaf_sizes & size &&
	       (size < AX_1G || ctx->st.levels > 2) &&
	       (a->backend != AXAS_BACKEND_LINEAR || !(a->hpa_off & (size - 1))) &&
	       start >= a->start && start + size <= a->end;
}

/* The leaf of a linear area at @gpa. */
__u64 linear_leaf(struct ctx *ctx, const struct area *a, __u64 gpa)
{
	__u64 size;

	for (size = AX_1G; size > AX_PAGE; size >>= 9)
		if (leaf_fits(ctx, a, gpa, size) &&
		    caps_allow(ctx, gpa & ~(size - 1), size, size))
			break;
	return size;
}

/* What is linear there is one leaf, if what it is of is large enough. */
static void caps_join(struct ctx *ctx, __u64 start, __u64 size)
{
	if (!caps_allow(ctx, start, size, size >> 9))
		return;
	caps_drop(ctx, start, start + size);
	/* Those beside it may be too small for a still larger one. */
	if (!caps_allow(ctx, start & ~(AX_1G - 1), AX_1G, AX_1G))
		caps_lower(ctx, start, start + size, size);
}

/* Where is the page's frame? It stays there, whatever becomes of the page. */
static __u64 page_hpa(struct ctx *ctx, struct page *p)
{
	struct axas_translate_entry e;

	if (!p->hpa && ax_translate(ctx->fd, p->nr * AX_PAGE, &e) ==
	    AXAS_TRANSLATE_MAPPED)
		p->hpa = PAGE_DOWN(e.hpa);
	return p->hpa;
}

/* Are all pages of these 2 MiB there, and contiguous? */
static bool pages_contiguous(struct ctx *ctx, __u64 start)
{
	struct page *p = page_find(ctx, start);
	__u64 hpa, at;

	if (!p)
		return false;
	hpa = page_hpa(ctx, p);
	if (hpa % AX_2M)
		return false;
	for (at = start; at < start + AX_2M; at += AX_PAGE) {
		p = page_find(ctx, at);
		if (!p || page_hpa(ctx, p) != hpa + (at - start))
			return false;
	}
	return true;
}

/* Then they are one leaf. */
static void pages_join(struct ctx *ctx, __u64 start)
{
	__u64 at;

	if (!pages_contiguous(ctx, start))
		return;
	for (at = start; at < start + AX_2M; at += AX_PAGE)
		page_find(ctx, at)->large = true;
}

/* Leaves of a size in the part of [gpa, end) that lies in an area. */
static void leaves_join(struct ctx *ctx, const struct area *a, __u64 gpa,
			__u64 end, __u64 size)
{
	__u64 at = larger(gpa, a->start) & ~(size - 1);

	end = lesser(end, a->end);
	for (; at < end; at += size) {
		if (!leaf_fits(ctx, a, at, size))
			continue;
		if (a->backend == AXAS_BACKEND_LINEAR)
			caps_join(ctx, at, size);
		else
			pages_join(ctx, at);
	}
}

/* ---- areas ---- */

static bool areas_same(const struct area *a, const struct area *b)
{
	bool placed = a->backend == AXAS_BACKEND_DEVICE ||
		      a->flags & (AXAS_MAP_ROM | AXAS_MAP_INTERLEAVE);

	return a->end == b->start && a->backend == b->backend &&
	       a->prot == b->prot && a->memtype == b->memtype &&
	       a->flags == b->flags && a->node == b->node && a->nodes == b->nodes &&
	       a->max_leaf == b->max_leaf && a->cookie == b->cookie &&
	       (a->backend != AXAS_BACKEND_LINEAR || a->hpa_off == b->hpa_off) &&
	       (!placed || a->first == b->first);
}

/* Protect, replace and move: the same on both sides of a border is one. */
void model_join(struct ctx *ctx, __u64 gpa, __u64 len)
{
	struct areas *mem = &ctx->m.mem;
	struct area *a, *next;
	bool joined = false;
	unsigned int i;

	a = areas_next(mem, gpa ? gpa - 1 : 0);
	for (i = a ? a - mem->at : 0; a && i + 1 < mem->nr;) {
		a = &mem->at[i];
		next = a + 1;
		if (next->start > gpa + len)
			break;
		if (!areas_same(a, next)) {
			i++;
			continue;
		}
		a->end = next->end;
		memmove(next, next + 1,
			(mem->nr - i - 2) * sizeof(*next));
		mem->nr--;
		joined = true;
	}
	if (!joined)
		return;
	for (a = areas_next(mem, gpa); a && a->start < gpa + len;
	     a = areas_next(mem, a->end)) {
		leaves_join(ctx, a, gpa, gpa + len, AX_2M);
		leaves_join(ctx, a, gpa, gpa + len, AX_1G);
	}
}

/* ---- move ---- */

static __u64 move_whole(struct ctx *ctx, __u64 gpa, __u64 len)
{
	struct area *a;
	__u64 at, why = 0;

	for (at = gpa; at < gpa + len; at = a->end) {
		a = areas_at(&ctx->m.mem, at);
		if (!a)
			return why | WHY(ENOENT);
		if (a->backend == AXAS_BACKEND_MODULE)
			why |= WHY(EOPNOTSUPP);
	}
	return why;
}

/* Has somebody pages of the range? */
static bool pins_meet(const struct ctx *ctx, __u64 gpa, __u64 len)
{
	return gpa < ctx->pinned_gpa + ctx->pinned &&
	       ctx->pinned_gpa < gpa + len;
}

/* Why a move may be refused: of several reasons it is any. */
__u64 model_move_refused(struct ctx *ctx, const struct call *c)
{
	bool exchange = c->flags & AXAS_MOVE_EXCHANGE;
	__u64 why = move_whole(ctx, c->gpa, c->len);

	if (c->gpa < c->to + c->len && c->to < c->gpa + c->len)
		return WHY(EINVAL);
	if (exchange)
		why |= move_whole(ctx, c->to, c->len);
	else if (areas_meet(&ctx->m.mem, c->to, c->to + c->len))
		why |= WHY(EEXIST);
	if (ctx->pinned && (pins_meet(ctx, c->gpa, c->len) ||
			    (exchange && pins_meet(ctx, c->to, c->len))))
		why |= WHY(EBUSY);
	return why;
}

/* What goes from one place to another. */
struct load {
	struct areas areas, caps;
	struct page *pages;
};

static void areas_lift(struct areas *from, __u64 gpa, __u64 end, struct areas *to)
{
	struct area *a;

	areas_cut(from, gpa);
	areas_cut(from, end);
	for (a = areas_next(from, gpa); a && a->start < end;
	     a = areas_next(from, a->end))
		areas_put(to, a);
	areas_take(from, gpa, end);
}

static void model_lift(struct ctx *ctx, __u64 gpa, __u64 len, struct load *load)
{
	model_cut(ctx, gpa);
	model_cut(ctx, gpa + len);
	areas_lift(&ctx->m.mem, gpa, gpa + len, &load->areas);
	areas_lift(&ctx->m.caps, gpa, gpa + len, &load->caps);
	load->pages = pages_lift(ctx, gpa, len);
}

/* The largest leaf that is as well aligned here as there. */
static __u64 move_leaf(__u64 distance)
{
	return !(distance % AX_1G) ? AX_1G : !(distance % AX_2M) ? AX_2M : AX_PAGE;
}

static void model_lay(struct ctx *ctx, struct load *load, __u64 distance)
{
	__u64 size = move_leaf(distance);
	struct page *p, *next;
	unsigned int i;
	struct area a;

	for (i = 0; i < load->areas.nr; i++) {
		a = load->areas.at[i];
		a.start += distance;
		a.end += distance;
		a.first += distance;
		a.hpa_off -= distance;
		areas_put(&ctx->m.mem, &a);
		if (a.backend == AXAS_BACKEND_LINEAR && size < AX_1G)
			caps_lower(ctx, a.start, a.end, size);
	}
	for (i = 0; i < load->caps.nr; i++) {
		a = load->caps.at[i];
		caps_lower(ctx, a.start + distance, a.end + distance, a.max_leaf);
	}
	for (p = load->pages; p; p = next) {
		next = p->next;
		p->nr = PAGE_OF(p->nr * AX_PAGE + distance);
		p->large &= size >= AX_2M;
		page_put(ctx, p);
		tracks_used(ctx, p->nr * AX_PAGE, AX_PAGE);
	}
	free(load->areas.at);
	free(load->caps.at);
}

void model_move(struct ctx *ctx, const struct call *c)
{
	bool exchange = c->flags & AXAS_MOVE_EXCHANGE;
	struct load there = { 0 }, back = { 0 };
	__u64 distance = c->to - c->gpa;

	tracks_wrote(ctx, c->gpa, c->len);
	tracks_wrote(ctx, c->to, c->len);
	tracks_forget(ctx, c->gpa, c->len);
	tracks_forget(ctx, c->to, c->len);
	model_lift(ctx, c->gpa, c->len, &there);
	if (exchange)
		model_lift(ctx, c->to, c->len, &back);
	model_lay(ctx, &there, distance);
	model_lay(ctx, &back, -distance);
	model_join(ctx, c->to, c->len);
	if (exchange)
		model_join(ctx, c->gpa, c->len);
}

/* ---- collapse ---- */

/* 0: there is none. */
static __u64 leaf_is(struct ctx *ctx, __u64 gpa)
{
	struct axas_translate_entry e;

	ax_translate(ctx->fd, gpa, &e);
	return e.leaf_size;
}

/* How far does it come, and why no further? */
__u64 model_collapsible(struct ctx *ctx, __u64 gpa, __u64 len, int *err)
{
	struct area *a;
	__u64 at;

	*err = 0;
	for (at = gpa; at < gpa + len; at = a->end) {
		a = areas_at(&ctx->m.mem, at);
		if (!a)
			*err = ENOENT;
		else if (a->backend != AXAS_BACKEND_ALLOC || a->max_leaf < AX_2M)
			*err = EOPNOTSUPP;
		if (*err)
			return at - gpa;
	}
	return len;
}

static bool pages_any(struct ctx *ctx, __u64 start)
{
	__u64 at;

	for (at = start; at < start + AX_2M; at += AX_PAGE)
		if (page_find(ctx, at))
			return true;
	return false;
}

/* What was there is elsewhere, and what wasn't is zero. */
static void pages_copied(struct ctx *ctx, __u64 start)
{
	struct page *p;
	__u64 at;

	for (at = start; at < start + AX_2M; at += AX_PAGE) {
		p = page_add(ctx, at, true);
		p->large = true;
		p->hpa = 0;
	}
	ctx->copied++;
}

/* What lies in one piece may be copied if some of it was written, and some not. */
static bool page_went(struct ctx *ctx, const struct page *p)
{
	struct axas_translate_entry e;

	return ctx->tracked &&
	       ax_translate(ctx->fd, p->nr * AX_PAGE, &e) == AXAS_TRANSLATE_MAPPED &&
	       e.leaf_size == AX_2M && PAGE_DOWN(e.hpa) != p->hpa;
}

/*
 * Frames were known before. Whether 2 MiB are copied depends on memory and on who has
 * pages of it: what may not be copied isn't. Return: bytes that are in large leaves now.
 */
static __u64 collapse_piece(struct ctx *ctx, const struct call *c, __u64 start)
{
	bool large = leaf_is(ctx, start) == AX_2M;
	struct page *p = page_find(ctx, start);

	if (p && p->large)
		return 0;
	if (pages_contiguous(ctx, start) && !page_went(ctx, p)) {
		/* Some of it may have been written, and some not. */
		if (!large && c->finished && !ctx->tracked)
			fail(ctx, "%#llx lies in one piece, and isn't one leaf", start);
		if (large)
			pages_join(ctx, start);
	} else if (large) {
		if (!(c->flags & AXAS_COLLAPSE_COPY) || !pages_any(ctx, start) ||
		    (ctx->pinned && pins_meet(ctx, start, AX_2M)))
			fail(ctx, "%#llx was copied", start);
		pages_copied(ctx, start);
	}
	return large ? AX_2M : 0;
}

/* Return: bytes that have come into large leaves, of the first @len. */
__u64 model_collapse(struct ctx *ctx, const struct call *c, __u64 len)
{
	__u64 at = ALIGN_2M(c->gpa + AX_2M - 1), joined = 0;
	struct area *a;

	for (; at + AX_2M <= c->gpa + len; at += AX_2M) {
		a = areas_at(&ctx->m.mem, at);
		if (at + AX_2M <= a->end)
			joined += collapse_piece(ctx, c, at);
	}
	return joined;
}

/* Learn where the pages of a range are. */
void model_find_frames(struct ctx *ctx, __u64 gpa, __u64 len)
{
	struct page *p;
	unsigned int i;

	for (i = 0; i < NR_BUCKETS; i++)
		for (p = ctx->m.bucket[i]; p; p = p->next)
			if (p->nr - PAGE_OF(gpa) < PAGE_OF(len))
				page_hpa(ctx, p);
}

/* Is another page there, or none? A frame that isn't known may be any. */
static bool page_changed(struct ctx *ctx, const struct page *p)
{
	struct axas_translate_entry e;

	return ax_translate(ctx->fd, p->nr * AX_PAGE, &e) != AXAS_TRANSLATE_MAPPED ||
	       (p->hpa && PAGE_DOWN(e.hpa) != p->hpa);
}

static bool pages_changed(struct ctx *ctx, __u64 gpa, __u64 len)
{
	unsigned int i;
	struct page *p;

	for (i = 0; i < NR_BUCKETS; i++)
		for (p = ctx->m.bucket[i]; p; p = p->next)
			if (p->nr - PAGE_OF(gpa) < PAGE_OF(len) &&
			    page_changed(ctx, p))
				return true;
	return false;
}

/*
 * The caller was killed: has it come to pass? What is alike may have come in the
 * place of something.
 */
bool model_changed(struct ctx *ctx, const struct call *c)
{
	struct area *a;

	if (!check_areas(ctx, true))
		return true;
	switch (c->op) {
	case CALL_MOVE:
		return pages_changed(ctx, c->gpa, c->len) ||
		       pages_changed(ctx, c->to, c->len);
	case CALL_MAP:
		/* Linear memory has its leaves without ever being populated. */
		a = areas_at(&ctx->m.mem, c->gpa);
		return pages_changed(ctx, c->gpa, c->len) ||
		       (c->flags & AXAS_MAP_POPULATE && a && area_lazy(a) &&
			!page_find(ctx, c->gpa) && leaf_is(ctx, c->gpa));
	default:
		return false;
	}
}

/* ---- when nobody knows ---- */

static void linear_learn(struct ctx *ctx, const struct area *a, __u64 gpa,
			 __u64 end)
{
	__u64 at, next, size;

	end = lesser(end, a->end);
	for (at = larger(gpa, a->start); at < end; at = next) {
		size = leaf_is(ctx, at);
		next = size == AX_1G ? (at & ~(AX_1G - 1)) + AX_1G :
				       ALIGN_2M(at) + AX_2M;
		next = lesser(next, end);
		if (size < linear_leaf(ctx, a, at))
			caps_lower(ctx, at, next, size);
	}
}

static void large_learn(struct ctx *ctx, __u64 gpa)
{
	bool large = leaf_is(ctx, gpa) == AX_2M;
	struct page *p;
	__u64 at;

	if (page_find(ctx, gpa)->large == large)
		return;
	for (at = gpa; at < gpa + AX_2M; at += AX_PAGE) {
		p = page_find(ctx, at);
		if (p)
			p->large = large;
	}
}

/* Leaves may have been split or joined, in the range and where it ends. */
void model_learn_leaves(struct ctx *ctx, __u64 gpa, __u64 len)
{
	__u64 end = (gpa + len + AX_1G - 1) & ~(AX_1G - 1), at;
	unsigned int i;
	struct area *a;
	struct page *p;

	gpa &= ~(AX_1G - 1);
	for (i = 0; i < NR_BUCKETS; i++)
		for (p = ctx->m.bucket[i]; p; p = p->next) {
			at = p->nr * AX_PAGE;
			if (!(at % AX_2M) && at >= gpa && at < end)
				large_learn(ctx, at);
		}
	caps_drop(ctx, gpa, end);
	for (a = areas_next(&ctx->m.mem, gpa); a && a->start < end;
	     a = areas_next(&ctx->m.mem, a->end))
		if (a->backend == AXAS_BACKEND_LINEAR)
			linear_learn(ctx, a, gpa, end);
}
