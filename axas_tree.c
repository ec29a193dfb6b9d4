// SPDX-License-Identifier: GPL-2.0
/*
 * Trees of ranges whose memory is charged and whose changes are short.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <axas/compat.h>
#include <axas/hal.h>
#include <axas/tree.h>

/*
 * The maple tree takes its nodes without the caller's flags while there are any
 * to be had, so that nobody is charged for them. Something of the same size is:
 * one charge for ten ranges begun is at least as large as their nodes, however
 * badly these are filled. Documentation/internals.rst has the sum.
 */
#define TREE_CHARGE	1024
#define TREE_CHARGED	10

/* Ranges that are taken out by one store, and freed by one RCU callback. */
#define TREE_STRETCH	32

#define TREE_GFP	(GFP_KERNEL | __GFP_RETRY_MAYFAIL)
#define TREE_NOFAIL	(GFP_KERNEL | __GFP_NOFAIL)

struct axas_tree_charge {
	struct axas_tree_charge *next;
	u8 unused[TREE_CHARGE - sizeof(void *)];
};

/**
 * axas_tree_init - no ranges yet
 * @tree: uninitialized
 * @ops: whose it is
 */
void axas_tree_init(struct axas_tree *tree, const struct axas_tree_ops *ops)
{
	*tree = (struct axas_tree){ .ops = ops };
	/* Without gap tracking, freeing a large tree behind RCU goes astray. */
	mt_init_flags(&tree->mt, MT_FLAGS_USE_RCU | MT_FLAGS_ALLOC_RANGE);
}

/* ---- what the nodes cost ---- */

/* Be charged for that many ranges. */
static int tree_charge(struct axas_tree *tree, u64 ranges)
{
	struct axas_tree_charge *charge;

	while (ranges >= tree->nr_charges * TREE_CHARGED) {
		charge = kmalloc(sizeof(*charge), AXAS_GFP);
		if (!charge)
			return -ENOMEM;
		charge->next = tree->charges;
		tree->charges = charge;
		tree->nr_charges++;
	}
	return 0;
}

/* Give back what isn't needed. One charge too many is kept for the next range. */
static void tree_trim(struct axas_tree *tree)
{
	struct axas_tree_charge *charge;

	while (tree->ranges + 2 * TREE_CHARGED <=
	       tree->nr_charges * TREE_CHARGED) {
		charge = tree->charges;
		tree->charges = charge->next;
		tree->nr_charges--;
		kfree(charge);
		cond_resched();
	}
}

static void tree_set_ranges(struct axas_tree *tree, u64 ranges)
{
	WRITE_ONCE(tree->ranges, ranges);
	tree_trim(tree);
}

static int tree_store(struct axas_tree *tree, u64 first, u64 last, void *entry,
		      gfp_t gfp)
{
	MA_STATE(mas, &tree->mt, first, last);
	int ret;

	mas_lock(&mas);
	ret = mas_store_gfp(&mas, entry, gfp);
	mas_unlock(&mas);
	return ret;
}

/* ---- one range ---- */

/**
 * axas_tree_find - the first range that meets some addresses
 * @tree: the tree
 * @first: in: the first address; out: where the range begins
 * @last: in: the last address; out: where the range ends, inclusive
 *
 * Context: any; takes RCU. What is returned stays while the tree isn't changed.
 * Return: its entry; NULL if there is none, with nothing said about where.
 */
void *axas_tree_find(struct axas_tree *tree, u64 *first, u64 *last)
{
	MA_STATE(mas, &tree->mt, *first, *first);
	void *entry;

	guard(rcu)();
	entry = mas_find(&mas, *last);
	*first = mas.index;
	*last = mas.last;
	return entry;
}

/**
 * axas_tree_gap - how far around an address there is no range
 * @tree: the tree
 * @addr: the address
 * @first: out: the first address of the gap
 * @last: out: the last one
 *
 * Context: any; takes RCU. That is so while the tree isn't changed.
 * Return: false if there is a range.
 */
bool axas_tree_gap(struct axas_tree *tree, u64 addr, u64 *first, u64 *last)
{
	MA_STATE(mas, &tree->mt, addr, addr);

	guard(rcu)();
	if (mas_walk(&mas))
		return false;
	*first = mas.index;
	*last = mas.last;
	return true;
}

/**
 * axas_tree_insert - enter a range
 * @tree: the tree
 * @first: its first address
 * @last: its last address; nothing is there
 * @entry: what it is; isn't told of this range
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int axas_tree_insert(struct axas_tree *tree, u64 first, u64 last, void *entry)
{
	int ret = tree_charge(tree, tree->ranges + 1);

	if (!ret)
		ret = tree_store(tree, first, last, entry, TREE_GFP);
	if (!ret)
		tree_set_ranges(tree, tree->ranges + 1);
	return ret;
}

/**
 * axas_tree_exchange - give a range another entry
 * @tree: the tree
 * @first: where the range begins
 * @entry: what it is from now on; isn't told of this range
 *
 * Context: may sleep.
 * Return: the address behind the range.
 */
u64 axas_tree_exchange(struct axas_tree *tree, u64 first, void *entry)
{
	u64 last = first;
	void *old = axas_tree_find(tree, &first, &last);

	/* An exact fit: only a pointer is exchanged. */
	tree_store(tree, first, last, entry, TREE_NOFAIL);
	tree->ops->put(tree, old);
	return last + 1;
}

/**
 * axas_tree_grow - move the end of a range
 * @tree: the tree
 * @first: where the range begins
 * @last: its last address then; nothing is there between
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int axas_tree_grow(struct axas_tree *tree, u64 first, u64 last)
{
	u64 start = first, end = first;

	return tree_store(tree, first, last, axas_tree_find(tree, &start, &end),
			  TREE_GFP);
}

/* ---- cuts ---- */

/* If an address lies inside of a range, it becomes the first of one. */
static int tree_cut(struct axas_tree *tree, u64 addr)
{
	u64 first = addr, last = addr;
	void *entry = axas_tree_find(tree, &first, &last);
	int ret;

	if (!entry || first == addr)
		return 0;
	ret = tree_charge(tree, tree->ranges + 1);
	if (!ret)
		ret = tree_store(tree, addr, last, entry, TREE_GFP);
	if (ret)
		return ret;
	tree_set_ranges(tree, tree->ranges + 1);
	tree->ops->get(entry);
	return 0;
}

/* Undo that. */
static void tree_join(struct axas_tree *tree, u64 addr)
{
	u64 first = addr - 1, last = addr, mid = addr - 1;
	void *entry;

	axas_tree_find(tree, &first, &mid);
	entry = axas_tree_find(tree, &addr, &last);
	tree_store(tree, first, last, entry, TREE_NOFAIL);
	tree_set_ranges(tree, tree->ranges - 1);
	tree->ops->put(tree, entry);
}

/**
 * axas_tree_cut - cut ranges in two at both ends of some addresses
 * @tree: the tree
 * @first: the first address
 * @last: the last one, less than %U64_MAX
 *
 * Context: may sleep.
 * Return: 0; or -ENOMEM, and then all is as it was.
 */
int axas_tree_cut(struct axas_tree *tree, u64 first, u64 last)
{
	u64 ranges = tree->ranges;
	int ret = tree_cut(tree, first);

	if (ret)
		return ret;
	ranges = tree->ranges - ranges;
	ret = tree_cut(tree, last + 1);
	if (ret && ranges)
		tree_join(tree, first);
	return ret;
}

/* ---- many ranges ---- */

/* Ranges one behind the other. */
struct tree_stretch {
	u64 first;
	u64 last;
	unsigned int n;
	void *entries[TREE_STRETCH];
};

/* The first ranges that meet [first, last], as many as a stretch has. */
static void tree_collect(struct axas_tree *tree, u64 first, u64 last,
			 struct tree_stretch *stretch)
{
	MA_STATE(mas, &tree->mt, first, first);
	void *entry;

	stretch->n = 0;
	guard(rcu)();
	entry = mas_walk(&mas);
	if (!entry && mas.last < last)
		entry = mas_find(&mas, last);
	while (entry) {
		if (!stretch->n)
			stretch->first = mas.index;
		stretch->last = mas.last;
		stretch->entries[stretch->n++] = entry;
		if (stretch->n == TREE_STRETCH || mas.last >= last)
			break;
		entry = mas_find(&mas, last);
	}
}

/* A store has been over [first, last], where these were. What is reserved stays. */
static void tree_covered(struct axas_tree *tree, u64 first, u64 last,
			 const struct tree_stretch *stretch)
{
	bool head = stretch->n && stretch->first < first;
	bool tail = stretch->n && stretch->last > last;
	unsigned int i;

	WRITE_ONCE(tree->ranges, tree->ranges + head + tail - stretch->n);
	/* What was one is two now. */
	if (head + tail > stretch->n)
		tree->ops->get(stretch->entries[0]);
	for (i = head; i + tail < stretch->n; i++)
		tree->ops->put(tree, stretch->entries[i]);
}

/**
 * axas_tree_reserve - see to it that what comes next can't fail
 * @tree: the tree
 * @more: ranges that there will be more of at any time until axas_tree_release()
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int axas_tree_reserve(struct axas_tree *tree, u64 more)
{
	int ret = tree_charge(tree, tree->ranges + more);

	if (ret)
		tree_trim(tree);
	return ret;
}

/**
 * axas_tree_release - the inverse of axas_tree_reserve(), when the ranges are there
 * @tree: the tree
 *
 * Context: may sleep.
 */
void axas_tree_release(struct axas_tree *tree)
{
	tree_trim(tree);
}

/**
 * axas_tree_replace - make one range of what there is and what there isn't
 * @tree: the tree; room for two more ranges has been reserved
 * @first: the first address
 * @last: the last one
 * @entry: what it is from now on; isn't told of this range
 *
 * The range grows over what was there, so that each address has the old entry or
 * the new one at any time.
 *
 * Context: may sleep.
 */
void axas_tree_replace(struct axas_tree *tree, u64 first, u64 last, void *entry)
{
	struct tree_stretch stretch;
	u64 next = first, end;

	WRITE_ONCE(tree->ranges, tree->ranges + 1);
	do {
		tree_collect(tree, next, last, &stretch);
		end = stretch.n < TREE_STRETCH ? last : min(stretch.last, last);
		tree_store(tree, first, end, entry, TREE_NOFAIL);
		tree_covered(tree, next, end, &stretch);
		next = end + 1;
		cond_resched();
	} while (next <= last);
}

/**
 * axas_tree_remove - take addresses out of all ranges
 * @tree: the tree; room for one more range has been reserved if all of them may lie
 *	inside of one
 * @first: the first address
 * @last: the last one
 *
 * Context: may sleep.
 */
void axas_tree_remove(struct axas_tree *tree, u64 first, u64 last)
{
	struct tree_stretch stretch;
	u64 next, end;

	for (next = first;; next = end + 1) {
		tree_collect(tree, next, last, &stretch);
		if (!stretch.n)
			break;
		next = max(next, stretch.first);
		end = min(stretch.last, last);
		tree_store(tree, next, end, NULL, TREE_NOFAIL);
		tree_covered(tree, next, end, &stretch);
		if (end == last)
			break;
		cond_resched();
	}
}

/*
 * The first ranges from @at on that are the same, each where the one before it ends;
 * or the last one, if there are none. Return: true if there may be more.
 */
static bool tree_collect_same(struct axas_tree *tree, u64 at, u64 last,
			      struct tree_stretch *stretch)
{
	MA_STATE(mas, &tree->mt, at, at);
	unsigned int looks = 0;
	void *entry;

	stretch->n = 0;
	guard(rcu)();
	mas_for_each(&mas, entry, last) {
		if (!stretch->n || mas.index != stretch->last + 1 ||
		    !tree->ops->same(stretch->entries[0], entry)) {
			if (stretch->n > 1)
				return true;
			stretch->n = 0;
			stretch->first = mas.index;
		}
		stretch->last = mas.last;
		stretch->entries[stretch->n++] = entry;
		if (++looks == TREE_STRETCH)
			return true;
	}
	return false;
}

/**
 * axas_tree_join - make one range of neighbours that are the same
 * @tree: the tree, whose owner says what is the same
 * @first: first address of what has changed
 * @last: the last one, less than %U64_MAX
 *
 * The ranges on both sides take part.
 *
 * Context: may sleep.
 * Return: true if there were any.
 */
bool axas_tree_join(struct axas_tree *tree, u64 first, u64 last)
{
	struct tree_stretch stretch;
	u64 at = first ? first - 1 : 0;
	bool joined = false, more;
	unsigned int i;

	do {
		more = tree_collect_same(tree, at, last + 1, &stretch);
		if (stretch.n > 1) {
			tree_store(tree, stretch.first, stretch.last,
				   stretch.entries[0], TREE_NOFAIL);
			tree_set_ranges(tree, tree->ranges + 1 - stretch.n);
			for (i = 1; i < stretch.n; i++)
				tree->ops->put(tree, stretch.entries[i]);
			joined = true;
		}
		/* It may go on. */
		at = stretch.first;
		cond_resched();
	} while (more);
	return joined;
}

/**
 * axas_tree_erase - take addresses out of all ranges
 * @tree: the tree
 * @first: the first address
 * @last: the last one
 *
 * A few ranges go by one store, which may fail. For many it is enough to be charged
 * beforehand.
 *
 * Context: may sleep.
 * Return: 0; or -ENOMEM, and then all is as it was.
 */
int axas_tree_erase(struct axas_tree *tree, u64 first, u64 last)
{
	struct tree_stretch stretch;
	int ret;

	tree_collect(tree, first, last, &stretch);
	if (!stretch.n)
		return 0;
	/* A hole in a range makes two of it. */
	ret = stretch.first < first && stretch.last > last ?
		      axas_tree_reserve(tree, 1) : 0;
	if (ret)
		return ret;
	if (stretch.n == TREE_STRETCH) {
		axas_tree_remove(tree, first, last);
	} else {
		ret = tree_store(tree, first, last, NULL, TREE_GFP);
		if (ret)
			return ret;
		tree_covered(tree, first, last, &stretch);
	}
	axas_tree_release(tree);
	return 0;
}

/**
 * axas_tree_destroy - take out all ranges and free what the tree has
 * @tree: nobody looks anything up there any more
 *
 * Context: may sleep.
 */
void axas_tree_destroy(struct axas_tree *tree)
{
	struct axas_tree_charge *charge;

	axas_tree_remove(tree, 0, U64_MAX);
	mtree_destroy(&tree->mt);
	while ((charge = tree->charges)) {
		tree->charges = charge->next;
		kfree(charge);
	}
}
