/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the probes of both vendors share: the guest's own side.
 *
 * The guest runs in 64-bit mode at CPL 3 with paging of its own. Its page tables
 * and its code lie in pages of this module. Section numbers are those of the
 * Intel SDM, volume 3A.
 */
#ifndef _AXAS_PROBE_X86_H
#define _AXAS_PROBE_X86_H

#include <asm/msr.h>
#include <asm/pgtable.h>

#include <axas/probe.h>

/* 4.5: PTEs of the guest. */
#define GPT_TABLE	(_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED)
#define GPT_READ	(_PAGE_PRESENT | _PAGE_USER | _PAGE_ACCESSED)
#define GPT_WRITE	(GPT_READ | _PAGE_RW | _PAGE_DIRTY)
#define GPT_ADDR	GENMASK_ULL(51, 12)

/* The guest's linear addresses. */
#define GVA_CODE	0UL
#define GVA_TARGET	PAGE_SIZE
#define GVA_SHARED	(2 * PAGE_SIZE)
#define GVA_NOTHING	SZ_1G
#define GPT_LEVELS	4

/**
 * struct probe_guest - the guest's memory, each page by its physical address
 * @gpt: its page tables, the leaves' first
 * @code: what it executes when it doesn't execute the target
 *
 * Aligned to 4 KiB. Nested tables have these pages one after the other.
 */
struct probe_guest {
	u64 gpt[GPT_LEVELS][AXAS_TABLE_ENTRIES];
	u8 code[SZ_4K];
};

#define GUEST_PAGES	(sizeof(struct probe_guest) / SZ_4K)

static inline u64 probe_rdmsr(u32 msr)
{
	u32 low, high;

	rdmsr(msr, low, high);
	return low | (u64)high << 32;
}

static inline void probe_wrmsr(u32 msr, u64 value)
{
	wrmsr(msr, lower_32_bits(value), upper_32_bits(value));
}

/* These pages are part of a module, or of the kernel. */
static inline u64 probe_pa(void *page)
{
	return slow_virt_to_phys(page);
}

/**
 * probe_guest_fill - make the guest's tables
 * @guest: its pages
 * @private: GPA of the first of them
 * @leaves: where nested entries for them go
 * @flags: what these have besides the address
 */
static inline void probe_guest_fill(struct probe_guest *guest, u64 private,
				    u64 *leaves, u64 flags)
{
	unsigned int i;

	for (i = 0; i < GUEST_PAGES; i++)
		leaves[i] = probe_pa((void *)guest + i * SZ_4K) | flags;
	guest->gpt[0][0] = (private + GPT_LEVELS * SZ_4K) | GPT_READ;
	for (i = 1; i < GPT_LEVELS; i++)
		guest->gpt[i][0] = (private + (i - 1) * SZ_4K) | GPT_TABLE;
}

/* GPA of the guest's top table. */
static inline u64 probe_guest_cr3(u64 private)
{
	return private + (GPT_LEVELS - 1) * SZ_4K;
}

int axas_vmx_probe(const struct axas_npt *npt, axas_gpa_t gpa,
		   unsigned int access, struct axas_probe_result *result);
void axas_vmx_probe_forget(const struct axas_npt *npt);

int axas_svm_probe(const struct axas_npt *npt, axas_gpa_t gpa,
		   unsigned int access, struct axas_probe_result *result);
void axas_svm_probe_forget(const struct axas_npt *npt);

#endif /* _AXAS_PROBE_X86_H */
