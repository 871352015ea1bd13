/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostfs: open files and folders.
 *
 * Cached files read through the page cache (generic_read on inode->data, so the same operations serve an overlay inode
 * whose data is ours) and keep the node's handle in use only while the file is mapped. f->private_data is our inode,
 * which whoever opened holds. Direct files have handles of their own, with the access mode and O_APPEND they
 * were opened with; bytes go straight between the host and the application where the platform allows it.
 *
 * Folders: one handle per open, records of the host checked one by one; positions are the host's own cookies.
 * f->pos_lock, held by the caller, guards a folder's buffer. hostfs.lock guards node->files.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/mman.h>

#include "abi/platform.h"
#include "kernel/fs/hostfs_internal.h"
#include "kernel/fs/walk.h"
#include "kernel/host.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/task/task.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

#define DIR_BUFFER (32UL * 1024)
#define DIRECT_PIECE (4UL << 20) /* straight into user memory: bytes a hostcall */
#define MAPPED 1ULL /* f->private_value of a cached file: the node's handle is in use */

/* --- the page cache --------------------------------------------------------------------------------------------------- */

static long hostfs_read_past(struct mapping *m, void *to, size_t size, uint64_t pos)
{
	struct inode *i = m->owner;
	struct hostfs *h = hostfs_of(i);
	struct host_node *n = node_of(i);
	size_t done = 0;
	int handle;
	long r = 0;

	/* Uncached nodes keep no handle: a file of this moment will do. */
	if (h->cached)
		handle = hostfs_handle_get(h, n);
	else
		handle = hostfs_open_node(h, n, O_RDONLY);
	if (handle < 0)
		return handle;
	while (done < size) {
		r = host_pread(handle, (char *)to + done, size - done, pos + done);
		if (r <= 0)
			break;
		done += (size_t)r;
	}
	if (h->cached)
		hostfs_handle_put(h, n);
	else
		host_close(handle);
	return r < 0 ? r : (long)done;
}

static int hostfs_fill(struct mapping *m, uint64_t index, size_t count, void *to)
{
	size_t size = count * PAGE_SIZE;
	long got = hostfs_read_past(m, to, size, index * PAGE_SIZE);

	if (got < 0)
		return (int)got;
	memset((char *)to + got, 0, size - (size_t)got);
	return 0;
}

static int hostfs_identify(struct mapping *m, struct mapping_identity *ret)
{
	struct inode *i = m->owner;
	struct hostfs *h = hostfs_of(i);
	struct host_node *n = node_of(i);
	struct statx st;
	int r, handle;

	if (!h->cached)
		return -EOPNOTSUPP;
	handle = hostfs_handle_get(h, n);
	if (handle < 0)
		return handle;
	r = host_statx(handle, "", HOST_EMPTY_PATH, HOST_STAT_MASK, &st);
	hostfs_handle_put(h, n);
	if (r)
		return r;
	ret->device = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
	ret->inode = st.stx_ino;
	ret->size = st.stx_size;
	ret->modified_s = st.stx_mtime.tv_sec;
	ret->modified_ns = st.stx_mtime.tv_nsec;
	ret->changed_s = st.stx_ctime.tv_sec;
	ret->changed_ns = st.stx_ctime.tv_nsec;
	return 0;
}

const struct mapping_ops hostfs_mapping_ops = { .fill = hostfs_fill,
						.read_past = hostfs_read_past,
						.identify = hostfs_identify };

/* --- cached files ------------------------------------------------------------------------------------------------------- */

static int cached_mmap(struct file *f, struct vma *v)
{
	struct inode *i = f->private_data;
	struct hostfs *h = hostfs_of(i);
	int handle;

	/* An overlay may have copied the file up since it was opened: then the new data is what reads see, too. */
	if (f->inode->data != &i->mapping || !(plat_info()->capabilities & PLAT_MAP_HOST))
		return generic_mmap(f, v);
	if (!(__atomic_fetch_or(&f->private_value, MAPPED, __ATOMIC_SEQ_CST) & MAPPED)) {
		handle = hostfs_handle_get(h, node_of(i));
		if (handle < 0) {
			__atomic_store_n(&f->private_value, 0, __ATOMIC_SEQ_CST);
			return handle;
		}
	}
	/* In use since the first mapping of this file, whoever made that: it does not change any more. */
	handle = __atomic_load_n(&node_of(i)->handle, __ATOMIC_SEQ_CST);
	if (handle < 0)
		return generic_mmap(f, v);
	vma_set_host(v, handle);
	file_accessed(f);
	return 0;
}

static void cached_release(struct file *f)
{
	struct inode *i = f->private_data;

	if (i && (f->private_value & MAPPED))
		hostfs_handle_put(hostfs_of(i), node_of(i));
}

static int nothing_to_sync(struct file *f, bool data_only)
{
	(void)f;
	(void)data_only;
	return 0;
}

const struct file_ops hostfs_cached_ops = {
	.read = generic_read,
	.seek = generic_seek,
	.mmap = cached_mmap,
	.fsync = nothing_to_sync,
	.release = cached_release,
};

static int cached_open(struct inode *i, struct file *f)
{
	struct hostfs *h = hostfs_of(i);
	struct host_node *n = node_of(i);
	int handle;

	if (file_writable(f))
		return -EROFS;
	/* Whether the host lets us read it shows now, not at the first read. */
	if (__atomic_load_n(&n->handle, __ATOMIC_RELAXED) < 0 && i->mapping.size) {
		handle = hostfs_handle_get(h, n);
		if (handle < 0)
			return handle;
		hostfs_handle_put(h, n);
	}
	f->ops = &hostfs_cached_ops;
	f->private_data = i;
	return 0;
}

/* --- direct files --------------------------------------------------------------------------------------------------------- */

static int direct_open(struct inode *i, struct file *f)
{
	struct hostfs *h = hostfs_of(i);
	struct host_node *n = node_of(i);
	struct host_file *hf;
	bool append = f->flags & O_APPEND;
	int handle;

	if (file_writable(f) && i->fs->read_only)
		return -EROFS;
	hf = kzalloc(sizeof(*hf));
	if (!hf)
		return -ENOMEM;
	handle =
		hostfs_open_node(h, n, (int)(f->flags & (O_ACCMODE | O_APPEND | O_SYNC | O_DSYNC)));
	if (handle < 0) {
		kfree(hf);
		return handle;
	}
	ref_init(&hf->refs);
	hf->node = n;
	hf->handle[append] = handle;
	hf->handle[!append] = -1;
	hf->writable = file_writable(f);
	mutex_lock(&h->lock);
	list_add(&n->files, &hf->link);
	mutex_unlock(&h->lock);
	f->ops = &hostfs_direct_ops;
	f->private_data = hf;
	f->private_value = (uintptr_t)i;
	return 0;
}

/* The file's own inode: f->inode may be an overlay's. */
static struct inode *direct_inode(const struct file *f)
{
	return (struct inode *)(uintptr_t)f->private_value;
}

static int any_handle(const struct host_file *hf)
{
	return hf->handle[0] >= 0 ? hf->handle[0] : hf->handle[1];
}

static void direct_release(struct file *f)
{
	if (f->private_data)
		hostfs_file_put(hostfs_of(direct_inode(f)), f->private_data);
}

/*
 * Moves one piece between the host and the uio; *ret_asked bytes were asked for. *bounce: user memory faulted (or the
 * host cannot see it), the piece went by kernel memory, and a short write has taken more from the uio than it wrote.
 */
static long direct_piece(int handle, struct uio *io, uint64_t pos, bool write, bool append,
			 bool *bounce, size_t *ret_asked)
{
	struct uptr at;
	size_t size = 0;
	void *buffer;
	long r;

	if (!*bounce && (plat_info()->capabilities & PLAT_HOST_SEES_USER))
		size = uio_peek(io, &at);
	if (size) {
		size = MIN(size, io->left);
		size = MIN(size, DIRECT_PIECE);
		*ret_asked = size;
		if (append)
			r = host_file_write(handle, (void *)at.v, size);
		else
			r = write ? host_pwrite(handle, (void *)at.v, size, pos)
				  : host_pread(handle, (void *)at.v, size, pos);
		if (r > 0)
			uio_skip(io, (size_t)r);
		if (r != -EFAULT)
			return r;
		/* Pages that the kernel has yet to map, or a bad address: copying tells. */
	}
	*bounce = true;
	buffer = task_iobuf();
	if (!buffer)
		return -ENOMEM;
	size = MIN(io->left, TASK_IOBUF_SIZE);
	*ret_asked = size;
	if (!write) {
		r = host_pread(handle, buffer, size, pos);
		if (r > 0 && uio_put(io, buffer, (size_t)r) != (size_t)r)
			return -EFAULT;
		return r;
	}
	size = uio_get(io, buffer, size);
	if (!size)
		return -EFAULT;
	return append ? host_file_write(handle, buffer, size)
		      : host_pwrite(handle, buffer, size, pos);
}

static long direct_read(struct file *f, struct uio *io, uint64_t *pos)
{
	struct host_file *hf = f->private_data;
	struct inode *i = direct_inode(f);
	bool bounce = false;
	size_t done = 0, asked;
	long r = 0;

	if (*pos > INT64_MAX)
		return -EINVAL;
	while (io->left) {
		r = direct_piece(any_handle(hf), io, *pos, false, false, &bounce, &asked);
		if (r <= 0)
			break;
		done += (size_t)r;
		*pos += (size_t)r;
		/* A short one in user memory may also mean a page to be faulted in: then ask again. */
		if ((size_t)r < asked &&
		    (bounce || *pos >= __atomic_load_n(&i->mapping.size, __ATOMIC_RELAXED)))
			break;
	}
	return done ? (long)done : r;
}

static void grew(struct inode *i, uint64_t end)
{
	uint64_t size = __atomic_load_n(&i->mapping.size, __ATOMIC_RELAXED);

	while (end > size && !__atomic_compare_exchange_n(&i->mapping.size, &size, end, true,
							  __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	i->modified = i->changed = time_now();
	if (i->mapping.pages)
		mapping_drop_clean(&i->mapping);
}

static int64_t host_size(int handle)
{
	struct statx st;
	int r = host_statx(handle, "", HOST_EMPTY_PATH, HOST_STAT_MASK, &st);

	return r ? r : (int64_t)st.stx_size;
}

static long direct_write(struct file *f, struct uio *io, uint64_t *pos)
{
	struct host_file *hf = f->private_data;
	struct inode *i = direct_inode(f);
	bool bounce = false, append = f->flags & O_APPEND;
	int handle = hf->handle[append];
	size_t done = 0, left = io->left, asked;
	int64_t at;
	long r;

	if (!left)
		return 0;
	/* set_flags could not open the other handle: rather no write than one at the wrong place. */
	if (handle < 0)
		return -EIO;
	at = append ? host_size(handle) : (int64_t)*pos;
	if (at < 0)
		return append ? at : -EINVAL;
	r = file_size_allowed(i, (uint64_t)at, left);
	if (r < 0)
		return r;
	inode_drop_privileges(i);
	io->left = (size_t)r;
	left -= (size_t)r;
	while (io->left) {
		r = direct_piece(handle, io, *pos, true, append, &bounce, &asked);
		if (r <= 0)
			break;
		done += (size_t)r;
		*pos += (size_t)r;
		if (bounce && (size_t)r < asked)
			break;
	}
	io->left += left;
	if (!done)
		return r;
	if (append) {
		at = host_seek(handle, 0, SEEK_CUR);
		if (at >= 0)
			*pos = (uint64_t)at;
	}
	grew(i, *pos);
	return (long)done;
}

static int64_t direct_seek(struct file *f, int64_t offset, int whence)
{
	struct host_file *hf = f->private_data;
	int64_t at;

	switch (whence) {
	case SEEK_END:
		at = host_size(any_handle(hf));
		if (at < 0)
			return at;
		__atomic_store_n(&direct_inode(f)->mapping.size, (uint64_t)at, __ATOMIC_RELAXED);
		return generic_seek(f, offset, whence);
	case SEEK_DATA:
	case SEEK_HOLE:
		at = host_seek(any_handle(hf), offset, whence);
		if (at >= 0)
			f->pos = (uint64_t)at;
		return at;
	default:
		return generic_seek(f, offset, whence);
	}
}

static int direct_mmap(struct file *f, struct vma *v)
{
	struct host_file *hf = f->private_data;

	if (plat_info()->capabilities & PLAT_MAP_HOST) {
		vma_set_host(v, any_handle(hf));
		return 0;
	}
	/* MAP_SHARED of what somebody here or on the host may change: we could not keep it the same. */
	if (!(v->flags & MAP_PRIVATE) && file_writable(f))
		return -ENODEV;
	return generic_mmap(f, v);
}

static int direct_fsync(struct file *f, bool data_only)
{
	struct host_file *hf = f->private_data;

	return host_fsync(any_handle(hf), data_only);
}

static int direct_fallocate(struct file *f, int mode, uint64_t offset, uint64_t size)
{
	struct host_file *hf = f->private_data;
	int64_t now;
	int r = host_fallocate(any_handle(hf), mode, offset, size);

	if (!r) {
		now = host_size(any_handle(hf));
		if (now >= 0)
			grew(direct_inode(f), (uint64_t)now);
	}
	return r;
}

/* O_APPEND came or went: the handle of the other kind is opened once, by the host's own name of the first. */
static int direct_set_flags(struct file *f, unsigned int flags)
{
	struct host_file *hf = f->private_data;
	struct hostfs *h = hostfs_of(direct_inode(f));
	bool append = flags & O_APPEND;
	char path[40];
	int handle;

	if (!hf->writable || hf->handle[append] >= 0)
		return 0;
	fmt_snprintf(path, sizeof(path), "/proc/self/fd/%d", any_handle(hf));
	handle = host_open(AT_FDCWD, path,
			   (int)(f->flags & (O_ACCMODE | O_SYNC | O_DSYNC)) |
				   (append ? O_APPEND : 0) | O_NONBLOCK,
			   0);
	if (handle < 0)
		return handle;
	mutex_lock(&h->lock);
	if (hf->handle[append] < 0) {
		hf->handle[append] = handle;
		handle = -1;
	}
	mutex_unlock(&h->lock);
	host_close(handle);
	return 0;
}

const struct file_ops hostfs_direct_ops = {
	.read = direct_read,
	.write = direct_write,
	.seek = direct_seek,
	.mmap = direct_mmap,
	.fsync = direct_fsync,
	.fallocate = direct_fallocate,
	.set_flags = direct_set_flags,
	.release = direct_release,
};

/* --- folders -------------------------------------------------------------------------------------------------------------- */

struct host_dir {
	struct inode *inode;
	int handle;
	uint64_t at;	  /* position of the record at `next` */
	size_t next, end; /* unread part of buffer */
	char buffer[DIR_BUFFER] __attribute__((aligned(8)));
};

/* Linux's struct linux_dirent64. */
struct host_dirent {
	uint64_t ino;
	int64_t next;
	uint16_t size;
	uint8_t type;
	char name[];
};

/* The next record's name length if it lies in the buffer and names something; 0: it is no good. */
static size_t check_dirent(const struct host_dir *d, const struct host_dirent *e)
{
	size_t room = d->end - d->next, max, len;

	if (room < offsetof(struct host_dirent, name) + 2 || e->size > room || (e->size & 7) ||
	    e->size < offsetof(struct host_dirent, name) + 2)
		return 0;
	max = e->size - offsetof(struct host_dirent, name);
	len = strnlen(e->name, max);
	if (!len || len == max || len > NAME_MAX || memchr(e->name, '/', len))
		return 0;
	return len;
}

static int dir_read(struct file *f, struct dir_context *c)
{
	struct host_dir *d = f->private_data;
	struct hostfs *h = hostfs_of(d->inode);
	const struct host_dirent *e;
	size_t len;
	int64_t at;
	long r;

	if (c->pos != d->at) {
		at = host_seek(d->handle, (int64_t)c->pos, SEEK_SET);
		if (at < 0)
			return (int)at;
		d->next = d->end = 0;
		d->at = c->pos;
	}
	for (;;) {
		if (d->next == d->end) {
			r = host_getdents(d->handle, d->buffer, DIR_BUFFER);
			if (r <= 0)
				return (int)r;
			d->next = 0;
			d->end = (size_t)r;
		}
		e = (const struct host_dirent *)(d->buffer + d->next);
		len = check_dirent(d, e);
		if (!len) {
			d->next = d->end = 0;
			d->at = UINT64_MAX;
			return -EIO;
		}
		if (!c->emit(c, e->name, len, hostfs_number(h, h->root_dev, e->ino), e->type,
			     (uint64_t)e->next))
			return 0;
		d->next += e->size;
		d->at = c->pos = (uint64_t)e->next;
	}
}

static void dir_release(struct file *f)
{
	struct host_dir *d = f->private_data;

	if (!d)
		return;
	host_close(d->handle);
	kfree(d);
}

static int dir_fsync(struct file *f, bool data_only)
{
	struct host_dir *d = f->private_data;

	return d->inode->fs->read_only ? 0 : host_fsync(d->handle, data_only);
}

const struct file_ops hostfs_dir_ops = {
	.seek = generic_seek,
	.readdir = dir_read,
	.fsync = dir_fsync,
	.release = dir_release,
};

static int dir_open(struct inode *i, struct file *f)
{
	struct hostfs *h = hostfs_of(i);
	struct host_dir *d = kmalloc(sizeof(*d));
	int base;

	if (!d)
		return -ENOMEM;
	base = hostfs_handle_get(h, node_of(i));
	d->handle = base < 0 ? base : host_open(base, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (base >= 0)
		hostfs_handle_put(h, node_of(i));
	if (d->handle < 0) {
		base = d->handle;
		kfree(d);
		return base;
	}
	d->inode = i;
	d->at = 0;
	d->next = d->end = 0;
	f->ops = &hostfs_dir_ops;
	f->private_data = d;
	return 0;
}

int hostfs_open(struct inode *i, struct file *f)
{
	switch (i->mode & S_IFMT) {
	case S_IFREG:
		return hostfs_of(i)->cached ? cached_open(i, f) : direct_open(i, f);
	case S_IFDIR:
		return dir_open(i, f);
	default:
		/* Devices, sockets and pipes of the host are seen, not used. */
		return -ENXIO;
	}
}
