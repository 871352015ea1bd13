/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that send signals, and who may send to whom: a sender whose real or effective user is the target's real or
 * saved one, or with CAP_KILL; SIGCONT also within the session. Signal 0 only asks.
 * kill of a group or of all succeeds if it reached one process. Locks: tree_lock -> process.lock -> sighand.lock.
 */
#include <asm/errno.h>

#include "kernel/fs/file.h"
#include "kernel/fs/vfs.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal_internal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/pidfd.h"

static int may_signal(struct process *p, struct cred *target, int sig)
{
	if (!target)
		return 0; /* a zombie: nothing will happen */
	if (p == current_process() || cred_may_kill(current()->cred, target))
		return 0;
	if (sig == SIGCONT && p->session == current_process()->session)
		return 0;
	return -EPERM;
}

static int kill_process(struct process *p, const siginfo_t *info)
{
	struct cred *target = process_cred_get(p);
	int err = may_signal(p, target, info->si_signo);

	if (target)
		cred_put(target);
	if (err)
		return err;
	if (p->kernel_task)
		return -EPERM;
	return info->si_signo ? signal_send_process(p, info) : 0;
}

/* pgid 0: all that is not the first process or the caller. */
static int kill_many(int pgid, const siginfo_t *info)
{
	struct process *p;
	int reached = 0, last = -ESRCH;

	mutex_lock(&tree_lock);
	list_for_each(p, &all_processes, id_link) {
		int err;

		if (p->kernel_task)
			continue;
		if (pgid ? p->pgid != pgid : (p == init_process || p == current_process()))
			continue;
		err = kill_process(p, info);
		if (!err)
			reached++;
		else
			last = err;
	}
	mutex_unlock(&tree_lock);
	return reached ? 0 : last;
}

static int kill_pid(int pid, const siginfo_t *info)
{
	struct process *p = process_find(pid);
	int ret;

	if (!p) {
		/* A thread's id stands for its process here. The main one's does not: its process has been reaped. */
		struct task *t = task_find(pid);

		if (!t)
			return -ESRCH;
		ret = t->tid == t->process->pid ? -ESRCH : kill_process(t->process, info);
		task_put(t);
		return ret;
	}
	ret = kill_process(p, info);
	process_put(p);
	return ret;
}

static bool bad_signal(int sig)
{
	return sig < 0 || sig > SIGNAL_MAX;
}

long sys_kill(unsigned long *a)
{
	int pid = (int)a[0], sig = (int)a[1];
	siginfo_t info;

	if (bad_signal(sig))
		return -EINVAL;
	signal_info_user(&info, sig, SI_USER);
	if (pid > 0)
		return kill_pid(pid, &info);
	if (pid == INT32_MIN)
		return -ESRCH;
	if (pid == -1)
		return kill_many(0, &info);
	return kill_many(pid ? -pid : current_process()->pgid, &info);
}

/* The main thread of a zombie is still there by name, although its task may be gone. */
static int kill_zombie_thread(int tgid, int tid, const siginfo_t *info)
{
	struct process *p = process_find(tid);
	siginfo_t only_ask = *info;
	int ret = -ESRCH;

	if (!p)
		return -ESRCH;
	/* The thread handles nothing any more; SIGKILL is for the process whatever thread it names. */
	if (info->si_signo != SIGKILL)
		only_ask.si_signo = 0;
	if (!tgid || tgid == tid)
		ret = kill_process(p, &only_ask);
	process_put(p);
	return ret;
}

/* tgid 0: any process. */
static int kill_task(int tgid, int tid, const siginfo_t *info)
{
	struct task *t;
	struct cred *target;
	int ret;

	if (tid == current()->tid) {
		/* raise(): no lookups. */
		if (tgid && tgid != current_process()->pid)
			return -ESRCH;
		return info->si_signo ? signal_send_task(current(), info) : 0;
	}
	t = task_find(tid);
	for (int tries = 0; t && t->state == TASK_DEAD; tries++) {
		task_put(t);
		t = tries ? NULL : task_find(tid); /* again: execve may have handed its id over */
	}
	if (!t)
		return kill_zombie_thread(tgid, tid, info);
	ret = -ESRCH;
	if ((tgid && t->process->pid != tgid) || t->process->kernel_task)
		goto out;
	target = task_cred_get(t);
	ret = may_signal(t->process, target, info->si_signo);
	if (target)
		cred_put(target);
	if (!ret && info->si_signo)
		ret = signal_send_task(t, info);
out:
	task_put(t);
	return ret;
}

long sys_tkill(unsigned long *a)
{
	int tid = (int)a[0], sig = (int)a[1];
	siginfo_t info;

	if (tid <= 0 || bad_signal(sig))
		return -EINVAL;
	signal_info_user(&info, sig, SI_TKILL);
	return kill_task(0, tid, &info);
}

long sys_tgkill(unsigned long *a)
{
	int tgid = (int)a[0], tid = (int)a[1], sig = (int)a[2];
	siginfo_t info;

	if (tgid <= 0 || tid <= 0 || bad_signal(sig))
		return -EINVAL;
	signal_info_user(&info, sig, SI_TKILL);
	return kill_task(tgid, tid, &info);
}

/* Information made up by the sender must not look as if it came from the kernel or from kill. */
static int info_from_user(siginfo_t *info, struct uptr from, int sig, int pid)
{
	if (copy_in(info, from, sizeof(*info)))
		return -EFAULT;
	info->si_signo = sig;
	if ((info->si_code >= 0 || info->si_code == SI_TKILL) && current_process()->pid != pid)
		return -EPERM;
	return 0;
}

long sys_rt_sigqueueinfo(unsigned long *a)
{
	int pid = (int)a[0], sig = (int)a[1], err;
	siginfo_t info;

	err = info_from_user(&info, UPTR(a[2]), sig, pid);
	if (err)
		return err;
	if (bad_signal(sig))
		return -EINVAL;
	return pid > 0 ? kill_pid(pid, &info) : -ESRCH;
}

long sys_rt_tgsigqueueinfo(unsigned long *a)
{
	int tgid = (int)a[0], tid = (int)a[1], sig = (int)a[2], err;
	siginfo_t info;

	err = info_from_user(&info, UPTR(a[3]), sig, tgid);
	if (err)
		return err;
	if (tgid <= 0 || tid <= 0 || bad_signal(sig))
		return -EINVAL;
	return kill_task(tgid, tid, &info);
}

long sys_pidfd_send_signal(unsigned long *a)
{
	int sig = (int)a[1], ret;
	struct process *p, *found;
	siginfo_t info;
	struct file *f;
	bool in_proc;

	if (a[3])
		return -EINVAL;
	f = fd_get((int)a[0]);
	if (!f)
		return -EBADF;
	/* An open /proc/PID does, too: it was there before pidfds were. */
	in_proc = procfs_is_process_dir(f);
	p = in_proc ? procfs_dir_process(f) : pidfd_process(f);
	ret = in_proc ? -ESRCH : -EBADF;
	if (!p)
		goto out;
	if (a[2]) {
		ret = -EFAULT;
		if (copy_in(&info, UPTR(a[2]), sizeof(info)))
			goto out;
		ret = -EINVAL;
		if (info.si_signo != sig)
			goto out;
		ret = -EPERM;
		if ((info.si_code >= 0 || info.si_code == SI_TKILL) && p != current_process())
			goto out;
	} else {
		signal_info_user(&info, sig, SI_USER);
	}
	ret = -EINVAL;
	if (bad_signal(sig))
		goto out;
	/* Reaped: the number may already mean another process. */
	found = process_find(p->pid);
	ret = -ESRCH;
	if (found == p)
		ret = kill_process(p, &info);
	if (found)
		process_put(found);
out:
	if (p && in_proc)
		process_put(p);
	file_put(f);
	return ret;
}
