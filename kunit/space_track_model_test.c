// SPDX-License-Identifier: GPL-2.0
/*
 * Random calls, and which pages were written, or used, as far as each tracker is concerned. When
 * it fails: load the module with the seed that the log shows, and the step is the same.
 */
#include <linux/bitmap.h>

#include "cases.h"
#include "track.h"

/* 16 MiB over 1 GiB. */
#define PAGES		4096
#define BASE		(SZ_1G - SZ_8M)
#define TRACKERS	4

/**
 * struct track_set - a tracker, and what it should list
 * @tracker: or NULL
 * @written: pages of the window, or those that were used
 * @gone: pages that may be listed as used, or not
 */
struct track_set {
	struct axas_tracker *tracker;
	DECLARE_BITMAP(written, PAGES);
	DECLARE_BITMAP(gone, PAGES);
};

/**
 * struct track_model - what was written, or used
 * @test: the test
 * @space: the space
 * @rnd: random numbers
 * @sets: trackers
 * @ages: trackers may be of what was used
 * @by_flags: the CPU says what was written
 * @exact: a list holds nothing else: all leaves are small and stay where they are
 * @step: number of the operation
 * @what: its name
 * @failed: something was wrong: say no more
 * @listed: pages that were listed
 * @got: those of one list
 */
struct track_model {
	struct kunit *test;
	struct axas_space *space;
	struct rnd_state rnd;
	struct track_set sets[TRACKERS];
	bool ages;
	bool by_flags;
	bool exact;
	unsigned int step;
	const char *what;
	bool failed;
	u64 listed;
	DECLARE_BITMAP(got, PAGES);
};

static u32 rnd(struct track_model *model, u32 n)
{
	return prandom_u32_state(&model->rnd) % n;
}

static u64 gpa_of(unsigned int page)
{
	return BASE + page * (u64)SZ_4K;
}

static void model_fail(struct track_model *model, const char *what,
		       unsigned int page)
{
	if (!model->failed)
		KUNIT_FAIL(model->test, "step %u, %s: %s, page %u", model->step,
			   model->what, what, page);
	model->failed = true;
}

/* A range: short, long, or of whole 2 MiB. */
static void rnd_range(struct track_model *model, unsigned int *page,
		      unsigned int *n)
{
	static const u16 lengths[] = { 4, 4, 64, 700, 4096 };

	*page = rnd(model, PAGES);
	*n = 1 + rnd(model, lengths[rnd(model, ARRAY_SIZE(lengths))]);
	if (rnd(model, 4) == 0) {
		*page = ALIGN_DOWN(*page, 512);
		*n = ALIGN(*n, 512);
	}
	*n = min(*n, PAGES - *page);
}

/* Now and then memory runs out. */
static void rnd_fail(struct track_model *model)
{
	const struct fake_hal_fail fail = { .nth = 1 + rnd(model, 6) };

	if (!model->exact && rnd(model, 6) == 0)
		fake_hal_set_fail(&fail);
}

/* These pages were written, or hold something else; or they were used. */
static void model_note(struct track_model *model, u32 what, unsigned int page,
		       unsigned int n)
{
	unsigned int i;

	for (i = 0; i < TRACKERS; i++) {
		struct track_set *set = &model->sets[i];
		u64 first = gpa_of(page), last = gpa_of(page + n) - 1;

		if (!set->tracker || set->tracker->what != what)
			continue;
		first = max(first, set->tracker->start);
		last = min(last, set->tracker->last);
		if (first <= last)
			bitmap_set(set->written, (first - BASE) / SZ_4K,
				   (last - first + 1) / SZ_4K);
	}
}

static void model_written(struct track_model *model, unsigned int page,
			  unsigned int n)
{
	model_note(model, AXAS_TRACK_WRITTEN, page, n);
}

static void model_used(struct track_model *model, unsigned int page)
{
	model_note(model, AXAS_TRACK_ACCESSED, page, 1);
}

/*
 * Who wants to know what was used need not hear of what isn't there any more, and may of
 * what was only touched, @all of it.
 */
static void model_gone(struct track_model *model, unsigned int page,
		       unsigned int n, bool all)
{
	unsigned int i, at;

	for (i = 0; i < TRACKERS; i++) {
		struct track_set *set = &model->sets[i];

		if (!set->tracker || set->tracker->what != AXAS_TRACK_ACCESSED)
			continue;
		for (at = page; at < page + n; at++)
			if (all || test_and_clear_bit(at, set->written))
				__set_bit(at, set->gone);
	}
}

static void model_changed(struct track_model *model, unsigned int page,
			  unsigned int n, int ret)
{
	fake_hal_set_fail(NULL);
	if (ret)
		return;
	model_written(model, page, n);
	model_gone(model, page, n, false);
}

/* ---- accesses ---- */

/*
 * Whatever came of it, what is open can be written to without anybody noticing, but for the
 * CPU if it is asked.
 */
static void model_accessed(struct track_model *model, unsigned int page, bool wrote)
{
	if (wrote || (!model->by_flags &&
		      raw_writes(&model->space->npt, gpa_of(page))))
		model_written(model, page, 1);
}

static void op_fault(struct track_model *model, unsigned int page)
{
	unsigned int access = 1 << rnd(model, 3);
	bool good, writes;
	int result;

	rnd_fail(model);
	result = axas_fault_at(model->space, gpa_of(page), access);
	fake_hal_set_fail(NULL);
	good = result == AXAS_FAULT_RESOLVED || result == AXAS_FAULT_SPURIOUS;
	if (good)
		model_used(model, page);
	if (access != PROT_W)
		return;
	model_accessed(model, page, good);
	writes = raw_writes(&model->space->npt, gpa_of(page));
	/* Who has a page that is clean needs no fault to write to it. */
	if (model->by_flags ? good && !writes : good != writes)
		model_fail(model, "the fault says otherwise", page);
}

static bool model_there(struct track_model *model, unsigned int page)
{
	const struct axas_npt *npt = &model->space->npt;
	unsigned int level;

	return raw_present(npt->ops->format,
			   raw_entry(npt, gpa_of(page), &level));
}

static void op_copy(struct track_model *model, unsigned int page)
{
	u64 word = model->step;
	bool write = rnd(model, 2);
	int ret;

	/* Nothing is there to be copied in linear areas. */
	if (!area_at(model->space, gpa_of(page)).attr.owned)
		return;
	rnd_fail(model);
	ret = track_copy(model->space, gpa_of(page), &word, write);
	fake_hal_set_fail(NULL);
	/* A read of what nobody has touched touches nothing. */
	if (!ret && model_there(model, page))
		model_used(model, page);
	if (write)
		model_accessed(model, page, !ret);
}

static void op_get(struct track_model *model, unsigned int page)
{
	unsigned int access = rnd(model, 2) ? PROT_W : PROT_R;
	struct axas_memory memory;

	if (axas_space_get_memory(model->space, axas_gpa(gpa_of(page)), access,
				  &memory))
		return;
	if (memory.page)
		put_page(memory.page);
	model_used(model, page);
	if (access == PROT_W)
		model_accessed(model, page, true);
}

/* A guest's CPU goes there, to read or, if it says so, to write. */
static void op_cpu(struct track_model *model, unsigned int page)
{
	if (model->by_flags && rnd(model, 2) &&
	    raw_write(&model->space->npt, gpa_of(page), 0))
		model_written(model, page, 1);
	if (raw_use(&model->space->npt, gpa_of(page), 0))
		model_used(model, page);
}

static void op_access(struct track_model *model)
{
	unsigned int page, n, i, at;

	rnd_range(model, &page, &n);
	for (i = 0; i < 12; i++) {
		at = page + rnd(model, n);
		switch (rnd(model, model->ages || model->by_flags ? 8 : 5)) {
		case 5 ... 7:
			model->what = "cpu";
			op_cpu(model, at);
			break;
		case 0:
			model->what = "copy";
			op_copy(model, at);
			break;
		case 1:
			model->what = "get";
			op_get(model, at);
			break;
		default:
			model->what = "fault";
			op_fault(model, at);
		}
	}
}

/* ---- areas ---- */

static void op_map(struct track_model *model)
{
	static const u8 prots[] = { PROT_R, PROT_RW, PROT_RW, PROT_RWX, PROT_RX };
	struct axas_map args = { .prot = prots[rnd(model, ARRAY_SIZE(prots))] };
	unsigned int page, n;

	rnd_range(model, &page, &n);
	args.gpa = gpa_of(page);
	args.length = n * (u64)SZ_4K;
	args.max_leaf = model->exact || rnd(model, 2) ? SZ_4K : SZ_2M;
	if (rnd(model, 4) == 0) {
		args.backend = AXAS_BACKEND_LINEAR;
		args.hpa = HPA_NOWHERE + args.gpa;
	} else {
		args.backend = AXAS_BACKEND_ALLOC;
		args.flags = rnd(model, 2) ? AXAS_MAP_POPULATE : 0;
	}
	if (rnd(model, 3) == 0)
		args.flags |= AXAS_MAP_REPLACE;
	if (rnd(model, 6) == 0)
		args.flags |= AXAS_MAP_ROM;
	rnd_fail(model);
	model_changed(model, page, n, axas_space_map(model->space, &args));
}

/* Where nothing is there is nothing that goes. */
static void op_unmap(struct track_model *model, unsigned int page,
		     unsigned int n)
{
	u64 start = gpa_of(page), last = gpa_of(page + n) - 1;
	bool any = axas_tree_find(&model->space->areas, &start, &last);
	int ret = axas_unmap_range(model->space, gpa_of(page), n * (u64)SZ_4K);

	model_changed(model, page, n, any ? ret : -ENOENT);
}

static void op_range(struct track_model *model)
{
	static const u8 prots[] = { PROT_R, PROT_RW, PROT_RW, PROT_RWX };
	unsigned int page, n, prot = prots[rnd(model, ARRAY_SIZE(prots))];
	struct axas_space *space = model->space;
	u64 gpa, size;

	rnd_range(model, &page, &n);
	gpa = gpa_of(page);
	size = n * (u64)SZ_4K;
	rnd_fail(model);
	switch (rnd(model, 8)) {
	case 0:
		model->what = "unmap";
		op_unmap(model, page, n);
		break;
	case 1 ... 2:
		model->what = "discard";
		model_changed(model, page, n,
			      axas_discard_range(space, gpa, size, NULL));
		break;
	case 3 ... 5:
		model->what = "protect";
		axas_protect_range(space, gpa, size, prot);
		break;
	default:
		model->what = "populate";
		axas_populate_range(space, gpa, size, NULL);
		/* It touches linear memory. */
		model_gone(model, page, n, true);
	}
	fake_hal_set_fail(NULL);
}

/* What has come, or gone, at the end of an area. */
static void op_resize(struct track_model *model)
{
	unsigned int page, n, end, old;
	u64 start, last;

	rnd_range(model, &page, &n);
	start = gpa_of(page);
	last = gpa_of(PAGES) - 1;
	if (!axas_tree_find(&model->space->areas, &start, &last))
		return;
	page = (start - BASE) / SZ_4K;
	old = (last + 1 - BASE) / SZ_4K;
	n = min(n, PAGES - page);
	end = page + n;
	rnd_fail(model);
	model_changed(model, min(end, old), max(end, old) - min(end, old),
		      axas_resize_area(model->space, start, n * (u64)SZ_4K));
}

static void op_poison(struct track_model *model)
{
	unsigned int page = rnd(model, PAGES);
	u64 hpa = axas_translate_at(model->space, gpa_of(page)).hpa;

	model_changed(model, page, 1,
		      axas_space_poison(model->space, axas_gpa(gpa_of(page)),
					axas_hpa(hpa)));
}

static void op_move(struct track_model *model)
{
	unsigned int page, to, n, m;
	int ret;

	rnd_range(model, &page, &n);
	rnd_range(model, &to, &m);
	n = min(n, PAGES - to);
	ret = axas_space_move(model->space, axas_gpa(gpa_of(page)),
			      axas_gpa(gpa_of(to)), n * (u64)SZ_4K,
			      rnd(model, 2));
	model_changed(model, page, n, ret);
	model_changed(model, to, n, ret);
}

static void op_collapse(struct track_model *model)
{
	struct axas_collapse args = {
		.gpa = ALIGN_DOWN(gpa_of(rnd(model, PAGES)), SZ_2M),
		.length = SZ_2M, .flags = AXAS_COLLAPSE_COPY,
	};

	axas_space_collapse(model->space, &args);
}

/* ---- trackers ---- */

static void op_begin(struct track_model *model, struct track_set *set)
{
	struct axas_track args = {
		.what = model->ages && rnd(model, 4) ? AXAS_TRACK_ACCESSED :
						       AXAS_TRACK_WRITTEN,
	};
	unsigned int page = 0, n = PAGES;
	struct axas_tracker *tracker;

	if (rnd(model, 3))
		rnd_range(model, &page, &n);
	args.gpa = gpa_of(page);
	args.length = n * (u64)SZ_4K;
	if (model->by_flags && args.what == AXAS_TRACK_WRITTEN)
		args.flags = AXAS_TRACK_BY_FLAGS;
	rnd_fail(model);
	tracker = axas_tracker_create(model->space, &args);
	fake_hal_set_fail(NULL);
	if (IS_ERR(tracker))
		return;
	set->tracker = tracker;
	bitmap_zero(set->written, PAGES);
	bitmap_zero(set->gone, PAGES);
}

/* A list of [from, to) is right as far as it came. */
static void list_check(struct track_model *model, struct track_set *set,
		       unsigned int from, unsigned int to)
{
	unsigned int i;

	for (i = from; i < to; i++) {
		bool got = test_bit(i, model->got);

		model->listed += got;
		if (test_bit(i, set->written) && !got)
			model_fail(model, "not listed", i);
		if (model->exact && got && !test_bit(i, set->written) &&
		    !test_bit(i, set->gone))
			model_fail(model, "listed", i);
	}
}

static void list_note(struct track_model *model, unsigned int from,
		      unsigned int to, const struct axas_dirty *dirty,
		      const struct axas_next_entry *runs)
{
	unsigned int i, page, n;

	for (i = 0; i < dirty->done; i++) {
		page = (runs[i].gpa - BASE) / SZ_4K;
		n = runs[i].length / SZ_4K;
		if (!n || page < from || page + n > to) {
			model_fail(model, "run", page);
			return;
		}
		bitmap_set(model->got, page, n);
		from = page + n;
	}
}

static void list_some(struct track_model *model, struct track_set *set,
		      unsigned int from, unsigned int to, u32 flags, bool all)
{
	struct axas_next_entry runs[16];
	struct axas_dirty dirty = {
		.gpa = gpa_of(from), .length = (to - from) * (u64)SZ_4K,
		.flags = flags,
	};
	unsigned int next = from;

	bitmap_zero(model->got, PAGES);
	do {
		dirty.nr = 1 + rnd(model, ARRAY_SIZE(runs));
		rnd_fail(model);
		if (axas_tracker_list(set->tracker, &dirty, runs))
			model_fail(model, "list", from);
		fake_hal_set_fail(NULL);
		list_note(model, next, to, &dirty, runs);
		next = (dirty.gpa - BASE) / SZ_4K;
	} while (dirty.length && !model->failed && (all || rnd(model, 8)));
	list_check(model, set, from, next);
	if (flags & AXAS_DIRTY_PEEK)
		return;
	bitmap_clear(set->written, from, next - from);
	bitmap_clear(set->gone, from, next - from);
}

static void set_range(const struct track_set *set, unsigned int *from,
		      unsigned int *to)
{
	*from = (set->tracker->start - BASE) / SZ_4K;
	*to = (set->tracker->last + 1 - BASE) / SZ_4K;
}

static void op_list(struct track_model *model, struct track_set *set)
{
	unsigned int from, to, n;

	set_range(set, &from, &to);
	if (rnd(model, 2)) {
		n = to - from;
		from += rnd(model, n);
		to = from + 1 + rnd(model, to - from);
	}
	list_some(model, set, from, to, rnd(model, 4) ? 0 : AXAS_DIRTY_PEEK,
		  false);
}

static void op_put(struct track_model *model, struct track_set *set)
{
	struct axas_next_entry run;
	unsigned int from, to;

	set_range(set, &from, &to);
	from += rnd(model, to - from);
	to = from + 1 + rnd(model, to - from);
	run = (struct axas_next_entry){
		.gpa = gpa_of(from), .length = (to - from) * (u64)SZ_4K,
	};
	if (axas_tracker_put(set->tracker, &run, 1))
		model_fail(model, "put", from);
	bitmap_set(set->written, from, to - from);
}

/* All that is left, and the end. */
static void op_end(struct track_model *model, struct track_set *set)
{
	unsigned int from, to;

	set_range(set, &from, &to);
	list_some(model, set, from, to, 0, true);
	axas_tracker_destroy(set->tracker);
	set->tracker = NULL;
}

static void op_tracker(struct track_model *model)
{
	struct track_set *set = &model->sets[rnd(model, TRACKERS)];

	if (!set->tracker) {
		model->what = "begin";
		op_begin(model, set);
		return;
	}
	switch (rnd(model, 10)) {
	case 0:
		model->what = "end";
		op_end(model, set);
		break;
	case 1:
		model->what = "put";
		op_put(model, set);
		break;
	default:
		model->what = "list";
		op_list(model, set);
	}
}

static void model_step(struct track_model *model)
{
	switch (rnd(model, 40)) {
	case 0 ... 3:
		model->what = "map";
		op_map(model);
		break;
	case 4 ... 9:
		op_range(model);
		break;
	case 10:
		model->what = "resize";
		op_resize(model);
		break;
	case 11:
		model->what = "poison";
		op_poison(model);
		break;
	case 12 ... 14:
		model->what = "move, collapse";
		if (model->exact)
			break;
		if (rnd(model, 2))
			op_move(model);
		else
			op_collapse(model);
		break;
	case 15:
		model->what = "clear";
		if (rnd(model, 8) == 0)
			op_unmap(model, 0, PAGES);
		break;
	case 16 ... 27:
		op_tracker(model);
		break;
	default:
		op_access(model);
	}
}

/* What is noticed in a space, beside what faults write, and how. */
struct model_kind {
	u32 features;
	bool ages;
	bool by_flags;
};

static void model_run(struct kunit *test, bool exact, unsigned int steps,
		      struct model_kind kind)
{
	const struct axas_create create = {
		.gpa_bits = 48, .features = kind.features,
	};
	struct track_model *model = kunit_kzalloc(test, sizeof(*model),
						  GFP_KERNEL);
	bool plain = !kind.ages && !kind.by_flags;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, model);
	model->test = test;
	model->exact = exact;
	model->ages = kind.ages;
	model->by_flags = kind.by_flags;
	model->space = plain ? axas_test_space(test) :
			       axas_test_space_with(test, &create);
	axas_test_seed(test, &model->rnd);
	for (model->step = 1; model->step <= steps && !model->failed;
	     model->step++) {
		model_step(model);
		if (model->step % 32 == 0)
			axas_check_space(test, model->space);
		cond_resched();
	}
	model->what = "the end";
	for (i = 0; i < TRACKERS; i++)
		if (model->sets[i].tracker)
			op_end(model, &model->sets[i]);
	kunit_info(test, "%llu pages listed", model->listed);
	KUNIT_EXPECT_EQ(test, axas_space_clear(model->space), 0);
	axas_expect_empty(test, model->space);
}

/* Small leaves that stay where they are: no page is listed that wasn't written. */
void track_model_exact(struct kunit *test)
{
	model_run(test, true, 1200, (struct model_kind){ 0 });
}

/* Leaves of all sizes that come and go, with and without memory: none is left out. */
void track_model_all(struct kunit *test)
{
	model_run(test, false, 1200, (struct model_kind){ 0 });
}

/* EPT has no flags unless they are asked for. */
static void model_ages(struct kunit *test, bool exact)
{
	static const u32 features[] = { AXAS_FEAT_AD, 0 };
	unsigned int i, n = axas_is_ept(test) ? 1 : 2;

	for (i = 0; i < n; i++)
		model_run(test, exact, 1200, (struct model_kind){
			.features = features[i], .ages = true,
		});
}

/* The same of what was used. */
void age_model_exact(struct kunit *test)
{
	model_ages(test, true);
}

void age_model_all(struct kunit *test)
{
	model_ages(test, false);
}

/* The same where the CPU says what was written, and may what was used. */
static void model_flags(struct kunit *test, bool exact)
{
	unsigned int ages;

	for (ages = 0; ages < 2; ages++)
		model_run(test, exact, 1200, (struct model_kind){
			.features = AXAS_FEAT_AD, .ages = ages, .by_flags = true,
		});
}

void flags_model_exact(struct kunit *test)
{
	model_flags(test, true);
}

void flags_model_all(struct kunit *test)
{
	model_flags(test, false);
}
