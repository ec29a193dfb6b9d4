/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_KUNIT_FAKE_CPU_H
#define _AXAS_KUNIT_FAKE_CPU_H

#include <linux/types.h>

/**
 * struct fake_cpu - the x86 CPU that the format under test asks
 * @vmx: it walks EPT
 * @itlb_multihit: it has that erratum
 * @mitigations_off: its kernel was told not to mind
 * @ept: low half of its IA32_VMX_EPT_VPID_CAP
 *
 * By default it is one that doesn't walk EPT, whatever the tests run on.
 */
struct fake_cpu {
	bool vmx;
	bool itlb_multihit;
	bool mitigations_off;
	u32 ept;
};

extern struct fake_cpu fake_cpu;

#endif /* _AXAS_KUNIT_FAKE_CPU_H */
