// SPDX-License-Identifier: GPL-2.0
/*
 * Devices on all buses; the root; the list of areas.
 */
#include "cases.h"
#include "context.h"
#include "snapshot.h"

#define MEM	AXAS_BUS_MEMORY
#define PORT	AXAS_BUS_PORT
#define SYSREG	AXAS_BUS_SYSREG

/* What a result doesn't say is left alone. */
#define UNSET	0x5a5a5a5a5a5a5a5aULL

static int map_device(struct axas_space *space, u64 gpa, u64 size,
		      unsigned int prot, u64 cookie)
{
	const struct axas_map args = {
		.backend = AXAS_BACKEND_DEVICE,
		.gpa = gpa,
		.length = size,
		.prot = prot,
		.cookie = cookie,
	};

	return axas_space_map(space, &args);
}

/* An access, and what must come of it. */
struct access_row {
	u8 bus;
	u8 width;
	u16 access;
	u64 addr;
	u32 result;
	u64 cookie;
	u64 offset;
};

static void expect_access(struct kunit *test, struct axas_space *space,
			  const struct access_row *rows, unsigned int n)
{
	const bool named[AXAS_NR_FAULT_RESULTS] = {
		[AXAS_FAULT_DEVICE] = true, [AXAS_FAULT_DENIED] = true,
	};
	unsigned int i;

	for (i = 0; i < n; i++) {
		const struct access_row *row = &rows[i];
		struct axas_fault_entry entry = {
			.gpa = row->addr, .access = row->access,
			.width = row->width, .bus = row->bus, .result = 99,
			.cookie = UNSET, .offset = UNSET,
		};

		axas_space_faults(space, &entry, 1);
		KUNIT_EXPECT_EQ_MSG(test, entry.result, row->result, "row %u",
				    i);
		KUNIT_EXPECT_EQ_MSG(test, entry.cookie,
				    named[row->result] ? row->cookie : UNSET,
				    "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, entry.offset,
				    named[row->result] ? row->offset : UNSET,
				    "row %u", i);
		KUNIT_EXPECT_EQ(test, entry.width, row->width);
		KUNIT_EXPECT_EQ(test, entry.bus, row->bus);
		KUNIT_EXPECT_EQ(test, entry.access, row->access);
		KUNIT_EXPECT_EQ(test, entry.gpa, row->addr);
	}
}

void device_area_answers(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	static const struct access_row rows[] = {
		{ MEM, 0, PROT_R, SZ_1G, AXAS_FAULT_DEVICE, 42, 0 },
		{ MEM, 1, PROT_W, SZ_1G, AXAS_FAULT_DEVICE, 42, 0 },
		{ MEM, 8, PROT_RW, SZ_1G + 0xff9, AXAS_FAULT_DEVICE, 42, 0xff9 },
		{ MEM, 8, PROT_R, SZ_1G + 0x1ff8, AXAS_FAULT_DEVICE, 42, 0x1ff8 },
		{ MEM, 8, PROT_R, SZ_1G + 0x1ff9, AXAS_FAULT_INVALID },
		{ MEM, 2, PROT_R, SZ_1G + 0x1fff, AXAS_FAULT_INVALID },
		{ MEM, 1, PROT_R, SZ_1G + 0x1fff, AXAS_FAULT_DEVICE, 42, 0x1fff },
		{ MEM, 0, PROT_R, SZ_1G + 0x1fff, AXAS_FAULT_DEVICE, 42, 0x1fff },
		{ MEM, 1, PROT_X, SZ_1G, AXAS_FAULT_DENIED, 42, 0 },
		{ MEM, 3, PROT_R, SZ_1G, AXAS_FAULT_INVALID },
		{ MEM, 16, PROT_R, SZ_1G, AXAS_FAULT_INVALID },
		{ MEM, 1, 0, SZ_1G, AXAS_FAULT_INVALID },
		{ MEM, 1, PROT_R, SZ_1G - 1, AXAS_FAULT_NO_AREA },
		{ MEM, 1, PROT_R, SZ_1G + 0x2000, AXAS_FAULT_NO_AREA },
		{ MEM, 1, PROT_R, 1ULL << 48, AXAS_FAULT_INVALID },
		{ 3, 1, PROT_R, SZ_1G, AXAS_FAULT_INVALID },
		{ 255, 1, PROT_R, SZ_1G, AXAS_FAULT_INVALID },
	};
	struct axas_stats stats;

	KUNIT_ASSERT_EQ(test, map_device(space, SZ_1G, 0x2000, PROT_RW, 42), 0);
	expect_access(test, space, rows, ARRAY_SIZE(rows));
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, SZ_1G, PROT_R),
			(int)AXAS_FAULT_DEVICE);
	stats = axas_stats_of(space);
	KUNIT_EXPECT_EQ(test, stats.faults[AXAS_FAULT_DEVICE], 7ULL);
	KUNIT_EXPECT_EQ(test, stats.faults[AXAS_FAULT_RESOLVED], 0ULL);
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 1L);
	axas_check_space(test, space);
}

void device_area_in_pieces(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	static const struct access_row rows[] = {
		{ MEM, 1, PROT_R, SZ_1G, AXAS_FAULT_NO_AREA },
		{ MEM, 1, PROT_R, SZ_1G + 0x1000, AXAS_FAULT_DEVICE, 42, 0x1000 },
		{ MEM, 4, PROT_W, SZ_1G + 0x2008, AXAS_FAULT_DENIED, 42, 0x2008 },
		{ MEM, 4, PROT_R, SZ_1G + 0x2008, AXAS_FAULT_DEVICE, 42, 0x2008 },
		{ MEM, 4, PROT_R, SZ_1G + 0x2ffe, AXAS_FAULT_INVALID },
		{ MEM, 4, PROT_R, SZ_1G + 0x4ffc, AXAS_FAULT_RESOLVED },
		{ MEM, 4, PROT_W, SZ_1G + 0x5ffc, AXAS_FAULT_DEVICE, 42, 0x5ffc },
	};

	KUNIT_ASSERT_EQ(test, map_device(space, SZ_1G, 0x6000, PROT_RW, 42), 0);
	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, SZ_1G, SZ_4K), 0);
	KUNIT_ASSERT_EQ(test, axas_protect_range(space, SZ_1G + 0x2000, SZ_4K,
						 PROT_R), 0);
	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, SZ_1G + 0x4000, SZ_4K),
			0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + 0x4000, SZ_4K,
					     PROT_R, 0, 0), 0);
	expect_access(test, space, rows, ARRAY_SIZE(rows));
	axas_check_space(test, space);
}

void device_ports_and_sysregs(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	static const struct access_row rows[] = {
		{ PORT, 1, PROT_R, 0x3f8, AXAS_FAULT_DEVICE, 1, 0 },
		{ PORT, 1, PROT_W, 0x3ff, AXAS_FAULT_DEVICE, 1, 7 },
		{ PORT, 2, PROT_W, 0x3ff, AXAS_FAULT_INVALID },
		{ PORT, 1, PROT_R, 0x400, AXAS_FAULT_NO_AREA },
		{ PORT, 1, PROT_X, 0x3f8, AXAS_FAULT_INVALID },
		{ PORT, 1, 0, 0x3f8, AXAS_FAULT_INVALID },
		{ PORT, 7, PROT_R, 0x3f8, AXAS_FAULT_INVALID },
		{ PORT, 1, PROT_R, 0xffff, AXAS_FAULT_DEVICE, 2, 0 },
		{ PORT, 2, PROT_R, 0xffff, AXAS_FAULT_INVALID },
		{ PORT, 1, PROT_R, 0x10000, AXAS_FAULT_INVALID },
		{ PORT, 1, PROT_R, U64_MAX, AXAS_FAULT_INVALID },
		{ SYSREG, 8, PROT_R, 0x3f8, AXAS_FAULT_DEVICE, 3, 0x3f8 },
		{ SYSREG, 8, PROT_W, 0x3ff, AXAS_FAULT_DEVICE, 3, 0x3ff },
		{ SYSREG, 8, PROT_RW, 0x400, AXAS_FAULT_NO_AREA },
		{ SYSREG, 0, PROT_R, U32_MAX, AXAS_FAULT_DEVICE, 4, 0 },
		{ SYSREG, 0, PROT_R, 1ULL << 32, AXAS_FAULT_INVALID },
		{ SYSREG, 0, PROT_RX, 0x3f8, AXAS_FAULT_INVALID },
		{ MEM, 1, PROT_R, 0x3f8, AXAS_FAULT_NO_AREA },
	};
	const struct {
		struct axas_port_range com1, last;
	} ports = {
		{ axas_port(0x3f8), axas_port(0x3ff) },
		{ axas_port(0xffff), axas_port(0xffff) },
	};
	const struct axas_sysreg_range low = {
		axas_sysreg(0), axas_sysreg(0x3ff),
	};
	const struct axas_sysreg_range top = {
		axas_sysreg(U32_MAX), axas_sysreg(U32_MAX),
	};

	KUNIT_ASSERT_EQ(test, axas_space_add_ports(space, ports.com1, 1), 0);
	KUNIT_ASSERT_EQ(test, axas_space_add_ports(space, ports.last, 2), 0);
	KUNIT_ASSERT_EQ(test, axas_space_add_sysregs(space, low, 3), 0);
	KUNIT_ASSERT_EQ(test, axas_space_add_sysregs(space, top, 4), 0);
	expect_access(test, space, rows, ARRAY_SIZE(rows));
	/* They aren't areas. */
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 0ULL);
	KUNIT_EXPECT_EQ(test, axas_space_clear(space), 0);
	expect_access(test, space, rows, ARRAY_SIZE(rows));
}

void device_has_no_memory(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const axas_gpa_t gpa = axas_gpa(SZ_1G + 5);
	struct axas_translate_entry entry;
	struct axas_memory memory;

	KUNIT_ASSERT_EQ(test, map_device(space, SZ_1G, SZ_2M, PROT_R, 42), 0);
	KUNIT_EXPECT_EQ(test, axas_space_get_memory(space, gpa, PROT_R,
						    &memory), -EFAULT);
	KUNIT_EXPECT_EQ(test, axas_space_get_memory(space, gpa, PROT_W,
						    &memory), -EFAULT);
	entry = axas_translate_at(space, SZ_1G + 5);
	KUNIT_EXPECT_EQ(test, entry.state, (u32)AXAS_TRANSLATE_DEVICE);
	KUNIT_EXPECT_EQ(test, entry.limit, SZ_2M - 5ULL);
	KUNIT_EXPECT_EQ(test, entry.prot, (u32)PROT_R);
	KUNIT_EXPECT_EQ(test, entry.hpa | entry.leaf_size | entry.memtype |
			      entry.flags, 0ULL);
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 1L);
}

struct device_row {
	struct axas_device args;
	int add;
	int del;
};

/* Port range [0x60, 0x6f] is there. */
static const struct device_row device_rows[] = {
	{ { .bus = 0, .first = 1, .last = 2 }, -EINVAL, -EINVAL },
	{ { .bus = 3, .first = 1, .last = 2 }, -EINVAL, -EINVAL },
	{ { .bus = U32_MAX, .first = 1, .last = 2 }, -EINVAL, -EINVAL },
	{ { .bus = PORT, .reserved = 1, .last = 2 }, -EINVAL, -EINVAL },
	{ { .bus = PORT, .first = 2, .last = 1 }, -ERANGE, -ERANGE },
	{ { .bus = PORT, .last = 0x10000 }, -ERANGE, -ERANGE },
	{ { .bus = PORT, .first = 0x10000, .last = 0x10000 }, -ERANGE, -ERANGE },
	{ { .bus = PORT, .first = 1, .last = U64_MAX }, -ERANGE, -ERANGE },
	{ { .bus = SYSREG, .last = 1ULL << 32 }, -ERANGE, -ERANGE },
	{ { .bus = SYSREG, .first = U64_MAX, .last = U64_MAX },
	  -ERANGE, -ERANGE },
	{ { .bus = PORT, .first = 0x60, .last = 0x60 }, -EEXIST, -ENOENT },
	{ { .bus = PORT, .first = 0x6f, .last = 0x6f }, -EEXIST, -ENOENT },
	{ { .bus = PORT, .first = 0, .last = 0xffff }, -EEXIST, -ENOENT },
	{ { .bus = PORT, .first = 0x5f, .last = 0x6f }, -EEXIST, -ENOENT },
	{ { .bus = PORT, .first = 0x60, .last = 0x70 }, -EEXIST, -ENOENT },
	{ { .bus = PORT, .first = 0x61, .last = 0x6f }, -EEXIST, -ENOENT },
};

void errno_device(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const struct axas_device there = {
		.bus = PORT, .first = 0x60, .last = 0x6f, .cookie = 9,
	};
	struct axas_snapshot before;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, axas_space_del_device(space, &there), -ENOENT);
	KUNIT_ASSERT_EQ(test, axas_space_add_device(space, &there), 0);
	axas_snapshot_take(space, &before);
	for (i = 0; i < ARRAY_SIZE(device_rows); i++) {
		const struct device_row *row = &device_rows[i];

		KUNIT_EXPECT_EQ_MSG(test,
				    axas_space_add_device(space, &row->args),
				    row->add, "add, row %u", i);
		KUNIT_EXPECT_EQ_MSG(test,
				    axas_space_del_device(space, &row->args),
				    row->del, "del, row %u", i);
	}
	axas_snapshot_expect(test, space, &before, "device", 0);
	KUNIT_EXPECT_EQ(test, axas_space_add_device(space, &there), -EEXIST);
	KUNIT_EXPECT_EQ(test, axas_space_del_device(space, &there), 0);
	KUNIT_EXPECT_EQ(test, axas_space_del_device(space, &there), -ENOENT);
	KUNIT_EXPECT_EQ(test, axas_space_add_device(space, &there), 0);
}

/* Intel volume 3C, 25.6.11, Arm D24.2 and AMD 15.25.3: by hand, for 48 bits. */
void space_root(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const struct axas_create narrow = { .gpa_bits = 39 };
	u64 hpa = axas_hal_virt_to_phys(space->npt.root).val;
	struct axas_root root;

	memset(&root, 0xee, sizeof(root));
	KUNIT_ASSERT_EQ(test, axas_space_root(space, &root), 0);
	KUNIT_EXPECT_EQ(test, root.root, hpa);
	KUNIT_EXPECT_EQ(test, root.levels, 4U);
	if (axas_is_ept(test)) {
		KUNIT_EXPECT_EQ(test, root.format, (u32)AXAS_FORMAT_EPT);
		KUNIT_EXPECT_EQ(test, root.control, hpa | 0x1e);
		KUNIT_EXPECT_EQ(test, root.vtcr, 0ULL);
		space = axas_test_space_with(test, &narrow);
		KUNIT_EXPECT_EQ(test, axas_space_root(space, &root),
				-EOPNOTSUPP);
		return;
	}
	KUNIT_EXPECT_EQ(test, root.format, (u32)axas_context(test)->format);
	KUNIT_EXPECT_EQ(test, root.control, hpa);
	/* T0SZ 16, SL0 2, WBWA twice, inner shareable, PS 5, bit 31. */
	KUNIT_EXPECT_EQ(test, root.vtcr, axas_is_s2(test) ? 0x80053590ULL : 0);
}

static void expect_area(struct kunit *test, const struct axas_area_entry *got,
			struct axas_area_entry want)
{
	KUNIT_EXPECT_EQ_MSG(test, memcmp(got, &want, sizeof(want)), 0,
			    "area at %llx, %llx bytes, hpa %llx", got->gpa,
			    got->length, got->hpa);
}

/* A linear area with a page out, a device, and what lies between calls. */
void space_areas(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	const struct axas_area_entry left = {
		.gpa = SZ_1G, .length = SZ_2M, .hpa = HPA_NOWHERE,
		.max_leaf = SZ_1G, .backend = 1, .prot = PROT_RX,
	};
	const struct axas_area_entry right = {
		.gpa = SZ_1G + SZ_2M + SZ_4K, .length = SZ_2M - SZ_4K,
		.hpa = HPA_NOWHERE + SZ_2M + SZ_4K, .max_leaf = SZ_1G,
		.backend = 1, .prot = PROT_RX,
	};
	const struct axas_area_entry device = {
		.gpa = 1ULL << 40, .length = SZ_4K, .cookie = 5, .backend = 3,
		.prot = PROT_R,
	};
	struct axas_areas areas = { .nr = 2 };
	struct axas_area_entry entries[3];
	u64 generation;

	KUNIT_ASSERT_EQ(test, axas_map_linear(space, SZ_1G, 2 * SZ_2M,
					      HPA_NOWHERE, PROT_RX), 0);
	KUNIT_ASSERT_EQ(test, map_device(space, 1ULL << 40, SZ_4K, PROT_R, 5),
			0);
	KUNIT_ASSERT_EQ(test, axas_unmap_range(space, SZ_1G + SZ_2M, SZ_4K), 0);
	memset(entries, 0xee, sizeof(entries));
	KUNIT_ASSERT_EQ(test, axas_space_areas(space, &areas, entries), 0);
	KUNIT_EXPECT_EQ(test, areas.done, 2U);
	KUNIT_EXPECT_EQ(test, areas.start, SZ_1G + 2ULL * SZ_2M);
	expect_area(test, &entries[0], left);
	expect_area(test, &entries[1], right);
	generation = areas.generation;

	KUNIT_ASSERT_EQ(test, axas_space_areas(space, &areas, entries), 0);
	KUNIT_EXPECT_EQ(test, areas.done, 1U);
	KUNIT_EXPECT_EQ(test, areas.start, U64_MAX);
	KUNIT_EXPECT_EQ(test, areas.generation, generation);
	expect_area(test, &entries[0], device);

	KUNIT_ASSERT_EQ(test, axas_protect_range(space, 1ULL << 40, SZ_4K,
						 PROT_RW), 0);
	areas = (struct axas_areas){ .start = (1ULL << 40) + 5, .nr = 1 };
	KUNIT_ASSERT_EQ(test, axas_space_areas(space, &areas, entries), 0);
	KUNIT_EXPECT_EQ(test, areas.done, 1U);
	KUNIT_EXPECT_EQ(test, areas.start, U64_MAX);
	KUNIT_EXPECT_GT(test, areas.generation, generation);
}
