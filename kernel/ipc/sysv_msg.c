/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V message queues: msgget, msgsnd, msgrcv, msgctl.
 *
 * A queue is a list of messages in order of arrival, guarded by its object lock. Senders wait for room on send_wait,
 * receivers for a message they want on receive_wait; each tries again under the lock when woken. Messages are copied
 * from and to user memory without the lock.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/msg.h>

#include "kernel/ipc/sysv_ids.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

#define MESSAGE_MAX 8192
#define QUEUE_BYTES 16384
#define READ_ALL 0444u
#define WRITE_ALL 0222u

struct message {
	struct list link;
	long type;
	size_t size;
	char data[];
};

struct msg_queue {
	struct sysv_object object;
	struct list messages;
	size_t bytes, count, bytes_max;
	uint64_t sent, received, changed;
	int last_sender, last_receiver;
	struct wait_queue send_wait, receive_wait;
};

static void queue_free(struct sysv_object *o);
static struct sysv_ids msg_ids = { .free = queue_free };
static uint64_t total_bytes, total_messages;

static struct msg_queue *queue_of(struct sysv_object *o)
{
	return container_of(o, struct msg_queue, object);
}

static void queue_free(struct sysv_object *o)
{
	struct msg_queue *q = queue_of(o);
	struct message *m, *next;

	list_for_each_safe(m, next, &q->messages, link)
		kfree(m);
	__atomic_fetch_sub(&total_bytes, q->bytes, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&total_messages, q->count, __ATOMIC_RELAXED);
	kfree(q);
}

static struct msg_queue *queue_get(int id)
{
	struct sysv_object *o = sysv_get(&msg_ids, id);

	return IS_ERR(o) ? ERR_PTR(PTR_ERR(o)) : queue_of(o);
}

static void queue_put(struct msg_queue *q)
{
	sysv_put(&msg_ids, &q->object);
}

static struct sysv_object *queue_create(void *arg)
{
	struct msg_queue *q = kzalloc(sizeof(*q));

	(void)arg;
	if (!q)
		return ERR_PTR(-ENOMEM);
	list_init(&q->messages);
	wait_queue_init(&q->send_wait);
	wait_queue_init(&q->receive_wait);
	q->bytes_max = QUEUE_BYTES;
	q->changed = sysv_now();
	return &q->object;
}

long sys_msgget(unsigned long *a)
{
	return sysv_open(&msg_ids, (int)a[0], (int)a[1], queue_create, NULL, NULL);
}

/* --- sending --------------------------------------------------------------------------------------------------------- */

#define AGAIN 1 /* could not yet */

static int try_send(struct msg_queue *q, struct message *m)
{
	int result;

	mutex_lock(&q->object.lock);
	if (q->object.removed) {
		result = -EIDRM;
	} else if (sysv_permission(&q->object, WRITE_ALL)) {
		result = -EACCES;
	} else if (m->size + q->bytes > q->bytes_max || q->count + 1 > q->bytes_max) {
		result = AGAIN;
	} else {
		list_add_tail(&q->messages, &m->link);
		q->bytes += m->size;
		q->count++;
		__atomic_fetch_add(&total_bytes, m->size, __ATOMIC_RELAXED);
		__atomic_fetch_add(&total_messages, 1, __ATOMIC_RELAXED);
		q->last_sender = current_process()->pid;
		q->sent = sysv_now();
		result = 0;
	}
	mutex_unlock(&q->object.lock);
	return result;
}

long sys_msgsnd(unsigned long *a)
{
	struct uptr from = UPTR(a[1]);
	size_t size = a[2];
	bool no_wait = a[3] & IPC_NOWAIT;
	struct msg_queue *q;
	struct message *m;
	int result, error;
	long type;

	if (size > MESSAGE_MAX || (int)a[0] < 0)
		return -EINVAL;
	if (get_user(type, from))
		return -EFAULT;
	if (type < 1)
		return -EINVAL;
	m = kmalloc(sizeof(*m) + size);
	if (!m)
		return -ENOMEM;
	m->type = type;
	m->size = size;
	error = copy_in(m->data, uptr_add(from, sizeof(long)), size);
	if (error)
		goto free;
	q = queue_get((int)a[0]);
	if (IS_ERR(q)) {
		error = PTR_ERR(q);
		goto free;
	}
	result = try_send(q, m);
	if (result == AGAIN && no_wait)
		result = -EAGAIN;
	if (result == AGAIN) {
		error = WAIT_EVENT(&q->send_wait, (result = try_send(q, m)) != AGAIN, NEVER);
		if (error)
			result = -ERESTARTNOHAND;
	}
	error = result;
	if (!error)
		wake_all(&q->receive_wait, ~0u);
	queue_put(q);
	if (!error)
		return 0;
free:
	kfree(m);
	return error;
}

/* --- receiving ------------------------------------------------------------------------------------------------------- */

struct receive {
	long type;
	size_t size;
	int flags;
	struct message *found; /* ours, or a copy's source is `copy` */
	struct message *copy;  /* MSG_COPY: prepared buffer */
};

static struct message *choose(struct msg_queue *q, const struct receive *r)
{
	struct message *m, *best = NULL;
	uint64_t limit = r->type < 0 ? 0 - (uint64_t)r->type : 0;
	long index = 0;

	list_for_each(m, &q->messages, link) {
		if (r->flags & MSG_COPY) {
			if (index++ == r->type)
				return m;
		} else if (r->type == 0) {
			return m;
		} else if (r->type > 0) {
			if ((m->type == r->type) != !!(r->flags & MSG_EXCEPT))
				return m;
		} else if ((uint64_t)m->type <= limit && (!best || m->type < best->type)) {
			best = m;
			if (m->type == 1)
				break;
		}
	}
	return best;
}

static int try_receive(struct msg_queue *q, struct receive *r)
{
	struct message *m;
	int result = 0;

	mutex_lock(&q->object.lock);
	if (q->object.removed) {
		result = -EIDRM;
		goto out;
	}
	if (sysv_permission(&q->object, READ_ALL)) {
		result = -EACCES;
		goto out;
	}
	m = choose(q, r);
	if (!m) {
		result = AGAIN;
		goto out;
	}
	if (m->size > r->size && !(r->flags & MSG_NOERROR)) {
		result = -E2BIG;
		goto out;
	}
	if (r->flags & MSG_COPY) {
		r->copy->type = m->type;
		r->copy->size = MIN(m->size, r->size);
		memcpy(r->copy->data, m->data, r->copy->size);
		r->found = r->copy;
		goto out;
	}
	list_remove(&m->link);
	q->bytes -= m->size;
	q->count--;
	__atomic_fetch_sub(&total_bytes, m->size, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&total_messages, 1, __ATOMIC_RELAXED);
	q->last_receiver = current_process()->pid;
	q->received = sysv_now();
	r->found = m;
out:
	mutex_unlock(&q->object.lock);
	return result;
}

long sys_msgrcv(unsigned long *a)
{
	struct receive r = { .size = a[2], .type = (long)a[3], .flags = (int)a[4] };
	struct uptr to = UPTR(a[1]);
	struct msg_queue *q;
	int result, error;
	size_t size;

	if ((int)a[0] < 0 || (long)a[2] < 0)
		return -EINVAL;
	if (r.flags & MSG_COPY) {
		if ((r.flags & MSG_EXCEPT) || !(r.flags & IPC_NOWAIT))
			return -EINVAL;
		r.copy = kmalloc(sizeof(*r.copy) + MIN(r.size, (size_t)MESSAGE_MAX));
		if (!r.copy)
			return -ENOMEM;
	}
	q = queue_get((int)a[0]);
	if (IS_ERR(q)) {
		kfree(r.copy);
		return PTR_ERR(q);
	}
	result = try_receive(q, &r);
	if (result == AGAIN && (r.flags & IPC_NOWAIT))
		result = -ENOMSG;
	if (result == AGAIN) {
		error = WAIT_EVENT(&q->receive_wait, (result = try_receive(q, &r)) != AGAIN, NEVER);
		if (error)
			result = -ERESTARTNOHAND;
	}
	if (!result && !(r.flags & MSG_COPY))
		wake_all(&q->send_wait, ~0u);
	queue_put(q);
	if (result) {
		kfree(r.copy);
		return result;
	}
	size = MIN(r.found->size, r.size);
	error = copy_out(to, &r.found->type, sizeof(long));
	if (!error)
		error = copy_out(uptr_add(to, sizeof(long)), r.found->data, size);
	kfree(r.found);
	return error ? error : (long)size;
}

/* --- msgctl ---------------------------------------------------------------------------------------------------------- */

static long change(int id, int command, struct uptr from)
{
	struct msqid64_ds ds;
	struct msg_queue *q;
	bool unlink = false;
	int error;

	if (command == IPC_SET) {
		error = get_user(ds, from);
		if (error)
			return error;
	}
	q = queue_get(id);
	if (IS_ERR(q))
		return PTR_ERR(q);
	mutex_lock(&q->object.lock);
	error = q->object.removed ? -EINVAL : sysv_may_change(&q->object);
	if (error) {
		mutex_unlock(&q->object.lock);
		goto put;
	}
	if (command == IPC_RMID) {
		q->object.removed = true;
		unlink = true;
	} else if (ds.msg_perm.uid == UINT32_MAX || ds.msg_perm.gid == UINT32_MAX) {
		error = -EINVAL;
	} else if (ds.msg_qbytes > QUEUE_BYTES && !capable(CAP_SYS_RESOURCE)) {
		error = -EPERM;
	} else {
		q->bytes_max = MIN(ds.msg_qbytes, (size_t)0x7fffffff);
		q->object.uid = ds.msg_perm.uid;
		q->object.gid = ds.msg_perm.gid;
		q->object.mode = ds.msg_perm.mode & 0777;
		q->changed = sysv_now();
	}
	mutex_unlock(&q->object.lock);
	if (unlink)
		sysv_unlink(&msg_ids, &q->object);
	/* permissions, sizes, or the end: everybody looks again */
	wake_all(&q->send_wait, ~0u);
	wake_all(&q->receive_wait, ~0u);
put:
	queue_put(q);
	return error;
}

static long stat_queue(int id, int command, struct uptr to)
{
	struct msqid64_ds ds = { 0 };
	struct sysv_object *o;
	struct msg_queue *q;
	long result;

	if (command == MSG_STAT || command == MSG_STAT_ANY) {
		o = sysv_get_slot(&msg_ids, (unsigned int)id % SYSV_SLOTS);
		if (!o)
			return -EINVAL;
	} else {
		o = sysv_get(&msg_ids, id);
		if (IS_ERR(o))
			return PTR_ERR(o);
	}
	q = queue_of(o);
	mutex_lock(&o->lock);
	result = o->removed ? -EINVAL : command == MSG_STAT_ANY ? 0 : sysv_permission(o, READ_ALL);
	if (!result) {
		sysv_show(o, &ds.msg_perm);
		ds.msg_stime = (__kernel_long_t)q->sent;
		ds.msg_rtime = (__kernel_long_t)q->received;
		ds.msg_ctime = (__kernel_long_t)q->changed;
		ds.msg_cbytes = q->bytes;
		ds.msg_qnum = q->count;
		ds.msg_qbytes = q->bytes_max;
		ds.msg_lspid = q->last_sender;
		ds.msg_lrpid = q->last_receiver;
		if (command != IPC_STAT)
			result = o->id;
	}
	mutex_unlock(&o->lock);
	queue_put(q);
	if (result >= 0 && copy_out(to, &ds, sizeof(ds)))
		return -EFAULT;
	return result;
}

static long info(int command, struct uptr to)
{
	struct msginfo i = {
		.msgmax = MESSAGE_MAX,
		.msgmnb = QUEUE_BYTES,
		.msgmni = SYSV_OBJECTS_MAX,
		.msgssz = 16,
		.msgseg = 0xffff,
		.msgpool = (int)(SYSV_OBJECTS_MAX * (QUEUE_BYTES / 1024)),
		.msgmap = QUEUE_BYTES,
		.msgtql = QUEUE_BYTES,
	};

	if (command == MSG_INFO) {
		i.msgpool = (int)msg_ids.used;
		i.msgmap = (int)__atomic_load_n(&total_messages, __ATOMIC_RELAXED);
		i.msgtql = (int)__atomic_load_n(&total_bytes, __ATOMIC_RELAXED);
	}
	if (copy_out(to, &i, sizeof(i)))
		return -EFAULT;
	return sysv_highest(&msg_ids);
}

long sys_msgctl(unsigned long *a)
{
	int id = (int)a[0], command = (int)a[1];
	struct uptr at = UPTR(a[2]);

	if (id < 0)
		return -EINVAL;
	switch (command) {
	case IPC_INFO:
	case MSG_INFO:
		return info(command, at);
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY:
		return stat_queue(id, command, at);
	case IPC_SET:
	case IPC_RMID:
		return change(id, command, at);
	default:
		return -EINVAL;
	}
}
