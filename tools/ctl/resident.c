// SPDX-License-Identifier: GPL-2.0
/*
 * axasctl resident: what memory is there, in runs as AXAS_NEXT lists them. That takes
 * a descriptor of the space; here they are made of the lines of its table.
 */
#include <inttypes.h>
#include <string.h>

#include "ctl.h"

/* The run so far, of leaves side by side whatever they are, and those before it. */
struct resident {
	const struct figures *figures;
	bool json;
	uint64_t start, end, owned;
	uint64_t nr, total, total_owned;
};

static void print_json(const struct resident *r)
{
	struct json_object *o = json_object_new_object();

	json_add_address(o, "start", r->start);
	json_add_address(o, "end", r->end);
	json_add_number(o, "owned", r->owned);
	printf("%s  %s", r->nr ? ",\n" : "",
	       json_object_to_json_string_ext(o, JSON_C_TO_STRING_SPACED));
	json_object_put(o);
}

static void print_text(const struct resident *r)
{
	unsigned int bits = r->figures->gpa_bits;

	printf("%s-%s", address(r->start, bits).text, address(r->end, bits).text);
	printf(" %8s", size_short(r->end - r->start).text);
	printf(" %8s\n", size_short(r->owned).text);
}

static void end_run(struct resident *r)
{
	if (r->start == r->end)
		return;
	if (r->json)
		print_json(r);
	else
		print_text(r);
	r->nr++;
	r->total += r->end - r->start;
	r->total_owned += r->owned;
}

static void add_run(const struct run *run, void *arg)
{
	struct resident *r = arg;

	if (run->start != r->end) {
		end_run(r);
		r->start = run->start;
		r->owned = 0;
	}
	r->end = run->end;
	if (strstr(run->flags, "owned"))
		r->owned += run->end - run->start;
}

int show_resident(const struct request *req)
{
	struct space s = { .figures = { .id = req->id } };
	struct resident r = { .figures = &s.figures, .json = req->json };
	int width;

	read_figures(req->id, &s.figures);
	width = 2 * (int)strlen(address(0, s.figures.gpa_bits).text) + 1;
	if (r.json)
		puts("[");
	else
		printf("%-*s %8s %8s\n", width, "RANGE", "SIZE", "OWNED");
	read_runs(&s, add_run, &r);
	end_run(&r);
	if (r.json) {
		puts(r.nr ? "\n]" : "]");
		return 0;
	}
	printf("%" PRIu64 " run%s of %s", r.nr, r.nr == 1 ? "" : "s",
	       size_short(r.total).text);
	printf(", %s the space's own\n", size_short(r.total_owned).text);
	return 0;
}
