// SPDX-License-Identifier: GPL-2.0
/*
 * EPT as it is on a CPU that the tests choose.
 */
#include "fake_cpu.h"

struct fake_cpu fake_cpu;

#ifdef CONFIG_X86
#include <linux/cpu.h>
#include <linux/mm.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>

#undef boot_cpu_has
#define boot_cpu_has(feature)	((void)(feature), fake_cpu.vmx)
#undef boot_cpu_has_bug
#define boot_cpu_has_bug(bug)	((void)(bug), fake_cpu.itlb_multihit)
#define cpu_mitigations_off()	(fake_cpu.mitigations_off)
#undef rdmsr_safe
#define rdmsr_safe(msr, low, high) \
	((void)(msr), *(low) = fake_cpu.ept, *(high) = 0, 0)
#endif

#include "../axas_npt_ept.c"
