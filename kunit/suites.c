// SPDX-License-Identifier: GPL-2.0
/*
 * All suites: one per layer, and per format where there is one.
 */
#include <linux/module.h>

#include "cases.h"
#include "context.h"
#include "suites.h"

static struct kunit_case space_ept_cases[] = {
#include "space_case_list.h"
	{}
};

static struct kunit_suite axas_space_ept_suite = {
	.name = "axas_space_ept",
	.init = axas_test_init_ept,
	.exit = axas_test_exit,
	.test_cases = space_ept_cases,
};

static struct kunit_case space_s2_cases[] = {
#include "space_case_list.h"
	{}
};

static struct kunit_suite axas_space_s2_suite = {
	.name = "axas_space_s2",
	.init = axas_test_init_s2,
	.exit = axas_test_exit,
	.test_cases = space_s2_cases,
};

static struct kunit_case space_amd_cases[] = {
#include "space_case_list.h"
	{}
};

static struct kunit_suite axas_space_amd_suite = {
	.name = "axas_space_amd",
	.init = axas_test_init_amd,
	.exit = axas_test_exit,
	.test_cases = space_amd_cases,
};

static struct kunit_case track_ept_cases[] = {
#include "track_case_list.h"
	{}
};

static struct kunit_suite axas_track_ept_suite = {
	.name = "axas_track_ept",
	.init = axas_test_init_ept,
	.exit = axas_test_exit,
	.test_cases = track_ept_cases,
};

static struct kunit_case track_s2_cases[] = {
#include "track_case_list.h"
	{}
};

static struct kunit_suite axas_track_s2_suite = {
	.name = "axas_track_s2",
	.init = axas_test_init_s2,
	.exit = axas_test_exit,
	.test_cases = track_s2_cases,
};

static struct kunit_case track_amd_cases[] = {
#include "track_case_list.h"
	{}
};

static struct kunit_suite axas_track_amd_suite = {
	.name = "axas_track_amd",
	.init = axas_test_init_amd,
	.exit = axas_test_exit,
	.test_cases = track_amd_cases,
};

kunit_test_suites(&axas_addr_suite, &axas_hal_suite, &axas_npt_ept_suite,
		  &axas_npt_s2_suite, &axas_npt_lpa2_suite,
		  &axas_npt_mbec_suite, &axas_npt_xnx_suite,
		  &axas_npt_amd_suite, &axas_npt_track_suite,
		  &axas_backend_suite,
		  &axas_space_ept_suite, &axas_space_s2_suite,
		  &axas_space_amd_suite, &axas_track_ept_suite,
		  &axas_track_s2_suite, &axas_track_amd_suite,
		  &axas_race_suite, &axas_register_suite,
		  &axas_sync_ept_suite, &axas_sync_s2_suite,
		  &axas_sync_amd_suite);

MODULE_DESCRIPTION("KUnit tests for guest physical address spaces");
MODULE_AUTHOR("The axas authors");
MODULE_LICENSE("GPL");
