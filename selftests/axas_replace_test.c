// SPDX-License-Identifier: GPL-2.0
/*
 * AXAS_MAP_REPLACE: an area in the place of what is there, in one step.
 */
#define AX_FEW_VARIANTS
#include "axas_guest.h"
#include "axas_hpa.h"

#define GPA	GUEST_GPA
#define RW	(PROT_READ | PROT_WRITE)

static int replace(int fd, struct axas_map m)
{
	m.size = sizeof(m);
	m.flags |= AXAS_MAP_REPLACE;
	return ax_ioctl(fd, AXAS_MAP, &m);
}

static int replace_alloc(int fd, __u64 gpa, __u64 length, __u32 prot, __u32 flags)
{
	return ax_map_alloc(fd, gpa, length, prot, flags | AXAS_MAP_REPLACE, 0);
}

static int replace_device(int fd, __u64 gpa, __u64 length, __u64 cookie)
{
	return replace(fd, (struct axas_map){
		.gpa = gpa, .length = length, .prot = AX_RW, .cookie = cookie,
		.backend = AXAS_BACKEND_DEVICE,
	});
}

static int replace_linear(int fd, __u64 gpa, __u64 length, __u64 hpa, __u32 prot)
{
	return replace(fd, (struct axas_map){
		.gpa = gpa, .length = length, .prot = prot, .hpa = hpa,
		.backend = AXAS_BACKEND_LINEAR,
	});
}

static __u64 areas_of(int fd)
{
	struct axas_stats st;

	return ax_stats(fd, &st) ? ~0ULL : st.areas;
}

static __u32 prot_at(int fd, __u64 gpa)
{
	struct axas_translate_entry e;

	return ax_translate(fd, gpa, &e) < 0 ? ~0u : e.prot;
}

/* ---- what it leaves ---- */

TEST_F(space, replace_in_an_area)
{
	__u64 i;

	ASSERT_EQ(0, ax_populate(self->fd, GPA, 0x10000));
	for (i = 0; i < 16; i++)
		ASSERT_EQ(0, ax_put64(self->fd, GPA + i * AX_PAGE, 0x900 + i));
	EXPECT_EQ(-EEXIST, ax_map(self->fd, GPA + 0x4000, 0x8000));
	ASSERT_EQ(0, replace_alloc(self->fd, GPA + 0x4000, 0x8000, AX_RX, 0));
	EXPECT_EQ(3, areas_of(self->fd));
	EXPECT_EQ(0x8000, ax_resident(self->fd));
	for (i = 0; i < 16; i++) {
		bool old = i < 4 || i >= 12;

		EXPECT_EQ(old ? AXAS_TRANSLATE_MAPPED : AXAS_TRANSLATE_LAZY,
			  ax_state(self->fd, GPA + i * AX_PAGE));
		EXPECT_EQ(old ? AX_RW : AX_RX, prot_at(self->fd, GPA + i * AX_PAGE));
		EXPECT_EQ(old ? 0x900 + i : 0, ax_get64(self->fd, GPA + i * AX_PAGE))
			TH_LOG("page %llu", i);
	}
	/* All of it, and what lies around it. */
	ASSERT_EQ(0, replace_alloc(self->fd, GPA - 0x1000, 0x12000, AX_RW, 0));
	EXPECT_EQ(1, areas_of(self->fd));
	EXPECT_EQ(0, ax_resident(self->fd));
	EXPECT_TRUE(ax_tables_are(self->fd, NULL, 0));
}

/* From the middle of one area to that of another, over a device and holes. */
TEST_F(space, replace_of_areas_and_holes)
{
	const __u64 from = GPA + 0x2000, to = GPA + 2 * AX_2M + 0x2000;
	__u64 gpa;

	ASSERT_EQ(0, ax_populate(self->fd, GPA, 0x4000));
	ASSERT_EQ(0, ax_map_device(self->fd, GPA + AX_2M - 0x1000, 0x3000, AX_RW, 7));
	for (gpa = GPA + 0x10000; gpa < GPA + 0x60000; gpa += 0x2000)
		ASSERT_EQ(0, ax_populate(self->fd, gpa, 0x1000));
	ASSERT_EQ(0, ax_populate(self->fd, to - 0x2000, 0x4000));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x1000, 1));
	ASSERT_EQ(0, ax_put64(self->fd, to, 2));
	EXPECT_EQ(43, areas_of(self->fd));

	ASSERT_EQ(0, replace_alloc(self->fd, from, to - from, AX_R, 0));
	EXPECT_EQ(3, areas_of(self->fd));
	EXPECT_EQ(0x4000, ax_resident(self->fd));
	EXPECT_EQ(1, ax_get64(self->fd, GPA + 0x1000));
	EXPECT_EQ(2, ax_get64(self->fd, to));
	for (gpa = from; gpa < to; gpa += AX_PAGE) {
		ASSERT_EQ(AXAS_TRANSLATE_LAZY, ax_state(self->fd, gpa));
		ASSERT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, gpa, AX_W));
	}
	/* Nothing was there at all. */
	ASSERT_EQ(0, replace_device(self->fd, 2 * GPA, 0x1000, 9));
	EXPECT_EQ(AXAS_FAULT_DEVICE, ax_fault(self->fd, 2 * GPA, AX_R));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, ax_fault(self->fd, 2 * GPA + 0x1000, AX_R));
}

static struct ax_leaf leaves[1024];

/* What is left of a leaf of 1 GiB around a page that has gone. */
static size_t leaves_around(__u64 gpa, __u64 page)
{
	__u64 at, small;
	size_t nr = 0;

	for (at = gpa; at < gpa + AX_1G; at += AX_2M) {
		if (page < at || page >= at + AX_2M) {
			leaves[nr++] = (struct ax_leaf){ at, 1 };
			continue;
		}
		for (small = at; small < at + AX_2M; small += AX_PAGE)
			if (small != page)
				leaves[nr++] = (struct ax_leaf){ small, 0 };
	}
	return nr;
}

/* A page in the middle of a GiB, and the GiB as a whole again. */
TEST_F(space, replace_in_a_large_linear_leaf)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	const __u64 page = GPA + 37 * AX_2M + 0x5000;
	struct ax_leaf whole = { GPA, 2 };
	size_t nr;

	if (!hpa)
		SKIP(return, "no unused host physical addresses in /proc/iomem");
	ASSERT_EQ(0, ax_map_linear(self->fd, GPA, AX_1G, hpa, AX_RW, 0));
	ASSERT_TRUE(ax_tables_are(self->fd, &whole, 1));
	ASSERT_EQ(0, replace_device(self->fd, page, 0x1000, 5));
	nr = leaves_around(GPA, page);
	EXPECT_EQ(511 + 511, nr);
	EXPECT_TRUE(ax_tables_are(self->fd, leaves, nr));
	EXPECT_EQ(3, areas_of(self->fd));
	EXPECT_EQ(AXAS_FAULT_DEVICE, ax_fault(self->fd, page, AX_W));
	EXPECT_EQ(hpa + (page - 0x1000 - GPA), ax_hpa(self->fd, page - 0x1000));
	EXPECT_EQ(hpa + (page + 0x1000 - GPA), ax_hpa(self->fd, page + 0x1000));

	/* As a leaf of its own, where tables are. */
	ASSERT_EQ(0, replace_linear(self->fd, page, 0x1000, hpa, AX_R));
	EXPECT_EQ(hpa, ax_hpa(self->fd, page));
	EXPECT_EQ(AX_R, prot_at(self->fd, page));
	ASSERT_EQ(0, replace_linear(self->fd, GPA, AX_1G, hpa, AX_R));
	EXPECT_TRUE(ax_tables_are(self->fd, &whole, 1));
	EXPECT_EQ(1, areas_of(self->fd));
	EXPECT_EQ(AX_R, prot_at(self->fd, page));
}

TEST_F(space, replace_in_a_large_leaf)
{
	struct axas_stats st;

	if (!ax_have_free_2m())
		SKIP(return, "no free block of 2 MiB");
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, AX_2M, AX_RW, AXAS_MAP_POPULATE, AX_2M));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x1000, 1));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x2000, 2));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x3000, 3));
	ASSERT_EQ(0, replace_alloc(self->fd, GPA + 0x2000, 0x1000, AX_RW, AXAS_MAP_POPULATE));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(512, st.leaves[0]);
	EXPECT_EQ(0, st.leaves[1]);
	EXPECT_EQ(3, st.areas);
	EXPECT_EQ(1, ax_get64(self->fd, GPA + 0x1000));
	EXPECT_EQ(0, ax_get64(self->fd, GPA + 0x2000));
	EXPECT_EQ(3, ax_get64(self->fd, GPA + 0x3000));
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, AX_2M, AX_RW,
				  AXAS_MAP_POPULATE | AXAS_MAP_REPLACE, AX_2M));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(1, st.leaves[1]);
	EXPECT_EQ(1, st.areas);
	EXPECT_EQ(AX_2M, st.resident);
	EXPECT_EQ(0, ax_get64(self->fd, GPA + 0x3000));
}

/* All is there at once, and what was there before is free. */
TEST_F(space, replace_with_populate)
{
	const __u64 from = GPA + AX_2M - 0x3000, len = 2 * AX_2M;
	struct axas_stats st;
	__s64 before, after;
	__u64 gpa;

	ASSERT_EQ(0, ax_map(self->fd, GPA, 4 * AX_2M));
	for (gpa = GPA; gpa < GPA + 4 * AX_2M; gpa += 7 * AX_PAGE)
		ASSERT_EQ(0, ax_put64(self->fd, gpa, gpa));
	ASSERT_EQ(0, replace_alloc(self->fd, from, len, AX_RW, AXAS_MAP_POPULATE));
	for (gpa = from; gpa < from + len; gpa += AX_PAGE) {
		ASSERT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, gpa, AX_W));
		ASSERT_EQ(0, ax_get64(self->fd, gpa));
	}
	for (gpa = GPA; gpa < from; gpa += 7 * AX_PAGE)
		ASSERT_EQ(gpa, ax_get64(self->fd, gpa));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	/* It is like what lies on both sides. */
	EXPECT_EQ(1, st.areas);
	EXPECT_EQ(0, st.faults[AXAS_FAULT_RESOLVED]);
	before = ax_memfree();
	for (gpa = 0; gpa < 40; gpa++)
		ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, 4 * AX_2M, AX_RW,
					  AXAS_MAP_POPULATE | AXAS_MAP_REPLACE, 0));
	after = ax_memfree();
	EXPECT_EQ(4 * AX_2M, ax_resident(self->fd));
	EXPECT_EQ(1, areas_of(self->fd));
	/* Of 40 times 8 MiB hardly anything is missing. */
	EXPECT_LT(before - (64LL << 20), after);
	ASSERT_EQ(0, replace_alloc(self->fd, GPA, 4 * AX_2M, AX_RW, 0));
	EXPECT_EQ(0, ax_resident(self->fd));
	EXPECT_TRUE(ax_tables_are(self->fd, NULL, 0));
}

/* The same host memory again: other rights and another type, no byte is lost. */
TEST_F(space, replace_changes_linear_memory_in_place)
{
	const __u32 type = variant->format == AXAS_FORMAT_EPT ? AXAS_MEM_UC : AXAS_MEM_NC;
	struct axas_translate_entry e;
	struct ax_host host[2];
	unsigned int n, i;
	__u64 at;

	AX_NEED_HOST(host, n);
	for (i = 0; i < n; i++) {
		struct axas_map m = {
			.gpa = GPA, .length = AX_2M, .hpa = host[i].hpa,
			.backend = AXAS_BACKEND_LINEAR, .prot = AX_RW,
		};

		ASSERT_EQ(0, replace(self->fd, m));
		for (at = 0; at < AX_2M; at += AX_PAGE)
			ASSERT_EQ(0, ax_put64(self->fd, GPA + at, 0x1000 + at));
		m.prot = AX_R;
		m.memtype = type;
		m.gpa += 0x3000;
		m.hpa += 0x3000;
		m.length = 0x100000;
		ASSERT_EQ(0, replace(self->fd, m));
		for (at = 0; at < AX_2M; at += AX_PAGE) {
			bool in = at >= 0x3000 && at < 0x103000;

			ASSERT_EQ(0x1000 + at, ax_get64(self->fd, GPA + at));
			ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, GPA + at, &e));
			EXPECT_EQ(host[i].hpa + at, e.hpa);
			EXPECT_EQ(in ? AX_R : AX_RW, e.prot);
			EXPECT_EQ(in ? type : AXAS_MEM_WB, e.memtype);
		}
		EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, GPA + 0x3000, AX_W));
		EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, GPA, AX_W));
		EXPECT_EQ(3, areas_of(self->fd));
		EXPECT_EQ(0, ax_resident(self->fd));
		/* Frames in its place, and it is as it was behind them. */
		ASSERT_EQ(0, replace_alloc(self->fd, GPA + 0x3000, 0x1000, AX_RW,
					   AXAS_MAP_POPULATE));
		EXPECT_EQ(0, ax_get64(self->fd, GPA + 0x3000));
		ASSERT_EQ(0, replace_linear(self->fd, GPA + 0x3000, 0x1000,
					    host[i].hpa + 0x3000, AX_RW));
		EXPECT_EQ(0x4000, ax_get64(self->fd, GPA + 0x3000));
	}
}

/* ---- who has the old page ---- */

TEST_F(space, replace_takes_windows)
{
	volatile __u64 *w;
	__u64 val = 0;

	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x4000));
	w = ax_window(self->fd, GPA, 0x4000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	w[0] = 1;
	w[512] = 2;
	w[1024] = 3;
	ASSERT_EQ(0, replace_alloc(self->fd, GPA + 0x1000, 0x1000, AX_RW, AXAS_MAP_POPULATE));
	EXPECT_EQ(1, w[0]);
	EXPECT_EQ(0, w[512]);
	EXPECT_EQ(3, w[1024]);
	w[512] = 4;
	EXPECT_EQ(4, ax_get64(self->fd, GPA + 0x1000));
	/* A device is in no window, and memory is there again. */
	ASSERT_EQ(0, replace_device(self->fd, GPA + 0x1000, 0x1000, 8));
	EXPECT_EQ(-EFAULT, ax_load(w + 512, &val));
	EXPECT_EQ(-EFAULT, ax_store(w + 512, 5));
	ASSERT_EQ(0, replace_alloc(self->fd, GPA + 0x1000, 0x1000, AX_R, 0));
	EXPECT_EQ(0, ax_load(w + 512, &val));
	EXPECT_EQ(0, val);
	EXPECT_EQ(-EFAULT, ax_store(w + 512, 5));
	ASSERT_EQ(0, replace_alloc(self->fd, GPA, 0x4000, AX_RW, 0));
	EXPECT_EQ(0, ax_store(w + 512, 6));
	EXPECT_EQ(0, w[0]);
	munmap((void *)w, 0x4000);
}

/* Whoever has pinned the old page keeps it, and it is no guest memory any more. */
TEST_F(space, replace_leaves_pinned_pages)
{
	__u64 *w, got[512] = {};
	struct iovec v;
	int p[2];

	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x4000));
	w = ax_window(self->fd, GPA, 0x4000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	w[512] = 0x77;
	ASSERT_EQ(0, pipe(p));
	v = (struct iovec){ w + 512, 0x1000 };
	ASSERT_EQ(0x1000, vmsplice(p[1], &v, 1, 0));
	ASSERT_EQ(0, replace_alloc(self->fd, GPA, 0x4000, AX_RW, AXAS_MAP_POPULATE));
	EXPECT_EQ(0, w[512]);
	w[512] = 0x88;
	EXPECT_EQ(0x4000, ax_resident(self->fd));
	EXPECT_EQ(0x1000, read(p[0], got, 0x1000));
	EXPECT_EQ(0x77, got[0]);
	EXPECT_EQ(0x88, ax_get64(self->fd, GPA + 0x1000));
	close(p[0]);
	close(p[1]);
	munmap(w, 0x4000);
}

/* ---- what is refused ---- */

static int refused_to_nobody(int fd, __u64 hpa)
{
	const __u64 probe[] = { GPA, GPA + 0x1000, GPA + 0x2000, GPA + 0x3000 };
	struct ax_snapshot before, after;

	if (ax_drop_cap(CAP_SYS_RAWIO) || ax_snap(fd, probe, 4, &before))
		return 1;
	if (replace_linear(fd, GPA + 0x1000, 0x2000, hpa, AX_RW) != -EPERM)
		return 2;
	if (ax_snap(fd, probe, 4, &after) ||
	    !ax_snap_same(&before, &after, true, "without the right"))
		return 3;
	return 0;
}

TEST_F(space, replace_that_is_refused)
{
	const __u64 probe[] = { GPA, GPA + 0x1000, GPA + 0x2000, GPA + 0x3000 };
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits), ram, end;
	struct ax_snapshot before, after;
	pid_t pid;

	if (!hpa || !ax_find_ram(0x2000, &ram, &end))
		SKIP(return, "/proc/iomem doesn't say what is where");
	ASSERT_EQ(0, ax_populate(self->fd, GPA, 0x4000));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x1000, 0x99));
	ASSERT_EQ(0, ax_snap(self->fd, probe, 4, &before));
	EXPECT_EQ(-EACCES, replace_linear(self->fd, GPA + 0x1000, 0x2000, ram, AX_RW));
	EXPECT_EQ(-ERANGE, replace_linear(self->fd, GPA + 0x1000, 0x2000, -0x2000ULL, AX_RW));
	EXPECT_EQ(-EINVAL, replace_linear(self->fd, GPA + 0x1000, 0x2000, hpa + 8, AX_RW));
	EXPECT_EQ(-ERANGE, replace_alloc(self->fd, GPA, self->end, AX_RW, 0));
	EXPECT_EQ(-EINVAL, replace_alloc(self->fd, GPA + 0x1000, 0x2000, AX_W, 0));
	ASSERT_EQ(0, ax_snap(self->fd, probe, 4, &after));
	EXPECT_TRUE(ax_snap_same(&before, &after, true, "refused"));
	EXPECT_EQ(0x99, ax_get64(self->fd, GPA + 0x1000));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(refused_to_nobody(self->fd, hpa));
	EXPECT_EQ(0, ax_wait(pid));
}

/* ---- memory under running CPUs ---- */

static int change_frames(struct guest *g, __u64 gpa, __u64 len, __u64 *rnd)
{
	__u32 flags = ax_rand(rnd) % 16 ? 0 : AXAS_MAP_POPULATE;

	return ax_map_alloc(g->fd, gpa, len, ax_rand(rnd) % 2 ? AX_RW : AX_RWX,
			    flags | AXAS_MAP_REPLACE, ax_rand(rnd) % 2 ? AX_2M : 0);
}

static int change_page_by_page(struct guest *g, __u64 gpa, __u64 len, __u64 *rnd)
{
	__u64 at = 0;
	int ret;

	do {
		ret = replace_alloc(g->fd, gpa + at, AX_PAGE, AX_RW,
				    ax_rand(rnd) % 2 ? AXAS_MAP_POPULATE : 0);
		at += page_at(1);
	} while (!ret && at < len);
	return ret;
}

/* Two pieces of host memory in turn: what comes is empty, and nobody has it. */
static struct {
	__u64 hpa;
	unsigned int turn;
	int fd;			/* a space that has both, one behind the other */
} banks;

static int change_kinds(struct guest *g, __u64 gpa, __u64 len, __u64 *rnd)
{
	__u64 bank;
	unsigned int i;
	int ret = 0;

	if (ax_rand(rnd) % 4)
		return change_frames(g, gpa, len, rnd);
	bank = banks.turn++ % 2 * GUEST_SIZE;
	for (i = 0; i < GUEST_PAGES && !ret; i++)
		ret = ax_put64(banks.fd, bank + page_at(i), 0);
	return ret ?: replace_linear(g->fd, GPA, GUEST_SIZE, banks.hpa + bank, AX_RW);
}

static struct guest guest;

TEST_F(space, replace_of_pages_under_running_cpus)
{
	guest = (struct guest){ .fd = self->fd, .change = change_page_by_page };
	ASSERT_EQ(0, ax_map(self->fd, GPA, GUEST_SIZE));
	guest_run(_metadata, &guest);
}

TEST_F(space, replace_of_ranges_under_running_cpus)
{
	guest = (struct guest){ .fd = self->fd, .change = change_frames };
	ASSERT_EQ(0, ax_map(self->fd, GPA, GUEST_SIZE));
	guest_run(_metadata, &guest);
}

TEST_F(space, replace_by_linear_memory_under_running_cpus)
{
	__u64 len;

	if (!ax_find_reserved(&banks.hpa, &len) || len < 2 * GUEST_SIZE)
		SKIP(return, "no reserved memory (AXAS_RESERVED_HPA)");
	banks.fd = ax_create(self->dev, variant->format, variant->bits);
	ASSERT_LE(0, banks.fd);
	ASSERT_EQ(0, ax_map_linear(banks.fd, 0, 2 * GUEST_SIZE, banks.hpa, AX_RW, 0));
	guest = (struct guest){ .fd = self->fd, .change = change_kinds };
	ASSERT_EQ(0, ax_map(self->fd, GPA, GUEST_SIZE));
	guest_run(_metadata, &guest);
	close(banks.fd);
}

/* ---- one step, for whoever looks ---- */

/*
 * Versions of a range follow each other: the remainder of 4 says what version n is.
 * Who knows that it is n or later must not find what can only be an earlier one.
 */
enum { DEVICE, FRAMES, OTHER, READ_ONLY, NR_KINDS };
#define KIND(k)		(1u << (k))
#define IS_MEMORY	(KIND(FRAMES) | KIND(OTHER) | KIND(READ_ONLY))
#define IS_WRITABLE	(KIND(FRAMES) | KIND(OTHER))
#define COOKIE		0xc00c1e0000000000ULL
#define MARK		0x3a9c000000000000ULL
#define NR_POINTS	5

struct steps {
	int fd;
	__u64 gpa, len, hpa;		/* @hpa: of OTHER, or 0 */
	__u64 point[NR_POINTS];
	char *w;
	volatile bool stop;
	volatile __u64 begun, known;	/* versions */
	volatile unsigned int bad;
	unsigned long looks;
};

static void steps_bad(struct steps *s, const char *how, __u64 gpa, __u64 is, __u64 least)
{
	if (!__atomic_fetch_add(&s->bad, 1, __ATOMIC_RELAXED))
		printf("# %s %#llx: %#llx, version %llu or later, up to %llu\n", how,
		       gpa, is, least, s->begun);
}

/* The least version from @least on that is one of these kinds. */
static __u64 version_of(__u64 least, unsigned int kinds)
{
	while (!(kinds & KIND(least % NR_KINDS)))
		least++;
	return least;
}

/* Something was found that is of these kinds, or just one version. */
static void steps_found(struct steps *s, const char *how, __u64 gpa, __u64 *least,
			unsigned int kinds, __u64 exactly)
{
	__u64 is = exactly ?: kinds ? version_of(*least, kinds) : ~0ULL;

	if (is < *least || is > __atomic_load_n(&s->begun, __ATOMIC_ACQUIRE)) {
		steps_bad(s, how, gpa, exactly ?: kinds, *least);
		return;
	}
	*least = is;
}

static void steps_faults(struct steps *s, __u64 *rnd, __u64 *least)
{
	struct axas_fault_entry e[2 * NR_POINTS];
	unsigned int i, n = 1 + ax_rand(rnd) % ARRAY_SIZE(e), kinds;
	__u32 done = 0;

	for (i = 0; i < n; i++)
		e[i] = (struct axas_fault_entry){
			.gpa = s->point[ax_rand(rnd) % NR_POINTS],
			.access = 1 << ax_rand(rnd) % 2, .result = ~0u,
		};
	if (ax_fault_many(s->fd, e, n, &done) || done != n)
		steps_bad(s, "AXAS_FAULT", 0, done, n);
	for (i = 0; i < n; i++) {
		kinds = 0;
		if (e[i].result == AXAS_FAULT_DENIED && e[i].access == AX_W)
			kinds = KIND(READ_ONLY);
		if (e[i].result <= AXAS_FAULT_SPURIOUS)
			kinds = e[i].access == AX_W ? IS_WRITABLE : IS_MEMORY;
		steps_found(s, "fault", e[i].gpa, least, kinds,
			    e[i].result == AXAS_FAULT_DEVICE ? e[i].cookie - COOKIE : 0);
	}
}

/* A word that was read: of memory of the host it is always the same. */
static void steps_word(struct steps *s, const char *how, __u64 gpa, int ret,
		       __u64 val, __u64 *least)
{
	if (ret == -EFAULT)
		steps_found(s, how, gpa, least, KIND(DEVICE), 0);
	else if (s->hpa && val == s->hpa)
		steps_found(s, how, gpa, least, KIND(OTHER), 0);
	else if (ret || (val && val < MARK))
		steps_bad(s, how, gpa, val, *least);
	else if (val)
		steps_found(s, how, gpa, least, 0, val - MARK);
	else
		steps_found(s, how, gpa, least, KIND(FRAMES) | KIND(READ_ONLY) |
			    (s->hpa ? 0 : KIND(OTHER)), 0);
}

static void steps_translate(struct steps *s, __u64 gpa, __u64 *least)
{
	struct axas_translate_entry e;

	switch (ax_translate(s->fd, gpa, &e)) {
	case AXAS_TRANSLATE_DEVICE:
		steps_found(s, "translate", gpa, least, KIND(DEVICE), 0);
		break;
	case AXAS_TRANSLATE_MAPPED:
	case AXAS_TRANSLATE_LAZY:
		steps_found(s, "translate", gpa, least,
			    e.prot == AX_R ? KIND(READ_ONLY) : IS_WRITABLE, 0);
		break;
	default:
		steps_bad(s, "translate", gpa, e.state, *least);
	}
}

static void *steps_look(void *arg)
{
	struct steps *s = arg;
	__u64 rnd = (uintptr_t)&rnd, least = 0, val, known, gpa;
	int ret;

	while (!s->stop) {
		known = __atomic_load_n(&s->known, __ATOMIC_ACQUIRE);
		if (least < known)
			least = known;
		gpa = s->point[ax_rand(&rnd) % NR_POINTS];
		val = 0;
		switch (ax_rand(&rnd) % 8) {
		case 0:
			steps_translate(s, gpa, &least);
			break;
		case 1:
			ret = ax_pread(s->fd, &val, 8, gpa);
			steps_word(s, "pread", gpa, ret == 8 ? 0 : ret, val, &least);
			break;
		case 2 ... 3:
			ret = ax_load(s->w + (gpa - s->gpa), &val);
			steps_word(s, "window", gpa, ret, val, &least);
			break;
		default:
			steps_faults(s, &rnd, &least);
		}
		/* The others know it too, from now on. */
		known = __atomic_load_n(&s->known, __ATOMIC_RELAXED);
		while (known < least &&
		       !__atomic_compare_exchange_n(&s->known, &known, least, false,
						    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			;
		__atomic_fetch_add(&s->looks, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static int steps_go(struct steps *s, __u64 version)
{
	__u32 populate = version % 24 < NR_KINDS ? AXAS_MAP_POPULATE : 0;
	unsigned int i;
	int ret;

	__atomic_store_n(&s->begun, version, __ATOMIC_RELEASE);
	switch (version % NR_KINDS) {
	case DEVICE:
		ret = replace_device(s->fd, s->gpa, s->len, COOKIE + version);
		break;
	case READ_ONLY:
		ret = replace_alloc(s->fd, s->gpa, s->len, AX_R, populate);
		break;
	case OTHER:
		if (s->hpa) {
			ret = replace_linear(s->fd, s->gpa, s->len, s->hpa, AX_RW);
			break;
		}
		/* fallthrough */
	default:
		ret = replace_alloc(s->fd, s->gpa, s->len, AX_RW, populate);
		for (i = 0; i < NR_POINTS && !ret; i++)
			ret = ax_put64(s->fd, s->point[i], MARK + version);
	}
	if (!ret && s->known < version)
		__atomic_store_n(&s->known, version, __ATOMIC_RELEASE);
	return ret;
}

/* Its neighbours in the first table are there, those in the last one aren't. */
static void steps_run(struct __test_metadata *_metadata, int fd, __u64 gpa, __u64 len,
		      __u64 hpa)
{
	static struct steps s;
	double until = ax_now() + ax_race(3);
	pthread_t thread[3];
	unsigned int i;
	__u64 version;
	int ret = 0;

	s = (struct steps){ .fd = fd, .gpa = gpa, .len = len, .hpa = hpa };
	for (i = 0; i < NR_POINTS; i++)
		s.point[i] = gpa + (len / AX_PAGE - 1) * i / (NR_POINTS - 1) * AX_PAGE;
	ASSERT_EQ(0, ax_populate(fd, gpa - 0x1000, 0x1000));
	ASSERT_EQ(0, ax_map(fd, gpa + len, 0x10000));
	if (hpa) {
		ASSERT_EQ(0, replace_linear(fd, gpa, len, hpa, AX_RW));
		for (i = 0; i < NR_POINTS; i++)
			ASSERT_EQ(0, ax_put64(fd, s.point[i], hpa));
	}
	ASSERT_EQ(0, replace_alloc(fd, gpa, len, AX_RW, AXAS_MAP_POPULATE));
	s.w = ax_window(fd, gpa, len, PROT_READ);
	ASSERT_NE(MAP_FAILED, (void *)s.w);
	ax_access_arm();
	ASSERT_EQ(0, steps_go(&s, FRAMES));
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, steps_look, &s));
	for (version = FRAMES + 1; !ret && ax_racing(until, version > 20 && s.looks > version); version++)
		ret = steps_go(&s, version);
	s.stop = true;
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		pthread_join(thread[i], NULL);
	printf("# %llu versions, %lu looks\n", version, s.looks);
	EXPECT_EQ(0, ret);
	EXPECT_EQ(0, s.bad);
	EXPECT_LT(20, version);
	EXPECT_LT(version, s.looks);
	/* Frames would be one area with what lies on both sides. */
	ASSERT_EQ(0, replace_alloc(fd, gpa, len, AX_R, 0));
	EXPECT_EQ(3, areas_of(fd));
	ASSERT_EQ(0, replace_alloc(fd, gpa, len, AX_RW, 0));
	EXPECT_EQ(1, areas_of(fd));
	munmap(s.w, len);
}

TEST_F(space, replace_of_a_page_is_one_step)
{
	__u64 hpa = 0, len;

	ax_find_reserved(&hpa, &len);
	steps_run(_metadata, self->fd, GPA + 0x5000, 0x1000, hpa);
}

/* Over three tables, of which one lies in it as a whole. */
TEST_F(space, replace_of_a_range_is_one_step)
{
	__u64 hpa = 0, len;

	if (ax_find_reserved(&hpa, &len) && len < 2 * AX_2M)
		hpa = 0;
	steps_run(_metadata, self->fd, GPA + AX_2M - 0x4000, AX_2M + 0x8000, hpa);
}

TEST_HARNESS_MAIN
