// SPDX-License-Identifier: GPL-2.0
/*
 * Aliases: memory of another space, or of another place of the same one.
 *
 * The frames are the source's and stay so: an alias has leaves that own nothing, each
 * made from what the source's table says. Whoever changes that table takes these leaves
 * away first. Documentation/internals.rst has the rules.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/refcount.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <axas/space.h>

#include "axas_alias.h"
#include "axas_area.h"
#include "axas_hold.h"

/**
 * struct axas_alias - what was named by one AXAS_MAP
 * @refs: areas, and whoever looks at it outside of RCU
 * @space: where it is
 * @source: whose memory it is
 * @file: keeps @source; NULL if that is @space, or if the caller does
 * @distance: from a GPA of @space to the one of @source
 * @start: first GPA of @source
 * @last: its last one
 * @prot: &enum axas_prot bits beyond which it has no rights
 * @busy: @source is being changed there: no leaf is made; under its lock
 * @lent: in @source->lent
 * @node: in @space->aliases
 * @rcu: faults run under RCU
 */
struct axas_alias {
	refcount_t refs;
	struct axas_space *space;
	struct axas_space *source;
	struct file *file;
	u64 distance;
	u64 start;
	u64 last;
	unsigned int prot;
	bool busy;
	struct list_head lent;
	struct list_head node;
	struct rcu_head rcu;
};

/*
 * Both lists of all spaces. Nothing is waited for under it; who enters a source's list
 * has that one's lock, too.
 */
static DEFINE_MUTEX(alias_lock);

/* ---- birth and death ---- */

/*
 * A space that others have aliases of has none of others itself. So spaces don't keep
 * each other for ever, and the lock of a source always comes first.
 */
static bool alias_goes_round(const struct axas_alias *alias)
{
	return alias->space != alias->source &&
	       (alias->space->lent_away || alias->source->borrowed);
}

static void alias_count(const struct axas_alias *alias, s64 n)
{
	lockdep_assert_held(&alias_lock);
	if (alias->space == alias->source)
		return;
	alias->source->lent_away += n;
	alias->space->borrowed += n;
}

/* Under the source's lock: nobody is changing it. */
static int alias_enter(struct axas_alias *alias)
{
	struct axas_space *source = alias->source;

	guard(mutex)(&alias_lock);
	if (alias_goes_round(alias))
		return -ELOOP;
	list_add(&alias->lent, &source->lent);
	list_add(&alias->node, &alias->space->aliases);
	alias_count(alias, 1);
	source->held = true;
	source->lent_once |= alias->space != source;
	return 0;
}

/* Nobody finds it any more who changes the source. */
static void alias_unlink(struct axas_alias *alias)
{
	if (list_empty(&alias->node))
		return;
	list_del_init(&alias->lent);
	list_del_init(&alias->node);
	alias_count(alias, -1);
}

static struct axas_alias *alias_alloc(struct axas_space *space,
				      const struct axas_map *args,
				      const struct axas_source *source)
{
	struct axas_alias *alias = kzalloc(sizeof(*alias), AXAS_GFP);

	if (!alias)
		return NULL;
	refcount_set(&alias->refs, 1);
	INIT_LIST_HEAD(&alias->lent);
	INIT_LIST_HEAD(&alias->node);
	alias->space = space;
	alias->source = source->space;
	alias->distance = source->gpa - args->gpa;
	alias->start = source->gpa;
	alias->last = source->gpa + args->length - 1;
	alias->prot = source->prot;
	/* A space that keeps itself would never go. */
	if (source->file && source->space != space)
		alias->file = get_file(source->file);
	return alias;
}

/**
 * axas_alias_create - give an area its source
 * @space: the space
 * @area: the area, which isn't in the tree yet
 * @args: what it was made from
 * @source: the source
 *
 * Context: may sleep. Takes the source's lock.
 * Return: 0; -EINVAL; -ERANGE; -ELOOP; -ENOMEM; -EINTR.
 */
int axas_alias_create(struct axas_space *space, struct axas_area *area,
		      const struct axas_map *args,
		      const struct axas_source *source)
{
	int ret = axas_area_check_range(source->space, source->gpa,
					args->length);

	if (ret)
		return ret;
	area->alias = alias_alloc(space, args, source);
	if (!area->alias)
		return -ENOMEM;
	area->offset = area->alias->distance;
	ret = mutex_lock_killable(&source->space->lock);
	if (ret)
		return ret;
	ret = alias_enter(area->alias);
	mutex_unlock(&source->space->lock);
	return ret;
}

/**
 * axas_alias_get - another area has it
 * @alias: the alias; or NULL
 *
 * Context: any.
 * Return: the same.
 */
struct axas_alias *axas_alias_get(struct axas_alias *alias)
{
	if (alias)
		refcount_inc(&alias->refs);
	return alias;
}

/**
 * axas_alias_put - an area goes
 * @alias: the alias; or NULL. The table has no leaf of that area any more.
 *
 * Context: may sleep. The source, if it goes with the last, does so when the task has
 * left the kernel's locks behind.
 */
void axas_alias_put(struct axas_alias *alias)
{
	if (!alias || !refcount_dec_and_mutex_lock(&alias->refs, &alias_lock))
		return;
	alias_unlink(alias);
	mutex_unlock(&alias_lock);
	if (alias->file)
		fput(alias->file);
	kfree_rcu(alias, rcu);
}

static struct axas_alias *alias_first(struct axas_space *space)
{
	struct axas_alias *alias;

	guard(mutex)(&alias_lock);
	alias = list_first_entry_or_null(&space->aliases, struct axas_alias, node);
	return axas_alias_get(alias);
}

/**
 * axas_alias_leave - a space goes, and its sources needn't tell it any more
 * @space: the space, which nobody else can reach
 *
 * Context: may sleep. Takes the locks of the sources, one after the other.
 */
void axas_alias_leave(struct axas_space *space)
{
	struct axas_alias *alias;

	while ((alias = alias_first(space))) {
		/* Whoever is in this space for a change has it. */
		mutex_lock(&alias->source->lock);
		mutex_lock(&alias_lock);
		alias_unlink(alias);
		mutex_unlock(&alias_lock);
		mutex_unlock(&alias->source->lock);
		axas_alias_put(alias);
		cond_resched();
	}
	/* Faults elsewhere may still look at this one's table. */
	if (space->lent_once)
		synchronize_rcu();
}

/* ---- the source changes ---- */

/*
 * The next alias behind one, of which the reference goes, that has any of a range. While
 * there is a reference it is in the list.
 */
static struct axas_alias *alias_next(struct axas_space *source,
				     struct axas_alias *prev, u64 start,
				     u64 last)
{
	struct axas_alias *alias, *next = NULL;

	mutex_lock(&alias_lock);
	alias = prev ?: list_entry(&source->lent, struct axas_alias, lent);
	list_for_each_entry_continue(alias, &source->lent, lent) {
		if (start <= alias->last && last >= alias->start) {
			next = axas_alias_get(alias);
			break;
		}
		cond_resched();
	}
	mutex_unlock(&alias_lock);
	axas_alias_put(prev);
	return next;
}

/* Take what an alias has of [start, last] out of its table. Other areas lie between. */
static int alias_clear(const struct axas_alias *alias, u64 start, u64 last)
{
	struct axas_npt_pool none = {};
	struct axas_space *space = alias->space;
	const struct axas_area *area;
	u64 first, end;

	for (; start <= last; start = end + 1) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		first = start;
		end = last;
		area = axas_tree_find(&space->areas, &first, &end);
		if (!area)
			break;
		first = max(first, start);
		end = min(end, last);
		/* Its leaves are small: there is nothing to split. */
		if (area->alias == alias)
			axas_area_clear(space, first, end - first + 1, &none);
	}
	return 0;
}

/* The same of [start, last] of the source, whose lock is held. */
static int alias_shut(struct axas_alias *alias, u64 start, u64 last)
{
	struct mutex *lock = &alias->space->lock;
	bool other = alias->space != alias->source;
	int ret;

	start = max(start, alias->start) - alias->distance;
	last = min(last, alias->last) - alias->distance;
	if (other) {
		ret = mutex_lock_killable_nested(lock, SINGLE_DEPTH_NESTING);
		if (ret)
			return ret;
	}
	/* Before the epoch of the alias's table changes. For alias_fault(). */
	WRITE_ONCE(alias->busy, true);
	ret = alias_clear(alias, start, last);
	if (other)
		mutex_unlock(lock);
	return ret;
}

/**
 * axas_alias_shut - see axas_alias_begin()
 * @source: the space
 * @gpa: first GPA
 * @size: bytes
 *
 * Context: as there.
 * Return: as there.
 */
int axas_alias_shut(struct axas_space *source, u64 gpa, u64 size)
{
	u64 last = gpa + size - 1;
	struct axas_alias *alias;
	int ret;

	for (alias = alias_next(source, NULL, gpa, last); alias;
	     alias = alias_next(source, alias, gpa, last)) {
		ret = alias_shut(alias, gpa, last);
		if (ret) {
			axas_alias_put(alias);
			axas_alias_reopen(source);
			return ret;
		}
	}
	return 0;
}

/**
 * axas_alias_reopen - see axas_alias_end()
 * @source: the space
 *
 * Context: as there.
 */
void axas_alias_reopen(struct axas_space *source)
{
	struct axas_alias *alias;

	guard(mutex)(&alias_lock);
	list_for_each_entry(alias, &source->lent, lent) {
		if (!alias->busy)
			continue;
		/* After all that was changed. For alias_fault(). */
		smp_store_release(&alias->busy, false);
		cond_resched();
	}
}

/* ---- the alias is touched ---- */

/* Where user mode has no right of its own, that to execute is one of both modes. */
static bool alias_user(const struct axas_npt *npt)
{
	return npt->features & AXAS_FEAT_EXEC_USER;
}

/* What the rights at the source are in the table of an alias. */
static unsigned int alias_rights(const struct axas_npt *npt,
				 const struct axas_npt *source,
				 unsigned int prot)
{
	if (alias_user(npt) == alias_user(source))
		return prot;
	if (alias_user(npt))
		return prot & AXAS_PROT_EXEC ? prot | AXAS_PROT_FETCH : prot;
	return (prot & AXAS_PROT_FETCH) == AXAS_PROT_FETCH ?
		       prot & ~AXAS_PROT_EXEC_USER : prot & ~AXAS_PROT_FETCH;
}

/* What the source is asked for so that an alias may have it. */
static unsigned int alias_access(const struct axas_npt *npt,
				 const struct axas_npt *source,
				 unsigned int access)
{
	if (!(access & AXAS_PROT_FETCH) || alias_user(npt) == alias_user(source))
		return access;
	return (access & ~AXAS_PROT_FETCH) |
	       (alias_user(source) ? AXAS_PROT_FETCH : AXAS_PROT_EXEC);
}

/* What the area at the source allows. Under RCU. */
static unsigned int alias_source_prot(struct axas_space *source, axas_gpa_t gpa)
{
	MA_STATE(mas, &source->areas.mt, gpa.val, gpa.val);
	const struct axas_area *area = mas_walk(&mas);

	return area && area->attr.owned ? area->attr.prot : 0;
}

/* Somebody who may sleep has to see to it. Under RCU. */
static int alias_want(const struct axas_npt *npt,
		      struct axas_nested_fault *fault, struct axas_alias *alias,
		      unsigned int prot)
{
	const struct axas_npt *source = &alias->source->npt;

	if (!refcount_inc_not_zero(&alias->refs))
		return -EAGAIN;
	fault->alias = alias;
	fault->source_all = alias_access(npt, source, prot);
	fault->source_access = alias_access(npt, source, fault->access);
	return -EREMOTE;
}

/* What both allow may be what a leaf of this table can't. */
static bool alias_denies(const struct axas_npt *npt,
			 const struct axas_nested_fault *fault,
			 unsigned int prot)
{
	return fault->access & ~prot ||
	       !(prot & AXAS_PROT_READ || npt->features & AXAS_FEAT_EXEC_ONLY);
}

/* There is nothing at the source. */
static int alias_missing(const struct axas_npt *npt,
			 struct axas_nested_fault *fault,
			 struct axas_alias *alias, axas_gpa_t gpa,
			 const struct axas_npt_slot *from, unsigned int prot)
{
	unsigned int source_prot = alias_source_prot(alias->source, gpa);

	if (!source_prot)
		return AXAS_FAULT_NO_AREA;
	prot &= alias_rights(npt, &alias->source->npt, source_prot);
	if (alias_denies(npt, fault, prot))
		return AXAS_FAULT_DENIED;
	if (from->old == AXAS_NPT_POISONED)
		return AXAS_FAULT_POISONED;
	return alias_want(npt, fault, alias, prot);
}

static int alias_install(const struct axas_area *area, struct axas_npt *npt,
			 const struct axas_npt_slot *slot,
			 struct axas_nested_fault *fault, axas_hpa_t hpa,
			 unsigned int prot)
{
	const struct axas_npt_ops *ops = axas_npt_get_ops(npt);
	struct axas_attr attr = area->attr;
	int ret;

	attr.prot = prot;
	/* The source has done so for its own guest, who may look otherwise. */
	if (AXAS_HAL_SYNCS && ops->sync(npt, attr))
		axas_hal_sync_frames(&hpa, 1, SZ_4K, ops->sync(npt, attr));
	ret = ops->install(npt, slot, fault->gpa, hpa, 1, ops->encode(npt, attr),
			   &fault->pool);
	if (ret != -ENOMEM)
		return ret;
	fault->tables = slot->level - 1;
	return -EAGAIN;
}

/*
 * The slot was read before the area was found. Whoever changes the source sets busy,
 * then writes a new epoch into the slot, or takes out what is there; and resets busy when
 * the source is what it will be. So either it is seen here that busy is set; or the slot
 * isn't any more what it was; or what is looked up at the source is good.
 */
static int alias_fault(const struct axas_area *area, struct axas_npt *npt,
		       const struct axas_npt_slot *slot,
		       struct axas_nested_fault *fault)
{
	axas_gpa_t gpa = axas_gpa((fault->gpa.val & PAGE_MASK) + area->offset);
	struct axas_alias *alias = area->alias;
	struct axas_space *source = alias->source;
	unsigned int prot = area->attr.prot & alias->prot, allowed;
	struct axas_npt_slot from;
	struct axas_leaf leaf;
	axas_hpa_t hpa;

	/* Busy before the source. Pairs with axas_alias_reopen(). */
	if (smp_load_acquire(&alias->busy))
		return alias_want(npt, fault, alias, prot);
	if (!axas_npt_get_ops(&source->npt)->lookup(&source->npt, gpa, &from,
						    &leaf))
		return alias_missing(npt, fault, alias, gpa, &from, prot);
	/* Linear memory, or an alias. */
	if (!leaf.attr.owned)
		return AXAS_FAULT_NO_AREA;
	allowed = prot & alias_rights(npt, &source->npt, leaf.attr.prot);
	/* What is written here is noticed there: it is open as long as this leaf is. */
	if (allowed != prot && READ_ONCE(source->npt.tracked)) {
		prot &= alias_rights(npt, &source->npt,
				     alias_source_prot(source, gpa));
		if (prot & ~allowed)
			return alias_want(npt, fault, alias, prot);
	}
	if (alias_denies(npt, fault, allowed))
		return AXAS_FAULT_DENIED;
	hpa = axas_hpa(leaf.hpa.val +
		       (gpa.val & (axas_level_size(leaf.level) - 1)));
	if (PageHWPoison(axas_hal_page(hpa)))
		return AXAS_FAULT_POISONED;
	return alias_install(area, npt, slot, fault, hpa, allowed);
}

/* A fault at the source, for all that the alias may do, or for this access alone. */
static enum axas_fault_result alias_touch(const struct axas_alias *alias,
					  const struct axas_nested_fault *fault)
{
	axas_gpa_t gpa = axas_gpa(fault->gpa.val + alias->distance);
	enum axas_fault_result result;

	result = axas_fault_source(alias->source, gpa, fault->source_all);
	if (result == AXAS_FAULT_DENIED &&
	    fault->source_all != fault->source_access)
		result = axas_fault_source(alias->source, gpa,
					   fault->source_access);
	return result;
}

/**
 * axas_alias_bring - get what a fault in an alias lacked
 * @fault: the fault, whose backend has returned -EREMOTE
 *
 * Context: may sleep. May wait for the source's lock.
 * Return: -EAGAIN to try again, or what becomes of the fault.
 */
int axas_alias_bring(struct axas_nested_fault *fault)
{
	struct axas_alias *alias = fault->alias;
	enum axas_fault_result result = AXAS_FAULT_RESOLVED;

	if (fatal_signal_pending(current))
		result = AXAS_FAULT_NO_MEMORY;
	else if (!READ_ONCE(alias->busy))
		result = alias_touch(alias, fault);
	else if (axas_npt_wait(&alias->source->npt))
		result = AXAS_FAULT_NO_MEMORY;
	axas_alias_put(alias);
	switch (result) {
	case AXAS_FAULT_RESOLVED:
	case AXAS_FAULT_SPURIOUS:
		cond_resched();
		return -EAGAIN;
	case AXAS_FAULT_DENIED:
	case AXAS_FAULT_NO_MEMORY:
	case AXAS_FAULT_POISONED:
		return result;
	default:
		return AXAS_FAULT_NO_AREA;
	}
}

/* ---- the alias as an area ---- */

/* The frames are write-back wherever they were before. */
static int alias_setup(struct axas_area *area, const struct axas_npt *npt,
		       const struct axas_map *args)
{
	return args->hpa || args->memtype != AXAS_MEM_WB ? -EINVAL : 0;
}

const struct axas_backend_ops axas_alias_ops = {
	.id = AXAS_BACKEND_ALIAS,
	.name = "alias",
	.max_level = 1,
	.default_level = 1,
	.setup = alias_setup,
	.fault = alias_fault,
};

/**
 * axas_alias_lies - is there an alias at an address?
 * @space: the space
 * @gpa: the address
 *
 * Context: any; takes RCU.
 * Return: true if so.
 */
bool axas_alias_lies(struct axas_space *space, axas_gpa_t gpa)
{
	MA_STATE(mas, &space->areas.mt, gpa.val, gpa.val);
	const struct axas_area *area;

	if (!axas_alias_any(space))
		return false;
	guard(rcu)();
	area = mas_walk(&mas);
	return area && area->alias;
}

/**
 * axas_alias_protect - give a range other rights in the table
 * @space: the space, which has aliases
 * @gpa: first GPA; areas have been cut here
 * @size: bytes, without a hole; and cut there
 * @prot: &enum axas_prot bits
 * @pool: tables for splits
 *
 * What an alias allows is for its source to say: its leaves come anew.
 *
 * Context: may sleep. Under the space's lock, and R held for writing.
 */
void axas_alias_protect(struct axas_space *space, u64 gpa, u64 size,
			unsigned int prot, struct axas_npt_pool *pool)
{
	const struct axas_npt_ops *ops = space->npt.ops;
	u64 last = gpa + size - 1, start = gpa, end;
	const struct axas_area *area;

	for (; start <= last; start = end + 1) {
		u64 first = start;

		end = last;
		area = axas_tree_find(&space->areas, &first, &end);
		end = min(end, last);
		if (area && area->alias)
			ops->unmap(&space->npt, axas_gpa(start), end - start + 1,
				   NULL, pool);
		else
			ops->protect(&space->npt, axas_gpa(start),
				     end - start + 1, prot, pool);
		cond_resched();
	}
}
