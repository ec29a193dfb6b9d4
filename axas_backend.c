// SPDX-License-Identifier: GPL-2.0
/*
 * Backends: where the frames of an area come from.
 */
#include <linux/array_size.h>
#include <linux/nodemask.h>
#include <linux/nospec.h>

#include <axas/backend.h>
#include <axas/device.h>

#include "axas_alias.h"

/* It is the same wherever it lies. */
static int plain_move(struct axas_area *area, u64 distance)
{
	return 0;
}

/* ---- linear: host physical memory at a constant distance ---- */

static int linear_setup(struct axas_area *area, const struct axas_npt *npt,
			const struct axas_map *args)
{
	if (!IS_ALIGNED(args->hpa, SZ_4K))
		return -EINVAL;
	if (!axas_range_in(args->hpa, args->length, 0,
			   BIT_ULL(npt->caps.hpa_bits)))
		return -ERANGE;
	area->offset = args->hpa - args->gpa;
	return 0;
}

static int linear_map(const struct axas_area *area, struct axas_npt *npt,
		      const struct axas_map *args)
{
	return npt->ops->map(npt, axas_gpa(args->gpa), axas_hpa(args->hpa),
			     args->length, area->shared, area->max_level);
}

static int linear_move(struct axas_area *area, u64 distance)
{
	area->offset -= distance;
	return 0;
}

/* All leaves are there from the beginning: whoever finds none looks again. */
static int linear_fault(const struct axas_area *area, struct axas_npt *npt,
			const struct axas_npt_slot *slot,
			struct axas_nested_fault *fault)
{
	return -EAGAIN;
}

static const struct axas_backend_ops linear_ops = {
	.id = AXAS_BACKEND_LINEAR,
	.name = "linear",
	.flags = AXAS_MAP_IGNORE_PAT | AXAS_MAP_ROM,
	.max_level = 3,
	.default_level = 3,
	.setup = linear_setup,
	.map = linear_map,
	.move = linear_move,
	.fault = linear_fault,
};

/* ---- alloc: zeroed frames from the kernel ---- */

static bool alloc_may_be_from(u32 nodes, int nid)
{
	return !nodes || (nid < 32 && nodes >> nid & 1);
}

/* What takes nodes of a set says so, and each of them has memory for it. */
static int alloc_set_up_nodes(struct axas_area *area,
			      const struct axas_map *args)
{
	bool spread = args->flags & AXAS_MAP_INTERLEAVE;
	bool bind = args->flags & AXAS_MAP_BIND;

	if (!args->nodes != !(spread || bind) ||
	    args->nodes & ~nodes_addr(node_states[N_NORMAL_MEMORY])[0])
		return -EINVAL;
	if (area->place.nid != NUMA_NO_NODE &&
	    (spread || !alloc_may_be_from(args->nodes, area->place.nid)))
		return -EINVAL;
	area->placed = args->nodes;
	if (bind)
		area->place.nodes = args->nodes;
	if (spread)
		area->spread = args->nodes;
	return 0;
}

static int alloc_setup(struct axas_area *area, const struct axas_npt *npt,
		       const struct axas_map *args)
{
	if (args->hpa)
		return -EINVAL;
	area->attr.owned = true;
	if (args->flags & AXAS_MAP_WHOLE &&
	    (area->max_level < 2 || !IS_ALIGNED(args->gpa | args->length, SZ_2M)))
		return -EINVAL;
	area->place.whole = args->flags & AXAS_MAP_WHOLE;
	if (args->flags & AXAS_MAP_NODE) {
		if (args->node >= MAX_NUMNODES ||
		    !node_state(args->node, N_MEMORY))
			return -EINVAL;
		area->place.nid = array_index_nospec(args->node, MAX_NUMNODES);
	}
	return alloc_set_up_nodes(area, args);
}

/* 2 if the 2 MiB around the fault are empty and lie in the area, else 1. */
static unsigned int alloc_level(const struct axas_area *area,
				const struct axas_npt_slot *slot,
				const struct axas_nested_fault *fault)
{
	u64 start = ALIGN_DOWN(fault->gpa.val, SZ_2M);

	if (area->max_level < 2 || slot->level < 2 || fault->small)
		return 1;
	return start >= fault->start && start + SZ_2M - 1 <= fault->last ? 2 : 1;
}

/* A frame may be left of what somebody wanted elsewhere. */
static bool alloc_frame_fits(const struct axas_area *area,
			     const struct axas_frame *frame, unsigned int order)
{
	int nid = page_to_nid(axas_hal_page(frame->hpa));

	return frame->order == order && alloc_may_be_from(area->place.nodes, nid);
}

static int alloc_fault(const struct axas_area *area, struct axas_npt *npt,
		       const struct axas_npt_slot *slot,
		       struct axas_nested_fault *fault)
{
	unsigned int level = alloc_level(area, slot, fault);
	unsigned int order = 9 * (level - 1);
	int ret;

	if (axas_frame_valid(fault->frame.hpa)) {
		if (!alloc_frame_fits(area, &fault->frame, order))
			axas_frame_free(&fault->frame);
	} else if (!order && likely(!area->placed)) {
		/* A small frame can nearly always be had without sleeping. */
		fault->frame = axas_frame_alloc(0, area->place.nid, GFP_NOWAIT |
						__GFP_ACCOUNT | __GFP_ZERO);
	}
	if (!axas_frame_valid(fault->frame.hpa)) {
		fault->want_frame = true;
		fault->order = order;
		fault->place = axas_area_place(area, fault->gpa);
		return -EAGAIN;
	}

	ret = axas_npt_get_ops(npt)->install(npt, slot, fault->gpa, fault->frame.hpa,
					     level, area->shared, &fault->pool);
	if (ret == -ENOMEM) {
		fault->tables = slot->level - level;
		return -EAGAIN;
	}
	if (!ret)
		axas_frame_take(&fault->frame);
	return ret;
}

static const struct axas_backend_ops alloc_ops = {
	.id = AXAS_BACKEND_ALLOC,
	.name = "alloc",
	.flags = AXAS_MAP_POPULATE | AXAS_MAP_IGNORE_PAT | AXAS_MAP_NODE |
		 AXAS_MAP_ROM | AXAS_MAP_BIND | AXAS_MAP_INTERLEAVE |
		 AXAS_MAP_WHOLE,
	.max_level = 2,
	.default_level = 1,
	.zeroed = true,
	.setup = alloc_setup,
	.move = plain_move,
	.fault = alloc_fault,
};

/* ---- device: no memory, the owner emulates ---- */

static int device_setup(struct axas_area *area, const struct axas_npt *npt,
			const struct axas_map *args)
{
	if (args->hpa || args->flags & AXAS_MAP_IGNORE_PAT ||
	    args->memtype != AXAS_MEM_WB)
		return -EINVAL;
	return 0;
}

static int device_fault(const struct axas_area *area, struct axas_npt *npt,
			const struct axas_npt_slot *slot,
			struct axas_nested_fault *fault)
{
	if (!axas_width_fits(fault->gpa.val, fault->width, fault->last))
		return AXAS_FAULT_INVALID;
	fault->cookie = area->cookie;
	fault->offset = fault->gpa.val - area->origin;
	return AXAS_FAULT_DEVICE;
}

static const struct axas_backend_ops device_ops = {
	.id = AXAS_BACKEND_DEVICE,
	.name = "device",
	.setup = device_setup,
	.move = plain_move,
	.fault = device_fault,
};

static const struct axas_backend_ops *const backends[] = {
	[AXAS_BACKEND_LINEAR] = &linear_ops,
	[AXAS_BACKEND_ALLOC] = &alloc_ops,
	[AXAS_BACKEND_DEVICE] = &device_ops,
	[AXAS_BACKEND_ALIAS] = &axas_alias_ops,
};

/**
 * axas_backend - find one of axas's own backends
 * @id: an &enum axas_backend_id
 *
 * Return: the backend, or NULL if there is none.
 */
const struct axas_backend_ops *axas_backend(u32 id)
{
	return id < ARRAY_SIZE(backends) ?
		       backends[array_index_nospec(id, ARRAY_SIZE(backends))] :
		       NULL;
}
