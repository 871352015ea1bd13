/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of EROFS: erofs.c (inodes, data, mounting) and erofs_names.c (directories, links, attributes). */
#pragma once

#include "kernel/fs/erofs_format.h"
#include "kernel/fs/file.h"
#include "kernel/fs/image.h"
#include "kernel/fs/vfs.h"
#include "kernel/task/sync.h"

#define EROFS_BUCKETS 1024

struct erofs {
	struct image *image;
	uint32_t meta_block, xattr_block, build_time_ns;
	uint64_t root_nid, inodes, build_time;
	struct mutex lock;
	struct list buckets[EROFS_BUCKETS];
};

/* An inode of the image, decoded. place, xattrs, behind: bytes from the image's start; behind: what follows the attributes. */
struct erofs_node {
	struct list link;
	struct inode *inode; /* not counted */
	uint64_t nid, place, xattrs, behind, size;
	uint32_t xattr_size, mode, uid, gid, links;
	unsigned int layout;
	union erofs_data data;
	struct timestamp modified;
};

/* A run of pages of a file: blocks of the image, a hole, or (inside) bytes behind the inode. */
struct erofs_piece {
	uint64_t block, count;
	bool hole, inside;
};

static inline struct erofs *erofs_of(const struct inode *i)
{
	return i->fs->private_data;
}

static inline struct erofs_node *erofs_node_of(const struct inode *i)
{
	return i->private_data;
}

must_check int erofs_node_read(const struct erofs *e, uint64_t nid, struct erofs_node *ret);
must_check int erofs_read_pages(const struct erofs *e, const struct erofs_node *n, uint64_t index,
				size_t count, void *to);
must_check int erofs_inode_get(struct filesystem *fs, uint64_t nid, struct inode **ret);

extern const struct inode_ops erofs_dir_ops, erofs_file_ops;
extern const struct file_ops erofs_dir_file_ops, erofs_regular_ops;
