// SPDX-License-Identifier: GPL-2.0
/*
 * Devices: areas without memory, I/O ports and system registers, whose accesses
 * come back with the owner's cookie.
 */
#include "axas_fixture.h"

#define GPA	0x40000000ULL
#define COOKIE	0xc00c1e0000000000ULL
#define UNSET	0x5a5a5a5a5a5a5a5aULL

/* One access: what has come of it, or minus errno. */
static int reach(int fd, __u32 bus, __u64 addr, __u32 access, __u32 width,
		 struct axas_fault_entry *e)
{
	__u32 done;
	int ret;

	*e = (struct axas_fault_entry){
		.gpa = addr, .access = access, .width = width, .bus = bus,
		.result = ~0u, .cookie = UNSET, .offset = UNSET,
	};
	ret = ax_fault_many(fd, e, 1, &done);
	return ret ? ret : done == 1 ? (int)e->result : -ENODATA;
}

/* It is device @cookie's, at @offset, and what was asked is as it was. */
#define EXPECT_DEVICE(fd, b, addr, acc, wid, cook, off) do {		\
	struct axas_fault_entry _e;					\
	EXPECT_EQ(AXAS_FAULT_DEVICE, reach(fd, b, addr, acc, wid, &_e)) \
		TH_LOG("at %#llx, width %u", (__u64)(addr), (__u32)(wid)); \
	EXPECT_EQ(cook, _e.cookie);					\
	EXPECT_EQ(off, _e.offset);					\
	EXPECT_EQ(wid, _e.width);					\
	EXPECT_EQ(acc, _e.access);					\
	EXPECT_EQ(b, _e.bus);						\
	EXPECT_EQ(addr, _e.gpa);					\
} while (0)

/* Its owner says no, or emulates that too. */
#define EXPECT_DENIED(fd, b, addr, acc, wid, cook, off) do {		\
	struct axas_fault_entry _e;					\
	EXPECT_EQ(AXAS_FAULT_DENIED, reach(fd, b, addr, acc, wid, &_e)) \
		TH_LOG("at %#llx, width %u", (__u64)(addr), (__u32)(wid)); \
	EXPECT_EQ(cook, _e.cookie);					\
	EXPECT_EQ(off, _e.offset);					\
} while (0)

/* It is nobody's, and the cookie and the offset aren't touched. */
#define EXPECT_RESULT(fd, b, addr, acc, wid, want) do {			\
	struct axas_fault_entry _e;					\
	EXPECT_EQ(want, reach(fd, b, addr, acc, wid, &_e))		\
		TH_LOG("at %#llx, width %u", (__u64)(addr), (__u32)(wid)); \
	EXPECT_EQ(UNSET, _e.cookie);					\
	EXPECT_EQ(UNSET, _e.offset);					\
} while (0)

#define MEM	AXAS_BUS_MEMORY
#define PORT	AXAS_BUS_PORT
#define SYSREG	AXAS_BUS_SYSREG

TEST_F(space, area_answers_and_maps_nothing)
{
	static const unsigned int widths[] = { 0, 1, 2, 4, 8 };
	struct axas_stats st;
	unsigned int i;

	ASSERT_EQ(0, ax_map_device(self->fd, GPA, 0x4000, AX_RW, COOKIE));
	for (i = 0; i < ARRAY_SIZE(widths); i++) {
		EXPECT_DEVICE(self->fd, MEM, GPA, AX_R, widths[i], COOKIE, 0);
		EXPECT_DEVICE(self->fd, MEM, GPA + 0x1234, AX_W, widths[i], COOKIE, 0x1234);
		EXPECT_DEVICE(self->fd, MEM, GPA + 0x3ff8, AX_RW, widths[i], COOKIE, 0x3ff8);
		/* Over the border of a page, but not of the device. */
		EXPECT_DEVICE(self->fd, MEM, GPA + 0x1fff, AX_R, widths[i], COOKIE, 0x1fff);
	}
	EXPECT_RESULT(self->fd, MEM, GPA - 1, AX_R, 1, AXAS_FAULT_NO_AREA);
	EXPECT_RESULT(self->fd, MEM, GPA + 0x4000, AX_R, 1, AXAS_FAULT_NO_AREA);
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(20, st.faults[AXAS_FAULT_DEVICE]);
	EXPECT_EQ(2, st.faults[AXAS_FAULT_NO_AREA]);
	EXPECT_EQ(0, st.faults[AXAS_FAULT_RESOLVED]);
	EXPECT_EQ(1, st.areas);
	EXPECT_EQ(0, st.resident);
	EXPECT_TRUE(ax_tables_are(self->fd, NULL, 0));
	/* Any cookie is as good as another. */
	ASSERT_EQ(0, ax_map_device(self->fd, GPA + 0x4000, 0x1000, AX_R, 0));
	EXPECT_DEVICE(self->fd, MEM, GPA + 0x4001, AX_R, 1, 0, 1);
	ASSERT_EQ(0, ax_map_device(self->fd, GPA + 0x5000, 0x1000, AX_R, ~0ULL));
	EXPECT_DEVICE(self->fd, MEM, GPA + 0x5001, AX_R, 1, ~0ULL, 1);
}

TEST_F(space, offset_survives_cuts)
{
	ASSERT_EQ(0, ax_map_device(self->fd, GPA, 0x8000, AX_RW, COOKIE));
	ASSERT_EQ(0, ax_unmap(self->fd, GPA, 0x1000));
	ASSERT_EQ(0, ax_unmap(self->fd, GPA + 0x3000, 0x1000));
	ASSERT_EQ(0, ax_protect(self->fd, GPA + 0x5000, 0x1000, AX_R));
	EXPECT_RESULT(self->fd, MEM, GPA + 0xfff, AX_R, 1, AXAS_FAULT_NO_AREA);
	EXPECT_DEVICE(self->fd, MEM, GPA + 0x1000, AX_R, 4, COOKIE, 0x1000);
	EXPECT_DEVICE(self->fd, MEM, GPA + 0x2ffc, AX_R, 4, COOKIE, 0x2ffc);
	EXPECT_RESULT(self->fd, MEM, GPA + 0x3000, AX_R, 1, AXAS_FAULT_NO_AREA);
	EXPECT_DEVICE(self->fd, MEM, GPA + 0x4000, AX_R, 4, COOKIE, 0x4000);
	EXPECT_DEVICE(self->fd, MEM, GPA + 0x5008, AX_R, 8, COOKIE, 0x5008);
	EXPECT_DENIED(self->fd, MEM, GPA + 0x5008, AX_W, 8, COOKIE, 0x5008);
	EXPECT_DEVICE(self->fd, MEM, GPA + 0x7ff0, AX_W, 8, COOKIE, 0x7ff0);
	/* A piece is a device of its own, also for what reaches out of it. */
	EXPECT_RESULT(self->fd, MEM, GPA + 0x2ffe, AX_R, 4, AXAS_FAULT_INVALID);
	EXPECT_RESULT(self->fd, MEM, GPA + 0x4ffe, AX_R, 4, AXAS_FAULT_INVALID);
	/* What comes back to the place begins anew. */
	ASSERT_EQ(0, ax_map_device(self->fd, GPA + 0x3000, 0x1000, AX_R, 7));
	EXPECT_DEVICE(self->fd, MEM, GPA + 0x3010, AX_R, 1, 7, 0x10);
	EXPECT_DEVICE(self->fd, MEM, GPA + 0x2010, AX_R, 1, COOKIE, 0x2010);
}

TEST_F(space, widths)
{
	static const unsigned int bad[] = { 3, 5, 6, 7, 9, 12, 16, 32, 64, 128, 255 };
	unsigned int i, width;

	ASSERT_EQ(0, ax_map_device(self->fd, GPA, 0x1000, AX_RW, COOKIE));
	ASSERT_EQ(0, ax_map(self->fd, GPA + 0x1000, 0x1000));
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, PORT, 0x60, 0x6f, 1));
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, SYSREG, 0x60, 0x6f, 1));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_RESULT(self->fd, MEM, GPA, AX_R, bad[i], AXAS_FAULT_INVALID);
		EXPECT_RESULT(self->fd, MEM, GPA + 0x1000, AX_R, bad[i], AXAS_FAULT_INVALID);
		EXPECT_RESULT(self->fd, PORT, 0x60, AX_R, bad[i], AXAS_FAULT_INVALID);
		EXPECT_RESULT(self->fd, SYSREG, 0x60, AX_R, bad[i], AXAS_FAULT_INVALID);
	}
	EXPECT_EQ(0, ax_resident(self->fd));
	for (width = 2; width <= 8; width *= 2) {
		for (i = 1; i < width; i++)
			EXPECT_RESULT(self->fd, MEM, GPA + 0x1000 - i, AX_R, width,
				      AXAS_FAULT_INVALID);
		EXPECT_DEVICE(self->fd, MEM, GPA + 0x1000 - width, AX_R, width, COOKIE,
			      0x1000 - width);
	}
	/* Nobody says how far it goes. */
	EXPECT_DEVICE(self->fd, MEM, GPA + 0xfff, AX_R, 0, COOKIE, 0xfff);
	/* Memory has no end that matters. */
	EXPECT_RESULT(self->fd, MEM, GPA + 0x1fff, AX_R, 8, AXAS_FAULT_RESOLVED);
	EXPECT_RESULT(self->fd, MEM, GPA + 0x1fff, AX_R, 8, AXAS_FAULT_SPURIOUS);
	EXPECT_RESULT(self->fd, MEM, GPA + 0x1fff, AX_R, 3, AXAS_FAULT_INVALID);
}

TEST_F(space, permissions)
{
	struct axas_fault_entry e;
	struct axas_stats st;

	ASSERT_EQ(0, ax_map_device(self->fd, GPA, 0x2000, AX_R, COOKIE));
	EXPECT_DEVICE(self->fd, MEM, GPA, AX_R, 4, COOKIE, 0);
	EXPECT_DENIED(self->fd, MEM, GPA, AX_W, 4, COOKIE, 0);
	EXPECT_DENIED(self->fd, MEM, GPA, AX_RW, 4, COOKIE, 0);
	EXPECT_DENIED(self->fd, MEM, GPA, AX_X, 4, COOKIE, 0);
	EXPECT_RESULT(self->fd, MEM, GPA, 0, 4, AXAS_FAULT_INVALID);
	EXPECT_RESULT(self->fd, MEM, GPA, 8, 4, AXAS_FAULT_INVALID);
	EXPECT_RESULT(self->fd, MEM, GPA, 1 << 15 | AX_R, 4, AXAS_FAULT_INVALID);
	ASSERT_EQ(0, ax_protect(self->fd, GPA, 0x1000, AX_RWX));
	EXPECT_DEVICE(self->fd, MEM, GPA + 4, AX_W, 4, COOKIE, 4);
	EXPECT_DEVICE(self->fd, MEM, GPA + 4, AX_X, 4, COOKIE, 4);
	EXPECT_DENIED(self->fd, MEM, GPA + 0x1000, AX_W, 4, COOKIE, 0x1000);
	/* A number that is no bus. */
	EXPECT_EQ(AXAS_FAULT_INVALID, reach(self->fd, 3, GPA, AX_R, 1, &e));
	EXPECT_EQ(AXAS_FAULT_INVALID, reach(self->fd, 255, GPA, AX_R, 1, &e));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(3, st.faults[AXAS_FAULT_DEVICE]);
	EXPECT_EQ(4, st.faults[AXAS_FAULT_DENIED]);
	EXPECT_EQ(5, st.faults[AXAS_FAULT_INVALID]);
	EXPECT_TRUE(ax_tables_are(self->fd, NULL, 0));
}

TEST_F(space, no_memory_is_there)
{
	struct axas_translate_entry e;
	char buf[0x3000] = "";
	volatile char *p;
	__u64 val;

	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x1000));
	ASSERT_EQ(0, ax_map_device(self->fd, GPA + 0x1000, 0x2000, AX_R, COOKIE));
	EXPECT_EQ(-EFAULT, ax_pread(self->fd, buf, 8, GPA + 0x1000));
	EXPECT_EQ(-EFAULT, ax_pwrite(self->fd, buf, 8, GPA + 0x1000));
	ASSERT_EQ(0, ax_protect(self->fd, GPA + 0x1000, 0x2000, AX_RW));
	EXPECT_EQ(-EFAULT, ax_pwrite(self->fd, buf, 8, GPA + 0x1000));
	EXPECT_EQ(0x1000, ax_pread(self->fd, buf, 0x3000, GPA));
	EXPECT_EQ(0x1000, ax_pwrite(self->fd, buf, 0x3000, GPA));
	EXPECT_EQ(8, ax_pread(self->fd, buf, 16, GPA + 0xff8));

	p = ax_window(self->fd, GPA, 0x3000, PROT_READ | PROT_WRITE);
	ASSERT_NE(MAP_FAILED, (void *)p);
	EXPECT_EQ(0, ax_store(p, 5));
	EXPECT_EQ(-EFAULT, ax_load(p + 0x1000, &val));
	EXPECT_EQ(-EFAULT, ax_store(p + 0x2ff8, 5));
	munmap((void *)p, 0x3000);

	EXPECT_EQ(AXAS_TRANSLATE_DEVICE, ax_translate(self->fd, GPA + 0x1abc, &e));
	EXPECT_EQ(0x2000 - 0xabc, e.limit);
	EXPECT_EQ(AX_RW, e.prot);
	EXPECT_EQ(AXAS_MEM_WB, e.memtype);
	EXPECT_EQ(0, e.hpa);
	EXPECT_EQ(0, e.leaf_size);
	EXPECT_EQ(0, e.flags);
	EXPECT_EQ(0x1000, ax_resident(self->fd));
}

TEST_F(space, area_of_any_size_costs_nothing)
{
	ASSERT_EQ(0, ax_map_device(self->fd, 0, self->end, AX_RW, COOKIE));
	EXPECT_DEVICE(self->fd, MEM, self->end - 8, AX_R, 8, COOKIE, self->end - 8);
	EXPECT_RESULT(self->fd, MEM, self->end - 7, AX_R, 8, AXAS_FAULT_INVALID);
	ASSERT_EQ(0, ax_unmap(self->fd, GPA, 0x1000));
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x1000));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA, AX_W));
	EXPECT_DEVICE(self->fd, MEM, GPA + 0x1000, AX_R, 8, COOKIE, GPA + 0x1000);
}

TEST_F(space, ports)
{
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, PORT, 0x3f8, 0x3ff, COOKIE));
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, PORT, 0x400, 0x400, 1));
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, PORT, 0xfffc, 0xffff, 2));
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, PORT, 0, 0, 3));
	EXPECT_RESULT(self->fd, PORT, 0x3f7, AX_R, 1, AXAS_FAULT_NO_AREA);
	EXPECT_RESULT(self->fd, PORT, 0x3f7, AX_R, 4, AXAS_FAULT_NO_AREA);
	EXPECT_DEVICE(self->fd, PORT, 0x3f8, AX_R, 1, COOKIE, 0);
	EXPECT_DEVICE(self->fd, PORT, 0x3ff, AX_W, 1, COOKIE, 7);
	EXPECT_DEVICE(self->fd, PORT, 0x3fc, AX_RW, 4, COOKIE, 4);
	EXPECT_RESULT(self->fd, PORT, 0x3fd, AX_W, 4, AXAS_FAULT_INVALID);
	EXPECT_RESULT(self->fd, PORT, 0x3ff, AX_W, 2, AXAS_FAULT_INVALID);
	EXPECT_DEVICE(self->fd, PORT, 0x400, AX_R, 1, 1, 0);
	EXPECT_RESULT(self->fd, PORT, 0x400, AX_R, 2, AXAS_FAULT_INVALID);
	EXPECT_DEVICE(self->fd, PORT, 0xfffc, AX_R, 4, 2, 0);
	EXPECT_RESULT(self->fd, PORT, 0xfffe, AX_R, 4, AXAS_FAULT_INVALID);
	EXPECT_DEVICE(self->fd, PORT, 0, AX_R, 0, 3, 0);
	EXPECT_RESULT(self->fd, PORT, 0x10000, AX_R, 1, AXAS_FAULT_INVALID);
	EXPECT_RESULT(self->fd, PORT, ~0ULL, AX_R, 1, AXAS_FAULT_INVALID);
	EXPECT_RESULT(self->fd, PORT, 0x3f8, AX_X, 1, AXAS_FAULT_INVALID);
	EXPECT_RESULT(self->fd, PORT, 0x3f8, AX_RX, 1, AXAS_FAULT_INVALID);
	EXPECT_RESULT(self->fd, PORT, 0x3f8, 0, 1, AXAS_FAULT_INVALID);

	EXPECT_EQ(0, ax_device(self->fd, AXAS_DEVICE_DEL, PORT, 0x3f8, 0x3ff, 0));
	EXPECT_RESULT(self->fd, PORT, 0x3f8, AX_R, 1, AXAS_FAULT_NO_AREA);
	EXPECT_DEVICE(self->fd, PORT, 0x400, AX_R, 1, 1, 0);
	/* Clearing memory doesn't reach other buses. */
	EXPECT_EQ(0, ax_clear(self->fd));
	EXPECT_DEVICE(self->fd, PORT, 0x400, AX_R, 1, 1, 0);
	EXPECT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, PORT, 0x3f8, 0x3ff, 9));
	EXPECT_DEVICE(self->fd, PORT, 0x3f9, AX_R, 1, 9, 1);
}

TEST_F(space, sysregs)
{
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, SYSREG, 0x10, 0x10, 1));
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, SYSREG, 0xc0000080,
			       0xc0000084, COOKIE));
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, SYSREG, 0xffffffff,
			       0xffffffff, 3));
	/* A register is one address, however wide. */
	EXPECT_DEVICE(self->fd, SYSREG, 0x10, AX_R, 8, 1, 0);
	EXPECT_DEVICE(self->fd, SYSREG, 0xc0000084, AX_W, 8, COOKIE, 4);
	EXPECT_DEVICE(self->fd, SYSREG, 0xffffffff, AX_R, 8, 3, 0);
	EXPECT_RESULT(self->fd, SYSREG, 0x11, AX_R, 8, AXAS_FAULT_NO_AREA);
	EXPECT_RESULT(self->fd, SYSREG, 0xc0000085, AX_R, 8, AXAS_FAULT_NO_AREA);
	EXPECT_RESULT(self->fd, SYSREG, 1ULL << 32, AX_R, 8, AXAS_FAULT_INVALID);
	EXPECT_RESULT(self->fd, SYSREG, 0x10, AX_X, 8, AXAS_FAULT_INVALID);
	EXPECT_EQ(0, ax_device(self->fd, AXAS_DEVICE_DEL, SYSREG, 0xffffffff,
			       0xffffffff, 0));
	EXPECT_RESULT(self->fd, SYSREG, 0xffffffff, AX_R, 8, AXAS_FAULT_NO_AREA);
	/* The whole bus, once it is free. */
	EXPECT_EQ(0, ax_device(self->fd, AXAS_DEVICE_DEL, SYSREG, 0x10, 0x10, 0));
	EXPECT_EQ(0, ax_device(self->fd, AXAS_DEVICE_DEL, SYSREG, 0xc0000080,
			       0xc0000084, 0));
	EXPECT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, SYSREG, 0, 0xffffffff, 5));
	EXPECT_DEVICE(self->fd, SYSREG, 0xffffffff, AX_R, 8, 5, 0xffffffff);
}

/* The same number three times, and memory between, in one call. */
TEST_F(space, buses_are_apart)
{
	struct axas_fault_entry *e = calloc(600, sizeof(*e));
	struct axas_stats st;
	unsigned int i;
	__u32 done;

	ASSERT_NE(NULL, e);
	ASSERT_EQ(0, ax_map_device(self->fd, 0, 0x1000, AX_RW, 100));
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, PORT, 0, 0xfff, 101));
	ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, SYSREG, 0, 0xfff, 102));
	ASSERT_EQ(0, ax_map(self->fd, GPA, 600 * AX_PAGE));
	for (i = 0; i < 600; i++)
		e[i] = (struct axas_fault_entry){
			.gpa = i % 4 < 3 ? i : GPA + i * AX_PAGE,
			.access = AX_W, .bus = i % 4 % 3, .width = 1,
			.result = ~0u, .cookie = UNSET, .offset = UNSET,
		};
	EXPECT_EQ(0, ax_fault_many(self->fd, e, 600, &done));
	EXPECT_EQ(600, done);
	for (i = 0; i < 600; i++) {
		bool memory = i % 4 == 3;

		EXPECT_EQ(memory ? AXAS_FAULT_RESOLVED : AXAS_FAULT_DEVICE, e[i].result);
		EXPECT_EQ(memory ? UNSET : 100 + i % 4, e[i].cookie);
		EXPECT_EQ(memory ? UNSET : i, e[i].offset);
		EXPECT_EQ(1, e[i].width);
	}
	EXPECT_EQ(150 * AX_PAGE, ax_resident(self->fd));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(450, st.faults[AXAS_FAULT_DEVICE]);
	EXPECT_EQ(150, st.faults[AXAS_FAULT_RESOLVED]);
	free(e);
}

TEST_F(space, many_devices)
{
	unsigned int i;

	for (i = 0; i < 1024; i++)
		ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, PORT, i * 16,
				       i * 16 + 14, i));
	for (i = 0; i < 1024; i++) {
		EXPECT_DEVICE(self->fd, PORT, i * 16 + 14, AX_R, 1, i, 14);
		EXPECT_RESULT(self->fd, PORT, i * 16 + 15, AX_R, 1, AXAS_FAULT_NO_AREA);
	}
	for (i = 0; i < 1024; i += 2)
		ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_DEL, PORT, i * 16,
				       i * 16 + 14, 0));
	EXPECT_RESULT(self->fd, PORT, 0, AX_R, 1, AXAS_FAULT_NO_AREA);
	EXPECT_DEVICE(self->fd, PORT, 16, AX_R, 1, 1, 0);
	/* The rest goes with the space. */
}

/* ---- devices come and go while their accesses are looked up ---- */

#define NR_RACING	16

struct race {
	int fd;
	bool stop;
	unsigned long hits, misses;
	const char *wrong;
};

/* Each device is there or not, and if it is, it is itself. */
static void *race_reach(void *arg)
{
	struct race *r = arg;
	struct axas_fault_entry e[3 * NR_RACING];
	unsigned int i;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		for (i = 0; i < 3 * NR_RACING; i++) {
			unsigned int nr = i / 3, bus = i % 3;

			e[i] = (struct axas_fault_entry){
				.gpa = bus ? nr * 16 + 5 : GPA + nr * 0x1000 + 5,
				.access = AX_R, .bus = bus, .width = 1,
			};
		}
		if (ax_fault_many(r->fd, e, 3 * NR_RACING, NULL))
			r->wrong = "the call fails";
		for (i = 0; i < 3 * NR_RACING; i++) {
			if (e[i].result == AXAS_FAULT_NO_AREA) {
				r->misses++;
				continue;
			}
			r->hits++;
			if (e[i].result != AXAS_FAULT_DEVICE)
				r->wrong = "neither there nor not";
			else if (e[i].offset != 5 || e[i].cookie != i)
				r->wrong = "another device's cookie or offset";
		}
	}
	return NULL;
}

TEST_F(space, come_and_go_while_reached)
{
	struct race races[2] = { { .fd = self->fd }, { .fd = self->fd } };
	bool there[3 * NR_RACING] = { false };
	__u64 seed = ax_seed("come_and_go_while_reached");
	double end = ax_now() + ax_race(3);
	pthread_t threads[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, race_reach, &races[i]));
	while (ax_racing(end, (races[0].hits && races[1].hits) || races[0].wrong ||
			      races[1].wrong)) {
		unsigned int at = ax_rand(&seed) % (3 * NR_RACING);
		unsigned int nr = at / 3, bus = at % 3;
		__u64 first = bus ? nr * 16 : GPA + nr * 0x1000;
		int ret;

		if (bus)
			ret = ax_device(self->fd, there[at] ? AXAS_DEVICE_DEL :
							      AXAS_DEVICE_ADD,
					bus, first, first + 15, at);
		else if (there[at])
			ret = ax_unmap(self->fd, first, 0x1000);
		else
			ret = ax_map_device(self->fd, first, 0x1000, AX_R, at);
		ASSERT_EQ(0, ret);
		there[at] = !there[at];
	}
	for (i = 0; i < 2; i++) {
		__atomic_store_n(&races[i].stop, true, __ATOMIC_RELAXED);
		pthread_join(threads[i], NULL);
		EXPECT_EQ(NULL, races[i].wrong)
			TH_LOG("%s", races[i].wrong);
		EXPECT_LT(0, races[i].hits);
		EXPECT_LT(0, races[i].misses);
	}
	EXPECT_TRUE(ax_tables_are(self->fd, NULL, 0));
}

TEST_HARNESS_MAIN
