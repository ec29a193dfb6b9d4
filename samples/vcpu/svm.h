/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtual CPU by AMD SVM. Section numbers are those of the AMD64 Architecture
 * Programmer's Manual, volume 2.
 */
#ifndef _VCPU_SVM_H
#define _VCPU_SVM_H

#include "../../probe/vmcb.h"
#include "vcpu.h"

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

/**
 * struct svm_vcpu - a virtual CPU
 * @vcpu: what it has on any machine
 * @vmcb: the guest
 * @host: where VMSAVE keeps what VMRUN doesn't
 * @cpu: whose ASID it has
 * @generation: of that ASID
 */
struct svm_vcpu {
	struct vcpu vcpu;
	struct svm_vmcb *vmcb;
	struct svm_vmcb *host;
	int cpu;
	u64 generation;
};

static inline struct svm_vcpu *to_svm(struct vcpu *vcpu)
{
	return container_of(vcpu, struct svm_vcpu, vcpu);
}

static inline struct svm_vmcb *to_vmcb(const struct vcpu *vcpu)
{
	return container_of(vcpu, struct svm_vcpu, vcpu)->vmcb;
}

/* svm_exit.c */
bool svm_ready(const struct vcpu *vcpu);
void svm_raise(struct vcpu *vcpu, enum vcpu_event event, unsigned int vector);
void svm_go_to(struct vcpu *vcpu, u64 rip);
void svm_want_window(struct vcpu *vcpu, bool want);
int svm_exit(struct vcpu *vcpu, struct axas_vcpu_run *run);

/* enter_svm.S */
void svm_vmrun(u64 *gprs, u64 vmcb, u64 host);

#endif /* _VCPU_SVM_H */
