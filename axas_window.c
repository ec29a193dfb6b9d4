// SPDX-License-Identifier: GPL-2.0
/*
 * Windows: guest memory in processes, by mmap.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/uio.h>

#include "axas_alias.h"
#include "axas_file.h"
#include "axas_memory.h"
#include "axas_track.h"

/* A read fault looks as far as the end of such a block for what is there. */
#define WINDOW_AROUND	SZ_64K

/*
 * Take a range out of the file's windows. An ordinary PTE is made under its page's
 * lock, for which the table has waited; a special one under the file's.
 */
static void window_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
			      u64 size)
{
	struct axas_file *file = container_of(holder, struct axas_file, window);
	u64 start = max(gpa.val, file->base);
	u64 end = min(gpa.val + size, file->base + file->length);

	if (start >= end)
		return;
	guard(rwsem_write)(&file->lock);
	unmap_mapping_range(file->mapping, start - file->bias, end - start, 1);
}

/**
 * axas_window_init - make a file ready to have windows
 * @file: the file
 *
 * Context: any.
 */
void axas_window_init(struct axas_file *file)
{
	file->window.invalidate = window_invalidate;
	INIT_LIST_HEAD(&file->window.node);
	init_rwsem(&file->lock);
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
 * Is a page that is locked still what the table says? The kernel doesn't expect a
 * page without a mapping among those that have failed: it never gets one.
 */
static int window_check_page(const struct axas_file *file, axas_gpa_t gpa,
			     unsigned int access, struct axas_memory *memory)
{
	int ret;

	/*
	 * The page is locked before the entry is read. Pairs with the barrier
	 * between a changed entry and the look at the lock in npt_wait_pages().
	 */
	smp_mb();
	ret = axas_space_check_memory(file->space, gpa, access, memory);
	return !ret && PageHWPoison(memory->page) ? -EHWPOISON : ret;
}

static vm_fault_t window_lock_page(struct axas_file *file, axas_gpa_t gpa,
				   unsigned int access,
				   struct axas_memory *memory)
{
	int ret;

	lock_page(memory->page);
	ret = window_check_page(file, gpa, access, memory);
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
				const struct axas_memory *memory, bool alien)
{
	unsigned long pfn = PHYS_PFN(memory->hpa.val);
	struct axas_view view = { .memory = *memory };
	pgprot_t prot = window_prot(vma, memory);
	vm_fault_t ret;

	if (!(vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP)) || alien)
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
	bool alien;
	int ret;

	down_read(&file->lock);
	/* Before the check: where another area was found, so is another leaf. */
	alien = axas_memory_is_alien(memory) &&
		!axas_alias_lies(file->space, gpa);
	ret = axas_space_check_memory(file->space, gpa, access, memory);
	if (!ret)
		fault = window_insert(vma, vmf->address & PAGE_MASK, memory,
				      alien);
	up_read(&file->lock);
	return ret ? window_error(file, ret) : fault;
}

/* A VMA that mremap(2) has grown may reach beyond the file, or wrap around. */
static axas_gpa_t window_gpa(const struct axas_file *file, pgoff_t pgoff)
{
	u64 offset = (u64)pgoff << PAGE_SHIFT;

	return axas_gpa(offset < axas_file_size(file) ? offset + file->bias :
							U64_MAX);
}

/* Enter a page that is there, for reading, if nobody has its lock. */
static int window_add_page(const struct axas_file *file,
			   struct vm_area_struct *vma, unsigned long addr)
{
	pgoff_t pgoff = vma->vm_pgoff + PHYS_PFN(addr - vma->vm_start);
	unsigned int access = AXAS_ACCESS_OWNER | AXAS_PROT_READ;
	axas_gpa_t gpa = window_gpa(file, pgoff);
	struct axas_memory memory;
	int ret;

	ret = axas_space_get_memory(file->space, gpa,
				    access | AXAS_ACCESS_THERE, &memory);
	if (ret)
		return ret;
	ret = -EBUSY;
	if (memory.page && trylock_page(memory.page)) {
		ret = window_check_page(file, gpa, access, &memory);
		if (!ret)
			ret = vm_insert_page(vma, addr, memory.page);
		unlock_page(memory.page);
	}
	if (memory.page)
		put_page(memory.page);
	return ret;
}

/*
 * What is there behind a read comes with it, so that the next reads don't fault.
 * The PTEs have the rights of the VMA, which are those for reading, so that the
 * kernel hears of the first store. Its helper wants a VMA that says it may have
 * such pages, as one for RAM doesn't: lend it one.
 */
static void window_fault_around(const struct vm_fault *vmf)
{
	struct vm_area_struct lent = *vmf->vma;
	const struct axas_file *file = lent.vm_file->private_data;
	unsigned long addr = (vmf->address & PAGE_MASK) + PAGE_SIZE;
	unsigned long end = min(ALIGN(addr, WINDOW_AROUND), lent.vm_end);

	if (lent.vm_flags & (VM_PFNMAP | VM_RAND_READ | VM_LOCKED))
		return;
	/* None of it is used yet. */
	if (READ_ONCE(file->space->npt.arms) & AXAS_TRACK_ACCESSED)
		return;
	vm_flags_init(&lent, lent.vm_flags | VM_MIXEDMAP);
	while (addr < end &&
	       !window_add_page(file, &lent, addr))
		addr += PAGE_SIZE;
}

/*
 * Only the kernel counts a page as locked, and puts a PTE where userfaultfd has left a
 * mark that it wants to know of a write: to anybody else the place looks taken.
 */
static bool window_is_marked(const struct vm_area_struct *vma)
{
	return vma->vm_flags & (VM_LOCKED | VM_UFFD_WP);
}

/*
 * A page that is written gets a PTE that lets it be: the kernel would make one that
 * doesn't, and ask window_page_mkwrite() at once. One that is there is left alone.
 */
static vm_fault_t window_insert_page(const struct vm_fault *vmf, axas_gpa_t gpa,
				     unsigned int access,
				     struct axas_memory *memory)
{
	struct vm_area_struct lent = *vmf->vma;
	vm_fault_t ret;
	int err;

	ret = window_lock_page(lent.vm_file->private_data, gpa, access, memory);
	if (ret != VM_FAULT_LOCKED)
		return ret;
	lent.vm_page_prot = vm_get_page_prot(lent.vm_flags);
	vm_flags_init(&lent, lent.vm_flags | VM_MIXEDMAP);
	err = vm_insert_page(&lent, vmf->address & PAGE_MASK, memory->page);
	unlock_page(memory->page);
	return err && err != -EBUSY ? vmf_error(err) : VM_FAULT_NOPAGE;
}

/*
 * The kernel hears of no store in a window whose pages can be pinned for long, and makes
 * PTEs writable as it likes.
 */
static bool window_may_write(const struct axas_file *file,
			     const struct vm_fault *vmf)
{
	return vmf->flags & FAULT_FLAG_WRITE ||
	       (axas_file_keeps(file) && vmf->vma->vm_flags & VM_MAYWRITE);
}

static vm_fault_t window_fault(struct vm_fault *vmf)
{
	struct axas_file *file = vmf->vma->vm_file->private_data;
	bool write = window_may_write(file, vmf);
	unsigned int access = AXAS_ACCESS_OWNER |
			      (write ? AXAS_PROT_WRITE : AXAS_PROT_READ);
	axas_gpa_t gpa = window_gpa(file, vmf->pgoff);
	struct axas_memory memory;
	vm_fault_t ret;
	int err;

	err = axas_space_get_memory(file->space, gpa, access, &memory);
	/* The kernel would let the process touch it again, for ever. */
	if (err == -ENOMEM && vmf->flags & FAULT_FLAG_USER)
		return VM_FAULT_SIGBUS;
	if (err)
		return window_error(file, err);
	if (!write)
		window_fault_around(vmf);
	if (!memory.page || vmf->vma->vm_flags & VM_PFNMAP)
		ret = window_insert_pfn(vmf, gpa, access, &memory);
	else if (write && !window_is_marked(vmf->vma))
		ret = window_insert_page(vmf, gpa, access, &memory);
	else
		ret = window_lock_page(file, gpa, access, &memory);
	if (ret == VM_FAULT_LOCKED)
		vmf->page = memory.page;
	else if (memory.page)
		put_page(memory.page);
	return ret;
}

/*
 * Nothing: window_fault() does that, and may sleep. But where there is no such function the
 * kernel takes faults under the process's lock, and not under that of the VMA alone.
 */
static vm_fault_t window_map_pages(struct vm_fault *vmf, pgoff_t first,
				   pgoff_t last)
{
	return 0;
}

/* A PTE that was made for reading is to become writable. */
static vm_fault_t window_page_mkwrite(struct vm_fault *vmf)
{
	struct axas_file *file = vmf->vma->vm_file->private_data;
	unsigned int access = AXAS_ACCESS_OWNER | AXAS_PROT_WRITE;
	axas_gpa_t gpa = window_gpa(file, vmf->pgoff);
	struct axas_memory memory = {
		.hpa = axas_hpa(PFN_PHYS(page_to_pfn(vmf->page))),
		.page = vmf->page,
		.attr.owned = true,
	};
	int err = axas_space_open(file->space, gpa, access);

	if (err && err != -EAGAIN)
		return window_error(file, err);
	return window_lock_page(file, gpa, access, &memory);
}

/* The same of a special PTE: drop it, the next fault makes it anew. */
static vm_fault_t window_pfn_mkwrite(struct vm_fault *vmf)
{
	struct axas_file *file = vmf->vma->vm_file->private_data;

	unmap_mapping_range(file->mapping, (loff_t)vmf->pgoff << PAGE_SHIFT,
			    PAGE_SIZE, 1);
	return VM_FAULT_NOPAGE;
}

/* /proc/PID/mem and ptrace, where there is no page to be had. */
static int window_access(struct vm_area_struct *vma, unsigned long addr,
			 void *buf, int len, int write)
{
	struct axas_file *file = vma->vm_file->private_data;
	pgoff_t pgoff = vma->vm_pgoff + PHYS_PFN(addr - vma->vm_start);
	axas_gpa_t gpa = window_gpa(file, pgoff);
	struct kvec vec = {
		.iov_base = buf,
		.iov_len = min_t(unsigned long, len, vma->vm_end - addr),
	};
	struct iov_iter iter;

	if (gpa.val == U64_MAX || (write && !(vma->vm_flags & VM_WRITE)))
		return -EFAULT;
	gpa.val += offset_in_page(addr);
	iov_iter_kvec(&iter, write ? ITER_SOURCE : ITER_DEST, &vec, 1,
		      min_t(u64, vec.iov_len,
			    file->base + file->length - gpa.val));
	return axas_space_rw_iter(file->space, gpa, &iter, write);
}

/* Areas say where their memory comes from, and a file has no say in these. */
static int __maybe_unused window_set_policy(struct vm_area_struct *vma,
					    struct mempolicy *policy)
{
	return -EOPNOTSUPP;
}

static const struct vm_operations_struct window_ops = {
	.fault = window_fault,
	.map_pages = window_map_pages,
	.page_mkwrite = window_page_mkwrite,
	.pfn_mkwrite = window_pfn_mkwrite,
	.access = window_access,
#ifdef CONFIG_NUMA
	.set_policy = window_set_policy,
#endif
};

static void window_open(struct vm_area_struct *vma)
{
	struct axas_file *file = vma->vm_file->private_data;

	atomic_inc(&file->keeper.uses);
}

static void window_close(struct vm_area_struct *vma)
{
	struct axas_file *file = vma->vm_file->private_data;

	atomic_dec(&file->keeper.uses);
}

/* Without a function for the first store: the kernel allows long-term pins then. */
static const struct vm_operations_struct window_pin_ops = {
	.open = window_open,
	.close = window_close,
	.fault = window_fault,
	.map_pages = window_map_pages,
	.access = window_access,
#ifdef CONFIG_NUMA
	.set_policy = window_set_policy,
#endif
};

/* What lies in a range: memory that isn't the space's; memory that is, or none. */
#define WINDOW_FOREIGN	BIT(0)
#define WINDOW_OTHER	BIT(1)

static int window_lies(struct axas_space *space, u64 gpa, u64 size)
{
	u64 end = gpa + size;
	int lies = 0;

	while (gpa < end && lies != (WINDOW_FOREIGN | WINDOW_OTHER)) {
		u64 first = gpa, last = end - 1;
		const struct axas_area *area;

		rcu_read_lock();
		area = axas_tree_find(&space->areas, &first, &last);
		if (!area || first > gpa)
			lies |= WINDOW_OTHER;
		if (area)
			lies |= area->max_level && !area->attr.owned ?
					WINDOW_FOREIGN : WINDOW_OTHER;
		rcu_read_unlock();
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		gpa = area ? last + 1 : end;
	}
	return lies;
}

/**
 * axas_window_mmap - mmap(2) of a file of guest memory
 * @filp: the file
 * @vma: where
 *
 * There are three kinds of windows. One for RAM has ordinary PTEs, with pages that
 * others can take. One for memory has special ones as well, where the space
 * doesn't own the frame. One for I/O has these alone, which KVM only then follows.
 *
 * Context: may sleep; mmap_lock is held for writing. Takes the space's lock.
 * Return: 0; -EINVAL where it isn't shared or not in the file; -EINTR.
 */
int axas_window_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct axas_file *file = filp->private_data;
	u64 gpa = ((u64)vma->vm_pgoff << PAGE_SHIFT) + file->bias;
	u64 size = vma->vm_end - vma->vm_start;
	vm_flags_t flags = file->kind->vm_flags;
	int lies, ret;

	/* A descriptor for reading takes VM_SHARED away. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (!axas_range_in(gpa, size, file->base, file->length))
		return -EINVAL;
	lies = window_lies(file->space, gpa, size);
	if (lies < 0)
		return lies;
	if (lies == WINDOW_FOREIGN)
		flags = VM_IO | VM_PFNMAP | VM_DONTEXPAND;
	else if (lies & WINDOW_FOREIGN)
		flags = VM_MIXEDMAP | VM_DONTEXPAND;
	vm_flags_set(vma, flags | VM_DONTDUMP);
	if (!axas_file_keeps(file)) {
		vma->vm_ops = &window_ops;
		return axas_space_add_holder(file->space, &file->window);
	}
	vma->vm_ops = &window_pin_ops;
	/* Whoever takes something has been there before, or finds it. */
	window_open(vma);
	ret = axas_space_add_holder(file->space, &file->window);
	if (ret)
		window_close(vma);
	return ret;
}
