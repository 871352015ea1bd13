/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unshare: a task stops sharing what clone let it share with others: descriptors, directories and umask, semaphore
 * adjustments. Servers use it to give threads a working directory of their own. Namespaces there is one set of, as in
 * clone. Memory and handlers cannot be unshared from under other tasks: as on Linux, that succeeds only where nobody
 * shares them.
 *
 * Copies are made before anything is changed; t->files and t->fs are changed under process.lock, as /proc reads them so.
 */
#include <linux/errno.h>
#include <linux/sched.h>

#include "kernel/fs/file.h"
#include "kernel/fs/vfs.h"
#include "kernel/ipc/ipc.h"
#include "kernel/mm/mm.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/task.h"

#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUSER | CLONE_NEWPID | \
	 CLONE_NEWCGROUP | CLONE_NEWTIME)
#define ALONE (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)
#define KNOWN (NAMESPACES | ALONE | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM)

static int check(struct task *t, unsigned long flags)
{
	struct process *p = t->process;

	if (flags & ~(unsigned long)KNOWN)
		return -EINVAL;
	if (flags & NAMESPACES)
		return -EPERM;
	if ((flags & ALONE) && p->task_count > 1)
		return -EINVAL;
	/* One reference is the task's, one the process's. */
	if ((flags & (CLONE_SIGHAND | CLONE_VM)) && t->sighand->refs.v > 2)
		return -EINVAL;
	if ((flags & CLONE_VM) && p->mm->refs.v > 1)
		return -EINVAL;
	return 0;
}

long sys_unshare(unsigned long *a)
{
	struct fs_context *fs = NULL, *old_fs = NULL;
	struct fd_table *files = NULL, *old_files = NULL;
	struct task *t = current();
	int err = check(t, a[0]);

	if (err)
		return err;
	if ((a[0] & CLONE_FS) && t->fs->refs.v > 1) {
		fs = fs_context_copy(t->fs);
		if (!fs)
			return -ENOMEM;
	}
	if ((a[0] & CLONE_FILES) && t->files->refs.v > 1) {
		files = fd_table_copy(t->files, UINT32_MAX);
		if (!files || IS_ERR(files)) {
			if (fs)
				fs_context_put(fs);
			return -ENOMEM;
		}
	}
	mutex_lock(&t->process->lock);
	if (fs) {
		old_fs = t->fs;
		t->fs = fs;
	}
	if (files) {
		old_files = t->files;
		t->files = files;
	}
	mutex_unlock(&t->process->lock);
	if (old_fs)
		fs_context_put(old_fs);
	if (old_files)
		fd_table_put(old_files);
	if (a[0] & CLONE_SYSVSEM && t->process->task_count == 1)
		sysv_sem_exit(t->process);
	return 0;
}
