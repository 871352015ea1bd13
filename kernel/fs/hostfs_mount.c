/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostfs: making the file system from a handle of the launcher's, and taking it down. Options: "ro" or "rw", "cache" (only
 * with "ro") or "nocache", "file" for a single file. The handle becomes the file system's and is closed with it.
 */
#include <linux/errno.h>
#include <linux/limits.h>

#include <asm/statfs.h>

#include "kernel/fs/hostfs_internal.h"
#include "kernel/fs/init.h"
#include "kernel/host.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/string.h"

#define BUCKETS_CACHED 4096
#define BUCKETS_DIRECT 256
#define HOSTFS_MAGIC 0x00c0ffee

static struct fs_type hostfs_type;

/* --- the file system --------------------------------------------------------------------------------------------------------- */

static int hostfs_statfs(struct filesystem *fs, struct statfs_info *ret)
{
	struct hostfs *h = fs->private_data;
	struct statfs st;
	int r = host_statfs(h->root_handle, &st);

	if (r)
		return r;
	memset(ret, 0, sizeof(*ret));
	ret->type = fs->magic;
	ret->block_size = st.f_bsize > 0 && st.f_bsize <= (1 << 30) ? (uint64_t)st.f_bsize
								    : PAGE_SIZE;
	ret->blocks = (uint64_t)st.f_blocks;
	ret->blocks_free = (uint64_t)st.f_bfree;
	ret->blocks_available = (uint64_t)st.f_bavail;
	ret->files = (uint64_t)st.f_files;
	ret->files_free = (uint64_t)st.f_ffree;
	ret->name_max = NAME_MAX;
	return 0;
}

static void hostfs_free(struct hostfs *h)
{
	host_close(h->root_handle);
	kfree(h->buckets);
	kfree(h);
}

static void hostfs_unmount(struct filesystem *fs)
{
	hostfs_free(fs->private_data);
}

static const struct filesystem_ops hostfs_ops = {
	.statfs = hostfs_statfs,
	.unmount = hostfs_unmount,
	.evict = hostfs_evict,
};

struct options {
	bool read_only, cached, is_file;
};

static int parse_options(const char *s, struct options *ret)
{
	bool rw = false;
	size_t len;

	memset(ret, 0, sizeof(*ret));
	for (; *s; s += len, s += *s == ',') {
		const char *comma = strchr(s, ',');

		len = comma ? (size_t)(comma - s) : strlen(s);
		if (len == 2 && !memcmp(s, "ro", 2))
			ret->read_only = true;
		else if (len == 2 && !memcmp(s, "rw", 2))
			rw = true;
		else if (len == 5 && !memcmp(s, "cache", 5))
			ret->cached = true;
		else if (len == 4 && !memcmp(s, "file", 4))
			ret->is_file = true;
		else if (len && !(len == 7 && !memcmp(s, "nocache", 7)) && strncmp(s, "handle=", 7))
			return -EINVAL;
	}
	/* Believing what was read once only works for what nobody here changes. */
	if ((rw && ret->read_only) || (ret->cached && !ret->read_only))
		return -EINVAL;
	return 0;
}

int hostfs_new(int handle, const char *source, const char *options, struct filesystem **ret)
{
	struct filesystem *fs;
	struct options o;
	struct hostfs *h;
	struct host_node *n;
	struct statx st;
	int r;

	r = parse_options(options, &o);
	if (r)
		return r;
	r = host_statx(handle, "", HOST_EMPTY_PATH, HOST_STAT_MASK, &st);
	if (r)
		return r;
	if (o.is_file ? !S_ISREG(st.stx_mode) : !S_ISDIR(st.stx_mode))
		return o.is_file ? -EINVAL : -ENOTDIR;
	fs = filesystem_new(&hostfs_type, &hostfs_ops);
	if (!fs)
		return -ENOMEM;
	/* Until it has its private data, letting it go must not call unmount. */
	fs->ops = NULL;
	r = -ENOMEM;
	h = kzalloc(sizeof(*h));
	if (!h)
		goto out_fs;
	h->bucket_count = o.cached ? BUCKETS_CACHED : BUCKETS_DIRECT;
	h->buckets = kmalloc(h->bucket_count * sizeof(struct list));
	n = hostfs_node_new(NULL, "", 0, &st);
	if (!h->buckets || !n)
		goto out_free;
	for (unsigned int i = 0; i < h->bucket_count; i++)
		list_init(&h->buckets[i]);
	list_init(&h->lru);
	h->root_handle = handle;
	h->is_file = o.is_file;
	h->cached = o.cached;
	h->root_dev = n->dev;
	if (n->is_dir)
		n->handle = handle;
	fs->private_data = h;
	fs->magic = HOSTFS_MAGIC;
	fs->read_only = o.read_only;
	fs->no_cache = !o.cached;
	str_copy(fs->options, options, sizeof(fs->options));
	str_copy(fs->source, source, sizeof(fs->source));
	fs->root_inode = hostfs_make_inode(fs, n, &st);
	if (!fs->root_inode)
		goto out_free;
	n->inode = fs->root_inode;
	list_add(hostfs_bucket_of(h, n->dev, n->ino), &n->hash_link);
	fs->ops = &hostfs_ops;
	*ret = fs;
	return 0;
out_free:
	if (n) {
		kfree(n->name);
		kfree(n);
	}
	kfree(h->buckets);
	kfree(h);
out_fs:
	filesystem_put(fs);
	return r;
}

/*
 * mount(2) cannot name a handle: the launcher's are granted one by one, by boot, just before it mounts them.
 * boot_mounts.c passes the handle through here and nothing else does.
 */
static struct mutex grant_lock;
static int granted = -1;

int mount_grant(int handle)
{
	int before;

	mutex_lock(&grant_lock);
	before = granted;
	granted = handle;
	mutex_unlock(&grant_lock);
	return before;
}

static int hostfs_mount(const char *source, const char *options, struct filesystem **ret)
{
	int handle = mount_grant(-1);

	if (handle < 0)
		return -EPERM;
	return hostfs_new(handle, source, options, ret);
}

static struct fs_type hostfs_type = { .name = "hostfs", .mount = hostfs_mount };

void hostfs_init(void)
{
	fs_register(&hostfs_type);
}
