// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: how the caches of a CPU are described, and three that are known.
 *
 * A description is a list of caches, NAME+NAME:SETSxWAYS, parted by commas.
 */
#include <stdlib.h>
#include <string.h>

#include "replay.h"

/* Entries that one cache may have. */
#define SETS_MAX	(1u << 20)
#define WAYS_MAX	256u

static const char * const level_names[] = { "2", "3", "4", "5", NULL };

/*
 * Real CPUs, as their makers describe them.
 *
 * skylake: Intel 64 and IA-32 Architectures Optimization Reference Manual,
 *	248966-045, table 2-15. Leaves of 1 GiB have no place in the TLB of code.
 * zen: Software Optimization Guide for AMD Family 17h Processors, 55723, revision
 *	3.00, sections 2.7.1 and 2.7.2. The second level holds leaves of 1 GiB as 2 MiB.
 * cortex-a55: Arm Cortex-A55 Core, as in Intel's Hard Processor System Technical
 *	Reference Manual, 814346, table "MMU Components". It says that leaves are
 *	broken down for the first level, not to what; 4K and 2M here. "Walk cache
 *	RAM" holds stage 1 walks but for their last level, "IPA cache RAM" is the
 *	nested TLB.
 *
 * Intel says that there are caches for each level (SDM, volume 3, 4.10.3), but not
 * how large they are: skylake has none here. Those of zen are section 2.7.3's page
 * directory cache, once for each dimension; entries of level 2, which share the
 * second TLB there, have no place.
 */
static const struct {
	const char *name;
	const char *tlb;
	const char *pwc;
	const char *nested_pwc;
	const char *nested_tlb;
} known[] = {
	{
		.name = "skylake",
		.tlb = "i4K:16x8,i2M:1x8,d4K:16x4,d2M:8x4,d1G:1x4/4K+2M:128x12,1G:4x4",
	},
	{
		.name = "zen",
		.tlb = "i4K+2M+1G:1x64,d4K+2M+1G:1x64/i4K+2M:64x8,d4K+2M:128x12",
		.pwc = "3+4:1x64",
		.nested_pwc = "3+4:1x64",
	},
	{
		.name = "cortex-a55",
		.tlb = "i4K+2M:1x15,d4K+2M:1x16/4K+2M+1G:256x4",
		.pwc = "2:16x4",
		.nested_tlb = "16x4",
	},
};

/* One of @names, which ends behind it. Return: its number, or -1. */
static int take_name(const char **s, const char * const *names)
{
	size_t length;
	int i;

	for (i = 0; names[i]; i++) {
		length = strlen(names[i]);
		if (!strncmp(*s, names[i], length)) {
			*s += length;
			return i;
		}
	}
	return -1;
}

static bool take_number(const char **s, unsigned int max, unsigned int *n)
{
	unsigned long value;
	char *end;

	if (**s < '0' || **s > '9')
		return false;
	value = strtoul(*s, &end, 10);
	*s = end;
	*n = value;
	return value && value <= max;
}

static const char *take_size(const char **s, struct shape *shape)
{
	if (!take_number(s, SETS_MAX, &shape->sets) ||
	    *(*s)++ != 'x' ||
	    !take_number(s, WAYS_MAX, &shape->ways))
		return "a cache has 1x1 to 1048576x256 SETSxWAYS";
	if (shape->sets & (shape->sets - 1))
		return "the sets of a cache must be a power of two";
	return NULL;
}

/* Does another cache hold some of the same? */
static bool meets_others(const struct shapes *shapes, const struct shape *s)
{
	unsigned int i;

	for (i = 0; i < shapes->nr; i++) {
		const struct shape *o = &shapes->shape[i];

		if (o->level == s->level && o->sides & s->sides &&
		    o->holds & s->holds)
			return true;
	}
	return false;
}

/* "i", "d", or nothing for both. */
static unsigned int take_sides(const char **s)
{
	if (**s != 'i' && **s != 'd')
		return 1 << SIDE_CODE | 1 << SIDE_DATA;
	return 1 << (*(*s)++ == 'i' ? SIDE_CODE : SIDE_DATA);
}

static const char *take_shape(struct shapes *shapes, const char **s,
			      unsigned int level, const char * const *names)
{
	struct shape shape = { .level = level };
	const char *error;
	int name;

	/* Walks for code and for data share their caches. */
	if (names == leaf_names)
		shape.sides = take_sides(s);
	else
		shape.sides = 1 << SIDE_CODE | 1 << SIDE_DATA;
	do {
		name = take_name(s, names);
		if (name < 0)
			return "unknown name of what a cache holds";
		shape.holds |= 1 << name;
	} while (*(*s)++ == '+');
	if ((*s)[-1] != ':')
		return "SETSxWAYS must follow behind a colon";
	error = take_size(s, &shape);
	if (error)
		return error;
	if (shapes->nr == SHAPES_MAX)
		return "too many caches";
	if (meets_others(shapes, &shape))
		return "two caches of a level hold the same";
	shapes->shape[shapes->nr++] = shape;
	return NULL;
}

/* Return: what is wrong with @spec, or NULL. */
static const char *parse_shapes(struct shapes *shapes, const char *spec,
				unsigned int levels, const char * const *names)
{
	unsigned int level = 0;
	const char *error;

	shapes->nr = 0;
	for (;; spec++) {
		error = take_shape(shapes, &spec, level, names);
		if (error)
			return error;
		if (!*spec)
			return NULL;
		if (*spec == '/' && ++level == levels)
			return "too many levels";
		if (*spec != '/' && *spec != ',')
			return "a comma parts caches, a slash levels";
	}
}

/* A number alone is that many entries for all sizes, in sets of four. */
const char *parse_tlb(struct shapes *shapes, const char *spec)
{
	const char *s = spec;
	unsigned int n;

	if (!take_number(&s, SETS_MAX, &n) || *s)
		return parse_shapes(shapes, spec, TLB_LEVELS, leaf_names);
	if (n < 4 || n & (n - 1))
		return "not a power of two from 4 to 1048576";
	*shapes = (struct shapes){
		.shape = { {
			.sides = 1 << SIDE_CODE | 1 << SIDE_DATA,
			.holds = 1 << LEAF_4K | 1 << LEAF_2M | 1 << LEAF_1G,
			.sets = n / 4,
			.ways = 4,
		} },
		.nr = 1,
	};
	return NULL;
}

/* "off" is none. */
const char *parse_walk_cache(struct shapes *shapes, const char *spec)
{
	shapes->nr = 0;
	if (!strcmp(spec, "off"))
		return NULL;
	return parse_shapes(shapes, spec, 1, level_names);
}

const char *parse_nested_tlb(struct shapes *shapes, const char *spec)
{
	const char *error;

	*shapes = (struct shapes){ 0 };
	if (!strcmp(spec, "off"))
		return NULL;
	error = take_size(&spec, &shapes->shape[0]);
	if (!error && *spec)
		error = "a nested TLB is one cache, of SETSxWAYS";
	shapes->nr = 1;
	return error;
}

static const char *given(const char *spec)
{
	return spec ? spec : "off";
}

/* Return: what is wrong with @name, or NULL. */
const char *parse_cpu(struct cpu *cpu, const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(known[i].name, name))
			continue;
		cpu->name = known[i].name;
		parse_tlb(&cpu->tlb, known[i].tlb);
		parse_walk_cache(&cpu->pwc, given(known[i].pwc));
		parse_walk_cache(&cpu->nested_pwc, given(known[i].nested_pwc));
		parse_nested_tlb(&cpu->nested_tlb, given(known[i].nested_tlb));
		return NULL;
	}
	return "no such CPU; there is: skylake, zen, cortex-a55";
}
