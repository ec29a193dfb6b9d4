// SPDX-License-Identifier: GPL-2.0
/*
 * Memory comes to another place of its space, with its contents.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <axas/space.h>
#include <axas/trace.h>

#include "axas_alias.h"
#include "axas_area.h"
#include "axas_hold.h"
#include "axas_track.h"

/**
 * struct move_piece - an area, or what of it lies in the range
 * @node: in order
 * @area: what it is where it comes
 * @first: first GPA there
 * @last: last GPA there
 */
struct move_piece {
	struct list_head node;
	struct axas_area *area;
	u64 first;
	u64 last;
};

/**
 * struct move - a move, or an exchange
 * @space: the space
 * @from: first GPA of one range
 * @to: first GPA of the other one
 * @size: bytes of each
 * @exchange: what lies at @to comes to @from
 * @alone: no area is beside @to
 * @piece: most often the only one
 * @pieces: areas, each where it comes
 * @nr: how many
 * @pool: a table for splits
 * @draft: of what comes to @to, and to @from in an exchange
 */
struct move {
	struct axas_space *space;
	u64 from;
	u64 to;
	u64 size;
	bool exchange;
	bool alone;
	struct move_piece piece;
	struct list_head pieces;
	u64 nr;
	struct axas_npt_pool pool;
	struct axas_npt_draft *draft;
};

/* ---- what can fail ---- */

static int move_add_piece(struct move *move, const struct axas_area *area,
			  u64 first, u64 last, u64 distance)
{
	struct move_piece *piece;

	if (!area->ops->move)
		return -EOPNOTSUPP;
	piece = move->nr ? kmalloc(sizeof(*piece), AXAS_GFP) : &move->piece;
	if (!piece)
		return -ENOMEM;
	list_add_tail(&piece->node, &move->pieces);
	move->nr++;
	piece->first = first + distance;
	piece->last = last + distance;
	piece->area = axas_area_copy(area);
	if (!piece->area)
		return -ENOMEM;
	piece->area->origin += distance;
	return piece->area->ops->move(piece->area, distance);
}

/* All of [gpa, last] goes that far. -ENOENT if there is a hole. */
static int move_add(struct move *move, u64 gpa, u64 distance)
{
	u64 last = gpa + move->size - 1, next = gpa, start, end;
	const struct axas_area *area;
	int ret;

	for (; next <= last; next = end + 1) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		start = next;
		end = next;
		area = axas_tree_find(&move->space->areas, &start, &end);
		if (!area)
			return -ENOENT;
		end = min(end, last);
		ret = move_add_piece(move, area, next, end, distance);
		if (ret)
			return ret;
	}
	return 0;
}

static int move_pinned_leaf(void *arg, axas_gpa_t gpa,
			    const struct axas_leaf *leaf)
{
	unsigned int n = leaf->attr.owned ? 1U << 9 * (leaf->level - 1) : 0;
	struct page *page = n ? axas_hal_page(leaf->hpa) : NULL;

	/* Each is a page of its own: windows are what it is mapped by. */
	for (; n--; page++)
		if (page_count(page) > 2 + atomic_read(&page->_mapcount))
			return -EBUSY;
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/* Has anybody but the table and windows a reference? */
static int move_pinned(struct move *move, u64 gpa)
{
	const struct axas_npt *npt = &move->space->npt;

	if (!move->space->held)
		return 0;
	return npt->ops->walk(npt, axas_gpa(gpa), move->size, move_pinned_leaf,
			      NULL);
}

static int move_prepare(struct move *move, u64 from, u64 to)
{
	struct axas_npt *npt = &move->space->npt;
	int ret = npt->ops->sketch(npt, axas_gpa(from), axas_gpa(to), move->size,
				   &move->pool, move->draft);

	/* No leaf reaches out of the range now. */
	return ret ? ret : move_pinned(move, from);
}

/* Nothing may be where it goes, and it is alone there if nothing is beside. */
static int move_check_room(struct move *move)
{
	u64 last = move->to + move->size - 1;
	struct axas_npt_gap gap;

	if (!axas_tree_gap(&move->space->areas, move->to, &gap.start, &gap.last) ||
	    gap.last < last)
		return -EEXIST;
	move->alone = (gap.start < move->to || !move->to) && gap.last > last;
	return 0;
}

static int move_prepare_all(struct move *move)
{
	struct axas_tree *areas = &move->space->areas;
	int ret = move->exchange ? 0 : move_check_room(move);

	if (!ret)
		ret = move_add(move, move->from, move->to - move->from);
	if (!ret && move->exchange)
		ret = move_add(move, move->to, move->from - move->to);
	if (!ret)
		ret = move_prepare(move, move->from, move->to);
	if (!ret && move->exchange)
		ret = move_prepare(move, move->to, move->from);
	if (ret)
		return ret;
	/* Both ends of both ranges may lie in areas. */
	return axas_tree_reserve(areas, move->nr + 4);
}

static void move_drop_pieces(struct move *move)
{
	struct move_piece *piece, *next;

	list_for_each_entry_safe(piece, next, &move->pieces, node) {
		axas_area_free(piece->area);
		if (piece != &move->piece)
			kfree(piece);
		cond_resched();
	}
}

/* ---- what can't ---- */

/*
 * Nobody finds that the memory is nowhere: what comes is there before what goes is
 * gone.
 */
static void move_areas(struct move *move)
{
	struct axas_space *space = move->space;
	struct move_piece *piece;

	axas_area_forget(space, move->from, move->from + move->size - 1);
	axas_area_forget(space, move->to, move->to + move->size - 1);
	list_for_each_entry(piece, &move->pieces, node) {
		axas_tree_replace(&space->areas, piece->first, piece->last,
				  piece->area);
		piece->area = NULL;
		cond_resched();
	}
	if (!move->exchange)
		axas_tree_remove(&space->areas, move->from,
				 move->from + move->size - 1);
	axas_tree_release(&space->areas);
	axas_area_changed(space, move->from, move->size);
	axas_track_mark(space, move->to, move->size);
	axas_track_moved(space, move->from, move->size);
	axas_track_moved(space, move->to, move->size);
}

static bool move_take(struct move *move, axas_gpa_t from, axas_gpa_t to)
{
	struct axas_npt *npt = &move->space->npt;

	return npt->ops->take(npt, from, to, move->size, &move->pool,
			      move->draft);
}

static void move_thaw(struct move *move, u64 gpa)
{
	struct axas_npt *npt = &move->space->npt;

	npt->ops->thaw(npt, axas_gpa(gpa), move->size, move->draft);
}

/* As in a replace, all of both ranges waits from here to the thaw. */
static void move_table(struct move *move)
{
	axas_gpa_t from = axas_gpa(move->from), to = axas_gpa(move->to);
	bool tables = move_take(move, from, to);

	if (move->exchange)
		tables |= move_take(move, to, from);
	else
		move->space->npt.ops->freeze(&move->space->npt, to, from,
					     move->size, &move->pool,
					     move->draft, NULL);
	/* A fault may still hold an empty entry of a table that has gone. */
	if (tables)
		synchronize_rcu();
	move_areas(move);
	move_thaw(move, move->to);
	move_thaw(move, move->from);
}

/* No alias has any of either range. */
static int move_begun(struct move *move)
{
	struct axas_space *space = move->space;
	int ret = move_prepare_all(move);

	if (ret)
		return ret;
	axas_hold_write(space->hold, &space->lock);
	axas_track_collect(space, move->from, move->size);
	axas_track_collect(space, move->to, move->size);
	move_table(move);
	axas_hold_end(space->hold);
	return 0;
}

static int move_locked(struct move *move)
{
	struct axas_space *space = move->space;
	int ret;

	ret = axas_area_check_kept(space, move->from, move->size);
	if (!ret)
		ret = axas_area_check_kept(space, move->to, move->size);
	if (ret)
		return ret;
	ret = axas_alias_begin(space, move->from, move->size);
	if (!ret)
		ret = axas_alias_begin(space, move->to, move->size);
	if (!ret)
		ret = move_begun(move);
	axas_alias_end(space);
	return ret;
}

/* The drafts are in the table now, and count. */
static void move_join(struct move *move)
{
	if (!move->alone || move->nr > 1)
		axas_area_join(move->space, move->to, move->to + move->size - 1);
	if (move->exchange)
		axas_area_join(move->space, move->from,
			       move->from + move->size - 1);
}

static int move_run(struct move *move)
{
	u64 first = move->to, last = move->to;
	struct axas_npt *npt = &move->space->npt;
	struct axas_npt_draft draft;
	int ret;

	if (move->exchange) {
		first = min(first, move->from);
		last = max(last, move->from);
	}
	ret = mutex_lock_killable(&move->space->lock);
	if (ret)
		return ret;
	ret = npt->ops->draft(npt, axas_gpa(first), last + move->size - first,
			      &draft);
	if (!ret) {
		move->draft = &draft;
		ret = move_locked(move);
		npt->ops->drop(npt, &draft);
	}
	if (!ret)
		move_join(move);
	mutex_unlock(&move->space->lock);
	move_drop_pieces(move);
	axas_npt_pool_free(&move->pool);
	return ret;
}

static int space_move(struct axas_space *space, u64 from, u64 to, u64 size,
		      bool exchange)
{
	struct move move = {
		.space = space, .from = from, .to = to, .size = size,
		.exchange = exchange,
		.pieces = LIST_HEAD_INIT(move.pieces),
	};
	int ret;

	ret = axas_area_check_range(space, from, size);
	if (!ret)
		ret = axas_area_check_range(space, to, size);
	if (ret)
		return ret;
	if (from < to + size && to < from + size)
		return -EINVAL;
	return move_run(&move);
}

/**
 * axas_space_move - take memory to another place
 * @space: the space
 * @from: first GPA, aligned to 4 KiB
 * @to: first GPA where it goes, aligned to 4 KiB
 * @size: bytes, a multiple of 4 KiB
 * @exchange: what is there comes to @from
 *
 * Context: may sleep. Takes the space's lock. Waits for a grace period if tables of
 * 2 MiB or more go as they are.
 * Return: 0 or an errno of AXAS_MOVE.
 */
int axas_space_move(struct axas_space *space, axas_gpa_t from, axas_gpa_t to,
		    u64 size, bool exchange)
{
	u64 begin = axas_trace_begin(axas_move);
	int ret = space_move(space, from.val, to.val, size, exchange);

	trace_axas_move(space->npt.id, from.val, to.val, size, exchange, ret,
			axas_trace_ns(begin));
	return ret;
}
EXPORT_SYMBOL_GPL(axas_space_move);
