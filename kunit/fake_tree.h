/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_KUNIT_FAKE_TREE_H
#define _AXAS_KUNIT_FAKE_TREE_H

#include <linux/maple_tree.h>

#include "fake_hal.h"

/*
 * The tree asks twice for a node, so that fail_nth never makes it fail. Here it
 * fails as one of the HAL's allocations does.
 */
static inline int fake_mas_store_gfp(struct ma_state *mas, void *entry,
				     gfp_t gfp)
{
	if (fake_hal_shall_fail(gfp))
		return -ENOMEM;
	return mas_store_gfp(mas, entry, gfp);
}

#define mas_store_gfp fake_mas_store_gfp

#endif /* _AXAS_KUNIT_FAKE_TREE_H */
