// SPDX-License-Identifier: GPL-2.0
/*
 * Cases: a format each, with one thread or several, in rounds with a new space.
 */
#include "fuzz.h"

/* ---- steps ---- */

struct step {
	const char *group;
	unsigned int weight;
	void (*run)(struct ctx *ctx);
	bool slice;		/* also where the space isn't all ours */
};

static const struct step steps[] = {
	{ "map", 90, step_map, true },
	{ "map", 80, step_range, true },
	{ "fault", 110, step_fault, true },
	{ "rw", 130, step_rw, true },
	{ "window", 130, step_touch, true },
	{ "window", 30, step_window, true },
	{ "window", 35, step_window_change, true },
	{ "window", 25, step_madvise, true },
	{ "buffer", 25, step_window_buffer, true },
	{ "gup", 30, step_process_vm, true },
	{ "gup", 20, step_proc_mem, true },
	{ "ptrace", 2, step_ptrace, false },
	{ "direct", 12, step_direct, false },
	{ "pipe", 25, step_pipe, true },
	{ "pipe", 5, step_splice, false },
	{ "device", 25, step_device, false },
	{ "track", 60, step_track, false },
	{ "alias", 50, step_alias, true },
	{ "refused", 30, step_refused, true },
	{ "look", 25, step_look, true },
	{ "child", 4, step_socket, false },
	{ "child", 40, step_child, false },
	{ "kill", 4, step_kill, false },
	{ "limit", 50, step_limited, false },
	{ "kvm", 25, step_kvm, false },
};

static void step(struct ctx *ctx)
{
	unsigned int i, sum = 0, pick;

	for (i = 0; i < ARRAY_LEN(steps); i++)
		if ((ctx->exact || steps[i].slice) && wanted(steps[i].group))
			sum += steps[i].weight;
	pick = below(ctx, sum);
	for (i = 0; i < ARRAY_LEN(steps); i++) {
		if (!(ctx->exact || steps[i].slice) || !wanted(steps[i].group))
			continue;
		if (pick < steps[i].weight)
			break;
		pick -= steps[i].weight;
	}
	ctx->steps++;
	if (i < ARRAY_LEN(steps))
		steps[i].run(ctx);
	progress++;
}

/* ---- cases ---- */

struct fuzz_case {
	const char *name;
	__u32 format, bits;
	bool threads;
};

/* Widths come by the seed where none is given. */
static const struct fuzz_case cases[] = {
	{ "model_ept48", AXAS_FORMAT_EPT, 48 },
	{ "model_s2_40", AXAS_FORMAT_S2, 40 },
	{ "model_ept_other", AXAS_FORMAT_EPT, 0 },
	{ "model_s2_other", AXAS_FORMAT_S2, 0 },
	{ "model_amd", AXAS_FORMAT_AMD, 0 },
	{ "model_module", AXAS_FORMAT_MODULE, 0 },
	{ "threads_ept48", AXAS_FORMAT_EPT, 48, true },
	{ "threads_s2_40", AXAS_FORMAT_S2, 40, true },
	{ "threads_module", AXAS_FORMAT_MODULE, 0, true },
};

struct host {
	int dev;
	__u64 lin_hpa, lin_size, far_hpa;
	unsigned char *lin;
	bool pattern;
};

static void ctx_zones(struct ctx *ctx)
{
	__u64 base = ctx->st.base, length = ctx->st.length;
	const __u64 at[NR_ZONES] = {
		0, AX_1G - 3 * AX_2M / 2, (512 * AX_1G) - 700 * AX_PAGE,
		length / 3, length - 900 * AX_PAGE,
	};
	unsigned int i;

	for (i = 0; i < NR_ZONES; i++) {
		if (at[i] >= length)
			continue;
		ctx->zone[ctx->nr_zones++] = (struct zone){
			.base = base + PAGE_DOWN(at[i]),
			.pages = lesser(1500ULL, PAGE_OF(length - PAGE_DOWN(at[i]))),
		};
	}
}

static bool ctx_open(struct ctx *ctx, const struct host *host,
		     const struct fuzz_case *c)
{
	struct axas_create create = {
		.size = sizeof(create), .format = c->format,
		.gpa_bits = c->bits,
	};

	ctx->dev = host->dev;
	if (ax_info(ctx->dev, c->format, &ctx->info))
		return false;
	while (!create.gpa_bits || !(ctx->info.gpa_bits >> create.gpa_bits & 1))
		create.gpa_bits = below(ctx, 64);
	create.features = rnd(ctx) & ctx->info.features;
	/* AXAS_INFO speaks of spaces without it. */
	if (!c->bits && create.features & AXAS_FEAT_LPA2 && one_in(ctx, 2))
		create.gpa_bits = 49 + below(ctx, 4);
	if (one_in(ctx, 4)) {
		create.base = below(ctx, 1 << 18) * AX_PAGE;
		create.length = (4096 + below(ctx, 1 << 19)) * AX_PAGE;
	}
	ctx->features = create.features;
	ctx->by_flags = one_in(ctx, 2);
	ctx->fd = ax_ioctl(ctx->dev, AXAS_CREATE, &create);
	if (ctx->fd < 0 || ax_stats(ctx->fd, &ctx->st))
		return false;
	printf("# %s: %u bits, features %u, from %#llx on %#llx\n", ctx->name,
	       ctx->st.gpa_bits, ctx->features, ctx->st.base, ctx->st.length);
	return true;
}

static void ctx_linear(struct ctx *ctx, const struct host *host,
		       unsigned int i, unsigned int nr)
{
	__u64 size = ALIGN_2M(host->lin_size / nr);

	ctx->lin_size = size;
	ctx->lin_hpa = host->lin_hpa + i * size;
	ctx->lin = host->lin ? host->lin + i * size : NULL;
	ctx->far_hpa = host->far_hpa;
	ctx->pattern = host->pattern;
}

static bool ctx_ready(struct ctx *ctx)
{
	ctx->mail = mmap(NULL, sizeof(*ctx->mail), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ctx->mail == MAP_FAILED) {
		ctx->mail = NULL;
		return false;
	}
	windows_init(ctx);
	return !ctx->failed;
}

static void ctx_done(struct ctx *ctx)
{
	tracks_drop(ctx);
	alias_drop(ctx);
	model_reset(&ctx->m);
	windows_drop(ctx);
	async_close(ctx);
	if (ctx->mail)
		munmap(ctx->mail, sizeof(*ctx->mail));
}

/* ---- one thread, an exact model ---- */

#define ROUND	30000

static bool model_round(const struct host *host, const struct fuzz_case *c,
			__u64 seed, double until, __u64 *ops)
{
	struct ctx *ctx = calloc(1, sizeof(*ctx));
	__u64 n;
	bool good;

	if (!ctx)
		return false;
	ctx->name = c->name;
	ctx->rnd = seed;
	ctx->exact = true;
	ctx->budget = 12000;
	current = ctx;
	if (!ctx_open(ctx, host, c) || !ctx_ready(ctx)) {
		printf("# %s: no space\n", c->name);
		ctx->failed = true;
	}
	ctx_zones(ctx);
	ctx_linear(ctx, host, 0, 1);
	disk_open(ctx);
	for (n = 0; n < ROUND && !ctx->failed && ax_now() < until &&
	     (!options.ops || *ops + n < options.ops); n++) {
		step(ctx);
		if (!(n % 1000))
			check_all(ctx);
	}
	actors_end(ctx);
	check_all(ctx);
	kvm_forget();
	disk_close(ctx);
	printf("# %s: %llu steps, memory short %u times, pages busy %u times, %u children killed, %u times 2 MiB copied\n",
	       c->name, n, ctx->no_memory, ctx->busy, ctx->killed, ctx->copied);
	*ops += n;
	good = !ctx->failed;
	/* The windows may be the last that hold the space. */
	if (one_in(ctx, 2)) {
		close(ctx->fd);
		ctx_done(ctx);
	} else {
		ctx_done(ctx);
		close(ctx->fd);
	}
	current = NULL;
	free(ctx);
	return good;
}

/* ---- threads ---- */

#define WILD_THREADS	2
#define SLICE		1366	/* pages: the slices share tables at their ends */
#define WILD_SLICE	1400
#define ROUND_TIME	5

static double threads_until;
static volatile bool threads_failed;
static struct wild wild;

static void *thread_run(void *arg)
{
	struct ctx *ctx = arg;

	current = ctx;
	while (!ctx->failed && !threads_failed && ax_now() < threads_until) {
		step(ctx);
		if (!(ctx->steps % 500))
			check_all(ctx);
	}
	check_all(ctx);
	if (ctx->failed)
		threads_failed = true;
	return NULL;
}

static void *wild_thread(void *arg)
{
	struct ctx *ctx = arg;

	current = ctx;
	wild_run(ctx, &wild, !!ctx->budget);
	if (ctx->failed)
		threads_failed = true;
	return NULL;
}

static void thread_ctx(struct ctx *ctx, const struct ctx *first,
		       const struct host *host, unsigned int i, unsigned int nr)
{
	bool is_wild = i >= nr;
	__u64 start = first->st.base + 3 * AX_2M;

	ctx->name = first->name;
	ctx->dev = first->dev;
	ctx->fd = first->fd;
	ctx->info = first->info;
	ctx->st = first->st;
	ctx->features = first->features;
	ctx->rnd = mix(first->rnd, i);
	/* What is theirs isn't joined with what is another's. */
	ctx->cookies = (i + 1) << 8;
	/* Of the wild ones the first looks after all. */
	ctx->budget = is_wild ? i == nr : 4000;
	ctx->nr_zones = 1;
	ctx->zone[0] = (struct zone){
		.base = start + (is_wild ? nr : i) * SLICE * AX_PAGE,
		.pages = is_wild ? WILD_SLICE : SLICE,
	};
	ctx_linear(ctx, host, is_wild ? 0 : i, nr);
	if (!ctx_ready(ctx))
		fail(ctx, "no memory for a thread");
	if (!is_wild)
		return;
	ctx->win[0] = (struct window){
		.addr = mmap(ctx->arena, WILD_SLICE * AX_PAGE,
			     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			     ctx->fd, ctx->zone[0].base),
		.len = WILD_SLICE * AX_PAGE, .gpa = ctx->zone[0].base,
		.prot = PROT_READ | PROT_WRITE,
	};
	if (ctx->win[0].addr != ctx->arena)
		fail(ctx, "no window: %s", strerror(errno));
}

/* Everything stands still: figures and tables of the whole space. */
static void threads_check(struct ctx *first, struct ctx *ctx, unsigned int nr)
{
	__u64 resident = 0;
	struct ax_leaf *leaf = NULL;
	struct axas_stats st;
	size_t n = 0, i, from;

	for (i = 0; i < nr; i++) {
		n = collect_leaves(&ctx[i], &leaf, n);
		resident += ctx[i].m.nr_pages * AX_PAGE;
	}
	from = n;
	n = wild_leaves(&ctx[nr], &leaf, n);
	for (i = from; i < n; i++)
		resident += leaf[i].level ? AX_2M : AX_PAGE;
	if (ax_stats(first->fd, &st) || st.resident != resident)
		fail(first, "resident %#llx, want %#llx", st.resident, resident);
	if (!first->failed && !check_tables(first->fd, leaf, n))
		fail(first, "the table isn't what its leaves ask for");
	free(leaf);
	for (i = nr; i < nr + WILD_THREADS && !first->failed; i++) {
		wild_check(&ctx[i]);
		first->failed = ctx[i].failed;
	}
}

static bool threads_round(const struct host *host, const struct fuzz_case *c,
			  __u64 seed, double until, __u64 *ops)
{
	unsigned int nr = options.threads, all = nr + WILD_THREADS, i;
	struct ctx *ctx = calloc(all + 1, sizeof(*ctx)), *first = &ctx[all];
	pthread_t *thread = calloc(all, sizeof(*thread));
	bool good;

	if (!ctx || !thread)
		abort();
	first->name = c->name;
	first->rnd = seed;
	threads_failed = false;
	threads_until = lesser(until, ax_now() + ROUND_TIME);
	wild.until = threads_until;
	wild.failed = false;
	pthread_barrier_init(&wild.barrier, NULL, WILD_THREADS);
	if (!ctx_open(first, host, c)) {
		printf("# %s: no space\n", c->name);
		return false;
	}
	for (i = 0; i < all; i++)
		thread_ctx(&ctx[i], first, host, i, nr);
	for (i = 0; i < all; i++)
		if (pthread_create(&thread[i], NULL,
				   i < nr ? thread_run : wild_thread, &ctx[i]))
			abort();
	for (i = 0; i < all; i++) {
		pthread_join(thread[i], NULL);
		*ops += ctx[i].steps;
	}
	first->failed = threads_failed;
	if (!first->failed)
		threads_check(first, ctx, nr);
	good = !first->failed;
	for (i = 0; i < all; i++)
		ctx_done(&ctx[i]);
	close(first->fd);
	free(thread);
	free(ctx);
	return good;
}

/* ---- the host ---- */

/* More of it would only be more to compare, and to copy in each fork. */
#define LINEAR_MAX	(8 * AX_2M)

static void host_linear(struct host *host)
{
	const char *hpa = getenv("AXAS_RESERVED_HPA");
	const char *size = getenv("AXAS_RESERVED_SIZE");
	struct axas_info info;
	__u64 at;
	int fd;

	if (!ax_info(host->dev, AXAS_FORMAT_HOST, &info))
		host->far_hpa = ax_find_unused_hpa(4 * AX_1G, info.hpa_bits);
	if (!hpa || !size) {
		printf("# AXAS_RESERVED_HPA isn't set: no linear memory is touched\n");
		return;
	}
	host->lin_hpa = strtoull(hpa, NULL, 0);
	host->lin_size = lesser(ALIGN_2M(strtoull(size, NULL, 0)), LINEAR_MAX);
	host->lin = calloc(1, host->lin_size);
	fd = ax_create(host->dev, AXAS_FORMAT_HOST, 0);
	if (!host->lin || fd < 0 ||
	    ax_map_linear(fd, 0, host->lin_size, host->lin_hpa, AX_RW, 0)) {
		printf("# linear memory at %#llx can't be had\n", host->lin_hpa);
		host->lin_size = 0;
	}
	for (at = 0; at < host->lin_size; at += AX_2M)
		ax_pwrite(fd, host->lin, AX_2M, at);
	close(fd);
}

static bool host_open(struct host *host)
{
	struct axas_map m = {
		.size = sizeof(m), .length = AX_PAGE, .prot = AX_RW,
		.backend = AXAS_BACKEND_MODULE,
	};
	int fd;

	host->dev = ax_open_dev();
	if (host->dev < 0)
		return false;
	host_linear(host);
	fd = ax_create(host->dev, AXAS_FORMAT_HOST, 0);
	host->pattern = !ax_ioctl(fd, AXAS_MAP, &m);
	close(fd);
	return true;
}

/* ---- all of them ---- */

static bool case_wanted(const struct fuzz_case *c)
{
	if (c->threads && !options.threads)
		return false;
	return !options.cases || strstr(c->name, options.cases);
}

static const char *case_missing(const struct host *host,
				const struct fuzz_case *c)
{
	struct axas_info info;

	if (ax_info(host->dev, c->format, &info))
		return "no such format here";
	if (c->bits && !(info.gpa_bits >> c->bits & 1))
		return "no such width here";
	return NULL;
}

static bool run_case(const struct host *host, unsigned int i, double until)
{
	const struct fuzz_case *c = &cases[i];
	__u64 ops = 0, round;
	bool good = true;
	double start = ax_now();

	/* Those before may have taken more than their share. */
	until = larger(until, start + 1);
	for (round = 0; good && ax_now() < until &&
	     (!options.ops || ops < options.ops); round++) {
		__u64 seed = mix(mix(options.seed, i), round);

		good = c->threads ? threads_round(host, c, seed, until, &ops) :
				    model_round(host, c, seed, until, &ops);
	}
	printf("# %s: %llu steps in %.1f s\n", c->name, ops, ax_now() - start);
	return good;
}

/* How many cases there are to run. */
unsigned int cases_wanted(void)
{
	unsigned int i, nr = 0;

	for (i = 0; i < ARRAY_LEN(cases); i++)
		nr += case_wanted(&cases[i]);
	return nr;
}

/* Run them, each for its share of the time. False if one has failed. */
bool cases_run(void)
{
	unsigned int i, n = 0, nr = cases_wanted();
	double end = ax_now() + options.time;
	struct host host = { 0 };
	bool all_good = true;

	if (!host_open(&host)) {
		printf("Bail out! /dev/axas can't be opened\n");
		return false;
	}
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const struct fuzz_case *c = &cases[i];
		const char *why;
		bool good = true;

		if (!case_wanted(c))
			continue;
		why = case_missing(&host, c);
		if (!why)
			good = run_case(&host, i, ax_now() +
					(end - ax_now()) / (nr - n));
		printf("%sok %u %s%s%s\n", good ? "" : "not ", ++n, c->name,
		       why ? " # SKIP " : "", why ? why : "");
		fflush(stdout);
		all_good &= good;
	}
	close(host.dev);
	return all_good;
}
