// SPDX-License-Identifier: MIT
/*
 * The least a user of axas does: a space, a lazy GiB in it, a nested page
 * fault, a guest's bytes written and read, and where they lie.
 */
#include <axas.h>
#include <errno.h>
#include <error.h>
#include <stdio.h>

/* Values below 0 are errors everywhere in libaxas. */
static int check(int value, const char *what)
{
	if (value < 0)
		error(2, -value, "%s", what);
	return value;
}

int main(void)
{
	const uint64_t gpa = 0x80001234;
	struct axas_translate_entry at;
	char text[32] = "hello, guest";
	int dev, space, result;

	dev = check(axas_open(NULL), "/dev/axas");
	space = check(axas_create(dev, NULL), "create");
	check(axas_map_alloc(space, 0x80000000, 1 << 30,
			     AXAS_PROT_READ | AXAS_PROT_WRITE), "map");
	result = check(axas_fault(space, gpa, AXAS_PROT_WRITE), "fault");
	check(axas_write(space, gpa, text, sizeof(text)), "write");
	check(axas_read(space, gpa, text, sizeof(text)), "read");
	check(axas_translate(space, gpa, &at), "translate");
	printf("fault at 0x%llx: %s\n", at.gpa, axas_result_name(result));
	printf("\"%s\" lies at host 0x%llx, in a leaf of %llu bytes\n",
	       text, at.hpa, at.leaf_size);
	printf("%llu bytes to the end of the area\n", at.limit);
	return 0;
}
