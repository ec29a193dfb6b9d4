// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: virtual CPUs that run a trace over a space.
 *
 * A virtual CPU goes through the trace in bursts. It first plans a burst:
 * looking ahead from where it is, it asks its software TLB about each access
 * and gathers those that miss, until a batch is full (or the TLB has no room
 * left for an entry that the burst doesn't need). What has been gathered goes
 * to the module as one array of nested page faults, in one AXAS_FAULT. Then it
 * makes the accesses of the burst, none of which can miss any more.
 *
 * A real VMM can't look ahead; it has as many misses at once as it has virtual
 * CPUs waiting. --batch 1 is the plain way, a call per miss.
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
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "replay.h"

#define ULL(x)		((unsigned long long)(x))
#define TLB_WAYS	4
#define BURST_MAX	4096	/* accesses; progress is seen between bursts */
#define TURN		64	/* accesses in a turn of fetches */

/* @access: what the entry allows; @burst: the last burst that needs it. */
struct tlb_entry {
	uint64_t page;
	uint64_t burst;
	uint32_t access;
};

struct vcpu {
	const struct trace *t;
	const struct space *s;
	const struct options *o;
	struct run *run;
	pthread_t thread;
	pthread_barrier_t *start;
	unsigned int id;

	struct tlb_entry *tlb;
	unsigned int set_bits;
	uint64_t burst;

	struct axas_fault_entry *batch;
	size_t *batch_access;	/* which access each fault is for */
	unsigned int nr_batch;

	struct region *region;	/* the last one used */
	uint64_t stores;	/* stores of the whole trace up to here */
	uint64_t faults[AXAS_NR_FAULT_RESULTS];
	uint64_t calls;
	uint64_t fault_ns;
	uint64_t end_ns;
	atomic_size_t done;
	atomic_bool finished;
};

/* The part of an access that lies in one page. */
struct part {
	uint64_t gpa;
	unsigned int offset;	/* in the access */
	unsigned int size;
};

/* What the bus error handler names. */
static __thread const struct access *current;

static void on_bus_error(int sig)
{
	const struct access *a = current;
	char buf[160];
	int n;

	(void)sig;
	n = snprintf(buf, sizeof(buf),
		     "axas-replay: line %u, GPA 0x%llx: the window gave SIGBUS after the fault was resolved\n",
		     a ? a->line : 0, a ? ULL(a->addr) : 0);
	if (write(STDERR_FILENO, buf, n) < 0)
		_exit(EXIT_TROUBLE);
	_exit(EXIT_TROUBLE);
}

static bool is_mine(const struct vcpu *v, size_t index, uint8_t kind,
		    uint64_t gpa)
{
	if (kind == AXAS_PROT_EXEC)
		return index / TURN % v->o->threads == v->id;
	return (gpa >> PAGE_SHIFT) % v->o->threads == v->id;
}

/*
 * Cut access @index at the page boundary and give this virtual CPU's parts.
 * Return: how many, 0 to 2.
 */
static unsigned int my_parts(const struct vcpu *v, size_t index,
			     struct part *parts)
{
	const struct access *a = &v->t->accesses[index];
	unsigned int nr = 0, offset = 0, size;

	while (offset < a->size) {
		uint64_t gpa = a->addr + offset;

		size = PAGE_SIZE - (gpa & (PAGE_SIZE - 1));
		if (size > a->size - offset)
			size = a->size - offset;
		if (is_mine(v, index, a->kind, gpa))
			parts[nr++] = (struct part){ gpa, offset, size };
		offset += size;
	}
	return nr;
}

static struct tlb_entry *tlb_set(struct vcpu *v, uint64_t page)
{
	/* Multiplicative hashing; a shift by 64 bits would be undefined. */
	uint64_t hash = page * UINT64_C(0x9e3779b97f4a7c15);
	uint64_t set = v->set_bits ? hash >> (64 - v->set_bits) : 0;

	return &v->tlb[set * TLB_WAYS];
}

/*
 * The entry of @page, or if it has none the one that has been idle longest.
 * Return: NULL if the burst needs all of them.
 */
static struct tlb_entry *tlb_find(struct vcpu *v, uint64_t page)
{
	struct tlb_entry *set = tlb_set(v, page), *oldest = set, *e;

	for (e = set; e < set + TLB_WAYS; e++) {
		if (e->access && e->page == page)
			return e;
		if (e->burst < oldest->burst)
			oldest = e;
	}
	if (oldest->burst == v->burst)
		return NULL;
	*oldest = (struct tlb_entry){ .page = page };
	return oldest;
}

/*
 * Make sure that the TLB will have what an access needs: it has it already, or
 * a fault joins the batch. Return: false if there is no room for that.
 */
static bool plan_part(struct vcpu *v, size_t index, uint64_t gpa)
{
	uint32_t access = v->t->accesses[index].kind;
	struct tlb_entry *e;

	if (find_mmio(v->t, gpa))
		return true;
	e = tlb_find(v, gpa >> PAGE_SHIFT);
	if (!e)
		return false;
	if ((e->access & access) != access) {
		if (v->nr_batch == v->o->batch)
			return false;
		v->batch_access[v->nr_batch] = index;
		v->batch[v->nr_batch++] = (struct axas_fault_entry){
			.gpa = gpa,
			.access = access,
			.result = UINT32_MAX,
		};
		e->access |= access;
	}
	e->burst = v->burst;
	return true;
}

/* Plan a burst from access @index on. Return: the first one behind it. */
static size_t plan_burst(struct vcpu *v, size_t index)
{
	size_t end = index + BURST_MAX;
	struct part parts[2];
	unsigned int i, nr;

	v->burst++;
	v->nr_batch = 0;
	if (end > v->t->nr)
		end = v->t->nr;
	for (; index < end; index++) {
		nr = my_parts(v, index, parts);
		for (i = 0; i < nr; i++)
			if (!plan_part(v, index, parts[i].gpa))
				return index;
	}
	return index;
}

/* A fault that wasn't resolved ends the run. */
static _Noreturn void fault_failed(const struct vcpu *v, unsigned int nr)
{
	const struct access *a = &v->t->accesses[v->batch_access[nr]];
	const struct axas_fault_entry *e = &v->batch[nr];
	const struct region *r = find_region(v->t, e->gpa);
	uint32_t access = e->access;

	die("line %u of the trace, address 0x%llx (GPA 0x%llx), access %s%s%s: fault %s: %s",
	    a->line, ULL(e->gpa - r->gpa + r->orig), ULL(e->gpa),
	    access & AXAS_PROT_READ ? "r" : "",
	    access & AXAS_PROT_WRITE ? "w" : "",
	    access & AXAS_PROT_EXEC ? "x" : "",
	    axas_result_name(e->result), result_meaning(e->result));
}

static void call_fault(struct vcpu *v, struct axas_fault *call)
{
	uint64_t begin = now_ns();
	int ret = ioctl(v->s->fd, AXAS_FAULT, call);

	v->fault_ns += now_ns() - begin;
	v->calls++;
	if (ret < 0 && errno != EINTR)
		die("AXAS_FAULT at GPA 0x%llx: %s",
		    ULL(((struct axas_fault_entry *)(uintptr_t)call->entries)->gpa),
		    strerror(errno));
}

static void inject(struct vcpu *v, struct axas_fault_entry *entries,
		   unsigned int nr)
{
	while (nr) {
		struct axas_fault call = {
			.size = sizeof(call),
			.entries = (uintptr_t)entries,
			.nr = nr,
		};

		call_fault(v, &call);
		entries += call.done;
		nr -= call.done;
	}
}

static void inject_batch(struct vcpu *v)
{
	unsigned int i;

	inject(v, v->batch, v->nr_batch);
	for (i = 0; i < v->nr_batch; i++) {
		uint32_t result = v->batch[i].result;

		if (result != AXAS_FAULT_RESOLVED &&
		    result != AXAS_FAULT_SPURIOUS)
			fault_failed(v, i);
		v->faults[result]++;
	}
}

/*
 * Move bytes as a CPU would: naturally aligned accesses of up to 8 bytes at
 * once, all others byte by byte, which host memory of any type takes.
 */
static void move_bytes(volatile uint8_t *to, const volatile uint8_t *from,
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

/* Bytes @offset and on of what the @store-th store puts at @gpa. */
static void store_value(uint8_t *buf, uint64_t gpa, uint64_t store,
			unsigned int offset, unsigned int size)
{
	uint64_t seed = mix(gpa ^ mix(store)), word = 0;
	unsigned int i;

	for (i = 0; i < size; i++) {
		unsigned int at = offset + i;

		if (!i || !(at & 7))
			word = mix(seed + at / 8);
		buf[i] = word >> (8 * (at & 7));
	}
}

void mismatch(struct run *run, const char *how, uint64_t gpa, uint32_t line,
	      const uint8_t *want, const uint8_t *got, size_t length)
{
	unsigned long n = atomic_fetch_add(&run->mismatches, 1);
	size_t i = 0;

	while (i + 1 < length && want[i] == got[i])
		i++;
	if (n < MISMATCHES_SHOWN && line)
		warn("mismatch: %s at line %u, GPA 0x%llx: 0x%02x instead of 0x%02x",
		     how, line, ULL(gpa + i), got[i], want[i]);
	else if (n < MISMATCHES_SHOWN)
		warn("mismatch: %s, GPA 0x%llx: 0x%02x instead of 0x%02x",
		     how, ULL(gpa + i), got[i], want[i]);
}

static void access_part(struct vcpu *v, const struct access *a,
			const struct part *p)
{
	_Alignas(8) uint8_t buf[PAGE_SIZE];
	struct region *r = v->region;
	uint8_t *window, *model;

	if (!r || p->gpa < r->gpa || p->gpa - r->gpa >= r->length)
		r = v->region = find_region(v->t, p->gpa);
	window = r->window + (p->gpa - r->gpa);
	model = region_page(r, p->gpa)->data + (p->gpa & (PAGE_SIZE - 1));

	if (a->kind & AXAS_PROT_READ) {
		move_bytes(buf, window, p->size);
		if (memcmp(buf, model, p->size))
			mismatch(v->run, "load", p->gpa, a->line, model, buf,
				 p->size);
	}
	if (a->kind & AXAS_PROT_WRITE) {
		store_value(buf, a->addr, v->stores, p->offset, p->size);
		move_bytes(window, buf, p->size);
		memcpy(model, buf, p->size);
	}
}

/*
 * Leave the guest for [@gpa, @gpa + @width), which lies in a device. Return: its
 * bytes, at the offset that the module gives.
 */
static uint8_t *reach_device(struct vcpu *v, const struct access *a,
			     uint64_t gpa, unsigned int width)
{
	const struct mmio *mmio = find_mmio(v->t, gpa);
	uint64_t cookie = MMIO_COOKIE + (mmio - v->t->mmio);
	struct axas_fault_entry e = {
		.gpa = gpa,
		.access = a->kind,
		.width = width,
		.result = UINT32_MAX,
	};

	inject(v, &e, 1);
	if (e.result != AXAS_FAULT_DEVICE)
		die("line %u of the trace, GPA 0x%llx: fault %s instead of device",
		    a->line, ULL(gpa), axas_result_name(e.result));
	v->faults[e.result]++;
	if (e.cookie != cookie || e.offset != gpa - mmio->gpa ||
	    e.width != width || e.gpa != gpa || e.access != a->kind)
		die("line %u of the trace, GPA 0x%llx: the device's cookie is 0x%llx, its offset 0x%llx, width %u; expected 0x%llx, 0x%llx, %u",
		    a->line, ULL(gpa), ULL(e.cookie), ULL(e.offset), e.width,
		    ULL(cookie), ULL(gpa - mmio->gpa), width);
	return mmio->data + e.offset;
}

/* The same bytes as in access_part(), in pieces that a device takes. */
static void device_part(struct vcpu *v, const struct access *a,
			const struct part *p)
{
	const struct region *r = find_region(v->t, p->gpa);
	uint8_t *model = region_page(r, p->gpa)->data +
			 (p->gpa & (PAGE_SIZE - 1));
	unsigned int at, width;
	uint8_t *device;

	for (at = 0; at < p->size; at += width) {
		for (width = 8; width > p->size - at;)
			width /= 2;
		device = reach_device(v, a, p->gpa + at, width);
		if (a->kind & AXAS_PROT_READ &&
		    memcmp(device, model + at, width))
			mismatch(v->run, "load from a device", p->gpa + at,
				 a->line, model + at, device, width);
		if (a->kind & AXAS_PROT_WRITE) {
			store_value(device, a->addr, v->stores, p->offset + at,
				    width);
			memcpy(model + at, device, width);
		}
	}
}

/* Make the accesses from @index up to @end. */
static void make_accesses(struct vcpu *v, size_t index, size_t end)
{
	struct part parts[2];
	unsigned int i, nr;

	for (; index < end; index++) {
		const struct access *a = &v->t->accesses[index];

		if (a->kind == AXAS_PROT_EXEC && !v->t->nr_mmio)
			continue;
		current = a;
		v->stores += !!(a->kind & AXAS_PROT_WRITE);
		nr = my_parts(v, index, parts);
		for (i = 0; i < nr; i++) {
			if (find_mmio(v->t, parts[i].gpa))
				device_part(v, a, &parts[i]);
			else if (a->kind != AXAS_PROT_EXEC)
				access_part(v, a, &parts[i]);
		}
	}
	current = NULL;
}

static void *run_vcpu(void *arg)
{
	struct vcpu *v = arg;
	size_t index = 0, end;

	pthread_barrier_wait(v->start);
	while (index < v->t->nr) {
		end = plan_burst(v, index);
		inject_batch(v);
		make_accesses(v, index, end);
		index = end;
		atomic_store_explicit(&v->done, index, memory_order_relaxed);
	}
	v->end_ns = now_ns();
	atomic_store(&v->finished, true);
	return NULL;
}

static void start_vcpu(struct vcpu *v)
{
	unsigned int sets = v->o->tlb / TLB_WAYS;
	int err;

	while (1u << v->set_bits < sets)
		v->set_bits++;
	v->tlb = xcalloc(v->o->tlb, sizeof(*v->tlb));
	v->batch = xcalloc(v->o->batch, sizeof(*v->batch));
	v->batch_access = xcalloc(v->o->batch, sizeof(*v->batch_access));
	err = pthread_create(&v->thread, NULL, run_vcpu, v);
	if (err)
		die("cannot start thread %u: %s", v->id + 1, strerror(err));
}

/* Show how far all virtual CPUs are, until they are through. */
static void watch(struct vcpu *vcpus, const struct options *o, size_t nr)
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
	free(v->tlb);
	free(v->batch);
	free(v->batch_access);
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
