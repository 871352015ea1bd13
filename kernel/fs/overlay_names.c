/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlayfs: making, removing and renaming names. All of it happens in the upper layer; what a lower layer has under a
 * name that goes away is covered by a whiteout, and a new folder where something was covered is opaque.
 *
 * The VFS holds the locks of the overlay's directories, which keeps their names still; the upper directory's own lock
 * is taken for each step, and the removed node's copy_lock, so that a copy on its way up does not bring the name back.
 * Steps are ordered so that a failure leaves the old state, or is undone.
 */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/limits.h>

#include "kernel/fs/overlay_internal.h"
#include "kernel/fs/xattr.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/string.h"

struct name {
	const char *text;
	size_t len;
};

/* The upper folder of a directory, made if need be: borrowed, it lives as long as the node. */
static int upper_dir(struct inode *dir, struct inode **ret)
{
	struct overlay_node *n = overlay_node_of(dir);
	int r = overlay_copy_up(overlay_of(dir), n);

	if (!r)
		*ret = upper_of(n);
	return r;
}

/* Does a lower layer have something under this name? 1, 0, or error. */
static int below_has(struct overlay_node *dir, struct name name)
{
	struct inode *i;
	bool covered;
	int r;

	for (unsigned int k = 0; k < dir->lower_count; k++) {
		r = real_lookup(dir->lowers[k], name.text, name.len, &i);
		if (r == -ENOENT)
			continue;
		if (r)
			return r;
		covered = is_whiteout(i);
		inode_put(i);
		return covered ? 0 : 1;
	}
	return 0;
}

/* In the upper folder, whose lock is held: */

static int find_upper(struct inode *dir, struct name name, struct inode **ret)
{
	int r = dir->ops->lookup(dir, name.text, name.len, ret);

	if (r == -ENOENT) {
		*ret = NULL;
		r = 0;
	}
	return r;
}

static int make_whiteout(struct inode *dir, struct name name)
{
	struct inode *i;
	int r = dir->ops->create(dir, name.text, name.len, S_IFCHR, 0, &i);

	if (!r)
		inode_put(i);
	return r;
}

/* Makes room for a new name: takes a whiteout away. */
static int remove_whiteout(struct inode *dir, struct name name, bool *ret_was)
{
	struct inode *i;
	int r = find_upper(dir, name, &i);

	*ret_was = false;
	if (r || !i)
		return r;
	if (is_whiteout(i)) {
		r = dir->ops->unlink(dir, name.text, name.len, i);
		*ret_was = !r;
	} else {
		r = -EEXIST;
	}
	inode_put(i);
	return r;
}

static int set_opaque(struct inode *upper)
{
	return inode_setxattr(upper, XATTR_OPAQUE, "y", 1, 0);
}

static void touch_dir(struct inode *dir)
{
	inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
}

/* Folders of merged layers do not count their subfolders: 1, as Linux shows it. */
static void count_subdir(struct inode *dir, int by)
{
	if (dir->links != 1)
		dir->links = (uint32_t)((int)dir->links + by);
}

/* --- making ------------------------------------------------------------------------------------------------------------ */

struct make {
	uint32_t mode;
	uint64_t rdev;
	const char *target;
};

static int make_upper(struct inode *dir, struct name name, const struct make *m, struct inode **ret)
{
	if (m->target)
		return dir->ops->symlink(dir, name.text, name.len, m->target, ret);
	if (S_ISDIR(m->mode))
		return dir->ops->mkdir(dir, name.text, name.len, m->mode, ret);
	return dir->ops->create(dir, name.text, name.len, m->mode, m->rdev, ret);
}

static int make(struct inode *dir, struct name name, const struct make *m, struct inode **ret)
{
	struct inode *above, *made = NULL;
	bool covered;
	int r = upper_dir(dir, &above);

	if (r)
		return r;
	mutex_lock(&above->lock);
	r = remove_whiteout(above, name, &covered);
	if (!r)
		r = make_upper(above, name, m, &made);
	if (!r && covered && S_ISDIR(made->mode)) {
		r = set_opaque(made);
		if (r) {
			(void)!above->ops->rmdir(above, name.text, name.len, made);
			inode_put(made);
		}
	}
	/* Removing freed the memory that this takes. */
	if (r && covered)
		(void)!make_whiteout(above, name);
	mutex_unlock(&above->lock);
	if (r)
		return r;
	r = overlay_get_inode(dir->fs, overlay_node_of(dir), name.text, name.len, made, NULL, 0, 0,
			      ret);
	if (r)
		return r;
	if (S_ISDIR(m->mode))
		count_subdir(dir, 1);
	touch_dir(dir);
	return 0;
}

int overlay_create(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		   struct inode **ret)
{
	const struct make m = { .mode = mode, .rdev = rdev };

	/* Device 0/0 is the whiteout itself: making one through the overlay would hide the file just made. */
	if (S_ISCHR(mode) && !rdev)
		return -EPERM;
	return make(dir, (struct name){ name, len }, &m, ret);
}

int overlay_mkdir(struct inode *dir, const char *name, size_t len, uint32_t mode,
		  struct inode **ret)
{
	const struct make m = { .mode = S_IFDIR | mode };

	return make(dir, (struct name){ name, len }, &m, ret);
}

int overlay_symlink(struct inode *dir, const char *name, size_t len, const char *target,
		    struct inode **ret)
{
	const struct make m = { .mode = S_IFLNK | 0777, .target = target };

	return make(dir, (struct name){ name, len }, &m, ret);
}

int overlay_tmpfile(struct inode *dir, uint32_t mode, struct inode **ret)
{
	struct inode *above, *made;
	int r = upper_dir(dir, &above);

	if (r)
		return r;
	mutex_lock(&above->lock);
	r = above->ops->tmpfile(above, mode, &made);
	mutex_unlock(&above->lock);
	if (r)
		return r;
	r = overlay_get_inode(dir->fs, overlay_node_of(dir), "", 0, made, NULL, 0, 0, ret);
	if (!r)
		overlay_node_of(*ret)->nameless = true;
	return r;
}

int overlay_link(struct inode *dir, const char *text, size_t len, struct inode *target)
{
	struct overlay_node *n = overlay_node_of(target);
	struct name name = { text, len };
	struct inode *above;
	bool covered;
	int r = upper_dir(dir, &above);

	if (!r)
		r = overlay_copy_up(overlay_of(target), n);
	if (r)
		return r;
	mutex_lock(&above->lock);
	r = remove_whiteout(above, name, &covered);
	if (!r)
		r = above->ops->link(above, text, len, upper_of(n));
	if (r && covered)
		(void)!make_whiteout(above, name);
	mutex_unlock(&above->lock);
	if (r)
		return r;
	/* Without memory for it the node keeps its old place, which is only needed before a copy up. */
	if (n->nameless)
		(void)!overlay_node_move(overlay_of(dir), n, overlay_node_of(dir), text, len);
	__atomic_add_fetch(&target->links, 1, __ATOMIC_RELAXED);
	inode_touch(target, ATTR_CTIME);
	touch_dir(dir);
	return 0;
}

/* --- removing ----------------------------------------------------------------------------------------------------------- */

/* A name of the inode is gone; copy_lock held. True: the pin's reference is the caller's to put. */
static bool drop_name(struct overlay *o, struct inode *target, struct overlay_node *parent,
		      struct name name)
{
	struct overlay_node *n = overlay_node_of(target);
	bool here = overlay_node_at(o, n, parent, name.text, name.len), unpin = false;

	if (S_ISDIR(target->mode))
		target->links = 0;
	else if (target->links)
		__atomic_sub_fetch(&target->links, 1, __ATOMIC_RELAXED);
	mutex_lock(&o->lock);
	if (here)
		n->nameless = true;
	if (!target->links) {
		n->dead = true;
		unpin = n->pinned;
		n->pinned = false;
	}
	mutex_unlock(&o->lock);
	inode_touch(target, ATTR_CTIME);
	return unpin;
}

/* Takes the upper entry away and puts a whiteout there if something would show from below. Upper lock held. */
static int remove_upper(struct inode *above, struct name name, bool cover)
{
	struct inode *i;
	bool is_dir;
	int r = find_upper(above, name, &i);

	if (r)
		return r;
	is_dir = i && S_ISDIR(i->mode);
	if (is_dir)
		r = above->ops->rmdir(above, name.text, name.len, i);
	else if (i)
		r = above->ops->unlink(above, name.text, name.len, i);
	if (!r && cover) {
		r = make_whiteout(above, name);
		/* A folder has lost its upper part only: it was empty, and shows as before. */
		if (r && i && !is_dir)
			(void)!above->ops->link(above, name.text, name.len, i);
	}
	inode_put(i);
	return r;
}

static int remove_name(struct inode *dir, struct name name, struct inode *target)
{
	struct overlay_node *n = overlay_node_of(target), *in = overlay_node_of(dir);
	struct overlay *o = overlay_of(dir);
	bool is_dir = S_ISDIR(target->mode), unpin = false;
	struct inode *above;
	int cover, r;

	cover = below_has(in, name);
	if (cover < 0)
		return cover;
	r = upper_dir(dir, &above);
	if (r)
		return r;
	mutex_lock(&n->copy_lock);
	if (is_dir) {
		r = overlay_check_empty(n);
		if (!r && upper_of(n))
			r = overlay_clear_whiteouts(upper_of(n));
	}
	if (!r) {
		mutex_lock(&above->lock);
		r = remove_upper(above, name, cover);
		mutex_unlock(&above->lock);
	}
	if (!r)
		unpin = drop_name(o, target, in, name);
	mutex_unlock(&n->copy_lock);
	if (unpin)
		inode_put(target);
	if (r)
		return r;
	if (is_dir)
		count_subdir(dir, -1);
	touch_dir(dir);
	return 0;
}

int overlay_unlink(struct inode *dir, const char *name, size_t len, struct inode *target)
{
	return remove_name(dir, (struct name){ name, len }, target);
}

int overlay_rmdir(struct inode *dir, const char *name, size_t len, struct inode *target)
{
	return remove_name(dir, (struct name){ name, len }, target);
}

/* --- renaming ------------------------------------------------------------------------------------------------------------- */

/* Where the lower part of a merged folder is: its path from the layers' root. */
static int lower_path(struct overlay *o, struct overlay_node *n, char *buffer, char **ret)
{
	size_t at = PATH_MAX - 1, len;
	int r = 0;

	buffer[at] = 0;
	mutex_lock(&o->lock);
	for (; n->parent && !n->redirect; n = n->parent) {
		len = strlen(n->name);
		if (at < len + 1) {
			r = -EXDEV;
			break;
		}
		at -= len;
		memcpy(buffer + at, n->name, len);
		buffer[--at] = '/';
	}
	if (!r && n->redirect) {
		len = strlen(n->redirect);
		if (at < len) {
			r = -EXDEV;
		} else {
			at -= len;
			memcpy(buffer + at, n->redirect, len);
		}
	}
	mutex_unlock(&o->lock);
	*ret = buffer + at;
	return r;
}

/* A folder about to have another name: its lower part stays its own, and the new name's is none of its. */
static int prepare_move(struct overlay *o, struct overlay_node *n)
{
	struct inode *upper = upper_of(n);
	char *buffer, *path, *copy;
	int r;

	if (!S_ISDIR(upper->mode))
		return 0;
	if (!n->lower_count)
		return set_opaque(upper);
	if (n->redirect)
		return 0;
	buffer = kmalloc(PATH_MAX);
	if (!buffer)
		return -ENOMEM;
	r = lower_path(o, n, buffer, &path);
	copy = r ? NULL : kstrdup(path);
	if (!r && !copy)
		r = -ENOMEM;
	if (!r)
		r = inode_setxattr(upper, XATTR_REDIRECT, path, strlen(path), 0);
	if (r) {
		kfree(copy);
	} else {
		mutex_lock(&o->lock);
		n->redirect = copy;
		mutex_unlock(&o->lock);
	}
	kfree(buffer);
	return r;
}

/* Copied up, a file has its upper inode under the name it had then: here it may be known by another (hard links). */
static int ensure_upper_name(struct inode *above, struct name name, struct inode *upper)
{
	struct inode *i = NULL;
	int r;

	mutex_lock(&above->lock);
	r = find_upper(above, name, &i);
	if (!r && !i)
		r = S_ISDIR(upper->mode) ? -EIO
					 : above->ops->link(above, name.text, name.len, upper);
	else if (!r && i != upper)
		r = -EIO;
	mutex_unlock(&above->lock);
	inode_put(i);
	return r;
}

static void lock_two(struct inode *a, struct inode *b)
{
	/* Only renames hold two, and renames between directories exclude each other. */
	mutex_lock(&a->lock);
	if (a != b)
		mutex_lock(&b->lock);
}

static void unlock_two(struct inode *a, struct inode *b)
{
	if (a != b)
		mutex_unlock(&b->lock);
	mutex_unlock(&a->lock);
}

struct move {
	struct inode *old_dir, *new_dir; /* upper */
	struct name old, new;
	struct inode *what; /* upper */
	unsigned int flags;
	bool cover; /* something would show at the old name */
};

/* The rename in the upper layer, whiteouts included. */
static int move_upper(const struct move *m)
{
	struct inode *replaced = NULL;
	bool covered = false;
	int r;

	lock_two(m->old_dir, m->new_dir);
	r = find_upper(m->new_dir, m->new, &replaced);
	if (!r && replaced && is_whiteout(replaced)) {
		r = m->new_dir->ops->unlink(m->new_dir, m->new.text, m->new.len, replaced);
		covered = !r;
		inode_put(replaced);
		replaced = NULL;
	}
	if (!r)
		r = m->new_dir->ops->rename(m->old_dir, m->old.text, m->old.len, m->what,
					    m->new_dir, m->new.text, m->new.len, replaced,
					    m->flags & RENAME_EXCHANGE);
	if (r && covered)
		(void)!make_whiteout(m->new_dir, m->new);
	if (!r && m->cover) {
		r = make_whiteout(m->old_dir, m->old);
		/* Back to the old name; what was replaced stays replaced, as there is no memory to tell otherwise. */
		if (r)
			(void)!m->new_dir->ops->rename(m->new_dir, m->new.text, m->new.len, m->what,
						       m->old_dir, m->old.text, m->old.len, NULL,
						       0);
	}
	inode_put(replaced);
	unlock_two(m->old_dir, m->new_dir);
	return r;
}

/* A directory that is renamed onto: empty as shown, and really empty in the upper layer. */
static int prepare_replaced(struct inode *replaced)
{
	struct overlay_node *n = overlay_node_of(replaced);
	int r;

	if (!S_ISDIR(replaced->mode))
		return 0;
	r = overlay_check_empty(n);
	if (!r && upper_of(n))
		r = overlay_clear_whiteouts(upper_of(n));
	return r;
}

static int prepare_rename(struct overlay *o, struct inode *what, struct inode *replaced,
			  struct move *m)
{
	struct overlay_node *n = overlay_node_of(what);
	int r = overlay_copy_up(o, n);

	if (r)
		return r;
	m->what = upper_of(n);
	r = ensure_upper_name(m->old_dir, m->old, m->what);
	if (r)
		return r;
	if (m->flags & RENAME_EXCHANGE) {
		n = overlay_node_of(replaced);
		r = overlay_copy_up(o, n);
		if (!r)
			r = ensure_upper_name(m->new_dir, m->new, upper_of(n));
		if (!r)
			r = prepare_move(o, n);
	} else if (replaced) {
		r = prepare_replaced(replaced);
	}
	return r ? r : prepare_move(o, overlay_node_of(what));
}

/* Links of folders and places of nodes, after the upper layer has changed. */
static void finish_rename(struct overlay *o, struct inode *old_dir, struct inode *what,
			  struct inode *new_dir, struct inode *replaced, const struct move *m)
{
	bool exchange = m->flags & RENAME_EXCHANGE;
	bool what_dir = S_ISDIR(what->mode), replaced_dir = replaced && S_ISDIR(replaced->mode);

	if (what_dir) {
		count_subdir(old_dir, -1);
		count_subdir(new_dir, 1);
	}
	if (replaced_dir) {
		count_subdir(new_dir, -1);
		if (exchange)
			count_subdir(old_dir, 1);
	}
	/* Places matter until a file is copied up (both are), and for the folders a copy goes through. */
	(void)!overlay_node_move(o, overlay_node_of(what), overlay_node_of(new_dir), m->new.text,
				 m->new.len);
	if (exchange)
		(void)!overlay_node_move(o, overlay_node_of(replaced), overlay_node_of(old_dir),
					 m->old.text, m->old.len);
	inode_touch(what, ATTR_CTIME);
	touch_dir(old_dir);
	touch_dir(new_dir);
}

int overlay_rename(struct inode *old_dir, const char *old, size_t old_len, struct inode *what,
		   struct inode *new_dir, const char *new, size_t new_len, struct inode *replaced,
		   unsigned int flags)
{
	struct move m = { .old = { old, old_len }, .new = { new, new_len }, .flags = flags };
	struct overlay *o = overlay_of(old_dir);
	struct overlay_node *gone = NULL;
	bool unpin = false;
	int r;

	if (flags & ~(unsigned int)(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	if (!(flags & RENAME_EXCHANGE)) {
		r = below_has(overlay_node_of(old_dir), m.old);
		if (r < 0)
			return r;
		m.cover = r;
		if (replaced)
			gone = overlay_node_of(replaced);
	}
	r = upper_dir(old_dir, &m.old_dir);
	if (!r)
		r = upper_dir(new_dir, &m.new_dir);
	if (r)
		return r;
	if (gone)
		mutex_lock(&gone->copy_lock);
	r = prepare_rename(o, what, replaced, &m);
	if (!r)
		r = move_upper(&m);
	if (gone) {
		if (!r)
			unpin = drop_name(o, replaced, overlay_node_of(new_dir), m.new);
		mutex_unlock(&gone->copy_lock);
	}
	if (unpin)
		inode_put(replaced);
	if (r)
		return r;
	finish_rename(o, old_dir, what, new_dir, replaced, &m);
	return 0;
}
