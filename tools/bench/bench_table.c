// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables alone: both formats of axas, generic_pt in the format of VT-d's
 * second stage, io-pgtable in that of Arm's stage 2. What is called is what a
 * driver would call last: axas_npt_ops, pt_iommu_ops, io_pgtable_ops. Each
 * subject's functions are inlined into the loops that measure them.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/generic_pt/iommu.h>
#include <linux/io-pgtable.h>
#include <linux/iommu.h>
#include <linux/slab.h>

#include <axas/space.h>

#include "bench.h"

/* Its header stands in drivers/iommu. */
void iommu_put_pages_list(struct iommu_pages_list *list);

struct subject {
	const char *name;
	void *(*make)(void);
	void (*destroy)(void *table);
	/* level 1 makes leaves of 4 KiB, level 2 of 2 MiB */
	int (*map)(void *table, u64 gpa, u64 size, unsigned int level);
	void (*unmap)(void *table, u64 gpa, u64 size, unsigned int level);
	u64 (*lookup)(void *table, u64 gpa);
	/* leave tables of level 1 there, without leaves */
	void (*empty)(void *table, u64 gpa, u64 size);
};

static u64 sink;

static u64 to_hpa(u64 gpa)
{
	return gpa - BENCH_GPA + BENCH_HPA;
}

/* ---- axas ---- */

static void *axas_make(u32 format)
{
	const struct axas_create args = { .format = format, .gpa_bits = 48 };
	struct axas_space *space = axas_space_create(&args);

	if (IS_ERR(space))
		return space;
	mutex_lock(&space->lock);
	return space;
}

static void *ept_make(void)
{
	return axas_make(AXAS_FORMAT_EPT);
}

static void *s2_make(void)
{
	return axas_make(AXAS_FORMAT_S2);
}

static void *amd_make(void)
{
	return axas_make(AXAS_FORMAT_AMD);
}

static void axas_destroy(void *table)
{
	struct axas_space *space = table;

	mutex_unlock(&space->lock);
	axas_space_destroy(space);
}

static __always_inline int axas_map(void *table, u64 gpa, u64 size,
				    unsigned int level)
{
	struct axas_npt *npt = &((struct axas_space *)table)->npt;
	const struct axas_attr attr = {
		.prot = AXAS_PROT_READ | AXAS_PROT_WRITE | AXAS_PROT_EXEC,
		.memtype = AXAS_MEM_WB,
	};

	return npt->ops->map(npt, axas_gpa(gpa), axas_hpa(to_hpa(gpa)), size,
			     npt->ops->encode(npt, attr), level);
}

static __always_inline void axas_unmap(void *table, u64 gpa, u64 size,
				       unsigned int level)
{
	struct axas_npt *npt = &((struct axas_space *)table)->npt;
	const struct axas_npt_gap all = { .last = U64_MAX };
	struct axas_npt_pool pool = {};

	npt->ops->unmap(npt, axas_gpa(gpa), size, &all, &pool);
}

static __always_inline u64 axas_lookup(void *table, u64 gpa)
{
	const struct axas_npt *npt = &((struct axas_space *)table)->npt;

	return axas_npt_translate(npt, axas_gpa(gpa)).val;
}

/* An axas table that has no leaf goes: wipe it behind its back. */
static void axas_empty(void *table, u64 gpa, u64 size)
{
	struct axas_npt *npt = &((struct axas_space *)table)->npt;
	u64 end = gpa + size;

	for (; gpa < end; gpa += SZ_2M) {
		struct axas_npt_slot slot;
		struct axas_leaf leaf;

		rcu_read_lock();
		npt->ops->lookup(npt, axas_gpa(gpa), &slot, &leaf);
		if (slot.level == 1)
			memset(slot.ptr, 0, SZ_4K);
		rcu_read_unlock();
	}
}

/* ---- generic_pt ---- */

struct gpt {
	union {
		struct iommu_domain domain;
		struct pt_iommu_vtdss fmt;
	};
};

PT_IOMMU_CHECK_DOMAIN(struct gpt, fmt.iommu, domain);

static void gpt_sync(struct iommu_domain *domain,
		     struct iommu_iotlb_gather *gather)
{
	iommu_put_pages_list(&gather->freelist);
}

static const struct iommu_domain_ops gpt_domain_ops = {
	IOMMU_PT_DOMAIN_OPS(vtdss),
	.iotlb_sync = gpt_sync,
};

static void *gpt_make(void)
{
	const struct pt_iommu_vtdss_cfg cfg = {
		.common.hw_max_vasz_lg2 = 48,
		.common.hw_max_oasz_lg2 = 52,
		.top_level = 3,
	};
	struct gpt *gpt = kzalloc(sizeof(*gpt), GFP_KERNEL);
	int ret;

	if (!gpt)
		return ERR_PTR(-ENOMEM);
	gpt->fmt.iommu.nid = NUMA_NO_NODE;
	gpt->domain.ops = &gpt_domain_ops;
	ret = pt_iommu_vtdss_init(&gpt->fmt, &cfg, GFP_KERNEL);
	if (ret) {
		kfree(gpt);
		return ERR_PTR(ret);
	}
	return gpt;
}

static void gpt_destroy(void *table)
{
	struct gpt *gpt = table;

	pt_iommu_deinit(&gpt->fmt.iommu);
	kfree(gpt);
}

static __always_inline int gpt_map(void *table, u64 gpa, u64 size,
				   unsigned int level)
{
	struct pt_iommu *pt = &((struct gpt *)table)->fmt.iommu;
	u64 hpa = to_hpa(gpa);
	size_t mapped = 0;

	/* It takes the largest leaf that fits: let nothing larger fit. */
	hpa += level == 1 ? SZ_4K : SZ_2M;
	return pt->ops->map_range(pt, gpa, hpa, size, IOMMU_READ | IOMMU_WRITE,
				  GFP_KERNEL, &mapped);
}

static __always_inline void gpt_unmap(void *table, u64 gpa, u64 size,
				      unsigned int level)
{
	struct pt_iommu *pt = &((struct gpt *)table)->fmt.iommu;
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	pt->ops->unmap_range(pt, gpa, size, &gather);
	iommu_put_pages_list(&gather.freelist);
}

static __always_inline u64 gpt_lookup(void *table, u64 gpa)
{
	struct gpt *gpt = table;

	return gpt->domain.ops->iova_to_phys(&gpt->domain, gpa);
}

static void gpt_empty(void *table, u64 gpa, u64 size)
{
	u64 end = gpa + size;

	for (; gpa < end; gpa += SZ_4K)
		gpt_unmap(table, gpa, SZ_4K, 1);
}

/* ---- io-pgtable ---- */

static struct device *device;

static void iopt_flush_all(void *cookie)
{
}

static void iopt_flush_walk(unsigned long iova, size_t size, size_t granule,
			    void *cookie)
{
}

static const struct iommu_flush_ops iopt_flush_ops = {
	.tlb_flush_all = iopt_flush_all,
	.tlb_flush_walk = iopt_flush_walk,
};

static void *iopt_make(void)
{
	struct io_pgtable_cfg cfg = {
		.pgsize_bitmap = SZ_4K | SZ_2M | SZ_1G,
		.ias = 48,
		.oas = 48,
		.coherent_walk = true,
		.tlb = &iopt_flush_ops,
		.iommu_dev = device,
	};
	void *table = alloc_io_pgtable_ops(ARM_64_LPAE_S2, &cfg, NULL);

	return table ? table : ERR_PTR(-ENOMEM);
}

static void iopt_destroy(void *table)
{
	free_io_pgtable_ops(table);
}

static __always_inline int iopt_map(void *table, u64 gpa, u64 size,
				    unsigned int level)
{
	struct io_pgtable_ops *ops = table;
	size_t leaf = level == 1 ? SZ_4K : SZ_2M, mapped = 0;
	int ret = 0;

	/* It does up to the end of a table of leaves at a time. */
	while (!ret && mapped < size)
		ret = ops->map_pages(ops, gpa + mapped, to_hpa(gpa) + mapped,
				     leaf, (size - mapped) / leaf,
				     IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE,
				     GFP_KERNEL, &mapped);
	return ret;
}

static __always_inline void iopt_unmap(void *table, u64 gpa, u64 size,
				       unsigned int level)
{
	struct io_pgtable_ops *ops = table;
	size_t leaf = level == 1 ? SZ_4K : SZ_2M, done;

	while (size) {
		done = ops->unmap_pages(ops, gpa, leaf, size / leaf, NULL);
		if (!done)
			return;
		gpa += done;
		size -= done;
	}
}

static __always_inline u64 iopt_lookup(void *table, u64 gpa)
{
	struct io_pgtable_ops *ops = table;

	return ops->iova_to_phys(ops, gpa);
}

static void iopt_empty(void *table, u64 gpa, u64 size)
{
	iopt_unmap(table, gpa, size, 1);
}

/* ---- the rows ---- */

static __always_inline int range_rows(const struct subject *s, void *t)
{
	u64 size = (u64)bench_pages * SZ_4K;
	u64 start, end;
	int ret;

	/* Once for nothing: pages that nobody has touched lately are slow. */
	ret = s->map(t, BENCH_GPA, size, 1);
	if (ret)
		return ret;
	s->unmap(t, BENCH_GPA, size, 1);
	bench_settle();

	start = bench_now();
	ret = s->map(t, BENCH_GPA, size, 1);
	end = bench_now();
	if (ret)
		return ret;
	bench_note("map4k_new", s->name, bench_pages, end - start);

	s->empty(t, BENCH_GPA, size);
	start = bench_now();
	ret = s->map(t, BENCH_GPA, size, 1);
	end = bench_now();
	if (ret)
		return ret;
	bench_note("map4k_present", s->name, bench_pages, end - start);

	start = bench_now();
	s->unmap(t, BENCH_GPA, size, 1);
	end = bench_now();
	bench_note("unmap4k", s->name, bench_pages, end - start);
	bench_settle();
	return 0;
}

static __always_inline int call_rows(const struct subject *s, void *t,
				     const char *map, const char *unmap,
				     unsigned int n, unsigned int level)
{
	u64 size = axas_level_size(level);
	u64 start, end, gpa;
	unsigned int i;
	int ret = 0;

	start = bench_now();
	for (i = 0, gpa = BENCH_GPA; i < n; i++, gpa += size)
		ret |= s->map(t, gpa, size, level);
	end = bench_now();
	if (ret)
		return ret;
	bench_note(map, s->name, n, end - start);

	start = bench_now();
	for (i = 0, gpa = BENCH_GPA; i < n; i++, gpa += size)
		s->unmap(t, gpa, size, level);
	end = bench_now();
	bench_note(unmap, s->name, n, end - start);
	bench_settle();
	return 0;
}

static __always_inline int large_rows(const struct subject *s, void *t)
{
	u64 start, end;
	int ret;

	start = bench_now();
	ret = s->map(t, BENCH_GPA, SZ_1G, 2);
	end = bench_now();
	if (ret)
		return ret;
	bench_note("map2m", s->name, 512, end - start);

	start = bench_now();
	s->unmap(t, BENCH_GPA, SZ_1G, 2);
	end = bench_now();
	bench_note("unmap2m", s->name, 512, end - start);
	bench_settle();
	return call_rows(s, t, "map2m_call", "unmap2m_call", 512, 2);
}

/* Addresses out of 1 GiB; each may have to wait for what the last one gave. */
static __always_inline void lookup_loop(const struct subject *s, void *t,
					const char *row, bool depends)
{
	u64 x = 1, sum = 0, hpa, start, end;
	unsigned int i;

	start = bench_now();
	for (i = 0; i < bench_pages; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		hpa = s->lookup(t, BENCH_GPA + ((x >> 33) & (SZ_1G - 1)));
		sum += hpa;
		if (depends)
			x += hpa;
	}
	end = bench_now();
	WRITE_ONCE(sink, sum);
	bench_note(row, s->name, bench_pages, end - start);
}

static __always_inline int lookup_rows(const struct subject *s, void *t)
{
	unsigned int level;
	int ret;

	for (level = 1; level <= 2; level++) {
		ret = s->map(t, BENCH_GPA, SZ_1G, level);
		if (ret)
			return ret;
		/* Once to warm it up, and to see that it finds anything. */
		if (!s->lookup(t, BENCH_GPA + SZ_1G - 1))
			return -ENOENT;
		if (level == 1) {
			lookup_loop(s, t, "lookup4k", false);
			lookup_loop(s, t, "lookup4k_dep", true);
		} else {
			lookup_loop(s, t, "lookup2m", false);
			lookup_loop(s, t, "lookup2m_dep", true);
		}
		s->unmap(t, BENCH_GPA, SZ_1G, level);
		bench_settle();
	}
	return 0;
}

static __always_inline int table_rows(const struct subject *s)
{
	void *t = s->make();
	int ret;

	if (IS_ERR(t))
		return PTR_ERR(t);
	ret = range_rows(s, t);
	if (!ret)
		ret = call_rows(s, t, "map4k_call", "unmap4k_call", bench_pages,
				1);
	s->destroy(t);
	if (ret)
		return ret;

	t = s->make();
	if (IS_ERR(t))
		return PTR_ERR(t);
	ret = large_rows(s, t);
	s->destroy(t);
	if (ret)
		return ret;

	t = s->make();
	if (IS_ERR(t))
		return PTR_ERR(t);
	ret = lookup_rows(s, t);
	s->destroy(t);
	bench_settle();
	return ret;
}

static noinline int ept_rows(void)
{
	static const struct subject s = {
		.name = "ept", .make = ept_make, .destroy = axas_destroy,
		.map = axas_map, .unmap = axas_unmap, .lookup = axas_lookup,
		.empty = axas_empty,
	};

	return table_rows(&s);
}

static noinline int s2_rows(void)
{
	static const struct subject s = {
		.name = "s2", .make = s2_make, .destroy = axas_destroy,
		.map = axas_map, .unmap = axas_unmap, .lookup = axas_lookup,
		.empty = axas_empty,
	};

	return table_rows(&s);
}

static noinline int amd_rows(void)
{
	static const struct subject s = {
		.name = "amd", .make = amd_make, .destroy = axas_destroy,
		.map = axas_map, .unmap = axas_unmap, .lookup = axas_lookup,
		.empty = axas_empty,
	};

	return table_rows(&s);
}

static noinline int gpt_rows(void)
{
	static const struct subject s = {
		.name = "generic_pt", .make = gpt_make, .destroy = gpt_destroy,
		.map = gpt_map, .unmap = gpt_unmap, .lookup = gpt_lookup,
		.empty = gpt_empty,
	};

	return table_rows(&s);
}

static noinline int iopt_rows(void)
{
	static const struct subject s = {
		.name = "io-pgtable", .make = iopt_make,
		.destroy = iopt_destroy, .map = iopt_map, .unmap = iopt_unmap,
		.lookup = iopt_lookup, .empty = iopt_empty,
	};

	return table_rows(&s);
}

/*
 * What iommu_unmap() makes of a range on io-pgtable: whole tables go, and
 * nobody looks at their entries.
 */
static int iopt_drop(void)
{
	u64 size = (u64)bench_pages * SZ_4K, start, end;
	void *t = iopt_make();
	int ret;

	if (IS_ERR(t))
		return PTR_ERR(t);
	ret = iopt_map(t, BENCH_GPA, size, 1);
	start = bench_now();
	iopt_unmap(t, BENCH_GPA, size, 2);
	end = bench_now();
	iopt_destroy(t);
	if (!ret)
		bench_note("unmap4k_drop", "io-pgtable", bench_pages,
			   end - start);
	return ret;
}

/* The loop of the lookups without a lookup. */
static noinline void lookup_floor(void)
{
	static const char * const rows[] = {
		"lookup4k", "lookup4k_dep", "lookup2m", "lookup2m_dep"
	};
	u64 x = 1, sum = 0, start, end;
	unsigned int i;

	start = bench_now();
	for (i = 0; i < bench_pages; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		sum += BENCH_GPA + ((x >> 33) & (SZ_1G - 1));
	}
	end = bench_now();
	WRITE_ONCE(sink, sum);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		bench_note(rows[i], "floor", bench_pages, end - start);
}

int bench_table(void)
{
	int ret;

	lookup_floor();
	ret = ept_rows();
	if (!ret)
		ret = gpt_rows();
	if (!ret)
		ret = s2_rows();
	if (!ret)
		ret = amd_rows();
	if (!ret)
		ret = iopt_rows();
	if (!ret)
		ret = iopt_drop();
	return ret;
}

int bench_table_init(void)
{
	device = root_device_register("axas_bench");
	return PTR_ERR_OR_ZERO(device);
}

void bench_table_exit(void)
{
	root_device_unregister(device);
}
