/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_DEVICE_H
#define _AXAS_DEVICE_H

#include <linux/limits.h>
#include <linux/types.h>

#include <uapi/linux/axas.h>

#include <axas/tree.h>

/**
 * DOC: Devices
 *
 * What a guest reaches that isn't memory. Devices at GPAs are areas of
 * %AXAS_BACKEND_DEVICE. Those at I/O ports and system registers stand in a tree
 * per bus, which is read under RCU alone. All answer through the same array of
 * faults. Like GPAs, ports and system registers are types of their own.
 */

/**
 * typedef axas_port_t - an I/O port
 *
 * What IN and OUT take.
 */
typedef struct {
	u16 val;
} axas_port_t;

/**
 * typedef axas_sysreg_t - a system register
 *
 * The number of an x86 MSR, or the fields of an Arm MSR instruction, as the
 * owner of the space numbers them.
 */
typedef struct {
	u32 val;
} axas_sysreg_t;

static inline axas_port_t axas_port(u16 val)
{
	return (axas_port_t){ val };
}

static inline axas_sysreg_t axas_sysreg(u32 val)
{
	return (axas_sysreg_t){ val };
}

/**
 * struct axas_port_range - some ports
 * @first: the first one
 * @last: the last one, inclusive
 */
struct axas_port_range {
	axas_port_t first;
	axas_port_t last;
};

/**
 * struct axas_sysreg_range - some system registers
 * @first: the first one
 * @last: the last one, inclusive
 */
struct axas_sysreg_range {
	axas_sysreg_t first;
	axas_sysreg_t last;
};

/**
 * enum axas_width - bytes of an access to a device
 * @AXAS_WIDTH_ANY: not known, or of no interest
 * @AXAS_WIDTH_BYTE: 1
 * @AXAS_WIDTH_WORD: 2
 * @AXAS_WIDTH_DWORD: 4
 * @AXAS_WIDTH_QWORD: 8
 */
enum axas_width {
	AXAS_WIDTH_ANY = 0,
	AXAS_WIDTH_BYTE = 1,
	AXAS_WIDTH_WORD = 2,
	AXAS_WIDTH_DWORD = 4,
	AXAS_WIDTH_QWORD = 8,
};

/**
 * axas_width_ok - is it an &enum axas_width?
 * @width: bytes
 *
 * Return: true for 0, 1, 2, 4 and 8.
 */
static inline bool axas_width_ok(unsigned int width)
{
	return width <= AXAS_WIDTH_QWORD && !(width & (width - 1));
}

/**
 * axas_width_fits - does an access end in [addr, last]?
 * @addr: where it begins
 * @width: an &enum axas_width
 * @last: last address of what it begins in, @addr or above
 *
 * Return: true if it does, or if nobody knows.
 */
static inline bool axas_width_fits(u64 addr, unsigned int width, u64 last)
{
	return !width || last - addr >= width - 1;
}

#define AXAS_PORT_LAST		U16_MAX
#define AXAS_SYSREG_LAST	U32_MAX

/**
 * struct axas_devices - ports and system registers of a space
 * @ports: ranges of I/O ports
 * @sysregs: ranges of system registers
 *
 * Changed under the space's lock, read under RCU.
 */
struct axas_devices {
	struct axas_tree ports;
	struct axas_tree sysregs;
};

void axas_devices_init(struct axas_devices *devices);
void axas_devices_destroy(struct axas_devices *devices);
int axas_devices_add(struct axas_devices *devices,
		     const struct axas_device *args);
int axas_devices_del(struct axas_devices *devices,
		     const struct axas_device *args);
bool axas_devices_next(struct axas_devices *devices, struct axas_device *found);
enum axas_fault_result axas_devices_access(struct axas_devices *devices,
					   struct axas_fault_entry *entry);

#endif /* _AXAS_DEVICE_H */
