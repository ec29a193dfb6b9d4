// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory as a file: read, write, seek, allocate.
 */
#include <linux/types.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/uio.h>

#include "axas_file.h"

static ssize_t file_rw(struct kiocb *iocb, struct iov_iter *iter, bool write)
{
	struct axas_file *file = iocb->ki_filp->private_data;
	u64 size = axas_file_size(file);
	ssize_t ret;

	if (iov_iter_count(iter) && iocb->ki_pos >= size)
		return write ? -ENOSPC : 0;
	iov_iter_truncate(iter, size - iocb->ki_pos);
	ret = axas_space_rw_iter(file->space, axas_gpa(iocb->ki_pos + file->bias),
				 iter, write);
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

/* The first page with memory, from one that begins in the file on. */
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
	u64 size = axas_file_size(file), end = file->base + file->length, gpa;
	loff_t found;

	if (offset < 0 || offset >= size)
		return -ENXIO;
	gpa = ALIGN_DOWN(offset, PAGE_SIZE) + file->bias;
	if (whence == SEEK_HOLE && gpa < file->base)
		return vfs_setpos(filp, offset, size);
	gpa = max(gpa, file->base);
	found = whence == SEEK_DATA ? file_seek_data(file->space, gpa, end) :
				      file_seek_hole(file->space, gpa, end);
	if (found < 0)
		return found;
	found -= file->bias;
	return vfs_setpos(filp, max(found, offset), size);
}

loff_t axas_file_llseek(struct file *filp, loff_t offset, int whence)
{
	if (whence == SEEK_DATA || whence == SEEK_HOLE)
		return file_seek_memory(filp, offset, whence);
	return fixed_size_llseek(filp, offset, whence,
				 axas_file_size(filp->private_data));
}

/* What lies there is as if it had never been touched, or all of it is there. */
long axas_file_fallocate(struct file *filp, int mode, loff_t offset,
			 loff_t length)
{
	struct axas_file *file = filp->private_data;
	u64 gpa = offset + file->bias, done;
	struct axas_npt_freed freed;

	if (!axas_range_in(gpa, length, file->base, file->length))
		return -EINVAL;
	switch (mode) {
	case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
		return axas_space_discard(file->space, axas_gpa(gpa), length,
					  &freed);
	case FALLOC_FL_KEEP_SIZE:
	case 0:
		return axas_space_populate(file->space, axas_gpa(gpa), length,
					   &done);
	default:
		return -EOPNOTSUPP;
	}
}
