/* SPDX-License-Identifier: Apache-2.0 */
/* System calls: stat and statx, access, statfs. Most common of all calls by name: nothing here allocates. */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/mount.h>

#include <asm/stat.h>
#include <asm/statfs.h>

#include "kernel/fs/file.h"
#include "kernel/fs/walk.h"
#include "kernel/mm/usercopy.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

#define AT_STATX_TYPE 0x6000   /* AT_STATX_SYNC_TYPE */
#define KEEP_CAPS_ON_SETUID 4u /* SECBIT_NO_SETUID_FIXUP */

/* An empty name with AT_EMPTY_PATH is how libc does fstat: it needs no walk. */
static bool is_empty(struct uptr name)
{
	char first;

	return !copy_in(&first, name, 1) && !first;
}

static int stat_fd(int fd, struct statx *ret)
{
	struct file *f = fd_get_path(fd);
	int e;

	if (!f)
		return -EBADF;
	e = vfs_stat(&f->path, ret);
	file_put(f);
	return e;
}

static int stat_name(int dirfd, struct uptr name, int flags, struct statx *ret)
{
	unsigned int lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct path p;
	int e;

	if (flags & AT_EMPTY_PATH) {
		if (dirfd != AT_FDCWD && is_empty(name))
			return stat_fd(dirfd, ret);
		lookup |= LOOKUP_EMPTY;
	}
	e = path_lookup_user(dirfd, name, lookup, &p);
	if (e)
		return e;
	e = vfs_stat(&p, ret);
	path_put(&p);
	return e;
}

static unsigned long device_number(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | (unsigned long)(major & 0xfff) << 8 |
	       (unsigned long)(minor & ~0xffu) << 12 | (unsigned long)(major & ~0xfffu) << 32;
}

static long stat_out(const struct statx *s, unsigned long to)
{
	struct stat st;

	memset(&st, 0, sizeof(st));
	st.st_dev = device_number(s->stx_dev_major, s->stx_dev_minor);
	st.st_ino = s->stx_ino;
	st.st_nlink = s->stx_nlink;
	st.st_mode = s->stx_mode;
	st.st_uid = s->stx_uid;
	st.st_gid = s->stx_gid;
	st.st_rdev = device_number(s->stx_rdev_major, s->stx_rdev_minor);
	st.st_size = (long)s->stx_size;
	st.st_blksize = s->stx_blksize;
	st.st_blocks = (long)s->stx_blocks;
	st.st_atime = (unsigned long)s->stx_atime.tv_sec;
	st.st_atime_nsec = s->stx_atime.tv_nsec;
	st.st_mtime = (unsigned long)s->stx_mtime.tv_sec;
	st.st_mtime_nsec = s->stx_mtime.tv_nsec;
	st.st_ctime = (unsigned long)s->stx_ctime.tv_sec;
	st.st_ctime_nsec = s->stx_ctime.tv_nsec;
	return copy_out(UPTR(to), &st, sizeof(st));
}

long sys_stat(unsigned long *a)
{
	struct statx s;
	int e = stat_name(AT_FDCWD, UPTR(a[0]), 0, &s);

	return e ? e : stat_out(&s, a[1]);
}

long sys_lstat(unsigned long *a)
{
	struct statx s;
	int e = stat_name(AT_FDCWD, UPTR(a[0]), AT_SYMLINK_NOFOLLOW, &s);

	return e ? e : stat_out(&s, a[1]);
}

long sys_fstat(unsigned long *a)
{
	struct statx s;
	int e = stat_fd((int)a[0], &s);

	return e ? e : stat_out(&s, a[1]);
}

long sys_newfstatat(unsigned long *a)
{
	int flags = (int)a[3], e;
	struct statx s;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_TYPE))
		return -EINVAL;
	e = stat_name((int)a[0], UPTR(a[1]), flags, &s);
	return e ? e : stat_out(&s, a[2]);
}

long sys_statx(unsigned long *a)
{
	int flags = (int)a[2], e;
	unsigned int mask = (unsigned int)a[3];
	struct statx s;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_TYPE))
		return -EINVAL;
	if ((mask & STATX__RESERVED) || (flags & AT_STATX_TYPE) == AT_STATX_TYPE)
		return -EINVAL;
	e = stat_name((int)a[0], UPTR(a[1]), flags, &s);
	return e ? e : copy_out(UPTR(a[4]), &s, sizeof(s));
}

/* --- access ------------------------------------------------------------------------------------------------------------- */

/* The credentials access(2) checks with (real ids), put in place of the task's: what was there, NULL if nothing changed. */
static int use_real_ids(struct cred **ret_old)
{
	struct task *t = current();
	struct cred *c = t->cred, *real;
	uint64_t caps = c->cap_effective;

	if (!(c->securebits & KEEP_CAPS_ON_SETUID))
		caps = c->uid ? 0 : c->cap_permitted;
	*ret_old = NULL;
	if (c->fsuid == c->uid && c->fsgid == c->gid && caps == c->cap_effective)
		return 0;
	real = cred_copy(c);
	if (!real)
		return -ENOMEM;
	real->fsuid = c->uid;
	real->fsgid = c->gid;
	real->cap_effective = caps;
	*ret_old = c;
	__atomic_store_n(&t->cred, real, __ATOMIC_RELEASE);
	return 0;
}

static void restore_ids(struct cred *old)
{
	struct task *t = current();
	struct cred *real = t->cred;

	if (!old)
		return;
	__atomic_store_n(&t->cred, old, __ATOMIC_RELEASE);
	cred_put(real);
}

static int path_access(const struct path *p, unsigned int mode)
{
	struct inode *i = p->dentry->inode;
	int e;

	if ((mode & MAY_EXEC) && S_ISREG(i->mode) && p->mount && (p->mount->flags & MS_NOEXEC))
		return -EACCES;
	e = mode ? inode_permission(i, mode) : 0;
	if (e || !(mode & MAY_WRITE))
		return e;
	if ((S_ISREG(i->mode) || S_ISDIR(i->mode) || S_ISLNK(i->mode)) && path_read_only(p))
		return -EROFS;
	return 0;
}

static long do_access(int dirfd, unsigned long name, unsigned int mode, int flags)
{
	unsigned int lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	struct cred *old = NULL;
	struct path p;
	int e = 0;

	if (mode & ~7u || flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	if (!(flags & AT_EACCESS))
		e = use_real_ids(&old);
	if (!e)
		e = path_lookup_user(dirfd, UPTR(name), lookup, &p);
	if (!e) {
		e = path_access(&p, mode);
		path_put(&p);
	}
	restore_ids(old);
	return e;
}

long sys_access(unsigned long *a)
{
	return do_access(AT_FDCWD, a[0], (unsigned int)a[1], 0);
}

long sys_faccessat(unsigned long *a)
{
	return do_access((int)a[0], a[1], (unsigned int)a[2], 0);
}

long sys_faccessat2(unsigned long *a)
{
	return do_access((int)a[0], a[1], (unsigned int)a[2], (int)a[3]);
}

/* --- statfs ------------------------------------------------------------------------------------------------------------- */

#define ST_VALID 0x20
#define ST_RELATIME 0x1000

static long mount_flags(const struct path *p)
{
	unsigned long flags = p->mount ? p->mount->flags : 0;
	long st = ST_VALID | (long)(flags & (MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SYNCHRONOUS));

	if (path_read_only(p))
		st |= MS_RDONLY;
	if (flags & MS_NOATIME)
		st |= 0x400;
	if (flags & MS_NODIRATIME)
		st |= 0x800;
	return flags & MS_RELATIME ? st | ST_RELATIME : st;
}

static long statfs_out(const struct path *p, unsigned long to)
{
	struct filesystem *fs = p->dentry->fs;
	struct statfs_info info;
	struct statfs st;
	int e = 0;

	memset(&info, 0, sizeof(info));
	info.type = fs->magic;
	info.block_size = PAGE_SIZE;
	info.name_max = NAME_LEN_MAX;
	if (fs->ops && fs->ops->statfs)
		e = fs->ops->statfs(fs, &info);
	if (e)
		return e;
	memset(&st, 0, sizeof(st));
	st.f_type = (long)info.type;
	st.f_bsize = (long)info.block_size;
	st.f_blocks = (long)info.blocks;
	st.f_bfree = (long)info.blocks_free;
	st.f_bavail = (long)info.blocks_available;
	st.f_files = (long)info.files;
	st.f_ffree = (long)info.files_free;
	st.f_fsid.val[0] = (int)fs->dev;
	st.f_fsid.val[1] = (int)(fs->dev >> 32);
	st.f_namelen = (long)info.name_max;
	st.f_frsize = (long)info.block_size;
	st.f_flags = mount_flags(p);
	return copy_out(UPTR(to), &st, sizeof(st));
}

long sys_statfs(unsigned long *a)
{
	struct path p;
	long r = path_lookup_user(AT_FDCWD, UPTR(a[0]), LOOKUP_FOLLOW, &p);

	if (r)
		return r;
	r = statfs_out(&p, a[1]);
	path_put(&p);
	return r;
}

long sys_fstatfs(unsigned long *a)
{
	struct file *f = fd_get_path((int)a[0]);
	long r;

	if (!f)
		return -EBADF;
	r = statfs_out(&f->path, a[1]);
	file_put(f);
	return r;
}
