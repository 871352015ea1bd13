/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that move data between files: sendfile, splice, tee, vmsplice, copy_file_range.
 *
 * All go through a kernel buffer and the files' own read and write. A source with positions moves on only by what was
 * written. What was taken from a stream must be written: the destination is asked for room first, and what still does
 * not fit (others wrote meanwhile) waits for it, through signals, until the task is killed.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "kernel/fs/file.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/task.h"
#include "kernel/time/time.h"

#define RW_MAX 0x7ffff000UL
#define CHUNK (64UL << 10)
#define PIPE_CHUNK 4096UL /* a pipe that says it is writable has room for so much */
#define SOCKET_CHUNK (16UL << 10)
#define SPLICE_NONBLOCK 2u
#define SPLICE_FLAGS 15u
#define RETRY_NS 1000000u

/* Where one end of a transfer is: the caller's offset, or the file's own position. */
struct end {
	struct file *file;
	struct uptr user_offset; /* v 0: the file's position */
	uint64_t pos;
	bool nonblock;
};

static bool is_stream(const struct file *f)
{
	return f->stream || f->ops->is_pipe || f->ops->is_socket;
}

static int end_start(struct end *e)
{
	int64_t offset;

	if (!e->user_offset.v) {
		e->pos = __atomic_load_n(&e->file->pos, __ATOMIC_RELAXED);
		return 0;
	}
	if (is_stream(e->file))
		return -ESPIPE;
	if (copy_in(&offset, e->user_offset, sizeof(offset)))
		return -EFAULT;
	if (offset < 0)
		return -EINVAL;
	e->pos = (uint64_t)offset;
	return 0;
}

static int end_finish(struct end *e)
{
	if (e->user_offset.v)
		return put_user((int64_t)e->pos, e->user_offset);
	if (!is_stream(e->file)) {
		mutex_lock(&e->file->pos_lock);
		e->file->pos = e->pos;
		mutex_unlock(&e->file->pos_lock);
	}
	return 0;
}

/* Until one of `events` or an end of the stream: 0, -EAGAIN, -ERESTARTSYS. */
static int wait_ready(const struct end *e, unsigned int events)
{
	struct poll_item item = { .file = e->file, .events = events | POLLBIT_ERR | POLLBIT_HUP };
	int r;

	if (file_poll(e->file, NULL) & item.events)
		return 0;
	if (e->nonblock || (e->file->flags & O_NONBLOCK))
		return -EAGAIN;
	r = poll_files(&item, 1, NEVER);
	return r < 0 ? (r == -EINTR ? -ERESTARTSYS : r) : 0;
}

static long read_some(struct end *e, void *buffer, size_t size)
{
	struct uio io;
	long r;

	for (;;) {
		uio_init_kernel(&io, buffer, size);
		if (!is_stream(e->file))
			return file_read(e->file, &io, &e->pos);
		r = file_read_nonblock(e->file, &io, &e->pos);
		if (r != -EAGAIN)
			return r;
		r = wait_ready(e, POLLBIT_IN | POLLBIT_RDHUP);
		if (r)
			return r;
	}
}

/* Writes what fits; 0 bytes never come back: -EAGAIN instead. */
static long write_some(struct end *e, const void *buffer, size_t size)
{
	struct uio io;
	long r;

	uio_init_kernel(&io, buffer, size);
	if (is_stream(e->file))
		r = file_write_nonblock(e->file, &io, &e->pos);
	else
		r = file_write(e->file, &io, &e->pos);
	return r ? r : -EAGAIN;
}

/* Data that exists nowhere else any more. Bytes written; fewer only with an error or when killed. */
static long write_all(struct end *e, const char *buffer, size_t size)
{
	struct end patient = *e;
	size_t done = 0;
	long r = 0;

	patient.nonblock = false;
	while (done < size) {
		r = write_some(&patient, buffer + done, size - done);
		if (r > 0) {
			done += (size_t)r;
			continue;
		}
		if (r != -EAGAIN || signal_fatal_pending(current()))
			break;
		task_sleep_prepare();
		if (!(file_poll(e->file, NULL) & (POLLBIT_OUT | POLLBIT_ERR | POLLBIT_HUP)))
			(void)!task_sleep_killable(deadline_after(RETRY_NS));
	}
	e->pos = patient.pos;
	return done ? (long)done : r;
}

/* From a stream: once data has come, nobody waits for more. */
static long move_stream(struct end *in, struct end *out, char *buffer, size_t size)
{
	size_t chunk = out->file->ops->is_pipe ? PIPE_CHUNK
		       : is_stream(out->file)  ? SOCKET_CHUNK
					       : CHUNK,
	       done = 0;
	struct end first = *in;
	long r = 0, w;

	while (done < size) {
		if (is_stream(out->file)) {
			struct end room = *out;

			room.nonblock |= done != 0;
			r = wait_ready(&room, POLLBIT_OUT);
			if (r)
				break;
		}
		first.nonblock |= done != 0;
		r = read_some(&first, buffer, MIN(size - done, chunk));
		if (r <= 0)
			break;
		w = write_all(out, buffer, (size_t)r);
		if (w <= 0) {
			r = w;
			break;
		}
		done += (size_t)w;
		if (w < r)
			break;
	}
	in->pos = first.pos;
	return done ? (long)done : r;
}

/* From a file with positions: what was not written stays there. */
static long move_file(struct end *in, struct end *out, char *buffer, size_t size, bool patient)
{
	size_t done = 0;
	long r = 0, w;

	while (done < size) {
		uint64_t at = in->pos;

		if (is_stream(out->file)) {
			struct end room = *out;

			room.nonblock |= done != 0 && !patient;
			r = wait_ready(&room, POLLBIT_OUT);
			if (r)
				break;
		}
		r = read_some(in, buffer, MIN(size - done, CHUNK));
		if (r <= 0)
			break;
		w = write_some(out, buffer, (size_t)r);
		in->pos = at + (w > 0 ? (uint64_t)w : 0);
		if (w == -EAGAIN && is_stream(out->file) && !out->nonblock &&
		    !(out->file->flags & O_NONBLOCK)) {
			/* A socket that was said to be writable has too little room for the message: a little later. */
			if (signal_pending(current())) {
				r = -ERESTARTSYS;
				break;
			}
			task_sleep_prepare();
			(void)!task_sleep(deadline_after(RETRY_NS));
			continue;
		}
		if (w <= 0) {
			r = w;
			break;
		}
		done += (size_t)w;
		if (w < r && !patient)
			break;
	}
	return done ? (long)done : r;
}

/* patient: blocking destinations take all (sendfile); else what fits now is enough (splice). */
static long transfer(struct end *in, struct end *out, size_t size, bool patient)
{
	char *buffer;
	long r = end_start(in);
	int e;

	if (!r)
		r = end_start(out);
	if (r || !size)
		return r;
	size = MIN(size, RW_MAX);
	buffer = kmalloc(MIN(size, CHUNK));
	if (!buffer)
		return -ENOMEM;
	r = is_stream(in->file) ? move_stream(in, out, buffer, size)
				: move_file(in, out, buffer, size, patient);
	kfree(buffer);
	if (r > 0) {
		e = end_finish(in);
		if (!e)
			e = end_finish(out);
		if (e)
			r = e;
	}
	return r;
}

static int get_ends(int in, int out, struct file **ret_in, struct file **ret_out)
{
	*ret_in = fd_get(in);
	*ret_out = fd_get(out);
	if (*ret_in && *ret_out && file_readable(*ret_in) && file_writable(*ret_out))
		return 0;
	file_put(*ret_in);
	file_put(*ret_out);
	return -EBADF;
}

long sys_sendfile(unsigned long *a)
{
	struct end in = { .user_offset = UPTR(a[2]) }, out = { .file = NULL };
	long r = get_ends((int)a[1], (int)a[0], &in.file, &out.file);

	if (r)
		return r;
	if (is_stream(in.file) && a[2])
		r = -ESPIPE;
	else if (!in.file->ops->read || !out.file->ops->write || in.file->ops->is_socket ||
		 in.file->ops->is_pipe)
		r = -EINVAL;
	else if ((out.file->flags & O_APPEND) || (long)a[3] < 0)
		r = -EINVAL;
	else
		r = transfer(&in, &out, a[3], true);
	file_put(in.file);
	file_put(out.file);
	return r;
}

long sys_splice(unsigned long *a)
{
	unsigned int flags = (unsigned int)a[5];
	struct end in = { .user_offset = UPTR(a[1]), .nonblock = flags & SPLICE_NONBLOCK };
	struct end out = { .user_offset = UPTR(a[3]), .nonblock = flags & SPLICE_NONBLOCK };
	bool pipe_in, pipe_out;
	long r;

	if (!a[4])
		return 0;
	if (flags & ~SPLICE_FLAGS)
		return -EINVAL;
	r = get_ends((int)a[0], (int)a[2], &in.file, &out.file);
	if (r)
		return r;
	pipe_in = in.file->ops->is_pipe;
	pipe_out = out.file->ops->is_pipe;
	if ((pipe_in && a[1]) || (pipe_out && a[3]))
		r = -ESPIPE;
	else if (!pipe_in && !pipe_out)
		r = -EINVAL;
	else if (pipe_in && pipe_out && in.file->inode == out.file->inode)
		r = -EINVAL;
	else if (!in.file->ops->read || !out.file->ops->write || (out.file->flags & O_APPEND))
		r = -EINVAL;
	else
		r = transfer(&in, &out, a[4], false);
	file_put(in.file);
	file_put(out.file);
	return r;
}

long sys_tee(unsigned long *a)
{
	unsigned int flags = (unsigned int)a[3];
	struct file *in, *out;
	long r;

	if (flags & ~SPLICE_FLAGS)
		return -EINVAL;
	if (!a[2])
		return 0;
	r = get_ends((int)a[0], (int)a[1], &in, &out);
	if (r)
		return r;
	if (!in->ops->is_pipe || !out->ops->is_pipe || in->inode == out->inode)
		r = -EINVAL;
	else
		r = pipe_tee(in, out, MIN(a[2], RW_MAX), flags);
	file_put(in);
	file_put(out);
	return r;
}

long sys_vmsplice(unsigned long *a)
{
	unsigned int flags = (unsigned int)a[3];
	struct file *f;
	struct uio io;
	uint64_t pos = 0;
	long r;

	if (flags & ~SPLICE_FLAGS)
		return -EINVAL;
	f = fd_get((int)a[0]);
	if (!f)
		return -EBADF;
	r = f->ops->is_pipe ? uio_init_iovec(&io, UPTR(a[1]), a[2]) : -EBADF;
	if (r) {
		file_put(f);
		return r;
	}
	if (!io.left)
		r = 0;
	else if (file_writable(f))
		r = flags & SPLICE_NONBLOCK ? file_write_nonblock(f, &io, &pos)
					    : file_write(f, &io, &pos);
	else
		r = flags & SPLICE_NONBLOCK ? file_read_nonblock(f, &io, &pos)
					    : file_read(f, &io, &pos);
	uio_done(&io);
	file_put(f);
	return r;
}

static int check_copy(const struct end *in, const struct end *out, unsigned long *size)
{
	uint64_t end_in, end_out, file_size;

	if (S_ISDIR(in->file->inode->mode) || S_ISDIR(out->file->inode->mode))
		return -EISDIR;
	if (!S_ISREG(in->file->inode->mode) || !S_ISREG(out->file->inode->mode))
		return -EINVAL;
	if (out->file->flags & O_APPEND)
		return -EBADF;
	if (__builtin_add_overflow(in->pos, *size, &end_in) ||
	    __builtin_add_overflow(out->pos, *size, &end_out) || end_in > INT64_MAX ||
	    end_out > INT64_MAX)
		return -EOVERFLOW;
	file_size = inode_size(in->file->inode);
	if (in->pos >= file_size)
		*size = 0;
	else
		*size = MIN(*size, file_size - in->pos);
	if (in->file->inode == out->file->inode && out->pos < in->pos + *size &&
	    in->pos < out->pos + *size)
		return -EINVAL;
	return 0;
}

long sys_copy_file_range(unsigned long *a)
{
	struct end in = { .user_offset = UPTR(a[1]) }, out = { .user_offset = UPTR(a[3]) };
	unsigned long size = MIN(a[4], RW_MAX);
	long r;

	r = get_ends((int)a[0], (int)a[2], &in.file, &out.file);
	if (r)
		return r;
	if ((unsigned int)a[5])
		r = -EINVAL;
	if (!r)
		r = end_start(&in);
	if (!r)
		r = end_start(&out);
	if (!r)
		r = check_copy(&in, &out, &size);
	if (!r)
		r = transfer(&in, &out, size, true);
	file_put(in.file);
	file_put(out.file);
	return r;
}
