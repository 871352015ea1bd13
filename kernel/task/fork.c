/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork, vfork, clone, clone3. A thread shares everything; a process with CLONE_VM (vfork) shares the address space until it
 * calls execve; another gets a copy that the platform makes. Everything is allocated first; the last step that can
 * fail is the platform's start, and until then nobody else sees the child.
 */
#include <linux/errno.h>
#include <linux/sched.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/fs/vfs.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/life.h"
#include "kernel/task/pidfd.h"
#include "lib/base/string.h"

struct fork_args {
	uint64_t flags;
	uintptr_t stack, tls;
	struct uptr parent_tid, child_tid, pidfd;
	int exit_signal;
};

#define NAMESPACES                                                                     \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET)

static int check(const struct fork_args *a)
{
	uint64_t flags = a->flags;

	if (flags & NAMESPACES)
		return -EPERM; /* one enclave is one set of namespaces */
	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && (flags & CLONE_CLEAR_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_PIDFD) && (flags & CLONE_THREAD))
		return -EINVAL;
	if ((flags & CLONE_SETTLS) && a->tls >= plat_info()->user_end)
		return -EPERM;
	if (!(plat_info()->capabilities & PLAT_FORK) && !(flags & CLONE_VM))
		return -ENOSYS;
	return 0;
}

struct tally {
	uint32_t uid;
	uint64_t count;
};

static int count_own(struct process *p, void *arg)
{
	struct tally *tally = arg;
	struct cred *c;

	if (p->kernel_task || list_empty(&p->tasks))
		return 0;
	c = process_cred_get(p);
	if (!c)
		return 0;
	if (c->uid == tally->uid)
		tally->count += p->task_count;
	cred_put(c);
	return 0;
}

/* Tasks, threads too, of the caller's real user id (getrlimit(2)); the privileged are not held to it. */
static bool over_process_limit(struct task *t)
{
	uint64_t limit = t->process->limits[6 /* RLIMIT_NPROC */].current;
	struct tally tally = { .uid = t->cred->uid };

	if (limit >= 1 << 20 || t->cred->uid == 0)
		return false;
	(void)process_for_each(count_own, &tally);
	return tally.count >= limit;
}

static int share_or_copy(struct task *child, struct task *t, uint64_t flags)
{
	if (flags & CLONE_FILES) {
		child->files = t->files;
		ref_get(&t->files->refs);
	} else {
		child->files = fd_table_copy(t->files, UINT32_MAX);
		if (IS_ERR(child->files) || !child->files) {
			child->files = NULL;
			return -ENOMEM;
		}
	}
	if (flags & CLONE_FS) {
		child->fs = t->fs;
		ref_get(&t->fs->refs);
	} else {
		child->fs = fs_context_copy(t->fs);
		if (!child->fs)
			return -ENOMEM;
	}
	if (flags & CLONE_SIGHAND) {
		child->sighand = t->sighand;
		ref_get(&t->sighand->refs);
	} else {
		child->sighand = sighand_copy(t->sighand);
		if (!child->sighand)
			return -ENOMEM;
		if (flags & CLONE_CLEAR_SIGHAND)
			for (int sig = 1; sig <= SIGNAL_MAX; sig++)
				if (child->sighand->actions[sig].handler > 1)
					child->sighand->actions[sig] = (struct signal_action){ 0 };
	}
	child->cred = cred_get(t->cred);
	return 0;
}

static struct process *new_process(struct task *t, const struct fork_args *a)
{
	struct process *p = process_alloc(), *from = t->process;

	if (!p)
		return NULL;
	p->pgid = from->pgid;
	p->exit_signal = a->flags & CLONE_PARENT ? t->process->exit_signal : a->exit_signal;
	p->dumpable = from->dumpable;
	p->oom_score_adj = from->oom_score_adj;
	memcpy(p->limits, from->limits, sizeof(p->limits));
	memcpy(p->auxv, from->auxv, sizeof(p->auxv));
	p->arg_start = from->arg_start;
	p->arg_end = from->arg_end;
	p->env_start = from->env_start;
	p->env_end = from->env_end;
	p->stack_start = from->stack_start;
	if (from->exe) {
		p->exe = kmalloc(sizeof(*p->exe));
		if (!p->exe) {
			process_put(p);
			return NULL;
		}
		*p->exe = *from->exe;
		path_get(p->exe);
		process_hold_exe(p);
	}
	if (a->flags & CLONE_VM) {
		p->mm = from->mm;
		mm_get(p->mm);
	} else {
		p->mm = mm_fork(from->mm);
		if (!p->mm) {
			process_put(p);
			return NULL;
		}
	}
	return p;
}

static void fork_first_run(struct task *t)
{
	mm_fork_child(t->process->mm);
}

static void inherit(struct task *child, struct task *t, const struct fork_args *a)
{
	bool same_stack = !(a->flags & CLONE_VM) || (a->flags & CLONE_VFORK);

	memcpy(child->comm, t->comm, sizeof(child->comm));
	child->blocked = t->blocked;
	if (same_stack) {
		child->altstack = t->altstack;
		child->altstack_size = t->altstack_size;
		child->altstack_flags = t->altstack_flags;
	} else {
		child->altstack_flags = 2; /* SS_DISABLE */
	}
	child->nice = t->nice;
	child->policy = t->policy;
	child->priority = t->priority;
	child->ioprio = t->ioprio;
	if (child->policy & SCHED_RESET_ON_FORK) {
		child->policy = SCHED_NORMAL;
		child->priority = 0;
		child->nice = MAX(child->nice, 0);
	}
	memcpy(child->affinity, t->affinity, sizeof(child->affinity));
	child->personality = t->personality;
	child->timer_slack = t->timer_slack;
	child->no_new_privs = t->no_new_privs;
	child->fs_base = a->flags & CLONE_SETTLS ? a->tls : plat_get_fs();
	if (a->flags & CLONE_CHILD_SETTID)
		child->set_child_tid = a->child_tid.v;
	if (a->flags & CLONE_CHILD_CLEARTID)
		child->clear_tid = a->child_tid.v;
	*task_regs(child) = *task_regs(t);
	task_regs(child)->rax = 0;
	task_regs(child)->orig_rax = NO_SYSCALL;
	task_regs(child)->kind = ENTRY_OTHER;
	if (a->stack)
		task_regs(child)->rsp = a->stack;
	if (!(a->flags & CLONE_VM))
		child->first_run = fork_first_run;
}

/* The child becomes part of its process and of the tree. -EAGAIN: the process is on its way out. */
static int attach(struct task *child, struct task *t, const struct fork_args *a)
{
	struct process *p = child->process, *parent;
	int ret = 0;

	if (a->flags & CLONE_THREAD) {
		mutex_lock(&p->lock);
		if (p->exiting || (p->exec_task && p->exec_task != t)) {
			ret = -EAGAIN;
		} else {
			list_add_tail(&p->tasks, &child->link);
			p->task_count++;
			task_get(child);
		}
		mutex_unlock(&p->lock);
		return ret;
	}
	mutex_lock(&tree_lock);
	parent = a->flags & CLONE_PARENT ? t->process->parent : t->process;
	if (!parent)
		parent = t->process;
	p->leader = child;
	p->parent = parent;
	p->pgid = t->process->pgid;
	p->session = t->process->session;
	if (p->session)
		ref_get(&p->session->refs);
	list_add_tail(&p->tasks, &child->link);
	p->task_count = 1;
	task_get(child);
	list_add_tail(&parent->children, &p->sibling);
	list_add_tail(&all_processes, &p->id_link);
	mutex_unlock(&tree_lock);
	process_publish(p);
	return 0;
}

static void detach(struct task *child, struct task *t, const struct fork_args *a)
{
	struct process *p = child->process;

	(void)t;
	if (a->flags & CLONE_THREAD) {
		mutex_lock(&p->lock);
		list_remove(&child->link);
		p->task_count--;
		mutex_unlock(&p->lock);
	} else {
		mutex_lock(&tree_lock);
		list_remove(&child->link);
		p->task_count = 0;
		list_remove(&p->sibling);
		list_remove(&p->id_link);
		if (p->session)
			session_put(p->session);
		p->session = NULL;
		wake_all(&p->parent->child_wait,
			 ~0u); /* a waiting thread may have no children now */
		mutex_unlock(&tree_lock);
		process_unpublish(p);
	}
	task_put(child);
}

static void wait_for_vfork(struct task *t)
{
	while (!__atomic_load_n(&t->vfork_done, __ATOMIC_ACQUIRE)) {
		task_sleep_prepare();
		if (__atomic_load_n(&t->vfork_done, __ATOMIC_ACQUIRE))
			break;
		if (task_sleep_killable(NEVER) == -EINTR)
			break;
	}
}

static long fork_task(struct fork_args *a)
{
	struct task *t = current(), *child;
	bool thread = a->flags & CLONE_THREAD;
	int err, tid, pidfd = -1;

	err = check(a);
	if (err)
		return err;
	if (over_process_limit(t))
		return -EAGAIN;
	child = task_alloc();
	if (!child)
		return -ENOMEM;
	err = share_or_copy(child, t, a->flags);
	if (err)
		goto fail;
	if (thread) {
		child->process = t->process;
		process_get(t->process);
	} else {
		/* One reference for the tree of processes, one for the task. */
		child->process = new_process(t, a);
		if (!child->process) {
			err = -ENOMEM;
			goto fail;
		}
		process_get(child->process);
	}
	child->tid = tid = id_alloc();
	if (!thread) {
		child->process->pid = tid;
		child->process->sighand = child->sighand;
		ref_get(&child->sighand->refs);
	}
	inherit(child, t, a);
	if (a->flags & CLONE_PIDFD) {
		pidfd = pidfd_new(child->process, 0x80000 /* O_CLOEXEC */);
		err = pidfd < 0 ? pidfd : put_user(pidfd, a->pidfd);
		if (err)
			goto fail_process;
	}
	if ((a->flags & CLONE_PARENT_SETTID) && (err = put_user(tid, a->parent_tid)))
		goto fail_process;
	if (a->flags & CLONE_VFORK) {
		child->vfork_parent = t;
		task_get(t);
		t->vfork_done = 0;
	}
	err = attach(child, t, a);
	if (err)
		goto fail_vfork;
	task_publish(child);
	err = plat_task_start(child, a->flags & CLONE_VM ? PLAT_START_THREAD : PLAT_START_FORK);
	if (err) {
		task_unpublish(child);
		detach(child, t, a);
		goto fail_vfork;
	}
	/* The child owns its first reference; it may be gone already. */
	__atomic_fetch_add(a->flags & CLONE_THREAD ? &fork_counts.threads
			   : a->flags & CLONE_VM   ? &fork_counts.vforks
						   : &fork_counts.forks,
			   1, __ATOMIC_RELAXED);
	if (a->flags & CLONE_VFORK)
		wait_for_vfork(t);
	return tid;

fail_vfork:
	if (child->vfork_parent)
		task_put(t);
	child->vfork_parent = NULL;
fail_process:
	if (pidfd >= 0)
		pidfd = fd_close(pidfd);
	if (!thread) {
		mm_put(child->process->mm);
		child->process->mm = NULL;
		process_put(child->process);
	}
fail:
	if (child->files)
		fd_table_put(child->files);
	if (child->fs)
		fs_context_put(child->fs);
	task_discard(child);
	return err;
}

struct fork_counts fork_counts;

long sys_fork(unsigned long *a)
{
	struct fork_args args = { .exit_signal = SIGCHLD };

	(void)a;
	return fork_task(&args);
}

long sys_vfork(unsigned long *a)
{
	struct fork_args args = { .flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD };

	(void)a;
	return fork_task(&args);
}

long sys_clone(unsigned long *a)
{
	struct fork_args args = {
		.flags = (uint32_t)a[0] & ~(uint32_t)CSIGNAL,
		.stack = a[1],
		.parent_tid = UPTR(a[2]),
		.child_tid = UPTR(a[3]),
		.pidfd = UPTR(a[2]),
		.tls = a[4],
		.exit_signal = (int)(a[0] & CSIGNAL),
	};

	if ((args.flags & CLONE_PIDFD) && (args.flags & CLONE_PARENT_SETTID))
		return -EINVAL;
	if (args.flags & CLONE_DETACHED && args.flags & CLONE_PIDFD)
		return -EINVAL;
	if (args.exit_signal > SIGNAL_MAX)
		return -EINVAL;
	return fork_task(&args);
}

long sys_clone3(unsigned long *a)
{
	struct clone_args u;
	struct fork_args args;
	size_t size = a[1];
	int err;

	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = copy_in_struct(&u, sizeof(u), UPTR(a[0]), size);
	if (err)
		return err;
	if (u.flags & (CSIGNAL | CLONE_DETACHED) || u.exit_signal > SIGNAL_MAX)
		return -EINVAL;
	if (u.flags >> 33 && (u.flags & ~0x1ffffffffULL & ~(uint64_t)CLONE_INTO_CGROUP))
		return -EINVAL;
	if (u.flags & (uint64_t)CLONE_INTO_CGROUP || u.set_tid_size)
		return -EPERM;
	if ((u.flags & (CLONE_THREAD | CLONE_PARENT)) && u.exit_signal)
		return -EINVAL;
	if ((u.stack == 0) != (u.stack_size == 0))
		return -EINVAL;
	args = (struct fork_args){
		.flags = u.flags,
		.stack = u.stack + u.stack_size,
		.tls = u.tls,
		.parent_tid = UPTR(u.parent_tid),
		.child_tid = UPTR(u.child_tid),
		.pidfd = UPTR(u.pidfd),
		.exit_signal = (int)u.exit_signal,
	};
	return fork_task(&args);
}

long sys_set_tid_address(unsigned long *a)
{
	current()->clear_tid = a[0];
	return current()->tid;
}
