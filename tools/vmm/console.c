// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: what the guest's serial port is connected with: standard input and output. A
 * terminal is the guest's but for Ctrl-], which ends it.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "vmm.h"

#define CTRL_BRACKET	0x1d

static FILE *out;
static bool no_more, raw;
static struct termios was;

static void restore(void)
{
	tcsetattr(STDIN_FILENO, TCSANOW, &was);
}

/* The signal does what it would have done. */
static void on_signal(int sig)
{
	restore();
	raise(sig);
}

/* Those by which somebody ends this process, unless it doesn't mind them. */
static void restore_at_signals(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, 0 };
	struct sigaction action = {
		.sa_handler = on_signal, .sa_flags = SA_RESETHAND,
	}, old;
	const int *sig;

	for (sig = signals; *sig; sig++)
		if (!sigaction(*sig, NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(*sig, &action, NULL);
}

/**
 * console_begin() - begin
 * @to_stderr: what the guest says goes there
 */
void console_begin(bool to_stderr)
{
	struct termios now;

	out = to_stderr ? stderr : stdout;
	if (tcgetattr(STDIN_FILENO, &was))
		return;
	raw = true;
	atexit(restore);
	restore_at_signals();
	now = was;
	cfmakeraw(&now);
	now.c_oflag = was.c_oflag;
	tcsetattr(STDIN_FILENO, TCSANOW, &now);
}

/**
 * console_put() - the guest sends a byte
 * @c: it
 */
void console_put(uint8_t c)
{
	putc(c, out);
}

/**
 * console_flush() - show what the guest has sent
 */
void console_flush(void)
{
	fflush(out);
}

/**
 * console_fd() - the descriptor that input comes from, or -1 when none will
 */
int console_fd(void)
{
	return no_more ? -1 : STDIN_FILENO;
}

/**
 * console_get() - the next byte of input
 * @vmm: the guest
 *
 * Return: it, or -1 if there is none now.
 */
int console_get(struct vmm *vmm)
{
	struct pollfd fd = { console_fd(), POLLIN, 0 };
	uint8_t c;

	if (poll(&fd, 1, 0) <= 0)
		return -1;
	if (read(STDIN_FILENO, &c, 1) != 1) {
		no_more = true;
		return -1;
	}
	if (raw && c == CTRL_BRACKET) {
		vmm_end(vmm, 0, "Ctrl-]");
		return -1;
	}
	return c;
}
