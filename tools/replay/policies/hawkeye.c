// SPDX-License-Identifier: GPL-2.0
/*
 * Policy hawkeye: now and then, the 2 MiB with the most pages in use become a leaf.
 *
 * Ashish Panwar, Sorav Bansal, K. Gopinath: HawkEye: efficient fine-grained OS support
 * for huge pages. ASPLOS, 2019.
 *
 * Its claim: with as many promotions as another, more misses are saved, as those come
 * first that are used most. "In use" is what accessed flags say there: pages that a
 * walk led to since the last look. Zeros that it takes back aren't modelled.
 */
#include "../policy.h"

static unsigned int hawkeye_least(const struct piece *p)
{
	(void)p;
	return 0;
}

static bool hawkeye_prefer(const struct piece *p, const struct piece *than)
{
	return p->covered > (than ? than->covered : 0);
}

static const struct policy hawkeye = {
	.name = "hawkeye",
	.paper = "Panwar et al.: HawkEye: efficient fine-grained OS support for huge pages, ASPLOS 2019",
	.least = hawkeye_least,
	.period = 1 << 16,
	.prefer = hawkeye_prefer,
};
POLICY(hawkeye);
