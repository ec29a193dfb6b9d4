// SPDX-License-Identifier: GPL-2.0
/*
 * Random steps: what becomes of memory that a space has.
 */
#include "hw.h"

static int want_discard(struct hw_run *run, struct hw_range range)
{
	const struct hw_seg *seg;
	u64 gpa;

	for (gpa = range.start; gpa < range.end; gpa = seg->end) {
		seg = hw_model_find(&run->model, gpa);
		if (!seg)
			return -ENOENT;
		if (!seg->alloc)
			return -EOPNOTSUPP;
	}
	return 0;
}

/**
 * hw_step_discard - give back memory of a range
 * @run: the run
 */
void hw_step_discard(struct hw_run *run)
{
	struct hw_range range = hw_random_target(run);
	int want = want_discard(run, range);
	struct axas_npt_freed freed;

	hw_set_op(run, HW_OP_DISCARD, range, 0);
	hw_warm_range(run, range);
	if (run->failed)
		return;
	hw_expect(run, axas_space_discard(run->space, axas_gpa(range.start),
					  range.end - range.start, &freed),
		  want);
	if (!want && freed.freed !=
	    hw_model_discard(&run->model, range.start, range.end))
		hw_fail(run, range.start, "discard", "frees others");
}

/**
 * hw_step_populate - bring in memory, as far as there is something
 * @run: the run
 */
void hw_step_populate(struct hw_run *run)
{
	struct hw_range range = hw_few_pages(hw_random_target(run));
	const struct hw_seg *seg;
	u64 gpa = range.start, done, end;
	int ret;

	hw_set_op(run, HW_OP_POPULATE, range, 0);
	hw_check(run, range.start);
	hw_check(run, range.end - SZ_4K);
	if (run->failed)
		return;
	ret = axas_space_populate(run->space, axas_gpa(gpa), range.end - gpa,
				  &done);
	for (; gpa < range.end; gpa = end) {
		seg = hw_model_find(&run->model, gpa);
		if (!seg)
			break;
		end = min(seg->end, range.end);
		if (seg->alloc)
			hw_model_populate(&run->model, gpa, end);
	}
	hw_expect(run, ret, gpa < range.end ? -ENOENT : 0);
	if (done != gpa - range.start)
		hw_fail(run, gpa, "populate", "ends elsewhere");
}

/**
 * hw_step_resize - move the end of a range of the model
 * @run: the run
 */
void hw_step_resize(struct hw_run *run)
{
	const struct hw_seg *seg = hw_random_seg(run);
	struct hw_range range;
	int want = 0;
	u64 end;

	if (!seg)
		return;
	end = seg->end;
	range = hw_clip(run, seg->start,
			(hw_one_in(run, 2) ? end - seg->start : 0) +
			SZ_4K * (u64)(1 + hw_below(run, 2000)));
	if (range.end > end && !seg->alloc)
		want = -EOPNOTSUPP;
	else if (range.end > end && hw_model_overlaps(&run->model, end, range.end))
		want = -EEXIST;
	hw_set_op(run, HW_OP_RESIZE, range, 0);
	hw_check(run, end - SZ_4K);
	hw_warm_range(run, range);
	if (run->failed)
		return;
	hw_expect(run, axas_space_resize(run->space, axas_gpa(range.start),
					 range.end - range.start), want);
	if (!want && range.end < end)
		hw_model_unmap(&run->model, range.end, end);
	else if (!want)
		hw_model_grow(&run->model, range.start, range.end);
}

/* Where a range may go; it goes along with tables, more often than not. */
static u64 random_move(struct hw_run *run, struct hw_range *range)
{
	struct hw_range other = hw_one_in(run, 2) ? hw_random_target(run) :
						    hw_random_range(run);
	u64 to = other.start, size = range->end - range->start;

	if (!hw_one_in(run, 3))
		to = ALIGN_DOWN(to, SZ_2M) + range->start % SZ_2M;
	if ((to - range->start) % SZ_2M)
		*range = hw_few_pages(*range);
	other = hw_clip(run, to, min(size, range->end - range->start));
	range->end = range->start + (other.end - to);
	return to;
}

static int want_move(struct hw_run *run, struct hw_range range, u64 to,
		     bool exchange)
{
	u64 size = range.end - range.start;
	bool there = hw_model_covers(&run->model, to, to + size);

	if (range.start < to + size && to < range.end)
		return -EINVAL;
	if (!exchange && hw_model_overlaps(&run->model, to, to + size))
		return -EEXIST;
	if (!hw_model_covers(&run->model, range.start, range.end))
		return -ENOENT;
	return exchange && !there ? -ENOENT : 0;
}

/**
 * hw_step_move - move a range, or exchange two
 * @run: the run
 */
void hw_step_move(struct hw_run *run)
{
	bool exchange = hw_one_in(run, 2);
	unsigned int tries = 0;
	struct hw_range range;
	u64 to, size;
	int want;

	/* Chance finds little that can be moved. */
	do {
		range = hw_random_target(run);
		to = random_move(run, &range);
		size = range.end - range.start;
		want = want_move(run, range, to, exchange);
	} while (want && ++tries < 16);
	if (to + size > run->limit || (want && !hw_one_in(run, 8)))
		return;
	hw_set_op(run, exchange ? HW_OP_EXCHANGE : HW_OP_MOVE, range, 0);
	run->op_to = to;
	hw_check(run, to);
	hw_check(run, to + size - SZ_4K);
	hw_warm_range(run, range);
	if (run->failed)
		return;
	hw_expect(run, axas_space_move(run->space, axas_gpa(range.start),
				       axas_gpa(to), size, exchange), want);
	if (!want)
		hw_model_move(&run->model, range.start, to, size, exchange);
}

static bool is_large(struct hw_run *run, u64 gpa)
{
	struct axas_translate_entry entry = { .gpa = gpa };

	axas_space_translate(run->space, &entry);
	return entry.state == AXAS_TRANSLATE_MAPPED && entry.leaf_size == SZ_2M;
}

/* Take a page out of a leaf, so that there is something to collapse. */
static void break_leaf(struct hw_run *run, u64 gpa)
{
	u64 page = gpa + SZ_4K * (u64)hw_below(run, 512);
	struct axas_npt_freed freed;

	hw_expect(run, axas_space_discard(run->space, axas_gpa(page), SZ_4K,
					  &freed), 0);
	hw_model_discard(&run->model, page, page + SZ_4K);
}

/* Mostly what can become one leaf; chance alone finds little. */
static struct hw_range random_collapse(struct hw_run *run)
{
	const struct hw_seg *seg;
	unsigned int i;
	u64 gpa;

	for (i = 0; i < 64; i++) {
		seg = hw_random_seg(run);
		if (!seg || !seg->alloc || seg->max_leaf != SZ_2M)
			continue;
		gpa = ALIGN_DOWN(seg->start + hw_random64(run) %
				 (seg->end - seg->start), SZ_2M);
		if (gpa < seg->start || gpa + SZ_2M > seg->end ||
		    hw_model_empty(&run->model, gpa, gpa + SZ_2M))
			continue;
		if (is_large(run, gpa))
			break_leaf(run, gpa);
		return hw_clip(run, gpa, SZ_2M * (1ULL + hw_below(run, 2)));
	}
	return hw_few_pages(hw_random_target(run));
}

/* How far a collapse gets, and what it returns then. */
static int want_collapse(struct hw_run *run, struct hw_range range, u64 *done)
{
	const struct hw_seg *seg;
	u64 gpa;

	for (gpa = range.start; gpa < range.end; gpa = seg->end) {
		*done = gpa - range.start;
		seg = hw_model_find(&run->model, gpa);
		if (!seg)
			return -ENOENT;
		if (!seg->alloc || seg->max_leaf < SZ_2M)
			return -EOPNOTSUPP;
	}
	*done = range.end - range.start;
	return 0;
}

/* Leaves of 2 MiB in a range; they go into the model, if it is given. */
static unsigned int large_leaves(struct hw_run *run, struct hw_range range,
				 struct hw_model *model)
{
	u64 gpa = ALIGN(range.start, SZ_2M);
	unsigned int n = 0;

	for (; gpa + SZ_2M <= range.end; gpa += SZ_2M) {
		struct axas_translate_entry entry = { .gpa = gpa };

		if (!is_large(run, gpa))
			continue;
		n++;
		axas_space_translate(run->space, &entry);
		if (model && !hw_model_collapse(model, gpa, entry.hpa))
			hw_fail(run, gpa, "collapse", "leaves some pages");
	}
	return n;
}

/**
 * hw_step_collapse - make larger leaves, now and then with a copy
 * @run: the run
 */
void hw_step_collapse(struct hw_run *run)
{
	struct hw_range range = random_collapse(run);
	struct axas_collapse args = {
		.flags = hw_one_in(run, 4) ? 0 : AXAS_COLLAPSE_COPY,
		.gpa = range.start,
		.length = range.end - range.start,
	};
	unsigned int before, after;
	u64 done = 0;
	int want = want_collapse(run, range, &done);

	hw_set_op(run, HW_OP_COLLAPSE, range, args.flags);
	hw_warm_range(run, range);
	if (run->failed)
		return;
	range.end = range.start + done;
	before = large_leaves(run, range, NULL);
	hw_expect(run, axas_space_collapse(run->space, &args), want);
	after = large_leaves(run, range, &run->model);
	run->stats.joins += after - before;
	if (args.done != done)
		hw_fail(run, range.end, "collapse", "ends elsewhere");
	if (args.joined != (u64)(after - before) * SZ_2M)
		hw_fail(run, range.start, "collapse", "counts others");
}
