// SPDX-License-Identifier: GPL-2.0
/*
 * All formats as the manuals have them. Intel SDM volume 3C, 29.3.2 and tables
 * 29-1 to 29-7; Arm ARM DDI 0487, D8.3; AMD64 APM volume 2, 5.3.3 to 5.3.5. No
 * name of the module's own definitions is used for a bit.
 */
#include <axas/npt_track.h>

#include "raw.h"

struct raw_format {
	u64 present;
	u64 addr;
	/* Not the manuals', but ours: what they leave to software. */
	u64 owned;
	u64 full;
	/* In links: what it takes to write through them, and what says that of them. */
	u64 link_write;
	u64 link_open;
	/* A link with it says nothing of what is below. */
	u64 stale;
	/* In a leaf: open for the owner alone. */
	u64 written;
	/* In a link: something below was used. */
	u64 link_used;
	struct raw_flags flags;
};

/*
 * Other encodings, which are no formats of their own: stage 2 with LPA2, with FEAT_XNX, and
 * with both; EPT with mode-based execute control.
 */
enum {
	RAW_LPA2 = AXAS_FORMAT_AMD + 1,
	RAW_XNX,
	RAW_LPA2_XNX,
	RAW_MBEC,
};

#define RAW_FORMAT_LPA2							\
	{ 1, 0x0003fffffffff000ULL, 1ULL << 55, 1ULL << 57,		\
	  0, 1ULL << 56, 0, 1ULL << 57, 1ULL << 58, { 0x400, 0x80 } }
#define RAW_FORMAT_S2							\
	{ 1, 0x0000fffffffff000ULL, 1ULL << 55, 1ULL << 57,		\
	  0, 1ULL << 56, 0, 1ULL << 57, 1ULL << 58, { 0x400, 0x80 } }

/*
 * EPT: any of bits 2:0 makes an entry present, and bit 10 with that control; flags in
 * 29.3.5. Stage 2: bit 0; flags in D8.5.2 and D8.5.3, where DBM is in the leaf already; with
 * LPA2 (D8.3.1 and D8.3.2) bits 49:12 beside those in raw_addr(). AMD: bit 0; flags in 5.4.2.
 */
static const struct raw_format raw_formats[] = {
	[AXAS_FORMAT_EPT] = { 7, 0x000ffffffffff000ULL, 1ULL << 52, 1ULL << 53,
			      2, 2, 1ULL << 55, 1ULL << 55, 0x100,
			      { 0x100, 0x200 } },
	[RAW_MBEC] = { 0x407, 0x000ffffffffff000ULL, 1ULL << 52, 1ULL << 53,
		       2, 2, 1ULL << 55, 1ULL << 55, 0x100, { 0x100, 0x200 } },
	[AXAS_FORMAT_S2] = RAW_FORMAT_S2,
	[RAW_XNX] = RAW_FORMAT_S2,
	[RAW_LPA2] = RAW_FORMAT_LPA2,
	[RAW_LPA2_XNX] = RAW_FORMAT_LPA2,
	[AXAS_FORMAT_AMD] = { 1, 0x000ffffffffff000ULL, 1ULL << 52, 1ULL << 53,
			      2, 2, 1ULL << 55, 1ULL << 55, 0x20,
			      { 0x20, 0x40 } },
};

static unsigned int raw_kind(const struct axas_npt *npt)
{
	bool user = npt->features & AXAS_FEAT_EXEC_USER;

	if (npt->features & AXAS_FEAT_LPA2)
		return user ? RAW_LPA2_XNX : RAW_LPA2;
	if (!user)
		return npt->ops->format;
	return npt->ops->format == AXAS_FORMAT_S2 ? RAW_XNX : RAW_MBEC;
}

static bool raw_is_lpa2(unsigned int format)
{
	return format == RAW_LPA2 || format == RAW_LPA2_XNX;
}

static bool raw_is_xnx(unsigned int format)
{
	return format == RAW_XNX || format == RAW_LPA2_XNX;
}

static bool raw_is_s2(unsigned int format)
{
	return format == AXAS_FORMAT_S2 || raw_is_lpa2(format) ||
	       raw_is_xnx(format);
}

/**
 * raw_hash - add a number to a hash (FNV-1a, eight bytes at a time)
 * @hash: so far
 * @value: the number
 *
 * Return: the new hash.
 */
u64 raw_hash(u64 hash, u64 value)
{
	return (hash ^ value) * 0x100000001b3ULL;
}

/**
 * raw_present - does a CPU follow this entry?
 * @format: its format
 * @entry: the entry
 *
 * Return: true if so.
 */
bool raw_present(enum axas_format format, u64 entry)
{
	return entry & raw_formats[format].present;
}

/**
 * raw_flags - flags that the CPU keeps in leaves
 * @format: their format
 *
 * Return: the flags.
 */
struct raw_flags raw_flags(enum axas_format format)
{
	return raw_formats[format].flags;
}

/* Above level 1, EPT and AMD: bit 7 clear. Stage 2: bit 1 set. */
static bool raw_is_table(unsigned int format, u64 entry, unsigned int level)
{
	if (level == 1 || !raw_present(format, entry))
		return false;
	return raw_is_s2(format) ? !!(entry & 2) : !(entry & 0x80);
}

static u64 raw_addr(unsigned int format, u64 entry)
{
	u64 high = raw_is_lpa2(format) ? (entry & 0x300) << 42 : 0;

	return (entry & raw_formats[format].addr) | high;
}

/* AMD, 5.3.4 and 5.3.5: bit 12 of a leaf above level 1 is PAT. */
static u64 raw_leaf_addr(unsigned int format, u64 entry, unsigned int level)
{
	u64 pat = format == AXAS_FORMAT_AMD && level > 1 ? 0x1000 : 0;

	return raw_addr(format, entry) & ~pat;
}

static u64 *raw_child(unsigned int format, u64 entry)
{
	return __va(raw_addr(format, entry));
}

/**
 * raw_entry_ptr - the deepest entry of a GPA
 * @npt: the table
 * @gpa: the address
 * @level: out: its level
 *
 * Return: where it is.
 */
u64 *raw_entry_ptr(const struct axas_npt *npt, u64 gpa, unsigned int *level)
{
	unsigned int format = raw_kind(npt);
	unsigned int l = npt->levels;
	u64 *ptr = npt->root + (gpa >> (12 + 9 * (l - 1)));

	while (raw_is_table(format, *ptr, l)) {
		l--;
		ptr = raw_child(format, *ptr) +
		      (gpa >> (12 + 9 * (l - 1)) & 511);
	}
	*level = l;
	return ptr;
}

/**
 * raw_entry_at - the entry of a level for a GPA
 * @npt: the table
 * @gpa: the address
 * @level: the level
 *
 * Return: where it is; NULL if no table of that level is there.
 */
u64 *raw_entry_at(const struct axas_npt *npt, u64 gpa, unsigned int level)
{
	unsigned int format = raw_kind(npt);
	unsigned int l = npt->levels;
	u64 *ptr = npt->root + (gpa >> (12 + 9 * (l - 1)));

	for (; l > level; l--) {
		if (!raw_is_table(format, *ptr, l))
			return NULL;
		ptr = raw_child(format, *ptr) +
		      (gpa >> (12 + 9 * (l - 2)) & 511);
	}
	return ptr;
}

/**
 * raw_entry - value of the deepest entry of a GPA
 * @npt: the table
 * @gpa: the address
 * @level: out: its level
 *
 * Return: the entry.
 */
u64 raw_entry(const struct axas_npt *npt, u64 gpa, unsigned int *level)
{
	return READ_ONCE(*raw_entry_ptr(npt, gpa, level));
}

/**
 * raw_reaches - does a walk for a GPA meet a page?
 * @npt: the table
 * @gpa: the address
 * @hpa: the page: a table, or where the GPA translates to
 *
 * Return: true if so.
 */
bool raw_reaches(const struct axas_npt *npt, u64 gpa, u64 hpa)
{
	unsigned int format = raw_kind(npt);
	unsigned int level = npt->levels;
	const u64 *table = npt->root;
	unsigned int index = gpa >> (12 + 9 * (level - 1));
	u64 entry, addr;

	for (;; index = gpa >> (12 + 9 * (--level - 1)) & 511) {
		entry = READ_ONCE(table[index]);
		if (!raw_present(format, entry))
			return false;
		addr = raw_leaf_addr(format, entry, level);
		if (!raw_is_table(format, entry, level))
			return addr + (gpa &
				       ((4096ULL << 9 * (level - 1)) - 1) &
				       ~4095ULL) ==
			       hpa;
		if (raw_addr(format, entry) == hpa)
			return true;
		table = raw_child(format, entry);
	}
}

/* 29.3.3.1: what the CPU takes for a misconfiguration. Bit 10 has a meaning with MBEC. */
static const char *ept_bad(unsigned int format, u64 entry, unsigned int level,
			   bool leaf)
{
	unsigned int memtype = entry >> 3 & 7;

	if ((entry & 3) == 2)
		return "EPT: writable and not readable";
	if (format != RAW_MBEC && entry & 0x400)
		return "EPT: a right for user mode that nobody has";
	if (format == RAW_MBEC && !leaf && !(entry & 0x400))
		return "EPT: a table that user mode can't execute through";
	if (!leaf)
		return entry & 0xf8 ? "EPT: reserved bits of a table" : NULL;
	if (memtype == 2 || memtype == 3 || memtype == 7)
		return "EPT: reserved memory type";
	if (level > 3)
		return "EPT: leaf above 1 GiB";
	if (raw_addr(AXAS_FORMAT_EPT, entry) &
	    ((4096ULL << 9 * (level - 1)) - 1))
		return "EPT: address of a leaf isn't aligned to it";
	return level == 1 && entry & 0x80 ? "EPT: bit 7 in a 4 KiB leaf" : NULL;
}

/* D8.3.1 and D8.3.2. Of what is ignored in a table, bits 58:56 are ours. */
static const char *s2_bad(unsigned int format, u64 entry, unsigned int level,
			  bool leaf)
{
	u64 table = raw_is_lpa2(format) ? 0x0703fffffffff303ULL :
					  0x0700fffffffff003ULL;
	u64 zero = raw_is_xnx(format) ? 0xf814000000000000ULL :
					0xf834000000000000ULL;
	unsigned int attr = entry >> 2 & 15;

	if (!leaf)
		return entry & ~table ?
			       "stage 2: bits beside the address of a table" :
			       NULL;
	if (level == 1 && !(entry & 2))
		return "stage 2: bit 1 clear at the last level";
	if (level > 3)
		return "stage 2: block above 1 GiB";
	if (raw_addr(format, entry) &
	    ((4096ULL << 9 * (level - 1)) - 1))
		return "stage 2: address of a block isn't aligned to it";
	if (attr != 0 && attr != 1 && attr != 5 && attr != 6 && attr != 15)
		return "stage 2: memory attributes that nobody asked for";
	if (!(entry & 0x40) && entry & 0x0008000000000080ULL)
		return "stage 2: writable and not readable";
	/* Not 50 (BTI is stage 1's), 52 (contiguous), 63:59; 53 (XN[0]) with XNX alone. */
	return entry & zero ?
		       "stage 2: bits that shall be zero" : NULL;
}

/* 7.8.2: PWT and PCD in bits 4:3; PAT in bit 7, or 12 above level 1. */
static unsigned int amd_pat_field(u64 entry, unsigned int level)
{
	return (entry >> 3 & 3) + (entry & (level > 1 ? 0x1000 : 0x80) ? 4 : 0);
}

/* 5.4.1. Of what is left to software in a table, bit 53 is ours. */
static const char *amd_bad(u64 entry, unsigned int level, bool leaf)
{
	unsigned int field = amd_pat_field(entry, level);

	if (!(entry & 4))
		return "AMD: not for user accesses";
	if (!leaf && !(entry & 2))
		return "AMD: a table that can't be written through";
	if (!leaf)
		return entry & ~0x002ffffffffff027ULL ?
			       "AMD: bits beside the address of a table" : NULL;
	if (level > 3)
		return "AMD: leaf above 1 GiB";
	if (raw_leaf_addr(AXAS_FORMAT_AMD, entry, level) &
	    ((4096ULL << 9 * (level - 1)) - 1))
		return "AMD: address of a leaf isn't aligned to it";
	if (field == 2 || field == 4 || field == 6)
		return "AMD: a field of the PAT register that nobody asked for";
	/* Not 62:59 (protection key), 58:55, 53, 11:9, 8 (global). */
	return entry & 0x7fa0000000000f00ULL ?
		       "AMD: bits that shall be zero" : NULL;
}

static const char *raw_bad(unsigned int format, u64 entry,
			   unsigned int level, bool leaf)
{
	switch (format) {
	case AXAS_FORMAT_EPT:
	case RAW_MBEC:
		return ept_bad(format, entry, level, leaf);
	case AXAS_FORMAT_S2:
	case RAW_LPA2:
	case RAW_XNX:
	case RAW_LPA2_XNX:
		return s2_bad(format, entry, level, leaf);
	case AXAS_FORMAT_AMD:
		return amd_bad(entry, level, leaf);
	default:
		return "no such format";
	}
}

static void ept_leaf(unsigned int format, u64 entry, struct raw_leaf *leaf)
{
	static const u8 memtypes[] = { 4, 3, 0xff, 0xff, 1, 2, 0, 0xff };

	leaf->prot = (entry & 7) |
		     (format == RAW_MBEC && entry & 0x400 ? 8 : 0);
	leaf->memtype = memtypes[entry >> 3 & 7];
	leaf->ignore_pat = entry & 0x40;
}

/* D8.4.2, XN[1:0]: 0 is both EL1 and EL0, 1 EL0, 2 nobody, 3 EL1. */
static unsigned int s2_exec(unsigned int format, u64 entry)
{
	static const u8 prots[] = { 12, 8, 0, 4 };

	return raw_is_xnx(format) ? prots[entry >> 53 & 3] :
	       entry & 0x0040000000000000ULL ? 0 : 4;
}

static void s2_leaf(unsigned int format, u64 entry, struct raw_leaf *leaf)
{
	static const u8 memtypes[] = {
		4, 5, 0xff, 0xff, 0xff, 3, 0, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0,
	};

	leaf->prot = (entry & 0x40 ? 1 : 0) |
		     (entry & 0x0008000000000080ULL ? 2 : 0) |
		     s2_exec(format, entry);
	leaf->memtype = memtypes[entry >> 2 & 15];
	leaf->ignore_pat = false;
}

/* Present is readable. Linux's PAT register: 0 WB, 1 WC, 3 UC, 5 WP, 7 WT. */
static void amd_leaf(u64 entry, struct raw_leaf *leaf)
{
	static const u8 memtypes[] = { 0, 3, 0xff, 4, 0xff, 2, 0xff, 1 };

	leaf->prot = 1 + (entry & 2) + (entry >> 63 ? 0 : 4);
	leaf->memtype = memtypes[amd_pat_field(entry, leaf->level)];
	leaf->ignore_pat = false;
}

/*
 * May a CPU write through a link? EPT 29.3.3.1, AMD 5.6.3: not if it lacks bit 1. A
 * stage 2 table descriptor has no rights (D8.3.1).
 */
static bool raw_link_writes(unsigned int format, u64 entry)
{
	u64 write = raw_formats[format].link_write;

	return (entry & write) == write;
}

static bool raw_link_armed(unsigned int format, u64 entry)
{
	return !(entry & raw_formats[format].link_open);
}

/* EPT and AMD: bit 1. Stage 2: S2AP[1], or the DBM bit that lets the CPU set it. */
static bool raw_leaf_writes(unsigned int format, u64 entry)
{
	return entry & (raw_is_s2(format) ? 0x0008000000000080ULL : 2);
}

/**
 * raw_writes - does a CPU write to a GPA without a fault?
 * @npt: the table
 * @gpa: the address
 *
 * Return: true if so.
 */
bool raw_writes(const struct axas_npt *npt, u64 gpa)
{
	unsigned int format = raw_kind(npt);
	unsigned int level = npt->levels, found;
	u64 entry = raw_entry(npt, gpa, &found);

	for (; level > found; level--)
		if (!raw_link_writes(format, *raw_entry_at(npt, gpa, level)))
			return false;
	return raw_present(format, entry) && raw_leaf_writes(format, entry);
}

/**
 * raw_use - a CPU goes to a GPA, to read
 * @npt: the table
 * @gpa: the address
 * @remembered: the lowest level of which it has kept an entry from before; 0 if none
 *
 * EPT, 29.3.5, and AMD, 5.4.2: it sets the flag of each entry that it reads, EPT's where
 * it is told to. Stage 2, D8.5.1: that of the leaf alone where it is told to, and else a
 * flag that is clear is a fault.
 *
 * Return: false for a fault.
 */
bool raw_use(const struct axas_npt *npt, u64 gpa, unsigned int remembered)
{
	unsigned int format = raw_kind(npt);
	const struct raw_format *raw = &raw_formats[format];
	bool sets = format == AXAS_FORMAT_AMD || npt->features & AXAS_FEAT_AD;
	unsigned int level, found;
	u64 *leaf = raw_entry_ptr(npt, gpa, &found);

	if (!raw_present(format, *leaf))
		return false;
	for (level = npt->levels; level > found; level--)
		if (sets && !raw_is_s2(format) &&
		    (!remembered || level < remembered))
			*raw_entry_at(npt, gpa, level) |= raw->link_used;
	if (sets)
		*leaf |= raw->flags.accessed;
	return !raw_is_s2(format) || *leaf & raw->flags.accessed;
}

/**
 * raw_write - a CPU goes to a GPA, to write
 * @npt: the table
 * @gpa: the address
 * @remembered: the lowest level of which it has kept an entry from before, when all on the way
 *	there allowed writes; 0 if none
 *
 * EPT, 29.3.5: it sets the dirty flag of the leaf where it is told to. AMD, 5.4.2: always.
 * Stage 2, D8.5.3: it sets S2AP[1] where the leaf has DBM and it is told to.
 *
 * Return: false for a fault.
 */
bool raw_write(const struct axas_npt *npt, u64 gpa, unsigned int remembered)
{
	unsigned int format = raw_kind(npt);
	unsigned int level, found;
	u64 *leaf = raw_entry_ptr(npt, gpa, &found);

	for (level = npt->levels; level > found; level--)
		if ((!remembered || level < remembered) &&
		    !raw_link_writes(format, *raw_entry_at(npt, gpa, level)))
			return false;
	if (!raw_present(format, *leaf) || !raw_leaf_writes(format, *leaf) ||
	    !raw_use(npt, gpa, remembered))
		return false;
	if (format == AXAS_FORMAT_AMD || npt->features & AXAS_FEAT_AD)
		*leaf |= raw_formats[format].flags.dirty;
	return true;
}

/* An entry as it would be if nobody had ever tracked what is written. */
static u64 raw_untracked(const struct axas_npt *npt, u64 entry, bool leaf)
{
	const struct raw_format *raw = &raw_formats[raw_kind(npt)];

	if (!npt->tracked)
		return entry;
	return leaf ? entry & ~raw->written :
		      (entry & ~raw->stale) | raw->link_open;
}

/* Below a link: nothing is open, nothing was used, nothing is dirty. */
#define SHUT	1
#define IDLE	2
#define CLEAN	4

/* What this link says of what is below, beside what those above have said. */
static unsigned int raw_shuts(const struct axas_npt *npt, u64 entry,
			      unsigned int shut)
{
	const struct raw_format *raw = &raw_formats[raw_kind(npt)];

	if (npt->tracked && !raw->link_write &&
	    raw_link_armed(raw_kind(npt), entry))
		shut |= SHUT;
	/* Elsewhere leaves come used when nobody wants to know. */
	if (npt->aged && npt->features & AXAS_FEAT_AD && !(entry & raw->link_used))
		shut |= IDLE;
	if (npt->arms & AXAS_NPT_BY_FLAGS && raw->link_write &&
	    !raw_link_writes(raw_kind(npt), entry) && !(entry & raw->stale))
		shut |= CLEAN;
	return shut;
}

/*
 * What trackers rely on: whoever follows links that are open finds all that a CPU can
 * write to. Where links have no rights that is for others to see to.
 */
static const char *raw_track_bad(const struct axas_npt *npt, u64 entry, bool leaf,
				 unsigned int shut)
{
	unsigned int format = raw_kind(npt);
	const struct raw_format *raw = &raw_formats[format];

	if (!npt->tracked)
		return NULL;
	if (shut & IDLE && entry & (leaf ? raw->flags.accessed : raw->link_used))
		return "something was used below a link that says no";
	if (shut & CLEAN && leaf && entry & raw->flags.dirty)
		return "a dirty leaf below a link that is armed";
	shut &= SHUT;
	if (!leaf)
		return entry & raw->stale && !raw_link_armed(format, entry) ?
			       "an open link is stale" : NULL;
	return shut && (raw_leaf_writes(format, entry) || entry & raw->written) ?
		       "an open leaf below a link that is armed" : NULL;
}

static void raw_note_bad(struct raw_reader *reader, const char *bad, u64 entry)
{
	if (bad && !reader->sum.bad) {
		reader->sum.bad = bad;
		reader->sum.bad_entry = entry;
	}
}

/* A bit says that a table is full of leaves that own nothing. */
static const char *raw_full_bad(unsigned int format, u64 entry,
				unsigned int level)
{
	const struct raw_format *raw = &raw_formats[format];
	const u64 *table = raw_child(format, entry);
	unsigned int i;

	if (!(entry & raw->full))
		return NULL;
	for (i = 0; i < 512; i++) {
		u64 leaf = READ_ONCE(table[i]);

		if (!raw_present(format, leaf) || leaf & raw->owned ||
		    raw_is_table(format, leaf, level - 1))
			return "a table is marked full of foreign leaves and isn't";
	}
	return NULL;
}

/*
 * L1TF: with an entry that isn't present a CPU looks its first cache up, by the
 * address that the entry holds, as wide as the cache knows.
 */
static const char *raw_empty_bad(u64 entry)
{
	u64 addr = entry & 0x000ffffffffff000ULL;

#ifdef CONFIG_X86
	addr &= BIT_ULL(boot_cpu_data.x86_cache_bits) - 1;
#endif
	if (!addr && entry & ~0xfffULL)
		return "not present, and at the first page";
	if (addr && addr < __pa((unsigned long)high_memory - 1))
		return "not present, and points at memory";
	return entry >> 63 ? "not present, and bit 63 is set" : NULL;
}

static void raw_read_leaf(struct raw_reader *reader, u64 entry, u64 gpa,
			  unsigned int level)
{
	unsigned int format = raw_kind(reader->npt);
	struct raw_sum *sum = &reader->sum;
	struct raw_leaf leaf = {
		.gpa = gpa,
		.entry = entry,
		.level = level,
		.hpa = raw_leaf_addr(format, entry, level),
		.owned = entry & raw_formats[format].owned,
	};

	if (format == AXAS_FORMAT_EPT || format == RAW_MBEC)
		ept_leaf(format, entry, &leaf);
	else if (raw_is_s2(format))
		s2_leaf(format, entry, &leaf);
	else
		amd_leaf(entry, &leaf);
	sum->leaves[level - 1]++;
	if (leaf.owned)
		sum->owned += 1ULL << 9 * (level - 1);
	sum->hash = raw_hash(raw_hash(sum->hash, gpa), entry);
	sum->hash = raw_hash(sum->hash, level);
	if (reader->leaf)
		reader->leaf(reader->arg, &leaf);
}

static void raw_read_table(struct raw_reader *reader, const u64 *table,
			   unsigned int entries, u64 gpa, unsigned int level,
			   unsigned int shut)
{
	unsigned int format = raw_kind(reader->npt);
	u64 step = 1ULL << (12 + 9 * (level - 1));
	bool empty = level < reader->npt->levels;
	unsigned int i;

	for (i = 0; i < entries; i++, gpa += step) {
		u64 entry = READ_ONCE(table[i]);
		bool is_table;

		empty &= !raw_present(format, entry) &&
			 entry != AXAS_NPT_POISONED;
		if (!raw_present(format, entry)) {
			raw_note_bad(reader, raw_empty_bad(entry), entry);
			continue;
		}
		is_table = raw_is_table(format, entry, level);
		raw_note_bad(reader, raw_bad(format, raw_untracked(reader->npt,
								   entry,
								   !is_table),
					     level, !is_table), entry);
		raw_note_bad(reader, raw_track_bad(reader->npt, entry, !is_table,
						   shut), entry);
		if (!is_table) {
			raw_read_leaf(reader, entry, gpa, level);
			continue;
		}
		raw_note_bad(reader, raw_full_bad(format, entry, level), entry);
		reader->sum.tables[level - 2]++;
		if (reader->table)
			reader->table(reader->arg, gpa, level - 1,
				      raw_child(format, entry));
		raw_read_table(reader, raw_child(format, entry), 512, gpa,
			       level - 1, raw_shuts(reader->npt, entry, shut));
	}
	raw_note_bad(reader, empty ? "a table with nothing in it" : NULL, level);
}

/**
 * raw_read - read a whole table
 * @reader: what to do; the sum is filled in
 */
void raw_read(struct raw_reader *reader)
{
	const struct axas_npt *npt = reader->npt;

	reader->sum = (struct raw_sum){ .hash = 0xcbf29ce484222325ULL };
	reader->sum.tables[npt->levels - 1] = 1ULL << npt->root_order;
	raw_read_table(reader, npt->root, 512U << npt->root_order, 0,
		       npt->levels, 0);
}
