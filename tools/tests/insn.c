// SPDX-License-Identifier: GPL-2.0
/*
 * insn - what axas-vmm makes of instructions and page tables, without a guest
 *
 *   insn [FILE]	FILE is the memory of a guest
 *
 * Reads lines:
 *   decode BITS BYTE...	prints what the instruction is, or "none"
 *   compute OP WIDTH A B FLAGS	prints the result, in so many bytes, and the flags
 *   walk CR0 CR3 CR4 EFER ADDRESS	prints the GPA, or "none"
 *
 * Numbers are hexadecimal, but for BITS and WIDTH.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../vmm/insn.h"
#include "../vmm/vmm.h"

static const char *const ops[INSN_NR_OPS] = {
	"add", "or", "adc", "sbb", "and", "sub", "xor", "cmp", "test", "mov", "stos",
};
static const char *const segments[] = { "es", "cs", "ss", "ds", "fs", "gs" };

static int memory = -1;

/* "r0" to "r15", and "r0h" for AH */
static void print_operand(const struct insn *insn)
{
	if (insn->immediate)
		printf(" %" PRId64, insn->value);
	else
		printf(" r%u%s:%u", insn->reg, insn->high ? "h" : "", insn->reg_width);
}

static void print_address(const struct insn *insn)
{
	printf(" %s:", segments[insn->segment]);
	if (insn->base == INSN_RIP)
		printf("rip+");
	else if (insn->base != INSN_NO_REG)
		printf("r%u+", insn->base);
	if (insn->index != INSN_NO_REG)
		printf("r%u*%u+", insn->index, 1 << insn->scale);
	printf("%" PRId64 ":%u", insn->displacement, insn->address_width);
}

static void decode(char *line)
{
	uint8_t bytes[32];
	size_t nr = 0;
	struct insn insn;
	char *word = strtok(line, " ");
	unsigned int bits = strtoul(word, NULL, 10);

	while (nr < sizeof(bytes) && (word = strtok(NULL, " ")))
		bytes[nr++] = strtoul(word, NULL, 16);
	if (!insn_decode(bytes, nr, bits, &insn)) {
		puts("none");
		return;
	}
	printf("%u %s%s %s %u", insn.length, insn.repeat ? "rep " : "", ops[insn.op],
	       insn.store ? "to" : insn.sign ? "from signed" : "from", insn.width);
	print_address(&insn);
	print_operand(&insn);
	putchar('\n');
}

static void compute(const char *line)
{
	char name[8];
	unsigned int op = 0, width;
	uint64_t a, b, flags, result;

	if (sscanf(line, "%7s %u %" SCNx64 " %" SCNx64 " %" SCNx64, name, &width, &a, &b,
		   &flags) != 5)
		abort();
	while (strcmp(ops[op], name))
		op++;
	result = insn_compute(op, width, a, b, &flags);
	printf("%0*" PRIx64 " %" PRIx64 "\n", 2 * width,
	       result & (UINT64_MAX >> (64 - 8 * width)), flags);
}

static void walk(const char *line)
{
	uint64_t cr0, cr3, cr4, efer, linear, gpa;
	struct axas_vcpu_regs regs = { 0 };

	if (sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64, &cr0,
		   &cr3, &cr4, &efer, &linear) != 5)
		abort();
	regs.cr0 = cr0;
	regs.cr3 = cr3;
	regs.cr4 = cr4;
	regs.efer = efer;
	if (guest_translate(memory, &regs, linear, &gpa))
		printf("%" PRIx64 "\n", gpa);
	else
		puts("none");
}

int main(int argc, char **argv)
{
	char line[256];

	if (argc > 1)
		memory = open(argv[1], O_RDONLY);
	while (fgets(line, sizeof(line), stdin)) {
		if (!strncmp(line, "decode ", 7))
			decode(line + 7);
		else if (!strncmp(line, "walk ", 5))
			walk(line + 5);
		else
			compute(line + 8);
	}
	return 0;
}
