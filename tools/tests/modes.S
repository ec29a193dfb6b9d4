/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest of axas-vmm that accesses a device in memory in each mode: 64-bit code's page tables
 * under 32-bit code, no paging, PAE, leaves of 4 MiB and of 4 KiB, 64-bit code with 5 levels,
 * and 16-bit code. It ends by 0, or by the number of what was wrong. scripts/demo-guest.sh
 * makes a kernel of it.
 */
#define START		0x1000200	/* where it runs */
#define AT(label)	((label) - start + START)
/* A register of the serial port that keeps what is written */
#define SCRATCH		0xe0000407
#define EXIT		0xf4

/* Tables that axas-vmm has made: its root, a page of leaves of 2 MiB for each GiB; own ones */
#define FOUR_LEVELS	0x10000
#define LEAVES		0x12000
#define QUAD		0x2020
#define DIRECTORY	0x3000
#define TABLE		0x4000
#define FIVE_LEVELS	0x5000

#define CODE_32		0x08
#define FLAT		0x10
#define CODE_16		0x18
#define DEVICE		0x20
#define CODE_64		0x28

	.macro	access number, where
	mov	$\number, %al
	movb	$\number, \where
	cmpb	%al, \where
	jne	end
	.endm

	.macro	paging on
	mov	%cr0, %eax
	.if	\on
	or	$0x80000000, %eax
	.else
	and	$0x7fffffff, %eax
	.endif
	mov	%eax, %cr0
	.endm

	.macro	long_mode on
	mov	$0xc0000080, %ecx	/* EFER */
	rdmsr
	and	$~0x100, %eax
	or	$\on * 0x100, %eax
	wrmsr
	.endm

	.text
	.code64
start:	lgdt	gdt_at(%rip)
	push	$CODE_32
	push	$AT(1f)
	lretq

	.code32
1:	mov	$FLAT, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	access	1, SCRATCH

	paging	0
	long_mode 0
	access	2, SCRATCH

	mov	$LEAVES + 1, %eax
	mov	$QUAD, %edi
2:	mov	%eax, (%edi)
	movl	$0, 4(%edi)
	add	$0x1000, %eax
	add	$8, %edi
	cmp	$QUAD + 32, %edi
	jb	2b
	mov	$QUAD, %eax
	mov	%eax, %cr3
	paging	1
	access	3, SCRATCH

	paging	0
	mov	%cr4, %eax
	and	$~0x20, %eax		/* no PAE */
	or	$0x10, %eax		/* but 4 MiB */
	mov	%eax, %cr4
	movl	$START & 0xffc00000 | 0x83, DIRECTORY + (START >> 22) * 4
	movl	$0x83, DIRECTORY	/* what is at 0 */
	movl	$SCRATCH & 0xffc00000 | 0x83, DIRECTORY + (SCRATCH >> 22) * 4
	mov	$DIRECTORY, %eax
	mov	%eax, %cr3
	paging	1
	access	4, SCRATCH

	movl	$TABLE + 3, DIRECTORY + (SCRATCH >> 22) * 4
	movl	$SCRATCH & 0xfffff000 | 3, TABLE + (SCRATCH >> 12 & 0x3ff) * 4
	mov	$DIRECTORY, %eax
	mov	%eax, %cr3
	access	5, SCRATCH

	paging	0
	mov	%cr4, %eax
	or	$0x1020, %eax		/* PAE, and 57 bits */
	mov	%eax, %cr4
	movl	$FOUR_LEVELS + 3, FIVE_LEVELS
	movl	$0, FIVE_LEVELS + 4
	long_mode 1
	mov	$FIVE_LEVELS, %eax
	mov	%eax, %cr3
	paging	1
	ljmp	$CODE_64, $AT(3f)

	.code64
3:	mov	$SCRATCH, %ebx
	access	6, (%rbx)
	push	$CODE_32
	push	$AT(4f)
	lretq

	.code32
	/* A segment that begins at the device's page, for 16-bit code's addresses */
4:	mov	$DEVICE, %eax
	mov	%eax, %ds
	access	7, (SCRATCH & 0xfff)
	ljmp	$CODE_16, $(AT(5f) & 0xffff)

	.code16
5:	access	8, (SCRATCH & 0xfff)
	mov	$SCRATCH & 0xfff, %ebx
	access	9, (%ebx)
	mov	$0, %al

	/* The same bytes in all modes */
end:	out	%al, $EXIT
	hlt

	.balign	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff
	.quad	0x00cf93000000ffff
	.quad	0x01009b000000ffff	/* at 16 MiB, as all of this */
	.quad	0xe00093000000ffff
	.quad	0x00af9b000000ffff
gdt_at:	.word	gdt_at - gdt - 1
	.quad	AT(gdt)
