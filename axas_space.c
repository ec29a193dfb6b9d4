// SPDX-License-Identifier: GPL-2.0
/*
 * A guest physical address space: its areas and its table.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <axas/space.h>
#include <axas/trace.h>

#define AXAS_PROT_ALL	(AXAS_PROT_READ | AXAS_PROT_WRITE | AXAS_PROT_EXEC)
#define AXAS_FEAT_ALL	(AXAS_FEAT_EXEC_ONLY | AXAS_FEAT_AD | AXAS_FEAT_FWB)
#define AXAS_MAP_ALL	(AXAS_MAP_POPULATE | AXAS_MAP_IGNORE_PAT | AXAS_MAP_NODE)

/* ---- birth and death ---- */

/* What an area pins goes with it; a fault may still look at it. */
static void area_free(struct axas_area *area)
{
	if (!area)
		return;
	if (area->ops)
		module_put(area->ops->owner);
	kfree_rcu(area, rcu);
}

DEFINE_FREE(axas_area, struct axas_area *, area_free(_T))

static int space_init_npt(struct axas_space *space,
			  const struct axas_create *args)
{
	struct axas_npt *npt = &space->npt;
	unsigned int bits = args->gpa_bits;

	npt->ops = axas_format_get(args->format);
	if (!npt->ops || args->features & ~AXAS_FEAT_ALL)
		return -EINVAL;
	npt->ops->caps(&npt->caps);
	if (!bits)
		bits = npt->caps.default_gpa_bits;
	if (bits >= 64 || !(npt->caps.gpa_bits & BIT_ULL(bits)) ||
	    args->features & ~npt->caps.features)
		return -EOPNOTSUPP;

	space->base = args->base;
	space->length = args->length;
	if (!IS_ALIGNED(args->base | args->length, SZ_4K))
		return -EINVAL;
	if (!space->length && space->base < BIT_ULL(bits))
		space->length = BIT_ULL(bits) - space->base;
	if (!space->length ||
	    !axas_range_in(space->base, space->length, 0, BIT_ULL(bits)))
		return -ERANGE;

	npt->lock = &space->lock;
	npt->gpa_bits = bits;
	npt->features = args->features;
	return npt->ops->init(npt);
}

/* Numbers of spaces begin with 1 and aren't used twice. */
static atomic_t space_last_id;

static struct axas_space *space_create(const struct axas_create *args)
{
	struct axas_space *space __free(kfree) =
		kzalloc(sizeof(*space), AXAS_GFP);
	int ret;

	if (!space)
		return ERR_PTR(-ENOMEM);
	mutex_init(&space->lock);
	seqcount_mutex_init(&space->main_area.seq, &space->lock);
	/* Without gap tracking, freeing a large tree behind RCU goes astray. */
	mt_init_flags(&space->areas, MT_FLAGS_USE_RCU | MT_FLAGS_ALLOC_RANGE);
	axas_devices_init(&space->devices);
	space->faults = alloc_percpu_gfp(struct axas_fault_stats,
					 AXAS_GFP | __GFP_ZERO);
	if (!space->faults)
		return ERR_PTR(-ENOMEM);
	ret = space_init_npt(space, args);
	if (ret) {
		if (space->npt.ops)
			module_put(space->npt.ops->owner);
		free_percpu(space->faults);
		return ERR_PTR(ret);
	}
	space->npt.id = atomic_inc_return(&space_last_id);
	return_ptr(space);
}

/**
 * axas_space_create - make an empty space
 * @args: as for AXAS_CREATE; @size and @flags are not looked at
 *
 * Context: may sleep.
 * Return: the space or an ERR_PTR(): -EINVAL, -ERANGE, -EOPNOTSUPP, -ENOMEM.
 */
struct axas_space *axas_space_create(const struct axas_create *args)
{
	u64 begin = axas_trace_begin(axas_create);
	struct axas_space *space = space_create(args);

	if (IS_ERR(space))
		trace_axas_create(0, args->format, args->gpa_bits, args->base,
				  args->length, PTR_ERR(space),
				  axas_trace_ns(begin));
	else
		trace_axas_create(space->npt.id, space->npt.ops->format,
				  space->npt.gpa_bits, space->base,
				  space->length, 0, axas_trace_ns(begin));
	return space;
}
EXPORT_SYMBOL_GPL(axas_space_create);

/**
 * axas_space_destroy - free a space and all it owns
 * @space: a space that nobody else can reach
 *
 * Context: may sleep.
 */
void axas_space_destroy(struct axas_space *space)
{
	MA_STATE(mas, &space->areas, 0, 0);
	u64 begin = axas_trace_begin(axas_destroy);
	u32 id = space->npt.id;
	struct axas_area *area;

	space->npt.ops->destroy(&space->npt);
	mas_lock(&mas);
	mas_for_each(&mas, area, ULONG_MAX) {
		if (!--area->ranges)
			area_free(area);
		if (need_resched()) {
			mas_pause(&mas);
			cond_resched_lock(&space->areas.ma_lock);
		}
	}
	__mt_destroy(&space->areas);
	mas_unlock(&mas);
	axas_devices_destroy(&space->devices);
	free_percpu(space->faults);
	module_put(space->npt.ops->owner);
	kfree(space);
	trace_axas_destroy(id, axas_trace_ns(begin));
}
EXPORT_SYMBOL_GPL(axas_space_destroy);

/* ---- areas: under the space's lock ---- */

static void main_area_set(struct axas_space *space, struct axas_area *area,
			  u64 start, u64 last)
{
	struct axas_main_area *main = &space->main_area;

	write_seqcount_begin(&main->seq);
	main->area = area;
	main->start = start;
	main->last = last;
	write_seqcount_end(&main->seq);
}

/* Before something is taken from the areas in [start, last]. */
static void main_area_forget(struct axas_space *space, u64 start, u64 last)
{
	const struct axas_main_area *main = &space->main_area;

	if (main->area && start <= main->last && last >= main->start)
		main_area_set(space, NULL, 0, 0);
}

/* After an area was made. */
static void main_area_offer(struct axas_space *space, struct axas_area *area,
			    u64 start, u64 last)
{
	const struct axas_main_area *main = &space->main_area;

	if (!main->area || last - start > main->last - main->start)
		main_area_set(space, area, start, last);
}

/* Is there an area in [start, last]? */
static struct axas_area *areas_first(struct axas_space *space, u64 start,
				     u64 last)
{
	MA_STATE(mas, &space->areas, start, start);

	guard(rcu)();
	return mas_find(&mas, last);
}

static int areas_store(struct axas_space *space, struct axas_area *area,
		       u64 start, u64 last, gfp_t gfp)
{
	MA_STATE(mas, &space->areas, start, last);
	int ret;

	mas_lock(&mas);
	ret = mas_store_gfp(&mas, area, gfp);
	mas_unlock(&mas);
	space->generation += !ret;
	return ret;
}

/*
 * Account for [start, last] being taken from all areas that it meets (sign 1),
 * or for that being undone (sign -1). An area without a range left goes to
 * dead.
 */
static void areas_account(struct axas_space *space, u64 start, u64 last,
			  int sign, struct list_head *dead)
{
	MA_STATE(mas, &space->areas, start, start);
	struct axas_area *area;

	guard(rcu)();
	mas_for_each(&mas, area, last) {
		bool head = mas.index < start, tail = mas.last > last;

		area->ranges += sign * (head + tail - 1);
		if (!area->ranges)
			list_add(&area->dead, dead);
	}
}

static void areas_free(struct list_head *dead)
{
	struct axas_area *area, *next;

	list_for_each_entry_safe(area, next, dead, dead)
		area_free(area);
}

/* Tables that splitting the leaves around gpa can take. */
static unsigned int areas_split_cost(struct axas_space *space, u64 gpa)
{
	MA_STATE(mas, &space->areas, gpa, gpa);
	struct axas_area *area;

	guard(rcu)();
	area = mas_walk(&mas);
	if (!area || mas.index == gpa)
		return 0;
	return space->npt.ops->split_cost(&space->npt, axas_gpa(gpa),
					  area->max_level);
}

static int areas_fill_pool(struct axas_space *space, u64 start, u64 size,
			   struct axas_npt_pool *pool)
{
	unsigned int cost = areas_split_cost(space, start) +
			    areas_split_cost(space, start + size);

	/* A split writes all of its table. */
	return axas_npt_pool_fill(pool, cost, AXAS_GFP);
}

/* Check a range that a call names. */
static int space_check_range(const struct axas_space *space, u64 gpa, u64 size)
{
	if (!axas_range_ok(gpa, size))
		return -EINVAL;
	return axas_range_in(gpa, size, space->base, space->length) ? 0 :
								     -ERANGE;
}

static int space_check_prot(const struct axas_space *space, u32 prot)
{
	if (!prot || prot & ~AXAS_PROT_ALL)
		return -EINVAL;
	if (prot & AXAS_PROT_READ)
		return 0;
	if (prot & AXAS_PROT_WRITE)
		return -EINVAL;
	return space->npt.features & AXAS_FEAT_EXEC_ONLY ? 0 : -EOPNOTSUPP;
}

/* ---- map ---- */

/* The level of args->max_leaf, or an errno. */
static int space_max_level(const struct axas_space *space,
			   const struct axas_backend_ops *ops, u64 max_leaf)
{
	const struct axas_npt_caps *caps = &space->npt.caps;
	int level;

	if (!max_leaf) {
		for (level = ops->default_level; level > 1; level--)
			if (caps->leaf_sizes & axas_level_size(level))
				break;
		return level;
	}
	for (level = ops->max_level; level > 0; level--)
		if (max_leaf == axas_level_size(level))
			return caps->leaf_sizes & max_leaf ? level : -EOPNOTSUPP;
	return -EINVAL;
}

static int space_setup_area(const struct axas_space *space,
			    struct axas_area *area, const struct axas_map *args)
{
	const struct axas_npt_caps *caps = &space->npt.caps;
	int ret;

	area->ops = axas_backend_get(args->backend);
	if (!area->ops || args->flags & ~AXAS_MAP_ALL ||
	    args->flags & ~(area->ops->flags | AXAS_MAP_IGNORE_PAT) ||
	    (args->node && !(args->flags & AXAS_MAP_NODE)) ||
	    args->memtype > AXAS_MEM_DEVICE)
		return -EINVAL;
	ret = space_check_range(space, args->gpa, args->length);
	if (ret)
		return ret;
	ret = space_check_prot(space, args->prot);
	if (ret)
		return ret;
	if (!(caps->memtypes & BIT(args->memtype)) ||
	    (args->flags & AXAS_MAP_IGNORE_PAT && !caps->ignore_pat))
		return -EOPNOTSUPP;
	ret = space_max_level(space, area->ops, args->max_leaf);
	if (ret < 0)
		return ret;

	area->max_level = ret;
	area->cookie = args->cookie;
	area->ranges = 1;
	area->nid = NUMA_NO_NODE;
	area->attr = (struct axas_attr){
		.prot = args->prot,
		.memtype = args->memtype,
		.ignore_pat = args->flags & AXAS_MAP_IGNORE_PAT,
	};
	ret = area->ops->setup(area, &space->npt, args);
	if (ret)
		return ret;
	area->shared = space->npt.ops->encode(&space->npt, area->attr);
	return 0;
}

static int space_map_locked(struct axas_space *space, struct axas_area *area,
			    const struct axas_map *args)
{
	struct axas_npt_pool pool = {};
	u64 last = args->gpa + args->length - 1;
	int ret;

	if (areas_first(space, args->gpa, last))
		return -EEXIST;
	ret = area->ops->map(area, &space->npt, args);
	if (!ret)
		ret = areas_store(space, area, args->gpa, last, AXAS_GFP);
	/* No leaf reaches out of the range: there is nothing to split. */
	if (!ret)
		main_area_offer(space, area, args->gpa, last);
	else
		space->npt.ops->unmap(&space->npt, axas_gpa(args->gpa),
				      args->length, &pool);
	return ret;
}

static int space_map(struct axas_space *space, const struct axas_map *args)
{
	struct axas_area *area __free(axas_area) =
		kzalloc(sizeof(*area), AXAS_GFP);
	int ret;

	if (!area)
		return -ENOMEM;
	ret = space_setup_area(space, area, args);
	if (ret)
		return ret;
	ret = mutex_lock_killable(&space->lock);
	if (ret)
		return ret;
	ret = space_map_locked(space, area, args);
	mutex_unlock(&space->lock);
	if (!ret)
		area = NULL;
	return ret;
}

/**
 * axas_space_map - make an area
 * @space: the space
 * @args: as for AXAS_MAP; @size is not looked at. Whether the caller may map
 *	@args->hpa is the caller's to know.
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_MAP.
 */
int axas_space_map(struct axas_space *space, const struct axas_map *args)
{
	u64 begin = axas_trace_begin(axas_map);
	int ret = space_map(space, args);

	trace_axas_map(space->npt.id, args, ret, axas_trace_ns(begin));
	return ret;
}
EXPORT_SYMBOL_GPL(axas_space_map);

/* ---- unmap ---- */

static int space_unmap_locked(struct axas_space *space, u64 gpa, u64 size)
{
	struct axas_npt_pool pool __free(axas_npt_pool) = {};
	u64 last = gpa + size - 1;
	LIST_HEAD(dead);
	int ret;

	if (!areas_first(space, gpa, last))
		return 0;
	ret = areas_fill_pool(space, gpa, size, &pool);
	if (ret)
		return ret;

	main_area_forget(space, gpa, last);
	areas_account(space, gpa, last, 1, &dead);
	ret = areas_store(space, NULL, gpa, last, AXAS_GFP);
	if (ret) {
		areas_account(space, gpa, last, -1, &dead);
		return ret;
	}
	areas_free(&dead);
	space->npt.ops->unmap(&space->npt, axas_gpa(gpa), size, &pool);
	return 0;
}

static int space_unmap(struct axas_space *space, axas_gpa_t gpa, u64 size)
{
	int ret = space_check_range(space, gpa.val, size);

	if (ret)
		return ret;
	ret = mutex_lock_killable(&space->lock);
	if (ret)
		return ret;
	ret = space_unmap_locked(space, gpa.val, size);
	mutex_unlock(&space->lock);
	return ret;
}

/**
 * axas_space_unmap - take a range out of the space
 * @space: the space
 * @gpa: first GPA, aligned to 4 KiB
 * @size: bytes, a multiple of 4 KiB
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_UNMAP.
 */
int axas_space_unmap(struct axas_space *space, axas_gpa_t gpa, u64 size)
{
	u64 begin = axas_trace_begin(axas_unmap);
	int ret = space_unmap(space, gpa, size);

	trace_axas_unmap(space->npt.id, gpa.val, size, ret,
			 axas_trace_ns(begin));
	return ret;
}
EXPORT_SYMBOL_GPL(axas_space_unmap);

/**
 * axas_space_clear - unmap everything
 * @space: the space
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_CLEAR.
 */
int axas_space_clear(struct axas_space *space)
{
	return axas_space_unmap(space, axas_gpa(space->base), space->length);
}
EXPORT_SYMBOL_GPL(axas_space_clear);

/* ---- protect ---- */

/*
 * Copies, with other rights, of the areas that [start, last] meets, in order.
 * Fails with -ENOENT if there is a hole.
 */
static int areas_copy(struct axas_space *space, u64 start, u64 last,
		      unsigned int prot, struct list_head *copies)
{
	MA_STATE(mas, &space->areas, start, start);
	struct axas_area *area, *copy;
	u64 next = start;

	for (; next <= last; next = mas.last + 1) {
		mas_set(&mas, next);
		rcu_read_lock();
		area = mas_walk(&mas);
		rcu_read_unlock();
		if (!area)
			return -ENOENT;
		copy = kmemdup(area, sizeof(*area), AXAS_GFP);
		if (!copy)
			return -ENOMEM;
		__module_get(copy->ops->owner);
		copy->attr.prot = prot;
		copy->shared = space->npt.ops->encode(&space->npt, copy->attr);
		copy->ranges = 1;
		list_add_tail(&copy->dead, copies);
	}
	return 0;
}

/* The range of the tree that holds gpa. */
static struct axas_area *areas_range(struct axas_space *space, u64 gpa,
				     u64 *start, u64 *last)
{
	MA_STATE(mas, &space->areas, gpa, gpa);
	struct axas_area *area;

	guard(rcu)();
	area = mas_walk(&mas);
	*start = mas.index;
	*last = mas.last;
	return area;
}

/*
 * Make start and last + 1 begin ranges of the tree of their own. On failure
 * the tree is as it was.
 */
static int areas_cut(struct axas_space *space, u64 start, u64 last)
{
	u64 head, tail, end;
	struct axas_area *area = areas_range(space, start, &head, &end);
	int ret = 0;

	if (head < start)
		ret = areas_store(space, area, start, end, AXAS_GFP);
	if (ret)
		return ret;

	area = areas_range(space, last, &tail, &end);
	if (end > last)
		ret = areas_store(space, area, tail, last, AXAS_GFP);
	if (ret && head < start) {
		area = areas_range(space, start, &tail, &end);
		areas_store(space, area, head, end,
			    GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	}
	return ret;
}

/* Put the copies in the place of the areas. The edges have been cut. */
static void areas_replace(struct axas_space *space, u64 start, u64 last,
			  struct list_head *copies)
{
	struct axas_area *copy, *next;
	u64 first, end;

	list_for_each_entry_safe(copy, next, copies, dead) {
		list_del(&copy->dead);
		areas_range(space, start, &first, &end);
		/* An exact fit: only a pointer is exchanged. */
		areas_store(space, copy, first, end,
			    GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
		start = end + 1;
	}
}

static int space_protect_locked(struct axas_space *space, u64 gpa, u64 size,
				unsigned int prot)
{
	struct axas_npt_pool pool __free(axas_npt_pool) = {};
	u64 last = gpa + size - 1;
	LIST_HEAD(copies);
	LIST_HEAD(dead);
	int ret;

	ret = areas_copy(space, gpa, last, prot, &copies);
	if (!ret)
		ret = areas_fill_pool(space, gpa, size, &pool);
	if (!ret) {
		main_area_forget(space, gpa, last);
		areas_account(space, gpa, last, 1, &dead);
		ret = areas_cut(space, gpa, last);
		if (ret)
			areas_account(space, gpa, last, -1, &dead);
	}
	if (ret) {
		areas_free(&copies);
		return ret;
	}
	areas_replace(space, gpa, last, &copies);
	areas_free(&dead);
	space->npt.ops->protect(&space->npt, axas_gpa(gpa), size, prot, &pool);
	return 0;
}

static int space_protect(struct axas_space *space, axas_gpa_t gpa, u64 size,
			 unsigned int prot)
{
	int ret = space_check_range(space, gpa.val, size);

	if (!ret)
		ret = space_check_prot(space, prot);
	if (ret)
		return ret;
	ret = mutex_lock_killable(&space->lock);
	if (ret)
		return ret;
	ret = space_protect_locked(space, gpa.val, size, prot);
	mutex_unlock(&space->lock);
	return ret;
}

/**
 * axas_space_protect - change permissions
 * @space: the space
 * @gpa: first GPA, aligned to 4 KiB
 * @size: bytes, a multiple of 4 KiB
 * @prot: &enum axas_prot bits
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_PROTECT.
 */
int axas_space_protect(struct axas_space *space, axas_gpa_t gpa, u64 size,
		       unsigned int prot)
{
	u64 begin = axas_trace_begin(axas_protect);
	int ret = space_protect(space, gpa, size, prot);

	trace_axas_protect(space->npt.id, gpa.val, size, prot, ret,
			   axas_trace_ns(begin));
	return ret;
}
EXPORT_SYMBOL_GPL(axas_space_protect);

/* ---- fault ---- */

static bool fault_in_main_area(struct axas_space *space,
			       struct axas_nested_fault *fault)
{
	const struct axas_main_area *main = &space->main_area;
	unsigned int seq;

	do {
		seq = read_seqcount_begin(&main->seq);
		fault->area = main->area;
		fault->start = main->start;
		fault->last = main->last;
	} while (read_seqcount_retry(&main->seq, seq));
	return fault->area && fault->gpa.val >= fault->start &&
	       fault->gpa.val <= fault->last;
}

static noinline void fault_find_area(struct axas_space *space,
				     struct axas_nested_fault *fault)
{
	MA_STATE(mas, &space->areas, fault->gpa.val, fault->gpa.val);

	fault->area = mas_walk(&mas);
	fault->start = mas.index;
	fault->last = mas.last;
}

/*
 * The area of a fault whose slot has been read. Whoever takes an area away
 * changes the tree, then the epoch, then the slot. So what was found under an
 * epoch is as good as what the tree holds now while the epoch is the same.
 */
static const struct axas_area *fault_area(struct axas_space *space,
					  struct axas_nested_fault *fault)
{
	u64 epoch;

	/* The slot was read before the epoch is. Pairs with npt_new_epoch(). */
	smp_rmb();
	epoch = READ_ONCE(space->npt.epoch);
	if (fault->area && fault->epoch == epoch &&
	    fault->gpa.val >= fault->start && fault->gpa.val <= fault->last)
		return fault->area;

	/* The epoch was read before the areas are. Pairs with the same. */
	smp_rmb();
	fault->epoch = epoch;
	if (!fault_in_main_area(space, fault))
		fault_find_area(space, fault);
	return fault->area;
}

/* One try, under RCU. -EAGAIN: get what the fault wants and try again. */
static int fault_try(struct axas_space *space, struct axas_nested_fault *fault)
{
	struct axas_npt *npt = &space->npt;
	const struct axas_area *area;
	struct axas_npt_slot slot;
	enum axas_look look;
	int ret;

	look = npt->ops->look(npt, fault->gpa, fault->access, &fault->cursor,
			      &slot);
	if (unlikely(look != AXAS_LOOK_EMPTY && look != AXAS_LOOK_BUSY))
		return look == AXAS_LOOK_ALLOWED ? AXAS_FAULT_SPURIOUS :
						   AXAS_FAULT_DENIED;

	area = fault_area(space, fault);
	if (!area)
		return AXAS_FAULT_NO_AREA;
	if (look == AXAS_LOOK_BUSY)
		return -EAGAIN;
	if (fault->access & ~area->attr.prot)
		return AXAS_FAULT_DENIED;
	ret = area->ops->fault(area, npt, &slot, fault);
	return ret ? ret : AXAS_FAULT_RESOLVED;
}

/* Get what the backend asked for. May sleep. */
static int fault_prepare(struct axas_nested_fault *fault)
{
	unsigned int tables = fault->tables;
	gfp_t gfp;

	if (tables) {
		fault->tables = 0;
		return axas_npt_pool_fill(&fault->pool, tables,
					  AXAS_GFP | __GFP_ZERO);
	}
	if (!fault->want_frame) {
		cond_resched();
		return 0;
	}

	fault->want_frame = false;
	gfp = fault->order ? GFP_KERNEL_ACCOUNT | __GFP_NORETRY : AXAS_GFP;
	fault->frame = axas_frame_alloc(fault->order, fault->nid,
					gfp | __GFP_ZERO);
	if (axas_frame_valid(fault->frame.hpa))
		return 0;
	if (!fault->order)
		return -ENOMEM;
	fault->small = true;
	return 0;
}

/* Resolve one. Under RCU, which is left to get what it takes. */
static enum axas_fault_result fault_one(struct axas_space *space,
					struct axas_nested_fault *fault,
					u64 gpa, unsigned int access)
{
	int ret;

	if (!axas_range_in(gpa, 1, space->base, space->length) || !access ||
	    access & ~AXAS_PROT_ALL)
		return AXAS_FAULT_INVALID;

	fault->gpa = axas_gpa(gpa);
	fault->access = access;
	fault->small = false;
	for (;;) {
		ret = fault_try(space, fault);
		if (likely(ret >= 0))
			return ret;
		/* Nothing that was found outlives its RCU section. */
		fault->cursor.base = AXAS_CURSOR_NONE;
		fault->area = NULL;
		rcu_read_unlock();
		ret = fault_prepare(fault);
		rcu_read_lock();
		if (ret)
			return AXAS_FAULT_NO_MEMORY;
	}
}

/* Resolve one of an array, on any bus. Under RCU, as fault_one(). */
static __always_inline enum axas_fault_result
fault_entry(struct axas_space *space, struct axas_nested_fault *fault,
	    struct axas_fault_entry *entry)
{
	enum axas_fault_result result;

	if (unlikely(entry->bus != AXAS_BUS_MEMORY))
		return axas_devices_access(&space->devices, entry);
	if (unlikely(entry->width != fault->width)) {
		if (!axas_width_ok(entry->width))
			return AXAS_FAULT_INVALID;
		fault->width = entry->width;
	}
	result = fault_one(space, fault, entry->gpa, entry->access);
	if (unlikely(result == AXAS_FAULT_DEVICE)) {
		entry->cookie = fault->cookie;
		entry->offset = fault->offset;
	}
	return result;
}

static noinline enum axas_fault_result
fault_traced(struct axas_space *space, struct axas_nested_fault *fault,
	     struct axas_fault_entry *entry)
{
	u64 begin = ktime_get_ns();
	enum axas_fault_result result = fault_entry(space, fault, entry);

	trace_axas_fault(space->npt.id, entry, result, ktime_get_ns() - begin);
	return result;
}

static void fault_end(struct axas_nested_fault *fault)
{
	axas_frame_free(&fault->frame);
	axas_npt_pool_free(&fault->pool);
}

static enum axas_fault_result space_fault(struct axas_space *space,
					  axas_gpa_t gpa, unsigned int access)
{
	struct axas_fault_entry entry;
	struct axas_nested_fault fault;
	enum axas_fault_result result;

	axas_fault_begin(&fault);
	rcu_read_lock();
	if (trace_axas_fault_enabled()) {
		/* What doesn't fit is as invalid as none. */
		entry = (struct axas_fault_entry){
			.gpa = gpa.val,
			.access = access > U16_MAX ? 0 : access,
		};
		result = fault_traced(space, &fault, &entry);
	} else {
		result = fault_one(space, &fault, gpa.val, access);
	}
	rcu_read_unlock();
	fault_end(&fault);
	return result;
}

/**
 * axas_space_fault - resolve a nested page fault
 * @space: the space
 * @gpa: the address that was accessed
 * @access: &enum axas_prot bits of the access
 *
 * Context: may sleep. Any number of threads at once; takes no lock.
 * Return: what became of it.
 */
enum axas_fault_result axas_space_fault(struct axas_space *space,
					axas_gpa_t gpa, unsigned int access)
{
	enum axas_fault_result result = space_fault(space, gpa, access);

	this_cpu_inc(space->faults->results[result]);
	return result;
}
EXPORT_SYMBOL_GPL(axas_space_fault);

/* How many of the first faults are spurious? */
static unsigned int faults_allowed(struct axas_space *space,
				   struct axas_nested_fault *fault,
				   struct axas_fault_entry *entries,
				   unsigned int n)
{
	struct axas_npt *npt = &space->npt;
	unsigned int i, allowed;

	allowed = npt->ops->allowed(npt, entries, n, &fault->cursor);
	for (i = 0; i < allowed; i++)
		entries[i].result = AXAS_FAULT_SPURIOUS;
	this_cpu_add(space->faults->results[AXAS_FAULT_SPURIOUS], allowed);
	return allowed;
}

/**
 * axas_space_faults - resolve some nested page faults
 * @space: the space
 * @entries: in: gpa, access, width and bus; out: result, and of a device
 *	cookie and offset
 * @n: how many; they are resolved in one RCU section unless memory is short
 *
 * Context: as axas_space_fault().
 */
void axas_space_faults(struct axas_space *space,
		       struct axas_fault_entry *entries, unsigned int n)
{
	struct axas_nested_fault fault;
	enum axas_fault_result result = AXAS_FAULT_SPURIOUS;
	unsigned int i, allowed;

	axas_fault_begin(&fault);
	rcu_read_lock();
	for (i = 0; i < n; i++) {
		/* Those that have nothing left to do come in runs. */
		if (result == AXAS_FAULT_SPURIOUS &&
		    !trace_axas_fault_enabled()) {
			allowed = faults_allowed(space, &fault, entries + i,
						 n - i);
			i += allowed;
			if (i == n)
				break;
		}
		if (trace_axas_fault_enabled())
			result = fault_traced(space, &fault, &entries[i]);
		else
			result = fault_entry(space, &fault, &entries[i]);
		entries[i].result = result;
		this_cpu_inc(space->faults->results[result]);
	}
	rcu_read_unlock();
	fault_end(&fault);
}
EXPORT_SYMBOL_GPL(axas_space_faults);

/* ---- looking ---- */

/**
 * axas_space_translate - look an address up
 * @space: the space
 * @entry: in: gpa; out: all else, the HPA included
 *
 * Context: may sleep.
 */
void axas_space_translate(struct axas_space *space,
			  struct axas_translate_entry *entry)
{
	MA_STATE(mas, &space->areas, entry->gpa, entry->gpa);
	u64 gpa = entry->gpa, offset;
	struct axas_area *area;
	struct axas_leaf leaf;
	int ret;

	*entry = (struct axas_translate_entry){
		.gpa = gpa,
		.state = AXAS_TRANSLATE_INVALID,
	};
	if (!axas_range_in(gpa, 1, space->base, space->length))
		return;
	while ((ret = axas_npt_lookup(&space->npt, axas_gpa(gpa), &leaf)) ==
	       -EAGAIN)
		cond_resched();

	guard(rcu)();
	area = mas_walk(&mas);
	entry->state = AXAS_TRANSLATE_NO_AREA;
	if (!area)
		return;
	entry->limit = mas.last - gpa + 1;
	entry->state = area->max_level ? AXAS_TRANSLATE_LAZY :
					 AXAS_TRANSLATE_DEVICE;
	entry->prot = area->attr.prot;
	entry->memtype = area->attr.memtype;
	entry->flags = area->attr.ignore_pat ? AXAS_TRANSLATE_IGNORE_PAT : 0;
	if (ret)
		return;

	offset = gpa & (axas_level_size(leaf.level) - 1);
	entry->state = AXAS_TRANSLATE_MAPPED;
	entry->hpa = leaf.hpa.val + offset;
	entry->leaf_size = axas_level_size(leaf.level);
	entry->prot = leaf.attr.prot;
	entry->memtype = leaf.attr.memtype;
	entry->flags = (leaf.accessed ? AXAS_TRANSLATE_ACCESSED : 0) |
		       (leaf.dirty ? AXAS_TRANSLATE_DIRTY : 0) |
		       (leaf.attr.ignore_pat ? AXAS_TRANSLATE_IGNORE_PAT : 0);
}
EXPORT_SYMBOL_GPL(axas_space_translate);

/**
 * axas_space_stats - figures of a space
 * @space: the space
 * @stats: out: all but @size and @flags
 *
 * Context: may sleep.
 */
void axas_space_stats(struct axas_space *space, struct axas_stats *stats)
{
	MA_STATE(mas, &space->areas, 0, 0);
	const struct axas_npt *npt = &space->npt;
	struct axas_npt_stats sum;
	struct axas_area *area;
	int cpu, i;

	*stats = (struct axas_stats){
		.format = npt->ops->format,
		.gpa_bits = npt->gpa_bits,
		.levels = npt->levels,
		.features = npt->features,
		.base = space->base,
		.length = space->length,
	};
	axas_npt_sum(npt, &sum);
	stats->resident = sum.owned * SZ_4K;
	for (i = 0; i < AXAS_MAX_LEAF_LEVEL; i++)
		stats->leaves[i] = sum.leaves[i];
	for (i = 0; i < AXAS_MAX_LEVELS; i++)
		stats->tables[i] = sum.tables[i];
	for_each_possible_cpu(cpu)
		for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
			stats->faults[i] +=
				per_cpu_ptr(space->faults, cpu)->results[i];

	guard(rcu)();
	mas_for_each(&mas, area, ULONG_MAX)
		stats->areas++;
}
EXPORT_SYMBOL_GPL(axas_space_stats);

/**
 * axas_space_root - what makes a CPU use the table
 * @space: the space
 * @root: out: all but @size and @flags
 *
 * Whoever gives this to a CPU has entered a holder before.
 *
 * Context: any.
 * Return: 0 or -EOPNOTSUPP.
 */
int axas_space_root(struct axas_space *space, struct axas_root *root)
{
	const struct axas_npt *npt = &space->npt;

	*root = (struct axas_root){
		.format = npt->ops->format,
		.levels = npt->levels,
		.root = axas_hal_virt_to_phys(npt->root).val,
		.vtcr = npt->ops->format == AXAS_FORMAT_S2 ?
				axas_s2_vtcr(npt) : 0,
	};
	return npt->ops->control(npt, &root->control);
}
EXPORT_SYMBOL_GPL(axas_space_root);

static void areas_describe(const struct axas_area *area, u64 start, u64 last,
			   struct axas_area_entry *entry)
{
	*entry = (struct axas_area_entry){
		.gpa = start,
		.length = last - start + 1,
		.cookie = area->cookie,
		.backend = area->ops->id,
		.prot = area->attr.prot,
		.memtype = area->attr.memtype,
		.flags = area->attr.ignore_pat ? AXAS_MAP_IGNORE_PAT : 0,
	};
	if (area->max_level)
		entry->max_leaf = axas_level_size(area->max_level);
	if (area->ops->id == AXAS_BACKEND_LINEAR)
		entry->hpa = start + area->offset;
	if (area->nid != NUMA_NO_NODE) {
		entry->flags |= AXAS_MAP_NODE;
		entry->node = area->nid;
	}
}

/**
 * axas_space_areas - list areas
 * @space: the space
 * @areas: as for AXAS_AREAS, but for @size, @flags and @entries; unchanged if
 *	the call fails
 * @entries: out: the areas, with the HPAs of linear ones
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or -EINTR.
 */
int axas_space_areas(struct axas_space *space, struct axas_areas *areas,
		     struct axas_area_entry *entries)
{
	MA_STATE(mas, &space->areas, areas->start, areas->start);
	struct axas_area *area;
	int ret;

	ret = mutex_lock_killable(&space->lock);
	if (ret)
		return ret;
	areas->done = 0;
	areas->generation = space->generation;
	rcu_read_lock();
	mas_for_each(&mas, area, ULONG_MAX) {
		if (areas->done == areas->nr)
			break;
		areas_describe(area, mas.index, mas.last,
			       &entries[areas->done++]);
		areas->start = mas.last + 1;
	}
	rcu_read_unlock();
	mutex_unlock(&space->lock);
	if (!area)
		areas->start = U64_MAX;
	return 0;
}
EXPORT_SYMBOL_GPL(axas_space_areas);

/* ---- devices on other buses ---- */

/**
 * axas_space_add_device - register ports or system registers
 * @space: the space
 * @args: as for AXAS_DEVICE_ADD; @size and @flags are not looked at
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_DEVICE_ADD.
 */
int axas_space_add_device(struct axas_space *space,
			  const struct axas_device *args)
{
	int ret = mutex_lock_killable(&space->lock);

	if (ret)
		return ret;
	ret = axas_devices_add(&space->devices, args);
	mutex_unlock(&space->lock);
	return ret;
}
EXPORT_SYMBOL_GPL(axas_space_add_device);

/**
 * axas_space_del_device - take back what was registered
 * @space: the space
 * @args: as for AXAS_DEVICE_DEL; @size, @flags and @cookie are not looked at
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_DEVICE_DEL.
 */
int axas_space_del_device(struct axas_space *space,
			  const struct axas_device *args)
{
	int ret = mutex_lock_killable(&space->lock);

	if (ret)
		return ret;
	ret = axas_devices_del(&space->devices, args);
	mutex_unlock(&space->lock);
	return ret;
}
EXPORT_SYMBOL_GPL(axas_space_del_device);

/* ---- guest memory ---- */

/* Is there a struct page that may be mapped and pinned like any other? */
static struct page *memory_page(const struct axas_leaf *leaf, axas_hpa_t hpa)
{
	unsigned long pfn = hpa.val >> PAGE_SHIFT;

	if (leaf->attr.owned)
		return pfn_to_page(pfn);
	return pfn_valid(pfn) && PageReserved(pfn_to_page(pfn)) ?
		       pfn_to_page(pfn) : NULL;
}

/*
 * Find the leaf and take a reference of its page, all under one RCU section.
 * The entry is read again afterwards: if it hasn't changed, the reference was
 * taken while the entry still held its own.
 */
static int memory_try(struct axas_space *space, axas_gpa_t gpa,
		      unsigned int access, struct axas_memory *memory)
{
	struct axas_npt *npt = &space->npt;
	struct axas_npt_slot slot;
	struct axas_leaf leaf;
	u64 size, offset;

	guard(rcu)();
	if (!npt->ops->lookup(npt, gpa, &slot, &leaf))
		return axas_npt_busy(&slot) ? -EAGAIN : -ENOENT;
	if (access & ~leaf.attr.prot)
		return -EACCES;

	size = axas_level_size(leaf.level);
	offset = gpa.val & PAGE_MASK & (size - 1);
	memory->attr = leaf.attr;
	memory->hpa = axas_hpa(leaf.hpa.val + offset);
	memory->left = size - offset;
	memory->page = memory_page(&leaf, memory->hpa);
	if (!memory->page)
		return 0;
	if (!get_page_unless_zero(memory->page))
		return -EAGAIN;
	if (READ_ONCE(*slot.ptr) != slot.old) {
		put_page(memory->page);
		return -EAGAIN;
	}
	return 0;
}

/**
 * axas_space_get_memory - get at a page of guest memory
 * @space: the space
 * @gpa: any address in the page
 * @access: &enum axas_prot bits that the area must allow
 * @memory: out: the page; the caller drops its reference with put_page()
 *
 * A page that isn't there yet comes from the area's backend. What is returned
 * may be unmapped at any time; the reference keeps the frame alive.
 *
 * Context: may sleep.
 * Return: 0; -EFAULT outside of areas; -EACCES; -ENOMEM.
 */
int axas_space_get_memory(struct axas_space *space, axas_gpa_t gpa,
			  unsigned int access, struct axas_memory *memory)
{
	int ret;

	if (!axas_range_in(gpa.val, 1, space->base, space->length))
		return -EFAULT;
	for (;;) {
		ret = memory_try(space, gpa, access, memory);
		if (ret == -EAGAIN) {
			cond_resched();
			continue;
		}
		if (ret != -ENOENT)
			return ret;
		switch (space_fault(space, gpa, access)) {
		case AXAS_FAULT_RESOLVED:
		case AXAS_FAULT_SPURIOUS:
			continue;
		case AXAS_FAULT_DENIED:
			return -EACCES;
		case AXAS_FAULT_NO_MEMORY:
			return -ENOMEM;
		default:
			return -EFAULT;
		}
	}
}
EXPORT_SYMBOL_GPL(axas_space_get_memory);

/**
 * axas_space_check_memory - is what was got still what the table says?
 * @space: the space
 * @gpa: as for axas_space_get_memory()
 * @access: as for axas_space_get_memory()
 * @memory: what it returned
 *
 * Context: any. Whoever makes a translation of its own from the answer holds
 * the page's lock, or a lock that its invalidation takes, from here until the
 * translation can be found by the invalidation.
 * Return: 0; -EAGAIN if it has changed; -EACCES if the access isn't allowed
 * any more.
 */
int axas_space_check_memory(struct axas_space *space, axas_gpa_t gpa,
			    unsigned int access,
			    const struct axas_memory *memory)
{
	struct axas_leaf leaf;
	u64 offset;

	if (axas_npt_lookup(&space->npt, gpa, &leaf))
		return -EAGAIN;
	offset = gpa.val & PAGE_MASK & (axas_level_size(leaf.level) - 1);
	if (leaf.hpa.val + offset != memory->hpa.val)
		return -EAGAIN;
	return access & ~leaf.attr.prot ? -EACCES : 0;
}
EXPORT_SYMBOL_GPL(axas_space_check_memory);

/**
 * axas_space_add_holder - from now on tell a holder of translations
 * @space: the space
 * @holder: whom; twice is once
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or -EINTR.
 */
int axas_space_add_holder(struct axas_space *space, struct axas_holder *holder)
{
	int ret;

	ret = mutex_lock_killable(&space->lock);
	if (ret)
		return ret;
	if (list_empty(&holder->node))
		list_add(&holder->node, &space->npt.holders);
	mutex_unlock(&space->lock);
	return 0;
}
EXPORT_SYMBOL_GPL(axas_space_add_holder);

/**
 * axas_space_del_holder - don't tell a holder any more
 * @space: the space
 * @holder: whom; it holds no translation any more
 *
 * Context: may sleep. Takes the space's lock.
 */
void axas_space_del_holder(struct axas_space *space, struct axas_holder *holder)
{
	guard(mutex)(&space->lock);
	list_del_init(&holder->node);
}
EXPORT_SYMBOL_GPL(axas_space_del_holder);
