/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scheduling calls. The host schedules; the kernel keeps what applications ask for, tells it back, and checks rights and
 * ranges as Linux does. Priorities decide who gets a PI futex; the affinity mask is a hint nobody enforces.
 * Fields of a task (policy, priority, nice, affinity, ioprio) are single words that anyone may write; readers see one of the
 * values. Locks: tree_lock -> process.lock, for walks over groups and users.
 */
#include <asm/errno.h>
#include <asm/resource.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <linux/sched/types.h>

#include "abi/platform.h"
#include "kernel/mm/usercopy.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

#define PRIORITY_MAX 99
#define NICE_MIN (-20)
#define NICE_MAX 19
#define SLICE_NS 4000000
#define RR_SLICE_NS 100000000
#define AFFINITY_WORDS (sizeof(((struct task *)0)->affinity) / sizeof(uint64_t))

long sys_sched_yield(unsigned long *a)
{
	(void)a;
	plat_yield();
	return 0;
}

/* Counted; 0 is the caller. -EINVAL for negative ids is the caller's business. */
static struct task *find(int tid)
{
	struct task *t;

	if (tid)
		return task_find(tid);
	t = current();
	task_get(t);
	return t;
}

/* The target's owner, by effective user; or CAP_SYS_NICE. */
static bool may_schedule(struct task *t)
{
	const struct cred *self = current()->cred;
	struct cred *c;
	bool may;

	if (t == current() || cred_has(self, CAP_SYS_NICE))
		return true;
	c = task_cred_get(t);
	if (!c)
		return false;
	may = self->euid == c->euid || self->euid == c->uid;
	cred_put(c);
	return may;
}

static bool is_realtime(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_known(int policy)
{
	return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE ||
	       is_realtime(policy) || policy == SCHED_DEADLINE;
}

static bool may_have_nice(struct task *t, int nice)
{
	return nice >= t->nice ||
	       (uint64_t)(20 - nice) <= t->process->limits[RLIMIT_NICE].current ||
	       capable(CAP_SYS_NICE);
}

struct request {
	int policy, priority, nice;
	bool reset_on_fork, set_nice;
};

/* Checks all, then changes: -EINVAL, -EPERM, -EBUSY (deadlines cannot be promised). */
static int set_policy(struct task *t, const struct request *r)
{
	uint64_t limit = t->process->limits[RLIMIT_RTPRIO].current;
	int old = t->policy & ~SCHED_RESET_ON_FORK;

	if (!is_known(r->policy))
		return -EINVAL;
	if (r->priority < 0 || r->priority > PRIORITY_MAX ||
	    is_realtime(r->policy) != (r->priority != 0))
		return -EINVAL;
	if (!may_schedule(t))
		return -EPERM;
	if (!capable(CAP_SYS_NICE)) {
		if (is_realtime(r->policy) && (r->policy != old || r->priority > t->priority) &&
		    (!limit || (uint64_t)r->priority > limit))
			return -EPERM;
		if (r->policy == SCHED_DEADLINE)
			return -EPERM;
		if (old == SCHED_IDLE && r->policy != SCHED_IDLE && !may_have_nice(t, t->nice))
			return -EPERM;
		if ((t->policy & SCHED_RESET_ON_FORK) && !r->reset_on_fork)
			return -EPERM;
		if (r->set_nice && !may_have_nice(t, r->nice))
			return -EPERM;
	}
	if (r->policy == SCHED_DEADLINE)
		return -EBUSY;
	t->policy = r->policy | (r->reset_on_fork ? SCHED_RESET_ON_FORK : 0);
	t->priority = r->priority;
	if (r->set_nice && !is_realtime(r->policy))
		t->nice = r->nice;
	return 0;
}

long sys_sched_setscheduler(unsigned long *a)
{
	int tid = (int)a[0], policy = (int)a[1], err;
	struct request r = { 0 };
	struct task *t;

	if (policy < 0 || tid < 0 || !a[2])
		return -EINVAL;
	if (get_user(r.priority, UPTR(a[2])))
		return -EFAULT;
	r.policy = policy & ~SCHED_RESET_ON_FORK;
	r.reset_on_fork = policy & SCHED_RESET_ON_FORK;
	t = find(tid);
	if (!t)
		return -ESRCH;
	err = set_policy(t, &r);
	task_put(t);
	return err;
}

long sys_sched_setparam(unsigned long *a)
{
	struct request r = { 0 };
	struct task *t;
	int err;

	if ((int)a[0] < 0 || !a[1])
		return -EINVAL;
	if (get_user(r.priority, UPTR(a[1])))
		return -EFAULT;
	t = find((int)a[0]);
	if (!t)
		return -ESRCH;
	r.policy = t->policy & ~SCHED_RESET_ON_FORK;
	r.reset_on_fork = t->policy & SCHED_RESET_ON_FORK;
	err = set_policy(t, &r);
	task_put(t);
	return err;
}

long sys_sched_getscheduler(unsigned long *a)
{
	struct task *t;
	int policy;

	if ((int)a[0] < 0)
		return -EINVAL;
	t = find((int)a[0]);
	if (!t)
		return -ESRCH;
	policy = t->policy;
	task_put(t);
	return policy;
}

long sys_sched_getparam(unsigned long *a)
{
	struct task *t;
	int priority;

	if ((int)a[0] < 0 || !a[1])
		return -EINVAL;
	t = find((int)a[0]);
	if (!t)
		return -ESRCH;
	priority = t->priority;
	task_put(t);
	return put_user(priority, UPTR(a[1]));
}

long sys_sched_get_priority_max(unsigned long *a)
{
	int policy = (int)a[0];

	return !is_known(policy) ? -EINVAL : is_realtime(policy) ? PRIORITY_MAX : 0;
}

long sys_sched_get_priority_min(unsigned long *a)
{
	int policy = (int)a[0];

	return !is_known(policy) ? -EINVAL : is_realtime(policy) ? 1 : 0;
}

long sys_sched_rr_get_interval(unsigned long *a)
{
	struct timespec64_user slice = { 0 };
	struct task *t;
	int policy;

	if ((int)a[0] < 0)
		return -EINVAL;
	t = find((int)a[0]);
	if (!t)
		return -ESRCH;
	policy = t->policy & ~SCHED_RESET_ON_FORK;
	task_put(t);
	if (policy == SCHED_RR)
		slice.nsec = RR_SLICE_NS;
	else if (policy != SCHED_FIFO)
		slice.nsec = SLICE_NS;
	return put_user(slice, UPTR(a[1]));
}

/* --- sched_attr -------------------------------------------------------------------------------------------------- */

#define ATTR_FLAGS                                                               \
	(SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_RECLAIM | SCHED_FLAG_DL_OVERRUN | \
	 SCHED_FLAG_KEEP_ALL)

long sys_sched_setattr(unsigned long *a)
{
	struct uptr at = UPTR(a[1]);
	struct sched_attr attr;
	uint32_t size, known = sizeof(attr);
	struct request r = { 0 };
	struct task *t;
	int err;

	if (!a[1] || (int)a[0] < 0 || a[2])
		return -EINVAL;
	if (get_user(size, at))
		return -EFAULT;
	if (!size)
		size = SCHED_ATTR_SIZE_VER0;
	err = size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE
		      ? -E2BIG
		      : copy_in_struct(&attr, sizeof(attr), at, size);
	if (err == -E2BIG && put_user(known, at))
		return -EFAULT;
	if (err)
		return err;
	if (attr.sched_flags & ~(uint64_t)ATTR_FLAGS)
		return -EINVAL;
	t = find((int)a[0]);
	if (!t)
		return -ESRCH;
	r.policy = attr.sched_flags & SCHED_FLAG_KEEP_POLICY ? t->policy & ~SCHED_RESET_ON_FORK
							     : (int)attr.sched_policy;
	r.priority = attr.sched_flags & SCHED_FLAG_KEEP_PARAMS ? t->priority
							       : (int)attr.sched_priority;
	r.set_nice = !(attr.sched_flags & SCHED_FLAG_KEEP_PARAMS) && !is_realtime(r.policy);
	r.nice = MAX(NICE_MIN, MIN(NICE_MAX, attr.sched_nice));
	r.reset_on_fork = attr.sched_flags & SCHED_FLAG_RESET_ON_FORK;
	err = (int)attr.sched_policy < 0 ? -EINVAL : set_policy(t, &r);
	task_put(t);
	return err;
}

long sys_sched_getattr(unsigned long *a)
{
	uint32_t size = (uint32_t)a[2];
	struct sched_attr attr;
	struct task *t;

	if (!a[1] || (int)a[0] < 0 || size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE || a[3])
		return -EINVAL;
	t = find((int)a[0]);
	if (!t)
		return -ESRCH;
	memset(&attr, 0, sizeof(attr));
	attr.size = MIN(size, (uint32_t)sizeof(attr));
	attr.sched_policy = (uint32_t)(t->policy & ~SCHED_RESET_ON_FORK);
	if (t->policy & SCHED_RESET_ON_FORK)
		attr.sched_flags = SCHED_FLAG_RESET_ON_FORK;
	if (is_realtime((int)attr.sched_policy))
		attr.sched_priority = (uint32_t)t->priority;
	else
		attr.sched_nice = t->nice;
	task_put(t);
	return copy_out(UPTR(a[1]), &attr, attr.size);
}

/* --- affinity ------------------------------------------------------------------------------------------------------ */

/* Bytes of a mask of all processors, as Linux tells them: whole words. */
static size_t mask_size(void)
{
	return MIN((size_t)(plat_info()->cpus + 63) / 64, AFFINITY_WORDS) * sizeof(uint64_t);
}

static void mask_of_all(uint64_t *mask)
{
	unsigned int cpus = MIN(plat_info()->cpus, (unsigned int)AFFINITY_WORDS * 64);

	memset(mask, 0, AFFINITY_WORDS * sizeof(*mask));
	for (unsigned int i = 0; i < cpus; i++)
		mask[i / 64] |= 1ULL << i % 64;
}

long sys_sched_setaffinity(unsigned long *a)
{
	uint64_t mask[AFFINITY_WORDS] = { 0 }, all[AFFINITY_WORDS];
	bool any = false;
	struct task *t;

	if (copy_in(mask, UPTR(a[2]), MIN((size_t)(uint32_t)a[1], sizeof(mask))))
		return -EFAULT;
	t = find((int)a[0]);
	if (!t)
		return -ESRCH;
	if (!may_schedule(t)) {
		task_put(t);
		return -EPERM;
	}
	mask_of_all(all);
	for (unsigned int i = 0; i < AFFINITY_WORDS; i++) {
		mask[i] &= all[i];
		any |= mask[i] != 0;
	}
	if (any)
		memcpy(t->affinity, mask, sizeof(mask));
	task_put(t);
	return any ? 0 : -EINVAL;
}

long sys_sched_getaffinity(unsigned long *a)
{
	uint32_t size = (uint32_t)a[1];
	uint64_t mask[AFFINITY_WORDS], all[AFFINITY_WORDS], any = 0;
	size_t count = MIN((size_t)size, mask_size());
	struct task *t;

	if ((uint64_t)size * 8 < plat_info()->cpus || size % sizeof(uint64_t))
		return -EINVAL;
	t = find((int)a[0]);
	if (!t)
		return -ESRCH;
	memcpy(mask, t->affinity, sizeof(mask));
	task_put(t);
	mask_of_all(all);
	for (unsigned int i = 0; i < AFFINITY_WORDS; i++) {
		mask[i] &= all[i];
		any |= mask[i];
	}
	if (copy_out(UPTR(a[2]), any ? mask : all, count))
		return -EFAULT;
	return (long)count;
}

/* --- nice and ioprio of tasks, groups, users ------------------------------------------------------------------------ */

struct walk {
	int (*fn)(struct task *t, struct walk *w);
	int value, best, error; /* error: -ESRCH until a task was found */
};

static void walk_tasks(struct process *p, bool by_user, uint32_t uid, struct walk *w)
{
	struct task *t;

	mutex_lock(&p->lock);
	list_for_each(t, &p->tasks, link)
		if (!by_user || (t->cred && t->cred->uid == uid))
			(void)w->fn(t, w);
	mutex_unlock(&p->lock);
}

/* As PRIO_PROCESS, PRIO_PGRP, PRIO_USER. */
enum which { WHICH_TASK, WHICH_GROUP, WHICH_USER };

static void walk(enum which which, int who, struct walk *w)
{
	uint32_t uid = who ? (uint32_t)who : current()->cred->uid;
	int pgid;
	struct process *p;
	struct task *t;

	if (which == WHICH_TASK) {
		t = find(who);
		if (!t)
			return;
		mutex_lock(&t->process->lock);
		(void)w->fn(t, w);
		mutex_unlock(&t->process->lock);
		task_put(t);
		return;
	}
	mutex_lock(&tree_lock);
	pgid = who ? who : current_process()->pgid;
	list_for_each(p, &all_processes, id_link)
		if (!p->kernel_task && (which == WHICH_USER || p->pgid == pgid))
			walk_tasks(p, which == WHICH_USER, uid, w);
	mutex_unlock(&tree_lock);
}

/* process.lock held, which task_cred_get would take. */
static bool may_schedule_locked(struct task *t)
{
	const struct cred *self = current()->cred, *c = t->cred;

	return cred_has(self, CAP_SYS_NICE) ||
	       (c && (self->euid == c->euid || self->euid == c->uid));
}

static int get_nice(struct task *t, struct walk *w)
{
	w->best = MAX(w->best, 20 - t->nice);
	w->error = 0;
	return 0;
}

static int set_nice(struct task *t, struct walk *w)
{
	if (!may_schedule_locked(t)) {
		w->error = -EPERM;
	} else if (w->value < t->nice && !may_have_nice(t, w->value)) {
		w->error = -EACCES;
	} else {
		if (w->error == -ESRCH)
			w->error = 0;
		t->nice = w->value;
	}
	return 0;
}

long sys_getpriority(unsigned long *a)
{
	struct walk w = { .fn = get_nice, .error = -ESRCH };
	int which = (int)a[0];

	if (which < WHICH_TASK || which > WHICH_USER)
		return -EINVAL;
	walk((enum which)which, (int)a[1], &w);
	return w.error ? w.error : w.best;
}

long sys_setpriority(unsigned long *a)
{
	struct walk w = { .fn = set_nice, .error = -ESRCH };
	int which = (int)a[0];

	if (which < WHICH_TASK || which > WHICH_USER)
		return -EINVAL;
	w.value = MAX(NICE_MIN, MIN(NICE_MAX, (int)a[2]));
	walk((enum which)which, (int)a[1], &w);
	return w.error;
}

/* No class: best effort with the level of nice 0, for comparing; told as it is, as Linux does. */
static int comparable(int ioprio)
{
	return ioprio >> IOPRIO_CLASS_SHIFT ? ioprio : IOPRIO_CLASS_BE << IOPRIO_CLASS_SHIFT | 4;
}

static int get_ioprio(struct task *t, struct walk *w)
{
	/* The best of several: the lowest class number, then level. */
	if (w->error == -ESRCH || comparable(t->ioprio) < comparable(w->best))
		w->best = t->ioprio;
	w->error = 0;
	return 0;
}

static int set_ioprio(struct task *t, struct walk *w)
{
	const struct cred *self = current()->cred, *c = t->cred;

	if (!c || (c->uid != self->euid && c->uid != self->uid && !cred_has(self, CAP_SYS_NICE))) {
		w->error = -EPERM;
		return 0;
	}
	if (w->error == -ESRCH)
		w->error = 0;
	t->ioprio = w->value;
	return 0;
}

long sys_ioprio_get(unsigned long *a)
{
	struct walk w = { .fn = get_ioprio, .error = -ESRCH };
	int which = (int)a[0];

	if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER)
		return -EINVAL;
	walk((enum which)(which - IOPRIO_WHO_PROCESS), (int)a[1], &w);
	return w.error ? w.error : w.best;
}

long sys_ioprio_set(unsigned long *a)
{
	struct walk w = { .fn = set_ioprio, .error = -ESRCH };
	int which = (int)a[0], value = (int)a[2], level = (int)IOPRIO_PRIO_DATA(value);

	switch (IOPRIO_PRIO_CLASS(value)) {
	case IOPRIO_CLASS_RT:
		if (!capable(CAP_SYS_ADMIN) && !capable(CAP_SYS_NICE))
			return -EPERM;
		if (level >= IOPRIO_NR_LEVELS)
			return -EINVAL;
		break;
	case IOPRIO_CLASS_BE:
		if (level >= IOPRIO_NR_LEVELS)
			return -EINVAL;
		break;
	case IOPRIO_CLASS_IDLE:
		break;
	case IOPRIO_CLASS_NONE:
		if (level)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER)
		return -EINVAL;
	w.value = value;
	walk((enum which)(which - IOPRIO_WHO_PROCESS), (int)a[1], &w);
	return w.error;
}
