/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_KUNIT_RAW_H
#define _AXAS_KUNIT_RAW_H

#include <axas/npt.h>

/**
 * DOC: Tables as a CPU sees them
 *
 * A second reader of all formats, written from the manuals and not from the
 * module's definitions: bits are literal numbers on purpose. It knows what a
 * CPU would refuse.
 */

/**
 * struct raw_leaf - a leaf as the manual reads it
 * @gpa: where it begins
 * @hpa: where it points
 * @entry: the entry
 * @level: 1 for 4 KiB, 2 for 2 MiB, 3 for 1 GiB
 * @prot: &enum axas_prot bits
 * @memtype: an &enum axas_memtype
 * @ignore_pat: EPT: ignore PAT
 * @owned: the software bit
 */
struct raw_leaf {
	u64 gpa;
	u64 hpa;
	u64 entry;
	unsigned int level;
	u8 prot;
	u8 memtype;
	bool ignore_pat;
	bool owned;
};

/**
 * struct raw_sum - what a whole table holds
 * @leaves: number by level, from level 1
 * @tables: number by level, from level 1
 * @owned: 4 KiB pages in leaves that own them
 * @hash: over the place and value of each leaf
 * @bad: what a CPU would refuse, or NULL
 * @bad_entry: the entry that @bad is about
 */
struct raw_sum {
	u64 leaves[AXAS_MAX_LEVELS];
	u64 tables[AXAS_MAX_LEVELS];
	u64 owned;
	u64 hash;
	const char *bad;
	u64 bad_entry;
};

typedef void (*raw_visit_fn)(void *arg, const struct raw_leaf *leaf);
typedef void (*raw_table_fn)(void *arg, u64 gpa, unsigned int level,
			     const u64 *table);

/**
 * struct raw_reader - a walk over a whole table
 * @npt: the table
 * @leaf: called for each leaf, or NULL
 * @table: called for each table but the root, or NULL
 * @arg: for both
 * @sum: out: what was seen
 */
struct raw_reader {
	const struct axas_npt *npt;
	raw_visit_fn leaf;
	raw_table_fn table;
	void *arg;
	struct raw_sum sum;
};

/**
 * struct raw_flags - what the CPU sets in a leaf that it uses
 * @accessed: at any access
 * @dirty: at a write, where the leaf is writable and neither set before
 */
struct raw_flags {
	u64 accessed;
	u64 dirty;
};

struct raw_flags raw_flags(enum axas_format format);
bool raw_present(enum axas_format format, u64 entry);
u64 raw_entry(const struct axas_npt *npt, u64 gpa, unsigned int *level);
u64 *raw_entry_at(const struct axas_npt *npt, u64 gpa, unsigned int level);
bool raw_writes(const struct axas_npt *npt, u64 gpa);
u64 *raw_entry_ptr(const struct axas_npt *npt, u64 gpa, unsigned int *level);
bool raw_reaches(const struct axas_npt *npt, u64 gpa, u64 hpa);
bool raw_use(const struct axas_npt *npt, u64 gpa, unsigned int remembered);
bool raw_write(const struct axas_npt *npt, u64 gpa, unsigned int remembered);
void raw_read(struct raw_reader *reader);
u64 raw_hash(u64 hash, u64 value);

#endif /* _AXAS_KUNIT_RAW_H */
