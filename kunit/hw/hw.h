/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_HW_H
#define _AXAS_HW_H

#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/xarray.h>

#include <axas/probe.h>
#include <axas/space.h>

#define HW_PROT_ALL	(AXAS_PROT_READ | AXAS_PROT_WRITE | AXAS_PROT_EXEC)

/* Kinds of an access, by bit; the last where user mode has a right of its own. */
#define HW_MAX_ACCESS	4
/* What addresses are aligned to, for a fetch that needs it. */
#define HW_ALIGN	16ULL
#define HW_NR_KINDS	(AXAS_PROBE_ADDRESS_SIZE + 1)
#define HW_NR_MEMTYPES	(AXAS_MEM_DEVICE + 1)

/* ---- the model: what the space should be, kept by the test ---- */

/* Ranges that the model can hold, and the number from which on it shrinks. */
#define HW_MAX_SEGS	192
#define HW_MANY_SEGS	96

/**
 * struct hw_seg - a range that was mapped by one call, or what is left of it
 * @start: first GPA
 * @end: behind the last GPA
 * @offset: linear: HPA less GPA
 * @alloc: pages come from the module, and the model learns them
 * @small: has 4 KiB leaves only
 * @prot: &enum axas_prot bits
 * @memtype: an &enum axas_memtype
 * @max_leaf: its largest leaf
 */
struct hw_seg {
	u64 start;
	u64 end;
	u64 offset;
	bool alloc;
	bool small;
	u8 prot;
	u8 memtype;
	u64 max_leaf;
};

/**
 * struct hw_model - a sorted array of ranges
 * @segs: the ranges
 * @nr: number of @segs
 * @pages: by GPA page: an alloc page that is there; its HPA page, or 0 until it
 *	has been seen
 * @frames: by HPA page: the GPA page that has it
 * @flags: by GPA page: HW_ACCESSED and HW_DIRTY, what the CPU has done there
 */
struct hw_model {
	struct hw_seg segs[HW_MAX_SEGS];
	unsigned int nr;
	struct xarray pages;
	struct xarray frames;
	struct xarray flags;
};

#define HW_ACCESSED	BIT(0)
#define HW_DIRTY	BIT(1)

/**
 * struct hw_page - what the model says of an address
 * @seg: the range, or NULL
 * @mapped: there is a leaf
 * @known: @hpa is known
 * @hpa: where the address lies
 */
struct hw_page {
	const struct hw_seg *seg;
	bool mapped;
	bool known;
	u64 hpa;
};

void hw_model_init(struct hw_model *model);
void hw_model_free(struct hw_model *model);
const struct hw_seg *hw_model_find(const struct hw_model *model, u64 gpa);
bool hw_model_overlaps(const struct hw_model *model, u64 start, u64 end);
bool hw_model_covers(const struct hw_model *model, u64 start, u64 end);
void hw_model_map(struct hw_model *model, const struct hw_seg *seg);
void hw_model_unmap(struct hw_model *model, u64 start, u64 end);
void hw_model_protect(struct hw_model *model, u64 start, u64 end,
		      unsigned int prot);
void hw_model_join(struct hw_model *model, u64 start, u64 end);
void hw_model_move(struct hw_model *model, u64 from, u64 to, u64 size,
		   bool exchange);
void hw_model_grow(struct hw_model *model, u64 start, u64 end);
u64 hw_model_discard(struct hw_model *model, u64 start, u64 end);
void hw_model_populate(struct hw_model *model, u64 start, u64 end);
bool hw_model_collapse(struct hw_model *model, u64 start, u64 hpa);
bool hw_model_empty(const struct hw_model *model, u64 start, u64 end);
bool hw_model_learn(struct hw_model *model, u64 gpa, u64 hpa);
void hw_model_touch(struct hw_model *model, u64 gpa, unsigned int flags);
unsigned int hw_model_touched(struct hw_model *model, u64 start, u64 end);
struct hw_page hw_model_at(const struct hw_model *model, u64 gpa);

/* ---- planted faults ---- */

enum hw_plant_id {
	HW_PLANT_NONE,
	HW_PLANT_EXEC,
	HW_PLANT_WRITE_ONLY,
	HW_PLANT_LEVEL,
	HW_PLANT_NO_FORGET,
	HW_PLANT_ADDRESS,
	HW_PLANT_MEMTYPE,
	HW_PLANT_STALE_PROT,
	HW_PLANT_STALE_LEAF,
	HW_PLANT_ACCESS_FLAG,
	HW_PLANT_RESERVED,
	HW_PLANT_TABLE,
	HW_PLANT_FLAGS,
	HW_PLANT_WIDE,
	HW_PLANT_SHARE,
	HW_PLANT_CLEAN,
	HW_PLANT_EXCHANGE,
	HW_PLANT_LINK,
	HW_NR_PLANTS,
};

/* ---- what depends on the architecture ---- */

#ifdef CONFIG_ARM64
#define HW_NR_CONFIGS	26
#else
#define HW_NR_CONFIGS	9
#endif

/**
 * struct hw_config - a kind of table to be walked
 * @gpa_bits: width
 * @features: &enum axas_feature bits
 * @pa_bits: arm64: take the CPU's physical addresses for as wide as that and no wider; or 0
 */
struct hw_config {
	u32 gpa_bits;
	u32 features;
	u32 pa_bits;
};

extern const struct hw_config hw_configs[HW_NR_CONFIGS];

unsigned int hw_arch_steps(void);
int hw_arch_init(void);
void hw_arch_choose(const struct hw_config *config);
void hw_arch_exit(void);
void hw_arch_own(u64 hpa);
u64 hw_arch_hpa(struct rnd_state *rnd, unsigned int bits, u64 size, u64 align);
bool hw_arch_may_skip(const struct hw_page *page, unsigned int access);
bool hw_arch_is_silent(const struct hw_page *page, unsigned int access);
bool hw_arch_raw_ok(const struct axas_probe_result *result,
		    const struct hw_page *page, unsigned int access);
unsigned int hw_arch_pa_bits(void);
unsigned int hw_arch_gpa_bits(void);
const char *hw_arch_blind(const struct hw_config *config,
			  enum hw_plant_id id);
int hw_arch_hold(const struct axas_npt *npt);
void hw_arch_release(void);

/* ---- entries, read by the letter of the manuals ---- */

/* More than the deepest walk has. */
#define HW_MAX_WALK	6

/**
 * struct hw_walk - the entries that a CPU meets on its way
 * @ptrs: where they are, from the root on
 * @entries: their values
 * @levels: their levels
 * @nr: their number; the last one is a leaf or not valid
 */
struct hw_walk {
	u64 *ptrs[HW_MAX_WALK];
	u64 entries[HW_MAX_WALK];
	unsigned int levels[HW_MAX_WALK];
	unsigned int nr;
};

bool hw_raw_present(const struct axas_npt *npt, u64 entry);
bool hw_raw_flags(const struct axas_npt *npt, u64 entry, unsigned int *flags);
void hw_raw_walk(const struct axas_npt *npt, u64 gpa, struct hw_walk *walk);

/**
 * struct hw_plant - a fault in the table, made by the test itself
 * @id: an &enum hw_plant_id
 * @ptr: the entry that has been changed, or NULL
 * @old: what it held
 * @new: what it holds
 * @before: the leaf before the operation, for faults that bring it back
 * @before_ptr: where it was
 * @table: an empty table
 */
struct hw_plant {
	enum hw_plant_id id;
	u64 *ptr;
	u64 old;
	u64 new;
	u64 before;
	u64 *before_ptr;
	u64 *table;
};

/* ---- a run ---- */

/* A kind of step. */
enum hw_op {
	HW_OP_MAP_LINEAR,
	HW_OP_MAP_ALLOC,
	HW_OP_MAP_TAKEN,
	HW_OP_UNMAP,
	HW_OP_PROTECT,
	HW_OP_FAULT,
	HW_OP_CLEAR,
	HW_OP_REPLACE,
	HW_OP_DISCARD,
	HW_OP_POPULATE,
	HW_OP_RESIZE,
	HW_OP_MOVE,
	HW_OP_EXCHANGE,
	HW_OP_COLLAPSE,
	HW_NR_OPS,
};

/**
 * struct hw_stats - what a run did
 * @ops: steps by kind
 * @splits: steps that cut a large leaf
 * @joins: leaves that a collapse has made
 * @checks: addresses that were translated
 * @probes: translations by the CPU
 * @kinds: by &enum axas_probe_kind
 * @levels: probes that ended at a leaf of 4 KiB, 2 MiB, 1 GiB
 * @memtypes: probes that were mapped, by what the CPU said
 * @access: probes that could be tried, by bit of the access
 * @unproven: probes that could not be tried
 * @warm: translations used just before they were taken away
 * @forgets: invalidations
 * @accessed: leaves whose accessed flag the CPU set
 * @dirty: leaves whose dirty flag the CPU set
 * @plants: faults planted
 */
struct hw_stats {
	u64 ops[HW_NR_OPS];
	u64 splits;
	u64 joins;
	u64 checks;
	u64 probes;
	u64 kinds[HW_NR_KINDS];
	u64 levels[3];
	u64 memtypes[HW_NR_MEMTYPES + 1];
	u64 access[HW_MAX_ACCESS];
	u64 unproven;
	u64 warm;
	u64 forgets;
	u64 accessed;
	u64 dirty;
	u64 plants;
};

/* Windows of the address space in which a run works. */
#define HW_MAX_WINDOWS	6
#define HW_WINDOW	(4ULL * SZ_1G)
/* The one that is kept for leaves of 1 GiB. */
#define HW_LARGE_WINDOW	3

/**
 * struct hw_run - a run over one configuration
 * @test: the test
 * @config: what is walked
 * @space: the space
 * @holder: forgets what the CPU has cached
 * @mute: the holder does nothing: a planted fault
 * @model: the model
 * @rnd: where chance comes from
 * @seed: where that begins
 * @step: number of the step
 * @op: what the step did
 * @op_start: first GPA of its range
 * @op_end: behind the last
 * @op_arg: permissions, or access of a fault
 * @op_to: first GPA where a move goes, otherwise @op_start
 * @acted: the step has done something
 * @changed: and what it changes is changed by now
 * @large: the step is to map 1 GiB leaves
 * @limit: behind the last GPA that this CPU can ask for
 * @windows: first GPAs of windows
 * @nr_windows: their number
 * @window: bytes of each
 * @plant: the planted fault
 * @sets_flags: HW_ACCESSED and HW_DIRTY if the CPU sets them when it is probed
 * @failed: the run has failed
 * @stats: what was done
 */
struct hw_run {
	struct kunit *test;
	const struct hw_config *config;
	struct axas_space *space;
	struct axas_holder holder;
	bool mute;
	struct hw_model model;
	struct rnd_state rnd;
	u64 seed;
	unsigned int step;
	enum hw_op op;
	u64 op_start;
	u64 op_end;
	unsigned int op_arg;
	u64 op_to;
	bool acted;
	bool changed;
	bool large;
	u64 limit;
	u64 windows[HW_MAX_WINDOWS];
	unsigned int nr_windows;
	u64 window;
	struct hw_plant plant;
	unsigned int sets_flags;
	bool failed;
	struct hw_stats stats;
};

static inline unsigned int hw_nr_access(const struct hw_run *run)
{
	return run->config->features & AXAS_FEAT_EXEC_USER ? HW_MAX_ACCESS :
							     HW_MAX_ACCESS - 1;
}

static inline u32 hw_below(struct hw_run *run, u32 n)
{
	return prandom_u32_state(&run->rnd) % n;
}

static inline bool hw_one_in(struct hw_run *run, u32 n)
{
	return !hw_below(run, n);
}

static inline u64 hw_random64(struct hw_run *run)
{
	return (u64)prandom_u32_state(&run->rnd) << 32 |
	       prandom_u32_state(&run->rnd);
}

/* Width of the HPAs that both the CPU and an entry have. */
static inline unsigned int hw_hpa_bits(const struct hw_run *run)
{
	return min_t(unsigned int, run->space->npt.caps.hpa_bits,
		     hw_arch_pa_bits());
}

void hw_fail(struct hw_run *run, u64 gpa, const char *who, const char *what);
void hw_check(struct hw_run *run, u64 gpa);
void hw_warm(struct hw_run *run, u64 gpa);
void hw_step(struct hw_run *run);
bool hw_planted(void);
u64 hw_random_gpa(struct hw_run *run);

/* ---- what is tracked ---- */

struct hw_tracks;

struct hw_tracks *hw_track_begin(struct hw_run *run);
void hw_track_steps(struct hw_tracks *tracks, unsigned int n);
void hw_track_end(struct hw_tracks *tracks);

/* ---- steps ---- */

/* Pages that a step brings in, or splits leaves into. */
#define HW_MAX_PAGES	1024

/* [start, end) */
struct hw_range {
	u64 start;
	u64 end;
};

const struct hw_seg *hw_random_seg(struct hw_run *run);
struct hw_range hw_clip(struct hw_run *run, u64 start, u64 size);
struct hw_range hw_few_pages(struct hw_range range);
struct hw_range hw_random_range(struct hw_run *run);
struct hw_range hw_random_target(struct hw_run *run);
void hw_expect(struct hw_run *run, int ret, int want);
void hw_set_op(struct hw_run *run, enum hw_op op, struct hw_range range,
	       unsigned int arg);
void hw_warm_range(struct hw_run *run, struct hw_range range);
void hw_step_discard(struct hw_run *run);
void hw_step_populate(struct hw_run *run);
void hw_step_resize(struct hw_run *run);
void hw_step_move(struct hw_run *run);
void hw_step_collapse(struct hw_run *run);

const char *hw_plant_name(enum hw_plant_id id);
void hw_plant_before(struct hw_run *run, u64 gpa);
void hw_plant_apply(struct hw_run *run, u64 gpa);
void hw_plant_late(struct hw_run *run, struct hw_walk *walk);
void hw_plant_undo(struct hw_run *run);

#endif /* _AXAS_HW_H */
