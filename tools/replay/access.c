// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: what a virtual CPU does to memory and to devices, and the calls that
 * hand faults in.
 */
#define _GNU_SOURCE
#include <axas.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vcpu.h"

#define ULL(x)		((unsigned long long)(x))

/* What the bus error handler names. */
__thread const struct part *current_part;

static void call_fault(struct vcpu *v, struct axas_fault *call)
{
	uint64_t begin = now_ns();
	int ret = ioctl(v->s->fd, AXAS_FAULT, call);

	begin = now_ns() - begin;
	v->fault_ns += begin;
	if (call->done)
		times_add(&v->times, begin / call->done, call->done);
	v->calls++;
	if (ret < 0 && errno != EINTR)
		die("AXAS_FAULT at GPA 0x%llx: %s",
		    ULL(((struct axas_fault_entry *)(uintptr_t)call->entries)->gpa),
		    strerror(errno));
}

void inject(struct vcpu *v, struct axas_fault_entry *entries, unsigned int nr)
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

void access_part(struct vcpu *v, const struct part *p)
{
	_Alignas(8) uint8_t buf[PAGE_SIZE];
	uint8_t *window = p->region->window + (p->gpa - p->region->gpa);
	uint8_t *model = region_page(p->region, p->gpa)->data +
			 (p->gpa & (PAGE_SIZE - 1));

	current_part = p;
	if (p->kind & AXAS_PROT_READ) {
		move_bytes(buf, window, p->size);
		if (memcmp(buf, model, p->size))
			mismatch(v->run, "load", p->gpa, p->line, model, buf,
				 p->size);
	}
	if (p->kind & AXAS_PROT_WRITE) {
		store_value(buf, p->addr, p->store, p->offset, p->size);
		move_bytes(window, buf, p->size);
		memcpy(model, buf, p->size);
	}
	current_part = NULL;
}

/*
 * Leave the guest for [@gpa, @gpa + @width), which lies in a device. Return: its
 * bytes, at the offset that the module gives.
 */
static uint8_t *reach_device(struct vcpu *v, const struct part *p,
			     uint64_t gpa, unsigned int width)
{
	const struct mmio *mmio = find_mmio(v->t, gpa);
	uint64_t cookie = MMIO_COOKIE + (mmio - v->t->mmio);
	struct axas_fault_entry e = {
		.gpa = gpa,
		.access = p->kind,
		.width = width,
		.result = UINT32_MAX,
	};

	inject(v, &e, 1);
	if (e.result != AXAS_FAULT_DEVICE)
		die("%s %llu of the trace, GPA 0x%llx: fault %s instead of device",
		    v->t->unit, ULL(p->line), ULL(gpa),
		    axas_result_name(e.result));
	v->faults[e.result]++;
	if (e.cookie != cookie || e.offset != gpa - mmio->gpa ||
	    e.width != width || e.gpa != gpa || e.access != p->kind)
		die("%s %llu of the trace, GPA 0x%llx: the device's cookie is 0x%llx, its offset 0x%llx, width %u; expected 0x%llx, 0x%llx, %u",
		    v->t->unit, ULL(p->line), ULL(gpa), ULL(e.cookie),
		    ULL(e.offset), e.width, ULL(cookie), ULL(gpa - mmio->gpa), width);
	return mmio->data + e.offset;
}

/* The same bytes as in access_part(), in pieces that a device takes. */
void device_part(struct vcpu *v, const struct part *p)
{
	uint8_t *model = region_page(p->region, p->gpa)->data +
			 (p->gpa & (PAGE_SIZE - 1));
	unsigned int at, width;
	uint8_t *device;

	for (at = 0; at < p->size; at += width) {
		for (width = 8; width > p->size - at;)
			width /= 2;
		device = reach_device(v, p, p->gpa + at, width);
		if (p->kind & AXAS_PROT_READ &&
		    memcmp(device, model + at, width))
			mismatch(v->run, "load from a device", p->gpa + at,
				 p->line, model + at, device, width);
		if (p->kind & AXAS_PROT_WRITE) {
			store_value(device, p->addr, p->store, p->offset + at,
				    width);
			memcpy(model + at, device, width);
		}
	}
}
