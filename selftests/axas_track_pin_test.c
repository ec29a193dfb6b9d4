// SPDX-License-Identifier: GPL-2.0
/*
 * Trackers and pages that somebody has pinned to write to them: whatever a list has taken
 * from the table, such a page may be written until it is let go, and is listed as long.
 */
#define AX_FEW_VARIANTS
#define AX_MODULE_TOO
#include <linux/userfaultfd.h>
#include <sys/uio.h>
#include "axas_fixture.h"
#include "axas_frozen.h"

#define RW	(PROT_READ | PROT_WRITE)
#define RAM	0x40000000ULL
#define SIZE	(4 * AX_2M)
#define RUNS	64

/* A write into a window that has its pages, and goes on when it is let. */
struct pin {
	pthread_t thread;
	struct ax_frozen on;
	int uffd;
	char *page;		/* what is written, which isn't there yet */
	void *to;
	pid_t tid;
	ssize_t ret;
};

static __u64 page_at(__u64 n)
{
	return RAM + n * AX_PAGE;
}

/* ---- a write of another process, which is held up by what it writes ---- */

static void *write_from_page(void *arg)
{
	struct pin *p = arg;
	struct iovec local = { p->page, AX_PAGE }, remote = { p->to, AX_PAGE };

	p->ret = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
	return NULL;
}

static const char *pin_begin(struct pin *p, void *to)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range.len = AX_PAGE, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffd_msg msg;

	p->to = to;
	p->page = mmap(NULL, AX_PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (uintptr_t)p->page;
	p->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (p->page == MAP_FAILED || p->uffd < 0 || ioctl(p->uffd, UFFDIO_API, &api) ||
	    ioctl(p->uffd, UFFDIO_REGISTER, &reg))
		return "no userfaultfd";
	if (pthread_create(&p->thread, NULL, write_from_page, p))
		return "no thread";
	/* It has the pages that it writes to when it looks for those that it reads. */
	return read(p->uffd, &msg, sizeof(msg)) == sizeof(msg) ? NULL : "no message";
}

/* Return: what became of the write. */
static ssize_t pin_end(struct pin *p, __u64 word)
{
	static __u64 data[AX_PAGE / 8] __attribute__((aligned(4096)));
	struct uffdio_copy copy = {
		.dst = (uintptr_t)p->page, .src = (uintptr_t)data, .len = AX_PAGE,
	};
	unsigned int i;

	for (i = 0; i < AX_PAGE / 8; i++)
		data[i] = word + i;
	if (ioctl(p->uffd, UFFDIO_COPY, &copy))
		return -1;
	pthread_join(p->thread, NULL);
	munmap(p->page, AX_PAGE);
	close(p->uffd);
	return p->ret;
}

#define PIN(p, to) do {							\
	const char *_why = pin_begin(&(p), to);				\
									\
	if (_why)							\
		SKIP(return, "%s", _why);				\
} while (0)

/* ---- lists, and a copy of what they list ---- */

struct copy {
	int tracker;
	unsigned char page[SIZE / AX_PAGE][AX_PAGE];
};

/* List, copy what is listed, and say whether the page is. Or minus errno. */
static int list_for(struct copy *c, int fd, __u64 page)
{
	struct axas_next_entry runs[RUNS];
	__u64 gpa = RAM, length = SIZE, at;
	int n = ax_dirty(c->tracker, &gpa, &length, 0, runs, RUNS), i, listed = 0;

	if (n < 0 || length)
		return n < 0 ? n : -E2BIG;
	for (i = 0; i < n; i++)
		for (at = runs[i].gpa; at < runs[i].gpa + runs[i].length; at += AX_PAGE) {
			listed |= at == page_at(page);
			if (ax_pread(fd, c->page[(at - RAM) / AX_PAGE], AX_PAGE, at) != AX_PAGE)
				memset(c->page[(at - RAM) / AX_PAGE], 0, AX_PAGE);
		}
	return listed;
}

static bool copied(const struct copy *c, int fd, __u64 page)
{
	unsigned char is[AX_PAGE];

	return ax_pread(fd, is, AX_PAGE, page_at(page)) == AX_PAGE &&
	       !memcmp(is, c->page[page], AX_PAGE);
}

/* It is listed until it is let go, once more then, and no more. */
static bool listed_to_the_end(struct copy *c, int fd, __u64 page)
{
	double until = ax_now() + 20;
	int n = 0, ret;

	/* It was written: who had the page may have it for a moment longer. */
	while ((ret = list_for(c, fd, page)) > 0 && ax_now() < until)
		n++;
	if (n && !ret && copied(c, fd, page))
		return true;
	printf("# listed %d times, then %d\n", n, ret);
	return false;
}

static struct copy copy, other;

/* A window of memory that is there, and one page of it that was written. */
static char *some_memory(int fd, __u64 max_leaf, __u32 prot, __u32 flags)
{
	char *w = ax_window(fd, RAM, SIZE, RW);

	memset(&copy, 0, sizeof(copy));
	memset(&other, 0, sizeof(other));
	if (ax_map_alloc(fd, RAM, SIZE, prot, flags, max_leaf) ||
	    ax_bring_in(fd, RAM, SIZE / 2, NULL) || w == MAP_FAILED)
		return NULL;
	return w;
}

TEST_F(space, a_pinned_page_is_listed_until_it_is_let_go)
{
	char *w = some_memory(self->fd, 0, AX_RW, 0);
	struct pin p = {};
	int i;

	ASSERT_NE(NULL, w);
	copy.tracker = ax_track(self->fd, RAM, SIZE);
	other.tracker = ax_track(self->fd, RAM, SIZE);
	ASSERT_LE(0, copy.tracker);
	PIN(p, w + 5 * AX_PAGE);
	EXPECT_EQ(0, ax_put64(self->fd, page_at(6), 1));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(1, list_for(&copy, self->fd, 5));
		EXPECT_EQ(1, list_for(&other, self->fd, 5));
	}
	EXPECT_EQ(0, list_for(&copy, self->fd, 6));
	EXPECT_EQ(AX_PAGE, pin_end(&p, 0x500));
	EXPECT_TRUE(listed_to_the_end(&copy, self->fd, 5));
	EXPECT_TRUE(listed_to_the_end(&other, self->fd, 5));
	EXPECT_EQ(0x500, ax_get64(self->fd, page_at(5)));
	munmap(w, SIZE);
	close(copy.tracker);
	close(other.tracker);
}

TEST_F(space, a_page_in_a_large_leaf)
{
	char *w = some_memory(self->fd, AX_2M, AX_RW, 0);
	struct pin p = {};

	ASSERT_NE(NULL, w);
	copy.tracker = ax_track(self->fd, RAM, SIZE);
	ASSERT_LE(0, copy.tracker);
	PIN(p, w + 5 * AX_PAGE);
	EXPECT_EQ(1, list_for(&copy, self->fd, 5));
	EXPECT_EQ(0, ax_collapse(self->fd, RAM, AX_2M, AXAS_COLLAPSE_COPY, NULL));
	EXPECT_EQ(1, list_for(&copy, self->fd, 5));
	EXPECT_EQ(AX_PAGE, pin_end(&p, 0x500));
	EXPECT_TRUE(listed_to_the_end(&copy, self->fd, 5));
	munmap(w, SIZE);
	close(copy.tracker);
}

/* Pinned before anybody asked. */
TEST_F(space, a_tracker_that_begins_later)
{
	char *w = some_memory(self->fd, 0, AX_RW, 0);
	struct pin p = {};

	ASSERT_NE(NULL, w);
	PIN(p, w + 5 * AX_PAGE);
	copy.tracker = ax_track(self->fd, RAM, SIZE);
	EXPECT_LE(0, copy.tracker);
	EXPECT_EQ(1, list_for(&copy, self->fd, 5));
	EXPECT_EQ(1, list_for(&copy, self->fd, 5));
	EXPECT_EQ(AX_PAGE, pin_end(&p, 0x500));
	EXPECT_TRUE(listed_to_the_end(&copy, self->fd, 5));
	munmap(w, SIZE);
	close(copy.tracker);
}

/* The window goes, what was pinned through it stays. */
TEST_F(space, a_window_that_ends_before)
{
	char *w = some_memory(self->fd, 0, AX_RW, 0);
	struct pin p = {};

	ASSERT_NE(NULL, w);
	PIN(p, w + 5 * AX_PAGE);
	munmap(w, SIZE);
	copy.tracker = ax_track(self->fd, RAM, SIZE);
	EXPECT_LE(0, copy.tracker);
	EXPECT_EQ(1, list_for(&copy, self->fd, 5));
	EXPECT_EQ(AX_PAGE, pin_end(&p, 0x500));
	EXPECT_TRUE(listed_to_the_end(&copy, self->fd, 5));
	close(copy.tracker);
}

/* Whatever guests may do there: it is written all the same. */
TEST_F(space, rights_that_change_meanwhile)
{
	const __u32 prots[] = { AX_R, AX_RW };
	char *w = some_memory(self->fd, 0, AX_RW, 0);
	unsigned int i;

	ASSERT_NE(NULL, w);
	copy.tracker = ax_track(self->fd, RAM, SIZE);
	ASSERT_LE(0, copy.tracker);
	for (i = 0; i < 2; i++) {
		struct pin p = {};

		PIN(p, w + 5 * AX_PAGE);
		EXPECT_EQ(0, ax_protect(self->fd, page_at(4), 3 * AX_PAGE, AX_R));
		EXPECT_EQ(0, ax_protect(self->fd, page_at(4), 3 * AX_PAGE, prots[i]));
		EXPECT_EQ(1, list_for(&copy, self->fd, 5));
		EXPECT_EQ(1, list_for(&copy, self->fd, 5));
		EXPECT_EQ(AX_PAGE, pin_end(&p, 0x500));
		EXPECT_TRUE(listed_to_the_end(&copy, self->fd, 5))
			TH_LOG("to %u", prots[i]);
		EXPECT_EQ(0x500, ax_get64(self->fd, page_at(5)));
		EXPECT_EQ(0, ax_protect(self->fd, page_at(4), 3 * AX_PAGE, AX_RW));
	}
	munmap(w, SIZE);
	close(copy.tracker);
}

/* Rights that went before anybody asked don't come back. */
TEST_F(space, a_page_that_became_read_only)
{
	char *w = some_memory(self->fd, 0, AX_RW, 0);
	struct pin p = {};

	ASSERT_NE(NULL, w);
	PIN(p, w + 5 * AX_PAGE);
	EXPECT_EQ(0, ax_protect(self->fd, page_at(4), 3 * AX_PAGE, AX_R));
	copy.tracker = ax_track(self->fd, RAM, SIZE);
	EXPECT_LE(0, copy.tracker);
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, page_at(5), AX_W));
	EXPECT_EQ(1, list_for(&copy, self->fd, 5));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, page_at(5), AX_W));
	EXPECT_EQ(AX_PAGE, pin_end(&p, 0x500));
	EXPECT_TRUE(listed_to_the_end(&copy, self->fd, 5));
	close(copy.tracker);
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, page_at(5), AX_W));
	munmap(w, SIZE);
}

/* The owner may write there, guests may not, before as after. */
TEST_F(space, rom_stays_rom)
{
	char *w = some_memory(self->fd, 0, AX_R, AXAS_MAP_ROM);
	struct axas_translate_entry e;
	struct pin p = {};

	ASSERT_NE(NULL, w);
	copy.tracker = ax_track(self->fd, RAM, SIZE);
	ASSERT_LE(0, copy.tracker);
	PIN(p, w + 5 * AX_PAGE);
	EXPECT_EQ(1, list_for(&copy, self->fd, 5));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, page_at(5), AX_W));
	EXPECT_EQ(AXAS_TRANSLATE_MAPPED, ax_translate(self->fd, page_at(5), &e));
	EXPECT_EQ(AX_R, e.prot);
	EXPECT_EQ(1, list_for(&copy, self->fd, 5));
	EXPECT_EQ(AX_PAGE, pin_end(&p, 0x500));
	/* Some formats have no place to say that a ROM wasn't written. */
	if (variant->format < AXAS_FORMAT_MODULE)
		EXPECT_TRUE(listed_to_the_end(&copy, self->fd, 5));
	EXPECT_EQ(AXAS_FAULT_DENIED, ax_fault(self->fd, page_at(5), AX_W));
	munmap(w, SIZE);
	close(copy.tracker);
}

/* It isn't the guest's any more: nobody has to hear of it. */
TEST_F(space, a_page_that_was_given_back)
{
	char *w = some_memory(self->fd, 0, AX_RW, 0);
	struct pin p = {};

	ASSERT_NE(NULL, w);
	copy.tracker = ax_track(self->fd, RAM, SIZE);
	ASSERT_LE(0, copy.tracker);
	PIN(p, w + 5 * AX_PAGE);
	EXPECT_EQ(0, ax_discard(self->fd, page_at(5), AX_PAGE));
	EXPECT_EQ(1, list_for(&copy, self->fd, 5));
	EXPECT_EQ(0, list_for(&copy, self->fd, 5));
	EXPECT_EQ(AX_PAGE, pin_end(&p, 0x500));
	EXPECT_EQ(0, list_for(&copy, self->fd, 5));
	EXPECT_EQ(0, ax_get64(self->fd, page_at(5)));
	munmap(w, SIZE);
	close(copy.tracker);
}

/* What others write there through the table is noticed as ever. */
TEST_F(space, others_write_beside_it)
{
	char *w = some_memory(self->fd, 0, AX_RW, 0);
	struct pin p = {};

	ASSERT_NE(NULL, w);
	copy.tracker = ax_track(self->fd, RAM, SIZE);
	other.tracker = ax_track(self->fd, page_at(8), AX_PAGE);
	ASSERT_LE(0, copy.tracker);
	PIN(p, w + 5 * AX_PAGE);
	close(other.tracker);
	EXPECT_EQ(1, list_for(&copy, self->fd, 5));
	EXPECT_EQ(0, ax_put64(self->fd, page_at(5) + 8, 77));
	((volatile __u64 *)w)[7 * 512] = 78;
	EXPECT_EQ(1, list_for(&copy, self->fd, 7));
	EXPECT_TRUE(copied(&copy, self->fd, 5));
	EXPECT_TRUE(copied(&copy, self->fd, 7));
	EXPECT_EQ(0, list_for(&copy, self->fd, 7));
	EXPECT_EQ(AX_PAGE, pin_end(&p, 0x500));
	EXPECT_TRUE(listed_to_the_end(&copy, self->fd, 5));
	munmap(w, SIZE);
	close(copy.tracker);
}

/* ---- a disk ---- */

static void *write_the_disk(void *arg)
{
	static char block[AX_PAGE] __attribute__((aligned(4096)));
	struct pin *p = arg;
	unsigned int i;

	for (i = 0; i < AX_PAGE; i++)
		block[i] = i % 251;
	return pwrite(p->on.disk, block, AX_PAGE, 0) == AX_PAGE ? NULL : (void *)1;
}

static void *read_the_disk(void *arg)
{
	struct pin *p = arg;

	__atomic_store_n(&p->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	p->ret = pread(p->on.disk, p->to, AX_PAGE, 0);
	return NULL;
}

/* A disk does one thing after the other: the read waits behind the write. */
TEST_F(space, direct_io_in_flight)
{
	char *w = some_memory(self->fd, 0, AX_RW, 0);
	struct pin p = {};
	pthread_t writer;
	const char *why;
	int i, late;

	ASSERT_NE(NULL, w);
	why = ax_frozen_open(&p.on);
	if (why)
		SKIP(return, "%s", why);
	copy.tracker = ax_track(self->fd, RAM, SIZE);
	EXPECT_LE(0, copy.tracker);
	EXPECT_EQ(0, pthread_create(&writer, NULL, write_the_disk, &p));
	ax_sleep_ms(100);
	p.to = w + 5 * AX_PAGE;
	EXPECT_EQ(0, pthread_create(&p.thread, NULL, read_the_disk, &p));
	EXPECT_TRUE(ax_sleeps_at_last(&p.tid));
	late = ax_track(self->fd, RAM, SIZE);
	other.tracker = late;
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(1, list_for(&copy, self->fd, 5));
		EXPECT_EQ(1, list_for(&other, self->fd, 5));
	}
	EXPECT_EQ(0, ax_get64(self->fd, page_at(5) + 256));
	ax_frozen_thaw(&p.on);
	pthread_join(writer, NULL);
	pthread_join(p.thread, NULL);
	EXPECT_EQ(AX_PAGE, p.ret);
	EXPECT_TRUE(listed_to_the_end(&copy, self->fd, 5));
	EXPECT_TRUE(listed_to_the_end(&other, self->fd, 5));
	EXPECT_NE(0, ax_get64(self->fd, page_at(5) + 256));
	munmap(w, SIZE);
	close(copy.tracker);
	close(late);
	ax_frozen_close(&p.on);
}

TEST_HARNESS_MAIN
