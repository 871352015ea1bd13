/* SPDX-License-Identifier: Apache-2.0 */
/* Calls about the system and the caller as a whole that belong to no subsystem: ids, memory figures, random bytes. */
#include <asm/errno.h>
#include <asm/prctl.h>
#include <linux/capability.h>
#include <linux/kcmp.h>
#include <linux/random.h>
#include <linux/sysinfo.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/ipc/ipc.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

long sys_getpid(unsigned long *a)
{
	(void)a;
	return current_process()->pid;
}

long sys_gettid(unsigned long *a)
{
	(void)a;
	return current()->tid;
}

long sys_getppid(unsigned long *a)
{
	struct process *parent;
	int pid;

	(void)a;
	mutex_lock(&tree_lock);
	parent = current_process()->parent;
	pid = parent && !parent->kernel_task ? parent->pid : 0;
	mutex_unlock(&tree_lock);
	return pid;
}

long sys_personality(unsigned long *a)
{
	struct task *t = current();
	unsigned int old = t->personality;

	if ((uint32_t)a[0] != UINT32_MAX)
		t->personality = (uint32_t)a[0];
	return old;
}

long sys_arch_prctl(unsigned long *a)
{
	uintptr_t base;

	switch ((int)a[0]) {
	case ARCH_SET_FS:
		if (a[1] >= plat_info()->user_end)
			return -EPERM;
		plat_set_fs(a[1]);
		return 0;
	case ARCH_GET_FS:
		base = plat_get_fs();
		return put_user(base, UPTR(a[1]));
	case ARCH_SET_GS: /* %gs finds the task on entry to the kernel */
	case ARCH_GET_GS:
		return -EPERM;
	default:
		return -EINVAL;
	}
}

long sys_getcpu(unsigned long *a)
{
	uint32_t cpu = plat_cpu(), node = 0;

	if (cpu >= plat_info()->cpus)
		cpu = 0;
	if (a[0] && put_user(cpu, UPTR(a[0])))
		return -EFAULT;
	if (a[1] && put_user(node, UPTR(a[1])))
		return -EFAULT;
	return 0;
}

long sys_getrandom(unsigned long *a)
{
	size_t size = MIN(a[1], (unsigned long)INT32_MAX), done = 0;
	unsigned int flags = (unsigned int)a[2];
	unsigned char piece[256];
	long ret = 0;

	if (flags & ~(unsigned int)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if ((flags & GRND_RANDOM) && (flags & GRND_INSECURE))
		return -EINVAL;
	while (done < size) {
		size_t now = MIN(size - done, sizeof(piece));

		plat_random(piece, now);
		if (copy_out(UPTR(a[0] + done), piece, now)) {
			ret = -EFAULT;
			break;
		}
		done += now;
		if (done < size && done % PAGE_SIZE == 0 && signal_pending(current()))
			break;
	}
	secure_zero(piece, sizeof(piece));
	return done ? (long)done : ret;
}

long sys_sysinfo(unsigned long *a)
{
	struct memory_usage usage;
	struct sysinfo info;
	size_t used;

	memset(&info, 0, sizeof(info));
	memory_usage(&usage);
	used = usage.pages_used * PAGE_SIZE;
	info.uptime = (long)(clock_monotonic() / 1000000000);
	info.totalram = usage.limit;
	info.freeram = usage.limit > used ? usage.limit - used : 0;
	info.bufferram = usage.cache_pages * PAGE_SIZE;
	info.procs =
		(uint16_t)MIN(__atomic_load_n(&task_count, __ATOMIC_RELAXED), (uint32_t)UINT16_MAX);
	info.mem_unit = 1;
	return copy_out(UPTR(a[0]), &info, sizeof(info));
}

/* The kernel's own log is the developer's, not the applications': theirs is empty. */
long sys_syslog(unsigned long *a)
{
	enum {
		CLOSE,
		OPEN,
		READ,
		READ_ALL,
		READ_CLEAR,
		CLEAR,
		CONSOLE_OFF,
		CONSOLE_ON,
		CONSOLE_LEVEL,
		SIZE_UNREAD,
		SIZE_BUFFER
	};
	int type = (int)a[0], size = (int)a[2];

	if (type != READ_ALL && type != SIZE_BUFFER && !capable(CAP_SYSLOG) &&
	    !capable(CAP_SYS_ADMIN))
		return -EPERM;
	switch (type) {
	case CLOSE:
	case OPEN:
	case CLEAR:
	case CONSOLE_OFF:
	case CONSOLE_ON:
	case SIZE_UNREAD:
	case SIZE_BUFFER:
		return 0;
	case CONSOLE_LEVEL:
		return size < 1 || size > 8 ? -EINVAL : 0;
	case READ:
	case READ_ALL:
	case READ_CLEAR:
		if (!a[1] || size < 0)
			return -EINVAL;
		if (!access_ok(UPTR(a[1]), (size_t)size))
			return -EFAULT;
		if (!size || type != READ)
			return 0;
		do
			task_sleep_prepare();
		while (!signal_pending(current()) && task_sleep(NEVER) != -EINTR);
		return -ERESTARTSYS;
	default:
		return -EINVAL;
	}
}

/* --- kcmp ----------------------------------------------------------------------------------------------------------- */

static long order(const void *first, const void *second)
{
	return first == second ? 0 : (uintptr_t)first < (uintptr_t)second ? 1 : 2;
}

static struct file *file_of(struct task *t, unsigned long fd)
{
	struct fd_table *files = NULL;
	struct file *f = NULL;

	if (fd > INT32_MAX)
		return NULL;
	/* A task that has left its process is about to drop its table. */
	mutex_lock(&t->process->lock);
	if (!list_empty(&t->link) && t->state != TASK_DEAD && t->files &&
	    ref_get_unless_zero(&t->files->refs))
		files = t->files;
	mutex_unlock(&t->process->lock);
	if (!files)
		return NULL;
	f = fd_get_from(files, (int)fd);
	fd_table_put(files);
	return f;
}

static long compare_files(struct task *first, struct task *second, unsigned long fd1,
			  unsigned long fd2)
{
	struct file *f1 = file_of(first, fd1), *f2 = file_of(second, fd2);
	long ret = f1 && f2 ? order(f1, f2) : -EBADF;

	if (f1)
		file_put(f1);
	if (f2)
		file_put(f2);
	return ret;
}

static long compare(struct task *first, struct task *second, int type, unsigned long *a)
{
	switch (type) {
	case KCMP_FILE:
		return compare_files(first, second, a[3], a[4]);
	case KCMP_VM:
		return order(first->process->mm, second->process->mm);
	case KCMP_FILES:
		return order(first->files, second->files);
	case KCMP_FS:
		return order(first->fs, second->fs);
	case KCMP_SIGHAND:
		return order(first->sighand, second->sighand);
	case KCMP_SYSVSEM:
		/* Who never used SEM_UNDO has no list of adjustments, like all others of that kind. */
		return order(sysv_sem_adjusts(first->process) ? first->process : NULL,
			     sysv_sem_adjusts(second->process) ? second->process : NULL);
	case KCMP_IO:
		return 0; /* the host does the I/O: nobody has a context */
	default:
		return -EINVAL;
	}
}

long sys_kcmp(unsigned long *a)
{
	struct task *first = task_find((int)a[0]), *second = task_find((int)a[1]);
	long ret = -ESRCH;

	if (first && second)
		ret = cred_may_inspect(first) && cred_may_inspect(second)
			      ? compare(first, second, (int)a[2], a)
			      : -EPERM;
	if (first)
		task_put(first);
	if (second)
		task_put(second);
	return ret;
}
