// SPDX-License-Identifier: GPL-2.0
/*
 * A space's file: guest memory by read, write and windows.
 */
#include <linux/compat.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include <axas/show.h>

#include "axas_file.h"
#include "axas_ioctl.h"
#include "axas_memory.h"

/**
 * struct axas_file - what an inode has that is a space
 * @space: the space
 * @window: told by the space when a translation goes; told from the first
 *	mmap() on
 * @mapping: the inode's; finds all VMAs of the space
 * @lock: read-held from checking a leaf to the special PTE that is made from it
 * @debugfs: what people see of it
 */
struct axas_file {
	struct axas_space *space;
	struct axas_holder window;
	struct address_space *mapping;
	struct rw_semaphore lock;
	struct axas_debugfs debugfs;
};

#define AXAS_FS_MAGIC	0x41584153

/* ---- guest memory: pread and pwrite ---- */

static ssize_t axas_rw(struct kiocb *iocb, struct iov_iter *iter, bool write)
{
	struct axas_file *file = iocb->ki_filp->private_data;
	struct axas_space *space = file->space;
	ssize_t ret;

	if (iov_iter_count(iter) && iocb->ki_pos >= space->base + space->length)
		return write ? -ENOSPC : 0;
	ret = axas_space_rw_iter(space, axas_gpa(iocb->ki_pos), iter, write);
	if (ret > 0)
		iocb->ki_pos += ret;
	return ret;
}

static ssize_t axas_read_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	return axas_rw(iocb, iter, false);
}

static ssize_t axas_write_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	return axas_rw(iocb, iter, true);
}

/* The first page with memory, from one that begins in the space on. */
static loff_t axas_seek_data(struct axas_space *space, u64 gpa, u64 end)
{
	struct axas_next next = { .gpa = gpa, .length = end - gpa };
	int ret = axas_space_next(space, &next, NULL);

	if (ret)
		return ret;
	return next.length ? next.gpa : -ENXIO;
}

/* The first without. The end of the file is one. */
static loff_t axas_seek_hole(struct axas_space *space, u64 gpa, u64 end)
{
	struct axas_next next = { .gpa = gpa, .length = end - gpa, .nr = 1 };
	struct axas_next_entry run;
	int ret = axas_space_next(space, &next, &run);

	if (ret)
		return ret;
	return next.done && run.gpa == gpa ? run.gpa + run.length : gpa;
}

/* Memory that is there is data, and all else is a hole. */
static loff_t axas_seek_memory(struct file *filp, loff_t offset, int whence)
{
	struct axas_file *file = filp->private_data;
	struct axas_space *space = file->space;
	u64 end = space->base + space->length, gpa;
	loff_t found;

	if (offset < 0 || offset >= end)
		return -ENXIO;
	if (whence == SEEK_HOLE && offset < space->base)
		return vfs_setpos(filp, offset, end);
	gpa = max_t(u64, ALIGN_DOWN(offset, PAGE_SIZE), space->base);
	found = whence == SEEK_DATA ? axas_seek_data(space, gpa, end) :
				      axas_seek_hole(space, gpa, end);
	return found < 0 ? found : vfs_setpos(filp, max(found, offset), end);
}

static loff_t axas_llseek(struct file *filp, loff_t offset, int whence)
{
	struct axas_file *file = filp->private_data;

	if (whence == SEEK_DATA || whence == SEEK_HOLE)
		return axas_seek_memory(filp, offset, whence);
	return fixed_size_llseek(filp, offset, whence,
				 file->space->base + file->space->length);
}

/* ---- guest memory: windows ---- */

/*
 * Take a range out of all windows. An ordinary PTE is made under its page's
 * lock, for which the table has waited; a special one under the file's.
 */
static void window_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
			      u64 size)
{
	struct axas_file *file = container_of(holder, struct axas_file, window);

	guard(rwsem_write)(&file->lock);
	unmap_mapping_range(file->mapping, gpa.val, size, 1);
}

static vm_fault_t window_error(const struct axas_file *file, int err)
{
	switch (err) {
	case -EAGAIN:
		/* The process touches it again; who changes it comes first. */
		axas_npt_wait(&file->space->npt);
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
				   struct axas_memory *memory)
{
	int ret;

	lock_page(memory->page);
	/*
	 * The page is locked before the entry is read. Pairs with the barrier
	 * between a changed entry and the look at the lock in npt_wait_pages().
	 */
	smp_mb();
	ret = axas_space_check_memory(file->space, gpa, access, memory);
	if (!ret && PageHWPoison(memory->page))
		ret = -EHWPOISON;
	if (!ret)
		return VM_FAULT_LOCKED;
	unlock_page(memory->page);
	return window_error(file, ret);
}

/*
 * Rights and type of a special PTE. A VMA that can be written can be read as well:
 * without either the PTE would be one of PROT_NONE, and fault for ever.
 */
static pgprot_t window_prot(const struct vm_area_struct *vma,
			    const struct axas_memory *memory)
{
	bool writable = memory->attr.prot & AXAS_PROT_WRITE;
	vm_flags_t flags = writable ? vma->vm_flags :
				      (vma->vm_flags & ~VM_WRITE) | VM_READ;
	pgprot_t prot = vm_get_page_prot(flags);

	if (memory->attr.owned || memory->attr.memtype == AXAS_MEM_WB)
		return prot;
	return memory->attr.memtype == AXAS_MEM_NC ? pgprot_writecombine(prot) :
						     pgprot_noncached(prot);
}

/*
 * In a VMA that has ordinary pages too the kernel takes the rights from the VMA,
 * which has none to write, so that it hears of the first store. Lend it one that
 * says what the leaf does: nobody but the kernel's own helper sees it.
 */
static vm_fault_t window_insert_mixed(const struct vm_area_struct *vma,
				      unsigned long addr, unsigned long pfn,
				      pgprot_t prot)
{
	struct vm_area_struct lent = *vma;

	lent.vm_page_prot = prot;
	return vmf_insert_mixed(&lent, addr, axas_pfn(pfn));
}

/*
 * Make a special PTE. On x86 its type becomes the one that the kernel maps the
 * memory by, and uncached if it doesn't map it at all. So it does, meanwhile.
 */
static vm_fault_t window_insert(struct vm_area_struct *vma, unsigned long addr,
				const struct axas_memory *memory)
{
	unsigned long pfn = PHYS_PFN(memory->hpa.val);
	struct axas_view view = { .memory = *memory };
	pgprot_t prot = window_prot(vma, memory);
	vm_fault_t ret;

	if (axas_memory_is_alien(memory))
		return VM_FAULT_SIGBUS;
	if (IS_ENABLED(CONFIG_X86) && axas_view_open(&view, PAGE_SIZE))
		return VM_FAULT_SIGBUS;
	if (vma->vm_flags & VM_MIXEDMAP)
		ret = window_insert_mixed(vma, addr, pfn, prot);
	else
		ret = vmf_insert_pfn_prot(vma, addr, pfn, prot);
	if (IS_ENABLED(CONFIG_X86))
		axas_view_close(&view);
	return ret;
}

/* Nothing counts special PTEs: invalidation has to find each. */
static vm_fault_t window_insert_pfn(struct vm_fault *vmf, axas_gpa_t gpa,
				    unsigned int access,
				    struct axas_memory *memory)
{
	struct vm_area_struct *vma = vmf->vma;
	struct axas_file *file = vma->vm_file->private_data;
	vm_fault_t fault = 0;
	int ret;

	down_read(&file->lock);
	ret = axas_space_check_memory(file->space, gpa, access, memory);
	if (!ret)
		fault = window_insert(vma, vmf->address & PAGE_MASK, memory);
	up_read(&file->lock);
	return ret ? window_error(file, ret) : fault;
}

static axas_gpa_t window_gpa(const struct vm_fault *vmf)
{
	return axas_gpa((u64)vmf->pgoff << PAGE_SHIFT);
}

static vm_fault_t window_fault(struct vm_fault *vmf)
{
	struct axas_file *file = vmf->vma->vm_file->private_data;
	bool write = vmf->flags & FAULT_FLAG_WRITE;
	unsigned int access = AXAS_ACCESS_OWNER |
			      (write ? AXAS_PROT_WRITE : AXAS_PROT_READ);
	axas_gpa_t gpa = window_gpa(vmf);
	struct axas_memory memory;
	vm_fault_t ret;
	int err;

	err = axas_space_get_memory(file->space, gpa, access, &memory);
	/* The kernel would let the process touch it again, for ever. */
	if (err == -ENOMEM && vmf->flags & FAULT_FLAG_USER)
		return VM_FAULT_SIGBUS;
	if (err)
		return window_error(file, err);
	if (memory.page && !(vmf->vma->vm_flags & VM_PFNMAP))
		ret = window_lock_page(file, gpa, access, &memory);
	else
		ret = window_insert_pfn(vmf, gpa, access, &memory);
	if (ret == VM_FAULT_LOCKED)
		vmf->page = memory.page;
	else if (memory.page)
		put_page(memory.page);
	return ret;
}

/* A PTE that was made for reading is to become writable. */
static vm_fault_t window_page_mkwrite(struct vm_fault *vmf)
{
	struct axas_file *file = vmf->vma->vm_file->private_data;
	struct axas_memory memory = {
		.hpa = axas_hpa(PFN_PHYS(page_to_pfn(vmf->page))),
		.page = vmf->page,
		.attr.owned = true,
	};

	return window_lock_page(file, window_gpa(vmf),
				AXAS_ACCESS_OWNER | AXAS_PROT_WRITE, &memory);
}

/* The same of a special PTE: drop it, the next fault makes it anew. */
static vm_fault_t window_pfn_mkwrite(struct vm_fault *vmf)
{
	struct axas_file *file = vmf->vma->vm_file->private_data;
	axas_gpa_t gpa = window_gpa(vmf);
	struct axas_leaf leaf;
	int ret = axas_npt_lookup(&file->space->npt, gpa, &leaf);

	if (!ret && !leaf.attr.rom && !(leaf.attr.prot & AXAS_PROT_WRITE))
		return VM_FAULT_SIGBUS;
	unmap_mapping_range(file->mapping, gpa.val, PAGE_SIZE, 1);
	return VM_FAULT_NOPAGE;
}

/* /proc/PID/mem and ptrace, where there is no page to be had. */
static int window_access(struct vm_area_struct *vma, unsigned long addr,
			 void *buf, int len, int write)
{
	struct axas_file *file = vma->vm_file->private_data;
	unsigned long offset = addr - vma->vm_start;
	struct kvec vec = {
		.iov_base = buf,
		.iov_len = min_t(unsigned long, len, vma->vm_end - addr),
	};
	struct iov_iter iter;

	if (write && !(vma->vm_flags & VM_WRITE))
		return -EFAULT;
	iov_iter_kvec(&iter, write ? ITER_SOURCE : ITER_DEST, &vec, 1,
		      vec.iov_len);
	return axas_space_rw_iter(file->space,
				  axas_gpa(((u64)vma->vm_pgoff << PAGE_SHIFT) +
					   offset), &iter, write);
}

static const struct vm_operations_struct window_ops = {
	.fault = window_fault,
	.page_mkwrite = window_page_mkwrite,
	.pfn_mkwrite = window_pfn_mkwrite,
	.access = window_access,
};

/* Is there memory everywhere in a range, and none of it the space's? */
static int window_is_io(struct axas_space *space, u64 gpa, u64 size)
{
	u64 end = gpa + size;

	while (gpa < end) {
		u64 first = gpa, last = gpa;
		const struct axas_area *area;
		bool io;

		rcu_read_lock();
		area = axas_tree_find(&space->areas, &first, &last);
		io = area && area->max_level && !area->attr.owned;
		rcu_read_unlock();
		if (!io)
			return false;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		gpa = last + 1;
	}
	return true;
}

/*
 * There are two kinds of windows. One for memory has ordinary PTEs, with pages
 * that others can take, and special ones where the space doesn't own the frame.
 * One for I/O has special PTEs alone, which KVM only then follows.
 */
static int axas_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct axas_file *file = filp->private_data;
	struct axas_space *space = file->space;
	u64 gpa = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 size = vma->vm_end - vma->vm_start;
	int io;

	/* A descriptor for reading takes VM_SHARED away. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (!axas_range_in(gpa, size, space->base, space->length))
		return -EINVAL;
	io = window_is_io(space, gpa, size);
	if (io < 0)
		return io;
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP |
			  (io ? VM_IO | VM_PFNMAP : VM_MIXEDMAP));
	vma->vm_ops = &window_ops;
	return axas_space_add_holder(space, &file->window);
}

/* ---- a space's file ---- */

/* What a descriptor for reading is good for. */
static bool space_ioctl_looks(unsigned int cmd)
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

static long space_ioctl(struct file *filp, unsigned int cmd,
			unsigned long arg)
{
	struct axas_file *file = filp->private_data;

	if (!(filp->f_mode & FMODE_WRITE) && !space_ioctl_looks(cmd))
		return -EBADF;
	return axas_ioctl_space(file->space, cmd, arg);
}

/* The inode's descriptor was opened anew, through /proc. */
static int axas_space_open(struct inode *inode, struct file *filp)
{
	filp->private_data = inode->i_private;
	return 0;
}

static void axas_space_show_fdinfo(struct seq_file *m, struct file *filp)
{
	struct axas_file *file = filp->private_data;

	axas_show_fdinfo(m, file->space);
}

static const struct file_operations space_fops = {
	.owner = THIS_MODULE,
	.open = axas_space_open,
	.llseek = axas_llseek,
	.read_iter = axas_read_iter,
	.write_iter = axas_write_iter,
	.splice_read = copy_splice_read,
	.splice_write = iter_file_splice_write,
	.fsync = noop_fsync,
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
	if (filp->f_op != &space_fops) {
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

/* ---- a space's inode ---- */

static void axas_file_destroy(struct axas_file *file)
{
	axas_debugfs_del(&file->debugfs);
	axas_space_destroy(file->space);
	kfree(file);
}

static struct file_system_type axas_fs;
static struct vfsmount *axas_mnt;
static int axas_mnt_count;

/* Each space has the file system, and the file system the module. */
static int axas_fs_get(void)
{
	return simple_pin_fs(&axas_fs, &axas_mnt, &axas_mnt_count);
}

static void axas_fs_put(void)
{
	simple_release_fs(&axas_mnt, &axas_mnt_count);
}

/* Nobody has a descriptor, a window or another reference any more. */
static void axas_evict_inode(struct inode *inode)
{
	struct axas_file *file = inode->i_private;

	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	/* There is none in the root, and in what was never finished. */
	if (!file)
		return;
	axas_file_destroy(file);
	axas_fs_put();
}

static const struct super_operations axas_super_ops = {
	.statfs = simple_statfs,
	.evict_inode = axas_evict_inode,
};

static char *axas_dname(struct dentry *dentry, char *buf, int len)
{
	static const char name[] = "anon_inode:[axas]";

	if (len < sizeof(name))
		return ERR_PTR(-ENAMETOOLONG);
	return memcpy(buf + len - sizeof(name), name, sizeof(name));
}

static const struct dentry_operations axas_dentry_ops = {
	.d_dname = axas_dname,
};

static int axas_init_fs_context(struct fs_context *fc)
{
	struct pseudo_fs_context *ctx = init_pseudo(fc, AXAS_FS_MAGIC);

	if (!ctx)
		return -ENOMEM;
	ctx->ops = &axas_super_ops;
	ctx->dops = &axas_dentry_ops;
	return 0;
}

static struct file_system_type axas_fs = {
	.owner = THIS_MODULE,
	.name = "axas",
	.init_fs_context = axas_init_fs_context,
	.kill_sb = kill_anon_super,
};

/* Mode, owner and times may be set; the size is the space's. */
static int axas_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
			struct iattr *attr)
{
	return attr->ia_valid & ATTR_SIZE ? -EINVAL :
					    simple_setattr(idmap, dentry, attr);
}

static const struct inode_operations axas_inode_ops = {
	.setattr = axas_setattr,
};

static struct axas_file *axas_file_create(const struct axas_create *create,
					  struct address_space *mapping)
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
	file->mapping = mapping;
	axas_debugfs_add(&file->debugfs, file->space);
	return_ptr(file);
}

/* The file system is had; the inode gets a reference of its own to it. */
static struct inode *axas_inode_create(const struct axas_create *create)
{
	struct inode *inode = alloc_anon_inode(axas_mnt->mnt_sb);
	struct axas_file *file;

	if (IS_ERR(inode))
		return inode;
	file = axas_file_create(create, inode->i_mapping);
	if (IS_ERR(file)) {
		iput(inode);
		return ERR_CAST(file);
	}
	axas_fs_get();
	inode->i_private = file;
	inode->i_op = &axas_inode_ops;
	inode->i_fop = &space_fops;
	inode->i_mode |= S_IFREG;
	/* Nothing anonymous about it, as far as some kernels flag that. */
	inode->i_flags = S_PRIVATE;
	/* There is no name: whoever watches it doesn't keep it. */
	clear_nlink(inode);
	i_size_write(inode, file->space->base + file->space->length);
	return inode;
}

static struct file *axas_filp_create(const struct axas_create *create)
{
	struct inode *inode = axas_inode_create(create);
	struct axas_file *file;
	struct file *filp;

	if (IS_ERR(inode))
		return ERR_CAST(inode);
	filp = alloc_file_pseudo(inode, axas_mnt, "axas", O_RDWR, &space_fops);
	if (IS_ERR(filp)) {
		iput(inode);
		return filp;
	}
	/* The last fput() gives it back. */
	__module_get(THIS_MODULE);
	file = inode->i_private;
	file->space->path = filp->f_path;
	filp->private_data = file;
	filp->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	return filp;
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
	struct file *filp;
	int fd, ret;

	if (create->reserved)
		return -EINVAL;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	ret = axas_fs_get();
	if (ret)
		goto no_fd;
	filp = axas_filp_create(create);
	axas_fs_put();
	ret = PTR_ERR_OR_ZERO(filp);
	if (ret)
		goto no_fd;
	fd_install(fd, filp);
	return fd;

no_fd:
	put_unused_fd(fd);
	return ret;
}
