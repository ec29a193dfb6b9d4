// SPDX-License-Identifier: GPL-2.0
#include "fake_x86.h"

#include "../axas_npt_ept_mbec.c"
