/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX message queues. A queue is an inode of a file system of its own that has no tree: names are in `names`. Open
 * descriptors and the name hold the inode; the inode owns the queue. Messages are sorted by priority, then by arrival.
 * Locks: names_lock (names, totals) -> queue.lock -> wait queues. Messages are copied without a lock.
 */
#include <asm/fcntl.h>
#include <asm/resource.h>
#include <asm/siginfo.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/mqueue.h>

#include "kernel/fs/file.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"
#include "kernel/time/time.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

#define QUEUES_MAX 256
#define MESSAGES_MAX 10
#define MESSAGE_SIZE_MAX 8192
#define MESSAGES_HARD 65536
#define MESSAGE_SIZE_HARD (16 << 20)
#define PRIORITIES 32768u
#define NAME_LEN_MAX 255

struct mq_message {
	struct list link;
	unsigned int priority;
	size_t size;
	char data[];
};

struct mqueue {
	struct mutex lock;
	struct list link;    /* all; names_lock */
	char *name;	     /* NULL once unlinked; names_lock */
	struct inode *inode; /* not counted: it owns us */
	uint32_t owner;	     /* who is charged */
	uint64_t charge;
	long maximum, message_size; /* constant */
	struct list messages;	    /* highest priority first; lock */
	long count;
	size_t bytes;
	unsigned int receivers; /* waiting now */
	struct wait_queue wait; /* POLLIN: messages; POLLOUT: room */
	int notify_pid;		/* 0: nobody */
	int notify_how, notify_signal;
	union sigval notify_value;
};

static struct mutex names_lock;
static struct list queues = LIST_INIT(queues);
static unsigned int queue_count;
static struct filesystem *mqueue_fs;

static const struct file_ops mqueue_ops;

/* Through /proc/PID/fd; mq_open makes its files itself. */
static int mqueue_open(struct inode *inode, struct file *f)
{
	f->private_data = inode->private_data;
	return 0;
}

static const struct inode_ops mqueue_inode_ops = { .open = mqueue_open };

/* --- queues ------------------------------------------------------------------------------------------------------- */

static void mqueue_evict(struct inode *inode)
{
	struct mqueue *q = inode->private_data;
	struct mq_message *m, *next;

	if (!q)
		return;
	mutex_lock(&names_lock);
	list_remove(&q->link);
	queue_count--;
	mutex_unlock(&names_lock);
	list_for_each_safe(m, next, &q->messages, link)
		kfree(m);
	kfree(q->name);
	kfree(q);
	inode->private_data = NULL;
}

static const struct filesystem_ops fs_ops = { .evict = mqueue_evict };
static const struct fs_type mqueue_type = { .name = "mqueue" };

static int make_fs(void)
{
	if (mqueue_fs)
		return 0;
	mqueue_fs = filesystem_new(&mqueue_type, &fs_ops);
	return mqueue_fs ? 0 : -ENOMEM;
}

/* names_lock held. Counted inode, or NULL. */
static struct inode *find_name(const char *name)
{
	struct mqueue *q;

	list_for_each(q, &queues, link)
		if (q->name && str_eq(q->name, name))
			return inode_get(q->inode);
	return NULL;
}

static int check_attributes(const struct mq_attr *a, uint64_t *ret_charge)
{
	bool privileged = capable(CAP_SYS_RESOURCE);
	uint64_t total;

	if (a->mq_maxmsg <= 0 || a->mq_msgsize <= 0)
		return -EINVAL;
	if (a->mq_maxmsg > (privileged ? MESSAGES_HARD : MESSAGES_MAX) ||
	    a->mq_msgsize > (privileged ? MESSAGE_SIZE_HARD : MESSAGE_SIZE_MAX))
		return -EINVAL;
	/* as Linux counts them: a header and a tree node for each message */
	total = (uint64_t)a->mq_maxmsg * ((uint64_t)a->mq_msgsize + 48) +
		MIN((uint64_t)a->mq_maxmsg, (uint64_t)PRIORITIES) * 48;
	*ret_charge = total;
	return 0;
}

/* names_lock held. */
static uint64_t charged_to(uint32_t uid)
{
	uint64_t total = 0;
	struct mqueue *q;

	list_for_each(q, &queues, link)
		if (q->owner == uid)
			total += q->charge;
	return total;
}

static int create_queue(const char *name, uint32_t mode, const struct mq_attr *attr,
			struct inode **ret)
{
	struct mq_attr a = { .mq_maxmsg = MESSAGES_MAX, .mq_msgsize = MESSAGE_SIZE_MAX };
	uint32_t uid = current()->cred->uid;
	struct inode *inode;
	struct mqueue *q;
	uint64_t charge;
	int error;

	if (queue_count >= QUEUES_MAX && !capable(CAP_SYS_RESOURCE))
		return -ENOSPC;
	if (attr)
		a = *attr;
	error = check_attributes(&a, &charge);
	if (error)
		return error;
	if (charged_to(uid) + charge > current_process()->limits[RLIMIT_MSGQUEUE].current)
		return -EMFILE;
	q = kzalloc(sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->name = kstrdup(name);
	inode = q->name ? inode_new(mqueue_fs, S_IFREG | mode) : NULL;
	if (!inode) {
		kfree(q->name);
		kfree(q);
		return -ENOMEM;
	}
	q->inode = inode;
	q->owner = uid;
	q->charge = charge;
	q->maximum = a.mq_maxmsg;
	q->message_size = a.mq_msgsize;
	list_init(&q->messages);
	wait_queue_init(&q->wait);
	inode->private_data = q;
	inode->file_ops = &mqueue_ops;
	inode->ops = &mqueue_inode_ops;
	list_add(&queues, &q->link);
	queue_count++;
	/* one reference stays with the name */
	*ret = inode_get(inode);
	return 0;
}

static int may_open(struct inode *inode, int flags)
{
	static const unsigned int masks[] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE };

	if ((flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	return inode_permission(inode, masks[flags & O_ACCMODE]);
}

/* Counted inode of the queue to open. */
static int find_or_create(const char *name, int flags, uint32_t mode, const struct mq_attr *attr,
			  struct inode **ret)
{
	struct inode *inode = NULL;
	int error;

	mutex_lock(&names_lock);
	error = make_fs();
	if (error)
		goto out;
	inode = find_name(name);
	if (!inode) {
		error = flags & O_CREAT ? create_queue(name, mode, attr, ret) : -ENOENT;
		goto out;
	}
	if ((flags & O_CREAT) && (flags & O_EXCL))
		error = -EEXIST;
	else
		error = may_open(inode, flags);
	if (!error)
		*ret = inode;
out:
	mutex_unlock(&names_lock);
	if (error && inode)
		inode_put(inode);
	return error;
}

static int copy_in_name(struct uptr from, char **ret)
{
	char *name;
	long len;
	int error = 0;

	name = kmalloc(NAME_LEN_MAX + 2);
	if (!name)
		return -ENOMEM;
	len = copy_in_string(name, from, NAME_LEN_MAX + 2);
	if (len < 0)
		error = (int)len;
	else if (len > NAME_LEN_MAX)
		error = -ENAMETOOLONG;
	else if (!len)
		error = -ENOENT;
	else if (strchr(name, '/') || str_eq(name, ".") || str_eq(name, ".."))
		error = -EACCES;
	if (error)
		kfree(name);
	else
		*ret = name;
	return error;
}

long sys_mq_open(unsigned long *a)
{
	int flags = (int)a[1], fd, error;
	uint32_t mode = (uint32_t)a[2] & 0777;
	struct mq_attr attr;
	struct path path = { 0 };
	struct inode *inode = NULL;
	struct file *f;
	char *name, shown[NAME_LEN_MAX + 2];

	if (a[3]) {
		error = get_user(attr, UPTR(a[3]));
		if (error)
			return error;
	}
	error = copy_in_name(UPTR(a[0]), &name);
	if (error)
		return error;
	mode &= ~current()->fs->umask;
	error = find_or_create(name, flags, mode, a[3] ? &attr : NULL, &inode);
	if (error) {
		kfree(name);
		return error;
	}
	fmt_snprintf(shown, sizeof(shown), "/%s", name);
	kfree(name);
	path.dentry = dentry_anonymous(inode, shown);
	inode_put(inode);
	if (!path.dentry)
		return -ENOMEM;
	if (IS_ERR(path.dentry))
		return PTR_ERR(path.dentry);
	f = file_new(&mqueue_ops, &path, (unsigned int)flags & (O_ACCMODE | O_NONBLOCK));
	dentry_put(path.dentry);
	if (!f)
		return -ENOMEM;
	if (IS_ERR(f))
		return PTR_ERR(f);
	f->private_data = f->inode->private_data;
	fd = fd_alloc(f, 0, (flags & O_CLOEXEC) != 0);
	file_put(f);
	return fd;
}

long sys_mq_unlink(unsigned long *a)
{
	struct inode *inode = NULL;
	const struct cred *c = current()->cred;
	char *name;
	int error = copy_in_name(UPTR(a[0]), &name);

	if (error)
		return error;
	mutex_lock(&names_lock);
	inode = find_name(name);
	if (!inode) {
		error = -ENOENT;
	} else if (c->fsuid != inode->uid && !capable(CAP_FOWNER)) {
		/* the mount's root is sticky */
		error = -EPERM;
	} else {
		struct mqueue *q = inode->private_data;

		kfree(q->name);
		q->name = NULL;
	}
	mutex_unlock(&names_lock);
	kfree(name);
	if (inode) {
		inode_put(inode);
		if (!error)
			inode_put(inode); /* the name's */
	}
	return error;
}

/* --- messages ------------------------------------------------------------------------------------------------------ */

/* Counted file of a queue, open for `reading` or writing; NULL: -EBADF. */
static struct file *queue_file(int fd, bool reading, bool any)
{
	struct file *f = fd_get(fd);

	if (!f)
		return NULL;
	if (f->ops != &mqueue_ops || (!any && !(reading ? file_readable(f) : file_writable(f)))) {
		file_put(f);
		return NULL;
	}
	return f;
}

/* Absolute, by the realtime clock. */
static int deadline_realtime(struct uptr from, uint64_t *ret)
{
	struct timespec64_user ts;
	uint64_t now, at;

	*ret = NEVER;
	if (!from.v)
		return 0;
	if (get_user(ts, from))
		return -EFAULT;
	if (ts.sec < 0 || ts.nsec < 0 || ts.nsec >= 1000000000)
		return -EINVAL;
	if (ts.sec > INT64_MAX / 1000000000 - 1)
		return 0;
	at = (uint64_t)ts.sec * 1000000000 + (uint64_t)ts.nsec;
	now = clock_realtime();
	*ret = at > now ? deadline_after(at - now) : clock_monotonic();
	return 0;
}

/* lock held. Who asked to be told of the first message is told once; the caller sends after unlocking. */
static int take_notification(struct mqueue *q, siginfo_t *info)
{
	int pid = q->notify_pid;

	q->notify_pid = 0;
	if (!pid || q->notify_how != SIGEV_SIGNAL || !q->notify_signal)
		return 0;
	memset(info, 0, sizeof(*info));
	info->si_signo = q->notify_signal;
	info->si_code = SI_MESGQ;
	info->si_pid = current_process()->pid;
	info->si_uid = current()->cred->uid;
	info->si_value = q->notify_value;
	return pid;
}

#define AGAIN 1 /* full, or empty */

static int try_send(struct mqueue *q, struct mq_message *m)
{
	struct process *to;
	siginfo_t info;
	struct list *at;
	int pid = 0;

	mutex_lock(&q->lock);
	if (q->count >= q->maximum) {
		mutex_unlock(&q->lock);
		return AGAIN;
	}
	for (at = q->messages.prev; at != &q->messages; at = at->prev)
		if (list_entry(at, struct mq_message, link)->priority >= m->priority)
			break;
	list_insert_between(&m->link, at, at->next);
	q->bytes += m->size;
	if (!q->count++ && !q->receivers)
		pid = take_notification(q, &info);
	mutex_unlock(&q->lock);
	wake(&q->wait, POLLBIT_IN | POLLBIT_RDNORM);
	if (pid) {
		to = process_find(pid);
		if (to) {
			(void)signal_send_process(to, &info);
			process_put(to);
		}
	}
	return 0;
}

static struct mq_message *try_receive(struct mqueue *q)
{
	struct mq_message *m = NULL;

	mutex_lock(&q->lock);
	if (!list_empty(&q->messages)) {
		m = list_first(&q->messages, struct mq_message, link);
		list_remove(&m->link);
		q->count--;
		q->bytes -= m->size;
	}
	mutex_unlock(&q->lock);
	if (m)
		wake(&q->wait, POLLBIT_OUT | POLLBIT_WRNORM);
	return m;
}

static void count_receiver(struct mqueue *q, bool waiting)
{
	mutex_lock(&q->lock);
	q->receivers += waiting ? 1 : (unsigned int)-1;
	mutex_unlock(&q->lock);
}

static long sleep_error(int error)
{
	return error == -ETIMEDOUT ? -ETIMEDOUT : -ERESTARTSYS;
}

long sys_mq_timedsend(unsigned long *a)
{
	size_t size = a[2];
	unsigned int priority = (unsigned int)a[3];
	struct mq_message *m;
	struct mqueue *q;
	struct file *f;
	uint64_t deadline;
	int result, slept;
	long error;

	error = deadline_realtime(UPTR(a[4]), &deadline);
	if (error)
		return error;
	if (priority >= PRIORITIES)
		return -EINVAL;
	f = queue_file((int)a[0], false, false);
	if (!f)
		return -EBADF;
	q = f->private_data;
	error = -EMSGSIZE;
	if (size > (size_t)q->message_size)
		goto put;
	error = -ENOMEM;
	m = kmalloc(sizeof(*m) + size);
	if (!m)
		goto put;
	m->priority = priority;
	m->size = size;
	error = copy_in(m->data, UPTR(a[1]), size);
	if (error)
		goto free;
	result = try_send(q, m);
	if (result == AGAIN && (f->flags & O_NONBLOCK)) {
		error = -EAGAIN;
		goto free;
	}
	if (result == AGAIN) {
		slept = WAIT_EVENT_KEY(&q->wait, POLLBIT_OUT, (result = try_send(q, m)) != AGAIN,
				       deadline);
		if (slept) {
			error = sleep_error(slept);
			goto free;
		}
	}
	error = 0;
	goto put;
free:
	kfree(m);
put:
	file_put(f);
	return error;
}

long sys_mq_timedreceive(unsigned long *a)
{
	size_t size = a[2];
	struct mq_message *m;
	struct mqueue *q;
	struct file *f;
	uint64_t deadline;
	long result;
	int slept;

	result = deadline_realtime(UPTR(a[4]), &deadline);
	if (result)
		return result;
	f = queue_file((int)a[0], true, false);
	if (!f)
		return -EBADF;
	q = f->private_data;
	result = -EMSGSIZE;
	if (size < (size_t)q->message_size)
		goto put;
	m = try_receive(q);
	result = -EAGAIN;
	if (!m && (f->flags & O_NONBLOCK))
		goto put;
	if (!m) {
		count_receiver(q, true);
		slept = WAIT_EVENT_KEY(&q->wait, POLLBIT_IN, (m = try_receive(q)) != NULL,
				       deadline);
		count_receiver(q, false);
		result = sleep_error(slept);
		if (slept)
			goto put;
	}
	result = (long)m->size;
	if (a[3] && put_user(m->priority, UPTR(a[3])))
		result = -EFAULT;
	if (copy_out(UPTR(a[1]), m->data, m->size))
		result = -EFAULT;
	kfree(m);
put:
	file_put(f);
	return result;
}

/* --- attributes, notification, file operations --------------------------------------------------------------------- */

long sys_mq_getsetattr(unsigned long *a)
{
	struct mq_attr new, old = { 0 };
	struct mqueue *q;
	struct file *f;
	int error = 0;

	if (a[1]) {
		error = get_user(new, UPTR(a[1]));
		if (error)
			return error;
		if (new.mq_flags & ~O_NONBLOCK)
			return -EINVAL;
	}
	f = queue_file((int)a[0], false, true);
	if (!f)
		return -EBADF;
	q = f->private_data;
	mutex_lock(&q->lock);
	old.mq_flags = f->flags & O_NONBLOCK;
	old.mq_maxmsg = q->maximum;
	old.mq_msgsize = q->message_size;
	old.mq_curmsgs = q->count;
	mutex_unlock(&q->lock);
	if (a[1] && (new.mq_flags &O_NONBLOCK))
		__atomic_fetch_or(&f->flags, O_NONBLOCK, __ATOMIC_RELAXED);
	else if (a[1])
		__atomic_fetch_and(&f->flags, ~(unsigned int)O_NONBLOCK, __ATOMIC_RELAXED);
	if (a[2])
		error = put_user(old, UPTR(a[2]));
	file_put(f);
	return error;
}

/* SIGEV_THREAD is libc's: it wants a netlink socket to carry its cookie, which is not there. */
static int check_event(const struct sigevent *e)
{
	if (e->sigev_notify != SIGEV_NONE && e->sigev_notify != SIGEV_SIGNAL)
		return -EINVAL;
	if (e->sigev_notify == SIGEV_SIGNAL && (e->sigev_signo < 0 || e->sigev_signo > SIGNAL_MAX))
		return -EINVAL;
	return 0;
}

long sys_mq_notify(unsigned long *a)
{
	int pid = current_process()->pid, error = 0;
	struct sigevent event;
	struct mqueue *q;
	struct file *f;

	if (a[1]) {
		error = get_user(event, UPTR(a[1]));
		if (!error)
			error = check_event(&event);
		if (error)
			return error;
	}
	f = queue_file((int)a[0], false, true);
	if (!f)
		return -EBADF;
	q = f->private_data;
	mutex_lock(&q->lock);
	if (!a[1]) {
		if (q->notify_pid == pid)
			q->notify_pid = 0;
	} else if (q->notify_pid) {
		error = -EBUSY;
	} else {
		q->notify_pid = pid;
		q->notify_how = event.sigev_notify;
		q->notify_signal = event.sigev_signo;
		q->notify_value = event.sigev_value;
	}
	mutex_unlock(&q->lock);
	file_put(f);
	return error;
}

/* Closing any descriptor of the queue ends the process's registration. */
static int mqueue_flush(struct file *f)
{
	struct mqueue *q = f->private_data;

	mutex_lock(&q->lock);
	if (q->notify_pid == current_process()->pid)
		q->notify_pid = 0;
	mutex_unlock(&q->lock);
	return 0;
}

static long mqueue_read(struct file *f, struct uio *io, uint64_t *pos)
{
	struct mqueue *q = f->private_data;
	char text[80];
	size_t len, count;

	mutex_lock(&q->lock);
	len = (size_t)fmt_snprintf(
		text, sizeof(text), "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n",
		q->bytes, q->notify_pid ? q->notify_how : 0,
		q->notify_pid && q->notify_how == SIGEV_SIGNAL ? q->notify_signal : 0,
		q->notify_pid);
	mutex_unlock(&q->lock);
	if (*pos >= len)
		return 0;
	count = MIN(len - (size_t)*pos, io->left);
	if (uio_put(io, text + *pos, count) < count)
		return -EFAULT;
	*pos += count;
	return (long)count;
}

static unsigned int mqueue_poll(struct file *f, struct poll_table *pt)
{
	struct mqueue *q = f->private_data;
	unsigned int ready = 0;

	poll_wait(f, &q->wait, pt);
	mutex_lock(&q->lock);
	if (q->count)
		ready |= POLLBIT_IN | POLLBIT_RDNORM;
	if (q->count < q->maximum)
		ready |= POLLBIT_OUT | POLLBIT_WRNORM;
	mutex_unlock(&q->lock);
	return ready;
}

static const struct file_ops mqueue_ops = {
	.read = mqueue_read,
	.poll = mqueue_poll,
	.flush = mqueue_flush,
};
