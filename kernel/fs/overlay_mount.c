/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlayfs: making the file system, from paths (mount(2): lowerdir=, upperdir=) or from file systems mounted nowhere (the
 * enclave's root), and taking it down. The layers stay held, as mounts or as whole file systems, until the last inode
 * of the overlay is gone. Nothing here needs a lock but overlay.lock around the hashes.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/magic.h>

#include "kernel/fs/init.h"
#include "kernel/fs/overlay_internal.h"
#include "kernel/mm/kmalloc.h"
#include "lib/base/string.h"

static struct fs_type overlay_type;

/* --- the file system ------------------------------------------------------------------------------------------------------------ */

static int overlay_statfs(struct filesystem *fs, struct statfs_info *ret)
{
	struct overlay *o = fs->private_data;
	struct filesystem *below = o->upper_fs ? o->upper_fs : o->root->lowers[0]->fs;
	int r = below->ops->statfs ? below->ops->statfs(below, ret) : -ENOSYS;

	if (!r)
		ret->type = fs->magic;
	return r;
}

static int overlay_sync(struct filesystem *fs)
{
	struct overlay *o = fs->private_data;

	return o->upper_fs && o->upper_fs->ops->sync ? o->upper_fs->ops->sync(o->upper_fs) : 0;
}

/* The last mount is gone: pinned inodes let go of themselves. */
static void overlay_detach(struct filesystem *fs)
{
	struct overlay *o = fs->private_data;
	struct overlay_node *n;
	struct inode *i;

	for (unsigned int k = 0; k < OVERLAY_BUCKETS; k++) {
		do {
			i = NULL;
			mutex_lock(&o->lock);
			list_for_each(n, &o->by_lower[k], lower_link) {
				if (n->pinned) {
					n->pinned = false;
					i = n->inode;
					break;
				}
			}
			mutex_unlock(&o->lock);
			inode_put(i);
		} while (i);
	}
}

static void overlay_free(struct overlay *o)
{
	struct inode *root;

	for (unsigned int k = 0; k < o->path_count; k++)
		path_put(&o->paths[k]);
	for (unsigned int k = 0; k < ARRAY_SIZE(o->owned); k++) {
		if (!o->owned[k])
			continue;
		if (o->owned[k]->ops->detach)
			o->owned[k]->ops->detach(o->owned[k]);
		root = o->owned[k]->root_inode;
		o->owned[k]->root_inode = NULL;
		inode_put(root);
		filesystem_put(o->owned[k]);
	}
	kfree(o->by_upper);
	kfree(o->by_lower);
	kfree(o);
}

static void overlay_unmount(struct filesystem *fs)
{
	overlay_free(fs->private_data);
}

static const struct filesystem_ops overlay_ops = {
	.statfs = overlay_statfs,
	.sync = overlay_sync,
	.detach = overlay_detach,
	.unmount = overlay_unmount,
	.evict = overlay_evict,
};

static struct overlay *overlay_alloc(void)
{
	struct overlay *o = kzalloc(sizeof(*o));

	if (!o)
		return NULL;
	o->by_upper = kmalloc(OVERLAY_BUCKETS * sizeof(struct list));
	o->by_lower = kmalloc(OVERLAY_BUCKETS * sizeof(struct list));
	if (!o->by_upper || !o->by_lower) {
		overlay_free(o);
		return NULL;
	}
	for (unsigned int k = 0; k < OVERLAY_BUCKETS; k++) {
		list_init(&o->by_upper[k]);
		list_init(&o->by_lower[k]);
	}
	return o;
}

/* Makes the file system over these root inodes (own references are taken). `o` is taken over, also on error. */
static int overlay_make(struct overlay *o, struct inode *const *lowers, unsigned int count,
			struct inode *upper, struct filesystem **ret)
{
	struct overlay_node *n = NULL;
	struct filesystem *fs;
	int r = -ENOTDIR;

	for (unsigned int k = 0; k < count; k++)
		if (!S_ISDIR(lowers[k]->mode))
			goto out_free;
	if (upper && (!S_ISDIR(upper->mode) || !upper->ops->tmpfile || !upper->ops->link)) {
		r = S_ISDIR(upper->mode) ? -EINVAL : -ENOTDIR;
		goto out_free;
	}
	r = -ENOMEM;
	fs = filesystem_new(&overlay_type, &overlay_ops);
	if (!fs)
		goto out_free;
	fs->private_data = o;
	fs->magic = OVERLAYFS_SUPER_MAGIC;
	fs->read_only = !upper;
	n = overlay_node_new(NULL, "", 0);
	if (n)
		n->lowers = kmalloc(MAX(count, 1u) * sizeof(struct inode *));
	if (!n || !n->lowers)
		goto out_fs;
	for (unsigned int k = 0; k < count; k++)
		n->lowers[k] = inode_get(lowers[k]);
	n->lower_count = count;
	n->upper = upper ? inode_get(upper) : NULL;
	o->upper_fs = upper ? upper->fs : NULL;
	fs->root_inode = overlay_make_inode(fs, n);
	if (!fs->root_inode)
		goto out_fs;
	n->inode = fs->root_inode;
	/* What the application sees as / is the image's folder, not the fresh upper one. */
	if (upper) {
		fs->root_inode->number = overlay_lower_number(lowers[0], 0);
		list_add(overlay_bucket(o->by_upper, upper), &n->upper_link);
	}
	list_add(overlay_bucket(o->by_lower, lowers[0]), &n->lower_link);
	o->root = n;
	*ret = fs;
	return 0;
out_fs:
	if (n)
		overlay_node_put(n);
	fs->ops = NULL;
	filesystem_put(fs);
out_free:
	/* What the caller gave stays the caller's. */
	o->owned[0] = o->owned[1] = NULL;
	overlay_free(o);
	return r;
}

int overlay_new_layers(const struct path *lowers, unsigned int count, const struct path *upper,
		       struct filesystem **ret)
{
	struct inode *roots[OVERLAY_LAYERS_MAX];
	struct overlay *o;

	if (!count || count > OVERLAY_LAYERS_MAX)
		return -EINVAL;
	o = overlay_alloc();
	if (!o)
		return -ENOMEM;
	for (unsigned int k = 0; k < count; k++) {
		roots[k] = lowers[k].dentry->inode;
		o->paths[o->path_count] = lowers[k];
		path_get(&o->paths[o->path_count++]);
	}
	if (upper) {
		o->paths[o->path_count] = *upper;
		path_get(&o->paths[o->path_count++]);
	}
	return overlay_make(o, roots, count, upper ? upper->dentry->inode : NULL, ret);
}

int overlay_new(struct path *lower, struct path *upper, struct filesystem **ret)
{
	return overlay_new_layers(lower, 1, upper, ret);
}

int overlay_new_roots(struct filesystem *lower, struct filesystem *upper, struct filesystem **ret)
{
	struct overlay *o = overlay_alloc();
	struct inode *root = lower->root_inode, *top = upper->root_inode;
	struct attributes a;
	int r;

	if (!o)
		return -ENOMEM;
	/* The fresh upper folder takes the looks of the image's root. */
	memset(&a, 0, sizeof(a));
	a.valid = ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_MTIME | ATTR_CTIME;
	a.mode = root->mode & 07777;
	a.uid = root->uid;
	a.gid = root->gid;
	a.accessed = root->accessed;
	a.modified = root->modified;
	a.changed = root->changed;
	r = real_setattr(top, &a);
	if (r) {
		overlay_free(o);
		return r;
	}
	o->owned[0] = lower;
	o->owned[1] = upper;
	return overlay_make(o, &root, 1, top, ret);
}

/* --- mount(2) ------------------------------------------------------------------------------------------------------------------------ */

struct overlay_options {
	struct path lowers[OVERLAY_LAYERS_MAX], upper;
	unsigned int count;
	bool has_upper;
};

/* Folders separated by colons. `text` is cut up. */
static int find_lower_paths(struct overlay_options *p, char *text)
{
	char *colon;
	int r;

	for (; text; text = colon) {
		colon = strchr(text, ':');
		if (colon)
			*colon++ = 0;
		if (p->count == OVERLAY_LAYERS_MAX)
			return -EINVAL;
		r = path_lookup(AT_FDCWD, text, LOOKUP_FOLLOW | LOOKUP_DIRECTORY,
				&p->lowers[p->count]);
		if (r)
			return r;
		p->count++;
	}
	return 0;
}

static int parse_option(struct overlay_options *p, char *s)
{
	if (!strncmp(s, "lowerdir=", 9))
		return p->count ? -EINVAL : find_lower_paths(p, s + 9);
	if (!strncmp(s, "upperdir=", 9)) {
		int r = p->has_upper ? -EINVAL
				     : path_lookup(AT_FDCWD, s + 9,
						   LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p->upper);

		p->has_upper = p->has_upper || !r;
		return r;
	}
	/* Nothing is prepared outside of the upper folder, and what these choose is always on. */
	if (!strncmp(s, "workdir=", 8) || str_eq(s, "index=on") || str_eq(s, "redirect_dir=on") ||
	    str_eq(s, "xino=on") || str_eq(s, "volatile") || str_eq(s, "xino=auto") || !*s)
		return 0;
	return -EINVAL;
}

static int overlay_mount(const char *source, const char *options, struct filesystem **ret)
{
	struct overlay_options *p = kzalloc(sizeof(*p));
	char *copy = kstrdup(options), *s, *comma;
	int r = 0;

	(void)source;
	if (!p || !copy)
		r = -ENOMEM;
	for (s = copy; s && !r; s = comma) {
		comma = strchr(s, ',');
		if (comma)
			*comma++ = 0;
		r = parse_option(p, s);
	}
	if (!r && !p->count)
		r = -EINVAL;
	/* An upper folder that is read-only makes a read-only overlay of no use. */
	if (!r && p->has_upper && path_read_only(&p->upper))
		r = -EINVAL;
	if (!r)
		r = overlay_new_layers(p->lowers, p->count, p->has_upper ? &p->upper : NULL, ret);
	if (!r)
		str_copy((*ret)->options, options, sizeof((*ret)->options));
	if (p) {
		for (unsigned int k = 0; k < p->count; k++)
			path_put(&p->lowers[k]);
		if (p->has_upper)
			path_put(&p->upper);
	}
	kfree(p);
	kfree(copy);
	return r;
}

static struct fs_type overlay_type = { .name = "overlay", .mount = overlay_mount };

void overlay_init(void)
{
	fs_register(&overlay_type);
}
