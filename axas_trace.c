// SPDX-License-Identifier: GPL-2.0
/*
 * The trace events themselves.
 */
#define CREATE_TRACE_POINTS
#include <axas/trace.h>
