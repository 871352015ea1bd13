/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What makes, removes and moves names: create, mkdir, mknod, symlink, link, unlink, rmdir, rename.
 *
 * Each walks to the directory, locks it, looks the name up again under the lock, checks everything, and then calls the
 * file system; the cache of names follows what it did. Locks: rename_lock (renames between directories) -> directories
 * (ancestor first, else by address) -> a directory that goes away. Events are sent after the locks.
 */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/inotify.h>

#include "kernel/fs/file.h"
#include "kernel/fs/walk.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

#define INLINE_NAME sizeof(((struct dentry *)0)->inline_name)
#define LINKS_PER_INODE 65000u

int may_create(struct inode *dir, struct dentry *parent)
{
	if (parent->dead)
		return -ENOENT;
	return inode_permission(dir, MAY_WRITE | MAY_EXEC);
}

/* directory: what the caller wants to take away must be one, or must not. */
static int may_delete(struct inode *dir, const struct inode *victim, bool directory)
{
	const struct cred *cred = current()->cred;
	int e = inode_permission(dir, MAY_WRITE | MAY_EXEC);

	if (e)
		return e;
	if ((dir->mode & S_ISVTX) && cred && cred->fsuid != victim->uid &&
	    cred->fsuid != dir->uid && !capable(CAP_FOWNER))
		return -EPERM;
	if (directory)
		return S_ISDIR(victim->mode) ? 0 : -ENOTDIR;
	return S_ISDIR(victim->mode) ? -EISDIR : 0;
}

static void send_child(struct inode *dir, const struct inode *child, uint32_t mask,
		       const char *name, size_t len, uint32_t cookie)
{
	char copy[NAME_LEN_MAX + 1];

	if (likely(list_empty(&dir->watches)))
		return;
	memcpy(copy, name, len);
	copy[len] = 0;
	notify_child(dir, mask | (child && S_ISDIR(child->mode) ? IN_ISDIR : 0), copy, cookie);
}

static void send_self(struct inode *i, uint32_t mask)
{
	if (unlikely(!list_empty(&i->watches)))
		notify_inode(i, mask | (S_ISDIR(i->mode) ? IN_ISDIR : 0));
}

/* --- creation ----------------------------------------------------------------------------------------------------- */

static int check_device(const struct name_create *c)
{
	switch (c->mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	case S_IFCHR:
		/* The null device number is overlayfs's whiteout, which anybody may make. */
		if (!c->rdev)
			return 0;
		return capable(CAP_MKNOD) ? 0 : -EPERM;
	case S_IFBLK:
		return capable(CAP_MKNOD) ? 0 : -EPERM;
	default:
		return -EINVAL;
	}
}

static int check_link(const struct name_create *c, const struct path *dir)
{
	struct inode *i = c->link_to;

	if (!c->link_path->mount || c->link_path->mount != dir->mount || i->fs != dir->dentry->fs)
		return -EXDEV;
	if (S_ISDIR(i->mode))
		return -EPERM;
	if (!i->links && !i->linkable)
		return -ENOENT;
	return i->links >= LINKS_PER_INODE ? -EMLINK : 0;
}

/* With dir->lock held, everything but the kind was checked. */
static int create_locked(struct inode *dir, const char *name, size_t len,
			 const struct name_create *c, struct inode **ret)
{
	const struct inode_ops *ops = dir->ops;
	uint32_t mode = c->mode & ~current_umask();
	int e;

	if (c->link_to) {
		if (!ops->link)
			return -EPERM;
		e = ops->link(dir, name, len, c->link_to);
		if (!e)
			*ret = inode_get(c->link_to);
		return e;
	}
	e = check_device(c);
	if (e)
		return e;
	switch (c->mode & S_IFMT) {
	case S_IFDIR:
		return ops->mkdir ? ops->mkdir(dir, name, len, (mode & 01777) | S_IFDIR, ret)
				  : -EPERM;
	case S_IFLNK:
		return ops->symlink ? ops->symlink(dir, name, len, c->target, ret) : -EPERM;
	default:
		return ops->create     ? ops->create(dir, name, len, mode, c->rdev, ret)
		       : S_ISREG(mode) ? -EACCES
				       : -EPERM;
	}
}

static int create_last(struct walk *w, const struct name_create *c, struct path *ret)
{
	struct dentry *parent = w->path.dentry, *d;
	struct inode *dir = parent->inode, *made = NULL;
	int e = 0;

	if (w->last_type != LAST_NORMAL)
		return -EEXIST;
	mutex_lock(&dir->lock);
	d = dentry_lookup_locked(parent, w->last, w->last_len, w->last_hash);
	if (IS_ERR(d)) {
		mutex_unlock(&dir->lock);
		return PTR_ERR(d);
	}
	if (d->inode)
		e = -EEXIST;
	else if (w->trailing && !S_ISDIR(c->mode))
		e = -ENOENT;
	else if (path_read_only(&w->path))
		e = -EROFS;
	else if (c->link_to)
		e = check_link(c, &w->path);
	if (!e)
		e = may_create(dir, parent);
	if (!e)
		e = create_locked(dir, w->last, w->last_len, c, &made);
	if (!e)
		dentry_instantiate(d, made);
	mutex_unlock(&dir->lock);
	if (!e) {
		send_child(dir, made, IN_CREATE, w->last, w->last_len, 0);
		if (c->link_to)
			send_self(c->link_to, IN_ATTRIB);
	}
	if (!e && ret) {
		ret->mount = w->path.mount;
		mount_get(ret->mount);
		ret->dentry = d;
	} else {
		dentry_put(d);
	}
	return e;
}

int name_create(int dirfd, const char *name, const struct name_create *c, struct path *ret)
{
	struct walk w;
	int e = walk_start(&w, dirfd, name, LOOKUP_PARENT | LOOKUP_CREATE);

	if (!e)
		e = walk_parent(&w);
	if (!e)
		e = create_last(&w, c, ret);
	walk_done(&w);
	return e;
}

int name_create_open(struct walk *w, struct dentry *d, uint32_t mode)
{
	struct dentry *parent = w->path.dentry;
	struct inode *dir = parent->inode, *made = NULL;
	const struct name_create c = { .mode = S_IFREG | (mode & 07777) };
	int e;

	if (path_read_only(&w->path))
		return -EROFS;
	e = may_create(dir, parent);
	if (!e)
		e = create_locked(dir, w->last, w->last_len, &c, &made);
	if (!e)
		dentry_instantiate(d, made);
	return e;
}

int vfs_mkdir(int dirfd, const char *name, uint32_t mode)
{
	const struct name_create c = { .mode = S_IFDIR | (mode & 01777) };

	return name_create(dirfd, name, &c, NULL);
}

int vfs_mknod(int dirfd, const char *name, uint32_t mode, uint64_t rdev, struct path *ret_or_null)
{
	const struct name_create c = { .mode = mode, .rdev = rdev };

	return name_create(dirfd, name, &c, ret_or_null);
}

int vfs_symlink(const char *target, int dirfd, const char *name)
{
	const struct name_create c = { .mode = S_IFLNK | 0777, .target = target };

	return name_create(dirfd, name, &c, NULL);
}

/* --- removal ---------------------------------------------------------------------------------------------------------- */

/* The name is gone from the file system: from the cache, too. */
static void forget(struct dentry *d)
{
	if (S_ISDIR(d->inode->mode)) {
		d->dead = true;
		dentry_drop_children(d);
	}
	dentry_drop(d);
}

static int remove_locked(struct inode *dir, struct dentry *d, const char *name, size_t len,
			 bool directory)
{
	struct inode *victim = d->inode;
	int e = may_delete(dir, victim, directory);

	if (e)
		return e;
	if (dentry_is_mounted(d))
		return -EBUSY;
	if (!directory) {
		e = dir->ops->unlink ? dir->ops->unlink(dir, name, len, victim) : -EPERM;
	} else {
		if (!dir->ops->rmdir)
			return -EPERM;
		mutex_lock(&victim->lock);
		e = dir->ops->rmdir(dir, name, len, victim);
		if (!e)
			d->dead = true;
		mutex_unlock(&victim->lock);
	}
	if (!e)
		forget(d);
	return e;
}

static int remove_last(struct walk *w, bool directory)
{
	struct inode *dir = w->path.dentry->inode;
	struct dentry *d;
	int e;

	if (w->last_type != LAST_NORMAL) {
		if (!directory)
			return -EISDIR;
		return w->last_type == LAST_DOT	     ? -EINVAL
		       : w->last_type == LAST_DOTDOT ? -ENOTEMPTY
						     : -EBUSY;
	}
	if (path_read_only(&w->path))
		return -EROFS;
	mutex_lock(&dir->lock);
	d = dentry_lookup_locked(w->path.dentry, w->last, w->last_len, w->last_hash);
	if (IS_ERR(d)) {
		mutex_unlock(&dir->lock);
		return PTR_ERR(d);
	}
	if (!d->inode)
		e = -ENOENT;
	else if (w->trailing && !directory)
		e = S_ISDIR(d->inode->mode) ? -EISDIR : -ENOTDIR;
	else
		e = remove_locked(dir, d, w->last, w->last_len, directory);
	mutex_unlock(&dir->lock);
	if (!e) {
		send_child(dir, d->inode, IN_DELETE, w->last, w->last_len, 0);
		if (!directory)
			send_self(d->inode, IN_ATTRIB);
	}
	dentry_put(d);
	return e;
}

int name_remove(int dirfd, const char *name, bool directory)
{
	struct walk w;
	int e = walk_start(&w, dirfd, name, LOOKUP_PARENT);

	if (!e)
		e = walk_parent(&w);
	if (!e)
		e = remove_last(&w, directory);
	walk_done(&w);
	return e;
}

int vfs_unlink(int dirfd, const char *name, int flags)
{
	return name_remove(dirfd, name, flags & AT_REMOVEDIR);
}

/* --- rename ----------------------------------------------------------------------------------------------------------- */

struct rename {
	struct walk *from, *to;
	struct dentry *old, *new;
	unsigned int flags;
	char *old_copy; /* the new name for old, when it does not fit into the dentry */
};

static void lock_directories(struct dentry *a, struct dentry *b)
{
	bool a_first = a < b;

	if (a == b) {
		mutex_lock(&a->inode->lock);
		return;
	}
	mutex_lock(&rename_lock);
	if (dentry_is_below(b, a))
		a_first = true;
	else if (dentry_is_below(a, b))
		a_first = false;
	mutex_lock(a_first ? &a->inode->lock : &b->inode->lock);
	mutex_lock(a_first ? &b->inode->lock : &a->inode->lock);
}

static void unlock_directories(struct dentry *a, struct dentry *b)
{
	mutex_unlock(&a->inode->lock);
	if (a == b)
		return;
	mutex_unlock(&b->inode->lock);
	mutex_unlock(&rename_lock);
}

/* Shapes: existence, slashes, loops. */
static int check_rename(const struct rename *r)
{
	bool exchange = r->flags & RENAME_EXCHANGE;
	bool cross = r->from->path.dentry != r->to->path.dentry;

	if (!r->old->inode)
		return -ENOENT;
	if ((r->flags & RENAME_NOREPLACE) && r->new->inode)
		return -EEXIST;
	if (exchange) {
		if (!r->new->inode)
			return -ENOENT;
		if (!S_ISDIR(r->new->inode->mode) && r->to->trailing)
			return -ENOTDIR;
	}
	if (!S_ISDIR(r->old->inode->mode)) {
		if (r->from->trailing || (!exchange && r->to->trailing))
			return -ENOTDIR;
	}
	if (cross && dentry_is_below(r->to->path.dentry, r->old))
		return -EINVAL;
	if (cross && r->new->inode &&dentry_is_below(r->from->path.dentry, r->new))
		return exchange ? -EINVAL : -ENOTEMPTY;
	return 0;
}

static int permit_rename(const struct rename *r)
{
	struct inode *old_dir = r->from->path.dentry->inode, *new_dir = r->to->path.dentry->inode;
	bool exchange = r->flags & RENAME_EXCHANGE, is_dir = S_ISDIR(r->old->inode->mode);
	int e = may_delete(old_dir, r->old->inode, is_dir);

	if (e)
		return e;
	if (!r->new->inode)
		e = may_create(new_dir, r->to->path.dentry);
	else
		e = may_delete(new_dir, r->new->inode,
			       exchange ? S_ISDIR(r->new->inode->mode) : is_dir);
	if (e)
		return e;
	if (dentry_is_mounted(r->old) || (r->new->inode &&dentry_is_mounted(r->new)))
		return -EBUSY;
	if (old_dir == new_dir)
		return 0;
	/* A directory's `..` changes. */
	if (is_dir)
		e = inode_permission(r->old->inode, MAY_WRITE);
	if (!e && exchange && S_ISDIR(r->new->inode->mode))
		e = inode_permission(r->new->inode, MAY_WRITE);
	return e;
}

static int rename_locked(struct rename *r)
{
	struct inode *old_dir = r->from->path.dentry->inode, *new_dir = r->to->path.dentry->inode;
	struct inode *what = r->old->inode, *replaced = r->new->inode;
	bool exchange = r->flags & RENAME_EXCHANGE;
	bool lock_replaced = replaced && !exchange && S_ISDIR(replaced->mode);
	int e;

	if (!old_dir->ops->rename)
		return -EPERM;
	if (!exchange && r->to->last_len >= INLINE_NAME) {
		r->old_copy = kmalloc(r->to->last_len + 1);
		if (!r->old_copy)
			return -ENOMEM;
	}
	if (lock_replaced)
		mutex_lock(&replaced->lock);
	e = old_dir->ops->rename(old_dir, r->from->last, r->from->last_len, what, new_dir,
				 r->to->last, r->to->last_len, replaced, r->flags);
	if (lock_replaced) {
		if (!e)
			r->new->dead = true;
		mutex_unlock(&replaced->lock);
	}
	if (e) {
		kfree(r->old_copy);
		return e;
	}
	if (exchange) {
		dentry_exchange(r->old, r->new);
		return 0;
	}
	if (replaced)
		forget(r->new);
	else
		dentry_drop(r->new);
	dentry_move(r->old, r->to->path.dentry, r->to->last, r->to->last_len, r->old_copy);
	return 0;
}

static void send_rename(const struct rename *r, struct inode *what, struct inode *replaced)
{
	static uint32_t last_cookie;
	struct inode *old_dir = r->from->path.dentry->inode, *new_dir = r->to->path.dentry->inode;
	uint32_t cookie;

	if (!notify_watches_exist())
		return;
	cookie = __atomic_add_fetch(&last_cookie, 1, __ATOMIC_RELAXED);
	send_child(old_dir, what, IN_MOVED_FROM, r->from->last, r->from->last_len, cookie);
	send_child(new_dir, what, IN_MOVED_TO, r->to->last, r->to->last_len, cookie);
	send_self(what, IN_MOVE_SELF);
	if (!replaced)
		return;
	if (!(r->flags & RENAME_EXCHANGE)) {
		send_self(replaced, IN_ATTRIB);
		return;
	}
	cookie = __atomic_add_fetch(&last_cookie, 1, __ATOMIC_RELAXED);
	send_child(new_dir, replaced, IN_MOVED_FROM, r->to->last, r->to->last_len, cookie);
	send_child(old_dir, replaced, IN_MOVED_TO, r->from->last, r->from->last_len, cookie);
	send_self(replaced, IN_MOVE_SELF);
}

static int rename_last(struct rename *r)
{
	struct walk *from = r->from, *to = r->to;
	struct dentry *a = from->path.dentry, *b = to->path.dentry;
	bool done = false;
	int e;

	if (!from->path.mount || from->path.mount != to->path.mount || a->fs != b->fs)
		return -EXDEV;
	if (from->last_type != LAST_NORMAL)
		return -EBUSY;
	if (to->last_type != LAST_NORMAL)
		return r->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	if (path_read_only(&from->path))
		return -EROFS;
	lock_directories(a, b);
	r->new = NULL;
	r->old = dentry_lookup_locked(a, from->last, from->last_len, from->last_hash);
	if (IS_ERR(r->old)) {
		e = PTR_ERR(r->old);
		unlock_directories(a, b);
		return e;
	}
	r->new = dentry_lookup_locked(b, to->last, to->last_len, to->last_hash);
	if (IS_ERR(r->new)) {
		e = PTR_ERR(r->new);
		r->new = NULL;
		goto out;
	}
	e = check_rename(r);
	/* Two names of one file: nothing to do, says POSIX. */
	if (e || r->old->inode == r->new->inode)
		goto out;
	e = permit_rename(r);
	if (!e)
		e = rename_locked(r);
	done = !e;
out:
	unlock_directories(a, b);
	if (done)
		send_rename(r, r->old->inode, r->new->inode);
	dentry_put(r->old);
	dentry_put(r->new);
	return e;
}

int name_rename(int old_dirfd, const char *old, int new_dirfd, const char *new, unsigned int flags)
{
	struct walk *walks;
	struct rename r = { .flags = flags };
	int e;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	if ((flags & RENAME_NOREPLACE) && (flags & RENAME_EXCHANGE))
		return -EINVAL;
	/* Two walks are too much for one stack frame. */
	walks = kmalloc(2 * sizeof(*walks));
	if (!walks)
		return -ENOMEM;
	r.from = &walks[0];
	r.to = &walks[1];
	e = walk_start(r.from, old_dirfd, old, LOOKUP_PARENT);
	if (!e)
		e = walk_parent(r.from);
	if (!e) {
		e = walk_start(r.to, new_dirfd, new, LOOKUP_PARENT);
		if (!e)
			e = walk_parent(r.to);
		if (!e)
			e = rename_last(&r);
		walk_done(r.to);
	}
	walk_done(r.from);
	kfree(walks);
	return e;
}
