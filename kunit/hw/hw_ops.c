// SPDX-License-Identifier: GPL-2.0
/*
 * Random steps: the same to the space and to the model, then a look at the
 * edges and at random.
 */
#include "hw.h"

/* Steps after which 1 GiB leaves are mapped again. */
#define HW_LARGE_STEPS	1024

static unsigned int random_prot(struct hw_run *run)
{
	static const u8 prots[] = {
		AXAS_PROT_READ,
		AXAS_PROT_READ | AXAS_PROT_WRITE,
		AXAS_PROT_READ | AXAS_PROT_EXEC,
		HW_PROT_ALL,
		HW_PROT_ALL,
		AXAS_PROT_EXEC,
	};
	bool exec_only = run->config->features & AXAS_FEAT_EXEC_ONLY;
	unsigned int prot = prots[hw_below(run, ARRAY_SIZE(prots) - !exec_only)];

	if (hw_nr_access(run) < HW_MAX_ACCESS || hw_one_in(run, 2))
		return prot;
	prot |= AXAS_PROT_EXEC_USER;
	return exec_only && hw_one_in(run, 4) ? AXAS_PROT_EXEC_USER : prot;
}

/* Half of all memory is write-back. */
static unsigned int random_memtype(struct hw_run *run)
{
	unsigned int memtype = hw_below(run, HW_NR_MEMTYPES);

	if (!(run->space->npt.caps.memtypes & BIT(memtype)) || hw_one_in(run, 2))
		return AXAS_MEM_WB;
	return memtype;
}

/**
 * hw_random_gpa - any address in the windows
 * @run: the run
 *
 * Return: the address.
 */
u64 hw_random_gpa(struct hw_run *run)
{
	return run->windows[hw_below(run, run->nr_windows)] +
	       hw_random64(run) % run->window;
}

/**
 * hw_random_seg - any range of the model
 * @run: the run
 *
 * Return: the range, or NULL if there is none.
 */
const struct hw_seg *hw_random_seg(struct hw_run *run)
{
	return run->model.nr ? &run->model.segs[hw_below(run, run->model.nr)] :
			       NULL;
}

static u64 random_gpa_in(struct hw_run *run, u64 start, u64 end)
{
	return start + hw_random64(run) % (end - start);
}

/**
 * hw_clip - keep a range inside of the window that it begins in
 * @run: the run
 * @start: first GPA
 * @size: bytes
 *
 * Return: what is left.
 */
struct hw_range hw_clip(struct hw_run *run, u64 start, u64 size)
{
	struct hw_range range = { start, start + size };
	unsigned int i;

	for (i = 0; i < run->nr_windows; i++) {
		u64 window = run->windows[i];

		if (start - window < run->window)
			range.end = min(range.end, window + run->window);
	}
	return range;
}

/* A size of a few leaves of 4 KiB, 2 MiB or, rarely, 1 GiB. */
static u64 random_leaf(struct hw_run *run)
{
	unsigned int n = hw_below(run, 256);

	return run->large || n < 4 ? SZ_1G : n < 96 ? SZ_2M : SZ_4K;
}

/* Large leaves have a window of their own, where there is room. */
static u64 random_place(struct hw_run *run, u64 leaf)
{
	unsigned int i;

	if (run->nr_windows <= HW_LARGE_WINDOW)
		return hw_random_gpa(run);
	i = hw_below(run, run->nr_windows - 1);
	i += i >= HW_LARGE_WINDOW;
	if (leaf == SZ_1G)
		i = HW_LARGE_WINDOW;
	return run->windows[i] + hw_random64(run) % run->window;
}

/**
 * hw_random_range - a range at a new place
 * @run: the run
 *
 * Return: the range; its edges are often off those of large leaves.
 */
struct hw_range hw_random_range(struct hw_run *run)
{
	u64 leaf = random_leaf(run);
	u64 start = ALIGN_DOWN(random_place(run, leaf), leaf);
	u64 size = leaf * (1 + hw_below(run, leaf == SZ_1G ? 2 :
					     leaf == SZ_2M ? 6 : 20));

	if (leaf > SZ_4K && !run->large && hw_one_in(run, 3)) {
		start += SZ_4K * (u64)hw_below(run, 512);
		size += SZ_4K * (u64)hw_below(run, 512);
	}
	return hw_clip(run, start, size);
}

/**
 * hw_random_target - a range that has something to do with what is mapped
 * @run: the run
 *
 * Return: the range.
 */
struct hw_range hw_random_target(struct hw_run *run)
{
	const struct hw_seg *seg = hw_random_seg(run);
	struct hw_range range;
	u64 leaf, pages;

	if (!seg || hw_one_in(run, 8))
		return hw_random_range(run);
	range = (struct hw_range){ seg->start, seg->end };
	pages = (seg->end - seg->start) / SZ_4K;
	switch (hw_below(run, 5)) {
	case 0: /* all of it */
		break;
	case 1: /* the head */
		range.end -= SZ_4K * (hw_random64(run) % pages);
		break;
	case 2: /* the tail */
		range.start += SZ_4K * (hw_random64(run) % pages);
		break;
	case 3: /* from inside to behind it */
		range.start += SZ_4K * (hw_random64(run) % pages);
		range = hw_clip(run, range.start, range.end - range.start +
			     SZ_4K * (u64)hw_below(run, 2000));
		break;
	default: /* some leaves out of the middle */
		leaf = hw_one_in(run, 2) ? SZ_4K : SZ_2M;
		range.start = max(range.start,
				  ALIGN_DOWN(random_gpa_in(run, seg->start,
							   seg->end), leaf));
		range.end = min(range.end,
				range.start + leaf * (1 + hw_below(run, 4)));
	}
	return range;
}

/* ---- steps ---- */

/**
 * hw_expect - judge what an operation has returned
 * @run: the run
 * @ret: what it has
 * @want: what it should have
 */
void hw_expect(struct hw_run *run, int ret, int want)
{
	char what[64];

	if (ret == want)
		return;
	snprintf(what, sizeof(what), "returns %d, expected %d", ret, want);
	hw_fail(run, run->op_start, "the operation", what);
}

/**
 * hw_set_op - say what the step does
 * @run: the run
 * @op: its kind
 * @range: where
 * @arg: permissions, or access of a fault
 */
void hw_set_op(struct hw_run *run, enum hw_op op, struct hw_range range,
	       unsigned int arg)
{
	run->op = op;
	run->op_start = range.start;
	run->op_end = range.end;
	run->op_arg = arg;
	run->op_to = range.start;
	run->acted = true;
	run->stats.ops[op]++;
}

static void seg_to_map(const struct hw_seg *seg, struct axas_map *map)
{
	*map = (struct axas_map){
		.gpa = seg->start,
		.length = seg->end - seg->start,
		.hpa = seg->alloc ? 0 : seg->start + seg->offset,
		.backend = seg->alloc ? AXAS_BACKEND_ALLOC :
					AXAS_BACKEND_LINEAR,
		.prot = seg->prot,
		.memtype = seg->memtype,
		.max_leaf = seg->max_leaf,
	};
}

/* Try to put the range where there is nothing yet. */
static bool find_free(struct hw_run *run, struct hw_range *range)
{
	unsigned int i;

	for (i = 0; i < 8; i++) {
		*range = hw_random_range(run);
		if (!hw_model_overlaps(&run->model, range->start, range->end))
			return true;
	}
	return false;
}

/* GPA and HPA differ by a multiple of that: often what the range could use. */
static u64 random_align(struct hw_run *run, u64 size)
{
	if (size >= SZ_1G && (run->large || !hw_one_in(run, 4)))
		return SZ_1G;
	if (size >= SZ_2M && !hw_one_in(run, 4))
		return SZ_2M;
	return random_leaf(run);
}

/* What a space makes of a largest leaf that isn't given. */
static u64 default_leaf(struct hw_run *run, bool alloc)
{
	u64 sizes = run->space->npt.caps.leaf_sizes;

	return alloc ? SZ_4K : sizes & SZ_1G ? SZ_1G : sizes & SZ_2M ? SZ_2M : SZ_4K;
}

/* Map, and put it into the model. @flags: %AXAS_MAP_REPLACE if something is there. */
static void map_seg(struct hw_run *run, struct hw_seg *seg, u32 flags)
{
	struct axas_map map;

	seg_to_map(seg, &map);
	map.flags = flags;
	hw_expect(run, axas_space_map(run->space, &map), 0);
	if (run->failed)
		return;
	if (!seg->max_leaf)
		seg->max_leaf = default_leaf(run, seg->alloc);
	seg->small = seg->max_leaf == SZ_4K;
	if (flags & AXAS_MAP_REPLACE)
		hw_model_unmap(&run->model, seg->start, seg->end);
	hw_model_map(&run->model, seg);
	if (flags & AXAS_MAP_POPULATE)
		hw_model_populate(&run->model, seg->start, seg->end);
	if (flags & AXAS_MAP_REPLACE)
		hw_model_join(&run->model, seg->start, seg->end);
}

static struct hw_seg random_linear(struct hw_run *run, struct hw_range range)
{
	static const u64 leaves[] = { 0, 0, SZ_4K, SZ_2M, SZ_1G };
	struct hw_seg seg;
	u64 align, hpa;

	align = random_align(run, range.end - range.start);
	seg = (struct hw_seg){
		.prot = random_prot(run),
		.memtype = random_memtype(run),
		.max_leaf = run->large ? 0 :
			    leaves[hw_below(run, ARRAY_SIZE(leaves))],
	};
	/* No more small leaves than there is time for. */
	if (align == SZ_4K && range.end - range.start > SZ_2M)
		align = SZ_2M;
	if (seg.max_leaf == SZ_4K)
		range.end = min(range.end, range.start + HW_MAX_PAGES * SZ_4K);
	if (!(run->space->npt.caps.leaf_sizes & seg.max_leaf))
		seg.max_leaf = 0;
	seg.start = range.start;
	seg.end = range.end;
	hpa = hw_arch_hpa(&run->rnd, hw_hpa_bits(run),
			  seg.end - seg.start + align, align) +
	      (seg.start & (align - 1));
	seg.offset = hpa - seg.start;
	return seg;
}

static void step_map_linear(struct hw_run *run)
{
	struct hw_range range;
	struct hw_seg seg;

	if (!find_free(run, &range))
		return;
	seg = random_linear(run, range);
	hw_set_op(run, HW_OP_MAP_LINEAR,
		  (struct hw_range){ seg.start, seg.end }, seg.prot);
	map_seg(run, &seg, 0);
}

static struct hw_seg random_alloc(struct hw_run *run, struct hw_range range)
{
	struct hw_seg seg = {
		.start = range.start,
		.end = range.end,
		.alloc = true,
		.prot = random_prot(run),
		.memtype = random_memtype(run),
		.max_leaf = hw_one_in(run, 2) ? SZ_2M : hw_one_in(run, 2) ?
						SZ_4K : 0,
	};
	if (!(run->space->npt.caps.leaf_sizes & seg.max_leaf))
		seg.max_leaf = 0;
	return seg;
}

/**
 * hw_few_pages - a range of no more pages than there is time for
 * @range: the range
 *
 * Return: the head of it.
 */
struct hw_range hw_few_pages(struct hw_range range)
{
	range.end = min(range.end, range.start + HW_MAX_PAGES * SZ_4K);
	return range;
}

static void step_map_alloc(struct hw_run *run)
{
	u32 flags = hw_one_in(run, 3) ? AXAS_MAP_POPULATE : 0;
	struct hw_range range;
	struct hw_seg seg;

	if (!find_free(run, &range))
		return;
	if (flags)
		range = hw_few_pages(range);
	seg = random_alloc(run, range);
	hw_set_op(run, HW_OP_MAP_ALLOC, range, seg.prot);
	map_seg(run, &seg, flags);
}

/* What meets something changes nothing. */
static void step_map_taken(struct hw_run *run)
{
	struct hw_range range = hw_random_target(run);
	struct axas_map map;
	struct hw_seg seg;

	if (!hw_model_overlaps(&run->model, range.start, range.end))
		return;
	seg = (struct hw_seg){
		.start = range.start,
		.end = range.end,
		.alloc = true,
		.prot = AXAS_PROT_READ,
	};
	hw_set_op(run, HW_OP_MAP_TAKEN, range, seg.prot);
	seg_to_map(&seg, &map);
	hw_expect(run, axas_space_map(run->space, &map), -EEXIST);
}

/* Does an edge of the range cut a large leaf? */
static bool splits(struct hw_run *run, u64 edge)
{
	struct axas_leaf leaf;

	return edge < run->limit &&
	       !axas_npt_lookup(&run->space->npt, axas_gpa(edge), &leaf) &&
	       !IS_ALIGNED(edge, axas_level_size(leaf.level));
}

/**
 * hw_warm_range - use what is about to change, so that the CPU has it at hand
 * @run: the run
 * @range: what
 */
void hw_warm_range(struct hw_run *run, struct hw_range range)
{
	u64 inside = random_gpa_in(run, range.start, range.end) & ~(HW_ALIGN - 1);

	run->stats.splits += splits(run, range.start) || splits(run, range.end);
	hw_warm(run, range.start);
	hw_warm(run, range.end - SZ_4K);
	hw_warm(run, inside);
	hw_plant_before(run, hw_one_in(run, 2) ? range.start :
						 range.end - SZ_4K);
}

/* What was there gives way; now and then to what can be one with it. */
static void step_replace(struct hw_run *run)
{
	struct hw_range range = hw_random_target(run);
	const struct hw_seg *seg = hw_model_find(&run->model, range.start);
	u32 flags = AXAS_MAP_REPLACE;
	struct hw_seg new;

	if (seg && hw_one_in(run, 3)) {
		new = *seg;
		new.start = range.start;
		new.end = min(range.end, seg->end);
	} else if (hw_one_in(run, 2)) {
		new = random_linear(run, range);
	} else {
		flags |= hw_one_in(run, 3) ? AXAS_MAP_POPULATE : 0;
		new = random_alloc(run, flags & AXAS_MAP_POPULATE ?
					hw_few_pages(range) : range);
	}
	range = (struct hw_range){ new.start, new.end };
	hw_set_op(run, HW_OP_REPLACE, range, new.prot);
	hw_warm_range(run, range);
	if (!run->failed)
		map_seg(run, &new, flags);
}

static void step_unmap(struct hw_run *run)
{
	struct hw_range range = hw_random_target(run);

	hw_set_op(run, HW_OP_UNMAP, range, 0);
	hw_warm_range(run, range);
	if (run->failed)
		return;
	hw_expect(run, axas_space_unmap(run->space, axas_gpa(range.start),
					range.end - range.start), 0);
	hw_model_unmap(&run->model, range.start, range.end);
}

static void step_protect(struct hw_run *run)
{
	struct hw_range range = hw_random_target(run);
	unsigned int prot = random_prot(run);
	bool whole = hw_model_covers(&run->model, range.start, range.end);
	const struct hw_seg *seg = hw_model_find(&run->model, range.start - 1);

	/* As what lies before it. */
	if (seg && hw_one_in(run, 2))
		prot = seg->prot;
	hw_set_op(run, HW_OP_PROTECT, range, prot);
	hw_warm_range(run, range);
	if (run->failed)
		return;
	hw_expect(run, axas_space_protect(run->space, axas_gpa(range.start),
					  range.end - range.start, prot),
		  whole ? 0 : -ENOENT);
	if (whole)
		hw_model_protect(&run->model, range.start, range.end, prot);
}

static int want_fault(const struct hw_page *page, unsigned int access)
{
	if (!page->seg)
		return AXAS_FAULT_NO_AREA;
	if (access & ~page->seg->prot)
		return AXAS_FAULT_DENIED;
	return page->mapped ? AXAS_FAULT_SPURIOUS : AXAS_FAULT_RESOLVED;
}

/* The module chooses the size of a leaf; the model says which it may choose. */
static void populate_fault(struct hw_run *run, u64 gpa,
			   const struct hw_seg *seg)
{
	struct axas_translate_entry entry = { .gpa = gpa };
	u64 start;

	axas_space_translate(run->space, &entry);
	if (entry.leaf_size != SZ_2M) {
		start = ALIGN_DOWN(gpa, SZ_4K);
		hw_model_populate(&run->model, start, start + SZ_4K);
		return;
	}
	start = ALIGN_DOWN(gpa, SZ_2M);
	if (seg->max_leaf != SZ_2M || start < seg->start ||
	    start + SZ_2M > seg->end ||
	    !hw_model_empty(&run->model, start, start + SZ_2M))
		hw_fail(run, gpa, "fault", "makes a leaf that doesn't fit");
	else
		hw_model_populate(&run->model, start, start + SZ_2M);
}

static void step_fault(struct hw_run *run)
{
	const struct hw_seg *seg = NULL;
	unsigned int access = BIT(hw_below(run, hw_nr_access(run))), i;
	u64 gpa = hw_random_gpa(run), page_start;
	struct hw_page page;

	for (i = 0; i < 4 && !(seg && seg->alloc); i++)
		seg = hw_random_seg(run);
	if (seg && !hw_one_in(run, 16))
		gpa = random_gpa_in(run, seg->start, seg->end);
	page_start = ALIGN_DOWN(gpa, SZ_4K);
	hw_set_op(run, HW_OP_FAULT,
		  (struct hw_range){ page_start, page_start + SZ_4K }, access);
	/* Have the CPU remember that nothing is there, if it does such things. */
	hw_check(run, gpa);
	page = hw_model_at(&run->model, gpa);
	if (run->failed)
		return;
	hw_expect(run, axas_space_fault(run->space, axas_gpa(gpa), access),
		  want_fault(&page, access));
	if (!run->failed && want_fault(&page, access) == AXAS_FAULT_RESOLVED)
		populate_fault(run, gpa, page.seg);
}

static void step_clear(struct hw_run *run)
{
	struct hw_range all = { 0, 1ULL << run->config->gpa_bits };
	unsigned int i;

	hw_set_op(run, HW_OP_CLEAR, all, 0);
	for (i = 0; i < 4 && run->model.nr; i++) {
		const struct hw_seg *seg = hw_random_seg(run);

		hw_warm(run, random_gpa_in(run, seg->start, seg->end) & ~(HW_ALIGN - 1));
	}
	hw_expect(run, axas_space_clear(run->space), 0);
	hw_model_unmap(&run->model, all.start, all.end);
}

static void one_step(struct hw_run *run)
{
	unsigned int n = hw_below(run, 1000);

	if (run->large)
		step_map_linear(run);
	else if (run->model.nr > HW_MANY_SEGS && n < 500)
		step_unmap(run);
	else if (n < 220)
		step_map_linear(run);
	else if (n < 320)
		step_map_alloc(run);
	else if (n < 335)
		step_map_taken(run);
	else if (n < 395)
		step_replace(run);
	else if (n < 495)
		step_unmap(run);
	else if (n < 645)
		step_protect(run);
	else if (n < 695)
		hw_step_discard(run);
	else if (n < 735)
		hw_step_populate(run);
	else if (n < 765)
		hw_step_resize(run);
	else if (n < 835)
		hw_step_move(run);
	else if (n < 865)
		hw_step_collapse(run);
	else if (n < 999)
		step_fault(run);
	else
		step_clear(run);
}

/* ---- what is looked at ---- */

static void check_seg(struct hw_run *run)
{
	const struct hw_seg *seg = hw_random_seg(run);

	if (seg)
		hw_check(run, random_gpa_in(run, seg->start, seg->end) & ~(HW_ALIGN - 1));
}

static void check_step(struct hw_run *run)
{
	/* Wider ones don't fit into a guest's own tables on x86. */
	u64 width = 1ULL << min(run->config->gpa_bits, 52U);

	hw_check(run, run->op_start);
	hw_check(run, run->op_end - SZ_4K);
	if (run->op_start)
		hw_check(run, run->op_start - HW_ALIGN);
	if (run->op_end < run->limit)
		hw_check(run, run->op_end);
	hw_check(run, random_gpa_in(run, run->op_start, run->op_end) & ~(HW_ALIGN - 1));
	if (run->op_to != run->op_start) {
		u64 end = run->op_to + (run->op_end - run->op_start);

		hw_check(run, run->op_to);
		hw_check(run, end - SZ_4K);
		hw_check(run, random_gpa_in(run, run->op_to, end) & ~(HW_ALIGN - 1));
	}
	check_seg(run);
	hw_check(run, hw_random_gpa(run) & ~(HW_ALIGN - 1));
	if (hw_one_in(run, 16)) {
		hw_check(run, 0);
		hw_check(run, run->limit - HW_ALIGN);
		hw_check(run, hw_random64(run) & (run->limit - HW_ALIGN));
		hw_check(run, hw_random64(run) & (width - HW_ALIGN));
	}
}

/**
 * hw_step - do something at random and look at what came of it
 * @run: the run
 */
void hw_step(struct hw_run *run)
{
	run->acted = false;
	run->changed = false;
	/* Chance alone hardly ever finds so much room. */
	run->large = run->step % HW_LARGE_STEPS < 2;
	while (!run->acted) {
		one_step(run);
		run->large = false;
	}
	if (run->failed)
		return;
	run->changed = true;
	hw_plant_apply(run, hw_one_in(run, 2) ? run->op_start :
						run->op_end - SZ_4K);
	check_step(run);
	hw_plant_undo(run);
	run->step++;
}
