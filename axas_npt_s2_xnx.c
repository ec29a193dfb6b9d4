// SPDX-License-Identifier: GPL-2.0
/*
 * Armv8-A stage 2 where a space has AXAS_FEAT_EXEC_USER, and no AXAS_FEAT_LPA2, whose
 * file can have both.
 */
#define S2_LPA2		0
#define S2_FEATURE	AXAS_FEAT_EXEC_USER
#define S2_OPS		axas_npt_s2_xnx_ops
#define S2_MORE		NULL

#include "axas_npt_s2.c"
