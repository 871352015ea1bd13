/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes: the generic in-memory store of an inode, and access that goes to the file system if it has its own. */
#pragma once

#include "kernel/fs/vfs.h"

/* By the inode's own operations, or the generic store. No permission checks. Lengths, or -ENODATA, -ERANGE, ... */
must_check long inode_getxattr(struct inode *i, const char *name, void *value, size_t size);
must_check int inode_setxattr(struct inode *i, const char *name, const void *value, size_t size,
			      int flags);
must_check long inode_listxattr(struct inode *i, char *list, size_t size);
must_check int inode_removexattr(struct inode *i, const char *name);
/* Everything of `from` to `to`, except names for which skip says so. */
must_check int inode_copy_xattrs(struct inode *to, struct inode *from,
				 bool (*skip)(const char *name));
