/* SPDX-License-Identifier: GPL-2.0 */
/*
 * live - test libaxas, axasctl, axas-migrate, axas-run and axas-replay over the module
 *
 * base.c     what a test is, and what most of them need
 * library.c  tests of the library
 * ctl.c      tests of axasctl
 * watch.c    ... and of its watch
 * heat.c     ... and heat
 * run.c      tests of axas-run
 * migrate.c  tests of axas-migrate
 * policy.c   tests of the policies of axas-replay
 * figures.c  ... and of what else it says
 * live.c     the space, the list of tests, and the other programs
 *
 * live.c calls all others, the tests call base.c, and that calls none.
 */
#ifndef AXAS_LIVE_H
#define AXAS_LIVE_H

#include <axas.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define K	(UINT64_C(1) << 10)
#define M	(UINT64_C(1) << 20)
#define G	(UINT64_C(1) << 30)
#define T	(UINT64_C(1) << 40)
#define RW	(AXAS_PROT_READ | AXAS_PROT_WRITE)

/* base.c */
extern int dev, space, id;	/* the device; the space that tests look at */
extern const char *skip;	/* why the test that runs doesn't */

void expect(bool ok, const char *what, const char *file, int line);
#define EXPECT(cond)	expect(cond, #cond, __FILE_NAME__, __LINE__)

void test(const char *name, void (*fn)(void));
unsigned int failed_tests(void);
bool runs(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int must(int value, const char *what);
void touch(uint64_t gpa);
struct json_object *ctl(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
struct json_object *get(struct json_object *o, const char *key);
uint64_t number(struct json_object *o, const char *key);
uint64_t hex(struct json_object *o, const char *key);

/* library.c */
void test_info(void);
void test_format_names(void);
void test_faults(void);
void test_part_of_an_array(void);
void test_translate(void);
void test_memory(void);
void test_areas(void);
void test_changes(void);
void test_alias(void);
void test_resize(void);
void test_move(void);
void test_collapse(void);
void test_track(void);
void test_linear(void);
void test_root(void);

/* ctl.c */
void test_ctl_stats(void);
void test_ctl_map(void);
void test_ctl_joined(void);
void test_ctl_rom(void);
void test_ctl_devices(void);
void test_ctl_dump(void);
void test_ctl_tree(void);
void test_ctl_resident(void);
void test_ctl_info(void);
void test_format_of_a_plugin(void);
void test_ctl_text(void);
void test_ctl_space_ends(void);
void test_ctl_s2(void);

/* watch.c */
void test_ctl_watch(void);
void test_ctl_watch_text(void);
void test_ctl_watch_latency(void);
void test_ctl_watch_latency_text(void);
void test_ctl_watch_ends_with_its_space(void);
void test_ctl_watch_drops(void);
void test_ctl_watch_is_interrupted(void);

/* heat.c */
void test_ctl_heat(void);
void test_ctl_heat_text(void);
void test_ctl_heat_by_flags(void);
void test_ctl_heat_ends_with_its_process(void);

/* run.c */
void test_run_files(void);
void test_run_memory(void);
void test_run_format(void);
void test_run_status(void);
void test_run_sees_the_end(void);
void test_run_forwards_signals(void);
void test_run_takes_its_command_along(void);

/* migrate.c */
void test_migrate_under_load(void);
void test_migrate_converges(void);
void test_migrate_after_a_break(void);
void test_migrate_to_who_knows_nothing(void);
void test_migrate_another_process(void);
void test_migrate_back_to_the_guest(void);

/* policy.c */
void test_replay_policies(void);
void test_replay_hawkeye(void);
void test_replay_policy_mistakes(void);

/* figures.c */
void test_replay_series(void);
void test_replay_asks_for_memory(void);
void test_replay_options(void);

#endif /* AXAS_LIVE_H */
