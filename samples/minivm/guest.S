/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest: 64-bit code at MINI_CODE. It uses the registers of struct vmx_regs,
 * and RSP.
 */
#include "minivm.h"

	.section .rodata, "a"
	.balign	16
	.globl	minivm_code, minivm_code_end
minivm_code:
	mov	$MINI_ROUNDS, %edx

	/* Fill the data. */
.Lround:
	mov	$MINI_DATA, %edi
.Lfill:
	imul	$MINI_FACTOR, %rdi, %rax
	mov	%rax, (%rdi)
	add	$MINI_STRIDE, %rdi
	cmp	$(MINI_DATA + MINI_DATA_SIZE), %rdi
	jb	.Lfill

	/* Read it back. */
	mov	$MINI_DATA, %edi
.Lread:
	imul	$MINI_FACTOR, %rdi, %rax
	cmp	%rax, (%rdi)
	jne	.Lwrong
	add	$MINI_STRIDE, %rdi
	cmp	$(MINI_DATA + MINI_DATA_SIZE), %rdi
	jb	.Lread
	dec	%edx
	jnz	.Lround

	/* Copy a part of it. */
	mov	$MINI_DATA, %esi
	mov	$MINI_COPY, %edi
	mov	$(MINI_COPY_SIZE / 8), %ecx
	rep movsq

	/* Load the function and call it; have it add 2, and call it again. */
	lea	.Lfunc(%rip), %rsi
	mov	$MINI_LOAD, %edi
	mov	$(.Lfunc_end - .Lfunc), %ecx
	rep movsb
	mov	$MINI_LOAD, %edx
	call	*%rdx
	movl	$2, (.Loperand - .Lfunc)(%rdx)
	call	*%rdx

	mov	$MINI_ANSWER, %eax
	jmp	.Lring
.Lwrong:
	mov	%rdi, %rax
.Lring:
	mov	%rax, MINI_DOORBELL
	hlt

.Lfunc:
	.byte	0x48, 0x81, 0x04, 0x25	/* addq $1, MINI_DATA */
	.long	MINI_DATA
.Loperand:
	.long	1
	ret
.Lfunc_end:
minivm_code_end:
