/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process descriptors: a file that holds a reference of a process, readable once the process has ended (process.zombie, told
 * on process.exit_wait). It outlives the process and never comes to mean another one with the same number.
 * pidfd_send_signal is in signal/sys_kill.c, waitid in wait.c.
 */
#include "kernel/task/pidfd.h"

#include <asm/errno.h>
#include <linux/fcntl.h>

#include "kernel/fs/file.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "lib/base/fmt.h"

static struct process *of(struct file *f)
{
	return f->private_data;
}

static unsigned int pidfd_poll(struct file *f, struct poll_table *pt)
{
	struct process *p = of(f);

	poll_wait(f, &p->exit_wait, pt);
	return __atomic_load_n(&p->zombie, __ATOMIC_ACQUIRE) ? POLLBIT_IN | POLLBIT_RDNORM : 0;
}

static void pidfd_release(struct file *f)
{
	process_put(of(f));
}

static bool is_reaped(struct process *p)
{
	struct process *found = process_find(p->pid);
	bool reaped = found != p;

	if (found)
		process_put(found);
	return reaped;
}

static void pidfd_show(struct file *f, char *buf, size_t size)
{
	int pid = is_reaped(of(f)) ? -1 : of(f)->pid;

	fmt_snprintf(buf, size, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static const struct file_ops pidfd_ops = {
	.poll = pidfd_poll,
	.release = pidfd_release,
	.show_fdinfo = pidfd_show,
};

struct process *pidfd_process(struct file *f)
{
	return f->ops == &pidfd_ops ? of(f) : NULL;
}

int pidfd_new(struct process *p, unsigned int flags)
{
	struct file *f;
	int fd;

	f = file_new_anonymous(&pidfd_ops, 0600, "anon_inode:[pidfd]",
			       O_RDWR | (flags & O_NONBLOCK), p);
	if (!f || IS_ERR(f))
		return f ? PTR_ERR(f) : -ENOMEM;
	process_get(p);
	fd = fd_alloc(f, 0, true);
	file_put(f);
	return fd;
}

long sys_pidfd_open(unsigned long *a)
{
	int pid = (int)a[0], fd;
	unsigned int flags = (unsigned int)a[1];
	struct process *p;
	struct task *t;

	if (flags & ~(unsigned int)O_NONBLOCK)
		return -EINVAL;
	if (pid <= 0)
		return -EINVAL;
	p = process_find(pid);
	if (!p) {
		/* -EINVAL: a thread that is not its process's main one (if it is, its process has been reaped). */
		t = task_find(pid);
		if (!t)
			return -ESRCH;
		fd = t->tid == t->process->pid ? -ESRCH : -EINVAL;
		task_put(t);
		return fd;
	}
	fd = p->kernel_task ? -ESRCH : pidfd_new(p, flags);
	process_put(p);
	return fd;
}

/* Any live task of the process: they nearly always share one descriptor table. Counted. */
static struct task *live_task(struct process *p)
{
	struct task *t, *found = NULL;

	mutex_lock(&p->lock);
	list_for_each(t, &p->tasks, link)
		if (t->state != TASK_DEAD) {
			task_get(t);
			found = t;
			break;
		}
	mutex_unlock(&p->lock);
	return found;
}

static struct fd_table *files_of(struct task *t)
{
	struct fd_table *files = NULL;

	/* A task that has left its process is about to drop its table. */
	mutex_lock(&t->process->lock);
	if (t->state != TASK_DEAD && t->files && ref_get_unless_zero(&t->files->refs))
		files = t->files;
	mutex_unlock(&t->process->lock);
	return files;
}

long sys_pidfd_getfd(unsigned long *a)
{
	struct file *pidfd, *f = NULL;
	struct fd_table *files;
	struct task *t;
	long ret;

	if (a[2])
		return -EINVAL;
	pidfd = fd_get((int)a[0]);
	if (!pidfd)
		return -EBADF;
	ret = -EBADF;
	if (!pidfd_process(pidfd))
		goto out;
	ret = -ESRCH;
	t = live_task(of(pidfd));
	if (!t)
		goto out;
	ret = -EPERM;
	if (cred_may_inspect(t)) {
		files = files_of(t);
		ret = files ? -EBADF : -ESRCH;
		if (files) {
			f = fd_get_from(files, (int)a[1]);
			fd_table_put(files);
		}
	}
	task_put(t);
	if (f) {
		ret = fd_alloc(f, 0, true);
		file_put(f);
	}
out:
	file_put(pidfd);
	return ret;
}
