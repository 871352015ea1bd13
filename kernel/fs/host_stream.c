/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files over host handles that the launcher handed in: stdin, stdout and stderr of the first process and of
 * `cloister exec`. The host's open file is shared with the launcher's shell, so its flags are never changed and its
 * offset is the position of sequential reads and writes: two descriptors of one redirection append to one another,
 * and the shell goes on where the application stopped.
 *
 * A stream is counted: each struct file that uses the handle holds one reference (opening /dev/stdout makes another
 * file of the same stream). It is found from its inode by a list under streams_lock, never by a pointer that may dangle.
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/host.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/signal/signal.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

#define AT_EMPTY_PATH 0x1000
#define PIPE_ATOMIC 4096 /* what fits when a host pipe says it is writable */
#define IOCTL_ARGUMENT_MAX 64
#define WINDOW_SIZE 8 /* struct winsize */

struct host_stream {
	struct refcount refs;
	struct list link;
	struct inode *inode; /* not counted; of the file made by host_stream_new */
	int handle;
	bool terminal, regular;
};

static struct mutex streams_lock;
static struct list streams = LIST_INIT(streams);

/* A blocking hostcall was broken: is there something to do before it may be tried again? */
static bool should_leave(void)
{
	struct task *t = current();

	return signal_pending(t) ||
	       (__atomic_load_n(&t->work, __ATOMIC_RELAXED) & ~(uint32_t)WORK_WAKE);
}

/* Waits until the handle is ready: 0, -EAGAIN (only if deadline is 0), -ERESTARTSYS. */
static int wait_ready(int handle, short events, uint64_t deadline)
{
	struct pollfd p;
	int r;

	for (;;) {
		p.fd = handle;
		p.events = events;
		p.revents = 0;
		task_sleep_prepare();
		if (should_leave())
			return -ERESTARTSYS;
		r = host_poll(&p, 1, deadline);
		if (r > 0)
			return 0;
		if (r == -EINTR || (!r && deadline))
			continue;
		return r ? r : -EAGAIN;
	}
}

/* One read or write that may block: cancelled and repeated until it did something. */
static long transfer(struct host_stream *s, void *buffer, size_t size, bool write)
{
	long r;
	int e;

	for (;;) {
		task_sleep_prepare();
		if (should_leave())
			return -ERESTARTSYS;
		r = write ? host_write(s->handle, buffer, size)
			  : host_read(s->handle, buffer, size);
		if (r == -EINTR)
			continue;
		if (r != -EAGAIN)
			return r;
		/* The other side of the host made the shared open file non-blocking: ours is not. */
		e = wait_ready(s->handle, write ? POLLOUT : POLLIN, NEVER);
		if (e)
			return e;
	}
}

static long stream_read(struct file *f, struct uio *io, uint64_t *pos)
{
	struct host_stream *s = f->private_data;
	void *buffer = task_iobuf();
	size_t size = MIN(io->left, TASK_IOBUF_SIZE);
	long r;

	(void)pos;
	if (!buffer)
		return -ENOMEM;
	if (!size)
		return 0;
	if (f->flags & O_NONBLOCK) {
		r = wait_ready(s->handle, POLLIN, 0);
		if (r)
			return r;
	}
	r = transfer(s, buffer, size, false);
	if (r > 0 && uio_put(io, buffer, (size_t)r) != (size_t)r)
		return -EFAULT;
	return r;
}

static long stream_write(struct file *f, struct uio *io, uint64_t *pos)
{
	struct host_stream *s = f->private_data;
	void *buffer = task_iobuf();
	bool wait = !(f->flags & O_NONBLOCK);
	size_t done = 0, at, size;
	long r = 0;

	(void)pos;
	if (!buffer)
		return -ENOMEM;
	while (io->left) {
		size = uio_get(io, buffer,
			       MIN(io->left, wait ? TASK_IOBUF_SIZE : (size_t)PIPE_ATOMIC));
		if (!size) {
			r = -EFAULT;
			break;
		}
		for (at = 0; at < size; at += (size_t)r) {
			r = wait ? 0 : wait_ready(s->handle, POLLOUT, 0);
			if (!r)
				r = transfer(s, (char *)buffer + at, size - at, true);
			if (r <= 0)
				break;
			done += (size_t)r;
		}
		if (r <= 0)
			break;
	}
	if (r == -EPIPE)
		signal_current(SIGPIPE);
	return done ? (long)done : r;
}

static int stream_host_handle(struct file *f)
{
	struct host_stream *s = f->private_data;

	return s->handle;
}

static void stream_put(struct host_stream *s)
{
	bool last;

	/* The lock keeps stream_reopen from finding one that is on its way out. */
	mutex_lock(&streams_lock);
	last = ref_put(&s->refs);
	if (last)
		list_remove(&s->link);
	mutex_unlock(&streams_lock);
	if (!last)
		return;
	host_close(s->handle);
	kfree(s);
}

static void stream_release(struct file *f)
{
	stream_put(f->private_data);
}

/* Size of the structure behind `argument`, and which ways it goes; 0: the argument is a number. */
static bool ioctl_known(unsigned int request, size_t *ret_size, bool *ret_in, bool *ret_out)
{
	*ret_size = 0;
	*ret_in = *ret_out = false;
	switch (request) {
	case TCGETS:
		*ret_out = true;
		*ret_size = sizeof(struct termios);
		return true;
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		*ret_in = true;
		*ret_size = sizeof(struct termios);
		return true;
	case TCGETS2:
		*ret_out = true;
		*ret_size = sizeof(struct termios2);
		return true;
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
		*ret_in = true;
		*ret_size = sizeof(struct termios2);
		return true;
	case TIOCGWINSZ:
		*ret_out = true;
		*ret_size = WINDOW_SIZE;
		return true;
	case TIOCSWINSZ:
		*ret_in = true;
		*ret_size = WINDOW_SIZE;
		return true;
	case FIONREAD:
	case TIOCOUTQ:
		*ret_out = true;
		*ret_size = sizeof(int);
		return true;
	case TCSBRK:
	case TCSBRKP:
	case TCXONC:
	case TCFLSH:
		return true;
	default:
		return false;
	}
}

static long stream_ioctl(struct file *f, unsigned int request, unsigned long argument)
{
	struct host_stream *s = f->private_data;
	unsigned char buffer[IOCTL_ARGUMENT_MAX];
	bool in, out;
	size_t size;
	long r;

	_Static_assert(sizeof(struct termios2) <= IOCTL_ARGUMENT_MAX, "buffer");
	if (!ioctl_known(request, &size, &in, &out) || (!s->terminal && request != FIONREAD))
		return -ENOTTY;
	memset(buffer, 0, sizeof(buffer));
	if (in && copy_in(buffer, UPTR(argument), size))
		return -EFAULT;
	r = host_ioctl(s->handle, request, size ? (void *)buffer : (void *)argument);
	if (r >= 0 && out && copy_out(UPTR(argument), buffer, size))
		return -EFAULT;
	return r > 0 ? 0 : r;
}

static int stream_fsync(struct file *f, bool data_only)
{
	struct host_stream *s = f->private_data;

	return host_fsync(s->handle, data_only);
}

/* --- redirected regular files ------------------------------------------------------------------------------------------- */

static void refresh_size(struct file *f)
{
	struct host_stream *s = f->private_data;
	struct statx st;

	if (host_statx(s->handle, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st))
		return;
	__atomic_store_n(&f->inode->mapping.size, st.stx_size, __ATOMIC_RELAXED);
	f->inode->blocks = st.stx_blocks;
}

/* read(2) and write(2) pass the file's own position: that is the host's. pread and pwrite bring one along. */
static long regular_read(struct file *f, struct uio *io, uint64_t *pos)
{
	struct host_stream *s = f->private_data;
	void *buffer = task_iobuf();
	size_t size = MIN(io->left, TASK_IOBUF_SIZE), done = 0;
	long r = 0;

	if (!buffer)
		return -ENOMEM;
	while (io->left) {
		size = MIN(io->left, TASK_IOBUF_SIZE);
		if (pos == &f->pos)
			r = host_file_read(s->handle, buffer, size);
		else
			r = host_pread(s->handle, buffer, size, *pos);
		if (r <= 0)
			break;
		if (uio_put(io, buffer, (size_t)r) != (size_t)r) {
			r = -EFAULT;
			break;
		}
		done += (size_t)r;
		*pos += (size_t)r;
		if ((size_t)r < size)
			break;
	}
	return done ? (long)done : r;
}

static long regular_write(struct file *f, struct uio *io, uint64_t *pos)
{
	struct host_stream *s = f->private_data;
	void *buffer = task_iobuf();
	size_t size, at, done = 0;
	int64_t now;
	long r = 0;

	if (!buffer)
		return -ENOMEM;
	while (io->left && r >= 0) {
		size = uio_get(io, buffer, MIN(io->left, TASK_IOBUF_SIZE));
		if (!size) {
			r = -EFAULT;
			break;
		}
		for (at = 0; at < size; at += (size_t)r) {
			r = pos == &f->pos
				    ? host_file_write(s->handle, (char *)buffer + at, size - at)
				    : host_pwrite(s->handle, (char *)buffer + at, size - at, *pos);
			if (r <= 0)
				break;
			done += (size_t)r;
			*pos += (size_t)r;
		}
		if (r == 0)
			break;
	}
	if (done && pos == &f->pos) {
		/* Where an append or a neighbour's write left the shared offset. */
		now = host_seek(s->handle, 0, 1);
		if (now >= 0)
			*pos = (uint64_t)now;
	}
	if (done)
		refresh_size(f);
	return done ? (long)done : r;
}

static int64_t regular_seek(struct file *f, int64_t offset, int whence)
{
	struct host_stream *s = f->private_data;
	int64_t r = host_seek(s->handle, offset, whence);

	if (r >= 0)
		f->pos = (uint64_t)r;
	return r;
}

static int regular_mmap(struct file *f, struct vma *v)
{
	struct host_stream *s = f->private_data;

	if (!(plat_info()->capabilities & PLAT_MAP_HOST))
		return -ENODEV;
	vma_set_host(v, s->handle);
	return 0;
}

static const struct file_ops stream_ops = {
	.read = stream_read,
	.write = stream_write,
	.host_handle = stream_host_handle,
	.ioctl = stream_ioctl,
	.release = stream_release,
};

static const struct file_ops regular_ops = {
	.read = regular_read,
	.write = regular_write,
	.seek = regular_seek,
	.mmap = regular_mmap,
	.fsync = stream_fsync,
	.release = stream_release,
};

/* --- making -------------------------------------------------------------------------------------------------------------- */

/* /dev/stdout, /proc/self/fd/1: another file on the same handle. */
static int stream_reopen(struct inode *inode, struct file *f)
{
	struct host_stream *s, *found = NULL;

	mutex_lock(&streams_lock);
	list_for_each(s, &streams, link) {
		if (s->inode == inode) {
			ref_get(&s->refs);
			found = s;
			break;
		}
	}
	mutex_unlock(&streams_lock);
	if (!found)
		return -ENXIO;
	f->private_data = found;
	f->ops = found->regular ? &regular_ops : &stream_ops;
	f->stream = !found->regular;
	return 0;
}

static int stream_getattr(struct inode *inode, struct statx *ret)
{
	struct host_stream *s;
	struct statx st;
	int handle = -1;

	inode_stat(inode, ret);
	if (!S_ISREG(inode->mode))
		return 0;
	mutex_lock(&streams_lock);
	list_for_each(s, &streams, link)
		if (s->inode == inode)
			handle = s->handle;
	/* Under the lock, so that the handle is not closed meanwhile. */
	if (handle >= 0 && !host_statx(handle, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st)) {
		ret->stx_size = st.stx_size;
		ret->stx_blocks = st.stx_blocks;
		ret->stx_mtime = st.stx_mtime;
		ret->stx_atime = st.stx_atime;
		ret->stx_ctime = st.stx_ctime;
	}
	mutex_unlock(&streams_lock);
	return 0;
}

static int stream_setattr(struct inode *inode, const struct attributes *a)
{
	struct host_stream *s;
	int r = 0, handle = -1;

	if (!(a->valid & ATTR_SIZE))
		return a->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
	mutex_lock(&streams_lock);
	list_for_each(s, &streams, link)
		if (s->inode == inode && s->regular)
			handle = s->handle;
	if (handle >= 0)
		r = host_truncate(handle, a->size);
	mutex_unlock(&streams_lock);
	/* `>/dev/stdout` truncates: harmless on what has no size. */
	if (handle >= 0 && !r)
		__atomic_store_n(&inode->mapping.size, a->size, __ATOMIC_RELAXED);
	return r;
}

static const struct inode_ops stream_inode_ops = {
	.open = stream_reopen,
	.getattr = stream_getattr,
	.setattr = stream_setattr,
};

static struct timestamp from_host_time(const struct statx_timestamp *t)
{
	return (struct timestamp){ t->tv_sec, t->tv_nsec };
}

struct file *host_stream_new(int handle, unsigned int flags)
{
	struct host_stream *s;
	struct termios termios;
	struct statx st;
	struct file *f;
	uint32_t mode;
	int64_t pos;

	if (host_statx(handle, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st))
		return NULL;
	mode = st.stx_mode;
	/* A block device or a folder as stdin: shown as what it can do here, a stream of bytes. */
	if (!(mode & S_IFMT) || S_ISDIR(mode) || S_ISBLK(mode) || S_ISLNK(mode))
		mode = S_IFCHR | (mode & 0777);
	s = kzalloc(sizeof(*s));
	if (!s)
		return NULL;
	ref_init(&s->refs);
	list_init(&s->link);
	s->handle = handle;
	s->regular = S_ISREG(mode);
	s->terminal = S_ISCHR(mode) && host_ioctl(handle, TCGETS, &termios) == 0;
	/* Shells open terminals for both ways, and programs count on it: passwords are asked for on stdin. */
	if (s->terminal)
		flags = (flags & ~(unsigned int)O_ACCMODE) | O_RDWR;
	f = file_new_anonymous(s->regular ? &regular_ops : &stream_ops, mode,
			       s->terminal  ? "host:terminal"
			       : s->regular ? "host:file"
					    : "host:stream",
			       flags & ~(unsigned int)O_APPEND, s);
	if (!f) {
		kfree(s);
		return NULL;
	}
	f->stream = !s->regular;
	f->inode->ops = &stream_inode_ops;
	f->inode->uid = st.stx_uid;
	f->inode->gid = st.stx_gid;
	f->inode->rdev = S_ISCHR(mode) ? (uint64_t)(st.stx_rdev_major & 0xfff) << 8 |
						 (st.stx_rdev_minor & 0xff)
				       : 0;
	f->inode->accessed = from_host_time(&st.stx_atime);
	f->inode->modified = from_host_time(&st.stx_mtime);
	f->inode->changed = from_host_time(&st.stx_ctime);
	f->inode->blocks = st.stx_blocks;
	if (s->regular) {
		f->inode->mapping.size = st.stx_size;
		pos = host_seek(handle, 0, 1);
		f->pos = pos > 0 ? (uint64_t)pos : 0;
	}
	s->inode = f->inode;
	mutex_lock(&streams_lock);
	list_add(&streams, &s->link);
	mutex_unlock(&streams_lock);
	return f;
}
