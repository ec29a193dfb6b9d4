// SPDX-License-Identifier: GPL-2.0
/*
 * A translation that is in use when it goes. Emulators of x86 forget at each
 * entry to a guest and exit from it, so it takes a CPU that stays in its guest to
 * see a translation that should have gone.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>

#include "hw.h"
#include "hw_x86.h"

static bool mute;
module_param(mute, bool, 0444);
MODULE_PARM_DESC(mute, "Don't invalidate what another CPU uses, which has to be found");

#define STALE_ROUNDS	40
#define STALE_TIMEOUT	(20 * HZ)

/* What is shared are two words: used it, and use it again. */
const u8 hw_stale_code[] = {
	0x48, 0x8b, 0x07,			/* mov (%rdi),%rax */
	0xc7, 0x06, 0x01, 0x00, 0x00, 0x00,	/* movl $1,(%rsi) */
	0x83, 0x7e, 0x04, 0x00,			/* 1: cmpl $0,4(%rsi) */
	0x74, 0xfa,				/* je 1b */
	0x48, 0x8b, 0x07,			/* mov (%rdi),%rax */
	0xf4,					/* hlt: #GP at CPL 3 */
};

const unsigned int hw_stale_code_size = sizeof(hw_stale_code);

static u32 stale_shared[SZ_4K / sizeof(u32)] __aligned(SZ_4K);

/**
 * struct hw_stale - a guest on another CPU that uses a page all the time
 * @space: its memory
 * @holder: makes that CPU forget
 * @stay: enters the guest
 * @mute: the holder does nothing: a planted fault
 * @done: the guest has ended
 * @exit: an &enum hw_exit: how
 * @ret: or there was none
 */
struct hw_stale {
	struct axas_space *space;
	struct axas_holder holder;
	const struct hw_stay *stay;
	bool mute;
	struct completion done;
	enum hw_exit exit;
	int ret;
};

static void stale_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
			     u64 size)
{
	struct hw_stale *s = container_of(holder, struct hw_stale, holder);

	if (!s->mute)
		axas_npt_probe_forget(&s->space->npt, gpa, size);
}

static int stale_thread(void *data)
{
	struct hw_stale *s = data;
	bool first = true;
	int ret;

	do {
		ret = s->stay->enter(&s->space->npt, first);
		first = false;
		cond_resched();
	} while (ret == HW_EXIT_INTERRUPT);
	if (ret < 0)
		WRITE_ONCE(s->ret, ret);
	else
		s->exit = ret;
	complete(&s->done);
	return 0;
}

/* Take the page, or the right to it, away while the other CPU uses it. */
static int stale_change(struct hw_stale *s, bool unmap)
{
	unsigned long timeout = jiffies + STALE_TIMEOUT;
	axas_gpa_t gpa = axas_gpa(STALE_GPA);
	struct axas_npt_freed freed;

	while (!READ_ONCE(stale_shared[0])) {
		if (READ_ONCE(s->ret) || time_after(jiffies, timeout))
			return -EIO;
		cond_resched();
	}
	if (unmap)
		return axas_space_unmap(s->space, gpa, SZ_4K);
	if (s->space->npt.features & AXAS_FEAT_EXEC_ONLY)
		return axas_space_protect(s->space, gpa, SZ_4K, AXAS_PROT_EXEC);
	return axas_space_discard(s->space, gpa, SZ_4K, &freed);
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
	memset(stale_shared, 0, sizeof(stale_shared));
	s->stay->fill(&s->space->npt, stale_shared);
	init_completion(&s->done);
	s->exit = HW_EXIT_OTHER;
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
	if (s->exit == HW_EXIT_FAULT)
		return 0;
	return s->exit == HW_EXIT_HALTED ? 1 : -EIO;
}

/* Can this CPU run such a guest? */
static int stale_try(struct hw_stale *s)
{
	struct axas_probe_result result;

	s->stay = axas_npt_host() == AXAS_FORMAT_AMD ? &svm_stay : &vmx_stay;
	return axas_npt_probe(&s->space->npt, axas_gpa(STALE_GPA),
			      AXAS_PROT_READ, &result);
}

/* An interrupt in between hides what wasn't forgotten, and chance brings those. */
static bool stale_enough(const struct hw_stale *s, int round, int seen)
{
	if (s->mute && !seen)
		return round == 10 * STALE_ROUNDS;
	return round >= STALE_ROUNDS;
}

static void hw_stale_test(struct kunit *test)
{
	struct axas_create create = { .format = AXAS_FORMAT_HOST };
	struct hw_stale *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	int cpu, round, ret, seen = 0;

	KUNIT_ASSERT_NOT_NULL(test, s);
	if (hw_planted())
		kunit_skip(test, "not with a fault in the table");
	if (num_online_cpus() < 2)
		kunit_skip(test, "there is one CPU");
	if (axas_npt_host() == AXAS_FORMAT_EPT) {
		create.gpa_bits = 48;
		create.features = AXAS_FEAT_EXEC_ONLY;
	}
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	cpu = cpumask_last(cpu_online_mask);
	s->space = axas_space_create(&create);
	if (IS_ERR(s->space))
		kunit_skip(test, "no execute-only leaves");
	s->mute = mute;
	s->holder.invalidate = stale_invalidate;
	INIT_LIST_HEAD(&s->holder.node);
	ret = stale_try(s);
	if (ret == -EOPNOTSUPP) {
		axas_space_destroy(s->space);
		kunit_skip(test, "this CPU can't walk such a table");
	}
	if (!ret)
		ret = axas_space_add_holder(s->space, &s->holder);
	for (round = 0; !ret && !stale_enough(s, round, seen); round++) {
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
