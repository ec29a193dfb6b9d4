// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: a Linux kernel by its 64-bit boot protocol (Documentation/arch/x86/boot.rst in
 * its source).
 */
#include <asm/bootparam.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm.h"

#define SECTOR		512
#define HEADER		0x1f1
#define MAGIC		0x53726448	/* "HdrS" */
#define ENTRY_64	0x200
#define E820_RAM	1
#define E820_RESERVED	2
#define LOADER_UNKNOWN	0xff
#define SIZE_2M		(UINT64_C(1) << 21)

/*
 * No APIC and no ACPI: nothing of that is there, nor any memory where it would be. How
 * fast the time-stamp counter is would take the guest a while to find out.
 */
#define COMMAND_LINE							\
	"%s noapic nolapic acpi=off reboot=k panic=-1 mitigations=off "	\
	"nokaslr tsc=reliable tsc_early_khz=%" PRIu64 "%s%s"
#define AT_PORTS	"console=ttyS0 pci=off"
/* From the beginning, and on when PCI has it. Nobody else has set its speed. */
#define IN_MEMORY	"console=uart8250,mmio,0x%" PRIx64 ",115200n8"

struct file {
	const char *name;
	void *data;
	size_t size;
};

static void open_file(struct file *f, const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat stat;

	f->name = name;
	if (fd < 0 || fstat(fd, &stat))
		die("%s: %s", name, strerror(errno));
	f->size = stat.st_size;
	f->data = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (f->data == MAP_FAILED)
		die("%s: %s", name, strerror(errno));
	close(fd);
}

/* What the kernel says of itself, and where the rest of it begins in the file. */
static size_t read_header(const struct file *f, struct setup_header *h)
{
	size_t sectors, rest;

	if (f->size < 2 * SECTOR)
		die("%s: not a kernel", f->name);
	memcpy(h, f->data + HEADER, sizeof(*h));
	if (h->header != MAGIC || !(h->loadflags & LOADED_HIGH))
		die("%s: not a kernel (bzImage)", f->name);
	if (h->version < 0x20c || !(h->xloadflags & XLF_KERNEL_64))
		die("%s: not a kernel of 64 bits", f->name);
	sectors = h->setup_sects ? h->setup_sects : 4;
	rest = (sectors + 1) * SECTOR;
	if (f->size <= rest)
		die("%s: it ends amid a kernel", f->name);
	return rest;
}

static void add_e820(struct boot_params *p, uint64_t from, uint64_t to,
		     uint32_t type)
{
	p->e820_table[p->e820_entries++] =
		(struct boot_e820_entry){ from, to - from, type };
}

/* At the end of memory, where the kernel doesn't unpack itself. */
static void put_initrd(struct vmm *vmm, struct boot_params *p,
		       const char *name, uint64_t kernel_end)
{
	uint64_t end = vmm->ram, gpa;
	struct file f;

	open_file(&f, name);
	if (end > (uint64_t)p->hdr.initrd_addr_max + 1)
		end = (uint64_t)p->hdr.initrd_addr_max + 1;
	gpa = (end - f.size) & ~(SIZE_2M - 1);
	if (f.size > end || gpa < kernel_end)
		die("%s: no room beside the kernel: give more --ram", name);
	vmm_put(vmm, gpa, f.data, f.size);
	p->hdr.ramdisk_image = gpa;
	p->hdr.ramdisk_size = f.size;
	munmap(f.data, f.size);
}

static void put_command_line(struct vmm *vmm, struct boot_params *p,
			     const char *append)
{
	char line[2048], console[64] = AT_PORTS;
	int n;

	if (vmm->serial->bus == AXAS_BUS_MEMORY)
		snprintf(console, sizeof(console), IN_MEMORY, vmm->serial->first);
	n = snprintf(line, sizeof(line), COMMAND_LINE, console, vmm->tsc_khz,
		     append ? " " : "", append ? append : "");
	if (n >= (int)sizeof(line) || n > (int)p->hdr.cmdline_size)
		die("--append: too long");
	vmm_put(vmm, VMM_CMDLINE, line, n + 1);
	p->hdr.cmd_line_ptr = VMM_CMDLINE;
}

/**
 * linux_load() - put a kernel into memory, and have the guest begin there
 * @vmm: the guest
 * @kernel: name of a bzImage
 * @initrd: name of an initial file system, or NULL
 * @append: more for its command line, or NULL
 */
void linux_load(struct vmm *vmm, const char *kernel, const char *initrd,
		const char *append)
{
	struct boot_params p = { 0 };
	struct file f;
	uint64_t end;
	size_t rest;

	open_file(&f, kernel);
	rest = read_header(&f, &p.hdr);
	end = p.hdr.pref_address + p.hdr.init_size;
	if (end > vmm->ram)
		die("%s: it takes %" PRIu64 " MiB: give more --ram", kernel,
		    end >> 20);
	p.hdr.type_of_loader = LOADER_UNKNOWN;
	add_e820(&p, 0, VMM_LOW_END, E820_RAM);
	add_e820(&p, VMM_LOW_END, VMM_HIGH, E820_RESERVED);
	add_e820(&p, VMM_HIGH, vmm->ram, E820_RAM);
	if (initrd)
		put_initrd(vmm, &p, initrd, end);
	put_command_line(vmm, &p, append);
	vmm_put(vmm, p.hdr.pref_address, f.data + rest, f.size - rest);
	vmm_put(vmm, VMM_PARAMS, &p, sizeof(p));
	boot_begin(vmm, p.hdr.pref_address + ENTRY_64, VMM_PARAMS);
	munmap(f.data, f.size);
}
