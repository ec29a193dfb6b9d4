/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of trackers have in common.
 */
#ifndef _AXAS_KUNIT_TRACK_H
#define _AXAS_KUNIT_TRACK_H

#include <linux/uio.h>

#include <axas/track.h>

#include "context.h"
#include "move.h"
#include "snapshot.h"

#define OWNER_WRITES	(AXAS_ACCESS_OWNER | AXAS_PROT_WRITE)

/* More runs than any test expects. */
#define TRACK_RUNS	64

static inline u64 page_at(u64 page)
{
	return HERE + page * SZ_4K;
}

static inline struct axas_track track_args(u64 gpa, u64 size)
{
	return (struct axas_track){
		.gpa = gpa, .length = size, .what = AXAS_TRACK_WRITTEN,
	};
}

static inline struct axas_tracker *track_begin_with(struct kunit *test,
						    struct axas_space *space,
						    struct axas_track args)
{
	struct axas_tracker *tracker = axas_tracker_create(space, &args);

	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(tracker), "no tracker: %d",
			       PTR_ERR_OR_ZERO(tracker));
	return tracker;
}

static inline struct axas_tracker *track_begin(struct kunit *test,
					       struct axas_space *space, u64 gpa,
					       u64 size)
{
	return track_begin_with(test, space, track_args(gpa, size));
}

static inline u64 track_size(const struct axas_tracker *tracker)
{
	return tracker->last - tracker->start + 1;
}

/* The whole of a tracker's range holds so many runs. */
static inline void track_expect(struct kunit *test, struct axas_tracker *tracker,
				u32 flags, const struct axas_next_entry *want,
				unsigned int n, unsigned int line)
{
	struct axas_next_entry runs[TRACK_RUNS];
	struct axas_dirty dirty = {
		.gpa = tracker->start, .length = track_size(tracker),
		.flags = flags, .nr = TRACK_RUNS,
	};
	unsigned int i;

	KUNIT_EXPECT_EQ_MSG(test, axas_tracker_list(tracker, &dirty, runs), 0,
			    "line %u", line);
	KUNIT_EXPECT_EQ_MSG(test, dirty.length, 0ULL, "line %u", line);
	KUNIT_EXPECT_EQ_MSG(test, dirty.done, n, "line %u", line);
	for (i = 0; i < min(dirty.done, n); i++) {
		KUNIT_EXPECT_EQ_MSG(test, runs[i].gpa, want[i].gpa,
				    "line %u, run %u", line, i);
		KUNIT_EXPECT_EQ_MSG(test, runs[i].length, want[i].length,
				    "line %u, run %u", line, i);
	}
}

#define RUN(page, n) \
	{ .gpa = HERE + (page) * (u64)SZ_4K, .length = (n) * (u64)SZ_4K }

#define EXPECT_LISTED(test, tracker, flags, ...)			\
do {									\
	const struct axas_next_entry want[] = { __VA_ARGS__ };		\
									\
	track_expect(test, tracker, flags, want, ARRAY_SIZE(want),	\
		     __LINE__);						\
} while (0)

#define EXPECT_DIRTY(test, tracker, ...)	\
	EXPECT_LISTED(test, tracker, 0, __VA_ARGS__)
#define EXPECT_CLEAN(test, tracker)	\
	track_expect(test, tracker, 0, NULL, 0, __LINE__)

/* The owner of the space writes a word, or reads one. Return: 0 or an errno. */
static inline int track_copy(struct axas_space *space, u64 gpa, u64 *word,
			     bool write)
{
	struct kvec vec = { .iov_base = word, .iov_len = sizeof(*word) };
	struct iov_iter iter;
	ssize_t n;

	iov_iter_kvec(&iter, write ? ITER_SOURCE : ITER_DEST, &vec, 1,
		      sizeof(*word));
	n = axas_space_rw_iter(space, axas_gpa(gpa), &iter, write);
	return n == sizeof(*word) ? 0 : n < 0 ? n : -EIO;
}

static inline int owner_writes(struct axas_space *space, u64 gpa, u64 word)
{
	return track_copy(space, gpa, &word, true);
}

/* A guest writes to one page of those that begin HERE. */
static inline void guest_writes(struct kunit *test, struct axas_space *space,
				u64 page)
{
	int result = axas_fault_at(space, page_at(page), PROT_W);

	if (result != AXAS_FAULT_SPURIOUS)
		KUNIT_EXPECT_EQ_MSG(test, result, (int)AXAS_FAULT_RESOLVED,
				    "page %llu", page);
	KUNIT_EXPECT_TRUE_MSG(test, raw_writes(&space->npt, page_at(page)),
			      "page %llu", page);
}

#define EXPECT_FAULT(test, space, page, access, result)			\
	KUNIT_EXPECT_EQ(test, axas_fault_at(space, page_at(page), access), \
			(int)(result))

/* Somebody who may have pinned pages. */
static inline void track_forget(struct axas_holder *holder, axas_gpa_t gpa,
				u64 size)
{
}

static inline void track_hold(struct kunit *test, struct axas_space *space,
			      struct axas_holder *holder)
{
	holder->invalidate = track_forget;
	INIT_LIST_HEAD(&holder->node);
	KUNIT_ASSERT_EQ(test, axas_space_add_holder(space, holder), 0);
}

/* Leaves of 4 KiB, all of them there. */
static inline void map_small(struct kunit *test, struct axas_space *space,
			     u64 page, u64 n)
{
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, page_at(page), n * SZ_4K,
					     PROT_RW, AXAS_MAP_POPULATE, 0), 0);
}

/* Leaves of 2 MiB. */
static inline void map_large(struct kunit *test, struct axas_space *space,
			     u64 page, u64 n)
{
	KUNIT_ASSERT_EQ(test, axas_map_alloc(space, page_at(page), n * SZ_4K,
					     PROT_RW, AXAS_MAP_POPULATE, SZ_2M),
			0);
}

#endif /* _AXAS_KUNIT_TRACK_H */
