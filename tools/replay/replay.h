/* SPDX-License-Identifier: GPL-2.0 */
/*
 * axas-replay: a trace-driven virtual machine monitor over /dev/axas.
 *
 * util.c         messages, progress, memory, time
 * tlb.c          the model: caches, and TLBs made of them
 * cpu.c          how such caches are described, and those of some CPUs
 * guest.c        page tables of a guest
 * walk.c         walks of those over the nested table, and what caches save
 * zstd.c         compressed data, where there is libzstd
 * text.c         lines of a trace, in the forms of others
 * stream.c       reads a trace, an access at a time
 * record.c       writes one in our own form
 * trace.c        where the trace comes from
 * promote.c      large leaves, as a policy wants them; policies/ has those
 * layout.c       lays its addresses out in guest memory
 * data.c         bytes that are stored, and what loads should find
 * space.c        the space: create, areas, windows, what AXAS_* say of it
 * memory.c       is there enough of it
 * times.c        how long faults took
 * series.c       figures over time
 * access.c       what a virtual CPU does to memory and to devices
 * run.c          the virtual CPUs: bursts of accesses, TLBs, nested page faults
 * check.c        what is checked after a run
 * probe.c        the CPU's own walks beside the model's
 * report.c       the result as text
 * json.c         ... as JSON
 * csv.c          ... and as CSV
 * axas-replay.c  options, and the order of things
 *
 * What they share stands here, the model's part of it in model.h, what a policy
 * sees in policy.h, and a virtual CPU in vcpu.h. A file calls those above it in this
 * list, never one below.
 */
#ifndef AXAS_REPLAY_H
#define AXAS_REPLAY_H

#include <linux/axas.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "model.h"
#include "policy.h"

#define PAGE_SHIFT	12
#define PAGE_SIZE	(UINT64_C(1) << PAGE_SHIFT)
#define PAGE_MASK	(~(PAGE_SIZE - 1))
#define SIZE_2M		(UINT64_C(1) << 21)
#define SIZE_1G		(UINT64_C(1) << 30)

/* Pages of the trace that are no further apart than this share a region. */
#define REGION_GAP	(UINT64_C(1) << 20)

/* Mismatches that are printed; the others are only counted. */
#define MISMATCHES_SHOWN	8

/* Exit status. */
enum { EXIT_MATCH = 0, EXIT_MISMATCH = 1, EXIT_TROUBLE = 2 };

/* Devices that may be asked for. */
#define MMIO_MAX	16

/*
 * A part of the trace's memory that is a device: no area has memory there, and
 * replay emulates it. Its cookie is its number and MMIO_COOKIE.
 */
struct mmio {
	uint64_t orig;
	uint64_t gpa;
	uint64_t length;
	uint8_t *data;		/* what the device holds */
};

/* Addresses of the trace that --hint names. */
#define HINTS_MAX	16

struct hint {
	uint64_t va;
	uint64_t length;
};

#define MMIO_COOKIE	UINT64_C(0x6d6d696f00000000)

/* What the command line asks for. */
struct options {
	const char *trace;
	const char *device;
	const char *format;
	uint32_t gpa_bits;	/* 0: the module's default */
	uint64_t leaf;
	uint32_t backend;	/* of all that isn't linear or a device */
	unsigned int threads;
	unsigned int batch;
	struct cpu cpu;
	bool guest_paging;
	const struct guest_format *guest;	/* NULL if it isn't on */
	enum leaf guest_leaf;
	bool dense;
	uint64_t linear_hpa;
	uint64_t linear_size;	/* 0: no linear area */
	uint64_t limit;
	bool no_data;
	bool probe;
	const struct policy *policy;	/* NULL: leaves are what they are */
	unsigned int promote;	/* 0, or what its least() gives */
	struct hint hint[HINTS_MAX];
	unsigned int nr_hints;
	const char *convert;	/* to this file, and no more */
	struct mmio mmio[MMIO_MAX];
	unsigned int nr_mmio;
	bool json;
	bool csv;
	const char *series;	/* a file of figures over time */
	const char *then;
	char **argv;		/* all of this, as it was given */
};

/* One access, as the trace has it. @line is its line there, or its number. */
struct access {
	uint64_t addr;
	uint64_t line;
	uint16_t size;
	uint8_t kind;		/* enum axas_prot bits */
};

static inline enum side access_side(uint8_t kind)
{
	return kind == AXAS_PROT_EXEC ? SIDE_CODE : SIDE_DATA;
}

/* It has that size. One access meets two pages at most, and doesn't wrap. */
static inline bool access_is_valid(struct access *a, uint64_t size)
{
	a->size = size;
	return size && size <= PAGE_SIZE && a->addr + size >= a->addr;
}

/* What a line of text is: a wrong one would be an access if more of it were right. */
enum line { LINE_OTHER, LINE_ACCESS, LINE_WRONG };

/*
 * A guest page as it should be; @data is NULL if the trace doesn't touch it, or
 * moves no data. @known
 * is 0 or, of the leaf that the table is known to have there, its rights and
 * size: see page_learn().
 */
struct page {
	uint8_t *data;
	uint64_t accesses;
	uint64_t stores;
	atomic_uchar known;
	atomic_uint covered;	/* the last period with a walk to it, see promote.c */
};

/* Addresses of the trace that are near each other, and where they lie. */
struct segment {
	uint64_t va;
	uint64_t length;
	uint64_t gpa;
	uint32_t *frames;	/* by page: GPA >> PAGE_SHIFT; NULL: as @gpa says */
};

/* A run of guest memory: areas of one protection under one mmap window. */
struct region {
	uint64_t gpa;
	uint64_t length;
	uint32_t prot;
	uint8_t *window;
	struct page *pages;
	struct piece *pieces;	/* by 2 MiB; NULL without a policy */
};

/* The part of a region that the linear area holds; @length 0 if none. */
struct linear {
	uint64_t gpa;
	uint64_t length;
	uint64_t hpa;
};

/*
 * Our own form of a trace, see record.c: what it begins with, and the first byte of
 * a record.
 */
#define RECORD_MAGIC		"AXASTRC1"
#define RECORD_MAGIC_SIZE	8
#define RECORD_KIND		3
#define RECORD_NEXT		4
#define RECORD_SIZE_SHIFT	3

struct series;
struct stream;
struct recorder;
struct packer;

struct trace {
	const char *name;	/* for people */
	int fd;			/* read from 0 on, by offset */
	const char *unit;	/* what accesses are numbered by */
	bool quiet;		/* it has been read once */
	uint64_t limit;
	uint64_t nr;
	uint64_t fetches, loads, stores, modifies;
	struct segment *segments;
	size_t nr_segments;
	struct region *regions;
	size_t nr_regions;
	struct guest guest;
	size_t pages;		/* distinct pages touched */
	uint64_t *first_use;	/* of each: accesses up to then, growing */
	size_t linear_pages;	/* those of them in the linear area */
	size_t mmio_pages;	/* those of them in devices */
	bool relocated;
	struct linear linear;
	struct mmio mmio[MMIO_MAX];
	unsigned int nr_mmio;
};

struct space {
	int dev;
	int fd;
	struct axas_info info;
	uint32_t gpa_bits;
	uint32_t levels;
};

#define TIMES_CLASSES	(8 * 64)

/* How many faults took how long, see times.c. */
struct times {
	uint64_t classes[TIMES_CLASSES];
	uint64_t nr, max;
};

/* What was made of large leaves. */
struct promotions {
	uint64_t first;		/* pages that came in alone */
	uint64_t promoted;	/* leaves of 2 MiB */
	uint64_t refused;
};

/* What all virtual CPUs did together. */
struct run {
	struct promotions promotions;
	uint64_t faults[AXAS_NR_FAULT_RESULTS];
	uint64_t calls;
	uint64_t fault_ns;
	struct times times;
	double seconds;
	struct tlb_counts tlb;
	struct walk_counts walk;
	atomic_ulong mismatches;
};

/* What AXAS_STATS and AXAS_TRANSLATE said after the run. */
struct findings {
	struct axas_stats stats;
	double walk_depth;
	uint64_t verified;	/* bytes */
	uint64_t probes;	/* walks of the CPU to a leaf */
	uint64_t stops;		/* ... and to an empty entry */
	uint64_t stops_named;	/* those of them whose level the CPU said */
	unsigned int failed;	/* cross-checks */
	bool ok;
};

static inline double per(uint64_t n, uint64_t of)
{
	return of ? (double)n / of : 0;
}

/* util.c */
uint64_t now_ns(void);
const char *kernel_release(void);
void progress(const char *what, uint64_t done, uint64_t total);
void progress_end(void);
_Noreturn __attribute__((format(printf, 1, 2))) void die(const char *fmt, ...);
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *xcalloc(size_t nr, size_t size);
void *xrealloc(void *p, size_t nr, size_t size);

/* zstd.c */
bool zstd_is_there(void);
void *unpack_new(void);
void unpack_free(void *context);
size_t unpack(void *context, const char *name, const uint8_t *in, size_t *at,
	      size_t nr, uint8_t *out, size_t room, bool *open);
struct packer *pack_new(FILE *out);
bool pack(struct packer *p, const void *data, size_t nr, bool last);
void pack_free(struct packer *p);

/* text.c */
enum line take_line(struct access *a, const uint8_t *s, size_t length, bool whole);

/* stream.c */
struct stream *stream_open(const char *name, int fd, bool seeks, bool quiet,
			   uint64_t limit);
bool stream_next(struct stream *s, struct access *a);
size_t stream_take(struct stream *s, struct access *a, size_t nr);
const char *stream_unit(const struct stream *s);
void stream_close(struct stream *s);

/* record.c */
struct recorder *record_create(const char *name);
struct recorder *record_open(const char *name, FILE *out, bool compress);
void record(struct recorder *r, const struct access *a);
uint64_t record_close(struct recorder *r);

/* trace.c */
void open_trace(struct trace *t, const struct options *o);
struct stream *trace_stream(const struct trace *t);
void convert_trace(const struct options *o);

/* layout.c */
void lay_out(struct trace *t, const struct options *o, uint32_t gpa_bits);
void free_trace(struct trace *t);
struct segment *find_segment(const struct trace *t, uint64_t va);
struct region *find_region(const struct trace *t, uint64_t gpa);

static inline uint64_t segment_gpa(const struct segment *s, uint64_t va)
{
	uint64_t offset = va - s->va, gpa;

	if (!s->frames)
		return s->gpa + offset;
	gpa = (uint64_t)s->frames[offset >> PAGE_SHIFT] << PAGE_SHIFT;
	return gpa | (va & (PAGE_SIZE - 1));
}

static inline struct page *region_page(const struct region *r, uint64_t gpa)
{
	return &r->pages[(gpa - r->gpa) >> PAGE_SHIFT];
}

/* Does the trace touch it, or a guest's table lie there? */
static inline bool page_used(const struct page *page)
{
	return page->accesses || page->data;
}

/* Leaves change by promotion only. */
static inline void page_learn(struct page *page, unsigned int leaf,
			      uint32_t prot)
{
	atomic_store_explicit(&page->known, prot << 2 | (leaf + 1),
			      memory_order_relaxed);
}

static inline uint8_t page_known(const struct page *page)
{
	return atomic_load_explicit(&page->known, memory_order_relaxed);
}

static inline uint32_t known_prot(uint8_t known)
{
	return known >> 2;
}

static inline enum leaf known_leaf(uint8_t known)
{
	return (known & 3) - 1;
}

/* Return: an enum leaf, or -1. */
static inline int leaf_of_size(uint64_t size)
{
	switch (size) {
	case PAGE_SIZE:
		return LEAF_4K;
	case SIZE_2M:
		return LEAF_2M;
	case SIZE_1G:
		return LEAF_1G;
	default:
		return -1;
	}
}

static inline bool in_linear(const struct trace *t, uint64_t gpa)
{
	return gpa - t->linear.gpa < t->linear.length;
}

/* The device at @gpa, or NULL. */
static inline const struct mmio *find_mmio(const struct trace *t, uint64_t gpa)
{
	unsigned int i;

	for (i = 0; i < t->nr_mmio; i++)
		if (gpa - t->mmio[i].gpa < t->mmio[i].length)
			return &t->mmio[i];
	return NULL;
}

/* data.c */
void move_bytes(volatile uint8_t *to, const volatile uint8_t *from,
		unsigned int size);
void store_value(uint8_t *buf, uint64_t addr, uint64_t store,
		 unsigned int offset, unsigned int size);
void mismatch(struct run *run, const char *how, uint64_t gpa, uint64_t line,
	      const uint8_t *want, const uint8_t *got, size_t length);

/* space.c */
void open_device(struct space *s, const struct options *o);
void create_space(struct space *s);
void map_regions(struct space *s, struct trace *t, const struct options *o);
void read_guest(const struct space *s, void *buf, size_t length, uint64_t gpa);
void write_guest(const struct space *s, const void *buf, size_t length,
		 uint64_t gpa);
void translate(const struct space *s, struct axas_translate_entry *e,
	       uint32_t nr);
void get_stats(const struct space *s, struct axas_stats *stats);
const char *result_meaning(uint32_t result);

/* promote.c */
const struct policy *find_policy(const char *name);
void list_policies(void);
void promote_init(struct region *r);
void promote_hint(const struct region *r, uint64_t gpa);
void promote_first(struct promotions *p, const struct space *s,
		   const struct region *r, uint64_t gpa,
		   const struct policy *policy);
void promote_touched(struct promotions *p, const struct space *s,
		     const struct region *r, uint64_t gpa,
		     const struct policy *policy);
void promote_covered(const struct region *r, uint64_t gpa, uint32_t period);
uint64_t promote_scan(struct promotions *p, const struct space *s,
		      const struct trace *t, const struct policy *policy);
void promote_prepare(const struct space *s, const struct region *r,
		     uint64_t gpa, uint64_t length, const struct policy *policy);

/* memory.c */
void check_memory(const struct trace *t, const struct options *o);

/* times.c */
void times_add(struct times *t, uint64_t ns, uint64_t nr);
void times_merge(struct times *to, const struct times *from);
uint64_t times_within(const struct times *t, unsigned int percent);
bool clock_is_emulated(void);

/* series.c */
struct series *series_open(const struct trace *t, const struct options *o);
bool series_wants(const struct series *s, const struct trace *t, uint64_t nr);
void series_row(struct series *s, const struct trace *t, const struct space *space,
		uint64_t nr, uint64_t faults, const struct walk_counts *walks);
void series_close(struct series *s);

/* run.c */
void run_trace(struct run *run, const struct trace *t, const struct space *s,
	       const struct options *o);
uint64_t all_faults(const struct run *run);
double fault_ns(const struct run *run);

/* check.c */
void check(struct findings *f, bool ok, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void check_space(struct findings *f, const struct run *run,
		 const struct trace *t, const struct space *s,
		 const struct options *o);
void verify_memory(struct findings *f, struct run *run, const struct trace *t,
		   const struct space *s);

/* probe.c */
void probe_space(struct findings *f, const struct trace *t, const struct space *s);

/* report.c */
void print_text(const struct findings *f, const struct run *run,
		const struct trace *t, const struct space *s,
		const struct options *o);

/* json.c */
void print_json(const struct findings *f, const struct run *run,
		const struct trace *t, const struct space *s,
		const struct options *o);

/* csv.c */
void print_csv(const struct findings *f, const struct run *run,
	       const struct trace *t, const struct space *s,
	       const struct options *o);

#endif /* AXAS_REPLAY_H */
