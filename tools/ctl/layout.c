// SPDX-License-Identifier: GPL-2.0
/*
 * axasctl: what map draws. An area is cut into cells of one size, and of each
 * cell is counted what leaves of each size map.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

bool is_device(const struct area *a)
{
	return !strcmp(a->backend, "device");
}

/* Cells begin at multiples of their size; the outer ones may reach beyond. */
uint64_t cell_start(const struct bar *b, unsigned int cell)
{
	uint64_t start = (b->start & ~(b->cell - 1)) + cell * b->cell;

	return start > b->start ? start : b->start;
}

uint64_t cell_end(const struct bar *b, unsigned int cell)
{
	uint64_t end = (b->start & ~(b->cell - 1)) + (cell + 1) * b->cell;

	return end < b->end ? end : b->end;
}

static uint64_t cells_of(const struct bar *b)
{
	return (b->end - 1) / b->cell - b->start / b->cell + 1;
}

/* Add what @run maps of the area, which may be a part of the run. */
static void add_run(struct bar *b, const struct run *run)
{
	uint64_t at = run->start > b->start ? run->start : b->start;
	uint64_t end = run->end < b->end ? run->end : b->end;
	uint64_t first = b->start / b->cell, next;

	while (at < end) {
		unsigned int cell = at / b->cell - first;

		next = cell_end(b, cell);
		if (next > end)
			next = end;
		b->mapped[run->leaf][cell] += next - at;
		b->total[run->leaf] += next - at;
		at = next;
	}
}

/* The first run that ends behind @gpa: runs are in order and don't overlap. */
static size_t first_run(const struct space *s, uint64_t gpa)
{
	size_t low = 0, high = s->nr_runs, mid;

	while (low < high) {
		mid = (low + high) / 2;
		if (s->runs[mid].end > gpa)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

void lay_bar(struct bar *b, const struct space *s, const struct area *a,
	     unsigned int max_cells)
{
	unsigned int leaf;
	size_t i;

	*b = (struct bar){ .start = a->start, .end = a->end, .cell = PAGE_SIZE };
	while (cells_of(b) > max_cells)
		b->cell <<= 1;
	b->nr = cells_of(b);
	for (leaf = 0; leaf < NR_LEAVES; leaf++)
		b->mapped[leaf] = xcalloc(b->nr, sizeof(*b->mapped[leaf]));
	for (i = first_run(s, a->start);
	     i < s->nr_runs && s->runs[i].start < a->end; i++)
		add_run(b, &s->runs[i]);
}

void free_bar(struct bar *b)
{
	unsigned int leaf;

	for (leaf = 0; leaf < NR_LEAVES; leaf++)
		free(b->mapped[leaf]);
}

unsigned int heat_class(uint64_t part, uint64_t room)
{
	unsigned int n;

	if (!part)
		return 0;
	if (part >= room)
		return NR_HEATS - 1;
	for (n = 1; n < NR_HEATS - 2; n++)
		if (part >= room >> n)
			break;
	return NR_HEATS - 1 - n;
}

unsigned int heat(const struct bar *b, unsigned int cell, unsigned int leaf)
{
	return heat_class(b->mapped[leaf][cell],
			  cell_end(b, cell) - cell_start(b, cell));
}

unsigned int heat_of_all(const struct bar *b, unsigned int cell)
{
	uint64_t mapped = 0;
	unsigned int leaf;

	for (leaf = 0; leaf < NR_LEAVES; leaf++)
		mapped += b->mapped[leaf][cell];
	return heat_class(mapped, cell_end(b, cell) - cell_start(b, cell));
}

uint64_t mapped_bytes(const struct bar *b)
{
	uint64_t mapped = 0;
	unsigned int leaf;

	for (leaf = 0; leaf < NR_LEAVES; leaf++)
		mapped += b->total[leaf];
	return mapped;
}

/* The hole before an area; with @area == nr_areas that behind the last one. */
uint64_t hole_before(const struct space *s, size_t area)
{
	const struct figures *f = &s->figures;
	uint64_t from = area ? s->areas[area - 1].end : f->base;
	uint64_t to = area < s->nr_areas ? s->areas[area].start :
					   f->base + f->length;

	return to > from ? to - from : 0;
}

/* Bytes in all areas. */
uint64_t covered(const struct space *s)
{
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < s->nr_areas; i++)
		bytes += s->areas[i].end - s->areas[i].start;
	return bytes;
}
