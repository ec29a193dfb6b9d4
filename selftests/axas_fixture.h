/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One space of each format and of several widths: a test that says
 * TEST_F(space, ...) runs once in each. AX_FEW_VARIANTS leaves out all widths but
 * one of each format, and AX_TWO_FORMATS AMD's: what takes long, and asks for
 * nothing in which it isn't as EPT's; AX_MODULE_TOO adds one of a module's, and
 * AX_FLAGS_TOO some whose trackers go by the CPU's flags.
 */
#ifndef AXAS_FIXTURE_H
#define AXAS_FIXTURE_H

#include <kselftest_harness.h>
#include "axas_util.h"

/* In seconds, to end what hangs: a busy machine takes several times as long as an idle one. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120

FIXTURE(space) {
	int dev;
	int fd;
	struct axas_info info;
	struct axas_stats empty;	/* of the space, before anything was done */
	__u64 end;			/* first GPA that the width can't express */
};

FIXTURE_VARIANT(space) {
	__u32 format;
	__u32 bits;
	__u32 features;
	__u32 track;		/* flags of trackers */
};

/* As the module calls what those below are in. */
static inline const char *ax_format_name(__u32 format)
{
	return format == AXAS_FORMAT_EPT ? "ept" :
	       format == AXAS_FORMAT_S2 ? "s2" : "amd";
}

#define AX_VARIANT(name, fmt, width) \
	FIXTURE_VARIANT_ADD(space, name) { .format = (fmt), .bits = (width) }

#ifdef AX_MODULE_VARIANTS
/* The format of samples/plugins/axas_gstage.c */
AX_VARIANT(gstage41, AXAS_FORMAT_MODULE, 41);
AX_VARIANT(gstage50, AXAS_FORMAT_MODULE, 50);
AX_VARIANT(gstage59, AXAS_FORMAT_MODULE, 59);
#define AX_FEW_VARIANTS
#else
#ifdef AX_MODULE_TOO
AX_VARIANT(gstage41, AXAS_FORMAT_MODULE, 41);
#endif
AX_VARIANT(ept48, AXAS_FORMAT_EPT, 48);
AX_VARIANT(s2_40, AXAS_FORMAT_S2, 40);
#ifndef AX_TWO_FORMATS
AX_VARIANT(amd48, AXAS_FORMAT_AMD, 48);
#endif
#endif
#ifdef AX_FLAGS_TOO
FIXTURE_VARIANT_ADD(space, ept48_flags) {
	.format = AXAS_FORMAT_EPT, .bits = 48,
	.features = AXAS_FEAT_AD, .track = AXAS_TRACK_BY_FLAGS,
};

FIXTURE_VARIANT_ADD(space, s2_40_flags) {
	.format = AXAS_FORMAT_S2, .bits = 40,
	.features = AXAS_FEAT_AD, .track = AXAS_TRACK_BY_FLAGS,
};
#endif
#ifndef AX_FEW_VARIANTS
AX_VARIANT(ept39, AXAS_FORMAT_EPT, 39);
AX_VARIANT(ept57, AXAS_FORMAT_EPT, 57);
AX_VARIANT(s2_32, AXAS_FORMAT_S2, 32);
AX_VARIANT(s2_48, AXAS_FORMAT_S2, 48);
AX_VARIANT(amd57, AXAS_FORMAT_AMD, 57);
#endif

/* Not every program uses both, which newer harnesses don't expect. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"

FIXTURE_SETUP(space)
{
	self->dev = ax_open_dev();
	if (self->dev == -ENOENT)
		SKIP(return, "/dev/axas is missing: is the module loaded?");
	if (self->dev == -EACCES || self->dev == -EPERM)
		SKIP(return, "/dev/axas belongs to root");
	ASSERT_LE(0, self->dev);
	if (variant->format == AXAS_FORMAT_MODULE &&
	    ax_info(self->dev, variant->format, &self->info) == -EINVAL)
		SKIP(return, "axas_gstage isn't loaded");
	ASSERT_EQ(0, ax_info(self->dev, variant->format, &self->info));
	self->end = 1ULL << variant->bits;
	self->fd = ax_create_with(self->dev, variant->format, variant->bits,
				  variant->features & self->info.features);
	if (variant->features & ~self->info.features)
		SKIP(return, "this CPU's spaces don't have these features");
	if (!(self->info.gpa_bits >> variant->bits & 1)) {
		ASSERT_EQ(-EOPNOTSUPP, self->fd);
		SKIP(return, "this machine has no spaces of %u bits", variant->bits);
	}
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ax_stats(self->fd, &self->empty));
}

FIXTURE_TEARDOWN(space)
{
	/*
	 * However a test left the space, it can be emptied: no frame and no
	 * table may stay behind.
	 */
	struct axas_stats st;
	unsigned int i;

	EXPECT_EQ(0, ax_clear(self->fd));
	EXPECT_EQ(0, ax_stats(self->fd, &st));
	EXPECT_EQ(0, st.areas);
	EXPECT_EQ(0, st.resident);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, st.leaves[i]);
	for (i = 0; i < 5; i++)
		EXPECT_EQ(self->empty.tables[i], st.tables[i]);
	EXPECT_EQ(0, close(self->fd));
	EXPECT_EQ(0, close(self->dev));
}

/* The module alone, for tests that make their own spaces: they run once. */
FIXTURE(device) {
	int dev;
};

FIXTURE_SETUP(device)
{
	self->dev = ax_open_dev();
	if (self->dev < 0)
		SKIP(return, "/dev/axas can't be opened");
}

FIXTURE_TEARDOWN(device)
{
	EXPECT_EQ(0, close(self->dev));
}

#pragma GCC diagnostic pop

#endif /* AXAS_FIXTURE_H */
