/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eventfd: a 64-bit counter that one adds to and takes from. e->lock guards the counter; whether somebody waits is
 * looked at under the same lock, so a waiter that has queued itself and then finds the counter unfit (under the lock)
 * cannot be overlooked. Lock order: e->lock, then the queue's.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "kernel/fs/file.h"
#include "kernel/ipc/ipc.h"
#include "kernel/ipc/poll.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "lib/base/fmt.h"

/* <linux/eventfd.h> is not an installed header here. */
#define EFD_SEMAPHORE 1u
#define EFD_CLOEXEC ((unsigned int)O_CLOEXEC)
#define EFD_NONBLOCK ((unsigned int)O_NONBLOCK)

#define EVENT_MAX (UINT64_MAX - 1)

struct event {
	struct mutex lock;
	bool semaphore;
	int id;
	uint64_t count;
	struct wait_queue wait;
};

static int event_ids;

static bool event_take(struct event *e, uint64_t *ret_value)
{
	bool wanted = false, taken = false;

	mutex_lock(&e->lock);
	if (e->count) {
		*ret_value = e->semaphore ? 1 : e->count;
		e->count -= *ret_value;
		taken = true;
		wanted = !wait_queue_empty(&e->wait);
	}
	mutex_unlock(&e->lock);
	if (wanted)
		wake(&e->wait, POLLBIT_OUT);
	return taken;
}

static bool event_add(struct event *e, uint64_t value)
{
	bool wanted = false, added = false;

	mutex_lock(&e->lock);
	if (value <= EVENT_MAX - e->count) {
		e->count += value;
		added = true;
		wanted = !wait_queue_empty(&e->wait);
	}
	mutex_unlock(&e->lock);
	if (wanted)
		wake(&e->wait, POLLBIT_IN);
	return added;
}

static long event_read(struct file *f, struct uio *io, uint64_t *pos)
{
	struct event *e = f->private_data;
	uint64_t value = 0;

	(void)pos;
	if (io->left < sizeof(value))
		return -EINVAL;
	if (!event_take(e, &value)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (WAIT_EVENT_KEY(&e->wait, POLLBIT_IN, event_take(e, &value), NEVER))
			return -ERESTARTSYS;
	}
	return uio_put(io, &value, sizeof(value)) == sizeof(value) ? (long)sizeof(value) : -EFAULT;
}

static long event_write(struct file *f, struct uio *io, uint64_t *pos)
{
	struct event *e = f->private_data;
	uint64_t value;

	(void)pos;
	if (io->left < sizeof(value))
		return -EINVAL;
	if (uio_get(io, &value, sizeof(value)) != sizeof(value))
		return -EFAULT;
	if (value == UINT64_MAX)
		return -EINVAL;
	if (!event_add(e, value)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (WAIT_EVENT_KEY(&e->wait, POLLBIT_OUT, event_add(e, value), NEVER))
			return -ERESTARTSYS;
	}
	return sizeof(value);
}

static unsigned int event_poll(struct file *f, struct poll_table *pt)
{
	struct event *e = f->private_data;
	unsigned int ready = 0;
	uint64_t count;

	poll_wait(f, &e->wait, pt);
	/* Who has just queued itself needs the lock to be seen: top of this file. */
	if (pt)
		mutex_lock(&e->lock);
	count = __atomic_load_n(&e->count, __ATOMIC_ACQUIRE);
	if (pt)
		mutex_unlock(&e->lock);
	if (count)
		ready |= POLLBIT_IN;
	if (count < EVENT_MAX)
		ready |= POLLBIT_OUT;
	return ready;
}

static void event_release(struct file *f)
{
	kfree(f->private_data);
}

static void event_show(struct file *f, char *buf, size_t size)
{
	struct event *e = f->private_data;

	fmt_snprintf(buf, size, "eventfd-count: %16llx\neventfd-id: %d\neventfd-semaphore: %d\n",
		     (unsigned long long)__atomic_load_n(&e->count, __ATOMIC_RELAXED), e->id,
		     e->semaphore);
}

static const struct file_ops event_ops = {
	.read = event_read,
	.write = event_write,
	.poll = event_poll,
	.release = event_release,
	.show_fdinfo = event_show,
};

struct file *eventfd_get(int fd)
{
	struct file *f = fd_get(fd);

	if (!f)
		return ERR_PTR(-EBADF);
	if (f->ops == &event_ops)
		return f;
	file_put(f);
	return ERR_PTR(-EINVAL);
}

void eventfd_add(struct file *f, uint64_t n)
{
	struct event *e = f->private_data;

	/* A counter that is full is as ready as it can be. */
	(void)event_add(e, n);
}

static long eventfd_create(unsigned int initial, unsigned int flags)
{
	struct event *e;
	struct file *f;
	int fd;

	if (flags & ~(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK))
		return -EINVAL;
	e = kzalloc(sizeof(*e));
	if (!e)
		return -ENOMEM;
	wait_queue_init(&e->wait);
	e->count = initial;
	e->semaphore = flags & EFD_SEMAPHORE;
	e->id = __atomic_fetch_add(&event_ids, 1, __ATOMIC_RELAXED) & 0x7fffffff;
	f = file_new_anonymous(&event_ops, 0600, "anon_inode:[eventfd]",
			       O_RDWR | (flags & EFD_NONBLOCK), e);
	if (!f) {
		kfree(e);
		return -ENOMEM;
	}
	f->stream = true;
	fd = fd_alloc(f, 0, flags & EFD_CLOEXEC);
	file_put(f);
	return fd;
}

long sys_eventfd2(unsigned long *a)
{
	return eventfd_create((unsigned int)a[0], (unsigned int)a[1]);
}

long sys_eventfd(unsigned long *a)
{
	return eventfd_create((unsigned int)a[0], 0);
}
