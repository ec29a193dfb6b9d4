/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of a bare table have in common.
 */
#ifndef _AXAS_KUNIT_NPT_RANGE_H
#define _AXAS_KUNIT_NPT_RANGE_H

#include "context.h"

static const struct axas_attr rwx_wb = { .prot = PROT_RWX };

/* The functions of the table take the lock that the space has otherwise. */
static inline int npt_do_map(struct axas_npt *npt, u64 gpa, u64 hpa, u64 size,
			     unsigned int level)
{
	int ret;

	mutex_lock(npt->lock);
	ret = npt->ops->map(npt, axas_gpa(gpa), axas_hpa(hpa), size,
			    npt->ops->encode(npt, rwx_wb), level);
	mutex_unlock(npt->lock);
	return ret;
}

#endif /* _AXAS_KUNIT_NPT_RANGE_H */
