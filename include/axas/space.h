/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_SPACE_H
#define _AXAS_SPACE_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/path.h>
#include <linux/seqlock.h>

#include <axas/backend.h>
#include <axas/device.h>
#include <axas/live.h>
#include <axas/npt.h>
#include <axas/tree.h>

/**
 * DOC: Spaces
 *
 * A space is a tree of areas and the nested page table that they fill. Its
 * functions take the structures of the ioctls of the same name, whose errors
 * are theirs too.
 *
 * Another module makes a space of its own with axas_space_create() and ends it
 * with axas_space_destroy(), or takes part in one that user space has made, from
 * axas_space_get_fd() to axas_space_put(). Who keeps translations of a space, in
 * a CPU or elsewhere, enters a &struct axas_holder before it makes the first,
 * and takes it out when it has none left, before the space goes.
 * samples/softmmu does all of that, and samples/vcpu with a real CPU.
 */

/* With an access: it is the owner's of the space, and not its guest's. */
#define AXAS_ACCESS_OWNER	BIT(7)

/* With an access: nothing is brought in for it. */
#define AXAS_ACCESS_THERE	BIT(6)

struct axas_hold;
struct axas_tracking;
struct iov_iter;

/* Faults by result, per CPU. */
struct axas_fault_stats {
	u64 results[AXAS_NR_FAULT_RESULTS];
};

/**
 * axas_fault_names_area - does a fault's answer have cookie and offset?
 * @result: the result
 *
 * Return: true if it says of which area, and where in it.
 */
static inline bool axas_fault_names_area(enum axas_fault_result result)
{
	return result > AXAS_FAULT_SPURIOUS &&
	       (result == AXAS_FAULT_DEVICE || result == AXAS_FAULT_DENIED);
}

/**
 * struct axas_main_area - the area that most faults are in, outside of the tree
 * @seq: written under the space's lock with preemption off, read under RCU. Not
 *	bound to the lock, which a reader would take on PREEMPT_RT
 * @area: the largest area that was mapped since the last one was cut; or NULL
 * @start: its first byte
 * @last: its last byte
 */
struct axas_main_area {
	seqcount_t seq;
	struct axas_area *area;
	u64 start;
	u64 last;
};

/**
 * struct axas_keeper - somebody from whose range nothing is taken while he has uses of it
 * @node: for the space's list of them
 * @gpa: first GPA
 * @size: bytes
 * @uses: how many there are; goes up before anything is found there by it
 */
struct axas_keeper {
	struct list_head node;
	u64 gpa;
	u64 size;
	atomic_t uses;
};

/**
 * struct axas_space - a guest physical address space
 * @npt: its table
 * @areas: ranges of GPAs, in bytes, to &struct axas_area; read under RCU
 * @main_area: the same for the one that is asked for most
 * @lock: held to change areas and to take anything out of the table
 * @base: first GPA
 * @length: bytes
 * @generation: goes up with every change of @areas; under @lock
 * @held: somebody has had translations, and may have pinned pages; under @lock
 * @devices: ports and system registers; changed under @lock, read under RCU
 * @hold: R, once somebody has touched the memory from the kernel; set under
 *	@lock
 * @lent: what is aliased of it, &struct axas_alias; who enters one has @lock
 * @aliases: those that it has
 * @lent_away: how many of @lent other spaces have
 * @borrowed: how many of @aliases are of other spaces
 * @lent_once: another space has had one of it
 * @keepers: &struct axas_keeper; under @lock
 * @tracking: who wants to know what is written, once somebody has; set under @lock
 * @path: the inode that the space lives and dies with, if it has one
 * @live: in the list of all spaces, and whose it is
 * @faults: figures
 */
struct axas_space {
	struct axas_npt npt;
	struct axas_tree areas;
	struct axas_main_area main_area;
	struct mutex lock; /* areas, and all that takes entries away */
	u64 base;
	u64 length;
	u64 generation;
	bool held;
	struct axas_devices devices;
	struct axas_hold *hold;
	struct list_head lent;
	struct list_head aliases;
	u64 lent_away;
	u64 borrowed;
	bool lent_once;
	struct list_head keepers;
	struct axas_tracking *tracking;
	struct path path;
	struct axas_live live;
	struct axas_fault_stats __percpu *faults;
};

/**
 * struct axas_memory - a page of guest memory that the caller may use
 * @hpa: host physical address of the page
 * @left: bytes from there to the end of the leaf, all in one piece
 * @page: its struct page with a reference for the caller, or NULL if the space
 *	doesn't own the frame: then nobody says how long it is there, and the
 *	kernel may not have it mapped
 * @attr: what the leaf allows
 */
struct axas_memory {
	axas_hpa_t hpa;
	u64 left;
	struct page *page;
	struct axas_attr attr;
};

/**
 * struct axas_source - what an area is to be an alias of
 * @space: the space
 * @gpa: first GPA there
 * @prot: &enum axas_prot bits beyond which it gives no rights
 * @file: keeps the space while there is such an area; NULL if the caller does
 */
struct axas_source {
	struct axas_space *space;
	u64 gpa;
	unsigned int prot;
	struct file *file;
};

struct axas_space *axas_space_create(const struct axas_create *args);
void axas_space_destroy(struct axas_space *space);
struct axas_space *axas_space_get_fd(int fd);
void axas_space_put(struct axas_space *space);

int axas_space_map(struct axas_space *space, const struct axas_map *args);
int axas_space_map_alias(struct axas_space *space, const struct axas_map *args,
			 const struct axas_source *source);
int axas_space_unmap(struct axas_space *space, axas_gpa_t gpa, u64 size);
int axas_space_protect(struct axas_space *space, axas_gpa_t gpa, u64 size,
		       unsigned int prot);
int axas_space_resize(struct axas_space *space, axas_gpa_t gpa, u64 size);
int axas_space_move(struct axas_space *space, axas_gpa_t from, axas_gpa_t to,
		    u64 size, bool exchange);
int axas_space_clear(struct axas_space *space);
int axas_space_populate(struct axas_space *space, axas_gpa_t gpa, u64 size,
			u64 *done);
int axas_space_collapse(struct axas_space *space, struct axas_collapse *args);
int axas_space_next(struct axas_space *space, struct axas_next *next,
		    struct axas_next_entry *entries);
int axas_space_discard(struct axas_space *space, axas_gpa_t gpa, u64 size,
		       struct axas_npt_freed *freed);

enum axas_fault_result axas_space_fault(struct axas_space *space,
					axas_gpa_t gpa, unsigned int access);
void axas_space_faults(struct axas_space *space,
		       struct axas_fault_entry *entries, unsigned int n);
void axas_space_translate(struct axas_space *space,
			  struct axas_translate_entry *entry);
void axas_space_stats(struct axas_space *space, struct axas_stats *stats);
int axas_space_root(struct axas_space *space, struct axas_root *root);
int axas_space_areas(struct axas_space *space, struct axas_areas *areas,
		     struct axas_area_entry *entries);

int axas_space_add_device(struct axas_space *space,
			  const struct axas_device *args);
int axas_space_del_device(struct axas_space *space,
			  const struct axas_device *args);

int axas_space_get_memory(struct axas_space *space, axas_gpa_t gpa,
			  unsigned int access, struct axas_memory *memory);
int axas_space_check_memory(struct axas_space *space, axas_gpa_t gpa,
			    unsigned int access, struct axas_memory *memory);
ssize_t axas_space_rw_iter(struct axas_space *space, axas_gpa_t gpa,
			   struct iov_iter *iter, bool write);

int axas_space_poison(struct axas_space *space, axas_gpa_t gpa, axas_hpa_t hpa);
void axas_poison_frame(axas_hpa_t hpa);
int axas_poison_init(void);
void axas_poison_exit(void);
bool axas_linear_in_use(u64 first, u64 last);
int axas_hotadd_init(void);
void axas_hotadd_exit(void);

int axas_space_add_holder(struct axas_space *space, struct axas_holder *holder);
void axas_space_del_holder(struct axas_space *space,
			   struct axas_holder *holder);

/**
 * axas_space_wrote - the kernel has written to guest memory
 * @space: the space
 * @memory: from axas_space_get_memory(), with the reference or R still held
 * @offset: where in it the first byte was written
 * @size: bytes that were written
 *
 * The guest sees them even if its caches are off. What a space doesn't own is its
 * owner's.
 *
 * Context: any.
 */
static inline void axas_space_wrote(const struct axas_space *space,
				    const struct axas_memory *memory,
				    size_t offset, size_t size)
{
	const struct axas_npt *npt = &space->npt;
	axas_hpa_t hpa = axas_hpa(memory->hpa.val + offset);
	unsigned int what;

	if (!AXAS_HAL_SYNCS || !memory->attr.owned)
		return;
	what = npt->ops->sync(npt, memory->attr);
	if (what)
		axas_hal_sync_frames(&hpa, 1, size, what);
}

/**
 * axas_space_add_ports - axas_space_add_device() for I/O ports
 * @space: the space
 * @range: the ports
 * @cookie: given back with each fault there
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_DEVICE_ADD.
 */
static inline int axas_space_add_ports(struct axas_space *space,
				       struct axas_port_range range, u64 cookie)
{
	const struct axas_device args = {
		.bus = AXAS_BUS_PORT,
		.first = range.first.val,
		.last = range.last.val,
		.cookie = cookie,
	};

	return axas_space_add_device(space, &args);
}

/**
 * axas_space_add_sysregs - axas_space_add_device() for system registers
 * @space: the space
 * @range: the system registers
 * @cookie: given back with each fault there
 *
 * Context: may sleep. Takes the space's lock.
 * Return: 0 or an errno of AXAS_DEVICE_ADD.
 */
static inline int axas_space_add_sysregs(struct axas_space *space,
					 struct axas_sysreg_range range,
					 u64 cookie)
{
	const struct axas_device args = {
		.bus = AXAS_BUS_SYSREG,
		.first = range.first.val,
		.last = range.last.val,
		.cookie = cookie,
	};

	return axas_space_add_device(space, &args);
}

#endif /* _AXAS_SPACE_H */
