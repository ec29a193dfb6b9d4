// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: the bytes that stores write, and what loads should find.
 */
#include "replay.h"

#define ULL(x)		((unsigned long long)(x))

/*
 * Move bytes as a CPU would: naturally aligned accesses of up to 8 bytes at
 * once, all others byte by byte, which host memory of any type takes.
 */
void move_bytes(volatile uint8_t *to, const volatile uint8_t *from,
		unsigned int size)
{
	uintptr_t both = (uintptr_t)to | (uintptr_t)from;

	if (size == 8 && !(both & 7))
		*(volatile uint64_t *)to = *(const volatile uint64_t *)from;
	else if (size == 4 && !(both & 3))
		*(volatile uint32_t *)to = *(const volatile uint32_t *)from;
	else if (size == 2 && !(both & 1))
		*(volatile uint16_t *)to = *(const volatile uint16_t *)from;
	else
		while (size--)
			*to++ = *from++;
}

/* splitmix64 */
static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* Bytes @offset and on of what the @store-th store puts at @addr. */
void store_value(uint8_t *buf, uint64_t addr, uint64_t store,
		 unsigned int offset, unsigned int size)
{
	uint64_t seed = mix(addr ^ mix(store)), word = 0;
	unsigned int i;

	for (i = 0; i < size; i++) {
		unsigned int at = offset + i;

		if (!i || !(at & 7))
			word = mix(seed + at / 8);
		buf[i] = word >> (8 * (at & 7));
	}
}

void mismatch(struct run *run, const char *how, uint64_t gpa, uint64_t line,
	      const uint8_t *want, const uint8_t *got, size_t length)
{
	unsigned long n = atomic_fetch_add(&run->mismatches, 1);
	size_t i = 0;

	while (i + 1 < length && want[i] == got[i])
		i++;
	if (n < MISMATCHES_SHOWN && line)
		warn("mismatch: %s at line %llu, GPA 0x%llx: 0x%02x instead of 0x%02x",
		     how, ULL(line), ULL(gpa + i), got[i], want[i]);
	else if (n < MISMATCHES_SHOWN)
		warn("mismatch: %s, GPA 0x%llx: 0x%02x instead of 0x%02x",
		     how, ULL(gpa + i), got[i], want[i]);
}
