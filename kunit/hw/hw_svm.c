// SPDX-License-Identifier: GPL-2.0
/*
 * What the test knows of SVM. The probe itself is compiled in, for guests of the
 * test's own.
 */
#include "../../probe/svm.c"

#include "hw_x86.h"

/* ---- memory that says where it is ---- */

/* "mov $imm64, %rax": two bytes before the number. */
#define WITNESS_MOV	0xb848ULL
#define POOL_ORDER	10
#define POOL_NR		24

static struct page *pool[POOL_NR];

/**
 * svm_witness_page - have a page that is the test's own say where it is
 * @hpa: the page
 *
 * Each 16 bytes begin with "mov $@hpa, %rax".
 */
void svm_witness_page(u64 hpa)
{
	u64 *page = __va(hpa);
	unsigned int i;

	for (i = 0; i < SZ_4K / sizeof(*page); i += 2) {
		page[i] = WITNESS_MOV | hpa << 16;
		page[i + 1] = hpa >> 48;
	}
}

static bool pool_has(u64 hpa)
{
	unsigned int i;

	for (i = 0; i < POOL_NR; i++)
		if (pool[i] &&
		    hpa - PFN_PHYS(page_to_pfn(pool[i])) < PAGE_SIZE << POOL_ORDER)
			return true;
	return false;
}

/**
 * svm_witness_ok - is that what was there?
 * @hpa: an address
 * @alloc: the space owns the page, so it says where it is
 * @access: what was done
 * @rax: what the CPU found
 *
 * Return: true also where nothing says where it is.
 */
bool svm_witness_ok(u64 hpa, bool alloc, unsigned int access, u64 rax)
{
	u64 page = hpa & PAGE_MASK;

	if (!alloc && !pool_has(hpa))
		return true;
	if (access != AXAS_PROT_EXEC)
		return rax == (WITNESS_MOV | page << 16);
	return !IS_ALIGNED(hpa, SVM_WORD_ALIGN) || rax == page;
}

/**
 * svm_witness_hpa - an address in memory that says where it is
 * @random: where chance comes from
 *
 * Return: the address.
 */
u64 svm_witness_hpa(u64 random)
{
	return PFN_PHYS(page_to_pfn(pool[random % POOL_NR])) +
	       (random >> 32) % (PAGE_SIZE << POOL_ORDER);
}

int svm_init(void)
{
	u64 hpa, end;
	unsigned int i;

	for (i = 0; i < POOL_NR; i++) {
		pool[i] = alloc_pages(GFP_KERNEL, POOL_ORDER);
		if (!pool[i])
			return -ENOMEM;
		hpa = PFN_PHYS(page_to_pfn(pool[i]));
		end = hpa + (PAGE_SIZE << POOL_ORDER);
		for (; hpa < end; hpa += SZ_4K)
			svm_witness_page(hpa);
		cond_resched();
	}
	return 0;
}

void svm_exit(void)
{
	unsigned int i;

	for (i = 0; i < POOL_NR; i++) {
		if (pool[i])
			__free_pages(pool[i], POOL_ORDER);
		pool[i] = NULL;
	}
}

/* ---- a guest that stays on its CPU ---- */

static struct svm_pages stay_pages __aligned(SZ_4K);
static u64 stay_private;

static void svm_stay_fill(const struct axas_npt *npt, void *shared)
{
	struct probe_guest *guest = &stay_pages.guest;

	stay_private = svm_private(npt, STALE_GPA);
	svm_fill_tables(&stay_pages, npt, STALE_GPA, stay_private);
	memcpy(guest->code + CODE_STALE, hw_stale_code, hw_stale_code_size);
	guest->gpt[0][1] = STALE_GPA | GPT_READ;
	guest->gpt[0][2] = (stay_private + GUEST_PAGES * SZ_4K) | GPT_WRITE;
	stay_pages.npt[0][GUEST_PAGES] = probe_pa(shared) | AMD_LEAF;
}

static void svm_stay_first(const struct axas_npt *npt)
{
	const struct svm_start start = {
		.n_cr3 = probe_pa(stay_pages.npt[npt->levels - 1]),
		.asid = svm_asid(stay_private),
		.cr3 = probe_guest_cr3(stay_private),
		.rip = GVA_CODE + CODE_STALE,
		.rsp = GVA_NOTHING,
		.rflags = X86_EFLAGS_IF,
	};

	svm_write_guest(&stay_pages.area.vmcb, &start);
}

static enum hw_exit svm_stay_exit(const struct svm_vmcb *vmcb)
{
	if (svm_exit_was_host(vmcb))
		return HW_EXIT_INTERRUPT;
	if (vmcb->exit_code == SVM_EXIT_NPF && vmcb->exit_info_2 == STALE_GPA)
		return HW_EXIT_FAULT;
	return svm_exit_was(vmcb, X86_TRAP_GP) ? HW_EXIT_HALTED : HW_EXIT_OTHER;
}

static int svm_stay_enter(const struct axas_npt *npt, bool first)
{
	struct svm_regs regs = { .rdi = GVA_TARGET, .rsi = GVA_SHARED };
	unsigned long flags;
	int ret;

	local_irq_save(flags);
	ret = svm_on(&stay_pages.area);
	if (!ret) {
		if (first)
			svm_stay_first(npt);
		/* From now on it is this CPU that has to forget. */
		stay_pages.area.vmcb.tlb_control = svm_tlb_control(npt);
		ret = svm_enter(&stay_pages.area, &regs);
		if (!ret)
			ret = svm_stay_exit(&stay_pages.area.vmcb);
		svm_off(&stay_pages.area);
	}
	local_irq_restore(flags);
	return ret;
}

const struct hw_stay svm_stay = {
	.fill = svm_stay_fill,
	.enter = svm_stay_enter,
};
