/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls: read, write and their vector and positioned forms; lseek; fsync and advice.
 * A file with a position has its pos_lock held while it is used, as POSIX wants of threads that share an open file.
 */
#include <linux/errno.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/inotify.h>
#include <linux/stat.h>

#include "kernel/fs/file.h"
#include "kernel/fs/walk.h"
#include "kernel/mm/usercopy.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/task.h"

typedef long transfer(struct file *f, struct uio *io, uint64_t *pos);

/* At the file's own position. */
static long at_position(struct file *f, struct uio *io, transfer *move)
{
	uint64_t pos = 0;
	long r;

	if (f->stream)
		return move(f, io, &pos);
	mutex_lock(&f->pos_lock);
	r = move(f, io, &f->pos);
	mutex_unlock(&f->pos_lock);
	return r;
}

static bool positioned(const struct file *f)
{
	return !f->stream && !f->ops->is_pipe && !f->ops->is_socket;
}

static long user_buffer(struct uio *io, unsigned long at, size_t size)
{
	if ((long)size < 0)
		return -EINVAL;
	return uio_init_user(io, UPTR(at), MIN(size, UIO_MAX));
}

long sys_read(unsigned long *a)
{
	struct file *f = fd_get((int)a[0]);
	struct uio io;
	long r;

	if (unlikely(!f))
		return -EBADF;
	r = file_readable(f) ? user_buffer(&io, a[1], a[2]) : -EBADF;
	if (likely(!r))
		r = at_position(f, &io, file_read);
	file_put(f);
	return r;
}

long sys_write(unsigned long *a)
{
	struct file *f = fd_get((int)a[0]);
	struct uio io;
	long r;

	if (unlikely(!f))
		return -EBADF;
	r = file_writable(f) ? user_buffer(&io, a[1], a[2]) : -EBADF;
	if (likely(!r))
		r = at_position(f, &io, file_write);
	file_put(f);
	return r;
}

static long read_write_at(unsigned long *a, bool write)
{
	uint64_t pos = a[3];
	struct file *f;
	struct uio io;
	long r;

	if ((int64_t)pos < 0)
		return -EINVAL;
	f = fd_get((int)a[0]);
	if (unlikely(!f))
		return -EBADF;
	if (!positioned(f))
		r = -ESPIPE;
	else if (!(write ? file_writable(f) : file_readable(f)))
		r = -EBADF;
	else
		r = user_buffer(&io, a[1], a[2]);
	if (likely(!r))
		r = write ? file_write(f, &io, &pos) : file_read(f, &io, &pos);
	file_put(f);
	return r;
}

long sys_pread64(unsigned long *a)
{
	return read_write_at(a, false);
}

long sys_pwrite64(unsigned long *a)
{
	return read_write_at(a, true);
}

/* --- vectors ---------------------------------------------------------------------------------------------------------- */

long file_transfer(struct file *f, struct uio *io, int64_t offset, bool write, unsigned int flags)
{
	uint64_t pos = (uint64_t)offset;
	transfer *move = write ? file_write : file_read;
	long r;

	if (flags & ~(unsigned int)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND))
		return -EOPNOTSUPP;
	if (flags & RWF_NOWAIT) {
		/* Regular files here never wait for a device; streams are tried once. */
		if (!f->stream && !S_ISREG(f->inode->mode))
			return -EOPNOTSUPP;
		move = write ? file_write_nonblock : file_read_nonblock;
	}
	if ((flags & RWF_APPEND) && write && positioned(f)) {
		pos = inode_size(f->inode);
		if (offset == FILE_NO_OFFSET) {
			mutex_lock(&f->pos_lock);
			r = move(f, io, &pos);
			f->pos = pos;
			mutex_unlock(&f->pos_lock);
		} else {
			r = move(f, io, &pos);
		}
	} else if (offset == FILE_NO_OFFSET) {
		r = at_position(f, io, move);
	} else {
		r = move(f, io, &pos);
	}
	if (r > 0 && write && (flags & (RWF_DSYNC | RWF_SYNC)) && f->ops->fsync) {
		int e = f->ops->fsync(f, !(flags & RWF_SYNC));

		if (e)
			return e;
	}
	return r;
}

static long vectors(int fd, unsigned long iovec, unsigned long count, int64_t offset, bool write,
		    unsigned int flags)
{
	struct file *f;
	struct uio io;
	long r;

	if (offset < FILE_NO_OFFSET)
		return -EINVAL;
	f = fd_get(fd);
	if (!f)
		return -EBADF;
	if (!(write ? file_writable(f) : file_readable(f)))
		r = -EBADF;
	else if (offset != FILE_NO_OFFSET && !positioned(f))
		r = -ESPIPE;
	else
		r = uio_init_iovec(&io, UPTR(iovec), count);
	if (!r) {
		r = file_transfer(f, &io, offset, write, flags);
		uio_done(&io);
	}
	file_put(f);
	return r;
}

long sys_readv(unsigned long *a)
{
	return vectors((int)a[0], a[1], a[2], FILE_NO_OFFSET, false, 0);
}

long sys_writev(unsigned long *a)
{
	return vectors((int)a[0], a[1], a[2], FILE_NO_OFFSET, true, 0);
}

/* The fifth argument is the high half of the position on 32-bit machines only. */
long sys_preadv(unsigned long *a)
{
	return (int64_t)a[3] < 0 ? -EINVAL
				 : vectors((int)a[0], a[1], a[2], (int64_t)a[3], false, 0);
}

long sys_pwritev(unsigned long *a)
{
	return (int64_t)a[3] < 0 ? -EINVAL : vectors((int)a[0], a[1], a[2], (int64_t)a[3], true, 0);
}

long sys_preadv2(unsigned long *a)
{
	return vectors((int)a[0], a[1], a[2], (int64_t)a[3], false, (unsigned int)a[5]);
}

long sys_pwritev2(unsigned long *a)
{
	return vectors((int)a[0], a[1], a[2], (int64_t)a[3], true, (unsigned int)a[5]);
}

long sys_lseek(unsigned long *a)
{
	struct file *f = fd_get((int)a[0]);
	unsigned int whence = (unsigned int)a[2];
	long r;

	if (!f)
		return -EBADF;
	if (whence > SEEK_HOLE) {
		r = -EINVAL;
	} else if (!f->ops->seek && !positioned(f)) {
		r = -ESPIPE;
	} else {
		mutex_lock(&f->pos_lock);
		r = f->ops->seek ? f->ops->seek(f, (int64_t)a[1], (int)whence)
				 : generic_seek(f, (int64_t)a[1], (int)whence);
		mutex_unlock(&f->pos_lock);
	}
	file_put(f);
	return r;
}

/* --- to the disk, and advice -------------------------------------------------------------------------------------------- */

static long sync_file(int fd, bool data_only)
{
	struct file *f = fd_get(fd);
	long r;

	if (!f)
		return -EBADF;
	r = f->ops->fsync ? f->ops->fsync(f, data_only) : -EINVAL;
	file_put(f);
	return r;
}

long sys_fsync(unsigned long *a)
{
	return sync_file((int)a[0], false);
}

long sys_fdatasync(unsigned long *a)
{
	return sync_file((int)a[0], true);
}

long sys_sync(unsigned long *a)
{
	(void)a;
	mounts_sync();
	return 0;
}

long sys_syncfs(unsigned long *a)
{
	struct file *f = fd_get((int)a[0]);
	struct filesystem *fs;
	long r = 0;

	if (!f)
		return -EBADF;
	fs = f->inode->fs;
	if (fs->ops && fs->ops->sync)
		r = fs->ops->sync(fs);
	file_put(f);
	return r;
}

long sys_sync_file_range(unsigned long *a)
{
	int64_t offset = (int64_t)a[1], size = (int64_t)a[2], end;
	struct file *f = fd_get((int)a[0]);
	long r = 0;

	if (!f)
		return -EBADF;
	if ((unsigned int)a[3] & ~7u || offset < 0 || size < 0 ||
	    __builtin_add_overflow(offset, size, &end))
		r = -EINVAL;
	else if (!S_ISREG(f->inode->mode) && !S_ISBLK(f->inode->mode) && !S_ISDIR(f->inode->mode) &&
		 !S_ISLNK(f->inode->mode))
		r = -ESPIPE;
	else if ((a[3] & 7) && f->ops->fsync)
		r = f->ops->fsync(f, true);
	file_put(f);
	return r;
}

long sys_readahead(unsigned long *a)
{
	struct file *f = fd_get((int)a[0]);
	long r = 0;

	if (!f)
		return -EBADF;
	if (!file_readable(f))
		r = -EBADF;
	else if (!S_ISREG(f->inode->mode) && !S_ISBLK(f->inode->mode))
		r = -EINVAL;
	file_put(f);
	return r;
}

long sys_fadvise64(unsigned long *a)
{
	struct file *f = fd_get((int)a[0]);
	long r = 0;

	if (!f)
		return -EBADF;
	if (S_ISFIFO(f->inode->mode))
		r = -ESPIPE;
	else if ((int64_t)a[2] < 0 || (unsigned int)a[3] > 5)
		r = -EINVAL;
	file_put(f);
	return r;
}

static long allocate(struct file *f, int mode, int64_t offset, int64_t size)
{
	int64_t end;
	long allowed;
	int e;

	if (offset < 0 || size <= 0)
		return -EINVAL;
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_NO_HIDE_STALE |
		     FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_ZERO_RANGE | FALLOC_FL_INSERT_RANGE |
		     FALLOC_FL_UNSHARE_RANGE))
		return -EOPNOTSUPP;
	if ((mode & FALLOC_FL_PUNCH_HOLE) && !(mode & FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	if (!file_writable(f))
		return -EBADF;
	if (S_ISFIFO(f->inode->mode))
		return -ESPIPE;
	if (S_ISDIR(f->inode->mode))
		return -EISDIR;
	if (!S_ISREG(f->inode->mode))
		return -ENODEV;
	if (__builtin_add_overflow(offset, size, &end))
		return -EFBIG;
	if (!f->ops->fallocate)
		return -EOPNOTSUPP;
	if (!(mode & FALLOC_FL_KEEP_SIZE) && (uint64_t)end > inode_size(f->inode)) {
		allowed = file_size_allowed(f->inode, (uint64_t)end - 1, 1);
		if (allowed < 0)
			return allowed;
	}
	inode_drop_privileges(f->inode);
	e = f->ops->fallocate(f, mode, (uint64_t)offset, (uint64_t)size);
	if (!e && notify_watches_exist())
		file_notify_slow(f, IN_MODIFY);
	return e;
}

long sys_fallocate(unsigned long *a)
{
	struct file *f = fd_get((int)a[0]);
	long r;

	if (!f)
		return -EBADF;
	r = allocate(f, (int)a[1], (int64_t)a[2], (int64_t)a[3]);
	file_put(f);
	return r;
}
