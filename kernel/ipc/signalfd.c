/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signalfd: signals of the calling task and its process as records to read. The mask is the only state of its own, one
 * word. Readiness is announced by the process's signal_wait, of the process that polls, as on Linux.
 *
 * An epoll set may keep its entry on that queue longer than the process lives (a child inherited both descriptors). So
 * the file counts each process whose queue it ever gave out; s->lock guards that list.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/signalfd.h>

#include "kernel/fs/file.h"
#include "kernel/ipc/poll.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/task.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

#define SIGNALFD_PROCESSES_MAX 1024U

struct signal_file {
	uint64_t mask;
	struct mutex lock;
	unsigned int count;
	struct process **processes;
};

static const struct file_ops signalfd_ops;

/* The queue stays as long as the file does. */
static bool process_keep(struct signal_file *s, struct process *p)
{
	struct process **more;
	bool kept = false;

	mutex_lock(&s->lock);
	for (unsigned int i = 0; i < s->count && !kept; i++)
		kept = s->processes[i] == p;
	if (!kept && s->count < SIGNALFD_PROCESSES_MAX) {
		more = krealloc(s->processes, (s->count + 1) * sizeof(*more));
		if (more) {
			process_get(p);
			s->processes = more;
			s->processes[s->count++] = p;
			kept = true;
		}
	}
	mutex_unlock(&s->lock);
	return kept;
}

static void record_fill(struct signalfd_siginfo *r, const siginfo_t *info)
{
	memset(r, 0, sizeof(*r));
	r->ssi_signo = (uint32_t)info->si_signo;
	r->ssi_errno = info->si_errno;
	r->ssi_code = info->si_code;
	if (info->si_code == SI_TIMER) {
		r->ssi_tid = (uint32_t)info->si_tid;
		r->ssi_overrun = (uint32_t)info->si_overrun;
		r->ssi_ptr = (uintptr_t)info->si_ptr;
		r->ssi_int = info->si_int;
		return;
	}
	if (info->si_code > 0 && info->si_code != SI_KERNEL)
		switch (info->si_signo) {
		case SIGILL:
		case SIGFPE:
		case SIGSEGV:
		case SIGBUS:
		case SIGTRAP:
			r->ssi_addr = (uintptr_t)info->si_addr;
			return;
		case SIGIO:
			r->ssi_band = (uint32_t)info->si_band;
			r->ssi_fd = info->si_fd;
			return;
		case SIGCHLD:
			r->ssi_pid = (uint32_t)info->si_pid;
			r->ssi_uid = info->si_uid;
			r->ssi_status = info->si_status;
			r->ssi_utime = (uint64_t)info->si_utime;
			r->ssi_stime = (uint64_t)info->si_stime;
			return;
		}
	r->ssi_pid = (uint32_t)info->si_pid;
	r->ssi_uid = info->si_uid;
	/* Queued by an application or a message queue: a value came along. */
	if (info->si_code < 0) {
		r->ssi_ptr = (uintptr_t)info->si_ptr;
		r->ssi_int = info->si_int;
	}
}

static bool signalfd_take(struct signal_file *s, siginfo_t *ret_info)
{
	struct sigset set = { __atomic_load_n(&s->mask, __ATOMIC_RELAXED) };

	return signal_dequeue(current(), set, ret_info) > 0;
}

static long signalfd_read(struct file *f, struct uio *io, uint64_t *pos)
{
	struct signal_file *s = f->private_data;
	struct signalfd_siginfo record;
	siginfo_t info;
	long done = 0;

	(void)pos;
	if (io->left < sizeof(record))
		return -EINVAL;
	while (io->left >= sizeof(record)) {
		if (!signalfd_take(s, &info)) {
			if (done)
				break;
			if (f->flags & O_NONBLOCK)
				return -EAGAIN;
			if (WAIT_EVENT(&current_process()->signal_wait, signalfd_take(s, &info),
				       NEVER))
				return -ERESTARTSYS;
		}
		record_fill(&record, &info);
		if (uio_put(io, &record, sizeof(record)) != sizeof(record))
			return done ? done : -EFAULT;
		done += (long)sizeof(record);
	}
	return done;
}

static unsigned int signalfd_poll(struct file *f, struct poll_table *pt)
{
	struct signal_file *s = f->private_data;
	struct process *p = current_process();

	if (pt && process_keep(s, p))
		poll_wait(f, &p->signal_wait, pt);
	return signal_pending_set(current()).bits & __atomic_load_n(&s->mask, __ATOMIC_RELAXED)
		       ? POLLBIT_IN
		       : 0;
}

static void signalfd_release(struct file *f)
{
	struct signal_file *s = f->private_data;

	for (unsigned int i = 0; i < s->count; i++)
		process_put(s->processes[i]);
	kfree(s->processes);
	kfree(s);
}

static void signalfd_show(struct file *f, char *buf, size_t size)
{
	struct signal_file *s = f->private_data;

	fmt_snprintf(buf, size, "sigmask:\t%016llx\n",
		     (unsigned long long)__atomic_load_n(&s->mask, __ATOMIC_RELAXED));
}

static const struct file_ops signalfd_ops = {
	.read = signalfd_read,
	.poll = signalfd_poll,
	.release = signalfd_release,
	.show_fdinfo = signalfd_show,
};

static long signalfd_change(int fd, uint64_t mask)
{
	struct file *f = fd_get(fd);
	struct signal_file *s;

	if (!f)
		return -EBADF;
	if (f->ops != &signalfd_ops) {
		file_put(f);
		return -EINVAL;
	}
	s = f->private_data;
	__atomic_store_n(&s->mask, mask, __ATOMIC_SEQ_CST);
	wake_all(&current_process()->signal_wait, ~0u);
	file_put(f);
	return fd;
}

static long signalfd_create(int fd, struct uptr at, size_t size, unsigned int flags)
{
	struct signal_file *s;
	struct file *f;
	uint64_t mask;

	if (size != sizeof(mask))
		return -EINVAL;
	if (get_user(mask, at))
		return -EFAULT;
	if (flags & ~(unsigned int)(SFD_CLOEXEC | SFD_NONBLOCK))
		return -EINVAL;
	mask &= ~(SIGBIT(SIGKILL) | SIGBIT(SIGSTOP));
	if (fd != -1)
		return signalfd_change(fd, mask);
	s = kzalloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->mask = mask;
	f = file_new_anonymous(&signalfd_ops, 0600, "anon_inode:[signalfd]",
			       O_RDWR | (flags & SFD_NONBLOCK), s);
	if (!f) {
		kfree(s);
		return -ENOMEM;
	}
	f->stream = true;
	fd = fd_alloc(f, 0, flags & SFD_CLOEXEC);
	file_put(f);
	return fd;
}

long sys_signalfd4(unsigned long *a)
{
	return signalfd_create((int)a[0], UPTR(a[1]), a[2], (unsigned int)a[3]);
}

long sys_signalfd(unsigned long *a)
{
	return signalfd_create((int)a[0], UPTR(a[1]), a[2], 0);
}
