// SPDX-License-Identifier: GPL-2.0
/*
 * outside SEED - makes spaces of all formats by chance and says on standard output what is
 * in them, then waits for a line on standard input: scripts/outside.py reads meanwhile
 * what their tables are, from outside of the machine.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../selftests/axas_call.h"

#define SPACES	24
#define AREAS	24
#define PAGE	4096ULL
#define MARK	0x6f75747369646500ULL

struct area {
	__u64 gpa, length;
	__u32 prot;
	bool alloc;
};

struct space {
	int fd;
	struct axas_stats st;
	struct area areas[AREAS];
	unsigned int n;
};

static __u64 state;

/* splitmix64: the same everywhere */
static __u64 rnd(__u64 below)
{
	__u64 z = state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (z ^ z >> 31) % below;
}

static void check(int ret, const char *what)
{
	if (ret < 0) {
		printf("outside: %s: %d\n", what, ret);
		exit(1);
	}
}

/* One that a CPU of its format can walk. */
static void make_space(struct space *s, int dev, __u32 format)
{
	struct axas_info info = { .size = sizeof(info), .format = format };
	struct axas_root root;
	__u32 features, bits;

	check(ax_ioctl(dev, AXAS_INFO, &info), "AXAS_INFO");
	for (;;) {
		features = rnd(64) & info.features;
		do
			bits = rnd(64);
		while (!(info.gpa_bits >> bits & 1));
		if (features & AXAS_FEAT_LPA2 && rnd(2))
			bits = 49 + rnd(4);
		s->fd = ax_create_with(dev, format, bits, features);
		check(s->fd, "AXAS_CREATE");
		root = (struct axas_root){ .size = sizeof(root) };
		if (!ax_ioctl(s->fd, AXAS_ROOT, &root))
			break;
		close(s->fd);
	}
	check(ax_stats(s->fd, &s->st), "AXAS_STATS");
}

static __u32 some_prot(const struct space *s)
{
	static const __u32 prots[] = { AX_R, AX_RW, AX_RW, AX_RX, AX_RWX, AX_X };
	bool exec_only = s->st.features & AXAS_FEAT_EXEC_ONLY;
	bool user = s->st.features & AXAS_FEAT_EXEC_USER && rnd(2);

	return prots[rnd(5 + exec_only)] | (user ? AX_U : 0);
}

static __u32 some_memtype(const struct space *s)
{
	static const __u32 x86[] = {
		AXAS_MEM_WB, AXAS_MEM_WT, AXAS_MEM_WP, AXAS_MEM_NC, AXAS_MEM_UC,
	};
	static const __u32 arm[] = {
		AXAS_MEM_WB, AXAS_MEM_NC, AXAS_MEM_UC, AXAS_MEM_DEVICE,
	};

	if (rnd(2))
		return AXAS_MEM_WB;
	return s->st.format == AXAS_FORMAT_S2 ? arm[rnd(4)] : x86[rnd(5)];
}

static __u64 some_gpa(const struct space *s, __u64 align)
{
	return rnd(s->st.length / align) * align;
}

/* Memory of its own, near a place where tables meet, or anywhere. */
static void map_alloc(struct space *s, struct area *a)
{
	a->alloc = true;
	a->gpa = rnd(2) ? some_gpa(s, PAGE) : some_gpa(s, 1 << 30) + (rnd(64) << 12);
	a->length = (1 + rnd(300)) * PAGE;
}

/* Large leaves, and pieces of them; addresses where no machine has memory. */
static void map_linear(struct space *s, struct area *a, struct axas_map *m)
{
	__u64 align = rnd(3) ? 1 << 21 : 1 << 30;

	a->gpa = some_gpa(s, align);
	a->length = align + (rnd(2) ? rnd(64) * PAGE : 0);
	m->hpa = (1ULL << 40) + rnd(1 << 14) * align;
	m->max_leaf = rnd(3) ? 1 << 30 : rnd(2) ? 1 << 21 : PAGE;
	if (m->max_leaf == PAGE)
		a->length = 64 * PAGE;
}

static void map_some(struct space *s)
{
	struct area *a = &s->areas[s->n];
	struct axas_map m = { .size = sizeof(m) };

	*a = (struct area){ .prot = some_prot(s) };
	if (rnd(3))
		map_alloc(s, a);
	else
		map_linear(s, a, &m);
	m.gpa = a->gpa;
	m.length = a->length;
	m.prot = a->prot;
	m.memtype = some_memtype(s);
	m.backend = a->alloc ? AXAS_BACKEND_ALLOC : AXAS_BACKEND_LINEAR;
	if (!ax_ioctl(s->fd, AXAS_MAP, &m))
		s->n++;
}

/* A word that says where it is, in pages that can be written; others come by faults. */
static void touch(struct space *s, unsigned int i)
{
	const struct area *a = &s->areas[i];
	__u64 gpa = a->gpa + rnd(a->length / PAGE) * PAGE;

	if (a->alloc && a->prot & AX_W)
		ax_put64(s->fd, gpa, gpa ^ MARK ^ s->fd);
	else
		ax_fault(s->fd, gpa, a->prot & AX_R ? AX_R : a->prot);
}

static void fill_space(struct space *s)
{
	unsigned int i;

	while (s->n < AREAS - rnd(AREAS / 2))
		map_some(s);
	for (i = 0; i < 40 * s->n; i++)
		touch(s, rnd(s->n));
	for (i = 0; i < s->n; i++) {
		const struct area *a = &s->areas[i];

		if (!rnd(3))
			ax_protect(s->fd, a->gpa + a->length / 2 / PAGE * PAGE, PAGE, some_prot(s));
		if (!rnd(3))
			ax_unmap(s->fd, a->gpa + rnd(a->length / PAGE) * PAGE, PAGE);
		if (!rnd(4))
			ax_unmap(s->fd, a->gpa, a->length);
	}
}

/* All leaves of an area, each once. */
static void list_area(const struct space *s, const struct area *a)
{
	struct axas_translate_entry e;
	__u64 gpa = a->gpa, next;

	for (; gpa < a->gpa + a->length; gpa = next) {
		next = gpa + PAGE;
		if (ax_translate(s->fd, gpa, &e) != AXAS_TRANSLATE_MAPPED)
			continue;
		next = (gpa | (e.leaf_size - 1)) + 1;
		printf("leaf %#llx %#llx %#llx %u %u %d\n", gpa & ~(e.leaf_size - 1),
		       e.hpa - (gpa & (e.leaf_size - 1)), e.leaf_size, e.prot, e.memtype,
		       a->alloc);
	}
}

static void list_space(struct space *s)
{
	struct axas_root r = { .size = sizeof(r) };
	unsigned int i;

	check(ax_stats(s->fd, &s->st), "AXAS_STATS");
	check(ax_ioctl(s->fd, AXAS_ROOT, &r), "AXAS_ROOT");
	printf("space %d %u %u %u %u %#llx %#llx %#llx\n", s->fd, s->st.format, s->st.gpa_bits,
	       s->st.levels, s->st.features, r.root, r.control, r.vtcr);
	printf("tables %llu %llu %llu %llu %llu\n", s->st.tables[0], s->st.tables[1],
	       s->st.tables[2], s->st.tables[3], s->st.tables[4]);
	printf("leaves %llu %llu %llu\n", s->st.leaves[0], s->st.leaves[1], s->st.leaves[2]);
	for (i = 0; i < s->n; i++)
		list_area(s, &s->areas[i]);
}

int main(int argc, char **argv)
{
	static const __u32 formats[] = { AXAS_FORMAT_EPT, AXAS_FORMAT_S2, AXAS_FORMAT_AMD };
	static struct space spaces[SPACES];
	int dev = open("/dev/axas", O_RDWR);
	unsigned int i;

	check(dev, "/dev/axas");
	state = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	for (i = 0; i < SPACES; i++) {
		make_space(&spaces[i], dev, formats[i % 3]);
		fill_space(&spaces[i]);
	}
	for (i = 0; i < SPACES; i++)
		list_space(&spaces[i]);
	printf("outside: ready\n");
	fflush(stdout);
	return getchar() == EOF;
}
