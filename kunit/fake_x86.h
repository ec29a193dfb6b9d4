/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_KUNIT_FAKE_X86_H
#define _AXAS_KUNIT_FAKE_X86_H

/**
 * DOC: A CPU that the tests choose
 *
 * Included before a source that asks the CPU what it has.
 */
#include "fake_cpu.h"

#ifdef CONFIG_X86
#include <linux/cc_platform.h>
#include <linux/cpu.h>
#include <linux/mm.h>
#include <asm/cpufeature.h>
#include <asm/memtype.h>
#include <asm/msr.h>

static inline bool fake_cpu_has(unsigned int feature)
{
	switch (feature) {
	case X86_FEATURE_VMX:
		return fake_cpu.vmx;
	case X86_FEATURE_SVM:
		return fake_cpu.svm;
	case X86_FEATURE_NPT:
		return fake_cpu.npt;
	default: /* X86_FEATURE_GBPAGES */
		return !fake_cpu.small;
	}
}

#undef boot_cpu_has
#define boot_cpu_has(feature)	fake_cpu_has(feature)
#undef boot_cpu_has_bug
#define boot_cpu_has_bug(bug)	((void)(bug), fake_cpu.itlb_multihit)
#define cpu_mitigations_off()	(fake_cpu.mitigations_off)
#undef rdmsr_safe
#define rdmsr_safe(msr, low, high)					\
	(*(low) = fake_cpu.ept,						\
	 *(high) = (msr) == MSR_IA32_VMX_PROCBASED_CTLS2 ?		\
			   fake_cpu.ctls2 : 0, 0)
#undef pgtable_l5_enabled
#define pgtable_l5_enabled()	(fake_cpu.la57)
#define cc_platform_has(attr)	((void)(attr), fake_cpu.encrypts)
#define pat_enabled()		(!fake_cpu.nopat)
#endif

#endif /* _AXAS_KUNIT_FAKE_X86_H */
