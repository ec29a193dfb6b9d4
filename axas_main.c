// SPDX-License-Identifier: GPL-2.0
/*
 * The module and /dev/axas.
 */
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/string.h>

#include <axas/show.h>

#include "axas_file.h"
#include "axas_ioctl.h"

static int ioctl_info(struct axas_space *none, union axas_args *args)
{
	struct axas_info *info = &args->info;
	const struct axas_npt_ops *ops = axas_format_get(info->format);
	struct axas_npt_caps caps;

	if (!ops)
		return -EINVAL;
	ops->caps(&caps);
	*info = (struct axas_info){
		.size = info->size,
		.format = ops->format,
		.formats = axas_format_mask(),
		.leaf_sizes = caps.leaf_sizes,
		.gpa_bits = caps.gpa_bits,
		.features = caps.features,
		.memtypes = caps.memtypes,
		.hpa_bits = caps.hpa_bits,
		.default_gpa_bits = caps.default_gpa_bits,
		.control_bits = caps.control_bits,
	};
	strscpy(info->name, ops->name, sizeof(info->name));
	module_put(ops->owner);
	return 0;
}

static int ioctl_create(struct axas_space *none, union axas_args *args)
{
	return axas_control_open(&args->create);
}

static const struct axas_ioctl device_ioctls[] = {
	AXAS_IOCTL(AXAS_INFO, struct axas_info, default_gpa_bits, ioctl_info, AXAS_WRITES, 0),
	AXAS_IOCTL(AXAS_CREATE, struct axas_create, reserved, ioctl_create, AXAS_WRITES_NOTHING, 0),
};

static long axas_device_ioctl(struct file *filp, unsigned int cmd,
			      unsigned long arg)
{
	return axas_ioctl_run(NULL, device_ioctls, ARRAY_SIZE(device_ioctls),
			      cmd, arg);
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = axas_device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice axas_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "axas",
	.fops = &device_fops,
	.mode = 0600,
};

static int __init axas_init(void)
{
	int ret;

	ret = axas_live_init();
	if (ret)
		return ret;
	ret = axas_hotadd_init();
	if (ret)
		goto err_live;
	ret = axas_poison_init();
	if (ret)
		goto err_hotadd;
	axas_debugfs_init();
	ret = misc_register(&axas_misc);
	if (ret)
		goto err_debugfs;
	return 0;

err_debugfs:
	axas_debugfs_exit();
	axas_poison_exit();
err_hotadd:
	axas_hotadd_exit();
err_live:
	axas_live_exit();
	return ret;
}

static void __exit axas_exit(void)
{
	misc_deregister(&axas_misc);
	axas_debugfs_exit();
	axas_poison_exit();
	axas_hotadd_exit();
	axas_live_exit();
	/* Tables are freed behind a grace period. */
	rcu_barrier();
	pr_info("axas: unloaded, %ld frames in use\n", axas_hal_pages());
}

module_init(axas_init);
module_exit(axas_exit);

MODULE_DESCRIPTION("Guest physical address spaces");
MODULE_AUTHOR("The axas authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(AXAS_VERSION);
