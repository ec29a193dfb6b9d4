/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_PROBE_H
#define _AXAS_PROBE_H

#include <axas/npt.h>

/**
 * DOC: Probes
 *
 * A probe asks the CPU it runs on to translate a GPA through a live table, and
 * leaves the table as it is but for the accessed and dirty flags that the CPU
 * keeps. It knows nothing of how entries are encoded: what it reports is what
 * the CPU says.
 */

/**
 * struct axas_probe_result - what the CPU said
 * @kind: an &enum axas_probe_kind
 * @level: level of the entry that stopped the walk, as axas counts (1 holds
 *	4 KiB leaves), or 0 where the CPU doesn't say
 * @hpa: %AXAS_PROBE_MAPPED: where the GPA lies
 * @memtype: %AXAS_PROBE_MAPPED: an &enum axas_memtype, or %AXAS_PROBE_UNKNOWN
 *	where the CPU doesn't say
 * @raw: the CPU's own words: PAR_EL1, the exit qualification or EXITINFO1; with
 *	SVM the word that was found, if %AXAS_PROBE_MAPPED
 */
struct axas_probe_result {
	enum axas_probe_kind kind;
	unsigned int level;
	axas_hpa_t hpa;
	u32 memtype;
	u64 raw;
};

#ifdef CONFIG_AXAS_PROBE
/**
 * axas_npt_probe - let this CPU walk a table
 * @npt: the table; it stays alive and nobody unmaps from it during the call
 * @gpa: any alignment
 * @access: exactly one &enum axas_prot bit
 * @result: out: what the CPU said
 *
 * Context: may sleep.
 * Return: 0; -EOPNOTSUPP if the CPU can't walk tables of this format, or can't
 * try this access, or wasn't started so that it may; -EBUSY if someone else is
 * using what it takes; -EIO if the CPU did what no manual says.
 */
int axas_npt_probe(const struct axas_npt *npt, axas_gpa_t gpa,
		   unsigned int access, struct axas_probe_result *result);

/**
 * axas_npt_probe_forget - make this machine's CPUs forget all that they may
 *	have cached of a table
 * @npt: the table
 * @gpa: first GPA
 * @size: bytes
 *
 * What the holder of a table that is probed does on invalidation.
 *
 * Context: may sleep.
 */
void axas_npt_probe_forget(const struct axas_npt *npt, axas_gpa_t gpa,
			   u64 size);
#else
static inline int axas_npt_probe(const struct axas_npt *npt, axas_gpa_t gpa,
				 unsigned int access,
				 struct axas_probe_result *result)
{
	return -EOPNOTSUPP;
}

static inline void axas_npt_probe_forget(const struct axas_npt *npt,
					 axas_gpa_t gpa, u64 size)
{
}
#endif

#endif /* _AXAS_PROBE_H */
