// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: what an instruction does with its operand in memory.
 *
 * MOV with all of its operands, MOVZX, MOVSX, MOVSXD, STOS, and ADD, OR, ADC, SBB, AND, SUB,
 * XOR, CMP and TEST. The CPU has begun with the instruction already, so what it would
 * refuse is not looked for. Encodings are those of the Intel SDM, volume 2: prefixes in 2.1.1
 * and 2.2.1, ModR/M and SIB in 2.1.5, opcodes in appendix A.
 */
#include "insn.h"

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

#define SEGMENT_ES	0
#define SEGMENT_SS	2
#define SEGMENT_DS	3

#define RFLAGS_CF	0x001
#define RFLAGS_PF	0x004
#define RFLAGS_AF	0x010
#define RFLAGS_ZF	0x040
#define RFLAGS_SF	0x080
#define RFLAGS_OF	0x800
#define RFLAGS_STATUS	0x8d5

/* What is left of the bytes, and what the prefixes were. */
struct decoder {
	const uint8_t *at, *end;
	unsigned int bits;
	uint8_t rex;		/* 0: none */
	bool other_operand, other_address, segment;
	bool bad;
	struct insn *insn;
};

static uint8_t next(struct decoder *d)
{
	if (d->at < d->end)
		return *d->at++;
	d->bad = true;
	return 0;
}

/* A number of so many bytes, sign-extended. */
static int64_t number(struct decoder *d, unsigned int bytes)
{
	uint64_t value = 0;
	unsigned int i;

	/* Each comes in at the top, and then all go down. */
	for (i = 0; i < bytes; i++)
		value = value >> 8 | (uint64_t)next(d) << 56;
	return bytes ? (int64_t)value >> (64 - 8 * bytes) : 0;
}

/* ---- prefixes ---- */

static void use_segment(struct decoder *d, uint8_t segment)
{
	d->segment = true;
	d->insn->segment = segment;
}

/* Return: false if it is none of the old ones. */
static bool old_prefix(struct decoder *d, uint8_t byte)
{
	switch (byte) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		/* 64-bit code has no use for these. */
		if (d->bits < 64)
			use_segment(d, byte >> 3 & 3);
		return true;
	case 0x64:
	case 0x65:
		use_segment(d, byte - 0x60);
		return true;
	case 0x66:
		d->other_operand = true;
		return true;
	case 0x67:
		d->other_address = true;
		return true;
	case 0xf2:
	case 0xf3:
		d->insn->repeat = true;
		return true;
	default:
		return byte == 0xf0;	/* LOCK: there is one CPU */
	}
}

/* A REX counts only right before the opcode. Return: the opcode's first byte. */
static uint8_t prefixes(struct decoder *d)
{
	uint8_t byte = next(d);

	for (;;) {
		if (d->bits == 64 && (byte & 0xf0) == 0x40)
			d->rex = byte;
		else if (old_prefix(d, byte))
			d->rex = 0;
		else
			return byte;
		byte = next(d);
	}
}

/* ---- operands ---- */

static unsigned int operand_width(const struct decoder *d)
{
	if (d->rex & REX_W)
		return 8;
	return (d->bits == 16) != d->other_operand ? 2 : 4;
}

static unsigned int address_width(const struct decoder *d)
{
	if (d->bits == 64)
		return d->other_address ? 4 : 8;
	return (d->bits == 16) != d->other_address ? 2 : 4;
}

/* Without a base, and in DS; what else is so is said later. */
static void absolute(struct decoder *d)
{
	d->insn->base = INSN_NO_REG;
	d->insn->index = INSN_NO_REG;
	if (!d->segment)
		d->insn->segment = SEGMENT_DS;
}

/* RSP and RBP mean the stack. */
static void use_base(struct decoder *d, uint8_t base)
{
	d->insn->base = base;
	if (!d->segment && (base == 4 || base == 5))
		d->insn->segment = SEGMENT_SS;
}

/* BX+SI, BX+DI, BP+SI, BP+DI, SI, DI, BP, BX; no base where BP has no displacement */
static void modrm_16(struct decoder *d, unsigned int mod, unsigned int rm)
{
	static const uint8_t base[] = { 3, 3, 5, 5, 6, 7, 5, 3 };

	if (mod || rm != 6)
		use_base(d, base[rm]);
	if (rm < 4)
		d->insn->index = 6 + (rm & 1);
	d->insn->displacement = number(d, mod == 1 ? 1 : mod == 2 || rm == 6 ? 2 : 0);
}

/* Return: is there a base? */
static bool sib(struct decoder *d, unsigned int mod)
{
	uint8_t byte = next(d), index = (byte >> 3 & 7) | (d->rex & REX_X) << 2;

	if (index != 4) {
		d->insn->index = index;
		d->insn->scale = byte >> 6;
	}
	if (!mod && (byte & 7) == 5)
		return false;
	use_base(d, (byte & 7) | (d->rex & REX_B) << 3);
	return true;
}

static void modrm_32(struct decoder *d, unsigned int mod, unsigned int rm)
{
	bool base = true;

	if (rm == 4) {
		base = sib(d, mod);
	} else if (!mod && rm == 5) {
		base = false;
		if (d->bits == 64)
			d->insn->base = INSN_RIP;
	} else {
		use_base(d, rm | (d->rex & REX_B) << 3);
	}
	d->insn->displacement = number(d, mod == 1 ? 1 : mod == 2 || !base ? 4 : 0);
}

/* Return: the field in the middle, which is a register, or part of the opcode. */
static unsigned int modrm(struct decoder *d)
{
	uint8_t byte = next(d);

	if (byte >> 6 == 3)
		d->bad = true;	/* no memory */
	absolute(d);
	if (d->insn->address_width == 2)
		modrm_16(d, byte >> 6, byte & 7);
	else
		modrm_32(d, byte >> 6, byte & 7);
	return byte >> 3 & 7;
}

/* ---- opcodes ---- */

/* Without a REX the upper four registers of a byte are the others' second bytes. */
static void use_register(struct decoder *d, unsigned int reg, unsigned int width)
{
	struct insn *insn = d->insn;

	insn->high = width == 1 && !d->rex && reg >= 4;
	insn->reg = insn->high ? reg - 4 : reg | (d->rex & REX_R) << 1;
	insn->reg_width = width;
}

static void with_register(struct decoder *d, unsigned int op, bool load)
{
	d->insn->op = op;
	d->insn->store = !load;
	use_register(d, modrm(d), d->insn->width);
}

/* Of at most four bytes. Return: the field that says which operation. */
static unsigned int with_immediate(struct decoder *d, unsigned int bytes)
{
	unsigned int field = modrm(d);

	d->insn->store = true;
	d->insn->immediate = true;
	d->insn->value = number(d, bytes < 4 ? bytes : 4);
	return field;
}

/* Of such a group one operation is known here. */
static void only_first(struct decoder *d, unsigned int op)
{
	d->insn->op = op;
	if (with_immediate(d, d->insn->width))
		d->bad = true;
}

/* AL, AX, EAX or RAX, and an address that the instruction has */
static void with_offset(struct decoder *d, bool load)
{
	d->insn->op = INSN_MOV;
	d->insn->store = !load;
	use_register(d, 0, d->insn->width);
	d->insn->reg = 0;
	absolute(d);
	d->insn->displacement = number(d, d->insn->address_width);
}

static void string(struct decoder *d)
{
	d->insn->op = INSN_STOS;
	d->insn->store = true;
	use_register(d, 0, d->insn->width);
	d->insn->reg = 0;
	absolute(d);
	d->insn->segment = SEGMENT_ES;
	d->insn->base = 7;
}

/* A load into a register that is wider. */
static void extend(struct decoder *d, unsigned int width, bool sign)
{
	d->insn->op = INSN_MOV;
	d->insn->width = width;
	d->insn->sign = sign;
	use_register(d, modrm(d), operand_width(d));
}

static void two_bytes(struct decoder *d)
{
	uint8_t byte = next(d);

	if ((byte & 0xf6) == 0xb6)	/* b6, b7, be, bf */
		extend(d, byte & 1 ? 2 : 1, byte & 8);
	else
		d->bad = true;
}

/* What computes, by opcodes of one byte. */
static void arithmetic(struct decoder *d, uint8_t byte)
{
	switch (byte) {
	case 0x80:
	case 0x81:
		d->insn->op = with_immediate(d, d->insn->width);
		break;
	case 0x83:
		d->insn->op = with_immediate(d, 1);
		break;
	case 0x84:
	case 0x85:
		with_register(d, INSN_TEST, false);
		break;
	case 0xf6:
	case 0xf7:
		only_first(d, INSN_TEST);
		break;
	default:
		if (byte & 0xc4)
			d->bad = true;
		else
			with_register(d, byte >> 3, byte & 2);
	}
}

static void one_byte(struct decoder *d, uint8_t byte)
{
	switch (byte) {
	case 0x0f:
		two_bytes(d);
		break;
	case 0x63:		/* in 64-bit code MOVSXD */
		d->bad = d->bits < 64 || operand_width(d) == 2;
		extend(d, 4, true);
		break;
	case 0x88 ... 0x8b:
		with_register(d, INSN_MOV, byte & 2);
		break;
	case 0xa0 ... 0xa3:
		with_offset(d, !(byte & 2));
		break;
	case 0xaa:
	case 0xab:
		string(d);
		break;
	case 0xc6:
	case 0xc7:
		only_first(d, INSN_MOV);
		break;
	default:
		arithmetic(d, byte);
	}
}

/**
 * insn_decode() - say what an instruction does
 * @bytes: of memory, where it begins
 * @nr: how many there are; %INSN_MAX will always do
 * @bits: what code there is: 16, 32 or 64
 * @insn: where the answer goes
 *
 * Return: false if it is none that is known here, or doesn't end in @bytes.
 */
bool insn_decode(const uint8_t *bytes, size_t nr, unsigned int bits, struct insn *insn)
{
	struct decoder d = {
		.at = bytes,
		.end = bytes + (nr < INSN_MAX ? nr : INSN_MAX),
		.bits = bits,
		.insn = insn,
	};
	uint8_t byte;

	*insn = (struct insn){ 0 };
	byte = prefixes(&d);
	insn->width = byte & 1 ? operand_width(&d) : 1;
	insn->address_width = address_width(&d);
	one_byte(&d, byte);
	if (insn->op != INSN_STOS)
		insn->repeat = false;
	insn->length = d.at - bytes;
	return !d.bad;
}

/* ---- arithmetic ---- */

/* Vol. 1, 3.4.3.1. In carries a bit says whether that bit had one. */
static uint64_t flags_of(uint64_t result, uint64_t carries, bool overflow,
			 unsigned int width)
{
	unsigned int top = 8 * width - 1;

	return (carries >> top & 1 ? RFLAGS_CF : 0) |
	       (__builtin_parity(result & 0xff) ? 0 : RFLAGS_PF) |
	       (carries & 8 ? RFLAGS_AF : 0) |
	       (result << (63 - top) ? 0 : RFLAGS_ZF) |
	       (result >> top & 1 ? RFLAGS_SF : 0) |
	       (overflow ? RFLAGS_OF : 0);
}

/**
 * insn_compute() - compute what an operation gives
 * @op: ADD to TEST of &enum insn_op
 * @width: bytes
 * @a: first operand
 * @b: second operand
 * @rflags: in and out
 *
 * Return: what the first operand becomes, but for CMP and TEST; bits above @width have no
 * meaning.
 */
uint64_t insn_compute(unsigned int op, unsigned int width, uint64_t a, uint64_t b,
		      uint64_t *rflags)
{
	uint64_t carry = (op == INSN_ADC || op == INSN_SBB) && *rflags & RFLAGS_CF;
	uint64_t result, carries = 0, overflows = 0;

	switch (op) {
	case INSN_ADD:
	case INSN_ADC:
		result = a + b + carry;
		carries = (a & b) | ((a | b) & ~result);
		overflows = (a ^ result) & (b ^ result);
		break;
	case INSN_SBB:
	case INSN_SUB:
	case INSN_CMP:
		result = a - b - carry;
		carries = (~a & b) | ((~a | b) & result);
		overflows = (a ^ b) & (a ^ result);
		break;
	case INSN_OR:
		result = a | b;
		break;
	case INSN_XOR:
		result = a ^ b;
		break;
	default:
		result = a & b;
	}
	*rflags = (*rflags & ~(uint64_t)RFLAGS_STATUS) |
		  flags_of(result, carries, overflows >> (8 * width - 1) & 1, width);
	return result;
}
