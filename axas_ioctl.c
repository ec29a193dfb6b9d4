// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of a space: privilege, copying, nothing else.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <axas/probe.h>

#include "axas_file.h"
#include "axas_ioctl.h"

static int linear_claimed(struct resource *res, void *none)
{
	return 1;
}

/* May the caller put this host memory into a space? */
static int linear_allowed(const struct axas_map *map)
{
	int ret;

	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	ret = security_locked_down(LOCKDOWN_DEV_MEM);
	if (ret)
		return ret;
	if (!axas_range_in(map->hpa, map->length, 0,
			   BIT_ULL(AXAS_HAL_PHYS_BITS)))
		return -ERANGE;
	if (region_intersects(map->hpa, map->length, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT)
		return -EACCES;
	/* Is any of it a driver's alone? iomem_is_exclusive() isn't for modules. */
	return walk_iomem_res_desc(IORES_DESC_NONE,
				   IORESOURCE_MEM | IORESOURCE_EXCLUSIVE,
				   map->hpa, map->hpa + map->length - 1, NULL,
				   linear_claimed) > 0 ? -EBUSY : 0;
}

static int map_linear(struct axas_space *space, const struct axas_map *map)
{
	int ret = down_read_killable(&axas_linear_lock);

	if (ret)
		return ret;
	ret = linear_allowed(map);
	if (!ret)
		ret = axas_space_map(space, map);
	up_read(&axas_linear_lock);
	return ret;
}

static int map_alias(struct axas_space *space, const struct axas_map *map)
{
	struct axas_source source;
	int ret = axas_file_lend(map->fd, map->offset, map->length, &source);

	if (ret)
		return ret;
	ret = axas_space_map_alias(space, map, &source);
	fput(source.file);
	return ret;
}

static int ioctl_map(struct axas_space *space, union axas_args *args)
{
	const struct axas_map *map = &args->map;

	if (map->backend == AXAS_BACKEND_ALIAS)
		return map_alias(space, map);
	if (map->backend == AXAS_BACKEND_LINEAR && map->length)
		return map_linear(space, map);
	return axas_space_map(space, map);
}

static int ioctl_unmap(struct axas_space *space, union axas_args *args)
{
	return axas_space_unmap(space, axas_gpa(args->unmap.gpa),
				args->unmap.length);
}

static int ioctl_protect(struct axas_space *space, union axas_args *args)
{
	if (args->protect.reserved)
		return -EINVAL;
	return axas_space_protect(space, axas_gpa(args->protect.gpa),
				  args->protect.length, args->protect.prot);
}

static int ioctl_discard(struct axas_space *space, union axas_args *args)
{
	struct axas_discard *discard = &args->discard;
	struct axas_npt_freed freed;
	int ret;

	ret = axas_space_discard(space, axas_gpa(discard->gpa), discard->length,
				 &freed);
	discard->freed = freed.freed * SZ_4K;
	discard->pinned = freed.pinned * SZ_4K;
	return ret;
}

static int ioctl_populate(struct axas_space *space, union axas_args *args)
{
	struct axas_populate *populate = &args->populate;

	return axas_space_populate(space, axas_gpa(populate->gpa),
				   populate->length, &populate->done);
}

static int ioctl_collapse(struct axas_space *space, union axas_args *args)
{
	return axas_space_collapse(space, &args->collapse);
}

static int ioctl_resize(struct axas_space *space, union axas_args *args)
{
	return axas_space_resize(space, axas_gpa(args->resize.gpa),
				 args->resize.length);
}

static int ioctl_move(struct axas_space *space, union axas_args *args)
{
	const struct axas_move *move = &args->move;

	return axas_space_move(space, axas_gpa(move->from), axas_gpa(move->to),
			       move->length, move->flags & AXAS_MOVE_EXCHANGE);
}

static int ioctl_clear(struct axas_space *space, union axas_args *args)
{
	return axas_space_clear(space);
}

/* Array elements that are copied at a time, on the stack. */
#define AXAS_CHUNK	32

/* Only what is new goes back. */
static bool fault_answer(struct axas_fault_entry __user *user,
			 const struct axas_fault_entry *entries, u32 n)
{
	u32 i;

	if (!user_write_access_begin(user, n * sizeof(*user)))
		return false;
	for (i = 0; i < n; i++) {
		unsafe_put_user(entries[i].result, &user[i].result, fail);
		if (likely(!axas_fault_names_area(entries[i].result)))
			continue;
		unsafe_put_user(entries[i].cookie, &user[i].cookie, fail);
		unsafe_put_user(entries[i].offset, &user[i].offset, fail);
	}
	user_write_access_end();
	return true;

fail:
	user_write_access_end();
	return false;
}

static int ioctl_fault(struct axas_space *space, union axas_args *args)
{
	struct axas_fault *fault = &args->fault;
	struct axas_fault_entry __user *user = u64_to_user_ptr(fault->entries);
	struct axas_fault_entry entries[AXAS_CHUNK];
	u32 n;

	for (fault->done = 0; fault->done < fault->nr; fault->done += n) {
		n = min_t(u32, fault->nr - fault->done, AXAS_CHUNK);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		if (copy_from_user(entries, user + fault->done,
				   n * sizeof(*entries)))
			return -EFAULT;
		axas_space_faults(space, entries, n);
		if (!fault_answer(user + fault->done, entries, n))
			return -EFAULT;
	}
	return 0;
}

static int ioctl_translate(struct axas_space *space, union axas_args *args)
{
	struct axas_translate *translate = &args->translate;
	struct axas_translate_entry __user *user =
		u64_to_user_ptr(translate->entries);
	struct axas_translate_entry entries[AXAS_CHUNK];
	bool admin = capable(CAP_SYS_ADMIN);
	u32 i, n;

	for (translate->done = 0; translate->done < translate->nr;
	     translate->done += n) {
		n = min_t(u32, translate->nr - translate->done, AXAS_CHUNK);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		if (copy_from_user(entries, user + translate->done,
				   n * sizeof(*entries)))
			return -EFAULT;
		for (i = 0; i < n; i++) {
			axas_space_translate(space, &entries[i]);
			if (!admin)
				entries[i].hpa = 0;
		}
		if (copy_to_user(user + translate->done, entries,
				 n * sizeof(*entries)))
			return -EFAULT;
	}
	return 0;
}

static int ioctl_stats(struct axas_space *space, union axas_args *args)
{
	u32 size = args->stats.size;

	axas_space_stats(space, &args->stats);
	args->stats.size = size;
	return 0;
}

static int ioctl_probe(struct axas_space *space, union axas_args *args)
{
	struct axas_probe *probe = &args->probe;
	struct axas_probe_result result = {};
	int ret;

	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	if (!is_power_of_2(probe->access) ||
	    !axas_npt_has(&space->npt, probe->access))
		return -EINVAL;
	if (!axas_range_in(probe->gpa, 1, space->base, space->length))
		return -ERANGE;
	ret = mutex_lock_killable(&space->lock);
	if (ret)
		return ret;
	/* A space without a holder tells nobody what it takes away. */
	axas_npt_probe_forget(&space->npt, axas_gpa(0),
			      BIT_ULL(space->npt.gpa_bits));
	ret = axas_npt_probe(&space->npt, axas_gpa(probe->gpa), probe->access,
			     &result);
	mutex_unlock(&space->lock);
	probe->kind = result.kind;
	probe->hpa = result.hpa.val;
	probe->level = result.level;
	probe->memtype = result.memtype;
	probe->raw = result.raw;
	return ret;
}

static int ioctl_root(struct axas_space *space, union axas_args *args)
{
	u32 size = args->root.size;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	ret = axas_space_root(space, &args->root);
	args->root.size = size;
	return ret;
}

/* Areas that are listed at a time. */
#define AXAS_LISTED	256

/* Collected first: user memory may take its time, and the space waits. */
static int ioctl_areas(struct axas_space *space, union axas_args *args)
{
	struct axas_area_entry *entries __free(kfree) = NULL;
	struct axas_areas areas = args->areas;
	bool admin = capable(CAP_SYS_ADMIN);
	u32 i;
	int ret;

	args->areas.done = 0;
	areas.nr = min_t(u32, areas.nr, AXAS_LISTED);
	entries = kmalloc_array(areas.nr, sizeof(*entries), AXAS_GFP);
	if (!entries)
		return -ENOMEM;
	ret = axas_space_areas(space, &areas, entries);
	if (ret)
		return ret;
	for (i = 0; !admin && i < areas.done; i++)
		if (entries[i].backend == AXAS_BACKEND_LINEAR)
			entries[i].hpa = 0;
	if (copy_to_user(u64_to_user_ptr(areas.entries), entries,
			 areas.done * sizeof(*entries)))
		return -EFAULT;
	areas.nr = args->areas.nr;
	args->areas = areas;
	return 0;
}

/* Runs that are listed at a time. */
#define AXAS_RUNS	256

/* Collected first, as areas are. */
static int ioctl_next(struct axas_space *space, union axas_args *args)
{
	struct axas_next_entry *entries __free(kfree) = NULL;
	struct axas_next next = args->next;
	int ret;

	args->next.done = 0;
	next.nr = min_t(u32, next.nr, AXAS_RUNS);
	entries = kmalloc_array(next.nr, sizeof(*entries), AXAS_GFP);
	if (!entries)
		return -ENOMEM;
	ret = axas_space_next(space, &next, entries);
	if (ret)
		return ret;
	if (copy_to_user(u64_to_user_ptr(next.entries), entries,
			 next.done * sizeof(*entries)))
		return -EFAULT;
	next.nr = args->next.nr;
	args->next = next;
	return 0;
}

static int ioctl_ram_file(struct axas_space *space, union axas_args *args)
{
	return axas_ram_open(space, &args->ram_file);
}

static int ioctl_device_add(struct axas_space *space, union axas_args *args)
{
	return axas_space_add_device(space, &args->device);
}

static int ioctl_device_del(struct axas_space *space, union axas_args *args)
{
	return axas_space_del_device(space, &args->device);
}

static int ioctl_track(struct axas_space *space, union axas_args *args)
{
	return axas_tracker_open(space, &args->track);
}

static int ioctl_copy_out(const struct axas_call *call)
{
	return copy_to_user(call->user, &call->args,
			    min(call->size, call->ioctl->size)) ? -EFAULT : 0;
}

/**
 * axas_ioctl_begin - find an ioctl and copy its structure in
 * @call: out: the call
 * @table: the ioctls that there are
 * @n: size of the table
 * @cmd: the caller's
 * @arg: the caller's
 *
 * Context: may sleep.
 * Return: 0; -ENOTTY if there is none of that number; -EFAULT; -EINVAL; -E2BIG.
 */
int axas_ioctl_begin(struct axas_call *call, const struct axas_ioctl *table,
		     unsigned int n, unsigned int cmd, unsigned long arg)
{
	unsigned int nr = _IOC_NR(cmd);
	const struct axas_ioctl *ioctl;
	int ret;

	call->user = (void __user *)arg;
	if (nr >= n || cmd != _IO(AXAS_IOC_TYPE, nr))
		return -ENOTTY;
	ioctl = &table[array_index_nospec(nr, n)];
	if (!ioctl->size)
		return -ENOTTY;
	call->ioctl = ioctl;
	if (get_user(call->size, (u32 __user *)call->user))
		return -EFAULT;
	if (call->size < ioctl->min_size)
		return -EINVAL;
	if (call->size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(&call->args, ioctl->size, call->user,
				    call->size);
	if (ret)
		return ret;
	call->args.info.size = call->size;
	if (call->args.info.flags & ~ioctl->flags)
		return -EINVAL;
	return ioctl->writes == AXAS_WRITES_FIRST ? ioctl_copy_out(call) : 0;
}

/**
 * axas_ioctl_end - copy the structure out
 * @call: the call
 * @ret: what became of it; arrays say how far they came even if they fail
 *
 * Context: may sleep.
 * Return: @ret or -EFAULT.
 */
long axas_ioctl_end(struct axas_call *call, long ret)
{
	if (call->ioctl->writes && ioctl_copy_out(call))
		return -EFAULT;
	return ret;
}

/**
 * axas_ioctl_run - run an ioctl of a table
 * @space: the space, or NULL for /dev/axas
 * @table: the table
 * @n: its size
 * @cmd: the caller's
 * @arg: the caller's
 *
 * Context: may sleep.
 * Return: what the ioctl says, or an errno of axas_ioctl_begin().
 */
long axas_ioctl_run(struct axas_space *space, const struct axas_ioctl *table,
		    unsigned int n, unsigned int cmd, unsigned long arg)
{
	struct axas_call call;
	int ret = axas_ioctl_begin(&call, table, n, cmd, arg);

	if (ret)
		return ret;
	return axas_ioctl_end(&call, call.ioctl->run(space, &call.args));
}

/* axas_space_map() knows which flags are a backend's. */
static const struct axas_ioctl space_ioctls[] = {
	AXAS_IOCTL(AXAS_MAP, struct axas_map, cookie, ioctl_map, AXAS_WRITES_NOTHING, U32_MAX),
	AXAS_IOCTL(AXAS_UNMAP, struct axas_unmap, length, ioctl_unmap, AXAS_WRITES_NOTHING, 0),
	AXAS_IOCTL(AXAS_PROTECT, struct axas_protect, reserved, ioctl_protect,
		   AXAS_WRITES_NOTHING, 0),
	AXAS_IOCTL(AXAS_CLEAR, struct axas_clear, flags, ioctl_clear, AXAS_WRITES_NOTHING, 0),
	AXAS_IOCTL(AXAS_FAULT, struct axas_fault, done, ioctl_fault, AXAS_WRITES, 0),
	AXAS_IOCTL(AXAS_TRANSLATE, struct axas_translate, done, ioctl_translate, AXAS_WRITES, 0),
	AXAS_IOCTL(AXAS_STATS, struct axas_stats, faults[AXAS_FAULT_DEVICE], ioctl_stats,
		   AXAS_WRITES, 0),
	AXAS_IOCTL(AXAS_PROBE, struct axas_probe, raw, ioctl_probe, AXAS_WRITES, 0),
	AXAS_IOCTL(AXAS_ROOT, struct axas_root, vtcr, ioctl_root, AXAS_WRITES, 0),
	AXAS_IOCTL(AXAS_AREAS, struct axas_areas, generation, ioctl_areas, AXAS_WRITES, 0),
	AXAS_IOCTL(AXAS_DEVICE_ADD, struct axas_device, cookie, ioctl_device_add,
		   AXAS_WRITES_NOTHING, 0),
	AXAS_IOCTL(AXAS_DEVICE_DEL, struct axas_device, cookie, ioctl_device_del,
		   AXAS_WRITES_NOTHING, 0),
	AXAS_IOCTL(AXAS_DISCARD, struct axas_discard, pinned, ioctl_discard, AXAS_WRITES_FIRST, 0),
	AXAS_IOCTL(AXAS_POPULATE, struct axas_populate, done, ioctl_populate, AXAS_WRITES, 0),
	AXAS_IOCTL(AXAS_NEXT, struct axas_next, done, ioctl_next, AXAS_WRITES, 0),
	AXAS_IOCTL(AXAS_MOVE, struct axas_move, length, ioctl_move,
		   AXAS_WRITES_NOTHING, AXAS_MOVE_EXCHANGE),
	AXAS_IOCTL(AXAS_RESIZE, struct axas_resize, length, ioctl_resize, AXAS_WRITES_NOTHING, 0),
	AXAS_IOCTL(AXAS_RAM_FILE, struct axas_ram_file, reserved, ioctl_ram_file,
		   AXAS_WRITES_NOTHING, AXAS_RAM_PIN),
	AXAS_IOCTL(AXAS_COLLAPSE, struct axas_collapse, joined, ioctl_collapse, AXAS_WRITES,
		   AXAS_COLLAPSE_COPY),
	AXAS_IOCTL(AXAS_TRACK, struct axas_track, threshold, ioctl_track, AXAS_WRITES_NOTHING,
		   AXAS_TRACK_BY_FLAGS),
};

/**
 * axas_ioctl_space - run an ioctl of a space
 * @space: the space
 * @cmd: the caller's
 * @arg: the caller's
 *
 * Context: may sleep.
 * Return: as axas_ioctl_run().
 */
long axas_ioctl_space(struct axas_space *space, unsigned int cmd,
		      unsigned long arg)
{
	return axas_ioctl_run(space, space_ioctls, ARRAY_SIZE(space_ioctls),
			      cmd, arg);
}
