// SPDX-License-Identifier: GPL-2.0
/*
 * What operations should make of a space.
 */
#include "model.h"

/**
 * model_gpa - where a unit begins
 * @model: the model
 * @index: the unit
 *
 * Return: its GPA.
 */
u64 model_gpa(const struct model *model, unsigned int index)
{
	return model->base[index / model->per_chunk] +
	       index % model->per_chunk * model->unit_size;
}

/**
 * model_index - the unit of a GPA
 * @model: the model
 * @gpa: the address
 *
 * Return: its unit or -1.
 */
int model_index(const struct model *model, u64 gpa)
{
	unsigned int i;

	for (i = 0; i < model->chunks; i++) {
		u64 unit = (gpa - model->base[i]) / model->unit_size;

		if (gpa >= model->base[i] && unit < model->per_chunk)
			return i * model->per_chunk + unit;
	}
	return -1;
}

/**
 * model_size - bytes of a leaf
 * @level: its level
 *
 * Return: 4 KiB, 2 MiB or 1 GiB; what an entry covers for levels above.
 */
u64 model_size(unsigned int level)
{
	return 4096ULL << 9 * (level - 1);
}

/**
 * model_fail - say what is wrong, once
 * @model: the model
 * @what: what
 * @gpa: where
 * @got: what is there
 * @expected: what should be
 */
void model_fail(struct model *model, const char *what, u64 gpa, u64 got,
		u64 expected)
{
	if (!model->failed)
		KUNIT_FAIL(model->test,
			   "step %u, %s: %s at %llx: %llx, expected %llx",
			   model->step, model->what, what, gpa, got, expected);
	model->failed = true;
}

/* Split leaves until one begins at the unit. */
static void model_split(struct model *model, unsigned int index)
{
	unsigned int i, first, last, level;
	u64 gpa, size;

	if (index >= model->n || index % model->per_chunk == 0)
		return;
	gpa = model_gpa(model, index);
	for (;;) {
		level = model->units[index].level;
		size = level ? model_size(level) : 1;
		if (gpa % size == 0 || level == 1)
			return;
		first = model_index(model, gpa / size * size);
		last = first + size / model->unit_size;
		for (i = first; i < last; i++)
			model->units[i].level = level - 1;
	}
}

/**
 * model_unmap - AXAS_UNMAP
 * @model: the model
 * @from: first unit
 * @to: behind the last
 */
void model_unmap(struct model *model, unsigned int from, unsigned int to)
{
	unsigned int i;

	model_split(model, from);
	model_split(model, to);
	for (i = from; i < to; i++)
		model->units[i] = (struct model_unit){};
}

/* Would two units, each beside the other, be of one area? */
static bool model_same(const struct model *model, unsigned int a, unsigned int b)
{
	const struct model_unit *one = &model->units[a];
	const struct model_unit *other = &model->units[b];
	u64 distance = model_gpa(model, b) - model_gpa(model, a);

	return one->area && other->area && one->prot == other->prot &&
	       one->memtype == other->memtype &&
	       one->ignore_pat == other->ignore_pat &&
	       one->owned == other->owned && one->device == other->device &&
	       one->max_level == other->max_level &&
	       one->cookie == other->cookie &&
	       (!one->device || other->offset - one->offset == distance) &&
	       (one->device || one->owned || other->hpa - one->hpa == distance);
}

/* Could [first, first + n) be one leaf, where it is many of the level below? */
static bool model_contiguous(const struct model *model, unsigned int first,
			     unsigned int n, unsigned int level)
{
	const struct model_unit *units = &model->units[first];
	unsigned int i;

	if (units->hpa % model_size(level))
		return false;
	for (i = 0; i < n; i++)
		if (units[i].area != units->area ||
		    units[i].level != level - 1 ||
		    units[i].hpa != units->hpa + i * model->unit_size)
			return false;
	return true;
}

/* Leaves of a level from those below it, as far as they meet [from, to). */
static void model_join_leaves(struct model *model, unsigned int from,
			      unsigned int to, unsigned int level)
{
	unsigned int n = model_size(level) / model->unit_size, i, j;
	int first;

	for (i = from; i < to; i++) {
		u64 gpa = model_gpa(model, i) / model_size(level) *
			  model_size(level);

		first = model_index(model, gpa);
		if (first < 0 || model->units[i].max_level < level ||
		    first % model->per_chunk + n > model->per_chunk ||
		    !model_contiguous(model, first, n, level))
			continue;
		for (j = first; j < first + n; j++)
			model->units[j].level = level;
	}
}

/**
 * model_join - what protect and replace have made the same becomes one
 * @model: the model
 * @from: first unit of one chunk that has changed
 * @to: behind the last
 */
void model_join(struct model *model, unsigned int from, unsigned int to)
{
	unsigned int begin = from / model->per_chunk * model->per_chunk;
	unsigned int end = begin + model->per_chunk, i, j;
	bool joined = false;

	for (i = max(from, begin + 1); i < end && i <= to; i++) {
		u32 old = model->units[i].area;

		if (old == model->units[i - 1].area ||
		    !model_same(model, i - 1, i))
			continue;
		for (j = i; j < end && model->units[j].area == old; j++)
			model->units[j].area = model->units[i - 1].area;
		joined = true;
	}
	if (joined) {
		model_join_leaves(model, from, to, 2);
		model_join_leaves(model, from, to, 3);
	}
}

/* Level of the leaf that linear memory gets at gpa, in an area [start, end). */
static unsigned int linear_level(u64 gpa, u64 start, u64 end, u64 offset,
				 unsigned int max_level)
{
	unsigned int level;

	for (level = max_level; level > 1; level--) {
		u64 size = model_size(level), first = gpa / size * size;

		if (first >= start && first + size <= end &&
		    (first + offset) % size == 0)
			break;
	}
	return level;
}

/**
 * model_map - AXAS_MAP
 * @model: the model
 * @from: first unit
 * @n: units; all in one chunk
 * @args: the call
 * @max_level: level of its largest leaf
 *
 * Return: what the call should return.
 */
int model_map(struct model *model, unsigned int from, unsigned int n,
	      const struct axas_map *args, unsigned int max_level)
{
	u64 start = args->gpa, end = start + args->length;
	bool linear = args->backend == AXAS_BACKEND_LINEAR;
	bool device = args->backend == AXAS_BACKEND_DEVICE;
	u64 offset = args->hpa - start;
	unsigned int i;

	for (i = from; i < from + n; i++)
		if (model->units[i].area && !(args->flags & AXAS_MAP_REPLACE))
			return -EEXIST;
	model_unmap(model, from, from + n);
	model->last_area++;
	for (i = from; i < from + n; i++) {
		u64 gpa = model_gpa(model, i);
		struct model_unit *unit = &model->units[i];

		*unit = (struct model_unit){
			.area = model->last_area,
			.max_level = max_level,
			.prot = args->prot,
			.memtype = args->memtype,
			.ignore_pat = args->flags & AXAS_MAP_IGNORE_PAT,
			.owned = !linear && !device,
			.device = device,
			.offset = gpa - start,
			.cookie = args->cookie,
			.hpa = linear ? gpa + offset : 0,
		};
		/* Frames can always be aligned. */
		if (linear || args->flags & AXAS_MAP_POPULATE)
			unit->level = linear_level(gpa, start, end,
						   linear ? offset : 0,
						   max_level);
	}
	return 0;
}

/**
 * model_discard - AXAS_DISCARD
 * @model: the model
 * @from: first unit
 * @to: behind the last
 * @pages: out: pages that are taken out
 *
 * Return: what the call should return.
 */
int model_discard(struct model *model, unsigned int from, unsigned int to,
		  u64 *pages)
{
	unsigned int i;

	*pages = 0;
	for (i = from; i < to; i++) {
		if (!model->units[i].area ||
		    (i > from && i % model->per_chunk == 0))
			return -ENOENT;
		if (!model->units[i].owned)
			return -EOPNOTSUPP;
	}
	model_split(model, from);
	model_split(model, to);
	for (i = from; i < to; i++) {
		struct model_unit *unit = &model->units[i];

		*pages += unit->level ? model->unit_size / SZ_4K : 0;
		unit->level = 0;
		unit->hpa = 0;
		unit->poisoned = false;
	}
	return 0;
}

/**
 * model_protect - AXAS_PROTECT
 * @model: the model
 * @from: first unit
 * @to: behind the last
 * @prot: rights
 *
 * Return: what the call should return.
 */
int model_protect(struct model *model, unsigned int from, unsigned int to,
		  unsigned int prot)
{
	unsigned int i;
	u32 old = 0;

	if (from / model->per_chunk != (to - 1) / model->per_chunk)
		return -ENOENT;
	for (i = from; i < to; i++)
		if (!model->units[i].area)
			return -ENOENT;
	model_split(model, from);
	model_split(model, to);
	for (i = from; i < to; i++) {
		struct model_unit *unit = &model->units[i];

		/* What was one area before is one afterwards. */
		if (unit->area != old)
			model->last_area++;
		old = unit->area;
		unit->area = model->last_area;
		unit->prot = prot;
	}
	model_join(model, from, to);
	return 0;
}

/**
 * model_resize - AXAS_RESIZE
 * @model: the model
 * @from: where an area should begin
 * @to: behind its end then, in the same chunk
 *
 * Return: what the call should return.
 */
int model_resize(struct model *model, unsigned int from, unsigned int to)
{
	const struct model_unit unit = model->units[from];
	unsigned int end = from / model->per_chunk * model->per_chunk +
			   model->per_chunk, old, i;

	if (!unit.area || (from % model->per_chunk &&
			   model->units[from - 1].area == unit.area))
		return -ENOENT;
	for (old = from; old < end && model->units[old].area == unit.area;)
		old++;
	if (to < old)
		model_unmap(model, to, old);
	if (to > old && !unit.owned && !unit.device)
		return -EOPNOTSUPP;
	for (i = old; i < to; i++)
		if (model->units[i].area)
			return -EEXIST;
	for (i = old; i < to; i++) {
		model->units[i] = unit;
		model->units[i].level = 0;
		model->units[i].hpa = 0;
		model->units[i].poisoned = false;
		model->units[i].offset += (i - from) * model->unit_size;
	}
	return 0;
}

/* What goes from these units to others, as it is there; it goes so far. */
static void model_lift(struct model *model, unsigned int from, unsigned int n,
		       u64 distance, struct model_unit *units)
{
	unsigned int level = 3, i;
	u32 old = 0;

	while (level > 1 && distance % model_size(level))
		level--;
	model_split(model, from);
	model_split(model, from + n);
	for (i = 0; i < n; i++) {
		units[i] = model->units[from + i];
		units[i].level = min_t(unsigned int, units[i].level, level);
		/* What was one area is one there. */
		if (units[i].area != old)
			model->last_area++;
		old = units[i].area;
		units[i].area = model->last_area;
	}
}

static bool model_whole(const struct model *model, unsigned int from,
			unsigned int n)
{
	unsigned int i;

	for (i = from; i < from + n; i++)
		if (!model->units[i].area)
			return false;
	return true;
}

/**
 * model_move - AXAS_MOVE
 * @model: the model
 * @from: first unit
 * @to: first unit where it goes
 * @n: units, in one chunk here and in one there
 * @exchange: and the other way
 * @room: room for twice as many
 *
 * Return: what the call should return.
 */
int model_move(struct model *model, unsigned int from, unsigned int to,
	       unsigned int n, bool exchange, struct model_unit *room)
{
	u64 distance = model_gpa(model, to) - model_gpa(model, from);
	unsigned int i;

	if (from < to + n && to < from + n)
		return -EINVAL;
	for (i = to; i < to + n && !exchange; i++)
		if (model->units[i].area)
			return -EEXIST;
	if (!model_whole(model, from, n) ||
	    (exchange && !model_whole(model, to, n)))
		return -ENOENT;
	memset(room, 0, 2 * n * sizeof(*room));
	model_lift(model, from, n, distance, room);
	if (exchange)
		model_lift(model, to, n, -distance, room + n);
	memcpy(&model->units[to], room, n * sizeof(*room));
	memcpy(&model->units[from], room + n, n * sizeof(*room));
	model_join(model, to, to + n);
	if (exchange)
		model_join(model, from, from + n);
	return 0;
}

/* Return: the units that have come into a large leaf. */
static unsigned int model_collapse_piece(struct model *model,
					 unsigned int first, bool copy)
{
	struct model_unit *units = &model->units[first];
	unsigned int i, there = 0;

	for (i = 0; i < 512; i++) {
		if (units[i].poisoned)
			return 0;
		there += !!units[i].level;
	}
	if (!there || units->level > 1)
		return 0;
	if (!model_contiguous(model, first, 512, 2)) {
		if (!copy)
			return 0;
		/* What comes is learnt, what was there is found again. */
		for (i = 0; i < 512; i++)
			units[i].hpa = units[i].level ? MODEL_COPIED : 0;
	}
	for (i = 0; i < 512; i++)
		units[i].level = 2;
	return 512;
}

/**
 * model_collapse - AXAS_COLLAPSE
 * @model: the model; its units are 4 KiB
 * @from: first unit
 * @to: behind the last
 * @copy: %AXAS_COLLAPSE_COPY
 * @done: out: units that it came
 * @joined: out: units that are in large leaves now, and weren't
 *
 * Return: what the call should return.
 */
int model_collapse(struct model *model, unsigned int from, unsigned int to,
		   bool copy, u64 *done, u64 *joined)
{
	unsigned int i, n;

	*joined = 0;
	for (i = from; i < to; i += n) {
		const struct model_unit *unit = &model->units[i];

		*done = i - from;
		if (!unit->area || (i > from && i % model->per_chunk == 0))
			return -ENOENT;
		if (!unit->owned || unit->max_level < 2)
			return -EOPNOTSUPP;
		n = 1;
		while (i + n < to && unit[n].area == unit->area &&
		       model_gpa(model, i + n) % SZ_2M)
			n++;
		if (n == 512)
			*joined += model_collapse_piece(model, i, copy);
	}
	*done = to - from;
	return 0;
}

/**
 * model_poison - the memory of a unit fails
 * @model: the model; its units are 4 KiB
 * @index: the unit; it has a frame of its own
 */
void model_poison(struct model *model, unsigned int index)
{
	struct model_unit *unit = &model->units[index];

	model_split(model, index);
	model_split(model, index + 1);
	unit->level = 0;
	unit->hpa = 0;
	unit->poisoned = true;
}

/* May a fault bring 2 MiB? One area, and nothing there. Units are 4 KiB. */
static bool model_large_fits(const struct model *model, unsigned int index)
{
	u64 gpa = model_gpa(model, index) / SZ_2M * SZ_2M;
	int first = model_index(model, gpa), i;
	u32 area = model->units[index].area;

	if (model->units[index].max_level < 2 || first < 0 ||
	    model->unit_size != SZ_4K ||
	    first % model->per_chunk + 512 > model->per_chunk)
		return false;
	for (i = first; i < first + 512; i++)
		if (model->units[i].area != area || model->units[i].level ||
		    model->units[i].poisoned)
			return false;
	return true;
}

/**
 * model_fault - AXAS_FAULT
 * @model: the model; its units are 4 KiB
 * @index: the unit
 * @access: rights wanted
 *
 * Return: what the result should be.
 */
int model_fault(struct model *model, unsigned int index, unsigned int access)
{
	struct model_unit *unit = &model->units[index];
	unsigned int i, first;

	if (access & PROT_U && !axas_is_user(model->test))
		return AXAS_FAULT_INVALID;
	if (!unit->area)
		return AXAS_FAULT_NO_AREA;
	if (access & ~unit->prot)
		return AXAS_FAULT_DENIED;
	if (unit->device)
		return AXAS_FAULT_DEVICE;
	if (unit->poisoned)
		return AXAS_FAULT_POISONED;
	if (unit->level)
		return AXAS_FAULT_SPURIOUS;
	if (!model_large_fits(model, index)) {
		unit->level = 1;
		return AXAS_FAULT_RESOLVED;
	}
	first = model_index(model, model_gpa(model, index) / SZ_2M * SZ_2M);
	for (i = first; i < first + 512; i++)
		model->units[i].level = 2;
	return AXAS_FAULT_RESOLVED;
}

static u64 model_marker(const struct model *model, u64 gpa)
{
	return gpa ^ 0x6d61726b00000000ULL ^ model->step;
}

/**
 * model_populate - AXAS_POPULATE
 * @model: the model; its units are 4 KiB
 * @from: first unit
 * @to: behind the last
 * @pages: out: pages that it came
 *
 * Return: what the call should return.
 */
int model_populate(struct model *model, unsigned int from, unsigned int to,
		   u64 *pages)
{
	unsigned int i;

	for (i = from; i < to; i++) {
		const struct model_unit *unit = &model->units[i];
		bool whole = model_gpa(model, i) % SZ_2M == 0 && i + 512 <= to;

		*pages = i - from;
		if (!unit->area || (i > from && i % model->per_chunk == 0))
			return -ENOENT;
		if (unit->device)
			return -EOPNOTSUPP;
		if (unit->poisoned)
			return -EHWPOISON;
		if (unit->level)
			continue;
		/* Large where all of it is asked for; faults are less modest. */
		if (whole && model_large_fits(model, i))
			model_fault(model, i, unit->prot);
		else
			model->units[i].level = 1;
	}
	*pages = to - from;
	return 0;
}

/* A unit that was copied lies elsewhere; that it is all there is seen later. */
static void model_find(struct model *model, struct model_unit *unit, u64 gpa)
{
	struct axas_leaf leaf;

	if (axas_npt_lookup(&model->space->npt, axas_gpa(gpa), &leaf)) {
		model_fail(model, "no leaf", gpa, 0, 1);
		return;
	}
	unit->hpa = leaf.hpa.val + gpa % model_size(leaf.level);
	if (!fake_hal_owns(axas_hpa(unit->hpa)))
		model_fail(model, "frame", gpa, unit->hpa, 0);
}

/**
 * model_learn - note which frames have come, and mark them
 * @model: the model
 * @from: first unit
 * @to: behind the last; units are 4 KiB where there are new frames
 *
 * The frames must be zeroed, and belong to the HAL.
 */
void model_learn(struct model *model, unsigned int from, unsigned int to)
{
	unsigned int i;

	for (i = from; i < to && !model->failed; i++) {
		struct model_unit *unit = &model->units[i];
		bool copied = unit->hpa == MODEL_COPIED;
		u64 gpa = model_gpa(model, i), *virt;

		if (!unit->owned || !unit->level || (unit->hpa && !copied))
			continue;
		model_find(model, unit, gpa);
		if (copied || model->failed)
			continue;
		virt = axas_hal_phys_to_virt(axas_hpa(unit->hpa));
		if (memchr_inv(virt, 0, SZ_4K))
			model_fail(model, "not zeroed", gpa, virt[0], 0);
		unit->home = gpa;
		virt[0] = model_marker(model, gpa);
		virt[511] = ~virt[0];
	}
}
