// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: the table at the end, and whether its two sides agree: what the CPU has handed out
 * and what the space has counted.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vmm.h"

static const char *const exit_names[AXAS_VCPU_NR_EXITS] = {
	"nested fault", "port", "MSR", "HLT", "interrupt window", "shutdown", "other",
};
static const char *const exit_keys[AXAS_VCPU_NR_EXITS] = {
	"fault", "port", "msr", "hlt", "window", "shutdown", "other",
};
static const char *const leaf_names[] = { "4K", "2M", "1G" };

static uint64_t sum(const uint64_t *values, unsigned int nr)
{
	uint64_t all = 0;

	while (nr--)
		all += *values++;
	return all;
}

/* Each nested fault went to the space once, and the space counted the same results. */
static bool agrees(const struct counts *c, const struct axas_stats *stats)
{
	const uint64_t *memory = c->results[AXAS_BUS_MEMORY];
	const uint64_t *ports = c->results[AXAS_BUS_PORT];
	const uint64_t *msrs = c->results[AXAS_BUS_SYSREG];
	unsigned int i;

	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		if (memory[i] + ports[i] + msrs[i] != stats->faults[i])
			return false;
	return sum(memory, AXAS_NR_FAULT_RESULTS) == c->exits[AXAS_VCPU_EXIT_FAULT] &&
	       sum(ports, AXAS_NR_FAULT_RESULTS) == c->exits[AXAS_VCPU_EXIT_IO] &&
	       sum(msrs, AXAS_NR_FAULT_RESULTS) == c->exits[AXAS_VCPU_EXIT_MSR];
}

static double seconds(uint64_t ns)
{
	return ns / 1e9;
}

static double tsc_seconds(const struct vmm *vmm, uint64_t ticks)
{
	return ticks / 1e3 / vmm->tsc_khz;
}

static double us_per(const struct vmm *vmm, uint64_t ticks, uint64_t nr)
{
	return nr ? tsc_seconds(vmm, ticks) * 1e6 / nr : 0;
}

/* ---- text ---- */

static void row(const char *name, uint64_t value)
{
	printf("  %-32s %12" PRIu64 "\n", name, value);
}

static void text_results(const char *what, const uint64_t *results)
{
	unsigned int i;

	if (sum(results, AXAS_NR_FAULT_RESULTS))
		printf("%s\n", what);
	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		if (results[i])
			row(axas_result_name(i), results[i]);
}

static void text_exits(const struct counts *c)
{
	unsigned int i;

	printf("exits\n");
	for (i = 0; i < AXAS_VCPU_NR_EXITS; i++)
		if (c->exits[i])
			row(exit_names[i], c->exits[i]);
	row("ended by this process", c->interrupted);
	row("interrupts taken", c->interrupts);
}

static void text_space(const struct axas_stats *stats)
{
	unsigned int i;

	printf("space\n");
	row("KiB resident", stats->resident >> 10);
	for (i = 0; i < 3; i++)
		if (stats->leaves[i])
			printf("  leaves of %-22s %12" PRIu64 "\n", leaf_names[i],
			       (uint64_t)stats->leaves[i]);
	row("tables", sum((const uint64_t *)stats->tables, 5));
	row("levels that a CPU walks", stats->levels);
}

static void text(const struct vmm *vmm, const struct axas_stats *stats,
		 uint64_t ns, bool ok)
{
	const struct counts *c = &vmm->counts;
	uint64_t faults = c->exits[AXAS_VCPU_EXIT_FAULT];

	printf("\nthe guest has ended (%s) after %.2f s: it ran for %.2f, and waited for %.2f\n",
	       vmm->end, seconds(ns), tsc_seconds(vmm, c->run_ticks),
	       seconds(c->halt_ns));
	text_exits(c);
	text_results("nested faults", c->results[AXAS_BUS_MEMORY]);
	row("... of page-table walks", c->walks);
	printf("  %-32s %12.2f\n", "us in AXAS_FAULT, each",
	       us_per(vmm, c->fault_ticks, faults));
	if (c->results[AXAS_BUS_MEMORY][AXAS_FAULT_DEVICE]) {
		row("... emulated reads", c->mmio_reads);
		row("... emulated writes", c->mmio_writes);
	}
	text_results("ports", c->results[AXAS_BUS_PORT]);
	text_results("MSRs", c->results[AXAS_BUS_SYSREG]);
	text_space(stats);
	printf("the space has counted %s\n", ok ? "the same" : "SOMETHING ELSE");
}

/* ---- JSON ---- */

static void json_results(const char *key, const uint64_t *results)
{
	unsigned int i;

	printf("  \"%s\": {", key);
	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		printf("%s \"%s\": %" PRIu64, i ? "," : "", axas_result_name(i),
		       results[i]);
	printf(" },\n");
}

static void json_list(const char *key, const __u64 *values, unsigned int nr)
{
	unsigned int i;

	printf("  \"%s\": [", key);
	for (i = 0; i < nr; i++)
		printf("%s %" PRIu64, i ? "," : "", (uint64_t)values[i]);
	printf(" ],\n");
}

static void json(const struct vmm *vmm, const struct axas_stats *stats,
		 uint64_t ns, bool ok)
{
	const struct counts *c = &vmm->counts;
	unsigned int i;

	printf("{\n  \"end\": \"%s\",\n  \"status\": %d,\n", vmm->end, vmm->status);
	printf("  \"seconds\": %.3f,\n  \"seconds_run\": %.3f,\n  \"seconds_halted\": %.3f,\n",
	       seconds(ns), tsc_seconds(vmm, c->run_ticks), seconds(c->halt_ns));
	printf("  \"ram\": %" PRIu64 ",\n  \"exits\": {", vmm->ram);
	for (i = 0; i < AXAS_VCPU_NR_EXITS; i++)
		printf("%s \"%s\": %" PRIu64, i ? "," : "", exit_keys[i],
		       c->exits[i]);
	printf(" },\n  \"interrupted\": %" PRIu64 ",\n  \"interrupts\": %" PRIu64 ",\n",
	       c->interrupted, c->interrupts);
	json_results("faults", c->results[AXAS_BUS_MEMORY]);
	json_results("ports", c->results[AXAS_BUS_PORT]);
	json_results("msrs", c->results[AXAS_BUS_SYSREG]);
	printf("  \"mmio\": { \"reads\": %" PRIu64 ", \"writes\": %" PRIu64 " },\n",
	       c->mmio_reads, c->mmio_writes);
	printf("  \"walks\": %" PRIu64 ",\n  \"us_per_fault\": %.3f,\n", c->walks,
	       us_per(vmm, c->fault_ticks, c->exits[AXAS_VCPU_EXIT_FAULT]));
	printf("  \"resident\": %" PRIu64 ",\n", (uint64_t)stats->resident);
	json_list("leaves", stats->leaves, 3);
	json_list("tables", stats->tables, 5);
	printf("  \"levels\": %u,\n  \"agrees\": %s\n}\n", stats->levels,
	       ok ? "true" : "false");
}

/**
 * report() - say what has happened
 * @vmm: the guest, which has ended
 * @as_json: for programs
 *
 * Return: exit status of this process.
 */
int report(const struct vmm *vmm, bool as_json)
{
	uint64_t ns = vmm_now() - vmm->begun;
	struct axas_stats stats;
	int err = axas_stats(vmm->space, &stats);
	bool ok;

	if (err)
		die("no figures of the space: %s", strerror(-err));
	ok = agrees(&vmm->counts, &stats);
	(as_json ? json : text)(vmm, &stats, ns, ok);
	return ok ? vmm->status : VMM_TROUBLE;
}
