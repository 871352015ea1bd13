/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epoll: sets of files, and waiting for any of them.
 *
 * A member announces on the kernel queues its poll operation registers it with (item_wake puts it on the ready list),
 * through its host handle (epoll_host.c), or both. epoll_wait takes items off the ready list one by one, asks each
 * file again, reports those that are ready, and puts level-triggered ones back at the end: so a call that finds a ready
 * member costs one poll operation and no allocation. Sleepers take turns (waiter.h); with host members they sleep in
 * the host's epoll_wait, which a kernel wake-up breaks.
 *
 * Locks, in order: nest_lock (adding a set to a set) -> ep->mtx (members; outer sets before inner ones) -> the lock of a
 * file's links -> queues of member files -> ep->lock (ready list, events) -> ep->wait, ep->poll_wait. item_wake runs under a
 * member's queue lock and takes only ep->lock and what follows.
 *
 * Life: items do not count their file. A file that goes away takes its items out of all sets first, under their
 * mtx; a set that goes away does the same under its own. So who holds mtx and finds an item may use its file. A set's memory
 * stays while an item of it is linked to a file.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "kernel/ipc/epoll_internal.h"
#include "kernel/ipc/poll_time.h"
#include "kernel/ipc/waiter.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/time/time.h"
#include "lib/base/fmt.h"
#include "lib/base/hash.h"

#define EPOLL_EVENTS_INLINE 32
#define EPOLL_EVENTS_MAX ((int)(TASK_IOBUF_SIZE / sizeof(struct epoll_event)))
#define EPOLL_MEMBERS_MAX (1U << 22)
#define EPOLL_NEST_MAX 4U
#define EPOLL_ASK_HOST_EVERY 4U
#define EPOLL_EXCLUSIVE_OK                                                             \
	((uint32_t)(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | \
		    EPOLLEXCLUSIVE))
#define FILE_LOCKS 64

static const struct file_ops epoll_ops;
static struct mutex nest_lock;
static uint32_t nest_mark;
/*
 * Guard file->epoll_links. Not in the file: who takes the last item off must not touch the file afterwards, since its
 * release looks at the empty list without a lock and goes on.
 */
static struct mutex file_locks[FILE_LOCKS];

static struct mutex *file_lock(const struct file *f)
{
	return &file_locks[hash_u64((uintptr_t)f) % FILE_LOCKS];
}

/* --- members announce ------------------------------------------------------------------------------------------------ */

/* ep->lock held. */
static void ready_add(struct epoll *ep, struct epoll_item *it)
{
	if (it->ready)
		return;
	it->ready = true;
	list_add_tail(&ep->ready, &it->ready_link);
	__atomic_store_n(&ep->ready_count, ep->ready_count + 1, __ATOMIC_RELAXED);
}

/* ep->lock held. */
static void ready_take(struct epoll *ep, struct epoll_item *it)
{
	if (!it->ready)
		return;
	it->ready = false;
	list_remove(&it->ready_link);
	__atomic_store_n(&ep->ready_count, ep->ready_count - 1, __ATOMIC_RELAXED);
}

/* Puts the item on the ready list if it wants one of these events; whether a sleeper of the set was told. */
static bool item_announce(struct epoll_item *it, unsigned int events)
{
	struct epoll *ep = it->ep;
	bool waiters = false, polled = false;

	mutex_lock(&ep->lock);
	if (it->events & ~EPOLL_MODES & events) {
		ready_add(ep, it);
		waiters = !wait_queue_empty(&ep->wait);
		polled = !wait_queue_empty(&ep->poll_wait);
	}
	mutex_unlock(&ep->lock);
	if (waiters)
		wake(&ep->wait, POLLBIT_IN);
	if (polled)
		wake(&ep->poll_wait, POLLBIT_IN | POLLBIT_RDNORM);
	return waiters;
}

static bool item_wake(struct wait_entry *e, unsigned int key)
{
	struct epoll_queue *q = container_of(e, struct epoll_queue, entry);

	return item_announce(q->item, key);
}

struct item_table {
	struct poll_table table;
	struct epoll_item *item;
	int error;
};

static void item_queue(struct poll_table *pt, struct file *f, struct wait_queue *wq)
{
	struct item_table *t = container_of(pt, struct item_table, table);
	struct epoll_item *it = t->item;
	struct epoll_queue *q = &it->queue;

	(void)f;
	if (it->queued) {
		q = kmalloc(sizeof(*q));
		if (!q) {
			t->error = -ENOMEM;
			return;
		}
		q->next = it->queue.next;
		it->queue.next = q;
	} else {
		q->next = NULL;
		it->queued = true;
	}
	q->item = it;
	wait_entry_init(&q->entry, ~0u);
	q->entry.func = item_wake;
	q->entry.task = NULL;
	if (it->events & EPOLLEXCLUSIVE)
		wait_add_exclusive(wq, &q->entry);
	else
		wait_add(wq, &q->entry);
}

/* The kernel's side only: what the host has to say comes from its epoll instance. */
static unsigned int item_poll(struct epoll_item *it, struct poll_table *pt)
{
	return it->file->ops->poll ? it->file->ops->poll(it->file, pt) : 0;
}

/* --- members: mtx held ------------------------------------------------------------------------------------------------- */

static int item_compare(const struct epoll_item *it, const struct file *f, int fd)
{
	if (it->file != f)
		return (uintptr_t)f < (uintptr_t)it->file ? -1 : 1;
	return fd == it->fd ? 0 : fd < it->fd ? -1 : 1;
}

static struct epoll_item *item_find(struct epoll *ep, const struct file *f, int fd)
{
	struct rb_node *n = ep->items.root;

	while (n) {
		struct epoll_item *it = rb_entry(n, struct epoll_item, node);
		int c = item_compare(it, f, fd);

		if (!c)
			return it;
		n = c < 0 ? n->left : n->right;
	}
	return NULL;
}

static void item_link(struct epoll *ep, struct epoll_item *it)
{
	struct rb_node **link = &ep->items.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = item_compare(rb_entry(parent, struct epoll_item, node), it->file, it->fd) < 0
			       ? &parent->left
			       : &parent->right;
	}
	rb_insert(&ep->items, &it->node, parent, link);
	ep->count++;
	if (it->file->ops == &epoll_ops)
		ep->nested++;
	mutex_lock(file_lock(it->file));
	list_add(&it->file->epoll_links, &it->file_link);
	mutex_unlock(file_lock(it->file));
}

static void item_remove(struct epoll_item *it, bool closing)
{
	struct epoll *ep = it->ep;
	struct file *f = it->file;
	struct epoll_queue *q;

	epoll_host_remove(it, closing);
	if (it->queued) {
		wait_remove(&it->queue.entry);
		while ((q = it->queue.next)) {
			wait_remove(&q->entry);
			it->queue.next = q->next;
			kfree(q);
		}
	}
	mutex_lock(&ep->lock);
	ready_take(ep, it);
	mutex_unlock(&ep->lock);
	rb_remove(&ep->items, &it->node);
	ep->count--;
	if (f->ops == &epoll_ops)
		ep->nested--;
	/* Last: from here on the file may go. */
	mutex_lock(file_lock(f));
	it->file_link.next->prev = it->file_link.prev;
	__atomic_store_n(&it->file_link.prev->next, it->file_link.next, __ATOMIC_RELEASE);
	mutex_unlock(file_lock(f));
	kfree(it);
}

static int item_add(struct epoll *ep, struct file *f, int fd, const struct epoll_event *ev)
{
	struct epoll_item *it;
	struct item_table t;
	unsigned int ready;
	int ret;

	if (ep->count >= EPOLL_MEMBERS_MAX)
		return -ENOSPC;
	it = kzalloc(sizeof(*it));
	if (!it)
		return -ENOMEM;
	it->ep = ep;
	it->file = f;
	it->fd = fd;
	it->events = ev->events | EPOLLERR | EPOLLHUP;
	it->data = ev->data;
	it->handle = -1;
	list_init(&it->ready_link);
	item_link(ep, it);
	ret = epoll_host_add(it);
	if (ret)
		goto out;
	t.table.queue = item_queue;
	t.table.key = it->events & ~EPOLL_MODES;
	t.item = it;
	t.error = 0;
	ready = item_poll(it, &t.table);
	ret = t.error;
	if (ret)
		goto out;
	item_announce(it, ready);
	return 0;
out:
	item_remove(it, false);
	return ret;
}

static int item_modify(struct epoll_item *it, const struct epoll_event *ev)
{
	struct epoll *ep = it->ep;
	int ret;

	if (it->events & EPOLLEXCLUSIVE)
		return -EINVAL;
	mutex_lock(&ep->lock);
	it->events = ev->events | EPOLLERR | EPOLLHUP;
	it->data = ev->data;
	mutex_unlock(&ep->lock);
	ret = epoll_host_modify(it);
	/* After the new events can be seen by item_wake: what became ready before is found here. */
	item_announce(it, item_poll(it, NULL));
	return ret;
}

/* --- sets in sets -------------------------------------------------------------------------------------------------------- */

/*
 * nest_lock held. May `from` stand at `level` below the top, and is `target` not inside it? With commit: it does now.
 * The recursion ends at EPOLL_NEST_MAX; sets already seen at this level or deeper are not looked at twice.
 */
static int nest_walk(struct epoll *from, const struct epoll *target, uint32_t level, bool commit)
{
	int ret = 0;

	if (from == target || level > EPOLL_NEST_MAX)
		return -ELOOP;
	if (from->mark == nest_mark && from->mark_level >= level)
		return 0;
	from->mark = nest_mark;
	from->mark_level = level;
	if (commit)
		from->level = MAX(from->level, level);
	mutex_lock(&from->mtx);
	for (struct rb_node *n = from->nested ? rb_first(&from->items) : NULL; n && !ret;
	     n = rb_next(n)) {
		struct epoll_item *it = rb_entry(n, struct epoll_item, node);

		if (it->file->ops == &epoll_ops)
			ret = nest_walk(it->file->private_data, target, level + 1, commit);
	}
	mutex_unlock(&from->mtx);
	return ret;
}

static int nest_check(struct epoll *ep, struct epoll *inner)
{
	uint32_t level;
	int ret;

	if (list_empty(&ep->file->epoll_links))
		ep->level = 0;
	level = ep->level + 1;
	nest_mark++;
	ret = nest_walk(inner, ep, level, false);
	if (ret)
		return ret;
	if (list_empty(&inner->file->epoll_links))
		inner->level = 0;
	nest_mark++;
	return nest_walk(inner, ep, level, true);
}

/* --- epoll_ctl ----------------------------------------------------------------------------------------------------------- */

static int ctl_change(struct epoll *ep, int op, struct file *f, int fd,
		      const struct epoll_event *ev)
{
	struct epoll_item *it = item_find(ep, f, fd);

	switch (op) {
	case EPOLL_CTL_ADD:
		return it ? -EEXIST : item_add(ep, f, fd, ev);
	case EPOLL_CTL_DEL:
		if (!it)
			return -ENOENT;
		item_remove(it, false);
		return 0;
	case EPOLL_CTL_MOD:
		return it ? item_modify(it, ev) : -ENOENT;
	default:
		return -EINVAL;
	}
}

static int ctl_check(struct file *ef, int op, struct file *f, const struct epoll_event *ev)
{
	if (!f->ops->poll && !f->ops->host_handle)
		return -EPERM;
	if (f == ef || ef->ops != &epoll_ops)
		return -EINVAL;
	if (op == EPOLL_CTL_DEL || !(ev->events & EPOLLEXCLUSIVE))
		return 0;
	if (op == EPOLL_CTL_MOD || f->ops == &epoll_ops || ev->events & ~EPOLL_EXCLUSIVE_OK)
		return -EINVAL;
	return 0;
}

long sys_epoll_ctl(unsigned long *a)
{
	struct epoll_event ev = { 0, 0 };
	struct file *ef, *f = NULL;
	int op = (int)a[1], fd = (int)a[2];
	struct epoll *ep;
	bool nests, host_is_new = false;
	uint32_t members;
	long ret;

	if (op != EPOLL_CTL_DEL && copy_in(&ev, UPTR(a[3]), sizeof(ev)))
		return -EFAULT;
	ef = fd_get((int)a[0]);
	if (!ef)
		return -EBADF;
	f = fd_get(fd);
	ret = f ? ctl_check(ef, op, f, &ev) : -EBADF;
	if (ret)
		goto out;
	ep = ef->private_data;
	nests = op == EPOLL_CTL_ADD && f->ops == &epoll_ops;
	if (nests) {
		mutex_lock(&nest_lock);
		ret = nest_check(ep, f->private_data);
	}
	if (!ret) {
		mutex_lock(&ep->mtx);
		members = ep->members;
		ret = ctl_change(ep, op, f, fd, &ev);
		host_is_new = !members && ep->members;
		mutex_unlock(&ep->mtx);
	}
	if (nests)
		mutex_unlock(&nest_lock);
	if (host_is_new) {
		/* Who sleeps in the kernel for this set must now sleep in the host. */
		epoll_handle_changed(ef);
		wake_all(&ep->wait, ~0u);
		wake_all(&ep->poll_wait, ~0u);
	}
out:
	if (f)
		file_put(f);
	file_put(ef);
	return ret;
}

/* --- files that change or go ---------------------------------------------------------------------------------------------- */

/*
 * A set with an item of this file that `pick` wants, counted, and the item's descriptor; NULL: none left. The item may be
 * gone when the caller has taken the set's mtx.
 */
static struct epoll *file_next_set(struct file *f, bool (*pick)(struct epoll_item *it), int *ret_fd)
{
	struct epoll *ep = NULL;
	struct epoll_item *it;

	mutex_lock(file_lock(f));
	list_for_each(it, &f->epoll_links, file_link)
		if (pick(it)) {
			ep = it->ep;
			ref_get(&ep->refs);
			*ret_fd = it->fd;
			break;
		}
	mutex_unlock(file_lock(f));
	return ep;
}

static void epoll_put(struct epoll *ep)
{
	if (ref_put(&ep->refs))
		kfree(ep);
}

static bool pick_any(struct epoll_item *it)
{
	(void)it;
	return true;
}

static bool pick_other_handle(struct epoll_item *it)
{
	return __atomic_load_n(&it->handle, __ATOMIC_RELAXED) != file_host_handle(it->file);
}

void epoll_file_released(struct file *f)
{
	struct epoll_item *it;
	struct epoll *ep;
	int fd = -1;

	while ((ep = file_next_set(f, pick_any, &fd))) {
		mutex_lock(&ep->mtx);
		it = item_find(ep, f, fd);
		if (it)
			item_remove(it, true);
		mutex_unlock(&ep->mtx);
		epoll_put(ep);
	}
}

void epoll_handle_changed(struct file *f)
{
	struct epoll_item *it;
	struct epoll *ep;
	int fd = -1;

	while ((ep = file_next_set(f, pick_other_handle, &fd))) {
		uint32_t members;
		bool host_is_new;

		mutex_lock(&ep->mtx);
		members = ep->members;
		it = item_find(ep, f, fd);
		if (it) {
			epoll_host_remove(it, false);
			/* Without memory the member stays without the host's side; it must not be tried for ever. */
			(void)!epoll_host_add(it);
			__atomic_store_n(&it->handle, file_host_handle(f), __ATOMIC_RELAXED);
		}
		host_is_new = !members && ep->members;
		mutex_unlock(&ep->mtx);
		if (host_is_new)
			wake_all(&ep->wait, ~0u);
		epoll_put(ep);
	}
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->private_data;
	struct rb_node *n;

	mutex_lock(&ep->mtx);
	while ((n = ep->items.root)) {
		struct epoll_item *it = rb_entry(n, struct epoll_item, node);

		/* The host's side goes as a whole. */
		it->slot = 0;
		item_remove(it, false);
	}
	epoll_host_done(ep);
	ep->host = -1;
	ep->slots = NULL;
	mutex_unlock(&ep->mtx);
	epoll_put(ep);
}

/* --- waiting ---------------------------------------------------------------------------------------------------------------- */

/* Events of ready kernel members, at most max; mtx held. */
static int collect_ready(struct epoll *ep, struct epoll_event *out, int max)
{
	uint32_t left, round = ++ep->round;
	int n = 0;

	mutex_lock(&ep->lock);
	for (left = ep->ready_count; left && n < max && !list_empty(&ep->ready); left--) {
		struct epoll_item *it = list_first(&ep->ready, struct epoll_item, ready_link);
		unsigned int ready;

		ready_take(ep, it);
		/* Off the list before it is asked: what happens from here on puts it back. */
		mutex_unlock(&ep->lock);
		ready = item_poll(it, NULL);
		mutex_lock(&ep->lock);
		ready &= it->events & ~EPOLL_MODES;
		if (!ready)
			continue;
		out[n].events = ready;
		out[n].data = it->data;
		it->out_round = round;
		it->out_index = (uint32_t)n++;
		if (it->events & EPOLLONESHOT)
			it->events &= EPOLL_MODES;
		else if (!(it->events & EPOLLET))
			ready_add(ep, it);
		if (it->slot && it->events == (it->events & EPOLL_MODES)) {
			mutex_unlock(&ep->lock);
			epoll_host_disarm(it);
			mutex_lock(&ep->lock);
		}
	}
	mutex_unlock(&ep->lock);
	return n;
}

static bool ready_seen(struct epoll *ep)
{
	bool seen;

	mutex_lock(&ep->lock);
	seen = ep->ready_count != 0;
	mutex_unlock(&ep->lock);
	return seen;
}

/*
 * What can be had now: kernel members, then the host's. While kernel members keep the set busy, a host that had nothing
 * is asked every few calls only.
 */
static int collect_now(struct epoll *ep, struct epoll_event *out, int max, bool ask_host)
{
	uint32_t round = 0;
	bool heard;
	int n = 0, more;

	if (__atomic_load_n(&ep->ready_count, __ATOMIC_RELAXED)) {
		mutex_lock(&ep->mtx);
		n = collect_ready(ep, out, max);
		round = ep->round;
		if (n && ep->members) {
			ask_host = n < max && !ep->quiet;
			if (!ask_host && ep->quiet)
				ep->quiet--;
		}
		mutex_unlock(&ep->mtx);
	}
	if (!ask_host || !__atomic_load_n(&ep->members, __ATOMIC_RELAXED) || n >= max)
		return n;
	more = epoll_host_collect(ep, out, n, max, round, 0, &heard);
	if (n)
		__atomic_store_n(&ep->quiet, heard ? 0 : EPOLL_ASK_HOST_EVERY - 1,
				 __ATOMIC_RELAXED);
	if (more < 0)
		return n || more == -EINTR ? n : more;
	return more;
}

/* Sleeps until there is something: events, 0 at the deadline, or an error. */
static int collect_wait(struct epoll *ep, struct epoll_event *out, int max, uint64_t deadline)
{
	bool timeout = false, heard;
	struct waiter w;
	int n, ret = 0;

	waiter_init(&w, ~0u);
	wait_add_exclusive(&ep->wait, &w.entry);
	for (;;) {
		waiter_prepare(&w);
		n = ready_seen(ep) ? collect_now(ep, out, max, false) : 0;
		if (n || ret || timeout)
			break;
		if (!__atomic_load_n(&ep->members, __ATOMIC_SEQ_CST)) {
			ret = task_sleep(deadline);
			if (ret == -ETIMEDOUT) {
				timeout = true;
				ret = 0;
			}
			continue;
		}
		n = epoll_host_collect(ep, out, 0, max, 0, deadline, &heard);
		if (n > 0)
			break;
		if (n == -EINTR)
			ret = task_sleep(0) == -EINTR ? -EINTR : 0;
		else if (n < 0)
			ret = n;
		else if (!heard && deadline != NEVER && clock_monotonic() >= deadline)
			timeout = true;
	}
	wait_remove(&w.entry);
	return n ? n : ret;
}

static int epoll_events(struct epoll *ep, struct uptr events, int max, uint64_t deadline)
{
	struct epoll_event inline_events[EPOLL_EVENTS_INLINE], *out = inline_events;
	int n;

	if (max > EPOLL_EVENTS_INLINE) {
		out = task_iobuf();
		max = out ? MIN(max, EPOLL_EVENTS_MAX) : EPOLL_EVENTS_INLINE;
		if (!out)
			out = inline_events;
	}
	n = collect_now(ep, out, max, !deadline);
	if (!n && deadline)
		n = collect_wait(ep, out, max, deadline);
	/* Something is left, or was put back: it is the next one's turn. */
	if (__atomic_load_n(&ep->ready_count, __ATOMIC_RELAXED) && !wait_queue_empty(&ep->wait))
		wake(&ep->wait, POLLBIT_IN);
	if (n > 0 && copy_out(events, out, (size_t)n * sizeof(*out)))
		return -EFAULT;
	return n;
}

static long epoll_wait_do(int fd, struct uptr events, int max, uint64_t deadline)
{
	struct file *f;
	long ret = -EINVAL;

	if (max <= 0 || max > (int)(INT32_MAX / sizeof(struct epoll_event)))
		return -EINVAL;
	if (!access_ok(events, (size_t)max * sizeof(struct epoll_event)))
		return -EFAULT;
	f = fd_get(fd);
	if (!f)
		return -EBADF;
	if (f->ops == &epoll_ops)
		ret = epoll_events(f->private_data, events, max, deadline);
	file_put(f);
	return ret;
}

static uint64_t deadline_of(int milliseconds)
{
	if (milliseconds <= 0)
		return milliseconds ? NEVER : 0;
	return deadline_after((uint64_t)milliseconds * 1000000);
}

long sys_epoll_wait(unsigned long *a)
{
	return epoll_wait_do((int)a[0], UPTR(a[1]), (int)a[2], deadline_of((int)a[3]));
}

static long epoll_wait_masked(unsigned long *a, uint64_t deadline)
{
	long ret = signal_set_temporary_mask(UPTR(a[4]), a[5]);

	if (ret)
		return ret;
	ret = epoll_wait_do((int)a[0], UPTR(a[1]), (int)a[2], deadline);
	signal_finish_temporary_mask(ret);
	return ret;
}

long sys_epoll_pwait(unsigned long *a)
{
	return epoll_wait_masked(a, deadline_of((int)a[3]));
}

long sys_epoll_pwait2(unsigned long *a)
{
	uint64_t deadline;
	long ret = poll_timeout_start(UPTR(a[3]), false, &deadline);

	return ret ? ret : epoll_wait_masked(a, deadline);
}

/* --- a set as a file --------------------------------------------------------------------------------------------------------- */

static unsigned int epoll_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = f->private_data;
	unsigned int ready = 0;
	uint32_t left;

	poll_wait(f, &ep->poll_wait, pt);
	if (pt ? !ready_seen(ep) : !__atomic_load_n(&ep->ready_count, __ATOMIC_ACQUIRE))
		return 0;
	mutex_lock(&ep->mtx);
	mutex_lock(&ep->lock);
	for (left = ep->ready_count; left && !ready && !list_empty(&ep->ready); left--) {
		struct epoll_item *it = list_first(&ep->ready, struct epoll_item, ready_link);

		ready_take(ep, it);
		mutex_unlock(&ep->lock);
		ready = item_poll(it, NULL);
		mutex_lock(&ep->lock);
		ready &= it->events & ~EPOLL_MODES;
		if (ready)
			ready_add(ep, it);
	}
	mutex_unlock(&ep->lock);
	mutex_unlock(&ep->mtx);
	return ready ? POLLBIT_IN | POLLBIT_RDNORM : 0;
}

static int epoll_host_handle(struct file *f)
{
	struct epoll *ep = f->private_data;

	return __atomic_load_n(&ep->host, __ATOMIC_ACQUIRE);
}

static void epoll_show(struct file *f, char *buf, size_t size)
{
	struct epoll *ep = f->private_data;
	size_t at = 0;

	if (size)
		buf[0] = '\0';
	mutex_lock(&ep->mtx);
	for (struct rb_node *n = rb_first(&ep->items); n && at < size; n = rb_next(n)) {
		struct epoll_item *it = rb_entry(n, struct epoll_item, node);
		int len = fmt_snprintf(
			buf + at, size - at,
			"tfd: %8d events: %8x data: %16llx  pos:%llu ino:%llx sdev:%llx\n", it->fd,
			it->events, (unsigned long long)it->data, (unsigned long long)it->file->pos,
			(unsigned long long)it->file->inode->number, 0ULL);

		/* Whole lines only. */
		if (len < 0 || (size_t)len >= size - at) {
			buf[at] = '\0';
			break;
		}
		at += (size_t)len;
	}
	mutex_unlock(&ep->mtx);
}

static const struct file_ops epoll_ops = {
	.poll = epoll_poll,
	.host_handle = epoll_host_handle,
	.release = epoll_release,
	.show_fdinfo = epoll_show,
};

static long epoll_create(unsigned int flags)
{
	struct epoll *ep;
	struct file *f;
	int fd;

	if (flags & ~(unsigned int)EPOLL_CLOEXEC)
		return -EINVAL;
	ep = kzalloc(sizeof(*ep));
	if (!ep)
		return -ENOMEM;
	ref_init(&ep->refs);
	list_init(&ep->ready);
	wait_queue_init(&ep->wait);
	wait_queue_init(&ep->poll_wait);
	ep->host = -1;
	f = file_new_anonymous(&epoll_ops, 0600, "anon_inode:[eventpoll]", O_RDWR, ep);
	if (!f) {
		kfree(ep);
		return -ENOMEM;
	}
	ep->file = f;
	fd = fd_alloc(f, 0, flags & EPOLL_CLOEXEC);
	file_put(f);
	return fd;
}

long sys_epoll_create1(unsigned long *a)
{
	return epoll_create((unsigned int)a[0]);
}

long sys_epoll_create(unsigned long *a)
{
	return (int)a[0] > 0 ? epoll_create(0) : -EINVAL;
}
