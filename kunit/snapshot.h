/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_KUNIT_SNAPSHOT_H
#define _AXAS_KUNIT_SNAPSHOT_H

#include "context.h"

/**
 * struct axas_snapshot - all that a space is
 * @stats: its figures, without the faults
 * @raw: its table, as a CPU reads it
 * @areas: hash over its areas
 * @devices: hash over its ports and system registers
 * @pages: pages that are out
 */
struct axas_snapshot {
	struct axas_stats stats;
	struct raw_sum raw;
	u64 areas;
	u64 devices;
	long pages;
};

void axas_snapshot_take(struct axas_space *space,
			struct axas_snapshot *snapshot);
void axas_snapshot_expect(struct kunit *test, struct axas_space *space,
			  const struct axas_snapshot *before, const char *what,
			  unsigned int step);
void axas_check_space(struct kunit *test, struct axas_space *space);

#endif /* _AXAS_KUNIT_SNAPSHOT_H */
