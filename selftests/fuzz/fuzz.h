/* SPDX-License-Identifier: GPL-2.0 */
/*
 * axas_fuzz: random use of all of the interface, against a model.
 *
 * The model (model.c) knows the areas of a space, the pages that are there and
 * what they hold, byte for byte; it is written from the interface's
 * documentation. A call is made up (make.c), run, by this process or by another one
 * that may die on the way (actor.c), and judged by the model (calls.c). What else
 * reaches a space (window.c, kernel.c, kvm.c) is a step that does all three
 * itself. After each step what it touched is compared, and now and then
 * everything (check.c).
 */
#ifndef AXAS_FUZZ_H
#define AXAS_FUZZ_H

#include "../axas_util.h"

#define NR_FAULTS	40
#define NR_DATA		(16 * AX_PAGE)
#define NR_NOTES	40
#define NR_WINDOWS	24
#define NR_SLOTS	40
#define NR_ZONES	5
#define NR_TRACKS	4
#define SLOT_SIZE	(8ULL << 20)
#define PAGE_OF(gpa)	((gpa) / AX_PAGE)
#define PAGE_DOWN(x)	((x) & ~(AX_PAGE - 1))
#define PAGE_UP(x)	PAGE_DOWN((x) + AX_PAGE - 1)
#define ALIGN_2M(x)	((x) & ~(AX_2M - 1))
#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

#define lesser(a, b)	({ __auto_type _a = (a); __auto_type _b = (b);	\
			   _a < _b ? _a : _b; })
#define larger(a, b)	({ __auto_type _a = (a); __auto_type _b = (b);	\
			   _a > _b ? _a : _b; })

/* ---- the model ---- */

/* [start, end) of a space, or of another bus. */
struct area {
	__u64 start, end;
	__u64 first;		/* where what it was cut from began */
	__u64 hpa_off;		/* linear: HPA less GPA */
	__u64 cookie, max_leaf;
	__u32 backend, prot, memtype, flags, node, nodes;
};

struct areas {
	struct area *at;
	unsigned int nr, room;
};

/* A 4 KiB page that has a frame of the kernel. */
struct page {
	struct page *next;
	__u64 nr, hpa;
	unsigned char *data;	/* NULL: as it came from the backend */
	bool large;		/* part of a leaf of 2 MiB */
};

#define NR_BUCKETS	8192
struct model {
	struct areas mem, bus[2];
	struct areas caps;		/* join.c */
	struct page *bucket[NR_BUCKETS];
	unsigned int nr_pages;
	__u64 faults[AXAS_NR_FAULT_RESULTS];
};

/* ---- a call ---- */

enum call_op {
	CALL_MAP, CALL_UNMAP, CALL_PROTECT, CALL_CLEAR, CALL_FAULT,
	CALL_READ, CALL_WRITE, CALL_LOAD, CALL_STORE,
	CALL_DEVICE_ADD, CALL_DEVICE_DEL, CALL_DISCARD,
	CALL_POPULATE, CALL_RESIZE, CALL_MOVE, CALL_COLLAPSE,
};

enum call_how { HOW_PLAIN, HOW_VECTOR, HOW_SEEK, HOW_AIO, HOW_URING, NR_HOW };

struct call {
	__u32 op, how;
	__u64 gpa, len, hpa, cookie, max_leaf;
	__u64 to;		/* move */
	__u32 prot, flags, backend, memtype, node, nodes, bus, nr;
	unsigned char *addr;	/* load and store: in a window */
	bool limited;		/* memory may be short */
	bool finished;
	long ret;		/* as of the system call, or minus errno */
	__u32 done;		/* faults */
	__u64 freed, pinned;	/* discard */
	__u64 came;		/* populate, collapse: bytes */
	__u64 joined;		/* collapse: bytes */
	int sig;		/* load and store: what ended it */
};

/* In memory that the process which runs it shares. */
struct mail {
	struct call call;
	struct axas_fault_entry fault[NR_FAULTS];
	unsigned char data[NR_DATA];
};

/* ---- a run ---- */

struct window {
	unsigned char *addr;
	__u64 gpa, len;
	int prot;
	bool io;			/* made over linear memory alone */
};

struct note {
	__u64 step;
	bool is_call;
	struct call call;
	char text[136];
};

struct zone {
	__u64 base, pages;
};

/* A tracker, and what it has to list. */
struct track {
	int fd;
	__u32 what, flags;
	__u64 gpa, len;			/* 0: there is none */
	struct areas due;
};

/* Another space, which shows all zones of this one; and windows of it. */
struct peer {
	int fd;				/* 0: there is none */
	unsigned char *win[NR_ZONES];
};

struct actor {
	pid_t pid;
	int to, from;			/* pipes */
	bool limited;
	struct mail *mail;
	struct window win[NR_WINDOWS];	/* as they were when it was born */
	unsigned int calls;
};

struct uring;

/* One space, or a slice of one, with its model. */
struct ctx {
	const char *name;
	int dev, fd;
	bool exact;			/* the space is all ours */
	bool failed;
	__u64 rnd;
	__u64 steps;
	__u64 cookies;			/* the first of a few that are ours */
	__u64 generation;
	unsigned int budget;		/* pages it may have */
	struct axas_info info;
	struct axas_stats st;		/* format, bits, levels, base, length */
	struct zone zone[NR_ZONES];
	unsigned int nr_zones;
	__u32 features;
	struct model m;
	/* Linear memory: what it holds, and addresses that nothing answers. */
	__u64 lin_hpa, lin_size, far_hpa;
	unsigned char *lin;
	bool pattern;			/* the backend of samples/plugins */
	/* Windows lie in slots of addresses that are kept for them. */
	unsigned char *arena;
	struct window win[NR_WINDOWS];
	struct mail *mail;
	struct actor actor[2];
	int disk, file;
	struct uring *uring;
	unsigned long aio;
	unsigned int no_memory;		/* times that memory was short */
	unsigned int killed, busy;
	unsigned int copied;		/* 2 MiB that a collapse has copied */
	__u64 pinned_gpa, pinned;	/* bytes that a pipe has pages of */
	struct track track[NR_TRACKS];
	bool tracked;			/* there is, or was, a tracker */
	bool aged;			/* ... of what is used */
	bool flagged;			/* ... by the CPU's dirty flags */
	bool by_flags;			/* and so most are */
	struct peer peer;
	struct note note[NR_NOTES];
};

extern struct options {
	__u64 seed, ops;
	double time;
	unsigned int threads;
	const char *cases, *only, *without;
	bool verbose;
} options;

/* main.c */
__u64 rnd(struct ctx *ctx);
__u64 below(struct ctx *ctx, __u64 n);
#define one_in(ctx, n)	(!below(ctx, n))
void note(struct ctx *ctx, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void note_call(struct ctx *ctx, const struct call *call, const char *who);
void fail(struct ctx *ctx, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
bool wanted(const char *group);

/* model.c */
struct area *areas_at(struct areas *areas, __u64 at);
struct area *areas_next(struct areas *areas, __u64 at);
bool areas_meet(struct areas *areas, __u64 start, __u64 end);
void areas_put(struct areas *areas, const struct area *area);
void areas_cut(struct areas *areas, __u64 at);
void areas_take(struct areas *areas, __u64 start, __u64 end);
struct page *page_find(struct ctx *ctx, __u64 gpa);
struct page *page_add(struct ctx *ctx, __u64 gpa, bool large);
void page_put(struct ctx *ctx, struct page *p);
struct page *pages_lift(struct ctx *ctx, __u64 gpa, __u64 len);
void page_read(struct ctx *ctx, __u64 gpa, void *buf, size_t len);
void page_write(struct ctx *ctx, __u64 gpa, const void *buf, size_t len);
void bytes_read(struct ctx *ctx, __u64 gpa, void *buf, size_t len);
void bytes_write(struct ctx *ctx, __u64 gpa, const void *buf, size_t len);
void model_cut(struct ctx *ctx, __u64 gpa);
void model_map(struct ctx *ctx, const struct call *call);
void model_unmap(struct ctx *ctx, __u64 gpa, __u64 len);
void model_protect(struct ctx *ctx, __u64 gpa, __u64 len, __u32 prot);
int model_resizable(struct ctx *ctx, __u64 gpa, __u64 len);
void model_resize(struct ctx *ctx, __u64 gpa, __u64 len);
unsigned int model_discard(struct ctx *ctx, __u64 gpa, __u64 len);
int model_discardable(struct ctx *ctx, __u64 gpa, __u64 len);
__u64 model_populated(struct ctx *ctx, __u64 gpa, __u64 len, int *err);
bool model_whole(struct ctx *ctx, __u64 gpa, __u64 len);
__u64 model_allowed(struct ctx *ctx, __u64 gpa, __u64 len, __u32 access,
		    int *err);
bool model_touchable(struct ctx *ctx, __u64 gpa, __u64 len);
bool model_owned(struct ctx *ctx, __u64 gpa, __u64 len);
bool model_io(struct ctx *ctx, __u64 gpa, __u64 len);
void model_touched(struct ctx *ctx, __u64 gpa, __u64 len);
void model_fetched(struct ctx *ctx, __u64 gpa, __u64 len);
void model_learn(struct ctx *ctx, __u64 gpa, __u64 len);
void model_adopt(struct ctx *ctx, __u64 gpa, const unsigned char *data,
		 __u64 len);
void model_reset(struct model *m);
static inline bool area_lazy(const struct area *a)
{
	return a->backend == AXAS_BACKEND_ALLOC ||
	       a->backend == AXAS_BACKEND_MODULE;
}

/* What who has the space may do, whatever guests may. */
static inline __u32 area_rights(const struct area *a)
{
	return a->flags & AXAS_MAP_ROM ? a->prot | AX_RW : a->prot;
}

static inline bool area_far(const struct ctx *ctx, const struct area *a)
{
	return a->backend == AXAS_BACKEND_LINEAR &&
	       (a->start + a->hpa_off < ctx->lin_hpa ||
		a->end + a->hpa_off > ctx->lin_hpa + ctx->lin_size);
}

/* join.c */
#define WHY(err)	(1ULL << (err) % 64)
void caps_drop(struct ctx *ctx, __u64 start, __u64 end);
__u64 linear_leaf(struct ctx *ctx, const struct area *a, __u64 gpa);
void model_join(struct ctx *ctx, __u64 gpa, __u64 len);
__u64 model_move_refused(struct ctx *ctx, const struct call *c);
void model_move(struct ctx *ctx, const struct call *c);
__u64 model_collapsible(struct ctx *ctx, __u64 gpa, __u64 len, int *err);
__u64 model_collapse(struct ctx *ctx, const struct call *c, __u64 len);
bool model_changed(struct ctx *ctx, const struct call *c);
void model_find_frames(struct ctx *ctx, __u64 gpa, __u64 len);
void model_learn_leaves(struct ctx *ctx, __u64 gpa, __u64 len);

/* check.c */
void check_page(struct ctx *ctx, const struct axas_translate_entry *e);
void check_range(struct ctx *ctx, __u64 gpa, __u64 len);
void check_next(struct ctx *ctx, __u64 gpa, __u64 len);
void check_stats(struct ctx *ctx);
void check_all(struct ctx *ctx);
bool check_areas(struct ctx *ctx, bool quiet);
size_t leaf_add(struct ax_leaf **leaf, size_t nr, __u64 gpa, unsigned int level);
size_t collect_leaves(struct ctx *ctx, struct ax_leaf **leaf, size_t nr);
bool check_tables(int fd, struct ax_leaf *leaf, size_t nr);

/* make.c */
__u64 space_end(struct ctx *ctx);
__u64 pick_gpa(struct ctx *ctx);
void pick_range(struct ctx *ctx, __u64 *gpa, __u64 *len);
__u32 space_rights(const struct ctx *ctx);
__u32 pick_prot(struct ctx *ctx);
__u64 pick_cookie(struct ctx *ctx);
void fill_random(struct ctx *ctx, void *buf, size_t len);
void make_map(struct ctx *ctx, struct mail *mail);
void make_range(struct ctx *ctx, struct mail *mail);
void make_move(struct ctx *ctx, struct mail *mail);
void make_collapse(struct ctx *ctx, struct call *c);
void make_fault(struct ctx *ctx, struct mail *mail);
void make_rw(struct ctx *ctx, struct mail *mail);
void make_touch(struct ctx *ctx, struct mail *mail, struct window *win);
void make_device(struct ctx *ctx, struct mail *mail);
void call_make(struct ctx *ctx, struct mail *mail, struct window *win);

/* calls.c */
void call_run(struct ctx *ctx, struct mail *mail, int fd);
void call_judge(struct ctx *ctx, struct mail *mail);
void step_map(struct ctx *ctx);
void step_range(struct ctx *ctx);
void step_fault(struct ctx *ctx);
void step_rw(struct ctx *ctx);
void step_touch(struct ctx *ctx);
void step_device(struct ctx *ctx);

/* track.c */
void tracks_wrote(struct ctx *ctx, __u64 gpa, __u64 len);
void tracks_used(struct ctx *ctx, __u64 gpa, __u64 len);
void tracks_unmapped(struct ctx *ctx, __u64 gpa, __u64 len);
void tracks_forget(struct ctx *ctx, __u64 gpa, __u64 len);
void tracks_learn(struct ctx *ctx, __u64 gpa, __u64 len);
void tracks_drop(struct ctx *ctx);
void step_track(struct ctx *ctx);

/* alias.c */
void alias_drop(struct ctx *ctx);
void step_alias(struct ctx *ctx);

/* refused.c */
void step_refused(struct ctx *ctx);
void step_look(struct ctx *ctx);

/* window.c */
struct window *window_pick(struct ctx *ctx, struct window *win);
__u64 window_offset(struct ctx *ctx, const struct window *w);
struct window *window_at(struct ctx *ctx, const unsigned char *addr);
__u64 window_allowed(struct ctx *ctx, const unsigned char *addr, __u64 len,
		     bool write, bool force);
long guarded_copy(unsigned char *window, unsigned char *buf, size_t len,
		  bool write, int *sig);
void guard_install(void);
bool guard_caught(int sig);
void windows_init(struct ctx *ctx);
void windows_drop(struct ctx *ctx);
void step_window(struct ctx *ctx);
void step_window_change(struct ctx *ctx);
void step_madvise(struct ctx *ctx);
void step_window_buffer(struct ctx *ctx);

/* kernel.c */
void step_process_vm(struct ctx *ctx);
void step_proc_mem(struct ctx *ctx);
void step_ptrace(struct ctx *ctx);
void step_direct(struct ctx *ctx);
void step_pipe(struct ctx *ctx);
void step_splice(struct ctx *ctx);
void disk_open(struct ctx *ctx);
void disk_close(struct ctx *ctx);

/* async.c */
long async_rw(struct ctx *ctx, enum call_how how, int fd, bool write,
	      void *buf, size_t len, __u64 offset);
void async_close(struct ctx *ctx);

/* kvm.c */
void step_kvm(struct ctx *ctx);
void kvm_forget(void);

/* actor.c */
void actor_call(struct ctx *ctx, struct actor *actor, bool kill_it);
void actors_end(struct ctx *ctx);
void step_socket(struct ctx *ctx);
void step_child(struct ctx *ctx);
void step_limited(struct ctx *ctx);
void step_kill(struct ctx *ctx);

/* cases.c */
extern volatile __u64 progress;
extern __thread struct ctx *current;
__u64 mix(__u64 a, __u64 b);
unsigned int cases_wanted(void);
bool cases_run(void);

/* wild.c */
struct wild {
	pthread_barrier_t barrier;
	double until;
	volatile bool failed, end;
};

void wild_run(struct ctx *ctx, struct wild *wild, bool first);
void wild_check(struct ctx *ctx);
size_t wild_leaves(struct ctx *ctx, struct ax_leaf **leaf, size_t nr);

#endif /* AXAS_FUZZ_H */
