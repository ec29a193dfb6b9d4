/* SPDX-License-Identifier: GPL-2.0 */
/*
 * axas-replay: what a policy of leaves is: a file of policies/, which the Makefile
 * finds there. promote.c does what it says.
 */
#ifndef AXAS_REPLAY_POLICY_H
#define AXAS_REPLAY_POLICY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PIECE_PAGES	512

/* 2 MiB of guest memory. */
struct piece {
	atomic_uint touched;	/* its pages that have come in */
	atomic_uint covered;	/* those that walks led to in this period */
	bool hinted;		/* a page of it is below --hint */
	atomic_bool offered;	/* it is one leaf, or the module can't make it one */
};

struct policy {
	const char *name;
	const char *paper;

	/*
	 * How many touched pages make one leaf of @p; 1: it comes in as one; 0: it
	 * isn't for their number.
	 */
	unsigned int (*least)(const struct piece *p);

	/*
	 * Every @period accesses, about, one piece becomes a leaf: that which no other
	 * is preferred to. @than is NULL for "none at all". @period 0: never.
	 */
	uint64_t period;
	bool (*prefer)(const struct piece *p, const struct piece *than);

	bool small;		/* leaves of 4 KiB only; the rest isn't asked */
	bool needs_hint;	/* nothing to do without --hint */
};

/* Make policy @p known. */
#define POLICY(p)							\
	static const struct policy * const p##_entry			\
	__attribute__((used, section("policies"))) = &(p)

/* All of them; these are the linker's names for a section's two ends. */
extern const struct policy * const policies_begin[] __asm__("__start_policies");
extern const struct policy * const policies_end[] __asm__("__stop_policies");

#endif /* AXAS_REPLAY_POLICY_H */
