// SPDX-License-Identifier: GPL-2.0
/*
 * Linear memory isn't the kernel's, and must not become so under a space: memory
 * that is plugged in later isn't taken into use where linear areas lie.
 */
#include <linux/memory.h>
#include <linux/notifier.h>
#include <linux/pfn.h>
#include <linux/rcupdate_wait.h>
#include <linux/rwsem.h>

#include <axas/space.h>

#include "axas_ioctl.h"

/*
 * Held for reading from the look at what is RAM until the area is there; for
 * writing while what becomes RAM is compared with the areas.
 */
DECLARE_RWSEM(axas_linear_lock);

/* Host memory that is looked for. */
struct hpa_range {
	u64 first;
	u64 last;
	bool found;
};

/* Under the space's lock: what was unmapped is out of the table as well. */
static bool space_has_linear(struct axas_space *space, void *arg)
{
	MA_STATE(mas, &space->areas.mt, 0, 0);
	struct hpa_range *hpa = arg;
	struct axas_area *area;

	guard(mutex)(&space->lock);
	guard(rcu)();
	mas_for_each(&mas, area, ULONG_MAX) {
		if (area->ops->id == AXAS_BACKEND_LINEAR &&
		    mas.index + area->offset <= hpa->last &&
		    mas.last + area->offset >= hpa->first) {
			hpa->found = true;
			break;
		}
		if (need_resched()) {
			mas_pause(&mas);
			cond_resched_rcu();
		}
	}
	return hpa->found;
}

/**
 * axas_linear_in_use - does a linear area of any space reach into this memory?
 * @first: first host physical address
 * @last: last one
 *
 * Context: may sleep. Takes the lock of each space.
 * Return: true if one does.
 */
bool axas_linear_in_use(u64 first, u64 last)
{
	struct hpa_range hpa = { .first = first, .last = last };

	axas_live_for_each(space_has_linear, &hpa);
	return hpa.found;
}

static int hotadd_notify(struct notifier_block *nb, unsigned long action,
			 void *arg)
{
	const struct memory_notify *mem = arg;

	if (action != MEM_GOING_ONLINE)
		return NOTIFY_DONE;
	guard(rwsem_write)(&axas_linear_lock);
	if (!axas_linear_in_use(PFN_PHYS(mem->start_pfn),
				PFN_PHYS(mem->start_pfn + mem->nr_pages) - 1))
		return NOTIFY_OK;
	pr_notice("axas: memory at %#llx stays offline: a space maps it\n",
		  (u64)PFN_PHYS(mem->start_pfn));
	return notifier_from_errno(-EBUSY);
}

static struct notifier_block hotadd_nb = {
	.notifier_call = hotadd_notify,
};

/**
 * axas_hotadd_init - be asked before memory is taken into use
 *
 * Return: 0 or an errno.
 */
int axas_hotadd_init(void)
{
	return register_memory_notifier(&hotadd_nb);
}

/**
 * axas_hotadd_exit - the inverse of axas_hotadd_init()
 */
void axas_hotadd_exit(void)
{
	unregister_memory_notifier(&hotadd_nb);
}
