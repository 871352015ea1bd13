/* SPDX-License-Identifier: Apache-2.0 */
/* System calls: mount, umount2. Propagation (shared, private...) is accepted and means nothing: there is one namespace. */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/mount.h>

#include "kernel/fs/walk.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/cred.h"

#define TYPE_MAX 32
#define TEXT_MAX 4096UL
#define DETACH 2   /* MNT_DETACH */
#define FORCE 1	   /* MNT_FORCE: as without; nothing here waits for servers */
#define NOFOLLOW 8 /* UMOUNT_NOFOLLOW */
#define PROPAGATION (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

/* A string of the application that may be absent. */
static int copy_text(unsigned long from, char **ret)
{
	char *text;
	long len;

	*ret = NULL;
	if (!from)
		return 0;
	text = kmalloc(TEXT_MAX);
	if (!text)
		return -ENOMEM;
	len = copy_in_string(text, UPTR(from), TEXT_MAX);
	if (len < 0) {
		kfree(text);
		return len == -ENAMETOOLONG ? -EINVAL : (int)len;
	}
	*ret = text;
	return 0;
}

static int bind_or_move(const char *source, const struct path *at, unsigned long flags)
{
	struct path from;
	int e;

	if (!source || !*source)
		return -EINVAL;
	e = path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &from);
	if (e)
		return e;
	e = flags & MS_MOVE ? mount_move(&from, at) : mount_bind(&from, at, flags);
	path_put(&from);
	return e;
}

static int do_mount(const char *source, const struct path *at, const char *type,
		    unsigned long flags, const char *options)
{
	if (flags & MS_REMOUNT)
		return mount_remount(at, flags);
	if (flags & (MS_BIND | MS_MOVE))
		return bind_or_move(source, at, flags);
	if (flags & PROPAGATION)
		return at->mount && at->dentry == at->mount->root ? 0 : -EINVAL;
	if (!type)
		return -EINVAL;
	return vfs_mount(type, source, options, flags, at);
}

long sys_mount(unsigned long *a)
{
	char *source = NULL, *options = NULL, type[TYPE_MAX];
	unsigned long flags = a[3];
	struct path at;
	long r;

	if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
		flags &= ~MS_MGC_MSK;
	type[0] = 0;
	if (a[2]) {
		r = copy_in_string(type, UPTR(a[2]), sizeof(type));
		if (r < 0)
			return r == -ENAMETOOLONG ? -ENODEV : r;
	}
	r = copy_text(a[0], &source);
	if (!r && !(flags & (MS_BIND | MS_MOVE | PROPAGATION)))
		r = copy_text(a[4], &options);
	if (r)
		goto out;
	r = path_lookup_user(AT_FDCWD, UPTR(a[1]), LOOKUP_FOLLOW, &at);
	if (r)
		goto out;
	r = capable(CAP_SYS_ADMIN) ? do_mount(source, &at, a[2] ? type : NULL, flags, options)
				   : -EPERM;
	path_put(&at);
out:
	kfree(source);
	kfree(options);
	return r;
}

long sys_umount2(unsigned long *a)
{
	int flags = (int)a[1];
	struct path at;
	long r;

	if (flags & ~(DETACH | FORCE | NOFOLLOW))
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	r = path_lookup_user(AT_FDCWD, UPTR(a[0]), flags & NOFOLLOW ? 0 : LOOKUP_FOLLOW, &at);
	if (r)
		return r;
	r = mount_remove(&at, flags & DETACH);
	path_put(&at);
	return r;
}
