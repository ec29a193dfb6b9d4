// SPDX-License-Identifier: GPL-2.0
/*
 * Trackers against a model that knows every write: threads write by every way there
 * is, others change what lies where and begin and end trackers, and those list.
 *
 * - What a page holds is copied after each listing. When all writing has ended and was
 *   listed, each copy is what the page holds.
 * - Whoever has written notes so, with the round of listing that was on before. A page is
 *   listed in that round or a later one.
 *
 * AXAS_ROUTES has the names of the ways to write that are taken, with commas between
 * them; without it each is taken alone, then all at once.
 */
#define AX_FEW_VARIANTS
#define AX_MODULE_TOO
#include <sys/uio.h>
#include "axas_fixture.h"
#include "axas_loop.h"

#define RW	(PROT_READ | PROT_WRITE)
#define RAM	0x40000000ULL
#define TABLE	(AX_2M / AX_PAGE)
/* Small leaves, then large ones, then a ROM. */
#define LARGE	(2 * TABLE)
#define ROM	(5 * TABLE)
#define PAGES	(6 * TABLE)
#define SIZE	(PAGES * AX_PAGE)
#define RUNS	128
#define KEPT	2		/* trackers that live from the beginning to the end */
#define SHORT	2		/* and that don't */

enum {
	STORE, PWRITE, VECTOR, SPLICE, FAULT, PROCESS_VM, PROC_MEM, OWNER, DIRECT,
	NR_WRITES,
	PROTECT = NR_WRITES, DISCARD, COLLAPSE, MOVE, REPLACE, UNMAP,
	TRACKERS,
	NR_ROUTES
};

static const char *const route_names[NR_ROUTES] = {
	"store", "pwrite", "vector", "splice", "fault", "process_vm", "proc_mem", "owner",
	"direct", "protect", "discard", "collapse", "move", "replace", "unmap", "trackers",
};

struct race;

/* A tracker, as the test sees it. */
struct watch {
	struct race *race;
	int fd;
	__u64 first, pages;
	volatile unsigned int round;	/* of listing; 0: there is none */
	unsigned int begin;		/* the first round */
	unsigned int written[PAGES];	/* the last round that was on before a write */
	unsigned int noted[PAGES];	/* the same, when this round began */
	unsigned int listed[PAGES];	/* the last round in which it was listed */
	bool peeked[PAGES];
	unsigned char *copy;
	unsigned long lists;
	__u64 rnd;
};

struct race {
	int fd, disk, file, mem;
	unsigned int routes;		/* a bit for each */
	char *w;
	volatile bool stop, all_written;
	volatile unsigned int bad;
	unsigned long done[NR_ROUTES];
	struct watch watch[KEPT + SHORT];
};

struct writer {
	struct race *race;
	unsigned int me;
	int pipe[2];
	__u64 rnd, count;
};

static void bad(struct race *r, const char *what, __u64 page, __s64 is)
{
	if (!__atomic_fetch_add(&r->bad, 1, __ATOMIC_RELAXED))
		printf("# %s: page %llu, %lld\n", what, page, is);
}

static bool taken(const struct race *r, unsigned int route)
{
	return r->routes >> route & 1;
}

static __u64 at(__u64 page)
{
	return RAM + page * AX_PAGE;
}

/* ---- who writes ---- */

/* Which rounds are on, before something is written. */
static void look(struct race *r, unsigned int round[KEPT + SHORT])
{
	unsigned int i;

	for (i = 0; i < KEPT + SHORT; i++)
		round[i] = __atomic_load_n(&r->watch[i].round, __ATOMIC_SEQ_CST);
}

/* It was: those that were on have to list it. */
static void wrote(struct race *r, const unsigned int round[KEPT + SHORT], __u64 page,
		  __u64 pages)
{
	unsigned int i, *noted, was;

	for (; pages; page++, pages--) {
		for (i = 0; i < KEPT + SHORT; i++) {
			noted = &r->watch[i].written[page];
			was = __atomic_load_n(noted, __ATOMIC_RELAXED);
			while (was < round[i] &&
			       !__atomic_compare_exchange_n(noted, &was, round[i], false,
							    __ATOMIC_SEQ_CST,
							    __ATOMIC_RELAXED))
				;
		}
	}
}

static ssize_t write_vector(struct writer *w, __u64 gpa, __u64 *word)
{
	struct iovec v[2] = { { word, 3 }, { (char *)word + 3, 5 } };

	return pwritev(w->race->fd, v, 2, gpa);
}

static ssize_t write_spliced(struct writer *w, __u64 gpa, __u64 *word)
{
	loff_t off = gpa;
	ssize_t ret;

	if (write(w->pipe[1], word, 8) != 8)
		return -1;
	ret = splice(w->pipe[0], NULL, w->race->fd, &off, 8, 0);
	if (ret != 8 && read(w->pipe[0], word, 8) != 8)
		return -1;
	return ret;
}

/* Faults let a guest write, which isn't here: pwrite does it. */
static ssize_t write_after_fault(struct writer *w, __u64 gpa, const __u64 *word)
{
	struct axas_fault_entry e[16];
	unsigned int i;
	__u32 done;

	for (i = 0; i < 16; i++)
		e[i] = (struct axas_fault_entry){
			.gpa = i ? at(ax_rand(&w->rnd) % ROM) : gpa, .access = AX_W,
		};
	if (ax_fault_many(w->race->fd, e, 16, &done) || done != 16)
		bad(w->race, "AXAS_FAULT", 0, done);
	for (i = 0; i < 16; i++)
		if (e[i].result > AXAS_FAULT_DENIED)
			bad(w->race, "fault", (e[i].gpa - RAM) / AX_PAGE, e[i].result);
	return pwrite(w->race->fd, word, 8, gpa);
}

static ssize_t write_process_vm(struct writer *w, char *addr, __u64 *word)
{
	struct iovec local = { word, 8 }, remote = { addr, 8 };

	return process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
}

/* From a disk into a block of the page that is the thread's own. */
static ssize_t write_direct(struct writer *w, __u64 page, const __u64 *word)
{
	const unsigned int off = w->me * 512;

	if (pwrite(w->race->file, word, 8, off) != 8)
		return -1;
	return pread(w->race->disk, w->race->w + page * AX_PAGE + 1024 + off, 512, off) == 512 ?
	       8 : -1;
}

static ssize_t write_by(struct writer *w, unsigned int route, __u64 page)
{
	__u64 word = ++w->count, gpa = at(page) + 8 * w->me;
	struct race *r = w->race;
	char *addr = r->w + (gpa - RAM);

	switch (route) {
	case STORE:
		return ax_store(addr, word) ? -1 : 8;
	case OWNER:
		if (word & 1)
			return ax_store(addr, word) ? -1 : 8;
		return pwrite(r->fd, &word, 8, gpa);
	case VECTOR:
		return write_vector(w, gpa, &word);
	case SPLICE:
		return write_spliced(w, gpa, &word);
	case FAULT:
		return write_after_fault(w, gpa, &word);
	case PROCESS_VM:
		return write_process_vm(w, addr, &word);
	case PROC_MEM:
		return pwrite(r->mem, &word, 8, (uintptr_t)addr);
	case DIRECT:
		return write_direct(w, page, &word);
	default:
		return pwrite(r->fd, &word, 8, gpa);
	}
}

/* Often the same few pages, sometimes any. */
static __u64 some_page(__u64 *rnd, __u64 pages)
{
	__u64 page = ax_rand(rnd) % pages;

	return page % 4 ? page / (TABLE / 4) * (TABLE / 4) + page % 8 : page;
}

/* One of those of [from, to) that are taken; to if none is. */
static unsigned int some_route(struct race *r, __u64 *rnd, unsigned int from,
			       unsigned int to)
{
	unsigned int route, tries;

	for (tries = 0; tries < 200; tries++) {
		route = from + ax_rand(rnd) % (to - from);
		/* A disk takes its time. */
		if (taken(r, route) && (route != DIRECT || ax_rand(rnd) % 8 == 0))
			return route;
	}
	return to;
}

static void *write_pages(void *arg)
{
	struct writer *w = arg;
	struct race *r = w->race;
	/* Where all CPUs are busy who lists would hardly get one. */
	const struct timespec pause = { 0, 100000 };
	unsigned int round[KEPT + SHORT], route;
	__u64 page;

	while (!r->stop) {
		route = some_route(r, &w->rnd, 0, NR_WRITES);
		if (route == NR_WRITES)
			break;
		page = route == OWNER ? ROM + some_page(&w->rnd, PAGES - ROM) :
					some_page(&w->rnd, ROM);
		look(r, round);
		if (write_by(w, route, page) != 8)
			continue;
		wrote(r, round, page, 1);
		__atomic_fetch_add(&r->done[route], 1, __ATOMIC_RELAXED);
		if (ax_rand(&w->rnd) % 8 == 0)
			nanosleep(&pause, NULL);
	}
	return NULL;
}

/* ---- who changes what lies there ---- */

/* Some pages that lie in one area. */
static void some_range(__u64 *rnd, __u64 *page, __u64 *pages)
{
	*page = some_page(rnd, ROM);
	*pages = 1 + ax_rand(rnd) % (ax_rand(rnd) % 4 ? 8 : TABLE);
	if (*page < LARGE && *page + *pages > LARGE)
		*pages = LARGE - *page;
	if (*page + *pages > ROM)
		*pages = ROM - *page;
}

static int map_some(int fd, __u64 page, __u64 pages, __u32 flags)
{
	return ax_map_alloc(fd, at(page), pages * AX_PAGE, AX_RW, flags,
			    page < LARGE ? 0 : AX_2M);
}

/* Of pages, or of whole tables. */
static int exchange(struct race *r, __u64 *rnd)
{
	__u64 from = some_page(rnd, TABLE), to = TABLE + some_page(rnd, TABLE), pages;
	unsigned int round[KEPT + SHORT];
	int ret;

	pages = 1 + ax_rand(rnd) % 8;
	if (from + pages > TABLE || to + pages > LARGE)
		pages = 1;
	if (ax_rand(rnd) % 3 == 0) {
		from = ax_rand(rnd) % 2 * LARGE;
		to = from + TABLE;
		pages = TABLE;
	}
	look(r, round);
	ret = ax_move(r->fd, at(from), at(to), pages * AX_PAGE, AXAS_MOVE_EXCHANGE);
	if (ret == -EBUSY)
		return 0;
	wrote(r, round, from, pages);
	wrote(r, round, to, pages);
	return ret;
}

static int change(struct race *r, unsigned int route, __u64 *rnd)
{
	unsigned int round[KEPT + SHORT];
	__u64 page, pages;
	int ret;

	if (route == MOVE)
		return exchange(r, rnd);
	some_range(rnd, &page, &pages);
	if (route == PROTECT) {
		ret = ax_protect(r->fd, at(page), pages * AX_PAGE, AX_R);
		return ret ?: ax_protect(r->fd, at(page), pages * AX_PAGE, AX_RW);
	}
	if (route == COLLAPSE) {
		page = LARGE + ax_rand(rnd) % 3 * TABLE;
		return ax_collapse(r->fd, at(page), AX_2M, ax_rand(rnd) % 4 ?
				   AXAS_COLLAPSE_COPY : 0, NULL);
	}
	look(r, round);
	if (route == DISCARD)
		ret = ax_discard(r->fd, at(page), pages * AX_PAGE);
	else if (route == REPLACE)
		ret = map_some(r->fd, page, pages, AXAS_MAP_REPLACE |
			       (ax_rand(rnd) & 1 ? AXAS_MAP_POPULATE : 0));
	else
		ret = ax_unmap(r->fd, at(page), pages * AX_PAGE) ?:
		      map_some(r->fd, page, pages, 0);
	wrote(r, round, page, pages);
	return ret;
}

static void *change_areas(void *arg)
{
	struct writer *w = arg;
	struct race *r = w->race;
	unsigned int route;
	int ret;

	while (!r->stop) {
		route = some_route(r, &w->rnd, NR_WRITES, TRACKERS);
		if (route == TRACKERS)
			break;
		ret = change(r, route, &w->rnd);
		if (ret)
			bad(r, route_names[route], 0, ret);
		r->done[route]++;
		/* Writers are to get somewhere. */
		if (ax_rand(&w->rnd) % 8 == 0)
			ax_sleep_ms(1);
	}
	return NULL;
}

/* ---- who lists ---- */

static void copy_page(struct watch *w, __u64 page)
{
	unsigned char *to = w->copy + page * AX_PAGE;

	if (!w->copy)
		return;
	/* Where there is nothing for a moment it is listed once more. */
	if (ax_pread(w->race->fd, to, AX_PAGE, at(page)) != AX_PAGE)
		memset(to, 0, AX_PAGE);
}

static void copy_run(struct watch *w, const struct axas_next_entry *run)
{
	__u64 page = (run->gpa - RAM) / AX_PAGE, last = page + run->length / AX_PAGE - 1;

	if (page < w->first || last >= w->first + w->pages)
		bad(w->race, "listed outside of the range", page, last);
	for (; page <= last; page++) {
		w->listed[page] = w->round;
		w->peeked[page] = false;
		copy_page(w, page);
	}
}

static bool holds(const struct axas_next_entry *runs, int n, __u64 gpa)
{
	int i;

	for (i = 0; i < n; i++)
		if (gpa - runs[i].gpa < runs[i].length)
			return true;
	return false;
}

/* Said to be written once more, it comes once more. */
static void put_back(struct watch *w, const struct axas_next_entry *run)
{
	__u64 gpa = run->gpa, length = run->length;
	struct axas_next_entry again[RUNS];
	int n = ax_dirty_put(w->fd, run, 1), i;

	if (!n)
		n = ax_dirty(w->fd, &gpa, &length, 0, again, RUNS);
	if (n < 1 || !holds(again, n, run->gpa))
		bad(w->race, "what was put back", (run->gpa - RAM) / AX_PAGE, n);
	for (i = 0; i < n; i++)
		copy_run(w, &again[i]);
}

static void peek(struct watch *w, __u64 gpa, __u64 length)
{
	struct axas_next_entry runs[RUNS];
	int n = ax_dirty(w->fd, &gpa, &length, AXAS_DIRTY_PEEK, runs, RUNS), i;
	__u64 page;

	for (i = 0; i < n; i++)
		for (page = 0; page < runs[i].length / AX_PAGE; page++)
			w->peeked[(runs[i].gpa - RAM) / AX_PAGE + page] = true;
}

/* List a part, in one call or in many. */
static void list_part(struct watch *w, __u64 page, __u64 pages)
{
	__u64 gpa = at(page), length = pages * AX_PAGE, before;
	struct axas_next_entry runs[RUNS];
	int n, i;

	if (ax_rand(&w->rnd) % 4 == 0)
		peek(w, gpa, length);
	/* Nobody gets what has nowhere to go. */
	if (ax_rand(&w->rnd) % 8 == 0) {
		n = ax_dirty(w->fd, &gpa, &length, 0, (void *)8, RUNS);
		if (n > 0 || (n < 0 && n != -EFAULT))
			bad(w->race, "listed to nowhere", page, n);
		gpa = at(page);
		length = pages * AX_PAGE;
	}
	while (length) {
		before = gpa;
		n = ax_dirty(w->fd, &gpa, &length, 0, runs, 1 + ax_rand(&w->rnd) % RUNS);
		if (n < 0 || gpa <= before || gpa + length != at(page + pages)) {
			bad(w->race, "list", page, n);
			return;
		}
		for (i = 0; i < n; i++) {
			if (ax_rand(&w->rnd) % 32 == 0)
				put_back(w, &runs[i]);
			else
				copy_run(w, &runs[i]);
		}
	}
}

/* List all of it in some parts. What was written before is listed then. */
static void list_round(struct watch *w)
{
	__u64 page, pages, last = w->first + w->pages;

	for (page = w->first; page < last; page++)
		w->noted[page] = __atomic_load_n(&w->written[page], __ATOMIC_SEQ_CST);
	__atomic_store_n(&w->round, w->round + 1, __ATOMIC_SEQ_CST);
	for (page = w->first; page < last; page += pages) {
		pages = 1 + ax_rand(&w->rnd) % w->pages;
		if (page + pages > last)
			pages = last - page;
		list_part(w, page, pages);
	}
	for (page = w->first; page < last; page++) {
		if (w->noted[page] >= w->begin && w->listed[page] < w->noted[page])
			bad(w->race, "not listed", page,
			    w->noted[page] - w->begin);
		if (w->peeked[page])
			bad(w->race, "seen and then not listed", page, 0);
	}
	w->lists++;
}

static bool watch_begin(struct watch *w, unsigned int round)
{
	w->fd = ax_track(w->race->fd, at(w->first), w->pages * AX_PAGE);
	if (w->fd < 0) {
		bad(w->race, "AXAS_TRACK", w->first, w->fd);
		return false;
	}
	w->begin = round;
	__atomic_store_n(&w->round, round, __ATOMIC_SEQ_CST);
	return true;
}

/* From the beginning to the end, when all copies have to be right. */
static void *list_and_copy(void *arg)
{
	struct watch *w = arg;
	struct race *r = w->race;
	unsigned char is[AX_PAGE];
	__u64 page;

	while (!r->all_written) {
		list_round(w);
		/* Who changes something waits for the same lock. */
		ax_sleep_ms(ax_rand(&w->rnd) % 8);
	}
	list_round(w);
	for (page = w->first; page < w->first + w->pages; page++) {
		if (ax_pread(r->fd, is, AX_PAGE, at(page)) != AX_PAGE ||
		    memcmp(is, w->copy + page * AX_PAGE, AX_PAGE))
			bad(r, "the copy isn't what the page holds", page, w->round);
	}
	return NULL;
}

static void *begin_and_end(void *arg)
{
	struct watch *w = arg;
	unsigned int round = 1, rounds;

	while (!w->race->stop) {
		w->first = some_page(&w->rnd, PAGES);
		w->pages = 1 + ax_rand(&w->rnd) % (PAGES - w->first);
		if (!watch_begin(w, round))
			break;
		ax_sleep_ms(ax_rand(&w->rnd) % 8);
		for (rounds = ax_rand(&w->rnd) % 4; rounds; rounds--) {
			list_round(w);
			ax_sleep_ms(ax_rand(&w->rnd) % 8);
		}
		round = w->round + 1;
		__atomic_store_n(&w->round, 0, __ATOMIC_SEQ_CST);
		close(w->fd);
		w->race->done[TRACKERS]++;
	}
	return NULL;
}

/* ---- all of them ---- */

static int race_areas(int fd)
{
	int ret = ax_map(fd, at(0), LARGE * AX_PAGE);

	ret = ret ?: ax_map_alloc(fd, at(LARGE), (ROM - LARGE) * AX_PAGE, AX_RW, 0, AX_2M);
	ret = ret ?: ax_map_alloc(fd, at(ROM), (PAGES - ROM) * AX_PAGE, AX_R, AXAS_MAP_ROM, 0);
	/* One that is large, one that isn't, and one that isn't there. */
	ret = ret ?: ax_bring_in(fd, at(0), TABLE * AX_PAGE, NULL);
	ret = ret ?: ax_bring_in(fd, at(LARGE), AX_2M, NULL);
	return ret ?: ax_bring_in(fd, at(LARGE + TABLE), AX_PAGE, NULL);
}

static void race_watches(struct race *r, __u64 *rnd)
{
	struct watch *w;
	unsigned int i;
	__u64 page;

	for (i = 0; i < KEPT + SHORT; i++) {
		w = &r->watch[i];
		w->race = r;
		w->rnd = ax_rand(rnd);
		if (i >= KEPT)
			continue;
		/* The second one has its ends in the middle of tables. */
		w->first = i ? 100 : 0;
		w->pages = i ? PAGES - 300 : PAGES;
		w->copy = calloc(PAGES, AX_PAGE);
		if (!w->copy || !watch_begin(w, 1))
			bad(r, "no tracker", 0, 0);
		for (page = w->first; page < w->first + w->pages; page++)
			copy_page(w, page);
	}
}

static void race_end(struct race *r)
{
	unsigned int i;

	for (i = 0; i < KEPT; i++) {
		close(r->watch[i].fd);
		free(r->watch[i].copy);
	}
}

static void race_threads(struct __test_metadata *_metadata, struct race *r, double seconds,
			 __u64 *rnd)
{
	static void *(*const run[])(void *) = { write_pages, write_pages, change_areas };
	pthread_t thread[ARRAY_SIZE(run)], watcher[KEPT + SHORT];
	struct writer w[ARRAY_SIZE(run)];
	unsigned int i, watchers = taken(r, TRACKERS) ? KEPT + SHORT : KEPT;

	for (i = 0; i < ARRAY_SIZE(run); i++) {
		w[i] = (struct writer){ .race = r, .me = i, .rnd = ax_rand(rnd) };
		ASSERT_EQ(0, pipe(w[i].pipe));
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, run[i], &w[i]));
	}
	for (i = 0; i < watchers; i++)
		ASSERT_EQ(0, pthread_create(&watcher[i], NULL,
					    i < KEPT ? list_and_copy : begin_and_end,
					    &r->watch[i]));
	ax_sleep_ms(1000 * seconds);
	r->stop = true;
	for (i = 0; i < ARRAY_SIZE(run); i++) {
		pthread_join(thread[i], NULL);
		close(w[i].pipe[0]);
		close(w[i].pipe[1]);
	}
	r->all_written = true;
	for (i = 0; i < watchers; i++)
		pthread_join(watcher[i], NULL);
}

static void race(struct __test_metadata *_metadata, int fd, unsigned int routes,
		 double seconds, __u64 *rnd)
{
	static struct race r;
	const char *why = NULL;
	unsigned int i;

	memset(&r, 0, sizeof(r));
	r.fd = fd;
	r.routes = routes;
	r.file = -1;
	r.disk = -1;
	if (taken(&r, DIRECT))
		r.disk = ax_open_loop(&r.file, &why);
	if (r.disk < 0)
		r.routes &= ~(1u << DIRECT);
	r.mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, r.mem);
	ASSERT_EQ(0, race_areas(fd));
	r.w = ax_window(fd, RAM, SIZE, RW);
	ASSERT_NE(MAP_FAILED, (void *)r.w);
	race_watches(&r, rnd);
	race_threads(_metadata, &r, seconds, rnd);
	for (i = 0; i < NR_ROUTES; i++) {
		if (!taken(&r, i))
			continue;
		printf("#   %s %lu\n", route_names[i], r.done[i]);
		EXPECT_LT(0, r.done[i])
			TH_LOG("%s", route_names[i]);
	}
	printf("#   lists %lu %lu\n", r.watch[0].lists, r.watch[1].lists);
	EXPECT_EQ(0, r.bad);
	EXPECT_LT(1, r.watch[0].lists);
	race_end(&r);
	munmap(r.w, SIZE);
	close(r.mem);
	if (r.disk >= 0)
		close(r.disk);
	if (r.file >= 0)
		close(r.file);
	EXPECT_EQ(0, ax_clear(fd));
}

/* Of a list of words with commas between them. */
static unsigned int routes_named(const char *list)
{
	unsigned int i, routes = 0;
	size_t len;

	for (; *list; list += strspn(list, ",")) {
		len = strcspn(list, ",");
		for (i = 0; i < NR_ROUTES; i++)
			if (strlen(route_names[i]) == len &&
			    !strncmp(list, route_names[i], len))
				routes |= 1u << i;
		list += len;
	}
	return routes;
}

/* ---- few pages, listed all the time ---- */

/* As many as are written in about the time of a list. */
#define HOT	32
#define HOTTERS	2

/* Word of each writer that it knows to be there, in each of the pages. */
struct hot {
	struct race r;
	__u64 page[HOT];
	__u64 written[HOT][HOTTERS], copied[HOT][HOTTERS];
	unsigned long lists, listed;
};

struct hot_writer {
	struct writer w;
	struct hot *hot;
};

static void *write_hot(void *arg)
{
	struct hot_writer *h = arg;
	struct hot *hot = h->hot;
	unsigned int route, i;

	while (!hot->r.stop) {
		route = some_route(&hot->r, &h->w.rnd, 0, NR_WRITES);
		/* The last one is a ROM. */
		i = route == OWNER ? HOT - 1 : ax_rand(&h->w.rnd) % (HOT - 1);
		if (write_by(&h->w, route, hot->page[i]) != 8)
			continue;
		__atomic_store_n(&hot->written[i][h->w.me], h->w.count, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&hot->r.done[route], 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Changes that leave what is written. */
static void *change_hot(void *arg)
{
	struct hot_writer *h = arg;
	struct race *r = &h->hot->r;
	unsigned int i;
	int ret = 0;

	while (!r->stop && !ret) {
		i = ax_rand(&h->w.rnd) % (HOT - 1);
		if (taken(r, PROTECT) && ax_rand(&h->w.rnd) & 1)
			ret = ax_protect(r->fd, at(h->hot->page[i]), AX_PAGE, AX_R) ?:
			      ax_protect(r->fd, at(h->hot->page[i]), AX_PAGE, AX_RW);
		else if (taken(r, COLLAPSE))
			ret = ax_collapse(r->fd, at(LARGE), AX_2M, AXAS_COLLAPSE_COPY, NULL);
		ax_sleep_ms(1);
	}
	if (ret)
		bad(r, "change", 0, ret);
	return NULL;
}

static void copy_hot(struct hot *hot, const struct axas_next_entry *runs, int n)
{
	unsigned int i;

	for (i = 0; i < HOT; i++) {
		if (!holds(runs, n, at(hot->page[i])))
			continue;
		hot->listed++;
		if (ax_pread(hot->r.fd, hot->copied[i], sizeof(hot->copied[i]),
			     at(hot->page[i])) != sizeof(hot->copied[i]))
			bad(&hot->r, "pread", hot->page[i], 0);
	}
}

/* What wasn't listed is what it was when it was copied. */
static void list_hot(struct hot *hot, int tracker)
{
	__u64 gpa = RAM, length = SIZE, before[HOT][HOTTERS];
	struct axas_next_entry runs[RUNS];
	unsigned int i, j;
	int n;

	for (i = 0; i < HOT; i++)
		for (j = 0; j < HOTTERS; j++)
			before[i][j] = __atomic_load_n(&hot->written[i][j], __ATOMIC_SEQ_CST);
	while (length) {
		n = ax_dirty(tracker, &gpa, &length, 0, runs, RUNS);
		if (n < 0) {
			bad(&hot->r, "list", 0, n);
			return;
		}
		copy_hot(hot, runs, n);
	}
	for (i = 0; i < HOT; i++)
		for (j = 0; j < HOTTERS; j++)
			if (hot->copied[i][j] < before[i][j])
				bad(&hot->r, "written and not listed", hot->page[i],
				    before[i][j] - hot->copied[i][j]);
	hot->lists++;
}

static void hot_pages(struct __test_metadata *_metadata, struct hot *hot, double seconds,
		      __u64 *rnd)
{
	void *(*const run[])(void *) = { write_hot, write_hot, change_hot };
	int tracker = ax_track(hot->r.fd, RAM, SIZE);
	struct hot_writer h[ARRAY_SIZE(run)] = {};
	pthread_t thread[ARRAY_SIZE(run)];
	double end = ax_now() + seconds;
	unsigned int i;

	ASSERT_LE(0, tracker);
	hot->r.mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	hot->r.w = ax_window(hot->r.fd, RAM, SIZE, RW);
	ASSERT_NE(MAP_FAILED, (void *)hot->r.w);
	for (i = 0; i < ARRAY_SIZE(run); i++) {
		h[i].hot = hot;
		h[i].w = (struct writer){ .race = &hot->r, .me = i, .rnd = ax_rand(rnd) };
		ASSERT_EQ(0, pipe(h[i].w.pipe));
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, run[i], &h[i]));
	}
	while (ax_now() < end)
		list_hot(hot, tracker);
	hot->r.stop = true;
	for (i = 0; i < ARRAY_SIZE(run); i++) {
		pthread_join(thread[i], NULL);
		close(h[i].w.pipe[0]);
		close(h[i].w.pipe[1]);
	}
	list_hot(hot, tracker);
	printf("#   %lu lists, %lu pages\n", hot->lists, hot->listed);
	EXPECT_EQ(0, hot->r.bad);
	EXPECT_LT(1, hot->listed);
	munmap(hot->r.w, SIZE);
	close(hot->r.mem);
	close(tracker);
}

/* A list that finds nothing of a page says that it is what it was. */
TEST_F_TIMEOUT(space, pages_that_are_written_all_the_time, 120)
{
	__u64 rnd = ax_seed("pages_that_are_written_all_the_time");
	static struct hot hot;
	unsigned int route, i;

	ax_access_arm();
	ASSERT_EQ(0, race_areas(self->fd));
	for (route = 0; route <= NR_WRITES; route++) {
		if (route == DIRECT)
			continue;
		memset(&hot, 0, sizeof(hot));
		hot.r.fd = self->fd;
		for (i = 0; i < HOT; i++)
			hot.page[i] = i < HOT / 2 ? 3 * i : i < HOT - 1 ? LARGE + 7 * i : ROM;
		hot.r.routes = route < NR_WRITES ? 1u << route : ~(1u << DIRECT);
		printf("# %s\n", route < NR_WRITES ? route_names[route] : "all");
		hot_pages(_metadata, &hot, route < NR_WRITES ? 0.3 : 2, &rnd);
		ASSERT_EQ(0, ax_discard(self->fd, RAM, SIZE));
		ASSERT_EQ(0, ax_bring_in(self->fd, RAM, SIZE, NULL));
	}
}

/* The same with memory that the space doesn't own, which takes longer to get at. */
TEST_F_TIMEOUT(space, linear_pages_that_are_written_all_the_time, 60)
{
	__u64 rnd = ax_seed("linear_pages_that_are_written_all_the_time");
	const char *hpa = getenv("AXAS_RESERVED_HPA");
	static struct hot hot;
	char zero[64] = {};
	unsigned int i;

	if (!hpa)
		SKIP(return, "AXAS_RESERVED_HPA isn't set");
	ax_access_arm();
	ASSERT_EQ(0, ax_map_linear(self->fd, RAM, SIZE, strtoull(hpa, NULL, 0), AX_RW, 0));
	memset(&hot, 0, sizeof(hot));
	hot.r.fd = self->fd;
	hot.r.routes = 1u << STORE | 1u << PWRITE | 1u << VECTOR | 1u << FAULT | 1u << PROC_MEM |
		       1u << PROTECT;
	for (i = 0; i < HOT; i++) {
		hot.page[i] = i * (PAGES / HOT) + i % 7;
		ASSERT_EQ(64, ax_pwrite(self->fd, zero, 64, at(hot.page[i])));
	}
	hot_pages(_metadata, &hot, 3, &rnd);
}

/* What only changes is seen by what is written beside it. */
TEST_F_TIMEOUT(space, each_route_alone, 120)
{
	__u64 rnd = ax_seed("each_route_alone");
	unsigned int i, routes;

	if (getenv("AXAS_ROUTES"))
		SKIP(return, "AXAS_ROUTES is set");
	ax_access_arm();
	for (i = 0; i < NR_ROUTES; i++) {
		routes = 1u << i;
		if (i >= NR_WRITES)
			routes |= 1u << (i % 2 ? STORE : PWRITE);
		printf("# %s\n", route_names[i]);
		race(_metadata, self->fd, routes, 0.3, &rnd);
	}
}

TEST_F_TIMEOUT(space, all_routes_at_once, 120)
{
	__u64 rnd = ax_seed("all_routes_at_once");
	const char *names = getenv("AXAS_ROUTES");

	ax_access_arm();
	race(_metadata, self->fd, names ? routes_named(names) : (1u << NR_ROUTES) - 1, 4, &rnd);
}

TEST_HARNESS_MAIN
