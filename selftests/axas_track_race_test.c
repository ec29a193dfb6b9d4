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
#define AX_FLAGS_TOO
#define AX_MODULE_TOO
#include "axas_track_race.h"
#include "axas_loop.h"

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

/* Often the same few pages, sometimes any. */
static __u64 some_page(__u64 *rnd, __u64 pages)
{
	__u64 page = ax_rand(rnd) % pages;

	return page % 4 ? page / (TABLE / 4) * (TABLE / 4) + page % 8 : page;
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

/* Said to be written once more, it comes once more. */
static void put_back(struct watch *w, const struct axas_next_entry *run)
{
	__u64 gpa = run->gpa, length = run->length;
	struct axas_next_entry again[RUNS];
	int n = ax_dirty_put(w->fd, run, 1), i;

	if (!n)
		n = ax_dirty(w->fd, &gpa, &length, 0, again, RUNS);
	if (n < 1 || !ax_runs_hold(again, n, run->gpa))
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
	w->fd = ax_track_what(w->race->fd, at(w->first), w->pages * AX_PAGE,
			      AXAS_TRACK_WRITTEN, w->race->track, 0);
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

/* Has each route been taken, and was all listed meanwhile? */
static bool all_gone(const struct race *r)
{
	unsigned int i;

	for (i = 0; i < NR_ROUTES; i++)
		if (taken(r, i) && !__atomic_load_n(&r->done[i], __ATOMIC_RELAXED))
			return false;
	return r->watch[0].lists;
}

static void race_threads(struct __test_metadata *_metadata, struct race *r, double seconds,
			 __u64 *rnd)
{
	static void *(*const run[])(void *) = { write_pages, write_pages, change_areas };
	pthread_t thread[ARRAY_SIZE(run)], watcher[KEPT + SHORT];
	struct writer w[ARRAY_SIZE(run)];
	unsigned int i, watchers = taken(r, TRACKERS) ? KEPT + SHORT : KEPT;
	double end = ax_now() + ax_race(seconds);

	for (i = 0; i < ARRAY_SIZE(run); i++) {
		w[i] = (struct writer){ .race = r, .me = i, .rnd = ax_rand(rnd) };
		ASSERT_EQ(0, pipe(w[i].pipe));
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, run[i], &w[i]));
	}
	for (i = 0; i < watchers; i++)
		ASSERT_EQ(0, pthread_create(&watcher[i], NULL,
					    i < KEPT ? list_and_copy : begin_and_end,
					    &r->watch[i]));
	while (ax_racing(end, all_gone(r) || r->bad))
		ax_sleep_ms(10);
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

static void race(struct __test_metadata *_metadata, int fd, __u32 track,
		 unsigned int routes, double seconds, __u64 *rnd)
{
	static struct race r;
	const char *why = NULL;
	unsigned int i;

	memset(&r, 0, sizeof(r));
	r.fd = fd;
	r.routes = routes;
	r.track = track;
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

/*
 * What only changes is seen by what is written beside it. One race after the other, which
 * takes minutes on a debug kernel.
 */
TEST_F_TIMEOUT(space, each_route_alone, 600)
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
		race(_metadata, self->fd, variant->track, routes, 0.3, &rnd);
	}
}

TEST_F(space, all_routes_at_once)
{
	__u64 rnd = ax_seed("all_routes_at_once");
	const char *names = getenv("AXAS_ROUTES");

	ax_access_arm();
	race(_metadata, self->fd, variant->track,
	     names ? routes_named(names) : (1u << NR_ROUTES) - 1, 4, &rnd);
}

TEST_HARNESS_MAIN
