// SPDX-License-Identifier: GPL-2.0
/*
 * A tracker's descriptor.
 */
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/path.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <axas/show.h>
#include <axas/track.h>

#include "axas_file.h"
#include "axas_ioctl.h"

/* Runs that are listed, or put back, at a time. */
#define TRACKER_RUNS	256

/* Collected first, as areas are. What can't be handed out is listed again. */
static int tracker_list(struct axas_tracker *tracker, struct axas_dirty *args,
			struct axas_next_entry *entries)
{
	struct axas_dirty dirty = *args;
	int ret;

	dirty.nr = min_t(u32, dirty.nr, TRACKER_RUNS);
	ret = axas_tracker_list(tracker, &dirty, entries);
	if (ret)
		return ret;
	if (copy_to_user(u64_to_user_ptr(dirty.entries), entries,
			 dirty.done * sizeof(*entries))) {
		if (!(dirty.flags & AXAS_DIRTY_PEEK))
			axas_tracker_put(tracker, entries, dirty.done);
		return -EFAULT;
	}
	dirty.nr = args->nr;
	*args = dirty;
	return 0;
}

static int tracker_put(struct axas_tracker *tracker, struct axas_dirty *args,
		       struct axas_next_entry *entries)
{
	const struct axas_next_entry __user *user =
		u64_to_user_ptr(args->entries);
	u32 n;
	int ret;

	while (args->done < args->nr) {
		n = min_t(u32, args->nr - args->done, TRACKER_RUNS);
		if (copy_from_user(entries, user + args->done,
				   n * sizeof(*entries)))
			return -EFAULT;
		ret = axas_tracker_put(tracker, entries, n);
		if (ret)
			return ret;
		args->done += n;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int tracker_dirty(struct axas_tracker *tracker, struct axas_dirty *dirty,
			 struct axas_next_entry *entries)
{
	dirty->done = 0;
	if (dirty->flags == (AXAS_DIRTY_PEEK | AXAS_DIRTY_PUT))
		return -EINVAL;
	if (!entries)
		return -ENOMEM;
	return dirty->flags & AXAS_DIRTY_PUT ?
		       tracker_put(tracker, dirty, entries) :
		       tracker_list(tracker, dirty, entries);
}

static const struct axas_ioctl tracker_ioctls[] = {
	AXAS_IOCTL(AXAS_DIRTY, struct axas_dirty, done, NULL, AXAS_WRITES_FIRST,
		   AXAS_DIRTY_PEEK | AXAS_DIRTY_PUT),
};

static long tracker_ioctl(struct file *filp, unsigned int cmd,
			  unsigned long arg)
{
	struct axas_next_entry *entries __free(kfree) = NULL;
	struct axas_tracker *tracker = filp->private_data;
	struct axas_dirty *dirty;
	struct axas_call call;
	long ret = axas_ioctl_begin(&call, tracker_ioctls,
				    ARRAY_SIZE(tracker_ioctls), cmd, arg);

	if (ret)
		return ret;
	dirty = &call.args.dirty;
	entries = kmalloc_array(min_t(u32, dirty->nr, TRACKER_RUNS),
				sizeof(*entries), AXAS_GFP);
	ret = axas_ioctl_end(&call, tracker_dirty(tracker, dirty, entries));
	/* Nobody was told how many runs there are: they are listed again. */
	if (ret == -EFAULT && !dirty->flags)
		axas_tracker_put(tracker, entries, dirty->done);
	return ret;
}

static __poll_t tracker_poll(struct file *filp, poll_table *wait)
{
	struct axas_tracker *tracker = filp->private_data;

	poll_wait(filp, &tracker->wait, wait);
	return axas_tracker_ready(tracker) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int tracker_release(struct inode *inode, struct file *filp)
{
	struct axas_tracker *tracker = filp->private_data;
	struct axas_space *space = tracker->space;

	axas_tracker_destroy(tracker);
	axas_space_put(space);
	return 0;
}

static void tracker_show_fdinfo(struct seq_file *m, struct file *filp)
{
	const struct axas_tracker *tracker = filp->private_data;
	struct axas_tracker_figures info;

	axas_tracker_info(tracker, &info);
	seq_printf(m, "axas-id:\t%llu\n", tracker->space->npt.id);
	seq_puts(m, "axas-tracker:\t");
	axas_show_tracker(m, &info);
}

static const struct file_operations tracker_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = tracker_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = tracker_poll,
	.release = tracker_release,
	.show_fdinfo = tracker_show_fdinfo,
};

/**
 * axas_tracker_open - make a tracker and a descriptor of it
 * @space: the space, which lives as long as the tracker; it has an inode
 * @args: as for AXAS_TRACK
 *
 * Context: may sleep.
 * Return: the descriptor or an errno of AXAS_TRACK.
 */
int axas_tracker_open(struct axas_space *space, const struct axas_track *args)
{
	struct axas_tracker *tracker = axas_tracker_create(space, args);
	int fd;

	if (IS_ERR(tracker))
		return PTR_ERR(tracker);
	path_get(&space->path);
	fd = anon_inode_getfd("[axas-tracker]", &tracker_fops, tracker,
			      O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		axas_tracker_destroy(tracker);
		axas_space_put(space);
	}
	return fd;
}
