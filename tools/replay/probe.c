// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: the CPU's own walks beside those that the model makes (AXAS_PROBE).
 *
 * Each page that the trace touches is walked to its end. How the CPU goes there, level
 * by level, shows where walks stop: beside the path, at each level, an address that
 * shares all above with the page, and whose entry there is empty. The model says so
 * from the addresses alone; the CPU has only the table.
 */
#include <axas.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"

#define ULL(x)		((unsigned long long)(x))
#define ENTRIES		512

/* What has a leaf, in rising order. */
struct pages {
	uint64_t *gpa;
	size_t nr;
};

static int compare_gpa(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void find_pages(struct pages *p, const struct trace *t)
{
	size_t n, page;

	p->gpa = xcalloc(t->pages + t->guest.nr, sizeof(*p->gpa));
	for (n = 0; n < t->nr_regions; n++) {
		const struct region *r = &t->regions[n];

		for (page = 0; page < r->length >> PAGE_SHIFT; page++)
			if (page_used(&r->pages[page]))
				p->gpa[p->nr++] = r->gpa + (page << PAGE_SHIFT);
	}
	qsort(p->gpa, p->nr, sizeof(*p->gpa), compare_gpa);
}

/* Does an entry at @level for @gpa lead to any page? */
static bool leads_anywhere(const struct pages *p, uint64_t gpa, unsigned int level)
{
	uint64_t length = UINT64_C(1) << leaf_shift(level - 1);
	size_t low = 0, high = p->nr, middle;

	gpa &= ~(length - 1);
	while (low < high) {
		middle = (low + high) / 2;
		if (p->gpa[middle] < gpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low < p->nr && p->gpa[low] - gpa < length;
}

/* An address whose walk takes that of @gpa down to @level, and ends there. */
static bool find_beside(const struct pages *p, uint64_t gpa, unsigned int level,
			uint64_t *beside)
{
	unsigned int i;

	for (i = 1; i < ENTRIES; i++) {
		*beside = gpa ^ (uint64_t)i << leaf_shift(level - 1);
		if (!leads_anywhere(p, *beside, level))
			return true;
	}
	return false;
}

static void ask_cpu(const struct space *s, uint64_t gpa, struct axas_probe *probe)
{
	int err = axas_probe(s->fd, gpa, AXAS_PROT_READ, probe);

	if (err)
		die("AXAS_PROBE at GPA 0x%llx: %s%s", ULL(gpa), strerror(-err),
		    err == -EOPNOTSUPP ? "; it takes a module that was built with CONFIG_AXAS_PROBE, and a CPU that walks this format" :
		    "");
}

static void probe_beside(struct findings *f, const struct space *s, uint64_t gpa,
			 unsigned int level)
{
	struct axas_probe probe;

	ask_cpu(s, gpa, &probe);
	check(f, probe.kind == AXAS_PROBE_TRANSLATION &&
	      (!probe.level || probe.level == level),
	      "GPA 0x%llx: the CPU's walk ends with kind %u at level %u, the model's at an empty entry at level %u",
	      ULL(gpa), probe.kind, probe.level, level);
	f->stops++;
	f->stops_named += !!probe.level;
}

static void probe_page(struct findings *f, const struct space *s,
		       const struct pages *p, uint64_t gpa)
{
	struct axas_translate_entry e = { .gpa = gpa };
	struct axas_probe probe;
	unsigned int level;
	uint64_t beside;

	translate(s, &e, 1);
	ask_cpu(s, gpa, &probe);
	check(f, probe.kind == AXAS_PROBE_MAPPED && (!e.hpa || probe.hpa == e.hpa),
	      "GPA 0x%llx: the CPU's walk ends with kind %u at host 0x%llx, the model's at host 0x%llx",
	      ULL(gpa), probe.kind, ULL(probe.hpa), ULL(e.hpa));
	f->probes++;
	for (level = leaf_of_size(e.leaf_size) + 1; level <= s->levels; level++)
		if (find_beside(p, gpa, level, &beside) &&
		    beside >> s->gpa_bits == 0)
			probe_beside(f, s, beside, level);
}

void probe_space(struct findings *f, const struct trace *t, const struct space *s)
{
	struct pages p = { 0 };
	size_t i;

	find_pages(&p, t);
	for (i = 0; i < p.nr; i++) {
		probe_page(f, s, &p, p.gpa[i]);
		progress("probing", i, p.nr);
	}
	progress_end();
	free(p.gpa);
}
