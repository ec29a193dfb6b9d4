/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_KUNIT_LPA2_H
#define _AXAS_KUNIT_LPA2_H

/**
 * DOC: Tables where no machine has memory for tests
 *
 * What stage 2 with LPA2 makes of their addresses.
 */
#include <linux/types.h>

u64 lpa2_link(u64 hpa);
u64 lpa2_hpa(u64 entry);
u64 lpa2_vttbr(u64 root);

#endif /* _AXAS_KUNIT_LPA2_H */
