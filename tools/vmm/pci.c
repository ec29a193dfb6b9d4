// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: PCI, as far as a kernel finds by it what is in memory: a host bridge, and the
 * serial port. Configuration is at two ports (PCI Local Bus Specification 3.0, 3.2.2.3.2).
 *
 * The port is one that Linux's driver knows, of those whose registers are next to each other.
 * It stays where it is: what is written to its base address says how large it is.
 */
#include <string.h>

#include "vmm.h"

#define ENABLE		(UINT32_C(1) << 31)
#define NOBODY		0xff

/* Offsets in a header (6.1, 6.2) */
#define COMMAND		0x04
#define CLASS		0x09
#define BAR_0		0x10
#define INTERRUPT_LINE	0x3c
#define INTERRUPT_PIN	0x3d

#define COMMAND_MEMORY	0x02
/* No memory is smaller. */
#define BAR_MASK_LOW	0xf0

/* IDs, and below them the class: a bridge to the host; a 16550 */
static const uint8_t bridge[PCI_HEADER] = {
	0x36, 0x1b, 0x08, 0x00, [CLASS] = 0x00, 0x00, 0x06,
};

static const uint8_t serial[PCI_HEADER] = {
	0x0f, 0x1d, 0x50, 0x82, [CLASS] = 0x02, 0x00, 0x07,
	[BAR_0] = VMM_SERIAL & 0xff, VMM_SERIAL >> 8 & 0xff, VMM_SERIAL >> 16 & 0xff,
	VMM_SERIAL >> 24,
	[INTERRUPT_LINE] = VMM_IRQ_UART, [INTERRUPT_PIN] = 1,
};

/* What of the port's header can be written */
static const uint8_t serial_mask[PCI_HEADER] = {
	[COMMAND] = COMMAND_MEMORY,
	[BAR_0] = BAR_MASK_LOW, 0xff, 0xff, 0xff,
	[INTERRUPT_LINE] = 0xff,
};

/* The header that the address means: 0 and 1 of the first bus, or -1 */
static int function(uint32_t address)
{
	unsigned int bus_and_function = address >> 8 & 0xffff;

	if (!(address & ENABLE) || bus_and_function & ~8U ||
	    (address & 0xff) >= PCI_HEADER)
		return -1;
	return bus_and_function >> 3;
}

static uint64_t pci_read(struct vmm *vmm, uint32_t offset)
{
	uint32_t address = vmm->pci.address;
	unsigned int at = (address & 0xfc) + (offset & 3);

	if (offset < 4)
		return address >> 8 * offset & 0xff;
	switch (function(address)) {
	case 0:
		return bridge[at];
	case 1:
		return vmm->pci.serial[at];
	default:
		return NOBODY;
	}
}

static void pci_write(struct vmm *vmm, uint32_t offset, uint64_t value)
{
	struct pci *pci = &vmm->pci;
	unsigned int shift = 8 * (offset & 3), at = (pci->address & 0xfc) + (offset & 3);

	if (offset < 4)
		pci->address = (pci->address & ~(UINT32_C(0xff) << shift)) |
			       (uint32_t)value << shift;
	else if (function(pci->address) == 1)
		pci->serial[at] = (pci->serial[at] & ~serial_mask[at]) |
				  (value & serial_mask[at]);
}

static const struct device pci_device = {
	"PCI bus", AXAS_BUS_PORT, 0xcf8, 0xcff, pci_read, pci_write,
};

/**
 * pci_begin() - have a bus on which the serial port is
 * @vmm: the guest
 */
void pci_begin(struct vmm *vmm)
{
	memcpy(vmm->pci.serial, serial, sizeof(serial));
	bus_add(vmm, &pci_device);
}
