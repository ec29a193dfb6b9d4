// SPDX-License-Identifier: GPL-2.0
/*
 * Policy base: leaves of 4 KiB only, as without any support for large ones.
 */
#include "../policy.h"

static const struct policy base = {
	.name = "base",
	.paper = "leaves of 4 KiB only",
	.small = true,
};
POLICY(base);
