/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process_vm_readv and process_vm_writev, and reading another process's memory for /proc. Data goes through the calling
 * task's bounce buffer, since the platform's peek works between one foreign address space and kernel memory.
 */
#include "kernel/mm/process_vm.h"

#include <linux/capability.h>
#include <linux/errno.h>

#include "abi/platform.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/mm/usercopy.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"

#define SEGMENTS_MAX 1024UL

int process_vm_may_access(struct process *p)
{
	const struct cred *c = current()->cred, *o;
	struct task *t = NULL;
	int err = 0;

	if (p == current_process())
		return 0;
	mutex_lock(&p->lock);
	if (!list_empty(&p->tasks)) {
		t = list_first(&p->tasks, struct task, link);
		task_get(t);
	}
	mutex_unlock(&p->lock);
	if (!t)
		return -ESRCH;
	o = t->cred;
	if ((c->uid != o->euid || c->uid != o->suid || c->uid != o->uid || c->gid != o->egid ||
	     c->gid != o->sgid || c->gid != o->gid || !p->dumpable) &&
	    !capable(CAP_SYS_PTRACE))
		err = -EPERM;
	task_put(t);
	return err;
}

long mm_peek(struct process *p, uintptr_t at, void *buffer, size_t size, bool write)
{
	struct task *t = NULL;
	long n;

	if (!access_ok(UPTR(at), size))
		return 0;
	if (p->mm == current_process()->mm)
		return (long)(write ? copy_out_partial(UPTR(at), buffer, size)
				    : copy_in_partial(buffer, UPTR(at), size));
	mutex_lock(&p->lock);
	if (!list_empty(&p->tasks)) {
		t = list_first(&p->tasks, struct task, link);
		task_get(t);
	}
	mutex_unlock(&p->lock);
	if (!t)
		return -ESRCH;
	n = plat_peek(t, at, buffer, size, write);
	task_put(t);
	return n == -EFAULT || n == -EIO ? 0 : n;
}

static long transfer_piece(struct process *p, struct uio *local, uintptr_t at, size_t size,
			   char *buffer, bool write)
{
	long n;

	if (write) {
		size_t got = uio_get(local, buffer, size);

		return got ? mm_peek(p, at, buffer, got, true) : 0;
	}
	n = mm_peek(p, at, buffer, size, false);
	return n > 0 ? (long)uio_put(local, buffer, (size_t)n) : n;
}

static long transfer(struct process *p, struct uio *local, const struct uio_segment *remote,
		     size_t count, bool write)
{
	char *buffer = task_iobuf();
	long done = 0;

	if (!buffer)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		uintptr_t at = remote[i].base.v;
		size_t left = MIN(remote[i].size, local->left);

		while (left) {
			size_t step = MIN(left, TASK_IOBUF_SIZE);
			long n = transfer_piece(p, local, at, step, buffer, write);

			if (n < 0)
				return done ? done : n;
			done += n;
			if ((size_t)n < step)
				return done ? done : -EFAULT;
			at += step;
			left -= step;
		}
	}
	return done;
}

static long process_vm(unsigned long *a, bool write)
{
	struct uio_segment *remote;
	struct process *p;
	struct uio local;
	long ret;

	if (a[5] || a[2] > SEGMENTS_MAX || a[4] > SEGMENTS_MAX)
		return -EINVAL;
	ret = uio_init_iovec(&local, UPTR(a[1]), a[2]);
	if (ret)
		return ret;
	remote = kmalloc(a[4] * sizeof(*remote) + 1);
	ret = -ENOMEM;
	if (!remote)
		goto out_local;
	ret = copy_in(remote, UPTR(a[3]), a[4] * sizeof(*remote));
	if (ret)
		goto out;
	for (size_t i = 0; i < a[4]; i++) {
		ret = -EINVAL;
		if ((long)remote[i].size < 0)
			goto out;
	}
	ret = 0;
	if (!local.left)
		goto out;
	p = process_find((int)a[0]);
	ret = -ESRCH;
	if (!p)
		goto out;
	ret = process_vm_may_access(p);
	if (!ret)
		ret = transfer(p, &local, remote, a[4], write);
	process_put(p);
out:
	kfree(remote);
out_local:
	uio_done(&local);
	return ret;
}

long sys_process_vm_readv(unsigned long *a)
{
	return process_vm(a, false);
}

long sys_process_vm_writev(unsigned long *a)
{
	return process_vm(a, true);
}
