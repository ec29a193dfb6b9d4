// SPDX-License-Identifier: GPL-2.0
/*
 * A backend with a policy of its own: 2 MiB for what a guest writes first, 4 KiB
 * for what it only reads and executes. A program's heap is dense, its code isn't.
 */
#include <linux/module.h>

#include <axas/backend.h>

static int writes_setup(struct axas_area *area, const struct axas_npt *npt,
			const struct axas_map *args)
{
	if (args->hpa)
		return -EINVAL;
	area->attr.owned = true;
	return 0;
}

/* The policy. Level 2 holds leaves of 2 MiB, level 1 those of 4 KiB. */
static unsigned int writes_level(const struct axas_area *area,
				 const struct axas_npt_slot *slot,
				 const struct axas_nested_fault *fault)
{
	u64 start = ALIGN_DOWN(fault->gpa.val, SZ_2M);

	if (!(fault->access & AXAS_PROT_WRITE))
		return 1;
	/* Something is there already, or there was no large frame. */
	if (area->max_level < 2 || slot->level < 2 || fault->small)
		return 1;
	return start >= fault->start && start + SZ_2M - 1 <= fault->last ? 2 : 1;
}

static int writes_fault(const struct axas_area *area, struct axas_npt *npt,
			const struct axas_npt_slot *slot,
			struct axas_nested_fault *fault)
{
	unsigned int level = writes_level(area, slot, fault);
	unsigned int order = 9 * (level - 1);
	int ret;

	if (axas_frame_valid(fault->frame.hpa) && fault->frame.order != order)
		axas_frame_free(&fault->frame);
	if (!axas_frame_valid(fault->frame.hpa)) {
		fault->want_frame = true;
		fault->order = order;
		fault->place = area->place;
		return -EAGAIN;
	}

	ret = axas_npt_get_ops(npt)->install(npt, slot, fault->gpa, fault->frame.hpa,
					     level, area->shared, &fault->pool);
	if (ret == -ENOMEM) {
		fault->tables = slot->level - level;
		return -EAGAIN;
	}
	if (!ret)
		axas_frame_take(&fault->frame);
	return ret;
}

static const struct axas_backend_ops writes_ops = {
	.id = AXAS_BACKEND_MODULE + 1,
	.owner = THIS_MODULE,
	.name = "writes",
	.max_level = 2,
	.default_level = 2,
	.setup = writes_setup,
	.fault = writes_fault,
};

static int __init writes_init(void)
{
	return axas_backend_register(&writes_ops);
}

static void __exit writes_exit(void)
{
	axas_backend_unregister(&writes_ops);
}

module_init(writes_init);
module_exit(writes_exit);

MODULE_DESCRIPTION("axas: large frames for what is written");
MODULE_AUTHOR("The axas authors");
MODULE_LICENSE("GPL");
