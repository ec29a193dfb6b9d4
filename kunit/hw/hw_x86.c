// SPDX-License-Identifier: GPL-2.0
/*
 * What the test knows of x86 CPUs: of Intel's and of AMD's, whichever this is.
 */
#include <linux/ioport.h>
#include <linux/pfn.h>

#include "hw.h"
#include "hw_x86.h"

#define EXEC_ONLY	AXAS_FEAT_EXEC_ONLY
#define AD		AXAS_FEAT_AD
#define USER		AXAS_FEAT_EXEC_USER

/* EPT: a table of 39 bits has no EPTP. AMD: as wide as the kernel's own, no more. */
const struct hw_config hw_configs[HW_NR_CONFIGS] = {
	{ 48, 0 },
	{ 48, EXEC_ONLY },
	{ 48, AD },
	{ 48, EXEC_ONLY | AD },
	{ 57, 0 },
	{ 57, EXEC_ONLY | AD },
	{ 57, AD },
	{ 48, USER },
	{ 48, EXEC_ONLY | AD | USER },
};

static bool hw_is_amd(void)
{
	return axas_npt_host() == AXAS_FORMAT_AMD;
}

/* An AMD CPU is emulated faster. */
unsigned int hw_arch_steps(void)
{
	return hw_is_amd() ? 10000 : 1000;
}

unsigned int hw_arch_pa_bits(void)
{
	return boot_cpu_data.x86_phys_bits;
}

/* GPAs go through the guest's own tables, which hold no wider ones. */
unsigned int hw_arch_gpa_bits(void)
{
	return boot_cpu_data.x86_phys_bits;
}

int hw_arch_init(void)
{
	return hw_is_amd() ? svm_init() : 0;
}

void hw_arch_choose(const struct hw_config *config)
{
}

void hw_arch_exit(void)
{
	svm_exit();
}

/*
 * Anywhere, half of the time RAM, so that there are fetches. VMX doesn't get to
 * read or write what it finds. SVM does, and is led to RAM more often, and to that
 * which says where it is.
 */
u64 hw_arch_hpa(struct rnd_state *rnd, unsigned int bits, u64 size, u64 align)
{
	u64 limit = 1ULL << bits;
	u64 hpa = (u64)prandom_u32_state(rnd) << 32 | prandom_u32_state(rnd);
	unsigned int n = prandom_u32_state(rnd) % 8;

	if (n < (hw_is_amd() ? 1 : 4))
		return ALIGN_DOWN(hpa % (limit - size), align);
	if (n < 6 && hw_is_amd())
		return ALIGN_DOWN(svm_witness_hpa(hpa), align);
	return ALIGN_DOWN(hpa % (__pa(high_memory - 1) + 1), align);
}

void hw_arch_own(u64 hpa)
{
	if (hw_is_amd())
		svm_witness_page(hpa & PAGE_MASK);
}

static const struct axas_npt *held;

/*
 * A fetch from what isn't RAM isn't tried, nor, with SVM, any access that would
 * get there. With VMX not what the CPU reads on its way: linear ranges also hit
 * the space's tables.
 */
bool hw_arch_may_skip(const struct hw_page *page, unsigned int access)
{
	if (!page->mapped)
		return false;
	if (hw_is_amd())
		return page->seg->prot & access &&
		       !page_is_ram(PHYS_PFN(page->hpa));
	if (access & AXAS_PROT_FETCH && !page_is_ram(PHYS_PFN(page->hpa)))
		return true;
	return !page->seg->alloc &&
	       vmx_is_on_the_way(held, page->hpa - page->seg->offset,
				 page->hpa & PAGE_MASK);
}

/* VMX says nothing else. SVM says what was there. */
bool hw_arch_raw_ok(const struct axas_probe_result *result,
		    const struct hw_page *page, unsigned int access)
{
	if (result->memtype != AXAS_PROBE_UNKNOWN)
		return false;
	return !hw_is_amd() || !page->known ||
	       svm_witness_ok(page->hpa, page->seg->alloc, access, result->raw);
}

/* Bochs 3.0 has bit 6 of the qualification set for fetches alone (table 28-7). */
bool hw_arch_is_silent(const struct hw_page *page, unsigned int access)
{
	return !hw_is_amd() && page->seg->prot == AXAS_PROT_EXEC_USER &&
	       !(access & AXAS_PROT_FETCH);
}

static const char *blind_ept(enum hw_plant_id id)
{
	switch (id) {
	case HW_PLANT_NO_FORGET:
		return "Bochs forgets at each VM entry and exit; but see mute=1";
	case HW_PLANT_ACCESS_FLAG:
	case HW_PLANT_SHARE:
	case HW_PLANT_CLEAN:
		return "EPT has no such field";
	case HW_PLANT_MEMTYPE:
		return "VMX doesn't tell memory types";
	default:
		return NULL;
	}
}

static const char *blind_amd(enum hw_plant_id id)
{
	switch (id) {
	case HW_PLANT_NO_FORGET:
		return "QEMU forgets at each VMRUN; but see mute=1";
	case HW_PLANT_WRITE_ONLY:
		return "AMD's entries have no right to read";
	case HW_PLANT_EXCHANGE:
		return "AMD's entries have one right to execute";
	case HW_PLANT_ACCESS_FLAG:
	case HW_PLANT_SHARE:
	case HW_PLANT_CLEAN:
		return "AMD's entries have no such field";
	case HW_PLANT_MEMTYPE:
		return "SVM doesn't tell memory types";
	default:
		return NULL;
	}
}

const char *hw_arch_blind(const struct hw_config *config,
			  enum hw_plant_id id)
{
	if (hw_is_amd())
		return blind_amd(id);
	if (id == HW_PLANT_EXCHANGE && !(config->features & USER))
		return "there is one right to execute";
	return blind_ept(id);
}

/* Nothing is held between probes but the name of the table. */
int hw_arch_hold(const struct axas_npt *npt)
{
	held = npt;
	return 0;
}

void hw_arch_release(void)
{
}
