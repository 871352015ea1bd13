/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlayfs: copying up. A file of a lower layer gets its place in the upper one before it changes: data, attributes and
 * extended attributes, and its inode number as an attribute. Folders on the way are made first, from the top.
 *
 * What is made has no name until it is complete (tmpfile, then link), so nobody finds half a copy. The name appears and
 * the node learns of its upper inode under the upper folder's lock: a lookup that finds the one finds the other. A file
 * whose name is gone is copied without one. node->copy_lock makes all of it happen once, and keeps the name in place.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>

#include "kernel/fs/overlay_internal.h"
#include "kernel/fs/xattr.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/signal/signal.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

#define COPY_BUFFER (64UL * 1024)

bool overlay_private_xattr(const char *name)
{
	return strncmp(name, XATTR_OVERLAY, strlen(XATTR_OVERLAY)) == 0;
}

/* Page cache to page cache; the copy is made contiguous, as it may be mapped whole. */
static int copy_data(struct inode *to, struct inode *from)
{
	uint64_t size = inode_size(from), pos = 0;
	struct file *f;
	struct uio io;
	void *buffer;
	long got, put = 0;
	int r;

	if (!size)
		return 0;
	r = real_open(from, O_RDONLY, &f);
	if (r)
		return r;
	buffer = pages_alloc(COPY_BUFFER / PAGE_SIZE);
	if (!buffer) {
		file_put(f);
		return -ENOMEM;
	}
	mapping_reserve_contiguous(to->data, PAGE_UP(size) >> PAGE_SHIFT);
	while (pos < size) {
		got = file_read_kernel(f, buffer, MIN(COPY_BUFFER, size - pos), pos);
		if (got <= 0) {
			r = (int)got;
			break;
		}
		uio_init_kernel(&io, buffer, (size_t)got);
		put = mapping_write(to->data, &io, pos);
		if (put != got) {
			r = put < 0 ? (int)put : -ENOSPC;
			break;
		}
		pos += (uint64_t)got;
		if (signal_fatal_pending(current())) {
			r = -EINTR;
			break;
		}
	}
	/* The file was shorter than its size said: the host changed it under us. */
	if (!r && pos < size)
		r = mapping_truncate(to->data, size);
	pages_put(buffer, COPY_BUFFER / PAGE_SIZE);
	file_put(f);
	return r;
}

/* The attributes as the application knows them: the overlay inode's, if it is alive. */
static void current_attributes(struct overlay *o, struct overlay_node *n, struct attributes *a,
			       uint64_t *ret_number)
{
	struct inode *lower = n->lowers[0], *i, *from;

	mutex_lock(&o->lock);
	i = n->inode;
	if (i && !ref_get_unless_zero(&i->refs))
		i = NULL;
	mutex_unlock(&o->lock);
	from = i ? i : lower;
	memset(a, 0, sizeof(*a));
	a->valid = ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_MTIME | ATTR_CTIME;
	a->mode = from->mode & 07777;
	a->uid = from->uid;
	a->gid = from->gid;
	a->accessed = from->accessed;
	a->modified = from->modified;
	a->changed = from->changed;
	*ret_number = i ? i->number : overlay_lower_number(lower, n->layer);
	inode_put(i);
}

/* Attributes and extended attributes of a new upper inode. */
static int dress(struct inode *upper, struct inode *lower, const struct attributes *a,
		 uint64_t number)
{
	int r = inode_copy_xattrs(upper, lower, overlay_private_xattr);

	if (!r)
		r = inode_setxattr(upper, XATTR_NUMBER, &number, sizeof(number), 0);
	return r ? r : real_setattr(upper, a);
}

/* The overlay inode shows the copy from now on. */
static void switch_inode(struct overlay *o, struct overlay_node *n, struct inode *upper)
{
	struct inode *i;
	bool pin;

	mutex_lock(&o->lock);
	i = n->inode;
	pin = i && !S_ISDIR(i->mode) && n->lowers[0]->links > 1 && !n->dead && !n->pinned;
	if (i && !ref_get_unless_zero(&i->refs))
		i = NULL;
	if (i && pin)
		n->pinned = true;
	mutex_unlock(&o->lock);
	if (!i)
		return;
	__atomic_store_n(&i->data, upper->data, __ATOMIC_RELEASE);
	i->blocks = 0;
	if (S_ISDIR(i->mode))
		i->links = 1;
	if (!pin)
		inode_put(i);
}

/* A regular file: made without a name, then given one. */
static int copy_regular(struct overlay *o, struct overlay_node *n, struct inode *dir,
			const char *name, const struct attributes *a, uint64_t number)
{
	struct inode *lower = n->lowers[0], *upper;
	int r;

	mutex_lock(&dir->lock);
	r = dir->ops->tmpfile(dir, S_IFREG | a->mode, &upper);
	mutex_unlock(&dir->lock);
	if (r)
		return r;
	r = copy_data(upper, lower);
	if (!r)
		r = dress(upper, lower, a, number);
	if (r) {
		inode_put(upper);
		return r;
	}
	mutex_lock(&dir->lock);
	if (name)
		r = dir->ops->link(dir, name, strlen(name), upper);
	if (!r)
		overlay_publish(o, n, upper);
	mutex_unlock(&dir->lock);
	if (r) {
		inode_put(upper);
		return r;
	}
	/* link touched the change time. */
	upper->changed = a->changed;
	switch_inode(o, n, upper);
	return 0;
}

static int make_other(struct overlay_node *n, struct inode *dir, const char *name, uint32_t mode,
		      struct inode **ret)
{
	struct inode *lower = n->lowers[0];
	char *target;
	int r;

	switch (mode & S_IFMT) {
	case S_IFDIR:
		return dir->ops->mkdir(dir, name, strlen(name), mode, ret);
	case S_IFLNK:
		r = lower->ops->readlink(lower, &target);
		if (r)
			return r;
		r = dir->ops->symlink(dir, name, strlen(name), target, ret);
		kfree(target);
		return r;
	default:
		return dir->ops->create(dir, name, strlen(name), mode, lower->rdev, ret);
	}
}

/* Folders, links and nodes have no data: made in place, complete before the folder's lock is let go. */
static int copy_other(struct overlay *o, struct overlay_node *n, struct inode *dir,
		      const char *name, const struct attributes *a, uint64_t number)
{
	struct inode *lower = n->lowers[0], *upper = NULL;
	bool is_dir = S_ISDIR(lower->mode);
	struct attributes looks = *a;
	int r;

	if (!name)
		return -ENOENT;
	/* A symbolic link's permissions mean nothing, and not every file system takes them. */
	if (S_ISLNK(lower->mode))
		looks.valid &= ~(unsigned int)ATTR_MODE;
	mutex_lock(&dir->lock);
	r = make_other(n, dir, name, (lower->mode & S_IFMT) | a->mode, &upper);
	if (!r) {
		r = dress(upper, lower, &looks, number);
		if (!r)
			overlay_publish(o, n, upper);
		else if (is_dir)
			(void)!dir->ops->rmdir(dir, name, strlen(name), upper);
		else
			(void)!dir->ops->unlink(dir, name, strlen(name), upper);
	}
	mutex_unlock(&dir->lock);
	if (r) {
		inode_put(upper);
		return r;
	}
	switch_inode(o, n, upper);
	return 0;
}

/* n's parent has an upper folder. */
static int copy_one(struct overlay *o, struct overlay_node *n)
{
	struct overlay_node *parent;
	struct attributes a;
	struct inode *dir;
	uint64_t number;
	char *name;
	int r = 0;

	mutex_lock(&n->copy_lock);
	if (upper_of(n))
		goto out;
	r = -ENOMEM;
	name = kmalloc(NAME_MAX + 1);
	if (!name)
		goto out;
	mutex_lock(&o->lock);
	parent = n->parent;
	ref_get(&parent->refs);
	str_copy(name, n->name, NAME_MAX + 1);
	if (n->nameless || n->dead)
		*name = 0;
	mutex_unlock(&o->lock);
	dir = upper_of(parent);
	current_attributes(o, n, &a, &number);
	if (S_ISREG(n->lowers[0]->mode))
		r = copy_regular(o, n, dir, *name ? name : NULL, &a, number);
	else
		r = copy_other(o, n, dir, *name ? name : NULL, &a, number);
	overlay_node_put(parent);
	kfree(name);
out:
	mutex_unlock(&n->copy_lock);
	return r;
}

int overlay_copy_up(struct overlay *o, struct overlay_node *n)
{
	struct overlay_node *top;
	int r;

	while (!upper_of(n)) {
		if (!o->upper_fs)
			return -EROFS;
		mutex_lock(&o->lock);
		for (top = n; !upper_of(top->parent); top = top->parent)
			;
		ref_get(&top->refs);
		mutex_unlock(&o->lock);
		r = copy_one(o, top);
		overlay_node_put(top);
		if (r)
			return r;
	}
	return 0;
}
