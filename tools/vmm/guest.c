// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: what the guest's addresses mean, by its own page tables.
 *
 * Formats are those of the AMD64 Architecture Programmer's Manual, volume 2, 5.2 and 5.3.
 * Nothing is looked at but what is present: the CPU has just used these addresses.
 */
#include "vmm.h"

#define CR0_PG		(UINT64_C(1) << 31)
#define CR4_PSE		(UINT64_C(1) << 4)
#define CR4_PAE		(UINT64_C(1) << 5)
#define CR4_LA57	(UINT64_C(1) << 12)
#define EFER_LMA	(UINT64_C(1) << 10)

/* A descriptor's bits, as axas_vcpu.h has them. */
#define SEGMENT_LONG	(1 << 9)
#define SEGMENT_BIG	(1 << 10)

#define PRESENT		1
#define LARGE		0x80
#define ADDRESS		UINT64_C(0xffffffffff000)

/* How a table of the guest's looks: what differs between the modes. */
struct mode {
	unsigned int levels, index_bits, entry_bytes;
	unsigned int leaf_levels;	/* leaves are at these */
};

static struct mode mode_of(const struct axas_vcpu_regs *regs)
{
	if (regs->efer & EFER_LMA)
		return (struct mode){ regs->cr4 & CR4_LA57 ? 5 : 4, 9, 8, 3 };
	if (regs->cr4 & CR4_PAE)
		return (struct mode){ 3, 9, 8, 2 };
	return (struct mode){ 2, 10, 4, regs->cr4 & CR4_PSE ? 2 : 1 };
}

/* What CR3 points at: four entries of PAE need no page of their own. */
static uint64_t root_of(const struct axas_vcpu_regs *regs)
{
	bool quad = regs->cr4 & CR4_PAE && !(regs->efer & EFER_LMA);

	return quad ? regs->cr3 & 0xffffffe0 : regs->cr3 & ADDRESS;
}

/* A leaf of 4 MiB has address bits 39:32 in its bits 20:13. */
static uint64_t leaf_address(uint64_t entry, unsigned int shift)
{
	if (shift == 22)
		return (entry & 0xffc00000) | (entry & 0x1fe000) << 19;
	return entry & ADDRESS & ~((UINT64_C(1) << shift) - 1);
}

/**
 * guest_translate() - walk the guest's page tables
 * @space: its memory
 * @regs: its registers
 * @linear: an address
 * @gpa: where the answer goes
 *
 * Return: false if there is no translation, or the tables aren't in memory.
 */
bool guest_translate(int space, const struct axas_vcpu_regs *regs, uint64_t linear,
		     uint64_t *gpa)
{
	struct mode mode = mode_of(regs);
	uint64_t table = root_of(regs), entry;
	unsigned int level, shift, index;

	*gpa = linear;
	if (!(regs->cr0 & CR0_PG))
		return true;
	for (level = mode.levels; level; level--) {
		shift = 12 + (level - 1) * mode.index_bits;
		index = linear >> shift & ((1U << mode.index_bits) - 1);
		entry = 0;
		if (axas_read(space, table + index * mode.entry_bytes, &entry,
			      mode.entry_bytes) || !(entry & PRESENT))
			return false;
		if (level == 1 || (level <= mode.leaf_levels && entry & LARGE))
			break;
		table = entry & ADDRESS;
	}
	*gpa = leaf_address(entry, shift) | (linear & ((UINT64_C(1) << shift) - 1));
	return true;
}

/**
 * guest_code_bits() - what code runs: 16, 32 or 64
 * @regs: the guest's registers
 */
unsigned int guest_code_bits(const struct axas_vcpu_regs *regs)
{
	unsigned int attributes = regs->segments[AXAS_VCPU_CS].attributes;

	if (regs->efer & EFER_LMA && attributes & SEGMENT_LONG)
		return 64;
	return attributes & SEGMENT_BIG ? 32 : 16;
}

/**
 * guest_linear() - the linear address of something in a segment
 * @regs: the guest's registers
 * @segment: an &enum axas_vcpu_segment_name
 * @offset: in it
 *
 * In 64-bit code only FS and GS have a base.
 */
uint64_t guest_linear(const struct axas_vcpu_regs *regs, unsigned int segment,
		      uint64_t offset)
{
	uint64_t base = regs->segments[segment].base;

	if (guest_code_bits(regs) < 64)
		return (uint32_t)(base + offset);
	return segment >= AXAS_VCPU_FS ? base + offset : offset;
}

/**
 * guest_fetch() - read instructions
 * @space: the guest's memory
 * @regs: its registers
 * @bytes: where what is at RIP goes
 * @nr: how many
 *
 * Return: how many there were up to a page that isn't there.
 */
size_t guest_fetch(int space, const struct axas_vcpu_regs *regs, uint8_t *bytes,
		   size_t nr)
{
	size_t done, part;
	uint64_t linear, gpa;

	for (done = 0; done < nr; done += part) {
		linear = guest_linear(regs, AXAS_VCPU_CS, regs->rip + done);
		part = VMM_PAGE - linear % VMM_PAGE;
		if (part > nr - done)
			part = nr - done;
		if (!guest_translate(space, regs, linear, &gpa) ||
		    axas_read(space, gpa, bytes + done, part))
			break;
	}
	return done;
}
