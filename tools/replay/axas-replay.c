// SPDX-License-Identifier: GPL-2.0
/*
 * axas-replay: a trace-driven virtual machine monitor over /dev/axas.
 *
 * It takes the memory trace of a real program, treats its addresses as guest
 * physical ones, and runs it in a space: what the table has no leaf for becomes a
 * nested page fault, loads and stores go through mmap(2) windows, and every byte
 * is compared with a model in ordinary memory. The TLBs of a CPU are modelled.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <axas.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/units.h"
#include "replay.h"

const char *argp_program_version = "axas-replay " VERSION;

enum {
	OPT_FORMAT = 256,
	OPT_GPA_BITS,
	OPT_LEAF,
	OPT_POLICY,
	OPT_HINT,
	OPT_PROMOTE,
	OPT_BACKEND,
	OPT_THREADS,
	OPT_BATCH,
	OPT_CPU,
	OPT_TLB,
	OPT_WALK_CACHE,
	OPT_NESTED_WALK_CACHE,
	OPT_NESTED_TLB,
	OPT_GUEST_PAGING,
	OPT_GUEST_FORMAT,
	OPT_GUEST_LAYOUT,
	OPT_LINEAR_HPA,
	OPT_LINEAR_SIZE,
	OPT_MMIO,
	OPT_DEVICE,
	OPT_LIMIT,
	OPT_NO_DATA,
	OPT_PROBE,
	OPT_CONVERT,
	OPT_JSON,
	OPT_CSV,
	OPT_SERIES,
	OPT_THEN,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "The space:", 1 },
	{ "device", OPT_DEVICE, "PATH", 0,
	  "The device of axas (/dev/axas)", 0 },
	{ "format", OPT_FORMAT, "host|ept|s2|amd|NAME", 0,
	  "How table entries are encoded (host); axasctl info lists what there is", 0 },
	{ "gpa-bits", OPT_GPA_BITS, "N", 0,
	  "Width of guest physical addresses (the module's default)", 0 },
	{ "leaf", OPT_LEAF, "4K|2M", 0,
	  "Largest leaf of alloc areas (4K)", 0 },
	{ "policy", OPT_POLICY, "NAME|list", 0,
	  "Which memory comes in, or becomes, leaves of 2 MiB; list prints what there is, and stops",
	  0 },
	{ "hint", OPT_HINT, "ADDR,SIZE", 0,
	  "What --policy hint makes leaves of 2 MiB of, as addresses of the trace. May be given more than once",
	  0 },
	{ "promote", OPT_PROMOTE, "N", 0,
	  "Let alloc memory come in small leaves, and make a 2 MiB leaf of N pages that are touched there, 2 to 512",
	  0 },
	{ "backend", OPT_BACKEND, "alloc|N", 0,
	  "Where memory comes from: axas itself, or the backend that another module has brought under this number",
	  0 },
	{ "linear-hpa", OPT_LINEAR_HPA, "ADDR", 0,
	  "Host physical memory for a linear area: kept from the kernel with memmap=, or a device's BAR. Its content is overwritten. Without it everything is lazy alloc",
	  0 },
	{ "linear-size", OPT_LINEAR_SIZE, "SIZE", 0,
	  "Bytes at ADDR; K, M and G may follow", 0 },
	{ "mmio", OPT_MMIO, "ADDR,SIZE", 0,
	  "Make that part of the trace's memory a device without memory, whose accesses come back one by one and are emulated. May be given more than once",
	  0 },
	{ NULL, 0, NULL, 0, "The run:", 2 },
	{ "threads", OPT_THREADS, "N", 0, "Virtual CPUs (1)", 0 },
	{ "batch", OPT_BATCH, "N", 0, "Most faults in one call (16)", 0 },
	{ "limit", OPT_LIMIT, "N", 0, "Stop after N accesses", 0 },
	{ "no-data", OPT_NO_DATA, NULL, 0,
	  "Move no data and compare none: faults, tables and the CPU only", 0 },
	{ "probe", OPT_PROBE, NULL, 0,
	  "Have the CPU walk to each page at the end, and beside it at each level. Needs CONFIG_AXAS_PROBE and a CPU that walks the format",
	  0 },
	{ "convert", OPT_CONVERT, "FILE", 0,
	  "Write the trace to FILE in a compact form, compressed if that ends in .zst, and run nothing. Needs no device; - is standard output",
	  0 },
	{ "json", OPT_JSON, NULL, 0, "Print JSON", 0 },
	{ "csv", OPT_CSV, NULL, 0,
	  "Print CSV: a line of names and one of values", 0 },
	{ "series", OPT_SERIES, "FILE", 0,
	  "Write figures over time to FILE, as CSV: a hundred lines, by accesses", 0 },
	{ "then", OPT_THEN, "COMMAND", 0,
	  "Give COMMAND to the shell at the end, while the space is still there; $AXAS_SPACE is its number",
	  0 },
	{ NULL, 0, NULL, 0, "The CPU, as it is modelled:", 3 },
	{ "cpu", OPT_CPU, "NAME", 0,
	  "A real one: skylake, zen or cortex-a55. What else is said of the CPU comes behind",
	  0 },
	{ "tlb", OPT_TLB, "N|CACHES", 0,
	  "TLBs of each virtual CPU: N entries for all leaves, in sets of four (64), or SIZES:SETSxWAYS,... as in i4K:16x8,d4K+2M:16x4/4K+2M:128x12, i for code, d for data, a slash before the second level",
	  0 },
	{ "walk-cache", OPT_WALK_CACHE, "off|CACHES", 0,
	  "What it keeps of walks of a guest's tables: LEVELS:SETSxWAYS,... as in 2:8x4,3+4:1x16",
	  0 },
	{ "nested-walk-cache", OPT_NESTED_WALK_CACHE, "off|CACHES", 0,
	  "... and of the nested table", 0 },
	{ "nested-tlb", OPT_NESTED_TLB, "off|SETSxWAYS", 0,
	  "What it keeps of guest physical addresses", 0 },
	{ NULL, 0, NULL, 0, "The guest:", 4 },
	{ "guest-paging", OPT_GUEST_PAGING, "off|4K|2M", 0,
	  "Leaves of the program's own page tables, which are built in guest memory; off: its addresses are guest physical ones (off)",
	  0 },
	{ "guest-format", OPT_GUEST_FORMAT, "x86-64|x86-64-la57|s1", 0,
	  "How their entries are encoded (x86-64); s1 is Arm's stage 1", 0 },
	{ "guest-layout", OPT_GUEST_LAYOUT, "dense|given", 0,
	  "Where its pages lie in guest memory: in the order of their first use, or at their addresses (dense)",
	  0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static const char args_doc[] = "TRACE";
static const char doc[] =
	"Run a program's memory trace in a guest physical address space.\n\n"
	"TRACE is what axas-trace or --convert writes, or text of valgrind's lackey, DynamoRIO's drmemtrace or Pin's pinatrace; - is standard input.\v"
	"Exit status: 0 if every byte matches, 1 if one doesn't or a figure of the module is wrong, 2 for trouble.";

/* A number from @min to @max, in any base of C, perhaps with K, M or G. */
static uint64_t parse_number(struct argp_state *state, const char *name,
			     const char *arg, uint64_t min, uint64_t max)
{
	unsigned long long n;
	unsigned int shift;
	char *end;

	n = number_with_unit(arg, "KMG", &end, &shift);
	if (end == arg || *end || errno || *arg == '-' ||
	    n > UINT64_MAX >> shift || n << shift < min || n << shift > max)
		argp_error(state, "--%s %s: not a number from %llu to %llu",
			   name, arg, (unsigned long long)min,
			   (unsigned long long)max);
	return n << shift;
}

/* --promote is a policy whose number the user gives. */
static unsigned int promote_least;

static unsigned int promote_at(const struct piece *p)
{
	(void)p;
	return promote_least;
}

static const struct policy promote = { .name = "promote", .least = promote_at };

static void parse_policy(struct argp_state *state, struct options *o,
			 const char *arg)
{
	if (!strcmp(arg, "list")) {
		list_policies();
		exit(EXIT_MATCH);
	}
	if (o->promote)
		argp_error(state, "--policy and --promote: only one of them");
	o->policy = find_policy(arg);
	if (!o->policy)
		argp_error(state, "--policy %s: no such policy; --policy list has them",
			   arg);
}

static void parse_hint(struct argp_state *state, struct options *o, char *arg)
{
	struct hint *h = &o->hint[o->nr_hints];
	char *size = strchr(arg, ',');

	if (o->nr_hints++ == HINTS_MAX)
		argp_error(state, "--hint: more than %u", HINTS_MAX);
	if (!size)
		argp_error(state, "--hint %s: not ADDR,SIZE", arg);
	*size++ = '\0';
	h->va = parse_number(state, "hint", arg, 0, UINT64_MAX);
	h->length = parse_number(state, "hint", size, 1, UINT64_MAX);
}

static void parse_mmio(struct argp_state *state, struct options *o, char *arg)
{
	struct mmio *m = &o->mmio[o->nr_mmio];
	char *size = strchr(arg, ',');
	unsigned int i;

	if (o->nr_mmio++ == MMIO_MAX)
		argp_error(state, "--mmio: more than %u devices", MMIO_MAX);
	if (!size)
		argp_error(state, "--mmio %s: not ADDR,SIZE", arg);
	*size++ = '\0';
	m->orig = parse_number(state, "mmio", arg, 0, UINT64_MAX - PAGE_SIZE);
	m->length = parse_number(state, "mmio", size, PAGE_SIZE, SIZE_1G);
	if ((m->orig | m->length) & (PAGE_SIZE - 1))
		argp_error(state, "--mmio: ADDR and SIZE must be multiples of 4096");
	for (i = 0; i + 1 < o->nr_mmio; i++)
		if (m->orig - o->mmio[i].orig < o->mmio[i].length ||
		    o->mmio[i].orig - m->orig < m->length)
			argp_error(state, "--mmio %s: meets another one", arg);
}

/* The leaves that it wants are possible; nothing else says of them. */
static void check_policy(struct argp_state *state, struct options *o)
{
	const char *name = o->promote ? "promote" : "policy";
	uint64_t leaf;

	if (!o->policy && o->nr_hints)
		argp_error(state, "--hint is for --policy hint");
	if (!o->policy)
		return;
	leaf = o->policy->small ? PAGE_SIZE : SIZE_2M;
	if ((o->leaf && o->leaf != leaf) || o->nr_mmio || o->backend != AXAS_BACKEND_ALLOC)
		argp_error(state, "--%s and another --leaf, --mmio or --backend don't go together",
			   name);
	if (o->policy->needs_hint != !!o->nr_hints)
		argp_error(state, "--hint and --policy hint go together");
	o->leaf = leaf;
}

static void check_options(struct argp_state *state, struct options *o)
{
	check_policy(state, o);
	if (!o->leaf)
		o->leaf = PAGE_SIZE;
	if (!o->guest_paging)
		o->guest = NULL;
	if (o->guest && o->nr_mmio)
		argp_error(state, "--mmio and --guest-paging don't go together");
	if (!o->trace)
		argp_error(state, "no TRACE; - reads standard input");
	if (o->json && o->csv)
		argp_error(state, "--json and --csv: only one of them");
	if (o->series && o->threads > 1)
		argp_error(state, "--series and --threads don't go together");
	if (o->probe && (o->nr_mmio || o->linear_size))
		argp_error(state, "--probe and --mmio or --linear-hpa don't go together");
	if (o->no_data && o->nr_mmio)
		argp_error(state, "--mmio and --no-data don't go together");
	if (!o->linear_hpa != !o->linear_size)
		argp_error(state, "--linear-hpa and --linear-size go together");
	if ((o->linear_hpa | o->linear_size) & (PAGE_SIZE - 1))
		argp_error(state, "--linear-hpa and --linear-size must be multiples of 4096");
}

static void parse_guest_paging(struct argp_state *state, struct options *o,
			       const char *arg)
{
	o->guest_paging = strcmp(arg, "off");
	if (!strcmp(arg, "2M"))
		o->guest_leaf = LEAF_2M;
	else if (!strcmp(arg, "4K") || !o->guest_paging)
		o->guest_leaf = LEAF_4K;
	else
		argp_error(state, "--guest-paging %s: not off, 4K or 2M", arg);
}

/* Options of the modelled CPU and of its guest. */
static error_t parse_model(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	const char *error = NULL, *name = NULL;

	switch (key) {
	case OPT_CPU:
		name = "cpu";
		error = parse_cpu(&o->cpu, arg);
		break;
	case OPT_TLB:
		name = "tlb";
		error = parse_tlb(&o->cpu.tlb, arg);
		break;
	case OPT_WALK_CACHE:
		name = "walk-cache";
		error = parse_walk_cache(&o->cpu.pwc, arg);
		break;
	case OPT_NESTED_WALK_CACHE:
		name = "nested-walk-cache";
		error = parse_walk_cache(&o->cpu.nested_pwc, arg);
		break;
	case OPT_NESTED_TLB:
		name = "nested-tlb";
		error = parse_nested_tlb(&o->cpu.nested_tlb, arg);
		break;
	case OPT_GUEST_PAGING:
		parse_guest_paging(state, o, arg);
		break;
	case OPT_GUEST_FORMAT:
		o->guest = guest_format(arg);
		if (!o->guest)
			argp_error(state, "--guest-format %s: not x86-64, x86-64-la57 or s1",
				   arg);
		break;
	case OPT_GUEST_LAYOUT:
		o->dense = !strcmp(arg, "dense");
		if (!o->dense && strcmp(arg, "given"))
			argp_error(state, "--guest-layout %s: not dense or given",
				   arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	if (error)
		argp_error(state, "--%s %s: %s", name, arg, error);
	return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case OPT_FORMAT:
		o->format = arg;
		break;
	case OPT_GPA_BITS:
		o->gpa_bits = parse_number(state, "gpa-bits", arg, 12, 63);
		break;
	case OPT_LEAF:
		o->leaf = parse_number(state, "leaf", arg, 0, UINT64_MAX);
		if (o->leaf == SIZE_1G)
			argp_error(state, "--leaf 1G: the kernel allocates no frames of 1 GiB, so alloc areas have leaves of 2M at most; linear memory (--linear-hpa) has larger ones of itself");
		if (o->leaf != PAGE_SIZE && o->leaf != SIZE_2M)
			argp_error(state, "--leaf %s: not 4K or 2M", arg);
		break;
	case OPT_POLICY:
		parse_policy(state, o, arg);
		break;
	case OPT_HINT:
		parse_hint(state, o, arg);
		break;
	case OPT_PROMOTE:
		o->promote = parse_number(state, "promote", arg, 2, 512);
		if (o->policy)
			argp_error(state, "--policy and --promote: only one of them");
		promote_least = o->promote;
		o->policy = &promote;
		break;
	case OPT_BACKEND:
		o->backend = !strcmp(arg, "alloc") ? AXAS_BACKEND_ALLOC :
			     parse_number(state, "backend", arg,
					  AXAS_BACKEND_MODULE, 31);
		break;
	case OPT_THREADS:
		o->threads = parse_number(state, "threads", arg, 1, 256);
		break;
	case OPT_BATCH:
		o->batch = parse_number(state, "batch", arg, 1, 65536);
		break;
	case OPT_LINEAR_HPA:
		o->linear_hpa = parse_number(state, "linear-hpa", arg,
					     PAGE_SIZE, UINT64_MAX);
		break;
	case OPT_LINEAR_SIZE:
		o->linear_size = parse_number(state, "linear-size", arg,
					      PAGE_SIZE, UINT64_MAX);
		break;
	case OPT_MMIO:
		parse_mmio(state, o, arg);
		break;
	case OPT_DEVICE:
		o->device = arg;
		break;
	case OPT_LIMIT:
		o->limit = parse_number(state, "limit", arg, 1, UINT64_MAX);
		break;
	case OPT_NO_DATA:
		o->no_data = true;
		break;
	case OPT_PROBE:
		o->probe = true;
		break;
	case OPT_CONVERT:
		o->convert = arg;
		break;
	case OPT_JSON:
		o->json = true;
		break;
	case OPT_CSV:
		o->csv = true;
		break;
	case OPT_SERIES:
		o->series = arg;
		break;
	case OPT_THEN:
		o->then = arg;
		break;
	case ARGP_KEY_ARG:
		if (o->trace)
			argp_error(state, "%s: only one TRACE", arg);
		o->trace = arg;
		break;
	case ARGP_KEY_END:
		check_options(state, o);
		break;
	default:
		return parse_model(key, arg, state);
	}
	return 0;
}

/* What parsing takes apart stays whole here. */
static char **copy_arguments(int argc, char **argv)
{
	char **copy = xcalloc(argc + 1, sizeof(*copy));
	int i;

	for (i = 0; i < argc; i++) {
		copy[i] = strdup(argv[i]);
		if (!copy[i])
			die("out of memory");
	}
	return copy;
}

static void run_command(const struct space *s, const char *command)
{
	char id[24];

	snprintf(id, sizeof(id), "%" PRId64, axas_id(s->fd));
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
		.device = "/dev/axas",
		.format = "host",
		.backend = AXAS_BACKEND_ALLOC,
		.threads = 1,
		.batch = 16,
		.limit = UINT64_MAX,
		.dense = true,
	};
	struct findings findings = { 0 };
	struct trace trace = { 0 };
	struct space space = { 0 };
	struct run run = { 0 };
	typeof(print_text) *print;

	parse_tlb(&o.cpu.tlb, "64");
	o.guest = guest_format("x86-64");
	argp_err_exit_status = EXIT_TROUBLE;
	o.argv = copy_arguments(argc, argv);
	argp_parse(&argp, argc, argv, 0, NULL, &o);

	if (o.convert) {
		convert_trace(&o);
		return EXIT_MATCH;
	}
	open_device(&space, &o);
	create_space(&space);
	open_trace(&trace, &o);
	lay_out(&trace, &o, space.gpa_bits);
	check_memory(&trace, &o);
	map_regions(&space, &trace, &o);
	run_trace(&run, &trace, &space, &o);
	/* The figures first: reading back is not part of the trace. */
	check_space(&findings, &run, &trace, &space, &o);
	if (o.probe)
		probe_space(&findings, &trace, &space);
	verify_memory(&findings, &run, &trace, &space);
	print = o.json ? print_json : o.csv ? print_csv : print_text;
	print(&findings, &run, &trace, &space, &o);
	free_trace(&trace);
	if (fflush(stdout) || ferror(stdout))
		die("cannot write the result: %s", strerror(errno));
	if (o.then)
		run_command(&space, o.then);
	return findings.ok ? EXIT_MATCH : EXIT_MISMATCH;
}
