// SPDX-License-Identifier: GPL-2.0
/*
 * Reads of memory that nobody has touched.
 */
#include <linux/uio.h>
#include <linux/workqueue.h>

#include "cases.h"
#include "context.h"
#include "fake_hal.h"
#include "snapshot.h"

#define BUFFER	SZ_64K

static ssize_t read_at(struct axas_space *space, u64 gpa, void *buf, size_t n)
{
	struct kvec vec = { .iov_base = buf, .iov_len = n };
	struct iov_iter iter;

	memset(buf, 0x5a, n);
	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, n);
	return axas_space_rw_iter(space, axas_gpa(gpa), &iter, false);
}

static ssize_t write_at(struct axas_space *space, u64 gpa, void *buf, size_t n)
{
	struct kvec vec = { .iov_base = buf, .iov_len = n };
	struct iov_iter iter;

	iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, n);
	return axas_space_rw_iter(space, axas_gpa(gpa), &iter, true);
}

/* So many bytes are there; all that aren't given are zero, and none is behind. */
static void expect_zeros(struct kunit *test, struct axas_space *space, u64 gpa,
			 u8 *buf, ssize_t there)
{
	KUNIT_EXPECT_EQ(test, read_at(space, gpa, buf, BUFFER), there);
	KUNIT_EXPECT_NULL(test, memchr_inv(buf, 0, there));
	KUNIT_EXPECT_NULL(test, memchr_inv(buf + there, 0x5a, BUFFER - there));
}

/* A page that is there, with a word in it. */
static void touch(struct kunit *test, struct axas_space *space, u64 gpa, u64 word)
{
	KUNIT_ASSERT_EQ(test, axas_fault_at(space, gpa, PROT_R),
			(int)AXAS_FAULT_RESOLVED);
	axas_put_word(test, space, gpa, word);
}

/* Neither a frame nor a table, from whatever level is empty on. */
void read_takes_no_frame(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	u8 *buf = kunit_kmalloc(test, BUFFER, GFP_KERNEL);
	const u64 end = SZ_1G + SZ_4M;
	unsigned long allocs;
	u64 word;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_2M, PROT_RW, 0,
					     SZ_2M), 0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + SZ_2M, SZ_2M, PROT_R,
					     0, 0), 0);
	/* That R is there. */
	expect_zeros(test, space, SZ_1G, buf, BUFFER);
	allocs = fake_hal_allocs();
	expect_zeros(test, space, SZ_1G + SZ_2M - 77, buf, BUFFER);
	expect_zeros(test, space, end - SZ_4K - 5, buf, SZ_4K + 5);
	KUNIT_EXPECT_EQ(test, read_at(space, end, buf, 1), (ssize_t)-EFAULT);
	KUNIT_EXPECT_EQ(test, fake_hal_allocs(), allocs);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, 0ULL);
	axas_check_space(test, space);

	/* Around what is there. */
	touch(test, space, end - SZ_8K, 0x1234);
	allocs = fake_hal_allocs();
	expect_zeros(test, space, end - SZ_8K - BUFFER, buf, BUFFER);
	KUNIT_EXPECT_EQ(test, read_at(space, end - 3 * SZ_4K, buf, BUFFER),
			(ssize_t)(3 * SZ_4K));
	memcpy(&word, buf + SZ_4K, sizeof(word));
	KUNIT_EXPECT_EQ(test, word, 0x1234ULL);
	memset(buf + SZ_4K, 0, sizeof(word));
	KUNIT_EXPECT_NULL(test, memchr_inv(buf, 0, 3 * SZ_4K));
	KUNIT_EXPECT_EQ(test, fake_hal_allocs(), allocs);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, (u64)SZ_4K);
	/* What was discarded is as it was at first. */
	KUNIT_ASSERT_EQ(test, axas_discard_range(space, end - SZ_8K, SZ_4K,
						 NULL), 0);
	expect_zeros(test, space, end - SZ_8K, buf, SZ_8K);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, 0ULL);
}

/* The owner reads ROM whatever a guest may; what has failed isn't zero. */
/* Only where the right to read can be taken away. */
static void read_obeys_rights(struct kunit *test, struct axas_space *space,
			      u8 *buf)
{
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_4K, PROT_X, 0, 0),
			0);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + SZ_4K, SZ_4K, PROT_X,
					     AXAS_MAP_ROM, 0), 0);
	KUNIT_EXPECT_EQ(test, read_at(space, SZ_1G, buf, BUFFER),
			(ssize_t)-EACCES);
	expect_zeros(test, space, SZ_1G + SZ_4K, buf, SZ_4K);
}

void read_obeys_what_is_untouched(struct kunit *test)
{
	const struct axas_create create = {
		.gpa_bits = 48,
		.features = axas_exec_prot(test) == PROT_X ? AXAS_FEAT_EXEC_ONLY : 0,
	};
	struct axas_space *space = axas_test_space_with(test, &create);
	u8 *buf = kunit_kmalloc(test, BUFFER, GFP_KERNEL);
	const u64 bad = SZ_1G + SZ_2M + SZ_4K;
	axas_hpa_t hpa;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	if (create.features)
		read_obeys_rights(test, space, buf);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G + SZ_2M, SZ_64K,
					     PROT_RW, 0, 0), 0);
	touch(test, space, bad, 1);
	hpa = axas_hpa(axas_translate_at(space, bad).hpa);
	KUNIT_ASSERT_EQ(test, axas_space_poison(space, axas_gpa(bad), hpa), 0);
	expect_zeros(test, space, SZ_1G + SZ_2M, buf, SZ_4K);
	KUNIT_EXPECT_EQ(test, read_at(space, bad, buf, 8), (ssize_t)-EHWPOISON);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).resident, 0ULL);
}

/**
 * struct late - a read that comes while a leaf is being replaced
 * @holder: is told so
 * @work: the read
 * @done: it is over
 * @space: of what
 * @gpa: where
 * @word: what was there
 * @frozen: there was none, and the read began
 */
struct late {
	struct axas_holder holder;
	struct work_struct work;
	struct completion done;
	struct axas_space *space;
	u64 gpa;
	u64 word;
	bool frozen;
};

static void late_read(struct work_struct *work)
{
	struct late *late = container_of(work, struct late, work);
	u64 word = 0;

	read_at(late->space, late->gpa, &word, sizeof(word));
	late->word = word;
	complete(&late->done);
}

static void late_invalidate(struct axas_holder *holder, axas_gpa_t gpa, u64 size)
{
	struct late *late = container_of(holder, struct late, holder);
	struct axas_leaf leaf;

	if (late->frozen ||
	    axas_lookup_at(&late->space->npt, late->gpa, &leaf) != -EAGAIN)
		return;
	late->frozen = true;
	schedule_work(&late->work);
	/* It gets as far as it can. */
	wait_for_completion_timeout(&late->done, HZ / 10);
}

/*
 * Where small leaves become a large one there is none for a moment, and who reads
 * isn't kept out by R.
 */
void read_waits_for_a_leaf_that_is_joined(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	struct late late = {
		.holder.invalidate = late_invalidate,
		.space = space,
		.gpa = SZ_1G + SZ_1M,
	};
	u64 word;

	INIT_LIST_HEAD(&late.holder.node);
	INIT_WORK_ONSTACK(&late.work, late_read);
	init_completion(&late.done);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_2M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	axas_put_word(test, space, late.gpa, 0x1234);
	KUNIT_ASSERT_EQ(test, axas_protect_range(space, SZ_1G, SZ_4K, PROT_R), 0);
	read_at(space, late.gpa, &word, sizeof(word));
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, &late.holder), 0);
	KUNIT_EXPECT_EQ(test, axas_protect_range(space, SZ_1G, SZ_4K, PROT_RW), 0);
	KUNIT_EXPECT_TRUE(test, late.frozen);
	flush_work(&late.work);
	destroy_work_on_stack(&late.work);
	axas_space_del_holder(space, &late.holder);
	KUNIT_EXPECT_EQ(test, axas_stats_of(space).leaves[1], 1ULL);
	KUNIT_EXPECT_EQ(test, late.word, 0x1234ULL);
}

/* What is there is copied without a reference, so that its frame stays one. */
void read_leaves_a_frame_whole(struct kunit *test)
{
	struct axas_space *space = axas_test_space(test);
	u8 *buf = kunit_kmalloc(test, BUFFER, GFP_KERNEL);
	u8 *back = kunit_kmalloc(test, BUFFER, GFP_KERNEL);
	const u64 gpa = SZ_1G + SZ_1M - 77;
	axas_hpa_t frame;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	KUNIT_ASSERT_NOT_NULL(test, back);
	for (i = 0; i < BUFFER; i++)
		buf[i] = i * 7 + (i >> 8);
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, SZ_1G, SZ_2M, PROT_RW,
					     AXAS_MAP_POPULATE, SZ_2M), 0);
	KUNIT_EXPECT_EQ(test, write_at(space, gpa, buf, BUFFER), (ssize_t)BUFFER);
	KUNIT_EXPECT_EQ(test, read_at(space, gpa, back, BUFFER), (ssize_t)BUFFER);
	KUNIT_EXPECT_EQ(test, memcmp(buf, back, BUFFER), 0);
	KUNIT_EXPECT_EQ(test, read_at(space, SZ_1G + SZ_2M - 9, back, BUFFER),
			(ssize_t)9);
	frame = axas_hpa(axas_translate_at(space, SZ_1G).hpa);
	KUNIT_EXPECT_TRUE(test, axas_hal_is_whole(frame));
}
