// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: the serial port, a 16550 that sends at once. What comes in waits in this process's
 * input until the guest has room for it and has said that it listens.
 */
#include "vmm.h"

enum {
	DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR,
};

#define IER_RECEIVE	0x01
#define IER_SEND	0x02
#define IIR_NONE	0x01
#define IIR_SEND	0x02
#define IIR_RECEIVE	0x04
#define IIR_FIFO	0xc0
#define FCR_ENABLE	0x01
#define FCR_CLEAR	0x02
#define LCR_DIVISOR	0x80
#define MCR_LOOP	0x10
#define LSR_DATA	0x01
#define LSR_EMPTY	0x60
#define MSR_THERE	0xb0	/* carrier, and ready */

static uint8_t reason(const struct uart *u)
{
	if (u->ier & IER_RECEIVE && u->nr)
		return IIR_RECEIVE;
	if (u->ier & IER_SEND && u->sent)
		return IIR_SEND;
	return IIR_NONE;
}

static void update(struct vmm *vmm)
{
	pic_set(vmm, VMM_IRQ_UART, reason(&vmm->uart) != IIR_NONE);
}

/**
 * uart_listens() - is there room for input, and a guest that wants it?
 * @vmm: the guest
 */
bool uart_listens(const struct vmm *vmm)
{
	const struct uart *u = &vmm->uart;

	return u->ier & IER_RECEIVE && u->nr < sizeof(u->fifo);
}

/**
 * uart_poll() - take what input there is
 * @vmm: the guest
 */
void uart_poll(struct vmm *vmm)
{
	struct uart *u = &vmm->uart;
	int c;

	while (uart_listens(vmm)) {
		c = console_get(vmm);
		if (c < 0)
			break;
		u->fifo[u->nr++] = c;
	}
	update(vmm);
}

static uint8_t receive(struct uart *u)
{
	uint8_t c = u->fifo[0];
	unsigned int i;

	if (!u->nr)
		return 0;
	for (i = 1; i < u->nr; i++)
		u->fifo[i - 1] = u->fifo[i];
	u->nr--;
	return c;
}

static uint8_t identify(struct uart *u)
{
	uint8_t iir = reason(u);

	if (iir == IIR_SEND)
		u->sent = false;
	return iir | (u->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

/* In a loop the port's outputs are its inputs. */
static uint8_t modem(const struct uart *u)
{
	if (!(u->mcr & MCR_LOOP))
		return MSR_THERE;
	return (u->mcr & 2) << 3 | (u->mcr & 1) << 5 | (u->mcr & 0xc) << 4;
}

static uint8_t read_register(struct uart *u, uint32_t offset)
{
	bool divisor = u->lcr & LCR_DIVISOR;

	switch (offset) {
	case DATA:
		return divisor ? u->divisor & 0xff : receive(u);
	case IER:
		return divisor ? u->divisor >> 8 : u->ier;
	case IIR:
		return identify(u);
	case LCR:
		return u->lcr;
	case MCR:
		return u->mcr;
	case LSR:
		return LSR_EMPTY | (u->nr ? LSR_DATA : 0);
	case MSR:
		return modem(u);
	default:
		return u->scr;
	}
}

static uint64_t uart_read(struct vmm *vmm, uint32_t offset)
{
	uint8_t value = read_register(&vmm->uart, offset);

	update(vmm);
	return value;
}

static void send(struct uart *u, uint8_t c)
{
	if (!(u->mcr & MCR_LOOP))
		console_put(c);
	else if (u->nr < sizeof(u->fifo))
		u->fifo[u->nr++] = c;
	u->sent = true;
}

static void set_ier(struct uart *u, uint8_t value)
{
	if (value & ~u->ier & IER_SEND)
		u->sent = true;
	u->ier = value & 0xf;
}

static void write_register(struct uart *u, uint32_t offset, uint8_t value)
{
	bool divisor = u->lcr & LCR_DIVISOR;

	switch (offset) {
	case DATA:
		if (divisor)
			u->divisor = (u->divisor & 0xff00) | value;
		else
			send(u, value);
		break;
	case IER:
		if (divisor)
			u->divisor = (u->divisor & 0xff) | value << 8;
		else
			set_ier(u, value);
		break;
	case IIR:
		u->fcr = value;
		if (value & FCR_CLEAR)
			u->nr = 0;
		break;
	case LCR:
		u->lcr = value;
		break;
	case MCR:
		u->mcr = value & 0x1f;
		break;
	case SCR:
		u->scr = value;
		break;
	}
}

static void uart_write(struct vmm *vmm, uint32_t offset, uint64_t value)
{
	write_register(&vmm->uart, offset, value);
	update(vmm);
}

/* Where a PC has it; or in memory. */
const struct device uart_port_device = {
	"serial port", AXAS_BUS_PORT, 0x3f8, 0x3ff, uart_read, uart_write,
};

const struct device uart_mmio_device = {
	"serial port", AXAS_BUS_MEMORY, VMM_SERIAL, VMM_SERIAL + 7, uart_read, uart_write,
};
