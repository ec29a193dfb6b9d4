/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * axas: guest physical address spaces.
 *
 * Open /dev/axas, ask AXAS_INFO what the module can do, and make a space with
 * AXAS_CREATE, which returns a new file descriptor. All other calls go to that
 * descriptor, and so do pread(2), pwrite(2) and mmap(2) with MAP_SHARED: their
 * offset is a guest physical address (GPA). Closing the last reference frees
 * everything.
 */
#ifndef _UAPI_LINUX_AXAS_H
#define _UAPI_LINUX_AXAS_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: Conventions
 *
 * Every call takes one structure that begins with @size and @flags.
 * @size is sizeof() the structure as the caller knows it. A larger structure
 * than the module knows is accepted as long as what the module doesn't know is
 * zero. Unknown flags and non-zero reserved fields are refused. All integers
 * have the same layout for 32-bit and 64-bit callers.
 *
 * GPAs, HPAs and lengths are in bytes. Where a range is asked for it must be
 * aligned to 4096 and must not be empty.
 *
 * Errors that any call can give:
 *
 * - EFAULT: a pointer is bad.
 * - EINVAL: @size is below the first published size; @flags has an unknown
 *   bit; a reserved field isn't zero; an address or length is misaligned; a
 *   length is zero; an enumeration has no such value.
 * - E2BIG: @size is larger than the module knows and what is beyond isn't
 *   zero, or @size is larger than a page.
 * - ENOTTY: the descriptor or the request number isn't one of axas.
 * - ERANGE: a range wraps, or doesn't lie inside of the space.
 * - ENOMEM: out of memory, or the caller's memory cgroup is full.
 * - EINTR: a fatal signal is pending.
 *
 * A call that fails leaves the space as it was. AXAS_FAULT and AXAS_TRANSLATE
 * take arrays: what was done before the failure stays done, and @done counts it.
 */

/**
 * DOC: Guest memory as a file
 *
 * A space's descriptor is also a file whose offsets are GPAs: a regular one of
 * mode 0600 whose size is the end of the space and stays so: ftruncate(2) to that
 * size is fine, and to any other EINVAL. fsync(2) and msync(2) have nothing to do.
 * Opened anew through /proc it is the same space, which lives
 * as long as one of its descriptors or windows. A descriptor for reading alone
 * has %AXAS_TRANSLATE, %AXAS_STATS, %AXAS_ROOT, %AXAS_AREAS, %AXAS_NEXT, and
 * windows for reading; other calls give EBADF.
 *
 * lseek(2) with SEEK_DATA goes to memory that is there, as AXAS_NEXT lists it, and
 * with SEEK_HOLE to where there is none: outside of areas, in devices, where
 * nobody has touched it yet, and where it has failed. Neither touches anything.
 *
 * fallocate(2) with FALLOC_FL_PUNCH_HOLE and FALLOC_FL_KEEP_SIZE is AXAS_DISCARD, and
 * so is madvise(2) with MADV_REMOVE of a window. Without a mode, or with
 * FALLOC_FL_KEEP_SIZE alone, it is AXAS_POPULATE. Their errors are its, but for
 * EINVAL where the range isn't all in the file; other modes are EOPNOTSUPP.
 *
 * pread(2), pwrite(2) and their vector forms copy across pages and areas. A write
 * brings in pages that were not touched yet; a read of such gives zeros and brings in
 * nothing, but from a module's backend, whose memory may come with contents. They
 * obey the permissions of the areas and stop short where those or the areas end, with
 * what was done. If nothing was done:
 *
 * - EFAULT: there is no area, or a device, which has no memory whatever its
 *   rights; or the caller's buffer is bad.
 * - EACCES: the area doesn't allow it.
 * - ENOMEM: no memory for a frame or a table.
 * - EINTR: a fatal signal is pending.
 * - EIO: the kernel can't map the linear memory there.
 * - EHWPOISON: the memory there has failed.
 * - ENOSPC: a write at or behind the end of the space; a read there gives 0.
 *
 * No byte is copied after an AXAS_UNMAP, AXAS_DISCARD or AXAS_PROTECT that took
 * it away has returned.
 *
 * mmap(2) with MAP_SHARED makes a window: the frames of the guest at an address
 * of the process. Pages come in on first touch through the area's backend. With a
 * read the process also gets what is there behind it, up to 64 KiB, unless
 * madvise(2) has said MADV_RANDOM of the window. A touch outside of areas, in a
 * device, or one that the area doesn't allow, gives SIGBUS, and so does one that
 * there is no memory for. Where memory has failed, the SIGBUS has the code
 * BUS_MCEERR_AR.
 * AXAS_UNMAP, AXAS_DISCARD and AXAS_PROTECT take effect in all windows before
 * they return.
 * Frames of the space can be taken with get_user_pages(): direct I/O into a
 * window works. A page that somebody has pinned outlives its unmap and is freed
 * when it is let go. Errors of mmap(2):
 *
 * - EINVAL: the range doesn't lie inside of the space, or is MAP_PRIVATE.
 * - EINTR: a fatal signal is pending.
 *
 * The kernel refuses long-term pins with write access to any shared file
 * mapping that tracks writes, and a window is one, but for those of a RAM file that was made
 * with %AXAS_RAM_PIN. Memory that the space doesn't
 * own, that is linear memory, can be touched but not pinned: direct I/O there
 * gives EFAULT, or EEXIST from some kernels. /proc/PID/mem and ptrace(2) reach
 * all of a window.
 *
 * A KVM memory slot works over a window of frames. It works over linear memory, a
 * device's BAR for example, if that has a window of its own: if areas cover all of
 * the range when mmap(2) is called, and the space owns no frame of any.
 *
 * A window maps frames of the space write-back whatever the memory type of the
 * area, which is that of the guest. Linear memory it maps by the area's type, and
 * uncached where that says write-back but the kernel knows better, as it does
 * of BARs on x86; a type that another mapping of the kernel's rules out gives
 * SIGBUS. pread(2) and pwrite(2) do the same, and give EIO.
 */

/**
 * DOC: Aliases
 *
 * An area of %AXAS_BACKEND_ALIAS has no memory of its own: it shows what lies in a range
 * of a file, @offset and on, of another space or of the same one: a space's descriptor, or
 * a RAM file, by which a space lends a range of itself and nothing else. What is
 * written on one side is there on the other. The frames are the source's, which alone counts
 * them as resident; whoever brings one in pays for it, as ever.
 *
 * What the source does to its range holds for the alias before its call returns: unmap,
 * discard, protect, replace, move, collapse, and memory that fails. Guests, windows
 * and pread(2) of the alias then find what the source has there now; in the middle of
 * the call they wait for the end of it. A touch of the alias brings memory in at the source,
 * as one there does. Where the source has no area, or one of memory that it doesn't own
 * (linear, a device, an alias), there is nothing: faults give %AXAS_FAULT_NO_AREA,
 * pread(2) EFAULT, windows SIGBUS.
 *
 * A guest, or a window, may do what both areas allow, and if the descriptor couldn't be written
 * to nothing but read and execute. Memory is write-back in an alias, whatever the source
 * says, and comes in leaves of 4 KiB.
 *
 * The source lives as long as any alias of it, whoever closes what. For that a space of which
 * others have aliases has none of others itself: ELOOP. Two guests that are to see each
 * other's memory have it from a third space. Aliases within one space are always
 * possible.
 *
 * Writes through an alias are noticed by the source's trackers, as if they were made there;
 * what is touched for reading only may be listed as well, if the alias could be written to. A
 * space that has aliases has no trackers itself, nor the other way round: EOPNOTSUPP.
 *
 * An alias can be unmapped, protected, replaced and cut like any area; AXAS_MOVE,
 * AXAS_DISCARD, AXAS_COLLAPSE, and AXAS_RESIZE to more than it has, give EOPNOTSUPP. To the
 * space it is memory that it doesn't own: windows of it can't be pinned, and KVM works over one
 * that has nothing else in it, as over linear memory.
 */

#define AXAS_IOC_TYPE	0xBA

enum {
	AXAS_CMD_INFO = 0x00,
	AXAS_CMD_CREATE = 0x01,
	AXAS_CMD_MAP = 0x10,
	AXAS_CMD_UNMAP = 0x11,
	AXAS_CMD_PROTECT = 0x12,
	AXAS_CMD_CLEAR = 0x13,
	AXAS_CMD_FAULT = 0x14,
	AXAS_CMD_TRANSLATE = 0x15,
	AXAS_CMD_STATS = 0x16,
	AXAS_CMD_PROBE = 0x17,
	AXAS_CMD_ROOT = 0x18,
	AXAS_CMD_AREAS = 0x19,
	AXAS_CMD_DEVICE_ADD = 0x1a,
	AXAS_CMD_DEVICE_DEL = 0x1b,
	AXAS_CMD_DISCARD = 0x1c,
	AXAS_CMD_POPULATE = 0x1d,
	AXAS_CMD_NEXT = 0x1e,
	AXAS_CMD_RESIZE = 0x1f,
	AXAS_CMD_MOVE = 0x20,
	AXAS_CMD_RAM_FILE = 0x21,
	AXAS_CMD_COLLAPSE = 0x22,
	AXAS_CMD_TRACK = 0x23,
	AXAS_CMD_DIRTY = 0x24,
};

/**
 * enum axas_format - how entries are encoded
 * @AXAS_FORMAT_HOST: the format of the machine's own CPUs; EPT where they have none
 * @AXAS_FORMAT_EPT: Intel extended page tables
 * @AXAS_FORMAT_S2: Armv8-A stage 2, VMSAv8-64, 4K granule
 * @AXAS_FORMAT_AMD: AMD nested paging
 * @AXAS_FORMAT_MODULE: from here to 31: formats that other modules bring
 */
enum axas_format {
	AXAS_FORMAT_HOST = 0,
	AXAS_FORMAT_EPT = 1,
	AXAS_FORMAT_S2 = 2,
	AXAS_FORMAT_AMD = 3,
	AXAS_FORMAT_MODULE = 16,
};

/**
 * enum axas_prot - permissions of an area and kinds of an access
 * @AXAS_PROT_READ: load
 * @AXAS_PROT_WRITE: store; an area that is writable must also be readable
 * @AXAS_PROT_EXEC: instruction fetch; without @AXAS_PROT_READ only where the
 *	format and the CPU offer it (%AXAS_FEAT_EXEC_ONLY); with %AXAS_FEAT_EXEC_USER
 *	instruction fetch in supervisor mode
 * @AXAS_PROT_EXEC_USER: with %AXAS_FEAT_EXEC_USER instruction fetch in user mode, as
 *	@AXAS_PROT_EXEC otherwise; without it there is no such right
 */
enum axas_prot {
	AXAS_PROT_READ = 1 << 0,
	AXAS_PROT_WRITE = 1 << 1,
	AXAS_PROT_EXEC = 1 << 2,
	AXAS_PROT_EXEC_USER = 1 << 3,
};

/**
 * enum axas_memtype - memory type of an area
 * @AXAS_MEM_WB: write-back, on all formats
 * @AXAS_MEM_WT: write-through, EPT and AMD only
 * @AXAS_MEM_WP: write-protected, EPT and AMD only
 * @AXAS_MEM_NC: write-combining on EPT and AMD, Normal Non-cacheable on stage 2
 * @AXAS_MEM_UC: uncacheable on EPT and AMD, Device-nGnRnE on stage 2
 * @AXAS_MEM_DEVICE: Device-nGnRE, stage 2 only
 *
 * On AMD a leaf says which field of the host's PAT register has its type: those
 * that Linux fills it with (0 WB, 1 WC, 3 UC, 5 WP, 7 WT). Whoever enters a guest
 * keeps that register as it is.
 */
enum axas_memtype {
	AXAS_MEM_WB = 0,
	AXAS_MEM_WT = 1,
	AXAS_MEM_WP = 2,
	AXAS_MEM_NC = 3,
	AXAS_MEM_UC = 4,
	AXAS_MEM_DEVICE = 5,
};

/**
 * enum axas_feature - what a format, or a space, can do
 * @AXAS_FEAT_EXEC_ONLY: areas may be executable and not readable
 * @AXAS_FEAT_AD: the CPU keeps accessed and dirty flags in the entries. AMD's
 *	always does: without this they are set from the start, and not shown
 * @AXAS_FEAT_FWB: stage 2 memory attributes as with HCR_EL2.FWB set. Without it
 *	each frame is cleaned from the caches when it comes into the space
 * @AXAS_FEAT_LPA2: stage 2 entries as with VTCR_EL2.DS set: they hold HPAs of 52
 *	bits, and the space may be 32 to 52 bits wide; above 48 it has 5 levels. An
 *	Arm CPU has it whose physical addresses have 52 bits with pages of 4 KiB
 * @AXAS_FEAT_EXEC_USER: instruction fetches in user and in supervisor mode are rights of
 *	their own. EPT: whoever runs a guest sets "mode-based execute control for EPT";
 *	the mode is that of the linear address which is fetched from. Stage 2: EL0 and
 *	EL1, on a CPU with FEAT_XNX. AMD's format hasn't got it
 */
enum axas_feature {
	AXAS_FEAT_EXEC_ONLY = 1 << 0,
	AXAS_FEAT_AD = 1 << 1,
	AXAS_FEAT_FWB = 1 << 2,
	AXAS_FEAT_LPA2 = 1 << 3,
	AXAS_FEAT_EXEC_USER = 1 << 4,
};

/**
 * struct axas_info - what the module can do (/dev/axas)
 * @size: sizeof(struct axas_info)
 * @flags: must be 0
 * @format: in: the &enum axas_format asked about; out: the same, with
 *	%AXAS_FORMAT_HOST replaced by what it stands for
 * @formats: out: bit n is set if format n can be asked for
 * @leaf_sizes: out: the sizes of a leaf, in bytes, or-ed together
 * @gpa_bits: out: bit n is set if a space may be n bits wide
 * @features: out: &enum axas_feature bits that AXAS_CREATE takes for @format
 * @memtypes: out: bit n is set if @format has &enum axas_memtype n
 * @hpa_bits: out: width of the host physical addresses that an entry can hold
 * @default_gpa_bits: out: width of a space that doesn't ask for one
 * @control_bits: out: bit n is set if AXAS_ROOT has a control value for a space
 *	n bits wide: no CPU can be told to use the table of another. EPT lacks
 *	39, whose three levels no EPTP can hold
 * @name: out: the name of @format, "ept", "s2" or "amd" or what the module that
 *	has brought it calls it; cut after 15 bytes, which a 0 ends
 *
 * For stage 2 @gpa_bits, @hpa_bits and @control_bits are those of a space without
 * %AXAS_FEAT_LPA2. If @features has it, a space with it may be 32 to 52 bits wide, its
 * entries hold 52, and there is a control value for each width.
 *
 * For the host's own format these are the limits of the CPU. A format that the
 * CPU doesn't walk has the limits of its architecture.
 *
 * An AMD CPU walks nested tables of as many levels as the kernel's own: 4, or 5
 * where the kernel runs with la57. @control_bits and @default_gpa_bits say so there.
 * Where the kernel's own memory is encrypted (mem_encrypt=on) no width has a
 * control value, and booted with nopat there are no types but WB and UC. To such a
 * CPU each look of a guest into its own page tables is a write to them.
 *
 * EPT has no leaves but 4 KiB where the CPU walks it and has the erratum
 * itlb_multihit (/proc/cpuinfo says so), by which a guest that executes from a
 * large leaf can stop the host. Booted with mitigations=off it has all.
 *
 * Errors: EINVAL for an unknown @format.
 */
struct axas_info {
	__u32 size;
	__u32 flags;
	__u32 format;
	__u32 formats;
	__u64 leaf_sizes;
	__u64 gpa_bits;
	__u32 features;
	__u32 memtypes;
	__u32 hpa_bits;
	__u32 default_gpa_bits;
	__u64 control_bits;
	char name[16];
};

#define AXAS_INFO	_IO(AXAS_IOC_TYPE, AXAS_CMD_INFO)

/**
 * struct axas_create - create a space (/dev/axas)
 * @size: sizeof(struct axas_create)
 * @flags: must be 0
 * @format: an &enum axas_format
 * @gpa_bits: width of a GPA; 0 takes the default. EPT: 39, 48 or 57, for 3, 4
 *	and 5 levels. Stage 2: 32 to 48, with %AXAS_FEAT_LPA2 to 52. AMD: 48 or
 *	57, for 4 and 5 levels.
 * @base: first GPA of the space, aligned to 4096
 * @length: bytes in the space, a multiple of 4096; 0 means all up to the end
 *	of the width
 * @features: &enum axas_feature bits to be in force
 * @reserved: must be 0
 *
 * Return: a descriptor (close-on-exec).
 *
 * Errors: EINVAL, ERANGE when @base and @length don't fit @gpa_bits,
 * EOPNOTSUPP when the format or the CPU lacks @gpa_bits or @features, or when the
 * machine has memory at addresses that an entry of the format can't hold, ENOMEM,
 * EMFILE, ENFILE.
 */
struct axas_create {
	__u32 size;
	__u32 flags;
	__u32 format;
	__u32 gpa_bits;
	__u64 base;
	__u64 length;
	__u32 features;
	__u32 reserved;
};

#define AXAS_CREATE	_IO(AXAS_IOC_TYPE, AXAS_CMD_CREATE)

/**
 * enum axas_backend_id - where an area's frames come from
 * @AXAS_BACKEND_LINEAR: host physical memory at @hpa, at a constant distance;
 *	mapped when the area is made
 * @AXAS_BACKEND_ALLOC: zeroed frames from the kernel, on first touch or, with
 *	%AXAS_MAP_POPULATE, when the area is made
 * @AXAS_BACKEND_DEVICE: nothing: no memory is ever mapped there, and a fault
 *	is answered with %AXAS_FAULT_DEVICE
 * @AXAS_BACKEND_ALIAS: memory that another space has, or this one at another address: see
 *	"Aliases"
 * @AXAS_BACKEND_MODULE: from here to 31: backends that other modules bring
 */
enum axas_backend_id {
	AXAS_BACKEND_LINEAR = 1,
	AXAS_BACKEND_ALLOC = 2,
	AXAS_BACKEND_DEVICE = 3,
	AXAS_BACKEND_ALIAS = 4,
	AXAS_BACKEND_MODULE = 16,
};

/**
 * enum axas_map_flags - flags of AXAS_MAP
 * @AXAS_MAP_POPULATE: alloc: take all frames now; the area is there when it has
 *	them all
 * @AXAS_MAP_IGNORE_PAT: EPT: the guest's PAT doesn't take part in the memory
 *	type
 * @AXAS_MAP_NODE: alloc: take frames of NUMA node @node while it has any
 * @AXAS_MAP_REPLACE: whatever areas lie in the range give way, or parts of them, in
 *	one step: an access finds what was there before or what is there now, at
 *	every address of the range, and waits in between. The area is joined with
 *	its neighbours as by AXAS_PROTECT
 * @AXAS_MAP_ROM: alloc, linear: rights are those of guests. Who has the space reads and
 *	writes by read(2), write(2) and windows whatever they are
 * @AXAS_MAP_BIND: alloc: take frames of NUMA nodes in @nodes alone: @node, if that is given,
 *	or else the nearest to the CPU comes first. When they have none left, touches fail as
 *	they do without memory
 * @AXAS_MAP_INTERLEAVE: alloc: each aligned 2 MiB take their frames from the next node in
 *	@nodes, while that has any. Which one it is goes by where they are in the area,
 *	which keeps them wherever it is moved; two that were made apart aren't joined. Not
 *	with %AXAS_MAP_NODE
 * @AXAS_MAP_WHOLE: alloc, with a @max_leaf of 2 MiB, of which @gpa and @length are multiples:
 *	memory comes in by 2 MiB and no less. The kernel moves pages about for that; if it
 *	has none in one piece even so, a touch fails as it does without memory, and
 *	AXAS_POPULATE with ENOMEM. What a later call has cut to less comes in as that
 */
enum axas_map_flags {
	AXAS_MAP_POPULATE = 1 << 0,
	AXAS_MAP_IGNORE_PAT = 1 << 1,
	AXAS_MAP_NODE = 1 << 2,
	AXAS_MAP_REPLACE = 1 << 3,
	AXAS_MAP_ROM = 1 << 4,
	AXAS_MAP_BIND = 1 << 5,
	AXAS_MAP_INTERLEAVE = 1 << 6,
	AXAS_MAP_WHOLE = 1 << 7,
};

/**
 * struct axas_map - make an area (space)
 * @size: sizeof(struct axas_map)
 * @flags: &enum axas_map_flags
 * @gpa: first GPA, aligned to 4096
 * @length: bytes, a multiple of 4096
 * @hpa: linear: first HPA, aligned to 4096; otherwise 0
 * @backend: an &enum axas_backend_id
 * @prot: &enum axas_prot bits, at least one
 * @memtype: an &enum axas_memtype; %AXAS_MEM_WB for a device, where it says
 *	nothing
 * @node: with %AXAS_MAP_NODE the preferred NUMA node, otherwise 0
 * @max_leaf: largest leaf in bytes: 4096, 2 MiB or (linear) 1 GiB. 0 means the
 *	largest for linear and 4096 for alloc. With 2 MiB a first touch takes
 *	a 2 MiB frame where the aligned 2 MiB lie in the area and one is free.
 *	0 for a device; 0 or 4096 for an alias.
 * @cookie: the caller's own; given back by AXAS_AREAS, and with each fault in
 *	a device area
 * @offset: alias: where in the file of @fd the memory begins, aligned to 4096; otherwise 0
 * @fd: alias: a descriptor of the space that has the memory, or of a RAM file, open for
 *	reading; otherwise 0
 * @nodes: with %AXAS_MAP_BIND or %AXAS_MAP_INTERLEAVE the set: bit n is NUMA node n, which has
 *	memory that the kernel may take for itself. Otherwise 0
 *
 * A process' own policy (set_mempolicy(2), numactl(8)) holds for areas that have none of
 * these three; mbind(2) of a window is refused with EOPNOTSUPP.
 *
 * Errors: EEXIST when the range meets an area that isn't to be replaced; EPERM when
 * linear is asked for without CAP_SYS_RAWIO or the kernel is locked down; EACCES
 * when a linear range meets ordinary RAM; EBUSY when it meets what a driver has
 * claimed for itself alone, or is to replace what windows keep (%AXAS_RAM_PIN); ERANGE also
 * when @hpa doesn't fit an entry, or when @offset and @length don't lie in the file; EBADF
 * when @fd is no descriptor, or can't be read; ELOOP when one space would be an alias of
 * another that is one, see "Aliases"; EOPNOTSUPP when the format lacks @prot, @memtype,
 * @max_leaf or a flag, and for an alias in a space that has had a tracker; ENOMEM; EINTR.
 */
struct axas_map {
	__u32 size;
	__u32 flags;
	__u64 gpa;
	__u64 length;
	__u64 hpa;
	__u32 backend;
	__u32 prot;
	__u32 memtype;
	__u32 node;
	__u64 max_leaf;
	__u64 cookie;
	__u64 offset;
	__s32 fd;
	__u32 nodes;
};

#define AXAS_MAP	_IO(AXAS_IOC_TYPE, AXAS_CMD_MAP)

/**
 * struct axas_unmap - take a range out of the space (space)
 * @size: sizeof(struct axas_unmap)
 * @flags: must be 0
 * @gpa: first GPA, aligned to 4096
 * @length: bytes, a multiple of 4096
 *
 * The range may cover parts of areas, several areas and holes. Leaves that are
 * only partly in it are split. Windows made with mmap(2) lose the range before
 * the call returns, and frames that nobody else holds are free.
 *
 * Errors: EBUSY at what windows keep (%AXAS_RAM_PIN); EINVAL, ERANGE, ENOMEM, EINTR.
 */
struct axas_unmap {
	__u32 size;
	__u32 flags;
	__u64 gpa;
	__u64 length;
};

#define AXAS_UNMAP	_IO(AXAS_IOC_TYPE, AXAS_CMD_UNMAP)

/**
 * struct axas_protect - change permissions (space)
 * @size: sizeof(struct axas_protect)
 * @flags: must be 0
 * @gpa: first GPA, aligned to 4096
 * @length: bytes, a multiple of 4096
 * @prot: &enum axas_prot bits, at least one
 * @reserved: must be 0
 *
 * The range may be any part of one or several areas, without a hole. What is
 * cut from an area by this is an area of its own, until it is like its neighbour
 * again: then both are one, and have leaves as large as before. What was made by
 * calls of its own is joined as well, if nothing tells it from its neighbour: backend,
 * rights, memory type, cookie, largest leaf and node; linear memory must lie in one
 * piece, and a device must have been one.
 *
 * Errors: ENOENT when the range has a hole; EOPNOTSUPP when the format lacks
 * @prot; EBUSY at what windows keep (%AXAS_RAM_PIN); EINVAL; ERANGE; ENOMEM; EINTR.
 */
struct axas_protect {
	__u32 size;
	__u32 flags;
	__u64 gpa;
	__u64 length;
	__u32 prot;
	__u32 reserved;
};

#define AXAS_PROTECT	_IO(AXAS_IOC_TYPE, AXAS_CMD_PROTECT)

/**
 * struct axas_resize - move the end of an area (space)
 * @size: sizeof(struct axas_resize)
 * @flags: must be 0
 * @gpa: first GPA of the area
 * @length: bytes that it has then, a multiple of 4096
 *
 * What is taken off is unmapped, as by AXAS_UNMAP. What is added has no memory
 * yet, and comes in on first touch whatever the area was made with. What an
 * unmap, a protect or a replace has left of an area is an area.
 *
 * Linear memory can't be added: AXAS_MAP what comes behind with
 * %AXAS_MAP_REPLACE, and both are one area.
 *
 * Errors: ENOENT when no area begins at @gpa; EEXIST when there is another one
 * where it is to grow; EOPNOTSUPP when linear memory or an alias is to grow, or
 * that of a module's backend that maps it beforehand; EBUSY when windows keep what is to be
 * taken off (%AXAS_RAM_PIN); EINVAL; ERANGE; ENOMEM; EINTR.
 */
struct axas_resize {
	__u32 size;
	__u32 flags;
	__u64 gpa;
	__u64 length;
};

#define AXAS_RESIZE	_IO(AXAS_IOC_TYPE, AXAS_CMD_RESIZE)

/**
 * enum axas_move_flags - flags of AXAS_MOVE
 * @AXAS_MOVE_EXCHANGE: what lies at @to comes to @from
 */
enum axas_move_flags {
	AXAS_MOVE_EXCHANGE = 1 << 0,
};

/**
 * struct axas_move - take memory to another place of the space (space)
 * @size: sizeof(struct axas_move)
 * @flags: &enum axas_move_flags
 * @from: first GPA, aligned to 4096
 * @to: first GPA where it goes, aligned to 4096
 * @length: bytes, a multiple of 4096
 *
 * Areas go there with all that is in them: contents, rights, types, cookies; a
 * device's offsets too. @from is a hole then, or has what was at @to. Either range may
 * be any part of one or several areas, without a hole; they don't overlap. An area of
 * %AXAS_BACKEND_DEVICE that is exchanged for memory hides that, and shows it
 * again when both are exchanged once more.
 *
 * Touches of both ranges wait for the end of the call; nobody finds that the memory
 * is nowhere. Windows made with mmap(2) lose both ranges before it returns. It takes
 * no longer for whole tables of 2 MiB or 1 GiB than for a page where @from and @to lie
 * alike in them, but waits for a grace period then; elsewhere larger leaves are split.
 *
 * Errors: ENOENT when a range that goes has a hole; EEXIST when the range at @to
 * has none but isn't to be exchanged; EBUSY, as long as somebody has pinned a
 * page of what goes, as direct I/O through a window does, or is just touching one
 * there, or windows keep it (%AXAS_RAM_PIN); EOPNOTSUPP for memory of a module's backend that
 * can't be moved; EINVAL,
 * also when the ranges overlap; ERANGE; ENOMEM; EINTR. Then nothing has
 * changed but the size of leaves.
 */
struct axas_move {
	__u32 size;
	__u32 flags;
	__u64 from;
	__u64 to;
	__u64 length;
};

#define AXAS_MOVE	_IO(AXAS_IOC_TYPE, AXAS_CMD_MOVE)

/**
 * struct axas_clear - unmap everything (space)
 * @size: sizeof(struct axas_clear)
 * @flags: must be 0
 *
 * Errors: EBUSY when windows keep any of it (%AXAS_RAM_PIN); ENOMEM, EINTR.
 */
struct axas_clear {
	__u32 size;
	__u32 flags;
};

#define AXAS_CLEAR	_IO(AXAS_IOC_TYPE, AXAS_CMD_CLEAR)

/**
 * enum axas_fault_result - what became of a nested page fault
 * @AXAS_FAULT_RESOLVED: the access is now allowed
 * @AXAS_FAULT_SPURIOUS: the access was allowed already, nothing changed
 * @AXAS_FAULT_NO_AREA: no area holds the address
 * @AXAS_FAULT_DENIED: the area doesn't allow the access: it is the owner's to emulate,
 *	as a write to ROM is, or to refuse
 * @AXAS_FAULT_NO_MEMORY: no memory for a frame or a table
 * @AXAS_FAULT_INVALID: the GPA lies outside of the space, or the access is
 *	empty or has unknown bits, or there is no such bus or width
 * @AXAS_FAULT_DEVICE: a device is there: the access is the owner's to emulate,
 *	and nothing changed
 * @AXAS_FAULT_POISONED: the memory there has failed; what it held is lost. The
 *	owner tells the guest, or unmaps the page and makes an area anew.
 */
enum axas_fault_result {
	AXAS_FAULT_RESOLVED = 0,
	AXAS_FAULT_SPURIOUS = 1,
	AXAS_FAULT_NO_AREA = 2,
	AXAS_FAULT_DENIED = 3,
	AXAS_FAULT_NO_MEMORY = 4,
	AXAS_FAULT_INVALID = 5,
	AXAS_FAULT_DEVICE = 6,
	AXAS_FAULT_POISONED = 7,
};

/* Number of values of enum axas_fault_result. */
#define AXAS_NR_FAULT_RESULTS	8

/**
 * enum axas_bus - what kind of address an access has
 * @AXAS_BUS_MEMORY: a GPA
 * @AXAS_BUS_PORT: an I/O port, 0 to 0xffff
 * @AXAS_BUS_SYSREG: a system register, 0 to 0xffffffff, in the owner's own
 *	numbering: that of x86 MSRs, or the fields of an Arm MSR instruction
 */
enum axas_bus {
	AXAS_BUS_MEMORY = 0,
	AXAS_BUS_PORT = 1,
	AXAS_BUS_SYSREG = 2,
};

/**
 * struct axas_fault_entry - one nested page fault, or access to a port or a
 *	system register
 * @gpa: the address that was accessed, of any alignment; on another bus than
 *	memory the port or the register
 * @access: &enum axas_prot bits of the access, at least one; a port or a
 *	register can't be executed
 * @width: bytes that are accessed: 1, 2, 4 or 8; 0 if the caller doesn't know,
 *	or doesn't care. Kept as it is.
 * @bus: an &enum axas_bus
 * @result: out: an &enum axas_fault_result
 * @cookie: out: the owner's cookie; written only with %AXAS_FAULT_DEVICE and
 *	%AXAS_FAULT_DENIED
 * @offset: out: @gpa less the first address that the cookie was registered
 *	with, or less that of the first of several areas that have become one; written as
 *	@cookie is
 *
 * An access that begins in a device and ends behind it, as @width says, is
 * %AXAS_FAULT_INVALID. What an unmap or a protect has cut from a device's area
 * is a device of its own there, but for its cookie and offset. A system register
 * is one address, however wide.
 */
struct axas_fault_entry {
	__u64 gpa;
	__u16 access;
	__u8 width;
	__u8 bus;
	__u32 result;
	__u64 cookie;
	__u64 offset;
};

/**
 * struct axas_fault - resolve nested page faults (space)
 * @size: sizeof(struct axas_fault)
 * @flags: must be 0
 * @entries: pointer to an array of &struct axas_fault_entry
 * @nr: entries in the array; 0 is allowed
 * @done: out: entries that have a result
 *
 * Faults are resolved in order. A fault that can't be resolved has its result
 * and doesn't stop the others. May be called from any number of threads.
 *
 * Errors: EFAULT, EINTR; in both cases @done entries have their result, and a
 * caller may go on behind them.
 */
struct axas_fault {
	__u32 size;
	__u32 flags;
	__u64 entries;
	__u32 nr;
	__u32 done;
};

#define AXAS_FAULT	_IO(AXAS_IOC_TYPE, AXAS_CMD_FAULT)

/**
 * enum axas_translate_state - what is at a GPA
 * @AXAS_TRANSLATE_MAPPED: a leaf
 * @AXAS_TRANSLATE_LAZY: an area that has no frame there yet
 * @AXAS_TRANSLATE_NO_AREA: nothing
 * @AXAS_TRANSLATE_INVALID: the GPA lies outside of the space
 * @AXAS_TRANSLATE_DEVICE: an area of %AXAS_BACKEND_DEVICE: never a frame
 * @AXAS_TRANSLATE_POISONED: an area whose frame there has failed
 */
enum axas_translate_state {
	AXAS_TRANSLATE_MAPPED = 0,
	AXAS_TRANSLATE_LAZY = 1,
	AXAS_TRANSLATE_NO_AREA = 2,
	AXAS_TRANSLATE_INVALID = 3,
	AXAS_TRANSLATE_DEVICE = 4,
	AXAS_TRANSLATE_POISONED = 5,
};

/**
 * enum axas_translate_flags - flags of a translation
 * @AXAS_TRANSLATE_ACCESSED: the accessed flag is set (%AXAS_FEAT_AD)
 * @AXAS_TRANSLATE_DIRTY: the dirty flag is set (%AXAS_FEAT_AD)
 * @AXAS_TRANSLATE_IGNORE_PAT: mapped with %AXAS_MAP_IGNORE_PAT
 */
enum axas_translate_flags {
	AXAS_TRANSLATE_ACCESSED = 1 << 0,
	AXAS_TRANSLATE_DIRTY = 1 << 1,
	AXAS_TRANSLATE_IGNORE_PAT = 1 << 2,
};

/**
 * struct axas_translate_entry - one translation
 * @gpa: in: address of any alignment
 * @hpa: out: where it lies; 0 unless mapped and the caller has CAP_SYS_ADMIN
 * @leaf_size: out: bytes that the leaf covers; 0 unless mapped
 * @limit: out: bytes from @gpa to the end of its area; 0 without an area
 * @state: out: an &enum axas_translate_state
 * @prot: out: &enum axas_prot bits of the leaf, or of the area if there is none
 * @memtype: out: an &enum axas_memtype
 * @flags: out: &enum axas_translate_flags
 */
struct axas_translate_entry {
	__u64 gpa;
	__u64 hpa;
	__u64 leaf_size;
	__u64 limit;
	__u32 state;
	__u32 prot;
	__u32 memtype;
	__u32 flags;
};

/**
 * struct axas_translate - look addresses up without touching them (space)
 * @size: sizeof(struct axas_translate)
 * @flags: must be 0
 * @entries: pointer to an array of &struct axas_translate_entry
 * @nr: entries in the array; 0 is allowed
 * @done: out: entries that have been filled in
 *
 * Errors: EFAULT, EINTR; see AXAS_FAULT.
 */
struct axas_translate {
	__u32 size;
	__u32 flags;
	__u64 entries;
	__u32 nr;
	__u32 done;
};

#define AXAS_TRANSLATE	_IO(AXAS_IOC_TYPE, AXAS_CMD_TRANSLATE)

/**
 * struct axas_stats - figures of a space (space)
 * @size: sizeof(struct axas_stats)
 * @flags: must be 0
 * @areas: out: areas; each piece that an unmap, a protect or a replace has cut from
 *	one counts as one
 * @resident: out: bytes of frames that the space owns
 * @leaves: out: leaves of 4 KiB, 2 MiB, 1 GiB, linear ones included
 * @tables: out: table pages; [0] holds 4 KiB leaves, [1] what is above, and so
 *	on up to the root, of which concatenated pages count one each
 * @format: out: an &enum axas_format
 * @gpa_bits: out: width of a GPA
 * @levels: out: levels of the table
 * @features: out: &enum axas_feature bits in force
 * @base: out: first GPA of the space
 * @length: out: bytes in the space
 * @faults: out: faults by &enum axas_fault_result since the space was made; last,
 *	as results may be added
 *
 * The figures are sums over CPUs; each is exact while nothing changes it.
 *
 * Errors: only the common ones.
 */
struct axas_stats {
	__u32 size;
	__u32 flags;
	__u64 areas;
	__u64 resident;
	__u64 leaves[3];
	__u64 tables[5];
	__u32 format;
	__u32 gpa_bits;
	__u32 levels;
	__u32 features;
	__u64 base;
	__u64 length;
	__u64 faults[AXAS_NR_FAULT_RESULTS];
};

#define AXAS_STATS	_IO(AXAS_IOC_TYPE, AXAS_CMD_STATS)

/**
 * enum axas_probe_kind - how a CPU's walk ended
 * @AXAS_PROBE_MAPPED: at a leaf that allows the access
 * @AXAS_PROBE_TRANSLATION: at an entry that isn't valid
 * @AXAS_PROBE_PERMISSION: at entries that don't allow the access
 * @AXAS_PROBE_MISCONFIGURED: at an entry that the architecture forbids
 * @AXAS_PROBE_ACCESS_FLAG: at a leaf whose access flag the CPU may not set
 * @AXAS_PROBE_ADDRESS_SIZE: at an address wider than the CPU's
 */
enum axas_probe_kind {
	AXAS_PROBE_MAPPED = 0,
	AXAS_PROBE_TRANSLATION = 1,
	AXAS_PROBE_PERMISSION = 2,
	AXAS_PROBE_MISCONFIGURED = 3,
	AXAS_PROBE_ACCESS_FLAG = 4,
	AXAS_PROBE_ADDRESS_SIZE = 5,
};

/* The CPU doesn't say. */
#define AXAS_PROBE_UNKNOWN	0xffffffff

/**
 * struct axas_probe - let the CPU walk the table (space)
 * @size: sizeof(struct axas_probe)
 * @flags: must be 0
 * @gpa: address of any alignment
 * @access: exactly one &enum axas_prot bit
 * @kind: out: an &enum axas_probe_kind
 * @hpa: out: where @gpa lies, if %AXAS_PROBE_MAPPED
 * @level: out: level of the entry that ended a failed walk (1 holds 4 KiB
 *	leaves); 0 where the CPU doesn't say
 * @memtype: out: an &enum axas_memtype, or %AXAS_PROBE_UNKNOWN
 * @raw: out: the CPU's own words: PAR_EL1, the exit qualification or EXITINFO1;
 *	with SVM the word that was found, if %AXAS_PROBE_MAPPED
 *
 * Only there if the module was built with CONFIG_AXAS_PROBE.
 *
 * Errors: EPERM without CAP_SYS_RAWIO; ERANGE outside of the space; EINVAL;
 * EOPNOTSUPP when the CPU can't walk this format, or try this access, or the
 * call isn't built; EBUSY when someone else uses the CPU's virtualization; EIO
 * when the CPU does what no manual says.
 */
struct axas_probe {
	__u32 size;
	__u32 flags;
	__u64 gpa;
	__u32 access;
	__u32 kind;
	__u64 hpa;
	__u32 level;
	__u32 memtype;
	__u64 raw;
};

#define AXAS_PROBE	_IO(AXAS_IOC_TYPE, AXAS_CMD_PROBE)

/**
 * struct axas_root - what makes a CPU use the table (space)
 * @size: sizeof(struct axas_root)
 * @flags: must be 0
 * @format: out: an &enum axas_format
 * @levels: out: levels of the table
 * @root: out: HPA of the root table
 * @control: out: the EPTP, nCR3, or VTTBR_EL2 with VMID 0
 * @vtcr: out: VTCR_EL2; 0 but for stage 2
 *
 * A CPU that is given these walks the table until it is told otherwise: who
 * does so registers for invalidations in the kernel first.
 *
 * Errors: EPERM without CAP_SYS_ADMIN; EOPNOTSUPP when no CPU register can hold
 * the root, as with an EPT of 3 levels, or no CPU here walks one of that width.
 */
struct axas_root {
	__u32 size;
	__u32 flags;
	__u32 format;
	__u32 levels;
	__u64 root;
	__u64 control;
	__u64 vtcr;
};

#define AXAS_ROOT	_IO(AXAS_IOC_TYPE, AXAS_CMD_ROOT)

/**
 * struct axas_area_entry - an area, or the piece of one that is left
 * @gpa: first GPA
 * @length: bytes
 * @hpa: linear: HPA of the first byte, if the caller has CAP_SYS_ADMIN, or 0;
 *	alias: GPA of the first byte in the space that has it; otherwise 0
 * @cookie: as given to AXAS_MAP
 * @max_leaf: largest leaf in bytes; 0 for a device
 * @backend: an &enum axas_backend_id
 * @prot: &enum axas_prot bits
 * @memtype: an &enum axas_memtype
 * @flags: those &enum axas_map_flags that still say something:
 *	%AXAS_MAP_IGNORE_PAT, %AXAS_MAP_NODE, %AXAS_MAP_ROM, %AXAS_MAP_BIND,
 *	%AXAS_MAP_INTERLEAVE, %AXAS_MAP_WHOLE
 * @node: with %AXAS_MAP_NODE the preferred NUMA node, otherwise 0
 * @nodes: with %AXAS_MAP_BIND or %AXAS_MAP_INTERLEAVE the set of nodes, otherwise 0
 */
struct axas_area_entry {
	__u64 gpa;
	__u64 length;
	__u64 hpa;
	__u64 cookie;
	__u64 max_leaf;
	__u32 backend;
	__u32 prot;
	__u32 memtype;
	__u32 flags;
	__u32 node;
	__u32 nodes;
};

/**
 * struct axas_areas - list areas (space)
 * @size: sizeof(struct axas_areas)
 * @flags: must be 0
 * @start: in: GPA to begin with; an area that @start lies inside of is listed
 *	whole. out: where to go on, or U64_MAX when all have been listed
 * @entries: pointer to an array of &struct axas_area_entry
 * @nr: entries that fit the array
 * @done: out: entries that were written
 * @generation: out: goes up with every change of the areas
 *
 * Areas come in the order of their GPAs. What one call writes was all true at
 * once. One call may write fewer than @nr: call again with the @start it left.
 * If @generation is the same for all calls, what all of them wrote was true at
 * once.
 *
 * Errors: EFAULT; ENOMEM; EINTR.
 */
struct axas_areas {
	__u32 size;
	__u32 flags;
	__u64 start;
	__u64 entries;
	__u32 nr;
	__u32 done;
	__u64 generation;
};

#define AXAS_AREAS	_IO(AXAS_IOC_TYPE, AXAS_CMD_AREAS)

/**
 * struct axas_device - register ports or system registers (space)
 * @size: sizeof(struct axas_device)
 * @flags: must be 0
 * @bus: %AXAS_BUS_PORT or %AXAS_BUS_SYSREG; memory is registered by AXAS_MAP
 *	with %AXAS_BACKEND_DEVICE
 * @reserved: must be 0
 * @first: first address
 * @last: last address, inclusive
 * @cookie: the caller's own; given back with each fault there. AXAS_DEVICE_DEL
 *	doesn't look at it.
 *
 * AXAS_DEVICE_ADD makes AXAS_FAULT answer accesses on @bus to any address from
 * @first to @last with @cookie. AXAS_DEVICE_DEL takes back exactly what one
 * AXAS_DEVICE_ADD has registered.
 *
 * Errors: EINVAL; ERANGE when @last is below @first or beyond the bus; EEXIST
 * when the range meets another; ENOENT when there is nothing to delete that
 * has just this range; ENOMEM; EINTR.
 */
struct axas_device {
	__u32 size;
	__u32 flags;
	__u32 bus;
	__u32 reserved;
	__u64 first;
	__u64 last;
	__u64 cookie;
};

#define AXAS_DEVICE_ADD	_IO(AXAS_IOC_TYPE, AXAS_CMD_DEVICE_ADD)
#define AXAS_DEVICE_DEL	_IO(AXAS_IOC_TYPE, AXAS_CMD_DEVICE_DEL)

/**
 * struct axas_discard - give back memory and keep the areas (space)
 * @size: sizeof(struct axas_discard)
 * @flags: must be 0
 * @gpa: first GPA, aligned to 4096
 * @length: bytes, a multiple of 4096
 * @freed: out: bytes of frames that are free now
 * @pinned: out: bytes of frames that somebody else still holds, as direct I/O
 *	does: they are out of the space, and free when they are let go
 *
 * What lies in the range is as if it had never been touched: it reads as zero,
 * or as what the backend of another module gives, and comes in on the next
 * touch. Rights, types and cookies stay. The range may be any part of one or
 * several areas, without a hole. Leaves that are only partly in it are split.
 * Memory that has failed (%AXAS_FAULT_POISONED) is well again.
 *
 * Nobody finds a hole meanwhile. A touch of what is being given back waits for
 * the end of the call; what is written there before may be lost, and is not
 * seen by any other access of what comes after. Windows made with mmap(2) lose
 * the range before the call returns.
 *
 * Errors: ENOENT when the range has a hole; EOPNOTSUPP when it meets memory that
 * the space doesn't own, linear or a device; EBUSY at what windows keep (%AXAS_RAM_PIN);
 * EINVAL; ERANGE; ENOMEM, as leaves
 * may have to be split; EINTR. Then nothing has changed, and @freed and @pinned
 * are 0.
 */
struct axas_discard {
	__u32 size;
	__u32 flags;
	__u64 gpa;
	__u64 length;
	__u64 freed;
	__u64 pinned;
};

#define AXAS_DISCARD	_IO(AXAS_IOC_TYPE, AXAS_CMD_DISCARD)

/**
 * struct axas_populate - bring in memory (space)
 * @size: sizeof(struct axas_populate)
 * @flags: must be 0
 * @gpa: first GPA, aligned to 4096
 * @length: bytes, a multiple of 4096
 * @done: out: bytes from @gpa on that have memory now; what was there already
 *	counts
 *
 * Whatever part of one or several areas the range is, none of it is left for a
 * first touch. Linear memory is always there. Other calls come in between: they
 * wait for 2 MiB at most, and nobody waits while memory is looked for.
 *
 * Errors: ENOENT at a hole; EOPNOTSUPP at a device; EHWPOISON at memory that has
 * failed; ENOMEM; EINTR, by any signal that has a handler or is fatal; and EINVAL
 * and ERANGE. What was done stays done, and @done says how far: a caller may go
 * on from there, or from behind what can't be had.
 */
struct axas_populate {
	__u32 size;
	__u32 flags;
	__u64 gpa;
	__u64 length;
	__u64 done;
};

#define AXAS_POPULATE	_IO(AXAS_IOC_TYPE, AXAS_CMD_POPULATE)

/**
 * enum axas_collapse_flags - flags of AXAS_COLLAPSE
 * @AXAS_COLLAPSE_COPY: where the frames don't lie in one piece, take others that do.
 *	What nobody has touched yet in 2 MiB of which there is some is zero, and has
 *	memory then; where there is none nothing comes
 */
enum axas_collapse_flags {
	AXAS_COLLAPSE_COPY = 1 << 0,
};

/**
 * struct axas_collapse - make larger leaves of memory that is there (space)
 * @size: sizeof(struct axas_collapse)
 * @flags: &enum axas_collapse_flags
 * @gpa: first GPA, aligned to 4096
 * @length: bytes, a multiple of 4096
 * @done: out: bytes from @gpa on that have been looked at
 * @joined: out: bytes that have come into leaves of 2 MiB
 *
 * Each aligned 2 MiB that lie in the range and in one area become one leaf, if all of
 * their pages are there and lie in one aligned piece of host memory, as what came in
 * one and was split since; with %AXAS_COLLAPSE_COPY also if they don't. Otherwise they
 * stay as they are, and so does what is smaller. There are no larger leaves than that.
 *
 * Contents stay, and what a guest, a window or pwrite(2) writes meanwhile isn't lost:
 * a touch waits until the 2 MiB around it are done. Windows made with mmap(2) lose what is
 * copied, and get it back on the next touch. What somebody has pinned, as direct I/O does,
 * or is just touching, isn't copied, nor what has failed, nor anything while there is
 * no 2 MiB frame: call again to try it again. A frame comes from the area's node.
 *
 * Errors: ENOENT at a hole; EOPNOTSUPP at memory of another backend than
 * %AXAS_BACKEND_ALLOC, at a device, and in an area whose @max_leaf is 4096; EINTR;
 * EINVAL and ERANGE. What was done stays done, and @done says how far: a caller may
 * go on from there, or from behind what can't be done.
 */
struct axas_collapse {
	__u32 size;
	__u32 flags;
	__u64 gpa;
	__u64 length;
	__u64 done;
	__u64 joined;
};

#define AXAS_COLLAPSE	_IO(AXAS_IOC_TYPE, AXAS_CMD_COLLAPSE)

/**
 * struct axas_next_entry - a run of memory that is there
 * @gpa: first GPA
 * @length: bytes
 */
struct axas_next_entry {
	__u64 gpa;
	__u64 length;
};

/**
 * struct axas_next - list what memory is there, without touching it (space)
 * @size: sizeof(struct axas_next)
 * @flags: must be 0
 * @gpa: in: first GPA, aligned to 4096; out: where to go on
 * @length: in: bytes, a multiple of 4096; out: bytes that are left, 0 when all has
 *	been listed
 * @entries: pointer to an array of &struct axas_next_entry
 * @nr: entries that fit the array
 * @done: out: entries that were written
 *
 * A page is there if it has a frame, or is linear memory. Runs come in the order
 * of their GPAs and never touch: where areas do, one run goes on. One call may
 * write fewer than @nr: call again with the @gpa and the @length that it left. What
 * comes and goes meanwhile may be listed or not.
 *
 * Errors: EINVAL; ERANGE; EFAULT; ENOMEM; EINTR.
 */
struct axas_next {
	__u32 size;
	__u32 flags;
	__u64 gpa;
	__u64 length;
	__u64 entries;
	__u32 nr;
	__u32 done;
};

#define AXAS_NEXT	_IO(AXAS_IOC_TYPE, AXAS_CMD_NEXT)

/**
 * enum axas_ram_flags - flags of AXAS_RAM_FILE
 * @AXAS_RAM_PIN: pages of its windows can be pinned for long, as VFIO, IOMMUFD, RDMA and the
 *	registered buffers of io_uring do
 */
enum axas_ram_flags {
	AXAS_RAM_PIN = 1 << 0,
};

/**
 * struct axas_ram_file - make a RAM file: a range of the space as a file (space)
 * @size: sizeof(struct axas_ram_file)
 * @flags: &enum axas_ram_flags
 * @gpa: GPA of offset 0, aligned to 4096
 * @length: size of the file, a multiple of 4096
 * @prot: %AXAS_PROT_READ, or both that and %AXAS_PROT_WRITE
 * @reserved: must be 0
 *
 * The call returns a new descriptor, closed on exec. It is for programs that
 * have files as memory and know nothing of spaces: monitors, vhost-user back-ends.
 * What a space's descriptor is as a file a RAM file is too (see "Guest memory as a
 * file"), of mode 0600 or 0400 and without a name; but it knows no ioctl, reaches no
 * other part of the space, and can be opened anew, through /proc, for what
 * @prot says alone. Areas may come and go beneath it; where there is none, it
 * has no memory. The space lives as long as one of its RAM files.
 *
 * Its windows are RAM like any other file's: madvise(2) with MADV_DODUMP and
 * mlock(2) work, which they don't in those of the space. Linear memory is in such
 * a window if some of it lay there when mmap(2) was called (then it is like those);
 * what comes there later gives SIGBUS.
 *
 * With %AXAS_RAM_PIN nothing is taken away from the range of the file, as long as a window of
 * it is mapped: a device wouldn't hear of it, and go on with pages that are no guest memory any
 * more. AXAS_UNMAP, AXAS_CLEAR, AXAS_PROTECT, AXAS_DISCARD, AXAS_MOVE, AXAS_RESIZE to less and
 * AXAS_MAP with %AXAS_MAP_REPLACE give EBUSY where they meet it, and so does what discards
 * by a file; AXAS_COLLAPSE leaves it as it is. Pins go with the window at the latest, as
 * far as the space is concerned: a page that somebody still holds then outlives what takes
 * it away, as any pinned one does. The first touch of a page by such a window, if it may be written
 * to at all, is a write: it needs the right to write, and counts as written with trackers.
 *
 * Errors: EINVAL, also for other rights; ERANGE; EMFILE; ENFILE; ENOMEM.
 */
struct axas_ram_file {
	__u32 size;
	__u32 flags;
	__u64 gpa;
	__u64 length;
	__u32 prot;
	__u32 reserved;
};

#define AXAS_RAM_FILE	_IO(AXAS_IOC_TYPE, AXAS_CMD_RAM_FILE)

/**
 * enum axas_track_what - what a tracker notices
 * @AXAS_TRACK_WRITTEN: pages that were written
 * @AXAS_TRACK_ACCESSED: pages that were used: read, written or executed
 */
enum axas_track_what {
	AXAS_TRACK_WRITTEN = 1 << 0,
	AXAS_TRACK_ACCESSED = 1 << 1,
};

/**
 * enum axas_track_flags - flags of AXAS_TRACK
 * @AXAS_TRACK_BY_FLAGS: with %AXAS_TRACK_WRITTEN, the CPU's dirty flags say what was written
 */
enum axas_track_flags {
	AXAS_TRACK_BY_FLAGS = 1 << 0,
};

/**
 * struct axas_track - notice what is written, or used, from now on (space)
 * @size: sizeof(struct axas_track)
 * @flags: &enum axas_track_flags
 * @gpa: first GPA, aligned to 4096
 * @length: bytes, a multiple of 4096
 * @what: one of &enum axas_track_what
 * @reserved: must be 0
 * @threshold: pages: poll(2) says that the descriptor can be read when as many have
 *	been written that AXAS_DIRTY hasn't listed; 0 is 1. 0 with %AXAS_TRACK_ACCESSED
 *	and %AXAS_TRACK_BY_FLAGS, where it never says so
 *
 * The call returns a new descriptor, closed on exec: a tracker. It ends when that is
 * closed; the space lives as long as it. A space may have many, over any ranges, and
 * what one of them lists the others list too.
 *
 * A page counts as written when anybody has written to it: a guest, after the fault that
 * let it; a process through a window; pwrite(2) and its like; another module. So does
 * what AXAS_MAP, AXAS_UNMAP, AXAS_DISCARD, AXAS_MOVE or AXAS_RESIZE has changed, with
 * memory or without, and memory that has failed. What has only been read for the first
 * time doesn't, nor what changes that the space knows nothing of: linear memory by
 * its own side.
 *
 * The first write to a page after it was listed takes a nested page fault, also where it
 * had been allowed. So leaves allow no writes for which they have to be noticed, and
 * AXAS_TRANSLATE says so; areas stay as they are. A larger leaf is split by the first write
 * to it, and joined again when the last tracker of the range ends.
 *
 * With %AXAS_TRACK_BY_FLAGS a write to a page of 4 KiB takes no fault: the CPU sets the
 * page's dirty flag, and the list looks at flags. With EPT and AMD the first write to 2 MiB
 * after they were listed takes one, so that a list looks at nothing else; with stage 2 none
 * does, and a list looks at all there is. A space of EPT or stage 2 needs %AXAS_FEAT_AD for
 * that. Whoever walks the table by software sets the flag, or injects a fault, which does so.
 * A larger leaf that has come since it was listed last is listed as a whole. All
 * trackers of writes that a space has at a time go by flags, or none.
 *
 * With %AXAS_TRACK_ACCESSED a page counts as used when a guest, or anybody else of those,
 * has touched it in any way, when AXAS_MOVE has moved it, and when AXAS_POPULATE has found
 * it in an area of another backend than %AXAS_BACKEND_ALLOC. What else has come, or gone, by
 * a call doesn't. The CPU's accessed flags say so: a space of EPT needs %AXAS_FEAT_AD for
 * that, one of AMD doesn't. With stage 2 and without %AXAS_FEAT_AD the first use of a page
 * after it was listed gives an access flag fault, which AXAS_FAULT resolves. Whoever has no
 * such flags goes by AXAS_TRANSLATE: what wasn't used since it was listed allows nothing
 * until AXAS_FAULT has said so. A larger leaf is used as a whole, and isn't split. Small ones
 * that are joined, by a call or because a tracker of writes ends, are used as a whole if one
 * of them was, be it outside of the tracker's range.
 *
 * Errors: EINVAL; ERANGE; EOPNOTSUPP in a space that has aliases, with a format of a module
 * that doesn't know of it, and with %AXAS_TRACK_ACCESSED or %AXAS_TRACK_BY_FLAGS where nobody
 * keeps such flags; EBUSY if another tracker goes by flags and this one doesn't, or the other
 * way round; EMFILE; ENFILE; ENOMEM; EINTR.
 */
struct axas_track {
	__u32 size;
	__u32 flags;
	__u64 gpa;
	__u64 length;
	__u32 what;
	__u32 reserved;
	__u64 threshold;
};

#define AXAS_TRACK	_IO(AXAS_IOC_TYPE, AXAS_CMD_TRACK)

/**
 * enum axas_dirty_flags - flags of AXAS_DIRTY
 * @AXAS_DIRTY_PEEK: list only; all of it will be listed again
 * @AXAS_DIRTY_PUT: the other way round: the pages of the array were written. For who
 *	can't do with them what they were listed for
 */
enum axas_dirty_flags {
	AXAS_DIRTY_PEEK = 1 << 0,
	AXAS_DIRTY_PUT = 1 << 1,
};

/**
 * struct axas_dirty - list what was written, or used, since it was listed last (tracker)
 * @size: sizeof(struct axas_dirty)
 * @flags: &enum axas_dirty_flags
 * @gpa: in: first GPA, aligned to 4096; out: where to go on
 * @length: in: bytes, a multiple of 4096, in the tracker's range; out: bytes that are
 *	left, 0 when all has been listed
 * @entries: pointer to an array of &struct axas_next_entry
 * @nr: entries that fit the array; with %AXAS_DIRTY_PUT that it holds
 * @done: out: entries that were written, or with %AXAS_DIRTY_PUT taken
 *
 * Runs come in the order of their GPAs, and pages in them don't count as written, or used,
 * any more. So contents are read after the call: what is written later is listed later. One
 * call may write fewer than @nr: call again with the @gpa and the @length that it left.
 *
 * A page may be listed that wasn't written, or used, but none is left out that was. What
 * somebody has pinned, or direct I/O is just writing to through a window, is listed again and
 * again until nobody has it. Large leaves are listed as a whole.
 *
 * With %AXAS_DIRTY_PUT @gpa and @length are not looked at.
 *
 * Errors: EINVAL; ERANGE outside of the tracker's range; EFAULT, and then what was
 * listed is listed again; ENOMEM; EINTR.
 */
struct axas_dirty {
	__u32 size;
	__u32 flags;
	__u64 gpa;
	__u64 length;
	__u64 entries;
	__u32 nr;
	__u32 done;
};

#define AXAS_DIRTY	_IO(AXAS_IOC_TYPE, AXAS_CMD_DIRTY)

#endif /* _UAPI_LINUX_AXAS_H */
