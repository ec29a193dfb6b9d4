/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_BACKEND_H
#define _AXAS_BACKEND_H

#include <linux/bitops.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>

#include <axas/npt.h>

/**
 * DOC: Backends
 *
 * A backend says where the frames of an area come from. It is a table of two or
 * three functions. One of axas's own is entered in axas_backend(); another module
 * brings one by axas_backend_register().
 */

struct axas_alias;

/**
 * struct axas_area - what a range of a space is
 * @ops: the backend
 * @attr: attributes of its leaves
 * @shared: the same as the table's format has them
 * @max_level: level of the largest leaf; 0 if there is never any
 * @place: where its frames come from
 * @placed: there is more to that than a node that is preferred
 * @spread: bit n: node n comes first for every so many-th 2 MiB; 0: they aren't
 *	spread
 * @offset: linear: HPA less GPA; alias: GPA of the source less GPA
 * @origin: the GPA that it was made at, or what that has become by moves
 * @cookie: the caller's
 * @alias: what it is an alias of, or NULL
 * @ranges: ranges of the space's tree that point here; under the space's lock
 * @node: for a list of areas that are not in the tree yet
 * @rcu: lookups run under RCU
 *
 * An area doesn't know where it lies: cutting a range in two makes both halves
 * point to the same area. All but @ranges and @node stays as it is.
 */
struct axas_area {
	const struct axas_backend_ops *ops;
	struct axas_attr attr;
	u64 shared;
	u8 max_level;
	bool placed;
	struct axas_place place;
	u32 spread;
	u64 offset;
	u64 origin;
	u64 cookie;
	struct axas_alias *alias;
	u64 ranges;
	struct list_head node;
	struct rcu_head rcu;
};

/* By what lies in front of it of the area, wherever that has been moved. */
static inline int axas_area_node(const struct axas_area *area, axas_gpa_t gpa)
{
	u64 distance = gpa.val - ALIGN_DOWN(area->origin, SZ_2M);
	u32 nodes = area->spread;
	unsigned int n;

	for (n = distance / SZ_2M % hweight32(nodes); n; n--)
		nodes &= nodes - 1;
	return __ffs(nodes);
}

/**
 * axas_area_place - where a frame of an area comes from
 * @area: the area
 * @gpa: where it goes
 *
 * It is the same in all of an aligned 2 MiB, so that these can be one leaf.
 *
 * Return: the place.
 */
static inline struct axas_place axas_area_place(const struct axas_area *area,
						axas_gpa_t gpa)
{
	struct axas_place place = area->place;

	if (unlikely(area->spread))
		place.nid = axas_area_node(area, gpa);
	return place;
}

/**
 * struct axas_nested_fault - a nested page fault on its way, and what it leaves
 *	behind for the next one of the same caller
 * @gpa: where
 * @access: &enum axas_prot bits
 * @width: bytes of the access, or 0
 * @cookie: of the device that is there, or of the area that denies the access
 * @offset: in it
 * @cursor: where in the table the last one ended
 * @hold: R held for reading, while pages are opened; not outside of the RCU section
 * @area: area of the last one, if it was in the same RCU section; good while
 *	the table's epoch is @epoch
 * @epoch: the table's epoch before @area was looked up
 * @start: first byte of the area's range
 * @last: last byte of the area's range
 * @frame: frame got for it, if any; its backend may have written to it
 * @ops: the backend that @frame was got for
 * @pool: tables got for it
 * @alias: with -EREMOTE: where it is, with a reference
 * @source_all: with -EREMOTE: &enum axas_prot bits that it would have of the source
 * @source_access: with -EREMOTE: those that it has to have
 * @order: order of the frame that is wanted before the next try
 * @place: where it should come from
 * @tables: number of tables wanted before the next try
 * @want_frame: a frame of @order is wanted
 * @small: there was no large frame, take 4 KiB
 *
 * The backend's fault function can't sleep. It says here what it wants, returns
 * -EAGAIN, and is called again when it is there.
 */
struct axas_nested_fault {
	axas_gpa_t gpa;
	unsigned int access;
	unsigned int width;
	u64 cookie;
	u64 offset;
	struct axas_npt_cursor cursor;
	struct rw_semaphore *hold;
	const struct axas_area *area;
	u64 epoch;
	u64 start;
	u64 last;
	struct axas_frame frame;
	const struct axas_backend_ops *ops;
	struct axas_npt_pool pool;
	struct axas_alias *alias;
	unsigned int source_all;
	unsigned int source_access;
	unsigned int order;
	struct axas_place place;
	unsigned int tables;
	bool want_frame;
	bool small;
};

/**
 * axas_fault_begin - begin one or several faults
 * @fault: what nobody has used yet
 *
 * Sets what is looked at before it is written; the rest isn't cleared, which
 * would take as long as all else that a fault does for itself.
 */
static inline void axas_fault_begin(struct axas_nested_fault *fault)
{
	fault->cursor.base = AXAS_CURSOR_NONE;
	fault->hold = NULL;
	fault->area = NULL;
	fault->width = 0;
	fault->frame.hpa = AXAS_NO_FRAME;
	fault->pool.nr = 0;
	fault->tables = 0;
	fault->want_frame = false;
}

/**
 * struct axas_backend_ops - a backend
 * @id: an &enum axas_backend_id
 * @owner: the module that brings it; NULL for those of axas
 * @name: for people
 * @flags: &enum axas_map_flags that it knows
 * @max_level: level of the largest leaf that it can fill; 0 if it maps nothing
 * @zeroed: what comes on first touch is a zeroed frame, and the space may bring
 *	in many by itself, or read zeros where there is none; it then does what
 *	%AXAS_MAP_POPULATE asks for
 * @default_level: level of the largest leaf if the caller doesn't say
 * @setup: take what the backend needs from the caller's arguments; the rest of
 *	@area is filled in. Return: 0 or an errno of AXAS_MAP.
 * @map: called when the area is made; fills in leaves by the @map of the table, which
 *	may be a draft. If it fails the caller clears the range. May sleep. The
 *	table's lock held. NULL if there are none at that time.
 * @move: the area, which isn't in the tree yet, comes that much higher; its @origin
 *	does so by itself. Return: 0 or an errno of AXAS_MOVE. NULL if none of them
 *	can be moved.
 * @fault: put a leaf into the empty slot of an address whose area allows the
 *	access. Where the leaves of the area own their frames, as @setup says, that
 *	may be one that had a leaf and was discarded. Under RCU. Return: 0; -EAGAIN
 *	to be called again, with what it wants noted in the fault; or another
 *	&enum axas_fault_result than %AXAS_FAULT_RESOLVED, with nothing changed.
 */
struct axas_backend_ops {
	u32 id;
	struct module *owner;
	const char *name;
	u32 flags;
	u8 max_level;
	u8 default_level;
	bool zeroed;
	int (*setup)(struct axas_area *area, const struct axas_npt *npt,
		     const struct axas_map *args);
	int (*map)(const struct axas_area *area, struct axas_npt *npt,
		   const struct axas_map *args);
	int (*move)(struct axas_area *area, u64 distance);
	int (*fault)(const struct axas_area *area, struct axas_npt *npt,
		     const struct axas_npt_slot *slot,
		     struct axas_nested_fault *fault);
};

const struct axas_backend_ops *axas_backend(u32 id);
const struct axas_backend_ops *axas_backend_get(u32 id);
int axas_backend_register(const struct axas_backend_ops *ops);
void axas_backend_unregister(const struct axas_backend_ops *ops);

#endif /* _AXAS_BACKEND_H */
