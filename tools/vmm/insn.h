/* SPDX-License-Identifier: GPL-2.0 */
/*
 * axas-vmm: instructions that access memory, as far as a device is concerned. It needs no guest.
 */
#ifndef VMM_INSN_H
#define VMM_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No instruction is longer. */
#define INSN_MAX	15

/* The first eight as opcodes number them. */
enum insn_op {
	INSN_ADD, INSN_OR, INSN_ADC, INSN_SBB, INSN_AND, INSN_SUB, INSN_XOR, INSN_CMP,
	INSN_TEST, INSN_MOV, INSN_STOS,
	INSN_NR_OPS
};

/* Above the general registers, which have their numbers. */
enum {
	INSN_RIP = 16,		/* of the next instruction */
	INSN_NO_REG,
};

/**
 * struct insn - an instruction with one operand in memory
 * @length: bytes, with prefixes
 * @op: an &enum insn_op
 * @width: bytes in memory: 1, 2, 4 or 8
 * @store: memory is the destination, or the first operand of CMP and TEST
 * @immediate: the other operand is @value, not a register
 * @value: sign-extended
 * @reg: the register, by its number
 * @reg_width: bytes of it; more than @width where a load extends
 * @high: it is AH, CH, DH or BH, with the number of AX, CX, DX or BX
 * @sign: a load extends the sign
 * @repeat: as often as RCX says
 * @segment: 0 to 5: ES, CS, SS, DS, FS, GS
 * @base: register, %INSN_RIP or %INSN_NO_REG
 * @index: register or %INSN_NO_REG
 * @scale: bits by which @index is shifted
 * @address_width: bytes of the address: 2, 4 or 8
 * @displacement: sign-extended
 */
struct insn {
	uint8_t length, op, width;
	bool store, immediate;
	int64_t value;
	uint8_t reg, reg_width;
	bool high, sign, repeat;
	uint8_t segment, base, index, scale, address_width;
	int64_t displacement;
};

bool insn_decode(const uint8_t *bytes, size_t nr, unsigned int bits, struct insn *insn);
uint64_t insn_compute(unsigned int op, unsigned int width, uint64_t a, uint64_t b,
		      uint64_t *rflags);

#endif /* VMM_INSN_H */
