// SPDX-License-Identifier: GPL-2.0
/*
 * live - test libaxas, axasctl, axas-migrate, axas-run and axas-replay over the
 * module; prints TAP
 *
 * It makes a space of many kinds through the library, and compares what axasctl
 * says of it with what the library says. With arguments it runs them as a
 * command instead, while that space is there; $AXAS_SPACE is its number.
 *
 * axasctl, axas-migrate, axas-run, axas-replay and the examples are looked for in
 * $PATH. Linear areas are tested where $AXAS_RESERVED_HPA is 2 MiB that the kernel doesn't use.
 */
#include <axas.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live.h"

/* 2 MiB leaves, small ones, a device, and 64 TiB with a page here and there. */
static void make_space(void)
{
	struct axas_map map = {
		.gpa = 2 * G, .length = 256 * M, .prot = RW, .cookie = 7,
		.backend = AXAS_BACKEND_ALLOC, .max_leaf = 2 * M,
	};
	struct axas_create create = {
		.format = AXAS_FORMAT_EPT, .gpa_bits = 48,
	};
	uint64_t n;

	dev = must(axas_open(NULL), "open");
	space = must(axas_create(dev, &create), "create");
	id = must(axas_id(space), "id");
	must(axas_map_alloc(space, 0, 640 * K, RW | AXAS_PROT_EXEC), "map");
	must(axas_map_device(space, 0xfee00000, 4 * K, 3), "map device");
	must(axas_device_add(space, AXAS_BUS_PORT, 0x3f8, 0x3ff, 8), "port");
	must(axas_device_add(space, AXAS_BUS_SYSREG, 0xc0000080, 0xc0000084, 9),
	     "sysreg");
	must(axas_map(space, &map), "map 2M");
	must(axas_map_alloc(space, 64 * T, 64 * T, RW), "map 64T");
	for (n = 0; n < 640 * K; n += n < 64 * K ? 4 * K : 12 * K)
		touch(n);
	for (n = 0; n < 32; n++)
		touch(2 * G + n * n / 4 * 2 * M + n * 4 * K);
	for (n = 0; n < 64; n++)
		touch(2 * G + 200 * M + n * 68 * K);
	must(axas_unmap(space, 2 * G + 2 * M, 16 * K), "unmap");
	for (n = 0; n < 40; n++)
		touch(64 * T + n * n * n * G + n * 4 * K);
}

static void test_examples(void)
{
	EXPECT(runs("example | grep -q '^fault at 0x80001234: resolved$'"));
	EXPECT(runs("readme_example | grep -q '^fault: resolved$'"));
}

/* Results have one name everywhere. */
static void test_replay(void)
{
	uint32_t i;

	EXPECT(runs("printf 'I  0401ab70,3\\n S 1ffeffe7e0,8\\n' >/tmp/trace"));
	EXPECT(runs("axas-replay --json /tmp/trace >/tmp/json"));
	EXPECT(runs("axas-replay /tmp/trace >/tmp/text"));
	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++) {
		EXPECT(runs("grep -q '\"%s\": [0-9]' /tmp/json",
			    axas_result_name(i)));
		EXPECT(runs("grep -q '[0-9] %s' /tmp/text", axas_result_name(i)));
	}
}

/* The same whatever the trace's form, and where it comes from. */
static void test_replay_forms(void)
{
	static const char figures[] = "sed '/seconds\\|ns_per\\|fault_ns\\|\"trace\"\\|\"options\"/d'";

	EXPECT(runs("for i in 1 2 3 4 5 6 7 8 9; do for k in 'I ' ' L' ' S' ' M'; do echo \"$k ${i}0ff${i}fc,8\"; done; done >/tmp/trace"));
	EXPECT(runs("axas-replay --convert /tmp/trace.axt /tmp/trace"));
	EXPECT(runs("axas-replay --json /tmp/trace | %s >/tmp/text", figures));
	EXPECT(runs("grep -q '\"all\": 36,' /tmp/text"));
	EXPECT(runs("axas-replay --json /tmp/trace.axt | %s | cmp - /tmp/text", figures));
	EXPECT(runs("cat /tmp/trace | axas-replay --json - | %s | cmp - /tmp/text", figures));
	EXPECT(runs("cat /tmp/trace.axt | TMPDIR=/tmp axas-replay --json - | %s | cmp - /tmp/text", figures));
	EXPECT(runs("cat /tmp/trace | TMPDIR=/none axas-replay - 2>&1 | grep -q 'TMPDIR may name another'"));
	EXPECT(runs("printf ' S 1000,8\\n S 20' | axas-replay - 2>/tmp/err | grep -q '^accesses  *1: '"));
	EXPECT(runs("grep -q 'last line, 2, is cut short' /tmp/err"));
}

/* References of a walk, over the tables that the module makes. */
static void test_replay_walks(void)
{
	static const struct {
		const char *options, *refs;
	} walks[] = {
		{ "", "4" },
		{ "--leaf 2M", "3" },
		{ "--gpa-bits 39", "3" },
		{ "--guest-paging 4K", "24" },
		{ "--guest-paging 4K --leaf 2M", "19" },
		{ "--guest-paging 2M --guest-layout given", "19" },
		{ "--guest-paging 2M --leaf 2M", "15" },
		{ "--guest-paging 4K --guest-format s1", "24" },
		{ "--guest-paging 4K --gpa-bits 39", "19" },
		{ "--guest-paging 4K --guest-format x86-64-la57 --gpa-bits 57", "35" },
	};
	size_t i;

	EXPECT(runs("printf 'I  0401ab70,3\\n S 1ffeffe7e0,8\\n M 0401bffc,8\\n' >/tmp/trace"));
	for (i = 0; i < ARRAY_SIZE(walks); i++)
		EXPECT(runs("axas-replay --format ept %s /tmp/trace | grep -q '^walks .* of %s.00 references each'",
			    walks[i].options, walks[i].refs));
	EXPECT(runs("echo ' S 1000000000000,8' | axas-replay --guest-paging 4K - 2>&1 | grep -q 'wider than the 48 bits of --guest-format x86-64$'"));
	/* Four pages, of which the second of the code is only written to. */
	EXPECT(runs("axas-replay --guest-paging 4K /tmp/trace | grep -q '^TLB level 1   4K: 0 hits, 4 misses$'"));
	EXPECT(runs("axas-replay --guest-paging 4K --leaf 2M /tmp/trace | grep -q '^result  *ok$'"));
}

/* Three pages of one piece of 2 MiB, and six of the next. */
static void test_replay_promotes(void)
{
	EXPECT(runs("for i in 400 401 5ff 600 601 602 680 7fe 7ff; do echo \" S ${i}ff8,8\"; done >/tmp/trace"));
	EXPECT(runs("axas-replay --promote 6 --batch 1 /tmp/trace >/tmp/text"));
	EXPECT(runs("grep -q '^promotions    1, 0 refused; 2 first pages' /tmp/text"));
	EXPECT(runs("grep -q '^leaves        3 of 4K, 1 of 2M, 0 of 1G$' /tmp/text"));
	EXPECT(runs("grep -q '^TLB level 1   4K: 0 hits, 8 misses; 2M: 0 hits, 1 misses$' /tmp/text"));
	EXPECT(runs("axas-replay --promote 7 --threads 2 /tmp/trace | grep -q '^leaves        9 of 4K, 0 of 2M'"));
	EXPECT(runs("axas-replay --promote 3 --guest-paging 2M /tmp/trace | grep -q '^leaves        3 of 4K, 2 of 2M'"));
	EXPECT(runs("axas-replay --promote 3 --leaf 4K /tmp/trace 2>&1 | grep -q \"don't go together\""));
}

static int run_command(char **argv)
{
	int status = 1;
	char text[16];
	pid_t pid;

	snprintf(text, sizeof(text), "%d", id);
	setenv("AXAS_SPACE", text, 1);
	/* The space is closed on exec: not in this process. */
	pid = fork();
	if (!pid) {
		execvp(argv[0], argv);
		printf("live: %s: %s\n", argv[0], strerror(errno));
		_exit(1);
	}
	waitpid(pid, &status, 0);
	return !!status;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*fn)(void);
	} tests[] = {
		{ "info", test_info },
		{ "format_names", test_format_names },
		{ "faults", test_faults },
		{ "part_of_an_array", test_part_of_an_array },
		{ "translate", test_translate },
		{ "memory", test_memory },
		{ "areas", test_areas },
		{ "changes", test_changes },
		{ "alias", test_alias },
		{ "resize", test_resize },
		{ "move", test_move },
		{ "collapse", test_collapse },
		{ "track", test_track },
		{ "linear", test_linear },
		{ "root", test_root },
		{ "ctl_info", test_ctl_info },
		{ "format_of_a_plugin", test_format_of_a_plugin },
		{ "ctl_stats", test_ctl_stats },
		{ "ctl_map", test_ctl_map },
		{ "ctl_joined", test_ctl_joined },
		{ "ctl_rom", test_ctl_rom },
		{ "ctl_devices", test_ctl_devices },
		{ "ctl_dump", test_ctl_dump },
		{ "ctl_tree", test_ctl_tree },
		{ "ctl_resident", test_ctl_resident },
		{ "ctl_text", test_ctl_text },
		{ "ctl_s2", test_ctl_s2 },
		{ "ctl_watch", test_ctl_watch },
		{ "ctl_watch_text", test_ctl_watch_text },
		{ "ctl_watch_latency", test_ctl_watch_latency },
		{ "ctl_watch_latency_text", test_ctl_watch_latency_text },
		{ "ctl_watch_ends_with_its_space",
		  test_ctl_watch_ends_with_its_space },
		{ "ctl_watch_drops", test_ctl_watch_drops },
		{ "ctl_watch_is_interrupted", test_ctl_watch_is_interrupted },
		{ "ctl_heat", test_ctl_heat },
		{ "ctl_heat_text", test_ctl_heat_text },
		{ "ctl_heat_by_flags", test_ctl_heat_by_flags },
		{ "ctl_heat_ends_with_its_process",
		  test_ctl_heat_ends_with_its_process },
		{ "ctl_space_ends", test_ctl_space_ends },
		{ "run_files", test_run_files },
		{ "run_memory", test_run_memory },
		{ "run_format", test_run_format },
		{ "run_status", test_run_status },
		{ "run_sees_the_end", test_run_sees_the_end },
		{ "run_forwards_signals", test_run_forwards_signals },
		{ "run_takes_its_command_along", test_run_takes_its_command_along },
		{ "migrate_under_load", test_migrate_under_load },
		{ "migrate_converges", test_migrate_converges },
		{ "migrate_after_a_break", test_migrate_after_a_break },
		{ "migrate_to_who_knows_nothing",
		  test_migrate_to_who_knows_nothing },
		{ "migrate_another_process", test_migrate_another_process },
		{ "migrate_back_to_the_guest", test_migrate_back_to_the_guest },
		{ "examples", test_examples },
		{ "replay", test_replay },
		{ "replay_forms", test_replay_forms },
		{ "replay_walks", test_replay_walks },
		{ "replay_promotes", test_replay_promotes },
		{ "replay_policies", test_replay_policies },
		{ "replay_hawkeye", test_replay_hawkeye },
		{ "replay_policy_mistakes", test_replay_policy_mistakes },
		{ "replay_series", test_replay_series },
		{ "replay_asks_for_memory", test_replay_asks_for_memory },
		{ "replay_options", test_replay_options },
	};
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	make_space();
	if (argc > 1)
		return run_command(argv + 1);
	printf("TAP version 13\n1..%zu\n", ARRAY_SIZE(tests));
	for (i = 0; i < ARRAY_SIZE(tests); i++)
		test(tests[i].name, tests[i].fn);
	return !!failed_tests();
}
