// SPDX-License-Identifier: GPL-2.0
/*
 * What tables share, on a CPU that the tests choose.
 */
#include "fake_x86.h"

#include "../axas_npt.c"
