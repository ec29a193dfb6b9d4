// SPDX-License-Identifier: GPL-2.0
/*
 * axasctl: look at live guest physical address spaces.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

const char *argp_program_version = "axasctl " VERSION;

enum { EXIT_USAGE = 2 };

enum {
	OPT_JSON = 256,
	OPT_SVG,
	OPT_WIDTH,
	OPT_FONT_SIZE,
	OPT_TITLE,
	OPT_NO_TITLE,
	OPT_SCALE,
	OPT_COUNT,
	OPT_INTERVAL,
	OPT_LATENCY,
	OPT_TREE,
	OPT_CSV,
	OPT_USED,
};

static const struct argp_option only_json[] = {
	{ "json", OPT_JSON, NULL, 0, "Print JSON", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static const struct argp_option dump_options[] = {
	{ "json", OPT_JSON, NULL, 0, "Print JSON", 0 },
	{ "tree", OPT_TREE, NULL, 0,
	  "Print the tables instead, and how full they are", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static const struct argp_option map_options[] = {
	{ "json", OPT_JSON, NULL, 0, "Print JSON", 0 },
	{ "svg", OPT_SVG, "FILE", 0,
	  "Draw into FILE as SVG; - is standard output", 0 },
	{ "width", OPT_WIDTH, "LENGTH", 0,
	  "Width of that picture, in pixels or with in, cm, mm or pt (760)", 0 },
	{ "font-size", OPT_FONT_SIZE, "LENGTH", 0,
	  "Size of its text (11)", 0 },
	{ "title", OPT_TITLE, "TEXT", 0, "What stands above it", 0 },
	{ "no-title", OPT_NO_TITLE, NULL, 0, "Nothing stands above it", 0 },
	{ "scale", OPT_SCALE, "own|common|log", 0,
	  "How long the bar of an area is (own: all are the same)", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static const struct argp_option watch_options[] = {
	{ "json", OPT_JSON, NULL, 0, "Print JSON, a line each time", 0 },
	{ "count", OPT_COUNT, "N", 0, "Stop after N times", 0 },
	{ "interval", OPT_INTERVAL, "SECONDS", 0,
	  "Time from one to the next (1)", 0 },
	{ "latency", OPT_LATENCY, NULL, 0,
	  "How long faults took, as a histogram", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static const struct argp_option heat_options[] = {
	{ "json", OPT_JSON, NULL, 0, "Print JSON, a line each time", 0 },
	{ "csv", OPT_CSV, NULL, 0, "Print CSV, a line for each cell", 0 },
	{ "used", OPT_USED, NULL, 0, "What is used, and not what is written", 0 },
	{ "svg", OPT_SVG, "FILE", 0,
	  "Draw into FILE as SVG at the end; - is standard output", 0 },
	{ "width", OPT_WIDTH, "LENGTH", 0,
	  "Width of that picture, in pixels or with in, cm, mm or pt (760)", 0 },
	{ "font-size", OPT_FONT_SIZE, "LENGTH", 0,
	  "Size of its text (11)", 0 },
	{ "title", OPT_TITLE, "TEXT", 0, "What stands above it", 0 },
	{ "no-title", OPT_NO_TITLE, NULL, 0, "Nothing stands above it", 0 },
	{ "count", OPT_COUNT, "N", 0, "Stop after N times", 0 },
	{ "interval", OPT_INTERVAL, "SECONDS", 0,
	  "Time from one to the next (1)", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

enum id_use { NO_ID, MAY_ID, MUST_ID };

static const struct command {
	const char *name;
	int (*run)(const struct request *req);
	enum id_use id;
	const struct argp_option *options;
	const char *doc;
} commands[] = {
	{ "info", show_info, NO_ID, only_json,
	  "Print what the module can do, by format." },
	{ "list", show_list, NO_ID, only_json,
	  "List the spaces that are alive." },
	{ "stats", show_stats, MAY_ID, only_json,
	  "Print the figures of the space with number ID, or of all." },
	{ "dump", show_dump, MUST_ID, dump_options,
	  "Print the table of the space with number ID, runs of alike leaves folded." },
	{ "resident", show_resident, MUST_ID, only_json,
	  "List what memory is there in the space with number ID, in runs." },
	{ "map", show_map, MUST_ID, map_options,
	  "Draw the space with number ID: its areas, and what is mapped there with which leaves." },
	{ "watch", show_watch, MAY_ID, watch_options,
	  "Print faults per second by result, of the space with number ID or of all." },
	{ "heat", show_heat, MUST_ID, heat_options,
	  "Draw what is written, or used, in the space with number ID: address over time." },
};

struct parse {
	const struct command *command;
	struct request req;
	const char *for_svg;	/* an option that was given */
};

static uint64_t parse_number(struct argp_state *state, const char *what,
				  const char *arg, uint64_t max)
{
	uint64_t n;
	char *end;

	errno = 0;
	n = strtoull(arg, &end, 10);
	if (*arg < '0' || *arg > '9' || *end || errno || !n || n > max)
		argp_error(state, "%s %s: not a number from 1 to %" PRIu64, what,
			   arg, max);
	return n;
}

static double parse_seconds(struct argp_state *state, const char *arg)
{
	double seconds;
	char *end;

	seconds = strtod(arg, &end);
	if (end == arg || *end || !(seconds >= 0.01 && seconds <= 86400))
		argp_error(state, "--interval %s: not from 0.01 to 86400 seconds",
			   arg);
	return seconds;
}

/* Pixels, of which an inch has 96. */
static double parse_length(struct argp_state *state, const char *what,
			   const char *arg, double min, double max)
{
	static const struct {
		const char *name;
		double pixels;
	} units[] = {
		{ "", 1 }, { "px", 1 }, { "in", 96 }, { "cm", 96 / 2.54 },
		{ "mm", 96 / 25.4 }, { "pt", 96 / 72.0 },
	};
	double length;
	char *end;
	size_t i;

	length = strtod(arg, &end);
	for (i = 0; end != arg && i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].name))
			continue;
		length *= units[i].pixels;
		if (length >= min && length <= max)
			return length;
	}
	argp_error(state, "%s %s: not from %g to %g pixels; in, cm, mm and pt may follow a number",
		   what, arg, min, max);
	return 0;
}

static enum scale parse_scale(struct argp_state *state, const char *arg)
{
	static const char * const names[] = {
		[SCALE_OWN] = "own",
		[SCALE_COMMON] = "common",
		[SCALE_LOG] = "log",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(arg, names[i]))
			return (enum scale)i;
	argp_error(state, "--scale %s: not own, common or log", arg);
	return SCALE_OWN;
}

static void parse_id(struct argp_state *state, struct parse *p,
		     const char *arg)
{
	if (p->command->id == NO_ID || p->req.id)
		argp_error(state, "%s: one argument too many", arg);
	p->req.id = parse_number(state, "ID", arg, UINT64_MAX);
}

/* Addresses of 57 bits need that many sizes of the font. */
#define LEAST_WIDTH	28

static void check_request(struct argp_state *state, const struct parse *p)
{
	const struct request *req = &p->req;

	if (p->command->id == MUST_ID && !req->id)
		argp_error(state, "which space? give its number; axasctl list shows them");
	if (req->json && req->svg)
		argp_error(state, "--json and --svg exclude each other");
	if (req->csv && (req->json || req->svg))
		argp_error(state, "--csv excludes --json and --svg");
	if (req->title && req->no_title)
		argp_error(state, "--title and --no-title exclude each other");
	if (p->for_svg && !req->svg)
		argp_error(state, "%s is for --svg", p->for_svg);
	if (req->width < LEAST_WIDTH * req->font_size)
		argp_error(state, "--width: %g pixels are too narrow for text of %g; give %g or more, or a --font-size",
			   req->width, req->font_size,
			   LEAST_WIDTH * req->font_size);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;

	switch (key) {
	case OPT_JSON:
		p->req.json = true;
		break;
	case OPT_SVG:
		p->req.svg = arg;
		break;
	case OPT_WIDTH:
		p->req.width = parse_length(state, "--width", arg, 100, 20000);
		p->for_svg = "--width";
		break;
	case OPT_FONT_SIZE:
		p->req.font_size = parse_length(state, "--font-size", arg, 4, 100);
		p->for_svg = "--font-size";
		break;
	case OPT_TITLE:
		p->req.title = arg;
		p->for_svg = "--title";
		break;
	case OPT_NO_TITLE:
		p->req.no_title = true;
		p->for_svg = "--no-title";
		break;
	case OPT_SCALE:
		p->req.scale = parse_scale(state, arg);
		p->for_svg = "--scale";
		break;
	case OPT_COUNT:
		p->req.count = parse_number(state, "--count", arg, UINT64_MAX);
		break;
	case OPT_INTERVAL:
		p->req.interval = parse_seconds(state, arg);
		break;
	case OPT_TREE:
		p->req.tree = true;
		break;
	case OPT_CSV:
		p->req.csv = true;
		break;
	case OPT_USED:
		p->req.used = true;
		break;
	case OPT_LATENCY:
		p->req.latency = true;
		break;
	case ARGP_KEY_ARG:
		parse_id(state, p, arg);
		break;
	case ARGP_KEY_END:
		check_request(state, p);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* The command's own command line: argv[0] is the command. */
static void parse_command(struct parse *p, int argc, char **argv)
{
	static const char * const id_doc[] = { "", "[ID]", "ID" };
	const struct argp argp = {
		.options = p->command->options,
		.parser = parse_option,
		.args_doc = id_doc[p->command->id],
		.doc = p->command->doc,
	};
	char name[32];

	snprintf(name, sizeof(name), "axasctl %s", p->command->name);
	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, p);
}

static error_t parse_word(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	size_t i;

	switch (key) {
	case ARGP_KEY_ARG:
		for (i = 0; i < ARRAY_SIZE(commands); i++)
			if (!strcmp(arg, commands[i].name))
				p->command = &commands[i];
		if (!p->command)
			argp_error(state, "%s: no such command", arg);
		parse_command(p, state->argc - state->next + 1,
			      state->argv + state->next - 1);
		state->next = state->argc;
		break;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse_word,
		.args_doc = "COMMAND [ID] [OPTION]...",
		.doc = "Look at guest physical address spaces.\v"
		       "Commands:\n"
		       "  info         what the module can do, by format\n"
		       "  list         the spaces that are alive\n"
		       "  stats [ID]   figures of a space, or of all\n"
		       "  dump ID      the table of a space (--tree)\n"
		       "  resident ID  what memory is there, in runs\n"
		       "  map ID       a picture of a space (--svg FILE)\n"
		       "  watch [ID]   faults per second (--latency, --interval, --count)\n"
		       "  heat ID      what is written, or --used, address over time (--svg FILE, --csv)\n"
		       "\n"
		       "All take --json, and --help for more. ID is the number that list shows.\n",
	};
	struct parse p = { .req = { .interval = 1, .width = 760, .font_size = 11 } };
	int ret;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &p);
	ret = p.command->run(&p.req);
	if (fflush(stdout) || ferror(stdout))
		die("cannot write the result: %s", strerror(errno));
	return ret;
}
