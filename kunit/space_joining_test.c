// SPDX-License-Identifier: GPL-2.0
/*
 * Whom a join meets: the CPU and its flags, holders, and those who are still in what
 * it takes out.
 */
#include <linux/delay.h>
#include <linux/kthread.h>

#include "cases.h"
#include "context.h"
#include "snapshot.h"

static void protect(struct kunit *test, struct axas_space *space, u64 gpa,
		    u64 size, unsigned int prot)
{
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, gpa, size, prot), 0);
}

/* Populated 2 MiB, cut by protect. */
static struct axas_space *cut_space(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_2M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	protect(test, space, SZ_1G + SZ_64K, SZ_4K, PROT_R);
	return space;
}

/* ---- flags that the CPU keeps ---- */

static u64 flag_accessed(struct kunit *test)
{
	return raw_flags(axas_context(test)->format).accessed;
}

static u64 flag_dirty(struct kunit *test)
{
	return raw_flags(axas_context(test)->format).dirty;
}

static u64 *entry_ptr(struct axas_space *space, u64 gpa)
{
	unsigned int level;

	return raw_entry_ptr(&space->npt, gpa, &level);
}

/* Whatever this CPU has: nobody walks the table but the test. */
static struct axas_space *ad_space(struct kunit *test, u64 size)
{
	struct axas_space *space = axas_test_space(test);

	space->npt.features |= AXAS_FEAT_AD;
	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_1G, size, HPA_NOWHERE,
					      PROT_RWX), 0);
	return space;
}

/* The leaf is as large as it was, allows what it did, and has these flags. */
static void expect_flags(struct kunit *test, struct axas_space *space,
			 unsigned int level, u64 bare, u64 flags)
{
	struct axas_leaf leaf;
	unsigned int found;

	KUNIT_EXPECT_EQ(test, raw_entry(&space->npt, SZ_1G, &found),
			bare | flags);
	KUNIT_EXPECT_EQ(test, found, level);
	KUNIT_ASSERT_EQ(test, axas_lookup_at(&space->npt, SZ_1G, &leaf), 0);
	KUNIT_EXPECT_EQ(test, leaf.attr.prot, PROT_RWX);
	KUNIT_EXPECT_EQ(test, leaf.accessed, !!(flags & flag_accessed(test)));
	KUNIT_EXPECT_EQ(test, leaf.dirty, !!(flags & flag_dirty(test)));
	axas_check_space(test, space);
}

/* Each alone, and both, in the first, the last, and that which protect changes. */
void join_collects_flags(struct kunit *test)
{
	const u64 a = flag_accessed(test), d = flag_dirty(test);
	static const unsigned int pages[] = { 0, 15, 17, 511 };
	const u64 sets[] = { 0, a, d, a | d };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		for (j = 0; j < ARRAY_SIZE(sets); j++) {
			struct axas_space *space = ad_space(test, SZ_2M);
			u64 bare = *entry_ptr(space, SZ_1G);

			protect(test, space, SZ_1G + SZ_64K, SZ_4K, PROT_R);
			*entry_ptr(space, SZ_1G + pages[i] * SZ_4K) |= sets[j];
			protect(test, space, SZ_1G + SZ_64K, SZ_4K, PROT_RWX);
			expect_flags(test, space, 2, bare, sets[j]);
		}
	}
}

/*
 * Stage 2 has no place for a dirty flag in a leaf that isn't writable: there it is
 * bit 56, and stays so.
 */
void join_keeps_what_protect_kept(struct kunit *test)
{
	const u64 a = flag_accessed(test), d = flag_dirty(test);
	struct axas_space *space = ad_space(test, SZ_2M);
	u64 bare = *entry_ptr(space, SZ_1G), *page;
	struct axas_leaf leaf;
	unsigned int level;

	protect(test, space, SZ_1G + SZ_64K, SZ_4K, PROT_RW);
	page = entry_ptr(space, SZ_1G + SZ_64K);
	*page |= a | d;
	protect(test, space, SZ_1G + SZ_64K, SZ_4K, PROT_R);
	protect(test, space, SZ_1G + SZ_64K, SZ_4K, PROT_RWX);
	KUNIT_EXPECT_EQ(test, raw_entry(&space->npt, SZ_1G, &level),
			bare | a | (axas_is_s2(test) ? 1ULL << 56 : d));
	KUNIT_EXPECT_EQ(test, level, 2U);
	KUNIT_ASSERT_EQ(test, axas_lookup_at(&space->npt, SZ_1G, &leaf), 0);
	KUNIT_EXPECT_TRUE(test, leaf.dirty);

	/* All of it read-only: dirty, and not writable for that. */
	protect(test, space, SZ_1G, SZ_1M, PROT_R);
	protect(test, space, SZ_1G + SZ_1M, SZ_1M, PROT_R);
	KUNIT_ASSERT_EQ(test, axas_lookup_at(&space->npt, SZ_1G, &leaf), 0);
	KUNIT_EXPECT_EQ(test, leaf.level, 2U);
	KUNIT_EXPECT_EQ(test, leaf.attr.prot, PROT_R);
	KUNIT_EXPECT_TRUE(test, leaf.accessed);
	KUNIT_EXPECT_TRUE(test, leaf.dirty);
	axas_check_space(test, space);
}

/* ---- while it goes on ---- */

/*
 * Who is told while a leaf is made: from here on nobody goes the old way. Those
 * who have gone it already, a CPU that sets a flag, are late.
 */
struct joining {
	struct axas_holder holder;
	struct axas_space *space;
	u64 gpa;
	u64 *late;
	u64 late_size;
	u64 flags;
	u64 sizes[4];
	unsigned int calls;
	unsigned int gone;
	struct task_struct *task;
	struct axas_translate_entry entry;
	int result;
};

static int joining_fault(void *arg)
{
	struct joining *joining = arg;

	joining->result = axas_fault_at(joining->space, joining->gpa, PROT_W);
	joining->entry = axas_translate_at(joining->space, joining->gpa);
	return 0;
}

static void joining_invalidate(struct axas_holder *holder, axas_gpa_t gpa,
			       u64 size)
{
	struct joining *joining = container_of(holder, struct joining, holder);
	struct axas_leaf leaf;

	/* What protect does itself. */
	if (size == SZ_4K)
		return;
	if (joining->calls < ARRAY_SIZE(joining->sizes))
		joining->sizes[joining->calls++] = size;
	joining->gone += axas_lookup_at(&joining->space->npt, joining->gpa,
					&leaf) != -EAGAIN;
	if (size == joining->late_size)
		*joining->late |= joining->flags;
	if (joining->task || !joining->result)
		return;
	joining->task = kthread_run(joining_fault, joining, "axas-joining");
	if (IS_ERR(joining->task))
		return;
	get_task_struct(joining->task);
	msleep(50);
	/* It has found no hole meanwhile, and nothing else either. */
	joining->gone += READ_ONCE(joining->result) != -1;
}

static struct joining *joining_new(struct kunit *test, struct axas_space *space,
				   u64 gpa)
{
	struct joining *joining = kunit_kzalloc(test, sizeof(*joining),
						GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, joining);
	INIT_LIST_HEAD(&joining->holder.node);
	joining->holder.invalidate = joining_invalidate;
	joining->space = space;
	joining->gpa = gpa;
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &joining->holder),
			0);
	return joining;
}

/* In a leaf of a table that goes, of which there are two on the way to 1 GiB. */
static void late_flag(struct kunit *test, u64 gpa, u64 size, u64 flags)
{
	struct axas_space *space = ad_space(test, SZ_1G);
	u64 bare = *entry_ptr(space, SZ_1G);
	struct joining *joining;

	protect(test, space, SZ_1G + SZ_64K, SZ_4K, PROT_R);
	joining = joining_new(test, space, SZ_1G + SZ_4K);
	joining->late = entry_ptr(space, gpa);
	joining->late_size = size;
	joining->flags = flags;
	protect(test, space, SZ_1G + SZ_64K, SZ_4K, PROT_RWX);
	axas_space_del_holder(space, &joining->holder);
	KUNIT_EXPECT_EQ(test, joining->calls, 2U);
	KUNIT_EXPECT_EQ(test, joining->sizes[0], (u64)SZ_2M);
	KUNIT_EXPECT_EQ(test, joining->sizes[1], (u64)SZ_1G);
	expect_flags(test, space, 3, bare, flags);
}

void join_loses_no_late_flag(struct kunit *test)
{
	const u64 a = flag_accessed(test), d = flag_dirty(test);
	const u64 sets[] = { 0, a, d, a | d };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sets); i++) {
		late_flag(test, SZ_1G, SZ_2M, sets[i]);
		late_flag(test, SZ_1G + SZ_2M - SZ_4K, SZ_2M, sets[i]);
		late_flag(test, SZ_1G + SZ_512M, SZ_1G, sets[i]);
	}
}

/* Busy, and not gone: a fault waits, and finds what was there before. */
void join_is_waited_for(struct kunit *test)
{
	struct axas_space *space = cut_space(test);
	const u64 gpa = SZ_1G + SZ_1M + 8;
	struct joining *joining = joining_new(test, space, gpa);
	u64 hpa = axas_translate_at(space, gpa).hpa;

	joining->result = -1;
	protect(test, space, SZ_1G + SZ_64K, SZ_4K, PROT_RW);
	KUNIT_EXPECT_EQ(test, joining->calls, 1U);
	KUNIT_EXPECT_EQ(test, joining->gone, 0U);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(joining->task));
	kthread_stop(joining->task);
	put_task_struct(joining->task);
	axas_space_del_holder(space, &joining->holder);
	KUNIT_EXPECT_EQ(test, joining->result, (int)AXAS_FAULT_SPURIOUS);
	KUNIT_EXPECT_EQ(test, joining->entry.state, (u32)AXAS_TRANSLATE_MAPPED);
	KUNIT_EXPECT_EQ(test, joining->entry.hpa, hpa);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 1ULL);
	axas_check_space(test, space);
}

/* Nobody is told where nothing is joined. */
void join_tells_nobody_in_vain(struct kunit *test)
{
	struct axas_space *space = cut_space(test);
	struct joining *joining = joining_new(test, space, SZ_1G);

	protect(test, space, SZ_1G + SZ_1M, SZ_4K, PROT_R);
	protect(test, space, SZ_1G + SZ_1M, SZ_4K, PROT_RW);
	KUNIT_EXPECT_EQ(test, joining->calls, 0U);
	axas_space_del_holder(space, &joining->holder);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[0], 512ULL);
}

/* ---- the area that most faults are in ---- */

/* Someone who looks at it after areas were joined, and before anything else. */
static const struct axas_npt_ops *main_area_of;
static struct axas_space *main_area_space;
static unsigned int main_area_looks;
static unsigned int main_area_lost;

static void main_area_join(struct axas_npt *npt, axas_gpa_t gpa, u64 size,
			   u64 start, u64 last, unsigned int max_level)
{
	const struct axas_main_area *main = &main_area_space->main_area;
	u64 first = main->start, end = main->start;

	main_area_looks++;
	main_area_lost += main->area &&
			  axas_tree_find(&main_area_space->areas, &first,
					 &end) != main->area;
	main_area_of->join(npt, gpa, size, start, last, max_level);
}

static void main_area_watch(struct axas_space *space, struct axas_npt_ops *ops)
{
	main_area_of = space->npt.ops;
	main_area_space = space;
	main_area_looks = 0;
	main_area_lost = 0;
	*ops = *space->npt.ops;
	ops->join = main_area_join;
	space->npt.ops = ops;
}

/* It is the right one of two, and becomes the left one's. */
void join_forgets_a_main_area_that_goes(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const u64 gpa = SZ_1G, size = SZ_64K + SZ_16M;
	struct axas_npt_ops watched;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, gpa, SZ_64K, PROT_R, 0,
					     SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, gpa + SZ_64K, SZ_16M,
					     PROT_RW, 0, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, space->main_area.start, gpa + SZ_64K);
	main_area_watch(space, &watched);
	protect(test, space, gpa, SZ_64K, PROT_RW);
	space->npt.ops = main_area_of;
	KUNIT_EXPECT_EQ(test, main_area_looks, 1U);
	KUNIT_EXPECT_EQ(test, main_area_lost, 0U);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 1ULL);
	/* And that is the one then. */
	KUNIT_EXPECT_EQ(test, space->main_area.start, gpa);
	KUNIT_EXPECT_EQ(test, space->main_area.last, gpa + size - 1);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa + size - 1, PROT_W),
			(int)AXAS_FAULT_RESOLVED);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa + size, PROT_W),
			(int)AXAS_FAULT_NO_AREA);
	/* A page less, or two: it isn't that one any more. */
	protect(test, space, gpa + SZ_1M, SZ_4K, PROT_R);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa + SZ_1M, PROT_W),
			(int)AXAS_FAULT_DENIED);
	KUNIT_EXPECT_EQ(test, axas_unmap_range(space, gpa + SZ_2M, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, gpa + SZ_2M, PROT_W),
			(int)AXAS_FAULT_NO_AREA);
	axas_check_space(test, space);
}

/* ---- who is still in the table that went ---- */

/* A change that a thread makes while the test is under RCU. */
struct beside {
	struct axas_space *space;
	struct task_struct *task;
	bool unmaps;
	bool go;
	bool done;
	int ret;
};

static int beside_main(void *arg)
{
	struct beside *beside = arg;

	while (!READ_ONCE(beside->go))
		schedule_timeout_interruptible(1);
	beside->ret = axas_protect_range(beside->space, SZ_1G + SZ_64K, SZ_4K,
					 PROT_RW);
	if (!beside->ret && beside->unmaps)
		beside->ret = axas_unmap_range(beside->space, SZ_1G, SZ_2M);
	WRITE_ONCE(beside->done, true);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static void beside_start(struct kunit *test, struct beside *beside,
			 struct axas_space *space, bool unmaps)
{
	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	*beside = (struct beside){ .space = space, .unmaps = unmaps };
	beside->task = kthread_create(beside_main, beside, "axas-beside");
	KUNIT_ASSERT_FALSE(test, IS_ERR(beside->task));
	kthread_bind(beside->task,
		     cpumask_any_but(cpu_online_mask, raw_smp_processor_id()));
	wake_up_process(beside->task);
}

/* All of it, while the caller stays where it is. */
static void beside_wait(struct beside *beside)
{
	unsigned long end = jiffies + 10 * HZ;

	WRITE_ONCE(beside->go, true);
	while (!READ_ONCE(beside->done) && time_before(jiffies, end))
		cpu_relax();
}

static void beside_stop(struct kunit *test, struct beside *beside)
{
	kthread_stop(beside->task);
	KUNIT_EXPECT_TRUE(test, beside->done);
	KUNIT_EXPECT_EQ(test, beside->ret, 0);
}

/* Linear memory, with a page cut out: what it is to be joined again is there. */
void join_frees_its_table_behind_rcu(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct beside beside;
	struct axas_leaf leaf;
	axas_hpa_t table;
	u64 *ptr, entry;
	bool kept;

	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_1G, SZ_2M, HPA_NOWHERE,
					      PROT_RW), 0);
	protect(test, space, SZ_1G + SZ_64K, SZ_4K, PROT_R);
	ptr = entry_ptr(space, SZ_1G + SZ_1M);
	table = axas_hpa(__pa(ptr) & PAGE_MASK);
	entry = *ptr;
	beside_start(test, &beside, space, false);
	migrate_disable();
	rcu_read_lock();
	beside_wait(&beside);
	kept = fake_hal_owns(table) && READ_ONCE(*ptr) == entry;
	rcu_read_unlock();
	migrate_enable();
	beside_stop(test, &beside);
	KUNIT_EXPECT_TRUE(test, kept);
	KUNIT_ASSERT_EQ(test, axas_lookup_at(&space->npt, SZ_1G, &leaf), 0);
	KUNIT_EXPECT_EQ(test, leaf.level, 2U);
	rcu_barrier();
	KUNIT_EXPECT_FALSE(test, fake_hal_owns(table));
}

/* A format that looks an entry up, and then takes its time. */
static const struct axas_npt_ops *slow_of;
static struct beside *slow_beside;

static bool slow_lookup(const struct axas_npt *npt, axas_gpa_t gpa,
			struct axas_npt_slot *slot, struct axas_leaf *leaf)
{
	bool found = slow_of->lookup(npt, gpa, slot, leaf);

	if (slow_beside)
		beside_wait(slow_beside);
	slow_beside = NULL;
	return found;
}

/*
 * A leaf is found, its table goes in a join, the leaf that was made goes in an
 * unmap, and somebody else gets the frame, which waits for no grace period. It
 * isn't to be had as guest memory then.
 */
void join_hands_out_no_frame_that_is_gone(struct kunit *test)
{
	struct axas_space *space = cut_space(test);
	const u64 gpa = SZ_1G + SZ_1M;
	struct axas_npt_ops slow = *space->npt.ops;
	struct axas_memory memory;
	struct beside beside;
	struct page *page;
	int ret;

	page = pfn_to_page(PHYS_PFN(axas_translate_at(space, gpa).hpa));
	beside_start(test, &beside, space, true);
	/* Stands for who has it next. */
	get_page(page);
	slow_of = space->npt.ops;
	slow_beside = &beside;
	slow.lookup = slow_lookup;
	space->npt.ops = &slow;
	migrate_disable();
	ret = axas_space_get_memory(space, axas_gpa(gpa), PROT_R, &memory);
	migrate_enable();
	space->npt.ops = slow_of;
	beside_stop(test, &beside);
	KUNIT_EXPECT_EQ(test, ret, -EFAULT);
	if (!ret)
		put_page(memory.page);
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	put_page(page);
}
