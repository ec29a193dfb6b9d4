// SPDX-License-Identifier: GPL-2.0
/*
 * Random calls, over a space and over a model of it. When it fails: load the
 * module with the seed that the log shows, and the step is the same.
 */
#include "cases.h"
#include "model.h"

static u32 rnd(struct model *model, u32 n)
{
	return prandom_u32_state(&model->rnd) % n;
}

static unsigned int rnd_prot(struct model *model)
{
	const u8 prots[] = {
		PROT_R, PROT_RW, PROT_RX, PROT_RWX, axas_exec_prot(model->test),
		PROT_RW,
		PROT_U, PROT_R | PROT_U, PROT_RX | PROT_U, PROT_RWX | PROT_U,
	};

	return prots[rnd(model, axas_is_user(model->test) ? ARRAY_SIZE(prots) : 6)];
}

static unsigned int rnd_memtype(struct model *model)
{
	static const u8 types[2][5] = {
		{ AXAS_MEM_WB, AXAS_MEM_WT, AXAS_MEM_WP, AXAS_MEM_NC,
		  AXAS_MEM_UC },
		{ AXAS_MEM_WB, AXAS_MEM_WB, AXAS_MEM_NC, AXAS_MEM_UC,
		  AXAS_MEM_DEVICE },
	};

	return types[axas_is_s2(model->test)][rnd(model, 5)];
}

/* Units in n bytes, at least one. */
static unsigned int units_in(const struct model *model, u64 bytes)
{
	return max_t(u64, bytes / model->unit_size, 1);
}

/* A range of units in one chunk: short, long, or made of whole large leaves. */
static void rnd_range(struct model *model, unsigned int *from, unsigned int *to)
{
	static const u64 aligns[] = { SZ_4K, SZ_4K, SZ_2M, SZ_1G };
	unsigned int chunk = rnd(model, model->chunks) * model->per_chunk;
	unsigned int align = units_in(model, aligns[rnd(model, 4)]);
	static const u32 lengths[] = { 4, 64, 700, 8192 };
	unsigned int n = 1 + rnd(model, lengths[rnd(model, 4)]);
	unsigned int start = rnd(model, model->per_chunk);
	u64 skip;

	if (align >= model->per_chunk)
		align = 1;
	/* Align the GPA, not the index. */
	skip = model_gpa(model, chunk + start) / model->unit_size % align;
	start = start > skip ? start - skip : 0;
	n = ALIGN(n, align);
	*from = chunk + start;
	*to = chunk + min(start + n, model->per_chunk);
}

static u64 rnd_hpa(struct model *model, u64 gpa)
{
	static const u64 aligns[] = { SZ_4K, SZ_2M, SZ_1G, SZ_1G };
	u64 align = max(aligns[rnd(model, 4)],
			model->unit_size > SZ_4K ? (u64)SZ_2M : 0);
	/* Below 46 bits, or anywhere in the lower three quarters of 52. */
	u64 hpa = axas_is_lpa2(model->test) ? (u64)rnd(model, 3U << 28) << 22 :
					      (u64)rnd(model, 1U << 30) << 16;

	return hpa / align * align + gpa % align;
}

/* Now and then memory runs out; then nothing must have changed. */
static void rnd_fail(struct model *model)
{
	const struct fake_hal_fail fail = {
		.nth = 1 + rnd(model, 6), .onwards = true,
	};

	if (rnd(model, 8) == 0)
		fake_hal_set_fail(&fail);
}

/* Return: true if the model is to follow. */
static bool op_done(struct model *model, int got)
{
	bool follow = !fake_hal_failed() || got != -ENOMEM;

	fake_hal_set_fail(NULL);
	return follow;
}

static void op_expect(struct model *model, u64 gpa, int got, int expected)
{
	if (got != expected)
		model_fail(model, "return value", gpa, got, expected);
}

static void op_map(struct model *model)
{
	struct axas_map args = { .prot = rnd_prot(model) };
	unsigned int from, to, max_level;
	int got;

	rnd_range(model, &from, &to);
	args.gpa = model_gpa(model, from);
	args.length = (to - from) * model->unit_size;
	args.memtype = rnd_memtype(model);
	if (rnd(model, 8) == 0) {
		max_level = 0;
		args.backend = AXAS_BACKEND_DEVICE;
		args.memtype = AXAS_MEM_WB;
		args.cookie = args.gpa;
	/* Frames are learnt page by page: no alloc where units are larger. */
	} else if (model->unit_size > SZ_4K || rnd(model, 2)) {
		max_level = 1 + rnd(model, 3);
		/* A million small leaves would take their time. */
		if (model->unit_size > SZ_4K)
			max_level = max(max_level, 2U);
		args.backend = AXAS_BACKEND_LINEAR;
		args.hpa = rnd_hpa(model, args.gpa);
	} else {
		max_level = 1 + rnd(model, 2);
		args.backend = AXAS_BACKEND_ALLOC;
		args.flags = rnd(model, 3) ? 0 : AXAS_MAP_POPULATE;
	}
	args.max_leaf = max_level ? model_size(max_level) : 0;
	if (max_level && axas_is_ept(model->test) && rnd(model, 4) == 0)
		args.flags |= AXAS_MAP_IGNORE_PAT;
	if (rnd(model, 3) == 0)
		args.flags |= AXAS_MAP_REPLACE;

	model->what = "map";
	rnd_fail(model);
	got = axas_space_map(model->space, &args);
	if (!op_done(model, got))
		return;
	op_expect(model, args.gpa, got, model_map(model, from, to - from, &args,
						  max_level));
	model_learn(model, from, to);
	/* Where frames lie is known now. */
	if (args.flags & AXAS_MAP_REPLACE)
		model_join(model, from, to);
}

static void op_unmap(struct model *model)
{
	unsigned int from, to, other;
	u64 gpa, end;
	int got;

	rnd_range(model, &from, &to);
	/* Now and then over what lies between chunks. */
	if (rnd(model, 8) == 0) {
		rnd_range(model, &from, &other);
		to = max(to, other);
	}
	gpa = model_gpa(model, from);
	end = model_gpa(model, to - 1) + model->unit_size;
	if (to <= from)
		return;
	model->what = "unmap";
	rnd_fail(model);
	got = axas_unmap_range(model->space, gpa, end - gpa);
	if (!op_done(model, got))
		return;
	op_expect(model, gpa, got, 0);
	model_unmap(model, from, to);
}

/* A random range nearly always has a hole: half of the time, one area. */
static void rnd_whole_range(struct model *model, unsigned int *from,
			    unsigned int *to)
{
	unsigned int end;

	rnd_range(model, from, to);
	if (rnd(model, 2) && model->units[*from].area) {
		for (end = *from; end < *to && model->units[end].area;)
			end++;
		*to = end;
	}
}

static void op_discard(struct model *model)
{
	struct axas_npt_freed freed;
	unsigned int from, to;
	u64 gpa, pages;
	int got;

	rnd_whole_range(model, &from, &to);
	gpa = model_gpa(model, from);
	model->what = "discard";
	rnd_fail(model);
	got = axas_discard_range(model->space, gpa,
				 (to - from) * model->unit_size, &freed);
	if (!op_done(model, got))
		return;
	op_expect(model, gpa, got, model_discard(model, from, to, &pages));
	if (freed.freed != pages || freed.pinned)
		model_fail(model, "pages freed", gpa, freed.freed, pages);
}

/* Units from *i on, up to a GPA: do they all have a leaf, or none? */
static void expect_there(struct model *model, unsigned int *i, unsigned int to,
			 u64 gpa, bool there)
{
	for (; *i < to && model_gpa(model, *i) < gpa; (*i)++)
		if (!model->units[*i].level == there)
			model_fail(model, "is there", model_gpa(model, *i),
				   there, !there);
}

static void op_next(struct model *model)
{
	struct axas_next next = { .nr = 1 + rnd(model, 3) };
	struct axas_next_entry runs[3];
	unsigned int from, to, i;
	u64 end = 0;

	rnd_range(model, &from, &to);
	model->what = "next";
	next.gpa = model_gpa(model, from);
	next.length = (to - from) * model->unit_size;
	while (next.length && !model->failed) {
		op_expect(model, next.gpa,
			  axas_space_next(model->space, &next, runs), 0);
		for (i = 0; i < next.done; i++) {
			/* With a gap to the one before. */
			if (runs[i].gpa == end || !runs[i].length)
				model_fail(model, "run", runs[i].gpa, end, 0);
			end = runs[i].gpa + runs[i].length;
			expect_there(model, &from, to, runs[i].gpa, false);
			expect_there(model, &from, to, end, true);
		}
	}
	expect_there(model, &from, to, U64_MAX, false);
}

/* If memory runs out, what was done is not the model's to know. */
static void op_populate(struct model *model)
{
	u64 gpa, pages, done;
	unsigned int from, to;
	int got;

	if (model->unit_size > SZ_4K)
		return;
	rnd_whole_range(model, &from, &to);
	gpa = model_gpa(model, from);
	model->what = "populate";
	got = axas_populate_range(model->space, gpa, (to - from) * (u64)SZ_4K,
				  &done);
	op_expect(model, gpa, got, model_populate(model, from, to, &pages));
	if (done != pages * SZ_4K)
		model_fail(model, "done", gpa, done, pages * SZ_4K);
	model_learn(model, from, to);
}

/* The 2 MiB around a unit that may be one leaf, or -1. */
static int large_around(struct model *model, unsigned int index)
{
	const struct model_unit *unit = &model->units[index];
	unsigned int skip = model_gpa(model, index) / SZ_4K % 512, i;

	if (!unit->owned || unit->max_level < 2 ||
	    index % model->per_chunk < skip ||
	    index % model->per_chunk - skip + 512 > model->per_chunk)
		return -1;
	for (i = 0; i < 512; i++)
		if (unit[(int)(i - skip)].area != unit->area)
			return -1;
	return index - skip;
}

/* Make one of its pages come, or go and leave the others small. */
static void make_small(struct model *model, unsigned int index)
{
	u64 gpa = model_gpa(model, index), pages;

	model->what = "make small";
	if (model->units[index].level)
		op_expect(model, gpa,
			  axas_discard_range(model->space, gpa, SZ_4K, NULL),
			  model_discard(model, index, index + 1, &pages));
	else
		op_expect(model, gpa,
			  axas_populate_range(model->space, gpa, SZ_4K, NULL),
			  model_populate(model, index, index + 1, &pages));
	model_learn(model, index, index + 1);
}

/* An area that may have large leaves, in the place of 2 MiB around a unit. */
static void make_large(struct model *model, unsigned int index)
{
	struct axas_map args = {
		.backend = AXAS_BACKEND_ALLOC, .flags = AXAS_MAP_REPLACE,
		.prot = rnd_prot(model), .length = SZ_2M, .max_leaf = SZ_2M,
	};
	int first;

	args.gpa = ALIGN_DOWN(model_gpa(model, index), SZ_2M);
	first = model_index(model, args.gpa);
	if (first < 0 || first % model->per_chunk + 512 > model->per_chunk)
		return;
	model->what = "make large";
	op_expect(model, args.gpa, axas_space_map(model->space, &args),
		  model_map(model, first, 512, &args, 2));
	model_join(model, first, first + 512);
}

/* Mostly where there may be large leaves: chance finds little of that. */
static void rnd_small(struct model *model, unsigned int *from, unsigned int *to)
{
	unsigned int tries = 4, i;
	int first;

	rnd_whole_range(model, from, to);
	while (tries--) {
		i = rnd(model, model->n);
		if (!tries)
			make_large(model, i);
		first = large_around(model, i);
		if (first < 0)
			continue;
		if (model->units[i].level != 1 && rnd(model, 4))
			make_small(model, i);
		*from = first;
		*to = min(first + 512 * (1 + rnd(model, 3)),
			  (i / model->per_chunk + 1) * model->per_chunk);
		return;
	}
}

/* Large leaves, of what discard, poison and faults have left small. */
static void op_collapse(struct model *model)
{
	unsigned int from, to;
	struct axas_collapse args;
	u64 done, joined;
	int got;

	if (model->unit_size > SZ_4K)
		return;
	rnd_small(model, &from, &to);
	model->what = "collapse";
	args = (struct axas_collapse){
		.flags = rnd(model, 4) ? AXAS_COLLAPSE_COPY : 0,
		.gpa = model_gpa(model, from),
		.length = (to - from) * (u64)SZ_4K,
	};
	got = axas_space_collapse(model->space, &args);
	op_expect(model, args.gpa, got,
		  model_collapse(model, from, to, args.flags, &done, &joined));
	if (args.done != done * SZ_4K)
		model_fail(model, "done", args.gpa, args.done, done * SZ_4K);
	if (args.joined != joined * SZ_4K)
		model_fail(model, "joined", args.gpa, args.joined,
			   joined * SZ_4K);
	model->collapsed += joined / 512;
	model_learn(model, from, to);
}

static void op_protect(struct model *model)
{
	unsigned int from, to, prot = rnd_prot(model);
	u64 gpa;
	int got;

	rnd_whole_range(model, &from, &to);
	gpa = model_gpa(model, from);
	model->what = "protect";
	rnd_fail(model);
	got = axas_protect_range(model->space, gpa,
				 (to - from) * model->unit_size, prot);
	if (!op_done(model, got))
		return;
	op_expect(model, gpa, got, model_protect(model, from, to, prot));
}

/* Half of the time where an area begins. */
static void op_resize(struct model *model)
{
	unsigned int from, to, chunk;
	u64 gpa;
	int got;

	rnd_range(model, &from, &to);
	chunk = from / model->per_chunk * model->per_chunk;
	if (rnd(model, 2))
		while (from > chunk && model->units[from].area ==
					       model->units[from - 1].area)
			from--;
	gpa = model_gpa(model, from);
	model->what = "resize";
	rnd_fail(model);
	got = axas_space_resize(model->space, axas_gpa(gpa),
				(to - from) * model->unit_size);
	if (!op_done(model, got))
		return;
	op_expect(model, gpa, got, model_resize(model, from, to));
}

/* Half of the time whole areas, and to a place that is alike in a larger leaf. */
static void op_move(struct model *model)
{
	unsigned int from, to, n, other, align = units_in(model, SZ_2M);
	bool exchange = rnd(model, 2);
	struct model_unit *room;
	u64 gpa;
	int got;

	rnd_whole_range(model, &from, &other);
	rnd_range(model, &to, &n);
	if (rnd(model, 2))
		to = to / align * align + from % align;
	n = min3(other - from, model->per_chunk - to % model->per_chunk,
		 n > to ? n - to : 1U);
	if (to >= model->n)
		return;
	room = kvcalloc(2 * n, sizeof(*room), GFP_KERNEL);
	if (!room)
		return;
	gpa = model_gpa(model, from);
	model->what = exchange ? "exchange" : "move";
	got = axas_space_move(model->space, axas_gpa(gpa),
			      axas_gpa(model_gpa(model, to)),
			      n * model->unit_size, exchange);
	op_expect(model, gpa, got,
		  model_move(model, from, to, n, exchange, room));
	kvfree(room);
}

/* What tells the owner of a device which it is, and where. */
static void model_device(struct model *model, unsigned int index, u64 gpa)
{
	struct axas_fault_entry entry = {
		.gpa = gpa, .access = model->units[index].prot,
	};
	u64 offset = model->units[index].offset + gpa % SZ_4K;
	u64 cookie = model->units[index].cookie;

	axas_space_faults(model->space, &entry, 1);
	op_expect(model, gpa, entry.result, AXAS_FAULT_DEVICE);
	if (entry.offset != offset)
		model_fail(model, "offset", gpa, entry.offset, offset);
	if (entry.cookie != cookie)
		model_fail(model, "cookie", gpa, entry.cookie, cookie);
}

static void op_faults(struct model *model)
{
	unsigned int from, to, n = 1 + rnd(model, 40), i;

	if (model->unit_size > SZ_4K)
		return;
	rnd_range(model, &from, &to);
	model->what = "fault";
	while (n-- && !model->failed) {
		unsigned int access = 1 << rnd(model, 4);
		u64 gpa;
		int got;

		i = from + rnd(model, to - from);
		gpa = model_gpa(model, i) + rnd(model, SZ_4K);
		rnd_fail(model);
		got = axas_fault_at(model->space, gpa, access);
		if (!op_done(model, got == AXAS_FAULT_NO_MEMORY ? -ENOMEM : 0))
			continue;
		op_expect(model, gpa, got, model_fault(model, i, access));
		if (got == AXAS_FAULT_DEVICE)
			model_device(model, i, gpa);
		/* The 2 MiB around it, if that is what came. */
		if (got == AXAS_FAULT_RESOLVED)
			model_learn(model, i - min(i, 512U),
				    min(i + 512, model->n));
	}
}

/* Of a few units one may have a frame. */
static void op_poison(struct model *model)
{
	unsigned int tries = 16, i;
	u64 gpa;

	model->what = "poison";
	while (tries--) {
		i = rnd(model, model->n);
		gpa = model_gpa(model, i);
		if (!model->units[i].owned || !model->units[i].level)
			continue;
		op_expect(model, gpa,
			  axas_space_poison(model->space, axas_gpa(gpa),
					    axas_hpa(model->units[i].hpa)), 0);
		model_poison(model, i);
	}
}

static void op_clear(struct model *model)
{
	model->what = "clear";
	op_expect(model, 0, axas_space_clear(model->space), 0);
	model_unmap(model, 0, model->n);
}

static void model_step(struct model *model)
{
	switch (rnd(model, 55)) {
	case 0 ... 10:
		op_map(model);
		break;
	case 11 ... 17:
		op_unmap(model);
		break;
	case 18 ... 23:
		op_protect(model);
		break;
	case 24 ... 29:
		op_faults(model);
		break;
	case 30:
		op_poison(model);
		break;
	case 31 ... 34:
		op_discard(model);
		break;
	case 35 ... 36:
		op_populate(model);
		break;
	case 37:
		op_next(model);
		break;
	case 38 ... 41:
		op_resize(model);
		break;
	case 42 ... 47:
		op_move(model);
		break;
	case 48 ... 53:
		op_collapse(model);
		break;
	default:
		if (rnd(model, 4) == 0)
			op_clear(model);
	}
}

static void model_run(struct model *model, unsigned int steps)
{
	unsigned int every = max(steps / 8, 1U);

	model->n = model->chunks * model->per_chunk;
	model->units = kvcalloc(model->n, sizeof(*model->units), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(model->test, model->units);
	for (model->step = 1; model->step <= steps && !model->failed;
	     model->step++) {
		model_step(model);
		if (model->step % every == 0)
			model_check_all(model);
		else
			model_check_table(model);
		cond_resched();
	}
	kvfree(model->units);
	kunit_info(model->test, "%u times 2 MiB collapsed", model->collapsed);
	if (model->failed)
		return;
	KUNIT_EXPECT_EQ(model->test, axas_space_clear(model->space), 0);
	axas_expect_empty(model->test, model->space);
}

static struct model *model_new(struct kunit *test, unsigned int bits)
{
	const struct axas_create args = {
		.gpa_bits = bits, .features = axas_exec_only(test),
	};
	struct model *model;

	model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, model);
	model->test = test;
	model->space = axas_test_space_with(test, &args);
	model->unit_size = SZ_4K;
	model->chunks = 1;
	axas_test_seed(test, &model->rnd);
	return model;
}

/* 16 MiB, half of them below 1 GiB. */
void model_over_1g(struct kunit *test)
{
	struct model *model = model_new(test, 48);

	model->base[0] = SZ_1G - SZ_8M;
	model->per_chunk = 4096;
	model_run(model, 300);
}

/* The same over 512 GiB: two tables at each level below a root of 4. */
void model_over_512g(struct kunit *test)
{
	struct model *model = model_new(test, 48);

	model->base[0] = (1ULL << 39) - SZ_8M;
	model->per_chunk = 4096;
	model_run(model, 300);
}

/* 4 GiB over 512 GiB, in units of 512 KiB: leaves of all three sizes. */
void model_large_leaves(struct kunit *test)
{
	struct model *model = model_new(test, 48);

	model->base[0] = (1ULL << 39) - 2ULL * SZ_1G;
	model->unit_size = SZ_512K;
	model->per_chunk = 8192;
	model_run(model, 120);
}

/* Chunks of 256 KiB around multiples of 2 MiB, anywhere. */
void model_sparse(struct kunit *test)
{
	struct model *model = model_new(test, 48);
	unsigned int i;

	model->chunks = MODEL_MAX_CHUNKS;
	model->per_chunk = 64;
	for (i = 0; i < model->chunks; i++)
		model->base[i] = ((u64)i * (1ULL << 48) / MODEL_MAX_CHUNKS +
				  ((u64)rnd(model, 1U << 30) << 12)) /
				 SZ_2M * SZ_2M + SZ_2M - SZ_128K;
	model_run(model, 300);
}

/* x86, LPA2: five levels. Stage 2: three, from two concatenated tables. */
void model_narrow_or_wide(struct kunit *test)
{
	const bool narrow = axas_is_s2(test) && !axas_is_lpa2(test);
	struct axas_npt_caps caps;
	struct model *model;

	axas_npt_format(axas_context(test)->format)->caps(&caps);
	if (axas_is_ept(test) && !(caps.gpa_bits >> 57))
		kunit_skip(test, "this CPU has no five-level EPT");
	if (axas_context(test)->features & ~caps.features)
		kunit_skip(test, "this CPU doesn't have it");
	model = model_new(test, axas_is_lpa2(test) ? 52 : narrow ? 40 : 57);
	model->base[0] = (narrow ? 1ULL << 39 : 1ULL << 48) - SZ_8M;
	model->per_chunk = 4096;
	model_run(model, 120);
}
