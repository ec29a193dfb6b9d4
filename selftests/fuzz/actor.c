// SPDX-License-Identifier: GPL-2.0
/*
 * Other processes: they have the space's descriptor from a socket and windows
 * from fork(2), make calls for the model, and may be killed in them, or have
 * little memory.
 */
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include "fuzz.h"

#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP		CGROUPS "/axas_fuzz"

/* ---- a descriptor through a socket ---- */

static int send_fd(int sock, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = { 0 };
	char byte = 0;
	struct iovec v = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = u.buf,
		.msg_controllen = sizeof(u.buf),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : -errno;
}

static int recv_fd(int sock)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u;
	char byte;
	struct iovec v = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = u.buf,
		.msg_controllen = sizeof(u.buf),
	};
	struct cmsghdr *c;
	int fd = -1;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* The descriptor goes through a socket, and what comes out takes its place. */
void step_socket(struct ctx *ctx)
{
	int s[2], fd;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s))
		return;
	if (!send_fd(s[0], ctx->fd)) {
		/* For a moment it may be nowhere else. */
		if (one_in(ctx, 2)) {
			close(ctx->fd);
			ctx->fd = -1;
		}
		fd = recv_fd(s[1]);
		note(ctx, "descriptor through a socket: %d", fd);
		if (fd < 0)
			fail(ctx, "the descriptor is lost");
		else if (ctx->fd >= 0)
			close(ctx->fd);
		ctx->fd = fd >= 0 ? fd : ctx->fd;
	}
	close(s[0]);
	close(s[1]);
	check_stats(ctx);
}

/* ---- actors ---- */

static void actor_loop(struct ctx *ctx, struct actor *a, int from, int to,
		       int sock)
{
	int fd = recv_fd(sock);
	cpu_set_t set;
	char byte;

	/* Each CPU has charged some pages in advance: only those of one. */
	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (a->limited)
		sched_setaffinity(0, sizeof(set), &set);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (fd >= 0 && read(from, &byte, 1) == 1) {
		call_run(ctx, a->mail, fd);
		if (write(to, &byte, 1) != 1)
			break;
	}
	_exit(0);
}

static void actor_end(struct ctx *ctx, struct actor *a)
{
	int status;

	if (!a->pid)
		return;
	kill(a->pid, SIGKILL);
	waitpid(a->pid, &status, 0);
	close(a->to);
	close(a->from);
	a->pid = 0;
}

void actors_end(struct ctx *ctx)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ctx->actor); i++) {
		actor_end(ctx, &ctx->actor[i]);
		if (ctx->actor[i].mail)
			munmap(ctx->actor[i].mail, sizeof(struct mail));
		ctx->actor[i].mail = NULL;
	}
	rmdir(CGROUP);
}

static bool put(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) > 0;

	close(fd);
	return good;
}

static long get(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	char text[32] = "";
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	return n > 0 ? atol(text) : 0;
}

static bool actor_start(struct ctx *ctx, struct actor *a)
{
	int to[2], from[2], sock[2];
	unsigned int i;

	if (!a->mail)
		a->mail = mmap(NULL, sizeof(*a->mail), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (a->mail == MAP_FAILED || pipe2(to, O_CLOEXEC) ||
	    pipe2(from, O_CLOEXEC) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock)) {
		fail(ctx, "no pipes: %s", strerror(errno));
		return false;
	}
	fflush(stdout);
	a->pid = fork();
	if (!a->pid) {
		/* The others must see their pipes end. */
		for (i = 0; i < ARRAY_LEN(ctx->actor); i++) {
			if (&ctx->actor[i] == a || !ctx->actor[i].pid)
				continue;
			close(ctx->actor[i].to);
			close(ctx->actor[i].from);
		}
		/* A tracker ends when it is closed here, not when the child is. */
		for (i = 0; i < NR_TRACKS; i++)
			if (ctx->track[i].len)
				close(ctx->track[i].fd);
		close(to[1]);
		close(from[0]);
		close(ctx->fd);
		actor_loop(ctx, a, to[0], from[1], sock[1]);
	}
	a->to = to[1];
	a->from = from[0];
	a->calls = 0;
	memcpy(a->win, ctx->win, sizeof(a->win));
	if (a->pid < 0 || send_fd(sock[0], ctx->fd))
		fail(ctx, "no child: %s", strerror(errno));
	close(to[0]);
	close(from[1]);
	close(sock[0]);
	close(sock[1]);
	return !ctx->failed;
}

/* Wait for its answer. False if it has died, or was killed, in the call. */
static bool actor_wait(struct ctx *ctx, struct actor *a, bool kill_it)
{
	struct pollfd p = { .fd = a->from, .events = POLLIN };
	struct timespec delay = { 0, 0 };
	char byte;

	if (kill_it) {
		delay.tv_nsec = below(ctx, 1 << (8 + below(ctx, 14)));
		if (!one_in(ctx, 3))
			nanosleep(&delay, NULL);
		actor_end(ctx, a);
		ctx->killed++;
		return a->mail->call.finished;
	}
	if (poll(&p, 1, 60000) == 1 && read(a->from, &byte, 1) == 1)
		return true;
	if (kill(a->pid, 0) == 0 && !a->limited)
		fail(ctx, "a child is gone, or doesn't answer");
	actor_end(ctx, a);
	ctx->killed++;
	return a->mail->call.finished;
}

/* One call of another process, which may not live to see its end. */
void actor_call(struct ctx *ctx, struct actor *a, bool kill_it)
{
	char byte = 0;
	bool alive;

	a->calls++;
	if (!a->pid && !actor_start(ctx, a))
		return;
	call_make(ctx, a->mail, a->win);
	a->mail->call.limited = a->limited;
	/* What comes in the place of something alike shows by its frames. */
	if (kill_it && a->mail->call.op == CALL_MAP)
		model_find_frames(ctx, a->mail->call.gpa, a->mail->call.len);
	if (write(a->to, &byte, 1) != 1)
		fail(ctx, "a child can't be reached");
	alive = actor_wait(ctx, a, kill_it);
	note_call(ctx, &a->mail->call, !alive ? "killed: " :
		  a->limited ? "with little memory: " : "child: ");
	call_judge(ctx, a->mail);
}

/* Another one has other windows. */
static void actor_tire(struct ctx *ctx, struct actor *a)
{
	if (a->calls > 300)
		actor_end(ctx, a);
}

void step_child(struct ctx *ctx)
{
	actor_tire(ctx, &ctx->actor[0]);
	actor_call(ctx, &ctx->actor[0], false);
}

void step_kill(struct ctx *ctx)
{
	actor_call(ctx, &ctx->actor[0], true);
}

/*
 * Set how much more than now the child with little memory may have. What it makes
 * is charged to it until it goes.
 */
static bool limit(struct ctx *ctx, struct actor *a)
{
	char text[32];

	if (!a->pid) {
		if (mkdir(CGROUP, 0700) && errno != EEXIST)
			return false;
		put(CGROUPS "/cgroup.subtree_control", "+memory");
		put(CGROUP "/memory.max", "max");
		if (!actor_start(ctx, a))
			return false;
		snprintf(text, sizeof(text), "%d", a->pid);
		if (!put(CGROUP "/cgroup.procs", text)) {
			actor_end(ctx, a);
			return false;
		}
	}
	if (one_in(ctx, 5)) {
		snprintf(text, sizeof(text), "%ld",
			 get(CGROUP "/memory.current") +
			 (long)below(ctx, one_in(ctx, 3) ? 4 << 20 : 1 << 16));
		put(CGROUP "/memory.max", text);
		note(ctx, "memory.max %s", text);
	}
	return true;
}

void step_limited(struct ctx *ctx)
{
	static bool none;
	struct actor *a = &ctx->actor[1];

	if (none)
		return;
	a->limited = true;
	actor_tire(ctx, a);
	if (!limit(ctx, a)) {
		printf("# %s: no memory cgroups\n", ctx->name);
		none = true;
		return;
	}
	actor_call(ctx, a, false);
}
