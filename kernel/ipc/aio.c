/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux's asynchronous I/O (io_setup and its family; not io_uring). As with Linux's own buffered files, a request is
 * carried out while it is submitted; what is asynchronous is the report: an event waits in its context until somebody
 * asks for it. Databases, fio and libaio need no more than that to be correct.
 *
 * A context belongs to an address space and is named by the address of a page mapped there, which on Linux is a ring of
 * events. Ours stays empty and without the ring's magic number, so that libraries that would read it make the call.
 *
 * contexts_lock guards the lists of contexts (mm->aio), ctx->lock one context's ring; neither is held while anything is
 * done. `reserved` counts the slots of requests under way and of events not yet collected: at most `capacity`.
 */
#include <linux/aio_abi.h>
#include <linux/errno.h>
#include <linux/mman.h>

#include "kernel/fs/file.h"
#include "kernel/ipc/ipc.h"
#include "kernel/ipc/poll_time.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/task.h"

#define EVENTS_MAX 65536U     /* of all contexts, /proc/sys/fs/aio-max-nr */
#define SETUP_MAX 0x10000000U /* io_setup(2): more is a mistake */
#define EVENTS_AT_ONCE 16

struct aio_context {
	struct aio_context *next; /* in mm->aio */
	struct refcount refs;
	struct wait_queue wait; /* for events */
	struct mutex lock;
	uintptr_t id;
	bool destroyed;
	unsigned int capacity, reserved, head, count;
	struct io_event events[];
};

static struct mutex contexts_lock;
static unsigned int events_used;

/* --- contexts ----------------------------------------------------------------------------------------------------- */

static void context_put(struct aio_context *c)
{
	if (!ref_put(&c->refs))
		return;
	__atomic_sub_fetch(&events_used, c->capacity, __ATOMIC_RELAXED);
	kfree(c);
}

static struct aio_context *context_get(unsigned long id)
{
	struct aio_context *c;

	mutex_lock(&contexts_lock);
	for (c = current_process()->mm->aio; c && c->id != id; c = c->next)
		;
	if (c)
		ref_get(&c->refs);
	mutex_unlock(&contexts_lock);
	return c;
}

static struct aio_context *context_new(unsigned int capacity)
{
	struct aio_context *c;

	if (__atomic_add_fetch(&events_used, capacity, __ATOMIC_RELAXED) > EVENTS_MAX) {
		__atomic_sub_fetch(&events_used, capacity, __ATOMIC_RELAXED);
		return NULL;
	}
	c = kzalloc(sizeof(*c) + capacity * sizeof(c->events[0]));
	if (!c) {
		__atomic_sub_fetch(&events_used, capacity, __ATOMIC_RELAXED);
		return NULL;
	}
	ref_init(&c->refs);
	wait_queue_init(&c->wait);
	c->capacity = capacity;
	return c;
}

long sys_io_setup(unsigned long *a)
{
	struct mmap_args page = {
		.size = PAGE_SIZE,
		.prot = PROT_READ | PROT_WRITE,
		.flags = MAP_PRIVATE | MAP_ANONYMOUS,
		.name = "[aio]",
	};
	struct mm *mm = current_process()->mm;
	unsigned int count = (unsigned int)a[0];
	struct aio_context *c;
	aio_context_t id;
	intptr_t at;

	if (get_user(id, UPTR(a[1])))
		return -EFAULT;
	if (id || !count || count > SETUP_MAX)
		return -EINVAL;
	if (count > EVENTS_MAX)
		return -EAGAIN;
	c = context_new(count);
	if (!c)
		return -EAGAIN;
	at = mm_map(mm, &page);
	if (IS_ERR(at)) {
		context_put(c);
		return at;
	}
	c->id = id = (uintptr_t)at;
	if (put_user(id, UPTR(a[1]))) {
		int err = mm_unmap(mm, c->id, PAGE_SIZE);

		context_put(c);
		return err ? err : -EFAULT;
	}
	mutex_lock(&contexts_lock);
	c->next = mm->aio;
	mm->aio = c;
	mutex_unlock(&contexts_lock);
	return 0;
}

/* Out of its list: who waits for its events learns that there will be none. */
static void context_destroy(struct aio_context *c)
{
	mutex_lock(&c->lock);
	c->destroyed = true;
	mutex_unlock(&c->lock);
	wake_all(&c->wait, ~0u);
	context_put(c);
}

long sys_io_destroy(unsigned long *a)
{
	struct mm *mm = current_process()->mm;
	struct aio_context **at, *c;
	int err;

	mutex_lock(&contexts_lock);
	for (at = &mm->aio; *at && (*at)->id != a[0]; at = &(*at)->next)
		;
	c = *at;
	if (c)
		*at = c->next;
	mutex_unlock(&contexts_lock);
	if (!c)
		return -EINVAL;
	err = mm_unmap(mm, c->id, PAGE_SIZE);
	context_destroy(c);
	return err;
}

void aio_mm_done(struct mm *mm)
{
	while (mm->aio) {
		struct aio_context *c = mm->aio;

		mm->aio = c->next;
		context_destroy(c);
	}
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

static bool reserve(struct aio_context *c)
{
	bool room;

	mutex_lock(&c->lock);
	room = !c->destroyed && c->reserved < c->capacity;
	c->reserved += room;
	mutex_unlock(&c->lock);
	return room;
}

static void give_back(struct aio_context *c)
{
	mutex_lock(&c->lock);
	c->reserved--;
	mutex_unlock(&c->lock);
}

static void complete(struct aio_context *c, const struct iocb *request, uint64_t object,
		     long result)
{
	mutex_lock(&c->lock);
	c->events[(c->head + c->count++) % c->capacity] = (struct io_event){
		.data = request->aio_data,
		.obj = object,
		.res = result,
	};
	mutex_unlock(&c->lock);
	wake_all(&c->wait, ~0u);
}

static long move_data(struct file *f, const struct iocb *request, bool write, bool vector,
		      long *ret_result)
{
	struct uio io;
	long err;

	if (!(write ? file_writable(f) : file_readable(f)))
		return -EBADF;
	if (request->aio_offset < 0)
		return -EINVAL;
	err = vector ? uio_init_iovec(&io, UPTR(request->aio_buf), request->aio_nbytes)
		     : uio_init_user(&io, UPTR(request->aio_buf),
				     MIN(request->aio_nbytes, UIO_MAX));
	if (err)
		return err;
	*ret_result = file_transfer(f, &io, request->aio_offset, write,
				    (unsigned int)request->aio_rw_flags);
	if (vector)
		uio_done(&io);
	/* It cannot be restarted: the caller may submit others with it. */
	if (*ret_result <= -ERESTARTSYS)
		*ret_result = -EINTR;
	return 0;
}

static long sync_data(struct file *f, const struct iocb *request, long *ret_result)
{
	if (request->aio_buf || request->aio_offset || request->aio_nbytes ||
	    request->aio_rw_flags || !f->ops->fsync)
		return -EINVAL;
	*ret_result = f->ops->fsync(f, request->aio_lio_opcode == IOCB_CMD_FDSYNC);
	return 0;
}

static long carry_out(struct file *f, const struct iocb *request, long *ret_result)
{
	switch (request->aio_lio_opcode) {
	case IOCB_CMD_PREAD:
		return move_data(f, request, false, false, ret_result);
	case IOCB_CMD_PWRITE:
		return move_data(f, request, true, false, ret_result);
	case IOCB_CMD_PREADV:
		return move_data(f, request, false, true, ret_result);
	case IOCB_CMD_PWRITEV:
		return move_data(f, request, true, true, ret_result);
	case IOCB_CMD_FSYNC:
	case IOCB_CMD_FDSYNC:
		return sync_data(f, request, ret_result);
	default: /* IOCB_CMD_POLL too, as before Linux 4.18 */
		return -EINVAL;
	}
}

static bool is_valid(const struct iocb *request)
{
	/* Flags that mean nothing are ignored, as by Linux. */
	return !request->aio_reserved2 && (int64_t)request->aio_nbytes >= 0;
}

static long submit_one(struct aio_context *c, unsigned long at)
{
	struct file *f, *event = NULL;
	struct iocb request;
	long err, result;

	if (copy_in(&request, UPTR(at), sizeof(request)))
		return -EFAULT;
	if (!is_valid(&request))
		return -EINVAL;
	if (!reserve(c))
		return -EAGAIN;
	err = -EBADF;
	f = fd_get((int)request.aio_fildes);
	if (!f)
		goto fail;
	if (request.aio_flags & IOCB_FLAG_RESFD) {
		event = eventfd_get((int)request.aio_resfd);
		err = IS_ERR(event) ? PTR_ERR(event) : 0;
		if (err) {
			event = NULL;
			goto fail;
		}
	}
	request.aio_key = 0; /* KIOCB_KEY: Linux tells by it that the caller can be written to */
	err = copy_out(UPTR(at + offsetof(struct iocb, aio_key)), &request.aio_key,
		       sizeof(request.aio_key))
		      ? -EFAULT
		      : carry_out(f, &request, &result);
	if (err)
		goto fail;
	complete(c, &request, at, result);
	if (event) {
		eventfd_add(event, 1);
		file_put(event);
	}
	file_put(f);
	return 0;
fail:
	if (event)
		file_put(event);
	if (f)
		file_put(f);
	give_back(c);
	return err;
}

long sys_io_submit(unsigned long *a)
{
	struct aio_context *c;
	long count = (long)a[1], done = 0, err = 0;

	if (count < 0)
		return -EINVAL;
	c = context_get(a[0]);
	if (!c)
		return -EINVAL;
	for (; done < count; done++) {
		unsigned long request;

		if (get_user(request, UPTR(a[2] + (unsigned long)done * sizeof(request))))
			err = -EFAULT;
		else if (signal_fatal_pending(current()))
			err = -EINTR; /* a long list must not keep a task that is to end */
		else
			err = submit_one(c, request);
		if (err)
			break;
	}
	context_put(c);
	return done ? done : err;
}

/* Requests are over before they could be cancelled. */
long sys_io_cancel(unsigned long *a)
{
	struct aio_context *c;
	uint32_t key;

	if (get_user(key, UPTR(a[1] + offsetof(struct iocb, aio_key))))
		return -EFAULT;
	c = context_get(a[0]);
	if (c)
		context_put(c);
	return -EINVAL;
}

/* --- events ---------------------------------------------------------------------------------------------------------- */

static unsigned int take(struct aio_context *c, struct io_event *to, unsigned int most)
{
	unsigned int n;

	mutex_lock(&c->lock);
	for (n = 0; n < most && c->count; n++) {
		to[n] = c->events[c->head];
		c->head = (c->head + 1) % c->capacity;
		c->count--;
		c->reserved--;
	}
	mutex_unlock(&c->lock);
	return n;
}

/* Events copied out, up to `most`; -EFAULT if not even the first could be. */
static long collect(struct aio_context *c, struct uptr to, long most)
{
	struct io_event some[EVENTS_AT_ONCE];
	long done = 0;

	while (done < most) {
		unsigned int n = take(c, some, (unsigned int)MIN(most - done, EVENTS_AT_ONCE));

		if (!n)
			break;
		if (copy_out(UPTR(to.v + (unsigned long)done * sizeof(some[0])), some,
			     n * sizeof(some[0])))
			return done ? done : -EFAULT;
		done += n;
	}
	return done;
}

static bool has_news(struct aio_context *c)
{
	bool news;

	mutex_lock(&c->lock);
	news = c->count || c->destroyed;
	mutex_unlock(&c->lock);
	return news;
}

static long get_events(unsigned long *a, uint64_t deadline)
{
	long least = (long)a[1], most = (long)a[2], done = 0, n;
	struct aio_context *c;
	int err = 0;

	if (least < 0 || least > most)
		return -EINVAL;
	c = context_get(a[0]);
	if (!c)
		return -EINVAL;
	for (;;) {
		n = collect(c, UPTR(a[3] + (unsigned long)done * sizeof(struct io_event)),
			    most - done);
		if (n < 0 && !done)
			done = n;
		if (n < 0)
			break;
		done += n;
		if (done >= least || c->destroyed || err)
			break;
		err = deadline ? WAIT_EVENT(&c->wait, has_news(c), deadline) : -ETIMEDOUT;
	}
	context_put(c);
	return done || err != -EINTR ? done : -EINTR;
}

long sys_io_getevents(unsigned long *a)
{
	uint64_t deadline;
	long err = poll_timeout_start(UPTR(a[4]), false, &deadline);

	return err ? err : get_events(a, deadline);
}

long sys_io_pgetevents(unsigned long *a)
{
	uint64_t mask[2] = { 0, 0 }, deadline;
	long ret = poll_timeout_start(UPTR(a[4]), false, &deadline);

	if (ret)
		return ret;
	/* The sixth argument points to the mask's address and size. */
	if (a[5] && copy_in(mask, UPTR(a[5]), sizeof(mask)))
		return -EFAULT;
	ret = signal_set_temporary_mask(UPTR(mask[0]), mask[1]);
	if (ret)
		return ret;
	ret = get_events(a, deadline);
	signal_finish_temporary_mask(ret);
	return ret;
}
