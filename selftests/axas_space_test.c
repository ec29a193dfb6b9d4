// SPDX-License-Identifier: GPL-2.0
/*
 * What a space of kernel frames does: areas, faults, translations, figures. The
 * expected values come from the header's text or from a model kept here.
 */
#include "axas_fixture.h"

#define GPA	0x400000ULL

TEST_F(space, new_space_is_empty)
{
	EXPECT_EQ(variant->format, self->empty.format);
	EXPECT_EQ(variant->bits, self->empty.gpa_bits);
	EXPECT_EQ(0, self->empty.base);
	EXPECT_EQ(self->end, self->empty.length);
	EXPECT_EQ(0, self->empty.areas);
	EXPECT_EQ(0, self->empty.resident);
	if (variant->format == AXAS_FORMAT_EPT || variant->format == AXAS_FORMAT_AMD)
		EXPECT_EQ((variant->bits - 12) / 9, self->empty.levels);
	if (variant->format == AXAS_FORMAT_S2 && variant->bits >= 40)
		EXPECT_EQ(variant->bits > 43 ? 4 : 3, self->empty.levels);
	/* Only the root, of as many pages as the width asks for. */
	EXPECT_TRUE(ax_tables_are(self->fd, NULL, 0));
	EXPECT_EQ(AXAS_TRANSLATE_NO_AREA, ax_state(self->fd, 0));
	EXPECT_EQ(AXAS_TRANSLATE_NO_AREA, ax_state(self->fd, self->end - 1));
	EXPECT_EQ(AXAS_TRANSLATE_INVALID, ax_state(self->fd, self->end));
	EXPECT_EQ(AXAS_TRANSLATE_INVALID, ax_state(self->fd, ~0ULL));
	/* Nothing to take away is no error. */
	EXPECT_EQ(0, ax_unmap(self->fd, 0, self->end));
	EXPECT_EQ(0, ax_clear(self->fd));
}

TEST_F(space, base_and_length)
{
	const __u64 base = 0x10001000, length = 0x7000;
	struct axas_translate_entry e;
	struct axas_stats st;
	int fd = ax_create_range(self->dev, variant->format, variant->bits, base, length);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ax_stats(fd, &st));
	EXPECT_EQ(base, st.base);
	EXPECT_EQ(length, st.length);
	EXPECT_EQ(AXAS_TRANSLATE_INVALID, ax_state(fd, base - 1));
	EXPECT_EQ(AXAS_TRANSLATE_NO_AREA, ax_state(fd, base));
	EXPECT_EQ(AXAS_TRANSLATE_NO_AREA, ax_state(fd, base + length - 1));
	EXPECT_EQ(AXAS_TRANSLATE_INVALID, ax_state(fd, base + length));
	EXPECT_EQ(-ERANGE, ax_map(fd, base - 0x1000, 0x2000));
	EXPECT_EQ(-ERANGE, ax_map(fd, base + 0x6000, 0x2000));
	EXPECT_EQ(-ERANGE, ax_map(fd, base - 0x1000, length + 0x2000));
	EXPECT_EQ(-ERANGE, ax_map(fd, 0, 0x1000));
	EXPECT_EQ(-ERANGE, ax_unmap(fd, base, length + 0x1000));
	EXPECT_EQ(-ERANGE, ax_protect(fd, base - 0x1000, 0x1000, AX_R));
	EXPECT_EQ(AXAS_FAULT_INVALID, ax_fault(fd, base - 1, AX_R));
	EXPECT_EQ(AXAS_FAULT_INVALID, ax_fault(fd, base + length, AX_R));
	EXPECT_EQ(0, ax_map(fd, base, length));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(fd, base + length - 1, AX_W));
	ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(fd, base + length - 1, &e));
	EXPECT_EQ(1, e.limit);
	close(fd);
	/* The last page of the width; a length of 0 reaches up to there. */
	fd = ax_create_range(self->dev, variant->format, variant->bits,
			     self->end - 0x1000, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ax_stats(fd, &st));
	EXPECT_EQ(0x1000, st.length);
	EXPECT_EQ(0, ax_populate(fd, self->end - 0x1000, 0x1000));
	EXPECT_EQ(AXAS_TRANSLATE_MAPPED, ax_state(fd, self->end - 1));
	close(fd);
}

TEST_F(space, map_at_both_ends)
{
	const struct ax_leaf leaf[] = {
		{ 0, 0 }, { self->end - 0x1000, 0 },
	};

	EXPECT_EQ(0, ax_populate(self->fd, 0, 0x1000));
	EXPECT_EQ(0, ax_populate(self->fd, self->end - 0x1000, 0x1000));
	EXPECT_TRUE(ax_tables_are(self->fd, leaf, 2));
	EXPECT_NE(ax_hpa(self->fd, 0), ax_hpa(self->fd, self->end - 0x1000));
	EXPECT_EQ(0, ax_unmap(self->fd, 0, self->end));
	EXPECT_TRUE(ax_tables_are(self->fd, NULL, 0));
}

TEST_F(space, lazy_costs_nothing)
{
	const __u64 want = 64ULL << 40;
	const __u64 length = self->end / 2 < want ? self->end / 2 : want;
	struct axas_translate_entry e;
	struct axas_stats st;
	double start = ax_now();

	ASSERT_EQ(0, ax_map(self->fd, self->end / 2, length));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(1, st.areas);
	EXPECT_EQ(0, st.resident);
	EXPECT_TRUE(ax_tables_are(self->fd, NULL, 0));
	ASSERT_EQ(AXAS_TRANSLATE_LAZY, ax_translate(self->fd, self->end / 2 + 5, &e));
	EXPECT_EQ(length - 5, e.limit);
	EXPECT_EQ(AX_RW, e.prot);
	EXPECT_EQ(AXAS_MEM_WB, e.memtype);
	EXPECT_EQ(0, e.hpa);
	EXPECT_EQ(0, e.leaf_size);
	EXPECT_EQ(0, e.flags);
	EXPECT_EQ(0, ax_protect(self->fd, self->end / 2, length, AX_R));
	EXPECT_EQ(0, ax_unmap(self->fd, self->end / 2 + length / 2, 0x1000));
	EXPECT_TRUE(ax_tables_are(self->fd, NULL, 0));
	EXPECT_EQ(0, ax_clear(self->fd));
	/* Work in proportion to the range would take minutes. */
	EXPECT_GT(5.0, ax_now() - start);
}

TEST_F(space, populate)
{
	struct axas_translate_entry e[64];
	struct axas_stats st;
	struct ax_leaf leaf[64];
	unsigned int i, j;

	ASSERT_EQ(0, ax_populate(self->fd, GPA + 0x1f0000, 64 * AX_PAGE));
	for (i = 0; i < 64; i++) {
		e[i].gpa = GPA + 0x1f0000 + i * AX_PAGE;
		leaf[i] = (struct ax_leaf){ e[i].gpa, 0 };
	}
	ASSERT_EQ(0, ax_translate_many(self->fd, e, 64, NULL));
	for (i = 0; i < 64; i++) {
		EXPECT_EQ(AXAS_TRANSLATE_MAPPED, e[i].state);
		EXPECT_EQ(4096, e[i].leaf_size);
		EXPECT_EQ((64 - i) * AX_PAGE, e[i].limit);
		EXPECT_EQ(0, e[i].hpa % AX_PAGE);
		EXPECT_NE(0, e[i].hpa);
		for (j = 0; j < i; j++)
			EXPECT_NE(e[j].hpa, e[i].hpa);
		EXPECT_EQ(0, ax_get64(self->fd, e[i].gpa));
	}
	EXPECT_TRUE(ax_tables_are(self->fd, leaf, 64));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(64 * AX_PAGE, st.resident);
	EXPECT_EQ(1, st.areas);
}

TEST_F(space, numa_node)
{
	struct axas_map m = {
		.size = sizeof(m), .flags = AXAS_MAP_NODE | AXAS_MAP_POPULATE,
		.gpa = GPA, .length = 0x10000, .backend = AXAS_BACKEND_ALLOC,
		.prot = AX_RW, .node = 0,
	};

	EXPECT_EQ(0, ax_ioctl(self->fd, AXAS_MAP, &m));
	EXPECT_EQ(0x10000, ax_resident(self->fd));
}

TEST_F(space, permissions_read_back)
{
	static const __u32 prots[] = { AX_R, AX_RW, AX_RX, AX_RWX };
	struct axas_translate_entry e;
	unsigned int i, access;

	for (i = 0; i < ARRAY_SIZE(prots); i++) {
		__u64 gpa = GPA + i * 0x2000;

		/* The second page is made with other rights and changed. */
		ASSERT_EQ(0, ax_map_alloc(self->fd, gpa, 0x1000, prots[i], 0, 0));
		ASSERT_EQ(0, ax_map_alloc(self->fd, gpa + 0x1000, 0x1000,
					  prots[3 - i], AXAS_MAP_POPULATE, 0));
		ASSERT_EQ(0, ax_protect(self->fd, gpa + 0x1000, 0x1000, prots[i]));
		for (access = 1; access < 8; access++) {
			bool ok = !(access & ~prots[i]);

			EXPECT_EQ(ok ? AXAS_FAULT_SPURIOUS : AXAS_FAULT_DENIED,
				  ax_fault(self->fd, gpa + 0x1000, access));
			if (ok) {
				EXPECT_EQ(access == AX_R ? AXAS_FAULT_RESOLVED :
							   AXAS_FAULT_SPURIOUS,
					  ax_fault(self->fd, gpa, access));
			} else {
				EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, gpa, access));
			}
		}
		ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, gpa, &e));
		EXPECT_EQ(prots[i], e.prot);
		ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, gpa + 0x1000, &e));
		EXPECT_EQ(prots[i], e.prot);
	}
}

TEST_F(space, memory_types_read_back)
{
	struct axas_translate_entry e;
	unsigned int type;

	for (type = 0; type <= AXAS_MEM_DEVICE; type++) {
		struct axas_map m = {
			.size = sizeof(m), .gpa = GPA + type * 0x10000,
			.length = 0x2000, .backend = AXAS_BACKEND_ALLOC,
			.prot = AX_RWX, .memtype = type,
		};
		bool has = self->info.memtypes >> type & 1;

		ASSERT_EQ(has ? 0 : -EOPNOTSUPP, ax_ioctl(self->fd, AXAS_MAP, &m));
		if (!has)
			continue;
		ASSERT_EQ(AXAS_TRANSLATE_LAZY, ax_translate(self->fd, m.gpa, &e));
		EXPECT_EQ(type, e.memtype);
		ASSERT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, m.gpa, AX_R));
		ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, m.gpa, &e));
		EXPECT_EQ(type, e.memtype);
		EXPECT_EQ(0, e.flags & AXAS_TRANSLATE_IGNORE_PAT);
		/* Rights change, the type stays. */
		ASSERT_EQ(0, ax_protect(self->fd, m.gpa, 0x1000, AX_R));
		ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, m.gpa, &e));
		EXPECT_EQ(type, e.memtype);
		EXPECT_EQ(AX_R, e.prot);
	}
	if (variant->format == AXAS_FORMAT_EPT) {
		ASSERT_EQ(0, ax_map_alloc(self->fd, GPA - 0x10000, 0x1000, AX_RW,
					  AXAS_MAP_IGNORE_PAT | AXAS_MAP_POPULATE, 0));
		ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, GPA - 0x10000, &e));
		EXPECT_TRUE(e.flags & AXAS_TRANSLATE_IGNORE_PAT);
		ASSERT_EQ(0, ax_protect(self->fd, GPA - 0x10000, 0x1000, AX_R));
		ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, GPA - 0x10000, &e));
		EXPECT_TRUE(e.flags & AXAS_TRANSLATE_IGNORE_PAT);
	}
}

TEST_F(space, fault_results_in_order)
{
	struct axas_fault_entry e[] = {
		{ GPA, AX_W, .result = ~0u },		/* RESOLVED */
		{ GPA + 0xfff, AX_R, .result = ~0u },	/* SPURIOUS, the same page */
		{ GPA - 1, AX_R, .result = ~0u },		/* NO_AREA */
		{ GPA + 0x1000, AX_W, .result = ~0u },	/* DENIED */
		{ GPA, 0, .result = ~0u },		/* INVALID from here */
		{ GPA, 8, .result = ~0u },
		{ GPA, AX_R | 1u << 15, .result = ~0u },
		{ self->end, AX_R, .result = ~0u },
		{ ~0ULL, AX_R, .result = ~0u },
		{ GPA + 0x1008, AX_R, .result = ~0u },	/* RESOLVED */
		{ GPA, AX_X, .result = ~0u },		/* DENIED, though it is mapped */
		{ GPA, AX_RW, .result = ~0u },		/* SPURIOUS */
	};
	static const __u32 want[] = { 0, 1, 2, 3, 5, 5, 5, 5, 5, 0, 3, 1 };
	static const __u64 counts[AXAS_NR_FAULT_RESULTS] = { 2, 2, 1, 2, 0, 5 };
	struct axas_stats st;
	__u32 done = 0;
	unsigned int i;

	_Static_assert(ARRAY_SIZE(want) == ARRAY_SIZE(e), "want");
	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x1000));
	ASSERT_EQ(0, ax_map_alloc(self->fd, GPA + 0x1000, 0x1000, AX_R, 0, 0));
	EXPECT_EQ(0, ax_fault_many(self->fd, e, ARRAY_SIZE(e), &done));
	EXPECT_EQ(ARRAY_SIZE(e), done);
	for (i = 0; i < ARRAY_SIZE(e); i++) {
		EXPECT_EQ(want[i], e[i].result)
			TH_LOG("entry %u", i);
	}
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		EXPECT_EQ(counts[i], st.faults[i]);
	EXPECT_EQ(0x2000, st.resident);
}

TEST_F(space, fault_batches)
{
	static const unsigned int sizes[] = { 0, 1, 16, 1000 };
	struct axas_fault_entry *e = calloc(1000, sizeof(*e));
	unsigned int i, k;
	__u64 gpa = GPA, resident = 0;
	__u32 done;

	ASSERT_NE(NULL, e);
	ASSERT_EQ(0, ax_map(self->fd, GPA, 2048 * AX_PAGE));
	for (k = 0; k < ARRAY_SIZE(sizes); k++) {
		for (i = 0; i < sizes[k]; i++)
			e[i] = (struct axas_fault_entry){
				.gpa = gpa + i * AX_PAGE + i, .access = AX_W, .result = ~0u,
			};
		EXPECT_EQ(0, ax_fault_many(self->fd, e, sizes[k], &done));
		EXPECT_EQ(sizes[k], done);
		for (i = 0; i < sizes[k]; i++)
			EXPECT_EQ(AXAS_FAULT_RESOLVED, e[i].result);
		resident += sizes[k] * AX_PAGE;
		EXPECT_EQ(resident, ax_resident(self->fd));
		EXPECT_EQ(0, ax_fault_many(self->fd, e, sizes[k], &done));
		for (i = 0; i < sizes[k]; i++)
			EXPECT_EQ(AXAS_FAULT_SPURIOUS, e[i].result);
		EXPECT_EQ(resident, ax_resident(self->fd));
		gpa += sizes[k] * AX_PAGE;
	}
	EXPECT_EQ(0, ax_fault_many(self->fd, NULL, 0, &done));
	EXPECT_EQ(0, done);
	free(e);
}

TEST_F(space, arrays_that_end_in_the_void)
{
	const unsigned int valid = 512;
	struct axas_translate_entry *t;
	struct axas_fault_entry *f;
	__u32 i, done = ~0u;
	char *p;

	p = mmap(NULL, 0x9000, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)p);
	ASSERT_EQ(0, munmap(p + 0x8000, 0x1000));
	ASSERT_EQ(0, ax_map(self->fd, GPA, 1024 * AX_PAGE));

	EXPECT_EQ(-EFAULT, ax_fault_many(self->fd, (void *)8, 1, &done));
	EXPECT_EQ(0, done);
	EXPECT_EQ(-EFAULT, ax_translate_many(self->fd, (void *)8, 1, &done));
	EXPECT_EQ(0, done);
	EXPECT_EQ(-EFAULT, ax_fault_many(self->fd, (void *)-4096UL, ~0u, &done));
	EXPECT_EQ(0, done);
	EXPECT_EQ(0, ax_resident(self->fd));

	f = (void *)(p + 0x8000 - valid * sizeof(*f));
	for (i = 0; i < valid; i++)
		f[i] = (struct axas_fault_entry){
			.gpa = GPA + i * AX_PAGE, .access = AX_W, .result = ~0u,
		};
	EXPECT_EQ(-EFAULT, ax_fault_many(self->fd, f, 600, &done));
	/* What is done is counted, and has its result; a caller may go on. */
	EXPECT_LT(0, done);
	ASSERT_GE(valid, done);
	for (i = 0; i < done; i++)
		EXPECT_EQ(AXAS_FAULT_RESOLVED, f[i].result);
	EXPECT_EQ(done * AX_PAGE, ax_resident(self->fd));
	EXPECT_EQ(0, ax_fault_many(self->fd, f + done, valid - done, &i));
	EXPECT_EQ(valid * AX_PAGE, ax_resident(self->fd));

	t = (void *)(p + 0x8000 - 100 * sizeof(*t));
	memset(t, 0xee, 100 * sizeof(*t));
	for (i = 0; i < 100; i++)
		t[i].gpa = GPA + i * AX_PAGE;
	EXPECT_EQ(-EFAULT, ax_translate_many(self->fd, t, ~0u, &done));
	EXPECT_LT(0, done);
	ASSERT_GE(100, done);
	for (i = 0; i < done; i++) {
		EXPECT_EQ(AXAS_TRANSLATE_MAPPED, t[i].state);
		EXPECT_EQ((1024 - i) * AX_PAGE, t[i].limit);
	}

	/* A result that can't be delivered. */
	f = (void *)p;
	f->gpa = GPA;
	ASSERT_EQ(0, mprotect(p, 0x1000, PROT_READ));
	EXPECT_EQ(-EFAULT, ax_fault_many(self->fd, f, 1, &done));
	EXPECT_EQ(0, done);
}

TEST_F(space, unmap_parts_and_holes)
{
	struct axas_translate_entry e;
	struct axas_stats st;
	unsigned int i;

	/* Three areas of 8 pages with holes of 8 pages between them. */
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, ax_populate(self->fd, GPA + i * 0x10000, 0x8000));
	for (i = 0; i < 24; i++)
		ASSERT_EQ(0, ax_put64(self->fd, GPA + i / 8 * 0x10000 + i % 8 * AX_PAGE, i + 1));
	/* From the middle of the first to the middle of the last. */
	EXPECT_EQ(0, ax_unmap(self->fd, GPA + 0x4000, 0x1f000));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(2, st.areas);
	EXPECT_EQ(9 * AX_PAGE, st.resident);
	ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, GPA + 0x3000, &e));
	EXPECT_EQ(0x1000, e.limit);
	EXPECT_EQ(AXAS_TRANSLATE_NO_AREA, ax_translate(self->fd, GPA + 0x4000, &e));
	EXPECT_EQ(0, e.limit);
	EXPECT_EQ(0, e.prot);
	EXPECT_EQ(AXAS_TRANSLATE_NO_AREA, ax_state(self->fd, GPA + 0x10000));
	EXPECT_EQ(AXAS_TRANSLATE_NO_AREA, ax_state(self->fd, GPA + 0x22fff));
	EXPECT_EQ(AXAS_TRANSLATE_MAPPED, ax_state(self->fd, GPA + 0x23000));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(i + 1, ax_get64(self->fd, GPA + i * AX_PAGE));
	for (i = 3; i < 8; i++)
		EXPECT_EQ(17 + i, ax_get64(self->fd, GPA + 0x20000 + i * AX_PAGE));
	/* What was left can be used again, and is zero. */
	EXPECT_EQ(0, ax_map(self->fd, GPA + 0x4000, 0x1f000));
	EXPECT_EQ(AXAS_TRANSLATE_LAZY, ax_state(self->fd, GPA + 0x4000));
	EXPECT_EQ(0, ax_get64(self->fd, GPA + 0x10000));
	/* A hole in the middle of one. */
	EXPECT_EQ(0, ax_unmap(self->fd, GPA + 0x8000, 0x1000));
	ASSERT_EQ(AXAS_TRANSLATE_LAZY, ax_translate(self->fd, GPA + 0x7000, &e));
	EXPECT_EQ(0x1000, e.limit);
}

TEST_F(space, protect_parts)
{
	struct axas_translate_entry e;
	struct axas_stats st;

	ASSERT_EQ(0, ax_map(self->fd, GPA, 0x8000));
	ASSERT_EQ(0, ax_put64(self->fd, GPA + 0x3000, 77));
	EXPECT_EQ(0, ax_protect(self->fd, GPA + 0x2000, 0x3000, AX_R));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(3, st.areas);
	EXPECT_EQ(AX_PAGE, st.resident);
	ASSERT_EQ(AXAS_TRANSLATE_LAZY, ax_translate(self->fd, GPA, &e));
	EXPECT_EQ(0x2000, e.limit);
	EXPECT_EQ(AX_RW, e.prot);
	ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, GPA + 0x3000, &e));
	EXPECT_EQ(0x2000, e.limit);
	EXPECT_EQ(AX_R, e.prot);
	ASSERT_EQ(AXAS_TRANSLATE_LAZY, ax_translate(self->fd, GPA + 0x4008, &e));
	EXPECT_EQ(0xff8, e.limit);
	EXPECT_EQ(AX_R, e.prot);
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, GPA + 0x3000, AX_W));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, GPA + 0x4000, AX_W));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA + 0x4000, AX_R));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, GPA + 0x5000, AX_W));
	EXPECT_EQ(77, ax_get64(self->fd, GPA + 0x3000));
	EXPECT_EQ(-EACCES, ax_pwrite(self->fd, &st, 8, GPA + 0x3000));
	/* And over several areas at once. */
	EXPECT_EQ(0, ax_protect(self->fd, GPA + 0x1000, 0x6000, AX_RWX));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, GPA + 0x3000, AX_W));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, GPA + 0x4000, AX_RWX));
	EXPECT_EQ(77, ax_get64(self->fd, GPA + 0x3000));
	EXPECT_EQ(0, ax_put64(self->fd, GPA + 0x3000, 78));
	/* The pieces are alike, and so they are one. */
	ASSERT_EQ(AXAS_TRANSLATE_LAZY, ax_translate(self->fd, GPA + 0x1000, &e));
	EXPECT_EQ(0x6000, e.limit);
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(3, st.areas);
}

TEST_F(space, clear)
{
	ASSERT_EQ(0, ax_populate(self->fd, GPA, 0x10000));
	ASSERT_EQ(0, ax_map_alloc(self->fd, self->end / 2, 0x10000, AX_R, 0, 0));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, self->end / 2, AX_R));
	EXPECT_EQ(0, ax_clear(self->fd));
	EXPECT_EQ(0, ax_resident(self->fd));
	EXPECT_TRUE(ax_tables_are(self->fd, NULL, 0));
	EXPECT_EQ(AXAS_TRANSLATE_NO_AREA, ax_state(self->fd, GPA));
	EXPECT_EQ(0, ax_map(self->fd, 0, self->end));
	EXPECT_EQ(0, ax_get64(self->fd, GPA));
}

/* Areas of 2 MiB frames. */
#define HUGE	0x40000000ULL
#define NEED_2M() do {							\
	if (!ax_have_free_2m())						\
		SKIP(return, "no free block of 2 MiB");			\
} while (0)

TEST_F(space, huge_frames_where_they_fit)
{
	struct axas_translate_entry e;
	struct axas_stats st;

	NEED_2M();
	/* One page in front of two aligned blocks, one page behind them. */
	ASSERT_EQ(0, ax_map_alloc(self->fd, HUGE - 0x1000, 2 * AX_2M + 0x2000,
				  AX_RW, 0, AX_2M));
	EXPECT_EQ(0, ax_resident(self->fd));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, HUGE + 0x123456, AX_W));
	ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, HUGE + 0x123456, &e));
	EXPECT_EQ(AX_2M, e.leaf_size);
	EXPECT_EQ(0x123456, e.hpa % AX_2M);
	EXPECT_EQ(2 * AX_2M + 0x1000 - 0x123456, e.limit);
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, HUGE, AX_W));
	EXPECT_EQ(AXAS_FAULT_SPURIOUS, ax_fault(self->fd, HUGE + AX_2M - 1, AX_W));
	EXPECT_EQ(AXAS_TRANSLATE_LAZY, ax_state(self->fd, HUGE + AX_2M));
	EXPECT_EQ(AX_2M, ax_resident(self->fd));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, HUGE - 1, AX_W));
	EXPECT_EQ(AXAS_FAULT_RESOLVED, ax_fault(self->fd, HUGE + 2 * AX_2M, AX_W));
	ASSERT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(AX_2M + 0x2000, st.resident);
	EXPECT_EQ(2, st.leaves[0]);
	EXPECT_EQ(1, st.leaves[1]);
	EXPECT_EQ(0, ax_get64(self->fd, HUGE + AX_2M - 8));
}

/* A populated block, each page with its number in it. */
static int huge_block(int fd)
{
	unsigned int i;

	if (ax_map_alloc(fd, HUGE, AX_2M, AX_RW, AXAS_MAP_POPULATE, AX_2M))
		return -1;
	for (i = 0; i < 512; i++)
		if (ax_put64(fd, HUGE + i * AX_PAGE, i + 1))
			return -1;
	return 0;
}

TEST_F(space, huge_split_by_unmap)
{
	struct ax_leaf leaf[511];
	unsigned int i;

	NEED_2M();
	ASSERT_EQ(0, huge_block(self->fd));
	ASSERT_TRUE(ax_tables_are(self->fd, &(struct ax_leaf){ HUGE, 1 }, 1));
	ASSERT_EQ(0, ax_unmap(self->fd, HUGE + 100 * AX_PAGE, AX_PAGE));
	for (i = 0; i < 511; i++)
		leaf[i] = (struct ax_leaf){ HUGE + (i + (i >= 100)) * AX_PAGE, 0 };
	EXPECT_TRUE(ax_tables_are(self->fd, leaf, 511));
	EXPECT_EQ(AX_2M - AX_PAGE, ax_resident(self->fd));
	EXPECT_EQ(AXAS_TRANSLATE_NO_AREA, ax_state(self->fd, HUGE + 100 * AX_PAGE));
	for (i = 0; i < 512; i++) {
		if (i != 100)
			EXPECT_EQ(i + 1, ax_get64(self->fd, HUGE + i * AX_PAGE));
	}
	ASSERT_EQ(0, ax_map(self->fd, HUGE + 100 * AX_PAGE, AX_PAGE));
	EXPECT_EQ(0, ax_get64(self->fd, HUGE + 100 * AX_PAGE));
}

TEST_F(space, huge_split_by_protect)
{
	struct axas_translate_entry e;
	__u64 hpa;
	unsigned int i;

	NEED_2M();
	ASSERT_EQ(0, huge_block(self->fd));
	hpa = ax_hpa(self->fd, HUGE);
	ASSERT_EQ(0, ax_protect(self->fd, HUGE + 10 * AX_PAGE, 20 * AX_PAGE, AX_R));
	EXPECT_EQ(AX_2M, ax_resident(self->fd));
	for (i = 0; i < 512; i++) {
		bool ro = i >= 10 && i < 30;

		ASSERT_EQ(AXAS_TRANSLATE_MAPPED,
			  ax_translate(self->fd, HUGE + i * AX_PAGE, &e));
		EXPECT_EQ(4096, e.leaf_size);
		EXPECT_EQ(hpa + i * AX_PAGE, e.hpa);
		EXPECT_EQ(ro ? AX_R : AX_RW, e.prot);
		EXPECT_EQ(i + 1, ax_get64(self->fd, HUGE + i * AX_PAGE));
		EXPECT_EQ(ro ? -1 : 0, ax_put64(self->fd, HUGE + i * AX_PAGE + 8, i));
	}
}

TEST_F(space, huge_protect_of_all_keeps_the_leaf)
{
	struct axas_translate_entry e;

	NEED_2M();
	ASSERT_EQ(0, huge_block(self->fd));
	ASSERT_EQ(0, ax_protect(self->fd, HUGE, AX_2M, AX_R));
	ASSERT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, HUGE + 5, &e));
	EXPECT_EQ(AX_2M, e.leaf_size);
	EXPECT_EQ(AX_R, e.prot);
	EXPECT_EQ(512, ax_get64(self->fd, HUGE + 511 * AX_PAGE));
}

TEST_F(space, lseek_stays_in_the_space)
{
	off_t end = lseek(self->fd, 0, SEEK_END);

	EXPECT_EQ(self->end, end);
	EXPECT_EQ(GPA, lseek(self->fd, GPA, SEEK_SET));
	EXPECT_EQ(GPA + 5, lseek(self->fd, 5, SEEK_CUR));
	EXPECT_EQ(-1, lseek(self->fd, end + 1, SEEK_SET));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(GPA + 5, lseek(self->fd, 0, SEEK_CUR));
}

TEST_F(space, hpa_only_for_admin)
{
	pid_t pid;

	ASSERT_EQ(0, ax_populate(self->fd, GPA, 0x1000));
	EXPECT_NE(0, ax_hpa(self->fd, GPA));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct axas_translate_entry e;
		int bad = ax_drop_cap(CAP_SYS_ADMIN) ? 1 : 0;

		bad |= ax_translate(self->fd, GPA, &e) != AXAS_TRANSLATE_MAPPED ? 2 : 0;
		bad |= e.hpa ? 4 : 0;
		bad |= e.leaf_size != 4096 || e.prot != AX_RW ? 8 : 0;
		bad |= ax_fault(self->fd, GPA, AX_W) != AXAS_FAULT_SPURIOUS ? 16 : 0;
		_exit(bad);
	}
	EXPECT_EQ(0, ax_wait(pid));
}

TEST_HARNESS_MAIN
