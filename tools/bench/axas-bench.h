/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of axas-bench share. axas-bench.c has it, unless it says so.
 */
#ifndef AXAS_BENCH_H
#define AXAS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/axas.h>

#define PAGE		4096ul
#define LARGE		(2ul << 20)
#define MAX_BATCH	512

/* Where the memory is that faults are on. */
#define GPA		(4ull << 30)

/* /dev/axas and, unless it is -1, /dev/kvm */
extern int device;
extern int kvm;

/* What is faulted on at a time. */
extern unsigned long pages;

static inline uint64_t now(void)
{
	uint32_t low, high;

	__asm__ __volatile__("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return low | (uint64_t)high << 32;
}

void fail(const char *what);
void note(const char *row, const char *subject, uint64_t units, uint64_t ticks);
char *map_aligned(size_t size, int flags, int fd);
char *map_anonymous(size_t size, bool large);
int memfd(size_t size);
uint64_t touch(char *p, unsigned long n, size_t step);
uint64_t look(const char *p, unsigned long n, size_t step);
/* Four levels of each format, whatever the host would have. */
#define GPA_BITS	48

int new_space(uint32_t format, uint32_t gpa_bits, uint32_t features);
uint64_t map(int space, uint64_t gpa, uint64_t size, uint32_t flags,
	     uint64_t max_leaf);
uint64_t fault(int space, uint64_t gpa, unsigned long n, uint64_t step,
	       unsigned int batch, uint32_t expect);

/* axas-bench-kvm.c: KVM's slots, and a peer */
int kvm_vm(int *vcpu, unsigned int n);
void kvm_slot(int vm, uint64_t gpa, size_t size, void *p, int gmem);
uint64_t kvm_pre_fault(int vcpu, uint64_t gpa, size_t size);
void bench_kvm(void);

/* axas-bench-track.c: what was written, and used */
void bench_track(void);

/* axas-bench-guest.c: guests that run, and how KVM has one */
#define GUEST		(1ull << 30)	/* where its memory is */

enum guest_code {
	GUEST_STORES,	/* a word to each page */
	GUEST_OUTS,	/* a byte to a port */
};

struct guest {
	int vm;
	int vcpu;
	struct kvm_run *run;
	void *memory;
	size_t size;
	void *code;
};

void guest_begin(struct guest *guest);
void guest_create(struct guest *guest, size_t size, unsigned int flags);
uint64_t guest_run(struct guest *guest, enum guest_code code, uint64_t gpa,
		   unsigned long n, uint64_t step);
void guest_destroy(struct guest *guest);
void bench_guest(void);

#endif /* AXAS_BENCH_H */
