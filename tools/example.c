// SPDX-License-Identifier: GPL-2.0
/*
 * The least a user of axas does: a space, a lazy GiB in it, a nested page
 * fault, a guest's bytes written and read, and where they lie.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/axas.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
	struct axas_create create = { .size = sizeof(create) };
	struct axas_map map = {
		.size = sizeof(map), .gpa = 0x80000000, .length = 1 << 30,
		.backend = AXAS_BACKEND_ALLOC,
		.prot = AXAS_PROT_READ | AXAS_PROT_WRITE,
	};
	struct axas_fault_entry miss = { .gpa = 0x80001234, .access = AXAS_PROT_WRITE };
	struct axas_fault fault = { .size = sizeof(fault), .entries = (uintptr_t)&miss, .nr = 1 };
	struct axas_translate_entry at = { .gpa = 0x80001234 };
	struct axas_translate look = { .size = sizeof(look), .entries = (uintptr_t)&at, .nr = 1 };
	char text[32] = "hello, guest";
	int dev, space;

	dev = open("/dev/axas", O_RDWR);
	if (dev < 0)
		err(2, "/dev/axas");
	space = ioctl(dev, AXAS_CREATE, &create);
	if (space < 0)
		err(2, "AXAS_CREATE");
	if (ioctl(space, AXAS_MAP, &map) || ioctl(space, AXAS_FAULT, &fault))
		err(2, "AXAS_MAP, AXAS_FAULT");
	if (pwrite(space, text, sizeof(text), at.gpa) != sizeof(text) ||
	    pread(space, text, sizeof(text), at.gpa) != sizeof(text))
		err(2, "pwrite, pread");
	if (ioctl(space, AXAS_TRANSLATE, &look))
		err(2, "AXAS_TRANSLATE");
	printf("fault at 0x%llx: result %u\n", miss.gpa, miss.result);
	printf("\"%s\" lies at host 0x%llx, in a leaf of %llu bytes\n",
	       text, at.hpa, at.leaf_size);
	printf("%llu bytes to the end of the area\n", at.limit);
	return 0;
}
