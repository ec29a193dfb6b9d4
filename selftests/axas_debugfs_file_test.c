// SPDX-License-Identifier: GPL-2.0
/*
 * The files of a space's directory in debugfs: who reads them, in what portions, and
 * while all of it changes or goes.
 */
#include <poll.h>
#include <linux/userfaultfd.h>

#define AX_FEW_VARIANTS
#include "axas_fixture.h"
#include "axas_look.h"

#define GPA	0x40000000ULL

static const char * const names[] = { "stats", "areas", "table", "tables", "devices",
				      "trackers" };
#define NAMES	ARRAY_SIZE(names)

TEST_F(space, in_small_pieces)
{
	static const size_t chunks[] = { 1, 7, 64, 100, 4096 };
	unsigned int i, j;
	char *all, *text;
	char piece[41];
	int fd, tracker[20];

	AX_NEED_DEBUGFS();
	/* Every other page, each of them an area and a run. */
	for (i = 0; i < 200; i++)
		ASSERT_EQ(0, ax_populate(self->fd, GPA + 2 * i * AX_PAGE, AX_PAGE));
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, AXAS_BUS_PORT,
				       3 * i, 3 * i + 1, i));
		ASSERT_EQ(0, ax_device(self->fd, AXAS_DEVICE_ADD, AXAS_BUS_SYSREG,
				       3 * i, 3 * i + 1, i));
	}
	for (i = 0; i < ARRAY_SIZE(tracker); i++) {
		tracker[i] = ax_track(self->fd, GPA + i * AX_PAGE, AX_PAGE);
		ASSERT_LE(0, tracker[i]);
	}
	/* Numbers have gaps. */
	for (i = 0; i < ARRAY_SIZE(tracker); i += 3)
		close(tracker[i]);
	for (i = 0; i < NAMES; i++) {
		all = ax_debugfs(self->fd, names[i]);
		ASSERT_NE(NULL, all);
		fd = open(ax_debugfs_file(ax_space_id(self->fd), names[i]), O_RDONLY);
		ASSERT_LE(0, fd);
		for (j = 0; j < ARRAY_SIZE(chunks); j++) {
			ASSERT_EQ(0, lseek(fd, 0, SEEK_SET));
			text = ax_slurp_fd(fd, chunks[j]);
			ASSERT_NE(NULL, text);
			EXPECT_TRUE(ax_same_text(names[i], all, text));
			free(text);
		}
		/* From anywhere, and back. */
		for (j = strlen(all) - 40; j > 200; j = j * 2 / 3) {
			ASSERT_EQ(40, pread(fd, piece, 40, j));
			EXPECT_EQ(0, memcmp(all + j, piece, 40));
		}
		close(fd);
		free(all);
	}
	for (i = 0; i < ARRAY_SIZE(tracker); i++)
		if (i % 3)
			close(tracker[i]);
}

TEST_F(space, belongs_to_root)
{
	unsigned int id = ax_space_id(self->fd), i;
	struct stat st;

	AX_NEED_DEBUGFS();
	ASSERT_EQ(0, stat(ax_debugfs_file(id, ""), &st));
	EXPECT_EQ(S_IFDIR | 0700, st.st_mode);
	EXPECT_EQ(0, st.st_uid);
	for (i = 0; i < NAMES; i++) {
		ASSERT_EQ(0, stat(ax_debugfs_file(id, names[i]), &st));
		EXPECT_EQ(S_IFREG | 0400, st.st_mode);
		EXPECT_EQ(0, st.st_uid);
	}
}

/* The hpa column of the first area, as an open file shows it from its beginning. */
static __u64 hpa_shown(int areas)
{
	__u64 hpa = AX_BAD64;
	char *text;

	lseek(areas, 0, SEEK_SET);
	text = ax_without_header(ax_slurp_fd(areas, 4096));
	if (!text || sscanf(text, "%*s %*s linear %*s %*s %*s %llx ", &hpa) != 1)
		printf("# areas: \"%s\"\n", text ?: "can't be read");
	free(text);
	return hpa;
}

/* The root of an empty space, as whoever opens the file sees it. */
static __u64 root_shown(int space)
{
	char *text = ax_without_header(ax_debugfs(space, "tables"));
	__u64 hpa = AX_BAD64;
	unsigned int entries;
	int end = 0;

	if (!text ||
	    sscanf(text, "%*u 0x0000000000000000 %u 0 0 %llx\n%n", &entries, &hpa, &end) != 2 ||
	    text[end] || entries & (entries - 1))
		printf("# tables: \"%s\"\n", text ?: "can't be read");
	free(text);
	return hpa;
}

TEST_F(space, tables_lie_where_admins_look)
{
	struct axas_root root = { .size = sizeof(root) };

	AX_NEED_DEBUGFS();
	if (ax_ioctl(self->fd, AXAS_ROOT, &root))
		SKIP(return, "no CPU register holds this table");
	EXPECT_EQ(root.root, root_shown(self->fd));
	ASSERT_EQ(0, ax_drop_cap(CAP_SYS_ADMIN));
	EXPECT_EQ(0, root_shown(self->fd));
}

/* Who opened the file counts, not who reads it. */
TEST_F(space, host_addresses_only_for_admin)
{
	__u64 hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	int with, without;

	AX_NEED_DEBUGFS();
	if (!hpa)
		SKIP(return, "no unused host physical addresses in /proc/iomem");
	ASSERT_EQ(0, ax_map_linear(self->fd, GPA, 0x1000, hpa, AX_R, 0));
	with = open(ax_debugfs_file(ax_space_id(self->fd), "areas"), O_RDONLY);
	ASSERT_LE(0, with);
	EXPECT_EQ(hpa, hpa_shown(with));
	ASSERT_EQ(0, ax_drop_cap(CAP_SYS_ADMIN));
	without = open(ax_debugfs_file(ax_space_id(self->fd), "areas"), O_RDONLY);
	ASSERT_LE(0, without);
	EXPECT_EQ(0, hpa_shown(without));
	EXPECT_EQ(hpa, hpa_shown(with));
	close(without);
	close(with);
}

TEST_F(device, gone_with_the_space)
{
	int space, fd[NAMES], i;
	unsigned int id;
	char buf[64];

	AX_NEED_DEBUGFS();
	space = ax_create(self->dev, AXAS_FORMAT_HOST, 0);
	ASSERT_LE(0, space);
	id = ax_space_id(space);
	ASSERT_EQ(0, ax_populate(space, 0, 64 * AX_PAGE));
	ASSERT_EQ(0, ax_device(space, AXAS_DEVICE_ADD, AXAS_BUS_PORT, 0, 1, 2));
	for (i = 0; i < NAMES; i++) {
		fd[i] = open(ax_debugfs_file(id, names[i]), O_RDONLY);
		ASSERT_LE(0, fd[i]);
		EXPECT_EQ(8, read(fd[i], buf, 8));
	}
	EXPECT_EQ(0, close(space));
	EXPECT_EQ(-1, access(ax_debugfs_file(id, ""), F_OK));
	EXPECT_EQ(ENOENT, errno);
	for (i = 0; i < NAMES; i++) {
		EXPECT_EQ(-1, read(fd[i], buf, 8));
		EXPECT_EQ(EIO, errno);
		EXPECT_EQ(0, close(fd[i]));
	}
}

struct stuck {
	int fd;
	void *buf;
	ssize_t got;
};

static void *read_into(void *arg)
{
	struct stuck *s = arg;

	s->got = read(s->fd, s->buf, AX_PAGE);
	return NULL;
}

/* Its text was made while there was a space; it gets it when its page comes. */
TEST_F(device, stuck_reader_holds_nobody_up)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_zeropage zero = { .range.len = AX_PAGE };
	struct uffdio_register reg = {
		.range.len = AX_PAGE, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct pollfd ready = { .events = POLLIN };
	struct stuck s = {};
	pthread_t thread;
	unsigned int id;
	int space;

	AX_NEED_DEBUGFS();
	if (access("/proc/sys/vm/unprivileged_userfaultfd", F_OK))
		SKIP(return, "this kernel has no userfaultfd");
	ready.fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	ASSERT_LE(0, ready.fd);
	ASSERT_EQ(0, ioctl(ready.fd, UFFDIO_API, &api));
	s.buf = mmap(NULL, AX_PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, s.buf);
	reg.range.start = zero.range.start = (uintptr_t)s.buf;
	ASSERT_EQ(0, ioctl(ready.fd, UFFDIO_REGISTER, &reg));
	space = ax_create(self->dev, AXAS_FORMAT_HOST, 0);
	ASSERT_LE(0, space);
	id = ax_space_id(space);
	s.fd = open(ax_debugfs_file(id, "stats"), O_RDONLY);
	ASSERT_LE(0, s.fd);
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_into, &s));
	ASSERT_EQ(1, poll(&ready, 1, 20000));
	EXPECT_EQ(0, close(space));
	EXPECT_EQ(-1, access(ax_debugfs_file(id, ""), F_OK));
	ASSERT_EQ(0, ioctl(ready.fd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(thread, NULL);
	EXPECT_LT(0, s.got);
	EXPECT_EQ(id, strtoul((char *)s.buf + 3, NULL, 10));
	EXPECT_EQ(-1, read(s.fd, s.buf, 1));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-1, lseek(s.fd, 0, SEEK_SET));
	EXPECT_EQ(EIO, errno);
	close(s.fd);
	close(ready.fd);
}

/* Opaque to the compiler, which would object to bad buffers. */
static __attribute__((noipa)) ssize_t read_100(int fd, void *buf)
{
	ssize_t ret = read(fd, buf, 100);

	return ret < 0 ? -errno : ret;
}

/* What didn't reach the reader comes again, from the first byte it lacks. */
TEST_F(space, bad_buffer)
{
	char *all, *text, *buf;
	ssize_t n;
	int fd;

	AX_NEED_DEBUGFS();
	buf = mmap(NULL, 2 * AX_PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, buf);
	ASSERT_EQ(0, munmap(buf + AX_PAGE, AX_PAGE));
	all = ax_debugfs(self->fd, "stats");
	ASSERT_NE(NULL, all);
	fd = open(ax_debugfs_file(ax_space_id(self->fd), "stats"), O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EFAULT, read_100(fd, buf + AX_PAGE));
	/* An arm64 kernel may stop before the last byte that fits. */
	n = read_100(fd, buf + AX_PAGE - 10);
	ASSERT_LE(1, n);
	ASSERT_GE(10, n);
	EXPECT_EQ(0, memcmp(all, buf + AX_PAGE - 10, n));
	EXPECT_EQ(-EFAULT, read_100(fd, buf + AX_PAGE));
	text = ax_slurp_fd(fd, 100);
	ASSERT_NE(NULL, text);
	EXPECT_TRUE(ax_same_text("stats", all + n, text));
	free(text);
	free(all);
	close(fd);
	munmap(buf, AX_PAGE);
}

/* ---- while all of it changes ---- */

#define LOW	0x10000ULL			/* never touched by the writers */
#define HIGH	0x80000000ULL
#define SECONDS	6
#define AT_LEAST	25			/* however slow the machine is */

struct stress {
	int space;
	unsigned int id;
	bool is_ept;
	__u64 hpa, seed;
	volatile bool stop;
	volatile unsigned long changes, looks;
	const char *wrong;
};

/* A tracker. */
static void come_and_go(int space, __u64 gpa, __u64 length)
{
	int tracker = ax_track(space, gpa, length);

	ax_fault(space, gpa, AX_W);
	if (tracker >= 0)
		close(tracker);
}

/* Leaves, and trackers, come, are split, change and go between LOW and HIGH. */
static void *change(void *arg)
{
	struct stress *s = arg;
	__u64 seed = __atomic_add_fetch(&s->seed, 0x9e3779b97f4a7c15ULL, __ATOMIC_RELAXED);

	while (!s->stop) {
		__u64 gpa = GPA + ax_rand(&seed) % 2048 * AX_PAGE;
		__u64 length = (1 + ax_rand(&seed) % 700) * AX_PAGE;

		switch (ax_rand(&seed) % 8) {
		case 0:
			ax_map_alloc(s->space, gpa, length, AX_RW, 0, AX_2M);
			break;
		case 1:
			ax_map_linear(s->space, GPA, 6 * AX_2M, s->hpa, AX_RWX, 0);
			break;
		case 2:
			ax_populate(s->space, gpa, length);
			break;
		case 3:
			ax_unmap(s->space, gpa, length);
			break;
		case 4:
			ax_protect(s->space, gpa, length, ax_rand(&seed) & 1 ? AX_R : AX_RW);
			break;
		case 5:
			ax_unmap(s->space, GPA, 8 * AX_2M);
			break;
		case 6:
			come_and_go(s->space, gpa, length);
			break;
		default:
			ax_fault(s->space, gpa, AX_W);
			break;
		}
		__atomic_add_fetch(&s->changes, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* NULL, or what is wrong with a list: its lines don't overlap and go up. */
static const char *wrong_list(char *text)
{
	__u64 start, end, last = 0;
	char *line;

	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (sscanf(line, "0x%llx-0x%llx ", &start, &end) != 2)
			return "a line has no range";
		if (start < last || end <= start || (start | end) % AX_PAGE)
			return "lines overlap";
		last = end;
	}
	return NULL;
}

/* What nobody touches has to be in each list, and just as it is. */
static void look(struct stress *s, const char *name, const char *first, const char *last)
{
	char *text = ax_without_header(ax_slurp(ax_debugfs_file(s->id, name)));

	if (!text)
		s->wrong = "can't be read";
	else if (strncmp(text, first, strlen(first)))
		s->wrong = "what never changes isn't at the beginning";
	else if (strlen(text) < strlen(last) ||
		 strcmp(text + strlen(text) - strlen(last), last))
		s->wrong = "what never changes isn't at the end";
	else
		s->wrong = wrong_list(text);
	free(text);
	s->looks++;
}

TEST_F_TIMEOUT(space, read_while_it_changes, 180)
{
	struct stress s = { .space = self->fd, .seed = ax_seed("debugfs") };
	pthread_t threads[3];
	double end;
	unsigned int i;

	AX_NEED_DEBUGFS();
	s.hpa = ax_find_unused_hpa(AX_1G, self->info.hpa_bits);
	s.id = ax_space_id(self->fd);
	ASSERT_EQ(0, ax_populate(self->fd, LOW, 0x3000));
	ASSERT_EQ(0, ax_populate(self->fd, HIGH, 0x200000));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, change, &s));
	end = ax_now() + ax_race(SECONDS);
	while (!s.wrong && ax_racing(end, s.changes >= AT_LEAST && s.looks >= AT_LEAST)) {
		look(&s, "table",
		     "0x0000000000010000-0x0000000000013000      12K 4K rw- wb owned\n",
		     "0x0000000080000000-0x0000000080200000       2M 4K rw- wb owned\n");
		if (!s.wrong)
			look(&s, "areas",
			     "0x0000000000010000-0x0000000000013000 rw- alloc wb 4K 0x0 - -\n",
			     "0x0000000080000000-0x0000000080200000 rw- alloc wb 4K 0x0 - -\n");
		free(ax_slurp(ax_debugfs_file(s.id, "trackers")));
		free(ax_slurp(ax_debugfs_file(s.id, "stats")));
	}
	s.stop = true;
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(NULL, s.wrong)
		TH_LOG("%s", s.wrong);
	printf("# %lu changes, %lu lists\n", s.changes, s.looks);
}

static void *read_on(void *arg)
{
	struct stress *s = arg;
	unsigned int i = 0;

	while (!s->stop) {
		unsigned int id = __atomic_load_n(&s->id, __ATOMIC_RELAXED);

		free(ax_slurp(ax_debugfs_file(id, names[i++ % NAMES])));
		__atomic_add_fetch(&s->looks, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Spaces come and go under those who read. */
TEST_F_TIMEOUT(device, destroy_under_readers, 180)
{
	struct stress s = {};
	pthread_t threads[3];
	double end = ax_now() + ax_race(SECONDS);
	unsigned int i;
	int fd = 0;

	AX_NEED_DEBUGFS();
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, read_on, &s));
	while (ax_racing(end, s.changes >= AT_LEAST && s.looks >= AT_LEAST)) {
		fd = ax_create(self->dev, s.changes++ & 1 ? AXAS_FORMAT_EPT : AXAS_FORMAT_S2, 0);
		if (fd < 0)
			break;
		ax_populate(fd, 0, 64 * AX_PAGE);
		__atomic_store_n(&s.id, ax_space_id(fd), __ATOMIC_RELAXED);
		ax_sleep_ms(s.changes % 4);
		close(fd);
	}
	s.stop = true;
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	EXPECT_LE(0, fd);
	printf("# %lu spaces, %lu reads\n", s.changes, s.looks);
}

TEST_HARNESS_MAIN
