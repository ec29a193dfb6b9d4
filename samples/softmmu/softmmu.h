/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The ioctls of /dev/axas-softmmu. Each open file is a software MMU of its own.
 */
#ifndef _AXAS_SOFTMMU_H
#define _AXAS_SOFTMMU_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define SOFTMMU_IOC_TYPE	0xBB

/* Translations that it keeps. */
#define SOFTMMU_ENTRIES		64

/**
 * struct softmmu_access - load or store a word
 * @gpa: where, aligned to 8
 * @value: the word
 * @write: 0 to load, 1 to store
 * @result: out: %AXAS_FAULT_RESOLVED if it was done; otherwise the &enum
 *	axas_fault_result for which a hypervisor would leave the guest
 * @cookie: out: with %AXAS_FAULT_DEVICE, as in &struct axas_fault_entry
 * @offset: out: the same
 *
 * Errors: EINVAL; ENOTCONN without a space; EOPNOTSUPP in a linear area; EINTR.
 */
struct softmmu_access {
	__u64 gpa;
	__u64 value;
	__u32 write;
	__u32 result;
	__u64 cookie;
	__u64 offset;
};

/**
 * struct softmmu_held - ask for a translation that is kept
 * @gpa: any address
 * @access: out: &enum axas_prot bits for which it is kept; 0 if there is none
 * @fresh: out: 1 if it is what the space says now
 */
struct softmmu_held {
	__u64 gpa;
	__u32 access;
	__u32 fresh;
};

/**
 * struct softmmu_info - what it is and has done
 * @control: out: EPTP or VTTBR_EL2 of the space; 0 if there is none
 * @vtcr: out: VTCR_EL2
 * @hits: out: accesses by a translation that was kept
 * @misses: out: faults
 * @dropped: out: translations that invalidations have taken away
 * @entries: out: translations kept now
 */
struct softmmu_info {
	__u64 control;
	__u64 vtcr;
	__u64 hits;
	__u64 misses;
	__u64 dropped;
	__u64 entries;
};

/*
 * The argument is a space's descriptor, which may be closed then.
 * Errors: EBADF, EINVAL, EBUSY if there is a space already, EINTR.
 */
#define SOFTMMU_ATTACH	_IO(SOFTMMU_IOC_TYPE, 0)
/* Errors: ENOTCONN. */
#define SOFTMMU_DETACH	_IO(SOFTMMU_IOC_TYPE, 1)
#define SOFTMMU_ACCESS	_IOWR(SOFTMMU_IOC_TYPE, 2, struct softmmu_access)
#define SOFTMMU_HELD	_IOWR(SOFTMMU_IOC_TYPE, 3, struct softmmu_held)
#define SOFTMMU_INFO	_IOR(SOFTMMU_IOC_TYPE, 4, struct softmmu_info)

#endif /* _AXAS_SOFTMMU_H */
