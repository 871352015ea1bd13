/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls: fcntl and ioctl. What concerns descriptors and open files is here; record locks are fs/lock.c's, pipe
 * sizes ipc/pipe.c's, devices' requests their own. file->flags is replaced whole by an atomic store.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include <asm/ioctls.h>

#include "kernel/fs/file.h"
#include "kernel/fs/walk.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"

#define ASYNC 020000u /* O_ASYNC */
#define SETTABLE (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | ASYNC)
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)
#define GET_BLOCK_SIZE 2 /* FIGETBSZ, _IO(0, 2) */

static long set_flags(struct file *f, unsigned int wanted)
{
	unsigned int flags = (wanted & SETTABLE) | (f->flags & ~(unsigned int)SETTABLE);
	const struct cred *cred = current()->cred;
	int e = 0;

	if ((flags & O_NOATIME) && !(f->flags & O_NOATIME) && cred->fsuid != f->inode->uid &&
	    !capable(CAP_FOWNER))
		return -EPERM;
	if (flags != f->flags && f->ops->set_flags)
		e = f->ops->set_flags(f, flags);
	if (!e)
		__atomic_store_n(&f->flags, flags, __ATOMIC_RELAXED);
	return e;
}

/* --- who gets SIGIO ----------------------------------------------------------------------------------------------------- */

static bool owner_exists(int type, int id)
{
	struct process *p;
	struct task *t;
	bool found;

	switch (type) {
	case F_OWNER_TID:
		t = task_find(id);
		if (t)
			task_put(t);
		return t != NULL;
	case F_OWNER_PGRP:
		mutex_lock(&tree_lock);
		found = process_group_exists(id, NULL);
		mutex_unlock(&tree_lock);
		return found;
	default:
		p = process_find(id);
		if (p)
			process_put(p);
		return p != NULL;
	}
}

static long set_owner(struct file *f, int type, int id)
{
	if (id && !owner_exists(type, id))
		return -ESRCH;
	f->owner = type == F_OWNER_PGRP ? -id : id;
	f->owner_type = type;
	return 0;
}

static long set_owner_ex(struct file *f, struct uptr from)
{
	struct f_owner_ex owner;
	int e = copy_in(&owner, from, sizeof(owner));

	if (e)
		return e;
	if (owner.type != F_OWNER_TID && owner.type != F_OWNER_PID && owner.type != F_OWNER_PGRP)
		return -EINVAL;
	if (owner.pid < 0)
		return -ESRCH;
	return set_owner(f, owner.type, owner.pid);
}

static long get_owner_ex(const struct file *f, struct uptr to)
{
	struct f_owner_ex owner = { .type = f->owner < 0 ? F_OWNER_PGRP : f->owner_type,
				    .pid = f->owner };

	if (owner.pid < 0)
		owner.pid = -owner.pid;
	if (!f->owner)
		owner.type = f->owner_type ? f->owner_type : F_OWNER_PID;
	return copy_out(to, &owner, sizeof(owner));
}

/* --- seals --------------------------------------------------------------------------------------------------------------- */

static bool has_seals(const struct inode *i)
{
	return S_ISREG(i->mode) && (i->sealable || i->fs->magic == TMPFS_MAGIC);
}

static long add_seals(struct file *f, unsigned int seals)
{
	struct inode *i = f->inode;
	long r = 0;

	if (!has_seals(i))
		return -EINVAL;
	if (!file_writable(f))
		return -EPERM;
	if (seals & ~(unsigned int)SEALS)
		return -EINVAL;
	mutex_lock(&i->lock);
	if (!i->sealable || (i->seals & F_SEAL_SEAL))
		r = -EPERM;
	else if ((seals & F_SEAL_WRITE) && !(i->seals & F_SEAL_WRITE) &&
		 __atomic_load_n(&i->data->mapped_writable, __ATOMIC_SEQ_CST))
		r = -EBUSY;
	else
		__atomic_or_fetch(&i->seals, seals, __ATOMIC_SEQ_CST);
	mutex_unlock(&i->lock);
	return r;
}

static long lease(struct file *f, int cmd, int kind)
{
	if (cmd == F_GETLEASE)
		return F_UNLCK;
	if (!S_ISREG(f->inode->mode) || (kind != F_RDLCK && kind != F_WRLCK && kind != F_UNLCK))
		return -EINVAL;
	/* Nobody could be told to give it back: there is always somebody in the way. */
	return -EAGAIN;
}

static long file_fcntl(struct file *f, int cmd, unsigned long arg)
{
	switch (cmd) {
	case F_SETFL:
		return set_flags(f, (unsigned int)arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return lock_fcntl(f, cmd, arg);
	case F_GETOWN:
		return f->owner;
	case F_SETOWN:
		if ((int)arg == INT32_MIN)
			return -EINVAL;
		return (int)arg < 0 ? set_owner(f, F_OWNER_PGRP, -(int)arg)
				    : set_owner(f, F_OWNER_PID, (int)arg);
	case F_GETOWN_EX:
		return get_owner_ex(f, UPTR(arg));
	case F_SETOWN_EX:
		return set_owner_ex(f, UPTR(arg));
	case F_GETSIG:
		return f->owner_signal;
	case F_SETSIG:
		if (arg > SIGNAL_MAX)
			return -EINVAL;
		f->owner_signal = (int)arg;
		return 0;
	case F_GETLEASE:
	case F_SETLEASE:
		return lease(f, cmd, (int)arg);
	case F_NOTIFY:
		/* No dnotify (inotify replaced it): asking for no event has nothing to end. */
		return arg & ~(unsigned long)DN_MULTISHOT ? -EINVAL : 0;
	case F_SETPIPE_SZ:
	case F_GETPIPE_SZ:
		return f->ops->is_pipe ? pipe_fcntl(f, cmd, arg) : -EBADF;
	case F_ADD_SEALS:
		return add_seals(f, (unsigned int)arg);
	case F_GET_SEALS:
		if (!has_seals(f->inode))
			return -EINVAL;
		return f->inode->sealable ? (long)f->inode->seals : F_SEAL_SEAL;
	default:
		return -EINVAL;
	}
}

long sys_fcntl(unsigned long *a)
{
	int fd = (int)a[0], cmd = (int)a[1];
	struct file *f;
	long r;

	if (cmd == F_GETFD)
		return fd_cloexec(fd, -1);
	if (cmd == F_SETFD) {
		r = fd_cloexec(fd, a[2] & FD_CLOEXEC);
		return r < 0 ? r : 0;
	}
	f = fd_get_path(fd);
	if (!f)
		return -EBADF;
	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		r = (int)a[2] < 0 || a[2] > INT32_MAX
			    ? -EINVAL
			    : fd_alloc(f, (int)a[2], cmd == F_DUPFD_CLOEXEC);
	else if (cmd == F_GETFL)
		r = (long)f->flags;
	else
		r = f->flags & O_PATH ? -EBADF : file_fcntl(f, cmd, a[2]);
	file_put(f);
	return r;
}

/* --- ioctl ---------------------------------------------------------------------------------------------------------------- */

static long ioctl_flag(struct file *f, unsigned int flag, struct uptr from)
{
	int on, e = copy_in(&on, from, sizeof(on));

	if (e)
		return e;
	return set_flags(f, on ? f->flags | flag : f->flags & ~flag);
}

static long ioctl_regular(struct file *f, unsigned int request, struct uptr to)
{
	struct statx st;
	int64_t left;
	int e;

	if (request == FIONREAD) {
		left = (int64_t)inode_size(f->inode) - (int64_t)f->pos;
		return put_user((int)left, to);
	}
	e = vfs_stat(&f->path, &st);
	return e ? e : put_user((int)st.stx_blksize, to);
}

long sys_ioctl(unsigned long *a)
{
	unsigned int request = (unsigned int)a[1];
	int fd = (int)a[0];
	struct file *f = fd_get(fd);
	bool plain;
	long r;

	if (!f)
		return -EBADF;
	plain = S_ISREG(f->inode->mode) || S_ISDIR(f->inode->mode);
	if (request == FIOCLEX || request == FIONCLEX) {
		r = fd_cloexec(fd, request == FIOCLEX);
		r = r < 0 ? r : 0;
	} else if (request == FIONBIO) {
		r = ioctl_flag(f, O_NONBLOCK, UPTR(a[2]));
	} else if (request == FIOASYNC) {
		r = ioctl_flag(f, ASYNC, UPTR(a[2]));
	} else if ((request == FIONREAD && S_ISREG(f->inode->mode)) ||
		   (request == GET_BLOCK_SIZE && plain)) {
		r = ioctl_regular(f, request, UPTR(a[2]));
	} else {
		r = f->ops->ioctl ? f->ops->ioctl(f, request, a[2]) : -ENOTTY;
	}
	file_put(f);
	return r;
}
