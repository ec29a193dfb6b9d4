// SPDX-License-Identifier: GPL-2.0
/*
 * Windows as memory that the kernel works on: direct I/O, pipes, other
 * processes, and KVM. Pages that are in use there outlive their unmap.
 */
#define AX_FEW_VARIANTS
#define AX_TWO_FORMATS
#include <sys/syscall.h>
#include <sys/uio.h>
#include "axas_fixture.h"
#include "axas_frozen.h"
#include "axas_hpa.h"

#define GPA	0x400000ULL
#define RW	(PROT_READ | PROT_WRITE)

TEST_F(space, direct_io)
{
	__u64 *w, ro;
	const char *why = "";
	int file, disk, i;

	disk = ax_open_loop(&file, &why);
	if (disk < 0)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x20000));
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA + 0x20000, 0x1000, AX_R, 0, 0));
	w = ax_window(self->fd, GPA, 0x30000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	for (i = 0; i < 0x8000 / 8; i++)
		w[i] = 0x1000000 + i;
	/* Out of the window, past the page cache of the device... */
	EXPECT_EQ(0x8000, pwrite(disk, w, 0x8000, 0x2000));
	for (i = 0; i < 0x8000 / 8; i += 61) {
		__u64 val = 0;

		ASSERT_EQ(8, pread(file, &val, 8, 0x2000 + i * 8));
		EXPECT_EQ(0x1000000 + i, val);
	}
	/* ...and into it, to pages that nobody has touched. */
	EXPECT_EQ(0x8000, pread(disk, w + 0x10000 / 8, 0x8000, 0x2000));
	for (i = 0; i < 0x8000 / 8; i += 61)
		EXPECT_EQ(0x1000000 + i, ax_get64(self->fd, GPA + 0x10000 + i * 8));
	/* The device mustn't write where the guest may not. */
	EXPECT_GT(0, pread(disk, w + 0x20000 / 8, 0x1000, 0x2000));
	EXPECT_EQ(0, ax_load(w + 0x20000 / 8, &ro));
	EXPECT_EQ(0, ro);
	EXPECT_EQ(0x1000, pwrite(disk, w + 0x20000 / 8, 0x1000, 0x2000));
	/* A hole. */
	errno = 0;
	EXPECT_EQ(-1, pread(disk, w + 0x21000 / 8, 0x1000, 0x2000));
	EXPECT_EQ(EFAULT, errno);
	munmap(w, 0x30000);
	close(disk);
	close(file);
}

/*
 * What the space doesn't own isn't handed out, in either kind of window: nobody
 * knows how long it is there, and the kernel may not have it mapped.
 */
TEST_F(space, linear_is_not_pinned)
{
	const char *why = "";
	struct ax_host host[2];
	unsigned int n, i, whole;
	struct iovec v, local;
	int file, disk, p[2];
	__u64 *w, val;
	char *at;

	AX_NEED_HOST(host, n);
	disk = ax_open_loop(&file, &why);
	if (disk < 0)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x1000));
	local = (struct iovec){ &val, 8 };
	for (i = 0; i < 2 * n; i++) {
		/* Alone a window for I/O; with a frame before it one for memory. */
		whole = i % 2;
		ASSERT_EQ(0, ax_map_linear(self->fd, GPA + 0x1000, 0x1000,
					   host[i / 2].hpa, AX_RW, 0));
		w = ax_window(self->fd, GPA + (whole ? 0x1000 : 0), whole ? 0x1000 : 0x2000, RW);
		ASSERT_NE(MAP_FAILED, (void *)w);
		at = (char *)w + (whole ? 0 : 0x1000);
		EXPECT_EQ(0, ax_store(at, 0x900));
		EXPECT_EQ(-1, pwrite(disk, at, 0x1000, 0));
		/* Some kernels say EEXIST of such a PTE. */
		EXPECT_TRUE(errno == EFAULT || (!whole && errno == EEXIST))
			TH_LOG("errno %d in %s", errno, host[i / 2].what);
		EXPECT_EQ(-1, pread(disk, at, 0x1000, 0));
		v = (struct iovec){ at, 0x1000 };
		EXPECT_EQ(-1, vmsplice(p[1], &v, 1, 0));
		v.iov_len = 8;
		EXPECT_EQ(-1, process_vm_readv(getpid(), &local, 1, &v, 1, 0));
		EXPECT_EQ(0, ax_load(at, &val));
		EXPECT_EQ(0x900, val);
		munmap(w, whole ? 0x1000 : 0x2000);
		ASSERT_EQ(0, ax_unmap(self->fd, GPA + 0x1000, 0x1000));
	}
	close(p[0]);
	close(p[1]);
	close(disk);
	close(file);
}

TEST_F(space, page_in_a_pipe_outlives_its_unmap)
{
	static unsigned char got[0x4000];
	struct iovec v;
	__u64 *w, i;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x4000));
	w = ax_window(self->fd, GPA, 0x4000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	for (i = 0; i < 4; i++)
		w[i * 512] = 0x600 + i;
	v = (struct iovec){ w, 0x4000 };
	ASSERT_EQ(0x4000, vmsplice(p[1], &v, 1, 0));
	ASSERT_EQ(0, ax_unmap(self->fd, GPA, 0x4000));
	EXPECT_EQ(0, ax_resident(self->fd));
	/* Whoever gets frames now doesn't get these. */
	ASSERT_EQ(0, ax_populate(self->fd, GPA, 0x400000));
	for (i = 0; i < 0x400; i++)
		ASSERT_EQ(0, ax_put64(self->fd, GPA + i * AX_PAGE, ~i));
	ASSERT_EQ(0, ax_clear(self->fd));
	ASSERT_EQ(0x4000, read(p[0], got, 0x4000));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0x600 + i, *(__u64 *)(got + i * AX_PAGE));
	munmap(w, 0x4000);
	close(p[0]);
	close(p[1]);
}

TEST_F(space, page_in_a_pipe_outlives_its_discard)
{
	static unsigned char got[0x4000];
	struct axas_discard d;
	struct iovec v;
	__u64 *w, i;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x10000));
	w = ax_window(self->fd, GPA, 0x10000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	for (i = 0; i < 6; i++)
		w[i * 512] = 0x600 + i;
	v = (struct iovec){ w, 0x4000 };
	ASSERT_EQ(0x4000, vmsplice(p[1], &v, 1, 0));
	ASSERT_EQ(0, ax_discard_to(self->fd, GPA, 0x10000, &d));
	EXPECT_EQ(0x2000, d.freed);
	EXPECT_EQ(0x4000, d.pinned);
	EXPECT_EQ(0, ax_resident(self->fd));
	/* What comes now are others. */
	for (i = 0; i < 6; i++) {
		EXPECT_EQ(0, w[i * 512]);
		w[i * 512] = 0x700 + i;
	}
	ASSERT_EQ(0x4000, read(p[0], got, 0x4000));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0x600 + i, *(__u64 *)(got + i * AX_PAGE));
	/* Nobody has anything any more. */
	ASSERT_EQ(0, ax_discard_to(self->fd, GPA, 0x10000, &d));
	EXPECT_EQ(0x6000, d.freed);
	EXPECT_EQ(0, d.pinned);
	munmap(w, 0x10000);
	close(p[0]);
	close(p[1]);
}

/* Direct I/O, each into a page that goes and comes time and again. */
struct reader {
	pthread_t thread;
	int disk;
	char *at;
	volatile bool stop;
	unsigned int nr, failed;
};

static void *read_the_disk(void *arg)
{
	struct reader *r = arg;

	while (!r->stop) {
		r->failed += pread(r->disk, r->at + r->nr % 16 * AX_PAGE, 0x1000, 0) != 0x1000;
		r->nr++;
	}
	return NULL;
}

static int discard_pages(int fd, __u64 *pinned)
{
	struct axas_discard d;
	int ret = ax_discard_to(fd, GPA, 0x10000, &d);

	*pinned += d.pinned;
	return ret;
}

static int replace_pages(int fd, __u64 *pinned)
{
	*pinned = 0;
	return ax_map_alloc(fd, GPA, 0x10000, AX_RW, AXAS_MAP_REPLACE, 0);
}

static void direct_io_while(struct __test_metadata *_metadata, int fd,
			    int (*change)(int fd, __u64 *pinned))
{
	static const char text[AX_PAGE] = "what is on the disk";
	unsigned int changes = 0, i;
	struct reader r = {};
	const char *why = "";
	__u64 pinned = 0;
	double until;
	char *w;
	int file;

	r.disk = ax_open_loop(&file, &why);
	if (r.disk < 0)
		SKIP(return, "%s", why);
	ASSERT_EQ(AX_PAGE, pwrite(file, text, AX_PAGE, 0));
	ASSERT_EQ(0, ax_map(fd, GPA, 0x10000));
	w = ax_window(fd, GPA, 0x10000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	r.at = w;
	ASSERT_EQ(0, pthread_create(&r.thread, NULL, read_the_disk, &r));
	for (until = ax_now() + ax_race(2); ax_racing(until, r.nr); changes++)
		ASSERT_EQ(0, change(fd, &pinned));
	r.stop = true;
	pthread_join(r.thread, NULL);
	printf("# %u reads, %u changes, %llu KiB pinned\n", r.nr, changes, pinned >> 10);
	EXPECT_LT(0, r.nr);
	EXPECT_EQ(0, r.failed);
	for (i = 0; i < 16; i++)
		if (w[i * AX_PAGE])
			EXPECT_EQ(0, memcmp(w + i * AX_PAGE, text, AX_PAGE));
	munmap(w, 0x10000);
	close(r.disk);
	close(file);
}

TEST_F(space, direct_io_while_pages_are_discarded)
{
	direct_io_while(_metadata, self->fd, discard_pages);
}

TEST_F(space, direct_io_while_pages_are_replaced)
{
	direct_io_while(_metadata, self->fd, replace_pages);
}

/* Direct I/O out of a page, to a disk that doesn't go on until it is let. */
struct stuck {
	pthread_t thread;
	struct ax_frozen on;
	char *at;
	pid_t tid;
	ssize_t ret;
};

static void *write_the_disk(void *arg)
{
	struct stuck *s = arg;

	__atomic_store_n(&s->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	s->ret = pwrite(s->on.disk, s->at, AX_PAGE, 0);
	return NULL;
}

static bool stuck_begin(struct stuck *s)
{
	return !pthread_create(&s->thread, NULL, write_the_disk, s) &&
	       ax_sleeps_at_last(&s->tid);
}

static void stuck_end(struct stuck *s)
{
	ax_frozen_thaw(&s->on);
	pthread_join(s->thread, NULL);
}

/* A move says so and changes nothing; a replace leaves the page to the disk. */
TEST_F(space, direct_io_in_flight)
{
	const __u64 device = GPA + AX_2M, probe[] = { GPA, GPA + 0x1000, GPA + 0x3000, device };
	struct ax_snapshot before, after;
	struct stuck s = {};
	const char *why;
	__u64 *w, i, got;

	why = ax_frozen_open(&s.on);
	if (why)
		SKIP(return, "%s", why);
	EXPECT_EQ(0, ax_map(self->fd, GPA, 0x4000));
	EXPECT_EQ(0, ax_map_device(self->fd, device, 0x4000, AX_RW, 7));
	w = ax_window(self->fd, GPA, 0x4000, RW);
	EXPECT_NE(MAP_FAILED, (void *)w);
	for (i = 0; i < 0x4000 / 8; i++)
		w[i] = 0x600 + i;
	s.at = (char *)w + 0x1000;
	EXPECT_TRUE(stuck_begin(&s));
	EXPECT_EQ(0, ax_snap(self->fd, probe, ARRAY_SIZE(probe), &before));
	EXPECT_EQ(-EBUSY, ax_move(self->fd, GPA, device, 0x4000, AXAS_MOVE_EXCHANGE));
	EXPECT_EQ(-EBUSY, ax_move(self->fd, device, GPA, 0x4000, AXAS_MOVE_EXCHANGE));
	EXPECT_EQ(-EBUSY, ax_move(self->fd, GPA, 2 * device, 0x4000, 0));
	EXPECT_EQ(-EBUSY, ax_move(self->fd, GPA + 0x1000, 2 * device, 0x1000, 0));
	EXPECT_EQ(0, ax_snap(self->fd, probe, ARRAY_SIZE(probe), &after));
	EXPECT_TRUE(ax_snap_same(&before, &after, true, "busy"));
	/* What is beside the page can go. */
	EXPECT_EQ(0, ax_move(self->fd, GPA + 0x2000, 2 * device, 0x2000, 0));
	EXPECT_EQ(0, ax_move(self->fd, 2 * device, GPA + 0x2000, 0x2000, 0));
	EXPECT_EQ(0, ax_map_alloc(self->fd, GPA + 0x1000, 0x1000, AX_RW,
				  AXAS_MAP_REPLACE | AXAS_MAP_POPULATE, 0));
	for (i = 512; i < 1024; i++) {
		EXPECT_EQ(0, w[i]);
		w[i] = 0x88;
	}
	/* It has nothing to do with the space any more. */
	EXPECT_EQ(0, ax_move(self->fd, GPA, device, 0x4000, AXAS_MOVE_EXCHANGE));
	EXPECT_EQ(0x600, ax_get64(self->fd, device));
	EXPECT_EQ(0x88, ax_get64(self->fd, device + 0x1000));
	EXPECT_EQ(0x600 + 1024, ax_get64(self->fd, device + 0x2000));
	stuck_end(&s);
	EXPECT_EQ(AX_PAGE, s.ret);
	for (i = 0; i < 512; i++) {
		EXPECT_EQ(8, pread(s.on.file, &got, 8, i * 8));
		EXPECT_EQ(0x600 + 512 + i, got);
	}
	munmap(w, 0x4000);
	ax_frozen_close(&s.on);
}

TEST_F(space, pages_in_a_pipe_outlive_the_space)
{
	int fd = ax_create(self->dev, variant->format, variant->bits);
	unsigned char got[0x1000];
	struct iovec v;
	__u64 *w;
	int p[2];

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, ax_map_alloc(fd, 0, AX_2M, AX_RW, 0, AX_2M));
	w = ax_window(fd, 0, AX_2M, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	w[77 * 512] = 0x700;
	v = (struct iovec){ w + 77 * 512, 0x1000 };
	ASSERT_EQ(0x1000, vmsplice(p[1], &v, 1, 0));
	munmap(w, AX_2M);
	close(fd);
	ASSERT_EQ(0, ax_populate(self->fd, 0, 0x400000));
	ASSERT_EQ(0x1000, read(p[0], got, 0x1000));
	EXPECT_EQ(0x700, *(__u64 *)got);
	close(p[0]);
	close(p[1]);
}

TEST_F(space, other_processes_reach_in)
{
	__u64 *w, val = 0, word = 0x801;
	struct iovec local = { &val, 8 }, remote;
	pid_t pid;

	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x2000));
	w = ax_window(self->fd, GPA, 0x3000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x18, 0x800));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int bad = 0;

		remote = (struct iovec){ w + 3, 8 };
		bad |= process_vm_readv(getppid(), &local, 1, &remote, 1, 0) != 8 ? 1 : 0;
		bad |= val != 0x800 ? 2 : 0;
		local.iov_base = &word;
		remote.iov_base = w + 512;
		bad |= process_vm_writev(getppid(), &local, 1, &remote, 1, 0) != 8 ? 4 : 0;
		remote.iov_base = w + 1024;
		bad |= process_vm_readv(getppid(), &local, 1, &remote, 1, 0) != -1 ? 8 : 0;
		_exit(bad);
	}
	EXPECT_EQ(0, ax_wait(pid));
	EXPECT_EQ(0x801, ax_get64(self->fd, GPA + 0x1000));
	munmap(w, 0x3000);
}

#ifdef __x86_64__
#include <linux/kvm.h>

/* A guest of six bytes, in real mode: it adds 1 to the byte at 0x2000 and halts. */
static const unsigned char guest_code[] = {
	0xfe, 0x06, 0x00, 0x20,		/* incb 0x2000 */
	0xf4,				/* hlt */
};

struct guest {
	int kvm;
	int vm;
	int cpu;
	size_t size;
	struct kvm_run *run;
	struct kvm_sregs sregs;
};

static bool guest_add_cpu(struct guest *g, int nr)
{
	g->cpu = ioctl(g->vm, KVM_CREATE_VCPU, nr);
	if (g->cpu < 0)
		return false;
	g->size = ioctl(g->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	g->run = mmap(NULL, g->size, RW, MAP_SHARED, g->cpu, 0);
	if (g->run == MAP_FAILED || ioctl(g->cpu, KVM_GET_SREGS, &g->sregs))
		return false;
	g->sregs.cs.base = 0;
	g->sregs.cs.selector = 0;
	return !ioctl(g->cpu, KVM_SET_SREGS, &g->sregs);
}

static void guest_del_cpu(struct guest *g)
{
	munmap(g->run, g->size);
	close(g->cpu);
}

/* With 64 KiB at @w. Return: why there is none, or NULL. */
static const char *guest_create(struct guest *g, void *w)
{
	struct kvm_userspace_memory_region mem = {
		.memory_size = 0x10000, .userspace_addr = (uintptr_t)w,
	};

	g->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (g->kvm < 0)
		return "no /dev/kvm";
	g->vm = ioctl(g->kvm, KVM_CREATE_VM, 0);
	if (g->vm < 0)
		return "KVM makes no guests here";
	if (ioctl(g->vm, KVM_SET_USER_MEMORY_REGION, &mem) || !guest_add_cpu(g, 0))
		return "KVM takes no memory slot";
	return NULL;
}

static void guest_destroy(struct guest *g)
{
	guest_del_cpu(g);
	close(g->vm);
	close(g->kvm);
}

/* The reason of its exit, or minus errno. */
static int guest_run(struct guest *g)
{
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2 };

	if (ioctl(g->cpu, KVM_SET_REGS, &regs))
		return -1;
	return ioctl(g->cpu, KVM_RUN, 0) ? -errno : (int)g->run->exit_reason;
}

TEST_F(space, kvm_guest_in_a_window)
{
	struct guest g;
	const char *why;
	__u64 hpa;
	void *w;
	int i;

	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, 0x10000, AX_RWX, 0, 0));
	ASSERT_EQ(sizeof(guest_code),
		  ax_pwrite(self->fd, guest_code, sizeof(guest_code), GPA + 0x1000));
	w = ax_window(self->fd, GPA, 0x10000, RW);
	ASSERT_NE(MAP_FAILED, w);
	why = guest_create(&g, w);
	if (why)
		SKIP(return, "%s", why);
	/* The page is lazy: the guest's first touch takes it. */
	EXPECT_EQ(AXAS_TRANSLATE_LAZY, ax_state(self->fd, GPA + 0x2000));
	EXPECT_EQ(KVM_EXIT_HLT, guest_run(&g));
	EXPECT_EQ(1, ax_get64(self->fd, GPA + 0x2000));
	hpa = ax_hpa(self->fd, GPA + 0x2000);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(KVM_EXIT_HLT, guest_run(&g));
	EXPECT_EQ(4, ax_get64(self->fd, GPA + 0x2000));
	EXPECT_EQ(hpa, ax_hpa(self->fd, GPA + 0x2000));
	/* Unmapped, the guest has it no more; then it has a new one. */
	ASSERT_EQ(0, ax_unmap(self->fd, GPA + 0x2000, 0x1000));
	EXPECT_NE(KVM_EXIT_HLT, guest_run(&g));
	ASSERT_EQ(0, ax_map(self->fd, GPA + 0x2000, 0x1000));
	guest_del_cpu(&g);
	ASSERT_TRUE(guest_add_cpu(&g, 1));
	EXPECT_EQ(KVM_EXIT_HLT, guest_run(&g));
	EXPECT_EQ(1, ax_get64(self->fd, GPA + 0x2000));
	/* Read-only for the space is read-only for the guest. */
	ASSERT_EQ(0, ax_protect(self->fd, GPA + 0x2000, 0x1000, AX_R));
	EXPECT_NE(KVM_EXIT_HLT, guest_run(&g));
	EXPECT_EQ(1, ax_get64(self->fd, GPA + 0x2000));
	guest_destroy(&g);
	munmap(w, 0x10000);
}

/* The same in memory that isn't the kernel's, with struct pages and without. */
TEST_F(space, kvm_guest_in_linear_memory)
{
	struct ax_host host[2];
	unsigned int n, i;
	struct guest g;
	const char *why;
	void *w;

	AX_NEED_HOST(host, n);
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, ax_map_linear(self->fd, GPA, 0x10000, host[i].hpa, AX_RWX, 0));
		ASSERT_EQ(sizeof(guest_code),
			  ax_pwrite(self->fd, guest_code, sizeof(guest_code), GPA + 0x1000));
		ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x2000, 0x10));
		w = ax_window(self->fd, GPA, 0x10000, RW);
		ASSERT_NE(MAP_FAILED, w);
		why = guest_create(&g, w);
		if (why)
			SKIP(return, "%s", why);
		EXPECT_EQ(KVM_EXIT_HLT, guest_run(&g))
			TH_LOG("in %s", host[i].what);
		EXPECT_EQ(KVM_EXIT_HLT, guest_run(&g));
		EXPECT_EQ(0x12, ax_get64(self->fd, GPA + 0x2000));
		ASSERT_EQ(0, ax_protect(self->fd, GPA + 0x2000, 0x1000, AX_R));
		EXPECT_NE(KVM_EXIT_HLT, guest_run(&g));
		EXPECT_EQ(0x12, ax_get64(self->fd, GPA + 0x2000));
		/* Frames of the space in the place of it. */
		ASSERT_EQ(0, ax_unmap(self->fd, GPA + 0x2000, 0x1000));
		guest_del_cpu(&g);
		ASSERT_TRUE(guest_add_cpu(&g, 1));
		EXPECT_NE(KVM_EXIT_HLT, guest_run(&g));
		ASSERT_EQ(0, ax_map(self->fd, GPA + 0x2000, 0x1000));
		guest_del_cpu(&g);
		ASSERT_TRUE(guest_add_cpu(&g, 2));
		EXPECT_EQ(KVM_EXIT_HLT, guest_run(&g));
		EXPECT_EQ(1, ax_get64(self->fd, GPA + 0x2000));
		guest_destroy(&g);
		munmap(w, 0x10000);
		ASSERT_EQ(0, ax_clear(self->fd));
	}
}
#else
TEST_F(space, kvm_guest_in_a_window)
{
	SKIP(return, "the guest is written for x86");
}

TEST_F(space, kvm_guest_in_linear_memory)
{
	SKIP(return, "the guest is written for x86");
}
#endif

TEST_HARNESS_MAIN
