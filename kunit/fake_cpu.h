/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_KUNIT_FAKE_CPU_H
#define _AXAS_KUNIT_FAKE_CPU_H

#include <linux/types.h>

/**
 * struct fake_cpu - the x86 CPU that the formats under test ask
 * @vmx: it walks EPT
 * @itlb_multihit: it has that erratum
 * @mitigations_off: its kernel was told not to mind
 * @ept: low half of its IA32_VMX_EPT_VPID_CAP
 * @ctls2: high half of its IA32_VMX_PROCBASED_CTLS2
 * @svm: it has SVM
 * @npt: and walks nested tables
 * @small: it has no leaves of 1 GiB
 * @la57: its kernel has tables of five levels
 * @encrypts: its kernel's memory is encrypted
 * @nopat: its kernel leaves the PAT register alone
 *
 * By default it is one that walks neither format, whatever the tests run on.
 */
struct fake_cpu {
	bool vmx;
	bool itlb_multihit;
	bool mitigations_off;
	u32 ept;
	u32 ctls2;
	bool svm;
	bool npt;
	bool small;
	bool la57;
	bool encrypts;
	bool nopat;
};

extern struct fake_cpu fake_cpu;

#endif /* _AXAS_KUNIT_FAKE_CPU_H */
