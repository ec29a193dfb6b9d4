// SPDX-License-Identifier: GPL-2.0
/*
 * What the test knows of VMX. The probe itself is compiled in, for guests of the
 * test's own.
 */
#include "../../probe/vmx.c"

#include "hw_x86.h"

bool vmx_is_on_the_way(const struct axas_npt *npt, u64 gpa, u64 page)
{
	return vmx_on_the_way(npt, gpa, page);
}

static struct vmx_pages stay_pages __aligned(SZ_4K);
static struct vmx_probe stay;

static void vmx_stay_fill(const struct axas_npt *npt, void *shared)
{
	struct probe_guest *guest = &stay_pages.guest;

	stay = (struct vmx_probe){ .npt = npt, .gpa = STALE_GPA };
	npt->ops->control(npt, &stay.eptp);
	stay.private = axas_level_size(npt->levels);
	stay.eptp &= ~EPT_ADDR;
	stay.eptp |= probe_pa(stay_pages.ept[npt->levels - 1]);
	vmx_fill_tables(&stay_pages, &stay);
	memcpy(guest->code + CODE_STALE, hw_stale_code, hw_stale_code_size);
	guest->gpt[0][1] = STALE_GPA | GPT_READ;
	guest->gpt[0][2] = (stay.private + GUEST_PAGES * SZ_4K) | GPT_WRITE;
	stay_pages.ept[0][GUEST_PAGES] = probe_pa(shared) | EPT_RWX |
					 EPT_LEAF_WB;
}

static int vmx_stay_first(void)
{
	const struct vmx_start start = {
		.cr3 = probe_guest_cr3(stay.private),
		.rip = GVA_CODE + CODE_STALE,
		.rsp = GVA_NOTHING,
		.rflags = X86_EFLAGS_IF,
	};

	if (vmx_load(stay_pages.area.vmcs))
		return -EIO;
	vmx_write(EPT_POINTER, stay.eptp);
	vmx_write_guest(&start);
	return vmx_write_controls(PIN_BASED_EXT_INTR_MASK,
				  SECONDARY_EXEC_ENABLE_EPT);
}

static enum hw_exit vmx_stay_exit(void)
{
	switch (stay.reason) {
	case EXIT_REASON_EXTERNAL_INTERRUPT:
		return HW_EXIT_INTERRUPT;
	case EXIT_REASON_EPT_VIOLATION:
		return vmx_read(GUEST_PHYSICAL_ADDRESS) == STALE_GPA ?
		       HW_EXIT_FAULT : HW_EXIT_OTHER;
	default:
		return vmx_exit_was(stay.reason, X86_TRAP_GP) ? HW_EXIT_HALTED :
								HW_EXIT_OTHER;
	}
}

static int vmx_stay_enter(const struct axas_npt *npt, bool first)
{
	struct vmx_regs regs = { .rdi = GVA_TARGET, .rsi = GVA_SHARED };
	unsigned long flags;
	int ret;

	local_irq_save(flags);
	ret = vmx_on(stay_pages.area.vmxon);
	if (!ret) {
		/* From now on it is this CPU that has to forget. */
		this_cpu_write(vmx_cached, npt);
		if (first)
			ret = vmx_stay_first();
		if (!ret)
			ret = vmx_enter(&stay_pages.area, &regs, &stay.reason);
		if (!ret)
			ret = vmx_stay_exit();
		vmx_off(stay_pages.area.vmcs);
	}
	local_irq_restore(flags);
	return ret;
}

const struct hw_stay vmx_stay = {
	.fill = vmx_stay_fill,
	.enter = vmx_stay_enter,
};
