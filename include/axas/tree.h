/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_TREE_H
#define _AXAS_TREE_H

#include <linux/maple_tree.h>
#include <linux/types.h>

/**
 * DOC: Trees of ranges
 *
 * Ranges of addresses that don't overlap, each with an entry: areas by GPA,
 * devices by port or register. It is a maple tree, to which it adds what one
 * lacks here: its nodes are paid for by who makes it grow, and a change of many
 * ranges, or the end of the tree, is a chain of short ones.
 */

struct axas_tree;

/**
 * struct axas_tree_ops - whose ranges they are
 * @get: one more range has this entry; NULL if ranges are never cut
 * @put: one range less has it. Nobody finds it there any more but who is in an
 *	RCU read-side section already
 * @same: are they the same, but for where they are? NULL if ranges are never joined
 */
struct axas_tree_ops {
	void (*get)(void *entry);
	void (*put)(struct axas_tree *tree, void *entry);
	bool (*same)(const void *a, const void *b);
};

struct axas_tree_charge;

/**
 * struct axas_tree - ranges of addresses
 * @mt: the ranges; read under RCU
 * @ops: whose they are
 * @ranges: how many there are
 * @charges: what stands for the nodes, see axas_tree.c
 * @nr_charges: how many there are of those
 *
 * Changed under a lock of the owner, which may sleep.
 */
struct axas_tree {
	struct maple_tree mt;
	const struct axas_tree_ops *ops;
	u64 ranges;
	struct axas_tree_charge *charges;
	u64 nr_charges;
};

void axas_tree_init(struct axas_tree *tree, const struct axas_tree_ops *ops);
void axas_tree_destroy(struct axas_tree *tree);
void *axas_tree_find(struct axas_tree *tree, u64 *first, u64 *last);
bool axas_tree_gap(struct axas_tree *tree, u64 addr, u64 *first, u64 *last);
int axas_tree_insert(struct axas_tree *tree, u64 first, u64 last, void *entry);
int axas_tree_erase(struct axas_tree *tree, u64 first, u64 last);
int axas_tree_cut(struct axas_tree *tree, u64 first, u64 last);
bool axas_tree_join(struct axas_tree *tree, u64 first, u64 last);
int axas_tree_reserve(struct axas_tree *tree, u64 more);
void axas_tree_release(struct axas_tree *tree);
void axas_tree_remove(struct axas_tree *tree, u64 first, u64 last);
void axas_tree_replace(struct axas_tree *tree, u64 first, u64 last, void *entry);
int axas_tree_grow(struct axas_tree *tree, u64 first, u64 last);
u64 axas_tree_exchange(struct axas_tree *tree, u64 first, void *entry);

#endif /* _AXAS_TREE_H */
