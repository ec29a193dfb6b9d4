// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: the two interrupt controllers of a PC, 8259. A request is an edge; the second one
 * hangs at request 2 of the first.
 */
#include "vmm.h"

#define CASCADE		2

#define ICW1		0x10	/* initialization begins */
#define ICW1_ICW4	0x01	/* ... with four words */
#define OCW3		0x08	/* what to read, or else what ends */
#define OCW3_READ	0x02
#define OCW3_SERVICE	0x01
#define OCW2_EOI	0x20
#define OCW2_SPECIFIC	0x40

/* The number that is to be taken next, or -1. */
static int next(const struct pic_chip *chip)
{
	uint8_t wanted = chip->requested & ~chip->mask;
	unsigned int irq;

	for (irq = 0; irq < 8; irq++) {
		if (chip->in_service >> irq & 1)
			return -1;
		if (wanted >> irq & 1)
			return irq;
	}
	return -1;
}

static void chip_set(struct pic_chip *chip, unsigned int irq, bool level)
{
	uint8_t bit = 1 << irq;

	if (!level) {
		chip->line &= ~bit;
		return;
	}
	if (!(chip->line & bit))
		chip->requested |= bit;
	chip->line |= bit;
}

/* After each change of the second chip. */
static void cascade(struct vmm *vmm)
{
	bool wanted = next(&vmm->pic[1]) >= 0;

	chip_set(&vmm->pic[0], CASCADE, wanted);
	if (!wanted)
		vmm->pic[0].requested &= ~(1 << CASCADE);
}

/**
 * pic_set() - a device requests an interrupt, or no longer does
 * @vmm: the guest
 * @irq: 0 to 15
 * @level: whether it does
 */
void pic_set(struct vmm *vmm, unsigned int irq, bool level)
{
	chip_set(&vmm->pic[irq / 8], irq % 8, level);
	cascade(vmm);
}

/**
 * pic_wants() - is there an interrupt for the CPU?
 * @vmm: the guest
 */
bool pic_wants(const struct vmm *vmm)
{
	return next(&vmm->pic[0]) >= 0;
}

static unsigned int chip_take(struct pic_chip *chip)
{
	int irq = next(chip);

	if (irq < 0)
		return 7;	/* it has gone: so says the manual */
	chip->requested &= ~(1 << irq);
	chip->in_service |= 1 << irq;
	return irq;
}

/**
 * pic_take() - the CPU takes an interrupt
 * @vmm: the guest
 *
 * Return: its vector.
 */
unsigned int pic_take(struct vmm *vmm)
{
	unsigned int irq = chip_take(&vmm->pic[0]), vector;

	if (irq != CASCADE)
		return vmm->pic[0].base + irq;
	vector = vmm->pic[1].base + chip_take(&vmm->pic[1]);
	cascade(vmm);
	return vector;
}

static void end(struct pic_chip *chip, uint8_t value)
{
	if (value & OCW2_SPECIFIC)
		chip->in_service &= ~(1 << (value & 7));
	else
		chip->in_service &= chip->in_service - 1; /* the first one */
}

static void command(struct pic_chip *chip, uint8_t value)
{
	if (value & ICW1) {
		*chip = (struct pic_chip){ .line = chip->line, .init = 2 };
		if (!(value & ICW1_ICW4))
			chip->init |= 0x80;
	} else if (value & OCW3) {
		if (value & OCW3_READ)
			chip->read_in_service = value & OCW3_SERVICE;
	} else if (value & OCW2_EOI) {
		end(chip, value);
	}
}

/* Of the words: the second is the vector, the others say what a PC always has. */
static void data(struct pic_chip *chip, uint8_t value)
{
	unsigned int word = chip->init & 7, last = chip->init & 0x80 ? 3 : 4;

	if (!word) {
		chip->mask = value;
		return;
	}
	if (word == 2)
		chip->base = value & 0xf8;
	chip->init = word == last ? 0 : chip->init + 1;
}

static uint64_t chip_read(const struct pic_chip *chip, uint32_t offset)
{
	if (offset)
		return chip->mask;
	return chip->read_in_service ? chip->in_service : chip->requested;
}

static void chip_write(struct vmm *vmm, struct pic_chip *chip, uint32_t offset,
		       uint8_t value)
{
	if (offset)
		data(chip, value);
	else
		command(chip, value);
	cascade(vmm);
}

static uint64_t master_read(struct vmm *vmm, uint32_t offset)
{
	return chip_read(&vmm->pic[0], offset);
}

static void master_write(struct vmm *vmm, uint32_t offset, uint64_t value)
{
	chip_write(vmm, &vmm->pic[0], offset, value);
}

static uint64_t slave_read(struct vmm *vmm, uint32_t offset)
{
	return chip_read(&vmm->pic[1], offset);
}

static void slave_write(struct vmm *vmm, uint32_t offset, uint64_t value)
{
	chip_write(vmm, &vmm->pic[1], offset, value);
}

const struct device pic_master_device = {
	"first interrupt controller", AXAS_BUS_PORT, 0x20, 0x21, master_read, master_write,
};

const struct device pic_slave_device = {
	"second interrupt controller", AXAS_BUS_PORT, 0xa0, 0xa1, slave_read, slave_write,
};
