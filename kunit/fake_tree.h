/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_KUNIT_FAKE_TREE_H
#define _AXAS_KUNIT_FAKE_TREE_H

#include <linux/maple_tree.h>
#include <linux/sched.h>

/**
 * DOC: The fake tree
 *
 * A file that includes this before it includes one of the core sees the maple
 * tree through functions that count what one call does between two points at
 * which it lets others run. Stores fail on demand.
 */

int fake_mas_store_gfp(struct ma_state *mas, void *entry, gfp_t gfp);
void *fake_mas_find(struct ma_state *mas, unsigned long max);
void *fake_mas_walk(struct ma_state *mas);
int fake_cond_resched(void);

/**
 * struct fake_tree_watch - someone who looks on
 * @resched: whoever has set it lets others run, in the core of spaces or of trees
 */
struct fake_tree_watch {
	void (*resched)(struct fake_tree_watch *watch);
};

void fake_tree_set_watch(struct fake_tree_watch *watch);
void fake_tree_count(void);
unsigned long fake_tree_longest(void);

#ifndef FAKE_TREE_ITSELF
#define mas_store_gfp	fake_mas_store_gfp
#define mas_find	fake_mas_find
#define mas_walk	fake_mas_walk
#undef cond_resched
#define cond_resched	fake_cond_resched
#endif

#endif /* _AXAS_KUNIT_FAKE_TREE_H */
