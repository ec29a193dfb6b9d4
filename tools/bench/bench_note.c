// SPDX-License-Identifier: GPL-2.0
/*
 * Keeps figures while all is measured again and again. Each row goes to the log
 * as "AXB|row|subject|units|ticks ticks ..."; see README.
 */
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "bench.h"

unsigned int bench_pages = 65536;

#define MAX_ROWS	256

struct bench_row {
	const char *row;
	const char *subject;
	u64 units;
	unsigned int n;
	u64 ticks[BENCH_MAX_REPS];
};

static struct bench_row rows[MAX_ROWS];
static unsigned int nr_rows;

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

void bench_forget(void)
{
	nr_rows = 0;
	memset(rows, 0, sizeof(rows));
}

void bench_settle(void)
{
	rcu_barrier();
	cond_resched();
}

void bench_print(void)
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
