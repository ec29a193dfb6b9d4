// SPDX-License-Identifier: GPL-2.0
/*
 * Planted faults: what would be wrong in the table if the module were. Each is
 * made at an edge of what the step has changed, and taken back after the step's
 * checks, so that the table can be freed. Bits are literal numbers (Intel SDM
 * volume 3C, 29.3.2; AMD APM volume 2, 5.4; Arm ARM DDI 0487, D8.3).
 */
#include "hw.h"

static const char *const plant_names[] = {
	[HW_PLANT_NONE] = "none",
	[HW_PLANT_EXEC] = "wrong execute permission",
	[HW_PLANT_WRITE_ONLY] = "write without read",
	[HW_PLANT_LEVEL] = "table taken for a leaf: a level skipped",
	[HW_PLANT_NO_FORGET] = "missing invalidation",
	[HW_PLANT_ADDRESS] = "wrong bit in the output address",
	[HW_PLANT_MEMTYPE] = "wrong memory type",
	[HW_PLANT_STALE_PROT] = "permission not revoked",
	[HW_PLANT_STALE_LEAF] = "entry valid after unmap",
	[HW_PLANT_ACCESS_FLAG] = "access flag missing",
	[HW_PLANT_RESERVED] = "reserved encoding",
	[HW_PLANT_TABLE] = "another table in the place of one",
	[HW_PLANT_FLAGS] = "accessed flag lost",
	[HW_PLANT_WIDE] = "output address wider than the CPU's",
	[HW_PLANT_SHARE] = "wrong shareability, or bits 51:50 of the address with LPA2",
	[HW_PLANT_CLEAN] = "writable leaf that can't become dirty",
	[HW_PLANT_EXCHANGE] = "user's and supervisor's right to execute exchanged",
	[HW_PLANT_LINK] = "link without a right to execute",
};

/**
 * hw_plant_name - what a planted fault is
 * @id: the fault
 *
 * Return: text.
 */
const char *hw_plant_name(enum hw_plant_id id)
{
	return plant_names[id];
}

static bool plant_ept(const struct hw_run *run)
{
	return run->space->npt.ops->format == AXAS_FORMAT_EPT;
}

static bool plant_amd(const struct hw_run *run)
{
	return run->space->npt.ops->format == AXAS_FORMAT_AMD;
}

static bool plant_s2(const struct hw_run *run)
{
	return run->space->npt.ops->format == AXAS_FORMAT_S2;
}

static bool plant_lpa2(const struct hw_run *run)
{
	return run->config->features & AXAS_FEAT_LPA2;
}

/* Width of the address that an entry has room for. */
static unsigned int plant_entry_bits(const struct hw_run *run)
{
	return plant_s2(run) && !plant_lpa2(run) ? 48 : 52;
}

/* Tables are walked by others too: a whole entry at a time. */
static void plant_write(struct hw_run *run, u64 *ptr, u64 old, u64 new)
{
	struct hw_plant *plant = &run->plant;

	if (new == old)
		return;
	plant->ptr = ptr;
	plant->old = old;
	plant->new = new;
	run->stats.plants++;
	WRITE_ONCE(*ptr, new);
	/* So that it is the entry that is wrong, and nothing else. */
	axas_npt_probe_forget(&run->space->npt, axas_gpa(0),
			      1ULL << run->config->gpa_bits);
}

/**
 * hw_plant_before - note what is there before the step changes it
 * @run: the run
 * @gpa: an address that the step is about to change
 */
void hw_plant_before(struct hw_run *run, u64 gpa)
{
	struct hw_plant *plant = &run->plant;
	struct hw_walk walk;

	plant->before_ptr = NULL;
	if (plant->id == HW_PLANT_NO_FORGET) {
		run->mute = true;
		run->stats.plants++;
	}
	if (!hw_model_at(&run->model, gpa).mapped)
		return;
	hw_raw_walk(&run->space->npt, gpa, &walk);
	plant->before = walk.entries[walk.nr - 1];
	plant->before_ptr = walk.ptrs[walk.nr - 1];
}

/*
 * One bit of the address, as wide as the CPU's, that the leaf may have. LPA2: bits 51:50
 * are 9:8 of the leaf.
 */
static u64 random_address_bit(struct hw_run *run, unsigned int level)
{
	unsigned int low = 12 + 9 * (level - 1);
	unsigned int bit = low + hw_below(run, hw_hpa_bits(run) - low);

	return BIT_ULL(plant_lpa2(run) && bit >= 50 ? bit - 42 : bit);
}

/* EPT: type of a 4 KiB leaf in bits 5:3. Stage 2: MemAttr in bits 5:2. */
static u64 other_memtype(const struct hw_run *run, u64 entry)
{
	u64 mask = plant_ept(run) ? 0x38 : 0x3c;
	u64 other = plant_ept(run) ? 0 : 5 << 2; /* UC, Normal Non-cacheable */

	/* PWT and PCD */
	if (plant_amd(run))
		return entry ^ 0x18;
	if ((entry & mask) == other)
		other = plant_ept(run) ? 6 << 3 :
			run->config->features & AXAS_FEAT_FWB ? 6 << 2 :
								15 << 2;
	return (entry & ~mask) | other;
}

static u64 write_only(const struct hw_run *run, u64 entry)
{
	if (plant_ept(run))
		return entry & 1 ? (entry & ~1ULL) | 2 : entry;
	if (plant_amd(run))
		return entry;
	return entry & BIT_ULL(6) ? (entry & ~BIT_ULL(6)) | BIT_ULL(7) : entry;
}

/*
 * EPT: memory type 2 is reserved. AMD: bit 13 is, in large leaves. Stage 2: bit 1
 * clear at the last level is reserved; above, there is nothing of that kind in
 * what a leaf may hold.
 */
static u64 reserved(const struct hw_run *run, u64 entry, unsigned int level)
{
	if (plant_ept(run))
		return (entry & ~0x38ULL) | 2 << 3;
	if (plant_amd(run))
		return level == 1 ? entry : entry | BIT_ULL(13);
	return level == 1 ? entry & ~2ULL : entry;
}

/* Leave the rights as they were before the step. */
static u64 stale_prot(const struct hw_run *run, u64 entry, u64 before)
{
	u64 mask = plant_ept(run) ? 0x407 :
		   plant_amd(run) ? BIT_ULL(1) | BIT_ULL(63) :
				    BIT_ULL(6) | BIT_ULL(7) | BIT_ULL(51) |
				    BIT_ULL(53) | BIT_ULL(54);

	return (entry & ~mask) | (before & mask);
}

/*
 * Where user mode has a right of its own. EPT: bits 2 and 10. Stage 2: XN[1:0] in bits
 * 54:53, of which 0b01 keeps EL1 from executing, and 0b11 EL0.
 */
static u64 exchanged(const struct hw_run *run, u64 entry)
{
	if (plant_s2(run))
		return entry & BIT_ULL(53) ? entry ^ BIT_ULL(54) : entry;
	return (entry & ~0x404ULL) | (entry & 4) << 8 | (entry & 0x400) >> 8;
}

/*
 * The last link on the way without a right: EPT: bit 10 where user mode has one of its
 * own, else bit 2. AMD: bit 63.
 */
static void plant_link(struct hw_run *run, const struct hw_walk *walk)
{
	unsigned int i = walk->nr - 2;
	bool user = run->config->features & AXAS_FEAT_EXEC_USER;
	u64 entry = walk->entries[i];

	if (plant_ept(run))
		plant_write(run, walk->ptrs[i], entry, entry & ~(user ? 0x400ULL : 4ULL));
	else if (plant_amd(run))
		plant_write(run, walk->ptrs[i], entry, entry | BIT_ULL(63));
}

/*
 * Make the last table on the way a leaf, with the attributes of the real one.
 * EPT, AMD: bit 7. Stage 2: bit 1.
 */
static void plant_level(struct hw_run *run, const struct hw_walk *walk)
{
	unsigned int i = walk->nr - 2, level = walk->levels[i];
	u64 size = 1ULL << (12 + 9 * (level - 1));
	u64 addr = walk->entries[i] & GENMASK_ULL(47, 12) & ~(size - 1);
	u64 s2_addr = plant_lpa2(run) ? GENMASK_ULL(49, 12) | GENMASK_ULL(9, 8) :
					GENMASK_ULL(47, 12);
	u64 leaf = walk->entries[i + 1];

	if (level > 3)
		return;
	if (plant_ept(run))
		leaf = (leaf & 0x43f) | BIT_ULL(7);
	else if (plant_amd(run))
		leaf = (leaf & (BIT_ULL(63) | 0x7f)) | BIT_ULL(7);
	else
		leaf &= ~(s2_addr | 2);
	plant_write(run, walk->ptrs[i], walk->entries[i], leaf | addr);
}

static void plant_table(struct hw_run *run, const struct hw_walk *walk)
{
	unsigned int i = walk->nr - 2;
	u64 addr = GENMASK_ULL(47, 12);

	plant_write(run, walk->ptrs[i], walk->entries[i],
		    (walk->entries[i] & ~addr) | __pa(run->plant.table));
}

static void plant_leaf(struct hw_run *run, u64 *ptr, u64 entry,
		       unsigned int level)
{
	struct hw_plant *plant = &run->plant;
	u64 new = entry;

	switch (plant->id) {
	case HW_PLANT_EXEC:
		new ^= plant_ept(run) ? BIT_ULL(2) :
		       plant_amd(run) ? BIT_ULL(63) : BIT_ULL(54);
		break;
	case HW_PLANT_WRITE_ONLY:
		new = write_only(run, entry);
		break;
	case HW_PLANT_ADDRESS:
		new ^= random_address_bit(run, level);
		break;
	case HW_PLANT_MEMTYPE:
		new = other_memtype(run, entry);
		break;
	case HW_PLANT_STALE_PROT:
		if (plant->before_ptr == ptr && run->op == HW_OP_PROTECT)
			new = stale_prot(run, entry, plant->before);
		break;
	case HW_PLANT_ACCESS_FLAG:
		if (plant_s2(run) && !(run->config->features & AXAS_FEAT_AD))
			new &= ~BIT_ULL(10);
		break;
	case HW_PLANT_RESERVED:
		new = reserved(run, entry, level);
		break;
	case HW_PLANT_WIDE:
		if (hw_arch_pa_bits() < plant_entry_bits(run))
			new |= BIT_ULL(hw_arch_pa_bits());
		break;
	case HW_PLANT_SHARE:
		/* SH, bits 9:8: of what is write-back, Inner becomes Non-. Or an address. */
		if (plant_s2(run))
			new &= ~GENMASK_ULL(9, 8);
		break;
	case HW_PLANT_CLEAN:
		/* DBM, where the leaf hasn't been written yet. */
		if (plant_s2(run) && !(entry & BIT_ULL(7)))
			new &= ~BIT_ULL(51);
		break;
	case HW_PLANT_EXCHANGE:
		new = exchanged(run, entry);
		break;
	default:
		break;
	}
	plant_write(run, ptr, entry, new);
}

/**
 * hw_plant_apply - make the fault
 * @run: the run; its step has just changed something
 * @gpa: an address at an edge of that
 */
void hw_plant_apply(struct hw_run *run, u64 gpa)
{
	const struct axas_npt *npt = &run->space->npt;
	struct hw_plant *plant = &run->plant;
	struct hw_walk walk;
	u64 entry, *ptr;

	if (!plant->id)
		return;
	hw_raw_walk(npt, gpa, &walk);
	entry = walk.entries[walk.nr - 1];
	ptr = walk.ptrs[walk.nr - 1];
	if (plant->id == HW_PLANT_STALE_LEAF) {
		if (run->op == HW_OP_UNMAP && plant->before_ptr == ptr)
			plant_write(run, ptr, entry, plant->before);
		return;
	}
	if (!hw_raw_present(npt, entry))
		return;
	if (plant->id == HW_PLANT_LEVEL && walk.nr > 1)
		plant_level(run, &walk);
	else if (plant->id == HW_PLANT_TABLE && walk.nr > 1)
		plant_table(run, &walk);
	else if (plant->id == HW_PLANT_LINK && walk.nr > 1)
		plant_link(run, &walk);
	else
		plant_leaf(run, ptr, entry, walk.levels[walk.nr - 1]);
}

/**
 * hw_plant_late - make the fault that comes after the CPU's walk
 * @run: the run
 * @walk: the walk of a leaf; changed with it
 */
void hw_plant_late(struct hw_run *run, struct hw_walk *walk)
{
	unsigned int i = walk->nr - 1;
	u64 flag = plant_ept(run) ? BIT_ULL(8) :
		   plant_amd(run) ? BIT_ULL(5) : BIT_ULL(10);

	/* Not before it is known whether the CPU sets the flag. */
	if (run->plant.id != HW_PLANT_FLAGS || run->plant.ptr ||
	    !run->changed || !(run->sets_flags & HW_ACCESSED))
		return;
	plant_write(run, walk->ptrs[i], walk->entries[i],
		    walk->entries[i] & ~flag);
	walk->entries[i] &= ~flag;
}

/* Flags that the CPU may have set in the planted entry meanwhile. */
static u64 plant_keep(const struct hw_run *run)
{
	const struct hw_plant *plant = &run->plant;

	switch (plant->id) {
	case HW_PLANT_WRITE_ONLY:
	case HW_PLANT_STALE_PROT:
	case HW_PLANT_STALE_LEAF:
	case HW_PLANT_LEVEL:
	case HW_PLANT_TABLE:
		return 0;
	default:
		if (plant_ept(run))
			return BIT_ULL(8) | BIT_ULL(9);
		if (plant_amd(run))
			return BIT_ULL(5) | BIT_ULL(6);
		return BIT_ULL(10) | (plant->old & BIT_ULL(51) ? BIT_ULL(7) : 0);
	}
}

/**
 * hw_plant_undo - take the fault back
 * @run: the run
 */
void hw_plant_undo(struct hw_run *run)
{
	struct hw_plant *plant = &run->plant;

	run->mute = false;
	plant->before_ptr = NULL;
	if (!plant->ptr)
		return;
	WRITE_ONCE(*plant->ptr, plant->old |
		   (READ_ONCE(*plant->ptr) & plant_keep(run)));
	plant->ptr = NULL;
	axas_npt_probe_forget(&run->space->npt, axas_gpa(0),
			      1ULL << run->config->gpa_bits);
}
