// SPDX-License-Identifier: GPL-2.0
/*
 * Trackers: what the model knows to be written, or used, since somebody asked is in the
 * next list. There may be more in it, for leaves are larger than pages, and whoever has a
 * page may write to it. What trackers do to leaves and rights isn't foretold, but looked at.
 */
#include "fuzz.h"

#define NR_RUNS	64

/* ---- sets of ranges ---- */

static void set_take(struct areas *set, __u64 start, __u64 end)
{
	areas_cut(set, start);
	areas_cut(set, end);
	areas_take(set, start, end);
}

static void set_add(struct areas *set, __u64 start, __u64 end)
{
	const struct area range = { .start = start, .end = end };

	if (start >= end)
		return;
	set_take(set, start, end);
	areas_put(set, &range);
}

/* The first byte of [start, end) that isn't in the set; end if there is none. */
static __u64 set_hole(struct areas *set, __u64 start, __u64 end)
{
	struct area *a;

	while (start < end) {
		a = areas_at(set, start);
		if (!a)
			break;
		start = a->end;
	}
	return lesser(start, end);
}

/* ---- what is written, and used ---- */

static void tracks_add(struct ctx *ctx, __u32 what, __u64 gpa, __u64 len)
{
	__u64 start = PAGE_DOWN(gpa), end = PAGE_UP(gpa + len);
	unsigned int i;

	for (i = 0; len && i < NR_TRACKS; i++) {
		struct track *t = &ctx->track[i];

		if (t->len && t->what == what)
			set_add(&t->due, larger(start, t->gpa),
				lesser(end, t->gpa + t->len));
	}
}

void tracks_wrote(struct ctx *ctx, __u64 gpa, __u64 len)
{
	tracks_add(ctx, AXAS_TRACK_WRITTEN, gpa, len);
}

/* Of these pages, those that are there. */
void tracks_used(struct ctx *ctx, __u64 gpa, __u64 len)
{
	struct area *a;
	__u64 at;

	if (!ctx->aged || !len)
		return;
	for (at = PAGE_DOWN(gpa); at < gpa + len; at += AX_PAGE) {
		a = areas_at(&ctx->m.mem, at);
		if (page_find(ctx, at) || (a && a->backend == AXAS_BACKEND_LINEAR))
			tracks_add(ctx, AXAS_TRACK_ACCESSED, at, AX_PAGE);
	}
}

/* What goes isn't used any more. */
void tracks_forget(struct ctx *ctx, __u64 gpa, __u64 len)
{
	unsigned int i;

	for (i = 0; i < NR_TRACKS; i++)
		if (ctx->track[i].len && ctx->track[i].what == AXAS_TRACK_ACCESSED)
			set_take(&ctx->track[i].due, gpa, gpa + len);
}

/* Of an unmap: what was there. */
void tracks_unmapped(struct ctx *ctx, __u64 gpa, __u64 len)
{
	struct area *a;

	for (a = areas_next(&ctx->m.mem, gpa); a && a->start < gpa + len;
	     a = areas_next(&ctx->m.mem, a->end))
		tracks_wrote(ctx, larger(a->start, gpa),
			     lesser(a->end, gpa + len) - larger(a->start, gpa));
}

/* Writes split leaves, and more than one list can make of them is one again. */
void tracks_learn(struct ctx *ctx, __u64 gpa, __u64 len)
{
	if (ctx->tracked)
		model_learn_leaves(ctx, gpa, len);
}

/* ---- steps ---- */

static struct track *track_pick(struct ctx *ctx, bool open)
{
	unsigned int i, from = below(ctx, NR_TRACKS);

	for (i = 0; i < NR_TRACKS; i++)
		if (!ctx->track[(from + i) % NR_TRACKS].len == !open)
			return &ctx->track[(from + i) % NR_TRACKS];
	return NULL;
}

static void track_end(struct ctx *ctx, struct track *t)
{
	note(ctx, "tracker %d ends", t->fd);
	close(t->fd);
	free(t->due.at);
	*t = (struct track){ 0 };
}

/* A module's format has what it has been built with; others have flags if they were asked. */
static bool track_may_not(const struct ctx *ctx, __u32 what, __u32 flags)
{
	bool asked = ctx->features & AXAS_FEAT_AD || ctx->st.format == AXAS_FORMAT_AMD;

	return ctx->st.format >= AXAS_FORMAT_MODULE || (flags && !asked) ||
	       (what == AXAS_TRACK_ACCESSED && ctx->st.format == AXAS_FORMAT_EPT &&
		!asked);
}

/* All that are of what was written go by flags, or none. */
static bool track_busy(const struct ctx *ctx, __u32 flags)
{
	unsigned int i;

	for (i = 0; i < NR_TRACKS; i++)
		if (ctx->track[i].len && ctx->track[i].what == AXAS_TRACK_WRITTEN)
			return ctx->track[i].flags != flags;
	return false;
}

static void track_begin(struct ctx *ctx, struct track *t)
{
	__u64 gpa, len;

	pick_range(ctx, &gpa, &len);
	/* All of it, or of a zone, or a few pages. */
	if (one_in(ctx, 4)) {
		gpa = ctx->st.base;
		len = ctx->st.length;
	} else if (one_in(ctx, 2)) {
		len = larger(len, 1024 * AX_PAGE);
		len = lesser(len, space_end(ctx) - gpa);
	}
	t->what = one_in(ctx, 3) ? AXAS_TRACK_ACCESSED : AXAS_TRACK_WRITTEN;
	t->flags = t->what == AXAS_TRACK_WRITTEN && ctx->by_flags != one_in(ctx, 8) ?
			   AXAS_TRACK_BY_FLAGS : 0;
	ctx->tracked = true;
	t->fd = ax_track_what(ctx->fd, gpa, len, t->what, t->flags, 0);
	note(ctx, "track %s %#llx+%#llx%s: %d", t->what == AXAS_TRACK_ACCESSED ? "uses of" :
	     "writes to", gpa, len, t->flags ? " by flags" : "", t->fd);
	if (t->what == AXAS_TRACK_WRITTEN && track_busy(ctx, t->flags)) {
		if (t->fd != -EBUSY)
			fail(ctx, "it returned %d beside others", t->fd);
		return;
	}
	if (t->fd >= 0) {
		t->gpa = gpa;
		t->len = len;
		ctx->aged |= t->what == AXAS_TRACK_ACCESSED;
		ctx->flagged |= t->flags;
	}
	if (t->fd == -EOPNOTSUPP ? !track_may_not(ctx, t->what, t->flags) : t->fd < 0 ||
	    ((t->flags || t->what == AXAS_TRACK_ACCESSED) &&
	     track_may_not(ctx, t->what, t->flags)))
		fail(ctx, "it returned %d", t->fd);
}

/* Some part of what it is for. */
static void track_part(struct ctx *ctx, const struct track *t, __u64 *gpa, __u64 *len)
{
	__u64 end = t->gpa + t->len;

	*gpa = t->gpa;
	*len = t->len;
	if (one_in(ctx, 3))
		return;
	pick_range(ctx, gpa, len);
	*gpa = larger(*gpa, t->gpa);
	if (*gpa >= end)
		*gpa = t->gpa;
	*len = larger(lesser(*len, end - *gpa), AX_PAGE);
}

/* Runs come in order, in the range, and none of them touches the next one. */
static bool runs_good(struct ctx *ctx, const struct axas_next_entry *runs, int n,
		      __u64 start, __u64 end, struct areas *got)
{
	__u64 at = start;
	int i;

	for (i = 0; i < n; i++, at += !!i) {
		const struct axas_next_entry *r = &runs[i];

		if (r->gpa < at || !r->length || (r->gpa | r->length) % AX_PAGE ||
		    r->gpa + r->length > end || (i && r->gpa == at)) {
			fail(ctx, "run %d is %#llx+%#llx, from %#llx on to %#llx", i, r->gpa,
			     r->length, at, end);
			return false;
		}
		set_add(got, r->gpa, r->gpa + r->length);
		at = r->gpa + r->length;
	}
	return true;
}

/* All that was written, or used, in [start, end) was listed. */
static void track_compare(struct ctx *ctx, struct track *t, __u64 start, __u64 end,
			  struct areas *got)
{
	__u64 from, to, hole;
	struct area *a;

	for (a = areas_next(&t->due, start); a && a->start < end;
	     a = areas_next(&t->due, a->end)) {
		from = larger(a->start, start);
		to = lesser(a->end, end);
		hole = set_hole(got, from, to);
		if (hole < to) {
			fail(ctx, "tracker %d: %#llx was %s and isn't listed", t->fd, hole,
			     t->what == AXAS_TRACK_ACCESSED ? "used" : "written");
			return;
		}
	}
}

/* One call, or as many as it takes. */
static void track_list(struct ctx *ctx, struct track *t)
{
	struct axas_next_entry runs[NR_RUNS];
	__u64 gpa, len, start, end;
	__u32 flags = one_in(ctx, 4) ? AXAS_DIRTY_PEEK : 0;
	bool all = !one_in(ctx, 4);
	int n;

	track_part(ctx, t, &gpa, &len);
	end = gpa + len;
	do {
		struct areas got = { 0 };

		start = gpa;
		n = ax_dirty(t->fd, &gpa, &len, flags, runs, 1 + below(ctx, NR_RUNS));
		note(ctx, "tracker %d: %s %#llx to %#llx: %d runs, up to %#llx", t->fd,
		     flags ? "peek" : "list", start, end, n, gpa);
		if (n < 0 || gpa <= start || gpa + len != end)
			fail(ctx, "it returned %d", n);
		else if (runs_good(ctx, runs, n, start, gpa, &got))
			track_compare(ctx, t, start, gpa, &got);
		if (!flags)
			set_take(&t->due, start, gpa);
		free(got.at);
	} while (all && len && !ctx->failed);
}

static void track_put(struct ctx *ctx, struct track *t)
{
	struct axas_next_entry runs[8];
	unsigned int i, n = below(ctx, ARRAY_LEN(runs) + 1);
	int ret;

	for (i = 0; i < n; i++)
		track_part(ctx, t, &runs[i].gpa, &runs[i].length);
	ret = ax_dirty_put(t->fd, runs, n);
	note(ctx, "tracker %d: put %u: %d", t->fd, n, ret);
	if (ret)
		fail(ctx, "it returned %d", ret);
	for (i = 0; i < n; i++)
		set_add(&t->due, runs[i].gpa, runs[i].gpa + runs[i].length);
}

/* What is refused, and what has no place to go, changes nothing. */
static void track_refused(struct ctx *ctx, struct track *t)
{
	__u64 gpa = t->gpa, len = t->len;
	int ret;

	if (one_in(ctx, 2)) {
		ret = ax_dirty(t->fd, &gpa, &len, 0, (void *)8, NR_RUNS);
		note(ctx, "tracker %d: list to nowhere: %d", t->fd, ret);
		if (ret > 0 || (ret && ret != -EFAULT))
			fail(ctx, "it returned %d", ret);
		/* As far as it came there was nothing. */
		if (!ret)
			track_compare(ctx, t, t->gpa, gpa, &(struct areas){ 0 });
		return;
	}
	len += AX_PAGE;
	ret = ax_dirty(t->fd, &gpa, &len, 0, NULL, 0);
	note(ctx, "tracker %d: over the end: %d", t->fd, ret);
	if (ret != -ERANGE)
		fail(ctx, "it returned %d", ret);
}

void step_track(struct ctx *ctx)
{
	unsigned int what = below(ctx, 16);
	struct track *t = track_pick(ctx, what > 1);

	if (!t)
		t = track_pick(ctx, what <= 1);
	if (!t->len)
		track_begin(ctx, t);
	else if (what <= 2)
		track_end(ctx, t);
	else if (what <= 4)
		track_put(ctx, t);
	else if (what == 5)
		track_refused(ctx, t);
	else
		track_list(ctx, t);
}

void tracks_drop(struct ctx *ctx)
{
	unsigned int i;

	for (i = 0; i < NR_TRACKS; i++)
		if (ctx->track[i].len)
			track_end(ctx, &ctx->track[i]);
}
