/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes. File systems without operations of their own get a generic store: a list at inode->xattrs,
 * newest first, that lives as long as the inode. The name spaces follow Linux:
 *   user.      regular files and directories, by the file's permission bits
 *   trusted.   CAP_SYS_ADMIN only, and not listed for others
 *   security.  set by CAP_SYS_ADMIN (security.capability: CAP_SETFCAP), read by all
 *   system.    -EOPNOTSUPP: there are no ACLs
 *
 * Lock: inode->lock guards the list; it is not held by callers, nor over an operation of the file system. Values are
 * copied to and from the application outside of it. What one inode stores is bounded by STORE_MAX.
 */
#include "kernel/fs/xattr.h"

#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/limits.h>
#include <linux/mount.h>
#include <linux/xattr.h>

#include "kernel/fs/file.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "lib/base/string.h"

#define STORE_MAX (256u << 10)

struct xattr {
	struct list link;
	size_t size;
	uint32_t name_len;
	char name[]; /* NUL-ended, then the value */
};

static void *xattr_value(struct xattr *x)
{
	return x->name + x->name_len + 1;
}

/* --- generic store ---------------------------------------------------------------------------------------------- */

static struct xattr *store_find(struct inode *i, const char *name)
{
	struct xattr *x;

	list_for_each(x, &i->xattrs, link)
		if (str_eq(x->name, name))
			return x;
	return NULL;
}

static size_t store_used(struct inode *i)
{
	struct xattr *x;
	size_t used = 0;

	list_for_each(x, &i->xattrs, link)
		used += sizeof(*x) + x->name_len + 1 + x->size;
	return used;
}

static long store_get(struct inode *i, const char *name, void *value, size_t size)
{
	struct xattr *x;
	long r = -ENODATA;

	mutex_lock(&i->lock);
	x = store_find(i, name);
	if (x) {
		r = (long)x->size;
		if (size && size < x->size)
			r = -ERANGE;
		else if (size)
			memcpy(value, xattr_value(x), x->size);
	}
	mutex_unlock(&i->lock);
	return r;
}

static int store_set(struct inode *i, const char *name, const void *value, size_t size, int flags)
{
	size_t len = strlen(name);
	struct xattr *new = kmalloc(sizeof(*new) + len + 1 + size), *old;
	int r = 0;

	if (!new)
		return -ENOMEM;
	new->size = size;
	new->name_len = (uint32_t)len;
	memcpy(new->name, name, len + 1);
	if (size)
		memcpy(xattr_value(new), value, size);
	mutex_lock(&i->lock);
	old = store_find(i, name);
	if (old && (flags & XATTR_CREATE))
		r = -EEXIST;
	else if (!old && (flags & XATTR_REPLACE))
		r = -ENODATA;
	else if (store_used(i) - (old ? old->size : 0) + sizeof(*new) + len + 1 + size > STORE_MAX)
		r = -ENOSPC;
	if (!r) {
		if (old)
			list_remove(&old->link);
		list_add(&i->xattrs, &new->link);
		inode_touch(i, ATTR_CTIME);
		new = old;
	}
	mutex_unlock(&i->lock);
	kfree(new);
	return r;
}

static long store_list(struct inode *i, char *list, size_t size)
{
	struct xattr *x;
	size_t used = 0;

	mutex_lock(&i->lock);
	list_for_each(x, &i->xattrs, link) {
		if (size) {
			if (size - used < x->name_len + 1) {
				mutex_unlock(&i->lock);
				return -ERANGE;
			}
			memcpy(list + used, x->name, x->name_len + 1);
		}
		used += x->name_len + 1;
	}
	mutex_unlock(&i->lock);
	return (long)used;
}

static int store_remove(struct inode *i, const char *name)
{
	struct xattr *x;

	mutex_lock(&i->lock);
	x = store_find(i, name);
	if (x) {
		list_remove(&x->link);
		inode_touch(i, ATTR_CTIME);
	}
	mutex_unlock(&i->lock);
	kfree(x);
	return x ? 0 : -ENODATA;
}

void xattr_inode_free(struct inode *i)
{
	struct xattr *x, *tmp;

	list_for_each_safe(x, tmp, &i->xattrs, link) {
		list_remove(&x->link);
		kfree(x);
	}
}

/* --- by inode -------------------------------------------------------------------------------------------------------- */

long inode_getxattr(struct inode *i, const char *name, void *value, size_t size)
{
	long r;

	if (!i->ops || !i->ops->getxattr)
		return store_get(i, name, value, size);
	r = i->ops->getxattr(i, name, value, size);
	/* A file system that asks its host must not make us copy more than there is room for. */
	return size && r > (long)size ? -EIO : r;
}

int inode_setxattr(struct inode *i, const char *name, const void *value, size_t size, int flags)
{
	if (i->ops && i->ops->setxattr)
		return i->ops->setxattr(i, name, value, size, flags);
	if (i->ops && i->ops->getxattr)
		return -EOPNOTSUPP;
	return store_set(i, name, value, size, flags);
}

long inode_listxattr(struct inode *i, char *list, size_t size)
{
	long r;

	if (i->ops && i->ops->listxattr) {
		r = i->ops->listxattr(i, list, size);
		return size && r > (long)size ? -EIO : r;
	}
	if (i->ops && i->ops->getxattr)
		return 0;
	return store_list(i, list, size);
}

int inode_removexattr(struct inode *i, const char *name)
{
	if (i->ops && i->ops->removexattr)
		return i->ops->removexattr(i, name);
	if (i->ops && i->ops->getxattr)
		return -EOPNOTSUPP;
	return store_remove(i, name);
}

int inode_copy_xattrs(struct inode *to, struct inode *from, bool (*skip)(const char *name))
{
	long size = inode_listxattr(from, NULL, 0), len;
	char *list, *value = NULL, *name;
	int r = 0;

	if (size == 0 || size == -EOPNOTSUPP)
		return 0;
	if (size < 0)
		return (int)size;
	if (size > XATTR_LIST_MAX)
		return -E2BIG;
	list = kmalloc((size_t)size);
	value = kmalloc(XATTR_SIZE_MAX);
	if (!list || !value) {
		r = -ENOMEM;
		goto out;
	}
	size = inode_listxattr(from, list, (size_t)size);
	if (size < 0) {
		r = (int)size;
		goto out;
	}
	for (name = list; name < list + size && memchr(name, 0, (size_t)(list + size - name));
	     name += strlen(name) + 1) {
		if (skip && skip(name))
			continue;
		len = inode_getxattr(from, name, value, XATTR_SIZE_MAX);
		if (len == -ENODATA)
			continue;
		r = len < 0 ? (int)len : inode_setxattr(to, name, value, (size_t)len, 0);
		if (r == -EOPNOTSUPP)
			r = 0;
		if (r)
			break;
	}
out:
	kfree(value);
	kfree(list);
	return r;
}

/* --- permissions ------------------------------------------------------------------------------------------------------ */

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* May the calling task read (MAY_READ) or change (MAY_WRITE) this attribute? Also: does the name space exist? */
static int xattr_permission(struct inode *i, const char *name, unsigned int mask)
{
	bool write = mask & MAY_WRITE;
	const struct cred *cred = current()->cred;

	if (has_prefix(name, XATTR_TRUSTED_PREFIX)) {
		if (!name[XATTR_TRUSTED_PREFIX_LEN])
			return -EINVAL;
		return capable(CAP_SYS_ADMIN) ? 0 : write ? -EPERM : -ENODATA;
	}
	if (has_prefix(name, XATTR_SECURITY_PREFIX)) {
		if (!name[XATTR_SECURITY_PREFIX_LEN])
			return -EINVAL;
		if (!write)
			return 0;
		return capable(str_eq(name, XATTR_NAME_CAPS) ? CAP_SETFCAP : CAP_SYS_ADMIN)
			       ? 0
			       : -EPERM;
	}
	if (!has_prefix(name, XATTR_USER_PREFIX))
		return -EOPNOTSUPP;
	if (!name[XATTR_USER_PREFIX_LEN])
		return -EINVAL;
	if (!S_ISREG(i->mode) && !S_ISDIR(i->mode))
		return write ? -EPERM : -ENODATA;
	if (write && S_ISDIR(i->mode) && (i->mode & S_ISVTX) && cred->fsuid != i->uid &&
	    !capable(CAP_FOWNER))
		return -EPERM;
	return inode_permission(i, mask);
}

static int copy_in_name(char *name, struct uptr from)
{
	long len = copy_in_string(name, from, XATTR_NAME_MAX + 1);

	if (len == -ENAMETOOLONG || len == 0)
		return -ERANGE;
	return len < 0 ? (int)len : 0;
}

static int check_writable(const struct path *p)
{
	if ((p->mount && (p->mount->flags & MS_RDONLY)) || p->dentry->fs->read_only)
		return -EROFS;
	return 0;
}

/* --- the calls, on a path that was found ------------------------------------------------------------------------------ */

static long do_set(const struct path *p, unsigned long *a)
{
	struct uptr user_name = UPTR(a[1]), user_value = UPTR(a[2]);
	struct inode *i = p->dentry->inode;
	size_t size = a[3];
	int flags = (int)a[4];
	char name[XATTR_NAME_MAX + 1];
	void *value = NULL;
	int r;

	r = check_writable(p);
	if (r)
		return r;
	if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	r = copy_in_name(name, user_name);
	if (r)
		return r;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	if (size) {
		value = kmalloc(size);
		if (!value)
			return -ENOMEM;
		r = copy_in(value, user_value, size);
	}
	if (!r)
		r = xattr_permission(i, name, MAY_WRITE);
	if (!r)
		r = inode_setxattr(i, name, value, size, flags);
	kfree(value);
	if (!r)
		notify_inode(i, IN_ATTRIB);
	return r;
}

static long do_get(const struct path *p, unsigned long *a)
{
	struct uptr user_name = UPTR(a[1]), user_value = UPTR(a[2]);
	struct inode *i = p->dentry->inode;
	size_t size = a[3];
	char name[XATTR_NAME_MAX + 1];
	void *value = NULL;
	long r;

	r = copy_in_name(name, user_name);
	if (r)
		return r;
	size = MIN(size, (size_t)XATTR_SIZE_MAX);
	r = xattr_permission(i, name, MAY_READ);
	if (r)
		return r;
	if (size) {
		value = kmalloc(size);
		if (!value)
			return -ENOMEM;
	}
	r = inode_getxattr(i, name, value, size);
	if (r > 0 && size && copy_out(user_value, value, (size_t)r))
		r = -EFAULT;
	kfree(value);
	return r;
}

/* Takes what the caller may not see out of a list; its new length. */
static size_t filter_list(char *list, size_t size)
{
	size_t from = 0, to = 0, len;

	if (capable(CAP_SYS_ADMIN))
		return size;
	while (from < size) {
		len = strnlen(list + from, size - from);
		if (len == size - from)
			break;
		if (!has_prefix(list + from, XATTR_TRUSTED_PREFIX)) {
			memmove(list + to, list + from, len + 1);
			to += len + 1;
		}
		from += len + 1;
	}
	return to;
}

static long do_list(const struct path *p, unsigned long *a)
{
	struct uptr user_list = UPTR(a[1]);
	struct inode *i = p->dentry->inode;
	size_t size = a[2];
	long r = inode_listxattr(i, NULL, 0);
	char *list;

	if (r <= 0)
		return r;
	if (r > XATTR_LIST_MAX)
		return -E2BIG;
	list = kmalloc(XATTR_LIST_MAX);
	if (!list)
		return -ENOMEM;
	r = inode_listxattr(i, list, XATTR_LIST_MAX);
	if (r > 0) {
		r = (long)filter_list(list, (size_t)r);
		if (size && (size_t)r > size)
			r = -ERANGE;
		else if (size && copy_out(user_list, list, (size_t)r))
			r = -EFAULT;
	}
	kfree(list);
	return r;
}

static long do_remove(const struct path *p, unsigned long *a)
{
	struct uptr user_name = UPTR(a[1]);
	struct inode *i = p->dentry->inode;
	char name[XATTR_NAME_MAX + 1];
	int r;

	r = check_writable(p);
	if (!r)
		r = copy_in_name(name, user_name);
	if (!r)
		r = xattr_permission(i, name, MAY_WRITE);
	if (!r)
		r = inode_removexattr(i, name);
	if (!r)
		notify_inode(i, IN_ATTRIB);
	return r;
}

/* --- system calls: by path, by link, by descriptor ------------------------------------------------------------------- */

typedef long operation(const struct path *p, unsigned long *a);

static long on_path(unsigned long *a, unsigned int follow, operation *operate)
{
	struct path p;
	long r = path_lookup_user(AT_FDCWD, UPTR(a[0]), follow, &p);

	if (r)
		return r;
	r = operate(&p, a);
	path_put(&p);
	return r;
}

/* Pipes and sockets have a dentry outside any tree: the same code serves them. */
static long on_file(unsigned long *a, operation *operate)
{
	struct file *f = fd_get((int)a[0]);
	long r = -EOPNOTSUPP;

	if (!f)
		return -EBADF;
	if (f->path.dentry && f->path.dentry->inode == f->inode)
		r = operate(&f->path, a);
	file_put(f);
	return r;
}

long sys_setxattr(unsigned long *a)
{
	return on_path(a, LOOKUP_FOLLOW, do_set);
}

long sys_lsetxattr(unsigned long *a)
{
	return on_path(a, 0, do_set);
}

long sys_fsetxattr(unsigned long *a)
{
	return on_file(a, do_set);
}

long sys_getxattr(unsigned long *a)
{
	return on_path(a, LOOKUP_FOLLOW, do_get);
}

long sys_lgetxattr(unsigned long *a)
{
	return on_path(a, 0, do_get);
}

long sys_fgetxattr(unsigned long *a)
{
	return on_file(a, do_get);
}

long sys_listxattr(unsigned long *a)
{
	return on_path(a, LOOKUP_FOLLOW, do_list);
}

long sys_llistxattr(unsigned long *a)
{
	return on_path(a, 0, do_list);
}

long sys_flistxattr(unsigned long *a)
{
	return on_file(a, do_list);
}

long sys_removexattr(unsigned long *a)
{
	return on_path(a, LOOKUP_FOLLOW, do_remove);
}

long sys_lremovexattr(unsigned long *a)
{
	return on_path(a, 0, do_remove);
}

long sys_fremovexattr(unsigned long *a)
{
	return on_file(a, do_remove);
}
