// SPDX-License-Identifier: GPL-2.0
/*
 * A CPU of a guest on a space: a sample of the in-kernel interface.
 *
 * User space makes a space, and a virtual CPU on it by the space's descriptor. The
 * guest runs on the space's own table; each nested page fault comes out of
 * AXAS_VCPU_RUN, and goes on once it has been injected by AXAS_FAULT. So a monitor
 * has its guest's memory by axas alone, and a CPU that walks it. With
 * AXAS_VCPU_RUN_RESOLVE only what the space can't resolve comes out.
 *
 * The vCPU is a holder of the space. When translations go, it is told so: the
 * guest leaves the CPU that it is on by an interrupt, and enters again with nothing
 * cached. How a CPU does that is in svm.c and vmx.c. Debug registers 0 to 3, FPU and all else that
 * the guest can change of a CPU are swapped; a guest can't run a hypervisor, and
 * has no performance counters.
 *
 * KVM's barriers against guests that speculate aren't here: a sample is for guests
 * that one trusts that far.
 */
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/uaccess.h>

#include <asm/fpu/api.h>
#include <asm/pkru.h>

#include "vcpu.h"

/* 13.5.1: XSAVE has its header behind the 512 bytes of FXSAVE; MXCSR at reset. */
#define XSAVE_MXCSR	24
#define XSAVE_LEAF	0xd

#define VCPU_RUN_FLAGS	(AXAS_VCPU_RUN_INTERRUPT | AXAS_VCPU_RUN_WINDOW | \
			 AXAS_VCPU_RUN_FAIL | AXAS_VCPU_RUN_RESOLVE)

/* The one of this machine's CPUs. */
const struct vcpu_ops *vcpu_ops;

/* ---- from outside ---- */

static void vcpu_nothing(void *unused)
{
}

/*
 * Whoever calls this has set a flag by xchg(), a full barrier. A guest that isn't
 * seen here looks at the flag after it has said where it is; one that is seen has
 * left when the interrupt has come in, as interrupts are off all that time.
 */
static void vcpu_leave(struct vcpu *vcpu)
{
	int cpu = READ_ONCE(vcpu->on_cpu);

	if (cpu >= 0)
		smp_call_function_single(cpu, vcpu_nothing, NULL, 1);
}

/* When this returns the guest uses no translation that it had. */
static void vcpu_invalidate(struct axas_holder *holder, axas_gpa_t gpa, u64 size)
{
	struct vcpu *vcpu = container_of(holder, struct vcpu, holder);

	xchg(&vcpu->stale, true);
	vcpu_leave(vcpu);
}

static int vcpu_kick(struct vcpu *vcpu)
{
	xchg(&vcpu->kicked, true);
	vcpu_leave(vcpu);
	return 0;
}

/* ---- a run ---- */

static void vcpu_load_fpu(const struct vcpu *vcpu)
{
	asm volatile("xrstor64 (%0)" : : "r" (vcpu->fpu), "a" (-1), "d" (-1)
		     : "memory");
}

static void vcpu_save_fpu(const struct vcpu *vcpu)
{
	asm volatile("xsave64 (%0)" : : "r" (vcpu->fpu), "a" (-1), "d" (-1)
		     : "memory");
}

/* Interrupts are off. Above 0: it has been told to leave before it was there. */
static int vcpu_enter_cpu(struct vcpu *vcpu)
{
	int ret = VCPU_GO_ON;

	/* A full barrier: see vcpu_leave(). */
	xchg(&vcpu->on_cpu, smp_processor_id());
	if (!READ_ONCE(vcpu->kicked))
		ret = vcpu_ops->enter(vcpu);
	/* The guest has stored what it has. */
	smp_store_release(&vcpu->on_cpu, -1);
	return ret;
}

/*
 * Enter the guest once. All that the kernel has enabled in XCR0 is the guest's in
 * between, PKRU too, which kernel_fpu_begin() doesn't save.
 */
static int vcpu_enter(struct vcpu *vcpu)
{
	unsigned long flags;
	u32 pkru;
	int ret;

	kernel_fpu_begin();
	pkru = read_pkru();
	vcpu_load_fpu(vcpu);
	local_irq_save(flags);
	ret = vcpu_enter_cpu(vcpu);
	local_irq_restore(flags);
	vcpu_save_fpu(vcpu);
	write_pkru(pkru);
	kernel_fpu_end();
	return ret;
}

/* Above 0: the guest goes on; 0: the caller's. */
static int vcpu_fault(struct vcpu *vcpu, const struct axas_vcpu_run *run)
{
	enum axas_fault_result result;

	if (!(run->flags & AXAS_VCPU_RUN_RESOLVE))
		return 0;
	result = axas_space_fault(vcpu->space, axas_gpa(run->fault.gpa),
				  run->fault.access);
	return result == AXAS_FAULT_RESOLVED || result == AXAS_FAULT_SPURIOUS;
}

static int vcpu_loop(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	int ret;

	do {
		if (signal_pending(current) || xchg(&vcpu->kicked, false))
			return -EINTR;
		cond_resched();
		ret = vcpu_enter(vcpu);
		if (!ret)
			ret = vcpu_ops->exit(vcpu, run);
		if (!ret && run->reason == AXAS_VCPU_EXIT_FAULT)
			ret = vcpu_fault(vcpu, run);
	} while (ret > 0);
	return ret;
}

static int vcpu_begin(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	if (run->flags & ~VCPU_RUN_FLAGS)
		return -EINVAL;
	if (run->flags & AXAS_VCPU_RUN_INTERRUPT &&
	    (run->vector < 32 || run->vector > 255))
		return -EINVAL;
	vcpu_finish(vcpu, run);
	if (!(run->flags & AXAS_VCPU_RUN_INTERRUPT))
		return 0;
	if (!vcpu_ops->ready(vcpu))
		return -EAGAIN;
	vcpu_ops->raise(vcpu, VCPU_INTERRUPT, run->vector);
	run->flags &= ~AXAS_VCPU_RUN_INTERRUPT;
	return 0;
}

static int vcpu_run(struct vcpu *vcpu, struct axas_vcpu_run *run)
{
	bool window = run->flags & AXAS_VCPU_RUN_WINDOW;
	int ret = vcpu_begin(vcpu, run);

	if (ret)
		return ret;
	if (vcpu->dead) {
		run->reason = AXAS_VCPU_EXIT_SHUTDOWN;
	} else if (window && vcpu_ops->ready(vcpu)) {
		run->reason = AXAS_VCPU_EXIT_WINDOW;
	} else {
		if (window)
			vcpu_ops->want_window(vcpu, true);
		ret = vcpu_loop(vcpu, run);
		if (window)
			vcpu_ops->want_window(vcpu, false);
	}
	run->ready = !vcpu->dead && vcpu_ops->ready(vcpu);
	return ret;
}

static int vcpu_run_user(struct vcpu *vcpu, struct axas_vcpu_run __user *user)
{
	struct axas_vcpu_run run;
	int ret;

	if (copy_from_user(&run, user, sizeof(run)))
		return -EFAULT;
	ret = vcpu_run(vcpu, &run);
	if (copy_to_user(user, &run, sizeof(run)))
		return -EFAULT;
	return ret;
}

/* ---- registers and CPUID ---- */

static int vcpu_get_regs(struct vcpu *vcpu, struct axas_vcpu_regs __user *user)
{
	struct axas_vcpu_regs regs = {};

	vcpu_ops->get_regs(vcpu, &regs);
	return copy_to_user(user, &regs, sizeof(regs)) ? -EFAULT : 0;
}

static int vcpu_set_regs(struct vcpu *vcpu,
			 const struct axas_vcpu_regs __user *user)
{
	struct axas_vcpu_regs regs;
	int ret;

	if (copy_from_user(&regs, user, sizeof(regs)))
		return -EFAULT;
	ret = vcpu_ops->set_regs(vcpu, &regs);
	if (ret)
		return ret;
	vcpu->pending = VCPU_NOTHING;
	vcpu->dead = false;
	/* The guest's own translations were those of other registers. */
	xchg(&vcpu->stale, true);
	return 0;
}

static int vcpu_set_cpuid(struct vcpu *vcpu,
			  const struct axas_vcpu_cpuid __user *user)
{
	struct axas_vcpu_cpuid_entry *entries;
	struct axas_vcpu_cpuid args;
	size_t size;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	if (args.reserved)
		return -EINVAL;
	if (args.nr > AXAS_VCPU_MAX_CPUID)
		return -E2BIG;
	size = args.nr * sizeof(*entries);
	entries = kmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!entries)
		return -ENOMEM;
	if (copy_from_user(entries, u64_to_user_ptr(args.entries), size)) {
		kfree(entries);
		return -EFAULT;
	}
	kfree(vcpu->cpuid);
	vcpu->cpuid = entries;
	vcpu->nr_cpuid = args.nr;
	return 0;
}

static long vcpu_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct vcpu *vcpu = filp->private_data;
	void __user *user = (void __user *)arg;
	int ret;

	if (cmd == AXAS_VCPU_KICK)
		return vcpu_kick(vcpu);
	if (mutex_lock_interruptible(&vcpu->lock))
		return -EINTR;
	switch (cmd) {
	case AXAS_VCPU_RUN:
		ret = vcpu_run_user(vcpu, user);
		break;
	case AXAS_VCPU_GET_REGS:
		ret = vcpu_get_regs(vcpu, user);
		break;
	case AXAS_VCPU_SET_REGS:
		ret = vcpu_set_regs(vcpu, user);
		break;
	case AXAS_VCPU_SET_CPUID:
		ret = vcpu_set_cpuid(vcpu, user);
		break;
	default:
		ret = -ENOTTY;
	}
	mutex_unlock(&vcpu->lock);
	return ret;
}

/* ---- birth and death ---- */

/* 13.5: bytes that XSAVE writes with what the kernel has enabled. */
static size_t vcpu_fpu_size(void)
{
	u32 eax = XSAVE_LEAF, ebx, ecx = 0, edx;

	/* The kernel's own function has moved from one header to another. */
	asm volatile("cpuid" : "+a" (eax), "=b" (ebx), "+c" (ecx), "=d" (edx));
	return ebx;
}

static int vcpu_create_fpu(struct vcpu *vcpu)
{
	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return -ENODEV;
	vcpu->fpu = alloc_pages_exact(vcpu_fpu_size(),
				      GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!vcpu->fpu)
		return -ENOMEM;
	*(u32 *)(vcpu->fpu + XSAVE_MXCSR) = 0x1f80;
	return 0;
}

/* Nobody runs it any more. */
static void vcpu_destroy(struct vcpu *vcpu)
{
	if (vcpu->space) {
		axas_space_del_holder(vcpu->space, &vcpu->holder);
		axas_space_put(vcpu->space);
	}
	vcpu_ops->destroy(vcpu);
	if (vcpu->fpu)
		free_pages_exact(vcpu->fpu, vcpu_fpu_size());
	kfree(vcpu->cpuid);
	kfree(vcpu);
}

static int vcpu_take_part(struct vcpu *vcpu, int fd)
{
	struct axas_space *space = axas_space_get_fd(fd);
	struct axas_root root;
	int ret;

	if (IS_ERR(space))
		return PTR_ERR(space);
	/* Before there is any translation. */
	ret = axas_space_add_holder(space, &vcpu->holder);
	if (ret) {
		axas_space_put(space);
		return ret;
	}
	vcpu->space = space;
	ret = axas_space_root(space, &root);
	if (!ret && root.format != vcpu_ops->format)
		ret = -EOPNOTSUPP;
	vcpu->root = root.control;
	return ret;
}

static int vcpu_release(struct inode *inode, struct file *filp)
{
	vcpu_destroy(filp->private_data);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.release = vcpu_release,
	.unlocked_ioctl = vcpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static int vcpu_create(int fd)
{
	struct vcpu *vcpu = kzalloc(vcpu_ops->size, GFP_KERNEL_ACCOUNT);
	int ret;

	if (!vcpu)
		return -ENOMEM;
	mutex_init(&vcpu->lock);
	vcpu->on_cpu = -1;
	vcpu->dead = true;
	vcpu->holder.invalidate = vcpu_invalidate;
	INIT_LIST_HEAD(&vcpu->holder.node);
	ret = vcpu_take_part(vcpu, fd);
	if (!ret)
		ret = vcpu_ops->create(vcpu);
	if (!ret)
		ret = vcpu_create_fpu(vcpu);
	if (!ret)
		ret = anon_inode_getfd("axas-vcpu", &vcpu_fops, vcpu,
				       O_RDWR | O_CLOEXEC);
	if (ret < 0)
		vcpu_destroy(vcpu);
	return ret;
}

/* ---- the device ---- */

static long device_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	return cmd == AXAS_VCPU_CREATE ? vcpu_create(arg) : -ENOTTY;
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice device_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "axas-vcpu",
	.fops = &device_fops,
	.mode = 0600,
};

static int __init device_init(void)
{
	int ret;

	vcpu_ops = boot_cpu_has(X86_FEATURE_VMX) ? &vmx_ops : &svm_ops;
	ret = vcpu_ops->setup();
	if (ret)
		return ret;
	ret = misc_register(&device_misc);
	if (ret)
		vcpu_ops->teardown();
	return ret;
}

static void __exit device_exit(void)
{
	misc_deregister(&device_misc);
	vcpu_ops->teardown();
}

module_init(device_init);
module_exit(device_exit);

MODULE_DESCRIPTION("A CPU of a guest on a space of axas");
MODULE_AUTHOR("The axas authors");
MODULE_LICENSE("GPL");
