/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who writes to memory that is tracked, by every way there is, and what changes it.
 */
#ifndef AXAS_TRACK_RACE_H
#define AXAS_TRACK_RACE_H

#include <sys/uio.h>
#include "axas_fixture.h"

#define RW	(PROT_READ | PROT_WRITE)
#define RAM	0x40000000ULL
#define TABLE	(AX_2M / AX_PAGE)
/* Small leaves, then large ones, then a ROM. */
#define LARGE	(2 * TABLE)
#define ROM	(5 * TABLE)
#define PAGES	(6 * TABLE)
#define SIZE	(PAGES * AX_PAGE)
#define RUNS	128
#define KEPT	2		/* trackers that live from the beginning to the end */
#define SHORT	2		/* and that don't */

enum {
	STORE, PWRITE, VECTOR, SPLICE, FAULT, PROCESS_VM, PROC_MEM, OWNER, DIRECT,
	NR_WRITES,
	PROTECT = NR_WRITES, DISCARD, COLLAPSE, MOVE, REPLACE, UNMAP,
	TRACKERS,
	NR_ROUTES
};

static const char *const route_names[NR_ROUTES] = {
	"store", "pwrite", "vector", "splice", "fault", "process_vm", "proc_mem", "owner",
	"direct", "protect", "discard", "collapse", "move", "replace", "unmap", "trackers",
};

struct race;

/* A tracker, as the test sees it. */
struct watch {
	struct race *race;
	int fd;
	__u64 first, pages;
	volatile unsigned int round;	/* of listing; 0: there is none */
	unsigned int begin;		/* the first round */
	unsigned int written[PAGES];	/* the last round that was on before a write */
	unsigned int noted[PAGES];	/* the same, when this round began */
	unsigned int listed[PAGES];	/* the last round in which it was listed */
	bool peeked[PAGES];
	unsigned char *copy;
	unsigned long lists;
	__u64 rnd;
};

struct race {
	int fd, disk, file, mem;
	unsigned int routes;		/* a bit for each */
	__u32 track;			/* flags of trackers */
	char *w;
	volatile bool stop, all_written;
	volatile unsigned int bad;
	unsigned long done[NR_ROUTES];
	struct watch watch[KEPT + SHORT];
};

struct writer {
	struct race *race;
	unsigned int me;
	int pipe[2];
	__u64 rnd, count;
};

static inline void bad(struct race *r, const char *what, __u64 page, __s64 is)
{
	if (!__atomic_fetch_add(&r->bad, 1, __ATOMIC_RELAXED))
		printf("# %s: page %llu, %lld\n", what, page, is);
}

static inline bool taken(const struct race *r, unsigned int route)
{
	return r->routes >> route & 1;
}

static inline __u64 at(__u64 page)
{
	return RAM + page * AX_PAGE;
}

static inline ssize_t write_vector(struct writer *w, __u64 gpa, __u64 *word)
{
	struct iovec v[2] = { { word, 3 }, { (char *)word + 3, 5 } };

	return pwritev(w->race->fd, v, 2, gpa);
}

static inline ssize_t write_spliced(struct writer *w, __u64 gpa, __u64 *word)
{
	loff_t off = gpa;
	ssize_t ret;

	if (write(w->pipe[1], word, 8) != 8)
		return -1;
	ret = splice(w->pipe[0], NULL, w->race->fd, &off, 8, 0);
	if (ret != 8 && read(w->pipe[0], word, 8) != 8)
		return -1;
	return ret;
}

/* Faults let a guest write, which isn't here: pwrite does it. */
static inline ssize_t write_after_fault(struct writer *w, __u64 gpa, const __u64 *word)
{
	struct axas_fault_entry e[16];
	unsigned int i;
	__u32 done;

	for (i = 0; i < 16; i++)
		e[i] = (struct axas_fault_entry){
			.gpa = i ? at(ax_rand(&w->rnd) % ROM) : gpa, .access = AX_W,
		};
	if (ax_fault_many(w->race->fd, e, 16, &done) || done != 16)
		bad(w->race, "AXAS_FAULT", 0, done);
	for (i = 0; i < 16; i++)
		if (e[i].result > AXAS_FAULT_DENIED)
			bad(w->race, "fault", (e[i].gpa - RAM) / AX_PAGE, e[i].result);
	return pwrite(w->race->fd, word, 8, gpa);
}

static inline ssize_t write_process_vm(struct writer *w, char *addr, __u64 *word)
{
	struct iovec local = { word, 8 }, remote = { addr, 8 };

	return process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
}

/* From a disk into a block of the page that is the thread's own. */
static inline ssize_t write_direct(struct writer *w, __u64 page, const __u64 *word)
{
	const unsigned int off = w->me * 512;

	if (pwrite(w->race->file, word, 8, off) != 8)
		return -1;
	return pread(w->race->disk, w->race->w + page * AX_PAGE + 1024 + off, 512, off) == 512 ?
	       8 : -1;
}

static inline ssize_t write_by(struct writer *w, unsigned int route, __u64 page)
{
	__u64 word = ++w->count, gpa = at(page) + 8 * w->me;
	struct race *r = w->race;
	char *addr = r->w + (gpa - RAM);

	switch (route) {
	case STORE:
		return ax_store(addr, word) ? -1 : 8;
	case OWNER:
		if (word & 1)
			return ax_store(addr, word) ? -1 : 8;
		return pwrite(r->fd, &word, 8, gpa);
	case VECTOR:
		return write_vector(w, gpa, &word);
	case SPLICE:
		return write_spliced(w, gpa, &word);
	case FAULT:
		return write_after_fault(w, gpa, &word);
	case PROCESS_VM:
		return write_process_vm(w, addr, &word);
	case PROC_MEM:
		return pwrite(r->mem, &word, 8, (uintptr_t)addr);
	case DIRECT:
		return write_direct(w, page, &word);
	default:
		return pwrite(r->fd, &word, 8, gpa);
	}
}

/* One of those of [from, to) that are taken; to if none is. */
static inline unsigned int some_route(struct race *r, __u64 *rnd, unsigned int from,
			       unsigned int to)
{
	unsigned int all = r->routes & ((1u << to) - (1u << from)), route;

	if (!all)
		return to;
	/* A disk takes its time, where it isn't all there is. */
	do {
		route = from + ax_rand(rnd) % (to - from);
	} while (!taken(r, route) ||
		 (route == DIRECT && all != 1u << DIRECT && ax_rand(rnd) % 8));
	return route;
}

static inline int race_areas(int fd)
{
	int ret = ax_map(fd, at(0), LARGE * AX_PAGE);

	ret = ret ?: ax_map_alloc(fd, at(LARGE), (ROM - LARGE) * AX_PAGE, AX_RW, 0, AX_2M);
	ret = ret ?: ax_map_alloc(fd, at(ROM), (PAGES - ROM) * AX_PAGE, AX_R, AXAS_MAP_ROM, 0);
	/* One that is large, one that isn't, and one that isn't there. */
	ret = ret ?: ax_bring_in(fd, at(0), TABLE * AX_PAGE, NULL);
	ret = ret ?: ax_bring_in(fd, at(LARGE), AX_2M, NULL);
	return ret ?: ax_bring_in(fd, at(LARGE + TABLE), AX_PAGE, NULL);
}

#endif /* AXAS_TRACK_RACE_H */
