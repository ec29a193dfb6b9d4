/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From the host into a guest by SVM, and back. AMD64 Architecture Programmer's Manual,
 * volume 2, 15.5.
 */
#include <linux/linkage.h>
#include <asm/nospec-branch.h>

#define GPR(n)	(8 * (n))

/*
 * void svm_vmrun(u64 *gprs, u64 vmcb, u64 host)
 *
 * GPRs are those of enum axas_vcpu_gpr, but RAX and RSP, which the VMCB has; the
 * others are physical addresses.
 *
 * Interrupts are off for the kernel, and on for the CPU while the guest runs, so
 * that one ends it. From CLGI to STGI neither they nor an NMI come in on the host's
 * side, where FS, GS, TR and LDTR are the guest's, and there is no per-CPU data.
 */
SYM_FUNC_START(svm_vmrun)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdi
	push	%rdx

	mov	%rsi, %rax
	clgi
	sti
	vmload	%rax
	mov	GPR(1)(%rdi), %rcx
	mov	GPR(2)(%rdi), %rdx
	mov	GPR(3)(%rdi), %rbx
	mov	GPR(5)(%rdi), %rbp
	mov	GPR(6)(%rdi), %rsi
	mov	GPR(8)(%rdi), %r8
	mov	GPR(9)(%rdi), %r9
	mov	GPR(10)(%rdi), %r10
	mov	GPR(11)(%rdi), %r11
	mov	GPR(12)(%rdi), %r12
	mov	GPR(13)(%rdi), %r13
	mov	GPR(14)(%rdi), %r14
	mov	GPR(15)(%rdi), %r15
	mov	GPR(7)(%rdi), %rdi
	vmrun	%rax
	vmsave	%rax
	cli

	mov	8(%rsp), %rax
	mov	%rcx, GPR(1)(%rax)
	mov	%rdx, GPR(2)(%rax)
	mov	%rbx, GPR(3)(%rax)
	mov	%rbp, GPR(5)(%rax)
	mov	%rsi, GPR(6)(%rax)
	mov	%rdi, GPR(7)(%rax)
	mov	%r8, GPR(8)(%rax)
	mov	%r9, GPR(9)(%rax)
	mov	%r10, GPR(10)(%rax)
	mov	%r11, GPR(11)(%rax)
	mov	%r12, GPR(12)(%rax)
	mov	%r13, GPR(13)(%rax)
	mov	%r14, GPR(14)(%rax)
	mov	%r15, GPR(15)(%rax)
	pop	%rax
	vmload	%rax
	stgi

	add	$8, %rsp
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET
SYM_FUNC_END(svm_vmrun)
