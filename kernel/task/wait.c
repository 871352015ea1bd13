/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait4, waitid. The tree of processes is scanned under tree_lock; a child that changes state wakes its parent's
 * child_wait after the change is visible there. Who sets what: exit.c zombie and exit_status; signal/ stopped,
 * stop_signal, stop_reported, continued_unreported.
 */
#include <linux/errno.h>
#include <linux/wait.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/life.h"
#include "kernel/task/pidfd.h"
#include "lib/base/string.h"

struct wait_args {
	int type; /* P_* */
	int id;
	struct process *target; /* P_PIDFD */
	int options;
	/* found */
	int pid, code, status; /* siginfo's code and status */
	uint32_t uid;
	int wait_status;
	struct rusage_sum usage;
	bool reaped;
};

struct user_rusage {
	int64_t user_sec, user_usec, system_sec, system_usec;
	int64_t max_rss, ixrss, idrss, isrss, minor, major, swaps, inblock, outblock, sent,
		received, signals, voluntary, involuntary;
};

static bool matches(const struct wait_args *a, struct process *p)
{
	bool clone_child = p->exit_signal != SIGCHLD;

	if (!(a->options & __WALL) && clone_child != !!(a->options & __WCLONE))
		return false;
	switch (a->type) {
	case P_PID:
		return p->pid == a->id;
	case P_PGID:
		return p->pgid == a->id;
	case P_PIDFD:
		return p == a->target;
	default:
		return true;
	}
}

static void add_usage(struct rusage_sum *to, const struct rusage_sum *from)
{
	to->user_ns += from->user_ns;
	to->system_ns += from->system_ns;
	to->minor_faults += from->minor_faults;
	to->major_faults += from->major_faults;
	to->voluntary += from->voluntary;
	to->involuntary += from->involuntary;
	to->max_rss = MAX(to->max_rss, from->max_rss);
}

static void take_zombie(struct wait_args *a, struct process *me, struct process *p)
{
	int status = p->exit_status;

	a->code = status & 0x7f ? (status & 0x80 ? CLD_DUMPED : CLD_KILLED) : CLD_EXITED;
	a->status = status & 0x7f ? status & 0x7f : status >> 8 & 0xff;
	a->wait_status = status;
	a->uid = p->exit_uid;
	memset(&a->usage, 0, sizeof(a->usage));
	add_usage(&a->usage, &p->self_dead);
	add_usage(&a->usage, &p->children_sum);
	if (a->options & WNOWAIT)
		return;
	add_usage(&me->children_sum, &a->usage);
	process_reap_locked(p);
	a->reaped = true;
}

/* tree_lock held. 1: something found; 0: there are children, nothing yet; -ECHILD. */
static int scan(struct wait_args *a, struct process *me, struct process **ret_reaped)
{
	struct process *p;
	int found = -ECHILD;

	list_for_each(p, &me->children, sibling) {
		if (!matches(a, p))
			continue;
		found = 0;
		a->pid = p->pid;
		if (p->zombie) {
			if (!(a->options & WEXITED))
				continue;
			take_zombie(a, me, p);
			if (a->reaped)
				*ret_reaped = p;
			return 1;
		}
		if (p->stopped && !p->stop_reported && (a->options & WUNTRACED)) {
			a->code = CLD_STOPPED;
			a->status = p->stop_signal;
			a->wait_status = p->stop_signal << 8 | 0x7f;
			a->uid = p->exit_uid;
			if (!(a->options & WNOWAIT))
				p->stop_reported = true;
			memset(&a->usage, 0, sizeof(a->usage));
			return 1;
		}
		if (p->continued_unreported && (a->options & WCONTINUED)) {
			a->code = CLD_CONTINUED;
			a->status = SIGCONT;
			a->wait_status = 0xffff;
			a->uid = p->exit_uid;
			if (!(a->options & WNOWAIT))
				p->continued_unreported = false;
			memset(&a->usage, 0, sizeof(a->usage));
			return 1;
		}
	}
	return found;
}

static int scan_locked(struct wait_args *a, struct process *me)
{
	struct process *reaped = NULL;
	int found;

	mutex_lock(&tree_lock);
	found = scan(a, me, &reaped);
	mutex_unlock(&tree_lock);
	if (reaped) {
		process_unpublish(reaped);
		process_put(reaped);
	}
	return found;
}

static long wait_for_child(struct wait_args *a)
{
	struct process *me = current_process();
	int found = 0, err;

	if (a->options & WNOHANG)
		return scan_locked(a, me);
	err = WAIT_EVENT(&me->child_wait, (found = scan_locked(a, me)) != 0, NEVER);
	return err ? -ERESTARTSYS : found;
}

static int put_usage(const struct rusage_sum *u, struct uptr to)
{
	struct user_rusage r = {
		.user_sec = (int64_t)(u->user_ns / 1000000000),
		.user_usec = (int64_t)(u->user_ns % 1000000000 / 1000),
		.system_sec = (int64_t)(u->system_ns / 1000000000),
		.system_usec = (int64_t)(u->system_ns % 1000000000 / 1000),
		.max_rss = (int64_t)u->max_rss,
		.minor = (int64_t)u->minor_faults,
		.major = (int64_t)u->major_faults,
		.voluntary = (int64_t)u->voluntary,
		.involuntary = (int64_t)u->involuntary,
	};

	return to.v ? copy_out(to, &r, sizeof(r)) : 0;
}

long sys_wait4(unsigned long *a)
{
	int pid = (int)a[0], options = (int)a[2];
	struct wait_args args = { .options = options | WEXITED, .type = P_PID, .id = pid };
	long ret;

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	if (pid == -1) {
		args.type = P_ALL;
	} else if (pid <= 0) {
		args.type = P_PGID;
		args.id = pid ? -pid : current_process()->pgid;
	}
	ret = wait_for_child(&args);
	if (ret <= 0)
		return ret;
	if (a[1] && put_user(args.wait_status, UPTR(a[1])))
		return -EFAULT;
	if (put_usage(&args.usage, UPTR(a[3])))
		return -EFAULT;
	return args.pid;
}

long sys_waitid(unsigned long *a)
{
	struct wait_args args = { .type = (int)a[0], .id = (int)a[1], .options = (int)a[3] };
	struct file *file = NULL;
	siginfo_t info;
	long ret;

	if (args.options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD |
			     __WCLONE | __WALL))
		return -EINVAL;
	if (!(args.options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	switch (args.type) {
	case P_ALL:
		break;
	case P_PID:
		if (args.id <= 0)
			return -EINVAL;
		break;
	case P_PGID:
		if (args.id < 0)
			return -EINVAL;
		if (!args.id)
			args.id = current_process()->pgid;
		break;
	case P_PIDFD:
		if (args.id < 0)
			return -EINVAL;
		file = fd_get(args.id);
		if (!file)
			return -EBADF;
		args.target = pidfd_process(file);
		if (!args.target) {
			file_put(file);
			return -EBADF;
		}
		if (file->flags & 04000 /* O_NONBLOCK */)
			args.options |= WNOHANG;
		break;
	default:
		return -EINVAL;
	}
	ret = wait_for_child(&args);
	if (ret == 0 && file && (file->flags & 04000) && !((int)a[3] & WNOHANG))
		ret = -EAGAIN;
	if (file)
		file_put(file);
	if (ret < 0)
		return ret;
	memset(&info, 0, sizeof(info));
	if (ret > 0) {
		info.si_signo = SIGCHLD;
		info.si_code = args.code;
		info.si_pid = args.pid;
		info.si_uid = args.uid;
		info.si_status = args.status;
		if (put_usage(&args.usage, UPTR(a[4])))
			return -EFAULT;
	}
	if (a[2] && copy_out(UPTR(a[2]), &info, sizeof(info)))
		return -EFAULT;
	return 0;
}
