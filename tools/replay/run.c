// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: virtual CPUs that run a trace over a space.
 *
 * A virtual CPU reads the trace, takes its share of it, and goes through that in
 * bursts. It first plans a burst: looking ahead from where it is, it
 * gathers the accesses that no leaf is known for, until a batch is full. It walks
 * the table for them (AXAS_TRANSLATE), and what the table doesn't allow goes to
 * the module as one array of nested page faults, in one AXAS_FAULT. Then it makes
 * the accesses of the burst, none of which can fault any more: each asks the
 * TLBs first, as they are modelled, with the size of the leaf that is there.
 *
 * Most accesses are to the page of the last one, of code or of data. The TLB finds
 * what it found then, at the front of its set, and nothing changes but a count. So
 * these aren't planned, nor looked up. It takes a TLB for each: in one for both the
 * access in between may have changed the set, and only neighbours are taken so.
 *
 * A real VMM can't look ahead; it has as many faults at once as it has virtual
 * CPUs waiting. --batch 1 is the plain way, a call per fault.
 *
 * With several threads each page has an owner, page number modulo threads.
 * Loads and stores are made by the owner of the page, so the order of those on
 * a page, and with it the result, is the same for any number of threads.
 * Neighbours have different owners, so the threads meet in the same tables and
 * large leaves. Fetches move no data and are dealt by turns: there the threads
 * fault on the very same pages.
 *
 * An access to a device (--mmio) isn't planned: each one leaves the guest when
 * it is made, and comes back with the device's cookie, offset and width.
 */
#define _GNU_SOURCE
#include <axas.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "vcpu.h"

#define ULL(x)		((unsigned long long)(x))
#define TURN		64	/* accesses in a turn of fetches */

static void on_bus_error(int sig)
{
	const struct part *p = current_part;
	char buf[160];
	int n;

	(void)sig;
	n = snprintf(buf, sizeof(buf),
		     "axas-replay: access or line %llu, GPA 0x%llx: the window gave SIGBUS after the fault was resolved\n",
		     p ? ULL(p->line) : 0, p ? ULL(p->gpa) : 0);
	if (write(STDERR_FILENO, buf, n) < 0)
		_exit(EXIT_TROUBLE);
	_exit(EXIT_TROUBLE);
}

static bool is_mine(const struct vcpu *v, uint64_t index, uint8_t kind,
		    uint64_t gpa)
{
	if (v->o->threads == 1)
		return true;
	if (kind == AXAS_PROT_EXEC)
		return index / TURN % v->o->threads == v->id;
	return (gpa >> PAGE_SHIFT) % v->o->threads == v->id;
}

static struct region *region_at(struct vcpu *v, unsigned int side, uint64_t gpa)
{
	const struct region *r = v->region[side];

	if (!r || gpa < r->gpa || gpa - r->gpa >= r->length)
		v->region[side] = find_region(v->t, gpa);
	return v->region[side];
}

static uint64_t gpa_of(struct vcpu *v, unsigned int side, uint64_t addr)
{
	const struct segment *s = v->segment[side];

	if (!s || addr < s->va || addr - s->va >= s->length)
		v->segment[side] = find_segment(v->t, addr);
	if (!v->segment[side])
		die("%s has changed while it was read", v->t->name);
	return segment_gpa(v->segment[side], addr);
}

/* Does the leaf that is known allow @access? */
static bool is_known(const struct region *r, uint64_t gpa, uint32_t access)
{
	uint8_t known = page_known(region_page(r, gpa));

	return known && !(access & ~known_prot(known));
}

/*
 * Make sure that a part will find a leaf: one is known to be there, or a fault
 * joins the batch. Return: false if there is no room for that.
 */
static bool plan_part(struct vcpu *v, const struct part *p)
{
	uint64_t page = p->gpa >> PAGE_SHIFT;
	struct pending *w = &v->pending[page % PENDING];

	if (is_known(p->region, p->gpa, p->kind) || find_mmio(v->t, p->gpa))
		return true;
	if (w->burst == v->burst && w->page != page)
		return false;
	if (w->burst == v->burst) {
		v->batch[w->nr].access |= p->kind;
		return true;
	}
	if (v->nr_batch == v->o->batch)
		return false;
	*w = (struct pending){ page, v->burst, v->nr_batch };
	v->batch_part[v->nr_batch] = p;
	v->batch[v->nr_batch++] = (struct axas_fault_entry){
		.gpa = p->gpa,
		.access = p->kind,
		.result = UINT32_MAX,
	};
	return true;
}

/* A fault that wasn't resolved ends the run. */
static _Noreturn void fault_failed(const struct vcpu *v, unsigned int nr)
{
	const struct axas_fault_entry *e = &v->batch[nr];
	const struct part *p = v->batch_part[nr];
	uint32_t access = e->access;

	die("%s %llu of the trace, address 0x%llx (GPA 0x%llx), access %s%s%s: fault %s: %s",
	    v->t->unit, ULL(p->line), ULL(p->addr + p->offset), ULL(e->gpa),
	    access & AXAS_PROT_READ ? "r" : "",
	    access & AXAS_PROT_WRITE ? "w" : "",
	    access & AXAS_PROT_EXEC ? "x" : "",
	    axas_result_name(e->result), result_meaning(e->result));
}

/* All of the leaf at @e, as far as the region goes. */
static void learn_leaf(struct region *r, const struct axas_translate_entry *e)
{
	uint64_t gpa = e->gpa & ~(e->leaf_size - 1);
	uint64_t end = gpa + e->leaf_size;
	int leaf = leaf_of_size(e->leaf_size);

	if (e->state != AXAS_TRANSLATE_MAPPED || leaf < 0)
		return;
	if (gpa < r->gpa)
		gpa = r->gpa;
	if (end > r->gpa + r->length)
		end = r->gpa + r->length;
	for (; gpa < end; gpa += PAGE_SIZE)
		page_learn(region_page(r, gpa), leaf, e->prot);
}

/* Walk the table for all of the batch. */
static void walk_batch(struct vcpu *v)
{
	unsigned int i;

	for (i = 0; i < v->nr_batch; i++)
		v->walked[i] = (struct axas_translate_entry){
			.gpa = v->batch[i].gpa,
		};
	translate(v->s, v->walked, v->nr_batch);
	for (i = 0; i < v->nr_batch; i++)
		learn_leaf(v->batch_part[i]->region, &v->walked[i]);
}

/* Keep of the batch what the table doesn't allow yet. */
static void drop_known(struct vcpu *v)
{
	unsigned int i, nr = 0;

	for (i = 0; i < v->nr_batch; i++) {
		const struct axas_fault_entry *e = &v->batch[i];

		if (is_known(v->batch_part[i]->region, e->gpa, e->access))
			continue;
		v->batch_part[nr] = v->batch_part[i];
		v->batch[nr++] = *e;
	}
	v->nr_batch = nr;
}

/* Bring in what the policy doesn't leave to faults. */
static void promote_batch(struct vcpu *v)
{
	unsigned int i;

	for (i = 0; i < v->nr_batch; i++)
		promote_first(&v->promotions, v->s, v->batch_part[i]->region,
			      v->batch[i].gpa, v->o->policy);
	walk_batch(v);
	drop_known(v);
}

static void inject_batch(struct vcpu *v)
{
	unsigned int i;

	walk_batch(v);
	drop_known(v);
	if (v->promotes)
		promote_batch(v);
	inject(v, v->batch, v->nr_batch);
	for (i = 0; i < v->nr_batch; i++) {
		uint32_t result = v->batch[i].result;

		if (result != AXAS_FAULT_RESOLVED &&
		    result != AXAS_FAULT_SPURIOUS)
			fault_failed(v, i);
		v->faults[result]++;
		if (v->promotes && result == AXAS_FAULT_RESOLVED)
			promote_touched(&v->promotions, v->s,
					v->batch_part[i]->region,
					v->batch[i].gpa, v->o->policy);
	}
	walk_batch(v);
}

/* The leaf at @gpa, which is there. */
static enum leaf leaf_at(struct vcpu *v, struct region *r, uint64_t gpa)
{
	struct axas_translate_entry e = { .gpa = gpa };
	uint8_t known = page_known(region_page(r, gpa));

	if (known)
		return known_leaf(known);
	translate(v->s, &e, 1);
	learn_leaf(r, &e);
	known = page_known(region_page(r, gpa));
	if (!known)
		die("GPA 0x%llx holds a page table, but AXAS_TRANSLATE gives state %u",
		    ULL(gpa), e.state);
	return known_leaf(known);
}

static enum leaf walk_leaf(void *arg, uint64_t gpa)
{
	struct vcpu *v = arg;

	return leaf_at(v, find_region(v->t, gpa), gpa);
}

/* As the guest's memory has it. */
static uint64_t walk_entry(void *arg, uint64_t gpa)
{
	const struct vcpu *v = arg;
	const struct region *r = find_region(v->t, gpa);

	return *(volatile uint64_t *)(r->window + (gpa - r->gpa));
}

/* The page has a leaf by now: ask the TLBs, and walk if they don't have it. */
static void translate_part(struct vcpu *v, const struct part *p)
{
	uint64_t va = v->o->guest ? p->addr + p->offset : p->gpa;
	enum leaf leaf = leaf_at(v, p->region, p->gpa);
	enum side side = access_side(p->kind);
	uint64_t gpa;

	/* An entry can't be larger than either leaf. */
	if (v->o->guest && leaf > v->o->guest_leaf)
		leaf = v->o->guest_leaf;
	v->tlb.counts.hits[0][side][leaf] += p->repeats;
	if (tlb_access(&v->tlb, va, side, leaf))
		return;
	if (v->promotes && v->o->policy->period)
		promote_covered(p->region, p->gpa, v->next / v->o->policy->period + 1);
	gpa = walk(&v->walker, va);
	if (gpa != p->gpa)
		die("the guest's tables lead from address 0x%llx to GPA 0x%llx instead of 0x%llx",
		    ULL(va), ULL(gpa), ULL(p->gpa));
}

static void make_access(struct vcpu *v, const struct part *p)
{
	if (find_mmio(v->t, p->gpa)) {
		device_part(v, p);
		return;
	}
	if (!p->is_repeat)
		translate_part(v, p);
	if (p->kind != AXAS_PROT_EXEC && !v->o->no_data)
		access_part(v, p);
}

/* Resolve what was gathered, and make all accesses. */
static void run_burst(struct vcpu *v)
{
	unsigned int i;

	if (v->nr_batch)
		inject_batch(v);
	for (i = 0; i < v->nr_parts; i++)
		make_access(v, &v->burst_part[i]);
	v->nr_parts = 0;
	v->nr_batch = 0;
	v->burst++;
	for (i = 0; i < NR_SIDES; i++)
		v->last[i].page = NO_PAGE;
}

/* A part that the burst waits for; where there is no room, it is the next one's first. */
static void add_part(struct vcpu *v, unsigned int side, const struct part *part)
{
	uint64_t page = (part->addr + part->offset) >> PAGE_SHIFT;
	struct last *last = &v->last[side];
	struct part *p;

	p = &v->burst_part[v->nr_parts];
	*p = *part;
	if (!plan_part(v, p)) {
		run_burst(v);
		p = v->burst_part;
		*p = *part;
		plan_part(v, p);
	}
	v->nr_parts++;
	if (last->page != page)
		last->kinds = 0;
	last->page = find_mmio(v->t, p->gpa) ? NO_PAGE : page;
	last->kinds |= p->kind;
	last->part = p;
}

/* Cut an access at the page boundary and take this virtual CPU's parts. */
static void take_parts(struct vcpu *v, unsigned int side, const struct access *a)
{
	unsigned int offset = 0, size;

	for (; offset < a->size; offset += size) {
		uint64_t gpa = gpa_of(v, side, a->addr + offset);

		size = PAGE_SIZE - (gpa & (PAGE_SIZE - 1));
		if (size > a->size - offset)
			size = a->size - offset;
		if (!is_mine(v, v->next, a->kind, gpa))
			continue;
		add_part(v, side, &(struct part){
			.addr = a->addr,
			.gpa = gpa,
			.line = a->line,
			.store = v->stores,
			.region = region_at(v, side, gpa),
			.offset = offset,
			.size = size,
			.kind = a->kind,
		});
	}
}

/* Is the access all in the page of the last one, and planned? Then it is counted. */
static bool take_repeat(struct vcpu *v, unsigned int side, const struct access *a)
{
	struct last *last = &v->last[side];
	struct part *p;

	if (a->addr >> PAGE_SHIFT != last->page || a->kind & ~last->kinds ||
	    (a->addr + a->size - 1) >> PAGE_SHIFT != last->page ||
	    v->repeats < (side == v->last_side ? NEIGHBOURS : REPEATS))
		return false;
	last->part->repeats++;
	if (side == SIDE_CODE || v->o->no_data)
		return true;
	p = &v->burst_part[v->nr_parts++];
	*p = *last->part;
	p->gpa += a->addr - (p->addr + p->offset);
	p->addr = a->addr;
	p->line = a->line;
	p->store = v->stores;
	p->offset = 0;
	p->size = a->size;
	p->kind = a->kind;
	p->is_repeat = true;
	return true;
}

/* Return: false at the end of the trace. */
static bool run_window(struct vcpu *v)
{
	const struct access *a = v->window;
	size_t nr = stream_take(v->stream, v->window, WINDOW), i;
	enum side side;

	for (i = 0; i < nr; i++, a++) {
		side = access_side(a->kind);
		v->stores += !!(a->kind & AXAS_PROT_WRITE);
		if (!take_repeat(v, side, a))
			take_parts(v, side, a);
		v->last_side = side;
		v->next++;
	}
	run_burst(v);
	return nr;
}

/* The first virtual CPU looks at all pieces, between two windows. */
static void end_period(struct vcpu *v)
{
	const struct policy *policy = v->o->policy;
	struct axas_translate_entry e = { 0 };

	if (!v->promotes || v->id || !policy->period || v->next < v->scan)
		return;
	v->scan = (v->next / policy->period + 1) * policy->period;
	e.gpa = promote_scan(&v->promotions, v->s, v->t, policy);
	if (e.gpa == UINT64_MAX)
		return;
	translate(v->s, &e, 1);
	learn_leaf(find_region(v->t, e.gpa), &e);
}

static uint64_t sum_faults(const uint64_t faults[AXAS_NR_FAULT_RESULTS])
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		sum += faults[i];
	return sum;
}

static void add_to_series(struct vcpu *v)
{
	struct walk_counts walks = walk_get_counts(&v->walker);

	series_row(v->series, v->t, v->s, v->next, sum_faults(v->faults), &walks);
}

static void *run_vcpu(void *arg)
{
	struct vcpu *v = arg;

	pthread_barrier_wait(v->start);
	while (run_window(v)) {
		end_period(v);
		if (series_wants(v->series, v->t, v->next))
			add_to_series(v);
		atomic_store_explicit(&v->done, v->next, memory_order_relaxed);
	}
	v->end_ns = now_ns();
	atomic_store(&v->finished, true);
	return NULL;
}

static void start_vcpu(struct vcpu *v)
{
	const struct walk_source source = {
		.guest = v->t->guest.format,
		.root = v->t->guest.base,
		.nested_levels = v->s->levels,
		.entry = walk_entry,
		.leaf = walk_leaf,
		.arg = v,
	};
	int err;

	v->promotes = v->o->policy && v->o->leaf == SIZE_2M;
	if (v->promotes)
		v->scan = v->o->policy->period;
	v->stream = trace_stream(v->t);
	/* None of @pending is of the first one. */
	v->burst = 1;
	tlb_init(&v->tlb, &v->o->cpu.tlb);
	if (v->o->threads == 1 && tlb_holds_all(&v->tlb))
		v->repeats = tlb_is_split(&v->tlb) ? REPEATS : NEIGHBOURS;
	walk_init(&v->walker, &v->o->cpu, &source);
	v->batch = xcalloc(v->o->batch, sizeof(*v->batch));
	v->walked = xcalloc(v->o->batch, sizeof(*v->walked));
	v->batch_part = xcalloc(v->o->batch, sizeof(*v->batch_part));
	err = pthread_create(&v->thread, NULL, run_vcpu, v);
	if (err)
		die("cannot start thread %u: %s", v->id + 1, strerror(err));
}

/* Show how far all virtual CPUs are, until they are through. */
static void watch(struct vcpu *vcpus, const struct options *o, uint64_t nr)
{
	const struct timespec nap = { .tv_nsec = 10 * 1000 * 1000 };
	unsigned int i, finished;
	uint64_t done;

	do {
		nanosleep(&nap, NULL);
		finished = 0;
		done = 0;
		for (i = 0; i < o->threads; i++) {
			finished += atomic_load(&vcpus[i].finished);
			done += atomic_load_explicit(&vcpus[i].done,
						     memory_order_relaxed);
		}
		progress("replaying", done / o->threads, nr);
	} while (finished < o->threads);
}

static void join_vcpu(struct run *run, struct vcpu *v, uint64_t begin)
{
	struct walk_counts walks = walk_get_counts(&v->walker);
	double seconds;
	unsigned int i;

	pthread_join(v->thread, NULL);
	seconds = (v->end_ns - begin) / 1e9;
	if (seconds > run->seconds)
		run->seconds = seconds;
	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		run->faults[i] += v->faults[i];
	run->calls += v->calls;
	run->fault_ns += v->fault_ns;
	times_merge(&run->times, &v->times);
	tlb_add_counts(&run->tlb, &v->tlb.counts);
	run->promotions.first += v->promotions.first;
	run->promotions.promoted += v->promotions.promoted;
	run->promotions.refused += v->promotions.refused;
	walk_add_counts(&run->walk, &walks);
	tlb_free(&v->tlb);
	walk_free(&v->walker);
	series_close(v->series);
	stream_close(v->stream);
	free(v->batch);
	free(v->walked);
	free(v->batch_part);
}

void run_trace(struct run *run, const struct trace *t, const struct space *s,
	       const struct options *o)
{
	struct sigaction bus = { .sa_handler = on_bus_error };
	struct vcpu *vcpus = xcalloc(o->threads, sizeof(*vcpus));
	pthread_barrier_t start;
	unsigned int i;
	uint64_t begin;

	sigaction(SIGBUS, &bus, NULL);
	pthread_barrier_init(&start, NULL, o->threads + 1);
	for (i = 0; i < o->threads; i++) {
		struct vcpu *v = &vcpus[i];

		v->t = t;
		v->s = s;
		v->o = o;
		v->run = run;
		v->start = &start;
		v->id = i;
		v->series = i ? NULL : series_open(t, o);
		start_vcpu(v);
	}
	begin = now_ns();
	pthread_barrier_wait(&start);
	watch(vcpus, o, t->nr);
	for (i = 0; i < o->threads; i++)
		join_vcpu(run, &vcpus[i], begin);
	progress_end();
	pthread_barrier_destroy(&start);
	free(vcpus);
}

uint64_t all_faults(const struct run *run)
{
	return sum_faults(run->faults);
}

double fault_ns(const struct run *run)
{
	return per(run->fault_ns, all_faults(run));
}
