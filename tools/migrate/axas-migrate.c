// SPDX-License-Identifier: MIT
/*
 * axas-migrate: move a running guest's memory to another process.
 *
 * A sample: a monitor does the same with its own guest, and has CPUs and devices to
 * move besides.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/units.h"
#include "migrate.h"

const char *argp_program_version = "axas-migrate " VERSION;

enum {
	EXIT_USAGE = 2,
	MAX_THREADS = 64,
};

enum {
	OPT_PID = 256,
	OPT_STOP,
	OPT_LOAD,
	OPT_RATE,
	OPT_SIZE,
	OPT_ROUNDS,
	OPT_DOWNTIME,
	OPT_RETRY,
	OPT_THEN,
	OPT_CUT,
	OPT_JSON,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "The source (send):", 1 },
	{ "pid", OPT_PID, "PID", 0,
	  "Move the space that process PID has open; it is stopped at the end", 0 },
	{ "stop", OPT_STOP, "COMMAND", 0,
	  "Run COMMAND to stop the guest, instead of sending SIGSTOP to PID", 0 },
	{ "load", OPT_LOAD, "THREADS", 0,
	  "Move a guest made for this, to whose memory THREADS write", 0 },
	{ "rate", OPT_RATE, "N", 0,
	  "How often they write, each a word, per second (10000)", 0 },
	{ "size", OPT_SIZE, "SIZE", 0,
	  "Bytes of its memory (64M); K, M and G may follow", 0 },
	{ "rounds", OPT_ROUNDS, "N", 0,
	  "Stop the guest after N rounds, come what may (30)", 0 },
	{ "downtime", OPT_DOWNTIME, "SECONDS", 0,
	  "Stop the guest when the rest takes no longer than that (0.1)", 0 },
	{ NULL, 0, NULL, 0, "The destination (receive):", 2 },
	{ "then", OPT_THEN, "COMMAND", 0,
	  "Run COMMAND when all is there, with the space as descriptor 10", 0 },
	{ "cut", OPT_CUT, "SIZE", 0,
	  "Break the connection once, after SIZE bytes, to see it go on", 0 },
	{ NULL, 0, NULL, 0, "Both:", 3 },
	{ "retry", OPT_RETRY, "SECONDS", 0,
	  "How long to wait for the other side when the connection is broken (10)",
	  0 },
	{ "json", OPT_JSON, NULL, 0, "Print JSON", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static const char args_doc[] = "send SOCKET\nreceive SOCKET";
static const char doc[] =
	"Move a running guest's memory from one process to another, over a Unix socket.\v"
	" axas-migrate receive /tmp/move --then 'axasctl map $AXAS_SPACE'\n"
	" axas-migrate send /tmp/move --load 4\n\n"
	"At the end a checksum of every page is compared. Exit status: 0 if all are equal, 1 if not or for trouble, 2 for wrong usage.";

struct parse {
	struct options o;
	const char *role, *for_source, *for_destination;
};

static double parse_seconds(struct argp_state *state, const char *what,
			    const char *arg)
{
	double seconds;
	char *end;

	seconds = strtod(arg, &end);
	if (end == arg || *end || !(seconds >= 0 && seconds <= 86400))
		argp_error(state, "%s %s: not from 0 to 86400 seconds", what, arg);
	return seconds;
}

static uint64_t parse_number(struct argp_state *state, const char *what,
			     const char *arg, uint64_t max, bool unit)
{
	unsigned long long n;
	unsigned int shift;
	char *end;

	n = number_with_unit(arg, unit ? "KMGT" : "", &end, &shift);
	if (*arg < '0' || *arg > '9' || *end || errno || !n || n > max >> shift)
		argp_error(state, "%s %s: not a number from 1 to %llu", what, arg,
			   (unsigned long long)max);
	return n << shift;
}

static void check(struct argp_state *state, struct parse *p)
{
	if (!p->role || !p->o.path)
		argp_error(state, "give send or receive, and the name of a socket");
	p->o.receive = !strcmp(p->role, "receive");
	if (!p->o.receive && strcmp(p->role, "send"))
		argp_error(state, "%s: not send or receive", p->role);
	if (p->o.receive && p->for_source)
		argp_error(state, "%s is for send", p->for_source);
	if (!p->o.receive && p->for_destination)
		argp_error(state, "%s is for receive", p->for_destination);
	if (!p->o.receive && !p->o.pid == !p->o.threads)
		argp_error(state, "which guest? give --pid or --load");
	if (p->o.stop && !p->o.pid)
		argp_error(state, "--stop is for --pid");
	if (p->o.size % PAGE_SIZE || p->o.size < 64 * PAGE_SIZE)
		argp_error(state, "--size: not a multiple of 4096, or less than 256K");
}

static error_t parse_of_source(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;
	struct options *o = &p->o;

	switch (key) {
	case OPT_PID:
		o->pid = (pid_t)parse_number(state, "--pid", arg, INT32_MAX, false);
		p->for_source = "--pid";
		break;
	case OPT_STOP:
		o->stop = arg;
		p->for_source = "--stop";
		break;
	case OPT_LOAD:
		o->threads = (unsigned int)parse_number(state, "--load", arg,
							MAX_THREADS, false);
		p->for_source = "--load";
		break;
	case OPT_RATE:
		o->rate = (unsigned int)parse_number(state, "--rate", arg, 100000000,
						     false);
		p->for_source = "--rate";
		break;
	case OPT_SIZE:
		o->size = parse_number(state, "--size", arg, UINT64_C(1) << 36, true);
		p->for_source = "--size";
		break;
	case OPT_ROUNDS:
		o->rounds = (unsigned int)parse_number(state, "--rounds", arg, 10000,
						       false);
		p->for_source = "--rounds";
		break;
	case OPT_DOWNTIME:
		o->downtime = parse_seconds(state, "--downtime", arg);
		p->for_source = "--downtime";
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;

	switch (key) {
	case OPT_THEN:
		p->o.then = arg;
		p->for_destination = "--then";
		break;
	case OPT_CUT:
		p->o.cut = parse_number(state, "--cut", arg, INT64_MAX, true);
		p->for_destination = "--cut";
		break;
	case OPT_RETRY:
		p->o.retry = parse_seconds(state, "--retry", arg);
		break;
	case OPT_JSON:
		p->o.json = true;
		break;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			argp_error(state, "%s: one argument too many", arg);
		*(state->arg_num ? &p->o.path : &p->role) = arg;
		break;
	case ARGP_KEY_END:
		check(state, p);
		break;
	default:
		return parse_of_source(key, arg, state);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = args_doc,
		.doc = doc,
	};
	struct parse p = {
		.o = {
			.size = UINT64_C(64) << 20, .rounds = 30, .downtime = 0.1,
			.retry = 10, .rate = 10000,
		},
	};

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &p);
	catch_signals();
	return (p.o.receive ? receive_guest : send_guest)(&p.o);
}
