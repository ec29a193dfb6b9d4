// SPDX-License-Identifier: GPL-2.0
/*
 * The trace events themselves.
 */
#define CREATE_TRACE_POINTS
#include <axas/trace.h>

/* The algorithms are also compiled into modules that bring a format. */
EXPORT_TRACEPOINT_SYMBOL_GPL(axas_invalidate);
EXPORT_TRACEPOINT_SYMBOL_GPL(axas_split);
