// SPDX-License-Identifier: GPL-2.0
/*
 * Where frames come from on a machine with two nodes or more. Where they lie the
 * kernel says of the pages of a window.
 */
#include <sys/syscall.h>

#include "axas_fixture.h"

#define GPA	0x40000000ULL
#define RW	(PROT_READ | PROT_WRITE)
#define SET	(AXAS_MAP_BIND | AXAS_MAP_INTERLEAVE)

/* linux/mempolicy.h */
enum { POLICY_DEFAULT, POLICY_PREFERRED, POLICY_BIND };
#define OF_NODE	(1 << 0)
#define OF_ADDR	(1 << 1)

#define NODE	"/sys/devices/system/node/"

static bool has_node(unsigned int nid)
{
	char path[64];

	snprintf(path, sizeof(path), NODE "node%u", nid);
	return !access(path, F_OK);
}

/* The node of a page that a window has touched. */
static int node_of(const void *addr)
{
	int nid = -1;

	return syscall(SYS_get_mempolicy, &nid, NULL, 0, addr, OF_NODE | OF_ADDR) ?
		       -errno : nid;
}

/* A figure of a node's meminfo, in bytes. */
static __u64 node_figure(unsigned int nid, const char *name)
{
	char path[64], line[128], key[64];
	unsigned long long kb, found = 0;
	FILE *f;

	snprintf(path, sizeof(path), NODE "node%u/meminfo", nid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Node %*u %63[^:]: %llu", key, &kb) == 2 &&
		    !strcmp(key, name))
			found = kb << 10;
	if (f)
		fclose(f);
	return found;
}

/* What the test before has had of node 1 comes back, and in one piece. */
static void settle(void)
{
	int fd = open("/proc/sys/vm/compact_memory", O_WRONLY | O_CLOEXEC), i;

	for (i = 0; i < 100; i++) {
		if (node_figure(1, "MemFree") > node_figure(1, "MemTotal") / 2)
			break;
		usleep(50000);
	}
	if (fd >= 0) {
		if (write(fd, "1", 1) < 0)
			perror("# compact_memory");
		close(fd);
	}
}

#define NEED_NODES() do {						\
	if (!has_node(1))						\
		SKIP(return, "this machine has one node");		\
	settle();							\
} while (0)

static int map_nodes(int fd, __u64 gpa, __u64 length, __u32 flags, __u32 node,
		     __u32 nodes)
{
	struct axas_map m = {
		.size = sizeof(m), .flags = flags, .gpa = gpa, .length = length,
		.backend = AXAS_BACKEND_ALLOC, .prot = AX_RW, .node = node,
		.nodes = nodes, .max_leaf = AX_2M,
	};

	return ax_ioctl(fd, AXAS_MAP, &m);
}

static int map_small(int fd, __u64 gpa, __u64 length, __u32 nodes)
{
	struct axas_map m = {
		.size = sizeof(m), .flags = AXAS_MAP_BIND, .gpa = gpa, .length = length,
		.backend = AXAS_BACKEND_ALLOC, .prot = AX_RW, .nodes = nodes,
	};

	return ax_ioctl(fd, AXAS_MAP, &m);
}

/* The nodes of the first pages of so many 2 MiB, a digit each. */
static const char *nodes_of(int fd, __u64 gpa, unsigned int n)
{
	static char text[32];
	unsigned int i;
	char *w;

	w = ax_window(fd, gpa, n * AX_2M, PROT_READ);
	if (w == MAP_FAILED)
		return "no window";
	for (i = 0; i < n; i++) {
		*(volatile char *)(w + i * AX_2M);
		snprintf(text + i, 2, "%d", node_of(w + i * AX_2M));
	}
	munmap(w, n * AX_2M);
	return text;
}

TEST_F(space, bound_to_a_node)
{
	unsigned int nid, flags;

	NEED_NODES();
	for (nid = 0; nid < 2; nid++)
		for (flags = 0; flags < 2; flags++) {
			ASSERT_EQ(0, map_nodes(self->fd, GPA, 4 * AX_2M, AXAS_MAP_BIND |
					       (flags ? AXAS_MAP_POPULATE : 0), 0, 1 << nid));
			EXPECT_STREQ(nid ? "1111" : "0000", nodes_of(self->fd, GPA, 4));
			ASSERT_EQ(0, ax_unmap(self->fd, GPA, 4 * AX_2M));
		}
}

TEST_F(space, the_preferred_of_a_set)
{
	unsigned int nid;

	NEED_NODES();
	for (nid = 0; nid < 2; nid++) {
		ASSERT_EQ(0, map_nodes(self->fd, GPA, 4 * AX_2M,
				       AXAS_MAP_BIND | AXAS_MAP_NODE, nid, 3));
		EXPECT_STREQ(nid ? "1111" : "0000", nodes_of(self->fd, GPA, 4));
		ASSERT_EQ(0, ax_unmap(self->fd, GPA, 4 * AX_2M));
	}
	EXPECT_EQ(-EINVAL, map_nodes(self->fd, GPA, AX_2M, AXAS_MAP_BIND | AXAS_MAP_NODE, 0, 2));
}

/* By touch, beforehand, and after it was moved. */
TEST_F(space, interleaved)
{
	unsigned int flags;

	NEED_NODES();
	for (flags = 0; flags < 4; flags++) {
		ASSERT_EQ(0, map_nodes(self->fd, GPA, 6 * AX_2M, AXAS_MAP_INTERLEAVE |
				       (flags & 1 ? AXAS_MAP_POPULATE : 0) |
				       (flags & 2 ? AXAS_MAP_BIND : 0), 0, 3));
		EXPECT_STREQ("010101", nodes_of(self->fd, GPA, 6));
		ASSERT_EQ(0, ax_discard(self->fd, GPA, 6 * AX_2M));
		EXPECT_STREQ("0", nodes_of(self->fd, GPA + 2 * AX_2M, 1));
		ASSERT_EQ(0, ax_move(self->fd, GPA, GPA + 7 * AX_2M, 6 * AX_2M, 0));
		EXPECT_STREQ("010101", nodes_of(self->fd, GPA + 7 * AX_2M, 6));
		ASSERT_EQ(0, ax_unmap(self->fd, GPA + 7 * AX_2M, 6 * AX_2M));
	}
}

/* Small pages, and those that become one leaf. */
TEST_F(space, two_mib_are_of_one_node)
{
	unsigned int i;
	char *w;

	NEED_NODES();
	ASSERT_EQ(0, map_nodes(self->fd, GPA, 4 * AX_2M, SET, 0, 3));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, ax_fault(self->fd, GPA + i * AX_2M, AX_W));
		/* Neither a large leaf then, nor frames in one piece. */
		ASSERT_EQ(0, ax_discard(self->fd, GPA + i * AX_2M, AX_2M - 0x1000));
	}
	w = ax_window(self->fd, GPA, 4 * AX_2M, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	for (i = 0; i < 4 * 512; i++) {
		w[i * 0x1000] = 1;
		ASSERT_EQ(i / 512 % 2, node_of(w + i * 0x1000)) TH_LOG("page %u", i);
	}
	munmap(w, 4 * AX_2M);
	EXPECT_EQ(4096, ax_leaf(self->fd, GPA));
	ASSERT_EQ(0, ax_collapse(self->fd, GPA, 4 * AX_2M, AXAS_COLLAPSE_COPY, NULL));
	EXPECT_EQ(AX_2M, ax_leaf(self->fd, GPA + 3 * AX_2M));
	EXPECT_STREQ("0101", nodes_of(self->fd, GPA, 4));
}

/* A node that has no memory left: the one goes on, the other doesn't. */
TEST_F(space, a_node_that_is_full)
{
	__u64 size = node_figure(1, "MemTotal"), other = node_figure(0, "MemFree");
	__u64 part = AX_2M, gpa = GPA, there;
	int ret;

	NEED_NODES();
	if (size > AX_1G / 2)
		SKIP(return, "node 1 is too large to be filled");
	ASSERT_EQ(0, map_nodes(self->fd, GPA, size, AXAS_MAP_BIND, 0, 2));
	do
		ret = ax_bring_in(self->fd, gpa, part, NULL);
	while (!ret && (gpa += part) < GPA + size);
	EXPECT_EQ(-ENOMEM, ret);
	/* What that has given back, page by page. */
	for (; gpa < GPA + size; gpa += 0x1000) {
		ret = ax_fault(self->fd, gpa, AX_W);
		if (ret == AXAS_FAULT_NO_MEMORY)
			break;
	}
	EXPECT_EQ(AXAS_FAULT_NO_MEMORY, ret);
	there = ax_resident(self->fd);
	printf("# node 1 has %llu MiB, of which %llu came\n", size >> 20, there >> 20);
	EXPECT_LT(size / 2, there);
	EXPECT_LT(other - 4 * AX_2M, node_figure(0, "MemFree"));
	/* Where it is preferred only, node 0 has more; a little may be free here by then. */
	ASSERT_EQ(0, map_nodes(self->fd, 2 * GPA, 8 * AX_2M, AXAS_MAP_NODE | AXAS_MAP_POPULATE,
			       1, 0));
	EXPECT_EQ(there + 8 * AX_2M, ax_resident(self->fd));
	EXPECT_NE(NULL, strchr(nodes_of(self->fd, 2 * GPA, 8), '0'));
	/* And so it has where it is the next one's turn. */
	ASSERT_EQ(0, map_nodes(self->fd, 3 * GPA, 16 * AX_2M,
			       AXAS_MAP_INTERLEAVE | AXAS_MAP_POPULATE, 0, 3));
	EXPECT_NE(NULL, strstr(nodes_of(self->fd, 3 * GPA, 16), "000"));
	EXPECT_EQ(-ENOMEM, map_nodes(self->fd, GPA + size, 16 * AX_2M,
				     AXAS_MAP_BIND | AXAS_MAP_POPULATE, 0, 2));
}

/* A node whose pages are all in use but for every other one: nobody can move these. */
TEST_F(space, a_node_without_2_mib)
{
	__u64 size = node_figure(1, "MemTotal"), gpa, there;

	NEED_NODES();
	if (size > AX_1G / 2)
		SKIP(return, "node 1 is too large to be filled");
	ASSERT_EQ(0, map_nodes(self->fd, GPA, 2 * AX_2M,
			       AXAS_MAP_BIND | AXAS_MAP_WHOLE | AXAS_MAP_POPULATE, 0, 2));
	EXPECT_EQ(AX_2M, ax_leaf(self->fd, GPA + AX_2M));
	ASSERT_EQ(0, ax_unmap(self->fd, GPA, 2 * AX_2M));
	ASSERT_EQ(0, map_small(self->fd, GPA, size, 2));
	EXPECT_EQ(-ENOMEM, ax_bring_in(self->fd, GPA, size, NULL));
	there = ax_resident(self->fd);
	for (gpa = GPA; gpa < GPA + there; gpa += 0x2000)
		ASSERT_EQ(0, ax_discard(self->fd, gpa, 0x1000));
	/* The last of it may have been in one piece. */
	ASSERT_EQ(0, map_nodes(self->fd, 2 * GPA, size / AX_2M * AX_2M,
			       AXAS_MAP_BIND | AXAS_MAP_WHOLE, 0, 2));
	for (gpa = 2 * GPA; gpa < 2 * GPA + 16 * AX_2M; gpa += AX_2M)
		if (ax_fault(self->fd, gpa, AX_W) != AXAS_FAULT_RESOLVED)
			break;
	EXPECT_GT(2 * GPA + 16 * AX_2M, gpa);
	EXPECT_EQ(AXAS_FAULT_NO_MEMORY, ax_fault(self->fd, gpa, AX_W));
	EXPECT_EQ(0, ax_leaf(self->fd, gpa));
	EXPECT_EQ(-ENOMEM, ax_bring_in(self->fd, gpa, AX_2M, NULL));
	EXPECT_EQ(-1, ax_pwrite(self->fd, "x", 1, gpa) < 0 ? -1 : 0);
	EXPECT_EQ(0, ax_leaf(self->fd, gpa));
	EXPECT_EQ(-ENOMEM, map_nodes(self->fd, 3 * GPA, AX_2M, AXAS_MAP_BIND | AXAS_MAP_WHOLE |
				     AXAS_MAP_POPULATE, 0, 2));
	/* Who doesn't ask for it has small ones. */
	ASSERT_EQ(0, map_nodes(self->fd, 3 * GPA, AX_2M, AXAS_MAP_BIND, 0, 2));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, 3 * GPA, AX_W));
	EXPECT_EQ(4096, ax_leaf(self->fd, 3 * GPA));
}

TEST_F(space, areas_say_it)
{
	struct axas_area_entry e[4] = {};
	struct axas_areas l = {
		.size = sizeof(l), .entries = (uintptr_t)e, .nr = 4,
	};

	ASSERT_EQ(0, map_nodes(self->fd, GPA, AX_2M, AXAS_MAP_BIND, 0, 1));
	ASSERT_EQ(0, map_nodes(self->fd, GPA + AX_2M, AX_2M, AXAS_MAP_BIND | AXAS_MAP_NODE, 0, 1));
	ASSERT_EQ(0, map_nodes(self->fd, GPA + 2 * AX_2M, AX_2M, AXAS_MAP_INTERLEAVE, 0, 1));
	ASSERT_EQ(0, map_nodes(self->fd, GPA + 3 * AX_2M, AX_2M, SET | AXAS_MAP_WHOLE, 0, 1));
	ASSERT_EQ(0, ax_ioctl(self->fd, AXAS_AREAS, &l));
	ASSERT_EQ(4, l.done);
	EXPECT_EQ(AXAS_MAP_BIND, e[0].flags);
	EXPECT_EQ(AXAS_MAP_BIND | AXAS_MAP_NODE, e[1].flags);
	EXPECT_EQ(AXAS_MAP_INTERLEAVE, e[2].flags);
	EXPECT_EQ(SET | AXAS_MAP_WHOLE, e[3].flags);
	EXPECT_EQ(4, e[0].nodes + e[1].nodes + e[2].nodes + e[3].nodes);
}

/* What is spread is one area with its neighbour only if it was one before. */
TEST_F(space, what_is_spread_is_joined_with_itself)
{
	struct axas_stats st;

	ASSERT_EQ(0, map_nodes(self->fd, GPA, AX_2M, AXAS_MAP_INTERLEAVE, 0, 1));
	ASSERT_EQ(0, map_nodes(self->fd, GPA + AX_2M, AX_2M, AXAS_MAP_INTERLEAVE, 0, 1));
	ASSERT_EQ(0, ax_protect(self->fd, GPA + 0x1000, 2 * AX_2M - 0x2000, AX_R));
	ASSERT_EQ(0, ax_protect(self->fd, GPA, 2 * AX_2M, AX_RW));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(2, st.areas);
}

TEST_F(space, mbind_is_refused)
{
	int ram = ax_ram_file(self->fd, GPA, AX_2M, AX_RW), i;
	unsigned long nodes = 1;
	char *w;

	if (!has_node(0))
		SKIP(return, "this kernel has no NUMA");
	ASSERT_LE(0, ram);
	ASSERT_EQ(0, ax_map(self->fd, GPA, AX_2M));
	for (i = 0; i < 2; i++) {
		w = i ? ax_window(ram, 0, AX_2M, RW) : ax_window(self->fd, GPA, AX_2M, RW);
		ASSERT_NE(MAP_FAILED, (void *)w);
		EXPECT_EQ(0, syscall(SYS_mbind, w, AX_2M, POLICY_DEFAULT, NULL, 0, 0));
		EXPECT_EQ(-1, syscall(SYS_mbind, w, AX_2M, POLICY_BIND, &nodes, 64, 0));
		EXPECT_EQ(EOPNOTSUPP, errno);
		EXPECT_EQ(-1, syscall(SYS_mbind, w, 0x1000, POLICY_PREFERRED, &nodes, 64, 0));
		EXPECT_EQ(EOPNOTSUPP, errno);
		w[0x1000] = 1;
		EXPECT_LE(0, node_of(w + 0x1000));
		munmap(w, AX_2M);
	}
	close(ram);
}

TEST_HARNESS_MAIN
