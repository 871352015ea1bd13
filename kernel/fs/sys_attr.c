/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that change attributes: chmod, chown, utimes, truncate. The rules are in inode.c. */
#include <linux/fcntl.h>
#include <linux/inotify.h>

#include "kernel/fs/file.h"
#include "kernel/fs/walk.h"
#include "kernel/mm/usercopy.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/task.h"
#include "kernel/time/time.h"

#define NS_NOW ((1L << 30) - 1L)  /* UTIME_NOW */
#define NS_OMIT ((1L << 30) - 2L) /* UTIME_OMIT */
#define NS_PER_SECOND 1000000000L

struct change {
	struct attributes attributes;
	bool times_are_now;
};

static long change_path(const struct path *p, const struct change *c)
{
	int e;

	if (path_read_only(p))
		return -EROFS;
	e = inode_change(p->dentry->inode, &c->attributes, c->times_are_now, false);
	if (!e)
		notify_path(p, IN_ATTRIB);
	return e;
}

static long change_name(int dirfd, unsigned long name, int flags, const struct change *c)
{
	unsigned int lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct path p;
	long r;

	if (flags & AT_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	r = path_lookup_user(dirfd, UPTR(name), lookup, &p);
	if (r)
		return r;
	r = change_path(&p, c);
	path_put(&p);
	return r;
}

static long change_fd(int fd, const struct change *c)
{
	struct file *f = fd_get(fd);
	long r;

	if (!f)
		return -EBADF;
	r = change_path(&f->path, c);
	file_put(f);
	return r;
}

/* --- chmod, chown ----------------------------------------------------------------------------------------------------- */

static struct change mode_change(unsigned long mode)
{
	return (struct change){ .attributes = { .valid = ATTR_MODE,
						.mode = (uint32_t)mode & 07777 } };
}

long sys_chmod(unsigned long *a)
{
	const struct change c = mode_change(a[1]);

	return change_name(AT_FDCWD, a[0], 0, &c);
}

long sys_fchmod(unsigned long *a)
{
	const struct change c = mode_change(a[1]);

	return change_fd((int)a[0], &c);
}

long sys_fchmodat(unsigned long *a)
{
	const struct change c = mode_change(a[2]);

	return change_name((int)a[0], a[1], 0, &c);
}

static struct change owner_change(unsigned long uid, unsigned long gid)
{
	struct change c = { .attributes = { .uid = (uint32_t)uid, .gid = (uint32_t)gid } };

	if ((uint32_t)uid != UINT32_MAX)
		c.attributes.valid |= ATTR_UID;
	if ((uint32_t)gid != UINT32_MAX)
		c.attributes.valid |= ATTR_GID;
	return c;
}

long sys_chown(unsigned long *a)
{
	const struct change c = owner_change(a[1], a[2]);

	return change_name(AT_FDCWD, a[0], 0, &c);
}

long sys_lchown(unsigned long *a)
{
	const struct change c = owner_change(a[1], a[2]);

	return change_name(AT_FDCWD, a[0], AT_SYMLINK_NOFOLLOW, &c);
}

long sys_fchown(unsigned long *a)
{
	const struct change c = owner_change(a[1], a[2]);

	return change_fd((int)a[0], &c);
}

long sys_fchownat(unsigned long *a)
{
	const struct change c = owner_change(a[2], a[3]);
	int flags = (int)a[4];

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return change_name((int)a[0], a[1], flags, &c);
}

/* --- times ---------------------------------------------------------------------------------------------------------------- */

static void set_time(struct attributes *a, unsigned int which, const struct timespec64_user *t)
{
	struct timestamp value;

	if (t->nsec == NS_OMIT)
		return;
	value.seconds = t->sec;
	value.nanoseconds = (uint32_t)t->nsec;
	if (t->nsec == NS_NOW)
		value = time_now();
	a->valid |= which;
	if (which == ATTR_ATIME)
		a->accessed = value;
	else
		a->modified = value;
}

/* times: access and modification, or NULL for now. */
static long change_times(int dirfd, unsigned long name, const struct timespec64_user *times,
			 int flags)
{
	static const struct timespec64_user now[2] = { { 0, NS_NOW }, { 0, NS_NOW } };
	struct change c = { .times_are_now = false };

	if (!times)
		times = now;
	for (int n = 0; n < 2; n++)
		if (times[n].nsec != NS_NOW && times[n].nsec != NS_OMIT &&
		    (times[n].nsec < 0 || times[n].nsec >= NS_PER_SECOND))
			return -EINVAL;
	if (times[0].nsec == NS_OMIT && times[1].nsec == NS_OMIT)
		return 0;
	c.times_are_now = times[0].nsec == NS_NOW && times[1].nsec == NS_NOW;
	set_time(&c.attributes, ATTR_ATIME, &times[0]);
	set_time(&c.attributes, ATTR_MTIME, &times[1]);
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (!name && dirfd != AT_FDCWD)
		return flags ? -EINVAL : change_fd(dirfd, &c);
	return change_name(dirfd, name, flags, &c);
}

long sys_utimensat(unsigned long *a)
{
	struct timespec64_user times[2];

	if (a[2] && copy_in(times, UPTR(a[2]), sizeof(times)))
		return -EFAULT;
	return change_times((int)a[0], a[1], a[2] ? times : NULL, (int)a[3]);
}

static long change_times_us(int dirfd, unsigned long name, unsigned long from)
{
	struct timespec64_user times[2];

	if (!from)
		return change_times(dirfd, name, NULL, 0);
	if (copy_in(times, UPTR(from), sizeof(times)))
		return -EFAULT;
	for (int n = 0; n < 2; n++) {
		if (times[n].nsec < 0 || times[n].nsec >= 1000000)
			return -EINVAL;
		times[n].nsec *= 1000;
	}
	return change_times(dirfd, name, times, 0);
}

long sys_utimes(unsigned long *a)
{
	return change_times_us(AT_FDCWD, a[0], a[1]);
}

long sys_futimesat(unsigned long *a)
{
	return change_times_us((int)a[0], a[1], a[2]);
}

long sys_utime(unsigned long *a)
{
	struct timespec64_user times[2];
	int64_t seconds[2];

	if (!a[1])
		return change_times(AT_FDCWD, a[0], NULL, 0);
	if (copy_in(seconds, UPTR(a[1]), sizeof(seconds)))
		return -EFAULT;
	for (int n = 0; n < 2; n++) {
		times[n].sec = seconds[n];
		times[n].nsec = 0;
	}
	return change_times(AT_FDCWD, a[0], times, 0);
}

/* --- size ------------------------------------------------------------------------------------------------------------------- */

static long truncate_path(const struct path *p, int64_t size)
{
	struct inode *i = p->dentry->inode;
	int e;

	if (S_ISDIR(i->mode))
		return -EISDIR;
	if (!S_ISREG(i->mode))
		return -EINVAL;
	if (path_read_only(p))
		return -EROFS;
	e = inode_permission(i, MAY_WRITE);
	if (e)
		return e;
	if (__atomic_load_n(&i->running, __ATOMIC_SEQ_CST))
		return -ETXTBSY;
	e = inode_truncate(i, (uint64_t)size);
	if (!e)
		notify_path(p, IN_MODIFY);
	return e;
}

long sys_truncate(unsigned long *a)
{
	struct path p;
	long r;

	if ((int64_t)a[1] < 0)
		return -EINVAL;
	r = path_lookup_user(AT_FDCWD, UPTR(a[0]), LOOKUP_FOLLOW, &p);
	if (r)
		return r;
	r = truncate_path(&p, (int64_t)a[1]);
	path_put(&p);
	return r;
}

long sys_ftruncate(unsigned long *a)
{
	struct file *f;
	long r;

	if ((int64_t)a[1] < 0)
		return -EINVAL;
	f = fd_get((int)a[0]);
	if (!f)
		return -EBADF;
	if (!S_ISREG(f->inode->mode) || !file_writable(f))
		r = -EINVAL;
	else
		r = inode_truncate(f->inode, a[1]);
	if (!r)
		notify_path(&f->path, IN_MODIFY);
	file_put(f);
	return r;
}
