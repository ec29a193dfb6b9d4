/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_KUNIT_SUITES_H
#define _AXAS_KUNIT_SUITES_H

#include <kunit/test.h>

extern struct kunit_suite axas_addr_suite;
extern struct kunit_suite axas_hal_suite;
extern struct kunit_suite axas_npt_ept_suite;
extern struct kunit_suite axas_npt_s2_suite;
extern struct kunit_suite axas_npt_lpa2_suite;
extern struct kunit_suite axas_npt_mbec_suite;
extern struct kunit_suite axas_npt_xnx_suite;
extern struct kunit_suite axas_npt_amd_suite;
extern struct kunit_suite axas_npt_track_suite;
extern struct kunit_suite axas_backend_suite;
extern struct kunit_suite axas_race_suite;
extern struct kunit_suite axas_register_suite;
extern struct kunit_suite axas_sync_ept_suite;
extern struct kunit_suite axas_sync_s2_suite;
extern struct kunit_suite axas_sync_amd_suite;

#endif /* _AXAS_KUNIT_SUITES_H */
