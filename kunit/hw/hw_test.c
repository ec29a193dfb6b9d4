// SPDX-License-Identifier: GPL-2.0
/*
 * The differential test: a CPU's own page walker, the module's lookups and a
 * model that knows neither translate the same addresses, after each of many
 * random steps.
 *
 * seed=N	where chance begins; 0 takes one at random. It is printed.
 * steps=N	steps for each configuration
 * config=N	only the N-th configuration, counted from 0
 * plant=N	plant a fault (hw_plant.c), which has to make the test fail
 */
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sched.h>

#include "hw.h"

static unsigned long seed;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "Seed of all chance; 0 takes one at random");

static unsigned int steps;
module_param(steps, uint, 0444);
MODULE_PARM_DESC(steps, "Steps for each configuration");

static int only = -1;
module_param_named(config, only, int, 0444);
MODULE_PARM_DESC(config, "The only configuration to run, counted from 0");

static unsigned int plant;
module_param(plant, uint, 0444);
MODULE_PARM_DESC(plant, "Fault to plant, which has to be found");

/* Steps that a run makes before it goes to another CPU. */
#define HW_STAY		64

/* Is this a run that has to fail? */
bool hw_planted(void)
{
	return plant;
}

static void hw_invalidate(struct axas_holder *holder, axas_gpa_t gpa, u64 size)
{
	struct hw_run *run = container_of(holder, struct hw_run, holder);

	run->stats.forgets++;
	if (!run->mute)
		axas_npt_probe_forget(&run->space->npt, gpa, size);
}

/* The bottom, the top, the middle, and the seam of two concatenated tables. */
static void choose_windows(struct hw_run *run)
{
	const struct axas_npt *npt = &run->space->npt;
	u64 limit = 1ULL << min_t(unsigned int, npt->gpa_bits,
				  hw_arch_gpa_bits());
	u64 seam = 1ULL << (12 + 9 * npt->levels);

	run->limit = limit;
	run->window = min(HW_WINDOW, limit);
	run->windows[0] = 0;
	run->nr_windows = 1;
	if (limit == run->window)
		return;
	run->windows[1] = limit - run->window;
	run->windows[2] = limit / 2 - run->window / 2;
	run->windows[HW_LARGE_WINDOW] =
		ALIGN_DOWN(hw_random64(run) % (limit - run->window), SZ_1G);
	run->nr_windows = HW_LARGE_WINDOW + 1;
	if (npt->root_order && seam >= run->window && seam < limit)
		run->windows[run->nr_windows++] = seam - run->window / 2;
}

static void hw_migrate(struct hw_run *run)
{
	unsigned int n = hw_below(run, num_online_cpus());
	int cpu = cpumask_first(cpu_online_mask);

	while (n--)
		cpu = cpumask_next(cpu, cpu_online_mask);
	set_cpus_allowed_ptr(current, cpumask_of(cpu));
}

/* Goes on beyond @n for a while if chance hasn't planted yet what it is to plant. */
static bool hw_go_on(const struct hw_run *run, unsigned int n)
{
	if (run->failed)
		return false;
	if (run->plant.id && !run->stats.plants && !hw_arch_blind(run->config, run->plant.id))
		n *= 8;
	return run->step < n;
}

static void hw_steps(struct hw_run *run, unsigned int n)
{
	while (hw_go_on(run, n)) {
		if (!(run->step % HW_STAY)) {
			if (run->step)
				hw_arch_release();
			hw_migrate(run);
			if (hw_arch_hold(&run->space->npt)) {
				hw_fail(run, 0, "the CPU", "can't be held");
				return;
			}
		}
		hw_step(run);
		cond_resched();
	}
	hw_arch_release();
	set_cpus_allowed_ptr(current, cpu_possible_mask);
}

static void print_run(const struct hw_run *run)
{
	const struct hw_stats *s = &run->stats;
	const struct axas_npt *npt = &run->space->npt;
	struct kunit *test = run->test;

	kunit_info(test, "%u bits, %u levels, root of %u, features%s%s%s%s%s%s: %u steps, seed %llu\n",
		   npt->gpa_bits, npt->levels, 1U << npt->root_order,
		   npt->features & AXAS_FEAT_EXEC_ONLY ? " exec-only" : "",
		   npt->features & AXAS_FEAT_AD ? " ad" : "",
		   npt->features & AXAS_FEAT_FWB ? " fwb" : "",
		   npt->features & AXAS_FEAT_LPA2 ? " lpa2" : "",
		   npt->features & AXAS_FEAT_EXEC_USER ? " exec-user" : "",
		   npt->features ? "" : " none", run->step, run->seed);
	kunit_info(test, "  steps: map %llu linear %llu alloc %llu refused, unmap %llu, protect %llu, fault %llu, clear %llu; %llu split a leaf\n",
		   s->ops[HW_OP_MAP_LINEAR], s->ops[HW_OP_MAP_ALLOC],
		   s->ops[HW_OP_MAP_TAKEN], s->ops[HW_OP_UNMAP],
		   s->ops[HW_OP_PROTECT], s->ops[HW_OP_FAULT],
		   s->ops[HW_OP_CLEAR], s->splits);
	kunit_info(test, "  replace %llu, discard %llu, populate %llu, resize %llu, move %llu, exchange %llu, collapse %llu into %llu leaves\n",
		   s->ops[HW_OP_REPLACE], s->ops[HW_OP_DISCARD],
		   s->ops[HW_OP_POPULATE], s->ops[HW_OP_RESIZE],
		   s->ops[HW_OP_MOVE], s->ops[HW_OP_EXCHANGE],
		   s->ops[HW_OP_COLLAPSE], s->joins);
	kunit_info(test, "  %llu addresses, %llu probes: R %llu, W %llu, X %llu, U %llu; not provable %llu\n",
		   s->checks, s->probes, s->access[0], s->access[1],
		   s->access[2], s->access[3], s->unproven);
	kunit_info(test, "  walks: mapped %llu, translation %llu, permission %llu, misconfigured %llu, access flag %llu, address size %llu\n",
		   s->kinds[AXAS_PROBE_MAPPED],
		   s->kinds[AXAS_PROBE_TRANSLATION],
		   s->kinds[AXAS_PROBE_PERMISSION],
		   s->kinds[AXAS_PROBE_MISCONFIGURED],
		   s->kinds[AXAS_PROBE_ACCESS_FLAG],
		   s->kinds[AXAS_PROBE_ADDRESS_SIZE]);
	kunit_info(test, "  leaves: 4K %llu, 2M %llu, 1G %llu; types: wb %llu, wt %llu, wp %llu, nc %llu, uc %llu, device %llu, not said %llu\n",
		   s->levels[0], s->levels[1], s->levels[2],
		   s->memtypes[AXAS_MEM_WB], s->memtypes[AXAS_MEM_WT],
		   s->memtypes[AXAS_MEM_WP], s->memtypes[AXAS_MEM_NC],
		   s->memtypes[AXAS_MEM_UC], s->memtypes[AXAS_MEM_DEVICE],
		   s->memtypes[HW_NR_MEMTYPES]);
	kunit_info(test, "  warm before a change %llu, invalidations %llu; flags that the CPU set: accessed %llu, dirty %llu\n",
		   s->warm, s->forgets, s->accessed, s->dirty);
	if (run->plant.id)
		kunit_info(test, "  planted: %s, %llu times\n",
			   hw_plant_name(run->plant.id), s->plants);
}

static struct hw_run *hw_start(struct kunit *test,
			       const struct hw_config *config)
{
	const struct axas_create create = {
		.format = AXAS_FORMAT_HOST,
		.gpa_bits = config->gpa_bits,
		.features = config->features,
	};
	struct hw_run *run = kunit_kzalloc(test, sizeof(*run), GFP_KERNEL);
	void *table = (void *)get_zeroed_page(GFP_KERNEL);

	if (!run || !table)
		goto err;
	run->space = axas_space_create(&create);
	if (IS_ERR(run->space))
		goto err;
	run->test = test;
	run->config = config;
	run->plant.id = plant;
	run->plant.table = table;
	run->seed = seed ? seed : get_random_u32();
	prandom_seed_state(&run->rnd, run->seed + (config - hw_configs));
	run->holder.invalidate = hw_invalidate;
	INIT_LIST_HEAD(&run->holder.node);
	hw_model_init(&run->model);
	choose_windows(run);
	return run;

err:
	free_page((unsigned long)table);
	return NULL;
}

/* A space whose pages are all given back again. */
static void hw_finish(struct hw_run *run)
{
	u64 limit = 1ULL << run->config->gpa_bits;

	axas_npt_probe_forget(&run->space->npt, axas_gpa(0), limit);
	axas_space_del_holder(run->space, &run->holder);
	axas_space_destroy(run->space);
	hw_model_unmap(&run->model, 0, limit);
	hw_model_free(&run->model);
	free_page((unsigned long)run->plant.table);
	rcu_barrier();
	KUNIT_EXPECT_EQ(run->test, axas_hal_pages(), 0);
}

/* Can this CPU walk such a table at all? */
static int hw_supported(const struct hw_config *config)
{
	const struct axas_npt_ops *ops = axas_npt_format(AXAS_FORMAT_HOST);
	struct axas_npt_caps caps;

	axas_npt_with(ops, config->features)->caps(&caps);
	if (!(caps.gpa_bits & BIT_ULL(config->gpa_bits)) ||
	    config->features & ~caps.features)
		return -EOPNOTSUPP;
	return 0;
}

static void hw_walks_test(struct kunit *test)
{
	const struct hw_config *config = test->param_value;
	struct axas_probe_result result;
	struct hw_run *run;
	int ret;

	if (only >= 0 && config != &hw_configs[only])
		kunit_skip(test, "another one is to be run");
	hw_arch_choose(config);
	if (hw_supported(config))
		kunit_skip(test, "not on this CPU");
	if (plant && hw_arch_blind(config, plant))
		kunit_skip(test, "what is planted can't be seen");
	run = hw_start(test, config);
	KUNIT_ASSERT_NOT_NULL(test, run);
	ret = axas_npt_probe(&run->space->npt, axas_gpa(0), AXAS_PROT_READ,
			     &result);
	if (!ret)
		ret = axas_space_add_holder(run->space, &run->holder);
	if (!ret) {
		hw_steps(run, steps ? steps : hw_arch_steps());
		print_run(run);
	}
	hw_finish(run);
	if (ret == -EOPNOTSUPP)
		kunit_skip(test, "this CPU can't walk such a table");
	KUNIT_EXPECT_EQ(test, ret, 0);
}

/* Where the CPU is held, as hw_steps() does it. */
static void hw_tracks(struct hw_run *run, unsigned int n)
{
	struct hw_tracks *tracks = hw_track_begin(run);

	KUNIT_EXPECT_NOT_NULL(run->test, tracks);
	for (; tracks && n && !run->failed; n -= min_t(unsigned int, n, HW_STAY)) {
		hw_migrate(run);
		if (hw_arch_hold(&run->space->npt)) {
			hw_fail(run, 0, "the CPU", "can't be held");
			break;
		}
		hw_track_steps(tracks, min_t(unsigned int, n, HW_STAY));
		hw_arch_release();
	}
	hw_track_end(tracks);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
}

static void hw_tracks_test(struct kunit *test)
{
	const struct hw_config *config = test->param_value;
	struct axas_probe_result result;
	struct hw_run *run;
	int ret;

	if ((only >= 0 && config != &hw_configs[only]) || plant)
		kunit_skip(test, "another one is to be run");
	hw_arch_choose(config);
	if (hw_supported(config))
		kunit_skip(test, "not on this CPU");
	run = hw_start(test, config);
	KUNIT_ASSERT_NOT_NULL(test, run);
	ret = axas_npt_probe(&run->space->npt, axas_gpa(0), AXAS_PROT_READ, &result);
	if (!ret)
		ret = axas_space_add_holder(run->space, &run->holder);
	if (!ret) {
		hw_tracks(run, steps ? steps : hw_arch_steps());
		kunit_info(test, "%u bits, features %#x: %u steps, seed %llu, %llu probes, %llu without a fault; %llu pages listed%s%s\n",
			   config->gpa_bits, config->features, run->step, run->seed,
			   run->stats.probes, run->stats.kinds[AXAS_PROBE_MAPPED],
			   run->stats.checks,
			   run->sets_flags & HW_ACCESSED ? ", accessed flags" : "",
			   run->sets_flags & HW_DIRTY ? ", dirty flags" : "");
	}
	hw_finish(run);
	if (ret == -EOPNOTSUPP)
		kunit_skip(test, "this CPU can't walk such a table");
	KUNIT_EXPECT_EQ(test, ret, 0);
}

static void hw_config_desc(const struct hw_config *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u bits%s%s%s%s%s", c->gpa_bits,
		 c->features & AXAS_FEAT_EXEC_ONLY ? ", exec-only" : "",
		 c->features & AXAS_FEAT_AD ? ", ad" : "",
		 c->features & AXAS_FEAT_FWB ? ", fwb" : "",
		 c->features & AXAS_FEAT_LPA2 ? ", lpa2" : "",
		 c->features & AXAS_FEAT_EXEC_USER ? ", exec-user" : "");
}

KUNIT_ARRAY_PARAM(hw_config, hw_configs, hw_config_desc);

static int hw_init(struct kunit_suite *suite)
{
	const struct hw_config *config = &hw_configs[max(only, 0)];

	if (plant >= HW_NR_PLANTS)
		return -EINVAL;
	hw_arch_choose(config);
	if (plant && hw_arch_blind(config, plant))
		kunit_info(suite, "planted: %s: can't be seen on this CPU: %s\n",
			   hw_plant_name(plant), hw_arch_blind(config, plant));
	return hw_arch_init();
}

static void hw_end(struct kunit_suite *suite)
{
	hw_arch_exit();
}

static struct kunit_case hw_cases[] = {
	KUNIT_CASE_PARAM(hw_walks_test, hw_config_gen_params),
	KUNIT_CASE_PARAM(hw_tracks_test, hw_config_gen_params),
	{}
};

static struct kunit_suite hw_suite = {
	.name = "axas-hw",
	.suite_init = hw_init,
	.suite_exit = hw_end,
	.test_cases = hw_cases,
};

kunit_test_suite(hw_suite);

MODULE_DESCRIPTION("A CPU walks the tables of axas");
MODULE_LICENSE("GPL");
