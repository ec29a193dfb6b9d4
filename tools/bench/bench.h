/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the module axas_bench share:
 *
 * bench_note.c   keeps the figures, and prints them
 * bench_floor.c  what nothing can go below
 * bench_table.c  page tables alone, of axas and of its peers
 * bench_space.c  spaces of axas
 * bench_range.c  what is done to memory that they have
 * bench_main.c   parameters, and the order of things
 *
 * bench_main.c calls all others, those call bench_note.c, and that calls none.
 */
#ifndef _AXAS_BENCH_H
#define _AXAS_BENCH_H

#include <linux/types.h>

/* Where everything is mapped, and to what: never touched, so any will do. */
#define BENCH_GPA	(4ULL << 30)
#define BENCH_HPA	(64ULL << 30)

#define BENCH_MAX_REPS	64

#define BENCH_RWX	(AXAS_PROT_READ | AXAS_PROT_WRITE | AXAS_PROT_EXEC)

struct axas_space;

extern unsigned int bench_pages;

/*
 * Cycles natively; instructions under -icount shift=0, where the counter of
 * the machine that QEMU shows goes up by one with each.
 */
static __always_inline u64 bench_now(void)
{
	u32 low, high;

	asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return low | (u64)high << 32;
}

/**
 * bench_note - keep a figure
 * @row: what was measured
 * @subject: whose it is
 * @units: how many times it was done
 * @ticks: how long all of it took
 */
void bench_note(const char *row, const char *subject, u64 units, u64 ticks);

/* Print all figures; forget all figures. */
void bench_print(void);
void bench_forget(void);

/* Let what is freed behind a grace period be free. */
void bench_settle(void);

int bench_table_init(void);
void bench_table_exit(void);
int bench_table(void);
int bench_space(void);
int bench_range(struct axas_space *space, const char *name);
int bench_map(struct axas_space *space, u64 gpa, u64 size, u32 backend,
	      u32 flags, u64 max_leaf);
void bench_synchronize_rcu(void);
int bench_floor(void);

#endif /* _AXAS_BENCH_H */
