/* SPDX-License-Identifier: Apache-2.0 */
/* What hostfs.c (names, attributes, handles) and hostfs_file.c (open files and folders) share. */
#pragma once

#include "kernel/fs/file.h"

#define HOST_EMPTY_PATH \
	0x1000 /* AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT, AT_REMOVEDIR */
#define HOST_NOFOLLOW 0x100
#define HOST_NO_AUTOMOUNT 0x800
#define HOST_REMOVEDIR 0x200
#define HOST_STAT_MASK 0xfffU /* STATX_BASIC_STATS | STATX_BTIME */

struct hostfs {
	struct mutex
		lock; /* node tree (parents, names), hash, LRU, files of nodes; nothing is allocated under it */
	int root_handle;
	bool is_file, cached;
	uint64_t root_dev;
	struct list lru; /* nodes with an idle handle, oldest first */
	unsigned int idle;
	unsigned int bucket_count;
	struct list *buckets; /* nodes by (dev, ino) */
};

/* A file of the host that has an inode here: where it is, and a handle for it while that is used often. */
struct host_node {
	struct refcount refs;	  /* of its inode, and of each child node */
	struct host_node *parent; /* counted; NULL at the root */
	char *name;
	uint64_t dev, ino;   /* the host's */
	struct inode *inode; /* not counted; NULL once evicted */
	struct list hash_link, lru;
	int handle;	    /* folder: O_PATH; cached regular file: O_RDONLY; or -1 */
	unsigned int users; /* of handle */
	bool is_dir;
	struct list files; /* struct host_file: open ones */
	char *target;	   /* cached mode: symbolic link's target, once read */
};

/* An open file in uncached mode. */
struct host_file {
	struct refcount refs;
	struct list link; /* node->files */
	struct host_node *node;
	int handle[2]; /* [1] appends; -1: not open */
	bool writable;
};

/* A handle borrowed for one operation. */
struct held {
	int handle;
	struct host_node *node; /* whose cached handle it is, or */
	struct host_file *file; /* whose handle it is, or */
	bool close;		/* it is ours alone */
};

static inline struct hostfs *hostfs_of(const struct inode *i)
{
	return i->fs->private_data;
}

static inline struct host_node *node_of(const struct inode *i)
{
	return i->private_data;
}

/* Opens the node's own path below the mount; checks that it still is this file. Handle or error. */
must_check int hostfs_open_node(struct hostfs *h, struct host_node *n, int flags);
/* The node's cached handle, opened if need be; put it back. Folders and (cached mode) regular files. */
must_check int hostfs_handle_get(struct hostfs *h, struct host_node *n);
void hostfs_handle_put(struct hostfs *h, struct host_node *n);
void hostfs_file_put(struct hostfs *h, struct host_file *hf);
/* Attributes from the host into the inode. */
void hostfs_fill_inode(struct inode *i, const struct statx *st);
must_check int hostfs_refresh(struct inode *i);
/* A handle good for attributes (or, writable, for truncation), which works as long as the file is open. */
must_check int hostfs_hold(struct inode *i, bool writable, struct held *ret);
void hostfs_unhold(struct inode *i, struct held *held);
must_check int hostfs_set_mode(int handle, uint32_t mode);
/* NUL-ended copy of a name: -ENAMETOOLONG. */
must_check int hostfs_copy_name(char to[256], const char *name, size_t len);
struct host_node *hostfs_node_new(struct host_node *parent, const char *name, size_t len,
				  const struct statx *st);
struct inode *hostfs_make_inode(struct filesystem *fs, struct host_node *n, const struct statx *st);
struct list *hostfs_bucket_of(struct hostfs *h, uint64_t dev, uint64_t ino);
void hostfs_evict(struct inode *i);
/* The inode of what was just stat'ed as `name` in `parent`: the living one or a new one. */
must_check int hostfs_get_inode(struct filesystem *fs, struct host_node *parent, const char *name,
				size_t len, const struct statx *st, struct inode **ret);
must_check int hostfs_node_move(struct hostfs *h, struct host_node *n, struct host_node *parent,
				const char *name, size_t len);
uint64_t hostfs_number(const struct hostfs *h, uint64_t dev, uint64_t ino);

extern const struct file_ops hostfs_dir_ops, hostfs_cached_ops, hostfs_direct_ops;
extern const struct mapping_ops hostfs_mapping_ops;
must_check int hostfs_open(struct inode *inode, struct file *f);

/* hostfs_names.c */
must_check int hostfs_create(struct inode *dir, const char *name, size_t len, uint32_t mode,
			     uint64_t rdev, struct inode **ret);
must_check int hostfs_mkdir(struct inode *dir, const char *name, size_t len, uint32_t mode,
			    struct inode **ret);
must_check int hostfs_symlink(struct inode *dir, const char *name, size_t len, const char *target,
			      struct inode **ret);
must_check int hostfs_link(struct inode *dir, const char *name, size_t len, struct inode *target);
must_check int hostfs_unlink(struct inode *dir, const char *name, size_t len, struct inode *target);
must_check int hostfs_rmdir(struct inode *dir, const char *name, size_t len, struct inode *target);
must_check int hostfs_rename(struct inode *old_dir, const char *old, size_t old_len,
			     struct inode *what, struct inode *new_dir, const char *new,
			     size_t new_len, struct inode *replaced, unsigned int flags);
