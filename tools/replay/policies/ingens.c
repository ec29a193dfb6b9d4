// SPDX-License-Identifier: GPL-2.0
/*
 * Policy ingens: 2 MiB become a leaf when nine of ten of their pages are used.
 *
 * Youngjin Kwon, Hangchen Yu, Simon Peter, Christopher Rossbach, Emmett Witchel:
 * Coordinated and efficient huge page management with Ingens. OSDI, 2016.
 *
 * Its claim: nearly thp's misses with nearly base's memory. There a thread promotes
 * soon after; here it is at once. What it does between processes isn't modelled.
 */
#include "../policy.h"

/* 90 %, as in the paper's section 4. */
static unsigned int ingens_least(const struct piece *p)
{
	(void)p;
	return (PIECE_PAGES * 90 + 99) / 100;
}

static const struct policy ingens = {
	.name = "ingens",
	.paper = "Kwon et al.: Coordinated and efficient huge page management with Ingens, OSDI 2016",
	.least = ingens_least,
};
POLICY(ingens);
