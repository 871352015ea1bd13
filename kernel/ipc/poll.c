/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for the readiness of files: the core that poll, select and blocking operations share, and poll(2), ppoll(2).
 *
 * A file is ready by what its poll operation says (the kernel's side) and by what the host says of its host handle; a
 * file may have either or both. The waiting task queues itself on the kernel objects once, then looks and sleeps in
 * turns: in the host's poll when there are handles, else in task_sleep. Whatever wakes it in between sets WORK_WAKE,
 * which the platform turns into -EINTR of the host call, also if it came before the call: no wake-up is lost.
 * No locks of its own. Up to POLL_INLINE files need no memory.
 */
#include "kernel/ipc/poll.h"

#include <asm-generic/resource.h>
#include <linux/errno.h>
#include <linux/poll.h>

#include "kernel/fs/file.h"
#include "kernel/host.h"
#include "kernel/ipc/poll_time.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/time/time.h"

#define POLL_INLINE 16
#define POLL_CHUNK ((PAGE_SIZE - 64) / sizeof(struct wait_entry))
#define POLL_ALWAYS (POLLBIT_IN | POLLBIT_OUT | POLLBIT_RDNORM | POLLBIT_WRNORM)
#define POLL_ALL                                                                               \
	(POLLBIT_IN | POLLBIT_PRI | POLLBIT_OUT | POLLBIT_ERR | POLLBIT_HUP | POLLBIT_RDNORM | \
	 POLLBIT_RDBAND | POLLBIT_WRNORM | POLLBIT_WRBAND | POLLBIT_RDHUP)

struct poll_chunk {
	struct poll_chunk *next;
	unsigned int used;
	struct wait_entry entries[];
};

/* Where a waiting task is queued. */
struct poll_waits {
	struct poll_table table;
	struct wait_entry entries[POLL_INLINE];
	unsigned int used;
	struct poll_chunk *chunks;
	int error;
};

/* The host handles among the files: fds[i] belongs to items[index[i]]. */
struct poll_hosts {
	struct pollfd *fds;
	unsigned int *index;
	unsigned int count, max;
	struct pollfd inline_fds[POLL_INLINE];
	unsigned int inline_index[POLL_INLINE];
};

int file_host_handle(struct file *f)
{
	return f->ops->host_handle ? f->ops->host_handle(f) : -1;
}

static unsigned int poll_kernel_side(struct file *f, struct poll_table *pt)
{
	if (f->ops->poll)
		return f->ops->poll(f, pt);
	return f->ops->host_handle ? 0 : POLL_ALWAYS;
}

/* What the host may say; a handle it does not know (any more) is an error of the file. */
static unsigned int host_ready(short revents)
{
	unsigned int ready = (unsigned short)revents;

	return (ready & POLL_ALL) | (ready & POLLBIT_NVAL ? POLLBIT_ERR : 0);
}

unsigned int file_poll(struct file *f, struct poll_table *pt)
{
	unsigned int ready = poll_kernel_side(f, pt);
	struct pollfd one = { .fd = file_host_handle(f), .events = (short)POLL_ALL, .revents = 0 };

	if (one.fd >= 0 && host_poll(&one, 1, 0) > 0)
		ready |= host_ready(one.revents);
	return ready;
}

/* --- being queued ------------------------------------------------------------------------------------------------ */

static void waits_queue(struct poll_table *pt, struct file *f, struct wait_queue *q)
{
	struct poll_waits *w = container_of(pt, struct poll_waits, table);
	struct wait_entry *e;

	(void)f;
	if (w->used < POLL_INLINE) {
		e = &w->entries[w->used++];
	} else {
		struct poll_chunk *c = w->chunks;

		if (!c || c->used == POLL_CHUNK) {
			c = kmalloc(sizeof(*c) + POLL_CHUNK * sizeof(c->entries[0]));
			if (!c) {
				w->error = -ENOMEM;
				return;
			}
			c->used = 0;
			c->next = w->chunks;
			w->chunks = c;
		}
		e = &c->entries[c->used++];
	}
	wait_entry_init(e, pt->key);
	wait_add(q, e);
}

static void waits_done(struct poll_waits *w)
{
	struct poll_chunk *c;

	for (unsigned int i = 0; i < w->used; i++)
		wait_remove(&w->entries[i]);
	while ((c = w->chunks)) {
		for (unsigned int i = 0; i < c->used; i++)
			wait_remove(&c->entries[i]);
		w->chunks = c->next;
		kfree(c);
	}
}

/* --- looking ------------------------------------------------------------------------------------------------------- */

/* Sets ready of each; the number of ready ones. Queues with `w` until one is ready. */
static unsigned int items_scan(struct poll_item *items, unsigned int count, unsigned int always,
			       struct poll_waits *w)
{
	unsigned int ready = 0;

	for (unsigned int i = 0; i < count; i++) {
		struct poll_item *it = &items[i];
		unsigned int wanted = it->events | always;

		it->ready = 0;
		if (!it->file)
			continue;
		if (w)
			w->table.key = wanted;
		it->ready = poll_kernel_side(it->file, w ? &w->table : NULL) & wanted;
		if (it->ready) {
			ready++;
			w = NULL;
		}
	}
	return ready;
}

static int hosts_gather(struct poll_hosts *h, struct poll_item *items, unsigned int count)
{
	h->count = 0;
	for (unsigned int i = 0; i < count; i++) {
		int handle = items[i].file ? file_host_handle(items[i].file) : -1;

		if (handle < 0)
			continue;
		if (h->count == h->max) {
			/* Once is enough: there cannot be more than items. */
			struct pollfd *fds =
				kmalloc((size_t)count * (sizeof(*fds) + sizeof(*h->index)));
			unsigned int *index = fds ? (unsigned int *)(void *)(fds + count) : NULL;

			if (!fds)
				return -ENOMEM;
			for (unsigned int j = 0; j < h->count; j++) {
				fds[j] = h->fds[j];
				index[j] = h->index[j];
			}
			h->fds = fds;
			h->index = index;
			h->max = count;
		}
		h->fds[h->count] = (struct pollfd){ .fd = handle,
						    .events = (short)(items[i].events & POLL_ALL),
						    .revents = 0 };
		h->index[h->count++] = i;
	}
	return 0;
}

static void hosts_init(struct poll_hosts *h)
{
	h->fds = h->inline_fds;
	h->index = h->inline_index;
	h->count = 0;
	h->max = POLL_INLINE;
}

static void hosts_done(struct poll_hosts *h)
{
	if (h->fds != h->inline_fds)
		kfree(h->fds);
}

/* Asks the host, waiting until the deadline: files that became ready by it, or what host_poll failed with. */
static int hosts_ask(struct poll_hosts *h, struct poll_item *items, unsigned int always,
		     uint64_t deadline, bool *ret_timeout)
{
	struct task *t = current();
	int got, ready = 0;

	if (deadline) {
		t->state = TASK_SLEEPING;
		t->calls_slept++;
	}
	got = host_poll(h->fds, h->count, deadline);
	t->state = TASK_RUNNING;
	*ret_timeout = got == 0;
	if (got < 0)
		return got;
	for (unsigned int i = 0; got && i < h->count; i++) {
		struct poll_item *it = &items[h->index[i]];
		unsigned int bits = host_ready(h->fds[i].revents) & (it->events | always);

		if (!h->fds[i].revents)
			continue;
		if (bits && !it->ready)
			ready++;
		it->ready |= bits;
		/* POLLHUP nobody asked for (select): the host would say so for ever. Not looked at again in this call. */
		if (!bits)
			h->fds[i].fd = -1;
	}
	return ready;
}

/* --- waiting ------------------------------------------------------------------------------------------------------- */

/* The part that sleeps. `h` is gathered again each time: a file may have got its handle meanwhile. */
static int items_sleep(struct poll_item *items, unsigned int count, unsigned int always,
		       uint64_t deadline, struct poll_hosts *h)
{
	struct poll_waits w;
	struct poll_waits *queue = &w;
	bool timeout = false, gather = true;
	int ret = 0, ready;

	w.table.queue = waits_queue;
	w.used = 0;
	w.chunks = NULL;
	w.error = 0;
	for (;;) {
		task_sleep_prepare();
		ready = (int)items_scan(items, count, always, queue);
		queue = NULL;
		if (gather && !ret)
			ret = hosts_gather(h, items, count);
		if (w.error)
			ret = w.error;
		if (ready && h->count && !ret) {
			int more = hosts_ask(h, items, always, 0, &timeout);

			ready += more > 0 ? more : 0;
		}
		if (ready || ret || timeout)
			break;
		gather = false;
		if (!h->count) {
			ret = task_sleep(deadline);
			if (ret == -ETIMEDOUT) {
				timeout = true;
				ret = 0;
			}
			gather = true;
			continue;
		}
		ret = hosts_ask(h, items, always, deadline, &timeout);
		if (ret > 0) {
			ready = ret;
			break;
		}
		if (ret == -EINTR) {
			/* By a wake-up, or by something that task_sleep knows about. */
			ret = task_sleep(0) == -EINTR ? -EINTR : 0;
			gather = true;
		}
	}
	waits_done(&w);
	return ready ? ready : ret;
}

static int items_wait(struct poll_item *items, unsigned int count, unsigned int always,
		      uint64_t deadline)
{
	struct poll_hosts h;
	bool timeout;
	int ready = 0, ret;

	hosts_init(&h);
	/* A first look without queues pays for few files; for many, one that queues as it goes. */
	if (!deadline || count <= POLL_INLINE)
		ready = (int)items_scan(items, count, always, NULL);
	if (ready || !deadline) {
		ret = hosts_gather(&h, items, count);
		if (!ret && h.count) {
			ret = hosts_ask(&h, items, always, 0, &timeout);
			if (ret > 0)
				ready += ret;
		}
		/* Nothing was waited for: an interruption does not count, other errors only if nothing is ready. */
		ret = ready || ret == -EINTR || ret > 0 ? ready : ret;
	} else {
		ret = items_sleep(items, count, always, deadline, &h);
	}
	hosts_done(&h);
	return ret;
}

int poll_files(struct poll_item *items, unsigned int count, uint64_t deadline)
{
	return items_wait(items, count, POLLBIT_ERR | POLLBIT_HUP, deadline);
}

int poll_files_exact(struct poll_item *items, unsigned int count, uint64_t deadline)
{
	return items_wait(items, count, 0, deadline);
}

/* --- poll, ppoll ----------------------------------------------------------------------------------------------------- */

struct poll_call {
	struct pollfd inline_fds[POLL_INLINE];
	struct poll_item inline_items[POLL_INLINE];
	struct pollfd *fds;
	struct poll_item *items;
};

/* Files in fds[], their events in items[]. Entries that are no open descriptor are counted: they are ready. */
static int call_open(struct poll_call *c, unsigned int count)
{
	int invalid = 0;

	for (unsigned int i = 0; i < count; i++) {
		struct pollfd *p = &c->fds[i];
		struct poll_item *it = &c->items[i];

		it->file = p->fd >= 0 ? fd_get(p->fd) : NULL;
		it->events = (unsigned short)p->events;
		it->ready = 0;
		p->revents = 0;
		if (p->fd >= 0 && !it->file) {
			p->revents = (short)POLLBIT_NVAL;
			invalid++;
		}
	}
	return invalid;
}

static long poll_do(struct uptr at, unsigned long count, uint64_t deadline)
{
	struct poll_call c;
	unsigned int n = (unsigned int)count;
	int ret, invalid;

	if (count > current_process()->limits[RLIMIT_NOFILE].current || count > FDS_MAX_DEFAULT)
		return -EINVAL;
	c.fds = c.inline_fds;
	c.items = c.inline_items;
	if (n > POLL_INLINE) {
		c.items = kmalloc(n * (sizeof(*c.items) + sizeof(*c.fds)));
		if (!c.items)
			return -ENOMEM;
		c.fds = (struct pollfd *)(void *)(c.items + n);
	}
	ret = n ? copy_in(c.fds, at, n * sizeof(*c.fds)) : 0;
	if (ret)
		goto out;
	invalid = call_open(&c, n);
	ret = items_wait(c.items, n, POLLBIT_ERR | POLLBIT_HUP, invalid ? 0 : deadline);
	if (ret >= 0)
		ret += invalid;
	for (unsigned int i = 0; i < n; i++) {
		if (!c.items[i].file)
			continue;
		file_put(c.items[i].file);
		c.fds[i].revents = (short)c.items[i].ready;
	}
	/* Only revents: another thread may be changing what it waits for. */
	for (unsigned int i = 0; i < n && ret >= 0; i++)
		if (put_user(c.fds[i].revents,
			     uptr_add(at, i * sizeof(c.fds[0]) + offsetof(struct pollfd, revents))))
			ret = -EFAULT;
out:
	if (c.items != c.inline_items)
		kfree(c.items);
	return ret;
}

static long poll_restart(struct task *t)
{
	long ret = poll_do(UPTR(t->restart_args[0]), t->restart_args[1], t->restart_args[2]);

	if (ret == -EINTR) {
		t->restart = poll_restart;
		ret = -ERESTART_RESTARTBLOCK;
	}
	return ret;
}

long sys_poll(unsigned long *a)
{
	int milliseconds = (int)a[2];
	uint64_t deadline = milliseconds < 0 ? NEVER : 0;
	struct task *t = current();
	long ret;

	if (milliseconds > 0)
		deadline = deadline_after((uint64_t)milliseconds * 1000000);
	ret = poll_do(UPTR(a[0]), (unsigned int)a[1], deadline);
	if (ret == -EINTR) {
		t->restart_args[0] = a[0];
		t->restart_args[1] = (unsigned int)a[1];
		t->restart_args[2] = deadline;
		t->restart = poll_restart;
		ret = -ERESTART_RESTARTBLOCK;
	}
	return ret;
}

long poll_timeout_finish(long ret, struct uptr timeout, uint64_t deadline, bool microseconds)
{
	uint64_t now, left = 0;
	int64_t pair[2];

	if (!timeout.v || deadline == NEVER || current()->personality & POLL_STICKY_TIMEOUTS)
		goto out;
	now = deadline ? clock_monotonic() : 0;
	if (deadline > now)
		left = deadline - now;
	pair[0] = (int64_t)(left / 1000000000);
	pair[1] = (int64_t)(left % 1000000000) / (microseconds ? 1000 : 1);
	if (!copy_out(timeout, pair, sizeof(pair)))
		return ret;
out:
	/* The time left could not be told: starting over would wait too long. */
	if (ret == -ERESTARTNOHAND && deadline != NEVER)
		ret = -EINTR;
	return ret;
}

long poll_timeout_start(struct uptr timeout, bool microseconds, uint64_t *ret_deadline)
{
	uint64_t unit = microseconds ? 1000000 : 1000000000, nanoseconds;
	int64_t pair[2];

	*ret_deadline = NEVER;
	if (!timeout.v)
		return 0;
	if (copy_in(pair, timeout, sizeof(pair)))
		return -EFAULT;
	/* select takes a second or more in microseconds, too. */
	if (microseconds && pair[1] >= (int64_t)unit) {
		if (__builtin_add_overflow(pair[0], pair[1] / (int64_t)unit, &pair[0]))
			return -EINVAL;
		pair[1] %= (int64_t)unit;
	}
	if (pair[0] < 0 || pair[1] < 0 || pair[1] >= (int64_t)unit)
		return -EINVAL;
	nanoseconds = (uint64_t)pair[1] * (1000000000 / unit);
	if (!pair[0] && !nanoseconds)
		*ret_deadline = 0;
	else if (!__builtin_mul_overflow((uint64_t)pair[0], 1000000000ULL, &unit) &&
		 !__builtin_add_overflow(nanoseconds, unit, &nanoseconds))
		*ret_deadline = deadline_after(nanoseconds);
	return 0;
}

long sys_ppoll(unsigned long *a)
{
	uint64_t deadline;
	long ret = poll_timeout_start(UPTR(a[2]), false, &deadline);

	if (ret)
		return ret;
	ret = signal_set_temporary_mask(UPTR(a[3]), a[4]);
	if (ret)
		return ret;
	ret = poll_do(UPTR(a[0]), (unsigned int)a[1], deadline);
	if (ret == -EINTR)
		ret = -ERESTARTNOHAND;
	signal_finish_temporary_mask(ret);
	return poll_timeout_finish(ret, UPTR(a[2]), deadline, false);
}
