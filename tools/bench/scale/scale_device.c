// SPDX-License-Identifier: GPL-2.0
/*
 * One nested page fault, or one page of the page allocator, per call.
 */
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <axas/space.h>

#include "scale.h"

struct scale {
	struct axas_space *space;
	struct list_head pages;
	u64 entry;
};

static int scale_open(struct inode *inode, struct file *file)
{
	struct scale *scale = kzalloc(sizeof(*scale), GFP_KERNEL);

	if (!scale)
		return -ENOMEM;
	INIT_LIST_HEAD(&scale->pages);
	file->private_data = scale;
	return 0;
}

static int scale_release(struct inode *inode, struct file *file)
{
	struct scale *scale = file->private_data;
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &scale->pages, lru)
		__free_page(page);
	if (scale->space)
		axas_space_put(scale->space);
	kfree(scale);
	return 0;
}

static long scale_space(struct scale *scale, int fd)
{
	struct axas_space *space;

	if (scale->space)
		return -EBUSY;
	space = axas_space_get_fd(fd);
	if (IS_ERR(space))
		return PTR_ERR(space);
	scale->space = space;
	return 0;
}

/* Zeroed and accounted like a guest's frames, and stored as an entry would be. */
static long scale_alloc(struct scale *scale)
{
	struct page *page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);

	if (!page)
		return -ENOMEM;
	WRITE_ONCE(scale->entry, PFN_PHYS(page_to_pfn(page)));
	list_add(&page->lru, &scale->pages);
	return 0;
}

static long scale_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct scale *scale = file->private_data;

	switch (cmd) {
	case AXAS_SCALE_SPACE:
		return scale_space(scale, arg);
	case AXAS_SCALE_FAULT:
		if (!scale->space)
			return -EINVAL;
		return axas_space_fault(scale->space, axas_gpa(arg),
					AXAS_PROT_WRITE);
	case AXAS_SCALE_ALLOC:
		return scale_alloc(scale);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations scale_fops = {
	.owner = THIS_MODULE,
	.open = scale_open,
	.release = scale_release,
	.unlocked_ioctl = scale_ioctl,
};

static struct miscdevice scale_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "axas-scale",
	.fops = &scale_fops,
};

module_misc_device(scale_device);
MODULE_DESCRIPTION("Faults and pages one by one, to count what they write");
MODULE_LICENSE("GPL");
