// SPDX-License-Identifier: GPL-2.0
/*
 * A guest of KVM whose memory is a window: it reads or writes one word and halts.
 */
#include "fuzz.h"

#ifdef __x86_64__
#include <linux/kvm.h>

#define CODE	0x1000ULL
#define MEMORY	0x10000000ULL

/* 16-bit code: DS begins at the word. */
static const unsigned char code[] = {
	0x66, 0xa1, 0x00, 0x00,	/* mov ds:0, %eax */
	0xf4,			/* hlt */
	0x66, 0xa3, 0x00, 0x00,	/* mov %eax, ds:0 */
	0xf4,			/* hlt */
};

struct kvm {
	int vm, cpu;
	struct kvm_run *run;
	size_t run_size;
	void *code;
	struct kvm_sregs sregs;
	unsigned char *slot;	/* NULL: there is none */
	__u64 size;
};

static struct kvm no_kvm;

/* One for all spaces: they come and go under it. */
static struct kvm *the_guest;

static bool kvm_set_slot(struct kvm *k, __u32 nr, __u64 gpa, void *addr,
			 __u64 size)
{
	struct kvm_userspace_memory_region mem = {
		.slot = nr, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (uintptr_t)addr,
	};

	return !ioctl(k->vm, KVM_SET_USER_MEMORY_REGION, &mem);
}

static bool kvm_setup(struct kvm *k, int dev)
{
	k->vm = ioctl(dev, KVM_CREATE_VM, 0);
	if (k->vm < 0)
		return false;
	k->code = mmap(NULL, AX_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	k->cpu = ioctl(k->vm, KVM_CREATE_VCPU, 0);
	if (k->cpu < 0 || k->code == MAP_FAILED ||
	    !kvm_set_slot(k, 0, CODE, k->code, AX_PAGE))
		return false;
	memcpy(k->code, code, sizeof(code));
	k->run_size = ioctl(dev, KVM_GET_VCPU_MMAP_SIZE, 0);
	k->run = mmap(NULL, k->run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      k->cpu, 0);
	if (k->run == MAP_FAILED || ioctl(k->cpu, KVM_GET_SREGS, &k->sregs))
		return false;
	k->sregs.cs.base = 0;
	k->sregs.cs.selector = 0;
	return true;
}

static struct kvm *kvm_open(void)
{
	int dev = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	struct kvm *k = calloc(1, sizeof(*k));
	bool good = dev >= 0 && k && kvm_setup(k, dev);

	printf("# %s\n", good ? "there is a guest of KVM" : "no KVM");
	close(dev);
	return good ? k : &no_kvm;
}

/* The space goes. */
void kvm_forget(void)
{
	struct kvm *k = the_guest;

	if (!k || !k->slot)
		return;
	kvm_set_slot(k, 1, MEMORY, k->slot, 0);
	k->slot = NULL;
}

/* Run to the end of it. What stands in the way is let go of. */
static bool kvm_run(struct kvm *k, __u64 gpa, bool write, __u32 *word)
{
	struct kvm_regs regs = {
		.rip = CODE + (write ? 5 : 0), .rflags = 2,
		.rax = write ? *word : 0,
	};
	struct kvm_sregs sregs = k->sregs;
	int ret;

	sregs.ds.base = gpa;
	if (ioctl(k->cpu, KVM_SET_SREGS, &sregs) ||
	    ioctl(k->cpu, KVM_SET_REGS, &regs))
		return false;
	do
		ret = ioctl(k->cpu, KVM_RUN, 0);
	while (ret && errno == EINTR);
	if (!ret && k->run->exit_reason == KVM_EXIT_HLT) {
		ioctl(k->cpu, KVM_GET_REGS, &regs);
		*word = regs.rax;
		return true;
	}
	k->run->immediate_exit = 1;
	ioctl(k->cpu, KVM_RUN, 0);
	k->run->immediate_exit = 0;
	return false;
}

/* Another window, or a part of it, or none. */
static void kvm_choose(struct ctx *ctx, struct kvm *k)
{
	struct window *w = window_pick(ctx, ctx->win);

	if (k->slot)
		kvm_set_slot(k, 1, MEMORY, k->slot, 0);
	k->slot = NULL;
	if (!w)
		return;
	k->slot = w->addr;
	k->size = lesser(w->len, SLOT_SIZE);
	if (!kvm_set_slot(k, 1, MEMORY, k->slot, k->size)) {
		fail(ctx, "KVM refuses a window: %s", strerror(errno));
		k->slot = NULL;
	}
	note(ctx, "KVM slot over the window %#llx+%#llx", w->gpa, k->size);
}

void step_kvm(struct ctx *ctx)
{
	bool write = one_in(ctx, 2), done, may = false;
	struct window *w;
	__u64 off, gpa = 0;
	__u32 word, is;
	struct kvm *k;

	if (!the_guest)
		the_guest = kvm_open();
	k = the_guest;
	if (k == &no_kvm)
		return;
	if (!k->slot || one_in(ctx, 8))
		kvm_choose(ctx, k);
	if (!k->slot)
		return;
	w = window_at(ctx, k->slot);
	off = w ? window_offset(ctx, w) % k->size & ~3ULL : 0;
	w = window_at(ctx, k->slot + off);
	if (w) {
		gpa = w->gpa + (k->slot + off - w->addr);
		if (w->io || w->prot == PROT_WRITE || !model_owned(ctx, gpa, 4))
			return;
		may = window_allowed(ctx, k->slot + off, 4, write, false) == 4;
	}
	word = rnd(ctx);
	is = word;
	done = kvm_run(k, MEMORY + off, write, &is);
	note(ctx, "KVM %s %#llx%s: %s", write ? "write" : "read", gpa,
	     w ? "" : " (no window)", done ? "done" : "refused");
	if (done != may)
		fail(ctx, "KVM: the guest %s do it, exit %u", may ? "may" : "may not",
		     k->run->exit_reason);
	if (!done) {
		/* KVM may have asked for more than the guest did. */
		if (w)
			model_learn(ctx, gpa, 4);
		return;
	}
	model_touched(ctx, gpa, 4);
	if (write) {
		page_write(ctx, gpa, &word, 4);
	} else {
		page_read(ctx, gpa, &word, 4);
		if (is != word)
			fail(ctx, "the guest reads %#x, want %#x", is, word);
	}
	check_range(ctx, gpa, 4);
}
#else
void kvm_forget(void)
{
}

/* The guest is written for x86. */
void step_kvm(struct ctx *ctx)
{
}
#endif
