/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A read-only image in a file of the host's, by blocks of 4 KiB. With a root hash, no block is seen before its way up the hash
 * tree behind the image was checked (dm-verity, format 1, SHA-256): the host can withhold data, never change it. Without,
 * contents are the host's to say, as in any folder of its.
 *
 * Layout, as `veritysetup format --hash-offset=SIZE` makes it: blocks of data, superblock of the tree (one block), hash
 * blocks, root first. Sources: the kernel's Documentation/admin-guide/device-mapper/verity.rst, and cryptsetup's wiki
 * page "DMVerity" for the superblock.
 */
#pragma once

#include "kernel/crypto/sha256.h"
#include "lib/base/types.h"

#define IMAGE_BLOCK 4096u

struct image;

/*
 * The handle is the image's on success. blocks: of data (the file system says how many); the tree begins behind them.
 * root_hash: SHA256_SIZE bytes, or NULL. -EINVAL: no tree there, or of a kind that is not ours; -EIO, -ENOMEM.
 */
must_check int image_open(int handle, uint64_t blocks, const uint8_t *root_hash,
			  struct image **ret);
void image_close(struct image *i);
uint64_t image_blocks(const struct image *i);

/* Whole blocks. -EIO: past the end, not to be had, or not what its hash says (logged with its number). */
must_check int image_read(struct image *i, uint64_t block, size_t count, void *to);

/* Bytes of metadata, through a page cache that gives way when memory is short. -EIO as above. */
must_check int image_copy(struct image *i, uint64_t offset, void *to, size_t size);

/* Not checked by anything: how the first block looks before the tree's place is known. -EINVAL: the file ends before. */
must_check int image_peek(int handle, uint64_t offset, void *to, size_t size);
