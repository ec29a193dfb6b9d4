// SPDX-License-Identifier: GPL-2.0
/*
 * What the test knows of Intel CPUs.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>

#include "../../probe/vmx.c"

#include "hw.h"

#define EXEC_ONLY	AXAS_FEAT_EXEC_ONLY
#define AD		AXAS_FEAT_AD

/* A table of 39 bits has no EPTP. */
const struct hw_config hw_configs[HW_NR_CONFIGS] = {
	{ 48, 0 },
	{ 48, EXEC_ONLY },
	{ 48, AD },
	{ 48, EXEC_ONLY | AD },
	{ 57, 0 },
	{ 57, EXEC_ONLY | AD },
};

const unsigned int hw_arch_steps = 1000;

unsigned int hw_arch_pa_bits(void)
{
	return boot_cpu_data.x86_phys_bits;
}

/* GPAs go through the guest's own tables, which hold no wider ones. */
unsigned int hw_arch_gpa_bits(void)
{
	return boot_cpu_data.x86_phys_bits;
}

/*
 * Anywhere: the CPU doesn't get to read or write what it finds, and fetches only
 * read RAM. Half of the time RAM, so that there are fetches.
 */
u64 hw_arch_hpa(struct rnd_state *rnd, u64 size, u64 align)
{
	u64 limit = 1ULL << hw_arch_pa_bits();
	u64 hpa = (u64)prandom_u32_state(rnd) << 32 | prandom_u32_state(rnd);

	if (prandom_u32_state(rnd) % 2)
		return ALIGN_DOWN(hpa % (limit - size), align);
	return ALIGN_DOWN(hpa % (__pa(high_memory - 1) + 1), align);
}

static const struct axas_npt *held;

/*
 * A fetch from what isn't RAM isn't tried, nor any access to what the CPU reads
 * on its way: linear ranges also hit the space's tables.
 */
bool hw_arch_may_skip(const struct hw_page *page, unsigned int access)
{
	if (!page->mapped)
		return false;
	if (access == AXAS_PROT_EXEC && !page_is_ram(PHYS_PFN(page->hpa)))
		return true;
	return !page->seg->alloc &&
	       vmx_on_the_way(held, page->hpa - page->seg->offset,
			      page->hpa & PAGE_MASK);
}

/* There is nothing else in an answer. */
bool hw_arch_raw_ok(const struct axas_probe_result *result,
		    const struct hw_page *page, unsigned int access)
{
	return result->memtype == AXAS_PROBE_UNKNOWN;
}

const char *hw_arch_blind(enum hw_plant_id id)
{
	switch (id) {
	case HW_PLANT_NO_FORGET:
		return "Bochs forgets at each VM entry and exit; but see mute=1";
	case HW_PLANT_ACCESS_FLAG:
	case HW_PLANT_SHARE:
	case HW_PLANT_CLEAN:
		return "EPT has no such field";
	case HW_PLANT_MEMTYPE:
		return "VMX doesn't tell memory types";
	default:
		return NULL;
	}
}

/* Nothing is held between probes but the name of the table. */
int hw_arch_hold(const struct axas_npt *npt)
{
	held = npt;
	return 0;
}

void hw_arch_release(void)
{
}

/* ---- a translation that is in use when it goes ---- */

static bool mute;
module_param(mute, bool, 0444);
MODULE_PARM_DESC(mute, "Don't invalidate what another CPU uses, which has to be found");

#define STALE_ROUNDS	40
#define STALE_GPA	0x40000000ULL
#define STALE_TIMEOUT	(20 * HZ)
#define GVA_SHARED	(2 * PAGE_SIZE)
#define CODE_STALE	32

/* RDI is the target, RSI points to two words: used it, and use it again. */
static const u8 stale_code[] = {
	0x48, 0x8b, 0x07,			/* mov (%rdi),%rax */
	0xc7, 0x06, 0x01, 0x00, 0x00, 0x00,	/* movl $1,(%rsi) */
	0x83, 0x7e, 0x04, 0x00,			/* 1: cmpl $0,4(%rsi) */
	0x74, 0xfa,				/* je 1b */
	0x48, 0x8b, 0x07,			/* mov (%rdi),%rax */
	0xf4,					/* hlt: #GP at CPL 3 */
};

static struct vmx_pages stale_pages __aligned(SZ_4K);
static u32 stale_shared[SZ_4K / sizeof(u32)] __aligned(SZ_4K);

/**
 * struct hw_stale - a guest on another CPU that uses a page all the time
 * @space: its memory
 * @holder: makes that CPU forget
 * @probe: what the probe's tables are made of, and how the guest ended
 * @mute: the holder does nothing: a planted fault
 * @halted: the guest got to its end
 * @done: the guest has ended
 * @ret: or there was none
 */
struct hw_stale {
	struct axas_space *space;
	struct axas_holder holder;
	struct vmx_probe probe;
	bool mute;
	bool halted;
	struct completion done;
	int ret;
};

static void stale_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
			     u64 size)
{
	struct hw_stale *s = container_of(holder, struct hw_stale, holder);

	if (!s->mute)
		axas_npt_probe_forget(&s->space->npt, gpa, size);
}

static int stale_first(struct hw_stale *s)
{
	const struct vmx_start start = {
		.cr3 = s->probe.private + (GPT_LEVELS - 1) * SZ_4K,
		.rip = GVA_CODE + CODE_STALE,
		.rsp = GVA_NOTHING,
		.rflags = X86_EFLAGS_IF,
		.dpl = 3,
	};

	if (vmx_load(&stale_pages.area))
		return -EIO;
	vmx_write(EPT_POINTER, s->probe.eptp);
	vmx_write_guest(&start);
	return vmx_write_controls(PIN_BASED_EXT_INTR_MASK,
				  SECONDARY_EXEC_ENABLE_EPT);
}

static int stale_thread(void *data)
{
	struct vmx_regs regs = { .rdi = GVA_TARGET, .rsi = GVA_SHARED };
	struct hw_stale *s = data;
	bool first = true;
	unsigned long flags;

	do {
		local_irq_save(flags);
		s->ret = vmx_on(&stale_pages.area);
		if (!s->ret) {
			/* From now on it is this CPU that has to forget. */
			this_cpu_write(vmx_cached, s->probe.npt);
			if (first)
				s->ret = stale_first(s);
			if (!s->ret)
				s->ret = vmx_enter(&stale_pages.area, &regs,
						   &s->probe.reason);
			if (!s->ret) {
				s->probe.qual = vmx_read(GUEST_PHYSICAL_ADDRESS);
				s->halted = vmx_exit_was(s->probe.reason,
							 X86_TRAP_GP);
			}
			vmx_off(&stale_pages.area);
		}
		local_irq_restore(flags);
		first = false;
		cond_resched();
	} while (!s->ret && s->probe.reason == EXIT_REASON_EXTERNAL_INTERRUPT);
	complete(&s->done);
	return 0;
}

static void stale_fill(struct hw_stale *s)
{
	struct vmx_probe *probe = &s->probe;

	*probe = (struct vmx_probe){ .npt = &s->space->npt, .gpa = STALE_GPA };
	probe->npt->ops->control(probe->npt, &probe->eptp);
	probe->private = axas_level_size(probe->npt->levels);
	probe->eptp &= ~EPT_ADDR;
	probe->eptp |= vmx_pa(stale_pages.ept[probe->npt->levels - 1]);
	vmx_fill_tables(&stale_pages, probe);
	memcpy(stale_pages.code + CODE_STALE, stale_code, sizeof(stale_code));
	stale_pages.gpt[0][1] = STALE_GPA | GPT_READ;
	stale_pages.gpt[0][2] = (probe->private + (GPT_LEVELS + 1) * SZ_4K) |
				GPT_WRITE;
	stale_pages.ept[0][GPT_LEVELS + 1] = vmx_pa(stale_shared) | EPT_RWX |
					     EPT_LEAF_WB;
	memset(stale_shared, 0, sizeof(stale_shared));
}

/* Take the page, or the right to read it, away while the other CPU uses it. */
static int stale_change(struct hw_stale *s, bool unmap)
{
	unsigned long timeout = jiffies + STALE_TIMEOUT;

	while (!READ_ONCE(stale_shared[0])) {
		if (s->ret || time_after(jiffies, timeout))
			return -EIO;
		cond_resched();
	}
	if (unmap)
		return axas_space_unmap(s->space, axas_gpa(STALE_GPA), SZ_4K);
	return axas_space_protect(s->space, axas_gpa(STALE_GPA), SZ_4K,
				  AXAS_PROT_EXEC);
}

/* Return: 1 if the old translation was used after it had gone, 0, or an errno. */
static int stale_round(struct hw_stale *s, int cpu, bool unmap)
{
	const struct axas_map map = {
		.flags = AXAS_MAP_POPULATE,
		.gpa = STALE_GPA,
		.length = 2 * SZ_4K,
		.backend = AXAS_BACKEND_ALLOC,
		.prot = AXAS_PROT_READ | AXAS_PROT_WRITE,
	};
	struct task_struct *task;
	int ret = axas_space_map(s->space, &map);

	if (ret)
		return ret;
	stale_fill(s);
	init_completion(&s->done);
	s->ret = 0;
	task = kthread_create(stale_thread, s, "axas-stale");
	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, cpu);
	wake_up_process(task);
	ret = stale_change(s, unmap);
	WRITE_ONCE(stale_shared[1], 1);
	wait_for_completion(&s->done);
	axas_space_clear(s->space);
	if (ret || s->ret)
		return ret ? ret : s->ret;
	if (s->probe.reason == EXIT_REASON_EPT_VIOLATION)
		return s->probe.qual == STALE_GPA ? 0 : -EFAULT;
	return s->halted ? 1 : -EIO;
}

/*
 * Bochs forgets at each VM entry and exit, so it takes a CPU that stays in its
 * guest to see a translation that should have gone.
 */
static void hw_stale_test(struct kunit *test)
{
	const struct axas_create create = {
		.format = AXAS_FORMAT_EPT,
		.gpa_bits = 48,
		.features = AXAS_FEAT_EXEC_ONLY,
	};
	struct hw_stale *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	int cpu, round, ret = 0, seen = 0;

	KUNIT_ASSERT_NOT_NULL(test, s);
	if (num_online_cpus() < 2)
		kunit_skip(test, "there is one CPU");
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	cpu = cpumask_last(cpu_online_mask);
	s->space = axas_space_create(&create);
	if (IS_ERR(s->space))
		kunit_skip(test, "no execute-only leaves");
	s->mute = mute;
	s->holder.invalidate = stale_invalidate;
	INIT_LIST_HEAD(&s->holder.node);
	ret = axas_space_add_holder(s->space, &s->holder);
	for (round = 0; !ret && round < STALE_ROUNDS; round++) {
		ret = stale_round(s, cpu, round % 2);
		if (ret == 1) {
			seen++;
			ret = 0;
		}
	}
	KUNIT_EXPECT_EQ(test, ret, 0);
	KUNIT_EXPECT_EQ_MSG(test, seen, 0,
			    "stale translations used: %d of %d", seen, round);
	kunit_info(test, "%d changes of a page that CPU %d was using: %d times the old translation was used afterwards\n",
		   round, cpu, seen);
	axas_space_del_holder(s->space, &s->holder);
	axas_space_destroy(s->space);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
}

static struct kunit_case stale_cases[] = {
	KUNIT_CASE(hw_stale_test),
	{}
};

static struct kunit_suite stale_suite = {
	.name = "axas-hw-stale",
	.test_cases = stale_cases,
};

kunit_test_suite(stale_suite);
