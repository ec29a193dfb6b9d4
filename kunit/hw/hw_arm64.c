// SPDX-License-Identifier: GPL-2.0
/*
 * What the test knows of Arm. The probe itself is compiled in, so that its
 * registers can be held between probes, and the CPU be taken for a narrower one.
 */
#include <asm/cpufeature.h>

/* The most that ID_AA64MMFR0_EL1.PARange is to say. */
static u64 hw_parange;

static u64 hw_read_ftr_reg(u32 id)
{
	u64 reg = read_sanitised_ftr_reg(id);

	if (id == SYS_ID_AA64MMFR0_EL1 && (reg & 15) > hw_parange)
		reg = (reg & ~15ULL) | hw_parange;
	return reg;
}

#define read_sanitised_ftr_reg(id)	hw_read_ftr_reg(id)
#include "../../probe/arm64.c"

#include "hw.h"

#define ALL	AXAS_FEAT_EXEC_ONLY
#define AD	AXAS_FEAT_AD
#define FWB	AXAS_FEAT_FWB
#define LPA2	AXAS_FEAT_LPA2
#define USER	AXAS_FEAT_EXEC_USER

/*
 * Every input size up to 48 bits, and so every root from 1 to 16 concatenated tables.
 * Above, QEMU 7.2 begins at Arm's level -1 for 52 bits alone.
 */
const struct hw_config hw_configs[HW_NR_CONFIGS] = {
	{ 32, ALL },		/* 2 levels, 4 tables */
	{ 34, ALL | AD },	/* 2 levels, 16 tables */
	{ 35, ALL | FWB },	/* 3 levels */
	{ 36, AD | FWB },
	{ 39, ALL },
	{ 40, ALL },		/* 3 levels, 2 tables */
	{ 40, ALL | AD | FWB },
	{ 42, ALL | AD },	/* 3 levels, 8 tables */
	{ 43, ALL | FWB },	/* 3 levels, 16 tables */
	{ 44, ALL | AD | FWB },	/* 4 levels */
	{ 48, ALL },
	{ 48, ALL | AD | FWB },
	{ 33, ALL | AD | FWB },
	{ 37, ALL },
	{ 38, ALL | AD },
	{ 41, ALL | FWB },
	{ 45, ALL },
	{ 46, ALL | AD },
	{ 47, ALL | FWB },
	{ 52, ALL | AD | FWB | LPA2 },	/* 5 levels */
	{ 52, ALL | LPA2 },
	{ 40, AD | LPA2 },	/* 3 levels, 2 tables */
	{ 48, ALL | FWB | LPA2, 48 },	/* 4 levels; what is wider is a fault */
	{ 48, ALL | USER },
	{ 40, ALL | AD | FWB | USER },
	{ 52, ALL | AD | LPA2 | USER },
};

unsigned int hw_arch_steps(void)
{
	return 10000;
}

int hw_arch_init(void)
{
	return 0;
}

/* D24.2, PARange: 5 is 48 bits, 6 is 52. */
void hw_arch_choose(const struct hw_config *config)
{
	hw_parange = config->pa_bits == 48 ? 5 : 6;
}

void hw_arch_exit(void)
{
}

/* AT says where a page lies, whatever it holds. */
void hw_arch_own(u64 hpa)
{
}

unsigned int hw_arch_pa_bits(void)
{
	return probe_pa_bits();
}

/* A table that is wider than that isn't walked at all. */
unsigned int hw_arch_gpa_bits(void)
{
	return 52;
}

/*
 * Anywhere: AT doesn't read what it finds, and fetches only read RAM. Half of
 * the time RAM, so that there are fetches.
 */
u64 hw_arch_hpa(struct rnd_state *rnd, unsigned int bits, u64 size, u64 align)
{
	u64 limit = 1ULL << bits;
	u64 hpa = (u64)prandom_u32_state(rnd) << 32 | prandom_u32_state(rnd);
	u64 ram = __pa(high_memory - 1) + 1 - memstart_addr;

	if (prandom_u32_state(rnd) % 2)
		return ALIGN_DOWN(hpa % (limit - size), align);
	return ALIGN_DOWN(memstart_addr + hpa % ram, align);
}

/* A fetch that would read anything but Normal RAM isn't tried. */
bool hw_arch_may_skip(const struct hw_page *page, unsigned int access)
{
	if (!(access & AXAS_PROT_FETCH) || !page->mapped)
		return false;
	return (page->seg->memtype != AXAS_MEM_WB &&
		page->seg->memtype != AXAS_MEM_NC) ||
	       !page_is_ram(PHYS_PFN(page->hpa));
}

/*
 * PAR_EL1 (D24.2): the memory type is known for loads and stores, and what is
 * write-back is Inner Shareable, everything else Outer Shareable.
 */
bool hw_arch_raw_ok(const struct axas_probe_result *result,
		    const struct hw_page *page, unsigned int access)
{
	bool wb = page->seg->memtype == AXAS_MEM_WB;

	if (result->memtype == AXAS_PROBE_UNKNOWN)
		return access & AXAS_PROT_FETCH;
	return (result->raw >> 7 & 3) == (wb ? 3 : 2);
}

bool hw_arch_is_silent(const struct hw_page *page, unsigned int access)
{
	return false;
}

const char *hw_arch_blind(const struct hw_config *config,
			  enum hw_plant_id id)
{
	unsigned int bits = config->features & LPA2 ? 52 : 48;

	if (id == HW_PLANT_WIDE && hw_arch_pa_bits() >= bits)
		return "the CPU's addresses are as wide as an entry's";
	if (id == HW_PLANT_EXCHANGE && !(config->features & USER))
		return "there is one right to execute";
	if (id == HW_PLANT_LINK)
		return "links of stage 2 have no rights";
	return NULL;
}

/*
 * Keep the registers as a probe wants them while the test runs on this CPU, but
 * for TGE: with TGE set none of them is in force. A probe then changes TGE
 * only. QEMU forgets all its TLBs when one of the others changes, and stale
 * translations would not be seen.
 */
static struct probe_regs held;

int hw_arch_hold(const struct axas_npt *npt)
{
	struct probe_tag tag;
	unsigned long flags;
	int ret;

	ret = probe_tag(npt, &tag);
	if (ret)
		return ret;
	flags = local_daif_save();
	probe_save(&held);
	probe_load(&held, &tag);
	write_sysreg(held.hcr | PROBE_HCR_VM | PROBE_HCR_DC |
		     (tag.fwb ? PROBE_HCR_FWB : 0), hcr_el2);
	isb();
	local_daif_restore(flags);
	return 0;
}

void hw_arch_release(void)
{
	unsigned long flags;

	flags = local_daif_save();
	probe_restore(&held);
	local_daif_restore(flags);
}
