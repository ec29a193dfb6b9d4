// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: how long faults took, by how many, and on what clock.
 *
 * Times are counted in classes, eight to each power of two: what comes out is at most
 * an eighth too large.
 */
#define _GNU_SOURCE
#include <string.h>

#include "replay.h"

#define STEPS_SHIFT	3
#define STEPS		(1u << STEPS_SHIFT)

static unsigned int class_of(uint64_t ns)
{
	unsigned int log;

	if (ns < STEPS)
		return ns;
	log = 63 - __builtin_clzll(ns);
	return (log - STEPS_SHIFT + 1) * STEPS +
	       (ns >> (log - STEPS_SHIFT) & (STEPS - 1));
}

/* The first time behind the class. */
static uint64_t class_end(unsigned int class)
{
	unsigned int shift;

	if (class < STEPS)
		return class + 1;
	shift = class / STEPS - 1;
	return (uint64_t)(STEPS + class % STEPS + 1) << shift;
}

/* @nr faults took @ns each. */
void times_add(struct times *t, uint64_t ns, uint64_t nr)
{
	t->classes[class_of(ns)] += nr;
	t->nr += nr;
	if (nr && ns > t->max)
		t->max = ns;
}

void times_merge(struct times *to, const struct times *from)
{
	unsigned int i;

	for (i = 0; i < TIMES_CLASSES; i++)
		to->classes[i] += from->classes[i];
	to->nr += from->nr;
	if (from->max > to->max)
		to->max = from->max;
}

/* Return: ns that @percent of all faults were within; 0 if there are none. */
uint64_t times_within(const struct times *t, unsigned int percent)
{
	uint64_t seen = 0;
	unsigned int i;

	for (i = 0; i < TIMES_CLASSES; i++) {
		seen += t->classes[i];
		if (seen && seen * 100 >= t->nr * percent)
			return class_end(i) < t->max ? class_end(i) : t->max;
	}
	return 0;
}

/*
 * Does a program run this machine's instructions one by one? QEMU says so in the name of
 * its CPU, and for Arm's by an implementer that is nobody.
 */
bool clock_is_emulated(void)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	bool emulated = false;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if ((!strncmp(line, "model name", 10) && strstr(line, "TCG")) ||
		    (!strncmp(line, "CPU implementer", 15) &&
		     strstr(line, ": 0x00")))
			emulated = true;
	if (file)
		fclose(file);
	return emulated;
}
