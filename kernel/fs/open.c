/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening: from a name and O_* flags to a file. The walk stops before the last name when O_CREAT may have to make it;
 * a link there sends it on (a dangling one makes its target). Checks are Linux's may_open; then the inode's own open,
 * or that of FIFOs and device nodes, gives the file its operations.
 *
 * Writers and execution: a writer counts itself in inode->writers, then looks at inode->running; the loader
 * does it the other way round. Both with full barriers: one of the two sees the other.
 */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/limits.h>
#include <linux/mount.h>

#include "kernel/fs/file.h"
#include "kernel/fs/tty.h"
#include "kernel/fs/walk.h"
#include "kernel/ipc/ipc.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"
#include "lib/base/fmt.h"

#define DAY 86400

static const struct file_ops path_ops = { .read = NULL };
static const struct file_ops no_ops = { .read = NULL };

static bool wants_read(int flags)
{
	return ((flags & O_ACCMODE) + 1) & 1;
}

static bool wants_write(int flags)
{
	return ((flags & O_ACCMODE) + 1) & 2;
}

static unsigned int wanted_access(int flags)
{
	/* Mode 3 (no reading or writing, ioctl only) asks for both permissions. */
	static const uint8_t masks[4] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
					  MAY_READ | MAY_WRITE };
	unsigned int mask = masks[flags & O_ACCMODE];

	return flags & O_TRUNC ? mask | MAY_WRITE : mask;
}

static int may_open(const struct path *p, int flags, bool created)
{
	struct inode *i = p->dentry->inode;
	const struct cred *cred = current()->cred;
	unsigned int mask = wanted_access(flags);
	int e;

	switch (i->mode & S_IFMT) {
	case S_IFLNK:
		return -ELOOP;
	case S_IFDIR:
		if (mask & MAY_WRITE)
			return -EISDIR;
		break;
	case S_IFCHR:
	case S_IFBLK:
		if (p->mount && (p->mount->flags & MS_NODEV))
			return -EACCES;
		break;
	case S_IFSOCK:
		break;
	case S_IFREG:
		if ((mask & MAY_WRITE) && path_read_only(p))
			return -EROFS;
		break;
	default:
		break;
	}
	if (!created) {
		e = inode_permission(i, mask);
		if (e)
			return e;
	}
	if ((flags & O_NOATIME) && cred && cred->fsuid != i->uid && !capable(CAP_FOWNER))
		return -EPERM;
	return 0;
}

static int inode_open(struct inode *i, struct file *f)
{
	if (i->ops && i->ops->open)
		return i->ops->open(i, f);
	switch (i->mode & S_IFMT) {
	case S_IFIFO:
		f->stream = true;
		return fifo_open(i, f);
	case S_IFSOCK:
		return -ENXIO;
	case S_IFCHR:
	case S_IFBLK:
		return device_open(i, f);
	default:
		return 0;
	}
}

static int open_path_only(const struct path *p, int flags, struct file **ret)
{
	struct file *f =
		file_new(&path_ops, p, (unsigned int)flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW));

	if (!f)
		return -ENOMEM;
	*ret = f;
	return 0;
}

static int open_inode(const struct path *p, int flags, bool created, struct file **ret)
{
	struct inode *i = p->dentry->inode;
	bool truncate = (flags & O_TRUNC) && S_ISREG(i->mode) && !created;
	struct file *f;
	int e;

	if (flags & O_PATH)
		return open_path_only(p, flags, ret);
	e = may_open(p, flags, created);
	if (e)
		return e;
	f = file_new(i->file_ops ? i->file_ops : &no_ops, p, (unsigned int)flags);
	if (!f)
		return -ENOMEM;
	/* While ETXTBSY or the inode's open may still refuse, there is nothing to release. */
	if (f->counted_writer && __atomic_load_n(&i->running, __ATOMIC_SEQ_CST))
		e = -ETXTBSY;
	if (!e)
		e = inode_open(i, f);
	if (e) {
		f->ops = NULL;
		file_put(f);
		return e;
	}
	if (truncate) {
		e = inode_truncate(i, 0);
		if (e) {
			file_put(f);
			return e;
		}
	}
	if (wants_read(flags) && i->fs != anonymous_fs && (S_ISREG(i->mode) || S_ISDIR(i->mode)))
		f->atime_old = i->accessed.seconds + DAY <= time_now().seconds;
	if (unlikely(notify_watches_exist())) {
		if (truncate)
			notify_path(p, IN_MODIFY);
		notify_path(p, IN_OPEN);
	}
	*ret = f;
	return 0;
}

int vfs_open_path(const struct path *p, int flags, struct file **ret)
{
	if ((flags & O_DIRECTORY) && !S_ISDIR(p->dentry->inode->mode))
		return -ENOTDIR;
	return open_inode(p, flags & ~(O_CREAT | O_EXCL), false, ret);
}

/* w is before the last name: makes it if it is not there. *ret: counted dentry; *ret_created. */
static int lookup_or_create(struct walk *w, uint32_t mode, struct dentry **ret, bool *ret_created)
{
	struct dentry *parent = w->path.dentry, *d;
	struct inode *dir = parent->inode;
	int e = 0;

	d = dentry_lookup(parent, w->last, w->last_len, w->last_hash);
	if (IS_ERR(d))
		return PTR_ERR(d);
	if (__atomic_load_n(&d->inode, __ATOMIC_ACQUIRE)) {
		*ret = d;
		return 0;
	}
	dentry_put(d);
	mutex_lock(&dir->lock);
	d = dentry_lookup_locked(parent, w->last, w->last_len, w->last_hash);
	if (IS_ERR(d)) {
		mutex_unlock(&dir->lock);
		return PTR_ERR(d);
	}
	if (!d->inode) {
		e = name_create_open(w, d, mode);
		*ret_created = !e;
	}
	mutex_unlock(&dir->lock);
	if (e) {
		dentry_put(d);
		return e;
	}
	*ret = d;
	return 0;
}

static int open_create(struct walk *w, int flags, uint32_t mode, bool *ret_created)
{
	struct dentry *d = NULL;
	int e;

	for (;;) {
		e = walk_parent(w);
		if (e)
			return e;
		if (w->last_type != LAST_NORMAL) {
			e = walk_last(w, false);
			return e ? e : flags & O_EXCL ? -EEXIST : -EISDIR;
		}
		if (w->trailing)
			return -EISDIR;
		e = lookup_or_create(w, mode, &d, ret_created);
		if (e)
			return e;
		if (*ret_created) {
			dentry_put(w->path.dentry);
			w->path.dentry = d;
			return 0;
		}
		dentry_put(d);
		if (flags & O_EXCL)
			return -EEXIST;
		e = walk_last(w, !(flags & O_NOFOLLOW));
		if (e != WALK_LINK)
			break;
	}
	if (!e && S_ISDIR(w->path.dentry->inode->mode))
		return -EISDIR;
	return e;
}

static int open_tmpfile(struct walk *w, int flags, uint32_t mode, struct file **ret)
{
	struct inode *dir, *made;
	struct path p;
	char name[40];
	int e = walk_all(w);

	if (e)
		return e;
	dir = w->path.dentry->inode;
	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	if (path_read_only(&w->path))
		return -EROFS;
	if (!dir->ops->tmpfile)
		return -EOPNOTSUPP;
	mutex_lock(&dir->lock);
	e = may_create(dir, w->path.dentry);
	if (!e)
		e = dir->ops->tmpfile(dir, S_IFREG | (mode & 07777 & ~current_umask()), &made);
	mutex_unlock(&dir->lock);
	if (e)
		return e;
	made->linkable = !(flags & O_EXCL);
	fmt_snprintf(name, sizeof(name), "/#%lu (deleted)", (unsigned long)made->number);
	p.mount = w->path.mount;
	p.dentry = dentry_anonymous(made, name);
	inode_put(made);
	if (!p.dentry)
		return -ENOMEM;
	e = open_inode(&p, flags & ~O_TMPFILE, true, ret);
	if (!e)
		(*ret)->flags |= (unsigned int)(flags & O_TMPFILE);
	dentry_put(p.dentry);
	return e;
}

int open_walk(struct walk *w, int flags, uint32_t mode, struct file **ret)
{
	bool created = false;
	int e;

	if ((flags & __O_TMPFILE) && !(flags & O_PATH)) {
		w->flags |= LOOKUP_FOLLOW;
		if (!wants_write(flags))
			return -EINVAL;
		return open_tmpfile(w, flags, mode, ret);
	}
	if ((flags & O_CREAT) && !(flags & O_PATH)) {
		e = open_create(w, flags, mode, &created);
	} else {
		if (!(flags & O_NOFOLLOW))
			w->flags |= LOOKUP_FOLLOW;
		e = walk_all(w);
	}
	if (e)
		return e;
	if ((flags & O_DIRECTORY) && !S_ISDIR(w->path.dentry->inode->mode))
		return -ENOTDIR;
	if (created && notify_watches_exist())
		notify_path_child(&w->path, IN_CREATE);
	e = open_inode(&w->path, flags, created, ret);
	/* The first terminal a session leader opens becomes its own. */
	if (!e && S_ISCHR((*ret)->inode->mode) && !(flags & (O_NOCTTY | O_PATH)))
		tty_open_controlling(*ret);
	return e;
}

int vfs_open(int dirfd, const char *name, int flags, uint32_t mode, struct file **ret)
{
	struct walk w;
	int e = walk_start(&w, dirfd, name, 0);

	if (!e)
		e = open_walk(&w, flags, mode, ret);
	walk_done(&w);
	return e;
}

int vfs_read_whole(const struct path *p, size_t max, void **ret_data, size_t *ret_size)
{
	struct file *f;
	size_t size = 0, room = 0;
	char *data = NULL;
	long r;
	int e = vfs_open_path(p, O_RDONLY, &f);

	if (e)
		return e;
	do {
		char *bigger;

		if (size == room) {
			room = room ? room * 2
				    : MAX((size_t)inode_size(f->inode) + 1, (size_t)1024);
			if (room > max)
				room = max + 1;
			bigger = size == room ? NULL : krealloc(data, room);
			if (!bigger) {
				e = size > max ? -EFBIG : -ENOMEM;
				goto out;
			}
			data = bigger;
		}
		r = file_read_kernel(f, data + size, room - size, size);
		if (r < 0) {
			e = (int)r;
			goto out;
		}
		size += (size_t)r;
		if (size > max) {
			e = -EFBIG;
			goto out;
		}
	} while (r);
	*ret_data = data;
	*ret_size = size;
	data = NULL;
out:
	kfree(data);
	file_put(f);
	return e;
}
