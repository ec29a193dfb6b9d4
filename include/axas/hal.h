/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_HAL_H
#define _AXAS_HAL_H

#include <linux/cleanup.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/numa.h>

#include <axas/addr.h>

#if PAGE_SHIFT != 12
#error "axas: frames are 4 KiB: this takes a kernel with pages of 4 KiB"
#endif

/**
 * DOC: HAL
 *
 * Four functions and an invalidation stand between axas and the machine (AxMmHal
 * in the Rust original), two for frames of 2 MiB, and on arm64 one that keeps caches
 * coherent. Which implementation runs is decided by the linker: axas.ko has
 * axas_hal_linux.c, the KUnit module a second one that counts and fails on demand.
 * Addresses are converted inline.
 */

/*
 * How axas allocates where it may sleep: charged to the caller's memory cgroup,
 * and running out is an error for the caller and not for somebody's process.
 */
#define AXAS_GFP	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL)

/*
 * A frame of 2 MiB, without which small ones do. It is one allocation until it is
 * split: but for the first none of its pages has a reference that others may take.
 */
#define AXAS_GFP_2M	(GFP_KERNEL_ACCOUNT | __GFP_NORETRY)
#define AXAS_ORDER_2M	9

/* What axas_hal_alloc_frame() returns when there is no memory. */
#define AXAS_NO_FRAME	axas_hpa(U64_MAX)

/**
 * axas_frame_valid - did axas_hal_alloc_frame() succeed?
 * @frame: what it returned
 *
 * Return: true if @frame is memory.
 */
static inline bool axas_frame_valid(axas_hpa_t frame)
{
	return frame.val != U64_MAX;
}

/**
 * struct axas_place - where frames are to come from
 * @nid: the NUMA node that is asked first, or %NUMA_NO_NODE
 * @nodes: bit n: node n may be asked; 0: any node
 * @whole: small ones won't do where a large one is asked for
 */
struct axas_place {
	int nid;
	u32 nodes;
	bool whole;
};

#define AXAS_ANYWHERE	((struct axas_place){ .nid = NUMA_NO_NODE })

static inline bool axas_place_same(struct axas_place a, struct axas_place b)
{
	return a.nid == b.nid && a.nodes == b.nodes && a.whole == b.whole;
}

/**
 * axas_place_gfp_2m - how a frame of 2 MiB is allocated there
 * @place: the place
 *
 * Return: flags for who may sleep.
 */
static inline gfp_t axas_place_gfp_2m(struct axas_place place)
{
	return place.whole ? AXAS_GFP : AXAS_GFP_2M;
}

/**
 * axas_hal_alloc_frame - allocate host memory
 * @order: log2 of the number of 4 KiB pages
 * @nid: preferred NUMA node or %NUMA_NO_NODE
 * @gfp: %AXAS_GFP or %GFP_NOWAIT, with %__GFP_ZERO if zeroed
 *
 * Each page of the frame has a reference of its own and can be freed alone; in a
 * frame of %AXAS_ORDER_2M only after axas_hal_split_frame().
 *
 * Context: may sleep unless @gfp says otherwise.
 * Return: the address, aligned to its size, or %AXAS_NO_FRAME.
 */
axas_hpa_t axas_hal_alloc_frame(unsigned int order, int nid, gfp_t gfp);

/**
 * axas_hal_alloc_bound - the same from nodes of a set and no others
 * @order: log2 of the number of 4 KiB pages
 * @place: where from; its set isn't empty
 * @gfp: as there
 *
 * Context: may sleep unless @gfp says otherwise.
 * Return: as there.
 */
axas_hpa_t axas_hal_alloc_bound(unsigned int order, struct axas_place place,
				gfp_t gfp);

/* The same from wherever a place says. */
static inline axas_hpa_t axas_hal_alloc_placed(unsigned int order,
					       struct axas_place place,
					       gfp_t gfp)
{
	if (likely(!place.nodes))
		return axas_hal_alloc_frame(order, place.nid, gfp);
	return axas_hal_alloc_bound(order, place, gfp);
}

/**
 * axas_hal_dealloc_frame - drop the owner's reference on each page of a frame
 * @frame: first page
 * @order: log2 of the number of 4 KiB pages
 *
 * A page that someone else holds (a window, get_user_pages) is freed when the
 * last reference goes.
 *
 * Context: any.
 */
void axas_hal_dealloc_frame(axas_hpa_t frame, unsigned int order);

/**
 * axas_hal_dealloc_pages - the same for many pages at once
 * @pages: pages of frames that aren't whole
 * @nr: how many
 *
 * Context: any.
 */
void axas_hal_dealloc_pages(struct page **pages, unsigned int nr);

/**
 * axas_hal_is_whole - is a frame of 2 MiB one allocation?
 * @frame: memory that axas_hal_alloc_frame() returned, aligned to 2 MiB
 *
 * Context: any. If not, whoever knows that it isn't freed may take references.
 * Return: true if so; false if it has been split, or was never of 2 MiB.
 */
bool axas_hal_is_whole(axas_hpa_t frame);

/**
 * axas_hal_split_frame - give each page of a frame of 2 MiB a reference of its own
 * @frame: the frame; nothing happens if it isn't whole
 *
 * Context: any; the caller has the lock of the table that holds the frame.
 */
void axas_hal_split_frame(axas_hpa_t frame);

/**
 * axas_hal_phys_to_virt - address of a frame in the kernel's linear map
 * @hpa: memory that axas_hal_alloc_frame() returned
 *
 * Return: its kernel address.
 */
static inline void *axas_hal_phys_to_virt(axas_hpa_t hpa)
{
	return __va(hpa.val);
}

/**
 * axas_hal_virt_to_phys - the inverse of axas_hal_phys_to_virt()
 * @virt: address in the kernel's linear map
 *
 * Return: its physical address.
 */
static inline axas_hpa_t axas_hal_virt_to_phys(const void *virt)
{
	return axas_hpa(__pa(virt));
}

/**
 * enum axas_sync - who has to see what frames hold
 * @AXAS_SYNC_DATA: who reads and writes past the caches
 * @AXAS_SYNC_CODE: who fetches instructions
 */
enum axas_sync {
	AXAS_SYNC_DATA = 1 << 0,
	AXAS_SYNC_CODE = 1 << 1,
};

#if defined(CONFIG_ARM64) || defined(AXAS_FAKE_HAL)
/**
 * axas_hal_sync_frames - what has been written there is seen by all
 * @frames: where
 * @nr: how many
 * @size: bytes in each
 * @what: &enum axas_sync bits
 *
 * Who finds a frame through an entry that is written when this has returned
 * doesn't find what it held before. With %AXAS_SYNC_DATA no cache has a line of
 * it. Nothing but arm64 needs it, and elsewhere it is nothing.
 *
 * Context: any.
 */
void axas_hal_sync_frames(const axas_hpa_t *frames, unsigned int nr, u64 size,
			  unsigned int what);
#define AXAS_HAL_SYNCS	1
#else
#define AXAS_HAL_SYNCS	0
static inline void axas_hal_sync_frames(const axas_hpa_t *frames,
					unsigned int nr, u64 size,
					unsigned int what)
{
}
#endif

/*
 * Width of the host physical addresses that this machine's own tables hold, and
 * of those that its caches are looked up with.
 */
#ifdef CONFIG_X86
#define AXAS_HAL_PHYS_BITS	(boot_cpu_data.x86_phys_bits)
#define AXAS_HAL_CACHE_BITS	(boot_cpu_data.x86_cache_bits)
#elif defined(CONFIG_UML)
/* The memory of a process: nothing lies beyond it. */
#define AXAS_HAL_PHYS_BITS	52
#define AXAS_HAL_CACHE_BITS	52
#else
#define AXAS_HAL_PHYS_BITS	MAX_PHYSMEM_BITS
#define AXAS_HAL_CACHE_BITS	52
#endif

/**
 * axas_hal_memory_end - where this machine's memory ends
 *
 * Return: the first HPA behind all memory that axas_hal_alloc_frame() may
 * return.
 */
static inline u64 axas_hal_memory_end(void)
{
	return __pa((unsigned long)high_memory - 1) + 1ULL;
}

/**
 * struct axas_holder - someone who holds translations of a space
 * @invalidate: forget all translations of [@gpa, @gpa + @size); when it
 *	returns none of them is used any more. May sleep. Runs under the
 *	space's lock, while entries may be frozen: it must call nothing of the
 *	same space, faults and translations neither.
 * @node: for the space's list of holders
 */
struct axas_holder {
	void (*invalidate)(struct axas_holder *holder, axas_gpa_t gpa, u64 size);
	struct list_head node;
};

/**
 * axas_hal_invalidate - make all holders forget a range
 * @holders: list of &struct axas_holder
 * @gpa: first GPA
 * @size: bytes
 *
 * Context: may sleep.
 */
void axas_hal_invalidate(struct list_head *holders, axas_gpa_t gpa, u64 size);

/**
 * axas_hal_pages - pages that were allocated and not yet given back
 *
 * Return: exact while nothing is allocated or freed.
 */
long axas_hal_pages(void);

/**
 * axas_hal_page - struct page of an allocated frame
 * @hpa: memory that axas_hal_alloc_frame() returned
 *
 * Return: the page.
 */
static inline struct page *axas_hal_page(axas_hpa_t hpa)
{
	return pfn_to_page(hpa.val >> PAGE_SHIFT);
}

/**
 * axas_hal_alloc_table - allocate pages for a table
 * @order: log2 of the number of 4 KiB pages
 * @gfp: as for axas_hal_alloc_frame()
 *
 * They are counted as secondary page tables of the caller's memory cgroup.
 *
 * Context: as @gfp says.
 * Return: their address, or NULL.
 */
static inline u64 *axas_hal_alloc_table(unsigned int order, gfp_t gfp)
{
	axas_hpa_t hpa = axas_hal_alloc_frame(order, NUMA_NO_NODE, gfp);

	if (!axas_frame_valid(hpa))
		return NULL;
	mod_lruvec_page_state(axas_hal_page(hpa), NR_SECONDARY_PAGETABLE,
			      1 << order);
	return axas_hal_phys_to_virt(hpa);
}

/**
 * axas_hal_free_table - the inverse of axas_hal_alloc_table()
 * @table: what it returned
 * @order: log2 of the number of 4 KiB pages
 *
 * Context: any.
 */
static inline void axas_hal_free_table(u64 *table, unsigned int order)
{
	axas_hpa_t hpa = axas_hal_virt_to_phys(table);

	mod_lruvec_page_state(axas_hal_page(hpa), NR_SECONDARY_PAGETABLE,
			      -(1 << order));
	axas_hal_dealloc_frame(hpa, order);
}

/**
 * struct axas_frame - a frame with an owner
 * @hpa: the frame or %AXAS_NO_FRAME
 * @order: log2 of the number of 4 KiB pages
 *
 * Declared as ``struct axas_frame f __free(axas_frame) = ...`` it is freed at
 * the end of the scope unless axas_frame_take() has moved it on.
 */
struct axas_frame {
	axas_hpa_t hpa;
	unsigned int order;
};

#define AXAS_FRAME_NONE	((struct axas_frame){ .hpa = AXAS_NO_FRAME })

static inline struct axas_frame axas_frame_alloc_placed(unsigned int order,
							struct axas_place place,
							gfp_t gfp)
{
	return (struct axas_frame){
		.hpa = axas_hal_alloc_placed(order, place, gfp),
		.order = order,
	};
}

static inline struct axas_frame axas_frame_alloc(unsigned int order, int nid,
						 gfp_t gfp)
{
	return (struct axas_frame){
		.hpa = axas_hal_alloc_frame(order, nid, gfp),
		.order = order,
	};
}

static inline void axas_frame_free(struct axas_frame *frame)
{
	if (axas_frame_valid(frame->hpa))
		axas_hal_dealloc_frame(frame->hpa, frame->order);
	frame->hpa = AXAS_NO_FRAME;
}

/* Give the frame to someone else: the scope no longer frees it. */
static inline axas_hpa_t axas_frame_take(struct axas_frame *frame)
{
	axas_hpa_t hpa = frame->hpa;

	frame->hpa = AXAS_NO_FRAME;
	return hpa;
}

DEFINE_FREE(axas_frame, struct axas_frame, axas_frame_free(&_T))

#endif /* _AXAS_HAL_H */
