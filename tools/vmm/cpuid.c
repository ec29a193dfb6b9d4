// SPDX-License-Identifier: GPL-2.0
/*
 * axas-vmm: what the guest's CPU says that it is: the host's, but for what a virtual CPU
 * doesn't have (samples/vcpu), and of no vendor, so that nobody looks for its MSRs. AMD64
 * Architecture Programmer's Manual, volume 3, appendix E.
 */
#include <cpuid.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm.h"

#define BIT(n)		(1U << (n))

/* Function 1, EDX: no VME, MCE, APIC, MTRR, MCA, HTT */
#define BASE_EDX	(BIT(0) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | \
			 BIT(11) | BIT(13) | BIT(15) | BIT(16) | BIT(17) | BIT(19) | \
			 BIT(23) | BIT(24) | BIT(25) | BIT(26))
/* ECX: SSE3 to 4.2, PCLMULQDQ, CMPXCHG16B, MOVBE, POPCNT, AES, RDRAND; no XSAVE */
#define BASE_ECX	(BIT(0) | BIT(1) | BIT(9) | BIT(13) | BIT(19) | BIT(20) | BIT(22) | \
			 BIT(23) | BIT(25) | BIT(30))
#define BASE_GUEST	BIT(31)
/* Function 7, EBX: FSGSBASE, SMEP, ERMS, RDSEED, SMAP, CLFLUSHOPT */
#define MORE_EBX	(BIT(0) | BIT(7) | BIT(9) | BIT(18) | BIT(20) | BIT(23))
/* 0x80000001, EDX: SYSCALL, NX, 1 GiB pages, long mode; ECX: LAHF, ABM, prefetch */
#define EXTENDED_EDX	((BASE_EDX & 0x0183f3ff) | BIT(11) | BIT(20) | BIT(26) | BIT(29))
#define EXTENDED_ECX	(BIT(0) | BIT(5) | BIT(8))
#define EXTENDED_EDX_7	BIT(8)	/* the time-stamp counter doesn't change its rate */

static void host(struct axas_vcpu_cpuid_entry *e)
{
	__cpuid_count(e->function, 0, e->eax, e->ebx, e->ecx, e->edx);
}

static void limit(struct axas_vcpu_cpuid_entry *e)
{
	host(e);
	switch (e->function) {
	case 0:
		e->eax = 7;
		memcpy(&e->ebx, "Axas", 4);
		memcpy(&e->edx, " vir", 4);
		memcpy(&e->ecx, "tual", 4);
		break;
	case 1:
		e->ebx &= 0xff00;
		e->ecx = (e->ecx & BASE_ECX) | BASE_GUEST;
		e->edx &= BASE_EDX;
		break;
	case 7:
		*e = (struct axas_vcpu_cpuid_entry){ 7, 0, 0, e->ebx & MORE_EBX, 0, 0 };
		break;
	case 0x80000000:
		e->eax = 0x80000008;
		break;
	case 0x80000001:
		e->ebx = 0;
		e->ecx &= EXTENDED_ECX;
		e->edx &= EXTENDED_EDX;
		break;
	case 0x80000007:
		*e = (struct axas_vcpu_cpuid_entry){ e->function, 0, 0, 0, 0, EXTENDED_EDX_7 };
		break;
	case 0x80000008:
		e->ebx = e->ecx = e->edx = 0;
		break;
	}
}

static void name(struct axas_vcpu_cpuid_entry *e)
{
	static const char text[48] = "A virtual CPU on a space of axas";
	const char *part = text + 16 * (e->function - 0x80000002);

	memcpy(&e->eax, part, 4);
	memcpy(&e->ebx, part + 4, 4);
	memcpy(&e->ecx, part + 8, 4);
	memcpy(&e->edx, part + 12, 4);
}

/**
 * cpuid_set() - give the vCPU its answers
 * @vmm: the guest
 */
void cpuid_set(struct vmm *vmm)
{
	struct axas_vcpu_cpuid_entry entries[] = {
		{ .function = 0 }, { .function = 1 }, { .function = 7 },
		{ .function = 0x80000000 }, { .function = 0x80000001 },
		{ .function = 0x80000002 }, { .function = 0x80000003 },
		{ .function = 0x80000004 }, { .function = 0x80000007 },
		{ .function = 0x80000008 },
	};
	struct axas_vcpu_cpuid all = {
		.entries = (uintptr_t)entries,
		.nr = sizeof(entries) / sizeof(*entries),
	};
	unsigned int i;

	for (i = 0; i < all.nr; i++) {
		if (entries[i].function >= 0x80000002 &&
		    entries[i].function <= 0x80000004)
			name(&entries[i]);
		else
			limit(&entries[i]);
		if (entries[i].function != 7)
			entries[i].index = AXAS_VCPU_ANY_INDEX;
	}
	if (ioctl(vmm->cpu, AXAS_VCPU_SET_CPUID, &all))
		die("cannot set what CPUID answers: %s", strerror(errno));
}
