// SPDX-License-Identifier: GPL-2.0
/*
 * EPT as it is on a CPU that the tests choose.
 */
#include "fake_x86.h"

struct fake_cpu fake_cpu;

#include "../axas_npt_ept.c"
