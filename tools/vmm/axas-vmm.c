// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: a small virtual machine monitor whose guest's memory is a space.
 *
 * The guest runs on a virtual CPU of samples/vcpu, which walks the space's own table.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "../lib/units.h"
#include "vmm.h"

const char *argp_program_version = "axas-vmm " VERSION;

struct options {
	const char *kernel, *initrd, *append, *then;
	const struct device *serial;
	uint64_t ram, leaf;
	bool json;
};

enum {
	OPT_RAM = 256,
	OPT_LEAF,
	OPT_SERIAL,
	OPT_INITRD,
	OPT_APPEND,
	OPT_THEN,
	OPT_JSON,
};

static const struct argp_option options[] = {
	{ "ram", OPT_RAM, "SIZE", 0,
	  "Memory of the guest (256M); K, M and G may follow the number", 0 },
	{ "leaf", OPT_LEAF, "4K|2M", 0, "Largest leaf of the memory (4K)", 0 },
	{ "serial", OPT_SERIAL, "port|mmio", 0,
	  "Where the serial port is: at I/O ports (the default) or in memory", 0 },
	{ "initrd", OPT_INITRD, "FILE", 0, "Initial file system of KERNEL", 0 },
	{ "append", OPT_APPEND, "\"ARG...\"", 0,
	  "More for the command line of KERNEL", 0 },
	{ "then", OPT_THEN, "COMMAND", 0,
	  "Run COMMAND by the shell when the guest has ended, while its memory is there; $AXAS_SPACE is the number of the space",
	  0 },
	{ "json", OPT_JSON, NULL, 0,
	  "Print the table as JSON; what the guest says goes to standard error", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static const char args_doc[] = "[KERNEL]";
static const char doc[] =
	"Run a guest whose memory is a guest physical address space.\n\n"
	"KERNEL is a bzImage of Linux. Without one a guest that is built in writes all of its memory and reads it back. The guest's serial port is standard input and output; on a terminal Ctrl-] ends it. Then there is a table: what came out of the CPU, nested faults by their result, leaves and tables.\v"
	"It takes the modules axas and axas_vcpu, and a CPU with AMD SVM or Intel VMX.\n\n"
	"Exit status: 0 if the guest has ended by a reset, by HLT without interrupts or by Ctrl-]; what it writes to port 0xf4; 125 for all else.";

void die(const char *fmt, ...)
{
	va_list args;

	console_flush();
	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(VMM_TROUBLE);
}

/* ---- the command line ---- */

static uint64_t parse_ram(struct argp_state *state, const char *arg)
{
	unsigned long long n;
	unsigned int shift;
	char *end;

	n = number_with_unit(arg, "KMG", &end, &shift);
	if (*arg < '0' || *arg > '9' || *end || errno)
		argp_error(state, "--ram %s: not a size, like 256M", arg);
	if (n > VMM_MAX_RAM >> shift || n << shift < VMM_MIN_RAM ||
	    (n << shift) % VMM_PAGE)
		argp_error(state, "--ram %s: not 4M to 3G, by 4096", arg);
	return n << shift;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case OPT_RAM:
		o->ram = parse_ram(state, arg);
		break;
	case OPT_LEAF:
		if (strcmp(arg, "4K") && strcmp(arg, "2M"))
			argp_error(state, "--leaf %s: not 4K or 2M", arg);
		o->leaf = *arg == '4' ? VMM_PAGE : UINT64_C(1) << 21;
		break;
	case OPT_SERIAL:
		if (strcmp(arg, "port") && strcmp(arg, "mmio"))
			argp_error(state, "--serial %s: not port or mmio", arg);
		o->serial = *arg == 'p' ? &uart_port_device : &uart_mmio_device;
		break;
	case OPT_INITRD:
		o->initrd = arg;
		break;
	case OPT_APPEND:
		o->append = arg;
		break;
	case OPT_THEN:
		o->then = arg;
		break;
	case OPT_JSON:
		o->json = true;
		break;
	case ARGP_KEY_ARG:
		if (o->kernel)
			argp_error(state, "more than one KERNEL");
		o->kernel = arg;
		break;
	case ARGP_KEY_END:
		if (!o->kernel && (o->initrd || o->append))
			argp_error(state, "--initrd and --append are for a KERNEL");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* ---- what else ---- */

/* The rate of the time-stamp counter, good enough for a clock. */
static uint64_t measure_tsc(void)
{
	const struct timespec pause = { 0, 50000000 };
	uint64_t ns = vmm_now(), ticks = __rdtsc();

	nanosleep(&pause, NULL);
	ticks = __rdtsc() - ticks;
	ns = vmm_now() - ns;
	return ticks * 1000000 / ns;
}

static void run_command(const struct vmm *vmm, const char *command)
{
	char id[24];

	snprintf(id, sizeof(id), "%" PRId64, axas_id(vmm->space));
	if (setenv("AXAS_SPACE", id, 1) || system(command))
		die("--then %s: failed", command);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = args_doc,
		.doc = doc,
	};
	struct options o = {
		.ram = UINT64_C(256) << 20,
		.leaf = VMM_PAGE,
		.serial = &uart_port_device,
	};
	struct vmm vmm = { 0 };
	int status;

	argp_err_exit_status = VMM_TROUBLE;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	console_begin(o.json);
	vmm.ram = o.ram;
	vmm.leaf = o.leaf;
	vmm.serial = o.serial;
	vmm.tsc_khz = measure_tsc();
	vmm_make_space(&vmm);
	vmm_make_cpu(&vmm);
	cpuid_set(&vmm);
	bus_begin(&vmm);
	if (vmm.serial->bus == AXAS_BUS_MEMORY)
		pci_begin(&vmm);
	if (o.kernel)
		linux_load(&vmm, o.kernel, o.initrd, o.append);
	else
		walker_load(&vmm);
	vmm_run(&vmm);
	status = report(&vmm, o.json);
	fflush(NULL);
	if (o.then)
		run_command(&vmm, o.then);
	return status;
}
