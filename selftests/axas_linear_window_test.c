// SPDX-License-Identifier: GPL-2.0
/*
 * Linear memory as the kernel and other programs get at it: through windows,
 * /proc/PID/mem, ptrace, read and write. What they get must go with the area.
 */
#include <linux/userfaultfd.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include "axas_fixture.h"
#include "axas_hpa.h"

#define G	0x40000000ULL		/* a GPA aligned to 1 GiB */

/* A window on host memory at @gpa, in an area of its own. */
static __u64 *host_window(int fd, __u64 gpa, const struct ax_host *host,
			  __u64 len, __u32 prot)
{
	if (ax_map_linear(fd, gpa, len, host->hpa, prot, 0))
		return MAP_FAILED;
	return ax_window(fd, gpa, len, PROT_READ | PROT_WRITE);
}

/* In a child that is nobody: through /proc/self/mem. */
static int proc_mem_as_nobody(__u64 *w, __u64 want)
{
	__u64 got[3] = { 0 }, word = want + 1, back = 0;
	int mem, bad = 0;

	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534) ||
	    prctl(PR_SET_DUMPABLE, 1))
		return 1;
	mem = open("/proc/self/mem", O_RDWR);
	if (mem < 0)
		return 2;
	bad |= pread(mem, got, 8, (uintptr_t)w) != 8 || got[0] != want ? 4 : 0;
	/* Across a page, and beyond the end of the window. */
	bad |= pread(mem, got, 16, (uintptr_t)(w + 511)) != 16 ||
	       got[0] != want + 2 || got[1] != want + 3 ? 8 : 0;
	bad |= pread(mem, got, 24, (uintptr_t)(w + 2 * 512 - 1)) < 8 ||
	       got[0] != want + 4 ? 16 : 0;
	bad |= pwrite(mem, &word, 8, (uintptr_t)(w + 1)) != 8 ? 32 : 0;
	bad |= pread(mem, &back, 8, (uintptr_t)(w + 1)) != 8 || back != word ? 64 : 0;
	return bad;
}

TEST_F(space, proc_mem_linear)
{
	struct ax_host host[2];
	unsigned int n, i;
	__u64 *w, val;
	pid_t pid;
	int mem;

	AX_NEED_HOST(host, n);
	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, mem);
	for (i = 0; i < n; i++) {
		w = host_window(self->fd, G, &host[i], 0x2000, AX_RW);
		ASSERT_NE(MAP_FAILED, (void *)w);
		w[0] = 0x1000 + i;
		w[511] = w[0] + 2;
		w[512] = w[0] + 3;
		w[1023] = w[0] + 4;
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(proc_mem_as_nobody(w, 0x1000 + i));
		EXPECT_EQ(0, ax_wait(pid))
			TH_LOG("in %s", host[i].what);
		EXPECT_EQ(0x1001 + i, ax_get64(self->fd, G + 8));
		/* What the area doesn't allow, nobody gets this way either. */
		ASSERT_EQ(0, ax_protect(self->fd, G, 0x1000, AX_R));
		EXPECT_EQ(-EIO, ax_pwrite(mem, &val, 8, (uintptr_t)w));
		EXPECT_EQ(8, ax_pread(mem, &val, 8, (uintptr_t)w));
		EXPECT_EQ(0x1000 + i, val);
		/* Nor what the mapping doesn't. */
		ASSERT_EQ(0, mprotect(w + 512, 0x1000, PROT_READ));
		EXPECT_EQ(-EIO, ax_pwrite(mem, &val, 8, (uintptr_t)(w + 512)));
		ASSERT_EQ(0, ax_unmap(self->fd, G, 0x2000));
		EXPECT_EQ(-EIO, ax_pread(mem, &val, 8, (uintptr_t)w));
		munmap(w, 0x2000);
	}
	close(mem);
}

TEST_F(space, ptrace_linear)
{
	struct ax_host host[2];
	unsigned int n, i;
	int status;
	__u64 *w;
	pid_t pid;

	AX_NEED_HOST(host, n);
	for (i = 0; i < n; i++) {
		w = host_window(self->fd, G, &host[i], 0x1000, AX_RW);
		ASSERT_NE(MAP_FAILED, (void *)w);
		w[3] = 0x2000 + i;
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			ptrace(PTRACE_TRACEME, 0, NULL, NULL);
			raise(SIGSTOP);
			_exit(w[3] == 0x3000 + i ? 0 : 1);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSTOPPED(status));
		errno = 0;
		EXPECT_EQ(0x2000 + i, ptrace(PTRACE_PEEKDATA, pid, w + 3, NULL));
		EXPECT_EQ(0, errno);
		EXPECT_EQ(0, ptrace(PTRACE_POKEDATA, pid, w + 3, (void *)(0x3000UL + i)));
		EXPECT_EQ(0, ptrace(PTRACE_CONT, pid, NULL, NULL));
		EXPECT_EQ(0, ax_wait(pid));
		ASSERT_EQ(0, ax_unmap(self->fd, G, 0x1000));
		munmap(w, 0x1000);
	}
}

/* Linear memory, frames and a hole in one window: each as it is alone. */
TEST_F(space, linear_in_a_memory_window)
{
	struct ax_host host[2];
	unsigned int n, i;
	__u64 *w, val;

	AX_NEED_HOST(host, n);
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, ax_map(self->fd, G, 0x1000));
		ASSERT_EQ(0, ax_map_linear(self->fd, G + 0x1000, 0x2000, host[i].hpa, AX_RW, 0));
		w = ax_window(self->fd, G, 0x4000, PROT_READ | PROT_WRITE);
		ASSERT_NE(MAP_FAILED, (void *)w);
		EXPECT_EQ(0, ax_store(w, 1));
		/* A write at once, and one after a read. */
		EXPECT_EQ(0, ax_store(w + 512, 0x4000 + i));
		EXPECT_EQ(0, ax_load(w + 1024, &val));
		EXPECT_EQ(0, ax_store(w + 1024, 0x5000 + i));
		EXPECT_EQ(-EFAULT, ax_store(w + 1536, 1));
		EXPECT_EQ(0x4000 + i, ax_get64(self->fd, G + 0x1000));
		EXPECT_EQ(0x5000 + i, ax_get64(self->fd, G + 0x2000));
		/* Rights, in both orders of use, and given back. */
		ASSERT_EQ(0, ax_protect(self->fd, G + 0x1000, 0x2000, AX_R));
		EXPECT_EQ(-EFAULT, ax_store(w + 512, 2));
		EXPECT_EQ(0, ax_load(w + 512, &val));
		EXPECT_EQ(0x4000 + i, val);
		EXPECT_EQ(-EFAULT, ax_store(w + 512, 2));
		ASSERT_EQ(0, ax_protect(self->fd, G + 0x1000, 0x2000, AX_RW));
		EXPECT_EQ(0, ax_store(w + 512, 3));
		/* mprotect() there and back asks for nothing new. */
		ASSERT_EQ(0, mprotect(w, 0x4000, PROT_READ));
		ASSERT_EQ(0, mprotect(w, 0x4000, PROT_READ | PROT_WRITE));
		EXPECT_EQ(0, ax_store(w + 512, 5));
		EXPECT_EQ(5, ax_get64(self->fd, G + 0x1000));
		ASSERT_EQ(0, ax_unmap(self->fd, G + 0x1000, 0x1000));
		EXPECT_EQ(-EFAULT, ax_load(w + 512, &val));
		EXPECT_EQ(0, ax_load(w + 1024, &val));
		ASSERT_EQ(0, ax_clear(self->fd));
		EXPECT_EQ(-EFAULT, ax_load(w + 1024, &val));
		munmap(w, 0x4000);
	}
}

/* A window for I/O stays one, whatever comes to lie under it. */
TEST_F(space, frames_in_an_io_window)
{
	struct iovec v;
	struct ax_host host[2];
	unsigned int n, i;
	__u64 *w, val;
	int p[2];

	AX_NEED_HOST(host, n);
	ASSERT_EQ(0, pipe(p));
	for (i = 0; i < n; i++) {
		w = host_window(self->fd, G, &host[i], 0x3000, AX_RW);
		ASSERT_NE(MAP_FAILED, (void *)w);
		EXPECT_EQ(0, ax_store(w + 512, 7));
		ASSERT_EQ(0, ax_unmap(self->fd, G + 0x1000, 0x1000));
		EXPECT_EQ(-EFAULT, ax_load(w + 512, &val));
		ASSERT_EQ(0, ax_map(self->fd, G + 0x1000, 0x1000));
		EXPECT_EQ(0, ax_load(w + 512, &val));
		EXPECT_EQ(0, val);
		EXPECT_EQ(0, ax_store(w + 512, 8));
		EXPECT_EQ(8, ax_get64(self->fd, G + 0x1000));
		v = (struct iovec){ w + 512, 0x1000 };
		errno = 0;
		EXPECT_EQ(-1, vmsplice(p[1], &v, 1, 0));
		EXPECT_EQ(EFAULT, errno);
		ASSERT_EQ(0, ax_protect(self->fd, G + 0x1000, 0x1000, AX_R));
		EXPECT_EQ(-EFAULT, ax_store(w + 512, 9));
		EXPECT_EQ(0, ax_load(w + 512, &val));
		EXPECT_EQ(8, val);
		ASSERT_EQ(0, ax_clear(self->fd));
		EXPECT_EQ(-EFAULT, ax_load(w + 512, &val));
		munmap(w, 0x3000);
	}
	close(p[0]);
	close(p[1]);
}

/* Memory of a type that not every instruction may touch. */
TEST_F(space, read_write_uncached)
{
	static unsigned char model[0x3000], got[0x3000];
	struct ax_host host[2];
	unsigned int n, i, type, k;
	__u64 *w, val;

	AX_NEED_HOST(host, n);
	for (i = 0; i < n; i++) {
		for (type = AXAS_MEM_NC; type <= AXAS_MEM_DEVICE; type++) {
			struct axas_map m = {
				.size = sizeof(m), .gpa = G, .length = sizeof(got),
				.hpa = host[i].hpa, .prot = AX_RW,
				.backend = AXAS_BACKEND_LINEAR, .memtype = type,
			};

			if (!(self->info.memtypes >> type & 1))
				continue;
			ASSERT_EQ(0, ax_ioctl(self->fd, AXAS_MAP, &m));
			for (k = 0; k < sizeof(model); k++)
				model[k] = k * 7 + (k >> 8) + type + i;
			EXPECT_EQ(sizeof(model), ax_pwrite(self->fd, model, sizeof(model), G));
			memset(model + 0xffb, 0x5a, 9);
			EXPECT_EQ(9, ax_pwrite(self->fd, model + 0xffb, 9, G + 0xffb));
			memset(got, 0, sizeof(got));
			EXPECT_EQ(sizeof(got), ax_pread(self->fd, got, sizeof(got), G));
			EXPECT_EQ(0, memcmp(model, got, sizeof(got)))
				TH_LOG("type %u in %s", type, host[i].what);
			EXPECT_EQ(-EFAULT, ax_pread(self->fd, (void *)8, 64, G));
			EXPECT_EQ(-EFAULT, ax_pwrite(self->fd, (void *)8, 64, G));
			EXPECT_EQ(-EFAULT, ax_pread(self->fd, got, 1, G + sizeof(got)));
			w = ax_window(self->fd, G, sizeof(got), PROT_READ | PROT_WRITE);
			ASSERT_NE(MAP_FAILED, (void *)w);
			EXPECT_EQ(0, ax_store(w + 2, 0x77));
			EXPECT_EQ(0x77, ax_get64(self->fd, G + 16));
			EXPECT_EQ(0, ax_load(w + 512, &val));
			EXPECT_EQ(0, memcmp(&val, model + 0x1000, 8));
			ASSERT_EQ(0, ax_unmap(self->fd, G, sizeof(got)));
			EXPECT_EQ(-EFAULT, ax_load(w, &val));
			munmap(w, sizeof(got));
		}
	}
}

/* ---- against changes that run beside ---- */

struct beside {
	int fd;
	__u64 *w;
	char *buf;
	size_t len;
	ssize_t ret;
	bool stop;
};

#define RACE_PAGES	4

static void *read_faults(void *arg)
{
	struct beside *b = arg;
	unsigned int i;
	__u64 val;

	for (i = 0; !__atomic_load_n(&b->stop, __ATOMIC_RELAXED); i++)
		ax_load(b->w + i % RACE_PAGES * 512, &val);
	return NULL;
}

/* A read fault that began before the right went makes no writable PTE after. */
TEST_F(device, protect_beside_read_faults)
{
	const __u64 len = RACE_PAGES * AX_PAGE;
	unsigned int n, i, k, rounds, hits;
	struct ax_host host[2];
	pthread_t thread[2];
	struct beside b;
	double end;
	int fd;

	AX_NEED_HOST(host, n);
	for (i = 0; i < n; i++) {
		fd = ax_create(self->dev, AXAS_FORMAT_HOST, 0);
		ASSERT_LE(0, fd);
		b = (struct beside){ .w = host_window(fd, G, &host[i], len, AX_RW) };
		ASSERT_NE(MAP_FAILED, (void *)b.w);
		for (k = 0; k < 2; k++)
			ASSERT_EQ(0, pthread_create(&thread[k], NULL, read_faults, &b));
		end = ax_now() + ax_race(4);
		for (rounds = hits = 0; !hits && ax_racing(end, rounds); rounds++) {
			ASSERT_EQ(0, ax_protect(fd, G, len, AX_RW));
			ASSERT_EQ(0, ax_protect(fd, G, len, AX_R));
			for (k = 0; k < RACE_PAGES; k++)
				hits += !ax_store(b.w + k * 512, 1);
		}
		__atomic_store_n(&b.stop, true, __ATOMIC_RELAXED);
		for (k = 0; k < 2; k++)
			pthread_join(thread[k], NULL);
		EXPECT_EQ(0, hits)
			TH_LOG("a store into %s passed in round %u", host[i].what, rounds);
		printf("# %s: %u rounds\n", host[i].what, rounds);
		munmap(b.w, len);
		close(fd);
	}
}

static void *write_once(void *arg)
{
	struct beside *b = arg;

	b->ret = ax_pwrite(b->fd, b->buf, b->len, G);
	return NULL;
}

/* A page that isn't there until somebody answers. */
static int slow_page(char *page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)page, .len = 0x1000 },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg)) {
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * A writer is held up by its own buffer while the range is unmapped, or loses
 * the right. What it writes afterwards must not land.
 */
TEST_F(device, write_held_up_by_its_buffer)
{
	struct uffdio_copy copy;
	struct uffd_msg msg;
	struct ax_host host[2];
	unsigned int n, i;
	static char page[0x1000];
	struct beside b;
	pthread_t thread;
	int a, other, uffd;

	AX_NEED_HOST(host, n);
	for (i = 0; i < 2 * n; i++) {
		const struct ax_host *h = &host[i / 2];
		bool unmap = i % 2;

		a = ax_create(self->dev, AXAS_FORMAT_HOST, 0);
		other = ax_create(self->dev, AXAS_FORMAT_HOST, 0);
		ASSERT_LE(0, a);
		ASSERT_LE(0, other);
		ASSERT_EQ(0, ax_map_linear(a, G, 0x2000, h->hpa, AX_RW, 0));
		ASSERT_EQ(0, ax_map_linear(other, 0, 0x2000, h->hpa, AX_RW, 0));
		b = (struct beside){ .fd = a, .len = 0x1000 };
		b.buf = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		uffd = slow_page(b.buf);
		if (uffd < 0)
			SKIP(return, "no userfaultfd");
		ASSERT_EQ(0, pthread_create(&thread, NULL, write_once, &b));
		ASSERT_EQ(sizeof(msg), read(uffd, &msg, sizeof(msg)));
		ASSERT_EQ(0, unmap ? ax_unmap(a, G, 0x2000) :
				     ax_protect(a, G, 0x2000, AX_R));
		ASSERT_EQ(0, ax_put64(other, 0, 0x1111));
		memset(page, 0xee, sizeof(page));
		copy = (struct uffdio_copy){
			.dst = (uintptr_t)b.buf, .src = (uintptr_t)page, .len = 0x1000,
		};
		ASSERT_EQ(0, ioctl(uffd, UFFDIO_COPY, &copy));
		pthread_join(thread, NULL);
		EXPECT_EQ(unmap ? -EFAULT : -EACCES, b.ret);
		EXPECT_EQ(0x1111, ax_get64(other, 0))
			TH_LOG("%s was written after it had gone", h->what);
		close(uffd);
		munmap(b.buf, 0x1000);
		close(a);
		close(other);
	}
}

static void *write_on(void *arg)
{
	struct beside *b = arg;

	while (!__atomic_load_n(&b->stop, __ATOMIC_RELAXED))
		ax_pwrite(b->fd, b->buf, b->len, G);
	return NULL;
}

/* The same without anything that holds the writer up but what it has to do. */
TEST_F(device, no_write_after_unmap)
{
	struct ax_host host[2];
	unsigned int n, i, rounds, hits;
	struct beside b;
	pthread_t thread;
	__u64 *w, at;
	double end;
	int fd;

	AX_NEED_HOST(host, n);
	b = (struct beside){ .len = 1 << 20, .buf = malloc(1 << 20) };
	ASSERT_NE(NULL, b.buf);
	memset(b.buf, 0xee, b.len);
	for (i = 0; i < n; i++) {
		b.fd = ax_create(self->dev, AXAS_FORMAT_HOST, 0);
		fd = ax_create(self->dev, AXAS_FORMAT_HOST, 0);
		ASSERT_LE(0, b.fd);
		ASSERT_LE(0, fd);
		w = host_window(fd, 0, &host[i], b.len, AX_RW);
		ASSERT_NE(MAP_FAILED, (void *)w);
		b.stop = false;
		ASSERT_EQ(0, pthread_create(&thread, NULL, write_on, &b));
		end = ax_now() + ax_race(3);
		for (rounds = hits = 0; !hits && ax_racing(end, rounds); rounds++) {
			ASSERT_EQ(0, ax_map_linear(b.fd, G, b.len, host[i].hpa, AX_RW, 0));
			while (w[0] != 0xeeeeeeeeeeeeeeeeULL && ax_now() < end)
				;
			ASSERT_EQ(0, ax_unmap(b.fd, G, b.len));
			for (at = 0; at < b.len / 8; at += 512)
				w[at] = 0;
			ax_sleep_ms(2);
			for (at = 0; at < b.len / 8; at += 512)
				hits += w[at] != 0;
		}
		__atomic_store_n(&b.stop, true, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
		EXPECT_EQ(0, hits)
			TH_LOG("%s was written after its unmap, round %u", host[i].what, rounds);
		munmap(w, b.len);
		close(fd);
		close(b.fd);
	}
	free(b.buf);
}

TEST_HARNESS_MAIN
