/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_KUNIT_CONTEXT_H
#define _AXAS_KUNIT_CONTEXT_H

#include <kunit/test.h>
#include <linux/prandom.h>

#include <axas/space.h>

#include "fake_hal.h"
#include "raw.h"

/* AXAS_PROT_ bits, as in the uAPI. */
#define PROT_R		AXAS_PROT_READ
#define PROT_W		AXAS_PROT_WRITE
#define PROT_X		AXAS_PROT_EXEC
#define PROT_U		AXAS_PROT_EXEC_USER
#define PROT_RW		(PROT_R | PROT_W)
#define PROT_RX		(PROT_R | PROT_X)
#define PROT_RWX	(PROT_R | PROT_W | PROT_X)

/* Host memory for linear areas that no test touches. */
#define HPA_NOWHERE	0x0000700000000000ULL

/**
 * struct axas_context - what each test of tables and above starts with
 * @format: the format under test
 * @features: what all its tables have, &enum axas_feature bits
 * @space: the space under test, if any
 * @npt: a table without a space
 * @lock: of @npt
 * @npt_live: @npt has been made
 *
 * Stands in kunit->priv. The exit function frees what there is and expects
 * that no page is out after that.
 */
struct axas_context {
	enum axas_format format;
	u32 features;
	struct axas_space *space;
	struct axas_npt npt;
	struct mutex lock; /* stands for the space's */
	bool npt_live;
};

u64 axas_test_seed(struct kunit *test, struct rnd_state *rnd);

int axas_test_init_none(struct kunit *test);
int axas_test_init_param(struct kunit *test);
int axas_test_init_ept(struct kunit *test);
int axas_test_init_s2(struct kunit *test);
int axas_test_init_lpa2(struct kunit *test);
int axas_test_init_mbec(struct kunit *test);
int axas_test_init_xnx(struct kunit *test);
int axas_test_init_amd(struct kunit *test);
void axas_test_exit(struct kunit *test);

/* For KUNIT_ARRAY_PARAM(): suites that take the format as a parameter. */
extern const enum axas_format axas_formats[3];
void axas_format_desc(const enum axas_format *format, char *desc);

static inline struct axas_context *axas_context(struct kunit *test)
{
	return test->priv;
}

static inline bool axas_is_ept(struct kunit *test)
{
	return axas_context(test)->format == AXAS_FORMAT_EPT;
}

static inline bool axas_is_s2(struct kunit *test)
{
	return axas_context(test)->format == AXAS_FORMAT_S2;
}

static inline bool axas_is_lpa2(struct kunit *test)
{
	return axas_context(test)->features & AXAS_FEAT_LPA2;
}

/* Has user mode a right of its own? */
static inline bool axas_is_user(struct kunit *test)
{
	return axas_context(test)->features & AXAS_FEAT_EXEC_USER;
}

/* The fewest rights with which a guest may execute. */
static inline unsigned int axas_exec_prot(struct kunit *test)
{
	return axas_context(test)->format == AXAS_FORMAT_AMD ? PROT_RX : PROT_X;
}

/* Execute-only, where the format has it. */
static inline u32 axas_exec_only(struct kunit *test)
{
	return axas_exec_prot(test) == PROT_X ? AXAS_FEAT_EXEC_ONLY : 0;
}

const struct axas_npt_ops *axas_test_ops(struct kunit *test);
struct axas_space *axas_test_space(struct kunit *test);
struct axas_space *axas_test_space_with(struct kunit *test,
					const struct axas_create *args);
void axas_test_drop_space(struct kunit *test);
void axas_test_set_last_id(u64 id);
struct axas_npt *axas_test_npt(struct kunit *test, unsigned int gpa_bits,
			       u32 features);
void axas_test_drop_npt(struct kunit *test);
void axas_expect_empty(struct kunit *test, struct axas_space *space);

int axas_map_linear(struct axas_space *space, u64 gpa, u64 size, u64 hpa,
		    unsigned int prot);
int axas_map_alloc(struct axas_space *space, u64 gpa, u64 size,
		   unsigned int prot, unsigned int flags, u64 max_leaf);
int axas_unmap_range(struct axas_space *space, u64 gpa, u64 size);
int axas_protect_range(struct axas_space *space, u64 gpa, u64 size,
		       unsigned int prot);
int axas_discard_range(struct axas_space *space, u64 gpa, u64 size,
		       struct axas_npt_freed *freed);
int axas_populate_range(struct axas_space *space, u64 gpa, u64 size, u64 *done);
int axas_resize_area(struct axas_space *space, u64 gpa, u64 size);
int axas_fault_at(struct axas_space *space, u64 gpa, unsigned int access);
struct axas_translate_entry axas_translate_at(struct axas_space *space,
					      u64 gpa);
struct axas_stats axas_stats_of(struct axas_space *space);
void *axas_virt_at(struct kunit *test, struct axas_space *space, u64 gpa);
void axas_put_word(struct kunit *test, struct axas_space *space, u64 gpa,
		   u64 val);
u64 axas_word_at(struct kunit *test, struct axas_space *space, u64 gpa);
int axas_lookup_at(const struct axas_npt *npt, u64 gpa, struct axas_leaf *leaf);
struct axas_npt_slot axas_peek(struct axas_space *space, u64 gpa);

#endif /* _AXAS_KUNIT_CONTEXT_H */
