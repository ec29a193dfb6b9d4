// SPDX-License-Identifier: GPL-2.0
/*
 * One address, translated three ways: by the CPU, by the module, by the model.
 */
#include "hw.h"

static const char *const op_names[] = {
	[HW_OP_MAP_LINEAR] = "map linear",
	[HW_OP_MAP_ALLOC] = "map alloc",
	[HW_OP_MAP_TAKEN] = "map what is taken",
	[HW_OP_UNMAP] = "unmap",
	[HW_OP_PROTECT] = "protect",
	[HW_OP_FAULT] = "fault",
	[HW_OP_CLEAR] = "clear",
	[HW_OP_REPLACE] = "replace",
	[HW_OP_DISCARD] = "discard",
	[HW_OP_POPULATE] = "populate",
	[HW_OP_RESIZE] = "resize",
	[HW_OP_MOVE] = "move",
	[HW_OP_EXCHANGE] = "exchange",
	[HW_OP_COLLAPSE] = "collapse",
};

static const char *const kind_names[] = {
	[AXAS_PROBE_MAPPED] = "mapped",
	[AXAS_PROBE_TRANSLATION] = "translation",
	[AXAS_PROBE_PERMISSION] = "permission",
	[AXAS_PROBE_MISCONFIGURED] = "misconfigured",
	[AXAS_PROBE_ACCESS_FLAG] = "access flag",
	[AXAS_PROBE_ADDRESS_SIZE] = "address size",
};

static const char access_names[] = "RWXU";

/* What was asked and answered about an address. */
struct hw_answers {
	u64 gpa;
	struct hw_page page;
	struct axas_translate_entry entry;
	struct axas_leaf leaf;
	int lookup;
	struct hw_walk walk;
	struct axas_probe_result probes[HW_MAX_ACCESS];
	int errs[HW_MAX_ACCESS];
	const char *cpu;
	const char *module;
};

static void print_walk(struct hw_run *run, u64 gpa)
{
	struct hw_walk walk;
	unsigned int i;

	hw_raw_walk(&run->space->npt, gpa, &walk);
	for (i = 0; i < walk.nr; i++)
		kunit_err(run->test,
			  "  walk: level %u: entry %#018llx at physical %#llx\n",
			  walk.levels[i], walk.entries[i],
			  (u64)__pa(walk.ptrs[i]));
}

static void print_answers(struct hw_run *run, const struct hw_answers *a)
{
	const struct hw_seg *seg = a->page.seg;
	unsigned int i;

	if (seg)
		kunit_err(run->test,
			  "  model: [%#llx, %#llx) %s prot %u memtype %u: %s, hpa %#llx\n",
			  seg->start, seg->end, seg->alloc ? "alloc" : "linear",
			  seg->prot, seg->memtype,
			  a->page.mapped ? "mapped" : "lazy", a->page.hpa);
	else
		kunit_err(run->test, "  model: nothing\n");
	kunit_err(run->test,
		  "  module: state %u hpa %#llx leaf %#llx prot %u memtype %u flags %u\n",
		  a->entry.state, a->entry.hpa, a->entry.leaf_size,
		  a->entry.prot, a->entry.memtype, a->entry.flags);
	for (i = 0; i < hw_nr_access(run); i++) {
		const struct axas_probe_result *r = &a->probes[i];

		if (a->errs[i])
			kunit_err(run->test, "  CPU: %c: error %d\n",
				  access_names[i], a->errs[i]);
		else
			kunit_err(run->test,
				  "  CPU: %c: %s, level %u, hpa %#llx, memtype %d, raw %#llx\n",
				  access_names[i], kind_names[r->kind],
				  r->level, r->hpa.val, (int)r->memtype, r->raw);
	}
}

/**
 * hw_fail - say that something is wrong, and end the run
 * @run: the run
 * @gpa: where
 * @who: who is wrong
 * @what: what is wrong
 */
void hw_fail(struct hw_run *run, u64 gpa, const char *who, const char *what)
{
	KUNIT_FAIL(run->test,
		   "%s: %s; gpa %#llx after step %u (%s [%#llx, %#llx) to %#llx, %#x), seed %llu, %u bits, features %#x, plant %u",
		   who, what, gpa, run->step, op_names[run->op], run->op_start,
		   run->op_end, run->op_to, run->op_arg, run->seed, run->config->gpa_bits,
		   run->config->features, run->plant.id);
	print_walk(run, gpa);
	run->failed = true;
}

static void note(const char **reason, bool ok, const char *what)
{
	if (!ok && !*reason)
		*reason = what;
}

/* ---- the module against the model ---- */

static bool same_leaf(const struct axas_leaf *leaf,
		      const struct axas_translate_entry *entry)
{
	u64 offset = entry->gpa & (entry->leaf_size - 1);

	return leaf->hpa.val + offset == entry->hpa &&
	       axas_level_size(leaf->level) == entry->leaf_size &&
	       leaf->attr.prot == entry->prot &&
	       leaf->attr.memtype == entry->memtype;
}

static void check_module(struct hw_run *run, struct hw_answers *a)
{
	const struct axas_translate_entry *entry = &a->entry;
	const struct hw_seg *seg = a->page.seg;
	u32 nothing = seg ? AXAS_TRANSLATE_LAZY : AXAS_TRANSLATE_NO_AREA;
	u64 start;

	if (!a->page.mapped) {
		note(&a->module, entry->state == nothing,
		     "translate finds what isn't there");
		note(&a->module, a->lookup == -ENOENT,
		     "lookup finds what isn't there");
		return;
	}
	note(&a->module, entry->state == AXAS_TRANSLATE_MAPPED && !a->lookup,
	     "what is there isn't found");
	if (a->module)
		return;
	start = ALIGN_DOWN(a->gpa, entry->leaf_size);
	note(&a->module, !a->page.known || entry->hpa == a->page.hpa,
	     "other HPA");
	note(&a->module, entry->prot == seg->prot, "other permissions");
	note(&a->module, entry->memtype == seg->memtype, "other memory type");
	note(&a->module, start >= seg->start, "leaf begins before its range");
	note(&a->module, start + entry->leaf_size <= seg->end,
	     "leaf ends behind its range");
	note(&a->module, entry->leaf_size <= seg->max_leaf,
	     "leaf larger than allowed");
	note(&a->module, same_leaf(&a->leaf, entry),
	     "lookup and translate differ");
	note(&a->module, a->leaf.attr.owned == seg->alloc, "other owner");
}

/* The first sight of a page that the module has chosen. */
static void learn_page(struct hw_run *run, struct hw_answers *a)
{
	if (!a->page.mapped || a->page.known || run->plant.ptr ||
	    a->entry.state != AXAS_TRANSLATE_MAPPED)
		return;
	if (!hw_model_learn(&run->model, a->gpa, a->entry.hpa))
		a->module = "a frame lies at two addresses";
	else
		hw_arch_own(a->entry.hpa);
	a->page = hw_model_at(&run->model, a->gpa);
}

/* ---- the CPU against the model ---- */

static void count_probe(struct hw_run *run, const struct hw_answers *a,
			unsigned int i)
{
	const struct axas_probe_result *r = &a->probes[i];
	struct hw_stats *stats = &run->stats;

	stats->probes++;
	stats->access[i]++;
	stats->kinds[r->kind]++;
	if (a->entry.state == AXAS_TRANSLATE_MAPPED)
		stats->levels[a->leaf.level - 1]++;
	if (r->kind == AXAS_PROBE_MAPPED)
		stats->memtypes[min_t(u32, r->memtype, HW_NR_MEMTYPES)]++;
}

static void check_mapped(struct hw_run *run, struct hw_answers *a,
			 unsigned int i)
{
	const struct axas_probe_result *r = &a->probes[i];
	const struct hw_seg *seg = a->page.seg;

	note(&a->cpu, r->kind == AXAS_PROBE_MAPPED, "an allowed access faults");
	if (r->kind != AXAS_PROBE_MAPPED)
		return;
	/* A fetch can't tell where it went. */
	if (a->page.known && (seg->prot & AXAS_PROT_READ ||
			      r->hpa.val != AXAS_NO_FRAME.val))
		note(&a->cpu, r->hpa.val == a->page.hpa, "other HPA");
	if (r->memtype != AXAS_PROBE_UNKNOWN)
		note(&a->cpu, r->memtype == seg->memtype, "other memory type");
	note(&a->cpu, hw_arch_raw_ok(r, &a->page, BIT(i)), "other attributes");
	if (!a->cpu)
		hw_model_touch(&run->model, a->gpa, HW_ACCESSED |
			       (BIT(i) == AXAS_PROT_WRITE ? HW_DIRTY : 0));
}

static void check_probe(struct hw_run *run, struct hw_answers *a,
			unsigned int i)
{
	struct axas_probe_result *r = &a->probes[i];
	unsigned int access = BIT(i), level;
	enum axas_probe_kind want;

	a->errs[i] = axas_npt_probe(&run->space->npt, axas_gpa(a->gpa), access,
				    r);
	if (a->errs[i]) {
		run->stats.unproven++;
		/* What is planted may lead where nothing is tried. */
		if (a->errs[i] != -EOPNOTSUPP ||
		    (!hw_arch_may_skip(&a->page, access) && !run->plant.ptr))
			note(&a->cpu, false,
			     "a probe that should be possible isn't");
		return;
	}
	count_probe(run, a, i);
	if (a->gpa >= run->limit) {
		note(&a->cpu, r->kind == AXAS_PROBE_ADDRESS_SIZE,
		     "an address wider than the CPU's has an answer");
		return;
	}
	if (a->page.mapped && a->page.seg->prot & access) {
		check_mapped(run, a, i);
		return;
	}
	want = a->page.mapped ? AXAS_PROBE_PERMISSION : AXAS_PROBE_TRANSLATION;
	level = a->walk.levels[a->walk.nr - 1];
	note(&a->cpu, r->kind != AXAS_PROBE_MAPPED,
	     a->page.mapped ? "an access that isn't allowed succeeds" :
			      "what isn't there is found");
	/* Some CPU may not say all rights that there are. */
	if (!a->page.mapped || !hw_arch_is_silent(&a->page, access))
		note(&a->cpu, r->kind == want, "other kind of fault");
	note(&a->cpu, !r->level || r->level == level, "fault at another level");
}

/* ---- accessed and dirty ---- */

/* What this CPU has set once when it was probed it has to set always. */
static void check_flags(struct hw_run *run, struct hw_answers *a)
{
	u64 size = axas_level_size(a->leaf.level);
	u64 start = ALIGN_DOWN(a->gpa, size);
	unsigned int raw, module, done, must;
	bool says, clean;

	module = (a->leaf.accessed ? HW_ACCESSED : 0) |
		 (a->leaf.dirty ? HW_DIRTY : 0);
	if (!(run->config->features & AXAS_FEAT_AD)) {
		note(&a->module, !module, "flags that nobody keeps");
		return;
	}

	says = hw_raw_flags(&run->space->npt, a->walk.entries[a->walk.nr - 1],
			    &raw);
	done = hw_model_touched(&run->model, start, start + size);
	run->sets_flags |= done & raw;
	must = done & run->sets_flags;
	/* Where leaves were never split, each page speaks for itself. */
	clean = a->page.seg->small && !(done & HW_DIRTY);

	note(&a->cpu, (raw & must & HW_ACCESSED) == (must & HW_ACCESSED),
	     "accessed flag not set");
	note(&a->cpu, !(clean && raw & HW_DIRTY),
	     "dirty flag set without a write");
	note(&a->module, (module & must) == must,
	     "what the CPU has used isn't reported");
	note(&a->module, (module & HW_ACCESSED) == (raw & HW_ACCESSED),
	     "other accessed flag than the entry's");
	note(&a->module, !says || !((module ^ raw) & HW_DIRTY),
	     "other dirty flag than the entry's");
	note(&a->module, !(clean && module & HW_DIRTY),
	     "dirty without a write");
	run->stats.accessed += !!(raw & HW_ACCESSED);
	run->stats.dirty += !!(raw & HW_DIRTY);
}

static void judge(struct hw_run *run, struct hw_answers *a)
{
	char what[128];

	/* What is planted is for the CPU to find, flags excepted. */
	if (!a->cpu && (!a->module || (run->plant.id &&
				       run->plant.id != HW_PLANT_FLAGS)))
		return;
	snprintf(what, sizeof(what), "CPU: %s; module: %s",
		 a->cpu ? a->cpu : "agrees", a->module ? a->module : "agrees");
	hw_fail(run, a->gpa, "not what the model says", what);
	print_answers(run, a);
}

/**
 * hw_check - translate an address three ways and compare
 * @run: the run
 * @gpa: the address
 */
void hw_check(struct hw_run *run, u64 gpa)
{
	struct axas_space *space = run->space;
	struct hw_answers a = { .gpa = gpa, .entry.gpa = gpa };
	unsigned int i;

	if (run->failed)
		return;
	run->stats.checks++;
	a.page = hw_model_at(&run->model, gpa);
	axas_space_translate(space, &a.entry);
	learn_page(run, &a);
	a.lookup = axas_npt_lookup(&space->npt, axas_gpa(gpa), &a.leaf);
	hw_raw_walk(&space->npt, gpa, &a.walk);
	check_module(run, &a);

	for (i = 0; i < hw_nr_access(run); i++)
		check_probe(run, &a, i);

	if (!a.cpu && !a.module && a.page.mapped && gpa < run->limit) {
		hw_raw_walk(&space->npt, gpa, &a.walk);
		/* Undoes what the probes have set, where that is planted. */
		hw_plant_late(run, &a.walk);
		axas_npt_lookup(&space->npt, axas_gpa(gpa), &a.leaf);
		check_flags(run, &a);
	}
	judge(run, &a);
}

/**
 * hw_warm - have the CPU use a translation that is about to go
 * @run: the run
 * @gpa: the address
 */
void hw_warm(struct hw_run *run, u64 gpa)
{
	if (hw_model_at(&run->model, gpa).mapped)
		run->stats.warm++;
	hw_check(run, gpa);
}
