// SPDX-License-Identifier: GPL-2.0
/*
 * Policy hint: what the program asked for comes by 2 MiB, the rest by 4 KiB, as Linux
 * does with "madvise" in /sys/kernel/mm/transparent_hugepage/enabled. --hint is the
 * program's MADV_HUGEPAGE.
 *
 * Andrea Arcangeli: Transparent Hugepage Support. KVM Forum, 2010.
 *
 * Its claim: large leaves where they help, and no memory lost where they don't.
 */
#include "../policy.h"

static unsigned int hint_least(const struct piece *p)
{
	return p->hinted;
}

static const struct policy hint = {
	.name = "hint",
	.paper = "madvise, in Arcangeli: Transparent Hugepage Support, KVM Forum 2010",
	.least = hint_least,
	.needs_hint = true,
};
POLICY(hint);
