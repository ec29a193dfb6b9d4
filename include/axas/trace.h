/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a space does, as trace events. Documentation/looking-inside.rst says how
 * to read them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM axas

#if !defined(_AXAS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _AXAS_TRACE_H

#include <linux/ktime.h>
#include <linux/tracepoint.h>

#include <uapi/linux/axas.h>

/*
 * When something begins that an event tells the duration of, or 0 while nobody
 * listens to the event.
 */
#define axas_trace_begin(event)						\
	(trace_##event##_enabled() ? ktime_get_ns() : 0)

#ifndef _AXAS_TRACE_NS
#define _AXAS_TRACE_NS
/* Nanoseconds since axas_trace_begin(); 0 if nobody listened then. */
static inline u64 axas_trace_ns(u64 begin)
{
	return begin ? ktime_get_ns() - begin : 0;
}
#endif

TRACE_DEFINE_ENUM(AXAS_FORMAT_EPT);
TRACE_DEFINE_ENUM(AXAS_FORMAT_S2);
TRACE_DEFINE_ENUM(AXAS_FORMAT_AMD);
TRACE_DEFINE_ENUM(AXAS_BACKEND_LINEAR);
TRACE_DEFINE_ENUM(AXAS_BACKEND_ALLOC);
TRACE_DEFINE_ENUM(AXAS_BACKEND_DEVICE);
TRACE_DEFINE_ENUM(AXAS_BACKEND_ALIAS);
TRACE_DEFINE_ENUM(AXAS_BUS_MEMORY);
TRACE_DEFINE_ENUM(AXAS_BUS_PORT);
TRACE_DEFINE_ENUM(AXAS_BUS_SYSREG);
TRACE_DEFINE_ENUM(AXAS_PROT_READ);
TRACE_DEFINE_ENUM(AXAS_PROT_WRITE);
TRACE_DEFINE_ENUM(AXAS_PROT_EXEC);
TRACE_DEFINE_ENUM(AXAS_PROT_EXEC_USER);
TRACE_DEFINE_ENUM(AXAS_FAULT_RESOLVED);
TRACE_DEFINE_ENUM(AXAS_FAULT_SPURIOUS);
TRACE_DEFINE_ENUM(AXAS_FAULT_NO_AREA);
TRACE_DEFINE_ENUM(AXAS_FAULT_DENIED);
TRACE_DEFINE_ENUM(AXAS_FAULT_NO_MEMORY);
TRACE_DEFINE_ENUM(AXAS_FAULT_INVALID);
TRACE_DEFINE_ENUM(AXAS_FAULT_DEVICE);
TRACE_DEFINE_ENUM(AXAS_FAULT_POISONED);

#define axas_show_format(format)					\
	__print_symbolic(format,					\
			 { AXAS_FORMAT_EPT, "ept" },			\
			 { AXAS_FORMAT_S2, "s2" },			\
			 { AXAS_FORMAT_AMD, "amd" })

#define axas_show_backend(backend)					\
	__print_symbolic(backend,					\
			 { AXAS_BACKEND_LINEAR, "linear" },		\
			 { AXAS_BACKEND_ALLOC, "alloc" },		\
			 { AXAS_BACKEND_DEVICE, "device" },		\
			 { AXAS_BACKEND_ALIAS, "alias" })

#define axas_show_bus(bus)						\
	__print_symbolic(bus,						\
			 { AXAS_BUS_MEMORY, "memory" },			\
			 { AXAS_BUS_PORT, "port" },			\
			 { AXAS_BUS_SYSREG, "sysreg" })

#define axas_show_prot(prot)						\
	__print_flags(prot, "",						\
		      { AXAS_PROT_READ, "r" },				\
		      { AXAS_PROT_WRITE, "w" },				\
		      { AXAS_PROT_EXEC, "x" },			\
		      { AXAS_PROT_EXEC_USER, "u" })

#define axas_show_map_flags(flags)					\
	__print_flags(flags, "|",					\
		      { AXAS_MAP_POPULATE, "populate" },		\
		      { AXAS_MAP_IGNORE_PAT, "ignore-pat" },		\
		      { AXAS_MAP_NODE, "node" },			\
		      { AXAS_MAP_REPLACE, "replace" },			\
		      { AXAS_MAP_ROM, "rom" },				\
		      { AXAS_MAP_BIND, "bind" },			\
		      { AXAS_MAP_INTERLEAVE, "interleave" },		\
		      { AXAS_MAP_WHOLE, "whole" })

#define axas_show_result(result)					\
	__print_symbolic(result,					\
			 { AXAS_FAULT_RESOLVED, "resolved" },		\
			 { AXAS_FAULT_SPURIOUS, "spurious" },		\
			 { AXAS_FAULT_NO_AREA, "no-area" },		\
			 { AXAS_FAULT_DENIED, "denied" },		\
			 { AXAS_FAULT_NO_MEMORY, "no-memory" },		\
			 { AXAS_FAULT_INVALID, "invalid" },		\
			 { AXAS_FAULT_DEVICE, "device" },		\
			 { AXAS_FAULT_POISONED, "poisoned" })

TRACE_EVENT(axas_create,
	TP_PROTO(u64 space, u32 format, u32 gpa_bits, u64 base, u64 length,
		 int ret, u64 ns),
	TP_ARGS(space, format, gpa_bits, base, length, ret, ns),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u32, format)
		__field(u32, gpa_bits)
		__field(u64, base)
		__field(u64, length)
		__field(int, ret)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->format = format;
		__entry->gpa_bits = gpa_bits;
		__entry->base = base;
		__entry->length = length;
		__entry->ret = ret;
		__entry->ns = ns;
	),
	TP_printk("space=%llu format=%s gpa_bits=%u base=0x%llx length=0x%llx ret=%d ns=%llu",
		  __entry->space, axas_show_format(__entry->format),
		  __entry->gpa_bits, __entry->base, __entry->length,
		  __entry->ret, __entry->ns)
);

TRACE_EVENT(axas_map,
	TP_PROTO(u64 space, const struct axas_map *map, int ret, u64 ns),
	TP_ARGS(space, map, ret, ns),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u64, gpa)
		__field(u64, size)
		__field(u32, backend)
		__field(u32, prot)
		__field(u32, flags)
		__field(int, ret)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->gpa = map->gpa;
		__entry->size = map->length;
		__entry->backend = map->backend;
		__entry->prot = map->prot;
		__entry->flags = map->flags;
		__entry->ret = ret;
		__entry->ns = ns;
	),
	TP_printk("space=%llu gpa=0x%llx size=0x%llx backend=%s prot=%s flags=%s ret=%d ns=%llu",
		  __entry->space, __entry->gpa, __entry->size,
		  axas_show_backend(__entry->backend),
		  axas_show_prot(__entry->prot),
		  __entry->flags ? axas_show_map_flags(__entry->flags) : "-",
		  __entry->ret, __entry->ns)
);

DECLARE_EVENT_CLASS(axas_range,
	TP_PROTO(u64 space, u64 gpa, u64 size, int ret, u64 ns),
	TP_ARGS(space, gpa, size, ret, ns),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u64, gpa)
		__field(u64, size)
		__field(int, ret)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->gpa = gpa;
		__entry->size = size;
		__entry->ret = ret;
		__entry->ns = ns;
	),
	TP_printk("space=%llu gpa=0x%llx size=0x%llx ret=%d ns=%llu",
		  __entry->space, __entry->gpa, __entry->size, __entry->ret,
		  __entry->ns)
);

DEFINE_EVENT(axas_range, axas_unmap,
	TP_PROTO(u64 space, u64 gpa, u64 size, int ret, u64 ns),
	TP_ARGS(space, gpa, size, ret, ns)
);

DEFINE_EVENT(axas_range, axas_resize,
	TP_PROTO(u64 space, u64 gpa, u64 size, int ret, u64 ns),
	TP_ARGS(space, gpa, size, ret, ns)
);

TRACE_EVENT(axas_track,
	TP_PROTO(u64 space, u64 gpa, u64 size, u32 what, u32 flags, int ret, u64 ns),
	TP_ARGS(space, gpa, size, what, flags, ret, ns),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u64, gpa)
		__field(u64, size)
		__field(u32, what)
		__field(u32, flags)
		__field(int, ret)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->gpa = gpa;
		__entry->size = size;
		__entry->what = what;
		__entry->flags = flags;
		__entry->ret = ret;
		__entry->ns = ns;
	),
	TP_printk("space=%llu gpa=0x%llx size=0x%llx what=%#x flags=%#x ret=%d ns=%llu",
		  __entry->space, __entry->gpa, __entry->size, __entry->what,
		  __entry->flags, __entry->ret, __entry->ns)
);

TRACE_EVENT(axas_dirty,
	TP_PROTO(u64 space, u64 gpa, u64 size, u32 flags, u32 runs, int ret,
		 u64 ns),
	TP_ARGS(space, gpa, size, flags, runs, ret, ns),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u64, gpa)
		__field(u64, size)
		__field(u32, flags)
		__field(u32, runs)
		__field(int, ret)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->gpa = gpa;
		__entry->size = size;
		__entry->flags = flags;
		__entry->runs = runs;
		__entry->ret = ret;
		__entry->ns = ns;
	),
	TP_printk("space=%llu gpa=0x%llx size=0x%llx flags=%#x runs=%u ret=%d ns=%llu",
		  __entry->space, __entry->gpa, __entry->size, __entry->flags,
		  __entry->runs, __entry->ret, __entry->ns)
);

TRACE_EVENT(axas_move,
	TP_PROTO(u64 space, u64 from, u64 to, u64 size, bool exchange, int ret,
		 u64 ns),
	TP_ARGS(space, from, to, size, exchange, ret, ns),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u64, from)
		__field(u64, to)
		__field(u64, size)
		__field(bool, exchange)
		__field(int, ret)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->from = from;
		__entry->to = to;
		__entry->size = size;
		__entry->exchange = exchange;
		__entry->ret = ret;
		__entry->ns = ns;
	),
	TP_printk("space=%llu from=0x%llx to=0x%llx size=0x%llx exchange=%d ret=%d ns=%llu",
		  __entry->space, __entry->from, __entry->to, __entry->size,
		  __entry->exchange, __entry->ret, __entry->ns)
);

TRACE_EVENT(axas_protect,
	TP_PROTO(u64 space, u64 gpa, u64 size, u32 prot, int ret, u64 ns),
	TP_ARGS(space, gpa, size, prot, ret, ns),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u64, gpa)
		__field(u64, size)
		__field(u32, prot)
		__field(int, ret)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->gpa = gpa;
		__entry->size = size;
		__entry->prot = prot;
		__entry->ret = ret;
		__entry->ns = ns;
	),
	TP_printk("space=%llu gpa=0x%llx size=0x%llx prot=%s ret=%d ns=%llu",
		  __entry->space, __entry->gpa, __entry->size,
		  axas_show_prot(__entry->prot), __entry->ret, __entry->ns)
);

TRACE_EVENT(axas_collapse,
	TP_PROTO(u64 space, const struct axas_collapse *args, int ret, u64 ns),
	TP_ARGS(space, args, ret, ns),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u64, gpa)
		__field(u64, size)
		__field(bool, copy)
		__field(u64, done)
		__field(u64, joined)
		__field(int, ret)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->gpa = args->gpa;
		__entry->size = args->length;
		__entry->copy = args->flags & AXAS_COLLAPSE_COPY;
		__entry->done = args->done;
		__entry->joined = args->joined;
		__entry->ret = ret;
		__entry->ns = ns;
	),
	TP_printk("space=%llu gpa=0x%llx size=0x%llx copy=%d done=0x%llx joined=0x%llx ret=%d ns=%llu",
		  __entry->space, __entry->gpa, __entry->size, __entry->copy,
		  __entry->done, __entry->joined, __entry->ret, __entry->ns)
);

TRACE_EVENT(axas_discard,
	TP_PROTO(u64 space, u64 gpa, u64 size, u64 freed, u64 pinned, int ret,
		 u64 ns),
	TP_ARGS(space, gpa, size, freed, pinned, ret, ns),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u64, gpa)
		__field(u64, size)
		__field(u64, freed)
		__field(u64, pinned)
		__field(int, ret)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->gpa = gpa;
		__entry->size = size;
		__entry->freed = freed;
		__entry->pinned = pinned;
		__entry->ret = ret;
		__entry->ns = ns;
	),
	TP_printk("space=%llu gpa=0x%llx size=0x%llx freed=%llu pinned=%llu ret=%d ns=%llu",
		  __entry->space, __entry->gpa, __entry->size, __entry->freed,
		  __entry->pinned, __entry->ret, __entry->ns)
);

TRACE_EVENT(axas_populate,
	TP_PROTO(u64 space, u64 gpa, u64 size, u64 done, int ret, u64 ns),
	TP_ARGS(space, gpa, size, done, ret, ns),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u64, gpa)
		__field(u64, size)
		__field(u64, done)
		__field(int, ret)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->gpa = gpa;
		__entry->size = size;
		__entry->done = done;
		__entry->ret = ret;
		__entry->ns = ns;
	),
	TP_printk("space=%llu gpa=0x%llx size=0x%llx done=0x%llx ret=%d ns=%llu",
		  __entry->space, __entry->gpa, __entry->size, __entry->done,
		  __entry->ret, __entry->ns)
);

TRACE_EVENT(axas_fault,
	TP_PROTO(u64 space, const struct axas_fault_entry *fault, u32 result,
		 u64 ns),
	TP_ARGS(space, fault, result, ns),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u32, bus)
		__field(u64, gpa)
		__field(u32, access)
		__field(u32, result)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->bus = fault->bus;
		__entry->gpa = fault->gpa;
		__entry->access = fault->access;
		__entry->result = result;
		__entry->ns = ns;
	),
	TP_printk("space=%llu bus=%s gpa=0x%llx access=%s result=%s ns=%llu",
		  __entry->space, axas_show_bus(__entry->bus), __entry->gpa,
		  axas_show_prot(__entry->access),
		  axas_show_result(__entry->result), __entry->ns)
);

TRACE_EVENT(axas_invalidate,
	TP_PROTO(u64 space, u64 gpa, u64 size, u64 ns),
	TP_ARGS(space, gpa, size, ns),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u64, gpa)
		__field(u64, size)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->gpa = gpa;
		__entry->size = size;
		__entry->ns = ns;
	),
	TP_printk("space=%llu gpa=0x%llx size=0x%llx ns=%llu", __entry->space,
		  __entry->gpa, __entry->size, __entry->ns)
);

TRACE_EVENT(axas_split,
	TP_PROTO(u64 space, u64 gpa, u64 size, u64 ns),
	TP_ARGS(space, gpa, size, ns),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u64, gpa)
		__field(u64, size)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->gpa = gpa;
		__entry->size = size;
		__entry->ns = ns;
	),
	TP_printk("space=%llu gpa=0x%llx size=0x%llx ns=%llu", __entry->space,
		  __entry->gpa, __entry->size, __entry->ns)
);

TRACE_EVENT(axas_destroy,
	TP_PROTO(u64 space, u64 ns),
	TP_ARGS(space, ns),
	TP_STRUCT__entry(
		__field(u64, space)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->space = space;
		__entry->ns = ns;
	),
	TP_printk("space=%llu ns=%llu", __entry->space, __entry->ns)
);

#endif /* _AXAS_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH axas
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
