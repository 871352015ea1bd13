/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inodes: life, times, permissions, and changes of attributes.
 *
 * An inode is alive while it is referenced: by dentries, open files, and by its file system (tmpfs holds what has a
 * name). Each inode holds its file system, so `evict` may always look at fs->private_data. Attributes are changed
 * under inode->lock and read without it: a reader may see the old or the new value of each field.
 */
#include "kernel/fs/vfs.h"

#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/inotify.h>
#include <linux/mount.h>

#include "kernel/fs/file.h"
#include "kernel/fs/walk.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

#define NS_PER_SECOND 1000000000ULL

uint32_t inode_count;
static uint64_t next_number;
static struct kmem_cache *inode_cache;

void inode_init(void)
{
	inode_cache = kmem_cache_new("inode", sizeof(struct inode));
}

struct timestamp time_now(void)
{
	uint64_t ns = clock_realtime();

	return (struct timestamp){ .seconds = (int64_t)(ns / NS_PER_SECOND),
				   .nanoseconds = (uint32_t)(ns % NS_PER_SECOND) };
}

struct inode *inode_new(struct filesystem *fs, uint32_t mode)
{
	struct inode *i = kmem_cache_zalloc(inode_cache);
	const struct cred *cred;

	if (!i)
		return NULL;
	cred = current()->cred;
	ref_init(&i->refs);
	ref_get(&fs->refs);
	i->fs = fs;
	i->number = __atomic_add_fetch(&next_number, 1, __ATOMIC_RELAXED);
	i->mode = mode;
	i->uid = cred ? cred->fsuid : 0;
	i->gid = cred ? cred->fsgid : 0;
	i->links = 1;
	i->accessed = i->modified = i->changed = i->born = time_now();
	mapping_init(&i->mapping, NULL, i);
	i->data = &i->mapping;
	list_init(&i->xattrs);
	list_init(&i->locks);
	list_init(&i->watches);
	list_init(&i->fs_link);
	wait_queue_init(&i->lock_wait);
	__atomic_add_fetch(&inode_count, 1, __ATOMIC_RELAXED);
	return i;
}

void inode_put(struct inode *i)
{
	struct filesystem *fs;

	if (!i || !ref_put(&i->refs))
		return;
	fs = i->fs;
	if (fs->ops && fs->ops->evict)
		fs->ops->evict(i);
	xattr_inode_free(i);
	mapping_done(&i->mapping);
	kmem_cache_free(inode_cache, i);
	__atomic_sub_fetch(&inode_count, 1, __ATOMIC_RELAXED);
	filesystem_put(fs);
}

void inode_inherit(struct inode *i, const struct inode *dir)
{
	if (!(dir->mode & S_ISGID))
		return;
	i->gid = dir->gid;
	if (S_ISDIR(i->mode)) {
		i->mode |= S_ISGID;
	} else if ((i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) {
		const struct cred *cred = current()->cred;

		if (cred && !cred_in_group(cred, i->gid) && !capable(CAP_FSETID))
			i->mode &= ~(uint32_t)S_ISGID;
	}
}

void inode_touch(struct inode *i, unsigned int which)
{
	struct timestamp now = time_now();

	if (which & ATTR_ATIME)
		i->accessed = now;
	if (which & ATTR_MTIME)
		i->modified = now;
	if (which & ATTR_CTIME)
		i->changed = now;
}

static struct statx_timestamp stat_time(struct timestamp t)
{
	return (struct statx_timestamp){ .tv_sec = t.seconds, .tv_nsec = t.nanoseconds };
}

/* Device numbers are kept as the application sees them in st_dev: 12 bits of major among 20 + 12 of minor. */
static uint32_t device_major(uint64_t dev)
{
	return (uint32_t)(dev >> 8 & 0xfff) | (uint32_t)(dev >> 32 & ~0xfffULL);
}

static uint32_t device_minor(uint64_t dev)
{
	return (uint32_t)(dev & 0xff) | (uint32_t)(dev >> 12 & ~0xffULL);
}

void inode_stat(struct inode *i, struct statx *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->stx_mask = STATX_BASIC_STATS | STATX_BTIME;
	ret->stx_blksize = PAGE_SIZE;
	ret->stx_nlink = i->links;
	ret->stx_uid = i->uid;
	ret->stx_gid = i->gid;
	ret->stx_mode = (uint16_t)i->mode;
	ret->stx_ino = i->number;
	ret->stx_size = inode_size(i);
	ret->stx_blocks = i->blocks;
	if (!i->blocks && S_ISREG(i->mode))
		ret->stx_blocks =
			__atomic_load_n(&i->data->pages, __ATOMIC_RELAXED) * (PAGE_SIZE / 512);
	ret->stx_atime = stat_time(i->accessed);
	ret->stx_btime = stat_time(i->born);
	ret->stx_ctime = stat_time(i->changed);
	ret->stx_mtime = stat_time(i->modified);
	ret->stx_rdev_major = device_major(i->rdev);
	ret->stx_rdev_minor = device_minor(i->rdev);
	ret->stx_dev_major = device_major(i->fs->dev);
	ret->stx_dev_minor = device_minor(i->fs->dev);
}

int vfs_stat(const struct path *p, struct statx *ret)
{
	struct inode *i = p->dentry->inode;
	int e;

	if (!i)
		return -ENOENT;
	if (!i->ops || !i->ops->getattr) {
		inode_stat(i, ret);
	} else {
		memset(ret, 0, sizeof(*ret));
		e = i->ops->getattr(i, ret);
		if (e)
			return e;
		ret->stx_mask |= STATX_BASIC_STATS;
		if (!ret->stx_blksize)
			ret->stx_blksize = PAGE_SIZE;
		if (!ret->stx_dev_major && !ret->stx_dev_minor) {
			ret->stx_dev_major = device_major(i->fs->dev);
			ret->stx_dev_minor = device_minor(i->fs->dev);
		}
	}
	if (p->mount) {
		ret->stx_mnt_id = (uint64_t)p->mount->id;
		ret->stx_mask |= STATX_MNT_ID;
		if (p->dentry == p->mount->root)
			ret->stx_attributes |= STATX_ATTR_MOUNT_ROOT;
		ret->stx_attributes_mask |= STATX_ATTR_MOUNT_ROOT;
	}
	return 0;
}

/* --- permissions --------------------------------------------------------------------------------------------------- */

int inode_permission_generic(struct inode *i, unsigned int mask)
{
	const struct cred *cred = current()->cred;
	uint32_t mode = i->mode, bits;

	if (!cred)
		return 0;
	if (cred->fsuid == i->uid)
		bits = mode >> 6;
	else if ((mode >> 3 & 7) == (mode & 7))
		bits = mode;
	else
		bits = cred_in_group(cred, i->gid) ? mode >> 3 : mode;
	if (!(mask & ~bits & 7))
		return 0;
	if (S_ISDIR(mode)) {
		if (!(mask & MAY_WRITE) && cred_has(cred, CAP_DAC_READ_SEARCH))
			return 0;
		return cred_has(cred, CAP_DAC_OVERRIDE) ? 0 : -EACCES;
	}
	if (mask == MAY_READ && cred_has(cred, CAP_DAC_READ_SEARCH))
		return 0;
	if ((!(mask & MAY_EXEC) || (mode & 0111)) && cred_has(cred, CAP_DAC_OVERRIDE))
		return 0;
	return -EACCES;
}

int inode_permission(struct inode *i, unsigned int mask)
{
	if ((mask & MAY_WRITE) && i->fs->read_only &&
	    (S_ISREG(i->mode) || S_ISDIR(i->mode) || S_ISLNK(i->mode)))
		return -EROFS;
	if (i->ops && i->ops->permission)
		return i->ops->permission(i, mask);
	/* Most directories of a path may be searched by everybody. */
	if (mask == MAY_EXEC && (i->mode & 0111) == 0111)
		return 0;
	return inode_permission_generic(i, mask);
}

bool path_read_only(const struct path *p)
{
	return (p->mount && (p->mount->flags & MS_RDONLY)) || p->dentry->fs->read_only;
}

/* --- changes ----------------------------------------------------------------------------------------------------- */

void inode_setattr_fields(struct inode *i, const struct attributes *a)
{
	if (a->valid & ATTR_UID)
		i->uid = a->uid;
	if (a->valid & ATTR_GID)
		i->gid = a->gid;
	if (a->valid & ATTR_MODE)
		i->mode = (i->mode & S_IFMT) | (a->mode & 07777);
	if (a->valid & ATTR_ATIME)
		i->accessed = a->accessed;
	if (a->valid & ATTR_MTIME)
		i->modified = a->modified;
	if (a->valid & ATTR_CTIME)
		i->changed = a->changed;
}

/* With i->lock held. */
static int setattr_locked(struct inode *i, struct attributes *a)
{
	int e = 0;

	if (!(a->valid & ATTR_CTIME)) {
		a->changed = time_now();
		a->valid |= ATTR_CTIME;
	}
	if (i->ops && i->ops->setattr)
		return i->ops->setattr(i, a);
	if (a->valid & ATTR_SIZE)
		e = mapping_truncate(i->data, a->size);
	if (!e)
		inode_setattr_fields(i, a);
	return e;
}

static int check_change(struct inode *i, const struct attributes *a, bool times_are_now)
{
	const struct cred *cred = current()->cred;
	bool owner = !cred || cred->fsuid == i->uid;

	if (!cred)
		return 0;
	if ((a->valid & ATTR_UID) && !(owner && a->uid == i->uid) && !capable(CAP_CHOWN))
		return -EPERM;
	if ((a->valid & ATTR_GID) &&
	    !(owner && (a->gid == i->gid || cred_in_group(cred, a->gid))) && !capable(CAP_CHOWN))
		return -EPERM;
	if ((a->valid & ATTR_MODE) && !owner && !capable(CAP_FOWNER))
		return -EPERM;
	if ((a->valid & (ATTR_ATIME | ATTR_MTIME)) && !owner && !capable(CAP_FOWNER)) {
		if (!times_are_now)
			return -EPERM;
		return inode_permission(i, MAY_WRITE);
	}
	return 0;
}

int inode_change(struct inode *i, const struct attributes *wanted, bool times_are_now, bool trusted)
{
	struct attributes a = *wanted;
	const struct cred *cred = current()->cred;
	int e;

	mutex_lock(&i->lock);
	e = trusted ? 0 : check_change(i, &a, times_are_now);
	if (e)
		goto out;
	if (a.valid & ATTR_MODE) {
		uint32_t gid = a.valid & ATTR_GID ? a.gid : i->gid;

		a.mode &= 07777;
		if (!trusted && cred && (a.mode & S_ISGID) && !cred_in_group(cred, gid) &&
		    !capable(CAP_FSETID))
			a.mode &= ~(uint32_t)S_ISGID;
	}
	/* chown takes set-id bits away, from root's hand too. */
	if ((a.valid & (ATTR_UID | ATTR_GID)) && !(a.valid & ATTR_MODE) && !S_ISDIR(i->mode)) {
		uint32_t drop = i->mode & S_ISUID;

		if ((i->mode & S_ISGID) &&
		    ((i->mode & S_IXGRP) ||
		     (cred && !cred_in_group(cred, i->gid) && !capable(CAP_FSETID))))
			drop |= S_ISGID;
		if (drop) {
			a.valid |= ATTR_MODE;
			a.mode = i->mode & 07777 & ~drop;
		}
	}
	e = setattr_locked(i, &a);
out:
	mutex_unlock(&i->lock);
	return e;
}

int vfs_setattr(const struct path *p, const struct attributes *a)
{
	struct inode *i = p->dentry->inode;
	int e;

	if (!i)
		return -ENOENT;
	if (path_read_only(p))
		return -EROFS;
	if (a->valid & ATTR_SIZE) {
		e = inode_permission(i, MAY_WRITE);
		if (e)
			return e;
		e = inode_truncate(i, a->size);
		if (e || a->valid == ATTR_SIZE)
			return e;
	}
	e = inode_change(i, a, false, false);
	if (!e)
		notify_path(p, IN_ATTRIB);
	return e;
}

void inode_drop_privileges(struct inode *i)
{
	uint32_t mode = i->mode, drop = mode & S_ISUID;
	struct attributes a = { .valid = ATTR_MODE };

	if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		drop |= S_ISGID;
	if (likely(!drop) || !S_ISREG(mode) || capable(CAP_FSETID))
		return;
	mutex_lock(&i->lock);
	a.mode = i->mode & 07777 & ~drop;
	/* A file system that refuses keeps the bits; the write goes on as on Linux's network file systems. */
	if (setattr_locked(i, &a))
		a.mode = 0;
	mutex_unlock(&i->lock);
}

int inode_truncate(struct inode *i, uint64_t size)
{
	struct attributes a = { .valid = ATTR_SIZE | ATTR_MTIME | ATTR_CTIME, .size = size };
	uint64_t old = inode_size(i);
	int e;

	if (size > INT64_MAX)
		return -EINVAL;
	if (size > old) {
		long allowed;

		if (i->seals & F_SEAL_GROW)
			return -EPERM;
		allowed = file_size_allowed(i, size - 1, 1);
		if (allowed < 0)
			return (int)allowed;
	} else if (size < old && (i->seals & F_SEAL_SHRINK)) {
		return -EPERM;
	}
	inode_drop_privileges(i);
	a.modified = a.changed = time_now();
	mutex_lock(&i->lock);
	e = setattr_locked(i, &a);
	mutex_unlock(&i->lock);
	return e;
}

void notify_path_child(const struct path *p, uint32_t mask)
{
	struct dentry *d = p->dentry, *parent;
	char name[NAME_LEN_MAX + 1];

	if (d->anonymous)
		return;
	parent = dentry_parent(d);
	if (parent != d && parent->inode && !list_empty(&parent->inode->watches)) {
		size_t len;

		mutex_lock(&dentry_tree_lock);
		len = MIN(d->len, (uint32_t)NAME_LEN_MAX);
		memcpy(name, d->name, len);
		mutex_unlock(&dentry_tree_lock);
		name[len] = 0;
		notify_child(parent->inode, mask, name, 0);
	}
	dentry_put(parent);
}

void notify_path(const struct path *p, uint32_t mask)
{
	struct inode *i = p->dentry->inode;

	if (!notify_watches_exist())
		return;
	if (S_ISDIR(i->mode))
		mask |= IN_ISDIR;
	if (!list_empty(&i->watches))
		notify_inode(i, mask);
	notify_path_child(p, mask);
}
