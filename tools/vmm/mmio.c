// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: devices in memory. The CPU says at which address a guest's instruction has faulted,
 * and no more, so the instruction is read, done here with the device in the place of
 * memory, and stepped over.
 *
 * The instruction has to be one that insn.c knows, and its operand has to be what faulted,
 * within a page. A debug trap after it (RFLAGS.TF) doesn't come.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "insn.h"
#include "vmm.h"

#define RFLAGS_DF	(UINT64_C(1) << 10)
#define RFLAGS_RF	(UINT64_C(1) << 16)

/* What is done, by which instruction of whom. */
struct access {
	struct vmm *vmm;
	const struct place *place;
	struct axas_vcpu_regs regs;
	struct insn insn;
};

static uint64_t cut(uint64_t value, unsigned int width)
{
	return value & (UINT64_MAX >> (64 - 8 * width));
}

/* ---- registers ---- */

static uint64_t get(const struct access *a, unsigned int reg, unsigned int width)
{
	return cut(a->regs.gpr[reg], width);
}

/* 32 bits clear those above; 16 and 8 leave them. */
static void set(struct access *a, unsigned int reg, unsigned int width, uint64_t value)
{
	uint64_t was = a->regs.gpr[reg];
	uint64_t kept = width < 4 ? was - cut(was, width) : 0;

	a->regs.gpr[reg] = kept | cut(value, width);
}

static uint64_t get_operand(const struct access *a)
{
	const struct insn *insn = &a->insn;

	if (insn->immediate)
		return insn->value;
	if (insn->high)
		return a->regs.gpr[insn->reg] >> 8 & 0xff;
	return get(a, insn->reg, insn->reg_width);
}

static void set_operand(struct access *a, uint64_t value)
{
	const struct insn *insn = &a->insn;

	if (insn->high)
		set(a, insn->reg, 2, (value & 0xff) << 8 | (get(a, insn->reg, 1)));
	else
		set(a, insn->reg, insn->reg_width, value);
}

static uint64_t get_base(const struct access *a, unsigned int reg)
{
	if (reg == INSN_NO_REG)
		return 0;
	return reg == INSN_RIP ? a->regs.rip + a->insn.length : a->regs.gpr[reg];
}

/* Where the operand is. */
static uint64_t operand_linear(const struct access *a)
{
	const struct insn *insn = &a->insn;
	uint64_t offset = insn->displacement + get_base(a, insn->base) +
			  (get_base(a, insn->index) << insn->scale);

	return guest_linear(&a->regs, insn->segment, cut(offset, insn->address_width));
}

/* ---- the device ---- */

static uint64_t read_memory(struct access *a)
{
	a->vmm->counts.mmio_reads++;
	return place_read(a->vmm, a->place, a->insn.width);
}

static void write_memory(struct access *a, uint64_t value)
{
	a->vmm->counts.mmio_writes++;
	place_write(a->vmm, a->place, a->insn.width, cut(value, a->insn.width));
}

static void load(struct access *a)
{
	uint64_t value = read_memory(a);
	unsigned int above = 64 - 8 * a->insn.width;

	if (a->insn.sign)
		value = (int64_t)(value << above) >> above;
	set_operand(a, value);
}

static void compute(struct access *a)
{
	const struct insn *insn = &a->insn;
	uint64_t memory = read_memory(a), other = get_operand(a), flags = a->regs.rflags;
	uint64_t result = insn_compute(insn->op, insn->width, insn->store ? memory : other,
				       insn->store ? other : memory, &flags);

	a->regs.rflags = flags;
	if (insn->op == INSN_CMP || insn->op == INSN_TEST)
		return;
	if (insn->store)
		write_memory(a, result);
	else
		set_operand(a, result);
}

/* Return: is it done, or is there more to be stored? */
static bool store_string(struct access *a)
{
	const struct insn *insn = &a->insn;
	unsigned int width = insn->address_width;
	uint64_t step = a->regs.rflags & RFLAGS_DF ? -(uint64_t)insn->width : insn->width;

	write_memory(a, get_operand(a));
	set(a, AXAS_VCPU_RDI, width, get(a, AXAS_VCPU_RDI, width) + step);
	if (!insn->repeat)
		return true;
	set(a, AXAS_VCPU_RCX, width, get(a, AXAS_VCPU_RCX, width) - 1);
	return !get(a, AXAS_VCPU_RCX, width);
}

/* Return: false if the same instruction goes on. */
static bool perform(struct access *a)
{
	switch (a->insn.op) {
	case INSN_MOV:
		if (a->insn.store)
			write_memory(a, get_operand(a));
		else
			load(a);
		return true;
	case INSN_STOS:
		return store_string(a);
	default:
		compute(a);
		return true;
	}
}

static void step_over(struct access *a)
{
	uint64_t rip = a->regs.rip + a->insn.length;

	a->regs.rip = guest_code_bits(&a->regs) == 64 ? rip : (uint32_t)rip;
	a->regs.rflags &= ~RFLAGS_RF;
	a->regs.shadow = 0;
}

/* ---- the instruction ---- */

static void __attribute__((noreturn)) refuse(const struct access *a,
					     const struct axas_vcpu_run *run,
					     const uint8_t *bytes, size_t nr,
					     const char *why)
{
	char text[3 * INSN_MAX + 1] = "";
	size_t i;

	for (i = 0; i < nr; i++)
		sprintf(text + 3 * i, " %02x", bytes[i]);
	die("0x%" PRIx64 " (%s): %s:%s (rip 0x%" PRIx64 ")", (uint64_t)run->fault.gpa,
	    a->place->device->name, why, text, (uint64_t)a->regs.rip);
}

/* Decode an instruction. Return: why it isn't done, or NULL. */
static const char *decode(struct access *a, const struct axas_vcpu_run *run,
			  const uint8_t *bytes, size_t nr)
{
	uint64_t offset = run->fault.gpa % VMM_PAGE;

	if (run->fault.walk)
		return "the guest's page tables are there";
	if (!nr)
		return "the guest's page tables no longer lead to the instruction";
	if (!insn_decode(bytes, nr, guest_code_bits(&a->regs), &a->insn))
		return "an instruction that isn't known here";
	if (operand_linear(a) % VMM_PAGE != offset)
		return "not the operand of the instruction";
	if (offset + a->insn.width > VMM_PAGE)
		return "the operand goes on in another page";
	return NULL;
}

/**
 * mmio_emulate() - do what the guest's instruction does with a device in memory
 * @vmm: the guest
 * @run: what has ended at it
 * @place: where the access goes
 */
void mmio_emulate(struct vmm *vmm, const struct axas_vcpu_run *run,
		  const struct place *place)
{
	struct access a = { .vmm = vmm, .place = place };
	uint8_t bytes[INSN_MAX];
	const char *why;
	size_t nr;

	if (ioctl(vmm->cpu, AXAS_VCPU_GET_REGS, &a.regs))
		die("cannot read the guest's registers: %s", strerror(errno));
	nr = guest_fetch(vmm->space, &a.regs, bytes, sizeof(bytes));
	why = decode(&a, run, bytes, nr);
	if (why)
		refuse(&a, run, bytes, nr, why);
	if (perform(&a))
		step_over(&a);
	if (ioctl(vmm->cpu, AXAS_VCPU_SET_REGS, &a.regs))
		die("cannot set the guest's registers: %s", strerror(errno));
}
