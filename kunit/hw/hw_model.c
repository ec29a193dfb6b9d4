// SPDX-License-Identifier: GPL-2.0
/*
 * The test's own idea of a space: an array of ranges, and the pages that the
 * module has chosen, as they were first seen. No code and no definition of the
 * tables is used.
 */
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

/**
 * hw_model_unmap - take a range out
 * @model: the model
 * @start: first GPA
 * @end: behind the last
 */
void hw_model_unmap(struct hw_model *model, u64 start, u64 end)
{
	unsigned int first, last;
	unsigned long index;
	void *entry;

	model_cut(model, start);
	model_cut(model, end);
	first = model_index(model, start);
	for (last = first; last < model->nr; last++) {
		if (model->segs[last].start >= end)
			break;
	}
	memmove(&model->segs[first], &model->segs[last],
		(model->nr - last) * sizeof(*model->segs));
	model->nr -= last - first;

	xa_for_each_range(&model->pages, index, entry, start >> PAGE_SHIFT,
			  (end - 1) >> PAGE_SHIFT) {
		if (xa_to_value(entry))
			xa_erase(&model->frames, xa_to_value(entry));
		xa_erase(&model->pages, index);
	}
	model_forget(&model->flags, start, end);
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
		xa_store(&model->pages, start >> PAGE_SHIFT, xa_mk_value(0),
			 GFP_KERNEL);
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
