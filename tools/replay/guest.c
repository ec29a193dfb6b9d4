// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: page tables of a guest: how entries are encoded, and building them.
 */
#include <stdlib.h>
#include <string.h>

#include "replay.h"

#define TABLE_WORDS	512
#define ADDRESS_MASK	UINT64_C(0x000ffffffffff000)

/* Intel SDM, volume 3, 4.5.4; the same with five levels. */
#define X86_P		(UINT64_C(1) << 0)
#define X86_RW		(UINT64_C(1) << 1)
#define X86_US		(UINT64_C(1) << 2)
#define X86_A		(UINT64_C(1) << 5)
#define X86_D		(UINT64_C(1) << 6)
#define X86_PS		(UINT64_C(1) << 7)
#define X86_XD		(UINT64_C(1) << 63)

static uint64_t x86_table(uint64_t gpa)
{
	return gpa | X86_P | X86_RW | X86_US | X86_A;
}

static uint64_t x86_leaf(uint64_t gpa, enum leaf leaf, uint32_t prot)
{
	uint64_t entry = gpa | X86_P | X86_US | X86_A;

	if (prot & AXAS_PROT_WRITE)
		entry |= X86_RW | X86_D;
	if (!(prot & AXAS_PROT_EXEC))
		entry |= X86_XD;
	if (leaf != LEAF_4K)
		entry |= X86_PS;
	return entry;
}

static bool x86_is_leaf(uint64_t entry, unsigned int level)
{
	return level == 1 || entry & X86_PS;
}

/* Arm ARM, DDI 0487, D8.3: stage 1, 4 KiB granule, EL1&0. */
#define S1_VALID	(UINT64_C(1) << 0)
#define S1_TABLE	(UINT64_C(1) << 1)	/* a page, at the last level */
#define S1_AP_EL0	(UINT64_C(1) << 6)
#define S1_AP_RO	(UINT64_C(1) << 7)
#define S1_SH_INNER	(UINT64_C(3) << 8)
#define S1_AF		(UINT64_C(1) << 10)
#define S1_PXN		(UINT64_C(1) << 53)
#define S1_UXN		(UINT64_C(1) << 54)

static uint64_t s1_table(uint64_t gpa)
{
	return gpa | S1_VALID | S1_TABLE;
}

static uint64_t s1_leaf(uint64_t gpa, enum leaf leaf, uint32_t prot)
{
	uint64_t entry = gpa | S1_VALID | S1_AP_EL0 | S1_SH_INNER | S1_AF |
			 S1_PXN;

	if (!(prot & AXAS_PROT_WRITE))
		entry |= S1_AP_RO;
	if (!(prot & AXAS_PROT_EXEC))
		entry |= S1_UXN;
	if (leaf == LEAF_4K)
		entry |= S1_TABLE;
	return entry;
}

static bool s1_is_leaf(uint64_t entry, unsigned int level)
{
	return level == 1 || !(entry & S1_TABLE);
}

static const struct guest_format formats[] = {
	{ "x86-64", 4, x86_table, x86_leaf, x86_is_leaf },
	{ "x86-64-la57", 5, x86_table, x86_leaf, x86_is_leaf },
	{ "s1", 4, s1_table, s1_leaf, s1_is_leaf },
};

/* Return: NULL if there is none of that name. */
const struct guest_format *guest_format(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(formats); i++)
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	return NULL;
}

/* An entry of both architectures is valid if its first bit is set. */
bool guest_present(uint64_t entry)
{
	return entry & 1;
}

uint64_t guest_address(uint64_t entry)
{
	return entry & ADDRESS_MASK;
}

/* Where the entry for @va is in a table at @level. */
uint64_t guest_index(uint64_t va, unsigned int level)
{
	return va >> leaf_shift(level - 1) & (TABLE_WORDS - 1);
}

static uint64_t add_table(struct guest *g)
{
	if (g->nr == g->room) {
		g->room = g->room ? 2 * g->room : 16;
		g->tables = xrealloc(g->tables, g->room, PAGE_SIZE);
	}
	memset(g->tables + g->nr * TABLE_WORDS, 0, PAGE_SIZE);
	return g->base + (g->nr++ << PAGE_SHIFT);
}

/* The root comes first; tables follow in the order in which they are needed. */
void guest_init(struct guest *g, const struct guest_format *format,
		enum leaf leaf, uint64_t base)
{
	*g = (struct guest){ .format = format, .leaf = leaf, .base = base };
	add_table(g);
}

static uint64_t *guest_entry(struct guest *g, uint64_t table, uint64_t va,
			     unsigned int level)
{
	return g->tables + (table - g->base) / sizeof(uint64_t) +
	       guest_index(va, level);
}

/* Map @va to @gpa, both multiples of the guest's leaves; rights only grow. */
void guest_map(struct guest *g, uint64_t va, uint64_t gpa, uint32_t prot)
{
	const struct guest_format *f = g->format;
	unsigned int level = f->levels;
	uint64_t table = g->base, new;

	for (; level > g->leaf + 1; level--) {
		if (!guest_present(*guest_entry(g, table, va, level))) {
			/* It may move what there is. */
			new = add_table(g);
			*guest_entry(g, table, va, level) = f->table(new);
		}
		table = guest_address(*guest_entry(g, table, va, level));
	}
	*guest_entry(g, table, va, level) = f->leaf(gpa, g->leaf, prot);
}

void guest_free(struct guest *g)
{
	free(g->tables);
	g->tables = NULL;
}
