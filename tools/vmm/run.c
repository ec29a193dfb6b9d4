// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: the guest runs until something comes out of it, and on again.
 *
 * The timer is a signal of this process, whose handler has the run end, or the next one: it
 * can't come too early. Only then is the time asked for, and the console.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <x86intrin.h>

#include "vmm.h"

#define NS		UINT64_C(1000000000)
/* The console is looked at that often while the guest runs. */
#define CONSOLE_NS	UINT64_C(20000000)

static int kicked_cpu;
static timer_t timer;
static uint64_t timer_at;

/**
 * vmm_now() - the time in ns
 */
uint64_t vmm_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS + t.tv_nsec;
}

/**
 * vmm_end() - the guest has ended
 * @vmm: the guest
 * @status: exit status of this process
 * @how: in words
 */
void vmm_end(struct vmm *vmm, int status, const char *how)
{
	vmm->ended = true;
	vmm->status = status;
	vmm->end = how;
}

/* ---- time ---- */

static void on_timer(int sig)
{
	int err = errno;

	(void)sig;
	ioctl(kicked_cpu, AXAS_VCPU_KICK);
	errno = err;
}

static void timer_begin(const struct vmm *vmm)
{
	struct sigaction action = { .sa_handler = on_timer };
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGALRM,
	};

	kicked_cpu = vmm->cpu;
	if (sigaction(SIGALRM, &action, NULL) ||
	    timer_create(CLOCK_MONOTONIC, &event, &timer))
		die("no timer: %s", strerror(errno));
}

static void timer_set(uint64_t at)
{
	struct itimerspec spec = {
		.it_value = { at / NS, at % NS },
	};

	if (at == timer_at)
		return;
	timer_at = at;
	timer_settime(timer, TIMER_ABSTIME, &spec, NULL);
}

static uint64_t sooner(const struct vmm *vmm, uint64_t at)
{
	uint64_t deadline = vmm->pit.deadline;

	return deadline && deadline < at ? deadline : at;
}

/* Time has gone by. */
static void tick(struct vmm *vmm)
{
	uint64_t now = vmm_now();

	pit_tick(vmm, now);
	uart_poll(vmm);
	console_flush();
	timer_set(sooner(vmm, now + CONSOLE_NS));
}

/* ---- what comes out ---- */

/* The timer, input, or a signal. Return: false if there will be none. */
static bool wait_for_event(struct vmm *vmm)
{
	struct pollfd fd = {
		.fd = uart_listens(vmm) ? console_fd() : -1,
		.events = POLLIN,
	};
	uint64_t now = vmm_now(), deadline = vmm->pit.deadline;
	uint64_t left = deadline > now ? deadline - now : 0;
	const struct timespec timeout = { left / NS, left % NS };

	if (fd.fd < 0 && !deadline)
		return false;
	ppoll(&fd, 1, deadline ? &timeout : NULL, NULL);
	tick(vmm);
	return true;
}

static void halt(struct vmm *vmm, bool ready)
{
	uint64_t from = vmm_now();

	if (!ready) {
		vmm_end(vmm, 0, "halted, with interrupts off");
		return;
	}
	console_flush();
	while (!vmm->ended && !pic_wants(vmm))
		if (!wait_for_event(vmm))
			vmm_end(vmm, VMM_TROUBLE, "halted, and no interrupt will come");
	vmm->counts.halt_ns += vmm_now() - from;
}

static void port(struct vmm *vmm, struct axas_vcpu_run *run)
{
	uint64_t value = UINT64_MAX;	/* nobody is there */

	if (run->io.out) {
		bus_write(vmm, AXAS_BUS_PORT, run->io.port, run->io.size,
			  run->io.data);
		return;
	}
	bus_read(vmm, AXAS_BUS_PORT, run->io.port, run->io.size, &value);
	run->answer = value;
}

static void msr(struct vmm *vmm, struct axas_vcpu_run *run)
{
	uint64_t value = 0;
	bool done;

	if (run->msr.write)
		done = bus_write(vmm, AXAS_BUS_SYSREG, run->msr.index, 8,
				 run->msr.value);
	else
		done = bus_read(vmm, AXAS_BUS_SYSREG, run->msr.index, 8, &value);
	run->answer = value;
	if (!done)
		run->flags = AXAS_VCPU_RUN_FAIL;
}

static void handle(struct vmm *vmm, struct axas_vcpu_run *run)
{
	vmm->counts.exits[run->reason]++;
	switch (run->reason) {
	case AXAS_VCPU_EXIT_FAULT:
		vmm_fault(vmm, run);
		break;
	case AXAS_VCPU_EXIT_IO:
		port(vmm, run);
		break;
	case AXAS_VCPU_EXIT_MSR:
		msr(vmm, run);
		break;
	case AXAS_VCPU_EXIT_HLT:
		halt(vmm, run->ready);
		break;
	case AXAS_VCPU_EXIT_WINDOW:
		break;
	case AXAS_VCPU_EXIT_SHUTDOWN:
		vmm_end(vmm, VMM_TROUBLE, "a triple fault");
		break;
	default:
		die("the guest did what nobody here knows: exit 0x%" PRIx64 ", 0x%" PRIx64,
		    (uint64_t)run->other.code, (uint64_t)run->other.info[0]);
	}
}

/* ---- in ---- */

/* Nothing goes in with an MSR that there isn't: the guest takes #GP first. */
static void prepare(struct vmm *vmm, struct axas_vcpu_run *run)
{
	if (run->flags || !pic_wants(vmm))
		return;
	if (!run->ready) {
		run->flags = AXAS_VCPU_RUN_WINDOW;
		return;
	}
	run->flags = AXAS_VCPU_RUN_INTERRUPT;
	run->vector = pic_take(vmm);
	vmm->counts.interrupts++;
}

static int enter(struct vmm *vmm, struct axas_vcpu_run *run)
{
	uint64_t from = __rdtsc();
	int ret = ioctl(vmm->cpu, AXAS_VCPU_RUN, run) ? errno : 0;

	vmm->counts.run_ticks += __rdtsc() - from;
	return ret;
}

/**
 * vmm_run() - run the guest to its end
 * @vmm: the guest
 */
void vmm_run(struct vmm *vmm)
{
	struct axas_vcpu_run run = { 0 };
	int err;

	timer_begin(vmm);
	vmm->begun = vmm_now();
	timer_set(vmm->begun + CONSOLE_NS);
	while (!vmm->ended) {
		prepare(vmm, &run);
		err = enter(vmm, &run);
		if (err && err != EINTR)
			die("cannot run the guest: %s%s", strerror(err),
			    err == EBUSY ? ": another hypervisor has the CPU" : "");
		/* A window is asked for anew; what else is left goes in later. */
		run.flags &= ~AXAS_VCPU_RUN_WINDOW;
		if (err) {
			vmm->counts.interrupted++;
			tick(vmm);
		} else {
			handle(vmm, &run);
		}
		timer_set(sooner(vmm, timer_at));
	}
	console_flush();
}
