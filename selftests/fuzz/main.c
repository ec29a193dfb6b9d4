// SPDX-License-Identifier: GPL-2.0
/*
 * axas_fuzz: options, chance, and what is said when one of them goes wrong.
 */
#include <argp.h>
#include <stdarg.h>
#include "fuzz.h"

struct options options = { .time = 30, .threads = 4 };

__thread struct ctx *current;
volatile __u64 progress;
static pthread_mutex_t talk = PTHREAD_MUTEX_INITIALIZER;

/* ---- chance ---- */

__u64 rnd(struct ctx *ctx)
{
	return ax_rand(&ctx->rnd);
}

__u64 below(struct ctx *ctx, __u64 n)
{
	return n ? rnd(ctx) % n : 0;
}

__u64 mix(__u64 a, __u64 b)
{
	__u64 state = a ^ (b * 0xd6e8feb86659fd93ULL);

	return ax_rand(&state);
}

/* Is @word among the words of @list? */
static bool listed(const char *list, const char *word)
{
	size_t len = strlen(word);
	const char *at = list;

	while ((at = strstr(at, word))) {
		if ((at == list || at[-1] == ',') &&
		    (!at[len] || at[len] == ','))
			return true;
		at += len;
	}
	return false;
}

bool wanted(const char *group)
{
	if (options.only && !listed(options.only, group))
		return false;
	return !options.without || !listed(options.without, group);
}

/* ---- what was done ---- */

static const char *const call_names[] = {
	[CALL_MAP] = "map", [CALL_UNMAP] = "unmap",
	[CALL_PROTECT] = "protect", [CALL_CLEAR] = "clear",
	[CALL_FAULT] = "fault", [CALL_READ] = "pread",
	[CALL_WRITE] = "pwrite", [CALL_LOAD] = "load",
	[CALL_STORE] = "store", [CALL_DEVICE_ADD] = "device add",
	[CALL_DEVICE_DEL] = "device del", [CALL_DISCARD] = "discard",
	[CALL_POPULATE] = "populate", [CALL_RESIZE] = "resize",
	[CALL_MOVE] = "move", [CALL_COLLAPSE] = "collapse",
};

static void note_print(const struct ctx *ctx, const struct note *n)
{
	const struct call *c = &n->call;

	printf("#   %llu: %s", n->step, n->text);
	if (!n->is_call) {
		printf("\n");
		return;
	}
	printf("%s %#llx+%#llx", call_names[c->op], c->gpa, c->len);
	switch (c->op) {
	case CALL_MAP:
		printf(" backend %u prot %u flags %u memtype %u leaf %#llx hpa %#llx cookie %llu",
		       c->backend, c->prot, c->flags, c->memtype, c->max_leaf,
		       c->hpa, c->cookie);
		break;
	case CALL_PROTECT:
		printf(" to %u", c->prot);
		break;
	case CALL_MOVE:
		printf(" to %#llx%s", c->to, c->flags ? ", exchange" : "");
		break;
	case CALL_DISCARD:
		printf(" freed %#llx pinned %#llx", c->freed, c->pinned);
		break;
	case CALL_POPULATE:
		printf(" came %#llx", c->came);
		break;
	case CALL_COLLAPSE:
		printf(" flags %u came %#llx joined %#llx", c->flags, c->came,
		       c->joined);
		break;
	case CALL_FAULT:
		printf(" %u faults, done %u", c->nr, c->done);
		break;
	case CALL_READ:
	case CALL_WRITE:
		printf(" how %u", c->how);
		break;
	case CALL_LOAD:
	case CALL_STORE:
		printf(" at %p in a window of %u, signal %d", (void *)c->addr,
		       c->prot, c->sig);
		break;
	case CALL_DEVICE_ADD:
	case CALL_DEVICE_DEL:
		printf(" bus %u", c->bus);
		break;
	}
	if (c->finished)
		printf(": %ld\n", c->ret);
	else
		printf(": not finished\n");
}

static struct note *note_next(struct ctx *ctx)
{
	struct note *n = &ctx->note[ctx->steps % NR_NOTES];

	/* A step may have more than one. */
	if (n->step == ctx->steps && n->text[0])
		n = &ctx->note[++ctx->steps % NR_NOTES];
	n->step = ctx->steps;
	n->text[0] = ' ';
	n->text[1] = 0;
	return n;
}

void note(struct ctx *ctx, const char *fmt, ...)
{
	struct note *n = note_next(ctx);
	va_list args;

	n->is_call = false;
	va_start(args, fmt);
	vsnprintf(n->text, sizeof(n->text), fmt, args);
	va_end(args);
	if (options.verbose)
		note_print(ctx, n);
}

void note_call(struct ctx *ctx, const struct call *call, const char *who)
{
	struct note *n = note_next(ctx);

	n->is_call = true;
	n->call = *call;
	snprintf(n->text, sizeof(n->text), "%s", *who ? who : " ");
	if (options.verbose)
		note_print(ctx, n);
}

static void notes_print(struct ctx *ctx)
{
	unsigned int i;

	printf("# %s: seed %#llx; the last steps:\n", ctx->name, options.seed);
	for (i = 1; i <= NR_NOTES; i++) {
		const struct note *n = &ctx->note[(ctx->steps + i) % NR_NOTES];

		if (n->text[0])
			note_print(ctx, n);
	}
	fflush(stdout);
}

/* A mismatch. Only the first of a run counts: the model is wrong from there on. */
void fail(struct ctx *ctx, const char *fmt, ...)
{
	va_list args;

	if (ctx->failed)
		return;
	ctx->failed = true;
	pthread_mutex_lock(&talk);
	notes_print(ctx);
	printf("# %s: MISMATCH at step %llu (seed %#llx): ", ctx->name,
	       ctx->steps, options.seed);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	pthread_mutex_unlock(&talk);
}

/* ---- signals that nobody waits for, and calls that don't return ---- */

static void on_signal(int sig, siginfo_t *info, void *context)
{
	if (guard_caught(sig))
		return;
	printf("# signal %d in axas_fuzz itself, at %p\n", sig, info->si_addr);
	if (current)
		notes_print(current);
	printf("Bail out! signal %d, seed %#llx\n", sig, options.seed);
	fflush(stdout);
	_exit(128 + sig);
}

static void signals_init(void)
{
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	struct sigaction sa = {
		.sa_sigaction = on_signal, .sa_flags = SA_NODEFER | SA_SIGINFO,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(sigs); i++)
		sigaction(sigs[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void *watch(void *arg)
{
	unsigned int idle = 0;
	__u64 last = 0;

	for (;;) {
		sleep(10);
		idle = progress == last ? idle + 10 : 0;
		last = progress;
		if (idle < 90)
			continue;
		printf("# no step has ended for %u seconds\n", idle);
		if (arg && *(struct ctx **)arg)
			notes_print(*(struct ctx **)arg);
		printf("Bail out! it hangs, seed %#llx\n", options.seed);
		fflush(stdout);
		_exit(1);
	}
	return NULL;
}

/* ---- options ---- */

const char *argp_program_bug_address;
static const struct argp_option option_list[] = {
	{ "seed", 's', "N", 0, "run again what printed this seed" },
	{ "time", 't', "SECONDS", 0, "how long, all cases together (30)" },
	{ "ops", 'n', "N", 0, "at most N steps of each case with one thread" },
	{ "threads", 'j', "N", 0,
	  "threads with a model of their own in the threaded cases (4; 0: no such cases)" },
	{ "case", 'c', "WORD", 0, "only cases with this in their name" },
	{ "only", 'o', "WORDS", 0, "only these groups of steps" },
	{ "without", 'w', "WORDS", 0, "none of these groups of steps" },
	{ "verbose", 'v', NULL, 0, "print each step" },
	{ 0 }
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 's':
		options.seed = strtoull(arg, NULL, 0);
		return 0;
	case 't':
		options.time = strtod(arg, NULL);
		return 0;
	case 'n':
		options.ops = strtoull(arg, NULL, 0);
		return 0;
	case 'j':
		options.threads = strtoul(arg, NULL, 0);
		return 0;
	case 'c':
		options.cases = arg;
		return 0;
	case 'o':
		options.only = arg;
		return 0;
	case 'w':
		options.without = arg;
		return 0;
	case 'v':
		options.verbose = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = option_list, .parser = parse_option,
	.doc = "Use spaces of axas at random and compare them with a model.\v"
	       "Groups, with commas between them: map, fault, rw, window, buffer, gup,"
	       " ptrace, direct, pipe, device, track, alias, refused, look, child, kill, limit, kvm;"
	       " and what these use: async, linear, large, plugin. Run as root with"
	       " the module loaded; linear memory is named by AXAS_RESERVED_HPA and AXAS_RESERVED_SIZE.",
};

int main(int argc, char **argv)
{
	struct timespec ts;
	pthread_t watcher;

	clock_gettime(CLOCK_REALTIME, &ts);
	options.seed = ts.tv_sec * 1000003ULL + ts.tv_nsec;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	printf("TAP version 13\n1..%u\n# seed %#llx\n", cases_wanted(),
	       options.seed);
	signals_init();
	pthread_create(&watcher, NULL, watch, &current);
	return !cases_run();
}
