/* SPDX-License-Identifier: MIT */
/*
 * What the emulated machine runs: RV64I, assembled by hand.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdint.h>

/* At the beginning of ROM, where the CPU begins */
static const uint32_t guest_code[] = {
	/* s0: the UART, s1: RAM, sp: 64 KiB in */
	0x10000437,	/*         lui s0, 0x10000 */
	0x00100493,	/*         addi s1, zero, 1 */
	0x01f49493,	/*         slli s1, s1, 0x1f */
	0x00010137,	/*         lui sp, 0x10 */
	0x00248133,	/*         add sp, s1, sp */

	/* Say hello. */
	0x00002537,	/*         lui a0, 0x2 */
	0x108000ef,	/*         jal ra, puts */

	/* Number 64 pages of RAM, from 1 MiB on; go back and add up. */
	0x001002b7,	/*         lui t0, 0x100 */
	0x005482b3,	/*         add t0, s1, t0 */
	0x00001337,	/*         lui t1, 0x1 */
	0x04000393,	/*         addi t2, zero, 64 */
	0x00000e13,	/*         addi t3, zero, 0 */
	0x001e0e13,	/* fill:   addi t3, t3, 1 */
	0x01c2b023,	/*         sd t3, 0(t0) */
	0x006282b3,	/*         add t0, t0, t1 */
	0xfe7e1ae3,	/*         bne t3, t2, fill */
	0x00000913,	/*         addi s2, zero, 0 */
	0x406282b3,	/* sum:    sub t0, t0, t1 */
	0x0002be83,	/*         ld t4, 0(t0) */
	0x01d90933,	/*         add s2, s2, t4 */
	0xfffe0e13,	/*         addi t3, t3, -1 */
	0xfe0e18e3,	/*         bne t3, zero, sum */

	/* Say the sum. */
	0x00002537,	/*         lui a0, 0x2 */
	0x02050513,	/*         addi a0, a0, 32 */
	0x0c0000ef,	/*         jal ra, puts */
	0x00090533,	/*         add a0, s2, zero */
	0x074000ef,	/*         jal ra, puthex */

	/* Give the first of the pages back, and read it. */
	0x000289b3,	/*         add s3, t0, zero */
	0x10001337,	/*         lui t1, 0x10001 */
	0x01333023,	/*         sd s3, 0(t1) */
	0x00002537,	/*         lui a0, 0x2 */
	0x04050513,	/*         addi a0, a0, 64 */
	0x0a0000ef,	/*         jal ra, puts */
	0x0009b503,	/*         ld a0, 0(s3) */
	0x054000ef,	/*         jal ra, puthex */

	/* Write to ROM, and say what has become of it. */
	0x000019b7,	/*         lui s3, 0x1 */
	0x0009aa03,	/*         lw s4, 0(s3) */
	0x0009a023,	/*         sw zero, 0(s3) */
	0x00002537,	/*         lui a0, 0x2 */
	0x06050513,	/*         addi a0, a0, 96 */
	0x080000ef,	/*         jal ra, puts */
	0x0009a503,	/*         lw a0, 0(s3) */
	0x41450533,	/*         sub a0, a0, s4 */
	0x030000ef,	/*         jal ra, puthex */

	/* Read where nothing is, just behind RAM. */
	0x00002537,	/*         lui a0, 0x2 */
	0x08050513,	/*         addi a0, a0, 128 */
	0x068000ef,	/*         jal ra, puts */
	0x02100293,	/*         addi t0, zero, 33 */
	0x01a29293,	/*         slli t0, t0, 0x1a */
	0x0002b503,	/*         ld a0, 0(t0) */
	0x014000ef,	/*         jal ra, puthex */

	/* Power off. */
	0x001002b7,	/*         lui t0, 0x100 */
	0x00005337,	/*         lui t1, 0x5 */
	0x55530313,	/*         addi t1, t1, 1365 */
	0x0062a023,	/*         sw t1, 0(t0) */

	/* puthex(a0) */
	0xff010113,	/* puthex: addi sp, sp, -16 */
	0x00113423,	/*         sd ra, 8(sp) */
	0x03c00613,	/*         addi a2, zero, 60 */
	0x00c555b3,	/* digit:  srl a1, a0, a2 */
	0x00f5f593,	/*         andi a1, a1, 15 */
	0x00a5b693,	/*         sltiu a3, a1, 10 */
	0x00069463,	/*         bne a3, zero, small */
	0x02758593,	/*         addi a1, a1, 39 */
	0x03058593,	/* small:  addi a1, a1, 48 */
	0x048000ef,	/*         jal ra, putc */
	0xffc60613,	/*         addi a2, a2, -4 */
	0xfe0650e3,	/*         bge a2, zero, digit */
	0x00a00593,	/*         addi a1, zero, 10 */
	0x038000ef,	/*         jal ra, putc */
	0x00813083,	/*         ld ra, 8(sp) */
	0x01010113,	/*         addi sp, sp, 16 */
	0x00008067,	/*         jalr zero, 0(ra) */

	/* puts(a0) */
	0xff010113,	/* puts:   addi sp, sp, -16 */
	0x00113423,	/*         sd ra, 8(sp) */
	0x00054583,	/* next:   lbu a1, 0(a0) */
	0x00058863,	/*         beq a1, zero, end */
	0x018000ef,	/*         jal ra, putc */
	0x00150513,	/*         addi a0, a0, 1 */
	0xff1ff06f,	/*         jal zero, next */
	0x00813083,	/* end:    ld ra, 8(sp) */
	0x01010113,	/*         addi sp, sp, 16 */
	0x00008067,	/*         jalr zero, 0(ra) */

	/* putc(a1): as soon as the UART is ready */
	0x00544703,	/* putc:   lbu a4, 5(s0) */
	0x02077713,	/*         andi a4, a4, 32 */
	0xfe070ce3,	/*         beq a4, zero, putc */
	0x00b40023,	/*         sb a1, 0(s0) */
	0x00008067,	/*         jalr zero, 0(ra) */
};

/* 4 KiB into ROM: 0x2000 */
static const char guest_text[][32] = {
	"RV64I: hello\n",
	"sum of 64 pages     ",
	"a page given back   ",
	"what changed in ROM ",
	"where nothing is    ",
};

#endif /* GUEST_H */
