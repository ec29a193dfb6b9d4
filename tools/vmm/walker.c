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
	bool mmio = vmm->serial->bus == AXAS_BUS_MEMORY;
	/* Where it walks, a range after the other; what is zeros; and the serial port. */
	const uint64_t params[] = {
		VMM_BOOT_END, VMM_LOW_END, VMM_HIGH, vmm->ram, 0,
		VMM_LOW_END, VMM_HIGH, mmio ? vmm->serial->first : 0,
	};

	vmm_put(vmm, VMM_PARAMS, params, sizeof(params));
	vmm_put(vmm, VMM_WALKER, walker_code, walker_code_end - walker_code);
	boot_begin(vmm, VMM_WALKER, VMM_PARAMS);
}
