/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files that change areas have in common.
 */
#ifndef _AXAS_AREA_H
#define _AXAS_AREA_H

#include <linux/cleanup.h>

#include <axas/space.h>

extern const struct axas_tree_ops axas_area_tree_ops;

void axas_area_free(struct axas_area *area);
struct axas_area *axas_area_copy(const struct axas_area *area);
int axas_area_check_range(const struct axas_space *space, u64 gpa, u64 size);
u64 axas_area_kept(struct axas_space *space);
int axas_area_check_kept(struct axas_space *space, u64 gpa, u64 size);
int axas_area_check_prot(const struct axas_space *space, u32 prot);
void axas_area_forget(struct axas_space *space, u64 start, u64 last);
void axas_area_offer(struct axas_space *space, struct axas_area *area,
		     u64 start, u64 last);
int axas_area_fill_pool(struct axas_space *space, u64 start, u64 size,
			struct axas_npt_pool *pool);
void axas_area_clear(struct axas_space *space, u64 gpa, u64 size,
		     struct axas_npt_pool *pool);
void axas_area_changed(struct axas_space *space, u64 gpa, u64 size);
void axas_area_join_leaves(struct axas_space *space, u64 start, u64 end,
			   u64 gpa, u64 last, unsigned int max_level);
void axas_area_join(struct axas_space *space, u64 gpa, u64 last);
int axas_range_populate(struct axas_npt_draft *draft,
			const struct axas_area *area);

DEFINE_FREE(axas_area, struct axas_area *, axas_area_free(_T))

#endif /* _AXAS_AREA_H */
