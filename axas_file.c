// SPDX-License-Identifier: GPL-2.0
/*
 * A space's file: guest memory by read, write and windows.
 */
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include <axas/show.h>

#include "axas_file.h"
#include "axas_ioctl.h"

/**
 * struct axas_file - an open space
 * @space: the space
 * @window: told by the space when a translation goes; told from the first
 *	mmap() on
 * @mapping: finds all VMAs of the space
 * @lock: read-held from checking a leaf to the PTE that is made from it, where
 *	there is no struct page whose lock does the same
 * @debugfs: what people see of it
 */
struct axas_file {
	struct axas_space *space;
	struct axas_holder window;
	struct address_space mapping;
	struct rw_semaphore lock;
	struct axas_debugfs debugfs;
};

/* ---- guest memory: pread and pwrite ---- */

/* The kernel's view of a piece of guest memory. */
struct axas_view {
	struct axas_memory memory;
	void *remapped;
	void *addr;
	size_t size;
};

/* Bytes of linear memory that are mapped at a time. */
#define AXAS_VIEW_MAX	SZ_1M

/*
 * Memory that was kept from the kernel isn't in its linear map, even where it
 * has struct pages.
 */
static int view_open(struct axas_view *view, size_t size)
{
	const struct axas_memory *memory = &view->memory;

	view->remapped = NULL;
	if (memory->attr.owned) {
		view->addr = page_address(memory->page);
		view->size = PAGE_SIZE;
		return 0;
	}
	view->size = min3(memory->left, PAGE_ALIGN(size), AXAS_VIEW_MAX);
	view->remapped = memremap(memory->hpa.val, view->size, MEMREMAP_WB);
	view->addr = view->remapped;
	return view->addr ? 0 : -EIO;
}

static void view_close(struct axas_view *view)
{
	if (view->remapped)
		memunmap(view->remapped);
	if (view->memory.page)
		put_page(view->memory.page);
}

/* Copy what lies in one piece. Return: bytes copied or an errno. */
static ssize_t axas_rw_piece(struct axas_space *space, axas_gpa_t gpa,
			     struct iov_iter *iter, bool write)
{
	size_t offset = gpa.val & ~PAGE_MASK;
	struct axas_view view;
	ssize_t ret;
	size_t n;

	ret = axas_space_get_memory(space, gpa,
				    write ? AXAS_PROT_WRITE : AXAS_PROT_READ,
				    &view.memory);
	if (ret)
		return ret;
	ret = view_open(&view, offset + iov_iter_count(iter));
	if (!ret) {
		n = min(iov_iter_count(iter), view.size - offset);
		ret = write ? copy_from_iter(view.addr + offset, n, iter) :
			      copy_to_iter(view.addr + offset, n, iter);
		ret = ret ? ret : -EFAULT;
	}
	view_close(&view);
	return ret;
}

/* Stops short where the memory does; fails only if nothing was done. */
static ssize_t axas_rw(struct kiocb *iocb, struct iov_iter *iter, bool write)
{
	struct axas_file *file = iocb->ki_filp->private_data;
	struct axas_space *space = file->space;
	u64 pos = iocb->ki_pos, end = space->base + space->length;
	ssize_t done = 0, ret = 0;

	if (iov_iter_count(iter) && pos >= end)
		return write ? -ENOSPC : 0;
	while (iov_iter_count(iter) && pos < end) {
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
		ret = axas_rw_piece(space, axas_gpa(pos), iter, write);
		if (ret < 0)
			break;
		pos += ret;
		done += ret;
	}
	iocb->ki_pos = pos;
	return done ? done : ret;
}

static ssize_t axas_read_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	return axas_rw(iocb, iter, false);
}

static ssize_t axas_write_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	return axas_rw(iocb, iter, true);
}

static loff_t axas_llseek(struct file *filp, loff_t offset, int whence)
{
	struct axas_file *file = filp->private_data;

	return fixed_size_llseek(filp, offset, whence,
				 file->space->base + file->space->length);
}

/* ---- guest memory: windows ---- */

/*
 * Take a range out of all windows. A PTE for memory with a struct page is made
 * under the page's lock, for which the table has waited; any other under the
 * file's.
 */
static void window_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
			      u64 size)
{
	struct axas_file *file = container_of(holder, struct axas_file, window);

	guard(rwsem_write)(&file->lock);
	unmap_mapping_range(&file->mapping, gpa.val, size, 1);
}

static vm_fault_t window_error(int err)
{
	switch (err) {
	case -EAGAIN:
		return VM_FAULT_NOPAGE;
	case -ENOMEM:
		return VM_FAULT_OOM;
	case -EHWPOISON:
		return VM_FAULT_HWPOISON;
	default:
		return VM_FAULT_SIGBUS;
	}
}

/*
 * Lock a page if it is still what the table says. The kernel doesn't expect a
 * page without a mapping among those that have failed: it never gets one.
 */
static vm_fault_t window_lock_page(struct axas_file *file, axas_gpa_t gpa,
				   unsigned int access,
				   const struct axas_memory *memory)
{
	int ret;

	lock_page(memory->page);
	ret = axas_space_check_memory(file->space, gpa, access, memory);
	if (!ret && PageHWPoison(memory->page))
		ret = -EHWPOISON;
	if (!ret)
		return VM_FAULT_LOCKED;
	unlock_page(memory->page);
	return window_error(ret);
}

/* Memory without struct page: the PTE is made here. */
static vm_fault_t window_insert_pfn(struct vm_fault *vmf, axas_gpa_t gpa,
				    unsigned int access,
				    const struct axas_memory *memory)
{
	struct vm_area_struct *vma = vmf->vma;
	struct axas_file *file = vma->vm_file->private_data;
	bool writable = memory->attr.prot & AXAS_PROT_WRITE;
	unsigned long pfn = memory->hpa.val >> PAGE_SHIFT;
	pgprot_t prot;
	int ret;

	/* Valid but not reserved: somebody else's, a device's memory map. */
	if (pfn_valid(pfn))
		return VM_FAULT_SIGBUS;
	prot = vm_get_page_prot(writable ? vma->vm_flags :
					   vma->vm_flags & ~VM_WRITE);
	if (memory->attr.memtype == AXAS_MEM_NC)
		prot = pgprot_writecombine(prot);
	else if (memory->attr.memtype != AXAS_MEM_WB)
		prot = pgprot_noncached(prot);

	guard(rwsem_read)(&file->lock);
	ret = axas_space_check_memory(file->space, gpa, access, memory);
	if (ret)
		return window_error(ret);
	return vmf_insert_pfn_prot(vma, vmf->address & PAGE_MASK, pfn, prot);
}

static axas_gpa_t window_gpa(const struct vm_fault *vmf)
{
	return axas_gpa((u64)vmf->pgoff << PAGE_SHIFT);
}

static vm_fault_t window_fault(struct vm_fault *vmf)
{
	struct axas_file *file = vmf->vma->vm_file->private_data;
	unsigned int access = vmf->flags & FAULT_FLAG_WRITE ? AXAS_PROT_WRITE :
							      AXAS_PROT_READ;
	axas_gpa_t gpa = window_gpa(vmf);
	struct axas_memory memory;
	vm_fault_t ret;
	int err;

	err = axas_space_get_memory(file->space, gpa, access, &memory);
	/* The kernel would let the process touch it again, for ever. */
	if (err == -ENOMEM && vmf->flags & FAULT_FLAG_USER)
		return VM_FAULT_SIGBUS;
	if (err)
		return window_error(err);
	if (!memory.page)
		return window_insert_pfn(vmf, gpa, access, &memory);

	ret = window_lock_page(file, gpa, access, &memory);
	if (ret == VM_FAULT_LOCKED)
		vmf->page = memory.page;
	else
		put_page(memory.page);
	return ret;
}

/* A PTE that was made for reading is to become writable. */
static vm_fault_t window_page_mkwrite(struct vm_fault *vmf)
{
	struct axas_file *file = vmf->vma->vm_file->private_data;
	const struct axas_memory memory = {
		.hpa = axas_hpa(PFN_PHYS(page_to_pfn(vmf->page))),
		.page = vmf->page,
	};

	return window_lock_page(file, window_gpa(vmf), AXAS_PROT_WRITE,
				&memory);
}

/* The same without struct page: drop the PTE, the next fault makes it anew. */
static vm_fault_t window_pfn_mkwrite(struct vm_fault *vmf)
{
	struct axas_file *file = vmf->vma->vm_file->private_data;
	axas_gpa_t gpa = window_gpa(vmf);
	struct axas_leaf leaf;
	int ret = axas_npt_lookup(&file->space->npt, gpa, &leaf);

	if (!ret && !(leaf.attr.prot & AXAS_PROT_WRITE))
		return VM_FAULT_SIGBUS;
	unmap_mapping_range(&file->mapping, gpa.val, PAGE_SIZE, 1);
	return VM_FAULT_NOPAGE;
}

static const struct vm_operations_struct window_ops = {
	.fault = window_fault,
	.page_mkwrite = window_page_mkwrite,
	.pfn_mkwrite = window_pfn_mkwrite,
};

static int axas_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct axas_file *file = filp->private_data;
	struct axas_space *space = file->space;
	u64 size = vma->vm_end - vma->vm_start;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (!axas_range_in((u64)vma->vm_pgoff << PAGE_SHIFT, size, space->base,
			   space->length))
		return -EINVAL;
	vm_flags_set(vma, VM_MIXEDMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &window_ops;
	return axas_space_add_holder(space, &file->window);
}

/* ---- a space's file ---- */

static long space_ioctl(struct file *filp, unsigned int cmd,
			unsigned long arg)
{
	struct axas_file *file = filp->private_data;

	return axas_ioctl_space(file->space, cmd, arg);
}

static void axas_file_destroy(struct axas_file *file)
{
	axas_debugfs_del(&file->debugfs);
	axas_space_destroy(file->space);
	kfree(file);
}

static int axas_space_release(struct inode *inode, struct file *filp)
{
	axas_file_destroy(filp->private_data);
	return 0;
}

static void axas_space_show_fdinfo(struct seq_file *m, struct file *filp)
{
	struct axas_file *file = filp->private_data;

	axas_show_fdinfo(m, file->space);
}

static const struct file_operations space_fops = {
	.owner = THIS_MODULE,
	.release = axas_space_release,
	.llseek = axas_llseek,
	.read_iter = axas_read_iter,
	.write_iter = axas_write_iter,
	.unlocked_ioctl = space_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = axas_mmap,
	.show_fdinfo = axas_space_show_fdinfo,
};

/**
 * axas_space_get_fd - take part in a space that user space has made
 * @fd: a descriptor of the calling process
 *
 * The space lives on, whatever becomes of its descriptors and of the process,
 * until axas_space_put(). This module can't be unloaded meanwhile.
 *
 * Context: may sleep.
 * Return: the space or an ERR_PTR(): -EBADF if there is no such descriptor;
 * -EINVAL if it isn't that of a space.
 */
struct axas_space *axas_space_get_fd(int fd)
{
	struct axas_file *file;
	struct file *filp = fget(fd);

	if (!filp)
		return ERR_PTR(-EBADF);
	if (filp->f_op != &space_fops) {
		fput(filp);
		return ERR_PTR(-EINVAL);
	}
	file = filp->private_data;
	return file->space;
}
EXPORT_SYMBOL_GPL(axas_space_get_fd);

/**
 * axas_space_put - give back what axas_space_get_fd() returned
 * @space: the space; the caller has no holder in it any more
 *
 * Context: any but NMI; the space may be freed later.
 */
void axas_space_put(struct axas_space *space)
{
	fput(space->file);
}
EXPORT_SYMBOL_GPL(axas_space_put);

static const struct address_space_operations no_aops = {};

static struct axas_file *axas_file_create(const struct axas_create *create)
{
	struct axas_file *file __free(kfree) =
		kzalloc(sizeof(*file), AXAS_GFP);

	if (!file)
		return ERR_PTR(-ENOMEM);
	file->space = axas_space_create(create);
	if (IS_ERR(file->space))
		return ERR_CAST(file->space);

	file->window.invalidate = window_invalidate;
	INIT_LIST_HEAD(&file->window.node);
	init_rwsem(&file->lock);
	address_space_init_once(&file->mapping);
	file->mapping.a_ops = &no_aops;
	mapping_set_gfp_mask(&file->mapping, GFP_KERNEL);
	axas_debugfs_add(&file->debugfs, file->space);
	return_ptr(file);
}

/**
 * axas_file_open - make a space and a descriptor of it
 * @create: as for AXAS_CREATE
 *
 * Context: may sleep.
 * Return: the descriptor or an errno of AXAS_CREATE.
 */
int axas_file_open(const struct axas_create *create)
{
	struct axas_file *file;
	struct file *filp;
	int fd;

	if (create->reserved)
		return -EINVAL;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = axas_file_create(create);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	filp = anon_inode_getfile("[axas]", &space_fops, file, O_RDWR);
	if (IS_ERR(filp)) {
		put_unused_fd(fd);
		axas_file_destroy(file);
		return PTR_ERR(filp);
	}
	file->space->file = filp;
	/* Windows of this space only, not of all anonymous inodes. */
	file->mapping.host = file_inode(filp);
	filp->f_mapping = &file->mapping;
	filp->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	fd_install(fd, filp);
	return fd;
}
