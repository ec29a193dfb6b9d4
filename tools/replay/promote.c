// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: a policy: memory comes in leaves of 4 KiB, and 2 MiB become one leaf
 * when so many of their pages have been touched.
 *
 * The areas allow large leaves; the first page of 2 MiB is brought in alone, and the
 * module goes on with small ones from there. AXAS_COLLAPSE then copies. TLBs aren't
 * told: they are asked for the new leaf from then on, and drop the old ones in time.
 */
#include <axas.h>
#include <errno.h>
#include <string.h>

#include "replay.h"

#define ULL(x)		((unsigned long long)(x))

/* Pages of the 2 MiB at @gpa that were touched up to here. */
static atomic_uint *touched_at(const struct region *r, uint64_t gpa)
{
	return &r->touched[(gpa - r->gpa) / SIZE_2M];
}

void promote_init(struct region *r)
{
	r->touched = xcalloc(r->length / SIZE_2M, sizeof(*r->touched));
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

/* Is the page at @gpa the first of its 2 MiB? Then it is there now. */
void promote_first(struct promotions *p, const struct space *s,
		   const struct region *r, uint64_t gpa)
{
	if (atomic_load(touched_at(r, gpa)))
		return;
	bring_in(s, gpa & PAGE_MASK);
	atomic_fetch_add(touched_at(r, gpa), 1);
	p->first++;
}

/* The page at @gpa has come in; @least make a large leaf. */
void promote_touched(struct promotions *p, const struct space *s,
		     const struct region *r, uint64_t gpa, unsigned int least)
{
	struct axas_collapse c;
	int err;

	if (atomic_fetch_add(touched_at(r, gpa), 1) + 1 != least)
		return;
	gpa &= ~(SIZE_2M - 1);
	do {
		err = axas_collapse(s->fd, gpa, SIZE_2M, AXAS_COLLAPSE_COPY, &c);
	} while (err == -EINTR);
	if (err)
		die("AXAS_COLLAPSE at GPA 0x%llx: %s", ULL(gpa),
		    strerror(-err));
	p->promoted += c.joined / SIZE_2M;
	p->refused += !c.joined;
}

/* What is written before the trace begins comes in small leaves, too. */
void promote_prepare(const struct space *s, uint64_t gpa, uint64_t length)
{
	uint64_t at;

	for (at = gpa; at < gpa + length; at += SIZE_2M)
		bring_in(s, at);
}
