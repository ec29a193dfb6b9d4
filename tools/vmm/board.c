// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: what else a PC has at its ports, as far as guests ask for it.
 */
#include <time.h>

#include "vmm.h"

/* ---- the keyboard controller, which is there to reset the machine ---- */

#define KEYBOARD_RESET	0xfe

/*
 * Full for ever, which says that there is none, but with room for a command: nobody waits
 * for that.
 */
static uint64_t keyboard_read(struct vmm *vmm, uint32_t offset)
{
	(void)vmm;
	(void)offset;
	return 0xfd;
}

static void keyboard_write(struct vmm *vmm, uint32_t offset, uint64_t value)
{
	(void)offset;
	if (value == KEYBOARD_RESET)
		vmm_end(vmm, 0, "reset");
}

const struct device keyboard_device = {
	"keyboard controller", AXAS_BUS_PORT, 0x64, 0x64, keyboard_read, keyboard_write,
};

/* ---- the speaker's port: the gate of the timer's counter 2, and what comes out ---- */

static uint64_t speaker_read(struct vmm *vmm, uint32_t offset)
{
	(void)offset;
	return vmm->pit.gate_2 | pit_output_2(vmm) << 5;
}

static void speaker_write(struct vmm *vmm, uint32_t offset, uint64_t value)
{
	(void)offset;
	pit_set_gate_2(vmm, value & 1);
}

const struct device speaker_device = {
	"speaker", AXAS_BUS_PORT, 0x61, 0x61, speaker_read, speaker_write,
};

/* ---- a port that takes time, and nothing else ---- */

static uint64_t delay_read(struct vmm *vmm, uint32_t offset)
{
	(void)vmm;
	(void)offset;
	return 0xff;
}

static void delay_write(struct vmm *vmm, uint32_t offset, uint64_t value)
{
	(void)vmm;
	(void)offset;
	(void)value;
}

const struct device delay_device = {
	"delay", AXAS_BUS_PORT, 0x80, 0x80, delay_read, delay_write,
};

/* ---- the clock, in UTC ---- */

static uint8_t bcd(unsigned int n)
{
	return n / 10 % 10 << 4 | n % 10;
}

static uint64_t cmos_read(struct vmm *vmm, uint32_t offset)
{
	time_t now = time(NULL);
	struct tm tm;

	if (!offset)
		return 0xff;
	gmtime_r(&now, &tm);
	switch (vmm->cmos_index) {
	case 0x00:
		return bcd(tm.tm_sec);
	case 0x02:
		return bcd(tm.tm_min);
	case 0x04:
		return bcd(tm.tm_hour);
	case 0x06:
		return bcd(tm.tm_wday + 1);
	case 0x07:
		return bcd(tm.tm_mday);
	case 0x08:
		return bcd(tm.tm_mon + 1);
	case 0x09:
		return bcd(tm.tm_year);
	case 0x32:
		return bcd(tm.tm_year / 100 + 19);
	case 0x0a:
		return 0x26;	/* it doesn't change just now */
	case 0x0b:
		return 0x02;	/* 24 hours, BCD */
	case 0x0d:
		return 0x80;	/* the battery is good */
	default:
		return 0;
	}
}

static void cmos_write(struct vmm *vmm, uint32_t offset, uint64_t value)
{
	if (!offset)
		vmm->cmos_index = value & 0x7f;
}

const struct device cmos_device = {
	"clock", AXAS_BUS_PORT, 0x70, 0x71, cmos_read, cmos_write,
};

/* ---- the way out ---- */

static void exit_write(struct vmm *vmm, uint32_t offset, uint64_t value)
{
	(void)offset;
	vmm_end(vmm, value, "it said so");
}

const struct device exit_device = {
	"way out", AXAS_BUS_PORT, VMM_EXIT_PORT, VMM_EXIT_PORT, delay_read, exit_write,
};
