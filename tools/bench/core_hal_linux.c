// SPDX-License-Identifier: GPL-2.0
#include "../../axas_hal_linux.c"
