// SPDX-License-Identifier: GPL-2.0
/*
 * RAM files: guest memory as a file and nothing else, for people and programs
 * that aren't to change the space.
 */
#include <linux/fs.h>
#include <linux/path.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "axas_area.h"
#include "axas_file.h"

static void ram_show_fdinfo(struct seq_file *m, struct file *filp)
{
	const struct axas_file *file = filp->private_data;

	seq_printf(m, "axas-id:\t%llu\n", file->space->npt.id);
	seq_printf(m, "axas-ram:\t%#llx %#llx %s%s\n", file->base, file->length,
		   file->prot & AXAS_PROT_WRITE ? "rw" : "r",
		   axas_file_keeps(file) ? " pin" : "");
}

static const struct file_operations ram_fops = {
	AXAS_FILE_OPS,
	.show_fdinfo = ram_show_fdinfo,
};

static void ram_add_keeper(struct axas_file *file)
{
	struct axas_keeper *keeper = &file->keeper;

	keeper->gpa = file->base;
	keeper->size = file->length;
	guard(mutex)(&file->space->lock);
	list_add(&keeper->node, &file->space->keepers);
}

static void ram_del_keeper(struct axas_file *file)
{
	guard(mutex)(&file->space->lock);
	list_del(&file->keeper.node);
}

static void ram_release(struct axas_file *file)
{
	axas_space_del_holder(file->space, &file->window);
	if (axas_file_keeps(file))
		ram_del_keeper(file);
	axas_space_put(file->space);
	kfree(file);
}

/* Its windows are what a process expects of RAM: dumped, locked, grown. */
static const struct axas_file_kind ram_kind = {
	.name = "axas-ram",
	.fops = &ram_fops,
	.release = ram_release,
};

/**
 * axas_ram_open - make a RAM file and a descriptor of it
 * @space: the space, which lives as long as the file; it has an inode
 * @args: as for AXAS_RAM_FILE
 *
 * Context: may sleep.
 * Return: the descriptor or an errno of AXAS_RAM_FILE.
 */
int axas_ram_open(struct axas_space *space, const struct axas_ram_file *args)
{
	struct axas_file *file;
	int ret;

	if (args->reserved || !(args->prot & AXAS_PROT_READ) ||
	    args->prot & ~(AXAS_PROT_READ | AXAS_PROT_WRITE))
		return -EINVAL;
	ret = axas_area_check_range(space, args->gpa, args->length);
	if (ret)
		return ret;
	file = kzalloc(sizeof(*file), AXAS_GFP);
	if (!file)
		return -ENOMEM;
	path_get(&space->path);
	file->kind = &ram_kind;
	file->space = space;
	file->base = args->gpa;
	file->length = args->length;
	file->bias = args->gpa;
	file->prot = args->prot;
	axas_window_init(file);
	if (args->flags & AXAS_RAM_PIN)
		ram_add_keeper(file);
	return axas_inode_install(axas_inode_create(file));
}
