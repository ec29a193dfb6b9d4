// SPDX-License-Identifier: GPL-2.0
/*
 * A backend whose memory says where it is: until the guest writes, each 8 bytes
 * hold their own guest physical address. What a guest reads before it wrote it
 * tells at once where it came from.
 */
#include <linux/module.h>

#include <axas/backend.h>

static int pattern_setup(struct axas_area *area, const struct axas_npt *npt,
			 const struct axas_map *args)
{
	if (args->hpa)
		return -EINVAL;
	area->attr.owned = true;
	return 0;
}

static void pattern_fill(axas_hpa_t frame, u64 gpa)
{
	u64 *word = axas_hal_phys_to_virt(frame), *end = word + SZ_4K / 8;

	for (; word < end; word++, gpa += 8)
		*word = gpa;
}

static int pattern_fault(const struct axas_area *area, struct axas_npt *npt,
			 const struct axas_npt_slot *slot,
			 struct axas_nested_fault *fault)
{
	axas_gpa_t gpa = axas_gpa(ALIGN_DOWN(fault->gpa.val, SZ_4K));
	int ret;

	/* One that another area has left may be large. */
	if (axas_frame_valid(fault->frame.hpa) && fault->frame.order)
		axas_frame_free(&fault->frame);
	if (!axas_frame_valid(fault->frame.hpa)) {
		fault->want_frame = true;
		fault->order = 0;
		fault->place = area->place;
		return -EAGAIN;
	}

	pattern_fill(fault->frame.hpa, gpa.val);
	ret = axas_npt_get_ops(npt)->install(npt, slot, gpa, fault->frame.hpa, 1,
					     area->shared, &fault->pool);
	if (ret == -ENOMEM) {
		fault->tables = slot->level - 1;
		return -EAGAIN;
	}
	if (!ret)
		axas_frame_take(&fault->frame);
	return ret;
}

static const struct axas_backend_ops pattern_ops = {
	.id = AXAS_BACKEND_MODULE,
	.owner = THIS_MODULE,
	.name = "pattern",
	.max_level = 1,
	.default_level = 1,
	.setup = pattern_setup,
	.fault = pattern_fault,
};

static int __init pattern_init(void)
{
	return axas_backend_register(&pattern_ops);
}

static void __exit pattern_exit(void)
{
	axas_backend_unregister(&pattern_ops);
}

module_init(pattern_init);
module_exit(pattern_exit);

MODULE_DESCRIPTION("axas: memory that says where it is");
MODULE_AUTHOR("The axas authors");
MODULE_LICENSE("GPL");
