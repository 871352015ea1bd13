/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of overlayfs share: see overlay.c for the model. */
#pragma once

#include "kernel/fs/file.h"

#define OVERLAY_LAYERS_MAX 64
#define OVERLAY_BUCKETS 4096u
#define XATTR_OVERLAY "trusted.overlay."
#define XATTR_OPAQUE "trusted.overlay.opaque"
#define XATTR_REDIRECT "trusted.overlay.redirect"
#define XATTR_NUMBER \
	"trusted.overlay.number" /* of what was copied up: its inode number from before */

struct overlay {
	struct mutex lock; /* tree of nodes (parent, name, nameless), hashes, node->inode */
	struct list *by_upper, *by_lower; /* nodes by real inode */
	struct overlay_node *root;
	struct path paths[OVERLAY_LAYERS_MAX + 1]; /* counted, of a mount by path */
	unsigned int path_count;
	struct filesystem *owned[2]; /* counted, of overlay_new_roots */
	struct filesystem *upper_fs; /* not counted; NULL: read-only */
};

/* A file as the overlay shows it: the real inodes behind it, and where it is. One per overlay inode. */
struct overlay_node {
	struct refcount refs;	     /* of its inode, of each child node, of operations */
	struct overlay_node *parent; /* counted; NULL at the root */
	char *name;
	struct inode *inode;	/* not counted; NULL once evicted */
	struct mutex copy_lock; /* copying up; removal of the name */
	struct inode *upper;	/* counted; set once */
	struct inode *
		*lowers; /* counted; folders: merged, topmost first; else what it was made from */
	unsigned int lower_count;
	unsigned int layer; /* of lowers[0] */
	struct list upper_link, lower_link;
	char *redirect; /* folder that was renamed: path of its lower part. lock */
	bool nameless;	/* (parent, name) is gone; maybe others lead here */
	bool dead;	/* no name is left */
	bool pinned;	/* holds its own inode: lower hard links lead here */
};

static inline struct overlay *overlay_of(const struct inode *i)
{
	return i->fs->private_data;
}

static inline struct overlay_node *overlay_node_of(const struct inode *i)
{
	return i->private_data;
}

static inline struct inode *upper_of(const struct overlay_node *n)
{
	return __atomic_load_n(&n->upper, __ATOMIC_ACQUIRE);
}

static inline struct inode *real_of(const struct overlay_node *n)
{
	struct inode *upper = upper_of(n);

	return upper ? upper : n->lowers[0];
}

static inline bool is_whiteout(const struct inode *i)
{
	return S_ISCHR(i->mode) && !i->rdev;
}

/* overlay.c: nodes and inodes. */
struct overlay_node *overlay_node_new(struct overlay_node *parent, const char *name, size_t len);
struct inode *overlay_make_inode(struct filesystem *fs,
				 struct overlay_node *n); /* consumes nothing on error */
struct list *overlay_bucket(struct list *table, const struct inode *real);
void overlay_evict(struct inode *i);
void overlay_node_put(struct overlay_node *n);
void overlay_publish(struct overlay *o, struct overlay_node *n, struct inode *upper);
must_check int overlay_node_move(struct overlay *o, struct overlay_node *n,
				 struct overlay_node *parent, const char *name, size_t len);
bool overlay_node_at(struct overlay *o, struct overlay_node *n, struct overlay_node *parent,
		     const char *name, size_t len);
/* Takes over the references on upper and lowers (the array is kmalloc'd), also on error. */
must_check int overlay_get_inode(struct filesystem *fs, struct overlay_node *parent,
				 const char *name, size_t len, struct inode *upper,
				 struct inode **lowers, unsigned int lower_count,
				 unsigned int layer, struct inode **ret);
uint64_t overlay_upper_number(struct overlay *o, struct inode *upper);
uint64_t overlay_lower_number(const struct inode *lower, unsigned int layer);
/* Operations on a real directory that take its lock. lookup: -ENOENT if there is nothing. */
must_check int real_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret);
must_check int real_open(struct inode *i, unsigned int flags, struct file **ret);
must_check int real_setattr(struct inode *i, const struct attributes *a);

/* overlay_copy.c */
must_check int overlay_copy_up(struct overlay *o, struct overlay_node *n);
bool overlay_private_xattr(const char *name);

/* overlay_list.c */
extern const struct file_ops overlay_dir_ops;
must_check int overlay_check_empty(struct overlay_node *n);
must_check int overlay_clear_whiteouts(struct inode *upper_dir);

/* overlay_names.c */
must_check int overlay_create(struct inode *dir, const char *name, size_t len, uint32_t mode,
			      uint64_t rdev, struct inode **ret);
must_check int overlay_mkdir(struct inode *dir, const char *name, size_t len, uint32_t mode,
			     struct inode **ret);
must_check int overlay_symlink(struct inode *dir, const char *name, size_t len, const char *target,
			       struct inode **ret);
must_check int overlay_link(struct inode *dir, const char *name, size_t len, struct inode *target);
must_check int overlay_unlink(struct inode *dir, const char *name, size_t len,
			      struct inode *target);
must_check int overlay_rmdir(struct inode *dir, const char *name, size_t len, struct inode *target);
must_check int overlay_rename(struct inode *old_dir, const char *old, size_t old_len,
			      struct inode *what, struct inode *new_dir, const char *new,
			      size_t new_len, struct inode *replaced, unsigned int flags);
must_check int overlay_tmpfile(struct inode *dir, uint32_t mode, struct inode **ret);
