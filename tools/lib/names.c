// SPDX-License-Identifier: MIT
/*
 * libaxas: names of what <linux/axas.h> enumerates, as fdinfo, debugfs and the
 * tracepoints of the module spell them.
 */
#include "axas.h"

#define NAME(names, n) \
	((n) < sizeof(names) / sizeof((names)[0]) && (names)[n] ? \
	 (names)[n] : "unknown")

const char *axas_format_name(uint32_t format)
{
	static const char * const names[] = {
		[AXAS_FORMAT_HOST] = "host",
		[AXAS_FORMAT_EPT] = "ept",
		[AXAS_FORMAT_S2] = "s2",
		[AXAS_FORMAT_AMD] = "amd",
	};

	return NAME(names, format);
}

const char *axas_feature_name(uint32_t feature)
{
	switch (feature) {
	case AXAS_FEAT_EXEC_ONLY:
		return "exec-only";
	case AXAS_FEAT_AD:
		return "ad";
	case AXAS_FEAT_FWB:
		return "fwb";
	case AXAS_FEAT_LPA2:
		return "lpa2";
	case AXAS_FEAT_EXEC_USER:
		return "exec-user";
	default:
		return "unknown";
	}
}

const char *axas_backend_name(uint32_t backend)
{
	static const char * const names[] = {
		[AXAS_BACKEND_LINEAR] = "linear",
		[AXAS_BACKEND_ALLOC] = "alloc",
		[AXAS_BACKEND_DEVICE] = "device",
		[AXAS_BACKEND_ALIAS] = "alias",
	};

	return NAME(names, backend);
}

const char *axas_memtype_name(uint32_t memtype)
{
	static const char * const names[] = {
		[AXAS_MEM_WB] = "wb",
		[AXAS_MEM_WT] = "wt",
		[AXAS_MEM_WP] = "wp",
		[AXAS_MEM_NC] = "nc",
		[AXAS_MEM_UC] = "uc",
		[AXAS_MEM_DEVICE] = "device",
	};

	return NAME(names, memtype);
}

const char *axas_result_name(uint32_t result)
{
	static const char * const names[] = {
		[AXAS_FAULT_RESOLVED] = "resolved",
		[AXAS_FAULT_SPURIOUS] = "spurious",
		[AXAS_FAULT_NO_AREA] = "no-area",
		[AXAS_FAULT_DENIED] = "denied",
		[AXAS_FAULT_NO_MEMORY] = "no-memory",
		[AXAS_FAULT_INVALID] = "invalid",
		[AXAS_FAULT_DEVICE] = "device",
		[AXAS_FAULT_POISONED] = "poisoned",
	};

	return NAME(names, result);
}
