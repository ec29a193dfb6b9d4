/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _VCPU_H
#define _VCPU_H

#include <linux/mutex.h>

#include <asm/debugreg.h>
#include <asm/processor.h>

#include <axas/space.h>

#include "axas_vcpu.h"

/* What a guest may set of EFER: the same on both vendors' CPUs. */
#define VCPU_EFER	(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX)

/* CR8 has four bits. */
#define VCPU_MAX_CR8	15

/* To the guest, and not to the caller. */
#define VCPU_GO_ON	1

/* What the guest waits for at the beginning of a run. */
enum vcpu_pending {
	VCPU_NOTHING,
	VCPU_IN,
	VCPU_RDMSR,
	VCPU_WRMSR,
};

/* What a guest can be made to take. */
enum vcpu_event {
	VCPU_INTERRUPT,
	VCPU_EXCEPTION,
	VCPU_EXCEPTION_ERROR,	/* with an error code of 0 */
};

/**
 * struct vcpu - what a virtual CPU has on any machine
 * @lock: all but @stale, @kicked and @on_cpu
 * @space: its memory
 * @holder: what the space tells when translations go
 * @root: control value of the space: nCR3, EPTP
 * @stale: the guest must find no translation that it had
 * @kicked: the run ends, or the next one
 * @on_cpu: the CPU that the guest may be on, or -1
 * @gprs: general registers
 * @dr: debug registers 0 to 3
 * @debugs: the guest has used debug registers
 * @fpu: what XSAVE keeps
 * @pending: what the guest waits for
 * @size: bytes of an IN
 * @next_rip: where it goes on then
 * @dead: at first and after a shutdown, until registers are set
 * @cpuid: answers
 * @nr_cpuid: how many
 */
struct vcpu {
	struct mutex lock; /* see above */
	struct axas_space *space;
	struct axas_holder holder;
	u64 root;
	bool stale;
	bool kicked;
	int on_cpu;

	u64 gprs[AXAS_VCPU_NR_GPRS];
	unsigned long dr[4];
	bool debugs;
	void *fpu;
	enum vcpu_pending pending;
	unsigned int size;
	u64 next_rip;
	bool dead;
	struct axas_vcpu_cpuid_entry *cpuid;
	unsigned int nr_cpuid;
};

/**
 * struct vcpu_ops - what a vendor's CPUs do in their own way
 * @format: &enum axas_format of the tables that they walk
 * @size: bytes of its own struct, which has the &struct vcpu in front
 * @setup: once, before there is a vCPU; 0 or a negative errno
 * @teardown: when there is none any more
 * @create: the rest of a vCPU, which has its space; 0 or a negative errno
 * @destroy: what @create has made, or a part of it
 * @get_regs: all of them, out of zeros
 * @set_regs: all of them, or -EINVAL; whatever waited for the guest is forgotten
 * @enter: run the guest once, with interrupts off, as long as it doesn't exit; 0,
 *	-EBUSY, -ENODEV, -EIO; -EINVAL if the CPU refuses the registers
 * @exit: see to what has ended it: above 0: the guest goes on; 0: the caller's; or
 *	a negative errno
 * @ready: would the guest take an external interrupt?
 * @raise: have it take an event first
 * @go_to: have it go on there, with interrupts no longer held back
 * @want_window: end the run when @ready would be true, or don't
 */
struct vcpu_ops {
	u32 format;
	size_t size;
	int (*setup)(void);
	void (*teardown)(void);
	int (*create)(struct vcpu *vcpu);
	void (*destroy)(struct vcpu *vcpu);
	void (*get_regs)(const struct vcpu *vcpu, struct axas_vcpu_regs *regs);
	int (*set_regs)(struct vcpu *vcpu, const struct axas_vcpu_regs *regs);
	int (*enter)(struct vcpu *vcpu);
	int (*exit)(struct vcpu *vcpu, struct axas_vcpu_run *run);
	bool (*ready)(const struct vcpu *vcpu);
	void (*raise)(struct vcpu *vcpu, enum vcpu_event event,
		      unsigned int vector);
	void (*go_to)(struct vcpu *vcpu, u64 rip);
	void (*want_window)(struct vcpu *vcpu, bool want);
};

extern const struct vcpu_ops *vcpu_ops;
extern const struct vcpu_ops svm_ops;
extern const struct vcpu_ops vmx_ops;

/**
 * struct vcpu_msrs - MSRs that are answered here, where the vendor keeps them
 * @efer: EFER, with bits of the host's
 * @pat: PAT
 * @cr0: CR0
 */
struct vcpu_msrs {
	u64 *efer;
	u64 *pat;
	u64 cr0;
};

/* exit.c */
bool vcpu_regs_valid(const struct axas_vcpu_regs *regs);
void vcpu_allow_msrs(void (*allow)(u32 msr));
void vcpu_finish(struct vcpu *vcpu, struct axas_vcpu_run *run);
int vcpu_exit_cpuid(struct vcpu *vcpu, u64 next_rip);
int vcpu_exit_msr(struct vcpu *vcpu, struct axas_vcpu_run *run,
		  const struct vcpu_msrs *msrs, bool write, u64 next_rip);
int vcpu_exit_port(struct vcpu *vcpu, struct axas_vcpu_run *run, u64 next_rip);
int vcpu_exit_halt(struct vcpu *vcpu, struct axas_vcpu_run *run, u64 next_rip);
int vcpu_exit_shutdown(struct vcpu *vcpu, struct axas_vcpu_run *run);

static inline int vcpu_skip(struct vcpu *vcpu, u64 next_rip)
{
	vcpu_ops->go_to(vcpu, next_rip);
	return VCPU_GO_ON;
}

static inline int vcpu_raise(struct vcpu *vcpu, enum vcpu_event event,
			     unsigned int vector)
{
	vcpu_ops->raise(vcpu, event, vector);
	return VCPU_GO_ON;
}

static inline void vcpu_load_debug(const unsigned long *dr)
{
	set_debugreg(dr[0], 0);
	set_debugreg(dr[1], 1);
	set_debugreg(dr[2], 2);
	set_debugreg(dr[3], 3);
}

static inline void vcpu_save_debug(unsigned long *dr)
{
	get_debugreg(dr[0], 0);
	get_debugreg(dr[1], 1);
	get_debugreg(dr[2], 2);
	get_debugreg(dr[3], 3);
}

#endif /* _VCPU_H */
