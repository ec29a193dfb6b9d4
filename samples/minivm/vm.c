// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that runs on a space: a sample of the in-kernel interface.
 *
 * The guest is guest.S. It has 64-bit paging with page tables in its own memory,
 * fills an area, reads it back, copies it with a string instruction, loads code
 * into an area that can't be executed yet, calls it there, changes it, calls it
 * again, and rings a doorbell where nothing is mapped. Each nested page fault
 * that the CPU raises goes to axas_space_fault(); what that denies is a matter
 * for the policy in vm_denied(). At the end the guest's memory is compared with
 * what it should hold.
 *
 * Needs VMX that nobody else uses. Loading the module runs the guest, prints
 * exits by reason and faults by result, and fails if the memory is wrong.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/vmalloc.h>

#include <axas/space.h>

#include "../../probe/vmx.h"
#include "minivm.h"

/* Of VMX, everything: volume 3C, table C-1. */
#define MINI_REASONS	76

/**
 * struct vm - a guest
 * @area: for VMX; a page each
 * @code: page that holds the guest's code
 * @space: its memory
 * @holder: what the space tells when it takes rights away
 * @stale: the CPU has to forget translations before the next entry
 * @cpu: the CPU of the last entry
 * @root: root and EPTP of the space
 * @regs: the guest's registers
 * @reason: of the last exit
 * @qual: exit qualification
 * @gpa: guest-physical address of an EPT violation
 * @exits: by reason
 * @faults: by result
 * @done: the guest has rung
 */
struct vm {
	struct vmx_area area;
	u8 code[SZ_4K];
	struct axas_space *space;
	struct axas_holder holder;
	bool stale;
	int cpu;
	struct axas_root root;
	struct vmx_regs regs;
	u32 reason;
	u64 qual;
	u64 gpa;
	u64 exits[MINI_REASONS];
	u64 faults[AXAS_NR_FAULT_RESULTS];
	bool done;
};

static const char *const vm_fault_names[AXAS_NR_FAULT_RESULTS] = {
	[AXAS_FAULT_RESOLVED] = "resolved",
	[AXAS_FAULT_SPURIOUS] = "spurious",
	[AXAS_FAULT_NO_AREA] = "no area",
	[AXAS_FAULT_DENIED] = "denied",
	[AXAS_FAULT_NO_MEMORY] = "no memory",
	[AXAS_FAULT_INVALID] = "invalid",
	[AXAS_FAULT_DEVICE] = "device",
	[AXAS_FAULT_POISONED] = "poisoned",
};

/* ---- the guest's memory ---- */

static int vm_map(struct vm *vm, u64 gpa, u64 length, unsigned int prot,
		  u64 max_leaf)
{
	const struct axas_map map = {
		.gpa = gpa,
		.length = length,
		.backend = AXAS_BACKEND_ALLOC,
		.prot = prot,
		.max_leaf = max_leaf,
	};

	return axas_space_map(vm->space, &map);
}

static int vm_map_all(struct vm *vm)
{
	const unsigned int rw = AXAS_PROT_READ | AXAS_PROT_WRITE;
	const struct axas_map code = {
		.gpa = MINI_CODE,
		.length = SZ_4K,
		.hpa = slow_virt_to_phys(vm->code),
		.backend = AXAS_BACKEND_LINEAR,
		.prot = AXAS_PROT_READ | AXAS_PROT_EXEC,
	};
	int ret = axas_space_map(vm->space, &code);

	if (!ret)
		ret = vm_map(vm, MINI_TABLES, 3 * SZ_4K, rw, 0);
	if (!ret)
		ret = vm_map(vm, MINI_STACK, SZ_4K, rw, 0);
	if (!ret)
		ret = vm_map(vm, MINI_DATA, MINI_DATA_SIZE, rw, SZ_2M);
	if (!ret)
		ret = vm_map(vm, MINI_COPY, MINI_COPY_SIZE, rw, SZ_4K);
	return ret ? ret : vm_map(vm, MINI_LOAD, SZ_4K, rw, 0);
}

/* A page of the guest's memory, as the guest has it; put_page() afterwards. */
static u64 *vm_page(struct vm *vm, u64 gpa, struct axas_memory *memory)
{
	int ret = axas_space_get_memory(vm->space, axas_gpa(gpa), AXAS_PROT_READ,
					memory);

	return ret ? NULL : page_address(memory->page) + (gpa & ~PAGE_MASK);
}

static int vm_store(struct vm *vm, u64 gpa, u64 value)
{
	struct axas_memory memory;
	u64 *ptr = vm_page(vm, gpa, &memory);

	if (!ptr)
		return -ENOMEM;
	*ptr = value;
	put_page(memory.page);
	return 0;
}

/* Volume 3A, 4.5: all of the first 32 MiB, by leaves of 2 MiB. */
static int vm_make_tables(struct vm *vm)
{
	const u64 flags = _PAGE_PRESENT | _PAGE_RW;
	u64 gpa;
	int ret;

	ret = vm_store(vm, MINI_TABLES, (MINI_TABLES + SZ_4K) | flags);
	if (!ret)
		ret = vm_store(vm, MINI_TABLES + SZ_4K,
			       (MINI_TABLES + 2 * SZ_4K) | flags);
	for (gpa = 0; !ret && gpa < MINI_SIZE; gpa += SZ_2M)
		ret = vm_store(vm, MINI_TABLES + 2 * SZ_4K + gpa / SZ_2M * 8,
			       gpa | flags | _PAGE_PSE);
	return ret;
}

static bool vm_holds(struct vm *vm, u64 gpa, u64 value)
{
	struct axas_memory memory;
	u64 *ptr = vm_page(vm, gpa, &memory);
	u64 found;

	if (!ptr)
		return false;
	found = *ptr;
	put_page(memory.page);
	if (found == value)
		return true;
	pr_err("minivm: %#llx holds %#llx, expected %#llx\n", gpa, found, value);
	return false;
}

/* What the guest's code should have made of its memory. */
static int vm_compare(struct vm *vm)
{
	u64 gpa, offset, value;
	u64 pages = 0;

	for (gpa = MINI_DATA; gpa < MINI_DATA + MINI_DATA_SIZE; gpa += 8) {
		value = gpa % MINI_STRIDE ? 0 : gpa * MINI_FACTOR;
		/* The function, called twice, has added to the first word. */
		if (gpa == MINI_DATA)
			value += 1 + 2;
		if (!vm_holds(vm, gpa, value))
			return -EIO;
		pages += !(gpa & ~PAGE_MASK);
	}
	for (offset = 0; offset < MINI_COPY_SIZE; offset += 8) {
		gpa = MINI_DATA + offset;
		value = gpa % MINI_STRIDE ? 0 : gpa * MINI_FACTOR;
		if (!vm_holds(vm, MINI_COPY + offset, value))
			return -EIO;
		pages += !(offset & ~PAGE_MASK);
	}
	pr_info("minivm: %llu pages hold what they should\n", pages);
	return 0;
}

/* ---- exits ---- */

/*
 * An area that allows less than the guest wants: loaded code is either written
 * or executed.
 */
static int vm_denied(struct vm *vm, unsigned int access)
{
	unsigned int prot = AXAS_PROT_READ |
			    (access & AXAS_PROT_EXEC ? AXAS_PROT_EXEC :
						       AXAS_PROT_WRITE);

	if (vm->gpa - MINI_LOAD >= SZ_4K)
		return -EACCES;
	return axas_space_protect(vm->space, axas_gpa(MINI_LOAD), SZ_4K, prot);
}

/* Table 28-7: bits 2:0 of the qualification are those of AXAS_PROT_. */
static int vm_violation(struct vm *vm)
{
	unsigned int access = vm->qual & GENMASK(2, 0);
	enum axas_fault_result result;

	result = axas_space_fault(vm->space, axas_gpa(vm->gpa), access);
	vm->faults[result]++;
	switch (result) {
	case AXAS_FAULT_RESOLVED:
	case AXAS_FAULT_SPURIOUS:
		return 0;
	case AXAS_FAULT_DENIED:
		return vm_denied(vm, access);
	case AXAS_FAULT_NO_AREA:
		vm->done = vm->gpa == MINI_DOORBELL && access & AXAS_PROT_WRITE;
		return vm->done ? 0 : -EFAULT;
	default:
		return -EFAULT;
	}
}

static int vm_exit(struct vm *vm)
{
	if (vm->reason < MINI_REASONS)
		vm->exits[vm->reason]++;
	switch (vm->reason) {
	case EXIT_REASON_EXTERNAL_INTERRUPT:
		return 0; /* came in when interrupts were switched on */
	case EXIT_REASON_EPT_VIOLATION:
		return vm_violation(vm);
	default:
		pr_err("minivm: exit with reason %u, qualification %#llx\n",
		       vm->reason, vm->qual);
		return -EIO;
	}
}

/* ---- entries ---- */

static int vm_first_state(struct vm *vm)
{
	const struct vmx_start start = {
		.cr3 = MINI_TABLES,
		.rip = MINI_CODE,
		.rsp = MINI_STACK + SZ_4K,
		/* An interrupt ends the guest with and without; Bochs looks. */
		.rflags = X86_EFLAGS_IF,
	};
	int ret = vmx_write_controls(PIN_BASED_EXT_INTR_MASK,
				     SECONDARY_EXEC_ENABLE_EPT);

	vmx_write(EPT_POINTER, vm->root.control);
	vmx_write_guest(&start);
	return ret;
}

/* In VMX operation. */
static int vm_enter_vmx(struct vm *vm, bool first)
{
	int ret = 0;

	if (vm->stale || vm->cpu != smp_processor_id()) {
		if (vmx_forget())
			return -EIO;
		vm->stale = false;
		vm->cpu = smp_processor_id();
	}
	if (first)
		ret = vmx_load(&vm->area) ? -EIO : vm_first_state(vm);
	if (!ret)
		ret = vmx_enter(&vm->area, &vm->regs, &vm->reason);
	if (ret)
		return ret;
	vm->qual = vmx_read(EXIT_QUALIFICATION);
	vm->gpa = vmx_read(GUEST_PHYSICAL_ADDRESS);
	return 0;
}

static int vm_enter(struct vm *vm, bool first)
{
	unsigned long flags;
	int ret;

	local_irq_save(flags);
	ret = vmx_check();
	if (!ret && !vmx_has_ept(&vm->space->npt))
		ret = -EOPNOTSUPP;
	if (!ret)
		ret = vmx_on(&vm->area);
	if (!ret) {
		ret = vm_enter_vmx(vm, first);
		vmx_off(&vm->area);
	}
	local_irq_restore(flags);
	return ret;
}

static int vm_run(struct vm *vm)
{
	int ret = vm_enter(vm, true);

	while (!ret) {
		ret = vm_exit(vm);
		if (ret || vm->done)
			return ret;
		cond_resched();
		ret = vm_enter(vm, false);
	}
	return ret;
}

/* ---- all of it ---- */

/* The one virtual CPU isn't running: it forgets before it does again. */
static void vm_invalidate(struct axas_holder *holder, axas_gpa_t gpa, u64 size)
{
	container_of(holder, struct vm, holder)->stale = true;
}

static int vm_make(struct vm *vm)
{
	int ret;

	memcpy(vm->code, minivm_code, minivm_code_end - minivm_code);
	vm->cpu = -1;
	vm->holder.invalidate = vm_invalidate;
	INIT_LIST_HEAD(&vm->holder.node);
	ret = axas_space_add_holder(vm->space, &vm->holder);
	if (!ret)
		ret = axas_space_root(vm->space, &vm->root);
	if (!ret)
		ret = vm_map_all(vm);
	return ret ? ret : vm_make_tables(vm);
}

static void vm_print(const struct vm *vm)
{
	struct axas_stats stats;
	unsigned int i;

	for (i = 0; i < MINI_REASONS; i++)
		if (vm->exits[i])
			pr_info("minivm: exits with reason %u: %llu\n", i,
				vm->exits[i]);
	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		if (vm->faults[i])
			pr_info("minivm: faults %s: %llu\n", vm_fault_names[i],
				vm->faults[i]);
	axas_space_stats(vm->space, &stats);
	pr_info("minivm: %llu KiB resident, leaves: 4K %llu, 2M %llu\n",
		stats.resident >> 10, stats.leaves[0], stats.leaves[1]);
}

static int vm_test(struct vm *vm)
{
	int ret = vm_make(vm);

	if (ret)
		return ret;
	ret = vm_run(vm);
	vm_print(vm);
	if (ret)
		return ret;
	if (vm->regs.rax != MINI_ANSWER) {
		pr_err("minivm: the guest complains about %#llx\n",
		       vm->regs.rax);
		return -EIO;
	}
	return vm_compare(vm);
}

static int __init minivm_init(void)
{
	const struct axas_create create = {
		.format = AXAS_FORMAT_EPT,
		.gpa_bits = 48,
		.length = MINI_SIZE,
	};
	struct vm *vm = vzalloc(sizeof(*vm));
	int ret;

	if (!vm)
		return -ENOMEM;
	vm->space = axas_space_create(&create);
	ret = PTR_ERR_OR_ZERO(vm->space);
	if (!ret) {
		ret = vm_test(vm);
		axas_space_del_holder(vm->space, &vm->holder);
		axas_space_destroy(vm->space);
	}
	vfree(vm);
	pr_info("minivm: %s\n", ret ? "failed" : "passed");
	return ret;
}

static void __exit minivm_exit(void)
{
}

module_init(minivm_init);
module_exit(minivm_exit);

MODULE_DESCRIPTION("A guest on a space of axas, through VMX");
MODULE_LICENSE("GPL");
