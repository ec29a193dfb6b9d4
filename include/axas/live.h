/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_LIVE_H
#define _AXAS_LIVE_H

#include <linux/list.h>
#include <linux/mm_types.h>

struct axas_space;

/**
 * struct axas_live - a space in the list of all that live
 * @node: for the list
 * @owner: who pays if the machine runs out of memory, or NULL
 * @counted: pages of the space that @owner's resident pages hold
 * @going: it is about to be freed
 *
 * All of it under the list's lock.
 */
struct axas_live {
	struct list_head node;
	struct mm_struct *owner;
	long counted;
	bool going;
};

void axas_live_add(struct axas_space *space);
void axas_live_del(struct axas_space *space);
void axas_live_own(struct axas_space *space);
void axas_live_shrunk(struct axas_space *space);
void axas_live_for_each(bool (*fn)(struct axas_space *space, void *arg),
			void *arg);
bool axas_live_going(const struct axas_space *space);
int axas_live_init(void);
void axas_live_exit(void);

#endif /* _AXAS_LIVE_H */
