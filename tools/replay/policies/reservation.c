// SPDX-License-Identifier: GPL-2.0
/*
 * Policy reservation: 2 MiB are set aside at the first touch, and become a leaf when
 * the program has touched all of it, as in FreeBSD.
 *
 * Juan Navarro, Sitaram Iyer, Peter Druschel, Alan Cox: Practical, transparent
 * operating system support for superpages. OSDI, 2002.
 *
 * Its claim: large leaves take no memory that isn't used. Frames that are set aside
 * don't count as resident here; the module copies instead.
 */
#include "../policy.h"

static unsigned int reservation_least(const struct piece *p)
{
	(void)p;
	return PIECE_PAGES;
}

static const struct policy reservation = {
	.name = "reservation",
	.paper = "Navarro et al.: Practical, transparent operating system support for superpages, OSDI 2002",
	.least = reservation_least,
};
POLICY(reservation);
