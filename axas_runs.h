/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Runs of memory, as AXAS_NEXT and AXAS_DIRTY list them.
 */
#ifndef _AXAS_RUNS_H
#define _AXAS_RUNS_H

#include <linux/types.h>

#include <uapi/linux/axas.h>

/**
 * struct axas_runs - a list of runs in the order of their GPAs
 * @entries: the runs
 * @nr: how many fit
 * @done: how many there are
 */
struct axas_runs {
	struct axas_next_entry *entries;
	u32 nr;
	u32 done;
};

/* Return: false if there is no room. An empty run asks whether there is. */
static inline bool axas_runs_add(struct axas_runs *runs, u64 start, u64 end)
{
	struct axas_next_entry *last = runs->entries + runs->done - 1;

	if (runs->done && last->gpa + last->length == start) {
		last->length += end - start;
		return true;
	}
	if (runs->done == runs->nr)
		return false;
	if (start < end)
		runs->entries[runs->done++] = (struct axas_next_entry){
			.gpa = start, .length = end - start,
		};
	return true;
}

#endif /* _AXAS_RUNS_H */
