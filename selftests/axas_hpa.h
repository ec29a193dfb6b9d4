/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Host memory that isn't the kernel's: what it was told to leave alone, named
 * by AXAS_RESERVED_HPA and AXAS_RESERVED_SIZE, and the BAR of an ivshmem device. The
 * one has struct pages, the other hasn't.
 */
#ifndef AXAS_HPA_H
#define AXAS_HPA_H

#include <dirent.h>
#include "axas_util.h"

/* BAR 2 of QEMU's ivshmem device: memory, and the kernel doesn't own it. */
static inline bool ax_find_ivshmem(__u64 *hpa, __u64 *len)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	unsigned int id[2], i;
	struct dirent *d;
	__u64 end;
	FILE *f;
	bool found = false;

	while (dir && !found && (d = readdir(dir))) {
		static const char * const ids[] = { "vendor", "device" };
		char path[300];

		memset(id, 0, sizeof(id));
		for (i = 0; i < 2; i++) {
			snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s",
				 d->d_name, ids[i]);
			f = fopen(path, "r");
			if (f && fscanf(f, "%x", &id[i]) != 1)
				id[i] = 0;
			if (f)
				fclose(f);
		}
		if (id[0] != 0x1af4 || id[1] != 0x1110)
			continue;
		/* Firmware may have left it switched off. */
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/enable", d->d_name);
		f = fopen(path, "w");
		if (f) {
			fputs("1", f);
			fclose(f);
		}
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", d->d_name);
		f = fopen(path, "r");
		found = f && fscanf(f, "%*[^\n]\n%*[^\n]\n%llx%llx", hpa, &end) == 2 &&
			*hpa && end > *hpa;
		if (found)
			*len = end - *hpa + 1;
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Memory kept from the kernel; aligned to 2 MiB. */
static inline bool ax_find_reserved(__u64 *hpa, __u64 *len)
{
	const char *at = getenv("AXAS_RESERVED_HPA");
	const char *size = getenv("AXAS_RESERVED_SIZE");
	__u64 start, skip;

	if (!at || !size)
		return false;
	start = strtoull(at, NULL, 0);
	skip = -start & (AX_2M - 1);
	*hpa = start + skip;
	*len = strtoull(size, NULL, 0) - skip;
	return *len >= AX_2M && *len < 1ULL << 50;
}

struct ax_host {
	const char *what;
	__u64 hpa;
	__u64 len;
};

/* Fill in what there is, at most two. Return: how many. */
static inline unsigned int ax_host_memory(struct ax_host *host)
{
	unsigned int n = 0;

	host[n].what = "reserved memory";
	n += ax_find_reserved(&host[n].hpa, &host[n].len);
	host[n].what = "a BAR";
	n += ax_find_ivshmem(&host[n].hpa, &host[n].len);
	return n;
}

#define AX_NEED_HOST(host, n) do {					\
	(n) = ax_host_memory(host);					\
	if (!(n))							\
		SKIP(return, "no reserved memory (AXAS_RESERVED_HPA) and no ivshmem"); \
} while (0)

#endif /* AXAS_HPA_H */
