// SPDX-License-Identifier: GPL-2.0
/*
 * Policy thp: each first touch brings 2 MiB, as Linux does with "always" in
 * /sys/kernel/mm/transparent_hugepage/enabled.
 *
 * Andrea Arcangeli: Transparent Hugepage Support. KVM Forum, 2010.
 *
 * Its claim: the fewest misses, as nothing waits. What others hold against it: memory
 * that nobody touches.
 */
#include "../policy.h"

static unsigned int thp_least(const struct piece *p)
{
	(void)p;
	return 1;
}

static const struct policy thp = {
	.name = "thp",
	.paper = "Arcangeli: Transparent Hugepage Support, KVM Forum 2010",
	.least = thp_least,
};
POLICY(thp);
