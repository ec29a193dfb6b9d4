// SPDX-License-Identifier: GPL-2.0
/*
 * Intel EPT where a space has AXAS_FEAT_EXEC_USER: the same file a second time, so that
 * without it a leaf's rights are three bits side by side.
 */
#define EPT_MBEC	1
#define EPT_FEATURE	AXAS_FEAT_EXEC_USER
#define EPT_OPS		axas_npt_ept_mbec_ops
#define EPT_MORE	NULL

#include "axas_npt_ept.c"
