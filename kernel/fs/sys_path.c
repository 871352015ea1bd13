/* SPDX-License-Identifier: Apache-2.0 */
/* System calls on names: mkdir, mknod, links, unlink, rename, readlink; and the directory state: chdir, chroot, umask. */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/limits.h>

#include "kernel/fs/file.h"
#include "kernel/fs/walk.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

static long create_user(int dirfd, unsigned long name, const struct name_create *c)
{
	struct path_string s;
	long r = path_string_copy(&s, UPTR(name));

	if (!r)
		r = name_create(dirfd, s.name, c, NULL);
	path_string_done(&s);
	return r;
}

static long do_mkdir(int dirfd, unsigned long name, unsigned long mode)
{
	const struct name_create c = { .mode = S_IFDIR | ((uint32_t)mode & 01777) };

	return create_user(dirfd, name, &c);
}

long sys_mkdir(unsigned long *a)
{
	return do_mkdir(AT_FDCWD, a[0], a[1]);
}

long sys_mkdirat(unsigned long *a)
{
	return do_mkdir((int)a[0], a[1], a[2]);
}

static long do_mknod(int dirfd, unsigned long name, unsigned long mode, unsigned long dev)
{
	struct name_create c = { .mode = (uint32_t)mode & (S_IFMT | 07777), .rdev = (uint32_t)dev };

	switch (c.mode & S_IFMT) {
	case 0:
		c.mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	if (!S_ISCHR(c.mode) && !S_ISBLK(c.mode))
		c.rdev = 0;
	return create_user(dirfd, name, &c);
}

long sys_mknod(unsigned long *a)
{
	return do_mknod(AT_FDCWD, a[0], a[1], a[2]);
}

long sys_mknodat(unsigned long *a)
{
	return do_mknod((int)a[0], a[1], a[2], a[3]);
}

static long do_symlink(unsigned long target, int dirfd, unsigned long name)
{
	struct name_create c = { .mode = S_IFLNK | 0777 };
	struct path_string s;
	long r = path_string_copy(&s, UPTR(target));

	if (!r) {
		c.target = s.name;
		r = *s.name ? create_user(dirfd, name, &c) : -ENOENT;
	}
	path_string_done(&s);
	return r;
}

long sys_symlink(unsigned long *a)
{
	return do_symlink(a[0], AT_FDCWD, a[1]);
}

long sys_symlinkat(unsigned long *a)
{
	return do_symlink(a[0], (int)a[1], a[2]);
}

static long do_link(int old_dirfd, unsigned long old, int dirfd, unsigned long name, int flags)
{
	unsigned int lookup = flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0;
	struct name_create c = { .mode = 0 };
	struct path p;
	long r;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	r = path_lookup_user(old_dirfd, UPTR(old), lookup, &p);
	if (r)
		return r;
	c.link_to = p.dentry->inode;
	c.link_path = &p;
	c.mode = c.link_to->mode & S_IFMT;
	/* A descriptor names any file its holder was given: only who may reach all files anyway links by it. */
	if ((flags & AT_EMPTY_PATH) && !c.link_to->linkable && !capable(CAP_DAC_READ_SEARCH)) {
		char first;

		if (!copy_in(&first, UPTR(old), 1) && !first)
			r = -ENOENT;
	}
	if (!r)
		r = create_user(dirfd, name, &c);
	path_put(&p);
	return r;
}

long sys_link(unsigned long *a)
{
	return do_link(AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
}

long sys_linkat(unsigned long *a)
{
	return do_link((int)a[0], a[1], (int)a[2], a[3], (int)a[4]);
}

static long do_remove(int dirfd, unsigned long name, bool directory)
{
	struct path_string s;
	long r = path_string_copy(&s, UPTR(name));

	if (!r)
		r = name_remove(dirfd, s.name, directory);
	path_string_done(&s);
	return r;
}

long sys_unlink(unsigned long *a)
{
	return do_remove(AT_FDCWD, a[0], false);
}

long sys_rmdir(unsigned long *a)
{
	return do_remove(AT_FDCWD, a[0], true);
}

long sys_unlinkat(unsigned long *a)
{
	int flags = (int)a[2];

	if (flags & ~AT_REMOVEDIR)
		return -EINVAL;
	return do_remove((int)a[0], a[1], flags & AT_REMOVEDIR);
}

static long do_rename(int old_dirfd, unsigned long old, int new_dirfd, unsigned long new,
		      unsigned int flags)
{
	struct path_string from, to;
	long r = path_string_copy(&from, UPTR(old));

	if (!r) {
		r = path_string_copy(&to, UPTR(new));
		if (!r)
			r = name_rename(old_dirfd, from.name, new_dirfd, to.name, flags);
		path_string_done(&to);
	}
	path_string_done(&from);
	return r;
}

long sys_rename(unsigned long *a)
{
	return do_rename(AT_FDCWD, a[0], AT_FDCWD, a[1], 0);
}

long sys_renameat(unsigned long *a)
{
	return do_rename((int)a[0], a[1], (int)a[2], a[3], 0);
}

long sys_renameat2(unsigned long *a)
{
	return do_rename((int)a[0], a[1], (int)a[2], a[3], (unsigned int)a[4]);
}

/* --- readlink ------------------------------------------------------------------------------------------------------------- */

/* A link of procfs that only leads somewhere shows the name of where. */
static int magic_target(struct inode *i, char **ret)
{
	char *buf, *name;
	struct path to;
	int e = i->ops->follow(i, &to);

	if (e)
		return e;
	buf = kmalloc(PATH_MAX);
	if (buf) {
		name = path_name(&to, buf, PATH_MAX);
		if (IS_ERR(name)) {
			e = PTR_ERR(name);
			kfree(buf);
		} else {
			memmove(buf, name, strlen(name) + 1);
			*ret = buf;
		}
	}
	path_put(&to);
	return buf ? e : -ENOMEM;
}

static long do_readlink(int dirfd, unsigned long name, unsigned long to, int size)
{
	struct path p;
	struct inode *i;
	char *target;
	size_t len;
	long r;

	if (size <= 0)
		return -EINVAL;
	r = path_lookup_user(dirfd, UPTR(name), LOOKUP_EMPTY, &p);
	if (r)
		return r;
	i = p.dentry->inode;
	if (!S_ISLNK(i->mode)) {
		char first = 1;

		r = !copy_in(&first, UPTR(name), 1) && !first ? -ENOENT : -EINVAL;
	} else {
		r = i->ops->readlink ? i->ops->readlink(i, &target)
		    : i->ops->follow ? magic_target(i, &target)
				     : -EINVAL;
	}
	if (!r) {
		len = MIN(strlen(target), (size_t)size);
		r = copy_out(UPTR(to), target, len);
		kfree(target);
		if (!r)
			r = (long)len;
	}
	path_put(&p);
	return r;
}

long sys_readlink(unsigned long *a)
{
	/* Unlike readlinkat, an empty name is nothing. */
	char first;

	if (!copy_in(&first, UPTR(a[0]), 1) && !first)
		return (int)a[2] <= 0 ? -EINVAL : -ENOENT;
	return do_readlink(AT_FDCWD, a[0], a[1], (int)a[2]);
}

long sys_readlinkat(unsigned long *a)
{
	return do_readlink((int)a[0], a[1], a[2], (int)a[3]);
}

/* --- where the task is ------------------------------------------------------------------------------------------------------ */

static void replace_path(struct path *slot, struct path *p)
{
	struct fs_context *fs = current()->fs;
	struct path old;

	mutex_lock(&fs->lock);
	old = *slot;
	*slot = *p;
	mutex_unlock(&fs->lock);
	path_put(&old);
}

long sys_chdir(unsigned long *a)
{
	struct path p;
	long r = path_lookup_user(AT_FDCWD, UPTR(a[0]), LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	if (r)
		return r;
	r = inode_permission(p.dentry->inode, MAY_EXEC);
	if (r)
		path_put(&p);
	else
		replace_path(&current()->fs->cwd, &p);
	return r;
}

long sys_fchdir(unsigned long *a)
{
	struct file *f = fd_get_path((int)a[0]);
	struct path p;
	long r;

	if (!f)
		return -EBADF;
	r = S_ISDIR(f->inode->mode) ? inode_permission(f->inode, MAY_EXEC) : -ENOTDIR;
	if (!r) {
		p = f->path;
		path_get(&p);
		replace_path(&current()->fs->cwd, &p);
	}
	file_put(f);
	return r;
}

long sys_chroot(unsigned long *a)
{
	struct path p;
	long r = path_lookup_user(AT_FDCWD, UPTR(a[0]), LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	if (r)
		return r;
	r = inode_permission(p.dentry->inode, MAY_EXEC);
	if (!r && !capable(CAP_SYS_CHROOT))
		r = -EPERM;
	if (r)
		path_put(&p);
	else
		replace_path(&current()->fs->root, &p);
	return r;
}

long sys_getcwd(unsigned long *a)
{
	struct fs_context *fs = current()->fs;
	struct path p;
	char *buf = kmalloc(PATH_MAX), *name;
	size_t size;
	long r;

	if (!buf)
		return -ENOMEM;
	mutex_lock(&fs->lock);
	p = fs->cwd;
	path_get(&p);
	mutex_unlock(&fs->lock);
	name = p.dentry->unhashed ? ERR_PTR(-ENOENT) : path_name(&p, buf, PATH_MAX);
	path_put(&p);
	if (IS_ERR(name)) {
		r = PTR_ERR(name);
	} else {
		size = strlen(name) + 1;
		r = size > a[1] ? -ERANGE : copy_out(UPTR(a[0]), name, size);
		if (!r)
			r = (long)size;
	}
	kfree(buf);
	return r;
}

long sys_umask(unsigned long *a)
{
	return __atomic_exchange_n(&current()->fs->umask, (uint32_t)a[0] & 0777, __ATOMIC_RELAXED);
}
