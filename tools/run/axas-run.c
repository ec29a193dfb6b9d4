// SPDX-License-Identifier: GPL-2.0
/*
 * axas-run: start a program that has RAM files of a space as its descriptors.
 *
 * The program needs to know nothing of axas. It gets the files and not the space,
 * which stays with this process, for axasctl to find. So does the memory as the
 * OOM killer sees it: hence what kills this process kills the program.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <axas.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/units.h"

const char *argp_program_version = "axas-run " VERSION;

#define PAGE_SIZE	4096U
#define SIZE_2M		(UINT64_C(1) << 21)
#define RIGHTS		(AXAS_PROT_READ | AXAS_PROT_WRITE)

#define FIRST_FD	10	/* of the RAM files */
#define MAX_RAM		32

/* As env(1) and timeout(1) have them */
#define EXIT_TROUBLE	125
#define EXIT_CANNOT	126
#define EXIT_NOT_FOUND	127

struct ram {
	uint64_t gpa, length;
	const char *arg;	/* as given */
	int fd;
};

struct options {
	struct ram ram[MAX_RAM];
	unsigned int nr;
	uint64_t leaf;
	uint32_t flags;	/* of the RAM files */
	const char *format;
	char **command;
};

enum {
	OPT_RAM = 256,
	OPT_LEAF,
	OPT_PIN,
	OPT_FORMAT,
};

static const struct argp_option options[] = {
	{ "ram", OPT_RAM, "SIZE[@GPA]", 0,
	  "Make SIZE bytes of memory at guest physical address GPA (0, or behind the one before), and a file of it; K, M, G and T may follow a number. May be given more than once",
	  0 },
	{ "leaf", OPT_LEAF, "4K|2M", 0, "Largest leaf of the memory (4K)", 0 },
	{ "pin", OPT_PIN, NULL, 0,
	  "Let devices use the memory (VFIO, io_uring's buffers): nothing is taken from what COMMAND maps, no balloon gives back",
	  0 },
	{ "format", OPT_FORMAT, "host|ept|s2|amd|NAME", 0,
	  "How table entries are encoded (host); axasctl info lists what there is", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static const char args_doc[] = "COMMAND [ARG]...";
static const char doc[] =
	"Run a program whose memory is a guest physical address space.\n\n"
	"COMMAND gets a RAM file for each --ram: the first is descriptor 10, the next 11, and so on. $AXAS_SPACE is the number of the space, for axasctl.\v"
	"QEMU, unmodified, with 4 GiB:\n\n"
	" axas-run --ram 4G -- qemu-system-x86_64 -accel kvm -m 4G \\\n"
	" -object memory-backend-file,id=m,size=4G,mem-path=/proc/self/fd/10,share=on \\\n"
	" -machine memory-backend=m ...\n\n"
	"Exit status: that of COMMAND, or 128 and the signal that has ended it; 125 for trouble with the space, 126 if COMMAND can't be run, 127 if there is none.";

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_TROUBLE);
}

/* ---- the command line ---- */

/* A number at *@text, perhaps with a unit. Return: whether it is one. */
static bool parse_number(const char **text, uint64_t *number)
{
	unsigned long long n;
	unsigned int shift;
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	n = number_with_unit(*text, "KMGT", &end, &shift);
	*text = end;
	*number = n << shift;
	return !errno && n <= UINT64_MAX >> shift;
}

/* Without a GPA the memory is behind the one before. */
static bool parse_range(const char *text, struct ram *r, const struct ram *last)
{
	r->gpa = last ? last->gpa + last->length : 0;
	if (!parse_number(&text, &r->length))
		return false;
	if (*text != '@')
		return !*text;
	text++;
	return parse_number(&text, &r->gpa) && !*text;
}

static void parse_ram(struct argp_state *state, struct options *o,
		      const char *arg)
{
	struct ram *r = &o->ram[o->nr], *other;

	if (o->nr == MAX_RAM)
		argp_error(state, "--ram: more than %u", MAX_RAM);
	r->arg = arg;
	if (!parse_range(arg, r, o->nr ? r - 1 : NULL))
		argp_error(state, "--ram %s: not SIZE or SIZE@GPA, like 4G or 512M@0x80000000",
			   arg);
	if (!r->length || (r->gpa | r->length) % PAGE_SIZE)
		argp_error(state, "--ram %s: SIZE and GPA must be multiples of 4096, and SIZE not 0",
			   arg);
	if (r->gpa + r->length < r->gpa)
		argp_error(state, "--ram %s: ends beyond 2^64", arg);
	for (other = o->ram; other < r; other++)
		if (r->gpa - other->gpa < other->length ||
		    other->gpa - r->gpa < r->length)
			argp_error(state, "--ram %s: meets --ram %s", arg,
				   other->arg);
	o->nr++;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case OPT_RAM:
		parse_ram(state, o, arg);
		break;
	case OPT_LEAF:
		if (strcmp(arg, "4K") && strcmp(arg, "2M"))
			argp_error(state, "--leaf %s: not 4K or 2M", arg);
		o->leaf = *arg == '4' ? PAGE_SIZE : SIZE_2M;
		break;
	case OPT_PIN:
		o->flags |= AXAS_RAM_PIN;
		break;
	case OPT_FORMAT:
		o->format = arg;
		break;
	case ARGP_KEY_ARG:
		/* From here on all is the command's. */
		o->command = &state->argv[state->next - 1];
		state->next = state->argc;
		break;
	case ARGP_KEY_END:
		if (!o->nr)
			argp_error(state, "no memory: give --ram SIZE");
		if (!o->command)
			argp_error(state, "no COMMAND");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* ---- the space ---- */

/* What the command gets has its place, and nobody else may be there. */
static void check_descriptors(const struct options *o)
{
	unsigned int fd;

	for (fd = FIRST_FD; fd < FIRST_FD + o->nr; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			die("descriptor %u is in use, and is to be a RAM file: close it in the shell (%u>&-)",
			    fd, fd);
}

/* Our own descriptors go where none of the command's will be. */
static int out_of_the_way(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD + MAX_RAM);

	if (high < 0)
		die("too few descriptors: %s: raise the limit (ulimit -n)",
		    strerror(errno));
	close(fd);
	return high;
}

static int open_device(void)
{
	int dev = axas_open(NULL);

	if (dev == -ENOENT || dev == -ENODEV || dev == -ENXIO)
		die("/dev/axas: %s: load the module (modprobe axas)",
		    strerror(-dev));
	if (dev == -EACCES || dev == -EPERM)
		die("/dev/axas: %s: be root, or in the group axas",
		    strerror(-dev));
	if (dev < 0)
		die("/dev/axas: %s", strerror(-dev));
	return dev;
}

static int create_space(const struct options *o)
{
	struct axas_create create = { 0 };
	int dev = open_device(), format, space;

	format = axas_format_number(dev, o->format);
	if (format < 0)
		die("--format %s: %s: axasctl info lists what there is",
		    o->format, strerror(-format));
	create.format = format;
	space = axas_create(dev, &create);
	if (space < 0)
		die("cannot create a space: %s", strerror(-space));
	close(dev);
	return out_of_the_way(space);
}

static const char *why_no_map(int err)
{
	switch (err) {
	case -ERANGE:
		return "it lies beyond the end of the space";
	case -EOPNOTSUPP:
		return "there are no leaves of this size on this CPU: leave --leaf out";
	default:
		return strerror(-err);
	}
}

static void make_ram(int space, struct ram *r, const struct options *o)
{
	const struct axas_map map = {
		.gpa = r->gpa,
		.length = r->length,
		.backend = AXAS_BACKEND_ALLOC,
		.prot = RIGHTS | AXAS_PROT_EXEC,
		.max_leaf = o->leaf,
	};
	int err = axas_map(space, &map);

	if (err)
		die("--ram %s: %s", r->arg, why_no_map(err));
	r->fd = axas_ram_file(space, r->gpa, r->length, RIGHTS, o->flags);
	if (r->fd == -ENOTTY)
		die("--ram %s: the module makes no RAM files: it is older than 0.3",
		    r->arg);
	if (r->fd < 0)
		die("--ram %s: %s", r->arg, strerror(-r->fd));
	r->fd = out_of_the_way(r->fd);
}

/* ---- the command ---- */

static void __attribute__((noreturn))
become(const struct options *o, int space, const sigset_t *mask, pid_t parent)
{
	char id[24];
	unsigned int i;
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)	/* it was killed before that */
		_exit(EXIT_TROUBLE);
	for (i = 0; i < o->nr; i++)
		if (dup2(o->ram[i].fd, FIRST_FD + i) < 0)
			die("descriptor %u: %s", FIRST_FD + i, strerror(errno));
	snprintf(id, sizeof(id), "%" PRId64, axas_id(space));
	setenv("AXAS_SPACE", id, 1);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(*o->command, o->command);
	err = errno;
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name,
		*o->command, strerror(err));
	_exit(err == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT);
}

/* What a terminal sends, the command gets without us. */
static void forward(const siginfo_t *info, pid_t child)
{
	if (info->si_code != SI_KERNEL)
		kill(child, info->si_signo);
}

static int wait_for(pid_t child, const sigset_t *signals)
{
	siginfo_t info;
	int status;

	for (;;) {
		if (sigwaitinfo(signals, &info) < 0)
			continue;
		if (info.si_signo != SIGCHLD)
			forward(&info, child);
		else if (waitpid(child, &status, WNOHANG) == child)
			break;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   128 + WTERMSIG(status);
}

static int run(const struct options *o, int space)
{
	static const int forwarded[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
	};
	pid_t parent = getpid(), child;
	sigset_t signals, mask;
	unsigned int i;

	signal(SIGCHLD, SIG_DFL);	/* or its end wouldn't come here */
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	for (i = 0; i < sizeof(forwarded) / sizeof(*forwarded); i++)
		sigaddset(&signals, forwarded[i]);
	sigprocmask(SIG_BLOCK, &signals, &mask);
	child = fork();
	if (child < 0)
		die("cannot fork: %s", strerror(errno));
	if (!child)
		become(o, space, &mask, parent);
	for (i = 0; i < o->nr; i++)
		close(o->ram[i].fd);
	return wait_for(child, &signals);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = args_doc,
		.doc = doc,
	};
	struct options o = { .leaf = PAGE_SIZE, .format = "host" };
	unsigned int i;
	int space;

	argp_err_exit_status = EXIT_TROUBLE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &o);
	check_descriptors(&o);
	space = create_space(&o);
	for (i = 0; i < o.nr; i++)
		make_ram(space, &o.ram[i], &o);
	return run(&o, space);
}
