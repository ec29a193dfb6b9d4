// SPDX-License-Identifier: GPL-2.0
/*
 * The model against the space: entries as a CPU reads them, lookups, the walk,
 * the figures, the frames' content.
 */
#include "model.h"

static u64 leaf_fields(unsigned int level, unsigned int prot,
		       unsigned int memtype, bool ignore_pat, bool owned)
{
	return level << 12 | prot | memtype << 4 | ignore_pat << 8 | owned << 9;
}

/* Each leaf is what the model has; all of them together cover as much. */
static void check_leaf(void *arg, const struct raw_leaf *leaf)
{
	struct model *model = arg;
	int index = model_index(model, leaf->gpa);
	const struct model_unit *unit;
	u64 expected, hpa;

	if (index < 0) {
		model_fail(model, "leaf outside", leaf->gpa, leaf->entry, 0);
		return;
	}
	unit = &model->units[index];
	hpa = unit->hpa + leaf->gpa % model->unit_size;
	expected = leaf_fields(unit->level, unit->prot, unit->memtype,
			       unit->ignore_pat, unit->owned);
	if (leaf_fields(leaf->level, leaf->prot, leaf->memtype,
			leaf->ignore_pat, leaf->owned) != expected)
		model_fail(model, "leaf", leaf->gpa, leaf->entry, expected);
	else if (leaf->hpa != hpa)
		model_fail(model, "leaf's address", leaf->gpa, leaf->hpa, hpa);
	model->seen += model_size(leaf->level);
}

/*
 * Tables that the leaves need: at each level, blocks that hold a leaf which is
 * smaller than the block. What is poisoned stands where a small leaf did.
 */
static void model_tables(const struct model *model, u64 *tables)
{
	unsigned int i, level, levels = model->space->npt.levels;
	u64 last[AXAS_MAX_LEVELS];

	memset(last, 0xff, sizeof(last));
	memset(tables, 0, AXAS_MAX_LEVELS * sizeof(*tables));
	for (i = 0; i < model->n; i++) {
		const struct model_unit *unit = &model->units[i];
		unsigned int leaf = unit->poisoned ? 1 : unit->level;
		u64 gpa = model_gpa(model, i);

		for (level = leaf; leaf && level < levels; level++) {
			u64 block = gpa / model_size(level + 1);

			tables[level - 1] += block != last[level - 1];
			last[level - 1] = block;
		}
	}
	tables[levels - 1] = 1ULL << model->space->npt.root_order;
}

struct model_sum {
	u64 leaves[AXAS_MAX_LEAF_LEVEL];
	u64 tables[AXAS_MAX_LEVELS];
	u64 mapped;
	u64 resident;
	u64 areas;
};

static void model_sum_up(const struct model *model, struct model_sum *sum)
{
	u64 bytes[AXAS_MAX_LEAF_LEVEL] = {};
	unsigned int i;
	u32 area = 0;

	*sum = (struct model_sum){};
	for (i = 0; i < model->n; i++) {
		const struct model_unit *unit = &model->units[i];

		if (i % model->per_chunk == 0)
			area = 0;
		sum->areas += unit->area && unit->area != area;
		area = unit->area;
		if (!unit->level)
			continue;
		bytes[unit->level - 1] += model->unit_size;
		sum->mapped += model->unit_size;
		if (unit->owned)
			sum->resident += model->unit_size;
	}
	for (i = 0; i < AXAS_MAX_LEAF_LEVEL; i++)
		sum->leaves[i] = bytes[i] / model_size(i + 1);
	model_tables(model, sum->tables);
}

static void check_figure(struct model *model, const char *what, u64 got,
			 u64 expected)
{
	if (got != expected)
		model_fail(model, what, 0, got, expected);
}

/**
 * model_check_table - the entries and the figures
 * @model: the model
 */
void model_check_table(struct model *model)
{
	struct raw_reader reader = {
		.npt = &model->space->npt, .leaf = check_leaf, .arg = model,
	};
	struct axas_stats stats = axas_stats_of(model->space);
	struct model_sum sum;
	unsigned int i;

	model->seen = 0;
	raw_read(&reader);
	if (reader.sum.bad)
		model_fail(model, reader.sum.bad, 0, reader.sum.bad_entry, 0);
	model_sum_up(model, &sum);
	check_figure(model, "bytes in leaves", model->seen, sum.mapped);
	for (i = 0; i < AXAS_MAX_LEAF_LEVEL; i++)
		check_figure(model, "stats.leaves", stats.leaves[i],
			     sum.leaves[i]);
	for (i = 0; i < AXAS_MAX_LEVELS; i++) {
		check_figure(model, "tables", reader.sum.tables[i],
			     sum.tables[i]);
		check_figure(model, "stats.tables", stats.tables[i],
			     sum.tables[i]);
	}
	check_figure(model, "resident", stats.resident, sum.resident);
	check_figure(model, "areas", stats.areas, sum.areas);
}

static void check_translate(struct model *model, unsigned int index, u64 limit)
{
	const struct model_unit *unit = &model->units[index];
	/* Somewhere in the unit, and in the page. */
	u64 in = prandom_u32_state(&model->rnd) % model->unit_size;
	u64 gpa = model_gpa(model, index) + in;
	struct axas_translate_entry got = axas_translate_at(model->space, gpa);
	struct axas_translate_entry want = {
		.gpa = gpa,
		.state = AXAS_TRANSLATE_NO_AREA,
	};

	if (unit->area) {
		want.state = unit->device ? AXAS_TRANSLATE_DEVICE :
					    AXAS_TRANSLATE_LAZY;
		want.prot = unit->prot;
		want.memtype = unit->memtype;
		want.flags = unit->ignore_pat ? AXAS_TRANSLATE_IGNORE_PAT : 0;
		want.limit = limit - in;
	}
	if (unit->poisoned)
		want.state = AXAS_TRANSLATE_POISONED;
	if (unit->level) {
		want.state = AXAS_TRANSLATE_MAPPED;
		want.hpa = unit->hpa + in;
		want.leaf_size = model_size(unit->level);
	}
	if (!memcmp(&got, &want, sizeof(got)))
		return;
	model_fail(model, "translate: state", gpa, got.state, want.state);
	kunit_err(model->test, "hpa %llx %llx leaf %llx %llx limit %llx %llx",
		  got.hpa, want.hpa, got.leaf_size, want.leaf_size, got.limit,
		  want.limit);
}

static void check_marker(struct model *model, unsigned int index)
{
	const struct model_unit *unit = &model->units[index];
	u64 gpa = model_gpa(model, index), *virt;

	if (!unit->owned || !unit->level)
		return;
	virt = axas_hal_phys_to_virt(axas_hpa(unit->hpa));
	/* The step that wrote it is in the low half. */
	if ((virt[0] ^ unit->home ^ 0x6d61726b00000000ULL) >> 32 ||
	    virt[511] != ~virt[0])
		model_fail(model, "guest data", gpa, virt[0], unit->home);
}

struct walk {
	struct model *model;
	u64 seen;
};

static int check_walk(void *arg, axas_gpa_t gpa, const struct axas_leaf *leaf)
{
	struct walk *walk = arg;
	struct model *model = walk->model;
	int index = model_index(model, gpa.val);
	const struct model_unit *unit = &model->units[index];

	walk->seen += model_size(leaf->level);
	if (index < 0 || unit->level != leaf->level ||
	    unit->hpa + gpa.val % model->unit_size != leaf->hpa.val ||
	    unit->prot != leaf->attr.prot || unit->owned != leaf->attr.owned)
		model_fail(model, "walk", gpa.val, leaf->hpa.val, 0);
	return model->failed;
}

static void model_check_walk(struct model *model)
{
	const struct axas_npt *npt = &model->space->npt;
	struct walk walk = { .model = model };

	rcu_read_lock();
	npt->ops->walk(npt, axas_gpa(model->space->base), model->space->length,
		       check_walk, &walk);
	rcu_read_unlock();
	check_figure(model, "bytes walked", walk.seen, model->seen);
}

static void model_check_tables(struct model *model)
{
	const struct axas_npt *npt = &model->space->npt;
	struct axas_stats stats = axas_stats_of(model->space);
	struct axas_npt_table table = { .level = npt->levels };
	u64 tables = 1ULL << npt->root_order, expected = 0, leaves = 0;
	unsigned int i;

	rcu_read_lock();
	for (; npt->ops->next_table(npt, &table); table.level--) {
		tables += table.tables;
		leaves += table.leaves;
	}
	rcu_read_unlock();
	for (i = 0; i < AXAS_MAX_LEVELS; i++)
		expected += stats.tables[i];
	check_figure(model, "links to tables", tables, expected);
	check_figure(model, "leaves in tables", leaves, stats.leaves[0] +
		     stats.leaves[1] + stats.leaves[2]);
}

/**
 * model_check_all - everything
 * @model: the model
 */
void model_check_all(struct model *model)
{
	const struct axas_npt *npt = &model->space->npt;
	struct axas_npt_stats sum;
	u64 limit = 0, pages;
	unsigned int i;
	u32 area = 0;

	model_check_table(model);
	model_check_walk(model);
	model_check_tables(model);
	/* Backwards: the limit is the way to the end of the area. */
	for (i = model->n; i-- && !model->failed;) {
		bool end = (i + 1) % model->per_chunk == 0;

		if (end || model->units[i].area != area)
			limit = 0;
		area = model->units[i].area;
		limit += model->unit_size;
		check_translate(model, i, limit);
		check_marker(model, i);
		if (i % 1024 == 0)
			cond_resched();
	}
	rcu_barrier();
	axas_npt_sum(npt, &sum);
	pages = sum.owned;
	for (i = 0; i < AXAS_MAX_LEVELS; i++)
		pages += sum.tables[i];
	check_figure(model, "pages", axas_hal_pages(), pages);
	check_figure(model, "bad frees", fake_hal_bad_frees(), 0);
}
