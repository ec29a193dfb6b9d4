// SPDX-License-Identifier: GPL-2.0
/*
 * A software MMU on a space: a sample of the in-kernel interface.
 *
 * It does what a hypervisor does with a space that user space has made, but for
 * the CPU: takes part in the space, faults, keeps translations, uses them
 * without asking again, and forgets them when it is told to. What it keeps is an
 * address and no reference, like a TLB: that the space tells it before it frees
 * anything is all that keeps it from reading freed memory.
 */
#include <linux/compat.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <axas/space.h>

#include "softmmu.h"

/**
 * struct tlb_entry - a translation
 * @gpa: the page, 4 KiB
 * @access: &enum axas_prot bits for which it is good; 0 for none
 * @virt: where the kernel has it
 */
struct tlb_entry {
	u64 gpa;
	unsigned int access;
	void *virt;
};

/**
 * struct softmmu - one of them
 * @use: held for writing to attach and detach, for reading otherwise
 * @lock: @tlb and the figures; the invalidation takes it
 * @space: the space, or NULL
 * @holder: what the space tells when translations go
 * @root: what a CPU would be given
 * @tlb: translations, by hash
 * @hits: accesses that one served
 * @misses: accesses that none served, each a fault
 * @dropped: entries that went by invalidation
 */
struct softmmu {
	struct rw_semaphore use; /* space */
	struct mutex lock; /* tlb and figures */
	struct axas_space *space;
	struct axas_holder holder;
	struct axas_root root;
	struct tlb_entry tlb[SOFTMMU_ENTRIES];
	u64 hits;
	u64 misses;
	u64 dropped;
};

static struct tlb_entry *mmu_entry(struct softmmu *mmu, u64 gpa)
{
	return &mmu->tlb[hash_64(gpa >> PAGE_SHIFT, ilog2(SOFTMMU_ENTRIES))];
}

/* The entry that allows the access, or NULL. Lock held. */
static struct tlb_entry *mmu_find(struct softmmu *mmu, u64 gpa,
				  unsigned int access)
{
	struct tlb_entry *entry = mmu_entry(mmu, gpa);

	lockdep_assert_held(&mmu->lock);
	if (entry->gpa != (gpa & PAGE_MASK) || access & ~entry->access)
		return NULL;
	return entry->access ? entry : NULL;
}

/* When this returns nobody uses any of them any more. */
static void mmu_invalidate(struct axas_holder *holder, axas_gpa_t gpa, u64 size)
{
	struct softmmu *mmu = container_of(holder, struct softmmu, holder);
	struct tlb_entry *entry;

	guard(mutex)(&mmu->lock);
	for (entry = mmu->tlb; entry < mmu->tlb + SOFTMMU_ENTRIES; entry++) {
		if (!entry->access || entry->gpa - gpa.val >= size)
			continue;
		entry->access = 0;
		mmu->dropped++;
	}
}

/*
 * Keep a translation. From the check on, the lock holds up an invalidation that
 * would have to find the entry. What has been checked is this access: what else
 * the leaf allowed before may have gone. 0 also if the leaf has changed.
 */
static int mmu_keep(struct softmmu *mmu, u64 gpa, unsigned int access,
		    struct axas_memory *memory)
{
	struct tlb_entry *entry = mmu_entry(mmu, gpa);

	/* Only what the kernel has given is sure to have an address here. */
	if (!memory->attr.owned)
		return -EOPNOTSUPP;
	guard(mutex)(&mmu->lock);
	if (axas_space_check_memory(mmu->space, axas_gpa(gpa), access, memory))
		return 0;
	if (entry->gpa != (gpa & PAGE_MASK))
		entry->access = 0;
	entry->gpa = gpa & PAGE_MASK;
	entry->access |= access;
	entry->virt = page_address(memory->page);
	return 0;
}

/* Leave the guest: fault, and take the translation if there is one then. */
static int mmu_miss(struct softmmu *mmu, struct softmmu_access *args,
		    unsigned int access)
{
	struct axas_fault_entry fault = {
		.gpa = args->gpa,
		.access = access,
		.width = AXAS_WIDTH_QWORD,
	};
	struct axas_memory memory;
	int ret;

	axas_space_faults(mmu->space, &fault, 1);
	args->result = fault.result;
	args->cookie = fault.cookie;
	args->offset = fault.offset;
	if (fault.result != AXAS_FAULT_RESOLVED &&
	    fault.result != AXAS_FAULT_SPURIOUS)
		return 0;

	args->result = AXAS_FAULT_RESOLVED;
	/* Somebody may have unmapped it: the next fault will say so. */
	if (axas_space_get_memory(mmu->space, axas_gpa(args->gpa), access,
				  &memory))
		return 0;
	ret = mmu_keep(mmu, args->gpa, access, &memory);
	if (memory.page)
		put_page(memory.page);
	return ret;
}

/* Load or store, if there is a translation for that. */
static bool mmu_hit(struct softmmu *mmu, struct softmmu_access *args,
		    unsigned int access)
{
	struct tlb_entry *entry;
	u64 *ptr;

	guard(mutex)(&mmu->lock);
	entry = mmu_find(mmu, args->gpa, access);
	if (!entry) {
		mmu->misses++;
		return false;
	}
	ptr = entry->virt + (args->gpa & ~PAGE_MASK);
	if (args->write)
		WRITE_ONCE(*ptr, args->value);
	else
		args->value = READ_ONCE(*ptr);
	mmu->hits++;
	return true;
}

static int mmu_access(struct softmmu *mmu, struct softmmu_access *args)
{
	unsigned int access = args->write ? AXAS_PROT_WRITE : AXAS_PROT_READ;
	int ret;

	if (!IS_ALIGNED(args->gpa, 8) || args->write > 1)
		return -EINVAL;
	args->result = AXAS_FAULT_RESOLVED;
	while (!mmu_hit(mmu, args, access)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = mmu_miss(mmu, args, access);
		if (ret)
			return ret;
		if (args->result != AXAS_FAULT_RESOLVED)
			return 0;
		cond_resched();
	}
	return 0;
}

static int mmu_held(struct softmmu *mmu, struct softmmu_held *held)
{
	struct axas_translate_entry now = { .gpa = held->gpa & PAGE_MASK };
	struct tlb_entry entry;

	mutex_lock(&mmu->lock);
	entry = *mmu_entry(mmu, held->gpa);
	mutex_unlock(&mmu->lock);
	if (entry.gpa != now.gpa)
		entry.access = 0;
	/* Not under the lock: who translates may wait for an invalidation. */
	axas_space_translate(mmu->space, &now);
	held->access = entry.access;
	held->fresh = entry.access && now.state == AXAS_TRANSLATE_MAPPED &&
		      now.hpa == axas_hal_virt_to_phys(entry.virt).val &&
		      !(entry.access & ~now.prot);
	return 0;
}

static void mmu_info(struct softmmu *mmu, struct softmmu_info *info)
{
	unsigned int i;

	guard(mutex)(&mmu->lock);
	*info = (struct softmmu_info){
		.control = mmu->root.control,
		.vtcr = mmu->root.vtcr,
		.hits = mmu->hits,
		.misses = mmu->misses,
		.dropped = mmu->dropped,
	};
	for (i = 0; i < SOFTMMU_ENTRIES; i++)
		info->entries += !!mmu->tlb[i].access;
}

/* ---- taking part in a space ---- */

static int mmu_attach(struct softmmu *mmu, int fd)
{
	struct axas_space *space;
	int ret;

	guard(rwsem_write)(&mmu->use);
	if (mmu->space)
		return -EBUSY;
	space = axas_space_get_fd(fd);
	if (IS_ERR(space))
		return PTR_ERR(space);
	/* Before there is any translation. */
	ret = axas_space_add_holder(space, &mmu->holder);
	if (ret) {
		axas_space_put(space);
		return ret;
	}
	/* There are tables that no CPU takes; this one takes all. */
	if (axas_space_root(space, &mmu->root))
		mmu->root.control = 0;
	mmu->space = space;
	return 0;
}

static int mmu_detach(struct softmmu *mmu)
{
	guard(rwsem_write)(&mmu->use);
	if (!mmu->space)
		return -ENOTCONN;
	/* Nobody uses a translation now, nor will. */
	mutex_lock(&mmu->lock);
	memset(mmu->tlb, 0, sizeof(mmu->tlb));
	mutex_unlock(&mmu->lock);
	axas_space_del_holder(mmu->space, &mmu->holder);
	axas_space_put(mmu->space);
	mmu->space = NULL;
	return 0;
}

/* ---- the device ---- */

union softmmu_args {
	struct softmmu_access access;
	struct softmmu_held held;
	struct softmmu_info info;
};

/* What needs a space. */
static int softmmu_run(struct softmmu *mmu, unsigned int cmd,
		       union softmmu_args *args)
{
	guard(rwsem_read)(&mmu->use);
	if (!mmu->space)
		return -ENOTCONN;
	switch (cmd) {
	case SOFTMMU_ACCESS:
		return mmu_access(mmu, &args->access);
	case SOFTMMU_HELD:
		return mmu_held(mmu, &args->held);
	case SOFTMMU_INFO:
		mmu_info(mmu, &args->info);
		return 0;
	default:
		return -ENOTTY;
	}
}

static long softmmu_ioctl(struct file *filp, unsigned int cmd,
			  unsigned long arg)
{
	void __user *user = (void __user *)arg;
	union softmmu_args args = {};
	size_t size = min_t(size_t, _IOC_SIZE(cmd), sizeof(args));
	int ret;

	if (cmd == SOFTMMU_ATTACH)
		return mmu_attach(filp->private_data, arg);
	if (cmd == SOFTMMU_DETACH)
		return mmu_detach(filp->private_data);
	if (copy_from_user(&args, user, size))
		return -EFAULT;
	ret = softmmu_run(filp->private_data, cmd, &args);
	if (!ret && copy_to_user(user, &args, size))
		return -EFAULT;
	return ret;
}

static int softmmu_open(struct inode *inode, struct file *filp)
{
	struct softmmu *mmu = kzalloc(sizeof(*mmu), GFP_KERNEL_ACCOUNT);

	if (!mmu)
		return -ENOMEM;
	init_rwsem(&mmu->use);
	mutex_init(&mmu->lock);
	mmu->holder.invalidate = mmu_invalidate;
	INIT_LIST_HEAD(&mmu->holder.node);
	filp->private_data = mmu;
	return 0;
}

static int softmmu_release(struct inode *inode, struct file *filp)
{
	struct softmmu *mmu = filp->private_data;

	mmu_detach(mmu);
	kfree(mmu);
	return 0;
}

static const struct file_operations softmmu_fops = {
	.owner = THIS_MODULE,
	.open = softmmu_open,
	.release = softmmu_release,
	.unlocked_ioctl = softmmu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice softmmu_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "axas-softmmu",
	.fops = &softmmu_fops,
	.mode = 0600,
};

module_misc_device(softmmu_misc);

MODULE_DESCRIPTION("A software MMU on a space of axas");
MODULE_AUTHOR("The axas authors");
MODULE_LICENSE("GPL");
