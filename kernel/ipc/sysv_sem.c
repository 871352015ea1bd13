/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V semaphores: semget, semop, semtimedop, semctl.
 *
 * A set's operations are done whole or not at all. Who cannot go on waits on the set's list, in order, with its
 * operations on its own stack; whoever changes values tries the waiters in that order, completes those who can go on,
 * and wakes them. A waiter always takes the lock again before it leaves, so what it lent stays valid.
 * SEM_UNDO: each set has a list of adjustments by process; undo_count tells exiting processes that there are none.
 * The set's object lock guards everything in it.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/sem.h>
#include <linux/stat.h>

#include "kernel/ipc/ipc.h"
#include "kernel/ipc/sysv_ids.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/task.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

#define SEMS_PER_SET_MAX 32000
#define SEMS_MAX 1024000000
#define OPS_MAX 500
#define OPS_STACK 16
#define VALUE_MAX 32767
#define READ_ALL 0444u
#define WRITE_ALL 0222u

struct semaphore {
	int value, pid;
};

struct sem_undo {
	struct list link;	 /* set->undos */
	struct process *process; /* not counted: it leaves before it goes */
	int16_t adjust[];
};

struct sem_set {
	struct sysv_object object;
	unsigned int count;
	uint64_t operated, changed;
	struct list waiters, undos;
	struct semaphore sems[];
};

struct sem_waiter {
	struct list link;
	struct task *task;
	struct sembuf *ops;
	unsigned int count, blocking; /* blocking: index of the operation that could not go on */
	bool alters;
	struct sem_undo *undo;
	int pid, result; /* result: WAITING until done */
};
#define WAITING 1

static void set_free(struct sysv_object *o);
static struct sysv_ids sem_ids = { .free = set_free };
static uint32_t undo_count, sem_total;

static struct sem_set *set_of(struct sysv_object *o)
{
	return container_of(o, struct sem_set, object);
}

static void free_undos(struct sem_set *set)
{
	struct sem_undo *u, *next;

	list_for_each_safe(u, next, &set->undos, link) {
		list_remove(&u->link);
		kfree(u);
		__atomic_fetch_sub(&undo_count, 1, __ATOMIC_RELAXED);
	}
}

static void set_free(struct sysv_object *o)
{
	struct sem_set *set = set_of(o);

	free_undos(set);
	__atomic_fetch_sub(&sem_total, set->count, __ATOMIC_RELAXED);
	kfree(set);
}

/* Counted and locked. */
static struct sem_set *set_lock(int id)
{
	struct sysv_object *o = sysv_get(&sem_ids, id);

	if (IS_ERR(o))
		return ERR_PTR(PTR_ERR(o));
	mutex_lock(&o->lock);
	if (o->removed) {
		mutex_unlock(&o->lock);
		sysv_put(&sem_ids, o);
		return ERR_PTR(-EINVAL);
	}
	return set_of(o);
}

static void set_unlock(struct sem_set *set)
{
	mutex_unlock(&set->object.lock);
	sysv_put(&sem_ids, &set->object);
}

/* --- semget ------------------------------------------------------------------------------------------------------ */

static struct sysv_object *set_create(void *arg)
{
	int count = *(int *)arg;
	struct sem_set *set;

	if (!count)
		return ERR_PTR(-EINVAL);
	if (__atomic_load_n(&sem_total, __ATOMIC_RELAXED) + (unsigned int)count > SEMS_MAX)
		return ERR_PTR(-ENOSPC);
	set = kzalloc(sizeof(*set) + (size_t)count * sizeof(struct semaphore));
	if (!set)
		return ERR_PTR(-ENOMEM);
	set->count = (unsigned int)count;
	set->changed = sysv_now();
	list_init(&set->waiters);
	list_init(&set->undos);
	__atomic_fetch_add(&sem_total, set->count, __ATOMIC_RELAXED);
	return &set->object;
}

static int set_check(struct sysv_object *o, void *arg)
{
	return (unsigned int)*(int *)arg > set_of(o)->count ? -EINVAL : 0;
}

long sys_semget(unsigned long *a)
{
	int count = (int)a[1];

	if (count < 0 || count > SEMS_PER_SET_MAX)
		return -EINVAL;
	return sysv_open(&sem_ids, (int)a[0], (int)a[2], set_create, set_check, &count);
}

/* --- operations ---------------------------------------------------------------------------------------------------- */

/* 0: done. WAITING: w->blocking cannot go on; nothing changed. Or -ERANGE, nothing changed. */
static int try_ops(struct sem_set *set, struct sem_waiter *w)
{
	unsigned int i;
	int result = 0;

	for (i = 0; i < w->count; i++) {
		struct sembuf *op = &w->ops[i];
		struct semaphore *s = &set->sems[op->sem_num];
		int value = s->value + op->sem_op, adjust;

		if ((!op->sem_op && s->value) || value < 0) {
			result = WAITING;
			w->blocking = i;
			break;
		}
		if (value > VALUE_MAX) {
			result = -ERANGE;
			break;
		}
		if (op->sem_flg & SEM_UNDO) {
			adjust = w->undo->adjust[op->sem_num] - op->sem_op;
			if (adjust < -VALUE_MAX - 1 || adjust > VALUE_MAX) {
				result = -ERANGE;
				break;
			}
			w->undo->adjust[op->sem_num] = (int16_t)adjust;
		}
		s->value = value;
	}
	if (!result) {
		while (i--)
			set->sems[w->ops[i].sem_num].pid = w->pid;
		set->operated = sysv_now();
		return 0;
	}
	while (i--) {
		struct sembuf *op = &w->ops[i];

		set->sems[op->sem_num].value -= op->sem_op;
		if (op->sem_flg & SEM_UNDO)
			w->undo->adjust[op->sem_num] =
				(int16_t)(w->undo->adjust[op->sem_num] + op->sem_op);
	}
	return result;
}

static void finish(struct sem_waiter *w, int result)
{
	struct task *t = w->task;

	list_remove(&w->link);
	__atomic_store_n(&w->result, result, __ATOMIC_RELEASE);
	task_wake(t);
}

/* Values changed: complete who can go on, from the front, again after each that changed values itself. */
static void update(struct sem_set *set)
{
	struct sem_waiter *w, *next;
	bool again;

	do {
		again = false;
		list_for_each_safe(w, next, &set->waiters, link) {
			int result = try_ops(set, w);

			if (result == WAITING) {
				if (w->ops[w->blocking].sem_flg & IPC_NOWAIT)
					finish(w, -EAGAIN);
				continue;
			}
			again = !result && w->alters;
			finish(w, result);
			if (again)
				break;
		}
	} while (again);
}

static struct sem_undo *undo_find(struct sem_set *set, struct process *p)
{
	struct sem_undo *u;

	list_for_each(u, &set->undos, link)
		if (u->process == p)
			return u;
	return NULL;
}

/* The caller's adjustments of this set, made if need be; set is locked. */
static struct sem_undo *undo_get(struct sem_set *set)
{
	struct sem_undo *u = undo_find(set, current_process());

	if (u)
		return u;
	u = kzalloc(sizeof(*u) + set->count * sizeof(u->adjust[0]));
	if (!u)
		return NULL;
	u->process = current_process();
	list_add(&set->undos, &u->link);
	__atomic_fetch_add(&undo_count, 1, __ATOMIC_RELAXED);
	return u;
}

static int check_ops(struct sem_set *set, struct sem_waiter *w, bool *ret_undo)
{
	*ret_undo = false;
	w->alters = false;
	for (unsigned int i = 0; i < w->count; i++) {
		if (w->ops[i].sem_num >= set->count)
			return -EFBIG;
		if (w->ops[i].sem_op)
			w->alters = true;
		if (w->ops[i].sem_flg & SEM_UNDO)
			*ret_undo = true;
	}
	return sysv_permission(&set->object, w->alters ? WRITE_ALL : READ_ALL);
}

/* set is locked on entry and on return. */
static int wait_turn(struct sem_set *set, struct sem_waiter *w, uint64_t deadline)
{
	int error = 0;

	w->result = WAITING;
	w->task = current();
	list_add_tail(&set->waiters, &w->link);
	while (w->result == WAITING && !error) {
		mutex_unlock(&set->object.lock);
		task_sleep_prepare();
		if (__atomic_load_n(&w->result, __ATOMIC_ACQUIRE) == WAITING)
			error = task_sleep(deadline);
		mutex_lock(&set->object.lock);
	}
	if (w->result != WAITING)
		return w->result;
	list_remove(&w->link);
	return error == -ETIMEDOUT ? -EAGAIN : -EINTR;
}

static long do_semop(int id, struct uptr user_ops, unsigned long count, uint64_t deadline,
		     int timeout_error)
{
	struct sembuf few[OPS_STACK];
	struct sem_waiter w = { .ops = few,
				.count = (unsigned int)count,
				.pid = current_process()->pid };
	struct sem_set *set;
	bool undo;
	int error;

	if (count < 1 || id < 0)
		return -EINVAL;
	if (count > OPS_MAX)
		return -E2BIG;
	if (count > OPS_STACK) {
		w.ops = kmalloc(count * sizeof(*w.ops));
		if (!w.ops)
			return -ENOMEM;
	}
	error = copy_in(w.ops, user_ops, count * sizeof(*w.ops));
	if (!error)
		error = timeout_error;
	if (error)
		goto free;
	set = set_lock(id);
	if (IS_ERR(set)) {
		error = PTR_ERR(set);
		goto free;
	}
	error = check_ops(set, &w, &undo);
	if (error)
		goto unlock;
	if (undo) {
		w.undo = undo_get(set);
		error = w.undo ? 0 : -ENOMEM;
		if (error)
			goto unlock;
	}
	error = try_ops(set, &w);
	if (!error && w.alters)
		update(set);
	if (error == WAITING) {
		if (w.ops[w.blocking].sem_flg & IPC_NOWAIT)
			error = -EAGAIN;
		else
			error = wait_turn(set, &w, deadline);
	}
unlock:
	set_unlock(set);
free:
	if (w.ops != few)
		kfree(w.ops);
	return error;
}

long sys_semop(unsigned long *a)
{
	return do_semop((int)a[0], UPTR(a[1]), (unsigned int)a[2], NEVER, 0);
}

long sys_semtimedop(unsigned long *a)
{
	uint64_t deadline;
	int error = deadline_from_user(UPTR(a[3]), &deadline);

	if (error == -EFAULT)
		return error;
	return do_semop((int)a[0], UPTR(a[1]), (unsigned int)a[2], deadline, error);
}

/* SEM_UNDO of a process that ends. */
static void undo_set(struct sem_set *set, struct process *p)
{
	struct sem_undo *u = undo_find(set, p);
	bool changed = false;

	if (!u)
		return;
	for (unsigned int i = 0; i < set->count; i++) {
		struct semaphore *s = &set->sems[i];

		if (!u->adjust[i])
			continue;
		s->value = MIN(MAX(s->value + u->adjust[i], 0), VALUE_MAX);
		s->pid = p->pid;
		changed = true;
	}
	list_remove(&u->link);
	kfree(u);
	__atomic_fetch_sub(&undo_count, 1, __ATOMIC_RELAXED);
	if (changed) {
		set->operated = sysv_now();
		update(set);
	}
}

bool sysv_sem_adjusts(struct process *p)
{
	unsigned int size;
	bool found = false;

	if (!__atomic_load_n(&undo_count, __ATOMIC_RELAXED))
		return false;
	mutex_lock(&sem_ids.lock);
	size = sem_ids.size;
	mutex_unlock(&sem_ids.lock);
	for (unsigned int i = 0; i < size && !found; i++) {
		struct sysv_object *o = sysv_get_slot(&sem_ids, i);

		if (!o)
			continue;
		mutex_lock(&o->lock);
		found = undo_find(set_of(o), p) != NULL;
		mutex_unlock(&o->lock);
		sysv_put(&sem_ids, o);
	}
	return found;
}

void sysv_sem_exit(struct process *p)
{
	unsigned int size;

	if (!__atomic_load_n(&undo_count, __ATOMIC_RELAXED))
		return;
	mutex_lock(&sem_ids.lock);
	size = sem_ids.size;
	mutex_unlock(&sem_ids.lock);
	for (unsigned int i = 0; i < size; i++) {
		struct sysv_object *o = sysv_get_slot(&sem_ids, i);

		if (!o)
			continue;
		mutex_lock(&o->lock);
		undo_set(set_of(o), p);
		mutex_unlock(&o->lock);
		sysv_put(&sem_ids, o);
	}
}

/* --- semctl -------------------------------------------------------------------------------------------------------- */

static void forget_undo(struct sem_set *set, unsigned int i)
{
	struct sem_undo *u;

	list_for_each(u, &set->undos, link)
		u->adjust[i] = 0;
}

static void changed(struct sem_set *set)
{
	set->changed = sysv_now();
	update(set);
}

static long set_value(int id, int number, int value)
{
	struct sem_set *set;
	long error;

	if (value < 0 || value > VALUE_MAX)
		return -ERANGE;
	set = set_lock(id);
	if (IS_ERR(set))
		return PTR_ERR(set);
	error = number < 0 || (unsigned int)number >= set->count
			? -EINVAL
			: sysv_permission(&set->object, WRITE_ALL);
	if (!error) {
		set->sems[number].value = value;
		set->sems[number].pid = current_process()->pid;
		forget_undo(set, (unsigned int)number);
		changed(set);
	}
	set_unlock(set);
	return error;
}

static long count_waiters(struct sem_set *set, unsigned int number, bool for_zero)
{
	struct sem_waiter *w;
	long count = 0;

	list_for_each(w, &set->waiters, link) {
		struct sembuf *op = &w->ops[w->blocking];

		if (op->sem_num == number && (op->sem_op == 0) == for_zero)
			count++;
	}
	return count;
}

static long get_one(int id, int number, int command)
{
	struct sem_set *set = set_lock(id);
	long result;

	if (IS_ERR(set))
		return PTR_ERR(set);
	result = sysv_permission(&set->object, READ_ALL);
	if (!result && (number < 0 || (unsigned int)number >= set->count))
		result = -EINVAL;
	if (!result) {
		struct semaphore *s = &set->sems[number];

		switch (command) {
		case GETVAL:
			result = s->value;
			break;
		case GETPID:
			result = s->pid;
			break;
		default:
			result = count_waiters(set, (unsigned int)number, command == GETZCNT);
		}
	}
	set_unlock(set);
	return result;
}

/* The set's size never changes, so it can be looked at first and used after. */
static long set_size(int id, unsigned int *ret_count)
{
	struct sysv_object *o = sysv_get(&sem_ids, id);

	if (IS_ERR(o))
		return PTR_ERR(o);
	*ret_count = set_of(o)->count;
	sysv_put(&sem_ids, o);
	return 0;
}

static long get_all(int id, struct uptr to)
{
	unsigned int count = 0;
	struct sem_set *set;
	uint16_t *values;
	long error = set_size(id, &count);

	if (error)
		return error;
	values = kcalloc(count, sizeof(*values));
	if (!values)
		return -ENOMEM;
	set = set_lock(id);
	if (IS_ERR(set)) {
		error = PTR_ERR(set);
		goto free;
	}
	error = sysv_permission(&set->object, READ_ALL);
	for (unsigned int i = 0; i < set->count && !error; i++)
		values[i] = (uint16_t)set->sems[i].value;
	set_unlock(set);
	if (!error)
		error = copy_out(to, values, count * sizeof(*values));
free:
	kfree(values);
	return error;
}

static long set_all(int id, struct uptr from)
{
	unsigned int count = 0;
	struct sem_set *set;
	uint16_t *values;
	long error = set_size(id, &count);

	if (error)
		return error;
	values = kcalloc(count, sizeof(*values));
	if (!values)
		return -ENOMEM;
	set = set_lock(id);
	if (IS_ERR(set)) {
		kfree(values);
		return PTR_ERR(set);
	}
	error = sysv_permission(&set->object, WRITE_ALL);
	set_unlock(set);
	if (!error)
		error = copy_in(values, from, count * sizeof(*values));
	for (unsigned int i = 0; i < count && !error; i++)
		if (values[i] > VALUE_MAX)
			error = -ERANGE;
	if (error)
		goto free;
	set = set_lock(id);
	if (IS_ERR(set)) {
		error = PTR_ERR(set) == -EINVAL ? -EIDRM : PTR_ERR(set);
		goto free;
	}
	for (unsigned int i = 0; i < count; i++) {
		set->sems[i].value = values[i];
		set->sems[i].pid = current_process()->pid;
		forget_undo(set, i);
	}
	changed(set);
	set_unlock(set);
free:
	kfree(values);
	return error;
}

static void remove_set(struct sem_set *set)
{
	struct sem_waiter *w, *next;

	set->object.removed = true;
	list_for_each_safe(w, next, &set->waiters, link)
		finish(w, -EIDRM);
	free_undos(set);
}

static long change(int id, int command, struct uptr from)
{
	struct semid64_ds ds;
	struct sem_set *set;
	bool unlink = false;
	long error;

	if (command == IPC_SET) {
		error = get_user(ds, from);
		if (error)
			return error;
	}
	set = set_lock(id);
	if (IS_ERR(set))
		return PTR_ERR(set);
	error = sysv_may_change(&set->object);
	if (!error && command == IPC_RMID) {
		remove_set(set);
		unlink = true;
	} else if (!error && (ds.sem_perm.uid == UINT32_MAX || ds.sem_perm.gid == UINT32_MAX)) {
		error = -EINVAL;
	} else if (!error) {
		set->object.uid = ds.sem_perm.uid;
		set->object.gid = ds.sem_perm.gid;
		set->object.mode = ds.sem_perm.mode & 0777;
		set->changed = sysv_now();
	}
	mutex_unlock(&set->object.lock);
	if (unlink)
		sysv_unlink(&sem_ids, &set->object);
	sysv_put(&sem_ids, &set->object);
	return error;
}

static long stat_set(int id, int command, struct uptr to)
{
	struct semid64_ds ds = { 0 };
	struct sem_set *set;
	struct sysv_object *o;
	long result = 0;

	if (command == IPC_STAT) {
		set = set_lock(id);
		if (IS_ERR(set))
			return PTR_ERR(set);
	} else {
		o = id < 0 ? NULL : sysv_get_slot(&sem_ids, (unsigned int)id % SYSV_SLOTS);
		if (!o)
			return -EINVAL;
		set = set_of(o);
		mutex_lock(&o->lock);
		result = o->id;
	}
	if (command != SEM_STAT_ANY) {
		int error = sysv_permission(&set->object, READ_ALL);

		if (error) {
			set_unlock(set);
			return error;
		}
	}
	sysv_show(&set->object, &ds.sem_perm);
	ds.sem_otime = (__kernel_long_t)set->operated;
	ds.sem_ctime = (__kernel_long_t)set->changed;
	ds.sem_nsems = set->count;
	set_unlock(set);
	return copy_out(to, &ds, sizeof(ds)) ? -EFAULT : result;
}

static long info(int command, struct uptr to)
{
	struct seminfo i = {
		.semmni = SYSV_OBJECTS_MAX,
		.semmns = SEMS_MAX,
		.semmsl = SEMS_PER_SET_MAX,
		.semopm = OPS_MAX,
		.semvmx = VALUE_MAX,
		.semmnu = SEMS_MAX,
		.semmap = SEMS_MAX,
		.semume = OPS_MAX,
		.semusz = 20,
		.semaem = VALUE_MAX,
	};

	if (command == SEM_INFO) {
		i.semusz = (int)sem_ids.used;
		i.semaem = (int)__atomic_load_n(&sem_total, __ATOMIC_RELAXED);
	}
	if (copy_out(to, &i, sizeof(i)))
		return -EFAULT;
	return sysv_highest(&sem_ids);
}

long sys_semctl(unsigned long *a)
{
	int id = (int)a[0], number = (int)a[1], command = (int)a[2];
	struct uptr at = UPTR(a[3]);

	if (id < 0)
		return -EINVAL;
	switch (command) {
	case IPC_INFO:
	case SEM_INFO:
		return info(command, at);
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY:
		return stat_set(id, command, at);
	case GETALL:
		return get_all(id, at);
	case SETALL:
		return set_all(id, at);
	case GETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
		return get_one(id, number, command);
	case SETVAL:
		return set_value(id, number, (int)a[3]);
	case IPC_RMID:
	case IPC_SET:
		return change(id, command, at);
	default:
		return -EINVAL;
	}
}
