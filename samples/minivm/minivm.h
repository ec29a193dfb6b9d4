/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _MINIVM_H
#define _MINIVM_H

/* The guest's memory. Guest virtual and guest physical addresses are the same. */
#define MINI_SIZE	0x2000000
#define MINI_CODE	0x0
#define MINI_TABLES	0x10000
#define MINI_STACK	0x20000
#define MINI_DATA	0x200000
#define MINI_COPY	0x800000
#define MINI_LOAD	0xe00000
#define MINI_DOORBELL	0x1000000

#define MINI_DATA_SIZE	0x400000
#define MINI_COPY_SIZE	0x100000

/* Each MINI_STRIDE bytes the guest stores the address times MINI_FACTOR. */
#define MINI_STRIDE	64
#define MINI_FACTOR	0x12345679
/* It does so again and again, so that interrupts of the host come in between. */
#define MINI_ROUNDS	100
/* What the guest leaves in RAX at the doorbell. */
#define MINI_ANSWER	42

#ifndef __ASSEMBLY__
/* guest.S */
extern const u8 minivm_code[], minivm_code_end[];
#endif

#endif /* _MINIVM_H */
