// SPDX-License-Identifier: GPL-2.0
/*
 * The module: /dev/axas, the ioctls, and guest memory as a file.
 */
#include <linux/anon_inodes.h>
#include <linux/capability.h>
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include <axas/probe.h>
#include <axas/show.h>

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

/* ---- ioctls ---- */

union axas_args {
	struct axas_info info;
	struct axas_create create;
	struct axas_map map;
	struct axas_unmap unmap;
	struct axas_protect protect;
	struct axas_clear clear;
	struct axas_fault fault;
	struct axas_translate translate;
	struct axas_stats stats;
	struct axas_probe probe;
	struct axas_root root;
	struct axas_areas areas;
	struct axas_device device;
};

static int ioctl_info(struct axas_file *file, union axas_args *args)
{
	struct axas_info *info = &args->info;
	const struct axas_npt_ops *ops = axas_format_get(info->format);
	struct axas_npt_caps caps;

	if (!ops)
		return -EINVAL;
	ops->caps(&caps);
	*info = (struct axas_info){
		.size = info->size,
		.format = ops->format,
		.formats = axas_format_mask(),
		.leaf_sizes = caps.leaf_sizes,
		.gpa_bits = caps.gpa_bits,
		.features = caps.features,
		.memtypes = caps.memtypes,
		.hpa_bits = min_t(u32, caps.hpa_bits, AXAS_HAL_PHYS_BITS),
		.default_gpa_bits = caps.default_gpa_bits,
	};
	module_put(ops->owner);
	return 0;
}

static int ioctl_create(struct axas_file *file, union axas_args *args);

/* May the caller put this host memory into a space? */
static int linear_allowed(const struct axas_map *map)
{
	int ret;

	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	ret = security_locked_down(LOCKDOWN_DEV_MEM);
	if (ret)
		return ret;
	if (!axas_range_in(map->hpa, map->length, 0,
			   BIT_ULL(AXAS_HAL_PHYS_BITS)))
		return -ERANGE;
	return region_intersects(map->hpa, map->length, IORESOURCE_SYSTEM_RAM,
				 IORES_DESC_NONE) == REGION_DISJOINT ?
		       0 : -EACCES;
}

static int ioctl_map(struct axas_file *file, union axas_args *args)
{
	const struct axas_map *map = &args->map;
	int ret;

	if (map->backend == AXAS_BACKEND_LINEAR && map->length) {
		ret = linear_allowed(map);
		if (ret)
			return ret;
	}
	return axas_space_map(file->space, map);
}

static int ioctl_unmap(struct axas_file *file, union axas_args *args)
{
	return axas_space_unmap(file->space, axas_gpa(args->unmap.gpa),
				args->unmap.length);
}

static int ioctl_protect(struct axas_file *file, union axas_args *args)
{
	if (args->protect.reserved)
		return -EINVAL;
	return axas_space_protect(file->space, axas_gpa(args->protect.gpa),
				  args->protect.length, args->protect.prot);
}

static int ioctl_clear(struct axas_file *file, union axas_args *args)
{
	return axas_space_clear(file->space);
}

/* Array elements that are copied at a time, on the stack. */
#define AXAS_CHUNK	32

/* Only what is new goes back. */
static bool fault_answer(struct axas_fault_entry __user *user,
			 const struct axas_fault_entry *entries, u32 n)
{
	u32 i;

	if (!user_write_access_begin(user, n * sizeof(*user)))
		return false;
	for (i = 0; i < n; i++) {
		unsafe_put_user(entries[i].result, &user[i].result, fail);
		if (likely(entries[i].result != AXAS_FAULT_DEVICE))
			continue;
		unsafe_put_user(entries[i].cookie, &user[i].cookie, fail);
		unsafe_put_user(entries[i].offset, &user[i].offset, fail);
	}
	user_write_access_end();
	return true;

fail:
	user_write_access_end();
	return false;
}

static int ioctl_fault(struct axas_file *file, union axas_args *args)
{
	struct axas_fault *fault = &args->fault;
	struct axas_fault_entry __user *user = u64_to_user_ptr(fault->entries);
	struct axas_fault_entry entries[AXAS_CHUNK];
	u32 n;

	for (fault->done = 0; fault->done < fault->nr; fault->done += n) {
		n = min_t(u32, fault->nr - fault->done, AXAS_CHUNK);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		if (copy_from_user(entries, user + fault->done,
				   n * sizeof(*entries)))
			return -EFAULT;
		axas_space_faults(file->space, entries, n);
		if (!fault_answer(user + fault->done, entries, n))
			return -EFAULT;
	}
	return 0;
}

static int ioctl_translate(struct axas_file *file, union axas_args *args)
{
	struct axas_translate *translate = &args->translate;
	struct axas_translate_entry __user *user =
		u64_to_user_ptr(translate->entries);
	struct axas_translate_entry entries[AXAS_CHUNK];
	bool admin = capable(CAP_SYS_ADMIN);
	u32 i, n;

	for (translate->done = 0; translate->done < translate->nr;
	     translate->done += n) {
		n = min_t(u32, translate->nr - translate->done, AXAS_CHUNK);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		if (copy_from_user(entries, user + translate->done,
				   n * sizeof(*entries)))
			return -EFAULT;
		for (i = 0; i < n; i++) {
			axas_space_translate(file->space, &entries[i]);
			if (!admin)
				entries[i].hpa = 0;
		}
		if (copy_to_user(user + translate->done, entries,
				 n * sizeof(*entries)))
			return -EFAULT;
	}
	return 0;
}

static int ioctl_stats(struct axas_file *file, union axas_args *args)
{
	u32 size = args->stats.size;

	axas_space_stats(file->space, &args->stats);
	args->stats.size = size;
	return 0;
}

static int ioctl_probe(struct axas_file *file, union axas_args *args)
{
	struct axas_probe *probe = &args->probe;
	struct axas_probe_result result = {};
	struct axas_space *space = file->space;
	int ret;

	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	if (!is_power_of_2(probe->access) || probe->access > AXAS_PROT_EXEC)
		return -EINVAL;
	if (!axas_range_in(probe->gpa, 1, space->base, space->length))
		return -ERANGE;
	ret = mutex_lock_killable(&space->lock);
	if (ret)
		return ret;
	/* A space without a holder tells nobody what it takes away. */
	axas_npt_probe_forget(&space->npt, axas_gpa(0),
			      BIT_ULL(space->npt.gpa_bits));
	ret = axas_npt_probe(&space->npt, axas_gpa(probe->gpa), probe->access,
			     &result);
	mutex_unlock(&space->lock);
	probe->kind = result.kind;
	probe->hpa = result.hpa.val;
	probe->level = result.level;
	probe->memtype = result.memtype;
	probe->raw = result.raw;
	return ret;
}

static int ioctl_root(struct axas_file *file, union axas_args *args)
{
	u32 size = args->root.size;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	ret = axas_space_root(file->space, &args->root);
	args->root.size = size;
	return ret;
}

/* Areas that are listed at a time. */
#define AXAS_LISTED	256

/* Collected first: user memory may take its time, and the space waits. */
static int ioctl_areas(struct axas_file *file, union axas_args *args)
{
	struct axas_area_entry *entries __free(kfree) = NULL;
	struct axas_areas areas = args->areas;
	bool admin = capable(CAP_SYS_ADMIN);
	u32 i;
	int ret;

	args->areas.done = 0;
	areas.nr = min_t(u32, areas.nr, AXAS_LISTED);
	entries = kmalloc_array(areas.nr, sizeof(*entries), AXAS_GFP);
	if (!entries)
		return -ENOMEM;
	ret = axas_space_areas(file->space, &areas, entries);
	if (ret)
		return ret;
	for (i = 0; !admin && i < areas.done; i++)
		entries[i].hpa = 0;
	if (copy_to_user(u64_to_user_ptr(areas.entries), entries,
			 areas.done * sizeof(*entries)))
		return -EFAULT;
	areas.nr = args->areas.nr;
	args->areas = areas;
	return 0;
}

static int ioctl_device_add(struct axas_file *file, union axas_args *args)
{
	return axas_space_add_device(file->space, &args->device);
}

static int ioctl_device_del(struct axas_file *file, union axas_args *args)
{
	return axas_space_del_device(file->space, &args->device);
}

/**
 * struct axas_ioctl - an entry of an ioctl table
 * @size: size of the structure today
 * @min_size: size of its first published version, up to its last member
 * @writes: the structure goes back to the caller
 * @run: do it; may return a descriptor
 */
struct axas_ioctl {
	u32 size;
	u32 min_size;
	bool writes;
	int (*run)(struct axas_file *file, union axas_args *args);
};

#define AXAS_IOCTL(cmd, type, last, fn, wr)				\
	[_IOC_NR(cmd)] = {						\
		.size = sizeof(type),					\
		.min_size = offsetofend(type, last),			\
		.run = (fn),						\
		.writes = (wr),						\
	}

static const struct axas_ioctl device_ioctls[] = {
	AXAS_IOCTL(AXAS_INFO, struct axas_info, default_gpa_bits, ioctl_info, true),
	AXAS_IOCTL(AXAS_CREATE, struct axas_create, reserved, ioctl_create, false),
};

static const struct axas_ioctl space_ioctls[] = {
	AXAS_IOCTL(AXAS_MAP, struct axas_map, cookie, ioctl_map, false),
	AXAS_IOCTL(AXAS_UNMAP, struct axas_unmap, length, ioctl_unmap, false),
	AXAS_IOCTL(AXAS_PROTECT, struct axas_protect, reserved, ioctl_protect, false),
	AXAS_IOCTL(AXAS_CLEAR, struct axas_clear, flags, ioctl_clear, false),
	AXAS_IOCTL(AXAS_FAULT, struct axas_fault, done, ioctl_fault, true),
	AXAS_IOCTL(AXAS_TRANSLATE, struct axas_translate, done, ioctl_translate, true),
	AXAS_IOCTL(AXAS_STATS, struct axas_stats, faults[AXAS_FAULT_DEVICE], ioctl_stats, true),
	AXAS_IOCTL(AXAS_PROBE, struct axas_probe, raw, ioctl_probe, true),
	AXAS_IOCTL(AXAS_ROOT, struct axas_root, vtcr, ioctl_root, true),
	AXAS_IOCTL(AXAS_AREAS, struct axas_areas, generation, ioctl_areas, true),
	AXAS_IOCTL(AXAS_DEVICE_ADD, struct axas_device, cookie, ioctl_device_add, false),
	AXAS_IOCTL(AXAS_DEVICE_DEL, struct axas_device, cookie, ioctl_device_del, false),
};

/* Only AXAS_MAP has flags; its own function checks them. */
static int ioctl_copy_in(const struct axas_ioctl *ioctl,
			 union axas_args *args, void __user *user, u32 *size)
{
	int ret;

	if (get_user(*size, (u32 __user *)user))
		return -EFAULT;
	if (*size < ioctl->min_size)
		return -EINVAL;
	if (*size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(args, ioctl->size, user, *size);
	if (ret)
		return ret;
	args->info.size = *size;
	if (ioctl->run != ioctl_map && args->info.flags)
		return -EINVAL;
	return 0;
}

static long ioctl_run(struct axas_file *file, const struct axas_ioctl *table,
		      unsigned int n, unsigned int cmd, unsigned long arg)
{
	unsigned int nr = _IOC_NR(cmd);
	void __user *user = (void __user *)arg;
	const struct axas_ioctl *ioctl;
	union axas_args args = {};
	u32 size;
	int ret;

	if (nr >= n || cmd != _IO(AXAS_IOC_TYPE, nr))
		return -ENOTTY;
	ioctl = &table[array_index_nospec(nr, n)];
	if (!ioctl->run)
		return -ENOTTY;
	ret = ioctl_copy_in(ioctl, &args, user, &size);
	if (ret)
		return ret;
	ret = ioctl->run(file, &args);
	/* Arrays say how far they came even if they fail. */
	if (ioctl->writes &&
	    copy_to_user(user, &args, min(size, ioctl->size)))
		return -EFAULT;
	return ret;
}

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
	default:
		return VM_FAULT_SIGBUS;
	}
}

/* Lock a page if it is still what the table says. */
static vm_fault_t window_lock_page(struct axas_file *file, axas_gpa_t gpa,
				   unsigned int access,
				   const struct axas_memory *memory)
{
	int ret;

	lock_page(memory->page);
	ret = axas_space_check_memory(file->space, gpa, access, memory);
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

static long axas_space_ioctl(struct file *filp, unsigned int cmd,
			     unsigned long arg)
{
	return ioctl_run(filp->private_data, space_ioctls,
			 ARRAY_SIZE(space_ioctls), cmd, arg);
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
	.unlocked_ioctl = axas_space_ioctl,
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

static int ioctl_create(struct axas_file *none, union axas_args *args)
{
	struct axas_file *file;
	struct file *filp;
	int fd;

	if (args->create.reserved)
		return -EINVAL;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = axas_file_create(&args->create);
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

/* ---- the device ---- */

static long axas_device_ioctl(struct file *filp, unsigned int cmd,
			      unsigned long arg)
{
	return ioctl_run(NULL, device_ioctls, ARRAY_SIZE(device_ioctls), cmd,
			 arg);
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = axas_device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice axas_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "axas",
	.fops = &device_fops,
	.mode = 0600,
};

static int __init axas_init(void)
{
	int ret;

	axas_debugfs_init();
	ret = misc_register(&axas_misc);
	if (ret)
		axas_debugfs_exit();
	return ret;
}

static void __exit axas_exit(void)
{
	misc_deregister(&axas_misc);
	axas_debugfs_exit();
	/* Tables are freed behind a grace period. */
	rcu_barrier();
	pr_info("axas: unloaded, %ld frames in use\n", axas_hal_pages());
}

module_init(axas_init);
module_exit(axas_exit);

MODULE_DESCRIPTION("Guest physical address spaces");
MODULE_AUTHOR("The axas authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(AXAS_VERSION);
