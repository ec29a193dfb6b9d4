// SPDX-License-Identifier: GPL-2.0
/*
 * A space's own descriptor: all that can be done to the space, and its memory.
 */
#include <linux/compat.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/path.h>
#include <linux/slab.h>

#include <axas/show.h>

#include "axas_file.h"
#include "axas_ioctl.h"

/**
 * struct axas_control - what the inode of a space has
 * @file: its memory
 * @debugfs: what people see of it
 */
struct axas_control {
	struct axas_file file;
	struct axas_debugfs debugfs;
};

/* What a descriptor for reading is good for. */
static bool control_looks(unsigned int cmd)
{
	switch (_IOC_NR(cmd)) {
	case AXAS_CMD_TRANSLATE:
	case AXAS_CMD_STATS:
	case AXAS_CMD_ROOT:
	case AXAS_CMD_AREAS:
	case AXAS_CMD_NEXT:
		return true;
	default:
		return false;
	}
}

static long control_ioctl(struct file *filp, unsigned int cmd,
			  unsigned long arg)
{
	struct axas_file *file = filp->private_data;

	if (!(filp->f_mode & FMODE_WRITE) && !control_looks(cmd))
		return -EBADF;
	return axas_ioctl_space(file->space, cmd, arg);
}

static void control_show_fdinfo(struct seq_file *m, struct file *filp)
{
	struct axas_file *file = filp->private_data;

	axas_show_fdinfo(m, file->space);
}

static const struct file_operations control_fops = {
	AXAS_FILE_OPS,
	.unlocked_ioctl = control_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = control_show_fdinfo,
};

/**
 * axas_space_get_fd - take part in a space that user space has made
 * @fd: a descriptor of the calling process
 *
 * The space lives on, whatever becomes of its descriptors and of the process,
 * until axas_space_put(). This module can't be unloaded meanwhile.
 *
 * Context: may sleep.
 * Return: the space or an ERR_PTR(): -EBADF if there is no such descriptor, or
 * it can't be written to; -EINVAL if it isn't that of a space.
 */
struct axas_space *axas_space_get_fd(int fd)
{
	struct file *filp = fget(fd);
	struct axas_space *space;
	struct axas_file *file;

	if (!filp)
		return ERR_PTR(-EBADF);
	if (filp->f_op != &control_fops) {
		space = ERR_PTR(-EINVAL);
	} else if (!(filp->f_mode & FMODE_WRITE)) {
		space = ERR_PTR(-EBADF);
	} else {
		/* Not this descriptor, there may be others: the inode. */
		path_get(&filp->f_path);
		file = filp->private_data;
		space = file->space;
	}
	fput(filp);
	return space;
}
EXPORT_SYMBOL_GPL(axas_space_get_fd);

/**
 * axas_space_put - give back what axas_space_get_fd() returned
 * @space: the space; the caller has no holder in it any more
 *
 * Context: may sleep. The space goes with the last reference.
 */
void axas_space_put(struct axas_space *space)
{
	struct path path = space->path;

	path_put(&path);
}
EXPORT_SYMBOL_GPL(axas_space_put);

/* ---- birth and death ---- */

/* The space lives and dies with its inode. */
static void control_release(struct axas_file *file)
{
	struct axas_control *control =
		container_of(file, struct axas_control, file);

	axas_debugfs_del(&control->debugfs);
	axas_space_destroy(file->space);
	kfree(control);
}

static const struct axas_file_kind control_kind = {
	.name = "axas",
	.fops = &control_fops,
	.release = control_release,
	.vm_flags = VM_MIXEDMAP | VM_DONTEXPAND,
};

static struct file *control_create(const struct axas_create *create)
{
	struct axas_control *control __free(kfree) =
		kzalloc(sizeof(*control), AXAS_GFP);
	struct axas_file *file;
	struct file *filp;

	if (!control)
		return ERR_PTR(-ENOMEM);
	file = &control->file;
	file->space = axas_space_create(create);
	if (IS_ERR(file->space))
		return ERR_CAST(file->space);

	file->kind = &control_kind;
	file->base = file->space->base;
	file->length = file->space->length;
	file->prot = AXAS_PROT_READ | AXAS_PROT_WRITE;
	axas_window_init(file);
	axas_debugfs_add(&control->debugfs, file->space);
	filp = axas_inode_create(&no_free_ptr(control)->file);
	if (!IS_ERR(filp))
		file->space->path = filp->f_path;
	return filp;
}

/**
 * axas_control_open - make a space and a descriptor of it
 * @create: as for AXAS_CREATE
 *
 * Context: may sleep.
 * Return: the descriptor or an errno of AXAS_CREATE.
 */
int axas_control_open(const struct axas_create *create)
{
	return create->reserved ? -EINVAL :
				  axas_inode_install(control_create(create));
}
