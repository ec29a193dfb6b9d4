// SPDX-License-Identifier: GPL-2.0
/*
 * Measures axas beside other page tables of the same kernel, when it is loaded.
 * Each row goes to the log as "AXB|row|subject|units|ticks ticks ..."; see
 * README.
 */
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "bench.h"

static unsigned int reps = 11;
module_param(reps, uint, 0444);
MODULE_PARM_DESC(reps, "times that all is measured");

unsigned int bench_pages = 65536;
module_param_named(pages, bench_pages, uint, 0444);
MODULE_PARM_DESC(pages, "4 KiB pages in a range, a multiple of 512");

static char *only = "";
module_param(only, charp, 0444);
MODULE_PARM_DESC(only, "floor: nothing but the floor");

struct bench_row {
	const char *row;
	const char *subject;
	u64 units;
	unsigned int n;
	u64 ticks[BENCH_MAX_REPS];
};

static struct bench_row *rows;
static unsigned int nr_rows;
#define MAX_ROWS	256

void bench_note(const char *row, const char *subject, u64 units, u64 ticks)
{
	struct bench_row *r = rows;

	while (r < rows + nr_rows &&
	       (strcmp(r->row, row) || strcmp(r->subject, subject)))
		r++;
	if (r == rows + nr_rows) {
		if (nr_rows == MAX_ROWS)
			return;
		nr_rows++;
		r->row = row;
		r->subject = subject;
		r->units = units;
	}
	if (r->n < BENCH_MAX_REPS)
		r->ticks[r->n++] = ticks;
}

void bench_settle(void)
{
	rcu_barrier();
	cond_resched();
}

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

static void print_rows(void)
{
	struct bench_row *r;
	char line[900];
	unsigned int i;
	int len;

	for (r = rows; r < rows + nr_rows; r++) {
		len = scnprintf(line, sizeof(line), "AXB|%s|%s|%llu|", r->row,
				r->subject, r->units);
		for (i = 0; i < r->n; i++)
			len += scnprintf(line + len, sizeof(line) - len, "%llu ",
					 r->ticks[i]);
		pr_info("%s\n", line);
	}
}

static int __init bench_init(void)
{
	unsigned int i;
	int ret;

	if (!reps || reps > BENCH_MAX_REPS || !bench_pages || bench_pages % 512)
		return -EINVAL;
	rows = kvcalloc(MAX_ROWS, sizeof(*rows), GFP_KERNEL);
	if (!rows)
		return -ENOMEM;
	ret = bench_table_init();
	if (ret)
		goto out;

	pr_info("AXB|tick_khz|clock|1|%llu\n", tick_khz());
	/* Once for nothing: what nobody has touched yet costs more. */
	ret = bench_floor();
	nr_rows = 0;
	memset(rows, 0, MAX_ROWS * sizeof(*rows));
	for (i = 0; i < reps && !ret; i++) {
		ret = bench_floor();
		if (!ret && strcmp(only, "floor"))
			ret = bench_table();
		if (!ret && strcmp(only, "floor"))
			ret = bench_space();
	}
	print_rows();
	pr_info("AXB|end|%d|0|0\n", ret);
	bench_table_exit();
out:
	kvfree(rows);
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
