// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of memory that a space has: areas stay, frames go and come, while
 * others use them.
 */
#define AX_FEW_VARIANTS
#define AX_TWO_FORMATS
#include <sys/sendfile.h>
#include <sys/time.h>
#include "axas_guest.h"

#define GPA	GUEST_GPA
#define RW	(PROT_READ | PROT_WRITE)

/* ---- discard ---- */

TEST_F(space, discard_reads_as_zero)
{
	struct axas_discard d;
	volatile __u64 *w;
	__u64 i;

	/* Two areas, one behind the other. */
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x8000));
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA + 0x8000, 0x8000, AX_RWX, 0, 0));
	w = ax_window(self->fd, GPA, 0x10000, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	for (i = 0; i < 16; i++)
		w[i * 512 + 7] = 0x900 + i;
	ASSERT_EQ(0, ax_discard_to(self->fd, GPA + 0x4000, 0x8000, &d));
	EXPECT_EQ(0x8000, d.freed);
	EXPECT_EQ(0, d.pinned);
	EXPECT_EQ(0x8000, ax_resident(self->fd));
	EXPECT_EQ(AXAS_TRANSLATE_LAZY, ax_state(self->fd, GPA + 0x4000));
	EXPECT_EQ(AXAS_TRANSLATE_LAZY, ax_state(self->fd, GPA + 0xb000));
	EXPECT_EQ(AXAS_TRANSLATE_MAPPED, ax_state(self->fd, GPA + 0xc000));
	for (i = 0; i < 16; i++) {
		EXPECT_EQ(i < 4 || i >= 12 ? 0x900 + i : 0, w[i * 512 + 7])
			TH_LOG("page %llu", i);
		EXPECT_EQ(i < 4 || i >= 12 ? 0x900 + i : 0,
			  ax_get64(self->fd, GPA + i * AX_PAGE + 56));
	}
	munmap((void *)w, 0x10000);
}

TEST_F(space, discard_in_a_large_leaf)
{
	struct axas_discard d;
	struct axas_stats st;

	if (!ax_have_free_2m())
		SKIP(return, "no free block of 2 MiB");
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, AX_2M, AX_RW, AXAS_MAP_POPULATE, AX_2M));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x1000, 1));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x2000, 2));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x3000, 3));
	ASSERT_EQ(0, ax_discard_to(self->fd, GPA + 0x2000, 0x1000, &d));
	EXPECT_EQ(0x1000, d.freed);
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(511, st.leaves[0]);
	EXPECT_EQ(0, st.leaves[1]);
	EXPECT_EQ(1, st.areas);
	EXPECT_EQ(1, ax_get64(self->fd, GPA + 0x1000));
	EXPECT_EQ(0, ax_get64(self->fd, GPA + 0x2000));
	EXPECT_EQ(3, ax_get64(self->fd, GPA + 0x3000));
	/* The read has brought nothing back. */
	ASSERT_EQ(0, ax_discard_to(self->fd, GPA, AX_2M, &d));
	EXPECT_EQ(AX_2M - 0x1000, d.freed);
}

/* Where the answer can't be written nothing is done. */
TEST_F(space, discard_without_room_for_the_answer)
{
	struct axas_discard *d = mmap(NULL, 0x1000, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, (void *)d);
	*d = (struct axas_discard){ .size = sizeof(*d), .gpa = GPA, .length = 0x4000 };
	ASSERT_EQ(0, mprotect(d, 0x1000, PROT_READ));
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x4000));
	ASSERT_EQ(0, ax_put64(self->fd, GPA, 0x900));
	EXPECT_EQ(-EFAULT, ax_ioctl(self->fd, AXAS_DISCARD, d));
	EXPECT_EQ(0x900, ax_get64(self->fd, GPA));
	munmap(d, 0x1000);
}

/* All of a space that has hardly anything: no page is looked at one by one. */
TEST_F(space, discard_of_what_is_sparse)
{
	const __u64 end = self->end / 2;
	struct axas_discard d;
	double begin;
	__u64 gpa;

	ASSERT_EQ(0, ax_map(self->fd, 0, end));
	for (gpa = AX_PAGE; gpa < end; gpa *= 4)
		ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, gpa, AX_W));
	gpa = ax_resident(self->fd);
	begin = ax_now();
	ASSERT_EQ(0, ax_discard_to(self->fd, 0, end, &d));
	EXPECT_GT(2, ax_now() - begin);
	EXPECT_EQ(gpa, d.freed);
	EXPECT_TRUE(ax_tables_are(self->fd, NULL, 0));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, AX_PAGE, AX_W));
}

static int guest_discard(struct guest *g, __u64 gpa, __u64 len, __u64 *rnd)
{
	return ax_discard(g->fd, gpa, len);
}

TEST_F(space, discard_under_running_cpus)
{
	static struct guest g;

	g = (struct guest){ .fd = self->fd, .change = guest_discard };
	/* Two areas. */
	ASSERT_EQ(0, ax_map(self->fd, GPA, page_at(10)));
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA + page_at(10),
				  GUEST_SIZE - page_at(10), AX_RW, 0, 0));
	guest_run(_metadata, &g);
}

TEST_F(space, discard_of_large_leaves_under_running_cpus)
{
	static struct guest g;

	g = (struct guest){ .fd = self->fd, .change = guest_discard };
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, GUEST_SIZE + AX_2M, AX_RW, 0, AX_2M));
	guest_run(_metadata, &g);
}

/* ---- populate ---- */

TEST_F(space, populate_brings_in_what_exists)
{
	struct axas_stats st;
	__u64 done, i;

	ASSERT_EQ(0, ax_map(self->fd, GPA, AX_2M));
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA + AX_2M, 0x8000, AX_R, 0, 0));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x5000, 5));
	ASSERT_EQ(0, ax_bring_in(self->fd, GPA + 0x1000, AX_2M, &done));
	EXPECT_EQ(AX_2M, done);
	EXPECT_EQ(AX_2M, ax_resident(self->fd));
	EXPECT_EQ(5, ax_get64(self->fd, GPA + 0x5000));
	EXPECT_EQ(AXAS_TRANSLATE_LAZY, ax_state(self->fd, GPA));
	EXPECT_EQ(AXAS_TRANSLATE_LAZY, ax_state(self->fd, GPA + AX_2M + 0x1000));
	for (i = 1; i <= 512; i++)
		ASSERT_EQ(i == 5 ? 5 : 0, ax_get64(self->fd, GPA + i * AX_PAGE));
	/* No first touch is left; behind the end there's a hole. */
	EXPECT_EQ(-ENOENT, ax_bring_in(self->fd, GPA, AX_2M + 0x10000, &done));
	EXPECT_EQ(AX_2M + 0x8000, done);
	for (i = 0; i < 520; i++)
		ASSERT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, GPA + i * AX_PAGE, AX_R));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(0, st.faults[AXAS_FAULT_RESOLVED]);
	EXPECT_EQ(2, st.areas);
}

TEST_F(space, populate_where_memory_is_linear)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits), done;

	if (!hpa)
		SKIP(return, "no unused host physical addresses in /proc/iomem");
	ASSERT_EQ(0, ax_map(self->fd, GPA - 0x1000, 0x1000));
	ASSERT_EQ(0, ax_map_linear(self->fd, GPA, AX_1G, hpa, AX_RW, 0));
	ASSERT_EQ(0, ax_map(self->fd, GPA + AX_1G, 0x1000));
	EXPECT_EQ(0, ax_bring_in(self->fd, GPA - 0x1000, AX_1G + 0x2000, &done));
	EXPECT_EQ(AX_1G + 0x2000, done);
	EXPECT_EQ(0x2000, ax_resident(self->fd));
}

/* ---- next ---- */

#define HAVE	43

TEST_F(space, next_lists_all_in_one_call)
{
	struct axas_next_entry e[2 * HAVE];
	__u64 gpa = 0, length = 4 * AX_1G - AX_PAGE, at[HAVE + 1], resident;
	int i, fd;

	ASSERT_EQ(0, ax_map(self->fd, 0, length));
	for (i = 0; i < HAVE; i++) {
		at[i] = (3 + i * i * 499ULL) * AX_PAGE;
		ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, at[i], AX_W));
	}
	/* Two of them are neighbours, and the last one is at the very end. */
	ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, at[7] + AX_PAGE, AX_W));
	ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, length - 1, AX_W));
	at[HAVE] = length - AX_PAGE;
	resident = ax_resident(self->fd);
	ASSERT_EQ(HAVE + 1, ax_next(self->fd, &gpa, &length, e, 2 * HAVE));
	EXPECT_EQ(4 * AX_1G - AX_PAGE, gpa);
	EXPECT_EQ(0, length);
	for (i = 0; i <= HAVE; i++) {
		EXPECT_EQ(at[i], e[i].gpa);
		EXPECT_EQ(i == 7 ? 0x2000 : 0x1000, e[i].length);
	}
	/* In pieces, and by a descriptor that can only read. */
	snprintf((char *)e, sizeof(e), "/proc/self/fd/%d", self->fd);
	fd = open((char *)e, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	gpa = 0;
	length = 4 * AX_1G;
	for (i = 0; length; i++) {
		ASSERT_EQ(1, ax_next(fd, &gpa, &length, e, 1));
		EXPECT_EQ(at[i], e[0].gpa);
	}
	EXPECT_EQ(HAVE + 1, i);
	close(fd);
	EXPECT_EQ(resident, ax_resident(self->fd));
}

TEST_F(space, seek_data_and_hole)
{
	const __u64 end = self->end;
	__u64 resident;

	ASSERT_EQ(0, ax_map(self->fd, GPA, AX_1G));
	ASSERT_EQ(0, ax_populate(self->fd, end - 0x2000, 0x2000));
	ASSERT_EQ(0, ax_bring_in(self->fd, GPA + 0x3000, 0x4000, NULL));
	resident = ax_resident(self->fd);
	EXPECT_EQ(GPA + 0x3000, lseek(self->fd, 0, SEEK_DATA));
	EXPECT_EQ(GPA + 0x3000, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(GPA + 0x3000, lseek(self->fd, GPA + 0x2fff, SEEK_DATA));
	EXPECT_EQ(GPA + 0x3007, lseek(self->fd, GPA + 0x3007, SEEK_DATA));
	EXPECT_EQ(GPA + 0x7000, lseek(self->fd, GPA + 0x3007, SEEK_HOLE));
	EXPECT_EQ(GPA + 0x7001, lseek(self->fd, GPA + 0x7001, SEEK_HOLE));
	EXPECT_EQ(5, lseek(self->fd, 5, SEEK_HOLE));
	EXPECT_EQ(end - 0x2000, lseek(self->fd, GPA + 0x7000, SEEK_DATA));
	EXPECT_EQ(end, lseek(self->fd, end - 1, SEEK_HOLE));
	EXPECT_EQ(-1, lseek(self->fd, end, SEEK_DATA));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(-1, lseek(self->fd, end, SEEK_HOLE));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(-1, lseek(self->fd, -1, SEEK_DATA));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(0, ax_unmap(self->fd, end - 0x2000, 0x2000));
	EXPECT_EQ(-1, lseek(self->fd, GPA + 0x7000, SEEK_DATA));
	EXPECT_EQ(ENXIO, errno);
	EXPECT_EQ(resident - 0x2000, ax_resident(self->fd));
}

/* Below its first address a space is a hole. */
TEST_F(space, seek_in_a_part_of_the_width)
{
	int fd = ax_create_range(self->dev, variant->format, variant->bits, GPA, AX_1G);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, lseek(fd, 0, SEEK_DATA));
	EXPECT_EQ(7, lseek(fd, 7, SEEK_HOLE));
	ASSERT_EQ(0, ax_populate(fd, GPA, 0x1000));
	EXPECT_EQ(GPA, lseek(fd, 7, SEEK_DATA));
	EXPECT_EQ(GPA + 0x1000, lseek(fd, GPA, SEEK_HOLE));
	close(fd);
}

/* ---- populate, at length ---- */

#define MUCH	(192ULL << 20)

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	alarms++;
}

/* A signal each @us from now on; 0 ends that. */
static void alarm_each(long us)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	struct itimerval it = { { 0, us }, { 0, us } };

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
}

TEST_F(space, populate_goes_on_after_a_signal)
{
	__u64 at = 0, done = 0;
	unsigned int calls = 0;
	int ret;

	ASSERT_EQ(0, ax_map(self->fd, GPA, MUCH));
	alarm_each(5000);
	do {
		ret = ax_bring_in(self->fd, GPA + at, MUCH - at, &done);
		at += done;
		calls++;
	} while (ret == -EINTR);
	alarm_each(0);
	printf("# %u calls, %u signals\n", calls, (unsigned int)alarms);
	EXPECT_EQ(0, ret);
	EXPECT_EQ(MUCH, at);
	EXPECT_EQ(MUCH, ax_resident(self->fd));
	EXPECT_LT(2, calls);
	ASSERT_EQ(0, ax_clear(self->fd));
	/* A new area comes as a whole whatever signals say. */
	alarms = 0;
	alarm_each(5000);
	EXPECT_EQ(0, ax_populate(self->fd, GPA, MUCH));
	alarm_each(0);
	EXPECT_LT(0, alarms);
	EXPECT_EQ(MUCH, ax_resident(self->fd));
}

/* Another thread, which brings memory in by one call or the other. */
struct bringer {
	pthread_t thread;
	int fd, ret;
	bool exists;
	volatile bool begun, ended;
};

static void *bring_much(void *arg)
{
	struct bringer *b = arg;

	b->begun = true;
	b->ret = b->exists ? ax_bring_in(b->fd, GPA, MUCH, NULL) :
			     ax_populate(b->fd, GPA, MUCH);
	b->ended = true;
	return NULL;
}

/* Everywhere areas come, change and go meanwhile, in the range itself too. */
TEST_F(space, populate_keeps_nobody_waiting)
{
	const __u64 far = GPA + 4 * MUCH;
	struct bringer b = { .fd = self->fd };
	unsigned int calls, round;

	for (round = 0; round < 2; round++) {
		b.exists = round;
		b.begun = false;
		b.ended = false;
		if (b.exists)
			ASSERT_EQ(0, ax_map(self->fd, GPA, MUCH));
		ASSERT_EQ(0, pthread_create(&b.thread, NULL, bring_much, &b));
		while (!b.begun)
			ax_sleep_ms(1);
		for (calls = 0; !b.ended; calls++) {
			ASSERT_EQ(0, ax_map(self->fd, far, 0x4000));
			ASSERT_EQ(0, ax_protect(self->fd, far, 0x2000, AX_R));
			ASSERT_EQ(0, ax_unmap(self->fd, far, 0x4000));
		}
		pthread_join(b.thread, NULL);
		printf("# %s: %u times\n", b.exists ? "populate" : "map", calls);
		EXPECT_LT(20, calls);
		EXPECT_EQ(0, b.ret);
		EXPECT_EQ(MUCH, ax_resident(self->fd));
		ASSERT_EQ(0, ax_clear(self->fd));
	}
	/* Whoever has an area in the range first has it. */
	b.exists = false;
	b.begun = false;
	b.ended = false;
	ASSERT_EQ(0, pthread_create(&b.thread, NULL, bring_much, &b));
	while (!b.begun)
		ax_sleep_ms(1);
	EXPECT_EQ(AXAS_TRANSLATE_NO_AREA, ax_state(self->fd, GPA));
	EXPECT_EQ(0, ax_map(self->fd, GPA + MUCH - 0x1000, 0x1000));
	EXPECT_EQ(0, ax_unmap(self->fd, GPA - 0x1000, 0x2000));
	EXPECT_EQ(0, ax_resident(self->fd));
	EXPECT_FALSE(b.ended);
	pthread_join(b.thread, NULL);
	EXPECT_EQ(-EEXIST, b.ret);
	EXPECT_EQ(0, ax_resident(self->fd));
	EXPECT_TRUE(ax_tables_are(self->fd, NULL, 0));
}

/* Four threads bring in the same memory, and take some of it away. */
static void *bring_in_and_out(void *arg)
{
	struct bringer *b = arg;
	__u64 rnd = (uintptr_t)&rnd, i;

	for (i = 0; i < 40 && !b->ret; i++) {
		__u64 at = GPA + ax_rand(&rnd) % 2048 * AX_PAGE;

		b->ret = ax_bring_in(b->fd, at, (1 + ax_rand(&rnd) % 2048) * AX_PAGE, NULL);
		if (!b->ret)
			b->ret = ax_discard(b->fd, at, (1 + ax_rand(&rnd) % 64) * AX_PAGE);
	}
	return NULL;
}

TEST_F(space, populate_by_many_threads)
{
	struct bringer b[4];
	unsigned int i;

	ASSERT_EQ(0, ax_map(self->fd, GPA, 8 * AX_2M));
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA + 8 * AX_2M, 16 * AX_2M, AX_RW, 0, AX_2M));
	for (i = 0; i < 4; i++) {
		b[i] = (struct bringer){ .fd = self->fd };
		ASSERT_EQ(0, pthread_create(&b[i].thread, NULL, bring_in_and_out, &b[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(b[i].thread, NULL);
		EXPECT_EQ(0, b[i].ret);
	}
	ASSERT_EQ(0, ax_bring_in(self->fd, GPA, 8 * AX_2M, NULL));
	ASSERT_EQ(0, ax_unmap(self->fd, GPA + 8 * AX_2M, 16 * AX_2M));
	EXPECT_EQ(8 * AX_2M, ax_resident(self->fd));
}

/* ---- reads of what nobody has touched ---- */

#define SPARSE	(128ULL << 20)
#define PIECE	(4ULL << 20)

/* Bytes from @at on that aren't zero, but for a word at each of @words. */
static __u64 not_zero(int fd, unsigned char *buf, __u64 at, const __u64 *words, unsigned int nr)
{
	__u64 bad = 0, i;

	memset(buf, 0xee, PIECE);
	if (ax_pread(fd, buf, PIECE, at) != PIECE)
		return PIECE;
	for (i = 0; i < nr; i++)
		if (words[i] >= at && words[i] < at + PIECE) {
			bad += *(__u64 *)(buf + words[i] - at) != words[i];
			memset(buf + words[i] - at, 0, 8);
		}
	for (i = 0; i < PIECE / 8; i++)
		bad += !!((__u64 *)buf)[i];
	return bad;
}

TEST_F(space, read_of_what_nobody_has_touched)
{
	/* In the first page, beside a border of 2 MiB, alone, and in the last one. */
	const __u64 words[] = { GPA + 8, GPA + 3 * AX_2M - 8, GPA + SPARSE / 2, GPA + SPARSE - 8 };
	unsigned char *buf = mmap(NULL, PIECE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i;
	__u64 at;

	ASSERT_NE(MAP_FAILED, (void *)buf);
	ASSERT_EQ(0, ax_map(self->fd, GPA, SPARSE / 2));
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA + SPARSE / 2, SPARSE / 2, AX_RW, 0, AX_2M));
	for (at = 0; at < SPARSE; at += PIECE)
		ASSERT_EQ(0, not_zero(self->fd, buf, GPA + at, NULL, 0))
			TH_LOG("at %#llx", at);
	EXPECT_EQ(0, ax_resident(self->fd));
	EXPECT_TRUE(ax_tables_are(self->fd, NULL, 0));
	/* Across the border, into memory that isn't there either, up to the end. */
	munmap(buf, PIECE);
	buf = mmap(NULL, PIECE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)buf);
	EXPECT_EQ(PIECE, ax_pread(self->fd, buf, PIECE, GPA + SPARSE / 2 - 0x1234));
	EXPECT_EQ(0x1234, ax_pread(self->fd, buf, PIECE, GPA + SPARSE - 0x1234));
	EXPECT_EQ(-EFAULT, ax_pread(self->fd, buf, PIECE, GPA + SPARSE));
	EXPECT_EQ(-EFAULT, ax_pread(self->fd, (void *)8, PIECE, GPA));
	EXPECT_EQ(0, ax_resident(self->fd));

	for (i = 0; i < ARRAY_SIZE(words); i++)
		ASSERT_EQ(0, ax_put64(self->fd, words[i], words[i]));
	at = ax_resident(self->fd);
	for (i = 0; i < SPARSE / PIECE; i++)
		ASSERT_EQ(0, not_zero(self->fd, buf, GPA + i * PIECE, words, ARRAY_SIZE(words)))
			TH_LOG("piece %u", i);
	EXPECT_EQ(at, ax_resident(self->fd));
	munmap(buf, PIECE);
}

/* Into a pipe and into a file. */
TEST_F(space, splice_of_what_nobody_has_touched)
{
	static unsigned char buf[0x8000];
	off_t at = GPA;
	int p[2], file;

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x10000));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x3000, 1));
	file = memfd_create("axas", MFD_CLOEXEC);
	ASSERT_LE(0, file);
	memset(buf, 0xee, sizeof(buf));
	ASSERT_EQ(0x2000, ax_splice(self->fd, &at, p[1], 0x2000));
	ASSERT_EQ(0x2000, read(p[0], buf, 0x2000));
	EXPECT_EQ(0, buf[0]);
	EXPECT_EQ(0, memcmp(buf, buf + 1, 0x1fff));
	at = GPA;
	ASSERT_EQ(0x8000, sendfile(file, self->fd, &at, 0x8000));
	memset(buf, 0xee, sizeof(buf));
	ASSERT_EQ(0x8000, pread(file, buf, 0x8000, 0));
	EXPECT_EQ(1, buf[0x3000]);
	buf[0x3000] = 0;
	EXPECT_EQ(0, buf[0]);
	EXPECT_EQ(0, memcmp(buf, buf + 1, 0x7fff));
	EXPECT_EQ(AX_PAGE, ax_resident(self->fd));
	close(file);
	close(p[0]);
	close(p[1]);
}

#define WRITER_PAGES	1024
#define WRITER_ROUNDS	24

/* Writes a word to each page, in an order of its own, and says how far it is. */
struct writer {
	pthread_t thread;
	int fd;
	unsigned int order[WRITER_PAGES];
	unsigned int written, failed;
};

static void *write_pages(void *arg)
{
	struct writer *w = arg;
	unsigned int i;

	for (i = 0; i < WRITER_PAGES; i++) {
		w->failed += ax_put64(w->fd, GPA + w->order[i] * AX_PAGE, i + 1) != 0;
		/* It was written before it is said to be. */
		__atomic_store_n(&w->written, i + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/*
 * What has been written must be there. What is being written may be there in part, for
 * nobody promises that a word is copied as one: "rep movsb" goes by bytes.
 */
static bool read_wrong(__u64 word, __u64 mine, bool written)
{
	return written ? word != mine : word & ~mine;
}

/* Some round of it. Return: how many reads; lost is counted up. */
static unsigned int read_beside(struct writer *w, unsigned char *buf, unsigned int *lost)
{
	unsigned int reads, written, i;

	for (reads = 0, written = 0; written < WRITER_PAGES; reads++) {
		written = __atomic_load_n(&w->written, __ATOMIC_ACQUIRE);
		if (ax_pread(w->fd, buf, WRITER_PAGES * AX_PAGE, GPA) !=
		    WRITER_PAGES * AX_PAGE)
			*lost += 1;
		for (i = 0; i < WRITER_PAGES; i++) {
			__u64 word = *(__u64 *)(buf + w->order[i] * AX_PAGE);

			*lost += read_wrong(word, i + 1, i < written);
		}
	}
	return reads;
}

/* What pwrite() has written the next pread() finds. */
TEST_F(space, read_loses_no_write_beside_it)
{
	unsigned char *buf = malloc(WRITER_PAGES * AX_PAGE);
	unsigned int round, i, j, reads = 0, lost = 0;
	static struct writer w;
	__u64 rnd = 7;

	ASSERT_NE(NULL, buf);
	w.fd = self->fd;
	for (i = 0; i < WRITER_PAGES; i++)
		w.order[i] = i;
	for (round = 0; round < WRITER_ROUNDS; round++) {
		for (i = WRITER_PAGES; i > 1; i--) {
			unsigned int last = w.order[i - 1];

			j = ax_rand(&rnd) % i;
			w.order[i - 1] = w.order[j];
			w.order[j] = last;
		}
		w.written = 0;
		ASSERT_EQ(0, ax_map_alloc(self->fd, GPA, WRITER_PAGES * AX_PAGE, AX_RW, 0,
					  round % 2 ? AX_2M : 0));
		ASSERT_EQ(0, pthread_create(&w.thread, NULL, write_pages, &w));
		reads += read_beside(&w, buf, &lost);
		pthread_join(w.thread, NULL);
		ASSERT_EQ(0, ax_clear(self->fd));
	}
	printf("# %u reads\n", reads);
	EXPECT_LT(WRITER_ROUNDS, reads);
	EXPECT_EQ(0, w.failed);
	EXPECT_EQ(0, lost);
	free(buf);
}

TEST_HARNESS_MAIN
