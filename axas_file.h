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
 * @vm_flags: of a window over memory, wherever it begins
 */
struct axas_file_kind {
	const char *name;
	const struct file_operations *fops;
	void (*release)(struct axas_file *file);
	vm_flags_t vm_flags;
};

/**
 * struct axas_file - guest memory as a file; what its inode has
 * @kind: what differs
 * @space: the space
 * @base: first GPA that it has
 * @length: bytes from there
 * @bias: GPA of offset 0
 * @prot: &enum axas_prot that it may be opened for
 * @keeper: with a list, if its windows keep what lies behind them; counts these
 * @window: told by the space when a translation goes; told from the first
 *	mmap() on
 * @mapping: the inode's; finds all VMAs of the file
 * @lock: read-held from checking a leaf to the special PTE that is made from it
 */
struct axas_file {
	const struct axas_file_kind *kind;
	struct axas_space *space;
	u64 base;
	u64 length;
	u64 bias;
	unsigned int prot;
	struct axas_keeper keeper;
	struct axas_holder window;
	struct address_space *mapping;
	struct rw_semaphore lock;
};

/* Bytes, as stat(2) has them: up to the last one of the memory. */
static inline u64 axas_file_size(const struct axas_file *file)
{
	return file->base + file->length - file->bias;
}

/* Do its windows keep what lies behind them? */
static inline bool axas_file_keeps(const struct axas_file *file)
{
	return file->keeper.node.next;
}

/* axas_file.c: reading and writing */
ssize_t axas_file_read_iter(struct kiocb *iocb, struct iov_iter *iter);
ssize_t axas_file_write_iter(struct kiocb *iocb, struct iov_iter *iter);
loff_t axas_file_llseek(struct file *filp, loff_t offset, int whence);
long axas_file_fallocate(struct file *filp, int mode, loff_t offset,
			 loff_t length);

/* axas_window.c: windows */
void axas_window_init(struct axas_file *file);
int axas_window_mmap(struct file *filp, struct vm_area_struct *vma);

/* What descriptors of all kinds do. */
#define AXAS_FILE_OPS				\
	.owner = THIS_MODULE,			\
	.open = axas_inode_open,		\
	.llseek = axas_file_llseek,		\
	.read_iter = axas_file_read_iter,	\
	.write_iter = axas_file_write_iter,	\
	.splice_read = copy_splice_read,	\
	.splice_write = iter_file_splice_write,	\
	.fsync = noop_fsync,			\
	.fallocate = axas_file_fallocate,	\
	.mmap = axas_window_mmap

/* axas_inode.c: inodes and descriptors of them */
int axas_inode_open(struct inode *inode, struct file *filp);
struct file *axas_inode_create(struct axas_file *file);
int axas_inode_install(struct file *filp);
int axas_file_lend(int fd, u64 offset, u64 length, struct axas_source *source);

/* axas_control.c: the space's own */
int axas_control_open(const struct axas_create *create);

/* axas_tracker.c: trackers */
int axas_tracker_open(struct axas_space *space, const struct axas_track *args);

/* axas_ram.c: RAM files */
int axas_ram_open(struct axas_space *space, const struct axas_ram_file *args);

#endif /* _AXAS_FILE_H */
