/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends: of a task, of a process (its last task), and what a parent learns of it. Nobody is ended from outside: whoever
 * must go is told by process->exiting and WORK_EXIT, and goes at its next way out of the kernel, holding no lock.
 */
#include <linux/errno.h>
#include <linux/wait.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/fs/tty.h"
#include "kernel/ipc/ipc.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/futex.h"
#include "kernel/task/life.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

void session_put(struct session *s)
{
	if (ref_put(&s->refs))
		kfree(s);
}

void task_release_vfork(struct task *t)
{
	struct task *parent = t->vfork_parent;

	if (!parent)
		return;
	t->vfork_parent = NULL;
	__atomic_store_n(&parent->vfork_done, 1, __ATOMIC_SEQ_CST);
	task_wake(parent);
	task_put(parent);
}

void task_leave_mm(struct task *t)
{
	int zero = 0;

	futex_task_exit(t);
	if (t->clear_tid && (t->process->task_count > 1 || t->process->mm->refs.v > 1)) {
		if (!put_user(zero, UPTR(t->clear_tid)))
			(void)futex_wake_user(UPTR(t->clear_tid), 1, false);
	}
	t->clear_tid = 0;
	t->robust_list = 0;
}

static void tell_to_exit(struct task *t)
{
	__atomic_fetch_or(&t->work, WORK_EXIT, __ATOMIC_SEQ_CST);
	if (t != current())
		plat_kick(t, true);
}

/* process.lock held */
static void tell_others(struct process *p, struct task *survivor)
{
	struct task *t;

	list_for_each(t, &p->tasks, link)
		if (t != survivor)
			tell_to_exit(t);
}

int process_stop_others(struct process *p)
{
	struct task *t = current();
	int ret = 0;

	mutex_lock(&p->lock);
	if (p->exiting || p->exec_task) {
		mutex_unlock(&p->lock);
		return -EINTR;
	}
	if (p->task_count > 1) {
		p->exec_task = t;
		p->exiting = true;
		tell_others(p, t);
	}
	mutex_unlock(&p->lock);
	if (p->exec_task != t)
		return 0;
	/* The others end at once unless they are in the middle of something short: no signal interrupts this wait. */
	ret = WAIT_EVENT(&p->child_wait, __atomic_load_n(&p->task_count, __ATOMIC_ACQUIRE) == 1,
			 NEVER);
	while (ret && __atomic_load_n(&p->task_count, __ATOMIC_ACQUIRE) != 1)
		plat_yield();
	mutex_lock(&p->lock);
	p->exiting = false;
	p->exec_task = NULL;
	mutex_unlock(&p->lock);
	return 0;
}

/* --- the end of a process --- */

static bool parent_ignores_children(struct process *parent)
{
	struct sighand *s = parent->sighand;
	struct signal_action *a = &s->actions[SIGCHLD];

	return a->handler == 1 /* SIG_IGN */ || (a->flags & SA_NOCLDWAIT);
}

static void child_info(siginfo_t *info, struct process *p)
{
	int status = p->exit_status;

	memset(info, 0, sizeof(*info));
	info->si_signo = p->exit_signal;
	info->si_code = status & 0x7f ? (status & 0x80 ? CLD_DUMPED : CLD_KILLED) : CLD_EXITED;
	info->si_pid = p->pid;
	info->si_uid = p->exit_uid;
	info->si_status = status & 0x7f ? status & 0x7f : status >> 8 & 0xff;
	info->si_utime = (long)(p->self_dead.user_ns / 10000000);
	info->si_stime = (long)(p->self_dead.system_ns / 10000000);
}

/* tree_lock held. Takes a zombie out of the tree; the caller drops the tree's reference with process_put. */
void process_reap_locked(struct process *p)
{
	list_remove(&p->sibling);
	list_remove(&p->id_link);
	p->parent = NULL;
	if (p->session)
		session_put(p->session);
	p->session = NULL;
}

static struct process *new_parent_of(struct process *p)
{
	for (struct process *a = p->parent; a; a = a->parent)
		if (a->child_subreaper && !a->zombie && !a->exiting)
			return a;
	return init_process != p ? init_process : NULL;
}

static int orphan_member(struct process *p, void *arg)
{
	siginfo_t info;

	(void)arg;
	if (p->zombie)
		return 0;
	signal_info_kernel(&info, SIGHUP, SI_KERNEL);
	signal_send_process(p, &info);
	signal_info_kernel(&info, SIGCONT, SI_KERNEL);
	signal_send_process(p, &info);
	return 0;
}

static int find_stopped(struct process *p, void *arg)
{
	(void)arg;
	return p->stopped && !p->zombie;
}

/* A process group that lost its last tie to the session, with stopped members: they would never be continued. */
static void check_orphaned(int pgid)
{
	if (process_group_orphaned(pgid) &&
	    process_for_each_in_group_locked(pgid, find_stopped, NULL))
		process_for_each_in_group_locked(pgid, orphan_member, NULL);
}

/* tree_lock held. Zombies that nobody will wait for are put on `reaped`. */
static void reparent(struct process *p, struct list *reaped)
{
	struct process *child, *next, *heir = new_parent_of(p);

	list_for_each_safe(child, next, &p->children, sibling) {
		struct task *t;
		siginfo_t info;
		int pdeathsig = 0;

		list_remove(&child->sibling);
		child->parent = heir;
		if (heir)
			list_add_tail(&heir->children, &child->sibling);
		child->exit_signal = SIGCHLD;
		mutex_lock(&child->lock);
		list_for_each(t, &child->tasks, link)
			if (t->pdeathsig) {
				pdeathsig = t->pdeathsig;
				break;
			}
		mutex_unlock(&child->lock);
		if (pdeathsig) {
			signal_info_kernel(&info, pdeathsig, SI_KERNEL);
			signal_send_process(child, &info);
		}
		if (child->zombie && (!heir || parent_ignores_children(heir))) {
			process_reap_locked(child);
			list_add(reaped, &child->sibling);
		} else if (child->zombie) {
			child_info(&info, child);
			signal_send_process(heir, &info);
			wake_all(&heir->child_wait, ~0u);
		} else {
			check_orphaned(child->pgid);
		}
	}
}

static void process_ended(struct process *p, struct task *t, int status)
{
	struct process *parent, *child, *next;
	struct mm *mm;
	struct list reaped;
	bool autoreap = false;
	siginfo_t info;

	list_init(&reaped);
	time_process_exit(p);
	sysv_exit(p);
	mutex_lock(&p->lock); /* /proc/PID/maps looks at it */
	mm = p->mm;
	p->mm = NULL;
	process_release_exe(p); /* a zombie runs nothing */
	mutex_unlock(&p->lock);
	mm_put(mm);
	p->exit_uid = t->cred->uid;
	if (p == init_process)
		plat_shutdown(status);
	if (p->session && p->session->sid == p->pid)
		tty_hangup_session(p->session);
	mutex_lock(&tree_lock);
	p->exit_status = status;
	reparent(p, &reaped);
	parent = p->parent;
	p->zombie = true;
	if (!parent) {
		autoreap = true;
	} else {
		autoreap = p->exit_signal == SIGCHLD && parent_ignores_children(parent);
		child_info(&info, p);
		if (p->exit_signal > 0)
			signal_send_process(parent, &info);
		wake_all(&parent->child_wait, ~0u);
		if (parent->pgid != p->pgid && parent->session == p->session)
			check_orphaned(p->pgid);
	}
	wake_all(&p->exit_wait, ~0u);
	if (autoreap) {
		process_reap_locked(p);
		list_add(&reaped, &p->sibling);
	}
	mutex_unlock(&tree_lock);
	list_for_each_safe(child, next, &reaped, sibling) {
		list_remove(&child->sibling);
		process_unpublish(child);
		process_put(child);
	}
}

static void add_usage(struct process *p, struct task *t)
{
	uint64_t user = 0, system = 0;

	plat_cputime(t, false, &user, &system);
	p->self_dead.user_ns += user;
	p->self_dead.system_ns += system;
	p->self_dead.voluntary += t->calls_slept;
}

void task_exit(int status)
{
	struct task *t = current();
	struct process *p = t->process;
	struct fd_table *files = t->files;
	struct fs_context *fs = t->fs;
	bool last;

	signal_task_exit(t);
	/* While others run in it: what they expect of a thread's end. */
	task_leave_mm(t);
	task_release_vfork(t);
	mutex_lock(&p->lock);
	add_usage(p, t);
	list_remove(&t->link);
	last = --p->task_count == 0;
	if (p->exiting)
		status = p->exit_status;
	if (last)
		p->exiting = true;
	mutex_unlock(&p->lock);
	task_put(t); /* the list's */
	/* Out of sight of others now; closed before the parent hears of the end. */
	t->files = NULL;
	t->fs = NULL;
	fd_table_put(files);
	fs_context_put(fs);
	task_unpublish(t);
	if (last)
		process_ended(p, t, status);
	else
		wake_all(&p->child_wait, ~0u);
	/* The last reference is the execution's own; task_free leaves the block to those who see `gone`. */
	task_put(t);
	plat_task_exit(t);
}

void process_exit(int status)
{
	struct task *t = current();
	struct process *p = t->process;

	mutex_lock(&p->lock);
	if (!p->exiting) {
		p->exiting = true;
		p->exit_status = status;
		tell_others(p, t);
	} else if (p->exec_task == t) {
		/* Died in the middle of execve: nobody else is left to decide. */
		p->exec_task = NULL;
		p->exit_status = status;
	}
	mutex_unlock(&p->lock);
	task_exit(status);
}

long sys_exit(unsigned long *a)
{
	task_exit((int)(a[0] & 0xff) << 8);
}

long sys_exit_group(unsigned long *a)
{
	process_exit((int)(a[0] & 0xff) << 8);
}
