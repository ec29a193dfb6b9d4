/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From the host into a guest by VMX, and back. Intel SDM, volume 3C, 31.3: VMLAUNCH.
 */
#include <linux/linkage.h>
#include <asm/nospec-branch.h>

#define GPR(n)	(8 * (n))

/* Volume 3D, B.4.4: fields of the host's state */
#define FIELD_HOST_RSP	0x6c14
#define FIELD_HOST_RIP	0x6c16

/*
 * bool vmx_vmlaunch(u64 *gprs)
 *
 * GPRs are those of enum axas_vcpu_gpr, but RSP, which the VMCS has. A VM exit goes
 * on behind VMLAUNCH with CF and ZF clear (28.5.3), as VMLAUNCH itself does if it
 * fails, with one of them set: then this returns true. No instruction in between
 * changes flags.
 */
SYM_FUNC_START(vmx_vmlaunch)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdi

	mov	$FIELD_HOST_RSP, %eax
	vmwrite	%rsp, %rax
	mov	$FIELD_HOST_RIP, %eax
	lea	.Lback(%rip), %rcx
	vmwrite	%rcx, %rax

	mov	GPR(0)(%rdi), %rax
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
	vmlaunch
.Lback:
	xchg	%rdi, (%rsp)
	mov	%rax, GPR(0)(%rdi)
	mov	%rcx, GPR(1)(%rdi)
	mov	%rdx, GPR(2)(%rdi)
	mov	%rbx, GPR(3)(%rdi)
	mov	%rbp, GPR(5)(%rdi)
	mov	%rsi, GPR(6)(%rdi)
	mov	%r8, GPR(8)(%rdi)
	mov	%r9, GPR(9)(%rdi)
	mov	%r10, GPR(10)(%rdi)
	mov	%r11, GPR(11)(%rdi)
	mov	%r12, GPR(12)(%rdi)
	mov	%r13, GPR(13)(%rdi)
	mov	%r14, GPR(14)(%rdi)
	mov	%r15, GPR(15)(%rdi)
	pop	%rax
	mov	%rax, GPR(7)(%rdi)
	setbe	%al

	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET
SYM_FUNC_END(vmx_vmlaunch)
