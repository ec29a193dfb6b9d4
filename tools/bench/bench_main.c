// SPDX-License-Identifier: GPL-2.0
/*
 * Measures axas beside other page tables of the same kernel, when it is loaded.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>

#include "bench.h"

static unsigned int reps = 11;
module_param(reps, uint, 0444);
MODULE_PARM_DESC(reps, "times that all is measured");

module_param_named(pages, bench_pages, uint, 0444);
MODULE_PARM_DESC(pages, "4 KiB pages in a range, a multiple of 512");

static char *only = "";
module_param(only, charp, 0444);
MODULE_PARM_DESC(only, "floor: nothing but the floor");

/* What a tick is: thousands per second of the kernel's clock. */
static u64 tick_khz(void)
{
	u64 ns = ktime_get_ns(), ticks = bench_now();

	while (ktime_get_ns() - ns < 100 * NSEC_PER_MSEC)
		;
	ticks = bench_now() - ticks;
	ns = ktime_get_ns() - ns;
	return div64_u64(ticks * USEC_PER_SEC, ns);
}

static int __init bench_init(void)
{
	unsigned int i;
	int ret;

	if (!reps || reps > BENCH_MAX_REPS || !bench_pages || bench_pages % 512)
		return -EINVAL;
	ret = bench_table_init();
	if (ret)
		return ret;

	pr_info("AXB|tick_khz|clock|1|%llu\n", tick_khz());
	/* Once for nothing: what nobody has touched yet costs more. */
	ret = bench_floor();
	bench_forget();
	for (i = 0; i < reps && !ret; i++) {
		ret = bench_floor();
		if (!ret && strcmp(only, "floor"))
			ret = bench_table();
		if (!ret && strcmp(only, "floor"))
			ret = bench_space();
	}
	bench_print();
	pr_info("AXB|end|%d|0|0\n", ret);
	bench_table_exit();
	return ret;
}

static void __exit bench_exit(void)
{
	bench_settle();
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("Measures axas beside its peers");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("GENERIC_PT_IOMMU");
