/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_NPT_H
#define _AXAS_NPT_H

#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/percpu.h>

#include <uapi/linux/axas.h>

#include <axas/addr.h>
#include <axas/compat.h>
#include <axas/hal.h>
#include <axas/npt_entry.h>

/**
 * DOC: Nested page tables
 *
 * A table translates GPAs to HPAs in the encoding of one format. Levels are
 * counted from the leaves: level 1 holds 4 KiB leaves, level 2 covers 2 MiB
 * and level 3 1 GiB per entry. An Arm level n is level 4 - n here.
 *
 * Lookups and fault installs run in parallel under rcu_read_lock(). Everything
 * that takes rights or tables away holds &struct axas_npt.lock. The rules are
 * in Documentation/internals.rst.
 */

#define AXAS_MAX_LEVELS		5
#define AXAS_MAX_LEAF_LEVEL	3
#define AXAS_TABLE_ENTRIES	512

static inline unsigned int axas_level_shift(unsigned int level)
{
	return 12 + 9 * (level - 1);
}

/* Bytes that one entry of a level covers. */
static inline u64 axas_level_size(unsigned int level)
{
	return 1ULL << axas_level_shift(level);
}

/**
 * struct axas_attr - what a leaf allows, apart from where it points
 * @prot: &enum axas_prot bits
 * @memtype: an &enum axas_memtype
 * @ignore_pat: EPT: ignore the guest's PAT
 * @owned: the leaf holds the reference of each of its pages
 * @rom: the owner of the space may read and write whatever @prot says
 */
struct axas_attr {
	u8 prot;
	u8 memtype;
	bool ignore_pat;
	bool owned;
	bool rom;
};

/**
 * struct axas_leaf - a leaf as decoded from its entry
 * @hpa: where the leaf begins
 * @level: 1 for 4 KiB, 2 for 2 MiB, 3 for 1 GiB
 * @attr: rights and memory type
 * @accessed: accessed flag, where the CPU keeps it
 * @dirty: dirty flag, where the CPU keeps it
 */
struct axas_leaf {
	axas_hpa_t hpa;
	unsigned int level;
	struct axas_attr attr;
	bool accessed;
	bool dirty;
};

/**
 * struct axas_npt_caps - limits of a format on this machine
 * @features: &enum axas_feature bits
 * @memtypes: bit n for &enum axas_memtype n
 * @gpa_bits: bit n if tables may be n bits wide
 * @control_bits: bit n if &struct axas_npt_ops.control has a value for such
 * @leaf_sizes: sizes of leaves in bytes, or-ed
 * @hpa_bits: width of the addresses that an entry holds
 * @default_gpa_bits: width of a table that doesn't ask for one
 * @ignore_pat: leaves can have &struct axas_attr.ignore_pat
 */
struct axas_npt_caps {
	u32 features;
	u32 memtypes;
	u64 gpa_bits;
	u64 control_bits;
	u64 leaf_sizes;
	u32 hpa_bits;
	u32 default_gpa_bits;
	bool ignore_pat;
};

/**
 * struct axas_npt_stats - figures of a table
 * @leaves: leaves by level, beginning with level 1
 * @tables: table pages by level, beginning with level 1
 * @owned: pages in leaves that own them
 */
struct axas_npt_stats {
	s64 leaves[AXAS_MAX_LEAF_LEVEL];
	s64 tables[AXAS_MAX_LEVELS];
	s64 owned;
};

/**
 * struct axas_npt_installs - what faults have installed, per CPU
 * @leaves: by whether they own their frame, and by level
 * @tables: by level
 */
struct axas_npt_installs {
	u64 leaves[2][AXAS_MAX_LEAF_LEVEL];
	u64 tables[AXAS_MAX_LEVELS];
};

/**
 * struct axas_npt_slot - the deepest existing entry for a GPA
 * @ptr: the entry
 * @old: its value when it was read
 * @level: its level
 *
 * Valid inside of the RCU read-side section in which it was filled.
 */
struct axas_npt_slot {
	u64 *ptr;
	u64 old;
	unsigned int level;
};

#define AXAS_PROT_FETCH	(AXAS_PROT_EXEC | AXAS_PROT_EXEC_USER)
#define AXAS_PROT_ALL	(AXAS_PROT_READ | AXAS_PROT_WRITE | AXAS_PROT_FETCH)

/**
 * struct axas_npt_cursor - where the last look ended
 * @table: the table of level 1 that it ended in
 * @base: what that table covers, in units of 2 MiB, or %AXAS_CURSOR_NONE
 * @epoch: epoch of the table at that time
 * @prot: what the links on the way there allow
 *
 * Good for one RCU section: the table may be taken out meanwhile, but isn't
 * freed, has no place for a leaf then, and is walked to anew after the epoch
 * has changed.
 */
struct axas_npt_cursor {
	u64 *table;
	u64 base;
	u64 epoch;
	unsigned int prot;
};

#define AXAS_CURSOR_NONE	U64_MAX

/**
 * enum axas_look - what a fault finds; the last three are leaves
 * @AXAS_LOOK_EMPTY: an empty entry
 * @AXAS_LOOK_BUSY: an entry that is just being replaced
 * @AXAS_LOOK_POISONED: the memory there has failed
 * @AXAS_LOOK_ALLOWED: a leaf that allows the access
 * @AXAS_LOOK_DENIED: a leaf that doesn't
 * @AXAS_LOOK_IDLE: a leaf that does once it is marked as used
 */
enum axas_look {
	AXAS_LOOK_EMPTY,
	AXAS_LOOK_BUSY,
	AXAS_LOOK_POISONED,
	AXAS_LOOK_ALLOWED,
	AXAS_LOOK_DENIED,
	AXAS_LOOK_IDLE,
};

/* Tables for both ends of a range: down from 1 GiB to 4 KiB takes two each. */
#define AXAS_POOL_MAX	4

/**
 * struct axas_npt_gap - addresses that no area has, while the lock is held
 * @start: the first GPA
 * @last: the last one
 */
struct axas_npt_gap {
	u64 start;
	u64 last;
};

/**
 * struct axas_npt_pool - table pages set aside, so that what uses them can't
 *	fail
 * @nr: number of @tables
 * @tables: the pages
 */
struct axas_npt_pool {
	unsigned int nr;
	u64 *tables[AXAS_POOL_MAX];
};

struct axas_npt_gather;
struct axas_npt_tracking;

/**
 * struct axas_npt_freed - what has become of the pages that were discarded
 * @freed: pages that nobody else had: they are free
 * @pinned: pages that somebody else has still
 */
struct axas_npt_freed {
	u64 freed;
	u64 pinned;
};

/**
 * struct axas_npt_trail - the way that the last change went down
 * @gpa: to there
 * @level: the lowest of @path that is known; 0: none is
 * @path: of each level the entry for @gpa
 *
 * The next change, or the rest of it, goes down from the lowest table that is on its way as
 * well. Whoever takes a table out forgets it. Under the lock.
 */
struct axas_npt_trail {
	u64 gpa;
	unsigned int level;
	u64 *path[AXAS_MAX_LEVELS + 1];
};

/**
 * struct axas_npt - a nested page table
 * @ops: the format
 * @id: number of the space; 0 until it has one
 * @root: root table, 2^@root_order concatenated pages
 * @caps: limits of the format on this machine
 * @lock: the owner's lock; held for map, unmap and protect
 * @holders: who holds translations; under @lock
 * @gather: frames and tables between clear and free; under @lock
 * @epoch: another one with each change that takes something away, after the
 *	areas have changed and before the first entry does; cleared entries get it
 * @counts: figures of what changes under @lock
 * @installs: figures of what faults change
 * @levels: number of levels
 * @root_order: log2 of the pages in the root
 * @gpa_bits: width of a GPA
 * @tracked: writes may be noticed: @ops are those of &struct axas_npt_tracking as
 *	far as it has any; never false again
 * @aged: uses may be noticed as well, as @tracked
 * @arms: what somebody wants to know of, &enum axas_track_what bits, and
 *	%AXAS_NPT_BY_FLAGS; under @lock
 * @features: &enum axas_feature bits in force
 * @stale: whoever arms what lies below a stale link holds it
 * @trail: where the last change was; under @lock
 */
struct axas_npt {
	const struct axas_npt_ops *ops;
	u64 id;
	u64 *root;
	struct axas_npt_caps caps;
	struct mutex *lock; /* the space's */
	struct list_head holders;
	struct axas_npt_gather *gather;
	u64 epoch;
	struct axas_npt_stats counts;
	struct axas_npt_installs __percpu *installs;
	u8 levels;
	u8 root_order;
	u8 gpa_bits;
	bool tracked;
	bool aged;
	u8 arms;
	u32 features;
	spinlock_t stale; /* links that are */
	struct axas_npt_trail trail;
};

/* Are there such rights in a table? */
static inline bool axas_npt_has(const struct axas_npt *npt, unsigned int prot)
{
	if (likely(!(prot & ~(AXAS_PROT_ALL & ~AXAS_PROT_EXEC_USER))))
		return true;
	return !(prot & ~AXAS_PROT_ALL) && npt->features & AXAS_FEAT_EXEC_USER;
}

/**
 * struct axas_npt_draft - what is to come into a range of a table
 * @npt: a table like that one, which nobody walks but who fills it
 * @lock: its lock
 * @entry: all of its root, unless it is rooted
 * @start: first byte of the range
 * @end: behind the last one
 * @rooted: its root has a page, since the range meets several entries of the root
 * @thawed: what was filled in has gone to the table
 */
struct axas_npt_draft {
	struct axas_npt npt;
	struct mutex lock; /* @npt */
	u64 entry;
	u64 start;
	u64 end;
	bool rooted;
	bool thawed;
};

/**
 * struct axas_npt_shut - a table of level 1 that was shut
 * @ptr: the entry that led there, frozen now
 * @link: what that was
 * @table: the table; nothing comes, and nobody may look at it who doesn't ask again
 */
struct axas_npt_shut {
	u64 *ptr;
	u64 link;
	u64 *table;
};

/**
 * struct axas_npt_table - a table of entries
 * @gpa: first GPA that it translates
 * @hpa: where it is; the root may be several pages side by side
 * @level: what its entries are; 1 is leaves of 4 KiB
 * @entries: how many it has
 * @tables: those that lead to a table
 * @leaves: those that are a leaf
 */
struct axas_npt_table {
	axas_gpa_t gpa;
	axas_hpa_t hpa;
	unsigned int level;
	unsigned int entries;
	unsigned int tables;
	unsigned int leaves;
};

/**
 * typedef axas_npt_visit_fn - called for each leaf of a range
 * @arg: the caller's
 * @gpa: where the leaf begins
 * @leaf: the leaf
 *
 * Return: 0 to go on; anything else ends the walk and is returned by it.
 */
typedef int (*axas_npt_visit_fn)(void *arg, axas_gpa_t gpa,
				 const struct axas_leaf *leaf);

/**
 * struct axas_npt_ops - a format
 * @format: which
 * @owner: the module that brings it; NULL for those of axas
 * @feature: the &enum axas_feature bit that these operations are for; 0 for a format's first
 * @more: the same format for another feature, which encodes it otherwise, or NULL
 * @name: for people
 * @caps: fill in what the format can do on this machine
 * @init: make an empty table. ops, lock, gpa_bits and features of @npt are
 *	given and fit the caps. May sleep. Return: 0 or -ENOMEM.
 * @control: the value that makes a CPU use the table: the EPTP, nCR3, or VTTBR_EL2
 *	with VMID 0. Return: 0 or -EOPNOTSUPP if no CPU register can hold it.
 * @lookup: fill in the slot of a GPA, and what it holds. Return: true and the
 *	leaf, or false if the slot is empty. Under RCU.
 * @translate: the HPA of a GPA, or %AXAS_NO_FRAME. Under RCU.
 * @look: what a fault finds; moves the cursor and fills in the slot. Under RCU.
 * @allowed: how many of n faults, from the first on, are on memory and find a
 *	leaf that allows the access; moves the cursor. Under RCU.
 * @encode: what all leaves with these attributes have in common, for @install, @map
 *	and @populate
 * @sync: &enum axas_sync: who may look past the caches through such leaves
 * @install: put the leaf that holds gpa into an empty slot. Tables come from @pool and then
 *	from the allocator, without sleeping. Return: 0; -EAGAIN if the slot has
 *	changed; -ENOMEM. Under RCU.
 * @map: map [gpa, gpa + size) to consecutive HPAs with the largest leaves up
 *	to max_level, of what @encode said. The range has no leaf. Return: 0; -ENOMEM or -EINTR, and
 *	then the caller unmaps the range. May sleep. Lock held.
 * @populate: give zeroed frames, the last of frames first, to those of n entries of
 *	a level, from gpa on, that have no leaf; all lie in one table. nr is how many
 *	there are, and then how many are left. Tables come from the pool. Areas
 *	may allow faults in the range. Return: 0 if no entry lacks one; -EHWPOISON if
 *	memory has failed there, and else as 0; -EAGAIN: look again how many frames
 *	and tables are missing. Lock held.
 * @split_cost: tables needed at most to split all leaves up to max_level that
 *	gpa lies inside of. Lock held.
 * @unmap: clear the range, invalidate, free frames and tables; splits come out
 *	of the pool. No area may allow faults in the range, nor in a gap around it, if
 *	one is known: what has become empty there goes without ado. May sleep. Lock
 *	held.
 * @draft: begin a draft of a range; @map and @populate fill it. May sleep. Return: 0
 *	or -ENOMEM.
 * @drop: free a draft and all that it has still. May sleep. Lock held of the table
 *	that it was made for.
 * @fits: can what is in a draft go to the table as it is? If not, another draft may.
 *	Lock held.
 * @freeze: as @unmap, but areas may allow faults in the range, which wait for the
 *	thaw; counts what it frees, if it is told where. Another range of that size,
 *	or the same, will be thawed with it, so that a table in which both lie may
 *	go. A table into which something comes out of the draft stays. May sleep.
 *	Lock held, from here to the thaw.
 * @thaw: put what is in a draft, or nothing, into a range where it was frozen. Another
 *	range may be thawed by that. May sleep. Lock held.
 * @sketch: get what it takes, in the pool and the draft, to take what is in a range to
 *	another one; splits leaves that can't go as they are. May sleep. Return:
 *	0; -ENOMEM or -EINTR. Lock held.
 * @take: take it there, into the draft, and leave the range frozen, as @freeze does.
 *	May sleep. Lock held. Return: true if tables went as they are: before they are
 *	thawed nobody may be under RCU who was so before they went.
 * @protect: set permissions of all leaves in the range; splits come out of the
 *	pool. May sleep. Lock held.
 * @join: make larger leaves, up to max_level, of those that meet the range and that
 *	contiguous ones come to, none of which reaches out of [start, last]: so far
 *	an area goes. May sleep. Lock held.
 * @shut: keep everybody out of the 4 KiB leaves, all of them owned, in the 2 MiB at
 *	gpa: who comes waits for @refill, and holders have forgotten. Return: false if
 *	there are none, or the memory of one has failed, with nothing changed. May
 *	sleep. Lock held, from here to @refill.
 * @refill: put what is in a table that was shut into the 2 MiB frame at hpa, in a leaf
 *	of what @encode said; where there was nothing are zeros. Nobody copies to or
 *	from the pages. Return: false if somebody else has one of them, or it has
 *	failed: then all is as it was before. Lock held.
 * @poison: take the page at hpa, in a leaf that owns it, out of gpa; splits what
 *	there is to split. The entry stays poisoned until it is unmapped. Return:
 *	false if the page isn't there, with nothing changed. May sleep. Lock held.
 * @walk: visit all leaves that meet the range. Under RCU or lock.
 * @next_table: the first table in order, from @gpa and @level of @table on, into
 *	@table. A table comes before those that it leads to. Under RCU or lock.
 *	Return: false if there is none.
 * @destroy: free everything. Nobody else may have the table.
 * @tracking: what is otherwise where writes are noticed; NULL if they can't be
 */
struct axas_npt_ops {
	enum axas_format format;
	struct module *owner;
	u32 feature;
	const struct axas_npt_ops *more;
	const char *name;
	void (*caps)(struct axas_npt_caps *caps);
	int (*init)(struct axas_npt *npt);
	int (*control)(const struct axas_npt *npt, u64 *value);

	bool (*lookup)(const struct axas_npt *npt, axas_gpa_t gpa,
		       struct axas_npt_slot *slot, struct axas_leaf *leaf);
	axas_hpa_t (*translate)(const struct axas_npt *npt, axas_gpa_t gpa);
	enum axas_look (*look)(const struct axas_npt *npt, axas_gpa_t gpa,
			       unsigned int access,
			       struct axas_npt_cursor *cursor,
			       struct axas_npt_slot *slot);
	unsigned int (*allowed)(const struct axas_npt *npt,
				const struct axas_fault_entry *entries,
				unsigned int n, struct axas_npt_cursor *cursor);
	u64 (*encode)(const struct axas_npt *npt, struct axas_attr attr);
	unsigned int (*sync)(const struct axas_npt *npt, struct axas_attr attr);
	int (*install)(struct axas_npt *npt, const struct axas_npt_slot *slot,
		       axas_gpa_t gpa, axas_hpa_t hpa, unsigned int level,
		       u64 shared, struct axas_npt_pool *pool);

	int (*map)(struct axas_npt *npt, axas_gpa_t gpa, axas_hpa_t hpa,
		   u64 size, u64 shared, unsigned int max_level);
	int (*populate)(struct axas_npt *npt, axas_gpa_t gpa,
			unsigned int level, unsigned int n,
			const axas_hpa_t *frames, unsigned int *nr,
			u64 shared, struct axas_npt_pool *pool);
	unsigned int (*split_cost)(const struct axas_npt *npt, axas_gpa_t gpa,
				   unsigned int max_level);
	void (*unmap)(struct axas_npt *npt, axas_gpa_t gpa, u64 size,
		      const struct axas_npt_gap *gap,
		      struct axas_npt_pool *pool);
	int (*draft)(const struct axas_npt *npt, axas_gpa_t gpa, u64 size,
		     struct axas_npt_draft *draft);
	void (*drop)(struct axas_npt *npt, struct axas_npt_draft *draft);
	bool (*fits)(const struct axas_npt *npt,
		     const struct axas_npt_draft *draft);
	void (*freeze)(struct axas_npt *npt, axas_gpa_t gpa, axas_gpa_t other,
		       u64 size, struct axas_npt_pool *pool,
		       const struct axas_npt_draft *draft,
		       struct axas_npt_freed *freed);
	void (*thaw)(struct axas_npt *npt, axas_gpa_t gpa, u64 size,
		     struct axas_npt_draft *draft);
	int (*sketch)(struct axas_npt *npt, axas_gpa_t from, axas_gpa_t to,
		      u64 size, struct axas_npt_pool *pool,
		      struct axas_npt_draft *draft);
	bool (*take)(struct axas_npt *npt, axas_gpa_t from, axas_gpa_t to,
		     u64 size, struct axas_npt_pool *pool,
		     struct axas_npt_draft *draft);
	void (*protect)(struct axas_npt *npt, axas_gpa_t gpa, u64 size,
			unsigned int prot, struct axas_npt_pool *pool);
	void (*join)(struct axas_npt *npt, axas_gpa_t gpa, u64 size, u64 start,
		     u64 last, unsigned int max_level);
	bool (*shut)(struct axas_npt *npt, axas_gpa_t gpa,
		     struct axas_npt_shut *shut);
	bool (*refill)(struct axas_npt *npt, const struct axas_npt_shut *shut,
		       axas_hpa_t hpa, u64 shared);
	bool (*poison)(struct axas_npt *npt, axas_gpa_t gpa, axas_hpa_t hpa);
	int (*walk)(const struct axas_npt *npt, axas_gpa_t gpa, u64 size,
		    axas_npt_visit_fn visit, void *arg);
	bool (*next_table)(const struct axas_npt *npt,
			   struct axas_npt_table *table);
	void (*destroy)(struct axas_npt *npt);
	const struct axas_npt_tracking *tracking;
};

extern const struct axas_npt_ops axas_npt_ept_ops;
extern const struct axas_npt_ops axas_npt_ept_mbec_ops;
extern const struct axas_npt_ops axas_npt_s2_ops;
extern const struct axas_npt_ops axas_npt_s2_lpa2_ops;
extern const struct axas_npt_ops axas_npt_s2_xnx_ops;
extern const struct axas_npt_ops axas_npt_amd_ops;

enum axas_format axas_npt_host(void);

/**
 * axas_npt_format - find one of axas's own formats
 * @format: an &enum axas_format
 *
 * Return: its operations, or NULL if there is no such format.
 */
static inline const struct axas_npt_ops *axas_npt_format(u32 format)
{
	if (format == AXAS_FORMAT_HOST)
		format = axas_npt_host();
	switch (format) {
	case AXAS_FORMAT_EPT:
		return &axas_npt_ept_ops;
	case AXAS_FORMAT_S2:
		return &axas_npt_s2_ops;
	case AXAS_FORMAT_AMD:
		return &axas_npt_amd_ops;
	default:
		return NULL;
	}
}

/**
 * axas_npt_with - a format as a table with these features has it
 * @ops: the format
 * @features: &enum axas_feature bits
 *
 * Return: its operations; whether it has the features is for their caps to say.
 */
static inline const struct axas_npt_ops *
axas_npt_with(const struct axas_npt_ops *ops, u32 features)
{
	const struct axas_npt_ops *more;

	for (more = ops->more; more; more = more->more)
		if (features & more->feature)
			return more;
	return ops;
}

const struct axas_npt_ops *axas_format_get(u32 format);
u32 axas_format_mask(void);
int axas_format_register(const struct axas_npt_ops *ops);
void axas_format_unregister(const struct axas_npt_ops *ops);

/**
 * axas_npt_get_ops - the format of a table that others may begin to track
 * @npt: the table
 *
 * Under the table's lock its @ops don't change.
 *
 * Context: any. Both what was there before and what is there then is good until
 * the end of an RCU section.
 * Return: its operations.
 */
static inline const struct axas_npt_ops *axas_npt_get_ops(const struct axas_npt *npt)
{
	return READ_ONCE(npt->ops);
}

/**
 * axas_npt_assert_walk - the caller may follow table pointers
 * @npt: the table
 */
static inline void axas_npt_assert_walk(const struct axas_npt *npt)
{
	RCU_LOCKDEP_WARN(!rcu_read_lock_held() && !lockdep_is_held(npt->lock),
			 "nested page table walked without RCU or lock");
}

/* A table takes as many epochs at a time, so that tables share no counter. */
#define AXAS_EPOCH_BLOCK	4096

u64 axas_npt_epoch_block(void);
int axas_npt_wait(const struct axas_npt *npt);

/**
 * axas_npt_next_epoch - the epoch of a change
 * @npt: the table
 *
 * No two changes of tables of this module have the same epoch, and none has 0.
 *
 * Context: any; under the table's lock.
 * Return: the epoch, for the caller to make it @npt's.
 */
static inline u64 axas_npt_next_epoch(const struct axas_npt *npt)
{
	u64 last = npt->epoch;

	if (unlikely(!(last % AXAS_EPOCH_BLOCK)))
		last = axas_npt_epoch_block();
	return last + 1;
}

/**
 * axas_npt_busy - is someone else replacing what the slot holds?
 * @slot: a slot
 *
 * Return: true if the caller has to leave its RCU section and all locks but
 * its own, and look again.
 */
static inline bool axas_npt_busy(const struct axas_npt_slot *slot)
{
	return slot->old == AXAS_NPT_FROZEN;
}

/**
 * axas_npt_missing - why is there no leaf?
 * @slot: a slot without
 *
 * Return: what axas_npt_lookup() returns.
 */
static inline int axas_npt_missing(const struct axas_npt_slot *slot)
{
	if (axas_npt_busy(slot))
		return -EAGAIN;
	return slot->old == AXAS_NPT_POISONED ? -EHWPOISON : -ENOENT;
}

/**
 * axas_npt_lookup - translate a GPA
 * @npt: the table
 * @gpa: address inside of the table's width
 * @leaf: out: the leaf
 *
 * Context: any; takes RCU.
 * Return: 0; -ENOENT if there is no leaf; -EAGAIN if the entry is just being
 * replaced; -EHWPOISON if the memory there has failed.
 */
static inline int axas_npt_lookup(const struct axas_npt *npt, axas_gpa_t gpa,
				  struct axas_leaf *leaf)
{
	struct axas_npt_slot slot;

	guard(rcu)();
	if (axas_npt_get_ops(npt)->lookup(npt, gpa, &slot, leaf))
		return 0;
	return axas_npt_missing(&slot);
}

/**
 * axas_npt_translate - where a GPA lies
 * @npt: the table
 * @gpa: address inside of the table's width
 *
 * Context: any; takes RCU.
 * Return: the HPA, or %AXAS_NO_FRAME if there is no leaf.
 */
static inline axas_hpa_t axas_npt_translate(const struct axas_npt *npt,
					    axas_gpa_t gpa)
{
	guard(rcu)();
	return axas_npt_get_ops(npt)->translate(npt, gpa);
}

void axas_npt_sum(const struct axas_npt *npt, struct axas_npt_stats *sum);
int axas_npt_pool_fill(struct axas_npt_pool *pool, unsigned int nr, gfp_t gfp);

/**
 * axas_npt_pool_free - give back what was not used
 * @pool: the pool
 */
static inline void axas_npt_pool_free(struct axas_npt_pool *pool)
{
	while (pool->nr)
		axas_hal_free_table(pool->tables[--pool->nr], 0);
}

DEFINE_FREE(axas_npt_pool, struct axas_npt_pool, axas_npt_pool_free(&_T))

u64 axas_s2_vtcr(const struct axas_npt *npt);

#endif /* _AXAS_NPT_H */
