// SPDX-License-Identifier: GPL-2.0
#include "../axas_npt_s2_lpa2.c"

#include "lpa2.h"

/**
 * lpa2_link - an entry that points to a table
 * @hpa: where the table is
 *
 * Return: the entry.
 */
u64 lpa2_link(u64 hpa)
{
	return fmt_table(axas_hpa(hpa));
}

/**
 * lpa2_hpa - where an entry points
 * @entry: one that points to a table
 *
 * Return: where the table is.
 */
u64 lpa2_hpa(u64 entry)
{
	return fmt_hpa(entry, 2).val;
}

/**
 * lpa2_vttbr - what makes a CPU use a table
 * @root: where its root is
 *
 * Return: VTTBR_EL2.
 */
u64 lpa2_vttbr(u64 root)
{
	return s2_vttbr(axas_hpa(root));
}
