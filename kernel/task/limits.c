/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resource limits. A change is made under process.lock; readers read one 64-bit word without it. What a limit means is up to
 * the subsystem it is about.
 */
#include "kernel/task/limits.h"
#include "kernel/time/time.h"

#include <asm/errno.h>
#include <asm/resource.h>
#include <linux/capability.h>

#include "kernel/fs/file.h"
#include "kernel/mm/usercopy.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"

_Static_assert(RLIM_NLIMITS == RLIM_COUNT, "struct process");

#define PROCESSES_DEFAULT 32768
#define SIGNALS_DEFAULT 32768

void limits_default(struct rlimit64 *l)
{
	for (unsigned int i = 0; i < RLIM_COUNT; i++)
		l[i] = (struct rlimit64){ LIMIT_INFINITY, LIMIT_INFINITY };
	l[RLIMIT_STACK].current = 8UL << 20;
	l[RLIMIT_CORE].current = 0;
	l[RLIMIT_NPROC] = (struct rlimit64){ PROCESSES_DEFAULT, PROCESSES_DEFAULT };
	l[RLIMIT_NOFILE] = (struct rlimit64){ 1024, FDS_MAX_DEFAULT };
	l[RLIMIT_MEMLOCK] = (struct rlimit64){ 8UL << 20, 8UL << 20 };
	l[RLIMIT_SIGPENDING] = (struct rlimit64){ SIGNALS_DEFAULT, SIGNALS_DEFAULT };
	l[RLIMIT_MSGQUEUE] = (struct rlimit64){ 819200, 819200 };
	l[RLIMIT_NICE] = (struct rlimit64){ 0, 0 };
	l[RLIMIT_RTPRIO] = (struct rlimit64){ 0, 0 };
}

/* fresh and ret_old may be NULL. */
static int change(struct process *p, unsigned int resource, const struct rlimit64 *fresh,
		  struct rlimit64 *ret_old)
{
	struct rlimit64 *l;
	int err = 0;

	if (resource >= RLIM_COUNT)
		return -EINVAL;
	l = &p->limits[resource];
	if (fresh) {
		if (fresh->current > fresh->max)
			return -EINVAL;
		if (resource == RLIMIT_NOFILE && fresh->max > FDS_MAX_DEFAULT)
			return -EPERM;
	}
	mutex_lock(&p->lock);
	*ret_old = *l;
	if (fresh && fresh->max > l->max && !capable(CAP_SYS_RESOURCE))
		err = -EPERM;
	else if (fresh)
		*l = *fresh;
	mutex_unlock(&p->lock);
	if (fresh && !err && resource == RLIMIT_CPU)
		time_limit_changed(p);
	return err;
}

long sys_getrlimit(unsigned long *a)
{
	struct rlimit64 old;
	int err = change(current_process(), (unsigned int)a[0], NULL, &old);

	return err ? err : copy_out(UPTR(a[1]), &old, sizeof(old));
}

long sys_setrlimit(unsigned long *a)
{
	struct rlimit64 fresh, old;

	if (get_user(fresh, UPTR(a[1])))
		return -EFAULT;
	return change(current_process(), (unsigned int)a[0], &fresh, &old);
}

static bool may_change(struct task *t)
{
	const struct cred *self = current()->cred;
	struct cred *c;
	bool may;

	if (t == current() || cred_has(self, CAP_SYS_RESOURCE))
		return true;
	c = task_cred_get(t);
	if (!c)
		return false;
	may = self->uid == c->uid && self->uid == c->euid && self->uid == c->suid &&
	      self->gid == c->gid && self->gid == c->egid && self->gid == c->sgid;
	cred_put(c);
	return may;
}

long sys_prlimit64(unsigned long *a)
{
	struct rlimit64 fresh, old;
	struct task *t = current();
	int tid = (int)a[0], err;

	if (a[2] && get_user(fresh, UPTR(a[2])))
		return -EFAULT;
	if (tid) {
		t = task_find(tid);
		if (!t)
			return -ESRCH;
	}
	err = may_change(t) ? change(t->process, (unsigned int)a[1], a[2] ? &fresh : NULL, &old)
			    : -EPERM;
	if (tid)
		task_put(t);
	if (!err && a[3])
		err = copy_out(UPTR(a[3]), &old, sizeof(old));
	return err;
}
