// SPDX-License-Identifier: GPL-2.0
/*
 * The conventions of the uAPI: what all calls have in common.
 */
#include <stddef.h>
#include <sys/resource.h>
#include "axas_fixture.h"

/* The layout is part of the interface. */
_Static_assert(sizeof(struct axas_info) == 72, "axas_info");
_Static_assert(sizeof(struct axas_create) == 40, "axas_create");
_Static_assert(sizeof(struct axas_map) == 80, "axas_map");
_Static_assert(sizeof(struct axas_unmap) == 24, "axas_unmap");
_Static_assert(sizeof(struct axas_protect) == 32, "axas_protect");
_Static_assert(sizeof(struct axas_clear) == 8, "axas_clear");
_Static_assert(sizeof(struct axas_fault_entry) == 32, "axas_fault_entry");
_Static_assert(sizeof(struct axas_fault) == 24, "axas_fault");
_Static_assert(sizeof(struct axas_translate_entry) == 48, "axas_translate_entry");
_Static_assert(sizeof(struct axas_translate) == 24, "axas_translate");
_Static_assert(sizeof(struct axas_stats) == 184, "axas_stats");
_Static_assert(sizeof(struct axas_probe) == 48, "axas_probe");
_Static_assert(sizeof(struct axas_root) == 40, "axas_root");
_Static_assert(sizeof(struct axas_area_entry) == 64, "axas_area_entry");
_Static_assert(sizeof(struct axas_areas) == 40, "axas_areas");
_Static_assert(sizeof(struct axas_device) == 40, "axas_device");
_Static_assert(sizeof(struct axas_discard) == 40, "axas_discard");
_Static_assert(sizeof(struct axas_next_entry) == 16, "axas_next_entry");
_Static_assert(sizeof(struct axas_next) == 40, "axas_next");
_Static_assert(sizeof(struct axas_populate) == 32, "axas_populate");
_Static_assert(sizeof(struct axas_resize) == 24, "axas_resize");
_Static_assert(sizeof(struct axas_move) == 32, "axas_move");
_Static_assert(sizeof(struct axas_ram_file) == 32, "axas_ram_file");
_Static_assert(sizeof(struct axas_collapse) == 40, "axas_collapse");

#define FREE	0x2000000ULL

/* All calls, with an argument that succeeds. */
struct call {
	const char *name;
	bool dev;		/* goes to /dev/axas */
	unsigned long cmd;
	size_t size;
	union {
		struct axas_info info;
		struct axas_create create;
		struct axas_map map;
		struct axas_unmap unmap;
		struct axas_protect protect;
		struct axas_clear clear;
		struct axas_fault fault;
		struct axas_translate translate;
		struct axas_stats stats;
		struct axas_probe probe;
		struct axas_root root;
		struct axas_areas areas;
		struct axas_device device;
		struct axas_discard discard;
		struct axas_populate populate;
		struct axas_resize resize;
		struct axas_move move;
		struct axas_next next;
		struct axas_ram_file ram_file;
		struct axas_collapse collapse;
		struct axas_track track;
		__u32 word[2];
	};
};

#define CALL(nr, member, on_dev, ...) {					\
	#nr, on_dev, nr, sizeof(((struct call *)0)->member),		\
	{ .member = { sizeof(((struct call *)0)->member), 0, ##__VA_ARGS__ } } }

static const struct call calls[] = {
	CALL(AXAS_INFO, info, true),
	CALL(AXAS_CREATE, create, true),
	CALL(AXAS_UNMAP, unmap, false, FREE, 0x1000),
	CALL(AXAS_MAP, map, false, FREE, 0x1000, 0, AXAS_BACKEND_ALLOC, AX_RW),
	CALL(AXAS_PROTECT, protect, false, FREE, 0x1000, AX_RW),
	CALL(AXAS_DISCARD, discard, false, FREE, 0x1000),
	CALL(AXAS_POPULATE, populate, false, FREE, 0x1000),
	CALL(AXAS_COLLAPSE, collapse, false, FREE, 0x1000),
	CALL(AXAS_RESIZE, resize, false, FREE, 0x1000),
	CALL(AXAS_MOVE, move, false, FREE, 2 * FREE, 0x1000),
	CALL(AXAS_NEXT, next, false, FREE, 0x1000),
	CALL(AXAS_RAM_FILE, ram_file, false, FREE, 0x1000, AX_R),
	CALL(AXAS_TRACK, track, false, FREE, 0x1000, AXAS_TRACK_WRITTEN),
	CALL(AXAS_CLEAR, clear, false),
	CALL(AXAS_FAULT, fault, false),
	CALL(AXAS_TRANSLATE, translate, false),
	CALL(AXAS_STATS, stats, false),
	CALL(AXAS_PROBE, probe, false, FREE, AX_R),
	CALL(AXAS_ROOT, root, false),
	CALL(AXAS_AREAS, areas, false),
	CALL(AXAS_DEVICE_ADD, device, false, AXAS_BUS_PORT, 0, 0x3f8, 0x3ff),
	CALL(AXAS_DEVICE_DEL, device, false, AXAS_BUS_PORT, 0, 0x3f8, 0x3ff),
};

/*
 * A created space, file or tracker isn't kept; not every machine can be probed; not every table
 * has a root that a CPU takes; how often a device was added doesn't matter here; what
 * is there has small leaves alone.
 */
static int result(const struct call *c, int ret)
{
	if ((c->cmd == AXAS_CREATE || c->cmd == AXAS_RAM_FILE || c->cmd == AXAS_TRACK) &&
	    ret >= 0) {
		close(ret);
		ret = 0;
	}
	if (c->cmd == AXAS_PROBE && (ret == -EOPNOTSUPP || ret == -EBUSY))
		ret = 0;
	if (((c->cmd == AXAS_ROOT || c->cmd == AXAS_COLLAPSE) && ret == -EOPNOTSUPP) ||
	    (c->cmd == AXAS_DEVICE_ADD && ret == -EEXIST) ||
	    (c->cmd == AXAS_DEVICE_DEL && ret == -ENOENT))
		ret = 0;
	return ret;
}

/* Size of the structure as it was published first, without what came since. */
static __u32 first_size(const struct call *c)
{
	switch (c->cmd) {
	case AXAS_INFO:
		return 48;
	case AXAS_MAP:
		return 64;
	case AXAS_STATS:
		return 176;
	default:
		return c->size;
	}
}

/* What can't be done twice. */
static int undo(int fd, const struct call *c)
{
	switch (c->cmd) {
	case AXAS_MAP:
		return ax_unmap(fd, FREE, 0x1000);
	case AXAS_MOVE:
		return ax_move(fd, 2 * FREE, FREE, 0x1000, 0);
	default:
		return 0;
	}
}

TEST_F(space, struct_sizes)
{
	const struct call *c;
	__u32 *arg;
	char *end;

	/* Two pages, and nothing behind them. */
	arg = mmap(NULL, 0x3000, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)arg);
	end = (char *)arg + 0x2000;
	ASSERT_EQ(0, munmap(end, 0x1000));

	for (c = calls; c < calls + ARRAY_SIZE(calls); c++) {
		int fd = c->dev ? self->dev : self->fd;
		const __u32 small[] = { 0, 1, 4, 7, first_size(c) - 1 };
		const __u32 large[] = { 4097, 8192, 0x80000000, ~0u };
		unsigned int i;

#define WITH_SIZE(n) ({							\
	memcpy(arg, c->word, c->size);					\
	arg[0] = (n);							\
	result(c, ax_ioctl(fd, c->cmd, arg)); })
#define FRESH() memset(arg, 0, 0x2000)

		FRESH();
		for (i = 0; i < ARRAY_SIZE(small); i++) {
			EXPECT_EQ(-EINVAL, WITH_SIZE(small[i]))
				TH_LOG("%s, size %u", c->name, small[i]);
		}
		for (i = 0; i < ARRAY_SIZE(large); i++) {
			EXPECT_EQ(-E2BIG, WITH_SIZE(large[i]))
				TH_LOG("%s, size %#x", c->name, large[i]);
		}
		EXPECT_EQ(0, WITH_SIZE(first_size(c)))
			TH_LOG("%s as it was at first", c->name);
		EXPECT_EQ(0, undo(self->fd, c));
		/* Something set behind what the module knows. */
		((char *)arg)[c->size + 7] = 1;
		EXPECT_EQ(-E2BIG, WITH_SIZE(c->size + 8))
			TH_LOG("%s with a tail", c->name);
		FRESH();
		((char *)arg)[4095] = 0x80;
		EXPECT_EQ(-E2BIG, WITH_SIZE(4096))
			TH_LOG("%s with a long tail", c->name);
		/* A byte that @size doesn't take in doesn't count. */
		EXPECT_EQ(0, WITH_SIZE(4095))
			TH_LOG("%s with a byte behind its size", c->name);
		EXPECT_EQ(0, undo(self->fd, c));
		/* A larger structure whose tail is zero. */
		FRESH();
		EXPECT_EQ(0, WITH_SIZE(c->size + 8))
			TH_LOG("%s, larger by 8", c->name);
		EXPECT_EQ(0, ((char *)arg)[c->size]);
		EXPECT_EQ(0, undo(self->fd, c));
		EXPECT_EQ(0, WITH_SIZE(4096)) TH_LOG("%s, a page", c->name);

		/* The tail, then the structure, reach into the void. */
		memcpy(end - c->size, c->word, c->size);
		*(__u32 *)(end - c->size) = c->size + 8;
		EXPECT_EQ(-EFAULT, result(c, ax_ioctl(fd, c->cmd, end - c->size)))
			TH_LOG("%s, tail not mapped", c->name);
		memcpy(end - 4, &c->word[0], 4);
		EXPECT_EQ(-EFAULT, result(c, ax_ioctl(fd, c->cmd, end - 4)))
			TH_LOG("%s, half mapped", c->name);
	}
}

TEST_F(space, bad_pointers)
{
	const uintptr_t bad[] = {
		0, 8, (uintptr_t)-4096, (uintptr_t)1 << 63, (uintptr_t)-1,
	};
	const struct call *c;
	unsigned int i;
	void *ro;

	for (c = calls; c < calls + ARRAY_SIZE(calls); c++) {
		int fd = c->dev ? self->dev : self->fd;

		for (i = 0; i < ARRAY_SIZE(bad); i++) {
			EXPECT_EQ(-EFAULT, result(c, ax_ioctl(fd, c->cmd, (void *)bad[i])))
				TH_LOG("%s at %#lx", c->name, bad[i]);
		}
	}
	/* Calls that answer in the structure can't, where it is read-only. */
	ro = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, ro);
	for (c = calls; c < calls + ARRAY_SIZE(calls); c++) {
		if (c->cmd != AXAS_INFO && c->cmd != AXAS_STATS &&
		    c->cmd != AXAS_FAULT && c->cmd != AXAS_TRANSLATE &&
		    c->cmd != AXAS_ROOT && c->cmd != AXAS_AREAS &&
		    c->cmd != AXAS_DISCARD && c->cmd != AXAS_POPULATE &&
		    c->cmd != AXAS_NEXT)
			continue;
		ASSERT_EQ(0, mprotect(ro, 0x1000, PROT_READ | PROT_WRITE));
		memcpy(ro, c->word, c->size);
		ASSERT_EQ(0, mprotect(ro, 0x1000, PROT_READ));
		EXPECT_EQ(-EFAULT, ax_ioctl(c->dev ? self->dev : self->fd, c->cmd, ro))
			TH_LOG("%s", c->name);
	}
}

TEST_F(space, wrong_descriptor_or_number)
{
	int null = open("/dev/null", O_RDWR);
	char arg[4096] = { 0 };
	const struct call *c;
	unsigned int nr;

	ASSERT_LE(0, null);
	for (c = calls; c < calls + ARRAY_SIZE(calls); c++) {
		memcpy(arg, c->word, c->size);
		EXPECT_EQ(-ENOTTY, ax_ioctl(c->dev ? self->fd : self->dev, c->cmd, arg))
			TH_LOG("%s", c->name);
		EXPECT_EQ(-ENOTTY, ax_ioctl(null, c->cmd, arg));
		EXPECT_EQ(-ENOTTY, ax_ioctl(c->dev ? self->dev : self->fd,
					    c->cmd + 0x100, arg));
	}
	for (nr = 0; nr < 256; nr++) {
		unsigned long cmd = _IO(AXAS_IOC_TYPE, nr);

		for (c = calls; c < calls + ARRAY_SIZE(calls) && c->cmd != cmd; c++)
			;
		if (c < calls + ARRAY_SIZE(calls))
			continue;
		EXPECT_EQ(-ENOTTY, ax_ioctl(self->dev, cmd, arg)) TH_LOG("nr %#x", nr);
		EXPECT_EQ(-ENOTTY, ax_ioctl(self->fd, cmd, arg)) TH_LOG("nr %#x", nr);
	}
	close(null);
}

/* Executable large leaves can stop some of the CPUs that walk EPT. */
static __u64 ept_leaf_sizes(void)
{
	if (ax_cpu_has("vmx") &&
	    ax_line_has("/proc/cpuinfo", "bugs", "itlb_multihit") &&
	    !ax_line_has("/proc/cmdline", "", "mitigations=off"))
		return AX_PAGE;
	return AX_PAGE | AX_2M | AX_1G;
}

TEST_F(device, no_large_leaves_with_itlb_multihit)
{
	struct axas_info info;
	struct axas_stats st;
	bool large;
	__u64 hpa;
	int fd;

	ASSERT_EQ(0, ax_info(self->dev, AXAS_FORMAT_EPT, &info));
	/* Some CPUs have no 1 GiB leaves anyway. */
	EXPECT_EQ(ept_leaf_sizes(), info.leaf_sizes | (ept_leaf_sizes() & AX_1G));
	large = info.leaf_sizes & AX_2M;
	fd = ax_create(self->dev, AXAS_FORMAT_EPT, 48);
	ASSERT_LE(0, fd);
	EXPECT_EQ(large ? 0 : -EOPNOTSUPP,
		  ax_map_alloc(fd, 0, AX_2M, AX_RWX, AXAS_MAP_POPULATE, AX_2M));
	hpa = ax_find_unused_hpa(AX_1G, info.hpa_bits);
	if (hpa) {
		/* Linear takes the largest there are. */
		EXPECT_EQ(0, ax_map_linear(fd, AX_1G, 2 * AX_2M, hpa, AX_RX, 0));
		ASSERT_EQ(0, ax_stats(fd, &st));
		EXPECT_EQ(large ? 0 : 1024, st.leaves[0]);
	}
	close(fd);
}

/* What no CPU here walks has the limits of its architecture. */
TEST_F(device, foreign_format_has_its_own_limits)
{
	struct axas_info info;

#if defined(__x86_64__)
	ASSERT_EQ(0, ax_info(self->dev, AXAS_FORMAT_S2, &info));
	EXPECT_EQ(48, info.hpa_bits);
#endif
	if (!ax_cpu_has("vmx")) {
		ASSERT_EQ(0, ax_info(self->dev, AXAS_FORMAT_EPT, &info));
		EXPECT_EQ(52, info.hpa_bits);
	}
	if (!ax_cpu_walks_amd()) {
		ASSERT_EQ(0, ax_info(self->dev, AXAS_FORMAT_AMD, &info));
		EXPECT_EQ(52, info.hpa_bits);
		EXPECT_EQ(48, info.default_gpa_bits);
		EXPECT_EQ(info.gpa_bits, info.control_bits);
	}
}

/* The first published structure ends where control_bits begins. */
TEST_F(device, info_of_an_older_caller)
{
	struct {
		struct axas_info info;
		__u64 behind;
	} a;

	memset(&a, 0xff, sizeof(a));
	a.info.size = offsetof(struct axas_info, control_bits);
	a.info.flags = 0;
	a.info.format = AXAS_FORMAT_EPT;
	ASSERT_EQ(0, ax_ioctl(self->dev, AXAS_INFO, &a.info));
	EXPECT_EQ(48, a.info.size);
	EXPECT_EQ(48, a.info.default_gpa_bits);
	EXPECT_EQ(~0ULL, a.info.control_bits);
	EXPECT_EQ(~0ULL, a.behind);
}

/* What the manual of each has, whatever the CPU has of that. */
static bool info_in_bounds(const struct axas_info *info)
{
	const __u32 x86_types = 0x1f, s2_types = 1 << AXAS_MEM_WB | 1 << AXAS_MEM_NC |
						 1 << AXAS_MEM_UC | 1 << AXAS_MEM_DEVICE;

	switch (info->format) {
	case AXAS_FORMAT_EPT:
		return info->memtypes == x86_types &&
		       !(info->features & (AXAS_FEAT_FWB | AXAS_FEAT_LPA2)) &&
		       !(info->gpa_bits & ~(1ULL << 39 | 1ULL << 48 | 1ULL << 57));
	case AXAS_FORMAT_S2:
		return info->memtypes == s2_types && info->leaf_sizes & AX_2M &&
		       !(info->gpa_bits & ~((1ULL << 49) - (1ULL << 32)));
	case AXAS_FORMAT_AMD:
		return !(info->memtypes & ~x86_types) && info->leaf_sizes & AX_2M &&
		       info->features == AXAS_FEAT_AD &&
		       info->gpa_bits == (1ULL << 48 | 1ULL << 57);
	}
	return false;
}

TEST_F(space, info)
{
	struct axas_info info, host;
	__u32 format;

	for (format = 0; format <= AXAS_FORMAT_AMD; format++) {
		if (ax_info(self->dev, format, &info)) {
			/* Only what the module wasn't built with. */
			EXPECT_FALSE(self->info.formats >> format & 1);
			continue;
		}
		if (format)
			EXPECT_EQ(format, info.format);
		EXPECT_EQ(self->info.formats, info.formats);
		EXPECT_STREQ(ax_format_name(info.format), info.name);
		EXPECT_TRUE(info_in_bounds(&info));
		EXPECT_EQ(0x1000, info.leaf_sizes & 0x1fffff);
		EXPECT_EQ(0, info.leaf_sizes & ~(0x1000 | AX_2M | AX_1G));
		EXPECT_TRUE(info.gpa_bits >> info.default_gpa_bits & 1);
		EXPECT_LE(36, info.hpa_bits);
		EXPECT_GE(52, info.hpa_bits);
		EXPECT_EQ(0, info.control_bits & ~info.gpa_bits);
		/* None at all where the memory of an AMD machine is encrypted. */
		EXPECT_TRUE(!info.control_bits ||
			    info.control_bits >> info.default_gpa_bits & 1);
		EXPECT_TRUE(info.memtypes & 1 << AXAS_MEM_WB);
	}
	ASSERT_EQ(0, ax_info(self->dev, AXAS_FORMAT_HOST, &host));
#if defined(__x86_64__)
	EXPECT_EQ(ax_cpu_walks_amd() ? AXAS_FORMAT_AMD : AXAS_FORMAT_EPT, host.format);
#elif defined(__aarch64__)
	EXPECT_EQ(AXAS_FORMAT_S2, host.format);
#endif
	EXPECT_TRUE(host.formats >> AXAS_FORMAT_HOST & 1);
	EXPECT_TRUE(host.formats >> host.format & 1);
	EXPECT_EQ(-EINVAL, ax_info(self->dev, 4, &info));
	EXPECT_EQ(-EINVAL, ax_info(self->dev, ~0u, &info));
}

TEST_F(space, create_defaults_and_descriptor)
{
	struct axas_stats st;
	int fd = ax_create(self->dev, variant->format, 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ASSERT_EQ(0, ax_stats(fd, &st));
	EXPECT_EQ(self->info.default_gpa_bits, st.gpa_bits);
	EXPECT_EQ(0, st.base);
	EXPECT_EQ(1ULL << st.gpa_bits, st.length);
	EXPECT_EQ(variant->format, st.format);
	EXPECT_EQ(0, st.areas + st.resident + st.leaves[0] + st.leaves[1] + st.leaves[2]);
	close(fd);
	/* All features that are on offer, at once. */
	struct axas_create c = {
		.size = sizeof(c), .format = variant->format,
		.gpa_bits = variant->bits, .features = self->info.features,
	};
	fd = ax_ioctl(self->dev, AXAS_CREATE, &c);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ax_stats(fd, &st));
	EXPECT_EQ(self->info.features, st.features);
	EXPECT_EQ(0, self->empty.features);
	close(fd);
}

TEST_F(space, create_without_free_descriptor)
{
	struct rlimit lim;
	int probe = dup(0);

	ASSERT_LE(0, probe);
	close(probe);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &lim));
	lim.rlim_cur = probe;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &lim));
	EXPECT_EQ(-EMFILE, ax_create(self->dev, variant->format, variant->bits));
}

TEST_HARNESS_MAIN
