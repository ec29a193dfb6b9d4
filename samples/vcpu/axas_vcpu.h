/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The ioctls of /dev/axas-vcpu, and of the virtual CPUs that it makes.
 */
#ifndef _AXAS_VCPU_H
#define _AXAS_VCPU_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define AXAS_VCPU_IOC_TYPE	0xBC

/* In the order of struct axas_vcpu_regs. */
enum axas_vcpu_segment_name {
	AXAS_VCPU_ES,
	AXAS_VCPU_CS,
	AXAS_VCPU_SS,
	AXAS_VCPU_DS,
	AXAS_VCPU_FS,
	AXAS_VCPU_GS,
	AXAS_VCPU_GDTR,
	AXAS_VCPU_LDTR,
	AXAS_VCPU_IDTR,
	AXAS_VCPU_TR,
	AXAS_VCPU_NR_SEGMENTS
};

/* General registers, as instructions number them. */
enum axas_vcpu_gpr {
	AXAS_VCPU_RAX,
	AXAS_VCPU_RCX,
	AXAS_VCPU_RDX,
	AXAS_VCPU_RBX,
	AXAS_VCPU_RSP,
	AXAS_VCPU_RBP,
	AXAS_VCPU_RSI,
	AXAS_VCPU_RDI,
	AXAS_VCPU_NR_GPRS = 16
};

/**
 * struct axas_vcpu_segment - a segment register
 * @selector: as software sees it
 * @attributes: bits 47:40 of the descriptor, and above them 55:52; 0 above bit 11.
 *	With VMX those of a segment that isn't present come back as 0
 * @limit: in bytes
 * @base: linear address
 */
struct axas_vcpu_segment {
	__u16 selector;
	__u16 attributes;
	__u32 limit;
	__u64 base;
};

/**
 * struct axas_vcpu_regs - all that a vCPU holds but FPU and debug registers
 * @gpr: by &enum axas_vcpu_gpr
 * @rip: address of the next instruction
 * @rflags: the fixed bit is added
 * @cr0: control registers
 * @cr2: ...
 * @cr3: ...
 * @cr4: ...
 * @cr8: 0 to 15
 * @efer: of EFER only SCE, LME, LMA and NXE
 * @pat: page attribute table
 * @star: MSRs of these names
 * @lstar: ...
 * @cstar: ...
 * @sfmask: ...
 * @kernel_gs_base: ...
 * @sysenter_cs: ...
 * @sysenter_esp: ...
 * @sysenter_eip: ...
 * @segments: by &enum axas_vcpu_segment_name; the privilege level is that of SS
 * @shadow: 1 if no interrupt is taken before the next instruction
 */
struct axas_vcpu_regs {
	__u64 gpr[AXAS_VCPU_NR_GPRS];
	__u64 rip;
	__u64 rflags;
	__u64 cr0;
	__u64 cr2;
	__u64 cr3;
	__u64 cr4;
	__u64 cr8;
	__u64 efer;
	__u64 pat;
	__u64 star;
	__u64 lstar;
	__u64 cstar;
	__u64 sfmask;
	__u64 kernel_gs_base;
	__u64 sysenter_cs;
	__u64 sysenter_esp;
	__u64 sysenter_eip;
	struct axas_vcpu_segment segments[AXAS_VCPU_NR_SEGMENTS];
	__u64 shadow;
};

/* In @index: whatever ECX is. */
#define AXAS_VCPU_ANY_INDEX	0xffffffffU

/* As many as a table may have. */
#define AXAS_VCPU_MAX_CPUID	64

/**
 * struct axas_vcpu_cpuid_entry - what CPUID answers
 * @function: EAX
 * @index: ECX, or %AXAS_VCPU_ANY_INDEX
 * @eax: the answer
 * @ebx: ...
 * @ecx: ...
 * @edx: ...
 */
struct axas_vcpu_cpuid_entry {
	__u32 function;
	__u32 index;
	__u32 eax;
	__u32 ebx;
	__u32 ecx;
	__u32 edx;
};

/**
 * struct axas_vcpu_cpuid - all answers of CPUID; zeros to all else
 * @entries: address of &struct axas_vcpu_cpuid_entry; the first that fits counts
 * @nr: how many, at most %AXAS_VCPU_MAX_CPUID
 * @reserved: must be 0
 */
struct axas_vcpu_cpuid {
	__u64 entries;
	__u32 nr;
	__u32 reserved;
};

/**
 * enum axas_vcpu_exit - why a run ended
 * @AXAS_VCPU_EXIT_FAULT: nested page fault: see @fault
 * @AXAS_VCPU_EXIT_IO: I/O port: see @io; the value of an IN is the next @answer
 * @AXAS_VCPU_EXIT_MSR: RDMSR or WRMSR: see @msr; the value that is read is the next
 *	@answer, and %AXAS_VCPU_RUN_FAIL has either raise #GP
 * @AXAS_VCPU_EXIT_HLT: HLT, which is done; nothing waits for an interrupt here
 * @AXAS_VCPU_EXIT_WINDOW: an interrupt would be taken now
 * @AXAS_VCPU_EXIT_SHUTDOWN: a triple fault; nothing runs until registers are set
 * @AXAS_VCPU_EXIT_OTHER: what there is no name for here: see @other
 * @AXAS_VCPU_NR_EXITS: how many there are
 */
enum axas_vcpu_exit {
	AXAS_VCPU_EXIT_FAULT,
	AXAS_VCPU_EXIT_IO,
	AXAS_VCPU_EXIT_MSR,
	AXAS_VCPU_EXIT_HLT,
	AXAS_VCPU_EXIT_WINDOW,
	AXAS_VCPU_EXIT_SHUTDOWN,
	AXAS_VCPU_EXIT_OTHER,
	AXAS_VCPU_NR_EXITS
};

/**
 * enum axas_vcpu_flag - with a run
 * @AXAS_VCPU_RUN_INTERRUPT: have the guest take the external interrupt @vector
 * @AXAS_VCPU_RUN_WINDOW: end as soon as the guest would take an interrupt
 * @AXAS_VCPU_RUN_FAIL: there is no such MSR
 * @AXAS_VCPU_RUN_RESOLVE: have nested faults resolved where they come in, and end only
 *	with what the space doesn't resolve: see @fault
 */
enum axas_vcpu_flag {
	AXAS_VCPU_RUN_INTERRUPT = 1 << 0,
	AXAS_VCPU_RUN_WINDOW = 1 << 1,
	AXAS_VCPU_RUN_FAIL = 1 << 2,
	AXAS_VCPU_RUN_RESOLVE = 1 << 3,
};

/**
 * struct axas_vcpu_run - run until there is something to do
 * @flags: &enum axas_vcpu_flag bits; out: without those that have been taken, also
 *	with an error
 * @vector: 32 to 255, with %AXAS_VCPU_RUN_INTERRUPT
 * @answer: to the IN or RDMSR that ended the run before
 * @reason: out: an &enum axas_vcpu_exit
 * @ready: out: 1 if an interrupt would be taken now
 * @fault: GPA, what was tried (&enum axas_prot bits), and if that was a walk of the
 *	guest's own page tables; it is tried again by the next run. AXAS_FAULT says
 *	what the space has for it, also of what %AXAS_VCPU_RUN_RESOLVE has left
 * @io: the port, the bytes (1, 2 or 4), 1 for OUT, and what goes out
 * @msr: the register, 1 for WRMSR, and what is written
 * @other: exit code or reason, and information of the CPU
 */
struct axas_vcpu_run {
	__u32 flags;
	__u32 vector;
	__u64 answer;
	__u32 reason;
	__u32 ready;
	union {
		struct {
			__u64 gpa;
			__u32 access;
			__u32 walk;
		} fault;
		struct {
			__u16 port;
			__u8 size;
			__u8 out;
			__u32 data;
		} io;
		struct {
			__u32 index;
			__u32 write;
			__u64 value;
		} msr;
		struct {
			__u64 code;
			__u64 info[2];
		} other;
	};
};

/*
 * On the device. The argument is a space's descriptor, which may be closed then;
 * its format is that of this machine's CPUs, %AXAS_FORMAT_HOST.
 * Return: a vCPU's descriptor. Its registers have to be set.
 * Errors: EBADF, EINVAL; EOPNOTSUPP when this CPU doesn't walk that table, or with
 * %AXAS_FEAT_EXEC_USER doesn't say of a fetch in which mode it was; ENODEV
 * without XSAVE, and AMD SVM with nested paging or Intel VMX with EPT, VPID and
 * unrestricted guests; ENOMEM, EMFILE, EINTR; ENOSPC after 65535 vCPUs by VMX.
 */
#define AXAS_VCPU_CREATE	_IO(AXAS_VCPU_IOC_TYPE, 0)

/*
 * On a vCPU. While it runs all but AXAS_VCPU_KICK wait, unless a signal comes.
 *
 * To set registers is to forget an interrupt or an answer that the guest hasn't
 * taken yet. Errors: EINVAL, EFAULT, EINTR.
 */
#define AXAS_VCPU_GET_REGS	_IOR(AXAS_VCPU_IOC_TYPE, 1, struct axas_vcpu_regs)
#define AXAS_VCPU_SET_REGS	_IOW(AXAS_VCPU_IOC_TYPE, 2, struct axas_vcpu_regs)
/* Errors: E2BIG; EINVAL, EFAULT, EINTR, ENOMEM. */
#define AXAS_VCPU_SET_CPUID	_IOW(AXAS_VCPU_IOC_TYPE, 3, struct axas_vcpu_cpuid)
/*
 * Errors: EINTR after a signal or AXAS_VCPU_KICK; EAGAIN if the guest doesn't take
 * an interrupt now; EINVAL, also for registers that the CPU refuses, which with VMX
 * are those with PAE paging outside of 64-bit mode (a guest may get there itself), and
 * bits of CR4 newer than PKE; EBUSY when
 * somebody else uses the CPU's virtualization; ENODEV when it has none; EFAULT;
 * EIO when the CPU does what no manual says.
 */
#define AXAS_VCPU_RUN		_IOWR(AXAS_VCPU_IOC_TYPE, 4, struct axas_vcpu_run)
/* The run that there is ends, or else the next one. */
#define AXAS_VCPU_KICK		_IO(AXAS_VCPU_IOC_TYPE, 5)

#endif /* _AXAS_VCPU_H */
