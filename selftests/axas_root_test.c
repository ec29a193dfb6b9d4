// SPDX-License-Identifier: GPL-2.0
/*
 * What a CPU is given to walk a table: values worked out from the manuals.
 */
#include "axas_fixture.h"

static int get_root(int fd, struct axas_root *r)
{
	memset(r, 0xee, sizeof(*r));
	r->size = sizeof(*r);
	r->flags = 0;
	return ax_ioctl(fd, AXAS_ROOT, r);
}

/* Intel SDM volume 3C, 25.6.11: type in 2:0, levels less one in 5:3, AD in 6. */
static __u64 eptp(__u64 root, unsigned int levels, bool ad)
{
	return root | 6 | (levels - 1) << 3 | ad << 6;
}

/*
 * Arm ARM D24.2: T0SZ, SL0 for the 4K granule, inner and outer write-back,
 * inner shareable, 48 bits of physical address, HA and HD.
 */
static __u64 vtcr(unsigned int bits, unsigned int levels, bool ad)
{
	return 1ULL << 31 | (64 - bits) | (levels - 2) << 6 | 1 << 8 | 1 << 10 |
	       3 << 12 | 5 << 16 | (ad ? 3 << 21 : 0);
}

/*
 * The Intel manual knows no EPT of three levels. AMD64 APM volume 2, 15.25.3: a CPU
 * walks nested tables in the mode of the kernel that enters the guest.
 */
static bool has_control(__u32 format, unsigned int bits)
{
	if (format == AXAS_FORMAT_AMD && ax_cpu_walks_amd())
		return bits == (ax_cpu_has("la57") ? 57 : 48);
	return format != AXAS_FORMAT_EPT || bits != 39;
}

TEST_F(space, root_and_control)
{
	struct axas_create c = {
		.size = sizeof(c), .format = variant->format,
		.gpa_bits = variant->bits,
	};
	__u64 pages = ax_root_pages(variant->bits, self->empty.levels);
	struct axas_root r;
	unsigned int ad;
	bool has;
	int fd;

	if (!self->info.control_bits)
		SKIP(return, "this machine's memory is encrypted");
	for (ad = 0; ad < 2; ad++) {
		c.features = ad ? AXAS_FEAT_AD : 0;
		if (c.features & ~self->info.features)
			break;
		fd = ax_ioctl(self->dev, AXAS_CREATE, &c);
		ASSERT_LE(0, fd);
		has = has_control(variant->format, variant->bits);
		EXPECT_EQ(has ? 0 : -EOPNOTSUPP, get_root(fd, &r));
		EXPECT_EQ(has, self->info.control_bits >> variant->bits & 1);
		EXPECT_EQ(sizeof(r), r.size);
		EXPECT_EQ(0, r.flags);
		EXPECT_EQ(variant->format, r.format);
		EXPECT_EQ(self->empty.levels, r.levels);
		EXPECT_NE(0, r.root);
		/* Concatenated tables are aligned to all of them. */
		EXPECT_EQ(0, r.root % (pages * AX_PAGE));
		EXPECT_GT(1ULL << self->info.hpa_bits, r.root);
		if (variant->format == AXAS_FORMAT_S2) {
			EXPECT_EQ(r.root, r.control);
			EXPECT_EQ(vtcr(variant->bits, r.levels, ad), r.vtcr);
		} else {
			if (has)
				EXPECT_EQ(variant->format == AXAS_FORMAT_AMD ? r.root :
					  eptp(r.root, r.levels, ad), r.control);
			EXPECT_EQ(0, r.vtcr);
		}
		close(fd);
	}
}

TEST_F(space, spaces_have_roots_of_their_own)
{
	struct axas_root a, b;
	int fd = ax_create(self->dev, variant->format, variant->bits);

	ASSERT_LE(0, fd);
	get_root(self->fd, &a);
	get_root(fd, &b);
	EXPECT_NE(a.root, b.root);
	/* It stays where it is. */
	EXPECT_EQ(0, ax_populate(self->fd, 0, 16 * AX_PAGE));
	EXPECT_EQ(0, ax_clear(self->fd));
	get_root(self->fd, &b);
	EXPECT_EQ(a.root, b.root);
	EXPECT_EQ(a.control, b.control);
	close(fd);
}

TEST_F(space, only_for_admin)
{
	struct axas_root r;

	ASSERT_EQ(0, ax_drop_cap(CAP_SYS_ADMIN));
	EXPECT_EQ(-EPERM, get_root(self->fd, &r));
	EXPECT_EQ(0xeeeeeeeeeeeeeeeeULL, r.root);
	EXPECT_EQ(0xeeeeeeeeeeeeeeeeULL, r.control);
}

TEST_HARNESS_MAIN
