// SPDX-License-Identifier: GPL-2.0
/*
 * Nested page faults.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include <axas/space.h>
#include <axas/trace.h>

#include "axas_alias.h"
#include "axas_hold.h"
#include "axas_memory.h"
#include "axas_track.h"

static bool fault_in_main_area(struct axas_space *space,
			       struct axas_nested_fault *fault)
{
	const struct axas_main_area *main = &space->main_area;
	unsigned int seq;

	do {
		seq = read_seqcount_begin(&main->seq);
		fault->area = main->area;
		fault->start = main->start;
		fault->last = main->last;
	} while (read_seqcount_retry(&main->seq, seq));
	return fault->area && fault->gpa.val >= fault->start &&
	       fault->gpa.val <= fault->last;
}

static void fault_find_area(struct axas_space *space,
			    struct axas_nested_fault *fault)
{
	MA_STATE(mas, &space->areas.mt, fault->gpa.val, fault->gpa.val);

	fault->area = mas_walk(&mas);
	fault->start = mas.index;
	fault->last = mas.last;
}

/* Look for the area, under an epoch that has been read. */
static noinline void fault_area_anew(struct axas_space *space,
				     struct axas_nested_fault *fault, u64 epoch)
{
	/* The epoch was read before the areas are. Pairs with npt_new_epoch(). */
	smp_rmb();
	fault->epoch = epoch;
	if (!fault_in_main_area(space, fault))
		fault_find_area(space, fault);
}

/*
 * The area of a fault whose slot has been read. Whoever takes an area away
 * changes the tree, then the epoch, then the slot. So what was found under an
 * epoch is as good as what the tree holds now while the epoch is the same.
 */
static __always_inline const struct axas_area *
fault_area(struct axas_space *space, struct axas_nested_fault *fault)
{
	u64 epoch;

	/* The slot was read before the epoch is. Pairs with npt_new_epoch(). */
	smp_rmb();
	epoch = READ_ONCE(space->npt.epoch);
	if (unlikely(!fault->area || fault->epoch != epoch ||
		     fault->gpa.val < fault->start ||
		     fault->gpa.val > fault->last))
		fault_area_anew(space, fault, epoch);
	return fault->area;
}

/* A frame that is left over is as its backend has left it. */
static inline void fault_enter_backend(struct axas_nested_fault *fault,
				       const struct axas_backend_ops *ops)
{
	if (unlikely(axas_frame_valid(fault->frame.hpa)) && fault->ops != ops)
		axas_frame_free(&fault->frame);
	fault->ops = ops;
}

/*
 * Where writes are noticed, or uses, what an area allows need not be what its leaf
 * does.
 */
static inline bool fault_may_be_armed(const struct axas_npt *npt,
				      const struct axas_nested_fault *fault)
{
	return unlikely(READ_ONCE(npt->tracked)) &&
	       (fault->access & AXAS_PROT_WRITE || READ_ONCE(npt->aged));
}

/* Open what is armed, and use what is idle. Under R for reading. */
static int fault_open_leaf(struct axas_space *space,
			   struct axas_nested_fault *fault, enum axas_look look)
{
	struct axas_npt *npt = &space->npt;

	if (look != AXAS_LOOK_IDLE && fault->access & AXAS_PROT_WRITE) {
		if (axas_npt_get_ops(npt)->tracking->open(npt, fault->gpa,
							  &fault->cursor, false,
							  1))
			return -EROFS;
		axas_track_opened(space, fault->gpa.val);
	}
	if (READ_ONCE(npt->aged) && axas_track_use(npt, fault->gpa))
		return -EROFS;
	return AXAS_FAULT_RESOLVED;
}

/*
 * Open the leaf, and mark it as used, under R, which is kept for the next fault. -EROFS:
 * that takes somebody who may sleep.
 */
static noinline int fault_open(struct axas_space *space,
			       struct axas_nested_fault *fault,
			       enum axas_look look)
{
	const struct axas_area *area;

	if (!fault->hold) {
		/* The space is tracked: R is there. See track_prepare(). */
		smp_rmb();
		fault->hold = axas_hold_try(space->hold);
		if (!fault->hold)
			return -EROFS;
	}
	area = fault_area(space, fault);
	if (!area)
		return -EROFS;
	if (fault->access & ~area->attr.prot)
		return AXAS_FAULT_DENIED;
	return fault_open_leaf(space, fault, look);
}

/* There is a leaf. */
static int fault_leaf(struct axas_space *space,
		      struct axas_nested_fault *fault, enum axas_look look)
{
	if (look == AXAS_LOOK_ALLOWED)
		return AXAS_FAULT_SPURIOUS;
	return fault_may_be_armed(&space->npt, fault) ?
		       fault_open(space, fault, look) : AXAS_FAULT_DENIED;
}

/*
 * One try, under RCU. -EAGAIN: get what the fault wants and try again; -EBUSY:
 * wait for who replaces the entry and try again; -EROFS: open the leaf; -EREMOTE: ask
 * the source of an alias.
 */
static __always_inline int fault_try(struct axas_space *space,
				     struct axas_nested_fault *fault)
{
	struct axas_npt *npt = &space->npt;
	const struct axas_area *area;
	struct axas_npt_slot slot;
	enum axas_look look;
	int ret;

	look = axas_npt_get_ops(npt)->look(npt, fault->gpa, fault->access,
					   &fault->cursor, &slot);
	if (unlikely(look >= AXAS_LOOK_ALLOWED))
		return fault_leaf(space, fault, look);

	area = fault_area(space, fault);
	if (!area)
		return AXAS_FAULT_NO_AREA;
	if (look == AXAS_LOOK_BUSY)
		return -EBUSY;
	if (fault->access & ~area->attr.prot)
		return AXAS_FAULT_DENIED;
	if (unlikely(look == AXAS_LOOK_POISONED))
		return AXAS_FAULT_POISONED;
	fault_enter_backend(fault, area->ops);
	ret = area->ops->fault(area, npt, &slot, fault);
	if (!ret && fault_may_be_armed(npt, fault))
		return fault_open(space, fault, look);
	return ret ? ret : AXAS_FAULT_RESOLVED;
}

/* Nothing that was found outlives its RCU section. */
static void fault_forget(struct axas_nested_fault *fault)
{
	fault->cursor.base = AXAS_CURSOR_NONE;
	fault->area = NULL;
	if (unlikely(fault->hold))
		up_read(fault->hold);
	fault->hold = NULL;
}

/* Open the leaf. May sleep. -EAGAIN: try again. */
static int fault_open_slowly(struct axas_space *space,
			     const struct axas_nested_fault *fault)
{
	switch (axas_track_open(space, fault->gpa, fault->access)) {
	case 0:
		return AXAS_FAULT_RESOLVED;
	case -EAGAIN:
		return -EAGAIN;
	case -EACCES:
		return AXAS_FAULT_DENIED;
	default:
		return AXAS_FAULT_NO_MEMORY;
	}
}

/* Get what a try that ended with this errno lacked. May sleep. */
static int fault_prepare(struct axas_space *space,
			 struct axas_nested_fault *fault, int err)
{
	unsigned int tables = fault->tables;
	gfp_t gfp;

	if (err == -EBUSY)
		return axas_npt_wait(&space->npt);
	if (tables) {
		fault->tables = 0;
		return axas_npt_pool_fill(&fault->pool, tables,
					  AXAS_GFP | __GFP_ZERO);
	}
	if (!fault->want_frame) {
		cond_resched();
		return 0;
	}

	fault->want_frame = false;
	gfp = fault->order ? axas_place_gfp_2m(fault->place) : AXAS_GFP;
	fault->frame = axas_frame_alloc_placed(fault->order, fault->place,
					       gfp | __GFP_ZERO);
	if (axas_frame_valid(fault->frame.hpa))
		return 0;
	if (!fault->order || fault->place.whole)
		return -ENOMEM;
	fault->small = true;
	return 0;
}

/*
 * After a try that ended with this errno, but for -EREMOTE. May sleep. -EAGAIN: try
 * again; else what became of the fault.
 */
static int fault_step(struct axas_space *space,
		      struct axas_nested_fault *fault, int err)
{
	if (unlikely(err == -EROFS))
		return fault_open_slowly(space, fault);
	return fault_prepare(space, fault, err) ? AXAS_FAULT_NO_MEMORY :
						  -EAGAIN;
}

/* Resolve one. Under RCU, which is left to get what it takes. */
static __always_inline enum axas_fault_result
fault_one(struct axas_space *space, struct axas_nested_fault *fault, u64 gpa,
	  unsigned int access)
	__must_hold(RCU)
{
	int ret;

	if (unlikely(!axas_range_in(gpa, 1, space->base, space->length) ||
		     !access || !axas_npt_has(&space->npt, access)))
		return AXAS_FAULT_INVALID;

	fault->gpa = axas_gpa(gpa);
	fault->access = access;
	fault->small = false;
	for (;;) {
		ret = fault_try(space, fault);
		if (likely(ret >= 0))
			return ret;
		fault_forget(fault);
		rcu_read_unlock();
		if (unlikely(ret == -EREMOTE))
			ret = axas_alias_bring(fault);
		else
			ret = fault_step(space, fault, ret);
		rcu_read_lock();
		if (ret >= 0)
			return ret;
	}
}

/* Of which area a fault was, and where in it. A device has said so. */
static noinline void fault_name_area(struct axas_space *space,
				     struct axas_nested_fault *fault,
				     enum axas_fault_result result,
				     struct axas_fault_entry *entry)
{
	const struct axas_area *area;

	if (result == AXAS_FAULT_DENIED) {
		fault_find_area(space, fault);
		area = fault->area;
		fault->cookie = area ? area->cookie : 0;
		fault->offset = area ? fault->gpa.val - area->origin : 0;
	}
	entry->cookie = fault->cookie;
	entry->offset = fault->offset;
}

/* Resolve one of an array, on any bus. Under RCU, as fault_one(). */
static __always_inline enum axas_fault_result
fault_entry(struct axas_space *space, struct axas_nested_fault *fault,
	    struct axas_fault_entry *entry)
	__must_hold(RCU)
{
	enum axas_fault_result result;

	if (unlikely(entry->bus != AXAS_BUS_MEMORY))
		return axas_devices_access(&space->devices, entry);
	if (unlikely(entry->width != fault->width)) {
		if (!axas_width_ok(entry->width))
			return AXAS_FAULT_INVALID;
		fault->width = entry->width;
	}
	result = fault_one(space, fault, entry->gpa, entry->access);
	if (unlikely(axas_fault_names_area(result)))
		fault_name_area(space, fault, result, entry);
	return result;
}

static noinline enum axas_fault_result
fault_traced(struct axas_space *space, struct axas_nested_fault *fault,
	     struct axas_fault_entry *entry)
	__must_hold(RCU)
{
	u64 begin = ktime_get_ns();
	enum axas_fault_result result = fault_entry(space, fault, entry);

	trace_axas_fault(space->npt.id, entry, result, ktime_get_ns() - begin);
	return result;
}

static void fault_end(struct axas_nested_fault *fault)
{
	axas_frame_free(&fault->frame);
	axas_npt_pool_free(&fault->pool);
}

/**
 * axas_fault_own - a fault of the kernel's own, which no figure counts
 * @space: the space
 * @gpa: the address
 * @access: &enum axas_prot bits
 *
 * Context: as axas_space_fault().
 * Return: as axas_space_fault().
 */
enum axas_fault_result axas_fault_own(struct axas_space *space, axas_gpa_t gpa,
				      unsigned int access)
{
	struct axas_fault_entry entry;
	struct axas_nested_fault fault;
	enum axas_fault_result result;

	axas_fault_begin(&fault);
	rcu_read_lock();
	if (trace_axas_fault_enabled()) {
		/* What doesn't fit is as invalid as none. */
		entry = (struct axas_fault_entry){
			.gpa = gpa.val,
			.access = access > U16_MAX ? 0 : access,
		};
		result = fault_traced(space, &fault, &entry);
	} else {
		result = fault_one(space, &fault, gpa.val, access);
	}
	fault_forget(&fault);
	rcu_read_unlock();
	fault_end(&fault);
	return result;
}

/**
 * axas_space_fault - resolve a nested page fault
 * @space: the space
 * @gpa: the address that was accessed
 * @access: &enum axas_prot bits of the access
 *
 * Context: may sleep. Any number of threads at once; takes no lock.
 * Return: what became of it.
 */
enum axas_fault_result axas_space_fault(struct axas_space *space,
					axas_gpa_t gpa, unsigned int access)
{
	enum axas_fault_result result = axas_fault_own(space, gpa, access);

	this_cpu_inc(space->faults->results[result]);
	return result;
}
EXPORT_SYMBOL_GPL(axas_space_fault);

/**
 * axas_fault_source - a fault at the source of an alias
 * @source: the space
 * @gpa: the address there
 * @access: &enum axas_prot bits
 *
 * Context: may sleep.
 * Return: what became of it.
 */
enum axas_fault_result axas_fault_source(struct axas_space *source, axas_gpa_t gpa,
					 unsigned int access)
{
	struct axas_nested_fault fault;
	int ret;

	axas_fault_begin(&fault);
	fault.gpa = gpa;
	fault.access = access;
	fault.small = false;
	do {
		rcu_read_lock();
		ret = fault_try(source, &fault);
		fault_forget(&fault);
		rcu_read_unlock();
		if (ret == -EREMOTE) {
			/* There are no aliases of aliases, or one would come back here. */
			axas_alias_put(fault.alias);
			ret = AXAS_FAULT_NO_AREA;
		} else if (ret < 0) {
			ret = fault_step(source, &fault, ret);
		}
	} while (ret < 0);
	fault_end(&fault);
	return ret;
}

/* How many of the first faults are spurious? */
static unsigned int faults_allowed(struct axas_space *space,
				   struct axas_nested_fault *fault,
				   struct axas_fault_entry *entries,
				   unsigned int n)
{
	struct axas_npt *npt = &space->npt;
	unsigned int i, allowed;

	allowed = axas_npt_get_ops(npt)->allowed(npt, entries, n, &fault->cursor);
	for (i = 0; i < allowed; i++)
		entries[i].result = AXAS_FAULT_SPURIOUS;
	this_cpu_add(space->faults->results[AXAS_FAULT_SPURIOUS], allowed);
	return allowed;
}

/*
 * How many of the next ones are writes as the last one was, and find an armed leaf beside
 * its? Under R, in which nothing of an area goes once its epoch was looked at.
 */
static noinline unsigned int faults_opened(struct axas_space *space,
					   struct axas_nested_fault *fault,
					   struct axas_fault_entry *entries,
					   unsigned int n)
{
	struct axas_npt *npt = &space->npt;
	struct axas_npt_writes writes = {
		.start = fault->start,
		.last = fault->last,
		.width = fault->width,
	};
	unsigned int i;

	if (!fault->area || READ_ONCE(npt->aged) ||
	    fault->epoch != READ_ONCE(npt->epoch))
		return 0;
	writes.prot = fault->area->attr.prot;
	n = axas_npt_get_ops(npt)->tracking->open_run(npt, entries, n,
						      &fault->cursor, &writes);
	for (i = 0; i < n; i++) {
		entries[i].result = AXAS_FAULT_RESOLVED;
		axas_track_opened(space, entries[i].gpa);
	}
	this_cpu_add(space->faults->results[AXAS_FAULT_RESOLVED], n);
	return n;
}

/**
 * axas_space_faults - resolve some nested page faults
 * @space: the space
 * @entries: in: gpa, access, width and bus; out: result, and of a device
 *	cookie and offset
 * @n: how many; they are resolved in one RCU section unless memory is short
 *
 * Context: as axas_space_fault().
 */
void axas_space_faults(struct axas_space *space,
		       struct axas_fault_entry *entries, unsigned int n)
{
	struct axas_fault_entry *entry = entries, *end = entries + n;
	struct axas_nested_fault fault;
	enum axas_fault_result result = AXAS_FAULT_SPURIOUS;

	axas_fault_begin(&fault);
	rcu_read_lock();
	for (; entry < end; entry++) {
		/* Those that have nothing left to do come in runs. */
		if (result == AXAS_FAULT_SPURIOUS &&
		    !trace_axas_fault_enabled()) {
			entry += faults_allowed(space, &fault, entry,
						end - entry);
			if (entry == end)
				break;
		}
		if (trace_axas_fault_enabled())
			result = fault_traced(space, &fault, entry);
		else
			result = fault_entry(space, &fault, entry);
		entry->result = result;
		this_cpu_inc(space->faults->results[result]);
		/* And so do those that have only to be opened. */
		if (unlikely(fault.hold) && !trace_axas_fault_enabled())
			entry += faults_opened(space, &fault, entry + 1,
					       end - entry - 1);
	}
	fault_forget(&fault);
	rcu_read_unlock();
	fault_end(&fault);
}
EXPORT_SYMBOL_GPL(axas_space_faults);
