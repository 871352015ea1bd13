/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices: what opening a character device node gives, by its number, and the nodes of /dev. The nodes live in an
 * ordinary tmpfs, so applications may add sockets and links to /dev as they do on Linux; a node anywhere else (mknod)
 * works as well. Block devices do not exist. The devices here have no state and so no locks.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/random.h>

#include "abi/platform.h"
#include "kernel/fs/file.h"
#include "kernel/fs/init.h"
#include "kernel/fs/pseudo.h"
#include "kernel/mm/memfd.h"
#include "kernel/mm/mm.h"
#include "kernel/signal/signal.h"
#include "kernel/task/task.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

#define DEVICE(major, minor) ((uint64_t)(major) << 8 | (minor))
#define CHUNK (1UL << 20) /* between looks at pending signals */
#define RANDOM_SMALL 256
#define ENTROPY_BITS 256

static int64_t zero_seek(struct file *f, int64_t offset, int whence)
{
	(void)offset;
	(void)whence;
	f->pos = 0;
	return 0;
}

static long null_read(struct file *f, struct uio *io, uint64_t *pos)
{
	(void)f;
	(void)io;
	(void)pos;
	return 0;
}

static long null_write(struct file *f, struct uio *io, uint64_t *pos)
{
	size_t size = io->left;

	(void)f;
	(void)pos;
	uio_skip(io, size);
	return (long)size;
}

static long zero_read(struct file *f, struct uio *io, uint64_t *pos)
{
	size_t done = 0, size, n;

	(void)f;
	(void)pos;
	while (io->left) {
		size = MIN(io->left, CHUNK);
		n = uio_put_zeros(io, size);
		done += n;
		if (n < size)
			return done ? (long)done : -EFAULT;
		if (io->left && signal_pending(current()))
			break;
	}
	return (long)done;
}

static long full_write(struct file *f, struct uio *io, uint64_t *pos)
{
	(void)f;
	(void)io;
	(void)pos;
	return -ENOSPC;
}

static int zero_mmap(struct file *f, struct vma *v)
{
	struct file *memory;

	if (!(v->flags & MAP_SHARED)) {
		v->kind = VMA_ANON;
		return 0;
	}
	/* As if the caller had asked for shared anonymous memory: the VMA holds its own object, not the device. */
	memory = shared_memory_new("/dev/zero (deleted)", v->offset + (v->end - v->start));
	if (!memory)
		return -ENOMEM;
	if (v->file == f)
		file_put(f);
	v->file = memory;
	vma_set_mapping(v, memory->inode->data);
	return 0;
}

static long random_read(struct file *f, struct uio *io, uint64_t *pos)
{
	unsigned char small[RANDOM_SMALL];
	size_t size, n, done = 0;
	void *buffer = small;
	size_t room = sizeof(small);

	(void)f;
	(void)pos;
	if (io->left > sizeof(small)) {
		buffer = task_iobuf();
		if (!buffer)
			return -ENOMEM;
		room = TASK_IOBUF_SIZE;
	}
	while (io->left) {
		size = MIN(io->left, room);
		plat_random(buffer, size);
		n = uio_put(io, buffer, size);
		done += n;
		if (n < size) {
			secure_zero(buffer, size);
			return done ? (long)done : -EFAULT;
		}
		if (io->left && signal_pending(current()))
			break;
	}
	secure_zero(buffer, MIN(done, room));
	return (long)done;
}

/* What is written would be mixed in by Linux; the platform's generator needs no help, but the call works. */
static long random_write(struct file *f, struct uio *io, uint64_t *pos)
{
	return null_write(f, io, pos);
}

static int64_t random_seek(struct file *f, int64_t offset, int whence)
{
	(void)offset;
	(void)whence;
	return (int64_t)f->pos;
}

static long random_ioctl(struct file *f, unsigned int request, unsigned long argument)
{
	int bits = ENTROPY_BITS;

	(void)f;
	if (request != RNDGETENTCNT)
		return -EINVAL;
	return put_user(bits, UPTR(argument)) ? -EFAULT : 0;
}

static int null_mmap(struct file *f, struct vma *v)
{
	(void)f;
	(void)v;
	return -ENODEV;
}

static const struct file_ops null_ops = {
	.read = null_read,
	.write = null_write,
	.seek = zero_seek,
	.mmap = null_mmap,
};
static const struct file_ops zero_ops = {
	.read = zero_read,
	.write = null_write,
	.seek = zero_seek,
	.mmap = zero_mmap,
};
static const struct file_ops full_ops = {
	.read = zero_read,
	.write = full_write,
	.seek = zero_seek,
	.mmap = zero_mmap,
};
static const struct file_ops random_ops = {
	.read = random_read,
	.write = random_write,
	.seek = random_seek,
	.ioctl = random_ioctl,
	.mmap = null_mmap,
};

int device_open(struct inode *inode, struct file *f)
{
	uint64_t rdev = inode->rdev;

	if (!S_ISCHR(inode->mode))
		return -ENXIO;
	switch (rdev) {
	case DEVICE(1, 3):
		f->ops = &null_ops;
		return 0;
	case DEVICE(1, 5):
		f->ops = &zero_ops;
		return 0;
	case DEVICE(1, 7):
		f->ops = &full_ops;
		return 0;
	case DEVICE(1, 8):
	case DEVICE(1, 9):
		f->ops = &random_ops;
		return 0;
	case DEVICE(5, 0):
		return tty_current_open(inode, f);
	case DEVICE(5, 1):
		return tty_console_open(inode, f);
	case DEVICE(5, 2):
		return ptmx_open(inode, f);
	default:
		break;
	}
	/* Unix98 slaves: majors 136 to 143. */
	if (rdev >> 8 >= 136 && rdev >> 8 <= 143)
		return pts_open(inode, f);
	return -ENXIO;
}

/* --- /dev ---------------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint32_t mode;
	uint64_t rdev;
	const char *target;
} nodes[] = {
	{ "null", S_IFCHR | 0666, DEVICE(1, 3), NULL },
	{ "zero", S_IFCHR | 0666, DEVICE(1, 5), NULL },
	{ "full", S_IFCHR | 0666, DEVICE(1, 7), NULL },
	{ "random", S_IFCHR | 0666, DEVICE(1, 8), NULL },
	{ "urandom", S_IFCHR | 0666, DEVICE(1, 9), NULL },
	{ "tty", S_IFCHR | 0666, DEVICE(5, 0), NULL },
	{ "console", S_IFCHR | 0620, DEVICE(5, 1), NULL },
	{ "pts", S_IFDIR | 0755, 0, NULL },
	{ "shm", S_IFDIR | 0777 | S_ISVTX, 0, NULL },
	{ "ptmx", S_IFCHR | 0666, DEVICE(5, 2), NULL },
	{ "fd", S_IFLNK, 0, "/proc/self/fd" },
	{ "stdin", S_IFLNK, 0, "/proc/self/fd/0" },
	{ "stdout", S_IFLNK, 0, "/proc/self/fd/1" },
	{ "stderr", S_IFLNK, 0, "/proc/self/fd/2" },
};

/* The booting task's umask must not decide over /dev. */
static int set_mode(const char *path, uint32_t mode)
{
	struct attributes a;
	struct path p;
	int r;

	r = path_lookup(AT_FDCWD, path, 0, &p);
	if (r)
		return r;
	memset(&a, 0, sizeof(a));
	a.valid = ATTR_MODE;
	a.mode = mode & 07777;
	r = vfs_setattr(&p, &a);
	path_put(&p);
	return r;
}

int devfs_populate(const char *at)
{
	char path[256];
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		if (fmt_snprintf(path, sizeof(path), "%s/%s", at, nodes[i].name) >=
		    (int)sizeof(path))
			return -ENAMETOOLONG;
		if (S_ISLNK(nodes[i].mode))
			r = vfs_symlink(nodes[i].target, AT_FDCWD, path);
		else if (S_ISDIR(nodes[i].mode))
			r = vfs_mkdir(AT_FDCWD, path, nodes[i].mode & 07777);
		else
			r = vfs_mknod(AT_FDCWD, path, nodes[i].mode, nodes[i].rdev, NULL);
		if (!r && !S_ISLNK(nodes[i].mode))
			r = set_mode(path, nodes[i].mode);
		if (r)
			return r;
	}
	return 0;
}
