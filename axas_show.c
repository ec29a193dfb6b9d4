// SPDX-License-Identifier: GPL-2.0
/*
 * Figures of a space as text: its fdinfo, and what debugfs shares with it.
 */
#include <axas/show.h>

/**
 * axas_show_faults - print faults by result
 * @m: where to
 * @stats: a space's figures
 */
void axas_show_faults(struct seq_file *m, const struct axas_stats *stats)
{
	static const char *const names[AXAS_NR_FAULT_RESULTS] = {
		[AXAS_FAULT_RESOLVED] = "resolved",
		[AXAS_FAULT_SPURIOUS] = "spurious",
		[AXAS_FAULT_NO_AREA] = "no-area",
		[AXAS_FAULT_DENIED] = "denied",
		[AXAS_FAULT_NO_MEMORY] = "no-memory",
		[AXAS_FAULT_INVALID] = "invalid",
		[AXAS_FAULT_DEVICE] = "device",
		[AXAS_FAULT_POISONED] = "poisoned",
	};
	int i;

	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		seq_printf(m, "%s%s %llu", i ? " " : "", names[i],
			   stats->faults[i]);
	seq_putc(m, '\n');
}

/**
 * axas_show_tracker - print a tracker's line
 * @m: where to
 * @info: the tracker
 */
void axas_show_tracker(struct seq_file *m, const struct axas_tracker_figures *info)
{
	seq_printf(m, "%llu 0x%016llx-0x%016llx ", info->number, info->start,
		   info->last + 1);
	seq_printf(m, "%s %s %llu %llu\n",
		   info->what == AXAS_TRACK_WRITTEN ? "written" : "used",
		   info->way == AXAS_NPT_WAY_FLAGS ? "flags" : "faults",
		   info->opened, info->marked);
}

/**
 * axas_show_fdinfo - print a space's lines of its descriptor's fdinfo
 * @m: where to
 * @space: the space
 *
 * Context: may sleep.
 */
void axas_show_fdinfo(struct seq_file *m, struct axas_space *space)
{
	struct axas_stats stats;
	u64 tables = 0;
	int i;

	axas_space_stats(space, &stats);
	for (i = 0; i < AXAS_MAX_LEVELS; i++)
		tables += stats.tables[i];
	seq_printf(m, "axas-id:\t%llu\n", space->npt.id);
	seq_printf(m, "axas-format:\t%s\n", axas_npt_get_ops(&space->npt)->name);
	seq_printf(m, "axas-gpa-bits:\t%u\n", stats.gpa_bits);
	seq_printf(m, "axas-levels:\t%u\n", stats.levels);
	seq_printf(m, "axas-areas:\t%llu\n", stats.areas);
	seq_printf(m, "axas-resident:\t%llu KiB\n", stats.resident / SZ_1K);
	seq_printf(m, "axas-tables:\t%llu KiB\n", tables * (SZ_4K / SZ_1K));
	seq_printf(m, "axas-leaves:\t%llu %llu %llu\n", stats.leaves[0],
		   stats.leaves[1], stats.leaves[2]);
	seq_puts(m, "axas-faults:\t");
	axas_show_faults(m, &stats);
}
