// SPDX-License-Identifier: GPL-2.0
/*
 * Every errno that the uAPI's header documents. What is refused must leave the space
 * as it was.
 */
#include <stddef.h>
#include "axas_fixture.h"

/* What the space holds while calls are refused. */
#define A_RW	0x1000000ULL		/* 64 KiB, two pages resident */
#define A_R	0x1010000ULL		/* 64 KiB right behind it, read-only */
#define HOLE	0x1020000ULL
#define A_FAR	0x1030000ULL		/* 4 KiB, resident */
#define FREE	0x2000000ULL

static const __u64 probes[] = {
	0, A_RW - 1, A_RW, A_RW + 0x1234, A_RW + 0x3000, A_R - 1, A_R,
	HOLE - 1, HOLE, A_FAR, A_FAR + 0x1000, FREE, FREE + 0x3fff,
};

static int dress(int fd)
{
	return ax_map(fd, A_RW, 0x10000) ||
	       ax_map_alloc(fd, A_R, 0x10000, AX_R, 0, 0) ||
	       ax_populate(fd, A_FAR, 0x1000) ||
	       ax_fault(fd, A_RW, AX_W) || ax_fault(fd, A_RW + 0x3000, AX_R) ||
	       ax_put64(fd, A_RW, 0x1122334455667788);
}

static int snap(int fd, struct ax_snapshot *s)
{
	return ax_snap(fd, probes, ARRAY_SIZE(probes), s);
}

/* One field of a call changed, and what the call must say to that. */
struct poke {
	const char *what;
	size_t at, width;
	__u64 val;
	int err, or_err;
};

#define POKE2(type, field, value, error, or_error) {			\
	#field " = " #value, offsetof(struct type, field),		\
	sizeof(((struct type *)0)->field), (__u64)(value), error, or_error }
#define POKE(type, field, value, error) POKE2(type, field, value, error, error)

#define REFUSED(cmd, tmpl, pokes) \
	refused(_metadata, self->fd, cmd, &(tmpl), sizeof(tmpl), pokes, ARRAY_SIZE(pokes))

static void refused(struct __test_metadata *_metadata, int fd, unsigned long cmd,
		    const void *tmpl, size_t size, const struct poke *p, size_t nr)
{
	struct ax_snapshot before, after;
	char arg[256];
	int ret;

	ASSERT_EQ(0, snap(fd, &before));
	for (; nr--; p++) {
		memcpy(arg, tmpl, size);
		memcpy(arg + p->at, &p->val, p->width);
		ret = ax_ioctl(fd, cmd, arg);
		if (ret != p->err && ret != p->or_err)
			TH_LOG("with %s", p->what);
		if (ret != p->or_err)
			EXPECT_EQ(p->err, ret);
		ASSERT_EQ(0, snap(fd, &after));
		EXPECT_TRUE(ax_snap_same(&before, &after, true, p->what));
	}
}

TEST_F(space, refused_map)
{
	struct axas_map m = {
		.size = sizeof(m), .gpa = FREE, .length = 0x4000,
		.backend = AXAS_BACKEND_ALLOC, .prot = AX_RW,
	};
	struct poke pokes[] = {
		POKE(axas_map, flags, 1 << 8, -EINVAL),
		POKE(axas_map, flags, AXAS_MAP_WHOLE, -EINVAL),
		POKE(axas_map, flags, AXAS_MAP_BIND, -EINVAL),
		POKE(axas_map, flags, AXAS_MAP_INTERLEAVE, -EINVAL),
		POKE(axas_map, flags, 1u << 31, -EINVAL),
		POKE(axas_map, gpa, FREE + 1, -EINVAL),
		POKE(axas_map, gpa, FREE + 0x800, -EINVAL),
		POKE(axas_map, length, 0, -EINVAL),
		POKE(axas_map, length, 1, -EINVAL),
		POKE(axas_map, length, 0x4001, -EINVAL),
		POKE(axas_map, length, ~0ULL, -EINVAL),
		POKE(axas_map, length, -0x1000ULL, -ERANGE),
		POKE(axas_map, gpa, -0x1000ULL, -ERANGE),
		POKE(axas_map, gpa, -0x4000ULL, -ERANGE),
		POKE(axas_map, gpa, self->end, -ERANGE),
		POKE(axas_map, gpa, self->end - 0x1000, -ERANGE),
		POKE(axas_map, gpa, self->end + FREE, -ERANGE),
		POKE(axas_map, length, self->end, -ERANGE),
		POKE(axas_map, gpa, A_RW, -EEXIST),
		POKE(axas_map, gpa, A_RW - 0x1000, -EEXIST),
		POKE(axas_map, gpa, A_R - 0x1000, -EEXIST),
		POKE(axas_map, gpa, HOLE - 0x1000, -EEXIST),
		POKE(axas_map, gpa, A_FAR - 0x3000, -EEXIST),
		POKE(axas_map, hpa, 0x1000, -EINVAL),
		POKE(axas_map, backend, 0, -EINVAL),
		POKE(axas_map, backend, AXAS_BACKEND_ALIAS, -EINVAL),
		POKE(axas_map, backend, 5, -EINVAL),
		POKE(axas_map, backend, ~0u, -EINVAL),
		POKE(axas_map, prot, 0, -EINVAL),
		POKE(axas_map, prot, 8, -EOPNOTSUPP),
		POKE(axas_map, prot, 16, -EINVAL),
		POKE(axas_map, prot, AX_RWX | 1u << 31, -EINVAL),
		POKE(axas_map, prot, AX_W, -EINVAL),
		POKE(axas_map, prot, AX_W | AX_X, -EINVAL),
		POKE(axas_map, memtype, 6, -EINVAL),
		POKE(axas_map, memtype, 32, -EINVAL),
		POKE(axas_map, memtype, ~0u, -EINVAL),
		POKE(axas_map, node, 1, -EINVAL),
		POKE(axas_map, offset, 0x1000, -EINVAL),
		POKE(axas_map, fd, 1, -EINVAL),
		POKE(axas_map, fd, ~0u, -EINVAL),
		POKE(axas_map, nodes, 1, -EINVAL),
		POKE(axas_map, max_leaf, 1, -EINVAL),
		POKE(axas_map, max_leaf, 8192, -EINVAL),
		POKE(axas_map, max_leaf, 4096 | AX_2M, -EINVAL),
		POKE(axas_map, max_leaf, 1ULL << 39, -EINVAL),
		POKE2(axas_map, max_leaf, AX_1G, -EINVAL, -EOPNOTSUPP),
	};
	const struct poke node[] = {
		POKE(axas_map, node, 99999, -EINVAL),
		POKE(axas_map, node, ~0u, -EINVAL),
	};
	struct poke other[] = {
		POKE(axas_map, memtype, AXAS_MEM_DEVICE, -EOPNOTSUPP),
		POKE(axas_map, flags, AXAS_MAP_IGNORE_PAT, -EOPNOTSUPP),
		POKE(axas_map, memtype, AXAS_MEM_WT, -EOPNOTSUPP),
		POKE(axas_map, memtype, AXAS_MEM_WP, -EOPNOTSUPP),
	};
	unsigned int i;

	ASSERT_EQ(0, dress(self->fd));
	REFUSED(AXAS_MAP, m, pokes);
	/* What one format lacks another has. */
	if (variant->format == AXAS_FORMAT_S2)
		refused(_metadata, self->fd, AXAS_MAP, &m, sizeof(m), other + 1, 3);
	else
		refused(_metadata, self->fd, AXAS_MAP, &m, sizeof(m), other,
			variant->format == AXAS_FORMAT_EPT ? 1 : 2);
	m.flags = AXAS_MAP_NODE;
	REFUSED(AXAS_MAP, m, node);
	/* The same again with all frames asked for at once. */
	m.flags = AXAS_MAP_POPULATE;
	for (i = 0; i < ARRAY_SIZE(pokes); i++)
		if (pokes[i].at == offsetof(struct axas_map, flags))
			pokes[i].val |= AXAS_MAP_POPULATE;
	REFUSED(AXAS_MAP, m, pokes);
	/* And where there is something that is to give way. */
	m.flags |= AXAS_MAP_REPLACE;
	m.gpa = A_RW;
	for (i = 0; i < ARRAY_SIZE(pokes); i++) {
		if (pokes[i].at == offsetof(struct axas_map, flags))
			pokes[i].val |= AXAS_MAP_REPLACE;
		if (pokes[i].err != -EEXIST)
			continue;
		pokes[i].val += 8;
		pokes[i].err = -EINVAL;
		pokes[i].or_err = -EINVAL;
	}
	REFUSED(AXAS_MAP, m, pokes);
}

TEST_F(space, refused_map_linear)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	__u64 top = 1ULL << self->info.hpa_bits;
	struct axas_map m = {
		.size = sizeof(m), .gpa = FREE, .length = 0x4000, .hpa = hpa,
		.backend = AXAS_BACKEND_LINEAR, .prot = AX_RW,
	};
	const struct poke pokes[] = {
		POKE(axas_map, hpa, hpa + 1, -EINVAL),
		POKE(axas_map, hpa, hpa + 0xfff, -EINVAL),
		POKE(axas_map, hpa, top, -ERANGE),
		POKE(axas_map, hpa, top - 0x3000, -ERANGE),
		POKE(axas_map, hpa, -0x3000ULL, -ERANGE),
		POKE(axas_map, hpa, -0x4000ULL, -ERANGE),
		POKE(axas_map, hpa, 1ULL << 56, -ERANGE),
		POKE(axas_map, gpa, A_RW, -EEXIST),
		POKE(axas_map, gpa, self->end - 0x1000, -ERANGE),
		POKE(axas_map, length, 0, -EINVAL),
		POKE(axas_map, prot, 0, -EINVAL),
		POKE(axas_map, prot, AX_W, -EINVAL),
		POKE(axas_map, node, 1, -EINVAL),
		POKE(axas_map, max_leaf, 16384, -EINVAL),
		POKE(axas_map, max_leaf, 1ULL << 39, -EINVAL),
	};

	if (!hpa)
		SKIP(return, "no unused host physical addresses in /proc/iomem");
	ASSERT_EQ(0, dress(self->fd));
	REFUSED(AXAS_MAP, m, pokes);
	/* The template itself is in order. */
	EXPECT_EQ(0, ax_ioctl(self->fd, AXAS_MAP, &m));
}

TEST_F(space, refused_exec_only)
{
	struct axas_map m = {
		.size = sizeof(m), .gpa = FREE, .length = 0x4000,
		.backend = AXAS_BACKEND_ALLOC, .prot = AX_X,
	};
	struct axas_create c = {
		.size = sizeof(c), .format = variant->format,
		.gpa_bits = variant->bits, .features = AXAS_FEAT_EXEC_ONLY,
	};
	const struct poke pokes[] = {
		POKE(axas_map, prot, AX_X, -EOPNOTSUPP),
	};
	int fd;

	ASSERT_EQ(0, dress(self->fd));
	/* A space that didn't ask for the feature doesn't have it. */
	REFUSED(AXAS_MAP, m, pokes);
	EXPECT_EQ(-EOPNOTSUPP, ax_protect(self->fd, A_RW, 0x1000, AX_X));
	fd = ax_ioctl(self->dev, AXAS_CREATE, &c);
	if (!(self->info.features & AXAS_FEAT_EXEC_ONLY)) {
		EXPECT_EQ(-EOPNOTSUPP, fd);
		return;
	}
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, ax_ioctl(fd, AXAS_MAP, &m));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(fd, FREE, AX_R));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(fd, FREE, AX_X));
	close(fd);
}

TEST_F(space, refused_unmap)
{
	struct axas_unmap u = { .size = sizeof(u), .gpa = A_RW, .length = 0x4000 };
	const struct poke pokes[] = {
		POKE(axas_unmap, flags, 1, -EINVAL),
		POKE(axas_unmap, flags, 1u << 31, -EINVAL),
		POKE(axas_unmap, gpa, A_RW + 8, -EINVAL),
		POKE(axas_unmap, length, 0, -EINVAL),
		POKE(axas_unmap, length, 0xfff, -EINVAL),
		POKE(axas_unmap, length, -0x1000ULL, -ERANGE),
		POKE(axas_unmap, length, self->end, -ERANGE),
		POKE(axas_unmap, gpa, -0x4000ULL, -ERANGE),
		POKE(axas_unmap, gpa, self->end, -ERANGE),
		POKE(axas_unmap, gpa, self->end + A_RW, -ERANGE),
		POKE(axas_unmap, gpa, self->end - 0x3000, -ERANGE),
	};

	ASSERT_EQ(0, dress(self->fd));
	REFUSED(AXAS_UNMAP, u, pokes);
}

TEST_F(space, refused_protect)
{
	struct axas_protect p = {
		.size = sizeof(p), .gpa = A_RW, .length = 0x4000, .prot = AX_R,
	};
	const struct poke pokes[] = {
		POKE(axas_protect, flags, 1, -EINVAL),
		POKE(axas_protect, reserved, 1, -EINVAL),
		POKE(axas_protect, gpa, A_RW + 1, -EINVAL),
		POKE(axas_protect, length, 0, -EINVAL),
		POKE(axas_protect, length, 0x4010, -EINVAL),
		POKE(axas_protect, prot, 0, -EINVAL),
		POKE(axas_protect, prot, AX_W, -EINVAL),
		POKE(axas_protect, prot, AX_W | AX_X, -EINVAL),
		POKE(axas_protect, prot, AX_R | AX_U, -EOPNOTSUPP),
		POKE(axas_protect, prot, AX_U << 1, -EINVAL),
		POKE(axas_protect, prot, 1u << 31 | AX_R, -EINVAL),
		POKE(axas_protect, gpa, self->end, -ERANGE),
		POKE(axas_protect, gpa, -0x4000ULL, -ERANGE),
		POKE(axas_protect, length, -0x1000ULL, -ERANGE),
		POKE(axas_protect, gpa, FREE, -ENOENT),
		POKE(axas_protect, gpa, A_RW - 0x1000, -ENOENT),
		POKE(axas_protect, gpa, HOLE - 0x1000, -ENOENT),
		POKE(axas_protect, length, A_FAR + 0x1000 - A_RW, -ENOENT),
	};

	ASSERT_EQ(0, dress(self->fd));
	REFUSED(AXAS_PROTECT, p, pokes);
}

TEST_F(space, refused_discard)
{
	struct axas_discard d = {
		.size = sizeof(d), .gpa = A_RW, .length = 0x4000,
	};
	const struct poke pokes[] = {
		POKE(axas_discard, flags, 1, -EINVAL),
		POKE(axas_discard, flags, 1u << 31, -EINVAL),
		POKE(axas_discard, gpa, A_RW + 1, -EINVAL),
		POKE(axas_discard, length, 0, -EINVAL),
		POKE(axas_discard, length, 0x4010, -EINVAL),
		POKE(axas_discard, gpa, self->end, -ERANGE),
		POKE(axas_discard, gpa, -0x4000ULL, -ERANGE),
		POKE(axas_discard, length, -0x1000ULL, -ERANGE),
		POKE(axas_discard, gpa, FREE, -ENOENT),
		POKE(axas_discard, gpa, A_RW - 0x1000, -ENOENT),
		POKE(axas_discard, gpa, HOLE - 0x1000, -ENOENT),
		POKE(axas_discard, length, A_FAR + 0x1000 - A_RW, -ENOENT),
	};
	const struct poke device[] = {
		POKE(axas_discard, gpa, FREE, -EOPNOTSUPP),
		POKE(axas_discard, gpa, A_FAR, -EOPNOTSUPP),
		/* The first that is wrong counts. */
		POKE(axas_discard, length, FREE + 0x1000 - A_RW, -ENOENT),
	};

	ASSERT_EQ(0, dress(self->fd));
	REFUSED(AXAS_DISCARD, d, pokes);
	ASSERT_EQ(0, ax_map_device(self->fd, FREE, 0x4000, AX_RW, 1));
	ASSERT_EQ(0, ax_map_device(self->fd, A_FAR + 0x1000, 0x3000, AX_RW, 1));
	REFUSED(AXAS_DISCARD, d, device);
}

TEST_F(space, refused_populate)
{
	struct axas_populate p = {
		.size = sizeof(p), .gpa = FREE, .length = 0x4000,
	};
	const struct poke pokes[] = {
		POKE(axas_populate, flags, 1, -EINVAL),
		POKE(axas_populate, flags, 1u << 31, -EINVAL),
		POKE(axas_populate, gpa, FREE + 1, -EINVAL),
		POKE(axas_populate, length, 0, -EINVAL),
		POKE(axas_populate, length, 0x4010, -EINVAL),
		POKE(axas_populate, gpa, self->end, -ERANGE),
		POKE(axas_populate, gpa, -0x4000ULL, -ERANGE),
		POKE(axas_populate, length, -0x1000ULL, -ERANGE),
		POKE(axas_populate, gpa, FREE, -ENOENT),
		POKE(axas_populate, gpa, A_RW - 0x1000, -ENOENT),
		POKE(axas_populate, gpa, A_FAR + 0x1000, -ENOENT),
	};
	const struct poke device[] = {
		POKE(axas_populate, gpa, FREE, -EOPNOTSUPP),
		POKE(axas_populate, gpa, A_FAR, -EOPNOTSUPP),
	};

	ASSERT_EQ(0, dress(self->fd));
	REFUSED(AXAS_POPULATE, p, pokes);
	ASSERT_EQ(0, ax_map_device(self->fd, FREE, 0x4000, AX_RW, 1));
	ASSERT_EQ(0, ax_map_device(self->fd, A_FAR + 0x1000, 0x3000, AX_RW, 1));
	REFUSED(AXAS_POPULATE, p, device);
}

TEST_F(space, refused_move)
{
	struct axas_move m = {
		.size = sizeof(m), .from = A_RW, .to = FREE, .length = 0x4000,
	};
	const struct poke pokes[] = {
		POKE(axas_move, flags, 2, -EINVAL),
		POKE(axas_move, flags, 1u << 31, -EINVAL),
		POKE(axas_move, from, A_RW + 1, -EINVAL),
		POKE(axas_move, to, FREE + 0x800, -EINVAL),
		POKE(axas_move, length, 0, -EINVAL),
		POKE(axas_move, length, 0x4010, -EINVAL),
		/* Over itself. */
		POKE(axas_move, to, A_RW, -EINVAL),
		POKE(axas_move, to, A_RW + 0x3000, -EINVAL),
		POKE(axas_move, to, A_RW - 0x3000, -EINVAL),
		POKE(axas_move, from, self->end, -ERANGE),
		POKE(axas_move, to, self->end - 0x3000, -ERANGE),
		POKE(axas_move, from, -0x4000ULL, -ERANGE),
		POKE(axas_move, length, -0x1000ULL, -ERANGE),
		POKE(axas_move, from, HOLE, -ENOENT),
		POKE(axas_move, from, HOLE - 0x1000, -ENOENT),
		POKE(axas_move, from, A_RW - 0x1000, -ENOENT),
		POKE(axas_move, to, A_R, -EEXIST),
		POKE(axas_move, to, A_FAR - 0x3000, -EEXIST),
		/* Nothing is there to be exchanged. */
		POKE(axas_move, flags, AXAS_MOVE_EXCHANGE, -ENOENT),
	};

	ASSERT_EQ(0, dress(self->fd));
	REFUSED(AXAS_MOVE, m, pokes);
}

/* The dressed areas have leaves of 4 KiB alone. */
TEST_F(space, refused_collapse)
{
	struct axas_collapse c = {
		.size = sizeof(c), .gpa = FREE, .length = 0x4000,
		.flags = AXAS_COLLAPSE_COPY,
	};
	const struct poke pokes[] = {
		POKE(axas_collapse, flags, 2, -EINVAL),
		POKE(axas_collapse, flags, 1u << 31, -EINVAL),
		POKE(axas_collapse, gpa, FREE + 1, -EINVAL),
		POKE(axas_collapse, length, 0, -EINVAL),
		POKE(axas_collapse, length, 0x4010, -EINVAL),
		POKE(axas_collapse, gpa, self->end, -ERANGE),
		POKE(axas_collapse, gpa, -0x4000ULL, -ERANGE),
		POKE(axas_collapse, length, -0x1000ULL, -ERANGE),
		POKE(axas_collapse, gpa, FREE, -ENOENT),
		POKE(axas_collapse, gpa, A_RW - 0x1000, -ENOENT),
		POKE(axas_collapse, gpa, A_RW, -EOPNOTSUPP),
	};

	ASSERT_EQ(0, dress(self->fd));
	REFUSED(AXAS_COLLAPSE, c, pokes);
}

TEST_F(space, refused_resize)
{
	struct axas_resize r = {
		.size = sizeof(r), .gpa = A_RW, .length = 0x4000,
	};
	const struct poke pokes[] = {
		POKE(axas_resize, flags, 1, -EINVAL),
		POKE(axas_resize, flags, 1u << 31, -EINVAL),
		POKE(axas_resize, gpa, A_RW + 1, -EINVAL),
		POKE(axas_resize, length, 0, -EINVAL),
		POKE(axas_resize, length, 0x4010, -EINVAL),
		POKE(axas_resize, gpa, self->end, -ERANGE),
		POKE(axas_resize, gpa, -0x4000ULL, -ERANGE),
		POKE(axas_resize, length, self->end, -ERANGE),
		POKE(axas_resize, length, -0x1000ULL, -ERANGE),
		POKE(axas_resize, gpa, FREE, -ENOENT),
		POKE(axas_resize, gpa, HOLE, -ENOENT),
		POKE(axas_resize, gpa, A_RW - 0x1000, -ENOENT),
		POKE(axas_resize, gpa, A_RW + 0x1000, -ENOENT),
		POKE(axas_resize, gpa, A_RW + 0xf000, -ENOENT),
		POKE(axas_resize, length, 0x11000, -EEXIST),
		POKE(axas_resize, length, 0x20000, -EEXIST),
		POKE(axas_resize, length, FREE, -EEXIST),
	};
	const struct poke linear[] = {
		POKE(axas_resize, length, 0x5000, -EOPNOTSUPP),
		POKE(axas_resize, length, AX_1G, -EOPNOTSUPP),
	};
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);

	ASSERT_EQ(0, dress(self->fd));
	REFUSED(AXAS_RESIZE, r, pokes);
	if (!hpa)
		return;
	ASSERT_EQ(0, ax_map_linear(self->fd, FREE, 0x4000, hpa, AX_RW, 0));
	r.gpa = FREE;
	REFUSED(AXAS_RESIZE, r, linear);
	EXPECT_EQ(0, ax_ioctl(self->fd, AXAS_RESIZE, &r));
}

TEST_F(space, refused_next)
{
	struct axas_next n = {
		.size = sizeof(n), .gpa = A_RW, .length = 0x4000, .nr = 1,
		.entries = 8,
	};
	const struct poke pokes[] = {
		POKE(axas_next, flags, 1, -EINVAL),
		POKE(axas_next, flags, 1u << 31, -EINVAL),
		POKE(axas_next, gpa, A_RW + 1, -EINVAL),
		POKE(axas_next, length, 0, -EINVAL),
		POKE(axas_next, length, 0x4010, -EINVAL),
		POKE(axas_next, gpa, self->end, -ERANGE),
		POKE(axas_next, length, -0x1000ULL, -ERANGE),
		POKE(axas_next, nr, 2, -EFAULT),
		POKE(axas_next, nr, ~0u, -EFAULT),
	};

	ASSERT_EQ(0, dress(self->fd));
	REFUSED(AXAS_NEXT, n, pokes);
}

TEST_F(space, refused_ram_file)
{
	struct axas_ram_file r = {
		.size = sizeof(r), .gpa = A_RW, .length = 0x4000, .prot = AX_RW,
	};
	const struct poke pokes[] = {
		POKE(axas_ram_file, flags, 2, -EINVAL),
		POKE(axas_ram_file, flags, 1u << 31, -EINVAL),
		POKE(axas_ram_file, gpa, A_RW + 1, -EINVAL),
		POKE(axas_ram_file, length, 0, -EINVAL),
		POKE(axas_ram_file, length, 0x4010, -EINVAL),
		POKE(axas_ram_file, prot, 0, -EINVAL),
		POKE(axas_ram_file, prot, AX_W, -EINVAL),
		POKE(axas_ram_file, prot, AX_X, -EINVAL),
		POKE(axas_ram_file, prot, AX_RX, -EINVAL),
		POKE(axas_ram_file, prot, AX_RWX, -EINVAL),
		POKE(axas_ram_file, prot, AX_R | 8, -EINVAL),
		POKE(axas_ram_file, reserved, 1, -EINVAL),
		POKE(axas_ram_file, gpa, self->end, -ERANGE),
		POKE(axas_ram_file, gpa, self->end - 0x3000, -ERANGE),
		POKE(axas_ram_file, gpa, -0x4000ULL, -ERANGE),
		POKE(axas_ram_file, length, self->end, -ERANGE),
		POKE(axas_ram_file, length, -0x1000ULL, -ERANGE),
	};
	char path[32];
	int fd;

	ASSERT_EQ(0, dress(self->fd));
	REFUSED(AXAS_RAM_FILE, r, pokes);
	/* Where nothing is mapped as well; but not with a descriptor for reading. */
	r.gpa = HOLE;
	fd = ax_ioctl(self->fd, AXAS_RAM_FILE, &r);
	EXPECT_LE(0, fd);
	close(fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBADF, ax_ioctl(fd, AXAS_RAM_FILE, &r));
	close(fd);
}

TEST_F(space, refused_track)
{
	struct axas_track t = {
		.size = sizeof(t), .gpa = A_RW, .length = 0x4000,
		.what = AXAS_TRACK_WRITTEN, .threshold = 1,
	};
	const struct poke pokes[] = {
		/* What the CPU's flags say nobody hears of. */
		POKE(axas_track, flags, AXAS_TRACK_BY_FLAGS, -EINVAL),
		POKE(axas_track, flags, AXAS_TRACK_BY_FLAGS << 1, -EINVAL),
		POKE(axas_track, flags, 1u << 31, -EINVAL),
		POKE(axas_track, gpa, A_RW + 1, -EINVAL),
		POKE(axas_track, length, 0, -EINVAL),
		POKE(axas_track, length, 0x4010, -EINVAL),
		POKE(axas_track, what, 0, -EINVAL),
		POKE(axas_track, what, AXAS_TRACK_WRITTEN | 1u << 31, -EINVAL),
		POKE(axas_track, what, AXAS_TRACK_ACCESSED << 1, -EINVAL),
		/* One of both; and of what was used nobody is told. */
		POKE(axas_track, what, AXAS_TRACK_WRITTEN | AXAS_TRACK_ACCESSED, -EINVAL),
		POKE(axas_track, what, AXAS_TRACK_ACCESSED, -EINVAL),
		POKE(axas_track, reserved, 1, -EINVAL),
		POKE(axas_track, gpa, self->end, -ERANGE),
		POKE(axas_track, gpa, self->end - 0x3000, -ERANGE),
		POKE(axas_track, gpa, -0x4000ULL, -ERANGE),
		POKE(axas_track, length, self->end, -ERANGE),
		POKE(axas_track, length, -0x1000ULL, -ERANGE),
	};
	char path[32];
	int fd;

	ASSERT_EQ(0, dress(self->fd));
	REFUSED(AXAS_TRACK, t, pokes);
	/* Where nothing is mapped as well; but not with a descriptor for reading. */
	t.gpa = HOLE;
	fd = ax_ioctl(self->fd, AXAS_TRACK, &t);
	EXPECT_LE(0, fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	close(fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBADF, ax_ioctl(fd, AXAS_TRACK, &t));
	close(fd);
}

/* Of a tracker: whatever is refused, what was written is listed after. */
TEST_F(space, refused_dirty)
{
	struct axas_next_entry e[2];
	struct axas_dirty d = {
		.size = sizeof(d), .gpa = A_RW, .length = 0x4000,
		.entries = (uintptr_t)e, .nr = 2,
	};
	const struct poke pokes[] = {
		POKE(axas_dirty, size, 0, -EINVAL),
		POKE(axas_dirty, size, sizeof(d) - 1, -EINVAL),
		POKE(axas_dirty, size, 4097, -E2BIG),
		POKE(axas_dirty, flags, 4, -EINVAL),
		POKE(axas_dirty, flags, 1u << 31, -EINVAL),
		POKE(axas_dirty, flags, AXAS_DIRTY_PEEK | AXAS_DIRTY_PUT, -EINVAL),
		POKE(axas_dirty, gpa, A_RW + 1, -EINVAL),
		POKE(axas_dirty, length, 0, -EINVAL),
		POKE(axas_dirty, length, 0x3010, -EINVAL),
		POKE(axas_dirty, gpa, A_RW - 0x1000, -ERANGE),
		POKE(axas_dirty, gpa, A_RW + 0x1000, -ERANGE),
		POKE(axas_dirty, gpa, self->end, -ERANGE),
		POKE(axas_dirty, gpa, -0x4000ULL, -ERANGE),
		POKE(axas_dirty, length, 0x5000, -ERANGE),
		POKE(axas_dirty, length, -0x1000ULL, -ERANGE),
		POKE(axas_dirty, entries, 8, -EFAULT),
		POKE(axas_dirty, entries, 1ULL << 63, -EFAULT),
	};
	const struct poke *p;
	struct axas_dirty arg;
	int tracker;

	ASSERT_EQ(0, dress(self->fd));
	tracker = ax_track(self->fd, A_RW, 0x4000);
	ASSERT_LE(0, tracker);
	ASSERT_EQ(0, ax_put64(self->fd, A_RW + 0x2000, 1));
	for (p = pokes; p < pokes + ARRAY_SIZE(pokes); p++) {
		arg = d;
		memcpy((char *)&arg + p->at, &p->val, p->width);
		EXPECT_EQ(p->err, ax_ioctl(tracker, AXAS_DIRTY, &arg))
			TH_LOG("with %s", p->what);
	}
	EXPECT_EQ(-EFAULT, ax_ioctl(tracker, AXAS_DIRTY, NULL));
	/* No room at all: how far it is clean. */
	arg = d;
	arg.nr = 0;
	EXPECT_EQ(0, ax_ioctl(tracker, AXAS_DIRTY, &arg));
	EXPECT_EQ(0, arg.done);
	EXPECT_EQ(0, arg.nr);
	EXPECT_LT(0, arg.length);
	EXPECT_EQ(0, ax_ioctl(tracker, AXAS_DIRTY, &d));
	EXPECT_EQ(1, d.done);
	EXPECT_EQ(A_RW + 0x2000, e[0].gpa);
	EXPECT_EQ(0x1000, e[0].length);
	EXPECT_EQ(0, d.length);
	/* Nothing but that. */
	EXPECT_EQ(-ENOTTY, ax_ioctl(tracker, AXAS_TRACK, &d));
	EXPECT_EQ(-ENOTTY, ax_ioctl(tracker, AXAS_DIRTY + 0x100, &d));
	EXPECT_EQ(-ENOTTY, ax_ioctl(self->fd, AXAS_DIRTY, &d));
	EXPECT_EQ(-ENOTTY, ax_ioctl(self->dev, AXAS_DIRTY, &d));
	close(tracker);
}

TEST_F(space, refused_others)
{
	struct axas_clear c = { .size = sizeof(c) };
	struct axas_stats st = { .size = sizeof(st) };
	struct axas_fault f = { .size = sizeof(f) };
	struct axas_translate t = { .size = sizeof(t) };
	struct axas_root r = { .size = sizeof(r) };
	struct axas_areas a = { .size = sizeof(a) };
	const struct poke pokes[] = {
		{ "flags = 1", 4, 4, 1, -EINVAL, -EINVAL },
		{ "flags = 1 << 31", 4, 4, 1u << 31, -EINVAL, -EINVAL },
	};

	ASSERT_EQ(0, dress(self->fd));
	REFUSED(AXAS_CLEAR, c, pokes);
	REFUSED(AXAS_STATS, st, pokes);
	REFUSED(AXAS_FAULT, f, pokes);
	REFUSED(AXAS_TRANSLATE, t, pokes);
	REFUSED(AXAS_ROOT, r, pokes);
	REFUSED(AXAS_AREAS, a, pokes);
}

TEST_F(space, refused_map_device)
{
	struct axas_map m = {
		.size = sizeof(m), .gpa = FREE, .length = 0x4000,
		.backend = AXAS_BACKEND_DEVICE, .prot = AX_RW, .cookie = ~0ULL,
	};
	const struct poke pokes[] = {
		POKE(axas_map, flags, AXAS_MAP_POPULATE, -EINVAL),
		POKE(axas_map, flags, AXAS_MAP_NODE, -EINVAL),
		POKE(axas_map, flags, AXAS_MAP_ROM, -EINVAL),
		POKE(axas_map, flags, AXAS_MAP_REPLACE | AXAS_MAP_POPULATE, -EINVAL),
		POKE2(axas_map, flags, AXAS_MAP_IGNORE_PAT, -EINVAL, -EOPNOTSUPP),
		POKE(axas_map, hpa, 0x1000, -EINVAL),
		POKE(axas_map, node, 1, -EINVAL),
		POKE2(axas_map, memtype, AXAS_MEM_WT, -EINVAL, -EOPNOTSUPP),
		POKE(axas_map, memtype, AXAS_MEM_UC, -EINVAL),
		POKE2(axas_map, memtype, AXAS_MEM_DEVICE, -EINVAL, -EOPNOTSUPP),
		POKE(axas_map, memtype, 6, -EINVAL),
		POKE(axas_map, max_leaf, 4096, -EINVAL),
		POKE(axas_map, max_leaf, AX_2M, -EINVAL),
		POKE(axas_map, max_leaf, 1, -EINVAL),
		POKE(axas_map, prot, 0, -EINVAL),
		POKE(axas_map, prot, AX_W, -EINVAL),
		POKE(axas_map, prot, AX_X, -EOPNOTSUPP),
		POKE(axas_map, length, 0, -EINVAL),
		POKE(axas_map, gpa, FREE + 8, -EINVAL),
		POKE(axas_map, gpa, self->end, -ERANGE),
		POKE(axas_map, gpa, A_FAR - 0x3000, -EEXIST),
	};

	ASSERT_EQ(0, dress(self->fd));
	REFUSED(AXAS_MAP, m, pokes);
	EXPECT_EQ(0, ax_ioctl(self->fd, AXAS_MAP, &m));
	/* And nothing goes over it. */
	EXPECT_EQ(-EEXIST, ax_map(self->fd, FREE + 0x3000, 0x1000));
	m.flags = AXAS_MAP_REPLACE;
	EXPECT_EQ(0, ax_ioctl(self->fd, AXAS_MAP, &m));
}

TEST_F(space, refused_device)
{
	struct axas_device d = {
		.size = sizeof(d), .bus = AXAS_BUS_PORT, .first = 0x60,
		.last = 0x6f, .cookie = 1,
	};
	const struct poke both[] = {
		POKE(axas_device, flags, 1, -EINVAL),
		POKE(axas_device, flags, 1u << 31, -EINVAL),
		POKE(axas_device, reserved, 1, -EINVAL),
		POKE(axas_device, bus, AXAS_BUS_MEMORY, -EINVAL),
		POKE(axas_device, bus, 3, -EINVAL),
		POKE(axas_device, bus, ~0u, -EINVAL),
		POKE(axas_device, last, 0x5f, -ERANGE),
		POKE(axas_device, last, 0, -ERANGE),
		POKE(axas_device, last, 0x10000, -ERANGE),
		POKE(axas_device, last, ~0ULL, -ERANGE),
		POKE(axas_device, first, 0x70, -ERANGE),
		POKE(axas_device, first, 0x10060, -ERANGE),
		POKE(axas_device, first, ~0ULL, -ERANGE),
	};
	const struct poke add[] = {
		POKE(axas_device, first, 0x60, -EEXIST),
		POKE(axas_device, first, 0x6f, -EEXIST),
		POKE(axas_device, first, 0, -EEXIST),
		POKE(axas_device, last, 0xffff, -EEXIST),
		POKE(axas_device, last, 0x60, -EEXIST),
	};
	const struct poke del[] = {
		POKE(axas_device, first, 0x5f, -ENOENT),
		POKE(axas_device, first, 0x61, -ENOENT),
		POKE(axas_device, last, 0x6e, -ENOENT),
		POKE(axas_device, last, 0x70, -ENOENT),
		POKE(axas_device, last, 0xffff, -ENOENT),
		POKE(axas_device, bus, AXAS_BUS_SYSREG, -ENOENT),
	};
	const struct poke sysreg[] = {
		POKE(axas_device, last, 1ULL << 32, -ERANGE),
		POKE(axas_device, first, 1ULL << 32 | 0x60, -ERANGE),
	};

	ASSERT_EQ(0, dress(self->fd));
	REFUSED(AXAS_DEVICE_ADD, d, both);
	REFUSED(AXAS_DEVICE_DEL, d, both);
	EXPECT_EQ(-ENOENT, ax_ioctl(self->fd, AXAS_DEVICE_DEL, &d));
	ASSERT_EQ(0, ax_ioctl(self->fd, AXAS_DEVICE_ADD, &d));
	REFUSED(AXAS_DEVICE_ADD, d, add);
	REFUSED(AXAS_DEVICE_DEL, d, del);
	d.cookie = 2;
	EXPECT_EQ(0, ax_ioctl(self->fd, AXAS_DEVICE_DEL, &d));
	EXPECT_EQ(-ENOENT, ax_ioctl(self->fd, AXAS_DEVICE_DEL, &d));
	d.bus = AXAS_BUS_SYSREG;
	REFUSED(AXAS_DEVICE_ADD, d, sysreg);
	REFUSED(AXAS_DEVICE_DEL, d, sysreg);
}

TEST_F(space, refused_create)
{
	__u64 end = self->end;
	struct axas_create c = {
		.size = sizeof(c), .format = variant->format,
		.gpa_bits = variant->bits, .base = 0x10000, .length = 0x10000,
	};
	const struct poke pokes[] = {
		POKE(axas_create, flags, 1, -EINVAL),
		POKE(axas_create, reserved, 1, -EINVAL),
		POKE(axas_create, format, 4, -EINVAL),
		POKE(axas_create, format, ~0u, -EINVAL),
		POKE(axas_create, gpa_bits, 31, -EOPNOTSUPP),
		POKE(axas_create, gpa_bits, 49, -EOPNOTSUPP),
		POKE(axas_create, gpa_bits, 64, -EOPNOTSUPP),
		POKE(axas_create, gpa_bits, ~0u, -EOPNOTSUPP),
		POKE(axas_create, base, 1, -EINVAL),
		POKE(axas_create, base, 0x10800, -EINVAL),
		POKE(axas_create, length, 1, -EINVAL),
		POKE(axas_create, length, ~0ULL, -EINVAL),
		POKE(axas_create, base, end, -ERANGE),
		POKE(axas_create, base, end - 0x1000, -ERANGE),
		POKE(axas_create, base, -0x10000ULL, -ERANGE),
		POKE(axas_create, length, end, -ERANGE),
		POKE(axas_create, length, -0x1000ULL, -ERANGE),
		POKE2(axas_create, features, 1u << 31, -EOPNOTSUPP, -EINVAL),
	};
	const struct poke *p;
	int ret;

	for (p = pokes; p < pokes + ARRAY_SIZE(pokes); p++) {
		struct axas_create arg = c;

		memcpy((char *)&arg + p->at, &p->val, p->width);
		ret = ax_ioctl(self->dev, AXAS_CREATE, &arg);
		if (ret != p->err && ret != p->or_err)
			TH_LOG("with %s", p->what);
		if (ret != p->or_err)
			EXPECT_EQ(p->err, ret);
	}
	c.features = ~self->info.features & ((AXAS_FEAT_EXEC_USER << 1) - 1);
	if (c.features)
		EXPECT_EQ(-EOPNOTSUPP, ax_ioctl(self->dev, AXAS_CREATE, &c));
	c.features = 0;
	c.base = self->end;
	c.length = 0;
	EXPECT_EQ(-ERANGE, ax_ioctl(self->dev, AXAS_CREATE, &c));
}

TEST_HARNESS_MAIN
