// SPDX-License-Identifier: GPL-2.0
/*
 * Devices at I/O ports and system registers.
 */
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include <axas/compat.h>
#include <axas/device.h>
#include <axas/hal.h>

/* A registered range; the tree knows where it lies, and it is never cut. */
struct device_range {
	u64 cookie;
	struct rcu_head rcu;
};

static void range_put(struct axas_tree *tree, void *entry)
{
	struct device_range *range = entry;

	kfree_rcu(range, rcu);
}

static const struct axas_tree_ops bus_tree_ops = {
	.put = range_put,
};

/**
 * axas_devices_init - no devices yet
 * @devices: uninitialized
 */
void axas_devices_init(struct axas_devices *devices)
{
	axas_tree_init(&devices->ports, &bus_tree_ops);
	axas_tree_init(&devices->sysregs, &bus_tree_ops);
}

/**
 * axas_devices_destroy - forget all devices
 * @devices: nobody looks anything up there any more
 *
 * Context: may sleep.
 */
void axas_devices_destroy(struct axas_devices *devices)
{
	axas_tree_destroy(&devices->ports);
	axas_tree_destroy(&devices->sysregs);
}

/* The tree of a bus and its last address; NULL if there is no such bus. */
static struct axas_tree *bus_tree(struct axas_devices *devices,
				  unsigned int bus, u64 *last)
{
	switch (bus) {
	case AXAS_BUS_PORT:
		*last = AXAS_PORT_LAST;
		return &devices->ports;
	case AXAS_BUS_SYSREG:
		*last = AXAS_SYSREG_LAST;
		return &devices->sysregs;
	default:
		return NULL;
	}
}

/* The tree of a range that a call names, or an ERR_PTR() of its errno. */
static struct axas_tree *bus_range(struct axas_devices *devices,
				   const struct axas_device *args)
{
	struct axas_tree *tree;
	u64 last;

	tree = bus_tree(devices, args->bus, &last);
	if (!tree || args->reserved)
		return ERR_PTR(-EINVAL);
	if (args->first > args->last || args->last > last)
		return ERR_PTR(-ERANGE);
	return tree;
}

/*
 * The first range that meets the one of the call; found is where it lies, and
 * its cookie. What is returned stays as long as the space's lock is held.
 */
static struct device_range *bus_first(struct axas_tree *tree,
				      const struct axas_device *args,
				      struct axas_device *found)
{
	u64 first = args->first, last = args->last;
	struct device_range *range;

	guard(rcu)();
	range = axas_tree_find(tree, &first, &last);
	if (range) {
		found->first = first;
		found->last = last;
		found->cookie = range->cookie;
	}
	return range;
}

/**
 * axas_devices_add - register a range
 * @devices: the devices; the caller holds the space's lock
 * @args: as for AXAS_DEVICE_ADD; @size and @flags are not looked at
 *
 * Context: may sleep.
 * Return: 0 or an errno of AXAS_DEVICE_ADD.
 */
int axas_devices_add(struct axas_devices *devices,
		     const struct axas_device *args)
{
	struct axas_tree *tree = bus_range(devices, args);
	struct device_range *range;
	struct axas_device found;
	int ret;

	if (IS_ERR(tree))
		return PTR_ERR(tree);
	if (bus_first(tree, args, &found))
		return -EEXIST;
	range = kmalloc(sizeof(*range), AXAS_GFP);
	if (!range)
		return -ENOMEM;
	range->cookie = args->cookie;
	ret = axas_tree_insert(tree, args->first, args->last, range);
	if (ret)
		kfree(range);
	return ret;
}

/**
 * axas_devices_del - take back what one axas_devices_add() has registered
 * @devices: the devices; the caller holds the space's lock
 * @args: as for AXAS_DEVICE_DEL; @size, @flags and @cookie are not looked at
 *
 * Context: may sleep.
 * Return: 0 or an errno of AXAS_DEVICE_DEL.
 */
int axas_devices_del(struct axas_devices *devices,
		     const struct axas_device *args)
{
	struct axas_tree *tree = bus_range(devices, args);
	struct device_range *range;
	struct axas_device found;

	if (IS_ERR(tree))
		return PTR_ERR(tree);
	range = bus_first(tree, args, &found);
	if (!range || found.first != args->first || found.last != args->last)
		return -ENOENT;
	return axas_tree_erase(tree, args->first, args->last);
}

/**
 * axas_devices_next - list what is registered on a bus
 * @devices: the devices
 * @found: in: @bus, and @first to begin with; out: the range that lies there or
 *	behind, and its cookie
 *
 * Context: any; takes RCU.
 * Return: false if there is none, and @found is as it was.
 */
bool axas_devices_next(struct axas_devices *devices, struct axas_device *found)
{
	struct axas_device rest = *found;
	struct axas_tree *tree;

	tree = bus_tree(devices, found->bus, &rest.last);
	return rest.first <= rest.last && bus_first(tree, &rest, found);
}

/* Look an address up. Under RCU. */
static enum axas_fault_result bus_access(struct axas_tree *tree,
					 struct axas_fault_entry *entry)
{
	MA_STATE(mas, &tree->mt, entry->gpa, entry->gpa);
	struct device_range *range = mas_walk(&mas);

	if (!range)
		return AXAS_FAULT_NO_AREA;
	if (entry->bus == AXAS_BUS_PORT &&
	    !axas_width_fits(entry->gpa, entry->width, mas.last))
		return AXAS_FAULT_INVALID;
	entry->cookie = range->cookie;
	entry->offset = entry->gpa - mas.index;
	return AXAS_FAULT_DEVICE;
}

/**
 * axas_devices_access - whose is an access on another bus than memory?
 * @devices: the devices
 * @entry: in: the access; out: cookie and offset, if it is a device's
 *
 * Context: under RCU.
 * Return: its &enum axas_fault_result.
 */
enum axas_fault_result axas_devices_access(struct axas_devices *devices,
					   struct axas_fault_entry *entry)
{
	const unsigned int known = AXAS_PROT_READ | AXAS_PROT_WRITE;
	struct axas_tree *tree;
	u64 last;

	tree = bus_tree(devices, entry->bus, &last);
	if (!tree || entry->gpa > last || !axas_width_ok(entry->width) ||
	    !entry->access || entry->access & ~known)
		return AXAS_FAULT_INVALID;
	return bus_access(tree, entry);
}
