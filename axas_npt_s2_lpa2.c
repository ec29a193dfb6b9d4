// SPDX-License-Identifier: GPL-2.0
/*
 * Armv8-A stage 2 where a space has AXAS_FEAT_LPA2: the same file a second time, so
 * that without it no entry's address costs more than a mask.
 */
#define S2_LPA2		1
#define S2_FEATURE	AXAS_FEAT_LPA2
#define S2_OPS		axas_npt_s2_lpa2_ops
#define S2_MORE		(&axas_npt_s2_xnx_ops)

#include "axas_npt_s2.c"
