// SPDX-License-Identifier: GPL-2.0
#include "../axas_space.c"

#include "context.h"

/**
 * axas_test_set_last_id - choose the number of the space before the next one
 * @id: the number
 */
void axas_test_set_last_id(u64 id)
{
	atomic64_set(&space_last_id, id);
}
