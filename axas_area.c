// SPDX-License-Identifier: GPL-2.0
/*
 * Areas, as all that changes them needs them. Under the space's lock, unless said.
 */
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "axas_alias.h"
#include "axas_area.h"
#include "axas_hold.h"
#include "axas_track.h"

/**
 * axas_area_free - free an area that is in no tree any more
 * @area: the area; or NULL
 *
 * What it pins goes with it; a fault may still look at it.
 *
 * Context: may sleep.
 */
void axas_area_free(struct axas_area *area)
{
	if (!area)
		return;
	if (area->ops)
		module_put(area->ops->owner);
	axas_alias_put(area->alias);
	kfree_rcu(area, rcu);
}

/**
 * axas_area_copy - a copy that comes into the tree later
 * @area: the area
 *
 * Context: may sleep.
 * Return: the copy, of one range; NULL if there is no memory.
 */
struct axas_area *axas_area_copy(const struct axas_area *area)
{
	struct axas_area *copy = kmalloc(sizeof(*copy), AXAS_GFP);

	if (!copy)
		return NULL;
	*copy = *area;
	__module_get(copy->ops->owner);
	axas_alias_get(copy->alias);
	copy->ranges = 1;
	return copy;
}

/**
 * axas_area_check_range - check a range that a call names
 * @space: the space
 * @gpa: first GPA
 * @size: bytes
 *
 * Context: any; takes no lock.
 * Return: 0, -EINVAL or -ERANGE.
 */
int axas_area_check_range(const struct axas_space *space, u64 gpa, u64 size)
{
	if (!axas_range_ok(gpa, size))
		return -EINVAL;
	return axas_range_in(gpa, size, space->base, space->length) ? 0 :
								     -ERANGE;
}

/**
 * axas_area_kept - how much of a space is kept
 * @space: the space
 *
 * Context: may sleep. Takes the space's lock.
 * Return: bytes; what two keep counts twice.
 */
u64 axas_area_kept(struct axas_space *space)
{
	const struct axas_keeper *keeper;
	u64 size = 0;

	guard(mutex)(&space->lock);
	list_for_each_entry(keeper, &space->keepers, node) {
		if (atomic_read(&keeper->uses))
			size += keeper->size;
		cond_resched();
	}
	return size;
}

/**
 * axas_area_check_kept - may something be taken from a range?
 * @space: the space
 * @gpa: first GPA
 * @size: bytes
 *
 * Context: may sleep.
 * Return: 0; -EBUSY if somebody keeps any of it; -EINTR.
 */
int axas_area_check_kept(struct axas_space *space, u64 gpa, u64 size)
{
	const struct axas_keeper *keeper;

	list_for_each_entry(keeper, &space->keepers, node) {
		if (atomic_read(&keeper->uses) && gpa < keeper->gpa + keeper->size &&
		    keeper->gpa < gpa + size)
			return -EBUSY;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/**
 * axas_area_check_prot - check rights that a call names
 * @space: the space
 * @prot: &enum axas_prot bits
 *
 * Context: any; takes no lock.
 * Return: 0, -EINVAL or -EOPNOTSUPP.
 */
int axas_area_check_prot(const struct axas_space *space, u32 prot)
{
	if (!prot || prot & ~AXAS_PROT_ALL)
		return -EINVAL;
	if (!axas_npt_has(&space->npt, prot))
		return -EOPNOTSUPP;
	if (prot & AXAS_PROT_READ)
		return 0;
	if (prot & AXAS_PROT_WRITE)
		return -EINVAL;
	return space->npt.features & AXAS_FEAT_EXEC_ONLY ? 0 : -EOPNOTSUPP;
}

/* ---- the area that most faults are in ---- */

static void main_area_set(struct axas_space *space, struct axas_area *area,
			  u64 start, u64 last)
{
	struct axas_main_area *main = &space->main_area;

	/* A fault that reads meanwhile spins, and may have a higher priority. */
	guard(preempt)();
	write_seqcount_begin(&main->seq);
	main->area = area;
	main->start = start;
	main->last = last;
	write_seqcount_end(&main->seq);
}

/**
 * axas_area_forget - before something is taken from areas
 * @space: the space
 * @start: first GPA
 * @last: last GPA
 *
 * Context: any.
 */
void axas_area_forget(struct axas_space *space, u64 start, u64 last)
{
	const struct axas_main_area *main = &space->main_area;

	if (main->area && start <= main->last && last >= main->start)
		main_area_set(space, NULL, 0, 0);
}

/**
 * axas_area_offer - after an area was made
 * @space: the space
 * @area: the area
 * @start: its first GPA
 * @last: its last one
 *
 * Context: any.
 */
void axas_area_offer(struct axas_space *space, struct axas_area *area,
		     u64 start, u64 last)
{
	const struct axas_main_area *main = &space->main_area;

	if (!main->area || last - start > main->last - main->start)
		main_area_set(space, area, start, last);
}

/* ---- in the tree ---- */

static void area_get(void *entry)
{
	struct axas_area *area = entry;

	area->ranges++;
}

static void area_put(struct axas_tree *tree, void *entry)
{
	struct axas_space *space = container_of(tree, struct axas_space, areas);
	struct axas_area *area = entry;

	if (--area->ranges)
		return;
	/* One that was joined with a neighbour is still there, by another name. */
	if (space->main_area.area == area)
		main_area_set(space, NULL, 0, 0);
	axas_area_free(area);
}

/*
 * Devices and ROM tell where in them an access was. What is spread over nodes is so by
 * what lies in front of it.
 */
static bool area_same(const void *a, const void *b)
{
	const struct axas_area *one = a, *other = b;

	if (one->origin != other->origin &&
	    (!one->max_level || one->attr.rom || one->spread))
		return false;
	return one->ops == other->ops &&
	       !memcmp(&one->attr, &other->attr, sizeof(one->attr)) &&
	       one->max_level == other->max_level &&
	       axas_place_same(one->place, other->place) &&
	       one->spread == other->spread &&
	       one->offset == other->offset && one->cookie == other->cookie &&
	       one->alias == other->alias;
}

const struct axas_tree_ops axas_area_tree_ops = {
	.get = area_get,
	.put = area_put,
	.same = area_same,
};

/* ---- the table of areas that change ---- */

/* Tables that splitting the leaves at both ends of a range can take. */
static unsigned int area_split_cost(struct axas_space *space, u64 gpa, u64 size)
{
	const struct axas_npt *npt = &space->npt;
	u64 last = gpa + size - 1, start = gpa, end = last;
	const struct axas_area *area;
	unsigned int cost = 0;

	area = axas_tree_find(&space->areas, &start, &end);
	if (area && start < gpa)
		cost = npt->ops->split_cost(npt, axas_gpa(gpa), area->max_level);
	if (area && end < last) {
		start = last;
		end = last;
		area = axas_tree_find(&space->areas, &start, &end);
	}
	/* One that goes on behind the range is the last in it. */
	if (area && end > last)
		cost += npt->ops->split_cost(npt, axas_gpa(last + 1),
					     area->max_level);
	return cost;
}

/**
 * axas_area_fill_pool - set aside the tables for splits at both ends of a range
 * @space: the space
 * @start: first GPA
 * @size: bytes
 * @pool: the pool
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int axas_area_fill_pool(struct axas_space *space, u64 start, u64 size,
			struct axas_npt_pool *pool)
{
	/* A split writes all of its table. */
	return axas_npt_pool_fill(pool, area_split_cost(space, start, size),
				  AXAS_GFP);
}

/**
 * axas_area_clear - take a range out of the table
 * @space: the space
 * @gpa: first GPA
 * @size: bytes
 * @pool: tables for splits
 *
 * Nobody touches its memory any more then.
 *
 * Context: may sleep.
 */
void axas_area_clear(struct axas_space *space, u64 gpa, u64 size,
		     struct axas_npt_pool *pool)
{
	struct axas_npt_gap gap;
	bool gone = axas_tree_gap(&space->areas, gpa, &gap.start, &gap.last);

	axas_hold_write(space->hold, &space->lock);
	space->npt.ops->unmap(&space->npt, axas_gpa(gpa), size,
			      gone ? &gap : NULL, pool);
	axas_hold_end(space->hold);
}

/**
 * axas_area_changed - after the areas of a range have changed, and what lies there
 * @space: the space
 * @gpa: first GPA
 * @size: bytes
 *
 * Context: may sleep.
 */
void axas_area_changed(struct axas_space *space, u64 gpa, u64 size)
{
	space->generation++;
	axas_track_mark(space, gpa, size);
}

/**
 * axas_area_join_leaves - larger leaves in what lies in one area of a range
 * @space: the space
 * @start: first GPA of the area
 * @end: its last one
 * @gpa: first GPA of the range
 * @last: last GPA
 * @max_level: level of the largest that are wanted
 *
 * Context: may sleep.
 */
void axas_area_join_leaves(struct axas_space *space, u64 start, u64 end,
			   u64 gpa, u64 last, unsigned int max_level)
{
	struct axas_npt *npt = &space->npt;
	/* Nobody opens a leaf of a table that goes. */
	struct axas_hold *hold = npt->tracked ? space->hold : NULL;

	if (max_level < 2)
		return;
	gpa = max(gpa, start);
	last = min(last, end);
	axas_hold_write(hold, &space->lock);
	npt->ops->join(npt, axas_gpa(gpa), last + 1 - gpa, start, end,
		       max_level);
	axas_hold_end(hold);
}

/**
 * axas_area_join - after areas have changed: what is the same becomes one
 * @space: the space
 * @gpa: first GPA of what has changed
 * @last: last GPA
 *
 * Neighbours that are the same are one area again, and where there are such, so are
 * their leaves as far as they were a larger one's.
 *
 * Context: may sleep.
 */
void axas_area_join(struct axas_space *space, u64 gpa, u64 last)
{
	struct axas_area *area;
	u64 start, end, next;

	if (!axas_tree_join(&space->areas, gpa, last))
		return;
	for (next = gpa; next <= last; next = end + 1) {
		start = next;
		end = last;
		area = axas_tree_find(&space->areas, &start, &end);
		if (!area)
			break;
		axas_area_join_leaves(space, start, end, gpa, last,
				      area->max_level);
		axas_area_offer(space, area, start, end);
		cond_resched();
	}
}
