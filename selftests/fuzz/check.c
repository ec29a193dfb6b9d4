// SPDX-License-Identifier: GPL-2.0
/*
 * Compare a space with its model: AXAS_TRANSLATE, AXAS_AREAS, AXAS_STATS and
 * contents.
 */
#include "fuzz.h"

#define DIFFERS(field, want) do {					\
	if (e->field != (want)) {					\
		fail(ctx, "translate %#llx: " #field " is %#llx, want %#llx", \
		     e->gpa, (__u64)e->field, (__u64)(want));		\
		return;							\
	}								\
} while (0)

/* May these rights be what is left, so that somebody hears of a write, or of a use? */
static bool noticed(const struct ctx *ctx, const struct area *a, __u32 prot)
{
	return (ctx->tracked && prot == (a->prot & ~AX_W)) || (ctx->aged && !prot);
}

/* Compare what AXAS_TRANSLATE says of an address. */
void check_page(struct ctx *ctx, const struct axas_translate_entry *e)
{
	struct area *a = areas_at(&ctx->m.mem, e->gpa);
	struct page *p = page_find(ctx, e->gpa);
	bool linear, mapped;

	if (e->gpa < ctx->st.base || e->gpa - ctx->st.base >= ctx->st.length) {
		DIFFERS(state, AXAS_TRANSLATE_INVALID);
		return;
	}
	if (!a) {
		DIFFERS(state, AXAS_TRANSLATE_NO_AREA);
		DIFFERS(limit, 0);
		DIFFERS(hpa, 0);
		DIFFERS(leaf_size, 0);
		return;
	}
	linear = a->backend == AXAS_BACKEND_LINEAR;
	mapped = linear || p;
	DIFFERS(state, a->backend == AXAS_BACKEND_DEVICE ?
		       AXAS_TRANSLATE_DEVICE :
		       mapped ? AXAS_TRANSLATE_MAPPED : AXAS_TRANSLATE_LAZY);
	DIFFERS(limit, a->end - e->gpa);
	if (!mapped || !noticed(ctx, a, e->prot))
		DIFFERS(prot, a->prot);
	DIFFERS(memtype, a->memtype);
	DIFFERS(flags, (a->flags & AXAS_MAP_IGNORE_PAT ?
			AXAS_TRANSLATE_IGNORE_PAT : 0) |
		       (ctx->aged ? e->flags & AXAS_TRANSLATE_ACCESSED : 0) |
		       (ctx->flagged ? e->flags & AXAS_TRANSLATE_DIRTY : 0));
	if (!mapped) {
		DIFFERS(hpa, 0);
		DIFFERS(leaf_size, 0);
	} else if (linear) {
		DIFFERS(hpa, e->gpa + a->hpa_off);
		DIFFERS(leaf_size, linear_leaf(ctx, a, e->gpa));
	} else {
		DIFFERS(leaf_size, p->large ? AX_2M : AX_PAGE);
		if (!p->hpa)
			p->hpa = PAGE_DOWN(e->hpa);
		DIFFERS(hpa, p->hpa + e->gpa % AX_PAGE);
	}
}

/*
 * Compare the contents of a page that may be read, if it is there or comes from
 * nowhere.
 */
static void check_contents(struct ctx *ctx, __u64 gpa)
{
	unsigned char is[AX_PAGE], want[AX_PAGE];
	struct area *a = areas_at(&ctx->m.mem, gpa);
	unsigned int i;

	gpa = PAGE_DOWN(gpa);
	if (!a || !(area_rights(a) & AX_R) ||
	    a->backend == AXAS_BACKEND_DEVICE ||
	    area_far(ctx, a) ||
	    (a->backend == AXAS_BACKEND_MODULE && !page_find(ctx, gpa)))
		return;
	if (ax_pread(ctx->fd, is, AX_PAGE, gpa) != AX_PAGE) {
		fail(ctx, "pread of the page %#llx failed: %s", gpa,
		     strerror(errno));
		return;
	}
	page_read(ctx, gpa, want, AX_PAGE);
	if (!memcmp(is, want, AX_PAGE))
		return;
	for (i = 0; is[i] == want[i]; i++)
		;
	fail(ctx, "contents of %#llx: at +%#x %#x, want %#x", gpa, i, is[i],
	     want[i]);
}

/* Compare pages in and around what a step touched. */
void check_range(struct ctx *ctx, __u64 gpa, __u64 len)
{
	struct axas_translate_entry e[10];
	__u64 first = PAGE_DOWN(gpa), last = PAGE_DOWN(gpa + len - 1);
	unsigned int i, nr = 0;
	__u32 done = 0;

	if (ctx->failed)
		return;
	/* Of the neighbours, too, which may lie in other tables. */
	tracks_learn(ctx, first ? first - AX_PAGE : 0, len + 3 * AX_PAGE);
	if (!len)
		last = first;
	if (first >= ctx->zone[0].base + AX_PAGE || ctx->exact)
		e[nr++].gpa = first - 1;
	e[nr++].gpa = first;
	e[nr++].gpa = last + below(ctx, AX_PAGE);
	if (ctx->exact) {
		e[nr++].gpa = last + AX_PAGE;
		/* What is left of large leaves that reach over the edges. */
		e[nr++].gpa = ALIGN_2M(first) + below(ctx, AX_2M);
		e[nr++].gpa = ALIGN_2M(last) + below(ctx, AX_2M);
	}
	while (nr < ARRAY_LEN(e))
		e[nr++].gpa = first + below(ctx, last - first + AX_PAGE);
	if (ax_translate_many(ctx->fd, e, nr, &done) || done != nr) {
		fail(ctx, "translate did %u of %u", done, nr);
		return;
	}
	for (i = 0; i < nr && !ctx->failed; i++)
		check_page(ctx, &e[i]);
	for (i = 0; i < 4 && !ctx->failed; i++)
		check_contents(ctx, e[i].gpa);
	check_stats(ctx);
}

/* Compare what AXAS_NEXT lists in a range. */
void check_next(struct ctx *ctx, __u64 gpa, __u64 len)
{
	struct axas_next_entry e[5];
	__u64 at = gpa, next = gpa, left = len;
	struct area *a;
	bool is, want;
	int nr = 0, i = 0;

	for (; at < gpa + len; at += AX_PAGE) {
		while (i == nr && left && next <= at) {
			nr = ax_next(ctx->fd, &next, &left, e,
				     1 + below(ctx, ARRAY_LEN(e)));
			i = 0;
			if (nr < 0 || next + left != gpa + len) {
				fail(ctx, "next %#llx+%#llx: %d", gpa, len, nr);
				return;
			}
		}
		a = areas_at(&ctx->m.mem, at);
		want = page_find(ctx, at) || (a && a->backend == AXAS_BACKEND_LINEAR);
		is = i < nr && at >= e[i].gpa;
		if (is != want) {
			fail(ctx, "next: %#llx is %slisted", at, is ? "" : "not ");
			return;
		}
		if (is && at + AX_PAGE == e[i].gpa + e[i].length)
			i++;
	}
}

/* Figures that cost nothing to know. */
void check_stats(struct ctx *ctx)
{
	struct axas_stats st;
	unsigned int i;

	if (ctx->failed || !ctx->exact)
		return;
	if (ax_stats(ctx->fd, &st))
		fail(ctx, "AXAS_STATS failed");
	if (st.areas != ctx->m.mem.nr)
		fail(ctx, "stats: %llu areas, want %u", st.areas,
		     ctx->m.mem.nr);
	if (st.resident != ctx->m.nr_pages * AX_PAGE)
		fail(ctx, "stats: resident %#llx, want %#llx", st.resident,
		     ctx->m.nr_pages * AX_PAGE);
	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		if (st.faults[i] != ctx->m.faults[i])
			fail(ctx, "stats: faults[%u] %llu, want %llu", i,
			     st.faults[i], ctx->m.faults[i]);
}

/* ---- everything ---- */

static bool same_area(struct ctx *ctx, const struct axas_area_entry *e,
		      const struct area *a)
{
	return e->gpa == a->start && e->length == a->end - a->start &&
	       e->hpa == (a->backend == AXAS_BACKEND_LINEAR ?
			  a->start + a->hpa_off : 0) &&
	       e->cookie == a->cookie && e->max_leaf == a->max_leaf &&
	       e->backend == a->backend && e->prot == a->prot &&
	       e->memtype == a->memtype && e->flags == a->flags &&
	       e->node == a->node && e->nodes == a->nodes;
}

/* Compare all areas; of a slice, those in it. @quiet: a difference is no fault. */
bool check_areas(struct ctx *ctx, bool quiet)
{
	struct axas_area_entry e[40];
	__u64 end = ctx->exact ? ~0ULL : ctx->zone[0].base +
					ctx->zone[0].pages * AX_PAGE;
	struct axas_areas l = {
		.size = sizeof(l), .entries = (uintptr_t)e,
		.start = ctx->exact ? 0 : ctx->zone[0].base,
		.nr = 1 + below(ctx, ARRAY_LEN(e)),
	};
	unsigned int i = 0, j;

	while (l.start < end) {
		if (ax_ioctl(ctx->fd, AXAS_AREAS, &l) || l.done > l.nr) {
			fail(ctx, "AXAS_AREAS failed");
			return false;
		}
		if (l.generation < ctx->generation) {
			fail(ctx, "generation %llu after %llu", l.generation,
			     ctx->generation);
			return false;
		}
		ctx->generation = l.generation;
		for (j = 0; j < l.done && e[j].gpa < end; j++, i++) {
			if (i < ctx->m.mem.nr &&
			    same_area(ctx, &e[j], &ctx->m.mem.at[i]))
				continue;
			if (!quiet)
				fail(ctx, "area %u: %#llx+%#llx backend %u prot %u, want %#llx+%#llx",
				     i, e[j].gpa, e[j].length, e[j].backend,
				     e[j].prot, i < ctx->m.mem.nr ?
				     ctx->m.mem.at[i].start : 0,
				     i < ctx->m.mem.nr ? ctx->m.mem.at[i].end -
				     ctx->m.mem.at[i].start : 0);
			return false;
		}
	}
	if (i != ctx->m.mem.nr && !quiet)
		fail(ctx, "%u areas are listed, want %u", i, ctx->m.mem.nr);
	return i == ctx->m.mem.nr;
}

static int by_gpa(const void *a, const void *b)
{
	__u64 x = ((const struct ax_leaf *)a)->gpa;
	__u64 y = ((const struct ax_leaf *)b)->gpa;

	return x < y ? -1 : x > y;
}

/* Add a leaf to an array of @nr that grows. */
size_t leaf_add(struct ax_leaf **leaf, size_t nr, __u64 gpa, unsigned int level)
{
	if (!(nr & (nr + 1)) || !nr) {
		*leaf = realloc(*leaf, (2 * nr + 2) * sizeof(**leaf));
		if (!*leaf)
			abort();
	}
	(*leaf)[nr] = (struct ax_leaf){ gpa, level };
	return nr + 1;
}

/* Add the leaves of a model to an array of @nr. */
size_t collect_leaves(struct ctx *ctx, struct ax_leaf **leaf, size_t nr)
{
	struct page *p;
	unsigned int i;
	__u64 at, size;

	for (i = 0; i < ctx->m.mem.nr; i++) {
		const struct area *a = &ctx->m.mem.at[i];

		if (a->backend != AXAS_BACKEND_LINEAR)
			continue;
		for (at = a->start; at < a->end; at += size) {
			size = linear_leaf(ctx, a, at);
			nr = leaf_add(leaf, nr, at, size == AX_1G ? 2 :
						    size == AX_2M);
		}
	}
	for (i = 0; i < NR_BUCKETS; i++)
		for (p = ctx->m.bucket[i]; p; p = p->next)
			if (!p->large || !(p->nr % 512))
				nr = leaf_add(leaf, nr, p->nr * AX_PAGE,
					      p->large);
	return nr;
}

/* Do leaves and tables agree with the arithmetic of the architectures? */
bool check_tables(int fd, struct ax_leaf *leaf, size_t nr)
{
	if (nr)
		qsort(leaf, nr, sizeof(*leaf), by_gpa);
	return ax_tables_are(fd, leaf, nr);
}

static int by_value(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

/* No two pages may have one frame. */
static void check_frames(struct ctx *ctx)
{
	__u64 *hpa = malloc((ctx->m.nr_pages + 1) * sizeof(*hpa));
	unsigned int i, nr = 0;
	struct page *p;

	for (i = 0; hpa && i < NR_BUCKETS; i++)
		for (p = ctx->m.bucket[i]; p; p = p->next)
			if (p->hpa)
				hpa[nr++] = p->hpa;
	qsort(hpa, nr, sizeof(*hpa), by_value);
	for (i = 1; i < nr; i++)
		if (hpa[i] == hpa[i - 1])
			fail(ctx, "two pages have the frame %#llx", hpa[i]);
	free(hpa);
}

/* What was written, and some of what wasn't. */
static void check_all_contents(struct ctx *ctx)
{
	struct page *p;
	unsigned int i;

	for (i = 0; i < NR_BUCKETS; i++)
		for (p = ctx->m.bucket[i]; p; p = p->next)
			if (p->data || one_in(ctx, 32))
				check_contents(ctx, p->nr * AX_PAGE);
}

static void check_pages(struct ctx *ctx)
{
	struct axas_translate_entry e[64];
	unsigned int i, j, nr = 0;
	struct page *p;

	for (i = 0; i < NR_BUCKETS; i++) {
		for (p = ctx->m.bucket[i]; p; p = p->next) {
			e[nr++].gpa = p->nr * AX_PAGE;
			if (nr < ARRAY_LEN(e))
				continue;
			ax_translate_many(ctx->fd, e, nr, NULL);
			for (j = 0; j < nr && !ctx->failed; j++)
				check_page(ctx, &e[j]);
			nr = 0;
		}
		if (ctx->failed)
			return;
	}
	ax_translate_many(ctx->fd, e, nr, NULL);
	for (j = 0; j < nr && !ctx->failed; j++)
		check_page(ctx, &e[j]);
}

static void check_devices(struct ctx *ctx, __u32 bus)
{
	struct areas *devices = &ctx->m.bus[bus - 1];
	struct axas_fault_entry e;
	unsigned int i;

	for (i = 0; i < devices->nr && i < 64; i++) {
		const struct area *a = &devices->at[i];

		e = (struct axas_fault_entry){
			.gpa = a->start + below(ctx, a->end - a->start),
			.access = AX_R, .bus = bus,
		};
		ax_fault_many(ctx->fd, &e, 1, NULL);
		ctx->m.faults[AXAS_FAULT_DEVICE]++;
		if (e.result != AXAS_FAULT_DEVICE || e.cookie != a->cookie ||
		    e.offset != e.gpa - a->start)
			fail(ctx, "bus %u, %#llx: result %u cookie %#llx",
			     bus, e.gpa, e.result, e.cookie);
	}
}

void check_all(struct ctx *ctx)
{
	struct axas_translate_entry e[64];
	struct ax_leaf *leaf = NULL;
	unsigned int i;
	size_t nr;

	if (ctx->failed)
		return;
	note(ctx, "compare everything: %u areas, %u pages", ctx->m.mem.nr,
	     ctx->m.nr_pages);
	/* Where writes are noticed the owner splits leaves of ROM by reading what guests can't. */
	check_all_contents(ctx);
	tracks_learn(ctx, ctx->st.base, ctx->st.length);
	check_areas(ctx, false);
	check_pages(ctx);
	check_frames(ctx);
	for (i = 0; i < ARRAY_LEN(e); i++)
		e[i].gpa = pick_gpa(ctx);
	ax_translate_many(ctx->fd, e, ARRAY_LEN(e), NULL);
	for (i = 0; i < ARRAY_LEN(e) && !ctx->failed; i++)
		check_page(ctx, &e[i]);
	if (!ctx->exact)
		return;
	check_devices(ctx, AXAS_BUS_PORT);
	check_devices(ctx, AXAS_BUS_SYSREG);
	check_stats(ctx);
	nr = collect_leaves(ctx, &leaf, 0);
	if (!ctx->failed && !check_tables(ctx->fd, leaf, nr))
		fail(ctx, "the table isn't what its leaves ask for");
	free(leaf);
}
