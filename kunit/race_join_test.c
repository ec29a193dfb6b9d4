// SPDX-License-Identifier: GPL-2.0
/*
 * Many threads on areas that part, are joined, end elsewhere, and go elsewhere.
 */
#include "race.h"

/* ---- areas that part and become one again ---- */

/* A linear area, and behind it one with all of its frames, where they were. */
static u64 race_hpas[RACE_PAGES];

static void race_join_setup(struct kunit *test, struct axas_space *space)
{
	unsigned int i;

	KUNIT_ASSERT_EQ(test, axas_map_linear(space, RACE_GPA, RACE_SIZE / 2,
					      HPA_NOWHERE, PROT_RW), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, RACE_GPA + RACE_SIZE / 2,
					     RACE_SIZE / 2, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	for (i = 0; i < RACE_PAGES; i++)
		race_hpas[i] = i < RACE_PAGES / 2 ?
				       HPA_NOWHERE + i * (u64)SZ_4K :
				       axas_translate_at(space, RACE_GPA +
							 i * (u64)SZ_4K).hpa;
}

/* Rights go and come back, now here now there, so that leaves do. */
static void race_there_and_back(struct race_thread *thread)
{
	struct axas_space *space = thread->race->space;
	static const u32 lengths[] = { 1, 8, 512, 600 };
	u32 first, n;
	int ret = 0;

	while (race_on(thread->race) && !ret) {
		n = 1 + race_rnd(thread, lengths[race_rnd(thread, 4)]);
		first = race_rnd(thread, RACE_PAGES - n);
		ret = axas_protect_range(space, RACE_GPA + first * (u64)SZ_4K,
					 n * (u64)SZ_4K, PROT_R);
		if (!ret && race_rnd(thread, 4))
			ret = axas_protect_range(space, RACE_GPA +
						 first * (u64)SZ_4K,
						 n * (u64)SZ_4K, PROT_RW);
		if (!ret && !race_rnd(thread, 8))
			ret = axas_protect_range(space, RACE_GPA, RACE_SIZE,
						 PROT_RW);
		race_called(thread);
	}
	if (ret)
		thread->wrong = "protect";
}

/* At any time all is there, and where it was. */
static void race_find_in_place(struct race_thread *thread)
{
	struct axas_space *space = thread->race->space;
	struct axas_translate_entry entry;
	struct axas_memory memory;
	u64 gpa, hpa;
	u32 page;

	while (race_on(thread->race)) {
		page = race_rnd(thread, RACE_PAGES);
		gpa = RACE_GPA + page * (u64)SZ_4K;
		hpa = race_hpas[page];
		race_fault(thread, gpa, PROT_R);
		entry = axas_translate_at(space, gpa);
		if (entry.state != AXAS_TRANSLATE_MAPPED || entry.hpa != hpa)
			thread->wrong = "translate";
		if (axas_space_get_memory(space, axas_gpa(gpa), PROT_R,
					  &memory)) {
			thread->wrong = "get_memory";
			continue;
		}
		if (memory.hpa.val != hpa)
			thread->wrong = "another page";
		if (memory.page)
			put_page(memory.page);
	}
}

void race_joins(struct kunit *test)
{
	struct race_thread *threads = race_threads(test, race_find_in_place);
	struct axas_space *space = axas_test_space(test);
	struct race_holder holder = { .holder.invalidate = race_invalidate };
	struct race race = { .calls = RACE_CALLS };
	struct axas_stats stats;

	INIT_LIST_HEAD(&holder.holder.node);
	race_join_setup(test, space);
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &holder.holder), 0);
	threads[0].run = race_there_and_back;
	threads[1].run = race_there_and_back;
	race_run(test, &race, threads, RACE_THREADS);
	race_log(test, threads);
	KUNIT_EXPECT_EQ(test, race_sum(threads, AXAS_FAULT_SPURIOUS),
			threads[2].calls + threads[3].calls);
	axas_space_del_holder(space, &holder.holder);
	/* All of it is given back: it is as it was. */
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, RACE_GPA, RACE_SIZE,
						 PROT_R), 0);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, RACE_GPA, RACE_SIZE,
						 PROT_RW), 0);
	stats = axas_stats_of(space);
	KUNIT_EXPECT_EQ(test, stats.areas, 2ULL);
	KUNIT_EXPECT_EQ(test, stats.leaves[0], 0ULL);
	KUNIT_EXPECT_EQ(test, stats.leaves[1], (u64)RACE_SIZE / SZ_2M);
	race_expect_sane(test, space);
}

/* Two areas that are the same, of which now the one and now the other is larger. */
static void race_main_area(struct race_thread *thread)
{
	struct axas_space *space = thread->race->space;
	u64 border, end = RACE_GPA + RACE_SIZE;
	int ret = 0;

	while (race_on(thread->race) && !ret) {
		border = RACE_GPA + (1 + race_rnd(thread, RACE_PAGES - 1)) *
				    (u64)SZ_4K;
		ret = axas_protect_range(space, RACE_GPA, border - RACE_GPA,
					 PROT_R);
		if (!ret)
			ret = axas_protect_range(space, RACE_GPA,
						 border - RACE_GPA, PROT_RW);
		if (!ret)
			ret = axas_protect_range(space, border, end - border,
						 PROT_R);
		if (!ret)
			ret = axas_protect_range(space, border, end - border,
						 PROT_RW);
		/* So that faults look for it. */
		if (!ret)
			ret = axas_discard_range(space, RACE_GPA, RACE_SIZE,
						 NULL);
		race_called(thread);
	}
	if (ret)
		thread->wrong = "protect or discard";
}

/* Faults find the area of most faults all the time, until it is freed. */
void race_joins_of_the_main_area(struct kunit *test)
{
	struct race_thread *threads = race_threads(test, race_fault_anywhere);
	struct axas_space *space = axas_test_space(test);
	struct race race = { .calls = RACE_CALLS / 4 };

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, RACE_GPA, RACE_SIZE +
					     SZ_64K, PROT_RW, 0, 0), 0);
	threads[0].run = race_main_area;
	race_run(test, &race, threads, RACE_THREADS);
	race_log(test, threads);
	KUNIT_EXPECT_EQ(test, race_sum(threads, AXAS_FAULT_NO_AREA), 0ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 1ULL);
	race_expect_sane(test, space);
}

/* ---- the end of an area that moves under faults ---- */

static void race_resize(struct race_thread *thread)
{
	struct axas_space *space = thread->race->space;
	u32 pages;
	int ret = 0;

	while (race_on(thread->race) && !ret) {
		pages = RACE_PAGES / 2 + race_rnd(thread, RACE_PAGES / 2);
		ret = axas_resize_area(space, RACE_GPA, pages * (u64)SZ_4K);
		/* So that faults look for the area. */
		if (!ret)
			ret = axas_discard_range(space, RACE_GPA, RACE_SIZE / 2,
						 NULL);
		race_called(thread);
	}
	if (ret)
		thread->wrong = "resize or discard";
}

/* Half of it stays. */
static void race_fault_below(struct race_thread *thread)
{
	struct axas_fault_entry entries[RACE_MANY];
	unsigned int i;
	u32 page;

	while (race_on(thread->race)) {
		page = race_rnd(thread, RACE_PAGES);
		for (i = 0; i < RACE_MANY; i++)
			entries[i] = (struct axas_fault_entry){
				.gpa = RACE_GPA + (page + i) * (u64)SZ_4K,
				.access = PROT_W,
			};
		axas_space_faults(thread->race->space, entries, RACE_MANY);
		for (i = 0; i < RACE_MANY; i++) {
			thread->results[entries[i].result]++;
			if (entries[i].result == AXAS_FAULT_NO_AREA &&
			    page + i < RACE_PAGES / 2)
				thread->wrong = "a hole below the end";
		}
		thread->calls++;
	}
}

void race_resizes(struct kunit *test)
{
	struct race_thread *threads = race_threads(test, race_fault_below);
	struct axas_space *space = axas_test_space(test);
	struct race race = { .calls = RACE_CALLS };

	/* Another one is the main area. */
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_2G, 2 * RACE_SIZE,
					     PROT_RW, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, RACE_GPA, RACE_SIZE,
					     PROT_RW, 0, SZ_2M), 0);
	threads[0].run = race_resize;
	threads[1].run = race_resize;
	race_run(test, &race, threads, RACE_THREADS);
	race_log(test, threads);
	KUNIT_EXPECT_EQ(test, race_sum(threads, AXAS_FAULT_DENIED), 0ULL);
	KUNIT_EXPECT_EQ(test, race_sum(threads, AXAS_FAULT_NO_MEMORY), 0ULL);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).areas, 2ULL);
	race_expect_sane(test, space);
}

/* ---- memory that is hidden behind a device, and shown again ---- */

#define RACE_DEVICE	(RACE_GPA + 4ULL * SZ_1G)
/* So that pages of the device lie otherwise in their tables. */
#define RACE_SHIFT	(2ULL * SZ_1G + SZ_64K)

/* Word of a page, by its number. */
static u64 race_word(u32 page)
{
	return 0x1000 + page;
}

/* Behind one device or the other, and back. */
static void race_exchange(struct race_thread *thread)
{
	static const u32 lengths[] = { 1, 8, 512, 700 };
	struct axas_space *space = thread->race->space;
	u32 first, n;
	u64 to, size;
	int ret = 0;

	while (race_on(thread->race) && !ret) {
		n = 1 + race_rnd(thread, lengths[race_rnd(thread, 4)]);
		first = race_rnd(thread, RACE_PAGES - n);
		/* Whole tables now and then. */
		if (!race_rnd(thread, 3)) {
			first = 512 * race_rnd(thread, 3);
			n = 512 * (1 + race_rnd(thread, 2));
		}
		to = RACE_DEVICE + first * (u64)SZ_4K;
		to += race_rnd(thread, 2) ? RACE_SHIFT : 0;
		size = n * (u64)SZ_4K;
		ret = axas_space_move(space, axas_gpa(RACE_GPA +
						      first * (u64)SZ_4K),
				      axas_gpa(to), size, true);
		if (!ret)
			ret = axas_space_move(space, axas_gpa(to),
					      axas_gpa(RACE_GPA +
						       first * (u64)SZ_4K),
					      size, true);
		race_called(thread);
	}
	if (ret)
		thread->wrong = "move";
}

/* What a page of RAM holds wherever it is; where it isn't there is a device. */
static void race_find_word(struct race_thread *thread, u64 gpa, u32 page)
{
	struct axas_space *space = thread->race->space;
	struct axas_memory memory;
	int ret = axas_space_get_memory(space, axas_gpa(gpa), PROT_W, &memory);

	if (ret) {
		if (ret != -EFAULT)
			thread->wrong = "get_memory";
		return;
	}
	if (*(u64 *)page_address(memory.page) != race_word(page))
		thread->wrong = "another page";
	put_page(memory.page);
}

static void race_find_words(struct race_thread *thread)
{
	static const u64 places[] = {
		RACE_GPA, RACE_DEVICE, RACE_DEVICE + RACE_SHIFT,
	};
	u64 gpa;
	u32 page;

	while (race_on(thread->race)) {
		page = race_rnd(thread, RACE_PAGES);
		gpa = places[race_rnd(thread, 3)] + page * (u64)SZ_4K;
		race_fault(thread, gpa, PROT_W);
		race_find_word(thread, gpa, page);
	}
}

static int race_map_device(struct axas_space *space, u64 gpa)
{
	const struct axas_map args = {
		.backend = AXAS_BACKEND_DEVICE, .gpa = gpa,
		.length = RACE_SIZE, .prot = PROT_RW,
	};

	return axas_space_map(space, &args);
}

void race_exchanges(struct kunit *test)
{
	struct race_thread *threads = race_threads(test, race_find_words);
	struct axas_space *space = axas_test_space(test);
	struct race race = { .calls = RACE_CALLS };
	struct axas_stats stats;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, RACE_GPA, RACE_SIZE, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, race_map_device(space, RACE_DEVICE), 0);
	KUNIT_ASSERT_EQ(test, race_map_device(space, RACE_DEVICE + RACE_SHIFT),
			0);
	for (i = 0; i < RACE_PAGES; i++)
		axas_put_word(test, space, RACE_GPA + i * (u64)SZ_4K,
			      race_word(i));
	/* Two of them would hide the same. */
	threads[0].run = race_exchange;
	race_run(test, &race, threads, RACE_THREADS);
	race_log(test, threads);
	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		if (i != AXAS_FAULT_SPURIOUS && i != AXAS_FAULT_DEVICE)
			KUNIT_EXPECT_EQ_MSG(test, race_sum(threads, i), 0ULL,
					    "result %u", i);
	KUNIT_EXPECT_GT(test, race_sum(threads, AXAS_FAULT_SPURIOUS), 0ULL);
	KUNIT_EXPECT_GT(test, race_sum(threads, AXAS_FAULT_DEVICE), 0ULL);
	/* All of it is as it was, but for the size of leaves. */
	stats = axas_stats_of(space);
	KUNIT_EXPECT_EQ(test, stats.areas, 3ULL);
	KUNIT_EXPECT_EQ(test, stats.resident, (u64)RACE_SIZE);
	for (i = 0; i < RACE_PAGES; i++)
		KUNIT_ASSERT_EQ(test, axas_word_at(test, space, RACE_GPA +
						   i * (u64)SZ_4K),
				race_word(i));
	race_expect_sane(test, space);
}
