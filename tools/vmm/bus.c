// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: devices in memory, at ports and MSRs. They are registered with the space, which
 * says for each access whose it is and where in it.
 */
#include <inttypes.h>
#include <string.h>

#include "vmm.h"

#define MAX_DEVICES	16

/* By their cookies. */
static const struct device *devices[MAX_DEVICES];
static unsigned int nr_devices;

/* Pages are the device's as a whole: whether an access meets it is seen later. */
static int map_device(struct vmm *vmm, const struct device *d, uint64_t cookie)
{
	uint64_t gpa = d->first & ~(VMM_PAGE - 1);
	uint64_t end = (d->last | (VMM_PAGE - 1)) + 1;

	return axas_map_device(vmm->space, gpa, end - gpa, cookie);
}

/**
 * bus_add() - register a device with the space
 * @vmm: the guest
 * @d: the device
 */
void bus_add(struct vmm *vmm, const struct device *d)
{
	int err = d->bus == AXAS_BUS_MEMORY ? map_device(vmm, d, nr_devices) :
		  axas_device_add(vmm->space, d->bus, d->first, d->last, nr_devices);

	if (err)
		die("cannot register the %s: %s", d->name, strerror(-err));
	devices[nr_devices++] = d;
}

/**
 * bus_begin() - register the devices that each guest has
 * @vmm: the guest
 */
void bus_begin(struct vmm *vmm)
{
	static const struct device *const always[] = {
		&pit_device, &pic_master_device, &pic_slave_device, &keyboard_device,
		&speaker_device, &delay_device, &cmos_device, &exit_device, &tsc_device,
	};
	unsigned int i;

	for (i = 0; i < sizeof(always) / sizeof(*always); i++)
		bus_add(vmm, always[i]);
	bus_add(vmm, vmm->serial);
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
		if (bus == AXAS_BUS_MEMORY)
			place.offset -= place.device->first % VMM_PAGE;
	}
	return place;
}

/* All have registers of a byte, but MSRs have one address each. */
static unsigned int step(const struct device *d, unsigned int width)
{
	return d->bus == AXAS_BUS_SYSREG ? width : 1;
}

/* The space has looked, but in memory it knows of pages, and of no width. */
static bool fits(const struct place *place, unsigned int width)
{
	const struct device *d = place->device;
	uint64_t last = d->last - d->first;

	return d->bus != AXAS_BUS_MEMORY ||
	       (place->offset <= last && last - place->offset >= width - 1);
}

/**
 * place_read() - the guest reads from a device
 * @vmm: the guest
 * @place: where; in memory it may be beside the device, where all bits are ones
 * @width: bytes
 */
uint64_t place_read(struct vmm *vmm, const struct place *place, unsigned int width)
{
	const struct device *d = place->device;
	uint64_t value = 0;
	unsigned int i;

	if (!fits(place, width))
		return UINT64_MAX;
	for (i = 0; i < width; i += step(d, width))
		value |= d->read(vmm, place->offset + i) << 8 * i;
	return value;
}

/**
 * place_write() - the guest writes to a device
 * @vmm: the guest
 * @place: where; what goes beside the device is lost
 * @width: bytes
 * @value: what
 */
void place_write(struct vmm *vmm, const struct place *place, unsigned int width,
		 uint64_t value)
{
	const struct device *d = place->device;
	unsigned int i, bytes = step(d, width);

	if (!fits(place, width))
		return;
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
