// SPDX-License-Identifier: GPL-2.0
/*
 * What all suites share: the seed, the space or table under test, short names
 * for calls.
 */
#include <linux/module.h>
#include <linux/random.h>
#include <linux/rcupdate.h>

#include "context.h"

static unsigned long seed;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "for all random tests; 0 takes another one each time");

/**
 * axas_test_seed - random numbers that can be had again
 * @test: the test; the seed goes to its log
 * @rnd: out: the generator
 *
 * Return: the seed.
 */
u64 axas_test_seed(struct kunit *test, struct rnd_state *rnd)
{
	if (!seed)
		seed = get_random_u32() | 1;
	kunit_info(test, "seed=%lu\n", seed);
	prandom_seed_state(rnd, seed);
	return seed;
}

static int test_init(struct kunit *test, enum axas_format format)
{
	struct axas_context *context;

	context = kunit_kzalloc(test, sizeof(*context), GFP_KERNEL);
	if (!context)
		return -ENOMEM;
	context->format = format;
	mutex_init(&context->lock);
	test->priv = context;
	fake_hal_reset();
	return 0;
}

/**
 * axas_test_init_none - for suites without a format
 * @test: the test
 *
 * Return: 0 or -ENOMEM.
 */
int axas_test_init_none(struct kunit *test)
{
	return test_init(test, AXAS_FORMAT_HOST);
}

/**
 * axas_test_init_param - for suites whose only parameter is the format
 * @test: the test
 *
 * Return: 0 or -ENOMEM.
 */
int axas_test_init_param(struct kunit *test)
{
	const enum axas_format *format = test->param_value;

	return test_init(test, format ? *format : AXAS_FORMAT_HOST);
}

/**
 * axas_test_init_ept - for suites over EPT
 * @test: the test
 *
 * Return: 0 or -ENOMEM.
 */
int axas_test_init_ept(struct kunit *test)
{
	return test_init(test, AXAS_FORMAT_EPT);
}

/**
 * axas_test_init_s2 - for suites over stage 2
 * @test: the test
 *
 * Return: 0 or -ENOMEM.
 */
int axas_test_init_s2(struct kunit *test)
{
	return test_init(test, AXAS_FORMAT_S2);
}

static int test_init_with(struct kunit *test, enum axas_format format,
			  u32 features)
{
	int ret = test_init(test, format);

	if (!ret)
		axas_context(test)->features = features;
	return ret;
}

/**
 * axas_test_init_lpa2 - for suites over stage 2 with LPA2
 * @test: the test
 *
 * Return: 0 or -ENOMEM.
 */
int axas_test_init_lpa2(struct kunit *test)
{
	return test_init_with(test, AXAS_FORMAT_S2, AXAS_FEAT_LPA2);
}

/**
 * axas_test_init_mbec - for suites over EPT with a right for user mode
 * @test: the test
 *
 * Return: 0 or -ENOMEM.
 */
int axas_test_init_mbec(struct kunit *test)
{
	return test_init_with(test, AXAS_FORMAT_EPT, AXAS_FEAT_EXEC_USER);
}

/**
 * axas_test_init_xnx - for suites over stage 2 with a right for EL0
 * @test: the test
 *
 * Return: 0 or -ENOMEM.
 */
int axas_test_init_xnx(struct kunit *test)
{
	return test_init_with(test, AXAS_FORMAT_S2, AXAS_FEAT_EXEC_USER);
}

/**
 * axas_test_init_amd - for suites over AMD's nested paging
 * @test: the test
 *
 * Return: 0 or -ENOMEM.
 */
int axas_test_init_amd(struct kunit *test)
{
	return test_init(test, AXAS_FORMAT_AMD);
}

/**
 * axas_test_exit - free what the test has made; nothing may be left
 * @test: the test
 */
void axas_test_exit(struct kunit *test)
{
	/* Nobody looks on any more, and nothing fails: the test may be dead. */
	fake_hal_set_watch(NULL);
	fake_hal_set_fail(NULL);
	axas_test_drop_space(test);
	axas_test_drop_npt(test);
	rcu_barrier();
	KUNIT_EXPECT_EQ_MSG(test, axas_hal_pages(), 0L, "pages leaked");
	KUNIT_EXPECT_EQ_MSG(test, fake_hal_bad_frees(), 0UL,
			    "pages freed that were not out");
}

const enum axas_format axas_formats[3] = {
	AXAS_FORMAT_EPT, AXAS_FORMAT_S2, AXAS_FORMAT_AMD,
};

/**
 * axas_format_desc - name of a parameter, for KUNIT_ARRAY_PARAM()
 * @format: the parameter
 * @desc: out: its name
 */
void axas_format_desc(const enum axas_format *format, char *desc)
{
	strscpy(desc, axas_npt_format(*format)->name, KUNIT_PARAM_DESC_SIZE);
}

/**
 * axas_test_ops - the format under test
 * @test: the test
 *
 * Return: its operations.
 */
const struct axas_npt_ops *axas_test_ops(struct kunit *test)
{
	const struct axas_context *context = axas_context(test);

	return axas_npt_with(axas_npt_format(context->format),
			     context->features);
}

/**
 * axas_test_space_with - make the space under test
 * @test: the test
 * @args: how; the format is the test's
 *
 * Return: the space; the test ends if it can't be had.
 */
struct axas_space *axas_test_space_with(struct kunit *test,
					const struct axas_create *args)
{
	struct axas_context *context = axas_context(test);
	struct axas_create create = *args;
	struct axas_space *space;

	axas_test_drop_space(test);
	create.format = context->format;
	create.features |= context->features;
	space = axas_space_create(&create);
	KUNIT_ASSERT_FALSE_MSG(test, IS_ERR(space), "no space: %d",
			       PTR_ERR_OR_ZERO(space));
	context->space = space;
	return space;
}

/**
 * axas_test_space - make a space that has what most tests need
 * @test: the test
 *
 * Return: a space of 48 bits, execute-only allowed where there is such.
 */
struct axas_space *axas_test_space(struct kunit *test)
{
	const struct axas_create args = {
		.gpa_bits = 48,
		.features = axas_exec_only(test),
	};

	return axas_test_space_with(test, &args);
}

/**
 * axas_test_drop_space - free the space under test
 * @test: the test
 */
void axas_test_drop_space(struct kunit *test)
{
	struct axas_context *context = axas_context(test);

	if (context->space)
		axas_space_destroy(context->space);
	context->space = NULL;
}

/**
 * axas_test_npt - make a table without a space
 * @test: the test
 * @gpa_bits: its width
 * @features: &enum axas_feature bits, whatever this CPU has, beside the test's own
 *
 * Return: the table; the test ends if it can't be had.
 */
struct axas_npt *axas_test_npt(struct kunit *test, unsigned int gpa_bits,
			       u32 features)
{
	struct axas_context *context = axas_context(test);
	struct axas_npt *npt = &context->npt;

	axas_test_drop_npt(test);
	*npt = (struct axas_npt){
		.ops = axas_test_ops(test),
		.lock = &context->lock,
		.gpa_bits = gpa_bits,
		.features = features | context->features,
	};
	npt->ops->caps(&npt->caps);
	KUNIT_ASSERT_EQ(test, npt->ops->init(npt), 0);
	context->npt_live = true;
	return npt;
}

/**
 * axas_test_drop_npt - free the table under test
 * @test: the test
 */
void axas_test_drop_npt(struct kunit *test)
{
	struct axas_context *context = axas_context(test);

	if (context->npt_live)
		context->npt.ops->destroy(&context->npt);
	context->npt_live = false;
}

/**
 * axas_expect_empty - expect a space that has nothing but its root
 * @test: the test
 * @space: the space
 */
void axas_expect_empty(struct kunit *test, struct axas_space *space)
{
	struct axas_stats stats = axas_stats_of(space);
	unsigned int i;

	rcu_barrier();
	KUNIT_EXPECT_EQ(test, axas_hal_pages(), 1L << space->npt.root_order);
	KUNIT_EXPECT_EQ(test, stats.areas, 0ULL);
	KUNIT_EXPECT_EQ(test, stats.resident, 0ULL);
	for (i = 0; i < ARRAY_SIZE(stats.leaves); i++)
		KUNIT_EXPECT_EQ(test, stats.leaves[i], 0ULL);
	for (i = 0; i + 1 < space->npt.levels; i++)
		KUNIT_EXPECT_EQ(test, stats.tables[i], 0ULL);
}

/**
 * axas_map_linear - map to memory that nobody touches, with the largest leaves
 * @space: the space
 * @gpa: first GPA
 * @size: bytes
 * @hpa: first HPA
 * @prot: &enum axas_prot bits
 *
 * Return: as axas_space_map().
 */
int axas_map_linear(struct axas_space *space, u64 gpa, u64 size, u64 hpa,
		    unsigned int prot)
{
	const struct axas_map args = {
		.backend = AXAS_BACKEND_LINEAR,
		.gpa = gpa,
		.length = size,
		.hpa = hpa,
		.prot = prot,
	};

	return axas_space_map(space, &args);
}

/**
 * axas_map_alloc - map frames of the kernel's
 * @space: the space
 * @gpa: first GPA
 * @size: bytes
 * @prot: &enum axas_prot bits
 * @flags: &enum axas_map_flags
 * @max_leaf: bytes of the largest leaf
 *
 * Return: as axas_space_map().
 */
int axas_map_alloc(struct axas_space *space, u64 gpa, u64 size,
		   unsigned int prot, unsigned int flags, u64 max_leaf)
{
	const struct axas_map args = {
		.backend = AXAS_BACKEND_ALLOC,
		.gpa = gpa,
		.length = size,
		.prot = prot,
		.flags = flags,
		.max_leaf = max_leaf,
	};

	return axas_space_map(space, &args);
}

/**
 * axas_unmap_range - axas_space_unmap() with a number for an address
 * @space: the space
 * @gpa: first GPA
 * @size: bytes
 *
 * Return: as axas_space_unmap().
 */
int axas_unmap_range(struct axas_space *space, u64 gpa, u64 size)
{
	return axas_space_unmap(space, axas_gpa(gpa), size);
}

/**
 * axas_protect_range - axas_space_protect() with a number for an address
 * @space: the space
 * @gpa: first GPA
 * @size: bytes
 * @prot: &enum axas_prot bits
 *
 * Return: as axas_space_protect().
 */
int axas_protect_range(struct axas_space *space, u64 gpa, u64 size,
		       unsigned int prot)
{
	return axas_space_protect(space, axas_gpa(gpa), size, prot);
}

/**
 * axas_discard_range - axas_space_discard() with a number for an address
 * @space: the space
 * @gpa: first GPA
 * @size: bytes
 * @freed: out: what has become of the frames; NULL if nobody asks
 *
 * Return: as axas_space_discard().
 */
int axas_discard_range(struct axas_space *space, u64 gpa, u64 size,
		       struct axas_npt_freed *freed)
{
	struct axas_npt_freed unused;

	return axas_space_discard(space, axas_gpa(gpa), size,
				  freed ? freed : &unused);
}

/**
 * axas_populate_range - axas_space_populate() with a number for an address
 * @space: the space
 * @gpa: first GPA
 * @size: bytes
 * @done: out: how far it came; NULL if nobody asks
 *
 * Return: as axas_space_populate().
 */
int axas_populate_range(struct axas_space *space, u64 gpa, u64 size, u64 *done)
{
	u64 unused;

	return axas_space_populate(space, axas_gpa(gpa), size,
				   done ? done : &unused);
}

/**
 * axas_resize_area - axas_space_resize() with a number for an address
 * @space: the space
 * @gpa: where the area begins
 * @size: bytes that it has then
 *
 * Return: as axas_space_resize().
 */
int axas_resize_area(struct axas_space *space, u64 gpa, u64 size)
{
	return axas_space_resize(space, axas_gpa(gpa), size);
}

/**
 * axas_fault_at - axas_space_fault() with numbers
 * @space: the space
 * @gpa: the address
 * @access: &enum axas_prot bits
 *
 * Return: as axas_space_fault().
 */
int axas_fault_at(struct axas_space *space, u64 gpa, unsigned int access)
{
	return axas_space_fault(space, axas_gpa(gpa), access);
}

/**
 * axas_translate_at - axas_space_translate() of one address
 * @space: the space
 * @gpa: the address
 *
 * Return: what is there.
 */
struct axas_translate_entry axas_translate_at(struct axas_space *space, u64 gpa)
{
	struct axas_translate_entry entry;

	/* What the function doesn't write shows. */
	memset(&entry, 0xee, sizeof(entry));
	entry.gpa = gpa;
	axas_space_translate(space, &entry);
	return entry;
}

/**
 * axas_stats_of - axas_space_stats()
 * @space: the space
 *
 * Return: the figures.
 */
struct axas_stats axas_stats_of(struct axas_space *space)
{
	struct axas_stats stats;

	axas_space_stats(space, &stats);
	return stats;
}

/**
 * axas_virt_at - kernel address of guest memory that the space owns
 * @test: the test; ends if there is none
 * @space: the space
 * @gpa: the guest's address
 *
 * Return: its address in the kernel's linear map.
 */
void *axas_virt_at(struct kunit *test, struct axas_space *space, u64 gpa)
{
	struct axas_translate_entry entry = axas_translate_at(space, gpa);

	KUNIT_ASSERT_EQ(test, entry.state, (u32)AXAS_TRANSLATE_MAPPED);
	KUNIT_ASSERT_TRUE(test, fake_hal_owns(axas_hpa(entry.hpa)));
	return axas_hal_phys_to_virt(axas_hpa(entry.hpa));
}

/**
 * axas_put_word - write to guest memory that the space owns
 * @test: the test; ends if there is none
 * @space: the space
 * @gpa: the guest's address
 * @val: what is there from now on
 */
void axas_put_word(struct kunit *test, struct axas_space *space, u64 gpa,
		   u64 val)
{
	u64 *virt = axas_virt_at(test, space, gpa);

	*virt = val;
}

/**
 * axas_word_at - read guest memory that the space owns
 * @test: the test; ends if there is none
 * @space: the space
 * @gpa: the guest's address
 *
 * Return: what is there.
 */
u64 axas_word_at(struct kunit *test, struct axas_space *space, u64 gpa)
{
	u64 *virt = axas_virt_at(test, space, gpa);

	return *virt;
}

/**
 * axas_lookup_at - axas_npt_lookup() with a number for an address
 * @npt: the table
 * @gpa: the address
 * @leaf: out: the leaf
 *
 * Return: as axas_npt_lookup().
 */
int axas_lookup_at(const struct axas_npt *npt, u64 gpa, struct axas_leaf *leaf)
{
	return axas_npt_lookup(npt, axas_gpa(gpa), leaf);
}

/**
 * axas_peek - look at an entry, as a fault does before it installs
 * @space: the space
 * @gpa: the address
 *
 * Return: the entry as it was.
 */
struct axas_npt_slot axas_peek(struct axas_space *space, u64 gpa)
{
	struct axas_npt_slot slot;
	struct axas_leaf leaf;

	guard(rcu)();
	space->npt.ops->lookup(&space->npt, axas_gpa(gpa), &slot, &leaf);
	return slot;
}
