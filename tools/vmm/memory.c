// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: the guest's memory, which is a space.
 *
 * Nothing of it is there until the guest touches it: the CPU finds no translation, the
 * run ends, and what it tried goes to AXAS_FAULT.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <x86intrin.h>

#include "vmm.h"

static void map(struct vmm *vmm, uint64_t gpa, uint64_t end, uint32_t prot)
{
	const struct axas_map area = {
		.gpa = gpa,
		.length = end - gpa,
		.backend = AXAS_BACKEND_ALLOC,
		.prot = prot,
		.max_leaf = vmm->leaf,
	};
	int err = axas_map(vmm->space, &area);

	if (err)
		die("cannot map 0x%" PRIx64 " to 0x%" PRIx64 ": %s", gpa, end,
		    strerror(-err));
}

/**
 * vmm_make_space() - make the space and its areas
 * @vmm: its size of RAM and of leaves
 */
void vmm_make_space(struct vmm *vmm)
{
	int dev = axas_open(NULL);

	if (dev < 0)
		die("/dev/axas: %s: load the module (modprobe axas)",
		    strerror(-dev));
	vmm->space = axas_create(dev, NULL);
	if (vmm->space < 0)
		die("cannot create a space: %s", strerror(-vmm->space));
	close(dev);
	map(vmm, 0, VMM_LOW_END, VMM_RIGHTS);
	map(vmm, VMM_LOW_END, VMM_HIGH, AXAS_PROT_READ);
	map(vmm, VMM_HIGH, vmm->ram, VMM_RIGHTS);
}

/**
 * vmm_make_cpu() - make the CPU that walks the space's table
 * @vmm: its space
 */
void vmm_make_cpu(struct vmm *vmm)
{
	int dev = open("/dev/axas-vcpu", O_RDWR | O_CLOEXEC);

	if (dev < 0)
		die("/dev/axas-vcpu: %s: load the module (samples/vcpu, axas_vcpu.ko)",
		    strerror(errno));
	vmm->cpu = ioctl(dev, AXAS_VCPU_CREATE, vmm->space);
	if (vmm->cpu < 0)
		die("cannot create a virtual CPU: %s%s", strerror(errno),
		    errno == ENODEV ? ": this takes SVM with nested paging, or VMX with EPT" : "");
	close(dev);
}

/**
 * vmm_put() - copy something into the guest's memory
 * @vmm: the guest
 * @gpa: where
 * @data: what
 * @size: bytes
 */
void vmm_put(struct vmm *vmm, uint64_t gpa, const void *data, size_t size)
{
	int err = axas_write(vmm->space, gpa, data, size);

	if (err)
		die("cannot write 0x%zx bytes at 0x%" PRIx64 ": %s", size, gpa,
		    err == -EFAULT ? "there is no memory: give more --ram" :
				     strerror(-err));
}

static const char *access_name(uint32_t access)
{
	return access & AXAS_PROT_WRITE ? "written" :
	       access & AXAS_PROT_EXEC ? "run" : "read";
}

static uint64_t guest_rip(const struct vmm *vmm)
{
	struct axas_vcpu_regs regs;

	return ioctl(vmm->cpu, AXAS_VCPU_GET_REGS, &regs) ? 0 : regs.rip;
}

/**
 * vmm_fault() - see to a nested page fault
 * @vmm: the guest
 * @run: what has ended at it
 *
 * What the space doesn't resolve is a device's, or the end.
 */
void vmm_fault(struct vmm *vmm, const struct axas_vcpu_run *run)
{
	uint64_t from = __rdtsc();
	struct place place = bus_find(vmm, AXAS_BUS_MEMORY, run->fault.gpa, 0,
				      run->fault.access);

	vmm->counts.fault_ticks += __rdtsc() - from;
	vmm->counts.walks += run->fault.walk;
	if (place.device)
		mmio_emulate(vmm, run, &place);
	else if (place.result > AXAS_FAULT_SPURIOUS)
		die("0x%" PRIx64 " can't be %s by the guest%s (rip 0x%" PRIx64 "): %s",
		    (uint64_t)run->fault.gpa, access_name(run->fault.access),
		    run->fault.walk ? "'s page-table walk" : "", guest_rip(vmm),
		    axas_result_name(place.result));
}
