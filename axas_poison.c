// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that fails: the page goes out of the space that has it, and its place
 * says so.
 *
 * The kernel calls nobody whose pages it doesn't know, but it has a trace event
 * for each failure. Where there is none, whoever comes across the page in a
 * space finds out.
 */
#include <linux/kfifo.h>
#include <linux/pfn.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/workqueue.h>

#include <axas/space.h>

#include "axas_alias.h"
#include "axas_hold.h"
#include "axas_track.h"

/* No alias has it. */
static int poison_begun(struct axas_space *space, axas_gpa_t gpa, axas_hpa_t hpa)
{
	bool there;

	axas_hold_write(space->hold, &space->lock);
	there = space->npt.ops->poison(&space->npt, gpa, hpa);
	axas_hold_end(space->hold);
	if (!there)
		return -ENOENT;
	axas_track_mark(space, gpa.val, SZ_4K);
	return 0;
}

/**
 * axas_space_poison - take a page out whose memory has failed
 * @space: the space
 * @gpa: where the page is, aligned to 4 KiB
 * @hpa: its host physical address
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0; -ENOENT if another page is there now, or one that the space
 * doesn't own, and nothing has changed; -EINTR.
 */
int axas_space_poison(struct axas_space *space, axas_gpa_t gpa, axas_hpa_t hpa)
{
	int ret = mutex_lock_killable(&space->lock);

	if (ret)
		return ret;
	ret = axas_alias_begin(space, gpa.val, SZ_4K);
	if (!ret) {
		ret = poison_begun(space, gpa, hpa);
		axas_alias_end(space);
	}
	mutex_unlock(&space->lock);
	return ret;
}

/* ---- which space has it ---- */

/* Leaves that are looked at in one RCU section. */
#define SCAN_LEAVES	128

struct scan {
	u64 hpa;
	axas_gpa_t gpa;
	u64 next;
	unsigned int leaves;
};

enum { SCAN_END, SCAN_PAUSE, SCAN_FOUND };

static int scan_leaf(void *arg, axas_gpa_t gpa, const struct axas_leaf *leaf)
{
	u64 size = axas_level_size(leaf->level);
	struct scan *scan = arg;
	u64 offset = scan->hpa - leaf->hpa.val;

	scan->next = gpa.val + size;
	if (leaf->attr.owned && offset < size) {
		scan->gpa = axas_gpa(gpa.val + offset);
		return SCAN_FOUND;
	}
	return ++scan->leaves < SCAN_LEAVES ? SCAN_END : SCAN_PAUSE;
}

/* Return: true if the page was there. */
static bool scan_space(struct axas_space *space, void *hpa)
{
	const struct axas_npt *npt = &space->npt;
	u64 end = space->base + space->length;
	struct scan scan = { .hpa = *(u64 *)hpa, .next = space->base };
	int ret = SCAN_PAUSE;

	while (ret != SCAN_END && scan.next < end && !axas_live_going(space)) {
		scan.leaves = 0;
		rcu_read_lock();
		ret = axas_npt_get_ops(npt)->walk(npt, axas_gpa(scan.next),
						  end - scan.next, scan_leaf, &scan);
		rcu_read_unlock();
		if (ret == SCAN_FOUND &&
		    !axas_space_poison(space, scan.gpa, axas_hpa(scan.hpa)))
			return true;
		cond_resched();
	}
	return false;
}

/**
 * axas_poison_frame - take a page out of whatever space has it
 * @hpa: its host physical address
 *
 * Context: may sleep.
 */
void axas_poison_frame(axas_hpa_t hpa)
{
	axas_live_for_each(scan_space, &hpa.val);
}

/* ---- the kernel notices ---- */

/* What doesn't fit is found by whoever touches it. */
static DEFINE_KFIFO(poison_pfns, unsigned long, 64);
static DEFINE_RAW_SPINLOCK(poison_lock);
static struct workqueue_struct *poison_wq;
static struct tracepoint *poison_event;

static bool poison_next(unsigned long *pfn)
{
	unsigned long flags;
	bool got;

	raw_spin_lock_irqsave(&poison_lock, flags);
	got = kfifo_get(&poison_pfns, pfn);
	raw_spin_unlock_irqrestore(&poison_lock, flags);
	return got;
}

static void poison_work_fn(struct work_struct *work)
{
	unsigned long pfn;

	while (poison_next(&pfn))
		axas_poison_frame(axas_hpa(PFN_PHYS(pfn)));
}

static DECLARE_WORK(poison_work, poison_work_fn);

/* Under the locks of a memory failure, and not to sleep. */
static void poison_noticed(void *none, unsigned long pfn, int type, int result)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&poison_lock, flags);
	kfifo_put(&poison_pfns, pfn);
	raw_spin_unlock_irqrestore(&poison_lock, flags);
	queue_work(poison_wq, &poison_work);
}

static void poison_find_event(struct tracepoint *tp, void *none)
{
	if (!strcmp(tp->name, "memory_failure_event"))
		poison_event = tp;
}

/**
 * axas_poison_init - hear of memory that fails
 *
 * Return: 0 or -ENOMEM. It is no error if the kernel doesn't say.
 */
int axas_poison_init(void)
{
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		return 0;
	for_each_kernel_tracepoint(poison_find_event, NULL);
	if (!poison_event)
		return 0;
	poison_wq = alloc_workqueue("axas", WQ_UNBOUND, 0);
	if (!poison_wq)
		return -ENOMEM;
	if (!tracepoint_probe_register(poison_event, poison_noticed, NULL))
		return 0;
	destroy_workqueue(poison_wq);
	poison_event = NULL;
	return 0;
}

/**
 * axas_poison_exit - the inverse of axas_poison_init()
 */
void axas_poison_exit(void)
{
	if (!IS_ENABLED(CONFIG_TRACEPOINTS) || !poison_event)
		return;
	tracepoint_probe_unregister(poison_event, poison_noticed, NULL);
	tracepoint_synchronize_unregister();
	destroy_workqueue(poison_wq);
}
