// SPDX-License-Identifier: GPL-2.0
/*
 * live: tests of axasctl heat.
 */
#define _GNU_SOURCE
#include <axas.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "live.h"

static atomic_bool stop;

/*
 * All of a cell, a page of another and one of what is sparse; and, when all cells are
 * known, one beside them.
 */
static void *write_on(void *arg)
{
	int s = *(int *)arg;
	struct stat st;
	uint64_t n;

	while (!atomic_load(&stop)) {
		for (n = 0; n < 128 * K; n += 4 * K)
			must(axas_write(s, G + 4 * M + n, "x", 1), "write");
		must(axas_write(s, G + 8 * M, "x", 1), "write");
		must(axas_write(s, 4 * T, "x", 1), "write");
		if (!stat("/tmp/heat", &st) && st.st_size)
			must(axas_write(s, 4 * T + G, "x", 1), "write");
		usleep(1000);
	}
	return NULL;
}

static void with_writer(int s, const char *command)
{
	pthread_t thread;

	unlink("/tmp/heat");
	atomic_store(&stop, false);
	EXPECT(!pthread_create(&thread, NULL, write_on, &s));
	EXPECT(runs(command, (int)axas_id(s)));
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
}

static int make_space(const struct axas_create *args)
{
	int s = must(axas_create(dev, args), "create");

	must(axas_map_alloc(s, G, 16 * M, RW), "map");
	must(axas_map_device(s, 2 * G, M, 1), "map");
	must(axas_map_alloc(s, 4 * T, T, RW), "map");
	must(axas_populate(s, 4 * T, 4 * K, NULL), "populate");
	return s;
}

/* 16 MiB and 2 MiB around what is there, in cells of 128 KiB */
static void check_interval(struct json_object *o)
{
	struct json_object *cells = get(o, "cells"), *cell;
	uint64_t start, written;
	size_t i;

	EXPECT(number(o, "cell_size") == 128 * K);
	EXPECT(number(o, "written") == 136 * K);
	EXPECT(number(o, "elsewhere") == 4 * K);
	EXPECT(json_object_array_length(cells) == 144);
	for (i = 0; i < json_object_array_length(cells); i++) {
		cell = json_object_array_get_idx(cells, i);
		start = hex(cell, "start");
		written = number(cell, "written");
		EXPECT(start == (i < 128 ? G : 4 * T - 16 * M) + i * 128 * K);
		EXPECT(hex(cell, "end") == start + 128 * K);
		EXPECT(written == (start == G + 4 * M ? 128 * K :
				   start == G + 8 * M || start == 4 * T ? 4 * K : 0));
	}
}

void test_ctl_heat(void)
{
	int s = make_space(NULL), n;
	char line[32 * K];
	FILE *f;

	with_writer(s, "axasctl heat %d --json --count 3 --interval 1 >/tmp/heat");
	f = fopen("/tmp/heat", "r");
	for (n = 0; f && fgets(line, sizeof(line), f); n++) {
		struct json_object *o = json_tokener_parse(line);

		EXPECT(o);
		/* In the last one all of it was written. */
		if (o && n == 2)
			check_interval(o);
		json_object_put(o);
	}
	EXPECT(n == 3);
	if (f)
		fclose(f);
	/* Nothing is written any more, and the tracker is gone. */
	EXPECT(axas_fault(s, G + 4 * M, AXAS_PROT_WRITE) == AXAS_FAULT_SPURIOUS);
	EXPECT(runs("axasctl heat %d --json --count 1 --interval 0.1 | grep -q '\"written\":0,\"elsewhere\":0'",
		    (int)axas_id(s)));
	close(s);
}

void test_ctl_heat_text(void)
{
	int s = make_space(NULL);

	with_writer(s, "axasctl heat %d --csv --count 2 --interval 0.5 >/tmp/heat");
	EXPECT(runs("[ $(wc -l </tmp/heat) -eq 289 ] && grep -q '^from,to,start,end,size,written$' /tmp/heat"));
	EXPECT(runs("grep -q '^[0-9.]*,[0-9.]*,0x40400000,0x40420000,131072,131072$' /tmp/heat"));
	/*
	 * What was elsewhere is there by now. 63 columns: cells of 512 KiB, of which a
	 * quarter is written, and less.
	 */
	with_writer(s, "axasctl heat %d --count 2 --interval 1 >/tmp/heat");
	EXPECT(runs("tail -n 3 /tmp/heat | grep -Eq '^ +[0-9]+\\.[0-9] +140K \\.{8}6\\.{7}1\\.{15}1\\.{3}1\\.{3}$'"));
	EXPECT(runs("grep -q '^  *|0x40000000 .*|0x40000000000' /tmp/heat"));
	EXPECT(runs("! awk 'length > 80' /tmp/heat | grep -q ."));
	with_writer(s, "axasctl heat %d --count 4 --interval 0.2 --svg - >/tmp/heat");
	EXPECT(runs("tail -n 1 /tmp/heat | grep -q '^</svg>$'"));
	EXPECT(runs("grep -q '>0x40000000000<' /tmp/heat && grep -q 'time (seconds)' /tmp/heat"));
	close(s);
}

/* All trackers of a space go by flags, or none. */
void test_ctl_heat_by_flags(void)
{
	const struct axas_create args = { .features = AXAS_FEAT_AD };
	int s = make_space(&args), t;

	t = must(axas_track(s, G, 16 * M, AXAS_TRACK_WRITTEN, AXAS_TRACK_BY_FLAGS, 0), "track");
	EXPECT(axas_track(s, G, M, AXAS_TRACK_WRITTEN, 0, 0) == -EBUSY);
	with_writer(s, "axasctl heat %d --csv --count 2 --interval 0.5 >/tmp/heat");
	EXPECT(runs("grep -q '^[0-9.]*,[0-9.]*,0x40400000,0x40420000,131072,131072$' /tmp/heat"));
	close(t);
	close(s);
}

/* Or its tracker would keep the space alive for ever. */
void test_ctl_heat_ends_with_its_process(void)
{
	EXPECT(runs("rm -f /tmp/number /tmp/heat; "
		    "axas-run --ram 1M -- sh -c 'echo $AXAS_SPACE >/tmp/number; "
		    "while [ ! -s /tmp/heat ]; do sleep 0.1; done' & "
		    "while [ ! -s /tmp/number ]; do sleep 0.1; done; "
		    "axasctl heat $(cat /tmp/number) >/tmp/heat 2>/tmp/err && wait $!"));
	EXPECT(runs("grep -q 'has ended$' /tmp/err"));
	EXPECT(runs("grep -q '^written: ' /tmp/heat"));
	EXPECT(runs("axasctl heat $(cat /tmp/number) 2>&1 | grep -q 'no space'"));
}
