// SPDX-License-Identifier: GPL-2.0
/*
 * Policy quicksilver: a reservation, whose rest is brought in once 64 of its pages are
 * used; "Sync-64" in the paper.
 *
 * Weixi Zhu, Alan Cox, Scott Rixner: A comprehensive analysis of superpage management
 * mechanisms and policies. USENIX ATC, 2020.
 *
 * Its claim: most of thp's gain, earlier than what waits for all pages, without memory
 * for what is hardly used.
 */
#include "../policy.h"

static unsigned int quicksilver_least(const struct piece *p)
{
	(void)p;
	return 64;
}

static const struct policy quicksilver = {
	.name = "quicksilver",
	.paper = "Zhu et al.: A comprehensive analysis of superpage management mechanisms and policies, ATC 2020",
	.least = quicksilver_least,
};
POLICY(quicksilver);
