/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlayfs: a writable upper layer over read-only lower ones. Semantics and on-disk marks are Linux's (whiteouts are
 * character devices 0/0, opaque and redirect attributes); what Linux leaves open is done better where it is cheap: hard
 * links of the lower layer stay together, renamed folders are redirected, numbers never change.
 *
 *  1. The layers are used by inode, never by name: no dentries of theirs exist on our behalf. The overlay's own dentries
 *     cache every lookup, also failed ones.
 *  2. An overlay inode is the authority on attributes while it lives: a file's operations (those of the real file system)
 *     change times in it. What matters is written through to the upper inode, times when the inode is evicted.
 *  3. inode->data is the real inode's page cache, so reads, writes and mappings of an open file have no overlay in
 *     between; copying up replaces it. Both real inodes live as long as the node.
 *  4. One overlay inode per real inode: hashes by upper and by lower inode. Hard links of a lower file meet there; once
 *     such a file was copied up it is pinned, as its other names only lead to it through the hash.
 *  5. A node holds its parent node, so that copying up finds the way; freeing is a loop.
 *
 * Locks: overlay directory inodes -> node->copy_lock -> real inodes (directory before child) -> overlay.lock (leaf;
 * nothing is allocated under it, since memory shortage evicts inodes).
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>

#include "kernel/fs/overlay_internal.h"
#include "kernel/fs/xattr.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/hash.h"
#include "lib/base/string.h"

#define NUMBER_UPPER (1ULL << 61) /* inode numbers of files that exist only in the upper layer */

static const struct inode_ops dir_ops, file_ops, special_ops, link_ops;

/* --- real inodes ------------------------------------------------------------------------------------------------------- */

int real_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	int r;

	if (!S_ISDIR(dir->mode) || !dir->ops->lookup)
		return -ENOTDIR;
	mutex_lock(&dir->lock);
	r = dir->ops->lookup(dir, name, len, ret);
	mutex_unlock(&dir->lock);
	return r;
}

int real_open(struct inode *i, unsigned int flags, struct file **ret)
{
	struct path path = { NULL, dentry_anonymous(i, "overlay:layer") };
	struct file *f;
	int r = 0;

	if (!path.dentry)
		return -ENOMEM;
	f = i->file_ops || (i->ops && i->ops->open)
		    ? file_new(i->file_ops, &path, flags | O_NOATIME)
		    : NULL;
	dentry_put(path.dentry);
	if (!f)
		return -ENOMEM;
	if (i->ops && i->ops->open)
		r = i->ops->open(i, f);
	if (r) {
		f->ops = NULL;
		file_put(f);
		return r;
	}
	*ret = f;
	return 0;
}

int real_setattr(struct inode *i, const struct attributes *a)
{
	int r = 0;

	mutex_lock(&i->lock);
	if (i->ops && i->ops->setattr) {
		r = i->ops->setattr(i, a);
	} else {
		if (a->valid & ATTR_SIZE)
			r = mapping_truncate(i->data, a->size);
		if (!r)
			inode_setattr_fields(i, a);
	}
	mutex_unlock(&i->lock);
	return r;
}

/* --- nodes --------------------------------------------------------------------------------------------------------------- */

struct list *overlay_bucket(struct list *table, const struct inode *real)
{
	return &table[hash_u64((uintptr_t)real) & (OVERLAY_BUCKETS - 1)];
}

void overlay_node_put(struct overlay_node *n)
{
	struct overlay_node *parent;

	while (n && ref_put(&n->refs)) {
		parent = n->parent;
		inode_put(n->upper);
		for (unsigned int i = 0; i < n->lower_count; i++)
			inode_put(n->lowers[i]);
		kfree(n->lowers);
		kfree(n->redirect);
		kfree(n->name);
		kfree(n);
		n = parent;
	}
}

static char *copy_name(const char *name, size_t len)
{
	char *copy = kmalloc(len + 1);

	if (copy) {
		memcpy(copy, name, len);
		copy[len] = 0;
	}
	return copy;
}

bool overlay_node_at(struct overlay *o, struct overlay_node *n, struct overlay_node *parent,
		     const char *name, size_t len)
{
	bool same;

	mutex_lock(&o->lock);
	same = !n->nameless && n->parent == parent && strlen(n->name) == len &&
	       !memcmp(n->name, name, len);
	mutex_unlock(&o->lock);
	return same;
}

int overlay_node_move(struct overlay *o, struct overlay_node *n, struct overlay_node *parent,
		      const char *name, size_t len)
{
	struct overlay_node *old_parent;
	char *copy, *old_name;

	if (!n->parent || overlay_node_at(o, n, parent, name, len))
		return 0;
	copy = copy_name(name, len);
	if (!copy)
		return -ENOMEM;
	ref_get(&parent->refs);
	mutex_lock(&o->lock);
	old_parent = n->parent;
	old_name = n->name;
	n->parent = parent;
	n->name = copy;
	n->nameless = false;
	mutex_unlock(&o->lock);
	kfree(old_name);
	overlay_node_put(old_parent);
	return 0;
}

/* The upper inode of a node becomes known to everybody. Takes over the reference. */
void overlay_publish(struct overlay *o, struct overlay_node *n, struct inode *upper)
{
	mutex_lock(&o->lock);
	__atomic_store_n(&n->upper, upper, __ATOMIC_RELEASE);
	list_add(overlay_bucket(o->by_upper, upper), &n->upper_link);
	mutex_unlock(&o->lock);
}

/* A living inode over one of these, counted, or NULL. o->lock held. */
static struct inode *find_inode(struct overlay *o, const struct inode *upper,
				const struct inode *lower)
{
	struct overlay_node *n;

	if (upper) {
		list_for_each(n, overlay_bucket(o->by_upper, upper), upper_link)
			if (n->upper == upper && n->inode && ref_get_unless_zero(&n->inode->refs))
				return n->inode;
		return NULL;
	}
	list_for_each(n, overlay_bucket(o->by_lower, lower), lower_link)
		if (n->lowers[0] == lower && n->inode && ref_get_unless_zero(&n->inode->refs))
			return n->inode;
	return NULL;
}

/* --- inodes ---------------------------------------------------------------------------------------------------------------- */

uint64_t overlay_lower_number(const struct inode *lower, unsigned int layer)
{
	return lower->number ^ (uint64_t)layer << 55;
}

uint64_t overlay_upper_number(struct overlay *o, struct inode *upper)
{
	uint64_t number = 0;
	struct inode *known;

	mutex_lock(&o->lock);
	known = find_inode(o, upper, NULL);
	mutex_unlock(&o->lock);
	if (known) {
		number = known->number;
		inode_put(known);
		return number;
	}
	if (!list_empty(&upper->xattrs) || (upper->ops && upper->ops->getxattr))
		if (inode_getxattr(upper, XATTR_NUMBER, &number, sizeof(number)) != sizeof(number))
			number = 0;
	return number ? number : upper->number | NUMBER_UPPER;
}

static const struct inode_ops *ops_for(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return &dir_ops;
	case S_IFREG:
		return &file_ops;
	case S_IFLNK:
		return &link_ops;
	default:
		return &special_ops;
	}
}

/* Consumes nothing on error. */
struct inode *overlay_make_inode(struct filesystem *fs, struct overlay_node *n)
{
	struct overlay *o = fs->private_data;
	struct inode *real = real_of(n), *i = inode_new(fs, real->mode);

	if (!i)
		return NULL;
	i->uid = real->uid;
	i->gid = real->gid;
	i->links = real->links;
	if (S_ISDIR(real->mode) && n->upper && n->lower_count)
		i->links = 1;
	i->rdev = real->rdev;
	i->blocks = n->upper ? 0 : real->blocks;
	i->accessed = real->accessed;
	i->modified = real->modified;
	i->changed = real->changed;
	i->born = real->born;
	i->data = real->data;
	i->number = n->upper ? overlay_upper_number(o, n->upper)
			     : overlay_lower_number(real, n->layer);
	i->ops = ops_for(real->mode);
	i->file_ops = S_ISDIR(real->mode)   ? &overlay_dir_ops
		      : S_ISREG(real->mode) ? real->file_ops
					    : NULL;
	i->private_data = n;
	return i;
}

struct overlay_node *overlay_node_new(struct overlay_node *parent, const char *name, size_t len)
{
	struct overlay_node *n = kzalloc(sizeof(*n));

	if (!n)
		return NULL;
	n->name = copy_name(name, len);
	if (!n->name) {
		kfree(n);
		return NULL;
	}
	ref_init(&n->refs);
	list_init(&n->upper_link);
	list_init(&n->lower_link);
	if (parent) {
		ref_get(&parent->refs);
		n->parent = parent;
	}
	return n;
}

static void put_layers(struct inode *upper, struct inode **lowers, unsigned int count)
{
	inode_put(upper);
	for (unsigned int i = 0; i < count; i++)
		inode_put(lowers[i]);
	kfree(lowers);
}

/* A folder that was renamed says where its lower part is: children that are renamed later need it. */
static int load_redirect(struct overlay_node *n)
{
	char *text;
	long r;

	if (!S_ISDIR(real_of(n)->mode) || !n->upper || !n->lower_count ||
	    list_empty(&n->upper->xattrs))
		return 0;
	r = inode_getxattr(n->upper, XATTR_REDIRECT, NULL, 0);
	if (r <= 0 || r >= PATH_MAX)
		return 0;
	text = kzalloc((size_t)r + 1);
	if (!text)
		return -ENOMEM;
	r = inode_getxattr(n->upper, XATTR_REDIRECT, text, (size_t)r);
	if (r > 0)
		n->redirect = text;
	else
		kfree(text);
	return 0;
}

int overlay_get_inode(struct filesystem *fs, struct overlay_node *parent, const char *name,
		      size_t len, struct inode *upper, struct inode **lowers,
		      unsigned int lower_count, unsigned int layer, struct inode **ret)
{
	struct overlay *o = fs->private_data;
	struct inode *lower = lower_count ? lowers[0] : NULL, *i, *other;
	struct overlay_node *n;
	int r;

	mutex_lock(&o->lock);
	i = find_inode(o, upper, lower);
	mutex_unlock(&o->lock);
	if (i) {
		put_layers(upper, lowers, lower_count);
		goto found;
	}
	n = overlay_node_new(parent, name, len);
	if (!n) {
		put_layers(upper, lowers, lower_count);
		return -ENOMEM;
	}
	n->upper = upper;
	n->lowers = lowers;
	n->lower_count = lower_count;
	n->layer = layer;
	i = load_redirect(n) ? NULL : overlay_make_inode(fs, n);
	if (!i) {
		overlay_node_put(n);
		return -ENOMEM;
	}
	mutex_lock(&o->lock);
	other = find_inode(o, upper, lower);
	if (!other) {
		n->inode = i;
		if (upper)
			list_add(overlay_bucket(o->by_upper, upper), &n->upper_link);
		if (lower)
			list_add(overlay_bucket(o->by_lower, lower), &n->lower_link);
	}
	mutex_unlock(&o->lock);
	if (!other) {
		*ret = i;
		return 0;
	}
	inode_put(i);
	i = other;
found:
	/* The root of a layer seen again below itself would tie a knot. */
	n = overlay_node_of(i);
	r = n == parent || !n->parent ? -ELOOP : 0;
	if (!r)
		r = overlay_node_move(o, n, parent, name, len);
	if (r) {
		inode_put(i);
		return r;
	}
	*ret = i;
	return 0;
}

void overlay_evict(struct inode *i)
{
	struct overlay *o = overlay_of(i);
	struct overlay_node *n = overlay_node_of(i);
	struct inode *upper;

	mutex_lock(&o->lock);
	n->inode = NULL;
	list_remove(&n->upper_link);
	list_remove(&n->lower_link);
	mutex_unlock(&o->lock);
	upper = n->upper;
	if (upper) {
		upper->accessed = i->accessed;
		upper->modified = i->modified;
		upper->changed = i->changed;
	}
	i->data = &i->mapping;
	overlay_node_put(n);
}

/* --- lookup ---------------------------------------------------------------------------------------------------------------- */

static bool is_opaque(struct inode *dir)
{
	char value[2];

	if (list_empty(&dir->xattrs) && !(dir->ops && dir->ops->getxattr))
		return false;
	return inode_getxattr(dir, XATTR_OPAQUE, value, sizeof(value)) == 1 && value[0] == 'y';
}

struct found {
	struct inode *upper;
	struct inode *lowers[OVERLAY_LAYERS_MAX];
	unsigned int count, layer;
	bool done;
};

/* One more layer has `i` under the name (reference taken over). Stops at files and opaque folders. */
static void found_add(struct found *f, struct inode *i, unsigned int layer)
{
	bool dir = S_ISDIR(i->mode), above = f->upper || f->count;

	if (is_whiteout(i) || (above && !dir)) {
		inode_put(i);
		f->done = true;
		return;
	}
	if (!f->count)
		f->layer = layer;
	f->lowers[f->count++] = i;
	f->done = !dir || is_opaque(i);
}

/* A path relative to the root of a layer: -ENOENT, or the folder. */
static int walk_layer(struct inode *root, const char *path, struct inode **ret)
{
	struct inode *at = inode_get(root), *next;
	size_t len;
	int r = 0;

	while (*path == '/')
		path++;
	while (*path && !r) {
		len = strchr(path, '/') ? (size_t)(strchr(path, '/') - path) : strlen(path);
		r = len > NAME_MAX ? -ENOENT : real_lookup(at, path, len, &next);
		inode_put(at);
		at = r ? NULL : next;
		path += len;
		while (*path == '/')
			path++;
	}
	if (!r && !S_ISDIR(at->mode)) {
		inode_put(at);
		r = -ENOENT;
	}
	if (r)
		return r == -ENOTDIR ? -ENOENT : r;
	*ret = at;
	return 0;
}

/* The lower folders of an upper one: of the same name, or where it was before it was renamed. */
static int find_lowers(struct overlay *o, struct overlay_node *dir, const char *name, size_t len,
		       const char *redirect, struct found *f)
{
	const struct overlay_node *in = redirect ? o->root : dir;
	struct inode *i;
	int r;

	for (unsigned int k = 0; k < in->lower_count && !f->done && f->count < OVERLAY_LAYERS_MAX;
	     k++) {
		r = redirect ? walk_layer(in->lowers[k], redirect, &i)
			     : real_lookup(in->lowers[k], name, len, &i);
		if (!r)
			found_add(f, i, in->layer + k);
		else if (r != -ENOENT)
			return r;
	}
	return 0;
}

static int lookup_layers(struct overlay *o, struct overlay_node *dir, const char *name, size_t len,
			 struct found *f)
{
	struct inode *upper = upper_of(dir), *i;
	char *redirect = NULL;
	long size;
	int r = 0;

	if (upper) {
		r = real_lookup(upper, name, len, &i);
		if (r && r != -ENOENT)
			return r;
		if (!r && is_whiteout(i)) {
			inode_put(i);
			return -ENOENT;
		}
		if (!r)
			f->upper = i;
	}
	if (f->upper && (!S_ISDIR(f->upper->mode) || is_opaque(f->upper)))
		return 0;
	if (f->upper && !list_empty(&f->upper->xattrs)) {
		size = inode_getxattr(f->upper, XATTR_REDIRECT, NULL, 0);
		if (size > 0 && size < PATH_MAX) {
			redirect = kzalloc((size_t)size + 1);
			if (!redirect)
				return -ENOMEM;
			size = inode_getxattr(f->upper, XATTR_REDIRECT, redirect, (size_t)size);
		}
	}
	r = find_lowers(o, dir, name, len, redirect, f);
	kfree(redirect);
	return r;
}

static int overlay_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	struct overlay *o = overlay_of(dir);
	struct overlay_node *n = overlay_node_of(dir);
	struct inode **lowers = NULL;
	struct found *f;
	int r;

	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	f = kzalloc(sizeof(*f));
	if (!f)
		return -ENOMEM;
	r = lookup_layers(o, n, name, len, f);
	if (!r && !f->upper && !f->count)
		r = -ENOENT;
	if (!r && f->count) {
		lowers = kmalloc(f->count * sizeof(*lowers));
		if (lowers)
			memcpy(lowers, f->lowers, f->count * sizeof(*lowers));
		else
			r = -ENOMEM;
	}
	if (r) {
		inode_put(f->upper);
		for (unsigned int k = 0; k < f->count; k++)
			inode_put(f->lowers[k]);
	} else {
		r = overlay_get_inode(dir->fs, n, name, len, f->upper, lowers, f->count, f->layer,
				      ret);
	}
	kfree(f);
	return r;
}

/* --- inode operations ---------------------------------------------------------------------------------------------------------- */

static int overlay_setattr(struct inode *i, const struct attributes *a)
{
	struct overlay_node *n = overlay_node_of(i);
	int r = overlay_copy_up(overlay_of(i), n);

	if (!r)
		r = real_setattr(upper_of(n), a);
	if (!r)
		inode_setattr_fields(i, a);
	return r;
}

static int overlay_readlink(struct inode *i, char **ret_target)
{
	struct inode *real = real_of(overlay_node_of(i));

	return real->ops->readlink(real, ret_target);
}

/* From here on the file is the real file system's: it only sees that f->inode is not its own. */
static int overlay_open(struct inode *i, struct file *f)
{
	struct overlay_node *n = overlay_node_of(i);
	struct inode *real;
	int r;

	if (file_writable(f)) {
		r = overlay_copy_up(overlay_of(i), n);
		if (r)
			return r;
	}
	real = real_of(n);
	f->ops = real->file_ops;
	return real->ops && real->ops->open ? real->ops->open(real, f) : 0;
}

static long overlay_getxattr(struct inode *i, const char *name, void *value, size_t size)
{
	if (overlay_private_xattr(name))
		return -ENODATA;
	return inode_getxattr(real_of(overlay_node_of(i)), name, value, size);
}

static int overlay_setxattr(struct inode *i, const char *name, const void *value, size_t size,
			    int flags)
{
	struct overlay_node *n = overlay_node_of(i);
	int r;

	if (overlay_private_xattr(name))
		return -EPERM;
	r = overlay_copy_up(overlay_of(i), n);
	if (!r)
		r = inode_setxattr(upper_of(n), name, value, size, flags);
	if (!r)
		inode_touch(i, ATTR_CTIME);
	return r;
}

static int overlay_removexattr(struct inode *i, const char *name)
{
	struct overlay_node *n = overlay_node_of(i);
	long r;

	if (overlay_private_xattr(name))
		return -EPERM;
	r = inode_getxattr(real_of(n), name, NULL, 0);
	if (r >= 0)
		r = overlay_copy_up(overlay_of(i), n);
	if (!r)
		r = inode_removexattr(upper_of(n), name);
	if (!r)
		inode_touch(i, ATTR_CTIME);
	return (int)r;
}

static long overlay_listxattr(struct inode *i, char *list, size_t size)
{
	struct inode *real = real_of(overlay_node_of(i));
	size_t from, to = 0, len;
	char *all;
	long r = inode_listxattr(real, NULL, 0);

	if (r <= 0)
		return r;
	all = kmalloc((size_t)r);
	if (!all)
		return -ENOMEM;
	r = inode_listxattr(real, all, (size_t)r);
	for (from = 0; r > 0 && from < (size_t)r; from += len + 1) {
		len = strnlen(all + from, (size_t)r - from);
		if (len == (size_t)r - from)
			break;
		if (overlay_private_xattr(all + from))
			continue;
		memmove(all + to, all + from, len + 1);
		to += len + 1;
	}
	if (r > 0)
		r = size && to > size ? -ERANGE : (long)to;
	if (r > 0 && size)
		memcpy(list, all, to);
	kfree(all);
	return r;
}

#define COMMON_OPS                                                                              \
	.setattr = overlay_setattr, .getxattr = overlay_getxattr, .setxattr = overlay_setxattr, \
	.listxattr = overlay_listxattr, .removexattr = overlay_removexattr

static const struct inode_ops dir_ops = {
	COMMON_OPS,
	.lookup = overlay_lookup,
	.create = overlay_create,
	.mkdir = overlay_mkdir,
	.symlink = overlay_symlink,
	.link = overlay_link,
	.unlink = overlay_unlink,
	.rmdir = overlay_rmdir,
	.rename = overlay_rename,
	.tmpfile = overlay_tmpfile,
};
static const struct inode_ops file_ops = { COMMON_OPS, .open = overlay_open };
static const struct inode_ops special_ops = { COMMON_OPS };
static const struct inode_ops link_ops = { COMMON_OPS, .readlink = overlay_readlink };
