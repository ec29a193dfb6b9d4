// SPDX-License-Identifier: GPL-2.0
/*
 * The model: areas, the pages that are there, and what they hold. Huge areas
 * cost a range, pages that were never written no contents.
 */
#include "fuzz.h"

/* ---- ranges ---- */

/* Index of the first area that ends behind @at. */
static unsigned int areas_find(const struct areas *areas, __u64 at)
{
	unsigned int low = 0, high = areas->nr;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (areas->at[mid].end > at)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* The area that ends behind @at, or NULL. */
struct area *areas_next(struct areas *areas, __u64 at)
{
	unsigned int i = areas_find(areas, at);

	return i < areas->nr ? &areas->at[i] : NULL;
}

struct area *areas_at(struct areas *areas, __u64 at)
{
	struct area *a = areas_next(areas, at);

	return a && a->start <= at ? a : NULL;
}

bool areas_meet(struct areas *areas, __u64 start, __u64 end)
{
	struct area *a = areas_next(areas, start);

	return a && a->start < end;
}

void areas_put(struct areas *areas, const struct area *area)
{
	unsigned int i = areas_find(areas, area->start);

	if (areas->nr == areas->room) {
		areas->room = areas->room ? 2 * areas->room : 64;
		areas->at = realloc(areas->at, areas->room * sizeof(*area));
		if (!areas->at)
			abort();
	}
	memmove(&areas->at[i + 1], &areas->at[i],
		(areas->nr - i) * sizeof(*area));
	areas->at[i] = *area;
	areas->nr++;
}

/* An area that reaches over @at is two from now on. */
void areas_cut(struct areas *areas, __u64 at)
{
	struct area *a = areas_at(areas, at), tail;

	if (!a || a->start == at)
		return;
	tail = *a;
	tail.start = at;
	a->end = at;
	areas_put(areas, &tail);
}

/* Only whole areas lie in [start, end). */
void areas_take(struct areas *areas, __u64 start, __u64 end)
{
	unsigned int i = areas_find(areas, start);
	unsigned int j = i;

	while (j < areas->nr && areas->at[j].start < end)
		j++;
	memmove(&areas->at[i], &areas->at[j],
		(areas->nr - j) * sizeof(*areas->at));
	areas->nr -= j - i;
}

/* ---- pages ---- */

static struct page **page_slot(struct model *m, __u64 nr)
{
	struct page **p = &m->bucket[(nr * 0x9e3779b97f4a7c15ULL) >> 51];

	while (*p && (*p)->nr != nr)
		p = &(*p)->next;
	return p;
}

struct page *page_find(struct ctx *ctx, __u64 gpa)
{
	return *page_slot(&ctx->m, PAGE_OF(gpa));
}

struct page *page_add(struct ctx *ctx, __u64 gpa, bool large)
{
	struct page *p = page_find(ctx, gpa);

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		abort();
	p->nr = PAGE_OF(gpa);
	p->large = large;
	page_put(ctx, p);
	return p;
}

void page_put(struct ctx *ctx, struct page *p)
{
	struct page **slot = page_slot(&ctx->m, p->nr);

	p->next = *slot;
	*slot = p;
	ctx->m.nr_pages++;
}

/* What a page holds that nobody has written to. */
static void page_fresh(struct ctx *ctx, __u64 gpa, unsigned char *data)
{
	struct area *a = areas_at(&ctx->m.mem, gpa);
	__u64 i, word;

	memset(data, 0, AX_PAGE);
	if (!a || a->backend != AXAS_BACKEND_MODULE)
		return;
	for (i = 0; i < AX_PAGE; i += 8) {
		word = PAGE_DOWN(gpa) + i;
		memcpy(data + i, &word, 8);
	}
}

/* The host memory that the model has of a linear address. */
static unsigned char *page_linear(struct ctx *ctx, __u64 gpa)
{
	struct area *a = areas_at(&ctx->m.mem, gpa);

	if (!a || a->backend != AXAS_BACKEND_LINEAR || area_far(ctx, a))
		return NULL;
	return ctx->lin + (gpa + a->hpa_off - ctx->lin_hpa);
}

/* [gpa, gpa + len) lies in one page, which is there. */
void page_read(struct ctx *ctx, __u64 gpa, void *buf, size_t len)
{
	unsigned char *lin = page_linear(ctx, gpa), fresh[AX_PAGE];
	struct page *p = page_find(ctx, gpa);

	if (lin) {
		memcpy(buf, lin, len);
	} else if (p && p->data) {
		memcpy(buf, p->data + gpa % AX_PAGE, len);
	} else {
		page_fresh(ctx, gpa, fresh);
		memcpy(buf, fresh + gpa % AX_PAGE, len);
	}
}

void page_write(struct ctx *ctx, __u64 gpa, const void *buf, size_t len)
{
	unsigned char *lin = page_linear(ctx, gpa);
	struct page *p = page_find(ctx, gpa);

	if (lin || p)
		tracks_wrote(ctx, gpa, len);
	tracks_used(ctx, gpa, len);
	if (lin) {
		memcpy(lin, buf, len);
		return;
	}
	if (!p)
		return;
	if (!p->data) {
		p->data = malloc(AX_PAGE);
		if (!p->data)
			abort();
		page_fresh(ctx, gpa, p->data);
	}
	memcpy(p->data + gpa % AX_PAGE, buf, len);
}

void bytes_read(struct ctx *ctx, __u64 gpa, void *buf, size_t len)
{
	size_t n;

	for (; len; len -= n, gpa += n, buf = (char *)buf + n) {
		n = lesser(len, AX_PAGE - gpa % AX_PAGE);
		page_read(ctx, gpa, buf, n);
	}
}

void bytes_write(struct ctx *ctx, __u64 gpa, const void *buf, size_t len)
{
	size_t n;

	for (; len; len -= n, gpa += n, buf = (const char *)buf + n) {
		n = lesser(len, AX_PAGE - gpa % AX_PAGE);
		page_write(ctx, gpa, buf, n);
	}
}

/* ---- what calls do ---- */

/* A leaf of 2 MiB that reaches over @gpa is 512 from now on. */
static void pages_split(struct ctx *ctx, __u64 gpa)
{
	struct page *p = page_find(ctx, gpa);
	__u64 at;

	if (!(gpa % AX_2M) || !p || !p->large)
		return;
	for (at = ALIGN_2M(gpa); at < ALIGN_2M(gpa) + AX_2M; at += AX_PAGE)
		page_find(ctx, at)->large = false;
}

void model_cut(struct ctx *ctx, __u64 gpa)
{
	pages_split(ctx, gpa);
	areas_cut(&ctx->m.mem, gpa);
}

static struct page *page_take(struct model *m, struct page **slot,
			      struct page *others)
{
	struct page *p = *slot;

	*slot = p->next;
	p->next = others;
	m->nr_pages--;
	return p;
}

/* Take the pages of a range out, and list them. */
struct page *pages_lift(struct ctx *ctx, __u64 gpa, __u64 len)
{
	struct page **slot, *pages = NULL;
	unsigned int i;
	__u64 at;

	if (PAGE_OF(len) < ctx->m.nr_pages + NR_BUCKETS) {
		for (at = gpa; at < gpa + len; at += AX_PAGE) {
			slot = page_slot(&ctx->m, PAGE_OF(at));
			if (*slot)
				pages = page_take(&ctx->m, slot, pages);
		}
		return pages;
	}
	for (i = 0; i < NR_BUCKETS; i++) {
		slot = &ctx->m.bucket[i];
		while (*slot) {
			if ((*slot)->nr - PAGE_OF(gpa) < PAGE_OF(len))
				pages = page_take(&ctx->m, slot, pages);
			else
				slot = &(*slot)->next;
		}
	}
	return pages;
}

static void pages_free(struct page *p)
{
	struct page *next;

	for (; p; p = next) {
		next = p->next;
		free(p->data);
		free(p);
	}
}

static void pages_drop(struct ctx *ctx, __u64 gpa, __u64 len)
{
	pages_free(pages_lift(ctx, gpa, len));
}

void model_unmap(struct ctx *ctx, __u64 gpa, __u64 len)
{
	tracks_unmapped(ctx, gpa, len);
	tracks_forget(ctx, gpa, len);
	model_cut(ctx, gpa);
	model_cut(ctx, gpa + len);
	areas_take(&ctx->m.mem, gpa, gpa + len);
	caps_drop(ctx, gpa, gpa + len);
	pages_drop(ctx, gpa, len);
}

void model_map(struct ctx *ctx, const struct call *call)
{
	struct area a = {
		.start = call->gpa, .end = call->gpa + call->len,
		.first = call->gpa, .hpa_off = call->hpa - call->gpa,
		.cookie = call->cookie, .max_leaf = call->max_leaf,
		.backend = call->backend, .prot = call->prot,
		.memtype = call->memtype, .node = call->node, .nodes = call->nodes,
		.flags = call->flags & (AXAS_MAP_IGNORE_PAT | AXAS_MAP_NODE |
					AXAS_MAP_ROM | AXAS_MAP_BIND |
					AXAS_MAP_INTERLEAVE),
	};

	if (a.backend == AXAS_BACKEND_LINEAR && !a.max_leaf)
		a.max_leaf = ctx->info.leaf_sizes & AX_1G ? AX_1G : AX_2M;
	if (area_lazy(&a) && !a.max_leaf)
		a.max_leaf = AX_PAGE;
	/* There is something only where it is to be replaced. */
	model_unmap(ctx, call->gpa, call->len);
	areas_put(&ctx->m.mem, &a);
	tracks_wrote(ctx, call->gpa, call->len);
	if (call->flags & AXAS_MAP_POPULATE)
		model_touched(ctx, call->gpa, call->len);
	if (call->flags & AXAS_MAP_REPLACE)
		model_join(ctx, call->gpa, call->len);
}

/* 0, or the errno of AXAS_RESIZE. */
int model_resizable(struct ctx *ctx, __u64 gpa, __u64 len)
{
	struct area *a = areas_at(&ctx->m.mem, gpa);
	int err = 0;

	if (!a || a->start != gpa)
		err = ENOENT;
	else if (gpa + len > a->end && a->backend == AXAS_BACKEND_LINEAR)
		err = EOPNOTSUPP;
	else if (areas_meet(&ctx->m.mem, a->end, gpa + len))
		err = EEXIST;
	return err;
}

void model_resize(struct ctx *ctx, __u64 gpa, __u64 len)
{
	struct area *a = areas_at(&ctx->m.mem, gpa);
	__u64 end = lesser(a->end, gpa + len);

	if (gpa + len < a->end)
		model_unmap(ctx, gpa + len, a->end - (gpa + len));
	else
		a->end = gpa + len;
	tracks_unmapped(ctx, end, gpa + len - end);
}

/* Areas stay as they are. How many pages went? */
unsigned int model_discard(struct ctx *ctx, __u64 gpa, __u64 len)
{
	unsigned int before = ctx->m.nr_pages;

	tracks_wrote(ctx, gpa, len);
	tracks_forget(ctx, gpa, len);
	pages_split(ctx, gpa);
	pages_split(ctx, gpa + len);
	pages_drop(ctx, gpa, len);
	return before - ctx->m.nr_pages;
}

/* 0, or the errno of what comes first. */
int model_discardable(struct ctx *ctx, __u64 gpa, __u64 len)
{
	struct area *a;
	__u64 at;
	int err = 0;

	for (at = gpa; at < gpa + len; at = a->end) {
		a = areas_at(&ctx->m.mem, at);
		if (!a)
			err = ENOENT;
		else if (!area_lazy(a))
			err = EOPNOTSUPP;
		if (err)
			break;
	}
	return err;
}

/* How far can memory be brought in, and why no further? */
__u64 model_populated(struct ctx *ctx, __u64 gpa, __u64 len, int *err)
{
	struct area *a;
	__u64 at;

	*err = 0;
	for (at = gpa; at < gpa + len; at = a->end) {
		a = areas_at(&ctx->m.mem, at);
		if (!a)
			*err = ENOENT;
		else if (a->backend == AXAS_BACKEND_DEVICE)
			*err = EOPNOTSUPP;
		if (*err)
			return at - gpa;
	}
	return len;
}

void model_protect(struct ctx *ctx, __u64 gpa, __u64 len, __u32 prot)
{
	struct area *a;
	__u64 at;

	model_cut(ctx, gpa);
	model_cut(ctx, gpa + len);
	for (at = gpa; at < gpa + len; at = a->end) {
		a = areas_at(&ctx->m.mem, at);
		a->prot = prot;
	}
	model_join(ctx, gpa, len);
}

/* Is there no hole in the range? */
bool model_whole(struct ctx *ctx, __u64 gpa, __u64 len)
{
	struct area *a;
	__u64 at;

	for (at = gpa; at < gpa + len; at = a->end) {
		a = areas_at(&ctx->m.mem, at);
		if (!a)
			return false;
	}
	return true;
}

/*
 * Bytes from @gpa on that memory allows the access to, and in @err what pread(2)
 * and pwrite(2) say where they end.
 */
__u64 model_allowed(struct ctx *ctx, __u64 gpa, __u64 len, __u32 access,
		    int *err)
{
	struct area *a;
	__u64 at;

	*err = 0;
	for (at = gpa; at < gpa + len; at = lesser(a->end, gpa + len)) {
		a = areas_at(&ctx->m.mem, at);
		if (!a || a->backend == AXAS_BACKEND_DEVICE)
			*err = EFAULT;
		else if (access & ~area_rights(a))
			*err = EACCES;
		if (*err)
			break;
	}
	return at - gpa;
}

/* Is what is there memory, if anything? */
bool model_touchable(struct ctx *ctx, __u64 gpa, __u64 len)
{
	struct area *a = areas_next(&ctx->m.mem, gpa);

	for (; a && a->start < gpa + len; a = areas_next(&ctx->m.mem, a->end))
		if (area_far(ctx, a))
			return false;
	return true;
}

/* Is a window that is made over the range one for I/O, which nobody can pin? */
bool model_io(struct ctx *ctx, __u64 gpa, __u64 len)
{
	struct area *a = areas_next(&ctx->m.mem, gpa);
	__u64 at = gpa;

	for (; a && a->start <= at && a->backend == AXAS_BACKEND_LINEAR;
	     a = areas_next(&ctx->m.mem, at)) {
		at = a->end;
		if (at >= gpa + len)
			return true;
	}
	return false;
}

/*
 * May the kernel be given windows over the range? Not where it is linear: a page
 * of that isn't one which the kernel may touch.
 */
bool model_owned(struct ctx *ctx, __u64 gpa, __u64 len)
{
	struct area *a = areas_next(&ctx->m.mem, gpa);

	for (; a && a->start < gpa + len; a = areas_next(&ctx->m.mem, a->end))
		if (a->backend == AXAS_BACKEND_LINEAR)
			return false;
	return true;
}

/* Could a first touch of @gpa have taken 2 MiB? */
static bool may_be_large(struct ctx *ctx, const struct area *a, __u64 gpa)
{
	__u64 start = ALIGN_2M(gpa), at;

	if (a->backend != AXAS_BACKEND_ALLOC || a->max_leaf < AX_2M ||
	    start < a->start || start + AX_2M > a->end)
		return false;
	for (at = start; at < start + AX_2M; at += AX_PAGE)
		if (page_find(ctx, at))
			return false;
	return true;
}

/* One that came where writes are noticed was split at once. */
static bool came_large(struct ctx *ctx, __u64 gpa, __u64 leaf_size)
{
	__u64 at = ALIGN_2M(gpa), len = AX_2M;
	struct axas_next_entry e = { 0 };

	return leaf_size == AX_2M ||
	       (ctx->tracked && ax_next(ctx->fd, &at, &len, &e, 1) == 1 &&
		e.length == AX_2M);
}

static void page_touched(struct ctx *ctx, const struct area *a, __u64 gpa)
{
	struct axas_translate_entry e;
	struct page *p;
	__u64 at;

	if (page_find(ctx, gpa))
		return;
	if (!may_be_large(ctx, a, gpa) ||
	    ax_translate(ctx->fd, gpa, &e) != AXAS_TRANSLATE_MAPPED ||
	    !came_large(ctx, gpa, e.leaf_size)) {
		page_add(ctx, gpa, false);
		return;
	}
	/* Whatever becomes of the leaf, its pages stay where they are. */
	for (at = ALIGN_2M(gpa); at < ALIGN_2M(gpa) + AX_2M; at += AX_PAGE) {
		p = page_add(ctx, at, e.leaf_size == AX_2M);
		if (p->large)
			p->hpa = ALIGN_2M(e.hpa) + at % AX_2M;
	}
}

/* What lies in the range was touched, of areas of that backend or of all lazy ones. */
static void touched(struct ctx *ctx, __u64 gpa, __u64 len, __u32 backend)
{
	__u64 at = PAGE_DOWN(gpa);
	struct area *a;

	if (!len)
		return;
	for (; at < gpa + len; at += AX_PAGE) {
		a = areas_at(&ctx->m.mem, at);
		if (a && area_lazy(a) && (!backend || a->backend == backend))
			page_touched(ctx, a, at);
	}
}

/* All of the range was touched, and allowed that. */
void model_touched(struct ctx *ctx, __u64 gpa, __u64 len)
{
	touched(ctx, gpa, len, 0);
}

/*
 * All of the range was read by way of the space's descriptor: zeros come from nowhere,
 * only what may have contents comes in.
 */
void model_fetched(struct ctx *ctx, __u64 gpa, __u64 len)
{
	touched(ctx, gpa, len, AXAS_BACKEND_MODULE);
}

/* Parts of the range may have been touched: look what is there now. */
void model_learn(struct ctx *ctx, __u64 gpa, __u64 len)
{
	struct axas_translate_entry e;
	__u64 at = PAGE_DOWN(gpa);
	struct area *a;

	if (!len)
		return;
	for (; at < gpa + len; at += AX_PAGE) {
		a = areas_at(&ctx->m.mem, at);
		if (a && area_lazy(a) && !page_find(ctx, at) &&
		    ax_translate(ctx->fd, at, &e) == AXAS_TRANSLATE_MAPPED)
			page_touched(ctx, a, at);
	}
}

/* Each byte of the range is as it was, or as in @data: look which. */
void model_adopt(struct ctx *ctx, __u64 gpa, const unsigned char *data,
		 __u64 len)
{
	unsigned char is[AX_PAGE], was[AX_PAGE];
	struct area *a;
	size_t n, i;

	for (; len; len -= n, gpa += n, data += n) {
		n = lesser(len, AX_PAGE - gpa % AX_PAGE);
		a = areas_at(&ctx->m.mem, gpa);
		if (!a || !(area_rights(a) & AX_R) ||
		    a->backend == AXAS_BACKEND_DEVICE ||
		    (area_lazy(a) && !page_find(ctx, gpa)))
			continue;
		if (ax_pread(ctx->fd, is, n, gpa) != n) {
			fail(ctx, "cannot read %#llx", gpa);
			return;
		}
		page_read(ctx, gpa, was, n);
		for (i = 0; i < n; i++)
			if (is[i] != was[i] && is[i] != data[i])
				break;
		if (i < n)
			fail(ctx, "at %#llx: %#x, want %#x or %#x", gpa + i,
			     is[i], was[i], data[i]);
		/* It may not have been written at all. */
		if (memcmp(is, was, n))
			page_write(ctx, gpa, is, n);
	}
}

void model_reset(struct model *m)
{
	unsigned int i;

	for (i = 0; i < NR_BUCKETS; i++)
		pages_free(m->bucket[i]);
	free(m->mem.at);
	free(m->caps.at);
	free(m->bus[0].at);
	free(m->bus[1].at);
	memset(m, 0, sizeof(*m));
}
