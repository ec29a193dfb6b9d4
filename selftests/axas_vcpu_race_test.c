// SPDX-License-Identifier: GPL-2.0
/*
 * Guests of samples/vcpu that run while somebody takes their memory away, their
 * process or their CPU.
 */
#define AX_FEW_VARIANTS
#include "axas_vcpu.h"
#include <sched.h>

#define PAGES	8

/* Stores numbers that go up to each page in turn. */
VM_GUEST(vm_stores,
	 "1: mov %rdi, %rsi\n"
	 "inc %rax\n"
	 "2: mov %rax, (%rsi)\n"
	 "add $0x1000, %rsi\n"
	 "cmp %rbx, %rsi\n"
	 "jb 2b\n"
	 "jmp 1b");

struct runner {
	struct vm vm;
	__u32 flags;
	volatile bool stop;
	volatile int bad;
	unsigned long faults;
};

static int runner_begin(struct runner *r, int nr)
{
	struct axas_vcpu_regs regs;
	int ret = vm_begin_at(r->vm.cpu, r->vm.fd, VM_CODE, vm_stores, vm_stores_end);

	if (ret || vm_get(r->vm.cpu, &regs))
		return -EIO;
	regs.rflags |= VM_IF;
	regs.gpr[AXAS_VCPU_RDI] = VM_DATA + nr * PAGES * AX_PAGE;
	regs.gpr[AXAS_VCPU_RBX] = regs.gpr[AXAS_VCPU_RDI] + PAGES * AX_PAGE;
	return vm_set(r->vm.cpu, &regs);
}

/* What is denied, or nowhere, is tried until it is back. */
static void *runner_runs(void *arg)
{
	struct runner *r = arg;
	struct axas_vcpu_run run = { .flags = r->flags };
	int ret;

	while (!r->stop) {
		ret = vm_run_with(r->vm.cpu, &run);
		if (ret == -EINTR)
			continue;
		if (ret != AXAS_VCPU_EXIT_FAULT) {
			r->bad = ret ? ret : -1;
			break;
		}
		r->faults++;
		if (ax_fault(r->vm.fd, run.fault.gpa, run.fault.access) >
		    AXAS_FAULT_SPURIOUS)
			sched_yield();
	}
	return NULL;
}

static void runner_end(struct runner *r, pthread_t thread)
{
	r->stop = true;
	ax_ioctl(r->vm.cpu, AXAS_VCPU_KICK, NULL);
	pthread_join(thread, NULL);
}

/* ---- two vCPUs, and a third thread that takes their pages away ---- */

static void read_all(int fd, __u64 *values)
{
	int i;

	for (i = 0; i < 2 * PAGES; i++)
		values[i] = ax_get64(fd, i * AX_PAGE);
}

/* Have all stored since then? */
static bool wait_for_stores(int fd, const __u64 *since)
{
	double begin = ax_now();
	__u64 now[2 * PAGES];
	int i;

	do {
		read_all(fd, now);
		for (i = 0; i < 2 * PAGES && now[i] != since[i]; i++)
			;
		if (i == 2 * PAGES)
			return true;
		sched_yield();
	} while (ax_now() - begin < 20);
	return false;
}

/*
 * The pages are another space's, and stay there: a store by a translation that was
 * to be forgotten is seen. The faults of one guest come out, those of the other don't.
 */
TEST_F(vcpu, no_store_after_unmap)
{
	const __u64 size = 2 * PAGES * AX_PAGE;
	struct runner r[2] = { { .vm = self->vm },
			       { .vm = self->vm, .flags = AXAS_VCPU_RUN_RESOLVE } };
	__u64 before[2 * PAGES], after[2 * PAGES];
	unsigned int rounds = 0, late = 0;
	double end = ax_now() + ax_race(5);
	pthread_t thread[2];
	bool unmap;
	int src, i;

	src = ax_create(self->vm.dev, AXAS_FORMAT_HOST, 0);
	ASSERT_LE(0, src);
	ASSERT_EQ(0, ax_map(src, 0, size));
	r[1].vm.cpu = vm_create(self->vm.maker, self->vm.fd);
	ASSERT_LE(0, r[1].vm.cpu);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, runner_begin(&r[i], i));
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, runner_runs, &r[i]));
	}
	while (ax_racing(end, rounds >= 10)) {
		unmap = rounds % 2;
		read_all(src, before);
		ASSERT_EQ(0, ax_map_alias(self->vm.fd, VM_DATA, size, src, 0, AX_RW));
		ASSERT_TRUE(wait_for_stores(src, before));
		ASSERT_EQ(0, unmap ? ax_unmap(self->vm.fd, VM_DATA, size) :
				     ax_protect(self->vm.fd, VM_DATA, size, AX_R));
		read_all(src, before);
		ax_sleep_ms(5);
		read_all(src, after);
		late += !!memcmp(before, after, sizeof(before));
		ASSERT_EQ(0, unmap ? 0 : ax_unmap(self->vm.fd, VM_DATA, size));
		rounds++;
	}
	for (i = 0; i < 2; i++) {
		runner_end(&r[i], thread[i]);
		EXPECT_EQ(0, r[i].bad);
	}
	close(r[1].vm.cpu);
	close(src);
	printf("# %u rounds, %lu and %lu faults\n", rounds, r[0].faults, r[1].faults);
	EXPECT_EQ(0, late);
}

/* ---- ends ---- */

VM_GUEST(vm_forever, "sti\n 1: jmp 1b");

static void *kicks(void *arg)
{
	ax_sleep_ms(100);
	ax_ioctl(*(int *)arg, AXAS_VCPU_KICK, NULL);
	return NULL;
}

TEST_F(vcpu, kick)
{
	struct axas_vcpu_run run;
	pthread_t thread;

	ASSERT_EQ(0, vm_begin(&self->vm, vm_forever));
	ASSERT_EQ(0, pthread_create(&thread, NULL, kicks, &self->vm.cpu));
	EXPECT_EQ(-EINTR, vm_run(self->vm.cpu, &run));
	pthread_join(thread, NULL);
	/* One that comes before the run isn't lost. */
	EXPECT_EQ(0, ax_ioctl(self->vm.cpu, AXAS_VCPU_KICK, NULL));
	EXPECT_EQ(-EINTR, vm_run(self->vm.cpu, &run));
	ASSERT_EQ(0, vm_begin(&self->vm, vm_halts));
	EXPECT_EQ(AXAS_VCPU_EXIT_HLT, vm_run(self->vm.cpu, &run));
}

TEST_F(vcpu, killed_while_it_runs)
{
	struct axas_vcpu_run run;
	double begin;
	pid_t pid;

	ASSERT_EQ(0, vm_begin(&self->vm, vm_forever));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		vm_run(self->vm.cpu, &run);
		_exit(0);
	}
	ax_sleep_ms(200);
	begin = ax_now();
	kill(pid, SIGKILL);
	EXPECT_EQ(256 + SIGKILL, ax_wait(pid));
	EXPECT_GT(2, ax_now() - begin);
	/* What it has left is as good as it was. */
	ASSERT_EQ(0, vm_begin(&self->vm, vm_halts));
	EXPECT_EQ(AXAS_VCPU_EXIT_HLT, vm_run(self->vm.cpu, &run));
}

/* ---- CPUs that go and come ---- */

static int put_online(const char *what)
{
	int fd = open("/sys/devices/system/cpu/cpu1/online", O_WRONLY), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, what, 1) == 1 ? 0 : -errno;
	close(fd);
	return ret;
}

static int runs_on(pthread_t thread, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return pthread_setaffinity_np(thread, sizeof(set), &set);
}

/* Does the guest go on? */
static bool stores_more(int fd)
{
	__u64 was = ax_get64(fd, VM_DATA);
	double begin = ax_now();

	while (ax_now() - begin < 20) {
		if (ax_get64(fd, VM_DATA) != was)
			return true;
		ax_sleep_ms(10);
	}
	return false;
}

/* The guest is on the CPU that goes, and on it again when it has come. */
TEST_F(vcpu, cpus_go_and_come)
{
	struct runner r = { .vm = self->vm };
	pthread_t thread;
	int i;

	if (put_online("1"))
		SKIP(return, "no second CPU that could go");
	ASSERT_EQ(0, ax_map(self->vm.fd, VM_DATA, PAGES * AX_PAGE));
	ASSERT_EQ(0, runner_begin(&r, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, runner_runs, &r));
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(0, runs_on(thread, 1));
		EXPECT_TRUE(stores_more(self->vm.fd));
		EXPECT_EQ(0, put_online("0"));
		EXPECT_TRUE(stores_more(self->vm.fd));
		EXPECT_EQ(0, put_online("1"));
	}
	runner_end(&r, thread);
	EXPECT_EQ(0, r.bad);
}

TEST_HARNESS_MAIN
