// SPDX-License-Identifier: MIT
/*
 * A virtual machine without any hardware for it: an interpreter of RV64I over a
 * space. Documentation/monitors.rst goes through it.
 *
 *   emulator [FILE]	FILE: what is in ROM, instead of the program in guest.h
 *
 * A CPU walks the nested page table, keeps what it finds in its TLB, and faults
 * where there is nothing. So does this one: AXAS_TRANSLATE walks, AXAS_FAULT says
 * what a fault came to, and a window is its way to memory.
 */
#define _GNU_SOURCE
#include <axas.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

#define READ		AXAS_PROT_READ
#define WRITE		AXAS_PROT_WRITE
#define EXEC		AXAS_PROT_EXEC
#define PAGE		4096ULL

/* The machine, not unlike QEMU's "virt" */
#define ROM		0x00001000ULL
#define ROM_SIZE	0x10000ULL
#define POWER		0x00100000ULL
#define UART		0x10000000ULL
#define BALLOON		0x10001000ULL
#define RAM		0x80000000ULL
#define RAM_SIZE	(64ULL << 20)

/* Cookies, by which we know what an access meets */
enum { THE_ROM = 1, THE_POWER, THE_UART, THE_BALLOON };

#define UART_STATUS	5
#define UART_READY	0x20
#define POWER_OFF	0x5555

struct tlb_entry {
	uint64_t page;
	uint32_t prot;		/* 0: empty */
};

#define TLB_ENTRIES	16

struct machine {
	uint64_t pc, x[32];
	const char *stop;	/* why it does */
	int space;
	char *memory;		/* window: a GPA is an offset in it */
	struct tlb_entry tlb[TLB_ENTRIES];
	uint64_t instructions, hits, walks;
};

/* Values below 0 are errors everywhere in libaxas. */
static int check(int value, const char *what)
{
	if (value < 0)
		error(2, -value, "%s", what);
	return value;
}

/* ---- the MMU ---- */

static struct tlb_entry *tlb_entry(struct machine *m, uint64_t gpa)
{
	return &m->tlb[gpa / PAGE % TLB_ENTRIES];
}

static bool tlb_allows(struct machine *m, uint64_t gpa, int access)
{
	const struct tlb_entry *t = tlb_entry(m, gpa);

	return t->page == gpa / PAGE && t->prot & access;
}

/* Walk the table, without touching anything; a leaf goes into the TLB. */
static bool walk(struct machine *m, uint64_t gpa, int access)
{
	struct axas_translate_entry at;
	int state = check(axas_translate(m->space, gpa, &at), "translate");

	m->walks++;
	if (state != AXAS_TRANSLATE_MAPPED || !(at.prot & access))
		return false;
	*tlb_entry(m, gpa) = (struct tlb_entry){ gpa / PAGE, at.prot };
	return true;
}

/* Where the memory is, or NULL: then @exit says what there is instead. */
static void *reach(struct machine *m, uint64_t gpa, int access, int width,
		   struct axas_fault_entry *exit)
{
	*exit = (struct axas_fault_entry){
		.gpa = gpa, .access = access, .width = width,
		.result = AXAS_FAULT_INVALID,
	};
	if (gpa % width) {	/* so none is in two pages */
		m->stop = "an access that isn't aligned";
		return NULL;
	}
	if (tlb_allows(m, gpa, access)) {
		m->hits++;
		return m->memory + gpa;
	}
	/* Once more only if somebody takes away what a fault has brought. */
	while (!walk(m, gpa, access)) {
		check(axas_faults(m->space, exit, 1), "fault");
		if (exit->result == AXAS_FAULT_NO_MEMORY)
			m->stop = "this computer has no memory left";
		else if (exit->result == AXAS_FAULT_POISONED)
			m->stop = "the memory there has failed";
		if (exit->result != AXAS_FAULT_RESOLVED &&
		    exit->result != AXAS_FAULT_SPURIOUS)
			return NULL;
	}
	return m->memory + gpa;
}

/* ---- what is no memory ---- */

/* Whoever takes memory away drops what its CPUs have cached of it. */
static void give_back(struct machine *m, uint64_t gpa)
{
	if (gpa >= RAM && gpa < RAM + RAM_SIZE && gpa % PAGE == 0) {
		check(axas_discard(m->space, gpa, PAGE, NULL), "discard");
		tlb_entry(m, gpa)->prot = 0;
	}
}

static uint64_t device_read(const struct axas_fault_entry *exit)
{
	if (exit->cookie == THE_UART && exit->offset == UART_STATUS)
		return UART_READY;
	return 0;
}

static void device_write(struct machine *m, const struct axas_fault_entry *exit,
			 uint64_t value)
{
	if (exit->cookie == THE_UART && exit->offset == 0)
		putchar(value & 0xff);
	else if (exit->cookie == THE_BALLOON)
		give_back(m, value);
	else if (exit->cookie == THE_POWER && value == POWER_OFF)
		m->stop = "power off";
}

/* ---- the CPU ---- */

static uint64_t load(struct machine *m, uint64_t gpa, int width)
{
	struct axas_fault_entry exit;
	uint64_t value = UINT64_MAX;	/* what a bus says if nobody answers */
	const void *from = reach(m, gpa, READ, width, &exit);

	if (from)
		memcpy(&value, from, width);
	else if (exit.result == AXAS_FAULT_DEVICE)
		value = device_read(&exit);
	return value;
}

static void store(struct machine *m, uint64_t gpa, uint64_t value, int width)
{
	struct axas_fault_entry exit;
	void *to = reach(m, gpa, WRITE, width, &exit);

	if (to)
		memcpy(to, &value, width);
	else if (exit.result == AXAS_FAULT_DEVICE)
		device_write(m, &exit, value);
	else if (exit.result == AXAS_FAULT_DENIED && exit.cookie == THE_ROM)
		printf("[ROM ignores a write at offset %#llx]\n", exit.offset);
}

static uint32_t fetch(struct machine *m)
{
	struct axas_fault_entry exit;
	uint32_t insn = 0;
	const void *from = reach(m, m->pc, EXEC, sizeof(insn), &exit);

	if (from)
		memcpy(&insn, from, sizeof(insn));
	else if (!m->stop)
		m->stop = "there is no code";
	return insn;
}

static uint32_t bits(uint32_t insn, int from, int nr)
{
	return insn >> from & ((1u << nr) - 1);
}

static int64_t extend(uint64_t value, int nr)
{
	return (int64_t)(value << (64 - nr)) >> (64 - nr);
}

static int64_t imm_i(uint32_t insn)
{
	return extend(bits(insn, 20, 12), 12);
}

static int64_t imm_s(uint32_t insn)
{
	return extend(bits(insn, 25, 7) << 5 | bits(insn, 7, 5), 12);
}

static int64_t imm_b(uint32_t insn)
{
	return extend(bits(insn, 31, 1) << 12 | bits(insn, 7, 1) << 11 |
		      bits(insn, 25, 6) << 5 | bits(insn, 8, 4) << 1, 13);
}

static int64_t imm_u(uint32_t insn)
{
	return extend(insn & 0xfffff000, 32);
}

static int64_t imm_j(uint32_t insn)
{
	return extend(bits(insn, 31, 1) << 20 | bits(insn, 12, 8) << 12 |
		      bits(insn, 20, 1) << 11 | bits(insn, 21, 10) << 1, 21);
}

/* @alt: bit 30, which makes an add a sub and a shift one of signed numbers */
static uint64_t alu(uint32_t op, bool alt, uint64_t a, uint64_t b)
{
	switch (op) {
	case 0:
		return alt ? a - b : a + b;
	case 1:
		return a << (b & 63);
	case 2:
		return (int64_t)a < (int64_t)b;
	case 3:
		return a < b;
	case 4:
		return a ^ b;
	case 5:
		return alt ? (uint64_t)((int64_t)a >> (b & 63)) : a >> (b & 63);
	case 6:
		return a | b;
	default:
		return a & b;
	}
}

/* The same on 32 bits, whose result is sign-extended */
static uint64_t alu32(uint32_t op, bool alt, uint64_t a, uint64_t b)
{
	if (op == 5)
		return alt ? (int32_t)a >> (b & 31) :
			     extend((uint32_t)a >> (b & 31), 32);
	return extend(alu(op, alt, a, op == 1 ? b & 31 : b), 32);
}

static bool taken(uint32_t op, uint64_t a, uint64_t b)
{
	static const uint32_t compare[] = { 4, 0, 2, 3 };
	bool yes;

	/* Equal, less, less of unsigned numbers; the odd ones are their contrary. */
	yes = op / 2 ? alu(compare[op / 2], false, a, b) : a == b;
	return yes != op % 2;
}

/* A value from memory as its width and sign say: lb, lh, lw, ld, lbu, lhu, lwu */
static uint64_t load_as(struct machine *m, uint32_t op, uint64_t gpa)
{
	const int width = 1 << (op & 3);
	uint64_t value = load(m, gpa, width);

	return op & 4 ? value & (UINT64_MAX >> (64 - 8 * width)) :
			(uint64_t)extend(value, 8 * width);
}

/* Of the immediate of a shift all bits but these are the amount. */
static bool bad_shift(uint32_t insn, bool wide)
{
	const uint32_t op = bits(insn, 12, 3);

	return (op == 1 || op == 5) &&
	       (wide ? bits(insn, 26, 6) << 1 : bits(insn, 25, 7)) &
	       ~(op == 5 ? 0x20u : 0);
}

static bool bad_op(uint32_t insn, bool wide)
{
	const uint32_t op = bits(insn, 12, 3), more = bits(insn, 25, 7);

	return (more && (more != 0x20 || (op != 0 && op != 5))) ||
	       (!wide && op != 0 && op != 1 && op != 5);
}

static void step(struct machine *m)
{
	const uint32_t insn = fetch(m), op = bits(insn, 12, 3);
	const uint64_t a = m->x[bits(insn, 15, 5)], b = m->x[bits(insn, 20, 5)];
	const bool alt = bits(insn, 30, 1);
	uint64_t next = m->pc + 4, unused;
	uint64_t *d = bits(insn, 7, 5) ? &m->x[bits(insn, 7, 5)] : &unused;
	bool bad = false;

	if (m->stop)
		return;
	switch (bits(insn, 0, 7)) {
	case 0x37:	/* lui */
		*d = imm_u(insn);
		break;
	case 0x17:	/* auipc */
		*d = m->pc + imm_u(insn);
		break;
	case 0x6f:	/* jal */
		*d = next;
		next = m->pc + imm_j(insn);
		break;
	case 0x67:	/* jalr */
		bad = op;
		*d = next;
		next = (a + imm_i(insn)) & ~1ULL;
		break;
	case 0x63:	/* beq, bne, blt, bge, bltu, bgeu */
		bad = op == 2 || op == 3;
		if (!bad && taken(op, a, b))
			next = m->pc + imm_b(insn);
		break;
	case 0x03:
		bad = op == 7;
		if (!bad)
			*d = load_as(m, op, a + imm_i(insn));
		break;
	case 0x23:	/* sb, sh, sw, sd */
		bad = op > 3;
		if (!bad)
			store(m, a + imm_s(insn), b, 1 << op);
		break;
	case 0x13:	/* addi and the like */
		bad = bad_shift(insn, true);
		*d = alu(op, op == 5 && alt, a, imm_i(insn));
		break;
	case 0x33:	/* add and the like */
		bad = bad_op(insn, true);
		*d = alu(op, alt, a, b);
		break;
	case 0x1b:	/* addiw and the like */
		bad = bad_shift(insn, false) || (op != 0 && op != 1 && op != 5);
		*d = alu32(op, op == 5 && alt, a, imm_i(insn));
		break;
	case 0x3b:	/* addw and the like */
		bad = bad_op(insn, false);
		*d = alu32(op, alt, a, b);
		break;
	case 0x0f:	/* fence: there is one CPU */
		break;
	default:
		bad = true;
	}
	if (bad)
		m->stop = "there is no such instruction";
	if (m->stop)
		return;
	m->pc = next;
	m->instructions++;
}

/* ---- the machine ---- */

static void make_space(struct machine *m)
{
	const struct axas_map rom = {
		.gpa = ROM, .length = ROM_SIZE, .backend = AXAS_BACKEND_ALLOC,
		.prot = READ | EXEC, .flags = AXAS_MAP_ROM, .cookie = THE_ROM,
	};
	int dev = check(axas_open(NULL), "/dev/axas");
	void *window;

	m->space = check(axas_create(dev, NULL), "create");
	close(dev);
	check(axas_map(m->space, &rom), "ROM");
	check(axas_map_alloc(m->space, RAM, RAM_SIZE, READ | WRITE | EXEC),
	      "RAM");
	check(axas_map_device(m->space, POWER, PAGE, THE_POWER), "power");
	check(axas_map_device(m->space, UART, PAGE, THE_UART), "UART");
	check(axas_map_device(m->space, BALLOON, PAGE, THE_BALLOON), "balloon");
	check(axas_window(m->space, 0, RAM + RAM_SIZE, PROT_READ | PROT_WRITE,
			  &window), "window");
	m->memory = window;
}

/* The guest can't write there, who has the space can. */
static void fill_rom(struct machine *m, const char *path)
{
	static char image[ROM_SIZE];
	int fd = path ? open(path, O_RDONLY) : -1;
	ssize_t length = sizeof(image);

	if (!path) {
		memcpy(image, guest_code, sizeof(guest_code));
		memcpy(image + 0x1000, guest_text, sizeof(guest_text));
	} else {
		length = read(fd, image, sizeof(image));
		if (length < 0)
			error(2, errno, "%s", path);
	}
	check(axas_write(m->space, ROM, image, length), "ROM");
}

static void figures(const struct machine *m)
{
	struct axas_stats s;
	int i;

	check(axas_stats(m->space, &s), "statistics");
	printf("%" PRIu64 " instructions, %" PRIu64 " TLB hits, %" PRIu64
	       " walks, %llu KiB resident\n", m->instructions, m->hits,
	       m->walks, s.resident >> 10);
	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		if (s.faults[i])
			printf("faults %s: %llu\n", axas_result_name(i),
			       s.faults[i]);
}

int main(int argc, char **argv)
{
	struct machine m = { .pc = ROM };

	make_space(&m);
	fill_rom(&m, argc > 1 ? argv[1] : NULL);
	while (!m.stop)
		step(&m);
	printf("at %#" PRIx64 ": %s\n", m.pc, m.stop);
	figures(&m);
	return strcmp(m.stop, "power off") != 0;
}
