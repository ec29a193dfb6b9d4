// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: ports and MSRs. They are registered with the space, which says for each
 * access whose it is and where in it, as it does of memory.
 */
#include <inttypes.h>
#include <string.h>

#include "vmm.h"

static const struct device *const devices[] = {
	&uart_device, &pit_device, &pic_master_device, &pic_slave_device,
	&keyboard_device, &speaker_device, &delay_device, &cmos_device,
	&exit_device, &tsc_device,
};

/**
 * bus_begin() - register all devices with the space
 * @vmm: the guest
 */
void bus_begin(struct vmm *vmm)
{
	const struct device *d;
	unsigned int i;
	int err;

	for (i = 0; i < sizeof(devices) / sizeof(*devices); i++) {
		d = devices[i];
		err = axas_device_add(vmm->space, d->bus, d->first, d->last, i);
		if (err)
			die("cannot register the %s: %s", d->name,
			    strerror(-err));
	}
}

/**
 * bus_find() - ask the space whose an access is, and where in it
 * @vmm: the guest
 * @bus: an &enum axas_bus
 * @address: of it
 * @width: bytes, or 0 if nobody knows
 * @rights: what is tried, &enum axas_prot bits
 *
 * What there is memory for is resolved by that.
 */
struct place bus_find(struct vmm *vmm, uint32_t bus, uint64_t address,
		      unsigned int width, uint32_t rights)
{
	struct axas_fault_entry access = {
		.gpa = address,
		.access = rights,
		.width = width,
		.bus = bus,
	};
	int done = axas_faults(vmm->space, &access, 1);
	struct place place = { .result = access.result };

	if (done != 1)
		die("AXAS_FAULT: %s", strerror(-done));
	vmm->counts.results[bus][access.result]++;
	if (access.result == AXAS_FAULT_DEVICE) {
		place.device = devices[access.cookie];
		place.offset = access.offset;
	}
	return place;
}

/* Ports have a byte each. */
static unsigned int step(const struct device *d, unsigned int width)
{
	return d->bus == AXAS_BUS_PORT ? 1 : width;
}

/**
 * place_read() - the guest reads from a device
 * @vmm: the guest
 * @place: where
 * @width: bytes
 */
uint64_t place_read(struct vmm *vmm, const struct place *place, unsigned int width)
{
	const struct device *d = place->device;
	uint64_t value = 0;
	unsigned int i;

	for (i = 0; i < width; i += step(d, width))
		value |= d->read(vmm, place->offset + i) << 8 * i;
	return value;
}

/**
 * place_write() - the guest writes to a device
 * @vmm: the guest
 * @place: where
 * @width: bytes
 * @value: what
 */
void place_write(struct vmm *vmm, const struct place *place, unsigned int width,
		 uint64_t value)
{
	const struct device *d = place->device;
	unsigned int i, bytes = step(d, width);

	for (i = 0; i < width; i += bytes)
		d->write(vmm, place->offset + i,
			 bytes < width ? value >> 8 * i & 0xff : value);
}

/**
 * bus_read() - the guest reads a port or an MSR
 * @vmm: the guest
 * @bus: an &enum axas_bus
 * @address: of it
 * @width: bytes
 * @value: where the answer goes
 *
 * Return: false if nobody is there.
 */
bool bus_read(struct vmm *vmm, uint32_t bus, uint32_t address, unsigned int width,
	      uint64_t *value)
{
	struct place place = bus_find(vmm, bus, address, width, AXAS_PROT_READ);

	if (place.device)
		*value = place_read(vmm, &place, width);
	return place.device;
}

/**
 * bus_write() - the guest writes a port or an MSR
 * @vmm: the guest
 * @bus: an &enum axas_bus
 * @address: of it
 * @width: bytes
 * @value: what
 *
 * Return: false if nobody is there.
 */
bool bus_write(struct vmm *vmm, uint32_t bus, uint32_t address, unsigned int width,
	       uint64_t value)
{
	struct place place = bus_find(vmm, bus, address, width, AXAS_PROT_WRITE);

	if (place.device)
		place_write(vmm, &place, width, value);
	return place.device;
}
