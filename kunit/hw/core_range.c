// SPDX-License-Identifier: GPL-2.0
#include "../../axas_range.c"
