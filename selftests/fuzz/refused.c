// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that are refused, each for one reason, and questions that change
 * nothing.
 */
#include <dirent.h>
#include "fuzz.h"

/* ---- refused ---- */

static void expect(struct ctx *ctx, const char *what, long is, long want)
{
	note(ctx, "%s: %ld", what, is);
	if (is != want)
		fail(ctx, "%s: it returned %ld, want %ld", what, is, want);
}

struct map_fault {
	const char *what;
	int err;
};

/* One defect in a call that would be good: its name, and the errno. */
static struct map_fault spoil_map(struct ctx *ctx, struct axas_map *m)
{
	__u64 end = ctx->st.base + ctx->st.length, from, to;

	switch (below(ctx, 22)) {
	case 0:
		m->flags = 1u << (5 + below(ctx, 27));
		return (struct map_fault){ "map: unknown flag", EINVAL };
	case 1:
		m->gpa += 1 + below(ctx, 4095);
		return (struct map_fault){ "map: misaligned gpa", EINVAL };
	case 2:
		m->length += 1 + below(ctx, 4095);
		return (struct map_fault){ "map: misaligned length", EINVAL };
	case 3:
		m->length = 0;
		return (struct map_fault){ "map: no length", EINVAL };
	case 4:
		m->gpa = end - AX_PAGE;
		m->length = 2 * AX_PAGE;
		return (struct map_fault){ "map: over the end", ERANGE };
	case 5:
		m->gpa = -AX_PAGE;
		m->length = 2 * AX_PAGE;
		return (struct map_fault){ "map: wraps", ERANGE };
	case 6:
		m->backend = 5 + below(ctx, 11);
		return (struct map_fault){ "map: no such backend", EINVAL };
	case 7:
		m->prot = 0;
		return (struct map_fault){ "map: no prot", EINVAL };
	case 8:
		m->prot |= 16u << below(ctx, 28);
		return (struct map_fault){ "map: unknown prot", EINVAL };
	case 9:
		m->prot = AX_W | (one_in(ctx, 2) ? AX_X : 0);
		return (struct map_fault){ "map: write only", EINVAL };
	case 10:
		if (one_in(ctx, 2) && ~ctx->features & AXAS_FEAT_EXEC_USER) {
			m->prot |= AX_U;
			return (struct map_fault){ "map: user mode", EOPNOTSUPP };
		}
		if (ctx->features & AXAS_FEAT_EXEC_ONLY)
			break;
		m->prot = AX_X;
		return (struct map_fault){ "map: execute only", EOPNOTSUPP };
	case 11:
		m->memtype = 6 + below(ctx, 100);
		return (struct map_fault){ "map: no such memtype", EINVAL };
	case 12:
		m->memtype = ctx->st.format == AXAS_FORMAT_EPT ||
			     ctx->st.format == AXAS_FORMAT_AMD ? AXAS_MEM_DEVICE :
								 AXAS_MEM_WT;
		return (struct map_fault){ "map: memtype of another format",
					   EOPNOTSUPP };
	case 13:
		m->node = 1;
		return (struct map_fault){ "map: node without flag", EINVAL };
	case 14:
		m->hpa = AX_PAGE;
		return (struct map_fault){ "map: alloc with hpa", EINVAL };
	case 15:
		m->max_leaf = one_in(ctx, 2) ? 8192 : AX_1G;
		return (struct map_fault){ "map: no such leaf", EINVAL };
	case 16:
		m->backend = AXAS_BACKEND_DEVICE;
		m->flags = one_in(ctx, 3) ? AXAS_MAP_ROM :
			   one_in(ctx, 2) ? AXAS_MAP_POPULATE : AXAS_MAP_NODE;
		return (struct map_fault){ "map: populated device", EINVAL };
	case 17:
		m->flags = AXAS_MAP_NODE;
		m->node = 1000 + below(ctx, 1 << 20);
		return (struct map_fault){ "map: no such node", EINVAL };
	case 18:
		m->backend = AXAS_BACKEND_LINEAR;
		m->hpa = ctx->far_hpa + 1 + below(ctx, 4095);
		if (!ctx->far_hpa)
			break;
		return (struct map_fault){ "map: misaligned hpa", EINVAL };
	case 19:
		m->backend = AXAS_BACKEND_LINEAR;
		if (!ax_find_ram(m->length, &from, &to))
			break;
		m->hpa = from;
		return (struct map_fault){ "map: linear over RAM", EACCES };
	case 20:
		m->backend = AXAS_BACKEND_LINEAR;
		m->hpa = -m->length;
		return (struct map_fault){ "map: hpa too wide", ERANGE };
	default:
		m->size = one_in(ctx, 2) ? 60 : 0;
		return (struct map_fault){ "map: small structure", EINVAL };
	}
	m->length = 0;
	return (struct map_fault){ "map: no length", EINVAL };
}

static void refused_map(struct ctx *ctx)
{
	struct axas_map m = {
		.size = sizeof(m), .backend = AXAS_BACKEND_ALLOC,
		.prot = AX_RW, .cookie = pick_cookie(ctx),
	};
	struct map_fault f;
	__u64 gpa, len;

	pick_range(ctx, &gpa, &len);
	m.gpa = gpa;
	m.length = lesser(len, AX_2M);
	f = spoil_map(ctx, &m);
	/* What is there would give way, if the rest were good. */
	if (one_in(ctx, 2))
		m.flags |= AXAS_MAP_REPLACE;
	expect(ctx, f.what, ax_ioctl(ctx->fd, AXAS_MAP, &m), -f.err);
	check_range(ctx, gpa, lesser(len, 16 * AX_PAGE));
}

static void refused_range(struct ctx *ctx)
{
	__u64 end = ctx->st.base + ctx->st.length, gpa, len;
	struct axas_unmap u = { .size = sizeof(u), .flags = 1 };
	struct axas_protect p = { .size = sizeof(p), .reserved = 1 };

	pick_range(ctx, &gpa, &len);
	u.gpa = gpa;
	u.length = len;
	p.gpa = gpa;
	p.length = len;
	p.prot = AX_R;
	switch (below(ctx, 14)) {
	case 0:
		expect(ctx, "unmap: flags", ax_ioctl(ctx->fd, AXAS_UNMAP, &u),
		       -EINVAL);
		break;
	case 1:
		expect(ctx, "protect: reserved",
		       ax_ioctl(ctx->fd, AXAS_PROTECT, &p), -EINVAL);
		break;
	case 2:
		expect(ctx, "unmap: misaligned",
		       ax_unmap(ctx->fd, gpa + 8, len), -EINVAL);
		break;
	case 3:
		expect(ctx, "unmap: no length", ax_unmap(ctx->fd, gpa, 0),
		       -EINVAL);
		break;
	case 4:
		expect(ctx, "unmap: over the end",
		       ax_unmap(ctx->fd, end - AX_PAGE, 2 * AX_PAGE), -ERANGE);
		break;
	case 5:
		expect(ctx, "protect: wraps",
		       ax_protect(ctx->fd, gpa, -AX_PAGE, AX_R), -ERANGE);
		break;
	case 6:
		expect(ctx, "protect: no prot",
		       ax_protect(ctx->fd, gpa, len, 0), -EINVAL);
		break;
	case 7:
		expect(ctx, "protect: write only",
		       ax_protect(ctx->fd, gpa, len, AX_W), -EINVAL);
		break;
	case 8:
		expect(ctx, "resize: no length", ax_resize(ctx->fd, gpa, 0),
		       -EINVAL);
		break;
	case 9:
		expect(ctx, "resize: over the end",
		       ax_resize(ctx->fd, gpa, end - gpa + AX_PAGE), -ERANGE);
		break;
	case 10:
		expect(ctx, "move: flags",
		       ax_move(ctx->fd, gpa, gpa + len, len, 2), -EINVAL);
		break;
	case 11:
		expect(ctx, "move: into itself",
		       ax_move(ctx->fd, gpa, gpa, len, below(ctx, 2)), -EINVAL);
		break;
	case 12:
		expect(ctx, "collapse: flags",
		       ax_collapse(ctx->fd, gpa, len, 2, NULL), -EINVAL);
		break;
	default:
		expect(ctx, "protect: unknown prot",
		       ax_protect(ctx->fd, gpa, len, AX_R | 16), -EINVAL);
		break;
	}
}

static void refused_device(struct ctx *ctx)
{
	switch (below(ctx, 4)) {
	case 0:
		expect(ctx, "device: backwards",
		       ax_device(ctx->fd, AXAS_DEVICE_ADD, AXAS_BUS_PORT, 5, 4, 0),
		       -ERANGE);
		break;
	case 1:
		expect(ctx, "device: behind the ports",
		       ax_device(ctx->fd, AXAS_DEVICE_ADD, AXAS_BUS_PORT, 0xfff0,
				 0x10000, 0), -ERANGE);
		break;
	case 2:
		expect(ctx, "device: memory",
		       ax_device(ctx->fd, AXAS_DEVICE_ADD, AXAS_BUS_MEMORY, 0, 1, 0),
		       -EINVAL);
		break;
	default:
		expect(ctx, "device: no such bus",
		       ax_device(ctx->fd, AXAS_DEVICE_DEL, 3 + below(ctx, 9), 0, 1,
				 0), -EINVAL);
		break;
	}
}

static void refused_pointer(struct ctx *ctx)
{
	char *bad = (char *)(uintptr_t)(one_in(ctx, 2) ? 8 : -4096L);
	struct axas_areas l = {
		.size = sizeof(l), .nr = 10, .entries = (uintptr_t)bad,
	};
	struct {
		struct axas_stats st;
		__u64 more;
	} long_stats = { .st.size = sizeof(long_stats), .more = one_in(ctx, 2) };
	__u64 gpa = pick_gpa(ctx);
	__u32 done = 7;

	switch (below(ctx, 7)) {
	case 0:
		expect(ctx, "map: bad pointer",
		       ax_ioctl(ctx->fd, AXAS_MAP, bad), -EFAULT);
		break;
	case 1:
		expect(ctx, "fault: bad entries",
		       ax_fault_many(ctx->fd, (void *)bad, 3, &done), -EFAULT);
		expect(ctx, "fault: bad entries, done", done, 0);
		break;
	case 2:
		expect(ctx, "translate: bad entries",
		       ax_translate_many(ctx->fd, (void *)bad, 3, &done), -EFAULT);
		expect(ctx, "translate: bad entries, done", done, 0);
		break;
	case 3:
		if (ctx->m.mem.nr && ctx->exact)
			expect(ctx, "areas: bad entries",
			       ax_ioctl(ctx->fd, AXAS_AREAS, &l), -EFAULT);
		break;
	case 4:
		expect(ctx, "no such ioctl",
		       ax_ioctl(ctx->fd, _IO(AXAS_IOC_TYPE, 0x40), bad), -ENOTTY);
		break;
	case 5:
		note(ctx, "pread of %#llx into a bad buffer", gpa);
		if (ax_pread(ctx->fd, bad, 8, gpa) >= 0)
			fail(ctx, "pread into %p", bad);
		/* The page was there before the buffer was looked at. */
		model_learn(ctx, gpa, 8);
		break;
	default:
		expect(ctx, "stats: long structure",
		       ax_ioctl(ctx->fd, AXAS_STATS, &long_stats),
		       long_stats.more ? -E2BIG : 0);
		break;
	}
}

static void refused_create(struct ctx *ctx)
{
	struct axas_create c = { .size = sizeof(c), .format = ctx->st.format };
	int want = -EINVAL, fd;

	switch (below(ctx, 7)) {
	case 0:
		c.flags = 1;
		break;
	case 1:
		c.format = 4 + below(ctx, 12);
		break;
	case 2:
		c.gpa_bits = 13;
		want = -EOPNOTSUPP;
		break;
	case 3:
		c.base = 1;
		break;
	case 4:
		c.features = 1u << 20;
		break;
	case 5:
		c.base = 1ULL << ctx->st.gpa_bits;
		c.gpa_bits = ctx->st.gpa_bits;
		c.features = ctx->features;
		want = -ERANGE;
		break;
	default:
		/* Not refused: it comes and goes. */
		fd = ax_ioctl(ctx->dev, AXAS_CREATE, &c);
		note(ctx, "create: %d", fd);
		if (fd < 0)
			fail(ctx, "create: it returned %d", fd);
		if (fd >= 0 && one_in(ctx, 2))
			ax_populate(fd, 0, AX_PAGE * (1 + below(ctx, 600)));
		close(fd);
		return;
	}
	expect(ctx, "create", ax_ioctl(ctx->dev, AXAS_CREATE, &c), want);
}

void step_refused(struct ctx *ctx)
{
	__u64 gpa = pick_gpa(ctx);

	switch (below(ctx, 8)) {
	case 0 ... 2:
		refused_map(ctx);
		break;
	case 3 ... 4:
		refused_range(ctx);
		break;
	case 5:
		refused_device(ctx);
		break;
	case 6:
		refused_pointer(ctx);
		break;
	default:
		refused_create(ctx);
		break;
	}
	/* Whatever it was has changed nothing. */
	check_range(ctx, gpa, AX_PAGE);
}

/* ---- questions ---- */

static void look_fdinfo(struct ctx *ctx)
{
	char path[64], text[1024], *at;
	unsigned long long areas = ~0ULL, resident = ~0ULL;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ctx->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[larger(n, 0)] = 0;
	at = strstr(text, "axas-areas:");
	if (at)
		sscanf(at, "axas-areas: %llu", &areas);
	at = strstr(text, "axas-resident:");
	if (at)
		sscanf(at, "axas-resident: %llu", &resident);
	note(ctx, "fdinfo: %llu areas, %llu KiB", areas, resident);
	if (ctx->exact && (areas != ctx->m.mem.nr ||
			   resident != 4ULL * ctx->m.nr_pages))
		fail(ctx, "fdinfo: %llu areas, %llu KiB, want %u, %u", areas,
		     resident, ctx->m.mem.nr, 4 * ctx->m.nr_pages);
}

static void look_root(struct ctx *ctx)
{
	struct axas_root r = { .size = sizeof(r) };
	bool none = ctx->st.format == AXAS_FORMAT_AMD ?
			    !(ctx->info.control_bits >> ctx->st.gpa_bits & 1) :
			    ctx->st.format == AXAS_FORMAT_EPT && ctx->st.levels < 4;
	int ret = ax_ioctl(ctx->fd, AXAS_ROOT, &r);

	note(ctx, "root: %d", ret);
	if (ret != (none ? -EOPNOTSUPP : 0) || r.format != ctx->st.format ||
	    r.levels != ctx->st.levels || !r.root || r.root % AX_PAGE)
		fail(ctx, "root: %d, format %u levels %u root %#llx", ret,
		     r.format, r.levels, r.root);
}

/* A walk by the CPU, where there is one that can. */
static void look_probe(struct ctx *ctx)
{
	struct axas_probe p = {
		.size = sizeof(p), .gpa = pick_gpa(ctx) + below(ctx, AX_PAGE),
		.access = 1 << below(ctx, 2),
	};
	struct area *a = areas_at(&ctx->m.mem, p.gpa);
	bool mapped = a && (a->backend == AXAS_BACKEND_LINEAR ||
			    page_find(ctx, p.gpa));
	__u32 want = !mapped ? AXAS_PROBE_TRANSLATION :
		     p.access & ~a->prot ? AXAS_PROBE_PERMISSION :
					   AXAS_PROBE_MAPPED;
	int ret = ax_ioctl(ctx->fd, AXAS_PROBE, &p);

	note(ctx, "probe %#llx access %u: %d, kind %u", p.gpa, p.access, ret,
	     p.kind);
	if (ret == -EOPNOTSUPP || ret == -EBUSY)
		return;
	/* With the CPU's own flags a leaf may begin without the accessed one; or it is idle. */
	if (ret || (p.kind != want && !(ctx->features & AXAS_FEAT_AD) && !ctx->aged))
		fail(ctx, "probe %#llx access %u: %d, kind %u, want %u", p.gpa,
		     p.access, ret, p.kind, want);
}

static void look_debugfs(struct ctx *ctx)
{
	static const char top[] = "/sys/kernel/debug/axas";
	char path[600], buf[2048];
	unsigned int nr = 0, pick = below(ctx, 12);
	struct dirent *e;
	DIR *d = opendir(top);
	int fd;

	for (e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		static const char * const file[] = {
			"areas", "stats", "table", "devices", "trackers",
		};
		unsigned int i;

		if (e->d_name[0] == '.')
			continue;
		for (i = 0; i < ARRAY_LEN(file); i++) {
			if (nr++ % 12 != pick)
				continue;
			snprintf(path, sizeof(path), "%s/%s/%s", top, e->d_name,
				 file[i]);
			fd = open(path, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				continue;
			while (read(fd, buf, sizeof(buf)) > 0 && !one_in(ctx, 20))
				;
			close(fd);
		}
	}
	if (d)
		closedir(d);
	note(ctx, "debugfs: %u files", nr);
}

void step_look(struct ctx *ctx)
{
	__u64 gpa, len;

	switch (below(ctx, 8)) {
	case 7:
		pick_range(ctx, &gpa, &len);
		len = lesser(len, 2 * AX_2M);
		note(ctx, "next %#llx+%#llx", gpa, len);
		check_next(ctx, gpa, len);
		break;
	case 0:
		look_fdinfo(ctx);
		break;
	case 1:
		look_root(ctx);
		break;
	case 2:
		look_debugfs(ctx);
		break;
	case 3:
		if (ctx->exact)
			look_probe(ctx);
		break;
	case 4:
		check_areas(ctx, false);
		break;
	default:
		gpa = pick_gpa(ctx);
		note(ctx, "look at %#llx", gpa);
		check_range(ctx, gpa, lesser(16 * AX_PAGE, space_end(ctx) - gpa));
		break;
	}
}
