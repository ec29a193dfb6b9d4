/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_KUNIT_ENTRY_H
#define _AXAS_KUNIT_ENTRY_H

/**
 * DOC: One entry, for the tests of formats
 *
 * A leaf of each level, at an address in which each level has an index of its own.
 */
#include "context.h"

/* Above 4 GiB, 1 GiB, 2 MiB and 4 KiB. */
#define GPA_4K	0x0000123456789000ULL
#define GPA_2M	0x0000123456600000ULL
#define GPA_1G	0x0000123440000000ULL
/* For entries with 52 bits of address. */
#define HPA_4K	0x000fedcba9876000ULL
#define HPA_2M	0x000fedcba9800000ULL
#define HPA_1G	0x000fedcb80000000ULL

static inline u64 entry_gpa(unsigned int level)
{
	return level == 1 ? GPA_4K : level == 2 ? GPA_2M : GPA_1G;
}

static inline u64 entry_hpa(unsigned int level)
{
	return level == 1 ? HPA_4K : level == 2 ? HPA_2M : HPA_1G;
}

void entry_map(struct kunit *test, u64 hpa, unsigned int level,
	       struct axas_attr attr);
u64 entry_of(struct kunit *test, u64 hpa, unsigned int level,
	     struct axas_attr attr, u64 owned);
void entry_expect_path(struct kunit *test, struct axas_npt *npt,
		       unsigned int levels, u64 link, u64 leaf);

#endif /* _AXAS_KUNIT_ENTRY_H */
