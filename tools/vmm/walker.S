/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest that is built into axas-vmm: it walks over its memory.
 *
 * RSI has pairs of where a range of memory begins and ends, up to a zero, and behind it a
 * range that can't be written, and where in memory the serial port is, or zero. Each page
 * has to be zeros. Each line of 64 bytes gets a word that no other has; when all have one they
 * are compared, from the end to the beginning, while a timer interrupts. A serial port in
 * memory is accessed in all ways that the monitor knows. The count goes to it, and the
 * guest ends by the port that is there for it: 0 if nothing was wrong.
 *
 * It is copied to where it runs, so it knows no address but its own.
 */
#define LINE		64
#define PAGE		4096

#define UART		0x3f8
/* Registers of a 16550, and what of them is kept as it is */
#define UART_LCR	3
#define UART_STATUS	5
#define UART_SCRATCH	7
#define PIC_1		0x20
#define PIC_2		0xa0
#define PIT		0x40
#define EXIT		0xf4

#define VECTOR		0x20
#define PERIOD		11932		/* 100 a second */
#define TICKS		3		/* that it waits for at least */

	.section .rodata
	.globl	walker_code, walker_code_end
	.balign 16
walker_code:
	mov	%rsi, %r12
	xor	%r13d, %r13d		/* pages */
	xor	%r14d, %r14d		/* what is wrong */
	call	start_timer

	/* What is there at first, and a word for each line. */
	mov	%r12, %rsi
1:	mov	(%rsi), %rdi
	test	%rdi, %rdi
	jz	2f
	mov	8(%rsi), %rbp
	call	write_range
	add	$16, %rsi
	jmp	1b
2:	lea	8(%rsi), %r15

	/* Back over all of it. */
3:	cmp	%r12, %rsi
	je	4f
	sub	$16, %rsi
	mov	(%rsi), %rbp
	mov	8(%rsi), %rdi
	call	compare_range
	jmp	3b

	/* What can't be written is zeros. */
4:	mov	(%r15), %rdi
	mov	8(%r15), %rbp
5:	call	zeros
	add	$PAGE, %rdi
	cmp	%rbp, %rdi
	jb	5b

6:	cmpq	$TICKS, ticks(%rip)
	jae	7f
	hlt
	jmp	6b
7:	cli
	mov	16(%r15), %rbx
	test	%rbx, %rbx
	jz	8f
	call	access_uart
8:	call	report
	xor	%eax, %eax
	test	%r14, %r14
	setnz	%al
	out	%al, $EXIT
9:	hlt
	jmp	9b

/* RAX = the word for the line at RDI */
word_of_line:
	mov	factor(%rip), %rax
	imul	%rdi, %rax
	bswap	%rax
	xor	%rdi, %rax
	ret

/* From RDI to RBP */
write_range:
	test	$PAGE - 1, %edi
	jnz	1f
	inc	%r13
	call	zeros
1:	call	word_of_line
	mov	%rax, (%rdi)
	add	$LINE, %rdi
	cmp	%rbp, %rdi
	jb	write_range
	ret

/* From RDI down to RBP */
compare_range:
	sub	$LINE, %rdi
	call	word_of_line
	cmp	%rax, (%rdi)
	je	1f
	inc	%r14
1:	cmp	%rbp, %rdi
	ja	compare_range
	ret

/* The page at RDI */
zeros:
	push	%rdi
	mov	$PAGE / 8, %ecx
	xor	%eax, %eax
	repe scasq
	pop	%rdi
	je	1f
	inc	%r14
1:	ret

/* ---- a timer, 100 times a second ---- */

start_timer:
	lea	interrupt(%rip), %rax
	lea	gates(%rip), %rdi
	mov	%ax, 16 * VECTOR(%rdi)
	movw	$0x10, 16 * VECTOR + 2(%rdi)
	movw	$0x8e00, 16 * VECTOR + 4(%rdi)	/* an interrupt gate */
	shr	$16, %rax
	mov	%ax, 16 * VECTOR + 6(%rdi)
	mov	%rdi, gates_at(%rip)
	lidt	gates_limit(%rip)

	mov	$0x11, %al		/* four words, of both */
	out	%al, $PIC_1
	out	%al, $PIC_2
	mov	$VECTOR, %al
	out	%al, $PIC_1 + 1
	mov	$VECTOR + 8, %al
	out	%al, $PIC_2 + 1
	mov	$4, %al
	out	%al, $PIC_1 + 1
	mov	$2, %al
	out	%al, $PIC_2 + 1
	mov	$1, %al
	out	%al, $PIC_1 + 1
	out	%al, $PIC_2 + 1
	mov	$0xfe, %al		/* the timer alone */
	out	%al, $PIC_1 + 1

	mov	$0x34, %al		/* counter 0, mode 2, low and high byte */
	out	%al, $PIT + 3
	mov	$PERIOD & 0xff, %al
	out	%al, $PIT
	mov	$PERIOD >> 8, %al
	out	%al, $PIT
	sti
	ret

interrupt:
	push	%rax
	incq	ticks(%rip)
	mov	$0x20, %al		/* it has ended */
	out	%al, $PIC_1
	pop	%rax
	iretq

/* ---- the serial port, at RBX if it is in memory ---- */

/* Whatever was compared before has to be equal. */
	.macro	equal
	je	.+5
	inc	%r14
	.endm

access_uart:
	/* All widths, and its registers: none has input, but all there is to say of that. */
	movb	$0x5a, UART_SCRATCH(%rbx)
	cmpb	$0x5a, UART_SCRATCH(%rbx)
	equal
	mov	$0x6b7c, %eax
	mov	%ah, UART_SCRATCH(%rbx)
	movsbq	UART_SCRATCH(%rbx), %rdx
	cmp	$0x6b, %rdx
	equal
	movw	$0x8c00, UART_SCRATCH - 1(%rbx)
	movsbl	UART_SCRATCH(%rbx), %edx
	cmp	$0xffffff8c, %edx
	equal
	movzwl	UART_SCRATCH - 1(%rbx), %edx
	cmp	$0x8cb0, %edx
	equal
	movl	$0x1d000000, UART_SCRATCH - 3(%rbx)
	or	$-1, %rdx
	mov	UART_SCRATCH - 3(%rbx), %edx
	cmp	$0x1db06000, %rdx
	equal
	movb	$0x80, UART_LCR(%rbx)	/* the divisor's bytes are the first two */
	movabs	$0x2e00000003000001, %rax
	mov	%rax, (%rbx)
	movabs	$0x2eb0600003010000, %rax
	cmp	(%rbx), %rax
	equal

	/* Read and written at once, by string, and by an address of the instruction */
	orb	$0x81, UART_SCRATCH(%rbx)
	mov	$0x1c, %al
	xorb	%al, UART_SCRATCH(%rbx)
	lock addb $0x10, UART_SCRATCH(%rbx)
	cmpb	$0xc3, UART_SCRATCH(%rbx)
	equal
	mov	$0xf0, %al
	and	UART_SCRATCH(%rbx), %al
	cmp	$0xc0, %al
	equal
	lea	UART_SCRATCH(%rbx), %rdi
	mov	$0x3f, %al
	mov	$3, %ecx
	rep stosb			/* two of three go beside it */
	mov	$0, %al
	movabs	0xe0000407, %al
	mov	UART_SCRATCH(%rbx), %ah
	movabs	$0x2eb0600003013f3f, %rdx
	cmp	%rdx, %rax		/* and what is above is as it was */
	equal
	lea	UART_SCRATCH + 3(%rbx), %rax
	cmp	%rax, %rdi
	equal
	test	%rcx, %rcx
	equal

	/* Beside it there is nothing, and half of an access doesn't happen. */
	movl	$0, UART_SCRATCH - 2(%rbx)
	movb	$0, -1(%rbx)
	cmpb	$0x3f, UART_SCRATCH(%rbx)
	equal
	cmpl	$-1, UART_SCRATCH - 2(%rbx)
	equal
	cmpb	$-1, -1(%rbx)
	equal
	cmpq	$-1, 8(%rbx)
	equal
	ret

report:
	lea	text_1(%rip), %rsi
	call	print
	mov	%r13, %rax
	call	print_number
	lea	text_2(%rip), %rsi
	call	print
	mov	%r14, %rax
	call	print_number
	lea	text_3(%rip), %rsi
	jmp	print

/* RAX, decimal */
print_number:
	lea	digits_end(%rip), %rsi
	mov	$10, %ecx
1:	xor	%edx, %edx
	div	%rcx
	add	$'0', %dl
	dec	%rsi
	mov	%dl, (%rsi)
	test	%rax, %rax
	jnz	1b
/* What is at RSI, up to a zero */
print:
	mov	(%rsi), %cl
	inc	%rsi
	test	%cl, %cl
	jz	3f
	test	%rbx, %rbx
	jnz	2f
1:	mov	$UART + UART_STATUS, %edx
	in	(%dx), %al
	test	$0x20, %al		/* room for a byte */
	jz	1b
	mov	$UART, %edx
	mov	%cl, %al
	out	%al, (%dx)
	jmp	print
2:	testb	$0x20, UART_STATUS(%rbx)
	jz	2b
	mov	%cl, (%rbx)
	jmp	print
3:	ret

text_1:	.asciz	"walker: "
text_2:	.asciz	" pages written and read back, "
text_3:	.asciz	" wrong\n"

	.balign	8
factor:	.quad	0x9e3779b97f4a7c15
ticks:	.quad	0
	.skip	6
gates_limit:
	.word	16 * (VECTOR + 1) - 1
gates_at:
	.quad	0
digits:	.skip	24
digits_end:
	.byte	0
	.balign	16
gates:	.skip	16 * (VECTOR + 1)
walker_code_end:

	.section .note.GNU-stack, "", @progbits
