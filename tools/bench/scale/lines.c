// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin of QEMU's: which CPU writes which cache line, counted exactly.
 *
 *   -accel tcg,thread=single -plugin axas_lines.so,map=SYMBOLS,out=FILE
 *
 * One CPU runs after the other: what they share is the same, and nothing here is
 * locked.
 *
 * A program in the guest says by markers (marker.h) when a CPU counts. Counted is
 * what the system calls of that CPU do in the kernel, or what the program itself
 * does. What interrupts do isn't, nor what a call does once it has slept or lost the
 * CPU: somebody else runs then. SYMBOLS, in the form of System.map, say where all
 * these enter; the kernel has to be where they say (nokaslr).
 *
 * FILE has for each window, from one MARKER_CLOSE to the next,
 *
 *   window N cpus calls instructions stores atomics sleeps
 *   line ADDRESS cpus visits moves writes atomics lost PC...
 *
 * with a line for each that more than one CPU has written. A visit is a call, or
 * a turn of the program, that wrote it; a move one that found it another CPU's.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qemu-plugin.h>

#include "marker.h"

#define MAX_CPUS	64
#define MAX_PCS		12
#define MAX_ENTRIES	128
#define MAX_INSN	15
#define LINE_SHIFT	6
#define KERNEL		(1ull << 63)

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

enum place { NOWHERE, SYSTEM_CALL, INTERRUPT, TRAP, SCHEDULER };

struct line {
	uint64_t at;	/* address / 64 + 1; 0: unused */
	uint64_t cpus;
	uint64_t visits;
	uint64_t moves;
	uint64_t writes;
	uint64_t atomics;
	uint64_t last;	/* the call that has visited it */
	uint32_t pcs[MAX_PCS];	/* low halves: the kernel is in the last 2 GiB */
	uint32_t nr_pcs;
	uint32_t lost;
	uint32_t owner;	/* the CPU that wrote it last, and 1; 0: none yet */
};

struct cpu {
	enum marker what;	/* MARKER_KERNEL, _USER, _OTHER; else it doesn't count */
	bool in_call;
	unsigned int interrupts;	/* one in another */
	uint64_t call;
};

/* What is known of a block or an instruction when it is translated. */
struct code {
	uint64_t pc;
	unsigned int count;	/* of the block: instructions */
	unsigned int left;	/* of a marker: those behind it */
	enum place place;
	enum marker marker;
	bool atomic;
};

static struct cpu cpus[MAX_CPUS];
static struct line *lines;
static uint64_t nr_lines, mask;
static uint64_t calls, instructions, stores, atomics, sleeps, last_call;
static uint64_t counted;	/* CPUs, since the window was opened */
static unsigned int window;
static struct { uint64_t pc; enum place place; } entries[MAX_ENTRIES];
static unsigned int nr_entries;
static bool armed;
static FILE *out;

/* ---- lines ---- */

static struct line *slot(struct line *table, uint64_t size_mask, uint64_t at)
{
	uint64_t i = (at * 0x9e3779b97f4a7c15ull) >> 32;

	for (;; i++)
		if (!table[i & size_mask].at || table[i & size_mask].at == at)
			return &table[i & size_mask];
}

static struct line *new_table(uint64_t size)
{
	struct line *table = calloc(size, sizeof(*table));

	if (!table) {
		fprintf(stderr, "axas_lines: no memory\n");
		exit(1);
	}
	return table;
}

static struct line *line_of(uint64_t vaddr)
{
	uint64_t at = (vaddr >> LINE_SHIFT) + 1, i;
	struct line *line, *old = lines;

	if (nr_lines * 2 > mask) {
		lines = new_table(2 * (mask + 1));
		for (i = 0; i <= mask; i++)
			if (old[i].at)
				*slot(lines, 2 * mask + 1, old[i].at) = old[i];
		mask = 2 * mask + 1;
		free(old);
	}
	line = slot(lines, mask, at);
	if (!line->at) {
		line->at = at;
		nr_lines++;
	}
	return line;
}

static void note_pc(struct line *line, uint32_t pc)
{
	unsigned int i;

	for (i = 0; i < line->nr_pcs; i++)
		if (line->pcs[i] == pc)
			return;
	if (i < MAX_PCS)
		line->pcs[line->nr_pcs++] = pc;
	else
		line->lost++;
}

static void print_window(void)
{
	const struct line *line;
	unsigned int i;

	fprintf(out, "window %u %d %llu %llu %llu %llu %llu\n", window++,
		__builtin_popcountll(counted), (unsigned long long)calls,
		(unsigned long long)instructions, (unsigned long long)stores,
		(unsigned long long)atomics, (unsigned long long)sleeps);
	for (line = lines; line <= lines + mask; line++) {
		if (!(line->cpus & (line->cpus - 1)))
			continue;
		fprintf(out, "line %llx %d %llu %llu %llu %llu %u",
			(unsigned long long)((line->at - 1) << LINE_SHIFT),
			__builtin_popcountll(line->cpus),
			(unsigned long long)line->visits,
			(unsigned long long)line->moves,
			(unsigned long long)line->writes,
			(unsigned long long)line->atomics, line->lost);
		for (i = 0; i < line->nr_pcs; i++)
			fprintf(out, " %x", line->pcs[i]);
		fprintf(out, "\n");
	}
	fflush(out);
}

static void close_window(void)
{
	print_window();
	memset(lines, 0, (mask + 1) * sizeof(*lines));
	nr_lines = 0;
	calls = 0;
	instructions = 0;
	stores = 0;
	atomics = 0;
	sleeps = 0;
	counted = 0;
}

/* ---- what runs ---- */

static bool counts(const struct cpu *cpu, uint64_t pc)
{
	if (!(pc & KERNEL))
		return cpu->what == MARKER_USER;
	return (cpu->what == MARKER_KERNEL || cpu->what == MARKER_OTHER) &&
	       cpu->in_call && !cpu->interrupts;
}

/* Calls have numbers that no two CPUs share, so that a line's last one says whose. */
static void next_call(struct cpu *cpu)
{
	if (cpu->what == MARKER_KERNEL || cpu->what == MARKER_USER)
		calls++;
	cpu->call = ++last_call;
}

static void enters(struct cpu *cpu, const struct code *code)
{
	switch (code->place) {
	case SYSTEM_CALL:
		cpu->in_call = true;
		cpu->interrupts = 0;
		next_call(cpu);
		break;
	case INTERRUPT:
		cpu->interrupts++;
		break;
	case TRAP: /* of the call, unless it is an interrupt's */
		cpu->interrupts += !!cpu->interrupts;
		break;
	case SCHEDULER:
		sleeps += counts(cpu, code->pc) && cpu->what != MARKER_OTHER;
		cpu->in_call = false;
		break;
	case NOWHERE:
		break;
	}
}

static void block_runs(unsigned int index, void *data)
{
	const struct code *code = data;
	struct cpu *cpu = &cpus[index];

	enters(cpu, code);
	if (counts(cpu, code->pc) && cpu->what != MARKER_OTHER)
		instructions += code->count;
}

static void stored(unsigned int index, qemu_plugin_meminfo_t info,
		   uint64_t vaddr, void *data)
{
	const struct code *code = data;
	struct cpu *cpu = &cpus[index];
	struct line *line;
	bool moved;

	/* QEMU 7.2 calls for loads too. */
	if (!qemu_plugin_mem_is_store(info) || !counts(cpu, code->pc))
		return;
	line = line_of(vaddr);
	line->cpus |= 1ull << index;
	moved = line->owner && line->owner != index + 1;
	line->owner = index + 1;
	if (cpu->what == MARKER_OTHER)
		return;
	stores++;
	atomics += code->atomic;
	line->writes++;
	line->atomics += code->atomic;
	if (line->last != cpu->call) {
		line->last = cpu->call;
		line->visits++;
		line->moves += moved;
	}
	note_pc(line, code->pc);
}

static void returns(unsigned int index, void *data)
{
	(void)data;
	if (cpus[index].interrupts)
		cpus[index].interrupts--;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);

static void arm(qemu_plugin_id_t id)
{
	armed = true;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
}

static qemu_plugin_id_t me;

/* The block was counted whole if the CPU counted when it began, or else not. */
static void marked(unsigned int index, void *data)
{
	const struct code *code = data;
	struct cpu *cpu = &cpus[index];

	switch (code->marker) {
	case MARKER_ARM:
		/* What has been translated so far has no calls into this. */
		if (!armed)
			qemu_plugin_reset(me, arm);
		break;
	case MARKER_KERNEL:
	case MARKER_USER:
	case MARKER_OTHER:
		cpu->what = code->marker;
		cpu->in_call = false;
		counted |= 1ull << index;
		if (cpu->what == MARKER_USER)
			instructions += code->left;
		break;
	case MARKER_NEXT:
		next_call(cpu);
		break;
	case MARKER_STOP:
		if (cpu->what == MARKER_USER)
			instructions -= code->left + 1;
		cpu->what = MARKER_STOP;
		break;
	case MARKER_CLOSE:
		close_window();
		break;
	}
}

/* ---- what is translated ---- */

static bool is_prefix(uint8_t byte)
{
	return byte == 0x66 || byte == 0x67 || byte == 0x2e || byte == 0x36 ||
	       byte == 0x3e || byte == 0x26 || byte == 0x64 || byte == 0x65 ||
	       byte == 0xf0 || byte == 0xf2 || byte == 0xf3;
}

/* Locked, by a prefix or because xchg with memory is so. */
static bool is_atomic(const uint8_t *byte, size_t size)
{
	bool lock = false;
	size_t i;

	for (i = 0; i < size && is_prefix(byte[i]); i++)
		lock |= byte[i] == 0xf0;
	if (i < size && (byte[i] & 0xf0) == 0x40)
		i++;
	if (lock || i + 1 >= size)
		return lock;
	return (byte[i] == 0x86 || byte[i] == 0x87) && byte[i + 1] < 0xc0;
}

/* nopl MARKER(%rax), with an offset that nothing else has */
static bool is_marker(const uint8_t *byte, size_t size, enum marker *marker)
{
	uint32_t value;

	if (size != 7 || byte[0] != 0x0f || byte[1] != 0x1f || byte[2] != 0x80)
		return false;
	memcpy(&value, byte + 3, sizeof(value));
	*marker = value & 0xff;
	return (value & ~0xffu) == MARKER_MAGIC;
}

static bool is_iretq(const uint8_t *byte, size_t size)
{
	return size == 2 && byte[0] == 0x48 && byte[1] == 0xcf;
}

/*
 * iretq, syscall, sysret: QEMU 7.2 goes on from one of them with a pointer to its
 * callbacks, and follows it when they are gone.
 */
static bool leaves(const uint8_t *byte, size_t size)
{
	return is_iretq(byte, size) ||
	       (size == 2 && byte[0] == 0x0f && byte[1] == 0x05) ||
	       (size == 3 && byte[1] == 0x0f && byte[2] == 0x07);
}

/* Kept for good: a block may run after it was thrown away, and is seldom made anew. */
static struct code *new_code(uint64_t pc)
{
	struct code *code = calloc(1, sizeof(*code));

	if (!code)
		exit(1);
	code->pc = pc;
	return code;
}

static enum place place_of(uint64_t pc)
{
	unsigned int i;

	for (i = 0; i < nr_entries; i++)
		if (entries[i].pc == pc)
			return entries[i].place;
	return NOWHERE;
}

#if QEMU_PLUGIN_VERSION < 3
static size_t bytes_of(const struct qemu_plugin_insn *insn, uint8_t *to)
{
	size_t size = qemu_plugin_insn_size(insn);

	memcpy(to, qemu_plugin_insn_data(insn), size);
	return size;
}
#else
static size_t bytes_of(const struct qemu_plugin_insn *insn, uint8_t *to)
{
	return qemu_plugin_insn_data(insn, to, MAX_INSN);
}
#endif

static void translated_marker(struct qemu_plugin_insn *insn, enum marker marker,
			      unsigned int left)
{
	struct code *code = new_code(qemu_plugin_insn_vaddr(insn));

	code->marker = marker;
	code->left = left;
	qemu_plugin_register_vcpu_insn_exec_cb(insn, marked,
					       QEMU_PLUGIN_CB_NO_REGS, code);
}

static void translated_insn(struct qemu_plugin_insn *insn, unsigned int left)
{
	uint8_t byte[MAX_INSN];
	size_t size = bytes_of(insn, byte);
	enum marker marker;
	struct code *code;

	if (is_marker(byte, size, &marker))
		translated_marker(insn, marker, left);
	if (!armed)
		return;
	if (is_iretq(byte, size))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, returns,
						       QEMU_PLUGIN_CB_NO_REGS,
						       NULL);
	if (leaves(byte, size))
		return;
	code = new_code(qemu_plugin_insn_vaddr(insn));
	code->atomic = is_atomic(byte, size);
	qemu_plugin_register_vcpu_mem_cb(insn, stored, QEMU_PLUGIN_CB_NO_REGS,
					 QEMU_PLUGIN_MEM_W, code);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);
	struct code *code;

	(void)id;
	if (armed) {
		code = new_code(qemu_plugin_tb_vaddr(tb));
		code->count = n;
		code->place = place_of(code->pc);
		qemu_plugin_register_vcpu_tb_exec_cb(tb, block_runs,
						     QEMU_PLUGIN_CB_NO_REGS,
						     code);
	}
	for (i = 0; i < n; i++)
		translated_insn(qemu_plugin_tb_get_insn(tb, i), n - i - 1);
}

/* ---- what it is told ---- */

static enum place place_called(const char *name)
{
	if (!strcmp(name, "entry_SYSCALL_64"))
		return SYSTEM_CALL;
	if (!strcmp(name, "__schedule"))
		return SCHEDULER;
	if (!strncmp(name, "asm_sysvec_", 11) ||
	    !strcmp(name, "asm_common_interrupt") ||
	    !strcmp(name, "asm_spurious_interrupt"))
		return INTERRUPT;
	return strncmp(name, "asm_exc_", 8) ? NOWHERE : TRAP;
}

static bool read_symbols(const char *path)
{
	unsigned long long address;
	char name[512], type;
	FILE *file = fopen(path, "r");

	if (!file)
		return false;
	while (fscanf(file, "%llx %c %511s%*[^\n]", &address, &type, name) == 3) {
		if (place_called(name) == NOWHERE || nr_entries == MAX_ENTRIES)
			continue;
		entries[nr_entries].pc = address;
		entries[nr_entries++].place = place_called(name);
	}
	fclose(file);
	return nr_entries;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,
					   const qemu_info_t *info, int argc,
					   char **argv)
{
	const char *map = NULL;
	int i;

	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "map=", 4))
			map = argv[i] + 4;
		else if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
	}
	if (!out || !map || !read_symbols(map) ||
	    info->system.smp_vcpus > MAX_CPUS) {
		fprintf(stderr, "axas_lines: out=, map= with symbols, at most %d CPUs\n",
			MAX_CPUS);
		return 1;
	}
	me = id;
	mask = (1 << 16) - 1;
	lines = new_table(mask + 1);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
