// SPDX-License-Identifier: GPL-2.0
/*
 * live - tests of what axas-replay says of a run besides its result: figures over time,
 * options, times, and whether there is memory for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "live.h"

/* A store to each of @nr places, @step apart. */
static void write_trace(unsigned int nr, uint64_t step)
{
	FILE *trace = fopen("/tmp/trace", "w");
	unsigned int i;

	for (i = 0; i < nr; i++)
		fprintf(trace, " S %llx,8\n", (unsigned long long)(G + i * step));
	fclose(trace);
}

/* 40,000 pages, each once: after a half of the accesses half of all is there. */
void test_replay_series(void)
{
	unsigned long long row[7], last[7] = { 0 }, rows = 0;
	char line[256];
	FILE *csv;

	write_trace(40000, 4 * K);
	EXPECT(runs("axas-replay --no-data --format ept --series /tmp/series /tmp/trace >/tmp/text"));
	csv = fopen("/tmp/series", "r");
	EXPECT(csv && fgets(line, sizeof(line), csv));
	EXPECT(!strcmp(line, "accesses,touched,resident,faults,walks,refs,leaves_2M\n"));
	while (csv && fscanf(csv, "%llu,%llu,%llu,%llu,%llu,%llu,%llu", &row[0],
			     &row[1], &row[2], &row[3], &row[4], &row[5], &row[6]) == 7) {
		rows++;
		EXPECT(row[0] > last[0] && row[1] == row[0]);
		/* What a batch has brought in is resident before it is accessed. */
		EXPECT(row[2] >= row[1] && row[2] < row[1] + 64);
		EXPECT(row[3] == row[2] && row[4] == row[0] && row[5] == 4 * row[4]);
		memcpy(last, row, sizeof(last));
	}
	EXPECT(rows > 10 && rows < 103 && last[0] == 40000);
	fclose(csv);
	EXPECT(runs("axas-replay --series /tmp/series --threads 2 /tmp/trace 2>&1 | grep -q \"don't go together\""));
	EXPECT(runs("axas-replay --series /none/x /tmp/trace 2>&1 | grep -q 'cannot write /none/x'"));
}

/* 16 GiB by 2 MiB leaves, 32 MiB by small ones. */
void test_replay_asks_for_memory(void)
{
	write_trace(8192, 2 * M);
	EXPECT(runs("axas-replay --leaf 2M --no-data /tmp/trace 2>&1 | grep -q 'may take 16384 MiB, and [0-9]* MiB are available; leaves of 4 KiB (--leaf 4K) take less, or'"));
	EXPECT(runs("axas-replay --policy hawkeye --no-data /tmp/trace 2>&1 | grep -q 'may take 16384 MiB'"));
	EXPECT(runs("axas-replay --policy hint --hint 1G,32G /tmp/trace 2>&1 | grep -q 'may take 16416 MiB.*--no-data takes its second'"));
	EXPECT(runs("axas-replay --policy ingens --no-data /tmp/trace | grep -q '^resident      32.0 MiB'"));
	/* The same of a cgroup, which has a limit of its own. */
	EXPECT(runs("mkdir -p /sys/fs/cgroup/small && echo +memory >/sys/fs/cgroup/cgroup.subtree_control && echo 24M >/sys/fs/cgroup/small/memory.max"));
	EXPECT(runs("sh -c 'echo $$ >/sys/fs/cgroup/small/cgroup.procs && exec axas-replay --no-data /tmp/trace' 2>&1 | grep -q 'may take 32 MiB, and [0-9]* MiB are'"));
	EXPECT(runs("rmdir /sys/fs/cgroup/small"));
}

/* All options are in the result, also those that are taken apart. */
void test_replay_options(void)
{
	write_trace(300, 4 * K);
	EXPECT(runs("axas-replay --mmio 0x40000000,4K --batch=8 --json /tmp/trace >/tmp/text"));
	EXPECT(runs("grep -q '\"options\": \\[ \"--mmio\", \"0x40000000,4K\", \"--batch=8\", \"--json\", \"/tmp/trace\" \\],$' /tmp/text"));
	EXPECT(runs("grep -q '\"fault_ns\": { \"clock\": \"[a-z]*\", \"p50\": [1-9][0-9]*, \"p90\": [1-9][0-9]*, \"p99\": [1-9][0-9]*, \"max\": [1-9][0-9]* }' /tmp/text"));
	EXPECT(runs("axas-replay --csv --policy thp /tmp/trace | grep -q '\"--csv --policy thp /tmp/trace\"'"));
	/* The guest of this test is QEMU's. */
	EXPECT(runs("grep -q 'TCG\\|implementer.*0x00' /proc/cpuinfo") ==
	       runs("axas-replay /tmp/trace | grep -q '^fault times  *half within .*; emulated$'"));
}
