// SPDX-License-Identifier: GPL-2.0
/*
 * axasctl watch --latency: how long faults took, by powers of two.
 *
 * The kernel counts, as it does for watch. It calls 2^n what took more than
 * 2^(n-1) ns and no more than 2^n.
 */
#include <axas.h>
#include <inttypes.h>
#include <string.h>

#include "ctl.h"

#define LABEL	26	/* columns before a bar */
#define BAR	50

/* "{ result:   0, ns: ~ 2^13 } hitcount:   137" */
bool read_latency(struct latency *l, const char *line)
{
	unsigned int result, power;
	uint64_t hits;

	if (sscanf(line, "{ result: %u, ns: ~ 2^%u } hitcount: %" SCNu64,
		   &result, &power, &hits) != 3)
		return false;
	if (result < AXAS_NR_FAULT_RESULTS && power < NR_LATENCIES)
		l->now[power][result] = hits;
	return true;
}

/* Faults of a row since the last look. */
static uint64_t news(const struct latency *l, unsigned int power)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		sum += l->now[power][i] - l->last[power][i];
	return sum;
}

void keep_latency(struct latency *l)
{
	memcpy(l->last, l->now, sizeof(l->last));
}

/* From the first row that has any up to the last: [first, end) */
struct span {
	unsigned int first, end;
	uint64_t most;
};

static struct span span(const struct latency *l)
{
	struct span s = { .first = NR_LATENCIES };
	unsigned int n;
	uint64_t more;

	for (n = 0; n < NR_LATENCIES; n++) {
		more = news(l, n);
		if (!more)
			continue;
		if (s.first > n)
			s.first = n;
		s.end = n + 1;
		if (s.most < more)
			s.most = more;
	}
	return s;
}

static void print_bar(uint64_t part, uint64_t whole, const struct terminal *term)
{
	unsigned int width = term->columns < LABEL + BAR ?
			     term->columns - LABEL : BAR;
	unsigned int cells = (unsigned int)((double)part * width / (double)whole + 0.5);

	if (part && !cells)
		cells = 1;
	if (cells)
		fputs("  ", stdout);
	while (cells--)
		fputs(term->utf8 ? "\u2588" : "#", stdout);
	putchar('\n');
}

/* Lines that print_latency() will take. */
unsigned int latency_lines(const struct latency *l)
{
	struct span s = span(l);

	return s.most ? 1 + s.end - s.first : 0;
}

void print_latency(const struct latency *l, const struct terminal *term)
{
	struct span s = span(l);
	unsigned int n;

	if (s.most)
		puts("   up to ns    faults");
	for (n = s.first; n < s.end; n++) {
		printf("%11" PRIu64 " %9" PRIu64, UINT64_C(1) << n,
		       news(l, n));
		print_bar(news(l, n), s.most, term);
	}
}

struct json_object *json_latency(const struct latency *l)
{
	struct json_object *list = json_object_new_array(), *row;
	uint64_t more[AXAS_NR_FAULT_RESULTS];
	unsigned int n, i;

	for (n = 0; n < NR_LATENCIES; n++) {
		if (!news(l, n))
			continue;
		for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
			more[i] = l->now[n][i] - l->last[n][i];
		row = json_object_new_object();
		json_add_number(row, "above_ns", n ? UINT64_C(1) << (n - 1) : 0);
		json_add_number(row, "up_to_ns", UINT64_C(1) << n);
		json_object_object_add(row, "faults", json_faults(more));
		json_object_array_add(list, row);
	}
	return list;
}
