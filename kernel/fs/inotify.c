/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inotify. An instance is a file; a watch joins an instance to an inode, which it holds. Events queue up in the
 * instance, bounded by QUEUE_MAX: after that one overflow event, and nothing until the reader catches up. An event
 * equal to the last one queued is merged with it.
 *
 * A watch is alive while `alive`; whoever clears it (rm_watch, the last IN_ONESHOT event, deletion of the inode,
 * release of the instance) takes it off both lists and drops the lists' one reference; the reference to the inode goes when the
 * watch is freed, with no lock held.
 *
 * Locks, in order: watch lock (one of TABLES, by inode address: guards inode->watches and `alive`, `mask` of watches
 * on these inodes) -> inotify.lock (events, tree of watches) -> its wait queue. notify_* may be called with inode
 * locks held; nothing here takes one except inode_put of watches, done last.
 */
#include <linux/inotify.h>

#include <asm/ioctls.h>
#include <linux/errno.h>
#include <linux/fcntl.h>

#include "kernel/fs/file.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/task.h"
#include "lib/base/fmt.h"
#include "lib/base/hash.h"
#include "lib/base/rbtree.h"
#include "lib/base/string.h"

#define TABLES 64
#define QUEUE_MAX 16384
#define WATCHES_MAX 65536  /* of one instance */
#define INSTANCES_MAX 1024 /* in the enclave */
#define EVENT_BATCH 4096   /* bytes gathered in kernel memory before they are copied out */
#define NAME_PAD 16u	   /* names are padded to multiples of struct inotify_event's size */
#define MASK_FLAGS                                                                                \
	(IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR | \
	 IN_ONESHOT)
#define LOOKUP_FLAGS ((uint32_t)(IN_MASK_ADD | IN_MASK_CREATE | IN_ONLYDIR | IN_DONT_FOLLOW))
#define MASK_EVENTS (IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED)

struct inotify {
	struct mutex lock;
	struct refcount refs; /* the file, and each watch */
	struct list events;
	size_t count, bytes; /* queued; bytes as read() will show them */
	bool overflowed, closed;
	struct rb_tree watches; /* by wd */
	size_t watch_count;
	int next_wd;
	struct wait_queue wait;
};

struct watch {
	struct refcount refs; /* the two lists together hold one */
	struct list link;     /* inode->watches */
	struct rb_node node;
	struct inotify *inotify;
	struct inode *inode;
	int wd;
	uint32_t mask;
	bool alive;
};

/* struct inotify_event without the name. */
struct event_head {
	int32_t wd;
	uint32_t mask, cookie, len;
};
_Static_assert(sizeof(struct event_head) == sizeof(struct inotify_event), "as read() shows it");

struct event {
	struct list link;
	struct event_head e;
	char name[]; /* e.len bytes, padded with NUL */
};

uint32_t inotify_watch_count;
static uint32_t instance_count;
static struct mutex tables[TABLES];

static struct mutex *table_of(const struct inode *inode)
{
	return &tables[hash_u64((uintptr_t)inode) % TABLES];
}

static void inotify_put(struct inotify *n)
{
	struct event *e, *tmp;

	if (!ref_put(&n->refs))
		return;
	list_for_each_safe(e, tmp, &n->events, link)
		kfree(e);
	kfree(n);
	__atomic_sub_fetch(&instance_count, 1, __ATOMIC_RELAXED);
}

static void watch_put(struct watch *w)
{
	if (!ref_put(&w->refs))
		return;
	inode_put(w->inode);
	inotify_put(w->inotify);
	kfree(w);
}

/* --- queue ----------------------------------------------------------------------------------------------------------- */

static struct event *event_new(int wd, uint32_t mask, uint32_t cookie, const char *name)
{
	size_t len = name ? strlen(name) + 1 : 0, padded = ROUND_UP(len, NAME_PAD);
	struct event *e = kmalloc(sizeof(*e) + padded);

	if (!e)
		return NULL;
	e->e.wd = wd;
	e->e.mask = mask;
	e->e.cookie = cookie;
	e->e.len = (uint32_t)padded;
	memset(e->name, 0, padded);
	if (len)
		memcpy(e->name, name, len);
	return e;
}

static bool event_equal(const struct event *a, const struct event *b)
{
	return a->e.wd == b->e.wd && a->e.mask == b->e.mask && a->e.cookie == b->e.cookie &&
	       a->e.len == b->e.len && memcmp(a->name, b->name, a->e.len) == 0;
}

/* inotify.lock held. Takes over `e` (NULL: out of memory, told as an overflow). */
static void queue_add(struct inotify *n, struct event *e)
{
	struct event *last;

	if (!e || (n->count >= QUEUE_MAX && !(e->e.mask & IN_Q_OVERFLOW))) {
		kfree(e);
		if (n->overflowed)
			return;
		e = event_new(-1, IN_Q_OVERFLOW, 0, NULL);
		if (!e)
			return;
		n->overflowed = true;
	}
	if (!list_empty(&n->events)) {
		last = list_entry(n->events.prev, struct event, link);
		if (event_equal(last, e)) {
			kfree(e);
			return;
		}
	}
	list_add_tail(&n->events, &e->link);
	n->count++;
	n->bytes += sizeof(e->e) + e->e.len;
}

static void post(struct inotify *n, int wd, uint32_t mask, uint32_t cookie, const char *name)
{
	struct event *e = event_new(wd, mask, cookie, name);

	mutex_lock(&n->lock);
	if (n->closed)
		kfree(e);
	else
		queue_add(n, e);
	mutex_unlock(&n->lock);
	wake(&n->wait, POLLBIT_IN | POLLBIT_RDNORM);
}

/* --- watches ------------------------------------------------------------------------------------------------------------ */

static struct watch *find_wd(struct inotify *n, int wd)
{
	struct rb_node *at = n->watches.root;
	struct watch *w;

	while (at) {
		w = rb_entry(at, struct watch, node);
		if (w->wd == wd)
			return w;
		at = wd < w->wd ? at->left : at->right;
	}
	return NULL;
}

static void insert_wd(struct inotify *n, struct watch *w)
{
	struct rb_node **link = &n->watches.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = w->wd < rb_entry(parent, struct watch, node)->wd ? &parent->left
									: &parent->right;
	}
	rb_insert(&n->watches, &w->node, parent, link);
}

/* Watch lock held, w alive. The caller drops the lists' reference after unlocking. */
static void watch_detach(struct watch *w)
{
	struct inotify *n = w->inotify;

	w->alive = false;
	list_remove(&w->link);
	mutex_lock(&n->lock);
	rb_remove(&n->watches, &w->node);
	n->watch_count--;
	mutex_unlock(&n->lock);
	__atomic_sub_fetch(&inotify_watch_count, 1, __ATOMIC_RELAXED);
}

/* What stays in the mask of events that go out, besides the event's own bit. */
static void notify_watches(struct inode *inode, uint32_t mask, const char *name, uint32_t cookie)
{
	struct mutex *table;
	struct watch *w, *tmp, *dead = NULL;
	struct list dead_list;
	uint32_t events = mask & MASK_EVENTS;
	bool ends = events & (IN_DELETE_SELF | IN_UNMOUNT);

	list_init(&dead_list);
	table = table_of(inode);
	mutex_lock(table);
	list_for_each_safe(w, tmp, &inode->watches, link) {
		if ((events & w->mask) || (events & IN_UNMOUNT))
			post(w->inotify, w->wd, mask & (MASK_EVENTS | IN_ISDIR), cookie, name);
		if (ends || ((w->mask & IN_ONESHOT) && (events & w->mask))) {
			post(w->inotify, w->wd, IN_IGNORED, 0, NULL);
			watch_detach(w);
			list_add(&dead_list, &w->link);
		}
	}
	mutex_unlock(table);
	while (!list_empty(&dead_list)) {
		dead = list_first(&dead_list, struct watch, link);
		list_remove(&dead->link);
		watch_put(dead);
	}
}

void notify_inode(struct inode *inode, uint32_t mask)
{
	if (likely(list_empty(&inode->watches)))
		return;
	if (S_ISDIR(inode->mode))
		mask |= IN_ISDIR;
	notify_watches(inode, mask, NULL, 0);
}

void notify_child(struct inode *dir, uint32_t mask, const char *name, uint32_t cookie)
{
	if (likely(list_empty(&dir->watches)))
		return;
	notify_watches(dir, mask, name, cookie);
}

/* --- the file ------------------------------------------------------------------------------------------------------------- */

static bool queue_ready(struct inotify *n)
{
	return !list_empty(&n->events);
}

/* Moves whole events that fit into `to`: bytes, 0 if there are none, -EINVAL if the first does not fit. */
static long queue_take(struct inotify *n, char *to, size_t size)
{
	struct event *e;
	size_t used = 0, need;
	long r = 0;

	mutex_lock(&n->lock);
	while (!list_empty(&n->events)) {
		e = list_first(&n->events, struct event, link);
		need = sizeof(e->e) + e->e.len;
		if (need > size - used) {
			if (!used)
				r = -EINVAL;
			break;
		}
		memcpy(to + used, &e->e, sizeof(e->e));
		memcpy(to + used + sizeof(e->e), e->name, e->e.len);
		used += need;
		list_remove(&e->link);
		n->count--;
		n->bytes -= need;
		if (e->e.mask & IN_Q_OVERFLOW)
			n->overflowed = false;
		kfree(e);
	}
	mutex_unlock(&n->lock);
	return r ? r : (long)used;
}

static long inotify_read(struct file *f, struct uio *io, uint64_t *pos)
{
	struct inotify *n = f->private_data;
	size_t done = 0;
	char *buffer;
	long r;

	(void)pos;
	buffer = kmalloc(EVENT_BATCH);
	if (!buffer)
		return -ENOMEM;
	for (;;) {
		r = queue_take(n, buffer, MIN(io->left, (size_t)EVENT_BATCH));
		if (r > 0) {
			if (uio_put(io, buffer, (size_t)r) != (size_t)r) {
				r = -EFAULT;
				break;
			}
			done += (size_t)r;
			continue;
		}
		if (done || r < 0)
			break;
		if (f->flags & O_NONBLOCK) {
			r = -EAGAIN;
			break;
		}
		r = WAIT_EVENT_KEY(&n->wait, POLLBIT_IN, queue_ready(n), NEVER);
		if (r) {
			r = -ERESTARTSYS;
			break;
		}
	}
	kfree(buffer);
	return done ? (long)done : r;
}

static unsigned int inotify_poll(struct file *f, struct poll_table *pt)
{
	struct inotify *n = f->private_data;

	poll_wait(f, &n->wait, pt);
	return queue_ready(n) ? POLLBIT_IN | POLLBIT_RDNORM : 0;
}

static long inotify_ioctl(struct file *f, unsigned int request, unsigned long argument)
{
	struct inotify *n = f->private_data;
	int bytes;

	if (request != FIONREAD)
		return -ENOTTY;
	mutex_lock(&n->lock);
	bytes = (int)n->bytes;
	mutex_unlock(&n->lock);
	return put_user(bytes, UPTR(argument)) ? -EFAULT : 0;
}

/* Ends one watch of an instance, if it is still alive; ignored: tell the reader. w is counted by the caller. */
static bool watch_end(struct watch *w, bool ignored)
{
	struct mutex *table = table_of(w->inode);
	bool was;

	mutex_lock(table);
	was = w->alive;
	if (was) {
		if (ignored)
			post(w->inotify, w->wd, IN_IGNORED, 0, NULL);
		watch_detach(w);
	}
	mutex_unlock(table);
	if (was)
		watch_put(w);
	return was;
}

static void inotify_release(struct file *f)
{
	struct inotify *n = f->private_data;
	struct rb_node *first;
	struct watch *w;

	mutex_lock(&n->lock);
	n->closed = true;
	while ((first = rb_first(&n->watches))) {
		w = rb_entry(first, struct watch, node);
		ref_get(&w->refs);
		mutex_unlock(&n->lock);
		watch_end(w, false);
		watch_put(w);
		mutex_lock(&n->lock);
	}
	mutex_unlock(&n->lock);
	inotify_put(n);
}

static void inotify_show_fdinfo(struct file *f, char *buf, size_t size)
{
	struct inotify *n = f->private_data;
	struct rb_node *at;
	struct watch *w;
	size_t used = 0;
	int len;

	if (size)
		buf[0] = 0;
	mutex_lock(&n->lock);
	for (at = rb_first(&n->watches); at; at = rb_next(at)) {
		w = rb_entry(at, struct watch, node);
		len = fmt_snprintf(buf + used, size - used,
				   "inotify wd:%x ino:%lx sdev:%lx mask:%x ignored_mask:0\n",
				   (unsigned int)w->wd, (unsigned long)w->inode->number,
				   (unsigned long)w->inode->fs->dev, w->mask);
		if (len < 0 || (size_t)len >= size - used) {
			buf[used] = 0;
			break;
		}
		used += (size_t)len;
	}
	mutex_unlock(&n->lock);
}

static const struct file_ops inotify_ops = {
	.read = inotify_read,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.release = inotify_release,
	.show_fdinfo = inotify_show_fdinfo,
};

/* --- system calls --------------------------------------------------------------------------------------------------------- */

static long inotify_create(unsigned int flags)
{
	struct inotify *n;
	struct file *f;
	long r;

	if (flags & ~(unsigned int)(IN_CLOEXEC | IN_NONBLOCK))
		return -EINVAL;
	if (__atomic_add_fetch(&instance_count, 1, __ATOMIC_RELAXED) > INSTANCES_MAX) {
		__atomic_sub_fetch(&instance_count, 1, __ATOMIC_RELAXED);
		return -EMFILE;
	}
	n = kzalloc(sizeof(*n));
	if (!n) {
		__atomic_sub_fetch(&instance_count, 1, __ATOMIC_RELAXED);
		return -ENOMEM;
	}
	ref_init(&n->refs);
	list_init(&n->events);
	wait_queue_init(&n->wait);
	n->next_wd = 1;
	f = file_new_anonymous(&inotify_ops, 0600, "anon_inode:inotify",
			       O_RDONLY | (flags & IN_NONBLOCK), n);
	if (!f) {
		inotify_put(n);
		return -ENOMEM;
	}
	f->stream = true;
	r = fd_alloc(f, 0, flags & IN_CLOEXEC);
	file_put(f);
	return r;
}

long sys_inotify_init(unsigned long *a)
{
	(void)a;
	return inotify_create(0);
}

long sys_inotify_init1(unsigned long *a)
{
	return inotify_create((unsigned int)a[0]);
}

static struct file *inotify_file(int fd, long *ret_error)
{
	struct file *f = fd_get(fd);

	if (!f) {
		*ret_error = -EBADF;
		return NULL;
	}
	if (f->ops != &inotify_ops) {
		*ret_error = -EINVAL;
		file_put(f);
		return NULL;
	}
	return f;
}

/* Changes an existing watch of the instance on the inode: its wd, or -ENOENT. Watch lock held. */
static long watch_update(struct inotify *n, struct inode *inode, uint32_t mask)
{
	struct watch *w;

	list_for_each(w, &inode->watches, link) {
		if (w->inotify != n)
			continue;
		if (mask & IN_MASK_CREATE)
			return -EEXIST;
		if (mask & IN_MASK_ADD)
			w->mask |= mask & ~LOOKUP_FLAGS;
		else
			w->mask = mask & ~LOOKUP_FLAGS;
		return w->wd;
	}
	return -ENOENT;
}

/* inotify.lock held: a descriptor nobody has; they go up and only come back after 2^31 of them. */
static int choose_wd(struct inotify *n)
{
	int wd;

	do {
		wd = n->next_wd;
		n->next_wd = wd == INT32_MAX ? 1 : wd + 1;
	} while (find_wd(n, wd));
	return wd;
}

static long watch_add(struct inotify *n, struct inode *inode, uint32_t mask)
{
	struct mutex *table = table_of(inode);
	struct watch *w = kzalloc(sizeof(*w));
	long r;

	if (!w)
		return -ENOMEM;
	mutex_lock(table);
	r = watch_update(n, inode, mask);
	if (r != -ENOENT)
		goto out;
	r = -ENOSPC;
	mutex_lock(&n->lock);
	if (n->watch_count < WATCHES_MAX) {
		ref_init(&w->refs);
		ref_get(&n->refs);
		w->inotify = n;
		w->inode = inode_get(inode);
		w->mask = mask & ~LOOKUP_FLAGS;
		w->alive = true;
		w->wd = choose_wd(n);
		insert_wd(n, w);
		n->watch_count++;
		list_add_tail(&inode->watches, &w->link);
		__atomic_add_fetch(&inotify_watch_count, 1, __ATOMIC_RELAXED);
		r = w->wd;
		w = NULL;
	}
	mutex_unlock(&n->lock);
out:
	mutex_unlock(table);
	kfree(w);
	return r;
}

long sys_inotify_add_watch(unsigned long *a)
{
	uint32_t mask = (uint32_t)a[2];
	unsigned int lookup = 0;
	struct path p;
	struct file *f;
	long r;

	if ((mask & ~(uint32_t)(MASK_EVENTS | MASK_FLAGS)) || !(mask & (MASK_EVENTS | MASK_FLAGS)))
		return -EINVAL;
	if ((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE))
		return (f = fd_get((int)a[0])) ? (file_put(f), -EINVAL) : -EBADF;
	f = inotify_file((int)a[0], &r);
	if (!f)
		return r;
	if (!(mask & IN_DONT_FOLLOW))
		lookup |= LOOKUP_FOLLOW;
	if (mask & IN_ONLYDIR)
		lookup |= LOOKUP_DIRECTORY;
	r = path_lookup_user(AT_FDCWD, UPTR(a[1]), lookup, &p);
	if (r)
		goto out;
	r = inode_permission(p.dentry->inode, MAY_READ);
	if (!r)
		r = watch_add(f->private_data, p.dentry->inode, mask);
	path_put(&p);
out:
	file_put(f);
	return r;
}

long sys_inotify_rm_watch(unsigned long *a)
{
	struct inotify *n;
	struct watch *w;
	struct file *f;
	long r;

	f = inotify_file((int)a[0], &r);
	if (!f)
		return r;
	n = f->private_data;
	mutex_lock(&n->lock);
	w = find_wd(n, (int)a[1]);
	if (w)
		ref_get(&w->refs);
	mutex_unlock(&n->lock);
	r = -EINVAL;
	if (w) {
		if (watch_end(w, true))
			r = 0;
		watch_put(w);
	}
	file_put(f);
	return r;
}
