// SPDX-License-Identifier: GPL-2.0
/*
 * AMD's nested paging as it is on a CPU that the tests choose.
 */
#include "fake_x86.h"

#include "../axas_npt_amd.c"
