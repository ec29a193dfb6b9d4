// SPDX-License-Identifier: GPL-2.0
/*
 * What is asked of a space: where an address leads, figures, root, areas.
 */
#include <linux/export.h>
#include <linux/sched.h>

#include <axas/space.h>

/* What the area of an address says of it, if there is one. */
static bool translate_area(struct axas_space *space,
			   struct axas_translate_entry *entry)
{
	MA_STATE(mas, &space->areas.mt, entry->gpa, entry->gpa);
	const struct axas_area *area;

	guard(rcu)();
	area = mas_walk(&mas);
	if (!area)
		return false;
	entry->limit = mas.last - entry->gpa + 1;
	entry->state = area->max_level ? AXAS_TRANSLATE_LAZY :
					 AXAS_TRANSLATE_DEVICE;
	entry->prot = area->attr.prot;
	entry->memtype = area->attr.memtype;
	entry->flags = area->attr.ignore_pat ? AXAS_TRANSLATE_IGNORE_PAT : 0;
	return true;
}

/**
 * axas_space_translate - look an address up
 * @space: the space
 * @entry: in: gpa; out: all else, the HPA included
 *
 * Context: may sleep. May wait for the space's lock.
 */
void axas_space_translate(struct axas_space *space,
			  struct axas_translate_entry *entry)
{
	u64 gpa = entry->gpa, offset;
	struct axas_leaf leaf;
	int ret;

	*entry = (struct axas_translate_entry){
		.gpa = gpa,
		.state = AXAS_TRANSLATE_INVALID,
	};
	if (!axas_range_in(gpa, 1, space->base, space->length))
		return;
	entry->state = AXAS_TRANSLATE_NO_AREA;
	do {
		ret = axas_npt_lookup(&space->npt, axas_gpa(gpa), &leaf);
		if (!translate_area(space, entry))
			return;
	} while (ret == -EAGAIN && !axas_npt_wait(&space->npt));
	if (ret == -EHWPOISON)
		entry->state = AXAS_TRANSLATE_POISONED;
	if (ret)
		return;

	offset = gpa & (axas_level_size(leaf.level) - 1);
	entry->state = AXAS_TRANSLATE_MAPPED;
	entry->hpa = leaf.hpa.val + offset;
	entry->leaf_size = axas_level_size(leaf.level);
	entry->prot = leaf.attr.prot;
	entry->memtype = leaf.attr.memtype;
	entry->flags = (leaf.accessed ? AXAS_TRANSLATE_ACCESSED : 0) |
		       (leaf.dirty ? AXAS_TRANSLATE_DIRTY : 0) |
		       (leaf.attr.ignore_pat ? AXAS_TRANSLATE_IGNORE_PAT : 0);
}
EXPORT_SYMBOL_GPL(axas_space_translate);

/**
 * axas_space_stats - figures of a space
 * @space: the space
 * @stats: out: all but @size and @flags
 *
 * Context: may sleep.
 */
void axas_space_stats(struct axas_space *space, struct axas_stats *stats)
{
	const struct axas_npt *npt = &space->npt;
	struct axas_npt_stats sum;
	int cpu, i;

	*stats = (struct axas_stats){
		.format = axas_npt_get_ops(npt)->format,
		.gpa_bits = npt->gpa_bits,
		.levels = npt->levels,
		.features = npt->features,
		.base = space->base,
		.length = space->length,
		.areas = READ_ONCE(space->areas.ranges),
	};
	axas_npt_sum(npt, &sum);
	stats->resident = sum.owned * SZ_4K;
	for (i = 0; i < AXAS_MAX_LEAF_LEVEL; i++)
		stats->leaves[i] = sum.leaves[i];
	for (i = 0; i < AXAS_MAX_LEVELS; i++)
		stats->tables[i] = sum.tables[i];
	for_each_possible_cpu(cpu) {
		const struct axas_fault_stats *one =
			per_cpu_ptr(space->faults, cpu);

		for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
			stats->faults[i] += READ_ONCE(one->results[i]);
	}
}
EXPORT_SYMBOL_GPL(axas_space_stats);

/**
 * axas_space_root - what makes a CPU use the table
 * @space: the space
 * @root: out: all but @size and @flags
 *
 * Whoever gives this to a CPU has entered a holder before.
 *
 * Context: any.
 * Return: 0 or -EOPNOTSUPP.
 */
int axas_space_root(struct axas_space *space, struct axas_root *root)
{
	const struct axas_npt *npt = &space->npt;

	*root = (struct axas_root){
		.format = axas_npt_get_ops(npt)->format,
		.levels = npt->levels,
		.root = axas_hal_virt_to_phys(npt->root).val,
		.vtcr = axas_npt_get_ops(npt)->format == AXAS_FORMAT_S2 ?
				axas_s2_vtcr(npt) : 0,
	};
	return axas_npt_get_ops(npt)->control(npt, &root->control);
}
EXPORT_SYMBOL_GPL(axas_space_root);

static void areas_describe(const struct axas_area *area, u64 start, u64 last,
			   struct axas_area_entry *entry)
{
	*entry = (struct axas_area_entry){
		.gpa = start,
		.length = last - start + 1,
		.cookie = area->cookie,
		.backend = area->ops->id,
		.prot = area->attr.prot,
		.memtype = area->attr.memtype,
		.flags = (area->attr.ignore_pat ? AXAS_MAP_IGNORE_PAT : 0) |
			 (area->attr.rom ? AXAS_MAP_ROM : 0),
	};
	if (area->max_level)
		entry->max_leaf = axas_level_size(area->max_level);
	if (area->alias)
		entry->hpa = start + area->offset;
	else if (area->ops->id == AXAS_BACKEND_LINEAR)
		entry->hpa = start + area->offset;
	if (area->place.nid != NUMA_NO_NODE) {
		entry->flags |= AXAS_MAP_NODE;
		entry->node = area->place.nid;
	}
	if (area->place.nodes)
		entry->flags |= AXAS_MAP_BIND;
	if (area->place.whole)
		entry->flags |= AXAS_MAP_WHOLE;
	if (area->spread)
		entry->flags |= AXAS_MAP_INTERLEAVE;
	entry->nodes = area->place.nodes | area->spread;
}

/**
 * axas_space_areas - list areas
 * @space: the space
 * @areas: as for AXAS_AREAS, but for @size, @flags and @entries; unchanged if
 *	the call fails
 * @entries: out: the areas, with the HPAs of linear ones
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or -EINTR.
 */
int axas_space_areas(struct axas_space *space, struct axas_areas *areas,
		     struct axas_area_entry *entries)
{
	u64 start = areas->start, last = U64_MAX;
	const struct axas_area *area = NULL;
	int ret;

	ret = mutex_lock_killable(&space->lock);
	if (ret)
		return ret;
	areas->done = 0;
	areas->generation = space->generation;
	while ((area = axas_tree_find(&space->areas, &start, &last)) &&
	       areas->done < areas->nr) {
		areas_describe(area, start, last, &entries[areas->done++]);
		start = last + 1;
		areas->start = start;
		last = U64_MAX;
		cond_resched();
	}
	mutex_unlock(&space->lock);
	if (!area)
		areas->start = U64_MAX;
	return 0;
}
EXPORT_SYMBOL_GPL(axas_space_areas);
