// SPDX-License-Identifier: GPL-2.0
/*
 * Another kernel module on a space (samples/softmmu): it uses no translation
 * that unmap or protect has taken away, and holds the space, and this module,
 * for as long as it wants and no longer.
 */
#define AX_FEW_VARIANTS
#define AX_TWO_FORMATS
#include "axas_fixture.h"
#include "../samples/softmmu/softmmu.h"

#define GPA	0x40000000ULL

static int open_mmu(void)
{
	int fd = open("/dev/axas-softmmu", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int attach(int mmu, int fd)
{
	int ret = ioctl(mmu, SOFTMMU_ATTACH, fd);

	return ret < 0 ? -errno : ret;
}

/* Its result, or minus errno. */
static int mmu_load(int mmu, __u64 gpa, __u64 *val)
{
	struct softmmu_access a = { .gpa = gpa, .value = AX_BAD64, .result = ~0u };
	int ret = ax_ioctl(mmu, SOFTMMU_ACCESS, &a);

	*val = a.value;
	return ret ? ret : (int)a.result;
}

static int mmu_store(int mmu, __u64 gpa, __u64 val)
{
	struct softmmu_access a = { .gpa = gpa, .value = val, .write = 1, .result = ~0u };
	int ret = ax_ioctl(mmu, SOFTMMU_ACCESS, &a);

	return ret ? ret : (int)a.result;
}

/* What it keeps for an address: access, or -ESTALE if it shouldn't any more. */
static int mmu_keeps(int mmu, __u64 gpa)
{
	struct softmmu_held h = { .gpa = gpa };
	int ret = ax_ioctl(mmu, SOFTMMU_HELD, &h);

	if (ret)
		return ret;
	return h.access && !h.fresh ? -ESTALE : (int)h.access;
}

FIXTURE(mmu) {
	int dev;
	int fd;
	int mmu;
};

FIXTURE_VARIANT(mmu) {
	__u32 format;
	__u32 bits;
};

FIXTURE_VARIANT_ADD(mmu, ept48) { .format = AXAS_FORMAT_EPT, .bits = 48 };
FIXTURE_VARIANT_ADD(mmu, s2_40) { .format = AXAS_FORMAT_S2, .bits = 40 };

FIXTURE_SETUP(mmu)
{
	self->mmu = open_mmu();
	if (self->mmu == -ENOENT)
		SKIP(return, "samples/softmmu isn't loaded");
	ASSERT_LE(0, self->mmu);
	self->dev = ax_open_dev();
	ASSERT_LE(0, self->dev);
	self->fd = ax_create(self->dev, variant->format, variant->bits);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, attach(self->mmu, self->fd));
}

FIXTURE_TEARDOWN(mmu)
{
	close(self->mmu);
	close(self->fd);
	close(self->dev);
}

TEST_F(mmu, keeps_what_it_has_found)
{
	struct softmmu_info info;
	__u64 val;
	int i;

	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x4000));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 8, 0x1122334455667788));
	EXPECT_EQ(0, mmu_keeps(self->mmu, GPA));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(AXAS_FAULT_RESOLVED, mmu_load(self->mmu, GPA + 8, &val));
		EXPECT_EQ(0x1122334455667788, val);
	}
	ASSERT_EQ(0, ax_ioctl(self->mmu, SOFTMMU_INFO, &info));
	EXPECT_EQ(4, info.hits);
	EXPECT_EQ(1, info.misses);
	EXPECT_EQ(1, info.entries);
	EXPECT_EQ(0, info.dropped);
	EXPECT_EQ(AX_R, mmu_keeps(self->mmu, GPA + 0xfff));
	EXPECT_EQ(0, mmu_keeps(self->mmu, GPA + 0x1000));
	/* A page that nobody has touched, and a store. */
	EXPECT_EQ(AXAS_FAULT_RESOLVED, mmu_store(self->mmu, GPA + 0x3ff8, 77));
	EXPECT_EQ(77, ax_get64(self->fd, GPA + 0x3ff8));
	EXPECT_EQ(AX_W, mmu_keeps(self->mmu, GPA + 0x3000));
	EXPECT_EQ(0x2000, ax_resident(self->fd));
}

TEST_F(mmu, says_why_it_stops)
{
	struct softmmu_access a = { .gpa = GPA + 0x1238 };
	__u64 val;

	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, 0x1000, AX_R, 0, 0));
	ASSERT_EQ(0, ax_map_device(self->fd, GPA + 0x1000, 0x1000, AX_RW, 0xc00c1e));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, mmu_load(self->mmu, GPA - 8, &val));
	EXPECT_EQ(AXAS_FAULT_DENIED, mmu_store(self->mmu, GPA, 1));
	EXPECT_EQ(AXAS_FAULT_INVALID, mmu_load(self->mmu, 1ULL << variant->bits, &val));
	EXPECT_EQ(0, ax_ioctl(self->mmu, SOFTMMU_ACCESS, &a));
	EXPECT_EQ(AXAS_FAULT_DEVICE, a.result);
	EXPECT_EQ(0xc00c1e, a.cookie);
	EXPECT_EQ(0x238, a.offset);
	EXPECT_EQ(-EINVAL, mmu_load(self->mmu, GPA + 4, &val));
	EXPECT_EQ(0, mmu_keeps(self->mmu, GPA + 0x1000));
}

TEST_F(mmu, root_is_the_one_of_the_ioctl)
{
	struct axas_root root = { .size = sizeof(root) };
	struct softmmu_info info;

	ASSERT_EQ(0, ax_ioctl(self->fd, AXAS_ROOT, &root));
	ASSERT_EQ(0, ax_ioctl(self->mmu, SOFTMMU_INFO, &info));
	EXPECT_NE(0, info.control);
	EXPECT_EQ(root.control, info.control);
	EXPECT_EQ(root.vtcr, info.vtcr);
}

TEST_F(mmu, unmap_takes_it_away)
{
	__u64 val;

	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x3000));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, mmu_store(self->mmu, GPA, 1));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, mmu_store(self->mmu, GPA + 0x1000, 2));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, mmu_store(self->mmu, GPA + 0x2000, 3));
	ASSERT_EQ(0, ax_unmap(self->fd, GPA + 0x1000, 0x1000));
	EXPECT_EQ(0, mmu_keeps(self->mmu, GPA + 0x1000));
	EXPECT_EQ(AX_W, mmu_keeps(self->mmu, GPA));
	EXPECT_EQ(AX_W, mmu_keeps(self->mmu, GPA + 0x2000));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, mmu_load(self->mmu, GPA + 0x1000, &val));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, mmu_store(self->mmu, GPA + 0x1000, 9));
	/* Another frame comes to the place. */
	ASSERT_EQ(0, ax_map(self->fd, GPA + 0x1000, 0x1000));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, mmu_load(self->mmu, GPA + 0x1000, &val));
	EXPECT_EQ(0, val);
	ASSERT_EQ(0, ax_clear(self->fd));
	EXPECT_EQ(0, mmu_keeps(self->mmu, GPA));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, mmu_load(self->mmu, GPA + 0x2000, &val));
}

TEST_F(mmu, protect_takes_it_away)
{
	__u64 val;

	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x1000));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, mmu_store(self->mmu, GPA, 5));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, mmu_load(self->mmu, GPA, &val));
	EXPECT_EQ(AX_RW, mmu_keeps(self->mmu, GPA));
	ASSERT_EQ(0, ax_protect(self->fd, GPA, 0x1000, AX_R));
	EXPECT_EQ(0, mmu_keeps(self->mmu, GPA) & AX_W);
	EXPECT_EQ(AXAS_FAULT_DENIED, mmu_store(self->mmu, GPA, 6));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, mmu_load(self->mmu, GPA, &val));
	EXPECT_EQ(5, val);
	/* To have read is not to have been allowed to write. */
	EXPECT_EQ(AX_R, mmu_keeps(self->mmu, GPA));
	EXPECT_EQ(AXAS_FAULT_DENIED, mmu_store(self->mmu, GPA, 6));
	ASSERT_EQ(0, ax_protect(self->fd, GPA, 0x1000, AX_RW));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, mmu_store(self->mmu, GPA, 7));
	EXPECT_EQ(7, ax_get64(self->fd, GPA));
}

TEST_F(mmu, part_of_a_large_leaf)
{
	__u64 val;
	int i;

	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, AX_2M, AX_RW, AXAS_MAP_POPULATE, AX_2M));
	for (i = 0; i < 16; i++)
		EXPECT_EQ(AXAS_FAULT_RESOLVED,
			  mmu_store(self->mmu, GPA + i * AX_PAGE, 100 + i));
	ASSERT_EQ(0, ax_unmap(self->fd, GPA + 7 * AX_PAGE, AX_PAGE));
	ASSERT_EQ(0, ax_protect(self->fd, GPA + 9 * AX_PAGE, AX_PAGE, AX_R));
	for (i = 0; i < 16; i++) {
		EXPECT_LE(0, mmu_keeps(self->mmu, GPA + i * AX_PAGE));
		EXPECT_EQ(i == 7 ? AXAS_FAULT_NO_AREA : AXAS_FAULT_RESOLVED,
			  mmu_load(self->mmu, GPA + i * AX_PAGE, &val));
		if (i != 7)
			EXPECT_EQ(100 + i, val);
	}
	EXPECT_EQ(AXAS_FAULT_DENIED, mmu_store(self->mmu, GPA + 9 * AX_PAGE, 1));
}

TEST_F(mmu, refusals)
{
	int mmu = open_mmu(), null = open("/dev/null", O_RDWR), ro;
	char path[32];
	__u64 val;

	ASSERT_LE(0, mmu);
	EXPECT_EQ(-EBUSY, attach(self->mmu, self->fd));
	EXPECT_EQ(-EBADF, attach(mmu, -1));
	EXPECT_EQ(-EBADF, attach(mmu, 1023));
	EXPECT_EQ(-EINVAL, attach(mmu, null));
	EXPECT_EQ(-EINVAL, attach(mmu, self->dev));
	EXPECT_EQ(-EINVAL, attach(mmu, mmu));
	/* A descriptor for reading gives nobody a guest that writes. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, ro);
	EXPECT_EQ(-EBADF, attach(mmu, ro));
	close(ro);
	EXPECT_EQ(-ENOTCONN, mmu_load(mmu, GPA, &val));
	EXPECT_EQ(-ENOTCONN, ax_ioctl(mmu, SOFTMMU_DETACH, NULL));
	/* Two on one space, and one that comes back. */
	EXPECT_EQ(0, attach(mmu, self->fd));
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x1000));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, mmu_store(mmu, GPA, 8));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, mmu_load(self->mmu, GPA, &val));
	EXPECT_EQ(8, val);
	EXPECT_EQ(0, ax_ioctl(mmu, SOFTMMU_DETACH, NULL));
	EXPECT_EQ(0, ax_unmap(self->fd, GPA, 0x1000));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, mmu_load(self->mmu, GPA, &val));
	EXPECT_EQ(0, attach(mmu, self->fd));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, mmu_load(mmu, GPA, &val));
	close(mmu);
	close(null);
}

/* What else may come and go in the meantime: each CPU keeps some free pages. */
#define SLACK	(40 << 20)

/* A translation holds no page: twice as much as the slack, and more, comes back. */
TEST_F(mmu, pages_come_back)
{
	const __u64 len = 64ULL << 20;
	__s64 before = ax_memfree(), after = 0;
	__u64 at;
	int i;

	if (before < 4 * (__s64)len)
		SKIP(return, "too little free memory");
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ax_map(self->fd, GPA, len));
		for (at = GPA; at < GPA + len; at += AX_PAGE)
			ASSERT_EQ(AXAS_FAULT_RESOLVED, mmu_store(self->mmu, at, at));
		EXPECT_EQ(len, ax_resident(self->fd));
		ASSERT_EQ(0, ax_clear(self->fd));
	}
	for (i = 0; i < 50; i++) {
		after = ax_memfree();
		if (after + SLACK > before)
			break;
		ax_sleep_ms(100);
	}
	EXPECT_LT(before - SLACK, after);
}

/* ---- while translations go ---- */

/* The space goes from one phase to the next; a user notes which it saw. */
enum { THERE, GOING, GONE, COMING, NR_PHASES };

struct user {
	int mmu;
	__u64 *phase;
	bool stop, store;
	unsigned long there, gone;
	const char *wrong;
};

/* GPA holds the number of the phase in which it was made. */
static void *use_all_the_time(void *arg)
{
	struct user *u = arg;
	__u64 before, after, val;
	int ret;

	while (!__atomic_load_n(&u->stop, __ATOMIC_RELAXED)) {
		before = __atomic_load_n(u->phase, __ATOMIC_ACQUIRE);
		if (u->store)
			ret = mmu_store(u->mmu, GPA + 0x1008, before);
		else
			ret = mmu_load(u->mmu, GPA, &val);
		after = __atomic_load_n(u->phase, __ATOMIC_ACQUIRE);
		if (ret < 0)
			u->wrong = "the call fails";
		if (before != after)
			continue;
		if (before % NR_PHASES == THERE) {
			u->there++;
			if (ret != AXAS_FAULT_RESOLVED)
				u->wrong = "refused what is allowed";
			else if (!u->store && val != before)
				u->wrong = "other memory";
		}
		if (before % NR_PHASES == GONE) {
			u->gone++;
			if (ret == AXAS_FAULT_RESOLVED)
				u->wrong = "a stale translation was used";
		}
	}
	return NULL;
}

/* Has each seen the page there and gone, or one of them what shouldn't be? */
static bool have_seen_both(const struct user *users, unsigned int n)
{
	bool all = true, wrong = false;
	unsigned int i;

	for (i = 0; i < n; i++) {
		all = all && users[i].there && users[i].gone;
		wrong = wrong || users[i].wrong;
	}
	return all || wrong;
}

/* A page that comes and goes, and one that is writable and isn't. */
TEST_F(mmu, no_stale_use)
{
	__u64 phase = COMING, word;
	struct user users[3] = {
		{ .mmu = self->mmu, .phase = &phase },
		{ .mmu = self->mmu, .phase = &phase },
		{ .mmu = self->mmu, .phase = &phase, .store = true },
	};
	double end = ax_now() + ax_race(8);
	unsigned long rounds = 0;
	pthread_t threads[3];
	unsigned int i;

	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA + 0x1000, 0x1000, AX_R, 0, 0));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, use_all_the_time, &users[i]));
	while (ax_racing(end, have_seen_both(users, 3))) {
		ASSERT_EQ(0, ax_map(self->fd, GPA, 0x1000));
		ASSERT_EQ(0, ax_put64(self->fd, GPA, phase + 1));
		ASSERT_EQ(0, ax_protect(self->fd, GPA + 0x1000, 0x1000, AX_RW));
		__atomic_add_fetch(&phase, 1, __ATOMIC_SEQ_CST);	/* THERE */
		ax_sleep_ms(5);
		__atomic_add_fetch(&phase, 1, __ATOMIC_SEQ_CST);	/* GOING */
		ASSERT_EQ(0, ax_protect(self->fd, GPA + 0x1000, 0x1000, AX_R));
		ASSERT_EQ(0, ax_unmap(self->fd, GPA, 0x1000));
		__atomic_add_fetch(&phase, 1, __ATOMIC_SEQ_CST);	/* GONE */
		word = ax_get64(self->fd, GPA + 0x1008);
		ax_sleep_ms(5);
		/* The users can miss a store that shouldn't have been: not this. */
		EXPECT_EQ(word, ax_get64(self->fd, GPA + 0x1008));
		__atomic_add_fetch(&phase, 1, __ATOMIC_SEQ_CST);	/* COMING */
		rounds++;
	}
	for (i = 0; i < 3; i++) {
		__atomic_store_n(&users[i].stop, true, __ATOMIC_RELAXED);
		pthread_join(threads[i], NULL);
		EXPECT_EQ(NULL, users[i].wrong)
			TH_LOG("%s", users[i].wrong);
		EXPECT_LT(0, users[i].there);
		EXPECT_LT(0, users[i].gone);
	}
	printf("# %lu rounds, %lu loads and %lu stores while it was gone\n", rounds,
	       users[0].gone + users[1].gone, users[2].gone);
}

/* ---- who lives how long ---- */

static int refcnt(const char *module)
{
	char path[64], buf[16] = "";
	int fd, n = -1;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
	fd = open(path, O_RDONLY);
	if (fd >= 0 && read(fd, buf, sizeof(buf) - 1) > 0)
		n = atoi(buf);
	if (fd >= 0)
		close(fd);
	return n;
}

static int unload(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0;
}

static int load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return ret;
}

/* A count falls when the last file is really closed, which may take a moment. */
static int settled_refcnt(const char *module, int want)
{
	int i;

	for (i = 0; i < 200 && refcnt(module) != want; i++)
		ax_sleep_ms(10);
	return refcnt(module);
}

/* Make a space, give it away, and die. */
static void give_away(int mmu)
{
	int dev = ax_open_dev(), fd = ax_create(dev, AXAS_FORMAT_HOST, 0);

	if (fd < 0 || ax_map(fd, GPA, 0x2000) || ax_put64(fd, GPA, 0xfeed) ||
	    attach(mmu, fd))
		_exit(1);
	kill(getpid(), SIGKILL);
}

TEST(outlives_its_maker_and_lets_go)
{
	int mmu = open_mmu(), before;
	__u64 val;
	pid_t pid;

	if (mmu == -ENOENT)
		SKIP(return, "samples/softmmu isn't loaded");
	ASSERT_LE(0, mmu);
	before = refcnt("axas");
	if (before < 0)
		SKIP(return, "this kernel doesn't unload modules");
	pid = fork();
	if (!pid)
		give_away(mmu);
	ASSERT_EQ(256 + SIGKILL, ax_wait(pid));
	/* Nobody has the space but the module. */
	EXPECT_EQ(before + 1, settled_refcnt("axas", before + 1));
	EXPECT_EQ(-EWOULDBLOCK, unload("axas"));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, mmu_load(mmu, GPA, &val));
	EXPECT_EQ(0xfeed, val);
	EXPECT_EQ(AXAS_FAULT_RESOLVED, mmu_store(mmu, GPA + 0x1000, 1));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, mmu_load(mmu, GPA + 0x2000, &val));
	ASSERT_EQ(0, ax_ioctl(mmu, SOFTMMU_DETACH, NULL));
	EXPECT_EQ(before, settled_refcnt("axas", before));
	EXPECT_EQ(-ENOTCONN, mmu_load(mmu, GPA, &val));
	close(mmu);
}

/* Closing is enough; then both modules go, and come back for other tests. */
TEST(both_modules_unload)
{
	int mmu = open_mmu(), before, i;
	pid_t pid;

	if (mmu == -ENOENT)
		SKIP(return, "samples/softmmu isn't loaded");
	if (access("/axas.ko", R_OK) || access("/axas_softmmu.ko", R_OK))
		SKIP(return, "the modules aren't where they could be loaded from again");
	ASSERT_LE(0, mmu);
	before = refcnt("axas");
	pid = fork();
	if (!pid)
		give_away(mmu);
	ASSERT_EQ(256 + SIGKILL, ax_wait(pid));
	EXPECT_EQ(before + 1, settled_refcnt("axas", before + 1));
	EXPECT_EQ(-EWOULDBLOCK, unload("axas_softmmu"));
	EXPECT_EQ(-EWOULDBLOCK, unload("axas"));
	close(mmu);
	EXPECT_EQ(before, settled_refcnt("axas", before));
	for (i = 0; i < 100 && unload("axas_softmmu"); i++)
		ax_sleep_ms(10);
	EXPECT_EQ(-1, refcnt("axas_softmmu"));
	EXPECT_EQ(0, unload("axas"));
	EXPECT_EQ(0, load("/axas.ko"));
	EXPECT_EQ(0, load("/axas_softmmu.ko"));
}

TEST_HARNESS_MAIN
