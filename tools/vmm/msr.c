// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: MSRs. Those that a CPU swaps with its guest, EFER and PAT never come here; of
 * others there is one, and else the guest gets #GP.
 */
#include <x86intrin.h>

#include "vmm.h"

static uint64_t tsc_read(struct vmm *vmm, uint32_t offset)
{
	(void)vmm;
	(void)offset;
	return __rdtsc();
}

static void ignore(struct vmm *vmm, uint32_t offset, uint64_t value)
{
	(void)vmm;
	(void)offset;
	(void)value;
}

/* The guest's is the host's. */
const struct device tsc_device = {
	"time-stamp counter", AXAS_BUS_SYSREG, 0x10, 0x10, tsc_read, ignore,
};
