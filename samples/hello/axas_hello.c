// SPDX-License-Identifier: GPL-2.0
/*
 * The least a module does with axas: a space, somebody who is told what to
 * forget, a nested page fault, and the memory behind it.
 */
#define pr_fmt(fmt) "axas_hello: " fmt

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>

#include <axas/space.h>

#define RAM		0x80000000ULL
#define RAM_SIZE	SZ_1G
#define GREETING	(RAM + 0x1234)

static struct axas_space *space;

/* Under the space's lock: nothing of the same space may be called here. */
static void hello_invalidate(struct axas_holder *holder, axas_gpa_t gpa, u64 size)
{
	pr_info("forget 0x%llx and 0x%llx bytes\n", gpa.val, size);
}

static struct axas_holder hello_holder = {
	.invalidate = hello_invalidate,
	.node = LIST_HEAD_INIT(hello_holder.node),
};

/* What a hypervisor does when its guest has left with a nested page fault. */
static int hello_fault(void)
{
	enum axas_fault_result result;

	result = axas_space_fault(space, axas_gpa(GREETING), AXAS_PROT_WRITE);
	pr_info("fault at 0x%llx: %s\n", GREETING,
		result == AXAS_FAULT_RESOLVED ? "resolved" : "refused");
	return result == AXAS_FAULT_RESOLVED ? 0 : -EFAULT;
}

/* The page is the caller's until put_page(), whatever happens to the area. */
static int hello_write(void)
{
	struct axas_memory memory;
	int ret;

	ret = axas_space_get_memory(space, axas_gpa(GREETING), AXAS_PROT_WRITE,
				    &memory);
	if (ret)
		return ret;
	memcpy(page_address(memory.page) + offset_in_page(GREETING), "hello",
	       sizeof("hello"));
	axas_space_wrote(space, &memory, offset_in_page(GREETING),
			 sizeof("hello"));
	put_page(memory.page);
	return 0;
}

static int hello_use(void)
{
	const struct axas_map ram = {
		.size = sizeof(ram),
		.gpa = RAM,
		.length = RAM_SIZE,
		.backend = AXAS_BACKEND_ALLOC,
		.prot = AXAS_PROT_READ | AXAS_PROT_WRITE,
	};
	int ret;

	ret = axas_space_map(space, &ram);
	if (!ret)
		ret = hello_fault();
	if (!ret)
		ret = hello_write();
	if (!ret)
		ret = axas_space_unmap(space, axas_gpa(RAM), SZ_2M);
	return ret;
}

static void hello_end(void)
{
	axas_space_del_holder(space, &hello_holder);
	axas_space_destroy(space);
}

static int __init hello_init(void)
{
	const struct axas_create how = { .size = sizeof(how) };
	int ret;

	space = axas_space_create(&how);
	if (IS_ERR(space))
		return PTR_ERR(space);
	/* Before there is any translation that it would have to hear of. */
	ret = axas_space_add_holder(space, &hello_holder);
	if (ret) {
		axas_space_destroy(space);
		return ret;
	}
	ret = hello_use();
	if (ret)
		hello_end();
	return ret;
}

static void __exit hello_exit(void)
{
	hello_end();
}

module_init(hello_init);
module_exit(hello_exit);

MODULE_DESCRIPTION("The least a module does with axas");
MODULE_AUTHOR("The axas authors");
MODULE_LICENSE("GPL");
