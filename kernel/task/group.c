/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process groups and sessions: setsid, setpgid and what asks for them. A group is a number that processes share, and a
 * session an object they share; both change only under tree_lock. A process's own pgid may be read without it.
 */
#include <linux/errno.h>

#include "kernel/mm/kmalloc.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/life.h"
#include "kernel/task/task.h"

/* The process an id of a task or process belongs to, counted; 0: the caller's. NULL: -ESRCH. */
static struct process *process_of(int id)
{
	struct process *p;
	struct task *t;

	if (!id) {
		p = current_process();
		process_get(p);
		return p;
	}
	p = process_find(id);
	if (!p) {
		t = task_find(id);
		if (!t)
			return NULL;
		p = t->process;
		process_get(p);
		task_put(t);
	}
	if (p->kernel_task) {
		process_put(p);
		return NULL;
	}
	return p;
}

long sys_setsid(unsigned long *a)
{
	struct process *p = current_process();
	struct session *s = kzalloc(sizeof(*s)), *old = NULL;
	long result = -EPERM;

	(void)a;
	if (!s)
		return -ENOMEM;
	ref_init(&s->refs);
	s->sid = p->pid;
	mutex_lock(&tree_lock);
	if ((!p->session || p->session->sid != p->pid) && !process_group_exists(p->pid, NULL)) {
		old = p->session;
		p->session = s;
		p->pgid = p->pid;
		s = NULL;
		result = p->pid;
	}
	mutex_unlock(&tree_lock);
	if (old)
		session_put(old);
	kfree(s);
	return result;
}

/* tree_lock held. */
static int may_set_group(struct process *p, int group)
{
	struct process *self = current_process();

	if (p->parent == self) {
		if (p->session != self->session)
			return -EPERM;
		if (p->execed)
			return -EACCES;
	} else if (p != self) {
		return -ESRCH;
	}
	if (p->session && p->session->sid == p->pid)
		return -EPERM;
	if (group != p->pid && !process_group_exists(group, self->session))
		return -EPERM;
	return 0;
}

long sys_setpgid(unsigned long *a)
{
	int pid = (int)a[0], group = (int)a[1];
	struct process *p;
	int error;

	if (!pid)
		pid = current_process()->pid;
	if (!group)
		group = pid;
	if (group < 0)
		return -EINVAL;
	p = process_of(pid);
	if (!p)
		return -ESRCH;
	error = -EINVAL;
	if (p->pid != pid)
		goto put; /* a thread */
	mutex_lock(&tree_lock);
	error = may_set_group(p, group);
	if (!error)
		p->pgid = group;
	mutex_unlock(&tree_lock);
put:
	process_put(p);
	return error;
}

long sys_getpgid(unsigned long *a)
{
	struct process *p = process_of((int)a[0]);
	int group;

	if (!p)
		return -ESRCH;
	group = __atomic_load_n(&p->pgid, __ATOMIC_RELAXED);
	process_put(p);
	return group;
}

long sys_getpgrp(unsigned long *a)
{
	(void)a;
	return __atomic_load_n(&current_process()->pgid, __ATOMIC_RELAXED);
}

long sys_getsid(unsigned long *a)
{
	struct process *p = process_of((int)a[0]);
	int id;

	if (!p)
		return -ESRCH;
	mutex_lock(&tree_lock);
	id = p->session ? p->session->sid : 0;
	mutex_unlock(&tree_lock);
	process_put(p);
	return id ? id : -ESRCH;
}
