/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What axas_space.c and axas_range.c have of each other.
 */
#ifndef _AXAS_RANGE_H
#define _AXAS_RANGE_H

#include <axas/space.h>

int axas_range_check(const struct axas_space *space, u64 gpa, u64 size);
int axas_range_populate(struct axas_npt_draft *draft,
			const struct axas_area *area);
int axas_range_fill_pool(struct axas_space *space, u64 start, u64 size,
			 struct axas_npt_pool *pool);

#endif /* _AXAS_RANGE_H */
