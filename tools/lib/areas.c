// SPDX-License-Identifier: MIT
/*
 * libaxas: a walk over the areas of a space.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "axas.h"

#define BATCH	64	/* areas asked for in one call */

struct axas_area_iter {
	int space;
	bool called;		/* @generation is that of a call */
	bool changed;
	uint32_t at, nr;	/* in @entries */
	uint64_t start;		/* of the next call; UINT64_MAX at the end */
	uint64_t generation;
	struct axas_area_entry entries[BATCH];
};

int axas_areas_begin(int space, uint64_t start, struct axas_area_iter **iter)
{
	struct axas_area_iter *it = calloc(1, sizeof(*it));

	if (!it)
		return -ENOMEM;
	it->space = space;
	it->start = start;
	*iter = it;
	return 0;
}

static int fill(struct axas_area_iter *it)
{
	struct axas_areas areas = {
		.size = sizeof(areas), .start = it->start,
		.entries = (uintptr_t)it->entries, .nr = BATCH,
	};
	int saved = errno, err = 0;

	if (ioctl(it->space, AXAS_AREAS, &areas) < 0)
		err = -errno;
	errno = saved;
	if (err)
		return err;
	if (it->called && it->generation != areas.generation)
		it->changed = true;
	it->called = true;
	it->generation = areas.generation;
	it->start = areas.start;
	it->at = 0;
	it->nr = areas.done;
	return 0;
}

int axas_areas_next(struct axas_area_iter *iter, struct axas_area_entry *area)
{
	int err;

	while (iter->at == iter->nr) {
		if (iter->start == UINT64_MAX)
			return 0;
		err = fill(iter);
		if (err)
			return err;
	}
	*area = iter->entries[iter->at++];
	return 1;
}

int axas_areas_changed(const struct axas_area_iter *iter)
{
	return iter->changed;
}

void axas_areas_end(struct axas_area_iter *iter)
{
	free(iter);
}
