// SPDX-License-Identifier: GPL-2.0
/*
 * Spaces under load: random calls against a model, threads, killed processes,
 * thousands of spaces. Random tests print their seed and take it from AXAS_SEED.
 */
#define AX_FEW_VARIANTS
#define AX_TWO_FORMATS
#include <sys/resource.h>
#include "axas_fixture.h"

#define GPA	0x40000000ULL
#define RW	(PROT_READ | PROT_WRITE)

/* The model: what each of these pages should be. */
#define NR_PAGES	1024
struct page {
	__u32 prot;		/* 0: no area */
	bool linear, resident;
	bool first;		/* of an area, or of a piece cut from one */
	__u64 val;		/* first word, of a kernel frame */
};

struct model {
	struct page page[NR_PAGES];
	__u64 hpa;		/* page 0's, if it is linear; 0: no linear areas */
};

static __u64 at(unsigned int page)
{
	/* Over a border of 2 MiB. */
	return GPA + (256ULL << 20) - 300 * AX_PAGE + page * AX_PAGE;
}

static bool agree(int fd, const struct model *m)
{
	static struct axas_translate_entry e[NR_PAGES];
	static struct ax_leaf leaf[NR_PAGES];
	unsigned int i, nr = 0, own = 0, areas = 0, bad = 0;
	__u64 limit = 0;
	struct axas_stats st;

	for (i = 0; i < NR_PAGES; i++)
		e[i].gpa = at(i);
	if (ax_translate_many(fd, e, NR_PAGES, NULL) || ax_stats(fd, &st))
		return false;
	for (i = NR_PAGES; i--;) {
		const struct page *p = &m->page[i];

		/* From behind: what is left of the area that begins or goes on here. */
		limit = p->prot ? limit + AX_PAGE : 0;
		if (e[i].limit != limit && !bad++)
			printf("# page %u: limit %#llx, want %#llx\n", i,
			       (unsigned long long)e[i].limit, (unsigned long long)limit);
		if (p->first) {
			areas++;
			limit = 0;
		}
	}
	for (i = 0; i < NR_PAGES; i++) {
		const struct page *p = &m->page[i];
		__u32 state = !p->prot ? AXAS_TRANSLATE_NO_AREA :
				 p->resident ? AXAS_TRANSLATE_MAPPED : AXAS_TRANSLATE_LAZY;
		bool same = e[i].state == state && e[i].prot == p->prot;

		if (p->resident)
			leaf[nr++] = (struct ax_leaf){ at(i), 0 };
		if (p->resident && p->linear)
			same = same && e[i].hpa == m->hpa + i * AX_PAGE;
		if (p->resident && !p->linear) {
			own++;
			same = same && e[i].hpa && e[i].leaf_size == AX_PAGE;
		}
		if (!same && !bad++)
			printf("# page %u: state %u prot %u, want %u %u\n", i,
			       e[i].state, e[i].prot, state, p->prot);
	}
	if (st.areas != areas)
		printf("# %u areas, want %u\n", (unsigned int)st.areas, areas);
	return !bad && st.areas == areas && st.resident == own * AX_PAGE &&
	       ax_tables_are(fd, leaf, nr);
}

/* An area that reaches over @page is two from now on. */
static void cut(struct model *m, unsigned int page)
{
	if (page < NR_PAGES && m->page[page].prot)
		m->page[page].first = true;
}

/* Are two neighbours one area, if rights are all that can tell them apart? */
static void join(struct model *m, unsigned int from, unsigned int to)
{
	struct page *p;

	for (; from <= to && from < NR_PAGES; from++) {
		p = &m->page[from];
		if (from && p->prot && p->prot == p[-1].prot && p->linear == p[-1].linear)
			p->first = false;
	}
}

/* One random call, done to the space and to the model; what differed, or NULL. */
static const char *step(int fd, struct model *m, __u64 *rnd)
{
	unsigned int from = ax_rand(rnd) % NR_PAGES, op = ax_rand(rnd) % 16, i;
	unsigned int nr = 1 + ax_rand(rnd) % (ax_rand(rnd) % 8 ? 24 : 400);
	static const __u32 prots[] = { AX_R, AX_RW, AX_RX, AX_RWX };
	__u32 prot = prots[ax_rand(rnd) % 4];
	bool any = false, all = true;
	struct page *p = &m->page[from];
	__u64 val;
	int want, got;

	if (from + nr > NR_PAGES)
		nr = NR_PAGES - from;
	for (i = 0; i < nr; i++) {
		any |= p[i].prot != 0;
		all &= p[i].prot != 0;
	}
	if (op < 4) {
		bool linear = m->hpa && op == 0, populate = op == 1;

		want = any ? -EEXIST : 0;
		got = linear ? ax_map_linear(fd, at(from), nr * AX_PAGE,
					     m->hpa + from * AX_PAGE, prot, AX_PAGE) :
			       ax_map_alloc(fd, at(from), nr * AX_PAGE, prot,
					    populate ? AXAS_MAP_POPULATE : 0, 0);
		if (got != want)
			return "map";
		for (i = 0; !got && i < nr; i++)
			p[i] = (struct page){ prot, linear, linear || populate, !i, 0 };
	} else if (op < 6) {
		if (ax_unmap(fd, at(from), nr * AX_PAGE))
			return "unmap";
		memset(p, 0, nr * sizeof(*p));
		cut(m, from + nr);
	} else if (op < 9) {
		want = all ? 0 : -ENOENT;
		if (ax_protect(fd, at(from), nr * AX_PAGE, prot) != want)
			return "protect";
		for (i = 0; all && i < nr; i++)
			p[i].prot = prot;
		if (all) {
			cut(m, from);
			cut(m, from + nr);
			join(m, from, from + nr);
		}
	} else if (op < 13) {
		__u32 access = 1 + ax_rand(rnd) % 7;

		want = !p->prot ? AXAS_FAULT_NO_AREA :
		       access & ~p->prot ? AXAS_FAULT_DENIED :
		       p->resident ? AXAS_FAULT_SPURIOUS : AXAS_FAULT_RESOLVED;
		if (ax_fault(fd, at(from) + ax_rand(rnd) % AX_PAGE, access) != want)
			return "fault";
		p->resident |= want == AXAS_FAULT_RESOLVED;
	} else if (op < 15) {
		if (p->linear)
			return NULL;
		val = ax_rand(rnd);
		want = p->prot & AX_W ? 0 : -1;
		if (ax_put64(fd, at(from), val) != want)
			return "pwrite";
		if (!want) {
			p->resident = true;
			p->val = val;
		}
	} else if (p->resident && !p->linear) {
		if (ax_get64(fd, at(from)) != p->val)
			return "pread";
	}
	return NULL;
}

TEST_F(space, random_calls_agree_with_a_model)
{
	static struct model m;
	__u64 rnd = ax_seed("random_calls_agree_with_a_model");
	double end = ax_now() + ax_race(3);
	unsigned int i;
	const char *what;

	m.hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	for (i = 1; i < 20000 && ax_now() < end; i++) {
		what = step(self->fd, &m, &rnd);
		ASSERT_EQ(NULL, what)
			TH_LOG("step %u: %s", i, what);
		if (i % 32)
			continue;
		ASSERT_TRUE(agree(self->fd, &m))
			TH_LOG("after step %u", i);
	}
	printf("# %u calls\n", i);
	ASSERT_TRUE(agree(self->fd, &m));
	for (i = 0; i < NR_PAGES; i++) {
		if (m.page[i].resident && !m.page[i].linear)
			EXPECT_EQ(m.page[i].val, ax_get64(self->fd, at(i)));
	}
}

/* Four threads fault the same pages; each leaves its mark in each. */
#define NR_THREADS	4
#define NR_SHARED	600
struct worker {
	int fd, nr;
	pthread_barrier_t *barrier;
	__u64 *window;
	struct axas_fault_entry fault[NR_SHARED];
	__u64 rnd, errors, ops;
	volatile bool *stop;
};

static void *fault_shared(void *arg)
{
	struct worker *w = arg;
	unsigned int i;
	__u32 done;

	for (i = 0; i < NR_SHARED; i++)
		w->fault[i] = (struct axas_fault_entry){
			.gpa = GPA + i * AX_PAGE, .access = AX_W, .result = ~0u,
		};
	pthread_barrier_wait(w->barrier);
	/* Two through the call, two through the window. */
	if (w->nr & 1)
		w->errors += ax_fault_many(w->fd, w->fault, NR_SHARED, &done) ||
			     done != NR_SHARED;
	for (i = 0; i < NR_SHARED; i++)
		w->errors += ax_store(w->window + i * 512 + w->nr, 1000 * i + w->nr) != 0;
	return NULL;
}

TEST_F(space, parallel_faults_take_one_frame)
{
	static struct worker w[NR_THREADS];
	pthread_barrier_t barrier;
	pthread_t thread[NR_THREADS];
	struct axas_stats st;
	unsigned int i, t;
	__u64 *window;

	ASSERT_EQ(0, ax_map(self->fd, GPA, NR_SHARED * AX_PAGE));
	window = ax_window(self->fd, GPA, NR_SHARED * AX_PAGE, RW);
	ASSERT_NE(MAP_FAILED, (void *)window);
	pthread_barrier_init(&barrier, NULL, NR_THREADS);
	ax_access_arm();
	for (t = 0; t < NR_THREADS; t++) {
		w[t] = (struct worker){
			.fd = self->fd, .nr = t, .barrier = &barrier, .window = window,
		};
		ASSERT_EQ(0, pthread_create(&thread[t], NULL, fault_shared, &w[t]));
	}
	for (t = 0; t < NR_THREADS; t++)
		pthread_join(thread[t], NULL);
	for (t = 0; t < NR_THREADS; t++) {
		EXPECT_EQ(0, w[t].errors);
		for (i = 0; i < NR_SHARED; i++)
			EXPECT_EQ(1000 * i + t, ax_get64(self->fd, GPA + i * AX_PAGE + 8 * t));
	}
	for (i = 0; i < NR_SHARED; i++) {
		EXPECT_GE(AXAS_FAULT_SPURIOUS, w[1].fault[i].result);
		EXPECT_GE(AXAS_FAULT_SPURIOUS, w[3].fault[i].result);
	}
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(NR_SHARED * AX_PAGE, st.resident);
	EXPECT_EQ(NR_SHARED, st.leaves[0]);
	munmap(window, NR_SHARED * AX_PAGE);
}

/* Threads that fault, read and write race with others that map and unmap. */
#define RACE_PAGES	1024

static void *race_access(void *arg)
{
	struct worker *w = arg;
	__u64 val, page;

	while (!*w->stop) {
		page = ax_rand(&w->rnd) % RACE_PAGES;
		switch (ax_rand(&w->rnd) % 5) {
		case 0:
			w->errors += ax_fault(w->fd, GPA + page * AX_PAGE, AX_W) < 0;
			break;
		case 1:
			/* A word holds its own address, or is new. */
			if (!ax_load(w->window + page * 512, &val))
				w->errors += val && val != page + 1;
			break;
		case 2:
			ax_store(w->window + page * 512, page + 1);
			break;
		case 3:
			ax_put64(w->fd, GPA + page * AX_PAGE, page + 1);
			break;
		case 4:
			val = ax_get64(w->fd, GPA + page * AX_PAGE);
			w->errors += val && val != page + 1 && val != AX_BAD64;
			break;
		}
		w->ops++;
	}
	return NULL;
}

static void *race_change(void *arg)
{
	struct worker *w = arg;

	while (!*w->stop) {
		__u64 page = ax_rand(&w->rnd) % RACE_PAGES;
		__u64 nr = 1 + ax_rand(&w->rnd) % 64;
		int ret = 0;

		if (page + nr > RACE_PAGES)
			nr = RACE_PAGES - page;
		switch (ax_rand(&w->rnd) % 4) {
		case 0:
			ret = ax_unmap(w->fd, GPA + page * AX_PAGE, nr * AX_PAGE);
			break;
		case 1:
			ret = ax_map_alloc(w->fd, GPA + page * AX_PAGE, nr * AX_PAGE,
					   AX_RW, nr & 1 ? AXAS_MAP_POPULATE : 0, 0);
			w->errors += ret && ret != -EEXIST;
			ret = 0;
			break;
		case 2:
			page &= ~511ULL;
			ret = ax_map_alloc(w->fd, GPA + page * AX_PAGE, AX_2M, AX_RW,
					   0, AX_2M);
			w->errors += ret && ret != -EEXIST;
			ret = 0;
			break;
		case 3:
			ret = ax_protect(w->fd, GPA + page * AX_PAGE, nr * AX_PAGE,
					 nr & 1 ? AX_RW : AX_R);
			w->errors += ret && ret != -ENOENT;
			ret = 0;
			break;
		}
		w->errors += ret != 0;
		w->ops++;
	}
	return NULL;
}

TEST_F(space, races_leave_a_consistent_space)
{
	static struct axas_translate_entry e[RACE_PAGES];
	static struct ax_leaf leaf[RACE_PAGES];
	static struct worker w[5];
	__u64 rnd = ax_seed("races_leave_a_consistent_space");
	__u64 *window, resident = 0;
	volatile bool stop = false;
	pthread_t thread[5];
	unsigned int i, nr = 0;
	double end;

	ASSERT_EQ(0, ax_map(self->fd, GPA, RACE_PAGES * AX_PAGE));
	window = ax_window(self->fd, GPA, RACE_PAGES * AX_PAGE, RW);
	ASSERT_NE(MAP_FAILED, (void *)window);
	ax_access_arm();
	for (i = 0; i < 5; i++) {
		w[i] = (struct worker){
			.fd = self->fd, .nr = i, .window = window,
			.rnd = ax_rand(&rnd), .stop = &stop,
		};
		ASSERT_EQ(0, pthread_create(&thread[i], NULL,
					    i < 3 ? race_access : race_change, &w[i]));
	}
	end = ax_now() + ax_race(2);
	for (i = 0; i < 5; i++)
		while (ax_racing(end, w[i].ops))
			ax_sleep_ms(10);
	stop = true;
	for (i = 0; i < 5; i++) {
		pthread_join(thread[i], NULL);
		EXPECT_EQ(0, w[i].errors)
			TH_LOG("thread %u", i);
		EXPECT_LT(0, w[i].ops);
	}
	printf("# %llu accesses, %llu changes\n",
	       w[0].ops + w[1].ops + w[2].ops, w[3].ops + w[4].ops);
	/* What is translated, what is counted and what is in it, all agree. */
	for (i = 0; i < RACE_PAGES; i++)
		e[i].gpa = GPA + i * AX_PAGE;
	ASSERT_EQ(0, ax_translate_many(self->fd, e, RACE_PAGES, NULL));
	for (i = 0; i < RACE_PAGES; i++) {
		__u64 val = 0;

		if (e[i].state != AXAS_TRANSLATE_MAPPED) {
			EXPECT_EQ(0, e[i].hpa);
			continue;
		}
		resident += AX_PAGE;
		EXPECT_EQ(8, ax_pread(self->fd, &val, 8, e[i].gpa));
		EXPECT_TRUE(!val || val == i + 1);
		EXPECT_EQ(0, ax_load(window + i * 512, &val));
		EXPECT_TRUE(!val || val == i + 1);
		if (e[i].leaf_size == AX_PAGE || !(e[i].gpa % e[i].leaf_size))
			leaf[nr++] = (struct ax_leaf){ e[i].gpa, e[i].leaf_size == AX_2M };
	}
	EXPECT_EQ(resident, ax_resident(self->fd));
	EXPECT_TRUE(ax_tables_are(self->fd, leaf, nr));
	munmap(window, RACE_PAGES * AX_PAGE);
}

/*
 * What else may come and go in the meantime, of 128 and 64 MiB; each CPU keeps
 * some free pages to itself. Nothing at all may be left at the end: rmmod says.
 */
/* What the only CPU of a machine may keep of free pages in its own list counts too. */
#define SLACK	(64 << 20)

/* A process killed inside of a long call: all frames come back. */
TEST_F(space, killed_while_populating)
{
	const __u64 len = 128ULL << 20;
	__u64 rnd = ax_seed("killed_while_populating");
	__s64 before, after = 0;
	struct axas_stats st;
	unsigned int round, i;
	pid_t pid;

	if (ax_memfree() < 2 * len)
		SKIP(return, "too little free memory");
	ASSERT_EQ(0, ax_populate(self->fd, GPA, len));
	ASSERT_EQ(0, ax_clear(self->fd));
	before = ax_memfree();
	for (round = 0; round < 4; round++) {
		double killed;

		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			/* The parent holds the space too: it is not torn down. */
			for (;;)
				if (ax_populate(self->fd, GPA, len) || ax_clear(self->fd))
					_exit(1);
		}
		ax_sleep_ms(30 + ax_rand(&rnd) % 300);
		kill(pid, SIGKILL);
		killed = ax_now();
		EXPECT_EQ(256 + SIGKILL, ax_wait(pid));
		/* The call gave up long before its end. */
		EXPECT_GT(5.0, ax_now() - killed);
		/* All of it or nothing. */
		ASSERT_EQ(0, ax_stats(self->fd, &st));
		EXPECT_GE(1, st.areas);
		EXPECT_EQ(st.areas * len, st.resident);
		if (!st.areas)
			EXPECT_TRUE(ax_tables_are(self->fd, NULL, 0));
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

/* One that dies with a space of its own. */
TEST_F(device, killed_with_its_space)
{
	const __u64 len = 160ULL << 20;
	__s64 before = ax_memfree(), after = 0;
	int p[2], i;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(p));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int fd = ax_create(self->dev, AXAS_FORMAT_HOST, 0);
		volatile char *w = ax_window(fd, GPA, len, RW);
		__u64 at;

		if (ax_populate(fd, GPA, len) || w == MAP_FAILED)
			_exit(1);
		for (at = 0; at < len; at += 16 * AX_PAGE)
			w[at] = 1;
		if (write(p[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(2);
	}
	ASSERT_EQ(1, read(p[0], &c, 1));
	EXPECT_GT(before - (__s64)len / 2, ax_memfree());
	kill(pid, SIGKILL);
	EXPECT_EQ(256 + SIGKILL, ax_wait(pid));
	for (i = 0; i < 50; i++) {
		after = ax_memfree();
		if (after + SLACK > before)
			break;
		ax_sleep_ms(100);
	}
	EXPECT_LT(before - SLACK, after);
}

TEST_F(device, thousands_of_spaces)
{
	static int fds[1000];
	struct rlimit lim = { 2000, 2000 };
	unsigned int round, i;
	double start = ax_now();

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &lim));
	for (round = 0; round < 5; round++) {
		for (i = 0; i < 1000; i++) {
			fds[i] = ax_create(self->dev, 1 + i / 4 % 2, 0);
			ASSERT_LE(0, fds[i]);
			if (i % 4)
				continue;
			ASSERT_EQ(0, ax_map(fds[i], 0, 0x10000));
			ASSERT_EQ(0, ax_put64(fds[i], 0x1000, round * 1000 + i + 1));
		}
		for (i = 0; i < 1000; i += 4)
			ASSERT_EQ(round * 1000 + i + 1, ax_get64(fds[i], 0x1000));
		for (i = 0; i < 1000; i++)
			ASSERT_EQ(0, close(fds[i]));
	}
	printf("# 5000 spaces in %.1f s\n", ax_now() - start);
}

TEST_HARNESS_MAIN
