// SPDX-License-Identifier: GPL-2.0
/*
 * A directory per live space in debugfs: figures, areas, devices on other
 * buses, trackers, the table with runs of alike leaves folded, and the tables it is
 * made of.
 *
 * Lists are read while they change. Each piece is looked up under RCU by its
 * GPA, which is also what a file remembers of how far it has come; nothing is
 * held while a line is printed or copied to the reader. A line was true when it
 * was made, and lines don't overlap.
 */
#include <linux/capability.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include <axas/show.h>

#include "axas_area.h"

/* Leaves that are looked at in one RCU section. */
#define TABLE_BATCH	128

/**
 * struct debugfs_list - an open list
 * @debugfs: the directory
 * @start: first byte of what the line is about
 * @end: behind the last byte
 * @area: list of areas: what is there
 * @backend: name of its backend, whose module may go
 * @device: list of devices: which, and where
 * @leaf: table: what all leaves of the run are like
 * @visited: table: leaves that the run has so far
 * @table: tables: one of them
 * @tracker: trackers: one of them
 */
struct debugfs_list {
	struct axas_debugfs *debugfs;
	u64 start;
	u64 end;
	struct axas_area area;
	char backend[16];
	struct axas_device device;
	struct axas_leaf leaf;
	unsigned int visited;
	struct axas_npt_table table;
	struct axas_tracker_figures tracker;
};

static const char *const leaf_names[] = { "-", "4K", "2M", "1G" };

static const char *const memtype_names[] = {
	[AXAS_MEM_WB] = "wb",
	[AXAS_MEM_WT] = "wt",
	[AXAS_MEM_WP] = "wp",
	[AXAS_MEM_NC] = "nc",
	[AXAS_MEM_UC] = "uc",
	[AXAS_MEM_DEVICE] = "device",
};

/* The last of them where there is such a right. */
static void show_attr_prot(struct seq_file *m, const struct debugfs_list *list,
			   struct axas_attr attr)
{
	const struct axas_npt *npt = &list->debugfs->space->npt;

	seq_putc(m, attr.prot & AXAS_PROT_READ ? 'r' : '-');
	seq_putc(m, attr.prot & AXAS_PROT_WRITE ? 'w' : '-');
	seq_putc(m, attr.prot & AXAS_PROT_EXEC ? 'x' : '-');
	if (axas_npt_has(npt, AXAS_PROT_EXEC_USER))
		seq_putc(m, attr.prot & AXAS_PROT_EXEC_USER ? 'u' : '-');
}

/* ---- lists: position 0 is the header, n + 1 is page n of the space ---- */

static u64 list_gpa(loff_t pos)
{
	return (u64)(pos - 1) * SZ_4K;
}

static void *list_start(struct seq_file *m, loff_t *pos,
			void *(*find)(struct debugfs_list *list, u64 gpa))
{
	return *pos ? find(m->private, list_gpa(*pos)) : SEQ_START_TOKEN;
}

static void *list_next(struct seq_file *m, void *v, loff_t *pos,
		       void *(*find)(struct debugfs_list *list, u64 gpa))
{
	struct debugfs_list *list = m->private;

	*pos = 1 + (v == SEQ_START_TOKEN ? 0 : list->end / SZ_4K);
	return find(list, list_gpa(*pos));
}

static void list_stop(struct seq_file *m, void *v)
{
}

static int list_open(struct inode *inode, struct file *filp,
		     const struct seq_operations *ops)
{
	struct debugfs_list *list =
		__seq_open_private(filp, ops, sizeof(*list));

	if (!list)
		return -ENOMEM;
	list->debugfs = inode->i_private;
	return 0;
}

/* ---- areas ---- */

static void *areas_find(struct debugfs_list *list, u64 gpa)
{
	MA_STATE(mas, &list->debugfs->space->areas.mt, gpa, gpa);
	const struct axas_area *area;

	cond_resched();
	guard(rcu)();
	area = mas_find(&mas, ULONG_MAX);
	if (!area)
		return NULL;
	list->area = *area;
	strscpy(list->backend, area->ops->name, sizeof(list->backend));
	list->start = max_t(u64, mas.index, gpa);
	list->end = mas.last + 1;
	return list;
}

static void *areas_start(struct seq_file *m, loff_t *pos)
{
	return list_start(m, pos, areas_find);
}

static void *areas_next(struct seq_file *m, void *v, loff_t *pos)
{
	return list_next(m, v, pos, areas_find);
}

/* Where memory is concerns whoever may write to all of it anyway. */
static bool show_hpa(struct seq_file *m)
{
	return file_ns_capable(m->file, &init_user_ns, CAP_SYS_ADMIN);
}

static void show_area_hpa(struct seq_file *m, const struct debugfs_list *list)
{
	u64 hpa = list->start + list->area.offset;

	if (list->area.ops != axas_backend(AXAS_BACKEND_LINEAR))
		seq_puts(m, "-");
	else
		seq_printf(m, "0x%llx", show_hpa(m) ? hpa : 0);
}

/* Where its frames come from, and of what size they are. */
static const char *show_area_nodes(struct seq_file *m,
				   const struct axas_area *area,
				   const char *comma)
{
	if (area->place.nid != NUMA_NO_NODE) {
		seq_printf(m, "%snode=%d", comma, area->place.nid);
		comma = ",";
	}
	if (area->place.nodes) {
		seq_printf(m, "%sbind=%#x", comma, area->place.nodes);
		comma = ",";
	}
	if (area->spread) {
		seq_printf(m, "%sinterleave=%#x", comma, area->spread);
		comma = ",";
	}
	if (area->place.whole) {
		seq_printf(m, "%swhole", comma);
		comma = ",";
	}
	return comma;
}

static int areas_show(struct seq_file *m, void *v)
{
	const struct debugfs_list *list = v;
	const struct axas_area *area;
	const char *comma = "";

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "# range prot backend memtype max-leaf cookie hpa flags\n");
		return 0;
	}
	area = &list->area;
	seq_printf(m, "0x%016llx-0x%016llx ", list->start, list->end);
	show_attr_prot(m, list, area->attr);
	seq_printf(m, " %s %s %s 0x%llx ", list->backend,
		   memtype_names[area->attr.memtype],
		   leaf_names[area->max_level], area->cookie);
	show_area_hpa(m, list);
	seq_putc(m, ' ');
	if (area->attr.ignore_pat) {
		seq_puts(m, "ignore-pat");
		comma = ",";
	}
	if (area->attr.rom) {
		seq_printf(m, "%srom", comma);
		comma = ",";
	}
	if (area->attr.owned)
		comma = show_area_nodes(m, area, comma);
	seq_puts(m, *comma ? "\n" : "-\n");
	return 0;
}

static const struct seq_operations areas_ops = {
	.start = areas_start,
	.next = areas_next,
	.stop = list_stop,
	.show = areas_show,
};

static int areas_open(struct inode *inode, struct file *filp)
{
	return list_open(inode, filp, &areas_ops);
}

/* ---- devices: a position is a port, or a register behind all ports ---- */

#define DEVICES_SYSREGS	(AXAS_PORT_LAST + 1LL)

static void *devices_find(struct debugfs_list *list, u64 pos)
{
	struct axas_devices *devices = &list->debugfs->space->devices;
	struct axas_device *device = &list->device;

	cond_resched();
	if (pos < DEVICES_SYSREGS) {
		device->bus = AXAS_BUS_PORT;
		device->first = pos;
		if (axas_devices_next(devices, device))
			return list;
		pos = DEVICES_SYSREGS;
	}
	device->bus = AXAS_BUS_SYSREG;
	device->first = pos - DEVICES_SYSREGS;
	return axas_devices_next(devices, device) ? list : NULL;
}

static void *devices_start(struct seq_file *m, loff_t *pos)
{
	return devices_find(m->private, *pos);
}

static void *devices_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct debugfs_list *list = m->private;

	*pos = list->device.last + 1;
	if (list->device.bus == AXAS_BUS_SYSREG)
		*pos += DEVICES_SYSREGS;
	return devices_find(list, *pos);
}

static int devices_show(struct seq_file *m, void *v)
{
	const struct debugfs_list *list = v;
	const struct axas_device *device = &list->device;

	seq_printf(m, "%s 0x%llx-0x%llx cookie 0x%llx\n",
		   device->bus == AXAS_BUS_PORT ? "port" : "sysreg",
		   device->first, device->last, device->cookie);
	return 0;
}

static const struct seq_operations devices_ops = {
	.start = devices_start,
	.next = devices_next,
	.stop = list_stop,
	.show = devices_show,
};

static int devices_open(struct inode *inode, struct file *filp)
{
	return list_open(inode, filp, &devices_ops);
}

/* ---- table ---- */

enum table_visit { TABLE_END, TABLE_RUN_ENDS, TABLE_PAUSE };

static bool leaves_alike(const struct axas_leaf *a, const struct axas_leaf *b)
{
	return a->level == b->level && a->attr.prot == b->attr.prot &&
	       a->attr.memtype == b->attr.memtype &&
	       a->attr.ignore_pat == b->attr.ignore_pat &&
	       a->attr.owned == b->attr.owned && a->accessed == b->accessed &&
	       a->dirty == b->dirty;
}

/* A run begins at the first leaf, which may have grown over the line before. */
static int table_visit(void *arg, axas_gpa_t gpa, const struct axas_leaf *leaf)
{
	struct debugfs_list *list = arg;

	if (!list->visited) {
		list->start = max(gpa.val, list->end);
		list->leaf = *leaf;
	} else if (gpa.val != list->end || !leaves_alike(leaf, &list->leaf)) {
		return TABLE_RUN_ENDS;
	}
	list->end = gpa.val + axas_level_size(leaf->level);
	return ++list->visited % TABLE_BATCH ? TABLE_END : TABLE_PAUSE;
}

static int table_walk(struct debugfs_list *list)
{
	const struct axas_npt *npt = &list->debugfs->space->npt;
	u64 limit = BIT_ULL(npt->gpa_bits);

	if (list->end >= limit)
		return TABLE_END;
	guard(rcu)();
	return axas_npt_get_ops(npt)->walk(npt, axas_gpa(list->end),
					   limit - list->end, table_visit, list);
}

/* The first run that begins at gpa or behind. */
static void *table_find(struct debugfs_list *list, u64 gpa)
{
	list->end = gpa;
	list->visited = 0;
	do {
		if (fatal_signal_pending(current))
			return ERR_PTR(-EINTR);
		cond_resched();
	} while (table_walk(list) == TABLE_PAUSE);
	return list->visited ? list : NULL;
}

static void *table_start(struct seq_file *m, loff_t *pos)
{
	return list_start(m, pos, table_find);
}

static void *table_next(struct seq_file *m, void *v, loff_t *pos)
{
	return list_next(m, v, pos, table_find);
}

/* In the largest unit that divides it. */
static void show_size(struct seq_file *m, u64 size)
{
	const char *unit = "KMGT";

	for (size /= SZ_1K; !(size % SZ_1K) && unit[1]; unit++)
		size /= SZ_1K;
	seq_printf(m, " %7llu%c ", size, *unit);
}

static int table_show(struct seq_file *m, void *v)
{
	const struct debugfs_list *list = v;
	const struct axas_leaf *leaf;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "# range size leaf prot memtype flags\n");
		return 0;
	}
	leaf = &list->leaf;
	seq_printf(m, "0x%016llx-0x%016llx", list->start, list->end);
	show_size(m, list->end - list->start);
	seq_printf(m, "%s ", leaf_names[leaf->level]);
	show_attr_prot(m, list, leaf->attr);
	seq_printf(m, " %s%s%s%s%s\n", memtype_names[leaf->attr.memtype],
		   leaf->attr.owned ? " owned" : "",
		   leaf->attr.ignore_pat ? " ignore-pat" : "",
		   leaf->accessed ? " a" : "", leaf->dirty ? " d" : "");
	return 0;
}

static const struct seq_operations table_ops = {
	.start = table_start,
	.next = table_next,
	.stop = list_stop,
	.show = table_show,
};

static int table_open(struct inode *inode, struct file *filp)
{
	return list_open(inode, filp, &table_ops);
}

/* ---- tables: a position is where one begins in 2 MiB, and its level downwards ---- */

#define TABLES_LEVELS	8

static void *tables_find(struct debugfs_list *list, u64 pos)
{
	const struct axas_npt *npt = &list->debugfs->space->npt;

	if (fatal_signal_pending(current))
		return ERR_PTR(-EINTR);
	cond_resched();
	list->table.gpa.val = pos / TABLES_LEVELS * SZ_2M;
	list->table.level = TABLES_LEVELS - pos % TABLES_LEVELS;
	guard(rcu)();
	return axas_npt_get_ops(npt)->next_table(npt, &list->table) ? list : NULL;
}

static void *tables_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? tables_find(m->private, *pos - 1) : SEQ_START_TOKEN;
}

static void *tables_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct debugfs_list *list = m->private;
	const struct axas_npt_table *table = &list->table;

	*pos = 1;
	if (v != SEQ_START_TOKEN)
		*pos += table->gpa.val / SZ_2M * TABLES_LEVELS +
			TABLES_LEVELS - table->level + 1;
	return tables_find(list, *pos - 1);
}

static int tables_show(struct seq_file *m, void *v)
{
	const struct debugfs_list *list = v;
	const struct axas_npt_table *table = &list->table;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "# level gpa entries tables leaves hpa\n");
		return 0;
	}
	seq_printf(m, "%u 0x%016llx %u %u %u 0x%llx\n", table->level,
		   table->gpa.val, table->entries, table->tables, table->leaves,
		   show_hpa(m) ? table->hpa.val : 0);
	return 0;
}

static const struct seq_operations tables_ops = {
	.start = tables_start,
	.next = tables_next,
	.stop = list_stop,
	.show = tables_show,
};

static int tables_open(struct inode *inode, struct file *filp)
{
	return list_open(inode, filp, &tables_ops);
}

/* ---- trackers: a position is the number of one ---- */

static void *trackers_find(struct debugfs_list *list, u64 number)
{
	cond_resched();
	list->tracker.number = number;
	return axas_tracker_next(list->debugfs->space, &list->tracker) ? list :
									 NULL;
}

static void *trackers_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? trackers_find(m->private, *pos) : SEQ_START_TOKEN;
}

static void *trackers_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct debugfs_list *list = m->private;

	*pos = v == SEQ_START_TOKEN ? 1 : list->tracker.number + 1;
	return trackers_find(list, *pos);
}

static int trackers_show(struct seq_file *m, void *v)
{
	const struct debugfs_list *list = v;

	if (v == SEQ_START_TOKEN)
		seq_puts(m, "# number range what way opened marked\n");
	else
		axas_show_tracker(m, &list->tracker);
	return 0;
}

static const struct seq_operations trackers_ops = {
	.start = trackers_start,
	.next = trackers_next,
	.stop = list_stop,
	.show = trackers_show,
};

static int trackers_open(struct inode *inode, struct file *filp)
{
	return list_open(inode, filp, &trackers_ops);
}

/* ---- figures ---- */

static int stats_show(struct seq_file *m, void *v)
{
	const struct axas_debugfs *debugfs = m->private;
	struct axas_stats stats;

	axas_space_stats(debugfs->space, &stats);
	seq_printf(m, "id %llu\n", debugfs->space->npt.id);
	seq_printf(m, "format %s\n", axas_npt_get_ops(&debugfs->space->npt)->name);
	seq_printf(m, "gpa-bits %u\n", stats.gpa_bits);
	seq_printf(m, "levels %u\n", stats.levels);
	seq_printf(m, "areas %llu\n", stats.areas);
	seq_printf(m, "resident %llu\n", stats.resident);
	seq_printf(m, "tables %llu %llu %llu %llu %llu\n", stats.tables[0],
		   stats.tables[1], stats.tables[2], stats.tables[3],
		   stats.tables[4]);
	seq_printf(m, "leaves %llu %llu %llu\n", stats.leaves[0],
		   stats.leaves[1], stats.leaves[2]);
	seq_puts(m, "faults ");
	axas_show_faults(m, &stats);
	seq_printf(m, "base 0x%llx\n", stats.base);
	seq_printf(m, "length 0x%llx\n", stats.length);
	seq_printf(m, "features 0x%x\n", stats.features);
	seq_printf(m, "kept %llu\n", axas_area_kept(debugfs->space));
	seq_printf(m, "owner %d ", debugfs->pid);
	seq_escape(m, debugfs->comm, "\n\\");
	seq_putc(m, '\n');
	return 0;
}

static int stats_open(struct inode *inode, struct file *filp)
{
	return single_open(filp, stats_show, inode->i_private);
}

/*
 * ---- files: debugfs_remove() waits for whoever is between debugfs_file_get()
 * and debugfs_file_put(), so nobody touches user memory there ----
 */

/* What a read makes at most. */
#define READ_MAX	SZ_4K

static ssize_t debugfs_make(struct file *filp, char *text, size_t count,
			    loff_t pos)
{
	struct kvec vec = { .iov_base = text, .iov_len = count };
	struct dentry *dentry = file_dentry(filp);
	struct iov_iter iter;
	struct kiocb iocb;
	ssize_t ret;

	init_sync_kiocb(&iocb, filp);
	iocb.ki_pos = pos;
	iov_iter_kvec(&iter, READ, &vec, 1, count);
	ret = debugfs_file_get(dentry);
	if (ret)
		return ret;
	ret = seq_read_iter(&iocb, &iter);
	debugfs_file_put(dentry);
	return ret;
}

/* What doesn't reach the reader is made again: the position stays before it. */
static ssize_t debugfs_read(struct file *filp, char __user *buf, size_t count,
			    loff_t *pos)
{
	char *text __free(kfree) = NULL;
	ssize_t ret;

	count = min_t(size_t, count, READ_MAX);
	text = kmalloc(count, AXAS_GFP);
	if (!text)
		return -ENOMEM;
	ret = debugfs_make(filp, text, count, *pos);
	if (ret <= 0)
		return ret;
	count = ret - copy_to_user(buf, text, ret);
	*pos += count;
	return count ? count : -EFAULT;
}

static loff_t debugfs_llseek(struct file *filp, loff_t offset, int whence)
{
	struct dentry *dentry = file_dentry(filp);
	loff_t ret = debugfs_file_get(dentry);

	if (ret)
		return ret;
	ret = seq_lseek(filp, offset, whence);
	debugfs_file_put(dentry);
	return ret;
}

#define DEBUGFS_FILE(name, do_release)					\
static const struct file_operations name##_fops = {			\
	.owner = THIS_MODULE,						\
	.open = name##_open,						\
	.read = debugfs_read,						\
	.llseek = debugfs_llseek,					\
	.release = do_release,						\
}

DEBUGFS_FILE(stats, single_release);
DEBUGFS_FILE(areas, seq_release_private);
DEBUGFS_FILE(table, seq_release_private);
DEBUGFS_FILE(tables, seq_release_private);
DEBUGFS_FILE(devices, seq_release_private);
DEBUGFS_FILE(trackers, seq_release_private);

static struct dentry *debugfs_root;

static struct dentry *debugfs_dir(const char *name, struct dentry *parent)
{
	struct dentry *dir = debugfs_create_dir(name, parent);

	if (!IS_ERR(dir))
		d_inode(dir)->i_mode = S_IFDIR | 0700;
	return dir;
}

/* Unsafe says that the file itself calls debugfs_file_get(). */
static void debugfs_file(const char *name, struct axas_debugfs *debugfs,
			 const struct file_operations *fops)
{
	debugfs_create_file_unsafe(name, 0400, debugfs->dir, debugfs, fops);
}

/**
 * axas_debugfs_add - make a space's directory
 * @debugfs: the directory
 * @space: the space, which has a number
 *
 * Context: may sleep. That there is no memory for it, or no debugfs, doesn't
 * matter to anyone.
 */
void axas_debugfs_add(struct axas_debugfs *debugfs, struct axas_space *space)
{
	char name[24];

	debugfs->space = space;
	debugfs->pid = task_tgid_nr(current);
	get_task_comm(debugfs->comm, current);
	snprintf(name, sizeof(name), "%llu", space->npt.id);
	debugfs->dir = debugfs_dir(name, debugfs_root);
	debugfs_file("stats", debugfs, &stats_fops);
	debugfs_file("areas", debugfs, &areas_fops);
	debugfs_file("table", debugfs, &table_fops);
	debugfs_file("tables", debugfs, &tables_fops);
	debugfs_file("devices", debugfs, &devices_fops);
	debugfs_file("trackers", debugfs, &trackers_fops);
}

/**
 * axas_debugfs_del - remove a space's directory
 * @debugfs: what axas_debugfs_add() has made
 *
 * When it returns nobody reads there any more. Who has a file open gets errors
 * from it. It doesn't wait for a reader whose memory takes its time.
 *
 * Context: may sleep.
 */
void axas_debugfs_del(struct axas_debugfs *debugfs)
{
	debugfs_remove(debugfs->dir);
}

/**
 * axas_debugfs_init - make the directory that has those of all spaces
 *
 * Context: may sleep.
 */
void axas_debugfs_init(void)
{
	debugfs_root = debugfs_dir("axas", NULL);
}

/**
 * axas_debugfs_exit - remove what axas_debugfs_init() has made
 *
 * Context: may sleep. There is no space any more.
 */
void axas_debugfs_exit(void)
{
	debugfs_remove(debugfs_root);
}
