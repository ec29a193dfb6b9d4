// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: how a guest begins: in 64-bit mode, as Linux's boot protocol has it, which the
 * walker takes too. The first 4 GiB of addresses are guest-physical ones.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm.h"

/* Selectors that the boot protocol wants, and descriptors of theirs. */
#define CODE		0x10
#define DATA		0x18

/* Entries of tables: present, writable; a leaf of 2 MiB */
#define LINK		3
#define LEAF		0x83
#define NR_GIB		4

static void put_tables(struct vmm *vmm)
{
	uint64_t table[512] = { (VMM_TABLES + VMM_PAGE) | LINK };
	unsigned int i, j;

	vmm_put(vmm, VMM_TABLES, table, sizeof(table));
	for (i = 0; i < NR_GIB; i++)
		table[i] = (VMM_TABLES + (2 + i) * VMM_PAGE) | LINK;
	vmm_put(vmm, VMM_TABLES + VMM_PAGE, table, sizeof(table));
	for (i = 0; i < NR_GIB; i++) {
		for (j = 0; j < 512; j++)
			table[j] = (uint64_t)i << 30 | (uint64_t)j << 21 | LEAF;
		vmm_put(vmm, VMM_TABLES + (2 + i) * VMM_PAGE, table,
			sizeof(table));
	}
}

static void set_segments(struct axas_vcpu_regs *r)
{
	unsigned int i;

	for (i = AXAS_VCPU_ES; i <= AXAS_VCPU_GS; i++)
		r->segments[i] = (struct axas_vcpu_segment){ DATA, 0xc93, ~0U, 0 };
	r->segments[AXAS_VCPU_CS] = (struct axas_vcpu_segment){ CODE, 0xa9b, ~0U, 0 };
	r->segments[AXAS_VCPU_TR] = (struct axas_vcpu_segment){ 0, 0x8b, 0x67, 0 };
	r->segments[AXAS_VCPU_GDTR] = (struct axas_vcpu_segment){ 0, 0, 31, VMM_GDT };
}

/**
 * boot_begin() - have the guest begin
 * @vmm: the guest, with its code in memory
 * @rip: where
 * @rsi: what it finds in RSI
 */
void boot_begin(struct vmm *vmm, uint64_t rip, uint64_t rsi)
{
	static const uint64_t gdt[4] = {
		[CODE / 8] = 0x00af9b000000ffff,
		[DATA / 8] = 0x00cf93000000ffff,
	};
	struct axas_vcpu_regs regs = {
		.rip = rip,
		.rflags = 2,
		.cr0 = 0x80050033,	/* paging, and the FPU as it is today */
		.cr3 = VMM_TABLES,
		.cr4 = 0x620,		/* PAE, SSE */
		.efer = 0xd00,		/* long mode, NX */
		.pat = 0x0007040600070406,
	};

	put_tables(vmm);
	vmm_put(vmm, VMM_GDT, gdt, sizeof(gdt));
	set_segments(&regs);
	regs.gpr[AXAS_VCPU_RSI] = rsi;
	regs.gpr[AXAS_VCPU_RSP] = VMM_STACK;
	if (ioctl(vmm->cpu, AXAS_VCPU_SET_REGS, &regs))
		die("cannot set the guest's registers: %s", strerror(errno));
}
