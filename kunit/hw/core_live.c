// SPDX-License-Identifier: GPL-2.0
#include "../../axas_live.c"
