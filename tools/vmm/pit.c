// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: the timer of a PC, 8254. Counter 0 gives interrupts, 2 has a gate and can be read.
 * A guest that is late gets one interrupt for all that it has missed.
 */
#include "vmm.h"

#define HZ		UINT64_C(1193182)
#define NS		UINT64_C(1000000000)

#define READ_BACK	3	/* in the place of a counter */

static uint64_t to_ns(uint64_t ticks)
{
	return ticks * NS / HZ;
}

static bool periodic(const struct pit_counter *c)
{
	return c->mode == 2 || c->mode == 3;
}

static uint64_t ticks_of(const struct pit_counter *c)
{
	return (vmm_now() - c->begun) * HZ / NS;
}

/* What it would be read as. */
static uint16_t count(const struct pit_counter *c)
{
	uint64_t ticks = ticks_of(c);

	if (!c->reload)
		return 0;
	if (c->mode == 3)
		return c->reload - 2 * ticks % c->reload;
	return c->reload - (periodic(c) ? ticks % c->reload : ticks);
}

/* High until the count is over in the modes that are used to wait. */
static bool output(const struct pit_counter *c)
{
	uint64_t ticks = ticks_of(c);

	if (!c->reload)
		return c->mode;
	switch (c->mode) {
	case 0:
	case 1:
		return ticks >= c->reload;
	case 3:
		return ticks % c->reload < (c->reload + 1) / 2;
	default:
		return true;
	}
}

static void load(struct vmm *vmm, struct pit_counter *c, uint16_t value)
{
	c->reload = value ? value : 0x10000;
	c->begun = vmm_now();
	if (c == vmm->pit.counter)
		vmm->pit.deadline = c->begun + to_ns(c->reload);
}

/**
 * pit_tick() - have counter 0 give its interrupt, if it is time
 * @vmm: the guest
 * @now: in ns
 */
void pit_tick(struct vmm *vmm, uint64_t now)
{
	const struct pit_counter *c = vmm->pit.counter;
	struct pit *pit = &vmm->pit;

	if (!pit->deadline || now < pit->deadline)
		return;
	pic_set(vmm, VMM_IRQ_PIT, true);
	pic_set(vmm, VMM_IRQ_PIT, false);
	if (!periodic(c)) {
		pit->deadline = 0;
		return;
	}
	pit->deadline += to_ns(c->reload);
	if (pit->deadline <= now)
		pit->deadline = now + to_ns(c->reload);
}

/**
 * pit_output_2() - what counter 2 gives to the speaker
 * @vmm: the guest
 */
bool pit_output_2(const struct vmm *vmm)
{
	return output(&vmm->pit.counter[2]);
}

/**
 * pit_set_gate_2() - let counter 2 count; it begins anew
 * @vmm: the guest
 * @gate: or don't
 */
void pit_set_gate_2(struct vmm *vmm, bool gate)
{
	if (gate && !vmm->pit.gate_2)
		vmm->pit.counter[2].begun = vmm_now();
	vmm->pit.gate_2 = gate;
}

static void latch_count(struct pit_counter *c)
{
	if (c->latched)
		return;
	c->latch = count(c);
	c->latched = c->bytes == 3 ? 2 : 1;
	if (c->bytes == 2)
		c->latch >>= 8;
}

static void latch_status(struct pit_counter *c)
{
	c->status = output(c) << 7 | !c->reload << 6 | c->bytes << 4 | c->mode << 1;
	c->status_latched = true;
}

/* Bits 5 and 4 are 0 for what is to be latched, bits 3 to 1 are counters. */
static void read_back(struct pit *pit, uint8_t value)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (!(value >> (i + 1) & 1))
			continue;
		if (!(value & 0x20))
			latch_count(&pit->counter[i]);
		if (!(value & 0x10))
			latch_status(&pit->counter[i]);
	}
}

static void control(struct pit *pit, uint8_t value)
{
	unsigned int nr = value >> 6, bytes = value >> 4 & 3;
	struct pit_counter *c = &pit->counter[nr];

	if (nr == READ_BACK) {
		read_back(pit, value);
	} else if (!bytes) {
		latch_count(c);
	} else {
		/* Modes 6 and 7 are 2 and 3. */
		*c = (struct pit_counter){
			.mode = value >> 1 & (value & 4 ? 3 : 7), .bytes = bytes,
		};
		if (!nr)
			pit->deadline = 0;
	}
}

static uint64_t pit_read(struct vmm *vmm, uint32_t offset)
{
	struct pit_counter *c = &vmm->pit.counter[offset];
	uint16_t value;

	if (offset == READ_BACK)
		return 0xff;
	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	if (c->latched) {
		value = c->latch;
		c->latch >>= 8;
		c->latched--;
		return value & 0xff;
	}
	value = count(c);
	if (c->bytes != 3)
		return c->bytes == 2 ? value >> 8 : value & 0xff;
	c->second_read = !c->second_read;
	return c->second_read ? value & 0xff : value >> 8;
}

static void pit_write(struct vmm *vmm, uint32_t offset, uint64_t value)
{
	struct pit_counter *c = &vmm->pit.counter[offset];

	if (offset == READ_BACK) {
		control(&vmm->pit, value);
	} else if (c->bytes != 3) {
		load(vmm, c, c->bytes == 2 ? value << 8 : value);
	} else if (c->second_write) {
		c->second_write = false;
		load(vmm, c, value << 8 | c->low);
	} else {
		c->second_write = true;
		c->low = value;
	}
}

const struct device pit_device = {
	"timer", AXAS_BUS_PORT, 0x40, 0x43, pit_read, pit_write,
};
