// SPDX-License-Identifier: GPL-2.0
/*
 * Memory between guests: what one space shows of another, what it follows, and that
 * nobody gets at a page that the other one has lost.
 */
#define AX_FEW_VARIANTS
#include <sys/prctl.h>
#include "axas_fixture.h"

#define RW	(PROT_READ | PROT_WRITE)
#define GPA	0x40000000ULL	/* where it is shown */
#define HOME	0x10000000ULL	/* where the source has it */
#define LENGTH	0x40000ULL
#define PAGES	(LENGTH / AX_PAGE)

/* -errno of a call that returns -1. */
#define ERR(call)	((call) < 0 ? -errno : 0)

/* A space of memory, shown by the one of the fixture. */
static int lent(int dev, int fd)
{
	int source = ax_create(dev, AXAS_FORMAT_EPT, 48), ret;

	if (source < 0)
		return source;
	ret = ax_map(source, HOME, LENGTH);
	if (!ret)
		ret = ax_map_alias(fd, GPA, LENGTH, source, HOME, AX_RW);
	if (!ret)
		return source;
	close(source);
	return ret;
}

TEST_F(space, two_guests_have_one_memory)
{
	int source = lent(self->dev, self->fd), other;
	__u64 *here, *there, val;

	ASSERT_LE(0, source);
	other = ax_create(self->dev, AXAS_FORMAT_EPT, 48);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, ax_map_alias(other, 3 * GPA, LENGTH, source, HOME, AX_RW));
	here = ax_window(self->fd, GPA, LENGTH, RW);
	there = ax_window(other, 3 * GPA, LENGTH, RW);
	ASSERT_NE(MAP_FAILED, (void *)here);
	ASSERT_NE(MAP_FAILED, (void *)there);

	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA + 0x1234, AX_W));
	EXPECT_EQ(ax_hpa(source, HOME + 0x1234), ax_hpa(self->fd, GPA + 0x1234));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 8, 1));
	EXPECT_EQ(1, ax_get64(other, 3 * GPA + 8));
	ASSERT_EQ(0, ax_load(there + 1, &val));
	EXPECT_EQ(1, val);
	ASSERT_EQ(0, ax_store(there + 2, 2));
	EXPECT_EQ(2, here[2]);
	EXPECT_EQ(2, ax_get64(source, HOME + 16));
	/* A page that none has touched. */
	EXPECT_EQ(0, here[9 * AX_PAGE / 8]);
	here[9 * AX_PAGE / 8] = 3;
	EXPECT_EQ(3, ax_get64(other, 3 * GPA + 9 * AX_PAGE));
	/* It is the source's. */
	EXPECT_EQ(0, ax_resident(self->fd));
	EXPECT_EQ(0, ax_resident(other));
	EXPECT_EQ(3 * AX_PAGE, ax_resident(source));
	munmap(here, LENGTH);
	munmap(there, LENGTH);
	close(other);
	close(source);
}

TEST_F(space, two_addresses_of_one_space)
{
	__u64 *here, *there;

	ASSERT_EQ(0, ax_map(self->fd, HOME, LENGTH));
	ASSERT_EQ(0, ax_map_alias(self->fd, GPA, LENGTH, self->fd, HOME, AX_RW));
	here = ax_window(self->fd, HOME, LENGTH, RW);
	there = ax_window(self->fd, GPA, LENGTH, RW);
	ASSERT_NE(MAP_FAILED, (void *)here);
	ASSERT_NE(MAP_FAILED, (void *)there);
	here[0] = 1;
	EXPECT_EQ(1, there[0]);
	there[1] = 2;
	EXPECT_EQ(2, here[1]);
	ASSERT_EQ(0, ax_discard(self->fd, HOME, AX_PAGE));
	EXPECT_EQ(0, there[0]);
	there[0] = 5;
	EXPECT_EQ(5, here[0]);
	/* What is left keeps nothing of the other, and the space not itself. */
	ASSERT_EQ(0, ax_unmap(self->fd, HOME, LENGTH));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, ax_fault(self->fd, GPA, AX_R));
	EXPECT_EQ(-EFAULT, ax_store(there, 1));
	munmap(here, LENGTH);
	munmap(there, LENGTH);
}

/* A RAM file lends a range, and that alone, to whoever gets it. */
TEST_F(space, ram_file_lends_a_range)
{
	int source = ax_create(self->dev, AXAS_FORMAT_EPT, 48), ram, ro;

	ASSERT_LE(0, source);
	ASSERT_EQ(0, ax_map(source, HOME, 3 * LENGTH));
	ram = ax_ram_file(source, HOME + LENGTH, LENGTH, AX_RW);
	ro = ax_ram_file(source, HOME + LENGTH, LENGTH, AX_R);
	ASSERT_LE(0, ram);
	ASSERT_LE(0, ro);
	EXPECT_EQ(-ERANGE, ax_map_alias(self->fd, GPA, LENGTH + AX_PAGE, ram, 0, AX_RW));
	EXPECT_EQ(-ERANGE, ax_map_alias(self->fd, GPA, LENGTH, ram, AX_PAGE, AX_RW));
	EXPECT_EQ(-ERANGE, ax_map_alias(self->fd, GPA, AX_PAGE, ram, -AX_PAGE, AX_RW));
	ASSERT_EQ(0, ax_map_alias(self->fd, GPA, LENGTH, ram, 0, AX_RW));
	ASSERT_EQ(0, ax_map_alias(self->fd, 2 * GPA, LENGTH - AX_PAGE, ro, AX_PAGE, AX_RW));
	close(ram);
	close(ro);
	ASSERT_EQ(0, ax_put64(self->fd, GPA + AX_PAGE, 7));
	EXPECT_EQ(7, ax_get64(source, HOME + LENGTH + AX_PAGE));
	EXPECT_EQ(7, ax_get64(self->fd, 2 * GPA));
	EXPECT_EQ(-EACCES, ax_pwrite(self->fd, "x", 1, 2 * GPA));
	/* No protect gives what the descriptor hadn't. */
	ASSERT_EQ(0, ax_protect(self->fd, 2 * GPA, AX_PAGE, AX_RW));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, 2 * GPA, AX_W));
	close(source);
}

/* Nobody has a descriptor of the source any more. */
TEST_F(space, source_lives_as_long_as_its_aliases)
{
	int source = lent(self->dev, self->fd);
	struct axas_area_entry e = { 0 };
	struct axas_areas areas = {
		.size = sizeof(areas), .entries = (uintptr_t)&e, .nr = 1,
	};

	ASSERT_LE(0, source);
	ASSERT_EQ(0, ax_put64(source, HOME, 1));
	close(source);
	EXPECT_EQ(1, ax_get64(self->fd, GPA));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 5 * AX_PAGE, 2));
	ASSERT_EQ(0, ax_unmap(self->fd, GPA, AX_PAGE));
	EXPECT_EQ(2, ax_get64(self->fd, GPA + 5 * AX_PAGE));
	ASSERT_EQ(0, ax_ioctl(self->fd, AXAS_AREAS, &areas));
	EXPECT_EQ(AXAS_BACKEND_ALIAS, e.backend);
	EXPECT_EQ(HOME + AX_PAGE, e.hpa);
	ASSERT_EQ(0, ax_unmap(self->fd, GPA, LENGTH));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, ax_fault(self->fd, GPA + 5 * AX_PAGE, AX_R));
}

TEST_F(space, follows_its_source)
{
	int source = lent(self->dev, self->fd);
	__u64 *w = ax_window(self->fd, GPA, LENGTH, RW), val;
	unsigned int i;

	ASSERT_LE(0, source);
	ASSERT_NE(MAP_FAILED, (void *)w);
	for (i = 0; i < PAGES; i++)
		w[i * AX_PAGE / 8] = i + 1;

	ASSERT_EQ(0, ax_discard(source, HOME, AX_PAGE));
	EXPECT_EQ(AXAS_TRANSLATE_LAZY, ax_state(self->fd, GPA));
	EXPECT_EQ(0, w[0]);
	ASSERT_EQ(0, ax_protect(source, HOME + AX_PAGE, AX_PAGE, AX_R));
	EXPECT_EQ(-EFAULT, ax_store(w + AX_PAGE / 8, 9));
	EXPECT_EQ(-EACCES, ax_pwrite(self->fd, "x", 1, GPA + AX_PAGE));
	ASSERT_EQ(0, ax_load(w + AX_PAGE / 8, &val));
	EXPECT_EQ(2, val);
	ASSERT_EQ(0, ax_protect(source, HOME + AX_PAGE, AX_PAGE, AX_RW));
	EXPECT_EQ(0, ax_store(w + AX_PAGE / 8, 9));
	ASSERT_EQ(0, ax_move(source, HOME + 2 * AX_PAGE, HOME + 3 * AX_PAGE, AX_PAGE,
			     AXAS_MOVE_EXCHANGE));
	EXPECT_EQ(4, w[2 * AX_PAGE / 8]);
	EXPECT_EQ(3, w[3 * AX_PAGE / 8]);
	ASSERT_EQ(0, ax_map_alloc(source, HOME + 4 * AX_PAGE, AX_PAGE, AX_RW,
				  AXAS_MAP_REPLACE, 0));
	EXPECT_EQ(0, w[4 * AX_PAGE / 8]);
	ASSERT_EQ(0, ax_unmap(source, HOME + 5 * AX_PAGE, AX_PAGE));
	EXPECT_EQ(-EFAULT, ax_load(w + 5 * AX_PAGE / 8, &val));
	EXPECT_EQ(-EFAULT, ax_pread(self->fd, &val, 8, GPA + 5 * AX_PAGE));
	EXPECT_EQ(AXAS_FAULT_NO_AREA, ax_fault(self->fd, GPA + 5 * AX_PAGE, AX_R));
	ASSERT_EQ(0, ax_map(source, HOME + 5 * AX_PAGE, AX_PAGE));
	EXPECT_EQ(0, w[5 * AX_PAGE / 8]);
	EXPECT_EQ(7, w[6 * AX_PAGE / 8]);
	munmap(w, LENGTH);
	close(source);
}

/* As of linear memory: to be touched, and not to be pinned. */
TEST_F(space, windows_of_it_are_not_pinned)
{
	int source = lent(self->dev, self->fd), p[2];
	struct iovec v = { .iov_len = AX_PAGE };
	__u64 *w, *mixed, val;
	ssize_t ret;

	ASSERT_LE(0, source);
	ASSERT_EQ(0, ax_map(self->fd, GPA + LENGTH, AX_PAGE));
	w = ax_window(self->fd, GPA, LENGTH, RW);
	mixed = ax_window(self->fd, GPA, LENGTH + AX_PAGE, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	ASSERT_NE(MAP_FAILED, (void *)mixed);
	EXPECT_EQ(0, ax_load(mixed, &val));
	EXPECT_EQ(0, val);
	EXPECT_EQ(0, ax_store(mixed, 6));
	EXPECT_EQ(0, ax_store(mixed + LENGTH / 8, 7));
	EXPECT_EQ(6, w[0]);
	ASSERT_EQ(0, pipe(p));
	v.iov_base = w;
	ret = vmsplice(p[1], &v, 1, 0);
	EXPECT_EQ(-EFAULT, ERR(ret));
	/* The source's own can be. */
	munmap(w, LENGTH);
	w = ax_window(source, HOME, LENGTH, RW);
	ASSERT_NE(MAP_FAILED, (void *)w);
	v.iov_base = w;
	ret = vmsplice(p[1], &v, 1, 0);
	EXPECT_EQ(AX_PAGE, ret);
	/* What the pipe has outlives the page's end in both spaces. */
	ASSERT_EQ(0, ax_discard(source, HOME, AX_PAGE));
	EXPECT_EQ(0, mixed[0]);
	ASSERT_EQ(8, read(p[0], &val, 8));
	EXPECT_EQ(6, val);
	close(p[0]);
	close(p[1]);
	munmap(w, LENGTH);
	munmap(mixed, LENGTH + AX_PAGE);
	close(source);
}

TEST_F(space, refused)
{
	struct axas_map map = {
		.size = sizeof(map), .gpa = 2 * GPA, .length = AX_PAGE,
		.backend = AXAS_BACKEND_ALIAS, .prot = AX_RW,
	};
	int source = lent(self->dev, self->fd), null = open("/dev/null", O_RDWR);
	int third = ax_create(self->dev, AXAS_FORMAT_EPT, 48), tracker, gone;

	ASSERT_LE(0, source);
	ASSERT_LE(0, third);
	gone = dup(null);
	close(gone);
	EXPECT_EQ(-EBADF, ax_map_alias(self->fd, 2 * GPA, AX_PAGE, gone, 0, AX_RW));
	EXPECT_EQ(-EBADF, ax_map_alias(self->fd, 2 * GPA, AX_PAGE, -1, 0, AX_RW));
	EXPECT_EQ(-EINVAL, ax_map_alias(self->fd, 2 * GPA, AX_PAGE, null, 0, AX_RW));
	EXPECT_EQ(-EINVAL, ax_map_alias(self->fd, 2 * GPA, AX_PAGE, self->dev, 0, AX_RW));
	EXPECT_EQ(-EINVAL, ax_map_alias(self->fd, 2 * GPA, AX_PAGE, source, 8, AX_RW));
	EXPECT_EQ(-EINVAL, ax_map_alias(self->fd, 2 * GPA, 0, source, 0, AX_RW));
	EXPECT_EQ(-EINVAL, ax_map_alias(self->fd, 2 * GPA, AX_PAGE, source, 0, 0));
	EXPECT_EQ(-ERANGE, ax_map_alias(self->fd, 2 * GPA, AX_PAGE, source, 1ULL << 48, AX_RW));
	EXPECT_EQ(-ERANGE, ax_map_alias(self->fd, 2 * GPA, AX_PAGE, source, -AX_PAGE, AX_RW));
	EXPECT_EQ(-ERANGE, ax_map_alias(self->fd, self->end, AX_PAGE, source, 0, AX_RW));
	EXPECT_EQ(-EEXIST, ax_map_alias(self->fd, GPA, AX_PAGE, source, 0, AX_RW));
	EXPECT_EQ(-ELOOP, ax_map_alias(source, GPA, AX_PAGE, third, 0, AX_RW));
	EXPECT_EQ(-ELOOP, ax_map_alias(third, GPA, AX_PAGE, self->fd, GPA, AX_RW));
	map.fd = source;
	map.flags = AXAS_MAP_POPULATE;
	EXPECT_EQ(-EINVAL, ax_ioctl(self->fd, AXAS_MAP, &map));
	map.flags = AXAS_MAP_NODE;
	EXPECT_EQ(-EINVAL, ax_ioctl(self->fd, AXAS_MAP, &map));
	map.flags = 0;
	map.max_leaf = AX_2M;
	EXPECT_EQ(-EINVAL, ax_ioctl(self->fd, AXAS_MAP, &map));
	map.max_leaf = 0;
	map.memtype = AXAS_MEM_UC;
	EXPECT_EQ(-EINVAL, ax_ioctl(self->fd, AXAS_MAP, &map));
	map.memtype = AXAS_MEM_WB;
	map.hpa = AX_PAGE;
	EXPECT_EQ(-EINVAL, ax_ioctl(self->fd, AXAS_MAP, &map));
	map.hpa = 0;
	map.backend = AXAS_BACKEND_ALLOC;
	EXPECT_EQ(-EINVAL, ax_ioctl(self->fd, AXAS_MAP, &map));
	map.fd = 0;
	map.offset = AX_PAGE;
	EXPECT_EQ(-EINVAL, ax_ioctl(self->fd, AXAS_MAP, &map));
	map.offset = 0;
	map.nodes = 1;
	EXPECT_EQ(-EINVAL, ax_ioctl(self->fd, AXAS_MAP, &map));
	map.nodes = 0;
	map.fd = source;
	map.backend = AXAS_BACKEND_ALIAS;
	map.max_leaf = AX_PAGE;
	EXPECT_EQ(0, ax_ioctl(self->fd, AXAS_MAP, &map));
	EXPECT_EQ(-EOPNOTSUPP, ax_track(self->fd, GPA, LENGTH));
	EXPECT_EQ(-EOPNOTSUPP, ax_discard(self->fd, GPA, AX_PAGE));
	EXPECT_EQ(-EOPNOTSUPP, ax_move(self->fd, GPA, 3 * GPA, AX_PAGE, 0));
	EXPECT_EQ(-EOPNOTSUPP, ax_resize(self->fd, GPA, 2 * LENGTH));
	EXPECT_EQ(-EOPNOTSUPP, ax_collapse(self->fd, GPA, LENGTH, AXAS_COLLAPSE_COPY, NULL));
	tracker = ax_track(third, HOME, LENGTH);
	ASSERT_LE(0, tracker);
	EXPECT_EQ(-EINVAL, ax_map_alias(self->fd, 3 * GPA, AX_PAGE, tracker, 0, AX_RW));
	close(tracker);
	EXPECT_EQ(-EOPNOTSUPP, ax_map_alias(third, GPA, AX_PAGE, source, HOME, AX_RW));
	close(third);
	close(source);
	close(null);
}

/* Brought in for the alias, all at once. */
TEST_F(space, populate_brings_in_the_source)
{
	int source = lent(self->dev, self->fd);
	__u64 done;

	ASSERT_LE(0, source);
	ASSERT_EQ(0, ax_bring_in(self->fd, GPA, LENGTH, &done));
	EXPECT_EQ(LENGTH, done);
	EXPECT_EQ(LENGTH, ax_resident(source));
	ASSERT_EQ(0, ax_unmap(source, HOME + 4 * AX_PAGE, AX_PAGE));
	EXPECT_EQ(-EOPNOTSUPP, ax_bring_in(self->fd, GPA, LENGTH, &done));
	EXPECT_EQ(4 * AX_PAGE, done);
	close(source);
}

/* As if they were made at the source: by a guest, a process and pwrite(2). */
TEST_F(space, writes_are_noticed_at_the_source)
{
	int source = lent(self->dev, self->fd), tracker, i;
	__u64 *w = ax_window(self->fd, GPA, LENGTH, RW), gpa, length;
	struct axas_next_entry runs[PAGES];

	ASSERT_LE(0, source);
	ASSERT_NE(MAP_FAILED, (void *)w);
	w[0] = 1;
	w[2 * AX_PAGE / 8] = 1;
	tracker = ax_track(source, HOME, LENGTH);
	ASSERT_LE(0, tracker);
	for (i = 0; i < 3; i++) {
		gpa = HOME;
		length = LENGTH;
		ASSERT_EQ(0, ax_dirty(tracker, &gpa, &length, 0, runs, PAGES));
		w[0] = i;
		ASSERT_EQ(0, ax_put64(self->fd, GPA + 2 * AX_PAGE, i));
		ax_fault(self->fd, GPA + 4 * AX_PAGE, AX_W);
		gpa = HOME;
		length = LENGTH;
		ASSERT_EQ(3, ax_dirty(tracker, &gpa, &length, 0, runs, PAGES));
		EXPECT_TRUE(ax_runs_hold(runs, 3, HOME));
		EXPECT_TRUE(ax_runs_hold(runs, 3, HOME + 2 * AX_PAGE));
		EXPECT_TRUE(ax_runs_hold(runs, 3, HOME + 4 * AX_PAGE));
	}
	close(tracker);
	w[0] = 5;
	EXPECT_EQ(5, ax_get64(source, HOME));
	munmap(w, LENGTH);
	close(source);
}

/* ---- two processes, while the source changes all the time ---- */

/* What both processes know: no page holds a value below its floor any more. */
struct board {
	__u64 floor[PAGES];
	bool stop;
	__u64 looks;
	__u64 wrong;
};

#define MARK(page)	(0xa11a5000ULL + (page))

/* A word of each page is the changer's, another one says which page it is. */
static void look_at(struct board *board, unsigned int page, __u64 val, __u64 mark,
		    __u64 floor)
{
	__atomic_add_fetch(&board->looks, 1, __ATOMIC_RELAXED);
	if ((!val || val >= floor) && (!mark || mark == MARK(page)))
		return;
	if (!__atomic_fetch_add(&board->wrong, 1, __ATOMIC_RELAXED))
		printf("# page %u: %#llx is below %#llx, or is marked %#llx\n", page, val,
		       floor, mark);
}

static void *guest_of_windows(void *arg)
{
	struct board *board = ((void **)arg)[0];
	__u64 *w = ((void **)arg)[1];
	__u64 val, mark, floor;
	unsigned int page = 0;

	for (; !__atomic_load_n(&board->stop, __ATOMIC_RELAXED); page = (page + 5) % PAGES) {
		floor = __atomic_load_n(&board->floor[page], __ATOMIC_ACQUIRE);
		if (ax_load(w + page * AX_PAGE / 8, &val) ||
		    ax_load(w + page * AX_PAGE / 8 + 1, &mark))
			continue;
		look_at(board, page, val, mark, floor);
		ax_store(w + page * AX_PAGE / 8 + 1, MARK(page));
	}
	return NULL;
}

static void guest_of_calls(struct board *board, int fd)
{
	__u64 word[2], mark, floor;
	unsigned int page = 0;

	for (; !__atomic_load_n(&board->stop, __ATOMIC_RELAXED); page = (page + 3) % PAGES) {
		__u64 gpa = GPA + page * AX_PAGE;

		floor = __atomic_load_n(&board->floor[page], __ATOMIC_ACQUIRE);
		ax_fault(fd, gpa, AX_W);
		if (ax_pread(fd, word, sizeof(word), gpa) != sizeof(word))
			continue;
		look_at(board, page, word[0], word[1], floor);
		mark = MARK(page);
		ax_pwrite(fd, &mark, sizeof(mark), gpa + 8);
	}
}

static int guest_process(struct board *board, int fd)
{
	void *w = ax_window(fd, GPA, LENGTH, RW);
	void *arg[2] = { board, w };
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (w == MAP_FAILED || pthread_create(&thread, NULL, guest_of_windows, arg))
		return 1;
	guest_of_calls(board, fd);
	pthread_join(thread, NULL);
	return 0;
}

/* The page's old life ends, by one call or another; what was written there is gone. */
static int change(int source, unsigned int page, unsigned int how)
{
	__u64 gpa = HOME + page * AX_PAGE;

	switch (how % 4) {
	case 0:
		return ax_discard(source, gpa, AX_PAGE);
	case 1:
		return ax_map_alloc(source, gpa, AX_PAGE, AX_RW, AXAS_MAP_REPLACE, 0);
	case 2:
		return ax_map_alloc(source, gpa, AX_PAGE, AX_RW,
				    AXAS_MAP_REPLACE | AXAS_MAP_POPULATE, 0);
	default:
		return ax_unmap(source, gpa, AX_PAGE) ?: ax_map(source, gpa, AX_PAGE);
	}
}

TEST_F(space, no_page_outlives_its_change)
{
	struct board *board = mmap(NULL, sizeof(*board), RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int source = lent(self->dev, self->fd);
	double end = ax_now() + ax_race(10);
	unsigned int i, page, wrong = 0;
	pid_t pid;

	ASSERT_NE(MAP_FAILED, (void *)board);
	ASSERT_LE(0, source);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(guest_process(board, self->fd));
	for (i = 1; !wrong && ax_racing(i <= 4000 ? end : 0, board->looks); i++) {
		page = i * 7 % PAGES;
		ASSERT_EQ(0, ax_put64(source, HOME + page * AX_PAGE, i));
		if (i % 16 == 5) {
			ASSERT_EQ(0, ax_protect(source, HOME + page * AX_PAGE, AX_PAGE, AX_R));
			ASSERT_EQ(0, ax_protect(source, HOME + page * AX_PAGE, AX_PAGE, AX_RW));
		}
		ASSERT_EQ(0, change(source, page, i / PAGES));
		__atomic_store_n(&board->floor[page], i + 1, __ATOMIC_RELEASE);
		wrong = __atomic_load_n(&board->wrong, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&board->stop, true, __ATOMIC_RELAXED);
	EXPECT_EQ(0, ax_wait(pid));
	EXPECT_EQ(0, board->wrong);
	EXPECT_LT(0, board->looks);
	TH_LOG("%llu looks", board->looks);
	close(source);
	munmap(board, sizeof(*board));
}

/* Spaces come and go, whoever has what of whom. */
TEST_F(space, deaths_in_any_order)
{
	unsigned int i;

	for (i = 0; i < 24; i++) {
		int source = lent(self->dev, self->fd);
		int other = ax_create(self->dev, AXAS_FORMAT_EPT, 48);
		__u64 *w;

		ASSERT_LE(0, source);
		ASSERT_LE(0, other);
		ASSERT_EQ(0, ax_map_alias(other, GPA, LENGTH, source, HOME, AX_RW));
		ASSERT_EQ(0, ax_map_alias(source, GPA, LENGTH, source, HOME, AX_RW));
		w = ax_window(other, GPA, LENGTH, RW);
		ASSERT_NE(MAP_FAILED, (void *)w);
		w[0] = i;
		ASSERT_EQ(0, ax_put64(self->fd, GPA + AX_PAGE, i));
		if (i % 2)
			close(source);
		if (i % 3)
			close(other);
		if (i % 4 / 2)
			ASSERT_EQ(0, ax_clear(self->fd));
		EXPECT_EQ(0, ax_store(w + 1, i));
		munmap(w, LENGTH);
		if (!(i % 3))
			close(other);
		if (!(i % 2))
			close(source);
		ASSERT_EQ(0, ax_clear(self->fd));
	}
}

TEST_HARNESS_MAIN
