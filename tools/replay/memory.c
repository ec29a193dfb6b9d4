// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: is there memory for the run? It is asked before, as the OOM killer says
 * little of why.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"

#define ULL(x)		((unsigned long long)(x))
#define MIB(pages)	ULL(((pages) + 255) >> 8)

/* A number of bytes, the only one in the file; UINT64_MAX if it has none. */
static uint64_t read_bytes(const char *dir, const char *name)
{
	char path[PATH_MAX], line[64] = "";
	uint64_t bytes;
	FILE *file;
	char *end;

	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s", dir, name);
	file = fopen(path, "re");
	if (!file)
		return UINT64_MAX;
	if (!fgets(line, sizeof(line), file))
		*line = '\0';
	fclose(file);
	bytes = strtoull(line, &end, 10);
	return end == line ? UINT64_MAX : bytes;
}

/* What the memory cgroup that we are in leaves us. */
static uint64_t left_in_cgroup(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	uint64_t left = UINT64_MAX, max, used;
	char line[PATH_MAX];

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "0::", 3))
			continue;
		line[strcspn(line, "\n")] = '\0';
		max = read_bytes(line + 3, "memory.max");
		used = read_bytes(line + 3, "memory.current");
		if (max != UINT64_MAX && used != UINT64_MAX)
			left = max > used ? max - used : 0;
	}
	if (file)
		fclose(file);
	return left;
}

static uint64_t left_in_machine(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kib;
	uint64_t left = UINT64_MAX;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			left = kib << 10;
	if (file)
		fclose(file);
	return left;
}

static uint64_t pages_left(void)
{
	uint64_t machine = left_in_machine(), cgroup = left_in_cgroup();

	return (machine < cgroup ? machine : cgroup) >> PAGE_SHIFT;
}

/* Of @nr pages from @gpa on, those that the space is to own. */
static unsigned int used_pages(const struct trace *t, const struct region *r,
			       uint64_t gpa, unsigned int nr)
{
	unsigned int used = 0;

	for (; nr--; gpa += PAGE_SIZE)
		used += page_used(region_page(r, gpa)) &&
			!in_linear(t, gpa) && !find_mmio(t, gpa);
	return used;
}

/* How many pages a piece may take in which @used are. */
static unsigned int most_of_piece(const struct piece *p, unsigned int used,
				  const struct policy *policy)
{
	unsigned int least;

	if (!policy || !used)
		return used ? PIECE_PAGES : 0;
	least = policy->least(p);
	if (policy->prefer || (least && used >= least))
		return PIECE_PAGES;
	return used;
}

/* Pages of a region, at the most: all of them, and with leaves as they are asked for. */
static void add_region_pages(const struct trace *t, const struct region *r,
			     const struct options *o, uint64_t *small,
			     uint64_t *most)
{
	uint64_t gpa, end = r->gpa + r->length;
	unsigned int used, nr;

	for (gpa = r->gpa; gpa < end; gpa += (uint64_t)nr << PAGE_SHIFT) {
		nr = o->leaf == SIZE_2M ? PIECE_PAGES : 1;
		used = used_pages(t, r, gpa, nr);
		*small += used;
		if (o->leaf == PAGE_SIZE)
			*most += used;
		else
			*most += most_of_piece(r->pieces ?
					       &r->pieces[(gpa - r->gpa) / SIZE_2M] :
					       NULL, used, o->policy);
	}
}

/* Another module's backend has memory of its own. */
void check_memory(const struct trace *t, const struct options *o)
{
	uint64_t small = 0, most = 0, model, left = pages_left();
	size_t i;

	if (o->backend != AXAS_BACKEND_ALLOC)
		return;
	for (i = 0; i < t->nr_regions; i++)
		add_region_pages(t, &t->regions[i], o, &small, &most);
	model = o->no_data ? 0 : small;
	if (most + model <= left)
		return;
	die("this run may take %llu MiB, and %llu MiB are available; %s%sor give the machine or the memory cgroup more, or use --limit",
	    MIB(most + model), MIB(left),
	    model ? "--no-data takes its second copy away, " : "",
	    most == small ? "" : "leaves of 4 KiB (--leaf 4K) take less, ");
}
