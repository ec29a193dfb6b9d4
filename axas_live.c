// SPDX-License-Identifier: GPL-2.0
/*
 * The list of all spaces, and who pays for them when the machine runs out of
 * memory.
 */
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/oom.h>
#include <linux/sched/mm.h>
#include <linux/wait.h>

#include <axas/space.h>

/*
 * Nothing is allocated under this lock, and no other is taken: the OOM killer
 * comes here from any allocation, whatever locks are held.
 */
static DEFINE_MUTEX(live_lock);
static LIST_HEAD(live_spaces);

/* One walk at a time; the space that it is at without the lock can't go. */
static DEFINE_MUTEX(live_walk);
static struct axas_space *live_visited;
static DECLARE_WAIT_QUEUE_HEAD(live_left);

/* ---- whose memory it is ---- */

/* The process that is running, if it is one. */
static struct mm_struct *live_current(void)
{
	return current->flags & PF_KTHREAD ? NULL : current->mm;
}

/* Frames and tables of a space, in pages. */
static long live_pages(const struct axas_space *space)
{
	struct axas_npt_stats sum;
	s64 pages;
	int i;

	axas_npt_sum(&space->npt, &sum);
	pages = sum.owned;
	for (i = 0; i < AXAS_MAX_LEVELS; i++)
		pages += sum.tables[i];
	/* What is added up while it changes can be anything. */
	return max(pages, 0);
}

static void live_set_counted(struct axas_live *live, long pages)
{
	lockdep_assert_held(&live_lock);
	if (live->owner && pages != live->counted)
		axas_mm_add_shmem(live->owner, pages - live->counted);
	WRITE_ONCE(live->counted, live->owner ? pages : 0);
}

/* Return: the owner until now, whom the caller lets go of without the lock. */
static struct mm_struct *live_set_owner(struct axas_live *live,
					struct mm_struct *mm)
{
	struct mm_struct *old = live->owner;
	long pages = live->counted;

	live_set_counted(live, 0);
	WRITE_ONCE(live->owner, mm);
	live_set_counted(live, pages);
	return old;
}

/**
 * axas_live_own - a space is the calling process's from now on
 * @space: the space
 *
 * The reference of the mm doesn't keep the process's memory, only the counter.
 *
 * Context: may sleep.
 */
void axas_live_own(struct axas_space *space)
{
	struct mm_struct *mm = live_current(), *old;

	if (likely(!mm || READ_ONCE(space->live.owner) == mm))
		return;
	mmgrab(mm);
	scoped_guard(mutex, &live_lock)
		old = live_set_owner(&space->live, mm);
	if (old)
		mmdrop(old);
}

/**
 * axas_live_shrunk - something was taken out of a space
 * @space: the space
 *
 * Costs nothing unless the machine has been out of memory since the space was
 * made.
 *
 * Context: may sleep.
 */
void axas_live_shrunk(struct axas_space *space)
{
	struct axas_live *live = &space->live;

	if (likely(!READ_ONCE(live->counted)))
		return;
	guard(mutex)(&live_lock);
	live_set_counted(live, live_pages(space));
}

/**
 * axas_live_add - a space was made
 * @space: the space; the calling process owns it, if it is one
 *
 * Context: may sleep.
 */
void axas_live_add(struct axas_space *space)
{
	struct mm_struct *mm = live_current();

	if (mm)
		mmgrab(mm);
	space->live.owner = mm;
	guard(mutex)(&live_lock);
	list_add_tail(&space->live.node, &live_spaces);
}

/* Leave the list, unless somebody is just there. */
static bool live_leave(struct axas_space *space)
{
	guard(mutex)(&live_lock);
	if (live_visited == space)
		return false;
	list_del(&space->live.node);
	return true;
}

/**
 * axas_live_del - a space goes
 * @space: the space
 *
 * Waits for axas_live_for_each() to leave it. What was counted is taken off before
 * the mm may go, which would complain.
 *
 * Context: may sleep.
 */
void axas_live_del(struct axas_space *space)
{
	struct mm_struct *mm;

	WRITE_ONCE(space->live.going, true);
	while (!live_leave(space))
		wait_event(live_left, READ_ONCE(live_visited) != space);
	scoped_guard(mutex, &live_lock)
		mm = live_set_owner(&space->live, NULL);
	if (mm)
		mmdrop(mm);
}

/* Before the OOM killer compares processes. */
static int live_oom(struct notifier_block *nb, unsigned long action,
		    void *freed)
{
	struct axas_space *space;

	guard(mutex)(&live_lock);
	list_for_each_entry(space, &live_spaces, live.node)
		live_set_counted(&space->live, live_pages(space));
	return NOTIFY_OK;
}

static struct notifier_block live_oom_nb = {
	.notifier_call = live_oom,
};

/* ---- who looks at all of them ---- */

/**
 * axas_live_going - should whoever visits a space leave it?
 * @space: the space that axas_live_for_each() is at
 *
 * Context: any.
 * Return: true if somebody waits to free it.
 */
bool axas_live_going(const struct axas_space *space)
{
	return READ_ONCE(space->live.going);
}

/**
 * axas_live_for_each - visit all spaces
 * @fn: called for each, and may take its lock; returns true to end it
 * @arg: for @fn
 *
 * Who frees a space waits while @fn is at it.
 *
 * Context: may sleep.
 */
void axas_live_for_each(bool (*fn)(struct axas_space *space, void *arg),
			void *arg)
{
	struct axas_space *space;
	bool done;

	guard(mutex)(&live_walk);
	mutex_lock(&live_lock);
	list_for_each_entry(space, &live_spaces, live.node) {
		WRITE_ONCE(live_visited, space);
		mutex_unlock(&live_lock);
		done = fn(space, arg);
		mutex_lock(&live_lock);
		WRITE_ONCE(live_visited, NULL);
		wake_up_all(&live_left);
		if (done)
			break;
	}
	mutex_unlock(&live_lock);
}

/* ---- birth and death ---- */

/**
 * axas_live_init - let the kernel ask
 *
 * Return: 0 or an errno.
 */
int axas_live_init(void)
{
	return register_oom_notifier(&live_oom_nb);
}

/**
 * axas_live_exit - the inverse of axas_live_init()
 */
void axas_live_exit(void)
{
	unregister_oom_notifier(&live_oom_nb);
}
