// SPDX-License-Identifier: GPL-2.0
/*
 * The trace events: what each operation tells, in which order, and that what
 * takes time has a duration.
 */
#define AX_FEW_VARIANTS
#include "axas_fixture.h"
#include "axas_look.h"

#define GPA	0x40000000ULL

/* What an event is expected to say. @timed: it ends in " ns=" and a number. */
struct event {
	char text[160];
	bool timed;
};

struct events {
	unsigned int nr, id;
	struct event event[64];
};

static __attribute__((format(printf, 4, 5))) void
expect(struct events *events, bool timed, const char *name, const char *fmt, ...)
{
	struct event *e = &events->event[events->nr++];
	int n = snprintf(e->text, sizeof(e->text), "axas_%s: space=%u", name, events->id);
	va_list ap;

	e->timed = timed;
	if (!fmt)
		return;
	n += snprintf(e->text + n, sizeof(e->text) - n, " ");
	va_start(ap, fmt);
	vsnprintf(e->text + n, sizeof(e->text) - n, fmt, ap);
	va_end(ap);
}

/* Does the line say what is expected? */
static bool says(const struct event *want, const char *line, size_t n)
{
	size_t len = strlen(want->text);
	char *end;

	if (n < len || strncmp(line, want->text, len))
		return false;
	if (!want->timed)
		return n == len;
	if (strncmp(line + len, " ns=", 4))
		return false;
	/* It takes time, and less than a minute. */
	return strtoull(line + len + 4, &end, 10) - 1 < 60000000000ULL &&
	       end == line + n;
}

static bool agrees(const struct events *events, const char *trace)
{
	unsigned int i;
	size_t n;

	for (i = 0; i < events->nr; i++) {
		n = strcspn(trace, "\n");
		if (!says(&events->event[i], trace, n)) {
			printf("# event %u:\n#   want \"%s%s\"\n#   is   \"%.*s\"\n", i,
			       events->event[i].text,
			       events->event[i].timed ? " ns=..." : "", (int)n, trace);
			return false;
		}
		trace += n + !!trace[n];
	}
	if (*trace)
		printf("# and more: \"%.*s\"\n", (int)strcspn(trace, "\n"), trace);
	return !*trace;
}

static void fault(struct events *events, int fd, __u64 gpa, __u32 access,
		  const char *name, const char *result)
{
	ax_fault(fd, gpa, access);
	expect(events, true, "fault", "bus=memory gpa=0x%llx access=%s result=%s", gpa,
	       name, result);
}

/* Accesses to other buses, in one array; of the last one the width is wrong. */
static void bus_faults(struct events *events, int fd)
{
	struct axas_fault_entry e[] = {
		{ .gpa = 0x3fa, .access = AX_W, .width = 1, .bus = AXAS_BUS_PORT },
		{ .gpa = 0xc0000080, .access = AX_R, .width = 8, .bus = AXAS_BUS_SYSREG },
		{ .gpa = 0x400, .access = AX_R, .width = 1, .bus = AXAS_BUS_PORT },
		{ .gpa = 0x3f8, .access = AX_R, .width = 3, .bus = AXAS_BUS_PORT },
	};

	ax_device(fd, AXAS_DEVICE_ADD, AXAS_BUS_PORT, 0x3f8, 0x3ff, 1);
	ax_device(fd, AXAS_DEVICE_ADD, AXAS_BUS_SYSREG, 0xc0000080, 0xc0000080, 2);
	ax_fault_many(fd, e, 4, NULL);
	expect(events, true, "fault", "bus=port gpa=0x3fa access=w result=device");
	expect(events, true, "fault", "bus=sysreg gpa=0xc0000080 access=r result=device");
	expect(events, true, "fault", "bus=port gpa=0x400 access=r result=no-area");
	expect(events, true, "fault", "bus=port gpa=0x3f8 access=r result=invalid");
}

/* A clear is an unmap of the whole space, and of a device nothing is taken away. */
static void device_and_clear(struct events *events, int fd, __u64 base, __u64 end)
{
	ax_map_device(fd, GPA, 0x2000, AX_RW, 0x1d);
	expect(events, true, "map", "gpa=0x40000000 size=0x2000 backend=device prot=rw flags=- ret=0");
	fault(events, fd, GPA + 0x1008, AX_W, "w", "device");
	ax_clear(fd);
	expect(events, true, "unmap", "gpa=%#llx size=%#llx ret=0", base, end - base);
}

/* Out of a 1 GiB leaf a page goes: it is split, and so is one of its pieces. */
static void expect_splits(struct events *events, bool s2, __u64 gpa)
{
	/* Armv8-A asks for a break before a leaf becomes a table. */
	if (s2)
		expect(events, false, "invalidate", "gpa=%#llx size=0x40000000", gpa);
	expect(events, true, "split", "gpa=%#llx size=0x40000000", gpa);
	if (s2)
		expect(events, false, "invalidate", "gpa=%#llx size=0x200000",
		       gpa + AX_2M);
	expect(events, true, "split", "gpa=%#llx size=0x200000", gpa + AX_2M);
}

/* ns of an invalidation that nobody is told of may be 0: it isn't looked at. */
static void drop_times(char *trace, const char *name)
{
	char *line = trace, *end, *at;

	while (line && *line) {
		end = line + strcspn(line, "\n");
		at = strncmp(line, name, strlen(name)) ? NULL : strstr(line, " ns=");
		if (at && at < end) {
			memmove(at, end, strlen(end) + 1);
			end = at;
		}
		line = end + !!*end;
	}
}

static void do_things(struct events *events, int dev, __u32 format, __u32 bits,
		      __u64 hpa)
{
	const char *name = ax_format_name(format);
	__u64 word = 5;
	int fd;

	events->id = 0;
	ax_create(dev, format, 99);
	expect(events, true, "create", "format=%s gpa_bits=99 base=0x0 length=0x0 ret=%d",
	       name, -EOPNOTSUPP);
	fd = ax_create_range(dev, format, bits, 0x1000, 0);
	events->id = ax_space_id(fd);
	expect(events, true, "create", "format=%s gpa_bits=%u base=0x1000 length=%#llx ret=0",
	       name, bits, (1ULL << bits) - 0x1000);

	device_and_clear(events, fd, 0x1000, 1ULL << bits);
	ax_map(fd, GPA, AX_1G);
	expect(events, true, "map",
	       "gpa=0x40000000 size=0x40000000 backend=alloc prot=rw flags=- ret=0");
	ax_map_alloc(fd, GPA + 0x1000, 0x3000, AX_RX, 0, 0);
	expect(events, true, "map",
	       "gpa=0x40001000 size=0x3000 backend=alloc prot=rx flags=- ret=%d", -EEXIST);
	fault(events, fd, GPA + 0x123, AX_W, "w", "resolved");
	fault(events, fd, GPA + 0x456, AX_RW, "rw", "spurious");
	fault(events, fd, GPA + 0x5000, AX_X, "x", "denied");
	fault(events, fd, 2 * GPA, AX_R, "r", "no-area");
	fault(events, fd, 0, AX_RWX, "rwx", "invalid");
	/* What copies into the guest takes the same way. */
	ax_pwrite(fd, &word, sizeof(word), GPA + 0x7008);
	expect(events, true, "fault", "bus=memory gpa=0x40007008 access=w result=resolved");
	bus_faults(events, fd);
	ax_protect(fd, GPA, 0x2000, AX_R);
	expect(events, false, "invalidate", "gpa=0x40000000 size=0x1000");
	expect(events, true, "protect", "gpa=0x40000000 size=0x2000 prot=r ret=0");
	ax_protect(fd, 2 * GPA, 0x2000, AX_RWX);
	expect(events, true, "protect", "gpa=0x80000000 size=0x2000 prot=rwx ret=%d", -ENOENT);

	ax_discard(fd, GPA, 0x4000);
	expect(events, false, "invalidate", "gpa=0x40000000 size=0x1000");
	expect(events, true, "discard", "gpa=0x40000000 size=0x4000 freed=1 pinned=0 ret=0");
	ax_discard(fd, 2 * GPA, 0x1000);
	expect(events, true, "discard", "gpa=0x80000000 size=0x1000 freed=0 pinned=0 ret=%d",
	       -ENOENT);

	/* The second of two areas; there is nothing at its end. */
	ax_resize(fd, GPA, AX_1G);
	expect(events, true, "resize", "gpa=0x40000000 size=0x40000000 ret=%d", -EEXIST);
	ax_resize(fd, GPA + 0x2000, AX_1G);
	expect(events, true, "resize", "gpa=0x40002000 size=0x40000000 ret=0");
	ax_resize(fd, GPA + 0x2000, AX_1G - 0x2000);
	expect(events, true, "resize", "gpa=0x40002000 size=0x3fffe000 ret=0");

	ax_move(fd, GPA, 2 * GPA, 0x1000, 0);
	expect(events, true, "move", "from=0x40000000 to=0x80000000 size=0x1000 exchange=0 ret=0");
	ax_move(fd, 2 * GPA, GPA, 0x1000, 0);
	expect(events, true, "move", "from=0x80000000 to=0x40000000 size=0x1000 exchange=0 ret=0");
	ax_move(fd, GPA, 2 * GPA, 0x1000, AXAS_MOVE_EXCHANGE);
	expect(events, true, "move", "from=0x40000000 to=0x80000000 size=0x1000 exchange=1"
	       " ret=%d", -ENOENT);

	ax_collapse(fd, GPA, AX_2M, AXAS_COLLAPSE_COPY, NULL);
	expect(events, true, "collapse",
	       "gpa=0x40000000 size=0x200000 copy=1 done=0x0 joined=0x0 ret=%d", -EOPNOTSUPP);
	ax_collapse(fd, GPA - AX_2M, AX_2M, 0, NULL);
	expect(events, true, "collapse",
	       "gpa=0x3fe00000 size=0x200000 copy=0 done=0x0 joined=0x0 ret=%d", -ENOENT);

	ax_bring_in(fd, GPA + AX_1G - 0x2000, 0x3000, NULL);
	expect(events, true, "populate", "gpa=0x7fffe000 size=0x3000 done=0x2000 ret=%d",
	       -ENOENT);

	ax_map_alloc(fd, GPA + AX_1G - 0x2000, 0x1000, AX_RX,
		     AXAS_MAP_POPULATE | AXAS_MAP_REPLACE, 0);
	expect(events, false, "invalidate", "gpa=0x7fffe000 size=0x1000");
	expect(events, true, "map", "gpa=0x7fffe000 size=0x1000 backend=alloc prot=rx"
	       " flags=populate|replace ret=0");

	ax_map_linear(fd, 2 * GPA, AX_1G, hpa, AX_RWX, 0);
	expect(events, true, "map",
	       "gpa=0x80000000 size=0x40000000 backend=linear prot=rwx flags=- ret=0");
	ax_unmap(fd, 2 * GPA + AX_2M + 0x3000, 0x1000);
	expect_splits(events, format == AXAS_FORMAT_S2, 2 * GPA);
	expect(events, false, "invalidate", "gpa=0x80203000 size=0x1000");
	expect(events, true, "unmap", "gpa=0x80203000 size=0x1000 ret=0");
	ax_unmap(fd, 1ULL << bits, 0x1000);
	expect(events, true, "unmap", "gpa=%#llx size=0x1000 ret=%d", 1ULL << bits, -ERANGE);

	close(fd);
	expect(events, false, "invalidate", "gpa=0x0 size=%#llx", 1ULL << bits);
	expect(events, true, "destroy", NULL);
}

TEST_F(space, events)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	const char *why = ax_need_trace();
	struct events events = {};
	char *trace;

	if (why || !hpa)
		SKIP(return, "%s", why ?: "no unused host physical addresses in /proc/iomem");
	ASSERT_TRUE(ax_trace_on());
	do_things(&events, self->dev, variant->format, variant->bits, hpa);
	trace = ax_trace_off(events.id);
	ASSERT_NE(NULL, trace);
	drop_times(trace, "axas_invalidate");
	EXPECT_TRUE(agrees(&events, trace));
	free(trace);
}

/*
 * Where links have rights a tracker begins by these alone, and nobody has to be told; where
 * they have none each leaf is armed.
 */
static void track_things(struct events *events, bool s2, int fd, int *tracker)
{
	struct axas_next_entry e[2];
	__u64 gpa = GPA, length = AX_2M;

	if (s2)
		expect(events, false, "invalidate", "gpa=0x40000000 size=0x200000");
	*tracker = ax_track(fd, GPA, AX_2M);
	expect(events, true, "track", "gpa=0x40000000 size=0x200000 what=0x1 flags=0x0 ret=0");
	ax_track(fd, GPA, 1);
	expect(events, true, "track", "gpa=0x40000000 size=0x1 what=0x1 flags=0x0 ret=%d", -EINVAL);
	fault(events, fd, GPA + 0x2008, AX_R, "r", "spurious");
	fault(events, fd, GPA + 0x2008, AX_W, "w", "resolved");
	ax_dirty(*tracker, &gpa, &length, AXAS_DIRTY_PEEK, e, 2);
	expect(events, true, "dirty", "gpa=0x40000000 size=0x200000 flags=0x1 runs=1 ret=0");
	gpa = GPA;
	length = AX_2M;
	ax_dirty(*tracker, &gpa, &length, 0, e, 2);
	expect(events, false, "invalidate", "gpa=0x40002000 size=0x1000");
	expect(events, true, "dirty", "gpa=0x40000000 size=0x200000 flags=0x0 runs=1 ret=0");
	gpa = GPA + AX_PAGE;
	length = AX_2M;
	ax_dirty(*tracker, &gpa, &length, 0, e, 2);
	expect(events, true, "dirty", "gpa=0x40001000 size=0x0 flags=0x0 runs=0 ret=%d", -ERANGE);
}

TEST_F(space, trackers)
{
	const char *why = ax_need_trace();
	struct events events = {};
	int tracker;
	char *trace;

	if (why)
		SKIP(return, "%s", why);
	events.id = ax_space_id(self->fd);
	ASSERT_EQ(0, ax_map(self->fd, GPA, AX_2M));
	ASSERT_EQ(0, ax_bring_in(self->fd, GPA, AX_2M, NULL));
	ASSERT_TRUE(ax_trace_on());
	track_things(&events, variant->format == AXAS_FORMAT_S2, self->fd, &tracker);
	trace = ax_trace_off(events.id);
	ASSERT_NE(NULL, trace);
	drop_times(trace, "axas_invalidate");
	EXPECT_TRUE(agrees(&events, trace));
	free(trace);
	close(tracker);
}

/* A holder of translations is told of what goes, and that takes its time. */
TEST_F(space, invalidate_of_a_window)
{
	const char *why = ax_need_trace();
	struct events events = {};
	volatile char *window;
	char *trace;

	if (why)
		SKIP(return, "%s", why);
	events.id = ax_space_id(self->fd);
	ASSERT_EQ(0, ax_map(self->fd, GPA, AX_2M));
	window = ax_window(self->fd, GPA, AX_2M, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, window);
	ASSERT_EQ(0, ax_store(window + 0x2000, 1));
	ASSERT_EQ(0, ax_store(window + 0x5000, 1));
	/* With this page the table stays. */
	ASSERT_EQ(0, ax_store(window + 0x100000, 1));
	ASSERT_TRUE(ax_trace_on());
	EXPECT_EQ(0, ax_unmap(self->fd, GPA + 0x1000, 0x10000));
	trace = ax_trace_off(events.id);
	ASSERT_NE(NULL, trace);
	/* From the first page that was there to the last. */
	expect(&events, true, "invalidate", "gpa=0x40002000 size=0x4000");
	expect(&events, true, "unmap", "gpa=0x40001000 size=0x10000 ret=0");
	EXPECT_TRUE(agrees(&events, trace));
	free(trace);
	munmap((void *)window, AX_2M);
}

TEST_F(space, nothing_while_nobody_listens)
{
	const char *why = ax_need_trace();
	char *trace;

	if (why)
		SKIP(return, "%s", why);
	ASSERT_TRUE(ax_trace_on());
	free(ax_trace_off(0));
	ASSERT_EQ(0, ax_write_file(AX_TRACING "/trace", ""));
	ASSERT_EQ(0, ax_map(self->fd, GPA, AX_2M));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA, AX_W));
	ASSERT_EQ(0, ax_unmap(self->fd, GPA, AX_2M));
	trace = ax_slurp(AX_TRACING "/trace");
	ASSERT_NE(NULL, trace);
	EXPECT_EQ(NULL, strstr(trace, ": axas_"));
	free(trace);
}

TEST_HARNESS_MAIN
