/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cases that several suites share stand in lists, each AXAS_CASE(name), which
 * are included for the prototypes and again for each suite's array.
 */
#ifndef _AXAS_KUNIT_CASES_H
#define _AXAS_KUNIT_CASES_H

#include <kunit/test.h>

typedef void axas_case_fn(struct kunit *test);

#define AXAS_CASE(name) name,
extern axas_case_fn
#include "npt_case_list.h"
#include "space_case_list.h"
#include "track_case_list.h"
	axas_no_case;
#undef AXAS_CASE

/* For the arrays. */
#define AXAS_CASE(name) KUNIT_CASE(name),

#endif /* _AXAS_KUNIT_CASES_H */
