/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between kernel versions, from 6.1 on. Nothing else looks at the
 * version.
 */
#ifndef _AXAS_COMPAT_H
#define _AXAS_COMPAT_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/splice.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
/* A hint, and no more. */
#define unrolled_count(n)
#else
#include <linux/unroll.h>
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#include <linux/pfn_t.h>
#define axas_pfn(pfn)	__pfn_to_pfn_t(pfn, PFN_DEV)
#else
#define axas_pfn(pfn)	(pfn)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define copy_splice_read	generic_file_splice_read
#endif

/*
 * Add to the pages that a process has resident. mm's own add_mm_counter() calls
 * a trace event that isn't for modules.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
static inline void axas_mm_add_shmem(struct mm_struct *mm, long pages)
{
	atomic_long_add(pages, &mm->rss_stat.count[MM_SHMEMPAGES]);
}
#else
static inline void axas_mm_add_shmem(struct mm_struct *mm, long pages)
{
	percpu_counter_add(&mm->rss_stat[MM_SHMEMPAGES], pages);
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define mnt_idmap	user_namespace

static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_init(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags = flags;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
/* Sparse runs no cleanups: tell it that nothing is held, as later kernels do. */
#define class_rcu_constructor()						\
	({								\
		class_rcu_t _guard = class_rcu_constructor();		\
		__release(RCU);						\
		_guard;							\
	})
#endif

#endif /* _AXAS_COMPAT_H */
