/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations of regular files whose contents are inode->data, a page cache: tmpfs, memfd, cached host files. The
 * mapping does its own locking and holds the size; here are positions, limits, seals, times and set-id bits.
 */
#include <linux/errno.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>

#include <asm/resource.h>
#include <asm/signal.h>

#include "kernel/fs/file.h"
#include "kernel/fs/walk.h"
#include "kernel/mm/mm.h"
#include "kernel/signal/signal.h"
#include "kernel/task/task.h"

#define WRITE_SEALS (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

long file_size_allowed(struct inode *inode, uint64_t pos, size_t size)
{
	uint64_t limit = current_process()->limits[RLIMIT_FSIZE].current;

	if (!S_ISREG(inode->mode))
		return (long)MIN(size, (size_t)INT64_MAX);
	if (unlikely(limit != UINT64_MAX)) {
		if (pos >= limit) {
			if (size)
				signal_current(SIGXFSZ);
			return -EFBIG;
		}
		size = MIN(size, limit - pos);
	}
	if (unlikely(pos >= INT64_MAX))
		return -EFBIG;
	return (long)MIN(size, (size_t)INT64_MAX - pos);
}

long generic_read(struct file *f, struct uio *io, uint64_t *pos)
{
	long r;

	if (unlikely(*pos > INT64_MAX))
		return -EINVAL;
	r = mapping_read(f->inode->data, io, *pos);
	if (r > 0)
		*pos += (uint64_t)r;
	if (r >= 0)
		file_accessed(f);
	return r;
}

long generic_write(struct file *f, struct uio *io, uint64_t *pos)
{
	struct inode *i = f->inode;
	bool append = f->flags & O_APPEND;
	uint64_t at = append ? inode_size(i) : *pos;
	size_t left = io->left;
	long r;

	if (!left)
		return 0;
	if (unlikely(i->seals & (WRITE_SEALS | F_SEAL_GROW))) {
		if ((i->seals & WRITE_SEALS) || append || at + left > inode_size(i))
			return -EPERM;
	}
	r = file_size_allowed(i, at, left);
	if (r < 0)
		return r;
	inode_drop_privileges(i);
	io->left = (size_t)r;
	if (append) {
		r = mapping_append(i->data, io, &at);
		if (r > 0)
			*pos = at + (uint64_t)r;
	} else {
		r = mapping_write(i->data, io, at);
		if (r > 0)
			*pos += (uint64_t)r;
	}
	io->left = left - (r > 0 ? (size_t)r : 0);
	if (r > 0)
		i->modified = i->changed = time_now();
	return r;
}

int generic_mmap(struct file *f, struct vma *v)
{
	if (!S_ISREG(f->inode->mode))
		return -ENODEV;
	vma_set_mapping(v, f->inode->data);
	file_accessed(f);
	return 0;
}

int64_t generic_seek(struct file *f, int64_t offset, int whence)
{
	int64_t base = 0, size = (int64_t)inode_size(f->inode), at;

	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		base = (int64_t)f->pos;
		break;
	case SEEK_END:
		base = size;
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		if (!S_ISREG(f->inode->mode))
			return -EINVAL;
		if (offset < 0 || offset >= size)
			return -ENXIO;
		at = mapping_seek_data(f->inode->data, (uint64_t)offset, whence == SEEK_HOLE);
		if (at >= 0)
			f->pos = (uint64_t)at;
		return at;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, offset, &at))
		return -EOVERFLOW;
	if (at < 0)
		return -EINVAL;
	f->pos = (uint64_t)at;
	return at;
}

int generic_fallocate(struct file *f, int mode, uint64_t offset, uint64_t size)
{
	struct inode *i = f->inode;
	struct mapping *m = i->data;
	uint64_t end = offset + size;
	int e;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	mutex_lock(&i->lock);
	if (mode & FALLOC_FL_PUNCH_HOLE) {
		e = i->seals & WRITE_SEALS ? -EPERM : mapping_punch(m, offset, size);
		goto out;
	}
	if ((i->seals & F_SEAL_GROW) && end > inode_size(i)) {
		e = -EPERM;
		goto out;
	}
	e = mapping_allocate(m, offset, size);
	if (!e && !(mode & FALLOC_FL_KEEP_SIZE) && end > inode_size(i))
		e = mapping_truncate(m, end);
out:
	if (!e)
		inode_touch(i, ATTR_MTIME | ATTR_CTIME);
	mutex_unlock(&i->lock);
	return e;
}
