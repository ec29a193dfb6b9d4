/* SPDX-License-Identifier: GPL-2.0 */
/*
 * axas-replay: a virtual CPU, which run.c drives and whose accesses access.c makes.
 */
#ifndef AXAS_REPLAY_VCPU_H
#define AXAS_REPLAY_VCPU_H

#include <pthread.h>

#include "replay.h"

#define WINDOW		2048	/* accesses; progress is seen between windows */
#define PENDING		1024	/* a power of two */

/* The part of an access that lies in one page. */
struct part {
	uint64_t addr;		/* of the whole access, as the trace has it */
	uint64_t gpa;
	uint64_t line;
	uint64_t store;		/* the number of the last store up to here */
	struct region *region;
	uint32_t repeats;	/* later ones that the first TLB has for it */
	uint16_t offset;	/* in the access */
	uint16_t size;
	uint8_t kind;
	bool is_repeat;		/* counted there */
};

/* Of code or of data, what this burst has asked the TLBs for last. */
struct last {
	uint64_t page;		/* of the address that they are asked for */
	struct part *part;
	uint8_t kinds;		/* of access that are planned there */
};

#define NO_PAGE		UINT64_MAX

/* A page that the @burst waits for, as entry @nr of the batch. */
struct pending {
	uint64_t page;
	uint64_t burst;
	unsigned int nr;
};

struct vcpu {
	const struct trace *t;
	const struct space *s;
	const struct options *o;
	struct run *run;
	pthread_t thread;
	pthread_barrier_t *start;
	unsigned int id;
	bool promotes;		/* a policy decides of leaves */
	uint64_t scan;		/* the access at which its period ends */

	struct stream *stream;
	struct access window[WINDOW];
	/* An access has two parts at most. */
	struct part burst_part[2 * WINDOW];
	unsigned int nr_parts;
	struct last last[NR_SIDES];
	enum side last_side;
	enum { NO_REPEATS, NEIGHBOURS, REPEATS } repeats;
	uint64_t next;		/* the access behind the burst */
	uint64_t stores;	/* stores of the whole trace up to there */

	struct pending pending[PENDING];
	uint64_t burst;
	struct axas_fault_entry *batch;
	struct axas_translate_entry *walked;
	const struct part **batch_part;	/* which part each fault is for */
	unsigned int nr_batch;

	struct promotions promotions;
	struct tlb tlb;
	struct walker walker;
	struct segment *segment[NR_SIDES];	/* the last ones used */
	struct region *region[NR_SIDES];
	uint64_t faults[AXAS_NR_FAULT_RESULTS];
	uint64_t calls;
	uint64_t fault_ns;
	struct times times;
	struct series *series;	/* the first one's, or NULL */
	uint64_t end_ns;
	atomic_ullong done;
	atomic_bool finished;
};

/* access.c */
extern __thread const struct part *current_part;
void inject(struct vcpu *v, struct axas_fault_entry *entries, unsigned int nr);
void access_part(struct vcpu *v, const struct part *p);
void device_part(struct vcpu *v, const struct part *p);

#endif /* AXAS_REPLAY_VCPU_H */
