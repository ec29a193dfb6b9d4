/* SPDX-License-Identifier: MIT */
/*
 * libaxas: the calls of <linux/axas.h> as C functions.
 *
 * A device or a space is a file descriptor; close(2) ends it. Functions return
 * 0, or a number where they say so, and -errno for an error; errno itself is
 * left alone. Which errors there are stands with each structure in
 * <linux/axas.h>, and for each function in axas(3). All functions may be called from any thread.
 *
 * Functions and structures may have one name: in C++, too, "struct axas_map" is the
 * structure, and "axas_map" alone the function.
 *
 * The library fills in the @size of a structure that it is given. Until 1.0 a
 * structure may grow from one release to the next: build programs again then.
 */
#ifndef AXAS_H
#define AXAS_H

#include <linux/axas.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * axas_open() - open the device
 * @path: its node; NULL stands for /dev/axas
 *
 * Return: a descriptor (close-on-exec) or -errno.
 */
int axas_open(const char *path);

/**
 * axas_info() - ask what the module can do
 * @dev: from axas_open()
 * @format: an &enum axas_format
 * @info: where the answer goes; it has a name whatever the module
 *
 * Return: 0 or -errno.
 */
int axas_info(int dev, uint32_t format, struct axas_info *info);

/**
 * axas_format_number() - find a format by its name
 * @dev: from axas_open()
 * @name: as axas_info() gives it; "host", or a number, will do too
 *
 * Return: the &enum axas_format, or the number of one that another module has
 * brought; -ENOENT if the module has none of that name, or another -errno.
 */
int axas_format_number(int dev, const char *name);

/**
 * axas_create() - create a space
 * @dev: from axas_open()
 * @how: what it shall be like; NULL takes the defaults
 *
 * Return: the space's descriptor (close-on-exec) or -errno.
 */
int axas_create(int dev, const struct axas_create *how);

/**
 * axas_id() - the number that debugfs and the tracepoints know a space by
 * @space: from axas_create()
 *
 * Return: the number, from 1, or -errno.
 */
int64_t axas_id(int space);

/**
 * axas_map() - make an area
 * @space: from axas_create()
 * @map: what and where; with %AXAS_MAP_REPLACE in the place of what is there
 *
 * Return: 0 or -errno.
 */
int axas_map(int space, const struct axas_map *map);

/**
 * axas_map_alloc() - make an area of lazily allocated memory
 * @space: from axas_create()
 * @gpa: first address
 * @length: bytes
 * @prot: &enum axas_prot bits
 *
 * Return: 0 or -errno.
 */
int axas_map_alloc(int space, uint64_t gpa, uint64_t length, uint32_t prot);

/**
 * axas_map_linear() - make an area of host physical memory, write-back
 * @space: from axas_create()
 * @gpa: first address
 * @length: bytes
 * @prot: &enum axas_prot bits
 * @hpa: first host physical address
 *
 * Return: 0 or -errno.
 */
int axas_map_linear(int space, uint64_t gpa, uint64_t length, uint32_t prot,
		    uint64_t hpa);

/**
 * axas_map_device() - make an area whose accesses the caller emulates
 * @space: from axas_create()
 * @gpa: first address
 * @length: bytes
 * @cookie: given back with each fault there
 *
 * All accesses but fetches are the device's; others are denied.
 *
 * Return: 0 or -errno.
 */
int axas_map_device(int space, uint64_t gpa, uint64_t length, uint64_t cookie);

/**
 * axas_map_alias() - make an area of memory that another space has
 * @space: from axas_create()
 * @gpa: first address
 * @length: bytes
 * @prot: &enum axas_prot bits
 * @source: a space, which may be the same, or a RAM file; may be closed afterwards
 * @offset: where in it the memory begins
 *
 * Return: 0 or -errno.
 */
int axas_map_alias(int space, uint64_t gpa, uint64_t length, uint32_t prot,
		   int source, uint64_t offset);

/**
 * axas_unmap() - take a range out of a space
 * @space: from axas_create()
 * @gpa: first address
 * @length: bytes
 *
 * Return: 0 or -errno.
 */
int axas_unmap(int space, uint64_t gpa, uint64_t length);

/**
 * axas_protect() - change permissions
 * @space: from axas_create()
 * @gpa: first address
 * @length: bytes
 * @prot: &enum axas_prot bits
 *
 * Return: 0 or -errno.
 */
int axas_protect(int space, uint64_t gpa, uint64_t length, uint32_t prot);

/**
 * axas_resize() - move the end of an area
 * @space: from axas_create()
 * @gpa: first address of the area
 * @length: bytes that it has then
 *
 * Return: 0 or -errno.
 */
int axas_resize(int space, uint64_t gpa, uint64_t length);

/**
 * axas_move() - take memory to another place of the space
 * @space: from axas_create()
 * @from: first address
 * @to: first address where it goes
 * @length: bytes
 * @flags: &enum axas_move_flags
 *
 * Return: 0 or -errno.
 */
int axas_move(int space, uint64_t from, uint64_t to, uint64_t length,
	      uint32_t flags);

/**
 * axas_discard() - give back memory and keep the areas
 * @space: from axas_create()
 * @gpa: first address
 * @length: bytes
 * @discard: where the answer goes; NULL if nobody asks
 *
 * Return: 0 or -errno.
 */
int axas_discard(int space, uint64_t gpa, uint64_t length,
		 struct axas_discard *discard);

/**
 * axas_populate() - bring in memory
 * @space: from axas_create()
 * @gpa: first address
 * @length: bytes
 * @done: where it says how far it came, in bytes; NULL if nobody asks
 *
 * Return: 0 or -errno; with -EINTR a caller may go on from there.
 */
int axas_populate(int space, uint64_t gpa, uint64_t length, uint64_t *done);

/**
 * axas_collapse() - make larger leaves of memory that is there
 * @space: from axas_create()
 * @gpa: first address
 * @length: bytes
 * @flags: &enum axas_collapse_flags
 * @collapse: where the answer goes; NULL if nobody asks
 *
 * Return: 0 or -errno; with -EINTR a caller may go on from where it came.
 */
int axas_collapse(int space, uint64_t gpa, uint64_t length, uint32_t flags,
		  struct axas_collapse *collapse);

/**
 * axas_next() - list what memory is there, without touching it
 * @space: from axas_create()
 * @gpa: first address; afterwards where to go on
 * @length: bytes; afterwards those that are left, 0 when all has been listed
 * @entries: where the runs go
 * @nr: how many fit
 *
 * Return: how many runs there are, or -errno.
 */
int axas_next(int space, uint64_t *gpa, uint64_t *length,
	      struct axas_next_entry *entries, unsigned int nr);

/**
 * axas_ram_file() - make a file of a range, for programs that know files as memory
 * @space: from axas_create()
 * @gpa: first address, offset 0 of the file
 * @length: bytes
 * @prot: %AXAS_PROT_READ, or both that and %AXAS_PROT_WRITE
 * @flags: 0, or %AXAS_RAM_PIN for windows that devices may use
 *
 * Return: a descriptor, closed on exec, or -errno.
 */
int axas_ram_file(int space, uint64_t gpa, uint64_t length, uint32_t prot,
		  uint32_t flags);

/**
 * axas_track() - notice what is written, or used, from now on
 * @space: from axas_create()
 * @gpa: first address
 * @length: bytes
 * @what: %AXAS_TRACK_WRITTEN or %AXAS_TRACK_ACCESSED
 * @flags: 0, or %AXAS_TRACK_BY_FLAGS with %AXAS_TRACK_WRITTEN
 * @threshold: pages that poll(2) waits for; 0 is 1. Of uses, and of what the CPU's flags say,
 *	there is nothing to wait for: 0
 *
 * Return: a descriptor, closed on exec, or -errno. The tracker ends when it is closed.
 */
int axas_track(int space, uint64_t gpa, uint64_t length, uint32_t what,
	       uint32_t flags, uint64_t threshold);

/**
 * axas_dirty() - list what has been written, or used, since it was listed last
 * @tracker: from axas_track()
 * @gpa: first address; afterwards where to go on
 * @length: bytes; afterwards those that are left, 0 when all has been listed
 * @flags: 0 or %AXAS_DIRTY_PEEK
 * @entries: where the runs go
 * @nr: how many fit
 *
 * What they hold is read behind the call: what is written later is listed later.
 *
 * Return: how many runs there are, or -errno.
 */
int axas_dirty(int tracker, uint64_t *gpa, uint64_t *length, uint32_t flags,
	       struct axas_next_entry *entries, unsigned int nr);

/**
 * axas_dirty_put() - have pages listed again
 * @tracker: from axas_track()
 * @entries: runs, as axas_dirty() gives them, or any others in the tracker's range
 * @nr: how many
 *
 * Return: 0 or -errno; then a part of them may be listed again, and the call can be
 * repeated.
 */
int axas_dirty_put(int tracker, const struct axas_next_entry *entries,
		   unsigned int nr);

/**
 * axas_clear() - unmap everything
 * @space: from axas_create()
 *
 * Return: 0 or -errno.
 */
int axas_clear(int space);

/**
 * axas_fault() - resolve one nested page fault
 * @space: from axas_create()
 * @gpa: the address that was accessed
 * @access: &enum axas_prot bits of the access
 *
 * Return: an &enum axas_fault_result, or -errno.
 */
int axas_fault(int space, uint64_t gpa, uint32_t access);

/**
 * axas_faults() - resolve many faults in one call
 * @space: from axas_create()
 * @entries: the faults, each of which gets a result
 * @nr: how many
 *
 * Return: how many have a result, or -errno if none has. It is less than @nr
 * when an error has stopped the call; to go on behind it shows the error.
 */
int axas_faults(int space, struct axas_fault_entry *entries, unsigned int nr);

/**
 * axas_translate() - look one address up
 * @space: from axas_create()
 * @gpa: the address
 * @entry: where the answer goes
 *
 * Return: an &enum axas_translate_state, or -errno.
 */
int axas_translate(int space, uint64_t gpa, struct axas_translate_entry *entry);

/**
 * axas_translations() - look many addresses up in one call
 * @space: from axas_create()
 * @entries: the addresses, each of which gets an answer
 * @nr: how many
 *
 * Return: as axas_faults().
 */
int axas_translations(int space, struct axas_translate_entry *entries,
		      unsigned int nr);

/**
 * axas_stats() - get the figures of a space
 * @space: from axas_create()
 * @stats: where they go
 *
 * Return: 0 or -errno.
 */
int axas_stats(int space, struct axas_stats *stats);

/**
 * axas_probe() - let the CPU walk the table
 * @space: from axas_create()
 * @gpa: the address
 * @access: one &enum axas_prot bit
 * @probe: where the answer goes
 *
 * Return: 0 or -errno.
 */
int axas_probe(int space, uint64_t gpa, uint32_t access,
	       struct axas_probe *probe);

/**
 * axas_root() - get what makes a CPU use the table
 * @space: from axas_create()
 * @root: where the answer goes
 *
 * Return: 0 or -errno.
 */
int axas_root(int space, struct axas_root *root);

/**
 * struct axas_area_iter - a walk over the areas of a space
 */
struct axas_area_iter;

/**
 * axas_areas_begin() - begin to list the areas of a space
 * @space: from axas_create(); must stay open
 * @start: where to begin; 0 lists all
 * @iter: where the walk goes; axas_areas_end() frees it
 *
 * Return: 0 or -ENOMEM.
 */
int axas_areas_begin(int space, uint64_t start, struct axas_area_iter **iter);

/**
 * axas_areas_next() - get the next area, in the order of addresses
 * @iter: from axas_areas_begin()
 * @area: where it goes
 *
 * Return: 1, 0 when there is none left, or -errno; the walk may be tried again
 * after an error.
 */
int axas_areas_next(struct axas_area_iter *iter, struct axas_area_entry *area);

/**
 * axas_areas_changed() - ask whether the areas have changed during a walk
 * @iter: from axas_areas_begin()
 *
 * Return: 0 if all areas that the walk gave were there at once, else 1.
 */
int axas_areas_changed(const struct axas_area_iter *iter);

/**
 * axas_areas_end() - end a walk
 * @iter: from axas_areas_begin(), or NULL
 */
void axas_areas_end(struct axas_area_iter *iter);

/**
 * axas_device_add() - register ports or system registers
 * @space: from axas_create()
 * @bus: %AXAS_BUS_PORT or %AXAS_BUS_SYSREG
 * @first: first address
 * @last: last address, inclusive
 * @cookie: given back with each fault there
 *
 * Return: 0 or -errno.
 */
int axas_device_add(int space, uint32_t bus, uint64_t first, uint64_t last,
		    uint64_t cookie);

/**
 * axas_device_del() - take back what axas_device_add() has registered
 * @space: from axas_create()
 * @bus: as registered
 * @first: as registered
 * @last: as registered
 *
 * Return: 0 or -errno.
 */
int axas_device_del(int space, uint32_t bus, uint64_t first, uint64_t last);

/**
 * axas_window() - map guest memory into the process
 * @space: from axas_create()
 * @gpa: first address
 * @length: bytes
 * @prot: PROT_READ and PROT_WRITE of mmap(2)
 * @window: where its address goes; munmap(2) ends it
 *
 * Return: 0 or -errno.
 */
int axas_window(int space, uint64_t gpa, size_t length, int prot,
		void **window);

/**
 * axas_read() - copy out of guest memory, all or an error
 * @space: from axas_create()
 * @gpa: first address
 * @buf: where the bytes go
 * @length: bytes
 *
 * Return: 0 or -errno; -EFAULT also when the space ends in the range.
 */
int axas_read(int space, uint64_t gpa, void *buf, size_t length);

/**
 * axas_write() - copy into guest memory, all or an error
 * @space: from axas_create()
 * @gpa: first address
 * @buf: the bytes
 * @length: how many
 *
 * Return: 0 or -errno.
 */
int axas_write(int space, uint64_t gpa, const void *buf, size_t length);

/**
 * axas_format_name() - name of an &enum axas_format
 * @format: the value
 *
 * Return: "host", "ept", "s2", "amd", or "unknown". axas_info() has the names of
 * formats that other modules bring.
 */
const char *axas_format_name(uint32_t format);

/**
 * axas_feature_name() - name of an &enum axas_feature
 * @feature: the bit
 *
 * Return: "exec-only", "ad", "fwb", "lpa2", "exec-user", or "unknown".
 */
const char *axas_feature_name(uint32_t feature);

/**
 * axas_backend_name() - name of an &enum axas_backend_id
 * @backend: the value
 *
 * Return: "linear", "alloc", "device", or "unknown".
 */
const char *axas_backend_name(uint32_t backend);

/**
 * axas_memtype_name() - name of an &enum axas_memtype
 * @memtype: the value
 *
 * Return: "wb", "wt", "wp", "nc", "uc", "device", or "unknown".
 */
const char *axas_memtype_name(uint32_t memtype);

/**
 * axas_result_name() - name of an &enum axas_fault_result
 * @result: the value
 *
 * Return: "resolved", "spurious", "no-area", "denied", "no-memory", "invalid",
 * "device", "poisoned", or "unknown".
 */
const char *axas_result_name(uint32_t result);

#ifdef __cplusplus
}
#endif

#endif /* AXAS_H */
