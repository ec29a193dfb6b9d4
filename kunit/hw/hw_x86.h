/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_HW_X86_H
#define _AXAS_HW_X86_H

#include <linux/types.h>

struct axas_npt;

/* ---- memory that says where it is, for SVM ---- */

int svm_init(void);
void svm_exit(void);
u64 svm_witness_hpa(u64 random);
void svm_witness_page(u64 hpa);
bool svm_witness_ok(u64 hpa, bool alloc, unsigned int access, u64 rax);

/* ---- a guest that stays on its CPU ---- */

#define STALE_GPA	0x40000000ULL
#define CODE_STALE	32

/* How it came back. */
enum hw_exit {
	HW_EXIT_INTERRUPT,
	HW_EXIT_FAULT,
	HW_EXIT_HALTED,
	HW_EXIT_OTHER,
};

/**
 * struct hw_stay - such guests by one vendor
 * @fill: make its tables; @shared is a page that it shares with the test
 * @enter: enter it, from the beginning or where it was; an &enum hw_exit, or an
 *	errno
 */
struct hw_stay {
	void (*fill)(const struct axas_npt *npt, void *shared);
	int (*enter)(const struct axas_npt *npt, bool first);
};

extern const struct hw_stay vmx_stay;
extern const struct hw_stay svm_stay;

/* At GVA CODE_STALE. RDI is the target, RSI points to what is shared. */
extern const u8 hw_stale_code[];
extern const unsigned int hw_stale_code_size;

bool vmx_is_on_the_way(const struct axas_npt *npt, u64 gpa, u64 page);

#endif /* _AXAS_HW_X86_H */
