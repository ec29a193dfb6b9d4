/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_KUNIT_FAIL_H
#define _AXAS_KUNIT_FAIL_H

/**
 * DOC: All or nothing
 *
 * Each allocation of a call fails in turn, until the call comes to its end without
 * one having failed. What fails changes nothing, and the next try on the same
 * space is as good as the first.
 */
#include "context.h"

/**
 * struct fail_scenario - a call, and what it needs to be there
 * @setup: make it; may be NULL. Return: 0 or an errno
 * @call: the call. Return: 0 or an errno
 * @splits: one that fails may leave smaller leaves
 */
struct fail_scenario {
	int (*setup)(struct axas_space *space);
	int (*call)(struct axas_space *space);
	bool splits;
};

/**
 * struct fail_mode - a way to make the n-th allocation fail
 * @arm: from now on
 * @disarm: no longer. Return: whether one has failed
 */
struct fail_mode {
	void (*arm)(unsigned int n);
	bool (*disarm)(void);
};

/* More than any call here needs. */
#define FAIL_MAX	2000

extern const struct fail_mode fail_mode_hal;
extern const struct fail_mode fail_mode_nth;

void fail_hal_onwards(unsigned int n);
bool fail_hal_disarm(void);
void fail_hal(struct kunit *test, const struct fail_scenario *scenario);
void fail_nth_need(struct kunit *test);
void fail_nth(struct kunit *test, const struct fail_scenario *scenario);

#endif /* _AXAS_KUNIT_FAIL_H */
