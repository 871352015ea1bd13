/* SPDX-License-Identifier: Apache-2.0 */
/* System calls: open and its relatives, close, dup. */
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>

#include "kernel/fs/file.h"
#include "kernel/fs/walk.h"
#include "kernel/mm/usercopy.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/task.h"

#define LARGEFILE 0100000 /* O_LARGEFILE, which a 64-bit kernel adds by itself */
#define OPEN_FLAGS                                                                              \
	(O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |   \
	 O_DSYNC | O_ASYNC_FLAG | O_DIRECT | LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | \
	 O_CLOEXEC | O_PATH | __O_TMPFILE)
#define O_ASYNC_FLAG 020000
#define PATH_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)
#define RESOLVE_FLAGS                                                                      \
	(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | \
	 RESOLVE_IN_ROOT | RESOLVE_CACHED)

static long open_name(int dirfd, const char *name, int flags, uint32_t mode, unsigned int lookup)
{
	struct walk w;
	struct file *f;
	int e;

	if ((flags & __O_TMPFILE) && !(flags & O_PATH)) {
		if ((flags & O_TMPFILE) != O_TMPFILE || (flags & O_CREAT))
			return -EINVAL;
	} else if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY) &&
		   !(flags & O_PATH)) {
		return -EINVAL;
	}
	if (flags & O_PATH)
		flags &= PATH_FLAGS;
	e = walk_start(&w, dirfd, name, lookup);
	if (!e)
		e = open_walk(&w, flags, mode & 07777, &f);
	walk_done(&w);
	if (e)
		return e;
	e = fd_alloc(f, 0, flags & O_CLOEXEC);
	file_put(f);
	return e;
}

static long open_user(int dirfd, unsigned long name, unsigned long flags, unsigned long mode)
{
	struct path_string s;
	long r = path_string_copy(&s, UPTR(name));

	if (!r)
		r = open_name(dirfd, s.name, ((int)flags & OPEN_FLAGS) | LARGEFILE, (uint32_t)mode,
			      0);
	path_string_done(&s);
	return r;
}

long sys_open(unsigned long *a)
{
	return open_user(AT_FDCWD, a[0], a[1], a[2]);
}

long sys_openat(unsigned long *a)
{
	return open_user((int)a[0], a[1], a[2], a[3]);
}

long sys_creat(unsigned long *a)
{
	return open_user(AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC, a[1]);
}

static int check_how(const struct open_how *how)
{
	uint64_t flags = how->flags;

	if (flags & ~(uint64_t)OPEN_FLAGS || how->resolve & ~(uint64_t)RESOLVE_FLAGS)
		return -EINVAL;
	if ((how->resolve & RESOLVE_BENEATH) && (how->resolve & RESOLVE_IN_ROOT))
		return -EINVAL;
	if (flags & (O_CREAT | __O_TMPFILE) ? how->mode & ~07777ULL : how->mode != 0)
		return -EINVAL;
	if ((flags & O_PATH) && (flags & ~(uint64_t)(PATH_FLAGS | LARGEFILE)))
		return -EINVAL;
	/* What is in the cache is a moving target here: the caller falls back, as it must be able to. */
	return how->resolve & RESOLVE_CACHED ? -EAGAIN : 0;
}

long sys_openat2(unsigned long *a)
{
	static const struct {
		unsigned int resolve, lookup;
	} names[] = {
		{ RESOLVE_NO_XDEV, LOOKUP_NO_XDEV },
		{ RESOLVE_NO_MAGICLINKS, LOOKUP_NO_MAGICLINKS },
		{ RESOLVE_NO_SYMLINKS, LOOKUP_NO_SYMLINKS },
		{ RESOLVE_BENEATH, LOOKUP_BENEATH },
		{ RESOLVE_IN_ROOT, LOOKUP_IN_ROOT },
	};
	struct open_how how;
	struct path_string s;
	unsigned int lookup = 0;
	long r;

	if (a[3] < sizeof(how))
		return -EINVAL;
	if (a[3] > PAGE_SIZE)
		return -E2BIG;
	r = copy_in_struct(&how, sizeof(how), UPTR(a[2]), a[3]);
	if (!r)
		r = check_how(&how);
	if (r)
		return r;
	for (unsigned int n = 0; n < ARRAY_SIZE(names); n++)
		if (how.resolve & names[n].resolve)
			lookup |= names[n].lookup;
	r = path_string_copy(&s, UPTR(a[1]));
	if (!r)
		r = open_name((int)a[0], s.name, (int)how.flags | LARGEFILE, (uint32_t)how.mode,
			      lookup);
	path_string_done(&s);
	return r;
}

long sys_close(unsigned long *a)
{
	return fd_close((int)a[0]);
}

long sys_close_range(unsigned long *a)
{
	unsigned int first = (unsigned int)a[0], last = (unsigned int)a[1],
		     flags = (unsigned int)a[2];
	struct task *t = current();

	if (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || first > last)
		return -EINVAL;
	if ((flags & CLOSE_RANGE_UNSHARE) && t->files->refs.v > 1) {
		struct fd_table *old = t->files, *copy = fd_table_copy(old, UINT32_MAX);

		if (!copy)
			return -ENOMEM;
		mutex_lock(&t->process->lock); /* /proc/PID/fd looks at it */
		t->files = copy;
		mutex_unlock(&t->process->lock);
		fd_table_put(old);
	}
	fd_table_close_range(t->files, first, last, flags & CLOSE_RANGE_CLOEXEC);
	return 0;
}

long sys_dup(unsigned long *a)
{
	struct file *f = fd_get_path((int)a[0]);
	long r;

	if (!f)
		return -EBADF;
	r = fd_alloc(f, 0, false);
	file_put(f);
	return r;
}

static long dup_to(int from, int to, bool cloexec)
{
	struct file *f = fd_get_path(from);
	long r;

	if (!f)
		return -EBADF;
	r = fd_replace(f, to, cloexec);
	file_put(f);
	return r;
}

long sys_dup2(unsigned long *a)
{
	if ((int)a[0] == (int)a[1]) {
		struct file *f = fd_get_path((int)a[0]);

		if (!f)
			return -EBADF;
		file_put(f);
		return (int)a[0];
	}
	return dup_to((int)a[0], (int)a[1], false);
}

long sys_dup3(unsigned long *a)
{
	int flags = (int)a[2];

	if ((flags & ~O_CLOEXEC) || (int)a[0] == (int)a[1])
		return -EINVAL;
	return dup_to((int)a[0], (int)a[1], flags & O_CLOEXEC);
}
