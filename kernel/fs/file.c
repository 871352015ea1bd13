/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files: life, and the way of every read and write to the file's operations.
 *
 * The last file_put runs the file's release on the stack of whoever put it. A release may put other files (a socket
 * with descriptors in flight, and those in turn): when little stack is left the file is put on a list instead, which
 * the outermost file_put of any task empties. So depth is bounded whatever applications send each other.
 */
#include "kernel/fs/file.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/mount.h>

#include "kernel/fs/walk.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

/* Stack in use beyond which a release is put off, and up to which a task empties the list. */
#define STACK_DEEP (KERNEL_STACK_SIZE / 2)
#define STACK_SHALLOW (KERNEL_STACK_SIZE / 4)

#define OPEN_ONLY_FLAGS (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)

uint32_t file_count;
static struct kmem_cache *file_cache;
static struct file *deferred;

void file_init(void)
{
	file_cache = kmem_cache_new("file", sizeof(struct file));
}

bool file_readable(const struct file *f)
{
	return ((f->flags & O_ACCMODE) + 1) & 1 && !(f->flags & O_PATH);
}

bool file_writable(const struct file *f)
{
	return ((f->flags & O_ACCMODE) + 1) & 2 && !(f->flags & O_PATH);
}

struct file *file_new(const struct file_ops *ops, const struct path *path, unsigned int flags)
{
	struct file *f = kmem_cache_zalloc(file_cache);
	struct cred *cred = current()->cred;

	if (!f)
		return NULL;
	ref_init(&f->refs);
	f->ops = ops;
	f->path = *path;
	path_get(&f->path);
	f->inode = path->dentry->inode;
	f->flags = flags & ~(unsigned int)OPEN_ONLY_FLAGS;
	f->cred = cred ? cred_get(cred) : NULL;
	list_init(&f->epoll_links);
	if (file_writable(f) && S_ISREG(f->inode->mode)) {
		f->counted_writer = true;
		__atomic_add_fetch(&f->inode->writers, 1, __ATOMIC_SEQ_CST);
	}
	__atomic_add_fetch(&file_count, 1, __ATOMIC_RELAXED);
	return f;
}

struct file *file_new_anonymous(const struct file_ops *ops, uint32_t mode, const char *name,
				unsigned int flags, void *private_data)
{
	struct inode *i = inode_new(anonymous_fs, mode);
	struct path path = { NULL, NULL };
	struct file *f = NULL;

	if (!i)
		return NULL;
	path.dentry = dentry_anonymous(i, name);
	inode_put(i);
	if (!path.dentry)
		return NULL;
	f = file_new(ops, &path, flags);
	path_put(&path);
	if (!f)
		return NULL;
	f->private_data = private_data;
	f->stream = !S_ISREG(mode);
	return f;
}

static void file_release(struct file *f)
{
	struct inode *i = f->inode;

	if (!list_empty(&f->epoll_links))
		epoll_file_released(f);
	if (!list_empty(&i->locks))
		lock_release_file(f);
	if (f->ops && f->ops->release)
		f->ops->release(f);
	if (unlikely(notify_watches_exist()) && f->ops && !(f->flags & O_PATH))
		file_notify_slow(f, file_writable(f) ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
	if (f->counted_writer)
		__atomic_sub_fetch(&i->writers, 1, __ATOMIC_SEQ_CST);
	path_put(&f->path);
	if (f->cred)
		cred_put(f->cred);
	kmem_cache_free(file_cache, f);
	__atomic_sub_fetch(&file_count, 1, __ATOMIC_RELAXED);
}

static size_t stack_used(void)
{
	uintptr_t top = current()->kstack, here = (uintptr_t)__builtin_frame_address(0);

	return top > here && top - here <= KERNEL_STACK_SIZE ? top - here : 0;
}

static void release_deferred(void)
{
	struct file *f = __atomic_exchange_n(&deferred, NULL, __ATOMIC_ACQUIRE);

	while (f) {
		struct file *next = f->next_deferred;

		file_release(f);
		f = next;
	}
}

void file_put(struct file *f)
{
	size_t used;

	if (!f || !ref_put(&f->refs))
		return;
	used = stack_used();
	if (unlikely(used > STACK_DEEP)) {
		f->next_deferred = __atomic_load_n(&deferred, __ATOMIC_RELAXED);
		while (!__atomic_compare_exchange_n(&deferred, &f->next_deferred, f, true,
						    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			;
		return;
	}
	file_release(f);
	while (unlikely(__atomic_load_n(&deferred, __ATOMIC_RELAXED)) && used < STACK_SHALLOW)
		release_deferred();
}

int file_close(struct file *f, struct fd_table *t)
{
	int e = 0;

	if (f->ops && f->ops->flush)
		e = f->ops->flush(f);
	if (unlikely(!list_empty(&f->inode->locks)))
		lock_release_posix(f, t);
	file_put(f);
	return e;
}

/* --- events and times ------------------------------------------------------------------------------------------------ */

void file_notify_slow(struct file *f, uint32_t mask)
{
	notify_path(&f->path, mask);
}

static inline void file_notify(struct file *f, uint32_t mask)
{
	if (unlikely(notify_watches_exist()))
		file_notify_slow(f, mask);
}

static bool timestamp_after(struct timestamp a, struct timestamp b)
{
	return a.seconds != b.seconds ? a.seconds > b.seconds : a.nanoseconds > b.nanoseconds;
}

void file_accessed(struct file *f)
{
	struct inode *i = f->inode;
	const struct mount *m = f->path.mount;

	if (likely(!f->atime_old && timestamp_after(i->accessed, i->modified) &&
		   timestamp_after(i->accessed, i->changed) && (!m || (m->flags & MS_RELATIME))))
		return;
	if ((f->flags & O_NOATIME) || path_read_only(&f->path))
		return;
	if (m && ((m->flags & MS_NOATIME) || ((m->flags & MS_NODIRATIME) && S_ISDIR(i->mode))))
		return;
	f->atime_old = false;
	inode_touch(i, ATTR_ATIME);
}

/* --- reading and writing ----------------------------------------------------------------------------------------------- */

long file_read(struct file *f, struct uio *io, uint64_t *pos)
{
	long r;

	if (unlikely(!file_readable(f)))
		return -EBADF;
	if (unlikely(!f->ops->read))
		return S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
	r = f->ops->read(f, io, pos);
	if (r > 0)
		file_notify(f, IN_ACCESS);
	return r;
}

long file_write(struct file *f, struct uio *io, uint64_t *pos)
{
	long r;

	if (unlikely(!file_writable(f)))
		return -EBADF;
	if (unlikely(!f->ops->write))
		return -EINVAL;
	r = f->ops->write(f, io, pos);
	if (r > 0) {
		file_notify(f, IN_MODIFY);
		if (unlikely(f->flags & O_DSYNC) && f->ops->fsync) {
			int e = f->ops->fsync(f, !(f->flags & (O_SYNC & ~O_DSYNC)));

			if (e)
				return e;
		}
	}
	return r;
}

long file_read_kernel(struct file *f, void *to, size_t size, uint64_t pos)
{
	struct uio io;
	size_t done = 0;

	if (!f->ops->read)
		return S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
	while (done < size) {
		uint64_t at = pos + done;
		long r;

		uio_init_kernel(&io, (char *)to + done, size - done);
		r = f->ops->read(f, &io, &at);
		if (r < 0)
			return done ? (long)done : r;
		if (!r)
			break;
		done += (size_t)r;
	}
	return (long)done;
}

/*
 * A file whose own flags say wait is asked through a copy that says no. Operations look at private_data and flags only, and
 * register nothing about a file they do not wait for.
 */
static void nonblocking_copy(struct file *copy, const struct file *f)
{
	*copy = *f;
	copy->flags |= O_NONBLOCK;
	list_init(&copy->epoll_links);
}

long file_read_nonblock(struct file *f, struct uio *io, uint64_t *pos)
{
	struct file copy;
	long r;

	if (!f->stream || (f->flags & O_NONBLOCK))
		return file_read(f, io, pos);
	if (!file_readable(f))
		return -EBADF;
	if (!f->ops->read)
		return -EINVAL;
	nonblocking_copy(&copy, f);
	r = f->ops->read(&copy, io, pos);
	if (r > 0)
		file_notify(f, IN_ACCESS);
	return r;
}

long file_write_nonblock(struct file *f, struct uio *io, uint64_t *pos)
{
	struct file copy;
	long r;

	if (!f->stream || (f->flags & O_NONBLOCK))
		return file_write(f, io, pos);
	if (!file_writable(f))
		return -EBADF;
	if (!f->ops->write)
		return -EINVAL;
	nonblocking_copy(&copy, f);
	r = f->ops->write(&copy, io, pos);
	if (r > 0)
		file_notify(f, IN_MODIFY);
	return r;
}
