// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: the guest that is built in. It is code of walker.S.
 */
#include "vmm.h"

extern const char walker_code[], walker_code_end[];

/**
 * walker_load() - put the walker into memory, and have the guest begin there
 * @vmm: the guest
 */
void walker_load(struct vmm *vmm)
{
	/* Where it walks, a range after the other; and what is zeros. */
	const uint64_t ranges[] = {
		VMM_BOOT_END, VMM_LOW_END, VMM_HIGH, vmm->ram, 0,
		VMM_LOW_END, VMM_HIGH,
	};

	vmm_put(vmm, VMM_PARAMS, ranges, sizeof(ranges));
	vmm_put(vmm, VMM_WALKER, walker_code, walker_code_end - walker_code);
	boot_begin(vmm, VMM_WALKER, VMM_PARAMS);
}
