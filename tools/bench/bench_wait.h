/* SPDX-License-Identifier: GPL-2.0 */
/* Included before core_move.c: bench_range.c knows how long it has waited. */
#include <linux/rcupdate.h>

void bench_synchronize_rcu(void);

#define synchronize_rcu	bench_synchronize_rcu
