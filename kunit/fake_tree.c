// SPDX-License-Identifier: GPL-2.0
/*
 * A maple tree that counts and fails on demand.
 */
#define FAKE_TREE_ITSELF
#include "fake_hal.h"
#include "fake_tree.h"

static struct task_struct *tree_counted;
static unsigned long tree_stretch; /* only @tree_counted writes these */
static unsigned long tree_longest;
static struct task_struct *tree_watched;
static struct fake_tree_watch *tree_watch; /* only @tree_watched looks at it */

static void tree_count(unsigned long n)
{
	if (READ_ONCE(tree_counted) != current)
		return;
	tree_stretch += n;
	tree_longest = max(tree_longest, tree_stretch);
}

/**
 * fake_tree_count - from now on count what the caller does to trees
 */
void fake_tree_count(void)
{
	tree_stretch = 0;
	tree_longest = 0;
	WRITE_ONCE(tree_counted, current);
}

/**
 * fake_tree_longest - no longer
 *
 * Return: ranges looked at or overwritten in the longest stretch without a
 * cond_resched().
 */
unsigned long fake_tree_longest(void)
{
	WRITE_ONCE(tree_counted, NULL);
	return tree_longest;
}

/**
 * fake_tree_set_watch - have someone look on while the caller changes trees
 * @watch: who, or NULL
 */
void fake_tree_set_watch(struct fake_tree_watch *watch)
{
	tree_watch = watch;
	WRITE_ONCE(tree_watched, watch ? current : NULL);
}

int fake_cond_resched(void)
{
	if (READ_ONCE(tree_watched) == current)
		tree_watch->resched(tree_watch);
	if (READ_ONCE(tree_counted) == current)
		tree_stretch = 0;
	return cond_resched();
}

void *fake_mas_find(struct ma_state *mas, unsigned long max)
{
	tree_count(1);
	return mas_find(mas, max);
}

void *fake_mas_walk(struct ma_state *mas)
{
	tree_count(1);
	return mas_walk(mas);
}

/*
 * The tree asks twice for a node, so that fail_nth never makes it fail. Here it
 * fails as one of the HAL's allocations does.
 */
int fake_mas_store_gfp(struct ma_state *mas, void *entry, gfp_t gfp)
{
	MA_STATE(over, mas->tree, mas->index, mas->index);
	unsigned long n = 1;
	void *old;

	if (fake_hal_shall_fail(gfp))
		return -ENOMEM;
	if (READ_ONCE(tree_counted) == current)
		mas_for_each(&over, old, mas->last)
			n++;
	tree_count(n);
	return mas_store_gfp(mas, entry, gfp);
}
