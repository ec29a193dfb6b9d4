/* SPDX-License-Identifier: MIT */
/*
 * Numbers of command lines, in any base of C, with a unit behind them.
 */
#ifndef AXAS_UNITS_H
#define AXAS_UNITS_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/**
 * number_with_unit() - read a number, and a unit if there is one
 * @text: where it begins
 * @units: the letters that may follow, the first for 2^10, the next for 2^20, and so on
 * @end: out: what follows; @text if there is no number
 * @shift: out: the number is for so many bits to the left, 0 without a unit
 *
 * What it may be is for the caller to say: of white space and signs strtoull() has the
 * last word.
 *
 * Return: the number without its unit; errno is ERANGE if it is too large, and else 0.
 */
static inline unsigned long long
number_with_unit(const char *text, const char *units, char **end,
		 unsigned int *shift)
{
	unsigned long long n;
	const char *unit;

	errno = 0;
	*shift = 0;
	n = strtoull(text, end, 0);
	unit = *end != text && **end ? strchr(units, **end) : NULL;
	if (unit) {
		*shift = 10 * (unit - units + 1);
		++*end;
	}
	return n;
}

#endif /* AXAS_UNITS_H */
