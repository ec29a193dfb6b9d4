/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_FILE_H
#define _AXAS_FILE_H

#include <linux/fs.h>
#include <linux/rwsem.h>

#include <axas/space.h>

struct axas_file;

/**
 * struct axas_file_kind - what differs between files of guest memory
 * @name: what people see of it
 * @fops: of its descriptors
 * @release: the inode goes, and the file with it
 */
struct axas_file_kind {
	const char *name;
	const struct file_operations *fops;
	void (*release)(struct axas_file *file);
};

/**
 * struct axas_file - guest memory as a file; what its inode has
 * @kind: what differs
 * @space: the space
 * @window: told by the space when a translation goes; told from the first
 *	mmap() on
 * @mapping: the inode's; finds all VMAs of the file
 * @lock: read-held from checking a leaf to the special PTE that is made from it
 */
struct axas_file {
	const struct axas_file_kind *kind;
	struct axas_space *space;
	struct axas_holder window;
	struct address_space *mapping;
	struct rw_semaphore lock;
};

/* axas_file.c: reading and writing */
ssize_t axas_file_read_iter(struct kiocb *iocb, struct iov_iter *iter);
ssize_t axas_file_write_iter(struct kiocb *iocb, struct iov_iter *iter);
loff_t axas_file_llseek(struct file *filp, loff_t offset, int whence);

/* axas_window.c: windows */
void axas_window_init(struct axas_file *file);
int axas_window_mmap(struct file *filp, struct vm_area_struct *vma);

/* axas_inode.c: inodes and descriptors of them */
int axas_inode_open(struct inode *inode, struct file *filp);
struct file *axas_inode_create(struct axas_file *file);

/* axas_control.c: the space's own */
int axas_control_open(const struct axas_create *create);

#endif /* _AXAS_FILE_H */
