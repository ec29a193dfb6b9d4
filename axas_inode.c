// SPDX-License-Identifier: GPL-2.0
/*
 * The inodes of files of guest memory, which have a file system of their own.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#include "axas_file.h"

#define AXAS_FS_MAGIC	0x41584153

static struct file_system_type axas_fs;
static struct vfsmount *axas_mnt;
static int axas_mnt_count;

/* Each inode has the file system, and the file system the module. */
static int axas_fs_get(void)
{
	return simple_pin_fs(&axas_fs, &axas_mnt, &axas_mnt_count);
}

static void axas_fs_put(void)
{
	simple_release_fs(&axas_mnt, &axas_mnt_count);
}

/* Nobody has a descriptor, a window or another reference any more. */
static void axas_evict_inode(struct inode *inode)
{
	struct axas_file *file = inode->i_private;

	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	/* There is none in the root. */
	if (!file)
		return;
	file->kind->release(file);
	axas_fs_put();
}

static const struct super_operations axas_super_ops = {
	.statfs = simple_statfs,
	.evict_inode = axas_evict_inode,
};

static char *axas_dname(struct dentry *dentry, char *buf, int len)
{
	char name[32];
	int n = snprintf(name, sizeof(name), "anon_inode:[%s]",
			 dentry->d_name.name) + 1;

	if (len < n)
		return ERR_PTR(-ENAMETOOLONG);
	return memcpy(buf + len - n, name, n);
}

static const struct dentry_operations axas_dentry_ops = {
	.d_dname = axas_dname,
};

static int axas_init_fs_context(struct fs_context *fc)
{
	struct pseudo_fs_context *ctx = init_pseudo(fc, AXAS_FS_MAGIC);

	if (!ctx)
		return -ENOMEM;
	ctx->ops = &axas_super_ops;
	ctx->dops = &axas_dentry_ops;
	return 0;
}

static struct file_system_type axas_fs = {
	.owner = THIS_MODULE,
	.name = "axas",
	.init_fs_context = axas_init_fs_context,
	.kill_sb = kill_anon_super,
};

/* Mode, owner and times may be set; the size is what it is. */
static int axas_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
			struct iattr *attr)
{
	struct iattr others = *attr;

	if (attr->ia_valid & ATTR_SIZE &&
	    attr->ia_size != i_size_read(d_inode(dentry)))
		return -EINVAL;
	others.ia_valid &= ~ATTR_SIZE;
	return simple_setattr(idmap, dentry, &others);
}

static const struct inode_operations axas_inode_ops = {
	.setattr = axas_setattr,
};

/* The inode has the file from here on, and a reference to the file system. */
static struct inode *inode_create(struct axas_file *file)
{
	struct inode *inode;
	int ret = axas_fs_get();

	if (ret)
		return ERR_PTR(ret);
	inode = alloc_anon_inode(axas_mnt->mnt_sb);
	if (IS_ERR(inode)) {
		axas_fs_put();
		return inode;
	}
	file->mapping = inode->i_mapping;
	inode->i_private = file;
	inode->i_op = &axas_inode_ops;
	inode->i_fop = file->kind->fops;
	inode->i_mode = S_IFREG | 0400;
	if (file->prot & AXAS_PROT_WRITE)
		inode->i_mode |= 0200;
	/* Nobody runs it, or makes huge pages of what its page cache hasn't. */
	get_write_access(inode);
	/* Nothing anonymous about it, as far as some kernels flag that. */
	inode->i_flags = S_PRIVATE;
	/* There is no name: whoever watches it doesn't keep it. */
	clear_nlink(inode);
	i_size_write(inode, axas_file_size(file));
	return inode;
}

/**
 * axas_inode_create - make the inode of a file of guest memory, and a descriptor
 * @file: the file; goes with the inode, or at once if none can be made
 *
 * Context: may sleep.
 * Return: an open file of it or an ERR_PTR().
 */
struct file *axas_inode_create(struct axas_file *file)
{
	const struct axas_file_kind *kind = file->kind;
	struct inode *inode = inode_create(file);
	struct file *filp;
	int flags;

	if (IS_ERR(inode)) {
		kind->release(file);
		return ERR_CAST(inode);
	}
	flags = O_LARGEFILE | (file->prot & AXAS_PROT_WRITE ? O_RDWR : O_RDONLY);
	filp = alloc_file_pseudo(inode, axas_mnt, kind->name, flags, kind->fops);
	if (IS_ERR(filp)) {
		iput(inode);
		return filp;
	}
	/* The last fput() gives it back. */
	__module_get(THIS_MODULE);
	filp->private_data = file;
	filp->f_mode |= FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
	return filp;
}

/**
 * axas_inode_install - make a descriptor of a new file
 * @filp: from axas_inode_create(), or its ERR_PTR()
 *
 * Context: may sleep.
 * Return: the descriptor or an errno; then the file is gone.
 */
int axas_inode_install(struct file *filp)
{
	int fd;

	if (IS_ERR(filp))
		return PTR_ERR(filp);
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		fput(filp);
	else
		fd_install(fd, filp);
	return fd;
}

/**
 * axas_inode_open - an inode is opened anew, through /proc
 * @inode: the inode
 * @filp: the new file
 *
 * Whoever may read any file, or change this one's mode, has no more rights to the
 * memory than the file was made with.
 *
 * Context: any.
 * Return: 0 or -EACCES.
 */
int axas_inode_open(struct inode *inode, struct file *filp)
{
	const struct axas_file *file = inode->i_private;

	if (filp->f_mode & FMODE_WRITE && !(file->prot & AXAS_PROT_WRITE))
		return -EACCES;
	filp->private_data = inode->i_private;
	return 0;
}

/**
 * axas_file_lend - whose memory a descriptor is, as the source of an alias
 * @fd: a descriptor of the calling process
 * @offset: where in the file
 * @length: bytes
 * @source: out: what it is; the caller drops the reference of its file
 *
 * Context: may sleep.
 * Return: 0; -EBADF if there is no such descriptor or it can't be read; -EINVAL if it
 * isn't guest memory, or the range is misaligned or empty; -ERANGE if that isn't in it.
 */
int axas_file_lend(int fd, u64 offset, u64 length, struct axas_source *source)
{
	struct file *filp = fget(fd);
	const struct axas_file *file;
	int ret = -EINVAL;

	if (!filp)
		return -EBADF;
	if (file_inode(filp)->i_sb->s_type != &axas_fs)
		goto err;
	ret = -EBADF;
	if (!(filp->f_mode & FMODE_READ))
		goto err;
	file = filp->private_data;
	ret = -EINVAL;
	if (!axas_range_ok(offset, length))
		goto err;
	ret = -ERANGE;
	if (!axas_range_in(offset, length, file->base - file->bias, file->length))
		goto err;
	*source = (struct axas_source){
		.space = file->space,
		.gpa = offset + file->bias,
		.prot = filp->f_mode & FMODE_WRITE ?
				AXAS_PROT_ALL : AXAS_PROT_ALL & ~AXAS_PROT_WRITE,
		.file = filp,
	};
	return 0;

err:
	fput(filp);
	return ret;
}
