// SPDX-License-Identifier: GPL-2.0
/*
 * Calls are run, and judged by the model.
 */
#include <sys/uio.h>
#include "fuzz.h"

/* ---- running ---- */

static long run_map(const struct call *c, int fd)
{
	struct axas_map map = {
		.size = sizeof(map), .flags = c->flags, .gpa = c->gpa,
		.length = c->len, .hpa = c->hpa, .backend = c->backend,
		.prot = c->prot, .memtype = c->memtype, .node = c->node, .nodes = c->nodes,
		.max_leaf = c->max_leaf, .cookie = c->cookie,
	};

	return ax_ioctl(fd, AXAS_MAP, &map);
}

static long run_vector(struct mail *mail, int fd)
{
	const struct call *c = &mail->call;
	size_t first = c->cookie % (c->len + 1), rest = c->len - first;
	size_t second = (c->cookie >> 32) % (rest + 1);
	struct iovec v[] = {
		{ mail->data, first },
		{ mail->data + first, second },
		{ NULL, 0 },
		{ mail->data + first + second, rest - second },
	};
	ssize_t ret = c->op == CALL_READ ? preadv(fd, v, 4, c->gpa) :
					   pwritev(fd, v, 4, c->gpa);

	return ret < 0 ? -errno : ret;
}

static long run_seek(struct mail *mail, int fd)
{
	const struct call *c = &mail->call;
	ssize_t ret;

	/* Behind the end there's no seeking. */
	if (lseek(fd, c->gpa, SEEK_SET) != c->gpa)
		ret = c->op == CALL_READ ? pread(fd, mail->data, c->len, c->gpa) :
					   pwrite(fd, mail->data, c->len, c->gpa);
	else
		ret = c->op == CALL_READ ? read(fd, mail->data, c->len) :
					   write(fd, mail->data, c->len);
	return ret < 0 ? -errno : ret;
}

static long run_rw(struct ctx *ctx, struct mail *mail, int fd)
{
	const struct call *c = &mail->call;
	bool write = c->op == CALL_WRITE;

	switch (c->how) {
	case HOW_VECTOR:
		return run_vector(mail, fd);
	case HOW_SEEK:
		return run_seek(mail, fd);
	default:
		return async_rw(ctx, c->how, fd, write, mail->data, c->len,
				c->gpa);
	}
}

static long run_discard(struct call *c, int fd)
{
	struct axas_discard d;
	long ret = ax_discard_to(fd, c->gpa, c->len, &d);

	c->freed = d.freed;
	c->pinned = d.pinned;
	return ret;
}

static long run_collapse(struct call *c, int fd)
{
	struct axas_collapse collapse;
	long ret = ax_collapse(fd, c->gpa, c->len, c->flags, &collapse);

	c->came = collapse.done;
	c->joined = collapse.joined;
	return ret;
}

/* Make the call, in whatever process. */
void call_run(struct ctx *ctx, struct mail *mail, int fd)
{
	struct call *c = &mail->call;

	switch (c->op) {
	case CALL_MAP:
		c->ret = run_map(c, fd);
		break;
	case CALL_UNMAP:
		c->ret = ax_unmap(fd, c->gpa, c->len);
		break;
	case CALL_PROTECT:
		c->ret = ax_protect(fd, c->gpa, c->len, c->prot);
		break;
	case CALL_RESIZE:
		c->ret = ax_resize(fd, c->gpa, c->len);
		break;
	case CALL_MOVE:
		c->ret = ax_move(fd, c->gpa, c->to, c->len, c->flags);
		break;
	case CALL_CLEAR:
		c->ret = ax_clear(fd);
		break;
	case CALL_DISCARD:
		c->ret = run_discard(c, fd);
		break;
	case CALL_POPULATE:
		c->ret = ax_bring_in(fd, c->gpa, c->len, &c->came);
		break;
	case CALL_COLLAPSE:
		c->ret = run_collapse(c, fd);
		break;
	case CALL_FAULT:
		c->ret = ax_fault_many(fd, mail->fault, c->nr, &c->done);
		break;
	case CALL_READ:
	case CALL_WRITE:
		c->ret = run_rw(ctx, mail, fd);
		break;
	case CALL_LOAD:
	case CALL_STORE:
		c->ret = guarded_copy(c->addr, mail->data, c->len,
				      c->op == CALL_STORE, &c->sig);
		break;
	case CALL_DEVICE_ADD:
	case CALL_DEVICE_DEL:
		c->ret = ax_device(fd, c->op == CALL_DEVICE_ADD ?
				   AXAS_DEVICE_ADD : AXAS_DEVICE_DEL,
				   c->bus, c->gpa, c->gpa + c->len - 1,
				   c->cookie);
		break;
	}
	c->finished = true;
}

/* ---- judging ---- */

/* A change of areas that fails has changed nothing. */
static bool judge_ret(struct ctx *ctx, const struct call *c, int want)
{
	/* Which comes first, if there is a reason besides, isn't said. */
	if (c->limited && c->ret == -ENOMEM) {
		ctx->no_memory++;
		return false;
	}
	if (c->ret != -want)
		fail(ctx, "it returned %ld, want %d", c->ret, -want);
	return !c->ret;
}

static void apply(struct ctx *ctx, const struct call *c)
{
	switch (c->op) {
	case CALL_MAP:
		model_map(ctx, c);
		break;
	case CALL_PROTECT:
		model_protect(ctx, c->gpa, c->len, c->prot);
		break;
	case CALL_RESIZE:
		model_resize(ctx, c->gpa, c->len);
		break;
	default:
		model_unmap(ctx, c->gpa, c->len);
		break;
	}
}

static void judge_change(struct ctx *ctx, const struct call *c)
{
	int want = 0;

	if (c->op == CALL_MAP && !(c->flags & AXAS_MAP_REPLACE) &&
	    areas_meet(&ctx->m.mem, c->gpa, c->gpa + c->len))
		want = EEXIST;
	if (c->op == CALL_PROTECT && !model_whole(ctx, c->gpa, c->len))
		want = ENOENT;
	if (c->op == CALL_RESIZE)
		want = model_resizable(ctx, c->gpa, c->len);
	if (c->finished) {
		if (judge_ret(ctx, c, want))
			apply(ctx, c);
	} else if (!want && model_changed(ctx, c)) {
		/* Killed: all of it or nothing. */
		apply(ctx, c);
		check_areas(ctx, false);
	} else if (!want) {
		model_learn_leaves(ctx, c->gpa, c->len);
	}
	check_range(ctx, c->gpa, c->len);
}

/*
 * It may be that somebody was just touching a page of what goes, or had not let go
 * of it yet: not for long, unless we know of it.
 */
static void move_again(struct ctx *ctx, struct mail *mail)
{
	struct call *c = &mail->call;
	unsigned int tries = 0;

	for (; c->ret == -EBUSY && tries < 200; tries++) {
		usleep(5000);
		call_run(ctx, mail, ctx->fd);
	}
	ctx->busy += !!tries;
}

static bool move_done(struct ctx *ctx, struct mail *mail, __u64 why)
{
	struct call *c = &mail->call;

	if (!c->finished)
		return !why && model_changed(ctx, c);
	if (!(why & WHY(EBUSY)))
		move_again(ctx, mail);
	if (c->limited && c->ret == -ENOMEM)
		ctx->no_memory++;
	else if (why ? c->ret >= 0 || !(why & WHY(-c->ret)) : c->ret)
		fail(ctx, "it returned %ld, want one of %#llx", c->ret, why);
	return !c->ret;
}

static void judge_move(struct ctx *ctx, struct mail *mail)
{
	__u64 why = model_move_refused(ctx, &mail->call);
	struct call *c = &mail->call;

	if (move_done(ctx, mail, why)) {
		model_move(ctx, c);
	} else if (!c->finished || c->ret == -ENOMEM || c->ret == -EBUSY) {
		model_learn_leaves(ctx, c->gpa, c->len);
		model_learn_leaves(ctx, c->to, c->len);
	}
	check_range(ctx, c->gpa, c->len);
	check_range(ctx, c->to, c->len);
}

/* Killed: all of it or nothing, as far as anybody can see. */
static bool discard_done(struct ctx *ctx, const struct call *c)
{
	struct axas_translate_entry e;
	__u64 at;

	if (PAGE_OF(c->len) > 4 * ctx->budget)
		return ax_resident(ctx->fd) != ctx->m.nr_pages * AX_PAGE;
	for (at = c->gpa; at < c->gpa + c->len; at += AX_PAGE)
		if (page_find(ctx, at))
			return ax_translate(ctx->fd, at, &e) != AXAS_TRANSLATE_MAPPED;
	return false;
}

static void judge_discard(struct ctx *ctx, const struct call *c)
{
	int want = model_discardable(ctx, c->gpa, c->len);
	__u64 gone = 0;

	if (c->finished ? judge_ret(ctx, c, want) : discard_done(ctx, c))
		gone = model_discard(ctx, c->gpa, c->len) * AX_PAGE;
	if (c->finished && c->freed + c->pinned != gone)
		fail(ctx, "%#llx freed and %#llx pinned, want %#llx in all",
		     c->freed, c->pinned, gone);
	check_range(ctx, c->gpa, c->len);
}

static void judge_populate(struct ctx *ctx, const struct call *c)
{
	int err;
	__u64 most = model_populated(ctx, c->gpa, c->len, &err);

	if (!c->finished) {
		model_learn(ctx, c->gpa, most);
	} else if (c->limited && c->ret == -ENOMEM && c->came <= most) {
		ctx->no_memory++;
		model_learn(ctx, c->gpa, most);
	} else if (c->ret != -err || c->came != most) {
		fail(ctx, "it returned %ld and came %#llx, want %d, %#llx", c->ret,
		     c->came, -err, most);
	} else {
		model_touched(ctx, c->gpa, most);
	}
	check_range(ctx, c->gpa, c->len);
}

static void judge_collapse(struct ctx *ctx, const struct call *c)
{
	int err;
	__u64 most = model_collapsible(ctx, c->gpa, c->len, &err), joined;

	joined = model_collapse(ctx, c, most);
	if (c->finished && (c->ret != -err || c->came != most || c->joined != joined))
		fail(ctx, "it returned %ld, came %#llx, joined %#llx, want %d, %#llx, %#llx",
		     c->ret, c->came, c->joined, -err, most, joined);
	check_range(ctx, c->gpa, c->len);
}

static bool width_known(__u8 width)
{
	return !width || width == 1 || width == 2 || width == 4 || width == 8;
}

static __u32 want_bus(struct ctx *ctx, const struct axas_fault_entry *e,
		      __u64 *cookie, __u64 *offset)
{
	__u64 last = e->bus == AXAS_BUS_PORT ? 0xffff : 0xffffffff;
	struct area *a;

	if (e->bus > AXAS_BUS_SYSREG || e->gpa > last || !width_known(e->width) ||
	    !e->access || e->access & ~AX_RW)
		return AXAS_FAULT_INVALID;
	a = areas_at(&ctx->m.bus[e->bus - 1], e->gpa);
	if (!a)
		return AXAS_FAULT_NO_AREA;
	if (e->bus == AXAS_BUS_PORT && e->width && e->gpa + e->width > a->end)
		return AXAS_FAULT_INVALID;
	*cookie = a->cookie;
	*offset = e->gpa - a->start;
	return AXAS_FAULT_DEVICE;
}

static __u32 want_fault(struct ctx *ctx, const struct axas_fault_entry *e,
			__u64 *cookie, __u64 *offset)
{
	struct area *a = areas_at(&ctx->m.mem, e->gpa);

	if (e->bus)
		return want_bus(ctx, e, cookie, offset);
	if (!width_known(e->width) || !e->access || e->access & ~space_rights(ctx) ||
	    e->gpa < ctx->st.base || e->gpa - ctx->st.base >= ctx->st.length)
		return AXAS_FAULT_INVALID;
	if (!a)
		return AXAS_FAULT_NO_AREA;
	if (e->access & ~a->prot || a->backend == AXAS_BACKEND_DEVICE) {
		/* What leaves its device and is denied may be called either. */
		if (a->backend == AXAS_BACKEND_DEVICE &&
		    e->width > a->end - e->gpa &&
		    (!(e->access & ~a->prot) || e->result == AXAS_FAULT_INVALID))
			return AXAS_FAULT_INVALID;
		*cookie = a->cookie;
		*offset = e->gpa - a->first;
		return e->access & ~a->prot ? AXAS_FAULT_DENIED :
					      AXAS_FAULT_DEVICE;
	}
	if (a->backend == AXAS_BACKEND_LINEAR || page_find(ctx, e->gpa))
		return AXAS_FAULT_SPURIOUS;
	return AXAS_FAULT_RESOLVED;
}

static void judge_fault_entry(struct ctx *ctx, const struct call *c,
			      const struct axas_fault_entry *e)
{
	__u64 cookie = 0x5a5a, offset = 0xa5a5;
	__u32 want = want_fault(ctx, e, &cookie, &offset);

	if (e->result < AXAS_NR_FAULT_RESULTS)
		ctx->m.faults[e->result]++;
	/* Where it is noticed the first access takes a fault, and may a table. */
	if (ctx->tracked && want == AXAS_FAULT_SPURIOUS &&
	    (ctx->aged || e->access & AX_W) &&
	    (e->result == AXAS_FAULT_RESOLVED ||
	     (c->limited && e->result == AXAS_FAULT_NO_MEMORY)))
		want = e->result;
	if (c->limited && want == AXAS_FAULT_RESOLVED &&
	    e->result == AXAS_FAULT_NO_MEMORY) {
		ctx->no_memory++;
		return;
	}
	if (want != e->result)
		fail(ctx, "fault %#llx access %u width %u bus %u: result %u, want %u",
		     e->gpa, e->access, e->width, e->bus, e->result, want);
	if (cookie != e->cookie || offset != e->offset)
		fail(ctx, "fault %#llx: cookie %#llx offset %#llx, want %#llx %#llx",
		     e->gpa, e->cookie, e->offset, cookie, offset);
	if (e->result == AXAS_FAULT_RESOLVED)
		model_touched(ctx, e->gpa, 1);
	if (e->result == AXAS_FAULT_RESOLVED || e->result == AXAS_FAULT_SPURIOUS)
		tracks_used(ctx, e->gpa, 1);
}

static void judge_fault(struct ctx *ctx, struct mail *mail)
{
	struct call *c = &mail->call;
	struct axas_stats st;
	unsigned int i;

	for (i = 0; i < c->nr && !ctx->failed; i++) {
		if (c->finished)
			judge_fault_entry(ctx, c, &mail->fault[i]);
		else if (!mail->fault[i].bus)
			model_learn(ctx, mail->fault[i].gpa, 1);
	}
	if (c->finished && (c->ret || c->done != c->nr))
		fail(ctx, "it returned %ld, done %u of %u", c->ret, c->done, c->nr);
	if (!c->finished && !ax_stats(ctx->fd, &st))
		memcpy(ctx->m.faults, st.faults, sizeof(st.faults));
	check_range(ctx, c->gpa, AX_PAGE);
}

/* What a copy has done: @n of the bytes that it might have. */
static void judge_copied(struct ctx *ctx, struct mail *mail, __u64 n)
{
	struct call *c = &mail->call;
	unsigned char want[AX_PAGE];
	__u64 at, len;

	if (c->op == CALL_READ)
		model_fetched(ctx, c->gpa, n);
	else
		model_touched(ctx, c->gpa, n);
	tracks_used(ctx, c->gpa, n);
	if (c->op == CALL_WRITE || c->op == CALL_STORE) {
		bytes_write(ctx, c->gpa, mail->data, n);
		return;
	}
	for (at = 0; at < n; at += len) {
		len = lesser(n - at, AX_PAGE);
		bytes_read(ctx, c->gpa + at, want, len);
		if (!memcmp(want, mail->data + at, len))
			continue;
		for (len = 0; want[len] == mail->data[at + len]; len++)
			;
		fail(ctx, "byte %#llx is %#x, want %#x", c->gpa + at + len,
		     mail->data[at + len], want[len]);
		return;
	}
}

/* The caller was killed somewhere in it. */
static void judge_torn(struct ctx *ctx, struct mail *mail, __u64 allowed)
{
	struct call *c = &mail->call;

	model_learn(ctx, c->gpa, allowed);
	if (c->op == CALL_WRITE || c->op == CALL_STORE)
		model_adopt(ctx, c->gpa, mail->data, allowed);
}

static void judge_rw(struct ctx *ctx, struct mail *mail)
{
	struct call *c = &mail->call;
	bool write = c->op == CALL_WRITE;
	int err = 0;
	__u64 allowed;
	long want;

	allowed = model_allowed(ctx, c->gpa, c->len, write ? AX_W : AX_R, &err);
	want = allowed ? (long)allowed : -err;
	if (c->len && ctx->exact && c->gpa >= space_end(ctx))
		want = write ? -ENOSPC : 0;
	if (!c->finished) {
		judge_torn(ctx, mail, allowed);
	} else if (c->limited && c->ret < want &&
		   (c->ret > 0 || c->ret == -ENOMEM)) {
		ctx->no_memory++;
		judge_copied(ctx, mail, larger(c->ret, 0L));
	} else if (c->ret != want) {
		fail(ctx, "it returned %ld, want %ld", c->ret, want);
	} else {
		judge_copied(ctx, mail, larger(c->ret, 0L));
	}
	check_range(ctx, c->gpa, c->len);
}

static void judge_touch(struct ctx *ctx, struct mail *mail)
{
	struct call *c = &mail->call;
	bool write = c->op == CALL_STORE;
	int err = 0, sig = 0;
	__u64 allowed = 0;

	if (!(c->prot & (write ? PROT_WRITE : PROT_READ | PROT_WRITE))) {
		sig = c->len ? SIGSEGV : 0;
	} else {
		allowed = model_allowed(ctx, c->gpa, c->len, write ? AX_W : AX_R,
					&err);
		sig = err ? SIGBUS : 0;
	}
	if (!c->finished) {
		judge_torn(ctx, mail, allowed);
	} else if (c->limited && c->ret < allowed && c->sig == SIGBUS) {
		ctx->no_memory++;
		judge_copied(ctx, mail, c->ret);
	} else if (c->ret != allowed || c->sig != sig) {
		fail(ctx, "%ld bytes, signal %d, want %llu, %d", c->ret, c->sig,
		     allowed, sig);
	} else {
		judge_copied(ctx, mail, c->ret);
	}
	check_range(ctx, c->gpa, c->len);
}

static void judge_device(struct ctx *ctx, const struct call *c)
{
	struct areas *devices = &ctx->m.bus[c->bus - 1];
	struct area *a = areas_next(devices, c->gpa);
	bool add = c->op == CALL_DEVICE_ADD, done;
	struct axas_fault_entry e = {
		.gpa = c->gpa, .access = AX_R, .bus = c->bus,
	};
	int want;

	if (add)
		want = areas_meet(devices, c->gpa, c->gpa + c->len) ? EEXIST : 0;
	else
		want = a && a->start == c->gpa && a->end == c->gpa + c->len ?
			       0 : ENOENT;
	if (c->finished) {
		done = judge_ret(ctx, c, want);
	} else {
		ax_fault_many(ctx->fd, &e, 1, NULL);
		ctx->m.faults[e.result % AXAS_NR_FAULT_RESULTS]++;
		done = !want && (e.result == AXAS_FAULT_DEVICE) == add;
	}
	if (done && add)
		areas_put(devices, &(struct area){
			.start = c->gpa, .end = c->gpa + c->len,
			.cookie = c->cookie,
		});
	else if (done)
		areas_take(devices, c->gpa, c->gpa + c->len);
	check_stats(ctx);
}

void call_judge(struct ctx *ctx, struct mail *mail)
{
	switch (mail->call.op) {
	case CALL_FAULT:
		judge_fault(ctx, mail);
		break;
	case CALL_READ:
	case CALL_WRITE:
		judge_rw(ctx, mail);
		break;
	case CALL_LOAD:
	case CALL_STORE:
		judge_touch(ctx, mail);
		break;
	case CALL_DISCARD:
		judge_discard(ctx, &mail->call);
		break;
	case CALL_POPULATE:
		judge_populate(ctx, &mail->call);
		break;
	case CALL_MOVE:
		judge_move(ctx, mail);
		break;
	case CALL_COLLAPSE:
		judge_collapse(ctx, &mail->call);
		break;
	case CALL_DEVICE_ADD:
	case CALL_DEVICE_DEL:
		judge_device(ctx, &mail->call);
		break;
	default:
		judge_change(ctx, &mail->call);
		break;
	}
}

/* ---- steps of this process ---- */

static void run_and_judge(struct ctx *ctx)
{
	call_run(ctx, ctx->mail, ctx->fd);
	note_call(ctx, &ctx->mail->call, "");
	call_judge(ctx, ctx->mail);
}

void step_map(struct ctx *ctx)
{
	make_map(ctx, ctx->mail);
	run_and_judge(ctx);
}

void step_range(struct ctx *ctx)
{
	make_range(ctx, ctx->mail);
	run_and_judge(ctx);
}

void step_fault(struct ctx *ctx)
{
	make_fault(ctx, ctx->mail);
	run_and_judge(ctx);
}

void step_rw(struct ctx *ctx)
{
	make_rw(ctx, ctx->mail);
	run_and_judge(ctx);
}

void step_touch(struct ctx *ctx)
{
	make_touch(ctx, ctx->mail, ctx->win);
	run_and_judge(ctx);
}

void step_device(struct ctx *ctx)
{
	make_device(ctx, ctx->mail);
	run_and_judge(ctx);
}
