/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is newer than the C library's headers may be.
 */
#ifndef AXAS_BENCH_NEWER_H
#define AXAS_BENCH_NEWER_H

#include <stdint.h>
#include <sys/mman.h>

#include <linux/kvm.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif

struct pre_fault_memory {
	uint64_t gpa;
	uint64_t size;
	uint64_t flags;
	uint64_t padding[5];
};

#define PRE_FAULT_MEMORY	_IOWR(KVMIO, 0xd5, struct pre_fault_memory)
#define CAP_PRE_FAULT_MEMORY	236

#endif /* AXAS_BENCH_NEWER_H */
