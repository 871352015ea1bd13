/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostfs: folders (or single files) of the host, as the launcher handed them in. Two modes:
 *   cached   read-only; names and attributes are believed once read, contents come through the page cache
 *   direct   each lookup and stat asks the host, reads and writes go through
 *
 * A node says where a file is: parent node and name. Paths are built from nodes and opened below the nearest ancestor
 * with a handle (openat2, beneath, no links), so no host descriptor is kept per inode; idle handles of folders and
 * cached files form an LRU of at most IDLE_MAX.
 *  1. (dev, ino) of the host names an inode: hard links share it; what is opened is compared with it, else -ESTALE.
 *  2. a node holds its parent node, never an inode, so freeing is a loop and needs no stack.
 *  3. nothing the host says is used unchecked: names, sizes and types come through kernel/host.c and the checks here.
 *
 * Lock: hostfs.lock guards the tree of nodes, hash, LRU, node->files and users. Evicting an inode takes it, and memory
 * shortage evicts inodes, so nothing is allocated and no hostcall made while it is held. Order: inode.lock -> hostfs.lock.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/openat2.h>

#include "kernel/fs/hostfs_internal.h"
#include "kernel/host.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/fmt.h"
#include "lib/base/hash.h"
#include "lib/base/string.h"

#define IDLE_MAX 512
#define TIME_OMIT 0x3ffffffe
#define FOREIGN_NUMBER (1ULL << 62) /* inode numbers of other host file systems below the mount */

static const struct inode_ops dir_ops, cached_dir_ops, file_ops, cached_file_ops;

/* --- nodes and their handles ----------------------------------------------------------------------------------------- */

static void node_put(struct hostfs *h, struct host_node *n)
{
	struct host_node *parent;
	int handle;

	while (n && ref_put(&n->refs)) {
		mutex_lock(&h->lock);
		parent = n->parent;
		handle = n->handle;
		if (handle >= 0 && !list_empty(&n->lru)) {
			list_remove(&n->lru);
			h->idle--;
		}
		mutex_unlock(&h->lock);
		if (handle != h->root_handle)
			host_close(handle);
		kfree(n->name);
		kfree(n->target);
		kfree(n);
		n = parent;
	}
}

struct host_node *hostfs_node_new(struct host_node *parent, const char *name, size_t len,
				  const struct statx *st)
{
	struct host_node *n = kzalloc(sizeof(*n));

	if (!n)
		return NULL;
	n->name = kmalloc(len + 1);
	if (!n->name) {
		kfree(n);
		return NULL;
	}
	memcpy(n->name, name, len);
	n->name[len] = 0;
	ref_init(&n->refs);
	n->handle = -1;
	n->dev = (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor;
	n->ino = st->stx_ino;
	n->is_dir = S_ISDIR(st->stx_mode);
	list_init(&n->hash_link);
	list_init(&n->lru);
	list_init(&n->files);
	if (parent) {
		ref_get(&parent->refs);
		n->parent = parent;
	}
	return n;
}

/* Writes the path of n below its nearest ancestor with a handle; that one in *ret_base. h->lock held. */
static int node_path(struct host_node *n, char *buffer, size_t size, struct host_node **ret_base,
		     char **ret_path)
{
	size_t at = size - 1, len;

	buffer[at] = 0;
	do {
		len = strlen(n->name);
		if (at < len + 1)
			return -ENAMETOOLONG;
		if (at != size - 1)
			buffer[--at] = '/';
		at -= len;
		memcpy(buffer + at, n->name, len);
		n = n->parent;
	} while (n->handle < 0 && n->parent);
	*ret_base = n;
	*ret_path = buffer + at;
	return 0;
}

/* h->lock held. */
static void handle_use(struct hostfs *h, struct host_node *n)
{
	if (n->users++ == 0 && !list_empty(&n->lru)) {
		list_remove(&n->lru);
		h->idle--;
	}
}

void hostfs_handle_put(struct hostfs *h, struct host_node *n)
{
	struct host_node *old;
	int close = -1;

	mutex_lock(&h->lock);
	if (--n->users == 0 && n->parent) {
		list_add_tail(&h->lru, &n->lru);
		if (++h->idle > IDLE_MAX) {
			old = list_first(&h->lru, struct host_node, lru);
			list_remove(&old->lru);
			h->idle--;
			close = old->handle;
			old->handle = -1;
		}
	}
	mutex_unlock(&h->lock);
	host_close(close);
}

static bool is_node(const struct host_node *n, const struct statx *st)
{
	return n->ino == st->stx_ino &&
	       n->dev == ((uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor);
}

/* Another handle on what a handle is: through the host's own names of them. */
static int reopen_handle(int handle, int flags)
{
	char path[40];

	fmt_snprintf(path, sizeof(path), "/proc/self/fd/%d", handle);
	return host_open(AT_FDCWD, path, flags, 0);
}

int hostfs_open_node(struct hostfs *h, struct host_node *n, int flags)
{
	char small[NAME_MAX + 2], *buffer = small, *path;
	struct host_node *base;
	struct statx st;
	size_t size = sizeof(small);
	int handle, r;

	if (!n->parent) {
		handle = reopen_handle(h->root_handle, flags & ~O_NOFOLLOW);
		return handle;
	}
	for (;;) {
		mutex_lock(&h->lock);
		r = node_path(n, buffer, size, &base, &path);
		if (!r)
			handle_use(h, base);
		mutex_unlock(&h->lock);
		if (r != -ENAMETOOLONG || buffer != small)
			break;
		size = PATH_MAX;
		buffer = kmalloc(size);
		if (!buffer)
			return -ENOMEM;
	}
	handle = r;
	if (!r) {
		/* Never blocks on a fifo, never follows, never becomes anybody's terminal. */
		handle = host_open_beneath(base->handle, path,
					   flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0,
					   RESOLVE_NO_SYMLINKS);
		hostfs_handle_put(h, base);
	}
	if (buffer != small)
		kfree(buffer);
	if (handle < 0)
		return handle;
	r = host_statx(handle, "", HOST_EMPTY_PATH, HOST_STAT_MASK, &st);
	if (!r && !is_node(n, &st))
		r = -ESTALE;
	if (r) {
		host_close(handle);
		return r;
	}
	return handle;
}

int hostfs_handle_get(struct hostfs *h, struct host_node *n)
{
	int handle, mine = -1;

	mutex_lock(&h->lock);
	if (n->handle < 0) {
		mutex_unlock(&h->lock);
		mine = hostfs_open_node(h, n, n->is_dir ? O_PATH | O_DIRECTORY : O_RDONLY);
		if (mine < 0)
			return mine;
		mutex_lock(&h->lock);
		if (n->handle < 0) {
			n->handle = mine;
			mine = -1;
		}
	}
	handle_use(h, n);
	handle = n->handle;
	mutex_unlock(&h->lock);
	host_close(mine);
	return handle;
}

void hostfs_file_put(struct hostfs *h, struct host_file *hf)
{
	bool last;

	mutex_lock(&h->lock);
	last = ref_put(&hf->refs);
	if (last)
		list_remove(&hf->link);
	mutex_unlock(&h->lock);
	if (!last)
		return;
	host_close(hf->handle[0]);
	host_close(hf->handle[1]);
	kfree(hf);
}

/* An open file of the node, which works even when the name is gone; or NULL. */
static struct host_file *find_open(struct hostfs *h, struct host_node *n, bool writable)
{
	struct host_file *hf, *found = NULL;

	if (list_empty(&n->files))
		return NULL;
	mutex_lock(&h->lock);
	list_for_each(hf, &n->files, link) {
		if (!writable || hf->writable) {
			ref_get(&hf->refs);
			found = hf;
			break;
		}
	}
	mutex_unlock(&h->lock);
	return found;
}

static int file_handle(const struct host_file *hf)
{
	return hf->handle[0] >= 0 ? hf->handle[0] : hf->handle[1];
}

/* A handle good for attributes (or, writable, for truncation). */
int hostfs_hold(struct inode *i, bool writable, struct held *ret)
{
	struct hostfs *h = hostfs_of(i);
	struct host_node *n = node_of(i);

	memset(ret, 0, sizeof(*ret));
	ret->handle = -1;
	if (n->is_dir) {
		ret->handle = hostfs_handle_get(h, n);
		if (ret->handle >= 0)
			ret->node = n;
	} else {
		ret->file = find_open(h, n, writable);
		if (ret->file) {
			ret->handle = file_handle(ret->file);
		} else {
			ret->handle = hostfs_open_node(h, n, writable ? O_WRONLY : O_PATH);
			ret->close = true;
		}
	}
	return ret->handle < 0 ? ret->handle : 0;
}

void hostfs_unhold(struct inode *i, struct held *held)
{
	if (held->node)
		hostfs_handle_put(hostfs_of(i), held->node);
	else if (held->file)
		hostfs_file_put(hostfs_of(i), held->file);
	else if (held->close)
		host_close(held->handle);
}

/* --- attributes ---------------------------------------------------------------------------------------------------------- */

uint64_t hostfs_number(const struct hostfs *h, uint64_t dev, uint64_t ino)
{
	return dev == h->root_dev ? ino : (hash_u64(dev ^ hash_u64(ino)) >> 2) | FOREIGN_NUMBER;
}

static struct timestamp from_host(const struct statx_timestamp *t)
{
	return (struct timestamp){ t->tv_sec, t->tv_nsec };
}

void hostfs_fill_inode(struct inode *i, const struct statx *st)
{
	struct timestamp modified = from_host(&st->stx_mtime);
	bool changed = modified.seconds != i->modified.seconds ||
		       modified.nanoseconds != i->modified.nanoseconds ||
		       st->stx_size != i->mapping.size;

	/* The type was fixed when the inode was made: another type is another file. */
	i->mode = (i->mode & S_IFMT) | (st->stx_mode & 07777u);
	i->uid = st->stx_uid;
	i->gid = st->stx_gid;
	i->links = st->stx_nlink;
	i->blocks = st->stx_blocks;
	i->rdev = ((uint64_t)st->stx_rdev_major & 0xfff) << 8 | (st->stx_rdev_minor & 0xff) |
		  ((uint64_t)st->stx_rdev_minor & ~0xffULL) << 12;
	i->accessed = from_host(&st->stx_atime);
	i->modified = modified;
	i->changed = from_host(&st->stx_ctime);
	if (st->stx_mask & STATX_BTIME)
		i->born = from_host(&st->stx_btime);
	__atomic_store_n(&i->mapping.size, st->stx_size, __ATOMIC_RELAXED);
	if (changed && i->mapping.pages)
		mapping_drop_clean(&i->mapping);
}

/* Asks the host again, by an open file if there is one, else by name. */
int hostfs_refresh(struct inode *i)
{
	struct hostfs *h = hostfs_of(i);
	struct host_node *n = node_of(i);
	struct held held;
	struct statx st;
	int r;

	r = hostfs_hold(i, false, &held);
	if (r)
		return r;
	r = host_statx(held.handle, "", HOST_EMPTY_PATH, HOST_STAT_MASK, &st);
	if (!r && n->parent && !is_node(n, &st))
		r = -ESTALE;
	if (!r && (st.stx_mode & S_IFMT) != (i->mode & S_IFMT))
		r = -ESTALE;
	if (!r)
		hostfs_fill_inode(i, &st);
	hostfs_unhold(i, &held);
	(void)h;
	return r;
}

/*
 * By parent and name: one hostcall. Falls back to the slow way for what is open (its name may be gone) and for what is
 * no longer where it was.
 */
static int direct_getattr(struct inode *i, struct statx *ret)
{
	struct hostfs *h = hostfs_of(i);
	struct host_node *n = node_of(i), *parent = NULL;
	char name[NAME_MAX + 1];
	struct statx *st = ret;
	int handle, r;

	mutex_lock(&h->lock);
	if (n->parent && list_empty(&n->files)) {
		parent = n->parent;
		ref_get(&parent->refs);
		str_copy(name, n->name, sizeof(name));
	}
	mutex_unlock(&h->lock);
	if (!parent) {
		r = hostfs_refresh(i);
	} else {
		handle = hostfs_handle_get(h, parent);
		r = handle < 0 ? handle : 0;
		if (!r) {
			r = host_statx(handle, name, HOST_NOFOLLOW | HOST_NO_AUTOMOUNT,
				       HOST_STAT_MASK, st);
			hostfs_handle_put(h, parent);
		}
		node_put(h, parent);
		if (!r && (!is_node(n, st) || (st->stx_mode & S_IFMT) != (i->mode & S_IFMT)))
			r = -ESTALE;
		if (!r)
			hostfs_fill_inode(i, st);
	}
	/* What was looked up and is gone now: the last that was known, without links. */
	if (r == -ENOENT || r == -ESTALE)
		i->links = 0;
	else if (r)
		return r;
	inode_stat(i, ret);
	return 0;
}

int hostfs_set_mode(int handle, uint32_t mode)
{
	char path[40];

	fmt_snprintf(path, sizeof(path), "/proc/self/fd/%d", handle);
	return host_chmod(AT_FDCWD, path, mode & 07777);
}

static void set_time(int64_t *to, bool valid, struct timestamp t)
{
	to[0] = valid ? t.seconds : 0;
	to[1] = valid ? t.nanoseconds : TIME_OMIT;
}

static int direct_setattr(struct inode *i, const struct attributes *a)
{
	struct held held;
	int64_t times[4];
	int r;

	if (i->fs->read_only)
		return -EROFS;
	r = hostfs_hold(i, a->valid & ATTR_SIZE, &held);
	if (r)
		return r;
	if (a->valid & ATTR_SIZE) {
		r = S_ISREG(i->mode) ? host_truncate(held.handle, a->size) : -EINVAL;
	} else if (a->valid & (ATTR_ATIME | ATTR_MTIME)) {
		set_time(times, a->valid & ATTR_ATIME, a->accessed);
		set_time(times + 2, a->valid & ATTR_MTIME, a->modified);
		r = host_utimens(held.handle, "", times, HOST_EMPTY_PATH);
	}
	if (!r && (a->valid & (ATTR_UID | ATTR_GID)))
		r = host_chown(held.handle, "", a->valid & ATTR_UID ? a->uid : ~0u,
			       a->valid & ATTR_GID ? a->gid : ~0u, HOST_EMPTY_PATH);
	if (!r && (a->valid & ATTR_MODE))
		r = S_ISLNK(i->mode) ? -EOPNOTSUPP : hostfs_set_mode(held.handle, a->mode);
	hostfs_unhold(i, &held);
	if (!r)
		r = hostfs_refresh(i);
	return r;
}

static int cached_setattr(struct inode *i, const struct attributes *a)
{
	(void)i;
	(void)a;
	return -EROFS;
}

/* --- inodes ------------------------------------------------------------------------------------------------------------------ */

struct list *hostfs_bucket_of(struct hostfs *h, uint64_t dev, uint64_t ino)
{
	return &h->buckets[hash_u64(dev * 31 + ino) & (h->bucket_count - 1)];
}

/* A living inode for what was just stat'ed, counted, or NULL. h->lock held. */
static struct inode *find_inode(struct hostfs *h, const struct statx *st)
{
	uint64_t dev = (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor;
	struct host_node *n;

	list_for_each(n, hostfs_bucket_of(h, dev, st->stx_ino), hash_link) {
		if (n->inode && n->ino == st->stx_ino && n->dev == dev &&
		    (n->inode->mode & S_IFMT) == (st->stx_mode & S_IFMT) &&
		    ref_get_unless_zero(&n->inode->refs))
			return n->inode;
	}
	return NULL;
}

struct inode *hostfs_make_inode(struct filesystem *fs, struct host_node *n, const struct statx *st)
{
	struct hostfs *h = fs->private_data;
	struct inode *i = inode_new(fs, st->stx_mode);

	if (!i)
		return NULL;
	i->private_data = n;
	i->number = hostfs_number(h, n->dev, n->ino);
	i->mapping.size = st->stx_size;
	hostfs_fill_inode(i, st);
	i->mapping.ops = &hostfs_mapping_ops;
	i->mapping.reclaimable = true;
	if (n->is_dir) {
		i->ops = h->cached ? &cached_dir_ops : &dir_ops;
		i->file_ops = &hostfs_dir_ops;
	} else {
		i->ops = h->cached ? &cached_file_ops : &file_ops;
		i->file_ops = h->cached ? &hostfs_cached_ops : &hostfs_direct_ops;
	}
	return i;
}

/* The inode was found by another name than its node has: the latest one is the best one. */
int hostfs_node_move(struct hostfs *h, struct host_node *n, struct host_node *parent,
		     const char *name, size_t len)
{
	struct host_node *old_parent;
	char *copy, *old_name;
	bool same;

	mutex_lock(&h->lock);
	same = !n->parent ||
	       (n->parent == parent && strlen(n->name) == len && !memcmp(n->name, name, len));
	mutex_unlock(&h->lock);
	if (same)
		return 0;
	copy = kmalloc(len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, name, len);
	copy[len] = 0;
	ref_get(&parent->refs);
	mutex_lock(&h->lock);
	old_parent = n->parent;
	old_name = n->name;
	n->parent = parent;
	n->name = copy;
	mutex_unlock(&h->lock);
	kfree(old_name);
	node_put(h, old_parent);
	return 0;
}

int hostfs_get_inode(struct filesystem *fs, struct host_node *parent, const char *name, size_t len,
		     const struct statx *st, struct inode **ret)
{
	struct hostfs *h = fs->private_data;
	struct inode *i, *other;
	struct host_node *n;
	int r;

	mutex_lock(&h->lock);
	i = find_inode(h, st);
	mutex_unlock(&h->lock);
	if (i)
		goto found;
	n = hostfs_node_new(parent, name, len, st);
	if (!n)
		return -ENOMEM;
	i = hostfs_make_inode(fs, n, st);
	if (!i) {
		node_put(h, n);
		return -ENOMEM;
	}
	mutex_lock(&h->lock);
	other = find_inode(h, st);
	if (!other) {
		n->inode = i;
		list_add(hostfs_bucket_of(h, n->dev, n->ino), &n->hash_link);
	}
	mutex_unlock(&h->lock);
	if (!other) {
		*ret = i;
		return 0;
	}
	inode_put(i);
	i = other;
found:
	/* A folder has one place; that the host shows it in two (bind mounts) must not tie a knot into the tree. */
	if (!S_ISDIR(i->mode) || !h->cached) {
		r = S_ISDIR(i->mode) && node_of(i) == parent
			    ? -ELOOP
			    : hostfs_node_move(h, node_of(i), parent, name, len);
		if (r) {
			inode_put(i);
			return r;
		}
	}
	if (!h->cached)
		hostfs_fill_inode(i, st);
	*ret = i;
	return 0;
}

void hostfs_evict(struct inode *i)
{
	struct hostfs *h = hostfs_of(i);
	struct host_node *n = node_of(i);

	mutex_lock(&h->lock);
	n->inode = NULL;
	list_remove(&n->hash_link);
	mutex_unlock(&h->lock);
	node_put(h, n);
}

/* --- names --------------------------------------------------------------------------------------------------------------------- */

int hostfs_copy_name(char to[NAME_MAX + 1], const char *name, size_t len)
{
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(to, name, len);
	to[len] = 0;
	return 0;
}

static int stat_name(struct hostfs *h, struct inode *dir, const char *name, struct statx *ret)
{
	int handle = hostfs_handle_get(h, node_of(dir)), r;

	if (handle < 0)
		return handle;
	r = host_statx(handle, name, HOST_NOFOLLOW | HOST_NO_AUTOMOUNT, HOST_STAT_MASK, ret);
	hostfs_handle_put(h, node_of(dir));
	if (!r && !(ret->stx_mode & S_IFMT))
		r = -EIO;
	return r;
}

static int hostfs_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	char copy[NAME_MAX + 1];
	struct statx st;
	int r;

	r = hostfs_copy_name(copy, name, len);
	if (!r)
		r = stat_name(hostfs_of(dir), dir, copy, &st);
	if (r)
		return r;
	return hostfs_get_inode(dir->fs, node_of(dir), copy, len, &st, ret);
}

static int hostfs_readlink(struct inode *i, char **ret_target)
{
	struct hostfs *h = hostfs_of(i);
	struct host_node *n = node_of(i);
	char *buffer, *cached, *expected = NULL;
	long len;
	int handle;

	cached = __atomic_load_n(&n->target, __ATOMIC_ACQUIRE);
	if (cached) {
		*ret_target = kstrdup(cached);
		return *ret_target ? 0 : -ENOMEM;
	}
	buffer = kmalloc(PATH_MAX);
	if (!buffer)
		return -ENOMEM;
	handle = hostfs_open_node(h, n, O_PATH);
	len = handle < 0 ? handle : host_readlink(handle, "", buffer, PATH_MAX);
	host_close(handle);
	if (len <= 0 || len >= PATH_MAX) {
		kfree(buffer);
		return len < 0 ? (int)len : len ? -ENAMETOOLONG : -EIO;
	}
	buffer[len] = 0;
	*ret_target = kstrdup(buffer);
	kfree(buffer);
	if (!*ret_target)
		return -ENOMEM;
	if (h->cached) {
		cached = kstrdup(*ret_target);
		if (cached && !__atomic_compare_exchange_n(&n->target, &expected, cached, false,
							   __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			kfree(cached);
	}
	return 0;
}

/* --- extended attributes: none are passed through ------------------------------------------------------------------------- */

static long direct_getxattr(struct inode *i, const char *name, void *value, size_t size)
{
	(void)i;
	(void)name;
	(void)value;
	(void)size;
	return -EOPNOTSUPP;
}

static const struct inode_ops dir_ops = {
	.lookup = hostfs_lookup,
	.create = hostfs_create,
	.mkdir = hostfs_mkdir,
	.symlink = hostfs_symlink,
	.link = hostfs_link,
	.unlink = hostfs_unlink,
	.rmdir = hostfs_rmdir,
	.rename = hostfs_rename,
	.getattr = direct_getattr,
	.setattr = direct_setattr,
	.getxattr = direct_getxattr,
	.open = hostfs_open,
};

static const struct inode_ops file_ops = {
	.readlink = hostfs_readlink,
	.getattr = direct_getattr,
	.setattr = direct_setattr,
	.getxattr = direct_getxattr,
	.open = hostfs_open,
};

static const struct inode_ops cached_dir_ops = {
	.lookup = hostfs_lookup,
	.setattr = cached_setattr,
	.open = hostfs_open,
};

static const struct inode_ops cached_file_ops = {
	.readlink = hostfs_readlink,
	.setattr = cached_setattr,
	.open = hostfs_open,
};
