/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostfs, direct mode: making, removing and renaming names on the host. Each is one hostcall on the handle of the
 * directory and a single name, so nothing is followed and nothing outside of the mount is reached; what was made is looked at
 * before it gets an inode. The VFS holds the directories' locks; hostfs.lock is taken by what is called here.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/openat2.h>

#include "kernel/fs/hostfs_internal.h"
#include "kernel/host.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

/*
 * What was just made has the launcher's umask and user; give it the mode and owner asked for. Owners only as far as
 * the host lets us: an ordinary user keeps his own.
 */
static int adopt(struct inode *dir, const char *name, int handle, uint32_t mode, struct statx *st)
{
	const struct cred *cred = current()->cred;
	uint32_t gid = dir->mode & S_ISGID ? dir->gid : cred ? cred->fsgid : 0;
	int r = 0;

	(void)name;
	if (cred && (st->stx_uid != cred->fsuid || st->stx_gid != gid))
		r = host_chown(handle, "", cred->fsuid, gid, HOST_EMPTY_PATH);
	if (r == -EPERM || r == -EINVAL)
		r = 0;
	if (!r && !S_ISLNK(st->stx_mode) && (st->stx_mode & 07777) != (mode & 07777))
		r = hostfs_set_mode(handle, mode);
	if (!r)
		r = host_statx(handle, "", HOST_EMPTY_PATH, HOST_STAT_MASK, st);
	return r;
}

int hostfs_create(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		  struct inode **ret)
{
	struct hostfs *h = hostfs_of(dir);
	char copy[NAME_MAX + 1];
	struct statx st;
	int parent, handle, r;

	(void)rdev;
	if (!S_ISREG(mode))
		return -EPERM;
	r = hostfs_copy_name(copy, name, len);
	if (r)
		return r;
	parent = hostfs_handle_get(h, node_of(dir));
	if (parent < 0)
		return parent;
	handle = host_open_beneath(parent, copy, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW,
				   mode & 0777, RESOLVE_NO_SYMLINKS);
	r = handle < 0 ? handle : host_statx(handle, "", HOST_EMPTY_PATH, HOST_STAT_MASK, &st);
	if (!r)
		r = adopt(dir, copy, handle, mode, &st);
	if (!r && !S_ISREG(st.stx_mode))
		r = -EIO;
	if (!r)
		r = hostfs_get_inode(dir->fs, node_of(dir), copy, len, &st, ret);
	if (r && handle >= 0)
		(void)!host_unlink(parent, copy, 0);
	host_close(handle);
	hostfs_handle_put(h, node_of(dir));
	if (!r)
		inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
	return r;
}

/* mkdir and symlink: makes it, then looks at what was made. */
static int direct_make(struct inode *dir, const char *name, size_t len, uint32_t mode,
		       const char *target, struct inode **ret)
{
	struct hostfs *h = hostfs_of(dir);
	char copy[NAME_MAX + 1];
	int parent, handle = -1, r;
	struct statx st;

	r = hostfs_copy_name(copy, name, len);
	if (r)
		return r;
	parent = hostfs_handle_get(h, node_of(dir));
	if (parent < 0)
		return parent;
	r = target ? host_symlink(target, parent, copy) : host_mkdir(parent, copy, mode & 0777);
	if (r)
		goto out;
	handle = host_open_beneath(parent, copy, O_PATH | O_NOFOLLOW, 0, 0);
	r = handle < 0 ? handle : host_statx(handle, "", HOST_EMPTY_PATH, HOST_STAT_MASK, &st);
	if (!r && (target ? !S_ISLNK(st.stx_mode) : !S_ISDIR(st.stx_mode)))
		r = -EIO;
	if (!r)
		r = adopt(dir, copy, handle, dir->mode & S_ISGID ? mode | S_ISGID : mode, &st);
	if (!r)
		r = hostfs_get_inode(dir->fs, node_of(dir), copy, len, &st, ret);
	if (r)
		(void)!host_unlink(parent, copy, target ? 0 : HOST_REMOVEDIR);
	else
		inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
	host_close(handle);
out:
	hostfs_handle_put(h, node_of(dir));
	return r;
}

int hostfs_mkdir(struct inode *dir, const char *name, size_t len, uint32_t mode, struct inode **ret)
{
	int r = direct_make(dir, name, len, mode, NULL, ret);

	if (!r)
		dir->links++;
	return r;
}

int hostfs_symlink(struct inode *dir, const char *name, size_t len, const char *target,
		   struct inode **ret)
{
	return direct_make(dir, name, len, 0777, target, ret);
}

int hostfs_link(struct inode *dir, const char *name, size_t len, struct inode *target)
{
	struct hostfs *h = hostfs_of(dir);
	char copy[NAME_MAX + 1], path[40];
	struct held held;
	int parent, r;

	r = hostfs_copy_name(copy, name, len);
	if (!r)
		r = hostfs_hold(target, false, &held);
	if (r)
		return r;
	parent = hostfs_handle_get(h, node_of(dir));
	r = parent;
	if (parent >= 0) {
		fmt_snprintf(path, sizeof(path), "/proc/self/fd/%d", held.handle);
		r = host_link(AT_FDCWD, path, parent, copy, AT_SYMLINK_FOLLOW);
		hostfs_handle_put(h, node_of(dir));
	}
	hostfs_unhold(target, &held);
	if (!r) {
		target->links++;
		inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
	}
	return r;
}

static int direct_remove(struct inode *dir, const char *name, size_t len, int flags)
{
	struct hostfs *h = hostfs_of(dir);
	char copy[NAME_MAX + 1];
	int parent, r;

	r = hostfs_copy_name(copy, name, len);
	if (r)
		return r;
	parent = hostfs_handle_get(h, node_of(dir));
	if (parent < 0)
		return parent;
	r = host_unlink(parent, copy, flags);
	hostfs_handle_put(h, node_of(dir));
	if (!r)
		inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
	return r;
}

int hostfs_unlink(struct inode *dir, const char *name, size_t len, struct inode *target)
{
	int r = direct_remove(dir, name, len, 0);

	if (!r && target->links)
		target->links--;
	return r;
}

int hostfs_rmdir(struct inode *dir, const char *name, size_t len, struct inode *target)
{
	int r = direct_remove(dir, name, len, HOST_REMOVEDIR);

	if (!r) {
		target->links = 0;
		if (dir->links > 2)
			dir->links--;
	}
	return r;
}

int hostfs_rename(struct inode *old_dir, const char *old, size_t old_len, struct inode *what,
		  struct inode *new_dir, const char *new, size_t new_len, struct inode *replaced,
		  unsigned int flags)
{
	struct hostfs *h = hostfs_of(old_dir);
	char *names = kmalloc(2 * (NAME_MAX + 1)), *to = names + NAME_MAX + 1;
	int from_handle = -1, to_handle = -1, r;

	if (!names)
		return -ENOMEM;
	r = hostfs_copy_name(names, old, old_len);
	if (!r)
		r = hostfs_copy_name(to, new, new_len);
	if (!r) {
		from_handle = hostfs_handle_get(h, node_of(old_dir));
		to_handle = hostfs_handle_get(h, node_of(new_dir));
		r = from_handle < 0 ? from_handle : to_handle < 0 ? to_handle : 0;
	}
	if (!r)
		r = host_rename(from_handle, names, to_handle, to, flags);
	if (from_handle >= 0)
		hostfs_handle_put(h, node_of(old_dir));
	if (to_handle >= 0)
		hostfs_handle_put(h, node_of(new_dir));
	if (!r) {
		/* Out of memory here leaves a node with its old name: the next lookup corrects it. */
		(void)!hostfs_node_move(h, node_of(what), node_of(new_dir), new, new_len);
		if (replaced && (flags & RENAME_EXCHANGE))
			(void)!hostfs_node_move(h, node_of(replaced), node_of(old_dir), old,
						old_len);
		else if (replaced && replaced->links)
			replaced->links -= S_ISDIR(replaced->mode) ? replaced->links : 1;
		inode_touch(old_dir, ATTR_MTIME | ATTR_CTIME);
		inode_touch(new_dir, ATTR_MTIME | ATTR_CTIME);
	}
	kfree(names);
	return r;
}
