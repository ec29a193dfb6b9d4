// SPDX-License-Identifier: GPL-2.0
/*
 * axas-trace: record the memory trace of a program, for axas-replay.
 *
 * valgrind's lackey runs the program and writes a line for each access into a pipe.
 * Here they become records of our own form, so that no text is ever stored.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../replay/replay.h"

#define ULL(x)		((unsigned long long)(x))

/* As env(1) and others have it: the program's own are below. */
#define STATUS_TROUBLE	125

const char *argp_program_version = "axas-trace " VERSION;

enum {
	OPT_ONLY = 256,
	OPT_SKIP,
	OPT_LIMIT,
};

static const struct argp_option options[] = {
	{ "output", 'o', "FILE", 0,
	  "Where the trace goes, compressed if that ends in .zst (PROGRAM.axt.zst); - is standard output",
	  0 },
	{ "only", OPT_ONLY, "code|data", 0,
	  "Leave out loads and stores, or fetches", 0 },
	{ "skip", OPT_SKIP, "N", 0, "Leave out the first N accesses", 0 },
	{ "limit", OPT_LIMIT, "N", 0,
	  "End PROGRAM when N accesses have been recorded", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static const char args_doc[] = "PROGRAM [ARG]...";
static const char doc[] =
	"Record the memory trace of a program, for axas-replay.\n\n"
	"PROGRAM runs under valgrind's lackey, some hundred times as long as without it.\v"
	"Exit status: that of PROGRAM, 0 if --limit has ended it, 125 for trouble.";

struct trace_options {
	char **program;
	const char *output;
	bool no_code, no_data;
	uint64_t skip, limit;
};

/* What has been recorded, by what accesses are for. */
struct recorded {
	uint64_t code, data;
};

static uint64_t parse_count(struct argp_state *state, const char *name,
			    const char *arg)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(arg, &end, 0);
	if (end == arg || *end || errno || *arg == '-')
		argp_error(state, "--%s %s: not a number", name, arg);
	return n;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct trace_options *o = state->input;

	switch (key) {
	case 'o':
		o->output = arg;
		break;
	case OPT_ONLY:
		o->no_data = !strcmp(arg, "code");
		o->no_code = !strcmp(arg, "data");
		if (!o->no_data && !o->no_code)
			argp_error(state, "--only %s: not code or data", arg);
		break;
	case OPT_SKIP:
		o->skip = parse_count(state, "skip", arg);
		break;
	case OPT_LIMIT:
		o->limit = parse_count(state, "limit", arg);
		if (!o->limit)
			argp_error(state, "--limit 0: nothing to record");
		break;
	case ARGP_KEY_ARG:
		/* From here on all is the program's. */
		o->program = &state->argv[state->next - 1];
		state->next = state->argc;
		break;
	case ARGP_KEY_END:
		if (!o->program)
			argp_error(state, "no PROGRAM");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* Where the trace goes unless that was said: here, by the program's name. */
static const char *default_output(const char *program)
{
	char *name;

	if (asprintf(&name, "%s.axt%s", basename(program),
		     zstd_is_there() ? ".zst" : "") < 0)
		die("out of memory");
	return name;
}

/* In the child: become the program, under valgrind, whose log goes to @fd. */
static _Noreturn void exec_valgrind(char **program, int fd)
{
	static char * const head[] = {
		"valgrind", "--tool=lackey", "--trace-mem=yes",
		"--basic-counts=no", "--fair-sched=try",
	};
	size_t nr = ARRAY_SIZE(head), i;
	char **argv, log[32];

	for (i = 0; program[i];)
		i++;
	argv = xcalloc(nr + i + 3, sizeof(*argv));
	memcpy(argv, head, sizeof(head));
	snprintf(log, sizeof(log), "--log-fd=%d", fd);
	argv[nr++] = log;
	argv[nr++] = "--";
	memcpy(argv + nr, program, i * sizeof(*argv));
	execvp(*argv, argv);
	warn("cannot run valgrind: %s; install it", strerror(errno));
	_exit(STATUS_TROUBLE);
}

/* Return: what lackey writes; @pid is its process. */
static int start(char **program, pid_t *pid)
{
	pid_t parent = getpid();
	int fd[2];

	/* Only the end that lackey writes to stays open in there. */
	if (pipe2(fd, O_CLOEXEC))
		die("pipe: %s", strerror(errno));
	*pid = fork();
	if (*pid < 0)
		die("fork: %s", strerror(errno));
	if (!*pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent || fcntl(fd[1], F_SETFD, 0))
			_exit(STATUS_TROUBLE);
		exec_valgrind(program, fd[1]);
	}
	close(fd[1]);
	/* The terminal interrupts the program; what there was is recorded. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	return fd[0];
}

static bool is_wanted(const struct trace_options *o, const struct access *a)
{
	return !(a->kind == AXAS_PROT_EXEC ? o->no_code : o->no_data);
}

/* Return: true if the limit ended it. */
static bool copy_accesses(struct recorded *n, struct stream *from,
			  struct recorder *to, const struct trace_options *o)
{
	uint64_t seen = 0;
	struct access a;

	while (n->code + n->data < o->limit && stream_next(from, &a)) {
		if (!is_wanted(o, &a))
			continue;
		if (!(++seen & 0xfffff) && seen <= o->skip)
			progress("skipping", seen, o->skip);
		if (seen <= o->skip)
			continue;
		record(to, &a);
		*(a.kind == AXAS_PROT_EXEC ? &n->code : &n->data) += 1;
		if (!(seen & 0xfffff))
			progress("recording", seen - o->skip,
				 o->limit == UINT64_MAX ? 0 : o->limit);
	}
	progress_end();
	return n->code + n->data == o->limit;
}

/* How the program ended, as a shell has it. */
static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   128 + WTERMSIG(status);
}

/* Return: the program's status. */
static int record_program(struct recorded *n, const struct trace_options *o)
{
	struct recorder *to = record_create(o->output);
	struct stream *from;
	bool limited;
	int fd, status;
	pid_t pid;

	fd = start(o->program, &pid);
	from = stream_open("what valgrind writes", fd, false, false,
			   UINT64_MAX);
	limited = copy_accesses(n, from, to, o);
	if (limited)
		kill(pid, SIGKILL);
	stream_close(from);
	record_close(to);
	status = wait_for(pid);
	return limited ? 0 : status;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = args_doc,
		.doc = doc,
	};
	struct trace_options o = { .limit = UINT64_MAX };
	struct recorded n = { 0 };
	int status;

	argp_err_exit_status = STATUS_TROUBLE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &o);
	if (!o.output)
		o.output = default_output(*o.program);
	status = record_program(&n, &o);
	if (n.code + n.data) {
		warn("%s: %llu fetches, %llu loads and stores", o.output,
		     ULL(n.code), ULL(n.data));
		return status;
	}
	if (strcmp(o.output, "-"))
		unlink(o.output);
	warn("%s made no access that was to be recorded", *o.program);
	return status ? status : STATUS_TROUBLE;
}
