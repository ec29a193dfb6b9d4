/* SPDX-License-Identifier: GPL-2.0 */
/*
 * axas-vmm: what its files share.
 *
 *   axas-vmm.c  the command line
 *   run.c       the guest runs, and what comes out is seen to
 *   memory.c    the space, its areas, nested faults
 *   bus.c       devices in memory, ports and MSRs, registered with the space
 *   mmio.c insn.c guest.c   instructions that access a device in memory
 *   uart.c pic.c pit.c pci.c board.c msr.c   the devices
 *   console.c   this process's terminal
 *   cpuid.c     what the guest's CPU says that it is
 *   boot.c      how a 64-bit guest begins
 *   linux.c     a kernel
 *   walker.S    the guest that is built in
 *   report.c    the table at the end
 */
#ifndef VMM_H
#define VMM_H

#include <axas.h>
#include <stdbool.h>
#include <stdint.h>

#include "axas_vcpu.h"

#define VMM_PAGE	UINT64_C(4096)
#define VMM_RIGHTS	(AXAS_PROT_READ | AXAS_PROT_WRITE | AXAS_PROT_EXEC)

/* Where a PC has its memory: what is between is zeros, and can't be written. */
#define VMM_LOW_END	UINT64_C(0xa0000)
#define VMM_HIGH	UINT64_C(0x100000)
/* The serial port where it is in memory: behind all RAM, amid a page. */
#define VMM_SERIAL	UINT64_C(0xe0000400)
#define VMM_MIN_RAM	(UINT64_C(4) << 20)
#define VMM_MAX_RAM	(UINT64_C(3) << 30)	/* what boot.c maps has room */

/* Where a guest finds what it begins with, all of it below VMM_BOOT_END. */
#define VMM_GDT		UINT64_C(0x1000)
#define VMM_PARAMS	UINT64_C(0x7000)
#define VMM_STACK	UINT64_C(0x9000)	/* its end */
#define VMM_TABLES	UINT64_C(0x10000)
#define VMM_CMDLINE	UINT64_C(0x20000)
#define VMM_WALKER	UINT64_C(0x30000)
#define VMM_BOOT_END	UINT64_C(0x40000)

/* Interrupts of a PC */
#define VMM_IRQ_PIT	0
#define VMM_IRQ_UART	4

/* A guest says by it that it has ended, and how; the exit status of this process. */
#define VMM_EXIT_PORT	0xf4

#define VMM_NR_BUSES	3
#define VMM_TROUBLE	125

/**
 * struct pic_chip - one of the two 8259
 * @line: requests as they are now
 * @requested: ... and since they were taken last
 * @in_service: taken, and not ended
 * @mask: those that don't count
 * @base: vector of the first
 * @init: which initialization word comes next; 0: none
 * @read_in_service: what the command port reads
 */
struct pic_chip {
	uint8_t line, requested, in_service, mask, base, init;
	bool read_in_service;
};

/**
 * struct pit_counter - one of the three of an 8254
 * @mode: 0 to 5
 * @bytes: 1: low, 2: high, 3: both, one after the other
 * @reload: 1 to 65536 ticks; 0 before it was written
 * @begun: when it was loaded, in ns
 * @latch: a count that is read before the current one
 * @latched: bytes of it that are left
 * @status: read before either, with @status_latched
 * @low: the byte that was written first
 * @second_write: the next byte that is written is the high one
 * @second_read: ... that is read
 */
struct pit_counter {
	uint8_t mode, bytes;
	uint32_t reload;
	uint64_t begun;
	uint16_t latch;
	uint8_t latched, status, low;
	bool status_latched, second_write, second_read;
};

struct pit {
	struct pit_counter counter[3];
	uint64_t deadline;	/* of counter 0, in ns; 0: none */
	bool gate_2;
};

struct uart {
	uint8_t ier, lcr, mcr, scr, fcr;
	uint16_t divisor;
	bool sent;		/* and nobody has seen it */
	uint8_t fifo[16];
	unsigned int nr;
};

#define PCI_HEADER	0x40	/* bytes */

/**
 * struct pci - a bus
 * @address: what of its configuration is accessed
 * @serial: the header of the serial port
 */
struct pci {
	uint32_t address;
	uint8_t serial[PCI_HEADER];
};

/**
 * struct counts - what has happened
 * @exits: by &enum axas_vcpu_exit
 * @interrupted: runs that a signal has ended
 * @interrupts: taken by the guest
 * @results: of AXAS_FAULT, by &enum axas_bus and &enum axas_fault_result
 * @walks: nested faults of the guest's own page-table walks
 * @fault_ticks: of the time-stamp counter, in AXAS_FAULT for nested faults
 * @run_ticks: ... in AXAS_VCPU_RUN
 * @halt_ns: while the guest waited
 * @mmio_reads: accesses of instructions that mmio.c did
 * @mmio_writes: ...
 */
struct counts {
	uint64_t exits[AXAS_VCPU_NR_EXITS];
	uint64_t interrupted, interrupts;
	uint64_t results[VMM_NR_BUSES][AXAS_NR_FAULT_RESULTS];
	uint64_t walks, fault_ticks, run_ticks, halt_ns;
	uint64_t mmio_reads, mmio_writes;
};

struct vmm {
	int space, cpu;
	uint64_t ram, leaf;	/* bytes */
	uint64_t tsc_khz;
	uint64_t begun;		/* ns */
	struct pic_chip pic[2];
	struct pit pit;
	const struct device *serial;	/* where that is */
	struct uart uart;
	struct pci pci;
	uint8_t cmos_index;
	struct counts counts;
	bool ended;
	int status;
	const char *end;	/* in words */
};

/**
 * struct device - addresses that are next to each other
 * @name: of it
 * @bus: an &enum axas_bus; in memory no other device or RAM is in the same pages
 * @first: first address
 * @last: last address
 * @read: what the guest reads at an offset
 * @write: what it writes; one byte at a time, but for MSRs
 */
struct device {
	const char *name;
	uint32_t bus;
	uint64_t first, last;
	uint64_t (*read)(struct vmm *vmm, uint32_t offset);
	void (*write)(struct vmm *vmm, uint32_t offset, uint64_t value);
};

/**
 * struct place - what the space says of an access
 * @device: whose it is; NULL if no device's
 * @offset: in the device
 * @result: an &enum axas_fault_result
 */
struct place {
	const struct device *device;
	uint32_t offset, result;
};

/* axas-vmm.c */
void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...);

/* run.c */
uint64_t vmm_now(void);
void vmm_end(struct vmm *vmm, int status, const char *how);
void vmm_run(struct vmm *vmm);

/* memory.c */
void vmm_make_space(struct vmm *vmm);
void vmm_make_cpu(struct vmm *vmm);
void vmm_put(struct vmm *vmm, uint64_t gpa, const void *data, size_t size);
void vmm_fault(struct vmm *vmm, const struct axas_vcpu_run *run);

/* bus.c */
void bus_begin(struct vmm *vmm);
void bus_add(struct vmm *vmm, const struct device *d);
struct place bus_find(struct vmm *vmm, uint32_t bus, uint64_t address,
		      unsigned int width, uint32_t rights);
uint64_t place_read(struct vmm *vmm, const struct place *place, unsigned int width);
void place_write(struct vmm *vmm, const struct place *place, unsigned int width,
		 uint64_t value);
bool bus_read(struct vmm *vmm, uint32_t bus, uint32_t address, unsigned int width,
	      uint64_t *value);
bool bus_write(struct vmm *vmm, uint32_t bus, uint32_t address, unsigned int width,
	       uint64_t value);

/* guest.c */
bool guest_translate(int space, const struct axas_vcpu_regs *regs, uint64_t linear,
		     uint64_t *gpa);
unsigned int guest_code_bits(const struct axas_vcpu_regs *regs);
uint64_t guest_linear(const struct axas_vcpu_regs *regs, unsigned int segment,
		      uint64_t offset);
size_t guest_fetch(int space, const struct axas_vcpu_regs *regs, uint8_t *bytes,
		   size_t nr);

/* mmio.c */
void mmio_emulate(struct vmm *vmm, const struct axas_vcpu_run *run,
		  const struct place *place);

/* the devices */
extern const struct device uart_port_device, uart_mmio_device, pit_device, pic_master_device,
	pic_slave_device, keyboard_device, speaker_device, delay_device,
	cmos_device, exit_device, tsc_device;

void pic_set(struct vmm *vmm, unsigned int irq, bool level);
bool pic_wants(const struct vmm *vmm);
unsigned int pic_take(struct vmm *vmm);
void pit_tick(struct vmm *vmm, uint64_t now);
bool pit_output_2(const struct vmm *vmm);
void pit_set_gate_2(struct vmm *vmm, bool gate);
void pci_begin(struct vmm *vmm);
void uart_poll(struct vmm *vmm);
bool uart_listens(const struct vmm *vmm);

/* console.c */
void console_begin(bool to_stderr);
void console_put(uint8_t c);
void console_flush(void);
int console_get(struct vmm *vmm);
int console_fd(void);

/* cpuid.c, boot.c, linux.c, walker.S, report.c */
void cpuid_set(struct vmm *vmm);
void boot_begin(struct vmm *vmm, uint64_t rip, uint64_t rsi);
void linux_load(struct vmm *vmm, const char *kernel, const char *initrd,
		const char *append);
void walker_load(struct vmm *vmm);
int report(const struct vmm *vmm, bool json);

#endif /* VMM_H */
