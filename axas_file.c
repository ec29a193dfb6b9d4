// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory as a file: read, write, seek.
 */
#include <linux/fs.h>
#include <linux/uio.h>

#include "axas_file.h"

static ssize_t file_rw(struct kiocb *iocb, struct iov_iter *iter, bool write)
{
	struct axas_file *file = iocb->ki_filp->private_data;
	struct axas_space *space = file->space;
	ssize_t ret;

	if (iov_iter_count(iter) && iocb->ki_pos >= space->base + space->length)
		return write ? -ENOSPC : 0;
	ret = axas_space_rw_iter(space, axas_gpa(iocb->ki_pos), iter, write);
	if (ret > 0)
		iocb->ki_pos += ret;
	return ret;
}

ssize_t axas_file_read_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	return file_rw(iocb, iter, false);
}

ssize_t axas_file_write_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	return file_rw(iocb, iter, true);
}

/* The first page with memory, from one that begins in the space on. */
static loff_t file_seek_data(struct axas_space *space, u64 gpa, u64 end)
{
	struct axas_next next = { .gpa = gpa, .length = end - gpa };
	int ret = axas_space_next(space, &next, NULL);

	if (ret)
		return ret;
	return next.length ? next.gpa : -ENXIO;
}

/* The first without. The end of the file is one. */
static loff_t file_seek_hole(struct axas_space *space, u64 gpa, u64 end)
{
	struct axas_next next = { .gpa = gpa, .length = end - gpa, .nr = 1 };
	struct axas_next_entry run;
	int ret = axas_space_next(space, &next, &run);

	if (ret)
		return ret;
	return next.done && run.gpa == gpa ? run.gpa + run.length : gpa;
}

/* Memory that is there is data, and all else is a hole. */
static loff_t file_seek_memory(struct file *filp, loff_t offset, int whence)
{
	struct axas_file *file = filp->private_data;
	struct axas_space *space = file->space;
	u64 end = space->base + space->length, gpa;
	loff_t found;

	if (offset < 0 || offset >= end)
		return -ENXIO;
	if (whence == SEEK_HOLE && offset < space->base)
		return vfs_setpos(filp, offset, end);
	gpa = max_t(u64, ALIGN_DOWN(offset, PAGE_SIZE), space->base);
	found = whence == SEEK_DATA ? file_seek_data(space, gpa, end) :
				      file_seek_hole(space, gpa, end);
	return found < 0 ? found : vfs_setpos(filp, max(found, offset), end);
}

loff_t axas_file_llseek(struct file *filp, loff_t offset, int whence)
{
	struct axas_file *file = filp->private_data;

	if (whence == SEEK_DATA || whence == SEEK_HOLE)
		return file_seek_memory(filp, offset, whence);
	return fixed_size_llseek(filp, offset, whence,
				 file->space->base + file->space->length);
}
