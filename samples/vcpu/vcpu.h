/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _VCPU_H
#define _VCPU_H

#include <linux/mutex.h>

#include <axas/space.h>

#include "../../probe/vmcb.h"
#include "axas_vcpu.h"

/* EVENTINJ and EXITINTINFO: 15.20 and 15.7.2. */
#define SVM_EVENT_VECTOR	GENMASK(7, 0)
#define SVM_EVENT_TYPE		GENMASK(10, 8)
#define SVM_EVENT_INTERRUPT	0
#define SVM_EVENT_EXCEPTION	3
#define SVM_EVENT_SOFTWARE	4
#define SVM_EVENT_ERROR		BIT(11)
#define SVM_EVENT_VALID		BIT_ULL(31)

/* 15.21.4: in the field vintr. */
#define SVM_V_TPR		GENMASK(3, 0)
#define SVM_V_IRQ		BIT(8)
#define SVM_V_PRIO		GENMASK(19, 16)
#define SVM_V_IGN_TPR		BIT(20)
#define SVM_V_MASKING		BIT(24)
/* 15.9: in the first word of intercepts, the one for a virtual interrupt. */
#define SVM_INTERCEPT_VINTR	BIT(4)

/* 3.1.7: what a guest may set. */
#define SVM_EFER	(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX)

/* What the guest waits for at the beginning of a run. */
enum vcpu_pending {
	VCPU_NOTHING,
	VCPU_IN,
	VCPU_RDMSR,
	VCPU_WRMSR,
};

/**
 * struct vcpu - a virtual CPU
 * @lock: all but @stale, @kicked and @on_cpu
 * @space: its memory
 * @holder: what the space tells when translations go
 * @root: nCR3 of the space
 * @stale: the guest must find no translation that it had
 * @kicked: the run ends, or the next one
 * @on_cpu: the CPU that the guest may be on, or -1
 * @vmcb: the guest
 * @host: where VMSAVE keeps what VMRUN doesn't
 * @gprs: general registers; RAX and RSP are in @vmcb
 * @dr: debug registers 0 to 3
 * @debugs: the guest has used debug registers
 * @fpu: what XSAVE keeps
 * @pending: what the guest waits for
 * @size: bytes of an IN
 * @next_rip: where it goes on then
 * @dead: at first and after a shutdown, until registers are set
 * @cpu: whose ASID it has
 * @generation: of that ASID
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

	struct svm_vmcb *vmcb;
	struct svm_vmcb *host;
	u64 gprs[AXAS_VCPU_NR_GPRS];
	unsigned long dr[4];
	bool debugs;
	void *fpu;
	enum vcpu_pending pending;
	unsigned int size;
	u64 next_rip;
	bool dead;
	int cpu;
	u64 generation;
	struct axas_vcpu_cpuid_entry *cpuid;
	unsigned int nr_cpuid;
};

int svm_setup(void);
void svm_teardown(void);
int svm_create(struct vcpu *vcpu);
void svm_destroy(struct vcpu *vcpu);
int svm_run(struct vcpu *vcpu);
void svm_get_regs(struct vcpu *vcpu, struct axas_vcpu_regs *regs);
int svm_set_regs(struct vcpu *vcpu, const struct axas_vcpu_regs *regs);

bool svm_ready(const struct vcpu *vcpu);
void svm_raise(struct vcpu *vcpu, unsigned int type, unsigned int vector);
void svm_want_window(struct vcpu *vcpu, bool want);
void svm_finish(struct vcpu *vcpu, struct axas_vcpu_run *run);
bool svm_pat_valid(u64 pat);
int svm_exit(struct vcpu *vcpu, struct axas_vcpu_run *run);

/* enter.S */
void vcpu_enter(u64 *gprs, u64 vmcb, u64 host);

#endif /* _VCPU_H */
