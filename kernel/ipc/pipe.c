/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes and named FIFOs: one ring of bytes, made at the first write and as small as what is in it allows (a page), grown
 * to `capacity` when a write does not fit. p->lock guards the ring, the counts of readers and writers, and is held over
 * the copy from or to the application; wake-ups are sent after it was dropped, and only if somebody waits. Who waits
 * has queued itself first and then looked at the ring under the lock, so looking at the queue under the lock is enough.
 *
 * A write of at most PIPE_BUF goes in whole or not at all. Writers sleep until PIPE_BUF bytes are free, so that each
 * byte read does not wake one. One wake-up goes to one sleeper (waiter.h): who takes it and leaves something passes it on.
 *
 * O_DIRECT writes are packets: `records` then tells where one ends. Without any packet there are no records.
 *
 * A pipe lives as long as a file is open on its inode (inode->fifo): opening /proc/self/fd/N again gets the same one.
 * Lock order: fifo_lock (inode->fifo and p->files) -> p->lock -> queues. Two pipes (tee): lower address first.
 */
#include "kernel/ipc/ipc.h"

#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include <asm/ioctls.h>

#include "kernel/ipc/poll.h"
#include "kernel/ipc/waiter.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

#define PIPE_BUFFER 4096U /* PIPE_BUF */
#define PIPE_CAPACITY (64U << 10)
#define PIPE_CAPACITY_MAX (1U << 20) /* for those without CAP_SYS_RESOURCE */
#define PIPE_CAPACITY_LIMIT (1U << 31)
#define NONBLOCK_SPLICE 2U /* SPLICE_F_NONBLOCK */

/* A packet, or a stretch of stream between packets. */
struct pipe_record {
	uint32_t size;
	bool packet;
};

struct pipe_records {
	unsigned int first, count, max;
	struct pipe_record r[];
};

struct pipe {
	struct mutex lock;
	unsigned int files;
	unsigned int readers, writers;
	unsigned int reader_opens, writer_opens;
	bool anonymous; /* of pipe(2): opening it again waits for nobody */
	char *buffer;	/* NULL until the first write */
	uint32_t size;	/* of buffer, a power of two; <= capacity */
	uint32_t head, used, capacity;
	struct pipe_records *records;
	struct wait_queue read_wait, write_wait, open_wait;
};

static struct mutex fifo_lock;
static uint64_t pipe_numbers = 1U << 24;
static const struct file_ops pipe_ops;

#include "kernel/ipc/pipe_ring.h"

static struct pipe *pipe_alloc(void)
{
	struct pipe *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->capacity = PIPE_CAPACITY;
	wait_queue_init(&p->read_wait);
	wait_queue_init(&p->write_wait);
	wait_queue_init(&p->open_wait);
	return p;
}

static bool pipe_reads(const struct file *f)
{
	return (f->flags & O_ACCMODE) != O_WRONLY;
}

static bool pipe_writes(const struct file *f)
{
	return (f->flags & O_ACCMODE) != O_RDONLY;
}

/* --- reading and writing --------------------------------------------------------------------------------------- */

static long pipe_read(struct file *f, struct uio *io, uint64_t *pos)
{
	struct pipe *p = f->private_data;
	bool queued = false, wake_writers = false, wake_readers = false;
	struct waiter w;
	long ret;

	(void)pos;
	if (!io->left)
		return 0;
	for (;;) {
		if (queued)
			waiter_prepare(&w);
		mutex_lock(&p->lock);
		if (p->used) {
			bool was_full = !ring_writable(p);

			ret = ring_read(p, io);
			wake_writers = was_full && ring_writable(p) &&
				       !wait_queue_empty(&p->write_wait);
			break;
		}
		ret = p->writers ? -EAGAIN : 0;
		if (!ret || f->flags & O_NONBLOCK)
			break;
		mutex_unlock(&p->lock);
		if (!queued) {
			waiter_init(&w, POLLBIT_IN | POLLBIT_HUP);
			wait_add_exclusive(&p->read_wait, &w.entry);
			queued = true;
			continue;
		}
		if (task_sleep(NEVER)) {
			mutex_lock(&p->lock);
			ret = -ERESTARTSYS;
			break;
		}
	}
	mutex_unlock(&p->lock);
	if (queued) {
		wait_remove(&w.entry);
		/*
		 * We may have taken the wake-up for data that is still there (seen now: the queue's lock came after it).
		 * Who did not sleep took none, and waking then would look like a new edge to epoll.
		 */
		wake_readers = __atomic_load_n(&p->used, __ATOMIC_ACQUIRE) &&
			       !wait_queue_empty(&p->read_wait);
	}
	if (wake_writers)
		wake(&p->write_wait, POLLBIT_OUT | POLLBIT_WRNORM);
	if (wake_readers)
		wake(&p->read_wait, POLLBIT_IN | POLLBIT_RDNORM);
	return ret;
}

/* Lock held. As much as may go in now: bytes, 0 if it must wait, or an error. */
static long pipe_write_some(struct pipe *p, struct uio *io, bool packet, bool atomic)
{
	uint32_t want = packet ? (uint32_t)MIN(io->left, (size_t)PIPE_BUFFER)
			       : (uint32_t)MIN(io->left, (size_t)p->capacity);
	uint32_t room = ring_room(p, packet);

	if (room < want) {
		if (packet || atomic || !room)
			return 0;
		want = room;
	}
	return ring_write(p, io, want, packet, packet || atomic);
}

static long pipe_write(struct file *f, struct uio *io, uint64_t *pos)
{
	struct pipe *p = f->private_data;
	bool queued = false, wake_readers = false, wake_writers = false;
	bool packet = f->flags & O_DIRECT, atomic = io->left <= PIPE_BUFFER;
	struct waiter w;
	long done = 0, before, ret = 0;

	(void)pos;
	if (!io->left)
		return 0;
	for (;;) {
		if (queued)
			waiter_prepare(&w);
		mutex_lock(&p->lock);
		if (!p->readers) {
			ret = -EPIPE;
			break;
		}
		for (before = done; io->left && (ret = pipe_write_some(p, io, packet, atomic)) > 0;)
			done += ret;
		wake_readers = done > before && !wait_queue_empty(&p->read_wait);
		if (ret < 0 || !io->left)
			break;
		if (f->flags & O_NONBLOCK) {
			ret = -EAGAIN;
			break;
		}
		mutex_unlock(&p->lock);
		if (wake_readers)
			wake(&p->read_wait, POLLBIT_IN | POLLBIT_RDNORM);
		wake_readers = false;
		if (!queued) {
			waiter_init(&w, POLLBIT_OUT | POLLBIT_ERR);
			wait_add_exclusive(&p->write_wait, &w.entry);
			queued = true;
			continue;
		}
		if (task_sleep(NEVER)) {
			mutex_lock(&p->lock);
			ret = -ERESTARTSYS;
			break;
		}
	}
	mutex_unlock(&p->lock);
	if (queued) {
		wait_remove(&w.entry);
		if (unlikely(!wait_queue_empty(&p->write_wait))) {
			mutex_lock(&p->lock);
			wake_writers = ring_writable(p);
			mutex_unlock(&p->lock);
		}
	}
	if (wake_readers)
		wake(&p->read_wait, POLLBIT_IN | POLLBIT_RDNORM);
	if (wake_writers)
		wake(&p->write_wait, POLLBIT_OUT | POLLBIT_WRNORM);
	if (ret == -EPIPE)
		(void)signal_current(SIGPIPE);
	return done ? done : ret;
}

static unsigned int pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->private_data;
	unsigned int ready = 0;

	if (pipe_reads(f))
		poll_wait(f, &p->read_wait, pt);
	if (pipe_writes(f))
		poll_wait(f, &p->write_wait, pt);
	/* Who has just queued itself needs the lock to be seen. Without, an old value is as good as an earlier call. */
	if (pt)
		mutex_lock(&p->lock);
	if (pipe_reads(f)) {
		if (__atomic_load_n(&p->used, __ATOMIC_ACQUIRE))
			ready |= POLLBIT_IN | POLLBIT_RDNORM;
		if (!__atomic_load_n(&p->writers, __ATOMIC_ACQUIRE) &&
		    __atomic_load_n(&p->writer_opens, __ATOMIC_ACQUIRE) !=
			    (uint32_t)f->private_value)
			ready |= POLLBIT_HUP;
	}
	if (pipe_writes(f)) {
		if (!pt)
			mutex_lock(&p->lock);
		if (ring_writable(p))
			ready |= POLLBIT_OUT | POLLBIT_WRNORM;
		if (!p->readers)
			ready |= POLLBIT_ERR;
		if (!pt)
			mutex_unlock(&p->lock);
	}
	if (pt)
		mutex_unlock(&p->lock);
	return ready;
}

static long pipe_ioctl(struct file *f, unsigned int request, unsigned long argument)
{
	struct pipe *p = f->private_data;

	if (request != FIONREAD)
		return -ENOTTY;
	return put_user((int)__atomic_load_n(&p->used, __ATOMIC_ACQUIRE), UPTR(argument));
}

/* --- life -------------------------------------------------------------------------------------------------------- */

/* Takes part in the inode's pipe, making it if need be. Counted in p->files. */
static struct pipe *pipe_attach(struct inode *inode)
{
	struct pipe *p, *fresh = NULL;

	mutex_lock(&fifo_lock);
	p = inode->fifo;
	if (!p) {
		mutex_unlock(&fifo_lock);
		fresh = pipe_alloc();
		if (!fresh)
			return NULL;
		mutex_lock(&fifo_lock);
		p = inode->fifo;
		if (!p) {
			p = inode->fifo = fresh;
			fresh = NULL;
		}
	}
	p->files++;
	mutex_unlock(&fifo_lock);
	kfree(fresh);
	return p;
}

static void pipe_detach(struct inode *inode, struct pipe *p)
{
	bool last;

	mutex_lock(&fifo_lock);
	last = --p->files == 0;
	if (last)
		inode->fifo = NULL;
	mutex_unlock(&fifo_lock);
	if (!last)
		return;
	if (p->buffer)
		pages_put(p->buffer, p->size / PAGE_SIZE);
	kfree(p->records);
	kfree(p);
}

static void pipe_leave(struct pipe *p, bool reader, bool writer)
{
	mutex_lock(&p->lock);
	p->readers -= reader;
	p->writers -= writer;
	mutex_unlock(&p->lock);
	wake_all(&p->read_wait, POLLBIT_IN | POLLBIT_RDNORM | POLLBIT_HUP);
	wake_all(&p->write_wait, POLLBIT_OUT | POLLBIT_WRNORM | POLLBIT_ERR);
}

static void pipe_release(struct file *f)
{
	struct pipe *p = f->private_data;

	pipe_leave(p, pipe_reads(f), pipe_writes(f));
	pipe_detach(f->inode, p);
}

static const struct file_ops pipe_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.poll = pipe_poll,
	.ioctl = pipe_ioctl,
	.release = pipe_release,
	.is_pipe = true,
};

int pipe_new(struct file **ret_read, struct file **ret_write, unsigned int flags)
{
	struct pipe *p = pipe_alloc();
	uint64_t number = __atomic_fetch_add(&pipe_numbers, 1, __ATOMIC_RELAXED);
	struct file *r, *w;
	char name[32];

	if (!p)
		return -ENOMEM;
	p->files = p->readers = p->reader_opens = p->writer_opens = 1;
	p->anonymous = true;
	fmt_snprintf(name, sizeof(name), "pipe:[%llu]", (unsigned long long)number);
	r = file_new_anonymous(&pipe_ops, S_IFIFO | 0600, name, O_RDONLY | (flags & O_NONBLOCK), p);
	if (!r || IS_ERR(r)) {
		kfree(p);
		return r ? PTR_ERR(r) : -ENOMEM;
	}
	r->stream = true;
	r->inode->number = number;
	r->inode->fifo = p;
	w = file_new(&pipe_ops, &r->path, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)));
	if (!w || IS_ERR(w)) {
		file_put(r);
		return w ? PTR_ERR(w) : -ENOMEM;
	}
	w->private_data = p;
	w->stream = true;
	p->files++;
	p->writers = 1;
	*ret_read = r;
	*ret_write = w;
	return 0;
}

/* --- named pipes ------------------------------------------------------------------------------------------------- */

static bool opened_since(struct pipe *p, const unsigned int *opens, unsigned int before)
{
	bool since;

	mutex_lock(&p->lock);
	since = *opens != before;
	mutex_unlock(&p->lock);
	return since;
}

int fifo_open(struct inode *inode, struct file *f)
{
	bool reader = pipe_reads(f), writer = pipe_writes(f), announce = false, wait = false;
	struct pipe *p = pipe_attach(inode);
	unsigned int before = 0, *opens = NULL;
	int ret = 0;

	if (!p)
		return -ENOMEM;
	mutex_lock(&p->lock);
	if (!p->anonymous && writer && !reader && f->flags & O_NONBLOCK && !p->readers) {
		mutex_unlock(&p->lock);
		pipe_detach(inode, p);
		return -ENXIO;
	}
	f->private_value = 0;
	if (reader) {
		p->reader_opens++;
		announce |= p->readers++ == 0;
	}
	if (writer) {
		p->writer_opens++;
		announce |= p->writers++ == 0;
	}
	if (!p->anonymous && !writer && !p->writers) {
		/* POLLHUP is not for who has never seen a writer. */
		if (f->flags & O_NONBLOCK)
			f->private_value = p->writer_opens;
		else
			opens = &p->writer_opens;
	} else if (!p->anonymous && !reader && !p->readers) {
		opens = &p->reader_opens;
	}
	if (opens) {
		before = *opens;
		wait = true;
	}
	mutex_unlock(&p->lock);
	if (announce)
		wake_all(&p->open_wait, ~0u);
	if (wait && WAIT_EVENT(&p->open_wait, opened_since(p, opens, before), NEVER))
		ret = -ERESTARTSYS;
	if (ret) {
		pipe_leave(p, reader, writer);
		pipe_detach(inode, p);
		return ret;
	}
	f->ops = &pipe_ops;
	f->private_data = p;
	f->stream = true;
	return 0;
}

/* --- size and tee ------------------------------------------------------------------------------------------------ */

long pipe_fcntl(struct file *f, int cmd, unsigned long arg)
{
	struct pipe *p = f->private_data;
	uint32_t capacity = PIPE_BUFFER;
	bool wake_writers;
	long ret;

	if (f->ops != &pipe_ops)
		return -EBADF;
	if (cmd == F_GETPIPE_SZ)
		return (long)__atomic_load_n(&p->capacity, __ATOMIC_RELAXED);
	if (cmd != F_SETPIPE_SZ)
		return -EINVAL;
	arg = (unsigned int)arg;
	if (arg > PIPE_CAPACITY_LIMIT)
		return -EINVAL;
	while (capacity < arg)
		capacity <<= 1;
	if (capacity > PIPE_CAPACITY_MAX && capacity > p->capacity && !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	if (capacity > INT32_MAX)
		return -ENOMEM;
	mutex_lock(&p->lock);
	ret = ring_set_capacity(p, capacity);
	wake_writers = !ret && ring_writable(p) && !wait_queue_empty(&p->write_wait);
	mutex_unlock(&p->lock);
	if (wake_writers)
		wake_all(&p->write_wait, POLLBIT_OUT | POLLBIT_WRNORM);
	return ret ? ret : (long)capacity;
}

static void lock_both(struct pipe *a, struct pipe *b)
{
	mutex_lock((uintptr_t)a < (uintptr_t)b ? &a->lock : &b->lock);
	mutex_lock((uintptr_t)a < (uintptr_t)b ? &b->lock : &a->lock);
}

/* Bytes copied; 0 at the end; -EAGAIN with *ret_wait where to wait; else an error. */
static long tee_once(struct pipe *in, struct pipe *out, size_t size, struct wait_queue **ret_wait)
{
	uint32_t room, n;
	long ret;

	*ret_wait = NULL;
	lock_both(in, out);
	room = ring_room(out, false);
	n = (uint32_t)MIN(size, (size_t)in->used);
	n = MIN(n, room);
	if (!out->readers) {
		ret = -EPIPE;
	} else if (n) {
		ret = ring_copy(in, out, n);
	} else if (!in->used && !in->writers) {
		ret = 0;
	} else {
		*ret_wait = in->used ? &out->write_wait : &in->read_wait;
		ret = -EAGAIN;
	}
	mutex_unlock(&in->lock);
	mutex_unlock(&out->lock);
	if (ret > 0)
		wake(&out->read_wait, POLLBIT_IN | POLLBIT_RDNORM);
	return ret;
}

long pipe_tee(struct file *in_file, struct file *out_file, size_t size, unsigned int flags)
{
	struct pipe *in = in_file->private_data, *out = out_file->private_data;
	struct wait_queue *q, *again;
	long ret;

	if (in_file->ops != &pipe_ops || out_file->ops != &pipe_ops || in == out)
		return -EINVAL;
	if (!pipe_reads(in_file) || !pipe_writes(out_file))
		return -EBADF;
	if (!size)
		return 0;
	if ((in_file->flags | out_file->flags) & O_NONBLOCK)
		flags |= NONBLOCK_SPLICE;
	for (;;) {
		ret = tee_once(in, out, size, &q);
		if (ret != -EAGAIN || !q || flags & NONBLOCK_SPLICE)
			break;
		/* Either queue may become the one to wait on: then look again. */
		if (WAIT_EVENT(q, (ret = tee_once(in, out, size, &again)) != -EAGAIN || again != q,
			       NEVER)) {
			ret = -ERESTARTSYS;
			break;
		}
		if (ret != -EAGAIN || !again)
			break;
	}
	if (ret == -EPIPE)
		(void)signal_current(SIGPIPE);
	return ret;
}

/* --- system calls -------------------------------------------------------------------------------------------------- */

static long pipe_create(struct uptr at, unsigned int flags)
{
	struct file *r, *w;
	int fds[2];
	long ret;

	if (flags & ~(unsigned int)(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	ret = pipe_new(&r, &w, flags);
	if (ret)
		return ret;
	ret = fds[0] = fd_alloc(r, 0, flags & O_CLOEXEC);
	if (ret < 0)
		goto out;
	ret = fds[1] = fd_alloc(w, 0, flags & O_CLOEXEC);
	if (ret >= 0)
		ret = copy_out(at, fds, sizeof(fds));
	if (ret) {
		if (fds[1] >= 0)
			(void)!fd_close(fds[1]);
		(void)!fd_close(fds[0]);
	}
out:
	file_put(r);
	file_put(w);
	return ret;
}

long sys_pipe2(unsigned long *a)
{
	return pipe_create(UPTR(a[0]), (unsigned int)a[1]);
}

long sys_pipe(unsigned long *a)
{
	return pipe_create(UPTR(a[0]), 0);
}
