// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: leaves of 2 MiB, as a policy wants them.
 *
 * The areas allow large leaves. Where the policy doesn't want one at the first touch,
 * that page is brought in alone, and the module goes on with small ones from there.
 * AXAS_COLLAPSE then copies. TLBs aren't told: they are asked for the new leaf from
 * then on, and drop the old ones in time.
 */
#define _GNU_SOURCE
#include <axas.h>
#include <errno.h>
#include <string.h>

#include "replay.h"

#define ULL(x)		((unsigned long long)(x))

/* Return: NULL if there is none of that name. */
const struct policy *find_policy(const char *name)
{
	const struct policy * const *p;

	for (p = policies_begin; p < policies_end; p++)
		if (!strcmp((*p)->name, name))
			return *p;
	return NULL;
}

void list_policies(void)
{
	const struct policy * const *p;

	for (p = policies_begin; p < policies_end; p++)
		printf("%-13s%s\n", (*p)->name, (*p)->paper);
}

static struct piece *piece_at(const struct region *r, uint64_t gpa)
{
	return &r->pieces[(gpa - r->gpa) / SIZE_2M];
}

/* The policy has the pieces of @r to decide of. */
void promote_init(struct region *r)
{
	r->pieces = xcalloc(r->length / SIZE_2M, sizeof(*r->pieces));
}

void promote_hint(const struct region *r, uint64_t gpa)
{
	piece_at(r, gpa)->hinted = true;
}

static void bring_in(const struct space *s, uint64_t gpa)
{
	int err;

	do {
		err = axas_populate(s->fd, gpa, PAGE_SIZE, NULL);
	} while (err == -EINTR);
	if (err)
		die("AXAS_POPULATE at GPA 0x%llx: %s", ULL(gpa),
		    strerror(-err));
}

/* Is the page at @gpa the first of its piece, and to come alone? Now it is there. */
void promote_first(struct promotions *p, const struct space *s,
		   const struct region *r, uint64_t gpa,
		   const struct policy *policy)
{
	struct piece *piece = piece_at(r, gpa);

	if (atomic_load(&piece->touched) || policy->least(piece) == 1)
		return;
	bring_in(s, gpa & PAGE_MASK);
	atomic_fetch_add(&piece->touched, 1);
	p->first++;
}

static void collapse(struct promotions *p, const struct space *s, uint64_t gpa)
{
	struct axas_collapse c;
	int err;

	do {
		err = axas_collapse(s->fd, gpa, SIZE_2M, AXAS_COLLAPSE_COPY, &c);
	} while (err == -EINTR);
	if (err)
		die("AXAS_COLLAPSE at GPA 0x%llx: %s", ULL(gpa),
		    strerror(-err));
	p->promoted += c.joined / SIZE_2M;
	p->refused += !c.joined;
}

/* The page at @gpa has come in. */
void promote_touched(struct promotions *p, const struct space *s,
		     const struct region *r, uint64_t gpa,
		     const struct policy *policy)
{
	struct piece *piece = piece_at(r, gpa);
	unsigned int least = policy->least(piece);

	if (atomic_fetch_add(&piece->touched, 1) + 1 != least || least == 1)
		return;
	piece->offered = true;
	collapse(p, s, gpa & ~(SIZE_2M - 1));
}

/* A walk in this @period led to the page at @gpa. */
void promote_covered(const struct region *r, uint64_t gpa, uint32_t period)
{
	struct page *page = region_page(r, gpa);

	if (atomic_exchange_explicit(&page->covered, period,
				     memory_order_relaxed) != period)
		atomic_fetch_add(&piece_at(r, gpa)->covered, 1);
}

/*
 * A period ends. Return: the guest physical address of what has become a leaf, or
 * UINT64_MAX.
 */
uint64_t promote_scan(struct promotions *p, const struct space *s,
		      const struct trace *t, const struct policy *policy)
{
	struct piece *piece, *best = NULL;
	uint64_t gpa, chosen = UINT64_MAX;
	size_t i;

	for (i = 0; i < t->nr_regions; i++) {
		const struct region *r = &t->regions[i];

		for (gpa = r->gpa; gpa < r->gpa + r->length; gpa += SIZE_2M) {
			piece = piece_at(r, gpa);
			if (piece->offered || !policy->prefer(piece, best))
				continue;
			best = piece;
			chosen = gpa;
		}
	}
	if (best) {
		best->offered = true;
		collapse(p, s, chosen);
	}
	for (i = 0; i < t->nr_regions; i++)
		for (gpa = 0; gpa < t->regions[i].length; gpa += SIZE_2M)
			atomic_store(&t->regions[i].pieces[gpa / SIZE_2M].covered,
				     0);
	return chosen;
}

/* What is written before the trace begins comes in small leaves, too. */
void promote_prepare(const struct space *s, const struct region *r,
		     uint64_t gpa, uint64_t length, const struct policy *policy)
{
	uint64_t at;

	for (at = gpa; at < gpa + length; at += SIZE_2M)
		if (policy->least(piece_at(r, at)) != 1)
			bring_in(s, at);
}
