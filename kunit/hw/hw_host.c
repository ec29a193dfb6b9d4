// SPDX-License-Identifier: GPL-2.0
/*
 * What a probe by SVM leaves of the machine that it runs on: everything.
 */
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/special_insns.h>

#include "hw.h"
#include "../../probe/x86.h"

#define HOST_GPA	0x10000ULL
#define HOST_CR2	0x5a5a000

/* A space with one page, and where that page is. */
static struct axas_space *host_space(struct kunit *test, u8 **code)
{
	const struct axas_create create = { .format = AXAS_FORMAT_HOST };
	const struct axas_map map = {
		.flags = AXAS_MAP_POPULATE,
		.gpa = HOST_GPA,
		.length = SZ_4K,
		.backend = AXAS_BACKEND_ALLOC,
		.prot = HW_PROT_ALL,
	};
	struct axas_translate_entry entry = { .gpa = HOST_GPA };
	struct axas_space *space = axas_space_create(&create);

	KUNIT_ASSERT_FALSE(test, IS_ERR(space));
	KUNIT_EXPECT_EQ(test, axas_space_map(space, &map), 0);
	axas_space_translate(space, &entry);
	KUNIT_EXPECT_EQ(test, entry.state, AXAS_TRANSLATE_MAPPED);
	*code = __va(entry.hpa);
	return space;
}

static void host_drop(struct axas_space *space)
{
	axas_npt_probe_forget(&space->npt, axas_gpa(0), 0);
	axas_space_destroy(space);
}

/* What VMRUN, #VMEXIT, VMLOAD and a guest can change (APM volume 2, 15.5, 15.6). */
struct host_state {
	u64 msrs[12];
	unsigned long cr[3];
	unsigned long dr[2];
	struct desc_ptr gdt;
	struct desc_ptr idt;
	u16 segments[7];
};

static const u32 host_msrs[] = {
	MSR_EFER, MSR_VM_HSAVE_PA, MSR_FS_BASE, MSR_GS_BASE,
	MSR_KERNEL_GS_BASE, MSR_STAR, MSR_LSTAR, MSR_SYSCALL_MASK,
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
	MSR_IA32_CR_PAT,
};

static void host_read(struct host_state *state)
{
	unsigned int i;

	memset(state, 0, sizeof(*state));
	for (i = 0; i < ARRAY_SIZE(host_msrs); i++)
		state->msrs[i] = probe_rdmsr(host_msrs[i]);
	state->cr[0] = read_cr0();
	state->cr[1] = __read_cr4();
	state->cr[2] = native_read_cr2();
	get_debugreg(state->dr[0], 6);
	get_debugreg(state->dr[1], 7);
	native_store_gdt(&state->gdt);
	store_idt(&state->idt);
	store_ldt(state->segments[0]);
	store_tr(state->segments[1]);
	savesegment(ss, state->segments[2]);
	savesegment(ds, state->segments[3]);
	savesegment(es, state->segments[4]);
	savesegment(fs, state->segments[5]);
	savesegment(gs, state->segments[6]);
}

/* Each tries something that would be bad for the host, if it were there. */
static const struct {
	const char *what;
	u8 code[10];
} host_insns[] = {
	{ "mov %eax,%gs", { 0x8e, 0xe8 } },
	{ "mov %eax,%fs", { 0x8e, 0xe0 } },
	{ "mov %eax,%ds", { 0x8e, 0xd8 } },
	{ "mov %eax,%es", { 0x8e, 0xc0 } },
	{ "mov %eax,%ss", { 0x8e, 0xd0 } },
	{ "syscall", { 0x0f, 0x05 } },
	{ "sysenter", { 0x0f, 0x34 } },
	{ "int3", { 0xcc } },
	{ "int $2", { 0xcd, 0x02 } },
	{ "int $0x80", { 0xcd, 0x80 } },
	{ "icebp", { 0xf1 } },
	{ "ud2", { 0x0f, 0x0b } },
	{ "hlt", { 0xf4 } },
	{ "sti", { 0xfb } },
	{ "popf", { 0x9d } },
	{ "iretq", { 0x48, 0xcf } },
	{ "push %rax", { 0x50 } },
	{ "in $0x60,%al", { 0xe4, 0x60 } },
	{ "out %al,$0x80", { 0xe6, 0x80 } },
	{ "rdmsr", { 0x0f, 0x32 } },
	{ "wrmsr", { 0x0f, 0x30 } },
	{ "cpuid", { 0x0f, 0xa2 } },
	{ "mov %rax,%cr3", { 0x0f, 0x22, 0xd8 } },
	{ "mov %rax,%dr7", { 0x0f, 0x23, 0xf8 } },
	{ "ltr %ax", { 0x0f, 0x00, 0xd8 } },
	{ "vmrun", { 0x0f, 0x01, 0xd8 } },
	{ "vmmcall", { 0x0f, 0x01, 0xd9 } },
	{ "vmload", { 0x0f, 0x01, 0xda } },
	{ "clgi", { 0x0f, 0x01, 0xdd } },
	{ "swapgs", { 0x0f, 0x01, 0xf8 } },
	{ "xsetbv", { 0x0f, 0x01, 0xd1 } },
	{ "fnop", { 0xd9, 0xd0 } },
	{ "xor %ebp,%ebp", { 0x31, 0xed } },
	{ "mov %gs:0,%rax", { 0x65, 0x48, 0xa1 } },
	{ "mov %al,(%rdi)", { 0x88, 0x07 } },
	{ "jmp .", { 0xeb, 0xfe } },
};

/*
 * Probe with the code that is there. Another task's page fault in between is no
 * fault of the probe's: what is lost each time is.
 */
static bool host_survives(struct kunit *test, struct axas_space *space,
			  struct host_state *state)
{
	struct axas_probe_result result;
	unsigned int tries;
	int ret;

	for (tries = 0; tries < 4; tries++) {
		native_write_cr2(HOST_CR2);
		host_read(&state[0]);
		ret = axas_npt_probe(&space->npt, axas_gpa(HOST_GPA),
				     AXAS_PROT_EXEC, &result);
		host_read(&state[1]);
		KUNIT_EXPECT_EQ(test, ret, 0);
		KUNIT_EXPECT_EQ(test, result.kind, AXAS_PROBE_MAPPED);
		if (!memcmp(&state[0], &state[1], sizeof(*state)))
			return true;
	}
	return false;
}

/* Whatever a guest executes, the host is as it was. */
static void hw_host_state_test(struct kunit *test)
{
	struct host_state *state = kunit_kzalloc(test, 2 * sizeof(*state),
						 GFP_KERNEL);
	struct axas_space *space;
	unsigned int i;
	u8 *code;

	KUNIT_ASSERT_NOT_NULL(test, state);
	if (axas_npt_host() != AXAS_FORMAT_AMD)
		kunit_skip(test, "no SVM");
	if (hw_planted())
		kunit_skip(test, "not with a fault in the table");
	space = host_space(test, &code);
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	for (i = 0; i < ARRAY_SIZE(host_insns); i++) {
		memcpy(code, host_insns[i].code, sizeof(host_insns[i].code));
		KUNIT_EXPECT_TRUE_MSG(test, host_survives(test, space, state),
				      "%s", host_insns[i].what);
	}
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	host_drop(space);
}

/* Where somebody else uses SVM nothing is done. */
static void hw_host_busy_test(struct kunit *test)
{
	struct axas_probe_result result;
	struct axas_space *space;
	u64 efer;
	u8 *code;
	int ret;

	if (axas_npt_host() != AXAS_FORMAT_AMD)
		kunit_skip(test, "no SVM");
	if (hw_planted())
		kunit_skip(test, "not with a fault in the table");
	space = host_space(test, &code);
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	efer = probe_rdmsr(MSR_EFER);
	probe_wrmsr(MSR_EFER, efer | EFER_SVME);
	probe_wrmsr(MSR_VM_HSAVE_PA, SZ_4K);
	ret = axas_npt_probe(&space->npt, axas_gpa(HOST_GPA), AXAS_PROT_READ,
			     &result);
	KUNIT_EXPECT_EQ(test, probe_rdmsr(MSR_EFER), efer | EFER_SVME);
	KUNIT_EXPECT_EQ(test, probe_rdmsr(MSR_VM_HSAVE_PA), SZ_4K);
	probe_wrmsr(MSR_VM_HSAVE_PA, 0);
	probe_wrmsr(MSR_EFER, efer);
	KUNIT_EXPECT_EQ(test, ret, -EBUSY);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	host_drop(space);
}

static struct kunit_case host_cases[] = {
	KUNIT_CASE(hw_host_state_test),
	KUNIT_CASE(hw_host_busy_test),
	{}
};

static struct kunit_suite host_suite = {
	.name = "axas-hw-host",
	.test_cases = host_cases,
};

kunit_test_suite(host_suite);
