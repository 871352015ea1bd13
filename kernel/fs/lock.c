/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File locks: flock(2) (owner: the open file, whole file), POSIX record locks (owner: the descriptor table, that is the
 * process), and OFD locks (record locks whose owner is the open file). An inode's locks are one list, inode->locks:
 *  1. within one owner of record locks, ranges are sorted by start, do not overlap, and neighbours of one type are merged;
 *  2. locks of different owners that overlap are all read locks (per kind: flock and record locks do not see each other);
 *  3. a lock is released by its owner's close, so no lock outlives its owner: owners are compared, never followed.
 * Ends are inclusive; OFFSET_END means "to infinity".
 *
 * Locks, in order: table lock (one of TABLES, by inode address) -> graph_lock. The table lock guards the lists of its
 * inodes; graph_lock guards who waits for whom, which only blocking POSIX requests look at. Waiters sleep on
 * inode->lock_wait with neither held.
 */
#include "kernel/fs/lock.h"

#include <linux/errno.h>
#include <linux/fcntl.h>

#include "kernel/fs/file.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/task.h"
#include "lib/base/hash.h"
#include "lib/base/string.h"

#define TABLES 64
#define GRAPH_BUCKETS 64
#define GRAPH_STEPS 64 /* a longer chain of waiters counts as a deadlock not found, as on Linux */
#define LOCKS_PER_INODE 65536
#define OFFSET_END INT64_MAX

#define LOCK_SHARED 1 /* flock(2)'s LOCK_* words: <sys/file.h> is libc's */
#define LOCK_EXCLUSIVE 2
#define LOCK_NONBLOCK 4
#define LOCK_UNLOCK 8

enum lock_kind { KIND_FLOCK, KIND_POSIX, KIND_OFD };

struct file_lock {
	struct list link; /* inode->locks */
	enum lock_kind kind;
	short type; /* F_RDLCK, F_WRLCK */
	int pid;    /* told by F_GETLK; -1 for OFD */
	int64_t start, end;
	const void *owner; /* struct file or struct fd_table */
};

/* A POSIX request that sleeps: `owner` waits for `blocker`. */
struct lock_waiter {
	struct list link;
	const void *owner, *blocker;
};

struct lock_request {
	struct inode *inode;
	struct file_lock want; /* type may be F_UNLCK */
	struct file_lock *spare[2];
	struct lock_waiter waiter;
	bool waits; /* a POSIX request that may sleep: watch for deadlocks */
	int result;
};

static struct mutex tables[TABLES];
static struct mutex graph_lock;
static struct list graph[GRAPH_BUCKETS];
static uint32_t graph_ready;

static struct mutex *table_of(const struct inode *inode)
{
	return &tables[hash_u64((uintptr_t)inode) % TABLES];
}

static struct list *graph_bucket(const void *owner)
{
	struct list *b;

	/* graph_lock held. */
	if (!graph_ready) {
		for (size_t i = 0; i < GRAPH_BUCKETS; i++)
			list_init(&graph[i]);
		graph_ready = 1;
	}
	b = &graph[hash_u64((uintptr_t)owner) % GRAPH_BUCKETS];
	return b;
}

static bool kinds_meet(enum lock_kind a, enum lock_kind b)
{
	return (a == KIND_FLOCK) == (b == KIND_FLOCK);
}

static bool same_owner(const struct file_lock *a, const struct file_lock *b)
{
	return a->kind == b->kind && a->owner == b->owner;
}

/* First lock that stands in the way of `want`, or NULL. Table lock held. */
static struct file_lock *find_conflict(struct inode *inode, const struct file_lock *want)
{
	struct file_lock *l;

	list_for_each(l, &inode->locks, link) {
		if (!kinds_meet(l->kind, want->kind) || same_owner(l, want))
			continue;
		if (l->type != F_WRLCK && want->type != F_WRLCK)
			continue;
		if (l->start <= want->end && want->start <= l->end)
			return l;
	}
	return NULL;
}

/* --- deadlocks between POSIX owners --------------------------------------------------------------------------- */

/* Would `owner`, waiting for `blocker`, wait for itself? graph_lock held. */
static bool graph_cycle(const void *owner, const void *blocker)
{
	struct lock_waiter *w, *found;
	int steps = 0;

	while (blocker && steps++ < GRAPH_STEPS) {
		if (blocker == owner)
			return true;
		found = NULL;
		list_for_each(w, graph_bucket(blocker), link) {
			if (w->owner == blocker) {
				found = w;
				break;
			}
		}
		blocker = found ? found->blocker : NULL;
	}
	return false;
}

static int graph_wait(struct lock_waiter *w, const void *owner, const void *blocker)
{
	int r = 0;

	mutex_lock(&graph_lock);
	list_remove(&w->link);
	w->owner = owner;
	w->blocker = blocker;
	if (graph_cycle(owner, blocker))
		r = -EDEADLK;
	else
		list_add(graph_bucket(owner), &w->link);
	mutex_unlock(&graph_lock);
	return r;
}

static void graph_leave(struct lock_waiter *w)
{
	if (list_empty(&w->link))
		return;
	mutex_lock(&graph_lock);
	list_remove(&w->link);
	mutex_unlock(&graph_lock);
}

/* --- record locks: one owner's ranges ---------------------------------------------------------------------------- */

static struct file_lock *take_spare(struct lock_request *q)
{
	struct file_lock *l = q->spare[0];

	q->spare[0] = q->spare[1];
	q->spare[1] = NULL;
	assert(l);
	return l;
}

static size_t count_locks(struct inode *inode)
{
	struct file_lock *l;
	size_t n = 0;

	list_for_each(l, &inode->locks, link)
		n++;
	return n;
}

/*
 * Cuts [want.start, want.end] out of the owner's ranges, then puts the new range in (unless F_UNLCK), merged with
 * neighbours of the same type. Needs at most two spare locks: a range split in the middle, and the new one.
 * Table lock held. True if somebody may now get in.
 */
static bool apply_record(struct lock_request *q)
{
	struct inode *inode = q->inode;
	struct file_lock *l, *tmp, *part, *want = &q->want;
	struct list *place = &inode->locks;
	int64_t start = want->start, end = want->end;
	bool opened = false;

	list_for_each_safe(l, tmp, &inode->locks, link) {
		if (!same_owner(l, want))
			continue;
		if (l->type == want->type && (l->end == OFFSET_END || l->end + 1 >= start) &&
		    (end == OFFSET_END || l->start <= end + 1)) {
			/* Same type, overlapping or adjacent: swallow it. */
			start = MIN(start, l->start);
			end = MAX(end, l->end);
			list_remove(&l->link);
			kfree(l);
			continue;
		}
		if (l->end < want->start || l->start > want->end)
			continue;
		opened = true;
		if (l->start < want->start && l->end > want->end) {
			part = take_spare(q);
			*part = *l;
			part->start = want->end + 1;
			l->end = want->start - 1;
			list_add(&l->link, &part->link);
		} else if (l->start < want->start) {
			l->end = want->start - 1;
		} else if (l->end > want->end) {
			l->start = want->end + 1;
		} else {
			list_remove(&l->link);
			kfree(l);
		}
	}
	if (want->type == F_UNLCK)
		return opened;
	list_for_each(l, &inode->locks, link) {
		if (same_owner(l, want) && l->start > start)
			break;
		place = &l->link;
	}
	part = take_spare(q);
	*part = *want;
	part->start = start;
	part->end = end;
	list_add(place, &part->link);
	/* A write lock turned into a read lock lets readers in. */
	return opened && want->type == F_RDLCK;
}

/* flock: one lock a file; a conversion gives up the old one first, as Linux does. */
static bool apply_flock(struct lock_request *q)
{
	struct file_lock *l;

	l = take_spare(q);
	*l = q->want;
	list_add_tail(&q->inode->locks, &l->link);
	return false;
}

/* Drops the owner's flock unless it is already of type `keep`: true if it is. Table lock held. */
static bool drop_flock(struct inode *inode, const struct file_lock *want, bool *ret_dropped)
{
	struct file_lock *l, *tmp;

	list_for_each_safe(l, tmp, &inode->locks, link) {
		if (!same_owner(l, want))
			continue;
		if (l->type == want->type)
			return true;
		list_remove(&l->link);
		kfree(l);
		*ret_dropped = true;
		break;
	}
	return false;
}

/* One try: true when the request is decided (q->result), false to sleep (then -EAGAIN is in q->result). */
static bool lock_try(struct lock_request *q)
{
	struct mutex *table = table_of(q->inode);
	struct file_lock *other, *want = &q->want;
	bool opened = false;

	mutex_lock(table);
	q->result = 0;
	if (want->kind == KIND_FLOCK && drop_flock(q->inode, want, &opened))
		goto out;
	if (want->type != F_UNLCK) {
		other = find_conflict(q->inode, want);
		if (other) {
			q->result = -EAGAIN;
			if (q->waits && other->kind == KIND_POSIX &&
			    graph_wait(&q->waiter, want->owner, other->owner))
				q->result = -EDEADLK;
			goto out;
		}
		if (count_locks(q->inode) >= LOCKS_PER_INODE) {
			q->result = -ENOLCK;
			goto out;
		}
	}
	if (want->kind != KIND_FLOCK)
		opened = apply_record(q);
	else if (want->type != F_UNLCK)
		opened |= apply_flock(q);
out:
	mutex_unlock(table);
	if (opened)
		wake_all(&q->inode->lock_wait, ~0u);
	return q->result != -EAGAIN;
}

static int lock_do(struct lock_request *q, bool blocking)
{
	int r = 0;

	list_init(&q->waiter.link);
	q->waits = blocking && q->want.kind == KIND_POSIX;
	for (size_t i = 0; i < ARRAY_SIZE(q->spare); i++) {
		q->spare[i] = kmalloc(sizeof(struct file_lock));
		if (!q->spare[i]) {
			r = -ENOMEM;
			goto out;
		}
	}
	if (!blocking)
		lock_try(q);
	else
		r = WAIT_EVENT(&q->inode->lock_wait, lock_try(q), NEVER);
	if (r == -EINTR)
		r = -ERESTARTSYS;
	else
		r = q->result;
	graph_leave(&q->waiter);
out:
	for (size_t i = 0; i < ARRAY_SIZE(q->spare); i++)
		kfree(q->spare[i]);
	return r;
}

/* --- fcntl ---------------------------------------------------------------------------------------------------------- */

/* The application's range as [start, end]. */
static int range_from_user(struct file *f, const struct flock *u, struct file_lock *l)
{
	int64_t base, end;

	switch (u->l_whence) {
	case 0: /* SEEK_SET */
		base = 0;
		break;
	case 1:
		base = (int64_t)__atomic_load_n(&f->pos, __ATOMIC_RELAXED);
		break;
	case 2:
		base = (int64_t)inode_size(f->inode);
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, (int64_t)u->l_start, &l->start))
		return -EOVERFLOW;
	if (l->start < 0)
		return -EINVAL;
	if (u->l_len > 0) {
		if (__builtin_add_overflow(l->start, (int64_t)u->l_len - 1, &end))
			return -EOVERFLOW;
		l->end = end;
	} else if (u->l_len < 0) {
		if (l->start + u->l_len < 0)
			return -EINVAL;
		l->end = l->start - 1;
		l->start += u->l_len;
	} else {
		l->end = OFFSET_END;
	}
	return 0;
}

static long lock_get(struct lock_request *q, struct flock *u)
{
	struct mutex *table = table_of(q->inode);
	struct file_lock *other;

	mutex_lock(table);
	other = find_conflict(q->inode, &q->want);
	if (!other) {
		u->l_type = F_UNLCK;
	} else {
		u->l_type = other->type;
		u->l_whence = 0;
		u->l_start = other->start;
		u->l_len = other->end == OFFSET_END ? 0 : other->end - other->start + 1;
		u->l_pid = other->pid;
	}
	mutex_unlock(table);
	return 0;
}

long lock_fcntl(struct file *f, int cmd, unsigned long argument)
{
	struct lock_request q;
	struct flock u;
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	long r;

	if (get_user(u, UPTR(argument)))
		return -EFAULT;
	memset(&q, 0, sizeof(q));
	q.inode = f->inode;
	r = range_from_user(f, &u, &q.want);
	if (r)
		return r;
	if (ofd && u.l_pid)
		return -EINVAL;
	q.want.kind = ofd ? KIND_OFD : KIND_POSIX;
	q.want.owner = ofd ? (const void *)f : (const void *)current()->files;
	q.want.pid = ofd ? -1 : current_process()->pid;
	q.want.type = u.l_type;
	switch (u.l_type) {
	case F_RDLCK:
	case F_WRLCK:
		break;
	case F_UNLCK:
		if (cmd != F_GETLK && cmd != F_OFD_GETLK)
			break;
		return -EINVAL;
	default:
		return -EINVAL;
	}

	switch (cmd) {
	case F_GETLK:
	case F_OFD_GETLK:
		r = lock_get(&q, &u);
		if (!r && put_user(u, UPTR(argument)))
			r = -EFAULT;
		return r;
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		if ((u.l_type == F_RDLCK && !file_readable(f)) ||
		    (u.l_type == F_WRLCK && !file_writable(f)))
			return -EBADF;
		return lock_do(&q, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
	default:
		return -EINVAL;
	}
}

long sys_flock(unsigned long *a)
{
	struct lock_request q;
	unsigned int operation = (unsigned int)a[1];
	struct file *f;
	long r;

	memset(&q, 0, sizeof(q));
	switch (operation & ~(unsigned int)LOCK_NONBLOCK) {
	case LOCK_SHARED:
		q.want.type = F_RDLCK;
		break;
	case LOCK_EXCLUSIVE:
		q.want.type = F_WRLCK;
		break;
	case LOCK_UNLOCK:
		q.want.type = F_UNLCK;
		break;
	default:
		return -EINVAL;
	}
	f = fd_get((int)a[0]);
	if (!f)
		return -EBADF;
	r = -EBADF;
	if (q.want.type != F_UNLCK && !file_readable(f) && !file_writable(f))
		goto out;
	q.inode = f->inode;
	q.want.kind = KIND_FLOCK;
	q.want.owner = f;
	q.want.pid = -1;
	q.want.end = OFFSET_END;
	r = lock_do(&q, !(operation & LOCK_NONBLOCK));
out:
	file_put(f);
	return r;
}

/* --- release ---------------------------------------------------------------------------------------------------------- */

static void release_owner(struct inode *inode, const void *owner, bool posix)
{
	struct mutex *table;
	struct file_lock *l, *tmp;
	bool opened = false;

	/* An owner's own locks are visible to it without the table lock; others' don't matter. */
	if (list_empty(&inode->locks))
		return;
	table = table_of(inode);
	mutex_lock(table);
	list_for_each_safe(l, tmp, &inode->locks, link) {
		if (l->owner != owner || (l->kind == KIND_POSIX) != posix)
			continue;
		list_remove(&l->link);
		kfree(l);
		opened = true;
	}
	mutex_unlock(table);
	if (opened)
		wake_all(&inode->lock_wait, ~0u);
}

void lock_release_posix(struct file *f, struct fd_table *owner)
{
	release_owner(f->inode, owner, true);
}

void lock_release_file(struct file *f)
{
	release_owner(f->inode, f, false);
}

void lock_for_each(struct inode *inode,
		   void (*fn)(int kind, int type, uint64_t start, uint64_t end, int pid, void *arg),
		   void *arg)
{
	struct mutex *table = table_of(inode);
	struct file_lock *l;

	mutex_lock(table);
	list_for_each(l, &inode->locks, link)
		fn(l->kind, l->type, (uint64_t)l->start, (uint64_t)l->end, l->pid, arg);
	mutex_unlock(table);
}
