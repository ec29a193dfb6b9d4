// SPDX-License-Identifier: GPL-2.0
/*
 * The test's own idea of a space: an array of ranges, and the pages that the
 * module has chosen, as they were first seen. No code and no definition of the
 * tables is used.
 */
#include <linux/slab.h>

#include "hw.h"

void hw_model_init(struct hw_model *model)
{
	model->nr = 0;
	xa_init(&model->pages);
	xa_init(&model->frames);
	xa_init(&model->flags);
}

void hw_model_free(struct hw_model *model)
{
	xa_destroy(&model->pages);
	xa_destroy(&model->frames);
	xa_destroy(&model->flags);
}

/* Index of the first range that ends behind gpa. */
static unsigned int model_index(const struct hw_model *model, u64 gpa)
{
	unsigned int low = 0, high = model->nr;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (model->segs[mid].end <= gpa)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/**
 * hw_model_find - the range of an address
 * @model: the model
 * @gpa: the address
 *
 * Return: the range or NULL.
 */
const struct hw_seg *hw_model_find(const struct hw_model *model, u64 gpa)
{
	unsigned int i = model_index(model, gpa);

	return i < model->nr && model->segs[i].start <= gpa ? &model->segs[i] :
							      NULL;
}

/**
 * hw_model_overlaps - is anything in a range?
 * @model: the model
 * @start: first GPA
 * @end: behind the last
 *
 * Return: true if so.
 */
bool hw_model_overlaps(const struct hw_model *model, u64 start, u64 end)
{
	unsigned int i = model_index(model, start);

	return i < model->nr && model->segs[i].start < end;
}

/**
 * hw_model_covers - has a range no hole?
 * @model: the model
 * @start: first GPA
 * @end: behind the last
 *
 * Return: true if so.
 */
bool hw_model_covers(const struct hw_model *model, u64 start, u64 end)
{
	unsigned int i = model_index(model, start);

	for (; start < end; start = model->segs[i++].end) {
		if (i == model->nr || model->segs[i].start > start)
			return false;
	}
	return true;
}

static void model_insert(struct hw_model *model, unsigned int i,
			 const struct hw_seg *seg)
{
	struct hw_seg *segs = model->segs;

	memmove(&segs[i + 1], &segs[i], (model->nr - i) * sizeof(*segs));
	segs[i] = *seg;
	model->nr++;
}

/* Make gpa the edge of a range, if it lies inside of one. */
static void model_cut(struct hw_model *model, u64 gpa)
{
	unsigned int i = model_index(model, gpa);
	struct hw_seg seg;

	if (i == model->nr || model->segs[i].start >= gpa)
		return;
	seg = model->segs[i];
	seg.end = gpa;
	model->segs[i].start = gpa;
	model_insert(model, i, &seg);
}

/**
 * hw_model_map - add a range where there is none
 * @model: the model
 * @seg: the range
 */
void hw_model_map(struct hw_model *model, const struct hw_seg *seg)
{
	model_insert(model, model_index(model, seg->start), seg);
}

static void model_forget(struct xarray *xa, u64 start, u64 end)
{
	unsigned long index;
	void *entry;

	xa_for_each_range(xa, index, entry, start >> PAGE_SHIFT,
			  (end - 1) >> PAGE_SHIFT)
		xa_erase(xa, index);
}

static void model_forget_pages(struct hw_model *model, u64 start, u64 end)
{
	unsigned long index;
	void *entry;

	xa_for_each_range(&model->pages, index, entry, start >> PAGE_SHIFT,
			  (end - 1) >> PAGE_SHIFT) {
		if (xa_to_value(entry))
			xa_erase(&model->frames, xa_to_value(entry));
		xa_erase(&model->pages, index);
	}
	model_forget(&model->flags, start, end);
}

/* Take the ranges of [start, end) out of the array, and put them into another. */
static void model_take(struct hw_model *model, u64 start, u64 end,
		       struct hw_model *other)
{
	unsigned int first, last;

	model_cut(model, start);
	model_cut(model, end);
	first = model_index(model, start);
	for (last = first; last < model->nr; last++) {
		if (model->segs[last].start >= end)
			break;
		if (other)
			other->segs[other->nr++] = model->segs[last];
	}
	memmove(&model->segs[first], &model->segs[last],
		(model->nr - last) * sizeof(*model->segs));
	model->nr -= last - first;
}

/**
 * hw_model_unmap - take a range out
 * @model: the model
 * @start: first GPA
 * @end: behind the last
 */
void hw_model_unmap(struct hw_model *model, u64 start, u64 end)
{
	model_take(model, start, end, NULL);
	model_forget_pages(model, start, end);
}

/**
 * hw_model_discard - take the alloc pages of a range out
 * @model: the model
 * @start: first GPA
 * @end: behind the last
 *
 * Return: how many there were.
 */
u64 hw_model_discard(struct hw_model *model, u64 start, u64 end)
{
	unsigned long index;
	void *entry;
	u64 n = 0;

	xa_for_each_range(&model->pages, index, entry, start >> PAGE_SHIFT,
			  (end - 1) >> PAGE_SHIFT)
		n++;
	model_forget_pages(model, start, end);
	return n;
}

/**
 * hw_model_grow - move the end of a range outwards
 * @model: the model
 * @start: where the range begins
 * @end: behind its end then
 */
void hw_model_grow(struct hw_model *model, u64 start, u64 end)
{
	model->segs[model_index(model, start)].end = end;
}

static bool model_same(const struct hw_seg *a, const struct hw_seg *b)
{
	return a->end == b->start && a->alloc == b->alloc &&
	       a->prot == b->prot && a->memtype == b->memtype &&
	       a->max_leaf == b->max_leaf &&
	       (a->alloc || a->offset == b->offset);
}

/**
 * hw_model_join - ranges that are the same become one
 * @model: the model
 * @start: first GPA of what has changed
 * @end: behind the last
 */
void hw_model_join(struct hw_model *model, u64 start, u64 end)
{
	unsigned int i = model_index(model, start ? start - 1 : 0);
	struct hw_seg *seg;

	while (i + 1 < model->nr && model->segs[i + 1].start <= end) {
		seg = &model->segs[i];
		if (!model_same(seg, seg + 1)) {
			i++;
			continue;
		}
		seg->end = seg[1].end;
		model->nr--;
		memmove(seg + 1, seg + 2, (model->nr - i - 1) * sizeof(*seg));
	}
}

static void model_shift(struct xarray *from, u64 start, u64 end,
			struct xarray *to, u64 distance)
{
	unsigned long index;
	void *entry;

	xa_for_each_range(from, index, entry, start >> PAGE_SHIFT,
			  (end - 1) >> PAGE_SHIFT) {
		xa_erase(from, index);
		xa_store(to, index + (long)distance / (long)PAGE_SIZE, entry,
			 GFP_KERNEL);
	}
}

/* All of a range goes into another model, as it is to be there. */
static void model_lift(struct hw_model *model, u64 start, u64 size,
		       u64 distance, struct hw_model *lift)
{
	unsigned int i;

	hw_model_init(lift);
	model_take(model, start, start + size, lift);
	for (i = 0; i < lift->nr; i++) {
		lift->segs[i].start += distance;
		lift->segs[i].end += distance;
		lift->segs[i].offset -= distance;
	}
	model_shift(&model->pages, start, start + size, &lift->pages, distance);
	model_shift(&model->flags, start, start + size, &lift->flags, distance);
}

static void model_lay(struct hw_model *model, u64 start, u64 size,
		      struct hw_model *lift)
{
	unsigned int i;

	for (i = 0; i < lift->nr; i++)
		hw_model_map(model, &lift->segs[i]);
	model_shift(&lift->pages, start, start + size, &model->pages, 0);
	model_shift(&lift->flags, start, start + size, &model->flags, 0);
	hw_model_free(lift);
}

/**
 * hw_model_move - ranges and pages come to another place
 * @model: the model
 * @from: first GPA
 * @to: first GPA where they go
 * @size: bytes
 * @exchange: and what is there comes to @from
 */
void hw_model_move(struct hw_model *model, u64 from, u64 to, u64 size,
		   bool exchange)
{
	struct hw_model *lift = kmalloc_array(2, sizeof(*lift),
					      GFP_KERNEL | __GFP_NOFAIL);

	model_lift(model, from, size, to - from, &lift[0]);
	if (exchange)
		model_lift(model, to, size, from - to, &lift[1]);
	model_lay(model, to, size, &lift[0]);
	if (exchange)
		model_lay(model, from, size, &lift[1]);
	kfree(lift);
	hw_model_join(model, to, to + size);
	if (exchange)
		hw_model_join(model, from, from + size);
}

/**
 * hw_model_protect - set the permissions of a range without holes
 * @model: the model
 * @start: first GPA
 * @end: behind the last
 * @prot: &enum axas_prot bits
 */
void hw_model_protect(struct hw_model *model, u64 start, u64 end,
		      unsigned int prot)
{
	unsigned int i;

	model_cut(model, start);
	model_cut(model, end);
	for (i = model_index(model, start); i < model->nr; i++) {
		if (model->segs[i].start >= end)
			break;
		model->segs[i].prot = prot;
	}
	hw_model_join(model, start, end);
}

/**
 * hw_model_populate - note that alloc pages are there
 * @model: the model
 * @start: first GPA
 * @end: behind the last
 */
void hw_model_populate(struct hw_model *model, u64 start, u64 end)
{
	for (; start < end; start += SZ_4K)
		xa_cmpxchg(&model->pages, start >> PAGE_SHIFT, NULL,
			   xa_mk_value(0), GFP_KERNEL);
}

/**
 * hw_model_collapse - note that 2 MiB have become one leaf
 * @model: the model
 * @start: first GPA
 * @hpa: where the leaf lies
 *
 * All of its pages are there then. Either they are where they were, or all of them
 * are elsewhere.
 *
 * Return: false if only some are where they were.
 */
bool hw_model_collapse(struct hw_model *model, u64 start, u64 hpa)
{
	unsigned long first = start >> PAGE_SHIFT, index;
	unsigned int same = 0, moved = 0;
	void *entry;

	xa_for_each_range(&model->pages, index, entry, first, first + 511) {
		if (!xa_to_value(entry))
			continue;
		if (xa_to_value(entry) == (hpa >> PAGE_SHIFT) + index - first)
			same++;
		else
			moved++;
	}
	if (moved) {
		xa_for_each_range(&model->pages, index, entry, first, first + 511)
			if (xa_to_value(entry))
				xa_erase(&model->frames, xa_to_value(entry));
		model_forget(&model->pages, start, start + SZ_2M);
	}
	hw_model_populate(model, start, start + SZ_2M);
	return !same || !moved;
}

/**
 * hw_model_empty - is no alloc page there in a range?
 * @model: the model
 * @start: first GPA
 * @end: behind the last
 *
 * Return: true if so.
 */
bool hw_model_empty(const struct hw_model *model, u64 start, u64 end)
{
	unsigned long index = start >> PAGE_SHIFT;

	return !xa_find((struct xarray *)&model->pages, &index,
			(end - 1) >> PAGE_SHIFT, XA_PRESENT);
}

/**
 * hw_model_learn - where an alloc page lies
 * @model: the model
 * @gpa: address in the page
 * @hpa: where it lies
 *
 * Return: false if another page lies there.
 */
bool hw_model_learn(struct hw_model *model, u64 gpa, u64 hpa)
{
	void *other = xa_load(&model->frames, hpa >> PAGE_SHIFT);

	if (other)
		return false;
	xa_store(&model->pages, gpa >> PAGE_SHIFT,
		 xa_mk_value(hpa >> PAGE_SHIFT), GFP_KERNEL);
	xa_store(&model->frames, hpa >> PAGE_SHIFT,
		 xa_mk_value(gpa >> PAGE_SHIFT), GFP_KERNEL);
	return true;
}

/**
 * hw_model_touch - note that the CPU has used a page
 * @model: the model
 * @gpa: address in the page
 * @flags: HW_ACCESSED, and HW_DIRTY if it has written
 */
void hw_model_touch(struct hw_model *model, u64 gpa, unsigned int flags)
{
	void *old = xa_load(&model->flags, gpa >> PAGE_SHIFT);

	if (old)
		flags |= xa_to_value(old);
	if (!old || xa_to_value(old) != flags)
		xa_store(&model->flags, gpa >> PAGE_SHIFT, xa_mk_value(flags),
			 GFP_KERNEL);
}

/**
 * hw_model_touched - what the CPU has done in a range
 * @model: the model
 * @start: first GPA
 * @end: behind the last
 *
 * Return: HW_ACCESSED and HW_DIRTY of all its pages.
 */
unsigned int hw_model_touched(struct hw_model *model, u64 start, u64 end)
{
	unsigned int flags = 0;
	unsigned long index;
	void *entry;

	xa_for_each_range(&model->flags, index, entry, start >> PAGE_SHIFT,
			  (end - 1) >> PAGE_SHIFT) {
		flags |= xa_to_value(entry);
		if (flags == (HW_ACCESSED | HW_DIRTY))
			break;
	}
	return flags;
}

/**
 * hw_model_at - what should be at an address
 * @model: the model
 * @gpa: the address
 *
 * Return: what.
 */
struct hw_page hw_model_at(const struct hw_model *model, u64 gpa)
{
	struct hw_page page = { .seg = hw_model_find(model, gpa) };
	void *entry;

	if (!page.seg)
		return page;
	if (!page.seg->alloc) {
		page.mapped = true;
		page.known = true;
		page.hpa = gpa + page.seg->offset;
		return page;
	}
	entry = xa_load((struct xarray *)&model->pages, gpa >> PAGE_SHIFT);
	page.mapped = entry;
	page.known = entry && xa_to_value(entry);
	if (page.known)
		page.hpa = ((u64)xa_to_value(entry) << PAGE_SHIFT) |
			   (gpa & ~PAGE_MASK);
	return page;
}
