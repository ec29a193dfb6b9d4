// SPDX-License-Identifier: GPL-2.0
/*
 * Windows as memory that the kernel works on: direct I/O, pipes, other
 * processes, and KVM. Pages that are in use there outlive their unmap.
 */
#define AX_FEW_VARIANTS
#include <linux/loop.h>
#include <sys/uio.h>
#include "axas_fixture.h"

#define GPA	0x400000ULL
#define RW	(PROT_READ | PROT_WRITE)

/* A block device over memory: every file system has O_DIRECT on it. */
static int open_loop(int *file, const char **why)
{
	struct loop_config conf = { .block_size = 512 };
	char name[32];
	int ctl, nr, fd;

	*file = memfd_create("axas", MFD_CLOEXEC);
	if (*file < 0 || ftruncate(*file, 1 << 20)) {
		*why = "no memfd";
		return -1;
	}
	ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	nr = ctl < 0 ? -1 : ioctl(ctl, LOOP_CTL_GET_FREE);
	if (ctl >= 0)
		close(ctl);
	if (nr < 0) {
		*why = "no loop devices";
		return -1;
	}
	snprintf(name, sizeof(name), "/dev/loop%d", nr);
	fd = open(name, O_RDWR | O_CLOEXEC);
	conf.fd = *file;
	conf.info.lo_flags = LO_FLAGS_AUTOCLEAR;
	if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &conf)) {
		*why = "a loop device can't be set up";
		return -1;
	}
	nr = open(name, O_RDWR | O_CLOEXEC | O_DIRECT);
	close(fd);
	*why = "no O_DIRECT on the loop device";
	return nr;
}

TEST_F(space, direct_io)
{
	__u64 *w, ro;
	const char *why = "";
	int file, disk, i;

	disk = open_loop(&file, &why);
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

/*
 * A guest of six bytes, in real mode, whose memory is a window: it adds 1 to
 * the byte at 0x2000 and halts.
 */
TEST_F(space, kvm_guest_in_a_window)
{
	static const unsigned char code[] = {
		0xfe, 0x06, 0x00, 0x20,		/* incb 0x2000 */
		0xf4,				/* hlt */
	};
	struct kvm_userspace_memory_region mem = { .memory_size = 0x10000 };
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2 };
	struct kvm_run *run;
	int kvm, vm, cpu, i;
	__u64 hpa;
	void *w;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		SKIP(return, "no /dev/kvm");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		SKIP(return, "KVM makes no guests here");
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, 0x10000, AX_RWX, 0, 0));
	ASSERT_EQ(sizeof(code), ax_pwrite(self->fd, code, sizeof(code), GPA + 0x1000));
	w = ax_window(self->fd, GPA, 0x10000, RW);
	ASSERT_NE(MAP_FAILED, w);
	mem.userspace_addr = (uintptr_t)w;
	ASSERT_EQ(0, ioctl(vm, KVM_SET_USER_MEMORY_REGION, &mem));
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	ASSERT_LE(0, cpu);
	run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), RW, MAP_SHARED, cpu, 0);
	ASSERT_NE(MAP_FAILED, (void *)run);
	ASSERT_EQ(0, ioctl(cpu, KVM_GET_SREGS, &sregs));
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	ASSERT_EQ(0, ioctl(cpu, KVM_SET_SREGS, &sregs));

#define RUN() (ioctl(cpu, KVM_SET_REGS, &regs) ? -1 :			\
	       ioctl(cpu, KVM_RUN, 0) ? -errno : (int)run->exit_reason)
	/* The page is lazy: the guest's first touch takes it. */
	EXPECT_EQ(AXAS_TRANSLATE_LAZY, ax_state(self->fd, GPA + 0x2000));
	EXPECT_EQ(KVM_EXIT_HLT, RUN());
	EXPECT_EQ(1, ax_get64(self->fd, GPA + 0x2000));
	hpa = ax_hpa(self->fd, GPA + 0x2000);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(KVM_EXIT_HLT, RUN());
	EXPECT_EQ(4, ax_get64(self->fd, GPA + 0x2000));
	EXPECT_EQ(hpa, ax_hpa(self->fd, GPA + 0x2000));
	/* Unmapped, the guest has it no more; then it has a new one. */
	ASSERT_EQ(0, ax_unmap(self->fd, GPA + 0x2000, 0x1000));
	EXPECT_NE(KVM_EXIT_HLT, RUN());
	ASSERT_EQ(0, ax_map(self->fd, GPA + 0x2000, 0x1000));
	close(cpu);
	cpu = ioctl(vm, KVM_CREATE_VCPU, 1);
	ASSERT_LE(0, cpu);
	munmap(run, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), RW, MAP_SHARED, cpu, 0);
	ASSERT_NE(MAP_FAILED, (void *)run);
	ASSERT_EQ(0, ioctl(cpu, KVM_SET_SREGS, &sregs));
	EXPECT_EQ(KVM_EXIT_HLT, RUN());
	EXPECT_EQ(1, ax_get64(self->fd, GPA + 0x2000));
	/* Read-only for the space is read-only for the guest. */
	ASSERT_EQ(0, ax_protect(self->fd, GPA + 0x2000, 0x1000, AX_R));
	EXPECT_NE(KVM_EXIT_HLT, RUN());
	EXPECT_EQ(1, ax_get64(self->fd, GPA + 0x2000));
	close(cpu);
	close(vm);
	close(kvm);
	munmap(w, 0x10000);
}
#else
TEST_F(space, kvm_guest_in_a_window)
{
	SKIP(return, "the guest is written for x86");
}
#endif

TEST_HARNESS_MAIN
