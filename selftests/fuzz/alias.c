// SPDX-License-Identifier: GPL-2.0
/*
 * Another space shows all of this one's zones. What is found there is what the model of
 * this one says, and what is written there is written here. The model has nothing of
 * the other space: it is only ever asked after this one has changed as it likes.
 */
#include "fuzz.h"

#define PEER_GPA(i)	(((i) + 1) * AX_1G)

static void peer_close(struct ctx *ctx)
{
	struct peer *peer = &ctx->peer;
	unsigned int i;

	for (i = 0; i < ctx->nr_zones; i++)
		if (peer->win[i])
			munmap(peer->win[i], ctx->zone[i].pages * AX_PAGE);
	if (peer->fd > 0)
		close(peer->fd);
	*peer = (struct peer){ 0 };
}

static bool peer_open(struct ctx *ctx)
{
	static const __u32 formats[] = {
		AXAS_FORMAT_EPT, AXAS_FORMAT_S2, AXAS_FORMAT_AMD,
	};
	__u32 format = formats[below(ctx, ARRAY_LEN(formats))];
	struct peer *peer = &ctx->peer;
	unsigned int i;

	peer->fd = ax_create(ctx->dev, format, 48);
	note(ctx, "a peer of format %u: %d", format, peer->fd);
	if (peer->fd < 0)
		fail(ctx, "no peer: %d", peer->fd);
	for (i = 0; i < ctx->nr_zones && !ctx->failed; i++) {
		__u64 len = ctx->zone[i].pages * AX_PAGE;
		int ret = ax_map_alias(peer->fd, PEER_GPA(i), len, ctx->fd, ctx->zone[i].base,
				       AX_RWX);
		void *win = ax_window(peer->fd, PEER_GPA(i), len, PROT_READ | PROT_WRITE);

		if (ret || win == MAP_FAILED)
			fail(ctx, "no alias of zone %u: %d", i, ret);
		else
			peer->win[i] = win;
	}
	return !ctx->failed;
}

/* What is there for a guest of the other space. */
static __u32 peer_rights(struct ctx *ctx, __u64 gpa, bool *any)
{
	struct area *a = areas_at(&ctx->m.mem, gpa);

	__u32 rights = a ? a->prot : 0;

	*any = a && area_lazy(a);
	/* It has no leaf that can be executed and not read, ... */
	if (!*any || !(rights & AX_R))
		return 0;
	/* ... nor by one mode alone. */
	if (ctx->features & AXAS_FEAT_EXEC_USER && ~rights & (AX_X | AX_U))
		rights &= ~AX_X;
	return rights & AX_RWX;
}

static void peer_fault(struct ctx *ctx, unsigned int zone, __u64 gpa)
{
	__u64 at = PEER_GPA(zone) + gpa - ctx->zone[zone].base;
	__u32 access = 1 << below(ctx, 3), rights;
	int ret = ax_fault(ctx->peer.fd, at, access), want = AXAS_FAULT_RESOLVED;
	bool any;

	rights = peer_rights(ctx, gpa, &any);
	note(ctx, "the peer's fault at %#llx access %u: %d", gpa, access, ret);
	if (!any)
		want = AXAS_FAULT_NO_AREA;
	else if (access & ~rights)
		want = AXAS_FAULT_DENIED;
	if (ret != want && !(want == AXAS_FAULT_RESOLVED && ret == AXAS_FAULT_SPURIOUS))
		fail(ctx, "want %d", want);
	if (want == AXAS_FAULT_RESOLVED)
		model_touched(ctx, gpa, 1);
	if (want == AXAS_FAULT_RESOLVED && ax_hpa(ctx->peer.fd, at) != ax_hpa(ctx->fd, gpa))
		fail(ctx, "the peer shows another page");
}

/* Bytes of one page, by a call or by a window. */
static void peer_copy(struct ctx *ctx, unsigned int zone, __u64 gpa)
{
	__u64 offset = gpa - ctx->zone[zone].base, at = PEER_GPA(zone) + offset;
	__u64 len = 1 + below(ctx, AX_PAGE - gpa % AX_PAGE);
	bool write = one_in(ctx, 2), window = one_in(ctx, 2), any;
	unsigned char data[AX_PAGE], want[AX_PAGE];
	long ret, wanted = len;
	__u32 rights;
	int sig = 0;

	if (write)
		fill_random(ctx, data, len);
	if (window)
		ret = guarded_copy(ctx->peer.win[zone] + offset, data, len, write, &sig);
	else
		ret = write ? ax_pwrite(ctx->peer.fd, data, len, at) :
			      ax_pread(ctx->peer.fd, data, len, at);
	note(ctx, "the peer %s %#llx+%#llx%s: %ld", write ? "writes" : "reads", gpa, len,
	     window ? " in a window" : "", ret);
	rights = peer_rights(ctx, gpa, &any);
	if (!(rights & (write ? AX_W : AX_R)))
		wanted = window ? 0 : any ? -EACCES : -EFAULT;
	if (ret != wanted)
		fail(ctx, "want %ld", wanted);
	if (ret <= 0 || ctx->failed)
		return;
	model_touched(ctx, gpa, 1);
	if (write) {
		page_write(ctx, gpa, data, len);
		return;
	}
	page_read(ctx, gpa, want, len);
	if (memcmp(data, want, len))
		fail(ctx, "the peer reads something else");
}

void step_alias(struct ctx *ctx)
{
	unsigned int zone, i;
	__u64 gpa;

	if (ctx->peer.fd && one_in(ctx, 300))
		peer_close(ctx);
	if (!ctx->peer.fd && !peer_open(ctx))
		return;
	/* Some in a row, so that most find what others have left there. */
	for (i = 0; i < 4 && !ctx->failed; i++) {
		gpa = pick_gpa(ctx);
		for (zone = 0; zone < ctx->nr_zones; zone++)
			if (gpa - ctx->zone[zone].base < ctx->zone[zone].pages * AX_PAGE)
				break;
		if (zone == ctx->nr_zones)
			continue;
		if (one_in(ctx, 3))
			peer_fault(ctx, zone, gpa);
		else
			peer_copy(ctx, zone, gpa);
		check_range(ctx, PAGE_DOWN(gpa), AX_PAGE);
	}
}

void alias_drop(struct ctx *ctx)
{
	peer_close(ctx);
}
