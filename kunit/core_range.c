// SPDX-License-Identifier: GPL-2.0
#include "fake_tree.h"

#include "../axas_range.c"
