// SPDX-License-Identifier: GPL-2.0
/*
 * KVM as a peer: memory slots that are filled without a guest.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/kvm.h>

#include "axas-bench.h"
#include "newer.h"

/* Newer than the C library's copy of linux/kvm.h may be, too. */
struct create_guest_memfd {
	uint64_t size;
	uint64_t flags;
	uint64_t reserved[6];
};

struct memory_region2 {
	uint32_t slot;
	uint32_t flags;
	uint64_t gpa;
	uint64_t size;
	uint64_t address;
	uint64_t guest_memfd_offset;
	uint32_t guest_memfd;
	uint32_t pad1;
	uint64_t pad2[14];
};

#define CREATE_GUEST_MEMFD	_IOWR(KVMIO, 0xd4, struct create_guest_memfd)
#define SET_MEMORY_REGION2	_IOW(KVMIO, 0x49, struct memory_region2)
#define MEM_GUEST_MEMFD		(1u << 2)
#define GMEM_MMAP		(1u << 0)
#define GMEM_INIT_SHARED	(1u << 1)

int kvm = -1;

int kvm_vm(int *vcpu, unsigned int n)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	unsigned int i;

	if (vm < 0)
		fail("KVM_CREATE_VM");
	for (i = 0; i < n; i++) {
		vcpu[i] = ioctl(vm, KVM_CREATE_VCPU, i);
		if (vcpu[i] < 0)
			fail("KVM_CREATE_VCPU");
	}
	return vm;
}

void kvm_slot(int vm, uint64_t gpa, size_t size, void *p, int gmem)
{
	struct memory_region2 region = {
		.flags = gmem < 0 ? 0 : MEM_GUEST_MEMFD,
		.gpa = gpa,
		.size = size,
		.address = (uintptr_t)p,
		.guest_memfd = gmem < 0 ? 0 : gmem,
	};

	if (ioctl(vm, SET_MEMORY_REGION2, &region))
		fail("KVM_SET_USER_MEMORY_REGION2");
}

uint64_t kvm_pre_fault(int vcpu, uint64_t gpa, size_t size)
{
	struct pre_fault_memory range = { .gpa = gpa, .size = size };
	uint64_t t = now();

	while (range.size)
		if (ioctl(vcpu, PRE_FAULT_MEMORY, &range) && errno != EINTR &&
		    errno != EAGAIN)
			fail("KVM_PRE_FAULT_MEMORY");
	return now() - t;
}

static void bench_kvm_one(const char *name, char *p, size_t size, int gmem)
{
	unsigned long i;
	int vm, vcpu;
	uint64_t t;

	vm = kvm_vm(&vcpu, 1);
	kvm_slot(vm, GPA, size, p, gmem);
	/* What is made once only: the root, caches of tables. */
	note("fault_512", name, pages, kvm_pre_fault(vcpu, GPA, size));
	note("spurious_512", name, pages, kvm_pre_fault(vcpu, GPA, size));
	t = now();
	for (i = 0; i < pages; i++)
		kvm_pre_fault(vcpu, GPA + i * PAGE, PAGE);
	note("spurious_1", name, pages, now() - t);
	t = now();
	kvm_slot(vm, GPA, 0, p, gmem);
	note("unmap4k", name, pages, now() - t);
	close(vcpu);
	close(vm);
}

void bench_kvm(void)
{
	size_t size = pages * PAGE;
	struct create_guest_memfd create = {
		.size = size,
		.flags = GMEM_MMAP | GMEM_INIT_SHARED,
	};
	int vm, vcpu, fd;
	unsigned long i;
	uint64_t t;
	char *p;

	if (kvm < 0)
		return;

	p = map_anonymous(size, false);
	touch(p, pages, PAGE);
	bench_kvm_one("kvm-populated", p, size, -1);
	munmap(p, size);

	fd = memfd(size);
	p = map_aligned(size, MAP_SHARED, fd);
	bench_kvm_one("kvm-memfd", p, size, -1);
	munmap(p, size);
	close(fd);

	/* One page per call. */
	fd = memfd(size);
	p = map_aligned(size, MAP_SHARED, fd);
	vm = kvm_vm(&vcpu, 1);
	kvm_slot(vm, GPA, size, p, -1);
	t = now();
	for (i = 0; i < pages; i++)
		kvm_pre_fault(vcpu, GPA + i * PAGE, PAGE);
	note("fault_1", "kvm-memfd", pages, now() - t);
	close(vcpu);
	close(vm);
	munmap(p, size);
	close(fd);

	vm = kvm_vm(&vcpu, 1);
	fd = ioctl(vm, CREATE_GUEST_MEMFD, &create);
	if (fd >= 0) {
		p = map_aligned(size, MAP_SHARED, fd);
		kvm_slot(vm, GPA, size, p, fd);
		note("fault_512", "kvm-gmem", pages,
		     kvm_pre_fault(vcpu, GPA, size));
		note("spurious_512", "kvm-gmem", pages,
		     kvm_pre_fault(vcpu, GPA, size));
		munmap(p, size);
		close(fd);
	} else {
		printf("axas-bench: no guest_memfd: %s\n", strerror(errno));
	}
	close(vcpu);
	close(vm);

	p = map_anonymous(size, true);
	touch(p, size / LARGE, LARGE);
	vm = kvm_vm(&vcpu, 1);
	kvm_slot(vm, GPA, size, p, -1);
	note("fault2m", "kvm-populated", size / LARGE,
	     kvm_pre_fault(vcpu, GPA, size));
	t = now();
	kvm_slot(vm, GPA, 0, p, -1);
	note("unmap2m", "kvm-populated", size / LARGE, now() - t);
	close(vcpu);
	close(vm);
	munmap(p, size);
}
