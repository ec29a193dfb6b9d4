// SPDX-License-Identifier: GPL-2.0
/*
 * What tables of all formats share.
 */
#include <linux/atomic.h>
#include <linux/export.h>
#ifdef CONFIG_X86
#include <asm/cpufeature.h>
#endif

#include <axas/npt.h>

#ifdef CONFIG_X86
static bool npt_cpu_is_amd(void)
{
	return boot_cpu_has(X86_FEATURE_SVM) && boot_cpu_has(X86_FEATURE_NPT);
}
#else
static bool npt_cpu_is_amd(void)
{
	return false;
}
#endif

/**
 * axas_npt_host - what %AXAS_FORMAT_HOST stands for
 *
 * Context: any.
 * Return: the format that this machine's CPUs walk; EPT on one that has none.
 */
enum axas_format axas_npt_host(void)
{
	if (IS_ENABLED(CONFIG_ARM64))
		return AXAS_FORMAT_S2;
	return npt_cpu_is_amd() ? AXAS_FORMAT_AMD : AXAS_FORMAT_EPT;
}

static atomic64_t npt_epoch_blocks;

/**
 * axas_npt_epoch_block - take a block of epochs that nobody else has
 *
 * Context: any.
 * Return: the number before the first of them; they end with the next multiple
 * of %AXAS_EPOCH_BLOCK.
 */
u64 axas_npt_epoch_block(void)
{
	return (atomic64_inc_return(&npt_epoch_blocks) - 1) * AXAS_EPOCH_BLOCK;
}
EXPORT_SYMBOL_GPL(axas_npt_epoch_block);

/**
 * axas_npt_wait - sleep until whoever replaces entries is through
 * @npt: a table in which a frozen entry was met
 *
 * Entries are frozen under the table's lock and for no longer than that. So its
 * holder gets the CPU, whatever the priorities are.
 *
 * Context: may sleep; outside of RCU. Takes the table's lock.
 * Return: 0, or -EINTR if the task has been killed.
 */
int axas_npt_wait(const struct axas_npt *npt)
{
	int ret = mutex_lock_killable(npt->lock);

	if (!ret)
		mutex_unlock(npt->lock);
	return ret;
}
EXPORT_SYMBOL_GPL(axas_npt_wait);

/**
 * axas_npt_sum - add up the figures of all CPUs
 * @npt: the table
 * @sum: out: the sums
 *
 * Context: any.
 */
void axas_npt_sum(const struct axas_npt *npt, struct axas_npt_stats *sum)
{
	const struct axas_npt_installs *one;
	u64 owned;
	int cpu, i;

	for (i = 0; i < AXAS_MAX_LEAF_LEVEL; i++)
		sum->leaves[i] = READ_ONCE(npt->counts.leaves[i]);
	for (i = 0; i < AXAS_MAX_LEVELS; i++)
		sum->tables[i] = READ_ONCE(npt->counts.tables[i]);
	sum->owned = READ_ONCE(npt->counts.owned);

	for_each_possible_cpu(cpu) {
		one = per_cpu_ptr(npt->installs, cpu);
		for (i = 0; i < AXAS_MAX_LEAF_LEVEL; i++) {
			owned = READ_ONCE(one->leaves[true][i]);
			sum->leaves[i] += READ_ONCE(one->leaves[false][i]) + owned;
			sum->owned += owned << 9 * i;
		}
		for (i = 0; i < AXAS_MAX_LEVELS; i++)
			sum->tables[i] += READ_ONCE(one->tables[i]);
	}
}

/**
 * axas_npt_pool_fill - set tables aside
 * @pool: the pool
 * @nr: how many it shall hold, at most %AXAS_POOL_MAX
 * @gfp: flags of the allocation
 *
 * Context: as @gfp says.
 * Return: 0 or -ENOMEM; then the pool has what could be had.
 */
int axas_npt_pool_fill(struct axas_npt_pool *pool, unsigned int nr, gfp_t gfp)
{
	while (pool->nr < nr) {
		u64 *table = axas_hal_alloc_table(0, gfp);

		if (!table)
			return -ENOMEM;
		pool->tables[pool->nr++] = table;
	}
	return 0;
}
EXPORT_SYMBOL_GPL(axas_npt_pool_fill);
