/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls: getdents, getdents64. Records are made in a kernel buffer (the file system lists under its locks,
 * where user memory is out of reach) and copied out at the end; only then does the position move.
 */
#include <linux/errno.h>
#include <linux/stat.h>

#include "kernel/fs/file.h"
#include "kernel/fs/walk.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/usercopy.h"
#include "kernel/sys/syscall.h"
#include "lib/base/string.h"

#define BUFFER_MAX 32768UL

/* The head of both kinds; the old one has the type in its last byte instead of before the name. */
struct record {
	uint64_t ino;
	int64_t off;
	uint16_t len;
} __attribute__((packed));

#define NAME_OLD sizeof(struct record)
#define NAME_64 (sizeof(struct record) + 1)

struct listing {
	struct dir_context context;
	char *buffer;
	size_t used, size;
	bool old, too_small;
};

static bool emit(struct dir_context *c, const char *name, size_t len, uint64_t ino,
		 unsigned int type, uint64_t next_pos)
{
	struct listing *l = container_of(c, struct listing, context);
	size_t size = ((l->old ? NAME_OLD + len + 2 : NAME_64 + len + 1) + 7) & ~7UL;
	char *at = l->buffer + l->used;
	struct record r = { .ino = ino, .off = (int64_t)next_pos, .len = (uint16_t)size };

	if (len > NAME_LEN_MAX || size > l->size - l->used) {
		l->too_small = true;
		return false;
	}
	memset(at, 0, size);
	memcpy(at, &r, sizeof(r));
	memcpy(at + (l->old ? NAME_OLD : NAME_64), name, len);
	at[l->old ? size - 1 : NAME_OLD] = (char)type;
	l->used += size;
	return true;
}

static long list(struct file *f, struct listing *l, unsigned long to)
{
	int e;

	if (f->path.dentry->dead)
		return -ENOENT;
	l->context.pos = f->pos;
	e = f->ops->readdir(f, &l->context);
	if (!l->used)
		return e ? e : l->too_small ? -EINVAL : 0;
	if (copy_out(UPTR(to), l->buffer, l->used))
		return -EFAULT;
	f->pos = l->context.pos;
	return (long)l->used;
}

static long do_getdents(unsigned long *a, bool old)
{
	struct listing l = { .context = { .emit = emit },
			     .size = MIN((size_t)(unsigned int)a[2], BUFFER_MAX),
			     .old = old };
	struct file *f = fd_get((int)a[0]);
	long r;

	if (!f)
		return -EBADF;
	if (!f->ops->readdir) {
		r = -ENOTDIR;
		goto out;
	}
	l.buffer = kmalloc(MAX(l.size, (size_t)1));
	if (!l.buffer) {
		r = -ENOMEM;
		goto out;
	}
	mutex_lock(&f->pos_lock);
	r = list(f, &l, a[1]);
	mutex_unlock(&f->pos_lock);
	kfree(l.buffer);
out:
	file_put(f);
	return r;
}

long sys_getdents64(unsigned long *a)
{
	return do_getdents(a, false);
}

long sys_getdents(unsigned long *a)
{
	return do_getdents(a, true);
}
