// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: ports and MSRs. They are registered with the space, which says for each
 * access whose it is and where in it.
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

/* Whose an access is, and where in it; NULL if nobody is there. */
static const struct device *find(struct vmm *vmm, uint32_t bus, uint32_t address,
				 unsigned int width, uint32_t rights,
				 uint32_t *offset)
{
	struct axas_fault_entry access = {
		.gpa = address,
		.access = rights,
		.width = width,
		.bus = bus,
	};
	int done = axas_faults(vmm->space, &access, 1);

	if (done != 1)
		die("AXAS_FAULT: %s", strerror(-done));
	vmm->counts.results[bus][access.result]++;
	*offset = access.offset;
	return access.result == AXAS_FAULT_DEVICE ?
	       devices[access.cookie] : NULL;
}

/* Ports have a byte each. */
static unsigned int step(uint32_t bus, unsigned int width)
{
	return bus == AXAS_BUS_PORT ? 1 : width;
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
	uint32_t offset;
	const struct device *d = find(vmm, bus, address, width, AXAS_PROT_READ,
				      &offset);
	unsigned int i;

	if (!d)
		return false;
	*value = 0;
	for (i = 0; i < width; i += step(bus, width))
		*value |= d->read(vmm, offset + i) << 8 * i;
	return true;
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
	uint32_t offset;
	const struct device *d = find(vmm, bus, address, width, AXAS_PROT_WRITE,
				      &offset);
	unsigned int i;

	if (!d)
		return false;
	for (i = 0; i < width; i += step(bus, width))
		d->write(vmm, offset + i,
			 bus == AXAS_BUS_PORT ? value >> 8 * i & 0xff : value);
	return true;
}
