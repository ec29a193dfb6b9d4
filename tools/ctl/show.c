// SPDX-License-Identifier: GPL-2.0
/*
 * axasctl: info, list, stats, dump.
 */
#include <axas.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

static const char *feature_name(uint32_t bit)
{
	return axas_feature_name(UINT32_C(1) << bit);
}

static int open_device(void)
{
	int dev = axas_open(NULL);

	if (dev >= 0)
		return dev;
	if (!module_loaded())
		die("the module isn't loaded: sudo modprobe axas, or sudo insmod axas.ko");
	if (dev == -EACCES || dev == -EPERM)
		die("/dev/axas: %s; it belongs to root: use sudo, or join the group that owns it",
		    strerror(-dev));
	die("/dev/axas: %s", strerror(-dev));
}

static struct axas_info ask(int dev, uint32_t format)
{
	struct axas_info info;
	int err = axas_info(dev, format, &info);

	if (err)
		die("/dev/axas: AXAS_INFO for format %u: %s", format,
		    strerror(-err));
	return info;
}

/* "39, 48, 57" or "32 to 48" */
static void print_bits(uint64_t bits)
{
	unsigned int n, last;
	const char *comma = "";

	for (n = 0; n < 64; n = last + 1) {
		last = n;
		if (!(bits >> n & 1))
			continue;
		while (last < 63 && bits >> (last + 1) & 1)
			last++;
		if (last > n)
			printf("%s%u to %u", comma, n, last);
		else
			printf("%s%u", comma, n);
		comma = ", ";
	}
}

static void print_names(uint32_t bits, const char *(*name)(uint32_t bit))
{
	const char *blank = "";
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		if (!(bits >> bit & 1))
			continue;
		printf("%s%s", blank, name(bit));
		blank = " ";
	}
	puts(bits ? "" : "none");
}

static void print_format(const struct axas_info *info, bool host)
{
	unsigned int leaf;

	printf("%s%s\n", info->name,
	       host ? "  (what this machine's CPUs walk)" : "");
	printf("  %-16s", "guest addresses");
	print_bits(info->gpa_bits);
	printf(" bits; %u unless asked\n", info->default_gpa_bits);
	/* An older module says nothing of it. */
	if (info->control_bits && info->gpa_bits & ~info->control_bits) {
		printf("  %-16s", "");
		print_bits(info->gpa_bits & ~info->control_bits);
		puts(" bits: no CPU here can use such a table");
	}
	printf("  %-16sup to %u bits\n", "host addresses", info->hpa_bits);
	printf("  %-15s", "leaves");
	for (leaf = 12; leaf < 40; leaf++)
		if (info->leaf_sizes >> leaf & 1)
			printf(" %s", size_short(UINT64_C(1) << leaf).text);
	putchar('\n');
	printf("  %-16s", "features");
	print_names(info->features, feature_name);
	printf("  %-16s", "memory types");
	print_names(info->memtypes, axas_memtype_name);
}

static struct json_object *json_bits(uint64_t bits)
{
	struct json_object *list = json_object_new_array();
	unsigned int n;

	for (n = 0; n < 64; n++)
		if (bits >> n & 1)
			json_object_array_add(list, json_object_new_int(n));
	return list;
}

static struct json_object *json_names(uint32_t bits,
				      const char *(*name)(uint32_t bit))
{
	struct json_object *list = json_object_new_array();
	unsigned int n;

	for (n = 0; n < 32; n++)
		if (bits >> n & 1)
			json_object_array_add(list,
					      json_object_new_string(name(n)));
	return list;
}

static struct json_object *json_leaf_sizes(uint64_t sizes)
{
	struct json_object *list = json_object_new_array();
	unsigned int n;

	for (n = 0; n < 64; n++)
		if (sizes >> n & 1)
			json_object_array_add(list,
					      json_object_new_uint64(UINT64_C(1) << n));
	return list;
}

static struct json_object *json_format(const struct axas_info *info, bool host)
{
	struct json_object *o = json_object_new_object();

	json_add_text(o, "format", info->name);
	json_add_number(o, "number", info->format);
	json_object_object_add(o, "host", json_object_new_boolean(host));
	json_object_object_add(o, "gpa_bits", json_bits(info->gpa_bits));
	json_object_object_add(o, "control_bits", json_bits(info->control_bits));
	json_add_number(o, "default_gpa_bits", info->default_gpa_bits);
	json_add_number(o, "hpa_bits", info->hpa_bits);
	json_object_object_add(o, "leaf_sizes",
			       json_leaf_sizes(info->leaf_sizes));
	json_object_object_add(o, "features",
			       json_names(info->features, feature_name));
	json_object_object_add(o, "memtypes",
			       json_names(info->memtypes, axas_memtype_name));
	return o;
}

int show_info(const struct request *req)
{
	struct json_object *list = json_object_new_array();
	int dev = open_device();
	struct axas_info host = ask(dev, AXAS_FORMAT_HOST), info;
	uint32_t format;

	for (format = 1; format < 32; format++) {
		if (!(host.formats >> format & 1))
			continue;
		info = ask(dev, format);
		if (req->json)
			json_object_array_add(list,
					      json_format(&info, format == host.format));
		else
			print_format(&info, format == host.format);
	}
	if (req->json)
		json_print(list);
	else
		json_object_put(list);
	close(dev);
	return 0;
}

uint64_t table_pages(const struct figures *f)
{
	uint64_t pages = 0;
	unsigned int level;

	for (level = 0; level < NR_LEVELS; level++)
		pages += f->tables[level];
	return pages;
}

struct json_object *json_faults(const uint64_t *faults)
{
	struct json_object *o = json_object_new_object();
	unsigned int i;

	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		json_add_number(o, axas_result_name(i), faults[i]);
	return o;
}

struct json_object *json_figures(const struct figures *f)
{
	struct json_object *o = json_object_new_object();
	struct json_object *leaves = json_object_new_object();
	struct json_object *tables = json_object_new_array();
	unsigned int i;

	json_add_number(o, "id", f->id);
	json_add_text(o, "format", f->format);
	json_add_number(o, "gpa_bits", f->gpa_bits);
	json_add_number(o, "levels", f->levels);
	json_add_address(o, "base", f->base);
	json_add_number(o, "length", f->length);
	json_object_object_add(o, "features",
			       json_names((uint32_t)f->features, feature_name));
	json_add_number(o, "pid", f->pid);
	json_add_text(o, "comm", f->comm);
	json_add_number(o, "areas", f->areas);
	json_add_number(o, "resident", f->resident);
	for (i = 0; i < NR_LEAVES; i++)
		json_add_number(leaves, leaf_names[i], f->leaves[i]);
	json_object_object_add(o, "leaves", leaves);
	for (i = 0; i < f->levels; i++)
		json_object_array_add(tables,
				      json_object_new_uint64(f->tables[i]));
	json_object_object_add(o, "tables", tables);
	json_object_object_add(o, "faults", json_faults(f->faults));
	return o;
}

static void print_row(const struct figures *f)
{
	printf("%4" PRIu64 "  %-6s  %5u  %6" PRIu64 "  %8s  %8s  %s (%d)\n", f->id,
	       f->format, f->gpa_bits, f->areas, size_short(f->resident).text,
	       size_short(table_pages(f) * PAGE_SIZE).text, f->comm, f->pid);
}

static void print_figures(const struct figures *f)
{
	unsigned int i;

	printf("space %" PRIu64 "\n", f->id);
	printf("  %-10s%s, %u bits, %u levels\n", "format", f->format,
	       f->gpa_bits, f->levels);
	printf("  %-10s%s to %s\n", "addresses",
	       address(f->base, f->gpa_bits).text,
	       address(f->base + f->length - 1, f->gpa_bits).text);
	printf("  %-10s", "features");
	print_names((uint32_t)f->features, feature_name);
	printf("  %-10s%s (%d)\n", "owner", f->comm, f->pid);
	printf("  %-10s%" PRIu64 "\n", "areas", f->areas);
	printf("  %-10s%s\n", "resident", size_long(f->resident).text);
	printf("  %-10s", "leaves");
	for (i = 0; i < NR_LEAVES; i++)
		printf("%s%" PRIu64 " of %s", i ? ", " : "", f->leaves[i],
		       leaf_names[i]);
	printf("\n  %-10s%s:", "tables",
	       size_long(table_pages(f) * PAGE_SIZE).text);
	for (i = f->levels; i-- > 0;)
		printf(" %" PRIu64 " at level %u%s", f->tables[i], i + 1,
		       i ? "," : "\n");
	printf("  %-10s", "faults");
	for (i = 0; i < AXAS_NR_FAULT_RESULTS; i++)
		printf("%s%" PRIu64 " %s", i ? ", " : "", f->faults[i],
		       axas_result_name(i));
	putchar('\n');
}

/* All spaces that stay meanwhile: JSON, or @head and what @print makes of each. */
static int show_all(const struct request *req, const char *head,
		    void (*print)(const struct figures *f))
{
	struct json_object *list = json_object_new_array();
	struct figures f;
	uint64_t *ids;
	size_t nr, i;

	nr = list_spaces(&ids);
	if (!req->json)
		fputs(nr ? head : "no space is alive\n", stdout);
	for (i = 0; i < nr; i++) {
		if (!try_figures(ids[i], &f))
			continue;
		if (req->json)
			json_object_array_add(list, json_figures(&f));
		else
			print(&f);
	}
	if (req->json)
		json_print(list);
	else
		json_object_put(list);
	free(ids);
	return 0;
}

int show_list(const struct request *req)
{
	return show_all(req,
			"  ID  FORMAT   BITS   AREAS  RESIDENT    TABLES  OWNER\n",
			print_row);
}

int show_stats(const struct request *req)
{
	struct figures f;

	if (!req->id)
		return show_all(req, "", print_figures);
	read_figures(req->id, &f);
	if (req->json)
		json_print(json_figures(&f));
	else
		print_figures(&f);
	return 0;
}

/* A run at a time: a table may have very many. */
static void dump_run(const struct run *run, void *arg)
{
	struct json_object *o = json_object_new_object();
	bool *first = arg;

	json_add_address(o, "start", run->start);
	json_add_address(o, "end", run->end);
	json_add_text(o, "leaf", leaf_names[run->leaf]);
	json_add_text(o, "prot", run->prot);
	json_add_text(o, "memtype", run->memtype);
	json_object_object_add(o, "flags", json_words(run->flags));
	printf("%s  %s", *first ? "" : ",\n",
	       json_object_to_json_string_ext(o, JSON_C_TO_STRING_SPACED));
	*first = false;
	json_object_put(o);
}

int show_dump(const struct request *req)
{
	struct space s = { .figures = { .id = req->id } };
	bool first = true;
	char buf[4096];
	size_t n;
	FILE *f;

	if (req->tree)
		return show_tree(req);
	if (req->json) {
		puts("[");
		read_runs(&s, dump_run, &first);
		puts(first ? "]" : "\n]");
		return 0;
	}
	f = open_table(req->id);
	while ((n = fread(buf, 1, sizeof(buf), f)))
		fwrite(buf, 1, n, stdout);
	if (ferror(f))
		die_of_file(req->id, "table", errno);
	fclose(f);
	return 0;
}
