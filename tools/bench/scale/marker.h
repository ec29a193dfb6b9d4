/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a program in the guest tells the plugin, by an instruction that does nothing.
 */
#ifndef AXAS_MARKER_H
#define AXAS_MARKER_H

#define MARKER_MAGIC	0x61786100u

/**
 * enum marker - what is said
 * @MARKER_ARM: from here on there will be windows; some 10 ms later they count
 * @MARKER_KERNEL: this CPU counts what its system calls do
 * @MARKER_USER: this CPU counts what the program does itself
 * @MARKER_OTHER: like @MARKER_KERNEL; only the lines, as written by another CPU
 * @MARKER_NEXT: with @MARKER_USER, a new turn
 * @MARKER_STOP: this CPU counts no more
 * @MARKER_CLOSE: the window ends; what was counted is printed and forgotten
 */
enum marker {
	MARKER_ARM = 1,
	MARKER_KERNEL,
	MARKER_USER,
	MARKER_OTHER,
	MARKER_NEXT,
	MARKER_STOP,
	MARKER_CLOSE,
};

#define mark(what) \
	__asm__ __volatile__("nopl %c0(%%rax)" : : "i"(MARKER_MAGIC | (what)) : "memory")

#endif /* AXAS_MARKER_H */
