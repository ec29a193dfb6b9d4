// SPDX-License-Identifier: GPL-2.0
/*
 * What was written: trackers of axas, and KVM's dirty log and dirty ring, whose guest
 * writes to the same pages. What was used, by axas alone.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/kvm.h>

#include "axas-bench.h"

#define GUEST	(1ull << 30)
#define SIZE	(1ull << 30)
#define DIRTY	2560ul
#define RUNS	256

/* DIRTY pages, in runs of 512 or one by one, all over SIZE. */
static uint64_t page_at(unsigned long i, bool scattered)
{
	unsigned long at = scattered ? i * 100 : i / 512 * 512 * 100 + i % 512;

	return GUEST + at * PAGE;
}

/* ---- axas ---- */

static int track(int space, uint64_t gpa, uint64_t length, uint32_t what)
{
	struct axas_track args = {
		.size = sizeof(args),
		.gpa = gpa,
		.length = length,
		.what = what,
	};
	int tracker = ioctl(space, AXAS_TRACK, &args);

	if (tracker < 0)
		fail("AXAS_TRACK");
	return tracker;
}

/* Returns the ticks; there have to be as many pages. */
static uint64_t list(int tracker, uint64_t gpa, uint64_t length,
		     unsigned long want)
{
	static struct axas_next_entry runs[RUNS];
	struct axas_dirty args = {
		.size = sizeof(args),
		.gpa = gpa,
		.length = length,
		.entries = (uintptr_t)runs,
		.nr = RUNS,
	};
	uint64_t ticks = 0, t;
	unsigned int i;

	while (args.length) {
		t = now();
		if (ioctl(tracker, AXAS_DIRTY, &args))
			fail("AXAS_DIRTY");
		ticks += now() - t;
		for (i = 0; i < args.done; i++)
			want -= runs[i].length / PAGE;
	}
	if (want) {
		printf("axas-bench: %ld pages are missing\n", want);
		exit(1);
	}
	return ticks;
}

static void write_pages(int space, bool scattered)
{
	unsigned long i;

	for (i = 0; i < DIRTY; i++)
		fault(space, page_at(i, scattered), 1, PAGE, 1,
		      AXAS_FAULT_RESOLVED);
}

static void bench_list(int space, const char *name)
{
	unsigned int i, round;
	int tracker;

	map(space, GUEST, SIZE, 0, 0);
	tracker = track(space, GUEST, SIZE, AXAS_TRACK_WRITTEN);
	/* The first round brings the memory in. */
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 2; i++) {
			uint64_t ticks;

			write_pages(space, i);
			ticks = list(tracker, GUEST, SIZE, DIRTY);
			if (round)
				note(i ? "track_scattered" : "track_runs", name,
				     DIRTY, ticks);
		}
	}
	note("track_write_512", name, 512,
	     fault(space, GUEST, 512, PAGE, 512, AXAS_FAULT_RESOLVED));
	note("track_again_512", name, 512,
	     fault(space, GUEST, 512, PAGE, 512, AXAS_FAULT_SPURIOUS));
	close(tracker);
}

/* The same 64 pages, far apart in areas of two sizes. */
static void bench_few(const char *row, const char *name, uint32_t format,
		      uint64_t gpa, uint64_t size)
{
	int space = new_space(format), tracker, round;

	map(space, gpa, size, 0, 0);
	tracker = track(space, gpa, size, AXAS_TRACK_WRITTEN);
	for (round = 0; round < 2; round++) {
		uint64_t ticks;

		fault(space, gpa, 64, size / 64, 64, AXAS_FAULT_RESOLVED);
		ticks = list(tracker, gpa, size, 64);
		if (round)
			note(row, name, 64, ticks);
	}
	close(tracker);
	close(space);
}

/* Memory that is there, of 4 KiB leaves that nobody has to own. */
static void map_resident(int space, uint64_t gpa, uint64_t size)
{
	struct axas_map args = {
		.size = sizeof(args),
		.gpa = gpa,
		.length = size,
		.hpa = 64ull << 30,
		.backend = AXAS_BACKEND_LINEAR,
		.prot = AXAS_PROT_READ | AXAS_PROT_WRITE,
		.max_leaf = PAGE,
	};

	if (ioctl(space, AXAS_MAP, &args))
		fail("AXAS_MAP");
}

static void bench_arm(const char *row, const char *name, uint32_t format,
		      uint64_t size)
{
	int space = new_space(format), other, tracker;
	uint64_t gpa = 4ull << 30, t;

	/* The first one waits for a grace period. */
	other = track(space, GUEST, PAGE, AXAS_TRACK_WRITTEN);
	map_resident(space, gpa, size);
	close(other);
	other = track(space, GUEST, PAGE, AXAS_TRACK_WRITTEN);
	t = now();
	tracker = track(space, gpa, size, AXAS_TRACK_WRITTEN);
	note(row, name, 1, now() - t);
	close(tracker);
	close(other);
	close(space);
}

static void bench_window(int space, const char *name)
{
	size_t size = 512 * PAGE;
	int tracker;
	char *p;

	tracker = track(space, GUEST, size, AXAS_TRACK_WRITTEN);
	list(tracker, GUEST, size, 0);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, space, GUEST);
	if (p == MAP_FAILED)
		fail("mmap");
	touch(p, 512, PAGE);
	list(tracker, GUEST, size, 512);
	note("track_touch", name, 512, touch(p, 512, PAGE));
	munmap(p, size);
	close(tracker);
}

/* A round, after some of what is there was used, and after all of it was. */
static void bench_age(const char *name, uint32_t format)
{
	struct axas_create args = {
		.size = sizeof(args),
		.format = format,
		.features = format == AXAS_FORMAT_EPT ? AXAS_FEAT_AD : 0,
	};
	int space = ioctl(device, AXAS_CREATE, &args), tracker;
	unsigned long i;

	if (space < 0)
		fail("AXAS_CREATE");
	map_resident(space, GUEST, SIZE);
	tracker = track(space, GUEST, SIZE, AXAS_TRACK_ACCESSED);
	for (i = 0; i < DIRTY; i++)
		fault(space, page_at(i, false), 1, PAGE, 1, AXAS_FAULT_RESOLVED);
	note("age_some", name, 1, list(tracker, GUEST, SIZE, DIRTY));
	fault(space, GUEST, SIZE / PAGE, PAGE, 512, AXAS_FAULT_RESOLVED);
	note("age_all", name, 1, list(tracker, GUEST, SIZE, SIZE / PAGE));
	close(tracker);
	close(space);
}

static void bench_axas_track(uint32_t format, const char *name)
{
	int space = new_space(format);

	bench_list(space, name);
	bench_window(space, name);
	close(space);
	bench_few("track_64_of_64m", name, format, GUEST, 64ull << 20);
	bench_few("track_64_of_512g", name, format, 0, 1ull << 39);
	bench_arm("track_arm_64m", name, format, 64ull << 20);
	bench_arm("track_arm_4g", name, format, 4ull << 30);
	bench_age(name, format);
}

/* ---- KVM ---- */

/* mov %eax,(%edi); add %ecx,%edi; dec %edx; jnz; hlt */
static const unsigned char code[] = {
	0x89, 0x07, 0x01, 0xcf, 0x4a, 0x75, 0xf9, 0xf4,
};

struct guest {
	int vm;
	int vcpu;
	struct kvm_run *run;
	struct kvm_dirty_gfn *ring;
	unsigned int next;
	void *memory;
	void *code;
};

#define RING	8192

static void guest_slot(struct guest *guest, unsigned int slot, uint64_t gpa,
		       size_t size, void *p, unsigned int flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)p,
	};

	if (ioctl(guest->vm, KVM_SET_USER_MEMORY_REGION, &region))
		fail("KVM_SET_USER_MEMORY_REGION");
}

static void guest_enable(struct guest *guest, unsigned int cap, uint64_t arg)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { arg } };

	if (ioctl(guest->vm, KVM_ENABLE_CAP, &enable))
		fail("KVM_ENABLE_CAP");
}

/* 32 bits, flat, no paging. */
static void guest_sregs(struct guest *guest)
{
	struct kvm_segment data = {
		.limit = ~0u, .selector = 16, .type = 3, .present = 1, .db = 1,
		.s = 1, .g = 1,
	}, text = data;
	struct kvm_sregs sregs;

	text.selector = 8;
	text.type = 11;
	if (ioctl(guest->vcpu, KVM_GET_SREGS, &sregs))
		fail("KVM_GET_SREGS");
	sregs.cs = text;
	sregs.ds = data;
	sregs.es = data;
	sregs.ss = data;
	sregs.cr0 |= 1;
	if (ioctl(guest->vcpu, KVM_SET_SREGS, &sregs))
		fail("KVM_SET_SREGS");
}

static void guest_create(struct guest *guest, bool ring)
{
	memset(guest, 0, sizeof(*guest));
	guest->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (guest->vm < 0)
		fail("KVM_CREATE_VM");
	if (ring)
		guest_enable(guest, KVM_CAP_DIRTY_LOG_RING,
			     RING * sizeof(struct kvm_dirty_gfn));
	else
		guest_enable(guest, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
			     KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
	guest->memory = map_anonymous(SIZE, false);
	guest->code = map_anonymous(PAGE, false);
	memcpy(guest->code, code, sizeof(code));
	guest_slot(guest, 0, GUEST, SIZE, guest->memory, KVM_MEM_LOG_DIRTY_PAGES);
	guest_slot(guest, 1, PAGE, PAGE, guest->code, 0);
	guest->vcpu = ioctl(guest->vm, KVM_CREATE_VCPU, 0);
	if (guest->vcpu < 0)
		fail("KVM_CREATE_VCPU");
	guest->run = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			  guest->vcpu, 0);
	if (guest->run == MAP_FAILED)
		fail("mmap of a vCPU");
	if (ring)
		guest->ring = mmap(NULL, RING * sizeof(*guest->ring),
				   PROT_READ | PROT_WRITE, MAP_SHARED,
				   guest->vcpu,
				   KVM_DIRTY_LOG_PAGE_OFFSET * PAGE);
	if (guest->ring == MAP_FAILED)
		fail("mmap of a dirty ring");
	guest_sregs(guest);
}

static void guest_destroy(struct guest *guest)
{
	if (guest->ring)
		munmap(guest->ring, RING * sizeof(*guest->ring));
	munmap(guest->run, PAGE);
	close(guest->vcpu);
	close(guest->vm);
	munmap(guest->memory, SIZE);
	munmap(guest->code, PAGE);
}

/* n pages, @step bytes from one to the next. */
static void guest_write(struct guest *guest, uint64_t gpa, unsigned long n,
			uint64_t step)
{
	struct kvm_regs regs = {
		.rip = PAGE, .rflags = 2, .rdi = gpa, .rcx = step, .rdx = n,
	};

	if (ioctl(guest->vcpu, KVM_SET_REGS, &regs))
		fail("KVM_SET_REGS");
	if (ioctl(guest->vcpu, KVM_RUN, 0) ||
	    guest->run->exit_reason != KVM_EXIT_HLT)
		fail("KVM_RUN");
}

static void guest_write_pages(struct guest *guest, bool scattered)
{
	unsigned long i;

	if (scattered)
		guest_write(guest, page_at(0, true), DIRTY, 100 * PAGE);
	for (i = 0; !scattered && i < DIRTY; i += 512)
		guest_write(guest, page_at(i, false), 512, PAGE);
}

static uint64_t guest_log(struct guest *guest)
{
	static unsigned long bitmap[SIZE / PAGE / 64];
	struct kvm_dirty_log log = { .dirty_bitmap = bitmap };
	struct kvm_clear_dirty_log clear = {
		.num_pages = SIZE / PAGE, .dirty_bitmap = bitmap,
	};
	unsigned long i, n = 0;
	uint64_t t = now();

	if (ioctl(guest->vm, KVM_GET_DIRTY_LOG, &log))
		fail("KVM_GET_DIRTY_LOG");
	if (ioctl(guest->vm, KVM_CLEAR_DIRTY_LOG, &clear))
		fail("KVM_CLEAR_DIRTY_LOG");
	t = now() - t;
	for (i = 0; i < SIZE / PAGE / 64; i++)
		n += __builtin_popcountl(bitmap[i]);
	if (n != DIRTY) {
		printf("axas-bench: KVM's log has %lu pages\n", n);
		exit(1);
	}
	return t;
}

static uint64_t guest_ring(struct guest *guest)
{
	unsigned long n = 0;
	uint64_t t = now();

	for (;; n++) {
		struct kvm_dirty_gfn *gfn = &guest->ring[guest->next % RING];

		if (!(__atomic_load_n(&gfn->flags, __ATOMIC_ACQUIRE) &
		      KVM_DIRTY_GFN_F_DIRTY))
			break;
		__atomic_store_n(&gfn->flags, KVM_DIRTY_GFN_F_RESET,
				 __ATOMIC_RELEASE);
		guest->next++;
	}
	if (ioctl(guest->vm, KVM_RESET_DIRTY_RINGS, 0) < 0)
		fail("KVM_RESET_DIRTY_RINGS");
	t = now() - t;
	if (n != DIRTY) {
		printf("axas-bench: KVM's ring has %lu pages\n", n);
		exit(1);
	}
	return t;
}

static void bench_kvm_track(bool ring)
{
	const char *name = ring ? "kvm-ring" : "kvm-log";
	unsigned int i, round;
	struct guest guest;

	guest_create(&guest, ring);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 2; i++) {
			uint64_t ticks;

			guest_write_pages(&guest, i);
			ticks = ring ? guest_ring(&guest) : guest_log(&guest);
			if (round)
				note(i ? "track_scattered" : "track_runs", name,
				     DIRTY, ticks);
		}
	}
	guest_destroy(&guest);
}

void bench_track(void)
{
	bench_axas_track(AXAS_FORMAT_EPT, "ept");
	bench_axas_track(AXAS_FORMAT_S2, "s2");
	bench_axas_track(AXAS_FORMAT_AMD, "amd");
	if (kvm < 0)
		return;
	bench_kvm_track(false);
	bench_kvm_track(true);
}
